"""Checks of the tests' notebook 90."""

import numpy as np

from coursekit.checks.framework import Misconception, exercise
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import as_array, call_array, check_array
from coursekit.checks.vocabulary.models import one_column
from coursekit.data import make_spring

MARGINS = {}


@exercise("90.1")
def a_line(student, rng):
    """Both functions on random points."""
    for points in (0.5, 0.5):
        x, (w, b) = rng.normal(2, 1.5, size=30), rng.normal(size=2)
        given = call_array(student, "line", x, w, b, shape=(30,))
        misconceptions = {"no-bias": w * x, "swapped": b * x + w}
        yield check_array("line", "`line`", given, w * x + b, misconceptions, points, "It should be w x + b.")
    for points in (0.5, 0.5):
        y, prediction = rng.normal(5, 2, size=(2, 30))
        error = prediction - y
        given = call_array(student, "loss", y, prediction)
        misconceptions = {"not-averaged": np.sum(error**2)}
        yield check_array("loss", "`loss`", given, np.mean(error**2), misconceptions, points)


@exercise("90.2")
def no_functions(student, rng):
    """The array and the words against the data of the notebook; the model on fresh masses."""
    mass, length = make_spring(n_samples=40, noise=0.6, seed=0)
    shift = as_array(student.value("shift"), "`shift`", shape=(40,))
    yield check_array("shift", "`shift`", shift, length - length.mean(), points=1)
    words = student.value("words")
    if not isinstance(words, dict) or set(words) != {"stiff", "soft"}:
        raise Misconception("wrong-type")
    yield Finding("words", words == {"stiff": "flat", "soft": "steep"}, "`words` about springs.", points=1)
    fresh = rng.uniform(0.5, 3.5, size=50)
    off = np.abs(one_column(student, "model", fresh[:, None]) - np.polyval(np.polyfit(mass, length, 1), fresh)).max()
    yield Finding("model", bool(off < 1), f"`model` is off by up to {off:.2f} cm.", points=1)


@exercise("90.3")
def with_chance(student, rng):
    """Each index once, another order for another seed; the soft step near 0 and far from it."""
    orders = []
    for seed in rng.integers(1000, size=2):
        given = student.call("portions", 23, 5, int(seed))
        if not isinstance(given, list | tuple) or not given:
            raise Misconception("wrong-type")
        parts = [as_array(part, "A portion").ravel() for part in given]
        orders.append(np.concatenate(parts))
        whole = [part.size for part in parts] == [5, 5, 5, 5, 3] and sorted(orders[-1]) == list(range(23))
        yield Finding("portions", whole, "`portions` holds every index once.", points=0.5)
    yield Finding("order", not np.array_equal(*orders), "The seed decides about the order.", points=1)
    z = np.concatenate([rng.normal(0, 3, size=20), [-1000.0, 1000.0]])
    given = call_array(student, "sigmoid", z, shape=z.shape)
    yield check_array("sigmoid", "`sigmoid`", given, 1 / (1 + np.exp(np.minimum(-z, 700))), points=2)
