"""The course's look, and what the functions that draw share."""

from pathlib import Path

import numpy as np

# Okabe-Ito, and a marker each, so that a class is known without its colour.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def use_style():
    """Apply the style file of the course to every figure that follows."""
    import matplotlib.pyplot as plt

    plt.style.use(Path(__file__).parent / "course.mplstyle")


def axes(ax=None, figsize=None):
    """`ax` itself, or the axes of a new figure."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=figsize)[1] if ax is None else ax


def waiting(ax=None, figsize=(4.5, 2.4)):
    """Draw an empty frame that waits for an answer; returns the Axes."""
    ax = axes(ax, figsize)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set(visible=True, color="#B0B0B0", linestyle=(0, (4, 4)))
    ax.text(0.5, 0.5, "waits for your answer", ha="center", va="center", color="#606060", transform=ax.transAxes)
    return ax


def points(X, y, X_name="X"):
    """X as floats of shape (n, 2) and y of shape (n,); raises ValueError with one sentence otherwise."""
    X, y = np.asarray(X, dtype=float), np.asarray(y).ravel()
    if X.ndim != 2 or X.shape[1] != 2:
        raise ValueError(f"{X_name} has shape {X.shape}; (n, 2) was expected: one row a point, two coordinates.")
    if len(X) != len(y):
        raise ValueError(f"{X_name} has {len(X)} rows and y has {len(y)} values; expected one value per row.")
    return X, y


def mesh(X, resolution, margin=0.08):
    """A regular grid over the points with a margin: x values, y values, and the grid's points of shape (n, 2)."""
    low, high = X.min(axis=0), X.max(axis=0)
    margin = margin * np.where(high > low, high - low, 1.0)
    xs = np.linspace(low[0] - margin[0], high[0] + margin[0], resolution)
    ys = np.linspace(low[1] - margin[1], high[1] + margin[1], resolution)
    return xs, ys, np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
