"""What the course says: its cells, its check cells, and in which order a submission is run and judged.

Everything that decides about marks (points, order, what a check looks at) comes from the committed notebooks and from
`coursekit.exercises`; nothing of it from a submission. A submission only says where its cells stand.

`coursekit.checks.framework` is imported inside the functions that need it: it must never be loaded in a process that
runs students' code.
"""

import ast
import re
from dataclasses import dataclass, replace

from coursekit import place
from coursekit.grading.plan.look import EXERCISE_ID, arguments_of, bindings, installs, look_at

HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*)$", re.M)


class CourseError(Exception):
    """The course's own notebooks cannot be used. The message is one sentence that says what to do."""


@dataclass(frozen=True)
class Notebook:
    """A notebook of the course, such as "01" of the name "01_xor_mlp"."""

    number: str
    name: str
    cells: tuple  # of `Cell`
    checks: dict  # exercise -> {need: expression}, in the course's order: what its check cell hands to the check
    points: dict  # exercise -> points
    titles: dict  # exercise -> title

    def place_of(self, id):
        """Where the check cell of an exercise stands."""
        return next(i for i, cell in enumerate(self.cells) if cell.role == "check" and cell.exercise == id)

    def needs(self, id):
        """The names that the check of an exercise looks at."""
        return {name for text in self.checks[id].values() for name in bindings(ast.parse(text))[1]}


def names():
    """The notebooks with exercises: number -> name, from the file names alone."""
    return {path.stem.split("_")[0]: path.stem for path in place.notebooks()}


def load(number):
    """Read one notebook of the course.

    Parameters
    ----------
    number : str
        "01", or the name "01_xor_mlp".

    Returns
    -------
    Notebook

    Raises
    ------
    CourseError
        Where there is no such notebook, or where its check cells and the declared exercises differ.
    """
    from coursekit.checks import framework
    from coursekit.grading.intake.notebook import Unreadable, parse

    known = names()
    number = str(number).split("_")[0]
    if number not in known:
        raise CourseError(f"The course has no notebook {number!r}. It has {', '.join(known) or 'none'}.")
    path = place.folder() / "notebooks" / f"{known[number]}.ipynb"
    try:
        cells = parse(path.read_bytes())
    except Unreadable as error:
        raise CourseError(f"notebooks/{path.name} cannot be read: {error} Run `coursekit build {number}`.") from None
    exercises = {item.id: item for item in framework.exercises_in(number)}
    checks, said = {}, []
    for cell in cells:
        calls = [call for call in look_at(cell).calls if call[0] in exercises] if cell.kind == "code" else []
        for id, call in calls:
            if id in checks:
                raise CourseError(f"notebooks/{path.name} checks {id} twice. Run `coursekit build {number}`.")
            checks[id] = _expressions(call, list(exercises[id].arguments))
        role = "check" if calls else "install" if installs(cell) else _role(cell)
        said.append(replace(cell, role=role))
    if set(checks) != set(exercises):
        odd = ", ".join(sorted(set(checks) ^ set(exercises)))
        raise CourseError(
            f"notebooks/{path.name} and its check module differ about {odd}. Run `coursekit build {number}`."
        )
    return Notebook(
        number,
        known[number],
        tuple(_sections(said)),
        {id: checks[id] for id in exercises},
        {id: item.points for id, item in exercises.items()},
        {id: item.title for id, item in exercises.items()},
    )


def load_all():
    """Every notebook with exercises: number -> `Notebook`.

    Raises
    ------
    CourseError
        Where there is none, or where `load` raises it.
    """
    found = {number: load(number) for number in names()}
    if not found:
        raise CourseError(f"There is no course in {place.folder()}: it has no notebooks/NN_name.ipynb.")
    return found


def _expressions(call, arguments):
    given = arguments_of(call, arguments)
    if list(sorted(given)) != sorted(arguments):
        raise CourseError(f"A check cell of the course reads `{ast.unparse(call)}`; it should hand in {arguments}.")
    return {need: given[need] for need in arguments}


def _role(cell):
    """The role of a cell of the course that is neither a check nor the install cell."""
    return "answer" if cell.grade_id.startswith("answer-") else "course"


def _sections(cells):
    """The course's cells with the exercise of each: that of the last heading; a check cell names its own."""
    now, said = "", []
    for cell in cells:
        if cell.kind == "markdown" and (headings := HEADING.findall(cell.source)):
            ids = [id for level, text in headings if len(level) <= 2 for id in EXERCISE_ID.findall(text)[:1] or [""]]
            now = ids[-1] if ids else now
        if cell.role == "check":
            now = look_at(cell).calls[0][0]
        said.append(replace(cell, exercise=now))
    return said
