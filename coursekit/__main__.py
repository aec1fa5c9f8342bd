"""`python -m coursekit`: the command line. This file and `__init__` are read by any Python, even an old one."""

import sys


def main():
    if sys.version_info < (3, 8):  # noqa: UP036
        this = str(sys.version_info[0]) + "." + str(sys.version_info[1])
        sys.stderr.write("This is Python " + this + ", which is too old to start the course: use Python 3.8 or later, ")
        sys.stderr.write("for example from python.org.\n")
        return 1
    try:
        from coursekit import cli

        return cli.main()
    except KeyboardInterrupt:  # while the first files are read
        return 130


if __name__ == "__main__":
    sys.exit(main())
