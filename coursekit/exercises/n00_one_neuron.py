"""Checks of notebook 00: one neuron, trained by hand."""

import numpy as np

from coursekit.checks.codec import Handle
from coursekit.checks.framework import Wrong, exercise, fail_if, threshold
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import agrees, as_array, as_number, returned, returned_parts, type_name

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py.
MARGINS = {"00.3": {"excess": 0.002}}

PAIR = {"w": (), "b": ()}


def _numbers(student, name, right, probes, slips, points, code=None, quantities=None, others=(), rtol=1e-4):
    """The finding that a function gives the right number for each of several probes.

    Parameters
    ----------
    right : callable
        What is right, from the same arguments.
    slips : dict of str to (callable, str)
        The usual mistakes: code -> what they would give, from the same arguments, and the sentence that explains it.
    others : list of tuple
        Probes of other sizes, asked for once the first ones are right.
    """
    code = code or name.replace("_", "-")

    def answers(function, probes):
        with np.errstate(all="ignore"):
            return np.array([function(*probe) for probe in probes])

    def judged(what, probes, slips):
        given = np.array([returned(student, name, *probe) for probe in probes])
        known = {slip: (answers(function, probes), message) for slip, (function, message) in slips.items()}
        return agrees(code, what, given, answers(right, probes), known, points, quantities=quantities, rtol=rtol)

    finding = judged(f"`{name}`", probes, slips)
    return judged(f"`{name}` with other sizes", others, {}) if finding.passed and others else finding


def _derivatives(student, name, right, probes, slips, points):
    """The finding that a function gives the right pair dw, db for each of several probes of the same size."""
    like = {"dw": (), "db": ()}
    given, wanted = (
        np.array([function(*probe) for probe in probes])
        for function in (lambda *probe: returned_parts(student, name, *probe, like=like), right)
    )
    known = {slip: (np.array([f(*probe) for probe in probes]), message) for slip, (f, message) in slips.items()}
    code, quantities = name.replace("_", "-"), {"n": len(probes[0][0])}
    off = [part for part in (0, 1) if not np.allclose(given[:, part], wanted[:, part], rtol=1e-4)]
    if len(off) != 1:
        return agrees(code, f"`{name}`", given, wanted, known, points, quantities=quantities)
    part = off[0]
    other = {f"`{'db' if part == 0 else 'dw'}`": wanted[:, 1 - part]}
    known = {
        slip: (values[:, part], message)
        for slip, (values, message) in known.items()
        if slip != "swapped" and not message.startswith("Both")
    }
    what = f"`{('dw', 'db')[part]}` of `{name}`"
    return agrees(code, what, given[:, part], wanted[:, part], known, points, quantities=quantities, steps=other)


# --- 00.1


@exercise("00.1")
def linear_neuron(student, rng):
    """The three functions on random points, against the formulas and the usual slips."""
    yield lambda: _neuron(student, rng)
    yield lambda: _mse(student, rng)
    yield lambda: _closed_form(student, rng)


def _neuron(student, rng):
    for n, w, b in ((30, 1.3, -0.6), (30, -2.1, 0.4), (5, 0.5, 3.0)):
        x = rng.normal(2, 1.5, size=n)
        given = returned(student, "neuron", x, w, b, shape=(n,))
        slips = {
            "no-bias": w * x,
            "swapped": b * x + w,
            "bias-subtracted": w * x - b,
            "bias-inside": w * (x + b),
            "activation": np.tanh(w * x + b),
            "sigmoid": _sigmoid(w * x + b),
        }
        steps = {"`x`": x, "`w + x + b`": w + x + b}
        finding = agrees("neuron", "`neuron`", given, w * x + b, slips, 0.5, "It should be w x + b.", steps=steps)
        if not finding.passed:
            break
    return finding


def _mse(student, rng):
    def points(n):
        y = rng.normal(5, 2, size=n)
        return y, y + rng.normal(0.4, 1, size=n)

    slips = {
        "not-averaged": lambda y, p: np.sum((p - y) ** 2),
        "root": lambda y, p: np.sqrt(np.mean((p - y) ** 2)),
        "not-squared": lambda y, p: np.mean(p - y),
        "absolute": lambda y, p: np.mean(np.abs(p - y)),
        "mean-squared": lambda y, p: np.mean(p - y) ** 2,
        "variance": lambda y, p: np.var(p - y),
        "median": lambda y, p: np.median((p - y) ** 2),
        "squares-apart": lambda y, p: np.mean(p**2 - y**2),
        "two-parameters": lambda y, p: np.sum((p - y) ** 2) / (len(y) - 2),
        "fixed-size": lambda y, p: np.sum((p - y) ** 2) / 40,
    }
    probes, others = [points(30) for _ in range(3)], [points(n) for n in (1, 2, 7)]
    right = lambda y, p: np.mean((p - y) ** 2)  # noqa: E731
    return _numbers(student, "mse", right, probes, slips, 0.5, quantities={"n": 30}, others=others)


def _closed_form(student, rng):
    """The slope first; the bias is judged by the slope that it comes with."""

    def points(n):
        x = rng.normal(2, 1.5, size=n)
        return x, 3 * x + 1 + rng.normal(size=n)

    def slope(x, y):
        return np.cov(x, y, ddof=0)[0, 1] / np.var(x)

    n = 30
    for size in (n, n, 3, 2):
        x, y = points(size)
        w, b = returned_parts(student, "closed_form", x, y, like=PAIR)
        best, covariance = slope(x, y), np.cov(x, y, ddof=0)[0, 1]
        fail_if(np.allclose([w, b], [y.mean() - best * x.mean(), best], rtol=1e-4), "swapped")
        slips = {
            "mixed-divisors": (
                best * size / (size - 1),
                f"`w` is n / (n - 1) = {size / (size - 1):.3f} times too large: `np.cov` divides by n - 1, `np.var` by n.",
            ),
            "through-origin": x @ y / (x @ x),
            "standard-deviation": covariance / np.std(x),
            "correlation": covariance / np.std(x) / np.std(y),
            "wrong-variance": covariance / np.var(y),
            "inverted": np.var(x) / covariance,
            "covariance": covariance,
            "not-averaged": covariance * size / np.var(x),
        }
        finding = agrees("closed-form", "`w` of `closed_form`", w, best, slips, 1, quantities={"n": size})
        if not finding.passed:
            return finding
        slips = {
            "no-offset": y.mean(),
            "slope-lost": y.mean() - x.mean(),
            "wrong-sign": y.mean() + best * x.mean(),
            "negative": best * x.mean() - y.mean(),
            "means-exchanged": x.mean() - best * y.mean(),
            "one-point": y[0] - best * x[0],
        }
        finding = agrees("closed-form", "`b` of `closed_form`", b, y.mean() - best * x.mean(), slips, 1)
        if not finding.passed:
            return finding
    return Finding("closed-form", True, "`closed_form` is right.", points=1)


# --- 00.2


@exercise("00.2")
def downhill(student, rng):
    """The gradient; then a step, which is judged by the student's own gradient."""

    def right(x, y, w, b):
        residual = w * x + b - y
        return 2 * np.mean(residual * x), 2 * np.mean(residual)

    def points(n):
        return rng.normal(1, 2, size=n), rng.normal(3, 2, size=n), *rng.normal(size=2)

    slips = _gradient_slips(right) | {
        "factor-two": lambda *probe: np.array(right(*probe)) / 2,
        "no-truth": lambda x, y, w, b: right(x, 0 * y, w, b),
        "no-bias": lambda x, y, w, b: right(x, y, w, 0),
    }
    probes = [points(20) for _ in range(3)]
    finding = _derivatives(student, "gradient", right, probes, slips, 2)
    if finding.passed:
        finding = _derivatives(student, "gradient", right, [points(1), points(1)], slips, 2)
    yield finding
    yield _step(student, right, probes)


def _step(student, right, probes):
    """Three steps of different length. Where the gradient is wrong, a step that follows it is right."""
    rates = (0.05, 0.2, 0.013)
    given = np.array(
        [returned_parts(student, "step", *probe, rate, like=PAIR) for probe, rate in zip(probes, rates, strict=True)]
    )
    start, rate = np.array([probe[2:] for probe in probes]), np.array(rates)[:, None]
    true = np.array([right(*probe) for probe in probes])
    if np.allclose(given, start - rate * true, rtol=1e-4):
        return Finding("step", True, "`step` is right.", points=1)
    own = np.array([returned_parts(student, "gradient", *probe, like={"dw": (), "db": ()}) for probe in probes])
    moved = start - rate * own
    late = [right(x, y, w, b)[1] for (x, y, _, b), w in zip(probes, moved[:, 0], strict=True)]
    fixed = (start - given)[0, 0] / own[0, 0] if own[0, 0] else 0.0
    slips = {
        "uphill": start + rate * own,
        "no-learning-rate": start - own,
        "only-change": -rate * own,
        "one-after-the-other": np.column_stack([moved[:, 0], start[:, 1] - rate[:, 0] * late]),
        "not-moved": start,
        "exchanged": start - rate * own[:, ::-1],
        "swapped": moved[:, ::-1],
        "b-not-moved": np.column_stack([moved[:, 0], start[:, 1]]),
        "w-not-moved": np.column_stack([start[:, 0], moved[:, 1]]),
        "divided": start - own / rate,
        "only-gradient": own,
        "fixed-rate": (
            start - fixed * own,
            f"`step` always uses the learning rate {fixed:.4g}: use the one that is handed in.",
        ),
    }
    return agrees("step", "`step`", given, moved, slips, 1, "It should be w - learning_rate dw, and b likewise.")


def _gradient_slips(right):
    """What may be wrong in any pair of derivatives, of which `right` gives the right one."""

    def times(factor):
        return lambda x, *rest: np.array(right(x, *rest)) * (len(x) if factor == "n" else factor)

    return {
        "wrong-sign": times(-1),
        "not-averaged": times("n"),
        "swapped": lambda *probe: right(*probe)[::-1],
        "twice": times(2),
    }


# --- 00.3


@exercise("00.3")
def logistic_neuron(student, rng):
    """Values, derivatives, and the excess of the trained neuron's loss over the smallest possible."""
    yield lambda: _sigmoid_values(student, rng)
    yield lambda: _log_loss(student, rng)
    yield lambda: _log_loss_gradient(student, rng)
    yield lambda: _trained(student)


def _sigmoid_values(student, rng):
    for scale, ends in ((3, [-1000, 0, 1000]), (1, [0, 0.0, 0]), (30, [-40, 40, 5])):
        z = np.concatenate([rng.normal(0, scale, size=20), ends])
        try:
            given = returned(student, "sigmoid", z, shape=z.shape)
        except Wrong as wrong:
            if wrong.finding.code != "not-finite":
                raise
            raise Wrong("sigmoid-values.not-finite") from None
        s = _sigmoid(z)
        slips = {
            "wrong-sign": 1 - s,
            "tanh": np.tanh(z),
            "half-argument": _sigmoid(z / 2),
            "steep": _sigmoid(2 * z),
            "threshold": (z > 0).astype(float),
            "derivative": s * (1 - s),
            "softmax": np.exp(z - z.max()) / np.exp(z - z.max()).sum(),
        }
        finding = agrees("sigmoid", "`sigmoid`", given, s, slips, 1, steps={"`z`": z})
        if not finding.passed:
            break
    return finding


def _log_loss(student, rng):
    def right(y, p):
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    def points(n):
        return rng.integers(0, 2, size=n), rng.uniform(0.05, 0.95, size=n)

    slips = {
        "wrong-sign": lambda y, p: -right(y, p),
        "not-averaged": lambda y, p: len(y) * right(y, p),
        "only-ones": lambda y, p: -np.mean(y * np.log(p)),
        "mean-of-the-ones": lambda y, p: -np.mean(np.log(p[y == 1])),
        "only-zeros": lambda y, p: -np.mean((1 - y) * np.log(1 - p)),
        "exchanged": lambda y, p: right(1 - y, p),
        "minus-between": lambda y, p: -np.mean(y * np.log(p) - (1 - y) * np.log(1 - p)),
        "base-two": lambda y, p: right(y, p) / np.log(2),
        "squared": lambda y, p: np.mean((p - y) ** 2),
        "absolute": lambda y, p: np.mean(np.abs(p - y)),
    }
    try:
        return _numbers(
            student, "log_loss", right, [points(25) for _ in range(3)], slips, 1, quantities={"n": 25},
            others=[points(n) for n in (1, 4, 11)],
        )  # fmt: skip
    except Wrong as wrong:
        if wrong.finding.code != "not-finite":
            raise
        raise Wrong("not-finite") from None


def _log_loss_gradient(student, rng):
    """Where `sigmoid` is wrong, a gradient that is right with it is right."""

    def with_p(p):
        def right(x, y, w, b):
            return np.mean((p(w * x + b) - y) * x), np.mean(p(w * x + b) - y)

        return right

    def own(z):
        return returned(student, "sigmoid", z, shape=z.shape)

    def flat(x, y, w, b):
        p = _sigmoid(w * x + b)
        return np.array([np.mean((p - y) * p * (1 - p) * x), np.mean((p - y) * p * (1 - p))])

    def points(n):
        return rng.normal(0.5, 1, size=n), rng.integers(0, 2, size=n), *rng.normal(size=2)

    probes = [points(25) for _ in range(3)]
    z = np.linspace(-2, 2, 9)
    right = with_p(_sigmoid if np.allclose(own(z), _sigmoid(z), atol=1e-6) else own)
    slips = _gradient_slips(right) | {
        "squared-error": lambda *probe: 2 * flat(*probe),
        "extra-slope": flat,
        "no-sigmoid": with_p(lambda z: z),
        "no-bias": lambda x, y, w, b: right(x, y, w, 0),
    }
    return _derivatives(student, "log_loss_gradient", right, probes, slips, 1)


def _trained(student):
    from coursekit.data import make_trigger

    trigger = student.value("trigger")
    if not isinstance(trigger, list | tuple | np.ndarray) or getattr(trigger, "ndim", 1) == 0 or len(trigger) != 2:
        raise Wrong("wrong-type")
    w, b = (as_number(part, f"`{name}` of `trigger`") for name, part in zip("wb", trigger, strict=True))
    x, y = make_trigger(n_samples=300, noise=0.6, seed=1)
    best = _newton(x, y)

    def excess(w, b):
        return _loss_of(x, y, w, b) - _loss_of(x, y, *best)

    limit, own = threshold("00.3", "excess"), excess(w, b)
    passed = own <= limit
    message = f"The trained neuron has the log loss {own + _loss_of(x, y, *best):.4f}; the smallest possible is {_loss_of(x, y, *best):.4f}."
    if not passed:
        _explain_trigger(w, b, x, y, excess, limit)
        dw, db = _slopes(x, y, w, b)
        if own > excess(0, 0) + 0.01:
            message += (
                " It is worse than w = b = 0. Was it trained on `energy`, `fired`, and did the loss fall on the way?"
            )
        else:
            message += (
                f" There the derivatives are dw = {dw:.4f} and db = {db:.4f}, not 0 yet: more steps downhill would still "
                "lower it. The valley is narrow."
            )
    return Finding("excess", passed, message, points=1, seen={"excess": own})


def _explain_trigger(w, b, x, y, excess, limit):
    """Raises `Wrong` where one cause explains a trigger that is not at the smallest loss."""
    fail_if(w == b == 0, "not-trained")
    fail_if(excess(b, w) <= limit, "swapped")
    fail_if(excess(-w, -b) <= limit, "uphill")
    for shift, scale, said in ((x.mean(), x.std(), "standardised"), (x.mean(), 1, "centred")):
        fail_if(excess(w / scale, b - w * shift / scale) <= limit, "other-inputs", said=said)
    dw, db = _slopes(x, y, w, b)
    fail_if(w * dw < 0 and abs(db) < 0.02 * abs(dw) and _loss_of(x, y, w, b) < _loss_of(x, y, 0, 0), "penalised", w=w)
    line = np.polyfit(x, y, 1)
    fail_if(np.allclose([w, b], line, rtol=0.02), "no-sigmoid")
    p = _sigmoid(w * x + b)
    flat = (p - y) * p * (1 - p)
    fail_if(max(abs(np.mean(flat * x)), abs(np.mean(flat))) < 1e-4 and p.std() > 0.1, "squared-error")


def _loss_of(x, y, w, b):
    z = w * x + b
    return np.mean(np.logaddexp(0, z) - y * z)


def _slopes(x, y, w, b):
    residual = _sigmoid(w * x + b) - y
    return np.mean(residual * x), np.mean(residual)


def _sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def _newton(x, y):
    """The best w and b of a logistic neuron, by Newton's method."""
    X, best = np.column_stack([x, np.ones(len(x))]), np.zeros(2)
    for _ in range(30):
        p = _sigmoid(X @ best)
        best = best - np.linalg.solve((X * (p * (1 - p))[:, None]).T @ X, X.T @ (p - y))
    return best


# --- 00.4


@exercise("00.4")
def mini_batches(student, rng):
    """Portions that hold each index once; an epoch of right steps; three rates, each run for 100 steps."""
    yield lambda: _portions_and_epoch(student, rng)
    yield lambda: _three_rates(student)


def _portions_and_epoch(student, rng):
    for n, size, seed in ((23, 5, 0), (12, 4, 3), (7, 1, 2), (6, 6, 11), (5, 8, 1)):
        _portions(student, n, size, seed)
    orders = [np.concatenate(_batches(student, 23, 5, seed)) for seed in (0, 0, 1, 2)]
    fail_if(not np.array_equal(orders[0], orders[1]), "not-seeded")
    fail_if(np.array_equal(orders[0], orders[2]) or np.array_equal(orders[2], orders[3]), "seed-unused")
    yield Finding("minibatches", True, "`minibatches` holds every index once, in an order that the seed decides.", 1)
    yield _epoch(student, rng)


def _portions(student, n, size, seed):
    """Raises `Wrong` where the portions of n indices are not right."""
    batches = _batches(student, n, size, seed)
    sizes, found = [len(batch) for batch in batches], np.concatenate(batches)
    if max(sizes) > size:
        raise Wrong("too-large", max=max(sizes), size=size)
    if found.size and (found.min() < 0 or found.max() >= n):
        raise Wrong("wrong-range", min=found.min(), max=found.max(), n=n)
    different = len(np.unique(found))
    if len(found) != different:
        advice = "Shuffle the indices; do not draw them one by one."
        if len(found) > n:
            advice = "The portions overlap: begin each where the one before it ends."
        raise Wrong("repeated", n_found=len(found), different=different, advice=advice)
    missing = n - different
    if missing:
        dropped = missing == n % size and set(sizes) <= {size}
        advice = "These would be the last portion, which may be smaller: do not drop it." if dropped else ""
        raise Wrong("missing", f"{missing} of {n} indices are in no portion. {advice}".strip())
    fail_if(sizes.count(size) != n // size, "uneven", sizes=sizes, size=size)
    together = all(np.array_equal(np.sort(batch), np.arange(batch.min(), batch.max() + 1)) for batch in batches)
    fail_if(n == 23 and together, "not-shuffled")


def _batches(student, *args):
    given = student.call("minibatches", *args)
    if isinstance(given, np.ndarray) and given.ndim:
        given = list(given)
    if isinstance(given, Handle) or not isinstance(given, list | tuple) or not given:
        raise Wrong("wrong-type", type_name=type_name(given))
    batches = [as_array(batch, "A portion of `minibatches`") for batch in given]
    if any(batch.ndim != 1 or not batch.size or (batch != np.rint(batch)).any() for batch in batches):
        raise Wrong("wrong-shape")
    return batches


def _epoch(student, rng):
    def ask(x, y, w, b, size, rate, seed):
        return returned_parts(student, "run_epoch", x, y, w, b, size, rate, seed, like=PAIR)

    # Equal points: whatever their order, an epoch is so many equal steps.
    first_size, first_rate = 3, 0.05
    for n, size, rate in ((12, first_size, first_rate), (13, 5, 0.11), (4, 1, 0.02), (5, 8, 0.2)):

        def after(n_steps, scale=1.0, rate=rate):
            w, b = 0.3, -0.2
            for _ in range(n_steps):
                residual = w * 1.5 + b - 4.0
                w, b = w - rate * scale * 2 * residual * 1.5, b - rate * scale * 2 * residual
            return [w, b]

        steps = -(-n // size)
        said = f"{n} points in portions of {size} are {steps} step{'' if steps == 1 else 's'}"
        slips = {
            "one-step": (after(1), f"`run_epoch` takes one step; {said}."),
            "step-for-each-point": (after(n), f"`run_epoch` takes {n} steps; {said}."),
            "last-dropped": (
                after(n // size),
                f"`run_epoch` takes {n // size} steps; {said}. The last may be smaller.",
            ),
            "fixed-size": (after(-(-n // first_size)), f"`run_epoch` uses another batch size: {said}."),
            "not-averaged": after(steps, size),
            "divided-by-all": (
                after(steps, size / n),
                f"The gradient of a portion is divided by all {n} points, not by its {size}.",
            ),
            "rate-over-batch-size": (
                after(steps, 1 / size),
                f"Each step is divided by the batch size, {size}: `gradient` is a mean already.",
            ),
            "half": after(steps, 0.5),
            "twice": after(steps, 2.0),
            "uphill": after(steps, -1.0),
            "no-learning-rate": after(steps, 1 / rate),
            "not-moved": [0.3, -0.2],
            "fixed-rate": after(steps, rate=first_rate),
            "swapped": after(steps)[::-1],
        }
        given = ask(np.full(n, 1.5), np.full(n, 4.0), 0.3, -0.2, size, rate, 0)
        finding = agrees("run-epoch", "`run_epoch`", given, after(steps), slips, 1, f"Here {said}.", names=("w", "b"))
        if not finding.passed:
            return finding
    # On a line that meets every point nothing moves, unless x of one point comes with y of another.
    x = rng.normal(size=9)
    fail_if(not np.allclose(ask(x, 2 * x + 1, 2.0, 1.0, 2, 0.1, 3), [2, 1], atol=1e-6), "mispaired")
    x, y = rng.normal(size=6), rng.normal(size=6)
    args = (0.3, -0.2, 2, 0.1, 0)
    plain = ask(x, y, *args)
    w, b = 0.3, -0.2
    for _ in range(3):
        residual = w * x + b - y
        w, b = w - 0.2 * np.mean(residual * x), b - 0.2 * np.mean(residual)
    fail_if(np.allclose(plain, [w, b], atol=1e-9), "all-points")
    if any(np.allclose(plain, ask(x, y + 5.0 * (np.arange(6) == i), *args), atol=1e-9) for i in range(6)):
        raise Wrong("unused-points")
    fail_if(not np.allclose(plain, ask(x, y, *args), atol=1e-9), "epoch.not-seeded")
    seeds = [ask(x, y, *args[:4], seed) for seed in range(4)]
    fail_if(np.allclose(seeds, seeds[0], atol=1e-9), "epoch.seed-unused")
    return finding


def _three_rates(student):
    rates = student.value("rates")
    wanted = ("too small", "right", "too large")
    if not isinstance(rates, dict) or set(rates) != set(wanted):
        seen = f"has the keys {list(rates)}" if isinstance(rates, dict) else "is no dict"
        raise Wrong("wrong-keys", f"`rates` {seen}; a dict with the keys {', '.join(wanted)} was expected."[:300])
    # Standardised inputs: a step multiplies the distance by 1 - 2 rate.
    left = {name: abs(1 - 2 * as_number(rates[name], f'`rates["{name}"]`')) ** 100 for name in wanted}
    said = {
        "too small": ("is not too small", left["too small"] > 0.2, "of the distance is left; more than 20 % was meant"),
        "right": ("is not right", left["right"] < 0.01, "of the distance is left; less than 1 % was meant"),
        "too large": ("is not too large", left["too large"] > 1, "of the distance is left; it should grow"),
    }
    fail_if(left["too small"] > 1 and 0.2 < left["too large"] < 1, "exchanged")
    if left["too small"] >= 1:
        raise Wrong("rate-too-small", too_small=rates["too small"])
    for name, (verdict, holds, rest) in said.items():
        if not holds:
            message = f'`rates["{name}"]`, {rates[name]}, {verdict}: after 100 steps {left[name]:.3g} times {rest}.'
            return Finding(f"rate-{name.replace(' ', '-')}", False, message.replace("times of", "times"), points=1)
    return Finding("rates", True, "One rate crawls, one arrives, one explodes.", points=1)


# --- 00.5


@exercise("00.5")
def optimisers(student, rng):
    """Each optimiser walks with random gradients and several settings; the paths of w are compared, not the memory."""
    walks = [(rng.normal(size=k), rng.normal(size=(4, k))) for k in (3, 3, 3, 1)]
    yield lambda: _plain(student, walks)
    yield lambda: _momentum(student, walks)
    yield lambda: _adam(student, walks)


def _paths(step, walks, settings, memory):
    """The w of every walk after each step, in one row; `step` has w, as many memories as said, g, t, and the settings."""
    rows = []
    for (w, gradients), setting in zip(walks, settings, strict=True):
        kept = [np.zeros_like(w)] * memory
        for t, g in enumerate(gradients, 1):
            w, *kept = step(w, *kept, g, t, *setting)
            rows.append(w)
    return np.concatenate(rows)


def _not_used(student, name, args, others, like):
    """Raises `Wrong` where an argument makes no difference to what an optimiser gives.

    Parameters
    ----------
    args : dict of str to object
        The arguments in their order.
    others : dict of str to object
        Other values of some of them.
    """

    def answer(args):
        return np.concatenate(returned_parts(student, name, *args.values(), like=like))

    for argument, other in others.items():
        if np.array_equal(answer(args), answer({**args, argument: other})):
            raise Wrong(
                f"{argument.replace('_', '-')}-unused",
                f"`{name}` gives the same for {argument} = {args[argument]:g} and {argument} = {other:g}: use the "
                f"{argument} that is handed in.",
            )


def _judge_paths(student, name, given, path, slips, points, advice, args, others, like):
    """The finding on the paths; `slips` are code -> (settings of `path`, sentence)."""
    known = {code: (path(**changed), message) for code, (changed, message) in slips.items()}
    code = name.replace("_", "-")
    finding = agrees(code, f"The path of `{name}`", given, path(), known, points, advice)
    if not finding.passed and finding.code == code:
        _not_used(student, name, args, others, like)
    return finding


def _plain(student, walks):
    rates = [(0.1,), (0.03,), (0.5,), (0.2,)]

    def asked(w, g, t, rate):
        return [returned(student, "plain_step", w, g, rate, shape=w.shape)]

    def path(factor=lambda rate: -rate):
        return _paths(lambda w, g, t, rate: [w + factor(rate) * g], walks, rates, 0)

    slips = {
        "uphill": {"factor": lambda rate: rate},
        "no-learning-rate": {"factor": lambda rate: -1},
        "not-moved": {"factor": lambda rate: 0},
        "divided": {"factor": lambda rate: -1 / rate},
    }
    known = {code: (path(**changed), message) for code, (changed, message) in slips.items()}
    finding = agrees("plain-step", "The path of `plain_step`", _paths(asked, walks, rates, 0), path(), known, 0.5)
    if not finding.passed and finding.code == "plain-step":
        w, g = walks[0][0], walks[0][1][0]
        ask = [returned(student, "plain_step", w, g, rate, shape=w.shape) for rate in (0.1, 0.5)]
        fail_if(np.array_equal(*ask), "learning-rate-unused")
        fail_if(np.allclose(ask[0], -0.1 * g), "only-change")
    return finding


def _momentum(student, walks):
    settings = [(0.1, 0.8), (0.03, 0.5), (0.5, 0.95), (0.2, 0.0)]

    def asked(w, v, g, t, rate, beta):
        return returned_parts(student, "momentum_step", w, v, g, rate, beta, like={"w": w.shape, "v": w.shape})

    def path(
        remember=lambda beta: 1.0, late=False, forget=False, sign=1, swapped=False, nesterov=False, keep=None, power=1
    ):
        def step(w, v, g, t, rate, beta):
            old, new = v, (keep or beta) * v + remember(beta) * g
            by = old if late else new
            by = beta * new + g if nesterov else by
            moved = w - sign * rate**power * by
            return (new, moved) if swapped else (moved, old if forget else new)

        return _paths(step, walks, settings, 1)

    slips = {
        "swapped": {"swapped": True},
        "not-carried": {"forget": True},
        "averaged": {"remember": lambda beta: 1 - beta},
        "old-velocity": {"late": True},
        "uphill": {"sign": -1},
        "velocity-subtracts": {"remember": lambda beta: -1.0},
        "nesterov": {"nesterov": True},
        "rate-twice": {"power": 2},
        "no-beta": {"keep": 1.0},
    }
    (w, gradients), like = walks[0], {"w": (3,), "v": (3,)}
    args = {"w": w, "v": gradients[1], "g": gradients[0], "learning_rate": 0.1, "beta": 0.8}
    return _judge_paths(
        student, "momentum_step", _paths(asked, walks, settings, 1), path, slips, 1, "First v = beta v + g, then w.",
        args, {"learning_rate": 0.5, "beta": 0.3}, like,
    )  # fmt: skip


def _adam(student, walks):
    tiny = [(0.1, 0.9, 0.98, 1e-8), (0.03, 0.6, 0.9, 1e-8), (0.5, 0.8, 0.99, 1e-8), (0.2, 0.0, 0.5, 1e-8)]
    large = [(*setting[:3], epsilon) for setting, epsilon in zip(tiny, (0.3, 0.05, 1.0, 0.2), strict=True)]

    def asked(w, m, v, g, t, *settings):
        like = {"w": w.shape, "m": w.shape, "v": w.shape}
        return returned_parts(student, "adam_step", w, m, v, g, t, *settings, like=like)

    def path(settings=tiny, **changed):
        return _paths(lambda *args: _adam_step(*args, **changed), walks, settings, 2)

    slips = {
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
        "beta-times-t": {"times": True},
        "no-weight": {"mix": False},
        "no-m": {"momentum": False},
        "no-learning-rate": {"rate_is": 1.0},
    }
    (w, gradients), like = walks[0], {"w": (3,), "m": (3,), "v": (3,)}
    args = {"w": w, "m": gradients[1], "v": gradients[2] ** 2, "g": gradients[0], "t": 2, "learning_rate": 0.1}
    args |= {"beta1": 0.8, "beta2": 0.9, "epsilon": 0.2}
    others = {"t": 5, "learning_rate": 0.5, "beta1": 0.3, "beta2": 0.5, "epsilon": 1.0}
    advice = "Compare your lines with the formulas, one by one; t, beta1, beta2 and epsilon are handed in."
    w, m, v = asked(*args.values())
    right = _adam_step(*args.values())
    fail_if(np.allclose(m, right[2]) and np.allclose(v, right[1]), "memories-swapped")
    given = _paths(asked, walks, tiny, 2)
    finding = _judge_paths(student, "adam_step", given, path, slips, 1.5, advice, args, others, like)
    if not finding.passed:
        return finding
    given = _paths(asked, walks, large, 2)
    if np.allclose(given, path(large, epsilon_is="kingma"), rtol=1e-4):  # the second form in Kingma and Ba's paper
        return finding
    slips = {
        "epsilon-unused": {"epsilon_is": "none"},
        "epsilon-in-root": {"epsilon_is": "inside"},
        "epsilon-squared": {"epsilon_is": "squared"},
    }
    known = {code: (path(large, **changed), message) for code, (changed, message) in slips.items()}
    what = "The path of `adam_step` with a large epsilon"
    return agrees("adam-epsilon", what, given, path(large), known, 1.5, "It is divided by sqrt(v_hat) + epsilon.")


def _adam_step(
    w, m, v, g, t, rate, b1, b2, epsilon, m_hat=True, v_hat=True, exchange=False, power=0.5, square=True, sign=1,
    carry="new", time=lambda t: t, times=False, mix=True, momentum=True, rate_is=None, epsilon_is="after",
):  # fmt: skip
    """A step of Adam, or one with the usual mistakes."""
    b1, b2 = (b2, b1) if exchange else (b1, b2)
    t, rate = time(t), rate_is or rate
    m, v, old = (
        b1 * m + (1 - b1 if mix else 1) * g,
        b2 * v + (1 - b2 if mix else 1) * (g**2 if square else np.abs(g)),
        (m, v),
    )
    with np.errstate(all="ignore"):
        c1, c2 = (np.float64(1 - (b * t if times else b**t)) for b in (b1, b2))
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


# --- 00.6

CHOICES = {
    "mean": ("squared", "the squared loss is smallest at the mean"),
    "typing errors": ("absolute", "the absolute loss is smallest at the median, which a few wild values do not move"),
    "smooth": ("huber", "the Huber loss is straight far out, as the absolute one, and round at 0"),
    "class": ("cross-entropy", "one of k classes is the truth, and the network gives k probabilities"),
    "distribution": ("kl", "the Kullback-Leibler divergence compares two distributions"),
    "region": ("jaccard", "the overlap does not count the many pixels that are in neither region"),
}


@exercise("00.6")
def zoo_of_losses(student, rng):
    """Six functions against their formulas; the six choices."""
    yield lambda: _squared_and_absolute(student, rng)
    yield lambda: _huber(student, rng)
    yield lambda: _cross_entropy(student, rng)
    yield lambda: _divergence(student, rng)
    yield lambda: _overlap(student, rng)
    yield lambda: _choices(student)


def _errors(rng, n):
    return rng.normal(size=n), rng.normal(0.5, 2, size=n)


def _squared_and_absolute(student, rng):
    probes, others = [_errors(rng, 20) for _ in range(3)], [_errors(rng, n) for n in (1, 2, 9)]
    slips = {
        "not-averaged": lambda y, p: np.sum((p - y) ** 2),
        "root": lambda y, p: np.sqrt(np.mean((p - y) ** 2)),
        "mean-squared": lambda y, p: np.mean(p - y) ** 2,
        "variance": lambda y, p: np.var(p - y),
        "median": lambda y, p: np.median((p - y) ** 2),
        "absolute": lambda y, p: np.mean(np.abs(p - y)),
    }
    right = lambda y, p: np.mean((p - y) ** 2)  # noqa: E731
    yield _numbers(student, "squared_loss", right, probes, slips, 0.5, quantities={"n": 20}, others=others)
    cancels = "`absolute_loss` lets errors of opposite sign cancel: take |e| before the mean."
    slips = {
        "not-averaged": lambda y, p: np.sum(np.abs(p - y)),
        "no-absolute": (lambda y, p: np.mean(p - y), cancels),
        "outside": (lambda y, p: abs(np.mean(p - y)), cancels),
        "reversed-sign": (lambda y, p: np.mean(y - p), cancels),
        "median": lambda y, p: np.median(np.abs(p - y)),
        "root": lambda y, p: np.sqrt(np.mean((p - y) ** 2)),
        "squared": lambda y, p: np.mean((p - y) ** 2),
    }
    right = lambda y, p: np.mean(np.abs(p - y))  # noqa: E731
    yield _numbers(student, "absolute_loss", right, probes, slips, 0.5, quantities={"n": 20}, others=others)


def _huber(student, rng):
    def mean(near, far, is_near=lambda e, d: np.abs(e) <= d):
        return lambda y, p, d: np.mean(np.where(is_near(p - y, d), near(p - y), far(p - y, d)))

    def half(e):
        return e**2 / 2

    def straight(e, d):
        return d * (np.abs(e) - d / 2)

    right = mean(half, straight)
    slips = {
        "not-averaged": lambda *probe: len(probe[0]) * right(*probe),
        "not-halved": mean(lambda e: e**2, straight),
        "pieces-apart": mean(half, lambda e, d: d * np.abs(e)),
        "too-low": mean(half, lambda e, d: d * (np.abs(e) - d)),
        "slope-one": mean(half, lambda e, d: np.abs(e) - d / 2),
        "fixed-half": mean(half, lambda e, d: d * (np.abs(e) - 0.5)),
        "no-absolute": mean(half, lambda e, d: d * (e - d / 2), lambda e, d: e <= d),
        "no-absolute-beyond": mean(half, lambda e, d: d * (e - d / 2)),
        "delta-unused": lambda y, p, d: right(y, p, 1),
        "exchanged": mean(half, straight, lambda e, d: np.abs(e) > d),
        "over-delta": lambda y, p, d: right(y, p, d) / d,
        "squared": lambda y, p, d: np.mean((p - y) ** 2) / 2,
        "pseudo": lambda y, p, d: np.mean(d**2 * (np.sqrt(1 + ((p - y) / d) ** 2) - 1)),
    }
    probes = [(*_errors(rng, 20), delta) for delta in (1.3, 0.4, 2.5)]
    others = [(*_errors(rng, n), delta) for n, delta in ((1, 0.7), (3, 100.0), (8, 0.01))]
    return _numbers(student, "huber_loss", right, probes, slips, 0.5, quantities={"n": 20}, others=others)


def _shares(rng, n, k):
    return tuple(0.9 * rng.dirichlet(np.ones(k), size=n) + 0.1 / k for _ in range(2))


def _cross_entropy(student, rng):
    def right(p, q):
        return -np.mean(np.sum(p * np.log(q), axis=1))

    slips = {
        "wrong-sign": lambda p, q: -right(p, q),
        "swapped": lambda p, q: right(q, p),
        "not-averaged": lambda p, q: len(p) * right(p, q),
        "averaged-classes": lambda p, q: right(p, q) / p.shape[1],
        "binary": lambda p, q: right(p, q) + right(1 - p, 1 - q),
        "no-p": lambda p, q: right(1 + 0 * p, q),
        "divergence": lambda p, q: right(p, q / p),
        "entropy": lambda p, q: right(p, p),
    }
    probes, others = [_shares(rng, 6, 4) for _ in range(3)], [_shares(rng, n, k) for n, k in ((1, 2), (5, 3), (2, 9))]
    sizes = {"n": 6, "the number of classes": 4}
    return _numbers(student, "cross_entropy", right, probes, slips, 0.5, quantities=sizes, others=others)


def _divergence(student, rng):
    def right(p, q):
        ratio = np.where(p > 0, p, 1) / np.where(p > 0, q, 1)
        return np.mean(np.sum(p * np.log(ratio), axis=1))

    slips = {
        "wrong-sign": lambda p, q: -right(p, q),
        "swapped": lambda p, q: right(q, p),
        "swapped-sign": lambda p, q: -right(q, p),
        "not-averaged": lambda p, q: len(p) * right(p, q),
        "averaged-classes": lambda p, q: right(p, q) / p.shape[1],
        "symmetric": lambda p, q: right(p, q) + right(q, p),
        "cross-entropy": lambda p, q: -np.mean(np.sum(p * np.log(q), axis=1)),
        "no-p": lambda p, q: np.mean(np.sum(np.log(p / q), axis=1)),
    }
    probes = [_shares(rng, 6, 4) for _ in range(3)]
    sizes = {"n": 6, "the number of classes": 4}
    # A small number added to p and q in place of `np.where` is a right way too.
    finding = _numbers(student, "kl_divergence", right, probes, slips, 0.5, quantities=sizes, rtol=1e-3)
    if not finding.passed:
        return finding
    for n, k in ((6, 4), (1, 3), (4, 2)):
        p, q = _shares(rng, n, k)
        p[0] = np.eye(k)[0]
        if n > 1:
            p[1] = [0.5, 0.5] + [0] * (k - 2)
        value = student.call("kl_divergence", p, q)
        fail_if(isinstance(value, float | np.ndarray) and not np.isfinite(value).all(), "zero-log-zero")
        given = returned(student, "kl_divergence", p, q)
        finding = agrees("kl-zeros", "`kl_divergence` where some p are 0", given, right(p, q), points=0.5, rtol=1e-3)
        if not finding.passed:
            return finding
    return finding


def _overlap(student, rng):
    def both(a, b):
        return np.sum(a * b)

    def right(a, b):
        return 1 - both(a, b) / np.sum(np.maximum(a, b))

    slips = {
        "not-a-loss": lambda a, b: 1 - right(a, b),
        "dice": lambda a, b: 1 - 2 * both(a, b) / (a.sum() + b.sum()),
        "counts-background": lambda a, b: np.mean(a != b),
        "no-union": lambda a, b: 1 - both(a, b) / (a.sum() + b.sum()),
        "one-region": lambda a, b: 1 - both(a, b) / a.sum(),
        "other-region": lambda a, b: 1 - both(a, b) / b.sum(),
        "all-points": lambda a, b: 1 - both(a, b) / len(a),
        "upside-down": lambda a, b: 1 - 1 / (1 - right(a, b)),
    }

    def masks(n, share):
        a, b = (rng.random((2, n)) < share).astype(int)
        a[0] = b[0] = a[1] = b[2] = 1  # neither is empty, and they meet
        return a, b

    probes, others = [masks(40, share) for share in (0.5, 0.3, 0.7)], [masks(5, 0.1), masks(90, 0.9)]
    finding = _numbers(student, "jaccard_loss", right, probes, slips, 0.5, quantities={"n": 40}, others=others)
    if finding.passed:
        none, some = np.zeros(5, int), np.array([0, 1, 1, 0, 0])
        empty = student.call("jaccard_loss", none, none)
        if not isinstance(empty, int | float | np.ndarray | np.generic) or not np.allclose(empty, 0):
            raise Wrong("empty-masks", empty=empty)
        for a, b, wanted, said in ((none, some, 1, "nothing and a region"), (some, none, 1, "a region and nothing"),
                                   (some, 1 - some, 1, "two regions that do not meet"), (some, some, 0, "a region and itself")):  # fmt: skip
            loss = returned(student, "jaccard_loss", a, b)
            fail_if(not np.allclose(loss, wanted, atol=1e-5), "extremes", said=said, loss=loss)
    return finding


def _choices(student):
    given = student.value("choices")
    if not isinstance(given, dict) or set(given) != set(CHOICES):
        raise Wrong("wrong-keys", join=", ".join(CHOICES))
    fail_if(any(value is ... for value in given.values()), "unfinished")
    for name, value in given.items():
        fail_if(not isinstance(value, str), "wrong-type", name=name)
    given = {name: value.strip().lower().replace("_", "-").replace(" ", "-") for name, value in given.items()}
    off = [name for name, (loss, _) in CHOICES.items() if given[name] != loss]
    message = "Each loss is at its place."
    if off:
        first = off[0]
        message = f"{len(CHOICES) - len(off)} of 6 choices are right. Think again about {first!r}: {CHOICES[first][1]}."
        if not any(given[first] == loss for loss, _ in CHOICES.values()):
            message = (
                f"`choices[{first!r}]` is {given[first]!r}; the names are {', '.join(v for v, _ in CHOICES.values())}."
            )
    return Finding("choices", not off, message, points=1)
