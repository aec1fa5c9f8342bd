"""What a model of two inputs has learned: decision boundaries and fitted surfaces."""

import numpy as np

from coursekit.plot.style import COLOURS, MARKERS, axes, mesh, points


def decision_boundary(predict, X, y, ax=None, *, title=None, resolution=200):
    """Draw the classes that `predict` gives to the plane, with the points.

    Parameters
    ----------
    predict : callable
        Takes an array of shape (n, 2). Gives labels (n,), scores in [0, 1] of shape (n,) or (n, 1), or the
        probabilities of the classes (n, k).
    X, y : arrays of shape (n, 2) and (n,)
        The points and their labels.
    resolution : int
        Points of the mesh along each axis.

    Returns
    -------
    matplotlib.axes.Axes
    """
    from matplotlib.colors import ListedColormap, to_rgb

    X, y = points(X, y)
    xs, ys, grid = mesh(X, resolution)
    field = np.asarray(predict(grid), dtype=float).reshape(len(grid), -1)
    classes = np.unique(y)
    ax = axes(ax, (5, 4.4))
    if field.shape[1] == 2:
        field = field[:, 1:]
    soft = field.shape[1] == 1 and len(classes) <= 2 and not np.isin(field, classes).all()
    if soft:
        tints = between(COLOURS[0], COLOURS[1])
        scores = field.reshape(len(ys), len(xs))
        ax.pcolormesh(xs, ys, scores, cmap=tints, vmin=0, vmax=1, alpha=0.55, shading="nearest", rasterized=True)
        if scores.min() < 0.5 < scores.max():
            ax.contour(xs, ys, scores, levels=[0.5], colors="black", linewidths=1.6)
    else:
        labels = field.argmax(axis=1) if field.shape[1] > 1 else np.searchsorted(classes, field[:, 0])
        labels = labels.reshape(len(ys), len(xs))
        pale = ListedColormap([0.45 * np.array(to_rgb(c)) + 0.55 for c in COLOURS[: max(len(classes), 2)]])
        ax.pcolormesh(xs, ys, labels, cmap=pale, vmin=-0.5, vmax=pale.N - 0.5, shading="nearest", rasterized=True)
        for level in np.unique(labels)[:-1]:
            ax.contour(xs, ys, labels, levels=[level + 0.5], colors="black", linewidths=1.6)
    for i, label in enumerate(classes):
        mine = y == label
        ax.scatter(
            *X[mine].T, s=26, marker=MARKERS[i % 8], color=COLOURS[i % 8], edgecolor="white", linewidth=0.6,
            zorder=3, label=f"class {label}",
        )  # fmt: skip
    ax.grid(False)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(xs[0], xs[-1]), ylim=(ys[0], ys[-1]), title=title)
    ax.set_aspect("equal", adjustable="box")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)
    return ax


def surface_fit(predict, truth, X, axs=None, *, title=None, resolution=80):
    """Three pictures side by side: the true surface, the fitted one, their difference.

    Parameters
    ----------
    predict, truth : callable
        Take an array of shape (n, 2), give n values.
    X : array of shape (n, 2)
        The points that the pictures span.

    Returns
    -------
    array of three matplotlib.axes.Axes
    """
    import matplotlib.pyplot as plt

    X, _ = points(X, np.zeros(len(X)))
    xs, ys, grid = mesh(X, resolution, margin=0)  # beyond the points nothing holds the fit
    true = np.asarray(truth(grid), dtype=float).reshape(len(ys), len(xs))
    fitted = np.asarray(predict(grid), dtype=float).reshape(len(ys), len(xs))
    if axs is None:
        axs = plt.subplots(1, 3, figsize=(11, 3.4), sharex=True, sharey=True)[1]
    scale = {"vmin": true.min(), "vmax": true.max(), "cmap": "cividis"}
    largest = np.abs(fitted - true).max()
    for ax, values, name, look in (
        (axs[0], true, "truth", scale),
        (axs[1], fitted, "fitted", scale),
        (axs[2], fitted - true, "fitted - truth", {"vmin": -largest, "vmax": largest, "cmap": "RdBu_r"}),
    ):
        picture = ax.pcolormesh(xs, ys, values, shading="nearest", rasterized=True, **look)
        ax.figure.colorbar(picture, ax=ax, shrink=0.85)
        ax.set(title=name, xlabel="$x_1$", aspect="equal")
        ax.grid(False)
    axs[0].set_ylabel("$x_2$")
    if title:
        axs[0].figure.suptitle(title, x=0.01, ha="left")
    return axs


def between(low, high):
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("classes", [low, "white", high])
