"""What the course says: its cells, its check cells, and in which order a submission is run and judged.

Everything that decides about marks (points, order, what a check looks at) comes from the committed notebooks and from
`coursekit.exercises`; nothing of it from a submission. A submission only says where its cells stand.

`coursekit.checks.framework` is imported inside the functions that need it: it must never be loaded in a process that
runs students' code.
"""

import ast
import builtins
import re
from collections import Counter
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path

from coursekit import place
from coursekit.grading.result import Answer, Flag

_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*)$", re.M)
_EXERCISE = re.compile(r"\b(\d\d[a-z]?\.\d{1,2})(?!\d)")
_CHECK_ID = re.compile(r"check-(\d\d[a-z]?)-(\d{1,2})")
_MAGIC = re.compile(r"^([ \t]*)(?:(\w+(?:, ?\w+)*)[ \t]*=[ \t]*)?[%!].*$|^\?.*$|^[\w.]+\?{1,2}[ \t]*$", re.M)
_BADGE = re.compile(r"^\[!\[.*$", re.M)
_TOKEN = re.compile(r"\w+|[^\w\s]")
_NAMES = frozenset(dir(builtins)) | {"__name__", "__file__", "In", "Out", "_", "display", "get_ipython", "exit", "quit"}

# Bounds on the work that a submission can cause. Similarity compares the beginning of cells only.
_MAX_SOURCE = 50_000
_MAX_ANSWERS = 100_000
_MAX_REMARKS = 20
_MAX_TOKENS = 150
_MAX_COMPARISONS = 2_000
_MAX_GLANCES = 20_000
_SIMILAR = 0.6


class CourseError(Exception):
    """The course's own notebooks cannot be used. The message is one sentence that says what to do."""


@dataclass(frozen=True)
class Cell:
    """One cell of a notebook.

    Parameters
    ----------
    id : str
        "" where it has none.
    kind : str
        "code", "markdown" or "raw".
    source : str
    grade_id : str
        nbgrader's name of the cell, or "".
    role : str
        "answer", "check", "course", "install" in the course; in a submission "own" too; "" while unknown.
    exercise : str
        "01.3", or "" where it belongs to none.
    """

    id: str
    kind: str
    source: str
    grade_id: str = ""
    role: str = ""
    exercise: str = ""


@dataclass(frozen=True)
class Notebook:
    """A notebook of the course.

    Parameters
    ----------
    number, name : str
        "01" and "01_xor_mlp".
    cells : tuple of Cell
    checks : dict
        Exercise -> {need: expression}, in the course's order: what its check cell hands to the check.
    points : dict
        Exercise -> points.
    titles : dict
        Exercise -> title.
    """

    number: str
    name: str
    cells: tuple
    checks: dict
    points: dict
    titles: dict


@dataclass(frozen=True)
class Step:
    """One thing to do with a submission, in order.

    Parameters
    ----------
    kind : str
        "cell": run `source`. "check": judge `exercise` on `expressions`. "skip": a code cell that is not run (the
        install cell; a check cell that another copy replaces).
    index : int
        The cell's place in the submission; -1 where the course adds what was deleted.
    source : str
    role : str
        "answer", "check", "course" (exactly as the course gives it) or "own".
    exercise : str
        The exercise, or "" outside all of them.
    expressions : dict
        need -> expression, for a check: the course's, whatever the submission's cell says.
    handed : dict
        The same with what the submission's cell hands in, where that differs.
    """

    kind: str
    index: int
    source: str
    role: str
    exercise: str
    expressions: dict | None = None
    handed: dict | None = None


def names(folder=None):
    """The notebooks with exercises: number -> name, from the file names alone."""
    return {path.stem.split("_")[0]: path.stem for path in place.notebooks(folder)}


def load(number, folder=None):
    """Read one notebook of the course.

    Parameters
    ----------
    number : str
        "01", or the name "01_xor_mlp".
    folder : Path, optional
        Where its notebooks are; see `coursekit.place` where not given.

    Returns
    -------
    Notebook

    Raises
    ------
    CourseError
        Where there is no such notebook, or where its check cells and the declared exercises differ.
    """
    from coursekit.checks import framework
    from coursekit.grading.submissions import Unreadable, parse

    known = names(folder)
    number = str(number).split("_")[0]
    if number not in known:
        raise CourseError(f"The course has no notebook {number!r}. It has {', '.join(known) or 'none'}.")
    path = Path(folder or place.folder()) / "notebooks" / f"{known[number]}.ipynb"
    try:
        cells = parse(path.read_bytes())
    except Unreadable as error:
        raise CourseError(f"notebooks/{path.name} cannot be read: {error} Run `coursekit build {number}`.") from None
    exercises = {item.id: item for item in framework.exercises_in(number)}
    checks, said = {}, []
    for cell in cells:
        calls = [call for call in _look(cell).calls if call[0] in exercises] if cell.kind == "code" else []
        for id, call in calls:
            if id in checks:
                raise CourseError(f"notebooks/{path.name} checks {id} twice. Run `coursekit build {number}`.")
            checks[id] = _expressions(call, list(exercises[id].arguments))
        role = "check" if calls else "install" if _installs(cell) else _role(cell)
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


def load_all(folder=None):
    """Every notebook with exercises: number -> `Notebook`.

    Raises
    ------
    CourseError
        Where there is none, or where `load` raises it.
    """
    found = {number: load(number, folder) for number in names(folder)}
    if not found:
        raise CourseError(f"There is no course in {folder or place.folder()}: it has no notebooks/NN_name.ipynb.")
    return found


def plan(notebook, cells):
    """What to run and to judge, in order, for one submission.

    Parameters
    ----------
    notebook : Notebook
    cells : sequence of Cell
        What was handed in, as `coursekit.grading.submissions.parse` gives it.

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
    looks = [_look(cell) for cell in cells]
    matched = match(notebook, cells)
    sections = _exercises_of(notebook, cells, matched)
    anchors = _anchors(notebook, cells, looks, matched, sections)
    restored = _restored(notebook, cells, looks, matched)
    uses = Counter(name for look in looks for name in look.used)
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
            if _installs(cell):
                steps.append(Step("skip", index, cell.source, "course", ""))
            else:
                role = _role_of(notebook, cell, matched[index])
                steps.append(Step("cell", index, cell.source, role, sections[index]))
        steps += [_check(notebook, id, handed) for id in judged]
    return steps + restored.get(len(cells), []) + [_check(notebook, id, handed) for id in here.get(-1, [])]


def remarks(notebook, cells):
    """What an instructor may want to know about the check cells of a submission: a list of `Flag`."""
    looks = [_look(cell) for cell in cells]
    called = Counter(id for look in looks for id, _ in look.calls)
    found = []
    for id, wanted in notebook.checks.items():
        if not called[id]:
            message = f"The check of {id} was deleted; it is judged all the same."
            found.append(Flag("check-deleted", message))
        for look in looks:
            for _, call in (pair for pair in look.calls if pair[0] == id):
                said = _arguments(call, list(wanted))
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
    given = {_plain(cell.source) for cell in notebook.cells if cell.kind == "markdown"}
    found, after, left = [], "", _MAX_ANSWERS
    for cell, where in zip(cells, matched, strict=True):
        if cell.kind == "code":
            for id, _ in _look(cell).calls:
                after = id if id in notebook.checks else after
        if where is not None and notebook.cells[where].exercise:
            after = notebook.cells[where].exercise
        if cell.kind == "code":
            continue
        after = _heading(cell, notebook.checks) or after
        text = _plain(cell.source)
        if text in given:
            continue
        if where is not None:
            text = _new_lines(_plain(notebook.cells[where].source), text)
        if text.strip() and left > 0:
            found.append(Answer(after, text.strip()[:left]))
            left -= len(text)
    return found


def which(notebooks, cells, name=""):
    """Which notebook of the course was handed in.

    Parameters
    ----------
    notebooks : dict
        number -> Notebook, as `load_all` gives it.
    cells : sequence of Cell
    name : str
        The file's name; it decides only between notebooks that have equally much in common with the submission.

    Returns
    -------
    str or None
        The number, or None where nothing in it comes from the course.
    """
    ids = Counter(cell.id for notebook in notebooks.values() for cell in notebook.cells)
    texts = Counter(text for notebook in notebooks.values() for text in {_plain(c.source) for c in notebook.cells})
    # Ids and texts that stand in several notebooks say nothing.
    named = {
        id for cell in cells if cell.kind == "code" for id in [*(c[0] for c in _look(cell).calls), _graded(cell)] if id
    }
    mine, said = {cell.id for cell in cells}, {_plain(cell.source) for cell in cells}
    votes = {}
    for number, notebook in notebooks.items():
        shared = sum(1 for cell in notebook.cells if ids[cell.id] == 1 and cell.id and cell.id in mine)
        same = {text for c in notebook.cells if texts[text := _plain(c.source)] == 1 and len(text) > 12} & said
        votes[number] = 3 * len(named & set(notebook.checks)) + shared + len(same)
    best = max(votes.values(), default=0)
    if not best:
        return None
    tied = [number for number, count in votes.items() if count == best]
    by_name = [number for number in tied if re.search(rf"(?<![0-9A-Za-z]){number}(?![0-9A-Za-z])", name)]
    return (by_name or tied)[0]


def match(notebook, cells):
    """Which cell of the course each cell of a submission is: a list of indices, or None where it is the student's own.

    By id; then by equal text; then, for answers, by the names that they define; then by similarity. A cell of the
    course is given away once.
    """
    free = dict.fromkeys(range(len(notebook.cells)))
    found = [None] * len(cells)

    def take(index, where):
        found[index] = where
        free.pop(where)

    texts = [_plain(cell.source) for cell in notebook.cells]
    said = [_plain(cell.source) for cell in cells]
    by_id = {(cell.id, cell.kind): i for i, cell in enumerate(notebook.cells) if cell.id}
    by_text = {}
    for i, cell in enumerate(notebook.cells):
        by_text.setdefault((cell.kind, texts[i]), []).append(i)
    # Of several cells with the same id, the one that was left as it is; else the first.
    for exact in (True, False):
        for index, cell in enumerate(cells):
            where = by_id.get((cell.id, cell.kind))
            if found[index] is None and where in free and (not exact or said[index] == texts[where]):
                take(index, where)
    for index, cell in enumerate(cells):
        if found[index] is None:
            where = next((i for i in by_text.get((cell.kind, said[index]), []) if i in free), None)
            if where is not None:
                take(index, where)
    _match_answers(notebook, cells, found, free, take)
    _match_similar(notebook, cells, found, free, take, texts, said)
    return found


def _match_answers(notebook, cells, found, free, take):
    wanted = {i: _look(notebook.cells[i]).bound for i in free if notebook.cells[i].role == "answer"}
    for index, cell in enumerate(cells):
        if found[index] is not None or cell.kind != "code":
            continue
        bound = _look(cell).bound
        fits = {i: len(bound & names) / len(names) for i, names in wanted.items() if i in free and bound & names}
        best = max(fits, key=lambda i: (fits[i], -i), default=None)
        if best is not None and fits[best] >= 0.5:
            take(index, best)


def _match_similar(notebook, cells, found, free, take, texts, said):
    left, glances = _MAX_COMPARISONS, _MAX_GLANCES
    tokens = {i: _tokens(texts[i]) for i in free}
    for index, cell in enumerate(cells):
        if found[index] is not None or not said[index]:
            continue
        matcher = SequenceMatcher(None, [], _tokens(said[index]), autojunk=False)
        best, where = _SIMILAR, None
        for i in free:
            if notebook.cells[i].kind != cell.kind or notebook.cells[i].role == "check":
                continue
            matcher.set_seq1(tokens[i])
            if matcher.real_quick_ratio() < best:
                continue
            if left <= 0 or glances <= 0:
                return
            glances -= 1
            if matcher.quick_ratio() < best:
                continue
            left -= 1
            ratio = matcher.ratio()
            if ratio >= best and (where is None or ratio > best):
                best, where = ratio, i
        if where is not None:
            take(index, where)


@dataclass(frozen=True)
class _Look:
    """What the text of a code cell says: check calls, names bound and used at the top, whether it does nothing else."""

    calls: tuple = ()
    bound: frozenset = frozenset()
    used: frozenset = frozenset()
    pure: bool = False
    empty: bool = False

    def asks_only(self, cell, notebook):
        """Whether running the cell would do nothing but ask for a check of this notebook."""
        if self.calls:
            return self.pure and all(id in notebook.checks for id, _ in self.calls)
        known = {course.id for course in notebook.cells if course.role == "check"}
        return self.empty and (cell.id in known or _graded(cell) in notebook.checks)


def _look(cell):
    return _look_at(cell.source) if cell.kind == "code" else _Look()


@lru_cache(maxsize=4096)  # a whole submission: each of its cells is asked for several times
def _look_at(source):
    tree = _tree(source)
    if tree is None:
        return _Look()
    calls = tuple((_called(node), node) for node in ast.walk(tree) if _called(node))
    pure = bool(calls) and all(_only_asks(statement) for statement in tree.body)
    return _Look(calls, *_bindings(tree), pure=pure and not _MAGIC.search(source), empty=not tree.body)


def _tree(source):
    """The syntax tree of a cell; None where it is no Python, so that running it would do nothing either."""
    if len(source) > _MAX_SOURCE:
        return None
    for text in (source, _MAGIC.sub(_without_magic, source)):
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def _without_magic(match):
    return f"{match[1]}{match[2]} = None" if match[2] else f"{match[1] or ''}pass"


def _called(node):
    """The exercise of a call `ck.check("01.3", ...)`, else ""."""
    if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
        return ""
    function = node.func
    known = isinstance(function, ast.Attribute) and function.attr == "check" and isinstance(function.value, ast.Name)
    if not known and not (isinstance(function, ast.Name) and function.id == "check"):
        return ""
    id = node.args[0].value
    return id if isinstance(id, str) and _EXERCISE.fullmatch(id) else ""


def _only_asks(statement):
    """Whether a statement is a bare check, its assignment to a name, or the display of one."""
    if isinstance(statement, ast.Assign):
        return all(isinstance(target, ast.Name) for target in statement.targets) and _bare(statement.value)
    if not isinstance(statement, ast.Expr):
        return isinstance(statement, ast.Pass)
    value = statement.value
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in ("print", "display"):
        return not value.keywords and all(_bare(part) or isinstance(part, ast.Name) for part in value.args)
    return _bare(value) or isinstance(value, ast.Name | ast.Constant)


def _bare(node):
    """A check whose arguments do no work of their own."""
    if not _called(node):
        return False
    given = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
    return not any(
        isinstance(part, ast.Call | ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom)
        for value in given
        for part in ast.walk(value)
    )


def _bindings(tree):
    """Names bound at the top level of a cell, and names that it uses anywhere."""
    bound, used = set(), set()
    stack = [(node, True) for node in tree.body]
    while stack:
        node, top = stack.pop()
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                used.add(node.id)
            elif top and isinstance(node.ctx, ast.Store):
                bound.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound |= {node.name} if top else set()
            top = False
        elif isinstance(node, ast.Import | ast.ImportFrom) and top:
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            top = False
        stack += [(child, top) for child in ast.iter_child_nodes(node)]
    return frozenset(bound), frozenset(used)


def _arguments(call, arguments):
    """What a check call hands in: need -> expression. Positional arguments take the declared names in order."""
    given = dict(zip(arguments, call.args[1:], strict=False))
    given.update({keyword.arg: keyword.value for keyword in call.keywords if keyword.arg in arguments})
    try:
        return {need: ast.unparse(value) for need, value in given.items()}
    except (RecursionError, ValueError):
        return {}


def _expressions(call, arguments):
    given = _arguments(call, arguments)
    if list(sorted(given)) != sorted(arguments):
        raise CourseError(f"A check cell of the course reads `{ast.unparse(call)}`; it should hand in {arguments}.")
    return {need: given[need] for need in arguments}


def _handed(notebook, looks):
    """Exercise -> what the submission's last check of it hands in, where that is not what the course's does."""
    said = {}
    for look in looks:
        for id, call in look.calls:
            if id in notebook.checks:
                mine = _arguments(call, list(notebook.checks[id])).items()
                said[id] = notebook.checks[id] | {need: text for need, text in mine if len(text) < 500}
    return {id: mine for id, mine in said.items() if mine != notebook.checks[id]}


def _check(notebook, id, handed, index=-1, source=""):
    if not source:
        cell = next(c for c in notebook.cells if c.role == "check" and c.exercise == id)
        source = cell.source
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
            id = ids.get(cell.id) or _graded(cell)
            if id:
                placed[id] = index
    anchors = {}
    for id in notebook.checks:
        anchors[id] = called.get(id, placed.get(id))
        if anchors[id] is None:
            anchors[id] = _place(notebook, id, cells, looks, matched, sections, {*called.values(), *placed.values()})
    return anchors


def _place(notebook, id, cells, looks, matched, sections, taken):
    """Where the check of an exercise stands whose check cell was deleted."""
    where = next(i for i, cell in enumerate(notebook.cells) if cell.role == "check" and cell.exercise == id)
    back = {place: index for index, place in enumerate(matched) if place is not None}
    last = next((back[place] for place in range(where - 1, -1, -1) if place in back), None)
    if last is None:
        return -1
    after = last + 1
    while after < len(cells) and matched[after] is None and after not in taken and sections[after] == sections[last]:
        after += 1
    last = after - 1
    for expression in notebook.checks[id].values():
        for name in _bindings(ast.parse(expression))[1]:
            last = max(last, next((i for i, look in enumerate(looks) if name in look.bound), last))
    return last


def _restored(notebook, cells, looks, matched):
    """Index of a submission's cell -> the steps to run before it: what the course gave and the student deleted."""
    there = {place for place in matched if place is not None}
    bound = set(_NAMES).union(*(look.bound for look in looks))
    used = set().union(*(look.used for look in looks))
    for expressions in notebook.checks.values():
        used |= {name for text in expressions.values() for name in _bindings(ast.parse(text))[1]}
    deleted = {
        i: _look(cell) for i, cell in enumerate(notebook.cells)
        if i not in there and cell.kind == "code" and cell.role == "course"
    }  # fmt: skip
    answers = set().union(*(_look(cell).bound for cell in notebook.cells if cell.role == "answer"))
    own, chosen = set(bound), {}
    changed = True
    while changed:
        changed = False
        for i, look in deleted.items():
            missing = (used - bound - answers) & look.bound
            if missing:
                text = _without_overwriting(notebook.cells[i].source, missing, own)
                more = _look(replace(notebook.cells[i], source=text))
                chosen[i] = f"{chosen[i]}\n{text}" if i in chosen else text
                bound |= more.bound | missing
                used |= more.used
                changed = True
    steps = {}
    back = {place: index for index, place in enumerate(matched) if place is not None}
    latest = len(cells)
    for i in sorted(chosen, reverse=True):
        names = _look(replace(notebook.cells[i], source=chosen[i])).bound
        cell = notebook.cells[i]
        needs = _look(replace(cell, source=chosen[i])).used
        after = next((back[place] + 1 for place in range(i - 1, -1, -1) if place in back), 0)
        for name in needs & own:
            after = max(after, next((k + 1 for k, look in enumerate(looks) if name in look.bound), 0))
        first = next((k for k, look in enumerate(looks) if look.used & names), len(cells))
        # What another restored cell uses must stand before that one.
        latest = min(after, first, latest)
        steps.setdefault(latest, []).insert(0, Step("cell", -1, chosen[i], "course", cell.exercise))
    return steps


def _without_overwriting(source, missing, own):
    """A cell of the course; or only its statements that bind `missing`, where others would bind the student's names."""
    body = ast.parse(source).body
    parts = [(statement, *_bindings(ast.Module([statement], []))) for statement in body]
    if not any(bound & own for statement, bound, _ in parts if not isinstance(statement, ast.Import | ast.ImportFrom)):
        return source
    wanted, kept = set(missing), []
    for statement, bound, used in reversed(parts):
        if bound & wanted:
            kept.insert(0, statement)
            wanted |= used - own
    return "\n".join(ast.get_source_segment(source, statement) for statement in kept)


def _role(cell):
    """The role of a cell of the course that is neither a check nor the install cell."""
    return "answer" if cell.grade_id.startswith("answer-") else "course"


def _role_of(notebook, cell, where):
    if where is None:
        return "own"
    course = notebook.cells[where]
    if course.role == "course" and _plain(course.source) != _plain(cell.source):
        return "own"
    return {"answer": "answer", "course": "course"}.get(course.role, "own")


def _installs(cell):
    """Whether a cell does nothing but install coursekit, in this or an older wording."""
    tree = _tree(cell.source) if cell.kind == "code" and "pip" in cell.source else None
    if tree is None or not tree.body:
        return False
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    rest = [node for node in tree.body if node not in imports]
    light = {alias.name.split(".")[0] for node in imports if isinstance(node, ast.Import) for alias in node.names}
    if not light <= {"importlib", "subprocess", "sys", "os"} or any(isinstance(n, ast.ImportFrom) for n in imports):
        return False
    return len(rest) == 1 and isinstance(rest[0], ast.If) and "coursekit" in cell.source


def _graded(cell):
    """The exercise that nbgrader's name of a cell says it checks, else ""."""
    match = _CHECK_ID.fullmatch(cell.grade_id)
    return f"{match[1]}.{match[2]}" if match else ""


def _sections(cells):
    """The course's cells with the exercise of each: that of the last heading; a check cell names its own."""
    now, said = "", []
    for cell in cells:
        if cell.kind == "markdown" and (headings := _HEADING.findall(cell.source)):
            ids = [id for level, text in headings if len(level) <= 2 for id in _EXERCISE.findall(text)[:1] or [""]]
            now = ids[-1] if ids else now
        if cell.role == "check":
            now = _look(cell).calls[0][0]
        said.append(replace(cell, exercise=now))
    return said


def _heading(cell, known):
    """The exercise that the last heading of a text cell names, else ""."""
    ids = [id for _, text in _HEADING.findall(cell.source[:_MAX_SOURCE]) for id in _EXERCISE.findall(text)[:1]]
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


def _plain(source):
    """A cell's text without what editors change: white space at the ends of lines, the badge with its address."""
    return "\n".join(line.rstrip() for line in _BADGE.sub("", source).strip().splitlines())


def _tokens(text):
    """The first words and signs of a text: what similarity looks at."""
    return _TOKEN.findall(text[: 20 * _MAX_TOKENS])[:_MAX_TOKENS]


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
