"""Cases of notebook 03b."""

from functools import cache

import numpy as np

from tests.cases import right, wrong
from tests.trained import trained_once

UNIT = 100_000


@cache
def houses():
    """Scaled numbers, prices, codes and the three sets of rows, as the notebook makes them."""
    from sklearn.preprocessing import StandardScaler

    from coursekit.data import ames_rows, load_ames, load_ames_numbers

    X, y = load_ames_numbers()
    rows = ames_rows()
    codes = np.unique(load_ames()["neighborhood"], return_inverse=True)[1][:, None]
    return StandardScaler().fit(X[rows[0]]).transform(X), y, codes, rows


def part(i):
    """X, y, codes of the training (0), validation (1) or test (2) rows."""
    X, y, codes, rows = houses()
    return X[rows[i]], y[rows[i]], codes[rows[i]]


# --- 03b.1


@cache
def dollars_train():
    return UNIT * part(0)[1]


def scaler_of(values):
    mean, spread = values.mean(), values.std()
    return lambda y: (np.asarray(y) - mean) / spread, lambda z: np.asarray(z) * spread + mean


def scikit_scaler():
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(dollars_train()[:, None])
    return (
        lambda y: scaler.transform(np.asarray(y)[:, None]),
        lambda z: scaler.inverse_transform(np.reshape(z, (-1, 1))),
    )


def logarithms():
    forward, back = scaler_of(np.log(dollars_train()))
    return lambda y: forward(np.log(y)), lambda z: np.exp(back(z))


def biased(style="sequential"):
    """build_with_bias in one of many styles."""

    def build_with_bias(bias):
        import keras
        from keras import layers

        begin = keras.initializers.Constant(bias)
        if style == "functional":
            inputs = keras.Input((12,))
            hidden = layers.Dense(32, "relu")(inputs)
            return keras.Model(inputs, layers.Dense(1, bias_initializer=begin)(hidden))
        if style == "assigned":
            model = keras.Sequential([keras.Input((12,)), layers.Dense(32), layers.ReLU(), layers.Dense(1)])
            model.layers[-1].bias.assign([bias])
            return model
        if style == "zero kernel":
            last = layers.Dense(1, kernel_initializer="zeros", bias_initializer=begin)
            return keras.Sequential([keras.Input((12,)), layers.Dense(32, "relu"), last])
        if style in ("subclassed", "functional ops"):

            class Prices(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.hidden, self.last = layers.Dense(32), layers.Dense(1, bias_initializer=begin)

                def call(self, inputs):
                    return self.last(keras.ops.relu(self.hidden(inputs)))

            inputs = keras.Input((12,))
            return Prices() if style == "subclassed" else keras.Model(inputs, Prices().call(inputs))
        if style == "no bias":
            return keras.Sequential([keras.Input((12,)), layers.Dense(32, "relu"), layers.Dense(1)])
        if style == "hidden bias":
            return keras.Sequential(
                [keras.Input((12,)), layers.Dense(32, "relu", bias_initializer=begin), layers.Dense(1)]
            )
        if style == "both biases":
            hidden = layers.Dense(32, "relu", bias_initializer=begin)
            return keras.Sequential([keras.Input((12,)), hidden, layers.Dense(1, bias_initializer=begin)])
        if style == "half":
            begin = keras.initializers.Constant(bias / 2)
        bend = {"linear": None, "tanh": "tanh", "sigmoid": "sigmoid"}.get(style, "relu")
        hidden = layers.Dense(16 if style == "small" else 32, bend)
        last = layers.Dense(1, "relu" if style == "relu output" else None, bias_initializer=begin)
        chain = [hidden, last]
        return keras.Sequential(chain if style == "not built" else [keras.Input((12,)), *chain])

    return build_with_bias


def ranged(style="rescaling"):
    """build_in_range in one of many styles."""

    def build_in_range(low, high):
        import keras
        from keras import layers, ops

        ends = {
            "rescaling": [layers.Dense(1, "sigmoid"), layers.Rescaling(high - low, low)],
            "activation": [layers.Dense(1), layers.Activation("sigmoid"), layers.Rescaling(high - low, low)],
            "tanh": [layers.Dense(1, "tanh"), layers.Rescaling((high - low) / 2, (high + low) / 2)],
            "function": [layers.Dense(1, activation=lambda z: low + (high - low) * ops.sigmoid(z))],
            "lambda": [layers.Dense(1, "sigmoid"), layers.Lambda(lambda p: low + (high - low) * p)],
            "hard": [layers.Dense(1, "hard_sigmoid"), layers.Rescaling(high - low, low)],
            "plain": [layers.Dense(1, "sigmoid")],
            "no offset": [layers.Dense(1, "sigmoid"), layers.Rescaling(high - low)],
            "times high": [layers.Dense(1, "sigmoid"), layers.Rescaling(high, low)],
            "tanh, once": [layers.Dense(1, "tanh"), layers.Rescaling(high - low, low)],
            "half": [layers.Dense(1, "sigmoid"), layers.Rescaling((high - low) / 2, low)],
            "linear": [layers.Dense(1), layers.Rescaling(high - low, low)],
            "clipped": [layers.Dense(1, activation=lambda z: ops.clip(z, low, high))],
            "order": [layers.Dense(1), layers.Rescaling(high - low, low), layers.Activation("sigmoid")],
        }
        if style == "functional":
            inputs = keras.Input((12,))
            share = layers.Dense(1, activation="sigmoid")(layers.Dense(32, activation="relu")(inputs))
            return keras.Model(inputs, low + (high - low) * share)
        if style == "not built":
            return keras.Sequential([layers.Dense(32, "relu"), *ends["rescaling"]])
        if style == "subclassed":
            return subclassed_in_range(low, high)
        if style == "straight":
            return keras.Sequential([keras.Input((12,)), layers.Dense(32), *ends["rescaling"]])
        if style == "tanh before":
            return keras.Sequential([keras.Input((12,)), layers.Dense(32, "tanh"), *ends["rescaling"]])
        if style == "sigmoid layer before":
            hidden = [layers.Dense(32), layers.Activation("sigmoid")]
            return keras.Sequential([keras.Input((12,)), *hidden, *ends["rescaling"]])
        return keras.Sequential([keras.Input((12,)), layers.Dense(32, "relu"), *ends[style]])

    return build_in_range


def without_last(bias):
    import keras
    from keras import layers

    begin = keras.initializers.Constant(bias)
    return keras.Sequential([keras.Input((12,)), layers.Dense(32, "relu", bias_initializer=begin)])


def subclassed_in_range(low, high):
    """A subclass whose own `build` makes nothing: its layers get their weights at the first call."""
    import keras
    from keras import layers

    class Prices(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.last = layers.Dense(32, "relu"), layers.Dense(1, "sigmoid")

        def build(self, shape):
            self.built = True

        def call(self, inputs):
            return low + (high - low) * self.last(self.hidden(inputs))

    model = Prices()
    model.build((None, 12))
    return model


def unit(scales=None, bias="sequential", reach="rescaling", **other):
    scale, unscale = scales or scaler_of(dollars_train())
    built = {"build_with_bias": biased(bias), "build_in_range": ranged(reach)}
    return {"scale": scale, "unscale": unscale, **built, **other}


def called_by_mistake(bias):
    parts = [1, 2]
    return parts(bias)


def by_variance(y):
    return (y - dollars_train().mean()) / dollars_train().var()


def given_batch(y):
    return (y - np.mean(y)) / np.std(y)


def sample_deviation():
    y = dollars_train()
    mean, spread = y.mean(), y.std(ddof=1)
    return lambda y: (y - mean) / spread, lambda z: z * spread + mean


def float32_lists():
    forward, back = scaler_of(dollars_train())
    return (
        lambda y: [float(v) for v in forward(y)],
        lambda z: back(np.asarray(z)).astype("float32"),
    )


for name, build in {
    "NumPy": lambda: unit(),
    "scikit-learn's scaler, functional networks": lambda: unit(scikit_scaler(), "functional", "functional"),
    "bias assigned, activation layer": lambda: unit(None, "assigned", "activation"),
    "the sample's deviation, zero kernel, tanh": lambda: unit(sample_deviation(), "zero kernel", "tanh"),
    "lists and float32, an activation of one's own": lambda: unit(float32_lists(), reach="function"),
    "a Lambda layer": lambda: unit(reach="lambda"),
    "no Input": lambda: unit(bias="not built", reach="not built"),
    "a subclass, never called": lambda: unit(bias="subclassed"),
    "a subclass, built and never called": lambda: unit(reach="subclassed"),
    "functional, with keras.ops": lambda: unit(bias="functional ops"),
}.items():
    right("03b.1", name)(build)


for name, code, build in (
    ("scaled by what comes in", "uses-given-batch", lambda: unit(scale=given_batch)),
    ("scaled by all houses", "leak-train-test", lambda: unit(scaler_of(UNIT * houses()[1]))),
    ("scaled by the test houses", "leak-train-test", lambda: unit(scaler_of(UNIT * part(2)[1]))),
    ("only centred", "not-divided", lambda: unit(scale=lambda y: y - dollars_train().mean())),
    ("only divided", "not-centred", lambda: unit(scale=lambda y: y / dollars_train().std())),
    ("into 0 to 1", "scaled", lambda: unit(scale=lambda y: (y - 10_000) / 700_000)),
    ("logarithms scaled", "not-linear", lambda: unit(logarithms())),
    ("mean not added", "no-offset", lambda: unit(unscale=lambda z: z * dollars_train().std())),
    (
        "unscaled in the wrong order",
        "not-inverse",
        lambda: unit(unscale=lambda z: (z + dollars_train().mean()) * dollars_train().std()),
    ),
    ("unscaled by what comes in", "uses-given-batch", lambda: unit(unscale=lambda z: given_batch(z) * 8e4 + 1.8e5)),
    ("the bias is not used", "bias-ignored", lambda: unit(bias="no bias")),
    ("the bias in the hidden layer", "wrong-layer", lambda: unit(bias="hidden bias")),
    ("the bias in both layers", "wrong-layer", lambda: unit(bias="both biases")),
    ("half of the bias", "bias", lambda: unit(bias="half")),
    ("a hidden tanh", "not-relu", lambda: unit(bias="tanh")),
    ("a hidden sigmoid", "not-relu", lambda: unit(bias="sigmoid")),
    ("a hidden tanh in the range", "not-relu", lambda: unit(reach="tanh before")),
    ("a hidden sigmoid of its own layer in the range", "not-relu", lambda: unit(reach="sigmoid layer before")),
    ("a network in place of the function", "not-a-function", lambda: unit(build_in_range=ranged()(0.0, 1.0))),
    ("a list is called inside", "raises", lambda: unit(build_with_bias=called_by_mistake)),
    ("a list in place of the function", "wrong-type", lambda: unit(build_with_bias=[1, 2])),
    ("too small", "wrong-size", lambda: unit(bias="small")),
    ("no activation", "linear-model", lambda: unit(bias="linear")),
    ("an output that cannot be negative", "not-linear-output", lambda: unit(bias="relu output")),
    ("divided by the variance", "divided-by-variance", lambda: unit(scale=by_variance)),
    ("statistics of y_train", "other-unit", lambda: unit(scaler_of(part(0)[1]))),
    ("a number in place of a network", "not-keras", lambda: unit(build_with_bias=lambda bias: bias)),
    ("a range without a hidden activation", "linear-model", lambda: unit(reach="straight")),
    ("a plain sigmoid", "not-stretched", lambda: unit(reach="plain")),
    ("low forgotten", "no-offset", lambda: unit(reach="no offset")),
    ("times high", "not-the-width", lambda: unit(reach="times high")),
    ("nothing holds it", "not-bounded", lambda: unit(reach="linear")),
    ("stretched before the sigmoid", "not-stretched", lambda: unit(reach="order")),
    ("cut off", "clipped", lambda: unit(reach="clipped")),
    ("a hard sigmoid", "clipped", lambda: unit(reach="hard")),
    ("no return", "none", lambda: unit(build_with_bias=lambda bias: print(end=""))),
    ("no return for the range", "none", lambda: unit(build_in_range=lambda low, high: print(end=""))),
    ("no last layer", "wrong-shape", lambda: unit(build_with_bias=without_last)),
    ("a tanh for the sigmoid", "range", lambda: unit(reach="tanh, once")),
    ("half of the range", "range", lambda: unit(reach="half")),
):
    wrong("03b.1", code, name)(build)


# --- 03b.2


def one_hot(codes, n_categories):
    return (np.asarray(codes)[:, None] == np.arange(n_categories)).astype(float)


def one_hot_loop(codes, n_categories):
    return [[1 if code == k else 0 for k in range(n_categories)] for code in codes]


def one_hot_keras(codes, n_categories):
    import keras

    return keras.utils.to_categorical(codes, n_categories)


def one_hot_scikit(codes, n_categories):
    from sklearn.preprocessing import OneHotEncoder

    encoder = OneHotEncoder(categories=[range(n_categories)], sparse_output=False)
    return encoder.fit_transform(np.reshape(codes, (-1, 1)))


def one_hot_pandas(codes, n_categories):
    import pandas as pd

    return pd.get_dummies(np.asarray(codes))


def house_network(style="functional"):
    """An untrained network with two inputs."""
    import keras
    from keras import layers

    class Houses(keras.Model):
        def __init__(self):
            super().__init__()
            self.places, self.hidden, self.out = layers.Embedding(28, 2), layers.Dense(32, "relu"), layers.Dense(1)

        def call(self, inputs):
            numbers, codes = inputs
            place = self.places(keras.ops.cast(codes, "int32"))[:, 0]
            return self.out(self.hidden(keras.ops.concatenate([keras.ops.cast(numbers, "float32"), place], axis=1)))

    if style == "subclassed":
        model = Houses()
        model([np.zeros((1, 10), "float32"), np.zeros((1, 1), "int32")])
        return model
    numbers = keras.Input((12 if style == "twelve numbers" else 10,))
    codes = keras.Input(() if style == "scalar codes" else (1,), dtype="int32")
    rows, columns = 27 if style == "27 rows" else 28, {"one column": 1, "eight columns": 8}.get(style, 2)
    place = layers.Embedding(rows, columns)(codes)
    if style == "reshaped":
        place = layers.Reshape((2,))(place)
    elif style != "scalar codes":
        place = layers.Flatten()(place)
    if style == "dense":
        place = layers.Dense(2, use_bias=False)(layers.CategoryEncoding(28, "one_hot")(codes))
    joined = numbers if style == "codes left out" else layers.Concatenate()([numbers, place])
    hidden = layers.Dense(32, activation="relu")(joined)
    if style == "dropout":
        hidden = layers.Dropout(0.2)(hidden)
    outputs = layers.Dense(1, activation=style if style in ("exponential", "sigmoid") else None)(hidden)
    inputs = [codes, numbers] if style == "swapped" else [numbers, codes]
    return keras.Model(inputs, outputs)


@trained_once
def trained_houses(style="functional"):
    """A network with two inputs. One is trained; the others get its weights, or those of it that fit."""
    import keras

    keras.utils.set_random_seed(0)
    model = house_network("functional" if style.startswith("rows:") else style)
    if style.startswith("rows:") or style in ("functional", "dropout"):
        X, y, codes = rows_of(style)
        if style == "rows:shuffled codes":
            codes = np.random.default_rng(0).permutation(codes)
        model.compile(keras.optimizers.Adam(0.01), "mae", steps_per_execution=14)
        model.fit([X[:, :10], codes], y, epochs=30, batch_size=64, verbose=0)
        return model
    places, kernel, bias, *last = trained_houses().get_weights()
    if style == "eight columns":  # six more that count for nothing
        places, kernel = np.pad(places, ((0, 0), (0, 6))), np.pad(kernel, ((0, 6), (0, 0)))
    kept = {"codes left out": 0, "one column": 1, "eight columns": 8}.get(style, 2)
    bias = bias + places[:, kept:].mean(axis=0) @ kernel[10 + kept :]  # what is left out is put in on average
    if style == "exponential":  # above 0, and far from the prices
        last = [0.2 * last[0], 0.2 * last[1]]
    model.set_weights([places[:, :kept]] * (kept > 0) + [kernel[: 10 + kept], bias, *last])
    return model


def frozen_table(spread=1.0):
    """A network whose embedding is not trainable, and whose rows may be nearly the same."""
    import keras

    model = keras.models.clone_model(trained_houses())
    places, *others = trained_houses().get_weights()
    model.set_weights([places.mean(axis=0) + spread * (places - places.mean(axis=0)), *others])
    next(layer for layer in model.layers if type(layer).__name__ == "Embedding").trainable = False
    return model


def nested_table():
    """A network whose embedding stands inside another network."""
    import keras

    inner = trained_houses()
    inputs = [keras.Input((10,)), keras.Input((1,), dtype="int32")]
    return keras.Model(inputs, keras.layers.Rescaling(1.0)(inner(inputs)))


def rows_of(style):
    """X, y, codes of the rows that a style of training takes."""
    chosen = {"rows:all": (0, 1, 2), "rows:train and test": (0, 2), "rows:train and validation": (0, 1)}.get(
        style, (0,)
    )
    return [np.concatenate(parts) for parts in zip(*map(part, chosen), strict=True)]


def changed_houses(change):
    """A copy of the trained network with other output weights."""
    import keras

    model = keras.models.clone_model(trained_houses())
    *others, kernel, bias = trained_houses().get_weights()
    model.set_weights([*others, *change(kernel, bias)])
    return model


class Forged:
    """Looks up the answers."""

    def __call__(self, inputs):
        return part(2)[1][:, None]


def places(style="functional", **other):
    return {"one_hot": one_hot, "house_model": trained_houses(style), **other}


for name, build in {
    "functional": lambda: places(),
    "a loop, codes without a column": lambda: places("scalar codes", one_hot=one_hot_loop),
    "Keras's one-hot, a subclass": lambda: places("subclassed", one_hot=one_hot_keras),
    "scikit-learn's one-hot, a Reshape": lambda: places("reshaped", one_hot=one_hot_scikit),
    "rows of the identity": lambda: places(one_hot=lambda codes, n: np.eye(n)[codes]),
    "booleans": lambda: places(one_hot=lambda codes, n: one_hot(codes, n) > 0),
    "dropout: as good on test rows as on training rows": lambda: places("dropout"),
}.items():
    right("03b.2", name)(build)


def one_place_on(codes, n_categories):
    table = np.zeros((len(codes), n_categories))
    for row, code in zip(table, codes):
        row[code + 1] = 1
    return table


def without_output():
    import keras

    network = house_network()
    return keras.Model(network.inputs, network.layers[-2].output)


def raw_houses():
    """The trained network for numbers as they stand in the table."""
    import keras

    from coursekit.data import load_ames_numbers

    raw = load_ames_numbers()[0][houses()[3][0]][:, :10]
    model = keras.models.clone_model(trained_houses())
    places, kernel, bias, *last = trained_houses().get_weights()
    kernel = np.vstack([kernel[:10] / raw.std(axis=0)[:, None], kernel[10:]])
    model.set_weights([places, kernel, bias - raw.mean(axis=0) @ kernel[:10], *last])
    return model


def rounded_houses():
    import keras

    model = keras.models.clone_model(trained_houses())
    model.set_weights(trained_houses().get_weights())
    plain = model.call
    model.call = lambda inputs, **how: keras.ops.round(10 * plain(inputs, **how)) / 10
    return model


def dollar_houses():
    return changed_houses(lambda kernel, bias: (kernel * UNIT, bias * UNIT))


def scaled_houses():
    _, y, _ = part(0)
    return changed_houses(lambda kernel, bias: (kernel / y.std(), (bias - y.mean()) / y.std()))


def wrong_sklearn():
    from sklearn.linear_model import LinearRegression

    X, y, _ = part(0)
    return LinearRegression().fit(X[:, :10], y)


for name, code, build in (
    ("transposed", "transposed", lambda: places(one_hot=lambda codes, n: one_hot(codes, n).T)),
    ("only those that occur", "missing-categories", lambda: places(one_hot=one_hot_pandas)),
    ("up to the largest code", "missing-categories", lambda: places(one_hot=lambda c, n: np.eye(max(c) + 1)[c])),
    ("shifted", "shifted", lambda: places(one_hot=lambda c, n: np.roll(one_hot(c, n), -1, axis=1))),
    ("inverted", "inverted", lambda: places(one_hot=lambda c, n: 1 - one_hot(c, n))),
    ("codes in place of ones", "codes-as-values", lambda: places(one_hot=lambda c, n: one_hot(c, n) * c[:, None])),
    ("codes alone", "wrong-shape", lambda: places(one_hot=lambda codes, n: codes)),
    ("the codes do not reach the output", "ignores-codes|mae", lambda: places("codes left out")),
    ("a dense layer on one-hot", "no-embedding", lambda: places("dense")),
    ("one column", "embedding|mae", lambda: places("one column")),
    ("eight columns", "embedding", lambda: places("eight columns")),
    ("a frozen embedding", "frozen", lambda: places(house_model=frozen_table())),
    (
        "a frozen embedding that hardly counts",
        "frozen|mae",
        lambda: places(house_model=frozen_table(0.02)),
    ),
    ("an embedding inside another network", "no-embedding", lambda: places(house_model=nested_table())),
    ("an exponential at the end", "mae", lambda: places("exponential")),
    ("inputs swapped", "inputs-swapped", lambda: places("swapped")),
    ("in dollars", "in-dollars", lambda: places(house_model=dollar_houses())),
    ("a sigmoid at the end", "ends-at-one", lambda: places("sigmoid")),
    ("not scaled back", "scaled-target", lambda: places(house_model=scaled_houses())),
    ("not trained", "mae", lambda: places(house_model=house_network())),
    ("trained on all rows", "leak-train-test", lambda: places("rows:all")),
    ("trained on test rows too", "leak-train-test", lambda: places("rows:train and test")),
    ("trained on validation rows too", "leak-validation", lambda: places("rows:train and validation")),
    ("codes of other houses", "codes-misplaced|mae", lambda: places("rows:shuffled codes")),
    (
        "numbered anew",
        "numbered-anew",
        lambda: places(one_hot=lambda c, n: np.eye(n)[np.unique(c, return_inverse=True)[1]]),
    ),
    ("ones up to the code", "order-of-codes", lambda: places(one_hot=lambda c, n: c[:, None] >= np.arange(n))),
    ("always 28 columns", "wrong-shape", lambda: places(one_hot=lambda c, n: np.eye(28)[c])),
    ("minus ones", "minus-ones", lambda: places(one_hot=lambda c, n: 2 * one_hot(c, n) - 1)),
    ("27 rows", "embedding", lambda: places(house_model=house_network("27 rows"))),
    ("twelve numbers", "too-many-inputs", lambda: places(house_model=house_network("twelve numbers"))),
    ("a line", "not-keras", lambda: places(house_model=wrong_sklearn())),
    ("answers looked up", "not-keras", lambda: places(house_model=Forged())),
    ("counted from 1", "shifted", lambda: places(one_hot=lambda c, n: c[:, None] == np.arange(1, n + 1))),
    ("a 1 behind its place", "shifted-up", lambda: places(one_hot=one_place_on)),
    ("trained on the raw numbers", "unscaled-inputs", lambda: places(house_model=raw_houses())),
    ("ends with the hidden layer", "wrong-shape", lambda: places(house_model=without_output())),
    ("prices rounded in `call`", "not-its-layers", lambda: places(house_model=rounded_houses())),
):
    wrong("03b.2", code, name)(build)


# --- 03b.3


def waves(X):
    return np.sin(np.pi * X[:, 0] * X[:, 1]) + 4 * (X[:, 2] - 0.5) ** 2 + X[:, 3] * X[:, 4] - 1


def waves_loop(X):
    return [np.sin(np.pi * a * b) + 4 * (c - 0.5) ** 2 + d * e - 1 for a, b, c, d, e in X]


def large(X):
    """Like the price of a house in dollars: large and above 0."""
    return 200_000 + 100_000 * X[:, 0] * X[:, 1] + 50_000 * X[:, 2] ** 2 + 40_000 * X[:, 3] - 30_000 * X[:, 4]


def thousands(X):
    return 1000 * waves(X) + 3000


def product(X):
    return np.prod(1 + X, axis=1)[:, None]


@trained_once
def learner(kind="boosting", function=waves):
    """A regressor fitted to a function of five variables."""
    from sklearn.ensemble import GradientBoostingRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures

    X = np.random.default_rng(1).uniform(size=(3000, 5))
    model = {
        "boosting": GradientBoostingRegressor(n_estimators=100, max_depth=4, learning_rate=0.2, random_state=0),
        "network": MLPRegressor(hidden_layer_sizes=(32,), max_iter=60, learning_rate_init=0.01, random_state=0),
        "short": MLPRegressor(hidden_layer_sizes=(3,), max_iter=3, random_state=0),
        "polynomial": make_pipeline(PolynomialFeatures(4), LinearRegression()),
        "line": LinearRegression(),
        "no bend": MLPRegressor(hidden_layer_sizes=(8,), activation="identity", max_iter=60, random_state=0),
    }[kind]
    return model.fit(X, np.ravel(function(X)))


@cache
def hinges(last=None, built="sequential", steepness=1.0):
    """A Keras network with 300 random ReLUs whose output weights are found by least squares: no descent needed."""
    import keras
    from keras import layers

    rng = np.random.default_rng(0)
    W, b = rng.normal(size=(5, 300)), rng.uniform(-1, 1, size=300)
    X = rng.uniform(size=(3000, 5))
    hidden = np.maximum(0, X @ W + b)
    design = np.column_stack([hidden, np.ones(len(X))])
    solution = np.linalg.lstsq(design.T @ design + 1e-4 * np.eye(301), design.T @ waves(X), rcond=None)[0]
    if built == "functional":
        inputs = keras.Input((5,))
        model = keras.Model(inputs, layers.Dense(1, activation=last)(layers.Dense(300, activation="relu")(inputs)))
    else:
        model = keras.Sequential([keras.Input((5,)), layers.Dense(300, "relu"), layers.Dense(1, activation=last)])
    model.set_weights([W, b, steepness * solution[:-1, None], steepness * solution[-1:]])
    return model


def answer(model, X):
    return np.ravel(model(X.astype("float32")) if hasattr(model, "layers") else model.predict(X))


def five(function=waves, model=None, change=lambda truth, fitted: truth - fitted, **other):
    model = learner("polynomial") if model is None else model
    X = np.random.default_rng(2).uniform(size=(1000, 5))
    truth = np.ravel(function(X))
    return {"my_function": function, "my_model": model, "residuals": change(truth, answer(model, X)), **other}


for name, build in {
    "a polynomial": lambda: five(),
    "a loop, boosted trees, a list": lambda: five(
        waves_loop, learner(), lambda truth, fitted: (truth - fitted).tolist()
    ),
    "Keras Sequential": lambda: five(model=hinges()),
    "Keras functional, residuals as a column": lambda: five(
        model=hinges(built="functional"), change=lambda truth, fitted: (truth - fitted)[:, None]
    ),
    "scikit-learn's network, float32": lambda: five(
        waves, learner("network"), lambda truth, fitted: (truth - fitted).astype("float32")
    ),
    "large values": lambda: five(large, learner("polynomial", large)),
    "a product, as a column": lambda: five(product, learner("polynomial", product)),
}.items():
    right("03b.3", name)(build)


def four_only(X):
    return waves(X) - X[:, 3] * X[:, 4] + X[:, 3] ** 2


def noisy(X):
    return waves(X) + np.random.default_rng().normal(size=len(X))


def noisy_global(X):
    return waves(X) + 0.3 * np.random.normal(size=len(X))


def noisy_fixed(X):
    return waves(X) + 0.3 * np.random.default_rng(0).normal(size=len(X))


def overwriting(X):
    X -= 0.5
    return waves(X)


def of_all_rows(X):
    return waves(X) / np.max(np.abs(waves(X)))


def plane(X):
    return X @ np.array([1.0, -2.0, 3.0, 0.5, -1.0]) + 1


def rough(X):
    return np.sin(60 * X.sum(axis=1))


class Scaled:
    """Predicts a standardised target."""

    def predict(self, X):
        return (learner("polynomial").predict(X) - 0.14) / 0.5


class Negative:
    """Learned the function with the other sign."""

    def predict(self, X):
        return -learner("polynomial").predict(X)


def table(truth, fitted):
    return truth[:, None] - fitted


def broadcast(truth, fitted):
    return truth - fitted[:, None]


for name, code, build in (
    ("one variable unused", "variable-unused", lambda: five(four_only, learner("polynomial", four_only))),
    ("random", "random", lambda: five(noisy)),
    ("NumPy's global random numbers", "random", lambda: five(noisy_global)),
    ("noise of a fixed seed", "random", lambda: five(noisy_fixed)),
    ("X overwritten", "changes-input", lambda: five(my_function=overwriting)),
    ("a small network, too short", "r2", lambda: five(model=learner("short"))),
    ("depends on the other rows", "depends-on-other-rows", lambda: five(of_all_rows)),
    ("a plane", "linear-function", lambda: five(plane, learner("line", plane))),
    ("constant", "constant", lambda: five(lambda X: np.ones(len(X)))),
    ("nearly constant", "constant", lambda: five(lambda X: 1e-9 * waves(X))),
    ("another function learned", "r2", lambda: five(model=Negative())),
    ("residuals of mean 0", "residuals", lambda: five(change=lambda truth, fitted: np.sin(50 * truth))),
    ("one number", "wrong-shape", lambda: five(my_function=lambda X: float(waves(X).sum()))),
    ("a line as the model", "linear-model", lambda: five(model=learner("line"))),
    ("a line for a large function", "linear-model", lambda: five(thousands, learner("line", thousands))),
    ("a network without a bend", "linear-model", lambda: five(model=learner("no bend"))),
    ("a network for a large function", "large-target", lambda: five(thousands, learner("network", thousands))),
    ("a short training on a large function", "large-target", lambda: five(thousands, learner("short", thousands))),
    ("a large function, learned scaled", "scaled-target", lambda: five(thousands, hinges())),
    ("ends in a ReLU", "last-activation", lambda: five(model=hinges("relu"))),
    ("ends in a sigmoid", "last-activation", lambda: five(model=hinges("sigmoid", steepness=8.0))),
    ("not scaled back", "scaled-target", lambda: five(model=Scaled())),
    ("too rough to learn", "r2", lambda: five(rough, learner("boosting", rough))),
    ("the function itself as the model", "not-a-model", lambda: five(my_model=waves)),
    ("wrong sign", "wrong-sign", lambda: five(change=lambda truth, fitted: fitted - truth)),
    ("absolute", "absolute", lambda: five(change=lambda truth, fitted: np.abs(truth - fitted))),
    ("squared", "squared", lambda: five(change=lambda truth, fitted: (truth - fitted) ** 2)),
    ("the predictions", "predictions", lambda: five(change=lambda truth, fitted: fitted)),
    ("a function as a column makes a table", "broadcast", lambda: five(product, learner("polynomial", product), table)),
    ("a table of differences", "broadcast", lambda: five(change=broadcast)),
    ("other rows", "residuals", lambda: five(change=lambda truth, fitted: np.roll(truth - fitted, 1))),
    ("too few", "wrong-shape", lambda: five(change=lambda truth, fitted: (truth - fitted)[:100])),
):
    wrong("03b.3", code, name)(build)


# --- 03b.4

LOSSES = {
    "squared": lambda r: r**2,
    "absolute": lambda r: np.abs(r),
    "huber": lambda r: np.where(np.abs(r) <= 1, r**2 / 2, np.abs(r) - 0.5),
}


def mean_losses(y, loss, n=2001):
    candidates = np.linspace(np.min(y), np.max(y), n)
    return candidates, LOSSES[loss](np.asarray(y)[:, None] - candidates).mean(axis=0)


def by_grid(y, loss):
    candidates, losses = mean_losses(y, loss)
    return candidates[losses.argmin()]


def by_formula(y, loss):
    """Mean, median, and Huber's constant by repeated weighting."""
    if loss == "squared":
        return np.mean(y)
    c = np.median(y)
    for _ in range(200 if loss == "huber" else 0):
        weights = 1 / np.maximum(1, np.abs(y - c))
        c = np.sum(weights * y) / weights.sum()
    return float(c)


def by_scipy(y, loss):
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda c: LOSSES[loss](y - c).mean(), bounds=(min(y), max(y)), method="bounded")
    return found.x


def by_descent(y, loss):
    slope = {"squared": lambda r: 2 * r, "absolute": np.sign, "huber": lambda r: np.clip(r, -1, 1)}[loss]
    c = 0.0
    for step in range(4000):
        c += 0.5 / (1 + step / 100) * slope(y - c).mean()
    return np.array([c])


def among_the_data(y, loss):
    candidates = np.sort(np.concatenate([y, np.linspace(min(y), max(y), 300)]))
    return min(candidates, key=lambda c: LOSSES[loss](y - c).mean())


def in_steps(y, loss):
    candidates = np.arange(y.min(), y.max(), 0.001 * np.ptp(y))
    return candidates[np.argmin([LOSSES[loss](y - c).mean() for c in candidates])]


@cache
def spoilt():
    X, y, _ = part(0)
    typos = np.random.default_rng(0).choice(len(y), size=len(y) // 20, replace=False)
    y = y.copy()
    y[typos] *= 10
    return X, y


@trained_once
def on_spoilt(kind):
    """A regressor fitted to the spoilt prices."""
    import keras
    from keras import layers
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import GradientBoostingRegressor
    from sklearn.linear_model import LinearRegression

    X, y = spoilt()
    if kind.startswith("keras"):
        keras.utils.set_random_seed(0)
        last = "sigmoid" if kind == "keras sigmoid" else None
        model = keras.Sequential([keras.Input((12,)), layers.Dense(32, "relu"), layers.Dense(1, last)])
        loss = {"keras mse": "mse", "keras huber": keras.losses.Huber(0.2)}.get(kind, "mae")
        epochs = 1 if kind == "keras mae, one epoch" else 20
        model.compile(keras.optimizers.Adam(0.02 if epochs == 1 else 0.01), loss, steps_per_execution=14)
        model.fit(X, y, epochs=epochs, batch_size=128 if epochs == 1 else 64, verbose=0)
        return model
    if kind == "raw inputs":
        from coursekit.data import ames_rows, load_ames_numbers

        X = load_ames_numbers()[0][ames_rows()[0]]
    if kind == "clipped":
        y = np.where(y > 8, y / 10, y)
    if kind == "test rows":
        X, y = part(2)[:2]
    if kind == "training and test rows":
        X, y = np.concatenate([X, part(2)[0]]), np.concatenate([y, part(2)[1]])
    if kind == "line on clean prices":
        return LinearRegression().fit(*part(0)[:2])
    if kind == "logarithm, undone":
        return TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp).fit(X, y)
    if kind == "huber":
        return GradientBoostingRegressor(loss="huber", random_state=0).fit(X, y)
    loss = "squared_error" if kind in ("clipped", "trees mse") else "absolute_error"
    settings = {"n_estimators": 100, "max_depth": 4, "subsample": 0.5, "random_state": 0}
    return GradientBoostingRegressor(loss=loss, **settings).fit(X, y)


class Times:
    """A model whose predictions are multiplied and shifted."""

    def __init__(self, factor, shift=0.0):
        self.factor, self.shift = factor, shift

    def predict(self, X):
        return self.factor * (on_spoilt("clipped").predict(X) - self.shift)


class Logarithm:
    """Trained on the logarithm of the price, and not taken back."""

    def predict(self, X):
        return np.log(on_spoilt("clipped").predict(X))


def robust(best_constant=by_grid, model="clipped", **other):
    return {"best_constant": best_constant, "robust_model": on_spoilt(model), **other}


for name, build in {
    "a grid, typing errors found and mended": lambda: robust(),
    "formulas, trees with the absolute loss": lambda: robust(by_formula, "absolute"),
    "scipy, Keras with the absolute loss": lambda: robust(by_scipy, "keras mae"),
    "descent, Keras with Huber's loss": lambda: robust(by_descent, "keras huber"),
    "a grid in steps, empty where all numbers are equal": lambda: robust(in_steps, "absolute"),
    "trees with Huber's loss, far off where prices are spoilt": lambda: robust(by_grid, "huber"),
    "candidates among the data": lambda: robust(among_the_data, "absolute"),
}.items():
    right("03b.4", name)(build)


def largest(y, loss):
    candidates, losses = mean_losses(y, loss)
    return candidates[losses.argmax()]


def smallest_loss(y, loss):
    return mean_losses(y, loss)[1].min()


def by_thirty(y, loss):
    candidates, losses = mean_losses(y, loss, 30)
    return candidates[losses.argmin()]


def only_the_data(y, loss):
    return min(y, key=lambda c: LOSSES[loss](y - c).mean())


def of_the_spoilt(y, loss):
    return by_grid(spoilt()[1], loss)


def median_for_huber(y, loss):
    return by_grid(y, "absolute" if loss == "huber" else loss)


def midpoint_for_huber(y, loss):
    return (np.mean(y) + np.median(y)) / 2 if loss == "huber" else by_formula(y, loss)


def short_descent(y, loss):
    return by_formula(y, loss) - 0.15


def index(y, loss):
    return mean_losses(y, loss)[1].argmin()


def fixed_grid(y, loss):
    candidates = np.linspace(0, 20, 2001)
    return candidates[LOSSES[loss](y[:, None] - candidates).mean(axis=0).argmin()]


def half_huber(y, loss):
    return by_grid(y, "squared" if loss == "huber" else loss)


def constant_model():
    from sklearn.dummy import DummyRegressor

    return DummyRegressor(strategy="median").fit(*spoilt())


for name, code, build in (
    ("always the mean", "same-for-all", lambda: robust(lambda y, loss: np.mean(y))),
    ("always the median", "same-for-all", lambda: robust(lambda y, loss: np.median(y))),
    ("thirty candidates", "coarse", lambda: robust(by_thirty)),
    ("the largest loss", "largest-loss", lambda: robust(largest)),
    ("the loss in place of the constant", "returns-loss", lambda: robust(smallest_loss)),
    ("the position", "returns-index", lambda: robust(index)),
    ("Huber's loss is squared", "constant-huber", lambda: robust(half_huber)),
    ("Huber's is the median", "constant-huber", lambda: robust(median_for_huber)),
    ("Huber's is between mean and median", "constant-huber", lambda: robust(midpoint_for_huber)),
    ("all a little too low", "coarse", lambda: robust(short_descent)),
    ("trained on the test rows", "leak-train-test", lambda: robust(model="test rows")),
    ("trained on training and test rows", "leak-train-test", lambda: robust(model="training and test rows")),
    ("a line on clean prices", "plane", lambda: robust(model="line on clean prices")),
    ("the logarithm, undone by an exponential", "mae|pulled-up", lambda: robust(model="logarithm, undone")),
    ("only numbers of y", "only-data", lambda: robust(only_the_data)),
    ("a fixed grid", "other-numbers", lambda: robust(fixed_grid)),
    ("the spoilt prices, whatever y", "not-its-y", lambda: robust(of_the_spoilt)),
    ("logarithms", "log-target", lambda: robust(robust_model=Logarithm())),
    ("zero", "returns-index", lambda: robust(lambda y, loss: 0.0)),
    ("all candidates", "wrong-shape", lambda: robust(lambda y, loss: mean_losses(y, loss)[0])),
    ("Keras with the squared loss", "squared-loss", lambda: robust(model="keras mse")),
    ("Keras, one epoch", "mae", lambda: robust(model="keras mae, one epoch")),
    ("Keras with a sigmoid at the end", "ends-at-one", lambda: robust(model="keras sigmoid")),
    ("trees with the squared loss", "squared-loss", lambda: robust(model="trees mse")),
    ("raw inputs", "unscaled-inputs", lambda: robust(model="raw inputs")),
    ("in dollars", "in-dollars", lambda: robust(robust_model=Times(UNIT))),
    ("not scaled back", "scaled-target", lambda: robust(robust_model=Times(1.3, 1.8))),
    ("a fifth too little", "mae", lambda: robust(robust_model=Times(0.8))),
    ("a constant", "constant", lambda: robust(robust_model=constant_model())),
    ("a function", "not-a-model", lambda: robust(robust_model=lambda X: on_spoilt("clipped").predict(X))),
):
    wrong("03b.4", code, name)(build)


# --- 03b.5


@trained_once
def tree_model(kind="forest", rows="train"):
    """A fitted regressor on some rows of the houses."""
    from sklearn.ensemble import (
        ExtraTreesRegressor,
        GradientBoostingRegressor,
        RandomForestRegressor,
    )
    from sklearn.linear_model import LinearRegression
    from sklearn.neural_network import MLPRegressor

    if kind.startswith("xgboost"):
        from xgboost import XGBRegressor

        depth = 6 if kind == "xgboost, deep" else 4
        model = XGBRegressor(
            n_estimators=150, max_depth=depth, learning_rate=0.1, subsample=0.7, random_state=0, n_jobs=1
        )
    else:
        model = {
            "forest": RandomForestRegressor(60, max_features=0.4, random_state=0),
            "extra trees": ExtraTreesRegressor(60, random_state=0),
            "plain forest": RandomForestRegressor(60, random_state=1),
            "boosting": GradientBoostingRegressor(n_estimators=150, max_depth=4, subsample=0.5, random_state=0),
            "many small trees": GradientBoostingRegressor(n_estimators=300, subsample=0.5, random_state=0),
            "default trees": GradientBoostingRegressor(random_state=0),
            "stump": RandomForestRegressor(5, max_depth=1, random_state=0),
            "line": LinearRegression(),
            "network": MLPRegressor(hidden_layer_sizes=(64,), early_stopping=True, max_iter=300, random_state=0),
        }[kind]
    X, y, _, (train, val, test) = houses()
    if rows == "logarithm":
        y, rows = np.log(y), "train"
    if rows == "raw":
        from coursekit.data import load_ames_numbers

        X, rows = load_ames_numbers()[0], "train"
    chosen = {"train": train, "val": val, "all": np.concatenate([train, val, test]), "train and test": [*train, *test]}
    chosen["train and validation"] = [*train, *val]
    return model.fit(X[chosen[rows]], y[chosen[rows]])


def grid_search():
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import GridSearchCV

    X, y, _ = part(0)
    settings = {"max_features": [0.4]}
    return GridSearchCV(RandomForestRegressor(40, random_state=0), settings, cv=2).fit(X, y)


def scored(models, measure=lambda r: UNIT * np.mean(np.abs(r)), i=2):
    X, y, _ = part(i)
    return {name: measure(y - np.ravel(model.predict(X))) for name, model in models.items()}


def baseline(forest=None, boosting=None, errors=None, change=lambda errors: errors, **how):
    models = {
        "line": tree_model("line"),
        "network": tree_model("network"),
        "forest": forest or tree_model(),
        "boosting": boosting or tree_model("boosting"),
    }
    answers = {name: models[name] for name in ("forest", "boosting", "network")}
    return {**answers, "errors": change(scored(models, **how)) if errors is None else errors}


for name, build in {
    "forest and boosting": lambda: baseline(),
    "extra trees and XGBoost": lambda: baseline(tree_model("extra trees"), tree_model("xgboost")),
    "many small trees, errors as rounded numbers": lambda: baseline(
        tree_model("plain forest"), tree_model("many small trees"), change=lambda e: {k: round(v) for k, v in e.items()}
    ),
    "a grid search, errors in another order": lambda: baseline(
        grid_search(), change=lambda e: dict(sorted(e.items())) | {"mean": 180_000.0}
    ),
    "boosting as it comes": lambda: baseline(boosting=tree_model("default trees")),
    "errors as arrays": lambda: baseline(change=lambda e: {k: np.array([v]) for k, v in e.items()}),
}.items():
    right("03b.5", name)(build)


def dummy():
    from sklearn.dummy import DummyRegressor

    return DummyRegressor().fit(*part(0)[:2])


def not_fitted():
    from sklearn.ensemble import RandomForestRegressor

    return {**baseline(), "forest": RandomForestRegressor()}


def series(errors):
    import pandas as pd

    return pd.Series(errors)


def mixed_errors():
    answers = baseline()
    known = scored({"forest": answers["forest"]}, i=0)
    return {**answers, "errors": answers["errors"] | known}


def exchanged(errors):
    return errors | {"forest": errors["boosting"], "boosting": errors["forest"]}


def rounded_up(errors):
    return {name: value * 1.1 for name, value in errors.items()}


for name, code, build in (
    ("the forest has seen all rows", "leak-train-test", lambda: baseline(tree_model("forest", "all"))),
    (
        "the trees have seen the test rows",
        "leak-train-test",
        lambda: baseline(boosting=tree_model("xgboost, deep", "train and test")),
    ),
    ("plain trees have seen all rows", "leak-train-test", lambda: baseline(boosting=tree_model("boosting", "all"))),
    (
        "trees have seen the validation rows",
        "leak-validation",
        lambda: baseline(boosting=tree_model("boosting", "train and validation")),
    ),
    ("the forest on training rows, the rest on test rows", "errors-on-train", lambda: mixed_errors()),
    ("two errors exchanged", "other-model", lambda: baseline(change=exchanged)),
    ("fitted on raw numbers", "unscaled-inputs", lambda: baseline(tree_model("forest", "raw"))),
    ("fitted on the validation rows", "wrong-rows|forest", lambda: baseline(tree_model("forest", "val"))),
    ("the logarithm", "log-target", lambda: baseline(boosting=tree_model("boosting", "logarithm"))),
    ("a Series", "wrong-type", lambda: baseline(change=series)),
    ("squares", "mean-squared", lambda: baseline(measure=lambda r: UNIT * np.mean(r**2))),
    ("squares of dollars", "mean-squared-dollars", lambda: baseline(measure=lambda r: np.mean((UNIT * r) ** 2))),
    ("five stumps", "forest", lambda: baseline(tree_model("stump"))),
    ("boosting as a forest", "not-forest", lambda: baseline(tree_model("boosting"))),
    ("a line as boosting", "not-boosting", lambda: baseline(boosting=tree_model("line"))),
    ("a constant", "constant", lambda: baseline(dummy())),
    ("never fitted", "not-fitted", not_fitted),
    ("units of 100,000 dollars", "wrong-unit", lambda: baseline(measure=lambda r: np.mean(np.abs(r)))),
    ("errors on the training rows", "errors-on-train", lambda: baseline(i=0)),
    ("errors on the validation rows", "errors-on-val", lambda: baseline(i=1)),
    ("root mean square", "squared", lambda: baseline(measure=lambda r: UNIT * np.sqrt(np.mean(r**2)))),
    ("medians", "median", lambda: baseline(measure=lambda r: UNIT * np.median(np.abs(r)))),
    ("one key missing", "missing-key", lambda: baseline(errors={"line": 1.0, "forest": 2.0, "boosting": 3.0})),
    ("a list", "wrong-type", lambda: baseline(errors=[1.0, 2.0, 3.0, 4.0])),
    ("ten per cent too large", "errors", lambda: baseline(change=rounded_up)),
    ("signs kept", "signed", lambda: baseline(measure=lambda r: UNIT * np.mean(r))),
    ("twice the errors", "errors", lambda: baseline(change=lambda e: {key: 2 * value for key, value in e.items()})),
    ("a word among the errors", "wrong-type", lambda: baseline(change=lambda e: e | {"forest": "small"})),
):
    wrong("03b.5", code, name)(build)
