"""A class is graded from end to end: marks, recovery, transcripts, many workers, many machines, bad commands."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from functools import partial
from io import StringIO
from pathlib import Path

import nbformat
import psutil
import pytest
from rich.console import Console

from coursekit import build, place
from coursekit.bootstrap import ROOT
from coursekit.checks import framework
from coursekit.grading import grade as grading
from coursekit.grading import sandbox, tasks
from coursekit.grading.command import main
from coursekit.grading.intake import submissions
from coursekit.grading.plan import course
from coursekit.grading.run import job as jobs
from coursekit.grading.sandbox import runner

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("grading"),
    pytest.mark.skipif(bool(sandbox.missing()), reason="; ".join(sandbox.missing()) or "the sandbox works"),
]
COURSE = Path(__file__).parent / "fixture_course"
NAME = "90_springs.ipynb"
SOLUTION, STUDENT = COURSE / "solutions" / NAME, COURSE / "notebooks" / NAME
POINTS = {"90.1": 2, "90.2": 3, "90.3": 4}


@pytest.fixture(scope="module", autouse=True)
def the_tests_course():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSEKIT_COURSE", str(COURSE))
        yield


def changed(path, **sources):
    """A notebook with the last answer cell of some exercises replaced: ``e90_1="x = 1"`` stands for 90.1."""
    notebook = nbformat.read(path, as_version=4)
    for name, source in sources.items():
        prefix = f"answer-{name[1:].replace('_', '-')}-"
        cells = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id", "").startswith(prefix)]
        cells[-1].source = source
    return nbformat.writes(notebook)


def hand_in(folder, students):
    for name, text in students.items():
        (folder / name).mkdir(parents=True)
        (folder / name / NAME).write_text(text, encoding="utf-8")
    return folder


def command(handed_in, out, *more, **options):
    arguments = [sys.executable, "-m", "coursekit", "grade", str(handed_in), "--out", str(out), "--seed", "7", *more]
    return subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def finish(process, seconds=240):
    said, _ = process.communicate(timeout=seconds)
    return process.returncode, said


def load(path):
    """A result as it stands in its file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def results(out):
    return {r["student"]: r for path in sorted((out / "results").glob("*.json")) if (r := load(path))}


def verdicts(result):
    """What must not change from run to run: everything but the clock."""
    return {
        id: (report["status"], report["score"], [(f["code"], f["passed"]) for f in report["findings"]], report["seed"])
        for id, report in result["reports"].items()
    }


def descendants(process):
    return psutil.Process(process.pid).children(recursive=True)


@pytest.fixture(scope="module")
def class_of_five(tmp_path_factory):
    right = SOLUTION.read_text(encoding="utf-8")
    return hand_in(
        tmp_path_factory.mktemp("class"),
        {
            "anna": right,
            "ben": STUDENT.read_text(encoding="utf-8"),
            "cleo": changed(SOLUTION, e90_3="def sigmoid(z):\n    return z"),
            "dina": changed(SOLUTION, e90_2="raise RuntimeError('not today')"),
            "emil": right,
        },
    )


@pytest.fixture(scope="module")
def graded(class_of_five, tmp_path_factory):
    out = tmp_path_factory.mktemp("graded")
    code, said = finish(command(class_of_five, out, "--workers", "1"))
    assert code == 0, said
    return out


def test_marks_are_what_the_work_deserves(graded):
    found = results(graded)
    assert {name: result["status"] for name, result in found.items()} == dict.fromkeys(
        ("anna", "ben", "cleo", "dina", "emil"), "graded"
    )
    assert {id: report["score"] for id, report in found["anna"]["reports"].items()} == POINTS
    assert {report["status"] for report in found["ben"]["reports"].values()} == {"not attempted"}
    assert found["cleo"]["reports"]["90.3"]["status"] == "failed"
    assert found["cleo"]["reports"]["90.3"]["score"] == 2  # its other function is right
    assert found["cleo"]["reports"]["90.1"]["status"] == "passed"
    # A cell that fails does not stop the next: what does not need it is judged as ever.
    assert found["dina"]["reports"]["90.1"]["status"] == found["dina"]["reports"]["90.3"]["status"] == "passed"
    assert found["dina"]["reports"]["90.2"]["status"] != "passed"
    failing = [cell for cell in found["dina"]["cells"] if cell["status"] == "error"]
    assert any("not today" in output.get("text", "") for cell in failing for output in cell["outputs"])


def test_every_student_has_inputs_of_their_own(graded):
    seeds = [result["reports"]["90.1"]["seed"] for result in results(graded).values()]
    assert len(set(seeds)) == len(seeds)


def test_another_version_is_asked_something_else(tmp_path):
    """What a student learns of the inputs, from a page or a message, is of no use in the next hand-in."""

    def seed(text):
        (handed,) = submissions.read(hand_in(tmp_path / secrets.token_hex(4), {"anna": text}))
        notebook = course.load_all()["90"]
        task = tasks.Task(handed, notebook, 7, tmp_path / "results" / "anna--90.json", tasks.Settings(), "")
        return tasks.describe(task)[1].result.seed

    text = SOLUTION.read_text(encoding="utf-8")
    assert seed(text) == seed(text) != seed(changed(SOLUTION, e90_2="numbers = [0.3]"))


def test_no_student_is_told_the_seed(graded):
    found = results(graded).values()
    seeds = [str(seed) for one in found for seed in (one["seed"], one["reports"]["90.1"]["seed"])]
    pages = "".join(path.read_text(encoding="utf-8") for path in (graded / "feedback").iterdir())
    assert not [seed for seed in seeds if seed in pages]


def test_pages_and_tables_are_written(graded):
    assert len(list((graded / "feedback").glob("*.html"))) >= 5
    lines = (graded / "gradebook.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 6 and lines[0].startswith("student,")
    assert "data:image/png" in "".join(path.read_text(encoding="utf-8") for path in (graded / "feedback").glob("anna*"))
    assert (graded / "class.html").stat().st_size > 1000


def test_grading_again_runs_nothing(class_of_five, graded):
    before = {path: path.stat().st_mtime_ns for path in (graded / "results").glob("*.json")}
    code, said = finish(command(class_of_five, graded))
    assert code == 0, said
    assert {path: path.stat().st_mtime_ns for path in (graded / "results").glob("*.json")} == before


def test_a_spoiled_hand_in_loses_its_mark_and_one_taken_back_is_named(class_of_five, once_more, tmp_path):
    folder = shutil.copytree(class_of_five, tmp_path / "class")
    (folder / "anna" / NAME).write_text(SOLUTION.read_text(encoding="utf-8")[:500])
    shutil.rmtree(folder / "ben")
    said = StringIO()
    assert main(Console(file=said), folder, once_more, settings=tasks.Settings(), seed=7) == 0
    assert results(once_more)["anna"]["status"] == "unreadable"
    assert "Results of earlier hand-ins stand in the tables too: ben--90." in said.getvalue()
    assert "too: ben--90." in (once_more / "class.html").read_text(encoding="utf-8")


def test_one_worker_or_three_same_marks(class_of_five, graded, tmp_path):
    code, said = finish(command(class_of_five, tmp_path, "--workers", "3"))
    assert code == 0, said
    again = results(tmp_path)
    assert {n: verdicts(r) for n, r in again.items()} == {n: verdicts(r) for n, r in results(graded).items()}


@pytest.fixture
def control_c_is_heard():
    """A shell starts what runs in its background deaf to control-C, and so would be all that the tests start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("control_c_is_heard")
def test_stopped_three_times_nothing_is_lost_or_marked_twice(class_of_five, graded, tmp_path):
    """Killed, ended by control-C and killed again; each time what runs below it ends too.

    A sixth student, whose cell sleeps, keeps the grader at work until it is stopped.
    """
    handed_in = shutil.copytree(class_of_five, tmp_path / "class")
    source = "import time\n\ntime.sleep(4)\n\n\ndef sigmoid(z):\n    return z"
    hand_in(handed_in, {"finn": changed(SOLUTION, e90_3=source)})
    kept = {}
    for wanted, stop in ((1, signal.SIGKILL), (2, signal.SIGINT), (4, signal.SIGKILL)):
        process = command(handed_in, tmp_path, "--workers", "1")
        end = time.monotonic() + 120
        while len(list((tmp_path / "results").glob("*.json"))) < wanted and time.monotonic() < end:
            time.sleep(0.02)
        below = descendants(process)
        process.send_signal(stop)
        code, said = finish(process, 60)
        if stop == signal.SIGINT:
            assert code == 130 and "the same command goes on" in said and "Traceback" not in said, said
        _, alive = psutil.wait_procs(below, timeout=10)
        assert not alive, "the processes below the grader outlived it"
        there = {path.name: path.read_bytes() for path in (tmp_path / "results").glob("*.json")}
        assert len(there) >= wanted
        assert {name: there[name] for name in kept} == kept, "what was done is done: no file was written again"
        kept = there
    code, said = finish(command(handed_in, tmp_path))
    assert code == 0, said
    found = {name: verdicts(r) for name, r in results(tmp_path).items()}
    assert found.pop("finn")
    assert found == {name: verdicts(r) for name, r in results(graded).items()}


@pytest.fixture
def once_more(graded, tmp_path):
    """A copy of what was graded, to be changed."""
    return shutil.copytree(graded, tmp_path / "copy")


def test_a_changed_check_is_judged_again_without_running(class_of_five, graded, once_more):
    path = next((once_more / "results").glob("anna*"))
    result = load(path)
    # As if another version of the checks had given nothing.
    result["key"] = "of other checks"
    result["reports"]["90.1"]["score"] = 0.0
    result["seconds"] = 12345.0
    path.write_text(json.dumps(result), encoding="utf-8")
    code, said = finish(command(class_of_five, once_more))
    assert code == 0, said
    again = load(path)
    assert again["reports"]["90.1"]["score"] == POINTS["90.1"]
    assert again["seconds"] == 12345.0, "the submission itself was not run again"
    assert again["key"] == results(graded)["anna"]["key"], "the next command has nothing to do"
    assert verdicts(again) == verdicts(results(graded)["anna"])


def test_a_judge_that_fails_gives_no_mark_at_all(tmp_path, monkeypatch):
    one = hand_in(tmp_path / "one", {"anna": STUDENT.read_text(encoding="utf-8")})
    monkeypatch.setattr(jobs, "write", lambda path, box, job: Path(path))  # the judge finds no job
    (summary,) = grading.grade(one, tmp_path / "out", seed=7)
    assert summary.status == "grader-failed"
    assert results(tmp_path / "out")["anna"]["reports"] == {}


def test_a_transcript_that_cannot_be_written_costs_no_mark(tmp_path):
    one = hand_in(tmp_path / "one", {"anna": SOLUTION.read_text(encoding="utf-8")})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "transcripts").write_text("a file where a folder belongs")
    (summary,) = grading.grade(one, tmp_path / "out", seed=7)
    assert summary.status == "graded" and not summary.flags
    assert {id: report.score for id, report in summary.reports.items()} == POINTS


def test_over_a_cluster_one_worker_killed(class_of_five, graded, tmp_path):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        pids = [worker.pid for worker in cluster.workers.values()]
        process = command(class_of_five, tmp_path, "--scheduler", cluster.scheduler_address)
        while len(list((tmp_path / "results").glob("*.json"))) < 1 and process.poll() is None:
            time.sleep(0.05)
        os.kill(pids[0], signal.SIGKILL)
        code, said = finish(process)
    assert code == 0, said
    assert {name: verdicts(r) for name, r in results(tmp_path).items()} == {
        name: verdicts(r) for name, r in results(graded).items()
    }
    assert all(list(folder.glob("*.gz")) for folder in (tmp_path / "transcripts").iterdir())


def empty_zip(folder):
    with zipfile.ZipFile(folder / "empty.zip", "w"):
        pass
    return [folder / "empty.zip"]


def a_file_in_the_way(folder):
    (folder.parent / "out").write_text("")
    return [STUDENT]


def a_folder_in_the_way(name, folder):
    (folder.parent / "out" / name).mkdir(parents=True)
    return [STUDENT]


# What is handed in and what else the command is given, and what it must say.
BAD = {
    "nowhere": (lambda folder: [folder / "nowhere"], "There is no"),
    "nothing": (lambda folder: [folder], "is empty"),
    "empty zip": (empty_zip, "is empty"),
    "no such notebook": (lambda folder: [STUDENT, "--notebook", "77"], "There is no notebook 77"),
    "no rules": (lambda folder: [STUDENT, "--rules", folder / "none.toml"], "There is no file"),
    "no scheduler": (lambda folder: [STUDENT, "--scheduler", "tcp://127.0.0.1:9"], "No scheduler answers"),
    "odd timeout": (lambda folder: [STUDENT, "--timeout", "soon"], "--timeout"),
    "no workers": (lambda folder: [STUDENT, "--workers", "0"], "--workers"),
    "endless timeout": (lambda folder: [STUDENT, "--timeout", "inf"], "too large"),
    "endless cell": (lambda folder: [STUDENT, "--cell-timeout", "1e300"], "too large"),
    "endless memory": (lambda folder: [STUDENT, "--memory", "99999999999999"], "too large"),
    "endless workers": (lambda folder: [STUDENT, "--workers", "1000000"], "too large"),
    "unwritable": (a_file_in_the_way, "cannot be written"),
    "folder for a result": (partial(a_folder_in_the_way, "results/springs--90.json"), "is a folder"),
    "folder for the seed": (partial(a_folder_in_the_way, "seed.json"), "is a folder"),
    "results among the submissions": (lambda folder: [folder, "--out", folder], "holds the submissions"),
}


@pytest.fixture(scope="module", autouse=True)
def refused(the_tests_course, tmp_path_factory):
    """The bad commands, which run at once, and beside the first tests: one waits long for an answer."""
    started = {}
    for name, (what, _) in BAD.items():
        folder = tmp_path_factory.mktemp("bad") / "handed in"
        folder.mkdir()
        arguments = map(str, what(folder))
        started[name] = command(next(arguments), folder.parent / "out", *arguments)
    yield started
    for process in started.values():
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", BAD)
def test_bad_commands_get_one_sentence(refused, name):
    code, text = finish(refused[name])
    assert code == 2 and BAD[name][1] in " ".join(text.split()), text
    assert "Traceback" not in text and len(text.strip().split(". ")) <= 3, text


def test_what_cannot_be_written_is_one_sentence_and_the_marks_are_kept(tmp_path, monkeypatch):
    def graded_by(sentence):
        said = StringIO()
        code = main(Console(file=said, width=300), one, tmp_path / "out", settings=grading.Settings(), seed=7)
        assert code == (2 if sentence else 0) and sentence in said.getvalue(), said.getvalue()

    def full(*_):
        raise OSError(28, "No space left on device")

    one = hand_in(tmp_path / "one", {"anna": SOLUTION.read_text(encoding="utf-8")})
    with monkeypatch.context() as patch:
        patch.setattr(grading, "save", full)
        graded_by("Grading stopped: No space left on device")
    (tmp_path / "out" / "gradebook.csv").mkdir()
    graded_by("gradebook.csv). Make room, or move away what stands there")
    assert results(tmp_path / "out")["anna"]["status"] == "graded"
    (tmp_path / "out" / "gradebook.csv").rmdir()
    with monkeypatch.context() as patch:
        patch.setattr(grading, "run", full)  # nothing need be run again
        graded_by("")
    assert "anna" in (tmp_path / "out" / "gradebook.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", ["Infinity", "1e400", "NaN", '"x"', "[]"])
def test_a_seed_that_is_none_is_drawn_anew(tmp_path, seed):
    (tmp_path / "seed.json").write_text(f'{{"seed": {seed}}}')
    drawn = grading._seed(tmp_path, None)
    assert grading._seed(tmp_path, None) == drawn


def test_the_tests_course_is_what_its_source_gives():
    assert build.build(check=True) == []


def test_all_that_belongs_to_a_course_is_found_in_its_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSEKIT_COURSE")
    assert place.uses_keras() and "90" not in framework.notebooks() and "00" in course.names()
    mine = tasks.checks_key()
    monkeypatch.setenv("COURSEKIT_COURSE", str(shutil.copytree(COURSE, tmp_path / "course")))
    check = tmp_path / "course" / "exercises" / "n90_springs.py"
    assert not place.uses_keras() and list(framework.notebooks()) == list(course.names()) == ["90"]
    # The checks of both courses are hidden from a submission, and this course's decide what must be judged again.
    assert {str(check), str(place.EXERCISES / "n00_one_neuron.py")} <= set(tasks.shown()[1])
    before = tasks.checks_key()
    check.write_text(check.read_text() + "\n")
    assert len({mine, before, tasks.checks_key()}) == 3


def test_a_folder_without_a_course_gets_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_COURSE", str(tmp_path))
    with pytest.raises(course.CourseError, match="There is no course in"):
        course.load_all()


def test_no_sandbox_no_grading(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "missing", lambda: ["There is no network namespace."])
    with pytest.raises(grading.Stop, match="network namespace"):
        grading.grade(STUDENT, tmp_path)
    assert not list((tmp_path / "results").glob("*"))


def test_what_may_loop_goes_first(tmp_path):
    students = {
        "ada": changed(SOLUTION),
        "ben": changed(SOLUTION, e90_2="n = 0\nwhile True:\n    n += 1"),
        "cleo": changed(SOLUTION, e90_2="text = 'a while ago'"),
    }
    (tmp_path / "out" / "results").mkdir(parents=True)
    todo, _ = grading.jobs(hand_in(tmp_path / "in", students), tmp_path / "out", None, 7, grading.Settings())
    assert [task.handed.student for task in todo] == ["ben", "ada", "cleo"]


def test_keras_reads_arrays_without_the_autotuner(monkeypatch):
    import numpy as np
    from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

    monkeypatch.setattr(ArrayDataAdapter, "get_tf_dataset", ArrayDataAdapter.get_tf_dataset)
    x = np.arange(10.0).reshape(5, 2)
    tuned = [batch.numpy() for batch in ArrayDataAdapter(x, batch_size=2).get_tf_dataset()]
    runner._calm_datasets()
    calm = ArrayDataAdapter(x, batch_size=2).get_tf_dataset()
    assert calm.options().autotune.enabled is False
    for mine, theirs in zip(calm, tuned, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_intake_reads_what_the_tests_hand_in(class_of_five):
    assert [item.student for item in submissions.read(class_of_five)] == ["anna", "ben", "cleo", "dina", "emil"]


def test_files_beside_the_notebook_come_along_and_shadow_nothing(tmp_path):
    """A module and a text of the student's own can be used; numpy.py and coursekit.py beside them are just files."""
    text = "import helper\nprint(open('notes.txt').read(), helper.VALUE)"
    notebook = nbformat.reads(SOLUTION.read_text(encoding="utf-8"), as_version=4)
    notebook.cells.insert(5, nbformat.v4.new_code_cell(text))
    folder = hand_in(tmp_path / "class", {"anna": nbformat.writes(notebook)})
    for name in ("numpy.py", "coursekit.py", "sklearn.py"):
        (folder / "anna" / name).write_text("raise SystemExit('shadowed')")
    (folder / "anna" / "helper.py").write_text("VALUE = 'from the helper'")
    (folder / "anna" / "notes.txt").write_text("seen")
    (folder / "anna" / "link.txt").symlink_to(ROOT / "README.md")
    (folder / "anna" / "large.bin").write_bytes(bytes(submissions.MAX_COMPANIONS + 1))
    handed = next(item for item in submissions.read(folder) if not item.problem)
    beside = {"coursekit.py", "helper.py", "notes.txt", "numpy.py", "sklearn.py"}
    assert set(submissions.companions(handed)) == beside
    grading.grade(folder, tmp_path / "out", seed=7)
    (result,) = results(tmp_path / "out").values()
    assert {id: report["score"] for id, report in result["reports"].items()} == POINTS
    shown = [output["text"] for cell in result["cells"] if cell["source"] == text for output in cell["outputs"]]
    assert shown == ["seen from the helper\n"]
