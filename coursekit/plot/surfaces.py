"""Loss surfaces over two weights, with the paths that optimisers take."""

import numpy as np

from coursekit.plot.style import COLOURS, MARKERS, axes


def loss_surface(loss, xlim, ylim, ax=None, *, paths=None, title=None, resolution=120):
    """Draw the contours of a loss of two weights.

    Parameters
    ----------
    loss : callable
        ``loss(w1, w2)``; it may take arrays or single numbers.
    xlim, ylim : (float, float)
        The range of the two weights.
    paths : dict of str to array of shape (n, 2), optional
        Name -> the weights after each step.

    Returns
    -------
    matplotlib.axes.Axes
    """
    a, b = np.meshgrid(np.linspace(*xlim, resolution), np.linspace(*ylim, resolution))
    try:
        values = np.asarray(loss(a, b), dtype=float)
    except (TypeError, ValueError):
        values = None
    if values is None or values.shape != a.shape:  # a loss of single numbers
        values = np.array([float(loss(u, v)) for u, v in zip(a.ravel(), b.ravel(), strict=True)]).reshape(a.shape)
    ax = axes(ax, (6, 4.4))
    # Levels of equal area, so that a deep valley and a high wall both show.
    levels = np.unique(np.quantile(values[np.isfinite(values)], np.linspace(0, 1, 22)))
    ax.contourf(a, b, values, levels=levels, cmap="cividis", alpha=0.85)
    ax.contour(a, b, values, levels=levels, colors="white", linewidths=0.4)
    for i, (name, path) in enumerate((paths or {}).items()):
        path = np.asarray(path, dtype=float)
        if path.ndim != 2 or path.shape[1] != 2:
            raise ValueError(f"The path {name!r} has shape {path.shape}; (n, 2) was expected: two weights a step.")
        # White under the colour keeps the line visible on dark and on light ground.
        ax.plot(*path.T, color="white", linewidth=4)
        ax.plot(*path.T, color=COLOURS[(i + 1) % 8], linewidth=2, marker=MARKERS[i % 8], markersize=5, label=name)
    if paths:
        ax.legend()
    ax.grid(False)
    ax.set(xlabel="$w_1$", ylabel="$w_2$", xlim=xlim, ylim=ylim, title=title)
    return ax
