"""Curves: what training did, epoch by epoch, and fits of one variable."""

import numpy as np

from coursekit.plot.style import COLOURS, axes


def learning_curves(history, ax=None, *, metrics=None, title=None, log=False):
    """Draw metrics against epochs: training solid, validation dashed, the best validation epoch marked.

    Parameters
    ----------
    history : dict, keras History, fitted scikit-learn network, DataFrame, or list of floats
    metrics : list of str, optional
        The metrics to draw, without "val_"; the loss where not given.
    log : bool
        Logarithmic vertical axis.

    Returns
    -------
    matplotlib.axes.Axes
    """
    record = _as_dict(history)
    metrics = ["loss"] if metrics is None and "loss" in record else metrics or [k for k in record if k[:4] != "val_"]
    missing = [name for name in metrics if name not in record and f"val_{name}" not in record]
    if missing:
        raise ValueError(f"The history has no {missing[0]!r}. It has: {', '.join(record)}.")
    ax = axes(ax, (6, 3.6))
    for i, name in enumerate(metrics):
        for key, line, label in ((name, "-", "training"), (f"val_{name}", "--", "validation")):
            if key not in record:
                continue
            values = np.asarray(record[key], dtype=float)
            epochs = np.arange(1, len(values) + 1)
            ax.plot(epochs, values, line, color=COLOURS[i % 8], label=f"{name}, {label}",
                    marker="o" if len(values) <= 12 else None, markersize=4)  # fmt: skip
            if key[:4] == "val_" and len(values) > 1 and np.isfinite(values).any():
                lower_is_better = not any(word in name for word in ("acc", "auc", "precision", "recall", "r2"))
                best = int(np.nanargmin(values) if lower_is_better else np.nanargmax(values))
                ax.plot(best + 1, values[best], "o", color=COLOURS[i % 8], markersize=10, fillstyle="none",
                        label=f"best: epoch {best + 1}")  # fmt: skip
    ax.set(xlabel="epoch", ylabel=metrics[0] if len(metrics) == 1 else "value", title=title)
    ax.xaxis.get_major_locator().set_params(integer=True)
    if log:
        ax.set_yscale("log")
    ax.legend()
    return ax


def curve_fit(x, y, fits, ax=None, *, title=None):
    """Draw points of one variable and curves through them.

    Parameters
    ----------
    x, y : arrays of shape (n,)
    fits : dict of str to array or callable
        Name -> values at x, or a function of x.

    Returns
    -------
    matplotlib.axes.Axes
    """
    x, y = np.asarray(x, dtype=float).ravel(), np.asarray(y, dtype=float).ravel()
    if x.shape != y.shape:
        raise ValueError(f"x has {len(x)} values and y has {len(y)}; one y for each x was expected.")
    order = np.argsort(x)
    ax = axes(ax, (6, 3.6))
    ax.plot(x, y, ".", color="#9A9A9A", markersize=5, label="data")
    styles = ("-", "--", "-.", ":")
    for i, (name, fit) in enumerate(fits.items()):
        values = np.asarray(fit(x) if callable(fit) else fit, dtype=float).ravel()
        ax.plot(x[order], values[order], styles[i % 4], color=COLOURS[i % 8], label=name)
    ax.set(xlabel="$x$", ylabel="$y$", title=title)
    ax.legend()
    return ax


def roc_curves(curves, ax=None, *, title=None):
    """Draw ROC curves, each with the area under it in the legend, and the diagonal of a coin.

    Parameters
    ----------
    curves : dict of str to (fpr, tpr)
        Name -> false and true positive rates, two arrays of equal length.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = axes(ax, (4.8, 4.4))
    styles = ("-", "--", "-.", ":")
    for i, (name, (fpr, tpr)) in enumerate(curves.items()):
        fpr, tpr = np.asarray(fpr, dtype=float).ravel(), np.asarray(tpr, dtype=float).ravel()
        if fpr.shape != tpr.shape:
            raise ValueError(f"{name}: {len(fpr)} values of fpr, {len(tpr)} of tpr; expected one of each per cut.")
        area = np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2)
        ax.plot(fpr, tpr, styles[i % 4], color=COLOURS[i % 8], label=f"{name}: area {area:.3f}")
    ax.plot([0, 1], [0, 1], color="#9A9A9A", linewidth=1, label="coin: area 0.5")
    ax.set(xlabel="false positive rate", ylabel="true positive rate", title=title, aspect="equal")
    ax.legend(loc="lower right")
    return ax


def _as_dict(history):
    history = getattr(history, "history", history)
    if hasattr(history, "loss_curve_"):
        return {"loss": history.loss_curve_}
    if hasattr(history, "to_dict"):
        return history.to_dict(orient="list")
    if isinstance(history, dict):
        return history
    try:
        return {"loss": np.asarray(history, dtype=float).ravel()}
    except (TypeError, ValueError):
        raise TypeError(
            f"A {type(history).__name__} is no history; hand in what `fit` returned, a dict of lists, or a list."
        ) from None
