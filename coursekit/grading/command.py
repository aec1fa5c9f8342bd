"""`coursekit grade`: the grading of a class with a progress bar, and the files that come of it."""

import secrets
from collections import Counter
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from coursekit import variants
from coursekit.grading import course, pages, sandbox
from coursekit.grading import grade as grading
from coursekit.grading import rules as rule_files
from coursekit.grading.results import RosterError
from coursekit.grading.submissions import SubmissionsError


def main(console, handed_in, out, *, rules=None, roster=None, regrade=None, secret=None, unsafe=False, **options):
    """Grade, then write the results. Returns the exit status: 0, or 2 after one sentence."""
    try:
        notebooks = course.load_all()
        exercises = [(id, book.titles[id], book.points[id]) for book in notebooks.values() for id in book.checks]
        rule = rule_files.read(rules, [id for id, *_ in exercises]) if rules else None
        if regrade:
            console.print(grading.regrade(out, regrade), markup=False, soft_wrap=True)
        else:
            if unsafe:
                console.print(sandbox.describe(unsafe=True), style="bold red", soft_wrap=True)
            options["secret"] = _read(secret) if secret else ""
            _grade(console, handed_in, out, unsafe=unsafe, **options)
        given = {number: [cell.source for cell in book.cells] for number, book in notebooks.items()}
        for sentence in pages.publish(out, exercises, rules=rule, roster=roster, given=given):
            console.print(sentence, markup=False, soft_wrap=True)
    except (grading.Stop, course.CourseError, SubmissionsError, rule_files.RulesError, RosterError) as reason:
        console.print(str(reason), markup=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        there = len(list((Path(out) / "results").glob("*.json")))
        console.print(f"Stopped. {there} results are kept; the same command goes on from there.")
        return 130
    return 0


def codes(console, students, secret):
    """Print a code for each student. Returns the exit status."""
    try:
        if not secret.exists():
            secret.write_text(secrets.token_hex(16) + "\n", encoding="utf-8")
            secret.chmod(0o600)
        said = _read(secret)
        for name in _read(students).splitlines():
            if name.strip():
                print(f"{name.strip()}\t{variants.code(name, said)}")
    except (grading.Stop, OSError) as reason:
        console.print(str(reason), markup=False, soft_wrap=True)
        return 2
    return 0


def _read(path):
    """The text of a small file that the instructor named."""
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise grading.Stop(f"{path} cannot be read ({error}). Give the path of a text file.") from None
    if not text:
        raise grading.Stop(f"{path} is empty. Give a file with text in it.")
    return text


def _grade(console, handed_in, out, **options):
    with Progress(
        TextColumn("grading"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[last]}"), console=console, transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task("", total=None, last="")

        def show(result, done, total):
            bar.update(task, completed=done, total=total, last=escape(result["student"])[:30])

        found = grading.grade(handed_in, out, on_result=show, **options)
    count = Counter(result["status"] for result in found)
    said = ", ".join(f"{number} {status}" for status, number in sorted(count.items()))
    console.print(f"{len(found)} notebooks: {said}. Results in {escape(str(out))}.")
