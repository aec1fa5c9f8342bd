"""Every case of every exercise, through both transports: in place, and at the end of a pipe."""

import subprocess
import sys
from itertools import islice

import pytest

from coursekit.checks import core
from coursekit.checks.codec import pack, read_frame, unpack, write_frame
from coursekit.checks.pipe import end, pipe_student
from tests.cases import hostile, load

CASES = load()
EXERCISES = [item for number in core.notebooks() for item in core.of(number)]


class Child:
    """A process that holds the objects of one case at a time."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.cases.serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def judge(self, key, spoiler=None):
        """The verdict in place, as a dict, and the `Report` through the pipe; None where the spoiler does not apply."""
        process = self.process
        write_frame(process.stdin, *pack([key, spoiler], None))
        local = unpack(*read_frame(process.stdout))
        if local is None:
            return None
        piped = core.judge(core.find(CASES[key].exercise), pipe_student(process.stdout, process.stdin))
        end(process.stdin)
        return local, piped


@pytest.fixture(scope="module")
def child():
    child = Child()
    yield child
    child.process.stdin.close()
    child.process.wait(timeout=20)


def group(id):
    return pytest.mark.xdist_group(f"cases-{id.split('.')[0]}")


def same(local, piped):
    assert local["status"] == piped.status, (local, piped)
    assert [f["code"] for f in local["findings"]] == [f.code for f in piped.findings]
    assert local["score"] == piped.score


@pytest.mark.parametrize("key", [pytest.param(key, marks=group(key)) for key in CASES])
def test_case(child, key):
    case = CASES[key]
    local, report = child.judge(key)
    same(local, report)
    if case.code is None:
        assert report.passed, f"a right answer failed:\n{report}"
        assert report.score == report.points
        assert sum(finding.points for finding in report.findings) == report.points
    else:
        assert report.codes[0] in case.code.split("|"), f"wanted {case.code!r}:\n{report}"
        assert report.score < report.points


@pytest.mark.parametrize("how", hostile.SPOILERS)
@pytest.mark.parametrize(
    "id, name", [pytest.param(item.id, name, marks=group(item.id)) for item in EXERCISES for name in item.needs]
)
def test_hostile(child, id, name, how):
    keys = (key for key, case in CASES.items() if case.exercise == id and case.code is None)
    verdicts = list(islice((verdict for key in keys if (verdict := child.judge(key, [name, how])) is not None), 2))
    if not verdicts:
        pytest.skip(f"{how!r} does not apply to {name!r} of {id}")
    for local, report in verdicts:
        same(local, report)
        wanted = hostile.STRICTER.get((id, name, how), hostile.SPOILERS[how])
        assert report.status in wanted, f"{how}:\n{report}"
        assert "check-failed" not in report.codes, str(report)
        assert all(finding.message and "Traceback" not in finding.message for finding in report.findings)


@pytest.mark.parametrize("item", EXERCISES, ids=lambda item: item.id)
def test_table_is_large_enough(item):
    mine = [case for case in CASES.values() if case.exercise == item.id]
    assert sum(case.code is None for case in mine) >= 5
    assert sum(case.code is not None for case in mine) >= 6
    assert len({case.code for case in mine if case.code}) >= 4, "the wrong answers should differ in their cause"
    assert len(item.hints) == 3
    assert core.expected_text(item)
