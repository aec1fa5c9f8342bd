# %% [markdown]
# # 04 · Digits and convolutions
#
# A network that looks at pictures through small windows reads handwriting better than one that sees only a list of numbers.
#
# About 240 minutes in 3 sessions · CPU about 30 s · GPU optional
#
# **Before you start** you should know Keras layers, `compile` and `fit` (notebook 01).
#
# ## You will learn
#
# - what a convolution, a pooling and their parameters are, by computing them yourself;
# - how to train with callbacks and a proper validation set, and how to read the mistakes of a network;
# - why a convolutional network copes better with a shifted digit, and how to get beyond 99 % in half a minute.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported, so that TensorFlow's start-up messages stay hidden

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from sklearn.metrics import confusion_matrix

# %% [markdown]
# ## Look at the data
#
# MNIST has 60,000 training and 10,000 test digits, pictures of 28 by 28 grey values from 0 (black) to 255 (white). The
# pictures become `float32` in [0, 1] once, with a fourth axis for the colour channel: shape (n, 28, 28, 1).

# %%
(x_train, y_train), (x_test, y_test) = ck.data.load_mnist()
x_train = x_train[..., None] / np.float32(255)  # the quotient is float32 too
x_test = x_test[..., None] / np.float32(255)
x_train.shape, y_train.shape, x_test.shape

# %%
ck.plot.image_grid(x_train[:16], y_train[:16], title="The first sixteen training digits");

# %% [markdown]
# ## Session 1 of 3 · Pixels, and small windows
#
# About 85 minutes. You need the cells above. You train a dense network as a yardstick, write a convolution by hand, and count parameters.

# %% [markdown]
# ## 04.1 · A dense baseline
#
# **Goal:** flatten the pictures and train a dense network 784-64-64-10, the yardstick for everything that follows.
#
# - `dense`: takes (n, 28, 28, 1) in [0, 1] and gives ten probabilities for each digit, shape (n, 10). It has two hidden layers of 64 units with
#   ReLU, and softmax at the end.
#
# `layers.Flatten()` turns each picture into a row of 784 numbers. **Softmax** turns ten numbers $z_k$ into probabilities that add up to 1,
# $p_k = e^{z_k} / \sum_j e^{z_j}$. If the labels are whole numbers, the loss is `"sparse_categorical_crossentropy"`: the mean of $-\log p_y$, where $p_y$ is
# the probability given to the true digit $y$. `steps_per_execution=16` in `compile` makes Keras do 16 steps at a time, which is faster.

# %%
ck.expected("04.1")

# %%
# [solution]
dense = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
optimizer = keras.optimizers.Adam(0.002)
dense.compile(optimizer, "sparse_categorical_crossentropy", steps_per_execution=16)
live = ck.widgets.LiveCurves()
dense.fit(x_train, y_train, batch_size=128, epochs=3, verbose=0, callbacks=[live]);
# [stub]
# dense = ...
# [end]

# %%
ck.check("04.1", dense)

# %%
# ck.hint("04.1")  # take the first # away and run this line for a hint; run it again for the next

# %% [markdown] tags=["reason"]
# **Why 55,050 parameters?** Each unit has a weight for each of its inputs, and a bias: $784 \cdot 64 + 64$, then $64 \cdot 64 + 64$, then
# $64 \cdot 10 + 10$. Nine out of ten are in the first layer, one for each pair of pixel and unit. This layer does not know which pixels are
# neighbours: if the pixels of all pictures are shuffled in the same way, it learns just as well.

# %% tags=["solution"]
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits


def share_right(places):
    """The share of test digits right after two short epochs, with the pixels put in the order `places`."""
    few, unseen = (x.reshape(-1, 784)[:, places] for x in (x_train[:10_000], x_test))
    network = MLPClassifier((64, 64), batch_size=128, random_state=seed)  # 784-64-64-10 again
    with threadpool_limits(1):  # on batches this small two cores wait for each other
        for _ in range(2):
            network.partial_fit(few, y_train[:10_000], classes=np.arange(10))
        return network.score(unseen, y_test)


shuffled = np.random.default_rng(0).permutation(784)
in_place, in_disorder = share_right(np.arange(784)), share_right(shuffled)
print(f"after 10,000 digits, twice: in place {in_place:.1%}, shuffled {in_disorder:.1%}")

# %% tags=["claim"]
assert abs(in_place - in_disorder) < 0.02, f"Shuffled pixels are learned just as well: {in_place}, {in_disorder}"

# %% [markdown]
# ## 04.2 · Pad, convolve, pool
#
# **Goal:** write the three operations of a convolutional network in NumPy.
#
# A **convolution** lays a small **kernel** $K$ of $k \times k$ numbers on every place of a picture $A$ where it fits, multiplies element by element
# and adds up: $S_{ij} = \sum_{u,v} A_{i+u,\,j+v} K_{uv}$. (Deep learning does not flip the kernel, as mathematics does.) An example with one row: the
# kernel (−1, 1) on (0, 0, 5, 5) gives (0, 5, 0). It finds the place where the picture becomes brighter. **Padding** puts zeros around the
# picture. **Max-pooling** keeps the largest number of each block.
#
# - `pad(image, p)`: (H, W) to (H + 2p, W + 2p).
# - `convolve(image, kernel)`: (H, W) and (k, k) to (H − k + 1, W − k + 1). Two loops over the places are fine.
# - `max_pool(image, size)`: (H, W) to (H // size, W // size). Rows and columns that are left over are dropped.

# %%
ck.expected("04.2")

# %%
def pad(image, p):
    """p zeros on every side."""
    # [solution]
    return np.pad(image, p)
    # [stub]
    # return ...
    # [end]


# %%
def convolve(image, kernel):
    """The kernel at every place where it fits."""
    # [solution]
    k = len(kernel)
    out = np.zeros((image.shape[0] - k + 1, image.shape[1] - k + 1))
    for i, j in np.ndindex(out.shape):
        out[i, j] = np.sum(image[i : i + k, j : j + k] * kernel)
    return out
    # [stub]
    # return ...
    # [end]


# %%
def max_pool(image, size):
    """The largest of each block."""
    # [solution]
    height, width = image.shape[0] // size, image.shape[1] // size
    blocks = image[: height * size, : width * size].reshape(height, size, width, size)
    return blocks.max(axis=(1, 3))
    # [stub]
    # return ...
    # [end]


# %%
ck.check("04.2", pad=pad, convolve=convolve, max_pool=max_pool)

# %%
# ck.hint("04.2")

# %% [markdown]
# Two kernels tell lines apart: one responds to horizontal lines, the other to vertical ones.

# %%
lines, kinds = ck.data.make_lines(n_samples=200, size=8, noise=0.1, seed=0)
horizontal = np.array([[-1, -1, -1], [2, 2, 2], [-1, -1, -1]]) / 3
vertical = horizontal.T

if ck.ready("04.2", pad, convolve):
    pictures = []
    for line in (lines[kinds == 0][0], lines[kinds == 1][0]):
        pictures += [line, convolve(pad(line, 1), horizontal), convolve(pad(line, 1), vertical)]
    titles = ["line", "horizontal?", "vertical?"] * 2
    fig, axs = plt.subplots(1, 6, figsize=(9, 2))
    for ax, picture, title in zip(axs, pictures, titles):
        ax.imshow(picture, cmap="gray", vmin=-2, vmax=2)  # one scale of grey for all
        ax.set(title=title, xticks=[], yticks=[])
        ax.grid(False)
    fig.suptitle("Each kernel lights up on its own lines")

# %% [markdown] tags=["reason"]
# **What flattening loses.** Train a linear classifier on lines in the upper or left half of the picture, and test it on lines in the other
# half. It has a weight for each pixel, and half of the pixels were never bright in training: for lines in new places its
# answers are even worse than guessing. The kernels are the same at every
# place, so what they tell in one place holds in all places.

# %% tags=["solution"]
from sklearn.linear_model import LogisticRegression

rows, columns = lines.mean(axis=2).argmax(axis=1), lines.mean(axis=1).argmax(axis=1)
place = np.where(kinds == 0, rows, columns)
near, far = place < 4, place >= 4


def largest_answers(images):
    """For each picture the largest answer to each of the two kernels."""
    kernels = (horizontal, horizontal.T)
    return [[convolve(pad(image, 1), kernel).max() for kernel in kernels] for image in images]


def flattened(images):
    return images.reshape(len(images), -1)


for features in (flattened, largest_answers):
    classifier = LogisticRegression().fit(features(lines[near]), kinds[near])
    share = classifier.score(features(lines[far]), kinds[far])
    print(f"{features.__name__:<17}{share:.0%} of the lines in new places")

# %% [markdown]
# ## 04.3 · The lecture's network, counted
#
# **Goal:** build the network of the lecture, and count the parameters of each layer before Keras does.
#
# The layers: a convolution with 8 kernels of 3 by 3 and ReLU, without padding → max-pooling 2 by 2 → flatten → dense 16 with ReLU → dense 10 with
# softmax. In Keras: `layers.Conv2D(8, 3, activation="relu")` and `layers.MaxPooling2D(2)`.
#
# - `build_cnn()`: returns a new, untrained network for inputs (28, 28, 1).
# - `counts`: a list of five numbers, the parameters of the five layers in order.
#
# A kernel has a number for each place of its window and for each channel that comes in, and each kernel has one bias. A convolution
# without padding makes a picture of 28 by 28 smaller by two rows and two columns.

# %%
ck.expected("04.3")

# %%
def build_cnn():
    """A new network of the lecture."""
    # [solution]
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
counts = [3 * 3 * 1 * 8 + 8, 0, 0, 13 * 13 * 8 * 16 + 16, 16 * 10 + 10]
# [stub]
# counts = ...
# [end]

# %%
ck.check("04.3", build_cnn=build_cnn, counts=counts)

# %%
# ck.hint("04.3")

# %% [markdown] tags=["reason"]
# **Where the parameters are.** The convolution, which does the seeing, has only 80. The first dense layer has 21,648, because it takes
# 1,352 numbers. A convolution uses the same weights at all places; this is why it is so small.

# %% tags=["solution"]
build_cnn().summary()

# %% [markdown]
# This is the end of session 1, and a good place to stop. In session 2 the network is trained.

# %% [markdown]
# ## Session 2 of 3 · Training, and what the network gets wrong
#
# About 75 minutes. You need the cells at the top and the next one, which takes over your `build_cnn` of 04.3. If you begin here, it takes the
# course's.

# %%
def lecture_network():
    network = keras.Sequential([keras.Input((28, 28, 1))])
    network.add(layers.Conv2D(8, kernel_size=3, activation="relu"))
    network.add(layers.MaxPooling2D())
    network.add(layers.Flatten())
    for units, activation in ((16, "relu"), (10, "softmax")):
        network.add(layers.Dense(units, activation))
    return network


build_cnn = ck.resume("build_cnn", lambda: lecture_network)

# %% [markdown]
# ## 04.4 · Training with three callbacks
#
# **Goal:** train the lecture's network with `ModelCheckpoint`, `EarlyStopping` and `ReduceLROnPlateau`.
#
# A **callback** is an object that Keras calls at the end of each epoch. `ModelCheckpoint` saves the best network so far; `EarlyStopping` ends the
# training when the validation no longer improves; `ReduceLROnPlateau` lowers the learning rate when it no longer improves. All three need
# **validation** digits, which are taken from the *training* set: `validation_split=0.1` in `fit` sets the last tenth aside. The test digits are
# for the end.
#
# - `callbacks`: a list with the three. They are in `keras.callbacks`; each takes `monitor="val_loss"`, the number that it watches. `ModelCheckpoint` takes a
#   file name ending in `.keras` first, and `save_best_only=True`.
# - `lecture_model`: the trained network. `history`: what `fit` returned.

# %%
ck.expected("04.4")

# %%
# [solution]
callbacks = [
    keras.callbacks.ModelCheckpoint("best.keras", monitor="val_loss", save_best_only=True),
    keras.callbacks.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True),
    keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss", factor=0.3, patience=1, min_delta=0.05
    ),
    ck.widgets.LiveCurves(),
]
# [stub]
# callbacks = ...
# [end]

# %%
# [solution]
lecture_model = build_cnn()
optimizer = keras.optimizers.Adam(0.007)
lecture_model.compile(
    optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], steps_per_execution=16
)
settings = {"batch_size": 128, "epochs": 3, "verbose": 0}
history = lecture_model.fit(
    x_train, y_train, validation_split=0.1, callbacks=callbacks, **settings
)
# [stub]
# lecture_model = ...
# history = ...
# [end]

# %%
ck.check("04.4", lecture_model=lecture_model, history=history, callbacks=callbacks)

# %%
# ck.hint("04.4")

# %% tags=["picture-04.4"]
if ck.ready("04.4", history):
    fig, axs = plt.subplots(1, 2, figsize=(10, 3.4))
    ck.plot.learning_curves(history, axs[0], metrics=["loss"], title="Loss")
    ck.plot.learning_curves(history, axs[1], metrics=["accuracy"], title="Accuracy")

# %% [markdown] tags=["reason"]
# **What the callbacks did.** With `min_delta=0.05` a gain of less than 0.05 counts as none. So in the solution the learning rate falls to 0.3 of
# itself after the second epoch: `history.history["learning_rate"]` shows it. `EarlyStopping` waits for three epochs without any gain, so
# it has nothing to do in a training as short as this one.
#
# **Why not validate on the test digits?** The callbacks make choices: when to stop, which epoch to keep, when to slow down. What is chosen with
# the help of a set of digits suits that set a little too well. The test digits must take no part in any choice, or their accuracy is
# no longer that of unseen digits.

# %% tags=["claim"]
rates = np.array(history.history["learning_rate"])
assert np.allclose(rates[:3] / rates[0], [1, 1, 0.3], rtol=0.01), f"The rate falls after the second epoch: {rates}"

# %% [markdown]
# ## 04.5 · Which digits are confused, and two digits at once
#
# **Goal:** count the mistakes by kind, then train a network that marks *both* digits of a picture.
#
# - `confusion`: an array (10, 10) of counts over the 10,000 test digits. Row: the true digit; column: what `lecture_model` read it as.
# - `pair_model`: takes pictures (n, 28, 56, 1) with two digits side by side and gives ten numbers for each, the probability of each digit that it
#   is there. The labels `shown` have shape (n, 10), with one or two ones in each row.
#
# A softmax divides a sum of 1 among all classes. Where several answers may be right at the same time, each output gets a sigmoid of its
# own, and the loss is `"binary_crossentropy"`. Convolutions with `strides=2` move their window two pixels at a time and are quick.

# %%
pairs, shown = ck.data.make_digit_pairs(x_train[..., 0], y_train, n_samples=12_000, seed=0)
pairs = pairs[..., None]
names = [" and ".join(str(digit) for digit in np.flatnonzero(row)) for row in shown[:8]]
ck.plot.image_grid(pairs[:8], names, n_columns=4, title="Two digits in one picture");

# %%
ck.expected("04.5")

# %%
# [solution]
read = lecture_model.predict(x_test, batch_size=1000, verbose=0).argmax(axis=1)
confusion = confusion_matrix(y_test, read)
# [stub]
# confusion = ...
# [end]

# %%
# [solution]
pair_model = keras.Sequential(
    [
        keras.Input((28, 56, 1)),
        layers.Conv2D(16, 5, strides=2, activation="relu"),
        layers.Conv2D(32, 3, strides=2, activation="relu"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="sigmoid"),
    ]
)
optimizer = keras.optimizers.Adam(0.004)
pair_model.compile(optimizer, "binary_crossentropy", steps_per_execution=16)
live = ck.widgets.LiveCurves()
pair_model.fit(pairs, shown, batch_size=64, epochs=2, verbose=0, callbacks=[live]);
# [stub]
# pair_model = ...
# [end]

# %%
ck.check("04.5", lecture_model=lecture_model, confusion=confusion, pair_model=pair_model)

# %%
# ck.hint("04.5")

# %% [markdown]
# The matrix as a picture; then the digits of which the network was most certain although it was wrong.

# %% tags=["picture-04.5"]
if ck.ready("04.4", lecture_model):
    scores = lecture_model.predict(x_test, batch_size=1000, verbose=0)
    guessed = scores.argmax(axis=1)
    ck.plot.confusion_matrix(y_test, guessed, title="Most mistakes are between digits that look alike")

# %%
if ck.ready("04.4", lecture_model):
    certainty_of_wrong = np.where(guessed == y_test, 0, scores.max(axis=1))
    worst = np.argsort(certainty_of_wrong)[::-1][:12]
    ck.plot.image_grid(x_test[worst], y_test[worst], guessed[worst], n_columns=6, title="Certain, and wrong")

# %% tags=["claim"]
mistakes = confusion_matrix(y_test, guessed)
np.fill_diagonal(mistakes, 0)
alike = {(4, 9), (7, 9), (3, 5), (5, 8), (3, 8), (2, 7), (2, 3), (5, 6), (8, 9), (2, 8), (1, 7), (3, 9)}
between = sum(mistakes[a, b] + mistakes[b, a] for a, b in alike)
assert between > 0.5 * mistakes.sum(), f"Most mistakes are between digits that look alike: {between / mistakes.sum():.2f}"

# %% [markdown] tags=["reason"]
# **What goes wrong with a softmax on the pairs?** Its ten numbers add up to 1, so it can give each of two digits one half at most, and a pair of
# equal digits 1. With a threshold of 0.5 it then finds one digit or none.

# %% [markdown]
# This is the end of session 2, and a good place to stop. In session 3 the digits move, and you try to get beyond 99 %.

# %% [markdown]
# ## Session 3 of 3 · Shifted digits, and 99 %
#
# About 80 minutes. You need the cells at the top and the next one, which takes over your networks of 04.1 and 04.4. If you begin
# here, it trains a pair quickly.

# %%
def quickly_trained(hidden):
    network = keras.Sequential([keras.Input((28, 28, 1))])
    for layer in hidden:
        network.add(layer)
    network.add(layers.Dense(10, "softmax"))
    network.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", steps_per_execution=32)
    network.fit(x_train, y_train, batch_size=128, epochs=1, verbose=0)
    return network


flat = [layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(64, "relu")]
dense = ck.resume("dense", lambda: quickly_trained(flat))
seeing = [layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(16, "relu")]
lecture_model = ck.resume("lecture_model", lambda: quickly_trained(seeing))

# %% [markdown]
# **Predict before you run.** A digit is moved two pixels to the right. You read it as well as before. How many of 100 moved digits will a network
# read that has learned on centred ones? Write down a number for the dense network and one for the convolutional network.

# %% [markdown]
# ## 04.6 · Shift the digits
#
# **Goal:** move every test digit by up to 4 pixels and measure both networks.
#
# - `shift_by(images, down, right)`: (n, 28, 28) to (n, 28, 28). Each picture moves by whole pixels, 4 at most, and what comes in is 0. Negative numbers
#   move up and left. (Pad with zeros, then cut out.)
# - `accuracies`: an array (2, 5). Row 0 is `dense`, row 1 is `lecture_model`; column $s$ is the accuracy (0 to 1) on the first 1,000 test digits,
#   shifted $s$ pixels to the right, $s = 0 \dots 4$.

# %%
x_small, y_small = x_test[:1000], y_test[:1000]

# %%
ck.expected("04.6")

# %%
def shift_by(images, down, right):
    """Move every picture; fill with zeros."""
    # [solution]
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4)))
    return padded[:, 4 - down : 32 - down, 4 - right : 32 - right]
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
def accuracy(network, pixels):
    moved = shift_by(x_small[..., 0], 0, pixels)[..., None]
    return np.mean(np.array(network(moved)).argmax(axis=1) == y_small)


networks = (dense, lecture_model)
accuracies = np.array([[accuracy(network, s) for s in range(5)] for network in networks])
# [stub]
# accuracies = ...
# [end]

# %%
ck.check("04.6", shift_by=shift_by, dense=dense, lecture_model=lecture_model, accuracies=accuracies)

# %%
# ck.hint("04.6")

# %% tags=["picture-04.6"]
if ck.ready("04.6", accuracies):
    fig, ax = plt.subplots(figsize=(5.5, 3.4))
    ax.plot(range(5), accuracies[0], "o-", label="dense")
    ax.plot(range(5), accuracies[1], "s--", label="convolutional")
    ax.set(xlabel="shift to the right (pixels)", ylabel="accuracy", xticks=range(5), ylim=(0, 1.02))
    ax.set_title("Shifted digits defeat the dense network first")
    ax.legend()

# %% [markdown]
# Compare with your two numbers for a shift of two pixels.

# %% tags=["claim"]
assert (accuracies[1][1:4] > accuracies[0][1:4]).all(), f"Shifted digits defeat the dense network first: {accuracies}"

# %% [markdown] tags=["reason"]
# **Why the convolutional network falls too.** Its kernels slide, but the dense layer behind them has a weight for each place of each map.
# Pooling makes up for a little. To cope with more, let the network forget the place: with more pooling, with a global pooling at
# the end, or with training digits that were shifted too.

# %% [markdown]
# ## 04.7 · Beat 99 %
#
# **Goal:** design a network that reads more than 99 % of the test digits, within about 30 s of training on two cores.
#
# - `best_model`: takes (n, 28, 28, 1) in [0, 1] and gives ten probabilities. The design is yours.
#
# Three tools that help:
#
# - **Batch normalisation**, `layers.BatchNormalization()`, brings the outputs of a layer to mean 0 and standard deviation 1 over each batch, then
#   multiplies by a learned number and adds another: $\hat z = \gamma \, (z - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta$, with $\mu$ and $\sigma$ the mean and
#   deviation of the batch. For later use it keeps running averages of $\mu$ and $\sigma$. It allows a far larger learning rate. It stands
#   between a convolution and its activation, and the convolution then needs no bias.
# - **Dropout**, `layers.Dropout(0.1)`, sets a random tenth of its inputs to 0 in each training step, so that no unit can rely on a single other
#   one. In use it does nothing.
# - **A learning-rate schedule**, given below: the rate first rises, so that a large rate does no harm at the start, and then falls along a
#   cosine, so that the last steps settle.
#
# Choose by validation digits, not by the test digits.

# %%
def schedule(epochs, batch_size, peak=0.012):
    """A learning rate that rises for a quarter of all steps and falls along a cosine."""
    steps = epochs * (len(x_train) // batch_size)
    warm = steps // 4
    return keras.optimizers.schedules.CosineDecay(
        1e-4, steps - warm, warmup_target=peak, warmup_steps=warm, alpha=0.001
    )


# %%
ck.expected("04.7")

# %%
# [solution]
best_model = keras.Sequential([keras.Input((28, 28, 1))])
for filters, size, strides in ((16, 5, 2), (64, 3, 2), (96, 3, 1)):
    best_model.add(layers.Conv2D(filters, size, strides=strides, use_bias=False))
    best_model.add(layers.BatchNormalization(momentum=0.9))
    best_model.add(layers.ReLU())
best_model.add(layers.Flatten())
best_model.add(layers.Dropout(0.1))
best_model.add(layers.Dense(10, activation="softmax"))
best_model.compile(
    keras.optimizers.Adam(schedule(epochs=2, batch_size=128), beta_2=0.95),
    loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.05),
    metrics=["accuracy"], steps_per_execution=32,
)
one_hot = keras.utils.to_categorical(y_train, 10)
live = ck.widgets.LiveCurves()
best_model.fit(x_train, one_hot, batch_size=128, epochs=2, verbose=0, callbacks=[live]);
# [stub]
# best_model = ...
# [end]

# %%
ck.check("04.7", best_model)

# %%
# ck.hint("04.7")

# %% [markdown] tags=["reason"]
# **What pays off in the solution.** A stride of 2 in the first layer leaves a quarter of the places to compute, and a second stride of 2 a
# sixteenth, so the later layers can be wide. Batch normalisation keeps the size of the signals, so the learning rate can be twelve times
# the usual one. The falling rate lets two epochs do the work of many.
#
# **Three settings for a short training.** Adam and batch normalisation keep running averages; in 900 steps these have to forget faster than
# they do by default, hence `beta_2=0.95` and `momentum=0.9`. **Label smoothing** asks for 0.955 at the right digit and 0.005 at each of the others,
# instead of 1 and 0, so that the network stops pushing once it is certain. It needs one-hot labels and the loss
# `CategoricalCrossentropy`. `python benchmarks/mnist_recipes.py --choose` compares all this on a validation part of the training digits.

# %% [markdown]
# ## 04.8 · Look inside, and save
#
# **Goal:** take out the kernels and feature maps of `lecture_model`, save the network and load it again.
#
# - `kernels`: an array (3, 3, 1, 8), as Keras keeps them: rows, columns, channels in, channels out.
# - `maps`: an array (26, 26, 8), the output of the convolution, ReLU included, for the first test digit `x_test[0]`.
# - `reloaded`: the network, loaded from the file `my_digits.keras` that you saved. Notebook 04b uses this file.
#
# `model.layers` is the list of the layers. A layer can be called like a function, and `layer.get_weights()` returns its weights as a list of
# arrays. `model.save("name.keras")` writes a file, and `keras.models.load_model("name.keras")` reads it.

# %%
ck.expected("04.8")

# %%
# [solution]
conv = lecture_model.layers[0]
kernels = conv.get_weights()[0]
maps = np.array(conv(x_test[:1]))[0]
# [stub]
# kernels = ...
# maps = ...
# [end]

# %%
# [solution]
lecture_model.save("my_digits.keras")
reloaded = keras.models.load_model("my_digits.keras")
# [stub]
# reloaded = ...
# [end]

# %%
ck.check("04.8", lecture_model=lecture_model, kernels=kernels, maps=maps, reloaded=reloaded)

# %%
# ck.hint("04.8")

# %% tags=["picture-04.8"]
if ck.ready("04.8", maps):
    ck.plot.feature_maps(maps, title="Eight views of one seven")

# %%
if ck.ready("04.8", kernels):
    ck.plot.filters(kernels, title="The eight kernels: red adds, blue takes away")

# %% [markdown] tags=["reason"]
# **How to read them.** A kernel with red above blue responds to the lower edge of a stroke: bright above, dark below. Compare each kernel with
# the map at the same place. If a map is dark, its kernel waits for something that this seven does not have.

# %% [markdown]
# ## What did you observe?
#
# 1. Which layer has the most parameters in the dense network, and which in the lecture's?
# 2. Which pairs of digits are confused most often, and would you have confused them?
# 3. At which shift does the dense network read only half of the digits?
#
# <details><summary>Answers</summary>
#
# 1. In both, the first dense layer. Convolutions share their weights over all places and stay small.
# 2. Often 4 and 9, 3 and 5, 2 and 7: they differ by one stroke. Among the worst mistakes are digits that people would argue about.
# 3. Between two and four pixels; the table of 04.6 shows where yours is. It has learned pixels, not strokes.
#
# </details>
#
# ## Go further
#
# - Train `lecture_model` on digits that `ck.data.shift_images` has moved, and repeat 04.6.
# - Replace `Flatten` by `GlobalMaxPooling2D` in 04.7. What happens to the parameters, and to shifted digits?
# - With how few parameters can you still reach 98 %?
#
# ## Summary
#
# A convolution looks through a small window and uses the same weights everywhere. This makes it small, and what it has learned in one place
# holds in all places. Callbacks choose with validation digits; the test digits judge once, at the end.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - LeCun, Y., Bottou, L., Bengio, Y., Haffner, P. (1998). Gradient-based learning applied to document recognition.
#   *Proceedings of the IEEE*, 86(11), 2278–2324.
# - Ioffe, S., Szegedy, C. (2015). Batch normalization: accelerating deep network training by reducing internal covariate
#   shift. *ICML*.
# - Smith, L. N., Topin, N. (2019). Super-convergence: very fast training of neural networks using large learning rates.
#   *SPIE 11006*.
# - Dumoulin, V., Visin, F. (2016). A guide to convolution arithmetic for deep learning. arXiv:1603.07285.
