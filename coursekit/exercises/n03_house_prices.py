"""Checks of notebook 03: house prices."""

from functools import cache

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import expit
from sklearn.linear_model import LinearRegression
from sklearn.metrics import get_scorer_names, mean_absolute_error, mean_squared_error, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from coursekit.checks.codec import RemoteObject
from coursekit.checks.framework import Misconception, check_that, exercise, fail_if, say, threshold
from coursekit.checks.proxy import StudentError, with_article
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import (
    as_array,
    as_number,
    call_arrays,
    check_array,
    saying_not_finite,
    type_name,
)
from coursekit.checks.vocabulary.metrics import check_metric
from coursekit.checks.vocabulary.models import is_keras, one_column
from coursekit.checks.vocabulary.relations import describe_relation
from coursekit.data import AMES_NUMBERS, ames_rows, load_ames_numbers, load_boston

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py. "rmse" is the largest error that
# passes; below "lowest" a model must have seen the houses that it is judged on.
MARGINS = {
    "03.1": {"rmse": 1.0, "lowest": -0.8},
    "03.3": {"rmse": 0.04, "lowest": -0.05},
    "03.4": {"rmse": 0.04, "lowest": -0.05},
    "03.5": {"rmse": 0.04, "lowest": -0.05},
}
WITH_TEST_HOUSES = ("all houses", "X_last", "X_all", "X_fit and X_last")


def within(id, rmse, **fields):
    """The finding that an error lies within its recorded band; raises `Misconception` where it is too good to be true."""
    low = threshold(id, "lowest")
    fail_if(rmse < low, "rmse.seen-before", rmse=rmse, low=low)
    return check_metric(id, "rmse", rmse, 1.5, ".3f", most=True, beside={"lowest": rmse}, **fields)


def parts_of(student, name):
    """The names of the classes that a scikit-learn model is made of."""
    said = student.describe(name)
    return {said["type"], *map(str, (said.get("params") or {}).values())}


def is_scaled(parts):
    """Whether one of the parts of a pipeline scales its inputs."""
    return any(part.endswith("Scaler") or part in ("PowerTransformer", "QuantileTransformer") for part in parts)


_ACTIVATIONS = {"linear": lambda x: x, "relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "sigmoid": expit}


def scaled_by(student, name, X, parts):
    """Which rows the scaler before a scikit-learn network has learned from: a key of `parts`; "none" where the inputs
    reach the network as they are; None where nothing fits, or where dead units give one price for every house.

    The network alone is computed again from its weights, on `X` as each scaler would give it; the predictions of the
    pipeline say which of them it was.
    """
    layers, weights = student.layers(name), student.weights(name)
    if not layers or len(layers) != len(weights) or any(layer["activation"] not in _ACTIVATIONS for layer in layers):
        return None
    if student.describe(name)["family"] != "sklearn" or any(len(pair) != 2 for pair in weights):
        return None
    X = X[:100]  # as good as all of them to tell one scaler from another
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
    return nearest if np.ptp(given) > 1e-6 and apart[nearest] < 1e-4 * max(np.abs(given).max(), 1e-6) else None


def explained(code, what, names, given, wanted, misconceptions, points, advice, quantities=None):
    """The finding that numbers which the student has measured are right; it never says the right ones."""

    def same(other):
        # rounded to three digits is right too
        return np.shape(other) == np.shape(given) and np.allclose(given, other, rtol=1e-3, atol=6e-4)

    if same(wanted):
        return Finding(code, True, f"{what} are right.", points=points)
    for cause, values in misconceptions.items():
        if same(values):
            return Finding(cause, False, say(f"{code}.{cause}"), points=points)
    relation = describe_relation(given, wanted, quantities, rtol=1e-3)
    off = ~np.isclose(given, wanted, rtol=1e-3, atol=6e-4)
    wrong = [f"`{name}` is {value:.4g}" for name, value, is_off in zip(names, given, off, strict=True) if is_off]
    seen = f"{' and '.join(wrong[:2])}, which is not what was asked for."
    seen = f"As an array, {what} {relation}." if relation else seen
    return Finding(code, False, f"{seen} {advice}", points=points)


@cache
def houses():
    """X and y of the three parts of the Ames table: to fit, to choose by, to judge."""
    X, y = load_ames_numbers()
    return [(X[rows], y[rows]) for rows in ames_rows()]


def houses_of_scaler(student, name):
    """Which houses the scaler of a pipeline has learned from, as `scaled_by` says it."""
    X_fit, X_val, X_test = (X for X, _ in houses())
    both = np.vstack([X_fit, X_val])
    rows = {"X_fit": X_fit, "X_fit and X_val": both, "X_val": X_val, "all houses": np.vstack([both, X_test])}
    rows |= {"X_last": X_test, "X_all": load_ames_numbers()[0], "X_fit and X_last": np.vstack([X_fit, X_test])}
    return scaled_by(student, name, X_test, rows)


@exercise("03.1")
def audit(student, rng):
    """The column's name, the inverse of its formula, the count at the cap, and the error of the classic network."""
    table = load_boston()
    engineered = student.value("engineered")
    fail_if(not isinstance(engineered, str), "wrong-type")
    right = engineered.strip().lower() in ("black", "b")
    column = "black" if right else engineered
    fail_if(column not in table.columns, "no-column", name=column, columns=", ".join(table.columns))
    yield check_that("engineered", right, 1, name=column, largest=table[column].max())
    values = np.concatenate([rng.uniform(0, 396.9, size=12), [0.0, 396.9]])
    with saying_not_finite("not-finite"):
        low, high = call_arrays(student, "shares", values, like={"low": values.shape, "high": values.shape})
    half = np.sqrt(values / 1000)
    pair = np.array([0.63 - half, 0.63 + half])
    misconceptions = {
        "swapped": pair[::-1],
        "no-thousand": [0.63 - 1000**0.5 * half, 0.63 + 1000**0.5 * half],
        "no-root": [0.63 - half**2, 0.63 + half**2],
        "no-shift": [-half, half],
        "one-solution": [pair[1], pair[1]],
        "cut-off": np.minimum(pair, 1),
    }
    advice = say("shares.put-in", back=1000 * (low[0] - 0.63) ** 2, value=values[0])
    yield check_array("shares", "`shares`", [low, high], pair, misconceptions, 1, advice)
    capped, prices = as_number(student.value("capped"), "`capped`"), table["medv"].to_numpy()
    largest = prices.max()
    most = np.sum(prices == largest)
    causes = {
        "largest-value": capped == largest,
        "a-share": np.isclose(capped, np.mean(prices == largest), rtol=0.02),
        "those-below": capped == np.sum(prices < largest),
        "all-districts": capped == len(prices),
        "count-them": True,
    }
    cause = say(next(name for name, holds in causes.items() if holds), largest=largest)
    yield check_that("capped", bool(capped == most), 0.5, capped=capped, most=most, cause=cause)
    yield _classic(student, table)


def _classic(student, table):
    X, y = table.drop(columns="medv").to_numpy(float), table["medv"].to_numpy()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
    predicted, said = one_column(student, "classic", X_test), student.describe("classic")
    rmse = root_mean_squared_error(y_test, predicted)
    scaled, layers = is_scaled(parts_of(student, "classic")), student.layers("classic")
    fail_if(not layers, "no-layers.wrong-network", kind=said["type"])
    classic = layers[0]["units"] == 100 and len(layers) == 2 and layers[0]["activation"] == "sigmoid"
    hidden = ", ".join(f"{layer['units']} {layer['activation']}" for layer in layers[:-1])
    fail_if(not classic, "wrong-network", hidden=hidden or "no hidden layer")
    fail_if(not scaled and not rmse <= threshold("03.1", "rmse"), "unscaled-inputs", rmse=rmse)
    parts = {"`X_classic`": X_train, "all districts": X, "`X_held_out`": X_test}
    rows = scaled_by(student, "classic", X_test, parts)
    fail_if(rows in ("all districts", "`X_held_out`"), "seen-before", rows=rows)
    fail_if(scaled and rows == "none", "scaled-twice")
    off = root_mean_squared_error(y_train, one_column(student, "classic", X_train))
    fail_if(off > 20, "other-targets", predicted=np.median(predicted), wanted=np.median(y_test))
    settings = {key.split("__")[-1]: value for key, value in said["params"].items()}
    names = ("max_iter", "learning_rate_init", "early_stopping", "alpha")
    settings = ", ".join(f"{name}={settings[name]}" for name in names if name in settings)
    return within("03.1", rmse, settings=settings)


@exercise("03.2")
def split_and_scale(student, rng):
    """Sizes, duplicates across the parts, whose statistics were used for scaling, and which price goes with which row."""
    _, y = load_ames_numbers()
    X_train, X_test = (as_array(student.value(name), f"`{name}`") for name in ("X_train", "X_test"))
    for name, part in (("X_train", X_train), ("X_test", X_test)):
        fail_if(part.ndim != 2 or part.shape[1] != 12, "wrong-shape", name=name, shape=part.shape)
    y_train, y_test = (as_array(student.value(name), f"`{name}`").ravel() for name in ("y_train", "y_test"))
    for name, X_part, y_part in (("train", X_train, y_train), ("test", X_test, y_test)):
        fail_if(y_part.size != len(X_part), "prices.wrong-shape", name=name, n_X=len(X_part), n_y=y_part.size)
    _explain_scale(X_train, X_test)
    yield Finding("scaled", True, "Mean and deviation come from the training houses alone.", points=1)
    _explain_rows(X_train, X_test)
    yield check_that("no-duplicates", True, 1, n_train=len(X_train), n_test=len(X_test))
    given = np.concatenate([y_train, y_test])
    sorted_ones, prices = np.sort(given), np.sort(y)
    if not np.allclose(sorted_ones, prices, rtol=1e-4):
        in_shares = np.allclose(sorted_ones / given.mean(), prices / prices.mean(), rtol=1e-3)
        fail_if(in_shares, "wrong-unit")
        fail_if(np.corrcoef(sorted_ones, prices)[0, 1] > 0.9999, "scaled-targets")
        fail_if(given.min() > -1e3 and np.corrcoef(sorted_ones, np.log(prices))[0, 1] > 0.9999, "log-targets")
        raise Misconception("wrong-targets")
    rows, n = positions(np.vstack([X_train, X_test])), len(X_train)
    if rows is None:
        # Quality and area alone explain more than half of the prices, if each price stands at its house.
        follows = LinearRegression().fit(X_train, y_train).score(X_test, y_test) > 0.5
        yield Finding("aligned", follows, say("aligned.follows" if follows else "aligned.unrelated"), points=1)
        return
    _at_random(X_train, X_test, y, rows[:n], rows[n:])
    wrong = int((~np.isclose(given, y[rows], rtol=1e-4)).sum())
    yield check_that("aligned", not wrong, 1, wrong_ones=wrong, total=len(rows))


def positions(scaled):
    """The row of the table in which each scaled house stands, or None where they are not the table's houses."""
    X, _ = load_ames_numbers()
    # Both hold the same houses, so mean and deviation of a column say how it was scaled.
    slope = X.std(axis=0) / np.maximum(scaled.std(axis=0), 1e-12)
    back = (scaled - scaled.mean(axis=0)) * slope + X.mean(axis=0)
    apart, rows = cKDTree(X / X.std(axis=0)).query(back / X.std(axis=0))
    return rows if apart.max() < 1e-3 and len(np.unique(rows)) == len(X) else None


def _at_random(X_train, X_test, y, train, test):
    """Raises `Misconception` where the test houses differ from the others by more than chance, in a column or in their place."""
    columns = {f"`{name}`": (X_train[:, i], X_test[:, i]) for i, name in enumerate(AMES_NUMBERS)}
    columns |= {"price": (y[train], y[test]), "their row in the table": (train, test)}
    apart = {}
    for name, (a, b) in columns.items():
        spread = np.std(np.concatenate([a, b]))
        apart[name] = abs(a.mean() - b.mean()) / (spread * np.sqrt(1 / len(a) + 1 / len(b)))
    name = max(apart, key=apart.get)
    fail_if(apart[name] > 6, "not-shuffled", name=name, apart=apart[name])


def _explain_rows(X_train, X_test):
    """Raises `Misconception` where the rows are not the different houses, a fifth of them for the test."""
    seen = {row.tobytes() for row in np.round(X_train, 5) + 0.0}
    shared = sum(row.tobytes() in seen for row in np.round(X_test, 5) + 0.0)
    n_train, n_test = len(X_train), len(X_test)
    total = n_train + n_test
    fail_if(shared, "duplicates", shared=shared, n_test=n_test)
    different = len(np.unique(np.round(np.vstack([X_train, X_test]), 5), axis=0))
    fail_if(total > 2930 and different < total, "both-parts.duplicates", total=total, different=different)
    fail_if(total != 2930, "lost-rows", total=total)
    if abs(n_test - 586) > 1:
        fail_if(n_train < n_test, "exchanged.wrong-share", n_test=n_test, share=n_test / total)
        raise Misconception("wrong-share", n_test=n_test, share=n_test / total)


def _explain_scale(X_train, X_test):
    """Raises `Misconception` where the training part alone has not given mean and deviation."""
    both = np.vstack([X_train, X_test])

    def standard(X):
        # Whether the deviation was divided by n or by n - 1 does not matter.
        return np.allclose(X.mean(axis=0), 0, atol=1e-3) and np.allclose(X.std(axis=0), 1, atol=2e-3)

    if standard(X_train):
        fail_if(standard(X_test), "scaled-separately")
        # Years and square feet stand in the hundreds and thousands; scaled values do not.
        fail_if(np.abs(X_test.mean(axis=0)).max() > 10, "test-not-scaled")
        if positions(both) is None:  # one scaler for both leaves the houses of the table
            _explain_other_scaler(X_train, X_test)
        return
    fail_if(standard(both), "leak-scaler")
    fail_if(standard(X_test), "on-test.leak-scaler")
    largest = np.abs(both).max()
    fail_if(largest > 1000, "not-scaled", largest=largest)
    mean, deviation = X_train.mean(axis=0), X_train.std(axis=0)
    worst = int(np.maximum(np.abs(mean), np.abs(deviation - 1)).argmax())
    raise Misconception("wrong-scale", name=AMES_NUMBERS[worst], mean=mean[worst], deviation=deviation[worst])


def _explain_other_scaler(X_train, X_test):
    """Raises `Misconception` where values that many houses share, such as a quality, are others in the test part."""
    for i, name in enumerate(AMES_NUMBERS):
        values = np.unique(X_train[:, i].round(4))
        if len(values) < 200 and len(X_test):
            apart, _ = cKDTree(values[:, None]).query(X_test[:, [i]])
            # Of the same scaler 0, and 0.0003 in half precision; of a scaler fitted on all houses 0.01 and more.
            fail_if(np.median(apart) > 2e-3, "test-other-scaler", name=name)


@exercise("03.3")
def baseline_and_network(student, rng):
    """The baseline against least squares; the scores against those of each model on the three parts; then the test."""
    parts = houses()
    (X_fit, y_fit), (X_val, y_val), (X_test, y_test) = parts
    wanted = LinearRegression().fit(X_fit, y_fit).predict(X_test)
    given = one_column(student, "baseline", X_test)
    linear = np.allclose(given, wanted, rtol=1e-3)
    if not linear:
        _explain_baseline(student, given, wanted)
    relation = describe_relation(given, wanted, {"100,000": 100_000}, rtol=1e-3) or say("baseline.unrelated")
    yield check_that("baseline", linear, 1, rmse=root_mean_squared_error(y_test, given), relation=relation)
    trials, scores, chosen = (student.value(name) for name in ("trials", "scores", "chosen"))
    fail_if(not isinstance(trials, dict) or not isinstance(scores, dict), "wrong-type")
    names = list(trials)
    fail_if(set(trials) != set(scores), "wrong-keys", trials=str(names), scores=str(list(scores)))
    fail_if(len(trials) < 3, "too-few", n_trials=len(trials))
    for name in names:
        fail_if(not isinstance(trials[name], RemoteObject), "not-a-model", name=name, seen=type_name(trials[name]))
    fail_if(len({trial.number for trial in trials.values()}) < 3, "same-model")
    predicted = {}
    for name in names:
        kinds, seen = parts_of(student, trials[name]), houses_of_scaler(student, trials[name])
        fail_if("MLPRegressor" not in kinds, "trial.wrong-model", name=name)
        fail_if(seen in ("X_fit and X_val", "X_val"), "validation-seen", name=name, seen=seen)
        fail_if(seen in WITH_TEST_HOUSES, "seen-before", name=name, seen=seen)
        fail_if(seen == "none" and is_scaled(kinds), "trial.scaled-inputs", name=name)
        predicted[name] = [one_column(student, trials[name], X) for X, _ in parts]
    given = np.array([as_number(scores[name], f"`scores[{name!r}]`") for name in names])
    found = _scores(names, given, predicted.values(), [y for _, y in parts])
    if not found.passed:
        for name in names if found.code == "wrong-scores" else ():
            fail_if(not is_scaled(parts_of(student, trials[name])), "trial.unscaled-inputs", name=name)
        raise Misconception(found.code, found.message)
    yield check_that("scores", True, 1, n_scores=len(names))
    best = names[int(given.argmin())]
    if isinstance(chosen, np.ndarray) and chosen.ndim == 0:
        chosen = chosen.item()
    whole = isinstance(chosen, RemoteObject | np.ndarray | list | dict)
    seen = with_article(type_name(chosen)) if whole else repr(chosen)
    fail_if(whole or chosen not in names, "unknown-name", seen=seen, names=", ".join(map(str, names)))
    at = {"score": given[names.index(chosen)], "lowest": given.min()}
    at |= {"chosen": chosen, "best": best}
    fail_if(chosen != best and at["score"] == given.max(), "chosen.largest", **at)
    yield check_that("chosen", chosen == best, 0.5, **at)
    rmse = root_mean_squared_error(y_test, predicted[chosen][2])
    unscaled = rmse > threshold("03.3", "rmse") and not is_scaled(parts_of(student, trials[chosen]))
    fail_if(unscaled, "unscaled-inputs", rmse=rmse)
    said = student.describe(trials[chosen])
    strong = any(key.endswith("alpha") and isinstance(a, int | float) and a > 5 for key, a in said["params"].items())
    stopped = said.get("n_iter") is not None and said["n_iter"] == said.get("max_iter")
    cause = "strong-penalty" if strong else "stopped" if stopped else "other-settings"
    yield within("03.3", rmse, cause=say(f"rmse.{cause}"))


def _explain_baseline(student, given, wanted):
    fit, val, test = houses()
    kind = student.describe("baseline")["type"]
    fail_if("LinearRegression" not in parts_of(student, "baseline"), "wrong-model", seen=kind)
    for name, parts in (
        ("fitted-on-all", (fit, val, test)),
        ("fitted-on-all", (load_ames_numbers(),)),
        ("both.fitted-on-val", (fit, val)),
        ("fitted-on-test", (test,)),
        ("fitted-on-val", (val,)),
    ):
        X, y = (np.concatenate(rows) for rows in zip(*parts, strict=True))
        fail_if(np.allclose(given, LinearRegression().fit(X, y).predict(test[0]), rtol=1e-3), name)
    scaled = (test[0] - fit[0].mean(axis=0)) / fit[0].std(axis=0)
    fail_if(np.allclose(one_column(student, "baseline", scaled), wanted, rtol=1e-2), "scaled-inputs")


def _scores(names, given, predicted, prices):
    """The finding on the scores; each trial has predicted the prices of the houses to fit, to choose by and to judge."""
    errors = [[root_mean_squared_error(*pair) for pair in zip(prices, parts, strict=True)] for parts in predicted]
    fit, val, test = np.array(errors).T
    misconceptions = {
        "test-for-selection": test,
        "train-for-selection": fit,
        "not-rooted": val**2,
        "negative": -val,
        "r2": 1 - val**2 / np.var(prices[1]),
        "mae": [mean_absolute_error(prices[1], on_val) for _, on_val, _ in predicted],
    }
    advice = "Measure each with `rmse(model, X_val, y_val)`; each trial is a pipeline that takes the unscaled numbers."
    named, quantities = [f"scores[{name!r}]" for name in names], {"100,000": 100_000}
    return explained("wrong-scores", "`scores`", named, given, val, misconceptions, 1, advice, quantities)


@exercise("03.4")
def grid_search(student, rng):
    """A search over a pipeline that holds the scaler; its scores; the error of the best on the test houses."""
    said = student.describe("search")
    fail_if("SearchCV" not in said["type"], "not-a-search", seen=said["type"])
    fail_if(said.get("fitted") is False, "not-fitted")
    params, parts, results = said["params"], parts_of(student, "search"), said["search"]
    fail_if("mean_test_score" not in results, "no-rmse.wrong-scoring")
    estimator, scoring = params.get("estimator"), params.get("scoring")
    fail_if(estimator not in ("Pipeline", "TransformedTargetRegressor"), "no-pipeline", estimator=estimator)
    fail_if("MLPRegressor" not in parts, "wrong-model")
    fail_if(not is_scaled(parts), "unscaled-inputs")
    yield Finding("pipeline", True, "The search runs over a pipeline with its own scaler.", points=1)
    fail_if(results["n_splits"] != 3, "wrong-folds", n_splits=results["n_splits"])
    fail_if(len(results["mean_test_score"]) < 4, "too-few", n_tried=len(results["mean_test_score"]))
    given = student.value("mean_scores")
    fail_if(isinstance(given, dict), "wrong-type")
    scores = as_array(given, "`mean_scores`").ravel()
    fail_if(params.get("refit") is False, "no-refit")
    X_test, y_test = houses()[2]
    rmse = root_mean_squared_error(y_test, one_column(student, "search", X_test))
    fail_if(scoring == "neg_mean_squared_error", "squared-scoring")
    best = results["mean_test_score"].max()
    unnamed = scoring != "neg_root_mean_squared_error"
    fail_if(unnamed and best > 0, "wrong-scoring", best=best)
    fail_if(unnamed and scoring in get_scorer_names(), "no-rmse.wrong-scoring")
    # A scorer of one's own has no name; cross-validated and test error differ by the luck of the split, not by two.
    fail_if(unnamed and not 0.5 < -best / rmse < 2, "no-rmse.wrong-scoring")
    seen = houses_of_scaler(student, "search")
    fail_if(seen in WITH_TEST_HOUSES, "seen-before", seen=seen)
    fail_if(seen in ("X_fit", "X_val"), "other-rows", seen=seen)
    fail_if(seen == "none", "scaled-inputs")
    yield _mean_scores(scores, results)
    yield within("03.4", rmse)


def _mean_scores(scores, results):
    """The finding on `mean_scores`, against what the search has recorded."""
    wanted = results["mean_test_score"]
    fail_if(len(scores) != len(wanted), "wrong-shape", n_scores=len(scores), n_wanted=len(wanted))
    misconceptions = {
        "sign-changed": -wanted,
        "train-scores": results.get("mean_train_score", ()),
        "spread": results["std_test_score"],
        "sorted": np.sort(wanted),
        "sorted-down": np.sort(wanted)[::-1],
        "ranks": results["rank_test_score"],
        "fold-0": results["split0_test_score"],
        "fold-1": results["split1_test_score"],
        "fold-2": results["split2_test_score"],
    }
    advice = "Take `search.cv_results_['mean_test_score']` as it is."
    names = [f"mean_scores[{i}]" for i in range(len(wanted))]
    found = explained("not-its-scores", "`mean_scores`", names, scores, wanted, misconceptions, 0.5, advice)
    return check_that("scores", True, 0.5, n_scores=len(scores), rmse=-wanted.max()) if found.passed else found


@exercise("03.5")
def cross_validation(student, rng):
    """The folds are a partition; the network is fresh and unbounded; the predictions are good, and not too good."""
    yield _folds(student)
    yield _regressor(student)
    y = np.concatenate([y for _, y in houses()[:2]])
    given = as_array(student.value("out_of_fold"), "`out_of_fold`").ravel()
    fail_if(given.size != len(y), "wrong-shape", size=given.size, n_y=len(y))
    fail_if(np.median(given) > 1000 and np.corrcoef(given, y)[0, 1] > 0.8, "wrong-unit")
    zeros = np.mean(given == 0)
    fail_if(zeros > 0.05, "unfilled", zeros=zeros)
    _explain_predictions(student, given, y)
    yield within("03.5", root_mean_squared_error(y, given))
    mae, mse = (as_number(student.value(name), f"`{name}`") for name in ("mae", "mse"))
    errors = given - y
    absolute, squared = mean_absolute_error(y, given), mean_squared_error(y, given)
    misconceptions = {
        "swapped": [squared, absolute],
        "root": [absolute, squared**0.5],
        "signed": [np.mean(errors), squared],
        "signed-other": [-np.mean(errors), squared],
        "summed": [np.sum(np.abs(errors)), np.sum(errors**2)],
        "median": [np.median(np.abs(errors)), np.median(errors**2)],
        "squared-mean": [absolute, np.mean(errors) ** 2],
        "broadcast": [np.abs(every := np.subtract.outer(given, y)).mean(), np.mean(every**2)],
    }
    numbers, wanted = np.array([mae, mse]), np.array([absolute, squared])
    advice = "Measure them on all of `out_of_fold`, against `y_search`, in units of 100,000 dollars."
    quantities = {"100,000": 100_000, "n": len(y)}
    yield explained("errors", "`mae, mse`", ("mae", "mse"), numbers, wanted, misconceptions, 0.5, advice, quantities)


def _explain_predictions(student, given, y):
    """Raises `Misconception` where the predictions do not follow the prices."""
    fail_if(np.std(given) < 1e-6, "constant", value=given[0])
    follows = np.corrcoef(given, y)[0, 1]
    if follows >= 0.5:
        return
    for k in (3, 5, 10, 4, 2):
        held = np.concatenate([val for _, val in _pairs(student, len(y), k, 0)])
        fail_if(len(held) == len(y) and np.corrcoef(given, y[held])[0, 1] > 0.7, "fold-by-fold.misaligned")
    like_prices = 0.5 < np.std(given) / np.std(y) < 2 and abs(np.mean(given) - np.mean(y)) < 0.3
    fail_if(like_prices, "misaligned", follows=follows)
    raise Misconception("not-learned", follows=follows)


def _folds(student):
    """The finding on `k_folds`, for several sizes; what a seed does is looked at where the folds are large."""
    for n, k, seed in ((23, 4, 0), (40, 5, 3), (31, 2, 11), (6, 6, 1)):
        _partition(_pairs(student, n, k, seed), n, k, seed)
    n, k = 23, 4
    pairs, again, other = (_pairs(student, n, k, seed) for seed in (0, 0, 1))
    held, same, moved = (np.concatenate([val for _, val in folds]) for folds in (pairs, again, other))
    fail_if(all(np.array_equal(np.sort(val), np.arange(val.min(), val.max() + 1)) for _, val in pairs), "not-shuffled")
    fail_if(all(len(np.unique(np.diff(np.sort(val)))) == 1 for _, val in pairs), "every-kth.not-shuffled")
    fail_if(not np.array_equal(held, same), "not-seeded")
    fail_if(np.array_equal(held, moved), "seed-unused")
    return Finding("folds", True, "`k_folds` gives every row to exactly one val.", points=1)


def _partition(pairs, n, k, seed):
    """Raises `Misconception` where these are not k pairs of which each row is in exactly one val."""
    call = f"`k_folds({n}, {k}, {seed})`"
    fail_if(len(pairs) != k, "wrong-count", call=call, n_pairs=len(pairs), k=k)
    rows = np.concatenate([part for pair in pairs for part in pair])
    low, high = rows.min(), rows.max()
    fail_if(low < 0 or high >= n, "wrong-rows", call=call, low=low, high=high, last=n - 1)
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
    fail_if(not isinstance(given, list | tuple), "wrong-type", seen=type_name(given))
    pairs = []
    for pair in given:
        fail_if(not isinstance(pair, list | tuple) or len(pair) != 2, "pairs.wrong-type")
        fail_if(any(isinstance(part, np.ndarray) and part.dtype == bool for part in pair), "masks")
        pairs.append([as_array(part, "A part of `k_folds`").ravel().astype(int) for part in pair])
    return pairs


def _regressor(student):
    model = student.call("build_regressor")
    fail_if(not is_keras(student, model), "not-keras")
    fail_if(student.call("build_regressor") == model, "same-network")
    a = np.random.default_rng(0).normal(size=(20, 12))
    try:
        values = one_column(student, model, np.concatenate([a, a[::-1], a + a[::-1], 0 * a]))
    except StudentError as error:
        if "incompatible" in error.text:
            raise Misconception("wrong-input") from None
        raise
    said, layers = student.describe(model), student.layers(model)
    fail_if(said["loss"] is None, "not-compiled")
    fail_if(said["loss"] not in ("mse", "mean_squared_error"), "wrong-loss", loss=said["loss"])
    at_a, at_b, at_sum, at_0 = values.reshape(4, 20)
    fail_if(np.ptp(at_a) > 0 and np.allclose(at_sum - at_a, at_b - at_0, atol=1e-3 * np.ptp(at_a)), "no-bend")
    last = layers[-1]["activation"] if layers else None
    fail_if(last in ("sigmoid", "tanh", "softmax"), "bounded-last", last=last)
    return Finding("build-regressor", True, "`build_regressor` gives a fresh network for regression.", points=1)
