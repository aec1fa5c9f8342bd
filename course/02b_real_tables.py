# %% [markdown]
# # 02b · Real tables: rare classes and weighted events
#
# Two tables as they come in life: one has gaps, words and a rare class; in the other some rows count more than others.
#
# About 80 min · CPU about 20 s · GPU optional
#
# **Before you start** you should have done notebook 02, and have met pandas tables.
#
# ## You will learn
#
# - how to turn a table with words and gaps into numbers without telling the model about the test rows;
# - how to train and judge a classifier when one class is rare, and to keep its best epoch;
# - how to draw a ROC curve yourself, with and without weights, and why the weights change it.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported: then it loads without notices

import tempfile
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

# %% [markdown]
# ## Look at the data
#
# Part one is about credit. A lender has recorded 4,454 customers, and whether each paid back (`status` "good") or not
# ("bad"). We call *bad* class 1: it is what the lender wants to find.

# %%
credit = ck.data.load_credit()
y = (credit["status"] == "bad").to_numpy().astype(int)
NUMBERS = ["seniority", "time", "age", "expenses", "income", "assets", "debt", "amount", "price"]
CATEGORIES = ["home", "marital", "records", "job"]
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
axs[0].set(xlabel="income", ylabel="share of the class per unit", title="Income tells a little")
axs[0].legend()
share = (credit["status"] == "bad").groupby(credit["job"]).mean().sort_values()
bars = axs[1].barh(share.index, share, color="#D55E00")
axs[1].bar_label(bars, [f"{value:.0%}" for value in share], padding=3)
axs[1].set(xlabel="share of bad customers", ylabel="job", title="The kind of job tells more", xlim=(0, 0.7));

# %% [markdown]
# ## Predict before you run
#
# 1. A model answers "good" for everybody. What share of its answers is right? How many bad customers does it find?
# 2. You copy each bad row until both classes are equally large, then split into training and test rows. Will the test
#    score be too high, too low, or right?
#
# Write both answers down.

# %% [markdown]
# ## 02b.1 · Split, then encode
#
# **Goal:** split the rows in three, and turn each part into numbers with what the training rows alone tell.
#
# A network wants numbers of similar size. So gaps are filled (*imputed*) with a typical value, numbers are shifted and
# scaled to mean 0 and standard deviation 1, and a category with $k$ words becomes $k$ columns of 0 and 1 (*one-hot*).
# Typical value, mean and standard deviation are learned from data. If the test rows help to find them, the test is no
# longer a test: that is a *leak*.
#
# - `train_rows`, `val_rows`, `test_rows`: whole numbers, positions in the table (or boolean masks). Every row is in exactly
#   one part; about 60 %, 20 % and 20 %; the share of bad customers is the same in all three (*stratified*).
# - `encode(train_rows, other_rows)`: gives two float arrays of shape (n_train, k) and (n_other, k), the encoded rows of
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
# ck.hint("02b.1")  # take the first # away and run this line for a hint; run it again for the next

# %% [markdown]
# From here on these arrays are used.

# %%
X_train, X_val = encode(train_rows, val_rows)
X_test = encode(train_rows, test_rows)[1]
y_train, y_val, y_test = y[train_rows], y[val_rows], y[test_rows]

# %% [markdown] tags=["solution"]
# **Why `fit_transform` on one part and `transform` on the other.** `fit` learns medians, means, standard deviations and
# words; `transform` only applies them. An encoded row then depends on the training rows and on itself. You can test that
# without looking at the code: exchange the other rows, and nothing may change in the training part.

# %% tags=["solution"]
first, _ = encode(train_rows, val_rows)
second, _ = encode(train_rows, test_rows[:1])
print("the training part depends on the other rows:", not np.allclose(first, second))
price, whole = credit["price"].iloc[train_rows], credit["price"]
print(f"price: mean {price.mean():.1f} on the training rows, {whole.mean():.1f} on all")
print(f"       deviation {price.std():.1f} on the training rows, {whole.std():.1f} on all")

# %% [markdown] tags=["solution"]
# **Is it worth the trouble?** For a mean over thousands of rows the leak is small. For the next ones it is not: columns
# chosen by their correlation with the labels, words replaced by the mean label, rows copied before the split. One habit
# protects from all: whatever is fitted is fitted on the training rows.
#
# **A wrong way.** `home` as 0, 1, 2, ... claims that "rent" lies between "priv" and "ignore". One-hot claims nothing.

# %% [markdown]
# ## 02b.2 · The rare class counts
#
# **Goal:** fit a classifier that finds the bad customers, by giving both classes the same say in the loss.
#
# With $n_0$ good and $n_1$ bad rows, the good ones dominate the mean of the losses. Give each row of class $k$ the weight
# $w_k$ instead, with two conditions: both classes have the same total weight, $n_0 w_0 = n_1 w_1$, and the mean weight
# of a row is 1. The *recall* of a class is the share of its rows that the model finds.
#
# - `balanced_weights(y)`: labels 0 or 1 of shape (n,); gives the dictionary `{0: w0, 1: w1}`.
# - `model`: a classifier fitted to `X_train`, `y_train`; gives the probability of "bad", or the label. Any kind
#   that can be told the weights will do: Keras takes `class_weight=` in `fit`, scikit-learn in the constructor of many
#   models (not of nearest neighbours or `MLPClassifier`).

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

# %%
def scores_of(model, X):
    """The probability of class 1 for each row, whatever library the model comes from."""
    if model is ... or X is ...:
        return ...
    if hasattr(model, "predict_proba"):
        return model.predict_proba(X)[:, 1]
    answers = model(X) if callable(model) else model.predict(X)
    column = np.reshape(answers, (len(X), -1))[:, -1]
    logits = np.min(column) < 0 or np.max(column) > 1  # a network without a sigmoid at its end
    return 1 / (1 + np.exp(-column)) if logits else column


# %% tags=["picture-02b.2"]
scores = scores_of(model, X_test)
found = ... if scores is ... else np.where(scores > 0.5, "bad", "good")
title = "Most of the bad are found"
truth = np.where(y_test == 1, "bad", "good")
ck.plot.confusion_matrix(truth, found, labels=["good", "bad"], exercise="02b.2", title=title);

# %% [markdown] tags=["solution"]
# **Why accuracy misleads.** The same network without weights has the better accuracy, because it calls nearly everybody
# good. Look at the recall of the bad class. Which of the two is better? That depends on what a missed bad customer costs,
# and what a refused good one. The weights are this choice, made visible.

# %% tags=["solution"]
def report(name, labels):
    recalls = [np.mean(labels[y_test == k] == k) for k in (0, 1)]
    print(f"{name:<17} accuracy {np.mean(labels == y_test):.0%}   "
          f"recall of good {recalls[0]:.0%}   recall of bad {recalls[1]:.0%}")


plain = fit_small(None)
report("always good", np.zeros(len(y_test)))
report("without weights", scores_of(plain, X_test) > 0.5)
report("with weights", scores_of(model, X_test) > 0.5)

# %% [markdown] tags=["solution"]
# **A wrong way: copy first, split afterwards.** Copying bad rows is another way to weight them. Done before the split,
# the copies of one customer land on both sides, and the test asks what was learned by heart. A nearest-neighbour model,
# which does nothing but learn by heart, shows how much that flatters.

# %% tags=["solution"]
from sklearn.neighbors import KNeighborsClassifier


def recall_of_bad(train, test):
    X_fit, X_judge = encode(train, test)
    found = KNeighborsClassifier(1).fit(X_fit, y[train]).predict(X_judge)
    return np.mean(found[y[test] == 1])


copied = np.concatenate([rows[y == 0], np.random.default_rng(seed).choice(rows[y == 1], 3200)])
copied_train, copied_test = train_test_split(copied, test_size=0.2, random_state=seed)
print(f"recall of bad, copied before the split: {recall_of_bad(copied_train, copied_test):.0%}")
print(f"recall of bad, honest split:            {recall_of_bad(train_rows, test_rows):.0%}")

# %% [markdown]
# ## 02b.3 · Keep the best epoch
#
# **Goal:** train a network that is too large for too long, and keep its best epoch, chosen by a validation score.
#
# After some epochs the loss on the training rows still falls while the loss on the validation rows rises: the network
# learns the customers by heart (*overfitting*). You do not know beforehand when. So watch the validation rows and keep
# the weights of the best epoch: `keras.callbacks.ModelCheckpoint` writes them to a file, `keras.callbacks.EarlyStopping`
# can put them back.
#
# - `history`: what `fit` returns, with the validation loss of each epoch, also of some epochs after the best one.
# - `best_model`: the network with the weights of the epoch that was best on the *validation* rows. The test rows choose
#   nothing.

# %%
ck.expected("02b.3")

# %%
def build_network():
    """A network with far more weights than there are customers."""
    network = keras.Sequential(
        [keras.Input(X_train.shape[1:]), layers.Dense(64, "relu"), layers.Dense(64, "relu")]
        + [layers.Dense(1, "sigmoid")]
    )
    network.compile(keras.optimizers.Adam(0.005), "binary_crossentropy")
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
ck.check("02b.3", best_model=best_model, history=history, encode=encode, split=split)

# %%
# ck.hint("02b.3")

# %% tags=["picture-02b.3"]
title = "The best epoch comes early"
ck.plot.learning_curves(history, exercise="02b.3", title=title);

# %% [markdown] tags=["solution"]
# **Why the validation rows and not the test rows?** Whatever chooses is no longer neutral: the minimum of 16 noisy
# numbers is lower than a typical one. The validation loss of the chosen epoch is therefore a little too good. The test
# rows have chosen nothing; they may judge. (With about 900 rows in each part, chance alone shifts either loss by about
# 0.02, which is more than this effect: one split does not show it.)

# %% tags=["solution"]
def loss_on(model, X, y):
    p = np.clip(scores_of(model, X), 1e-7, 1 - 1e-7)
    return -np.mean(np.where(y == 1, np.log(p), np.log(1 - p)))


for name, one in (("best epoch", best_model), ("last epoch", network)):
    losses = [loss_on(one, *part) for part in ((X_train, y_train), (X_val, y_val), (X_test, y_test))]
    print(f"{name}: training {losses[0]:.3f}   validation {losses[1]:.3f}   test {losses[2]:.3f}")

# %% [markdown]
# ## 02b.4 · The ROC curve by hand
#
# **Goal:** write the ROC curve and the area below it.
#
# Why cut the probability at 0.5? Try all cuts. Of each, note two rates: the *true positive rate* (TPR), the share of the
# bad customers above the cut, and the *false positive rate* (FPR), the share of the good ones above it. TPR against FPR
# is the ROC curve. It begins at (0, 0), where nobody is above the cut, and ends at (1, 1). Lower the cut over one score:
# all rows with this very score cross it together.
#
# - `roc(y, scores)`: labels 0 or 1 and scores, both of shape (n,); gives `fpr, tpr`, two arrays of equal length, both
#   rising from 0 to 1.
# - `area(fpr, tpr)`: the area below the straight lines between the points, a number.

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
    """The area below the curve, by trapezia."""
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
scores = scores_of(best_model, X_test)
curves = {"best epoch": ... if scores is ... else roc(y_test, scores)}
ck.plot.roc_curves(curves, exercise="02b.4", title="One curve holds all cuts");

# %% [markdown] tags=["solution"]
# **What the area means.** Draw one bad and one good customer at random. The area is the probability that the bad one has
# the higher score, equal scores counting one half. So it is 0.5 for a coin, whatever the share of the classes, and it
# does not change when all scores go through a rising function. The class weights of 02b.2 move the cut much more than
# the curve.

# %% tags=["solution"]
curves = {
    "with weights": roc(y_test, scores_of(model, X_test)),
    "without weights": roc(y_test, scores_of(plain, X_test)),
    "best epoch": roc(y_test, scores),
}
ax = ck.plot.roc_curves(curves, title="Class weights move the cut, not the curve")
for mark, (name, one) in zip("os", (("with", model), ("without", plain))):
    above = scores_of(one, X_test) > 0.5
    place = np.mean(above[y_test == 0]), np.mean(above[y_test == 1])
    ax.plot(*place, mark, color="black", markersize=8, label=f"cut at 0.5, {name} weights")
ax.legend(loc="lower right", fontsize=8)
rng = np.random.default_rng(seed)
bad, good = rng.choice(scores[y_test == 1], 100_000), rng.choice(scores[y_test == 0], 100_000)
print(f"area {area(*roc(y_test, scores)):.3f}, pairs in the right order {np.mean(bad > good):.3f}")

# %% [markdown]
# ## Look at the data, part two
#
# Now to a detector. In each *event* two leptons (electrons or muons) were seen. Some pairs come from the decay of a Z
# boson: the signal, class 1. The others are background. `make_lepton_pairs` is a toy: it draws both kinds, lets the pairs
# decay, and blurs the momenta by 3 %.
#
# Of each lepton you get the momentum across the beam $p_T$ (GeV), the *pseudorapidity* $\eta$ (0 across the beam, large
# along it) and the angle $\varphi$ around it (radian). The columns are
# $p_{T,1}, \eta_1, \varphi_1, p_{T,2}, \eta_2, \varphi_2$. Each event has a weight: how many real events it stands for.

# %%
events, is_signal, weights = ck.data.make_lepton_pairs(n_samples=24_000, seed=0)
train_events, test_events = events[:16_000], events[16_000:]
s_train, s_test = is_signal[:16_000], is_signal[16_000:]
w_train, w_test = weights[:16_000], weights[16_000:]
for k, name in ((0, "background"), (1, "signal")):
    w = weights[is_signal == k]
    print(f"{name:<11}{len(w):>6} drawn, weights {w.min():.3f} to {w.max():.1f}, sum {w.sum():.0f}")

# %% [markdown]
# ## 02b.5 · A steep spectrum, tamed
#
# **Goal:** compute the mass of each pair, then bring it to a scale that a network likes.
#
# The raw columns hide what matters. The mass $m$ of the pair shows it. For leptons, whose own mass is negligible,
#
# $$m^2 = 2 \, p_{T,1} \, p_{T,2} \, \left[ \cosh(\eta_1 - \eta_2) - \cos(\varphi_1 - \varphi_2) \right].$$
#
# The masses fall steeply over a factor of ten. Standardised as they are, most lie in a narrow heap and few far out.
# The logarithm turns factors into distances; after that, standardise.
#
# - `pair_mass(X)`: `X` of shape (n, 6) as above; gives n masses in GeV.
# - `log_scaled(train, values)`: two arrays of positive numbers; gives the logarithms of `values`, minus the mean of the
#   logarithms of `train`, over their standard deviation.

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
mass = pair_mass(train_events)
mass = mass if mass is ... else np.ravel(mass)
fig, axs = plt.subplots(1, 2, figsize=(9, 3.4))
standard = ... if mass is ... else (mass - mass.mean()) / mass.std()
scaled = ... if mass is ... else log_scaled(mass, mass)
scaled = scaled if scaled is ... else np.ravel(scaled)
titles = ("Standardised only: a heap and a tail", "Logarithm first: a peak on a plateau")
for ax, column, title in zip(axs, (standard, scaled), titles):
    if column is ...:
        ck.plot.waiting(ax, "02b.5")
        continue
    for k, name, colour in ((0, "background", "#0072B2"), (1, "signal", "#D55E00")):
        ax.hist(column[s_train == k], bins=80, histtype="step", linewidth=1.5, color=colour, label=name)
    ax.set(xlabel="scaled mass", ylabel="events drawn", title=title, yscale="log")
    ax.legend()

# %% [markdown] tags=["solution"]
# **Why a plateau?** The drawn background falls as $1/m$, which is the same as: equally many events in each step of
# $\log m$. A steep spectrum with a long tail became a flat one, and the peak no longer hides in a corner.
#
# **Does it matter to a network?** Train the same small one on the mass alone, three times: in GeV, standardised, and
# after the logarithm. The information is the same each time. The start is not: with inputs in the hundreds the first
# steps throw the weights far away.

# %% tags=["solution"]
def losses_for(column):
    """The training loss of five epochs of a small network with this one input."""
    keras.utils.set_random_seed(seed)
    small = keras.Sequential([keras.Input((1,)), layers.Dense(16, "relu"), layers.Dense(16, "relu")])
    small.add(layers.Dense(1, "sigmoid"))
    small.compile(keras.optimizers.Adam(0.005), "binary_crossentropy")
    return small.fit(column[:, None], s_train, epochs=5, batch_size=512, verbose=0).history["loss"]


fig, ax = plt.subplots(figsize=(6, 3.4))
for (name, column), line in zip(
    {"GeV": mass, "standardised": standard, "log, standardised": scaled}.items(), ("o-", "s--", "^:")
):
    ax.plot(range(1, 6), losses_for(column), line, label=name)
ax.set(xlabel="epoch", ylabel="training loss", title="The same mass, three scales")
ax.legend();

# %% [markdown]
# ## 02b.6 · Events that count more
#
# **Goal:** use the event weights twice: in the ROC curve, and in the training.
#
# The simulation is biased on purpose. It draws as many signal as background events, too many heavy background pairs (so
# that the tail is not empty), and signal pairs that are too fast. The weights undo all that: a histogram filled with
# weights shows what the detector would see. With weights, a rate is a sum of weights over a sum of weights:
# $\mathrm{TPR} = \sum_{i \in \text{signal, above}} w_i \, / \sum_{i \in \text{signal}} w_i$, and the FPR likewise.
#
# **Predict first:** heavy pairs are easy to tell from a Z boson. Is the ROC curve without weights too good or too bad?
#
# - `weighted_roc(y, scores, weights)`: three arrays of shape (n,); gives `fpr, tpr` as in 02b.4.
# - `event_model`: a classifier fitted to `Z_train`, `s_train` so that its output, of shape (n, 1) or (n,), is the
#   probability (or the logit) that a *real* event with these values is signal. Use `w_train` as they are, up to one common factor.

# %%
def event_inputs(X):
    """Four scaled inputs of each event: mass, both momenta, distance in pseudorapidity. `...` before 02b.5."""
    mass = pair_mass(X)
    if mass is ... or log_scaled(mass, mass) is ...:
        return ...
    columns = [log_scaled(np.ravel(pair_mass(train_events)), np.ravel(mass))]
    columns += [log_scaled(train_events[:, i], X[:, i]) for i in (0, 3)]
    return np.column_stack([*columns, X[:, 1] - X[:, 4]])


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
event_scores = scores_of(event_model, Z_test)
waits = event_scores is ...
curves = {
    "drawn events": ... if waits else roc(s_test, event_scores),
    "weighted events": ... if waits else weighted_roc(s_test, event_scores, w_test),
}
ck.plot.roc_curves(curves, exercise="02b.6", title="Without weights the curve flatters");

# %% [markdown] tags=["solution"]
# **Why it flatters.** The drawn background has many heavy pairs, and the drawn signal many fast ones. Both are easy.
# In real events they are few. The weighted curve lies lower, and it is the one that the experiment will see.

# %% tags=["solution"]
mass_test = pair_mass(test_events)
fig, axs = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
for ax, w, title in zip(axs, (np.ones(len(w_test)), w_test), ("As drawn", "Weighted: what is real")):
    for k, name, colour in ((0, "background", "#0072B2"), (1, "signal", "#D55E00")):
        ax.hist(mass_test[s_test == k], bins=np.geomspace(60, 600, 60), weights=w[s_test == k],
                histtype="step", linewidth=1.5, color=colour, label=name)
    ax.set(xscale="log", yscale="log", ylim=(0.3, None), xlabel="mass (GeV)", title=title)
    ax.set_xticks([60, 100, 200, 400], [60, 100, 200, 400])
    ax.minorticks_off()
axs[0].set_ylabel("events per bin")
axs[1].legend();

# %% [markdown] tags=["solution"]
# **And in the training?** The network without weights believes that half of all events are signal, because half of the
# drawn ones are, and that fast pairs are signal, because the drawn ones are. Judge both with weights. Look at the last
# column: the mean probability should be the real share of signal.

# %% tags=["solution"]
blind = fit_events(None)
share = np.average(s_test, weights=w_test)
print(f"real share of signal: {share:.2f}")
for name, one in (("without weights", blind), ("with weights", event_model)):
    p = scores_of(one, Z_test)
    flattered, honest = area(*roc(s_test, p)), area(*weighted_roc(s_test, p, w_test))
    print(f"trained {name:<15} area {flattered:.3f} as drawn, {honest:.3f} weighted, "
          f"mean probability {np.average(p, weights=w_test):.2f}")

# %% [markdown]
# ## What did you observe?
#
# 1. Class weights changed the recall a lot and the ROC curve hardly. Why?
# 2. Event weights changed the ROC curve. What is the difference?
# 3. Why may the validation rows choose the epoch, but not the test rows?
#
# <details><summary>Answers</summary>
#
# 1. A class weight is the same for all rows of a class. It cancels in each rate, which stays inside one class. It moves
#    the probabilities up or down, and with them the place where 0.5 cuts.
# 2. Event weights differ *within* a class: some rows of the background count more than others. That changes the rates.
# 3. The best of many noisy numbers is too good. Somebody must pay for the choice, and a judge must not have taken part.
#
# </details>
#
# ## Go further
#
# - A missed bad customer costs five times as much as a refused good one. Which cut costs least on the validation rows?
#   What does it cost on the test rows?
# - Leave `age` and `marital` out of the credit table. How much area do you lose? In many countries a lender must.
# - Real simulations also have negative weights. What happens to `weighted_roc`, and to the loss?
# - Fit `event_model` with only the mass as input. What do the other three inputs add?
#
# ## Summary
#
# Split first; whatever is fitted is fitted on the training rows. Judge a rare class by its recall, not by accuracy. Let
# validation rows choose, test rows judge. A ROC curve shows all cuts at once; weights that differ within a class change
# it, weights that do not, do not.

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
