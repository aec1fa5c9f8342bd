"""Pictures. Each function takes data or a predict callable, draws on `ax=None` and returns the Axes."""

from importlib import import_module

_WHERE = {
    "use_style": "style",
    "use_alt_text": "alt_text",
    "describe_figure": "alt_text",
    "decision_boundary": "boundaries",
    "surface_fit": "boundaries",
    "learning_curves": "curves",
    "curve_fit": "curves",
    "roc_curves": "curves",
    "loss_surface": "surfaces",
    "code_map": "codes",
    "image_grid": "images",
    "filters": "images",
    "feature_maps": "images",
    "value_map": "maps",
    "graph": "graphs",
    "network": "networks",
    "confusion_matrix": "tables",
    "probability_bars": "tables",
}

__all__ = list(_WHERE)


def __getattr__(name):
    if name in _WHERE:
        return getattr(import_module(f"coursekit.plot.{_WHERE[name]}"), name)
    raise AttributeError(f"coursekit.plot has no {name!r}. It has: {', '.join(_WHERE)}.")
