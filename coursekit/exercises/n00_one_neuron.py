"""Checks of notebook 00: one neuron, trained by hand."""

import numpy as np

from coursekit.checks.codec import Handle
from coursekit.checks.framework import Wrong, exercise, threshold
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import agrees, as_array, as_number, returned, returned_parts

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py.
MARGINS = {"00.3": {"excess": 0.002}}


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
    x, y = rng.normal(2, 1.5, size=30), rng.normal(5, 2, size=30)
    w, b = rng.normal(size=2)
    given = returned(student, "neuron", x, w, b, shape=(30,))
    slips = {
        "no-bias": (w * x, "`neuron` leaves out b: its line always passes through (0, 0)."),
        "swapped": (b * x + w, "`neuron` multiplies by b and adds w; it is the other way round."),
    }
    yield agrees("neuron", "`neuron`", given, w * x + b, slips, 0.5, "It should be w x + b.")
    prediction = y + rng.normal(size=30)
    e = prediction - y
    given = returned(student, "mse", y, prediction)
    slips = {
        "not-averaged": (np.sum(e**2), "`mse` adds the squares up; the mean divides by the number of points."),
        "root": (np.sqrt(np.mean(e**2)), "`mse` takes the root. Leave it out: the loss is the mean of the squares."),
        "not-squared": (np.mean(e), "`mse` averages the errors, so that errors of opposite sign cancel. Square first."),
        "absolute": (np.mean(np.abs(e)), "`mse` averages absolute errors; squares are asked for."),
        "mean-squared": (np.mean(e) ** 2, "`mse` squares the mean; take the mean of the squares."),
        "halved": (
            np.mean(e**2) / 2,
            "`mse` is half of the mean of the squares. Some books do so; this loss has no 1/2.",
        ),
    }
    yield agrees("mse", "`mse`", given, np.mean(e**2), slips, 0.5)
    y = 3 * x + 1 + rng.normal(size=30)
    best = np.cov(x, y, ddof=0)[0, 1] / np.var(x)
    given = returned_parts(student, "closed_form", x, y, like={"w": (), "b": ()})
    n = len(x)
    tilted = best * n / (n - 1)
    slips = {
        "swapped": ([y.mean() - best * x.mean(), best], "`closed_form` gives b and w; the order is w, b."),
        "mixed-divisors": (
            [tilted, y.mean() - tilted * x.mean()],
            f"`w` is n / (n - 1) = {n / (n - 1):.3f} times too large: `np.cov` divides by n - 1, `np.var` by n.",
        ),
        "through-origin": (
            [x @ y / (x @ x), y.mean() - x @ y / (x @ x) * x.mean()],
            "`w` is the slope of a line through (0, 0). Take the deviations from the means.",
        ),
        "no-offset": ([best, y.mean()], "`b` is the mean of y; take away w times the mean of x."),
        "wrong-variance": (
            [np.cov(x, y, ddof=0)[0, 1] / np.var(y), y.mean() - np.cov(x, y, ddof=0)[0, 1] / np.var(y) * x.mean()],
            "`w` is divided by the variance of y; it has to be that of x.",
        ),
    }
    wanted = [best, y.mean() - best * x.mean()]
    yield agrees("closed-form", "`closed_form`", given, wanted, slips, 1, names=("w", "b"))


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
    """The gradient against central differences of the loss; the step against the gradient."""
    x, y = rng.normal(1, 2, size=20), rng.normal(3, 2, size=20)
    w, b, rate = 0.7, -1.3, 0.05
    wanted = _differences(lambda w, b: np.mean((w * x + b - y) ** 2), w, b)
    given = returned_parts(student, "gradient", x, y, w, b, like={"dw": (), "db": ()})
    yield agrees("gradient", "`gradient`", given, wanted, _gradient_slips(wanted, 20), 2, names=("dw", "db"))
    dw, db = wanted
    stepped = [w - rate * dw, b - rate * db]
    after = 2 * np.mean(stepped[0] * x + b - y)
    given = returned_parts(student, "step", x, y, w, b, rate, like={"w": (), "b": ()})
    slips = {
        "uphill": ([w + rate * dw, b + rate * db], "`step` goes uphill. The gradient points up: subtract it."),
        "no-learning-rate": ([w - dw, b - db], "`step` leaves out the learning rate."),
        "only-change": ([-rate * dw, -rate * db], "`step` gives the change; add it to the old w and b."),
        "one-after-the-other": (
            [stepped[0], b - rate * after],
            "`step` computes db with the new w. Take both derivatives at the old place, then change both.",
        ),
        "not-moved": ([w, b], "`step` gives back the old w and b."),
    }
    # Differences are right to 1e-9, so a step is too.
    finding = agrees("step", "`step`", given, stepped, slips, 1, names=("w", "b"))
    if finding.passed:
        given = returned_parts(student, "step", x, y, w, b, 4 * rate, like={"w": (), "b": ()})
        wanted = [w - 4 * rate * dw, b - 4 * rate * db]
        slips = {"fixed-rate": (stepped, "`step` is right for one learning rate only: use the one that is handed in.")}
        finding = agrees("step", "`step`", given, wanted, slips, 1, names=("w", "b"))
    yield finding


def _differences(loss, w, b, small=1e-5):
    """Central differences of a loss of two numbers."""
    return [
        (loss(w + small, b) - loss(w - small, b)) / (2 * small),
        (loss(w, b + small) - loss(w, b - small)) / (2 * small),
    ]


def _gradient_slips(wanted, n):
    dw, db = wanted
    return {
        "wrong-sign": ([-dw, -db], "Both derivatives have the wrong sign: the residual is prediction minus truth."),
        "not-averaged": ([n * dw, n * db], f"Both derivatives are {n} times too large, and there are {n} points."),
        "factor-two": ([dw / 2, db / 2], "Both derivatives are half of what finite differences give: where is the 2?"),
        "swapped": ([db, dw], "`dw` and `db` are exchanged."),
        "twice": ([2 * dw, 2 * db], "Both derivatives are twice what finite differences give; this loss has no 2."),
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
        "Write the sigmoid and the log loss down as they stand: `1 / (1 + np.exp(-z))`, and the mean of "
        "`y * np.log(p) + (1 - y) * np.log(1 - p)` with a minus in front.",
        "The gradient is as short as in 00.2: prediction minus truth, times x, averaged. Only the prediction is now "
        "`sigmoid(w * x + b)`, and there is no factor 2.",
        "Train in a loop: `dw, db = log_loss_gradient(energy, fired, w, b)`, then `w, b = w - 0.1 * dw, b - 0.1 * db`, "
        "20,000 times. The energies are not centred, so the valley is narrow and the way long.",
    ),
    expected="A trained neuron within {excess:.4f} of the smallest log loss that any pair (w, b) has on these points.",
)
def logistic_neuron(student, rng):
    """Values, finite differences, and the excess of the trained neuron's loss over the smallest possible."""
    z = np.concatenate([rng.normal(0, 3, size=20), [-1000, 0, 1000]])
    s = _sigmoid(z)
    given = returned(student, "sigmoid", z, shape=z.shape)
    slips = {
        "wrong-sign": (1 - s, "`sigmoid` falls where it should rise: it is 1 / (1 + exp(-z)), with a minus."),
        "tanh": (np.tanh(z), "This is tanh, which runs from -1 to 1; the sigmoid runs from 0 to 1."),
        "threshold": ((z > 0).astype(float), "`sigmoid` jumps from 0 to 1; it should rise smoothly."),
    }
    yield agrees("sigmoid", "`sigmoid`", given, s, slips, 1)
    y, p = rng.integers(0, 2, size=25), rng.uniform(0.05, 0.95, size=25)
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    given = returned(student, "log_loss", y, p)
    slips = {
        "wrong-sign": (-loss, "`log_loss` is negative. Logarithms of probabilities are below 0: put a minus in front."),
        "not-averaged": (25 * loss, "`log_loss` adds up; take the mean over the points."),
        "only-ones": (
            -np.mean(y * np.log(p)),
            "`log_loss` looks only at the points with y = 1; add (1 - y) log(1 - p).",
        ),
        "base-two": (loss / np.log(2), "`log_loss` takes logarithms to the base 2; `np.log` is the natural one."),
        "squared": (np.mean((p - y) ** 2), "This is the squared error; the log loss is asked for."),
    }
    yield agrees("log-loss", "`log_loss`", given, loss, slips, 1)
    x, w, b = rng.normal(0.5, 1, size=25), 1.2, -0.4

    def loss_at(w, b):
        p = _sigmoid(w * x + b)
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    wanted = _differences(loss_at, w, b)
    given = returned_parts(student, "log_loss_gradient", x, y, w, b, like={"dw": (), "db": ()})
    p = _sigmoid(w * x + b)
    flat = (p - y) * p * (1 - p)
    slips = _gradient_slips(wanted, 25) | {
        "squared-error": (
            [2 * np.mean(flat * x), 2 * np.mean(flat)],
            "This is the gradient of the squared error. For the log loss the factor p (1 - p) cancels.",
        ),
        "extra-slope": (
            [np.mean(flat * x), np.mean(flat)],
            "The factor p (1 - p) is too much: it cancels in the log loss.",
        ),
        "no-sigmoid": (
            [np.mean((w * x + b - y) * x), np.mean(w * x + b - y)],
            "The residual is taken before the sigmoid; the prediction is `sigmoid(w * x + b)`.",
        ),
    }
    yield agrees("log-loss-gradient", "`log_loss_gradient`", given, wanted, slips, 1)
    trigger = student.value("trigger")
    if not isinstance(trigger, list | tuple | np.ndarray) or getattr(trigger, "ndim", 1) == 0 or len(trigger) != 2:
        raise Wrong("wrong-type", "`trigger` should be a pair of numbers, w and b.")
    yield _trained(
        np.array([as_number(part, f"`{name}` of `trigger`") for name, part in zip("wb", trigger, strict=True)])
    )


def _trained(trigger):
    from coursekit.data import make_trigger

    x, y = make_trigger(n_samples=300, noise=0.6, seed=1)

    def loss(w, b):
        z = w * x + b
        return np.mean(np.logaddexp(0, z) - y * z)

    w, b = _newton(x, y)
    smallest, own = loss(w, b), loss(*trigger)
    limit = threshold("00.3", "excess")
    passed = own - smallest <= limit
    message = f"The trained neuron has the log loss {own:.4f}; the smallest possible is {smallest:.4f}."
    if not passed:
        if not trigger.any():
            raise Wrong("not-trained", "`trigger` is still (0, 0): take the steps before you hand it in.")
        if loss(trigger[1], trigger[0]) - smallest <= limit:
            raise Wrong("swapped", "`trigger` holds b and w; the order is w, b.")
        if loss(-trigger[0], -trigger[1]) - smallest <= limit:
            raise Wrong("uphill", "The signs are the wrong way round: this neuron fires at low energy.")
        if own > loss(0, 0) + 0.01:
            message += (
                " It is worse than w = b = 0. Was it trained on other inputs than `energy`, did the steps go uphill, or is "
                "the learning rate too large?"
            )
        else:
            message += " Take more steps; the valley is narrow."
    return Finding("excess", passed, message, points=1, seen={"excess": own - smallest})


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
    _portions(student)
    yield Finding("minibatches", True, "`minibatches` holds every index once, in an order that the seed decides.", 1)
    yield from _epoch(student, rng)
    yield _three_rates(student)


def _portions(student):
    batches = _batches(student, 23, 5, 0)
    sizes, found = [len(batch) for batch in batches], np.concatenate(batches)
    if max(sizes) > 5:
        raise Wrong("too-large", f"A portion has {max(sizes)} indices; `batch_size` was 5. Cut at every fifth.")
    missing = np.setdiff1d(np.arange(23), found)
    if len(found) != len(np.unique(found)):
        raise Wrong(
            "repeated", f"{len(found)} indices hold only {len(np.unique(found))} different ones: shuffle, do not draw."
        )
    if len(missing):
        dropped = " The last portion may be smaller: do not drop it." if len(missing) < 5 else ""
        raise Wrong("missing", f"{len(missing)} of 23 indices are in no portion.{dropped}")
    if len(found) != 23:
        raise Wrong("wrong-range", "Some indices do not exist: they run from 0 to n - 1.")
    if sizes.count(5) != 4:
        raise Wrong("uneven", f"The portions have {sizes} indices; all but the last should have 5.")
    if all(np.array_equal(np.sort(batch), np.arange(batch.min(), batch.max() + 1)) for batch in batches):
        raise Wrong("not-shuffled", "Neighbours stay together in a portion. Shuffle the indices before you cut.")
    again, other = (np.concatenate(_batches(student, 23, 5, seed)) for seed in (0, 1))
    if not np.array_equal(found, again):
        raise Wrong("not-seeded", "The same seed gives another order each time: use `np.random.default_rng(seed)`.")
    if np.array_equal(found, other):
        raise Wrong("seed-unused", "Two seeds give the same order: every epoch would be the same. Use `seed`.")


def _batches(student, *args):
    given = student.call("minibatches", *args)
    if isinstance(given, np.ndarray) and given.ndim:
        given = list(given)
    if isinstance(given, Handle) or not isinstance(given, list | tuple) or not given:
        seen = given.type_name if isinstance(given, Handle) else type(given).__name__
        raise Wrong("wrong-type", f"`minibatches` gives a {seen}; a list of index arrays was expected.")
    batches = [as_array(batch, "A portion of `minibatches`") for batch in given]
    if any(batch.ndim != 1 or (batch != np.rint(batch)).any() for batch in batches):
        raise Wrong("wrong-shape", "A portion of `minibatches` should be a row of whole numbers, the indices.")
    return batches


def _epoch(student, rng):
    # Twelve equal points: whatever the order, an epoch of portions of 3 is four equal steps.
    x, y, rate = np.full(12, 1.5), np.full(12, 4.0), 0.05

    def after(n_steps, scale=1.0):
        w, b = 0.3, -0.2
        for _ in range(n_steps):
            residual = w * 1.5 + b - 4.0
            w, b = w - rate * scale * 2 * residual * 1.5, b - rate * scale * 2 * residual
        return [w, b]

    given = returned_parts(student, "run_epoch", x, y, 0.3, -0.2, 3, rate, 0, like={"w": (), "b": ()})
    slips = {
        "one-step": (after(1), "`run_epoch` takes one step. Twelve points in portions of 3 are four steps."),
        "step-for-each-point": (after(12), "`run_epoch` takes twelve steps; twelve points in portions of 3 are four."),
        "not-averaged": (after(4, 3.0), "The gradient of a portion is added up; take the mean over its points."),
        "divided-by-all": (after(4, 0.25), "The gradient of a portion is divided by all 12 points, not by its 3."),
        "uphill": (after(4, -1.0), "`run_epoch` goes uphill: subtract the gradient."),
        "not-moved": ([0.3, -0.2], "`run_epoch` gives back the w and b that it was handed."),
    }
    finding = agrees("run-epoch", "`run_epoch`", given, after(4), slips, 1, "Four portions, four steps.")
    if finding.passed:
        x, y = rng.normal(size=6), rng.normal(size=6)
        args = (0.3, -0.2, 2, 2 * rate, 0)
        plain = returned_parts(student, "run_epoch", x, y, *args, like={"w": (), "b": ()})
        w, b = 0.3, -0.2
        for _ in range(3):
            residual = w * x + b - y
            w, b = w - 2 * rate * 2 * np.mean(residual * x), b - 2 * rate * 2 * np.mean(residual)
        if np.allclose(plain, [w, b], atol=1e-9):
            raise Wrong("all-points", "Every step uses all points; take `x[batch]`, `y[batch]` of the portion.")
        for i in range(6):
            moved = y + 5.0 * (np.arange(6) == i)
            other = returned_parts(student, "run_epoch", x, moved, *args, like={"w": (), "b": ()})
            if np.allclose(plain, other, atol=1e-9):
                raise Wrong("unused-points", "Some points never change the weights: go through all portions.")
        seeds = [returned_parts(student, "run_epoch", x, y, *args[:4], s, like={"w": (), "b": ()}) for s in range(4)]
        if np.allclose(seeds, seeds[0], atol=1e-9):
            raise Wrong("seed-unused", "All seeds give the same epoch: hand `seed` on to `minibatches`.")
        twice = returned_parts(student, "run_epoch", np.full(12, 1.5), np.full(12, 4.0), 0.3, -0.2, 3, 2 * rate, 0,
                               like={"w": (), "b": ()})  # fmt: skip
        finding = agrees("run-epoch", "`run_epoch` with another learning rate", twice, after(4, 2.0),
                         {"fixed-rate": (after(4), "`run_epoch` always uses the same learning rate: use the one handed in.")},
                         1)  # fmt: skip
    yield finding


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
    """Each optimiser is run for four steps with random gradients; the path of w is compared, not the memory."""
    start, gradients, rate = rng.normal(size=3), rng.normal(size=(4, 3)), 0.1
    w = start
    given = []
    for g in gradients:
        w = returned(student, "plain_step", w, g, rate, shape=(3,))
        given.append(w)
    plain = start - rate * np.cumsum(gradients, axis=0)
    slips = {
        "uphill": (start + rate * np.cumsum(gradients, axis=0), "`plain_step` goes uphill: subtract the gradient."),
        "no-learning-rate": (start - np.cumsum(gradients, axis=0), "`plain_step` leaves out the learning rate."),
        "not-moved": (np.tile(start, (4, 1)), "`plain_step` gives back the old w."),
    }
    yield agrees("plain-step", "`plain_step`", given, plain, slips, 0.5)
    yield _momentum(student, start, gradients, rate, plain)
    yield _adam(student, start, gradients, rate)


def _momentum(student, start, gradients, rate, plain, beta=0.8):
    w, v, given = start, np.zeros(3), []
    for g in gradients:
        w, v = returned_parts(student, "momentum_step", w, v, g, rate, beta, like={"w": (3,), "v": (3,)})
        given.append(w)

    def path(remember=1.0, late=False):
        w, v, seen = start, np.zeros(3), []
        for g in gradients:
            old, v = v, beta * v + remember * g
            w = w - rate * (old if late else v)
            seen.append(w)
        return seen

    w, v, exchanged = start, np.zeros(3), []
    for g in gradients:
        new = beta * v + g
        w, v = new, w - rate * new
        exchanged.append(w)
    slips = {
        "swapped": (exchanged, "`momentum_step` gives v and w; the order is w, v."),
        "not-carried": (plain, "The velocity is forgotten after each step: return the new v, and use the v handed in."),
        "averaged": (
            path(1 - beta),
            "The velocity is an average, (1 - beta) times the gradient. Here it is a sum, v = beta v + g: without the "
            "factor.",
        ),
        "old-velocity": (path(late=True), "`momentum_step` moves w by the old velocity. Change v first."),
        "uphill": (2 * start - np.asarray(path()), "`momentum_step` goes uphill: subtract learning_rate times v."),
    }
    return agrees("momentum-step", "`momentum_step`", given, path(), slips, 1, "First v = beta v + g, then w.")


def _adam(student, start, gradients, rate, beta1=0.9, beta2=0.98, epsilon=1e-8):
    w, m, v, given = start, np.zeros(3), np.zeros(3), []
    for t, g in enumerate(gradients, 1):
        like = {"w": (3,), "m": (3,), "v": (3,)}
        w, m, v = returned_parts(student, "adam_step", w, m, v, g, t, rate, beta1, beta2, epsilon, like=like)
        given.append(w)

    def path(correct=True, b1=beta1, b2=beta2, power=0.5, square=True, sign=1, carry=True, fixed_t=None):
        w, m, v, seen = start, np.zeros(3), np.zeros(3), []
        for t, g in enumerate(gradients, 1):
            t = fixed_t or t
            m_new, v_new = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * (g**2 if square else np.abs(g))
            c1, c2 = (1 - b1**t, 1 - b2**t) if correct else (1, 1)
            w = w - sign * rate * (m_new / c1) / ((v_new / c2) ** power + epsilon)
            m, v = (m_new, v_new) if carry else (m, v)
            seen.append(w)
        return seen

    slips = {
        "no-correction": (path(correct=False), "m and v are not divided by 1 - beta**t: the first steps are wrong."),
        "betas-swapped": (path(b1=beta2, b2=beta1), "beta1 and beta2 are exchanged: beta1 belongs to m."),
        "no-root": (path(power=1), "The root of v_hat is missing."),
        "not-squared": (path(square=False), "v averages the gradient's size; it has to average g squared."),
        "uphill": (path(sign=-1), "`adam_step` goes uphill: subtract the step."),
        "not-carried": (path(carry=False), "m and v are forgotten after each step: return the new ones."),
        "t-unused": (path(fixed_t=1), "The correction always uses t = 1: use the t that is handed in."),
    }
    advice = "Compare your lines with the formulas, one by one; t, beta1, beta2 and epsilon are handed in."
    return agrees("adam-step", "`adam_step`", given, path(), slips, 1.5, advice)


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
    y, prediction, delta = rng.normal(size=20), rng.normal(scale=2, size=20), 1.3
    e = prediction - y
    near = np.abs(e) <= delta
    slips = {
        "not-averaged": (np.sum(e**2), "`squared_loss` adds up; take the mean."),
        "root": (np.sqrt(np.mean(e**2)), "`squared_loss` takes a root; leave it out."),
        "halved": (np.mean(e**2) / 2, "`squared_loss` has a factor 1/2 that the formula does not have."),
    }
    given = returned(student, "squared_loss", y, prediction)
    yield agrees("squared-loss", "`squared_loss`", given, np.mean(e**2), slips, 0.5)
    slips = {
        "not-averaged": (np.sum(np.abs(e)), "`absolute_loss` adds up; take the mean."),
        "no-absolute": (np.mean(e), "`absolute_loss` lets errors of opposite sign cancel: take |e| first."),
        "outside": (abs(np.mean(e)), "`absolute_loss` lets errors of opposite sign cancel: take |e| before the mean."),
        "reversed-sign": (
            -np.mean(e),
            "`absolute_loss` lets errors of opposite sign cancel: take |e| before the mean.",
        ),
    }
    given = returned(student, "absolute_loss", y, prediction)
    yield agrees("absolute-loss", "`absolute_loss`", given, np.mean(np.abs(e)), slips, 0.5)
    huber = np.where(near, e**2 / 2, delta * (np.abs(e) - delta / 2))
    slips = {
        "not-averaged": (np.sum(huber), "`huber_loss` adds up; take the mean."),
        "not-halved": (
            np.mean(np.where(near, e**2, delta * (np.abs(e) - delta / 2))),
            "`huber_loss` has e squared near 0; it is half of it, otherwise the two pieces do not meet.",
        ),
        "pieces-apart": (
            np.mean(np.where(near, e**2 / 2, delta * np.abs(e))),
            "The straight piece of `huber_loss` begins too high: it is delta (|e| - delta / 2).",
        ),
        "no-absolute": (
            np.mean(np.where(e <= delta, e**2 / 2, delta * (e - delta / 2))),
            "`huber_loss` compares e with delta, so that large negative errors stay squared. Compare |e|.",
        ),
        "delta-unused": (
            np.mean(np.where(np.abs(e) <= 1, e**2 / 2, np.abs(e) - 0.5)),
            "`huber_loss` always bends at 1; use the delta that is handed in.",
        ),
        "exchanged": (
            np.mean(np.where(~near, e**2 / 2, delta * (np.abs(e) - delta / 2))),
            "The two pieces of `huber_loss` are exchanged: squared near 0, straight beyond delta.",
        ),
    }
    given = returned(student, "huber_loss", y, prediction, delta)
    yield agrees("huber-loss", "`huber_loss`", given, np.mean(huber), slips, 0.5)
    yield from _of_distributions(student, rng)
    yield _overlap(student, rng)
    yield _choices(student)


def _of_distributions(student, rng):
    p, q = rng.dirichlet(np.ones(4), size=6), rng.dirichlet(np.ones(4), size=6)
    p, q = (0.9 * part + 0.025 for part in (p, q))
    rows = -np.sum(p * np.log(q), axis=1)
    slips = {
        "wrong-sign": (-rows.mean(), "`cross_entropy` is negative: put a minus in front."),
        "swapped": (-np.mean(np.sum(q * np.log(p), axis=1)), "The logarithm belongs to the prediction q, not to p."),
        "not-averaged": (rows.sum(), "`cross_entropy` adds up the rows; take their mean."),
        "averaged-classes": (
            rows.mean() / 4,
            "`cross_entropy` averages over the classes too; add them up in each row.",
        ),
        "binary": (
            -np.mean(np.sum(p * np.log(q) + (1 - p) * np.log(1 - q), axis=1)),
            "This is the binary formula, added up over the classes; for k classes only -sum of p log q is left.",
        ),
        "no-p": (-np.mean(np.sum(np.log(q), axis=1)), "`cross_entropy` leaves out p: weight each logarithm by it."),
    }
    given = returned(student, "cross_entropy", p, q)
    yield agrees("cross-entropy", "`cross_entropy`", given, rows.mean(), slips, 0.5)
    p[0] = [1, 0, 0, 0]
    p[1, 2:], p[1, :2] = 0, 0.5
    ratio = np.where(p > 0, p, 1) / np.where(p > 0, q, 1)
    rows = np.sum(p * np.log(ratio), axis=1)
    slips = {
        "wrong-sign": (-rows.mean(), "`kl_divergence` is negative: it is p log(p / q), not p log(q / p)."),
        "not-averaged": (rows.sum(), "`kl_divergence` adds up the rows; take their mean."),
        "averaged-classes": (rows.mean() / 4, "`kl_divergence` averages over the classes; add them up in each row."),
        "cross-entropy": (
            -np.mean(np.sum(p * np.log(q), axis=1)),
            "This is the cross-entropy: the entropy of p is not taken away.",
        ),
    }
    value = student.call("kl_divergence", p, q)
    if np.isnan(np.asarray(value, dtype=float)).any() if isinstance(value, float | np.ndarray) else False:
        raise Wrong("zero-log-zero", "`kl_divergence` is NaN where a p is 0: such a class counts 0. Use `np.where`.")
    given = returned(student, "kl_divergence", p, q)
    # A small number added to p and q in place of `np.where` is a right way too.
    yield agrees("kl-divergence", "`kl_divergence`", given, rows.mean(), slips, 0.5, rtol=1e-3)


def _overlap(student, rng):
    a, b = rng.integers(0, 2, size=(2, 40))
    both, either = np.sum(a * b), np.sum(np.maximum(a, b))
    given = returned(student, "jaccard_loss", a, b)
    slips = {
        "not-a-loss": (both / either, "This is the overlap, 1 for equal regions. The loss is 1 minus it."),
        "dice": (1 - 2 * both / (a.sum() + b.sum()), "This is the Dice loss; Jaccard divides by the union."),
        "counts-background": (
            np.mean(a != b),
            "Points in neither region count as right here; the union leaves them out.",
        ),
        "no-union": (1 - both / (a.sum() + b.sum()), "The union counts the points in both regions twice."),
    }
    finding = agrees("jaccard-loss", "`jaccard_loss`", given, 1 - both / either, slips, 0.5)
    if finding.passed:
        empty = student.call("jaccard_loss", np.zeros(5, int), np.zeros(5, int))
        if not isinstance(empty, int | float | np.ndarray | np.generic) or not np.allclose(empty, 0):
            raise Wrong("empty-masks", f"Two empty masks give {empty}; they agree, so the loss is 0.")
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
