"""Checks of notebook 03: house prices."""

import numpy as np

from coursekit.checks.codec import Handle
from coursekit.checks.framework import Wrong, exercise, threshold
from coursekit.checks.proxy import StudentError
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import agrees, as_array, as_number, returned_parts
from coursekit.checks.vocabulary.models import one_column

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py. "rmse" is the largest error that
# passes; below "lowest" a model must have seen the houses that it is judged on.
MARGINS = {
    "03.1": {"rmse": 1.0, "lowest": -0.8},
    "03.3": {"rmse": 0.04, "lowest": -0.05},
    "03.4": {"rmse": 0.04, "lowest": -0.05},
    "03.5": {"rmse": 0.04, "lowest": -0.05},
}


def within(id, rmse, what, unit, advice, seen_before, points):
    """The finding that an error lies within its recorded band; raises `Wrong` where it is too good to be true."""
    low, high = threshold(id, "lowest"), threshold(id, "rmse")
    if rmse < low:
        raise Wrong("seen-before", f"{what} has an RMSE of {rmse:.3f} {unit}, below {low:.3f}: too good. {seen_before}")
    passed = rmse <= high
    message = f"{what} has an RMSE of {rmse:.3f} {unit}; at most {high:.3f} {'was' if passed else 'is'} asked for."
    seen = {"rmse": rmse, "lowest": rmse}
    return Finding("rmse", passed, message if passed else f"{message} {advice}", points=points, seen=seen)


def parts_of(student, name):
    """The names of the classes that a scikit-learn model is made of."""
    said = student.describe(name)
    return {said["type"], *map(str, (said.get("params") or {}).values())}


def is_scaled(parts):
    """Whether one of the parts of a pipeline scales its inputs."""
    return any(part.endswith("Scaler") or part in ("PowerTransformer", "QuantileTransformer") for part in parts)


def root(errors):
    return float(np.sqrt(np.mean(errors**2)))


def houses():
    """X and y of the three parts of the Ames table: to fit, to choose by, to judge."""
    from coursekit.data import ames_rows, load_ames_numbers

    X, y = load_ames_numbers()
    return [(X[rows], y[rows]) for rows in ames_rows()]


# --- 03.1


@exercise(
    "03.1",
    title="Audit before you model",
    points=4,
    needs={
        "engineered": "the name of a column",
        "shares": "a function of the column that gives the two values of B",
        "capped": "the number of districts at the largest value",
        "classic": "a fitted pipeline of a scaler and an MLPRegressor",
    },
    hints=(
        "`boston.describe()` shows the largest value of each column. 1000 * 0.63**2 is 396.9. Solve the formula for B: a "
        "square root has two signs.",
        "B = 0.63 - sqrt(column / 1000) and B = 0.63 + sqrt(column / 1000). Compare `y_boston` with its maximum and count "
        "with `np.sum`.",
        "`make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(100,), activation='logistic', "
        "learning_rate_init=0.01, max_iter=2000, tol=0.01))`, then `.fit(X_classic, y_classic)`.",
    ),
    expected="The column, its two readings, the capped districts; an RMSE between {lowest:.2f} and {rmse:.2f} thousand dollars.",
)
def audit(student, rng):
    """The column's name, the inverse of its formula, the count at the cap, and the error of the classic network."""
    from coursekit.data import load_boston

    table = load_boston()
    engineered = student.value("engineered")
    if not isinstance(engineered, str):
        raise Wrong("wrong-type", "`engineered` should be the name of a column, in quotes.")
    passed = engineered.strip().lower() in ("black", "b")
    message = "`black` is the engineered column: its largest value, 396.9, is 1000 * 0.63**2."
    if not passed:
        if engineered not in table.columns:
            raise Wrong("no-column", f"There is no column {engineered!r}. The columns: {', '.join(table.columns)}.")
        message = (
            f"`{engineered}` is measured, its largest value is {table[engineered].max():g}. Which one ends at 396.9?"
        )
    yield Finding("engineered", passed, message, points=1)
    values = np.concatenate([rng.uniform(0, 396.9, size=12), [0.0, 396.9]])
    low, high = returned_parts(student, "shares", values, like={"low": values.shape, "high": values.shape})
    half = np.sqrt(values / 1000)
    pair = np.array([0.63 - half, 0.63 + half])
    slips = {
        "swapped": (pair[::-1], "`shares` gives the larger value first; the smaller comes first."),
        "no-thousand": ([0.63 - 1000**0.5 * half, 0.63 + 1000**0.5 * half], "The factor 1000 is not divided out."),
        "no-root": ([0.63 - half**2, 0.63 + half**2], "The square is not undone: take the root."),
        "no-shift": ([-half, half], "B - 0.63 is plus or minus the root; B itself is 0.63 more."),
        "one-solution": ([pair[1], pair[1]], "A square root has two signs: the two values differ."),
    }
    yield agrees("shares", "`shares`", [low, high], pair, slips, 1)
    capped = as_number(student.value("capped"), "`capped`")
    most = int(np.sum(table["medv"] == table["medv"].max()))
    message = f"{most} districts stand at exactly 50: the target was cut off there."
    if capped != most:
        message = f"`capped` is {capped:g}. Compare `y_boston` with its maximum, {table['medv'].max():g}, and count."
    yield Finding("capped", capped == most, message, points=0.5)
    yield _classic(student, table)


def _classic(student, table):
    from sklearn.model_selection import train_test_split

    X, y = table.drop(columns="medv").to_numpy(float), table["medv"].to_numpy()
    _, X_test, _, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
    predicted = one_column(student, "classic", X_test)
    rmse = root(predicted - y_test)
    parts, layers = parts_of(student, "classic"), student.layers("classic")
    if not layers or layers[0]["units"] != 100 or len(layers) != 2 or layers[0]["activation"] != "sigmoid":
        seen = ", ".join(f"{layer['units']} {layer['activation']}" for layer in layers[:-1]) or "no hidden layer"
        raise Wrong("wrong-network", f"The network has {seen}; one hidden layer of 100 logistic units was expected.")
    if not is_scaled(parts) and not rmse <= threshold("03.1", "rmse"):
        raise Wrong(
            "unscaled-inputs",
            f"The RMSE is {rmse:.1f} thousand dollars. The inputs are not scaled: put a `StandardScaler()` first.",
        )
    advice = (
        "Train longer (`max_iter`, no `early_stopping`) or with a larger `learning_rate_init`, and hand the pipeline the "
        "unscaled numbers: it scales them itself."
    )
    return within("03.1", rmse, "The classic network", "thousand dollars", advice, "Fit on `X_classic` only.", 1.5)


# --- 03.2


@exercise(
    "03.2",
    title="Split, then scale",
    points=3,
    needs={
        "X_train": "the scaled numbers of the training houses",
        "X_test": "the scaled numbers of the test houses",
        "y_train": "their prices",
        "y_test": "their prices",
    },
    hints=(
        "`np.unique(X_merged, axis=0, return_index=True)` gives the first row of each different house. Do this before the "
        "split; afterwards it is too late.",
        "`train_test_split(X, y, test_size=0.2)` shuffles and cuts. A `StandardScaler` learns in `fit` and applies in "
        "`transform`: fit it on the training part, apply it to both.",
        "`scaler = StandardScaler().fit(X_train)`, then `X_train, X_test = scaler.transform(X_train), "
        "scaler.transform(X_test)`.",
    ),
    expected="2,344 and 586 houses, none in both; training columns with mean 0 and deviation 1, test columns nearly so.",
)
def split_and_scale(student, rng):
    """Sizes, duplicates across the parts, whose statistics were used for scaling, and which price goes with which row."""
    from coursekit.data import load_ames_numbers

    _, y = load_ames_numbers()
    X_train, X_test = (as_array(student.value(name), f"`{name}`") for name in ("X_train", "X_test"))
    for name, part in (("X_train", X_train), ("X_test", X_test)):
        if part.ndim != 2 or part.shape[1] != 12:
            raise Wrong(
                "wrong-shape",
                f"`{name}` has shape {part.shape}; (n, 12) was expected. `train_test_split(X, y)` gives X_train, X_test, "
                "y_train, y_test, in this order.",
            )
    y_train, y_test = (as_array(student.value(name), f"`{name}`") for name in ("y_train", "y_test"))
    for name, X_part, y_part in (("train", X_train, y_train), ("test", X_test, y_test)):
        if y_part.size != len(X_part):
            raise Wrong("wrong-shape", f"`X_{name}` has {len(X_part)} rows and `y_{name}` {y_part.size} values.")
    y_train, y_test = y_train.ravel(), y_test.ravel()
    _explain_scale(X_train, X_test)
    yield Finding("scaled", True, "Mean and deviation come from the training houses alone.", points=1)
    _explain_rows(X_train, X_test)
    message = f"{len(X_train)} and {len(X_test)} different houses, none in both parts."
    yield Finding("no-duplicates", True, message, points=1)
    both = np.sort(np.concatenate([y_train, y_test]))
    if not np.allclose(both, np.sort(y), rtol=1e-4):
        if np.allclose(both / both.mean(), np.sort(y) / y.mean(), rtol=1e-3):
            raise Wrong("wrong-unit", "The prices are in another unit; units of 100,000 dollars were expected.")
        raise Wrong("wrong-targets", "The prices are not those of the 2,930 houses. Leave the targets unscaled.")
    if abs(y_train.mean() - y_test.mean()) > 5 * y.std() / np.sqrt(len(y_test)):
        raise Wrong("not-shuffled", "The test houses differ much from the others in price: take them at random.")
    # Quality and area alone explain more than half of the prices, if each price stands at its house.
    fit = np.linalg.lstsq(np.column_stack([X_train, np.ones(len(X_train))]), y_train, rcond=None)[0]
    r2 = 1 - np.mean((X_test @ fit[:-1] + fit[-1] - y_test) ** 2) / np.var(y_test)
    aligned = r2 > 0.5
    message = (
        "Each price stands at its house."
        if aligned
        else "The prices do not belong to their rows: shuffle X and y alike."
    )
    yield Finding("aligned", aligned, message, points=1)


def _explain_rows(X_train, X_test):
    seen = {row.tobytes() for row in np.round(X_train, 5) + 0.0}
    shared = sum(row.tobytes() in seen for row in np.round(X_test, 5) + 0.0)
    total = len(X_train) + len(X_test)
    if shared:
        raise Wrong(
            "duplicates",
            f"{shared} of the {len(X_test)} test houses are also among the training houses. Drop the duplicates before the "
            "split.",
        )
    different = len(np.unique(np.round(np.vstack([X_train, X_test]), 5), axis=0))
    if total > 2930 and different < total:
        raise Wrong("duplicates", f"{total} rows hold {different} different houses. Drop the duplicates.")
    if total != 2930:
        raise Wrong("lost-rows", f"There are {total} houses in both parts together; 2,930 were expected.")
    if abs(len(X_test) - 586) > 1:
        exchanged = " `X_train` and `X_test` seem exchanged." if len(X_train) < len(X_test) else ""
        raise Wrong(
            "wrong-share", f"{len(X_test)} test houses are {len(X_test) / total:.0%}; 20 % were asked for.{exchanged}"
        )


def _explain_scale(X_train, X_test):
    both = np.vstack([X_train, X_test])

    def standard(X):
        # Whether the deviation was divided by n or by n - 1 does not matter.
        return np.allclose(X.mean(axis=0), 0, atol=1e-3) and np.allclose(X.std(axis=0), 1, atol=2e-3)

    if standard(X_train) and not standard(X_test):
        # Years and square feet stand in the hundreds and thousands; scaled values do not.
        if np.abs(X_test.mean(axis=0)).max() > 10:
            raise Wrong("test-not-scaled", "`X_test` is not scaled: apply the training part's scaler to it too.")
        return
    if standard(X_train):
        raise Wrong(
            "scaled-separately",
            "The test houses have mean 0 and deviation 1 themselves: they were scaled by their own. Use the training part's.",
        )
    if standard(both):
        raise Wrong(
            "leak-scaler",
            "The scaler was fitted on all houses: training and test together have mean 0 and deviation 1. Fit it on the "
            "training part only.",
        )
    if standard(X_test):
        raise Wrong("leak-scaler", "The scaler was fitted on the test houses. Fit it on the training part.")
    if np.abs(both).max() > 1000:
        raise Wrong("not-scaled", f"The columns are not scaled: the largest value is {np.abs(both).max():,.0f}.")
    worst = int(np.abs(X_train.mean(axis=0)).argmax())
    raise Wrong(
        "wrong-scale",
        f"Column {worst} of `X_train` has mean {X_train[:, worst].mean():.3f} and deviation {X_train[:, worst].std():.3f}; "
        "0 and 1 were expected. Was the scaler fitted, column by column, on exactly these houses?",
    )


# --- 03.3


@exercise(
    "03.3",
    title="A baseline, then a network",
    points=4,
    needs={
        "baseline": "a fitted pipeline of a scaler and LinearRegression",
        "trials": "a dict of name -> fitted pipeline of a scaler and an MLPRegressor",
        "scores": "a dict of name -> RMSE that you choose by",
        "chosen": "the name of the best",
    },
    hints=(
        "Write a loop over a dict of settings. Each turn makes a pipeline, fits it on `X_fit`, `y_fit`, and stores its RMSE "
        "on the validation houses.",
        "`rmse(model, X_val, y_val)` measures. `min(scores, key=scores.get)` is the name with the smallest score. The test "
        "houses do not appear in this cell.",
        "Try `MLPRegressor(hidden_layer_sizes=(64, 32), alpha=1.0, early_stopping=True, max_iter=400, "
        "learning_rate_init=0.005)`, and two others, each behind a `StandardScaler()`.",
    ),
    expected="The linear baseline, and a network with an RMSE of at most {rmse:.3f} on the test houses (100,000 dollars).",
)
def baseline_and_network(student, rng):
    """The baseline against least squares; the scores against those of each model on the three parts; then the test."""
    from sklearn.linear_model import LinearRegression

    (X_fit, y_fit), (X_val, y_val), (X_test, y_test) = houses()
    wanted = LinearRegression().fit(X_fit, y_fit).predict(X_test)
    given = one_column(student, "baseline", X_test)
    linear = np.allclose(given, wanted, rtol=1e-2)
    message = f"The linear baseline has an RMSE of {root(given - y_test):.3f} on the test houses."
    if not linear:
        X_more, y_more = np.vstack([X_fit, X_val, X_test]), np.concatenate([y_fit, y_val, y_test])
        if np.allclose(given, LinearRegression().fit(X_more, y_more).predict(X_test), rtol=1e-3):
            raise Wrong(
                "fitted-on-all", "The baseline was fitted on all houses, the test houses too. Use X_fit, y_fit."
            )
        if "LinearRegression" not in parts_of(student, "baseline"):
            raise Wrong(
                "wrong-model", f"`baseline` is a {student.describe('baseline')['type']} without LinearRegression."
            )
        message = "The baseline does not predict what least squares on X_fit, y_fit gives. Hand in unscaled numbers."
    yield Finding("baseline", linear, message, points=1)
    trials, scores, chosen = (student.value(name) for name in ("trials", "scores", "chosen"))
    names = _same_names(trials, scores)
    if len({trial.number for trial in trials.values() if isinstance(trial, Handle)}) < 3:
        raise Wrong(
            "same-model",
            "Some trials are one and the same object: `fit` trains anew and gives back the object itself. Make a new "
            "pipeline for each.",
        )
    errors = {}
    for name in names:
        if not isinstance(trials[name], Handle):
            raise Wrong("not-a-model", f"`trials[{name!r}]` is a {type(trials[name]).__name__}, not a fitted pipeline.")
        if "MLPRegressor" not in parts_of(student, trials[name]):
            raise Wrong("wrong-model", f"`trials[{name!r}]` has no MLPRegressor in it.")
        errors[name] = [
            root(one_column(student, trials[name], X) - y)
            for X, y in ((X_fit, y_fit), (X_val, y_val), (X_test, y_test))
        ]
    given = np.array([as_number(scores[name], f"`scores[{name!r}]`") for name in names])
    _explain_scores(given, np.array([errors[name] for name in names]).T, np.var(y_val))
    yield Finding("scores", True, f"The {len(names)} scores are the RMSE on the validation houses.", points=1)
    best = names[int(given.argmin())]
    if isinstance(chosen, np.ndarray) and chosen.ndim == 0:
        chosen = chosen.item()
    if isinstance(chosen, Handle | np.ndarray | list | dict):
        seen = chosen.type_name if isinstance(chosen, Handle) else type(chosen).__name__
        raise Wrong("unknown-name", f"`chosen` is a {seen}; the name of the best trial was expected.")
    if chosen not in names:
        raise Wrong("unknown-name", f"`chosen` is {chosen!r}; it should be one of {', '.join(map(str, names))}."[:300])
    message = f"{chosen!r} has the smallest validation error."
    if chosen != best:
        message = f"{chosen!r} has the score {scores[chosen]:.3f}; {best!r} has {scores[best]:.3f}, which is smaller."
    yield Finding("chosen", chosen == best, message, points=0.5)
    rmse = errors[chosen][2]
    if rmse > threshold("03.3", "rmse") and not is_scaled(parts_of(student, trials[chosen])):
        raise Wrong(
            "unscaled-inputs", f"The RMSE is {rmse:.2f}: the inputs are not scaled. Put a StandardScaler first."
        )
    advice = "Try other sizes, a larger `alpha`, or more iterations."
    yield within("03.3", rmse, "The chosen network", "· 100,000 dollars", advice, "Fit on X_fit, y_fit only.", 1.5)


def _same_names(trials, scores):
    if not isinstance(trials, dict) or not isinstance(scores, dict):
        raise Wrong("wrong-type", "`trials` and `scores` should be dicts with the same names.")
    if set(trials) != set(scores):
        raise Wrong("wrong-keys", f"`trials` has {list(trials)} and `scores` {list(scores)}: the names differ."[:300])
    if len(trials) < 3:
        raise Wrong("too-few", f"There are {len(trials)} trials; try at least three settings.")
    return list(trials)


def _explain_scores(given, errors, variance):
    """Raises `Wrong` where the scores are not the validation errors; `errors` has the rows fit, val and test."""
    fit, val, test = errors

    def same(other):
        return np.allclose(given, other, rtol=1e-3, atol=6e-4)  # rounded to three digits is right too

    if same(val):
        return
    if same(test):
        raise Wrong(
            "test-for-selection",
            "The scores were measured on the test houses. Who chooses by them has used up the test: choose by X_val, y_val.",
        )
    if same(fit):
        raise Wrong(
            "train-for-selection", "The scores were measured on the training houses, which flatter large networks."
        )
    if same(val**2):
        raise Wrong("not-rooted", "The scores are mean squared errors; take the root.")
    if same(-val):
        raise Wrong("negative", "The scores are negative; an RMSE is positive.")
    if same(1 - val**2 / variance):
        raise Wrong("r2", "The scores are R², where larger is better. Use the given `rmse`.")
    i = int(np.abs(given / val - 1).argmax())
    raise Wrong(
        "wrong-scores", f"One score is {given[i]:.3f} where the model has {val[i]:.3f} on the validation houses."
    )


# --- 03.4


@exercise(
    "03.4",
    title="Let the machine search",
    points=3,
    needs={"search": "a fitted GridSearchCV over a Pipeline", "mean_scores": "the mean test score of each combination"},
    hints=(
        'Name the steps: `Pipeline([("scale", StandardScaler()), ("network", MLPRegressor(...))])`. A parameter of the '
        "network is then called `network__alpha`.",
        "`grid` is a dict: parameter name -> list of values. Two parameters with two values each are four combinations, and "
        "with 3 folds twelve fits. Keep `max_iter` small.",
        '`GridSearchCV(pipeline, grid, cv=3, scoring="neg_root_mean_squared_error", verbose=2).fit(X_search, y_search)`; '
        '`search.cv_results_["mean_test_score"]`.',
    ),
    expected="At least four combinations; the best has an RMSE of at most {rmse:.3f} on the test houses (100,000 dollars).",
)
def grid_search(student, rng):
    """A search over a pipeline that holds the scaler; its scores; the error of the best on the test houses."""
    said = student.describe("search")
    if "SearchCV" not in said["type"]:
        raise Wrong("not-a-search", f"`search` is a {said['type']}; a fitted GridSearchCV was expected.")
    if said.get("fitted") is False:
        raise Wrong("not-fitted", "`search` has not been fitted: call `search.fit(X_search, y_search)`.")
    params = said["params"]
    if params.get("estimator") != "Pipeline" and params.get("estimator") != "TransformedTargetRegressor":
        raise Wrong(
            "no-pipeline",
            f"The search runs over {params.get('estimator')}. Search over a Pipeline of scaler and network, so that each "
            "fold fits its own scaler.",
        )
    parts = parts_of(student, "search")
    if "MLPRegressor" not in parts:
        raise Wrong("wrong-model", "There is no MLPRegressor in the pipeline.")
    if not is_scaled(parts):
        raise Wrong(
            "unscaled-inputs", "There is no scaler in the pipeline. Put a `StandardScaler()` before the network."
        )
    yield Finding("pipeline", True, "The search runs over a pipeline with its own scaler.", points=1)
    scores = as_array(student.value("mean_scores"), "`mean_scores`").ravel()
    if len(scores) < 4:
        raise Wrong(
            "too-few", f"The number of mean scores is {len(scores)}; at least four combinations were asked for."
        )
    if params.get("refit") is False:
        raise Wrong("no-refit", "The search has `refit=False`, so that there is no best model to ask. Leave it out.")
    (X_fit, y_fit), (X_val, y_val), (X_test, y_test) = houses()
    rmse = root(one_column(student, "search", X_test) - y_test)
    best = scores.max()
    if best > 0 and params.get("scoring") == "neg_root_mean_squared_error":
        raise Wrong(
            "sign-changed", "The scores of the search are negative, so that larger is better. Leave their sign."
        )
    if params.get("scoring") == "neg_mean_squared_error":
        raise Wrong(
            "squared-scoring", "The search scores by squared errors; use `scoring='neg_root_mean_squared_error'`."
        )
    if best > 0:
        raise Wrong(
            "wrong-scoring",
            f"The best score is {best:.3f}, above 0. Use `scoring='neg_root_mean_squared_error'`; larger is better, so that "
            "an error counts negative.",
        )
    # Cross-validated and test error differ by the luck of the split; a factor of two is more than luck.
    if not 0.5 < -best / rmse < 2:
        raise Wrong(
            "not-its-scores",
            f"The best score is {best:.3f}, the RMSE on the test houses {rmse:.3f}: not this search's.",
        )
    yield Finding(
        "scores", True, f"{len(scores)} combinations; the best cross-validated RMSE is {-best:.3f}.", points=0.5
    )
    advice = "Add better settings to the grid, for example `network__hidden_layer_sizes` and `network__alpha`."
    before = "Was it fitted on all houses? X_search, y_search do not hold the test houses."
    yield within("03.4", rmse, "The best of the search", "· 100,000 dollars", advice, before, 1.5)


# --- 03.5


@exercise(
    "03.5",
    title="The same in Keras, with k folds",
    points=4,
    needs={
        "k_folds": "a function of n, k and seed that gives a list of pairs of index arrays",
        "build_regressor": "a function that gives a compiled, untrained Keras network",
        "out_of_fold": "the predictions, each by a network that has not seen the house",
        "mae": "its mean absolute error",
        "mse": "its mean squared error",
    },
    hints=(
        "`KFold(k, shuffle=True, random_state=seed).split(np.zeros(n))` yields the pairs; `list(...)` makes a list of them. "
        "A price has no upper limit, so the last layer has no activation.",
        "Begin with `out_of_fold = np.zeros(len(y_search))`. In the loop: fit a scaler on the train rows, build a new network, train it, and write its predictions into "
        "`out_of_fold[val]`. A new network for each fold.",
        "`model.fit(scaler.transform(X_search[train]), y_search[train], epochs=40, batch_size=64, verbose=0)`, then "
        "`out_of_fold[val] = np.ravel(model(scaler.transform(X_search[val])))`.",
    ),
    expected="Every house predicted once, with an RMSE of at most {rmse:.3f} (100,000 dollars).",
)
def cross_validation(student, rng):
    """The folds are a partition; the network is fresh and unbounded; the predictions are good, and not too good."""
    yield _folds(student)
    yield _regressor(student)
    (_, y_fit), (_, y_val), _ = houses()
    y = np.concatenate([y_fit, y_val])
    given = as_array(student.value("out_of_fold"), "`out_of_fold`")
    if given.size != len(y):
        raise Wrong(
            "wrong-shape", f"`out_of_fold` has {given.size} values; one for each of {len(y)} houses was expected."
        )
    given = given.ravel()
    if np.median(given) > 1000:
        raise Wrong("wrong-unit", "`out_of_fold` is in dollars; units of 100,000 dollars were expected.")
    if np.mean(given == 0) > 0.05:
        raise Wrong("unfilled", f"{np.mean(given == 0):.0%} of `out_of_fold` are still 0: fill all folds.")
    errors = given - y
    if np.corrcoef(given, y)[0, 1] < 0.5 if np.std(given) > 0 else True:
        raise Wrong("misaligned", "The predictions do not follow the prices: write them to the rows `val`.")
    advice = "Train for more epochs, and scale inside the loop."
    before = "Each house must be predicted by a network that was trained without it."
    yield within("03.5", root(errors), "`out_of_fold`", "· 100,000 dollars", advice, before, 1.5)
    mae, mse = (as_number(student.value(name), f"`{name}`") for name in ("mae", "mse"))
    wanted = [np.mean(np.abs(errors)), np.mean(errors**2)]
    slips = {
        "swapped": (wanted[::-1], "`mae` and `mse` are exchanged."),
        "root": ([wanted[0], wanted[1] ** 0.5], "`mse` is the root; leave the root out."),
    }
    yield agrees(
        "errors", "`mae, mse`", [mae, mse], wanted, slips, 0.5, "Measure them on all of `out_of_fold`.", rtol=1e-3
    )


def _folds(student):
    n, k = 23, 4
    pairs = _pairs(student, n, k, 0)
    if len(pairs) != k:
        raise Wrong("wrong-count", f"`k_folds(23, 4, 0)` gives {len(pairs)} pairs; k of them were expected.")
    held = np.concatenate([val for _, val in pairs])
    if all(len(val) > len(train) for train, val in pairs):
        raise Wrong("exchanged", "The larger part of each pair stands second; the order is train, val.")
    for train, val in pairs:
        shared = len(np.intersect1d(train, val))
        if shared:
            raise Wrong(
                "overlap", f"{shared} rows stand in train and in val of the same pair: the network would see them."
            )
        if len(np.unique(np.concatenate([train, val]))) != n:
            raise Wrong("lost-rows", "In some pair train and val together do not hold all rows.")
    if not np.array_equal(np.sort(held), np.arange(n)):
        raise Wrong("not-a-partition", "Each row should be in exactly one val; some are in none or in several.")
    sizes = sorted(len(val) for _, val in pairs)
    if sizes[-1] - sizes[0] > n // k:
        raise Wrong("uneven", f"The folds have {sizes} rows; about as many in each were expected.")
    again, other = (np.concatenate([val for _, val in _pairs(student, n, k, seed)]) for seed in (0, 1))
    if all(np.array_equal(np.sort(val), np.arange(val.min(), val.max() + 1)) for _, val in pairs):
        raise Wrong("not-shuffled", "The folds are blocks of neighbouring rows. Shuffle the rows first.")
    if not np.array_equal(held, again):
        raise Wrong("not-seeded", "The same seed gives other folds each time.")
    if np.array_equal(held, other):
        raise Wrong("seed-unused", "Two seeds give the same folds: use `seed`.")
    return Finding("folds", True, "`k_folds` gives every row to exactly one val.", points=1)


def _pairs(student, *args):
    given = student.call("k_folds", *args)
    if not isinstance(given, list | tuple):
        seen = given.type_name if isinstance(given, Handle) else type(given).__name__
        raise Wrong(
            "wrong-type", f"`k_folds` gives a {seen}; a list of pairs was expected. Write `list(...)` around it."
        )
    pairs = []
    for pair in given:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise Wrong("wrong-type", "Each entry of `k_folds` should be a pair: train rows, val rows.")
        if any(isinstance(part, np.ndarray) and part.dtype == bool for part in pair):
            raise Wrong(
                "masks", "The parts of `k_folds` are True and False; row numbers were expected. `np.flatnonzero`."
            )
        pairs.append([as_array(part, "A part of `k_folds`").ravel().astype(int) for part in pair])
    return pairs


def _regressor(student):
    model = student.call("build_regressor")
    if not isinstance(model, Handle) or student.describe(model)["family"] != "keras":
        raise Wrong(
            "not-keras", "`build_regressor()` does not return a Keras network. Does it end with `return model`?"
        )
    if student.call("build_regressor") == model:
        raise Wrong("same-network", "`build_regressor()` gives the same network twice; build a new one each time.")
    try:
        answer = one_column(student, model, np.zeros((5, 12)))
    except StudentError as error:
        if "incompatible" not in error.text:
            raise
        raise Wrong(
            "wrong-input", "The network does not take 12 numbers. Begin it with `keras.Input((12,))`."
        ) from None
    said, layers = student.describe(model), student.layers(model)
    if said["loss"] is None:
        raise Wrong("not-compiled", "The network is not compiled: call `model.compile(...)` before you return it.")
    if said["loss"] not in ("mse", "mean_squared_error"):
        raise Wrong("wrong-loss", f"The loss is {said['loss']}; 'mse' was asked for.")
    last = layers[-1]["activation"] if layers else None
    if last in ("sigmoid", "tanh", "softmax"):
        raise Wrong("bounded-last", f"The last layer has the activation {last}, which cannot give a price above 1.")
    return Finding(
        "build-regressor", len(answer) == 5, "`build_regressor` gives a fresh network for regression.", points=1
    )
