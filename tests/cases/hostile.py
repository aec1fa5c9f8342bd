"""Ways to spoil a right answer that every exercise must meet with one clear sentence, and odd ways that must pass."""

import copy
import time

import numpy as np

# name -> the statuses that a check may answer with
SPOILERS = {
    "none": ("failed",),
    "ellipsis": ("not attempted",),
    "string": ("failed",),
    "equals everything": ("failed",),
    "nan": ("failed",),
    "wrong shape": ("failed",),
    "raises": ("failed",),
    "exits": ("failed",),
    "returns ellipsis": ("not attempted",),
    "returns none": ("failed",),
    "never fitted": ("failed",),
    "constant": ("failed",),
    "prints": ("passed",),
    "sleeps": ("passed",),
    "changes its input": ("passed",),
    "reseeds": ("passed",),
}

# Where an exercise asks for more: (exercise, name, spoiler) -> the statuses
STRICTER = {("08.3", "shuffle_particles", "changes its input"): ("failed",)}


class EqualsEverything:
    """Claims to be equal to, and true for, whatever it is compared with."""

    def __eq__(self, other):
        return True

    __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __eq__
    __hash__ = None

    def __bool__(self):
        return True


def spoil(objects, name, how):
    """`objects` with the one called `name` spoiled, or None where this way does not apply to it."""
    thing = objects[name]
    simple = {"none": None, "ellipsis": ..., "string": "forty-two", "equals everything": EqualsEverything()}
    if how in simple:
        return {**objects, name: simple[how]}
    spoiled = _spoil_array(thing, how) if isinstance(thing, np.ndarray) else _spoil_callable(thing, how)
    return None if spoiled is None else {**objects, name: spoiled}


def _spoil_array(array, how):
    if array.dtype.kind not in "biuf":
        return None
    if how == "nan":
        return np.full(array.shape, np.nan)
    if how == "wrong shape":
        return np.zeros((*array.shape, 3))
    return None


def _spoil_callable(thing, how):
    if hasattr(thing, "get_params") or hasattr(thing, "layers"):
        return _spoil_model(thing, how)
    if not callable(thing):
        return None

    def numbers(result, change):
        if isinstance(result, tuple | list):
            return type(result)(numbers(part, change) for part in result)
        return change(np.asarray(result, dtype=float))

    def spoiled(*args, **kwargs):
        if how == "raises":
            raise RuntimeError("the cat sat on the keyboard")
        if how == "exits":
            raise SystemExit(0)
        if how == "returns ellipsis":
            return ...
        if how == "returns none":
            return None
        if how == "prints":
            print("here I am", args)
        if how == "sleeps":
            time.sleep(0.01)
        if how == "reseeds":
            np.random.seed(0)
        result = thing(*args, **kwargs)
        if how == "changes its input" and any(isinstance(arg, np.ndarray) for arg in args):
            result = copy.deepcopy(result)  # it may be, or share memory with, what is changed below
        if how == "nan":
            return numbers(result, lambda array: np.full(array.shape, np.nan))
        if how == "wrong shape":
            return numbers(result, lambda array: np.zeros((*array.shape, 3)))
        if how == "changes its input":
            for arg in args:
                if isinstance(arg, np.ndarray) and arg.dtype.kind == "f":
                    arg += 1.0
        return result

    function_only = how not in ("never fitted", "constant")
    return spoiled if function_only else None


def _spoil_model(model, how):
    if how == "never fitted":
        if hasattr(model, "get_params"):
            from sklearn.base import clone

            return clone(model)
        import keras

        return keras.models.clone_model(model) if type(model).__name__ in ("Sequential", "Functional") else None
    if not hasattr(model, "get_weights"):
        return None
    if how in ("nan", "constant"):
        import keras

        if type(model).__name__ not in ("Sequential", "Functional"):
            return None
        copy = keras.models.clone_model(model)
        copy.set_weights([np.full(w.shape, np.nan if how == "nan" else 0.0) for w in model.get_weights()])
        return copy
    return None
