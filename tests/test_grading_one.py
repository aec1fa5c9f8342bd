"""One hand-in at a time: Gradescope's zip with its own scripts, and the summary of a workflow's job."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml

from coursekit.bootstrap import ROOT
from coursekit.grading import one, sandbox
from coursekit.grading.sandbox import rights

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("one"),
    pytest.mark.skipif(bool(sandbox.missing()), reason="; ".join(sandbox.missing()) or "the sandbox works"),
]
COURSE = Path(__file__).parent / "fixture_course"
NAME = "90_springs.ipynb"


@pytest.fixture
def course(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    folder = shutil.copytree(COURSE, tmp_path / "course")
    monkeypatch.setenv("COURSEKIT_COURSE", str(folder))
    return folder


def solution(*more, replaced=()):
    notebook = nbformat.read(COURSE / "solutions" / NAME, as_version=4)
    for cell in notebook.cells:
        for old, new in replaced:
            cell.source = cell.source.replace(old, new)
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in more]
    return nbformat.writes(notebook)


@pytest.fixture
def container(course, tmp_path):
    """What Gradescope makes of the zip: source/, with the two scripts, submission/ and results/."""
    one.pack("90", tmp_path / "autograder.zip")
    root = tmp_path / "autograder"
    for name in ("source", "submission", "results"):
        (root / name).mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "autograder.zip") as archive:
        archive.extractall(root / "source")
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    for name in ("setup.sh", "run_autograder"):
        assert modes[name] == 0o755
        (root / "source" / name).chmod(0o755)
        assert subprocess.run(["bash", "-n", root / "source" / name]).returncode == 0
    names = {path.relative_to(root / "source").parts[0] for path in (root / "source").rglob("*")}
    assert not names & {"solutions", "tests", "course"} and {"coursekit", "data", "notebooks"} <= names

    def run(**files):
        for name, text in files.items():
            (root / "submission" / name.replace("__", ".")).write_text(text, encoding="utf-8")
        environment = {**os.environ, "AUTOGRADER": str(root), "COURSE_PYTHON": sys.executable}
        environment.pop("PYTHONPATH", None)
        script = root / "source" / "run_autograder"
        done = subprocess.run([script], env=environment, capture_output=True, text=True, timeout=300)
        path = root / "results" / "results.json"
        return done, json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    return run


def test_gradescope_gets_points_feedback_and_hidden_notes(container):
    wrong = solution(
        replaced=[("return np.mean((prediction - y) ** 2)", "return 0 * prediction"), ("loss=loss", "loss=loss, y=1")]
    )
    done, said = container(**{"my work (1)__ipynb": wrong})
    assert done.returncode == 0, done.stderr
    visible = {test["name"]: test for test in said["tests"] if test["visibility"] == "visible"}
    assert [test["max_score"] for test in visible.values()] == [2, 3, 4]
    assert [test["score"] for test in visible.values()] == [1, 3, 4]
    assert "✗" in visible["90.1 A line, and how wrong it is"]["output"]
    assert "score" not in said and said["output"] == ""


def test_files_that_canvas_named_are_one_student_s(course, tmp_path):
    """One's own file and the partner's, as they were downloaded."""
    (tmp_path / "in").mkdir()
    for name in ("anna_11_21_", "ben_12_22_"):
        (tmp_path / "in" / f"{name}{NAME}").write_text(solution(), encoding="utf-8")
    result = one.grade_one(tmp_path / "in", "90")
    assert result.status == "graded" and sum(report.score for report in result.reports.values()) == 9


def test_what_is_no_notebook_gets_a_sentence(container):
    done, said = container(work__py="x = 1")
    assert done.returncode in (0, 2)
    assert "Python script" in said["output"] or "no notebook" in said["output"], said
    assert not any(test["score"] for test in said.get("tests", ()) if "score" in test)


def test_without_namespaces_the_code_runs_as_a_user_without_rights(tmp_path, monkeypatch):
    if os.geteuid():
        pytest.skip("only a superuser can give a submission another user")
    checks, results = tmp_path / "exercises", tmp_path / "results"
    for folder in (checks, results):
        folder.mkdir(mode=0o700)
    tmp_path.chmod(0o755)

    def look():
        if not os.getuid() or not os.access(".", os.W_OK):
            return 1
        for folder in (checks, results):
            with contextlib.suppress(PermissionError):
                os.listdir(folder)
                return 2
            with contextlib.suppress(PermissionError):
                (folder / "written").write_text("x")
                return 3
        return 0

    said = sandbox.start({"probe": b"1"}, look, unsafe="user")
    if said.error:  # Python stands in a folder of the superuser's alone
        assert "not readable by every user" in said.error and said.wait(10)
        monkeypatch.setattr(rights, "check_readable", lambda paths: None)
        said = sandbox.start({"probe": b"1"}, look, unsafe="user")
    assert said.wait(20) == "exit 0", said.error


def test_the_summary_of_a_job_is_text_in_markdown(course, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    text = solution(replaced=[("def sigmoid(z):", "def sigmoid(z):\n    raise ValueError('```<script>')")])
    (tmp_path / "in" / NAME).write_text(text, encoding="utf-8")
    page = tmp_path / "summary.md"
    arguments = [str(tmp_path / "in"), "--notebook", "90", "--summary", str(page)]
    assert one.main(arguments) == 0
    assert one.main([*arguments, "--strict"]) == 1
    said = page.read_text(encoding="utf-8")
    assert said.startswith("# 90_springs: 7 of 9 points") and "✗ 90.3" in said and "✓ 90.1" in said
    assert said.count("```") % 2 == 0 and "```<script>" not in said
    assert one.main([str(tmp_path / "in"), "--notebook", "77"]) == 2
    assert "no notebook '77'" in capsys.readouterr().err


def test_the_workflow_for_classrooms_is_one_and_names_what_there_is():
    text = (ROOT / "docs" / "classroom.yml").read_text(encoding="utf-8")
    steps = yaml.safe_load(text)["jobs"]["check"]["steps"]
    assert any(
        "coursekit.grading.one" in step.get("run", "") and "GITHUB_STEP_SUMMARY" in step["run"] for step in steps
    )
