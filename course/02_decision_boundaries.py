# %% [markdown]
# # 02 · What a classifier has drawn
#
# A number, "93 % right", hides what a classifier has learned. With two inputs you can look at it: every point of the plane
# gets a class, and the border between the classes is the whole story.
#
# About 90 min · CPU about 20 s · GPU optional
#
# **Before you start** you should have done notebook 01: networks in scikit-learn and in Keras.
#
# ## You will learn
#
# - to draw the border of any classifier, and to tell a tree, a network and boosted trees by their handwriting;
# - to see too little and too much capacity, and what L2, dropout and early stopping do about it;
# - why activations and the first weights decide whether a deep network learns at all.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported: then it loads without notices

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.base import clone
from sklearn.datasets import make_circles, make_moons
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

# %% [markdown]
# ## Look at the data
#
# Four sets of 400 points, each with two classes that no line separates.

# %%
datasets = {
    "moons": make_moons(400, noise=0.25, random_state=0),
    "circles": make_circles(400, noise=0.12, factor=0.5, random_state=0),
    "spirals": ck.data.make_spirals(400, noise=0.05, seed=0),
    "XOR": ck.data.make_xor(400, noise=0.25, seed=0),
}
fig, axs = plt.subplots(1, 4, figsize=(11, 2.9))
for ax, (name, (X, y)) in zip(axs, datasets.items()):
    for label, marker in ((0, "o"), (1, "s")):
        ax.plot(*X[y == label].T, marker, markersize=3, alpha=0.7, label=f"class {label}")
    ax.set(title=name, xlabel="$x_1$", xticks=[], yticks=[])
axs[0].set_ylabel("$x_2$")
axs[3].legend(loc="upper left", bbox_to_anchor=(1, 1));

# %% [markdown]
# ## Predict before you run
#
# A decision tree asks one question after the other, each about one coordinate: "is $x_1$ above 0.3?". A network adds up
# smooth bends. Sketch the border that each of them will draw on the circles. Which of the four sets is hardest for the
# tree, which for the network?

# %% [markdown]
# ## 02.1 · Ask a classifier about every point of the plane
#
# **Goal:** lay a mesh over the plane, let a classifier label it, and bring the labels into the form of a picture.
#
# - `mesh_points(xlim, ylim, n)`: two pairs (low, high) and a number; gives an array of shape (n·n, 2), all pairs of n
#   equally spaced values of $x_1$ and n of $x_2$, ends included.
# - `as_field(values, n)`: n·n values in the order of your mesh; gives shape (n, n). Row i belongs to the i-th value of
#   $x_2$, column j to the j-th value of $x_1$: this is how pictures are stored.
# - `field`: the labels that `tree` gives to your mesh over $x_1 \in [-2, 3]$, $x_2 \in [-2, 2.5]$ with n = 150.

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
# ck.hint("02.1")  # take the first # away and run this line for a hint; run it again for the next

# %% tags=["picture-02.1"]
ax = ck.plot.waiting(exercise="02.1") if field is ... else plt.subplots(figsize=(5, 4))[1]
if field is not ...:
    ax.imshow(field, origin="lower", extent=(*xlim, *ylim), cmap="RdBu_r", alpha=0.4)
    for label, marker in ((0, "o"), (1, "s")):
        ax.plot(*X_moons[y_moons == label].T, marker, markersize=3, label=f"class {label}")
    ax.set(xlabel="$x_1$", ylabel="$x_2$", title="A tree draws with a ruler")
    ax.grid(False)
    ax.legend(loc="upper left");

# %% [markdown] tags=["solution"]
# **Why rows are $x_2$.** A picture is a stack of rows, and going down a row changes the vertical coordinate. `np.meshgrid`
# follows this, so a plain `reshape` fits. **A wrong way** is the double loop with $x_1$ outside: the picture comes out
# mirrored along the diagonal, and on symmetric data nobody notices.
#
# From here on `ck.plot.decision_boundary` does this work: same mesh, same reshape, nicer colours.

# %% [markdown]
# ## 02.2 · Three classifiers, four data sets
#
# **Goal:** fit a decision tree, an MLP and XGBoost to each data set, and compare their borders.
#
# XGBoost builds many small trees one after the other; each corrects what the ones before it got wrong.
#
# - `fitted`: a dict of dicts. `fitted["moons"]["tree"]` is a fitted model, and so on for the data sets `"moons"`,
#   `"circles"`, `"spirals"`, `"XOR"` and the classifiers `"tree"` (`DecisionTreeClassifier`), `"MLP"` (`MLPClassifier`),
#   `"XGBoost"` (`XGBClassifier`). Twelve models in all. Train on `datasets`; they are judged on fresh points.

# %%
ck.expected("02.2")

# %%
# [solution]
mlp = MLPClassifier((32, 32), activation="tanh", solver="lbfgs", alpha=0.1, max_iter=1000, tol=1e-3)
classifiers = {
    "tree": DecisionTreeClassifier(random_state=seed),
    "MLP": mlp.set_params(random_state=seed),
    # With so few points the cores would wait for each other: one is faster.
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
def grid_of_borders(fitted):
    """One row a classifier, one column a data set."""
    fig, axs = plt.subplots(3, 4, figsize=(11.5, 8.6))
    for column, (data, (X, y)) in zip(axs.T, datasets.items()):
        for ax, (name, model) in zip(column, fitted[data].items()):
            ck.plot.decision_boundary(model.predict, X, y, ax, resolution=150)
            ax.get_legend().remove()
            ax.set(xlabel="", ylabel="", xticks=[], yticks=[], aspect="auto", title=f"{name} on {data}")
    fig.suptitle("The same points, three handwritings: corners, curves, many small corners")


ck.plot.waiting(exercise="02.2") if fitted is ... else grid_of_borders(fitted);

# %% [markdown] tags=["solution"]
# **Read the grid.** The tree cuts parallel to the axes and gives every training point its will: thin strips reach for
# single points. XGBoost draws with the same ruler, but it averages many trees, so that the strips become rarer. The MLP
# bends. On the spirals the bend is the right idea; on XOR, where the true border runs along the axes, the tree's is.
#
# **A wrong way:** one model object, fitted four times. `fit` starts anew and returns the same object, so that all four
# entries of the dict are the model of the last data set. `clone` gives a fresh one.

# %% [markdown]
# ## 02.3 · Too little, enough, too much
#
# **Goal:** see capacity in a validation curve, then hold a network back with L2, dropout and early stopping.
#
# Few points and much noise: this is where a classifier can learn the noise by heart. Capacity is what it could represent;
# for a tree it grows with the depth. The validation curve shows the accuracy on training and on validation points against
# capacity.
#
# - `train_scores`, `val_scores`: the accuracies of `DecisionTreeClassifier(max_depth=depth)` for each of `depths`.
# - `best_depth`: the depth that you would take.
# - `build_network(l2, dropout)`: a compiled Keras network 2 → 64 → 64 → 1, with the L2 penalty `l2` on both hidden kernels
#   and `Dropout(dropout)` after both hidden layers; the output is one sigmoid, the loss
#   binary cross-entropy, the metric accuracy.
# - `held`, `history`: such a network, say with `l2=0.001` and `dropout=0.2`, trained for up to 100 epochs with `EarlyStopping` on the validation loss that restores the best weights,
#   and what `fit` returned.

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
ready = train_scores is not ...
ax = plt.subplots(figsize=(5.8, 3.4))[1] if ready else ck.plot.waiting(exercise="02.3")
if ready:
    ax.plot(depths, train_scores, "o-", label="training")
    ax.plot(depths, val_scores, "s--", label="validation")
    ax.axvline(best_depth, color="black", linewidth=1, linestyle=":", label="your choice")
    ax.set(xlabel="depth of the tree", ylabel="accuracy")
    ax.set_title("On the training points deeper is never worse")
    ax.legend();

# %%
ck.plot.learning_curves(history, exercise="02.3", metrics=["loss"], title="The weights of the best epoch are kept");

# %% [markdown] tags=["solution"]
# **Three borders.** Too little capacity cannot bend, too much bends around single points. Hold the large network back, and
# it draws what the small one could not. Without a penalty, dropout or a stop it goes on to learn the noise: the validation
# loss turns up while the training loss falls.

# %% tags=["solution"]
free = build_network(l2=0.0, dropout=0.0)
settings = {"validation_data": (X_val, y_val), "epochs": 50, "batch_size": 30, "verbose": 0}
history_free = free.fit(X_few, y_few, validation_batch_size=500, **settings)
stump = DecisionTreeClassifier(max_depth=1).fit(X_few, y_few)
fig, axs = plt.subplots(1, 3, figsize=(11, 3.6))
for ax, predict, name in (
    (axs[0], stump.predict, "too little: one question"),
    (axs[1], held, "enough: held back"),
    (axs[2], free, "too much: let loose"),
):
    ck.plot.decision_boundary(predict, X_few, y_few, ax, title=name, resolution=120)
    ax.get_legend().remove();

# %% tags=["solution"]
ck.plot.learning_curves(history_free, metrics=["loss"], title="Let loose: the validation loss turns up");

# %% [markdown] tags=["solution"]
# **A wrong way** is to take the depth with the best *training* accuracy. That is always the deepest. And the validation
# points that chose the depth are no longer unseen: the honest number needs a third set, the test set.

# %% [markdown]
# ## 02.4 · A region of your own
#
# **Goal:** invent a region of the square $[-1, 1] \times [-1, 1]$ and teach it to two networks, a wide one and a deep one.
#
# - `region(X)`: shape (n, 2) in, n labels out: 1 inside, 0 outside. A ring, a heart, a chessboard of 2 by 2: whatever you
#   like, with at least 5 % of the points in each class.
# - `wide`: a Keras network with one hidden layer, trained on `X_square`, `region(X_square)`. `deep`: one with at least three. The numbers of their parameters
#   differ by at most 15 %. Both take (n, 2) and give the probability of class 1, shape (n, 1).

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
    # A rate that falls to 0 over the 20 epochs of 40 steps: half the epochs are enough, and the border comes to rest.
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
ready = wide is not ... and deep is not ...
fig, axs = plt.subplots(1, 2, figsize=(9, 4)) if ready else (None, [None, None])
labels = region(X_square)
for ax, model, name in ((axs[0], wide, "wide"), (axs[1], deep, "deep")):
    if ready:
        title = f"{name}: {model.count_params()} parameters"
        ck.plot.decision_boundary(model, X_square, labels, ax, title=title)
if ready:
    axs[0].get_legend().remove()
else:
    ck.plot.waiting(exercise="02.4");

# %% [markdown] tags=["solution"]
# **Wide or deep?** With as many parameters both get most of a simple region right. Each unit of the wide network is one
# fold of the plane, and 200 folds are plenty for a heart. A deep network folds what is already folded: the number of flat
# pieces can grow exponentially with the depth. Where a region repeats itself, a chessboard or a spiral, this pays.
#
# **Two wrong ways.** A region of one class is learned by any network and teaches nothing. A region finer than the distance
# between the points, say a chessboard of 40 by 40, cannot be learned from 1,000 points by anybody.

# %% [markdown]
# ## 02.5 · Activations, and the first weights
#
# **Goal:** show that linear layers collapse, measure how gradients vanish from layer to layer, and choose first weights by
# looking at the data.
#
# Back-propagation multiplies by the derivative of the activation at every layer. The sigmoid's is at most 1/4.
#
# - `collapse(W1, b1, W2, b2)`: the one layer `W, b` that does the same as two linear layers, $(X W_1 + b_1) W_2 + b_2$.
# - `build_deep(activation, initializer)`: an untrained Keras network, `Sequential` or functional, with 2 inputs, ten hidden layers of 32 units with this
#   activation, and one sigmoid; all kernels start from `initializer`, a name such as `"he_normal"`.
# - `gradient_sizes(model, X, y)`: for each of the 11 kernels, first layer first, the mean absolute value of the gradient
#   of the mean binary cross-entropy; `X` (n, 2), `y` (n, 1).
# - `lsuv(weights, X)`: a list of kernels without biases, ReLU between them. Give a list in which each kernel is divided by
#   one number, layer after layer, so that the weighted sums $H W$ of every layer have the standard deviation 1 on `X`.
#   (LSUV, layer-sequential unit-variance, after Mishkin and Matas, 2016.)

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
X_spiral, y_spiral = datasets["spirals"]
styles = {("sigmoid", "glorot_uniform"): "o-", ("tanh", "glorot_uniform"): "s--", ("relu", "he_normal"): "^:"}
fig, ax = plt.subplots(figsize=(6, 3.6))
for (activation, initializer), style in styles.items():
    network_ = build_deep(activation, initializer)
    sizes = ... if network_ is ... else gradient_sizes(network_, X_spiral, y_spiral[:, None])
    if sizes is not ...:
        ax.semilogy(range(1, 12), sizes, style, label=f"{activation}, {initializer}")
ready = bool(ax.lines)
ax.set(xlabel="layer", ylabel="mean size of the gradient", title="Sigmoids starve the first layers")
ax.legend() if ready else ck.plot.waiting(ax, "02.5");

# %% [markdown] tags=["solution"]
# **Read the slopes.** With sigmoids each layer towards the input gets a gradient several times smaller: the first layers
# hardly learn. Tanh and ReLU with suitable first weights keep the size. Does it matter? Train networks of this shape for
# 40 epochs and see. scikit-learn is quick at it; it starts all of them by Glorot's rule, and calls linear "identity"
# and the sigmoid "logistic".

# %% tags=["solution"]
def accuracy_after(activation, epochs=40):
    """The training accuracy on the spirals of ten hidden layers of 32 units."""
    settings = {"batch_size": 25, "learning_rate_init": 0.003, "random_state": seed}
    model = MLPClassifier(10 * (32,), activation=activation, **settings)
    for _ in range(epochs):
        model.partial_fit(X_spiral, y_spiral, classes=(0, 1))
    return model.score(X_spiral, y_spiral)


for activation in ("identity", "logistic", "tanh", "relu"):
    print(f"{activation:<8} {accuracy_after(activation):.0%} of the training points")

# %% [markdown] tags=["solution"]
# The linear network is a perceptron with 9,600 parameters: `collapse` says so. **The first weights.** Too small, and the
# signal dies out; too large, and it explodes. Glorot's rule keeps its size for tanh, He's for ReLU, which throws half away.
# LSUV does not calculate: it measures, and divides.

# %% tags=["solution"]
rng = np.random.default_rng(0)
plain = [rng.normal(size=shape) for shape in [(2, 32)] + 9 * [(32, 32)]]
starts = {
    "0.05": [0.05 * W for W in plain],
    "Glorot": [W * np.sqrt(2 / sum(W.shape)) for W in plain],
    "He": [W * np.sqrt(2 / len(W)) for W in plain],
    "LSUV": lsuv(plain, X_spiral),
}
fig, ax = plt.subplots(figsize=(6, 3.4))
for (name, weights), style in zip(starts.items(), ("o-", "s--", "^:", "D-.")):
    H, spread = X_spiral, []
    for W in weights:
        spread.append(np.std(H @ W))
        H = np.maximum(0, H @ W)
    ax.semilogy(range(1, 11), spread, style, label=name)
ax.set(xlabel="layer", ylabel="standard deviation", title="He keeps the signal alive, LSUV makes sure")
ax.legend();

# %% [markdown]
# ## What did you observe?
#
# 1. Which classifier drew straight lines, and where was that an advantage?
# 2. In 02.3, why does the training accuracy never turn down?
# 3. Why is a small gradient in the first layer worse than in the last?
#
# <details><summary>Answers</summary>
#
# 1. The tree and XGBoost, parallel to the axes. On XOR the true border runs there.
# 2. A deeper tree can do all that a shallower one can, and then split once more. On the points that it was fitted to, this
#    never hurts.
# 3. All later layers work on what the first one lets through. If it stays random, the others learn on random features.
#
# </details>
#
# ## Go further
#
# - Turn the moons by 45 degrees. Whose border suffers, the tree's or the network's?
# - Put `layers.BatchNormalization()` between the sigmoid layers of 02.5. What happens to the slope?
# - Make a region of 02.4 that the deep network learns and the wide one does not.
# - Draw your own two classes below, and run the cell after it. Which shape does the network miss?

# %%
pad = ck.widgets.PointPad()  # Clear takes the sample away
pad

# %%
if set(pad.y) == {0, 1}:
    settings = {"solver": "lbfgs", "alpha": 0.01, "max_iter": 1000, "tol": 1e-3, "random_state": seed}
    own = MLPClassifier((16, 16), activation="tanh", **settings)
    own.fit(pad.X, pad.y)
    title = f"The border around your points: {own.score(pad.X, pad.y):.0%} right"
    ck.plot.decision_boundary(lambda X: own.predict_proba(X)[:, 1], pad.X, pad.y, title=title)
else:
    print("Draw points of both classes first, then run this cell again.")

# %% [markdown]
# ## Summary
#
# A border tells more than an accuracy. Trees draw corners, networks bend, boosting averages corners. Capacity must fit the
# amount of data; L2, dropout and early stopping hold a large network back. Without a bend in the activation depth is
# nothing; with the wrong one, or with careless first weights, the first layers never learn.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - Chen, T., Guestrin, C. (2016). XGBoost: a scalable tree boosting system. *KDD*. arXiv:1603.02754.
# - Glorot, X., Bengio, Y. (2010). Understanding the difficulty of training deep feedforward neural networks. *AISTATS*.
# - He, K., Zhang, X., Ren, S., Sun, J. (2015). Delving deep into rectifiers. *ICCV*. arXiv:1502.01852.
# - Mishkin, D., Matas, J. (2016). All you need is a good init. *ICLR*. arXiv:1511.06422.
# - Srivastava, N., et al. (2014). Dropout: a simple way to prevent neural networks from overfitting. *Journal of Machine
#   Learning Research*, 15, 1929–1958.
