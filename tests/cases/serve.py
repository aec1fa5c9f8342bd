"""The child process of the case tests: builds a student's objects and judges them, or serves them on a pipe.

It reads one frame a question from its standard input; see tests/test_cases.py.
"""

import os
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

from coursekit.checks import framework
from coursekit.checks.codec import pack, read_frame, unpack, write_frame
from coursekit.checks.vocabulary import models
from coursekit.session import leave_graphs_as_they_are
from tests.cases import hostile, load
from tests.cases.computed import computed_once
from tests.cases.crossing import student_of_both_ways
from tests.pipes import serve


@cache
def uses_keras(number):
    """Whether the cases of a notebook train networks with Keras: the others need no TensorFlow."""
    (path,) = Path(__file__).parent.glob(f"c{number}_*.py")
    return "import keras" in path.read_text(encoding="utf-8")


def until_wrong(check):
    """A check that ends with its first part that fails: the cause that is told first is known by then."""

    def first_parts(student, rng):
        for part in check(student, rng):
            findings = list(framework.findings_of(part))
            yield from findings
            if not all(finding.passed for finding in findings):
                return

    return first_parts


def main():
    # The frames go through private copies of the descriptors, so that a print in a case cannot break them.
    reader = os.fdopen(os.dup(0), "rb")
    writer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    cases = load()
    computed_once(models)
    built = {}  # the right answers of one notebook, by key: its hostile tests spoil them in turn

    def objects_of(key):
        if any(other.split(".")[0] != key.split(".")[0] for other in built):
            built.clear()
        if uses_keras(key.split(".")[0]):
            leave_graphs_as_they_are()  # as `ck.setup()` does for students
        objects = built[key] if key in built else cases[key].build()
        if cases[key].code is None:
            built[key] = objects
        return objects

    while True:
        try:
            key, spoiled, piped = unpack(*read_frame(reader))
        except EOFError:
            return
        objects = objects_of(key)
        if spoiled == "ways":
            said = {name: [hostile.kind_of(thing), hostile.ways(thing)] for name, thing in objects.items()}
            write_frame(writer, *pack(said, None))
            continue
        if spoiled is not None:
            name, how = spoiled
            objects = {**objects, name: hostile.spoil(objects[name], how)}
        student, differences = student_of_both_ways(objects)
        exercise = framework.get_exercise(cases[key].exercise)
        if cases[key].code and ", " not in cases[key].code and not piped:
            exercise = replace(exercise, check=until_wrong(exercise.check))
        report = framework.judge(exercise, student)
        write_frame(writer, *pack([report.to_dict(), differences], None))
        if piped:
            serve(objects, reader, writer)


if __name__ == "__main__":
    sys.exit(main())
