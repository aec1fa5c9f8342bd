"""Cases of notebook 02b."""

from functools import cache

import numpy as np

from tests.cases import right, wrong
from tests.trained import trained_once

NUMBERS = ["seniority", "time", "age", "expenses", "income", "assets", "debt", "amount", "price"]
CATEGORIES = ["home", "marital", "records", "job"]


@cache
def credit():
    from coursekit.data import load_credit

    table = load_credit()
    return table, (table["status"] == "bad").to_numpy().astype(int)


# --- 02b.1


@cache
def parts():
    from sklearn.model_selection import train_test_split

    y = credit()[1]
    train, rest = train_test_split(np.arange(len(y)), test_size=0.4, stratify=y, random_state=0)
    return train, *train_test_split(rest, test_size=0.5, stratify=y[rest], random_state=0)


def parts_by_class():
    """Each class shuffled and cut by hand; lists of whole numbers."""
    rng = np.random.default_rng(3)
    train, val, test = [], [], []
    for k in (0, 1):
        rows = rng.permutation(np.flatnonzero(credit()[1] == k))
        a, b = int(0.6 * len(rows)), int(0.8 * len(rows))
        train += rows[:a].tolist()
        val += rows[a:b].tolist()
        test += rows[b:].tolist()
    return [train, val, test]


def parts_by_folds():
    from sklearn.model_selection import StratifiedKFold

    y = credit()[1]
    folds = [test for _, test in StratifiedKFold(5, shuffle=True, random_state=1).split(y, y)]
    return np.concatenate(folds[:3]), folds[3], folds[4]


def parts_as_masks():
    return tuple(np.isin(np.arange(len(credit()[1])), part) for part in parts())


def parts_as_index():
    return tuple(credit()[0].iloc[part].index for part in parts())


def pipeline(scaler=None, imputer=None, words=None, numbers=NUMBERS, categories=CATEGORIES):
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers_pipe = make_pipeline(imputer or SimpleImputer(strategy="median"), scaler or StandardScaler())
    words = words or OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer([("numbers", numbers_pipe, numbers), ("words", words, categories)])


def encode_with(**settings):
    def encode(train_rows, other_rows):
        table = credit()[0]
        encoder = pipeline(**{key: make() for key, make in settings.items()})
        return encoder.fit_transform(table.iloc[train_rows]), encoder.transform(table.iloc[other_rows])

    return encode


encode = encode_with()


def encode_pandas(train_rows, other_rows):
    """Means and deviations by hand, words by get_dummies, the other part brought to the same columns."""
    import pandas as pd

    train, other = credit()[0].iloc[train_rows], credit()[0].iloc[other_rows]
    means, deviations = train[NUMBERS].mean(), train[NUMBERS].std()
    frames = []
    for table in (train, other):
        numbers = (table[NUMBERS].fillna(means) - means) / deviations
        frames.append(pd.concat([numbers, pd.get_dummies(table[CATEGORIES])], axis=1))
    return frames[0], frames[1].reindex(columns=frames[0].columns, fill_value=False)


def encode_numpy(train_rows, other_rows):
    """Logarithms of the amounts of money; the words of the whole table, as comparisons; float32 lists."""
    table = credit()[0]
    raw = np.log1p(table[NUMBERS].to_numpy(dtype=float))
    raw = np.where(np.isnan(raw), np.nanmean(raw[train_rows], axis=0), raw)
    raw = (raw - raw[train_rows].mean(axis=0)) / raw[train_rows].std(axis=0)
    words = [table[name] == word for name in CATEGORIES for word in table[name].dropna().unique()]
    X = np.column_stack([raw, *words]).astype("float32")
    return [X[train_rows], X[other_rows]]


def scaler(name, **settings):
    import sklearn.preprocessing

    return lambda: getattr(sklearn.preprocessing, name)(**settings)


def imputer(**settings):
    from sklearn.impute import SimpleImputer

    return lambda: SimpleImputer(**settings)


def words_filled():
    from sklearn.pipeline import make_pipeline

    one_hot = scaler("OneHotEncoder", drop="first", handle_unknown="ignore", sparse_output=False)()
    return make_pipeline(imputer(strategy="most_frequent")(), one_hot)


def answer_1(split=parts, encode=encode):
    return {"split": split(), "encode": encode}


for name, build in {
    "a column transformer": lambda: answer_1(),
    "pandas, classes cut by hand, lists": lambda: answer_1(parts_by_class, encode_pandas),
    "NumPy, logarithms, folds": lambda: answer_1(parts_by_folds, encode_numpy),
    "masks, least and largest": lambda: answer_1(parts_as_masks, encode_with(scaler=scaler("MinMaxScaler"))),
    "index objects, quantiles": lambda: answer_1(
        parts_as_index, encode_with(scaler=scaler("QuantileTransformer", n_quantiles=200, output_distribution="normal"))
    ),
    "a column for gaps, filled with the mean": lambda: answer_1(
        encode=encode_with(imputer=imputer(strategy="mean", add_indicator=True))
    ),
    "first word dropped, gaps among words filled": lambda: answer_1(encode=encode_with(words=words_filled)),
}.items():
    right("02b.1", name)(build)


def over_sampled():
    from sklearn.model_selection import train_test_split

    y = credit()[1]
    bad = np.random.default_rng(0).choice(np.flatnonzero(y == 1), 3200)
    rows = np.concatenate([np.flatnonzero(y == 0), bad])
    train, rest = train_test_split(rows, test_size=0.4, stratify=y[rows], random_state=0)
    return train, *train_test_split(rest, test_size=0.5, stratify=y[rest], random_state=0)


def copied_after_the_split():
    train, val, test = parts()
    return np.concatenate([train, train[credit()[1][train] == 1]]), val, test


def unstratified(shuffled):
    rows = np.arange(len(credit()[1]))
    rows = np.random.default_rng(3).permutation(rows) if shuffled else rows
    return rows[:2672], rows[2672:3563], rows[3563:]


def ten_percent():
    train, val, test = parts_by_folds()
    return train, np.concatenate([val, test[:600]]), test[600:]


for name, code, split in (
    ("copied before the split", "over-sampled-before-split", over_sampled),
    ("copied after the split", "repeated-rows", copied_after_the_split),
    ("test rows among the training rows", "leak-train-test", lambda: (np.concatenate(parts()), parts()[1], parts()[2])),
    ("validation and test are the same", "leak-train-test", lambda: (parts()[0], parts()[1], parts()[1])),
    ("random, not stratified", "not-stratified", lambda: unstratified(True)),
    ("in the table's order", "not-shuffled", lambda: unstratified(False)),
    ("a small test part", "sizes", ten_percent),
    ("training part last", "sizes", lambda: parts()[::-1]),
    ("rows lost", "rows-missing", lambda: (parts()[0], parts()[1], parts()[2][:500])),
    ("two parts", "wrong-type", lambda: parts()[:2]),
    ("counted from one", "not-positions", lambda: tuple(part + 1 for part in parts())),
    ("shares", "not-positions", lambda: tuple(part / 4454 for part in parts())),
    ("labels", "not-positions", lambda: tuple((part % 3 == 0).astype(int) for part in parts())),
):

    @wrong("02b.1", code, name)
    def _(split=split):
        return answer_1(split)


def encode_both(train_rows, other_rows):
    """Fitted on both parts."""
    table = credit()[0]
    encoder = pipeline().fit(table.iloc[np.concatenate([train_rows, other_rows])])
    return encoder.transform(table.iloc[train_rows]), encoder.transform(table.iloc[other_rows])


def encode_all(train_rows, other_rows):
    """Fitted on the whole table."""
    table = credit()[0]
    encoder = pipeline().fit(table)
    return encoder.transform(table.iloc[train_rows]), encoder.transform(table.iloc[other_rows])


def encode_scaler_all(train_rows, other_rows):
    """Words and typical values from the training rows, mean and deviation from the whole table."""
    import pandas as pd

    X_train, X_other = encode_pandas(train_rows, other_rows)
    table = credit()[0]
    train = table.iloc[train_rows][NUMBERS]
    mean, deviation = table[NUMBERS].mean(), table[NUMBERS].std()
    for X in (X_train, X_other):
        X[NUMBERS] = (X[NUMBERS] * train.std() + train.mean() - mean) / deviation
    return pd.DataFrame(X_train), X_other


def encode_filled_first(typical, scaler=None):
    """Gaps filled from the whole table before anything else."""

    def encode(train_rows, other_rows):
        table = credit()[0].copy()
        table[NUMBERS] = table[NUMBERS].fillna(getattr(table[NUMBERS], typical)())
        encoder = pipeline(scaler).fit(table.iloc[train_rows])
        return encoder.transform(table.iloc[train_rows]), encoder.transform(table.iloc[other_rows])

    return encode


def encode_filled_first_then_log(train_rows, other_rows):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    scaler = make_pipeline(FunctionTransformer(np.log1p), StandardScaler())
    return encode_filled_first("median", scaler)(train_rows, other_rows)


def encode_twice(train_rows, other_rows):
    """Scaled part by part; the words are those of the table."""
    import pandas as pd

    table = credit()[0]
    words = pd.get_dummies(table[CATEGORIES])
    parts = []
    for rows in (train_rows, other_rows):
        numbers = table.iloc[rows][NUMBERS]
        numbers = numbers.fillna(numbers.median())
        parts.append(np.column_stack([(numbers - numbers.mean()) / numbers.std(), words.iloc[rows]]))
    return tuple(parts)


def encode_dummies(train_rows, other_rows):
    """Each part makes its own columns."""
    table = credit()[0]
    return tuple(pipeline().fit_transform(table.iloc[rows]) for rows in (train_rows, other_rows))


def encode_words_of_both(train_rows, other_rows):
    """Numbers as they should be; the words of both parts make the columns."""
    import pandas as pd

    words = pd.get_dummies(credit()[0].iloc[np.concatenate([train_rows, other_rows])][CATEGORIES]).to_numpy()
    numbers = [part[:, : len(NUMBERS)] for part in encode(train_rows, other_rows)]
    n = len(train_rows)
    return np.hstack([numbers[0], words[:n]]), np.hstack([numbers[1], words[n:]])


def encode_renamed(train_rows, other_rows):
    """The words of the other part get names without a prefix, so that `reindex` finds none of them."""
    import pandas as pd

    X_train, X_other = encode_pandas(train_rows, other_rows)
    words = pd.get_dummies(credit()[0].iloc[other_rows][CATEGORIES], prefix="", prefix_sep="")
    return X_train, X_other[NUMBERS].join(words).reindex(columns=X_train.columns, fill_value=False)


def encode_reordered(train_rows, other_rows):
    X_train, X_other = encode(train_rows, other_rows)
    return X_train, np.hstack([X_other[:, 8::-1], X_other[:, 9:]])


def encode_first_dropped(train_rows, other_rows):
    import pandas as pd

    X_train, X_other = encode_pandas(train_rows, other_rows)
    words = pd.get_dummies(credit()[0].iloc[other_rows][CATEGORIES], drop_first=True)
    return X_train, X_other[NUMBERS].join(words).reindex(columns=X_train.columns, fill_value=False)


def with_status(train_rows, other_rows):
    X_train, X_other = encode(train_rows, other_rows)
    y = credit()[1]
    return np.column_stack([X_train, y[train_rows]]), np.column_stack([X_other, y[other_rows]])


def with_gaps(train_rows, other_rows):
    gaps = credit()[0]["income"].isna().to_numpy()
    parts = encode(train_rows, other_rows)
    return [np.where(gaps[rows, None], np.nan, X) for rows, X in zip((train_rows, other_rows), parts)]


def means_of_labels(everything, name="job"):
    """The words of one column also as the share of bad customers, among all rows or the training rows."""

    def encode_shares(train_rows, other_rows):
        table, y = credit()
        rows = np.arange(len(y)) if everything else train_rows
        shares = table[name].map(table.iloc[rows].assign(bad=y[rows]).groupby(name)["bad"].mean())
        shares = shares.fillna(y[rows].mean()).to_numpy()
        parts = encode(train_rows, other_rows)
        return [np.column_stack([X, shares[rows]]) for X, rows in zip(parts, (train_rows, other_rows))]

    return encode_shares


right("02b.1", "shares of the training rows beside the words")(lambda: answer_1(encode=means_of_labels(False)))


def scaled_by(function):
    return encode_with(scaler=scaler("FunctionTransformer", func=function))


for name, code, function in (
    ("shares of all rows beside the words", "leak-labels", means_of_labels(True)),
    ("shares of all rows for another column", "leak-labels", means_of_labels(True, "marital")),
    ("divided by the variance", "too-small", lambda *rows: scaled_by(lambda X: (X - X.mean(0)) / X.var(0))(*rows)),
    ("not divided", "unscaled-inputs", lambda *rows: scaled_by(lambda X: X - X.mean(0))(*rows)),
    ("divided by a thousand", "unscaled-inputs", lambda *rows: scaled_by(lambda X: X / 1000)(*rows)),
    ("divided by a million", "too-small", lambda *rows: scaled_by(lambda X: X / 1e6)(*rows)),
    ("fitted on both parts", "leak-other-rows", encode_both),
    ("fitted on the whole table", "leak-all-rows", encode_all),
    ("only the scaler fitted on the whole table", "leak-all-rows", encode_scaler_all),
    ("gaps filled first, median", "leak-imputation", encode_filled_first("median")),
    ("gaps filled first, mean", "leak-imputation", encode_filled_first("mean")),
    ("gaps filled first, then the logarithm", "leak-imputation", encode_filled_first_then_log),
    ("each part scaled by itself", "fitted-twice", encode_twice),
    ("columns of each part's own words", "columns-differ", encode_dummies),
    ("columns of both parts' words", "columns-differ", encode_words_of_both),
    ("words as numbers", "not-one-hot", lambda *rows: ordinal()(*rows)),
    ("the label among the inputs", "label-in-inputs", with_status),
    ("not scaled", "unscaled-inputs", lambda *rows: encode_with(scaler=scaler("FunctionTransformer"))(*rows)),
    ("gaps left", "gaps-left", with_gaps),
    ("fails on a new word", "unknown-word", lambda *rows: strict_words()(*rows)),
    ("other words named otherwise", "other-part-differs", lambda *rows: encode_renamed(*rows)),
    ("numbers of the other part in another order", "other-part-differs", lambda *rows: encode_reordered(*rows)),
    ("the other part's first words dropped", "other-part-differs", lambda *rows: encode_first_dropped(*rows)),
    ("sparse", "sparse", lambda *rows: [__import__("scipy.sparse").sparse.csr_matrix(X) for X in encode(*rows)]),
    ("income left out", "column-lost", lambda *rows: [np.delete(X, 4, axis=1) for X in encode(*rows)]),
    ("words left out", "not-one-hot", lambda *rows: [X[:, :9] for X in encode(*rows)]),
    ("rows mixed up", "not-one-hot|column-lost", lambda *rows: [X[::-1] for X in encode(*rows)]),
    ("one part", "wrong-type", lambda *rows: encode(*rows)[0]),
    ("a sparse column transformer", "sparse", lambda *rows: sparse_words()(*rows)),
):

    @wrong("02b.1", code, name)
    def _(function=function):
        return answer_1(encode=function)


def ordinal():
    return encode_with(words=scaler("OrdinalEncoder", handle_unknown="use_encoded_value", unknown_value=-1,
                                    encoded_missing_value=-2))  # fmt: skip


def sparse_words():
    """The encoder of words is dense; the ColumnTransformer would decide otherwise."""

    def encode(train_rows, other_rows):
        table = credit()[0]
        encoder = pipeline(words=scaler("OneHotEncoder", handle_unknown="ignore")())
        encoder.sparse_threshold = 1.0
        return encoder.fit_transform(table.iloc[train_rows]), encoder.transform(table.iloc[other_rows])

    return encode


def strict_words():
    return encode_with(words=scaler("OneHotEncoder", sparse_output=False))


# --- 02b.2


def balanced(y):
    counts = np.bincount(y, minlength=2)
    return {k: len(y) / (2 * counts[k]) for k in (0, 1)}


def balanced_sklearn(y):
    from sklearn.utils.class_weight import compute_class_weight

    return compute_class_weight("balanced", classes=np.array([0, 1]), y=y)


@cache
def arrays():
    train, val, test = parts()
    X_train, X_val = encode(train, val)
    return X_train, X_val, encode(train, test)[1], *(credit()[1][rows] for rows in (train, val, test))


@trained_once
def logistic(**settings):
    from sklearn.linear_model import LogisticRegression

    X_train, _, _, y_train, _, _ = arrays()
    return LogisticRegression(max_iter=1000, **settings).fit(X_train, y_train)


@cache
def keras_logistic(style="sigmoid"):
    """The weights of the logistic regression in a Keras layer."""
    import keras
    from keras import layers

    fitted = logistic(class_weight="balanced")
    W, b = fitted.coef_.T, fitted.intercept_
    inputs = keras.Input((W.shape[0],))
    if style == "softmax":
        outputs, W, b = layers.Dense(2, "softmax")(inputs), np.hstack([-W, W]) / 2, np.append(-b, b) / 2
    else:
        outputs = layers.Dense(1, None if style == "logits" else "sigmoid")(inputs)
    model = keras.Model(inputs, outputs)
    model.set_weights([W, b])
    return model


@trained_once
def forest(everything=False):
    from sklearn.ensemble import RandomForestClassifier

    X_train, X_val, X_test, y_train, y_val, y_test = arrays()
    X, y = (np.vstack([X_train, X_test]), np.append(y_train, y_test)) if everything else (X_train, y_train)
    model = RandomForestClassifier(
        60, min_samples_leaf=1 if everything else 15, class_weight="balanced", random_state=0
    )
    return model.fit(X, y)


@trained_once
def over_sampled_after():
    """The bad training rows copied until both classes are equally large: right, after the split."""
    from sklearn.linear_model import LogisticRegression

    X, _, _, y, _, _ = arrays()
    bad = np.random.default_rng(0).choice(np.flatnonzero(y == 1), (y == 0).sum())
    rows = np.concatenate([np.flatnonzero(y == 0), bad])
    return LogisticRegression(max_iter=1000).fit(X[rows], y[rows])


class Cut:
    """A class of one's own: the plain model, cut at the share of the bad customers."""

    def predict(self, X):
        return (logistic().predict_proba(X)[:, 1] > 0.28).astype(int)


def constant(strategy, **settings):
    from sklearn.dummy import DummyClassifier

    X_train, _, _, y_train, _, _ = arrays()
    return DummyClassifier(strategy=strategy, **settings).fit(X_train, y_train)


def swapped_labels():
    from sklearn.linear_model import LogisticRegression

    X_train, _, _, y_train, _, _ = arrays()
    return LogisticRegression(class_weight="balanced", max_iter=1000).fit(X_train, 1 - y_train)


def answer_2(model=None, weights=balanced, split=parts):
    return {
        "balanced_weights": weights,
        "model": logistic(class_weight="balanced") if model is None else model,
        "encode": encode,
        "split": split(),
    }


for name, build in {
    "logistic regression": lambda: answer_2(),
    "keras, a sigmoid": lambda: answer_2(keras_logistic(), balanced_sklearn),
    "keras, weights as a list": lambda: answer_2(keras_logistic(), lambda y: [0.5 / np.mean(y == k) for k in (0, 1)]),
    "keras, softmax": lambda: answer_2(
        keras_logistic("softmax"), lambda y: {0: len(y) / 2 / (len(y) - y.sum()), 1: len(y) / 2 / y.sum()}
    ),
    "a forest": lambda: answer_2(forest()),
    "copied after the split": lambda: answer_2(over_sampled_after()),
    "a cut of one's own": lambda: answer_2(Cut(), lambda y: {np.int64(k): 0.5 / np.mean(y == k) for k in (0, 1)}),
}.items():
    right("02b.2", name)(build)

for name, code, build in (
    ("logits", "logits", lambda: answer_2(keras_logistic("logits"))),
    ("always good", "all-majority", lambda: answer_2(constant("most_frequent"))),
    ("always bad", "all-minority", lambda: answer_2(constant("constant", constant=1))),
    ("no weights", "rare-class-ignored", lambda: answer_2(logistic())),
    ("weights times ten", "all-minority", lambda: answer_2(heavy())),
    ("weights used twice", "weights-twice", lambda: answer_2(weighted_twice())),
    ("trained on the test rows", "trained-on-test", lambda: answer_2(forest(True))),
    ("copied before the split", "over-sampled-before-split", lambda: answer_2(split=over_sampled)),
    ("labels exchanged", "labels-swapped", lambda: answer_2(swapped_labels())),
    ("weights exchanged in the fit", "fewer-than-without-weights", lambda: answer_2(exchanged())),
    ("a forest that has seen all rows", "trained-on-test", lambda: answer_2(forest_of_all())),
    ("a class", "a-class", lambda: answer_2(type(logistic()))),
    ("what fit returns", "a-history", lambda: answer_2(trained()[2])),
    ("a coin", "recall", lambda: answer_2(constant("stratified", random_state=0))),
    ("keras, never fitted", "recall|balanced", lambda: answer_2(random_keras())),
    ("equal weights", "equal-weights", lambda: answer_2(weights=lambda y: {0: 1.0, 1: 1.0})),
    ("weights exchanged", "weights-swapped", lambda: answer_2(weights=lambda y: {0: np.mean(y == 0), 1: np.mean(y)})),
    (
        "mean weight not one",
        "not-normalised",
        lambda: answer_2(weights=lambda y: {0: 1.0, 1: np.sum(y == 0) / y.sum()}),
    ),
    ("half forgotten", "not-normalised", lambda: answer_2(weights=lambda y: {0: 1 / np.mean(y == 0), 1: 1 / y.mean()})),
    ("rounded", "weights", lambda: answer_2(weights=lambda y: {0: 0.6, 1: 2.0})),
    ("words as keys", "wrong-type", lambda: answer_2(weights=lambda y: {"good": 0.6, "bad": 2.0})),
    ("one weight a row", "wrong-shape", lambda: answer_2(weights=lambda y: np.where(y == 1, 2.0, 0.6))),
    ("squared", "counts-squared", lambda: answer_2(weights=lambda y: {k: w**2 for k, w in balanced(y).items()})),
    ("one over the square", "counts-squared", lambda: answer_2(weights=lambda y: 1e4 / np.bincount(y) ** 2.0)),
):
    wrong("02b.2", code, name)(build)


def random_keras():
    """Weights as they are drawn, from a seed by which about half of each class is right."""
    import keras

    model = keras.models.clone_model(keras_logistic())
    W = np.random.default_rng(0).normal(size=model.get_weights()[0].shape)
    X = arrays()[0]
    model.set_weights([W, -np.median(X @ W, axis=0)])
    return model


def exchanged():
    w = balanced(arrays()[3])
    return logistic_with({0: w[1], 1: w[0]})


def logistic_with(class_weight):
    from sklearn.linear_model import LogisticRegression

    X_train, _, _, y_train, _, _ = arrays()
    return LogisticRegression(max_iter=1000, class_weight=class_weight).fit(X_train, y_train)


@trained_once
def forest_of_all():
    """Smoother than a forest of single rows, and still too good."""
    from sklearn.ensemble import RandomForestClassifier

    X, y = np.vstack(arrays()[:3]), np.concatenate(arrays()[3:])
    return RandomForestClassifier(60, min_samples_leaf=5, class_weight="balanced", random_state=0).fit(X, y)


@cache
def weighted_twice():
    X_train, _, _, y_train, _, _ = arrays()
    weights = len(y_train) / 2 / np.bincount(y_train)
    model = type(logistic())(class_weight=dict(enumerate(weights)), max_iter=1000)
    return model.fit(X_train, y_train, sample_weight=weights[y_train])


def heavy():
    return logistic_with({0: 0.05, 1: 5.0})


# --- 02b.3


@trained_once
def trained():
    """Weights of every epoch of a small overfitting network, and what `fit` recorded."""
    import keras
    from keras import layers

    X_train, X_val, _, y_train, y_val, _ = arrays()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(X_train.shape[1:]), layers.Dense(64, "relu"), layers.Dense(1, "sigmoid")])
    metrics = ["accuracy", keras.metrics.AUC(name="auc")]
    model.compile(keras.optimizers.Adam(0.03), "binary_crossentropy", metrics=metrics)
    kept = []
    record = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()))
    history = model.fit(
        X_train, y_train, validation_data=(X_val, y_val), epochs=10, batch_size=256, verbose=0, callbacks=[record]
    )
    return model, kept, history


def epoch(number, style="sequential"):
    """The network with the weights of one epoch."""
    import keras
    from keras import layers

    model, kept, _ = trained()
    if style == "functional":
        inputs = keras.Input((kept[0][0].shape[0],))
        again = keras.Model(inputs, layers.Dense(1, "sigmoid")(layers.Dense(64, "relu")(inputs)))
    elif style == "logits":
        again = keras.Sequential([keras.Input((kept[0][0].shape[0],)), layers.Dense(64, "relu"), layers.Dense(1)])
    else:
        again = keras.models.clone_model(model)
    again.set_weights(kept[number])
    return again


def recorded(*names):
    history = trained()[2].history
    return {key: history[key] for key in (names or history)}


def best(key="val_loss"):
    values = np.array(recorded()[key])
    return int(values.argmin() if "loss" in key else values.argmax())


def losses_on_test():
    """What the history would hold with the test rows as validation data."""
    _, _, X, _, _, y = arrays()
    losses = []
    for W1, b1, W2, b2 in trained()[1]:
        p = 1 / (1 + np.exp(-(np.maximum(0, X @ W1 + b1) @ W2 + b2)[:, 0]))
        losses.append(-np.mean(np.where(y == 1, np.log(p), np.log(1 - p))))
    return losses


def hardly_apart():
    """A model whose losses on validation and test rows differ by 0.0003 only, and a history of the test rows."""
    from scipy.optimize import brentq
    from sklearn.metrics import log_loss

    _, X_val, X_test, _, y_val, y_test = arrays()
    logistic = logistic_with(None)

    def blended(X, share):
        return 0.28 + share * (logistic.predict_proba(X)[:, 1] - 0.28)

    def apart(share):
        return abs(log_loss(y_val, blended(X_val, share)) - log_loss(y_test, blended(X_test, share)))

    share = brentq(lambda share: apart(share) - 3e-4, 0, 1)
    lowest = log_loss(y_test, blended(X_test, share))
    return lambda X: blended(X, share), {"val_loss": [0.7, lowest, 0.7]}


def answer_3(model, history=None):
    return {
        "best_model": model,
        "history": recorded() if history is None else history,
        "encode": encode,
        "split": parts(),
    }


def frame():
    import pandas as pd

    return pd.DataFrame(recorded("loss", "val_loss"))


class OwnNetwork:
    """A class of one's own that predicts one number a row."""

    def predict(self, X):
        return np.ravel(epoch(best())(X.astype("float32")))


for name, build in {
    "the lowest validation loss": lambda: answer_3(epoch(best()), trained()[2]),
    "functional, a dict": lambda: answer_3(epoch(best(), style="functional"), recorded("loss", "val_loss")),
    "logits, a table": lambda: answer_3(epoch(best(), style="logits"), frame()),
    "a penalty on the weights": lambda: answer_3(*regularised()),
    "by the area": lambda: answer_3(epoch(best("val_auc")), recorded("auc", "val_auc")),
    "by the accuracy": lambda: answer_3(epoch(best("val_accuracy"))),
    "a class of one's own": lambda: answer_3(OwnNetwork()),
}.items():
    right("02b.3", name)(build)

for name, code, build in (
    ("the last epoch", "last-epoch", lambda: answer_3(epoch(-1), recorded("loss", "val_loss"))),
    ("the epoch before the last", "not-best", lambda: answer_3(epoch(-2), recorded("loss", "val_loss"))),
    ("the last epoch, by the area", "best-epoch", lambda: answer_3(epoch(-1), recorded("auc", "val_auc"))),
    ("no validation", "no-validation", lambda: answer_3(epoch(-1), recorded("loss", "accuracy"))),
    (
        "chosen on the test rows",
        "chosen-on-test",
        lambda: answer_3(epoch(np.argmin(losses_on_test())), {"val_loss": losses_on_test()}),
    ),
    (
        "stopped too early",
        "still-improving",
        lambda: answer_3(epoch(0), {"loss": [0.6], "val_loss": recorded()["val_loss"][:1]}),
    ),
    ("the last epoch, too sure of a customer", "last-epoch", lambda: answer_3(*too_sure())),
    ("another network", "not-in-history", lambda: answer_3(keras_logistic(), recorded("val_loss"))),
    ("never fitted", "not-in-history", lambda: answer_3(unfitted_network(), recorded("loss", "val_loss"))),
    (
        "chosen on the test rows, by accident near",
        "chosen-on-test",
        lambda: answer_3(epoch(np.argmin(losses_on_test())), {"loss": [0.5] * 10, "val_loss": losses_on_test()}),
    ),
    ("test rows hardly apart", "chosen-on-test", lambda: answer_3(*hardly_apart())),
    ("a validation split", "validation-split", lambda: answer_3(*split_off())),
    ("the area on the test rows", "chosen-on-test", lambda: answer_3(*area_on_test())),
    ("a network that has learned nothing", "auc", lambda: answer_3(*nothing_learned())),
    ("the training rows validate", "chosen-on-train", lambda: answer_3(epoch(-2), training_losses())),
    ("a file name", "a-file-name", lambda: answer_3(__import__("pathlib").Path("best.keras"))),
    ("the history for the model", "a-history", lambda: answer_3(trained()[2])),
    ("arguments exchanged", "not-a-history", lambda: answer_3(epoch(best()), epoch(best()))),
    ("a history without epochs", "no-validation", lambda: answer_3(epoch(best()), {"val_loss": []})),
    ("three columns", "wrong-shape", lambda: answer_3(lambda X: np.zeros((len(X), 3)))),
):
    wrong("02b.3", code, name)(build)


def losses_on(X, y):
    losses = []
    for W1, b1, W2, b2 in trained()[1]:
        p = 1 / (1 + np.exp(-(np.maximum(0, X @ W1 + b1) @ W2 + b2)[:, 0]))
        losses.append(-np.mean(np.where(y == 1, np.log(p), np.log(1 - p))))
    return losses


def too_sure():
    """A network that is wrong about one customer and so sure that its probabilities tell a smaller loss than Keras sees."""
    import keras
    from keras import layers

    fitted, V, y = logistic_with(None), arrays()[1], arrays()[4]
    W, assets = fitted.coef_.T, NUMBERS.index("assets")
    unit = np.eye(len(W))[:, [assets]]
    hidden = np.hstack([W, -W, unit]), np.append(np.zeros(2), 1 - V[y == 1, assets].max())
    out = np.array([[1.0], [-1.0], [-30.0]]), fitted.intercept_
    model = keras.Sequential([keras.Input((len(W),)), layers.Dense(3, "relu"), layers.Dense(1, "sigmoid")])
    model.set_weights([*hidden, *out])
    z = (np.maximum(0, V @ hidden[0] + hidden[1]) @ out[0] + out[1])[:, 0]
    losses = [np.mean(np.logaddexp(0, np.where(y == 1, -z, z))) for z in (fitted.decision_function(V), z)]
    return model, {"val_loss": [0.6, *losses]}


def split_off():
    """An epoch in the middle is made the lowest of losses on the last fifth of the training rows."""
    X, _, _, y, _, _ = arrays()
    start = int(0.8 * len(y))
    losses = losses_on(X[start:], y[start:])
    return epoch(4), {"val_loss": [losses[4] + 0.05, losses[4], losses[4] + 0.03]}


def answers_on(i, weights):
    """Probabilities and labels of the training (0), validation (1) or test (2) rows."""
    W1, b1, W2, b2 = weights
    return 1 / (1 + np.exp(-(np.maximum(0, arrays()[i] @ W1 + b1) @ W2 + b2)[:, 0])), arrays()[3 + i]


def area_on_test():
    """The epoch with the largest area on the test rows, and the areas there as those of the history."""
    from sklearn.metrics import roc_auc_score

    areas = [roc_auc_score(y, p) for p, y in (answers_on(2, weights) for weights in trained()[1])]
    return epoch(int(np.argmax(areas))), {"val_auc": [*areas, min(areas)]}


def nothing_learned():
    model = unfitted_network()
    p, y = answers_on(1, model.get_weights())
    loss = -np.mean(np.where(y == 1, np.log(p), np.log(1 - p)))
    return model, {"val_loss": [loss + 0.1, loss, loss + 0.1]}


def training_losses():
    X, _, _, y, _, _ = arrays()
    losses = losses_on(X, y)
    return {"val_loss": [losses[-2] + 0.05, losses[-2], losses[-2] + 0.03]}


def regularised():
    """A network with a penalty on its weights, which the recorded losses hold too."""
    import keras
    from keras import layers

    weights = trained()[1][best()]
    penalty = keras.regularizers.L2(1e-3)
    model = keras.Sequential(
        [keras.Input((weights[0].shape[0],)), layers.Dense(64, "relu", kernel_regularizer=penalty)]
        + [layers.Dense(1, "sigmoid")]
    )
    model.set_weights(weights)
    more = 1e-3 * np.sum(weights[0] ** 2)
    return model, {"val_loss": [value + more for value in recorded()["val_loss"]]}


def unfitted_network():
    import keras

    keras.utils.set_random_seed(0)
    return keras.models.clone_model(trained()[0])


# --- 02b.4


def roc(y, scores, weights=None, slip=None):
    """The right curve, or one with a usual slip."""
    weights = np.ones(len(y)) if weights is None else weights
    order = np.argsort(scores if slip == "ascending" else -scores, kind="stable")
    y, scores = y[order], scores[order]
    weights = weights if slip == "unsorted" else weights[order]
    keep = np.ones(len(y), bool) if slip == "ties" else np.append(scores[1:] != scores[:-1], True)
    for_tpr = np.ones(len(y)) if slip in ("ignored", "FPR only") else weights
    for_fpr = np.ones(len(y)) if slip in ("ignored", "TPR only") else weights
    up, right_ = np.cumsum(for_tpr * y)[keep], np.cumsum(for_fpr * (1 - y))[keep]
    if slip == "counts":
        return np.append(0, right_), np.append(0, up)
    total = (len(y), len(y)) if slip == "all rows" else (right_[-1], up[-1])
    fpr, tpr = right_ / total[0], up / total[1]
    if slip != "no start":
        fpr, tpr = np.append(0, fpr), np.append(0, tpr)
    return (tpr, fpr) if slip == "swapped" else (fpr[::-1], tpr[::-1]) if slip == "falling" else (fpr, tpr)


def roc_cuts(y, scores, weights=None):
    """One cut after the other."""
    weights = np.ones(len(y)) if weights is None else weights
    fpr, tpr = [0.0], [0.0]
    for cut in sorted(set(scores), reverse=True):
        above = scores >= cut
        tpr.append(float(weights[above & (y == 1)].sum() / weights[y == 1].sum()))
        fpr.append(float(weights[above & (y == 0)].sum() / weights[y == 0].sum()))
    return fpr, tpr


def roc_with_cuts(*ends):
    """The scores as cuts, and these ends of 0 to 1 beside them."""

    def roc(y, scores):
        reached = scores >= np.unique([*ends, *scores])[::-1, None]
        return [reached[:, y == k].mean(axis=1) for k in (0, 1)]

    return roc


def roc_sklearn(y, scores, weights=None):
    from sklearn.metrics import roc_curve

    return roc_curve(y, scores, sample_weight=weights)[:2]


def roc_matrix(y, scores, weights=None):
    """All cuts at once, with cuts that are there twice, as one array of two rows."""
    weights = np.ones(len(y)) if weights is None else weights
    above = scores >= np.append(np.inf, np.sort(scores)[::-1])[:, None]
    return np.stack([(above * weights)[:, y == k].sum(axis=1) / weights[y == k].sum() for k in (0, 1)])


def roc_float32(y, scores, weights=None):
    return [part.astype("float32") for part in roc(y, scores, weights)]


def area(fpr, tpr):
    return np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2)


def area_loop(fpr, tpr):
    total = 0.0
    for i in range(1, len(fpr)):
        total += (fpr[i] - fpr[i - 1]) * (tpr[i] + tpr[i - 1]) / 2
    return total


def area_sklearn(fpr, tpr):
    from sklearn.metrics import auc

    return auc(fpr, tpr)


def area_interpolated(fpr, tpr):
    from scipy.integrate import trapezoid

    return np.array([trapezoid(tpr, fpr)])


for name, functions in {
    "cumulative sums": (roc, area),
    "a loop over cuts, lists": (roc_cuts, area_loop),
    "scikit-learn": (roc_sklearn, area_sklearn),
    "a matrix of cuts": (roc_matrix, area_interpolated),
    "float32": (roc_float32, lambda fpr, tpr: float(np.diff(fpr) @ (tpr[1:] + tpr[:-1])) / 2),
}.items():

    @right("02b.4", name)
    def _(functions=functions):
        return {"roc": lambda y, scores: functions[0](y, scores), "area": functions[1]}


def coarse(y, scores):
    from_above = np.linspace(1.2, -0.2, 15)
    return [[np.mean(scores[y == k] >= cut) for cut in from_above] for k in (0, 1)]


def grid(y, scores):
    """More cuts than scores, and several scores between two of them."""
    cuts = np.concatenate([np.full(200, 1.2), np.linspace(1.2, -0.2, 50)])
    return [[np.mean(scores[y == k] >= cut) for cut in cuts] for k in (0, 1)]


def above(y, scores):
    return [[np.mean(scores[y == k] > cut) for cut in np.unique(scores)[::-1]] for k in (0, 1)]


def unsorted_cuts(y, scores):
    return [[0.0, *(np.mean(scores[y == k] >= cut) for cut in scores), 1.0] for k in (0, 1)]


for name, code, function in (
    ("ties one by one", "ties", lambda y, s: roc(y, s, slip="ties")),
    ("axes exchanged", "axes-swapped", lambda y, s: roc(y, s, slip="swapped")),
    ("sorted upwards", "wrong-order", lambda y, s: roc(y, s, slip="ascending")),
    ("counts", "counts", lambda y, s: roc(y, s, slip="counts")),
    ("over all rows", "not-rates", lambda y, s: roc(y, s, slip="all rows")),
    ("no first point", "no-start", lambda y, s: roc(y, s, slip="no start")),
    ("from a cut at 1", "no-start", roc_with_cuts(0, 1)),
    ("from a cut at 1.1", "range", roc_with_cuts(1.1)),
    ("from the lowest cut", "falling", lambda y, s: roc(y, s, slip="falling")),
    ("fifteen cuts", "cuts-missing", coarse),
    ("a fine grid of cuts", "cuts-missing", lambda y, s: grid(y, s)),
    ("above the cut, not at it", "lowest-cut", lambda y, s: above(y, s)),
    ("the lowest cut left out", "lowest-cut", lambda y, s: [part[:-1] for part in roc(y, s)]),
    ("cuts not sorted", "not-rising", unsorted_cuts),
    ("three things", "wrong-type", lambda y, s: __import__("sklearn.metrics").metrics.roc_curve(y, s)),
    ("a diagonal", "cuts-missing", lambda y, s: ([0, 1], [0, 1])),
    ("a curve of its own", "roc", lambda y, s: ([0, 0.3, 1], [0, 0.8, 1])),
    ("lengths differ", "wrong-shape", lambda y, s: ([0, 0.3, 1], [0, 1])),
):

    @wrong("02b.4", code, name)
    def _(function=function):
        return {"roc": function, "area": area}


for name, code, function in (
    ("rectangles", "rectangles", lambda f, t: np.sum(np.diff(f) * t[1:])),
    ("lower rectangles", "rectangles", lambda f, t: np.sum(np.diff(f) * t[:-1])),
    ("negative", "negative", lambda f, t: np.sum((f[:-1] - f[1:]) * (t[1:] + t[:-1]) / 2)),
    ("the other side", "axes-swapped", lambda f, t: area(t, f)),
    ("half forgotten", "twice", lambda f, t: 2 * area(f, t)),
    ("mean height", "no-widths", lambda f, t: np.mean(t)),
    ("above the diagonal", "above-diagonal", lambda f, t: area(f, t) - 0.5),
    ("always one half", "area", lambda f, t: 0.5),
    ("an array", "wrong-shape", lambda f, t: np.diff(f) * t[1:]),
):

    @wrong("02b.4", code, f"area: {name}")
    def _(function=function):
        return {"roc": lambda y, scores: roc(y, scores), "area": function}


# --- 02b.5


def pair_mass(X):
    pt1, eta1, phi1, pt2, eta2, phi2 = X.T
    return np.sqrt(2 * pt1 * pt2 * (np.cosh(eta1 - eta2) - np.cos(phi1 - phi2)))


def mass_from_vectors(X):
    """Energies and momenta, added."""
    total = np.zeros((len(X), 4))
    for pt, eta, phi in (X[:, :3].T, X[:, 3:].T):
        total += np.column_stack([pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)])
    return np.sqrt(total[:, 0] ** 2 - (total[:, 1:] ** 2).sum(axis=1))


def mass_loop(X):
    import math

    return [math.sqrt(2 * a * d * (math.cosh(b - e) - math.cos(c - f))) for a, b, c, d, e, f in X]


def mass_keras(X):
    import keras

    ops, X = keras.ops, X.astype("float32")
    inside = ops.cosh(X[:, 1] - X[:, 4]) - ops.cos(X[:, 2] - X[:, 5])
    return ops.sqrt(2 * X[:, 0] * X[:, 3] * inside)[:, None]


def log_scaled(train, values):
    logs = np.log(train)
    return (np.log(values) - logs.mean()) / logs.std()


def scaled_sklearn(train, values):
    from sklearn.preprocessing import StandardScaler

    fitted = StandardScaler().fit(np.log(train)[:, None])
    return fitted.transform(np.log(values)[:, None])


def scaled_pandas(train, values):
    import pandas as pd

    logs = pd.Series(train).apply(np.log10)
    return (np.log10(values) - logs.mean()) / logs.std()


def scaled_robust(train, values):
    low, middle, high = np.quantile(np.log(train), (0.25, 0.5, 0.75))
    return (np.log(values) - middle) / (high - low)


for name, functions in {
    "the formula": (pair_mass, log_scaled),
    "four-vectors, scikit-learn": (mass_from_vectors, scaled_sklearn),
    "a loop, base 10": (mass_loop, scaled_pandas),
    "Keras operations, float32": (mass_keras, lambda t, v: log_scaled(t.astype("float32"), v.astype("float32"))),
    "lists": (lambda X: pair_mass(X).tolist(), lambda t, v: log_scaled(t, v).tolist()),
    "half angles, base 2": (
        lambda X: (
            2
            * np.sqrt(
                X[:, 0] * X[:, 3] * (np.sinh((X[:, 1] - X[:, 4]) / 2) ** 2 + np.sin((X[:, 2] - X[:, 5]) / 2) ** 2)
            )
        ),
        lambda t, v: ((np.log2(v) - np.log2(t).mean()) / np.log2(t).std()).tolist(),
    ),
}.items():

    @right("02b.5", name)
    def _(functions=functions):
        return {"pair_mass": functions[0], "log_scaled": functions[1]}


def mass_of(X, of_eta, of_phi, change=lambda bracket: bracket):
    bracket = of_eta(X[:, 1] - X[:, 4]) - of_phi(X[:, 2] - X[:, 5])
    return np.sqrt(2 * X[:, 0] * X[:, 3] * change(bracket))


def cosh_cos(X):
    return np.cosh(X[:, 1] - X[:, 4]), np.cos(X[:, 2] - X[:, 5])


for name, code, function in (
    ("squares", "no-root", lambda X: pair_mass(X) ** 2),
    ("no factor 2", "no-factor-two", lambda X: pair_mass(X) / np.sqrt(2)),
    ("plus", "plus-sign", lambda X: np.sqrt(2 * X[:, 0] * X[:, 3] * sum(cosh_cos(X)))),
    ("no eta", "no-eta", lambda X: np.sqrt(2 * X[:, 0] * X[:, 3] * (1 - cosh_cos(X)[1]))),
    (
        "cosine of eta",
        "not-finite",
        lambda X: np.sqrt(2 * X[:, 0] * X[:, 3] * (np.cos(X[:, 1] - X[:, 4]) - cosh_cos(X)[1])),
    ),
    (
        "angles added",
        "sum-of-angles",
        lambda X: np.sqrt(2 * X[:, 0] * X[:, 3] * (np.cosh(X[:, 1] + X[:, 4]) - np.cos(X[:, 2] + X[:, 5]))),
    ),
    (
        "eta added",
        "sum-of-eta",
        lambda X: np.sqrt(2 * X[:, 0] * X[:, 3] * (np.cosh(X[:, 1] + X[:, 4]) - cosh_cos(X)[1])),
    ),
    (
        "phi added",
        "sum-of-phi",
        lambda X: np.sqrt(2 * X[:, 0] * X[:, 3] * (cosh_cos(X)[0] - np.cos(X[:, 2] + X[:, 5]))),
    ),
    (
        "phi as degrees",
        "degrees",
        lambda X: np.sqrt(2 * X[:, 0] * X[:, 3] * (cosh_cos(X)[0] - np.cos(np.deg2rad(X[:, 2] - X[:, 5])))),
    ),
    (
        "phi into degrees",
        "to-degrees",
        lambda X: np.sqrt(2 * X[:, 0] * X[:, 3] * (cosh_cos(X)[0] - np.cos(np.rad2deg(X[:, 2] - X[:, 5])))),
    ),
    (
        "phi modulo pi",
        "modulo-pi",
        lambda X: np.sqrt(2 * X[:, 0] * X[:, 3] * (cosh_cos(X)[0] - np.cos((X[:, 2] - X[:, 5]) % np.pi))),
    ),
    ("functions exchanged", "functions-exchanged", lambda X: mass_of(X, np.cos, np.cosh)),
    ("functions exchanged, without sign", "functions-exchanged", lambda X: mass_of(X, np.cos, np.cosh, np.abs)),
    ("cosh of phi", "cosh-of-phi", lambda X: mass_of(X, np.cosh, np.cosh)),
    ("turned round", "order", lambda X: mass_of(X, np.cosh, np.cos, np.negative)),
    ("eta and phi exchanged", "functions-exchanged", lambda X: pair_mass(X[:, [0, 2, 1, 3, 5, 4]])),
    ("one momentum twice", "one-momentum", lambda X: pair_mass(X[:, [0, 1, 2, 0, 4, 5]])),
    ("factor outside", "factor-outside", lambda X: np.sqrt(2) * pair_mass(X)),
    ("logarithm of a negative number", "not-finite", lambda X: np.log(-pair_mass(X))),
    ("reciprocal", "mass", lambda X: 1 / pair_mass(X)),
    ("MeV", "in-mev", lambda X: 1000 * pair_mass(X)),
    ("cosine of eta, without sign", "cos-of-eta", lambda X: mass_of(X, np.cos, np.cos, np.abs)),
    ("sinh of eta", "sinh", lambda X: mass_of(X, np.sinh, np.cos)),
    ("sinh of eta, without sign", "sinh", lambda X: mass_of(X, np.sinh, np.cos, np.abs)),
    ("momenta added", "momenta-added", lambda X: np.sqrt(2 * (X[:, 0] + X[:, 3]) * (cosh_cos(X)[0] - cosh_cos(X)[1]))),
    ("sum of momenta", "mass", lambda X: X[:, 0] + X[:, 3]),
    ("one number", "wrong-shape", lambda X: pair_mass(X).mean()),
):

    @wrong("02b.5", code, name)
    def _(function=function):
        return {"pair_mass": function, "log_scaled": log_scaled}


for name, code, function in (
    ("no logarithm", "no-log", lambda t, v: (v - t.mean()) / t.std()),
    ("log(1 + m)", "log1p", lambda t, v: log_scaled(1 + t, 1 + v)),
    ("its own mean", "own-statistics", lambda t, v: log_scaled(v, v)),
    ("mean of both", "leak", lambda t, v: log_scaled(np.concatenate([t, v]), v)),
    ("logarithm alone", "not-standardised", lambda t, v: np.log(v)),
    ("mean alone", "no-deviation", lambda t, v: np.log(v) - np.log(t).mean()),
    ("variance", "variance", lambda t, v: (np.log(v) - np.log(t).mean()) / np.log(t).var()),
    ("deviation of the masses", "deviation-in-gev", lambda t, v: (np.log(v) - np.log(t).mean()) / t.std()),
    ("logarithm last", "log-last", lambda t, v: np.log((v - t.mean()) / t.std())),
    (
        "logarithm of the mean, deviation of the logarithms",
        "log-of-mean",
        lambda t, v: (np.log(v) - np.log(t.mean())) / np.log(t).std(),
    ),
    ("logarithm of the mean", "log-of-statistics", lambda t, v: (np.log(v) - np.log(t.mean())) / np.log(t.std())),
    ("to a range", "range", lambda t, v: (np.log(v) - np.log(t).min()) / np.ptp(np.log(t))),
    ("no mean", "no-mean", lambda t, v: np.log(v) / np.log(t).std()),
    ("wrong sign", "log-scaled", lambda t, v: -log_scaled(t, v)),
    ("by median and quartiles", "log-scaled", scaled_robust),
    ("the training part", "wrong-shape", lambda t, v: log_scaled(t, t)),
    ("zeros", "log-scaled", lambda t, v: np.zeros(len(v))),
):

    @wrong("02b.5", code, f"scale: {name}")
    def _(function=function):
        return {"pair_mass": pair_mass, "log_scaled": function}


# --- 02b.6


@cache
def events():
    from coursekit.data import make_lepton_pairs

    X, y, weights = make_lepton_pairs(n_samples=24_000, seed=0)
    return X[:16_000], y[:16_000], weights[:16_000]


def event_inputs(X):
    train = events()[0]
    columns = [log_scaled(pair_mass(train), pair_mass(X))]
    columns += [log_scaled(train[:, i], X[:, i]) for i in (0, 3)]
    return np.column_stack([*columns, X[:, 1] - X[:, 4]])


@trained_once
def event_trees(weighting="weights", **settings):
    """A small forest, which needs a fifth of a second on one core."""
    from sklearn.ensemble import RandomForestClassifier

    X, y, weights = events()
    totals = np.where(y == 1, weights[y == 1].sum(), weights[y == 0].sum())
    weights = {
        "weights": weights,
        "none": None,
        "balanced": len(y) * weights / totals,
        "inverse": 1 / np.maximum(weights, 1e-3),
    }[weighting]
    settings = {"min_samples_leaf": 25, "max_features": None, "max_samples": 0.6, **settings}
    return RandomForestClassifier(12, random_state=0, **settings).fit(event_inputs(X), y, sample_weight=weights)


@trained_once
def event_network(kind="sklearn"):
    X, y, weights = events()
    if kind in ("sklearn", "none", "balanced"):
        from sklearn.neural_network import MLPClassifier

        if kind == "balanced":
            weights = weights / np.where(y == 1, weights[y == 1].sum(), weights[y == 0].sum())
        settings = {} if kind == "none" else {"sample_weight": weights / weights.mean()}
        model = MLPClassifier((24,), solver="lbfgs", max_iter=100, random_state=0)
        return model.fit(event_inputs(X), y, **settings)
    import keras
    from keras import layers

    # The weights of the network that scikit-learn has trained, in Keras layers.
    fitted = event_network()
    inputs = keras.Input((4,))
    outputs = layers.Dense(1, None if kind == "logits" else "sigmoid")(layers.Dense(24, "relu")(inputs))
    model = keras.Model(inputs, outputs)
    model.set_weights([part for pair in zip(fitted.coefs_, fitted.intercepts_) for part in pair])
    return model


@trained_once
def event_line():
    from sklearn.linear_model import LogisticRegression

    X, y, weights = events()
    return LogisticRegression().fit(event_inputs(X), y, sample_weight=weights)


def keras_line():
    """The line in a network with a hidden layer, whose units have learned nothing more."""
    import keras
    from keras import layers

    W, b = event_line().coef_.T, event_line().intercept_
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2, "relu"), layers.Dense(1, "sigmoid")])
    model.set_weights([np.hstack([W, -W]), np.zeros(2), np.array([[1.0], [-1.0]]), b])
    return model


def a_little_low():
    """A network without weights whose mean probability has not quite reached the drawn share of signal."""
    model = event_network("none")
    return lambda Z: 0.965 * model.predict_proba(Z)[:, 1]


def raw_events():
    from sklearn.linear_model import LogisticRegression

    X, y, _ = events()
    return LogisticRegression(max_iter=10).fit(X, y)


class Swapped:
    """Gives the probability of background."""

    def predict(self, Z):
        return event_trees().predict_proba(Z)[:, 0]


class Rows:
    """A class of one's own that gives the probability of signal as a list."""

    def predict(self, Z):
        return event_trees().predict_proba(Z)[:, 1].tolist()


def answer_6(model=None, function=roc, inputs=event_inputs):
    function = (lambda y, scores, weights: roc(y, scores, weights)) if function is roc else function
    return {"weighted_roc": function, "event_model": event_trees() if model is None else model, "event_inputs": inputs}


for name, build in {
    "a forest": lambda: answer_6(),
    "scikit-learn's network, a loop over cuts": lambda: answer_6(event_network(), roc_cuts),
    "keras": lambda: answer_6(event_network("keras"), roc_sklearn),
    "keras, a matrix of cuts": lambda: answer_6(event_network("keras"), roc_matrix),
    "a class of one's own": lambda: answer_6(Rows(), roc_float32),
}.items():
    right("02b.6", name)(build)

for slip, code in {
    "ignored": "weights-ignored",
    "TPR only": "one-rate-only",
    "FPR only": "one-rate-only",
    "unsorted": "weights-unsorted",
    "counts": "counts",
    "ties": "ties",
    "ascending": "wrong-order",
    "swapped": "axes-swapped",
    "no start": "no-start",
    "all rows": "not-rates|counts",
}.items():

    @wrong("02b.6", code, f"curve: {slip}")
    def _(slip=slip):
        return answer_6(function=lambda y, scores, weights: roc(y, scores, weights, slip))


for name, code, build in (
    ("trained without weights", "weights-ignored", lambda: answer_6(event_trees("none"))),
    ("a network without weights, short of its share", "weights-ignored", lambda: answer_6(a_little_low())),
    ("a network, classes balanced", "classes-balanced", lambda: answer_6(event_network("balanced"))),
    ("logits", "logits", lambda: answer_6(event_network("logits"))),
    ("classes balanced", "classes-balanced", lambda: answer_6(event_trees("balanced"))),
    ("learned by heart", "probability", lambda: answer_6(event_trees(min_samples_leaf=1, max_samples=None))),
    ("fitted on the raw events", "raw-events", lambda: answer_6(raw_events())),
    ("a class", "a-class", lambda: answer_6(type(event_line()))),
    ("labels", "labels", lambda: answer_6(lambda Z: np.round(event_trees().predict_proba(Z)[:, 1]))),
    ("inverse weights", "probability", lambda: answer_6(event_trees("inverse"))),
    ("a line", "loss", lambda: answer_6(event_line())),
    ("a line in Keras", "loss", lambda: answer_6(keras_line())),
    ("probability of background", "labels-swapped", lambda: answer_6(Swapped())),
    ("constant", "constant", lambda: answer_6(lambda Z: np.full(len(Z), 0.2))),
    ("one question deep", "loss", lambda: answer_6(event_trees(max_depth=1))),
    ("noise", "loss", lambda: answer_6(lambda Z: 0.4 * np.random.default_rng(0).uniform(size=len(Z)))),
    ("a row short", "wrong-shape", lambda: answer_6(inputs=lambda X: event_inputs(X)[1:])),
):
    wrong("02b.6", code, name)(build)
