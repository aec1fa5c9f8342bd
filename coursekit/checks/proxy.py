"""The handle through which a check asks a student's objects, and the errors that an answer may be.

A check never holds a student's object. It asks in a small vocabulary and gets plain data back, whether the objects
live in the same notebook or at the end of a pipe.
"""

import re
import reprlib

import numpy as np

from coursekit.checks.codec import RemoteObject

# The questions: what `ObjectServer` answers to.
QUESTIONS = ("kind", "value", "call", "predict", "symbolic", "describe")  # of any object
QUESTIONS += ("layers", "weights", "history", "config", "network")  # of models


# The kind of the error of code that changes what it was handed.
CHANGED_INPUT = "ChangedInput"


class NotAttempted(Exception):
    """What was asked for is still `...`."""


class StudentError(Exception):
    """The student's code, or a library that it uses, raised an error.

    Attributes
    ----------
    kind : str
        Name of the error's class.
    text : str
        Its message.
    line : str
        The student's own line, or "" where none is to blame.
    call : str
        The call of the student's function that it ended, or "".
    """

    def __init__(self, kind, text, line=""):
        super().__init__(f"{kind}: {text}")
        self.kind, self.text, self.line, self.call = kind, text, line, ""


def text_of(error):
    """The message of an error; "" where its own class, perhaps the student's, fails to give it."""
    try:
        return str(error)
    except Exception:
        return ""


class Missing(Exception):
    """A name that the exercise needs does not exist."""


class StudentProxy:
    """What a check holds.

    Parameters
    ----------
    ask : callable
        ``ask(operation, *arguments)`` with plain data in and out, or one of the three errors above.

    Notes
    -----
    Wherever a name is expected, a `RemoteObject` that an earlier answer gave may stand.
    """

    def __init__(self, ask):
        self._ask = ask
        self.known = {}  # what a check found out of the objects and need not ask again until the student's code runs

    def kind(self, name):
        """Name of the object's class. Raises NotAttempted where it is still `...`."""
        return self._ask("kind", name)

    def value(self, name):
        """The object itself where it is plain data, else a `RemoteObject`."""
        return _attempted(name, self._ask("value", name))

    def call(self, name, *args, **kwargs):
        """The result of calling the object. The arguments are copies."""
        self.known.clear()
        try:
            return _attempted(name, self._ask("call", name, args, kwargs))
        except StudentError as error:
            if isinstance(name, str):
                error.call = f"{name}({', '.join(map(argument_text, args))})"
            raise

    def predict(self, name, X):
        """Predictions for the rows of `X`: probabilities where the model has them, else what it predicts."""
        return _attempted(name, self._ask("predict", name, X))

    def symbolic(self, name, shapes):
        """The output's shape, with None for the samples, of a Keras layer called on a list of `keras.Input` s."""
        return _attempted(name, self._ask("symbolic", name, shapes))

    def layers(self, name):
        """A list of dicts: class, name, units, activation, params, trainable, input_shape, output_shape."""
        return self._ask("layers", name)

    def weights(self, name):
        """For each layer, the list of its weight arrays."""
        return self._ask("weights", name)

    def history(self, name):
        """A dict: metric -> list of one number an epoch."""
        return _attempted(name, self._ask("history", name))

    def config(self, name):
        """The configuration of a Keras model, from which it can be built again; None for anything else."""
        return self._ask("config", name)

    def network(self, name, shape):
        """What a network is computed from, for inputs of this shape; None for what is none, or has code of its own.

        Of a Keras model its configuration and weights; of a network of scikit-learn, alone, in a pipeline or in an
        ensemble, what `estimators.describe_estimator` says, and an empty list.
        """
        return self._ask("network", name, shape)

    def describe(self, name):
        """A dict of facts.

        Of everything: type, family ("keras", "sklearn", "function", "other"), fitted, params, n_params. Of a Keras
        model also built, compiled, loss, optimizer and steps (of its optimiser); of an estimator n_iter and max_iter.
        """
        return self._ask("describe", name)


def article(name):
    """ "a" or "an", as the name of a class is read aloud: an int, an MLPClassifier, a list."""
    return "an" if re.match(r"[aeioAEIO]|[FHLMNRSX](?=[A-Z])|ndarray", str(name)) else "a"


def with_article(name):
    return f"{article(name)} {name}"


def argument_text(argument):
    """How a sentence names an argument of a call."""
    if isinstance(argument, np.ndarray):
        return f"an array {argument.shape}"
    if isinstance(argument, list | tuple | dict) and "array(" in repr(argument):
        return f"a {type(argument).__name__} of arrays"
    return with_article(argument.type_name) if isinstance(argument, RemoteObject) else reprlib.repr(argument)


def _attempted(name, value):
    parts = value if isinstance(value, tuple | list) else [value]
    if any(part is Ellipsis for part in parts):
        raise NotAttempted(name if isinstance(name, str) else "the answer")
    return value
