"""Checks of notebook 03: house prices."""

import numpy as np

from coursekit.checks.codec import Handle
from coursekit.checks.framework import Wrong, exercise, threshold
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
    if rmse < low:
        raise Wrong("seen-before", f"{what} has an RMSE of {rmse:.3f} {unit}, below {low:.3f}: too good. {seen_before}")
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
    try:
        low, high = returned_parts(student, "shares", values, like={"low": values.shape, "high": values.shape})
    except Wrong as wrong:
        if wrong.finding.code != "not-finite":
            raise
        raise Wrong(
            "not-finite",
            "`shares` gives NaN or infinity for some of the numbers from 0 to 396.9, where both values exist. An impossible "
            "share, above 1, is to be given all the same.",
        ) from None
    half = np.sqrt(values / 1000)
    pair = np.array([0.63 - half, 0.63 + half])
    slips = {
        "swapped": (pair[::-1], "`shares` gives the larger value first; the smaller comes first."),
        "no-thousand": ([0.63 - 1000**0.5 * half, 0.63 + 1000**0.5 * half], "The factor 1000 is not divided out."),
        "no-root": ([0.63 - half**2, 0.63 + half**2], "The square is not undone: take the root."),
        "no-shift": ([-half, half], "B - 0.63 is plus or minus the root; B itself is 0.63 more."),
        "one-solution": ([pair[1], pair[1]], "A square root has two signs: the two values differ."),
        "cut-off": (
            np.minimum(pair, 1),
            "`shares` cuts the larger value off at 1. A share above 1 is impossible, and that is what the figure shows: "
            "give what the formula gives.",
        ),
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
        raise Wrong("wrong-network", f"In `classic`, a {kind}, no MLPRegressor was found. Put one behind the scaler.")
    if layers[0]["units"] != 100 or len(layers) != 2 or layers[0]["activation"] != "sigmoid":
        seen = ", ".join(f"{layer['units']} {layer['activation']}" for layer in layers[:-1]) or "no hidden layer"
        raise Wrong("wrong-network", f"The network has {seen}; one hidden layer of 100 logistic units was expected.")
    if not is_scaled(parts) and not rmse <= threshold("03.1", "rmse"):
        raise Wrong(
            "unscaled-inputs",
            f"The RMSE is {rmse:.1f} thousand dollars. The inputs are not scaled: put a `StandardScaler()` first.",
        )
    rows = scaled_by(student, "classic", X_test, {"X_classic": X_train, "all districts": X, "X_held_out": X_test})
    if rows in ("all districts", "X_held_out"):
        raise Wrong(
            "seen-before",
            f"`classic` was fitted on {rows if rows == 'all districts' else '`X_held_out`'}: its scaler has their mean and "
            "deviation. It is judged on the held-out districts, so fit it on `X_classic`, `y_classic` only.",
        )
    if is_scaled(parts) and rows == "none":
        raise Wrong(
            "scaled-twice",
            "The scaler in `classic` changes nothing: it was fitted on numbers that were scaled already. Fit the pipeline on "
            "`X_classic` as it is; it scales by itself.",
        )
    if root(y_train - one_column(student, "classic", X_train)) > 20:
        raise Wrong(
            "other-targets",
            f"`classic` predicts {np.median(predicted):.3g} for a middling district, where the prices have the median "
            f"{np.median(y_test):.3g}. Was it fitted to `y_classic` as it is?",
        )
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
        raise Wrong(
            "not-shuffled",
            f"The test houses differ from the training houses in {name}, by {apart[name]:.0f} times what chance does: they "
            "are a block of a sorted table. Take them at random, without `shuffle=False`.",
        )


def _explain_targets(given, prices):
    """Raises `Wrong` where the targets, sorted, are not the prices."""
    if np.allclose(given, prices, rtol=1e-4):
        return
    if np.allclose(given / given.mean(), prices / prices.mean(), rtol=1e-3):
        raise Wrong("wrong-unit", "The prices are in another unit; units of 100,000 dollars were expected.")
    if np.corrcoef(given, prices)[0, 1] > 0.9999:
        raise Wrong("scaled-targets", "The prices were scaled too. Leave the targets as they are; scale X only.")
    if given.min() > -1e3 and np.corrcoef(given, np.log(prices))[0, 1] > 0.9999:
        raise Wrong("log-targets", "The targets are logarithms of the prices; the prices themselves were asked for.")
    raise Wrong("wrong-targets", "The targets are not the prices of the 2,930 houses, each of them once.")


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
    linear = np.allclose(given, wanted, rtol=1e-3)
    message = f"The linear baseline has an RMSE of {root(given - y_test):.3f} on the test houses."
    if not linear:
        message = _explain_baseline(student, given, wanted)
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


def _explain_baseline(student, given, wanted):
    """What a wrong baseline predicts; raises `Wrong` with a cause where one fits."""
    from sklearn.linear_model import LinearRegression

    (X_fit, y_fit), (X_val, y_val), (X_test, y_test) = houses()
    said = student.describe("baseline")
    if "LinearRegression" not in parts_of(student, "baseline"):
        raise Wrong("wrong-model", f"`baseline` is a {said['type']} without LinearRegression.")
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
    if np.allclose(one_column(student, "baseline", scaled), wanted, rtol=1e-2):
        raise Wrong(
            "scaled-inputs",
            "`baseline` wants scaled numbers. Put the scaler and the LinearRegression into one pipeline, and fit it on the "
            "unscaled `X_fit`.",
        )
    relation = describe_relation(given, wanted, {"100,000": 100_000}, rtol=1e-3)
    if relation:
        return f"The prediction of `baseline` {relation}. Fit it to `X_fit`, `y_fit` as they are."
    return "`baseline` does not predict what least squares on `X_fit`, `y_fit` gives. Was it fitted to these, unscaled?"


def _same_names(trials, scores):
    if not isinstance(trials, dict) or not isinstance(scores, dict):
        raise Wrong("wrong-type", "`trials` and `scores` should be dicts with the same names.")
    if set(trials) != set(scores):
        raise Wrong("wrong-keys", f"`trials` has {list(trials)} and `scores` {list(scores)}: the names differ."[:300])
    if len(trials) < 3:
        raise Wrong("too-few", f"There are {len(trials)} trials; try at least three settings.")
    return list(trials)


def _fit_rows_only(student, name, what):
    """Raises `Wrong` where the scaler of a pipeline has learned from other rows than `X_fit`."""
    (X_fit, _), (X_val, _), (X_test, _) = houses()
    both = np.vstack([X_fit, X_val])
    rows = {"X_fit": X_fit, "X_fit and X_val": both, "X_val": X_val, "all houses": np.vstack([both, X_test])}
    seen = scaled_by(student, name, X_test, {**rows, "X_last": X_test})
    if seen in ("X_fit and X_val", "X_val"):
        raise Wrong(
            "validation-seen",
            f"{what} was fitted on {seen}: its scaler has their mean. Its score on the validation houses is that of houses "
            "which it knows. Fit on `X_fit`, `y_fit` only.",
        )
    if seen in ("all houses", "X_last"):
        raise Wrong("seen-before", f"{what} was fitted on {seen}, test houses included. Fit on `X_fit`, `y_fit` only.")
    if seen == "none" and is_scaled(parts_of(student, name)):
        raise Wrong(
            "scaled-inputs",
            f"The scaler in {what} changes nothing: it was fitted on numbers that were scaled already. All models here take "
            "the unscaled numbers.",
        )


def _scores(given, errors, variance):
    """The finding on the scores; `errors` has the rows fit, val, test, and the mean absolute error on val."""
    fit, val, test, absolute = errors
    slips = {
        "test-for-selection": (
            test,
            "The scores were measured on the test houses. Who chooses by them has used up the test: choose by X_val, y_val.",
        ),
        "train-for-selection": (
            fit,
            "The scores were measured on the training houses, which flatter large networks.",
        ),
        "not-rooted": (val**2, "The scores are mean squared errors; take the root."),
        "negative": (-val, "The scores are negative; an RMSE is positive."),
        "r2": (1 - val**2 / variance, "The scores are R², where larger is better. Use the given `rmse`."),
        "mae": (absolute, "The scores are mean absolute errors (MAE); the RMSE was asked for. Use the given `rmse`."),
    }
    advice = "Measure each with `rmse(model, X_val, y_val)`."
    return explained("wrong-scores", "`scores`", given, val, slips, 1, advice, {"100,000": 100_000})


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
    results = said["search"]
    if results["n_splits"] != 3:
        raise Wrong(
            "wrong-folds",
            f"The search has used {results['n_splits']} folds; 3 were asked for. Say `cv=3` to GridSearchCV.",
        )
    scores = as_array(student.value("mean_scores"), "`mean_scores`").ravel()
    if len(scores) < 4:
        raise Wrong(
            "too-few", f"The number of mean scores is {len(scores)}; at least four combinations were asked for."
        )
    if params.get("refit") is False:
        raise Wrong("no-refit", "The search has `refit=False`, so that there is no best model to ask. Leave it out.")
    (X_fit, y_fit), (X_val, y_val), (X_test, y_test) = houses()
    rmse = root(one_column(student, "search", X_test) - y_test)
    if params.get("scoring") == "neg_mean_squared_error":
        raise Wrong(
            "squared-scoring", "The search scores by squared errors; use `scoring='neg_root_mean_squared_error'`."
        )
    wanted = results["mean_test_score"]
    if params.get("scoring") != "neg_root_mean_squared_error" and wanted.max() > 0:
        raise Wrong(
            "wrong-scoring",
            f"The scores of the search go up to {wanted.max():.3f}, above 0. Use "
            "`scoring='neg_root_mean_squared_error'`; larger is better, so that an error counts negative.",
        )
    # A scorer of one's own has no name; cross-validated and test error differ by the luck of the split, not by two.
    if params.get("scoring") != "neg_root_mean_squared_error" and not 0.5 < -wanted.max() / rmse < 2:
        raise Wrong("wrong-scoring", "The search does not score by the RMSE: `scoring='neg_root_mean_squared_error'`.")
    (X_more, _), every = _search_rows(), np.vstack([X_fit, X_val, X_test])
    rows = {"X_search": X_more, "X_fit": X_fit, "X_val": X_val, "all houses": every, "X_last": X_test}
    seen = scaled_by(student, "search", X_test, rows)
    if seen in ("all houses", "X_last"):
        raise Wrong(
            "seen-before", f"The best of the search was fitted on {seen}, test houses included. Fit on `X_search` only."
        )
    if seen in ("X_fit", "X_val"):
        raise Wrong("other-rows", f"The search was fitted on `{seen}`; `X_search`, `y_search` was asked for.")
    if seen == "none":
        raise Wrong(
            "scaled-inputs",
            "The scaler in the search changes nothing: the search was fitted on numbers that were scaled already. Fit it on "
            "`X_search` as it is.",
        )
    yield _mean_scores(scores, results)
    advice = "Add better settings to the grid, for example `network__hidden_layer_sizes` and `network__alpha`."
    before = "Was it fitted on all houses? X_search, y_search do not hold the test houses."
    yield within("03.4", rmse, "The best of the search", "· 100,000 dollars", advice, before, 1.5)


def _mean_scores(scores, results):
    """The finding on `mean_scores`, against what the search has recorded."""
    wanted = results["mean_test_score"]
    if len(scores) != len(wanted):
        raise Wrong(
            "wrong-shape",
            f"`mean_scores` holds {len(scores)} numbers, and the search has tried {len(wanted)} combinations: take "
            "`search.cv_results_['mean_test_score']`.",
        )
    slips = {
        "sign-changed": (
            -wanted,
            "The scores of the search are negative, so that larger is better. Leave their sign.",
        ),
        "train-scores": (
            results.get("mean_train_score", ()),
            "These are the scores on the rows that each network was trained on; `mean_test_score` was asked for.",
        ),
        "spread": (results["std_test_score"], "These are the spreads of the folds; their means were asked for."),
        "sorted": (np.sort(wanted), _SORTED),
        "sorted-down": (np.sort(wanted)[::-1], _SORTED),
        "ranks": (results["rank_test_score"], "These are ranks; the mean scores were asked for."),
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
    _, y = _search_rows()
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
    _explain_predictions(student, given, y)
    advice = "Train for more epochs, and scale inside the loop."
    before = "Each house must be predicted by a network that was trained without it."
    best = _best_fold(student, errors)
    if best < threshold("03.5", "fold"):
        raise Wrong(
            "seen-before",
            f"In one fold the error is {best:.0%} of a line's, less than a network reaches on houses that it has not seen. Was "
            "one network trained on through all folds? Build a new one in each.",
        )
    yield within("03.5", root(errors), "`out_of_fold`", "· 100,000 dollars", advice, before, 1.5, fold=best)
    mae, mse = (as_number(student.value(name), f"`{name}`") for name in ("mae", "mse"))
    absolute, squared = np.mean(np.abs(errors)), np.mean(errors**2)
    slips = {
        "swapped": ([squared, absolute], "`mae` and `mse` are exchanged."),
        "root": ([absolute, squared**0.5], "`mse` is the root; leave the root out."),
        "signed": ([np.mean(errors), squared], "`mae` is the mean of the signed errors, which cancel: take `np.abs` first."),
        "signed-other": ([-np.mean(errors), squared], "`mae` is the mean of the signed errors: take `np.abs` first."),
        "summed": ([np.sum(np.abs(errors)), np.sum(errors**2)], "These are sums over all houses; the means were asked for."),
        "median": ([np.median(np.abs(errors)), np.median(errors**2)], "These are medians; the means were asked for."),
        "squared-mean": ([absolute, np.mean(errors) ** 2], "`mse` is the square of the mean error; square first, then average."),
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
        raise Wrong("constant", f"`out_of_fold` is {given[0]:.4g} for every house.")
    follows = np.corrcoef(given, y)[0, 1]
    if follows >= 0.5:
        return
    for k in (3, 5, 10, 4, 2):
        held = np.concatenate([val for _, val in _pairs(student, len(y), k, 0)])
        if len(held) == len(y) and np.corrcoef(given, y[held])[0, 1] > 0.7:
            raise Wrong(
                "misaligned",
                "The predictions stand one fold after the other, not at their houses: write each fold's to "
                "`out_of_fold[val]`.",
            )
    if np.std(given) > 0.5 * np.std(y) and abs(np.mean(given) - np.mean(y)) < 0.3:
        raise Wrong(
            "misaligned",
            f"`out_of_fold` has the mean and the spread of prices, but not at these houses (correlation {follows:.2f}): write "
            "the predictions to the rows `val`.",
        )
    raise Wrong(
        "not-learned",
        f"`out_of_fold` does not follow the prices (correlation {follows:.2f}). Look at one fold: does the loss fall, and "
        "are `X_search[val]` scaled by the scaler of the fold?",
    )


def _folds(student):
    """The finding on `k_folds`, for several sizes; what a seed does is looked at where the folds are large."""
    for n, k, seed in ((23, 4, 0), (40, 5, 3), (31, 2, 11), (6, 6, 1)):
        _partition(_pairs(student, n, k, seed), n, k, seed)
    n, k = 23, 4
    pairs, again, other = (_pairs(student, n, k, seed) for seed in (0, 0, 1))
    held, same, moved = (np.concatenate([val for _, val in folds]) for folds in (pairs, again, other))
    if all(np.array_equal(np.sort(val), np.arange(val.min(), val.max() + 1)) for _, val in pairs):
        raise Wrong("not-shuffled", "The folds are blocks of neighbouring rows. Shuffle the rows first.")
    if all(len(np.unique(np.diff(np.sort(val)))) == 1 for _, val in pairs):
        raise Wrong("not-shuffled", "Each fold takes every fourth row, in their order. Shuffle the rows first.")
    if not np.array_equal(held, same):
        raise Wrong("not-seeded", "The same seed gives other folds each time.")
    if np.array_equal(held, moved):
        raise Wrong("seed-unused", "Two seeds give the same folds: use `seed`.")
    return Finding("folds", True, "`k_folds` gives every row to exactly one val.", points=1)


def _partition(pairs, n, k, seed):
    """Raises `Wrong` where these are not k pairs of which each row is in exactly one val."""
    call = f"`k_folds({n}, {k}, {seed})`"
    if len(pairs) != k:
        raise Wrong("wrong-count", f"{call} gives {len(pairs)} pairs; k of them, {k}, were expected.")
    rows = np.concatenate([part for pair in pairs for part in pair])
    if rows.min() < 0 or rows.max() >= n:
        raise Wrong(
            "wrong-rows", f"{call} gives row numbers from {rows.min()} to {rows.max()}; the rows are 0 to {n - 1}."
        )
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
