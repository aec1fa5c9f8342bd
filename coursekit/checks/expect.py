"""Questions that many checks ask of an answer. Each raises `Wrong` with its own code and sentence."""

import numpy as np

from coursekit.checks.codec import Handle
from coursekit.checks.core import Wrong, threshold
from coursekit.checks.report import Finding
from coursekit.checks.student import StudentError

# The layers that `replay` may build. None of them can run code of the student's.
_REPLAYABLE = frozenset(
    ["Sequential", "Functional", "InputLayer", "Dense", "Conv1D", "Conv2D", "DepthwiseConv2D", "SeparableConv2D"]
    + ["MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "Flatten", "Reshape"]
    + ["Dropout", "SpatialDropout2D", "GaussianNoise", "Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax"]
    + ["BatchNormalization", "LayerNormalization", "Rescaling", "ZeroPadding2D", "Add", "Concatenate", "Multiply"]
    + ["Average", "Normalization", "LSTM", "GRU", "SimpleRNN", "Bidirectional", "TimeDistributed", "RepeatVector"]
    + ["Masking", "Embedding", "DTypePolicy"]
    + ["Relu", "Sigmoid", "Tanh", "Subtract", "Divide"]  # nodes that keras.ops leaves in a functional model
)
# Keras looks up "layers.Lambda" of the module "keras" too: what is not a layer of the list must be of one of these.
_HARMLESS = ("keras.initializers", "keras.regularizers", "keras.constraints", "keras.activations")


def as_array(value, what, shape=None):
    """`value` as an array of finite floats.

    Parameters
    ----------
    value : object
        What the student handed in.
    what : str
        How a sentence names it, e.g. "`W1`".
    shape : tuple of (int or None), optional
        The shape that it must have; None leaves an axis open.

    Raises
    ------
    Wrong
        With the code "wrong-type", "wrong-shape" or "not-finite".
    """
    if value is ...:
        raise Wrong("unfinished", f"{what} is still `...`.")
    if value is None:
        raise Wrong("none", f"{what} is None. Did a function forget to `return` its result?")
    if isinstance(value, Handle):
        raise Wrong("wrong-type", f"{what} is a {value.type_name}; an array of numbers was expected.")
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError
        array = array.astype(float)
    except (TypeError, ValueError):
        seen = "a string" if isinstance(value, str) else f"a {type(value).__name__} that is not numeric"
        raise Wrong("wrong-type", f"{what} is {seen}; an array of numbers was expected.") from None
    if shape is not None and not _fits(array.shape, shape):
        raise Wrong(
            "wrong-shape", f"{what} has shape {_shape(array.shape)}; {_shape(shape)} was expected. Print its `.shape`."
        )
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise Wrong(
            "not-finite",
            f"{what} holds {bad} value{'s' if bad > 1 else ''} that {'are' if bad > 1 else 'is'} NaN or infinite. Look "
            "for a division by zero, the logarithm of zero, the root of a negative number, a place that was never "
            "filled, or a learning rate that is too large.",
        )
    return array


def as_number(value, what):
    """`value` as one finite float; an array of one element counts."""
    array = as_array(value, what)
    if array.size != 1:
        raise Wrong("wrong-shape", f"{what} has shape {_shape(array.shape)}; a single number was expected.")
    return float(array.ravel()[0])


def returned(student, name, *args, shape=()):
    """What the student's function `name` gives for `args`, as finite floats of shape `shape`.

    Axes of length 1 may be missing or too many.

    Raises
    ------
    Wrong
        With the code "wrong-shape", or one of `as_array`.
    """
    given = as_array(student.call(name, *args), f"What `{name}` returns")
    if tuple(size for size in given.shape if size != 1) != tuple(size for size in shape if size != 1):
        said = " and ".join(_said(arg) for arg in args)
        wanted = f"shape {_shape(shape)}" if shape else "a single number"
        raise Wrong(
            "wrong-shape",
            f"`{name}` was given {said}, and returned shape {_shape(given.shape)}; {wanted} was expected.",
        )
    return given.reshape(shape)


def returned_parts(student, name, *args, like):
    """What `name` gives for `args`, where several things are expected.

    Parameters
    ----------
    like : dict of str to tuple
        What each part is called -> its shape.

    Returns
    -------
    list of numpy.ndarray
    """
    given = student.call(name, *args)
    if isinstance(given, np.ndarray) and given.ndim and len(given) == len(like) > 1:
        given = list(given)
    if not isinstance(given, list | tuple) or len(given) != len(like):
        seen = f"{len(given)} things" if isinstance(given, list | tuple) else f"one {type_name(given)}"
        raise Wrong("wrong-type", f"`{name}` returns {seen}; {', '.join(like)} were expected, in this order.")
    parts = []
    for (part, shape), value in zip(like.items(), given, strict=True):
        array = as_array(value, f"`{part}`, as `{name}` returns it,")
        if array.size != np.prod(shape, dtype=int):
            raise Wrong(
                "wrong-shape",
                f"`{name}` returns `{part}` of shape {_shape(array.shape)}; {_shape(shape)} was expected.",
            )
        parts.append(array.reshape(shape))
    return parts


def agrees(code, what, given, wanted, slips=None, points=0, advice="", rtol=1e-4, names=None):
    """The finding that an answer is the expected one.

    Parameters
    ----------
    code, what : str
        The finding's code, and how its sentence names the answer, e.g. "`mse`".
    given, wanted : array_like of one shape
    slips : dict of str to (array_like, str), optional
        The usual mistakes: code -> what they would give, and the sentence that explains it.
    rtol : float
        Of the largest expected value. The default is what float32 loses in a sum of some hundred terms.
    names : tuple of str, optional
        What the entries along the first axis are called, e.g. ("w", "b").

    Returns
    -------
    Finding
        With the slip's code and sentence where a slip explains a wrong answer. The check goes on, so that the other
        parts of the answer are judged too.
    """
    given, wanted = np.asarray(given, dtype=float), np.asarray(wanted, dtype=float)

    def same(other):
        other = np.asarray(other, dtype=float)
        return other.shape == given.shape and np.abs(given - other).max(initial=0) <= rtol * max(
            np.abs(other).max(initial=0), 1e-6
        )

    if same(wanted):
        return Finding(code, True, f"{what} is right.", points=points)
    for slip, (values, message) in (slips or {}).items():
        if same(values):
            return Finding(slip, False, message, points=points)
    off = np.abs(given - wanted) > rtol * max(np.abs(wanted).max(initial=0), 1e-6)
    i = np.unravel_index(off.argmax(), wanted.shape)  # the first that is off
    place = f" at {list(map(int, i))}" if wanted.ndim else ""
    if names is not None:
        place = f" for `{names[i[0]]}`"
    message = f"{what} gives {given[i]:.4g}{place} where {wanted[i]:.4g} was expected. {advice}".strip()
    return Finding(code, False, message, points=points)


def predictions(student, name, X):
    """What the model predicts for `X`, as a finite array with one row a sample, shape (n, k)."""
    scores = as_array(student.predict(name, X), f"The prediction of {_called(name)}")
    if scores.ndim == 0 or len(scores) != len(X):
        raise Wrong(
            "wrong-shape",
            f"{_called(name)} was asked about {len(X)} samples and answered with shape {_shape(scores.shape)}; one row "
            "a sample was expected.",
        )
    return scores.reshape(len(X), -1)


def one_column(student, name, X):
    """One number a sample, shape (n,): what a regressor predicts."""
    given = predictions(student, name, X)
    if given.shape[1] != 1:
        raise Wrong(
            "wrong-shape", f"{_called(name)} answers with {given.shape[1]} columns; one number a sample was expected."
        )
    return given[:, 0]


def predicted_labels(student, name, X, n_classes=2):
    """Class labels 0..n_classes-1, shape (n,), whatever the model answers with.

    Labels, probabilities, logits, one column or one a class are all read. A column of scores is cut at 0.5, or at 0
    where the scores leave [0, 1] or the last layer is linear.
    """
    scores = predictions(student, name, X)
    if scores.shape[1] == n_classes and n_classes > 1:
        return scores.argmax(axis=1)
    if scores.shape[1] != 1:
        raise Wrong(
            "wrong-shape", f"{_called(name)} answers with {scores.shape[1]} columns; {n_classes} classes were expected."
        )
    column = scores[:, 0]
    if n_classes > 2 or np.isin(column, np.arange(n_classes)).all():
        return np.rint(column).astype(int)
    layers = student.layers(name)
    logits = column.min() < 0 or column.max() > 1 or (layers and layers[-1]["activation"] == "linear")
    return (column > (0.0 if logits else 0.5)).astype(int)


def at_least(id, name, share, what, advice, points=1):
    """The finding that a share reaches its recorded limit.

    Parameters
    ----------
    id, name : str
        Exercise and name of the recorded number; the name is the finding's code too.
    share : float
        What was measured, 0 to 1.
    what, advice : str
        What the share is of ("of 400 fresh points are right"), and what to do where it is too small.
    """
    limit = threshold(id, name)
    passed = share >= limit
    message = f"{share:.1%} {what}; {limit:.1%} {'were' if passed else 'are'} asked for."
    return Finding(name, passed, message if passed else f"{message} {advice}", points=points, seen={name: share})


def not_constant(labels, name):
    """Raises `Wrong` where every sample gets the same label."""
    if len(np.unique(labels)) == 1:
        raise Wrong(
            "constant",
            f"{_called(name)} gives every point the label {labels[0]}. It has learned nothing yet: was it fitted, on "
            "data with both labels, for enough epochs?",
        )


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


def replay(student, name, X):
    """The predictions of a Keras model for `X`, computed again from its configuration and weights.

    Returns
    -------
    numpy.ndarray or None
        None where `rebuild` gives None.
    """
    model = rebuild(student, name, X.shape)
    try:
        return None if model is None else np.asarray(model(X.astype("float32"), training=False))
    except (ValueError, TypeError):
        return None


def same_as_replay(student, name, X, required=False):
    """Raises `Wrong` where the model's answers are not those of its own layers and weights.

    With `required`, where every right answer is made of Keras's own layers, also where they cannot be computed again.
    """
    again = replay(student, name, X)
    if again is None:
        if required:
            raise Wrong("not-plain-layers", f"{_called(name)} cannot be built again from its layers and weights. Use "
                        "Keras's own layers, and nothing else.")  # fmt: skip
        return
    answered = predictions(student, name, X)
    again = again.reshape(len(X), -1)
    if answered.shape != again.shape or not np.allclose(answered, again, rtol=1e-2, atol=1e-3):
        raise Wrong(
            "not-its-layers",
            f"The predictions of {_called(name)} are not what its layers and weights compute. Hand in the network "
            "itself.",
        )


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


def _called(name):
    """How a sentence names a model: by the student's name, where it has one."""
    return f"`{name}`" if isinstance(name, str) else f"the {type_name(name)}"


def _said(argument):
    """How a sentence names an argument."""
    if isinstance(argument, np.ndarray):
        return f"shape {argument.shape}"
    return f"a {argument.type_name}" if isinstance(argument, Handle) else f"{argument!r:.40}"


def type_name(value):
    """The name of a value's class, also of one that stayed on the student's side."""
    return value.type_name if isinstance(value, Handle) else type(value).__name__


def _fits(shape, wanted):
    return len(shape) == len(wanted) and all(w is None or s == w for s, w in zip(shape, wanted, strict=True))


def _shape(shape):
    inside = ", ".join("n" if size is None else str(size) for size in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"
