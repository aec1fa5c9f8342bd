"""Models: what they predict, as labels and numbers, and whether that is what their layers and weights compute."""

from math import prod

import numpy as np
from scipy.special import expit

from coursekit.checks.framework import Misconception
from coursekit.checks.proxy import StudentError
from coursekit.checks.vocabulary.arrays import as_array, shape_text, type_name

# The layers that `recompute_forward` may build. None of them can run code of the student's.
_REPLAYABLE = frozenset(
    ["Sequential", "Functional", "InputLayer", "Dense", "Conv1D", "Conv2D", "DepthwiseConv2D", "SeparableConv2D"]
    + ["MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "Flatten", "Reshape"]
    + ["Dropout", "SpatialDropout2D", "GaussianNoise", "Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax"]
    + ["BatchNormalization", "LayerNormalization", "Rescaling", "ZeroPadding2D", "Add", "Concatenate", "Multiply"]
    + ["Average", "Normalization", "LSTM", "GRU", "SimpleRNN", "Bidirectional", "TimeDistributed", "RepeatVector"]
    + ["Masking", "Embedding", "DTypePolicy"]
    + ["Relu", "Sigmoid", "Tanh", "Subtract", "Divide"]  # nodes that keras.ops leaves in a functional model
)

# What a network that is built again may ask for: the course's own stay a hundred times below.
_MOST_UNITS, _MOST_STEPS, _MOST_VALUES = 1_000_000, 10_000, 2_000_000_000

# Keras looks up "layers.Lambda" of the module "keras" too: what is not a layer of the list must be of one of these.
_HARMLESS = ("keras.initializers", "keras.regularizers", "keras.constraints", "keras.activations")

# Losses for answers that are numbers, not probabilities.
_LOSSES_OF_NUMBERS = frozenset(
    ["mse", "mean_squared_error", "mae", "mean_absolute_error", "huber", "log_cosh", "meansquarederror"]
    + ["meanabsoluteerror"]
)


def predictions(student, name, X):
    """What the model predicts for `X`, as a finite array with one row a sample, shape (n, k)."""
    scores = as_array(student.predict(name, X), f"The prediction of {name_text(name)}")
    if scores.ndim == 0 or len(scores) != len(X):
        raise Misconception(
            "wrong-shape",
            f"{name_text(name)} was asked about {len(X)} samples and answered with shape {shape_text(scores.shape)}; "
            "expected one row per sample.",
        )
    return scores.reshape(len(X), -1)


def one_column(student, name, X):
    """One number a sample, shape (n,): what a regressor predicts."""
    given = predictions(student, name, X)
    if given.shape[1] != 1:
        raise Misconception(
            "wrong-shape", f"{name_text(name)} answers with {given.shape[1]} columns; expected one number per sample."
        )
    return given[:, 0]


def predicted_labels(student, name, X, n_classes=2):
    """Class labels 0..n_classes-1, shape (n,), whatever the model answers with.

    Labels, probabilities, logits, one column or one a class are all read; see `cut_of` for one column of scores.
    """
    scores = predictions(student, name, X)
    if scores.shape[1] == n_classes and n_classes > 1:
        return scores.argmax(axis=1)
    if scores.shape[1] != 1:
        raise Misconception(
            "wrong-shape",
            f"{name_text(name)} answers with {scores.shape[1]} columns; {n_classes} classes were expected.",
        )
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


def binary_probabilities(student, name, X):
    """Probabilities of class 1, shape (n,), from one column or two, where the page asks for probabilities.

    Raises as `as_binary_probabilities`.
    """
    return as_binary_probabilities(name, predictions(student, name, X))


def as_binary_probabilities(name, scores):
    """The same of scores that the model has given, shape (n, k).

    Raises
    ------
    Misconception
        With the code "wrong-shape", "logits" or "labels".
    """
    if scores.shape[1] > 2:
        raise Misconception(
            "wrong-shape",
            f"{name_text(name)} answers with {scores.shape[1]} columns; the probability of 1 was expected.",
        )
    if scores.min() < -1e-4 or scores.max() > 1 + 1e-4:
        raise Misconception(
            "logits",
            f"{name_text(name)} answers with {scores.min():.2f} to {scores.max():.2f}; probabilities, from 0 to 1, "
            "were asked for. End the network with `activation='sigmoid'`.",
        )
    if len(scores) > 20 and np.isin(scores, (0, 1)).all() and np.ptp(scores) > 0:
        raise Misconception(
            "labels",
            f"{name_text(name)} answers with 0 and 1 alone; probabilities were asked for. Leave the rounding to "
            "whoever reads them.",
        )
    return np.clip(scores[:, -1], 0, 1)


def class_probabilities(student, name, X, n_classes):
    """Probabilities of the classes, shape (n, n_classes), where the page asks for probabilities.

    Raises as `as_class_probabilities`.
    """
    return as_class_probabilities(name, predictions(student, name, X), n_classes)


def as_class_probabilities(name, scores, n_classes):
    """The same of scores that the model has given, shape (n, k).

    Raises
    ------
    Misconception
        With the code "wrong-shape", "labels", "one-hot", "logits", "not-probabilities" or "softmax-twice".
    """
    asked = f"{n_classes} probabilities a sample were asked for"
    if scores.shape[1] == 1 and np.array_equal(scores, np.rint(scores)):
        raise Misconception(
            "labels", f"{name_text(name)} answers with the class itself; {asked}. Leave out the `argmax`."
        )
    if scores.shape[1] != n_classes:
        raise Misconception("wrong-shape", f"{name_text(name)} answers with {scores.shape[1]} columns; {asked}.")
    sums = scores.sum(axis=1)
    if scores.min() < -1e-4 or scores.max() > 1 + 1e-4:
        raise Misconception(
            "logits",
            f"{name_text(name)} answers with {scores.min():.2f} to {scores.max():.2f}, and its first row sums to "
            f"{sums[0]:.2f}; {asked}. End the network with `activation='softmax'`.",
        )
    if np.abs(sums - 1).max() > 1e-2:
        raise Misconception(
            "not-probabilities",
            f"The answers of {name_text(name)} sum to {sums[0]:.2f} in the first row; {asked}, and they sum to 1. A "
            "softmax makes them do so; a sigmoid treats each class alone.",
        )
    if len(scores) > 20 and np.isin(scores, (0, 1)).all():
        raise Misconception(
            "one-hot", f"{name_text(name)} answers with zeros and a single one; {asked}. Leave the rounding out."
        )
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
        raise Misconception("constant", f"{name_text(name)} answers {answer:{form}} to everything. {advice}")


def describe_keras(student, name):
    """What `describe` says of a Keras model that has weights.

    Raises
    ------
    Misconception
        With the code "not-keras" or "not-built".
    """
    said = student.describe(name)
    if said["family"] != "keras":
        raise Misconception("not-keras", f"{name_text(name)} is a {said['type']}; a Keras model was expected.")
    if not said["built"]:
        raise Misconception(
            "not-built", f"{name_text(name)} has no weights yet. Begin it with `keras.Input(...)`, or fit it first."
        )
    return said


def rebuild(student, name, input_shape):
    """A Keras model built again from the configuration and the weights of the student's.

    Parameters
    ----------
    input_shape : tuple
        With the axis of the samples.

    Returns
    -------
    keras.Model or None
        None where the model cannot be built again: a subclassed model that is not a plain chain of its layers, or one
        with layers of the student's own.
    """
    config = student.config(name)
    if config is None:
        return None
    if isinstance(config, dict):
        config = {**config, "compile_config": None}
    chain = isinstance(config, list)
    if not all(_replayable(part) for part in (config if chain else [config])):
        return None
    if _largest(config) > _MOST_UNITS or any(
        kind == "RepeatVector" and _largest(settings) > _MOST_STEPS for kind, settings in layer_configs(config)
    ):
        raise _too_large(name)
    import keras

    try:
        if chain:
            model = keras.Sequential([keras.saving.deserialize_keras_object(part) for part in config])
            model.build(input_shape)
        else:
            model = keras.saving.deserialize_keras_object(config)
        model.set_weights([w for layer in student.weights(name) for w in layer])
    except StudentError:
        raise
    except Exception:  # whatever Keras makes of a configuration from the student's side: too large, not a layer's
        return None
    return model


def recompute_forward(student, name, X):
    """The predictions of a Keras model for `X`, computed again from its configuration and weights.

    Returns
    -------
    numpy.ndarray or None
        None where `rebuild` gives None.
    """
    model = rebuild(student, name, X.shape)
    if model is not None and len(X) * sum(map(_values_of, model.layers)) > _MOST_VALUES:
        raise _too_large(name)
    try:
        return None if model is None else np.asarray(model(X.astype("float32"), training=False))
    except (ValueError, TypeError):
        return None


def _too_large(name):
    return Misconception("too-large", f"{name_text(name)} is too large to be computed again. Make it smaller.")


def _largest(config):
    """The largest whole number in a Keras configuration: a number of units, filters, repetitions, classes."""
    if isinstance(config, dict):
        return max(map(_largest, config.values()), default=0)
    if isinstance(config, list | tuple):
        return max(map(_largest, config), default=0)
    return config if isinstance(config, int) else 0


def _values_of(layer):
    """How many numbers a layer answers with for one sample; 0 where it does not say."""
    shapes = getattr(layer, "output", None)
    return sum(prod(size or 1 for size in one.shape[1:]) for one in (shapes if isinstance(shapes, list) else [shapes])
               if hasattr(one, "shape"))  # fmt: skip


def check_forward(student, name, X, required=False, chain=True, sigmoid_outside=False):
    """Raises `Misconception` where the model's answers are not those of its own layers and weights.

    Parameters
    ----------
    required : bool
        Whether every right answer is made of Keras's own layers: then one that cannot be computed again is refused too.
    chain : bool
        Whether a subclassed model is taken for a chain of its layers; else it is left to its predictions.
    sigmoid_outside : bool
        Whether the sigmoid of the layers' answer is right too. One that is written into `call` is none of the layers.
    """
    if not chain and not isinstance(student.config(name), dict):
        return
    again = recompute_forward(student, name, X)
    if again is None:
        if required:
            raise Misconception(
                "not-plain-layers",
                f"{name_text(name)} cannot be built again from its layers and weights. Use Keras's own layers alone.",
            )
        return
    answered = predictions(student, name, X)
    again = again.reshape(len(X), -1)
    right = [again, expit(again)] if sigmoid_outside and again.shape[1] == 1 else [again]
    if not any(answered.shape == one.shape and np.allclose(answered, one, rtol=1e-2, atol=1e-3) for one in right):
        raise Misconception(
            "not-its-layers",
            f"The predictions of {name_text(name)} are not what its layers and weights compute. Hand in the network "
            "itself.",
        )


def check_forward_where_taken(student, name, X):
    """`check_forward` where the model takes `X` as it is; one that wants another shape is left to its predictions."""
    try:
        if isinstance(student.config(name), dict):
            predictions(student, name, X)
    except StudentError:
        return
    check_forward(student, name, X, chain=False)


def layer_configs(config):
    """Every layer in a Keras configuration, however deep: pairs of class name and settings."""
    if isinstance(config, dict):
        if "class_name" in config and isinstance(config.get("config"), dict):
            yield config["class_name"], config["config"]
        for part in config.values():
            yield from layer_configs(part)
    elif isinstance(config, list | tuple):
        for part in config:
            yield from layer_configs(part)


def layer_kinds(student, name):
    """The class names of all layers of a Keras model, a set; empty for anything else."""
    return {kind for kind, _ in layer_configs(student.config(name))}


def is_function(student, name):
    """Whether an object is a function or a method, and no model."""
    return student.describe(name)["type"] in ("function", "method", "builtin_function_or_method")


def _replayable(config):
    """Whether every object in a Keras configuration is one of `_REPLAYABLE` and Keras's own."""
    if isinstance(config, dict):
        if config.get("registered_name") not in (None, "", config.get("class_name")):
            return False
        module, name = config.get("module"), config.get("class_name")
        if module is not None and not str(module).startswith("keras"):
            return False
        if module is not None and not str(module).startswith(_HARMLESS) and name not in _REPLAYABLE:
            return False
        return all(_replayable(part) for part in config.values())
    if isinstance(config, list | tuple):
        return all(_replayable(part) for part in config)
    return True


def name_text(name):
    """How a sentence names a model: by the student's name, where it has one."""
    return f"`{name}`" if isinstance(name, str) else f"the {type_name(name)}"
