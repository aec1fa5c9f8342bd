"""scikit-learn's networks as plain data, and built again from it: no code of the student's runs here."""

from importlib import import_module

import numpy as np

# What may be built: networks, what prepares their inputs and targets, and ensembles. Of an ensemble of trees the trees
# are not built, so it is no network.
_PACKAGES = frozenset(
    f"sklearn.{name}"
    for name in ("neural_network", "pipeline", "compose", "preprocessing", "decomposition", "feature_selection")
    + ("kernel_approximation", "ensemble")
)

# What training alone needs, or what stands there twice.
_LEFT_OUT = frozenset(
    ["loss_curve_", "validation_scores_", "named_estimators_", "feature_names_in_", "n_jobs", "random_state"]
)


def describe_estimator(item):
    """A fitted estimator of scikit-learn, or a part of its state, as plain data; what is neither becomes None.

    A function in a `FunctionTransformer` is described where it is one of NumPy's, or linear.

    Raises
    ------
    ValueError
        Where the estimator is, or holds, one that `build_estimator` may not build.
    """
    item = getattr(item, "best_estimator_", item)
    if isinstance(item, dict):
        return {key: describe_estimator(part) for key, part in item.items()}
    if isinstance(item, list | tuple):
        return [describe_estimator(part) for part in item]
    if item is None or isinstance(item, bool | int | float | str | np.generic):
        return item
    if isinstance(item, np.ndarray):
        return item if item.dtype.kind in "biufSU" else [describe_estimator(part) for part in item.tolist()]
    from scipy.interpolate import BSpline
    from sklearn.base import BaseEstimator

    if isinstance(item, BSpline):
        return {"spline": [item.t, item.c, item.k, item.extrapolate]}
    if not isinstance(item, BaseEstimator):
        return None
    package = ".".join(type(item).__module__.split(".")[:2])
    if package not in _PACKAGES:
        raise ValueError(f"{type(item).__name__} is not described")
    parts = {key: (part, describe_estimator(part)) for key, part in vars(item).items() if key not in _LEFT_OUT}
    state = {key: described for key, (part, described) in parts.items() if part is None or described is not None}
    if type(item).__name__ == "FunctionTransformer":
        for key in ("func", "inverse_func"):
            state[key] = _describe_function(getattr(item, key), item.n_features_in_)
    return {"package": package, "class": type(item).__name__, "state": state}


def _describe_function(function, n_features):
    """A function of rows by its name in NumPy, or by its matrix and bias. Raises ValueError for another one."""
    if function is None:
        return None
    if isinstance(function, np.ufunc):
        return {"ufunc": function.__name__}
    probe = np.random.default_rng(0).normal(size=(3, n_features))
    rows = np.asarray(function(np.vstack([np.zeros(n_features), np.eye(n_features), probe])), dtype=float)
    bias, W = rows[0], rows[1 : n_features + 1] - rows[0]
    if not np.allclose(rows[n_features + 1 :], probe @ W + bias):
        raise ValueError("neither NumPy's nor linear")
    return {"matrix": W, "bias": bias}


def build_estimator(description):
    """The estimator again. Raises ValueError where it is, or holds, one that may not be built."""
    if isinstance(description, list):
        return [build_estimator(part) for part in description]
    if not isinstance(description, dict):
        return description
    if "matrix" in description:
        return lambda X: X @ description["matrix"] + description["bias"]
    if "ufunc" in description:
        function = getattr(np, description["ufunc"], None)
        if not isinstance(function, np.ufunc):
            raise ValueError(f"{description['ufunc']} is no function of NumPy's")
        return function
    if "spline" in description:
        from scipy.interpolate import BSpline

        return BSpline(*description["spline"])
    if "class" not in description:
        return {key: build_estimator(part) for key, part in description.items()}
    from sklearn.base import BaseEstimator

    package, name = description["package"], description["class"]
    kind = getattr(import_module(package), name, None) if package in _PACKAGES else None
    if not (isinstance(kind, type) and issubclass(kind, BaseEstimator)):
        raise ValueError(f"{package}.{name} is not built")
    model = kind.__new__(kind)
    # Whatever was said, no processes are started here.
    vars(model).update(build_estimator(description["state"]) | {"n_jobs": None})
    return model


def predict_estimator(model, X):
    """What an estimator, or a function, answers: probabilities where it has them."""
    for method in ("predict_proba", "predict"):
        if hasattr(model, method):
            return getattr(model, method)(X)
    return model(X)
