"""Checks of notebook 02b: real tables, with a rare class and with weighted events."""

from functools import cache

import numpy as np
from sklearn.metrics import log_loss, roc_auc_score, roc_curve

from coursekit.checks.codec import Handle
from coursekit.checks.framework import Wrong, exercise, threshold
from coursekit.checks.proxy import StudentError
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import as_array, as_number, type_name
from coursekit.checks.vocabulary.metrics import check_limit
from coursekit.checks.vocabulary.models import (
    binary_probabilities,
    cut_of,
    predicted_labels,
    predictions,
    rebuild,
    same_as_replay,
)
from coursekit.checks.vocabulary.relations import describe_relation

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py.
MARGINS = {
    "02b.2": {"recall": -0.04, "balanced": -0.03},
    "02b.3": {"auc": -0.02},
    "02b.6": {"share_off": 0.02, "loss": 0.02},
}

NUMBERS = ("seniority", "time", "age", "expenses", "income", "assets", "debt", "amount", "price")
CATEGORIES = ("home", "marital", "records", "job")
PARTS = ("train_rows", "val_rows", "test_rows")


@cache
def _credit():
    """The credit table as arrays: labels, numbers by name (NaN where missing), words by name ("" where missing)."""
    from coursekit.data import load_credit

    table = load_credit()
    labels = (table["status"] == "bad").to_numpy().astype(int)
    numbers = {name: table[name].to_numpy(dtype=float) for name in NUMBERS}
    return labels, numbers, {name: table[name].fillna("").to_numpy(dtype=str) for name in CATEGORIES}


# --- 02b.1


@exercise(
    "02b.1",
    title="Split, then encode",
    points=3,
    needs={
        "split": "the three arrays train_rows, val_rows, test_rows",
        "encode": "a function of train_rows and other_rows that gives two arrays",
    },
    hints=(
        "Split positions, not tables: `np.arange(len(credit))`, in two steps. First cut off 40 %, then cut these in half; "
        "`stratify=` wants the labels of what is being cut. For `encode`, ask of every number that you compute: from "
        "which rows?",
        "`SimpleImputer`, `StandardScaler` and `OneHotEncoder` learn in `fit` and apply in `transform`. A "
        "`ColumnTransformer` sends some columns through one and some through another. Fit it on `train` only.",
        '`ColumnTransformer([("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS), '
        '("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), CATEGORIES)])`; then '
        "`encoder.fit_transform(train)` and `encoder.transform(other)`.",
    ),
    expected="Three parts of about 2,672, 891 and 891 rows with 28.2 % bad customers each, and arrays without gaps in "
    "which the training part does not change when the other rows do.",
)
def split_and_encode(student, rng):
    """Disjoint stratified parts; every word and number kept; and no statistic from any but the training rows."""
    parts = _split(student)
    labels = _credit()[0]
    shares = [labels[part].mean() for part in parts]
    yield Finding(
        "split",
        True,
        f"{', '.join(str(len(part)) for part in parts)} rows, with {', '.join(f'{s:.1%}' for s in shares)} bad "
        "customers. No row is in two parts.",
        points=1,
    )
    # Training rows without the word "ignore" and mostly with large incomes: their statistics differ from the table's.
    _, numbers, words = _credit()
    order = rng.permutation(len(labels))
    rare = order[words["home"][order] == "ignore"]
    usual = order[words["home"][order] != "ignore"]
    rich = np.isnan(numbers["income"][usual]) | (numbers["income"][usual] > 150)
    train = usual[rich][:1200]
    rest = _with_known_words(np.concatenate([usual[rich][1200:], usual[~rich]]), train)
    other = np.concatenate([rare, rest[:700]])
    X_train, X_other = _encode(student, train, other)
    _content(X_train, train)
    yield Finding(
        "encoded",
        True,
        f"{X_train.shape[1]} columns without gaps: every word can be told, every number is kept and scaled.",
        points=1,
    )
    _no_leak(student, X_train, X_other, train, other, rest)
    yield Finding(
        "no-leak",
        True,
        "Typical values, means and deviations come from the training rows alone: other rows do not change them.",
        points=1,
    )


def _split(student):
    """The three parts as arrays of positions, or `Wrong`."""
    labels = _credit()[0]
    given = student.value("split")
    if not isinstance(given, list | tuple) or len(given) != 3:
        seen = f"{len(given)} things" if isinstance(given, list | tuple) else f"a {type_name(given)}"
        raise Wrong(
            "wrong-type", f"`split` is {seen}; train_rows, val_rows and test_rows were expected, in this order."
        )
    parts = [_positions(part, name, len(labels)) for part, name in zip(given, PARTS, strict=True)]
    repeated = sum(len(part) - len(np.unique(part)) for part in parts)
    for i, j in ((0, 2), (0, 1), (1, 2)):
        shared = len(np.intersect1d(parts[i], parts[j]))
        if shared and repeated:
            raise Wrong(
                "over-sampled-before-split",
                f"Rows were copied, and {shared} of them stand in `{PARTS[i]}` and in `{PARTS[j]}`: the model is asked "
                "what it has seen. Split first; copy afterwards, and only in the training part.",
            )
        if shared:
            raise Wrong(
                "leak-train-test",
                f"{shared} rows stand in `{PARTS[i]}` and in `{PARTS[j]}`. Each row belongs to one part only.",
            )
    if repeated:
        raise Wrong("repeated-rows", f"{repeated} rows stand twice in their part. Here each row is wanted once.")
    total = sum(map(len, parts))
    if total < len(labels):
        raise Wrong(
            "rows-missing", f"The three parts have {total} rows together; the table has {len(labels)}. Use them all."
        )
    sizes = [len(part) / total for part in parts]
    if max(abs(size - want) for size, want in zip(sizes, (0.6, 0.2, 0.2), strict=True)) > 0.03:
        raise Wrong(
            "sizes",
            f"The parts hold {', '.join(f'{size:.0%}' for size in sizes)} of the rows; about 60 %, 20 % and 20 % were "
            "asked for. After 40 % are cut off, half of *them* is 20 %.",
        )
    shares = [labels[part].mean() for part in parts]
    # A stratified split is right to one row a part, 0.1 %; a random one scatters by 1.5 %.
    if max(abs(share - labels.mean()) for share in shares) > 0.004:
        if all(np.array_equal(np.sort(part), np.arange(part.min(), part.max() + 1)) for part in parts):
            raise Wrong("not-shuffled", "The parts are blocks of the table in its own order. Shuffle before you split.")
        raise Wrong(
            "not-stratified",
            f"The parts have {', '.join(f'{share:.1%}' for share in shares)} bad customers; {labels.mean():.1%} each "
            "were expected. Hand `stratify=` the labels of the rows that are split, in both steps.",
        )
    return parts


def _positions(part, name, n):
    what = f"`{name}`"
    rows = as_array(part, what, shape=(None,))
    if np.asarray(part).dtype.kind == "b" and len(rows) == n:
        return np.flatnonzero(rows)
    if len(rows) == 0 or (rows != np.rint(rows)).any() or rows.min() < 0 or rows.max() >= n:
        raise Wrong(
            "not-positions", f"{what} should hold whole numbers from 0 to {n - 1}: positions of rows in the table."
        )
    return rows.astype(int)


def _encode(student, train, other):
    """What `encode` answers, as two finite arrays with as many columns, or `Wrong`."""
    try:
        given = student.call("encode", train, other)
    except StudentError as error:
        if "unknown categor" in error.text:
            raise Wrong(
                "unknown-word",
                "`encode` fails when the other rows hold a word that no training row has. Tell the encoder to ignore it: "
                '`OneHotEncoder(handle_unknown="ignore")`.',
            ) from None
        raise
    if not isinstance(given, list | tuple) or len(given) != 2:
        seen = f"{len(given)} things" if isinstance(given, list | tuple) else f"one {type_name(given)}"
        raise Wrong("wrong-type", f"`encode` returns {seen}; two arrays were expected: training part, other part.")
    arrays = []
    for array, rows, name in zip(given, (train, other), ("training", "other"), strict=True):
        what = f"The {name} part that `encode` returns"
        if isinstance(array, Handle) and array.type_name[:3] in ("csr", "csc", "coo"):
            raise Wrong(
                "sparse",
                f"{what} is sparse. Say `sparse_output=False` to the encoder and `sparse_threshold=0` to the "
                "`ColumnTransformer`, or call `.toarray()`.",
            )
        try:
            array = as_array(array, what)
        except Wrong as wrong:
            if wrong.finding.code != "not-finite":
                raise
            raise Wrong(
                "gaps-left", f"{what} still holds NaN. Fill the gaps: an imputer for numbers, a column of words."
            ) from None
        if array.ndim != 2 or len(array) != len(rows):
            raise Wrong(
                "wrong-shape",
                f"{what} has shape {array.shape}; {len(rows)} rows and one column an input were expected.",
            )
        arrays.append(array)
    if arrays[0].shape[1] != arrays[1].shape[1]:
        raise Wrong(
            "columns-differ",
            f"The training part has {arrays[0].shape[1]} columns, the other part {arrays[1].shape[1]}: each part made "
            "columns of its own words. The words of the training rows decide for both.",
        )
    return arrays


def _content(X, rows):
    """Raises `Wrong` where a column is missing, the label is among the inputs, or something is not scaled."""
    labels, numbers, words = _credit()
    if _linear_r2(X, labels[rows])[0] > 0.98:
        raise Wrong("label-in-inputs", "The label can be read off the inputs: `status` is among the encoded columns.")
    known = np.all([words[name][rows] != "" for name in CATEGORIES], axis=0)
    pairs = [(name, word) for name in CATEGORIES for word in np.unique(words[name][rows][known])]
    is_word = np.column_stack([words[name][rows][known] == word for name, word in pairs])
    usual = is_word.mean(axis=0) > 0.05  # rarer words may share a column
    for (name, word), r2, often in zip(pairs, _linear_r2(X[known], is_word), usual, strict=True):
        if often and r2 < 0.98:
            raise Wrong(
                "not-one-hot",
                f'No column (and no sum of columns) says where `{name}` is "{word}". Give each word its own column of 0 and '
                "1: numbers 0, 1, 2 would put the words in an order that they do not have.",
            )
    values = np.column_stack([numbers[name][rows] for name in NUMBERS])
    complete = ~np.isnan(values).any(axis=1)
    explained = _linear_r2(X[complete], values[complete])
    for name, column, r2 in zip(NUMBERS, values[complete].T, explained, strict=True):
        if r2 < 0.98 and not _same_order(X[complete], column):
            raise Wrong("column-lost", f"`{name}` cannot be found among the encoded columns, or its rows are mixed up.")
    spread = X.std(axis=0)
    middle = np.abs(X.mean(axis=0))
    if spread.max() > 10 or middle.max() > 10:
        i = int(np.argmax(np.maximum(spread, middle)))
        raise Wrong(
            "unscaled-inputs",
            f"{_name_of(X[:, i], rows)} has mean {X[:, i].mean():.4g} and standard deviation {spread[i]:.4g} on the training rows; 0 "
            "and 1 were expected. Scale the numbers after the gaps are filled.",
        )


def _name_of(column, rows):
    """What a sentence calls an encoded column: the number that it follows."""
    numbers = _credit()[1]
    for name in NUMBERS:
        known = ~np.isnan(numbers[name][rows])
        values = numbers[name][rows][known]
        if np.ptp(column[known]) > 0 and abs(np.corrcoef(values, column[known])[0, 1]) > 0.99:
            return f"The column of `{name}`"
    return "One of the columns"


def _linear_r2(X, targets):
    """How much of each target (a column) a linear combination of the columns of X explains."""
    targets = np.asarray(targets, dtype=float).reshape(len(X), -1)
    A = _with_ones(X)
    fitted = A @ np.linalg.lstsq(A, targets, rcond=1e-9)[0]
    return 1 - np.sum((fitted - targets) ** 2, axis=0) / np.maximum(np.sum((targets - targets.mean(0)) ** 2, 0), 1e-12)


def _with_ones(X):
    return np.column_stack([np.ones(len(X)), (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-12)])


def _same_order(X, values):
    """Whether a column rises with the values, as a logarithm or a rank does."""
    from scipy.stats import rankdata

    ranks = rankdata(values)
    return any(abs(np.corrcoef(rankdata(x), ranks)[0, 1]) > 0.99 for x in X.T if len(np.unique(x)) > 5)


def _no_leak(student, X_train, X_other, train, other, rest):
    """Raises `Wrong` where the encoded numbers depend on rows that they must not depend on."""
    _, numbers, _ = _credit()
    rare = other[: len(other) - 700]
    again, _ = _encode(student, train, np.concatenate([rare, rest[700:]]))
    if again.shape != X_train.shape:
        raise Wrong(
            "columns-differ",
            f"With other rows beside them the same training rows get {again.shape[1]} columns, not {X_train.shape[1]}. "
            "Only the words of the training rows may decide which columns there are.",
        )
    if not np.allclose(again, X_train, rtol=1e-4, atol=1e-5):
        raise Wrong(
            "leak-other-rows",
            f"The encoded training rows change by up to {np.abs(again - X_train).max():.2g} when the other rows are "
            "exchanged: a mean, a deviation or a typical value is computed from both parts. Fit on `train` only.",
        )
    part = _encode(student, train, other[:300])[1]
    if part.shape[1] == X_other.shape[1] and not np.allclose(part, X_other[:300], rtol=1e-4, atol=1e-5):
        raise Wrong(
            "fitted-twice",
            "The other part was fitted anew: its numbers change with its own mean, deviation or typical value. Use "
            "`transform`, not `fit_transform`, so that a customer gets the same numbers in whichever part.",
        )
    # More training rows with the same words, but lower incomes: now the statistics must change.
    more = np.concatenate([train, rest[700:]])
    changed = _encode(student, more, other)[1]
    complete = ~np.isnan([numbers[name][other] for name in NUMBERS]).any(axis=0)
    if changed.shape == X_other.shape and np.allclose(changed[complete], X_other[complete], rtol=1e-4, atol=1e-5):
        raise Wrong(
            "leak-all-rows",
            "Whichever rows are called training rows, the result is the same: mean and deviation come from elsewhere, from "
            "the whole table for instance, test rows included. Fit on `train`, the rows that were handed in.",
        )
    for name in ("income", "assets"):
        _imputed_from_training(name, numbers[name], X_train, train)


def _with_known_words(rows, train):
    """Those of the rows all of whose words occur in the training rows."""
    words = _credit()[2].values()
    return rows[np.all([np.isin(column[rows], column[train]) for column in words], axis=0)]


def _imputed_from_training(name, values, X, rows):
    """Raises `Wrong` where a filled gap is worth what all rows, and not what the training rows, call typical."""
    known = ~np.isnan(values[rows])
    if known.all() or _linear_r2(X[known], values[rows][known])[0] < 0.9999:
        return  # no gap, or a transformed column: its filled value cannot be read back
    A = _with_ones(X)
    solution = np.linalg.lstsq(A[known], values[rows][known], rcond=1e-9)[0]
    filled = np.median(A[~known] @ solution)
    here, all_rows = values[rows][known], values[~np.isnan(values)]
    for typical in (np.median, np.mean):
        own, whole = typical(here), typical(all_rows)
        if abs(own - whole) > 0.02 * abs(own) and abs(filled - whole) < 0.002 * abs(whole):
            raise Wrong(
                "leak-imputation",
                f"Gaps in `{name}` are filled with {filled:.5g}, the {typical.__name__} of all rows; on the training rows "
                f"of this test it is {own:.5g}. Fit the imputer on `train` too.",
            )


# --- 02b.2


@exercise(
    "02b.2",
    title="The rare class counts",
    points=3,
    needs={
        "balanced_weights": "a function of the labels that gives {0: w0, 1: w1}",
        "model": "a fitted classifier of encoded customers",
        "encode": "your function of 02b.1",
        "split": "the three arrays of 02b.1",
    },
    hints=(
        "Two equations, two unknowns: n0 w0 = n1 w1, and (n0 w0 + n1 w1) / n = 1. What is n0 w0 then?",
        "n0 w0 = n / 2, so w0 = n / (2 n0). The rare class gets the larger weight. Hand the dictionary of the *training* "
        "labels to `fit(..., class_weight=...)` in Keras, or to a constructor such as `LogisticRegression(class_weight=...)`.",
        "`counts = np.bincount(y)`; `return {k: len(y) / (2 * counts[k]) for k in (0, 1)}`. A network with one hidden layer "
        "of 16 ReLU units, a sigmoid, `binary_crossentropy` and 12 epochs is enough.",
    ),
    expected="Of the bad customers among the test rows at least {recall:.1%} are found; the mean of both recalls is at "
    "least {balanced:.1%}.",
)
def rare_class(student, rng):
    """The weights by their two equations; the recall of both classes on the test rows."""
    for n, share in ((240, 0.2), (90, 0.7), (10, 0.5), (37, 0.1)):
        y = rng.permutation((np.arange(n) < share * n).astype(int))
        _weights(student.call("balanced_weights", y), y)
    yield Finding("weights", True, "Both classes get the same total weight, and the mean weight is 1.", points=1)
    train, _, test = _split(student)
    X = _encode(student, train, test)[1]
    truth = _credit()[0][test]
    _is_model(student, "model")
    labels = predicted_labels(student, "model", X)
    good, bad = (np.mean(labels[truth == k] == k) for k in (0, 1))
    balanced = (good + bad) / 2
    limits = threshold("02b.2", "recall"), threshold("02b.2", "balanced")
    if bad == 0:
        raise Wrong(
            "all-majority",
            f"The model calls every customer good. That is right for {np.mean(truth == 0):.0%} of them, and finds none of "
            f"the {truth.sum()} bad ones. Was it fitted, with class weights?",
        )
    if good < 0.2 and bad > 0.8:
        raise Wrong(
            "all-minority",
            f"The model calls {np.mean(labels):.0%} of the customers bad: it finds {bad:.0%} of the bad ones and refuses "
            f"{1 - good:.0%} of the good ones. Look at the weight of the bad class: too large, or used twice?",
        )
    if good < 0.5 and bad < 0.5 and balanced < 0.4:
        raise Wrong(
            "labels-swapped", f"Only {good:.0%} of the good and {bad:.0%} of the bad are right: is 1 the class bad?"
        )
    # The best honest models reach about 0.8 on this table, and chance moves that by 0.015.
    if balanced > 0.87:
        raise Wrong(
            "trained-on-test",
            f"{good:.0%} of the good and {bad:.0%} of the bad customers among the test rows are right. So well this "
            "table cannot be predicted: the model has seen these rows. Fit it to `X_train`, `y_train` only.",
        )
    same_as_replay(student, "model", X[:50])
    if bad < 0.35 and good > 0.9:
        raise Wrong(
            "fewer-than-without-weights",
            f"Of the bad customers {bad:.0%} are found, fewer than a plain model finds without any weights (about half); "
            f"{limits[0]:.1%} are asked for. Are the weights swapped? The *bad* class needs the larger one.",
        )
    if bad < limits[0] and good > 0.8:
        raise Wrong(
            "rare-class-ignored",
            f"The model is right for {np.mean(labels == truth):.0%} of the customers, and yet it finds only {bad:.0%} of "
            f"the bad ones; {limits[0]:.1%} are asked for. Accuracy hides that. Use the class weights; if you did, make the "
            "model simpler, so that it does not learn the rows by heart (trees: `min_samples_leaf=10`).",
        )
    advice = "Try a simpler model, or weights that balance both classes."
    if student.describe("model")["family"] == "keras":
        advice = "Train a little longer, or with other settings."
    yield check_limit("02b.2", "recall", bad, "{} of the bad test customers are found", advice)
    yield check_limit("02b.2", "balanced", balanced, "{} is the mean of both recalls", advice)


def _weights(given, y):
    """Raises `Wrong` where these are not the balanced weights of y."""
    if isinstance(given, dict):
        by_label = {str(key): value for key, value in given.items()}
        if not {"0", "1"} <= set(by_label):
            raise Wrong("wrong-type", f"The keys of the weights are {', '.join(by_label)}; 0 and 1 were expected.")
        given = [as_number(by_label[k], f"The weight of class {k}") for k in ("0", "1")]
    given = as_array(given, "What `balanced_weights` returns")
    if given.size != 2:
        raise Wrong("wrong-shape", f"`balanced_weights` returns {given.size} numbers; one weight a class was expected.")
    counts = np.bincount(y)
    wanted, (w0, w1) = len(y) / (2 * counts), given.ravel()
    if np.allclose([w0, w1], wanted, rtol=1e-4):
        return
    seen = f"With {counts[0]} good and {counts[1]} bad rows the weights are {w0:.4g} and {w1:.4g}"
    if np.isclose(w0, w1) and counts[0] != counts[1]:
        raise Wrong("equal-weights", f"{seen}: no class counts more. The rare class needs the larger weight.")
    if np.isclose(w0 * counts[0], w1 * counts[1], rtol=1e-4):
        raise Wrong(
            "not-normalised",
            f"{seen}. The total weights are equal, as they should be, but the mean weight of a row is "
            f"{(w0 * counts[0] + w1 * counts[1]) / len(y):.4g}, not 1.",
        )
    if np.isclose(w1 * counts[0], w0 * counts[1], rtol=1e-4):
        raise Wrong("weights-swapped", f"{seen}: the frequent class has the larger weight. It should be the rare one.")
    if np.isclose(w0 * counts[0] ** 2, w1 * counts[1] ** 2, rtol=1e-4):
        raise Wrong("counts-squared", f"{seen}: they fall with the square of the counts, which is too much.")
    relation = describe_relation(given.ravel(), wanted, {"n": len(y), "n0": counts[0], "n1": counts[1]})
    if relation:
        raise Wrong("weights", f"{seen}. The pair {relation}.")
    raise Wrong(
        "weights", f"{seen}; {wanted[0]:.4g} and {wanted[1]:.4g} were expected. Solve n0 w0 = n1 w1 = n / 2 for both."
    )


# --- 02b.3


@exercise(
    "02b.3",
    title="Keep the best epoch",
    points=2,
    needs={
        "best_model": "the network with the weights of its best epoch",
        "history": "what `fit` returned",
        "encode": "your function of 02b.1",
        "split": "the three arrays of 02b.1",
    },
    hints=(
        "`fit` computes a validation loss after each epoch when it is given `validation_data=(X_val, y_val)`. A callback "
        "can look at it. After `fit` the network itself has the weights of the *last* epoch.",
        '`ModelCheckpoint(best_file, monitor="val_loss", save_best_only=True)` writes a file whenever the validation loss '
        "is lower than ever before; read it with `keras.models.load_model`. Or "
        '`EarlyStopping(monitor="val_loss", patience=10, restore_best_weights=True)`.',
        "`network = build_network()`; `history = network.fit(X_train, y_train, validation_data=(X_val, y_val), epochs=16, "
        "batch_size=128, verbose=0, callbacks=[keep])`; `best_model = keras.models.load_model(best_file)`.",
    ),
    expected="A network whose validation loss is the lowest of its history, with an area under the ROC curve of at least "
    "{auc:.2f} on the test rows.",
)
def best_epoch(student, rng):
    """The loss of the network on the validation rows must be the best in its history, and not the last."""
    _is_model(student, "best_model")
    _is_history(student)
    record = student.history("history")
    seen = {key: np.asarray(values) for key, values in record.items() if key.startswith("val_") and len(values)}
    if not seen:
        raise Wrong(
            "no-validation",
            f"The history has {', '.join(record) or 'nothing'}, and no validation score. Hand `fit` "
            "`validation_data=(X_val, y_val)`.",
        )
    train, val, test = _split(student)
    labels = _credit()[0]
    X_val, X_test = (_encode(student, train, rows)[1] for rows in (val, test))
    p_val, p_test = (_probabilities(student, "best_model", X) for X in (X_val, X_test))
    same_as_replay(student, "best_model", X_val[:50])
    loss = _log_loss(labels[val], p_val)
    scores = [
        {"auc": roc_auc_score(labels[rows], p), "acc": np.mean((p > 0.5) == labels[rows])}
        for rows, p in ((val, p_val), (test, p_test))
    ]
    _not_last(seen)
    kept = _best_by_score(seen, scores)
    if "val_loss" in seen:
        kept = _judge_loss(student, seen, (train, val, test), (p_val, p_test), kept)
    lowest = (
        "the lowest"
        if "val_loss" in seen and abs(loss - np.nanmin(seen["val_loss"])) < _SAME_LOSS
        else "about the best"
    )
    yield Finding(
        "best-epoch",
        kept,
        f"The loss of `best_model` on the validation rows is {loss:.4f}"
        + (f", {lowest} of {len(next(iter(seen.values())))} epochs." if kept else ", not the lowest of the history."),
        points=1,
    )
    area = roc_auc_score(labels[test], p_test)
    limit = threshold("02b.3", "auc")
    passed = area >= limit
    message = f"The area under its ROC curve is {area:.3f} on the test rows; {limit:.3f} {'was' if passed else 'is'} asked for."
    advice = "" if passed else " Is `best_model` fitted to `X_train`, and does 1 mean bad?"
    yield Finding("auc", passed, message + advice, points=1, seen={"auc": area})


# Keras measures in float32 and in batches; its area under the curve is a sum over 200 cuts.
_LOSS_TOLERANCE, _SAME_LOSS, _AREA_TOLERANCE = 0.002, 0.0005, 0.005


def _best_epochs(seen):
    """The epochs that are best by one of the scores, the first of equals."""
    rising = ("auc", "acc", "recall", "precision")
    return {
        int(np.nanargmax(values) if any(word in key.lower() for word in rising) else np.nanargmin(values))
        for key, values in seen.items()
        if np.isfinite(values).any()
    }


def _best_by_score(seen, scores):
    """Whether area or accuracy on the validation rows are the best of the history; `scores` of both parts."""
    for word, tolerance in (("auc", _AREA_TOLERANCE), ("acc", 1e-3)):
        for key, values in seen.items():
            if word not in key.lower():
                continue
            on_val, on_test = (abs(part[word] - np.nanmax(values)) for part in scores)
            if on_val <= tolerance:
                return True
            if on_test <= tolerance and "val_loss" not in seen:
                raise Wrong(
                    "chosen-on-test",
                    f"The best recorded score, {np.nanmax(values):.4f}, is the one on the *test* rows; on the validation "
                    f"rows the network has {scores[0][word]:.4f}. Hand `fit` `validation_data=(X_val, y_val)`.",
                )
    return False


def _losses(student):
    """The losses that the history may hold, each a function of labels and probabilities."""
    model = rebuild(student, "best_model", (1, _encode(student, *[_split(student)[0]] * 2)[0].shape[1]))
    penalty = 0.0 if model is None else float(sum(np.asarray(part) for part in model.losses))

    def smoothed(share):
        return lambda y, p: (
            (1 - share) * _log_loss(y, p) + share / 2 * (_log_loss(0 * y, p) + _log_loss(0 * y + 1, p)) + penalty
        )

    return [*(smoothed(share) for share in (0.0, 0.1)), lambda y, p: np.mean((p - y) ** 2) + penalty]


def _judge_loss(student, seen, parts, p, kept):
    """Whether the network has the best validation loss; raises `Wrong` where the losses belong to other rows."""
    labels, val, recorded = _credit()[0], parts[1], seen["val_loss"]
    loss, lowest = _log_loss(labels[val], p[0]), np.nanmin(recorded)
    chosen = recorded[sorted(_best_epochs(seen))]

    def near(value, values):
        return np.nanmin(np.abs(values - value)) < _SAME_LOSS

    losses = _losses(student)
    own = next((one(labels[val], p[0]) for one in losses if near(one(labels[val], p[0]), chosen)), None)
    if own is not None:
        # An epoch that another score has chosen is right; what `kept` says of it was compared already.
        return kept or own <= lowest + _LOSS_TOLERANCE
    _explain_rows(student, losses[0], parts, p, recorded, chosen)
    said = student.describe("best_model").get("loss")
    if said is not None and "crossentropy" not in said and said not in ("mse", "mean_squared_error"):
        return kept or loss <= lowest + _LOSS_TOLERANCE  # another loss, which cannot be computed again
    _explain_epoch(recorded, loss)
    return False


def _not_last(seen):
    """Raises `Wrong` where no validation score has turned before the last epoch."""
    turned = False
    for key, values in seen.items():
        rising = any(word in key.lower() for word in ("auc", "acc", "recall", "precision"))
        best = int(np.nanargmax(values) if rising else np.nanargmin(values)) if np.isfinite(values).any() else -1
        turned = turned or 0 <= best < len(values) - 1
    if not turned:
        epochs = len(next(iter(seen.values())))
        raise Wrong(
            "still-improving",
            f"The best of the {epochs} epochs is the last: nothing shows that it would not get better. Train longer.",
        )


def _explain_rows(student, plain, parts, p, recorded, chosen):
    """Raises `Wrong` where the recorded validation losses are those of test rows or training rows."""
    labels, (train, val, test) = _credit()[0], parts
    loss = plain(labels[val], p[0])
    p_train = _probabilities(student, "best_model", _encode(student, train, val)[0])
    # How near each explanation comes; the right one agrees to the rounding of float32, another by chance only.
    near = {"val": np.nanmin(np.abs(recorded - loss)), "test": np.abs(chosen - plain(labels[test], p[1])).min()}
    for share in (1.0, 0.2, 0.1, 0.25, 0.3, 0.15, 0.33, 0.4, 0.5):
        start = int(len(train) * (1 - share))
        near[share] = np.abs(chosen - plain(labels[train[start:]], p_train[start:])).min()
    rows = min(near, key=near.get)
    if rows == "val" or near[rows] > _SAME_LOSS:
        return
    lowest = np.nanmin(recorded)
    rest = f"; on the validation rows the network has {loss:.4f}."
    if rows == "test":
        raise Wrong(
            "chosen-on-test",
            f"The lowest recorded loss, {lowest:.4f}, is the one on the *test* rows{rest} The test rows must choose "
            "nothing: hand `fit` `validation_data=(X_val, y_val)`.",
        )
    if rows == 1:
        raise Wrong(
            "chosen-on-train",
            f"The lowest recorded validation loss, {lowest:.4f}, is the one on the training rows{rest} Hand `fit` "
            "`validation_data=(X_val, y_val)`.",
        )
    raise Wrong(
        "validation-split",
        f"The lowest recorded loss, {lowest:.4f}, is the one on the last {rows:.0%} of the training rows{rest} In place of "
        "`validation_split=` hand `fit` `validation_data=(X_val, y_val)`.",
    )


def _explain_epoch(recorded, loss):
    """Raises `Wrong`: the validation losses say which epoch was kept, and it is not the best."""
    lowest = np.nanmin(recorded)
    apart = np.abs(recorded - loss)
    epoch = int(np.nanargmin(apart))
    if abs(recorded[-1] - loss) < _LOSS_TOLERANCE:
        raise Wrong(
            "last-epoch",
            f"`best_model` has the weights of the last epoch: loss {loss:.4f} on the validation rows, where epoch "
            f"{int(np.nanargmin(recorded)) + 1} had {lowest:.4f}. Load the saved file, and let it be the best: `save_best_only=True`, "
            "`monitor='val_loss'`. Or let `EarlyStopping` restore: `restore_best_weights=True`.",
        )
    if apart[epoch] < _LOSS_TOLERANCE:
        raise Wrong(
            "not-best",
            f"`best_model` seems to be that of epoch {epoch + 1}, with loss {loss:.4f}; epoch "
            f"{int(np.nanargmin(recorded)) + 1} had {lowest:.4f}. Is `save_best_only=True` set, and is the score the right one?",
        )
    raise Wrong(
        "not-in-history",
        f"On the validation rows `best_model` has the loss {loss:.4f}; the recorded epochs go from {lowest:.4f} to "
        f"{np.nanmax(recorded):.4f} and none has it. Do model and history belong together, and was `validation_data=(X_val, y_val)` used?",
    )


def _is_model(student, name):
    """Raises `Wrong` where what was handed in is not the model but something beside it."""
    kind = student.kind(name)
    if kind in ("type", "ABCMeta"):
        raise Wrong("a-class", f"`{name}` is a class, not a model: make one of it with `()`, and fit it.")
    if kind == "History":
        raise Wrong("a-history", f"`{name}` is what `fit` returns in Keras, a History. Hand in the model itself.")
    if kind in ("PosixPath", "WindowsPath", "str"):
        raise Wrong(
            "a-file-name", f"`{name}` is a file name or a text. Read the model: `keras.models.load_model(...)`."
        )


def _is_history(student):
    kind = student.kind("history")
    if student.describe("history")["family"] in ("keras", "sklearn"):
        raise Wrong(
            "not-a-history",
            f"`history` is a {kind}. Hand in what `fit` returned, and the network as `best_model`.",
        )


def _probabilities(student, name, X):
    """The probability of class 1, shape (n,), from probabilities, logits, one column or two."""
    try:
        return binary_probabilities(student, name, X)
    except Wrong as wrong:
        if wrong.finding.code != "logits":
            raise
    scores = predictions(student, name, X)
    if cut_of(student, name, scores) == 0:
        column = scores[:, -1] - (scores[:, 0] if scores.shape[1] == 2 else 0)
        return 1 / (1 + np.exp(-np.clip(column, -50, 50)))
    return np.clip(scores[:, -1], 0, 1)


def _log_loss(y, p, weights=None):
    return log_loss(y, np.clip(p, 1e-7, 1 - 1e-7), sample_weight=weights, labels=[0, 1])


# --- 02b.4


@exercise(
    "02b.4",
    title="The ROC curve by hand",
    points=2,
    needs={
        "roc": "a function of labels and scores that gives fpr and tpr",
        "area": "a function of fpr and tpr that gives the area",
    },
    hints=(
        "Sort the rows by their score, the highest first. Walk down: each bad row lifts the curve by one step, each good "
        "row moves it to the right by one step. How large is a step?",
        "`order = np.argsort(-scores)`, then `np.cumsum(y[order]) / y.sum()`. Begin both arrays with 0. Rows with the same "
        "score cross the cut together: keep only the point after the last of them.",
        "`crossed = np.append(scores[1:] != scores[:-1], True)` on the sorted scores marks the points to keep. The area: "
        "`np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2)`.",
    ),
    expected="From (0, 0) to (1, 1), the same curve as `sklearn.metrics.roc_curve`, also where scores are equal.",
)
def roc_by_hand(student, rng):
    """The curve for distinct scores, then for tied ones; then the area of a given curve."""
    y, scores = _sample(rng)
    _judge_curve(student, "roc", y, scores)
    yield Finding("roc", True, "`roc` gives the right curve, also where scores are equal.", points=1)
    for fpr, tpr in (_roc(y, np.round(scores, 1)), _roc(y, scores), _roc(1 - y, np.round(scores, 1))):
        given = as_number(student.call("area", fpr, tpr), "What `area` returns")
        wanted = _trapezia(fpr, tpr)
        if abs(given - wanted) > 1e-5:
            _explain_area(given, wanted, fpr, tpr)
            message = (
                f"`area` gives {given:.4f} for a curve whose area is {wanted:.4f}: the sum of width times mean height."
            )
            yield Finding("area", False, message, points=1)
            return
    yield Finding("area", True, "`area` sums the trapezia.", points=1)


def _sample(rng):
    """Labels, and scores that are all different and tend to be higher for label 1."""
    y = (rng.uniform(size=90) < 0.35).astype(int)
    return y, rng.permutation(np.linspace(0.03, 0.71, 90)) + 0.25 * y


def _roc(y, scores, weights=None):
    """False and true positive rates at every distinct score, from (0, 0) to (1, 1)."""
    return roc_curve(y, scores, sample_weight=weights, drop_intermediate=False)[:2]


def _trapezia(fpr, tpr):
    return np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2)


def _same_curve(given, wanted):
    """Whether two rising lines from (0, 0) to (1, 1) are the same, however many points each has."""
    # fpr + tpr rises along such a line, so both can be compared at the same values of it.
    along, at = given[0] + given[1], wanted[0] + wanted[1]
    there = all(np.abs(np.interp(along, at, w) - g).max() < 1e-5 for g, w in zip(given, wanted, strict=True))
    back = all(np.abs(np.interp(at, along, g) - w).max() < 1e-5 for g, w in zip(given, wanted, strict=True))
    return there and back


def _curve(student, name, *arguments):
    """What `name` answers, as two arrays of equal length."""
    given = student.call(name, *arguments)
    pair = isinstance(given, list | tuple) or isinstance(given, np.ndarray) and given.ndim == 2
    if not pair or len(given) != 2:
        seen = f"{len(given)} things" if isinstance(given, list | tuple) else f"one {type_name(given)}"
        raise Wrong("wrong-type", f"`{name}` returns {seen}; the two arrays fpr and tpr were expected.")
    fpr, tpr = (as_array(part, f"`{what}`", shape=(None,)) for part, what in zip(given, ("fpr", "tpr"), strict=True))
    if len(fpr) != len(tpr) or len(fpr) < 2:
        raise Wrong(
            "wrong-shape", f"fpr has {len(fpr)} values, tpr {len(tpr)}; as many, and at least two, were expected."
        )
    return fpr, tpr


def _judge_curve(student, name, y, scores, weights=None):
    """Raises `Wrong` where the curve is not the right one, with distinct or with tied scores."""
    more = () if weights is None else (weights,)
    given, wanted = _curve(student, name, y, scores, *more), _roc(y, scores, weights)
    if not _same_curve(given, wanted):
        _explain_curve(given, wanted, y, scores, weights, name)
    tied = np.round(scores, 1)
    given, wanted = _curve(student, name, y, tied, *more), _roc(y, tied, weights)
    if not _same_curve(given, wanted):
        raise Wrong(
            "ties",
            f"The curve is right while all scores differ, and wrong where scores are equal: its area is "
            f"{_trapezia(*given):.4f} in place of {_trapezia(*wanted):.4f}. Rows with the same score cross the cut together.",
        )


def _explain_curve(given, wanted, y, scores, weights, name):
    """Raises `Wrong` with the slip that explains a wrong curve."""
    fpr, tpr = given
    if _same_curve((fpr[::-1], tpr[::-1]), wanted) and fpr[0] > fpr[-1]:
        raise Wrong(
            "falling", "The curve runs from (1, 1) to (0, 0). Begin with the highest cut, where nobody is above."
        )
    if fpr[-1] > 1 + 1e-9 or tpr[-1] > 1 + 1e-9:
        raise Wrong(
            "counts",
            f"The last point is ({fpr[-1]:.4g}, {tpr[-1]:.4g}). Divide by the total of the class to get rates.",
        )
    vertices, points = np.column_stack(wanted), np.unique(np.column_stack(given), axis=0)
    on_curve = all(np.abs(vertices - point).max(axis=1).min() < 1e-6 for point in points)
    if abs(fpr[-1] - 1) > 1e-6 or abs(tpr[-1] - 1) > 1e-6:
        if on_curve and len(points) > 2:
            raise Wrong(
                "lowest-cut",
                f"The points lie on the curve, and the last, ({fpr[-1]:.4g}, {tpr[-1]:.4g}), is not (1, 1): the lowest cut is "
                "missing. A row counts when its score is at least the cut.",
            )
        raise Wrong(
            "not-rates",
            f"The last point is ({fpr[-1]:.4g}, {tpr[-1]:.4g}) and should be (1, 1): TPR is a share of the rows of class 1, "
            "FPR of those of class 0.",
        )
    if _same_curve((tpr, fpr), wanted):
        raise Wrong("axes-swapped", "fpr and tpr are exchanged: return `fpr, tpr`.")
    if _same_curve(given, _roc(y, -scores, weights)):
        raise Wrong("wrong-order", "The rows are sorted from the lowest score up. Begin with the highest.")
    if abs(fpr[0]) > 1e-9 or abs(tpr[0]) > 1e-9:
        raise Wrong(
            "no-start",
            f"The first point is ({fpr[0]:.3f}, {tpr[0]:.3f}). Begin at (0, 0): above the highest cut there is nobody.",
        )
    if (np.diff(fpr) < -1e-9).any() or (np.diff(tpr) < -1e-9).any():
        raise Wrong("not-rising", "The rates go up and down along the curve. As the cut falls, both can only rise.")
    if weights is not None:
        _explain_weights(given, y, scores, weights, name)
    if len(points) < len(vertices) and on_curve:
        raise Wrong(
            "cuts-missing",
            f"All {len(points)} different points lie on the curve, which has {len(vertices)}. Use the scores themselves as cuts; a "
            "fixed grid skips some.",
        )
    raise Wrong(
        "roc",
        f"The curve has the area {_trapezia(fpr, tpr):.4f}, where {_trapezia(*wanted):.4f} is right. Compare a few points by "
        "hand: the share of each class whose score is at least the cut.",
    )


def _explain_weights(given, y, scores, weights, name):
    plain_fpr, plain_tpr = _roc(y, scores)
    fpr, tpr = _roc(y, scores, weights)
    if _same_curve(given, (plain_fpr, plain_tpr)):
        raise Wrong("weights-ignored", f"`{name}` gives the curve without weights: they are handed in and not used.")
    if _same_curve(given, (fpr, plain_tpr)) or _same_curve(given, (plain_fpr, tpr)):
        which = "TPR" if _same_curve(given, (plain_fpr, tpr)) else "FPR"
        raise Wrong("one-rate-only", f"Only the {which} uses the weights. Both rates are sums of weights.")
    order = np.argsort(-scores)
    up, right = np.cumsum(weights * y[order]), np.cumsum(weights * (1 - y[order]))
    if _same_curve(given, (np.append(0, right / right[-1]), np.append(0, up / up[-1]))):
        raise Wrong(
            "weights-unsorted", "Labels are sorted by score, the weights are not: each row gets another's weight."
        )


def _explain_area(given, wanted, fpr, tpr):
    """Raises `Wrong` with the slip that explains a wrong area."""
    steps = np.diff(fpr)
    if abs(given + wanted) < 1e-5:
        raise Wrong("negative", "The area has the wrong sign: take the later fpr minus the earlier one.")
    if min(abs(given - np.sum(steps * tpr[1:])), abs(given - np.sum(steps * tpr[:-1]))) < 1e-5:
        raise Wrong(
            "rectangles",
            f"{given:.4f} is the area of rectangles, {wanted:.4f} the area below the straight lines. Take the mean of the "
            "two heights.",
        )
    if abs(given - (1 - wanted)) < 1e-5:
        raise Wrong(
            "axes-swapped", "This is the area on the other side of the curve: fpr is the width, tpr the height."
        )
    if abs(given - (wanted - 0.5)) < 1e-5 or abs(given - (2 * wanted - 1)) < 1e-5:
        raise Wrong(
            "above-diagonal", "This is the area above the diagonal; the whole area below the curve was asked for."
        )
    if abs(given - 2 * wanted) < 1e-5:
        raise Wrong("twice", "This is twice the area: the mean of two heights is half of their sum.")
    if min(abs(given - tpr.mean()), abs(given - ((tpr[1:] + tpr[:-1]) / 2).mean())) < 1e-5:
        raise Wrong("no-widths", "This is the mean height. Weight each height with the width of its step in fpr.")


# --- 02b.5


@exercise(
    "02b.5",
    title="A steep spectrum, tamed",
    points=2,
    needs={
        "pair_mass": "a function of events (n, 6) that gives n masses in GeV",
        "log_scaled": "a function of two arrays that gives the second, scaled",
    },
    hints=(
        "`pt1, eta1, phi1, pt2, eta2, phi2 = X.T` names the columns. The formula gives the *square* of the mass.",
        "The hyperbolic cosine is `np.cosh`. In `log_scaled`, take the logarithm of both arrays first; then mean and standard "
        "deviation come from one of them. Which?",
        "`np.sqrt(2 * pt1 * pt2 * (np.cosh(eta1 - eta2) - np.cos(phi1 - phi2)))`, and `logs = np.log(train)`; "
        "`return (np.log(values) - logs.mean()) / logs.std()`.",
    ),
    expected="The signal peaks at 91 GeV, the mass of the Z boson; the scaled training masses have mean 0 and standard "
    "deviation 1.",
)
def scaled_mass(student, rng):
    """Masses of fresh events; logarithms scaled with the statistics of another array."""
    from coursekit.data import make_lepton_pairs

    X, _, _ = make_lepton_pairs(n_samples=150, seed=int(rng.integers(2**31)))
    try:
        given = _column(student.call("pair_mass", X), len(X), "`pair_mass`")
    except Wrong as wrong:
        if wrong.finding.code != "not-finite":
            raise
        _explain_nan(student, X)
        raise Wrong(
            "not-finite",
            "`pair_mass` gives NaN or infinity for some events. The bracket of the formula is never negative: look at the "
            "sign, the functions and the columns.",
        ) from None
    wanted = _mass(X)
    # float32 keeps about three digits where the bracket is small.
    right = np.allclose(given, wanted, rtol=2e-3)
    if not right:
        _explain_mass(given, wanted, X)
    message = "`pair_mass` gives the mass of every pair."
    if not right:
        i = int(np.argmax(np.abs(given / wanted - 1)))
        relation = describe_relation(given, wanted, {"1,000": 1000.0}, rtol=2e-3)
        message = (
            f"`pair_mass` {relation}."
            if relation
            else (
                f"The mass of an event is {given[i]:.2f} GeV, where {wanted[i]:.2f} is right. Compare with the formula."
            )
        )
    yield Finding("mass", right, message, points=1)
    # From 0.01 to 10, where log(1 + m) is not nearly log(m).
    train, values = 10 ** rng.uniform(-2, 0.5, 200), 10 ** rng.uniform(-1.5, 1, 80)
    try:
        scaled = _column(student.call("log_scaled", train, values), len(values), "`log_scaled`")
    except Wrong as wrong:
        if wrong.finding.code != "not-finite":
            raise
        raise Wrong(
            "log-last",
            "`log_scaled` gives NaN or infinity: standardised values are negative for half of the events and have no "
            "logarithm. Take the logarithm first.",
        ) from None
    wanted = _standardised(np.log(train), np.log(values))
    # Room for the other convention of a standard deviation (n - 1).
    right = np.allclose(scaled, wanted, rtol=0.01, atol=0.005)
    if not right:
        _explain_scale(scaled, train, values)
    message = "`log_scaled` standardises logarithms with the statistics of the training part."
    if not right:
        i = int(np.argmax(np.abs(scaled - wanted)))
        relation = describe_relation(scaled, wanted, {"the mean": np.log(train).mean(), "the deviation": np.log(train).std()},
                                     rtol=0.005)  # fmt: skip
        message = (
            f"`log_scaled` {relation}."
            if relation
            else f"{values[i]:.3g} became {scaled[i]:.3f}, where {wanted[i]:.3f} is right: logarithm, minus mean, over deviation."
        )
    yield Finding("log-scaled", right, message, points=1)


def _column(given, n, what):
    array = as_array(given, f"What {what} returns")
    if array.size != n:
        raise Wrong(
            "wrong-shape",
            f"{what} was given {n} events and returned shape {array.shape}; one number each was expected.",
        )
    return array.ravel()


def _mass(X):
    pt1, eta1, phi1, pt2, eta2, phi2 = X.T
    return np.sqrt(2 * pt1 * pt2 * (np.cosh(eta1 - eta2) - np.cos(phi1 - phi2)))


def _standardised(train, values):
    return (values - train.mean()) / train.std()


def _explain_nan(student, X):
    """Raises `Wrong` where a usual slip makes the bracket negative in just these events."""
    given = np.ravel(np.asarray(student.call("pair_mass", X), dtype=float))
    if not np.isfinite(given).any():
        # Where one difference is 0 and the other a full turn, a bracket that is never positive can be 0.
        turn = np.array([[1.0, 0, 2 * np.pi, 1, 0, 0], [1.0, 2 * np.pi, 0, 1, 0, 0]])
        in_phi, in_eta = np.isfinite(np.ravel(np.asarray(student.call("pair_mass", turn), dtype=float)))
        if in_phi and not in_eta:
            raise Wrong(
                "order", "`pair_mass` gives NaN for every event: the bracket is turned round. It is cosh *minus* cos."
            )
        if in_eta and not in_phi:
            raise Wrong(
                "functions-exchanged",
                "`pair_mass` gives NaN for every event: eta and phi have changed places. `np.cosh` belongs to the difference "
                "of eta, `np.cos` to that of phi.",
            )
        return
    pt1, eta1, phi1, pt2, eta2, phi2 = X.T
    eta, phi, product = eta1 - eta2, phi1 - phi2, 2 * pt1 * pt2
    slips = {
        "not-finite": (np.cos(eta) - np.cos(phi), "Both are `np.cos`; that of eta is the hyperbolic one, `np.cosh`."),
        "cosh-of-phi": (np.cosh(eta) - np.cosh(phi), "Both are `np.cosh`; that of phi is the plain `np.cos`."),
    }
    with np.errstate(invalid="ignore"):
        for code, (bracket, message) in slips.items():
            if given.shape == bracket.shape and np.allclose(
                given, np.sqrt(product * bracket), rtol=2e-3, equal_nan=True
            ):
                raise Wrong(
                    code, f"`pair_mass` gives {np.isnan(given).sum()} NaN: the bracket is negative there. {message}"
                )


def _explain_mass(given, wanted, X):
    """Raises `Wrong` with the slip that explains wrong masses."""
    pt1, eta1, phi1, pt2, eta2, phi2 = X.T
    product, cosh, cos = 2 * pt1 * pt2, np.cosh(eta1 - eta2), np.cos(phi1 - phi2)
    slips = {
        "no-root": (wanted**2, "These are the squares of the masses: take the root."),
        "no-factor-two": (wanted / np.sqrt(2), "The factor 2 is missing below the root."),
        "in-mev": (1000 * wanted, "These are MeV; the momenta are in GeV, and so is the mass."),
        "plus-sign": (np.sqrt(product * np.abs(cosh + cos)), "The bracket is cosh *minus* cos."),
        "no-eta": (np.sqrt(product * (1 - cos)), "This leaves eta out: it is the mass across the beam only."),
        "sum-of-angles": (
            np.sqrt(product * np.abs(np.cosh(eta1 + eta2) - np.cos(phi1 + phi2))),
            "The angles are added; the formula has their differences.",
        ),
        "sum-of-eta": (
            np.sqrt(product * np.abs(np.cosh(eta1 + eta2) - cos)),
            "The two eta are added; the formula has their difference.",
        ),
        "sum-of-phi": (
            np.sqrt(product * np.abs(cosh - np.cos(phi1 + phi2))),
            "The two phi are added; the formula has their difference.",
        ),
        "functions-exchanged": (
            np.sqrt(product * np.abs(np.cos(eta1 - eta2) - np.cosh(phi1 - phi2))),
            "eta and phi have changed places: `np.cosh` belongs to the difference of eta, `np.cos` to that of phi.",
        ),
        "cos-of-eta": (
            np.sqrt(product * np.abs(np.cos(eta1 - eta2) - cos)),
            "Both are `np.cos`; that of eta is the hyperbolic one, `np.cosh`.",
        ),
        "cosh-of-phi": (
            np.sqrt(product * np.abs(cosh - np.cosh(phi1 - phi2))),
            "Both are `np.cosh`; that of phi is the plain `np.cos`.",
        ),
        "sinh": (
            np.sqrt(product * np.abs(np.sinh(eta1 - eta2) - cos)),
            "This is the hyperbolic sine, `np.sinh`; the formula has the hyperbolic cosine, `np.cosh`.",
        ),
        "one-momentum": (np.sqrt(2 * pt1**2 * (cosh - cos)), "Both momenta count: pt1 times pt2."),
        "momenta-added": (
            np.sqrt(2 * (pt1 + pt2) * (cosh - cos)),
            "The momenta are added below the root; multiply them.",
        ),
        "factor-outside": (2 * np.sqrt(pt1 * pt2 * (cosh - cos)), "The factor 2 belongs below the root."),
        "degrees": (
            np.sqrt(product * np.abs(cosh - np.cos(np.deg2rad(phi1 - phi2)))),
            "phi is taken for degrees. It is in radian, as `np.cos` wants it.",
        ),
        "to-degrees": (
            np.sqrt(product * np.abs(cosh - np.cos(np.rad2deg(phi1 - phi2)))),
            "phi is turned into degrees; `np.cos` wants radian, as it was.",
        ),
    }
    for code, (values, message) in slips.items():
        if np.allclose(given, values, rtol=2e-3):
            raise Wrong(code, message)


def _explain_scale(scaled, train, values):
    """Raises `Wrong` with the slip that explains wrongly scaled values."""
    logs, own = np.log(train), np.log(values)
    both = np.concatenate([logs, own])
    slips = {
        "log1p": (
            _standardised(np.log1p(train), np.log1p(values)),
            "This is log(1 + m), `np.log1p`. The logarithm of m itself, `np.log`, is asked for.",
        ),
        "no-log": (_standardised(train, values), "Standardised, but without the logarithm."),
        "own-statistics": (_standardised(own, own), "Mean and deviation come from `values`; take them from `train`."),
        "leak": (_standardised(both, own), "Mean and deviation come from both arrays; take them from `train` only."),
        "not-standardised": (own, "This is the logarithm alone. Subtract the mean and divide by the deviation."),
        "range": (
            (own - logs.min()) / np.ptp(logs),
            "This scales to the range 0 to 1; mean and standard deviation were asked for.",
        ),
        "no-mean": (own / logs.std(), "The mean of the logarithms is not subtracted."),
        "exchanged": (
            _standardised(own, logs) if len(own) == len(logs) else own * np.nan,
            "The two arrays are exchanged.",
        ),
        "no-deviation": (own - logs.mean(), "The mean is subtracted; divide by the standard deviation as well."),
        "variance": ((own - logs.mean()) / logs.var(), "Divide by the standard deviation, not by the variance."),
        "log-of-statistics": (
            (own - np.log(train.mean())) / np.log(train.std()),
            "The logarithm of a mean is not the mean of the logarithms: take the logarithm of `train` first.",
        ),
    }
    for code, (wanted, message) in slips.items():
        if np.allclose(scaled, wanted, rtol=0.01, atol=0.02):
            raise Wrong(code, message)


# --- 02b.6


@exercise(
    "02b.6",
    title="Events that count more",
    points=3,
    needs={
        "weighted_roc": "a function of labels, scores and weights that gives fpr and tpr",
        "event_model": "a classifier of scaled events, fitted with weights",
        "event_inputs": "the function that scales events",
    },
    hints=(
        "Take `roc` and ask of each count: of what is it the sum? A row counted 1 there; now it counts its weight. Sort the "
        "weights together with labels and scores.",
        "`np.cumsum(weights * y) / np.sum(weights * y)` is the TPR, and `1 - y` in place of `y` gives the FPR. In Keras, "
        "`fit(..., sample_weight=...)` multiplies the loss of each row; with a mean weight of 1 the learning rate keeps its "
        "usual effect.",
        "`event_model.fit(Z_train, s_train, sample_weight=w_train / w_train.mean(), epochs=15, batch_size=256, verbose=0)` "
        "with two hidden layers of 32 ReLU units and a sigmoid.",
    ),
    expected="On weighted events: a mean probability within {share_off:.2f} of the real share of signal, 0.20, and a log loss "
    "of at most {loss:.2f}; and a curve that lies below the one without weights.",
)
def weighted_events(student, rng):
    """The weighted curve with distinct and tied scores; then a model whose probabilities are those of real events."""
    from coursekit.data import make_lepton_pairs

    y, scores = _sample(rng)
    _judge_curve(student, "weighted_roc", y, scores, rng.uniform(0.1, 3, size=len(y)))
    yield Finding("weighted-roc", True, "`weighted_roc` counts every event with its weight.", points=1)
    X, y, weights = make_lepton_pairs(n_samples=20_000, seed=int(rng.integers(2**31)))
    Z = as_array(student.call("event_inputs", X), "What `event_inputs` returns")
    if Z.ndim != 2 or len(Z) != len(X):
        raise Wrong(
            "wrong-shape", f"`event_inputs` returns shape {Z.shape} for {len(X)} events; one row each was expected."
        )
    _is_model(student, "event_model")
    try:
        p = _probabilities(student, "event_model", Z)
    except StudentError as error:
        if Z.shape[1] != 6 and "6" in error.text and any(word in error.text for word in ("feature", "shape")):
            raise Wrong(
                "raw-events",
                f"`event_model` wants the 6 columns of the raw events; it is asked about the {Z.shape[1]} columns that "
                "`event_inputs` makes of them. Fit it on `Z_train`.",
            ) from None
        raise
    if np.ptp(p) < 1e-3:
        raise Wrong("constant", f"`event_model` answers {p[0]:.3f} for every event. Was it fitted?")
    same_as_replay(student, "event_model", Z[:50])
    area, plain = roc_auc_score(y, p, sample_weight=weights), roc_auc_score(y, p)
    if area < 0.4:
        raise Wrong("labels-swapped", f"The weighted area is {area:.3f}: background gets the higher probability.")
    share, mean = np.average(y, weights=weights), np.average(p, weights=weights)
    off, limit = abs(mean - share), threshold("02b.6", "share_off")
    if off > limit and area > 0.8:
        _explain_share(p, y, weights, mean, share)
    fits = off <= limit
    yield Finding(
        "probability",
        fits,
        f"The mean probability of real (weighted) events is {mean:.2f}; {share:.2f} of them are signal."
        + (
            ""
            if fits
            else " Were the weights used as they are? Was the training long enough, or so long, or the model so large, that it has "
            "learned single events by heart (trees: `min_samples_leaf=25`)?"
        ),
        points=1,
        seen={"share_off": off},
    )
    loss, most = _log_loss(y, p, weights), threshold("02b.6", "loss")
    passed = loss <= most
    yield Finding(
        "loss",
        passed,
        f"The weighted log loss is {loss:.3f}; {most:.3f} {'was' if passed else 'is'} allowed. The area is {area:.3f} with weights, "
        f"{plain:.3f} without." + ("" if passed else _loss_advice(student)),
        points=1,
        seen={"loss": loss},
    )


def _loss_advice(student):
    said = student.describe("event_model")
    trained = sum(bool(layer) for layer in student.weights("event_model")) if said["family"] == "keras" else 2
    if trained == 1 or "Logistic" in said["type"] or "Linear" in said["type"]:
        return " A linear model is not enough: the signal lies in the middle of the masses. Add a hidden layer."
    if said["family"] == "keras":
        return " Train longer, with more hidden units, on all four inputs."
    return " Try a model between too simple and learned by heart, on all four inputs."


def _explain_share(p, y, weights, mean, share):
    """Raises `Wrong` where the mean probability tells how the weights were treated."""
    balanced = weights / np.where(y == 1, weights[y == 1].sum(), weights[y == 0].sum())
    off = {"drawn": abs(p.mean() - y.mean()), "balanced": abs(np.average(p, weights=balanced) - 0.5)}
    if min(off.values()) > 0.03:
        return
    if off["drawn"] <= off["balanced"]:
        raise Wrong(
            "weights-ignored",
            f"The mean probability is {p.mean():.2f} over the drawn events, where {y.mean():.2f} are signal, but {mean:.2f} "
            f"over real ones, where {share:.2f} are: the model was trained without weights. Use `sample_weight=`.",
        )
    raise Wrong(
        "classes-balanced",
        f"The mean probability of real events is {mean:.2f}, and {share:.2f} of them are signal: both classes have got the "
        "same total weight, or the model has learned single events by heart. Use `w_train` as they are, with one common "
        "factor for both, and a simpler model (trees: `min_samples_leaf=25`).",
    )
