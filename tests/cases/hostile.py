"""Ways to spoil a right answer, each of which every exercise must meet with one clear sentence.

What is true of the engine alone (it bears functions that print, sleep, reseed, exit or change their arguments) is proved
once, in tests/test_core.py.
"""

import copy

import numpy as np

# way -> the status that the check must give
ALWAYS = {"none": "failed", "ellipsis": "not attempted", "string": "failed", "equals everything": "failed"}
BY_KIND = {
    "number": {"nan": "failed"},
    "array": {"nan": "failed", "wrong shape": "failed"},
    "function": {
        "nan": "failed", "wrong shape": "failed", "raises": "failed", "returns none": "failed",
        "returns ellipsis": "not attempted",
    },
    "estimator": {"never fitted": "failed", "nan": "failed", "constant": "failed"},
    "network": {"never fitted": "failed", "nan": "failed", "constant": "failed"},
    "other": {},
}  # fmt: skip


def kind_of(thing):
    """What an object is: "number", "array", "function", "estimator" (scikit-learn's), "network" (Keras's own), "other"."""
    if isinstance(thing, bool):
        return "other"
    if isinstance(thing, int | float | np.number):
        return "number"
    if isinstance(thing, np.ndarray):
        return "array" if thing.dtype.kind in "biuf" and thing.size else "other"
    if hasattr(thing, "get_params"):
        return "estimator"
    if hasattr(thing, "layers"):
        return "network" if type(thing).__name__ in ("Sequential", "Functional") else "other"
    return "function" if callable(thing) and not hasattr(thing, "predict") else "other"


def ways(thing):
    """The ways to spoil an object that depend on what it is, and the status that each must get."""
    return BY_KIND[kind_of(thing)]


class EqualsEverything:
    """Claims to be equal to, and true for, whatever it is compared with."""

    def __eq__(self, other):
        return True

    __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __eq__
    __hash__ = None

    def __bool__(self):
        return True


def spoil(thing, how):
    """The object spoiled in one of its ways."""
    if how in ALWAYS:
        return {"none": None, "ellipsis": ..., "string": "forty-two", "equals everything": EqualsEverything()}[how]
    return globals()[f"_spoil_{kind_of(thing)}"](thing, how)


def _spoil_number(number, how):
    return float("nan")


def _spoil_array(array, how):
    return np.full(array.shape, np.nan) if how == "nan" else np.zeros((*array.shape, 3))


def _spoil_function(function, how):
    def spoiled(*args, **kwargs):
        if how == "raises":
            raise RuntimeError("the cat sat on the keyboard")
        if how == "returns ellipsis":
            return ...
        if how == "returns none":
            return None
        return _numbers(function(*args, **kwargs), lambda array: _spoil_array(array, how))

    return spoiled


def _numbers(result, change):
    """An answer with its arrays changed, whatever they stand in."""
    if isinstance(result, tuple | list):
        return type(result)(_numbers(part, change) for part in result)
    return change(np.asarray(result, dtype=float))


def _spoil_estimator(model, how):
    if how == "never fitted":
        from sklearn.base import clone

        return clone(model)

    def answers(real):
        def answer(self, X):
            given = np.array(real(X), dtype=float if how == "nan" else None)
            given[:] = np.nan if how == "nan" else given[:1]
            return given

        return answer

    methods = ("predict", "predict_proba", "decision_function", "transform")
    changed = {name: answers(getattr(model, name)) for name in methods if hasattr(model, name)}
    spoiled = copy.copy(model)
    spoiled.__class__ = type(type(model).__name__, (type(model),), {**changed, "__module__": type(model).__module__})
    return spoiled


def _spoil_network(model, how):
    import keras

    keras.utils.set_random_seed(0)  # a small network may begin with weights that happen to be right
    spoiled = keras.models.clone_model(model)
    if how != "never fitted":
        spoiled.set_weights([np.full(w.shape, np.nan if how == "nan" else 0.0) for w in model.get_weights()])
    return spoiled
