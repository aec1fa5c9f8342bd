"""The arrows of docs/design.md: what each folder of the package may import; nobody reaches for a private name."""

import ast

import pytest

from coursekit.place import PACKAGE

# Folder or file -> what it may import of coursekit, besides itself. `place`, `session` and the like stand below all.
BASE = {"place", "session", "error_hints"}
ARROWS = {
    "data": set(),
    "plot": {"data"},
    "widgets": {"plot", "data"},
    "checks": BASE,
    "exercises": {"checks", "data"},
    "grading": {"checks", "exercises", "run", "plot", "data", *BASE},
    "place": set(),
    "session": {"error_hints", "on_pytorch", "plot"},
    "on_pytorch": set(),
    "error_hints": set(),
}
# A sandboxed process holds these two and what they import: nothing of it may know what an answer should be.
IN_THE_SANDBOX = ("checks/pipe.py", "grading/sandbox/runner.py")
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path):
    """Pairs of a module of coursekit and a name that a file takes from it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "coursekit":
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] == "coursekit")


def room(module, name):
    """The folder or file of the package in which a name is: `checks` of `coursekit.checks.report`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_follow_the_arrows(path):
    inside = path.relative_to(PACKAGE).with_suffix("").parts[0]
    for module, name in imports(path):
        assert not name.startswith("_"), f"{module}.{name} is private"
        if inside in ARROWS:
            assert room(module, name) in {inside, *ARROWS[inside]}, f"{inside} may not import {module}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "exercises").glob("n*.py")), ids=lambda path: path.stem)
def test_no_exercise_imports_another(path):
    assert not [module for module, name in imports(path) if ".exercises.n" in f"{module}.{name}"]


def test_the_engine_names_no_exercise():
    for path in (PACKAGE / "checks").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import coursekit.exercises" not in text and "from coursekit.exercises" not in text, path.name


@pytest.mark.parametrize("name", IN_THE_SANDBOX)
def test_what_runs_in_the_sandbox_imports_no_check(name):
    seen, waiting = set(), [PACKAGE / name]
    while waiting:
        path = waiting.pop()
        for module, taken in imports(path):
            for part in (module, f"{module}.{taken}"):
                found = (PACKAGE / "/".join(part.split(".")[1:])).with_suffix(".py")
                if found.is_file() and found not in seen:
                    seen.add(found)
                    waiting.append(found)
    names = {path.relative_to(PACKAGE).as_posix() for path in seen}
    assert not {part for part in names if part.startswith(("exercises", "checks/vocabulary", "checks/framework"))}


# The grader's own packages: `result` and `limited` stand below all, `grade` and `command` above.
GRADING = {
    "limited": set(),
    "result": set(),
    "intake": {"limited", "result"},
    "plan": {"limited", "result", "intake"},
    "sandbox": set(),
    "run": {"limited", "result", "intake", "plan", "sandbox"},
    "output": {"limited", "result"},
    "tasks": {"limited", "result", "intake", "plan", "run", "sandbox"},
    "cluster": {"limited", "result", "run", "tasks"},
}


@pytest.mark.parametrize("path", sorted((PACKAGE / "grading").rglob("*.py")), ids=lambda path: path.stem)
def test_the_grader_has_no_circle(path):
    inside = path.relative_to(PACKAGE / "grading").with_suffix("").parts[0]
    for module, name in imports(path):
        parts = [*module.split("."), name]
        if parts[1] == "grading" and len(parts) > 2 and inside in GRADING:
            assert parts[2] in {inside, *GRADING[inside]}, f"{inside} may not import {module}.{name}"
