"""Checks of notebook 03: house prices."""

import numpy as np

from coursekit.checks.codec import Handle
from coursekit.checks.framework import Wrong, exercise, fail_if, threshold
from coursekit.checks.proxy import StudentError
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import agrees, as_array, as_number, returned_parts
from coursekit.checks.vocabulary.models import one_column
from coursekit.checks.vocabulary.relations import describe_relation

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py. "rmse" is the largest error that
# passes; below "lowest" a model must have seen the houses that it is judged on.
MARGINS = {
    "03.1": {"rmse": 1.0, "lowest": -0.8},
    "03.3": {"rmse": 0.04, "lowest": -0.05},
    "03.4": {"rmse": 0.04, "lowest": -0.05},
    # "fold": the smallest error of a fold, as a share of a line's on the same fold.
    "03.5": {"rmse": 0.04, "lowest": -0.05, "fold": -0.03},
}


def within(id, rmse, what, unit, advice, seen_before, points, **seen):
    """The finding that an error lies within its recorded band; raises `Wrong` where it is too good to be true."""
    low, high = threshold(id, "lowest"), threshold(id, "rmse")
    fail_if(rmse < low, "seen-before", what=what, rmse=rmse, unit=unit, low=low, seen_before=seen_before)
    passed = rmse <= high
    message = f"{what} has an RMSE of {rmse:.3f} {unit}; at most {high:.3f} {'was' if passed else 'is'} asked for."
    seen |= {"rmse": rmse, "lowest": rmse}
    return Finding("rmse", passed, message if passed else f"{message} {advice}", points=points, seen=seen)


def parts_of(student, name):
    """The names of the classes that a scikit-learn model is made of."""
    said = student.describe(name)
    return {said["type"], *map(str, (said.get("params") or {}).values())}


def is_scaled(parts):
    """Whether one of the parts of a pipeline scales its inputs."""
    return any(part.endswith("Scaler") or part in ("PowerTransformer", "QuantileTransformer") for part in parts)


_ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-np.clip(x, -500, 500))),
}


def scaled_by(student, name, X, parts):
    """Which rows the scaler before a scikit-learn network has learned from.

    The network alone is computed again from its weights, on `X` as each scaler would give it; the predictions of the
    pipeline say which of them it was.

    Parameters
    ----------
    parts : dict of str to numpy.ndarray
        Rows that it may have been, by what a sentence calls them.

    Returns
    -------
    str or None
        A key of `parts`; "none" where the inputs reach the network as they are; None where nothing fits.
    """
    from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

    layers, weights = student.layers(name), student.weights(name)
    if not layers or len(layers) != len(weights) or any(layer["activation"] not in _ACTIVATIONS for layer in layers):
        return None
    if student.describe(name)["family"] != "sklearn" or any(len(pair) != 2 for pair in weights):
        return None
    given = one_column(student, name, X)

    def off(Z):
        for layer, (W, b) in zip(layers, weights, strict=True):
            Z = _ACTIVATIONS[layer["activation"]](Z @ W + b)
        return np.abs(Z.ravel() - given).max()

    apart = {"none": off(X)}
    for part, rows in parts.items():
        scalers = (scaler.fit(rows) for scaler in (StandardScaler(), MinMaxScaler(), RobustScaler()))
        apart[part] = min(off(scaler.transform(X)) for scaler in scalers)
    nearest = min(apart, key=apart.get)
    return nearest if apart[nearest] < 1e-4 * max(np.abs(given).max(), 1e-6) else None


def explained(code, what, given, wanted, slips, points, advice, quantities=None):
    """The finding that numbers which the student has measured are right; it never says the right ones."""

    def same(other):
        return np.allclose(given, other, rtol=1e-3, atol=6e-4)  # rounded to three digits is right too

    if same(wanted):
        return Finding(code, True, f"{what} {'is' if np.size(wanted) == 1 else 'are'} right.", points=points)
    for slip, (values, message) in slips.items():
        if np.shape(values) == np.shape(given) and same(values):
            return Finding(slip, False, message, points=points)
    relation = describe_relation(given, wanted, quantities, rtol=1e-3)
    if relation:
        return Finding(code, False, f"As an array, {what} {relation}. {advice}", points=points)
    return Finding(code, False, f"{what}: {_off(given, wanted)} {advice}", points=points)


def _off(given, wanted):
    off = np.abs(given - wanted) / np.maximum(np.abs(wanted), 1e-6)
    i = int(off.argmax())
    place = "the number" if np.size(given) == 1 else f"number {i + 1}, counted from 1,"
    return f"{place} is {np.ravel(given)[i]:.4g}, which is not what was asked for."


def root(errors):
    return float(np.sqrt(np.mean(errors**2)))


def houses():
    """X and y of the three parts of the Ames table: to fit, to choose by, to judge."""
    from coursekit.data import ames_rows, load_ames_numbers

    X, y = load_ames_numbers()
    return [(X[rows], y[rows]) for rows in ames_rows()]


# --- 03.1


@exercise("03.1")
def audit(student, rng):
    """The column's name, the inverse of its formula, the count at the cap, and the error of the classic network."""
    from coursekit.data import load_boston

    table = load_boston()
    engineered = student.value("engineered")
    fail_if(not isinstance(engineered, str), "wrong-type")
    passed = engineered.strip().lower() in ("black", "b")
    message = "`black` is the engineered column: its largest value, 396.9, is 1000 * 0.63**2."
    if not passed:
        if engineered not in table.columns:
            raise Wrong("no-column", engineered=engineered, join=", ".join(table.columns))
        message = (
            f"`{engineered}` is measured, its largest value is {table[engineered].max():g}. Which one ends at 396.9?"
        )
    yield Finding("engineered", passed, message, points=1)
    values = np.concatenate([rng.uniform(0, 396.9, size=12), [0.0, 396.9]])
    try:
        low, high = returned_parts(student, "shares", values, like={"low": values.shape, "high": values.shape})
    except Wrong as wrong:
        if wrong.finding.code != "not-finite":
            raise
        raise Wrong("not-finite") from None
    half = np.sqrt(values / 1000)
    pair = np.array([0.63 - half, 0.63 + half])
    slips = {
        "swapped": pair[::-1],
        "no-thousand": [0.63 - 1000**0.5 * half, 0.63 + 1000**0.5 * half],
        "no-root": [0.63 - half**2, 0.63 + half**2],
        "no-shift": [-half, half],
        "one-solution": [pair[1], pair[1]],
        "cut-off": np.minimum(pair, 1),
    }
    back = 1000 * (low[0] - 0.63) ** 2
    advice = f"Put it into the formula: its first smaller value gives {back:.1f}, and the number in the column is {values[0]:.1f}."
    yield agrees("shares", "`shares`", [low, high], pair, slips, 1, advice)
    capped = as_number(student.value("capped"), "`capped`")
    most = int(np.sum(table["medv"] == table["medv"].max()))
    message = f"{most} districts stand at exactly 50: the target was cut off there."
    if capped != most:
        message = f"`capped` is {capped:g}. {_explain_capped(capped, table['medv'].to_numpy())}"
    yield Finding("capped", capped == most, message, points=0.5)
    yield _classic(student, table)


def _explain_capped(capped, prices):
    """What a wrong count counts."""
    largest = prices.max()
    if capped == largest:
        return "That is the largest value itself; how many districts have it was asked."
    if np.isclose(capped, np.mean(prices == largest), rtol=0.02):
        return "That is a share of the districts; their number was asked."
    if capped == np.sum(prices < largest):
        return "That is the number of districts below the largest value. How many have exactly that value?"
    if capped == len(prices):
        return "That is the number of all districts."
    return f"Compare `y_boston` with its maximum, {largest:g}, and count."


def _classic(student, table):
    from sklearn.model_selection import train_test_split

    X, y = table.drop(columns="medv").to_numpy(float), table["medv"].to_numpy()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
    predicted = one_column(student, "classic", X_test)
    rmse = root(predicted - y_test)
    parts, layers = parts_of(student, "classic"), student.layers("classic")
    if not layers:
        kind = student.describe("classic")["type"]
        raise Wrong("wrong-network", kind=kind)
    if layers[0]["units"] != 100 or len(layers) != 2 or layers[0]["activation"] != "sigmoid":
        seen = ", ".join(f"{layer['units']} {layer['activation']}" for layer in layers[:-1]) or "no hidden layer"
        raise Wrong("classic.wrong-network", seen=seen)
    fail_if(not is_scaled(parts) and not rmse <= threshold("03.1", "rmse"), "unscaled-inputs", rmse=rmse)
    rows = scaled_by(student, "classic", X_test, {"X_classic": X_train, "all districts": X, "X_held_out": X_test})
    if rows in ("all districts", "X_held_out"):
        raise Wrong("seen-before", rows=rows if rows == "all districts" else "`X_held_out`")
    fail_if(is_scaled(parts) and rows == "none", "scaled-twice")
    if root(y_train - one_column(student, "classic", X_train)) > 20:
        raise Wrong("other-targets", median=np.median(predicted), median_2=np.median(y_test))
    advice = _longer(student.describe("classic")["params"])
    return within("03.1", rmse, "The classic network", "thousand dollars", advice, "Fit on `X_classic` only.", 1.5)


def _longer(params):
    """What to try for a network that is not good enough, from the settings that it has."""
    settings = {key.split("__")[-1]: value for key, value in params.items()}
    seen = {
        key: settings[key] for key in ("max_iter", "learning_rate_init", "early_stopping", "alpha") if key in settings
    }
    said = ", ".join(f"{key}={value}" for key, value in seen.items())
    return f"It has {said}: try more iterations or a larger learning rate, without early stopping."


# --- 03.2


@exercise("03.2")
def split_and_scale(student, rng):
    """Sizes, duplicates across the parts, whose statistics were used for scaling, and which price goes with which row."""
    from coursekit.data import load_ames_numbers

    _, y = load_ames_numbers()
    X_train, X_test = (as_array(student.value(name), f"`{name}`") for name in ("X_train", "X_test"))
    for name, part in (("X_train", X_train), ("X_test", X_test)):
        fail_if(part.ndim != 2 or part.shape[1] != 12, "wrong-shape", name=name, shape=part.shape)
    y_train, y_test = (as_array(student.value(name), f"`{name}`") for name in ("y_train", "y_test"))
    for name, X_part, y_part in (("train", X_train, y_train), ("test", X_test, y_test)):
        if y_part.size != len(X_part):
            raise Wrong("split-and-scale.wrong-shape", name=name, n_X_part=len(X_part), size=y_part.size)
    y_train, y_test = y_train.ravel(), y_test.ravel()
    _explain_scale(X_train, X_test)
    yield Finding("scaled", True, "Mean and deviation come from the training houses alone.", points=1)
    _explain_rows(X_train, X_test)
    message = f"{len(X_train)} and {len(X_test)} different houses, none in both parts."
    yield Finding("no-duplicates", True, message, points=1)
    _explain_targets(np.sort(np.concatenate([y_train, y_test])), np.sort(y))
    rows = positions(np.vstack([X_train, X_test]))
    n, given = len(X_train), np.concatenate([y_train, y_test])
    if rows is not None:
        _at_random(X_train, X_test, y, rows[:n], rows[n:])
        own = np.isclose(given, y[rows], rtol=1e-4)
        wrong = int((~own).sum())
        message = "Each price stands at its house."
        if wrong:
            message = (
                f"{wrong} of {len(own)} prices do not belong to their rows: select, shuffle and cut X and y alike."
            )
        yield Finding("aligned", not wrong, message, points=1)
        return
    # Quality and area alone explain more than half of the prices, if each price stands at its house.
    fit = np.linalg.lstsq(np.column_stack([X_train, np.ones(len(X_train))]), y_train, rcond=None)[0]
    r2 = 1 - np.mean((X_test @ fit[:-1] + fit[-1] - y_test) ** 2) / np.var(y_test)
    message = "Each price stands at its house."
    if r2 <= 0.5:
        message = "The prices do not follow their rows: shuffle X and y alike."
    yield Finding("aligned", r2 > 0.5, message, points=1)


def positions(scaled):
    """The row of the table in which each scaled house stands, or None where they are not the table's houses."""
    from scipy.spatial import cKDTree

    from coursekit.data import load_ames_numbers

    X, _ = load_ames_numbers()
    # Both hold the same houses, so mean and deviation of a column say how it was scaled.
    slope = X.std(axis=0) / np.maximum(scaled.std(axis=0), 1e-12)
    back = (scaled - scaled.mean(axis=0)) * slope + X.mean(axis=0)
    apart, rows = cKDTree(X / X.std(axis=0)).query(back / X.std(axis=0))
    return rows if apart.max() < 1e-3 and len(np.unique(rows)) == len(X) else None


def _at_random(X_train, X_test, y, train, test):
    """Raises `Wrong` where the test houses differ from the others by more than chance, in a column or in their place."""
    from coursekit.data import AMES_NUMBERS

    columns = {f"`{name}`": (X_train[:, i], X_test[:, i]) for i, name in enumerate(AMES_NUMBERS)}
    columns |= {"price": (y[train], y[test]), "their row in the table": (train, test)}
    apart = {}
    for name, (a, b) in columns.items():
        spread = np.std(np.concatenate([a, b]))
        apart[name] = abs(a.mean() - b.mean()) / (spread * np.sqrt(1 / len(a) + 1 / len(b)))
    name = max(apart, key=apart.get)
    if apart[name] > 6:
        raise Wrong("not-shuffled", name=name, apart=apart[name])


def _explain_targets(given, prices):
    """Raises `Wrong` where the targets, sorted, are not the prices."""
    if np.allclose(given, prices, rtol=1e-4):
        return
    fail_if(np.allclose(given / given.mean(), prices / prices.mean(), rtol=1e-3), "wrong-unit")
    fail_if(np.corrcoef(given, prices)[0, 1] > 0.9999, "scaled-targets")
    fail_if(given.min() > -1e3 and np.corrcoef(given, np.log(prices))[0, 1] > 0.9999, "log-targets")
    raise Wrong("wrong-targets")


def _explain_rows(X_train, X_test):
    seen = {row.tobytes() for row in np.round(X_train, 5) + 0.0}
    shared = sum(row.tobytes() in seen for row in np.round(X_test, 5) + 0.0)
    total = len(X_train) + len(X_test)
    fail_if(shared, "duplicates", shared=shared, n_X_test=len(X_test))
    different = len(np.unique(np.round(np.vstack([X_train, X_test]), 5), axis=0))
    fail_if(total > 2930 and different < total, "explain-rows.duplicates", total=total, different=different)
    fail_if(total != 2930, "lost-rows", total=total)
    if abs(len(X_test) - 586) > 1:
        exchanged = " `X_train` and `X_test` seem exchanged." if len(X_train) < len(X_test) else ""
        raise Wrong("wrong-share", n_X_test=len(X_test), total=len(X_test) / total, exchanged=exchanged)


def _explain_scale(X_train, X_test):
    both = np.vstack([X_train, X_test])

    def standard(X):
        # Whether the deviation was divided by n or by n - 1 does not matter.
        return np.allclose(X.mean(axis=0), 0, atol=1e-3) and np.allclose(X.std(axis=0), 1, atol=2e-3)

    if standard(X_train) and not standard(X_test):
        # Years and square feet stand in the hundreds and thousands; scaled values do not.
        fail_if(np.abs(X_test.mean(axis=0)).max() > 10, "test-not-scaled")
        return
    fail_if(standard(X_train), "scaled-separately")
    fail_if(standard(both), "leak-scaler")
    fail_if(standard(X_test), "explain-scale.leak-scaler")
    if np.abs(both).max() > 1000:
        raise Wrong("not-scaled", max=np.abs(both).max())
    worst = int(np.abs(X_train.mean(axis=0)).argmax())
    raise Wrong("wrong-scale", worst=worst, mean=X_train[:, worst].mean(), std=X_train[:, worst].std())


# --- 03.3


@exercise("03.3")
def baseline_and_network(student, rng):
    """The baseline against least squares; the scores against those of each model on the three parts; then the test."""
    from sklearn.linear_model import LinearRegression

    (X_fit, y_fit), (X_val, y_val), (X_test, y_test) = houses()
    wanted = LinearRegression().fit(X_fit, y_fit).predict(X_test)
    given = one_column(student, "baseline", X_test)
    linear = np.allclose(given, wanted, rtol=1e-3)
    message = f"The linear baseline has an RMSE of {root(given - y_test):.3f} on the test houses."
    if not linear:
        message = _explain_baseline(student, given, wanted)
    yield Finding("baseline", linear, message, points=1)
    trials, scores, chosen = (student.value(name) for name in ("trials", "scores", "chosen"))
    names = _same_names(trials, scores)
    fail_if(len({trial.number for trial in trials.values() if isinstance(trial, Handle)}) < 3, "same-model")
    errors = {}
    for name in names:
        if not isinstance(trials[name], Handle):
            raise Wrong("not-a-model", name=name, name_2=type(trials[name]).__name__)
        fail_if("MLPRegressor" not in parts_of(student, trials[name]), "baseline-and-network.wrong-model", name=name)
        _fit_rows_only(student, trials[name], f"`trials[{name!r}]`")
        off = [one_column(student, trials[name], X) - y for X, y in ((X_fit, y_fit), (X_val, y_val), (X_test, y_test))]
        errors[name] = [root(part) for part in off] + [np.mean(np.abs(off[1]))]
    given = np.array([as_number(scores[name], f"`scores[{name!r}]`") for name in names])
    found = _scores(given, np.array([errors[name] for name in names]).T, np.var(y_val))
    if not found.passed:
        raise Wrong(found.code, found.message)
    yield Finding("scores", True, f"The {len(names)} scores are the RMSE on the validation houses.", points=1)
    best = names[int(given.argmin())]
    if isinstance(chosen, np.ndarray) and chosen.ndim == 0:
        chosen = chosen.item()
    if isinstance(chosen, Handle | np.ndarray | list | dict):
        seen = chosen.type_name if isinstance(chosen, Handle) else type(chosen).__name__
        raise Wrong("unknown-name", seen=seen)
    if chosen not in names:
        raise Wrong("unknown-name", f"`chosen` is {chosen!r}; it should be one of {', '.join(map(str, names))}."[:300])
    message = f"{chosen!r} has the smallest validation error."
    if chosen != best:
        message = f"{chosen!r} has the score {scores[chosen]:.3f}; {best!r} has {scores[best]:.3f}, which is smaller."
    yield Finding("chosen", chosen == best, message, points=0.5)
    rmse = errors[chosen][2]
    if rmse > threshold("03.3", "rmse") and not is_scaled(parts_of(student, trials[chosen])):
        raise Wrong("unscaled-inputs", rmse=rmse)
    advice = "Try other sizes, a larger `alpha`, or more iterations."
    yield within("03.3", rmse, "The chosen network", "· 100,000 dollars", advice, "Fit on X_fit, y_fit only.", 1.5)


def _explain_baseline(student, given, wanted):
    """What a wrong baseline predicts; raises `Wrong` with a cause where one fits."""
    from sklearn.linear_model import LinearRegression

    (X_fit, y_fit), (X_val, y_val), (X_test, y_test) = houses()
    said = student.describe("baseline")
    if "LinearRegression" not in parts_of(student, "baseline"):
        raise Wrong("wrong-model", type=said["type"])
    for code, which, X, y in (
        ("fitted-on-all", "all houses, the test houses too", [X_fit, X_val, X_test], [y_fit, y_val, y_test]),
        ("fitted-on-val", "`X_fit` and `X_val` together", [X_fit, X_val], [y_fit, y_val]),
        ("fitted-on-test", "`X_last`, the test houses", [X_test], [y_test]),
        ("fitted-on-val", "`X_val`", [X_val], [y_val]),
    ):
        other = LinearRegression().fit(np.vstack(X), np.concatenate(y)).predict(X_test)
        if np.allclose(given, other, rtol=1e-3):
            raise Wrong(code, f"The baseline was fitted on {which}. Use `X_fit`, `y_fit` only.")
    scaled = (X_test - X_fit.mean(axis=0)) / X_fit.std(axis=0)
    fail_if(np.allclose(one_column(student, "baseline", scaled), wanted, rtol=1e-2), "scaled-inputs")
    relation = describe_relation(given, wanted, {"100,000": 100_000}, rtol=1e-3)
    if relation:
        return f"The prediction of `baseline` {relation}. Fit it to `X_fit`, `y_fit` as they are."
    return "`baseline` does not predict what least squares on `X_fit`, `y_fit` gives. Was it fitted to these, unscaled?"


def _same_names(trials, scores):
    fail_if(not isinstance(trials, dict) or not isinstance(scores, dict), "wrong-type")
    if set(trials) != set(scores):
        raise Wrong("wrong-keys", f"`trials` has {list(trials)} and `scores` {list(scores)}: the names differ."[:300])
    fail_if(len(trials) < 3, "too-few", n_trials=len(trials))
    return list(trials)


def _fit_rows_only(student, name, what):
    """Raises `Wrong` where the scaler of a pipeline has learned from other rows than `X_fit`."""
    (X_fit, _), (X_val, _), (X_test, _) = houses()
    both = np.vstack([X_fit, X_val])
    rows = {"X_fit": X_fit, "X_fit and X_val": both, "X_val": X_val, "all houses": np.vstack([both, X_test])}
    seen = scaled_by(student, name, X_test, {**rows, "X_last": X_test})
    fail_if(seen in ("X_fit and X_val", "X_val"), "validation-seen", what=what, seen=seen)
    fail_if(seen in ("all houses", "X_last"), "seen-before", what=what, seen=seen)
    fail_if(seen == "none" and is_scaled(parts_of(student, name)), "fit-rows-only.scaled-inputs", what=what)


def _scores(given, errors, variance):
    """The finding on the scores; `errors` has the rows fit, val, test, and the mean absolute error on val."""
    fit, val, test, absolute = errors
    slips = {
        "test-for-selection": test,
        "train-for-selection": fit,
        "not-rooted": val**2,
        "negative": -val,
        "r2": 1 - val**2 / variance,
        "mae": absolute,
    }
    advice = "Measure each with `rmse(model, X_val, y_val)`."
    return explained("wrong-scores", "`scores`", given, val, slips, 1, advice, {"100,000": 100_000})


# --- 03.4


@exercise("03.4")
def grid_search(student, rng):
    """A search over a pipeline that holds the scaler; its scores; the error of the best on the test houses."""
    said = student.describe("search")
    if "SearchCV" not in said["type"]:
        raise Wrong("not-a-search", type=said["type"])
    fail_if(said.get("fitted") is False, "not-fitted")
    params = said["params"]
    if params.get("estimator") != "Pipeline" and params.get("estimator") != "TransformedTargetRegressor":
        raise Wrong("no-pipeline", get=params.get("estimator"))
    parts = parts_of(student, "search")
    fail_if("MLPRegressor" not in parts, "wrong-model")
    fail_if(not is_scaled(parts), "unscaled-inputs")
    yield Finding("pipeline", True, "The search runs over a pipeline with its own scaler.", points=1)
    results = said["search"]
    if results["n_splits"] != 3:
        raise Wrong("wrong-folds", n_splits=results["n_splits"])
    scores = as_array(student.value("mean_scores"), "`mean_scores`").ravel()
    fail_if(len(scores) < 4, "too-few", n_scores=len(scores))
    fail_if(params.get("refit") is False, "no-refit")
    (X_fit, y_fit), (X_val, y_val), (X_test, y_test) = houses()
    rmse = root(one_column(student, "search", X_test) - y_test)
    fail_if(params.get("scoring") == "neg_mean_squared_error", "squared-scoring")
    wanted = results["mean_test_score"]
    if params.get("scoring") != "neg_root_mean_squared_error" and wanted.max() > 0:
        raise Wrong("wrong-scoring", max=wanted.max())
    # A scorer of one's own has no name; cross-validated and test error differ by the luck of the split, not by two.
    if params.get("scoring") != "neg_root_mean_squared_error" and not 0.5 < -wanted.max() / rmse < 2:
        raise Wrong("grid-search.wrong-scoring")
    (X_more, _), every = _search_rows(), np.vstack([X_fit, X_val, X_test])
    rows = {"X_search": X_more, "X_fit": X_fit, "X_val": X_val, "all houses": every, "X_last": X_test}
    seen = scaled_by(student, "search", X_test, rows)
    fail_if(seen in ("all houses", "X_last"), "seen-before", seen=seen)
    fail_if(seen in ("X_fit", "X_val"), "other-rows", seen=seen)
    fail_if(seen == "none", "scaled-inputs")
    yield _mean_scores(scores, results)
    advice = "Add better settings to the grid, for example `network__hidden_layer_sizes` and `network__alpha`."
    before = "Was it fitted on all houses? X_search, y_search do not hold the test houses."
    yield within("03.4", rmse, "The best of the search", "· 100,000 dollars", advice, before, 1.5)


def _mean_scores(scores, results):
    """The finding on `mean_scores`, against what the search has recorded."""
    wanted = results["mean_test_score"]
    fail_if(len(scores) != len(wanted), "wrong-shape", n_scores=len(scores), n_wanted=len(wanted))
    slips = {
        "sign-changed": -wanted,
        "train-scores": results.get("mean_train_score", ()),
        "spread": results["std_test_score"],
        "sorted": (np.sort(wanted), _SORTED),
        "sorted-down": (np.sort(wanted)[::-1], _SORTED),
        "ranks": results["rank_test_score"],
    }
    for i in range(results["n_splits"]):
        slips[f"fold-{i}"] = (
            results[f"split{i}_test_score"],
            f"These are the scores of fold {i} alone; the mean of the three was asked for.",
        )
    advice = "Take `search.cv_results_['mean_test_score']` as it is."
    found = explained("not-its-scores", "`mean_scores`", scores, wanted, slips, 0.5, advice)
    if not found.passed:
        return found
    message = f"{len(scores)} combinations; the best cross-validated RMSE is {-wanted.max():.3f}."
    return Finding("scores", True, message, points=0.5)


_SORTED = "The scores are sorted: leave them in the order of the combinations, so that each stands at its own."


def _search_rows():
    """X_search, y_search of the notebook."""
    (X_fit, y_fit), (X_val, y_val), _ = houses()
    return np.vstack([X_fit, X_val]), np.concatenate([y_fit, y_val])


# --- 03.5


@exercise("03.5")
def cross_validation(student, rng):
    """The folds are a partition; the network is fresh and unbounded; the predictions are good, and not too good."""
    yield _folds(student)
    yield _regressor(student)
    _, y = _search_rows()
    given = as_array(student.value("out_of_fold"), "`out_of_fold`")
    fail_if(given.size != len(y), "wrong-shape", size=given.size, n_y=len(y))
    given = given.ravel()
    fail_if(np.median(given) > 1000, "wrong-unit")
    if np.mean(given == 0) > 0.05:
        raise Wrong("unfilled", mean=np.mean(given == 0))
    errors = given - y
    _explain_predictions(student, given, y)
    advice = "Train for more epochs, and scale inside the loop."
    before = "Each house must be predicted by a network that was trained without it."
    best = _best_fold(student, errors)
    fail_if(best < threshold("03.5", "fold"), "seen-before", best=best)
    yield within("03.5", root(errors), "`out_of_fold`", "· 100,000 dollars", advice, before, 1.5, fold=best)
    mae, mse = (as_number(student.value(name), f"`{name}`") for name in ("mae", "mse"))
    absolute, squared = np.mean(np.abs(errors)), np.mean(errors**2)
    slips = {
        "swapped": [squared, absolute],
        "root": [absolute, squared**0.5],
        "signed": [np.mean(errors), squared],
        "signed-other": [-np.mean(errors), squared],
        "summed": [np.sum(np.abs(errors)), np.sum(errors**2)],
        "median": [np.median(np.abs(errors)), np.median(errors**2)],
        "squared-mean": [absolute, np.mean(errors) ** 2],
    }  # fmt: skip
    advice = "Measure them on all of `out_of_fold`, against `y_search`."
    yield explained("errors", "`mae, mse`", np.array([mae, mse]), np.array([absolute, squared]), slips, 0.5, advice,
                    {"100,000": 100_000, "n": len(y)})  # fmt: skip


def _best_fold(student, errors):
    """The smallest error of a fold, as a share of a line's there; folds as the solution makes them."""
    from sklearn.linear_model import LinearRegression

    X, y = _search_rows()
    shares = []
    for train, val in _pairs(student, len(y), 3, 0):
        line = LinearRegression().fit(X[train], y[train]).predict(X[val])
        shares.append(root(errors[val]) / root(line - y[val]))
    return min(shares)


def _explain_predictions(student, given, y):
    """Raises `Wrong` where the predictions do not follow the prices."""
    if np.std(given) < 1e-6:
        raise Wrong("constant", given=given[0])
    follows = np.corrcoef(given, y)[0, 1]
    if follows >= 0.5:
        return
    for k in (3, 5, 10, 4, 2):
        held = np.concatenate([val for _, val in _pairs(student, len(y), k, 0)])
        fail_if(len(held) == len(y) and np.corrcoef(given, y[held])[0, 1] > 0.7, "explain-predictions.misaligned")
    fail_if(np.std(given) > 0.5 * np.std(y) and abs(np.mean(given) - np.mean(y)) < 0.3, "misaligned", follows=follows)
    raise Wrong("not-learned", follows=follows)


def _folds(student):
    """The finding on `k_folds`, for several sizes; what a seed does is looked at where the folds are large."""
    for n, k, seed in ((23, 4, 0), (40, 5, 3), (31, 2, 11), (6, 6, 1)):
        _partition(_pairs(student, n, k, seed), n, k, seed)
    n, k = 23, 4
    pairs, again, other = (_pairs(student, n, k, seed) for seed in (0, 0, 1))
    held, same, moved = (np.concatenate([val for _, val in folds]) for folds in (pairs, again, other))
    fail_if(all(np.array_equal(np.sort(val), np.arange(val.min(), val.max() + 1)) for _, val in pairs), "not-shuffled")
    fail_if(all(len(np.unique(np.diff(np.sort(val)))) == 1 for _, val in pairs), "folds.not-shuffled")
    fail_if(not np.array_equal(held, same), "not-seeded")
    fail_if(np.array_equal(held, moved), "seed-unused")
    return Finding("folds", True, "`k_folds` gives every row to exactly one val.", points=1)


def _partition(pairs, n, k, seed):
    """Raises `Wrong` where these are not k pairs of which each row is in exactly one val."""
    call = f"`k_folds({n}, {k}, {seed})`"
    fail_if(len(pairs) != k, "wrong-count", call=call, n_pairs=len(pairs), k=k)
    rows = np.concatenate([part for pair in pairs for part in pair])
    if rows.min() < 0 or rows.max() >= n:
        raise Wrong("wrong-rows", call=call, min=rows.min(), max=rows.max(), n=n - 1)
    held = np.concatenate([val for _, val in pairs])
    fail_if(all(len(val) > len(train) for train, val in pairs), "exchanged")
    for train, val in pairs:
        shared = len(np.intersect1d(train, val))
        fail_if(shared, "overlap", shared=shared)
        fail_if(len(np.unique(np.concatenate([train, val]))) != n, "lost-rows")
    fail_if(not np.array_equal(np.sort(held), np.arange(n)), "not-a-partition")
    sizes = sorted(len(val) for _, val in pairs)
    fail_if(sizes[-1] - sizes[0] > n // k, "uneven", sizes=sizes)


def _pairs(student, *args):
    given = student.call("k_folds", *args)
    if not isinstance(given, list | tuple):
        seen = given.type_name if isinstance(given, Handle) else type(given).__name__
        raise Wrong("wrong-type", seen=seen)
    pairs = []
    for pair in given:
        fail_if(not isinstance(pair, list | tuple) or len(pair) != 2, "pairs.wrong-type")
        fail_if(any(isinstance(part, np.ndarray) and part.dtype == bool for part in pair), "masks")
        pairs.append([as_array(part, "A part of `k_folds`").ravel().astype(int) for part in pair])
    return pairs


def _regressor(student):
    model = student.call("build_regressor")
    fail_if(not isinstance(model, Handle) or student.describe(model)["family"] != "keras", "not-keras")
    fail_if(student.call("build_regressor") == model, "same-network")
    try:
        answer = one_column(student, model, np.zeros((5, 12)))
    except StudentError as error:
        if "incompatible" not in error.text:
            raise
        raise Wrong("wrong-input") from None
    said, layers = student.describe(model), student.layers(model)
    fail_if(said["loss"] is None, "not-compiled")
    if said["loss"] not in ("mse", "mean_squared_error"):
        raise Wrong("wrong-loss", loss=said["loss"])
    last = layers[-1]["activation"] if layers else None
    fail_if(last in ("sigmoid", "tanh", "softmax"), "bounded-last", last=last)
    return Finding(
        "build-regressor", len(answer) == 5, "`build_regressor` gives a fresh network for regression.", points=1
    )
