# %% [markdown]
# # 06 · Autoencoders: learning without labels
#
# A network that has to copy its input through a narrow place finds out by itself what matters. Nobody tells it which
# digit it sees, and yet it sorts them.
#
# About 90 min · CPU about 30 s · GPU optional
#
# **Before you start** you should know Keras layers, `compile` and `fit` (notebook 01) and have seen MNIST (notebook 04).
#
# ## You will learn
#
# - what an autoencoder is, and that the simplest one is principal component analysis;
# - how to draw a map of digits, clean noisy pictures and find what does not belong, all without labels;
# - why an autoencoder is a poor inventor, and how a variational one repairs this.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported: then it loads without notices

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
# (white). The labels are here for drawing and for judging. No network of this notebook is trained on them.

# %%
(images, y_train), (test_images, y_test) = ck.data.load_mnist()
x_train = images[:20_000].reshape(-1, 784) / np.float32(255)
y_train = y_train[:20_000]
x_test = test_images.reshape(-1, 784) / np.float32(255)
x_train.shape, x_test.shape


# %%
def as_pictures(rows):
    """Rows of 784 as pictures of 28 by 28, cut to [0, 1] for drawing; `...` stays `...`."""
    return ... if rows is ... else np.clip(np.reshape(rows, (-1, 28, 28)), 0, 1)


ck.plot.image_grid(as_pictures(x_train[:16]), title="Sixteen digits, 784 numbers each");

# %% [markdown]
# ## Predict before you run
#
# You may describe a digit to a friend with two numbers, and no more. The friend draws it. Which digits will the friend
# draw well, and which will be mixed up? Write down two digits that you expect to be confused.

# %% [markdown]
# ## 06.1 · A linear autoencoder is PCA
#
# **Goal:** measure the angle between two planes, and show that a linear autoencoder finds the plane of PCA.
#
# An autoencoder has two halves. The **encoder** turns the input $x$ into a short **code** $z$, the **decoder** makes a
# picture $\hat x$ of it. The loss compares $\hat x$ with $x$ itself. Without activations all pictures that come out lie
# in a plane, as wide as the code. Principal component analysis (PCA) computes the best such plane without training.
#
# Are they the same plane? The bases differ, so compare **principal angles**: bring both bases to orthonormal columns $Q_A$
# and $Q_B$. The singular values of $Q_A^\top Q_B$ are the cosines of the angles. All angles 0 means the same plane.
#
# - `principal_angles(A, B)`: two bases, each of shape (n, k), in the columns; gives the k angles in radians.
# - `linear`: a network 49 → 2 → 49 without activations, trained to copy `centred`.
#
# To make it quick, use digits of 7 by 7 pixels, with the mean digit taken away.

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
pca = PCA(2).fit(centred)
some = coarse(x_test[:8]) - mean_digit
copies = ... if linear is ... else np.asarray(linear(some))
by_pca = pca.inverse_transform(pca.transform(some))
rows = ... if copies is ... else (np.concatenate([some, by_pca, copies]) + mean_digit).reshape(-1, 7, 7)
names = ["digit"] * 8 + ["PCA"] * 8 + ["network"] * 8
ck.plot.image_grid(rows, names, exercise="06.1", title="PCA and the network draw the same");

# %% [markdown] tags=["solution"]
# **The same plane, other axes.** The squared error only cares which plane is reached. Turn or stretch the two axes in the
# encoder, undo it in the decoder, and nothing changes. So the network ends on some axes; PCA picks the one pair that is
# orthogonal and ordered by variance.

# %% tags=["solution"]
axes_of_network = linear.layers[-1].get_weights()[0].T  # columns span the plane of all outputs
angles = np.degrees(principal_angles(axes_of_network, pca.components_.T))
first, second = axes_of_network.T
cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
print(f"between the planes {angles.round(2)} degrees")
print(f"between the two axes of the network {np.degrees(np.arccos(cosine)):.0f} degrees, of PCA 90")

# %% [markdown] tags=["solution"]
# **A wrong way.** Forget to take the mean away. The biases of the network can learn it, but this takes time, and until
# then the plane leans the wrong way. PCA has no biases: without centring, its first axis would point at the mean digit.
#
# **Why do it, if PCA is a formula?** Because the network can be made deeper. PCA cannot.

# %% [markdown]
# ## 06.2 · A map of the digits
#
# **Goal:** squeeze digits through two numbers with a deep autoencoder, and draw the map.
#
# With hidden layers the outputs fill a bent surface instead of a plane. It can follow the digits more closely.
#
# - `encoder`: rows of 784 in, codes (n, 2) out. The codes are free: no activation on the last layer.
# - `decoder`: codes (n, 2) in, rows of 784 in [0, 1] out.
#
# Train both together: `keras.Sequential([encoder, decoder])` is a model too, and it has the digits as input and as target.

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
# Every test digit has a place on the map. Draw the decoder's picture there, in the colour of the true label.

# %% tags=["picture-06.2"]
codes = ... if encoder is ... else np.asarray(encoder(x_test))
drawn = ... if codes is ... or decoder is ... else as_pictures(decoder(codes))
title = "The map of digits: nobody told the network which is which"
ck.plot.code_map(codes, drawn, y_test, exercise="06.2", title=title);

# %% [markdown] tags=["solution"]
# **What the map shows.** Zeros and ones lie far apart; 4, 7 and 9 border on each other, and so do 3, 5 and 8: people
# confuse them too. The network has never seen a label. Like strokes simply need like codes.
#
# How good is a copy through two numbers? Compare with the best plane, in mean squared error.

# %% tags=["solution"]
plane = PCA(2, svd_solver="randomized", random_state=seed).fit(x_train)
flat = plane.inverse_transform(plane.transform(x_test))
for name, copy in (("PCA, 2 numbers", flat), ("autoencoder, 2 numbers", np.asarray(decoder(codes)))):
    print(f"{name:<24} mean squared error {np.mean((copy - x_test) ** 2):.4f}")
print(f"{'always the mean digit':<24} mean squared error {np.mean((x_train.mean(axis=0) - x_test) ** 2):.4f}")

# %% tags=["solution"]
shown = np.concatenate([x_test[:8], flat[:8], np.asarray(decoder(codes[:8]))])
names = ["digit"] * 8 + ["PCA"] * 8 + ["autoencoder"] * 8
ck.plot.image_grid(as_pictures(shown), names, title="Two numbers: a bent surface copies more than a plane");

# %% [markdown] tags=["solution"]
# **A wrong way.** Put a ReLU on the code. Codes are then never negative, and if one unit starts out negative for all
# digits it gets no gradient and stays 0 for ever: the map shrinks to a line.

# %% [markdown]
# ## 06.3 · Take the noise away
#
# **Goal:** train a network that cleans noisy digits, and beat the best Gaussian filter.
#
# A denoising autoencoder gets a noisy picture as input and the clean one as target. It cannot copy any more: it has to know
# what digits look like. The judge is the **peak signal-to-noise ratio** in decibels,
#
# $$\mathrm{PSNR} = 10 \log_{10} \frac{1}{\mathrm{MSE}},$$
#
# for pictures whose peak is 1; MSE is the mean squared error over all pixels of all pictures. More is better, and 3 dB more is
# half of the squared error. The opponent is a Gaussian filter, which replaces each pixel by a weighted mean of its
# neighbours; $\sigma$, in pixels, says how far it looks.
#
# - `psnr(clean, noisy)`: two arrays of one shape; gives a number in dB.
# - `smooth(x, sigma)`: rows of 784 in, the same rows after a Gaussian filter of the pictures out. The filter of
#   `scipy.ndimage` takes a sigma for each axis; pictures must not run into each other.
# - `denoiser`: a network that takes noisy rows of 784 and gives clean ones.

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
# Look for the best filter, so that the comparison is fair, then draw both.

# %% tags=["picture-06.3"]
sigmas = np.arange(0.6, 2.01, 0.1)
filtered = [smooth(noisy_test[:500], sigma) for sigma in sigmas]
done = filtered[0] is not ... and denoiser is not ... and psnr(x_test[:2], noisy_test[:2]) is not ...
levels = [psnr(x_test[:500], one) for one in filtered] if done else [0]
best = int(np.argmax(levels))
cleaned = np.asarray(denoiser(noisy_test[:500])) if done else ...
rows = np.concatenate([one[:8] for one in (x_test, noisy_test, filtered[best], cleaned)]) if done else ...
names = [name for name in ("clean", "noisy", "filter", "network") for _ in range(8)]
finding = f"{levels[best]:.1f} dB by a filter, {psnr(x_test[:500], cleaned):.1f} dB by the network" if done else ""
ck.plot.image_grid(as_pictures(rows), names, exercise="06.3", title=finding);

# %% [markdown] tags=["solution"]
# **Why the network wins.** The filter knows one thing: neighbours are alike. It pays for less noise with blurred edges, and
# the best $\sigma$ is a compromise. The network knows digits: it draws an edge where an edge has to be.

# %% tags=["solution"]
fig, ax = plt.subplots(figsize=(5.6, 3.2))
ax.plot(sigmas, levels, "o-", markersize=4, label="Gaussian filter")
ax.axhline(psnr(x_test[:500], cleaned), color="C1", ls="--", label="network")
ax.axhline(psnr(x_test[:500], noisy_test[:500]), color="0.5", ls=":", label="noisy")
ax.set(xlabel=r"$\sigma$ (pixels)", ylabel="PSNR (dB)", title="No filter comes near the network")
ax.legend(loc="center right", bbox_to_anchor=(1.0, 0.4));

# %% [markdown] tags=["solution"]
# **A wrong way.** `gaussian_filter(pictures, sigma)` on a stack of shape (n, 28, 28) blurs along the first axis too: each
# digit gets the ghosts of its neighbours in the stack. Nothing fails, and the pictures look "just blurred".

# %% tags=["solution"]
ghosts = gaussian_filter(as_pictures(x_test[:8]), 1.0)
ck.plot.image_grid(ghosts, title="Blurred along the stack: ghosts of the neighbours");

# %% [markdown]
# ## 06.4 · Find what does not belong
#
# **Goal:** train on zeros only, and find every other digit by its reconstruction error.
#
# Collisions that no theory foresees, a bearing that begins to fail: there are few examples of what you look for, or none.
# Train an autoencoder on the normal kind alone. It copies the normal well; what it copies badly is strange. Here zeros are
# normal and the nine other digits are strange.
#
# Where to put the threshold? The **ROC curve** shows all choices at once: the share of strange digits that are found (true
# rate) against the share of normal ones that raise a false alarm (false rate). The area under it is the probability that
# a strange digit gets a higher score than a normal one: 0.5 is guessing, 1 is perfect.
#
# - `anomaly_model`: rows of 784 in, their copies out; trained on zeros only.
# - `anomaly_score(x)`: rows of 784 in, n numbers out, large for what is strange.
# - `roc(scores, strange)`: n scores and n labels (1 is strange, 0 is normal); gives the pair `false_rate, true_rate`: two
#   arrays that begin at (0, 0), when the threshold is above all scores, and end at (1, 1).

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
scores = ... if anomaly_model is ... else anomaly_score(x_test)
false_rate, true_rate = (..., ...) if scores is ... else roc(scores, y_test != 0)[:2]
if false_rate is ...:
    ck.plot.waiting(exercise="06.4")
else:
    false_rate, true_rate = np.asarray(false_rate), np.asarray(true_rate)
    fig, axs = plt.subplots(1, 2, figsize=(9, 3.4))
    bins = np.linspace(0, np.quantile(scores, 0.995), 60)
    for normal, name, fill in ((True, "zeros", {}), (False, "other digits", {"hatch": "//"})):
        chosen = np.asarray(scores)[(y_test == 0) == normal]
        axs[0].hist(chosen, bins, density=True, alpha=0.6, label=name, **fill)
    axs[0].set(xlabel="score", ylabel="density", title="Strange digits are copied badly")
    axs[1].plot(false_rate, true_rate)
    axs[1].plot([0, 1], [0, 1], ":", color="0.5", label="guessing")
    area = np.sum(np.diff(false_rate) * (true_rate[1:] + true_rate[:-1]) / 2)
    axs[1].set(xlabel="false rate", ylabel="true rate", title=f"Area under the curve {area:.3f}")
    for ax in axs:
        ax.legend()

# %% [markdown] tags=["solution"]
# **Which are found most easily?** Take the strange digits one kind at a time.

# %% tags=["solution"]
def area(scores, strange):
    false_rate, true_rate = roc(scores, strange)
    return np.sum(np.diff(false_rate) * (true_rate[1:] + true_rate[:-1]) / 2)


pairs = [np.isin(y_test, (0, digit)) for digit in range(1, 10)]
kinds = [area(scores[pair], y_test[pair] != 0) for pair in pairs]
fig, ax = plt.subplots(figsize=(5.6, 2.8))
ax.bar_label(ax.bar([str(digit) for digit in range(1, 10)], kinds), fmt="%.3f", fontsize=8)
ax.set(xlabel="strange digit", ylabel="area", ylim=(0.9, 1.01))
ax.set_title(f"Most like a zero: the {1 + np.argmin(kinds)}");

# %% [markdown] tags=["solution"]
# **A wrong way.** Let a few strange digits slip into the training, and the network learns to copy them too. With all digits
# in the training the error says only how much ink and how many bends there are.

# %% tags=["solution"]
mixed = keras.models.clone_model(anomaly_model)
mixed.compile(keras.optimizers.Adam(0.005), "mse")
mixed.fit(x_train[:6000], x_train[:6000], batch_size=64, epochs=4, verbose=0)
errors = np.mean((np.asarray(mixed(x_test)) - x_test) ** 2, axis=1)
print(f"trained on zeros {area(scores, y_test != 0):.3f}, trained on all digits {area(errors, y_test != 0):.3f}")

# %% [markdown]
# ## 06.5 · Walk over the map, and fall into a hole
#
# **Goal:** lay a grid of codes over your map, decode it, and find the places where no digit lives.
#
# Can the decoder of 06.2 invent digits? Give it codes that belong to no picture. It answers each with a picture, whatever the
# code. Is the picture meant for this place? Take the **round trip**: decode a code, encode the picture, and see how far from
# the start you land. Where the two halves know the place, the trip is short.
#
# - `code_grid(low, high, n)`: `low` and `high` hold the smallest and the largest of each coordinate, shape (2,). Gives
#   n · n codes, shape (n · n, 2): all pairs of n evenly spaced values along each axis, both ends included, in any order.
# - `nearest(points, codes)`: shapes (m, 2) and (k, 2); gives m numbers, the distance of each point to its nearest code.
# - `round_trip(points)`: shape (m, 2); gives m numbers, the distance of each point from `encoder(decoder(points))`.
# - `hole`: a code, shape (2,), within the smallest upright rectangle around the codes of the test digits, and farther
#   from all of them than a tenth of the rectangle's shorter side.

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
# The pictures of a grid of codes, and as orange dots the codes of real digits.

# %% tags=["picture-06.5"]
ready = codes is not ... and drawn is not ...
low, high = np.quantile(codes, [0.01, 0.99], axis=0) if ready else (np.zeros(2), np.ones(2))
grid = code_grid(low, high, 20)
walked = as_pictures(decoder(np.asarray(grid))) if ready and grid is not ... else ...
title = "Every code gives a picture, also where no digit lives"
ax = ck.plot.code_map(grid, walked, exercise="06.5", title=title)
if walked is not ...:
    ax.plot(*codes[:3000].T, ".", color="C1", markersize=3, alpha=0.5)

# %% [markdown] tags=["solution"]
# **Why there are holes.** The loss looks at the decoder only where the encoder puts digits. In between nobody has ever
# corrected it, and it blends its neighbours, or goes on as before. Nothing tells the encoder to leave no
# gaps, either: far apart is safe, because what is far apart is not mixed up. So some kinds get a continent and others a
# village, and who draws a random code draws what has most land.

# %% tags=["solution"]
trip, distance = round_trip(grid), nearest(grid, codes)
fig, axs = plt.subplots(1, 2, figsize=(10, 3.8))
edges = (low[0], high[0], low[1], high[1])
field = axs[0].imshow(trip.reshape(20, 20), origin="lower", extent=edges, aspect="auto")
axs[0].plot(*codes[:3000].T, ".", color="white", markersize=2)
axs[0].set(xlabel="$z_1$", ylabel="$z_2$", title="Bright: the way back is lost")
axs[0].set(xlim=edges[:2], ylim=edges[2:])
axs[0].grid(False)
fig.colorbar(field, ax=axs[0], label="round trip")
axs[1].plot(distance, trip, ".", alpha=0.6)
axs[1].set(xlabel="distance to the nearest digit", ylabel="round trip")
axs[1].set_title(f"Correlation {np.corrcoef(distance, trip)[0, 1]:.2f}");

# %% [markdown]
# ## 06.6 · A map without holes
#
# **Goal:** write the two lines that make an autoencoder variational, train it, and draw digits from random codes.
#
# Let the encoder answer with a small cloud in place of a point: a mean $\mu_j$ and a variance $\sigma_j^2$ for each
# coordinate $j$ of the code. The decoder gets a random point of the cloud, so that it learns to treat neighbours alike. A
# second term in the loss pulls every cloud towards the standard normal distribution $N(0, 1)$, so that the clouds huddle
# together and leave no gaps. It is the Kullback-Leibler divergence of one from the other:
#
# $$\mathrm{KL} = \frac{1}{2} \sum_j \left( \mu_j^2 + \sigma_j^2 - 1 - \log \sigma_j^2 \right).$$
#
# How can a gradient pass through a random draw? Draw $\epsilon$ from $N(0, 1)$ first, and compute
# $z = \mu + \sigma \epsilon$: this is the **reparametrisation**. Now $z$ is a plain formula in $\mu$ and $\sigma$.
#
# The network gives $\log \sigma^2$, called `log_var`, which may be any number. Write both functions with `ops.exp`, `ops.sum`
# and so on: they are named as in NumPy and work inside a training, where `np.exp` does not.
#
# - `kl_term(mean, log_var)`: shapes (n, d) both; gives n numbers, one a digit.
# - `reparametrise(mean, log_var, noise)`: three arrays (n, d); gives the points (n, d).
# - `vae_encoder`: rows of 784 in, 4 numbers out, no activation: two means, then two log variances.
# - `vae_decoder`: codes (n, 2) in, rows of 784 in [0, 1] out.

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
# The rest of the machine is given. `VAE` puts your functions between an encoder and a decoder; `ink_loss` is the
# cross-entropy, summed over the 784 pixels, so that it weighs against the KL term as it should.

# %%
class VAE(keras.Model):
    """An encoder, a random point of each cloud, a decoder; the KL term is added to the loss."""

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.dice = keras.random.SeedGenerator(seed)

    def call(self, x):
        mean, log_var = ops.split(self.encoder(x), 2, axis=-1)
        noise = keras.random.normal(ops.shape(mean), seed=self.dice)
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

# %% tags=["picture-06.6"]
grid = code_grid(np.array([-2.0, -2.0]), np.array([2.0, 2.0]), 20)
pictures = ... if vae_decoder is ... or grid is ... else as_pictures(vae_decoder(np.asarray(grid)))
ck.plot.code_map(grid, pictures, exercise="06.6", title="The map of the variational autoencoder has no holes");

# %% [markdown] tags=["solution"]
# **Is the formula right?** The divergence is a mean: $\log q(z) - \log p(z)$ over points $z$ of the cloud $q$, with $p$ the
# standard normal density. So draw many points with your own reparametrisation and average: a Monte Carlo estimate.

# %% tags=["solution"]
mean, log_var = np.array([[1.0, -0.5]]), np.array([[-1.0, 0.3]])
noise = np.random.default_rng(0).normal(size=(200_000, 2))
z = np.asarray(reparametrise(mean, log_var, noise))
log_ratio = np.sum(z**2 / 2 - noise**2 / 2 - log_var / 2, axis=1)  # the constants cancel
print(f"by the formula {float(kl_term(mean, log_var)[0]):.3f}, by 200,000 draws {log_ratio.mean():.3f}")

# %% [markdown] tags=["solution"]
# **Invent digits.** Draw codes at random: for the plain autoencoder from the rectangle of its codes, for the variational
# one from $N(0, 1)$. Which digit is it? Take the label of the most similar test digit.

# %% tags=["solution"]
reader = KNeighborsClassifier(1).fit(x_test[:3000], y_test[:3000])
rng = np.random.default_rng(seed)
invented = {
    "plain": np.asarray(decoder(rng.uniform(codes.min(axis=0), codes.max(axis=0), size=(500, 2)))),
    "variational": np.asarray(vae_decoder(rng.normal(size=(500, 2)))),
}
fig, axs = plt.subplots(4, 12, figsize=(10, 4))
for row, x in enumerate(invented.values()):
    ck.plot.image_grid(as_pictures(x[:24]), axs=axs[2 * row : 2 * row + 2])
fig.suptitle("Random codes: above plain, below variational", x=0.01, ha="left")
fig, ax = plt.subplots(figsize=(6.5, 2.8))
for shift, (name, x) in zip((-0.2, 0.2), invented.items()):
    shares = np.bincount(reader.predict(x), minlength=10) / len(x)
    ax.bar(np.arange(10) + shift, shares, width=0.4, label=name, hatch="//" if shift > 0 else None)
ax.set(xlabel="most similar digit", ylabel="share", xticks=range(10), title="Whose land is how large?")
ax.legend();

# %% [markdown] tags=["solution"]
# **A judge who is always sure.** Why not ask the network of notebook 04? It has only seen sharp pictures. On soft ones it
# is as sure as ever, and often wrong: a high probability says nothing about pictures that are unlike the training. Ask it
# about the copies of test digits, of which we know the labels.

# %% tags=["solution"]
cnn = keras.models.load_model(ck.data.path("mnist_cnn.keras"))
means = np.asarray(vae_encoder(x_test))[:, :2]
probabilities = np.asarray(cnn(np.reshape(vae_decoder(means[:1000]), (-1, 28, 28, 1))))
right = np.mean(probabilities.argmax(axis=1) == y_test[:1000])
print(f"mean probability of its answer {probabilities.max(axis=1).mean():.0%}, right {right:.0%}")

# %% [markdown] tags=["solution"]
# **The two maps.** Each dot is a test digit. The plain map has a crowded town, long roads and empty country; the
# variational one is a cloud around 0 with a standard deviation of about 1, as the KL term demands.

# %% tags=["solution"]
fig, axs = plt.subplots(1, 2, figsize=(9, 4))
for ax, points, name in ((axs[0], codes, "plain"), (axs[1], means, "variational")):
    spread = points.std(axis=0)
    ax.plot(*points[:3000].T, ".", markersize=3, alpha=0.4)
    ax.set(xlabel="$z_1$", ylabel="$z_2$", title=f"{name}: standard deviations {spread[0]:.1f} and {spread[1]:.1f}")

# %% [markdown] tags=["solution"]
# **What it costs.** The copies of a variational autoencoder are a little worse: part of its capacity goes into the order of
# the map. Weigh the KL term too much and the clouds all become $N(0, 1)$, whatever the digit: the code then says nothing,
# and every picture is the mean digit. This is called posterior collapse.

# %% [markdown]
# ## What did you observe?
#
# 1. Which digits mix on your map of 06.2? Were they the two that you wrote down?
# 2. The denoiser was trained on noise of 0.5. What will it do with clean digits, and with noise of 1?
# 3. Zeros are large, ones are small. Would "how much ink" have been a good anomaly score? Try it.
# 4. Why does the variational map have blurred borders between the digits, where the plain one has gaps?
#
# <details><summary>Answers</summary>
#
# 1. Mostly 4, 7 and 9, and 3, 5 and 8: they share strokes. The map is of shapes, not of names.
# 2. It is made for one level. It changes clean digits, which needed no cleaning, and takes some of the stronger noise for
#    ink. Train with several levels if you expect several.
# 3. A middling one. Zeros have more ink than most digits, so that little ink is strange: an area of 0.98 against ones, but
#    only 0.64 against 2 and 8, and 0.77 against all.
# 4. Clouds of different digits overlap there. The decoder has to please both, and answers with their mean.
#
# </details>
#
# ## Go further
#
# - Give the code of 06.2 three, eight, thirty-two numbers. How does the error of the copies fall? And PCA's?
# - Multiply the KL term by 0.1 and by 5 (a beta-VAE). Look at the map each time.
# - Train on noisy digits only, noise as input *and* other noise as target (Noise2Noise). Does it still learn to clean?
# - Use 8 as the normal kind in 06.4. Why is it harder?
#
# ## Summary
#
# A narrow code forces a network to keep what matters. Linear, it is PCA; deep, it bends the plane into a map of shapes. The
# same trick cleans pictures and finds strangers, and it needs no labels. To invent new pictures, the codes have to be
# ordered: that is what the Kullback-Leibler term buys.

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
