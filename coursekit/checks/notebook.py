"""What a student calls in a notebook: `check`, `hint`, `expected`, `progress`."""

import contextlib
import json
import os
import re
import sys
import textwrap
import time
from functools import wraps
from pathlib import Path
from unittest import mock

from coursekit import place
from coursekit.checks import cards, framework
from coursekit.checks import progress as kept
from coursekit.checks.report import NOT_ATTEMPTED, PASSED, Finding, Report
from coursekit.checks.server import local_student
from coursekit.session import grader, quiet_stderr

_hints_shown = {}
_attempted = set()  # the exercises that this kernel has seen an answer to


class CheckFailed(Exception):
    """Raised by `check` where $COURSEKIT_MODE or nbgrader's validation asks for another outcome: see `check`."""

    def _render_traceback_(self):
        # nbgrader shows these lines to the student, cut at 87 characters: the findings, nothing of ours.
        return [part for line in str(self).splitlines() for part in textwrap.wrap(line, 84, subsequent_indent="    ")]


class Later(cards.Card):
    """What `check` gives under `coursekit grade`, where the verdict is reached elsewhere.

    It looks like a pass, so that cells go on which ask: what stands below ``if report.passed:`` is an answer too.
    """

    passed, status, score, points, findings, codes = True, PASSED, 0.0, 0.0, (), ()


_handed_in = {}  # under `coursekit grade`: exercise -> the arguments of the last check that a cell has called


def handed_in(id, name, position):
    """An object that the last check of an exercise was given, by name or by position, for the grader's runner."""
    objects, named = _handed_in.get(id, ((), {}))
    if name not in named and position >= len(objects):
        raise NameError(name)
    return named[name] if name in named else objects[position]


def _unless_graded(function):
    """Under `coursekit grade` the check runs in another process: here none is loaded, and a card says so."""

    @wraps(function)
    def answer(*args, **named):
        if grader() == "coursekit":
            return cards.Card(str(args[0]) if args else "Later", "The grader judges this exercise.")
        return function(*args, **named)

    return answer


@contextlib.contextmanager
def _no_stderr():
    """Keep the error stream empty under nbgrader: one warning in it takes every point from a right answer."""
    if grader() not in ("autograde", "validate"):
        yield
        return
    # The method, so that handlers of logging that hold the stream are covered; the descriptor, for C++ libraries.
    with mock.patch.object(sys.stderr, "write", len), quiet_stderr():
        yield


def check(id, *objects, **named):
    """Check an exercise.

    Parameters
    ----------
    id : str
        The exercise, e.g. "01.3".
    *objects, **named
        The objects that it looks at, in the declared order or by name.

    Returns
    -------
    Report
        Shown as a card at the end of a cell.

    Raises
    ------
    CheckFailed
        Only where the environment variable COURSEKIT_MODE asks for it: "strict" raises on anything but a pass (for
        solutions), "untouched" on anything but "not attempted" (for student notebooks). `nbgrader validate` raises on
        anything but a pass.
    """
    if grader() == "coursekit":
        _handed_in[str(id)] = objects, named
        return Later(str(id), "The grader judges this exercise.")
    start = time.perf_counter()
    try:
        item = framework.get_exercise(id)
    except KeyError as unknown:
        return _finish(_refusal(str(id), "unknown exercise", "unknown-exercise", unknown.args[0]), 0.0)
    names = list(item.arguments)
    unknown = [name for name in named if name not in item.arguments]
    given = dict(zip(names, objects, strict=False))
    if unknown or len(objects) > len(names) or set(given) & set(named):
        message = f"{id} looks at {_list(names)}. Call `{framework.call_line(item)}`."
        return _finish(_refusal(item.id, item.title, "wrong-call", message, item.points), 0.0)
    seed = os.environ.get("COURSEKIT_CHECK_SEED")
    with _no_stderr():
        report = framework.judge(item, local_student({**given, **named}), seed=int(seed) if seed else None)
    return _finish(report, time.perf_counter() - start)


@_unless_graded
def hint(id):
    """The next hint of an exercise: the first time the first, and so on to the last."""
    try:
        item = framework.get_exercise(id)
    except KeyError as unknown:
        return cards.Card("No hint", unknown.args[0])
    shown = min(_hints_shown.get(id, 0) + 1, len(item.hints))
    _hints_shown[id] = shown
    last = " (the last)" if shown == len(item.hints) else ""
    return cards.Card(f"{id} · hint {shown} of {len(item.hints)}{last}", item.hints[shown - 1])


@_unless_graded
def expected(id, now=False):
    """What an exercise asks for; after the first attempt also what comes out of it: the answer and the picture.

    Parameters
    ----------
    id : str
    now : bool
        Show all of it at once.
    """
    try:
        item = framework.get_exercise(id)
    except KeyError as unknown:
        return cards.Card("Nothing expected", unknown.args[0])
    path = place.exercises() / "pictures" / f"{id}.png"
    goal, answer = framework.expected_texts(item)
    if now or id in _attempted or id in kept.load():
        picture = path.read_bytes() if path.exists() else None
        text = f"{goal} {answer}".strip()
        return cards.Card(f"{id} · expected result", text, picture, alt=text)
    hidden = [name for name, there in (("answer", answer), ("picture", path.exists())) if there]
    if hidden:
        goal += (
            f" The {' and the '.join(hidden)} can be seen after your first attempt: run this cell again then, or "
            f'`ck.expected("{id}", now=True)` at any time.'
        )
    return cards.Card(f"{id} · what to reach", goal)


@_unless_graded
def progress():
    """The exercises of the course with their scores; what to do next."""
    return Progress(kept.load())


class Progress:
    """Which exercises are done. Shows as a table in a notebook and as text in a terminal."""

    def __init__(self, scores):
        self.scores = scores
        self.rows = [(number, framework.exercises_in(number)) for number in framework.notebooks()]

    def next(self):
        """The first exercise that is not passed yet, or None."""
        for _, items in self.rows:
            for item in items:
                if self.scores.get(item.id, {}).get("status") != PASSED:
                    return item
        return None

    def _lines(self):
        """What `cards` draws: see `cards.map_text`."""
        lines, files = [], {path.stem.split("_")[0]: path for path in place.notebooks()}
        for number, items in self.rows:
            marks = [(item, self.scores.get(item.id, {}).get("status", NOT_ATTEMPTED)) for item in items]
            score = sum(self.scores.get(item.id, {}).get("score", 0.0) for item in items)
            about = _about(files[number]) if number in files else (_name(number), "", "")
            lines.append((number, about, marks, score, sum(item.points for item in items)))
        return lines

    def __str__(self):
        return cards.map_text(self._lines(), self.next())

    __repr__ = __str__

    def _repr_html_(self):
        return cards.map_html(self._lines(), self.next())


def _name(number):
    """A notebook's number and its name in words, from that of its check module."""
    words = framework.notebooks()[number].stem.split("_")[1:]
    return f"{number} {' '.join(words)}"


def _about(path):
    """The title of a student's notebook, how long it takes, and a link that leads to it from the notebook at work."""
    top = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
    title, minutes = re.match(r"# (.+)", top), re.search(r"About (\d+ min\w* in \d+ sessions)", top)
    here, course = Path.cwd(), path.parents[1]
    link = os.path.relpath(path, here).replace(os.sep, "/") if course in (here, *here.parents) else ""
    return title[1] if title else path.stem, minutes[1] if minutes else "", link


def _refusal(id, title, code, message, points=0.0):
    return Report(id, title, "failed", 0.0, points, (Finding(code, False, message),))


def _list(names):
    return " and ".join(f"`{name}`" for name in names)


def _finish(report, seconds):
    """Log and keep a report, and raise where the mode asks for another outcome."""
    if report.status != NOT_ATTEMPTED:
        _attempted.add(report.exercise)
    log = os.environ.get("COURSEKIT_LOG")
    if log:
        with open(log, "a", encoding="utf-8") as file:
            line = {**report.to_dict(), "seconds": round(seconds, 4), "python": sys.executable}
            file.write(json.dumps(line) + "\n")
    mode = os.environ.get("COURSEKIT_MODE")
    wanted = {"strict": PASSED, "untouched": NOT_ATTEMPTED}.get(mode)
    if wanted and report.status != wanted:
        raise CheckFailed(f"{mode}: expected '{wanted}'\n{report}")
    if grader() == "validate" and not report.passed:
        raise CheckFailed(str(report))
    if not wanted and not grader() and report.status != NOT_ATTEMPTED:
        kept.record(report)
    return report
