# %% [markdown]
# # 09 · Transfer learning
#
# A network that reads the digits 0 to 4 has learned what pen strokes look like. Keep that knowledge, and a few examples are
# enough to teach it 5 to 9.
#
# About 180 minutes in 3 sessions · CPU about 28 s · GPU optional
#
# **Before you start** you should know convolutional networks in Keras (notebook 04).
#
# ## You will learn
#
# - how to cut off the head of a trained network, freeze its body and put on a new head;
# - how many examples that saves: you draw a learning curve from 10 to 1,000 examples, and compare it with that of a network
#   trained from scratch;
# - what a body is worth that others have trained, on other pictures;
# - how to fine-tune, and when it does harm.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported, so that TensorFlow's start-up messages stay hidden

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from sklearn.linear_model import RidgeClassifier

# %% [markdown]
# ## Look at the data
#
# MNIST in two halves: the **old** digits 0 to 4, of which there are plenty, and the **new** digits 5 to 9, of which we pretend
# to have few. Pictures have shape (n, 28, 28, 1), with grey values in [0, 1]. The labels are the digits themselves.

# %%
(x_train, y_train), (x_test, y_test) = ck.data.load_mnist()
x_train = x_train[..., None].astype("float32") / 255
x_test = x_test[..., None].astype("float32") / 255

x_old, y_old = x_train[y_train < 5][:15_000], y_train[y_train < 5][:15_000]
x_old_test, y_old_test = x_test[y_test < 5][:2000], y_test[y_test < 5][:2000]
x_new, y_new = x_train[y_train >= 5], y_train[y_train >= 5]
x_new_test, y_new_test = x_test[y_test >= 5][:2000], y_test[y_test >= 5][:2000]


# %%
def draw_examples(n, draw):
    """n of the new training digits, equally many of each kind; another `draw` gives other digits."""
    rng = np.random.default_rng([seed, n, draw])  # a list of numbers is a seed, too
    rows = []
    for digit in range(5, 10):
        rows.extend(rng.choice(np.flatnonzero(y_new == digit), n // 5, replace=False))
    rows = rng.permutation(rows)
    return x_new[rows], y_new[rows]


def accuracy_on_new(network):
    """The share of unseen new digits that a network with five outputs reads."""
    return np.mean(np.array(network(x_new_test)).argmax(axis=1) == y_new_test - 5)


x_1000, y_1000 = draw_examples(1000, draw=0)
x_ten, y_ten = draw_examples(10, draw=0)
ck.plot.image_grid(x_ten, y_ten, n_columns=10, title="Ten examples: two of each new digit");

# %% [markdown]
# Two functions for training, which sessions 2 and 3 use: you need not read them now.

# %%
def compiled(network, learning_rate=0.1):
    """The network, ready for plain gradient descent."""
    loss = "sparse_categorical_crossentropy"
    optimizer = keras.optimizers.SGD(learning_rate)
    network.compile(optimizer, loss, steps_per_execution=50)  # 50 steps at a time, only because it is faster
    return network


def train_briefly(network, x, y, steps=200):
    """Train from the present weights; `y` counts from 0. The examples are repeated as often as necessary."""
    rows = np.resize(np.random.permutation(len(x)), 32 * steps)  # repeated from the start until there are enough
    network.fit(x[rows], y[rows], batch_size=32, verbose=0)


# %% [markdown]
# ## Session 1 of 3 · A new head on an old body
#
# About 68 minutes. You need the cells above. You train a network on the old digits, cut off its head, and put a new one on.
#
# **Predict before you run.** You have just seen ten examples, and could read thousands of such digits. A network learns
# from these ten alone: how many of 100 unseen digits will it read correctly? And a network that could already read 0 to 4?
# Write down two numbers, and then two more for 1,000 examples. Session 2 measures all four.

# %% [markdown]
# ## 09.1 · Learn 0 to 4
#
# **Goal:** build a small convolutional network and train it on the old digits.
#
# Think of the network as two parts. The **body** turns a picture into numbers that describe it, its **features**. The
# **head**, the last layer, turns the features into classes.
#
# - `build_network()`: returns a new, untrained `keras.Sequential` that takes pictures (n, 28, 28, 1) and gives five
#   probabilities, (n, 5). The body begins with convolutions, each with `activation="relu"`, and ends with `Flatten`; the
#   head is one `Dense` layer with softmax. Keep it below 50,000 parameters, but do not make it too small, because all later
#   exercises use this body: two or three convolutions with 16 to 32 filters each are a good size. `Conv2D(16, 5, strides=2)`
#   moves its 5 by 5 window two pixels at a time; this **stride** roughly halves height and width, as a pooling layer would.
# - `old_model`: such a network, trained on `x_old`, `y_old`. Three epochs of Adam with a rate of 0.003, in batches of 64,
#   are enough.

# %%
ck.expected("09.1")

# %%
def build_network():
    """A new network: convolutions, flatten, and a head of five outputs."""
    # [solution]
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 5, strides=2, activation="relu"),
            layers.Conv2D(32, 3, strides=2, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(5, activation="softmax"),
        ]
    )
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
old_model = build_network()
optimizer = keras.optimizers.Adam(0.003)
old_model.compile(optimizer, "sparse_categorical_crossentropy", steps_per_execution=16)
live = ck.widgets.LiveCurves()
old_model.fit(x_old, y_old, batch_size=64, epochs=3, verbose=0, callbacks=[live]);
# [stub]
# old_model = ...
# [end]

# %%
ck.check("09.1", build_network=build_network, old_model=old_model)

# %%
# ck.hint("09.1")  # take the first # away and run this line for a hint; run it again for the next

# %% [markdown] tags=["reason"]
# **What does it make of a 7?** It has never seen one and has no output for it. It gives an answer all the same, and is often
# sure of it: a softmax has no way of saying "none of these". But the features from which the answer is made describe strokes
# and their places, and a 7 has those too.

# %% tags=["solution"]
sevens = x_new_test[y_new_test == 7][:8]
answers = np.array(old_model(sevens))
names = [f"{p.argmax()} ({p.max():.0%})" for p in answers]
ck.plot.image_grid(sevens, names, title="Asked for 0 to 4, the network always finds one");

# %% [markdown]
# ## 09.2 · A new head on a frozen body
#
# **Goal:** cut off the head, freeze the body, and train a new head on 1,000 new digits.
#
# `layer.trainable = False` **freezes** a layer: training leaves its weights as they are. Set it before you compile: Keras
# fixes what is trained at the first `fit`, and a later change of `trainable` does nothing until you compile again. The list
# `model.layers` holds all layers of a `keras.Sequential`, and a new one can be given layers that already exist:
#
# ```python
# first_two = keras.Sequential([keras.Input((28, 28, 1)), *old_model.layers[:2]])   # shares these layers with old_model
# first_two.trainable = False    # freezes all of them
# ```
#
# The new head starts from random weights. A head with five outputs counts its classes from 0: output 0 stands for the digit
# 5, output 4 for the digit 9, so its labels are `y_1000 - 5`.
#
# - `transfer_model`: takes (n, 28, 28, 1) and gives (n, 5). It consists of all layers of `old_model` but the last, frozen, and
#   a new `Dense` head, trained on `x_1000`, `y_1000`.
# - `n_trainable`: the number of its trainable weights and biases, counted by hand.
#
# The next cell keeps a copy of the weights of `old_model`, so that the check can see whether they have changed.

# %%
weights_before = ...
if ck.ready("09.1", old_model):
    weights_before = old_model.get_weights()

# %%
ck.expected("09.2")

# %%
# [solution]
body = keras.Sequential([keras.Input((28, 28, 1)), *old_model.layers[:-1]])
body.trainable = False
transfer_model = keras.Sequential([*body.layers, layers.Dense(5, activation="softmax")])
optimizer = keras.optimizers.Adam(0.003)
transfer_model.compile(optimizer, "sparse_categorical_crossentropy")
transfer_model.fit(x_1000, y_1000 - 5, batch_size=32, epochs=12, verbose=0)
n_trainable = 3 * 3 * 32 * 5 + 5  # the body ends with 32 maps of 3 by 3
# [stub]
# transfer_model = ...
# n_trainable = ...
# [end]

# %%
ck.check("09.2", old_model=old_model, weights_before=weights_before,
         transfer_model=transfer_model, n_trainable=n_trainable)

# %%
# ck.hint("09.2")

# %% tags=["picture-09.2"]
if ck.ready("09.2", transfer_model):
    read = np.array(transfer_model(x_new_test)).argmax(axis=1)
    title = "A new head on the body of 0 to 4"
    ax = ck.plot.confusion_matrix(y_new_test - 5, read, title=title)
    ax.set_xticks(range(5), range(5, 10))
    ax.set_yticks(range(5), range(5, 10))

# %% [markdown] tags=["reason"]
# **Is it really the body that helps?** To find out, take a body that has learned nothing: the same layers with random
# weights, frozen. A head on random features reads a good part of the digits too, so this is the fair comparison. The body
# that has learned 0 to 4 does clearly better.

# %% tags=["solution"]
random_body = keras.Sequential([keras.Input((28, 28, 1)), *build_network().layers[:-1]])
random_body.trainable = False
on_random = keras.Sequential([*random_body.layers, layers.Dense(5, activation="softmax")])
on_random.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
on_random.fit(x_1000, y_1000 - 5, batch_size=32, epochs=12, verbose=0)
for name, model in (("random body", on_random), ("body of 0 to 4", transfer_model)):
    print(f"{name:<15} {accuracy_on_new(model):.1%} of unseen new digits")

# %% tags=["claim"]
assert accuracy_on_new(on_random) > 0.6, "A head on random features reads a good part of the digits."
assert accuracy_on_new(transfer_model) > accuracy_on_new(on_random) + 0.02, "The body of 0 to 4 does clearly better."

# %% [markdown] tags=["reason"]
# **Three traps.** First, a layer is an object, so `transfer_model` *shares* its body with `old_model`. If you had trained
# without freezing, `old_model` would have changed too, and would no longer read 0 to 4. Second, `trainable` has to be set
# before `compile`. Third, some layers hold numbers that are not trained by gradients: `BatchNormalization` brings the
# outputs of a layer to mean 0 and standard deviation 1 over a batch, and keeps a running average of both for later use.
# `trainable = False` stops that average as well. If you only kept the weights from being trained, the average would go on
# changing.

# %% [markdown]
# This is the end of session 1, and a good place to stop. Session 2 measures how much the frozen body saves.

# %% [markdown]
# ## Session 2 of 3 · How many examples it saves
#
# About 53 minutes. You need the cells at the top and the next two. If you have done session 1 in this notebook and it is
# still running, they take your networks from there; if you begin here, they build and train simpler ones.

# %%
def small_network():
    """A body of two convolutions, and a head of five outputs."""
    network = keras.Sequential([keras.Input((28, 28, 1))])
    for filters in (16, 32):
        network.add(layers.Conv2D(filters, 5, strides=2, activation="relu"))
    network.add(layers.Flatten())
    network.add(layers.Dense(5, activation="softmax", name="head"))
    return network


def network_for_old_digits():
    network = small_network()
    network.compile("adam", "sparse_categorical_crossentropy", steps_per_execution=50)
    network.fit(x_old, y_old, epochs=4, verbose=0)
    return network


# %%
build_network = ck.resume("build_network", lambda: small_network)
old_model = ck.resume("old_model", network_for_old_digits)

# %% [markdown]
# ## 09.3 · From 10 to 1,000 examples
#
# **Goal:** measure how many examples the frozen body saves, compared with the same network trained from scratch.
#
# A frozen body gives the same features for a picture every time. So compute the features **once** and train the head alone,
# as a network of its own: then no training step has to compute a convolution. Ten examples may happen to be good ones, so
# the learning curve below repeats everything with several draws; the differences between them show how much luck is
# involved.
#
# - `features(x)`: takes pictures (n, 28, 28, 1), returns the features that the body of `old_model` gives, an array (n, k).
# - `with_frozen_body(x, y, x_unseen)`: learns from pictures `x` with labels `y`, 5 to 9, by training a new head on the
#   features; returns its guesses for `x_unseen`, an array of digits from 5 to 9.
# - `from_nothing(x, y, x_unseen)`: the same with the whole network of `build_network()`, trained from random weights.
#
# `compiled` and `train_briefly` are given at the top. `train_briefly` takes 200 steps on batches of 32, even if there are
# only ten examples. Compiling takes time, so compile two networks once, outside the functions: `head`, for the features,
# and `fresh`, for the pictures. Keep a copy of the first weights of each (`new_head = head.get_weights()`), and put it back
# for each draw (`head.set_weights(new_head)`). Nothing else has to be put back, because `compiled` chooses plain gradient
# descent (`SGD`), which remembers nothing of earlier steps.

# %%
ck.expected("09.3")

# %%
def features(x):
    """The features of pictures, by the body of `old_model`."""
    # [solution]
    return np.array(keras.Sequential(old_model.layers[:-1])(x))
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
n_features = features(x_ten).shape[1]
head = compiled(keras.Sequential([keras.Input((n_features,)), layers.Dense(5, activation="softmax")]))
new_head = head.get_weights()
# [stub]
# head = ...
# [end]


def with_frozen_body(x, y, x_unseen):
    """The guesses of a new head on the frozen body."""
    # [solution]
    head.set_weights(new_head)
    train_briefly(head, features(x), y - 5)
    return 5 + np.array(head(features(x_unseen))).argmax(axis=1)
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
fresh = compiled(build_network())
new_weights = fresh.get_weights()
# [stub]
# fresh = ...
# [end]


def from_nothing(x, y, x_unseen):
    """The guesses of the whole network, trained on nothing but `x`."""
    # [solution]
    fresh.set_weights(new_weights)
    train_briefly(fresh, x, y - 5)
    return 5 + np.array(fresh(x_unseen)).argmax(axis=1)
    # [stub]
    # return ...
    # [end]


# %%
ck.check("09.3", old_model=old_model, features=features,
         with_frozen_body=with_frozen_body, from_nothing=from_nothing)

# %%
# ck.hint("09.3")

# %% [markdown]
# Now the learning curve, with three draws for each number of examples.

# %%
SIZES = (10, 50, 200, 1000)


def accuracies(learn, draws=3):
    """The share of unseen new digits read right, shape (sizes, draws)."""
    x_unseen, y_unseen = x_new_test[:1000], y_new_test[:1000]
    shares = np.zeros((len(SIZES), draws))
    for row, n in enumerate(SIZES):
        for draw in range(draws):
            x, y = draw_examples(n, draw)
            shares[row, draw] = np.mean(np.ravel(learn(x, y, x_unseen)) == y_unseen)
    return shares


# %% tags=["picture-09.3"]
if ck.ready("09.3", features, with_frozen_body, from_nothing):
    frozen, scratch = accuracies(with_frozen_body), accuracies(from_nothing)
    fig, ax = plt.subplots(figsize=(6.6, 4))
    ax.semilogx(SIZES, frozen.mean(axis=1), "o-", color="#0072B2", label="frozen body")
    ax.semilogx(SIZES, frozen, ".", color="#0072B2", alpha=0.4)  # a dot for each draw
    ax.semilogx(SIZES, scratch.mean(axis=1), "s--", color="#D55E00", label="from scratch")
    ax.semilogx(SIZES, scratch, ".", color="#D55E00", alpha=0.4)
    ax.set_xticks(SIZES, SIZES)
    ax.minorticks_off()
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.set(xlabel="examples of the new digits", ylabel="unseen new digits read right")
    ax.set_title("Frozen body and training from scratch")
    ax.legend(loc="lower right")

# %% [markdown]
# Compare with the four numbers that you predicted at the beginning. Which of them surprises you most?

# %% tags=["claim"]
frozen_mean, scratch_mean = frozen.mean(axis=1), scratch.mean(axis=1)
assert (frozen_mean[:3] > scratch_mean[:3]).all(), "With up to 200 examples the frozen body is ahead."
gaps = frozen_mean - scratch_mean
assert gaps[:2].max() > gaps[-1], f"The gap is largest where examples are scarce: {gaps}"

# %% [markdown] tags=["reason"]
# **How to read the curve.** From a point on the upper line, go to the right until you meet the lower line: there you see how
# many examples the network trained from scratch needs for the same accuracy. If you reach the edge first, it needs more than
# 1,000. The dots show how much of it is luck.
#
# The curve compares steps, too. Both get the same 200. With 1,000 examples these are too few for the network that starts
# from random weights: in ten trials 1,000 steps made it 1 to 9 percentage points better, mostly 2 or 3.

# %% tags=["solution"]
frozen_mean, scratch_mean = frozen.mean(axis=1), scratch.mean(axis=1)
for n, accuracy in zip(SIZES, frozen_mean):
    needed = 10 ** np.interp(accuracy, scratch_mean, np.log10(SIZES))
    said = f"about {needed:,.0f}" if accuracy < scratch_mean[-1] else "more than 1,000"
    print(f"{n:>5,} examples with the frozen body ({accuracy:.0%}) are worth {said} from scratch")

# %% [markdown] tags=["reason"]
# **A common mistake.** If you forget to put the first weights back, each draw continues where the one before ended. The
# dots then belong to a network that has seen the examples of all draws so far, and the accuracy looks better than it is.

# %% [markdown]
# ### A borrowed body
#
# Often a body is not trained but borrowed, from others who trained it on other pictures. The network of
# `ck.data.load_letters_network()` reads printed letters, a to z, which were drawn from 16 fonts; it has never seen a digit or
# any handwriting. Cut off its head and freeze its body, as in 09.2.
#
# It is compared with the body of `old_model` and with one of random weights: `clone_model` copies layers, but not their
# weights. The features of the letters are 50 to 150 times as large as the random ones, so no learning rate suits all.
# Therefore the features are divided by their standard deviation, and the head is scikit-learn's `RidgeClassifier`, a linear
# model that needs no learning rate: it finds directly where the squared errors plus `alpha` times the squared weights are
# least.
#
# **Predict:** will the line of the letters run near that of 0 to 4, near that of the random body, or between them?

# %%
letters_body = keras.Sequential(ck.data.load_letters_network().layers[:-1])
letters_body.trainable = False
random_body = keras.models.clone_model(letters_body)


def linear_head_on(body):
    """A function that puts a linear head on the features of `body`, and guesses."""

    def learn(x, y, x_unseen):
        seen, unseen = np.array(body(x)), np.array(body(x_unseen))
        size = seen.std()
        return RidgeClassifier(alpha=100).fit(seen / size, y).predict(unseen / size)

    return learn


# %%
if ck.ready("09.3", features, with_frozen_body, from_nothing):
    bodies = {"letters": letters_body, "digits 0 to 4": features, "random weights": random_body}
    curves = {name: accuracies(linear_head_on(body)) for name, body in bodies.items()}
    curves["from scratch, as above"] = scratch
    fig, ax = plt.subplots(figsize=(6.6, 4))
    styles = (("D-", "#009E73"), ("o-", "#0072B2"), ("^:", "#CC79A7"), ("s--", "#D55E00"))
    for (name, shares), (style, color) in zip(curves.items(), styles):
        ax.semilogx(SIZES, shares.mean(axis=1), style, color=color, label=name)
        ax.semilogx(SIZES, shares, ".", color=color, alpha=0.4)
    ax.set_xticks(SIZES, SIZES)
    ax.minorticks_off()
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.set(xlabel="examples of the new digits", ylabel="unseen new digits read right")
    ax.set_title("Three frozen bodies, and training from scratch")
    ax.legend(loc="lower right")

# %% tags=["claim"]
letters, old, random = [curves[name].mean(axis=1) for name in bodies]
nothing = scratch.mean(axis=1)
assert 0.58 < letters[0] < 0.82 and 0.94 < letters[-1] < 0.97, f"60 to 80 % with ten, 95 % with 1,000: {letters}"
for body in (letters, old):
    assert (body > random + 0.03)[1:].all(), f"From 50 on, both bodies are well ahead of random weights: {body - random}"
    assert (body > nothing + 0.02)[1:].all(), f"From 50 on, they are well ahead of training from scratch: {body - nothing}"
assert abs(letters[1] - nothing[2]) < 0.03, f"50 on the letters are about 200 from scratch: {letters[1] - nothing[2]}"
assert (np.abs(letters - old)[2:] < 0.02).all(), f"From 200 on, letters and 0 to 4 are within two points: {letters - old}"
assert (np.abs(letters - old)[:2] < 0.09).all(), f"With fewer examples neither is far ahead: {letters - old}"
sizes = [np.std(body(x_1000)) for body in bodies.values()]
assert 50 < sizes[0] / sizes[2] < 150, f"The features of the letters are 50 to 150 times the random ones: {sizes}"
called = np.array(ck.data.load_letters_network()(x_new_test)).argmax(axis=1)
s_for_5, q_for_9 = np.mean(called[y_new_test == 5] == 18), np.mean(called[y_new_test == 9] == 16)
assert 0.47 < s_for_5 < 0.53 and 0.57 < q_for_9 < 0.63, f"It calls half of the fives an s, 60 % of the nines a q: {called}"

# %% [markdown] tags=["reason"]
# **Why letters help with digits.** Letters too are made of straight strokes, bends, loops and crossings, and some look like
# digits: asked for a letter, the borrowed network calls half of the fives an s, and three nines in five a q. With ten
# examples a head on its body reads 60 to 80 %, with 1,000 about 95 %; 50 examples there are worth about 200 from scratch.
# The body of 0 to 4 is as good, within two points from 200 examples on; with fewer, luck decides which is ahead. From 50
# examples on both are well ahead of the other two lines. Print is not handwriting, but there were more pictures of letters,
# and 26 kinds to tell apart; these curves do not say how much each of these matters.
#
# **How far does that carry?** Few tasks are nearer to digits than letters: bright strokes on a dark ground, fitted into 28 by
# 28 pixels as those of MNIST are. Photographs have colours, textures and a background. How much a body of photographs would
# help with digits, these curves do not say.

# %% [markdown]
# This is the end of session 2, and a good place to stop. In session 3 the body is trained as well.

# %% [markdown]
# ## Session 3 of 3 · Fine-tuning, and when it does harm
#
# About 59 minutes. You need the cells at the top and the next two. If you have done session 1 in this notebook and it is
# still running, they take your networks from there; if you begin here, they build and train simpler ones.

# %%
def small_network():
    """A body of two convolutions, and a head of five outputs."""
    network = keras.Sequential([keras.Input((28, 28, 1))])
    for filters in (16, 32):
        network.add(layers.Conv2D(filters, 5, strides=2, activation="relu"))
    network.add(layers.Flatten())
    network.add(layers.Dense(5, activation="softmax", name="head"))
    return network


def network_for_old_digits():
    network = small_network()
    network.compile("adam", "sparse_categorical_crossentropy", steps_per_execution=50)
    network.fit(x_old, y_old, epochs=4, verbose=0)
    return network


def network_for_new_digits(old_model):
    network = keras.models.clone_model(old_model)
    for layer, old_layer in zip(network.layers[:-1], old_model.layers[:-1]):
        layer.set_weights(old_layer.get_weights())
        layer.trainable = False
    network.compile("adam", "sparse_categorical_crossentropy", steps_per_execution=16)
    network.fit(x_1000, y_1000 - 5, epochs=20, verbose=0)
    return network


# %%
old_model = ck.resume("old_model", network_for_old_digits)
transfer_model = ck.resume("transfer_model", lambda: network_for_new_digits(old_model))

# %% [markdown]
# ## 09.4 · Fine-tuning
#
# **Goal:** train the whole network with small steps, and see what that gains over the frozen body.
#
# The features were made for 0 to 4. **Fine-tuning** adapts them: start from the trained transfer network, make all layers
# trainable, compile again, and train on the same examples with a **small** learning rate, well below the 0.1 that
# `compiled` takes by itself. It has to be small so that the new examples do not wipe out what the body has learned.
#
# - `fine_tuned`: takes (n, 28, 28, 1) and gives (n, 5). It starts from the weights of `transfer_model`, and all of its layers
#   are trained on `x_1000`, `y_1000`. Work on a copy, so that `transfer_model` and `old_model` stay as they are: `copy_of` is
#   given below; `compiled` and `train_briefly` are given at the top.

# %%
def copy_of(network):
    """A network with the same layers and weights that shares nothing with `network`; all of it is trainable."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    for layer in copy.layers:
        layer.trainable = True
    return copy


# %% [markdown]
# **Predict:** by how much will the weights of the body change, relative to their size: by a few per cent, by 20 % or by 100 %?

# %%
ck.expected("09.4")

# %%
# [solution]
fine_tuned = compiled(copy_of(transfer_model), learning_rate=0.03)
train_briefly(fine_tuned, x_1000, y_1000 - 5, steps=400)
# [stub]
# fine_tuned = ...
# [end]

# %%
ck.check("09.4", old_model=old_model, transfer_model=transfer_model, fine_tuned=fine_tuned)

# %%
# ck.hint("09.4")

# %% tags=["picture-09.4"]
if ck.ready("09.4", fine_tuned):
    before = old_model.get_weights()[0:-2:2]  # every second array: without the biases, and without the head
    after = fine_tuned.get_weights()[0:-2:2]
    moved = [np.linalg.norm(new - old) / np.linalg.norm(old) for old, new in zip(before, after)]
    fig, ax = plt.subplots(figsize=(6, 2.8))
    bars = ax.barh([f"layer {i + 1} of the body" for i in range(len(moved))], moved, height=0.5)
    ax.bar_label(bars, [f"{share:.1%}" for share in moved], padding=3)
    ax.xaxis.set_major_formatter("{x:.1%}")
    ax.set(xlabel="distance moved / size of the weights", xlim=(0, 1.3 * max(moved)))
    ax.set_title("How far fine-tuning moves the body")

# %% tags=["claim"]
assert max(moved) < 0.5, "Fine-tuning moves the body a little."
gain = accuracy_on_new(fine_tuned) - accuracy_on_new(transfer_model)
assert -0.01 < gain < 0.02, f"The gain is small: {gain:.3f}"

# %% [markdown] tags=["reason"]
# **Why a little is enough.** The head reads most digits already, so only the few that it still confuses send sizeable
# gradients into the body. A network trained from scratch would spend the same steps on learning what a stroke is. The gain
# is small here, and in some runs there is none, because the strokes of 0 to 4 suit 5 to 9 well already; the further apart
# two tasks are, the more there is to adapt.

# %% tags=["solution"]
for name, model in (("frozen body", transfer_model), ("fine-tuned", fine_tuned)):
    print(f"{name:<12} {accuracy_on_new(model):.1%} of unseen new digits")

# %% [markdown]
# ## 09.5 · When it hurts
#
# **Goal:** measure what the body forgets, and break it.
#
# Put the old head back on the body of a fine-tuned network: does it still read 0 to 4? When a network loses an old task
# while it learns a new one, this is called **catastrophic forgetting**.
#
# - `remembered(network)`: takes a network such as `fine_tuned` and returns the share (0 to 1) of `x_old_test`, `y_old_test` that
#   its body reads with the head of `old_model`. It must leave `network` and `old_model` as they are. `get_weights()` returns a
#   list; its last two arrays are the weights and the biases of the head.
# - `broken`: a copy of `transfer_model`, trained as in 09.4 on `x_1000`, `y_1000`, with a learning rate so large that its
#   accuracy on the new digits is at least 5 percentage points below that of `transfer_model`, and that `remembered(broken)` is below 0.8.

# %%
ck.expected("09.5")

# %%
def remembered(network):
    """The share of old test digits that the network's body reads under the old head."""
    # [solution]
    hybrid = copy_of(old_model)
    hybrid.set_weights(network.get_weights()[:-2] + old_model.get_weights()[-2:])
    return np.mean(np.array(hybrid(x_old_test)).argmax(axis=1) == y_old_test)
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
for rate in (0.4, 0.5, 0.6, 0.7):  # turn it up until it breaks
    broken = compiled(copy_of(transfer_model), learning_rate=rate)
    train_briefly(broken, x_1000, y_1000 - 5, steps=100)
    if remembered(broken) < 0.4:
        break
# [stub]
# broken = ...
# [end]

# %%
ck.check("09.5", old_model=old_model, transfer_model=transfer_model,
         remembered=remembered, broken=broken)

# %%
# ck.hint("09.5")

# %% [markdown]
# The next cells try six learning rates, from tiny to huge, with 1,000 examples and with ten. The head has learned
# from 1,000 examples before, in both cases. **Predict:** with ten, will any of them gain something over the frozen body?

# %%
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 0.8)


def scan(n):
    """New digits read and old digits remembered after fine-tuning on n examples, shape (rates, 2)."""
    x, y = draw_examples(n, draw=0)
    network = compiled(copy_of(transfer_model))
    rows = []
    for rate in RATES:
        network.set_weights(transfer_model.get_weights())
        network.optimizer.learning_rate = rate
        train_briefly(network, x, y - 5, steps=100)
        rows.append([accuracy_on_new(network), remembered(network)])
    return np.array(rows)


# %% tags=["picture-09.5"]
if ck.ready("09.5", remembered):
    fig, axs = plt.subplots(1, 2, figsize=(9.6, 3.6), sharey=True)
    scans = {1000: scan(1000), 10: scan(10)}
    for ax, (n, rows) in zip(axs, scans.items()):
        ax.semilogx(RATES, rows[:, 0], "o-", label="new digits, 5 to 9")
        ax.semilogx(RATES, rows[:, 1], "s--", label="old digits, 0 to 4")
        ax.axhline(accuracy_on_new(transfer_model), color="black", linestyle=":", label="new digits, frozen body")
        ax.set(xlabel="learning rate", title=f"fine-tuned on {n:,} examples")
        ax.yaxis.set_major_formatter("{x:.0%}")
    axs[0].set_ylabel("read right")
    axs[0].legend(loc="lower left")
    fig.suptitle("Fine-tuning with six learning rates")

# %% tags=["claim"]
frozen = accuracy_on_new(transfer_model)
assert scans[1000][-1, 1] < scans[1000][0, 1] - 0.2, f"Large steps forget: {scans[1000][:, 1]}"
assert scans[10][:, 0].max() < frozen + 0.01, f"Ten examples gain next to nothing: {scans[10][:, 0] - frozen}"

# %% [markdown] tags=["reason"]
# **What the picture shows.** In the left panel, the small rates lie close together: the network reads about as well as with
# the frozen body, and still remembers. With the largest rates the steps overshoot. The head reads nearly all of the first
# batch, and its gradient is small; but a step that is too long raises the loss, so the next gradient is larger, and the next
# step longer still. Within a few steps the body is destroyed, and training continues from bad weights. In the right panel,
# no rate gains anything worth having: the network adapts to its ten pictures and reads the others about as well as before,
# or worse. With few examples, keep the body frozen: training it gains nothing.
#
# A broken network often gives the same answer whatever it sees. Then its ReLUs are dead: their inputs are negative for
# every picture, so their gradient is 0, and no further training brings them back.

# %% tags=["solution"]
guesses, counts = np.unique(5 + np.array(broken(x_new_test)).argmax(axis=1), return_counts=True)
print("the broken network's guesses:", {int(g): int(c) for g, c in zip(guesses, counts)})
print(f"old digits remembered: fine-tuned {remembered(fine_tuned):.0%}, broken {remembered(broken):.0%}")

# %% [markdown] tags=["reason"]
# **Bodies that others have trained.** Bodies that took days to train can be downloaded. Many were trained on ImageNet, 1.2
# million photographs in 1,000 classes: `keras.applications.MobileNetV3Small(include_top=False, weights="imagenet",
# pooling="avg")` gives such a body without its head. Then you go on as in 09.2: freeze it, put a new head on it, and train on
# a few hundred pictures of your own. The first layers, which see edges and colours, serve nearly all photographs; the further
# the new pictures are from the old ones, the less the later layers help. For two large sets of medical pictures Raghu and
# others (2019) found that such a body gained little over small networks trained from scratch. So measure it, as you did with
# the body of the letters.

# %% [markdown]
# ## What did you observe?
#
# 1. Where are the two lines of 09.3 furthest apart, and why?
# 2. Why did the body change so little in 09.4?
# 3. A frozen body forgets nothing. Why not always freeze it?
# 4. What would you expect if the old task had been photographs of cats and dogs?
#
# <details><summary>Answers</summary>
#
# 1. Usually at 10 or 50 examples: what a stroke is, the body knows already, and a few examples do not teach it. With three
#    draws luck has its say, so your widest place may be another one. With 1,000 examples the network from scratch can learn
#    most of it from them, if it gets enough steps.
# 2. The learning rate was small, and the head had been trained before: where the answers are right already, the gradients
#    are small too.
# 3. Its features were made for another task. With enough examples the network can find better ones, and then a frozen body
#    sets the limit.
# 4. The first layer, which finds edges, would still help a little; later layers would describe fur. The more alike two tasks
#    are, the more can be carried over.
#
# </details>
#
# ## Go further
#
# - Swap the two tasks: learn 5 to 9 first. Is that an equally good preparation?
# - Train the old network on only two digits, or on 500 pictures. How much must a body have seen before it is worth freezing?
# - Unfreeze only the last convolution. Is that as good as unfreezing everything?
#
# ## Summary
#
# The body of a trained network describes pictures; the head names them. If you freeze the body, a new head learns from few
# examples, and cheaply, because the features are computed only once. With more examples, fine-tune all layers with a small
# learning rate. Large steps destroy what was learned, and the new task alone will not tell you so: measure the old one too.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - Pratt, L. Y. (1993). Discriminability-based transfer between neural networks. *NeurIPS 5*.
# - McCloskey, M., Cohen, N. J. (1989). Catastrophic interference in connectionist networks: the sequential learning
#   problem. *Psychology of Learning and Motivation*, 24, 109–165.
# - Yosinski, J., Clune, J., Bengio, Y., Lipson, H. (2014). How transferable are features in deep neural networks?
#   *NeurIPS 27*.
# - Donahue, J., et al. (2014). DeCAF: a deep convolutional activation feature for generic visual recognition. *ICML*.
# - Raghu, M., Zhang, C., Kleinberg, J., Bengio, S. (2019). Transfusion: understanding transfer learning for medical imaging.
#   *NeurIPS 32*, arXiv:1902.07208.
# - LeCun, Y., Bottou, L., Bengio, Y., Haffner, P. (1998). Gradient-based learning applied to document recognition.
#   *Proceedings of the IEEE*, 86, 2278–2324.
