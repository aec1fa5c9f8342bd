"""How long the sessions of the notebooks take: an estimate, counted from their sources.

    python benchmarks/session_times.py [--write] [01 ...]

For a reader who meets the subject for the first time: a minute for 60 words of text (with its formulas and pictures),
a quarter of a minute for a line of given code, a minute and a half for a line of the solution (to find it, write it and
mend it; comments do not count), and three minutes an exercise for its check and hints. The setup counts for the first
session.

Prints, for each session, these minutes beside those that its heading says; with --write, the headings, the README and
the page for instructors say what is counted. tests/test_sessions.py asks that they agree.
"""

import argparse
import re
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
        elif not {"solution", "claim"} & set(cell.metadata.get("tags", [])):  # those stand in the solution alone
            exercises += len(build.CHECK.findall(cell.source))
            for kind, lines in build.regions(cell.source):
                lines = [line.strip() for line in lines if line.strip()]
                given += len(lines) * (kind == "both")
                written += sum(line[0] != "#" for line in lines) * (kind == "solution")
    reading = words / WORDS_A_MINUTE + given / GIVEN_LINES_A_MINUTE
    return reading + written * MINUTES_A_LINE + exercises * MINUTES_AN_EXERCISE


def counted(source):
    """The minutes of each session of a source, in whole numbers."""
    setup, sessions = split(source)
    return [round(estimate([*(setup if session.number == 1 else []), *session.cells])) for session in sessions]


def write(source, minutes):
    """Let a source, its row of the README and the page for instructors say these minutes."""
    number, docs = source.stem.split("_")[0], build.root() / "docs" / "instructors.md"
    each, total = iter(minutes), sum(minutes)
    text = source.read_text(encoding="utf-8")
    heading = r"(# ## Session \d+ of \d+ · .+\n#\n# About )\d+"
    text = re.sub(heading, lambda found: f"{found[1]}{next(each)}", text)
    text = re.sub(r"(?m)^# About \d+ minutes in", f"# About {total} minutes in", text)
    source.write_text(text, encoding="utf-8")
    for path, pattern, said in (
        (build.root() / "README.md", rf"(\| \[{source.stem}\].* \| \d, about )[\d.]+ h", rf"\g<1>{total / 60:.1f} h"),
        *((docs, rf"\b({number} · {n}) \(\d+\)", rf"\1 ({said})") for n, said in enumerate(minutes, 1)),
    ):
        path.write_text(re.sub(pattern, said, path.read_text(encoding="utf-8")), encoding="utf-8")


def write_sums(minutes):
    """Let the README and the page for instructors say the sums of the minutes of all sessions."""
    docs, readme = build.root() / "docs" / "instructors.md", build.root() / "README.md"
    text, hours = docs.read_text(encoding="utf-8"), f"{sum(minutes) / 60:.0f} hours"
    for line in text.splitlines():
        parts = re.findall(r" · \d \((\d+)\)", line)
        if parts:
            text = text.replace(line, re.sub(r"\| \d+ \|$", f"| {sum(map(int, parts))} |", line))
    said = f"has {len(minutes)} sessions of {min(minutes)} to {max(minutes)} minutes, together {hours}"
    docs.write_text(re.sub(r"has \d+ sessions of .* hours", said, text), encoding="utf-8")
    text = re.sub(r"together take about \d+ hours", f"together take about {hours}", readme.read_text(encoding="utf-8"))
    readme.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="numbers of notebooks; all where none is given")
    parser.add_argument("--write", action="store_true", help="let the texts say what is counted")
    args = parser.parse_args()
    for source in build.sources(args.names):
        sessions, minutes = split(source)[1], counted(source)
        for session, found in zip(sessions, minutes, strict=True):
            print(f"{source.stem:28s} session {session.number}: counted {found:3d} min, stated {session.minutes:3d}")
        if args.write and sessions:
            write(source, minutes)
    if args.write:
        write_sums([found for source in build.sources() for found in counted(source)])


if __name__ == "__main__":
    main()
