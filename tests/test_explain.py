"""The sentences under the traceback, on the real errors of the installed Keras and scikit-learn."""

import numpy as np
import pytest

from coursekit import explain

rng = np.random.default_rng(0)
X = rng.random((20, 4)).astype("float32")
Y = rng.integers(0, 2, 20)


def network(inputs=4, units=1, last="sigmoid", loss="binary_crossentropy", compiled=True):
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((inputs,)), layers.Dense(3, "relu"), layers.Dense(units, last)])
    if compiled:
        model.compile("adam", loss)
    return model


def fit(model, X=X, y=Y):
    return model.fit(X, y, verbose=0)


def convolution_without_channels():
    import keras

    return keras.Sequential([keras.Input((28, 28)), keras.layers.Conv2D(8, 3)])


def unbuilt():
    import keras

    return keras.Sequential([keras.layers.Dense(3)]).count_params()


def sk(name, X=X, y=Y, ask=None):
    from sklearn import linear_model, neural_network

    model = getattr(linear_model, name, None) or getattr(neural_network, name)
    return model().fit(X, y).predict(X if ask is None else ask)


def never_fitted():
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier().predict(X)


SPARSE = {"units": 3, "last": "softmax", "loss": "sparse_categorical_crossentropy"}
ERRORS = {
    "data and Input": (lambda: fit(network(inputs=5)), "expects 5 numbers a sample and got 4"),
    "pictures without channels": (convolution_without_channels, "4 axes and got 3"),
    "one-hot labels, sparse loss": (lambda: fit(network(**SPARSE), y=np.eye(3)[Y]), "labels have 3 columns"),
    "whole numbers, categorical loss": (
        lambda: fit(network(units=3, last="softmax", loss="categorical_crossentropy")),
        "the network gives 3",
    ),
    "softmax with binary cross-entropy": (lambda: fit(network(units=2, last="softmax")), "the network gives 2"),
    "two columns for one unit": (
        lambda: fit(network(), y=np.eye(2)[Y]),
        "labels have 2 columns and the network gives 1",
    ),
    "a label too many": (lambda: fit(network(**SPARSE), y=Y + 5), "outputs for the labels 0 to 3"),
    "not compiled": (lambda: fit(network(compiled=False)), "model.compile"),
    "not built": (unbuilt, "Begin it with `keras.Input"),
    "strings in X (Keras)": (lambda: fit(network(), X=np.array([["a", "b", "c", "d"]] * 20)), "words or mixed objects"),
    "more rows than labels (Keras)": (lambda: fit(network(), y=Y[:10]), "X has 20 rows and y has 10"),
    "not fitted": (never_fitted, "call `model.fit"),
    "1-D X": (lambda: sk("LogisticRegression", X=X[:, 0]), "one row a sample"),
    "one sample": (lambda: sk("LinearRegression", ask=X[0]), "One sample: `x.reshape(1, -1)`"),
    "strings in X": (lambda: sk("LogisticRegression", X=np.array([["a", "b"]] * 20)), "words or mixed objects"),
    "NaN in X": (lambda: sk("LogisticRegression", X=np.where(X > 0.9, np.nan, X)), "missing or infinite"),
    "decimals as labels": (lambda: sk("MLPClassifier", y=X[:, 0]), "numbers with decimals"),
    "decimals as labels, linear": (lambda: sk("LogisticRegression", y=X[:, 0]), "numbers with decimals"),
    "other columns": (lambda: sk("LinearRegression", ask=X[:, :2]), "fitted on 4 columns and is asked about 2"),
    "more rows than labels": (lambda: sk("LinearRegression", y=Y[:10]), "X has 20 rows and y has 10"),
    "one class": (lambda: sk("LogisticRegression", y=np.zeros(20)), "All labels are the same"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_the_sentence_of_a_real_error(name):
    provoke, words = ERRORS[name]
    with pytest.raises(Exception) as caught:
        provoke()
    assert words in explain.explain(caught.value), str(caught.value)


def test_other_errors_get_no_sentence():
    for error in (ValueError("no"), KeyError("target"), ZeroDivisionError()):
        assert explain.explain(error) == ""


def test_doubts_about_models_that_raise_nothing():
    import keras

    assert "over one unit" in explain.doubts(network(last="softmax"))[0]
    assert "question of its own" in explain.doubts(network(units=2, last="softmax"))[0]
    assert "expects probabilities" in explain.doubts(network(last=None))[0]
    assert "expects probabilities" in explain.doubts(network(last=None, loss=keras.losses.BinaryCrossentropy()))[0]
    logits = keras.losses.BinaryCrossentropy(from_logits=True)
    for right in (network(), network(**SPARSE), network(last=None, loss="mse"), network(last=None, loss=logits)):
        assert explain.doubts(right) == []
    assert explain.doubts(network(compiled=False)) == []


def test_a_loss_that_is_no_number():
    assert "from epoch 1 on" in explain.not_a_number(fit(network(loss="mse"), y=np.full(20, np.nan)))
    assert explain.not_a_number(fit(network())) == ""


def test_the_sentence_stands_under_the_traceback_and_can_be_switched_off(capsys):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    explain.install(shell)
    explain.install(shell)  # a cell that runs twice says nothing twice
    shell.run_cell("raise ValueError('Expected 2D array, got 1D array instead')")
    said = capsys.readouterr().out
    assert said.count("→ scikit-learn wants one row a sample") == 1
    assert said.index("Traceback") < said.index("→") if "Traceback" in said else "ValueError" in said
    shell.user_ns["model"] = network(last="softmax")
    shell.run_cell("1 + 1")
    shell.run_cell("1 + 1")
    assert capsys.readouterr().out.count("over one unit") == 1
    explain.uninstall(shell)
    shell.run_cell("raise ValueError('Expected 2D array, got 1D array instead')")
    assert "→" not in capsys.readouterr().out
