"""Arrays and numbers: what a student handed in, what a function returns, and whether it is the right one."""

from contextlib import contextmanager

import numpy as np

from coursekit.checks.codec import RemoteObject
from coursekit.checks.framework import Misconception, say
from coursekit.checks.proxy import argument_text, with_article
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.relations import describe_relation


def as_array(value, what, shape=None):
    """`value` as an array of finite floats.

    Parameters
    ----------
    value : object
        What the student handed in.
    what : str
        How a sentence names it, e.g. "`W1`".
    shape : tuple of (int or None), optional
        The shape that it must have; None leaves an axis open.

    Raises
    ------
    Misconception
        With the code "wrong-type", "wrong-shape" or "not-finite".
    """
    if value is ...:
        raise Misconception("unfinished", f"{what} is still `...`.")
    if value is None:
        raise Misconception("none", f"{what} is None. Did a function forget to `return` its result?")
    kind = with_article(type_name(value))
    if isinstance(value, RemoteObject):
        raise Misconception("wrong-type", f"{what} is {kind}; an array of numbers was expected.")
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError
        array = array.astype(float)
    except (TypeError, ValueError):
        seen = "a string" if isinstance(value, str) else f"{kind} that is not numeric"
        raise Misconception("wrong-type", f"{what} is {seen}; an array of numbers was expected.") from None
    if shape is not None and not _fits(array.shape, shape):
        raise Misconception(
            "wrong-shape",
            f"{what} has shape {shape_text(array.shape)}; {shape_text(shape)} was expected. Print its `.shape`.",
        )
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise Misconception(
            "not-finite",
            f"{what} holds {bad} value{'s' if bad > 1 else ''} that {'are' if bad > 1 else 'is'} NaN or infinite. Look "
            "for a division by zero, the logarithm of zero, the root of a negative number, a place that was never "
            "filled, or a learning rate that is too large.",
        )
    return array


def as_several(given, n, name, /, **fields):
    """`given` where it is n things; raises `Misconception` with the sentence `name` of what was `seen` instead."""
    several = isinstance(given, list | tuple)
    if not several or len(given) != n:
        raise Misconception(name, seen=f"{len(given)} things" if several else f"one {type_name(given)}", **fields)
    return given


@contextmanager
def saying_not_finite(name, **fields):
    """Where an answer holds NaN or infinity, the sentence `name` is said in place of the one of `as_array`."""
    try:
        yield
    except Misconception as wrong:
        raise (Misconception(name, **fields) if wrong.finding.code == "not-finite" else wrong) from None


def as_number(value, what):
    """`value` as one finite float; an array of one element counts."""
    array = as_array(value, what)
    if array.size != 1:
        raise Misconception("wrong-shape", f"{what} has shape {shape_text(array.shape)}; a single number was expected.")
    return float(array.ravel()[0])


def call_array(student, name, *args, shape=()):
    """What the student's function `name` gives for `args`, as finite floats of shape `shape`.

    Axes of length 1 may be missing or too many.

    Raises
    ------
    Misconception
        With the code "wrong-shape", or one of `as_array`.
    """
    given = as_array(student.call(name, *args), f"What `{name}` returns")
    if tuple(size for size in given.shape if size != 1) != tuple(size for size in shape if size != 1):
        said = " and ".join(map(argument_text, args))
        wanted = f"shape {shape_text(shape)}" if shape else "a single number"
        raise Misconception(
            "wrong-shape",
            f"`{name}` was given {said}, and returned shape {shape_text(given.shape)}; {wanted} was expected.",
        )
    return given.reshape(shape)


def call_arrays(student, name, *args, like):
    """What `name` gives for `args`, where several things are expected.

    Parameters
    ----------
    like : dict of str to tuple
        What each part is called -> its shape.

    Returns
    -------
    list of numpy.ndarray
    """
    given = student.call(name, *args)
    size = sum(np.prod(shape, dtype=int) for shape in like.values())
    if given is None:
        raise Misconception("none", f"`{name}` returns None. Did it forget to `return` its result?")
    if isinstance(given, np.ndarray) and given.ndim and len(given) == len(like) > 1 and given.size == size:
        given = list(given)
    if not isinstance(given, list | tuple) or len(given) != len(like):
        seen = f"{len(given)} things" if isinstance(given, list | tuple) else f"one {type_name(given)}"
        raise Misconception("wrong-type", f"`{name}` returns {seen}; {', '.join(like)} were expected, in this order.")
    parts = []
    for (part, shape), value in zip(like.items(), given, strict=True):
        array = as_array(value, f"`{part}`, as `{name}` returns it,")
        if array.size != np.prod(shape, dtype=int):
            raise Misconception(
                "wrong-shape",
                f"`{name}` returns `{part}` of shape {shape_text(array.shape)}; {shape_text(shape)} was expected.",
            )
        parts.append(array.reshape(shape))
    return parts


def check_array(
    code,
    what,
    given,
    wanted,
    misconceptions=None,
    points=0,
    advice="",
    rtol=1e-4,
    names=None,
    quantities=None,
    steps=None,
    fields=None,
    otherwise=None,
):
    """The finding that an answer is the expected one.

    Parameters
    ----------
    code, what : str
        The finding's code, and how its sentence names the answer, e.g. "`mse`".
    given, wanted : array_like of one shape
    misconceptions : dict of str to array_like, optional
        The usual mistakes: code -> what they would give. The sentence of that name, in the group `code` or outside,
        explains it.
    rtol : float
        Of the largest expected value. The default is what float32 loses in a sum of some hundred terms.
    names : tuple of str, optional
        What the entries along the first axis are called, e.g. ("w", "b").
    quantities, steps : dict, optional
        Numbers of the exercise and values on the way, by name: where no misconception fits, they help to find how the
        answer is related to the right one. See `relations.describe_relation`.
    fields : dict, optional
        What the sentences of the misconceptions name.
    otherwise : str, optional
        The name of the sentence that is said where no misconception and no relation fits; two numbers that differ are
        told where it is not given.

    Returns
    -------
    Finding
        With a misconception's code and sentence where it explains a wrong answer. The check goes on, so that the other
        parts of the answer are judged too.
    """
    given, wanted = np.asarray(given, dtype=float), np.asarray(wanted, dtype=float)

    if _same(given, wanted, rtol):
        return Finding(code, True, f"{what} is right.", points=points)
    for name, values in (misconceptions or {}).items():
        if _same(given, np.asarray(values, dtype=float), rtol):
            return Finding(name, False, say(f"{code}.{name}", name, **(fields or {})), points=points)
    relation = describe_relation(given, wanted, quantities, steps, rtol)
    if relation:
        return Finding(code, False, f"{what} {relation}. {advice}".strip(), points=points)
    if otherwise:
        return Misconception(otherwise, **(fields or {})).finding
    off = np.abs(given - wanted) > rtol * max(np.abs(wanted).max(initial=0), 1e-6)
    i = np.unravel_index(off.argmax(), wanted.shape)  # the first that is off
    place = f" at {list(map(int, i))}" if wanted.ndim else ""
    if names is not None:
        name = names[i[0]]
        place = f" for {name}" if " " in name else f" for `{name}`"  # several words are prose
    message = f"{what} gives {given[i]:.4g}{place} where {wanted[i]:.4g} was expected. {advice}".strip()
    return Finding(code, False, message, points=points)


def refuse_misconceptions(given, misconceptions, group="", rtol=1e-4, **fields):
    """Raise `Misconception` for the first of the usual mistakes that gives the same answer.

    Parameters
    ----------
    given : array_like, or list of arrays
        One answer, or its several parts.
    misconceptions : dict of str to the same
        Code -> what the mistake would give. Its sentence stands under that name, in the group or outside.
    rtol : float
        Of the largest value of the mistake's answer.
    **fields
        What the sentences name.
    """
    for misconception, values in misconceptions.items():
        if _same(as_row(given), as_row(values), rtol):
            raise Misconception(misconception, say(f"{group}.{misconception}", misconception, **fields))


def first_failed(findings):
    """The first of several findings that does not hold; the last one where all do."""
    for finding in findings:
        if not finding.passed:
            break
    return finding


def type_name(value):
    """The name of a value's class, also of one that stayed on the student's side."""
    return value.type_name if isinstance(value, RemoteObject) else type(value).__name__


def _same(given, other, rtol):
    scale = max(np.abs(other).max(initial=0), 1e-6)
    if not np.isfinite(scale):  # any number at all is near to infinity
        return np.array_equal(given, other, equal_nan=True)
    return other.shape == given.shape and np.abs(given - other).max(initial=0) <= rtol * scale


def as_row(answer):
    """An answer, or all of its parts, as one row."""
    parts = answer if isinstance(answer, list | tuple) else [answer]
    return np.concatenate([np.ravel(np.asarray(part, dtype=float)) for part in parts])


def _fits(shape, wanted):
    return len(shape) == len(wanted) and all(w is None or s == w for s, w in zip(shape, wanted, strict=True))


def shape_text(shape):
    inside = ", ".join("n" if size is None else str(size) for size in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"
