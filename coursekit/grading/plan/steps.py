"""What to run and to judge of one submission, in order; what an instructor may want to know; its prose."""

import ast
import builtins
from collections import Counter
from dataclasses import dataclass, replace

from coursekit.grading.plan.course import HEADING
from coursekit.grading.plan.look import (
    EXERCISE_ID,
    MAX_SOURCE,
    arguments_of,
    bindings,
    graded_id,
    installs,
    lent_names,
    look_at,
)
from coursekit.grading.plan.match import match, plain_text
from coursekit.grading.result import Answer, Flag

_NAMES = frozenset(dir(builtins)) | {"__name__", "__file__", "In", "Out", "_", "display", "get_ipython", "exit", "quit"}
_MAX_ANSWERS = 100_000
_MAX_REMARKS = 20


@dataclass(frozen=True)
class Step:
    """One thing to do with a submission, in order."""

    # "cell": run `source`. "check": judge `exercise` on `expressions`. "skip": a code cell that is not run (the install
    # cell; a check cell that another copy replaces).
    kind: str
    index: int  # the cell's place in the submission; -1 where the course adds what was deleted
    source: str
    role: str  # "answer", "check", "course" (exactly as the course gives it) or "own"
    exercise: str  # "" outside all of them
    expressions: dict | None = (
        None  # for a check, need -> expression: the course's, whatever the submission's cell says
    )
    handed: dict | None = None  # the same with what the submission's cell hands in, where that differs


def plan(notebook, cells):
    """What to run and to judge, in order, for one submission.

    Parameters
    ----------
    notebook : Notebook
    cells : sequence of Cell
        What was handed in, as `coursekit.grading.intake.notebook.parse` gives it.

    Returns
    -------
    list of Step
        Every code cell of the submission once, in its order, and exactly one check for every exercise.

    Notes
    -----
    A cell that does nothing but call ``ck.check`` is not run; the check stands in its place, with the course's
    expressions, and beside them what the cell itself hands in, such as a name that the student chose. It is known by
    that call, else by its id, else by nbgrader's name. A cell that does more, or whose
    ``report = ck.check(...)`` another cell uses, is run as it is, and the check stands after it. Where several cells
    call the same check, the last one counts: it is what the student looked at last, after the last repair.

    Where a check cell was deleted, the check stands after the last cell that stands before it in the course and is
    still there, after the student's own cells that follow, and not before the names that it looks at exist. Where
    nothing is left that stands before it, it stands at the end.

    A deleted cell that the course had given (imports, data) is put back where the submission uses a name that nothing
    else binds. Only statements that bind such a name come back where the student binds some of the cell's names
    otherwise: nothing that the student wrote is overwritten. This gives nobody anything: the cell is public, runs
    among the student's own, and the verdict is reached elsewhere. Answers are never put back.

    The cell that installs coursekit is never run.
    """
    looks = [look_at(cell) for cell in cells]
    matched = match(notebook, cells)
    sections = _exercises_of(notebook, cells, matched)
    anchors = _anchors(notebook, cells, looks, matched, sections)
    restored = _restored(notebook, cells, looks, matched)
    uses = Counter(name for look in looks for name in look.used)
    anchors = _before_what_is_lent(notebook, cells, looks, anchors)
    here, handed = {}, _handed(notebook, looks)
    for id in notebook.checks:
        here.setdefault(anchors[id], []).append(id)
    steps = []
    for index, cell in enumerate(cells):
        steps += restored.get(index, [])
        judged = here.get(index, [])
        if cell.kind == "code":
            # A report that another cell uses has to be made.
            wanted = any(uses[name] > (name in looks[index].used) for name in looks[index].bound)
            if looks[index].asks_only(cell, notebook) and not wanted:
                if not judged:
                    exercise = next((id for id, _ in looks[index].calls), sections[index])
                    steps.append(Step("skip", index, cell.source, "check", exercise))
                steps += [_check(notebook, id, handed, index, cell.source) for id in judged]
                continue
            if installs(cell):
                steps.append(Step("skip", index, cell.source, "course", ""))
            else:
                role = _role_of(notebook, cell, matched[index])
                steps.append(Step("cell", index, cell.source, role, sections[index]))
        steps += [_check(notebook, id, handed) for id in judged]
    return steps + restored.get(len(cells), []) + [_check(notebook, id, handed) for id in here.get(-1, [])]


def remarks(notebook, cells):
    """What an instructor may want to know about the check cells of a submission: a list of `Flag`."""
    looks = [look_at(cell) for cell in cells]
    called = Counter(id for look in looks for id, _ in look.calls)
    found = []
    for id, wanted in notebook.checks.items():
        if not called[id]:
            message = f"The check of {id} was deleted; it is judged all the same."
            found.append(Flag("check-deleted", message))
        for look in looks:
            for _, call in (pair for pair in look.calls if pair[0] == id):
                said = arguments_of(call, list(wanted))
                other = [f"`{text}` for `{wanted[need]}`" for need, text in said.items() if text != wanted[need]]
                if other:
                    message = f"A check cell of {id} hands in {', '.join(other)}; the better of the two counts."
                    found.append(Flag("check-edited", message[:400]))
    return list(dict.fromkeys(found))[:_MAX_REMARKS]


def answers(notebook, cells):
    """The student's own prose.

    Parameters
    ----------
    notebook : Notebook
    cells : sequence of Cell

    Returns
    -------
    list of Answer
        For every text cell that is new, and for the lines that are new in a text cell of the course.
    """
    matched = match(notebook, cells)
    given = {plain_text(cell.source) for cell in notebook.cells if cell.kind == "markdown"}
    found, after, left = [], "", _MAX_ANSWERS
    for cell, where in zip(cells, matched, strict=True):
        if cell.kind == "code":
            for id, _ in look_at(cell).calls:
                after = id if id in notebook.checks else after
        if where is not None and notebook.cells[where].exercise:
            after = notebook.cells[where].exercise
        if cell.kind == "code":
            continue
        after = _heading(cell, notebook.checks) or after
        text = plain_text(cell.source)
        if text in given:
            continue
        if where is not None:
            text = _new_lines(plain_text(notebook.cells[where].source), text)
        if text.strip() and left > 0:
            found.append(Answer(after, text.strip()[:left]))
            left -= len(text)
    return found


def _handed(notebook, looks):
    """Exercise -> what the submission's last check of it hands in, where that is not what the course's does."""
    said = {}
    for look in looks:
        for id, call in look.calls:
            if id in notebook.checks:
                mine = arguments_of(call, list(notebook.checks[id])).items()
                said[id] = notebook.checks[id] | {need: text for need, text in mine if len(text) < 500}
    return {id: mine for id, mine in said.items() if mine != notebook.checks[id]}


def _check(notebook, id, handed, index=-1, source=""):
    source = source or notebook.cells[notebook.place_of(id)].source
    return Step("check", index, source, "check", id, dict(notebook.checks[id]), handed.get(id))


def _anchors(notebook, cells, looks, matched, sections):
    """Exercise -> the cell of the submission at which, or after which, it is judged; -1: at the very end."""
    ids = {cell.id: cell.exercise for cell in notebook.cells if cell.role == "check" and cell.id}
    called, placed = {}, {}
    for index, (cell, look) in enumerate(zip(cells, looks, strict=True)):
        if cell.kind != "code":
            continue
        for id, _ in look.calls:
            called[id] = index
        if not look.calls:
            # A check cell that the student emptied or wrote over still says where the check was.
            id = ids.get(cell.id) or graded_id(cell)
            if id:
                placed[id] = index
    anchors = {}
    for id in notebook.checks:
        anchors[id] = called.get(id, placed.get(id))
        if anchors[id] is None:
            anchors[id] = _place(notebook, id, cells, looks, matched, sections, {*called.values(), *placed.values()})
    return anchors


def _before_what_is_lent(notebook, cells, looks, anchors):
    """The anchors, with each check before the first cell in which the course may lend what it looks at.

    In the course no check stands behind such a cell; in a submission one may, where it was copied or moved. It stays
    where it is where a later cell of the student's binds one of its names again.
    """
    lends = [(index, lent_names(cell.source)) for index, cell in enumerate(cells) if cell.kind == "code"]
    moved = {}
    for id in notebook.checks:
        names = notebook.needs(id)
        end = anchors[id] if anchors[id] >= 0 else len(cells)
        first = next((index for index, lent in lends if lent & names and index <= end), None)
        above = notebook.cells[: notebook.place_of(id)]
        ours = set().union(*(lent_names(cell.source) for cell in above)) & names
        again = first is not None and any(looks[i].bound & names for i, lent in lends if first < i < end and not lent)
        moved[id] = anchors[id] if first in (None, 0) or ours or again else first - 1
    return moved


def _place(notebook, id, cells, looks, matched, sections, taken):
    """Where the check of an exercise stands whose check cell was deleted."""
    where = notebook.place_of(id)
    back = {place: index for index, place in enumerate(matched) if place is not None}
    last = next((back[place] for place in range(where - 1, -1, -1) if place in back), None)
    if last is None:
        return -1
    after = last + 1
    while after < len(cells) and matched[after] is None and after not in taken and sections[after] == sections[last]:
        after += 1
    last = after - 1
    for name in notebook.needs(id):
        last = max(last, next((i for i, look in enumerate(looks) if name in look.bound), last))
    return last


def _restored(notebook, cells, looks, matched):
    """Index of a submission's cell -> the steps to run before it: what the course gave and the student deleted."""
    there = {place for place in matched if place is not None}
    bound = set(_NAMES).union(*(look.bound for look in looks))
    used = set().union(*(look.used for look in looks), *map(notebook.needs, notebook.checks))
    deleted = {
        i: look_at(cell) for i, cell in enumerate(notebook.cells)
        if i not in there and cell.kind == "code" and cell.role == "course"
    }  # fmt: skip
    answers = set().union(*(look_at(cell).bound for cell in notebook.cells if cell.role == "answer"))
    own, chosen = set(bound), {}
    changed = True
    while changed:
        changed = False
        for i, look in deleted.items():
            missing = (used - bound - answers) & look.bound
            if missing:
                text = _without_overwriting(notebook.cells[i].source, missing, own)
                more = look_at(replace(notebook.cells[i], source=text))
                chosen[i] = f"{chosen[i]}\n{text}" if i in chosen else text
                bound |= more.bound | missing
                used |= more.used
                changed = True
    steps = {}
    back = {place: index for index, place in enumerate(matched) if place is not None}
    latest = len(cells)
    for i in sorted(chosen, reverse=True):
        cell = replace(notebook.cells[i], source=chosen[i])
        mine = look_at(cell)
        after = next((back[place] + 1 for place in range(i - 1, -1, -1) if place in back), 0)
        for name in mine.used & own:
            after = max(after, next((k + 1 for k, look in enumerate(looks) if name in look.bound), 0))
        first = next((k for k, look in enumerate(looks) if look.used & mine.bound), len(cells))
        # What another restored cell uses must stand before that one.
        latest = min(after, first, latest)
        steps.setdefault(latest, []).insert(0, Step("cell", -1, cell.source, "course", cell.exercise))
    return steps


def _without_overwriting(source, missing, own):
    """A cell of the course; or only its statements that bind `missing`, where others would bind the student's names."""
    body = ast.parse(source).body
    parts = [(statement, *bindings(ast.Module([statement], []))) for statement in body]
    if not any(bound & own for statement, bound, _ in parts if not isinstance(statement, ast.Import | ast.ImportFrom)):
        return source
    wanted, kept = set(missing), []
    for statement, bound, used in reversed(parts):
        if bound & wanted:
            kept.insert(0, statement)
            wanted |= used - own
    return "\n".join(ast.get_source_segment(source, statement) for statement in kept)


def _role_of(notebook, cell, where):
    course = notebook.cells[where] if where is not None else cell
    if course.role == "course" and plain_text(course.source) != plain_text(cell.source):
        return "own"
    return course.role if course.role in ("answer", "course") else "own"


def _heading(cell, known):
    """The exercise that the last heading of a text cell names, else ""."""
    ids = [id for _, text in HEADING.findall(cell.source[:MAX_SOURCE]) for id in EXERCISE_ID.findall(text)[:1]]
    return ids[-1] if ids and ids[-1] in known else ""


def _exercises_of(notebook, cells, matched):
    """The exercise of each cell of a submission: the course's where it is known, else that of the cell above."""
    now, found = "", []
    for cell, where in zip(cells, matched, strict=True):
        if where is not None:
            now = notebook.cells[where].exercise
        elif cell.kind == "markdown":
            now = _heading(cell, notebook.checks) or now
        found.append(now)
    return found


def _new_lines(before, after):
    """The lines of `after` that `before` does not have."""
    old, new = before.splitlines(), after.splitlines()[:5_000]
    had = Counter(old)
    kept = []
    for line in new:
        if had[line]:
            had[line] -= 1
        else:
            kept.append(line)
    return "\n".join(kept)
