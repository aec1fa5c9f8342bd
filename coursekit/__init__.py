"""coursekit: checks, data and pictures for a course on neural networks.

Everything is loaded on first use, so that ``import coursekit`` is instant and pulls in neither TensorFlow, Keras nor
matplotlib.
"""

from importlib import import_module

__version__ = "0.1.0"

_FUNCTIONS = {
    "setup": "coursekit.session",
    "devices": "coursekit.session",
    "check": "coursekit.checks.notebook",
    "hint": "coursekit.checks.notebook",
    "expected": "coursekit.checks.notebook",
    "progress": "coursekit.checks.notebook",
    "ready": "coursekit.answers",
    "resume": "coursekit.answers",
}
_MODULES = ("data", "plot", "checks", "widgets")

# This file is read by any Python: `python -m coursekit` must come as far as its sentence on an old one.
__all__ = ["__version__"] + list(_FUNCTIONS) + list(_MODULES)


def __getattr__(name):
    if name in _FUNCTIONS:
        return getattr(import_module(_FUNCTIONS[name]), name)
    if name in _MODULES:
        return import_module("coursekit." + name)
    raise AttributeError("coursekit has no " + repr(name) + ". It has: " + ", ".join(__all__) + ".")


def __dir__():
    return sorted(__all__)
