"""The map of an autoencoder: little pictures, each at the place of its code."""

import numpy as np

from coursekit.plot.style import axes


def code_map(codes, images, labels=None, ax=None, *, spacing=0.042, title=None):
    """Draw pictures at their codes in the plane, as many as fit without covering each other.

    Parameters
    ----------
    codes : array of shape (n, 2)
    images : array of shape (n, height, width)
        Ink from 0 (none, transparent) to 1.
    labels : array of n whole numbers from 0 to 9, optional
        The colour of each picture, with a legend; black where not given.
    spacing : float
        Width of a picture, as a share of the width of the map.

    Returns
    -------
    matplotlib.axes.Axes
    """
    import matplotlib.pyplot as plt

    codes, images = np.asarray(codes, dtype=float), np.clip(np.asarray(images, dtype=float), 0, 1)
    if codes.ndim != 2 or codes.shape[1] != 2 or len(codes) != len(images):
        raise ValueError(
            f"codes has shape {codes.shape} and there are {len(images)} images; one code (2,) each was expected."
        )
    ax = axes(ax, (7.2, 7.2))
    low, high = np.quantile(codes, [0.005, 0.995], axis=0)
    width = np.where(high > low, high - low, 1.0)
    side = spacing * width
    colours = plt.get_cmap("tab10").colors
    drawn = _apart((codes - low) / width, spacing)
    for i in drawn:
        ink = np.zeros((*images[i].shape, 4))
        ink[..., :3] = 0 if labels is None else colours[int(labels[i]) % 10]
        ink[..., 3] = images[i]
        left, bottom = codes[i] - side / 2
        ax.imshow(ink, extent=(left, left + side[0], bottom, bottom + side[1]), aspect="auto", zorder=2)
    ax.set(xlim=(low[0] - side[0], high[0] + side[0]), ylim=(low[1] - side[1], high[1] + side[1]))
    ax.set(xlabel="first number of the code", ylabel="second number of the code", title=title)
    ax.grid(False)
    if labels is not None:
        shown = sorted({int(label) for label in labels})
        handles = [plt.Line2D([], [], color=colours[k % 10], marker="s", linestyle="") for k in shown]
        ax.legend(handles, shown, title="label", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def _apart(places, spacing):
    """Indices of places in the unit square of which no two are closer than `spacing` along both axes."""
    kept = []
    for i, place in enumerate(places):
        inside = (place >= -spacing / 2).all() and (place <= 1 + spacing / 2).all()
        if inside and not (kept and (np.abs(places[kept] - place).max(axis=1) < 0.98 * spacing).any()):
            kept.append(i)
    return kept
