# %% [markdown]
# # 09 · Transfer learning
#
# A network that reads the digits 0 to 4 has learned what strokes look like. Keep what it knows, and it reads 5 to 9 from
# a few examples.
#
# About 75 min · CPU about 25 s · GPU optional
#
# **Before you start** you should know convolutional networks in Keras (notebook 04).
#
# ## You will learn
#
# - how to cut off the head of a trained network, freeze its body and put on a new head;
# - how much that saves: a learning curve from 10 to 1,000 examples, against the same network from nothing;
# - how to fine-tune, and when it hurts: large steps, and too few examples.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported: then it loads without notices

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

# %% [markdown]
# ## Look at the data
#
# MNIST, in two halves: the **old** digits 0 to 4, of which there are plenty, and the **new** ones, 5 to 9, which are
# scarce. Pictures have shape (n, 28, 28, 1), grey values in [0, 1]. Labels are the digits themselves.

# %%
(x_train, y_train), (x_test, y_test) = ck.data.load_mnist()
x_train, x_test = (x[..., None].astype("float32") / 255 for x in (x_train, x_test))

x_old, y_old = x_train[y_train < 5][:15_000], y_train[y_train < 5][:15_000]
x_old_test, y_old_test = x_test[y_test < 5][:2000], y_test[y_test < 5][:2000]
x_new, y_new = x_train[y_train >= 5], y_train[y_train >= 5]
x_new_test, y_new_test = x_test[y_test >= 5][:2000], y_test[y_test >= 5][:2000]


# %%
def draw_examples(n, draw):
    """n of the new training digits, as many of each; another `draw`, other digits."""
    rng = np.random.default_rng([seed, n, draw])
    of_each = [rng.choice(np.flatnonzero(y_new == digit), n // 5, replace=False) for digit in range(5, 10)]
    rows = rng.permutation(np.concatenate(of_each))
    return x_new[rows], y_new[rows]


x_ten, y_ten = draw_examples(10, draw=0)
ck.plot.image_grid(x_ten, y_ten, n_columns=10, title="Ten examples: two of each new digit");

# %% [markdown]
# ## Predict before you run
#
# You have just seen ten examples, and could read thousands of such digits. A network that learns from these ten
# alone: how many of 100 unseen digits does it read? And one that could read 0 to 4 already? Write down two numbers; then
# two for 1,000 examples.

# %% [markdown]
# ## 09.1 · Learn 0 to 4
#
# **Goal:** build a small convolutional network and train it on the old digits.
#
# Think of it as two parts. The **body** turns a picture into numbers that describe it, its **features**. The
# **head**, the last layer, turns the features into classes.
#
# - `build_network()`: gives a new, untrained network: pictures (n, 28, 28, 1) to five probabilities, (n, 5). The body
#   begins with convolutions and ends with `Flatten`; the head is one `Dense` layer with softmax. Keep it small, below
#   50,000 parameters, but not too small: all later exercises live on this body, so give it two or three convolutions of
#   16 to 32 filters.
# - `old_model`: such a network, trained on `x_old`, `y_old`.

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

# %% [markdown] tags=["solution"]
# **What does it make of a 7?** It has never seen one and has no output for it. It answers all the same, and is often
# sure: a softmax has no way to say "none of these". The features behind the answer are another matter: they describe
# strokes and their places, and a 7 has those too.

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
# Freezing a layer means `layer.trainable = False`, *before* `compile`: training then leaves its weights alone. The
# head starts from nothing, and a head of five outputs counts its classes from 0: output 0 stands for digit 5, output
# 4 for digit 9.
#
# - `transfer_model`: takes (n, 28, 28, 1), gives (n, 5). All layers of `old_model` but its last, frozen, and a new
#   `Dense` head, trained on `x_1000`, `y_1000`.
# - `n_trainable`: how many weights training could move in it, worked out by hand.
#
# The next cell notes what the body weighs before you begin; the check compares.

# %%
x_1000, y_1000 = draw_examples(1000, draw=0)
weights_before = ... if old_model is ... else old_model.get_weights()

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
if transfer_model is ...:
    ck.plot.confusion_matrix(..., ..., exercise="09.2")
else:
    read = 5 + np.array(transfer_model(x_new_test)).argmax(axis=1)
    ax = ck.plot.confusion_matrix(y_new_test - 5, read - 5, title="Strokes learned on 0 to 4 tell 5 to 9 apart")
    ax.set_xticks(range(5), range(5, 10))
    ax.set_yticks(range(5), range(5, 10));

# %% [markdown] tags=["solution"]
# **Is it the body that helps?** Take a body that has learned nothing: the same layers with random weights, frozen. A
# head on top of random features is not bad, and that is the fair yardstick for "the body has learned something
# useful".

# %% tags=["solution"]
random_body = keras.Sequential([keras.Input((28, 28, 1)), *build_network().layers[:-1]])
random_body.trainable = False
on_random = keras.Sequential([*random_body.layers, layers.Dense(5, activation="softmax")])
on_random.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
on_random.fit(x_1000, y_1000 - 5, batch_size=32, epochs=12, verbose=0)
for name, model in (("random body", on_random), ("body of 0 to 4", transfer_model)):
    share = np.mean(np.array(model(x_new_test)).argmax(axis=1) == y_new_test - 5)
    print(f"{name:<15} {share:.1%} of unseen new digits")

# %% [markdown] tags=["solution"]
# **Traps.** A layer is an object: `transfer_model` *shares* its body with `old_model`. Had you trained without
# freezing, `old_model` would have changed too, and would no longer read 0 to 4. And `trainable` is read by `compile`;
# set later, it comes too late. With `BatchNormalization` in the body there is more to freeze than gradients see: the
# running mean and variance move in every training step. Keras stops them when `trainable` is `False`; a body frozen
# by other means would drift.

# %% [markdown]
# ## 09.3 · From 10 to 1,000 examples
#
# **Goal:** measure how much the frozen body saves, against the same network from nothing.
#
# A frozen body gives the same features for a picture every time. So compute them **once** and train the head alone,
# as a network of its own: no convolution in any training step. Then repeat: new examples, a new head, and again. One
# draw of ten examples may be lucky; several draws show by how much luck counts.
#
# - `features(x)`: pictures (n, 28, 28, 1) to features (n, k), an array, by the body of `old_model`.
# - `with_frozen_body(x, y, x_unseen)`: learns from pictures `x` with labels `y`, 5 to 9, by a new head on the frozen
#   body; gives its guesses for `x_unseen`, an array of digits 5 to 9.
# - `from_nothing(x, y, x_unseen)`: the same with the whole network of `build_network()`, trained from random weights.
#
# `train_briefly` is given: 200 steps on batches of 32, however few examples there are. It uses plain gradient descent
# (`SGD`), which keeps no memory of earlier steps. So one compiled network serves for all draws, if you put its first
# weights back each time.

# %%
def compiled(network, learning_rate=0.1):
    """The network, ready for plain gradient descent."""
    loss = "sparse_categorical_crossentropy"
    network.compile(keras.optimizers.SGD(learning_rate), loss, steps_per_execution=50)
    return network


def train_briefly(network, x, y, steps=200):
    """Train from the present weights; `y` counts from 0. The examples are repeated as often as it takes."""
    rows = np.resize(np.random.permutation(len(x)), 32 * steps)
    network.fit(x[rows], y[rows], batch_size=32, verbose=0)


# %%
ck.expected("09.3")

# %%
def features(x):
    """What the body of `old_model` makes of pictures."""
    # [solution]
    return np.array(body(x))
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
head = compiled(keras.Sequential([keras.Input((288,)), layers.Dense(5, activation="softmax")]))
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
# Now the learning curve: three draws for each number of examples.

# %%
SIZES = (10, 50, 200, 1000)


def accuracies(learn, draws=3):
    """The share of unseen new digits read right, (sizes, draws); `...` while `learn` is not written."""
    rows = []
    for n in SIZES:
        guesses = [learn(*draw_examples(n, draw), x_new_test[:1000]) for draw in range(draws)]
        if guesses[0] is ...:
            return ...
        rows.append([np.mean(np.ravel(guess) == y_new_test[:1000]) for guess in guesses])
    return np.array(rows)


curves = {"frozen body": accuracies(with_frozen_body), "from nothing": accuracies(from_nothing)}


# %%
def draw_curves(curves, title, exercise):
    """Accuracy against the number of examples: every draw a dot, the mean a line."""
    if any(curve is ... for curve in curves.values()):
        return ck.plot.waiting(exercise=exercise)
    _, ax = plt.subplots(figsize=(6.6, 4))
    for (name, curve), marker, line in zip(curves.items(), "osD", ("-", "--", ":")):
        (drawn,) = ax.semilogx(SIZES, curve.mean(axis=1), line, marker=marker, label=name)
        ax.semilogx(SIZES, curve, ".", color=drawn.get_color(), alpha=0.4)
    ax.set_xticks(SIZES, [f"{n:,}" for n in SIZES])
    ax.minorticks_off()
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.set(xlabel="examples of the new digits", ylabel="unseen new digits read right", title=title)
    ax.legend(loc="lower right")
    return ax


# %% tags=["picture-09.3"]
draw_curves(curves, "What was learned on 0 to 4 pays off on 5 to 9", "09.3");

# %% [markdown] tags=["solution"]
# **How to read it.** Go from a point of the upper line to the right until you meet the lower one: there you see how
# many examples the network from nothing needs for the same accuracy. The dots say how much of it is luck.

# %% tags=["solution"]
frozen_mean, nothing_mean = (curve.mean(axis=1) for curve in curves.values())
for n, accuracy in zip(SIZES, frozen_mean):
    needed = 10 ** np.interp(accuracy, nothing_mean, np.log10(SIZES))
    said = f"about {needed:,.0f}" if accuracy < nothing_mean[-1] else "more than 1,000"
    print(f"{n:>5,} examples with the frozen body ({accuracy:.0%}) are worth {said} from nothing")

# %% [markdown] tags=["solution"]
# **A wrong way.** Forget to put the first weights back, and each draw goes on where the one before ended. The dots
# then show a network that has seen the examples of all draws, and the gain looks larger than it is.

# %% [markdown]
# ## 09.4 · Fine-tuning
#
# **Goal:** let the whole network move a little, and gain what the frozen body could not give.
#
# The features were made for 0 to 4. **Fine-tuning** adapts them: start from the trained transfer network, make all
# layers trainable, compile again, and train on the same examples with a **small** learning rate. Small, because the
# body is nearly right already.
#
# - `fine_tuned`: takes (n, 28, 28, 1), gives (n, 5); starts from the weights of `transfer_model`, all layers trained
#   on `x_1000`, `y_1000`. Work on a copy: `transfer_model` and `old_model` stay as they are. `copy_of` is given.

# %%
def copy_of(network):
    """A network with the same layers and weights that shares nothing with `network`; all of it trainable."""
    if network is ...:
        return ...
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    for layer in copy.layers:
        layer.trainable = True
    return copy


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
if fine_tuned is ...:
    ck.plot.waiting(exercise="09.4")
else:
    fig, ax = plt.subplots(figsize=(6, 2.8))
    pairs = list(zip(old_model.get_weights(), fine_tuned.get_weights()))[:-1:2]
    moved = [np.linalg.norm(b - a) / np.linalg.norm(a) for a, b in pairs[:-1]]
    bars = ax.barh([f"layer {i + 1} of the body" for i in range(len(moved))], moved, height=0.5)
    ax.bar_label(bars, [f"{share:.0%}" for share in moved], padding=3)
    ax.set(xlabel="distance moved / size of the weights", xlim=(0, 1.3 * max(moved)))
    ax.set_title("Fine-tuning moves the body a little")

# %% [markdown] tags=["solution"]
# **Why a little is enough.** The head already reads most digits, so the gradients that reach the body are small and
# point to what is still confused. From nothing, the same steps would go into finding strokes at all. The gain is
# small here, because strokes of 0 to 4 fit 5 to 9 well already; the further apart the tasks, the more there is to
# adapt.

# %% tags=["solution"]
for name, model in (("frozen body", transfer_model), ("fine-tuned", fine_tuned)):
    share = np.mean(np.array(model(x_new_test)).argmax(axis=1) == y_new_test - 5)
    print(f"{name:<12} {share:.1%} of unseen new digits")

# %% [markdown]
# ## 09.5 · When it hurts
#
# **Goal:** measure what the body forgets, and break it.
#
# Put the old head back on the body of a fine-tuned network: does it still read 0 to 4? What a network loses of the
# old task while it learns a new one is called **catastrophic forgetting**.
#
# - `remembered(network)`: takes a network such as `fine_tuned`, gives the share (0 to 1) of `x_old_test`,
#   `y_old_test` that its body reads with the head of `old_model`. It must leave `network` and `old_model` as they
#   are.
# - `broken`: a copy of `transfer_model`, trained as in 09.4 on `x_1000`, `y_1000`, with a learning rate so large that
#   it reads at least 5 of 100 *new* digits fewer than `transfer_model`, and that its body remembers fewer than 80 of
#   100 old ones.

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
# Between 09.4 and 09.5 lies a whole range. Scan it, with plenty of examples and with ten.

# %%
RATES = (0.003, 0.01, 0.03, 0.1, 0.2, 0.4)


def scan(sizes):
    """For each number of examples: new digits read and old digits remembered after fine-tuning, (rates, 2)."""
    if broken is ... or remembered(broken) is ...:
        return ...
    network, start, scans = compiled(copy_of(transfer_model)), transfer_model.get_weights(), {}
    for n in sizes:
        (x, y), rows = draw_examples(n, draw=0), []
        for rate in RATES:
            network.set_weights(start)
            network.optimizer.learning_rate = rate
            train_briefly(network, x, y - 5, steps=100)
            right = np.array(network(x_new_test)).argmax(axis=1) == y_new_test - 5
            rows.append([right.mean(), remembered(network)])
        scans[n] = np.array(rows)
    return scans


scans = scan(sizes=(1000, 10))

# %% tags=["picture-09.5"]
if scans is ...:
    ck.plot.waiting(exercise="09.5")
else:
    fig, axs = plt.subplots(1, 2, figsize=(9.6, 3.6), sharey=True)
    frozen = np.mean(np.array(transfer_model(x_new_test)).argmax(axis=1) == y_new_test - 5)
    for ax, (n, rows) in zip(axs, scans.items()):
        ax.semilogx(RATES, rows[:, 0], "o-", label="new digits, 5 to 9")
        ax.semilogx(RATES, rows[:, 1], "s--", label="old digits, 0 to 4")
        ax.axhline(frozen, color="black", linewidth=1, linestyle=":", label="new digits, frozen body")
        ax.set(xlabel="learning rate", title=f"fine-tuned on {n:,} examples")
        ax.yaxis.set_major_formatter("{x:.0%}")
    axs[0].set_ylabel("read right")
    axs[0].legend(loc="lower left")
    fig.suptitle("Large steps forget, and ten examples can only spoil")

# %% [markdown] tags=["solution"]
# **What happens on the left of the picture.** Steps too small to move anything: the network stays what it was. In the
# middle the body adapts and still remembers. On the right the first steps, with large gradients from examples that
# the head still gets wrong, tear up the body; what comes after is training from bad weights. With ten examples no
# rate gains anything: the network bends to these ten pictures and reads the others worse than before. Few examples:
# keep the body frozen. A network at chance answers one digit whatever it sees: its ReLUs are dead, and nothing brings
# them back.

# %% tags=["solution"]
guesses, counts = np.unique(5 + np.array(broken(x_new_test)).argmax(axis=1), return_counts=True)
print("the broken network's guesses:", {int(g): int(c) for g, c in zip(guesses, counts)})
print(f"old digits remembered: fine-tuned {remembered(fine_tuned):.0%}, broken {remembered(broken):.0%}")

# %% [markdown]
# ## What did you observe?
#
# 1. Where are the two lines of 09.3 furthest apart, and why do they come together?
# 2. Why may the head be trained with a larger learning rate than the body?
# 3. A frozen body forgets nothing. Why not always freeze?
# 4. What would you expect if the old task were photographs of cats and dogs?
#
# <details><summary>Answers</summary>
#
# 1. Where examples are scarce. What the body brings along is worth a number of examples; once you have those, you can
#    learn it from them.
# 2. The head starts from nothing and has far to go; the body is nearly where it should be.
# 3. Its features were made for another task. With enough examples the network can find better ones, and from then on
#    a frozen body is the limit.
# 4. The first layer, which finds edges, would still help a little; later layers would describe fur. The nearer the
#    tasks, the more there is to carry over.
#
# </details>
#
# ## Go further
#
# - Exchange the tasks: learn 5 to 9 first. Is it as good a preparation?
# - Train the old network on only two digits, or on 500 pictures. How much must a body have seen to be worth freezing?
# - Unfreeze only the last convolution. Is that as good as unfreezing all?
#
# ## Summary
#
# The body of a trained network describes pictures; the head names them. Freeze the body, and a new head learns from
# few examples, at little cost, because features are computed once. With more examples, fine-tune all layers with a
# small learning rate. Large steps destroy what was learned, and what is destroyed cannot be noticed on the new task
# alone: measure the old one too.

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
# - LeCun, Y., Bottou, L., Bengio, Y., Haffner, P. (1998). Gradient-based learning applied to document recognition.
#   *Proceedings of the IEEE*, 86, 2278–2324.
