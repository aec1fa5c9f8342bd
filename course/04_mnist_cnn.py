# %% [markdown]
# # 04 · Digits and convolutions
#
# A network that looks at pictures through small windows reads handwriting better than one that sees only a list of numbers.
#
# About 323 minutes in 5 sessions · CPU about 30 s · GPU optional
#
# **Before you start** you should know Keras layers, `compile` and `fit` (notebook 01).
#
# ## You will learn
#
# - what a convolution, a pooling and their parameters are, by computing them yourself;
# - how to train with callbacks and a proper validation set, and how to read the mistakes of a network;
# - why a convolutional network copes better with a shifted digit, and how to get beyond 99 % in half a minute;
# - how convolutions see colours and signals, what changed copies of few digits are worth, and when a GPU pays.

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
# ## Session 1 of 5 · Pixels, and small windows
#
# About 87 minutes. You need the cells above. You train a dense network as a yardstick, write a convolution by hand, and count parameters.

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
# and adds up: $S_{ij} = \sum_{u,v} A_{i+u,\,j+v} K_{uv}$. (Mathematics flips the kernel first; deep learning does not.) An example with one row: the
# kernel (−1, 1) on (0, 0, 5, 5) gives (0, 5, 0). It finds the place where the picture becomes brighter. **Padding** puts zeros around the picture.
# **Max-pooling** keeps the largest number of each block.
#
# A kernel need not move by one place at a time. With a **stride** of $s$ it moves by $s$ and so skips places: along a side of $H$ pixels with $p$
# zeros at each end, $\lfloor (H + 2p - k) / s \rfloor + 1$ places are left, where the brackets mean: rounded down. A kernel of 5 with a stride of 2
# finds 12 places along 28 pixels without padding. Your `convolve` has the stride 1; you will meet larger ones from 04.5 on.
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
        # Each line from 0, black, to 1, white; all answers on one scale, on which 0 is a middle grey.
        ax.imshow(picture, cmap="gray", vmin=0 if title == "line" else -2, vmax=1 if title == "line" else 2)
        ax.set_title(title)
        ax.axis("off")
    fig.suptitle("Each kernel lights up on its own lines (in its answers 0 is grey)")

# %% [markdown] tags=["reason"]
# **What flattening loses.** Train a linear classifier on lines in the upper or left half of the picture, and test it on lines in the other
# half. It has a weight for each pixel. In training the lower left quarter was bright in vertical lines alone, and the upper right in horizontal ones
# alone. So it takes a horizontal line in the lower half, which crosses the lower left, for a vertical one, and gets every line in a new place wrong:
# far worse than guessing. The kernels are the same at every place, so what they tell in one place holds in all places.

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
# A kernel has a number for each place of its window and for each channel that comes in, and each kernel has one bias. A convolution of 3 by 3
# without padding makes a picture of 28 by 28 smaller by two rows and two columns. Keras calls the kernels of a layer its `filters`.

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

# %%
if ck.ready("04.3", build_cnn, counts):
    ck.plot.network(build_cnn())

# %% [markdown] tags=["reason"]
# **Where the parameters are.** The convolution, which does the seeing, has only 80. The first dense layer has 21,648, because it takes 1,352 numbers.
# A convolution uses the same weights at all places; this is why it is so small.
#
# **What a large picture costs.** Take a colour photograph of 800 by 600 pixels, with three numbers at each. A *single* dense unit has 1,440,000
# weights for it. Eight kernels of 3 by 3 have 224 parameters, with their biases, for a picture of any size.

# %% [markdown]
# This is the end of session 1, and a good place to stop. In session 2 the network is trained.

# %% [markdown]
# ## Session 2 of 5 · Training, and what the network gets wrong
#
# About 82 minutes. You need the cells at the top and the next one, which takes over your `build_cnn` of 04.3. If you begin here, it takes the
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
# - `lecture_model`: the trained network, compiled with `metrics=["accuracy"]`, which the picture below draws. `history`: what `fit` returned.
#
# `patience` is the number of epochs without a gain that the other two wait for, and `min_delta` the smallest gain that counts. For three epochs
# `EarlyStopping` does well with `patience=3`, and `ReduceLROnPlateau` with `factor=0.3, patience=1, min_delta=0.05`: with its own patience of 10
# it would never act.

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
# **What the callbacks did.** With `min_delta=0.05` a gain of less than 0.05 counts as none. So in the solution, with a learning rate of 0.007, the rate
# falls to 0.3 of itself after the second epoch. `history.history["learning_rate"]` shows whether yours did: with other settings it may have stayed as
# it was. An `EarlyStopping` that waits for three epochs without any gain has nothing to do in a training as short as this one.
#
# **Why may the validation look better than the training?** The training loss is the mean over an epoch, in which the network was still getting better;
# the validation is measured at its end. The last tenth of the training digits is also a little easier than the rest.
#
# **Why not validate on the test digits?** The callbacks make choices: when to stop, which epoch to keep, when to slow down. What is chosen with
# the help of a set of digits suits that set a little too well. The test digits must take no part in any choice, or their accuracy is
# no longer that of unseen digits.

# %% tags=["claim"]
rates = np.array(history.history["learning_rate"])
assert np.allclose(rates[:3] / rates[0], [1, 1, 0.3], rtol=0.01), f"The rate falls after the second epoch: {rates}"

# %% [markdown]
# ## An early stop that stops
#
# With 54,000 digits three epochs are too few to do harm. With 300 it is different. **Predict before you run:** the lecture's network may go through
# 300 digits sixty times, with `EarlyStopping(patience=5)`. After how many epochs will it be stopped, and what will the two curves look like there?

# %%
if ck.ready("04.3", build_cnn):
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5, restore_best_weights=True)
    network = build_cnn()
    network.compile(keras.optimizers.Adam(0.007), "sparse_categorical_crossentropy", steps_per_execution=10)
    held_out = (x_train[-1000:], y_train[-1000:])
    few = network.fit(
        x_train[:300], y_train[:300], batch_size=32, epochs=60, verbose=0, validation_data=held_out, callbacks=[stop]
    )
    ax = ck.plot.learning_curves(few, metrics=["loss"], title="300 digits, at most 60 epochs")
    last = stop.stopped_epoch + 1  # Keras counts epochs from 0
    ax.axvline(last, color="C7", linestyle=":", label=f"stopped after epoch {last}")
    ax.legend()

# %% tags=["claim"]
held_out_losses = few.history["val_loss"]
assert len(held_out_losses) < 30, f"It is stopped long before epoch 60: {len(held_out_losses)}"
assert held_out_losses[-1] > 1.03 * min(held_out_losses), f"The validation loss has risen: {held_out_losses}"
assert few.history["loss"][-1] < few.history["loss"][-4], f"The training loss falls: {few.history['loss']}"
kept = network.evaluate(*held_out, verbose=0)
assert abs(kept - min(held_out_losses)) < 0.01, f"The weights of the best epoch are back: {kept}, {min(held_out_losses)}"

# %% [markdown] tags=["reason"]
# **What the stop saves.** The training loss falls on and on: the network learns these 300 digits by heart. The validation loss is lowest after a few
# epochs and then rises. The callback waits for five epochs without a new best value, stops, and, with `restore_best_weights=True`, puts the weights
# of the best epoch back. Without this setting you keep those of the last epoch.

# %% [markdown]
# ## A label as a number, or as a row
#
# In many texts the label 3 is written as a row with a one in place 3, (0, 0, 0, 1, 0, 0, 0, 0, 0, 0). It is then called **one-hot**, and the
# loss is `"categorical_crossentropy"`: the mean of $-\sum_k y_k \log p_k$. Of the ten terms only the one with $y_k = 1$ is not 0, and it is
# $-\log p_y$ again, so both losses are the same number. Whole numbers need less room. Rows can say a class
# with less than full certainty (04.7), or more than one class at once, for which another loss is needed (04.5).

# %%
if ck.ready("04.4", lecture_model):
    probabilities = lecture_model.predict(x_test[:1000], verbose=0)
    sparse = keras.losses.sparse_categorical_crossentropy(y_test[:1000], probabilities)
    rows = keras.losses.categorical_crossentropy(keras.utils.to_categorical(y_test[:1000], 10), probabilities)
    print(f"mean loss {np.mean(sparse):.4f} and {np.mean(rows):.4f}; at most {np.abs(sparse - rows).max():.0e} apart")

# %% [markdown]
# ## 04.5 · Which digits are confused, and two digits at once
#
# **Goal:** count the mistakes by kind, then train a network that marks *both* digits of a picture.
#
# - `confusion`: an array (10, 10) of counts over the 10,000 test digits. Row: the true digit; column: what `lecture_model` read it as.
# - `pair_model`: takes pictures (n, 28, 56, 1) with two digits side by side and gives ten numbers for each, the probability of each digit that it
#   is there; from 0.5 on the answer is taken for a yes. The labels `shown` have shape (n, 10), with one or two ones in each row.
#
# A softmax divides a sum of 1 among all classes. Where several answers may be right at the same time, each output gets a sigmoid of its
# own, and the loss is `"binary_crossentropy"`. Convolutions with `strides=2` move their window two pixels at a time and are quick.

# %%
pairs, shown = ck.data.make_digit_pairs(x_train[..., 0], y_train, n_samples=12_000, seed=0)
pairs = pairs[..., None]
names = [" and ".join(str(digit) for digit in np.flatnonzero(row)) for row in shown[:8]]
fig, axs = plt.subplots(2, 4, figsize=(7, 2.6))
ck.plot.image_grid(pairs[:8], names, axs=axs, title="Two digits in one picture");

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
    ck.plot.confusion_matrix(y_test, guessed, title="Mistakes gather at digits that look alike")

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
share, of_pairs = between / mistakes.sum(), len(alike) / 45
assert share > 1.5 * of_pairs, f"Mistakes gather at digits that look alike: {share:.2f} of them at {of_pairs:.2f} of the pairs"

# %% [markdown] tags=["reason"]
# **What goes wrong with a softmax on the pairs?** Its ten numbers add up to 1, so it can give each of two digits one half at most, and a pair of
# equal digits 1. With a threshold of 0.5 it then finds one digit or none.

# %% [markdown]
# This is the end of session 2, and a good place to stop. In session 3 the digits move, and you try to get beyond 99 %.

# %% [markdown]
# ## Session 3 of 5 · Shifted digits, and 99 %
#
# About 77 minutes. You need the cells at the top and the next one, which takes over your networks of 04.1 and 04.4. If you begin
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
# **Goal:** move test digits by up to 4 pixels and measure both networks.
#
# - `shift_by(images, down, right)`: (n, 28, 28) to (n, 28, 28). Each picture moves by whole pixels, 4 at most, and what comes in is 0. Negative numbers
#   move up and left. (Pad with zeros, then cut out.)
# - `accuracies`: an array (2, 5). Row 0 is `dense`, row 1 is `lecture_model`; column $s$ is the accuracy (0 to 1) on the first 1,000 test digits,
#   shifted $s$ pixels to the right, $s = 0 \dots 4$.
#
# The networks want the channel axis and `shift_by` does not: `x_small[..., 0]` takes it away, and `[..., None]` puts it back.

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
# **Goal:** design a network that reads more than 99 % of the 10,000 test digits, within about 30 s of training on two cores.
#
# - `best_model`: takes (n, 28, 28, 1) in [0, 1] and gives ten probabilities. The design is yours.
#
# Three tools that help:
#
# - **Batch normalisation**, `layers.BatchNormalization()`, brings the outputs of a layer to mean 0 and standard deviation 1 over each batch, then
#   multiplies by a learned number and adds another: $\hat z = \gamma \, (z - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta$, with $\mu$ and $\sigma$ the mean and
#   deviation of the batch. For later use it keeps running averages of $\mu$ and $\sigma$. It allows a far larger learning rate. It stands
#   between a convolution and its activation, which then is a layer of its own, `layers.ReLU()`, and the convolution needs no bias.
# - **Dropout**, `layers.Dropout(0.1)`, sets a random tenth of its inputs to 0 in each training step, so that no unit can rely on a single other
#   one. In use it does nothing.
# - **A learning-rate schedule**, given below: the rate first rises, so that a large rate does no harm at the start, and then falls along a
#   cosine, so that the last steps settle. It takes the place of the rate: `keras.optimizers.Adam(schedule(epochs=2, batch_size=128))`.
#
# Choose by validation digits, not by the test digits. If you set a tenth aside for it, say `n=54_000` to the schedule: it counts the steps.

# %%
def schedule(epochs, batch_size, peak=0.012, n=60_000):
    """A learning rate for n digits an epoch: it rises for a quarter of all steps and falls along a cosine."""
    steps = epochs * (n // batch_size)
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
    axs = ck.plot.feature_maps(maps, title="Eight views of one seven")
    for number, ax in enumerate(axs):
        ax.set_title(number)

# %%
if ck.ready("04.8", kernels):
    axs = ck.plot.filters(np.reshape(kernels, (3, 3, 1, 8)), title="The eight kernels: red adds, blue takes away")
    for number, ax in enumerate(axs):
        ax.set_title(number)

# %% [markdown] tags=["reason"]
# **How to read them.** A kernel with red above blue responds to the lower edge of a stroke: bright above, dark below. Compare each kernel with
# the map of the same number. If a map is dark, its kernel waits for something that this seven does not have.

# %% [markdown]
# This is the end of session 3, and a good place to stop. In session 4 the pictures have colours.

# %% [markdown]
# ## Session 4 of 5 · Colour, and windows of other shapes
#
# About 45 minutes. You need the cells at the top and the next one, which takes over your `convolve` of 04.2. If you begin here, it takes
# SciPy's.

# %%
def convolve_of_scipy(image, kernel):
    from scipy.signal import correlate2d

    return correlate2d(image, kernel, mode="valid")


convolve = ck.resume("convolve", lambda: convolve_of_scipy)

# %% [markdown]
# A colour picture has three numbers at each place, for red, green and blue. They are its **channels**, and the picture is an array of shape
# (height, width, 3).

# %%
from sklearn.datasets import load_sample_image

flower = load_sample_image("flower.jpg")[::4, ::4] / 255  # every fourth row and column is enough
print(f"shape {flower.shape}; the pixel in the middle: {flower[53, 80].round(2)}")
fig, axs = plt.subplots(1, 4, figsize=(11, 2.2))
for ax, part, title in zip(axs, [flower, *np.moveaxis(flower, -1, 0)], ["colour", "red", "green", "blue"]):
    ax.imshow(part, cmap="gray", vmin=0, vmax=1)  # `cmap` is for pictures of one channel
    ax.set_title(title)
    ax.axis("off")
fig.suptitle("One picture, three channels");

# %% [markdown]
# ## 04.9 · Many channels, and a window of one pixel
#
# **Goal:** write the convolution as a layer computes it, and use it with windows of one pixel.
#
# A kernel that looks at a picture of $C$ channels has $C$ slices too: its shape is (k, k, C). It multiplies all numbers under its window, in all
# channels, and adds them up to **one** number, plus its bias $b$. One kernel makes one map, so $F$ kernels make a picture of $F$ channels. Keras
# keeps all of them in one array $K$ of shape (k, k, C, F):
#
# $$S_{ijf} = b_f + \sum_{u,v,c} A_{i+u,\,j+v,\,c} \; K_{uvcf}.$$
#
# With $k = 1$ there are no neighbours left to look at: a **1×1 convolution** makes, at every pixel, a weighted sum of the channels. Deep networks
# use it to turn 256 channels into 64 cheaply.
#
# - `convolve_channels(image, kernels, biases)`: takes (H, W, C), (k, k, C, F) and (F,), returns (H − k + 1, W − k + 1, F). Your `convolve` of 04.2
#   does one channel with one kernel.
# - `colour_counts`: a list of three numbers, the parameters of `Conv2D(32, 3)` on a colour picture, of `Conv2D(64, 3)` behind it, and of `Conv2D(16, 1)`
#   behind both.
# - `mix`: an array (1, 1, 3, 2) with two kernels for colour pictures. The first makes the grey value as television did,
#   0.299 red + 0.587 green + 0.114 blue; the second makes red − green.

# %%
ck.expected("04.9")

# %%
def convolve_channels(image, kernels, biases):
    """Each kernel over all channels."""
    # [solution]
    k, _, n_channels, n_kernels = kernels.shape
    out = np.zeros((image.shape[0] - k + 1, image.shape[1] - k + 1, n_kernels)) + biases
    for c, f in np.ndindex(n_channels, n_kernels):
        out[..., f] += convolve(image[..., c], kernels[:, :, c, f])
    return out
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
colour_counts = [3 * 3 * 3 * 32 + 32, 3 * 3 * 32 * 64 + 64, 1 * 1 * 64 * 16 + 16]
mix = np.array([[0.299, 1], [0.587, -1], [0.114, 0]])[None, None]
# [stub]
# colour_counts = ...
# mix = ...
# [end]

# %%
ck.check("04.9", convolve_channels=convolve_channels, colour_counts=colour_counts, mix=mix)

# %%
# ck.hint("04.9")

# %% [markdown]
# Does Keras compute the same? The next cell gives your function the weights of a layer. Below it, your two kernels of one pixel look at a picture in
# which a digit is hidden. **Predict before you run:** through which of the two will you be able to read the digit?

# %%
if ck.ready("04.9", convolve_channels):
    part = flower[40:60, 70:90]
    layer = layers.Conv2D(4, 3)
    theirs = np.array(layer(part[None]))[0]
    yours = convolve_channels(part, *[np.array(weights) for weights in layer.get_weights()])
    print(f"{theirs.shape} by Keras, {yours.shape} by you; at most {np.abs(theirs - yours).max():.0e} apart")

# %%
rng = np.random.default_rng(seed)
paper, ink = np.array([0.30, 0.60, 0.40]), np.array([0.80, 0.345, 0.40])
hidden = paper + x_train[7] * (ink - paper)
hidden *= rng.uniform(0.7, 1.2, size=(28, 28, 1))  # some pixels are brighter, in all channels alike

# %% tags=["picture-04.9"]
if ck.ready("04.9", convolve_channels, mix):
    mixed = convolve_channels(hidden, mix, np.zeros(2))
    fig, axs = plt.subplots(1, 3, figsize=(8, 2.9))
    axs[0].imshow(hidden)
    for ax, channel in zip(axs[1:], np.moveaxis(mixed, -1, 0)):
        ax.imshow(channel, cmap="gray")
    for ax, title in zip(axs, ["in colour", "grey", "red − green"]):
        ax.set_title(title)
        ax.axis("off")

# %% tags=["claim"]
grey, difference = np.moveaxis(mixed, -1, 0)
inked = x_train[7, ..., 0] > 0.5
for channel, hidden_there in ((grey, True), (difference, False)):
    apart = abs(channel[inked].mean() - channel[~inked].mean()) / channel[~inked].std()
    assert (apart < 0.6) == hidden_there and (apart > 2) != hidden_there, f"The digit shows in red − green alone: {apart}"

# %% [markdown] tags=["reason"]
# **Why grey hides the digit.** Ink and paper were chosen with the same grey value, and the pixels differ in brightness at random. So the grey picture
# holds only the randomness. In red − green the ink is above 0 and the paper below. What a 1×1 convolution finds is in the colours, not in the
# shapes; a network learns which mixture it needs.
#
# **What channels cost.** The layer with 32 channels in and 64 kernels has 18,496 parameters, twenty times as many as the first: each kernel
# has nine numbers for *each* channel that comes in. The window of one pixel behind it has 1,040.

# %% [markdown]
# ## A window over a signal
#
# A convolution needs no picture. Over a signal the window slides along one axis only, the time: `layers.Conv1D(filters, size)` takes
# (n, steps, channels). Below is a curve like that of a heart, made by a formula, with noise. The kernel is one beat without noise, moved so that its
# mean is 0. Where the signal looks like the kernel, large numbers meet large numbers, and the sum is large.

# %%
time = np.arange(0, 8, 0.01)  # seconds
waves = [(0.12, -0.18, 0.03), (-0.15, -0.05, 0.015), (1.0, 0, 0.02), (-0.25, 0.05, 0.015), (0.3, 0.24, 0.05)]


def heart(time, beats):
    """Each beat: five waves of (height, place in seconds, width)."""
    curve = np.zeros(len(time))
    for height, place, width in waves:
        curve += sum(height * np.exp(-(((time - beat - place) / width) ** 2) / 2) for beat in beats)
    return curve


rng = np.random.default_rng(seed)
beats = 0.6 + np.cumsum(rng.uniform(0.6, 0.98, size=7))
signal = heart(time, beats) + 0.2 * rng.normal(size=len(time))
kernel = heart(np.arange(-0.3, 0.4, 0.01), [0])
kernel -= kernel.mean()

# %% [markdown]
# The convolution in Keras: a layer with one kernel of 70 places, the kernel above as its weights, and the signal as a batch of one.

# %%
window = layers.Conv1D(1, len(kernel), use_bias=False)
window.build((None, None, 1))
window.set_weights([kernel[:, None, None]])
response = np.array(window(signal[None, :, None]))[0, :, 0]

fig, axs = plt.subplots(2, 1, figsize=(9, 3.8), sharex=True)
axs[0].plot(time, signal, linewidth=0.8)
axs[0].plot(beats, np.full(7, 1.7), "v", color="C1", label="a beat")
axs[0].set(ylabel="signal", title="A curve with noise")
axs[1].plot(time[30 : 30 + len(response)], response, color="C2")
axs[1].set(xlabel="time (s)", ylabel="response", title="What the window gives, drawn so that a peak stands under its beat")
axs[0].legend(loc="upper right");

# %% tags=["claim"]
high = response > 0.5 * response.max()
starts = time[30 : 30 + len(response)][1:][high[1:] & ~high[:-1]]
apart = np.abs(np.subtract.outer(starts, beats))
assert (apart.min(axis=0) < 0.05).all() and (apart.min(axis=1) < 0.05).all(), f"High at beats alone: {starts}, {beats}"

# %% [markdown] tags=["reason"]
# **Why the beats stand out.** The response adds 70 products. At a beat the largest of them are positive, because signal and kernel rise and fall
# together. Elsewhere the noise is as often above 0 as below, and much of it cancels. Such a kernel is called a *matched filter*. Here it was given; a
# layer in training finds its own.
#
# **And in three dimensions?** `layers.Conv3D` slides a small cube through a volume, such as a scan of a body, or through the pictures of a film. It
# takes (n, depth, height, width, channels).

# %% [markdown]
# ## Average or maximum?
#
# LeCun's network of 1998 pooled by the mean of each block, up to a learned factor. In Keras that is `layers.AveragePooling2D`. **Predict before you
# run:** which of the two, maximum or average, keeps thin strokes bright, and does the network of 04.3 read better with one of them?

# %%
digit = x_train[7:8]
pictures = [digit, layers.MaxPooling2D(2)(digit), layers.AveragePooling2D(2)(digit)]
fig, axs = plt.subplots(1, 3, figsize=(7, 2.6))
for ax, picture, title in zip(axs, pictures, ["28 × 28", "maximum of 2 × 2", "average of 2 × 2"]):
    ax.imshow(np.array(picture)[0, ..., 0], cmap="gray", vmin=0, vmax=1)
    ax.set_title(title)
    ax.axis("off")

# %% tags=["solution"]
def share_with(pooling):
    """The share of test digits that the network of 04.3 reads with this pooling, after two epochs of 10,000 digits."""
    network = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(8, 3, activation="relu"), pooling(2)])
    for layer in (layers.Flatten(), layers.Dense(16, activation="relu"), layers.Dense(10, activation="softmax")):
        network.add(layer)
    network.compile(keras.optimizers.Adam(0.007), "sparse_categorical_crossentropy", steps_per_execution=16)
    network.fit(x_train[:10_000], y_train[:10_000], batch_size=128, epochs=2, verbose=0)
    return np.mean(network.predict(x_test, batch_size=1000, verbose=0).argmax(axis=1) == y_test)


by_maximum, by_average = share_with(layers.MaxPooling2D), share_with(layers.AveragePooling2D)
print(f"after 10,000 digits, twice: {by_maximum:.1%} with the maximum, {by_average:.1%} with the average")

# %% tags=["claim"]
# The largest of ten seeds was 3.5 points; 1.5 are added.
assert abs(by_maximum - by_average) < 0.05, f"Less than 5 points apart: {by_maximum}, {by_average}"

# %% [markdown] tags=["reason"]
# **The maximum keeps, the average dims.** A thin stroke is the brightest thing in its block and keeps its brightness under the maximum; the average
# mixes it with the black around it. For reading these digits it makes little difference: in ten trainings of each (the solution has the cell) the two were at most 3.5
# points apart, and either was ahead at times. The maximum asks *is it there?*, the average *how much of it is there?* Where the mean over a whole
# map is taken at the end of a network, it is called **global** average pooling.

# %% [markdown]
# This is the end of session 4, and a good place to stop. Session 5 has no exercise: you make many digits out of few, and measure when a GPU pays.

# %% [markdown]
# ## Session 5 of 5 · Many digits out of few, and what a GPU is for
#
# About 32 minutes. You need the cells at the top.

# %% [markdown]
# ## Digits that nobody wrote
#
# A three that is moved or turned a little is still a three. **Augmentation** uses this: it shows the network changed copies of the training pictures.
# Keras has layers for it, which change their input at random in training and do nothing in use.

# %%
few, few_labels = x_train[:500], y_train[:500]
change = keras.Sequential([
    layers.RandomTranslation(0.1, 0.1, fill_mode="constant"),  # up to a tenth of the picture, in each direction
    layers.RandomRotation(0.04, fill_mode="constant"),  # up to 4 % of a full turn, 14 degrees
])
copies = [np.array(change(few, training=True)) for _ in range(9)]
names = ["as written"] + ["changed"] * 7
ck.plot.image_grid([few[7], *[copy[7] for copy in copies[:7]]], names, title="One digit, eight times");

# %% [markdown]
# **Predict before you run.** One network sees 500 digits twenty times. The other sees 5,000, these and nine changed copies of each, twice: about as many steps. What
# share of the test digits will each read, as they are, and moved by 3 pixels to the right?

# %%
def learned_from(images, labels, epochs):
    """The shares of test digits read by a new network: as they are, and moved by 3 pixels."""
    network = keras.Sequential([keras.Input((28, 28, 1))])
    for filters, size in ((16, 5), (32, 3)):
        network.add(layers.Conv2D(filters, size, strides=2, activation="relu"))
    for layer in (layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")):
        network.add(layer)
    network.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", steps_per_execution=16)
    network.fit(images, labels, batch_size=32, epochs=epochs, verbose=0)
    x, y = x_test[:2000], y_test[:2000]
    both = np.concatenate([x, np.roll(x, 3, axis=2)])
    right = network.predict(both, batch_size=1000, verbose=0).argmax(axis=1) == np.tile(y, 2)
    return right[:2000].mean(), right[2000:].mean()


# %%
alone = learned_from(few, few_labels, epochs=20)
with_copies = learned_from(np.concatenate([few, *copies]), np.tile(few_labels, 10), epochs=2)
for name, shares in (("500 digits", alone), ("and nine copies of each", with_copies)):
    print(f"{name:<25} as they are {shares[0]:.0%}, moved by 3 pixels {shares[1]:.0%}")

# %% tags=["claim"]
assert with_copies[0] > alone[0] + 0.015, f"The copies help with digits as they are: {alone}, {with_copies}"
assert with_copies[1] > alone[1] + 0.2, f"Far more of the moved digits with copies: {alone}, {with_copies}"

# %% [markdown] tags=["reason"]
# **Why copies help.** They tell the network what does *not* matter. The changes must be ones that keep the meaning: a digit may be moved, but a six
# that is turned by half a turn is a nine. The copies here are made once, before training; put in front of the network as layers, `change` would make
# new ones in every epoch.
#
# **What a convolution knows by itself.** Of all these changes it knows one only: a stroke that is moved gives a map that is moved. That a picture is
# turned, larger, smaller, brighter or darker is new to it. Such changes have to be shown in copies (`RandomRotation`, `RandomZoom`,
# `RandomBrightness`), or taken out beforehand, as 04b does with size and paper.

# %% [markdown]
# ## What a GPU is for
#
# A graphics processor, **GPU**, has thousands of small arithmetic units that do the same thing to many numbers at once. Networks are made of matrix
# products, and a product of two $n \times n$ matrices is $2 n^3$ operations, nearly all independent of each other. The next cells time matrix
# products, and one epoch of a small network, on each device that Keras finds. They work on a CPU alone.

# %%
from time import perf_counter

devices = ck.devices()


def seconds_for_product(n, device):
    """The shortest of three times for a product of two n × n matrices."""
    with keras.device(device):
        a = keras.random.normal((n, n))
        times = []
        for _ in range(4):
            start = perf_counter()
            float(keras.ops.matmul(a, a)[0, 0])  # asking for one number waits for the product
            times.append(perf_counter() - start)
    return min(times[1:])  # the first time includes the preparation


sizes = 2 ** np.arange(5, 12)
times = {device: np.array([seconds_for_product(n, device) for n in sizes]) for device in devices}

# %%
fig, ax = plt.subplots(figsize=(6, 3.6))
for (device, seconds), marker in zip(times.items(), "os^D"):
    ax.plot(sizes, seconds, marker=marker, label=device)
faster = times[devices[-1]] < times["cpu:0"]
from_here_on = np.logical_and.accumulate(faster[::-1])[::-1]
if from_here_on.any():
    first = sizes[from_here_on][0]
    ax.axvline(first, color="C7", linestyle=":", label=f"from here on {devices[-1]} is faster: n = {first}")
ax.set(xscale="log", yscale="log", xlabel="n, of a product of two n × n matrices", ylabel="seconds")
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
ax.set_title("What a matrix product costs")
ax.legend();

# %%
for device in devices:
    with keras.device(device):
        network = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(8, 3, activation="relu"), layers.Flatten()])
        network.add(layers.Dense(10, activation="softmax"))
        network.compile("adam", "sparse_categorical_crossentropy")
        network.fit(x_train[:256], y_train[:256], batch_size=128, verbose=0)  # prepares
        start = perf_counter()
        network.fit(x_train[:5000], y_train[:5000], batch_size=128, verbose=0)
        print(f"{device}: one epoch of 5,000 digits in {perf_counter() - start:.2f} s")

# %% [markdown] tags=["reason"]
# **When a GPU pays.** Each operation has a fixed price: the program has to prepare it, and, for a GPU, send it there. It is the flat part at the
# left of the curve. From $n$ to $2n$ the work grows eightfold, and only large products keep all the units of a GPU busy. If you have no GPU, here
# is what one machine with 16 CPU cores and an NVIDIA H100 took (Keras on PyTorch, measured once; `benchmarks/devices.py` in the course's repository
# measures the same on yours). Its GPU was the faster one from $n = 128$ on, and 44 times as fast at $n = 4096$.
#
# | one epoch of 5,000 digits | CPU | GPU |
# |---|---|---|
# | one convolution with 8 kernels, batches of 128 | 0.19 s | 0.25 s |
# | two convolutions with 64 kernels each, batches of 128 | 1.6 s | 0.25 s |
# | the same in batches of 1,000 | 2.0 s | 0.05 s |
#
# The small network is slower on the GPU: each of its 40 steps has so little to do that the fixed prices decide. This is why most networks of this
# course do well without one.
#
# A **TPU** (tensor processing unit) is Google's chip for the same work. It is built around a large grid of units that multiply and add, and the big
# ones are rented in Google's cloud. The rule is the same: it needs large products to be kept busy.

# %% [markdown]
# ## What did you observe?
#
# 1. Which layer has the most parameters in the dense network, and which in the lecture's?
# 2. Which pairs of digits are confused most often, and would you have confused them?
# 3. At which shift does the dense network read only half of the digits?
# 4. Through which of the two kernels could you read the hidden digit, and what did the copies of session 5 do for moved digits? Had you predicted
#    that?
#
# <details><summary>Answers</summary>
#
# 1. In both, the first dense layer. Convolutions share their weights over all places and stay small.
# 2. Often 4 and 9, 3 and 5, 2 and 7: they differ by one stroke. Among the worst mistakes are digits that people would argue about.
# 3. Between two and four pixels; the table of 04.6 shows where yours is. It has learned pixels, not strokes.
# 4. Through red − green alone: ink and paper have the same grey value. With the copies the network read far more of the moved digits.
#
# </details>
#
# ## Go further
#
# - Train `lecture_model` on digits that `ck.data.shift_images` has moved, and repeat 04.6.
# - Which changes may you make to digits, and which not? Try larger turns and `RandomZoom` in session 5, and look at the copies before you train.
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
# - Prechelt, L. (1998). Early stopping – but when? In *Neural Networks: Tricks of the Trade*, LNCS 1524, 55–69.
# - Simard, P. Y., Steinkraus, D., Platt, J. C. (2003). Best practices for convolutional neural networks applied to visual document analysis. *ICDAR*,
#   958–963. Digits that nobody wrote.
# - Lin, M., Chen, Q., Yan, S. (2014). Network in network. *ICLR*. Where 1×1 convolutions come from.
# - The photograph of the flower is by Vultilion, CC BY 2.0, and comes with scikit-learn.
# - Dumoulin, V., Visin, F. (2016). A guide to convolution arithmetic for deep learning. arXiv:1603.07285.
