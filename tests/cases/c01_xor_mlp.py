"""Cases of notebook 01."""

from functools import cache

import numpy as np

from tests.cases import right, wrong

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


@right("01.3", "a function")
def _():
    return {"model": lambda X: (X.round() @ [1, 1] == 1).astype(int)}


@wrong("01.3", "not-fitted", "never fitted")
def _():
    return {"model": sklearn_mlp()}


@wrong("01.3", "linear-model", "a line that gets three corners")
def _():
    from sklearn.linear_model import LogisticRegression

    X, y = xor_data()
    return {"model": LogisticRegression(C=1e4).fit(CORNERS, [0, 1, 1, 1])}


@wrong("01.3", "constant", "one label for all")
def _():
    return {"model": lambda X: np.ones(len(X), int)}


@wrong("01.3", "labels-swapped", "labels the wrong way round")
def _():
    X, y = xor_data()
    return {"model": sklearn_mlp().fit(X, 1 - y)}


@wrong("01.3", "corners", "only one corner is learned wrong")
def _():
    return {"model": lambda X: ((X.round() @ [1, 1] == 1) & (X[:, 0] > X[:, 1])).astype(int) ^ (X.sum(1) < 0.1)}


@wrong("01.3", "wrong-shape", "three columns")
def _():
    return {"model": lambda X: np.full((len(X), 3), 1 / 3)}
