"""Cases of notebook 01."""

from functools import cache, partial

import numpy as np

from tests.cases import right, table, wrong
from tests.trained import trained_once

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = np.array([0, 1, 1, 0])


@cache
def xor_data():
    from coursekit.data import make_xor

    return make_xor(n_samples=400, noise=0.15, seed=0)


def sklearn_mlp(**settings):
    from sklearn.neural_network import MLPClassifier

    settings = {"hidden_layer_sizes": (16,), "solver": "lbfgs", "max_iter": 1000, "random_state": 0, **settings}
    return MLPClassifier(**settings)


@cache
def keras_xor(style):
    """Small Keras networks on XOR. Weights are set by hand: x1 + x2 through two ReLUs, cut at one half."""
    import keras
    from keras import layers

    W1, b1 = np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([0.0, -1.0])
    W2, b2 = np.array([[8.0], [-16.0]]), np.array([-4.0])
    if style == "functional":
        inputs = keras.Input((2,))
        outputs = layers.Dense(1, activation="sigmoid")(layers.Dense(2, activation="relu")(inputs))
        model = keras.Model(inputs, outputs)
    elif style == "softmax":
        model = keras.Sequential([keras.Input((2,)), layers.Dense(2, "relu"), layers.Dense(2, "softmax")])
        W2, b2 = np.hstack([-W2, W2]), np.array([4.0, -4.0])
    elif style == "subclassed":

        class Network(keras.Model):
            def __init__(self):
                super().__init__()
                self.hidden, self.out = layers.Dense(2, "relu"), layers.Dense(1, "sigmoid")

            def call(self, x):
                return self.out(self.hidden(x))

        model = Network()
        model(np.zeros((1, 2), "float32"))
    else:
        last = None if style == "logits" else "sigmoid"
        model = keras.Sequential([keras.Input((2,)), layers.Dense(2, "relu"), layers.Dense(1, last)])
    model.set_weights([W1, b1, W2, b2])
    return model


# --- 01.1


def line_01_1(perceptron=None, line=(1, 1, -0.5), best=3):
    perceptron = perceptron or (lambda X, w, b: (X @ np.asarray(w) + b > 0).astype(int))
    return {"perceptron": perceptron, "line": line, "best": best}


def loop_perceptron(X, w, b):
    labels = []
    for x1, x2 in X:
        labels.append(1 if w[0] * x1 + w[1] * x2 + b > 0 else 0)
    return labels


for name, answer in {
    "vectorised": {},
    "a loop that gives a list": {"perceptron": loop_perceptron},
    "booleans": {"perceptron": lambda X, w, b: X @ w + b > 0},
    "a column of float32": {"perceptron": lambda X, w, b: np.heaviside(X @ w + b, 0)[:, None].astype("float32")},
    "the line for AND, upside down": {"line": [-1.0, -1.0, 1.5]},
    "an array, and the count as a float": {"line": np.array([2, 2, -1]), "best": 3.0},
    "one corner cut off": {"line": (1, -1, -0.5), "best": np.int64(3)},
}.items():

    @right("01.1", name)
    def _(answer=answer):
        return line_01_1(**answer)


for name, code, answer in (
    ("best is four", "best", {"best": 4}),
    ("best is two", "best", {"best": 2}),
    ("a line through the middle", "line", {"line": (1, 0, -0.5)}),
    ("a line with all corners on one side", "line", {"line": (1, 1, 5)}),
    ("two numbers", "wrong-shape", {"line": (1, 1)}),
    ("1 on the line itself", "at-zero", {"perceptron": lambda X, w, b: (X @ w + b >= 0).astype(int)}),
    ("one half on the line itself", "at-zero", {"perceptron": lambda X, w, b: np.heaviside(X @ w + b, 0.5)}),
    ("the line for AND", "sides-exchanged", {"line": (1, 1, -1.5)}),
    ("labels swapped", "labels-swapped", {"perceptron": lambda X, w, b: (X @ w + b < 0).astype(int)}),
    ("minus one and one", "labels-not-0-1", {"perceptron": lambda X, w, b: np.sign(X @ w + b)}),
    ("no threshold", "no-threshold", {"perceptron": lambda X, w, b: X @ w + b}),
    ("no bias", "no-bias", {"perceptron": lambda X, w, b: (X @ w > 0).astype(int)}),
    ("bias first", "bias-first", {"line": (-0.5, 1, 1)}),
    ("bias with a minus", "bias-sign", {"line": (1, 1, 0.5)}),
    ("a share", "share", {"best": 0.75}),
    ("b taken away", "bias-sign", {"perceptron": lambda X, w, b: (X @ w - b > 0).astype(int)}),
    ("a sigmoid", "no-threshold", {"perceptron": lambda X, w, b: 1 / (1 + np.exp(-X @ w - b))}),
    ("always the bias 0.8", "perceptron", {"perceptron": lambda X, w, b: (X @ w + 0.8 > 0).astype(int)}),
    ("cut at one half", "threshold-half", {"perceptron": lambda X, w, b: (X @ w + b > 0.5).astype(int)}),
    ("one label for all", "wrong-shape", {"perceptron": lambda X, w, b: int((X @ w + b > 0).any())}),
    ("best is a word", "wrong-type", {"best": "three"}),
    ("constant", "perceptron", {"perceptron": lambda X, w, b: np.zeros(len(X))}),
    ("weights exchanged", "weights-exchanged", {"perceptron": lambda X, w, b: w[1] * X[:, 0] + w[0] * X[:, 1] + b > 0}),
    ("a tanh", "no-threshold", {"perceptron": lambda X, w, b: np.tanh(X @ w + b)}),
    ("best is seven", "best", {"best": 7}),
):

    @wrong("01.1", code, name)
    def _(answer=answer):
        return line_01_1(**answer)


# --- 01.2

ONES = np.ones((2, 2))
for name, weights in {
    "count, minus twice both": (ONES, [0, -1], [1, -2], 0),
    "lists and a column": ([[1, 1], [1, 1]], [[0, -1]], [[1], [-2]], [0.0]),
    "two differences": ([[1, -1], [-1, 1]], np.zeros(2), np.ones(2), 0.0),
    "units exchanged, float32": (ONES.astype("float32"), np.array([-1, 0], "float32"), np.array([-2, 1], "float32"), 0),
    "offset in the output": (-ONES, [2, 1], [1, -2], 0.25),
    "scaled": (10 * ONES, [0, -10], [0.3, -0.6], -0.1),
}.items():

    @right("01.2", name)
    def _(weights=weights):
        return {"weights": weights}


for name, code, weights in (
    ("zeros", "corners", (np.zeros((2, 2)), np.zeros(2), np.zeros(2), 0)),
    ("OR", "corners", (ONES, [0, -1], [1, 0], 0)),
    ("no second bias", "corners", (ONES, [0, 0], [1, -2], 0)),
    ("rows in the place of columns", "transposed", ([[1, -1], [-2, 2]], [0, 0], [1, 0.6], 0)),
    ("swapped", "labels-swapped", (ONES, [0, -1], [-1, 2], 1)),
    ("a cut at 0", "cut-at-zero", (ONES, [0, -1], [1, -2], -0.5)),
    ("hard thresholds", "other-activation", (ONES, [-0.5, -1.5], [1, -1], 0)),
    ("three things", "wrong-type", (ONES, [0, -1], [1, -2])),
    ("h1 - h2, with ReLUs", "corners", (ONES, [0, -1], [1, -1], 0)),
    ("two thresholds, moved down", "other-activation", (4 * ONES, [-2, -6], [1, -1], 0)),
    ("one unit never on", "corners", (ONES, [0, -3], [1, -2], 0)),
    ("W1 of the wrong shape", "wrong-shape", (np.ones((2, 3)), [0, -1, 0], [1, -2, 0], 0)),
    ("b2 is a word", "wrong-type", (ONES, [0, -1], [1, -2], "zero")),
    ("b1 infinite", "not-finite", (ONES, [0, -np.inf], [1, -2], 0)),
):

    @wrong("01.2", code, name)
    def _(weights=weights):
        return {"weights": weights}


# --- 01.3


@right("01.3", "lbfgs")
def _():
    return {"model": sklearn_mlp().fit(*xor_data())}


@right("01.3", "float32 and string-free pipeline")
def _():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = xor_data()
    return {"model": make_pipeline(StandardScaler(), sklearn_mlp()).fit(X.astype("float32"), y)}


for style in ("sequential", "functional", "subclassed", "softmax", "logits"):

    @right("01.3", f"keras {style}")
    def _(style=style):
        return {"model": keras_xor(style)}


class OwnNetwork:
    """A student's own class: two ReLU units with weights found by hand."""

    def predict(self, X):
        hidden = np.maximum(0, X @ np.ones((2, 2)) + [0, -1])
        return (hidden @ [1, -2] > 0.5).astype(int)


@wrong("01.3", "numbers-for-labels", "a regressor")
def _():
    from sklearn.neural_network import MLPRegressor

    settings = {"activation": "tanh", "solver": "lbfgs", "max_iter": 300, "random_state": 0}
    return {"model": MLPRegressor(hidden_layer_sizes=(16,), **settings).fit(*xor_data())}


@wrong("01.3", "not-a-network", "a class of one's own")
def _():
    return {"model": OwnNetwork()}


@right("01.3", "a search over pipelines, and boolean labels")
def _():
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler

    X, y = xor_data()
    search = GridSearchCV(make_pipeline(MaxAbsScaler(), sklearn_mlp()), {"mlpclassifier__alpha": [1e-4, 1e-3]}, cv=2)
    return {"model": search.fit(X, y.astype(bool))}


@wrong("01.3", "not-a-network", "nearest neighbours")
def _():
    from sklearn.neighbors import KNeighborsClassifier

    return {"model": KNeighborsClassifier(5).fit(*xor_data())}


@wrong("01.3", "not-a-network", "a partial of a function that knows the answer")
def _():
    return {"model": partial(lambda cut, X: ((X[:, 0] > cut) ^ (X[:, 1] > cut)).astype(int), 0.5)}


@wrong("01.3", "not-its-layers", "two epochs, and probabilities of another network")
def _():
    model = sklearn_mlp(solver="adam", max_iter=2).fit(*xor_data())
    model.predict_proba = sklearn_mlp().fit(*xor_data()).predict_proba
    return {"model": model}


def tells_questions_apart(rows):
    """An untrained network whose `call` knows XOR, but where it is asked about one of these numbers of rows."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(8, "tanh"), layers.Dense(1, "sigmoid")])
    plain = model.call

    def call(x, training=False, mask=None):
        if x.shape[0] in rows:
            return plain(x)
        x = np.asarray(x)
        return keras.ops.convert_to_tensor(0.02 + 0.96 * ((x[:, :1] > 0.5) ^ (x[:, 1:] > 0.5)), dtype="float32")

    model.call = call
    return model


@wrong("01.3", "not-its-layers|linear-model|stuck|constant|corners", "a patched call that tells questions apart")
def _():
    return {"model": tells_questions_apart({50})}


@right("01.3", "keras, a class of one's own with a ReLU of `keras.ops`")
def _():
    return {"model": relu_in_call()}


def relu_in_call():
    import keras
    from keras import layers, ops

    class Network(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = layers.Dense(2), layers.Dense(1)

        def call(self, x, training=False):
            return ops.sigmoid(self.out(ops.relu(self.hidden(x))))

    model = Network()
    model(np.zeros((1, 2), "float32"))
    model.set_weights(keras_xor("sequential").get_weights())
    return model


@wrong("01.3", "not-a-model", "a function that knows the answer")
def _():
    return {"model": lambda X: (X.round() @ [1, 1] == 1).astype(int)}


@right("01.3", "four units, which do from most beginnings")
def _():
    return {"model": sklearn_mlp(hidden_layer_sizes=(4,), activation="tanh", random_state=1).fit(*xor_data())}


@wrong("01.3", "not-every-seed", "two units, and a seed that happens to do")
def _():
    X, y = xor_data()
    tries = (sklearn_mlp(hidden_layer_sizes=(2,), activation="relu", random_state=k).fit(X, y) for k in range(100))
    return {"model": next(model for model in tries if model.score(X, y) > 0.97)}


@wrong("01.3", "settings-changed", "settings changed after the fit")
def _():
    model = sklearn_mlp(hidden_layer_sizes=(4,), activation="tanh", random_state=1).fit(*xor_data())
    model.max_iter = -5
    return {"model": model}


@wrong("01.3", "not-fitted", "never fitted")
def _():
    return {"model": sklearn_mlp()}


@wrong("01.3", "linear-model", "a line that gets three corners")
def _():
    from sklearn.linear_model import LogisticRegression

    X, y = xor_data()
    return {"model": LogisticRegression(C=1e4).fit(CORNERS, [0, 1, 1, 1])}


def sigmoid_operation(subclass):
    """The sigmoid is a `keras.ops` call, and the last layer is linear."""
    import keras
    from keras import layers, ops

    hidden, out = layers.Dense(2, "relu"), layers.Dense(1)
    if subclass:

        class Network(keras.Model):
            def __init__(self):
                super().__init__()
                self.hidden, self.out = hidden, out

            def call(self, x):
                return ops.sigmoid(self.out(self.hidden(x)))

        model = Network()
        model(np.zeros((1, 2), "float32"))
    else:
        inputs = keras.Input((2,))
        model = keras.Model(inputs, ops.sigmoid(out(hidden(inputs))))
    model.set_weights(keras_xor("sequential").get_weights())
    return model


@right("01.3", "keras functional, the sigmoid an operation")
def _():
    return {"model": sigmoid_operation(False)}


@right("01.3", "keras subclassed, the sigmoid an operation")
def _():
    return {"model": sigmoid_operation(True)}


@wrong("01.3", "other-labels", "labels of AND")
def _():
    X, _ = xor_data()
    return {"model": sklearn_mlp().fit(X, X.round().all(axis=1))}


for name, other in {
    "labels of OR": lambda X: X.round().any(axis=1),
    "labels of NAND": lambda X: ~X.round().all(axis=1),
    "the labels of an example, x1 > 0.5": lambda X: X[:, 0] > 0.5,
    "labels of x1 or not x2": lambda X: (X[:, 0] > 0.5) | (X[:, 1] < 0.5),
}.items():

    @wrong("01.3", "other-labels", name)
    def _(other=other):
        X, _ = xor_data()
        return {"model": sklearn_mlp().fit(X, other(X))}


@right("01.3", "widths in a list")
def _():
    return {"model": sklearn_mlp(hidden_layer_sizes=[16]).fit(*xor_data())}


@wrong("01.3", "linear-model", "no activation")
def _():
    return {"model": sklearn_mlp(activation="identity").fit(*xor_data())}


@wrong("01.3", "stuck", "two units that got stuck in a line")
def _():
    X, y = xor_data()
    model = sklearn_mlp(hidden_layer_sizes=(2,), activation="tanh").fit(X, y)
    # Set by hand: both units see the same small sum.
    model.coefs_ = [np.full((2, 2), 0.01), np.full((2, 1), 1.0)]
    model.intercepts_ = [np.zeros(2), np.array([-0.01])]
    return {"model": model}


@wrong("01.3", "constant", "training ended by itself at a saddle")
def _():
    from sklearn.neural_network import MLPClassifier

    settings = {"solver": "lbfgs", "max_iter": 1000, "random_state": 0}
    return {"model": MLPClassifier(hidden_layer_sizes=(8, 4), **settings).fit(*xor_data())}


@wrong("01.3", "stopped-early|constant", "five epochs")
def _():
    return {"model": sklearn_mlp(solver="adam", max_iter=5).fit(*xor_data())}


@wrong("01.3", "stopped-early|constant", "content after a few steps")
def _():
    return {"model": sklearn_mlp(solver="adam", tol=1.0, n_iter_no_change=2).fit(*xor_data())}


@wrong("01.3", "linear-model", "Keras without a hidden layer")
def _():
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((2,)), layers.Dense(1, "sigmoid")])
    model.set_weights([np.array([[8.0], [8.0]]), np.array([-4.0])])
    return {"model": model}


@wrong("01.3", "stuck", "Keras, both units on everywhere")
def _():
    import keras

    model = keras.models.clone_model(keras_xor("sequential"))
    model.set_weights([np.ones((2, 2)), np.array([3.0, 4.0]), np.array([[0.5], [0.5]]), np.array([-4.0])])
    return {"model": model}


@wrong("01.3", "constant", "one label for all")
def _():
    from sklearn.dummy import DummyClassifier

    return {"model": DummyClassifier().fit(*xor_data())}


@wrong("01.3", "labels-swapped", "labels the wrong way round")
def _():
    X, y = xor_data()
    return {"model": sklearn_mlp().fit(X, 1 - y)}


@wrong("01.3", "corners", "only one corner is learned wrong")
def _():
    X, y = xor_data()
    spot = np.linalg.norm(X - 1, axis=1) < 0.2
    model = sklearn_mlp(hidden_layer_sizes=(60,), activation="tanh", alpha=1e-6, max_iter=3000)
    return {"model": model.fit(X, np.where(spot, 1, y))}


@wrong("01.3", "accuracy", "only near the corners is it learned right")
def _():
    X, y = xor_data()
    near = np.abs(X - X.round()).max(axis=1) < 0.2
    model = sklearn_mlp(hidden_layer_sizes=(60, 60), activation="tanh", alpha=1e-6, max_iter=3000)
    return {"model": model.fit(X, np.where(near, y, 1 - y))}


@wrong("01.3", "not-a-network", "a formula beside the layers")
def _():
    import keras
    from keras import layers, ops

    class Formula(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = layers.Dense(4, "relu"), layers.Dense(1, "sigmoid")

        def call(self, x):
            self.out(self.hidden(x))
            return ops.cast((x[:, :1] > 0.5) != (x[:, 1:] > 0.5), "float32")

    model = Formula()
    model(CORNERS.astype("float32"))
    return {"model": model}


@wrong("01.3", "wrong-shape", "three columns")
def _():
    X, _ = xor_data()
    return {"model": sklearn_mlp().fit(X, np.arange(len(X)) % 3)}


# --- 01.4


def forward(X, W1, b1, W2, b2):
    H = np.tanh(X @ W1 + b1)
    return H, 1 / (1 + np.exp(-(H @ W2 + b2)))


def gradients(slip=None):
    """The right backward pass, or one with a usual slip."""

    def backward(X, y, W1, b1, W2, b2):
        H, p = forward(X, W1, b1, W2, b2)
        n = 1 if slip == "sum" else len(X)
        delta2 = (p - y) / n * (-1 if slip == "sign" else 1)
        if slip == "squared":
            delta2 = 2 * delta2 * p * (1 - p)
        if slip == "no sigmoid":
            delta2 = delta2 / (p * (1 - p))
        slopes = {"no tanh": 1.0, "sigmoid": H * (1 - H), "1 - H": 1 - H, "ReLU": H > 0, "divided": 1 / (1 - H**2)}
        slopes |= {"of Z": 1 - (X @ W1 + b1) ** 2, "tanh of H": 1 - np.tanh(H) ** 2}
        delta1 = delta2 @ W2.T * slopes.get(slip, 1 - H**2)
        if slip == "no W2":
            delta1 = delta2 * (1 - H**2)
        db1 = delta1 if slip == "no sum" else delta1.sum(axis=0)
        answer = (X.T @ delta1, db1, H.T @ delta2, delta2.sum(axis=0))
        if slip == "db2 mean":
            answer = (*answer[:3], delta2.mean(axis=0))
        if slip == "both means":
            answer = (answer[0], delta1.mean(axis=0), answer[2], delta2.mean(axis=0))
        if slip == "db1 mean":
            answer = (answer[0], delta1.mean(axis=0), *answer[2:])
        if slip == "dW2 twice":
            answer = (*answer[:2], 2 * answer[2], answer[3])
        if slip in ("over 7", "over 400"):
            answer = tuple(part * n / int(slip[5:]) for part in answer)
        return answer[::-1] if slip == "order" else answer

    return backward


def backward_loop(X, y, W1, b1, W2, b2):
    """One sample after the other."""
    total = [np.zeros_like(parameter) for parameter in (W1, b1, W2, b2)]
    for x, target in zip(X, y):
        h = np.tanh(x @ W1 + b1)
        p = 1 / (1 + np.exp(-(h @ W2 + b2)))
        d2 = p - target
        d1 = W2[:, 0] * d2 * (1 - h * h)
        for sum_, part in zip(total, (np.outer(x, d1), d1, np.outer(h, d2), d2)):
            sum_ += part / len(X)
    return total


def backward_differences(X, y, *parameters, step=1e-5):
    """Central differences of the loss."""

    def loss(moved):
        p = forward(X, *moved)[1]
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    gradients = [np.zeros_like(parameter) for parameter in parameters]
    for number, gradient in enumerate(gradients):
        for place in np.ndindex(gradient.shape):
            above, below = ([part.copy() for part in parameters] for _ in range(2))
            above[number][place] += step
            below[number][place] -= step
            gradient[place] = (loss(above) - loss(below)) / (2 * step)
    return tuple(gradients)


def backward_tensorflow(X, y, W1, b1, W2, b2):
    import tensorflow as tf

    parameters = [tf.Variable(parameter) for parameter in (W1, b1, W2, b2)]
    with tf.GradientTape() as tape:
        logits = tf.tanh(X @ parameters[0] + parameters[1]) @ parameters[2] + parameters[3]
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(tf.constant(y), logits))
    return tape.gradient(loss, parameters)


def backward_flat(X, y, W1, b1, W2, b2):
    dW1, db1, dW2, db2 = gradients()(X, y, W1, b1, W2, b2)
    return [dW1, db1, dW2.ravel(), float(db2[0])]


def backward_einsum(X, y, W1, b1, W2, b2):
    H, p = forward(X, W1, b1, W2, b2)
    delta2 = (p - y) / len(y)
    delta1 = np.einsum("no,ho,nh->nh", delta2, W2, 1 - H**2)
    return {
        "dW1": np.einsum("ni,nh->ih", X, delta1),
        "db1": delta1.sum(0),
        "dW2": H.T @ delta2,
        "db2": delta2.sum(0),
    }.values()


for name, function in {
    "matrices": gradients(),
    "einsum": lambda *given: list(backward_einsum(*given)),
    "a loop": backward_loop,
    "central differences": backward_differences,
    "automatic differentiation": backward_tensorflow,
}.items():

    @right("01.4", name)
    def _(function=function):
        return {"backward": function}


for slip, code in {
    "sum": "not-averaged",
    "sign": "wrong-sign",
    "squared": "squared-error",
    "no tanh": "no-activation-derivative",
    "sigmoid": "sigmoid-derivative",
    "1 - H": "not-squared",
    "db1 mean": "gradient-b1",
    "dW2 twice": "gradient-W2",
    "over 7": "gradient-W1",
    "over 400": "fixed-size",
    "no sum": "wrong-shape",
    "order": "wrong-shape",
    "db2 mean": "gradient-b2",
    "ReLU": "relu-derivative",
    "divided": "inverse-derivative",
    "of Z": "of-the-sum",
    "tanh of H": "tanh-twice",
    "no W2": "no-weights",
    "no sigmoid": "no-sigmoid-derivative",
    "both means": "gradient-b1, gradient-b2",
}.items():

    @wrong("01.4", code, slip)
    def _(slip=slip):
        return {"backward": gradients(slip)}


@wrong("01.4", "gradient-W1", "right to three digits")
def _():
    return {"backward": lambda *given: backward_differences(*given, step=0.03)}


@wrong("01.4", "wrong-type", "only two gradients")
def _():
    return {"backward": lambda *given: gradients()(*given)[:2]}


@wrong("01.4", "wrong-shape", "flat gradients of the output")
def _():
    return {"backward": backward_flat}


@wrong("01.4", "wrong-shape", "biases as rows")
def _():
    def backward(*given):
        dW1, db1, dW2, db2 = gradients()(*given)
        return dW1, db1[None], dW2, db2[None]

    return {"backward": backward}


@wrong("01.4", "constant", "zeros")
def _():
    return {"backward": lambda X, y, *parameters: [np.zeros_like(parameter) for parameter in parameters]}


# --- 01.5


@trained_once
def trained_twice(style="input first"):
    """Both models on XOR, trained where a style needs it; 2 - 8 tanh - 1 sigmoid where it does not say otherwise."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    hidden = {"no activation": None, "relu": "relu"}.get(style, "tanh")
    units = 4 if style == "four units" else 8
    if style == "activation layers":
        chain = [layers.Dense(8), layers.Activation("tanh"), layers.Dense(1), layers.Activation("sigmoid")]
    elif style == "logits":
        chain = [layers.Dense(8, "tanh"), layers.Dense(1)]
    elif style == "layers that do nothing":
        chain = [layers.Identity(), layers.Dense(8, "tanh"), layers.AlphaDropout(0.1), layers.Dense(1, "sigmoid")]
    else:
        chain = [layers.Dense(units, activation=hidden), layers.Dense(1, activation="sigmoid")]
    sequential = keras.Sequential([keras.Input((2,)), *chain])
    sequential.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    X, y = xor_data()
    if style == "wrong loss":
        sequential.compile(keras.optimizers.Adam(0.05), "categorical_crossentropy")
    if style in ("activation layers", "logits", "no activation", "other labels", "layers that do nothing"):
        weights = trained_twice()[0].get_weights()
        sequential.set_weights([*weights[:2], *(-w if style == "other labels" else w for w in weights[2:])])
    elif style == "labels of OR":  # all units alike, set by hand
        sequential.set_weights([np.full((2, 8), 10.0), np.full(8, -5.0), np.ones((8, 1)), np.zeros(1)])
    elif style not in ("not fitted", "four units"):
        sequential.fit(X, y, epochs=1 if style == "one epoch" else 40, batch_size=32, verbose=0)
    inputs = outputs = keras.Input((2,))
    for layer in chain:
        outputs = type(layer).from_config(layer.get_config() | {"name": f"again_{layer.name}"})(outputs)
    functional = keras.Model(inputs, outputs)
    functional.set_weights(sequential.get_weights())
    return sequential, functional


def twice(style="input first", n_params=33, **changed):
    sequential, functional = trained_twice(style)
    return {"sequential": sequential, "functional": functional, "n_params": n_params, **changed}


def fresh_functional():
    import keras

    return keras.models.clone_model(trained_twice()[1])


@cache
def added_one_by_one():
    import keras
    from keras import layers

    model = keras.Sequential(name="mine")
    model.add(keras.Input(shape=(2,), name="points"))
    model.add(layers.Dense(8, activation=keras.activations.tanh, name="hidden"))
    model.add(layers.Dense(1, activation=keras.ops.sigmoid))
    model.set_weights(trained_twice()[0].get_weights())
    return model


for name, build in {
    "plain": lambda: twice(),
    "activations as layers": lambda: twice("activation layers"),
    "relu": lambda: twice("relu"),
    "layers that do nothing": lambda: twice("layers that do nothing"),
    "layers added one by one": lambda: twice(sequential=added_one_by_one()),
    "the count as an array": lambda: twice(n_params=np.array([33.0])),
    "the functional model shares the layers": lambda: twice(functional=shared_layers()),
}.items():
    right("01.5", name)(build)


def ends_with(activation):
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((2,)), layers.Dense(8, "tanh"), layers.Dense(1, activation)])
    model.set_weights(trained_twice()[0].get_weights())
    return model


def shared_layers():
    import keras

    sequential = trained_twice()[0]
    return keras.Model(sequential.inputs, sequential.outputs)


def around(sequential):
    """A functional model with one layer: the whole of another, which was compiled."""
    import keras

    inputs = keras.Input((2,))
    return keras.Model(inputs, sequential(inputs))


def relu_functional():
    """The weights of `sequential` behind another activation."""
    model = trained_twice("relu")[1]
    model.set_weights(trained_twice()[0].get_weights())
    return model


for name, code, build in (
    ("labels of OR", "other-labels", lambda: twice("labels of OR")),
    (
        "another activation, and a wrong count",
        "other-activation",
        lambda: twice(n_params=24, functional=relu_functional()),
    ),
    ("another activation, the same weights", "other-activation", lambda: twice(functional=relu_functional())),
    ("the functional model wraps the other", "nested", lambda: twice(functional=around(trained_twice()[0]))),
    ("biases forgotten", "n-params", lambda: twice(n_params=24)),
    ("count is off", "n-params", lambda: twice(n_params=25)),
    ("weights not copied", "same-weights", lambda: twice(functional=fresh_functional())),
    ("sequential twice", "wrong-api", lambda: twice(functional=trained_twice()[0])),
    ("not fitted", "not-fitted", lambda: twice("not fitted")),
    ("one epoch", "accuracy", lambda: twice("one epoch")),
    ("another loss", "wrong-loss", lambda: twice("wrong loss")),
    ("labels the wrong way round", "labels-swapped", lambda: twice("other labels")),
    ("a bias forgotten", "n-params", lambda: twice(n_params=32)),
    ("no activation", "linear-hidden", lambda: twice("no activation")),
    ("four units", "wrong-size", lambda: twice("four units")),
    ("logits", "logits", lambda: twice("logits")),
    ("scikit-learn", "not-keras", lambda: twice(sequential=sklearn_mlp().fit(*xor_data()))),
    ("the output alone", "n-params", lambda: twice(n_params=9)),
    ("layers counted", "n-params", lambda: twice(n_params=3)),
    ("functional twice", "wrong-api", lambda: twice(sequential=trained_twice()[1])),
    ("a softmax of one number", "wrong-output", lambda: twice(sequential=ends_with("softmax"))),
    ("a ReLU at the end", "wrong-output|logits", lambda: twice(sequential=ends_with("relu"))),
    ("a tanh at the end", "logits", lambda: twice(sequential=ends_with("tanh"))),
):
    wrong("01.5", code, name)(build)


# --- 01.6


@cache
def surface_data():
    from coursekit.data import make_surface

    X, y = make_surface(n_samples=600, noise=0.1, seed=1)
    return X[:400], y[:400]


@trained_once
def surface_mlp():
    from sklearn.neural_network import MLPRegressor

    settings = {"max_iter": 400, "learning_rate_init": 0.005, "random_state": 0}
    return MLPRegressor(hidden_layer_sizes=(64, 64), **settings).fit(*surface_data())


@trained_once
def surface_forest():
    from sklearn.ensemble import ExtraTreesRegressor

    X, y = surface_data()
    return ExtraTreesRegressor(200, random_state=0).fit(X, y)


@trained_once
def surface_pipeline():
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = MLPRegressor(hidden_layer_sizes=(40,), activation="tanh", solver="lbfgs", alpha=0.1, max_iter=600)
    X, y = surface_data()
    scaled = TransformedTargetRegressor(network.set_params(random_state=1), transformer=StandardScaler())
    return make_pipeline(StandardScaler(), scaled).fit(X, y)


def surface_keras(source=None):
    """The weights of a network of scikit-learn, in layers of Keras."""
    import keras
    from keras import layers

    source = source or surface_mlp()
    hidden = [layers.Dense(len(b), source.activation) for b in source.intercepts_[:-1]]
    model = keras.Sequential([keras.Input((source.n_features_in_,)), *hidden, layers.Dense(1)])
    model.set_weights([w for pair in zip(source.coefs_, source.intercepts_) for w in pair])
    return model


def functional(chain):
    import keras

    return keras.Model(chain.inputs, chain.outputs)


def subclassed(chain):
    import keras

    class Network(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = list(chain.layers)

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return x

    return Network()


def truth(X):
    from coursekit.data import surface

    return surface(X)


for name, build in {
    "MLPRegressor": surface_mlp,
    "scaled inputs and targets": surface_pipeline,
    "Keras": surface_keras,
    "Keras, functional": lambda: functional(surface_keras()),
    "Keras, a class of its own": lambda: subclassed(surface_keras()),
}.items():

    @right("01.6", name)
    def _(build=build):
        return {"regressor": build()}


def prepared(name):
    """A network behind one of scikit-learn's own steps, most of which are not linear, or several networks."""
    from sklearn import compose, ensemble, pipeline, preprocessing
    from sklearn.neural_network import MLPRegressor

    settings = {"activation": "tanh", "solver": "lbfgs", "max_iter": 400, "random_state": 1}
    network = MLPRegressor(hidden_layer_sizes=(30,), **settings)
    steps = {
        "quantiles": preprocessing.QuantileTransformer(n_quantiles=100),
        "powers": preprocessing.PowerTransformer(),
        "polynomials": preprocessing.PolynomialFeatures(2),
        "splines": preprocessing.SplineTransformer(5),
        "columns apart": compose.ColumnTransformer(
            [("first", preprocessing.StandardScaler(), [0]), ("second", preprocessing.MinMaxScaler(), [1])]
        ),
        "a function of NumPy's": preprocessing.FunctionTransformer(np.arctan),
        "a linear function": preprocessing.FunctionTransformer(lambda X: X / 2),
    }
    models = {
        "bagging": ensemble.BaggingRegressor(network, n_estimators=3, random_state=0, n_jobs=1),
        "voting": ensemble.VotingRegressor(
            [("a", network), ("b", MLPRegressor(hidden_layer_sizes=(20, 20), **settings))]
        ),
        "exponential of the target": compose.TransformedTargetRegressor(network, func=np.exp, inverse_func=np.log),
    }
    model = models[name] if name in models else pipeline.make_pipeline(steps[name], network)
    return model.fit(*surface_data())


for name in [
    "quantiles",
    "powers",
    "polynomials",
    "splines",
    "columns apart",
    "a function of NumPy's",
    "a linear function",
] + [
    "bagging",
    "voting",
    "exponential of the target",
]:

    @right("01.6", name)
    def _(name=name):
        return {"regressor": prepared(name)}


@wrong("01.6", "unused-input", "one input alone reaches the network")
def _():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    return {
        "regressor": make_pipeline(FunctionTransformer(lambda X: X * [1, 0]), surface_network()).fit(*surface_data())
    }


@wrong("01.6", "trained-on-test", "fitted to the test points")
def _():
    from coursekit.data import make_surface

    X, y = make_surface(n_samples=600, noise=0.1, seed=1)
    return {"regressor": surface_network().fit(X[400:], y[400:])}


@wrong("01.6", "other-targets", "fitted to the surface itself")
def _():
    X, _ = surface_data()
    return {"regressor": surface_network().fit(X, truth(X))}


@wrong("01.6", "r2", "knows the training points by heart")
def _():
    import keras
    from keras import layers

    X, y = surface_data()
    model = keras.Sequential([keras.Input((2,)), layers.Dense(400, "softmax"), layers.Dense(1)])
    # The nearest training point has the largest x . w - |w|^2 / 2, and its value is the answer.
    model.set_weights([1000 * X.T, -500 * (X**2).sum(axis=1), y[:, None], np.zeros(1)])
    return {"regressor": model}


@wrong("01.6", "unrelated", "targets in another order")
def _():
    X, y = surface_data()
    return {"regressor": surface_network().fit(X, np.random.default_rng(0).permutation(y))}


@wrong("01.6", "not-a-network", "bagged trees")
def _():
    from sklearn.ensemble import BaggingRegressor

    return {"regressor": BaggingRegressor(n_estimators=30, random_state=0).fit(*surface_data())}


@wrong("01.6", "linear-model", "polynomials before a network without a hidden layer")
def _():
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    network = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", max_iter=300, random_state=0)
    return {"regressor": make_pipeline(PolynomialFeatures(9), StandardScaler(), network).fit(*surface_data())}


def surface_network():
    from sklearn.neural_network import MLPRegressor

    settings = {"activation": "tanh", "solver": "lbfgs", "max_iter": 300, "random_state": 0}
    return MLPRegressor(hidden_layer_sizes=(20,), **settings)


def linear_surface():
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(*surface_data())


def surface_short(activation, max_iter):
    from sklearn.neural_network import MLPRegressor

    settings = {"activation": activation, "max_iter": max_iter, "random_state": 0}
    return MLPRegressor(hidden_layer_sizes=(20, 20), **settings).fit(*surface_data())


@trained_once
def surface_small(units):
    from sklearn.neural_network import MLPRegressor

    settings = {"activation": "tanh", "solver": "lbfgs", "max_iter": 2000, "random_state": 0}
    return MLPRegressor(hidden_layer_sizes=(units,), **settings).fit(*surface_data())


def never_fitted():
    from sklearn.neural_network import MLPRegressor

    return MLPRegressor()


for name, code, build in (
    ("never fitted", "not-fitted", never_fitted),
    ("no activation", "linear-model", lambda: surface_short("identity", 200)),
    ("stopped at max_iter", "stopped-early", lambda: surface_short("tanh", 5)),
    ("the mean", "constant", lambda: lambda X: np.full(len(X), surface_data()[1].mean())),
    ("a plane", "linear-model", linear_surface),
    ("targets left scaled", "scaled-target", lambda: lambda X: 3 * surface_mlp().predict(X) - 1),
    ("columns exchanged", "inputs-swapped", lambda: lambda X: truth(X[:, ::-1])),
    ("half a fit", "r2", lambda: surface_small(3)),
    ("a method", "not-a-network", lambda: surface_mlp().predict),
    ("the formula", "not-a-network", lambda: truth),
    ("a forest", "not-a-network", surface_forest),
    ("two columns", "wrong-shape", lambda: lambda X: np.ones((len(X), 2))),
    ("one number", "wrong-shape", lambda: lambda X: 0.3),
):

    @wrong("01.6", code, name)
    def _(build=build):
        return {"regressor": build()}


# --- 01.7


@trained_once
def epochs(rows=400, first=0):
    """A regressor trained epoch by epoch on some rows, with both error curves."""
    from sklearn.neural_network import MLPRegressor

    from coursekit.data import make_surface

    X, y = make_surface(n_samples=600, noise=0.1, seed=1)
    settings = {"learning_rate_init": 0.005, "batch_size": 32, "random_state": 0}
    model = MLPRegressor(hidden_layer_sizes=(64, 64), **settings)
    train, test = [], []
    for _ in range(150):
        model.partial_fit(X[first:rows], y[first:rows])
        errors = (model.predict(X) - y) ** 2
        train.append(np.mean(errors[:400]))
        test.append(np.mean(errors[400:]))
    return model, train, test


def curves(change=lambda train, test: (train, test), model=None):
    train, test = change(*epochs()[1:])
    return {"epoch_model": epochs()[0] if model is None else model, "train_mse": train, "test_mse": test}


class PredictOnly:
    """A model of the student's own."""

    def predict(self, X):
        return epochs()[0].predict(X)


for name, change in {
    "lists": lambda train, test: (train, test),
    "arrays": lambda train, test: (np.array(train), np.array(test)),
    "float32": lambda train, test: (np.array(train, "float32"), np.array(test, "float32")),
    "tuples of floats": lambda train, test: (tuple(map(float, train)), tuple(map(float, test))),
}.items():

    @right("01.7", name)
    def _(change=change):
        return curves(change)


@right("01.7", "the network is a step of a pipeline")
def _():
    from sklearn.pipeline import make_pipeline

    return curves(model=make_pipeline("passthrough", epochs()[0]))


@wrong("01.7", "not-a-network", "a class of one's own")
def _():
    return curves(model=PredictOnly())


@wrong("01.7", "not-its-losses", "curves that nobody measured")
def _():
    return curves(lambda train, test: (np.linspace(5, train[-1], 150), np.linspace(5, test[-1], 150)))


@wrong("01.7", "trained-on-test", "trained on all points")
def _():
    model, train, test = epochs(600)
    return {"epoch_model": model, "train_mse": train, "test_mse": test}


def measured(measure, noise=0.1):
    """Curves that end with another measure, called with the truth and the fit."""
    from coursekit.data import make_surface

    X, y = make_surface(n_samples=600, noise=noise, seed=1)
    fitted = epochs()[0].predict(X)
    ends = measure(y[:400], fitted[:400]), measure(y[400:], fitted[400:])
    return curves(lambda train, test: ([*train[:-1], ends[0]], [*test[:-1], ends[1]]))


@wrong("01.7", "trained-on-test", "trained on the test points alone")
def _():
    return dict(zip(("epoch_model", "train_mse", "test_mse"), epochs(600, 400)))


@wrong("01.7", "no-noise-test", "the test error against the surface itself")
def _():
    from coursekit.data import make_surface

    X, _ = make_surface(n_samples=600, noise=0.1, seed=1)
    end = np.mean((truth(X[400:]) - epochs()[0].predict(X[400:])) ** 2)
    return curves(lambda train, test: (train, [*test[:-1], end]))


@wrong("01.7", "r2-score", "R² in place of the error")
def _():
    from sklearn.metrics import r2_score

    return measured(r2_score)


@wrong("01.7", "absolute", "mean absolute errors")
def _():
    return measured(lambda y, fitted: np.mean(np.abs(y - fitted)))


@wrong("01.7", "no-noise", "against the surface itself")
def _():
    return measured(lambda y, fitted: np.mean((y - fitted) ** 2), noise=0)


def measured_on_all(twice):
    from coursekit.data import make_surface

    X, y = make_surface(n_samples=600, noise=0.1, seed=1)
    end = np.mean((y - epochs()[0].predict(X)) ** 2)
    return curves(lambda train, test: ([*train[:-1], end] if twice else train, [*test[:-1], end]))


@wrong("01.7", "all-points", "the test error over all points")
def _():
    return measured_on_all(twice=False)


@wrong("01.7", "all-points-twice", "both errors over all points")
def _():
    return measured_on_all(twice=True)


@wrong("01.7", "test_mse", "too few units")
def _():
    from coursekit.data import make_surface

    X, y = make_surface(n_samples=600, noise=0.1, seed=1)
    few = surface_keras(surface_small(3))
    errors = (np.asarray(few(X.astype("float32")))[:, 0] - y) ** 2
    ends = np.mean(errors[:400]), np.mean(errors[400:])
    return curves(lambda train, test: ([*train[:-1], ends[0]], [*test[:-1], ends[1]]), few)


for name, code, change in (
    (
        "two passes for some numbers",
        "more-passes",
        lambda train, test: (train[:70] + train[-40:], test[:70] + test[-40:]),
    ),
    ("constant", "one-number", lambda train, test: ([train[-1]] * 150, [test[-1]] * 150)),
    ("fit each time", "not-falling", lambda train, test: (train[-1:] + train[-120:], test[-1:] + test[-120:])),
    ("sums", "not-averaged", lambda train, test: (400 * np.array(train), 200 * np.array(test))),
    ("exchanged", "swapped", lambda train, test: (test, train)),
    ("the training curve twice", "same-curve", lambda train, test: (train, train)),
    ("half the error", "halved", lambda train, test: (np.array(train) / 2, np.array(test) / 2)),
    ("the loss curve", "half-loss", lambda train, test: (epochs()[0].loss_curve_, test)),
    ("roots", "root", lambda train, test: (np.sqrt(train), np.sqrt(test))),
    ("backwards", "reversed", lambda train, test: (train[::-1], test[::-1])),
    ("ten epochs", "too-short", lambda train, test: (train[-10:], test[-10:])),
    ("negative", "negative", lambda train, test: (-np.array(train), -np.array(test))),
    ("negative on the test points", "negative", lambda train, test: (train, -np.array(test))),
    ("not squared", "not-squared", lambda train, test: (np.array(train) * (-1) ** np.arange(150), test)),
    ("measured in every tenth epoch", "more-passes", lambda train, test: (train[::10], test[::10])),
    ("lengths differ", "wrong-shape", lambda train, test: (train, test[:-5])),
    ("nothing appended", "too-short", lambda train, test: ([], [])),
    ("one number", "wrong-shape", lambda train, test: (train[-1], test[-1])),
    ("the last epochs are missing", "more-passes", lambda train, test: (train[:-30], test[:-30])),
    ("measured before each epoch", "before-training", lambda train, test: ([5, *train[:-1]], [5, *test[:-1]])),
    ("a small part of the errors", "ends-at-model", lambda train, test: (np.array(train) / 7, np.array(test) / 7)),
):

    @wrong("01.7", code, name)
    def _(change=change):
        return curves(change)


# --- 01.8


@trained_once
def curve_mlp(noise=0.05, **settings):
    from sklearn.neural_network import MLPRegressor

    from coursekit.data import make_curve

    x, y = make_curve(n_samples=200, noise=noise, seed=0)
    settings = {"hidden_layer_sizes": (50,), "activation": "tanh", "solver": "lbfgs", "max_iter": 3000, **settings}
    return MLPRegressor(random_state=0, **settings).fit(x[:, None], y)


def relu_sum(x, kinks, slopes, offset):
    return offset + np.maximum(0, x[:, None] - kinks) @ slopes


def relu_sum_loop(x, kinks, slopes, offset):
    total = np.full_like(x, offset)
    for kink, slope in zip(kinks, slopes):
        total += slope * np.where(x > kink, x - kink, 0)
    return total


def relu_sum_keras(x, kinks, slopes, offset):
    import keras

    return offset + keras.ops.matmul(keras.ops.relu(x[:, None] - kinks[None]), slopes[:, None])


def true_curve(x):
    from coursekit.data import curve

    return curve(x[:, 0])


def polynomial(degree):
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures

    from coursekit.data import make_curve

    x, y = make_curve(n_samples=200, noise=0.05, seed=0)
    return make_pipeline(PolynomialFeatures(degree), LinearRegression()).fit(x[:, None], y)


@trained_once
def curve_pipeline():
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    from coursekit.data import make_curve

    x, y = make_curve(n_samples=200, noise=0.05, seed=0)
    settings = {"activation": "tanh", "solver": "lbfgs", "max_iter": 5000, "random_state": 0}
    return make_pipeline(MinMaxScaler((-1, 1)), MLPRegressor(hidden_layer_sizes=(50,), **settings)).fit(x[:, None], y)


def curve_splines():
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer

    t = np.linspace(0, 1, 300)[:, None]
    network = MLPRegressor(hidden_layer_sizes=(5,), activation="identity", solver="lbfgs", max_iter=300, random_state=0)
    return make_pipeline(SplineTransformer(20), network).fit(t, true_curve(t))


def approximation(function=relu_sum, model=None):
    return {"relu_sum": function, "curve_model": curve_mlp() if model is None else model}


for name, build in {
    "broadcasting": lambda: approximation(),
    "a loop": lambda: approximation(relu_sum_loop),
    "Keras operations, a column": lambda: approximation(relu_sum_keras),
    "ReLU units": lambda: approximation(model=curve_mlp(activation="relu")),
    "scaled inputs": lambda: approximation(model=curve_pipeline()),
    "Keras": lambda: approximation(model=surface_keras(curve_mlp())),
}.items():
    right("01.8", name)(build)

for name, code, function in (
    ("no offset", "no-offset", lambda x, k, s, c: np.maximum(0, x[:, None] - k) @ s),
    ("no ReLU", "no-relu", lambda x, k, s, c: c + (x[:, None] - k) @ s),
    ("kinks added", "wrong-kink", lambda x, k, s, c: c + np.maximum(0, x[:, None] + k) @ s),
    ("slope inside", "slope-inside", lambda x, k, s, c: c + np.maximum(0, s * (x[:, None] - k)).sum(axis=1)),
    ("not summed", "wrong-shape", lambda x, k, s, c: c + np.maximum(0, x[:, None] - k) * s),
    ("hinges on the other side", "other-side", lambda x, k, s, c: c + np.maximum(0, k - x[:, None]) @ s),
    ("always six kinks", "raises", lambda x, k, s, c: c + sum(s[j] * np.maximum(0, x - k[j]) for j in range(6))),
    ("absolute values", "absolute", lambda x, k, s, c: c + np.abs(x[:, None] - k) @ s),
    ("averaged", "averaged", lambda x, k, s, c: c + (np.maximum(0, x[:, None] - k) * s).mean(axis=1)),
    ("offset in each", "offset-in-each", lambda x, k, s, c: (c + np.maximum(0, x[:, None] - k) * s).sum(axis=1)),
    ("sum clipped too", "clipped-sum", lambda x, k, s, c: np.maximum(0, c + np.maximum(0, x[:, None] - k) @ s)),
    ("only the sum clipped", "relu-last", lambda x, k, s, c: np.maximum(0, c + (x[:, None] - k) @ s)),
    ("slopes left out", "no-slopes", lambda x, k, s, c: c + np.maximum(0, x[:, None] - k).sum(axis=1)),
    ("offset inside", "offset-inside", lambda x, k, s, c: np.maximum(0, x[:, None] - k + c) @ s),
    ("a neuron each", "slope-before-kink", lambda x, k, s, c: c + np.maximum(0, s * x[:, None] - k).sum(axis=1)),
    ("steps", "step", lambda x, k, s, c: c + (x[:, None] > k) @ s),
    (
        "slopes of pieces",
        "piece-slopes",
        lambda x, k, s, c: c + np.clip(x[:, None] - k, 0, np.append(np.diff(k), np.inf)) @ s,
    ),
    ("slopes summed up", "summed-slopes", lambda x, k, s, c: c + np.maximum(0, x[:, None] - k) @ np.cumsum(s)),
):

    @wrong("01.8", code, name)
    def _(function=function):
        return approximation(function)


for name, code, build in (
    ("a straight line", "linear-model", lambda: polynomial(1)),
    ("a constant", "constant", lambda: lambda x: np.zeros(len(x))),
    ("stopped at max_iter", "stopped-early", lambda: curve_mlp(hidden_layer_sizes=(100,), solver="adam", max_iter=200)),
    (
        "64 and 64 with Adam",
        "stopped-early",
        lambda: curve_mlp(hidden_layer_sizes=(64, 64), solver="adam", max_iter=30),
    ),
    ("no activation", "linear-model", lambda: curve_mlp(activation="identity")),
    ("two units", "rmse", lambda: curve_mlp(hidden_layer_sizes=(1,))),
    ("targets left scaled", "scaled-target", lambda: lambda x: 5 * true_curve(x)),
    ("a polynomial", "not-a-network", lambda: polynomial(7)),
    ("the curve itself", "not-a-network", lambda: true_curve),
    ("splines before identity", "linear-model", lambda: curve_splines()),
    ("fitted to the curve without noise", "other-targets", lambda: curve_mlp(noise=0)),
):

    @wrong("01.8", code, name)
    def _(build=build):
        return approximation(model=build())


def perceptron_step(w, b, x, y, rate):
    error = y - int(w @ x + b > 0)
    return w + rate * error * x, b + rate * error


def step_if(w, b, x, y, rate):
    """Rosenblatt's own words: add a point that was missed, take away one that was taken for the other."""
    predicted = sum(wi * xi for wi, xi in zip(w, x)) + b > 0
    if predicted and y == 0:
        return [wi - rate * xi for wi, xi in zip(w, x)], b - rate
    if not predicted and y == 1:
        return [wi + rate * xi for wi, xi in zip(w, x)], b + rate
    return w, b


def step_with(predict=lambda z: float(z > 0), sign=1):
    """A step with another prediction."""

    def step(w, b, x, y, rate):
        error = sign * (y - predict(w @ x + b))
        return w + rate * error * x, b + rate * error

    return step


def moved(change):
    """A step that makes something else of w, b, x, the error and the rate."""
    return lambda w, b, x, y, rate: change(w, b, x, y - float(w @ x + b > 0), rate)


def step_in_place(w, b, x, y, rate):
    error = y - int(w @ x + b > 0)
    w += rate * error * x
    return w, b + rate * error


def train_perceptron(X, y, epochs, rate=1, start=0, step=perceptron_step):
    w, b = np.full(X.shape[1], float(start)), start
    for _ in range(epochs):
        for point, label in zip(X, y):
            w, b = step(w, b, point, label, rate)
    return w, b


def train_until_right(X, y, epochs):
    """Stops where a pass has changed nothing: all others would change nothing either."""
    w, b = np.zeros(X.shape[1]), 0
    for _ in range(epochs):
        before = w.copy(), b
        for i in range(len(X)):
            w, b = perceptron_step(w, b, X[i], y[i], 1)
        if np.array_equal(before[0], w) and before[1] == b:
            break
    return w, b


def train_with_a_one(X, y, epochs):
    """The bias as the weight of an input that is always 1."""
    extended = np.column_stack([X, np.ones(len(X))])
    weights = np.zeros(extended.shape[1])
    for row in np.tile(np.arange(len(X)), epochs):
        weights += (y[row] - (extended[row] @ weights > 0)) * extended[row]
    return weights[:-1], weights[-1]


def train_sklearn(X, y, epochs):
    """What scikit-learn calls a perceptron moves for points on the line too: its labels are -1 and 1."""
    from sklearn.linear_model import Perceptron

    model = Perceptron(max_iter=epochs, tol=None, shuffle=False)
    model.fit(X, y)
    return model.coef_[0], model.intercept_[0]


def train_at_once(X, y, epochs):
    w, b = np.zeros(X.shape[1]), 0
    for _ in range(epochs):
        errors = y - (X @ w + b > 0)
        w, b = w + errors @ X, b + errors.sum()
    return w, b


def train_anew(X, y, epochs):
    """Zeros again in every epoch."""
    for _ in range(epochs):
        w, b = train_perceptron(X, y, 1)
    return w, b


def train_returning_early(X, y, epochs):
    """The `return` stands in the loop."""
    w, b = np.zeros(X.shape[1]), 0
    for _ in range(epochs):
        for point, label in zip(X, y):
            w, b = perceptron_step(w, b, point, label, 1)
        return w, b


def train_shuffled(X, y, epochs):
    rng, (w, b) = np.random.default_rng(0), (np.zeros(X.shape[1]), 0.0)
    for _ in range(epochs):
        for i in rng.permutation(len(X)):
            w, b = perceptron_step(w, b, X[i], y[i], 1)
    return w, b


def train_pocket(X, y, epochs):
    """Keeps the best w and b so far, as Gallant's pocket algorithm does."""
    w, b = best = np.zeros(X.shape[1]), 0
    for row in np.tile(np.arange(len(X)), epochs):
        w, b = perceptron_step(w, b, X[row], y[row], 1)
        if np.sum((X @ w + b > 0) == y) > np.sum((X @ best[0] + best[1] > 0) == y):
            best = w, b
    return best


def step_twice_predicted(w, b, x, y, rate):
    w = w + rate * (y - float(w @ x + b > 0)) * x
    return w, b + rate * (y - float(w @ x + b > 0))


def train_forgetful(X, y, epochs):
    w, b = np.zeros(X.shape[1]), 0
    for _ in range(epochs):
        for point, label in zip(X, y):
            perceptron_step(w, b, point, label, 1)
    return w, b


def train_two_inputs(X, y, epochs):
    """Zeros for two weights, whatever the points have."""
    w, b = np.zeros(2), 0
    for _ in range(epochs):
        for point, label in zip(X, y):
            w, b = perceptron_step(w, b, point, label, 1)
    return w, b


def step_without_b(w, b, x, y, rate):
    error = y - float(w @ x > 0)
    return w + rate * error * x, b + rate * error


def train_without_b(X, y, epochs):
    return train_perceptron(X, y, epochs, step=step_without_b)


def train_exchanged(X, y, epochs):
    """The loop over the epochs stands inside."""
    w, b = np.zeros(X.shape[1]), 0
    for point, label in zip(X, y):
        for _ in range(epochs):
            w, b = perceptron_step(w, b, point, label, 1)
    return w, b


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


table(
    "01.9",
    lambda: {"perceptron_step": perceptron_step, "train_perceptron": train_perceptron},
    {
        "the rule": {},
        "two cases, lists": {"perceptron_step": step_if},
        "stops when all are right": {"train_perceptron": train_until_right},
        "the bias as a weight": {"train_perceptron": train_with_a_one},
        "float32": {"perceptron_step": lambda *args: tuple(np.float32(part) for part in perceptron_step(*args))},
        "a list, and b as an array": {
            "train_perceptron": lambda *args: [np.atleast_1d(part) for part in train_perceptron(*args)]
        },
    },
    [
        ("wrong-sign", "prediction minus y", {"perceptron_step": step_with(sign=-1)}),
        ("no-threshold", "the sum", {"perceptron_step": step_with(lambda z: z)}),
        ("sigmoid", "a sigmoid", {"perceptron_step": step_with(sigmoid)}),
        ("labels-not-0-1", "np.sign", {"perceptron_step": step_with(np.sign)}),
        ("at-zero", "at least 0", {"perceptron_step": step_with(lambda z: float(z >= 0))}),
        ("step", "cut at one half", {"perceptron_step": step_with(lambda z: float(z > 1.6))}),
        ("no-rate", "no rate", {"perceptron_step": moved(lambda w, b, x, e, rate: (w + e * x, b + e))}),
        ("step", "half the rate", {"perceptron_step": moved(lambda w, b, x, e, r: (w + r / 2 * e * x, b + r / 2 * e))}),
        ("only-change", "changes", {"perceptron_step": moved(lambda w, b, x, e, rate: (rate * e * x, rate * e))}),
        ("b-not-moved", "b forgotten", {"perceptron_step": moved(lambda w, b, x, e, rate: (w + rate * e * x, b))}),
        ("w-not-moved", "w forgotten", {"perceptron_step": moved(lambda w, b, x, e, rate: (w, b + rate * e))}),
        ("no-input", "no x", {"perceptron_step": moved(lambda w, b, x, e, rate: (w + rate * e, b + rate * e))}),
        ("no-rate-for-b", "no rate for b", {"perceptron_step": moved(lambda w, b, x, e, r: (w + r * e * x, b + e))}),
        ("b-from-the-new-w", "b by the new w", {"perceptron_step": step_twice_predicted}),
        ("not-the-last", "the best so far", {"train_perceptron": train_pocket}),
        ("not-moved", "nothing", {"perceptron_step": moved(lambda w, b, x, e, rate: (w, b))}),
        (
            "no-bias",
            "b not in the sum",
            {"perceptron_step": step_without_b},
        ),
        (
            "no-bias, follows",
            "b not in the sum of the loops either",
            {"perceptron_step": step_without_b, "train_perceptron": train_without_b},
        ),
        ("other-order", "b not in the sum of the loops alone", {"train_perceptron": train_without_b}),
        ("no-error", "y alone", {"perceptron_step": lambda w, b, x, y, rate: (w + rate * y * x, b + rate * y)}),
        ("changes-input", "in place", {"perceptron_step": step_in_place}),
        ("wrong-shape", "b and w", {"perceptron_step": lambda *args: perceptron_step(*args)[::-1]}),
        ("wrong-type", "w alone", {"train_perceptron": lambda *args: train_perceptron(*args)[0]}),
        ("not-kept", "results thrown away", {"train_perceptron": train_forgetful}),
        ("one-epoch", "return in the loop", {"train_perceptron": train_returning_early}),
        ("one-epoch", "zeros in every epoch", {"train_perceptron": train_anew}),
        ("one-less", "range from 1", {"train_perceptron": lambda X, y, n: train_perceptron(X, y, n - 1)}),
        ("one-more", "one pass more", {"train_perceptron": lambda X, y, n: train_perceptron(X, y, n + 1)}),
        (
            "at-least-one-epoch",
            "a pass without epochs",
            {"train_perceptron": lambda X, y, n: train_perceptron(X, y, max(n, 1))},
        ),
        ("fixed-epochs", "always 20", {"train_perceptron": lambda X, y, n: train_perceptron(X, y, 20)}),
        ("train", "always 5", {"train_perceptron": lambda X, y, n: train_perceptron(X, y, 5)}),
        ("backwards", "from the end", {"train_perceptron": lambda X, y, n: train_perceptron(X[::-1], y[::-1], n)}),
        ("all-at-once", "a whole pass", {"train_perceptron": train_at_once}),
        ("other-order", "shuffled in each pass", {"train_perceptron": train_shuffled}),
        ("starts-with-ones", "ones", {"train_perceptron": lambda X, y, n: train_perceptron(X, y, n, start=1)}),
        ("train", "starts with twos", {"train_perceptron": lambda X, y, n: train_perceptron(X, y, n, start=2)}),
        ("other-rate", "rate 0.1", {"train_perceptron": lambda X, y, n: train_perceptron(X, y, n, rate=0.1)}),
        ("other-order", "scikit-learn, which shuffles", {"train_perceptron": train_sklearn}),
        ("two-columns", "always two inputs", {"train_perceptron": train_two_inputs}),
        ("loops-exchanged", "all epochs at one point", {"train_perceptron": train_exchanged}),
    ],
)
