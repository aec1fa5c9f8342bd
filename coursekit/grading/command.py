"""`coursekit grade`: the grading of a class with a progress bar, and the files that come of it."""

import tempfile
from collections import Counter
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from coursekit.grading import grade as grading
from coursekit.grading import sandbox
from coursekit.grading.intake.archives import SubmissionsError
from coursekit.grading.output import rules as rule_files
from coursekit.grading.output.gradebook import Gradebook
from coursekit.grading.output.publish import publish, write_tables
from coursekit.grading.output.roster import RosterError, listed
from coursekit.grading.plan.course import CourseError, load_all


def main(console, handed_in, out, *, settings, rules=None, roster=None, **options):
    """Grade, then write the results. Returns the exit status: 0, or 2 after one sentence."""
    try:
        notebooks = load_all()
        exercises = [(id, book.titles[id], book.points[id]) for book in notebooks.values() for id in book.checks]
        rule = rule_files.read(rules, [id for id, *_ in exercises]) if rules else None
        if roster:
            _try(roster, exercises, rule)
        if settings.unsafe:
            console.print(sandbox.describe(unsafe=True), style="bold red", soft_wrap=True)
        found = _grade(console, handed_in, out, settings=settings, **options)
        given = {number: [cell.source for cell in book.cells] for number, book in notebooks.items()}
        notices = _of_earlier(out, found, options.get("notebook"))
        for sentence in publish(out, exercises, rules=rule, roster=roster, given=given, notices=notices):
            console.print(sentence, markup=False, soft_wrap=True)
    except (grading.Stop, CourseError, SubmissionsError, rule_files.RulesError, RosterError) as reason:
        console.print(str(reason), markup=False, soft_wrap=True)
        return 2
    except OSError as error:
        place = error.filename2 or error.filename or out
        said = f"Grading stopped: {error.strerror or error} ({place}). Make room, or move away what stands there, and "
        said += "give the same command again: the marks until then are kept."
        console.print(said, markup=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        there = len(list((Path(out) / "results").glob("*.json")))
        console.print(f"Stopped. {there} results are kept; the same command goes on from there.")
        return 130
    return 0


def _try(roster, exercises, rule):
    """Write empty tables by the class list into nowhere, so that a wrong one is refused before the grading."""
    if not Path(roster).is_file():
        what = f"{roster} is a folder" if Path(roster).is_dir() else f"There is no file {roster}"
        raise RosterError(f"{what}: --roster names the class list that Canvas or Moodle exported.")
    with tempfile.TemporaryDirectory() as folder:
        write_tables(folder, Gradebook([], exercises, rule), roster)


def _grade(console, handed_in, out, **options):
    with Progress(
        TextColumn("grading"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[last]}"), console=console, transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task("", total=None, last="")

        def show(result, done, total):
            bar.update(task, completed=done, total=total, last=escape(result.student)[:30])

        found = grading.grade(handed_in, out, on_result=show, **options)
    count = Counter(result.status for result in found)
    said = ", ".join(f"{number} {status}" for status, number in sorted(count.items()))
    console.print(f"{len(found)} notebooks: {said}. Results in {escape(str(out))}.")
    return found


def _of_earlier(out, found, notebook):
    """A sentence on results in `out` that are not of this hand-in: of another notebook's, or of one taken back."""
    now = {Path(result.path).name for result in found}
    paths = sorted((Path(out) / "results").glob(f"[!.]*--{notebook or '*'}.json"))
    earlier = [path.stem for path in paths if path.name not in now]
    if earlier:
        yield (
            f"Results of earlier hand-ins stand in the tables too: {listed(earlier)}. Delete the files that should not "
            f"count from {Path(out) / 'results'} and give the command again."
        )
