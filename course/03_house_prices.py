# %% [markdown]
# # 03 · House prices
#
# Predict the price at which a house is sold. The networks are the easy part: whether the number at the end can be trusted depends on what you
# did with the data beforehand.
#
# About 168 minutes in 3 sessions · CPU about 15 s · GPU optional
#
# **Before you start** you should have done notebook 01. Some knowledge of pandas helps.
#
# ## You will learn
#
# - to audit a data set before you model it, and why one famous data set was withdrawn;
# - to split, scale, choose and judge without letting the test houses leak into the training;
# - to search for hyper-parameters by hand, with `GridSearchCV` over a `Pipeline`, and with k folds in Keras.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported, so that TensorFlow's start-up messages stay hidden

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, KFold, train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

# %% [markdown]
# ## Look at the data
#
# Two tables. **Boston**: 506 districts in 1970; for decades nearly every course began regression with it. **Ames**: 2,930 houses sold in a town
# in Iowa between 2006 and 2010, with their positions on the map.

# %%
boston = ck.data.load_boston()
ames = ck.data.load_ames()
boston.head(3)

# %%
ck.plot.value_map(
    ames["longitude"], ames["latitude"], ames["sale_price"] / 1000,
    label="price (1,000 dollars)", title="Where a house stands says much about its price",
);

# %% [markdown]
# Of the Ames table we use twelve numbers for each house, among them its quality, its size, the year in which it was built, and its longitude and
# latitude, and the price in units of 100,000 dollars. From 03.3 on, everybody uses the same three parts: 60 % of the houses for training, 20 %
# for choosing between models (**validation**), and 20 % for a single measurement at the end (**test**). Five sales of more than 4,000 square
# feet are left out of these parts, as the author of the data advises; 03.2 still uses all 2,930. Models are compared by the RMSE, the root of
# the mean squared error, in units of 100,000 dollars.

# %%
X_all, y_all = ck.data.load_ames_numbers()
fit_rows, val_rows, test_rows = ck.data.ames_rows()
X_fit, y_fit = X_all[fit_rows], y_all[fit_rows]
X_val, y_val = X_all[val_rows], y_all[val_rows]
X_last, y_last = X_all[test_rows], y_all[test_rows]
X_search, y_search = np.vstack([X_fit, X_val]), np.concatenate([y_fit, y_val])  # for cross-validation


def rmse(model, X, y):
    """The root of the mean squared error, in the unit of y."""
    return np.sqrt(np.mean((np.ravel(model.predict(X)) - y) ** 2))


print(", ".join(ck.data.AMES_NUMBERS))

# %% [markdown]
# ## Session 1 of 3 · Look before you model
#
# About 61 minutes. You need the cells above.
#
# **Predict before you run.** A typical house costs 160,000 dollars. In 03.5, the last exercise, a network predicts the price of every house outside
# the test part. By how many dollars will it be wrong, on average? Write a number down.

# %% [markdown]
# ## 03.1 · Audit before you model
#
# **Goal:** train the kind of network that many courses trained on the Boston data, and find out why this data should not be used.
#
# The columns: `crim` crime rate, `zn` share of large lots, `indus` share of industry, `chas` 1 if the district lies on the river and 0 if not,
# `nox` nitric oxides, `rm` rooms, `age` share of old houses, `dis` distance to work, `rad` access to highways, `tax` tax rate, `ptratio` pupils
# per teacher, `black`, `lstat` share of people of "lower status", and the target `medv`, the median value of a house in units of 1,000 dollars.
#
# Twelve of the thirteen inputs describe a district. One does more: its authors (Harrison and Rubinfeld, 1978) built a theory of theirs into it,
# $1000\,(B - 0.63)^2$, where $B$ is the share of Black residents in a district. Whoever uses this column uses the theory too: that prices depend
# on race, and in exactly this way.
#
# - `engineered`: the name of this column. Make sure of it by its largest value: what does the formula give for $B = 0$?
# - `shares(column)`: for each number of the column, the two values of $B$ that the formula allows, the smaller first: two arrays of shape
#   (n,). One of them may be impossible as a share; give it all the same.
# - `capped`: the number of districts that have exactly the largest `medv`. What does that tell you about the target?
# - `classic`: a fitted `Pipeline` of a `StandardScaler` and an `MLPRegressor` with one hidden layer of 100 sigmoid units, trained on
#   `X_classic`, `y_classic`. In scikit-learn's words: `hidden_layer_sizes=(100,)` and `activation="logistic"`, its name for the sigmoid. With
#   `learning_rate_init=0.01`, `max_iter=2000` and `tol=0.01` the training stops by itself, once the loss has not fallen by `tol` in ten
#   passes. (If you see a `ConvergenceWarning`, the training came to `max_iter` passes before that.) The model is judged on the
#   districts held out, `X_held_out`.
#
# A **pipeline** is several steps that are fitted and used as one model: `make_pipeline(StandardScaler(), MLPRegressor(...)).fit(X, y)` fits the
# scaler on `X`, scales `X`, and fits the network on the result; `predict` scales first, too.

# %%
X_boston = boston.drop(columns="medv").to_numpy(float)
y_boston = boston["medv"].to_numpy()
X_classic, X_held_out, y_classic, y_held_out = train_test_split(
    X_boston, y_boston, test_size=0.25, random_state=0
)
boston.describe().loc[["mean", "min", "max"]].round(2)

# %%
ck.expected("03.1")

# %%
def shares(column):
    """The two values of B that the formula allows, the smaller first."""
    # [solution]
    root = np.sqrt(np.asarray(column) / 1000)
    return 0.63 - root, 0.63 + root
    # [stub]
    # return ..., ...
    # [end]


# %%
# [solution]
engineered = "black"
capped = np.sum(y_boston == y_boston.max())
# [stub]
# engineered = ...
# capped = ...
# [end]

# %%
# [solution]
network = MLPRegressor(
    hidden_layer_sizes=(100,), activation="logistic", learning_rate_init=0.01, max_iter=2000,
    tol=0.01, random_state=seed,
)
classic = make_pipeline(StandardScaler(), network).fit(X_classic, y_classic)
# [stub]
# classic = ...
# [end]

# %%
ck.check("03.1", engineered=engineered, shares=shares, capped=capped, classic=classic)

# %%
# ck.hint("03.1")  # take the first # away and run this line for a hint; run it again for the next

# %% tags=["picture-03.1"]
if ck.ready("03.1", shares):
    values = np.linspace(0, 396.9, 200)
    low, high = shares(values)
    fig, ax = plt.subplots(figsize=(6, 3.4))
    ax.plot(values, low, label="smaller solution")
    ax.plot(values, high, "--", label="larger solution")
    ax.axhspan(0, 1, alpha=0.08, color="black", label="possible as a share")
    ax.axvline(136.9, color="black", linestyle=":", linewidth=1, label="136.9")
    ax.set(xlabel="number in the column", ylabel="$B$, share of Black residents")
    ax.set_title("Below 137 two shares are possible")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))

# %% [markdown] tags=["reason"]
# **Why it was withdrawn.** For numbers below $1000 \cdot 0.37^2 = 136.9$ both solutions are possible shares, so the original share cannot be
# recovered from this column. Worse, the formula assumes that prices fall with a growing Black population up to 63 % and rise beyond: a claim
# about segregation, written into the inputs as if it were a fact. scikit-learn deprecated the data set in version 1.0 and removed it in 1.2.
#
# **And the target is capped.** Sixteen districts have exactly 50: everything more expensive was cut off. A model that predicts 60 for one
# of them may be right, and is told that it is wrong.
#
# **Nor is the column needed.** Without it, the error of the network hardly changes. From here on we use Ames.

# %% tags=["solution"]
without = boston.drop(columns=["medv", "black"]).to_numpy(float)
A, B, y_A, y_B = train_test_split(without, y_boston, test_size=0.25, random_state=0)
for name, X_a, X_b in (("all 13 columns", X_classic, X_held_out), ("without the column", A, B)):
    fit = make_pipeline(StandardScaler(), network).fit(X_a, y_A)
    error = np.sqrt(np.mean((fit.predict(X_b) - y_B) ** 2))
    print(f"{name:<20} RMSE {error:.2f} thousand dollars on the held-out districts")

# %% tags=["claim"]
errors = []
for X_a, X_b in ((X_classic, X_held_out), (A, B)):
    errors.append(rmse(make_pipeline(StandardScaler(), network).fit(X_a, y_A), X_b, y_B))
assert abs(errors[0] - errors[1]) < 0.6, f"Without the column the error hardly changes: {errors}"

# %% [markdown]
# ## 03.2 · Split, then scale
#
# **Goal:** bring a table into the form that a network needs, so that nothing about the test houses leaks into the training.
#
# In the merged table of the next cell, `X_merged` with the prices `y_merged`, 150 of the sales stand twice, as can happen when tables are put
# together. If one copy is used for training and the other for the test, the network has been told the answer beforehand.
#
# 1. Drop the duplicates.
# 2. Split: 20 % of the houses, at random, are for the test.
# 3. Scale every column to mean 0 and standard deviation 1, using the mean and the deviation of the *training* houses for both parts.
#
# - `X_train`, `X_test`: shapes (2344, 12) and (586, 12), scaled. `y_train`, `y_test`: the prices in units of 100,000 dollars, not scaled.
#
# `np.unique(table, axis=0, return_index=True)` returns the distinct rows of a table, sorted, and for each of them the number of the row where it
# occurs first. With these row numbers you can pick from the table and from the prices alike. `train_test_split(X, y, test_size=0.2)` splits at
# random. A `StandardScaler` learns mean and deviation in `fit` and uses them in `transform`.

# %%
twice = np.random.default_rng(0).choice(2930, size=150, replace=False)
X_merged, y_merged = np.vstack([X_all, X_all[twice]]), np.concatenate([y_all, y_all[twice]])
X_merged.shape

# %%
ck.expected("03.2")

# %%
# [solution]
_, first = np.unique(X_merged, axis=0, return_index=True)
X_once, y_once = X_merged[first], y_merged[first]
X_train, X_test, y_train, y_test = train_test_split(X_once, y_once, test_size=0.2, random_state=seed)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
# [stub]
# X_train, X_test, y_train, y_test = ..., ..., ..., ...
# [end]

# %%
ck.check("03.2", X_train=X_train, X_test=X_test, y_train=y_train, y_test=y_test)

# %%
# ck.hint("03.2")

# %% tags=["picture-03.2"]
if ck.ready("03.2", X_train):
    fig, ax = plt.subplots(figsize=(6, 3.6))
    ax.boxplot(X_train, whis=(1, 99), sym="")  # whiskers from the 1st to the 99th percentile, no single points
    ax.set_xticks(range(1, 13), ck.data.AMES_NUMBERS, rotation=45, ha="right")
    ax.set(ylabel="scaled value (training houses)", title="All columns on one scale")

# %% [markdown] tags=["reason"]
# **What can go wrong.** If you scale before the split, the test houses take part in the mean. With 2,930 houses the effect is tiny; with 30 it
# is not. In any case the test is no longer a fair one. Scaling each part by its own statistics is worse: the same house would get different
# numbers in different parts. If you split before the duplicates are gone, part of the test is known already. The error of a single split need not
# show it. A nearest-neighbour model does: it finds the copies, and predicts their prices exactly, to the dollar.

# %% tags=["solution"]
from sklearn.neighbors import KNeighborsRegressor

for name, X_, y_ in (("with duplicates", X_merged, y_merged), ("without", X_once, y_once)):
    X_a, X_b, y_a, y_b = train_test_split(X_, y_, test_size=0.2, random_state=0)
    nearest = make_pipeline(StandardScaler(), KNeighborsRegressor(1)).fit(X_a, y_a)
    exact = np.mean(nearest.predict(X_b) == y_b)
    print(f"{name:<16} {exact:.1%} of the test prices are hit exactly by the nearest house")

# %% [markdown]
# This is the end of session 1, and a good place to stop. In session 2 you choose between models.

# %% [markdown]
# ## Session 2 of 3 · Choosing by validation
#
# About 58 minutes. You need the cells at the top, and no code from session 1; if pipelines are new to you, read the last paragraph of 03.1
# first.

# %% [markdown]
# ## 03.3 · A baseline, then a network
#
# **Goal:** fit a linear baseline, then find a network that beats it, choosing by the validation houses.
#
# The check prints the error on the test houses, and asks for a small one. Look at it once: if you go on changing things until it is small, you
# have used the test houses to choose. If it is too large, bring the *validation* error down first, and only then run the check again.
#
# - `baseline`: a fitted pipeline of a scaler and `LinearRegression`. All models of this session take the unscaled numbers, (n, 12).
# - `trials`: a dict with at least three entries. The keys are names that you make up; the values are fitted pipelines of a scaler and an
#   `MLPRegressor`, trained on `X_fit`, `y_fit`.
# - `scores`: a dict with the same keys; the values are the RMSEs on the validation houses, by which you choose.
# - `chosen`: the key of the best.
#
# The settings that no gradient improves, such as the number of units or the learning rate, are called **hyper-parameters**; one finds good ones
# by trying. Those of `MLPRegressor` that are worth trying: `hidden_layer_sizes`, `learning_rate_init` (0.001 if you do not set it), `alpha`, and
# `early_stopping=True`. `alpha` is the strength of an **L2 penalty**: it adds a multiple of the sum of the squared weights to the loss and so
# keeps the weights small. Early stopping sets a tenth of the training houses aside and stops when the error on them no longer falls. Two layers
# of 64 and 32 units, a rate of 0.005 and `max_iter=400` are a good start.

# %%
ck.expected("03.3")

# %%
# [solution]
baseline = make_pipeline(StandardScaler(), LinearRegression()).fit(X_fit, y_fit)
settings = {
    "10 units": {"hidden_layer_sizes": (10,)},
    "64 and 32": {"hidden_layer_sizes": (64, 32)},
    "64 and 32, penalty 1": {"hidden_layer_sizes": (64, 32), "alpha": 1.0},
}
trials, scores = {}, {}
for name, setting in settings.items():
    network = MLPRegressor(early_stopping=True, max_iter=400, learning_rate_init=0.005,
                           random_state=seed, **setting)
    trials[name] = make_pipeline(StandardScaler(), network).fit(X_fit, y_fit)
    scores[name] = rmse(trials[name], X_val, y_val)
chosen = min(scores, key=scores.get)
# [stub]
# baseline = ...
# trials, scores = ..., ...
# chosen = ...
# [end]

# %%
ck.check("03.3", baseline=baseline, trials=trials, scores=scores, chosen=chosen)

# %%
# ck.hint("03.3")

# %% tags=["picture-03.3"]
if ck.ready("03.3", trials, chosen):
    best = trials[chosen]
    residuals = 100 * (y_last - best.predict(X_last))
    longitude, latitude = X_last[:, 10], X_last[:, 11]
    ck.plot.value_map(
        longitude, latitude, residuals, label="paid − predicted (1,000 dollars)",
        diverging=True, title="Red: sold for more than the network predicted",
    )

# %% [markdown] tags=["reason"]
# **Why the network beats the linear model.** Quality and size multiply: another square foot is worth more in a good house. A weighted sum of
# columns cannot express that. What is left of a price when its prediction is subtracted is called the **residual**. The map shows the
# residuals: where many neighbours have the same colour, the twelve numbers do not explain the prices of their street.
#
# **A common mistake** is to forget the scaler. Then the columns with the largest numbers dominate the gradients, and the error is far larger.

# %% tags=["solution"]
raw = MLPRegressor(hidden_layer_sizes=(64, 32), max_iter=400, early_stopping=True, random_state=seed)
for name, model in (("linear", baseline), (chosen, best), ("unscaled", raw.fit(X_fit, y_fit))):
    print(f"{name:<22} RMSE {rmse(model, X_last, y_last):.2f} (100,000 dollars) on the test houses")

# %% tags=["claim"]
assert rmse(best, X_last, y_last) < rmse(baseline, X_last, y_last) - 0.02, "The network beats the linear model."
assert rmse(raw, X_last, y_last) > 1.2 * rmse(best, X_last, y_last), "Without the scaler the error is far larger."

# %% [markdown]
# ## 03.4 · Let the machine search
#
# **Goal:** search a grid of settings with cross-validation, over a pipeline, so that the scaler is fitted anew in each fold.
#
# In **cross-validation** the houses are cut into k parts (folds). A model is trained k times, each time without one of the parts, and judged
# on that part. `GridSearchCV` does this for every combination of the settings that you give it. The settings of a step of a
# pipeline are called `step__setting`:
#
# ```python
# pipeline = Pipeline([("scale", StandardScaler()), ("network", MLPRegressor())])
# grid = {"network__alpha": [0.1, 10.0]}       # two combinations
# ```
#
# - `search`: a fitted `GridSearchCV` over a `Pipeline` of scaler and `MLPRegressor`, with at least four combinations, `cv=3` folds and
#   `scoring="neg_root_mean_squared_error"`, fitted on `X_search`, `y_search` (the training and the validation houses).
# - `mean_scores`: for each combination the mean of its scores on the folds left out, from `search.cv_results_` (scikit-learn calls these its
#   test scores). The search looks for the largest score, so scikit-learn puts a minus sign before the error.
#
# `verbose=2` shows each fit as it ends. **Predict:** will the combinations differ by more than the folds do?

# %%
ck.expected("03.4")

# %%
# [solution]
network = MLPRegressor(early_stopping=True, max_iter=300, learning_rate_init=0.005, random_state=seed)
pipeline = Pipeline([("scale", StandardScaler()), ("network", network)])
grid = {
    "network__hidden_layer_sizes": [(32,), (64, 32)],
    "network__alpha": [0.01, 1.0],
}
search = GridSearchCV(pipeline, grid, cv=3, scoring="neg_root_mean_squared_error", verbose=2)
search.fit(X_search, y_search)
mean_scores = search.cv_results_["mean_test_score"]
# [stub]
# search = ...
# mean_scores = ...
# [end]

# %%
ck.check("03.4", search=search, mean_scores=mean_scores)

# %%
# ck.hint("03.4")

# %% tags=["picture-03.4"]
if ck.ready("03.4", search, mean_scores):
    results = search.cv_results_
    names = [", ".join(f"{key.split('__')[-1]} {value}" for key, value in setting.items()) for setting in results["params"]]
    fig, ax = plt.subplots(figsize=(7, 1.4 + 0.3 * len(names)))
    ax.errorbar(-np.asarray(mean_scores), range(len(names)), xerr=results["std_test_score"], fmt="o", capsize=4)
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="RMSE (100,000 dollars): mean ± deviation of the folds", ylim=(-0.5, len(names) - 0.5))
    ax.set_title("Are the differences larger than the spread?")

# %% tags=["claim"]
by_fold = np.array([results[f"split{fold}_test_score"] for fold in range(3)])
between_settings = np.ptp(results["mean_test_score"])
between_folds = np.median(np.ptp(by_fold, axis=0))
assert between_settings < 2 * between_folds, f"Settings differ about as much as folds do: {between_settings}, {between_folds}"

# %% [markdown] tags=["reason"]
# **Why the search goes over the pipeline.** If you scale first and search afterwards, every fold has been scaled with its own validation
# houses: a small leak, in each of the folds. In a pipeline the scaler is part of the model, and cannot leak.
#
# **What the spread says.** In the solution, whose penalties are 0.01 and 1, the four means differ by about as much as the three folds of a
# single setting do, and another random seed can make another setting the best. So do not rely on which one came first; if two are close, take
# the simpler one. All settings share the same folds, so the fair test is to compare them fold by fold: is one better in each of the
# three? A setting that is plainly too strong fails this test: with a penalty of 10 the error was larger than with 0.1 in each fold, for all of ten
# seeds (two layers of 64 and 32 units, otherwise as in the solution), and its mean was larger by 0.04 to 0.1.

# %% [markdown]
# This is the end of session 2, and a good place to stop. In session 3 you cross-validate by hand.

# %% [markdown]
# ## Session 3 of 3 · Cross-validation by hand
#
# About 49 minutes. You need the cells at the top, and nothing from the sessions before.

# %% [markdown]
# ## 03.5 · The same in Keras, with k folds
#
# **Goal:** write the loop of a cross-validation yourself, so that each house is predicted by a Keras network that has not seen it.
#
# - `k_folds(n, k, seed)`: returns a list of k pairs (train, val) of row numbers. The rows are shuffled; each row belongs to the val of exactly
#   one pair, and to the train of all the others. Use NumPy, or look for a class of scikit-learn that does it.
# - `build_regressor()`: returns a compiled, untrained Keras network that takes 12 scaled numbers and gives one, with the loss `"mse"`. Hidden
#   layers of 64 and 32 ReLU units and 15 epochs in batches of 64 are enough, with Adam and a rate that falls from 0.01 to 0 in the course of the
#   training: `keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, decay_steps=375))`, for 15 epochs of 25 steps.
# - `out_of_fold`: shape (2340,): for each row of `X_search` the prediction, in units of 100,000 dollars, of the network that was trained without
#   it. Three folds are enough. Scale inside the loop, by the mean and deviation of the rows that train. The check cannot see whether you did,
#   nor who has predicted a house, unless the error is far too small: that is up to you.
# - `mae`, `mse`: the mean absolute and the mean squared error of `out_of_fold`, in its units.

# %%
ck.expected("03.5")

# %%
def k_folds(n, k, seed):
    """k pairs of row numbers: to train on, to predict."""
    # [solution]
    return list(KFold(k, shuffle=True, random_state=seed).split(np.zeros(n)))
    # [stub]
    # return ...
    # [end]


def build_regressor():
    """A compiled network: 12 numbers in, one out."""
    # [solution]
    model = keras.Sequential([
        keras.Input((12,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(32, activation="relu"),
        layers.Dense(1),
    ])
    falling = keras.optimizers.schedules.CosineDecay(0.01, decay_steps=375)  # 15 epochs of 25 steps
    model.compile(keras.optimizers.Adam(falling), loss="mse")
    return model
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
out_of_fold = np.zeros(len(y_search))
for train, val in k_folds(len(y_search), 3, seed):
    scaler = StandardScaler().fit(X_search[train])
    model = build_regressor()
    model.fit(scaler.transform(X_search[train]), y_search[train], epochs=15, batch_size=64, verbose=0)
    out_of_fold[val] = np.ravel(model(scaler.transform(X_search[val])))
mae = np.mean(np.abs(out_of_fold - y_search))
mse = np.mean((out_of_fold - y_search) ** 2)
# [stub]
# out_of_fold = ...
# mae, mse = ..., ...
# [end]

# %%
ck.check("03.5", k_folds=k_folds, build_regressor=build_regressor, out_of_fold=out_of_fold,
         mae=mae, mse=mse)

# %%
# ck.hint("03.5")

# %% tags=["picture-03.5"]
if ck.ready("03.5", out_of_fold):
    fig, ax = plt.subplots(figsize=(4.6, 4.2))
    ax.plot(y_search, out_of_fold, ".", markersize=4, alpha=0.5)
    ax.plot([0, 7], [0, 7], "k-", linewidth=1, label="exact")
    ax.set(xlabel="paid (100,000 dollars)", ylabel="predicted without this house")
    ax.set(xlim=(0, 7), ylim=(0, 7), title="Each house predicted without itself", aspect="equal")
    ax.legend()

# %% tags=["claim"]
dear = y_search > 4
assert np.mean(out_of_fold[dear] < y_search[dear]) > 0.6, "Most expensive houses are predicted too low."
near = abs(y_search - 1.5) < 0.2
assert max(out_of_fold[near] - y_search[near]) > 1.2, "Near 1.5 there are points far above the line."

# %% [markdown] tags=["reason"]
# **MAE and MSE.** The MAE says by how much a prediction is wrong on average. The MSE, and its root, give most weight to the few that are far
# off. Some of these are among the most expensive houses, of which there are few to learn from; most houses above 4 are predicted too low. Others
# are ordinary houses that were sold for far less than houses of their kind: look for the points far above the line near 1.5.
#
# **A common mistake:** to predict all rows with the last network. It has seen two thirds of them in training, so the error looks
# better than it is.

# %% tags=["solution"]
seen = np.ravel(model(scaler.transform(X_search)))
print(f"without the house: MAE {mae * 100:.1f}, RMSE {np.sqrt(mse) * 100:.1f} thousand dollars")
print(f"one network for all: MAE {np.mean(np.abs(seen - y_search)) * 100:.1f} thousand dollars")

# %% tags=["claim"]
assert mae < 0.2, "The mean absolute error is below 20,000 dollars."
assert np.mean(np.abs(seen - y_search)) < mae, "One network for all rows looks better than it is."

# %% [markdown]
# ## What did you observe?
#
# 1. Why may you look at the validation score a hundred times, and at the test score only once?
# 2. Which of your steps use statistics of the data, and from which rows do they take them?
# 3. Why is the RMSE of 03.5, the root of `mse`, larger than the MAE?
# 4. By how many dollars is your network of 03.5 wrong on average (`mae`), and what had you predicted?
#
# <details><summary>Answers</summary>
#
# 1. Whenever you choose by a score, your choice fits those houses a little better than others. The validation part is there for that. The test
#    part is not: it stands for the houses that you will meet later.
# 2. The scaler (mean and deviation) and early stopping (it sets its own part aside) use training rows only. The choice uses validation rows, or
#    the folds left out. Nothing uses test rows.
# 3. The errors are not all of one size, and squares give more weight to the large ones. The further the few largest stand out from the rest,
#    the larger the RMSE is beside the MAE.
# 4. The mean absolute error in 03.5 is below 20,000 dollars for the solution: roughly a tenth of a typical price.
#
# </details>
#
# ## Go further
#
# - Predict the logarithm of the price. What does an error of 0.1 mean then, and which houses gain?
# - Let several processes, or several machines, share the fits of 03.4, with the lines below. When is it worth it?
# - Train without longitude and latitude, and draw the residuals on the map again.
# - Kaggle is a site with data sets and competitions, and the houses of Ames are one of them. You send predictions for rows whose
#   prices are kept back; the public table shows the error on a part of these rows only, and the final order is decided on the
#   rest. Why not on the part that is shown? (Think of what you chose by in 03.3.)
# - Notebook 03b continues: scaled targets, categories, outliers, and the strongest rivals of networks.
#
# scikit-learn leaves its fits to a library named joblib, and joblib can hand them to Dask, a library that spreads work over processes and
# machines (`pip install dask distributed`):
#
# ```python
# from dask.distributed import Client
# import joblib
#
# client = Client(n_workers=2)            # two processes on this machine; Client("address:8786") for a cluster that is running
# with joblib.parallel_config(backend="dask"):
#     search.fit(X_search, y_search)
# ```
#
# ## Summary
#
# Audit first: a column can contain an opinion, and a target can be cut off. Remove duplicates, split, then scale. Choose by the validation
# part, and report the test part once. A pipeline keeps every statistic inside its fold. The spread of the folds tells you how much of a
# difference is noise.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - Harrison, D., Rubinfeld, D. L. (1978). Hedonic housing prices and the demand for clean air. *Journal of Environmental
#   Economics and Management*, 5, 81–102.
# - De Cock, D. (2011). Ames, Iowa: alternative to the Boston housing data as an end of semester regression project. *Journal
#   of Statistics Education*, 19(3).
# - Carlisle, M. (2019). Racist data destruction? *Medium*. The inquiry that started the withdrawal.
# - Kaufman, S., Rosset, S., Perlich, C., Stitelman, O. (2012). Leakage in data mining: formulation, detection, and avoidance. *ACM
#   Transactions on Knowledge Discovery from Data*, 6(4).
