# %% [markdown]
# # 02 · What a classifier has drawn
#
# "93 % right" is a number that hides what a classifier has learned. With two inputs you can look at it: every point of
# the plane gets a class, and the border between the classes shows what the classifier has learned.
#
# About 221 minutes in 3 sessions · CPU about 25 s · GPU optional
#
# **Before you start** you should have done notebook 01: networks in scikit-learn and in Keras.
#
# ## You will learn
#
# - to draw the border of any classifier, and to recognise trees, networks and boosted trees by their borders;
# - to see too little and too much capacity, and what L2, dropout and early stopping do about it;
# - why activations and the first weights decide whether a deep network learns at all.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # call this before importing Keras, so that TensorFlow's start-up messages stay hidden

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.colors import ListedColormap
from sklearn.base import clone
from sklearn.datasets import make_circles, make_moons
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

# %% [markdown]
# ## Look at the data
#
# Four data sets of 400 points each, with two classes that no straight line separates.

# %%
def draw_datasets(n, draw):
    """The four data sets with n points each; the number `draw` decides which points."""
    return {
        "moons": make_moons(n, noise=0.25, random_state=draw),
        "circles": make_circles(n, noise=0.12, factor=0.5, random_state=draw),
        "spirals": ck.data.make_spirals(n, noise=0.05, seed=draw),
        "XOR": ck.data.make_xor(n, noise=0.25, seed=draw),
    }


datasets = draw_datasets(400, draw=0)
fig, axs = plt.subplots(1, 4, figsize=(11, 2.9))
for ax, (name, (X, y)) in zip(axs, datasets.items()):
    for label, marker in ((0, "o"), (1, "s")):
        ax.plot(*X[y == label].T, marker, markersize=3, alpha=0.7, label=f"class {label}")
    ax.set(title=name, xlabel="$x_1$", xticks=[], yticks=[])
axs[0].set_ylabel("$x_2$")
axs[3].legend(loc="upper left", bbox_to_anchor=(1, 1));

# %% [markdown]
# ## Session 1 of 3 · Drawing borders
#
# About 62 minutes. What it needs: the cells above, and how `MLPClassifier` is used (01.3). You write the code that draws a
# border, and compare three kinds of classifiers on the four data sets.

# %% [markdown]
# ## Predict before you run
#
# A decision tree asks one question after the other, each about one coordinate: "is $x_1$ above 0.3?". A network adds up
# bends in any direction. Sketch the border that each of them will draw on the circles. Which of the four data sets will
# be hardest for the tree, and which for the network? Write it down.

# %% [markdown]
# ## 02.1 · Ask a classifier about every point of the plane
#
# **Goal:** lay a mesh over the plane, let a classifier label it, and arrange the labels as a picture.
#
# To draw a border, ask the classifier about the points of a fine mesh. A classifier wants a table with one row per point. A
# picture is a grid. So you go from the grid to a table and, with the labels, back to a grid. NumPy has what you need:
#
# - `np.linspace(0, 1, 3)` gives 3 equally spaced values with both ends: 0, 0.5, 1.
# - `A, B = np.meshgrid([0, 1, 2], [10, 20])` gives two arrays with 2 rows and 3 columns. `A` holds 0, 1, 2 in every row,
#   `B` holds 10 in the first row and 20 in the second. Together they hold every pair.
# - `A.ravel()` flattens a grid row by row; `np.column_stack([a, b])` puts two flat arrays side by side, as two columns;
#   `np.reshape(values, (2, 3))` makes a grid of flat values again, row by row.
#
# Write the functions:
#
# - `mesh_points(xlim, ylim, n)`: two pairs (low, high) and a number; returns an array of shape (n·n, 2), all pairs of n
#   equally spaced values of $x_1$ and n of $x_2$, ends included.
# - `as_field(values, n)`: n·n values in the order of your mesh; returns shape (n, n). Row i belongs to the i-th value of
#   $x_2$, column j to the j-th value of $x_1$.
# - `field`: the labels that `tree` predicts for your mesh over $x_1 \in [-2, 3]$, $x_2 \in [-2, 2.5]$ with n = 150, as a
#   picture.

# %%
X_moons, y_moons = datasets["moons"]
tree = DecisionTreeClassifier(max_depth=5, random_state=seed).fit(X_moons, y_moons)
xlim, ylim = (-2, 3), (-2, 2.5)

# %%
ck.expected("02.1")

# %%
def mesh_points(xlim, ylim, n):
    """All points of a regular mesh, shape (n * n, 2)."""
    # [solution]
    x1, x2 = np.meshgrid(np.linspace(*xlim, n), np.linspace(*ylim, n))
    return np.column_stack([x1.ravel(), x2.ravel()])
    # [stub]
    # return ...
    # [end]


def as_field(values, n):
    """The values of the mesh as a picture of shape (n, n): rows are x2, columns are x1."""
    # [solution]
    return np.reshape(values, (n, n))
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
field = as_field(tree.predict(mesh_points(xlim, ylim, 150)), 150)
# [stub]
# field = ...
# [end]

# %%
ck.check("02.1", mesh_points=mesh_points, as_field=as_field, field=field, tree=tree)

# %%
# ck.hint("02.1")  # remove the first # and run this line for a hint; run it again for the next one

# %% tags=["picture-02.1"]
if ck.ready("02.1", field):
    fig, ax = plt.subplots(figsize=(5, 4))
    ax.imshow(field, origin="lower", extent=(*xlim, *ylim), cmap=ListedColormap(["#8CC0DC", "#ECB68C"]))
    for label, marker in ((0, "o"), (1, "s")):
        ax.plot(*X_moons[y_moons == label].T, marker, markersize=3, label=f"class {label}")
    ax.set(xlabel="$x_1$", ylabel="$x_2$", title="The border of a tree is parallel to the axes")
    ax.grid(False)
    ax.legend(loc="upper left");

# %% [markdown] tags=["reason"]
# **Why rows are $x_2$.** A picture is stored as a stack of rows, and from one row to the next the vertical coordinate
# changes. `np.meshgrid` follows this convention, so a plain `reshape` fits. A double loop with $x_1$ outside gives a picture
# that is mirrored along the diagonal. On symmetric data, such as the circles, nobody would notice.

# %% [markdown]
# From here on `ck.plot.decision_boundary` does this work. It takes the `predict` of any classifier and the points.

# %% [markdown]
# ## 02.2 · Three classifiers, four data sets
#
# **Goal:** fit a decision tree, an MLP and XGBoost to each data set, and compare their borders.
#
# A *decision tree* splits the plane by one question about one coordinate, then splits each part again, and so on until, by
# default, every training point has its right class. *XGBoost* builds many small trees, one after the other. Each new tree is
# fitted to the errors that are left, and its answer is *added* to the sum so far; this is called boosting. The *MLP* is the
# network of 01.3.
#
# All three are used alike: `DecisionTreeClassifier()`, `XGBClassifier(n_estimators=100, max_depth=4)` for 100 trees of at
# most four questions in a row, or `MLPClassifier((32, 32), ...)` with two hidden layers of 32 units. `fit(X, y)` trains,
# `score(X, y)` gives the accuracy. `fit` changes the model itself and starts afresh each time, so that you need a new model
# for each data set. `clone(model)` makes an unfitted copy with the same settings.
#
# - `fitted`: a dict of dicts, so that `fitted["moons"]["tree"]` is a fitted model. The outer keys are the data sets
#   `"moons"`, `"circles"`, `"spirals"`, `"XOR"`, the inner ones the classifiers `"tree"`, `"MLP"`, `"XGBoost"`. That makes
#   twelve models. Train on `datasets`; they are judged on fresh points.

# %%
ck.expected("02.2")

# %%
from xgboost import XGBClassifier  # a Mac may lack its library libomp: `brew install libomp`, then run this cell again

# %%
# [solution]
mlp = MLPClassifier((32, 32), activation="tanh", solver="lbfgs", alpha=0.1, max_iter=1000, tol=1e-3)
classifiers = {
    "tree": DecisionTreeClassifier(random_state=seed),
    "MLP": mlp.set_params(random_state=seed),
    # With so few points several cores would only wait for each other: one is faster.
    "XGBoost": XGBClassifier(n_estimators=100, max_depth=4, n_jobs=1, random_state=seed),
}
fitted = {
    data: {name: clone(model).fit(X, y) for name, model in classifiers.items()}
    for data, (X, y) in datasets.items()
}
# [stub]
# fitted = ...
# [end]

# %%
ck.check("02.2", fitted)

# %%
# ck.hint("02.2")

# %% tags=["picture-02.2"]
if ck.ready("02.2", fitted):
    fig, axs = plt.subplots(3, 4, figsize=(11.5, 8.6))
    for column, (data, (X, y)) in zip(axs.T, datasets.items()):
        for ax, name in zip(column, ("tree", "MLP", "XGBoost")):
            ck.plot.decision_boundary(fitted[data][name].predict, X, y, ax, resolution=150)
            ax.get_legend().remove()
            ax.set(xlabel="", ylabel="", xticks=[], yticks=[], aspect="auto", title=f"{name} on {data}")
    fig.suptitle("Trees cut parallel to the axes, networks in any direction", fontsize=12)

# %%
if ck.ready("02.2", fitted):
    for data, (X, y) in draw_datasets(4000, draw=1).items():
        print(f"{data}, 4,000 fresh points:")
        for name in ("tree", "MLP", "XGBoost"):
            print(f"    {name:<8} {fitted[data][name].score(X, y):.1%}")

# %% tags=["claim"]
score = {}
for data, (X, y) in draw_datasets(4000, draw=1).items():
    score[data] = {name: fitted[data][name].score(X, y) for name in ("tree", "MLP", "XGBoost")}
for data in ("moons", "circles", "spirals"):
    assert max(score[data], key=score[data].get) == "MLP", "On moons, circles and spirals the network is best."
assert abs(score["XOR"]["MLP"] - score["XOR"]["XGBoost"]) < 0.02, "On XOR network and XGBoost are about equal."
assert all(score[data]["tree"] < score[data]["XGBoost"] for data in ("moons", "XOR")), "The single tree is behind."
assert score["XOR"]["tree"] < score["XOR"]["MLP"], "On XOR the single tree is behind the network."
for name in ("tree", "MLP", "XGBoost"):
    assert min(score, key=lambda data: score[data][name]) == "moons", "The moons are hardest for all three."

# %% [markdown]
# Compare the circles with your sketch. Which data set did you expect to be hardest for the tree and for the network, and
# which one is?

# %% [markdown] tags=["reason"]
# **Read the grid.** The tree cuts parallel to the axes and gives every training point its own class, even if that takes a
# thin strip for a single point. XGBoost cuts parallel to the axes too, but it adds up 100 small trees that are not grown to
# the end, and it has fewer such strips. The network cuts in any direction: with tanh in curves, with ReLU in straight
# pieces.
#
# **Who is best?** On moons, circles and spirals, whose true borders are curved, the network of the solution is best. XOR is
# the surprise. Its true border is parallel to the axes, at $x_1 = 0.5$ and $x_2 = 0.5$, so one expects the tree to win. But
# the four clouds overlap, the single tree follows the noise of its training points, and it ends behind the network of the
# solution. XGBoost and this network are about equal there. The right shape of border is not enough: a model must also
# resist the noise. That is the subject of 02.3.
#
# **Your numbers may differ.** With `solver="lbfgs"` and the small default of `alpha`, a network bends around single points
# too, with spikes in its border. On the moons it may then end behind XGBoost, and even behind the tree. The solution has
# `alpha=0.1`. A still larger one, say 1, can be better on moons and XOR and worse on the spirals: no single setting is best
# everywhere.
#
# The moons are hardest for all three, because there the two classes overlap most. No classifier can separate what overlaps.
#
# **A trap.** If you fit one model object four times, all four entries of the dict are the same object, trained on the last
# data set.

# %% [markdown]
# **A good place to stop.** Session 2 asks how much freedom a classifier should have.

# %% [markdown]
# ## Session 2 of 3 · How much freedom?
#
# About 89 minutes. What it needs: the cells above Session 1, and how a network is built and trained in Keras (01.5). You
# see a classifier learn the noise, hold it back in three ways, and then compare a wide network with a deep one.

# %% [markdown]
# ## 02.3 · Too little, enough, too much
#
# **Goal:** see capacity in a validation curve, then hold a large network back with L2, dropout and early stopping.
#
# *Capacity* is how complicated a border a classifier can draw. For a tree it grows with the depth, the number of questions
# in a row. With too little capacity the border is wrong in the same way whichever points you happen to have: the model has
# a *bias* (here the word has nothing to do with the $b$ of a neuron). With too much, it follows the noise of the points,
# and other points would give another border: it has *variance*. Between the two lies the best choice. To find it, score
# each model on points that it has not been trained on, the *validation* points. Accuracy against capacity is called a
# validation curve.
#
# A large network can be held back in three ways:
#
# - **L2 penalty.** Add $\lambda \sum w^2$ to the loss, where the sum runs over the weights of a layer. Sharp corners need
#   large weights, so they become expensive. In Keras: `layers.Dense(8, kernel_regularizer=keras.regularizers.L2(0.01))`,
#   where 0.01 is $\lambda$, and *kernel* is Keras's word for the matrix of weights.
# - **Dropout.** In every training step, set each value of a layer to 0 with probability $p$, and divide the others by
#   $1 - p$ so that the mean stays the same. No unit can rely on one particular other unit. In Keras: `layers.Dropout(0.3)`
#   after the layer, with $p = 0.3$. It is active during training only, not in `predict`.
# - **Early stopping.** Watch the loss on the validation points after each epoch, and stop when it has not improved for some
#   epochs, the *patience*. In Keras this is a *callback*, an object that `fit` calls after each epoch:
#
#       watch = keras.callbacks.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True)
#       model.fit(X_train, y_train, validation_data=(X_new, y_new), callbacks=[watch])
#
#   `restore_best_weights=True` puts the weights of the best epoch back at the end.
#
# Now, with few points and much noise:
#
# - `train_scores`, `val_scores`: the accuracies on `X_few`, `y_few` and on `X_val`, `y_val` of
#   `DecisionTreeClassifier(max_depth=depth)`, fitted on `X_few`, `y_few`, for each of `depths`.
# - `best_depth`: the depth with the best validation accuracy; if two are equal, either.
# - `build_network(l2, dropout)`: a compiled Keras network 2 → 64 → 64 → 1, with ReLU, the L2 penalty `l2` on the kernels of
#   both hidden layers and `Dropout(dropout)` after each of them; the output is one sigmoid, the loss binary cross-entropy,
#   the metric accuracy. With so few points, `keras.optimizers.Adam(0.02)` and batches of 30 work well.
# - `held`, `history`: such a network, say with `l2=0.001` and `dropout=0.2`, trained for up to 100 epochs with early
#   stopping on the validation loss, and what `fit` returned. A patience of 10 is good here.
#
# **Predict first:** how will the two accuracies change with the depth? Sketch both curves.

# %%
X_few, y_few = make_moons(150, noise=0.35, random_state=1)
X_val, y_val = make_moons(500, noise=0.35, random_state=2)
depths = np.arange(1, 16)

# %%
ck.expected("02.3")

# %%
# [solution]
train_scores, val_scores = [], []
for depth in depths:
    one = DecisionTreeClassifier(max_depth=depth, random_state=seed).fit(X_few, y_few)
    train_scores.append(one.score(X_few, y_few))
    val_scores.append(one.score(X_val, y_val))
best_depth = depths[np.argmax(val_scores)]
# [stub]
# train_scores, val_scores = ..., ...
# best_depth = ...
# [end]

# %%
def build_network(l2, dropout):
    """2 - 64 - 64 - 1 with an L2 penalty and dropout, compiled."""
    # [solution]
    penalty = keras.regularizers.L2(l2)
    model = keras.Sequential([keras.Input((2,))])
    for _ in range(2):
        model.add(layers.Dense(64, activation="relu", kernel_regularizer=penalty))
        model.add(layers.Dropout(dropout))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(keras.optimizers.Adam(0.02), loss="binary_crossentropy", metrics=["accuracy"])
    # [stub]
    # model = ...
    # [end]
    return model


# %%
# [solution]
held = build_network(l2=0.001, dropout=0.2)
stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=10, restore_best_weights=True)
history = held.fit(
    X_few, y_few, validation_data=(X_val, y_val), epochs=100, batch_size=30, verbose=0,
    validation_batch_size=500, callbacks=[stop],
)
# [stub]
# held, history = ..., ...
# [end]

# %%
ck.check("02.3", train_scores=train_scores, val_scores=val_scores, best_depth=best_depth,
         build_network=build_network, held=held, history=history)

# %%
# ck.hint("02.3")

# %% tags=["picture-02.3"]
if ck.ready("02.3", train_scores, val_scores, best_depth):
    fig, ax = plt.subplots(figsize=(5.8, 3.4))
    ax.plot(depths, train_scores, "o-", label="training")
    ax.plot(depths, val_scores, "s--", label="validation")
    ax.axvline(best_depth, color="black", linewidth=1, linestyle=":", label="your choice")
    ax.set(xlabel="depth of the tree", ylabel="accuracy")
    ax.set_title("From some depth on only the training accuracy rises")
    ax.legend();

# %% tags=["claim"]
assert all(np.diff(train_scores) >= 0), "On the training points a deeper tree is never worse"
assert max(val_scores) - val_scores[-1] > 0.02, "From some depth on only the training accuracy rises"
assert best_depth < 8 and val_scores[0] < max(val_scores) - 0.04, "The best depth is neither 1 nor large."

# %% [markdown]
# Compare the two curves with your sketch. (The small ups and downs of the validation curve are chance.) Then the large
# network: the same one trained without L2, dropout and early stopping, beside yours. **Predict first:** what will its
# validation loss do? (The losses of yours contain the L2 penalty, a few hundredths, so compare the shapes of the curves and
# not their heights.)

# %%
if ck.ready("02.3", build_network, held, history):
    free = build_network(l2=0.0, dropout=0.0)
    history_free = free.fit(
        X_few, y_few, validation_data=(X_val, y_val), epochs=50, batch_size=30, verbose=0,
        validation_batch_size=500,
    )
    fig, axs = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True)
    ck.plot.learning_curves(history_free, axs[0], metrics=["loss"], title="Free: the validation loss turns up")
    best_epoch, epochs = np.argmin(history.history["val_loss"]) + 1, len(history.history["val_loss"])
    title = f"Held back: {epochs} epochs, the best was number {best_epoch}"
    ck.plot.learning_curves(history, axs[1], metrics=["loss"], title=title)
    for ax in axs:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncol=3, fontsize=8)

# %%
if ck.ready("02.3", build_network, held, history):
    stump = DecisionTreeClassifier(max_depth=1).fit(X_few, y_few)
    fig, axs = plt.subplots(1, 3, figsize=(11, 3.6))
    ck.plot.decision_boundary(stump.predict, X_few, y_few, axs[0], title="Too little: one question", resolution=120)
    ck.plot.decision_boundary(held, X_few, y_few, axs[1], title="Enough: held back", resolution=120)
    ck.plot.decision_boundary(free, X_few, y_few, axs[2], title="Too much: free", resolution=120)
    for ax in axs:
        ax.get_legend().remove()
    X_new, y_new = make_moons(4000, noise=0.35, random_state=3)

    def cross_entropy(model):
        """On the fresh points; `evaluate` adds the L2 penalty, which is taken away again."""
        return model.evaluate(X_new, y_new, verbose=0)[0] - float(sum(model.losses))

    print(f"cross-entropy on 4,000 fresh points: held back {cross_entropy(held):.2f}, free {cross_entropy(free):.2f}")

# %% tags=["claim"]
val_loss = history_free.history["val_loss"]
assert np.mean(val_loss[-10:]) > 1.2 * min(val_loss), "Free: the validation loss turns up"
loss_of = {"held": cross_entropy(held), "free": cross_entropy(free)}
assert loss_of["free"] > 1.2 * loss_of["held"], "On fresh points the free network has the larger loss."
assert 0.005 < float(sum(held.losses)) < 0.1, f"The penalty is a few hundredths: {float(sum(held.losses)):.3f}"
alone = {"stopping": (0.0, 0.0, [stop]), "l2": (0.001, 0.0, [])}  # dropout helped with nine of ten seeds
for name, (l2, dropout, callbacks) in alone.items():
    one = build_network(l2, dropout)
    one.fit(X_few, y_few, validation_data=(X_val, y_val), epochs=50, batch_size=30, verbose=0,
            validation_batch_size=500, callbacks=callbacks)
    loss_of[name] = cross_entropy(one)
seen = ", ".join(f"{name} {loss:.3f}" for name, loss in loss_of.items())
assert loss_of["stopping"] < 0.9 * loss_of["free"], f"Early stopping alone helps: {seen}"
assert loss_of["l2"] < loss_of["free"], f"L2 alone helps too: {seen}"
assert len(history.history["loss"]) < 100, "Early stopping ends the training before 100 epochs."

# %% [markdown] tags=["reason"]
# **Three borders.** One question cannot follow two curved classes: that is bias. The free network bends around
# single points: that is variance. Its training loss goes on falling while its validation loss turns up, and on fresh
# points its loss is clearly larger. The same network, held back, draws a border between the two. Where the colours of the
# networks fade they are unsure; the tree's labels have no shades.
#
# **What helped?** Early stopping alone, without L2 and dropout, already ends with a clearly smaller loss on fresh points
# than the free network. L2 alone helps too; dropout alone did so in nine of ten trainings.
#
# **Two traps.** If you choose the depth with the best *training* accuracy, you always choose a deep tree, because a deeper
# tree can do all that a shallower one can and then split once more. And the validation points that chose the depth are no
# longer unseen. An honest final number needs a third set, the test set.

# %% [markdown]
# ## 02.4 · A region of your own
#
# **Goal:** invent a region of the square $[-1, 1] \times [-1, 1]$ and teach it to two networks, a wide one and a deep one.
#
# Is it better to put many units into one layer or to stack several narrow layers? To compare fairly, give both networks
# about the same number of parameters. A dense layer from $a$ values to $b$ units has $a b + b$ of them. For example, 2 → 10
# → 1 has $(20 + 10) + (10 + 1) = 41$, and 2 → 4 → 4 → 1 has $12 + 20 + 5 = 37$. `model.count_params()` tells you.
#
# - `region(X)`: shape (n, 2) in, n labels out: 1 inside, 0 outside. It is a condition on the two columns, for example
#   `(X[:, 0] > X[:, 1]).astype(int)` for the half below the diagonal. Choose something more interesting: a ring, a heart, a
#   chessboard of 2 by 2, with at least 5 % of the square in each class. Combine conditions with `&` (and) and `|` (or),
#   each in brackets of its own: `((X[:, 0] > 0) & (X[:, 1] > 0)).astype(int)`.
# - `wide`: a Keras network with one hidden layer; `deep`: one with at least three. Both are trained on `X_square`,
#   `region(X_square)`, take (n, 2) and give the probability of class 1, shape (n, 1). The larger has at most 15 %
#   more parameters than the smaller. For most regions about 50 epochs with `keras.optimizers.Adam(0.01)` and batches of 25
#   are enough. If a network misses a part of your region as a whole, such as the core of a ring, let its hidden layers
#   start with larger weights, `kernel_initializer="he_normal"`; 02.5 explains this name.
#
# The check compares both networks with a simple judge, "a vote of the nearest points": it has 1,000 points of the square
# with their labels, and gives each fresh point the label that most of its five nearest have.
#
# **Predict first:** which of the two will follow your region better?

# %%
X_square = np.random.default_rng(3).uniform(-1, 1, size=(1000, 2))

# %%
ck.expected("02.4")

# %%
def region(X):
    """1 inside your region, 0 outside."""
    # [solution]
    x1, x2 = X[:, 0], X[:, 1]
    heart = (1.3 * x1) ** 2 + (1.4 * x2 - np.sqrt(np.abs(1.3 * x1)) + 0.2) ** 2 < 1
    return heart.astype(int)
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
def network(widths):
    """Trained on the region: hidden ReLU layers of these widths, one sigmoid."""
    hidden = [layers.Dense(width, activation="relu") for width in widths]
    model = keras.Sequential([keras.Input((2,)), *hidden, layers.Dense(1, activation="sigmoid")])
    # A learning rate that falls to 0 over the 20 epochs of 40 steps: the border comes to rest sooner.
    rate = keras.optimizers.schedules.CosineDecay(0.02, decay_steps=800)
    model.compile(keras.optimizers.Adam(rate), loss="binary_crossentropy", steps_per_execution=40)
    model.fit(X_square, region(X_square), epochs=20, batch_size=25, verbose=0)
    return model


wide, deep = network([200]), network([15, 15, 15, 15])
# [stub]
# wide = ...
# deep = ...
# [end]

# %%
ck.check("02.4", region=region, wide=wide, deep=deep)

# %%
# ck.hint("02.4")

# %% tags=["picture-02.4"]
if ck.ready("02.4", region, wide, deep):
    labels = region(X_square)
    fig, axs = plt.subplots(1, 2, figsize=(9, 4))
    for ax, model, name in ((axs[0], wide, "wide"), (axs[1], deep, "deep")):
        title = f"{name}: {model.count_params()} parameters"
        ck.plot.decision_boundary(model, X_square, labels, ax, title=title)
    axs[0].get_legend().remove()

# %%
if ck.ready("02.4", region, wide, deep):
    X_fresh = np.random.default_rng(4).uniform(-1, 1, size=(4000, 2))
    for name, model in (("wide", wide), ("deep", deep)):
        answers = model.predict(X_fresh, verbose=0)[:, -1] > 0.5
        print(f"{name}: {np.mean(answers == np.ravel(region(X_fresh))):.1%} of 4,000 fresh points")

# %% tags=["claim"]
accuracy = [np.mean((model.predict(X_fresh, verbose=0)[:, -1] > 0.5) == region(X_fresh)) for model in (wide, deep)]
assert min(accuracy) > 0.94 and abs(accuracy[0] - accuracy[1]) < 0.025, "For the heart wide and deep are about equal."

# %% [markdown]
# Was the winner the one that you predicted, and is the difference large?

# %% [markdown] tags=["reason"]
# **Wide or deep?** For the heart of the solution the two are about equal: both get more than 94 % of fresh points, and they
# differ by less than 3 percentage points. A simple region does not need depth. Each unit of the wide network is one fold of
# the plane, and 200 folds are plenty for a heart. It may be otherwise for your region: either network can miss a part as a
# whole, such as the core of a ring. More epochs seldom find it; a start with larger weights mostly does. A deep network
# folds what is already folded, and the number of its flat pieces can grow exponentially with the depth. Where a shape
# repeats itself many times, this can pay.
#
# **Two bad regions.** One that covers nearly nothing is learned by always answering 0, and teaches nothing. One that is
# finer than the distance between the points, say a chessboard of 40 by 40, cannot be learned from 1,000 points by anybody.

# %% [markdown]
# **A good place to stop.** Session 3 goes inside deep networks: why do some of them not learn at all?

# %% [markdown]
# ## Session 3 of 3 · What makes a deep network learn
#
# About 70 minutes. What it needs: the cells above Session 1, how a network is built in Keras (01.5), and the idea of
# back-propagation (01.4). You measure gradients layer by layer, and choose first weights that keep a signal alive.

# %% [markdown]
# ## How to measure a gradient in TensorFlow
#
# `fit` computes gradients and hides them. To see one, record the computation on a *tape* and ask the tape afterwards.
# Whatever is computed inside the `with` block is recorded. `tape.gradient(result, sources)` then applies the chain rule
# backwards, and gives one gradient for each source. Here is the derivative of $x^2$ at 3:

# %%
x = tf.Variable(3.0)
with tf.GradientTape() as record:
    square = x**2
print("derivative:", float(record.gradient(square, x)))

# %% [markdown]
# For a network, the sources are its weights, and the result is the loss. Three things that you need:
#
# - `model.layers` is the list of layers, and `layer.kernel` the matrix of weights of a `Dense` layer.
# - `model(X)`, with the network called like a function, gives predictions that the tape can follow; `predict` does not.
# - `keras.losses.binary_crossentropy(y, p)` gives one loss for each row, and `tf.reduce_mean` their mean.

# %%
tiny = keras.Sequential([keras.Input((2,)), layers.Dense(3, activation="tanh"), layers.Dense(1)])
points = np.array([[0.0, 1.0], [1.0, 0.0]])
with tf.GradientTape() as record:
    mean_square = tf.reduce_mean(tiny(points) ** 2)
first, second = record.gradient(mean_square, [tiny.layers[0].kernel, tiny.layers[1].kernel])
print("shapes of the gradients:", first.shape, second.shape)
print("mean absolute value of the first:", float(tf.reduce_mean(tf.abs(first))))

# %% [markdown]
# ## 02.5 · Activations, and the first weights
#
# **Goal:** show that linear layers collapse into one, measure how gradients vanish from layer to layer, and choose first
# weights by looking at the data.
#
# **Collapse.** Two layers without an activation compute $(X W_1 + b_1) W_2 + b_2$. Multiply out, and you get a single layer
# $X W + b$.
#
# **Vanishing gradients.** Back-propagation multiplies by the derivative of the activation in every layer. The derivative of
# the sigmoid is at most 1/4, and those of tanh and ReLU are at most 1.
#
# **First weights.** A weighted sum of $n$ inputs of similar size spreads about $\sqrt{n}$ times as much as one of its terms.
# If the weights are too large, the values grow from layer to layer; if they are too small, they die out. Glorot's rule
# draws weights with the variance $2 / (n_\text{in} + n_\text{out})$, where $n_\text{in}$ and $n_\text{out}$ are the numbers of
# values that go in and come out; it suits tanh. He's rule uses $2 / n_\text{in}$, twice as much for square layers, because
# ReLU sets about half of the values to 0. LSUV (layer-sequential unit variance, Mishkin and Matas, 2016) does not calculate:
# it sends the data through the network, measures how much the weighted sums of the first layer spread, divides the kernel
# by that number, and goes on to the next layer.
#
# - `collapse(W1, b1, W2, b2)`: the one layer `W, b` that does the same as two linear layers.
# - `build_deep(activation, initializer)`: an untrained Keras network, `Sequential` or functional: 2 inputs, ten hidden
#   layers of 32 units with this activation, and one sigmoid. All kernels start from `initializer`, a name such as
#   `"he_normal"`: hand it to every `Dense` layer as `kernel_initializer`.
# - `gradient_sizes(model, X, y)`: for each of the 11 kernels, first layer first, the mean absolute value of the gradient
#   of the mean binary cross-entropy; `X` (n, 2), `y` (n, 1).
# - `lsuv(weights, X)`: `weights` is a list of kernels without biases, with ReLU between them. Return a list in which each
#   kernel is divided by one number, layer after layer, so that the weighted sums $H W$ of every layer have the standard
#   deviation 1 on `X`. Here $H$ is what enters the layer: `X` for the first, and for the next $\mathrm{ReLU}(H W)$ with the
#   new $W$. `np.std` takes the standard deviation over all entries.
#
# **Predict first:** of three networks with ten hidden layers of sigmoid, tanh or ReLU, which will have the smallest gradients
# in its first layer? By roughly what factor will they be smaller than those in its last layer?

# %%
X_spiral, y_spiral = datasets["spirals"]

# %%
ck.expected("02.5")

# %%
def collapse(W1, b1, W2, b2):
    """The one linear layer that does what two do."""
    # [solution]
    W, b = W1 @ W2, b1 @ W2 + b2
    # [stub]
    # W, b = ..., ...
    # [end]
    return W, b


def build_deep(activation, initializer):
    """Ten hidden layers of 32 units, one sigmoid; not trained."""
    # [solution]
    model = keras.Sequential([keras.Input((2,))])
    for _ in range(10):
        model.add(layers.Dense(32, activation=activation, kernel_initializer=initializer))
    model.add(layers.Dense(1, activation="sigmoid", kernel_initializer=initializer))
    return model
    # [stub]
    # return ...
    # [end]


# %%
def gradient_sizes(model, X, y):
    """The mean absolute gradient of each kernel, first layer first."""
    # [solution]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.binary_crossentropy(y, model(X)))
    gradients = tape.gradient(loss, [layer.kernel for layer in model.layers])
    return [float(tf.reduce_mean(tf.abs(gradient))) for gradient in gradients]
    # [stub]
    # return ...
    # [end]


# %%
def lsuv(weights, X):
    """The kernels, scaled so that each layer's weighted sums have the standard deviation 1."""
    # [solution]
    scaled, H = [], X
    for W in weights:
        W = W / np.std(H @ W)
        scaled.append(W)
        H = np.maximum(0, H @ W)
    return scaled
    # [stub]
    # return ...
    # [end]


# %%
ck.check("02.5", collapse=collapse, build_deep=build_deep, gradient_sizes=gradient_sizes, lsuv=lsuv)

# %%
# ck.hint("02.5")

# %% tags=["picture-02.5"]
if ck.ready("02.5", build_deep, gradient_sizes):
    fig, ax = plt.subplots(figsize=(6, 3.6))
    for activation, initializer, style in (
        ("sigmoid", "glorot_uniform", "o-"),
        ("tanh", "glorot_uniform", "s--"),
        ("relu", "he_normal", "^:"),
    ):
        untrained = build_deep(activation, initializer)
        sizes = gradient_sizes(untrained, X_spiral, y_spiral[:, None])
        ax.semilogy(range(1, 12), sizes, style, label=f"{activation}, {initializer}")
    ax.set(xlabel="layer", ylabel="mean size of the gradient", title="With sigmoids almost nothing reaches the first layers")
    ax.legend();

# %% tags=["claim"]
for activation, initializer in (("sigmoid", "glorot_uniform"), ("tanh", "glorot_uniform"), ("relu", "he_normal")):
    sizes = gradient_sizes(build_deep(activation, initializer), X_spiral, y_spiral[:, None])
    if activation == "sigmoid":
        assert 2e5 < sizes[-1] / sizes[0] < 1e8, f"Some hundred thousand to ten million: {sizes[-1] / sizes[0]:.3g}"
        assert all(2 * sizes[i] < sizes[i + 1] for i in range(1, 9)), f"From layer 10 back to layer 2: {sizes}"
    else:
        assert min(sizes) > max(sizes) / 100, "With tanh and ReLU the gradients of all layers are of similar size."

# %% [markdown]
# Did you predict the factor? Do small gradients matter? The next cell trains such networks on the spirals for 100
# epochs, with four activations: none, which scikit-learn calls "identity", the sigmoid, which it calls "logistic", tanh
# and ReLU. scikit-learn is quick at this. It starts them by Glorot's rule, those with sigmoids with a third of the
# variance. **Predict first:** which of the four will learn the spirals? (This takes some seconds.)

# %%
def accuracy_after(activation, epochs=100):
    """The training accuracy on the spirals of ten hidden layers of 32 units."""
    model = MLPClassifier(10 * (32,), activation=activation, batch_size=25, random_state=seed)
    for _ in range(epochs):
        model.partial_fit(X_spiral, y_spiral, classes=(0, 1))
    return model.score(X_spiral, y_spiral)


if ck.ready("02.5", build_deep, gradient_sizes):
    accuracies = {}
    for activation in ("identity", "logistic", "tanh", "relu"):
        accuracies[activation] = accuracy_after(activation)
        print(f"{activation:<8} {accuracies[activation]:.0%} of the training points")

# %% tags=["claim"]
assert accuracies["identity"] < 0.75, "The linear network stays near what one line can do."
assert accuracies["logistic"] < 0.6, "The sigmoid network always gives the same answer."
assert accuracies["tanh"] > 0.9 and accuracies["relu"] > 0.9, "Tanh and ReLU learn the spirals."

# %%
if ck.ready("02.5", lsuv):
    rng = np.random.default_rng(0)
    plain = [rng.normal(size=shape) for shape in [(2, 32)] + 9 * [(32, 32)]]
    starts = {
        "0.05": [0.05 * W for W in plain],
        "Glorot": [W * np.sqrt(2 / (W.shape[0] + W.shape[1])) for W in plain],
        "He": [W * np.sqrt(2 / W.shape[0]) for W in plain],
        "LSUV": lsuv(plain, X_spiral),
    }
    fig, ax = plt.subplots(figsize=(6, 3.4))
    for (name, weights), style in zip(starts.items(), ("o-", "s--", "^:", "D-.")):
        H, spread = X_spiral, []
        for kernel in weights:
            sums = H @ kernel
            spread.append(np.std(sums))
            H = np.maximum(0, sums)
        ax.semilogy(range(1, 11), spread, style, label=name)
    ax.set(xlabel="layer", ylabel="standard deviation", title="Of the ReLU networks, He and LSUV keep the signal")
    ax.legend();

# %% tags=["claim"]
last = {}
for name, weights in starts.items():
    H = X_spiral
    for W in weights:
        spread = np.std(H @ W)
        H = np.maximum(0, H @ W)
    last[name] = spread
assert last["0.05"] < 1e-6 and last["Glorot"] < 0.02, "Small weights and Glorot's rule let the signal die out behind ReLU."
assert 0.1 < last["He"] < 3 and abs(last["LSUV"] - 1) < 1e-6, "He and LSUV keep the signal"

# %% [markdown] tags=["reason"]
# **What the three experiments say.** With sigmoids, from layer 10 back to layer 2, each gradient is several times smaller
# than the next one. Ten derivatives of at most 1/4 make a factor of at least $4^{10}$, about a million, if the weights do
# not make up for it; here the gradient of the first layer is, depending on the first weights, some hundred thousand to some
# ten million times smaller than that of the output. The signal dies out forwards too: each sigmoid layer also shrinks the
# differences between the points, and the last layers get nearly the same values for all of them. In 100 epochs the network
# learns nothing: 55 % is the share of the larger class. The linear network is a perceptron with about 9,600 parameters, as
# `collapse` says, and stays near 65 %. With tanh and ReLU the gradients are of similar size in all hidden layers, and both
# networks learn the spirals.
#
# **The first weights.** The last picture shows how much the weighted sums spread in each layer of a ReLU network, before any
# training. With weights of size 0.05 the signal has died out after ten layers. Glorot's rule loses a factor of about
# $\sqrt 2$ per layer here, since it does not know that ReLU removes half. He's rule makes up for that on average. LSUV
# measures, and is exact.

# %% [markdown]
# ## What did you observe?
#
# 1. Which classifiers drew borders parallel to the axes? Did that help them on XOR?
# 2. In 02.3, why does the training accuracy of deeper trees never fall?
# 3. In the sigmoid network of 02.5 the last layers have large gradients. Why does it still learn nothing?
#
# <details><summary>Answers</summary>
#
# 1. The tree and XGBoost. On XOR the true border is parallel to the axes, but the single tree followed the noise, and the
#    network of the solution was better. XGBoost did about as well as that network.
# 2. A deeper tree can do all that a shallower one can, and then split once more. On the points that it was fitted to, this
#    never hurts.
# 3. The values that reach the last layers are nearly the same for all points, because each sigmoid layer shrinks the
#    differences between the points, at first to about a quarter. So the last layers cannot tell the points apart, however
#    large their gradients are. The layers that could enlarge the differences are the early ones, and these get hardly any
#    gradient.
#
# </details>
#
# ## Go further
#
# - Turn the moons by 45 degrees. Whose border suffers, the tree's or the network's?
# - Put `layers.BatchNormalization()` between the sigmoid layers of 02.5. This layer shifts and scales each of its inputs to
#   mean 0 and standard deviation 1 over the batch. In `gradient_sizes` call `model(X, training=True)`, since otherwise it
#   takes stored values in place of those of the batch, and take the kernels of the `Dense` layers alone. What happens to
#   the gradients?
# - Find a region in 02.4 that the deep network learns better than the wide one.
# - Draw two classes of your own below, and run the cell after it. Which shape does the network miss?

# %%
pad = ck.widgets.PointPad()  # "Clear" removes the sample
pad

# %%
if set(pad.y) == {0, 1}:
    own = MLPClassifier((16, 16), activation="tanh", solver="lbfgs", alpha=0.01, max_iter=1000, tol=1e-3, random_state=seed)
    own.fit(pad.X, pad.y)
    title = f"The border around your points: {own.score(pad.X, pad.y):.0%} right"
    ck.plot.decision_boundary(own.predict_proba, pad.X, pad.y, title=title)
else:
    print("Draw points of both classes first, then run this cell again.")

# %% [markdown]
# ## Summary
#
# A border tells more than an accuracy. Trees cut parallel to the axes, networks in any direction; boosting adds up
# small trees. The capacity of a model must fit the amount of data and noise, and L2, dropout and early stopping hold a
# large network back. Without an activation depth is worth nothing. With sigmoids, or with careless first weights, a
# deep network may not learn.
#
# This is the end of the notebook and a good place to stop. In notebook 02b you classify real tables, with rare classes and
# weighted events.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - Chen, T., Guestrin, C. (2016). XGBoost: a scalable tree boosting system. *KDD*. arXiv:1603.02754.
# - Glorot, X., Bengio, Y. (2010). Understanding the difficulty of training deep feedforward neural networks. *AISTATS*.
# - He, K., Zhang, X., Ren, S., Sun, J. (2015). Delving deep into rectifiers. *ICCV*. arXiv:1502.01852.
# - Mishkin, D., Matas, J. (2016). All you need is a good init. *ICLR*. arXiv:1511.06422.
# - Montúfar, G., Pascanu, R., Cho, K., Bengio, Y. (2014). On the number of linear regions of deep neural networks.
#   *NeurIPS*. arXiv:1402.1869.
# - Srivastava, N., et al. (2014). Dropout: a simple way to prevent neural networks from overfitting. *Journal of Machine
#   Learning Research*, 15, 1929–1958.
