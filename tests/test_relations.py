"""Each relation is found, with the words that a student reads, and none is found by chance."""

import numpy as np
import pytest

from coursekit.checks.vocabulary.relations import describe_relation

RIGHT = np.random.default_rng(0).normal(size=(4, 4))
POSITIVE = np.abs(RIGHT) + 0.3
LINE = np.random.default_rng(1).normal(size=9)
SHARES = POSITIVE / POSITIVE.sum(axis=1, keepdims=True)

FOUND = [
    ("wrong sign", -RIGHT, RIGHT),
    ("is n = 20 times the right one: divide by n", 20 * RIGHT, RIGHT),
    ("divided by n = 20", RIGHT / 20, RIGHT),
    ("wrong sign and is n = 20 times too large", -20 * RIGHT, RIGHT),
    ("wrong sign and is the rate = 0.3 times too small", -RIGHT / 0.3, RIGHT),
    ("n = 20 squared times", 400 * RIGHT, RIGHT),
    ("divided by the square of n = 20", RIGHT / 400, RIGHT),
    ("divides by n - 1 where n = 20 is right", RIGHT * 20 / 19, RIGHT),
    ("divides by n where n - 1 is right", RIGHT * 19 / 20, RIGHT),
    ("is 2 times the right one: divide by 2", 2 * RIGHT, RIGHT),
    ("per cent", 100 * RIGHT, RIGHT),
    ("logarithm to base 10", RIGHT * np.log(10), RIGHT),
    ("that to base 10", RIGHT / np.log(10), RIGHT),
    ("logarithm to base 2", RIGHT * np.log(2), RIGHT),
    ("1 minus the right one", 1 - RIGHT, RIGHT),
    ("absolute value", np.abs(RIGHT), RIGHT),
    ("stops at 0", np.maximum(RIGHT, 0), RIGHT),
    ("limited to 0 to 1", np.clip(RIGHT, 0, 1), RIGHT),
    ("never below -0.5 or above 0.5: it is cut off", np.clip(LINE, -0.5, 0.5), LINE),
    ("rounded to 0 decimals", np.round(RIGHT), RIGHT),
    ("rounded to 1 decimal", np.round(RIGHT, 1), RIGHT),
    ("rounded to 3 decimals", np.round(RIGHT, 3), RIGHT),
    ("square of the right one", RIGHT**2, RIGHT),
    ("square root", np.sqrt(POSITIVE), POSITIVE),
    ("reciprocal", 1 / RIGHT, RIGHT),
    ("is the logarithm of", np.log(POSITIVE), POSITIVE),
    ("exponential", np.exp(RIGHT), RIGHT),
    ("is 0 in the last row and the last column", RIGHT * np.outer([1, 1, 1, 0], [1, 1, 1, 0]), RIGHT),
    ("is 0 in the first entry", LINE * (np.arange(9) > 0), LINE),
    ("right everywhere but in the last entry", np.append(LINE[:-1], 7), LINE),
    ("is 0 in 2 of 9 places", LINE * (np.arange(9) % 4 != 2), LINE),
    ("transposed", RIGHT.T, RIGHT),
    ("reversed along axis 0", RIGHT[::-1], RIGHT),
    ("reversed along axis 1", RIGHT[:, ::-1], RIGHT),
    ("is the right one reversed", LINE[::-1], LINE),
    ("moved on by one place", np.roll(LINE, 1), LINE),
    ("moved back by one place", np.roll(LINE, -1), LINE),
    ("sorted", np.sort(LINE), LINE),
    ("running sum", np.cumsum(LINE), LINE),
    ("another order", LINE[[3, 1, 0, 2, 8, 4, 5, 7, 6]], LINE),
    ("columns that sum to 1; the rows should", POSITIVE / POSITIVE.sum(axis=0), SHARES),
    ("plus 1", RIGHT + 1, RIGHT),
    ("plus the rate = 0.3", RIGHT + 0.3, RIGHT),
    ("minus n = 20", RIGHT - 20, RIGHT),
    ("is `x` itself", RIGHT + LINE[:4], RIGHT),
    ("the same number everywhere, 0.5", np.full((4, 4), 0.5), RIGHT),
    ("is n = 20 times the right one", 20 * 0.731, 0.731),
]


@pytest.mark.parametrize("said, given, wanted", FOUND, ids=[said for said, _, _ in FOUND])
def test_a_relation_is_found(said, given, wanted):
    told = describe_relation(given, wanted, {"n": 20, "the rate": 0.3}, {"`x`": RIGHT + LINE[:4]})
    assert said in told


@pytest.mark.parametrize("shape", [(), (1,), (2,), (9,), (4, 4), (3, 1), (1, 3)])
def test_no_relation_is_found_by_chance(shape):
    """Two unrelated answers, two thousand times: at most a few single numbers may look related."""
    rng = np.random.default_rng(7)
    quantities = {"n": 20, "the batch size": 32, "the rate": 0.1}
    found = 0
    for _ in range(2_000 // max(1, int(np.prod(shape)))):
        given, wanted = rng.normal(size=shape), rng.normal(size=shape)
        found += describe_relation(given, wanted, quantities) is not None
    assert found <= (4 if np.prod(shape) == 1 else 0)


@pytest.mark.parametrize("given", [RIGHT, np.zeros((2, 2)), np.full((4, 4), np.nan), np.full((4, 4), np.inf)])
def test_nothing_is_said_of_the_right_answer_or_of_one_that_cannot_be_compared(given):
    assert describe_relation(given, RIGHT) is None


def test_few_zeros_and_ones_are_related_in_too_many_ways():
    assert describe_relation([0, 1], [1, 0]) is None


def test_a_scalar_and_an_empty_array():
    assert describe_relation(-3.0, 3.0) == "has the wrong sign"
    assert describe_relation([], []) is None
