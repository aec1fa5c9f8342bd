"""nbgrader takes our notebooks, and its gradebook gets the points of our checks, partial ones too."""

import contextlib
import copy
import io
import logging
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import nbformat
import pytest

import coursekit as ck
from coursekit.build import root
from coursekit.checks.notebook import CheckFailed
from coursekit.checks.report import NOT_ATTEMPTED, PASSED, Report, grader

COURSE = Path(__file__).parent / "fixture_course"
NAME = "90_springs"
real = pytest.mark.skipif(find_spec("nbgrader") is None, reason="nbgrader is not installed (extra `nbgrader`)")
needs_nbgrader = [real, pytest.mark.slow, pytest.mark.xdist_group("nbgrader")]


# What `check` and its report do where a grader is at work; nbgrader itself is not needed for these.


@pytest.fixture
def under(monkeypatch):
    """Set the variables of a grader: "autograde", "validate", "coursekit" or "" for none."""

    def set_variables(name):
        for variable in ("NBGRADER_EXECUTION", "NBGRADER_VALIDATING", "COURSEKIT_GRADING"):
            monkeypatch.delenv(variable, raising=False)
        if name == "coursekit":
            monkeypatch.setenv("COURSEKIT_GRADING", "1")
        elif name:
            monkeypatch.setenv("NBGRADER_EXECUTION", name)
        if name == "validate":
            monkeypatch.setenv("NBGRADER_VALIDATING", "1")

    for name in ("COURSEKIT_MODE", "COURSEKIT_LOG"):
        monkeypatch.delenv(name, raising=False)
    return set_variables


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def plain_text(report):
    """What IPython puts into text/plain."""
    from IPython.lib.pretty import pretty

    return pretty(report)


GOOD = ([[1, 1], [1, 1]], [0, -1], [1, -2], 0)
WRONG = ([[1, 1], [1, 1]], [0, -1], [1, -2], 5)


@pytest.mark.parametrize("name", ["", "autograde", "validate", "coursekit"])
def test_grader_says_who_is_at_work(under, name):
    under(name)
    assert grader() == name


@pytest.mark.parametrize("name", ["autograde", "validate"])
@pytest.mark.parametrize(
    "score, text", [(2.0, "2"), (0.0, "0"), (0.1 + 0.2, "0.3"), (2 / 3, "0.666667"), (1.9999999999, "2")]
)
def test_under_nbgrader_the_plain_text_is_the_score(under, name, score, text):
    report = Report("00.1", "A title", PASSED if score == 2 else NOT_ATTEMPTED, score, 2.0)
    assert "A title" in plain_text(report)
    under(name)
    assert plain_text(report) == text
    assert "A title" in report._repr_html_() and "A title" in str(report)


def test_autograde_reports_a_failed_check_and_keeps_no_record(under, home):
    under("autograde")
    report = ck.check("01.2", WRONG)
    assert not report.passed and float(plain_text(report)) == report.score < report.points
    assert float(plain_text(ck.check("01.2", GOOD))) == ck.check("01.2", GOOD).points
    assert plain_text(ck.check("99.9", 1)) == "0"
    assert not home.exists()  # the instructor's own progress


@pytest.mark.parametrize("answer", [WRONG, ...])
def test_validate_raises_with_the_findings_only(under, home, answer):
    under("validate")
    with pytest.raises(CheckFailed) as caught:
        ck.check("01.2", answer)
    lines = caught.value._render_traceback_()
    assert lines[0].startswith("01.2 ") and max(map(len, lines)) <= 84
    assert "Traceback" not in "\n".join(lines)
    assert ck.check("01.2", GOOD).passed


def test_a_right_answer_that_writes_to_the_error_stream(under, home, capfd, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    log = logging.Logger("student")
    log.addHandler(logging.StreamHandler(stream))

    def neuron(x, w, b):
        print("printed", file=sys.stderr)
        log.warning("logged")
        os.write(2, b"written to the descriptor\n")
        return w * x + b

    for name in ("", "autograde", "validate"):
        under(name)
        stream.truncate(0)
        stream.seek(0)
        with contextlib.suppress(CheckFailed):
            report = ck.check("00.1", neuron=neuron, mse=..., closed_form=...)
            assert report.status == NOT_ATTEMPTED
        written = stream.getvalue() + capfd.readouterr().err
        assert bool(written) == (name == "")
    stream.write("the stream works again")
    assert stream.getvalue()


def test_coursekit_grade_loads_no_check_in_the_students_process():
    code = (
        "import sys, coursekit as ck\n"
        "cards = [ck.check('00.1', 1), ck.check('no such', a=2), ck.hint('00.1'), ck.expected('00.1'), ck.progress()]\n"
        "texts = [text for card in cards for text in (str(card), card._repr_html_())]\n"
        "assert all('The grader judges this exercise.' in text for text in texts)\n"
        "print([name for name in sys.modules if name.startswith('coursekit.exercises')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"COURSEKIT_GRADING": "1"}, capture_output=True, text=True
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


# The real nbgrader, over the tests' course.

CONFIG = "from coursekit.nbgrader import configure\nconfigure(get_config(), timeout=120)\n"
SETUP = "import os, sys, time, logging, warnings\n"
LINE = "def line(x, w, b):\n    return w * x + b\n"
LOSS = "def loss(y, p):\n    return np.mean((p - y) ** 2)\n"
NUMBERS = "shift = length - length.mean()\nwords = {'stiff': 'flat', 'soft': 'steep'}\n"
MODEL = "from sklearn.linear_model import LinearRegression\nmodel = LinearRegression().fit(mass[:, None], length)\n"
PORTIONS = (
    "def portions(n, size, seed):\n    order = np.random.default_rng(seed).permutation(n)\n"
    "    return [order[i:i + size] for i in range(0, n, size)]\n"
)
LOUD = SETUP + (
    "def sigmoid(z):\n    print('printed', file=sys.stderr)\n    warnings.warn('warned')\n"
    "    logging.warning('logged')\n    os.write(2, b'written')\n    return 1 / (1 + np.exp(-np.clip(z, -700, 700)))\n"
)


@pytest.fixture
def the_tests_course(monkeypatch):
    monkeypatch.setenv("COURSEKIT_COURSE", str(COURSE))


def answer_cells(notebook, part):
    start = f"answer-90-{part}-"
    return [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id", "").startswith(start)]


def fill(notebook, **answers):
    """A copy of a notebook with other answers: exercise "e2" -> the sources of its answer cells, in order."""
    notebook = copy.deepcopy(notebook)
    for key, sources in answers.items():
        for cell, source in zip(answer_cells(notebook, key[1:]), sources, strict=True):
            cell.source = source
    return notebook


def graded(notebook, id):
    (cell,) = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == id]
    return cell


def without(notebook, id):
    notebook.cells.remove(graded(notebook, id))
    return notebook


def edited(notebook, id, source):
    graded(notebook, id).source = source
    return notebook


def copied(notebook, id):
    cell = copy.deepcopy(graded(notebook, id))
    cell.id = "a-copy"
    notebook.cells.insert(0, cell)
    return notebook


def submissions(release):
    """Student -> notebook."""
    solved = fill(release, e1=[LINE, LOSS], e2=[NUMBERS, MODEL])
    return {
        "untouched": release,
        "solution": nbformat.read(COURSE / "solutions" / f"{NAME}.ipynb", as_version=4),
        "half": fill(
            release, e1=[LINE, "def loss(y, p):\n    return 1.0\n"], e3=[PORTIONS, "def sigmoid(z):\n    return z\n"]
        ),
        "crash": fill(release, e1=["raise ValueError('mine')", LOSS], e2=[NUMBERS, MODEL], e3=[PORTIONS, LOUD]),
        # The first check is copied, the second deleted, and the third, which has no answer, shows a number.
        "tampered": edited(without(copied(solved, "check-90-1"), "check-90-2"), "check-90-3", "3"),
        "exits": fill(release, e1=[LINE, LOSS], e2=[SETUP + "os._exit(0)", MODEL]),
    }


# The cells sleep and do not spin, so that the wait costs no processor time: the first while it is asked by the check.
LOOPS = {
    "e1": [SETUP + LINE.replace("return w", "while True:\n        time.sleep(0.1)\n    return w"), LOSS],
    "e2": [NUMBERS, MODEL],
    "e3": ["while True:\n    time.sleep(0.1)", LOUD],
}


def path():
    """nbgrader calls `alembic` by its name: the folder of this Python's own programs comes first."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


def start(course, *arguments):
    """Start nbgrader in a course's folder."""
    environment = os.environ | {
        "PATH": path(),
        "PYTHONPATH": str(root()),
        "COURSEKIT_HOME": str(course / "home"),
        "COURSEKIT_COURSE": str(COURSE),
        "JUPYTER_CONFIG_DIR": str(course / "config"),
    }
    for name in ("COURSEKIT_MODE", "COURSEKIT_LOG", "COURSEKIT_GRADING"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "nbgrader", *map(str, arguments)]
    said = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=course, env=environment, **said)


def finish(process):
    said, errors = process.communicate(timeout=400)
    return subprocess.CompletedProcess(process.args, process.returncode, said, errors)


def nbgrader(course, *arguments):
    return finish(start(course, *arguments))


def hand_in(course, notebooks):
    for student, notebook in notebooks.items():
        folder = course / "submitted" / student / "ps"
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / f"{NAME}.ipynb")


def marks(course, student):
    """Exercise -> score, from nbgrader's gradebook; None where nothing was marked."""
    from nbgrader.api import Gradebook

    with mock.patch.dict(os.environ, PATH=path()), Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        grades = gradebook.find_submission_notebook(NAME, "ps", student).grades
        return {grade.name.removeprefix("check-").replace("-", "."): grade.auto_score for grade in grades}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course's folder after `generate_assignment` and one `autograde` of everybody."""
    folder = tmp_path_factory.mktemp("nbgrader")
    (folder / "nbgrader_config.py").write_text(CONFIG)
    for assignment in ("ps", "plain"):
        (folder / "source" / assignment).mkdir(parents=True)
        shutil.copy(COURSE / "notebooks" / f"{NAME}.ipynb", folder / "source" / assignment)
    done = nbgrader(folder, "generate_assignment", "ps")
    assert done.returncode == 0, done.stderr
    release = nbformat.read(folder / "release" / "ps" / f"{NAME}.ipynb", as_version=4)
    hand_in(folder, submissions(release))
    done = nbgrader(folder, "autograde", "ps")
    (folder / "autograde.log").write_text(done.stderr)
    return folder


@pytest.fixture(scope="module")
def later(course):
    """What nbgrader says when it validates three students and marks one who loops; all at once, as the loops wait."""
    release = nbformat.read(course / "release" / "ps" / f"{NAME}.ipynb", as_version=4)
    hand_in(course, {"loops": fill(release, **LOOPS)})
    started = {"loops": start(course, "autograde", "ps", "--student=loops", "--Execute.timeout=8")}
    for student in ("untouched", "half", "solution"):
        started[student] = start(course, "validate", Path("submitted", student, "ps", f"{NAME}.ipynb"))
    return {student: finish(process) for student, process in started.items()}


def sources(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


class TestRealNbgrader:
    pytestmark = needs_nbgrader

    def test_without_our_settings_nbgrader_writes_over_the_stubs(self, course):
        done = nbgrader(course, "generate_assignment", "plain", "--ClearSolutions.enabled=True")
        assert done.returncode == 0, done.stderr
        text = "\n".join(sources(course / "release" / "plain" / f"{NAME}.ipynb"))
        assert "raise NotImplementedError()" in text and "def line" not in text

    def test_the_release_is_the_student_notebook_with_locked_checks(self, course):
        release = course / "release" / "ps" / f"{NAME}.ipynb"
        assert sources(release) == sources(COURSE / "notebooks" / f"{NAME}.ipynb")
        cells = [c for c in nbformat.read(release, as_version=4).cells if "nbgrader" in c.metadata]
        assert all(cell.metadata.nbgrader.checksum and cell.metadata.deletable is False for cell in cells)
        checks = [cell for cell in cells if cell.metadata.nbgrader.grade]
        assert len(checks) == 3 and all(cell.metadata.editable is False for cell in checks)
        ids = [cell.metadata.nbgrader.grade_id for cell in cells]
        assert len(set(ids)) == len(ids)

    @pytest.mark.parametrize(
        "student, expected",
        [
            ("untouched", {}),
            ("solution", {"90.1": 2, "90.2": 3, "90.3": 4}),
            ("half", {"90.1": 1, "90.3": 2}),
            ("crash", {"90.2": 3, "90.3": 4}),
            ("tampered", {"90.1": 2, "90.2": 3}),
        ],
    )
    def test_marks(self, course, student, expected):
        assert marks(course, student) == {f"90.{part}": expected.get(f"90.{part}", 0) for part in range(1, 4)}

    @pytest.mark.parametrize("part, asked", [(1, ("line", "loss")), (3, ("portions", "sigmoid"))])
    def test_partial_points_are_those_of_the_check(self, course, part, asked, the_tests_course):
        names = {}
        notebook = nbformat.read(course / "submitted" / "half" / "ps" / f"{NAME}.ipynb", as_version=4)
        exec("import numpy as np\n" + "\n".join(cell.source for cell in answer_cells(notebook, part)), names)
        report = ck.check(f"90.{part}", *(names[name] for name in asked))
        assert 0 < report.score < report.points
        assert marks(course, "half")[f"90.{part}"] == pytest.approx(report.score)

    def test_a_kernel_that_ends_leaves_no_mark_and_the_others_go_on(self, course):
        assert not (course / "autograded" / "exits" / "ps").exists()
        assert "DeadKernelError" in (course / "autograde.log").read_text()
        assert set(marks(course, "exits").values()) == {None}
        assert None not in marks(course, "untouched").values()  # comes after "exits" in the alphabet

    def test_endless_loops_end_at_the_limit(self, course, later):
        assert later["loops"].returncode == 0, later["loops"].stderr
        assert marks(course, "loops") == {"90.1": 0, "90.2": 3, "90.3": 0}

    @pytest.mark.parametrize(
        "student, failures, words",
        [
            ("untouched", 3, "not attempted (0 of 2 points)"),
            ("half", 3, "failed (1 of 2 points)"),
            ("solution", 0, "passes all the tests"),
        ],
    )
    def test_validate(self, later, student, failures, words):
        done = later[student]
        assert done.returncode == 0 and words in done.stdout
        assert done.stdout.count("The following cell failed:") == failures
        assert "Traceback" not in done.stdout and "coursekit/" not in done.stdout
