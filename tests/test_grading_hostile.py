"""Hostile submissions in one class: each gets what its work deserves, nobody else loses anything, nothing is harmed."""

import csv
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from coursekit.checks import framework
from coursekit.grading import command, sandbox
from tests.hostile_submissions import CASES, COURSE, FILES, LIMITS, REAL, REAL_CASES, REAL_LIMITS, World

STUCK_S = 100  # a submission that takes longer has outwitted the time limits, which are far below
# HOSTILE=loop,nan tests these alone.
CHOSEN = [case for case in CASES + REAL_CASES if case.name in os.environ.get("HOSTILE", case.name).split(",")]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("hostile"),
    pytest.mark.skipif(bool(sandbox.missing()), reason="there is no sandbox here, and nothing hostile runs without it"),
]


class Listener(threading.Thread):
    """Counts who connects to a port and to an abstract Unix socket."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind("\0" + name)
        self.unix.listen()
        self.port, self.visitors = self.tcp.getsockname()[1], []

    def run(self):
        import select

        with suppress(OSError, ValueError):
            while True:
                for server in select.select([self.tcp, self.unix], [], [])[0]:
                    self.visitors.append(server.accept()[1])


class Watchdog(threading.Thread):
    """Kills a judge that does not come back, so that the test ends; its submission is then "grader-failed"."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over, self.killed = threading.Event(), 0

    def run(self):
        while not self.over.wait(2):
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    zygote = "coursekit.grading.run.zygote" in process.parent().cmdline()
                    judge = zygote and "coursekit.grading.run.zygote" in process.cmdline()
                    mine = judge and process.parent().ppid() == os.getpid()
                    if mine and time.time() - process.create_time() > STUCK_S:
                        process.kill()
                        self.killed += 1


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    folder.chmod(0o755)
    course = folder / "course"
    course.mkdir()
    (course / "kept.txt").write_text("kept")
    token = secrets.token_hex(12)
    secret = folder / "secret.txt"
    secret.write_text(token)
    for path, mode in ((course, 0o777), (course / "kept.txt", 0o666), (secret, 0o666)):
        path.chmod(mode)
    marker = f"decoy-{secrets.token_hex(6)}"
    listener = Listener(marker)
    listener.start()
    decoy = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    yield World(course, secret, token, listener.port, marker, decoy.pid, marker), listener, decoy
    decoy.kill()
    decoy.wait()
    listener.tcp.close()
    listener.unix.close()


@pytest.fixture(scope="module")
def contained(world):
    """Nothing hostile runs before it has been seen that a write and a kill outside the sandbox come to nothing."""
    decoys, _, decoy = world

    def harm():
        done = []
        with suppress(OSError):
            (decoys.course / "kept.txt").write_text("changed")
            done.append("write")
        with suppress(OSError):
            os.kill(decoy.pid, 9)
            done.append("kill")
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", decoys.port), 1)
            done.append("connect")
        return 1 if done or os.uname().nodename != "sandbox" else 0

    child = sandbox.start({}, harm)
    assert child.wait(30) == "exit 0", child.error
    assert (decoys.course / "kept.txt").read_text() == "kept"
    assert decoy.poll() is None
    # The decoy, and helpers of the tests that ran here before: what comes later is the class's.
    return psutil.Process().children(recursive=True)


@dataclass(frozen=True)
class Graded:
    """A class after its grading: what was said, results by student, the folder, how many judges had to be killed."""

    status: int
    said: str
    results: dict
    out: Path
    killed: int


@contextmanager
def course(number):
    """Let the course be the one that has the notebook `number`."""
    with pytest.MonkeyPatch.context() as patch:
        if number == "90":
            patch.setenv("COURSEKIT_COURSE", str(COURSE))
        else:
            patch.delenv("COURSEKIT_COURSE", raising=False)
        yield patch


def grade(cases, world, folder, limits):
    """Grade a class of hostile submissions, all of one course."""
    if not cases:
        pytest.skip("HOSTILE names none of this class")
    handed_in, out = folder / "class", folder / "results"
    for case in cases:
        place = handed_in / (case.student.replace("/", "") or case.name)
        place.mkdir(parents=True)
        for name, data in case.make(world).items():
            (place / name).write_bytes(data)
    dog, said, start = Watchdog(), StringIO(), time.monotonic()
    dog.start()
    for number in ("00", "90"):
        # What an earlier run left compiled beside the checks; an attack looks for it.
        with course(number):
            framework.exercises_in(number)
    with course(cases[0].number):
        console = Console(file=said, width=200)
        status = command.main(console, handed_in, out, settings=limits, seed=5, workers=3)
    dog.over.set()
    print(f"{len(cases)} submissions in {time.monotonic() - start:.0f} s")
    found = [json.loads(path.read_text(encoding="utf-8")) for path in (out / "results").glob("*.json")]
    return Graded(status, said.getvalue(), {result["student"]: result for result in found}, out, dog.killed)


@pytest.fixture(scope="module")
def graded(world, contained, tmp_path_factory):
    """The class of the tests' course, graded once."""
    cases = [case for case in CHOSEN if case.number == "90"]
    return grade(cases, world[0], tmp_path_factory.mktemp("graded"), LIMITS)


@pytest.fixture(scope="module")
def really_graded(world, contained, tmp_path_factory):
    """The class of the real course, graded once: networks, which a zygote that has loaded Keras forks for."""
    cases = [case for case in CHOSEN if case.number != "90"]
    return grade(cases, world[0], tmp_path_factory.mktemp("graded"), REAL_LIMITS)


@pytest.fixture(params=["graded", "really_graded"])
def either(request):
    """One class after the other."""
    return request.getfixturevalue(request.param)


def text_of(result):
    """All that a result shows of what its submission printed, returned or raised."""
    parts = [output.get("text", "") + output.get("png", "") for cell in result["cells"] for output in cell["outputs"]]
    parts += [f"{finding}" for report in result["reports"].values() for finding in report["findings"]]
    return "\n".join([*parts, str(result["flags"])])


def deserved(case, graded, world, request):
    """Compare what a submission got with what its work deserves."""
    if case.known:
        request.applymarker(pytest.mark.xfail(reason=case.known, strict=True))
    result = graded.results[case.student or case.name]
    assert result["status"] in case.status, result["flags"]
    codes = {flag["code"] for flag in result["flags"]}
    assert set(case.flags) <= codes, result["flags"]
    assert "ended" not in codes or result["status"] == "ended"
    if result["status"] != "unreadable":
        with course(case.number):
            items = framework.exercises_in(case.number)
        for item in items:
            report, part = result["reports"][item.id], item.id.split(".")[1]
            assert report["points"] == item.points
            if part in case.full:
                assert report["score"] == item.points, (item.id, report["findings"])
                assert report["status"] == "passed"
            elif part in case.open:
                assert 0 <= report["score"] <= item.points
            else:
                assert report["score"] == 0, (item.id, report["findings"])
                assert report["status"] != "passed"
            if part in case.codes:
                assert case.codes[part] in {finding["code"] for finding in report["findings"]}
            assert "check-failed" not in {finding["code"] for finding in report["findings"]}, report["findings"]
    if case.harm:
        case.harm(world[0], result, text_of(result))


@pytest.mark.parametrize("case", [case for case in CHOSEN if case.number == "90"], ids=lambda case: case.name)
def test_each_gets_what_its_work_deserves(case, graded, world, request):
    deserved(case, graded, world, request)


@pytest.mark.parametrize("case", [case for case in CHOSEN if case.number != "90"], ids=lambda case: case.name)
def test_each_gets_what_its_network_deserves(case, really_graded, world, request):
    deserved(case, really_graded, world, request)


def test_the_class_goes_on(either):
    assert either.status == 0, either.said
    assert not [name for name, result in either.results.items() if result["status"] == "grader-failed"]
    assert either.killed == 0, "a submission kept its judge from coming back"


def test_everybody_has_a_result(graded, really_graded):
    assert set(graded.results) | set(really_graded.results) == {case.student or case.name for case in CHOSEN}


def test_nobody_connected(either, world):
    assert world[1].visitors == []


def test_nothing_was_deleted_and_nobody_was_killed(either, world):
    decoys, _, decoy = world
    assert sorted(path.name for path in decoys.course.iterdir()) == ["kept.txt"]
    assert (decoys.course / "kept.txt").read_text() == "kept"
    assert decoys.secret.read_text() == decoys.token
    assert decoy.poll() is None


def test_nothing_is_left_running(either, contained, world):
    left = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        if any(world[0].marker in part for part in process.info["cmdline"] or ()):
            left.append(process.info)
    assert left == []
    assert [process for process in psutil.Process().children(recursive=True) if process not in contained] == []


def test_spreadsheets_hold_no_formula(either):
    for path in either.out.glob("*.csv"):
        with open(path, encoding="utf-8-sig", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        for cell in cells:
            assert not cell.startswith(("=", "@", "\t", "\r")), (path.name, cell[:80])
            assert cell[:1] not in "+-" or not cell[1:] or cell[1:].replace(".", "").isdigit(), (path.name, cell[:80])


def test_pages_run_nothing(either):
    pages = [*either.out.glob("*.html"), *(either.out / "feedback").rglob("*.html")]
    assert len(pages) > 2
    for path in pages:
        text = path.read_text(encoding="utf-8").lower()
        assert not any(f"<script>alert({number})" in text for number in range(5)), path.name
        assert path.stat().st_size < 20_000_000, path.name


def test_files_of_the_table_are_the_course_s():
    for number, name in FILES.items():
        assert ((COURSE if number == "90" else REAL) / "solutions" / name).exists()
