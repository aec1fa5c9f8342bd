"""Cases of notebook 03."""

from functools import cache

import numpy as np

from tests.cases import table
from tests.trained import trained_once


def scaled(model):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), model)


def mlp(**settings):
    from sklearn.neural_network import MLPRegressor

    return MLPRegressor(**{"max_iter": 400, "random_state": 0, **settings})


@cache
def houses():
    from coursekit.exercises.n03_house_prices import houses

    return houses()


def search_rows():
    (X_fit, y_fit), (X_val, y_val), _ = houses()
    return np.vstack([X_fit, X_val]), np.concatenate([y_fit, y_val])


def all_rows():
    return tuple(np.concatenate(parts) for parts in zip(*houses(), strict=True))


def in_dollars(model):
    """The same predictions, times 100,000."""

    class Dollars:
        def predict(self, X):
            return 100_000 * model.predict(X)

    return Dollars()


# --- 03.1


@cache
def boston():
    from sklearn.model_selection import train_test_split

    from coursekit.data import load_boston

    data = load_boston()
    X, y = data.drop(columns="medv").to_numpy(float), data["medv"].to_numpy()
    return train_test_split(X, y, test_size=0.25, random_state=0)


@trained_once
def classic(rows="train", scale=True, **settings):
    X, X_test, y, y_test = boston()
    if rows == "all":
        X, y = np.vstack([X, X_test]), np.concatenate([y, y_test])
    if rows == "scaled":
        X = (X - X.mean(axis=0)) / X.std(axis=0)
    if rows == "test":
        X, y = X_test, y_test
    if rows == "dollars":
        y = 1000 * y
    settings = {"learning_rate_init": 0.01, "tol": 0.01, "max_iter": 2000, **settings}
    network = mlp(**{"hidden_layer_sizes": (100,), "activation": "logistic", **settings})
    return (scaled(network) if scale else network).fit(X, y)


@trained_once
def classic_of_all():
    """The scaler has learned from `X_classic`, the network from all districts."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, X_test, y, y_test = boston()
    scaler = StandardScaler().fit(X)
    network = mlp(hidden_layer_sizes=(100,), activation="logistic", solver="lbfgs", max_iter=40)
    network.fit(scaler.transform(np.vstack([X, X_test])), np.concatenate([y, y_test]))
    return make_pipeline(scaler, network)


def line_on_boston():
    from sklearn.linear_model import LinearRegression

    X, _, y, _ = boston()
    return scaled(LinearRegression()).fit(X, y)


def shares(column):
    half = np.sqrt(np.asarray(column) / 1000)
    return 0.63 - half, 0.63 + half


def other_shares(change):
    return {"shares": lambda column: change(*shares(column))}


def shares_by_polynomial(column):
    roots = [np.sort(np.roots([1000, -1260, 1000 * 0.63**2 - value]).real) for value in column]
    return np.array(roots).T


table(
    "03.1",
    lambda: {"engineered": "black", "shares": shares, "capped": 16, "classic": classic()},
    {
        "the formulas": {},
        "an array of two rows": lambda: other_shares(lambda low, high: np.array([low, high])),
        "lists": lambda: other_shares(lambda low, high: [list(low), list(high)]),
        "roots of a polynomial": {"shares": shares_by_polynomial},
        "another seed": lambda: {"classic": classic(random_state=3), "capped": np.int64(16)},
        "lbfgs": lambda: {"classic": classic(solver="lbfgs", alpha=1.0, max_iter=200)},
        "the name that scikit-learn used": {"engineered": "B"},
    },
    [
        ("engineered", "lstat", {"engineered": "lstat"}),
        ("no-column", "a typing error", {"engineered": "blck"}),
        ("swapped", "larger first", lambda: other_shares(lambda low, high: (high, low))),
        ("no-root", "no root", {"shares": lambda c: (0.63 - c / 1000, 0.63 + c / 1000)}),
        ("one-solution", "one sign", lambda: other_shares(lambda low, high: (high, high))),
        ("no-shift", "no shift", lambda: other_shares(lambda low, high: (low - 0.63, high - 0.63))),
        ("wrong-type", "one array", {"shares": lambda c: list(shares(c)[0])}),
        ("capped", "all districts", {"capped": 506}),
        ("unscaled-inputs", "not scaled", lambda: {"classic": classic(scale=False)}),
        ("wrong-network", "ten units", lambda: {"classic": classic(hidden_layer_sizes=(10,))}),
        ("wrong-network", "ReLU", lambda: {"classic": classic(activation="relu")}),
        ("seen-before", "fitted on all", lambda: {"classic": classic(rows="all")}),
        ("rmse", "hardly trained", lambda: {"classic": classic(max_iter=20)}),
        ("cut-off", "shares above 1 cut off", lambda: other_shares(lambda low, high: (low, np.minimum(high, 1)))),
        (
            "not-finite",
            "impossible shares left out",
            lambda: other_shares(lambda low, high: (low, np.where(high > 1, np.nan, high))),
        ),
        ("shares", "per cent", lambda: other_shares(lambda low, high: (100 * low, 100 * high))),
        ("capped", "the largest value", {"capped": 50.0}),
        ("capped", "a share of the districts", {"capped": 16 / 506}),
        ("scaled-twice", "fitted on scaled numbers", lambda: {"classic": classic(rows="scaled")}),
        ("seen-before", "fitted on the held-out districts", lambda: {"classic": classic(rows="test")}),
        ("other-targets", "prices in dollars", lambda: {"classic": classic(rows="dollars")}),
        ("wrong-network", "a line", lambda: {"classic": line_on_boston()}),
        ("no-thousand", "in per mille", {"shares": lambda c: (0.63 - np.sqrt(c), 0.63 + np.sqrt(c))}),
        ("capped", "the districts below", {"capped": 490}),
        ("capped", "counted badly", {"capped": 15}),
        ("wrong-type", "the column itself", lambda: {"engineered": np.array([396.9, 392.8])}),
        ("seen-before", "only the scaler knows its rows", lambda: {"classic": classic_of_all()}),
    ],
)


# --- 03.2


@cache
def merged():
    from coursekit.data import load_ames_numbers

    X, y = load_ames_numbers()
    twice = np.random.default_rng(0).integers(0, 2930, size=150)
    return np.vstack([X, X[twice]]), np.concatenate([y, y[twice]])


def split(unique=True, scale="train", seed=0, size=0.2, shuffle=True, ddof=0, dtype=float, y_rows=True):
    X, y = merged()
    if unique:
        _, first = np.unique(X, axis=0, return_index=True)
        X, y = X[first], y[first]
    order = np.random.default_rng(seed).permutation(len(X)) if shuffle else np.argsort(y)
    order = np.arange(len(X))[::-1] if shuffle is None else order  # the best houses are the test
    X, y = X[order], y[order]
    n = round(size * len(X))
    X_test, X_train, y_test, y_train = X[:n], X[n:], y[:n], y[n:]
    by = {"train": X_train, "all": X, "test": X_test}.get(scale, X_train)
    if scale == "separately":
        X_train, X_test = [(part - part.mean(0)) / part.std(0, ddof=ddof) for part in (X_train, X_test)]
    elif scale == "range":
        low, high = X_train.min(0), X_train.max(0)
        X_train, X_test = [(part - low) / (high - low) for part in (X_train, X_test)]
    elif scale:
        X_train, X_test = [(part - by.mean(0)) / by.std(0, ddof=ddof) for part in (X_train, X_test)]
    if not y_rows:
        y_train = np.random.default_rng(1).permutation(y_train)
    return {"X_train": X_train.astype(dtype), "X_test": X_test.astype(dtype), "y_train": y_train, "y_test": y_test}


def test_scaled_by(what):
    X, X_test = merged()[0], split(scale=None)["X_test"]
    if what == "range":
        return (X_test - X_test.min(0)) / np.ptp(X_test, axis=0)
    return (X_test - X.mean(0)) / X.std(0)


def kept_together():
    """Each duplicate stands in the part of its house."""
    answers = split()
    X, y = (np.concatenate([answers[name], answers[name][:150]]) for name in ("X_train", "y_train"))
    X, X_test = ((part - X.mean(axis=0)) / X.std(axis=0) for part in (X, answers["X_test"]))
    return {"X_train": X, "X_test": X_test, "y_train": y}


def in_table_order():
    """Duplicates dropped in the order of the table, then cut without shuffling: the latest sales are the test."""
    X, y = (part[:2930] for part in merged())
    X_train, X_test, y_train, y_test = X[:2344], X[2344:], y[:2344], y[2344:]
    mean, spread = X_train.mean(axis=0), X_train.std(axis=0)
    parts = [(part - mean) / spread for part in (X_train, X_test)]
    return dict(zip(("X_train", "X_test", "y_train", "y_test"), [*parts, y_train, y_test], strict=True))


def other_targets(change):
    answers = split()
    return {name: change(answers[name]) for name in ("y_train", "y_test")}


def in_other_unit():
    answers = split()
    return {"y_train": answers["y_train"] * 100_000, "y_test": answers["y_test"] * 100_000}


table(
    "03.2",
    split,
    {
        "NumPy": {},
        "another seed": lambda: split(seed=5),
        "deviation with n - 1": lambda: split(ddof=1),
        "float32": lambda: split(dtype="float32"),
        "targets as columns": lambda: {"y_train": split()["y_train"][:, None], "y_test": split()["y_test"][:, None]},
        "lists": lambda: {name: part.tolist() for name, part in split(seed=2).items()},
    },
    [
        ("duplicates", "duplicates in both parts", lambda: split(unique=False)),
        ("leak-scaler", "scaler fitted on all", lambda: split(scale="all")),
        ("leak-scaler", "scaler fitted on the test", lambda: split(scale="test")),
        ("scaled-separately", "scaled separately", lambda: split(scale="separately")),
        ("not-scaled", "not scaled", lambda: split(scale=None)),
        ("wrong-scale", "scaled to the range", lambda: split(scale="range")),
        ("wrong-share", "a half for the test", lambda: split(size=0.5)),
        ("not-shuffled", "sorted by price", lambda: split(shuffle=False)),
        ("test-not-scaled", "test part not scaled", lambda: {"X_test": split(scale=None)["X_test"]}),
        ("test-other-scaler", "test part scaled like the merged table", lambda: {"X_test": test_scaled_by("all rows")}),
        ("test-other-scaler", "test part scaled to its range", lambda: {"X_test": test_scaled_by("range")}),
        ("wrong-unit", "dollars", lambda: in_other_unit()),
        ("not-shuffled", "cut in the table's order", in_table_order),
        ("not-shuffled", "cut as `unique` sorts", lambda: split(shuffle=None)),
        ("scaled-targets", "prices scaled too", lambda: other_targets(lambda y: (y - 1.8) / 0.8)),
        ("log-targets", "logarithms", lambda: other_targets(np.log)),
        ("wrong-targets", "one price for all", lambda: other_targets(np.ones_like)),
        ("aligned", "test prices reversed", lambda: {"y_test": split()["y_test"][::-1]}),
        ("aligned", "prices shuffled", lambda: split(y_rows=False)),
        ("aligned", "prices shuffled, half precision", lambda: split(y_rows=False, dtype="float16")),
        ("wrong-share", "four fifths for the test", lambda: split(size=0.8)),
        ("wrong-shape", "X, y, X, y", lambda: {"X_test": split()["y_train"], "y_train": split()["X_test"]}),
        ("duplicates", "duplicates kept together", lambda: kept_together()),
        ("wrong-shape", "parts exchanged", lambda: {"y_train": split()["y_test"], "y_test": split()["y_train"]}),
        (
            "lost-rows",
            "a tenth is lost",
            lambda: {"X_test": split()["X_test"][:300], "y_test": split()["y_test"][:300]},
        ),
    ],
)


# --- 03.3


@trained_once
def trials(style="plain"):
    from sklearn.preprocessing import RobustScaler

    (X, y), (X_val, y_val), (X_test, y_test) = houses()
    if style == "all":
        X, y = all_rows()
    if style == "fit and validation":
        X, y = search_rows()
    if style == "scaled before":
        X = (X - X.mean(axis=0)) / X.std(axis=0)
    sizes = {"small": (10,), "medium": (64, 32), "large": (100, 50)}
    extra = {"early_stopping": True, "learning_rate_init": 0.005}
    if style == "lbfgs":
        extra = {"solver": "lbfgs", "alpha": 30.0, "max_iter": 100}
    if style == "all":
        extra = {"learning_rate_init": 0.005, "max_iter": 300}
    if style == "weak":
        extra = {"solver": "sgd", "learning_rate_init": 1e-5, "max_iter": 5}
    models = {name: mlp(hidden_layer_sizes=size, **extra) for name, size in sizes.items()}
    if style == "strong penalty":
        models = {alpha: mlp(solver="lbfgs", alpha=alpha, max_iter=100) for alpha in (1000.0, 3000.0, 10000.0)}
    if style == "scaled outside":
        X, models = (X - X.mean(axis=0)) / X.std(axis=0), {name: mlp(max_iter=20) for name in sizes}
    if style in ("unscaled", "scaled outside"):
        return {name: model.fit(X, y) for name, model in models.items()}
    if style == "robust":
        from sklearn.pipeline import make_pipeline

        return {name: make_pipeline(RobustScaler(), model).fit(X, y) for name, model in models.items()}
    return {name: scaled(model).fit(X, y) for name, model in models.items()}


def searched(style="plain", part=1, change=lambda score: score, best=True):
    """`trials`, `scores` measured on one of the three parts, and `chosen`."""
    X, y = houses()[part]
    models = trials(style)
    scores = {name: change(np.sqrt(np.mean((model.predict(X) - y) ** 2))) for name, model in models.items()}
    chosen = (min if best else max)(scores, key=scores.get)
    return {"trials": models, "scores": scores, "chosen": chosen}


def other_scores(measure):
    X, y = houses()[1]
    return {"scores": {name: measure(y, model.predict(X)) for name, model in trials().items()}}


def scaled_outside():
    """The trials are networks alone: whoever uses them has to scale, as the student did for the scores."""
    X_fit, (X, y) = houses()[0][0], houses()[1]
    X = (X - X_fit.mean(axis=0)) / X_fit.std(axis=0)
    models = trials("scaled outside")
    return {
        "trials": models,
        "scores": {name: np.sqrt(np.mean((model.predict(X) - y) ** 2)) for name, model in models.items()},
    }


def one_dead():
    """One trial has diverged: its units are dead, and it gives one price for every house."""
    answers, (X, y) = searched(), houses()[0]
    dead = scaled(mlp(hidden_layer_sizes=(4,), max_iter=1)).fit(X, y)
    dead[-1].coefs_[1][:] = 0
    score = np.sqrt(np.mean((dead.predict(houses()[1][0]) - houses()[1][1]) ** 2))
    return {"trials": answers["trials"] | {"dead": dead}, "scores": answers["scores"] | {"dead": score}}


def r2_scores():
    X, y = houses()[1]
    return {name: model.score(X, y) for name, model in trials().items()}


def three_times():
    score = searched()["scores"]["small"]
    return {"trials": dict.fromkeys("abc", trials()["small"]), "scores": dict.fromkeys("abc", score), "chosen": "a"}


@trained_once
def linear(rows="fit", scale=True):
    from sklearn.linear_model import LinearRegression

    parts = {"all": all_rows(), "fit and validation": search_rows(), "validation": houses()[1], "test": houses()[2]}
    X, y = parts.get(rows) or houses()[0]
    if rows == "X_all":
        from coursekit.data import load_ames_numbers

        X, y = load_ames_numbers()
    if rows == "a third":
        X, y = X[::3], y[::3]
    if rows == "scaled before":
        X = (X - X.mean(axis=0)) / X.std(axis=0)
    if rows == "dollars":
        y = 100_000 * y
    return (scaled(LinearRegression()) if scale else LinearRegression()).fit(X, y)


def answers_3():
    return {"baseline": linear(), **searched()}


def with_name(name, model):
    answer = searched()
    return {"trials": {**answer["trials"], name: model}, "scores": {**answer["scores"], name: 9.0}}


table(
    "03.3",
    answers_3,
    {
        "early stopping": {},
        "lbfgs": lambda: searched("lbfgs"),
        "RobustScaler": lambda: searched("robust"),
        "one trial has diverged": one_dead,
        "a baseline without a scaler": lambda: {"baseline": linear(scale=False)},
        "scores as NumPy numbers, one trial more": lambda: {
            "scores": {**searched()["scores"], "again": np.float32(searched()["scores"]["small"])},
            "trials": {**trials(), "again": trials()["small"]},
        },
    },
    [
        ("test-for-selection", "chosen by the test", lambda: searched(part=2)),
        ("train-for-selection", "chosen by the training", lambda: searched(part=0)),
        ("not-rooted", "MSE", lambda: searched(change=lambda score: score**2)),
        ("r2", "R²", lambda: {"scores": r2_scores()}),
        ("same-model", "one model under three names", lambda: three_times()),
        ("negative", "minus", lambda: searched(change=lambda score: -score)),
        ("largest", "the worst", lambda: {"chosen": searched(best=False)["chosen"]}),
        ("chosen", "the second", lambda: {"chosen": sorted(searched()["scores"], key=searched()["scores"].get)[1]}),
        ("fitted-on-all", "the baseline has seen all", lambda: {"baseline": linear("all")}),
        ("wrong-model", "a network as baseline", lambda: {"baseline": trials()["small"]}),
        ("wrong-model", "a line among the trials", lambda: with_name("line", linear())),
        ("unscaled-inputs", "not scaled", lambda: searched("unscaled")),
        (
            "too-few",
            "one trial",
            lambda: {name: dict(list(searched()[name].items())[:1]) for name in ("trials", "scores")},
        ),
        ("wrong-keys", "other names", {"scores": {"a": 1.0, "b": 2.0, "c": 3.0}}),
        ("unknown-name", "unknown", {"chosen": "best"}),
        ("unknown-name", "the errors", {"chosen": np.array([0.3, 0.29, 0.31])}),
        ("seen-before", "trained on all", lambda: searched("all")),
        ("validation-seen", "trained on fit and validation", lambda: searched("fit and validation")),
        ("scaled-inputs", "trained on scaled numbers", lambda: searched("scaled before")),
        ("mae", "mean absolute errors", lambda: other_scores(lambda y, given: np.mean(np.abs(given - y)))),
        ("wrong-scores", "in dollars", lambda: searched(change=lambda score: 100_000 * score)),
        ("wrong-scores", "medians", lambda: other_scores(lambda y, given: np.median(np.abs(given - y)))),
        ("fitted-on-val", "the baseline has seen the validation", lambda: {"baseline": linear("fit and validation")}),
        (
            "scaled-inputs",
            "the baseline wants scaled numbers",
            lambda: {"baseline": linear("scaled before", scale=False)},
        ),
        ("baseline", "the baseline in dollars", lambda: {"baseline": linear("dollars")}),
        ("fitted-on-test", "the baseline has seen the test", lambda: {"baseline": linear("test")}),
        ("baseline", "the baseline has seen a third", lambda: {"baseline": linear("a third")}),
        ("rmse", "hardly trained", lambda: searched("weak")),
        ("fitted-on-val", "the baseline of the validation", lambda: {"baseline": linear("validation")}),
        ("fitted-on-all", "the baseline of X_all", lambda: {"baseline": linear("X_all")}),
        ("rmse", "too strong a penalty", lambda: searched("strong penalty")),
        ("unscaled-inputs", "scaled outside the trials", scaled_outside),
        ("wrong-type", "lists", lambda: {"trials": list(trials().values()), "scores": [0.3, 0.29, 0.31]}),
        (
            "not-a-model",
            "their predictions",
            lambda: {"trials": {n: m.predict(houses()[1][0]) for n, m in trials().items()}},
        ),
    ],
)


# --- 03.4


@trained_once
def searching(style="plain"):
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = all_rows() if style == "all" else search_rows()
    network = mlp(early_stopping=style != "all", learning_rate_init=0.005, hidden_layer_sizes=(64, 32))
    steps = [("scale", StandardScaler()), ("network", network)]
    grid = {"network__alpha": [0.1, 1.0], "network__hidden_layer_sizes": [(32,), (64, 32)]}
    scoring = "neg_root_mean_squared_error"
    if style in (
        "no pipeline",
        "unscaled",
        "R2",
        "five folds",
        "fit rows",
        "scaled before",
        "train scores",
        "X_all",
        "X_last",
    ):
        network.set_params(max_iter=5)  # what is wrong with these shows without training
    if style == "no pipeline":
        X = StandardScaler().fit_transform(X)
        return GridSearchCV(network, {"alpha": [0.1, 1, 3, 10]}, cv=3, scoring=scoring).fit(X, y)
    if style == "unscaled":
        steps = steps[1:]
    if style == "ridge":
        steps, grid = [steps[0], ("network", Ridge())], {"network__alpha": [0.1, 1.0, 10.0, 100.0]}
    if style == "all":
        network.set_params(max_iter=10)
    if style == "few":
        grid = {"network__alpha": [1.0]}
    if style == "R2":
        scoring = None
    if style == "weak":
        network.set_params(solver="sgd", learning_rate_init=1e-5, max_iter=5)
    pipeline = Pipeline(steps)
    if style == "more":
        grid = {"scale__with_mean": [True], **grid, "network__activation": ["tanh", "relu"]}
    if style == "random":
        return RandomizedSearchCV(pipeline, grid, n_iter=4, cv=3, scoring=scoring, random_state=0).fit(X, y)
    if style == "log prices":
        from sklearn.compose import TransformedTargetRegressor

        pipeline = TransformedTargetRegressor(pipeline, func=np.log, inverse_func=np.exp)
        grid = {f"regressor__{name}": values for name, values in grid.items()}
    folds = 5 if style == "five folds" else 3
    if style == "fit rows":
        X, y = houses()[0]
    if style == "X_all":
        from coursekit.data import load_ames_numbers

        X, y = load_ames_numbers()
    if style == "X_last":
        X, y = (np.concatenate([fit, last]) for fit, _, last in zip(*houses(), strict=True))
    if style == "scaled before":
        X = StandardScaler().fit_transform(X)
    kept = style == "train scores"
    search = GridSearchCV(pipeline, grid, cv=folds, scoring=scoring, return_train_score=kept).fit(X, y)
    if style == "all":  # the best network, large and free, learns the houses by heart
        free = {"hidden_layer_sizes": (100, 50), "learning_rate_init": 0.01, "alpha": 1e-6, "max_iter": 60}
        search.best_estimator_.set_params(**{f"network__{name}": value for name, value in free.items()}).fit(X, y)
    return search


def found(style="plain"):
    search = searching(style)
    return {"search": search, "mean_scores": search.cv_results_["mean_test_score"]}


def of_search(key, style="plain"):
    return {"search": searching(style), "mean_scores": searching(style).cv_results_[key]}


def without_refit():
    from copy import copy

    search = copy(searching()).set_params(refit=False)
    del search.best_estimator_
    return search


def by_squares():
    """What the search holds where it scores by squared errors."""
    from copy import copy

    search = copy(searching()).set_params(scoring="neg_mean_squared_error")
    folds = np.array([-(search.cv_results_[f"split{i}_test_score"] ** 2) for i in range(3)])
    search.cv_results_ = {
        **search.cv_results_,
        **{f"split{i}_test_score": fold for i, fold in enumerate(folds)},
        "mean_test_score": folds.mean(axis=0),
        "std_test_score": folds.std(axis=0),
    }
    return {"search": search, "mean_scores": search.cv_results_["mean_test_score"]}


def by_several():
    """What the search holds where it scores by several errors at once."""
    from copy import copy

    search, scoring = copy(searching()), ["neg_root_mean_squared_error", "r2"]
    search.cv_results_ = {key.replace("_score", "_r2"): values for key, values in search.cv_results_.items()}
    return {"search": search.set_params(scoring=scoring, refit="r2")}


def by_absolute():
    """What the search holds, about, where it scores by absolute errors."""
    from copy import copy

    search = copy(searching()).set_params(scoring="neg_mean_absolute_error")
    search.cv_results_ = {
        key: 0.7 * values if "test_score" in key and "rank" not in key else values
        for key, values in search.cv_results_.items()
    }
    return {"search": search, "mean_scores": search.cv_results_["mean_test_score"]}


def mean_of_folds():
    """The mean over the combinations, one number for each fold."""
    return np.mean([searching().cv_results_[f"split{i}_test_score"] for i in range(3)], axis=1)


def never_fitted():
    from sklearn.base import clone

    return clone(searching())


table(
    "03.4",
    found,
    {
        "a grid": {},
        "a larger grid": lambda: found("more"),
        "random search": lambda: found("random"),
        "logarithms of the prices": lambda: found("log prices"),
        "scores as a list": lambda: {"mean_scores": list(found()["mean_scores"])},
    },
    [
        ("no-pipeline", "no pipeline", lambda: found("no pipeline")),
        ("unscaled-inputs", "no scaler", lambda: found("unscaled")),
        ("wrong-model", "a ridge regression", lambda: found("ridge")),
        ("too-few", "one combination", lambda: found("few")),
        ("wrong-scoring", "R²", lambda: found("R2")),
        ("rmse", "hardly trained", lambda: found("weak")),
        ("not-a-search", "the best model alone", lambda: {"search": searching().best_estimator_}),
        ("not-fitted", "never fitted", lambda: {"search": never_fitted()}),
        ("not-its-scores", "scores of another model", lambda: {"mean_scores": 10 * found()["mean_scores"]}),
        ("seen-before", "fitted on all houses", lambda: {"search": searching("all")}),
        ("wrong-folds", "five folds", lambda: found("five folds")),
        ("other-rows", "fitted on X_fit", lambda: found("fit rows")),
        ("scaled-inputs", "scaled before the search", lambda: found("scaled before")),
        ("sorted", "sorted", lambda: {"mean_scores": np.sort(found()["mean_scores"])}),
        ("sign-changed", "the sign changed", lambda: {"mean_scores": -found()["mean_scores"]}),
        ("train-scores", "scores on the training rows", lambda: of_search("mean_train_score", "train scores")),
        ("fold-1", "one fold alone", lambda: of_search("split1_test_score")),
        ("spread", "the spreads", lambda: of_search("std_test_score")),
        ("ranks", "the ranks", lambda: of_search("rank_test_score")),
        ("fold-0", "the first fold alone", lambda: of_search("split0_test_score")),
        ("fold-2", "the last fold alone", lambda: of_search("split2_test_score")),
        ("sorted-down", "the best first", lambda: {"mean_scores": sorted(found()["mean_scores"], reverse=True)}),
        ("no-refit", "not fitted again", lambda: {"search": without_refit()}),
        ("squared-scoring", "squared errors", lambda: by_squares()),
        ("wrong-scoring", "absolute errors", lambda: by_absolute()),
        ("wrong-scoring", "several scorings", lambda: by_several()),
        ("seen-before", "fitted on X_all", lambda: found("X_all")),
        ("seen-before", "fitted on X_fit and X_last", lambda: found("X_last")),
        ("wrong-shape", "the best score alone", lambda: {"mean_scores": searching().best_score_}),
        ("wrong-shape", "the mean of each fold", lambda: {"mean_scores": mean_of_folds()}),
        ("wrong-type", "a dict", lambda: {"mean_scores": dict(enumerate(found()["mean_scores"]))}),
        ("wrong-shape", "the best alone, four times", lambda: {"mean_scores": np.full(5, searching().best_score_)}),
    ],
)


# --- 03.5


def k_folds(n, k, seed, shuffle=True):
    from sklearn.model_selection import KFold

    return list(KFold(k, shuffle=shuffle, random_state=seed if shuffle else None).split(np.zeros(n)))


def folds_numpy(n, k, seed):
    parts = np.array_split(np.random.default_rng(seed).permutation(n), k)
    return [(np.concatenate(parts[:i] + parts[i + 1 :]), parts[i]) for i in range(k)]


def shuffle_split(n, k, seed):
    from sklearn.model_selection import ShuffleSplit

    return list(ShuffleSplit(k, test_size=1 / k, random_state=seed).split(np.zeros(n)))


def folds_of_any_seed(n, k, seed):
    """The seed is not passed on, and NumPy's shared random numbers decide."""
    parts = np.array_split(np.random.permutation(n), k)
    return [(np.concatenate(parts[:i] + parts[i + 1 :]), parts[i]) for i in range(k)]


def kfold_of_any_seed(n, k, seed):
    from sklearn.model_selection import KFold

    return list(KFold(k, shuffle=True).split(np.zeros(n)))


def masks_of(n, *pair):
    return tuple(np.isin(np.arange(n), rows) for rows in pair)


def drawn_folds(n, k, seed):
    fold = np.random.default_rng(seed).integers(0, k, n)
    return [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(k)]


def small_folds(n, k, seed):
    """Two rows in each fold but the last, which gets the rest."""
    order = np.random.default_rng(seed).permutation(n)
    parts = np.split(order, range(1, k))
    return [(np.setdiff1d(order, part), part) for part in parts]


def build_regressor(units=(64, 32), loss="mse", last=None, style="sequential", compiled=True, inputs=12, bend="relu"):
    import keras
    from keras import layers

    hidden = [layers.Dense(width, activation=bend) for width in units]
    if style == "functional":
        inputs = x = keras.Input((12,))
        for layer in [*hidden, layers.Dense(1)]:
            x = layer(x)
        model = keras.Model(inputs, x)
    else:
        model = keras.Sequential([keras.Input((inputs,)), *hidden, layers.Dense(1, activation=last)])
    if compiled:
        model.compile(keras.optimizers.Adam(0.003), loss=loss, steps_per_execution=10)
    return model


@cache
def one_network():
    return build_regressor()


@trained_once
def predicted(style="out of fold"):
    """Predictions of a small scikit-learn network, which costs less here than a Keras one."""
    X, y = search_rows()
    out = np.zeros(len(y))
    for train, val in k_folds(len(y), 3, 0):
        rows = np.arange(len(y)) if style == "seen" else train
        settings = {} if style == "seen" else {"early_stopping": True}
        model = scaled(mlp(hidden_layer_sizes=(64, 32), learning_rate_init=0.005, **settings)).fit(X[rows], y[rows])
        out[val] = model.predict(X[val])
    return out


def better():
    """The honest predictions, a seventh nearer to the prices: as good as the best honest networks."""
    y = search_rows()[1]
    return y + 0.86 * (predicted() - y)


def in_fold_order():
    return np.concatenate([predicted()[val] for _, val in k_folds(len(predicted()), 3, 0)])


def by_a_line():
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import cross_val_predict

    return cross_val_predict(LinearRegression(), *search_rows(), cv=k_folds(2340, 3, 0))


def every_fourth(n, k, seed):
    return [(np.flatnonzero(np.arange(n) % k != i), np.flatnonzero(np.arange(n) % k == i)) for i in range(k)]


def errors(given):
    e = given - search_rows()[1]
    return {"out_of_fold": given, "mae": np.mean(np.abs(e)), "mse": np.mean(e**2)}


def as_a_table():
    """(n, 1) minus (n,) is a table of every prediction against every price."""
    column = predicted()[:, None]
    every = column - search_rows()[1]
    return {"out_of_fold": column, "mae": np.mean(np.abs(every)), "mse": np.mean(every**2)}


def measured(measure):
    return dict(zip(("mae", "mse"), measure(predicted() - search_rows()[1])))


def answers_5():
    return {"k_folds": k_folds, "build_regressor": build_regressor, **errors(predicted())}


def unfilled():
    given = predicted().copy()
    given[: len(given) // 3] = 0
    return given


table(
    "03.5",
    answers_5,
    {
        "KFold": {},
        "NumPy": {"k_folds": folds_numpy},
        "lists of lists": {
            "k_folds": lambda *args: [[list(map(int, a)), list(map(int, b))] for a, b in folds_numpy(*args)]
        },
        "functional": {"build_regressor": lambda: build_regressor(style="functional")},
        "tanh units": {"build_regressor": lambda: build_regressor(bend="tanh")},
        "a better network": lambda: errors(better()),
        "a column, float32": lambda: (
            errors(predicted())
            | {"out_of_fold": predicted()[:, None].astype("float32"), "build_regressor": lambda: build_regressor((32,))}
        ),
    },
    [
        ("not-shuffled", "not shuffled", {"k_folds": lambda n, k, seed: k_folds(n, k, seed, shuffle=False)}),
        ("overlap", "all rows in train", {"k_folds": lambda *a: [(np.arange(a[0]), val) for _, val in k_folds(*a)]}),
        ("wrong-type", "a generator", {"k_folds": lambda *a: (pair for pair in k_folds(*a))}),
        ("seed-unused", "seed unused", {"k_folds": lambda n, k, seed: k_folds(n, k, 7)}),
        ("seed-unused", "`random_state` forgotten", {"k_folds": kfold_of_any_seed}),
        ("seed-unused", "shared random numbers", {"k_folds": folds_of_any_seed}),
        ("not-seeded", "not seeded", {"k_folds": lambda n, k, seed: folds_numpy(n, k, None)}),
        ("wrong-count", "one pair", {"k_folds": lambda *a: k_folds(*a)[:1]}),
        ("lost-rows", "pairs exchanged", {"k_folds": lambda *a: [(val, val[:0]) for train, val in k_folds(*a)]}),
        ("same-network", "one network", {"build_regressor": one_network}),
        ("no-bend", "no activation", {"build_regressor": lambda: build_regressor(bend=None)}),
        ("no-bend", "no hidden layer", {"build_regressor": lambda: build_regressor(())}),
        ("broadcast", "a column against a row", as_a_table),
        ("bounded-last", "sigmoid", {"build_regressor": lambda: build_regressor(last="sigmoid")}),
        ("wrong-loss", "cross-entropy", {"build_regressor": lambda: build_regressor(loss="binary_crossentropy")}),
        ("not-compiled", "not compiled", {"build_regressor": lambda: build_regressor(compiled=False)}),
        ("unfilled", "one fold is missing", lambda: {"out_of_fold": unfilled()}),
        ("seen-before", "predicted by who has seen it", lambda: errors(predicted("seen"))),
        ("wrong-unit", "dollars", lambda: {"out_of_fold": 100_000 * predicted()}),
        ("misaligned", "one fold after the other", lambda: errors(in_fold_order())),
        ("not-learned", "not scaled", lambda: errors(np.random.default_rng(0).normal(2, 13, 2340))),
        ("not-learned", "val rows not scaled", lambda: errors(np.random.default_rng(0).normal(2500, 700, 2340))),
        ("not-learned", "noise", lambda: errors(np.random.default_rng(0).normal(0, 0.1, 2340))),
        ("constant", "the mean price", lambda: errors(np.full(2340, 1.8))),
        ("rmse", "a line's predictions", lambda: errors(by_a_line())),
        ("not-shuffled", "every k-th row", {"k_folds": every_fourth}),
        ("wrong-count", "always four folds", {"k_folds": lambda n, k, seed: k_folds(n, 4, seed)}),
        ("wrong-rows", "counted from 1", {"k_folds": lambda *a: [(t + 1, v + 1) for t, v in k_folds(*a)]}),
        ("signed", "signs kept in the MAE", lambda: {"mae": np.mean(predicted() - search_rows()[1])}),
        ("errors", "MAE in dollars", lambda: {"mae": 1e5 * errors(predicted())["mae"]}),
        ("misaligned", "wrong rows", lambda: {"out_of_fold": predicted()[::-1]}),
        ("exchanged", "val first", {"k_folds": lambda *args: [pair[::-1] for pair in k_folds(*args)]}),
        ("masks", "masks", {"k_folds": lambda n, *rest: [masks_of(n, *pair) for pair in k_folds(n, *rest)]}),
        ("not-a-partition", "drawn anew for each pair", {"k_folds": shuffle_split}),
        ("uneven", "a fold drawn for each row", {"k_folds": drawn_folds}),
        ("uneven", "the first rows left over", {"k_folds": small_folds}),
        ("wrong-type", "only the val rows", {"k_folds": lambda *args: [val for _, val in k_folds(*args)]}),
        ("not-keras", "no return", {"build_regressor": lambda: print(end="")}),
        ("not-keras", "a network of scikit-learn", {"build_regressor": lambda: mlp()}),
        ("wrong-input", "eleven numbers", {"build_regressor": lambda: build_regressor(inputs=11)}),
        ("wrong-shape", "one fold alone", lambda: {"out_of_fold": predicted()[:780]}),
        ("median", "medians", lambda: measured(lambda e: (np.median(np.abs(e)), np.median(e**2)))),
        ("summed", "sums", lambda: measured(lambda e: (np.sum(np.abs(e)), np.sum(e**2)))),
        ("signed-other", "truth minus prediction", lambda: measured(lambda e: (-np.mean(e), np.mean(e**2)))),
        ("squared-mean", "the mean squared", lambda: measured(lambda e: (np.mean(np.abs(e)), np.mean(e) ** 2))),
        ("root", "RMSE for MSE", lambda: {"mse": np.sqrt(errors(predicted())["mse"])}),
        ("swapped", "exchanged", lambda: {"mae": errors(predicted())["mse"], "mse": errors(predicted())["mae"]}),
    ],
)
