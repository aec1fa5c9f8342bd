"""How a wrong answer is related to the right one: negated, n times too large, transposed, the square of it, and so on.

A check that knows no misconception for an answer asks here before it prints two numbers.
"""

import numpy as np


def describe_relation(given, wanted, quantities=None, steps=None, rtol=1e-4):
    """The first relation that takes the right answer to the given one.

    Parameters
    ----------
    given, wanted : array_like of one shape
        Two answers that differ.
    quantities : dict of str to float, optional
        Numbers of the exercise that a factor or a summand may be, by what the student calls them: ``{"n": 20}``.
    steps : dict of str to array_like, optional
        The arguments and the values on the way, by name; an answer may be one of them.
    rtol : float
        How far the answers may lie apart, as a share of the largest value.

    Returns
    -------
    str or None
        The rest of a sentence that begins with the answer's name: "is n = 20 times the right one: divide by n".
        None where nothing fits. A relation counts where it holds for every entry, and where the entries are enough to
        tell it from chance: answers of zeros and ones are related in too many ways.
    """
    given, wanted = np.asarray(given, dtype=float), np.asarray(wanted, dtype=float)
    if given.shape != wanted.shape or not given.size or not (np.abs([given, wanted]) < 1e100).all():
        return None

    def fits(other):
        other = np.asarray(other, dtype=float)
        if other.shape != given.shape or not np.isfinite(other).all():
            return False
        return np.abs(given - other).max() <= rtol * max(np.abs(other).max(), 1e-6)

    if fits(wanted):
        return None
    for name, value in (steps or {}).items():
        if fits(value):
            return f"is {name} itself"
    if np.ptp(given) == 0 and given.size > 1 and np.ptp(wanted) > 0:
        return f"is the same number everywhere, {given.flat[0] + 0.0:.4g}"
    if np.isin(wanted, (-1, 0, 1)).all() and wanted.size < 8:
        return None
    with np.errstate(all="ignore"):
        for sentence, other in _relations(wanted, quantities or {}):
            if fits(other):
                return sentence
        low, high = given.min(), given.max()
        if np.sum((wanted > low) & (wanted < high)) >= 3 and fits(np.clip(wanted, low, high)):
            ends = [f"below {low:.4g}"] * int(wanted.min() < low) + [f"above {high:.4g}"] * int(wanted.max() > high)
            return f"is the right one, but never {' or '.join(ends)}: it is cut off there"
        return _normalised(given, wanted) or _partly_right(given, wanted, rtol)


def _relations(wanted, quantities):
    """Pairs of a sentence's end and the answer that it describes, likely ones first."""
    yield "has the wrong sign", -wanted
    yield from _factors(wanted, quantities)
    yield "is 1 minus the right one", 1 - wanted
    yield "is the absolute value of the right one: signs are lost", np.abs(wanted)
    yield "stops at 0 where the right one is negative", np.maximum(wanted, 0)
    yield "is limited to 0 to 1, which the right one is not", np.clip(wanted, 0, 1)
    for digits in (0, 1, 2, 3):
        yield f"is rounded to {digits} decimal{'' if digits == 1 else 's'}", np.round(wanted, digits)
    yield "is the square of the right one", wanted**2
    yield "is the square root of the right one", np.sqrt(wanted)
    yield "is the reciprocal of the right one", 1 / wanted
    yield "is the logarithm of the right one", np.log(wanted)
    yield "is the exponential of the right one", np.exp(wanted)
    if wanted.ndim:
        yield from _places(wanted)
    for name, value in {"1": 1.0, **quantities}.items():
        said = _said(name, value)
        yield f"is the right one plus {said}", wanted + value
        yield f"is the right one minus {said}", wanted - value


def _factors(wanted, quantities):
    for name, value in {**quantities, "2": 2.0}.items():
        if value in (0, 1) or not np.isfinite(value):
            continue
        said = _said(name, value)
        yield f"is {said} times the right one: divide by {name}", wanted * value
        yield f"is the right one divided by {said}: multiply by {name}, or leave a division out", wanted / value
        yield f"has the wrong sign and is {said} times too large", -wanted * value
        yield f"has the wrong sign and is {said} times too small", -wanted / value
        yield f"is {said} squared times the right one", wanted * value**2
        yield f"is the right one divided by the square of {said}", wanted / value**2
        if float(value).is_integer() and value > 2:
            yield f"divides by {name} - 1 where {said} is right", wanted * value / (value - 1)
            yield f"divides by {name} where {name} - 1 is right ({said})", wanted * (value - 1) / value
    yield "is 100 times the right one: a share was asked for, not per cent", wanted * 100
    for base, factor in (("10", np.log(10)), ("2", np.log(2))):
        times, advice = f"times {factor:.4g}, the factor between", "look at which logarithm you take"
        over = f"divided by {factor:.4g}, the factor between"
        yield f"is the right one {times} the logarithm to base {base} and the natural one: {advice}", wanted * factor
        yield f"is the right one {over} the natural logarithm and that to base {base}: {advice}", wanted / factor


def _places(wanted):
    """The right numbers in the wrong places."""
    if wanted.ndim == 2 and wanted.shape[0] == wanted.shape[1] > 1:
        yield "is the right one transposed", wanted.T
    axes = range(wanted.ndim)
    for axis in axes:
        if wanted.shape[axis] < 2:
            continue
        along = f" along axis {axis}" if wanted.ndim > 1 else ""
        yield f"is the right one reversed{along}", np.flip(wanted, axis)
        yield f"holds the right numbers sorted{along}", np.sort(wanted, axis)
        if wanted.shape[axis] > 2:
            yield f"is the right one moved on by one place{along}", np.roll(wanted, 1, axis)
            yield f"is the right one moved back by one place{along}", np.roll(wanted, -1, axis)
        yield f"is the running sum of the right one{along}", np.cumsum(wanted, axis)


def _normalised(given, wanted):
    """Rows of shares that were made columns of shares, or the other way round; the right numbers in any order."""
    if wanted.ndim == 2 and min(wanted.shape) > 1:
        for axis, summed, asked in ((0, "columns", "rows"), (1, "rows", "columns")):
            exchanged = _sum_to_one(given, axis) and not _sum_to_one(given, 1 - axis)
            if exchanged and _sum_to_one(wanted, 1 - axis):
                return f"has {summed} that sum to 1; the {asked} should"
    if given.size > 3 and np.ptp(wanted) > 0 and np.allclose(np.sort(given, None), np.sort(wanted, None), rtol=1e-4):
        return "holds the right numbers in another order"
    return None


def _partly_right(given, wanted, rtol):
    """Right but for the ends, or for entries that were left at 0: a loop that is over too early, or begins too late."""
    off = np.abs(given - wanted) > rtol * max(np.abs(wanted).max(), 1e-6)
    if given.size < 4 or off.mean() > 0.5:
        return None
    names = {1: ("entry",), 2: ("row", "column")}.get(given.ndim, ())
    for end, place in (("last", -1), ("first", 0)):
        rest, where = off, []
        for axis, name in enumerate(names):
            if np.take(off, place, axis).mean() > 0.5 and given.shape[axis] > 2:
                where.append(f"the {end} {name}")
                rest = rest & (np.arange(given.shape[axis]) != place % given.shape[axis]).reshape(
                    [-1 if other == axis else 1 for other in range(given.ndim)]
                )
        if where and not rest.any():
            if (given[off] == 0).all():
                return f"is 0 in {' and '.join(where)}, and right everywhere else: does a loop end too early there?"
            return f"is right everywhere but in {' and '.join(where)}"
    if (given[off] == 0).all():
        return f"is 0 in {off.sum()} of {off.size} places where it should not be, and right in all others"
    return None


def _sum_to_one(shares, axis):
    return np.allclose(shares.sum(axis), 1, atol=1e-4)


def _said(name, value):
    """A quantity as a sentence names it: "n = 20", or the number alone where it has no other name."""
    return name if name == f"{value:g}" else f"{name} = {value:.4g}"
