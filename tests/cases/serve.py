"""The child process of the case tests: builds a student's objects, judges them in place, then serves them on a pipe.

Reads one JSON line a case from its standard input's frames; see tests/test_cases.py.
"""

import os
import sys

from coursekit.checks import core
from coursekit.checks.codec import pack, read_frame, unpack, write_frame
from coursekit.checks.pipe import serve
from coursekit.checks.student import local_student
from tests.cases import hostile, load


def main():
    # The frames go through private copies of the descriptors, so that a print in a case cannot break them.
    reader = os.fdopen(os.dup(0), "rb")
    writer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    cases = load()
    while True:
        try:
            key, spoiler = unpack(*read_frame(reader))
        except EOFError:
            return
        case = cases[key]
        objects = case.build()
        if spoiler is not None:
            objects = hostile.spoil(objects, *spoiler)
        if objects is None:  # this way of spoiling does not apply to this object
            write_frame(writer, *pack(None, None))
            continue
        report = core.judge(core.find(case.exercise), local_student(objects))
        write_frame(writer, *pack(report.to_dict(), None))
        serve(objects, reader, writer)


if __name__ == "__main__":
    sys.exit(main())
