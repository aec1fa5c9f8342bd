"""The sentences under the traceback, on the real errors of the installed Keras and scikit-learn."""

import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from coursekit import error_hints

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


def fit_adder(steps):
    """Four labels a sample, and one answer of twelve numbers, or one at each of five steps."""
    import keras

    decoder = keras.layers.LSTM(2, return_sequences=steps == 5)
    model = keras.Sequential([keras.Input((5, 3)), decoder, keras.layers.Dense(12, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return fit(model, np.zeros((20, 5, 3)), np.zeros((20, 4)))


def recurrent(layer_before=False):
    import keras
    from keras import layers

    chain = [keras.Input((5, 3)), layers.LSTM(2)] if layer_before else [keras.Input((5,))]
    return keras.Sequential([*chain, layers.LSTM(1)])


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
    "a decoder that answers once": (lambda: fit_adder(steps=1), "`return_sequences=True`; one-hot"),
    "an answer at each of five steps": (lambda: fit_adder(steps=5), "`layers.RepeatVector(4)`"),
    "an LSTM behind the last state of another": (lambda: recurrent(layer_before=True), "set `return_sequences=True`"),
    "an LSTM on data of two axes": (lambda: recurrent(), "`X[..., None]`"),
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


# Lines from ten years of tutorials, and slips of the same kind: each raises today, and gets today's line.
IDIOMS = [
    ("keras.optimizers.SGD(lr=0.1)", "called `learning_rate`"),
    ("keras.optimizers.Adam(lr=0.1)", "called `learning_rate`"),
    ("from keras.layers.core import Dense", "from keras.layers import"),
    ("from keras.layers.convolutional import Conv2D", "from keras.layers import"),
    ("from keras.layers.recurrent import LSTM", "from keras.layers import"),
    ("from keras.layers.normalization import BatchNormalization", "from keras.layers import"),
    ("from keras.layers.embeddings import Embedding", "from keras.layers import"),
    ("from keras.layers.merge import concatenate", "from keras.layers import"),
    ("from keras.layers.advanced_activations import LeakyReLU", "from keras.layers import"),
    ("from keras.engine.topology import Layer", "from keras.layers import"),
    ("from keras.callbacks.callbacks import EarlyStopping", "from keras.callbacks import"),
    ("from keras.utils import np_utils", "from keras.utils import"),
    ("from keras.utils.np_utils import to_categorical", "from keras.utils import"),
    ("from keras.utils.vis_utils import plot_model", "from keras.utils import"),
    ("from keras.wrappers.scikit_learn import KerasClassifier", "SKLearnClassifier"),
    ("from keras.preprocessing.text import Tokenizer", "TextVectorization"),
    ("from keras.preprocessing.image import ImageDataGenerator", "RandomRotation"),
    ("from keras.layers import CuDNNLSTM", "keras.layers.LSTM"),
    ("from keras.layers import Merge", "keras.layers.Concatenate"),
    ("from keras.optimizers import adam", "classes with capitals"),
    ("keras.backend.mean(x)", "keras.ops"),
    ("model.predict_classes(x)", "argmax"),
    ("model.predict_proba(x)", "`model.predict(x)`"),
    ("model.fit_generator(None)", "`model.fit` takes a generator"),
    ("model.fit(x, y, nb_epoch=3)", "called `epochs`"),
    ("model.fit(x, y, batchsize=3)", "called `batch_size`"),
    ("keras.Model(input=i, output=o)", "called `inputs`"),
    ("keras.layers.Dense(output_dim=3, input_dim=4)", "layers.Dense(3)"),
    ('keras.layers.Dense(3, init="uniform")', "called `kernel_initializer`"),
    ("keras.layers.Dense(3, W_regularizer=None)", "called `kernel_regularizer`"),
    ("keras.layers.Conv2D(nb_filter=3, nb_row=3, nb_col=3)", "layers.Conv2D(16, 3)"),
    ("keras.layers.Conv2D(3, 3, subsample=(2, 2))", "called `strides`"),
    ('keras.layers.Conv2D(3, 3, border_mode="same")', "called `padding`"),
    ("keras.layers.Dropout(p=0.5)", "layers.Dropout(0.5)"),
    ("keras.layers.LSTM(3, return_sequence=True)", "called `return_sequences`"),
    ('keras.layers.Activation("Relu")', "small letters"),
    ('model.compile("adam", "binary_cross_entropy"); model.fit(x, y, verbose=0)', "'binary_crossentropy'"),
    ('model.compile("Adm", "mse")', "optimisers `'adam'`"),
    ('model.compile("adam", "mse", metric=["mae"])', "called `metrics`"),
    ('model.compile("adam", "mse", metrics="accuracy")', "metrics=['accuracy']"),
    ('model.fit(x, y, verbose=0).history["acc"]', "'accuracy' and 'val_accuracy'"),
    ('model.fit(x, y, verbose=0).history["val_loss"]', "validation_split"),
    ('model.fit(x, y, verbose=0)["loss"]', "history.history['loss']"),
    ("model.fit(x, y, verbose=0).predict(x)", "History that `fit` returns"),
    ("model.evaluate(x, y, verbose=0)[1]", "the loss itself"),
    ('keras.models.load_model("no_such.h5")', "os.listdir()"),
    ('keras.models.load_model("no_such.keras")', "os.listdir()"),
    ('model.load_weights("no_such.weights.h5")', "os.listdir()"),
    ('model.save("without_ending")', "'model.keras'"),
    ('model.save_weights("w.h5")', ".weights.h5"),
    ("tf.Session()", "TensorFlow 1"),
    ("tf.placeholder(tf.float32)", "keras.Input"),
    ('tf.get_variable("w")', "tf.Variable"),
    ("tf.set_random_seed(0)", "set_random_seed`"),
    ("tf.random_normal((2,))", "tf.random.normal"),
    ("tf.log(x)", "tf.math.log"),
    ("tf.train.AdamOptimizer(0.1)", "keras.optimizers.Adam"),
    ("from tensorflow.examples.tutorials.mnist import input_data", "ck.data.load_mnist()"),
    ("t = tf.constant([1.0, 2.0]); t[0] = 1", "tf.Variable"),
    ("tf.constant([1.0, 2.0]).append(1)", "t.numpy()"),
    ("np.log(keras.Input((3,)))", "keras.ops.log"),
    ("float(keras.Input((3,)))", "only shapes"),
    ("bool(keras.Input((3,)) > 0)", "only shapes"),
    ("tf.constant([1.0]) + tf.constant([1])", "tf.cast"),
    ("tf.constant(1.0) @ tf.constant(1.0)", "two axes"),
    ("model.layers[0](x[:, :2])", "expects 4 numbers a sample and got 2"),
    (
        "with tf.GradientTape() as tape:\n    v = w * 2\ntape.gradient(v, w); tape.gradient(v, w)",
        "gives its gradients once",
    ),
    (
        "with tf.GradientTape() as tape:\n    v = np.mean(w * 2)\ntape.gradient(v, w)",
        "NumPy's functions leave the tape",
    ),
    (
        "with tf.GradientTape() as tape:\n    v = tf.constant(1.0)\ntf.abs(tape.gradient(v, w))",
        "the tape did not see the way",
    ),
    (
        "with tf.GradientTape() as tape:\n    v = tf.constant(1.0)\nabs(tape.gradient(v, w))",
        "the tape did not see the way",
    ),
    ("tf.function(lambda: (w * 2).numpy())()", "no value yet"),
    ("keras.Sequential([keras.layers.Dense])", "each one called"),
    ("keras.Sequential(keras.layers.Dense(1), keras.layers.Dense(1))", "takes one list"),
    ("keras.layers.Concatenate()(i, i)", "takes one list"),
    ("keras.Model(i, o).add(keras.layers.Dense(2))", "Only a `keras.Sequential`"),
    ("model(x.tolist())", "np.array(x)"),
    ("model.fit(x.tolist(), y.tolist(), verbose=0)", "np.array(x)"),
    ("model.layers[0].set_weights(np.zeros((4, 1)))", "list of 2 arrays"),
    ('keras.utils.to_categorical(["a", "b"])', "LabelEncoder"),
    ("from sklearn.datasets import load_boston", "ck.data.load_boston()"),
    ("from sklearn.cross_validation import train_test_split", "`sklearn.model_selection`"),
    ("from sklearn.grid_search import GridSearchCV", "`sklearn.model_selection`"),
    ("from sklearn.externals import joblib", "`import joblib`"),
    ("from sklearn.preprocessing import Imputer", "SimpleImputer"),
    ("from sklearn.metrics import plot_confusion_matrix", "ConfusionMatrixDisplay"),
    ("from sklearn.metrics import mean_square_error", "`mean_squared_error`"),
    ("from sklearn.datasets import fetch_mldata", "fetch_openml"),
    ("OneHotEncoder(sparse=False)", "sparse_output"),
    ("mean_squared_error(y, y, squared=False)", "root_mean_squared_error"),
    ("LinearRegression(normalize=True)", "StandardScaler()"),
    ("MLPClassifier(hidden_layers=(3,))", "hidden_layer_sizes"),
    ("MLPRegressor((64,)).fit(x, y)", "hidden_layer_sizes=(64,)"),
    ("MLPClassifier(learning_rate=0.1).fit(x, y)", "learning_rate_init"),
    ("MLPClassifier(max_iter=5.0).fit(x, y)", "`max_iter` must be an int"),
    ("KFold(5, random_state=0)", "shuffle=True"),
    ('OneHotEncoder().fit([["a"]]).get_feature_names()', "get_feature_names_out"),
    ("np.float(1)", "`float`"),
    ("np.int(1)", "`int`"),
    ("np.Inf", "np.inf"),
    ("np.product([1, 2])", "np.prod"),
    ("np.array([[1, 2], [3]])", "different lengths"),
    ("np.concatenate(np.zeros(3), np.zeros(3))", "np.concatenate([a, b])"),
    ("np.zeros(3, 4)", "np.zeros((3, 4))"),
    ("np.dot(np.zeros((3, 4)), np.zeros((3, 4)))", "`A.T`"),
    ("np.zeros((3, 4)) @ np.zeros((3, 4))", "`A.T`"),
    ("np.zeros(3) + np.zeros(4)", "do not fit together"),
    ("np.zeros((3, 2))[:, 5]", "counting begins at 0"),
    ("x[1.0]", "whole number"),
    ("x.reshape(7, 3)", "80 numbers do not fill"),
    ("x[:, 0] > 0 & x[:, 1] > 0", "`(a > 0) & (b > 0)`"),
    ("x[:, 0] > 0 and x[:, 1] > 0", "Between arrays"),
    ("x.shape()", "no brackets"),
    ('plt.style.use("seaborn-whitegrid")', "seaborn-v0_8"),
    ("plt.plot([1, 2], [1, 2, 3])", "2 places and 3 heights"),
    ('plt.figure().gca(projection="3d")', "add_subplot"),
    ("plt.subplots(2)[1].plot([1])", "axs[0].plot"),
    ("plt.hist([1], normed=True)", "density"),
    ('pd.DataFrame({"a": [1]}).append({"a": 2})', "pd.concat"),
    ('pd.DataFrame({"a": [1]}).ix[0]', ".iloc"),
    ('pd.read_csv("no_such.csv")', "There is no file no_such.csv"),
    ("XGBClassifier().fit(x, y, early_stopping_rounds=3)", "XGBClassifier(early_stopping_rounds=...)"),
    ("print \u201chello\u201d", "from a slide"),
    ("x = 3 \u2013 2", "from a slide"),
    ('print "hello"', "Python 2"),
    ("raw_input()", "Python 2"),
]


# What the oldest versions that are allowed still run: line -> the package that has come to refuse it.
RUNS_IN_OLD = {
    "keras.Sequential(keras.layers.Dense(1), keras.layers.Dense(1))": "keras",
    "mean_squared_error(y, y, squared=False)": "scikit-learn",
    "MLPRegressor((64,)).fit(x, y)": "scikit-learn",
    "np.Inf": "numpy",
    "np.product([1, 2])": "numpy",
}

# The first cell of a student's notebook.
IMPORTS = """
import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tensorflow as tf
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import KFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import OneHotEncoder
from xgboost import XGBClassifier
"""


@pytest.fixture(scope="module")
def names():
    """What a student's kernel holds."""
    held = {"x": X, "y": Y}
    exec(IMPORTS + "i = keras.Input((4,))\no = keras.layers.Dense(1)(i)\nw = tf.Variable(1.0)", held)
    yield held
    held["plt"].close("all")


@pytest.mark.parametrize("line, words", IDIOMS, ids=[line for line, _ in IDIOMS])
def test_a_line_of_an_old_tutorial_gets_todays(line, words, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = {**names, "model": network(loss="mse")}  # some lines leave a model behind that can no longer be fitted
    try:
        exec(line, own)
    except Exception as error:
        assert words in error_hints.hint_for(error), f"{type(error).__name__}: {error}"
    else:
        assert version(RUNS_IN_OLD[line]) != newest(RUNS_IN_OLD[line]), "no error"


def newest(package):
    """The version that requirements.txt installs."""
    text = (Path(__file__).parents[1] / "requirements.txt").read_text(encoding="utf-8")
    return re.search(rf"^{package}==([\w.]+)", text, re.MULTILINE)[1]


@pytest.mark.parametrize("name", ERRORS)
def test_the_sentence_of_a_real_error(name):
    provoke, words = ERRORS[name]
    with pytest.raises(Exception) as caught:
        provoke()
    assert words in error_hints.hint_for(caught.value), str(caught.value)


def test_other_errors_get_no_sentence():
    for error in (ValueError("no"), KeyError("target"), ZeroDivisionError()):
        assert error_hints.hint_for(error) == ""


def test_doubts_about_models_that_raise_nothing():
    import keras

    assert "over one unit" in error_hints.doubts(network(last="softmax"))[0]
    assert "question of its own" in error_hints.doubts(network(units=2, last="softmax"))[0]
    assert "expects probabilities" in error_hints.doubts(network(last=None))[0]
    assert "expects probabilities" in error_hints.doubts(network(last=None, loss=keras.losses.BinaryCrossentropy()))[0]
    logits = keras.losses.BinaryCrossentropy(from_logits=True)
    for right in (network(), network(**SPARSE), network(last=None, loss="mse"), network(last=None, loss=logits)):
        assert error_hints.doubts(right) == []
    assert error_hints.doubts(network(compiled=False)) == []


def test_a_loss_that_is_no_number():
    assert "from epoch 1 on" in error_hints.not_a_number(fit(network(loss="mse"), y=np.full(20, np.nan)))
    assert error_hints.not_a_number(fit(network())) == ""


def test_the_sentence_stands_under_the_traceback_and_can_be_switched_off(capsys):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    error_hints.install(shell)
    error_hints.install(shell)  # a cell that runs twice says nothing twice
    shell.run_cell("raise ValueError('Expected 2D array, got 1D array instead')")
    said = capsys.readouterr().out
    assert said.count("→ scikit-learn wants one row a sample") == 1
    assert said.index("Traceback") < said.index("→") if "Traceback" in said else "ValueError" in said
    shell.user_ns["model"] = network(last="softmax")
    shell.run_cell("1 + 1")
    shell.run_cell("1 + 1")
    assert capsys.readouterr().out.count("over one unit") == 1
    error_hints.uninstall(shell)
    shell.run_cell("raise ValueError('Expected 2D array, got 1D array instead')")
    assert "→" not in capsys.readouterr().out
