"""What the text of a code cell says, without running it: check calls, names bound and used."""

import ast
import re
from dataclasses import dataclass
from functools import lru_cache

EXERCISE_ID = re.compile(r"\b(\d\d[a-z]?\.\d{1,2})(?!\d)")
_CHECK_ID = re.compile(r"check-(\d\d[a-z]?)-(\d{1,2})")
_LENT = re.compile(r"ck\.resume\(\s{0,9}[\"'](\w{1,99})")
_MAGIC = re.compile(r"^([ \t]*)(?:(\w+(?:, ?\w+)*)[ \t]*=[ \t]*)?[%!].*$|^\?.*$|^[\w.]+\?{1,2}[ \t]*$", re.M)
# Bounds on the work that a submission can cause. Similarity compares the beginning of cells only.
MAX_SOURCE = 200_000


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
        return self.empty and (cell.id in known or graded_id(cell) in notebook.checks)


def look_at(cell):
    return _parsed(cell.source) if cell.kind == "code" else _Look()


@lru_cache(maxsize=4096)  # a whole submission: each of its cells is asked for several times
def _parsed(source):
    tree = _tree(source)
    if tree is None:
        return _Look()
    calls = tuple((_called(node), node) for node in ast.walk(tree) if _called(node))
    pure = bool(calls) and all(_only_asks(statement) for statement in tree.body)
    return _Look(calls, *bindings(tree), pure=pure and not _MAGIC.search(source), empty=not tree.body)


def lent_names(source):
    """The names that a cell takes over from an earlier session, or gets from the course where they are not there."""
    return set(_LENT.findall(source))


def _tree(source):
    """The syntax tree of a cell; None where it is no Python, so that running it would do nothing either."""
    if len(source) > MAX_SOURCE:
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
    return id if isinstance(id, str) and EXERCISE_ID.fullmatch(id) else ""


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
    """A check whose arguments do no work of their own, and stand there one by one."""
    if not _called(node) or any(keyword.arg is None for keyword in node.keywords):
        return False
    given = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
    return not any(
        isinstance(part, ast.Call | ast.Starred | ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom)
        for value in given
        for part in ast.walk(value)
    )


def bindings(tree):
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


def arguments_of(call, arguments):
    """What a check call hands in: need -> expression. Positional arguments take the declared names in order."""
    given = dict(zip(arguments, call.args[1:], strict=False))
    given.update({keyword.arg: keyword.value for keyword in call.keywords if keyword.arg in arguments})
    try:
        return {need: ast.unparse(value) for need, value in given.items()}
    except (RecursionError, ValueError):
        return {}


def installs(cell):
    """Whether a cell does nothing but install coursekit, in this or an older wording."""
    tree = _tree(cell.source) if cell.kind == "code" and "pip" in cell.source else None
    if tree is None or "coursekit" not in cell.source:
        return False
    rest = [node for node in tree.body if not isinstance(node, ast.Import)]
    imported = {alias.name.split(".")[0] for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    light = imported <= {"importlib", "subprocess", "sys", "os"}
    return light and len(rest) == 1 and isinstance(rest[0], ast.If)


def graded_id(cell):
    """The exercise that nbgrader's name of a cell says it checks, else ""."""
    match = _CHECK_ID.fullmatch(cell.grade_id)
    return f"{match[1]}.{match[2]}" if match else ""
