# %% [markdown]
# # 10 · One problem, three networks
#
# A jet of particles can be seen as a picture, as a sequence and as a set. You tell quarks from gluons in all three ways, and
# find out which view suits the problem.
#
# About 249 minutes in 4 sessions · CPU about 35 s · GPU optional
#
# **Before you start** you should know convolutions (notebook 04), the LSTM (05) and the ROC curve (02b).
#
# ## You will learn
#
# - how the same particles become an image, an ordered sequence and a set, and what each view throws away;
# - how to build a network whose answer cannot depend on the order of its inputs;
# - how a convolution and an LSTM work in one network, and what attention between the particles adds;
# - how to compare networks fairly: on the same jets, with the same measure, by what they cost as well as by what they gain,
#   and against a simple count of particles.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported, so that TensorFlow's start-up messages stay hidden

import time

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers
from sklearn.metrics import roc_auc_score, roc_curve

# %% [markdown]
# ## Look at the data
#
# When protons collide at high energy, a quark or a gluon is sometimes knocked out of one of them. It radiates gluons, these
# radiate again, and what arrives in the detector is a spray of particles, called a **jet**. At the start a gluon radiates
# soft gluons 9/4 times as often as a quark. (For those who know quantum chromodynamics: this is the ratio of their colour
# factors, 3 and 4/3.) What they have radiated are gluons in both kinds of jet, and radiates alike; so in the end the jet of
# a gluon has a little less than twice as many radiations. In our simulation this is the main difference between the two,
# and it is a difference of probabilities, so no network can be right every time.
#
# `make_jets` is a toy simulation; its docstring explains the physics. A jet is a block of 40 rows, one for each particle,
# with three numbers. The first is the transverse momentum $p_T$, the momentum across the beam in GeV; a particle of large
# $p_T$ is called **hard**, one of small $p_T$ **soft**. The other two say where the particle lies relative to the axis of
# the jet: $\Delta\eta$ in pseudorapidity (the angle to the beam, on a scale of its own, without a unit) and $\Delta\phi$ in
# azimuth (the angle around the beam, in radians). The rows are in no particular order; rows of zeros at the end stand for
# no particle. (The rare jet of more than 40 particles loses its softest.) About twelve soft particles in each jet come from other collisions. They are called **pile-up**, and are the
# same for quarks and gluons.

# %%
jets_train, y_train = ck.data.make_jets(n_samples=6000, seed=1)
jets_test, y_test = ck.data.make_jets(n_samples=4000, seed=2)
jets_train.shape, y_train.shape

# %% [markdown]
# Two quarks and two gluons. Each disc is a particle; its area grows with the $p_T$.

# %%
colours, names = ["#0072B2", "#D55E00"], ["quark", "gluon"]
fig, axs = plt.subplots(1, 4, figsize=(11, 3.1), sharex=True, sharey=True)
shown = [*jets_train[y_train == 0][4:6], *jets_train[y_train == 1][4:6]]
for ax, jet, label in zip(axs, shown, [0, 0, 1, 1]):
    pt, eta, phi = jet[jet[:, 0] > 0].T
    ax.scatter(eta, phi, s=4 + 0.6 * pt, alpha=0.6, color=colours[label])
    ax.set(title=f"{names[label]}, {len(pt)} particles", xlabel=r"$\Delta\eta$", aspect="equal")
axs[0].set(ylabel=r"$\Delta\phi$", xlim=(-0.5, 0.5), ylim=(-0.5, 0.5));

# %% [markdown]
# The simplest guess needs no network: a gluon tends to make more particles, so count them. Pile-up blurs the count.

# %%
count_test = np.sum(jets_test[:, :, 0] > 0, axis=1)
fig, ax = plt.subplots(figsize=(5.6, 3))
for label, name in ((0, "quark"), (1, "gluon")):
    ax.hist(count_test[y_test == label], bins=np.arange(41) + 0.5, histtype="step", linewidth=2, label=name)
ax.set(xlabel="particles in the jet", ylabel="jets", title="Gluons tend to make more particles")
ax.legend()
print(f"area under the ROC curve of the count: {roc_auc_score(y_test, count_test):.3f}")

# %% [markdown]
# The functions in the next cell are used in all sessions: `train` compiles a network with the Adam optimiser, fits it and
# notes the seconds; `scores_of` returns its scores for jets; the next two prepare its inputs; `areas_again` will say how
# certain an area is.
# $\ln(1 + p_T / \mathrm{GeV})$ brings momenta from 0.5 to 1,000 GeV into a range that a network can work with.

# %%
N_PIXELS, HALF_WIDTH = 16, 0.4  # of the images
seconds = {}


def train(name, model, inputs, epochs, learning_rate=0.003, batch_size=128):
    """Fit `model` to tell gluons (1) from quarks (0), and note the seconds under `name`."""
    model.compile(keras.optimizers.Adam(learning_rate), loss="binary_crossentropy")
    start = time.perf_counter()
    model.fit(inputs, y_train, epochs=epochs, batch_size=batch_size, verbose=0)
    seconds[name] = time.perf_counter() - start


def scores_of(model, inputs):
    """The probability of a gluon for each jet, shape (n,)."""
    return np.ravel(model.predict(inputs, batch_size=2000, verbose=0))


def log_images(images):
    """Images (n, 16, 16) in GeV as a network reads them: the logarithm, with a channel axis, (n, 16, 16, 1)."""
    return np.log1p(np.asarray(images))[..., None].astype("float32")


def particle_inputs(jets):
    """Three numbers of order 1 for each particle; a row of zeros stays a row of zeros."""
    jets = np.asarray(jets)
    return np.dstack([np.log1p(jets[:, :, 0]), jets[:, :, 1:] / HALF_WIDTH]).astype("float32")


def areas_again(scores):
    """The area on 100 samples of the test jets, drawn with replacement; the same samples for all scores."""
    draws = np.random.default_rng(0).integers(0, len(y_test), (100, len(y_test)))
    return np.array([roc_auc_score(y_test[draw], scores[draw]) for draw in draws])


# %% [markdown]
# ## Session 1 of 4 · Jets as images
#
# About 76 minutes. You need the cells above. You turn particles into pictures, and train a convolutional network on them.
#
# **Predict before you run.** The area under the ROC curve (AUC) is the probability that a random gluon gets a higher score
# than a random quark. You have seen what the count reaches. Which of the three networks will do best: the one that sees an
# image, a sequence, or a set? And which will need the fewest parameters, and the least time to train? Write down an order
# for each; session 3 compares.

# %% [markdown]
# ## 10.1 · From particles to an image
#
# **Goal:** turn each jet into a picture: the $p_T$ that falls into each cell of a grid.
#
# A calorimeter, the part of a detector that measures energy, does not see single particles. It measures the energy in each
# of its cells.
#
# - `to_images(jets)`: takes (n, particles, 3), returns (n, 16, 16), in GeV.
# - The grid covers $-0.4 \le \Delta\eta < 0.4$ and $-0.4 \le \Delta\phi < 0.4$ in 16 × 16 cells with sides of 0.05. Row $i$
#   counts along $\Delta\eta$, column $j$ along $\Delta\phi$, both from $-0.4$ upwards. `N_PIXELS` and `HALF_WIDTH` hold 16
#   and 0.4.
# - The $p_T$ of particles in the same cell adds up. A particle outside the grid is left out.
#
# **Two traps.** `astype(int)` rounds towards 0, so it puts a particle just outside the grid, at $-0.41$, into cell 0;
# `np.floor` rounds down. And `table[rows] += values` adds only one of the values where a row number occurs twice.
# `np.add.at` adds them all:
#
# ```python
# table = np.zeros(3)
# np.add.at(table, [0, 2, 2], [5.0, 1.0, 1.0])    # table is now [5, 0, 2]
# ```
#
# It works with several indices as well: `np.add.at(images, (jet, row, column), values)`.

# %%
ck.expected("10.1")

# %%
def to_images(jets):
    """The transverse momentum in each cell, (n, 16, 16), GeV."""
    # [solution]
    side = 2 * HALF_WIDTH / N_PIXELS
    row = np.floor((jets[:, :, 1] + HALF_WIDTH) / side).astype(int)
    column = np.floor((jets[:, :, 2] + HALF_WIDTH) / side).astype(int)
    inside = (row >= 0) & (row < N_PIXELS) & (column >= 0) & (column < N_PIXELS)
    jet = np.broadcast_to(np.arange(len(jets))[:, None], row.shape)
    images = np.zeros((len(jets), N_PIXELS, N_PIXELS))
    np.add.at(images, (jet[inside], row[inside], column[inside]), jets[:, :, 0][inside])
    return images
    # [stub]
    # return ...
    # [end]


# %%
ck.check("10.1", to_images)

# %%
# ck.hint("10.1")  # take the first # away and run this line for a hint; run it again for the next

# %% tags=["picture-10.1"]
if ck.ready("10.1", to_images):
    images = np.asarray(to_images(jets_train[:3000]))
    fig, axs = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    box = (-HALF_WIDTH, HALF_WIDTH, -HALF_WIDTH, HALF_WIDTH)
    for ax, label, name in zip(axs, (0, 1), ("quarks", "gluons")):
        mean = images[y_train[:3000] == label].mean(axis=0)
        drawn = ax.imshow(np.log10(mean.T + 1e-2), origin="lower", extent=box, cmap="cividis", vmin=-1.5, vmax=2.5)
        ax.set(title=name, xlabel=r"$\Delta\eta$", ylabel=r"$\Delta\phi$")
        ax.grid(False)
    fig.colorbar(drawn, ax=axs, label="$\\log_{10}$ of the mean $p_T$ (GeV)")
    fig.suptitle("The mean gluon is a little wider than the mean quark")

# %% tags=["claim"]
widths = []
for label in (0, 1):
    mean = images[y_train[:3000] == label].mean(axis=0)
    rows = np.arange(16) - 7.5
    widths.append(np.sqrt(np.sum(mean * (rows[:, None] ** 2 + rows**2)) / mean.sum()))
assert widths[1] > 1.02 * widths[0], "The mean gluon is a little wider than the mean quark."

# %% [markdown] tags=["reason"]
# **How much would be lost with `+=`?** Two particles of a jet often fall into the same cell, and only one of them would be
# kept. Of the energy of these jets more than a third would be lost.

# %% tags=["solution"]
first = jets_train[:3000]
row, column = np.floor((first[:, :, 1:].T + HALF_WIDTH) / (2 * HALF_WIDTH / N_PIXELS)).astype(int)
inside = (np.abs(first[:, :, 1:]) < HALF_WIDTH).all(axis=2)
jet = np.broadcast_to(np.arange(3000)[:, None], inside.shape)[inside]
lost = np.zeros((3000, N_PIXELS, N_PIXELS))
lost[jet, row.T[inside], column.T[inside]] += first[:, :, 0][inside]
print(f"energy inside the grid {first[:, :, 0][inside].sum() / 3000:.0f} GeV per jet,")
print(f"with np.add.at {images.sum() / 3000:.0f}, with += {lost.sum() / 3000:.0f}")

# %% tags=["claim"]
assert lost.sum() < 2 / 3 * images.sum(), "With += more than a third of the energy would be lost."

# %% [markdown]
# ## 10.2 · As an image: a convolutional network
#
# **Goal:** build and train a small convolutional network on the images. Two convolutions of 8 and 16 filters, each followed
# by a pooling, are enough.
#
# A cell holds between 0 and 1,000 GeV. `image_inputs` takes the logarithm, so that the soft cells remain visible, and adds the
# channel axis.
#
# - `cnn`: a Keras model, trained on `image_inputs(jets_train)`; takes (n, 16, 16, 1) and gives the probability of a gluon,
#   (n, 1). `train("CNN", cnn, image_inputs(jets_train), epochs=8)` does the training.

# %%
def image_inputs(jets):
    """The logarithm of your images, shape (n, 16, 16, 1)."""
    return log_images(to_images(jets))


# %%
ck.expected("10.2")

# %%
# [solution]
cnn = keras.Sequential(
    [
        keras.Input((16, 16, 1)),
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(16, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
)
train("CNN", cnn, image_inputs(jets_train), epochs=8)
# [stub]
# cnn = ...
# [end]

# %%
ck.check("10.2", cnn)

# %%
# ck.hint("10.2")

# %% tags=["picture-10.2"]
if ck.ready("10.2", to_images, cnn):
    cnn_scores = scores_of(cnn, image_inputs(jets_test))
    curves = {"CNN": roc_curve(y_test, cnn_scores)[:2], "count": roc_curve(y_test, count_test)[:2]}
    ck.plot.roc_curves(curves, title="The network on images, and the count")

# %% tags=["claim"]
assert roc_auc_score(y_test, cnn_scores) > roc_auc_score(y_test, count_test) + 0.01, "The network on images beats the count."

# %% [markdown] tags=["reason"]
# **Why it beats the count.** A cell shows *how much* energy fell into it. Pile-up is soft, and the network can learn to give
# it little weight. The count gives the same weight to a particle of 0.6 GeV as to one of 300 GeV.
#
# **What the logarithm does.** The core of a jet holds hundreds of GeV, and the soft radiation around it a few. Without the
# logarithm, the numbers of the core are a hundred times larger than those which tell the classes apart.

# %% tags=["solution"]
raw = keras.models.clone_model(cnn)
train("CNN, GeV", raw, np.expm1(image_inputs(jets_train)), epochs=8)
raw_scores = scores_of(raw, np.expm1(image_inputs(jets_test)))
print(f"AUC with the logarithm {roc_auc_score(y_test, cnn_scores):.3f}, in GeV {roc_auc_score(y_test, raw_scores):.3f}")

# %% tags=["claim"]
assert roc_auc_score(y_test, cnn_scores) > roc_auc_score(y_test, raw_scores), "The logarithm helps."

# %% [markdown]
# This is the end of session 1, and a good place to stop. In session 2 the network reads particles, not pixels.

# %% [markdown]
# ## Session 2 of 4 · Jets as sequences and as sets
#
# About 59 minutes. You need the cells at the top, and nothing from session 1. An LSTM reads the particles in an order;
# then you build a network for which no order exists.

# %% [markdown]
# ## 10.3 · As a sequence: hardest first
#
# **Goal:** put the particles in order, and let an LSTM read them.
#
# An LSTM reads row by row, so somebody has to choose the order. It is customary to start with the hardest particle, the one
# with the largest $p_T$.
#
# - `in_order(jets)`: takes (n, particles, 3) and returns the same particles, with the rows of each jet in order of
#   decreasing $p_T$, so that the rows of zeros come last. `order = np.argsort(table, axis=1)` says for each row of a table
#   where its smallest value stands, its second smallest and so on, and `np.take_along_axis(table, order, axis=1)` puts each
#   row into that order. To move whole particles, the order needs a third axis of length 1.
# - `lstm`: a Keras model with an LSTM, trained on `particle_inputs(in_order(jets_train))`; takes (n, 40, 3) and gives the
#   probability of a gluon, (n, 1). About 16 units are enough. A `layers.Masking()` in front makes the LSTM skip rows that
#   are all zero. Train it with `train("LSTM", lstm, sequences_train, epochs=6, learning_rate=0.02, batch_size=256)`;
#   `sequences_train` is made in the cell after `in_order`. (A GRU will do as well; you then have to look up its number of
#   parameters for 10.5.)

# %%
ck.expected("10.3")

# %%
def in_order(jets):
    """The particles of each jet, the hardest first."""
    # [solution]
    order = np.argsort(-jets[:, :, 0], axis=1)
    return np.take_along_axis(jets, order[:, :, None], axis=1)
    # [stub]
    # return ...
    # [end]


# %%
if ck.ready("10.3", in_order):
    sequences_train = particle_inputs(in_order(jets_train))
    sequences_test = particle_inputs(in_order(jets_test))

# %%
# [solution]
lstm = keras.Sequential(
    [
        keras.Input((40, 3)),
        layers.Masking(),
        layers.LSTM(16),
        layers.Dense(1, activation="sigmoid"),
    ]
)
train("LSTM", lstm, sequences_train, epochs=6, learning_rate=0.02, batch_size=256)
# [stub]
# lstm = ...
# [end]

# %%
ck.check("10.3", in_order=in_order, lstm=lstm)

# %%
# ck.hint("10.3")

# %% [markdown]
# How many particles does the network need to see? The next cell sets all but the first few particles of each test jet to
# zero. Such a jet is unlike any that the LSTM was trained on, so with few particles it may even rank the jets the wrong way
# round: then the area is below 0.5. The curve says what *this network* makes of the hardest particles, and not how much they
# tell. For that, look at the dotted line: the $p_T$ of the hardest particle as a score of its own. (It is smaller in a
# gluon, which has radiated more of it away.)

# %%
def hardest(sequences, n):
    """A copy in which all rows but the first `n` are zero."""
    seen = np.arange(sequences.shape[1]) < n
    return sequences * seen[:, None]


# %% tags=["picture-10.3"]
if ck.ready("10.3", in_order, lstm):
    shown = [1, 2, 4, 8, 16, 24, 40]
    areas = [roc_auc_score(y_test, scores_of(lstm, hardest(sequences_test, n))) for n in shown]
    fig, ax = plt.subplots(figsize=(5.6, 3.2))
    ax.plot(shown, areas, "o-", label="LSTM")
    by_hardest = roc_auc_score(y_test, -jets_test[:, :, 0].max(axis=1))
    ax.axhline(by_hardest, color="black", linestyle=":", label="$p_T$ of the hardest particle alone")
    ax.set(xlabel="number of hardest particles shown to the LSTM", ylabel="area under the ROC curve", ylim=(0, 1))
    ax.set_title("Trained on whole jets, shown their hardest particles")
    ax.legend(loc="lower right")

# %% tags=["claim"]
assert by_hardest > roc_auc_score(y_test, count_test), "The hardest particle alone tells as much as the count."

# %% [markdown] tags=["reason"]
# **Why does one particle tell so much, and the LSTM so little about it?** The more a parton radiates, the less is left for
# its hardest particle, so the $p_T$ of this one alone tells about as much as the count of all. But the LSTM was never asked
# that: in training, rows of particles always followed the first. Trained anew on jets of one particle, it would learn it.
#
# **A common mistake.** `np.sort(jets, axis=1)` sorts each of the three columns by itself. The largest $p_T$ of a jet then stands
# beside its largest $\Delta\eta$ and its largest $\Delta\phi$, which belong to other particles: the rows are no longer
# particles. Sort *row numbers*, and take whole rows.

# %% [markdown]
# ## 10.4 · As a set: the order must not matter
#
# **Goal:** build a network that gives the same answer in whatever order the particles come.
#
# The particles of a jet have no order; we invented one for the LSTM. A **deep set** treats all particles alike, and adds
# up. (If you have done 08.3: this is the same network, but nobody hands you the mask.)
#
# $$p(\text{gluon}) = \rho\Big(\sum_{i} m_i \, \varphi(x_i)\Big)$$
#
# $x_i$ is row $i$; $\varphi$ is a small network applied to each row with the same weights; $m_i$ is the mask, 1 for a
# particle and 0 for a row of zeros. A sum does not depend on the order of its terms. $\rho$ turns it into a probability.
#
# - `set_network`: a Keras model, trained on `particle_inputs(jets_train)`. It takes (n, particles, 3) with *any* number of
#   particles, so begin it with `keras.Input((None, 3))`. It gives the probability of a gluon, (n, 1). Additional rows of zeros
#   must not change the answer.
#
# A `layers.Dense` treats all rows alike, so it can be part of $\varphi$. The functions of `keras.ops` work on the tensors
# of a functional model: `keras.ops.not_equal(x, 0)` gives booleans, `keras.ops.any(..., axis=-1, keepdims=True)` says for
# each row whether any of them is true, `keras.ops.cast(mask, "float32")` turns booleans into numbers, and
# `keras.ops.sum(..., axis=1)` adds up over the particles. Two layers of 32 units for $\varphi$ and one for $\rho$ are
# enough, and then one sigmoid unit. Train with `train("set", set_network, particle_inputs(jets_train), epochs=15)`: with
# this learning rate it needs more epochs than the other two.

# %%
ck.expected("10.4")

# %%
# [solution]
particles = keras.Input((None, 3))
mask = keras.ops.any(keras.ops.not_equal(particles, 0), axis=-1, keepdims=True)
hidden = layers.Dense(32, activation="relu")(particles)
hidden = layers.Dense(32, activation="relu")(hidden)
jet = keras.ops.sum(hidden * keras.ops.cast(mask, "float32"), axis=1)
jet = layers.Dense(32, activation="relu")(jet)
set_network = keras.Model(particles, layers.Dense(1, activation="sigmoid")(jet))
train("set", set_network, particle_inputs(jets_train), epochs=15)
# [stub]
# set_network = ...
# [end]

# %%
ck.check("10.4", set_network)

# %%
# ck.hint("10.4")

# %% [markdown]
# **Predict:** if the rows of each test jet are shuffled, what happens to the AUC of the LSTM, and to that of the set?

# %% tags=["picture-10.4"]
if ck.ready("10.4", in_order, lstm, set_network):
    order = np.random.default_rng(0).random((len(jets_test), 40)).argsort(axis=1)
    shuffled = np.take_along_axis(sequences_test, order[:, :, None], axis=1)
    fig, ax = plt.subplots(figsize=(5.6, 3.2))
    for place, model in enumerate((lstm, set_network)):
        pair = [roc_auc_score(y_test, scores_of(model, inputs)) for inputs in (sequences_test, shuffled)]
        bars = ax.bar([place - 0.2, place + 0.2], pair, 0.36, color=["#0072B2", "#E69F00"])
        ax.bar_label(bars, [f"sorted\n{pair[0]:.3f}", f"shuffled\n{pair[1]:.3f}"])
    ax.set(xticks=[0, 1], xticklabels=["LSTM", "set"], ylim=(0.5, 1), ylabel="area under the ROC curve")
    ax.set_title("Shuffled and sorted jets")

# %% tags=["claim"]
lstm_change, set_change = (
    roc_auc_score(y_test, scores_of(model, sequences_test)) - roc_auc_score(y_test, scores_of(model, shuffled))
    for model in (lstm, set_network)
)
assert lstm_change > 0.005, "Shuffling hurts the LSTM."
assert abs(set_change) < 1e-4, "Shuffling does nothing to the set."
assert roc_auc_score(y_test, scores_of(lstm, shuffled)) > 0.55, "Shuffled, the LSTM still tells more than nothing."

# %% [markdown] tags=["reason"]
# **Why does the LSTM not fall to 0.5?** Shuffling takes from it what it had learned from the order, and no more. It still
# notices how many particles there are, and that some are hard. How far it falls depends on the weights that it began with.
#
# **Why a sum, and not a mean?** A mean over the particles forgets how many there are, and it is their number that tells
# most. A sum keeps it: if a hidden unit gives 1 for every particle, its sum is the count. If it gives 1 for particles above
# 3 GeV, the sum is a count that hardly notices pile-up. $\rho$ sees one such sum for each unit of $\varphi$.
#
# **Why the mask?** $\varphi(0)$ is not 0, because of the biases. Without the mask, every row of zeros adds something, and
# the answer depends on how many rows the array happens to have.

# %% [markdown]
# This is the end of session 2, and a good place to stop. In session 3 the three networks meet.

# %% [markdown]
# ## Session 3 of 4 · The comparison, and the leaderboard
#
# About 64 minutes. You need the cells at the top and the next three. If you have done sessions 1 and 2 in this notebook and
# it is still running, they take your networks from there; if you begin here, they train simpler ones.

# %%
def images_by_histogram(jets):
    edges = np.linspace(-HALF_WIDTH, HALF_WIDTH, N_PIXELS + 1)
    return np.array([np.histogram2d(*jet[:, 1:].T, bins=edges, weights=jet[:, 0])[0] for jet in jets])


def sorted_one_by_one(jets):
    return np.array([jet[np.argsort(jet[:, 0])[::-1]] for jet in jets])


def simple_cnn(images):
    network = keras.Sequential([keras.Input((16, 16, 1)), layers.Conv2D(8, 5, strides=2, activation="relu")])
    network.add(layers.Flatten())
    network.add(layers.Dense(1, "sigmoid"))
    train("CNN", network, images, epochs=8)
    return network


def simple_recurrent_network(sequences):
    network = keras.Sequential([keras.Input((40, 3)), layers.Masking(), layers.LSTM(12), layers.Dense(1, "sigmoid")])
    train("LSTM", network, sequences, epochs=5, learning_rate=0.02, batch_size=256)
    return network


# %%
to_images = ck.resume("to_images", lambda: images_by_histogram)
in_order = ck.resume("in_order", lambda: sorted_one_by_one)


def image_inputs(jets):
    """The logarithm of the images, shape (n, 16, 16, 1)."""
    return log_images(to_images(jets))


cnn = ck.resume("cnn", lambda: simple_cnn(image_inputs(jets_train)))
lstm = ck.resume("lstm", lambda: simple_recurrent_network(particle_inputs(in_order(jets_train))))


# %%
class MaskedSum(layers.Layer):
    """The sum over the rows that are not all zero."""

    def call(self, states, rows):
        there = keras.ops.max(keras.ops.abs(rows), axis=-1) > 0
        return keras.ops.einsum("npk,np->nk", states, keras.ops.cast(there, "float32"))


def simple_set_network():
    rows = keras.Input((None, 3))
    total = MaskedSum()(layers.Dense(32, "relu")(layers.Dense(32, "relu")(rows)), rows)
    network = keras.Model(rows, layers.Dense(1, "sigmoid")(layers.Dense(16, "relu")(total)))
    train("set", network, particle_inputs(jets_train), epochs=8)
    return network


set_network = ck.resume("set_network", simple_set_network)

# %% [markdown]
# ## 10.5 · The comparison
#
# **Goal:** measure all three on the same jets: area, rejection and size.
#
# - `area(y, scores)`: takes labels 0 or 1 and scores, both (n,). Returns the probability that a random gluon (1) has a
#   higher score than a random quark (0), where a tie counts one half. This is the area under the ROC curve. (The
#   `roc_auc_score` of scikit-learn gives the same number; write it yourself from this definition.)
# - `rejection(y, scores, efficiency)`: cut on the score so that the share `efficiency` of the gluons passes. A jet passes
#   if its score is at least the cut. The rejection is 1 divided by the share of the quarks that passes too. A rejection of
#   10 means that one quark in ten is taken for a gluon. `np.quantile(values, q)` gives the number below which the share `q`
#   of the values lies.
# - `n_params`: a dict with the keys `"CNN"`, `"LSTM"` and `"set"`: the number of weights and biases of your three networks,
#   counted by hand. An LSTM with $m$ inputs and $k$ units has $4 k (m + k + 1)$. (`cnn.summary()` lists the layers of a network
#   that you have not built yourself. Its "trainable params" are the ones asked for; the optimiser's are no part of it.)

# %%
ck.expected("10.5")

# %%
def area(y, scores):
    """The probability that a gluon has a higher score than a quark."""
    # [solution]
    gluons, quarks = scores[y == 1], scores[y == 0]
    higher = gluons[:, None] > quarks
    equal = gluons[:, None] == quarks
    return np.mean(higher + 0.5 * equal)
    # [stub]
    # return ...
    # [end]


def rejection(y, scores, efficiency):
    """1 over the share of quarks above the cut that keeps the share `efficiency` of the gluons."""
    # [solution]
    cut = np.quantile(scores[y == 1], 1 - efficiency)
    return 1 / np.mean(scores[y == 0] >= cut)
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
n_params = {
    "CNN": (9 * 1 + 1) * 8 + (9 * 8 + 1) * 16 + (4 * 4 * 16 + 1) * 16 + 17,
    "LSTM": 4 * 16 * (3 + 16 + 1) + 17,
    "set": (3 + 1) * 32 + (32 + 1) * 32 + (32 + 1) * 32 + 33,
}
# [stub]
# n_params = ...
# [end]

# %%
ck.check("10.5", area=area, rejection=rejection, n_params=n_params,
         cnn=cnn, lstm=lstm, set_network=set_network)

# %%
# ck.hint("10.5")

# %%
cnn_scores = scores_of(cnn, image_inputs(jets_test))
lstm_scores = scores_of(lstm, particle_inputs(in_order(jets_test)))
set_scores = scores_of(set_network, particle_inputs(jets_test))
entries = {"CNN": cnn_scores, "LSTM": lstm_scores, "set": set_scores, "count": count_test}

if ck.ready("10.5", area, rejection, n_params):
    table = pd.DataFrame(index=list(entries))
    table["area"] = [area(y_test, scores) for scores in entries.values()]
    table["rejection at 50 %"] = [rejection(y_test, scores, 0.5) for scores in entries.values()]
    table["parameters"] = [n_params.get(name, "") for name in entries]  # the count has none
    table["seconds"] = pd.Series(seconds)
    print(table.round({"area": 3, "rejection at 50 %": 1, "seconds": 1}).to_string(na_rep=""))

# %% tags=["picture-10.5"]
if ck.ready("10.5", area, rejection, n_params):
    curves = {name: roc_curve(y_test, scores)[:2] for name, scores in entries.items()}
    ck.plot.roc_curves(curves, title="Three views of the same jets, and the count")

# %% [markdown]
# Compare with the orders that you wrote down in session 1: which network is best, which has the fewest parameters, and
# which trained in the least time? (The seconds include the preparation of each network, and the numbers of epochs and the
# sizes of the batches differ: they say what it took here, and not which kind of network is the faster one.)
#
# The count is a whole number, and no cut on it keeps exactly half of the gluons: 55 % of them have at least 23 particles,
# 48 % at least 24. `np.quantile` finds the cut at 23, so the table shows its rejection a little too low.
#
# **How certain is the ranking?** An area measured on 4,000 jets has an uncertainty of its own. To estimate it, the next cell
# draws the test jets again, with replacement, a hundred times (this is called the bootstrap), and sees how much the
# difference between two areas varies. As both areas come from the same jets, the luck that they share cancels. Where a
# difference is less than about twice its uncertainty, 4,000 jets cannot tell the two apart. (That another start of the
# training would have given other networks is not in this number.)

# %%
of_set = areas_again(set_scores)
for name in ("CNN", "LSTM", "count"):
    difference = of_set - areas_again(entries[name])
    print(f"area of the set network minus that of {name:<5}: {difference.mean():+.3f} ± {difference.std():.3f}")

# %% tags=["claim"]
areas = {name: roc_auc_score(y_test, scores) for name, scores in entries.items()}
three = [areas[name] for name in ("CNN", "LSTM", "set")]
assert max(three) - min(three) < 0.035, "Three views, similar curves."
assert min(three) > areas["count"] + 0.01, "All three beat the count."
assert abs(areas["LSTM"] - areas["set"]) < 0.015, "The LSTM and the set are about alike."
assert areas["CNN"] < min(three[1:]), "The image is a little behind."
for cut, share in ((23, 0.55), (24, 0.48)):
    assert abs(np.mean(count_test[y_test == 1] >= cut) - share) < 0.005, f"{share:.0%} have at least {cut} particles."

# %% [markdown] tags=["reason"]
# **Why are the LSTM and the set so close, and the image behind?** What tells the classes apart is the number of radiations,
# and how hard and how wide each of them is. The LSTM and the set are given all of it, particle by particle, and the
# simulation leaves little else to be found; which of the two is ahead depends on the weights that they began with as well.
# In the image, particles that fall into the same cell have become one number, and its network has to find the rest in 256
# cells, most of them empty. How far it is behind depends on how it is built: one without pooling may end nearer to the count
# than to the other two. (If you began with session 3, your networks are simpler, and their areas lie further apart.)
#
# What differs is the price. Of the solution's networks the LSTM has the fewest parameters, 1,297, and the CNN the most,
# 5,377. The set network needs neither a grid, nor an order, nor an LSTM's memory. Where the place of the pixels matters, as
# in photographs, the image wins.

# %% [markdown]
# ## 10.6 · The leaderboard
#
# **Goal:** write the best **tagger** (a function that tells quarks from gluons) that you can, and let fresh jets decide.
#
# - `best(jets)`: takes (n, 40, 3) as `make_jets` gives them, in GeV and in no particular order; returns one score per jet, (n,),
#   higher for a gluon. Each jet is scored by itself: its score must not depend on the other jets of the array.
#
# Anything is allowed: one of the networks, several together, more training jets (`make_jets` makes as many as you like),
# features of your own, trees. The check draws jets that you have never seen, and asks for the area that the next cell
# shows, a little less than that of the worked solution: one good network may reach it alone. The picture below shows where
# you stand beside the networks and the count. (The two kinds of jets overlap, so no tagger comes near 1.)

# %%
ck.expected("10.6")

# %%
def best(jets):
    """One score for each jet, higher for a gluon."""
    # [solution]
    sequences = particle_inputs(in_order(jets))
    three = (cnn, image_inputs(jets)), (lstm, sequences), (set_network, sequences)
    p = np.clip([scores_of(model, inputs) for model, inputs in three], 1e-6, 1 - 1e-6)
    return np.mean(np.log(p / (1 - p)), axis=0)  # the mean of the three networks' log-odds
    # [stub]
    # return ...
    # [end]


# %%
ck.check("10.6", best)

# %%
# ck.hint("10.6")

# %% tags=["picture-10.6"]
if ck.ready("10.6", best):
    board = {name: roc_auc_score(y_test, scores) for name, scores in entries.items()}
    board["yours"] = roc_auc_score(y_test, best(jets_test))
    names = sorted(board, key=board.get)
    colours = ["#D55E00" if name == "yours" else "#0072B2" for name in names]
    fig, ax = plt.subplots(figsize=(5.6, 2.8))
    bars = ax.barh(names, [board[name] for name in names], color=colours)
    ax.bar_label(bars, [f" {board[name]:.3f}" for name in names])
    ax.set(xlim=(0.5, 1), xlabel="area under the ROC curve, 4,000 test jets", title="The leaderboard")

# %% tags=["claim"]
hard = np.sum(jets_test[:, :, 0] > 3, axis=1)
clean, y_clean = ck.data.make_jets(n_samples=4000, seed=2, pileup=0)
assert abs(roc_auc_score(y_test, hard) - max(three)) < 0.01, "A count above 3 GeV is as good as the networks."
assert board["yours"] > max(three) - 0.002, "Together they are at least about as good as the best alone."
assert roc_auc_score(y_clean, np.sum(clean[:, :, 0] > 0, axis=1)) > max(three) - 0.02, "Without pile-up the count does well."

# %% [markdown] tags=["reason"]
# **Why several together?** Networks that see different views make different mistakes. The solution takes the mean of their
# log-odds, $\ln(p / (1 - p))$: a number near 0 where a network is unsure, and far from 0 where it is sure. Where two are
# unsure and one is sure, the mean follows the one that is sure. The gain is small here, because most of the mistakes are in
# the jets themselves: a gluon that happened to radiate little looks like a quark to everybody.
#
# **The physicist's entry.** Pile-up is soft, radiation is often hard: count only the particles above 3 GeV. This one line,
# without any training, is as good as the networks. They had to find it out by themselves, from examples; somebody who knows
# how the data came about can start where they end.

# %% tags=["solution"]
for cut in (0, 1, 2, 3, 5, 10):
    print(f"count above {cut:>2} GeV: area {roc_auc_score(y_test, np.sum(jets_test[:, :, 0] > cut, axis=1)):.3f}")
print(f"three networks:     area {board['yours']:.3f}")

# %% [markdown] tags=["reason"]
# **A common mistake.** Somebody tries many taggers, chooses the best by its area on the test jets, and reports that area. The
# more you try, the luckier the winner. The check draws jets that are new to your networks, but the same ones at every call:
# try twenty taggers on them and keep the best, and you make this mistake yourself.

# %% [markdown]
# This is the end of session 3, and a good place to stop. In session 4 two more networks join the leaderboard.

# %% [markdown]
# ## Session 4 of 4 · Two more networks
#
# About 50 minutes. You need the cells at the top and the next two. If you have done sessions 1 to 3 in this notebook and it
# is still running, they take your networks from there; if you begin here, they train a simple LSTM. You build a network of
# two kinds of layers, and meet one that pays attention.

# %%
def sorted_one_by_one(jets):
    return np.array([jet[np.argsort(jet[:, 0])[::-1]] for jet in jets])


def simple_recurrent_network(sequences):
    network = keras.Sequential([keras.Input((40, 3)), layers.Masking(), layers.LSTM(12), layers.Dense(1, "sigmoid")])
    train("LSTM", network, sequences, epochs=5, learning_rate=0.02, batch_size=256)
    return network


# %%
in_order = ck.resume("in_order", lambda: sorted_one_by_one)
sequences_train = particle_inputs(in_order(jets_train))
sequences_test = particle_inputs(in_order(jets_test))
lstm = ck.resume("lstm", lambda: simple_recurrent_network(sequences_train))


def small_board():
    """The areas of the LSTM and of the count."""
    return {"LSTM": roc_auc_score(y_test, scores_of(lstm, sequences_test)), "count": roc_auc_score(y_test, count_test)}


board = ck.resume("board", small_board)

# %% [markdown]
# ## 10.7 · A convolution in front of the LSTM
#
# **Goal:** put a convolution and an LSTM into one network, and compare it with the others.
#
# A convolution finds patterns among neighbours, an LSTM remembers what came long ago. In one network, the convolution
# reads the sequence first, and the LSTM reads what the convolution makes of it. Speech and long texts have been read in
# this way.
#
# `layers.Conv1D(16, 4, strides=2, activation="relu")` moves a window of 4 rows along the sequence, 2 rows at a time. From 40
# rows of 3 numbers it makes 19 rows of 16 numbers, so that the LSTM takes 19 steps in place of 40. (A convolution knows
# nothing of masks; leave `Masking` out; the LSTM learns to pass over the rows of zeros.)
#
# - `conv_lstm`: a Keras model with a `Conv1D` and behind it an LSTM (a GRU or a `SimpleRNN` will do as well), trained on
#   `sequences_train`; takes (n, 40, 3) and gives the probability of a gluon, (n, 1). The convolution above, 16 units in the LSTM and
#   `train("conv + LSTM", conv_lstm, sequences_train, epochs=4, learning_rate=0.02, batch_size=256)` are enough.
#
# **Predict:** neighbours in this sequence are particles of similar $p_T$, wherever in the jet they lie. Will the area be larger
# than that of the LSTM alone, about the same, or smaller?

# %%
ck.expected("10.7")

# %%
# [solution]
conv_lstm = keras.Sequential(
    [
        keras.Input((40, 3)),
        layers.Conv1D(16, 4, strides=2, activation="relu"),
        layers.LSTM(16),
        layers.Dense(1, activation="sigmoid"),
    ]
)
train("conv + LSTM", conv_lstm, sequences_train, epochs=4, learning_rate=0.02, batch_size=256)
# [stub]
# conv_lstm = ...
# [end]

# %%
ck.check("10.7", conv_lstm)

# %%
# ck.hint("10.7")

# %% [markdown]
# The last network is given. It treats the particles as a set, as in 10.4, but before the sum every particle looks at all the
# others. This is **attention** (05b.3 writes it by hand): each particle compares itself with every particle of the jet, and
# takes a weighted mean of what they say, with weights that the network computes for each pair. Seen as a graph (08), every
# particle has an edge to every other, and attention says how much each edge counts. `attention_mask` keeps it from looking at
# rows of zeros. Nothing in it knows the numbers of the rows, so the order of the particles does not matter.

# %%
def attention_network():
    """Every particle looks at all particles; then they are added up, as in a deep set."""
    rows = keras.Input((None, 3))
    there = keras.ops.any(keras.ops.not_equal(rows, 0), axis=-1)  # (n, particles)
    states = layers.Dense(32, activation="relu")(rows)
    seen = layers.MultiHeadAttention(num_heads=1, key_dim=8)(states, states, attention_mask=there[:, None, :])
    states = layers.Dense(32, activation="relu")(states + seen)
    total = keras.ops.sum(states * keras.ops.cast(there[:, :, None], "float32"), axis=1)
    total = layers.Dense(32, activation="relu")(total)
    return keras.Model(rows, layers.Dense(1, activation="sigmoid")(total))


# %%
if ck.ready("10.7", conv_lstm):
    attention = attention_network()
    train("attention", attention, particle_inputs(jets_train), epochs=8, learning_rate=0.01, batch_size=256)
    attention_scores = scores_of(attention, sequences_test)
    conv_scores = scores_of(conv_lstm, sequences_test)
    turned = scores_of(attention, sequences_test[:, ::-1])
    change = np.abs(turned - attention_scores).max()
    print(f"with the rows in reverse order the answers of the attention network change by at most {change:.0e}")
    for name in ("LSTM", "conv + LSTM", "attention"):
        print(f"{name:<12}{seconds.get(name, np.nan):5.1f} s of training")

# %% tags=["picture-10.7"]
if ck.ready("10.7", conv_lstm):
    board["conv + LSTM"] = roc_auc_score(y_test, conv_scores)
    board["attention"] = roc_auc_score(y_test, attention_scores)
    names = sorted(board, key=board.get)
    colours = ["#D55E00" if name in ("conv + LSTM", "attention") else "#0072B2" for name in names]
    fig, ax = plt.subplots(figsize=(5.6, 3.2))
    bars = ax.barh(names, [board[name] for name in names], color=colours)
    ax.bar_label(bars, [f" {board[name]:.3f}" for name in names])
    ax.set(xlim=(0.5, 1), xlabel="area under the ROC curve, 4,000 test jets", title="The leaderboard with two more")

# %% [markdown]
# The uncertainty of each difference, as in 10.5: the test jets are drawn again and again.

# %%
if ck.ready("10.7", conv_lstm):
    of_lstm = areas_again(scores_of(lstm, sequences_test))
    for name, scores in (("conv + LSTM", conv_scores), ("attention", attention_scores)):
        difference = areas_again(scores) - of_lstm
        print(f"area of {name:<11} minus that of the LSTM: {difference.mean():+.3f} ± {difference.std():.3f}")

# %% tags=["claim"]
assert abs(board["conv + LSTM"] - board["LSTM"]) < 0.01, "The convolution changes the area by less than 0.01."
best_before = max(board[name] for name in ("CNN", "LSTM", "set"))
assert max(board["conv + LSTM"], board["attention"]) < best_before + 0.01, "Neither gains as much as 0.01."
assert board["attention"] > board["LSTM"] - 0.03, "Attention is at most 0.03 worse than the LSTM."
assert board["attention"] > board["count"] + 0.01, "Attention beats the count."
assert np.abs(turned - attention_scores).max() < 1e-4, "The order does not matter to attention."

# %% [markdown] tags=["reason"]
# **Why does the convolution add almost nothing to the area?** A convolution pays where neighbours belong together: pixels of one
# stroke, days of one week. Two particles of similar $p_T$ have little else in common. What it does change is the length: the LSTM
# takes half as many steps. (The seconds above include the preparation of each network, and the numbers of epochs differ, so
# they do not show what a step costs.)
#
# **Why does attention gain nothing?** With some first weights it is as good as the others, with some it is a little worse. It
# can compare any two particles, but the classes differ in how often they radiate, and that shows in a sum over single
# particles. The comparisons are one more thing to be learned from the same 6,000 jets. On detailed simulations, with many
# millions of jets, a network of attention layers was better than all that it was compared with (Qu and others, 2022). Which
# network wins depends on the data, and on how much of it there is.
# %% [markdown]
# ## What did you observe?
#
# 1. Without pile-up (`make_jets(..., pileup=0)`) the plain count does nearly as well as the networks. Why?
# 2. Which information does the image lose that the set has? Which does the sequence have that the set does not have?
# 3. Why did no network come near an area of 1?
# 4. What are neighbours to the convolution of 10.2, and what to that of 10.7?
#
# <details><summary>Answers</summary>
#
# 1. In this simulation almost all of the difference lies in the number of radiations. If nothing blurs it, the number of
#    particles is close to the best that can be known. Frye and others (2017) find something like it in calculations and
#    detailed simulations of jets: a count of the radiations that are hard enough to be resolved tells quarks from gluons
#    better than the mass of the jet.
# 2. The image rounds positions to cells of 0.05, adds up what falls into the same cell, and leaves out what falls outside the
#    grid. The sequence has nothing more than the set: its order follows from the $p_T$ in each row.
# 3. The classes overlap. A quark that radiates much and a gluon that radiates little may give the same jet.
# 4. In 10.2 cells that touch, so particles that fly in nearly the same direction; in 10.7 particles of similar $p_T$.
#
# </details>
#
# ## Go further
#
# - Train with 600 jets instead of 6,000. Which network suffers most?
# - Replace the sum of the deep set by the maximum. What can it still know?
# - Turn every jet by a random angle in the plane. Does any network notice? Would you have expected it of this simulation?
#
# ## Summary
#
# The same particles are an image, a sequence or a set. Choosing a view means choosing what the network need not learn: a
# convolution need not learn that a shifted pattern is the same pattern, an LSTM need not learn to remember, and a set
# network need not learn that the order means nothing. Layers can be combined, which need not pay: neither a convolution in
# front of the LSTM nor attention between the particles gained as much as 0.01 here. The LSTM and the set did about equally
# well and the image a little less, all of them better than the plain count. Where two differ so little, compare the cost as
# well: parameters, seconds, and what has to be invented. A comparison is fair on the same jets, with an uncertainty beside
# each difference (10.5 shows how), and with fresh data for the winner.
#
# Fjodor van Veen's *The Neural Network Zoo* (Asimov Institute, 2016) draws nearly thirty architectures on one sheet. You have
# met many of the families: the perceptron and the dense network (01), the convolutional (04), the recurrent with LSTM and GRU
# (05), the autoencoder and its variational form (06) and the GAN (07); attention and graph networks (05b, 08) came to the fore
# later. Which data suit which of them is what you measured here.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - Altarelli, G., Parisi, G. (1977). Asymptotic freedom in parton language. *Nuclear Physics B*, 126, 298–318.
# - Ellis, R. K., Stirling, W. J., Webber, B. R. (1996). *QCD and Collider Physics*, chapter 5. Cambridge University Press.
# - de Oliveira, L., Kagan, M., Mackey, L., Nachman, B., Schwartzman, A. (2016). Jet-images: deep learning edition.
#   *Journal of High Energy Physics*, 07, 069.
# - Zaheer, M., et al. (2017). Deep sets. *NeurIPS 30*.
# - Komiske, P. T., Metodiev, E. M., Thaler, J. (2019). Energy flow networks: deep sets for particle jets. *Journal of High
#   Energy Physics*, 01, 121.
# - Qu, H., Li, C., Qian, S. (2022). Particle transformer for jet tagging. *ICML*.
# - Frye, C., Larkoski, A. J., Thaler, J., Zhou, K. (2017). Casimir meets Poisson: improved quark/gluon discrimination with
#   counting observables. *Journal of High Energy Physics*, 09, 083.
