"""How long the sessions of the notebooks take: an estimate, counted from their sources.

    python benchmarks/session_times.py [01 ...]

For a reader who meets the subject for the first time: a minute for 60 words of text (with its formulas and pictures), a
quarter of a minute for a line of given code, a minute and a half for a line of the solution (to find it, write it and
mend it), and three minutes an exercise for its check and hints. The setup counts for the first session.

Prints, for each session, these minutes beside those that its heading says. tests/test_sessions.py asks that the two
agree.
"""

import re
import sys
from dataclasses import dataclass

import jupytext

from coursekit import build

HEADING = re.compile(r"## Session (\d+) of (\d+) · (.+)\n#? ?\n?About (\d+) minutes")
WORDS_A_MINUTE, GIVEN_LINES_A_MINUTE, MINUTES_A_LINE, MINUTES_AN_EXERCISE = 60, 4, 1.5, 3


@dataclass(frozen=True)
class Session:
    """One sitting with a notebook: its number, title, stated minutes, and the cells of the source."""

    number: int
    title: str
    minutes: int
    cells: list


def split(source):
    """The setup cells of a source, and its `Session` s."""
    setup, found = [], []
    for cell in jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent").cells:
        heading = HEADING.match(cell.source) if cell.cell_type == "markdown" else None
        if heading:
            found.append(Session(int(heading[1]), heading[3], int(heading[4]), [cell]))
        else:
            (found[-1].cells if found else setup).append(cell)
    return setup, found


def estimate(cells):
    """The minutes that a student needs for the cells of a source."""
    words = given = written = exercises = 0
    for cell in cells:
        if cell.cell_type == "markdown":
            words += len(cell.source.split())
        elif "solution" not in cell.metadata.get("tags", []):
            exercises += len(build.CHECK.findall(cell.source))
            for kind, lines in build.regions(cell.source):
                count = sum(bool(line.strip()) for line in lines)
                given += count * (kind == "both")
                written += count * (kind == "solution")
    reading = words / WORDS_A_MINUTE + given / GIVEN_LINES_A_MINUTE
    return reading + written * MINUTES_A_LINE + exercises * MINUTES_AN_EXERCISE


def main():
    for source in build.sources(sys.argv[1:]):
        setup, sessions = split(source)
        for session in sessions:
            cells = setup + session.cells if session.number == 1 else session.cells
            counted = estimate(cells)
            print(
                f"{source.stem:28s} session {session.number}: counted {counted:3.0f} min, stated {session.minutes:3d}"
            )


if __name__ == "__main__":
    main()
