"""The other end: what answers a check's questions about a student's objects."""

import contextlib
import inspect
import io
import sysconfig
import traceback
import warnings
from pathlib import Path

import numpy as np

from coursekit.checks.codec import CodecError, RemoteObject, pack, unpack
from coursekit.checks.estimators import describe_estimator, predict_estimator
from coursekit.checks.proxy import CHANGED_INPUT, QUESTIONS, Missing, NotAttempted, StudentError, StudentProxy, text_of


def local_student(objects):
    """A `StudentProxy` over objects of this process. What crosses is packed and unpacked as on the pipe."""
    server = ObjectServer(objects)

    def ask(operation, *args):
        args = unpack(*pack(list(args), server.keep))
        return unpack(*pack(server.answer(operation, *args), server.keep))

    return StudentProxy(ask)


class ObjectServer:
    """A student's objects, by name, and the answers to what a check asks of them."""

    def __init__(self, objects):
        self._objects = dict(objects)
        self._kept = []

    def keep(self, item):
        """Put an object aside and return its `RemoteObject`."""
        number = next((i for i, kept in enumerate(self._kept) if kept is item), len(self._kept))
        if number == len(self._kept):
            self._kept.append(item)
        return RemoteObject(number, type(item).__name__, callable(item))

    def answer(self, operation, *args):
        """Answer one question. What the student's code prints or warns is dropped; what it raises is explained."""
        if operation not in QUESTIONS:
            raise CodecError(f"there is no question {operation!r}")
        state = np.random.get_state()
        try:
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return getattr(self, f"_{operation}")(*args)
        except (NotAttempted, StudentError, Missing, CodecError, KeyboardInterrupt):
            raise
        except BaseException as error:  # SystemExit too: `exit()` in a student's function must not end the check
            raise StudentError(type(error).__name__, text_of(error), _own_line(error)) from None
        finally:
            np.random.set_state(state)

    def _get(self, name):
        if isinstance(name, RemoteObject):
            return self._kept[name.number]
        if name not in self._objects:
            raise Missing(name)
        found = self._objects[name]
        if found is Ellipsis:
            raise NotAttempted(name)
        return found

    def _kind(self, name):
        return type(self._get(name)).__name__

    def _value(self, name):
        return self._get(name)

    def _call(self, name, args=(), kwargs=None):
        function = self._get(name)
        args = [self._kept[arg.number] if isinstance(arg, RemoteObject) else arg for arg in args]
        with self._watching(name, args):
            return function(*args, **(kwargs or {}))

    @contextlib.contextmanager
    def _watching(self, name, args):
        """An error of the student's where the code changes the arrays that it is given, whatever it answers."""
        arrays = [(arg, arg.copy()) for arg in _arrays_in(args)]
        yield
        if any(not np.array_equal(arg, before, equal_nan=arg.dtype.kind == "f") for arg, before in arrays):
            raise StudentError(
                CHANGED_INPUT,
                f"`{name if isinstance(name, str) else 'the function'}` changes an array that it was given: whoever "
                "calls it has spoiled data afterwards. Work on a copy, such as `x = x.copy()`, and write `x = x + 1` "
                "in place of `x += 1`.",
            )

    def _predict(self, name, X):
        model = self._get(name)
        if _family(model) == "keras":
            return predict_keras(model, X)
        with self._watching(name, [X]):
            return predict_estimator(model, X)

    def _symbolic(self, name, shapes):
        import keras

        return tuple(self._get(name)([keras.Input(tuple(shape)) for shape in shapes]).shape)

    def _layers(self, name):
        model = _last_step(self._get(name))
        if _family(model) == "keras":
            return [_describe_layer(layer) for layer in getattr(model, "layers", [])]
        return _sklearn_layers(model)

    def _weights(self, name):
        model = _last_step(self._get(name))
        if _family(model) == "keras":
            return [[np.asarray(w) for w in layer.weights] for layer in getattr(model, "layers", [])]
        if hasattr(model, "coefs_"):
            return [[W, b] for W, b in zip(model.coefs_, model.intercepts_, strict=True)]
        return []

    def _history(self, name):
        record = self._get(name)
        record = getattr(record, "history", record)
        if hasattr(record, "loss_curve_"):
            record = {"loss": record.loss_curve_}
        if hasattr(record, "to_dict"):  # a pandas DataFrame, as pd.DataFrame(history.history)
            record = record.to_dict(orient="list")
        if isinstance(record, dict):
            return {str(metric): np.asarray(values, dtype=float).ravel().tolist() for metric, values in record.items()}
        return {"loss": np.asarray(record, dtype=float).ravel().tolist()}

    def _config(self, name):
        model = self._get(name)
        if _family(model) != "keras":
            return None
        import keras

        if _is_plain(model):
            return keras.saving.serialize_keras_object(model)
        # A subclassed model: its layers in order are the best that can be said of it.
        return [keras.saving.serialize_keras_object(layer) for layer in getattr(model, "layers", [])]

    def _network(self, name, shape):
        model = self._get(name)
        family = _family(model)
        try:
            if family == "keras":
                import keras

                model = _functional(model, shape)
                return keras.saving.serialize_keras_object(model), model.get_weights()
            return (describe_estimator(model), []) if family == "sklearn" else None
        except Exception:  # not fitted, or code that runs with numbers alone: asked to predict, it says so
            return None

    def _describe(self, name):
        model = self._get(name)
        family = _family(model)
        said = {"type": type(model).__name__, "family": family, "fitted": None, "n_params": None, "params": {}}
        if family == "keras":
            said["built"] = bool(getattr(model, "built", False))
            said["n_params"] = int(model.count_params()) if said["built"] else None
            said["compiled"] = bool(getattr(model, "compiled", False))
            said["steps"] = _steps_of(getattr(model, "optimizer", None))
            said["loss"] = _name_of(getattr(model, "loss", None))
            said["optimizer"] = _name_of(getattr(model, "optimizer", None))
        elif family == "sklearn":
            from sklearn.exceptions import NotFittedError
            from sklearn.utils.validation import check_is_fitted

            try:
                check_is_fitted(model)
                said["fitted"] = True
            except NotFittedError:
                said["fitted"] = False
            said["params"] = {key: _setting(value) for key, value in model.get_params(deep=True).items()}
            if hasattr(model, "cv_results_"):
                scores = {key: value for key, value in model.cv_results_.items() if key.endswith("_score")}
                said["search"] = {"n_splits": int(model.n_splits_)}
                said["search"] |= {key: np.asarray(value, dtype=float) for key, value in scores.items()}
            last = _last_step(model)
            n_iter = getattr(last, "n_iter_", None)  # some estimators keep one number for each class
            said["n_iter"] = None if n_iter is None else int(np.max(n_iter))
            said["max_iter"] = getattr(last, "max_iter", None)
            if hasattr(last, "coefs_"):
                said["n_params"] = int(sum(w.size for w in [*last.coefs_, *last.intercepts_]))
        elif type(model).__module__.startswith("keras.") and hasattr(model, "on_epoch_end"):
            said["params"] = _settings_of_callback(model)
        return said


def _setting(value):
    """A setting of an estimator; a list or an array of numbers as the tuple that scikit-learn's pages show."""
    if isinstance(value, list | np.ndarray):
        value = tuple(np.asarray(value, dtype=object).tolist())
    parts = value if isinstance(value, tuple) else [value]
    plain = all(isinstance(part, bool | int | float | str | None) for part in parts)
    return value if plain else type(value).__name__


def _settings_of_callback(callback):
    """What a Keras callback watches and keeps; of a History, the number of epochs and of steps in each."""
    settings = {key: getattr(callback, key, None) for key in ("monitor", "save_best_only")}
    ran = getattr(callback, "params", None) or {}
    settings |= {key: ran.get(key) for key in ("epochs", "steps")}
    return {key: value for key, value in settings.items() if isinstance(value, bool | int | str)}


def _arrays_in(things):
    """The arrays among arguments, and in their lists and dicts."""
    for thing in things:
        if isinstance(thing, np.ndarray):
            yield thing
        elif isinstance(thing, list | tuple):
            yield from _arrays_in(thing)
        elif isinstance(thing, dict):
            yield from _arrays_in(thing.values())


def _family(model):
    roots = {base.__module__.split(".")[0] for base in type(model).__mro__}
    if "keras" in roots and (hasattr(model, "weights") or hasattr(model, "layers")):
        return "keras"
    if "sklearn" in roots or "xgboost" in roots and hasattr(model, "get_params"):
        return "sklearn"
    return "function" if callable(model) else "other"


def _last_step(model):
    """The final estimator of a scikit-learn pipeline or search; anything else as it is."""
    model = getattr(model, "best_estimator_", model)
    steps = getattr(model, "steps", None)
    return _last_step(steps[-1][1]) if isinstance(steps, list) and steps else model


def predict_keras(model, X):
    """What a Keras model answers, a few large batches at a time."""
    # Calling the model is many times faster than model.predict for the few rows that a check sends.
    several = isinstance(X, list)  # one array for each input
    inputs = [np.asarray(part) for part in (X if several else [X])]
    inputs = [part.astype("float32") if part.dtype == np.float64 else part for part in inputs]
    # Few and large batches, since a recurrent layer walks through its steps in Python for each of them.
    batch_size = max(1024, 2**20 // max(1, *(part[:1].size for part in inputs)))
    parts = []
    for i in range(0, len(inputs[0]), batch_size):
        rows = [part[i : i + batch_size] for part in inputs]
        parts.append(np.asarray(model(rows if several else rows[0], training=False)))
    return np.concatenate(parts)


def _is_plain(model):
    import keras

    return type(model) in (keras.Sequential, keras.Model) or type(model).__name__ == "Functional"


def _functional(model, shape):
    """The model itself; of a class of the student's own the network of Keras's layers that its `call` runs through."""
    if _is_plain(model):
        return model
    import keras

    inputs = keras.Input(tuple(shape[1:]))
    training = {"training": False} if "training" in inspect.signature(model.call).parameters else {}
    return keras.Model(inputs, model.call(inputs, **training))


def _describe_layer(layer):
    config = layer.get_config() if hasattr(layer, "get_config") else {}
    activation = getattr(layer, "activation", None)
    sizes = ("units", "filters", "kernel_size", "pool_size", "strides", "padding", "rate", "use_bias", "shape")
    return {
        "class": type(layer).__name__,
        "name": str(layer.name),
        "activation": getattr(activation, "__name__", None),
        "params": int(layer.count_params()) if getattr(layer, "built", False) else None,
        "trainable": bool(layer.trainable),
        "input_shape": _shape_of(layer, "input"),
        "output_shape": _shape_of(layer, "output"),
        **{key: config[key] for key in sizes if key in config and not isinstance(config[key], dict)},
    }


def _shape_of(layer, end):
    try:
        return tuple(getattr(layer, end).shape)
    except Exception:  # a layer that was never called has no input or output
        return None


def _sklearn_layers(model):
    if not hasattr(model, "coefs_"):
        return []
    last = len(model.coefs_) - 1
    return [
        {
            "class": "Dense",
            "name": f"dense_{i}",
            "units": int(W.shape[1]),
            "activation": {"identity": "linear", "logistic": "sigmoid"}.get(activation, activation),
            "params": int(W.size + b.size),
            "trainable": True,
            "input_shape": (None, int(W.shape[0])),
            "output_shape": (None, int(W.shape[1])),
        }
        for i, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True))
        for activation in [model.out_activation_ if i == last else model.activation]
    ]


def _name_of(thing):
    """A loss or an optimiser as lower-case snake_case, however it was given."""
    if thing is None or isinstance(thing, str):
        return thing
    name = getattr(thing, "name", None) or getattr(thing, "__name__", None) or type(thing).__name__
    return str(name).lower()


def _steps_of(optimizer):
    """How many steps an optimiser has taken; None where it does not tell."""
    steps = getattr(optimizer, "iterations", None)
    return None if steps is None else int(np.asarray(steps))


# Code that is not the student's: Python's, the installed packages', ours.
_PLACES = sysconfig.get_paths()

_FOREIGN = (
    "<frozen",
    *(_PLACES[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")),
    str(Path(__file__).parents[1]),
)


def _own_line(error):
    """The last line of the student's own code on the way to `error`, as 'line 3: y = f(x)'."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(_FOREIGN):
            return f"line {frame.lineno}: {frame.line}" if frame.line else f"line {frame.lineno}"
    return ""
