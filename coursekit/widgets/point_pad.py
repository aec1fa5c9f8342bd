"""A pad in the notebook to draw two classes of points on."""

from coursekit.plot.style import COLOURS, MARKERS
from coursekit.widgets.plane import PLANE, Plane, rows, script


class PointPad(Plane):
    """A pad for mouse, touch and keyboard. `pad.X` and `pad.y` are the points on it.

    It starts with a sample, so that `pad.X` is never empty where there is no browser; Clear takes it away.

    Parameters
    ----------
    X, y : arrays of shape (n, 2) and (n,), optional
        The points to start with: within [-3, 3], labels 0 and 1.
    """

    _esm = script("plane", "point_pad")

    def __init__(self, X=None, y=None, **settings):
        if (X is None) != (y is None):
            raise ValueError("PointPad takes X and y together, or neither.")
        super().__init__(points=rows(*(sample() if X is None else (X, y))), **settings)

    def still(self):
        """The points as a matplotlib Figure, for pages without a browser's widgets."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(3.6, 3.4), layout="constrained")
        ax = figure.subplots()
        for label in (0, 1):
            mine = self.X[self.y == label]
            ax.plot(*mine.T, MARKERS[label], color=COLOURS[label], linestyle="", label=f"class {label}")
        ax.set(xlim=(-PLANE, PLANE), ylim=(-PLANE, PLANE), xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
        ax.legend(loc="upper right")
        return figure


def sample(seed=0):
    """Points as a hand might draw them: a blob, and a bow around it.

    Returns
    -------
    X : ndarray of float, shape (60, 2)
    y : ndarray of int, shape (60,)
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    angle = np.linspace(-0.3, np.pi + 0.3, 35)
    bow = np.column_stack([2 * np.cos(angle), 2 * np.sin(angle) - 0.7]) + rng.normal(0, 0.15, (35, 2))
    blob = rng.normal((0, -0.6), 0.4, (25, 2))
    return np.concatenate([bow, blob]), np.repeat([0, 1], [35, 25])
