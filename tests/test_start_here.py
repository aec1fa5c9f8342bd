"""notebooks/start_here.ipynb: its tiny exercise, the map of the course, and that `lab` opens it."""

import re
import subprocess
import sys
from fractions import Fraction

import pytest

from coursekit import build, cli
from coursekit.checks import framework, notebook
from coursekit.checks.server import local_student

PAGE = build.root() / "notebooks" / "start_here.ipynb"


def judged(hours):
    report = framework.judge(framework.get_exercise("00s.1"), local_student({"hours": hours}))
    return report.status, report.score, report.findings[0].code


@pytest.mark.parametrize("hours", [7.5, 5 * 90 / 60, 5 * 1.5])
def test_right_answers(hours):
    assert judged(hours) == ("passed", 1, "hours")


@pytest.mark.parametrize(
    "hours, code",
    [
        (450, "minutes"),
        (1.5, "one-session"),
        (90, "minutes-of-one"),
        (7.3, "hours-and-minutes"),
        (11, "another"),
        ("7.5", "wrong-type"),
        ((7, 5), "wrong-shape"),
        (Fraction(15, 2), "wrong-type"),
        (None, "none"),
    ],
)
def test_wrong_answers(hours, code):
    assert judged(hours) == ("failed", 0, code)


@pytest.mark.parametrize(
    "hours, said", [((7, 5), "with a point"), ("7.5", "quotation marks"), (Fraction(15, 2), "float")]
)
def test_a_number_in_another_form_is_told_its_form(hours, said):
    report = framework.judge(framework.get_exercise("00s.1"), local_student({"hours": hours}))
    assert said in report.findings[0].message, report


def test_nothing_done_yet():
    assert judged(...)[0] == "not attempted"


def test_its_points_count_for_nothing():
    assert "00s" not in framework.notebooks() and "00s.1" not in str(notebook.Progress({}))
    assert notebook.Progress({}).next().id == "00.1"


def test_it_loads_no_tensorflow(tmp_path):
    heavy = "('tensorflow', 'keras', 'sklearn', 'matplotlib')"
    code = (
        f"import sys, coursekit as ck; print(ck.check('00s.1', 7.5).passed, [m for m in {heavy} if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=build.root(), env={"COURSEKIT_HOME": str(tmp_path)}
    )
    assert done.stdout.strip() == "True []", done.stderr


def test_it_runs_untouched(tmp_path, monkeypatch):
    from coursekit.run import execute

    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path))
    done = execute(PAGE)
    assert not done.error and [check["status"] for check in done.checks] == ["not attempted"]


def test_the_map_names_every_notebook_with_its_time():
    table = build.course_map(build.root())
    for source in build.sources():
        if source.stem[0].isdigit():
            assert re.search(rf"\| \[.+\]\({source.stem}\.ipynb\) \| \d+ minutes in \d sessions \|", table), source.stem


def test_the_map_of_progress_leads_to_the_notebooks(monkeypatch):
    monkeypatch.chdir(build.root() / "notebooks")
    shown = notebook.Progress({})._repr_html_()
    assert re.search('<a href="00_one_neuron.ipynb"[^>]*>00 · One neuron, trained by hand</a>', shown)
    assert re.search('Next: <a href="00_one_neuron.ipynb"[^>]*>00.1', shown) and "minutes in 4 sessions" in shown
    monkeypatch.chdir("/")
    assert "href" not in notebook.Progress({})._repr_html_()


def test_lab_opens_it(monkeypatch):
    called = []
    monkeypatch.chdir(build.root())
    monkeypatch.setattr(cli.bootstrap, "hand_over", lambda command: called.append(command) or 0)
    monkeypatch.setattr(cli, "_quiet_lab", lambda: None)
    assert cli.lab(cli.parse(["lab", "--", "--allow-root"])) == 0
    assert "--LabApp.default_url=/lab/tree/notebooks/start_here.ipynb" in called[0] and PAGE.exists()
