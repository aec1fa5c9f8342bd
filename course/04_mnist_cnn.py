# %% [markdown]
# # 04 · Digits and convolutions
#
# A network that looks at pictures through small windows reads handwriting better than one that sees only a list of
# numbers.
#
# About 90 min · CPU about 30 s · GPU optional
#
# **Before you start** you should know Keras layers, `compile` and `fit` (notebook 01).
#
# ## You will learn
#
# - what a convolution, a pooling and their parameters are, by computing them yourself;
# - how to train with callbacks and an honest validation set, and how to read the mistakes;
# - why a convolutional network bears a shifted digit better, and how to beat 99 % in half a minute.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported: then it loads without notices

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
# ## Predict before you run
#
# A digit is moved two pixels to the right. You read it as well as before. How many of 100 moved digits will a network
# read that has learned on centred ones? Write down a number for a dense network and one for a convolutional network.

# %% [markdown]
# ## 04.1 · A dense baseline
#
# **Goal:** flatten the pictures and train a network 784-64-64-10, the yardstick for all that follows.
#
# `dense` takes (n, 28, 28, 1) in [0, 1] and gives ten probabilities a digit, shape (n, 10). Two hidden layers of 64 units
# with ReLU, softmax at the end. Softmax turns ten numbers $z_k$ into probabilities,
# $p_k = e^{z_k} / \sum_j e^{z_j}$. The loss for whole-number labels is `sparse_categorical_crossentropy`.

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

# %% [markdown] tags=["solution"]
# **Why 55,050 parameters?** Each unit has a weight for each of its inputs and a bias: $784 \cdot 64 + 64$, then
# $64 \cdot 64 + 64$, then $64 \cdot 10 + 10$. Nine out of ten stand in the first layer, one for each pair of pixel and
# unit. The layer does not know which pixels are neighbours: shuffle the pixels of all pictures in the same way, and it
# learns just as well.

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
print(f"after 10,000 digits, twice: in place {share_right(np.arange(784)):.1%}, shuffled {share_right(shuffled):.1%}")

# %% [markdown]
# ## 04.2 · Pad, convolve, pool
#
# **Goal:** write the three operations of a convolutional network in NumPy.
#
# A convolution lays a small **kernel** $K$ of $k \times k$ numbers on every place of a picture $A$ where it fits,
# multiplies element by element and adds up: $S_{ij} = \sum_{u,v} A_{i+u,\,j+v} K_{uv}$. (Deep learning does not flip the
# kernel, as mathematics does.) **Padding** puts zeros around the picture. **Max-pooling** keeps the largest number of each
# block.
#
# - `pad(image, p)`: (H, W) to (H + 2p, W + 2p).
# - `convolve(image, kernel)`: (H, W) and (k, k) to (H − k + 1, W − k + 1).
# - `max_pool(image, size)`: (H, W) to (H // size, W // size); rows and columns left over are dropped.

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
# Two kernels tell lines apart: one answers to horizontal lines, one to vertical ones. Look at the largest answer of each.

# %%
lines, kinds = ck.data.make_lines(n_samples=200, size=8, noise=0.1, seed=0)
horizontal = np.array([[-1, -1, -1], [2, 2, 2], [-1, -1, -1]]) / 3
examples = [lines[kinds == 0][0], lines[kinds == 1][0]]
answers = [convolve(pad(line, 1), kernel) for line in examples for kernel in (horizontal, horizontal.T)]
pictures = ... if answers[0] is ... else [examples[0], *answers[:2], examples[1], *answers[2:]]
titles = ["line", "horizontal?", "vertical?"] * 2
finding = "Each kernel lights up on its own lines"
ck.plot.image_grid(pictures, titles, n_columns=6, exercise="04.2", title=finding);

# %% [markdown] tags=["solution"]
# **Why flattening fails.** Train a linear classifier on lines in the upper left half of the picture, and test it on lines
# in the other half. It has a weight for each pixel, and half of the pixels never lit up. The kernels are the same
# everywhere: what they learned in one place holds in all places.

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
# **Goal:** build the network of the lecture and count the parameters of each layer before Keras does.
#
# Convolution with 8 kernels of 3 by 3 and ReLU, no padding → max-pooling 2 by 2 → flatten → dense 16 with ReLU → dense
# 10 with softmax.
#
# - `build_cnn()`: gives a new, untrained network for inputs (28, 28, 1).
# - `counts`: a list of five numbers, the parameters of the five layers in order.

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

# %% [markdown] tags=["solution"]
# **Where the parameters are.** The convolution, which does the seeing, has 80. The first dense layer has 21,648, because
# it takes 1,352 numbers. A convolution shares its weights over all places; that is why it is so small.

# %% tags=["solution"]
build_cnn().summary()

# %% [markdown]
# ## 04.4 · Training with three callbacks
#
# **Goal:** train the lecture's network with `ModelCheckpoint`, `EarlyStopping` and `ReduceLROnPlateau`.
#
# A callback is called at the end of each epoch. `ModelCheckpoint` saves the best network so far, `EarlyStopping` ends the
# training when validation stops improving, `ReduceLROnPlateau` lowers the learning rate then. All three need validation
# digits, which are taken from the *training* set. The test digits are for the end.
#
# - `callbacks`: a list with the three.
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
if history is ...:
    ck.plot.learning_curves(..., exercise="04.4")
else:
    fig, axs = plt.subplots(1, 2, figsize=(10, 3.4))
    ck.plot.learning_curves(history, axs[0], metrics=["loss"], title="Validation follows training")
    ck.plot.learning_curves(history, axs[1], metrics=["accuracy"], title="in the accuracy too");

# %% [markdown] tags=["solution"]
# **What the callbacks did.** With `min_delta=0.05` a gain of less than 0.05 counts as none. So the learning rate falls to
# 0.3 of itself after the second epoch, and in the third the network settles: `history.history["learning_rate"]` shows it.
# `EarlyStopping` waits for three epochs without any gain; it has work only in a longer training.
#
# **Why not validate on the test digits?** The callbacks choose: when to stop, which epoch to keep, when to slow down.
# What is chosen by a set of digits fits that set a little too well. The test digits must take no part in any choice, or
# their accuracy is no longer that of unseen digits.

# %% [markdown]
# ## 04.5 · Which digits are confused, and two digits at once
#
# **Goal:** count the mistakes by kind, then train a network that marks *both* digits of a picture.
#
# - `confusion`: array (10, 10) of counts over the 10,000 test digits. Row: the true digit; column: what it was read as.
# - `pair_model`: takes pictures (n, 28, 56, 1) with two digits side by side and gives ten numbers a picture, each the
#   probability that this digit is there. Labels `shown` have shape (n, 10), with one or two ones in each row.
#
# A softmax shares one sum among all classes. Where several answers may be right together, each output gets a sigmoid of
# its own, and the loss is `binary_crossentropy`.

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
# The matrix as a picture, and the digits that the network got most wrong: those where it was surest of a wrong answer.

# %% tags=["picture-04.5"]
waiting = lecture_model is ...
scores = ... if waiting else lecture_model.predict(x_test, batch_size=1000, verbose=0)
guessed = ... if waiting else scores.argmax(axis=1)
finding = "Most mistakes are between look-alikes"
ck.plot.confusion_matrix(y_test, guessed, exercise="04.4", title=finding);

# %%
if waiting:
    ck.plot.image_grid(..., exercise="04.4")
else:
    worst = np.argsort(np.where(guessed == y_test, 0, scores.max(axis=1)))[::-1][:12]
    ck.plot.image_grid(x_test[worst], y_test[worst], guessed[worst], n_columns=6, title="Sure, and wrong");

# %% [markdown] tags=["solution"]
# **A wrong way.** A softmax on the pairs can give each of two digits at most one half, and a pair of equal digits one. The
# threshold 0.5 then finds one digit or none.

# %% [markdown]
# ## 04.6 · Shift the digits
#
# **Goal:** move every test digit by up to 4 pixels and measure both networks.
#
# - `shift_by(images, down, right)`: (n, 28, 28) to (n, 28, 28). Each picture moves by whole pixels, at most 4, and what
#   comes in is 0. Negative numbers move up and left.
# - `accuracies`: array (2, 5). Row 0 is `dense`, row 1 is `lecture_model`; column $s$ is the accuracy (0 to 1) on the
#   first 1,000 test digits, shifted $s$ pixels to the right, $s = 0 \dots 4$.

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
if accuracies is ...:
    ck.plot.waiting(exercise="04.6")
else:
    fig, ax = plt.subplots(figsize=(5.5, 3.4))
    for row, name, marker in zip(accuracies, ("dense", "convolutional"), "os"):
        ax.plot(range(5), row, marker=marker, label=name)
    ax.set(xlabel="shift to the right (pixels)", ylabel="accuracy", xticks=range(5), ylim=(0, 1.02))
    ax.set_title("Shifted digits defeat the dense network first")
    ax.legend();

# %% [markdown] tags=["solution"]
# **Why the convolutional network falls too.** Its kernels slide, but the dense layer behind them has a weight for each
# place of each map. Pooling forgives one pixel. To bear more, forget the place later: more pooling, a global pooling at
# the end, or training digits that were shifted too.

# %% [markdown]
# ## 04.7 · Beat 99 %
#
# **Goal:** design a network that reads more than 99 % of the test digits, within about 30 s of training on two cores.
#
# `best_model` takes (n, 28, 28, 1) in [0, 1] and gives ten probabilities. The design is yours. A learning-rate schedule is
# given: it warms up, so that a large rate does no harm at the start, and then falls along a cosine.

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

# %% [markdown] tags=["solution"]
# **What pays.** A stride of 2 in the first layer leaves a quarter of the places to compute, and one in the second a sixteenth,
# so the later layers can be wide. Batch normalisation keeps the size of the signals, so the learning rate can be twelve
# times the usual one. The falling rate lets two epochs do the work of many.
#
# **Three settings for a short training.** Adam and batch normalisation keep running averages; in 900 steps these have to
# forget faster than Keras's defaults do, hence `beta_2=0.95` and `momentum=0.9`. Label smoothing asks for 0.955 at the
# right digit and 0.005 at each other one, in the place of 1 and 0, so that the network stops pushing once it is sure. It
# needs one-hot labels. `python benchmarks/mnist_recipes.py --choose` compares all this on a validation part of the
# training digits: the test digits must not choose.

# %% [markdown]
# ## 04.8 · Look inside, and save
#
# **Goal:** take out the kernels and feature maps of `lecture_model`, save the network and load it again.
#
# - `kernels`: array (3, 3, 1, 8), as Keras keeps them: rows, columns, channels in, channels out.
# - `maps`: array (26, 26, 8), the output of the convolution, ReLU included, for the first test digit `x_test[0]`.
# - `reloaded`: the network, loaded from the file `my_digits.keras` that you saved. Notebook 04b uses this file.

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
ck.plot.feature_maps(maps, exercise="04.8", title="Eight views of one seven");

# %%
ck.plot.filters(kernels, exercise="04.8", title="The eight kernels: red adds, blue takes away");

# %% [markdown] tags=["solution"]
# **How to read them.** A kernel with red above blue answers to the lower border of a stroke: bright above, dark below.
# Compare each kernel with the map of the same number. Some maps are dark: their kernel waits for something that a seven
# does not have.

# %% [markdown]
# ## What did you observe?
#
# 1. Which layer has most parameters in the dense network, and which in the lecture's?
# 2. Which pairs of digits are confused most, and would you have confused them?
# 3. At which shift does the dense network read only half of the digits?
#
# <details><summary>Answers</summary>
#
# 1. In both the first dense layer. Convolutions share their weights over all places and stay small.
# 2. Pairs such as 4 and 9, 3 and 5, 2 and 7: they differ by one stroke. Among the worst mistakes are digits that people
#    would argue about.
# 3. Between two and four pixels; the table of 04.6 shows where yours is. It has learned pixels, not strokes.
#
# </details>
#
# ## Go further
#
# - Train `lecture_model` on digits that `ck.data.shift_images` has moved, and repeat 04.6.
# - Replace `Flatten` by `GlobalMaxPooling2D` in 04.7. What happens to the parameters, and to shifted digits?
# - How few parameters still beat 98 %?
#
# ## Summary
#
# A convolution looks through a small window and uses the same weights everywhere. That makes it small, and it makes what
# was learned in one place hold in all. Callbacks choose on validation digits; the test digits judge once, at the end.

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
