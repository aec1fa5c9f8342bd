"""Checks of notebook 05: sequences and memory."""

from itertools import permutations

import numpy as np

from coursekit.checks.framework import Wrong, exercise, fail_if, threshold
from coursekit.checks.proxy import NotAttempted, StudentError
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import as_array
from coursekit.checks.vocabulary.metrics import check_limit
from coursekit.checks.vocabulary.models import (
    as_binary_probabilities,
    as_class_probabilities,
    predictions,
    same_as_replay,
)
from coursekit.checks.vocabulary.relations import describe_relation

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py.
# The forecasts are given room for other sizes and other training: the naive error is 30. Adding is asked for at 95 %.
MARGINS = {
    "05.3": {"rmse": 3.0},
    "05.4": {"accuracy": -0.02},
    "05.5": {"accuracy": -0.02},
    "05.6": {"exact": -0.035},
    "05.7": {"rmse": 3.0},
}


def _network(student, name):
    """Raises `Wrong` where the object is no Keras model with weights; returns its description."""
    said = student.describe(name)
    if said["family"] != "keras":
        raise Wrong("not-keras", name=name, type=said["type"])
    fail_if(not said["built"], "not-built", name=name)
    return said


def _probabilities(name, scores):
    """The same scores, any shape, or what `as_binary_probabilities` raises where they are none; constant ones first."""
    if np.ptp(scores) < 1e-6:
        raise Wrong("constant", name=name, flat=scores.flat[0], of_one=_of_one(scores))
    flat = scores.reshape(-1, 1)
    return as_binary_probabilities(name, flat).reshape(scores.shape)


def _replayed(student, name, X):
    """`same_as_replay`, where the layers alone tell what the model computes: not of a subclassed one."""
    if isinstance(student.config(name), dict):
        same_as_replay(student, name, X)


def _of_one(scores):
    return " A softmax of one number is always 1: use `activation='sigmoid'`." if scores.flat[0] == 1 else ""


def _like_a_rule(name, labels, right, rules):
    """Raises `Wrong` where labels follow one of `rules`, code -> (labels, sentence), and not the right one."""
    for code, (rule, sentence) in rules.items():
        if np.mean(labels == rule) > max(0.96, np.mean(labels == right) + 0.02):
            raise Wrong(code, f"{np.mean(labels == right):.0%} of the answers of `{name}` are right: {sentence}")


def _classes(student, name):
    """The class names of all layers of a Keras model."""
    return [part for part, _ in _parts(student.config(name))]


_RECURRENT = {"LSTM", "GRU", "SimpleRNN", "RNN", "LSTMCell", "GRUCell", "SimpleRNNCell"}


def _a(name):
    """The name with its article: an LSTM, a Dense."""
    return f"{'an' if name[0] in 'AEIO' or name.startswith('LSTM') else 'a'} {name}"


def _parts(config):
    """Every layer in a Keras configuration, however deep: pairs of class name and settings."""
    if isinstance(config, dict):
        if "class_name" in config and isinstance(config.get("config"), dict):
            yield config["class_name"], config["config"]
        for part in config.values():
            yield from _parts(part)
    elif isinstance(config, list | tuple):
        for part in config:
            yield from _parts(part)


def _given_parts(given, names, what):
    """The parts that a function returned, or `Wrong` where their number is not that of `names`."""
    fail_if(given is None, "none", what=what)
    if not isinstance(given, list | tuple) or len(given) != len(names):
        seen = f"{len(given)} things" if isinstance(given, list | tuple) else "one thing"
        raise Wrong("wrong-type", what=what, seen=seen, join=", ".join(names))
    return given


def _agrees(code, apart, good, bad, points):
    """The finding that two computations agree to the digits of float32 sums of a few terms."""
    passed = apart < 1e-4
    return Finding(code, passed, good if passed else f"{bad} The largest difference is {apart:.3g}.", points=points)


def _related(what, given, wanted, steps):
    """A sentence on how an answer is related to the right one; empty where nothing is known."""
    said = describe_relation(given, wanted, steps=steps, rtol=1e-3)
    return f"{what} {said}. " if said else ""


# --- 05.1


@exercise("05.1")
def recurrent_cell(student, rng):
    """The states for random weights; the usual slips are recognised by computing them."""
    for T, features, units in ((7, 2, 3), (1, 4, 2), (5, 1, 1)):
        x, b = rng.normal(size=(T, features)), rng.normal(size=units)
        Wx, Wh = rng.normal(size=(features, units)), rng.normal(size=(units, units))
        given = as_array(student.call("rnn", x, Wx, Wh, b), "What `rnn` returns")
        wanted = _rnn(x, Wx, Wh, b)
        fail_if(given.size == units and T > 1 and units > 1, "last-only", units=units, T=T)
        fail_if(given.shape == (T + 1, units), "initial-state", T=T + 1, T_2=T)
        fail_if(given.size != wanted.size, "wrong-shape", shape=given.shape, shape_2=wanted.shape)
        if given.shape == wanted.T.shape and units != T and T > 1:
            raise Wrong("recurrent-cell.wrong-shape", shape=given.shape, shape_2=wanted.shape)
        given = given.reshape(wanted.shape)
        if T > 1 and not np.allclose(given, wanted, atol=1e-4):
            _explain_states(given, wanted, x, Wx, Wh, b)
        apart = np.abs(given - wanted).max()
        many = "One step of a sequence is right."
        if T > 1:
            many = f"The states of a cell with units: {units}, over {T} steps, are right."
        steps = {"`x @ Wx + b`": x @ Wx + b, "`x @ Wx`": x @ Wx}
        bad = _related("The answer of `rnn`", given, wanted, steps) + "Each step is h = tanh(x_t Wx + h Wh + b)."
        yield _agrees("states" if T > 1 else "one-step", apart, many, bad, 0 if units == 1 else 1)


def _rnn(x, Wx, Wh, b, activation=np.tanh, start=0.0):
    h, states = np.full(len(b), start), []
    for row in x:
        h = activation(row @ Wx + h @ Wh + b)
        states.append(h)
    return np.array(states)


def _rnn_by(x, b, step, start=None):
    """The states where `step` makes each from a row and the state before."""
    h, states = np.zeros(len(b)) if start is None else start, []
    for row in x:
        h = step(row, h)
        states.append(h)
    return np.array(states)


def _explain_states(given, wanted, x, Wx, Wh, b):
    """Raises `Wrong` where a known slip explains the states."""
    slips = {
        "no-state": np.tanh(x @ Wx + b),
        "state-of-ones": _rnn(x, Wx, Wh, b, start=1.0),
        "before-the-step": np.vstack([0 * wanted[:1], wanted[:-1]]),
        "same-array": np.repeat(wanted[-1:], len(wanted), axis=0),
        "no-activation": _rnn(x, Wx, Wh, b, lambda z: z),
        "wrong-activation": _rnn(x, Wx, Wh, b, _sigmoid),
        "relu": _rnn(x, Wx, Wh, b, lambda z: np.maximum(0, z)),
        "bias-outside": _rnn_by(x, b, lambda row, h: np.tanh(row @ Wx + h @ Wh) + b),
        "input-outside": _rnn_by(x, b, lambda row, h: row @ Wx + np.tanh(h @ Wh + b)),
        "state-outside": _rnn_by(x, b, lambda row, h: np.tanh(row @ Wx + b) + h @ Wh),
        "state-without-weights": _rnn_by(x, b, lambda row, h: np.tanh(row @ Wx + h + b)),
        "state-added": _rnn_by(x, b, lambda row, h: h + np.tanh(row @ Wx + h @ Wh + b)),
        "first-row-as-state": np.vstack(
            [x[:1] @ Wx, _rnn_by(x[1:], b, lambda row, h: np.tanh(row @ Wx + h @ Wh + b), x[0] @ Wx)]
        ),
        "transposed": _rnn(x, Wx, Wh.T, b),
        "no-bias": _rnn(x, Wx, Wh, 0 * b),
        "reversed": wanted[::-1],
        "wrong-direction": _rnn(x[::-1], Wx, Wh, b),
    }
    for code, (states, message) in slips.items():
        if np.allclose(given, states, atol=1e-5):
            raise Wrong(code, message)


def _sigmoid(z):
    return 1 / (1 + np.exp(-np.clip(z, -500, 500)))


# --- 05.2


@exercise("05.2")
def lstm_returns(student, rng):
    """One step against our own; three outputs against an LSTM that we compute from the model's weights."""
    features, units = 3, 4
    x, h, c = rng.normal(size=features), rng.normal(size=units), rng.normal(size=units)
    W, U, b = (rng.normal(size=shape) for shape in ((features, 4 * units), (units, 4 * units), (4 * units,)))
    yield lambda: _one_step(student, x, h, c, W, U, b)
    yield lambda: _three_outputs(student, rng)


def _one_step(student, x, h, c, W, U, b):
    """The finding about `lstm_step`."""
    units = len(h)
    given = _given_parts(student.call("lstm_step", x, h, c, W, U, b), ("h", "c"), "`lstm_step`")
    new = [as_array(part, f"The new `{name}`") for part, name in zip(given, "hc", strict=True)]
    if any(part.size != units for part in new):
        raise Wrong("wrong-shape", shape=new[0].shape, shape_2=new[1].shape, units=units)
    new = [part.ravel() for part in new]
    wanted = _lstm_step(x, h, c, W, U, b)
    if not np.allclose(new, wanted, atol=1e-4):
        _explain_step(new, wanted, x, h, c, W, U, b)
    apart = max(np.abs(a - w).max() for a, w in zip(new, wanted, strict=True))
    bad = "".join(
        _related(f"The new `{name}`", seen, want, {"the old `h`": h, "the old `c`": c})
        for name, seen, want in zip("hc", new, wanted, strict=True)
    )
    off = [f"`{name}`" for name, a, w in zip("hc", new, wanted, strict=True) if not np.allclose(a, w, atol=1e-4)]
    bad += f"The new {' and '.join(off)} {'is' if len(off) == 1 else 'are'} not what the formulas give."
    return _agrees("step", apart, "One step is right: hidden and cell state.", bad, 1)


def _lstm_step(x, h, c, W, U, b, order="ifgo"):
    z = dict(zip(order, np.split(x @ W + h @ U + b, 4), strict=True))
    c = _sigmoid(z["f"]) * c + _sigmoid(z["i"]) * np.tanh(z["g"])
    return _sigmoid(z["o"]) * np.tanh(c), c


def _explain_step(given, wanted, x, h, c, W, U, b):
    """Raises `Wrong` where a known slip explains the new states."""
    (h_new, c_new), z = wanted, x @ W + h @ U + b
    i, f, g, o = np.split(z, 4)
    s_i, s_f, s_o = _sigmoid(i), _sigmoid(f), _sigmoid(o)

    def shown(c):
        return s_o * np.tanh(c), c

    slips = {
        "swapped": (c_new, h_new),
        "forget-turned": shown((1 - s_f) * c + s_i * np.tanh(g)),
        "coupled-gates": shown(s_f * c + (1 - s_f) * np.tanh(g)),
        "no-input-gate": shown(s_f * c + np.tanh(g)),
        "no-content-tanh": shown(s_f * c + s_i * g),
        "no-old-cell": shown(s_i * np.tanh(g)),
        "no-output-gate": (np.tanh(c_new), c_new),
        "output-sigmoid": (s_o * _sigmoid(c_new), c_new),
        "no-input": _lstm_step(0 * x, h, c, W, U, b),
        "interleaved": _lstm_step(
            x,
            h,
            c,
            *(part.reshape(*part.shape[:-1], -1, 4).swapaxes(-1, -2).reshape(part.shape) for part in (W, U, b)),
        ),
        "no-sigmoid": (o * np.tanh(f * c + i * np.tanh(g)), f * c + i * np.tanh(g)),
        "no-state": _lstm_step(x, 0 * h, c, W, U, b),
        "no-bias": _lstm_step(x, h, c, W, U, 0 * b),
        "no-forget-gate": (_sigmoid(o) * np.tanh(c + _sigmoid(i) * np.tanh(g)), c + _sigmoid(i) * np.tanh(g)),
        "old-cell": (_sigmoid(o) * np.tanh(c), c_new),
        "no-output-tanh": (_sigmoid(o) * c_new, c_new),
        "wrong-activation": (
            _sigmoid(o) * np.tanh(_sigmoid(f) * c + _sigmoid(i) * _sigmoid(g)),
            _sigmoid(f) * c + _sigmoid(i) * _sigmoid(g),
        ),
    }
    for code, (states, message) in slips.items():
        if all(np.allclose(a, s, atol=1e-5) for a, s in zip(given, states, strict=True)):
            raise Wrong(code, message)
    for order in permutations("ifgo"):
        states = _lstm_step(x, h, c, W, U, b, order)
        if "".join(order) != "ifgo" and all(np.allclose(a, s, atol=1e-5) for a, s in zip(given, states, strict=True)):
            raise Wrong("gate-order", join=", ".join(order))


def _three_outputs(student, rng):
    steps, features, units, n = 5, 3, 4, 6
    built = student.call("build_lstm", steps, features, units)
    fail_if(built is None, "none")
    fail_if(not getattr(built, "callable", False), "wrong-type")
    said = student.describe(built)
    if said["family"] != "keras":
        raise Wrong("not-keras", a=_a(said["type"]))
    X = rng.normal(size=(n, steps, features)).astype("float32")
    if not student.layers(built):
        raise Wrong("not-a-model", a=_a(said["type"]))
    parts = list(_parts(student.config(built)))
    if {name for name, _ in parts} & {"GRU", "GRUCell", "SimpleRNN", "SimpleRNNCell"}:
        name = next(name for name, _ in parts if name[:3] in ("GRU", "Sim")).removesuffix("Cell")
        raise Wrong("not-lstm", name=name)
    hint = " Set `return_state=True`, and the layer gives the last states too."
    if any(settings.get("return_state") for _, settings in parts):
        hint = ""
    outputs = student.call(built, X)
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    if not isinstance(outputs, list | tuple):
        shape = np.shape(outputs)
        more = " It has one output; name all three in `keras.Model(inputs, [...])`."
        raise Wrong("one-output", shape=shape, hint=hint, more=more)
    fail_if(len(outputs) != 3, "three-outputs.wrong-type", n_outputs=len(outputs), hint=hint)
    sequence, state_h, state_c = (as_array(part, f"Output {i}") for i, part in enumerate(outputs, 1))
    weights = [w for layer in student.weights(built) for w in layer]
    shapes = [np.shape(w) for w in weights]
    if shapes != [(features, 4 * units), (units, 4 * units), (4 * units,)]:
        fail_if(shapes == [(features, 4 * units), (units, 4 * units)], "three-outputs.no-bias")
        kinds = [layer["class"] for layer in student.layers(built) if layer["class"] != "InputLayer"]
        raise Wrong("three-outputs.not-lstm", join=", ".join(kinds))
    fail_if(sequence.ndim != 3, "no-sequence", shape=sequence.shape, n=n, steps=steps, units=units)
    hidden, cell = _lstm(X, *weights)
    if state_h.shape == state_c.shape == cell.shape:
        if np.allclose(state_h, cell, atol=1e-4) and np.allclose(state_c, hidden[:, -1], atol=1e-4):
            raise Wrong("states-swapped")
        fail_if(np.allclose(state_h, state_c), "same-state", hint=hint)
    for code, name, seen, wanted in (
        ("sequence", "The sequence of hidden states", sequence, hidden),
        ("state-h", "The last hidden state, equal to the last row of the sequence,", state_h, hidden[:, -1]),
        ("state-c", "The last cell state", state_c, cell),
    ):
        if seen.shape != wanted.shape:
            raise Wrong("three-outputs.wrong-shape", name=name, shape=seen.shape, shape_2=wanted.shape)
        apart = np.abs(seen - wanted).max()
        points = 1 if code == "sequence" else 0.5
        yield _agrees(code, apart, f"{name} is right.", f"{name} is not what the weights give.", points)


def _lstm(X, W, U, b):
    """All hidden states (n, T, units) and the last cell state (n, units)."""
    h = c = np.zeros((len(X), len(U)))
    hidden = []
    for t in range(X.shape[1]):
        i, f, g, o = np.split(X[:, t] @ W + h @ U + b, 4, axis=1)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        hidden.append(h)
    return np.stack(hidden, axis=1), c


# --- 05.3

WINDOW, N_TRAIN = 24, 221


@exercise("05.3")
def forecast_sunspots(student, rng):
    """`prepare` on a fresh series, with an eye on leaks; then the error of the model on the years after the split."""
    n_train, window = 50, 7
    series = np.cumsum(rng.normal(size=80)) + np.where(np.arange(80) < n_train, 0, 8.0) + 20
    _check_windows(student, series, n_train, window)
    # Another future must leave what is known at the split as it is.
    other = np.where(np.arange(80) < n_train, series, 3 * series - 40)
    before, after = (_windows_of(student, s, n_train, window)[1] for s in (series, other))
    fail_if(not np.allclose(before, after, atol=1e-6), "scaled-on-everything")
    _check_scale(series, n_train, window, _windows_of(student, series, n_train, window)[1])
    yield Finding("prepare", True, "`prepare` splits in time, and scales by the past alone.", points=1)

    from coursekit.data import load_sunspots

    sunspots = load_sunspots()["sunspots"].to_numpy(dtype=float)
    _, y_train, X_test, _ = _windows_of(student, sunspots, N_TRAIN, WINDOW)
    slope, offset, _ = _line(sunspots[WINDOW:N_TRAIN], y_train)
    found = _forecast("05.3", student, "model", X_test, sunspots, slope, offset)
    if found.passed and not {name for name, _ in _parts(student.config("model"))} & {"LSTM", "LSTMCell"}:
        raise Wrong("not-lstm")
    yield found


def _windows_of(student, series, n_train, window):
    """What `prepare` returns, as four arrays whose shapes are right among themselves."""
    names = ("X_train", "y_train", "X_test", "y_test")
    given = _given_parts(student.call("prepare", series, n_train, window), names, "`prepare`")
    arrays = [as_array(part, f"`{name}`") for part, name in zip(given, names, strict=True)]
    if arrays[1].ndim == 3 and arrays[1].shape[1:] == arrays[0].shape[1:]:
        raise Wrong("wrong-shape", shape=arrays[1].shape)
    for i in (0, 2):
        X, y = arrays[i], arrays[i + 1]
        if X.ndim == 2 and X.shape[1] == window:
            raise Wrong("windows-of.wrong-shape", names=names[i], shape=X.shape)
        if X.ndim != 3 or X.shape[1:] != (window, 1):
            raise Wrong("windows-of-2.wrong-shape", names=names[i], shape=X.shape, window=window)
        if y.size != len(X):
            raise Wrong("windows-of-3.wrong-shape", names=names[i], n_X=len(X), names_2=names[i + 1], size=y.size)
        arrays[i + 1] = y.ravel()
    return arrays


def _check_windows(student, series, n_train, window):
    """Raises `Wrong` where `prepare` shuffles, leaks, or pairs a window with another value than the next."""
    X_train, y_train, X_test, y_test = _windows_of(student, series, n_train, window)
    wanted, cut, total = series[window:], n_train - window, len(series) - window
    y = np.concatenate([y_train, y_test])
    if (
        len(y_train) == cut
        and _line(np.sort(wanted[:cut]), np.sort(y_train))[2] < 1e-6 < _line(wanted[:cut], y_train)[2]
    ):
        raise Wrong("train-shuffled")
    if len(y) == total:
        slope, offset, apart = _line(np.sort(wanted), np.sort(y))
        fail_if(apart < 1e-6 and not np.allclose(slope * wanted + offset, y, atol=1e-5), "shuffled")
    if (len(y_train), len(y_test)) != (cut, total - cut):
        _explain_split(len(y_train), len(y_test), n_train, window, len(series))
    slope, offset, apart = _line(wanted[:cut], y_train)
    if apart > 1e-6:
        fail_if(_line(series[window - 1 : n_train - 1], y_train)[2] < 1e-6, "target-in-window")
        raise Wrong("targets")
    windows = np.stack([series[i : i + window] for i in range(total)])[..., None] * slope + offset
    fail_if(np.allclose(X_train, windows[:cut, ::-1], atol=1e-5), "reversed-windows")
    if _line(windows[:cut].ravel(), X_train.ravel())[2] < 1e-6 and not np.allclose(X_train, windows[:cut], atol=1e-5):
        raise Wrong("two-scales")
    fail_if(not np.allclose(X_train, windows[:cut], atol=1e-5), "windows")
    if not np.allclose(X_test, windows[cut:], atol=1e-5) or not np.allclose(
        y_test, slope * wanted[cut:] + offset, atol=1e-5
    ):
        fail_if(_line(wanted[cut:], y_test)[2] < 1e-6, "check-windows.two-scales")
        raise Wrong("check-windows.windows")


def _check_scale(series, n_train, window, y_train):
    """Raises `Wrong` where the training targets are not scaled by mean and deviation of the first n_train values."""
    past, wanted = series[:n_train], series[window:n_train]
    mean, low, high = past.mean(), past.min(), past.max()
    if any(np.allclose(y_train, (wanted - mean) / past.std(ddof=ddof), atol=1e-4) for ddof in (0, 1)):
        return
    slips = {
        "unscaled": (wanted, "The values are returned as they are, not scaled."),
        "no-deviation": (wanted - mean, "The mean is subtracted; divide by the standard deviation as well."),
        "no-mean": (wanted / past.std(), "The values are divided by the standard deviation; subtract the mean first."),
        "variance": ((wanted - mean) / past.var(), "The values are divided by the variance, not its root."),
        "min-max": ((wanted - low) / (high - low), "The values are scaled by minimum and maximum."),
        "min-max both": (2 * (wanted - low) / (high - low) - 1, "The values are scaled by minimum and maximum."),
        "maximum": (wanted / high, "The values are divided by the maximum."),
        "targets-only": (
            (wanted - wanted.mean()) / wanted.std(),
            f"Mean and deviation come from values {window} to n_train only.",
        ),
    }
    for code, (values, message) in slips.items():
        if np.allclose(y_train, values, atol=1e-4):
            raise Wrong(code.split()[0], f"{message} Scale by mean and standard deviation of `series[:n_train]`.")
    slope, offset, _ = _line(wanted, y_train)
    raise Wrong("wrong-scale", slope=slope, offset=offset, std=1 / past.std(), mean=-mean / past.std())


def _explain_split(n_first, n_second, n_train, window, n):
    seen = f"`prepare` returns {n_first} training and {n_second} test windows of a series of {n}, n_train={n_train}"
    fail_if(n_first == n_train, "leak-train-test", seen=seen, window=window, n_train=n_train - window)
    fail_if(n_first == n_train - window and n_second == n - n_train - window, "windows-lost", seen=seen, window=window)
    raise Wrong("wrong-split", seen=seen, n_train=n_train - window, n=n - n_train, window=window)


def _line(x, y):
    """Slope and offset of y against x, and the largest distance from that line."""
    slope, offset = np.polyfit(x, y, 1)
    return slope, offset, np.abs(slope * x + offset - y).max() / max(np.abs(y).max(), 1e-12)


def _forecast(id, student, name, X_test, sunspots, slope, offset):
    """The finding about the error on the test years, in sunspots; a forecast that only looks good is named."""
    _network(student, name)
    scaled = predictions(student, name, X_test)
    if scaled.shape[1] != 1:
        raise Wrong("forecast.wrong-shape", name=name, shape=scaled.shape[1])
    scaled = scaled[:, 0]
    forecast, truth, last = (scaled - offset) / slope, sunspots[N_TRAIN:], sunspots[N_TRAIN - 1 : -1]
    rmse, naive = _rmse(forecast, truth), _rmse(last, truth)
    limit = threshold(id, "rmse")
    if rmse > limit:
        known = (sunspots[:N_TRAIN] * slope + offset).max()  # the largest scaled value of the past
        if scaled.mean() > 2 * known and scaled.mean() > 0.25 * sunspots.mean():
            raise Wrong("not-scaled", name=name, mean=scaled.mean(), known=known)
        if np.std(forecast) < 0.02 * np.std(truth):
            raise Wrong("constant", name=name, mean=forecast.mean())
        if np.abs(forecast - last).mean() < 0.35 * np.abs(truth - last).mean():
            raise Wrong("copies-last-value", name=name, rmse=rmse, naive=naive)
    fail_if(rmse < 0.4 * naive, "test-years-learned", rmse=rmse)
    _replayed(student, name, X_test[:20])
    passed = rmse <= limit
    message = (
        f"The error on the years from 1921 is {rmse:.1f} sunspots, that of the naive forecast {naive:.1f}; at most "
    )
    message += f"{limit:.1f} {'was' if passed else 'is'} asked for."
    advice = " More units or epochs help up to a point; too many learn the training years by heart."
    if rmse > naive:
        advice = " That is worse than the naive forecast: was it fitted on the scaled data, and for some epochs?"
    return Finding(
        "rmse", passed, message + ("" if passed else advice), points=2 if id == "05.3" else 1, seen={"rmse": rmse}
    )


def _rmse(a, b):
    return float(np.sqrt(np.mean((a - b) ** 2)))


# --- 05.4


@exercise("05.4")
def in_step(student, rng):
    """The share of right steps over 60 steps; an answer that uses the future, or no past, is named."""
    _network(student, "latch")
    pulses, on = _switch(rng, 200, 60)
    scores = _step_scores(student, "latch", pulses)
    other = pulses.copy()
    other[:, 30:] = -other[:, 30:]
    apart = np.abs(_step_scores(student, "latch", other) - scores)[:, :30].max()
    if apart > 1e-3:
        raise Wrong("looks-ahead", apart=apart, cause_of_looking_ahead=_cause_of_looking_ahead(student))
    labels = (scores > 0.5).astype(int)
    share = np.mean(labels == on)
    if share < threshold("05.4", "accuracy"):
        _explain_latch(student, pulses, on, scores, labels)
    _replayed(student, "latch", pulses[:20, :, None])
    yield Finding("in-step", True, "A model that answers at each step from the past alone.")
    kinds = set(_classes(student, "latch"))
    advice = "Train for longer."
    if kinds & {"Conv1D", "SeparableConv1D"} and not kinds & _RECURRENT:
        advice = "A convolution looks back over a few steps only; give the network a recurrent layer."
    yield check_limit("05.4", "accuracy", share, "{} of 12,000 steps are right", advice, points=2)


def _cause_of_looking_ahead(student):
    """The end of a sentence: the layer of `latch` that sees later steps, where one is known to."""
    for name, settings in _parts(student.config("latch")):
        if name == "Bidirectional":
            return "; leave `Bidirectional` out"
        if "Conv1D" in name and settings.get("padding") != "causal":
            return f"; give `{name}` `padding='causal'`, or take a recurrent layer"
        if settings.get("go_backwards"):
            return f"; leave `go_backwards` out of `{name}`"
    return ""


def _explain_latch(student, pulses, on, scores, labels):
    """Raises `Wrong` where the answers follow another rule, or fade."""
    low, high = np.quantile(scores, [0.01, 0.99])
    if len(np.unique(labels)) == 1:
        raise Wrong("constant", flat=labels.flat[0], low=low, high=high)
    if np.ptp(scores[pulses == 0]) < 1e-3 and not set(_classes(student, "latch")) & _RECURRENT:
        right = labels == on
        raise Wrong("no-memory", mean=right[pulses != 0].mean(), mean_2=right[pulses == 0].mean())
    late = np.concatenate([on[:, :1], on[:, :-1]], axis=1)
    first = np.repeat(pulses[:, :1] > 0, pulses.shape[1], axis=1)
    targets = "Is it fitted on `on_train`?"
    rules = {
        "labels-swapped": 1 - on,
        "one-step-late": (late, f"each answer is the state before the step, one step late. {targets}"),
        "two-steps-late": (
            np.concatenate([late[:, :1], late[:, :-1]], axis=1),
            f"each answer comes two steps late. {targets}",
        ),
        "pulse-alone": (
            pulses > 0,
            f"it says 'on' where the pulse is +1 and nowhere else, the switch stays on. {targets}",
        ),
        "pulse-not-off": (pulses >= 0, f"it says 'on' unless the pulse is -1, the switch stays off. {targets}"),
        "any-pulse": (pulses != 0, f"it says 'on' wherever there is a pulse. {targets}"),
        "off-pulse": (pulses < 0, f"it says 'on' where the pulse is -1 and nowhere else. {targets}"),
        "first-pulse": first,
        "adds-pulses": (
            np.cumsum(pulses, axis=1) > 0,
            f"it says 'on' where the sum of all pulses is above 0. {targets}",
        ),
        "ever-on": np.cumsum(pulses > 0, axis=1) > 0,
    }
    _like_a_rule("latch", labels, on, rules)
    if high - low < 0.6:
        raise Wrong("untrained", low=low, high=high, mean=np.mean(labels == on))
    steps = np.arange(pulses.shape[1])
    since = steps - np.maximum.accumulate(np.where(pulses != 0, steps, 0), axis=1)
    near, far = (np.mean((labels == on)[part]) for part in (since < 3, since > 8))
    if near > 0.95 and far < near - 0.1 and set(_classes(student, "latch")) & _RECURRENT:
        raise Wrong("forgets", near=near, far=far)
    early, later = (np.mean((labels == on)[:, part]) for part in (slice(0, 25), slice(35, None)))
    fail_if(early > 0.9 and later < early - 0.03, "explain-latch.forgets", early=early, later=later)


def _switch(rng, n, steps):
    """Pulses (n, T) and the state after each, with pulses at one step in five."""
    pulses = rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.8, 0.1], size=(n, steps))
    pulses[:, 0] = rng.choice([-1.0, 1.0], size=n)
    last = np.maximum.accumulate(np.where(pulses != 0, np.arange(steps), 0), axis=1)
    return pulses, (np.take_along_axis(pulses, last, axis=1) == 1).astype(int)


def _any_length(student, name, X):
    """The raw answer to sequences (n, T, 1); a model of fixed length gets its own sentence."""
    try:
        return as_array(student.predict(name, X), f"The prediction of `{name}`")
    except StudentError as error:
        shapes = [layer["input_shape"] for layer in student.layers(name) if layer["input_shape"]]
        if shapes and len(shapes[0]) == 3 and shapes[0][1] not in (None, X.shape[1]):
            raise Wrong("fixed-length", name=name, shapes=shapes[0][1], shape=X.shape[1]) from error
        raise


def _step_scores(student, name, pulses):
    """The probability of 1 at each step, (n, T), from one column or two."""
    scores = _any_length(student, name, pulses[..., None].astype("float32"))
    n, steps = pulses.shape
    fail_if(scores.shape in ((n, 1), (n,)), "last-only", name=name, steps=steps)
    if scores.shape == (n, steps, 2):
        scores = scores[..., 1]
    if scores.shape not in ((n, steps), (n, steps, 1)):
        raise Wrong("wrong-shape", name=name, shape=scores.shape, n=n, steps=steps)
    return _probabilities(name, scores.reshape(n, steps))


# --- 05.5

PAD = -10.0


@exercise("05.5")
def padding_and_masking(student, rng):
    """`pad` against ours; then the answers must not move when padding is added, or moved about."""
    walks = [rng.normal() + np.cumsum(rng.normal(size=length)) for length in rng.integers(5, 21, size=500)]
    yield lambda: _check_pad(student, walks)
    yield lambda: _check_walker(student, walks, rng)


def _check_walker(student, walks, rng):
    """The findings about the network: its answers under more padding, then how many are right."""
    _network(student, "walker")
    padded = _pad(walks, 20)
    scores = _one_answer(_any_length(student, "walker", padded), len(walks))
    longer = _one_answer(_any_length(student, "walker", _pad(walks[:100], 45)), 100)
    # The mask leaves the state untouched, so only the rounding of float32 is left.
    if not np.allclose(longer, scores[:100], atol=1e-3):
        _explain_padding(student, np.abs(longer - scores[:100]).max())
    moved = _moved_padding(student, walks[:100], rng)
    if moved is not None and not np.allclose(moved, scores[:100], atol=1e-3):
        raise Wrong("padding-moves", max=np.abs(moved - scores[:100]).max())
    labels = (_probabilities("walker", scores[:, -1]) > 0.5).astype(int)
    up = np.array([walk[-1] > walk[0] for walk in walks]).astype(int)
    share = np.mean(labels == up)
    if share < threshold("05.5", "accuracy"):
        _explain_walker(walks, labels, up, share)
    _replayed(student, "walker", padded[:20])
    yield Finding("padding", True, "Its answers stay the same with more padding, and with padding elsewhere.", points=1)
    yield check_limit("05.5", "accuracy", share)


def _explain_walker(walks, labels, up, share):
    """Raises `Wrong` where the answers follow another rule, or none."""
    if len(np.unique(labels)) == 1:
        raise Wrong("constant", labels=labels[0])
    fail_if(share < 0.3, "labels-swapped", share=share)
    rules = {
        "end-alone": [walk[-1] > 0 for walk in walks],
        "last-step": [walk[-1] > walk[-2] for walk in walks],
        "mean": [walk.mean() > walk[0] for walk in walks],
        "highest": [walk.max() > walk[0] for walk in walks],
    }
    _like_a_rule("walker", labels, up, {code: (np.array(rule), said) for code, (rule, said) in rules.items()})
    fail_if(share < 0.65, "untrained", share=share)


def _pad(walks, length):
    padded = np.full((len(walks), length, 1), PAD, dtype="float32")
    for row, walk in zip(padded, walks, strict=True):
        row[: len(walk), 0] = walk
    return padded


def _check_pad(student, walks):
    """The finding that `pad` fills up behind, at three lengths; one is that of the longest walk."""
    for few, length in ((walks[:6], 23), (walks[6:9], 41), (walks[9:13], max(map(len, walks[9:13])))):
        _same_padding(student, few, length)
    return Finding("pad", True, "`pad` fills the walks up behind, to any length.", points=1)


def _same_padding(student, walks, length):
    """Raises `Wrong` where `pad` gives something else than ours."""
    given = as_array(student.call("pad", walks, length), "What `pad` returns")
    wanted = _pad(walks, length).astype(float)
    if given.shape != wanted.shape:
        more = " Add the last axis." if given.shape == wanted.shape[:2] else ""
        raise Wrong("wrong-shape", shape=given.shape, shape_2=wanted.shape, more=more)
    if np.allclose(given, wanted, atol=1e-4):
        return
    fail_if(np.allclose(given, np.trunc(wanted), atol=1e-4), "integers")
    front = np.stack([np.roll(row, length - len(walk), axis=0) for row, walk in zip(wanted, walks, strict=True)])
    fail_if(np.allclose(given, front, atol=1e-4) or np.allclose(given, np.trunc(front), atol=1e-4), "pads-in-front")
    if np.allclose(given[wanted != PAD], wanted[wanted != PAD], atol=1e-4):
        filled = given[wanted == PAD][0]
        raise Wrong("wrong-value", filled=filled, PAD=PAD)
    raise Wrong("pad")


def _one_answer(scores, n):
    if scores.ndim == 0 or len(scores) != n or scores.size not in (n, 2 * n):
        raise Wrong("one-answer.wrong-shape", n=n, shape=scores.shape)
    return scores.reshape(n, -1)


def _moved_padding(student, walks, rng):
    """The answers with padding in front of the walks and in their middle; None where the device cannot do that."""
    rows = np.full((len(walks), 30, 1), PAD, dtype="float32")
    for row, walk in zip(rows, walks, strict=True):
        row[np.sort(rng.choice(30, len(walk), replace=False)), 0] = walk
    try:
        return _one_answer(as_array(student.predict("walker", rows), "The prediction of `walker`"), len(walks))
    except StudentError as error:
        if "cudnn" in error.text.lower():  # on a GPU, cuDNN takes padding at the end only
            return None
        raise


def _explain_padding(student, apart):
    """Raises `Wrong` with the reason why padding reaches the answer."""
    seen = f"25 more steps of padding change the answers by up to {apart:.2f}."
    masks = [settings for name, settings in _parts(student.config("walker")) if name == "Masking"]
    fail_if(not masks, "no-mask", seen=seen)
    order = [name for name in _classes(student, "walker") if name == "Masking" or name in _RECURRENT]
    if order[0] != "Masking":
        raise Wrong("mask-too-late", seen=seen, order=order[0])
    if float(masks[0].get("mask_value", 0)) != PAD:
        raise Wrong("wrong-mask-value", seen=seen, get=masks[0].get("mask_value"), PAD=PAD)
    raise Wrong("mask-lost", seen=seen)


# --- 05.6

SYMBOLS = "0123456789+."
LAGS = np.array([[5, 5, 2, 2], [1, 3, 4, 6], [6, 4, 3, 1]])


@exercise("05.6")
def add_as_text(student, rng):
    """Exact answers of the network to unseen pairs; `add` must say what the network says; the lags are counted."""
    pairs = rng.permutation(unseen_pairs())[:500]
    texts, sums = [f"{a}+{b}" for a, b in pairs], [str(a + b) for a, b in pairs]
    said, waiting = {}, None
    # Three parts, judged one by one: whoever has no trained network yet still learns about the others.
    for part in (
        lambda: _exact(student, rng, texts, sums, said),
        lambda: _same_answers(student, texts, sums, said),
        lambda: _lags(as_array(student.value("lags"), "`lags`")),
    ):
        try:
            found = part()
        except NotAttempted as error:
            waiting = waiting or error
        except Wrong as wrong:
            yield wrong.finding
        else:
            if found is not None:
                yield found
    if waiting is not None:
        raise waiting


def _exact(student, rng, texts, sums, said):
    """The finding about the answers of the network, which are put into `said` for both directions of the question."""
    _network(student, "adder")
    said.update({reverse: _answers(student, texts, reverse) for reverse in (True, False)})
    reverse = max(said, key=lambda key: _share(said[key], sums))
    exact = _share(said[reverse], sums)
    if exact < 0.9:
        _explain_adder(student, said, sums, exact, rng)
    _replayed(student, "adder", _one_hot(texts[:20], reverse))
    return check_limit("05.6", "exact", exact, points=2)


def unseen_pairs():
    """The pairs that the notebook holds out, in neither order trained on: an array (n, 2)."""
    a, b = np.divmod(np.arange(10000), 100)
    held_out = (100 * np.minimum(a, b) + np.maximum(a, b)) * 7919 % 9973 < 997
    return np.column_stack([a, b])[held_out]


def _codes(texts, length):
    return np.array([[SYMBOLS.index(symbol) for symbol in text.ljust(length, ".")] for text in texts])


def _one_hot(texts, reverse):
    rows = _codes(texts, 5)
    return np.eye(12, dtype="float32")[rows[:, ::-1] if reverse else rows]


def _answers(student, texts, reverse):
    """What the network writes, as text with its STOPs."""
    scores = as_array(student.predict("adder", _one_hot(texts, reverse)), "The prediction of `adder`")
    fail_if(scores.shape == (len(texts), 12), "last-only")
    fail_if(scores.shape != (len(texts), 4, 12), "wrong-shape", shape=scores.shape, n_texts=len(texts))
    rows = scores.reshape(-1, 12)
    as_class_probabilities("adder", rows, 12)
    return ["".join(SYMBOLS[code] for code in row) for row in scores.argmax(axis=2)]


def _share(answers, sums):
    return float(np.mean([answer.split(".")[0] == wanted for answer, wanted in zip(answers, sums, strict=True)]))


def _explain_adder(student, said, sums, exact, rng):
    """Raises `Wrong` where a known cause explains wrong answers."""
    for answers in said.values():
        if len(set(answers)) == 1:
            raise Wrong("constant", answers=answers[0])
        fail_if(_share([answer.rstrip(".")[::-1] for answer in answers], sums) > 0.9, "answers-reversed")
    pairs = rng.integers(0, 100, size=(400, 2))
    held_out = {tuple(pair) for pair in unseen_pairs()}
    pairs = [pair for pair in pairs if tuple(pair) not in held_out]
    texts, known = [f"{a}+{b}" for a, b in pairs], [str(a + b) for a, b in pairs]
    trained = max(_share(_answers(student, texts, reverse), known) for reverse in said)
    fail_if(trained > exact + 0.15, "by-heart", trained=trained, exact=exact)
    fail_if(exact < 0.03, "untrained", exact=exact)


def _same_answers(student, texts, sums, said):
    """The finding that `add` says what the network says, without STOP; None where the network says nothing."""
    few = texts[:100]
    given = student.call("add", few)
    if isinstance(given, np.ndarray) and given.dtype.kind in "US" and given.ndim == 1:
        given = given.tolist()
    if not isinstance(given, list | tuple) or not all(isinstance(answer, str) for answer in given):
        kind = "None" if given is None else f"a {type(given).__name__}"
        if isinstance(given, list | tuple):
            kind = f"a list of {type(given[0]).__name__}" if given else "an empty list"
        raise Wrong("wrong-type", kind=kind)
    fail_if(len(given) != len(few), "same-answers.wrong-shape", n_few=len(few), n_given=len(given))
    if any("." in answer for answer in given):
        raise Wrong("no-stop", few=few[0], given=given[0])
    if not said:
        return None
    reverse = max(said, key=lambda key: _share(said[key], sums))
    if _share(said[reverse], sums) < 0.5:  # untrained: which way it reads cannot be told
        reverse = max(said, key=lambda key: _share(said[key][:100], given))
    wanted = [answer.split(".")[0] for answer in said[reverse][:100]]
    other = [answer.split(".")[0] for answer in said[not reverse][:100]]
    same = float(np.mean([a.strip() == b for a, b in zip(given, wanted, strict=True)]))
    fail_if(same < 0.99 and np.mean([a == b for a, b in zip(given, other, strict=True)]) > 0.99, "other-direction")
    i = next((i for i, (a, b) in enumerate(zip(given, wanted, strict=True)) if a != b), 0)
    message = "`add` gives the answers of `adder` as text, without STOP."
    if same < 0.99:
        message = f"`add` answers {few[i]} with '{given[i]}', and `adder` writes '{said[reverse][i]}'. Read it symbol by symbol."
    return Finding("add", same >= 0.99, message, points=1)


def _lags(lags):
    """The finding about the table of lags; a slip that explains all of it is named."""
    fail_if(np.array_equal(lags.T, LAGS), "transposed")
    fail_if(lags.shape != LAGS.shape, "lags.wrong-shape", shape=lags.shape)
    if np.array_equal(lags, LAGS):
        return Finding("lags", True, "The lags are right. Their mean is 3.5 steps, whichever way you write.", points=1)
    reordered = np.array([LAGS[0], LAGS[1][::-1], LAGS[2]])
    slips = {
        "off-by-one": LAGS - 1,
        "one-too-large": LAGS + 1,
        "rows-swapped": LAGS[[0, 2, 1]],
        "digits-reordered": reordered,
        "same-writing-step": np.array([[5, 4, 2, 1], [1, 2, 4, 5], [5, 4, 2, 1]]),
    }
    for code, (slip, message) in slips.items():
        if np.array_equal(lags, slip):
            raise Wrong(code, message)
    row, column = np.argwhere(lags != LAGS)[0]
    question, answer = (("12+34", "46"), ("43+21", "46"), ("12+34", "64"))[row]
    digit, place = "1234"[column], ("tens", "units")[column % 2]
    read, written = question.index(digit) + 1, answer.index("46"[column % 2]) + 6
    return Finding(
        "lags",
        False,
        f"`lags[{row}][{column}]` is {lags[row, column]:g}. In '{question}' the {digit} is read at step {read}; the {place} "
        f"of '{answer}' are written at step {written}.",
        points=1,
    )


# --- 05.7


@exercise("05.7")
def gru_against_lstm(student, rng):
    """Both formulas at random sizes; a GRU that forecasts as well as the LSTM has to."""
    sizes = [(1, 32), *(tuple(int(size) for size in rng.integers(2, 60, size=2)) for _ in range(4))]
    yield lambda: _formula(student, "lstm_params", sizes)
    yield lambda: _formula(student, "gru_params", sizes)
    yield lambda: _gru(student)


def _formula(student, name, sizes):
    """The finding about a formula; a count with other blocks or biases, or without some weights, is named."""
    f, u = np.array(sizes, dtype=float).T
    counts = np.array([_count(student, name, *size) for size in sizes])
    lstm = name == "lstm_params"
    wanted = (4 * u * (f + u + 1)) if lstm else (3 * u * (f + u + 2))
    code = name.replace("_", "-")
    if np.array_equal(counts, wanted):
        return Finding(code, True, f"`{name}` is right for {len(sizes)} sizes.", points=0.5)
    slips = (
        {"one-block": (1, 1), "gru-formula": (3, 2), "no-bias": (4, 0), "three-blocks": (3, 1), "two-biases": (4, 2)}
        if lstm
        else {"one-block": (1, 2), "lstm-formula": (4, 1), "one-bias": (3, 1), "no-bias": (3, 0)}
    )
    for slip, (blocks, biases) in slips.items():
        if np.array_equal(counts, blocks * u * (f + u + biases)):
            raise Wrong(slip, f"`{name}` is {_SLIPS[slip]}")
    parts = {"f * u": f * u, "u * u": u * u, "u": u}
    for blocks in (1, 2, 3, 4):
        for left_out, what in (("f * u", "from the inputs"), ("u * u", "from the state to itself")):
            for biases in (0, 1, 2):
                kept = sum(part for key, part in parts.items() if key not in (left_out, "u")) + biases * u
                if np.array_equal(counts, blocks * kept):
                    raise Wrong(code, f"`{name}` leaves the weights {what} out of each block.")
        for biases in (0, 1, 2, 3):
            if np.array_equal(counts, blocks * u * (f + u + biases)):
                raise Wrong(
                    code,
                    f"`{name}` counts {blocks} block{'s' * (blocks > 1)} with {biases} biases a unit. Count the "
                    "blocks in the formulas, and the biases of each.",
                )
        if np.array_equal(counts, blocks * (u * (f + u) + 1)):
            raise Wrong(code, f"`{name}` counts one bias a block; every unit of a block has its own.")
    quantities = {"2": 2, "3": 3, "4": 4}
    said = describe_relation(counts, wanted, quantities) or "is off"
    message = f"`{name}` {said}. Count the weights of one block, add its biases, times the blocks."
    return Finding(code, False, message, points=0.5)


def _gru(student):
    """The finding about the forecast with a GRU."""
    from coursekit.data import load_sunspots

    said = _network(student, "gru")
    classes = {name for name, _ in _parts(student.config("gru"))}
    if not classes & {"GRU", "GRUCell"}:
        raise Wrong("not-a-gru", type=said["type"])
    sunspots = load_sunspots()["sunspots"].to_numpy(dtype=float)
    mean, std = sunspots[:N_TRAIN].mean(), sunspots[:N_TRAIN].std()
    scaled = (sunspots - mean) / std
    X_test = np.stack([scaled[i - WINDOW : i] for i in range(N_TRAIN, len(scaled))])[..., None]
    return _forecast("05.7", student, "gru", X_test, sunspots, 1 / std, -mean / std)


_SLIPS = {
    "one-block": "the count of one block. How many blocks has the cell?",
    "three-blocks": "the count of three blocks; the LSTM has four: three gates and the content.",
    "gru-formula": "the formula of the GRU. The LSTM has four blocks, each with one bias a unit.",
    "lstm-formula": "the formula of the LSTM. The GRU has three blocks, each with two biases a unit.",
    "two-biases": "the count with two biases a unit in each block. Only the GRU has two; the LSTM has one.",
    "no-bias": "the count of the weights alone. Every block has biases too.",
    "one-bias": "the formula of the textbook, one bias a unit. Keras gives each block of the GRU two.",
}


def _count(student, name, features, units):
    value = as_array(student.call(name, features, units), f"What `{name}` returns")
    fail_if(value.size != 1, "wrong-shape", name=name, shape=value.shape)
    return float(value.ravel()[0])
