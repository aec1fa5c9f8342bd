"""What a student wrote is looked at within limits: whatever it is, the class goes on and its author gets a sentence."""

import contextlib
import json
import multiprocessing.connection
import os
import random
import shutil
import signal
import socket
import struct
import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import psutil
import pytest

from coursekit.checks.codec import CodecError, pack, unpack
from coursekit.checks.framework import Misconception
from coursekit.checks.pipe import remote_student
from coursekit.checks.report import Finding, Report
from coursekit.checks.server import ObjectServer, local_student
from coursekit.checks.vocabulary.models import recompute_forward
from coursekit.grading import grade as grading
from coursekit.grading import limited, sandbox
from coursekit.grading.intake.submissions import read
from coursekit.grading.output import publish
from coursekit.grading.result import RunCell, save
from coursekit.grading.run import judge, transcript
from coursekit.grading.run.watch import Watch

COURSE = Path(__file__).parent / "fixture_course"
SOLUTION = COURSE / "solutions" / "90_springs.ipynb"


@pytest.fixture(autouse=True)
def the_tests_course(monkeypatch):
    monkeypatch.setenv("COURSEKIT_COURSE", str(COURSE))


def load(path):
    """A result as it stands in its file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def with_cells(*sources):
    """The solution with further code cells of the student's own."""
    notebook = nbformat.read(SOLUTION, as_version=4)
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.writes(notebook)


def odd_cells(n):
    """Cells that are like nothing in the course and unlike each other."""
    rng = random.Random(0)
    words = [f"w{number}" for number in range(300)]
    return [" + ".join(rng.choices(words, k=70)) for _ in range(n)]


# What a text does to whoever parses it, and whether it can be graded all the same.
TEXTS = {
    "deep sum": (lambda: with_cells("if 'pip':\n    x = " + "+".join(["1"] * 900)), True),
    "deeper sum": (lambda: with_cells("if 'pip':\n    x = " + "+".join(["1"] * 20_000)), True),
    "deep brackets": (lambda: with_cells("x = " + "[" * 4000 + "]" * 4000), True),
    "deep minus": (lambda: with_cells("ck.check('90.1', x=" + "-" * 30_000 + "1)"), True),
    "deep attributes": (lambda: with_cells("ck.check('90.1', x" + ".a" * 20_000 + ")"), True),
    "empty lines": (lambda: with_cells("\n" * 900_000), True),
    "empty lines with spaces": (lambda: with_cells(" \n" * 400_000 + "x = 1"), True),
    "odd cells": (lambda: with_cells(*odd_cells(1_900)), True),
    "deep json": (lambda: '{"cells": ' + "[" * 300_000 + "]" * 300_000 + "}", False),
}


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory):
    """A class of such texts and one honest student: what is to do, what stands already, and the seconds it took."""
    folder = tmp_path_factory.mktemp("texts")
    for name, (make, _) in [*TEXTS.items(), ("anna", (SOLUTION.read_text, True))]:
        (folder / "in" / name).mkdir(parents=True)
        (folder / "in" / name / "90_springs.ipynb").write_text(make(), encoding="utf-8")
    (folder / "out" / "results").mkdir(parents=True)
    start = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSEKIT_COURSE", str(COURSE))
        todo, results = grading.jobs(folder / "in", folder / "out", None, 7, grading.Settings())
    return todo, results, time.monotonic() - start, folder


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_is_hard_to_parse_costs_nobody_else_anything(looked_at, name):
    todo, results, _, folder = looked_at
    there = {job.handed.student for job in todo} | {result.student for result in results}
    assert there == {*TEXTS, "anna"}
    assert "anna" in {job.handed.student for job in todo}
    if TEXTS[name][1]:
        assert name in {job.handed.student for job in todo}
    else:
        result = next(load(path) for path in (folder / "out" / "results").glob("deep-json*"))
        assert result["status"] == "unreadable" and "nested too deeply" in result["flags"][-1]["message"]


def test_looking_at_them_takes_seconds(looked_at):
    assert looked_at[2] < 60


@pytest.mark.parametrize(
    "name", ["  1" * 66 + "x", " (1" * 60, "_v 1" * 50 + "!", "1_2_" * 50, "a_1_assignsubmission_" * 9]
)
def test_a_name_is_read_in_no_time(tmp_path, name):
    (tmp_path / f"{name}.ipynb").write_text("{}")
    start = time.monotonic()
    assert len(read(tmp_path)) == 1
    assert time.monotonic() - start < 1


# --- the limits


def test_a_value_and_an_error_come_back():
    assert limited.run(sorted, [3, 1, 2]) == [1, 2, 3]
    with pytest.raises(ValueError, match="invalid literal"):
        limited.run(int, "x", lets=(ValueError,))
    with pytest.raises(limited.Failed, match="ValueError: invalid literal"):
        limited.run(int, "x")


def test_what_one_of_many_cannot_finish_costs_only_that_one():
    def work(item):
        return max(item)

    one, two, three = limited.run_each(work, [[1, 2], [], [5]], together=2)
    assert (one, three) == (2, 5) and "empty" in str(two) and isinstance(two, limited.Exceeded)


def deep(n):
    return 1 + deep(n + 1)


def spin():
    while True:
        pass


def fill():
    return len([bytearray(10_000_000) for _ in range(1000)])


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda: deep(0), "nested too deeply"),
        (spin, "longer than 1 s"),
        (fill, "more than 200 MB"),
        (lambda: bytes(250_000_000), "more than 200 MB"),
        (lambda: os.kill(os.getpid(), 11), "nested too deeply"),
    ],
)
def test_what_exceeds_a_limit_says_which(work, said):
    before = psutil.Process().children()
    with pytest.raises(limited.Exceeded, match=said):
        limited.run(work, seconds=1, memory_mb=200)
    assert psutil.Process().children() == before


def test_an_answer_that_breaks_off_is_not_told_as_too_long(monkeypatch):
    def half(connection, data):
        os.write(connection.fileno(), struct.pack("!i", 100) + b"half")
        os.kill(os.getpid(), signal.SIGKILL)  # as at the limit on the processor

    monkeypatch.setattr(multiprocessing.connection.Connection, "send_bytes", half)
    with pytest.raises(limited.Exceeded, match="longer than 20 s"):
        limited.run(sorted, [3, 1, 2])


# --- the caps of what a submission leaves


def test_a_page_that_cannot_be_made_is_that_student_s_alone(tmp_path, monkeypatch):
    from tests.test_grading_results import EXERCISES, change, small

    whole = publish.feedback

    def feedback(own, book):
        if next(iter(own.values())).student == "ben" and next(iter(own.values())).cells:
            raise RecursionError
        return whole(own, book)

    monkeypatch.setattr(publish, "feedback", feedback)
    for name in ("anna", "ben"):
        save(tmp_path / "results" / f"{name}.json", change(small(name), cells=[RunCell("code", "x = 1")]))
    said = publish.publish(tmp_path, EXERCISES)
    assert any("The page of ben shows no cells: it is nested too deeply." in text for text in said), said
    there = {path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "feedback").glob("*.html")}
    assert "x = 1" in there["anna"] and "x = 1" not in there["ben"] and "Feedback for ben" in there["ben"]


def test_a_transcript_has_a_cap(tmp_path):
    path = tmp_path / "90.1.gz"
    path.write_bytes(b"an older one")
    large = np.zeros(transcript.MAX_BYTES // 8 // 3)
    with transcript.recording(lambda *_: (["answer"], [large]), path) as exchange:
        for _ in range(20):
            assert len(exchange(["value"], [])[1][0]) == len(large)
    assert not path.exists() and list(tmp_path.iterdir()) == []


def test_two_write_one_transcript_and_neither_fails(tmp_path):
    path = tmp_path / "anna--90" / "90.1.gz"

    def answers(*_):
        return ["answer", 1], []

    with transcript.recording(answers, path) as one, transcript.recording(answers, path) as other:
        one(["q"], [])
        other(["q"], [])
    assert [file.name for file in path.parent.iterdir()] == ["90.1.gz"]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(IsADirectoryError):
        save(tmp_path / "a.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(("error", "fault"), [(OSError(28, "No space left"), "the grader's"), (MemoryError(), "")])
def test_an_error_of_the_grader_is_no_fault_of_the_answer(monkeypatch, error, fault):
    """The second try, with care, books what is too large on the student, and nothing else."""

    def asked(*_):
        raise error

    monkeypatch.setattr(judge, "_asked", asked)
    job = SimpleNamespace(careful=True)
    channel = SimpleNamespace(ended="", over=time.monotonic(), midway=False)
    if fault:
        with pytest.raises(limited.Failed, match="No space left"):
            judge._verdict(job, channel, "90.1", {})
    else:
        assert judge._verdict(job, channel, "90.1", {}).codes == ("too-large",)


def test_outputs_and_reports_have_caps():
    room = [judge.MAX_OUTPUTS]
    answer = {"status": "ok", "outputs": [{"type": "text", "text": "x" * (judge.MAX_OUTPUT - 1)}], "error": "e" * 10**6}
    channel = SimpleNamespace(cell=lambda source: pack(["answer", answer], None), ended="")
    cells = [RunCell("code", "") for _ in range(8)]
    for cell in cells:
        judge._run(channel, cell, room)
    assert sum(len(output.text) for cell in cells for output in cell.outputs) <= judge.MAX_OUTPUTS
    assert max(len(cell.error) for cell in cells) <= 300
    findings = tuple(Finding("x", False, "y" * 10**6) for _ in range(200))
    assert len(str(judge._capped(Report("90.1", "t", "failed", 0.0, 1.0, findings)).to_dict())) < 500_000


def test_the_name_of_a_type_is_a_name():
    class Long:
        pass

    Long.__name__ = "L" * 10**6
    server = ObjectServer({"x": Long()})
    student = remote_student(lambda *frame: pack(["answer", server.answer(*_unpacked(frame))], server.keep))
    for ask in (student.kind, student.describe):
        with pytest.raises(CodecError, match="another form"):
            ask("x")


@pytest.mark.parametrize("answer", [["perceptron", [["x"]]], [[], []], [{}, ["w"]], "perceptron"])
def test_a_network_of_another_form_is_refused(answer):
    student = remote_student(lambda *_: pack(["answer", answer], None))
    with pytest.raises(CodecError, match="another form"):
        student.network("model", (1, 2))


def _unpacked(frame):
    operation, args = unpack(*frame)
    return operation, *args


@pytest.fixture
def sandboxed():
    if sandbox.missing():
        pytest.skip("there is no sandbox here")


@pytest.mark.usefixtures("sandboxed")
def test_what_sockets_hold_counts_as_memory():
    def hoard():
        kept = []
        for _ in range(300):
            kept.append(socket.socketpair())
            for end in kept[-1]:
                end.setblocking(False)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        end.send(b"x" * 65536)
        time.sleep(30)

    child = sandbox.start({}, hoard)
    end, most = time.monotonic() + 20, 0
    while time.monotonic() < end and most < 200:
        most = max(most, sandbox.usage(child)[0])
        time.sleep(0.2)
    child.kill()
    child.wait()
    assert most >= 200


@pytest.mark.usefixtures("sandboxed")
def test_pipes_of_an_honest_program_cost_little():
    """A pipe of multiprocessing is a pair of sockets: each counts with what it may hold, which nobody can raise."""

    def run():
        pairs = [socket.socketpair() for _ in range(60)]
        left, _ = pairs[0]
        left.setblocking(False)
        left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += left.send(b"x" * 65536)
        if sent < 500_000:
            time.sleep(30)

    child = sandbox.start({}, lambda: time.sleep(30))
    before = sandbox.usage(child)[0]
    child.kill()
    child.wait()
    child = sandbox.start({}, run)
    time.sleep(0.5)
    more = sandbox.usage(child)[0] - before
    assert child.ended is None and child.wait(0) is None, "the send buffer grew"
    child.kill()
    child.wait()
    assert 20 < more < 100


@pytest.mark.usefixtures("sandboxed")
def test_a_child_of_a_submission_stays_in_its_group():
    def leave():
        try:
            os.setsid()
        except PermissionError:
            return 7

    assert sandbox.start({}, leave).wait(20) == "exit 7"


@pytest.mark.usefixtures("sandboxed")
def test_many_processes_have_the_share_of_one():
    """In a container Linux schedules each for itself, and forty of one submission would starve the others."""

    def run():
        for _ in range(8):
            if os.fork() == 0:
                break
        time.sleep(60)

    child = sandbox.start({}, run)
    watch, own, deadline = Watch(child, 3000), os.getpriority(os.PRIO_PROCESS, 0), time.monotonic() + 5
    nice = []
    while (len(nice) < 9 or min(nice) < min(19, own + 10)) and time.monotonic() < deadline:
        nice = [os.getpriority(os.PRIO_PROCESS, pid) for pid in sandbox.members(child)]
        time.sleep(0.05)
    watch.stop()
    child.kill()
    child.wait(10)
    assert nice == [min(19, own + 10)] * 9  # 1.25 to the power of 10 is about 9


@pytest.mark.slow
@pytest.mark.parametrize("repeated", [3_000_000, 20_000])
def test_a_network_that_is_too_large_is_not_built_again(repeated):
    keras = pytest.importorskip("keras")
    layers = keras.layers
    model = keras.Sequential([keras.Input((2,)), layers.RepeatVector(repeated), layers.LSTM(2), layers.Dense(1)])
    start = time.monotonic()
    with pytest.raises(Misconception, match="too large to be computed again"):
        recompute_forward(local_student({"model": model}), "model", np.zeros((5, 2)))
    many = keras.Sequential([keras.Input((2,)), layers.RepeatVector(9_000), layers.Dense(20_000)])
    with pytest.raises(Misconception, match="too large to be computed again"):
        recompute_forward(local_student({"model": many}), "model", np.zeros((50, 2)))
    assert time.monotonic() - start < 20


@pytest.mark.usefixtures("sandboxed")
@pytest.mark.slow
@pytest.mark.parametrize("dies", ["os.abort()", "os.kill(os.getpid(), 9)", "[0] * 10**10"])
def test_a_check_that_dies_of_an_answer_costs_that_exercise_alone(tmp_path, monkeypatch, dies):
    course = shutil.copytree(COURSE, tmp_path / "course")
    check = course / "exercises" / "n90_springs.py"
    begins = '"""Both functions on random points."""'
    text = check.read_text().replace(begins, f"{begins}\n    student.value('line')\n    import os\n    {dies}")
    check.write_text(text)
    monkeypatch.setenv("COURSEKIT_COURSE", str(course))
    (tmp_path / "in" / "anna").mkdir(parents=True)
    shutil.copy(SOLUTION, tmp_path / "in" / "anna")
    grading.grade(tmp_path / "in", tmp_path / "out", seed=1)
    (path,) = (tmp_path / "out" / "results").glob("*.json")
    result = load(path)
    assert result["status"] == "graded", result["flags"]
    assert {id: report["score"] for id, report in result["reports"].items()} == {"90.1": 0, "90.2": 3, "90.3": 4}
    (finding,) = result["reports"]["90.1"]["findings"]
    assert finding["code"] == "check-failed" or "could not be judged" in finding["message"], finding
