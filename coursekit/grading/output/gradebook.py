"""From a folder of results to the tables that an instructor opens and uploads.

Everything here is a function of the results, so that it can be run again at any time, also when half are graded.
What comes from a student (names, prose, flags that quote them) is text in a table and never a formula.

gradebook.csv and text_answers.csv begin with a byte order mark: they are made to be opened, and Excel takes a file
without one for the code page of the machine and shows "MÃ¼ller". The files for Canvas and Moodle have none: they are
made to be uploaded, and both read plain UTF-8.
"""

import math
import unicodedata
from dataclasses import replace
from pathlib import Path

from coursekit.grading.output import rules as _rules
from coursekit.grading.output.cells import to_csv
from coursekit.grading.result import load as load_result


def load(folder, outputs=True):
    """Read the results in `folder`.

    Parameters
    ----------
    folder : path
    outputs : bool
        Without them a class fits into memory, however many pictures it drew; `result.read` gives one whole.

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
        if not outputs:
            result = replace(result, cells=[replace(cell, outputs=[]) for cell in result.cells])
        results.append(replace(result, path=str(path)))
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
    return sorted(results, key=lambda item: (*_sorting(item.student), item.notebook))


def by_student(results):
    """Student -> notebook -> result, in order."""
    table = {}
    for result in ordered(results):
        table.setdefault(result.student, {})[result.notebook] = result
    return table


def in_play(results, exercises):
    """The exercises of the notebooks that occur in the results, in the order of the course."""
    numbers = {result.notebook for result in results}
    return [item for item in exercises if item[0].split(".")[0] in numbers]


def numbers_of(exercises):
    """The notebooks' numbers, each once, in order."""
    return list(dict.fromkeys(item[0].split(".")[0] for item in exercises))


def gradebook(results, exercises, rules=None):
    """A row per student: score per exercise, total, maximum, percent, status, seconds, flags.

    A notebook that was not handed in leaves its cells empty and counts as nothing; one on which the grader itself
    failed leaves the total empty too: it is no zero, it waits for a human being.

    Parameters
    ----------
    results : list of Result
    exercises : list of (id, title, points)
    rules : Rules, optional

    Returns
    -------
    str
        The text of a CSV file. A column of an exercise is called "01.1 Its title", because a spreadsheet would make
        the number 1.1, or the first of January, of the id alone.
    """
    rules = rules or _rules.Rules()
    mine = in_play(results, exercises)
    header = ["student", *(f"{id} {title}" for id, title, _ in mine), "earned", "bonus", "late", "days_late",
              "total", "maximum", "percent", "status", "seconds", "flags"]  # fmt: skip
    rows = []
    for student, own in by_student(results).items():
        scores = {number: _rules.apply(rules, result, exercises) for number, result in own.items()}
        of = {id: worth.exercises[id][0] for number, worth in scores.items() for id in worth.exercises}
        failed = any(result.failed for result in own.values())
        maximum = sum(float(rules.points.get(id, points)) for id, _, points in mine)
        total = None if failed else sum(worth.total for worth in scores.values())
        broken = {number for number, result in own.items() if result.failed}
        rows.append([
            student,
            *(None if id.split(".")[0] in broken else of.get(id) for id, _, _ in mine),
            sum(worth.earned for worth in scores.values()),
            sum(worth.bonus for worth in scores.values()),
            sum(worth.late + worth.cap for worth in scores.values()),
            max(worth.days_late for worth in scores.values()),
            total, maximum, round(100 * total / maximum, 1) if maximum and total is not None else None,
            _each(own, lambda result: result.status),
            round(sum(_finite(result.seconds) for result in own.values()), 1),
            "; ".join(_flags(own)),
        ])  # fmt: skip
    return to_csv([header, *rows])


def text_answers(results, exercises):
    """Every answer in prose, by exercise, with empty columns for points and remarks."""
    rows = [["exercise", "title", "student", "answer", "points", "remarks"]]
    rows += [[id, title, student, text, None, None] for id, title, student, text in answers(results, exercises)]
    return to_csv(rows)


def answers(results, exercises):
    """(exercise, title, student, text) of every answer in prose, in the order of the course."""
    places = {id: (place, title) for place, (id, title, _) in enumerate(exercises)}
    found = []
    for result in ordered(results):
        for answer in result.answers:
            place, title = places.get(answer.after, (-1, "Before the first exercise"))
            found.append((result.notebook, place, answer.after, title, result.student, answer.text))
    return [item[2:] for item in sorted(found, key=lambda item: (item[0], item[1]))]


def marks_of(results, exercises, rules):
    """(student, notebook) -> total; none where the grader failed."""
    return {
        (result.student, result.notebook): _rules.apply(rules, result, exercises).total
        for result in results
        if not result.failed
    }


def worth_of(number, exercises, rules):
    return sum(float(rules.points.get(id, points)) for id, _, points in exercises if id.split(".")[0] == number)


def _each(own, what):
    """One notebook's value as it is, several with their numbers before them."""
    several = len(own) > 1
    return "; ".join(f"{number}: {what(result)}" if several else what(result) for number, result in own.items())


def _flags(own):
    for number, result in own.items():
        for flag in result.flags:
            yield f"{number + ' ' if len(own) > 1 else ''}{flag.code}: {flag.message}"


def _finite(value):
    value = float(value or 0.0)
    return value if math.isfinite(value) else 0.0


def _sorting(name):
    return unicodedata.normalize("NFKD", name).casefold(), name
