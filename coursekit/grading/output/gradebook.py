"""From a folder of results to the tables that an instructor opens and uploads.

Everything here is a function of the results, so that it can be run again at any time, also when half are graded.
What comes from a student (names, prose, flags that quote them) is text in a table and never a formula.

gradebook.csv and text_answers.csv begin with a byte order mark: they are made to be opened, and Excel takes a file
without one for the code page of the machine and shows "MÃ¼ller". The files for Canvas and Moodle have none: they are
made to be uploaded, and both read plain UTF-8.
"""

import unicodedata
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from coursekit.grading.output.cells import to_csv
from coursekit.grading.output.rules import Rules, apply
from coursekit.grading.result import load as load_result


@dataclass
class Gradebook:
    """The results of a class, and what they count."""

    results: list  # in any order; kept by student, without regard to case, then by notebook
    exercises: list  # (id, title, points) of every exercise of the course
    rules: Rules | None = None

    def __post_init__(self):
        self.results = ordered(self.results)
        self.rules = self.rules or Rules()

    @cached_property
    def students(self):
        """Student -> notebook -> result, in order."""
        table = {}
        for result in self.results:
            table.setdefault(result.student, {})[result.notebook] = result
        return table

    @cached_property
    def in_play(self):
        """The exercises of the notebooks that occur in the results, in the order of the course."""
        handed_in = {result.notebook for result in self.results}
        return [item for item in self.exercises if notebook_of(item) in handed_in]

    @property
    def notebooks(self):
        """The numbers of these notebooks, each once, in order."""
        return list(dict.fromkeys(map(notebook_of, self.in_play)))

    @cached_property
    def scores(self):
        """(student, notebook) -> `Score`."""
        return {(result.student, result.notebook): self.score(result) for result in self.results}

    def score(self, result):
        return apply(self.rules, result, self.exercises)

    def mark(self, student, notebook):
        """The total of one notebook; None where it was not handed in or the grader failed."""
        result = self.students.get(student, {}).get(notebook)
        return None if result is None or result.failed else self.scores[student, notebook].total

    def worth(self, exercises):
        """What some exercises are worth together."""
        return sum(float(self.rules.points.get(id, points)) for id, _, points in exercises)

    def worth_of(self, notebook):
        return self.worth(item for item in self.exercises if notebook_of(item) == notebook)


def notebook_of(exercise):
    return exercise[0].split(".")[0]


def load(folder):
    """Read the results in `folder`, without the outputs of cells: so a class fits into memory, whatever it drew.

    Parameters
    ----------
    folder : path

    Returns
    -------
    results : list of Result
        Sorted by student and notebook, whatever the order in which they were written; each student with one name
        that nobody else has.
    problems : list of str
        One sentence for each file that is no result.
    """
    results, problems = [], []
    for path in sorted(Path(folder).glob("[!.]*.json")):
        result = load_result(path)
        if result is None:
            problems.append(f"{path.name} is not a result of this version; delete it and grade again.")
            continue
        cells = [replace(cell, outputs=[]) for cell in result.cells]
        results.append(replace(result, cells=cells, path=str(path)))
    return ordered(_named(results)), problems


def _named(results):
    """The results with one name for each student and no name for two, as all tables and pages know students by it.

    A student may have written the name in two ways, and two may be called the same. Who is who says the file's name.
    """
    names, taken = {}, set()
    for result in ordered(results):
        stem = Path(result.path).stem
        key = stem.rpartition("--")[0] or stem
        if key not in names:
            name = result.student
            while name.casefold() in taken:
                name = f"{name} ({result.ident or key})"
            names[key] = name
            taken.add(name.casefold())
        yield replace(result, student=names[key])


def ordered(results):
    """The results by student, without regard to case, then notebook."""

    def place(result):
        return unicodedata.normalize("NFKD", result.student).casefold(), result.student, result.notebook

    return sorted(results, key=place)


def table(book):
    """A row per student: score per exercise, total, maximum, percent, status, seconds, flags.

    A notebook that was not handed in leaves its cells empty and counts as nothing; one on which the grader itself
    failed leaves the total empty too: it is no zero, it waits for a human being.

    Parameters
    ----------
    book : Gradebook

    Returns
    -------
    str
        The text of a CSV file. A column of an exercise is called "01.1 Its title", because a spreadsheet would make
        the number 1.1, or the first of January, of the id alone.
    """
    header = ["student", *(f"{id} {title}" for id, title, _ in book.in_play), "earned", "bonus", "late", "days_late",
              "total", "maximum", "percent", "status", "seconds", "flags"]  # fmt: skip
    maximum = book.worth(book.in_play)
    rows = []
    for student, own in book.students.items():
        scores = [book.scores[student, number] for number in own]
        broken = {number for number, result in own.items() if result.failed}
        of = {id: one[0] for score in scores for id, one in score.exercises.items() if id.split(".")[0] not in broken}
        total = None if broken else sum(score.total for score in scores)
        rows.append([
            student,
            *(of.get(id) for id, _, _ in book.in_play),
            sum(score.earned for score in scores),
            sum(score.bonus for score in scores),
            sum(score.late + score.cap for score in scores),
            max(score.days_late for score in scores),
            total, maximum, round(100 * total / maximum, 1) if maximum and total is not None else None,
            _each(own, lambda result: result.status),
            round(sum(result.seconds for result in own.values()), 1),
            "; ".join(_flags(own)),
        ])  # fmt: skip
    return to_csv([header, *rows])


def text_answers(book):
    """Every answer in prose, by exercise, with empty columns for points and remarks."""
    rows = [["exercise", "title", "student", "answer", "points", "remarks"]]
    rows += [[*answer, None, None] for answer in answers(book)]
    return to_csv(rows)


def answers(book):
    """(exercise, title, student, text) of every answer in prose, in the order of the course."""
    places = {id: (place, title) for place, (id, title, _) in enumerate(book.exercises)}
    found = []
    for result in book.results:
        for answer in result.answers:
            place, title = places.get(answer.after, (-1, "Before the first exercise"))
            found.append((result.notebook, place, answer.after, title, result.student, answer.text))
    return [item[2:] for item in sorted(found, key=lambda item: item[:3])]


def _each(own, what):
    """One notebook's value as it is, several with their numbers before them."""
    several = len(own) > 1
    return "; ".join(f"{number}: {what(result)}" if several else what(result) for number, result in own.items())


def _flags(own):
    for number, result in own.items():
        for flag in result.flags:
            yield f"{number + ' ' if len(own) > 1 else ''}{flag.code}: {flag.message}"
