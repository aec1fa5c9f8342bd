"""Checks of notebook 00: one neuron, trained by hand."""

from contextlib import suppress
from functools import partial

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, huber, pseudo_huber, rel_entr, softmax
from sklearn import metrics

from coursekit.checks.framework import Misconception, check_that, exercise, fail_if, say, threshold
from coursekit.checks.proxy import StudentError
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import (
    as_array,
    as_number,
    call_array,
    call_arrays,
    check_array,
    first_failed,
    saying_not_finite,
    type_name,
)
from coursekit.checks.vocabulary.metrics import check_metric
from coursekit.data import make_trigger

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py.
MARGINS = {"00.3": {"excess": 0.002}}

PAIR = {"w": (), "b": ()}
SLOPES = {"dw": (), "db": ()}


def _slopes(x, delta):
    """The derivatives by w and b of a mean loss, from its derivatives by the weighted sums."""
    return np.array([np.mean(delta * x), np.mean(delta)])


def _gradient(x, y, w, b):
    """The derivatives of the mean squared error of a linear neuron."""
    return _slopes(x, 2 * (w * x + b - y))


def _answers(function, probes):
    with np.errstate(all="ignore"):
        return np.array([function(*probe) for probe in probes])


def _numbers(student, name, right, probes, misconceptions, points, others=(), rtol=1e-4):
    """The finding that a function gives the right number for each of several probes.

    `right` is the right function, `misconceptions` are wrong ones by their codes; `others` are probes of other sizes, asked for
    once the first ones are right.
    """
    quantities = dict(zip(("n", "the number of classes"), np.shape(probes[0][0]), strict=False))

    def judged(what, probes, misconceptions):
        given = np.array([call_array(student, name, *probe) for probe in probes])
        known = {cause: _answers(function, probes) for cause, function in misconceptions.items()}
        code, wanted, names = name.replace("_", "-"), _answers(right, probes), ("random numbers",) * len(probes)
        return check_array(code, what, given, wanted, known, points, names=names, quantities=quantities, rtol=rtol)

    finding = judged(f"`{name}`", probes, misconceptions)
    return judged(f"`{name}` for arrays of any size", others, {}) if finding.passed and others else finding


def _derivatives(student, name, right, probes, misconceptions, points):
    """The finding that a function gives the right pair dw, db for each of several probes of the same size."""
    n = len(probes[0][0])
    code, what, quantities = name.replace("_", "-"), f"`{name}`", {"n": n}
    wanted = _answers(right, probes)  # first: it may ask the student's code, which could else note what fits
    given = np.array([call_arrays(student, name, *probe, like=SLOPES) for probe in probes])
    of_both = {"wrong-sign": -wanted, "not-averaged": n * wanted, "swapped": wanted[:, ::-1], "twice": 2 * wanted}
    known = {cause: _answers(function, probes) for cause, function in misconceptions.items()}
    off = [part for part in (0, 1) if not np.allclose(given[:, part], wanted[:, part], rtol=1e-4)]
    if len(off) != 1:
        known = {cause: values.T for cause, values in (of_both | known).items()}
        return check_array(code, what, given.T, wanted.T, known, points, names=list(SLOPES), quantities=quantities)
    part, other = off[0], 1 - off[0]
    known = {cause: values[:, part] for cause, values in known.items() if cause != "factor-two"}
    known[("no-x", "x-in-db")[part]] = wanted[:, other]
    what, names = f"`{list(SLOPES)[part]}` of {what}", ("random points",) * len(probes)
    return check_array(code, what, given[:, part], wanted[:, part], known, points, names=names, quantities=quantities)


# Of the mean squared error.
SQUARE_MISCONCEPTIONS = {
    "not-averaged": lambda y, p: np.sum((p - y) ** 2),
    "root": metrics.root_mean_squared_error,
    "mean-squared": lambda y, p: np.mean(p - y) ** 2,
    "variance": lambda y, p: np.var(p - y),
    "median": lambda y, p: np.median((p - y) ** 2),
    "absolute": metrics.mean_absolute_error,
}


@exercise("00.1")
def linear_neuron(student, rng):
    """The three functions on random points, against the formulas and the usual misconceptions."""
    yield lambda: first_failed(_neuron(student, rng))
    yield lambda: _mse(student, rng)
    yield lambda: first_failed(_closed_form(student, rng))


def _neuron(student, rng):
    for n, w, b in ((30, 1.3, -0.6), (30, -2.1, 0.4), (5, 0.5, 3.0)):
        x = rng.normal(2, 1.5, size=n)
        given = call_array(student, "neuron", x, w, b, shape=(n,))
        misconceptions = {
            "no-bias": w * x,
            "swapped": b * x + w,
            "bias-subtracted": w * x - b,
            "bias-inside": w * (x + b),
            "activation": np.tanh(w * x + b),
            "sigmoid": expit(w * x + b),
        }
        advice, steps = "It should be w x + b.", {"`x`": x, "`w + x + b`": w + x + b}
        yield check_array("neuron", "`neuron`", given, w * x + b, misconceptions, 0.5, advice, steps=steps)


def _mse(student, rng):
    def points(n):
        y = rng.normal(5, 2, size=n)
        return y, y + rng.normal(0.4, 1, size=n)

    misconceptions = SQUARE_MISCONCEPTIONS | {
        "not-squared": lambda y, p: np.mean(p - y),
        "squares-apart": lambda y, p: np.mean(p**2 - y**2),
        "two-parameters": lambda y, p: np.sum((p - y) ** 2) / (len(y) - 2),
        "fixed-size": lambda y, p: np.sum((p - y) ** 2) / 40,
    }
    probes, others = [points(30) for _ in range(3)], [points(n) for n in (1, 2, 7)]
    return _numbers(student, "mse", metrics.mean_squared_error, probes, misconceptions, 0.5, others)


def _closed_form(student, rng):
    """The slope first; the bias is judged by the slope that it comes with."""
    for n in (30, 30, 3, 2):
        x = rng.normal(2, 1.5, size=n)
        y = 3 * x + 1 + rng.normal(size=n)
        w, b = call_arrays(student, "closed_form", x, y, like=PAIR)
        covariance, variance = np.cov(x, y, ddof=0)[0, 1], np.var(x)
        slope = covariance / variance
        offset = y.mean() - slope * x.mean()
        fail_if(np.allclose([w, b], [offset, slope], rtol=1e-4), "closed-form.swapped")
        misconceptions = {
            "mixed-divisors": slope * n / (n - 1),
            "through-origin": x @ y / (x @ x),
            "standard-deviation": covariance / np.std(x),
            "correlation": covariance / np.std(x) / np.std(y),
            "ratio-of-deviations": np.sign(covariance) * np.std(y) / np.std(x),
            "wrong-variance": covariance / np.var(y),
            "inverted": variance / covariance,
            "covariance": min(covariance, np.cov(x, y)[0, 1], key=lambda value: abs(value - w)),  # over n or n - 1
            "not-averaged": slope * n,
        }
        what, fields = "`w` of `closed_form`", {"factor": n / (n - 1)}
        yield check_array("closed-form", what, w, slope, misconceptions, 1, quantities={"n": n}, fields=fields)
        misconceptions = {
            "no-offset": y.mean(),
            "slope-lost": y.mean() - x.mean(),
            "wrong-sign": y.mean() + slope * x.mean(),
            "negative": -offset,
            "means-exchanged": x.mean() - slope * y.mean(),
            "one-point": y[0] - slope * x[0],
        }
        yield check_array("closed-form", "`b` of `closed_form`", b, offset, misconceptions, 1)
    yield Finding("closed-form", True, "`closed_form` is right.", 1)


@exercise("00.2")
def downhill(student, rng):
    """The gradient; then a step, which is judged by the student's own gradient."""

    def points(n):
        return rng.normal(1, 2, size=n), rng.normal(3, 2, size=n), *rng.normal(size=2)

    misconceptions = {
        "factor-two": lambda *probe: _gradient(*probe) / 2,
        "no-truth": lambda x, y, w, b: _gradient(x, 0 * y, w, b),
        "mean-times-mean": lambda x, y, w, b: _gradient(x.mean(), y.mean(), w, b),
        "no-bias": lambda x, y, w, b: _gradient(x, y, w, 0),
        "fixed-size": lambda x, *rest: _gradient(x, *rest) * len(x) / 40,
    }
    probes, single = [points(30) for _ in range(3)], [points(1), points(1)]
    yield first_failed(
        _derivatives(student, "gradient", _gradient, some, misconceptions, 2) for some in (probes, single)
    )
    yield _step(student, probes)


def _step(student, probes):
    """Three steps of different length. Where the gradient is wrong, a step that follows it is right."""
    own = _answers(_gradient, probes)
    with suppress(Misconception, StudentError):  # asked before the step, so that it cannot fit what the step has done
        theirs = np.array([call_arrays(student, "gradient", *probe, like=SLOPES) for probe in probes])
        own = theirs if np.abs(theirs).max() > 0.01 * np.abs(own).max() else own  # or nothing done would be right
    rate = np.array([[0.05], [0.2], [0.013]])
    given = np.array(
        [call_arrays(student, "step", *probe, *r, like=PAIR) for probe, r in zip(probes, rate.tolist(), strict=True)]
    )
    start = np.array([probe[2:] for probe in probes])
    if np.allclose(given, start - rate * _answers(_gradient, probes), rtol=1e-4):
        return Finding("step", True, "`step` is right.", 1)
    moved = start - rate * own
    late = [_gradient(x, y, w, b)[1] for (x, y, _, b), w in zip(probes, moved[:, 0], strict=True)]
    w_late = [_gradient(x, y, w, b)[0] for (x, y, w, _), b in zip(probes, moved[:, 1], strict=True)]
    fixed = (start - given)[0, 0] / own[0, 0] if own[0, 0] else 0.0
    misconceptions = {
        "uphill": start + rate * own,
        "no-learning-rate": start - own,
        "only-change": -rate * own,
        "one-after-the-other": np.column_stack([moved[:, 0], start[:, 1] - rate[:, 0] * late]),
        "b-first": np.column_stack([start[:, 0] - rate[:, 0] * w_late, moved[:, 1]]),
        "not-moved": start,
        "exchanged": start - rate * own[:, ::-1],
        "swapped": moved[:, ::-1],
        "b-not-moved": np.column_stack([moved[:, 0], start[:, 1]]),
        "w-not-moved": np.column_stack([start[:, 0], moved[:, 1]]),
        "divided": start - own / rate,
        "only-gradient": own,
        "fixed-rate": start - fixed * own,
    }
    advice = "It should be w - learning_rate dw, and b likewise."
    known, fields = {cause: values.T for cause, values in misconceptions.items()}, {"rate": fixed}
    return check_array("step", "`step`", given.T, moved.T, known, 1, advice, names=("w", "b"), fields=fields)


@exercise("00.3")
def logistic_neuron(student, rng):
    """Values, derivatives, and the excess of the trained neuron's loss over the smallest possible."""
    yield lambda: first_failed(_sigmoid(student, rng))
    yield lambda: _log_loss(student, rng)
    yield lambda: _log_loss_gradient(student, rng)
    trigger = student.value("trigger")
    if not isinstance(trigger, list | tuple | np.ndarray) or getattr(trigger, "ndim", 1) == 0 or len(trigger) != 2:
        raise Misconception("trigger.wrong-type")
    w, b = (as_number(part, f"`{name}` of `trigger`") for name, part in zip("wb", trigger, strict=True))
    x, y = make_trigger(n_samples=300, noise=0.6, seed=1)

    def loss(w, b):
        z = w * x + b
        return np.mean(np.logaddexp(0, z) - y * z)

    best = min(minimize(lambda pair: loss(*pair), [0, 0]).fun, loss(w, b))
    excess, limit = loss(w, b) - best, threshold("00.3", "excess")
    dw, db = _slopes(x, expit(w * x + b) - y)
    if not excess <= limit:
        fail_if(w == b == 0, "trigger.not-trained")
        fail_if(loss(b, w) - best <= limit, "trigger.swapped")
        fail_if(loss(-w, -b) - best <= limit, "trigger.uphill")
        for shift, scale, said in ((x.mean(), x.std(), "standardised"), (x.mean(), 1, "centred")):
            fail_if(loss(w / scale, b - w * shift / scale) - best <= limit, "trigger.other-inputs", said=said)
        fail_if(w * dw < 0 and abs(db) < 0.02 * abs(dw) and loss(w, b) < loss(0, 0), "trigger.penalised", w=w)
        fail_if(np.allclose([w, b], np.polyfit(x, y, 1), rtol=0.02), "trigger.no-sigmoid")
        still = np.abs(_flat_slopes(x, y, w, b)).max() < 1e-4
        fail_if(still and expit(w * x + b).std() > 0.1, "trigger.squared-error")
    worse = loss(w, b) > loss(0, 0) + 0.01
    advice = say("excess.worse-than-zero" if worse else "excess.not-there-yet", dw=dw, db=db)
    yield check_metric("00.3", "excess", excess, 1, ".4f", True, loss=loss(w, b), best=best, what_to_do=advice)


def _sigmoid(student, rng):
    for scale, ends in ((3, [-1000, 0, 1000]), (1, [0, 0.0, 0]), (30, [-40, 40, 5])):
        z = np.concatenate([rng.normal(0, scale, size=20), ends])
        with saying_not_finite("sigmoid.not-finite"):
            given = call_array(student, "sigmoid", z, shape=z.shape)
        s = expit(z)
        misconceptions = {
            "wrong-sign": 1 - s,
            "tanh": np.tanh(z),
            "half-argument": expit(z / 2),
            "steep": expit(2 * z),
            "threshold": np.where(z == 0, given, z > 0),
            "derivative": s * (1 - s),
            "softmax": softmax(z),
        }
        yield check_array("sigmoid", "`sigmoid`", given, s, misconceptions, 1, steps={"`z`": z})
    z = rng.normal(0, 3, size=(4, 5))
    try:
        given = call_array(student, "sigmoid", z, shape=z.shape)
    except StudentError:  # an `if` or a loop that takes numbers
        raise Misconception("sigmoid.one-axis", shape=z.shape) from None
    yield check_array("sigmoid", "`sigmoid`", given, expit(z), {}, 1)


def _log_loss(student, rng):
    def points(n):
        return rng.integers(0, 2, size=n), expit(rng.uniform(-6, 6, size=n))

    right = partial(metrics.log_loss, labels=[0, 1])
    misconceptions = {
        "wrong-sign": lambda y, p: -right(y, p),
        "not-averaged": partial(right, normalize=False),
        "only-ones": lambda y, p: -np.mean(y * np.log(p)),
        "mean-of-the-ones": lambda y, p: -np.mean(np.log(p[y == 1])),
        "only-zeros": lambda y, p: -np.mean((1 - y) * np.log(1 - p)),
        "exchanged": lambda y, p: right(1 - y, p),
        "minus-between": lambda y, p: -np.mean(y * np.log(p) - (1 - y) * np.log(1 - p)),
        "base-two": lambda y, p: right(y, p) / np.log(2),
        "clipped": lambda y, p: right(y, np.clip(p, 0.01, 0.99)),
        "squared": metrics.mean_squared_error,
        "absolute": metrics.mean_absolute_error,
    }
    probes, others = [points(25) for _ in range(3)], [points(n) for n in (1, 4, 11)]
    with saying_not_finite("log-loss.not-finite"):
        return _numbers(student, "log_loss", right, probes, misconceptions, 1, others)


def _log_loss_gradient(student, rng):
    """Where `sigmoid` is wrong, a gradient that is right with it, or with the right one, is right."""

    def with_p(p):
        return lambda x, y, w, b: _slopes(x, p(w * x + b) - y)

    def own(z):
        return call_array(student, "sigmoid", z, shape=z.shape)

    def points(n):
        return rng.normal(0.5, 1, size=n), rng.integers(0, 2, size=n), *rng.normal(size=2)

    probes = [points(25) for _ in range(3)]
    z = np.linspace(-2, 2, 9)
    same = np.allclose(own(z), expit(z), atol=1e-6) or not np.ptp(own(z)) > 0.01  # a constant leaves nothing to show
    right = with_p(expit if same else own)
    misconceptions = {
        "squared-error": lambda *probe: 2 * _flat_slopes(*probe),
        "extra-slope": _flat_slopes,
        "no-sigmoid": with_p(lambda z: z),
        "no-bias": lambda x, y, w, b: right(x, y, w, 0),
        "fixed-size": lambda x, *rest: right(x, *rest) * len(x) / 300,
    }
    finding = _derivatives(student, "log_loss_gradient", with_p(expit), probes, {}, 1)
    return finding if finding.passed else _derivatives(student, "log_loss_gradient", right, probes, misconceptions, 1)


def _flat_slopes(x, y, w, b):
    """Half the derivatives of the squared error of p."""
    p = expit(w * x + b)
    return _slopes(x, (p - y) * p * (1 - p))


@exercise("00.4")
def mini_batches(student, rng):
    """Portions that hold each index once; an epoch of right steps; three rates, each run for 100 steps."""
    yield lambda: _portions_and_epoch(student, rng)
    rates = student.value("rates")
    names = ("too small", "right", "too large")
    if not isinstance(rates, dict) or set(rates) != set(names):
        seen = f"has the keys {list(rates)}"[:200] if isinstance(rates, dict) else "is no dict"
        raise Misconception("rates.wrong-keys", seen=seen, names=", ".join(names))
    # Standardised inputs: a step multiplies the distance by 1 - 2 rate. A power above 1e300 may be too large for a float.
    values = np.array([as_number(rates[name], f'`rates["{name}"]`') for name in names])
    small, right, large = left = np.minimum(np.abs(1 - 2 * values), 1e3) ** 100
    fail_if(small > 1 and 0.2 < large < 1, "rates.exchanged")
    fail_if(small >= 1, "rates.rate-too-small", rate=rates["too small"])
    holds = {"rate-too-small": small > 0.2, "rate-right": right < 0.01, "rate-too-large": large > 1}
    for (code, passed), name, rest in zip(holds.items(), names, left, strict=True):
        said = f"{rest:.3g}" if rest < 1e299 else "more than 1e299"
        fail_if(not passed, code, rate=rates[name], left=said)
    fail_if(not values[0] < values[1] < values[2], "rates.order")
    yield check_that("rates", True, 1)


def _portions_and_epoch(student, rng):
    for n, size, seed in ((23, 5, 0), (12, 4, 3), (7, 1, 2), (6, 6, 11), (5, 8, 1)):
        _portions(student, n, size, seed)
    orders = [np.concatenate(_batches(student, 23, 5, seed)) for seed in (0, 0, 1, 2)]
    fail_if(not np.array_equal(orders[0], orders[1]), "minibatches.not-seeded")
    fail_if(any(np.array_equal(orders[2], orders[i]) for i in (0, 3)), "minibatches.seed-unused")
    yield check_that("minibatches", True, 1)
    yield first_failed(_epoch(student, rng))


def _portions(student, n, size, seed):
    batches = _batches(student, n, size, seed)
    sizes, found = [len(batch) for batch in batches], np.concatenate(batches)
    fail_if(max(sizes) > size, "minibatches.too-large", largest=max(sizes), size=size)
    low, high = found.min(), found.max()
    fail_if(low < 0 or high >= n, "minibatches.wrong-range", low=low, high=high, n=n)
    different = len(np.unique(found))
    name = "overlapping.repeated" if len(found) > n else "drawn.repeated"
    fail_if(len(found) != different, name, n_found=len(found), different=different)
    missing = n - different
    dropped = missing == n % size and set(sizes) <= {size}
    fail_if(missing, "last-portion.missing" if dropped else "minibatches.missing", missing=missing, n=n)
    together = all(np.array_equal(np.sort(batch), np.arange(batch.min(), batch.max() + 1)) for batch in batches)
    fail_if(n == 23 and together, "minibatches.not-shuffled")
    name = "minibatches.uneven" if max(sizes) - min(sizes) < 2 else "last-portion.uneven"
    fail_if(any(one != size for one in sizes[:-1]), name, sizes=sizes, size=size)


def _batches(student, *args):
    given = student.call("minibatches", *args)
    if isinstance(given, np.ndarray) and given.ndim:
        given = list(given)
    fail_if(not isinstance(given, list | tuple) or not given, "minibatches.wrong-type", seen=type_name(given))
    batches = [as_array(batch, "A portion of `minibatches`") for batch in given]
    fail_if(any(batch.size == 0 for batch in batches), "minibatches.empty", sizes=[batch.size for batch in batches])
    wrong = any(batch.ndim != 1 or (batch != np.rint(batch)).any() for batch in batches)
    fail_if(wrong, "minibatches.wrong-shape")
    return batches


def _epoch(student, rng):
    w, b = 0.3, -0.2
    ask = partial(call_arrays, student, "run_epoch", like=PAIR)

    def steps_downhill(x, y, n_steps, rate):
        moved = np.array([w, b])
        for _ in range(n_steps):
            moved = moved - rate * _gradient(x, y, *moved)
        return moved

    # Equal points: whatever their order, an epoch is so many equal steps.
    first_size, first_rate = 3, 0.05
    for n, size, rate in ((12, first_size, first_rate), (13, 5, 0.11), (4, 1, 0.02), (5, 8, 0.2)):
        x, y = np.full(n, 1.5), np.full(n, 4.0)
        after = partial(steps_downhill, x, y)
        steps = -(-n // size)
        right = after(steps, rate)
        misconceptions = {
            "one-step": after(1, rate),
            "all-from-the-start": after(1, rate * steps),
            "step-for-each-point": after(n, rate),
            "last-dropped": after(n // size, rate),
            "fixed-size": after(-(-n // first_size), rate),
            "not-averaged": after(steps, rate * size),
            "divided-by-all": after(steps, rate * size / n),
            "rate-over-batch-size": after(steps, rate / size),
            "half": after(steps, rate / 2),
            "twice": after(steps, rate * 2),
            "uphill": after(steps, -rate),
            "no-learning-rate": after(steps, 1),
            "not-moved": [w, b],
            "fixed-rate": after(steps, first_rate),
            "swapped": right[::-1],
        }
        said = f"{n} points in portions of {size} are {steps} step{'' if steps == 1 else 's'}"
        fields = {"said": said, "n": n, "size": size, "full": n // size}
        given = ask(x, y, w, b, size, rate, 0)
        what, advice = "`run_epoch`", f"Here {said}."
        yield check_array("run-epoch", what, given, right, misconceptions, 1, advice, names=("w", "b"), fields=fields)
    # On a line that meets every point nothing moves, unless x of one point comes with y of another.
    x = rng.normal(size=9)
    fail_if(not np.allclose(ask(x, 2 * x + 1, 2.0, 1.0, 2, 0.1, 3), [2, 1], atol=1e-6), "run-epoch.mispaired")
    x, y = rng.normal(size=6), rng.normal(size=6)

    def same(seed=0, y=y):
        return np.allclose(plain, ask(x, y, w, b, 2, 0.1, seed), atol=1e-9)

    plain = ask(x, y, w, b, 2, 0.1, 0)
    fail_if(np.allclose(plain, steps_downhill(x, y, 3, 0.1), atol=1e-9), "run-epoch.all-points")
    fail_if(any(same(y=y + 5.0 * (np.arange(6) == i)) for i in range(6)), "run-epoch.unused-points")
    fail_if(not all(same() for _ in range(4)), "run-epoch.not-seeded")  # one of 90 orders may come twice
    fail_if(all(same(seed) for seed in range(4)), "run-epoch.seed-unused")


@exercise("00.5")
def optimisers(student, rng):
    """Each optimiser walks with random gradients and several settings; the paths of w are compared, not the memory."""
    walks = [(rng.normal(size=k), rng.normal(size=(4, k))) for k in (3, 3, 3, 1)]
    yield lambda: _plain(student, walks)
    yield lambda: _momentum(student, walks)
    yield lambda: first_failed(_adam(student, walks))


def _asked(student, name, memories, w, *args):
    """What the student's step gives: w and the memories, which are named by one letter each."""
    if not memories:
        return [call_array(student, name, w, *args, shape=w.shape)]
    return call_arrays(student, name, w, *args, like=dict.fromkeys(("w", *memories), w.shape))


def _paths(walks, memory, settings, step, counted=False):
    """All w of the walks, in one row; `step` has w, so many memories, g, t where it is `counted`, and the settings."""
    rows = []
    for (w, gradients), setting in zip(walks, settings, strict=True):
        kept = [np.zeros_like(w)] * memory
        for t, g in enumerate(gradients, 1):
            w, *kept = step(w, *kept, g, *([t] if counted else []), *setting)
            rows.append(w)
    return np.concatenate(rows)


def _judge_paths(student, name, memories, walks, settings, numbers, step, misconceptions, points, advice=""):
    """The finding that an optimiser walks as it should, and uses every argument.

    `numbers` are the arguments behind the gradient: name -> a value and another one. `step` is the right step, and
    `misconceptions` are what the usual mistakes change in it, by their codes.
    """
    code, asked = name.replace("_", "-"), partial(_asked, student, name, memories)
    w, gradients = walks[0]
    start = [w, *gradients[1 : 1 + len(memories)] ** 2, gradients[0]]
    values = {argument: value for argument, (value, _) in numbers.items()}
    if len(memories) == 1:
        right, given = (function(*start, *values.values()) for function in (step, asked))
        fail_if(np.allclose(given, right[::-1]), f"{code}.swapped")
    path = partial(_paths, walks, len(memories), settings, counted="t" in numbers)
    known = {cause: path(partial(step, **changed)) for cause, changed in misconceptions.items()}
    finding = check_array(code, f"The path of `{name}`", path(asked), path(step), known, points, advice)
    if not finding.passed and finding.code == code:
        for argument, (value, other) in numbers.items():
            both = (values, {**values, argument: other})
            if np.array_equal(*(np.concatenate(asked(*start, *given.values())) for given in both)):
                said = say("unused", name=name, argument=argument, value=value, other=other)
                raise Misconception(f"{argument.replace('_', '-')}-unused", said)
    return finding


def _plain(student, walks):
    def step(w, g, rate, factor=lambda rate: -rate, keep=1):
        return [keep * w + factor(rate) * g]

    misconceptions = {
        "uphill": {"factor": lambda rate: rate},
        "no-learning-rate": {"factor": lambda rate: -1},
        "not-moved": {"factor": lambda rate: 0},
        "divided": {"factor": lambda rate: -1 / rate},
        "only-change": {"keep": 0},
    }
    settings, numbers = [(0.1,), (0.03,), (0.5,), (0.2,)], {"learning_rate": (0.1, 0.5)}
    return _judge_paths(student, "plain_step", "", walks, settings, numbers, step, misconceptions, 0.5)


def _momentum(student, walks):
    misconceptions = {
        "not-carried": {"forget": True},
        "averaged": {"average": True},
        "old-velocity": {"by": "old"},
        "uphill": {"sign": -1},
        "nesterov": {"by": "nesterov"},
        "rate-twice": {"power": 2},
        "no-beta": {"keep": 1.0},
    }
    settings = [(0.1, 0.8), (0.03, 0.5), (0.5, 0.95), (0.2, 0.0)]
    numbers, advice = {"learning_rate": (0.1, 0.5), "beta": (0.8, 0.3)}, "First v = beta v + g, then w."
    name, step = "momentum_step", _momentum_step
    return _judge_paths(student, name, "v", walks, settings, numbers, step, misconceptions, 1, advice)


def _momentum_step(w, v, g, rate, beta, keep=None, average=False, by="new", power=1, sign=1, forget=False):
    new = (keep or beta) * v + (1 - beta if average else 1) * g
    velocity = {"new": new, "old": v, "nesterov": beta * new + g}[by]
    return w - sign * rate**power * velocity, v if forget else new


def _adam(student, walks):
    tiny = [(0.1, 0.9, 0.98, 1e-8), (0.03, 0.6, 0.9, 1e-8), (0.5, 0.8, 0.99, 1e-8), (0.2, 0.0, 0.5, 1e-8)]
    large = [(*setting[:3], epsilon) for setting, epsilon in zip(tiny, (0.3, 0.05, 1.0, 0.2), strict=True)]
    misconceptions = {
        "no-correction": {"m_hat": False, "v_hat": False},
        "v-not-corrected": {"v_hat": False},
        "m-not-corrected": {"m_hat": False},
        "betas-swapped": {"exchange": True},
        "no-root": {"power": 1},
        "not-squared": {"square": False},
        "uphill": {"sign": -1},
        "not-carried": {"carry": "old"},
        "returns-corrected": {"carry": "corrected"},
        "t-unused": {"time": lambda t: 1},
        "t-off-by-one": {"time": lambda t: t + 1},
        "no-weight": {"mix": False},
        "no-m": {"momentum": False},
        "no-learning-rate": {"rate_is": 1.0},
    }
    numbers = {"t": (2, 5), "learning_rate": (0.1, 0.5), "beta1": (0.8, 0.3), "beta2": (0.9, 0.5), "epsilon": (0.2, 1)}
    advice = "Compare your lines with the formulas, one by one; t, beta1, beta2 and epsilon are handed in."
    asked, (w, (g, m, v, _)) = partial(_asked, student, "adam_step", "mv"), walks[0]
    early = w, m, v**2, g, 2, 0.1, 0.3, 0.2, 0.2  # with larger betas 1 - beta t is negative, and its root NaN
    given, right = asked(*early), _adam_step(*early)
    times = _adam_step(*early, correction=lambda beta, t: 1 - beta * t)
    fail_if(np.allclose(given, times, rtol=1e-6), "adam-step.beta-times-t")
    fail_if(np.allclose(given[1:], right[:0:-1]), "adam-step.memories-swapped")
    yield _judge_paths(student, "adam_step", "mv", walks, tiny, numbers, _adam_step, misconceptions, 1.5, advice)
    path = partial(_paths, walks, 2, large, counted=True)
    given, what = path(asked), "The path of `adam_step` with any epsilon"
    if np.allclose(given, path(partial(_adam_step, epsilon_is="kingma")), rtol=1e-4):  # Kingma and Ba's second form
        return
    misconceptions = {"epsilon-unused": "none", "epsilon-in-root": "inside", "epsilon-squared": "squared"}
    known = {code: path(partial(_adam_step, epsilon_is=where)) for code, where in misconceptions.items()}
    advice = "It is divided by sqrt(v_hat) + epsilon."
    yield check_array("adam-epsilon", what, given, path(_adam_step), known, 1.5, advice)


def _adam_step(
    w, m, v, g, t, rate, b1, b2, epsilon, m_hat=True, v_hat=True, exchange=False, power=0.5, square=True, sign=1,
    carry="new", time=lambda t: t, mix=True, momentum=True, rate_is=None, epsilon_is="after",
    correction=lambda beta, t: 1 - beta**t,
):  # fmt: skip
    old = m, v
    b1, b2 = (b2, b1) if exchange else (b1, b2)
    t, rate = time(t), rate_is or rate
    m = b1 * m + (1 - b1 if mix else 1) * g
    v = b2 * v + (1 - b2 if mix else 1) * (g**2 if square else np.abs(g))
    with np.errstate(all="ignore"):
        c1, c2 = (np.float64(correction(b, t)) for b in (b1, b2))
        corrected = m / c1 if m_hat else m, v / c2 if v_hat else v
        size = {
            "after": corrected[1] ** power + epsilon,
            "none": np.sqrt(corrected[1]),
            "inside": np.sqrt(corrected[1] + epsilon),
            "squared": np.sqrt(corrected[1] + epsilon**2),
            "kingma": (np.sqrt(v) + epsilon) / np.sqrt(c2),
        }[epsilon_is]
        w = w - sign * rate * (corrected[0] if momentum else g) / size
    return w, *{"new": (m, v), "old": old, "corrected": corrected}[carry]


CHOICES = {
    "mean": "squared",
    "typing errors": "absolute",
    "smooth": "huber",
    "class": "cross-entropy",
    "distribution": "kl",
    "region": "jaccard",
}


@exercise("00.6")
def zoo_of_losses(student, rng):
    """Six functions against their formulas; the six choices."""
    yield lambda: _squared_and_absolute(student, rng)
    yield lambda: _huber(student, rng)
    yield lambda: _cross_entropy(student, rng)
    yield lambda: first_failed(_divergence(student, rng))
    yield lambda: _overlap(student, rng)
    yield lambda: _choices(student)


def _errors(rng, n):
    return rng.normal(size=n), rng.normal(0.5, 2, size=n)


def _squared_and_absolute(student, rng):
    probes, others = [_errors(rng, 20) for _ in range(3)], [_errors(rng, n) for n in (1, 2, 9)]
    yield _numbers(student, "squared_loss", metrics.mean_squared_error, probes, SQUARE_MISCONCEPTIONS, 0.5, others)
    misconceptions = {
        "not-averaged": lambda y, p: np.sum(np.abs(p - y)),
        "no-absolute": lambda y, p: np.mean(p - y),
        "outside": lambda y, p: abs(np.mean(p - y)),
        "reversed-sign": lambda y, p: np.mean(y - p),
        "median": metrics.median_absolute_error,
        "root": metrics.root_mean_squared_error,
        "squared": metrics.mean_squared_error,
    }
    yield _numbers(student, "absolute_loss", metrics.mean_absolute_error, probes, misconceptions, 0.5, others)


def _huber(student, rng):
    def right(y, p, d):
        return np.mean(huber(d, p - y))

    def pieces(far, near=lambda e: e**2 / 2, is_near=lambda e, d: np.abs(e) <= d):
        return lambda y, p, d: np.mean(np.where(is_near(p - y, d), near(p - y), far(p - y, d)))

    def straight(e, d):
        return d * (np.abs(e) - d / 2)

    misconceptions = {
        "not-averaged": lambda y, p, d: np.sum(huber(d, p - y)),
        "not-halved": pieces(straight, near=lambda e: e**2),
        "pieces-apart": pieces(lambda e, d: d * np.abs(e)),
        "too-low": pieces(lambda e, d: d * (np.abs(e) - d)),
        "slope-one": pieces(lambda e, d: np.abs(e) - d / 2),
        "fixed-half": pieces(lambda e, d: d * (np.abs(e) - 0.5)),
        "no-absolute": pieces(lambda e, d: d * (e - d / 2), is_near=lambda e, d: e <= d),
        "no-absolute-beyond": pieces(lambda e, d: d * (e - d / 2)),
        "delta-unused": lambda y, p, d: right(y, p, 1),
        "exchanged": pieces(straight, is_near=lambda e, d: np.abs(e) > d),
        "two-means": lambda y, p, d: sum(np.mean(huber(d, (p - y)[far == (abs(p - y) > d)])) for far in (True, False)),
        "over-delta": lambda y, p, d: right(y, p, d) / d,
        "squared": lambda y, p, d: metrics.mean_squared_error(y, p) / 2,
        "pseudo": lambda y, p, d: np.mean(pseudo_huber(d, p - y)),
    }
    probes = [(*_errors(rng, 20), delta) for delta in (1.3, 0.4, 2.5)]
    others = [(*_errors(rng, n), delta) for n, delta in ((1, 0.7), (3, 100.0), (8, 0.01))]
    return _numbers(student, "huber_loss", right, probes, misconceptions, 0.5, others)


def _shares(rng, n, k):
    return tuple(0.9 * rng.dirichlet(np.ones(k), size=n) + 0.1 / k for _ in range(2))


def _misconceptions_of_rows(right):
    """What may be wrong in a mean over rows of what is summed over the classes."""
    return {
        "wrong-sign": lambda p, q: -right(p, q),
        "swapped": lambda p, q: right(q, p),
        "not-averaged": lambda p, q: len(p) * right(p, q),
        "averaged-classes": lambda p, q: right(p, q) / p.shape[1],
    }


def _cross_entropy(student, rng):
    def right(p, q):
        return -np.mean(np.sum(p * np.log(q), axis=1))

    misconceptions = _misconceptions_of_rows(right) | {
        "binary": lambda p, q: right(p, q) + right(1 - p, 1 - q),
        "no-p": lambda p, q: right(np.ones_like(p), q),
        "divergence": lambda p, q: right(p, q / p),
        "entropy": lambda p, q: right(p, p),
    }
    probes, others = [_shares(rng, 6, 4) for _ in range(3)], [_shares(rng, n, k) for n, k in ((1, 2), (5, 3), (2, 9))]
    return _numbers(student, "cross_entropy", right, probes, misconceptions, 0.5, others)


def _divergence(student, rng):
    def right(p, q):
        return np.mean(np.sum(rel_entr(p, q), axis=1))

    misconceptions = _misconceptions_of_rows(right) | {
        "swapped-sign": lambda p, q: -right(q, p),
        "symmetric": lambda p, q: right(p, q) + right(q, p),
        "cross-entropy": lambda p, q: -np.mean(np.sum(p * np.log(q), axis=1)),
        "no-p": lambda p, q: np.mean(np.sum(np.log(p / q), axis=1)),
    }
    probes = [_shares(rng, 6, 4) for _ in range(3)]
    # A small number added to p and q in place of `np.where` is a right way too.
    yield _numbers(student, "kl_divergence", right, probes, misconceptions, 0.5, rtol=1e-3)
    for n, k in ((6, 4), (1, 3), (4, 2)):
        p, q = _shares(rng, n, k)
        p[0] = np.eye(k)[0]
        p[1:2] = [0.5, 0.5] + [0] * (k - 2)
        value = student.call("kl_divergence", p, q)
        fail_if(isinstance(value, float | np.ndarray) and not np.isfinite(value).all(), "kl-divergence.zero-log-zero")
        given = call_array(student, "kl_divergence", p, q)
        yield check_array("kl-zeros", "`kl_divergence`, also with zeros,", given, right(p, q), points=0.5, rtol=1e-3)


def _overlap(student, rng):
    misconceptions = {
        "not-a-loss": metrics.jaccard_score,
        "dice": lambda a, b: 1 - metrics.f1_score(a, b),
        "counts-background": lambda a, b: np.mean(a != b),
        "no-union": lambda a, b: 1 - a @ b / (a.sum() + b.sum()),
        "one-region": lambda a, b: 1 - a @ b / a.sum(),
        "other-region": lambda a, b: 1 - a @ b / b.sum(),
        "all-points": lambda a, b: 1 - a @ b / len(a),
        "upside-down": lambda a, b: 1 - 1 / metrics.jaccard_score(a, b),
    }

    def masks(n, share):
        a, b = (rng.random((2, n)) < share).astype(int)
        a[0] = b[0] = a[1] = b[2] = 1  # neither is empty, and they meet
        return a, b

    def right(a, b):
        return 1 - metrics.jaccard_score(a, b)

    probes, others = [masks(40, share) for share in (0.5, 0.3, 0.7)], [masks(5, 0.1), masks(90, 0.9)]
    finding = _numbers(student, "jaccard_loss", right, probes, misconceptions, 0.5, others)
    if finding.passed:
        none, some = np.zeros(5, int), np.array([0, 1, 1, 0, 0])
        empty = student.call("jaccard_loss", none, none)
        if not isinstance(empty, int | float | np.ndarray | np.generic) or not np.allclose(empty, 0):
            raise Misconception("jaccard-loss.empty-masks", empty=empty)
        for a, b, wanted, said in (
            (none, some, 1, "nothing and a region"),
            (some, none, 1, "a region and nothing"),
            (some, 1 - some, 1, "two regions that do not meet"),
            (some, some, 0, "a region and itself"),
        ):
            loss = call_array(student, "jaccard_loss", a, b)
            fail_if(not np.allclose(loss, wanted, atol=1e-5), "jaccard-loss.extremes", said=said, loss=loss)
    return finding


def _choices(student):
    given = student.value("choices")
    fail_if(not isinstance(given, dict) or set(given) != set(CHOICES), "choices.wrong-keys", names=", ".join(CHOICES))
    fail_if(any(value is ... for value in given.values()), "choices.unfinished")
    for name, value in given.items():
        fail_if(not isinstance(value, str), "choices.wrong-type", name=name)
    given = {name: value.strip().lower().replace("_", "-").replace(" ", "-") for name, value in given.items()}
    off = [name for name, loss in CHOICES.items() if given[name] != loss]
    if not off:
        return check_that("choices", True, 1)
    name, chosen, names = off[0], given[off[0]], ", ".join(CHOICES.values())
    if chosen not in CHOICES.values():
        return Finding("choices", False, say("choices.unknown", name=name, chosen=chosen, names=names), 1)
    return check_that("choices", False, 1, right=len(CHOICES) - len(off), name=name, why=say(f"because.{name}"))


@exercise("00.7")
def adaptive_steps(student, rng):
    """AdaGrad and RMSprop walk with random gradients and several settings; the paths of w are compared."""
    walks = [(rng.normal(size=k), rng.normal(size=(4, k))) for k in (3, 4, 2, 1)]
    yield lambda: _adagrad(student, walks)
    yield lambda: _rmsprop(student, walks)


ADAPTIVE_MISCONCEPTIONS = {
    "uphill": {"sign": -1},
    "no-root": {"power": 1},
    "not-squared": {"square": np.abs},
    "not-carried": {"carry": False},
    "one-for-all": {"square": lambda g: np.sum(g**2)},
    "mean-for-all": {"square": lambda g: np.mean(g**2)},
    "sign-only": {"numerator": np.sign},
    "no-gradient": {"numerator": np.ones_like},
    "no-learning-rate": {"rate_is": 1.0},
    "epsilon-unused": {"epsilon_is": "none"},
    "epsilon-in-root": {"epsilon_is": "inside"},
    "plain": {"plain": True},
}


def _adagrad(student, walks):
    misconceptions = ADAPTIVE_MISCONCEPTIONS | {"old-sum": {"by_old": True}}
    settings = [(0.1, 0.3), (0.03, 0.05), (0.5, 1e-8), (0.2, 0.2)]
    numbers, advice = {"learning_rate": (0.1, 0.5), "epsilon": (0.2, 1.0)}, "First s + g**2, then w."
    name, step = "adagrad_step", _adaptive_step
    return _judge_paths(student, name, "s", walks, settings, numbers, step, misconceptions, 1, advice)


def _rmsprop(student, walks):
    def step(w, s, g, rate, rho, epsilon, keep=None, new=None, exchange=False, **changed):
        keep, new = rho if keep is None else keep, 1 - rho if new is None else new
        keep, new = (new, keep) if exchange else (keep, new)
        return _adaptive_step(w, s, g, rate, epsilon, keep=keep, new=new, **changed)

    misconceptions = ADAPTIVE_MISCONCEPTIONS | {
        "exchanged": {"exchange": True},
        "no-weight": {"new": 1.0},
        "adagrad": {"keep": 1.0, "new": 1.0},
        "no-rho": {"keep": 1.0},
        "old-average": {"by_old": True},
    }
    settings = [(0.1, 0.9, 0.3), (0.03, 0.6, 0.05), (0.5, 0.8, 1e-8), (0.2, 0.99, 0.2)]
    numbers, name = {"learning_rate": (0.1, 0.5), "rho": (0.9, 0.4), "epsilon": (0.2, 1.0)}, "rmsprop_step"
    advice = "First s = rho s + (1 - rho) g**2, then w."
    w, (g, s, *_) = walks[0]
    args = w, s**2, g, 0.1, 0.9, 0.2
    # Where s alone is divided by 1 - rho within the step, the path is that of "no-weight": the new s tells them apart.
    if np.allclose(_asked(student, name, "s", *args)[1], step(*args)[1]):
        misconceptions["corrected"] = misconceptions.pop("no-weight")
    return _judge_paths(student, name, "s", walks, settings, numbers, step, misconceptions, 1, advice)


def _adaptive_step(
    w, s, g, rate, epsilon, keep=1.0, new=1.0, square=np.square, power=0.5, numerator=lambda g: g, sign=1, carry=True,
    by_old=False, rate_is=None, epsilon_is="after", plain=False,
):  # fmt: skip
    """A step of AdaGrad, of RMSprop with other weights `keep` and `new`, or one with the usual mistakes."""
    old, rate = s, rate_is or rate
    s = keep * s + new * square(g)
    by = old if by_old else s
    with np.errstate(all="ignore"):
        size = {"after": by**power + epsilon, "none": by**power, "inside": (by + epsilon) ** power}[epsilon_is]
        change = numerator(g) * (1 if plain else 1 / size)
    s = s if carry else old
    return w - sign * rate * change, s
