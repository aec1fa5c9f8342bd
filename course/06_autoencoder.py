# %% [markdown]
# # 06 · Autoencoders: learning without labels
#
# A network that has to copy its input through a bottleneck finds out by itself what matters. Here the inputs are handwritten
# digits. Nobody tells the network which digit it sees, and yet it sorts them.
#
# About 233 minutes in 3 sessions · CPU about 30 s · GPU optional
#
# **Before you start** you should know Keras layers, `compile` and `fit` (notebook 01) and have seen MNIST (notebook 04).
#
# ## You will learn
#
# - what an autoencoder is, and how the simplest one is related to principal component analysis;
# - how to draw a map of digits, clean noisy pictures and find what does not belong, all without labels;
# - why an autoencoder is bad at inventing new pictures, and how a variational one is better at it.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported, so that TensorFlow's start-up messages stay hidden

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops
from scipy.ndimage import gaussian_filter
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

# %% [markdown]
# ## Look at the data
#
# 20,000 digits of MNIST for training, 10,000 for testing. Each picture is one row of 784 grey values from 0 (black) to 1
# (white). The labels serve for drawing, for judging, and in 06.4 for picking out the zeros; no network is told them.

# %%
(images, y_train), (test_images, y_test) = ck.data.load_mnist()
x_train = images[:20_000].reshape(-1, 784) / np.float32(255)
y_train = y_train[:20_000]
x_test = test_images.reshape(-1, 784) / np.float32(255)
x_train.shape, x_test.shape


# %%
def as_pictures(rows):
    """Rows of 784 as pictures of 28 by 28, cut to [0, 1] for drawing."""
    return np.clip(np.reshape(rows, (-1, 28, 28)), 0, 1)


ck.plot.image_grid(as_pictures(x_train[:16]), title="Sixteen digits, 784 numbers each");

# %% [markdown]
# ## Session 1 of 3 · From PCA to a map of the digits
#
# About 68 minutes. You need the cells above. You compare the simplest autoencoder with a classical method of statistics, and
# then draw a map on which every digit has its place.
#
# **Predict before you run.** You may describe a digit to a friend with two numbers, and no more. The friend draws it. Which
# digits will the friend draw well, and which will be mixed up? Write down two digits that you expect to be confused.

# %% [markdown]
# ## 06.1 · A linear autoencoder
#
# **Goal:** train an autoencoder without activations, and compare the plane that it finds with the plane of PCA.
#
# An autoencoder has two halves. The **encoder** turns the input $x$ into a short **code** $z$; the **decoder** turns the code
# into a picture $\hat x$. The loss compares $\hat x$ with $x$ itself. Without activations, all outputs lie in a flat space of at
# most as many dimensions as there are code units: for two, a plane. Principal component analysis (PCA) computes, by a formula and
# without training, the plane with the smallest mean squared distance from the data.
#
# Are the two planes the same? Their bases differ, so we compare **principal angles**. Turn both bases into orthonormal columns
# $Q_A$ and $Q_B$ (`np.linalg.qr(A).Q` does this). The singular values of $Q_A^\top Q_B$, which
# `np.linalg.svd(M, compute_uv=False)` returns, are the cosines of the angles. If all angles are 0, the planes are the same.
#
# - `principal_angles(A, B)`: takes two bases in the columns, each of shape (n, k); returns the k angles in radians. Rounding can
#   push a cosine slightly above 1; `np.clip` helps.
# - `linear`: a network 49 → 2 → 49 without activations, trained to copy `centred` with the mean squared error (`"mse"`); ten
#   epochs are enough.
#
# To make this quick, we use digits of 7 by 7 pixels, with the mean digit taken away. A learning rate that falls to 0 brings the
# network closer to its best plane: give `keras.optimizers.schedules.CosineDecay(0.03, decay_steps=400)` to the optimiser instead
# of a number. In batches of 500, one pass over the 20,000 digits (an **epoch**) has 40 steps, so 400 steps are ten epochs.

# %%
def coarse(x):
    """Digits as 7 by 7 pixels, each the mean of 4 by 4; rows of 49."""
    return np.reshape(x, (-1, 7, 4, 7, 4)).mean(axis=(2, 4)).reshape(-1, 49)


mean_digit = coarse(x_train).mean(axis=0)
centred = coarse(x_train) - mean_digit

# %%
ck.expected("06.1")

# %%
def principal_angles(A, B):
    """The angles between the spaces that the columns of A and of B span."""
    # [solution]
    Q_A, Q_B = np.linalg.qr(A).Q, np.linalg.qr(B).Q
    cosines = np.linalg.svd(Q_A.T @ Q_B, compute_uv=False)
    return np.arccos(np.clip(cosines, -1, 1))
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
linear = keras.Sequential([keras.Input((49,)), layers.Dense(2), layers.Dense(49)])
falling = keras.optimizers.schedules.CosineDecay(0.03, decay_steps=10 * 40)  # 10 epochs of 40 steps
linear.compile(keras.optimizers.Adam(falling), "mse")
linear.fit(centred, centred, batch_size=500, epochs=10, verbose=0);
# [stub]
# linear = ...
# [end]

# %%
ck.check("06.1", principal_angles=principal_angles, linear=linear)

# %%
# ck.hint("06.1")  # take the first # away and run this line for a hint; run it again for the next

# %% tags=["picture-06.1"]
if ck.ready("06.1", linear):
    pca = PCA(2).fit(centred)
    some = coarse(x_test[:8]) - mean_digit
    by_pca = pca.inverse_transform(pca.transform(some))
    by_network = np.asarray(linear(some))
    rows = np.clip(np.concatenate([some, by_pca, by_network]) + mean_digit, 0, 1)
    names = ["digit"] * 8 + ["PCA"] * 8 + ["network"] * 8
    ck.plot.image_grid(rows.reshape(-1, 7, 7), names, title="Digits, and their copies through two numbers")

# %% [markdown]
# They look alike. Are the planes the same? Three answers of the network are three points of its plane, so two differences span it.

# %%
if ck.ready("06.1", principal_angles, linear):
    first, second, third = np.asarray(linear(centred[:3]))
    plane_of_network = np.stack([second - first, third - first], axis=1)
    angles = np.degrees(principal_angles(plane_of_network, pca.components_.T))
    print(f"angles between the planes: {angles[0]:.2f} and {angles[1]:.2f} degrees")

# %% [markdown] tags=["reason"]
# **The same plane, other axes.** The squared error depends only on which plane is reached. If you turn or stretch the two axes in
# the encoder and undo it in the decoder, nothing changes. So the network may end up with any axes. PCA takes as its first axis the
# direction in which the digits vary most, and the second one at right angles to it.

# %% tags=["solution"]
first, second = linear.layers[-1].get_weights()[0]
cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
print(f"between the two axes of the network: {np.degrees(np.arccos(cosine)):.0f} degrees; of PCA: 90")

# %% [markdown] tags=["reason"]
# **What if you forget to take the mean away?** The biases of the network can learn the mean, but that takes time, and until
# then the plane is tilted. The formula of PCA has no bias that could make up for it: without centring, its first axis would
# point roughly at the mean digit.
#
# **Why train a network if PCA is a formula?** Because the network can be made deeper. PCA cannot.

# %% [markdown]
# ## 06.2 · A map of the digits
#
# **Goal:** squeeze digits through two numbers with a deep autoencoder, and draw the map.
#
# With hidden layers and activations, the outputs lie on a curved surface instead of a plane, which can follow the digits more
# closely.
#
# - `encoder`: takes rows of 784, gives codes (n, 2). The codes may be any numbers: no activation on the last layer.
# - `decoder`: takes codes (n, 2), gives rows of 784 in [0, 1].
#
# Train both together: `keras.Sequential([encoder, decoder])` is a model too, and it gets the digits both as input and as target.
# As the pixels lie in [0, 1], `"binary_crossentropy"` is a good loss: it punishes a clearly wrong pixel harder than the squared
# error does. Two hidden layers on each side, of 128 and 64 units, and eight epochs in batches of 100 with a learning rate of 0.003
# are enough.

# %%
ck.expected("06.2")

# %%
# [solution]
encoder = keras.Sequential(
    [keras.Input((784,)), layers.Dense(128, "relu"), layers.Dense(64, "relu"), layers.Dense(2)]
)
decoder = keras.Sequential(
    [keras.Input((2,)), layers.Dense(64, "relu"), layers.Dense(128, "relu"), layers.Dense(784, "sigmoid")]
)
autoencoder = keras.Sequential([encoder, decoder])
falling = keras.optimizers.schedules.CosineDecay(0.01, decay_steps=6 * 200)  # 6 epochs of 200 steps
autoencoder.compile(keras.optimizers.Adam(falling), "binary_crossentropy", steps_per_execution=20)
live = ck.widgets.LiveCurves()
autoencoder.fit(x_train, x_train, batch_size=100, epochs=6, verbose=0, callbacks=[live]);
# [stub]
# encoder = ...
# decoder = ...
# [end]

# %%
ck.check("06.2", encoder=encoder, decoder=decoder)

# %%
# ck.hint("06.2")

# %% [markdown]
# Every test digit now has a place on the map. On the left 3,000 of them stand at their codes, each drawn as its true label; on the
# right are the pictures that the decoder makes of some codes, in the colour of the true label: a picture of a 9 in the colour of
# the 4 is a 4 that is copied as a 9. Below is the crowd in the middle, enlarged. Which digits does the decoder draw well, and which
# are mixed up? Were they those that you wrote down?

# %% tags=["picture-06.2"]
if ck.ready("06.2", encoder, decoder):
    codes = np.asarray(encoder(x_test))
    apart = np.linalg.norm(codes - np.median(codes, axis=0), axis=1)
    middle = apart < np.quantile(apart, 0.3)  # 3,000 of 10,000
    fig, axs = plt.subplots(2, 2, figsize=(12, 11), layout="constrained")
    for (places, labels), (left, right) in zip([(codes, y_test), (codes[middle], y_test[middle])], axs):
        ck.plot.code_map(places, as_pictures(decoder(places)), labels, right, title="What the decoder draws there")
        for start in range(0, 3000, 250):  # in small portions, so that no digit covers all others
            for digit in range(10):
                mine = places[start : start + 250][labels[start : start + 250] == digit]
                left.plot(*mine.T, linestyle="", marker=f"${digit}$", markersize=6, color=plt.cm.tab10(digit))
        left.set(xlabel="first number of the code", ylabel="second number of the code", title="Where 3,000 test digits lie")
        left.set(xlim=right.get_xlim(), ylim=right.get_ylim())

# %% [markdown] tags=["reason"]
# **What the map shows.** Zeros and ones lie far apart, and from two numbers they are drawn well. 4, 7 and 9 overlap, and so do 3,
# 5 and 8: people confuse these too, and where they overlap the decoder draws a blend. The network has never seen a label; similar
# strokes simply get similar codes.

# %% [markdown]
# How good is a copy through two numbers? Compare it with a copy by the best plane, this time of all 784 pixels.

# %%
if ck.ready("06.2", encoder, decoder):
    plane = PCA(2, svd_solver="randomized", random_state=seed).fit(x_train)
    flat = plane.inverse_transform(plane.transform(x_test))
    curved = np.reshape(decoder(codes), x_test.shape)
    always = x_train.mean(axis=0)
    for name, copy in (("PCA, 2 numbers", flat), ("autoencoder, 2 numbers", curved), ("always the mean digit", always)):
        print(f"{name:<24} mean squared error {np.mean((copy - x_test) ** 2):.4f}")

# %% [markdown] tags=["reason"]
# **Why the autoencoder gains on PCA.** Its outputs lie on a surface that can bend towards the digits. So it gives better copies
# than a plane, from just as many numbers.

# %% tags=["solution"]
shown = np.concatenate([x_test[:8], flat[:8], curved[:8]])
names = ["digit"] * 8 + ["PCA"] * 8 + ["autoencoder"] * 8
ck.plot.image_grid(as_pictures(shown), names, title="Two numbers: a curved surface gives better copies than a plane");

# %% tags=["claim"]
assert np.mean((curved - x_test) ** 2) < 0.85 * np.mean((flat - x_test) ** 2), "A curved surface gives better copies than a plane."
neighbours = KNeighborsClassifier(20).fit(codes[:5000], y_test[:5000])
read = neighbours.predict(codes[5000:])
confused = np.zeros((10, 10))
np.add.at(confused, (y_test[5000:], read), 1)
confused = confused + confused.T
groups = [(4, 7), (4, 9), (7, 9), (3, 5), (3, 8), (5, 8)]
inside = np.mean([confused[pair] for pair in groups])
others = [(a, b) for a in range(10) for b in range(a) if (b, a) not in groups]
assert inside > 4 * np.mean([confused[pair] for pair in others]), "4, 7, 9 overlap, and so do 3, 5, 8."
assert confused[0, 1] < 5, "Zeros and ones lie far apart."
off = [np.mean((curved - x_test)[y_test == k] ** 2) / np.mean((always - x_test)[y_test == k] ** 2) for k in range(10)]
assert sorted(np.argsort(off)[:2]) == [0, 1], f"From two numbers zeros and ones are drawn well: {np.round(off, 2)}"

# %% [markdown] tags=["reason"]
# **What goes wrong with a ReLU on the code?** Then codes are never negative: the map is pressed into the quarter of the plane where
# both numbers are positive, and some digits are stuck on its edges. Usually the copies hardly suffer. With bad luck, though, one
# unit is negative for all digits. Then its own weights get no gradient, and as a rule it stays 0: the map shrinks to a line.

# %% [markdown]
# This is the end of session 1, and a good place to stop. Session 2 puts autoencoders to work.

# %% [markdown]
# ## Session 2 of 3 · Cleaning pictures, and finding what does not belong
#
# About 79 minutes. You need the cells at the top, and nothing from session 1.

# %% [markdown]
# ## 06.3 · Take the noise away
#
# **Goal:** train a network that cleans noisy digits, and clearly beat the best Gaussian filter.
#
# A denoising autoencoder gets a noisy picture as its input and the clean one as its target. It cannot simply copy any more: it
# has to know what digits look like. The measure is the **peak signal-to-noise ratio** in decibels,
#
# $$\mathrm{PSNR} = 10 \log_{10} \frac{1}{\mathrm{MSE}},$$
#
# for pictures whose largest value is 1, where MSE is the mean squared error over all pixels of all pictures. A larger number
# is better, and 3 dB more means half the squared error. The opponent is a Gaussian filter, which replaces each pixel by a
# weighted mean of its neighbours; $\sigma$, in pixels, says how far it looks.
#
# - `psnr(clean, noisy)`: takes two arrays of the same shape, returns a number in dB.
# - `smooth(x, sigma)`: takes rows of 784 and returns the same rows after a Gaussian filter of each picture.
#   `gaussian_filter(stack, (0, 2, 2))` of `scipy.ndimage` blurs with a sigma of 2 along the last two axes of a stack (n, 28, 28),
#   and not at all along the first.
# - `denoiser`: a network that takes noisy rows of 784 and gives clean ones.
#
# Convolutions suit this task. A `Conv2D` with `strides=2` moves its window two pixels at a time and so halves height and width;
# `Conv2DTranspose` with `strides=2` doubles them again (both with `padding="same"`: 28, 14, 7, and back).
# `layers.Reshape((28, 28, 1))` at the beginning and `layers.Flatten()` at the end turn rows into pictures and back. 16 and 32
# filters and one or two epochs in batches of 50 are enough.

# %%
rng = np.random.default_rng(0)
noise_level = 0.5
noisy_train = x_train + noise_level * rng.normal(size=x_train.shape).astype("float32")
noisy_test = x_test + noise_level * rng.normal(size=x_test.shape).astype("float32")

# %%
ck.expected("06.3")

# %%
def psnr(clean, noisy):
    """Peak signal-to-noise ratio in dB, for a peak of 1."""
    # [solution]
    return 10 * np.log10(1 / np.mean((clean - noisy) ** 2))
    # [stub]
    # return ...
    # [end]


def smooth(x, sigma):
    """Rows of 784 after a Gaussian filter of each picture."""
    # [solution]
    return gaussian_filter(x.reshape(-1, 28, 28), (0, sigma, sigma)).reshape(-1, 784)
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
half, whole = {"strides": 2, "padding": "same", "activation": "relu"}, {"strides": 2, "padding": "same"}
denoiser = keras.Sequential(
    [
        keras.Input((784,)),
        layers.Reshape((28, 28, 1)),
        layers.Conv2D(16, 3, **half),  # 14 by 14
        layers.Conv2D(32, 3, **half),  # 7 by 7
        layers.Conv2DTranspose(16, 3, **half),
        layers.Conv2DTranspose(1, 3, activation="sigmoid", **whole),
        layers.Flatten(),
    ]
)
denoiser.compile(keras.optimizers.Adam(0.005), "mse")
denoiser.fit(noisy_train, x_train, batch_size=50, epochs=1, verbose=0);
# [stub]
# denoiser = ...
# [end]

# %%
ck.check("06.3", psnr=psnr, smooth=smooth, denoiser=denoiser)

# %%
# ck.hint("06.3")

# %% [markdown]
# To make the comparison fair, cut the filter's values to [0, 1], where those of the network lie, and look for the best $\sigma$.
# Then draw both.

# %% tags=["picture-06.3"]
if ck.ready("06.3", psnr, smooth, denoiser):
    clean, noisy = x_test[:500], noisy_test[:500]
    sigmas = np.arange(0.6, 2.01, 0.1)
    stacks = [np.clip(smooth(noisy, sigma), 0, 1) for sigma in sigmas]
    levels = [psnr(clean, stack) for stack in stacks]
    filtered = stacks[np.argmax(levels)]
    cleaned = np.reshape(denoiser(noisy), noisy.shape)
    rows = np.concatenate([clean[:8], noisy[:8], filtered[:8], cleaned[:8]])
    names = ["clean"] * 8 + ["noisy"] * 8 + ["filter"] * 8 + ["network"] * 8
    title = f"{max(levels):.1f} dB with a filter, {psnr(clean, cleaned):.1f} dB with the network"
    ck.plot.image_grid(as_pictures(rows), names, title=title)

# %% [markdown] tags=["reason"]
# **Why the network wins.** The filter knows only one thing: that neighbouring pixels are alike. It pays for less noise with
# blurred edges, and the best $\sigma$ is a compromise. The network knows digits: it draws an edge where an edge has to be.

# %% tags=["solution"]
fig, ax = plt.subplots(figsize=(5.6, 3.2))
ax.plot(sigmas, levels, "o-", markersize=4, label="Gaussian filter")
ax.axhline(psnr(clean, cleaned), color="C1", ls="--", label="network")
ax.axhline(psnr(clean, noisy), color="0.5", ls=":", label="noisy")
ax.set(xlabel=r"$\sigma$ (pixels)", ylabel="PSNR (dB)", title="No Gaussian filter comes near the network")
ax.legend(loc="center right", bbox_to_anchor=(1.0, 0.4));

# %% tags=["claim"]
assert psnr(clean, cleaned) > max(levels) + 2, "No Gaussian filter comes near the network."

# %% [markdown]
# ## 06.4 · Find what does not belong
#
# **Goal:** train on zeros only, and find every other digit by its reconstruction error.
#
# Sometimes there are few examples of what you look for, or none: collisions that no theory predicts, the sound of a machine that
# is about to fail. Then train an autoencoder on what is normal. It copies the normal well; what it copies badly is strange. Here
# zeros are normal and the nine other digits are strange.
#
# Where should the threshold be? The **ROC curve** shows all choices at once: the share of strange digits that are found (true
# positive rate) against the share of normal ones that raise a false alarm (false positive rate). The area under it is the
# probability that a strange digit, chosen at random, gets a higher score than a normal one, chosen at random: 0.5 is guessing, 1
# is perfect.
#
# - `anomaly_model`: takes rows of 784, gives their copies; trained on `zeros` only. A code of 16 numbers, a hidden layer of 64
#   units on each side of it, and ten epochs are enough.
# - `anomaly_score(x)`: takes rows of 784, returns n numbers, large for what is strange: the mean squared error of each copy.
# - `roc(scores, strange)`: takes n scores and n labels (1 is strange, 0 is normal); returns the pair `false_rate, true_rate`. These
#   are two arrays that begin at (0, 0), when the threshold is above all scores, and end at (1, 1). Sort by falling score:
#   `np.cumsum` of the sorted labels then counts the strange digits found so far.

# %%
zeros = x_train[y_train == 0]

# %%
ck.expected("06.4")

# %%
# [solution]
anomaly_model = keras.Sequential(
    [
        keras.Input((784,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(16, activation="relu"),
        layers.Dense(64, activation="relu"),
        layers.Dense(784, activation="sigmoid"),
    ]
)
anomaly_model.compile(keras.optimizers.Adam(0.005), "mse")
anomaly_model.fit(zeros, zeros, batch_size=64, epochs=10, verbose=0);
# [stub]
# anomaly_model = ...
# [end]

# %%
def anomaly_score(x):
    """How strange each row is."""
    # [solution]
    return np.mean((np.asarray(anomaly_model(x)) - x) ** 2, axis=1)
    # [stub]
    # return ...
    # [end]


def roc(scores, strange):
    """The false rate and the true rate, from the highest threshold to the lowest."""
    # [solution]
    found = np.asarray(strange)[np.argsort(-np.asarray(scores))]
    true_rate = np.append(0, np.cumsum(found)) / np.sum(found)
    false_rate = np.append(0, np.cumsum(1 - found)) / np.sum(1 - found)
    # [stub]
    # false_rate, true_rate = ..., ...
    # [end]
    return false_rate, true_rate


# %%
ck.check("06.4", anomaly_model=anomaly_model, anomaly_score=anomaly_score, roc=roc)

# %%
# ck.hint("06.4")

# %% tags=["picture-06.4"]
if ck.ready("06.4", anomaly_model, anomaly_score, roc):
    scores = np.ravel(anomaly_score(x_test))
    false_rate, true_rate = roc(scores, y_test != 0)
    fig, axs = plt.subplots(1, 2, figsize=(9, 3.4))
    bins = np.linspace(0, np.quantile(scores, 0.995), 60)
    axs[0].hist(scores[y_test == 0], bins, density=True, alpha=0.6, label="zeros")
    axs[0].hist(scores[y_test != 0], bins, density=True, alpha=0.6, label="other digits", hatch="//")
    axs[0].set(xlabel="score", ylabel="density", title="Strange digits are copied badly")
    axs[0].legend()
    axs[1].plot(false_rate, true_rate)
    axs[1].plot([0, 1], [0, 1], ":", color="0.5", label="guessing")
    axs[1].set(xlabel="false positive rate", ylabel="true positive rate")
    axs[1].set_title(f"Area under the curve: {np.trapezoid(true_rate, false_rate):.3f}")
    axs[1].legend()

# %% [markdown]
# Which of the nine strange digits is found most easily, and which is found worst? **Predict**, then take one kind at a time.

# %%
def area(scores, strange):
    false_rate, true_rate = roc(scores, strange)
    return np.trapezoid(true_rate, false_rate)


if ck.ready("06.4", anomaly_model, anomaly_score, roc):
    pairs = [np.isin(y_test, (0, digit)) for digit in range(1, 10)]
    kinds = [area(scores[pair], y_test[pair] != 0) for pair in pairs]
    fig, ax = plt.subplots(figsize=(5.6, 2.8))
    ax.bar_label(ax.bar([str(digit) for digit in range(1, 10)], kinds), fmt="%.3f", fontsize=8)
    ax.set(xlabel="strange digit", ylabel="area", ylim=(min(0.9, *kinds), 1.01))
    ax.set_title("One kind of strange digit at a time")

# %% [markdown] tags=["reason"]
# **Why some digits are found more easily.** Ones are found almost always: an autoencoder of zeros cannot draw a straight stroke. A
# low bar means that it can also draw most strokes of that digit.

# %% tags=["claim"]
assert kinds[0] > 0.99, "Ones are found almost always."

# %% [markdown] tags=["reason"]
# **What if strange digits slip into the training?** Then the network learns to copy them too. Trained on all digits, its error
# only says how much ink and how many curves there are.

# %% tags=["solution"]
mixed = keras.models.clone_model(anomaly_model)
mixed.compile(keras.optimizers.Adam(0.005), "mse")
mixed.fit(x_train[:6000], x_train[:6000], batch_size=64, epochs=4, verbose=0)
errors = np.mean((np.asarray(mixed(x_test)) - x_test) ** 2, axis=1)
print(f"trained on zeros {area(scores, y_test != 0):.3f}, trained on all digits {area(errors, y_test != 0):.3f}")

# %% tags=["claim"]
assert area(errors, y_test != 0) < area(scores, y_test != 0) - 0.2, "Trained on all digits, it no longer finds the strange ones."
ink = -x_test.sum(axis=1)
of_ones, of_two_and_eight, of_all = (area(ink[k], y_test[k] != 0) for k in (np.isin(y_test, (0, 1)), np.isin(y_test, (0, 2, 8)), y_test >= 0))
assert (round(of_ones, 2), round(of_two_and_eight, 2), round(of_all, 2)) == (0.98, 0.64, 0.77), (of_ones, of_two_and_eight, of_all)

# %% [markdown]
# This is the end of session 2, and a good place to stop. In session 3 the decoder of 06.2 has to invent digits.

# %% [markdown]
# ## Session 3 of 3 · Inventing digits
#
# About 86 minutes. You need the cells at the top and the next one, which takes over your encoder and decoder of 06.2. If you
# begin here, it trains a pair.

# %%
def trained_pair():
    """An encoder to two numbers and a decoder, trained together."""
    down, up = keras.Sequential([keras.Input((784,))]), keras.Sequential([keras.Input((2,))])
    for units in (96, 48):
        down.add(layers.Dense(units, "relu"))
    down.add(layers.Dense(2))
    for units in (48, 96):
        up.add(layers.Dense(units, "relu"))
    up.add(layers.Dense(784, "sigmoid"))
    both = keras.Sequential([down, up])
    both.compile(keras.optimizers.Adam(0.004), "binary_crossentropy", steps_per_execution=50)
    both.fit(x_train, x_train, batch_size=200, epochs=6, verbose=0)
    return down, up


encoder = ck.resume("encoder", lambda: None)
decoder = ck.resume("decoder", lambda: None)
if encoder is None or decoder is None:
    encoder, decoder = trained_pair()
codes = np.asarray(encoder(x_test))

# %% [markdown]
# ## 06.5 · Walk over the map
#
# **Goal:** lay a grid of codes over your map, decode it, and find a place that is far from all digits.
#
# Can the decoder of 06.2 invent digits? Give it a code that belongs to no picture, and it answers with a picture all the same.
# Would the encoder put this picture at the same place? Take the **round trip**: decode a code, encode the picture, and see how far
# from the start you end up.
#
# - `code_grid(low, high, n)`: `low` and `high` hold the smallest and the largest value of each coordinate, shape (2,). Returns
#   n · n codes, shape (n · n, 2): all pairs of n evenly spaced values along each axis, both ends included, in any order.
# - `nearest(points, codes)`: shapes (m, 2) and (k, 2); returns m numbers, the distance of each point to its nearest code.
# - `round_trip(points)`: shape (m, 2); returns m numbers, the distance of each point from `encoder(decoder(points))`.
# - `hole`: a code, shape (2,). It lies in the smallest rectangle with sides along the axes that holds the codes of all test digits
#   (`codes`), and farther from each of them than a tenth of the rectangle's shorter side. An empty corner counts too.
#
# For `code_grid`, `np.meshgrid(a, b)` gives two tables with all pairs of values of `a` and `b`.
#
# **Predict:** will the pictures between the digits look like digits?

# %%
ck.expected("06.5")

# %%
def code_grid(low, high, n):
    """All pairs of n values between low and high."""
    # [solution]
    first, second = np.meshgrid(*np.linspace(low, high, n).T)
    return np.column_stack([first.ravel(), second.ravel()])
    # [stub]
    # return ...
    # [end]


def nearest(points, codes):
    """The distance of each point to the nearest code."""
    # [solution]
    between = points[:, None, :] - codes[None, :, :]
    return np.sqrt((between**2).sum(axis=2).min(axis=1))
    # [stub]
    # return ...
    # [end]


def round_trip(points):
    """How far from each point its own picture is encoded."""
    # [solution]
    return np.linalg.norm(np.asarray(encoder(decoder(points))) - points, axis=1)
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
walk = code_grid(codes.min(axis=0), codes.max(axis=0), 20)
hole = walk[np.argmax(nearest(walk, codes))]
# [stub]
# hole = ...
# [end]

# %%
ck.check("06.5", encoder=encoder, decoder=decoder, code_grid=code_grid,
         nearest=nearest, round_trip=round_trip, hole=hole)

# %%
# ck.hint("06.5")

# %% [markdown]
# The pictures that belong to a grid of codes, and, as orange dots, the codes of real digits:

# %% tags=["picture-06.5"]
if ck.ready("06.5", code_grid):
    low, high = np.quantile(codes, [0.01, 0.99], axis=0)
    grid = np.asarray(code_grid(low, high, 20))
    title = "Pictures of a grid of codes, and the codes of 3,000 digits"
    ax = ck.plot.code_map(grid, as_pictures(decoder(grid)), title=title)
    ax.plot(*codes[:3000].T, ".", color="C1", markersize=3, alpha=0.5)

# %% [markdown]
# Where is the round trip long? On the left its length is the colour, and the white dots are the codes of digits; on the right the
# trip is drawn against the distance from the nearest digit. The correlation says how well the two rise together: 1 is a straight
# line upwards, 0 no trend upwards or downwards.

# %%
if ck.ready("06.5", code_grid, nearest, round_trip):
    trip, distance = np.ravel(round_trip(grid)), np.ravel(nearest(grid, codes))
    fig, axs = plt.subplots(1, 2, figsize=(10, 3.8))
    coloured = axs[0].tripcolor(*grid.T, trip, shading="gouraud")
    axs[0].plot(*codes[:3000].T, ".", color="white", markersize=2)
    axs[0].set(xlabel="first number of the code", ylabel="second number of the code", title="Bright: a long round trip")
    axs[0].set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    fig.colorbar(coloured, ax=axs[0], label="round trip")
    axs[1].plot(distance, trip, ".", alpha=0.6)
    axs[1].set(xlabel="distance to the nearest digit", ylabel="round trip")
    axs[1].set_title(f"Correlation {np.corrcoef(distance, trip)[0, 1]:.2f}")

# %% tags=["claim"]
assert np.corrcoef(distance, trip)[0, 1] > 0.5, f"The round trip gets longer: {np.corrcoef(distance, trip)[0, 1]:.2f}"
drawn = np.clip(np.asarray(decoder(grid)), 0, 1)
grey = np.sum(drawn * (1 - drawn), axis=1) / np.sum(drawn, axis=1)  # 0 for a picture in black and white
crowd, far = grey[distance < np.quantile(distance, 0.2)].mean(), grey[distance > np.quantile(distance, 0.8)].mean()
assert crowd > 1.15 * far, f"Blends are in the crowd, and in the holes pictures are often sharp: {crowd:.2f}, {far:.2f}"

# %% [markdown] tags=["reason"]
# **Why there are holes.** The loss looks at the decoder only where the encoder puts digits. Where many kinds crowd together, one code
# has to serve several, and the picture is a blend. In the holes the decoder has never been corrected: it goes on from the nearest
# digits, often sharply, and the encoder, which has never seen such pictures, puts them elsewhere. So the round trip gets longer, the
# farther a code is from all digits. Nothing keeps the encoder from leaving gaps: far apart is safe, because what is far apart is
# not mixed up. So some kinds of digits get a large region and others a small one, and a random code most often gives a digit
# with a large region.

# %% [markdown]
# ## 06.6 · A variational autoencoder
#
# **Goal:** write the two lines that make an autoencoder variational, train it, and draw digits from random codes.
#
# Let the encoder answer with a small cloud instead of a point: a normal distribution with mean $\mu_j$ and variance $\sigma_j^2$
# for each coordinate $j$ of the code. The decoder is given a random point of the cloud, so it learns to treat neighbouring codes
# alike. A second term in the loss pulls every cloud towards the standard normal distribution $N(0, 1)$, so that the clouds stay
# close together and leave no gaps. It is the Kullback-Leibler divergence of the cloud from $N(0, 1)$:
#
# $$\mathrm{KL} = \frac{1}{2} \sum_j \left( \mu_j^2 + \sigma_j^2 - 1 - \log \sigma_j^2 \right).$$
#
# How can a gradient pass through a random draw? Draw $\epsilon$ from $N(0, 1)$ first, and compute
# $z = \mu + \sigma \epsilon$: this is called the **reparametrisation**. Now $z$ is an ordinary formula in $\mu$ and $\sigma$.
#
# The network gives $\log \sigma^2$, called `log_var`, which may be any number. Write both functions with `ops.exp`, `ops.sum` and so
# on. These have the names of NumPy, and Keras can differentiate them; it cannot differentiate `np.exp`.
#
# - `kl_term(mean, log_var)`: both of shape (n, d); returns n numbers, one per digit.
# - `reparametrise(mean, log_var, noise)`: three arrays (n, d); returns the points $z$, shape (n, d).
# - `vae_encoder`: takes rows of 784, gives 4 numbers without activation: two means, then two log variances.
# - `vae_decoder`: takes codes (n, 2), gives rows of 784 in [0, 1].
#
# The class `VAE` below puts your functions between an encoder and a decoder. Train it with
# `vae = VAE(vae_encoder, vae_decoder)`, `vae.compile(optimizer, ink_loss)` and `vae.fit(x_train, x_train, ...)`. Hidden layers as in
# 06.2 and eight epochs in batches of 100 with a learning rate of 0.003 are enough.

# %%
ck.expected("06.6")

# %%
def kl_term(mean, log_var):
    """The Kullback-Leibler divergence of each cloud from the standard normal distribution."""
    # [solution]
    return ops.sum(mean**2 + ops.exp(log_var) - 1 - log_var, axis=1) / 2
    # [stub]
    # return ...
    # [end]


def reparametrise(mean, log_var, noise):
    """Points of the clouds, from standard normal noise."""
    # [solution]
    return mean + ops.exp(log_var / 2) * noise
    # [stub]
    # return ...
    # [end]


# %% [markdown]
# The rest is given. `ink_loss` is the cross-entropy added up over the 784 pixels, as the formula of the variational autoencoder
# wants it. With the mean over the pixels the KL term would weigh 784 times as much.

# %%
class VAE(keras.Model):
    """An encoder, a random point of each cloud, a decoder; the KL term is added to the loss."""

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x):
        mean, log_var = ops.split(self.encoder(x), 2, axis=-1)
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        self.add_loss(ops.mean(kl_term(mean, log_var)))
        return self.decoder(reparametrise(mean, log_var, noise))


def ink_loss(x, copy):
    """Binary cross-entropy, summed over the pixels, mean over the digits."""
    return 784 * ops.mean(keras.losses.binary_crossentropy(x, copy))


# %%
# [solution]
vae_encoder = keras.Sequential(
    [keras.Input((784,)), layers.Dense(128, "relu"), layers.Dense(64, "relu"), layers.Dense(4)]
)
vae_decoder = keras.Sequential(
    [keras.Input((2,)), layers.Dense(64, "relu"), layers.Dense(128, "relu"), layers.Dense(784, "sigmoid")]
)
vae = VAE(vae_encoder, vae_decoder)
falling = keras.optimizers.schedules.CosineDecay(0.008, decay_steps=7 * 200)
vae.compile(keras.optimizers.Adam(falling), ink_loss, steps_per_execution=20)
live = ck.widgets.LiveCurves()
vae.fit(x_train, x_train, batch_size=100, epochs=7, verbose=0, callbacks=[live]);
# [stub]
# vae_encoder = ...
# vae_decoder = ...
# [end]

# %%
ck.check("06.6", kl_term=kl_term, reparametrise=reparametrise,
         vae_encoder=vae_encoder, vae_decoder=vae_decoder)

# %%
# ck.hint("06.6")

# %% [markdown]
# The pictures that belong to a grid of codes, and the codes of 3,000 test digits: the means of their clouds. Compare with the
# map of 06.5: does this one have holes too?

# %% tags=["picture-06.6"]
if ck.ready("06.6", code_grid, vae_encoder, vae_decoder):
    grid = np.asarray(code_grid(np.array([-2.0, -2.0]), np.array([2.0, 2.0]), 20))
    means = np.asarray(vae_encoder(x_test))[:, :2]
    title = "Pictures of a grid of codes, and the codes of 3,000 digits"
    ax = ck.plot.code_map(grid, as_pictures(vae_decoder(grid)), title=title)
    ax.plot(*means[:3000].T, ".", color="C1", markersize=3, alpha=0.5)
    ax.set(xlim=(-2.2, 2.2), ylim=(-2.2, 2.2))

# %% tags=["claim"]
near = np.linalg.norm(grid[:, None] - means[None, :3000], axis=2).min(axis=1)
assert np.mean(near < 0.3) > 0.9, f"The codes of the digits fill the variational map: {np.mean(near < 0.3):.2f}"

# %% [markdown] tags=["reason"]
# **Why there are no holes.** The KL term pulls every cloud towards $N(0, 1)$, so the codes of the digits fill the map. And because the
# decoder is given a random point of each cloud, it has been trained in between as well.

# %% [markdown] tags=["reason"]
# **Is the formula right?** The divergence is the mean of $\log q(z) - \log p(z)$ over points $z$ of the cloud $q$, with $p$ the
# standard normal density. So one can draw many points with your own reparametrisation and take the mean: a Monte Carlo
# estimate. In the solution it agrees with the formula.

# %% tags=["solution"]
mean, log_var = np.array([[1.0, -0.5]]), np.array([[-1.0, 0.3]])
noise = np.random.default_rng(0).normal(size=(200_000, 2))
z = np.asarray(reparametrise(mean, log_var, noise))
log_ratio = np.sum(z**2 / 2 - noise**2 / 2 - log_var / 2, axis=1)  # the constants cancel
print(f"by the formula {float(kl_term(mean, log_var)[0]):.3f}, by 200,000 draws {log_ratio.mean():.3f}")

# %% [markdown]
# Now invent digits from random codes: for the plain autoencoder from the rectangle of its codes, for the variational one from
# $N(0, 1)$. Which digit is each picture? Take the label of the most similar test digit. **Predict:** will all ten be invented equally
# often?

# %%
if ck.ready("06.6", vae_decoder):
    reader = KNeighborsClassifier(1).fit(x_test[:3000], y_test[:3000])
    rng = np.random.default_rng(seed)
    invented = {
        "plain": np.asarray(decoder(rng.uniform(codes.min(axis=0), codes.max(axis=0), size=(500, 2)))),
        "variational": np.asarray(vae_decoder(rng.normal(size=(500, 2)))),
    }
    for name, x in invented.items():
        ck.plot.image_grid(as_pictures(x[:16]), title=f"Random codes, {name} autoencoder")
    fig, ax = plt.subplots(figsize=(6.5, 2.8))
    for shift, (name, x) in zip((-0.2, 0.2), invented.items()):
        shares = np.bincount(reader.predict(x), minlength=10) / len(x)
        ax.bar(np.arange(10) + shift, shares, width=0.4, label=name, hatch="//" if shift > 0 else None)
    ax.set(xlabel="most similar digit", ylabel="share", xticks=range(10), title="How often each digit is invented")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))

# %% [markdown] tags=["reason"]
# **Why the variational pictures are spread more evenly.** In the plain map some kinds of digits have large regions. In the
# variational one all clouds are drawn to the middle, where the random codes fall. The judge is a rough one: it compares pixel by
# pixel, and may call a soft 8 a 3 or a 5.

# %% tags=["claim"]
def kinds_of(x):
    shares = np.bincount(reader.predict(x), minlength=10) / len(x)
    return np.exp(-np.sum(shares * np.log(shares + 1e-12)))


assert kinds_of(invented["variational"]) > kinds_of(invented["plain"]), "The variational pictures are spread more evenly."

# %% [markdown] tags=["reason"]
# **A judge who is too sure.** Why not ask a network of notebook 04 which digit each picture shows? It has seen only sharp pictures,
# and how it takes soft ones differs from network to network. A small one may hesitate. The one that comes with the course is nearly
# as sure as it is of sharp digits. The solution shows this with copies of test digits, and compares its answers with their labels:
# it is much surer than it is right. A part of the blame is the copy's, as a 4 that lies among the nines is drawn as a 9. Still, for
# pictures unlike those of its training, a high probability means little.

# %% tags=["solution"]
cnn = keras.models.load_model(ck.data.path("mnist_cnn.keras"))
probabilities = np.asarray(cnn(np.reshape(vae_decoder(means[:1000]), (-1, 28, 28, 1))))
right = np.mean(probabilities.argmax(axis=1) == y_test[:1000])
print(f"mean probability of its answer {probabilities.max(axis=1).mean():.0%}, agrees with the label {right:.0%}")

# %% tags=["claim"]
assert probabilities.max(axis=1).mean() > right + 0.1, "It is surer than it is right."

# %% [markdown] tags=["reason"]
# **What it costs.** The copies of a variational autoencoder are a little worse, because part of the network's effort goes into
# keeping the map in order. If the KL term has too much weight, all clouds become $N(0, 1)$, whatever the digit: the code then
# says nothing, and every picture is the mean digit. This is called posterior collapse.

# %% [markdown]
# ## What did you observe?
#
# 1. Which digits mix on your map of 06.2? Were they the two that you wrote down?
# 2. The denoiser was trained on noise of 0.5. What will it do to clean digits, and to noise of 1?
# 3. Zeros are large, ones are small. Would "how much ink" have been a good anomaly score? Try it.
# 4. Why does the variational map have blurred borders between the digits, where the plain one has gaps?
#
# <details><summary>Answers</summary>
#
# 1. Mostly 4, 7 and 9, and 3, 5 and 8: they share strokes. It is a map of shapes, not of names.
# 2. It is made for one level of noise. It changes clean digits, which needed no cleaning, and takes some of the stronger noise
#    for ink. If you expect several levels of noise, train with several.
# 3. A mediocre one. Zeros have more ink than most digits, so little ink is strange: the area is 0.98 against ones, but only
#    0.64 against 2 and 8, and 0.77 against all.
# 4. Clouds of different digits overlap there. The decoder has to serve both, and answers with something in between.
#
# </details>
#
# ## Go further
#
# - Give the code of 06.2 three, eight or thirty-two numbers. How does the error of the copies fall? And that of PCA?
# - Multiply the KL term by 0.1 and by 5 (a beta-VAE), and look at the map each time.
# - Train on noisy digits only, with noise in the input *and* other noise in the target (Noise2Noise). Does it still learn to
#   clean?
# - Use 8 as the normal digit in 06.4. Why is it harder?
#
# ## Summary
#
# A narrow code forces a network to keep what matters. A linear autoencoder is PCA; a deep one bends the plane into a map of
# shapes. The same idea cleans pictures and finds strange ones, and it needs no labels. To invent new pictures, the codes must
# leave no gaps; the Kullback-Leibler term sees to that.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - Baldi, P., Hornik, K. (1989). Neural networks and principal component analysis: learning from examples without local
#   minima. *Neural Networks*, 2(1), 53–58.
# - Björck, Å., Golub, G. H. (1973). Numerical methods for computing angles between linear subspaces. *Mathematics of
#   Computation*, 27(123), 579–594.
# - Hinton, G. E., Salakhutdinov, R. R. (2006). Reducing the dimensionality of data with neural networks. *Science*,
#   313(5786), 504–507.
# - Vincent, P., Larochelle, H., Bengio, Y., Manzagol, P.-A. (2008). Extracting and composing robust features with
#   denoising autoencoders. *ICML*, 1096–1103.
# - Kingma, D. P., Welling, M. (2014). Auto-encoding variational Bayes. *ICLR*. arXiv:1312.6114.
