"""A class is graded from end to end: marks, recovery, transcripts, many workers, many machines, bad commands."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import nbformat
import psutil
import pytest

from coursekit.bootstrap import ROOT
from coursekit.checks import core
from coursekit.grading import grade as grading
from coursekit.grading import runner, sandbox, submissions, zygote

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("grading"),
    pytest.mark.skipif(bool(sandbox.missing()), reason="; ".join(sandbox.missing()) or "the sandbox works"),
]
SOLUTION = ROOT / "solutions" / "00_one_neuron.ipynb"
STUDENT = ROOT / "notebooks" / "00_one_neuron.ipynb"
POINTS = {item.id: item.points for item in core.of("00")}


def changed(path, **sources):
    """A notebook with the answer cells of some exercises replaced: ``e00_1="x = 1"`` stands for 00.1."""
    notebook = nbformat.read(path, as_version=4)
    for name, source in sources.items():
        prefix = f"answer-{name[1:].replace('_', '-')}-"
        cells = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id", "").startswith(prefix)]
        cells[-1].source = source
    return nbformat.writes(notebook)


def hand_in(folder, students):
    for name, text in students.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "00_one_neuron.ipynb").write_text(text, encoding="utf-8")
    return folder


def command(handed_in, out, *more, **options):
    arguments = [sys.executable, "-m", "coursekit", "grade", str(handed_in), "--out", str(out), "--seed", "7", *more]
    return subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def finish(process, seconds=240):
    said, _ = process.communicate(timeout=seconds)
    return process.returncode, said


def results(out):
    return {r["student"]: r for path in sorted((out / "results").glob("*.json")) if (r := grading.load(path))}


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
            "cleo": changed(SOLUTION, e00_3="def sigmoid(z):\n    return z"),
            "dina": changed(SOLUTION, e00_2="raise RuntimeError('not today')"),
            "emil": right,
        },
    )


@pytest.fixture(scope="module")
def graded(class_of_five, tmp_path_factory):
    out = tmp_path_factory.mktemp("graded")
    code, said = finish(command(class_of_five, out))
    assert code == 0, said
    return out


def test_marks_are_what_the_work_deserves(graded):
    found = results(graded)
    assert {name: result["status"] for name, result in found.items()} == dict.fromkeys(
        ("anna", "ben", "cleo", "dina", "emil"), "graded"
    )
    assert {id: report["score"] for id, report in found["anna"]["reports"].items()} == POINTS
    assert {report["status"] for report in found["ben"]["reports"].values()} == {"not attempted"}
    assert found["cleo"]["reports"]["00.3"]["status"] == "failed"
    assert found["cleo"]["reports"]["00.1"]["status"] == "passed"
    # A cell that fails does not stop the next: what does not need it is judged as ever.
    assert found["dina"]["reports"]["00.1"]["status"] == found["dina"]["reports"]["00.6"]["status"] == "passed"
    assert found["dina"]["reports"]["00.2"]["status"] != "passed"
    failing = [cell for cell in found["dina"]["cells"] if cell["status"] == "error"]
    assert any("not today" in output.get("text", "") for cell in failing for output in cell["outputs"])


def test_every_student_has_inputs_of_their_own(graded):
    seeds = [result["reports"]["00.1"]["seed"] for result in results(graded).values()]
    assert len(set(seeds)) == len(seeds)


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


def test_one_worker_or_three_same_marks(class_of_five, graded, tmp_path):
    for workers in ("1", "3"):
        code, said = finish(command(class_of_five, tmp_path / workers, "--workers", workers))
        assert code == 0, said
        again = results(tmp_path / workers)
        assert {name: verdicts(r) for name, r in again.items()} == {n: verdicts(r) for n, r in results(graded).items()}


def test_killed_three_times_nothing_is_lost_or_marked_twice(class_of_five, graded, tmp_path):
    kept = {}
    for wanted in (1, 2, 4):
        process = command(class_of_five, tmp_path, "--workers", "1")
        end = time.monotonic() + 120
        while len(list((tmp_path / "results").glob("*.json"))) < wanted and time.monotonic() < end:
            time.sleep(0.02)
        below = descendants(process)
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(below, timeout=10)
        assert not alive, "the processes below the grader outlived it"
        there = {path.name: path.read_bytes() for path in (tmp_path / "results").glob("*.json")}
        assert len(there) >= wanted
        assert {name: there[name] for name in kept} == kept, "what was done is done: no file was written again"
        kept = there
    code, said = finish(command(class_of_five, tmp_path))
    assert code == 0, said
    assert {name: verdicts(r) for name, r in results(tmp_path).items()} == {
        name: verdicts(r) for name, r in results(graded).items()
    }


def test_control_c_stops_cleanly_and_goes_on(class_of_five, tmp_path):
    process = command(class_of_five, tmp_path, "--workers", "1")
    while not list((tmp_path / "results").glob("*.json")):
        time.sleep(0.05)
    below = descendants(process)
    process.send_signal(signal.SIGINT)
    code, said = finish(process, 30)
    assert code == 130 and "the same command goes on" in said and "Traceback" not in said, said
    _, alive = psutil.wait_procs(below, timeout=10)
    assert not alive


def test_a_changed_check_is_judged_again_without_running(class_of_five, graded, tmp_path):
    code, said = finish(command(class_of_five, tmp_path))
    assert code == 0, said
    path = next((tmp_path / "results").glob("anna*"))
    result = grading.load(path)
    # As if another version of the checks had given nothing.
    result["key"] = "of other checks"
    result["reports"]["00.1"]["score"] = 0.0
    result["seconds"] = 12345.0
    path.write_text(json.dumps(result), encoding="utf-8")
    code, said = finish(command(class_of_five, tmp_path))
    assert code == 0, said
    again = grading.load(path)
    assert again["reports"]["00.1"]["score"] == POINTS["00.1"]
    assert again["seconds"] == 12345.0, "the submission itself was not run again"
    assert verdicts(again) == verdicts(results(graded)["anna"])


def test_regrade_judges_one_exercise_from_the_transcripts(class_of_five, tmp_path):
    code, said = finish(command(class_of_five, tmp_path))
    assert code == 0, said
    path = next((tmp_path / "results").glob("anna*"))
    result = grading.load(path)
    for id in ("00.1", "00.2"):
        result["reports"][id]["score"] = 0.0
    path.write_text(json.dumps(result), encoding="utf-8")
    code, said = finish(command(class_of_five, tmp_path, "--regrade", "00.1"))
    assert code == 0 and "5 results judged again, 1 marks changed." in said, said
    reports = grading.load(path)["reports"]
    assert reports["00.1"]["score"] == POINTS["00.1"] and reports["00.2"]["score"] == 0.0
    # Without a transcript there is nothing to judge, and the mark stays as it is.
    next((tmp_path / "transcripts").glob("anna*/00.2.gz")).unlink()
    code, said = finish(command(class_of_five, tmp_path, "--regrade", "00.2"))
    assert code == 0 and "anna 00.2" in said and "grade these again" in said, said
    assert grading.load(path)["reports"]["00.2"]["score"] == 0.0


def test_where_forking_fails_each_submission_gets_an_interpreter(class_of_five, graded, tmp_path, monkeypatch, capsys):
    def no_fork(environment):
        raise RuntimeError("a forked process could not train a network")

    monkeypatch.setattr(zygote, "Zygote", no_fork)
    one = tmp_path / "one"
    hand_in(one, {"anna": SOLUTION.read_text(encoding="utf-8")})
    grading.grade(one, tmp_path / "out", seed=7)
    assert "could not train a network" in capsys.readouterr().err
    assert verdicts(results(tmp_path / "out")["anna"]) == verdicts(results(graded)["anna"])


def test_a_judge_that_fails_gives_no_mark_at_all(tmp_path, monkeypatch):
    one = hand_in(tmp_path / "one", {"anna": STUDENT.read_text(encoding="utf-8")})
    monkeypatch.setattr(grading, "written", lambda path, job: Path(path))  # the judge finds no job
    (summary,) = grading.grade(one, tmp_path / "out", seed=7)
    assert summary["status"] == "grader-failed"
    assert results(tmp_path / "out")["anna"]["reports"] == {}


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


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (lambda folder: [folder / "nowhere"], "There is no"),
        (lambda folder: [folder], "is empty"),
        (empty_zip, "is empty"),
        (lambda folder: [STUDENT, "--notebook", "77"], "There is no notebook 77"),
        (lambda folder: [STUDENT, "--regrade", "00.9"], "There is no exercise 00.9"),
        (lambda folder: [STUDENT, "--regrade", "00.1"], "Grade first"),
        (lambda folder: [STUDENT, "--rules", folder / "none.toml"], "There is no file"),
        (lambda folder: [STUDENT, "--scheduler", "tcp://127.0.0.1:9"], "No scheduler answers"),
        (lambda folder: [STUDENT, "--timeout", "soon"], "--timeout"),
        (lambda folder: [STUDENT, "--workers", "0"], "--workers"),
    ],
)
def test_bad_commands_get_one_sentence(tmp_path, what, said):
    folder = tmp_path / "handed in"
    folder.mkdir()
    arguments = map(str, what(folder))
    code, text = finish(command(next(arguments), tmp_path / "out", *arguments))
    assert code == 2 and said in " ".join(text.split()), text
    assert "Traceback" not in text and len(text.strip().split(". ")) <= 3, text


def test_an_unwritable_folder_gets_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    code, text = finish(command(STUDENT, tmp_path / "file" / "out"))
    assert code == 2 and "cannot be written" in text and "Traceback" not in text, text


def test_no_sandbox_no_grading(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "missing", lambda: ["There is no network namespace."])
    with pytest.raises(grading.Stop, match="network namespace"):
        grading.grade(STUDENT, tmp_path)
    assert not list((tmp_path / "results").glob("*"))


def test_what_may_loop_goes_first(tmp_path):
    students = {
        "ada": changed(SOLUTION),
        "ben": changed(SOLUTION, e00_2="n = 0\nwhile True:\n    n += 1"),
        "cleo": changed(SOLUTION, e00_2="text = 'a while ago'"),
    }
    options = {"total_s": 9, "cell_s": 9, "memory_mb": 3000, "unsafe": False}
    (tmp_path / "out" / "results").mkdir(parents=True)
    todo, _ = grading.jobs(hand_in(tmp_path / "in", students), tmp_path / "out", None, 7, "", options)
    assert [brief["handed"].student for brief in todo] == ["ben", "ada", "cleo"]


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
