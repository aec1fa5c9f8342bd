"""Models: what they predict, as labels and numbers, and whether that is what their layers and weights compute."""

import warnings
from dataclasses import dataclass
from math import prod

import numpy as np

from coursekit.checks.codec import RemoteObject
from coursekit.checks.estimators import build_estimator, predict_estimator
from coursekit.checks.framework import Misconception
from coursekit.checks.proxy import with_article
from coursekit.checks.server import predict_keras
from coursekit.checks.vocabulary.arrays import as_array, shape_text, type_name

# The layers that `recompute_forward` may build: none of them can run code of the student's. In the last line, the nodes
# that keras.ops leaves in a functional model.
_NAMES = """
Sequential Functional InputLayer Dense EinsumDense Conv1D Conv2D DepthwiseConv2D SeparableConv2D Conv1DTranspose
Conv2DTranspose MaxPooling1D MaxPooling2D AveragePooling1D AveragePooling2D GlobalAveragePooling1D
GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D UpSampling1D UpSampling2D ZeroPadding1D ZeroPadding2D
Cropping1D Cropping2D Flatten Reshape Permute RepeatVector Identity Rescaling Dropout SpatialDropout1D
SpatialDropout2D AlphaDropout GaussianDropout GaussianNoise ActivityRegularization RandomFlip RandomRotation
RandomTranslation RandomZoom Activation ReLU LeakyReLU ELU PReLU Softmax BatchNormalization LayerNormalization
GroupNormalization UnitNormalization Normalization Add Concatenate Multiply Average Maximum Minimum Dot LSTM GRU
SimpleRNN Bidirectional TimeDistributed Masking Embedding DTypePolicy MultiHeadAttention Attention AdditiveAttention
Relu Sigmoid Tanh Subtract Divide Matmul Transpose GetItem
"""
_REPLAYABLE = frozenset(_NAMES.split())

# What a network that is built again may ask for: the course's own stay a hundred times below.
_MOST_UNITS, _MOST_STEPS, _MOST_VALUES = 1_000_000, 10_000, 2_000_000_000
_MOST_ROWS = 4096  # at once: more rows take more time, and no more memory

# Keras looks up "layers.Lambda" of the module "keras" too: what is not a layer of the list must be of one of these.
_HARMLESS = ("keras.initializers", "keras.regularizers", "keras.constraints", "keras.activations")

# On so many rows the model's own answers are compared with those of its layers.
_COMPARED = 50

# Losses for answers that are numbers, not probabilities.
_LOSSES_OF_NUMBERS = frozenset(
    ["mse", "mean_squared_error", "mae", "mean_absolute_error", "huber", "log_cosh", "meansquarederror"]
    + ["meanabsoluteerror"]
)


def predictions(student, name, X):
    """What the model predicts for `X`, as a finite array with one row a sample, shape (n, k).

    `X` is a list of arrays where the model has several inputs. Of a network the answers are those of its layers and
    weights, computed here; see `predict`.
    """
    scores, n = predict(student, name, X), _samples(X)
    if scores.ndim == 0 or len(scores) != n:
        seen = f"was asked about {n} samples and answered with shape {shape_text(scores.shape)}"
        refuse(name, "wrong-shape", f"{seen}; expected one row per sample.")
    return scores.reshape(n, -1)


def _samples(X):
    """How many samples an input has, or each of several inputs."""
    return len(X[0] if isinstance(X, list) else X)


def predict(student, name, X):
    """What the model answers to `X`, as a finite array.

    A Keras model, or a network of scikit-learn, is computed again from its layers and weights. What it says itself is
    only compared, on the first `_COMPARED` rows: no verdict rests on code that could know the question.
    What cannot be computed again is believed.

    Raises
    ------
    Misconception
        With the code "not-its-layers", where the model says something else than its layers compute.
    """
    text = f"The prediction of {name_text(name)}"
    computed = recompute_forward(student, name, X)
    if computed is None:
        return as_array(student.predict(name, X), text)
    network = _network(student, name, X)
    if network.compared < _COMPARED:
        first = [part[:_COMPARED] for part in X] if isinstance(X, list) else X[:_COMPARED]
        said = as_array(student.predict(name, first), text)
        if len(said) != _samples(first):
            return said
        again = computed[: len(said)]
        if said.size != again.size or not np.allclose(said, again.reshape(said.shape), rtol=1e-2, atol=1e-3):
            raise Misconception(
                "not-its-layers",
                f"The predictions of {name_text(name)} are not what its layers and weights compute. Hand in the "
                "network itself.",
            )
        network.compared += len(said)
        network.answer_shape = said.shape[1:]
    return as_array(computed.reshape(_samples(X), *network.answer_shape), text)


def one_column(student, name, X):
    """One number a sample, shape (n,): what a regressor predicts."""
    given = predictions(student, name, X)
    if given.shape[1] != 1:
        refuse(name, "wrong-shape", f"answers with {given.shape[1]} columns; expected one number per sample.")
    return given[:, 0]


def predicted_labels(student, name, X, n_classes=2):
    """Class labels 0..n_classes-1, shape (n,), whatever the model answers with.

    Labels, probabilities, logits, one column or one a class are all read; see `cut_of` for one column of scores.
    """
    scores = predictions(student, name, X)
    if scores.shape[1] == n_classes and n_classes > 1:
        return scores.argmax(axis=1)
    if scores.shape[1] != 1:
        refuse(name, "wrong-shape", f"answers with {scores.shape[1]} columns; {n_classes} classes were expected.")
    column = scores[:, 0]
    if n_classes > 2 or np.isin(column, np.arange(n_classes)).all():
        return np.rint(column).astype(int)
    return (column > cut_of(student, name, column)).astype(int)


def cut_of(student, name, scores):
    """Where scores of two classes turn from 0 to 1.

    The values decide: between 0 and 1 they are read as probabilities and cut at one half, whatever the last layer is
    called. Values outside are logits, cut at 0, unless the model was fitted to the labels as numbers, by a squared or
    an absolute error: those are cut at one half too.
    """
    if scores.min() >= -1e-6 and scores.max() <= 1 + 1e-6:
        return 0.5
    said = student.describe(name)
    regression = said["family"] == "sklearn" or said.get("loss") in _LOSSES_OF_NUMBERS
    return 0.5 if regression else 0.0


def as_binary_probabilities(name, scores):
    """Probabilities of class 1, shape (n,), of a model's scores, one column or two, where probabilities are asked for.

    Raises
    ------
    Misconception
        With the code "wrong-shape", "logits" or "labels".
    """
    low, high = scores.min(), scores.max()
    if scores.shape[1] > 2:
        refuse(name, "wrong-shape", f"answers with {scores.shape[1]} columns; the probability of 1 was expected.")
    if low < -1e-4 or high > 1 + 1e-4:
        asked = "probabilities, from 0 to 1, were asked for. End the network with `activation='sigmoid'`."
        refuse(name, "logits", f"answers with {low:.2f} to {high:.2f}; {asked}")
    if len(scores) > 20 and np.isin(scores, (0, 1)).all() and low < high:
        asked = "probabilities were asked for. Leave the rounding to whoever reads them."
        refuse(name, "labels", f"answers with 0 and 1 alone; {asked}")
    return np.clip(scores[:, -1], 0, 1)


def as_class_probabilities(name, scores, n_classes):
    """A model's scores, shape (n, n_classes), where probabilities of the classes are asked for.

    Raises
    ------
    Misconception
        With the code "wrong-shape", "labels", "one-hot", "logits", "not-probabilities" or "softmax-twice".
    """
    asked = f"{n_classes} probabilities a sample were asked for"
    if scores.shape[1] == 1 and np.array_equal(scores, np.rint(scores)):
        refuse(name, "labels", f"answers with the class itself; {asked}. Leave out the `argmax`.")
    if scores.shape[1] != n_classes:
        refuse(name, "wrong-shape", f"answers with {scores.shape[1]} columns; {asked}.")
    sums, low, high = scores.sum(axis=1), scores.min(), scores.max()
    if low < -1e-4 or high > 1 + 1e-4:
        seen = f"answers with {low:.2f} to {high:.2f}, and its first row sums to {sums[0]:.2f}"
        refuse(name, "logits", f"{seen}; {asked}. End the network with `activation='softmax'`.")
    if np.abs(sums - 1).max() > 1e-2:
        raise Misconception(
            "not-probabilities",
            f"The answers of {name_text(name)} sum to {sums[np.abs(sums - 1).argmax()]:.3f} in one row; {asked}, and "
            "they sum to 1. A softmax makes them do so; a sigmoid treats each class alone.",
        )
    if len(scores) > 20 and np.isin(scores, (0, 1)).all():
        refuse(name, "one-hot", f"answers with zeros and a single one; {asked}. Leave the rounding out.")
    most = np.e / (np.e + n_classes - 1)  # the largest value of the softmax of a softmax
    if len(scores) > 20 and scores.max() <= most + 1e-4 and np.quantile(scores.max(axis=1), 0.9) > 0.95 * most:
        raise Misconception(
            "softmax-twice",
            f"No probability of {name_text(name)} is above {most:.3f}, the most that a softmax of a softmax can give: "
            "one softmax too many.",
        )
    return scores


def refuse_constant(answers, name, form=".3g", advice="Was it fitted, and did its loss fall?"):
    """Raise `Misconception` where a model answers the same to everything, with the code "constant"."""
    if np.ptp(answers) < 1e-6:
        answer = np.ravel(answers)[0]
        if answer == 1 and isinstance(answer, np.floating):
            advice = "Does it end in a softmax? That of one number is always 1: use `activation='sigmoid'`."
        refuse(name, "constant", f"answers {answer:{form}} to everything. {advice}")


def describe_keras(student, name):
    """What `describe` says of a Keras model that has weights.

    Raises
    ------
    Misconception
        With the code "not-keras" or "not-built".
    """
    said = student.describe(name)
    if said["family"] != "keras":
        refuse(name, "not-keras", f"is {with_article(said['type'])}; a Keras model was expected.")
    if not said["built"]:
        refuse(name, "not-built", "has no weights yet. Begin it with `keras.Input(...)`, or fit it first.")
    return said


def rebuild(student, name, input_shape):
    """A Keras model built again from the configuration and the weights of the student's.

    Parameters
    ----------
    input_shape : tuple or None
        With the axis of the samples. None where the model has several inputs.

    Returns
    -------
    keras.Model or None
        None where the model cannot be built again: one with layers or code of the student's own, or no Keras model.
    """
    config, weights = student.network(name, input_shape) or (None, [])
    return None if config is None or _is_estimator(config) else _build(name, config, weights, input_shape)


def _is_estimator(config):
    return "class" in config


def _build(name, config, weights, input_shape):
    config = _not_compiled(config)
    if not _replayable(config):
        return None
    if _largest(config) > _MOST_UNITS or any(
        kind == "RepeatVector" and _largest(settings) > _MOST_STEPS for kind, settings in layer_configs(config)
    ):
        _refuse_size(name)
    import keras

    make = keras.saving.deserialize_keras_object
    try:
        if config["class_name"] == "Sequential":  # its `from_config` would build the chain anew for each layer
            model = keras.Sequential(map(make, config["config"]["layers"]))
        else:
            model = make(config)
        if not model.built:
            model.build(input_shape)
        model.set_weights(weights)
    except Exception:  # whatever Keras makes of a configuration from the student's side: too large, not a layer's
        return None
    return model


def recompute_forward(student, name, X):
    """What a model answers to `X`, computed again from its layers and weights.

    Parameters
    ----------
    X : numpy.ndarray, or list of them where the model has several inputs

    Returns
    -------
    numpy.ndarray or None
        None where the model is no network that can be built again: a function, a tree, a Keras model with code of the
        student's own.
    """
    network = _network(student, name, X)
    if network is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return network.predict(network.model, X)
    except Exception:  # not made for such inputs; asked to predict, the student's own model says so
        return None


def recompute_without(student, name, X, kinds):
    """What a Keras network answers to `X` where its layers of some kinds no longer see what they are given.

    Parameters
    ----------
    kinds : set of str
        Class names of layers. Their kernels are set to 0, so that a constant is left of each.

    Returns
    -------
    numpy.ndarray or None
        None where the network cannot be built again; see `recompute_forward`.
    """
    network = _network(student, name, X)
    if network is None:
        return None
    kept = network.model.get_weights()
    try:
        for layer in network.model._flatten_layers():
            for weight in layer.weights if type(layer).__name__ in kinds else ():
                if "kernel" in weight.name:
                    weight.assign(0 * weight)
        return network.predict(network.model, X)
    finally:
        network.model.set_weights(kept)


@dataclass
class _Network:
    """A network of the student's, built again."""

    model: object
    predict: object  # what computes the answers of `model`
    compared: int = 0  # on how many rows its own answers have been compared with these
    answer_shape: tuple = ()  # the shape of one of its own answers


def _network(student, name, X):
    """The `_Network` of a model for inputs such as `X`, or None. It is built once, until the student's code runs."""
    several = isinstance(X, list)
    key = name, tuple(part.shape[1:] for part in X) if several else X.shape[1:]
    if key not in student.known:
        student.known[key] = _build_network(student, name, None if several else X.shape)
    network = student.known[key]
    rows = min(max(_samples(X), _COMPARED), _MOST_ROWS)
    if network is not None and rows * sum(map(_values_of, getattr(network.model, "layers", []))) > _MOST_VALUES:
        _refuse_size(name)
    return network


def _build_network(student, name, shape):
    config, weights = student.network(name, shape) or (None, [])
    if config is None:
        return None
    if _is_estimator(config):
        try:
            return _Network(build_estimator(config), predict_estimator)
        except Exception:  # one that may not be built, or what the student's side made of it
            return None
    model = _build(name, config, weights, shape)
    return None if model is None else _Network(model, predict_keras)


def require_network(student, name, X):
    """Raise `Misconception` with the code "not-a-network" where `recompute_forward` finds none.

    The code is "linear-model" where scikit-learn's network is a weighted sum, and only the steps before it bend.
    """
    if recompute_forward(student, name, X[:1]) is None:
        predictions(student, name, X[:1])  # of a model that was never fitted the error says more
        kind = with_article(student.describe(name)["type"])
        seen = f"is {kind}: no layers and weights are found that give its answers."
        advice = "Hand in the trained network itself; all its parts must be scikit-learn's or Keras's own."
        refuse(name, "not-a-network", f"{seen} {advice}")
    for part in _parts_of(_network(student, name, X[:1]).model):
        if hasattr(part, "coefs_") and (len(part.coefs_) == 1 or part.activation == "identity"):
            raise Misconception(
                "linear-model",
                f"The {type(part).__name__} in {name_text(name)} is one weighted sum: it has no hidden layer with an "
                "activation, and what bends stands before it. Give it a hidden layer, with tanh or ReLU as its "
                "activation.",
            )


def _parts_of(model):
    """A model of scikit-learn and all estimators inside it; of anything else nothing."""
    if isinstance(model, list | tuple):
        for part in model:
            yield from _parts_of(part)
    elif hasattr(model, "get_params"):
        yield model
        yield from _parts_of(list(vars(model).values()))


def _refuse_size(name):
    refuse(name, "too-large", "is too large to be computed again. Make it smaller.")


def _not_compiled(config):
    """A Keras configuration without losses and optimisers, its own and those of the models inside it."""
    if isinstance(config, dict):
        return {key: _not_compiled(part) for key, part in config.items() if key != "compile_config"}
    return list(map(_not_compiled, config)) if isinstance(config, list | tuple) else config


def _everything_in(config):
    """A Keras configuration and all that stands in it, however deep."""
    yield config
    inside = config.values() if isinstance(config, dict) else config if isinstance(config, list | tuple) else ()
    for part in inside:
        yield from _everything_in(part)


def _largest(config):
    """The largest whole number in a Keras configuration: a number of units, filters, repetitions, classes."""
    return max((part for part in _everything_in(config) if isinstance(part, int)), default=0)


def _values_of(layer):
    """How many numbers a layer answers with for one sample; 0 where it does not say."""
    shapes = getattr(layer, "output", None)
    return sum(prod(size or 1 for size in one.shape[1:]) for one in (shapes if isinstance(shapes, list) else [shapes])
               if hasattr(one, "shape"))  # fmt: skip


def layer_configs(config):
    """Every layer in a Keras configuration, however deep: pairs of class name and settings."""
    for part in _everything_in(config):
        if isinstance(part, dict) and "class_name" in part and isinstance(part.get("config"), dict):
            yield part["class_name"], part["config"]


def layer_kinds(student, name):
    """The class names of all layers of a Keras model, a set; empty for anything else."""
    return {kind for kind, _ in layer_configs(student.config(name))}


def refuse_shared_layers(student, name):
    """Raise `Misconception` with the code "shared-layer" where one layer with weights stands in several places."""
    names = [layer["name"] for layer in student.layers(name) if layer["params"]]
    often = max(map(names.count, names), default=1)
    if often > 1:
        raise Misconception(
            "shared-layer",
            f"One and the same layer stands in {often} places of {name_text(name)}, with one set of weights for all; "
            f"`{often} * [layer]` repeats the object. Make a new layer for each place, in a loop.",
        )


def is_keras(student, thing):
    """Whether what a function of the student's has built is a Keras model."""
    return isinstance(thing, RemoteObject) and student.describe(thing)["family"] == "keras"


def is_function(student, name):
    """Whether an object is a function or a method, and no model."""
    return student.describe(name)["type"] in ("function", "method", "builtin_function_or_method")


def _replayable(config):
    """Whether every object in a Keras configuration is one of `_REPLAYABLE` and Keras's own."""

    def allowed(part):
        module, name = part.get("module"), part.get("class_name")
        if part.get("registered_name") not in (None, "", name):
            return False
        known = str(module).startswith(_HARMLESS) or str(module).startswith("keras") and name in _REPLAYABLE
        return module is None or known

    return all(allowed(part) for part in _everything_in(config) if isinstance(part, dict))


def name_text(name):
    """How a sentence names a model: by the student's name, where it has one."""
    return f"`{name}`" if isinstance(name, str) else f"the {type_name(name)}"


def refuse(name, code, message):
    """Raise `Misconception` with a sentence about a model, which begins with how it is named."""
    raise Misconception(code, f"{name_text(name)} {message}")
