"""Checks of notebook 00: one neuron, trained by hand."""

import numpy as np

from coursekit.checks.codec import Handle
from coursekit.checks.framework import Wrong, exercise, threshold
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


@exercise(
    "00.1",
    title="A linear neuron, and how wrong it is",
    points=2,
    needs={
        "neuron": "a function of x, w and b that gives the predictions",
        "mse": "a function of y and the prediction that gives a number",
        "closed_form": "a function of x and y that gives w and b",
    },
    hints=(
        "With NumPy the formulas stand as they are: `w * x + b` works on the whole array. Square the differences first, "
        "then take the mean.",
        "The covariance is the mean of the product of the two deviations: `(x - x.mean()) * (y - y.mean())`. The variance "
        "is `np.var(x)`.",
        "`w = np.mean((x - x.mean()) * (y - y.mean())) / np.var(x)`, then `b = y.mean() - w * x.mean()`.",
    ),
    expected="For any points the line of least squares, and its mean squared error.",
)
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
            "no-bias": (w * x, "`neuron` leaves out b: its line always passes through (0, 0)."),
            "swapped": (b * x + w, "`neuron` multiplies by b and adds w; it is the other way round."),
            "bias-subtracted": (w * x - b, "`neuron` takes b away; it is added."),
            "bias-inside": (w * (x + b), "`neuron` multiplies b by w too; it is added at the end."),
            "activation": (np.tanh(w * x + b), "`neuron` takes a tanh at the end; a linear neuron has none."),
            "sigmoid": (_sigmoid(w * x + b), "`neuron` takes a sigmoid at the end; a linear neuron has none."),
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
        "not-averaged": (
            lambda y, p: np.sum((p - y) ** 2),
            "`mse` adds the squares up; the mean divides by the number of points.",
        ),
        "root": (
            lambda y, p: np.sqrt(np.mean((p - y) ** 2)),
            "`mse` takes the root. Leave it out: the loss is the mean of the squares.",
        ),
        "not-squared": (
            lambda y, p: np.mean(p - y),
            "`mse` averages the errors, so that errors of opposite sign cancel. Square first.",
        ),
        "absolute": (lambda y, p: np.mean(np.abs(p - y)), "`mse` averages absolute errors; squares are asked for."),
        "mean-squared": (lambda y, p: np.mean(p - y) ** 2, "`mse` squares the mean; take the mean of the squares."),
        "variance": (
            lambda y, p: np.var(p - y),
            "`mse` is the variance of the errors: their mean is taken away first, and a constant error counts nothing.",
        ),
        "median": (lambda y, p: np.median((p - y) ** 2), "`mse` takes the median of the squares; take their mean."),
        "squares-apart": (
            lambda y, p: np.mean(p**2 - y**2),
            "`mse` squares y and the prediction apart. Square their difference.",
        ),
        "two-parameters": (
            lambda y, p: np.sum((p - y) ** 2) / (len(y) - 2),
            "`mse` divides by n - 2; the mean divides by n.",
        ),
        "fixed-size": (lambda y, p: np.sum((p - y) ** 2) / 40, "`mse` divides by 40, whatever the number of points."),
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
        if np.allclose([w, b], [y.mean() - best * x.mean(), best], rtol=1e-4):
            raise Wrong("swapped", "`closed_form` gives b and w; the order is w, b.")
        slips = {
            "mixed-divisors": (
                best * size / (size - 1),
                f"`w` is n / (n - 1) = {size / (size - 1):.3f} times too large: `np.cov` divides by n - 1, `np.var` by n.",
            ),
            "through-origin": (
                x @ y / (x @ x),
                "`w` is the slope of a line through (0, 0). Take the deviations from the means.",
            ),
            "standard-deviation": (
                covariance / np.std(x),
                "`w` is the covariance over the standard deviation of x; it has to be over the variance, its square.",
            ),
            "correlation": (
                covariance / np.std(x) / np.std(y),
                "`w` is the correlation of x and y: divide the covariance by the variance of x alone.",
            ),
            "wrong-variance": (
                covariance / np.var(y),
                "`w` is divided by the variance of y; it has to be that of x.",
            ),
            "inverted": (np.var(x) / covariance, "`w` is upside down: the covariance goes over the variance of x."),
            "covariance": (covariance, "`w` is the covariance alone; divide it by the variance of x."),
            "not-averaged": (covariance * size / np.var(x), "`w` has a sum where the covariance has a mean."),
        }
        finding = agrees("closed-form", "`w` of `closed_form`", w, best, slips, 1, quantities={"n": size})
        if not finding.passed:
            return finding
        slips = {
            "no-offset": (y.mean(), "`b` is the mean of y; take away w times the mean of x."),
            "slope-lost": (y.mean() - x.mean(), "`b` takes away the mean of x; take away w times it."),
            "wrong-sign": (y.mean() + best * x.mean(), "`b` adds w times the mean of x; take it away."),
            "negative": (
                best * x.mean() - y.mean(),
                "`b` has the wrong sign: it is the mean of y minus w times that of x.",
            ),
            "means-exchanged": (x.mean() - best * y.mean(), "In `b` the means of x and y are exchanged."),
            "one-point": (
                y[0] - best * x[0],
                "`b` puts the line through the first point; it passes through the mean point.",
            ),
        }
        finding = agrees("closed-form", "`b` of `closed_form`", b, y.mean() - best * x.mean(), slips, 1)
        if not finding.passed:
            return finding
    return Finding("closed-form", True, "`closed_form` is right.", points=1)


# --- 00.2


@exercise(
    "00.2",
    title="Go downhill",
    points=3,
    needs={
        "gradient": "a function of x, y, w, b that gives dw and db",
        "step": "a function of x, y, w, b and learning_rate that gives w and b",
    },
    hints=(
        "Compute the residuals `w * x + b - y` once; both derivatives are means that contain them.",
        "`dw = 2 * np.mean(residual * x)`. For `db` the factor x is missing, because b is multiplied by 1.",
        "In `step`: `dw, db = gradient(x, y, w, b)`, then `w - learning_rate * dw` and `b - learning_rate * db`, both with "
        "the derivatives at the old place.",
    ),
    expected="Derivatives that agree with finite differences, and a step against them.",
)
def downhill(student, rng):
    """The gradient; then a step, which is judged by the student's own gradient."""

    def right(x, y, w, b):
        residual = w * x + b - y
        return 2 * np.mean(residual * x), 2 * np.mean(residual)

    def points(n):
        return rng.normal(1, 2, size=n), rng.normal(3, 2, size=n), *rng.normal(size=2)

    slips = _gradient_slips(right) | {
        "factor-two": (
            lambda *probe: np.array(right(*probe)) / 2,
            "Both derivatives are half of what finite differences give: where is the 2?",
        ),
        "no-truth": (
            lambda x, y, w, b: right(x, 0 * y, w, b),
            "y is left out: the residual is prediction minus truth.",
        ),
        "no-bias": (lambda x, y, w, b: right(x, y, w, 0), "b is left out of the residual, w x + b - y."),
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
        "uphill": (start + rate * own, "`step` goes uphill. The gradient points up: subtract it."),
        "no-learning-rate": (start - own, "`step` leaves out the learning rate."),
        "only-change": (-rate * own, "`step` gives the change; add it to the old w and b."),
        "one-after-the-other": (
            np.column_stack([moved[:, 0], start[:, 1] - rate[:, 0] * late]),
            "`step` computes db with the new w. Take both derivatives at the old place, then change both.",
        ),
        "not-moved": (start, "`step` gives back the old w and b."),
        "exchanged": (start - rate * own[:, ::-1], "`step` moves w by db and b by dw; it is the other way round."),
        "swapped": (moved[:, ::-1], "`step` gives b and w; the order is w, b."),
        "b-not-moved": (np.column_stack([moved[:, 0], start[:, 1]]), "`step` moves w and leaves b where it was."),
        "w-not-moved": (np.column_stack([start[:, 0], moved[:, 1]]), "`step` moves b and leaves w where it was."),
        "divided": (start - own / rate, "`step` divides by the learning rate; multiply by it."),
        "only-gradient": (own, "`step` gives the gradient; take the learning rate times it away from w and b."),
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
        "wrong-sign": (times(-1), "Both derivatives have the wrong sign: the residual is prediction minus truth."),
        "not-averaged": (
            times("n"),
            "Both derivatives are n times too large, n being the number of points: take means.",
        ),
        "swapped": (lambda *probe: right(*probe)[::-1], "`dw` and `db` are exchanged."),
        "twice": (times(2), "Both derivatives are twice what finite differences give."),
    }


# --- 00.3


@exercise(
    "00.3",
    title="A neuron that answers yes or no",
    points=4,
    needs={
        "sigmoid": "a function of an array z",
        "log_loss": "a function of y and p that gives a number",
        "log_loss_gradient": "a function of x, y, w, b that gives dw and db",
        "trigger": "the trained pair w, b",
    },
    hints=(
        "For z = -1000 `np.exp(-z)` overflows. With `e = np.exp(-np.abs(z))`, which never does, the sigmoid is "
        "`np.where(z >= 0, 1, e) / (1 + e)`. The log loss is the mean of `y * np.log(p) + (1 - y) * np.log(1 - p)` with a "
        "minus in front.",
        "The gradient is as short as in 00.2: prediction minus truth, times x, averaged. Only the prediction is now "
        "`sigmoid(w * x + b)`, and there is no factor 2.",
        "Train in a loop: `dw, db = log_loss_gradient(energy, fired, w, b)`, then `w, b = w - 0.1 * dw, b - 0.1 * db`, "
        "20,000 times. The energies are not centred, so the valley is narrow and the way long.",
    ),
    expected="A trained neuron within {excess:.4f} of the smallest log loss that any pair (w, b) has on these points.",
)
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
            raise Wrong(
                "not-finite",
                "`sigmoid` gives NaN or infinity for some z between -1000 and 1000. exp(1000) overflows: let exp see "
                "negative numbers only, and fill every place.",
            ) from None
        s = _sigmoid(z)
        slips = {
            "wrong-sign": (1 - s, "`sigmoid` falls where it should rise: it is 1 / (1 + exp(-z)), with a minus."),
            "tanh": (np.tanh(z), "This is tanh, which runs from -1 to 1; the sigmoid runs from 0 to 1."),
            "half-argument": (_sigmoid(z / 2), "`sigmoid` takes half of z."),
            "steep": (_sigmoid(2 * z), "`sigmoid` takes twice z: it rises too steeply."),
            "threshold": ((z > 0).astype(float), "`sigmoid` jumps from 0 to 1; it should rise smoothly."),
            "derivative": (
                s * (1 - s),
                "This is the slope of the sigmoid, s (1 - s); the sigmoid itself is asked for.",
            ),
            "softmax": (
                np.exp(z - z.max()) / np.exp(z - z.max()).sum(),
                "This is a softmax: z of one sample changes the others.",
            ),
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
        "wrong-sign": (
            lambda y, p: -right(y, p),
            "`log_loss` is negative. Logarithms of probabilities are below 0: put a minus in front.",
        ),
        "not-averaged": (lambda y, p: len(y) * right(y, p), "`log_loss` adds up; take the mean over the points."),
        "only-ones": (
            lambda y, p: -np.mean(y * np.log(p)),
            "`log_loss` looks only at the points with y = 1; add (1 - y) log(1 - p).",
        ),
        "mean-of-the-ones": (
            lambda y, p: -np.mean(np.log(p[y == 1])),
            "`log_loss` is the mean over the points with y = 1 only; those with y = 0 count -log(1 - p).",
        ),
        "only-zeros": (
            lambda y, p: -np.mean((1 - y) * np.log(1 - p)),
            "`log_loss` looks only at the points with y = 0; add y log(p).",
        ),
        "exchanged": (
            lambda y, p: right(1 - y, p),
            "`log_loss` takes log(1 - p) where y = 1 and log(p) where y = 0; it is the other way round.",
        ),
        "minus-between": (
            lambda y, p: -np.mean(y * np.log(p) - (1 - y) * np.log(1 - p)),
            "`log_loss` takes the second term away from the first; the two are added.",
        ),
        "base-two": (
            lambda y, p: right(y, p) / np.log(2),
            "`log_loss` takes logarithms to the base 2; `np.log` is the natural one.",
        ),
        "squared": (lambda y, p: np.mean((p - y) ** 2), "This is the squared error; the log loss is asked for."),
        "absolute": (lambda y, p: np.mean(np.abs(p - y)), "This is the absolute error; the log loss is asked for."),
    }
    try:
        return _numbers(
            student, "log_loss", right, [points(25) for _ in range(3)], slips, 1, quantities={"n": 25},
            others=[points(n) for n in (1, 4, 11)],
        )  # fmt: skip
    except Wrong as wrong:
        if wrong.finding.code != "not-finite":
            raise
        raise Wrong(
            "not-finite",
            "`log_loss` gives NaN or infinity, though all p lie between 0.05 and 0.95. Is the logarithm taken of y, which "
            "is 0 or 1, or of a negative number?",
        ) from None


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
        "squared-error": (
            lambda *probe: 2 * flat(*probe),
            "This is the gradient of the squared error. For the log loss the factor p (1 - p) cancels.",
        ),
        "extra-slope": (flat, "The factor p (1 - p) is too much: it cancels in the log loss."),
        "no-sigmoid": (
            with_p(lambda z: z),
            "The residual is taken before the sigmoid; the prediction is `sigmoid(w * x + b)`.",
        ),
        "no-bias": (lambda x, y, w, b: right(x, y, w, 0), "b is left out: the prediction is `sigmoid(w * x + b)`."),
    }
    return _derivatives(student, "log_loss_gradient", right, probes, slips, 1)


def _trained(student):
    from coursekit.data import make_trigger

    trigger = student.value("trigger")
    if not isinstance(trigger, list | tuple | np.ndarray) or getattr(trigger, "ndim", 1) == 0 or len(trigger) != 2:
        raise Wrong("wrong-type", "`trigger` should be a pair of numbers, w and b.")
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
    if w == b == 0:
        raise Wrong("not-trained", "`trigger` is still (0, 0): take the steps before you hand it in.")
    if excess(b, w) <= limit:
        raise Wrong("swapped", "`trigger` holds b and w; the order is w, b.")
    if excess(-w, -b) <= limit:
        raise Wrong("uphill", "The signs are the wrong way round: this neuron fires at low energy.")
    for shift, scale, said in ((x.mean(), x.std(), "standardised"), (x.mean(), 1, "centred")):
        if excess(w / scale, b - w * shift / scale) <= limit:
            raise Wrong("other-inputs", f"This w and b are right for {said} energies; `energy` itself is asked for.")
    dw, db = _slopes(x, y, w, b)
    if w * dw < 0 and abs(db) < 0.02 * abs(dw) and _loss_of(x, y, w, b) < _loss_of(x, y, 0, 0):
        raise Wrong(
            "penalised",
            f"b is the best for this w, and w = {w:.2f} is too near 0, as with a penalty on w. `LogisticRegression` has "
            "one unless `C` is very large, such as 1e6.",
        )
    line = np.polyfit(x, y, 1)
    if np.allclose([w, b], line, rtol=0.02):
        raise Wrong(
            "no-sigmoid", "This w and b are the straight line through the points; the neuron has a sigmoid on top."
        )
    p = _sigmoid(w * x + b)
    flat = (p - y) * p * (1 - p)
    if max(abs(np.mean(flat * x)), abs(np.mean(flat))) < 1e-4 and p.std() > 0.1:
        raise Wrong(
            "squared-error", "Here the *squared* error of p is smallest. Descend with the gradient of the log loss."
        )


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


@exercise(
    "00.4",
    title="How many points a step, and how long a step",
    points=3,
    needs={
        "minibatches": "a function of n, batch_size and seed that gives a list of index arrays",
        "run_epoch": "a function of x, y, w, b, batch_size, learning_rate, seed that gives w and b",
        "rates": 'a dict with the keys "too small", "right" and "too large"',
    },
    hints=(
        "`np.random.default_rng(seed).permutation(n)` shuffles the numbers 0 to n - 1. A slice `order[i : i + batch_size]` "
        "is one portion, and it may run over the end.",
        "In `run_epoch`, go through the portions, take `gradient(x[batch], y[batch], w, b)` and step. w and b change inside "
        "the loop, once for each portion.",
        "On standardised data a step multiplies the distance to the best weights by 1 - 2 learning_rate. With 0.1 little "
        "is left after 100 steps. Above 1 the distance grows. With 0.001 most of it is left.",
    ),
    expected="Each point once an epoch; one step for each portion; three rates that crawl, arrive and explode.",
)
def mini_batches(student, rng):
    """Portions that hold each index once; an epoch of right steps; three rates, each run for 100 steps."""
    yield lambda: _portions_and_epoch(student, rng)
    yield lambda: _three_rates(student)


def _portions_and_epoch(student, rng):
    for n, size, seed in ((23, 5, 0), (12, 4, 3), (7, 1, 2), (6, 6, 11), (5, 8, 1)):
        _portions(student, n, size, seed)
    orders = [np.concatenate(_batches(student, 23, 5, seed)) for seed in (0, 0, 1, 2)]
    if not np.array_equal(orders[0], orders[1]):
        raise Wrong("not-seeded", "The same seed gives another order each time: use `np.random.default_rng(seed)`.")
    if np.array_equal(orders[0], orders[2]) or np.array_equal(orders[2], orders[3]):
        raise Wrong("seed-unused", "Two seeds give the same order: every epoch would be the same. Use `seed`.")
    yield Finding("minibatches", True, "`minibatches` holds every index once, in an order that the seed decides.", 1)
    yield _epoch(student, rng)


def _portions(student, n, size, seed):
    """Raises `Wrong` where the portions of n indices are not right."""
    batches = _batches(student, n, size, seed)
    sizes, found = [len(batch) for batch in batches], np.concatenate(batches)
    if max(sizes) > size:
        raise Wrong(
            "too-large", f"A portion has {max(sizes)} indices; `batch_size` was {size}. Cut after every {size} of them."
        )
    if found.size and (found.min() < 0 or found.max() >= n):
        raise Wrong(
            "wrong-range",
            f"The indices run from {found.min():g} to {found.max():g}; those of n = {n} points run from 0 to n - 1.",
        )
    different = len(np.unique(found))
    if len(found) != different:
        advice = "Shuffle the indices; do not draw them one by one."
        if len(found) > n:
            advice = "The portions overlap: begin each where the one before it ends."
        raise Wrong("repeated", f"The portions hold {len(found)} indices, {different} of them different. {advice}")
    missing = n - different
    if missing:
        dropped = missing == n % size and set(sizes) <= {size}
        advice = "These would be the last portion, which may be smaller: do not drop it." if dropped else ""
        raise Wrong("missing", f"{missing} of {n} indices are in no portion. {advice}".strip())
    if sizes.count(size) != n // size:
        raise Wrong("uneven", f"The portions have {sizes} indices; all but the last should have {size}.")
    together = all(np.array_equal(np.sort(batch), np.arange(batch.min(), batch.max() + 1)) for batch in batches)
    if n == 23 and together:
        raise Wrong("not-shuffled", "Neighbours stay together in a portion. Shuffle the indices before you cut.")


def _batches(student, *args):
    given = student.call("minibatches", *args)
    if isinstance(given, np.ndarray) and given.ndim:
        given = list(given)
    if isinstance(given, Handle) or not isinstance(given, list | tuple) or not given:
        raise Wrong("wrong-type", f"`minibatches` gives a {type_name(given)}; a list of index arrays was expected.")
    batches = [as_array(batch, "A portion of `minibatches`") for batch in given]
    if any(batch.ndim != 1 or not batch.size or (batch != np.rint(batch)).any() for batch in batches):
        raise Wrong("wrong-shape", "A portion of `minibatches` should be a row of whole numbers, the indices.")
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
            "not-averaged": (
                after(steps, size),
                "The gradient of a portion is added up; take the mean over its points.",
            ),
            "divided-by-all": (
                after(steps, size / n),
                f"The gradient of a portion is divided by all {n} points, not by its {size}.",
            ),
            "rate-over-batch-size": (
                after(steps, 1 / size),
                f"Each step is divided by the batch size, {size}: `gradient` is a mean already.",
            ),
            "half": (
                after(steps, 0.5),
                "The steps are half as long as they should be: where is the 2 of the gradient?",
            ),
            "twice": (
                after(steps, 2.0),
                "The steps are twice as long as they should be: the gradient has one factor 2.",
            ),
            "uphill": (
                after(steps, -1.0),
                "`run_epoch` goes uphill: take learning_rate times the gradient away (and see that `gradient` passes 00.2).",
            ),
            "no-learning-rate": (after(steps, 1 / rate), "`run_epoch` leaves out the learning rate."),
            "not-moved": ([0.3, -0.2], "`run_epoch` gives back the w and b that it was handed."),
            "fixed-rate": (
                after(steps, rate=first_rate),
                "`run_epoch` always uses the same learning rate: use the one handed in.",
            ),
            "swapped": (after(steps)[::-1], "`run_epoch` gives b and w; the order is w, b."),
        }
        given = ask(np.full(n, 1.5), np.full(n, 4.0), 0.3, -0.2, size, rate, 0)
        finding = agrees("run-epoch", "`run_epoch`", given, after(steps), slips, 1, f"Here {said}.", names=("w", "b"))
        if not finding.passed:
            return finding
    # On a line that meets every point nothing moves, unless x of one point comes with y of another.
    x = rng.normal(size=9)
    if not np.allclose(ask(x, 2 * x + 1, 2.0, 1.0, 2, 0.1, 3), [2, 1], atol=1e-6):
        raise Wrong(
            "mispaired",
            "On points that lie on the line already `run_epoch` moves w and b: x and y of a step are not of the same "
            "points. Take `x[batch]` and `y[batch]`.",
        )
    x, y = rng.normal(size=6), rng.normal(size=6)
    args = (0.3, -0.2, 2, 0.1, 0)
    plain = ask(x, y, *args)
    w, b = 0.3, -0.2
    for _ in range(3):
        residual = w * x + b - y
        w, b = w - 0.2 * np.mean(residual * x), b - 0.2 * np.mean(residual)
    if np.allclose(plain, [w, b], atol=1e-9):
        raise Wrong("all-points", "Every step uses all points; take `x[batch]`, `y[batch]` of the portion.")
    if any(np.allclose(plain, ask(x, y + 5.0 * (np.arange(6) == i), *args), atol=1e-9) for i in range(6)):
        raise Wrong("unused-points", "Some points never change the weights: go through all portions.")
    if not np.allclose(plain, ask(x, y, *args), atol=1e-9):
        raise Wrong("not-seeded", "The same seed gives another epoch each time: hand `seed` on to `minibatches`.")
    seeds = [ask(x, y, *args[:4], seed) for seed in range(4)]
    if np.allclose(seeds, seeds[0], atol=1e-9):
        raise Wrong("seed-unused", "All seeds give the same epoch: hand `seed` on to `minibatches`.")
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
    if left["too small"] > 1 and 0.2 < left["too large"] < 1:
        raise Wrong(
            "exchanged", "The rates of `too small` and `too large` are exchanged: this one grows, that one crawls."
        )
    if left["too small"] >= 1:
        raise Wrong("rate-too-small", f'`rates["too small"]`, {rates["too small"]}, does not come nearer at all.')
    for name, (verdict, holds, rest) in said.items():
        if not holds:
            message = f'`rates["{name}"]`, {rates[name]}, {verdict}: after 100 steps {left[name]:.3g} times {rest}.'
            return Finding(f"rate-{name.replace(' ', '-')}", False, message.replace("times of", "times"), points=1)
    return Finding("rates", True, "One rate crawls, one arrives, one explodes.", points=1)


# --- 00.5


@exercise(
    "00.5",
    title="Three ways down a narrow valley",
    points=3,
    needs={
        "plain_step": "a function of w, g, learning_rate that gives w",
        "momentum_step": "a function of w, v, g, learning_rate, beta that gives w and v",
        "adam_step": "a function of w, m, v, g, t, learning_rate, beta1, beta2, epsilon that gives w, m and v",
    },
    hints=(
        "Write the formulas down in their order. First the new memory (v, or m and v), then the new w with it.",
        "In Adam the corrected m_hat and v_hat are used for the step only. What you return, and get back in the next "
        "call, are the uncorrected m and v.",
        "`m = beta1 * m + (1 - beta1) * g`, `v = beta2 * v + (1 - beta2) * g**2`, then "
        "`w - learning_rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)`.",
    ),
    expected="The paths of the three formulas, over several steps with any gradients.",
)
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
        "uphill": ({"factor": lambda rate: rate}, "`plain_step` goes uphill: subtract the gradient."),
        "no-learning-rate": ({"factor": lambda rate: -1}, "`plain_step` leaves out the learning rate."),
        "not-moved": ({"factor": lambda rate: 0}, "`plain_step` gives back the old w."),
        "divided": ({"factor": lambda rate: -1 / rate}, "`plain_step` divides by the learning rate; multiply by it."),
    }
    known = {code: (path(**changed), message) for code, (changed, message) in slips.items()}
    finding = agrees("plain-step", "The path of `plain_step`", _paths(asked, walks, rates, 0), path(), known, 0.5)
    if not finding.passed and finding.code == "plain-step":
        w, g = walks[0][0], walks[0][1][0]
        ask = [returned(student, "plain_step", w, g, rate, shape=w.shape) for rate in (0.1, 0.5)]
        if np.array_equal(*ask):
            raise Wrong(
                "learning-rate-unused", "`plain_step` gives the same for every learning rate: use the one handed in."
            )
        if np.allclose(ask[0], -0.1 * g):
            raise Wrong("only-change", "`plain_step` gives the change alone; add it to w.")
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
        "swapped": ({"swapped": True}, "`momentum_step` gives v and w; the order is w, v."),
        "not-carried": (
            {"forget": True},
            "The velocity is forgotten after each step: return the new v, and use the v handed in.",
        ),
        "averaged": (
            {"remember": lambda beta: 1 - beta},
            "The velocity is an average, (1 - beta) times the gradient. Here it is a sum, v = beta v + g: without the "
            "factor.",
        ),
        "old-velocity": ({"late": True}, "`momentum_step` moves w by the old velocity. Change v first."),
        "uphill": ({"sign": -1}, "`momentum_step` goes uphill: subtract learning_rate times v."),
        "velocity-subtracts": (
            {"remember": lambda beta: -1.0},
            "The velocity takes g away and w takes the velocity away: two minuses go uphill. Use one of them.",
        ),
        "nesterov": ({"nesterov": True}, "This is Nesterov's momentum; here w moves by v itself."),
        "rate-twice": (
            {"power": 2},
            "The learning rate is multiplied twice, in v and again in the step. Here v = beta v + g has none.",
        ),
        "no-beta": ({"keep": 1.0}, "The velocity is not multiplied by beta: v = beta v + g."),
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
        "no-correction": (
            {"m_hat": False, "v_hat": False},
            "m and v are not divided by 1 - beta**t: the first steps are wrong.",
        ),
        "v-not-corrected": ({"v_hat": False}, "v is not divided by 1 - beta2**t."),
        "m-not-corrected": ({"m_hat": False}, "m is not divided by 1 - beta1**t."),
        "betas-swapped": ({"exchange": True}, "beta1 and beta2 are exchanged: beta1 belongs to m."),
        "no-root": ({"power": 1}, "The root of v_hat is missing."),
        "not-squared": ({"square": False}, "v averages the gradient's size; it has to average g squared."),
        "uphill": ({"sign": -1}, "`adam_step` goes uphill: subtract the step."),
        "not-carried": ({"carry": "old"}, "m and v are forgotten after each step: return the new ones."),
        "returns-corrected": (
            {"carry": "corrected"},
            "`adam_step` returns the corrected m and v; they are for the step only. Return m and v as they were before "
            "the division.",
        ),
        "t-unused": ({"time": lambda t: 1}, "The correction always uses t = 1: use the t that is handed in."),
        "t-off-by-one": ({"time": lambda t: t + 1}, "The correction uses t + 1; t is 1 in the first step already."),
        "beta-times-t": ({"times": True}, "The correction is 1 - beta**t, beta to the power of t, not beta times t."),
        "no-weight": (
            {"mix": False},
            "The new gradient gets no weight: m takes (1 - beta1) g, v takes (1 - beta2) g**2.",
        ),
        "no-m": ({"momentum": False}, "The step uses g; it has to use m_hat, the average of the gradients."),
        "no-learning-rate": ({"rate_is": 1.0}, "`adam_step` leaves out the learning rate."),
    }
    (w, gradients), like = walks[0], {"w": (3,), "m": (3,), "v": (3,)}
    args = {"w": w, "m": gradients[1], "v": gradients[2] ** 2, "g": gradients[0], "t": 2, "learning_rate": 0.1}
    args |= {"beta1": 0.8, "beta2": 0.9, "epsilon": 0.2}
    others = {"t": 5, "learning_rate": 0.5, "beta1": 0.3, "beta2": 0.5, "epsilon": 1.0}
    advice = "Compare your lines with the formulas, one by one; t, beta1, beta2 and epsilon are handed in."
    w, m, v = asked(*args.values())
    right = _adam_step(*args.values())
    if np.allclose(m, right[2]) and np.allclose(v, right[1]):
        raise Wrong("memories-swapped", "`adam_step` returns v before m; the order is w, m, v.")
    given = _paths(asked, walks, tiny, 2)
    finding = _judge_paths(student, "adam_step", given, path, slips, 1.5, advice, args, others, like)
    if not finding.passed:
        return finding
    given = _paths(asked, walks, large, 2)
    if np.allclose(given, path(large, epsilon_is="kingma"), rtol=1e-4):  # the second form in Kingma and Ba's paper
        return finding
    slips = {
        "epsilon-unused": (
            {"epsilon_is": "none"},
            "`adam_step` does not use the epsilon that is handed in: add it to the root of v_hat.",
        ),
        "epsilon-in-root": (
            {"epsilon_is": "inside"},
            "epsilon stands below the root; it is added after the root is taken: sqrt(v_hat) + epsilon.",
        ),
        "epsilon-squared": (
            {"epsilon_is": "squared"},
            "epsilon stands below the root, squared; it is added after the root is taken: sqrt(v_hat) + epsilon.",
        ),
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


@exercise(
    "00.6",
    title="A zoo of losses",
    points=4,
    needs={
        "squared_loss": "a function of y and the prediction",
        "absolute_loss": "a function of y and the prediction",
        "huber_loss": "a function of y, the prediction and delta",
        "cross_entropy": "a function of p and q, rows of probabilities",
        "kl_divergence": "a function of p and q, rows of probabilities",
        "jaccard_loss": "a function of two masks",
        "choices": "a dict of situation to the name of a loss",
    },
    hints=(
        "`np.where(condition, a, b)` takes a where the condition holds and b elsewhere: good for Huber, and for the classes "
        "with p = 0.",
        "Sum over the classes (axis=1), then take the mean over the rows. For masks of 0 and 1 the intersection is "
        "`np.sum(a * b)`, the union `np.sum(np.maximum(a, b))`.",
        "Huber: `e = np.abs(prediction - y)`, `np.mean(np.where(e <= delta, e**2 / 2, delta * (e - delta / 2)))`. KL: the "
        "logarithm of `np.where(p > 0, p, 1) / np.where(p > 0, q, 1)` is 0 where p is 0. Two empty masks: ask for the union "
        "first.",
    ),
    expected="Six losses that are right for any numbers, and each at its place.",
)
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
        "not-averaged": (lambda y, p: np.sum((p - y) ** 2), "`squared_loss` adds up; take the mean."),
        "root": (lambda y, p: np.sqrt(np.mean((p - y) ** 2)), "`squared_loss` takes a root; leave it out."),
        "mean-squared": (
            lambda y, p: np.mean(p - y) ** 2,
            "`squared_loss` squares the mean; take the mean of the squares.",
        ),
        "variance": (lambda y, p: np.var(p - y), "`squared_loss` takes the mean of the errors away before it squares."),
        "median": (lambda y, p: np.median((p - y) ** 2), "`squared_loss` takes a median; take the mean."),
        "absolute": (lambda y, p: np.mean(np.abs(p - y)), "`squared_loss` averages |e|; it has to average e squared."),
    }
    right = lambda y, p: np.mean((p - y) ** 2)  # noqa: E731
    yield _numbers(student, "squared_loss", right, probes, slips, 0.5, quantities={"n": 20}, others=others)
    cancels = "`absolute_loss` lets errors of opposite sign cancel: take |e| before the mean."
    slips = {
        "not-averaged": (lambda y, p: np.sum(np.abs(p - y)), "`absolute_loss` adds up; take the mean."),
        "no-absolute": (lambda y, p: np.mean(p - y), cancels),
        "outside": (lambda y, p: abs(np.mean(p - y)), cancels),
        "reversed-sign": (lambda y, p: np.mean(y - p), cancels),
        "median": (
            lambda y, p: np.median(np.abs(p - y)),
            "`absolute_loss` takes the median of |e|; take the mean. (Its best *constant* is the median.)",
        ),
        "root": (lambda y, p: np.sqrt(np.mean((p - y) ** 2)), "This is the root of the mean square; average |e|."),
        "squared": (lambda y, p: np.mean((p - y) ** 2), "`absolute_loss` averages e squared; it has to average |e|."),
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
        "not-averaged": (lambda *probe: len(probe[0]) * right(*probe), "`huber_loss` adds up; take the mean."),
        "not-halved": (
            mean(lambda e: e**2, straight),
            "`huber_loss` has e squared near 0; it is half of it, otherwise the two pieces do not meet.",
        ),
        "pieces-apart": (
            mean(half, lambda e, d: d * np.abs(e)),
            "The straight piece of `huber_loss` begins too high: it is delta (|e| - delta / 2).",
        ),
        "too-low": (
            mean(half, lambda e, d: d * (np.abs(e) - d)),
            "The straight piece of `huber_loss` begins too low: it is delta (|e| - delta / 2), with half of delta.",
        ),
        "slope-one": (
            mean(half, lambda e, d: np.abs(e) - d / 2),
            "The straight piece of `huber_loss` has the slope 1; it has the slope delta: delta (|e| - delta / 2).",
        ),
        "fixed-half": (
            mean(half, lambda e, d: d * (np.abs(e) - 0.5)),
            "The straight piece of `huber_loss` takes away 1/2; it takes away delta / 2.",
        ),
        "no-absolute": (
            mean(half, lambda e, d: d * (e - d / 2), lambda e, d: e <= d),
            "`huber_loss` compares e with delta, so that large negative errors stay squared. Compare |e|.",
        ),
        "no-absolute-beyond": (
            mean(half, lambda e, d: d * (e - d / 2)),
            "The straight piece of `huber_loss` has e in the place of |e|: negative errors make the loss smaller.",
        ),
        "delta-unused": (
            lambda y, p, d: right(y, p, 1),
            "`huber_loss` always bends at 1; use the delta that is handed in.",
        ),
        "exchanged": (
            mean(half, straight, lambda e, d: np.abs(e) > d),
            "The two pieces of `huber_loss` are exchanged: squared near 0, straight beyond delta.",
        ),
        "over-delta": (
            lambda y, p, d: right(y, p, d) / d,
            "`huber_loss` is divided by delta, as the `smooth L1` of some libraries; here it is not.",
        ),
        "squared": (
            lambda y, p, d: np.mean((p - y) ** 2) / 2,
            "`huber_loss` is squared everywhere; beyond delta it is straight.",
        ),
        "pseudo": (
            lambda y, p, d: np.mean(d**2 * (np.sqrt(1 + ((p - y) / d) ** 2) - 1)),
            "This is the pseudo-Huber loss; the one with two pieces is asked for.",
        ),
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
        "wrong-sign": (lambda p, q: -right(p, q), "`cross_entropy` is negative: put a minus in front."),
        "swapped": (lambda p, q: right(q, p), "The logarithm belongs to the prediction q, not to p."),
        "not-averaged": (lambda p, q: len(p) * right(p, q), "`cross_entropy` adds up the rows; take their mean."),
        "averaged-classes": (
            lambda p, q: right(p, q) / p.shape[1],
            "`cross_entropy` averages over the classes too; add them up in each row.",
        ),
        "binary": (
            lambda p, q: right(p, q) + right(1 - p, 1 - q),
            "This is the binary formula, added up over the classes; for k classes only -sum of p log q is left.",
        ),
        "no-p": (
            lambda p, q: right(1 + 0 * p, q),
            "`cross_entropy` leaves out p: weight each logarithm by it.",
        ),
        "divergence": (
            lambda p, q: right(p, q / p),
            "This is the divergence: the entropy of p is taken away, which the cross-entropy does not do.",
        ),
        "entropy": (lambda p, q: right(p, p), "This is the entropy of p; the logarithm is that of q."),
    }
    probes, others = [_shares(rng, 6, 4) for _ in range(3)], [_shares(rng, n, k) for n, k in ((1, 2), (5, 3), (2, 9))]
    sizes = {"n": 6, "the number of classes": 4}
    return _numbers(student, "cross_entropy", right, probes, slips, 0.5, quantities=sizes, others=others)


def _divergence(student, rng):
    def right(p, q):
        ratio = np.where(p > 0, p, 1) / np.where(p > 0, q, 1)
        return np.mean(np.sum(p * np.log(ratio), axis=1))

    slips = {
        "wrong-sign": (lambda p, q: -right(p, q), "`kl_divergence` is negative: it is p log(p / q), not p log(q / p)."),
        "swapped": (lambda p, q: right(q, p), "This is how far p is from q: it is p log(p / q), not q log(q / p)."),
        "swapped-sign": (lambda p, q: -right(q, p), "`kl_divergence` weights by q; it is p log(p / q)."),
        "not-averaged": (lambda p, q: len(p) * right(p, q), "`kl_divergence` adds up the rows; take their mean."),
        "averaged-classes": (
            lambda p, q: right(p, q) / p.shape[1],
            "`kl_divergence` averages over the classes; add them up in each row.",
        ),
        "symmetric": (
            lambda p, q: right(p, q) + right(q, p),
            "Both directions are added; only p log(p / q) is asked for.",
        ),
        "cross-entropy": (
            lambda p, q: -np.mean(np.sum(p * np.log(q), axis=1)),
            "This is the cross-entropy: the entropy of p is not taken away.",
        ),
        "no-p": (
            lambda p, q: np.mean(np.sum(np.log(p / q), axis=1)),
            "`kl_divergence` leaves out p in front of the logarithm: weight each one by it.",
        ),
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
        if isinstance(value, float | np.ndarray) and not np.isfinite(value).all():
            raise Wrong(
                "zero-log-zero",
                "`kl_divergence` is NaN or infinite where a p is 0: such a class counts 0. Use `np.where`.",
            )
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
        "not-a-loss": (
            lambda a, b: 1 - right(a, b),
            "This is the overlap, 1 for equal regions. The loss is 1 minus it.",
        ),
        "dice": (
            lambda a, b: 1 - 2 * both(a, b) / (a.sum() + b.sum()),
            "This is the Dice loss; Jaccard divides by the union.",
        ),
        "counts-background": (
            lambda a, b: np.mean(a != b),
            "Points in neither region count as right here; the union leaves them out.",
        ),
        "no-union": (
            lambda a, b: 1 - both(a, b) / (a.sum() + b.sum()),
            "The union counts the points in both regions twice.",
        ),
        "one-region": (
            lambda a, b: 1 - both(a, b) / a.sum(),
            "The overlap is divided by the first region alone; divide by the union.",
        ),
        "other-region": (
            lambda a, b: 1 - both(a, b) / b.sum(),
            "The overlap is divided by the second region alone; divide by the union.",
        ),
        "all-points": (
            lambda a, b: 1 - both(a, b) / len(a),
            "The overlap is divided by the number of all points; divide by the union.",
        ),
        "upside-down": (
            lambda a, b: 1 - 1 / (1 - right(a, b)),
            "The union is divided by the overlap; it is the other way round.",
        ),
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
            raise Wrong("empty-masks", f"Two empty masks give {empty}; they agree, so the loss is 0.")
        for a, b, wanted, said in ((none, some, 1, "nothing and a region"), (some, none, 1, "a region and nothing"),
                                   (some, 1 - some, 1, "two regions that do not meet"), (some, some, 0, "a region and itself")):  # fmt: skip
            loss = returned(student, "jaccard_loss", a, b)
            if not np.allclose(loss, wanted, atol=1e-5):
                raise Wrong("extremes", f"`jaccard_loss` of {said} is {loss:.3g}. Equal regions have 0, apart ones 1.")
    return finding


def _choices(student):
    given = student.value("choices")
    if not isinstance(given, dict) or set(given) != set(CHOICES):
        raise Wrong("wrong-keys", f"`choices` should be a dict with the keys {', '.join(CHOICES)}.")
    if any(value is ... for value in given.values()):
        raise Wrong("unfinished", "Some of `choices` are still `...`.")
    for name, value in given.items():
        if not isinstance(value, str):
            raise Wrong("wrong-type", f"`choices[{name!r}]` should be the name of a loss, in quotes.")
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
