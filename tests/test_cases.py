"""Every case of every exercise: its verdict, which is the same in the notebook and in the grader."""

import subprocess
import sys
from functools import cache, wraps

import pytest

from coursekit.checks import framework
from coursekit.checks.codec import pack, read_frame, unpack, write_frame
from coursekit.checks.report import Finding, Report
from tests.cases import load
from tests.cases.hostile import ALWAYS
from tests.pipes import end, pipe_student
from tests.runs import Passed

CASES = load()
EXERCISES = [item for number in framework.notebooks() for item in framework.exercises_in(number)]
RIGHT = {
    item.id: [key for key, case in CASES.items() if case.exercise == item.id and not case.code] for item in EXERCISES
}
# The first right answer and the first wrong one of each exercise are judged in another process too.
PIPED = {
    next(key for key, case in CASES.items() if case.exercise == item.id and bool(case.code) == wrong)
    for item in EXERCISES
    for wrong in (False, True)
}


class Child:
    """A process that holds the objects of one case at a time."""

    process = None

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.cases.serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, key, spoiled=None, piped=False):
        if self.process is None or self.process.poll() is not None:  # a case that could not be built ended it
            self.start()
        write_frame(self.process.stdin, *pack([key, spoiled, piped], None))

    def ways(self, key):
        """For each object of a right answer: what it is, and in which ways it can be spoiled."""
        self.ask(key, "ways")
        return unpack(*read_frame(self.process.stdout))

    def judge(self, key, spoiled=None, piped=False):
        """The report of a case, spoiled or not; what is judged here, at the end of the pipe, must come to the same."""
        self.ask(key, spoiled, piped)
        told, differences = unpack(*read_frame(self.process.stdout))
        assert not differences, differences
        told["findings"] = tuple(Finding(**finding) for finding in told["findings"])
        report = Report(**told)
        if piped:
            student = pipe_student(self.process.stdout, self.process.stdin)
            piped_report = framework.judge(framework.get_exercise(CASES[key].exercise), student)
            end(self.process.stdin)
            assert outcome(piped_report) == outcome(report), (piped_report, report)
        return report


def outcome(report):
    """What two judgings of one answer have in common, even where the student's code draws at random."""
    return report.status, report.score, report.codes, [finding.code for finding in report.findings]


@pytest.fixture(scope="module")
def child():
    child = Child()
    yield child
    if child.process is not None:
        child.process.kill()  # leaving by itself, TensorFlow takes seconds
        child.process.wait()


def group(id):
    return pytest.mark.xdist_group(f"cases-{id.split('.')[0]}")


@cache
def passed(number):
    return Passed(number)


def not_again(test):
    """A test whose first parameter is an exercise or a case; where it has passed before, it does not run again."""

    @wraps(test)
    def run(child, **given):
        before = passed(next(iter(given.values())).split(".")[0])
        name = " ".join([test.__name__, *given.values()])
        if name not in before:
            test(child, **given)
            before.add(name)

    return run


@pytest.mark.parametrize("key", [pytest.param(key, marks=group(key)) for key in CASES])
@not_again
def test_case(child, key):
    case, report = CASES[key], child.judge(key, piped=key in PIPED)
    if case.code is None:
        assert report.passed, f"a right answer failed:\n{report}"
        assert report.score == report.points
        assert sum(finding.points for finding in report.findings) == report.points
    else:
        all_codes = tuple(case.code.split(", "))
        assert report.codes and report.codes[0] in all_codes[0].split("|"), f"wanted {case.code!r}:\n{report}"
        assert len(all_codes) == 1 or report.codes == all_codes, f"wanted {all_codes}:\n{report}"
        assert report.score < report.points


@pytest.mark.parametrize(
    "id, name", [pytest.param(item.id, name, marks=group(item.id)) for item in EXERCISES for name in item.arguments]
)
@not_again
def test_hostile(child, id, name):
    """Right answers spoiled: in every way that fits any object, and for each kind in those that fit the kind."""
    of_kind, wrong = {"any": [(key, ALWAYS) for key in RIGHT[id]]}, []
    for key in RIGHT[id]:
        kind, ways = child.ways(key)[name]
        of_kind.setdefault(kind, []).append((key, ways))
    for answers in of_kind.values():
        for turn, (how, status) in enumerate(answers[0][1].items()):
            key = answers[turn % min(2, len(answers))][0]  # two answers in turn
            report = child.judge(key, [name, how])
            told = all(finding.message and "Traceback" not in finding.message for finding in report.findings)
            if report.status != status or "check-failed" in report.codes or not told:
                wrong.append(f"{key}, {how}: wanted {status!r}\n{report}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("item", EXERCISES, ids=lambda item: item.id)
def test_table_is_large_enough(item):
    mine = [case for case in CASES.values() if case.exercise == item.id]
    assert sum(case.code is None for case in mine) >= 5
    assert sum(case.code is not None for case in mine) >= 6
    assert len({case.code for case in mine if case.code}) >= 4, "the wrong answers should differ in their cause"
    assert len(item.hints) == 3
    assert framework.expected_texts(item)[0]
