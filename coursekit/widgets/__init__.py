"""Things in a notebook that move: live training curves, pads to draw digits and points on, a playground."""

from importlib import import_module

_WHERE = {
    "LiveCurves": "training",
    "DigitPad": "digit_pad",
    "PointPad": "point_pad",
    "Playground": "playground",
}

__all__ = list(_WHERE)


def __getattr__(name):
    if name in _WHERE:
        return getattr(import_module(f"coursekit.widgets.{_WHERE[name]}"), name)
    raise AttributeError(f"coursekit.widgets has no {name!r}. It has: {', '.join(_WHERE)}.")
