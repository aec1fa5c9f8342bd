# %% [markdown]
# # 02b · Real tables: rare classes and weighted events
#
# Real tables have gaps, words and rare classes, and in some of them one row counts more than another. Here you learn to
# treat each of these honestly, with one table from a bank and one from a particle detector.
#
# About 217 minutes in 3 sessions · CPU about 20 s · GPU optional
#
# **Before you start** you should have done notebook 02, and have met pandas tables.
#
# ## You will learn
#
# - how to turn a table with words and gaps into numbers without telling the model about the test rows;
# - how to train and judge a classifier when one class is rare, and how to keep its best epoch;
# - how to draw a ROC curve yourself, with and without weights, and why the weights change it.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # call this before importing Keras, so that TensorFlow's start-up messages stay hidden

import tempfile
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

# %% [markdown]
# Sessions 1 and 2 use this table of loans. All three sessions use `scores_of`, which asks a model of either library for the
# probability of class 1.

# %%
credit = ck.data.load_credit()
y = (credit["status"] == "bad").to_numpy().astype(int)
NUMBERS = ["seniority", "time", "age", "expenses", "income", "assets", "debt", "amount", "price"]
CATEGORIES = ["home", "marital", "records", "job"]


def scores_of(model, X):
    """The probability of class 1 for each row (or the label, of a model that gives no probability)."""
    if isinstance(model, keras.Model):
        return model.predict(X, verbose=0)[:, -1]
    if hasattr(model, "predict_proba"):
        return model.predict_proba(X)[:, 1]
    return model.predict(X)


# %% [markdown]
# ## Look at the data
#
# A lender has recorded 4,454 customers, and for each whether the loan was paid back (`status` "good") or not ("bad"). We
# call *bad* class 1, because bad customers are what the lender wants to find. `time` is the length of the loan, probably in
# months, `seniority` the years in the present job. For the amounts of money the source names no currency. The word "partime"
# is spelt like that in the table.

# %%
credit.head()

# %%
gaps = credit.isna().sum()
print(f"{y.mean():.1%} of {len(y)} customers are bad. Missing values:")
print(gaps[gaps > 0].to_string())

# %%
fig, axs = plt.subplots(1, 2, figsize=(9, 3.2), gridspec_kw={"width_ratios": [1.3, 1]})
for status, colour in (("good", "#0072B2"), ("bad", "#D55E00")):
    axs[0].hist(credit["income"][credit["status"] == status], bins=np.arange(0, 500, 20), density=True,
                histtype="step", linewidth=2, color=colour, label=status)
axs[0].set(xlabel="income", ylabel="density", title="Bad customers earn less")
axs[0].legend()
share = (credit["status"] == "bad").groupby(credit["job"]).mean().sort_values()
bars = axs[1].barh(share.index, share, color="#D55E00")
axs[1].bar_label(bars, [f"{value:.0%}" for value in share], padding=3)
axs[1].set(xlabel="share of bad customers", ylabel="job", title="The kind of job matters", xlim=(0, 0.7));

# %% tags=["claim"]
income = credit["income"].groupby(credit["status"]).median()
assert 0.6 < income["bad"] / income["good"] < 0.95, "Bad customers earn less"
assert share.max() > 2 * share.min(), "The kind of job matters"

# %% [markdown]
# ## Session 1 of 3 · From a table to a classifier
#
# About 78 minutes. What it needs: the cells above, pandas tables, and how a network is trained (01.5). You turn the table
# into numbers without a leak, and make a classifier pay attention to the rare class.

# %% [markdown]
# ## Predict before you run
#
# 1. A model answers "good" for everybody. What share of its answers is right? How many bad customers does it find?
# 2. You copy rows of bad customers until both classes are equally large, and then split into training and test rows. Will
#    the test score be too high, too low, or right?
#
# Write both answers down.

# %% [markdown]
# ## 02b.1 · Split, then encode
#
# **Goal:** split the rows into three parts, and turn each part into numbers with what the training rows alone tell.
#
# A network wants numbers of similar size. So gaps are filled (*imputed*) with a typical value such as the median, numbers
# are shifted and scaled to mean 0 and standard deviation 1, and a column with $k$ different words becomes $k$ columns of 0
# and 1 (*one-hot*). Medians, means and standard deviations are learned from data. If the test rows help to find them, the
# test is no longer a test. This is called a *leak*.
#
# scikit-learn has a tool for each step. All of them learn in `fit` and are applied by `transform`:
#
#     scaler = StandardScaler().fit(table_a)      # learns mean and standard deviation of A
#     scaler.transform(table_b)                   # applies those of A to B
#
# - `train_test_split(positions, test_size=0.25, stratify=labels)` gives two arrays, the second with 25 % of the positions.
#   With `stratify` both have the same share of each label; hand it the labels of exactly the rows that you split.
# - `SimpleImputer(strategy=...)` fills gaps, with `"mean"`, `"median"` or `"most_frequent"`.
# - `OneHotEncoder()` makes the columns of 0 and 1. It fails on a word that `fit` has not seen, unless you say
#   `handle_unknown="ignore"`. With `sparse_output=False` it gives an ordinary array.
# - `make_pipeline(a, b)` applies first `a`, then `b`.
# - `ColumnTransformer([("first", tool_a, list_of_columns), ("second", tool_b, other_columns)])` sends some columns through
#   one tool and the rest through another, and puts the results side by side.
#
# Write:
#
# - `train_rows`, `val_rows`, `test_rows`: whole numbers, positions in the table. Every row is in exactly one part. The parts
#   hold about 60 %, 20 % and 20 %, and the share of bad customers is the same in all three (*stratified*).
# - `encode(train_rows, other_rows)`: returns two float arrays of shapes (n_train, k) and (n_other, k), the encoded rows of
#   `NUMBERS` and `CATEGORIES`. It must work for any rows, also for a word that no training row has.

# %%
ck.expected("02b.1")

# %%
# [solution]
rows = np.arange(len(credit))
train_rows, rest = train_test_split(rows, test_size=0.4, stratify=y, random_state=seed)
val_rows, test_rows = train_test_split(rest, test_size=0.5, stratify=y[rest], random_state=seed)
# [stub]
# train_rows, val_rows, test_rows = ..., ..., ...
# [end]
split = train_rows, val_rows, test_rows

# %%
def encode(train_rows, other_rows):
    """Both parts as arrays of numbers; every statistic comes from the first."""
    train, other = credit.iloc[train_rows], credit.iloc[other_rows]
    # [solution]
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    encoder = ColumnTransformer([("numbers", numbers, NUMBERS), ("words", words, CATEGORIES)])
    X_train, X_other = encoder.fit_transform(train), encoder.transform(other)
    # [stub]
    # X_train, X_other = ..., ...
    # [end]
    return X_train, X_other


# %%
ck.check("02b.1", split=split, encode=encode)

# %%
# ck.hint("02b.1")  # remove the first # and run this line for a hint; run it again for the next one

# %%
if ck.ready("02b.1", split, encode):
    train_rows, val_rows, test_rows = split
    X_train, X_test = encode(train_rows, test_rows)
    y_train, y_test = y[train_rows], y[test_rows]
    print("encoded training rows:", X_train.shape)
    price, all_prices = credit["price"].iloc[train_rows], credit["price"]
    print(f"price: mean {price.mean():.1f} on the training rows, {all_prices.mean():.1f} on all rows")

# %% [markdown] tags=["reason"]
# **Why `fit` on one part and `transform` on the other.** An encoded row then depends on the training rows and on itself, and
# on nothing else. Two tests show much of that without reading any code. Exchange the other rows: nothing may change in the
# training part. Exchange the training rows: the numbers of the other part must change, or they come from elsewhere, perhaps
# from the whole table. The check does both.
#
# **Is it worth the trouble?** For a mean over thousands of rows the leak is small: the two mean prices hardly differ. Other
# leaks are not small: columns that were chosen by their correlation with all labels, words that were replaced by the mean
# label, rows that were copied before the split. One habit protects you from all of them: whatever is fitted is fitted on the
# training rows.
#
# **Why one-hot?** Coding `home` as 0, 1, 2, ... claims an order, for example that "parents" lies between "owner" and "priv".
# One-hot columns claim nothing.

# %% [markdown]
# ## 02b.2 · The rare class counts
#
# **Goal:** fit a classifier that finds the bad customers, by giving both classes the same say in the loss.
#
# The loss is a mean over the rows. With $n_0$ good and $n_1$ bad rows, and $n_0$ much larger, the good ones dominate it.
# So give each row of class $k$ the weight $w_k$. Two conditions fix the weights: both classes have the same total weight,
# $n_0 w_0 = n_1 w_1$, and the mean weight of a row is 1, so that $n_0 w_0 + n_1 w_1 = n$ with $n = n_0 + n_1$.
#
# The *accuracy* is the share of right answers. The *recall* of a class is the share of its rows that the model finds. A model
# with 90 % accuracy may have a recall of 0 for a rare class.
#
# - `balanced_weights(y)`: labels 0 or 1 of shape (n,); returns the dictionary `{0: w0, 1: w1}`. `np.bincount(y)` counts the
#   rows of each class.
# - `model`: a classifier fitted to `X_train`, `y_train`; it gives the probability of "bad", or the label. A kind of
#   model that takes class weights and does not memorise the rows will do, such as a logistic regression, a small
#   network, or a forest with `min_samples_leaf=10` (a single tree may fall short). In Keras hand the dictionary to
#   `fit` as `class_weight=`, in scikit-learn to the model, for example `LogisticRegression(class_weight=...)`. (Nearest
#   neighbours and `MLPClassifier` do not take them.)

# %%
ck.expected("02b.2")

# %%
def balanced_weights(y):
    """The weight of each class: equal totals, and mean 1 over the rows."""
    # [solution]
    counts = np.bincount(y, minlength=2)
    return {k: len(y) / (2 * counts[k]) for k in (0, 1)}
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
def fit_small(class_weight):
    """A small network, fitted with the class weights given."""
    small = keras.Sequential(
        [keras.Input(X_train.shape[1:]), layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")]
    )
    small.compile(keras.optimizers.Adam(0.005), "binary_crossentropy")
    small.fit(X_train, y_train, epochs=12, batch_size=64, class_weight=class_weight, verbose=0)
    return small


model = fit_small(balanced_weights(y_train))
# [stub]
# model = ...
# [end]

# %%
ck.check("02b.2", balanced_weights=balanced_weights, model=model, encode=encode, split=split)

# %%
# ck.hint("02b.2")

# %% tags=["picture-02b.2"]
if ck.ready("02b.2", model):
    truth = np.where(y_test == 1, "bad", "good")
    found = np.where(scores_of(model, X_test) > 0.5, "bad", "good")
    fig, ax = plt.subplots(figsize=(4.8, 4))
    ck.plot.confusion_matrix(truth, found, ax, labels=["good", "bad"], title="Most of the bad customers are found")

# %% [markdown]
# Compare your model with two others: one that answers "good" for everybody, and a logistic regression without weights. The
# first line answers your first prediction.

# %%
def report(name, labels):
    """One line: accuracy, and the recall of each class on the test rows."""
    recall_of_good = np.mean(labels[y_test == 0] == 0)
    recall_of_bad = np.mean(labels[y_test == 1] == 1)
    print(f"{name:<16} accuracy {np.mean(labels == y_test):.0%}   "
          f"recall of good {recall_of_good:.0%}   recall of bad {recall_of_bad:.0%}")


if ck.ready("02b.2", model):
    unweighted = LogisticRegression(max_iter=1000).fit(X_train, y_train)
    report("always good", np.zeros(len(y_test)))
    report("without weights", scores_of(unweighted, X_test) > 0.5)
    report("yours", scores_of(model, X_test) > 0.5)

# %% tags=["claim"]
said = {"plain": scores_of(unweighted, X_test) > 0.5, "weighted": scores_of(model, X_test) > 0.5}
recall = {name: np.mean(labels[y_test == 1]) for name, labels in said.items()}
accuracy = {name: np.mean(labels == y_test) for name, labels in said.items()}
assert recall["weighted"] > recall["plain"] + 0.1, "With weights more of the bad customers are found."
assert accuracy["weighted"] < accuracy["plain"], "Without weights the accuracy is higher."
assert recall["plain"] < 0.65, "Without weights about half of the bad customers are found."
assert recall["weighted"] > 0.6, "Most of the bad customers are found"

# %% [markdown]
# Now the second prediction: bad customers are copied first, and the rows are split afterwards. (The copies are 3,200
# draws at random: most bad customers come more than once, about 8 in 100 never.) The model looks up the *nearest
# neighbour*, the training row that is most similar, and gives its label.

# %%
def recall_of_bad(train, test):
    """The share of the bad test rows that a nearest-neighbour model finds."""
    X_known, X_asked = encode(train, test)
    neighbour = KNeighborsClassifier(1).fit(X_known, y[train])
    answers = neighbour.predict(X_asked)
    return np.mean(answers[y[test] == 1])


if ck.ready("02b.1", split, encode):
    good, bad = np.flatnonzero(y == 0), np.flatnonzero(y == 1)
    copied = np.concatenate([good, np.random.default_rng(seed).choice(bad, 3200)])
    copied_train, copied_test = train_test_split(copied, test_size=0.2, random_state=seed)
    print(f"recall of bad, copied before the split: {recall_of_bad(copied_train, copied_test):.0%}")
    print(f"recall of bad, honest split:            {recall_of_bad(train_rows, test_rows):.0%}")

# %% tags=["claim"]
assert recall_of_bad(copied_train, copied_test) > 0.8, "Copied before the split, the recall is about 90 per cent."
assert recall_of_bad(train_rows, test_rows) < 0.6, "With an honest split it is about half."

# %% [markdown] tags=["reason"]
# **Why accuracy misleads.** Without weights the accuracy is higher, because the many good customers count most, and only
# about half of the bad ones are found. With weights the model finds many more of them, and refuses more of the good ones.
# Which is better? That depends on what a missed bad customer costs, and what a refused good one. The weights make this
# choice visible.
#
# **Why the copies flatter.** Copying rows is another way to give them weight, but it has to come after the split. Copied
# before, the same customer stands on both sides, and the test asks for what was memorised. A nearest-neighbour model does
# nothing but memorise, and shows the effect at its worst: about 90 per cent instead of about half.

# %% [markdown]
# **A good place to stop.** In session 2 a network is trained for too long on purpose, and you judge it with every
# possible threshold, and not only 0.5.

# %% [markdown]
# ## Session 2 of 3 · The best epoch, and the ROC curve
#
# About 58 minutes. What it needs: the cells above Session 1, and what overfitting and early stopping are (02.3). You keep
# the best epoch of a network that is trained for too long, and write the ROC curve by hand.
#
# The next two cells give you the split and the encoding. They take your own of 02b.1 if you have written them. If not, they
# split with scikit-learn's folds and encode with pandas.

# %%
def split_into_folds():
    """Five stratified folds: three for training, one for validation, one for the test."""
    folds = [fold for _, fold in StratifiedKFold(5, shuffle=True, random_state=0).split(credit, y)]
    return np.concatenate(folds[:3]), folds[3], folds[4]


def encode_with_pandas(train_rows, other_rows):
    """Both parts as arrays of numbers; medians, means, deviations and words come from the first."""
    train, other = credit.iloc[train_rows], credit.iloc[other_rows]
    medians = train[NUMBERS].median()
    means = train[NUMBERS].fillna(medians).mean()
    deviations = train[NUMBERS].fillna(medians).std()
    tables = []
    for table in (train, other):
        scaled = (table[NUMBERS].fillna(medians) - means) / deviations
        tables.append(pd.concat([scaled, pd.get_dummies(table[CATEGORIES], dtype=float)], axis=1))
    columns = tables[0].columns
    return tables[0].to_numpy(), tables[1].reindex(columns=columns, fill_value=0.0).to_numpy()


# %%
parts = ck.resume("split", split_into_folds)
encode_rows = ck.resume("encode", lambda: encode_with_pandas)
train_rows, val_rows, test_rows = parts
X_train, X_val = encode_rows(train_rows, val_rows)
_, X_test = encode_rows(train_rows, test_rows)
y_train, y_val, y_test = y[train_rows], y[val_rows], y[test_rows]

# %% [markdown]
# ## 02b.3 · Keep the best epoch
#
# **Goal:** train a network that is too large for too long, and keep its best epoch, chosen by a validation score.
#
# After some epochs the loss on the training rows still falls while the loss on the validation rows rises: the network
# memorises the customers (*overfitting*). You do not know beforehand when this begins. So watch the validation rows and keep
# the weights of the best epoch. Keras has two callbacks for this. `EarlyStopping` you know from 02.3. The other writes the
# network to a file whenever the watched number is better than ever before:
#
#     saver = keras.callbacks.ModelCheckpoint("my.keras", monitor="val_loss", save_best_only=True)
#     net.fit(X, y, validation_data=(X_new, y_new), callbacks=[saver])
#     keras.models.load_model("my.keras")       # the network as it was in its best epoch
#
# After `fit`, the network itself has the weights of the *last* epoch. `build_network` and a place for the file are given.
# Train for about 16 epochs, so that you see the validation loss rise. To watch the curves grow, add
# `ck.widgets.LiveCurves()` to the callbacks.
#
# - `history`: what `fit` returns, with the validation loss of each epoch, including some epochs after the best one.
# - `best_model`: the network with the weights of the epoch that was best on the *validation* rows. The test rows choose
#   nothing.
#
# **Predict first:** after how many of 16 epochs will the validation loss be lowest?

# %%
ck.expected("02b.3")

# %%
def build_network():
    """A network with more weights than there are training rows."""
    network = keras.Sequential([keras.Input(X_train.shape[1:])])
    network.add(layers.Dense(64, activation="relu"))
    network.add(layers.Dense(64, activation="relu"))
    network.add(layers.Dense(1, activation="sigmoid"))
    network.compile(keras.optimizers.Adam(0.005), loss="binary_crossentropy")
    return network


best_file = Path(tempfile.mkdtemp()) / "best.keras"  # a place for the best weights

# %%
# [solution]
network = build_network()
keep = keras.callbacks.ModelCheckpoint(best_file, monitor="val_loss", save_best_only=True)
live = ck.widgets.LiveCurves()
history = network.fit(
    X_train, y_train, validation_data=(X_val, y_val), epochs=16, batch_size=128, verbose=0,
    callbacks=[keep, live],
)
best_model = keras.models.load_model(best_file)
# [stub]
# history = ...
# best_model = ...
# [end]

# %%
ck.check("02b.3", best_model=best_model, history=history, encode=encode_rows, split=parts)

# %%
# ck.hint("02b.3")

# %% tags=["picture-02b.3"]
if ck.ready("02b.3", history):
    ck.plot.learning_curves(history, title="The best epoch comes early")

# %% tags=["claim"]
validation = history.history["val_loss"]
assert np.argmin(validation) < 8, "The best epoch comes early"
assert build_network().count_params() > len(train_rows), "more weights than there are training rows"

# %% [markdown]
# Was it the epoch that you predicted?

# %% [markdown] tags=["reason"]
# **Why the validation rows choose, and not the test rows.** Whatever has made a choice is no longer neutral: the smallest of
# 16 noisy numbers is smaller than a typical one. The validation loss of the chosen epoch is therefore, on average, a little
# too good. The test rows have chosen nothing, so they may judge. (With about 900 rows in each part, chance alone shifts
# either loss by about 0.02. That is more than this effect, so a single split does not show it.)
#
# In the solution's run the last epoch is better than the best one on the training rows, and clearly worse on the validation
# and on the test rows. That is overfitting.

# %% tags=["solution"]
def loss_on(model, X, y):
    """The mean log loss of a model."""
    p = np.clip(scores_of(model, X), 1e-7, 1 - 1e-7)
    return -np.mean(np.where(y == 1, np.log(p), np.log(1 - p)))


for name, one in (("best epoch", best_model), ("last epoch", network)):
    print(f"{name}: training {loss_on(one, X_train, y_train):.3f}   "
          f"validation {loss_on(one, X_val, y_val):.3f}   test {loss_on(one, X_test, y_test):.3f}")

# %% tags=["claim"]
assert loss_on(network, X_train, y_train) < loss_on(best_model, X_train, y_train), "better on the training rows"
assert loss_on(network, X_val, y_val) > loss_on(best_model, X_val, y_val) + 0.01, "worse on the validation rows"
assert loss_on(network, X_test, y_test) > loss_on(best_model, X_test, y_test) + 0.01, "worse on the test rows"

# %% [markdown]
# ## 02b.4 · The ROC curve by hand
#
# **Goal:** write the ROC curve and the area under it.
#
# Why cut the probability at 0.5? Try all cuts. For each, note two rates: the *true positive rate* (TPR), the share of the bad
# customers whose score is at least the cut, and the *false positive rate* (FPR), the same share of the good ones. TPR drawn
# against FPR is the ROC curve. It starts at (0, 0), where the cut is above all scores, and ends at (1, 1), where it is
# below them all.
#
# Here is an example with four rows, sorted by score.
#
# | label | score | after this row: FPR | TPR |
# |---|---|---|---|
# | 1 | 0.9 | 0 | 1/2 |
# | 0 | 0.8 | 1/2 | 1/2 |
# | 1 | 0.7 | (1/2) | (1) |
# | 0 | 0.7 | 1 | 1 |
#
# Each bad row (label 1) lifts the curve by one over the number of bad rows, each good row moves it to the right by one over
# the number of good rows. The last two rows have the same score, so the cut passes both at once, and the point in
# brackets is not on the curve: it goes straight from (1/2, 1/2) to (1, 1).
#
# The area under the curve (AUC) is a sum of trapezia: the width of each step in FPR times the mean of its two heights. Here
# it is $\frac12 \cdot \frac12 + \frac12 \cdot \frac34 = \frac58$.
#
# Useful: `np.argsort(a)` gives the positions that sort `a`, smallest first; `np.cumsum(a)` gives the running sums;
# `np.diff(a)` the differences of neighbours.
#
# - `roc(y, scores)`: labels 0 or 1 and scores, both of shape (n,); returns `fpr, tpr`, two arrays of equal length, both
#   rising from 0 to 1.
# - `area(fpr, tpr)`: the area under the straight lines between the points, a number.

# %%
ck.expected("02b.4")

# %%
def roc(y, scores):
    """False and true positive rates, from the highest cut to the lowest."""
    # [solution]
    order = np.argsort(-scores)
    y, scores = y[order], scores[order]
    crossed = np.append(scores[1:] != scores[:-1], True)  # the last row of each score
    tpr = np.append(0, np.cumsum(y)[crossed] / np.sum(y))
    fpr = np.append(0, np.cumsum(1 - y)[crossed] / np.sum(1 - y))
    # [stub]
    # fpr, tpr = ..., ...
    # [end]
    return fpr, tpr


# %%
def area(fpr, tpr):
    """The area under the curve, by trapezia."""
    # [solution]
    return np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2)
    # [stub]
    # return ...
    # [end]


# %%
ck.check("02b.4", roc=roc, area=area)

# %%
# ck.hint("02b.4")

# %% tags=["picture-02b.4"]
if ck.ready("02b.4", roc) and ck.ready("02b.3", best_model):
    curve = roc(y_test, scores_of(best_model, X_test))
    ck.plot.roc_curves({"best epoch": curve}, title="Every point of the curve is a cut")

# %% [markdown]
# What do class weights do to the curve? **Predict first**, then run the cell: it fits two logistic regressions, with
# balanced class weights and without, and marks the cut at 0.5 on both curves.

# %%
if ck.ready("02b.4", roc, area):
    curves, marks = {}, {}
    for name, class_weight in (("with class weights", "balanced"), ("without", None)):
        logistic = LogisticRegression(class_weight=class_weight, max_iter=1000).fit(X_train, y_train)
        scores = scores_of(logistic, X_test)
        curves[name] = roc(y_test, scores)
        marks[name] = np.mean(scores[y_test == 0] > 0.5), np.mean(scores[y_test == 1] > 0.5)
    fig, ax = plt.subplots(figsize=(7.5, 4.4))
    ck.plot.roc_curves(curves, ax, title="Class weights move the cut along the curve")
    for marker, line, (name, place) in zip("os", ax.lines, marks.items()):
        colours = {"color": line.get_color(), "markeredgecolor": "black"}
        ax.plot(*place, marker, **colours, markersize=8, label=f"cut at 0.5, {name}")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1));

# %% tags=["claim"]
assert abs(area(*curves["with class weights"]) - area(*curves["without"])) < 0.02, "The curves are nearly the same."
assert marks["with class weights"][1] > marks["without"][1] + 0.1, "Class weights move the cut along the curve"

# %% [markdown]
# Did the curve change, or only the place of the cut?

# %% [markdown] tags=["reason"]
# **Why the curves agree.** The curve depends on nothing but the order of the customers. In the training, balanced weights
# raise all probabilities of "bad" together, and that hardly changes the order. So the curve stays almost as it is, and the
# cut at 0.5 moves to another place on it.
#
# **What the area means.** Draw one bad and one good customer at random. The area is the probability that the bad one has the
# higher score, where equal scores count one half. So it is 0.5 for a coin, whatever the shares of the classes, and
# it does not change if all scores go through a rising function. The solution checks this with 100,000 random pairs.

# %% tags=["solution"]
scores = scores_of(best_model, X_test)
rng = np.random.default_rng(seed)
bad, good = rng.choice(scores[y_test == 1], 100_000), rng.choice(scores[y_test == 0], 100_000)
print(f"area {area(*roc(y_test, scores)):.3f}, pairs in the right order {np.mean(bad > good):.3f}")

# %% tags=["claim"]
assert abs(area(*roc(y_test, scores)) - np.mean(bad > good)) < 0.01, "The area is the share of pairs in the right order."

# %% [markdown]
# **A good place to stop.** In session 3 you leave the bank for a particle detector, where some rows count more than others.

# %% [markdown]
# ## Session 3 of 3 · Events that count more
#
# About 81 minutes. What it needs: the cells above Session 1 (of them only the imports and `scores_of`), and what a ROC
# curve is (02b.4). You compute a mass from the tracks of two particles, and use weights that differ from event to event.

# %% [markdown]
# ## Look at the events
#
# In each *event* a detector has seen two leptons (electrons or muons). Some pairs come from the decay of a Z boson, a heavy
# particle: they are the signal, class 1. The others are background. `make_lepton_pairs` is a toy simulation. It draws both
# kinds, lets the pairs decay, and blurs the measured momenta by 3 %.
#
# Of each lepton you get three numbers: $p_T$, its momentum across the beam (GeV); $\eta$, its *pseudorapidity*, which says
# how close to the beam it flies (0 across the beam, large along it, no unit); and $\varphi$, its angle around the beam
# (radian). The columns are $p_{T,1}, \eta_1, \varphi_1, p_{T,2}, \eta_2, \varphi_2$. Each event also has a weight, which
# says how many real events it stands for.

# %%
events, is_signal, weights = ck.data.make_lepton_pairs(n_samples=24_000, seed=0)
train_events, test_events = events[:16_000], events[16_000:]
s_train, s_test = is_signal[:16_000], is_signal[16_000:]
w_train, w_test = weights[:16_000], weights[16_000:]
for label, name in ((0, "background"), (1, "signal")):
    w = weights[is_signal == label]
    print(f"{name:<11}{len(w):>6} events drawn, weights from {w.min():.2g} to {w.max():.1f}, sum {w.sum():.0f}")

# %% [markdown]
# ## 02b.5 · A steep spectrum, tamed
#
# **Goal:** compute the mass of each pair, then bring it to a scale that suits a network.
#
# What matters is the mass $m$ of whatever has decayed into the pair, and the raw columns hide it. The leptons' own masses are
# negligible, so, in units in which masses and momenta are both measured in GeV,
#
# $$m^2 = 2 \, p_{T,1} \, p_{T,2} \, \left[ \cosh(\eta_1 - \eta_2) - \cos(\varphi_1 - \varphi_2) \right].$$
#
# For example, two leptons of 45 GeV that fly in opposite directions across the beam ($\eta_1 = \eta_2$ and a difference of
# $\pi$ in $\varphi$) have $m^2 = 2 \cdot 45^2 \cdot (1 + 1)$, so $m = 90$ GeV.
#
# From 60 to 600 GeV the number of background events falls steeply as the mass grows. If you only standardise the masses
# (subtract the mean, divide by the standard deviation), the signal is squeezed into a narrow strip, while the
# background reaches far out. The logarithm turns factors into distances. So take the logarithm first, then standardise,
# with the mean and the standard deviation of the training events.
#
# - `pair_mass(X)`: `X` of shape (n, 6) as above; returns an array of the n masses in GeV. `np.cosh` is the hyperbolic cosine.
# - `log_scaled(train, values)`: two arrays of positive numbers; returns the logarithms of `values`, minus the mean of the
#   logarithms of `train`, divided by their standard deviation.

# %%
ck.expected("02b.5")

# %%
def pair_mass(X):
    """The mass of each pair of leptons, in GeV."""
    # [solution]
    pt1, eta1, phi1, pt2, eta2, phi2 = X.T
    return np.sqrt(2 * pt1 * pt2 * (np.cosh(eta1 - eta2) - np.cos(phi1 - phi2)))
    # [stub]
    # return ...
    # [end]


# %%
def log_scaled(train, values):
    """Logarithms of the values, standardised with mean and deviation of the training part."""
    # [solution]
    logs = np.log(train)
    return (np.log(values) - logs.mean()) / logs.std()
    # [stub]
    # return ...
    # [end]


# %%
ck.check("02b.5", pair_mass=pair_mass, log_scaled=log_scaled)

# %%
# ck.hint("02b.5")

# %% tags=["picture-02b.5"]
if ck.ready("02b.5", pair_mass, log_scaled):
    mass = pair_mass(train_events)
    standardised = (mass - mass.mean()) / mass.std()
    logarithmic = log_scaled(mass, mass)
    fig, axs = plt.subplots(1, 2, figsize=(9, 3.4))
    for ax, column in zip(axs, (standardised, logarithmic)):
        for label, name, colour in ((0, "background", "#0072B2"), (1, "signal", "#D55E00")):
            ax.hist(column[s_train == label], bins=80, histtype="step", linewidth=1.5, color=colour, label=name)
        ax.set(xlabel="scaled mass", ylabel="events drawn", yscale="log")
        ax.legend()
    axs[0].set_title("Standardised only: a strip and a long tail")
    axs[1].set_title("Logarithm first: a peak on a plateau")

# %% [markdown]
# Does the scale matter to a network? The cell trains the same small network on the mass alone, three times: in GeV,
# standardised, and standardised after the logarithm. **Predict first:** which learns fastest, which slowest?

# %%
def losses_for(column):
    """The training loss of five epochs of a small network with this one input."""
    keras.utils.set_random_seed(seed)
    small = keras.Sequential([keras.Input((1,)), layers.Dense(16, activation="relu")])
    small.add(layers.Dense(16, activation="relu"))
    small.add(layers.Dense(1, activation="sigmoid"))
    small.compile(keras.optimizers.Adam(0.005), loss="binary_crossentropy")
    return small.fit(column[:, None], s_train, epochs=5, batch_size=512, verbose=0).history["loss"]


if ck.ready("02b.5", pair_mass, log_scaled):
    losses = {"GeV": losses_for(mass), "standardised": losses_for(standardised)}
    losses["log, standardised"] = losses_for(logarithmic)
    fig, ax = plt.subplots(figsize=(6, 3.4))
    for (name, values), style in zip(losses.items(), ("o-", "s--", "^:")):
        ax.plot(range(1, 6), values, style, label=name)
    ax.set(xlabel="epoch", ylabel="training loss", title="In GeV the network learns most slowly", xticks=range(1, 6),
           yscale="log")
    ax.set_yticks([0.3, 0.5, 1, 1.5], ["0.3", "0.5", "1", "1.5"])
    ax.minorticks_off()
    ax.legend();

# %% tags=["claim"]
worst = max(losses["standardised"][0], losses["log, standardised"][0])
assert losses["GeV"][0] > worst + 0.05, "In GeV the first epoch has the largest loss."
for name in ("standardised", "log, standardised"):
    assert losses["GeV"][-1] > losses[name][-1] + 0.02, "In GeV the network learns most slowly"
steps = -np.diff([values[-1] for values in losses.values()])
assert steps[0] > steps[1] > 0, "Standardising does most of the work; the logarithm adds a further, smaller gain."

# %% [markdown]
# Was the order as you predicted?

# %% [markdown] tags=["reason"]
# **Why a plateau?** The drawn background falls as $1/m$, which is the same as equally many events in each step of $\log m$.
# A steep spectrum with a long tail has become a flat one, and the peak of the signal, at 91 GeV, is no longer squeezed into
# a corner.
#
# **Why GeV is slow.** The information is the same each time; the start is not. The first weights suit inputs of about size 1.
# With inputs of several hundred the first outputs are huge: the network begins with answers that are sure and wrong, and its
# first loss is the largest. It has to undo this first. Standardising does most of the work; in five epochs the
# logarithm adds a further, smaller gain.

# %% [markdown]
# ## 02b.6 · Events that count more
#
# **Goal:** use the event weights twice, in the ROC curve and in the training.
#
# The simulation is biased on purpose. It draws as many signal as background events, too many heavy background pairs (so that
# there are enough events in the tail), and signal pairs that are too fast. The weights undo all this: a histogram filled with
# weights shows what the detector would really see. With weights, a rate is a sum of weights divided by a sum of weights:
#
# $$\mathrm{TPR} = \frac{\text{sum of } w_i \text{ over the signal events at or above the cut}}{\text{sum of } w_i \text{ over all signal events}},$$
#
# and the FPR likewise with the background. In the training, the loss of each event is multiplied by its weight. Keras takes
# them in `fit(..., sample_weight=...)`, and so do most models of scikit-learn. Dividing all weights by their mean changes
# nothing but the scale of the loss, and keeps the usual learning rates suitable. (Dividing them by their sum makes the
# gradients so small that even Adam learns more slowly.)
#
# - `weighted_roc(y, scores, weights)`: three arrays of shape (n,); returns `fpr, tpr`, the false and true positive rates
#   from the highest cut to the lowest, starting with 0. Events with equal scores pass the cut together. (With all weights
#   equal to 1 this is `roc` of 02b.4.)
# - `event_model`: a classifier fitted to `Z_train`, `s_train` so that its output, of shape (n, 1) or (n,), is the
#   probability that a *real* event with these values is signal. Use `w_train` divided by their mean. A network with two
#   hidden layers of 32 units and about 15 epochs in batches of 256 will do, with Adam and a rate of 0.003.
#
# **Predict first:** heavy pairs are easy to tell from a Z boson. Does the ROC curve without weights look too good or too bad?

# %%
def event_inputs(X):
    """Four scaled inputs of each event: the mass, both momenta, the difference of the pseudorapidities."""
    scaled_mass = log_scaled(pair_mass(train_events), pair_mass(X))
    scaled_pt1 = log_scaled(train_events[:, 0], X[:, 0])
    scaled_pt2 = log_scaled(train_events[:, 3], X[:, 3])
    return np.column_stack([scaled_mass, scaled_pt1, scaled_pt2, X[:, 1] - X[:, 4]])


if ck.ready("02b.5", pair_mass, log_scaled):
    Z_train, Z_test = event_inputs(train_events), event_inputs(test_events)

# %%
ck.expected("02b.6")

# %%
def weighted_roc(y, scores, weights):
    """The ROC curve of weighted events."""
    # [solution]
    order = np.argsort(-scores)
    y, scores, weights = y[order], scores[order], weights[order]
    crossed = np.append(scores[1:] != scores[:-1], True)
    tpr = np.append(0, np.cumsum(weights * y)[crossed] / np.sum(weights * y))
    fpr = np.append(0, np.cumsum(weights * (1 - y))[crossed] / np.sum(weights * (1 - y)))
    # [stub]
    # fpr, tpr = ..., ...
    # [end]
    return fpr, tpr


# %%
# [solution]
def fit_events(sample_weight):
    """A network for the events, fitted with the weights given."""
    events_net = keras.Sequential([keras.Input((4,)), layers.Dense(32, "relu")])
    events_net.add(layers.Dense(32, "relu"))
    events_net.add(layers.Dense(1, "sigmoid"))
    events_net.compile(keras.optimizers.Adam(0.003), "binary_crossentropy")
    events_net.fit(Z_train, s_train, sample_weight=sample_weight, epochs=15, batch_size=256, verbose=0)
    return events_net


event_model = fit_events(w_train / w_train.mean())
# [stub]
# event_model = ...
# [end]

# %%
ck.check("02b.6", weighted_roc=weighted_roc, event_model=event_model, event_inputs=event_inputs)

# %%
# ck.hint("02b.6")

# %% tags=["picture-02b.6"]
if ck.ready("02b.6", weighted_roc, event_model):
    scores = scores_of(event_model, Z_test)
    curves = {
        "drawn events": weighted_roc(s_test, scores, np.ones(len(scores))),
        "weighted events": weighted_roc(s_test, scores, w_test),
    }
    ck.plot.roc_curves(curves, title="Without weights the curve flatters")

# %% [markdown]
# Was your prediction right? The next picture shows why. The cell after it looks at the training: it compares your network
# with a nearest-neighbour model that was trained without weights, and with the share of signal among real events.

# %%
if ck.ready("02b.5", pair_mass):
    mass_test = pair_mass(test_events)
    fig, axs = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
    for ax, w, title in ((axs[0], np.ones(len(w_test)), "As drawn"), (axs[1], w_test, "Weighted: what is real")):
        for label, name, colour in ((0, "background", "#0072B2"), (1, "signal", "#D55E00")):
            ax.hist(mass_test[s_test == label], bins=np.geomspace(60, 600, 60), weights=w[s_test == label],
                    histtype="step", linewidth=1.5, color=colour, label=name)
        ax.set(xscale="log", yscale="log", ylim=(0.3, None), xlabel="mass (GeV)", title=title)
        ax.set_xticks([60, 100, 200, 400], [60, 100, 200, 400])
        ax.minorticks_off()
    axs[0].set_ylabel("events per bin")
    axs[1].legend()

# %%
def describe(name, model):
    """One line: the area as drawn and weighted, and the mean probability of signal for real events."""
    p = scores_of(model, Z_test)
    print(f"{name:<27} area {roc_auc_score(s_test, p):.3f} as drawn, "
          f"{roc_auc_score(s_test, p, sample_weight=w_test):.3f} weighted, "
          f"mean probability {np.average(p, weights=w_test):.2f}")


if ck.ready("02b.6", event_model):
    print(f"real share of signal: {np.average(s_test, weights=w_test):.2f}")
    describe("your network", event_model)
    without = KNeighborsClassifier(50).fit(Z_train, s_train)
    describe("neighbours, without weights", without)

# %% [markdown] tags=["reason"]
# **Why the curve without weights flatters.** The drawn background has many heavy pairs, and these are easy to tell from a Z
# boson. Among real events they are few. So the weighted curve lies lower, and it is the one that the experiment will see.
#
# **What weights do in the training.** A network that is trained without weights believes that half of all events are signal,
# because half of the drawn ones are, and that fast pairs are signal, because the drawn ones are. Its probabilities are then
# too high for real events. With weights the mean probability of real events comes close to the real share of signal, 0.20,
# and judged with weights the area is larger than without. The solution compares the two networks.

# %% tags=["solution"]
blind = fit_events(None)
describe("network, without weights", blind)
describe("network, with weights", event_model)

# %% tags=["claim"]
real = np.average(s_test, weights=w_test)
p, p_blind = scores_of(event_model, Z_test), scores_of(blind, Z_test)
auc = [roc_auc_score(s_test, p), roc_auc_score(s_test, p, sample_weight=w_test)]
auc_blind = [roc_auc_score(s_test, p_blind), roc_auc_score(s_test, p_blind, sample_weight=w_test)]
assert auc[0] > auc[1] + 0.01 and auc_blind[0] > auc_blind[1] + 0.01, "Without weights the curve flatters"
assert auc[1] > auc_blind[1], "Judged with weights, the area of the network trained with weights is larger."
assert np.average(p_blind, weights=w_test) > real + 0.08, "Without weights the probabilities are too high."
assert abs(np.average(p, weights=w_test) - real) < 0.05, "With weights the mean probability is near the real share."
assert round(real, 2) == 0.20, "the real share of signal, 0.20"
assert np.average(scores_of(without, Z_test), weights=w_test) > real + 0.08, "The neighbours' probabilities are too high."

# %% [markdown]
# ## What did you observe?
#
# 1. Class weights changed the recall a lot and the ROC curve hardly. Why?
# 2. Event weights changed the ROC curve. What is the difference?
# 3. Why may the validation rows choose the epoch, but not the test rows?
#
# <details><summary>Answers</summary>
#
# 1. In the training, class weights raise or lower all probabilities together, and with them the place where 0.5 cuts. They
#    hardly change the order of the customers, and the curve depends on the order alone. (In the rates, as in 02b.6, class
#    weights would change nothing at all: each rate looks inside one class only, and there a common factor cancels.)
# 2. The event weights were used in the rates themselves, and they differ *within* a class: some background events count more
#    than others. That changes the rates.
# 3. The best of many noisy numbers is better than it should be. After a choice you need rows that took no part in it, and
#    these are the test rows.
#
# </details>
#
# ## Go further
#
# - A missed bad customer costs five times as much as a refused good one. Which cut costs least on the validation rows? What
#   does it cost on the test rows?
# - Leave `age` and `marital` out of the credit table. How much area do you lose? In many countries a lender must not use
#   them.
# - Real simulations also have negative weights. What happens to `weighted_roc`, and to the loss?
# - Fit `event_model` with only the mass as input. What do the other three inputs add?
#
# ## Summary
#
# Split first; whatever is fitted is fitted on the training rows. Judge a rare class by its recall and not by the
# accuracy. Let the validation rows choose and the test rows judge. A ROC curve shows all cuts at once. Weights in its
# rates do not change it where they are the same for all rows of a class; weights that differ within a class do.
#
# This is the end of the notebook and a good place to stop. In notebook 02c you write the tools that deep networks are trained
# with.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - Fawcett, T. (2006). An introduction to ROC analysis. *Pattern Recognition Letters*, 27(8), 861–874.
# - Hanley, J. A., McNeil, B. J. (1982). The meaning and use of the area under a receiver operating characteristic (ROC)
#   curve. *Radiology*, 143(1), 29–36.
# - He, H., Garcia, E. A. (2009). Learning from imbalanced data. *IEEE Transactions on Knowledge and Data Engineering*,
#   21(9), 1263–1284.
# - Kaufman, S., Rosset, S., Perlich, C., Stitelman, O. (2012). Leakage in data mining: formulation, detection, and
#   avoidance. *ACM Transactions on Knowledge Discovery from Data*, 6(4), 15.
# - Baldi, P., Sadowski, P., Whiteson, D. (2014). Searching for exotic particles in high-energy physics with deep
#   learning. *Nature Communications*, 5, 4308.
