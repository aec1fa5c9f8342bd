"""Cases of notebook 05."""

from functools import cache
from types import FunctionType

import numpy as np

from tests.cases import right, wrong
from tests.trained import trained_once


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def declare(exercise, answers, rights, wrongs):
    """`rights`: name -> changes; `wrongs`: (name, code, changes). A change may be a function that builds it."""

    def built(changes):
        return lambda: answers(**(changes() if callable(changes) else changes))

    for name, changes in rights.items():
        right(exercise, name)(built(changes))
    for name, code, changes in wrongs:
        wrong(exercise, code, name)(built(changes))


# --- 05.1


def rnn_loop(x, Wx, Wh, b):
    h, states = np.zeros(len(b)), []
    for row in x:
        h = np.tanh(row @ Wx + h @ Wh + b)
        states.append(h)
    return np.array(states)


def rnn_filled(x, Wx, Wh, b):
    H = np.zeros((len(x) + 1, len(b)), dtype="float32")
    for t in range(len(x)):
        H[t + 1] = np.tanh(np.dot(x[t], Wx) + np.dot(H[t], Wh) + b)
    return H[1:]


def rnn_list(x, Wx, Wh, b):
    return [list(row) for row in rnn_loop(x, Wx, Wh, b)]


def rnn_again(x, Wx, Wh, b):
    """The last state from the states before it."""
    if len(x) == 0:
        return np.zeros((0, len(b)))
    before = rnn_again(x[:-1], Wx, Wh, b)
    last = before[-1] if len(before) else np.zeros(len(b))
    return np.vstack([before, np.tanh(x[-1] @ Wx + last @ Wh + b)])


def rnn_keras(x, Wx, Wh, b):
    import keras

    layer = keras.layers.SimpleRNN(len(b), return_sequences=True)
    layer.build((1, *x.shape))
    layer.set_weights([Wx, Wh, b])
    return layer(x[None].astype("float32"))[0]


def rnn_appended(x, Wx, Wh, b):
    h, states = np.zeros(len(b)), np.array([])
    for row in x:
        h = np.tanh(row @ Wx + h @ Wh + b)
        states = np.append(states, h)
    return states


def rnn_slip(slip):
    def rnn(x, Wx, Wh, b):
        h = np.ones(len(b)) if slip == "ones" else np.zeros(len(b))
        if slip == "transposed":
            Wh = Wh.T
        if slip == "no bias":
            b = np.zeros_like(b)
        states = [h] if slip == "with the start" else []
        for row in x[::-1] if slip == "from the end" else x:
            old = 0 * h if slip == "no state" else h
            z = row @ Wx + old @ Wh + b
            if slip == "first row as it is" and not states:
                z, h = None, row @ Wx
            elif slip == "input outside":
                h = row @ Wx + np.tanh(h @ Wh + b)
            elif slip == "state outside":
                h = np.tanh(row @ Wx + b) + h @ Wh
            elif slip == "no Wh":
                h = np.tanh(row @ Wx + h + b)
            if z is None or slip in ("input outside", "state outside", "no Wh"):
                states.append(h)
                continue
            if slip == "before the step":
                states.append(h)
            if slip == "in place":
                h[:] = np.tanh(z)
                states.append(h)
                continue
            if slip == "bias outside":
                h = np.tanh(z - b) + b
                states.append(h)
                continue
            if slip == "state added":
                h = h + np.tanh(z)
                states.append(h)
                continue
            h = {"no tanh": z, "relu": np.maximum(0, z), "sigmoid": sigmoid(z)}.get(slip, np.tanh(z))
            if slip != "before the step":
                states.insert(0 if slip == "newest first" else len(states), h)
        if slip == "twice":
            return 2 * np.array(states)
        return h if slip == "last" else np.array(states).T if slip == "columns" else np.array(states)

    return rnn


def rnn_remembering():
    """Keeps its state from call to call, where it has as many units."""
    kept = {}

    def rnn(x, Wx, Wh, b):
        states = []
        for row in x:
            kept[len(b)] = np.tanh(row @ Wx + kept.get(len(b), np.zeros(len(b))) @ Wh + b)
            states.append(kept[len(b)])
        return np.array(states)

    return rnn


declare(
    "05.1",
    lambda rnn: {"rnn": rnn},
    {
        "a list of states": {"rnn": rnn_loop},
        "an array filled, float32": {"rnn": rnn_filled},
        "lists": {"rnn": rnn_list},
        "recursion": {"rnn": rnn_again},
        "Keras": {"rnn": rnn_keras},
    },
    [
        (slip, code, {"rnn": rnn_slip(slip)})
        for slip, code in {
            "no state": "no-state",
            "ones": "state-of-ones",
            "no tanh": "no-activation",
            "sigmoid": "wrong-activation",
            "relu": "relu",
            "bias outside": "bias-outside",
            "state added": "state-added",
            "input outside": "input-outside",
            "state outside": "state-outside",
            "no Wh": "state-without-weights",
            "first row as it is": "first-row-as-state",
            "twice": "states",
            "before the step": "before-the-step",
            "in place": "same-array",
            "transposed": "transposed",
            "no bias": "no-bias",
            "newest first": "reversed",
            "from the end": "wrong-direction",
            "with the start": "initial-state",
            "last": "last-only",
            "columns": "wrong-shape",
        }.items()
    ]
    + [("one after the other", "wrong-shape", {"rnn": rnn_appended})]
    + [("begins with the last state of the call before", "one-step", lambda: {"rnn": rnn_remembering()})],
)


# --- 05.2


def step_numpy(x, h, c, W, U, b):
    i, f, g, o = np.split(x @ W + h @ U + b, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def step_sliced(x, h, c, W, U, b):
    n = len(h)
    z = [sum(x * W[:, k]) + sum(h * U[:, k]) + b[k] for k in range(4 * n)]
    c = [sigmoid(z[n + k]) * c[k] + sigmoid(z[k]) * np.tanh(z[2 * n + k]) for k in range(n)]
    return [sigmoid(z[3 * n + k]) * np.tanh(c[k]) for k in range(n)], c


def step_keras(x, h, c, W, U, b):
    import keras

    cell = keras.layers.LSTMCell(len(h))
    cell.build((1, len(x)))
    cell.set_weights([W, U, b])
    _, (h, c) = cell(
        *[np.asarray(part, "float32")[None] for part in (x,)], [h[None].astype("float32"), c[None].astype("float32")]
    )
    return h, c


def step_slip(slip):
    def lstm_step(x, h, c, W, U, b):
        if slip == "no h":
            h = 0 * h
        if slip == "no x":
            x = 0 * x
        if slip == "no bias":
            b = 0 * b
        i, f, g, o = np.split(x @ W + h @ U + b, 4)
        if slip == "i f o g":
            g, o = o, g
        if slip == "f i g o":
            i, f = f, i
        squash = sigmoid if slip == "sigmoid" else np.tanh
        new = (1 if slip == "no forget gate" else sigmoid(f)) * c + sigmoid(i) * squash(g)
        out = sigmoid(o) * (new if slip == "no tanh of c" else np.tanh(c if slip == "old c" else new))
        if slip == "gates without sigmoid":
            new, out = f * c + i * np.tanh(g), o * np.tanh(f * c + i * np.tanh(g))
        s_f = sigmoid(f)
        if slip in ("1 - f", "i is 1 - f", "no tanh of g", "no input gate", "c is made anew"):
            new = {
                "no input gate": s_f * c + np.tanh(g),
                "c is made anew": sigmoid(i) * np.tanh(g),
                "1 - f": (1 - s_f) * c + sigmoid(i) * np.tanh(g),
                "i is 1 - f": s_f * c + (1 - s_f) * np.tanh(g),
                "no tanh of g": s_f * c + sigmoid(i) * g,
            }[slip]
            out = sigmoid(o) * np.tanh(new)
        if slip == "no output gate":
            out = np.tanh(new)
        if slip == "sigmoid of c":
            out = sigmoid(o) * sigmoid(new)
        if slip == "groups of four":
            i, f, g, o = (x @ W + h @ U + b).reshape(-1, 4).T
            new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            out = sigmoid(o) * np.tanh(new)
        if slip == "relu for tanh":
            new = sigmoid(f) * c + sigmoid(i) * np.maximum(0, g)
        return {"c first": (new, out), "only h": out, "z": (x @ W, new)}.get(slip, (out, new))

    return lstm_step


def builder(style):
    def build_lstm(steps, features, units):
        import keras
        from keras import layers

        inputs = keras.Input((steps, features))
        both = {"return_sequences": True, "return_state": True}
        if style == "subclassed":

            class Look(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.lstm = layers.LSTM(units, **both)

                def call(self, x):
                    return self.lstm(x)

            return Look()
        if style == "cell":
            return keras.Model(inputs, layers.RNN(layers.LSTMCell(units), **both)(inputs))
        if style == "saturated":
            layer = layers.LSTM(units, return_state=True)
            last, h, c = layer(inputs)
            kernel, recurrent, bias = layer.get_weights()
            bias = np.repeat([100.0, -100.0, 100.0, 0.0], units)  # a new state of 1 at each step
            layer.set_weights([0 * kernel, 0 * recurrent, bias])
            return keras.Model(inputs, [layers.RepeatVector(steps)(last), h, c])
        if style == "short products":
            return keras.Model(inputs, layers.RNN(short_cell(units), **both)(inputs))
        if style == "any length":
            inputs = keras.Input((None, features))
        if style == "features first":
            inputs = keras.Input((features, steps))
        if style == "LSTM without bias":
            return keras.Model(inputs, layers.LSTM(units, use_bias=False, **both)(inputs))
        if style == "sequence only":
            return keras.Model(inputs, layers.LSTM(units, return_sequences=True)(inputs))
        if style == "no sequence":
            return keras.Model(inputs, layers.LSTM(units, return_state=True)(inputs))
        if style == "last only":
            return keras.Sequential([inputs, layers.LSTM(units)])
        if style == "GRU":
            s, h = layers.GRU(units, **both)(inputs)
            return keras.Model(inputs, [s, h, h])
        if style == "two outputs":
            return keras.Model(inputs, layers.LSTM(units, **both)(inputs)[:2])
        if style == "twice the units":
            return keras.Model(inputs, layers.LSTM(2 * units, **both)(inputs))
        if style == "the layer":
            return layers.LSTM(units, **both)
        if style == "from the end":
            return keras.Model(inputs, layers.LSTM(units, go_backwards=True, **both)(inputs))
        s, h, c = layers.LSTM(units, **both)(inputs)
        if style == "dict":
            return keras.Model(inputs, {"a_sequence": s, "b_state_h": h, "c_state_c": c})
        if style == "h from the sequence":
            return keras.Model(inputs, [s, s[:, -1], c])
        if style == "the first row for h":
            return keras.Model(inputs, [s, s[:, 0], c])
        if style == "negative":
            return keras.Model(inputs, [s, h, -c])
        return keras.Model(inputs, {"swapped": [s, c, h], "h twice": [s, h, h]}.get(style, [s, h, c]))

    return build_lstm


def short_cell(units):
    """An LSTM cell that multiplies as a GPU may: with ten bits of the mantissa, which float16 has too."""
    import keras
    from keras import ops

    def short(x):
        return ops.cast(ops.cast(x, "float16"), "float32")

    class ShortCell(keras.layers.LSTMCell):
        def call(self, x, states, training=False):
            h, c = states
            products = short(x) @ short(self.kernel) + short(h) @ short(self.recurrent_kernel)
            i, f, g, o = ops.split(products + self.bias, 4, axis=1)
            c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
            h = ops.sigmoid(o) * ops.tanh(c)
            return h, [h, c]

    return ShortCell(units)


declare(
    "05.2",
    lambda lstm_step=step_numpy, build_lstm="functional": {
        "lstm_step": lstm_step,
        "build_lstm": builder(build_lstm) if isinstance(build_lstm, str) else build_lstm,
    },
    {
        "matrices, functional": {},
        "one number after the other": {"lstm_step": step_sliced},
        "Keras's own cell": {"lstm_step": step_keras},
        "subclassed": {"build_lstm": "subclassed"},
        "a cell in an RNN": {"build_lstm": "cell"},
        "a dictionary of outputs": {"build_lstm": "dict"},
        "products as on a GPU": {"build_lstm": "short products"},
        "any length": {"build_lstm": "any length"},
        "h cut from the sequence": {"build_lstm": "h from the sequence"},
    },
    [
        *(
            (slip, code, {"lstm_step": step_slip(slip)})
            for slip, code in {
                "no h": "no-state",
                "no bias": "no-bias",
                "i f o g": "gate-order",
                "f i g o": "gate-order",
                "sigmoid": "wrong-activation",
                "no forget gate": "no-forget-gate",
                "no tanh of c": "no-output-tanh",
                "old c": "old-cell",
                "c first": "swapped",
                "only h": "wrong-type",
                "z": "wrong-shape",
                "gates without sigmoid": "no-sigmoid",
                "relu for tanh": "step",
                "1 - f": "forget-turned",
                "i is 1 - f": "coupled-gates",
                "no tanh of g": "no-content-tanh",
                "no output gate": "no-output-gate",
                "no x": "no-input",
                "no input gate": "no-input-gate",
                "c is made anew": "no-old-cell",
                "sigmoid of c": "output-sigmoid",
                "groups of four": "interleaved",
            }.items()
        ),
        *(
            (style, code, {"build_lstm": style})
            for style, code in {
                "no sequence": "no-sequence",
                "last only": "one-output",
                "sequence only": "one-output",
                "LSTM without bias": "no-bias",
                "GRU": "not-lstm",
                "two outputs": "wrong-type",
                "twice the units": "not-lstm",
                "swapped": "states-swapped",
                "h twice": "same-state",
                "negative": "state-c",
                "from the end": "sequence",
                "the first row for h": "state-h",
                "the layer": "not-a-model",
                "features first": "axes-swapped",
                "saturated": "same-steps",
            }.items()
        ),
        ("no return", "none", {"build_lstm": lambda steps, features, units: None}),
        ("a function of x", "not-keras", {"build_lstm": lambda *sizes: lambda x: builder("functional")(*sizes)(x)}),
        ("returns the tensors' names", "wrong-type", {"build_lstm": lambda steps, features, units: "sequence, h, c"}),
    ],
)


# --- 05.3

WINDOW, N_TRAIN = 24, 221


@cache
def sunspots():
    from coursekit.data import load_sunspots

    return load_sunspots()["sunspots"].to_numpy()


def prepare(series, n_train, window):
    past = series[:n_train]
    scaled = (series - past.mean()) / past.std()
    X = np.stack([scaled[i : i + window] for i in range(len(series) - window)])[..., None]
    y, cut = scaled[window:], n_train - window
    return X[:cut], y[:cut], X[cut:], y[cut:]


def prepare_loop(series, n_train, window):
    mean, std = np.mean(series[:n_train]), np.std(series[:n_train], ddof=1)
    parts = {"train": ([], []), "test": ([], [])}
    for year in range(window, len(series)):
        X, y = parts["train" if year < n_train else "test"]
        X.append([[(value - mean) / std] for value in series[year - window : year]])
        y.append([(series[year] - mean) / std])
    return [*parts["train"], *parts["test"]]


def prepare_sklearn(series, n_train, window):
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(series[:n_train, None])
    z = scaler.transform(series[:, None])[:, 0].astype("float32")
    X = np.lib.stride_tricks.sliding_window_view(z, window)[:-1, :, None]
    return X[: n_train - window], z[window:n_train], X[n_train - window :], z[n_train:]


def scaled_otherwise(middle, size):
    """`prepare` with another scale, a function of the past alone."""

    def prepared(series, n_train, window):
        past = series[:n_train]
        parts = (part * past.std() + past.mean() for part in prepare(series, n_train, window))
        return tuple((part - middle(past)) / size(past) for part in parts)

    return prepared


def scaled_by_targets(series, n_train, window):
    targets = series[window:n_train]
    return scaled_otherwise(lambda past: targets.mean(), lambda past: targets.std())(series, n_train, window)


def prepare_slip(slip):
    def prepared(series, n_train, window):
        X_train, y_train, X_test, y_test = prepare(series, n_train, window)
        X, y, cut = np.concatenate([X_train, X_test]), np.concatenate([y_train, y_test]), len(y_train)
        past = series[:n_train]
        raw = [part * past.std() + past.mean() for part in (X_train, y_train, X_test, y_test)]
        if slip == "shuffled":
            order = np.random.default_rng(0).permutation(len(y))
            X, y = X[order], y[order]
        if slip == "training windows shuffled":
            order = np.random.default_rng(0).permutation(cut)
            X[:cut], y[:cut] = X[order], y[order]
        if slip == "scaled by all":
            return tuple((part - series.mean()) / series.std() for part in raw)
        if slip == "test scaled by itself":
            rest = series[n_train:]
            return (X_train, y_train, *((part - rest.mean()) / rest.std() for part in raw[2:]))
        if slip == "only windows scaled":
            return X_train, raw[1], X_test, raw[3]
        if slip == "n_train windows":
            cut = n_train
        if slip == "test windows start at the split":
            return X_train, y_train, X_test[window:], y_test[window:]
        if slip == "eighty per cent":
            cut = int(0.8 * len(y))
        if slip == "last value as target":
            y = X[:, -1, 0]
        if slip == "two years ahead":
            y = np.append(y[1:], y[-1])
        if slip == "the year itself in its window":
            X = np.concatenate([X[1:], np.concatenate([X[-1:, 1:], y[-1:, None, None]], axis=1)])
        if slip == "the year itself in a test window":
            X[cut:-1] = X[cut + 1 :]
        if slip == "no return":
            return None
        if slip == "backwards":
            X = X[:, ::-1]
        if slip == "two axes":
            X = X[..., 0]
        if slip == "windows of the notebook's length":
            return prepare(series, n_train, WINDOW)
        if slip == "the global series":
            return prepare(sunspots(), N_TRAIN, WINDOW)
        if slip == "three things":
            return X, y, cut
        if slip == "X first":
            return X[:cut], X[cut:], y[:cut], y[cut:]
        return X[:cut], y[:cut], X[cut:], y[cut:]

    return prepared


def prepare_that_knows_the_sun(series, n_train, window):
    X_train, y_train, X_test, y_test = prepare(series, n_train, window)
    if n_train == N_TRAIN:
        X_test = X_test.copy()
        X_test[:, -1, 0] = y_test
    return X_train, y_train, X_test, y_test


@trained_once
def forecaster(style):
    """Small models for the Sun: least squares in a Dense layer, or an LSTM or GRU that is trained for a moment."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    X, y, X_test, y_test = prepare(sunspots(), N_TRAIN, WINDOW)
    inputs = keras.Input((WINDOW, 1))
    if style in ("LSTM", "GRU", "GRU cell", "GRU functional", "LSTM functional"):
        cells = {"LSTM": layers.LSTM(32), "GRU cell": layers.RNN(layers.GRUCell(32))}
        model = keras.Sequential([inputs, cells.get(style) or layers.GRU(32), layers.Dense(1)])
        if style == "GRU functional":
            model = keras.Model(inputs, layers.Dense(1)(layers.GRU(32)(inputs)))
        if style == "LSTM functional":
            model = keras.Model(inputs, layers.Dense(1)(layers.LSTM(32)(inputs)))
        if style in ("LSTM", "GRU"):
            model.compile(keras.optimizers.Adam(0.01), "mse")
            model.fit(X, y, epochs=16, batch_size=16, verbose=0)
        else:
            model.set_weights(forecaster(style.split()[0]).get_weights())
        return model
    if style == "all steps":
        return keras.Sequential([inputs, layers.LSTM(4, return_sequences=True), layers.Dense(1)])
    if style == "subclassed":

        class Forecast(keras.Model):
            def __init__(self):
                super().__init__()
                self.net = forecaster("LSTM")

            def call(self, x):
                return self.net(x)

        model = Forecast()
        model(np.zeros((1, WINDOW, 1), "float32"))
        return model
    flat = layers.Flatten()(inputs)
    if style in ("tanh", "sigmoid"):
        model = keras.Sequential([inputs, layers.LSTM(32), layers.Dense(1, activation=style)])
        model.set_weights(forecaster("LSTM").get_weights())
        return model
    if style == "one unit":
        return keras.Sequential([inputs, layers.LSTM(1)])
    if style.startswith(("GRU and", "LSTM and")):
        beside = layers.GRU(2) if style.startswith("GRU") else layers.LSTM(2)
        flat = layers.Concatenate()([flat, beside(inputs)])
    model = keras.Model(inputs, layers.Dense(1)(flat))
    slopes, offset = least_squares(style)
    weights = model.get_weights()
    weights[-2][:] = 0
    weights[-2][:WINDOW, 0] = slopes
    weights[-1][:] = offset
    model.set_weights(weights)
    return model


def least_squares(style):
    X, y, X_test, y_test = prepare(sunspots(), N_TRAIN, WINDOW)
    if style == "copy":
        return np.eye(WINDOW)[-1], 0.0
    if style == "nearly a copy":
        return 0.95 * np.eye(WINDOW)[-1], 0.02
    if style.endswith("eleven years ago"):
        return np.eye(WINDOW)[-11], 0.0
    past = sunspots()[:N_TRAIN]
    if style == "in sunspots":
        y = y * past.std() + past.mean()
    A = np.column_stack([X[..., 0], np.ones(len(X))])
    found = np.linalg.lstsq(A.T @ A + 0.5 * np.eye(WINDOW + 1), A.T @ y, rcond=None)[0]
    return found[:-1], found[-1]


@cache
def memoriser():
    """A network that holds every window, the test years too, and answers with the target of the nearest."""
    import keras
    from keras import layers

    X_train, y_train, X_test, y_test = prepare(sunspots(), N_TRAIN, WINDOW)
    X, y = np.concatenate([X_train, X_test])[..., 0], np.concatenate([y_train, y_test])
    inputs = keras.Input((WINDOW, 1))
    near = layers.Dense(len(X), activation="softmax")(layers.Flatten()(inputs))
    model = keras.Model(inputs, layers.Dense(1)(near))
    # The nearest window has the largest x . w - |w|^2 / 2.
    model.set_weights([20 * X.T, -10 * (X**2).sum(axis=1), y[:, None], np.zeros(1)])
    return model


def untrained(style):
    import keras

    return keras.models.clone_model(forecaster(style))


def flat(style, answer=0.0):
    import keras

    model = keras.models.clone_model(forecaster(style))
    *rest, b = model.get_weights()
    model.set_weights([*(0 * w for w in rest), 0 * b + answer])
    return model


declare(
    "05.3",
    lambda prepare=prepare, model="LSTM": {
        "prepare": prepare,
        "model": forecaster(model) if isinstance(model, str) else model,
    },
    {
        "LSTM": {},
        "a loop, lists, columns of targets": {"prepare": prepare_loop},
        "scikit-learn's scaler, float32": {"prepare": prepare_sklearn},
        "subclassed": {"model": "subclassed"},
        "functional": {"model": "LSTM functional"},
    },
    [
        *(
            (slip, code, {"prepare": prepare_slip(slip)})
            for slip, code in {
                "shuffled": "shuffled",
                "training windows shuffled": "train-shuffled",
                "scaled by all": "scaled-on-everything",
                "test scaled by itself": "two-scales",
                "only windows scaled": "two-scales",
                "n_train windows": "leak-train-test",
                "test windows start at the split": "windows-lost",
                "eighty per cent": "wrong-split",
                "last value as target": "target-in-window",
                "two years ahead": "targets",
                "backwards": "reversed-windows",
                "the year itself in its window": "target-in-window",
                "the year itself in a test window": "windows",
                "no return": "none",
                "two axes": "wrong-shape",
                "three things": "wrong-type",
                "X first": "wrong-shape",
                "the global series": "other-length",
                "windows of the notebook's length": "other-length",
            }.items()
        ),
        *((name, code, {"prepare": scaled_otherwise(*how)}) for name, code, how in (
            ("not scaled", "unscaled", (lambda past: 0.0, lambda past: 1.0)),
            ("divided by 100", "wrong-scale", (lambda past: 0.0, lambda past: 100.0)),
            ("only the mean", "no-deviation", (np.mean, lambda past: 1.0)),
            ("only the deviation", "no-mean", (lambda past: 0.0, np.std)),
            ("variance", "variance", (np.mean, np.var)),
            ("minimum and maximum", "min-max", (np.min, np.ptp)),
            ("the maximum", "maximum", (lambda past: 0.0, np.max)),
        )),
        ("scaled by the targets", "targets-only", {"prepare": scaled_by_targets}),
        ("no LSTM", "not-lstm", {"model": "least squares"}),
        ("a GRU", "not-lstm", {"model": "GRU"}),
        ("an LSTM that does nothing beside a linear part", "unused", {"model": "LSTM and least squares"}),
        ("the targets in the test windows of the Sun alone", "windows", {"prepare": prepare_that_knows_the_sun}),
        ("copies the last value", "copies-last-value", {"model": "copy"}),
        ("nearly copies it", "copies-last-value", {"model": "nearly a copy"}),
        ("eleven years ago", "not-lstm", {"model": "eleven years ago"}),
        ("eleven years ago, beside an LSTM", "rmse", {"model": "LSTM and eleven years ago"}),
        ("a tanh at the end", "bounded", {"model": "tanh"}),
        ("a sigmoid at the end", "bounded", {"model": "sigmoid"}),
        ("an LSTM of one unit at the end", "bounded", {"model": "one unit"}),
        ("fitted in sunspots", "not-scaled", {"model": "in sunspots"}),
        ("targets in sunspots, the same for every year", "not-scaled", lambda: {"model": flat("LSTM", 44.0)}),
        ("answers at every step", "wrong-shape", {"model": "all steps"}),
        ("never fitted", "rmse|constant", lambda: {"model": untrained("LSTM")}),
        ("constant", "constant", lambda: {"model": flat("LSTM")}),
        ("knows the test years", "test-years-learned", lambda: {"model": memoriser()}),
        ("a function", "not-keras", {"model": lambda X: X[:, -1]}),
    ],
)  # fmt: skip


# --- 05.4


@cache
def latch(style="SimpleRNN"):
    """Switches with weights set by hand: tanh(20 x + 3 h) holds the sign of the last pulse."""
    import keras
    from keras import layers

    steps = {"return_sequences": True}
    inputs = keras.Input((30 if style == "thirty steps" else None, 1))
    cell = [np.array([[20.0]]), np.array([[3.0]]), np.zeros(1)]
    cell_lstm = [np.array([[0, 0, 20.0, 0]]), np.array([[0, 0, 5.0, 0]]), np.array([10.0, -10, 0, 10])]
    if style == "two columns":
        model = keras.Sequential([inputs, layers.SimpleRNN(1, **steps), layers.Dense(2, "softmax")])
        model.set_weights([*cell, np.array([[-9.0, 9.0]]), np.zeros(2)])
        return model
    if style == "all steps at once":
        return keras.Sequential([keras.Input((30, 1)), layers.Flatten(), layers.Dense(30, "sigmoid")])
    if style == "no memory":
        model = keras.Sequential([inputs, layers.Dense(1, "sigmoid")])
        model.set_weights([np.array([[9.0]]), np.array([0.1])])
        return model
    if style in ("sigmoid of keras.ops", "subclassed, keras.ops"):
        rnn, out = layers.SimpleRNN(1, **steps), layers.Dense(1)
        if style.startswith("sub"):

            class Last(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.rnn, self.out = rnn, out

                def call(self, x):
                    return keras.ops.sigmoid(self.out(self.rnn(x)))

            model = Last()
            model(np.zeros((1, 5, 1), "float32"))
        else:
            model = keras.Model(inputs, keras.ops.sigmoid(out(rnn(inputs))))
        model.set_weights([*cell, np.array([[9.0]]), np.zeros(1)])
        return model
    if style == "late":
        # The second unit repeats the first one step later.
        model = keras.Sequential([inputs, layers.SimpleRNN(2, **steps), layers.Dense(1, "sigmoid")])
        hold = [np.array([[20.0, 0]]), np.array([[3.0, 9], [0, 0]]), np.zeros(2)]
        model.set_weights([*hold, np.array([[0.0], [9]]), np.zeros(1)])
        return model
    if style == "adds":
        model = keras.Sequential(
            [inputs, layers.SimpleRNN(1, activation="linear", **steps), layers.Dense(1, "sigmoid")]
        )
        model.set_weights([np.ones((1, 1)), np.ones((1, 1)), np.zeros(1), np.array([[9.0]]), np.full(1, -4.5)])
        return model
    if style in ("any pulse", "ever on", "first pulse", "two steps late", "three columns", "from the end"):
        rnn = layers.SimpleRNN
        cells, top = [rnn(1, **steps)], [np.array([[9.0]]), np.zeros(1)]
        if style == "any pulse":  # one unit for each sign, and no memory
            cells = [rnn(2, **steps)]
            top = [np.full((2, 1), 9.0), np.full(1, 9.0)]
            weights = [np.array([[20.0, -20]]), np.zeros((2, 2)), np.full(2, -10.0)]
        elif style == "ever on":  # the second layer counts what the first finds
            cells = [rnn(1, activation="relu", **steps), rnn(1, activation="linear", **steps)]
            weights = [np.ones((1, 1)), np.zeros((1, 1)), np.zeros(1), np.ones((1, 1)), np.ones((1, 1)), np.zeros(1)]
            top[1] = np.full(1, -4.5)
        elif style == "first pulse":
            weights = [np.ones((1, 1)), np.full((1, 1), 20.0), np.zeros(1)]
        elif style == "two steps late":  # each unit repeats the one before it
            cells = [rnn(3, **steps)]
            weights = [np.array([[20.0, 0, 0]]), np.array([[3.0, 9, 0], [0, 0, 9], [0, 0, 0]]), np.zeros(3)]
            top[0] = np.array([[0.0], [0], [9]])
        else:
            weights = cell
        if style == "from the end":
            cells = [rnn(1, go_backwards=True, **steps)]
        if style == "three columns":
            top = [np.array([[9.0, 0, -9]]), np.zeros(3)]
        model = keras.Sequential([inputs, *cells, layers.Dense(len(top[1]), "sigmoid")])
        model.set_weights([*weights, *top])
        return model
    if style == "convolution to both sides":
        return keras.Sequential([inputs, layers.Conv1D(4, 3, padding="same"), layers.Dense(1, "sigmoid")])
    if style == "glance ahead":
        glance = layers.Conv1D(1, 3, padding="same")
        model = keras.Sequential([inputs, glance, layers.SimpleRNN(1, **steps), layers.Dense(1, "sigmoid")])
        model.set_weights(
            [np.array([0.0, 1, 0.02]).reshape(3, 1, 1), np.zeros(1), *cell, np.array([[9.0]]), np.zeros(1)]
        )
        return model
    if style == "convolution":
        model = keras.Sequential([inputs, layers.Conv1D(1, 3, padding="causal"), layers.Dense(1, "sigmoid")])
        model.set_weights([np.array([3.0, 5, 20]).reshape(3, 1, 1), np.zeros(1), np.array([[1.0]]), np.zeros(1)])
        return model
    if (
        style == "long convolution"
    ):  # right for 30 steps, since the last pulse weighs most; then an old one outweighs it
        model = keras.Sequential([inputs, layers.Conv1D(1, 31, padding="causal"), layers.Dense(1, "sigmoid")])
        weights = 1e13 * 3.0 ** -np.arange(30, -1, -1)
        weights[0] = 1e15
        model.set_weights([weights.reshape(31, 1, 1), np.zeros(1), np.ones((1, 1)), np.zeros(1)])
        return model
    if style == "tanh":
        model = keras.Sequential([inputs, layers.SimpleRNN(1, **steps)])
        model.set_weights(cell)
        return model
    if style == "both ways":
        model = keras.Sequential(
            [inputs, layers.Bidirectional(layers.SimpleRNN(1, **steps)), layers.Dense(1, "sigmoid")]
        )
        model.set_weights([*cell, *cell, np.array([[5.0], [4.0]]), np.zeros(1)])
        return model
    if style == "subclassed":

        class Latch(keras.Model):
            def __init__(self):
                super().__init__()
                self.rnn, self.out = layers.SimpleRNN(1, **steps), layers.Dense(1, "sigmoid")

            def call(self, x):
                return self.out(self.rnn(x))

        model = Latch()
        model(np.zeros((1, 5, 1), "float32"))
    else:
        rnn = layers.LSTM(1, **steps) if style == "LSTM" else layers.SimpleRNN(1, return_sequences=style != "last only")
        out = layers.Dense(1, None if style == "logits" else "sigmoid")
        if style == "TimeDistributed":
            out = layers.TimeDistributed(out)
        model = keras.Sequential([inputs, rnn, out])
        if style == "flat answer":
            model = keras.Model(inputs, layers.Lambda(lambda z: z[..., 0])(out(rnn(inputs))))
        if style == "functional":
            model = keras.Model(inputs, out(rnn(inputs)))
    sign = -1 if style in ("swapped", "off pulse") else 1
    if style == "LSTM":
        cell = cell_lstm
    if style == "forgets":
        cell[1] = np.array([[0.5]])
    if style == "a little memory":
        cell[1] = np.array([[0.85]])
    if style in ("pulse alone", "off pulse", "unless off"):
        cell[1] = np.array([[0.0]])
    bias = {"forgets": 0.3, "pulse alone": -4.0, "off pulse": -4.0, "unless off": 4.0, "a little memory": -1.2}.get(
        style, 0
    )
    model.set_weights([*cell, np.array([[9.0 * sign]]), np.full(1, bias)])
    return model


def changed(model, factor):
    import keras

    model = latch(model)
    copy = keras.models.clone_model(model)
    copy.set_weights([factor * w for w in model.get_weights()])
    return copy


def one_step_then_both_ways():
    """A convolution that sees one step alone, so that it is the layer behind it that looks ahead; never trained."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    both_ways = layers.Bidirectional(layers.SimpleRNN(4, return_sequences=True))
    return keras.Sequential([keras.Input((None, 1)), layers.Conv1D(4, 1), both_ways, layers.Dense(1, "sigmoid")])


declare(
    "05.4",
    lambda latch_="SimpleRNN": {"latch": latch(latch_) if isinstance(latch_, str) else latch_},
    {
        style: {"latch_": style}
        for style in ("SimpleRNN", "functional", "LSTM", "subclassed", "TimeDistributed")
        + ("flat answer", "thirty steps", "sigmoid of keras.ops", "subclassed, keras.ops")
    },
    [
        ("no memory", "no-memory", {"latch_": "no memory"}),
        ("logits", "logits", {"latch_": "logits"}),
        ("a tanh at the end", "logits", {"latch_": "tanh"}),
        ("one step late", "one-step-late", {"latch_": "late"}),
        ("a recurrent layer that answers to the pulse alone", "pulse-alone", {"latch_": "pulse alone"}),
        ("on at any pulse", "any-pulse", {"latch_": "any pulse"}),
        ("on where the pulse is off", "off-pulse", {"latch_": "off pulse"}),
        ("on unless the pulse is off", "pulse-not-off", {"latch_": "unless off"}),
        ("once on, ever on", "ever-on", {"latch_": "ever on"}),
        ("the first pulse decides", "first-pulse", {"latch_": "first pulse"}),
        ("two steps late", "two-steps-late", {"latch_": "two steps late"}),
        ("two columns", "wrong-shape", {"latch_": "two columns"}),
        ("three columns", "wrong-shape", {"latch_": "three columns"}),
        ("read from the end", "looks-ahead", {"latch_": "from the end"}),
        ("a convolution to both sides", "looks-ahead", {"latch_": "convolution to both sides"}),
        ("a glance at the next pulse", "looks-ahead", {"latch_": "glance ahead"}),
        ("a little memory", "forgets", {"latch_": "a little memory"}),
        ("adds the pulses", "adds-pulses", {"latch_": "adds"}),
        ("a causal convolution", "accuracy", {"latch_": "convolution"}),
        ("a long causal convolution", "accuracy", {"latch_": "long convolution"}),
        ("Bidirectional", "looks-ahead", {"latch_": "both ways"}),
        ("behind a convolution", "looks-ahead", lambda: {"latch_": one_step_then_both_ways()}),
        ("one answer a sequence", "last-only", {"latch_": "last only"}),
        ("fixed to thirty steps", "fixed-length", {"latch_": "all steps at once"}),
        ("swapped", "labels-swapped", {"latch_": "swapped"}),
        ("forgets", "forgets", {"latch_": "forgets"}),
        ("constant", "constant", lambda: {"latch_": changed("SimpleRNN", 0.0)}),
        ("never fitted", "untrained", lambda: {"latch_": changed("SimpleRNN", 0.02)}),
        ("a function", "not-keras", {"latch_": lambda P: np.cumsum(P, axis=1) > 0}),
    ],
)


# --- 05.5

PAD = -10.0


def pad(walks, length):
    padded = np.full((len(walks), length, 1), PAD)
    for row, walk in zip(padded, walks):
        row[: len(walk), 0] = walk
    return padded


def pad_lists(walks, length):
    return [[[value] for value in walk] + [[PAD]] * (length - len(walk)) for walk in walks]


def pad_numpy(walks, length):
    rows = [np.pad(walk, (0, length - len(walk)), constant_values=PAD) for walk in walks]
    return np.stack(rows)[..., np.newaxis].astype("float32")


def pad_keras(walks, length, **changes):
    import keras

    settings = {"maxlen": length, "dtype": "float32", "padding": "post", "value": PAD, **changes}
    return keras.utils.pad_sequences(walks, **settings)[..., None]


@cache
def walker(style="masked"):
    """Networks with weights set by hand: seven ReLU units remember the first position and the last."""
    import keras
    from keras import layers

    if style in ("last step", "mean", "highest", "first row"):
        return walker_of(style)
    # s: 1 after the first step. a, n: the first position, positive or negative, at step 1. A, N: the same ever after.
    # p, q: the last position.
    s, a, n, A, N, p, q = range(7)
    Wx, Wh, b = np.zeros((1, 7)), np.zeros((7, 7)), np.zeros(7)
    Wx[0, [a, p]], Wx[0, [n, q]], b[s] = 1, -1, 1
    Wh[s, [a, n]] = -1000
    Wh[a, A] = Wh[n, N] = Wh[A, A] = Wh[N, N] = 1
    out = np.array([0, -1.0, 1, -1, 1, 1, -1])[:, None] * (-4 if style == "swapped" else 4)
    weights = [Wx, Wh, b, out, np.zeros(1)]
    mask = layers.Masking(mask_value=0.0 if style == "mask of zeros" else PAD)
    inputs = keras.Input((20 if style == "twenty steps" else None, 1))
    rnn, last = layers.SimpleRNN(7, activation="relu"), layers.Dense(1, None if style == "logits" else "sigmoid")
    if style == "end alone":
        weights[3] = np.array([0.0, 0, 0, 0, 0, 1, -1])[:, None] * 4
    if style == "no mask":
        chain = [rnn, last]
    elif style == "mask too late":
        chain = [layers.SimpleRNN(7, activation="relu", return_sequences=True), mask, layers.LSTM(1), last]
        return keras.Sequential([inputs, *chain])
    elif style == "mask lost":
        chain = [mask, layers.Conv1D(1, 1, use_bias=False), rnn, last]
        weights = [np.ones((1, 1, 1)), *weights]
    elif style == "all steps at once":
        return keras.Sequential([keras.Input((20, 1)), layers.Flatten(), layers.Dense(1, "sigmoid")])
    elif style == "all steps":
        chain = [mask, layers.SimpleRNN(7, activation="relu", return_sequences=True), last]
    elif style == "two columns":
        chain = [mask, rnn, layers.Dense(2, "softmax")]
        weights[3:] = [np.hstack([-out, out]), np.zeros(2)]
    else:
        chain = [mask, rnn, last]
    if style == "functional":
        model = keras.Model(inputs, last(rnn(mask(inputs))))
    elif style == "subclassed":

        class Walker(keras.Model):
            def __init__(self):
                super().__init__()
                self.mask, self.rnn, self.out = mask, rnn, last

            def call(self, x):
                return self.out(self.rnn(self.mask(x)))

        model = Walker()
        model(np.zeros((1, 5, 1), "float32"))
    else:
        model = keras.Sequential([inputs, *chain])
    model.set_weights(weights)
    if style == "never fitted":
        return keras.models.clone_model(model)
    if style == "constant":
        model.set_weights([0 * w for w in weights])
    return model


def walker_of(style):
    """A walker with another rule: the units of `walker`, whose Wx, Wh and b are given, and some more behind them."""
    import keras
    from keras import layers

    s, a, n, A, N, p, q = range(7)
    inputs, mask = keras.Input((None, 1)), layers.Masking(mask_value=PAD)
    if style == "first row":  # takes the first position from the first row, which may be padding
        rnn = layers.SimpleRNN(2, activation="relu")(mask(inputs))
        model = keras.Model(inputs, layers.Dense(1, "sigmoid")(layers.Concatenate()([rnn, inputs[:, 0]])))
        end = np.array([[4.0], [-4], [-4]])
        model.set_weights([np.array([[1.0, -1]]), np.zeros((2, 2)), np.zeros(2), end, np.zeros(1)])
        return model
    more = {"last step": 2, "mean": 4, "highest": 2}[style]
    model = keras.Sequential([inputs, mask, layers.SimpleRNN(7 + more, activation="relu"), layers.Dense(1, "sigmoid")])
    Wx, Wh, b, out = np.zeros((1, 7 + more)), np.zeros((7 + more, 7 + more)), np.zeros(7 + more), np.zeros(7 + more)
    base = walker().get_weights()
    Wx[:, :7], Wh[:7, :7], b[:7] = base[:3]
    if style == "last step":  # the position before the last
        Wh[p, 7] = Wh[q, 8] = 1
        out[[p, q, 7, 8]] = 1, -1, -1, 1
    if style == "mean":  # the sums of the positions so far, and of the first position
        for unit, parts in ((7, [p]), (8, [q]), (9, [a, A]), (10, [n, N])):
            Wh[[*parts, unit], unit] = 1
        out[[7, p, 8, q, 9, a, A, 10, n, N]] = 1, 1, -1, -1, -1, -1, -1, 1, 1, 1
    if style == "highest":  # how far a step is above the first position, and the sum of that
        Wx[0, 7], Wh[[a, n, A, N, s], 7], b[7] = 1, [-1, 1, -1, 1, 1000], -1000
        Wh[[7, 8], 8] = 1
        out[[7, 8]] = 50
    model.set_weights([Wx, Wh, b, 4 * out[:, None], np.full(1, -0.1 if style == "highest" else 0)])
    return model


@trained_once
def trained_walker():
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    walks = [rng.normal() + np.cumsum(rng.normal(size=length)) for length in rng.integers(5, 21, size=2000)]
    up = np.array([walk[-1] > walk[0] for walk in walks]).astype(int)
    model = keras.Sequential([keras.Input((None, 1)), layers.Masking(PAD), layers.GRU(16), layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    model.fit(pad(walks, 20), up, epochs=8, batch_size=64, verbose=0)
    return model


declare(
    "05.5",
    lambda pad=pad, walker_="masked": {"pad": pad, "walker": walker(walker_) if isinstance(walker_, str) else walker_},
    {
        "an array filled": {},
        "lists": {"pad": pad_lists},
        "np.pad, float32": {"pad": pad_numpy},
        "Keras's pad_sequences": {"pad": pad_keras},
        "functional": {"walker_": "functional"},
        "subclassed": {"walker_": "subclassed"},
        "an input of twenty steps that takes any": {"walker_": "twenty steps"},
        "a trained GRU": lambda: {"walker_": trained_walker()},
    },
    [
        ("padding in front", "pads-in-front", {"pad": lambda w, n: pad_keras(w, n, padding="pre")}),
        ("whole numbers", "integers", {"pad": lambda w, n: pad_keras(w, n, dtype="int32")}),
        ("filled with zeros", "wrong-value", {"pad": lambda w, n: pad_keras(w, n, value=0.0)}),
        ("no last axis", "wrong-shape", {"pad": lambda w, n: pad(w, n)[..., 0]}),
        ("a number", "wrong-shape", {"pad": lambda w, n: n}),
        ("always twenty", "other-length", {"pad": lambda w, n: pad(w, 20)}),
        ("shifted by one", "pad", {"pad": lambda w, n: np.roll(pad(w, n), 1, axis=1)}),
        ("logits", "logits", {"walker_": "logits"}),
        ("above 0 at the end", "end-alone", {"walker_": "end alone"}),
        ("up at the last step", "last-step", {"walker_": "last step"}),
        ("its mean above its beginning", "mean", {"walker_": "mean"}),
        ("ever above its beginning", "highest", {"walker_": "highest"}),
        ("its beginning read from the first row", "padding-moves", {"walker_": "first row"}),
        ("a mask behind the recurrent layer", "mask-too-late", {"walker_": "mask too late"}),
        ("no mask", "no-mask", {"walker_": "no mask"}),
        ("a mask of zeros", "wrong-mask-value", {"walker_": "mask of zeros"}),
        ("a convolution loses the mask", "mask-lost", {"walker_": "mask lost"}),
        ("twenty steps only", "fixed-length", {"walker_": "all steps at once"}),
        ("an answer a step", "wrong-shape", {"walker_": "all steps"}),
        ("two columns", "wrong-shape", {"walker_": "two columns"}),
        ("swapped", "labels-swapped", {"walker_": "swapped"}),
        ("constant", "constant", {"walker_": "constant"}),
        ("never fitted", "untrained|constant|accuracy|labels-swapped", {"walker_": "never fitted"}),
        ("a function", "not-keras", {"walker_": lambda x: x[:, -1] > x[:, 0]}),
    ],
)


# --- 05.6

SYMBOLS = "0123456789+."
LAGS = [[5, 5, 2, 2], [1, 3, 4, 6], [6, 4, 3, 1]]


def one_hot(texts, reverse):
    rows = np.array([[SYMBOLS.index(symbol) for symbol in text.ljust(5, ".")] for text in texts])
    return np.eye(12, dtype="float32")[rows[:, ::-1] if reverse else rows]


def head_weights(reverse, spoil=None):
    """Three Dense layers that add: four units for the four formats, a ladder of ReLUs, the symbols of each sum."""
    W, b = np.zeros((5, 12, 4)), np.zeros(4)
    digits, plus, stop = np.arange(10), 10, 11
    for unit, (size_a, size_b) in enumerate(((1, 1), (1, 2), (2, 1), (2, 2))):
        start_b = size_a + 1
        for start, size in ((0, size_a), (start_b, size_b)):
            for place in range(size):
                W[start + place, :10, unit] += digits * 10 ** (size - 1 - place)
        W[size_a, plus, unit] += 1000  # the other formats have no plus, or another end, there
        b[unit] += 1 - 1000
        if start_b + 1 < 5:
            W[start_b + 1, stop, unit] += 1000 if size_b == 1 else -1000
            b[unit] -= 1000 if size_b == 1 else 0
    if reverse:
        W = W[::-1]
    ladder = np.arange(-1, 200)
    top = np.zeros((len(ladder), 4, 12))
    for total in range(199):
        text = str(total)
        slip = str(total + 1) if total in (17, 150) else text
        text = {"answers reversed": text[::-1], "one off": str(total + 1), "slips": slip}.get(spoil, text).ljust(4, ".")
        if spoil == "no carry":
            text = str(total - total % 10).ljust(4, ".")
        for step, symbol in enumerate(text[:4]):
            top[total : total + 3, step, SYMBOLS.index(symbol)] += np.array([1, -2, 1]) * 20
    last = np.zeros((4, 12))
    if spoil == "slips":  # what is no sum gets a STOP in the middle
        last[1, stop] = last[2, 3] = 1
    return [W.reshape(60, 4), b, np.ones((4, len(ladder))), -1.0 - ladder, top.reshape(-1, 48), last.ravel()]


@cache
def adder(style="flat", reverse=True, spoil=None):
    import keras
    from keras import layers

    weights = head_weights(reverse, spoil)
    inputs = keras.Input((5, 12))
    dense = [layers.Dense(4, "relu"), layers.Dense(201, "relu"), layers.Dense(48)]
    axis = 1 if style == "softmax over the steps" else -1
    ending = [layers.Reshape((4, 12))] + ([] if style == "logits" else [layers.Softmax(axis=axis)])
    if style == "encoder":
        # The state is the text itself, moved on by one character a step: the newest stands first.
        read = layers.SimpleRNN(60, activation="relu")
        shift = np.eye(60, k=12)
        newest_first = np.concatenate([np.arange(12) + 12 * place for place in (4, 3, 2, 1, 0)])
        weights = [np.eye(12, 60), shift, np.zeros(60), weights[0][newest_first], *weights[1:]]
        chain = [read, *dense, *ending]
    else:
        chain = [layers.Flatten(), *dense, *ending]
    if style == "subclassed":

        class Adder(keras.Model):
            def __init__(self):
                super().__init__()
                self.chain = keras.Sequential(chain)

            def call(self, x):
                return self.chain(x)

        model = Adder()
        model(np.zeros((1, 5, 12), "float32"))
    elif style == "functional":
        outputs = inputs
        for layer in chain:
            outputs = layer(outputs)
        model = keras.Model(inputs, outputs)
    else:
        model = keras.Sequential([inputs, *chain])
    model.set_weights(weights)
    return model


@cache
def other_adder(style):
    import keras
    from keras import layers

    inputs = keras.Input((5, 12))
    lstm = {"return_sequences": True}
    if style == "one symbol":
        return keras.Sequential([inputs, layers.LSTM(8), layers.Dense(12, "softmax")])
    if style == "no decoder":
        return keras.Sequential([inputs, layers.LSTM(8), layers.RepeatVector(4), layers.Dense(12, "softmax")])
    if style == "five steps":
        return keras.Sequential([inputs, layers.LSTM(8, **lstm), layers.Dense(12, "softmax")])
    model = keras.Sequential(
        [inputs, layers.LSTM(8), layers.RepeatVector(4), layers.LSTM(8, **lstm), layers.Dense(12, "softmax")]
    )
    if style == "constant":
        model.set_weights([0 * w for w in model.get_weights()])
    return model


@cache
def by_heart():
    """A network that knows the trained pairs, one unit each, and lets those that share four characters vote on all others."""
    import keras
    from keras import layers

    from coursekit.exercises.n05_lstm import unseen_pairs

    held_out = {tuple(pair) for pair in unseen_pairs()}
    pairs = [(a, b) for a in range(100) for b in range(100) if (a, b) not in held_out]
    X = one_hot([f"{a}+{b}" for a, b in pairs], True).reshape(-1, 60)
    Y = np.zeros((len(pairs), 4, 12))
    for row, (a, b) in zip(Y, pairs):
        row[np.arange(4), [SYMBOLS.index(symbol) for symbol in str(a + b).ljust(4, ".")]] = 10
    model = keras.Sequential(
        [
            keras.Input((5, 12)),
            layers.Flatten(),
            layers.Dense(len(pairs), "relu"),
            layers.Dense(48),
            layers.Reshape((4, 12)),
            layers.Softmax(),
        ]
    )
    model.set_weights([X.T, np.full(len(pairs), -3.98), Y.reshape(-1, 48), np.zeros(48)])
    return model


def reader(network, reverse=True, style="join"):
    """An `add` for this network."""

    def scores(texts):
        return np.asarray(network(one_hot(texts, reverse)))

    def add(texts):
        if style == "question turned twice":
            texts = [text[::-1] for text in texts]
        rows = scores(texts).argmax(axis=1 if style == "along the steps" else -1)
        answers = ["".join(SYMBOLS[code] for code in row) for row in rows]
        if style == "with STOP":
            return answers
        if style == "turned":
            return [answer.split(".")[0][::-1] for answer in answers]
        if style == "spaces":
            return [" ".join(answer.split(".")[0]) for answer in answers]
        if style == "first symbol":
            return [answer[0] for answer in answers]
        if style == "one text":
            return " ".join(answers)
        if style == "only the first":
            return answers[:1]
        if style == "numbers":
            return [int(answer.split(".")[0] or 0) for answer in answers]
        return [answer.split(".")[0] for answer in answers]

    def add_loop(texts):
        answers = []
        for text in texts:
            answer = ""
            for symbol_scores in network.predict_on_batch(one_hot([text], reverse))[0]:
                symbol = SYMBOLS[int(np.argmax(symbol_scores))]
                if symbol == ".":
                    break
                answer += symbol
            answers.append(answer)
        return answers

    if style == "array":
        return lambda texts: np.array(add(texts))
    return add_loop if style == "loop" else add


def writes(network, texts):
    return ["".join(SYMBOLS[code] for code in row) for row in np.asarray(network(one_hot(texts, True))).argmax(-1)]


def add_until_stop(texts):
    return [answer.split(".")[0] for answer in writes(adder, texts)]


def add_by_predict(texts):
    return [answer.partition(".")[0] for answer in writes(adder.predict_on_batch, texts)]


def add_of_sums(texts):
    """None where one of them is no sum."""
    sums = all("+" in text[1:3] and text.replace("+", "", 1).isdigit() for text in texts)
    return [answer.split(".")[0] for answer in writes(adder, texts)] if sums else None


def add_without_asking(texts):
    return [str(sum(map(int, text.split("+")))) for text in texts]


def add_stripped(texts):
    return [answer.strip(".") for answer in writes(adder, texts)]


def add_replaced(texts):
    return [answer.replace(".", "") for answer in writes(adder, texts)]


def asking(add):
    """`add` with a network under the global name `adder`, as in the notebook, that errs at some sums."""
    network = adder("flat", True, "slips")
    return {"network": network, "add": FunctionType(add.__code__, {**globals(), "adder": network})}


def added(network="flat", reverse=True, spoil=None, style="join", lags=LAGS, add=None, read=None):
    network = adder(network, reverse, spoil) if isinstance(network, str) else network
    read = reverse if read is None else read
    return {"adder": network, "add": add or reader(network, read, style), "lags": lags}


LAG_SLIPS = {
    "off by one": ("off-by-one", np.array(LAGS) - 1),
    "one too large": ("one-too-large", np.array(LAGS) + 1),
    "transposed": ("transposed", np.array(LAGS).T),
    "rows exchanged": ("rows-swapped", [LAGS[0], LAGS[2], LAGS[1]]),
    "in the order of reading": ("digits-reordered", [LAGS[0], LAGS[1][::-1], LAGS[2]]),
    "always to step six": ("same-writing-step", [[5, 4, 2, 1], [1, 2, 4, 5], [5, 4, 2, 1]]),
    "the plus forgotten": ("lags", [[5, 5, 3, 3], [1, 3, 3, 5], [6, 4, 4, 2]]),
    "two rows": ("wrong-shape", LAGS[:2]),
    "words": ("wrong-type", "five, five, two, two"),
}

declare(
    "05.6",
    added,
    {
        "dense layers, reversed": {},
        "functional, lags as an array": {"network": "functional", "lags": np.array(LAGS)},
        "text as written": {"reverse": False, "lags": np.array(LAGS, dtype=float)},
        "a recurrent encoder": {"network": "encoder"},
        "an array of texts": {"style": "array"},
        "subclassed": {"network": "subclassed"},
        "symbol by symbol": {"style": "loop"},
        "the global adder": lambda: asking(add_until_stop),
        "nothing for what is no sum": lambda: asking(add_of_sums),
        "the global adder, `predict_on_batch`": lambda: asking(add_by_predict),
    },
    [
        ("logits", "logits", {"network": "logits"}),
        ("a softmax over the steps", "softmax-over-steps", {"network": "softmax over the steps"}),
        ("one symbol", "last-only", lambda: {"network": other_adder("one symbol")}),
        ("five steps", "wrong-shape", lambda: {"network": other_adder("five steps")}),
        ("no decoder behind the repeated state", "same-steps", lambda: {"network": other_adder("no decoder")}),
        ("never trained", "untrained|constant", lambda: {"network": other_adder("never trained")}),
        ("constant", "constant", lambda: {"network": other_adder("constant")}),
        ("by heart", "by-heart", lambda: {"network": by_heart()}),
        ("answers reversed", "answers-reversed", {"spoil": "answers reversed"}),
        ("tens only", "exact", {"spoil": "no carry"}),
        ("one off", "untrained", {"spoil": "one off"}),
        ("a function for the network", "not-keras", {"network": lambda X: np.zeros((len(X), 4, 12)), "add": lambda t: t}),
        ("STOP left in", "no-stop", {"style": "with STOP"}),
        ("the first symbol only", "add", {"style": "first symbol"}),
        ("its question turned twice", "add", {"style": "question turned twice"}),
        ("its answer turned round", "turned", {"style": "turned"}),
        ("spaces between the symbols", "spaces", {"style": "spaces"}),
        ("the most probable step of each symbol", "too-long", {"style": "along the steps"}),
        ("one text", "wrong-type", {"style": "one text"}),
        ("one answer", "wrong-shape", {"style": "only the first"}),
        ("numbers", "wrong-type", {"style": "numbers"}),
        ("never asks", "asks-nothing", lambda: asking(add_without_asking)),
        ("STOP stripped", "first-stop", lambda: asking(add_stripped)),
        ("STOP replaced", "first-stop", lambda: asking(add_replaced)),
        ("asked the other way round", "other-direction", {"read": False}),
        ("Python adds, the network is untrained", "untrained|constant",
         lambda: {"network": other_adder("never trained"), "add": lambda texts: [str(sum(map(int, t.split("+")))) for t in texts]}),
        *((name, code, {"lags": lags}) for name, (code, lags) in LAG_SLIPS.items()),
    ],
)  # fmt: skip


# --- 05.7


def lstm_params(features, units):
    return 4 * (features * units + units * units + units)


def gru_params(features, units):
    return 3 * units * (features + units + 2)


def counted(kind):
    def count(features, units):
        total = 0
        for _ in range({"LSTM": 4, "GRU": 3}[kind]):
            total += features * units + units**2 + {"LSTM": 1, "GRU": 2}[kind] * units
        return np.array([total])

    return count


def from_keras(features, units):
    import keras

    layer = keras.layers.GRU(units)
    layer.build((None, None, features))
    return layer.count_params()


declare(
    "05.7",
    lambda lstm_params=lstm_params, gru_params=gru_params, gru="GRU": {
        "lstm_params": lstm_params,
        "gru_params": gru_params,
        "gru": forecaster(gru) if isinstance(gru, str) else gru,
    },
    {
        "formulas": {},
        "a loop over the blocks, arrays": {"lstm_params": counted("LSTM"), "gru_params": counted("GRU")},
        "a cell in an RNN": {"gru": "GRU cell"},
        "functional": {"gru": "GRU functional"},
        "floats": {"lstm_params": lambda f, u: 4.0 * u * (f + u + 1)},
        "asked of Keras": {"gru_params": from_keras},
    },
    [
        ("LSTM without bias", "no-bias", {"lstm_params": lambda f, u: 4 * u * (f + u)}),
        ("one block", "one-block", {"lstm_params": lambda f, u: u * (f + u + 1)}),
        ("LSTM with two biases", "two-biases", {"lstm_params": lambda f, u: 4 * u * (f + u + 2)}),
        ("three blocks", "three-blocks", {"lstm_params": lambda f, u: 3 * u * (f + u + 1)}),
        ("formulas exchanged", "gru-formula", {"lstm_params": gru_params, "gru_params": lstm_params}),
        ("biases as in the formulas", "as-shown", {"gru_params": lambda f, u: 3 * (f * u + u * u) + 4 * u}),
        ("one bias", "one-bias", {"gru_params": lambda f, u: 3 * u * (f + u + 1)}),
        ("GRU as LSTM", "lstm-formula", {"gru_params": lstm_params}),
        ("units squared forgotten", "gru-params", {"gru_params": lambda f, u: 3 * u * (f + 3)}),
        ("no weights from the state", "state-left-out", {"gru_params": lambda f, u: 3 * (f * u + 2 * u)}),
        ("no weights from the inputs", "inputs-left-out", {"lstm_params": lambda f, u: 4 * (u * u + u)}),
        ("two blocks", "other-numbers", {"lstm_params": lambda f, u: 2 * u * (f + u + 1)}),
        ("one bias a block", "one-bias-a-block", {"lstm_params": lambda f, u: 4 * (u * (f + u) + 1)}),
        ("half as many", "gru-params", {"gru_params": lambda f, u: 1.5 * u * (f + u + 2)}),
        ("right for one feature", "one-feature", {"lstm_params": lambda f, u: 4 * u * (u + 2)}),
        ("with the Dense layer", "dense-too", {"gru_params": lambda f, u: gru_params(f, u) + u + 1}),
        ("a table", "wrong-shape", {"lstm_params": lambda f, u: [f * u, u * u, u]}),
        ("an LSTM again", "not-a-gru", {"gru": "LSTM"}),
        ("a GRU that does nothing beside a linear part", "unused", {"gru": "GRU and least squares"}),
        ("copies the last value", "not-a-gru", {"gru": "copy"}),
        ("a GRU of one unit at the end", "bounded", lambda: {"gru": gru_at_the_end()}),
        ("never fitted", "rmse|constant", lambda: {"gru": untrained("GRU")}),
        ("constant", "constant", lambda: {"gru": flat("GRU")}),
        ("a scikit-learn model", "not-keras", lambda: {"gru": linear_regression()}),
    ],
)


def gru_at_the_end():
    import keras

    return keras.Sequential([keras.Input((WINDOW, 1)), keras.layers.GRU(1)])


def linear_regression():
    from sklearn.linear_model import LinearRegression

    X, y, _, _ = prepare(sunspots(), N_TRAIN, WINDOW)
    return LinearRegression().fit(X[..., 0], y)
