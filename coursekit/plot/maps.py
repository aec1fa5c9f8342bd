"""Values of places on a map."""

import numpy as np

from coursekit.plot.style import axes


def value_map(longitude, latitude, values, ax=None, *, label="", diverging=False, title=None):
    """Draw one coloured point for each place.

    Parameters
    ----------
    longitude, latitude : arrays of shape (n,)
        In degrees.
    values : array of shape (n,)
        What colour stands for. The range runs from the 2nd to the 98th percentile, so that a few extremes do not take
        the colours of all others.
    label : str
        Name and unit of the values, for the colour bar.
    diverging : bool
        Colours that are white at 0, for residuals.

    Returns
    -------
    matplotlib.axes.Axes
    """
    longitude, latitude, values = (np.asarray(part, dtype=float).ravel() for part in (longitude, latitude, values))
    if not len(longitude) == len(latitude) == len(values):
        raise ValueError(
            f"There are {len(longitude)} longitudes, {len(latitude)} latitudes and {len(values)} values; "
            "as many of each were expected."
        )
    low, high = np.percentile(values, [2, 98])
    if diverging:
        high = max(abs(low), abs(high))
        low = -high
    ax = axes(ax, (6, 4.6))
    points = ax.scatter(
        longitude, latitude, c=values, s=9, vmin=low, vmax=high, cmap="RdBu_r" if diverging else "cividis", linewidth=0
    )
    ax.figure.colorbar(points, ax=ax, label=label, extend="both")
    # One degree of longitude is shorter than one of latitude, by the cosine of the latitude.
    ax.set_aspect(1 / np.cos(np.radians(latitude.mean())))
    ax.set(xlabel="longitude (degrees)", ylabel="latitude (degrees)", title=title)
    ax.ticklabel_format(useOffset=False)
    ax.xaxis.set_major_locator(_few_ticks())
    ax.grid(False)
    return ax


def _few_ticks():
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4)
