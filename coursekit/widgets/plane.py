"""What the point pad and the playground share: points of two classes in a plane."""

import json
from pathlib import Path

import numpy as np
import traitlets

from coursekit.plot.style import COLOURS, points
from coursekit.widgets.still import WidgetWithStill

_HERE = Path(__file__).parent
PLANE = 3.0  # both coordinates run from -3 to 3, as in plane.js


def script(*names):
    """The JavaScript of a widget, from its files; they share one scope."""
    parts = [f"const COLOURS = {json.dumps(COLOURS[:2])};"]
    return "\n".join(parts + [(_HERE / f"{name}.js").read_text(encoding="utf-8") for name in names])


def rows(X, y):
    """Points as the browser takes them: [x1, x2, label], three decimals.

    Raises
    ------
    ValueError
        Where X is not of shape (n, 2), a label is neither 0 nor 1, or a point lies outside the plane.
    """
    if np.size(X) == 0 and np.size(y) == 0:
        return []
    X, y = points(X, y)
    if not np.isin(y, (0, 1)).all():
        raise ValueError(f"y has the labels {np.unique(y).tolist()}; 0 and 1 were expected.")
    if not (np.abs(X) <= PLANE).all():
        raise ValueError(
            f"X reaches from {X.min():g} to {X.max():g}; the plane runs from -3 to 3. Scale X first, for example with "
            "StandardScaler."
        )
    return [[*map(float, row), int(label)] for row, label in zip(np.round(X, 3), y, strict=True)]


class Plane(WidgetWithStill):
    """Points of two classes in the plane from -3 to 3."""

    _css = _HERE / "plane.css"
    points = traitlets.List().tag(sync=True)

    @property
    def X(self):
        """The points: float array of shape (n, 2)."""
        return np.array([row[:2] for row in self.points], dtype=float).reshape(-1, 2)

    @property
    def y(self):
        """Their classes: int array of shape (n,), 0 or 1."""
        return np.array([row[2] for row in self.points], dtype=int)
