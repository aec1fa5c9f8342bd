"""The case table of every exercise: right answers in different styles, wrong ones with the code each must get.

One module per notebook (``c01_xor_mlp``). A case is a function that returns the student's objects by name. It imports
what it needs inside, so that collecting the tables loads no TensorFlow; what several cases train is cached.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

CASES = {}


@dataclass(frozen=True)
class Case:
    """One answer of a student, and the verdict it must get: ``code`` is None where it is right."""

    exercise: str
    name: str
    build: object
    code: str | None


def right(exercise, name):
    """Declare an answer that must pass."""
    return _declare(exercise, name, None)


def wrong(exercise, code, name):
    """Declare an answer whose first finding that does not hold must be `code`.

    "one|other" allows either. "first, second" names all that do not hold: what follows must not blame what is right.
    """
    return _declare(exercise, name, code)


def table(exercise, answers, rights, wrongs):
    """Declare cases that differ from `answers` in some of its objects.

    Parameters
    ----------
    rights : dict of str to dict
        Name of the case -> the objects that differ, or a function that gives them where they cost something.
    wrongs : list of (code, name, dict)
    """

    def changed(other):
        return {**answers(), **(other() if callable(other) else other)}

    for name, other in rights.items():
        right(exercise, name)(lambda other=other: changed(other))
    for code, name, other in wrongs:
        wrong(exercise, code, name)(lambda other=other: changed(other))


def _declare(exercise, name, code):
    def register(build):
        key = f"{exercise}/{name}"
        if key in CASES:
            raise ValueError(f"case {key} is declared twice")
        CASES[key] = Case(exercise, name, build, code)
        return build

    return register


def load():
    """Every case, by key "01.3/name"."""
    for path in sorted(Path(__file__).parent.glob("c[0-9]*.py")):
        import_module(f"{__package__}.{path.stem}")
    return CASES
