"""Confusion matrices, and the probabilities of one prediction."""

import numpy as np

from coursekit.plot.style import COLOURS, axes


def confusion_matrix(y_true, y_pred, ax=None, *, labels=None, title=None):
    """Draw how often each class (row) was read as each class (column).

    Counts stand in the cells. Colour is the share of the row, on a square-root scale so that rare mistakes show.

    Returns
    -------
    matplotlib.axes.Axes
    """
    y_true, y_pred = np.asarray(y_true).ravel(), np.asarray(y_pred).ravel()
    if len(y_true) != len(y_pred):
        raise ValueError(f"There are {len(y_true)} true and {len(y_pred)} predicted labels; as many were expected.")
    labels = np.unique(np.concatenate([y_true, y_pred])) if labels is None else np.asarray(labels)
    counts = np.array([[np.sum((y_true == t) & (y_pred == p)) for p in labels] for t in labels])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 0.48 * len(labels) + 1.6
    ax = axes(ax, (side, side))
    ax.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)
    for i, j in np.argwhere(counts > 0):
        dark = np.sqrt(shares[i, j]) > 0.6
        ax.text(j, i, counts[i, j], ha="center", va="center", fontsize=9, color="white" if dark else "black")
    ax.set_xticks(range(len(labels)), labels)
    ax.set_yticks(range(len(labels)), labels)
    ax.set(xlabel="predicted", ylabel="true", title=title)
    ax.grid(False)
    return ax


def probability_bars(probabilities, ax=None, *, title=None):
    """Draw the probability of each class for one sample, the largest marked.

    Parameters
    ----------
    probabilities : array of shape (k,) or (1, k)
    """
    values = np.asarray(probabilities, dtype=float).ravel()
    ax = axes(ax, (4, 2.6))
    best = int(values.argmax())
    bars = ax.bar(
        range(len(values)), values, color=[COLOURS[1] if i == best else COLOURS[5] for i in range(len(values))]
    )
    ax.bar_label(bars, [f"{v:.0%}" if v >= 0.01 else "" for v in values], fontsize=9)
    ax.set(xlabel="class", ylabel="probability", ylim=(0, 1.12), title=title)
    ax.set_xticks(range(len(values)))
    ax.grid(False, axis="x")
    return ax
