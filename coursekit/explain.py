"""One sentence, under the traceback, for the errors that learners of Keras and scikit-learn meet most.

`install` is called by `coursekit.setup`. Nothing here changes an error, hides one, or raises one.
"""

import re

# (pattern of the message, sentence). The first that fits is shown; {0}, {1} are the pattern's groups.
_SENTENCES = [
    (
        r"expected axis -1 of input shape to have value (\d+), but received input with shape \(?\[?[^)]*?(\d+)[\])]",
        "The network expects {0} numbers a sample and got {1}. Compare `X.shape` with `keras.Input((n,))`, where n is "
        "the number of columns of X, without the axis of the samples.",
    ),
    (
        r"expected min_ndim=(\d+), found ndim=(\d+)|expected ndim=(\d+), found ndim=(\d+)",
        "The layer expects arrays with {0} axes and got {1}. A convolution of pictures wants (samples, height, width, "
        "channels): add the last axis with `X[..., None]`; a recurrent layer wants (samples, steps, features).",
    ),
    (
        r"target\.shape=\(None, (\d+)\), output\.shape=\(None, \1\)",
        "A sparse loss expects one whole number a sample, and the labels have {0} columns. Use "
        "`categorical_crossentropy` for one-hot labels, or hand in `labels.argmax(axis=1)`.",
    ),
    (
        r"target\.shape=\(None,(?: 1)?\), output\.shape=\(None, (\d+)\)",
        "The labels are one number a sample, and the network gives {0}. With whole-number labels use "
        "`sparse_categorical_crossentropy`; binary cross-entropy belongs to one sigmoid unit, not to a softmax.",
    ),
    (
        r"target\.shape=\(None, (\d+)\), output\.shape=\(None, (\d+)\)",
        "The labels have {0} columns and the network gives {1}: the last layer needs as many units as the labels have "
        "columns.",
    ),
    (
        r"Received a label value of (\S+) which is outside the valid range of \[0, (\d+)\)",
        "There is a label {0}, and the network has {1} outputs for the labels 0 to {1} - 1. Count the classes, or "
        "shift the labels so that they begin at 0.",
    ),
    (
        r"call `compile\(\)` before",
        "Keras does not know the loss yet: call `model.compile(optimizer=..., loss=...)` first.",
    ),
    (
        r"isn't built|not yet been built|has never been called",
        "The network has no weights yet, because it does not know its inputs. Begin it with `keras.Input(shape)`.",
    ),
    (
        r"Invalid dtype: (\w+)|could not convert string to float: (.+)|Unsupported object type (\w+)",
        "There are words or mixed objects among the numbers (seen: {0}). Turn categories into columns of 0 and 1 "
        "(one-hot), and look at `X.dtypes`.",
    ),
    (
        r"Data cardinality is ambiguous[\s\S]*?'x' sizes: (\d+)[\s\S]*?'y' sizes: (\d+)"
        r"|inconsistent numbers of samples: \[(?:np\.int64\()?(\d+)\)?, (?:np\.int64\()?(\d+)",
        "X has {0} rows and y has {1}: every sample needs one label. Was only one of them filtered or split?",
    ),
    (
        r"is not fitted yet|need to call fit",
        "The model has not learned anything yet: call `model.fit(X, y)` before you ask it.",
    ),
    (
        r"Expected 2D array, got 1D array",
        "scikit-learn wants one row a sample. One feature: `x.reshape(-1, 1)` or `x[:, None]`. One sample: "
        "`x.reshape(1, -1)`.",
    ),
    (
        r"(?:Input|y) ?\w? contains (NaN|infinity)",
        "There are missing or infinite values. Find them with `np.isnan(X).sum(axis=0)`; drop these rows, or fill them "
        "with `SimpleImputer` inside a pipeline.",
    ),
    (
        r"Unknown label type",
        "The labels are not classes but numbers with decimals. For classes use whole numbers or names, for numbers "
        "take a regressor.",
    ),
    (
        r"X has (\d+) features, but \w+ is expecting (\d+) features",
        "The model was fitted on {1} columns and is asked about {0}. Prepare new data in the same way as the "
        "training data.",
    ),
    (
        r"at least 2 classes[\s\S]*only one class",
        "All labels are the same, so there is nothing to tell apart. Was the data sorted before it was split?",
    ),
]


def explain(error):
    """What an error of Keras or scikit-learn means, in one or two sentences.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str
        "" where it is none of the errors that are known here.
    """
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    for pattern, sentence in _SENTENCES:
        found = re.search(pattern, text)
        if found:
            return sentence.format(*(group.strip()[:40] for group in found.groups() if group is not None))
    return ""


def doubts(model):
    """What looks wrong in a compiled Keras model although it raises no error.

    Returns
    -------
    list of str
    """
    if not getattr(model, "compiled", False) or not getattr(model, "layers", None):
        return []
    last = model.layers[-1]
    activation = getattr(getattr(last, "activation", None), "__name__", None)
    units = getattr(last, "units", None)
    loss = _name(getattr(model, "loss", None))
    said = []
    if activation == "softmax" and units == 1:
        said.append(
            "The last layer is a softmax over one unit: it answers 1 for everything. Use a sigmoid for two classes, or "
            "as many units as there are classes."
        )
    elif activation == "softmax" and loss == "binary_crossentropy":
        said.append(
            "Softmax with binary cross-entropy treats each class as a question of its own. Use "
            "`sparse_categorical_crossentropy` for whole-number labels, `categorical_crossentropy` for one-hot ones."
        )
    probabilities = not getattr(getattr(model, "loss", None), "_fn_kwargs", {}).get("from_logits", False)
    if activation == "linear" and "crossentropy" in loss and probabilities:
        said.append(
            f"The loss {loss} expects probabilities, and the last layer gives any number (logits). Add a sigmoid or a "
            "softmax, or use the loss with `from_logits=True`."
        )
    return said


def not_a_number(history):
    """A sentence where the loss of a Keras `History` became NaN or infinite, else ""."""
    for epoch, loss in enumerate(getattr(history, "history", {}).get("loss", []), 1):
        if loss != loss or abs(loss) == float("inf"):
            return (
                f"The loss is {loss} from epoch {epoch} on. Usual causes: NaN in the data, inputs that are not scaled, "
                "a learning rate that is too large, a logarithm of 0."
            )
    return ""


def install(shell=None):
    """Say these sentences after each cell of a notebook; does nothing outside IPython."""
    if shell is None:
        try:
            from IPython import get_ipython
        except ImportError:
            return
        shell = get_ipython()
    if shell is None or getattr(shell, "_coursekit_explains", False):
        return
    shell._coursekit_explains = True
    said = set()

    def after(result):
        if not getattr(shell, "_coursekit_explains", False):
            return
        error = result.error_in_exec
        for sentence in [explain(error)] if error is not None else _silent(shell.user_ns, said):
            if sentence:
                print(f"\n→ {sentence}")

    shell.events.register("post_run_cell", after)


def uninstall(shell=None):
    """Say no more sentences."""
    if shell is None:
        from IPython import get_ipython

        shell = get_ipython()
    if shell is not None:
        shell._coursekit_explains = False


def _silent(names, said):
    """The doubts about what the student's names hold, each said once for an object."""
    for name, thing in list(names.items()):
        if name.startswith("_") or not type(thing).__module__.startswith("keras."):
            continue
        sentences = [not_a_number(thing)] if type(thing).__name__ == "History" else doubts(thing)
        for sentence in sentences:
            if sentence and (id(thing), sentence) not in said:
                said.add((id(thing), sentence))
                yield f"`{name}`: {sentence}"


def _name(loss):
    name = loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", "")
    return str(name)
