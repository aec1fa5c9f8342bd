"""Cases of notebook 00."""

from collections import namedtuple
from functools import cache

import numpy as np

from tests.cases import right, table

# --- 00.1


def closed_form(x, y):
    w = np.mean((x - x.mean()) * (y - y.mean())) / np.var(x)
    return w, y.mean() - w * x.mean()


def closed_form_sums(x, y):
    n, sx, sy = len(x), sum(x), sum(y)
    w = (n * sum(a * b for a, b in zip(x, y)) - sx * sy) / (n * sum(a * a for a in x) - sx * sx)
    return [w, (sy - w * sx) / n]


def with_slope(slope):
    return {"closed_form": lambda x, y: ((w := slope(x, y)), y.mean() - w * x.mean())}


def with_offset(offset):
    return {"closed_form": lambda x, y: ((w := closed_form(x, y)[0]), offset(x, y, w))}


def answers_1():
    return {"neuron": lambda x, w, b: w * x + b, "mse": lambda y, p: np.mean((p - y) ** 2), "closed_form": closed_form}


table(
    "00.1",
    answers_1,
    {
        "the formulas": {},
        "sums": {"closed_form": closed_form_sums},
        "polyfit": {"closed_form": lambda x, y: np.polyfit(x, y, 1)},
        "np.cov twice": {
            "closed_form": lambda x, y: (
                (c := np.cov(x, y))[0, 1] / c[0, 0],
                y.mean() - c[0, 1] / c[0, 0] * x.mean(),
            )
        },
        "loops and lists": {
            "neuron": lambda x, w, b: [w * one + b for one in x],
            "mse": lambda y, p: sum((a - b) ** 2 for a, b in zip(y, p)) / len(y),
        },
        "a column of float32": {"neuron": lambda x, w, b: (w * x + b)[:, None].astype("float32")},
        "least squares": {
            "closed_form": lambda x, y: np.linalg.lstsq(np.column_stack([x, np.ones_like(x)]), y, rcond=None)[0]
        },
    },
    [
        ("no-bias", "no bias", {"neuron": lambda x, w, b: w * x}),
        ("swapped", "b times x", {"neuron": lambda x, w, b: b * x + w}),
        ("not-averaged", "sum of squares", {"mse": lambda y, p: np.sum((p - y) ** 2)}),
        ("root", "root", {"mse": lambda y, p: np.sqrt(np.mean((p - y) ** 2))}),
        ("absolute", "absolute errors", {"mse": lambda y, p: np.mean(np.abs(p - y))}),
        ("wrong-shape", "no mean", {"mse": lambda y, p: (p - y) ** 2}),
        ("swapped", "b, w", {"closed_form": lambda x, y: closed_form(x, y)[::-1]}),
        (
            "mixed-divisors",
            "cov over var",
            {
                "closed_form": lambda x, y: (
                    (w := np.cov(x, y)[0, 1] / np.var(x)),
                    y.mean() - w * x.mean(),
                )
            },
        ),
        (
            "through-origin",
            "through the origin",
            {"closed_form": lambda x, y: ((w := x @ y / (x @ x)), y.mean() - w * x.mean())},
        ),
        ("wrong-type", "only w", {"closed_form": lambda x, y: closed_form(x, y)[0]}),
        ("no-offset", "b is the mean", {"closed_form": lambda x, y: (closed_form(x, y)[0], y.mean())}),
        (
            "standard-deviation",
            "standard deviation for variance",
            {"closed_form": lambda x, y: ((w := np.cov(x, y, ddof=0)[0, 1] / np.std(x)), y.mean() - w * x.mean())},
        ),
        (
            "correlation",
            "correlation",
            {"closed_form": lambda x, y: ((w := np.corrcoef(x, y)[0, 1]), y.mean() - w * x.mean())},
        ),
        (
            "ratio-of-deviations",
            "ratio of the deviations",
            {"closed_form": lambda x, y: ((w := np.std(y) / np.std(x)), y.mean() - w * x.mean())},
        ),
        ("negative", "b negated", {"closed_form": lambda x, y: (closed_form(x, y)[0], -closed_form(x, y)[1])}),
        ("closed-form", "the spring's line", {"closed_form": lambda x, y: (3.1, 5.2)}),
        ("bias-subtracted", "b taken away", {"neuron": lambda x, w, b: w * x - b}),
        ("variance", "variance of the errors", {"mse": lambda y, p: np.var(p - y)}),
        ("mse", "over n - 1", {"mse": lambda y, p: np.sum((p - y) ** 2) / (len(y) - 1)}),
        ("fixed-size", "over 40", {"mse": lambda y, p: np.sum((p - y) ** 2) / 40}),
        ("bias-inside", "b in the bracket", {"neuron": lambda x, w, b: w * (x + b)}),
        ("activation", "a tanh", {"neuron": lambda x, w, b: np.tanh(w * x + b)}),
        ("sigmoid", "a sigmoid", {"neuron": lambda x, w, b: 1 / (1 + np.exp(-(w * x + b)))}),
        ("mean-squared", "the mean squared", {"mse": lambda y, p: (p - y).mean() ** 2}),
        ("median", "median of the squares", {"mse": lambda y, p: np.median((p - y) ** 2)}),
        ("not-squared", "mean error", {"mse": lambda y, p: (p - y).mean()}),
        ("squares-apart", "squares apart", {"mse": lambda y, p: np.mean(p**2) - np.mean(y**2)}),
        ("two-parameters", "over n - 2", {"mse": lambda y, p: sum((p - y) ** 2) / (len(y) - 2)}),
        ("covariance", "the covariance", with_slope(lambda x, y: np.mean((x - x.mean()) * (y - y.mean())))),
        ("covariance", "the covariance of np.cov", with_slope(lambda x, y: np.cov(x, y)[0, 1])),
        ("wrong-variance", "variance of y", with_slope(lambda x, y: np.cov(x, y)[1, 0] / np.cov(x, y)[1, 1])),
        ("inverted", "upside down", with_slope(lambda x, y: 1 / closed_form(x, y)[0])),
        ("not-averaged", "a sum over", with_slope(lambda x, y: (x - x.mean()) @ (y - y.mean()) / np.var(x))),
        ("slope-lost", "w forgotten in b", with_offset(lambda x, y, w: y.mean() - x.mean())),
        ("wrong-sign", "w times the mean added", with_offset(lambda x, y, w: y.mean() + w * x.mean())),
        ("means-exchanged", "means exchanged", with_offset(lambda x, y, w: x.mean() - w * y.mean())),
        ("one-point", "through the first point", with_offset(lambda x, y, w: y[0] - w * x[0])),
    ],
)


# --- 00.2


def gradient(x, y, w, b):
    error = w * x + b - y
    return 2 * np.mean(error * x), 2 * np.mean(error)


def gradient_loop(x, y, w, b):
    dw = db = 0.0
    for a, c in zip(x, y):
        dw += 2 * (w * a + b - c) * a / len(x)
        db += 2 * (w * a + b - c) / len(x)
    return [dw, db]


def gradient_differences(x, y, w, b, small=1e-5):
    def loss(w, b):
        return np.mean((w * x + b - y) ** 2)

    return np.array(
        [
            (loss(w + small, b) - loss(w - small, b)) / (2 * small),
            (loss(w, b + small) - loss(w, b - small)) / (2 * small),
        ]
    )


def step(x, y, w, b, learning_rate):
    dw, db = gradient(x, y, w, b)
    return w - learning_rate * dw, b - learning_rate * db


def step_in_order(x, y, w, b, learning_rate):
    w = w - learning_rate * gradient(x, y, w, b)[0]
    return w, b - learning_rate * gradient(x, y, w, b)[1]


def step_b_first(x, y, w, b, learning_rate):
    b = b - learning_rate * gradient(x, y, w, b)[1]
    return w - learning_rate * gradient(x, y, w, b)[0], b


def follow(function, x, y, w, b, learning_rate):
    dw, db = function(x, y, w, b)
    return w - learning_rate * dw, b - learning_rate * db


def scaled(factor, function=gradient):
    return lambda *args: tuple(factor * part for part in function(*args))


def db_first(*args):
    return gradient(*args)[::-1]


def moved(rate):
    """A step whose length is `rate(learning_rate)`."""
    return lambda x, y, w, b, learning_rate: step(x, y, w, b, rate(learning_rate))


def step_then_gradient():
    """Whatever the step does, the gradient tells it afterwards."""
    rates = [1.0]

    def step(x, y, w, b, rate):
        rates.append(rate)
        return w - 1, b - 1

    return {"gradient": lambda *a: (1 / rates[min(1, len(rates) - 1)],) * 2, "step": step}


table(
    "00.2",
    lambda: {"gradient": gradient, "step": step},
    {
        "the formulas": {},
        "a loop": {"gradient": gradient_loop},
        "finite differences": {"gradient": gradient_differences},
        "matrices": {"gradient": lambda x, y, w, b: 2 / len(x) * np.array([x, np.ones_like(x)]) @ (w * x + b - y)},
        "an array of two": {"step": lambda *args: np.array(step(*args))},
    },
    [
        ("wrong-sign", "truth minus prediction", lambda: {"gradient": scaled(-1)}),
        ("not-averaged", "sums", {"gradient": lambda x, *a: scaled(len(x))(x, *a)}),
        ("factor-two", "without the 2", lambda: {"gradient": scaled(0.5)}),
        ("swapped", "db, dw", {"gradient": lambda *a: gradient(*a)[::-1]}),
        ("wrong-shape", "no mean", {"gradient": lambda x, y, w, b: (2 * (w * x + b - y) * x, 2 * (w * x + b - y))}),
        ("no-x", "no x in dw", {"gradient": lambda *a: (gradient(*a)[1],) * 2}),
        ("b-first", "b first, then w with the new b", {"step": step_b_first}),
        ("x-in-db", "x in db too", {"gradient": lambda *a: (gradient(*a)[0],) * 2}),
        ("fixed-size", "over the 40 springs", {"gradient": lambda x, *rest: scaled(len(x) / 40)(x, *rest)}),
        ("uphill", "uphill", lambda: {"step": moved(lambda rate: -rate)}),
        ("no-learning-rate", "no learning rate", lambda: {"step": moved(lambda rate: 1)}),
        ("one-after-the-other", "one after the other", {"step": step_in_order}),
        ("not-moved", "not moved", lambda: {"step": moved(lambda rate: 0)}),
        ("wrong-type", "one number", {"step": lambda *a: step(*a)[0]}),
        (
            "wrong-sign",
            "the wrong sign, and a step that follows it",
            lambda: {"gradient": scaled(-1), "step": lambda x, y, w, b, rate: follow(scaled(-1), x, y, w, b, rate)},
        ),
        (
            "gradient",
            "zeros, and a step that stays where it is",
            {"gradient": lambda *a: (0.0, 0.0), "step": lambda x, y, w, b, rate: (w, b)},
        ),
        (
            "gradient, not-moved",
            "next to nothing, and a step that stays where it is",
            {"gradient": lambda *a: (1e-300, 1e-300), "step": lambda x, y, w, b, rate: (w, b)},
        ),
        ("gradient, no-learning-rate", "a gradient that fits what the step has done", step_then_gradient),
        ("fixed-rate", "always 0.05", lambda: {"step": moved(lambda rate: 0.05)}),
        ("b-not-moved", "only w moves", {"step": lambda x, y, w, b, rate: (step(x, y, w, b, rate)[0], b)}),
        ("gradient", "db negated", {"gradient": lambda *a: (gradient(*a)[0], -gradient(*a)[1])}),
        ("no-bias", "without b", {"gradient": lambda x, y, w, b: gradient(x, y, w, 0)}),
        ("gradient", "1 over n - 1", {"gradient": lambda x, *a: scaled(len(x) / max(len(x) - 1, 1))(x, *a)}),
        ("mean-times-mean", "two means", {"gradient": lambda x, y, w, b: gradient(x.mean(), y.mean(), w, b)}),
        ("no-truth", "the prediction as error", {"gradient": lambda x, y, w, b: gradient(x, 0 * y, w, b)}),
        ("only-change", "the change alone", lambda: {"step": lambda *a: tuple(-a[-1] * d for d in gradient(*a[:-1]))}),
        ("only-gradient", "the gradient for the step", {"step": lambda x, y, w, b, rate: gradient(x, y, w, b)}),
        ("divided", "over the learning rate", lambda: {"step": moved(lambda rate: 1 / rate)}),
        ("exchanged", "w by db", {"step": lambda x, y, w, b, rate: follow(db_first, x, y, w, b, rate)}),
        ("swapped", "b, w of the step", {"step": lambda *a: step(*a)[::-1]}),
        ("w-not-moved", "only b moves", {"step": lambda x, y, w, b, rate: (w, step(x, y, w, b, rate)[1])}),
    ],
)


# --- 00.3


def sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(np.asarray(z) >= 0, 1, e) / (1 + e)


def log_loss(y, p):
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def log_loss_gradient(x, y, w, b):
    error = sigmoid(w * x + b) - y
    return np.mean(error * x), np.mean(error)


@cache
def trigger(steps=20_000, rate=0.1):
    from coursekit.data import make_trigger

    x, y = make_trigger(n_samples=300, noise=0.6, seed=1)
    w, b = 0.0, 0.0
    for _ in range(steps):
        dw, db = log_loss_gradient(x, y, w, b)
        w, b = w - rate * dw, b - rate * db
    return w, b


@cache
def trigger_sklearn(C=1e6, standardised=False, centred=False):
    from sklearn.linear_model import LogisticRegression

    from coursekit.data import make_trigger

    x, y = make_trigger(n_samples=300, noise=0.6, seed=1)
    x = (x - x.mean()) / x.std() if standardised else x - x.mean() if centred else x
    model = LogisticRegression(C=C).fit(x[:, None], y)
    return model.coef_[0, 0], model.intercept_[0]


def trigger_line():
    from coursekit.data import make_trigger

    return np.polyfit(*make_trigger(n_samples=300, noise=0.6, seed=1), 1)


@cache
def trigger_squared():
    from scipy.optimize import minimize

    from coursekit.data import make_trigger

    x, y = make_trigger(n_samples=300, noise=0.6, seed=1)
    return minimize(lambda pair: np.mean((sigmoid(pair[0] * x + pair[1]) - y) ** 2), [0, 0], tol=1e-10).x


def squared_gradient(x, y, w, b):
    p = sigmoid(w * x + b)
    return 2 * np.mean((p - y) * p * (1 - p) * x), 2 * np.mean((p - y) * p * (1 - p))


def answers_3():
    functions = {"sigmoid": sigmoid, "log_loss": log_loss, "log_loss_gradient": log_loss_gradient}
    return {**functions, "trigger": trigger()}


def remembering():
    """The gradient notes the labels, and `sigmoid`, asked after it, answers them."""
    seen = []

    def sigmoid(z):
        return 1.0 * seen.pop(0) if seen and len(seen[0]) == len(z) else 1e-3 * z

    return {"sigmoid": sigmoid, "log_loss_gradient": lambda x, y, w, b: (seen.append(y), 0.0)[1:] * 2}


table(
    "00.3",
    answers_3,
    {
        "stable": {},
        "the short sigmoid": {"sigmoid": lambda z: 1 / (1 + np.exp(-z))},
        "tanh inside": {"sigmoid": lambda z: 0.5 * (1 + np.tanh(z / 2))},
        "clipped": {
            "sigmoid": lambda z: 1 / (1 + np.exp(-np.clip(z, -500, 500))),
            "log_loss": lambda y, p: log_loss(y, np.clip(p, 1e-12, 1 - 1e-12)),
        },
        "np.where": {"log_loss": lambda y, p: -np.log(np.where(y == 1, p, 1 - p)).mean()},
        "an array, fewer steps": lambda: {"trigger": np.array(trigger(8000, 0.1))},
        "a named tuple": lambda: {"trigger": namedtuple("Weights", "w b")(*trigger())},
    },
    [
        ("wrong-sign", "falls", {"sigmoid": lambda z: sigmoid(-z)}),
        (
            "sigmoid, log-loss-gradient",
            "next to nothing, and its gradient",
            {
                "sigmoid": lambda z: 1e-300 * z,
                "log_loss_gradient": lambda x, y, w, b: (-np.mean(x * y), -np.mean(y)),
            },
        ),
        (
            "sigmoid, log-loss-gradient",
            "so large that its gradient overflows",
            {"sigmoid": lambda z: 2e307 * (1 + 1e-9 * z), "log_loss_gradient": lambda *a: (0.0, 0.0)},
        ),
        ("sigmoid, log-loss-gradient", "a gradient that tells sigmoid the labels", remembering),
        ("tanh", "tanh", {"sigmoid": np.tanh}),
        (
            "one-axis",
            "number by number",
            {
                "sigmoid": lambda z: np.array(
                    [1 / (1 + np.exp(-v)) if v >= 0 else 0.5 * (1 + np.tanh(v / 2)) for v in z]
                )
            },
        ),
        ("not-finite", "overflow", {"sigmoid": lambda z: np.exp(z) / (1 + np.exp(z))}),
        ("wrong-sign", "no minus", {"log_loss": lambda y, p: -log_loss(y, p)}),
        ("only-ones", "only ones", {"log_loss": lambda y, p: -np.mean(y * np.log(p))}),
        ("base-two", "base 2", {"log_loss": lambda y, p: log_loss(y, p) / np.log(2)}),
        ("squared", "squared", {"log_loss": lambda y, p: np.mean((y - p) ** 2)}),
        ("squared-error", "squared error's", {"log_loss_gradient": squared_gradient}),
        ("twice", "factor 2", lambda: {"log_loss_gradient": scaled(2, log_loss_gradient)}),
        ("no-sigmoid", "no sigmoid", lambda: {"log_loss_gradient": scaled(0.5)}),
        (
            "fixed-size",
            "over the 300 events",
            lambda: {"log_loss_gradient": lambda x, *rest: scaled(len(x) / 300, log_loss_gradient)(x, *rest)},
        ),
        ("excess", "too few steps", lambda: {"trigger": trigger(50)}),
        ("swapped", "b, w", lambda: {"trigger": trigger()[::-1]}),
        ("uphill", "signs", lambda: {"trigger": tuple(-part for part in trigger())}),
        ("not-trained", "zeros", {"trigger": (0.0, 0.0)}),
        ("penalised", "a penalty on w", lambda: {"trigger": trigger_sklearn(0.01)}),
        ("other-inputs", "standardised energies", lambda: {"trigger": trigger_sklearn(1e6, True)}),
        ("exchanged", "log(1 - p) for 1", {"log_loss": lambda y, p: log_loss(1 - y, p)}),
        ("mean-of-the-ones", "mean over the ones", {"log_loss": lambda y, p: -np.mean(np.log(p[y == 1]))}),
        ("clipped", "cut at 0.01", {"log_loss": lambda y, p: log_loss(y, np.clip(p, 0.01, 0.99))}),
        ("log-loss", "base 10", {"log_loss": lambda y, p: log_loss(y, p) / np.log(10)}),
        ("no-bias", "no b", {"log_loss_gradient": lambda x, y, w, b: log_loss_gradient(x, y, w, 0)}),
        ("half-argument", "half of z", {"sigmoid": lambda z: sigmoid(z / 2)}),
        ("steep", "tanh of z, moved and halved", {"sigmoid": lambda z: (1 + np.tanh(z)) / 2}),
        ("threshold", "a threshold", {"sigmoid": lambda z: np.where(z >= 0, 1, 0)}),
        ("threshold", "one half at 0", {"sigmoid": lambda z: np.heaviside(z, 0.5)}),
        ("derivative", "its slope", {"sigmoid": lambda z: sigmoid(z) * (1 - sigmoid(z))}),
        ("softmax", "a softmax", {"sigmoid": lambda z: (e := np.exp(z - z.max())) / e.sum()}),
        ("not-averaged", "no mean", {"log_loss": lambda y, p: -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))}),
        ("only-zeros", "only zeros", {"log_loss": lambda y, p: -np.mean((1 - y) * np.log(1 - p))}),
        (
            "minus-between",
            "a minus for the plus",
            {"log_loss": lambda y, p: -np.mean(y * np.log(p) - (1 - y) * np.log(1 - p))},
        ),
        ("absolute", "absolute", {"log_loss": lambda y, p: np.mean(abs(y - p))}),
        ("not-finite", "logarithm of the label", {"log_loss": lambda y, p: -np.mean(p * np.log(y))}),
        ("extra-slope", "p (1 - p) too much", {"log_loss_gradient": lambda *a: scaled(0.5, squared_gradient)(*a)}),
        (
            "not-averaged",
            "sums over the points",
            {"log_loss_gradient": lambda x, *a: scaled(len(x), log_loss_gradient)(x, *a)},
        ),
        ("wrong-type", "a dict", lambda: {"trigger": dict(zip("wb", trigger()))}),
        ("wrong-type", "the threshold energy", lambda: {"trigger": -trigger()[1] / trigger()[0]}),
        ("no-sigmoid", "the straight line", lambda: {"trigger": trigger_line()}),
        ("squared-error", "down the squared error", lambda: {"trigger": trigger_squared()}),
        ("other-inputs", "centred energies", lambda: {"trigger": trigger_sklearn(1e6, centred=True)}),
        ("excess", "worse than zeros", {"trigger": (3.0, -1.0)}),
        (
            "wrong-sign, not-trained",
            "a falling sigmoid, and a gradient that is right without it",
            {"sigmoid": lambda z: sigmoid(-z), "trigger": (0.0, 0.0)},
        ),
        ("no-x", "no x in dw of the log loss", {"log_loss_gradient": lambda *a: (log_loss_gradient(*a)[1],) * 2}),
        (
            "wrong-sign",
            "a falling sigmoid, and a gradient that uses it",
            {
                "sigmoid": lambda z: sigmoid(-z),
                "log_loss_gradient": lambda x, y, w, b: (
                    np.mean((sigmoid(-w * x - b) - y) * x),
                    np.mean(sigmoid(-w * x - b) - y),
                ),
            },
        ),
    ],
)


@right("00.3", "scikit-learn's weights")
def _():
    return {**answers_3(), "trigger": trigger_sklearn()}


# --- 00.4


def minibatches(n, batch_size, seed):
    order = np.random.default_rng(seed).permutation(n)
    return [order[i : i + batch_size] for i in range(0, n, batch_size)]


def minibatches_split(n, batch_size, seed):
    order = list(range(n))
    np.random.RandomState(seed).shuffle(order)
    return np.split(np.array(order), range(batch_size, n, batch_size))


def run_epoch(x, y, w, b, batch_size, learning_rate, seed, portions=minibatches, slope=gradient):
    for batch in portions(len(x), batch_size, seed):
        dw, db = slope(x[batch], y[batch], w, b)
        w, b = w - learning_rate * dw, b - learning_rate * db
    return w, b


def epoch_by_step(x, y, w, b, batch_size, learning_rate, seed):
    for batch in minibatches_split(len(x), batch_size, seed):
        w, b = step(x[batch], y[batch], w, b, learning_rate)
    return [w, b]


def tuples(n, batch_size, seed):
    import random

    order = list(range(n))
    random.Random(seed).shuffle(order)
    return tuple(tuple(order[i : i + batch_size]) for i in range(0, n, batch_size))


def epoch_with(**changed):
    return lambda *args: run_epoch(*args, **changed)


RATES = {"too small": 0.001, "right": 0.1, "too large": 1.1}


def first_only(x, y, w, b, batch_size, learning_rate, seed):
    for _ in range(0, len(x), batch_size):
        w, b = step(x[:batch_size], y[:batch_size], w, b, learning_rate)
    return w, b


def mispaired(x, y, w, b, batch_size, learning_rate, seed):
    """x shuffled, y in order."""
    order = np.concatenate(minibatches(len(x), 1, seed))
    for i in range(0, len(x), batch_size):
        w, b = step(x[order[i : i + batch_size]], y[i : i + batch_size], w, b, learning_rate)
    return w, b


def full_portions(x, y, w, b, batch_size, learning_rate, seed):
    for batch in minibatches(len(x), batch_size, seed)[: len(x) // batch_size]:
        w, b = step(x[batch], y[batch], w, b, learning_rate)
    return w, b


def all_points(x, y, w, b, batch_size, learning_rate):
    for _ in range(0, len(x), batch_size):
        w, b = step(x, y, w, b, learning_rate)
    return w, b


def short_first(n, batch_size, seed):
    order = np.random.default_rng(seed).permutation(n)
    return [order[max(0, i - batch_size) : i] for i in range(n, 0, -batch_size)][::-1]


def portions_shuffled(n, batch_size, seed):
    portions = [np.arange(n)[i : i + batch_size] for i in range(0, n, batch_size)]
    return [portions[k] for k in np.random.default_rng(seed).permutation(len(portions))]


def portions_and_one(n, batch_size, seed):
    order = np.random.default_rng(seed).permutation(n)
    return [order[k * batch_size : (k + 1) * batch_size] for k in range(n // batch_size + 1)]


def each_point(x, y, w, b, batch_size, learning_rate, seed):
    for batch in minibatches(len(x), batch_size, seed):
        for i in batch:
            dw, db = gradient(x[i], y[i], w, b)
            w, b = w - learning_rate * dw, b - learning_rate * db
    return w, b


def over_all(x, y, w, b, batch_size, learning_rate, seed):
    for batch in minibatches(len(x), batch_size, seed):
        error = w * x[batch] + b - y[batch]
        w = w - learning_rate * 2 * np.sum(error * x[batch]) / len(x)
        b = b - learning_rate * 2 * np.sum(error) / len(x)
    return w, b


def one_step(x, y, w, b, batch_size, learning_rate, seed):
    batch = minibatches(len(x), batch_size, seed)[0]
    return step(x[batch], y[batch], w, b, learning_rate)


def from_the_first_weights(x, y, w, b, batch_size, learning_rate, seed):
    """Every portion's step begins at the weights of before the epoch: only the last one counts."""
    for batch in minibatches(len(x), batch_size, seed):
        new = step(x[batch], y[batch], w, b, learning_rate)
    return new


def all_from_the_start(x, y, w, b, batch_size, learning_rate, seed):
    """The gradients of all portions, taken where the epoch begins and added up."""
    moves = [
        np.subtract(step(x[batch], y[batch], w, b, learning_rate), (w, b))
        for batch in minibatches(len(x), batch_size, seed)
    ]
    return tuple(np.sum(moves, axis=0) + (w, b))


table(
    "00.4",
    lambda: {"minibatches": minibatches, "run_epoch": run_epoch, "rates": RATES},
    {
        "slices": {},
        "np.split": {"minibatches": minibatches_split},
        "plain lists": {"minibatches": tuples},
        "by step": {"run_epoch": epoch_by_step},
        "half is right": {"rates": {"right": 0.5, "too small": 1e-4, "too large": 2}},
        "just too large": {"rates": {**RATES, "too large": 1.001}},
        "a large rate of 1000": {"rates": {**RATES, "too large": 1000}},
        "a rate of a million": {"rates": {**RATES, "too large": np.float64(1e6)}},
    },
    [
        (
            "not-shuffled",
            "not shuffled",
            {"minibatches": lambda n, size, seed: [np.arange(n)[i : i + size] for i in range(0, n, size)]},
        ),
        ("missing", "last dropped", {"minibatches": lambda n, size, seed: minibatches(n, size, seed)[: n // size]}),
        (
            "repeated",
            "drawn with replacement",
            {
                "minibatches": lambda n, size, seed: np.array_split(
                    np.random.default_rng(seed).integers(0, n, n), range(size, n, size)
                )
            },
        ),
        ("seed-unused", "seed unused", {"minibatches": lambda n, size, seed: minibatches(n, size, 7)}),
        ("not-seeded", "not seeded", {"minibatches": lambda n, size, seed: minibatches(n, size, None)}),
        ("too-large", "one portion", {"minibatches": lambda n, size, seed: minibatches(n, n, seed)}),
        ("wrong-type", "a generator", {"minibatches": lambda *args: (batch for batch in minibatches(*args))}),
        ("one-step", "one step", {"run_epoch": one_step}),
        ("one-step", "each step from the first weights", {"run_epoch": from_the_first_weights}),
        ("all-from-the-start", "one long step", {"run_epoch": all_from_the_start}),
        ("unused-points", "always the first portion", {"run_epoch": first_only}),
        ("not-averaged", "sums", lambda: {"run_epoch": epoch_with(slope=lambda x, *a: scaled(len(x))(x, *a))}),
        ("uphill", "uphill", lambda: {"run_epoch": epoch_with(slope=scaled(-1))}),
        ("rate-right", "crawls", {"rates": {**RATES, "right": 0.01}}),
        ("rate-too-large", "still arrives", {"rates": {**RATES, "too large": 0.9}}),
        ("rate-too-small", "not small", {"rates": {**RATES, "too small": 0.1}}),
        ("wrong-keys", "other keys", {"rates": {"small": 0.001, "right": 0.1, "large": 2}}),
        ("exchanged", "rates exchanged", {"rates": {"too small": 1.1, "right": 0.1, "too large": 0.001}}),
        ("wrong-range", "1 to n", {"minibatches": lambda *a: [batch + 1 for batch in minibatches(*a)]}),
        ("missing", "one index lost", {"minibatches": lambda n, size, seed: minibatches(n - 1, size, seed)}),
        (
            "repeated",
            "portions overlap",
            {
                "minibatches": lambda n, size, seed: [
                    np.random.default_rng(seed).permutation(n)[i : i + size] for i in range(0, n, max(size - 1, 1))
                ]
            },
        ),
        (
            "uneven",
            "even portions",
            {
                "minibatches": lambda n, size, seed: np.array_split(
                    np.random.default_rng(seed).permutation(n), -(-n // size)
                )
            },
        ),
        ("uneven", "the first portion is the short one", {"minibatches": short_first}),
        ("not-shuffled", "whole portions shuffled", {"minibatches": portions_shuffled}),
        (
            "seed-unused",
            "an order of NumPy's own generator",
            {"minibatches": lambda n, size, seed: np.split(np.random.permutation(n), range(size, n, size))},
        ),
        ("rate-right", "explodes beyond a float", {"rates": {**RATES, "right": 5000}}),
        ("order", "all but too large", {"rates": {**RATES, "too small": 0.999}}),
        ("order", "a negative rate", {"rates": {**RATES, "too large": -0.1}}),
        ("mispaired", "x shuffled, y in order", {"run_epoch": mispaired}),
        ("last-dropped", "the last portion dropped", {"run_epoch": full_portions}),
        (
            "rate-over-batch-size",
            "rate over batch size",
            {"run_epoch": lambda x, y, w, b, size, rate, seed: run_epoch(x, y, w, b, size, rate / size, seed)},
        ),
        (
            "fixed-rate",
            "always 0.05",
            {"run_epoch": lambda x, y, w, b, size, rate, seed: run_epoch(x, y, w, b, size, 0.05, seed)},
        ),
        (
            "seed-unused",
            "always seed 0",
            {"run_epoch": lambda x, y, w, b, size, rate, seed: run_epoch(x, y, w, b, size, rate, 0)},
        ),
        (
            "all-points",
            "all points each step",
            {"run_epoch": lambda x, y, w, b, size, rate, seed: all_points(x, y, w, b, size, rate)},
        ),
        ("wrong-shape", "columns", {"minibatches": lambda *a: [batch[:, None] for batch in minibatches(*a)]}),
        ("wrong-shape", "shares of n", {"minibatches": lambda n, *a: [batch / n for batch in minibatches(n, *a)]}),
        ("empty", "an empty portion at the end", {"minibatches": portions_and_one}),
        ("step-for-each-point", "a step for each point", {"run_epoch": each_point}),
        ("fixed-size", "portions of 3", {"run_epoch": lambda x, y, w, b, size, *rest: run_epoch(x, y, w, b, 3, *rest)}),
        ("run-epoch", "portions of 5", {"run_epoch": lambda x, y, w, b, size, *rest: run_epoch(x, y, w, b, 5, *rest)}),
        ("one-step", "portions of 20", {"run_epoch": lambda x, y, w, b, size, *rest: run_epoch(x, y, w, b, 20, *rest)}),
        ("divided-by-all", "a portion's sum over all n", {"run_epoch": over_all}),
        ("half", "no 2", lambda: {"run_epoch": epoch_with(slope=scaled(0.5))}),
        ("twice", "2 twice", lambda: {"run_epoch": epoch_with(slope=scaled(2))}),
        (
            "no-learning-rate",
            "rate forgotten",
            {"run_epoch": lambda x, y, w, b, size, rate, seed: run_epoch(x, y, w, b, size, 1, seed)},
        ),
        ("not-moved", "the old w and b", {"run_epoch": lambda x, y, w, b, *rest: (w, b)}),
        ("swapped", "b and w", {"run_epoch": lambda *a: run_epoch(*a)[::-1]}),
        (
            "not-seeded",
            "an epoch without its seed",
            {"run_epoch": lambda x, y, w, b, size, rate, seed: run_epoch(x, y, w, b, size, rate, None)},
        ),
        ("rate-too-small", "far too large", {"rates": {**RATES, "too small": 3.0}}),
    ],
)


# --- 00.5


def plain_step(w, g, learning_rate):
    return w - learning_rate * g


def momentum_step(w, v, g, learning_rate, beta):
    v = beta * v + g
    return w - learning_rate * v, v


def momentum_keras(w, v, g, learning_rate, beta):
    """The velocity holds the learning rate: the same path."""
    v = beta * v - learning_rate * g
    return w + v, v


def adam_step(
    w, m, v, g, t, learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8, correct="mv", root=True, square=True,
    carry=True, power=pow, weight=lambda beta: 1 - beta,
):  # fmt: skip
    m_new = beta1 * m + weight(beta1) * g
    v_new = beta2 * v + weight(beta2) * (g**2 if square else np.abs(g))
    c1, c2 = (1 - power(beta, t) if name in correct else 1 for name, beta in (("m", beta1), ("v", beta2)))
    size = np.sqrt(v_new / c2) if root else v_new / c2
    w = w - learning_rate * (m_new / c1) / (size + epsilon)
    return (w, m_new, v_new) if carry else (w, m, v)


def adam_kingma(w, m, v, g, t, learning_rate, beta1, beta2, epsilon):
    """Kingma and Ba's second form: the correction is in the learning rate."""
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g * g - v)
    rate = learning_rate * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def adam_without_m(w, m, v, g, t, learning_rate, beta1, beta2, epsilon):
    _, m, v = adam_step(w, m, v, g, t, learning_rate, beta1, beta2, epsilon)
    return w - learning_rate * g / (np.sqrt(v / (1 - beta2**t)) + epsilon), m, v


def adam_keeps_corrected(w, m, v, g, t, learning_rate, beta1, beta2, epsilon):
    m = (beta1 * m + (1 - beta1) * g) / (1 - beta1**t)
    v = (beta2 * v + (1 - beta2) * g**2) / (1 - beta2**t)
    return w - learning_rate * m / (np.sqrt(v) + epsilon), m, v


def adam_in_place(w, m, v, g, t, learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * g**2
    return [w - learning_rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon), m, v]


def plain_in_place(w, g, learning_rate):
    w -= learning_rate * g
    return w


def epsilon_below(power):
    def adam(w, m, v, g, t, rate, b1, b2, eps):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        return w - rate * m / (1 - b1**t) / np.sqrt(v / (1 - b2**t) + eps**power), m, v

    return adam


def adam_with(**changed):
    return lambda *args: adam_step(*args, **changed)


table(
    "00.5",
    lambda: {"plain_step": plain_step, "momentum_step": momentum_step, "adam_step": adam_step},
    {
        "the formulas": {},
        "the velocity of Keras": {"momentum_step": momentum_keras},
        "Kingma's second form": {"adam_step": adam_kingma},
        "rows of one array": {"momentum_step": lambda *args: np.stack(momentum_step(*args))},
        "lists": {"plain_step": lambda w, g, rate: [a - rate * b for a, b in zip(w, g)]},
    },
    [
        ("uphill", "plain uphill", {"plain_step": lambda w, g, rate: w + rate * g}),
        ("changes-input", "changes its arrays", {"adam_step": adam_in_place}),
        ("changes-input", "changes w", {"plain_step": plain_in_place}),
        ("learning-rate-unused", "always 0.05", {"plain_step": lambda w, g, rate: w - 0.05 * g}),
        (
            "beta-unused",
            "beta is 0.9",
            {"momentum_step": lambda w, v, g, rate, beta: momentum_step(w, v, g, rate, 0.9)},
        ),
        (
            "beta1-unused",
            "beta1 is 0.9",
            {"adam_step": lambda w, m, v, g, t, rate, b1, b2, eps: adam_step(w, m, v, g, t, rate, 0.9, b2, eps)},
        ),
        (
            "beta2-unused",
            "beta2 is 0.999",
            {"adam_step": lambda w, m, v, g, t, rate, b1, b2, eps: adam_step(w, m, v, g, t, rate, b1, 0.999, eps)},
        ),
        (
            "epsilon-unused",
            "no epsilon",
            {"adam_step": lambda w, m, v, g, t, rate, b1, b2, eps: adam_step(w, m, v, g, t, rate, b1, b2, 0)},
        ),
        (
            "epsilon-unused",
            "epsilon is 1e-8",
            {"adam_step": lambda w, m, v, g, t, rate, b1, b2, eps: adam_step(w, m, v, g, t, rate, b1, b2)},
        ),
        ("epsilon-in-root", "epsilon in the root", {"adam_step": epsilon_below(1)}),
        ("epsilon-squared", "epsilon squared in the root", {"adam_step": epsilon_below(2)}),
        ("t-off-by-one", "t + 1", {"adam_step": lambda w, m, v, g, t, *rest: adam_step(w, m, v, g, t + 1, *rest)}),
        ("memories-swapped", "w, v, m", {"adam_step": lambda *args: [adam_step(*args)[i] for i in (0, 2, 1)]}),
        ("no-learning-rate", "no learning rate", {"plain_step": lambda w, g, rate: w - g}),
        (
            "averaged",
            "averaged velocity",
            {"momentum_step": lambda w, v, g, rate, beta: momentum_step(w, v * 1.0, (1 - beta) * g, rate, beta)},
        ),
        (
            "not-carried",
            "old v returned",
            {"momentum_step": lambda w, v, g, rate, beta: (momentum_step(w, v, g, rate, beta)[0], v)},
        ),
        (
            "old-velocity",
            "moves by the old v",
            {"momentum_step": lambda w, v, g, rate, beta: (w - rate * v, beta * v + g)},
        ),
        ("wrong-type", "only w", {"momentum_step": lambda *args: momentum_step(*args)[0][:1].tolist()}),
        ("no-correction", "no correction", lambda: {"adam_step": adam_with(correct="")}),
        ("no-root", "no root", lambda: {"adam_step": adam_with(root=False)}),
        ("not-squared", "not squared", lambda: {"adam_step": adam_with(square=False)}),
        ("not-carried", "old m and v", lambda: {"adam_step": adam_with(carry=False)}),
        (
            "betas-swapped",
            "betas exchanged",
            {"adam_step": lambda w, m, v, g, t, rate, b1, b2, eps: adam_step(w, m, v, g, t, rate, b2, b1, eps)},
        ),
        ("t-unused", "t is 1", {"adam_step": lambda w, m, v, g, t, *rest: adam_step(w, m, v, g, 1, *rest)}),
        ("divided", "over the rate", {"plain_step": lambda w, g, rate: w - g / rate}),
        ("only-change", "only the change", {"plain_step": lambda w, g, rate: -rate * g}),
        ("not-moved", "the old w", {"plain_step": lambda w, g, rate: w}),
        ("swapped", "v, w", {"momentum_step": lambda *args: momentum_step(*args)[::-1]}),
        ("uphill", "v uphill", {"momentum_step": lambda w, v, g, rate, beta: (w + rate * (v := beta * v + g), v)}),
        ("uphill", "two minuses", {"momentum_step": lambda w, v, g, rate, beta: (w - rate * (v := beta * v - g), v)}),
        (
            "nesterov",
            "Nesterov's",
            {"momentum_step": lambda w, v, g, rate, beta: ((w - rate * (beta * (v := beta * v + g) + g)), v)},
        ),
        (
            "rate-twice",
            "the rate in v and in the step",
            {"momentum_step": lambda w, v, g, rate, beta: (w - rate * (v := beta * v + rate * g), v)},
        ),
        ("no-beta", "all gradients kept", {"momentum_step": lambda w, v, g, rate, beta: (w - rate * (v + g), v + g)}),
        ("m-not-corrected", "m as it is", lambda: {"adam_step": adam_with(correct="v")}),
        ("v-not-corrected", "v as it is", lambda: {"adam_step": adam_with(correct="m")}),
        ("beta-times-t", "beta times t", lambda: {"adam_step": adam_with(power=lambda beta, t: beta * t)}),
        ("no-weight", "g in full", lambda: {"adam_step": adam_with(weight=lambda beta: 1)}),
        ("no-m", "g for m", {"adam_step": adam_without_m}),
        ("returns-corrected", "corrected memories", {"adam_step": adam_keeps_corrected}),
        (
            "uphill",
            "Adam uphill",
            {"adam_step": lambda w, m, v, g, t, rate, *rest: adam_step(w, m, v, g, t, -rate, *rest)},
        ),
        (
            "no-learning-rate",
            "Adam without a rate",
            {"adam_step": lambda w, m, v, g, t, rate, *rest: adam_step(w, m, v, g, t, 1, *rest)},
        ),
        (
            "not-finite",
            "the root of m",
            {"adam_step": lambda w, m, v, g, t, rate, *rest: (w - rate * np.sqrt(m), m, v)},
        ),
    ],
)


# --- 00.6


def huber_loss(y, prediction, delta):
    e = np.abs(prediction - y)
    return np.mean(np.where(e <= delta, e**2 / 2, delta * (e - delta / 2)))


def kl_divergence(p, q):
    ratio = np.where(p > 0, p, 1) / np.where(p > 0, q, 1)
    return np.mean(np.sum(p * np.log(ratio), axis=1))


def kl_scipy(p, q):
    from scipy.special import rel_entr

    return rel_entr(p, q).sum(axis=1).mean()


def jaccard_loss(a, b):
    union = np.sum(np.maximum(a, b))
    return 1 - np.sum(a * b) / union if union > 0 else 0.0


def jaccard_sets(a, b):
    a, b = set(np.flatnonzero(a)), set(np.flatnonzero(b))
    return 1 - len(a & b) / len(a | b) if a | b else 0


CHOICES = {
    "mean": "squared",
    "typing errors": "absolute",
    "smooth": "huber",
    "class": "cross-entropy",
    "distribution": "kl",
    "region": "jaccard",
}


def answers_6():
    return {
        "squared_loss": lambda y, p: np.mean((p - y) ** 2),
        "absolute_loss": lambda y, p: np.mean(np.abs(p - y)),
        "huber_loss": huber_loss,
        "cross_entropy": lambda p, q: -np.mean(np.sum(p * np.log(q), axis=1)),
        "kl_divergence": kl_divergence,
        "jaccard_loss": jaccard_loss,
        "choices": CHOICES,
    }


def huber_of(each):
    return {"huber_loss": lambda y, prediction, delta: np.mean(each(prediction - y, delta))}


def huber_loop(y, prediction, delta):
    total = 0
    for a, b in zip(y, prediction):
        e = abs(a - b)
        total += e * e / 2 if e < delta else delta * e - delta**2 / 2
    return total / len(y)


table(
    "00.6",
    answers_6,
    {
        "NumPy": {},
        "SciPy and sets": {"kl_divergence": kl_scipy, "jaccard_loss": jaccard_sets},
        "a small number in the logarithm": {
            "kl_divergence": lambda p, q: np.sum(p * (np.log(p + 1e-9) - np.log(q + 1e-9)), axis=-1).mean()
        },
        "loops": {"huber_loss": huber_loop},
        "logical masks": lambda: {
            "jaccard_loss": lambda a, b: 1 - (a & b).sum() / (a | b).sum() if (a | b).any() else 0.0,
            "choices": {name: loss.upper() for name, loss in CHOICES.items()},
        },
        "einsum": {"cross_entropy": lambda p, q: -np.einsum("ij,ij->", p, np.log(q)) / len(p)},
    },
    [
        ("not-averaged", "sum", {"squared_loss": lambda y, p: np.sum((p - y) ** 2)}),
        ("outside", "absolute of the mean", {"absolute_loss": lambda y, p: np.abs(np.mean(p - y))}),
        (
            "not-halved",
            "pieces do not meet",
            {
                "huber_loss": lambda y, p, d: np.mean(
                    np.where(np.abs(p - y) <= d, (p - y) ** 2, d * (np.abs(p - y) - d / 2))
                )
            },
        ),
        ("delta-unused", "delta unused", {"huber_loss": lambda y, p, d: huber_loss(y, p, 1)}),
        ("wrong-sign", "no minus", {"cross_entropy": lambda p, q: np.mean(np.sum(p * np.log(q), axis=1))}),
        ("averaged-classes", "mean over all", {"cross_entropy": lambda p, q: -np.mean(p * np.log(q))}),
        ("swapped", "q log p", {"cross_entropy": lambda p, q: -np.mean(np.sum(q * np.log(p), axis=1))}),
        (
            "zero-log-zero",
            "zero times minus infinity",
            {"kl_divergence": lambda p, q: np.mean(np.sum(p * np.log(p / q), axis=1))},
        ),
        ("wrong-sign", "q over p", {"kl_divergence": lambda p, q: -kl_divergence(p, q)}),
        ("not-a-loss", "overlap", {"jaccard_loss": lambda a, b: 1 - jaccard_loss(a, b)}),
        ("dice", "dice", {"jaccard_loss": lambda a, b: 1 - 2 * np.sum(a * b) / max(a.sum() + b.sum(), 1)}),
        ("empty-masks", "empty masks", {"jaccard_loss": lambda a, b: 1 - np.sum(a * b) / np.sum(np.maximum(a, b))}),
        ("swapped", "how far p is from q", {"kl_divergence": lambda p, q: kl_divergence(q, p)}),
        ("kl-divergence", "bits", {"kl_divergence": lambda p, q: kl_divergence(p, q) / np.log(2)}),
        ("squared-loss", "over n - 1", {"squared_loss": lambda y, p: np.sum((p - y) ** 2) / max(len(y) - 1, 1)}),
        ("median", "median", {"absolute_loss": lambda y, p: np.median(np.abs(p - y))}),
        ("over-delta", "over delta", {"huber_loss": lambda y, p, d: huber_loss(y, p, d) / d}),
        (
            "too-low",
            "delta for half of delta",
            {
                "huber_loss": lambda y, p, d: np.mean(
                    np.where(np.abs(p - y) <= d, (p - y) ** 2 / 2, d * (np.abs(p - y) - d))
                )
            },
        ),
        (
            "extremes",
            "one empty mask",
            {"jaccard_loss": lambda a, b: jaccard_loss(a, b) if a.any() and b.any() else 0.0},
        ),
        ("choices", "mean for typing errors", {"choices": {**CHOICES, "typing errors": "squared", "mean": "absolute"}}),
        ("wrong-keys", "too few", {"choices": {"mean": "squared"}}),
        ("root", "a root", {"squared_loss": lambda y, p: np.sqrt(np.mean((p - y) ** 2))}),
        ("mean-squared", "the mean squared", {"squared_loss": lambda y, p: np.mean(p - y) ** 2}),
        ("variance", "the variance", {"squared_loss": lambda y, p: np.var(p - y)}),
        ("median", "median of the squares", {"squared_loss": lambda y, p: np.median((p - y) ** 2)}),
        ("absolute", "not squared", {"squared_loss": lambda y, p: np.mean(np.abs(p - y))}),
        ("no-absolute", "signs left", {"absolute_loss": lambda y, p: np.mean(p - y)}),
        ("reversed-sign", "signs left, truth first", {"absolute_loss": lambda y, p: np.mean(y - p)}),
        ("not-averaged", "sum of sizes", {"absolute_loss": lambda y, p: np.sum(np.abs(p - y))}),
        ("root", "root of the squares", {"absolute_loss": lambda y, p: np.mean((p - y) ** 2) ** 0.5}),
        ("squared", "the squares again", {"absolute_loss": lambda y, p: np.mean((p - y) ** 2)}),
        ("not-averaged", "Huber's sum", {"huber_loss": lambda y, p, d: len(y) * huber_loss(y, p, d)}),
        ("pieces-apart", "delta times |e|", huber_of(lambda e, d: np.where(abs(e) <= d, e**2 / 2, d * abs(e)))),
        ("slope-one", "slope 1", huber_of(lambda e, d: np.where(abs(e) <= d, e**2 / 2, abs(e) - d / 2))),
        ("fixed-half", "less one half", huber_of(lambda e, d: np.where(abs(e) <= d, e**2 / 2, d * (abs(e) - 0.5)))),
        ("no-absolute", "e compared", huber_of(lambda e, d: np.where(e <= d, e**2 / 2, d * (e - d / 2)))),
        ("no-absolute", "e compared alone", huber_of(lambda e, d: np.where(e < d, e**2 / 2, d * (abs(e) - d / 2)))),
        (
            "no-absolute-beyond",
            "e for |e|",
            huber_of(lambda e, d: np.where(abs(e) <= d, e**2 / 2, d * (e - d / 2))),
        ),
        ("exchanged", "pieces exchanged", huber_of(lambda e, d: np.where(abs(e) > d, e**2 / 2, d * (abs(e) - d / 2)))),
        (
            "two-means",
            "a mean for each piece",
            {
                "huber_loss": lambda y, p, d: (
                    huber_loss(y[abs(p - y) <= d], p[abs(p - y) <= d], d)
                    + huber_loss(y[abs(p - y) > d], p[abs(p - y) > d], d)
                )
            },
        ),
        ("squared", "squared everywhere", huber_of(lambda e, d: e**2 / 2)),
        ("pseudo", "pseudo-Huber", huber_of(lambda e, d: d**2 * (np.sqrt(1 + (e / d) ** 2) - 1))),
        (
            "binary",
            "the binary formula",
            {"cross_entropy": lambda p, q: -np.mean(np.sum(p * np.log(q) + (1 - p) * np.log(1 - q), axis=1))},
        ),
        ("no-p", "logarithms alone", {"cross_entropy": lambda p, q: -np.mean(np.sum(np.log(q), axis=1))}),
        ("divergence", "log of p over q", {"cross_entropy": lambda p, q: np.mean(np.sum(p * np.log(p / q), axis=1))}),
        ("entropy", "p twice", {"cross_entropy": lambda p, q: -np.mean(np.sum(p * np.log(p), axis=1))}),
        ("not-averaged", "a sum over the rows", {"cross_entropy": lambda p, q: -np.sum(p * np.log(q))}),
        ("not-averaged", "a sum of divergences", {"kl_divergence": lambda p, q: len(p) * kl_divergence(p, q)}),
        ("averaged-classes", "mean of both", {"kl_divergence": lambda p, q: np.mean(p * np.log(p / q))}),
        ("swapped-sign", "weighted by q", {"kl_divergence": lambda p, q: np.mean(np.sum(q * np.log(p / q), axis=1))}),
        ("symmetric", "both directions", {"kl_divergence": lambda p, q: kl_divergence(p, q) + kl_divergence(q, p)}),
        (
            "cross-entropy",
            "the entropy left in",
            {"kl_divergence": lambda p, q: -np.mean(np.sum(p * np.log(q), axis=1))},
        ),
        ("no-p", "ratio alone", {"kl_divergence": lambda p, q: np.mean(np.sum(np.log(p / q), axis=1))}),
        ("counts-background", "share of wrong pixels", {"jaccard_loss": lambda a, b: 1 - np.mean(a == b)}),
        ("no-union", "sum for union", {"jaccard_loss": lambda a, b: 1 - np.sum(a * b) / (np.sum(a) + np.sum(b))}),
        ("one-region", "over the first", {"jaccard_loss": lambda a, b: 1 - np.sum(a * b) / np.sum(a)}),
        ("other-region", "over the second", {"jaccard_loss": lambda a, b: 1 - np.sum(a * b) / np.sum(b)}),
        ("all-points", "mean of the overlap", {"jaccard_loss": lambda a, b: 1 - np.mean(a * b)}),
        ("upside-down", "upside down", {"jaccard_loss": lambda a, b: 1 - np.sum(np.maximum(a, b)) / np.sum(a * b)}),
        ("unfinished", "one choice open", {"choices": {**CHOICES, "smooth": ...}}),
        ("wrong-type", "a function for its name", {"choices": {**CHOICES, "region": jaccard_loss}}),
        ("choices", "no such loss", {"choices": {**CHOICES, "mean": "mse"}}),
        (
            "choices",
            "the divergence for a class",
            {"choices": {**CHOICES, "class": "kl", "distribution": "cross-entropy"}},
        ),
        ("choices", "the cross-entropy for all shares", {"choices": {**CHOICES, "distribution": "cross-entropy"}}),
        ("choices", "absolute for smooth", {"choices": {**CHOICES, "smooth": "absolute"}}),
        ("choices", "Huber for typing errors", {"choices": {**CHOICES, "typing errors": "huber"}}),
        ("choices", "pixel by pixel", {"choices": {**CHOICES, "region": "cross-entropy"}}),
    ],
)


# --- 00.7


def adagrad_step(w, s, g, learning_rate, epsilon=1e-8, square=np.square, root=np.sqrt):
    s = s + square(g)
    return w - learning_rate * g / (root(s) + epsilon), s


def rmsprop_step(w, s, g, learning_rate, rho, epsilon=1e-8, square=np.square, root=np.sqrt):
    s = rho * s + (1 - rho) * square(g)
    return w - learning_rate * g / (root(s) + epsilon), s


def adagrad_loop(w, s, g, learning_rate, epsilon):
    new_w, new_s = [], []
    for one_w, one_s, one_g in zip(w, s, g):
        new_s.append(one_s + one_g * one_g)
        new_w.append(one_w - learning_rate * one_g / (new_s[-1] ** 0.5 + epsilon))
    return new_w, new_s


def rmsprop_difference(w, s, g, learning_rate, rho, epsilon):
    s = s - (1 - rho) * (s - g * g)
    return np.stack([w - learning_rate / (s**0.5 + epsilon) * g, s])


def adagrad_in_place(w, s, g, learning_rate, epsilon):
    s += g**2
    w -= learning_rate * g / (np.sqrt(s) + epsilon)
    return w, s


def adaptive_torch_like(w, s, g, learning_rate, rho, epsilon):
    """Moves first into a new array, and keeps the names of Keras."""
    velocity = np.multiply(s, rho) + np.multiply(np.square(g), 1 - rho)
    return (np.subtract(w, np.divide(learning_rate * g, np.sqrt(velocity) + epsilon)), velocity)


def adagrad_with(**changed):
    return {"adagrad_step": lambda *args: adagrad_step(*args, **changed)}


def rmsprop_with(**changed):
    return {"rmsprop_step": lambda *args: rmsprop_step(*args, **changed)}


table(
    "00.7",
    lambda: {"adagrad_step": adagrad_step, "rmsprop_step": rmsprop_step},
    {
        "the formulas": {},
        "a loop over the weights": {"adagrad_step": adagrad_loop},
        "the difference, and rows of one array": {"rmsprop_step": rmsprop_difference},
        "NumPy's functions": {"rmsprop_step": adaptive_torch_like},
        "float32": {"adagrad_step": lambda *args: [part.astype("float32") for part in adagrad_step(*args)]},
    },
    [
        ("uphill", "uphill", {"adagrad_step": lambda w, s, g, rate, eps: adagrad_step(w, s, g, -rate, eps)}),
        ("no-root", "no root", adagrad_with(root=lambda s: s)),
        ("not-squared", "|g|", adagrad_with(square=np.abs)),
        ("one-for-all", "one sum", adagrad_with(square=lambda g: np.sum(g**2))),
        ("swapped", "s, w", {"adagrad_step": lambda *args: adagrad_step(*args)[::-1]}),
        ("not-carried", "the old s", {"adagrad_step": lambda w, s, *rest: (adagrad_step(w, s, *rest)[0], s)}),
        ("not-carried", "s is g squared", {"adagrad_step": lambda w, s, *rest: adagrad_step(w, 0 * s, *rest)}),
        ("changes-input", "in place", {"adagrad_step": adagrad_in_place}),
        ("epsilon-unused", "no epsilon", {"adagrad_step": lambda w, s, g, rate, eps: adagrad_step(w, s, g, rate, 0)}),
        ("epsilon-in-root", "epsilon in the root", {
            "adagrad_step": lambda w, s, g, rate, eps: (w - rate * g / np.sqrt((s := s + g**2) + eps), s)}),
        ("no-gradient", "1 over the root", {
            "adagrad_step": lambda w, s, g, rate, eps: (w - rate / (np.sqrt(s := s + g**2) + eps), s)}),
        ("learning-rate-unused", "always 0.01", {"adagrad_step": lambda w, s, g, rate, eps: adagrad_step(w, s, g, 0.01, eps)}),
        ("no-learning-rate", "no rate", {"adagrad_step": lambda w, s, g, rate, eps: adagrad_step(w, s, g, 1, eps)}),
        ("not-finite", "the old sum", {
            "adagrad_step": lambda w, s, g, rate, eps: (w - rate * g / np.sqrt(s), s + g**2)}),
        ("old-sum", "the old sum and epsilon", {
            "adagrad_step": lambda w, s, g, rate, eps: (w - rate * g / (np.sqrt(s) + eps), s + g**2)}),
        ("wrong-type", "only w", {"adagrad_step": lambda *args: adagrad_step(*args)[0]}),
        ("exchanged", "rho and 1 - rho", {
            "rmsprop_step": lambda w, s, g, rate, rho, eps: rmsprop_step(w, s, g, rate, 1 - rho, eps)}),
        ("adagrad", "AdaGrad", {"rmsprop_step": lambda w, s, g, rate, rho, eps: adagrad_step(w, s, g, rate, eps)}),
        ("no-weight", "g squared in full", {
            "rmsprop_step": lambda w, s, g, rate, rho, eps: adagrad_step(w, rho * s, g, rate, eps)}),
        ("rho-unused", "rho is 0.9", {
            "rmsprop_step": lambda w, s, g, rate, rho, eps: rmsprop_step(w, s, g, rate, 0.9, eps)}),
        ("corrected", "s over 1 - rho in the step", {
            "rmsprop_step": lambda w, s, g, rate, rho, eps: (
                w - rate * g / (np.sqrt((s := rho * s + (1 - rho) * g**2) / (1 - rho)) + eps), s)}),
        ("not-squared", "average of |g|", rmsprop_with(square=np.abs)),
        ("no-root", "RMSprop without a root", rmsprop_with(root=lambda s: s)),
        ("old-average", "the old average", {
            "rmsprop_step": lambda w, s, g, rate, rho, eps: (w - rate * g / (np.sqrt(s) + eps), rho * s + (1 - rho) * g**2)}),
        ("mean-for-all", "one mean", rmsprop_with(square=lambda g: np.mean(g**2))),
        ("plain", "a plain step", {
            "rmsprop_step": lambda w, s, g, rate, rho, eps: (w - rate * g, rho * s + (1 - rho) * g**2)}),
    ],
)  # fmt: skip
