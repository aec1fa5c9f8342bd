# %% [markdown]
# # 07 · Two networks against each other
#
# One network makes up samples, the other tries to tell them from real ones. If all goes well, both get better, until the made-up
# samples are hard to tell from real ones. This is a **generative adversarial network**, a GAN.
#
# About 254 minutes in 4 sessions · CPU about 30 s · GPU optional
#
# **Before you start** you should know Keras layers and gradients (notebook 01) and convolutions (notebook 04).
#
# ## You will learn
#
# - what each of the two networks minimises, and how to write their training step yourself with `tf.GradientTape`;
# - how to notice that a generator has collapsed, and what prevents it;
# - how to judge generated digits without looking at them, and how a GAN can replace a slow simulation of a particle detector.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported, so that TensorFlow's start-up messages stay hidden

import random
import time
import timeit

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import layers
from scipy.optimize import curve_fit
from scipy.special import gamma

# %% [markdown]
# ## Look at the data
#
# The first distribution to imitate is small enough to see: eight Gaussian spots with a standard deviation of 0.1, on a
# circle of radius 2. Each spot is a **mode** of the distribution, a place where the points are dense. The networks are not
# told any formula; they see only points. `ring_batch` draws new ones.

# %%
angles = np.arange(8) * np.pi / 4
centres = np.stack([2 * np.cos(angles), 2 * np.sin(angles)], axis=1).astype("float32")
spread = 0.1


def ring_batch(n=256):
    """New points of the ring, a tensor of shape (n, 2)."""
    chosen = tf.gather(centres, tf.random.uniform((n,), 0, 8, tf.int32))
    return chosen + spread * tf.random.normal((n, 2))


ring_batch(5)


# %%
def ring_panel(ax, points, title):
    """Points in colour; a grey circle around each centre holds the real ones."""
    for centre in centres:
        ax.add_patch(plt.Circle(centre, 3 * spread, color="#B0B0B0", fill=False))
    ax.plot(*np.asarray(points).T, ".", markersize=2, alpha=0.5)
    ax.set(xlim=(-4, 4), ylim=(-4, 4), aspect="equal", xticks=[], yticks=[])
    ax.set_title(title, fontsize=10)


fig, ax = plt.subplots(figsize=(3.6, 3.6))
ring_panel(ax, ring_batch(2000), "Real points: eight modes")

# %% [markdown]
# A **generator** $G$ turns noise $z$, eight numbers from a normal distribution, into a point $G(z)$. A **discriminator** $D$
# gives each point one number, its **logit** $a$. A large logit means that it takes the point for a real one: the
# probability is the sigmoid of the logit, $\sigma(a) = 1 / (1 + e^{-a})$.
#
# The next cells hold the networks for the ring, and the optimisers and the training loop, which every GAN of this notebook
# uses. Read them when you come to 07.2.

# %%
LATENT = 8  # numbers of noise for one point


def mlp(n_inputs, n_outputs):
    """A small network: two hidden layers of 64 units."""
    return keras.Sequential([
        keras.Input((n_inputs,)),
        layers.Dense(64, activation="leaky_relu"),
        layers.Dense(64, activation="leaky_relu"),
        layers.Dense(n_outputs),
    ])


def optimizer_for(network, rate, steps, kind="adam", beta_2=0.999):
    """Adam (or plain descent, "sgd") for one network; the learning rate falls from `rate` to 0 along a cosine."""
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    if kind == "sgd":
        optimizer = keras.optimizers.SGD(schedule)
    else:
        # A short memory (beta_1 is 0.9 by default): the slopes change as the other network learns.
        optimizer = keras.optimizers.Adam(schedule, beta_1=0.5, beta_2=beta_2)
    optimizer.build(network.trainable_variables)  # its own variables must exist before a tf.function runs
    return optimizer


# %%
# Each training builds a graph of its own, and should. TensorFlow would warn of it after five of them ("retracing").
tf.get_logger().addFilter(lambda record: "retracing" not in record.getMessage())


def train(gan, step, real_batch, noise_batch, look, looks):
    """Train, and return what `look(generator)` gives after each number of steps in `looks`, as a dict."""
    step = getattr(step, "python_function", step)  # the plain function, if the step was made a tf.function

    @tf.function
    def many(n):
        for _ in tf.range(n):
            step(*gan, real_batch(), noise_batch())

    seen, done = {}, 0
    for target in looks:
        many(tf.constant(target - done))  # a tensor: for each new whole number the graph would be built again
        seen[target] = look(gan[0])
        done = target
    return seen


# %% [markdown]
# `train` stops now and then to `look` at the generator. The steps between two looks run inside a `tf.function`: TensorFlow
# turns them into a graph once, which then runs without Python. So inside a step you cannot ask for the value of a tensor, as
# `loss.numpy()` would.

# %%
def ring_noise(n=256):
    return tf.random.normal((n, LATENT))


def ring_look(generator):
    """2,000 points of a generator."""
    return np.array(generator(ring_noise(2000)))


def ring_strip(seen, title):
    """The points of the generator after each number of steps."""
    fig, axs = plt.subplots(1, len(seen), figsize=(2 * len(seen), 2.6))
    for ax, (steps, points) in zip(axs, seen.items()):
        ring_panel(ax, points, f"{steps:,} step{'s' if steps > 1 else ''}")
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)


def build_gan(d_rate, g_rate, steps=5000, kind="adam"):
    """A new GAN for the ring: generator, discriminator, and an optimiser for each, with its learning rate."""
    generator, discriminator = mlp(LATENT, 2), mlp(2, 1)
    g_optimizer = optimizer_for(generator, g_rate, steps, kind)
    d_optimizer = optimizer_for(discriminator, d_rate, steps, kind)
    return generator, discriminator, g_optimizer, d_optimizer


# %% [markdown]
# ## Session 1 of 4 · Two losses, and one training step
#
# About 81 minutes. You need the cells above. You write the losses of both players and the step that trains them.
#
# **Predict before you run.** The generator is told only how well its points fool the discriminator. Does that force it to
# visit all eight spots? Write down what you expect the generator to do if it finds one spot before the others, and how the
# discriminator would respond.

# %% [markdown]
# ## 07.1 · The two losses by hand
#
# **Goal:** write both losses in terms of logits, and see which weight moves in which step.
#
# The discriminator is a classifier: real points have the label 1, made-up points the label 0. Its loss is the binary
# cross-entropy, averaged over the real points and over the made-up ones, and then added up. The generator wants its points
# to be taken for real. With $a_i$ the logits of $n$ real points and $b_j$ those of $m$ made-up ones:
#
# $$L_D = -\frac{1}{n} \sum_i \log \sigma(a_i) - \frac{1}{m} \sum_j \log (1 - \sigma(b_j)), \qquad
# L_G = -\frac{1}{m} \sum_j \log \sigma(b_j)$$
#
# - `d_loss(real_logits, fake_logits)` and `g_loss(fake_logits)`: arrays in, a number out. They must be right even for a logit of
#   1000, where $\sigma$ rounds to 1 and the formula above would take the logarithm of 0. Use $-\log \sigma(a) = \log(1 + e^{-a})$,
#   and let `np.logaddexp(0, x)` compute $\log(1 + e^{x})$ without overflow.
#
# The smallest possible GAN has two weights (Mescheder, Geiger and Nowozin, 2018). All real points are at $x = 0$, the
# generator always makes the point $x = \theta$, and the discriminator's logit for a point $x$ is $\psi x$. Therefore
# $L_D = \log 2 - \log(1 - \sigma(\psi \theta))$ and $L_G = -\log \sigma(\psi \theta)$.
#
# - `d_step(theta, psi, rate)`: one step of gradient descent by the discriminator on $L_D$, with the learning rate `rate`;
#   returns `(theta, psi)`.
# - `g_step(theta, psi, rate)`: one step by the generator on $L_G$; returns `(theta, psi)`.
#
# Each player changes only its own weight. The derivatives that you need are $\frac{d}{da} \log \sigma(a) = \sigma(-a)$ and
# $\frac{d}{da} \log (1 - \sigma(a)) = -\sigma(a)$, and the chain rule. `sigmoid` is given.

# %%
ck.expected("07.1")

# %%
def d_loss(real_logits, fake_logits):
    """What the discriminator minimises."""
    # [solution]
    return np.mean(np.logaddexp(0, -real_logits)) + np.mean(np.logaddexp(0, fake_logits))
    # [stub]
    # return ...
    # [end]


def g_loss(fake_logits):
    """What the generator minimises."""
    # [solution]
    return np.mean(np.logaddexp(0, -fake_logits))
    # [stub]
    # return ...
    # [end]


# %%
def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def d_step(theta, psi, rate):
    """One step of the discriminator."""
    # [solution]
    return theta, psi - rate * theta * sigmoid(psi * theta)
    # [stub]
    # return ...
    # [end]


def g_step(theta, psi, rate):
    """One step of the generator."""
    # [solution]
    return theta + rate * psi * sigmoid(-psi * theta), psi
    # [stub]
    # return ...
    # [end]


# %%
ck.check("07.1", d_loss=d_loss, g_loss=g_loss, d_step=d_step, g_step=g_step)

# %%
# ck.hint("07.1")  # take the first # away and run this line for a hint; run it again for the next

# %% [markdown]
# Now let the two play, step by step. The solution is $\theta = 0$, where made-up and real points agree, and $\psi = 0$, where
# the discriminator can only guess. They begin at $\theta = 1$. **Predict:** will they get there?

# %%
def play(d_step, g_step, steps=600, rate=0.1):
    """The path of (theta, psi) from the start on, shape (steps + 1, 2)."""
    theta, psi = 1.0, 0.0
    path = [(theta, psi)]
    for _ in range(steps):
        theta, psi = d_step(theta, psi, rate)
        theta, psi = g_step(theta, psi, rate)
        path.append((theta, psi))
    return np.array(path)


# %% tags=["picture-07.1"]
if ck.ready("07.1", d_step, g_step):
    path = play(d_step, g_step)
    fig, ax = plt.subplots(figsize=(5, 3.6))
    ax.plot(*path.T, linewidth=1)
    ax.plot(*path[0], "o", label="start")
    ax.plot(0, 0, "k*", markersize=12, label="solution")
    ax.set(xlabel=r"$\theta$, where the generator is", ylabel=r"$\psi$, slope of the discriminator's logit")
    ax.set_title("The path of the two players")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))

# %% [markdown] tags=["reason"]
# **Why they circle.** Each step goes downhill on its own loss, and changes the loss of the other player. The generator moves to
# where the logit of the discriminator is higher; when it has gone past the solution, the discriminator turns round, and so on.
# They come nearer only very slowly: the distance from the solution is still 0.35 after 600 steps. There is no common loss that
# falls, so "the loss goes down" is no sign of progress in a GAN.

# %% [markdown]
# One remedy is to penalise a steep discriminator: add $\frac{\gamma}{2} \psi^2$ to $L_D$, where $\psi$ is the slope of the logit at
# the real points and $\gamma$ a small number. This is the R1 penalty of the same paper. Its derivative is $\gamma \psi$.
# **Predict:** what will it do to the path?

# %%
def calmer_d_step(theta, psi, rate, gamma=0.3):
    """The discriminator's step with a penalty on its slope."""
    return theta, d_step(theta, psi, rate)[1] - rate * gamma * psi


if ck.ready("07.1", d_step, g_step):
    calm = play(calmer_d_step, g_step)
    fig, ax = plt.subplots(figsize=(6, 3))
    for name, points, line in (("plain", path, "-"), ("with penalty", calm, "--")):
        ax.plot(np.hypot(*points.T), line, label=name)
    ax.set(xlabel="step", ylabel="distance from the solution", title="With and without a penalty on the slope")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))

# %% [markdown] tags=["reason"]
# **Why the penalty ends the circling.** In each step it takes a part of $\psi$ away, so the discriminator no longer drives the
# generator far past the solution. With $\gamma = 0.3$ the distance is 0.0001 after 600 steps.

# %% tags=["claim"]
assert round(np.hypot(*path[-1]), 2) == 0.35 and np.hypot(*calm[-1]) < 0.00015, "0.35 after 600 steps, and 0.0001."

# %% [markdown] tags=["reason"]
# **Why not simply maximise the discriminator's loss?** In the first formula of the original paper the generator minimises
# $\log (1 - \sigma(b))$. That has the same goal, but a useless slope: where the discriminator is sure that a point is made up,
# at a logit of −6, its slope is 400 times smaller than that of $L_G$. A beginner who is caught every time would learn nothing.

# %% tags=["solution"]
for logit in (-6.0, 0.0, 6.0):
    ours, first = -sigmoid(-logit), -sigmoid(logit)
    print(f"logit {logit:+.0f}: slope of -log σ {ours:.4f}, slope of log(1 - σ) {first:.4f}")

# %% [markdown]
# ## 07.2 · The training step
#
# **Goal:** write one training step of both networks with `tf.GradientTape`.
#
# A tape records what is computed inside its `with` block. Afterwards it gives the derivatives of a result with respect to any
# variables, and an optimiser moves these variables:
#
# ```python
# with tf.GradientTape() as tape:
#     loss = tf.reduce_mean((network(x) - y) ** 2)
# weights = network.trainable_variables
# optimizer.apply(tape.gradient(loss, weights), weights)   # one step downhill for these weights, and for no others
# ```
#
# A tape gives its derivatives only once. Take a second tape for a second loss, or one `tf.GradientTape(persistent=True)` for both.
#
# `train_step(generator, discriminator, g_optimizer, d_optimizer, real, noise)`:
#
# - `real` (n, 2) holds real points; `noise` (n, 8) goes into the generator, the same noise in both halves. Both are tensors.
# - **First half:** compute the loss $L_D$ of 07.1, and move the discriminator with `d_optimizer`.
# - **Second half:** compute the loss $L_G$ with the discriminator that has just moved, and move the generator with
#   `g_optimizer`. (Taking both gradients first and moving both networks afterwards is a known variant, and passes too.)
# - Returns both losses, $(L_D, L_G)$, as tensors.
#
# `tf.nn.softplus(a)` is $\log(1 + e^a)$, safe for any $a$. Each optimiser moves only one of the two networks.

# %%
ck.expected("07.2")

# %%
def train_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    """One step of the discriminator, one of the generator; gives both losses."""
    # [solution]
    with tf.GradientTape() as tape:
        real_logits, fake_logits = discriminator(real), discriminator(generator(noise))
        loss_d = tf.reduce_mean(tf.nn.softplus(-real_logits)) + tf.reduce_mean(tf.nn.softplus(fake_logits))
    weights = discriminator.trainable_variables
    d_optimizer.apply(tape.gradient(loss_d, weights), weights)
    with tf.GradientTape() as tape:
        loss_g = tf.reduce_mean(tf.nn.softplus(-discriminator(generator(noise))))
    weights = generator.trainable_variables
    g_optimizer.apply(tape.gradient(loss_g, weights), weights)
    return loss_d, loss_g
    # [stub]
    # return ...
    # [end]


# %%
ck.check("07.2", train_step=train_step, build_gan=build_gan)

# %%
# ck.hint("07.2")

# %% [markdown]
# Here is a first GAN, in a hurry: its generator learns at 30 times the rate of its discriminator. Watch where the points go,
# and compare with your prediction.

# %% tags=["picture-07.2"]
if ck.ready("07.2", train_step):
    hasty_gan = build_gan(d_rate=0.0001, g_rate=0.003, steps=4000)
    hasty = train(hasty_gan, train_step, ring_batch, ring_noise, ring_look, (1, 250, 500, 1000, 2000, 4000))
    ring_strip(hasty, "A generator in a hurry")

# %% tags=["claim"]
def modes_in(points):
    apart = np.linalg.norm(points[:, None] - centres, axis=2)
    return np.sum(np.mean(apart < 3 * spread, axis=0) >= 0.01)


assert max(modes_in(points) for points in hasty.values()) < 8, "In a hurry the crowd does not fill the ring."

# %% [markdown] tags=["reason"]
# **Why it matters which weights move.** Both losses depend on both networks, so the tape can give four gradients, and none of
# them is zero. Two of them must not be used. If the generator moved down $L_D$, it would learn to be caught; if the
# discriminator moved down $L_G$, it would learn to be fooled.

# %% tags=["solution"]
generator, discriminator, *_ = build_gan(0.002, 0.001)
with tf.GradientTape(persistent=True) as both:
    fake = discriminator(generator(ring_noise()))
    of_d = tf.reduce_mean(tf.nn.softplus(-discriminator(ring_batch())) + tf.nn.softplus(fake))
    of_g = tf.reduce_mean(tf.nn.softplus(-fake))
for loss_name, one in (("L_D", of_d), ("L_G", of_g)):
    for name, network in (("discriminator", discriminator), ("generator", generator)):
        size = tf.linalg.global_norm(both.gradient(one, network.trainable_variables))
        print(f"gradient of {loss_name} by the {name:<13} has length {size:.3f}")

# %% [markdown]
# This is the end of session 1, and a good place to stop. In session 2 you find out why the hurried generator failed.

# %% [markdown]
# ## Session 2 of 4 · Collapse, and how to prevent it
#
# About 45 minutes. You need the cells at the top and your `train_step` of 07.2; you will write a variant of it.

# %% [markdown]
# ## 07.3 · Count the modes, and prevent the collapse
#
# **Goal:** count how many spots a generator reaches, and train one that reaches all eight.
#
# A generator that makes only a few of the modes has **collapsed**. The losses do not show this; counting does.
#
# - `count_modes(points)`: takes points (n, 2) and returns how many of the eight centres have at least 1 % of the points within a
#   distance of 0.3 (three standard deviations).
# - `calm_step`: your `train_step`, with 0.05 times `steepness(discriminator, real)` added to $L_D$ inside the tape. `steepness` is
#   given: the mean squared length of the slope $\partial D / \partial x$ at the real points. It is the penalty of 07.1.
# - `mended`: a trained generator; takes noise (n, 8) and gives points (n, 2). All eight modes, and most points on a spot.
#   `train` changes the networks of a GAN in place, so this is `gan[0]` after the training.
# - `growth`: what `train(gan, step, ring_batch, ring_noise, ring_look, looks)` returned for it. `looks` holds five or six numbers
#   of steps, rising, the last equal to the `steps` of `build_gan`.
#
# The check looks at `count_modes` and `mended`. Why did the hurried generator fail: was it too fast, or was its discriminator too
# slow? `build_gan(d_rate, g_rate, steps)` takes both learning rates. Try rates near 0.001; 5,000 steps are enough, and take some
# seconds.

# %%
def steepness(discriminator, real):
    """Mean squared length of the slope of the logit at the real points."""
    with tf.GradientTape() as slope_tape:
        slope_tape.watch(real)
        logits = discriminator(real)
    slopes = slope_tape.gradient(logits, real)
    return tf.reduce_mean(tf.reduce_sum(slopes**2, axis=1))


# %%
ck.expected("07.3")

# %%
def count_modes(points):
    """How many of the eight modes hold at least 1 % of the points."""
    # [solution]
    apart = np.linalg.norm(np.asarray(points)[:, None] - centres, axis=2)
    share = np.mean(apart < 3 * spread, axis=0)
    return int(np.sum(share >= 0.01))
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
def calm_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    """`train_step` with a penalty on a steep discriminator."""
    with tf.GradientTape() as tape:
        real_logits, fake_logits = discriminator(real), discriminator(generator(noise))
        loss_d = tf.reduce_mean(tf.nn.softplus(-real_logits)) + tf.reduce_mean(tf.nn.softplus(fake_logits))
        loss_d += 0.05 * steepness(discriminator, real)
    weights = discriminator.trainable_variables
    d_optimizer.apply(tape.gradient(loss_d, weights), weights)
    with tf.GradientTape() as tape:
        loss_g = tf.reduce_mean(tf.nn.softplus(-discriminator(generator(noise))))
    weights = generator.trainable_variables
    g_optimizer.apply(tape.gradient(loss_g, weights), weights)
    return loss_d, loss_g
# [stub]
# calm_step = ...
# [end]


# %%
# [solution]
calm_gan = build_gan(d_rate=0.002, g_rate=0.001, steps=5000)
growth = train(calm_gan, calm_step, ring_batch, ring_noise, ring_look, (1, 250, 500, 1000, 2000, 5000))
mended = calm_gan[0]
# [stub]
# growth = ...
# mended = ...
# [end]

# %%
ck.check("07.3", count_modes=count_modes, mended=mended)

# %%
# ck.hint("07.3")

# %% tags=["picture-07.3"]
if ck.ready("07.3", growth):
    ring_strip(growth, "Your generator learns")

# %%
if ck.ready("07.3", count_modes, growth):
    for steps, points in growth.items():
        print(f"after {steps:5,} steps: {count_modes(points)} of 8 modes")

# %% [markdown]
# A wide cloud early in the training can be counted too: if it fills a square of 6 by 6 evenly, each circle holds about 0.8 % of
# the points, and little is missing to 1 %. Only the share of points on the spots, which the check prints, tells the two apart.

# %% [markdown] tags=["reason"]
# **Why the rates matter.** The discriminator responds to a crowd by calling the place where it stands made up. The crowd then
# moves on together and meets no resistance elsewhere: a chase. A discriminator that learns as slowly as the hurried one is always
# behind, even if the rate of the generator is lowered to 0.001: in four runs of four only one or two modes were reached. It need
# not be faster than the generator: with rates of 0.001 for the discriminator and 0.002 for the generator all eight modes were
# reached too, again in four runs of four. Heusel and others (2017) study different rates for the two.
#
# **What the penalty changes.** Train once more with `train_step` in place of `calm_step`, at the same rates, and check that
# generator: in the few runs that we made it reached all eight modes as well, but the rarest of them, whose share the check prints,
# mostly held far fewer points.
#
# **Is it only one lucky seed?** With ten different seeds the generator of the solution had 83 to 85 % of its points on a spot. The
# others lie between the spots: a network is continuous, and cannot tear one cloud of noise into eight pieces without leaving threads.

# %% tags=["solution"]
points = ring_look(mended)
apart = np.linalg.norm(points[:, None] - centres, axis=2)
share = np.mean(apart < 3 * spread, axis=0)
fig, ax = plt.subplots(figsize=(5.5, 3))
ax.bar(range(8), share)
ax.axhline(1 / 8, color="black", linewidth=1, linestyle=":", label="real points")
ax.set(xlabel="mode", ylabel="share of the points", ylim=(0, 0.16))
ax.set_title(f"Every mode is visited; {1 - share.sum():.0%} of the points lie between")
ax.legend();

# %% tags=["claim"]
assert (share >= 0.01).all(), "Every mode is visited."

# %% [markdown]
# This is the end of session 2, and a good place to stop. In session 3 the same training step makes digits.

# %% [markdown]
# ## Session 3 of 4 · Digits from noise
#
# About 57 minutes. You need the cells at the top and the next one, which takes over your training step of 07.2. If you
# begin here, it takes one that uses the losses of Keras. If the check of 07.2 still finds your step wrong, write
# `train_step = step_with_keras_losses` below that cell, because a wrong step may train no generator.

# %%
def step_with_keras_losses(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    with tf.GradientTape(persistent=True) as tape:
        a, b = discriminator(real), discriminator(generator(noise))
        d_value = cross_entropy(tf.ones_like(a), a) + cross_entropy(tf.zeros_like(b), b)
        g_value = cross_entropy(tf.ones_like(b), b)
    for value, network, optimizer in ((d_value, discriminator, d_optimizer), (g_value, generator, g_optimizer)):
        optimizer.apply(tape.gradient(value, network.trainable_variables), network.trainable_variables)
    return d_value, g_value


train_step = ck.resume("train_step", lambda: step_with_keras_losses)

# %% [markdown]
# ## 07.4 · Digits from noise
#
# **Goal:** build a generator of digits from transposed convolutions, and let a trained network judge its digits.
#
# Your `train_step` knows nothing about rings: give it other networks, and it makes other things. A **transposed convolution**
# with stride 2 does the opposite of a convolution with stride 2: it leads from a small map to a larger one. It multiplies its
# kernel by each number of a map and adds the results up on a map twice as wide and twice as high. Two of them lead from 7 by 7 to
# 28 by 28: `layers.Conv2DTranspose(filters, 4, strides=2, padding="same")`. Radford and others (2016) built generators of pictures
# in this way. After each layer but the last put a `layers.LayerNormalization()` and then a `layers.ReLU()`. The first brings the
# numbers along the last axis to mean 0 and standard deviation 1, as is usual in such generators to keep the training calm. Whether
# these two stand before or after the `Reshape` makes no difference to the check.
#
# - `build_digit_generator()`: returns a new network; noise (n, 12) in, pictures (n, 28, 28, 1) out, with grey values in [0, 1].
#   Begin with a `Dense` layer and a `Reshape` to 32 maps of 7 by 7; 16 maps of 14 by 14 are enough in between, and a sigmoid ends it.
# - `judge(images)`: returns two numbers. The network `reader` gives ten probabilities for each picture. The **mean confidence**
#   is the mean of the largest of the ten: near 1 if each picture is clearly some digit. The **entropy** of the classes is
#   $-\sum_k q_k \log q_k$, with $q_k$ the mean probability of digit $k$ over all pictures, and the natural logarithm: near
#   $\log 10 = 2.30$ if all ten digits are equally frequent.
#
# **Predict:** can a bad generator have a high confidence? A high entropy? Both?

# %%
(x_train, _), _ = ck.data.load_mnist()
digits = tf.constant(x_train[:10_000, ..., None].astype("float32") / 255)
reader = keras.models.load_model(ck.data.path("mnist_cnn.keras"))
DIGIT_LATENT = 12


def digit_batch(n=8):
    return tf.gather(digits, tf.random.uniform((n,), 0, len(digits), tf.int32))


def digit_noise(n=8):
    return tf.random.normal((n, DIGIT_LATENT))


# %%
ck.expected("07.4")

# %%
def judge(images):
    """Mean confidence, and entropy over the classes, of pictures (n, 28, 28, 1)."""
    # [solution]
    p = np.array(reader(images))
    q = p.mean(axis=0)
    return p.max(axis=1).mean(), -np.sum(q * np.log(q + 1e-12))
    # [stub]
    # return ...
    # [end]


# %%
def build_digit_generator():
    """A new network from noise to pictures."""
    # [solution]
    return keras.Sequential(
        [
            keras.Input((DIGIT_LATENT,)),
            layers.Dense(7 * 7 * 32),
            layers.LayerNormalization(),
            layers.ReLU(),
            layers.Reshape((7, 7, 32)),
            layers.Conv2DTranspose(16, 4, strides=2, padding="same"),
            layers.LayerNormalization(),
            layers.ReLU(),
            layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="sigmoid"),
        ]
    )
    # [stub]
    # return ...
    # [end]


# %% [markdown]
# The discriminator and the training are given; they take about ten seconds. On the way we watch what becomes of ten samples of
# noise.

# %%
def build_digit_discriminator():
    """Pictures (n, 28, 28, 1) to logits."""
    network = keras.Sequential([keras.Input((28, 28, 1))])
    for filters in (16, 32):
        network.add(layers.Conv2D(filters, 4, strides=2, padding="same", activation="leaky_relu"))
    network.add(layers.Flatten())
    network.add(layers.Dense(1))
    return network


def train_digits(generator, looks=(1, 100, 250, 500, 3500)):
    """Train the generator; returns what it makes of the same ten samples of noise at each look."""
    discriminator = build_digit_discriminator()
    # The rates were found by trial. Batches of 8 are quick; a short memory of the squared slopes (beta_2) suits this.
    g_optimizer = optimizer_for(generator, 0.004, looks[-1], beta_2=0.99)
    d_optimizer = optimizer_for(discriminator, 0.002, looks[-1], beta_2=0.99)
    gan = (generator, discriminator, g_optimizer, d_optimizer)
    watched = digit_noise(10)
    return train(gan, train_step, digit_batch, digit_noise, lambda g: np.array(g(watched)), looks)


# %%
digit_generator = ...
if ck.ready("07.4", build_digit_generator):
    digit_generator = build_digit_generator()
    growing = train_digits(digit_generator)

# %%
ck.check("07.4", judge=judge, digit_generator=digit_generator)

# %%
# ck.hint("07.4")

# %% tags=["picture-07.4"]
if ck.ready("07.4", digit_generator):
    rows = [np.hstack(frame[..., 0]) for frame in growing.values()]
    fig, ax = plt.subplots(figsize=(8, 4.2))
    ax.imshow(np.vstack(rows), cmap="gray", vmin=0, vmax=1)
    ax.set_yticks(14 + 28 * np.arange(len(rows)), [f"{steps:,}" for steps in growing])
    ax.set(xticks=[], xlabel="one sample of noise per column", ylabel="steps", title="Digits grow from noise")
    ax.grid(False)

# %% [markdown]
# What does `judge` say, and what of other pictures? Compare with your prediction.

# %%
if ck.ready("07.4", judge, digit_generator):
    others = {
        "real digits": digits[:1000],
        "one digit, repeated": np.repeat(digits[:1], 1000, axis=0),
        "mirrored digits": digits[:1000, ::-1],  # top and bottom exchanged
        "grey noise": np.random.default_rng(0).uniform(size=(1000, 28, 28, 1)).astype("float32"),
        "your generator": digit_generator(digit_noise(1000)),
    }
    for name, images in others.items():
        confidence, entropy = judge(images)
        print(f"{name:<20} confidence {confidence:.2f}, entropy {entropy:.2f}")

# %% [markdown] tags=["reason"]
# **How to read the two numbers.** One perfect digit, repeated for ever, has a high confidence and an entropy near 0. Confidence
# alone is a poor judge for another reason too: `reader` has never seen anything but digits, and can be sure of nonsense. Here it
# is sure of grey noise. Both numbers can be high for bad pictures as well: digits mirrored top to bottom reach 0.87 and 2.03. A
# mirrored 0, 1, 3 or 8 is still a digit, but a mirrored 4, 6, 7 or 9 is none that anybody would write. So look at the pictures too.

# %% [markdown] tags=["reason"]
# **Another way up.** `layers.UpSampling2D(2)` writes each number of a map twice in each direction and has no weights; an ordinary
# convolution follows it. It avoids the chequerboard that transposed convolutions can leave, above all where the size of the kernel
# is no multiple of the stride (Odena and others, 2016). `layers.ZeroPadding2D(p)` puts a frame of zeros around a map, p wide, as
# `pad` of 04.2 does. Here it is not needed, because 7 doubles to 14 and to 28; it is where the sizes do not come out, or where a
# convolution without padding has cut the edges off.

# %% [markdown]
# Does the generator copy? One that had memorised its digits would score well and be useless. So look for the nearest training
# digit to each made-up one: is it the same picture?

# %%
if ck.ready("07.4", digit_generator):
    made = np.array(digit_generator(digit_noise(8)))
    real, nearest = np.array(digits), []
    for picture in made:
        distances = np.sum((real - picture) ** 2, axis=(1, 2, 3))
        nearest.append(real[np.argmin(distances)])
    names = ["made up"] * 8 + ["nearest"] * 8
    ck.plot.image_grid(np.concatenate([made, nearest]), names, title="Made-up digits and the nearest of 10,000 real ones")

# %% [markdown] tags=["reason"]
# **How to read the pairs.** A pair that agrees pixel by pixel is a copy. The same digit in another shape, or another digit
# altogether, is what one hopes for: then the generator has learned what digits look like, and not which ones there were.

# %% [markdown]
# This is the end of session 3, and a good place to stop. In session 4 a GAN takes over the work of a slow simulation.

# %% [markdown]
# ## Session 4 of 4 · A fast simulation
#
# About 71 minutes. You need the cells at the top and the next one, which takes over your training step of 07.2. If you
# begin here, it takes one that uses the losses of Keras. If the check of 07.2 still finds your step wrong, write
# `train_step = step_with_keras_losses` below that cell, because a wrong step may train no generator.

# %%
# The same cell as at the beginning of session 3.
def step_with_keras_losses(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    with tf.GradientTape(persistent=True) as tape:
        a, b = discriminator(real), discriminator(generator(noise))
        d_value = cross_entropy(tf.ones_like(a), a) + cross_entropy(tf.zeros_like(b), b)
        g_value = cross_entropy(tf.ones_like(b), b)
    for value, network, optimizer in ((d_value, discriminator, d_optimizer), (g_value, generator, g_optimizer)):
        optimizer.apply(tape.gradient(value, network.trainable_variables), network.trainable_variables)
    return d_value, g_value


train_step = ck.resume("train_step", lambda: step_with_keras_losses)

# %% [markdown]
# ## 07.5 · Fast simulation
#
# **Goal:** replace a slow simulation of particle showers by a generator that is told the energy.
#
# A photon that hits dense matter makes an electron and a positron; these make photons again. From one step to the next they
# travel about one **radiation length**, one or two centimetres in lead glass. Energies are given in GeV, a thousand million
# electronvolts. The number of particles doubles until their energy falls below the **critical energy**,
# where they stop. A **calorimeter** measures the energy that they leave, layer by layer. To simulate it one has to follow
# every particle, which takes a large part of the computing at the big colliders. Paganini and others (2018) let a GAN do this for
# a calorimeter. `ck.data.simulate_shower(energy, rng)` is a toy version of such a simulation: 12 layers of two radiation lengths
# each, particle by particle, in plain Python. Its calorimeter sees half of the particles that stop, at random, and doubles what it
# sees. So in about a quarter of the showers the energies of all layers add up to more than that of the photon, although no energy
# is created. What leaves at the back is lost, so on average they add up to a little less: 95 % at 9 GeV. `help(ck.data.simulate_shower)` explains the rest.
#
# Longo and Sestili (1975) found that the mean energy left at a depth $t$ follows a gamma distribution,
# $dE/dt = E \, b \, (b t)^{a-1} e^{-b t} / \Gamma(a)$, where $E$ is the energy of the photon, $t$ is measured in radiation lengths,
# and $a$ and $b$ are two numbers to fit. Below $E$ is fitted too, because each group holds photons of many energies.
# **Predict:** does the toy follow it?

# %%
energies, showers = ck.data.make_showers(n_samples=3000, seed=0)
energies.shape, showers.shape


# %%
def gamma_profile(t, energy, a, b):
    """Mean energy in a layer two radiation lengths deep, after Longo and Sestili."""
    return 2 * energy * b * (b * t) ** (a - 1) * np.exp(-b * t) / gamma(a)


depth = 2 * np.arange(12) + 1  # centres of the layers, in radiation lengths
fine = np.linspace(1, 23, 200)
fig, ax = plt.subplots(figsize=(6, 3.4))
for low, high, marker in ((1, 3, "o"), (4, 6, "s"), (8, 10, "^")):
    profile = showers[(energies > low) & (energies < high)].mean(axis=0)
    fitted, _ = curve_fit(gamma_profile, depth, profile, p0=(low + 1, 5, 0.5))
    (line,) = ax.plot(depth, profile, marker, label=f"{low} to {high} GeV")
    ax.plot(fine, gamma_profile(fine, *fitted), color=line.get_color(), linewidth=1)
ax.set(xlabel="depth (radiation lengths)", ylabel="mean energy in the layer (GeV)")
ax.set_title("Mean profiles of three groups; lines: fitted gamma profiles", fontsize=10)
ax.legend();

# %% [markdown] tags=["reason"]
# **Does the toy follow the formula?** Closely: no mean is further from its line than 5 % of the highest mean of its group. The
# higher the energy, the deeper the shower.

# %% [markdown]
# To **condition** a GAN on the energy means to show the energy to both networks. A real sample is a row of 13 numbers: the
# energies in the 12 layers, each divided by the photon's energy and multiplied by 12 (so that an even spread would be 1
# everywhere), and the energy in units of 10 GeV. The generator is given eight numbers of noise and the energy, and must pass the
# energy on. Then your `train_step` works as it is.
#
# - `build_shower_generator()`: returns a new network. In: (n, 9), noise in the first eight columns and energy / 10 GeV in the
#   last. Out: (n, 13), twelve shares times 12, which are never negative, and then the energy of the input, unchanged. Use the
#   functional API: `x[:, -1:]` is the last column, `layers.Concatenate()([left, right])` joins two tensors, and the activation
#   `"softplus"` is never negative. Two hidden layers of 96 units are enough.
# - `speed_up`: the time that `ck.data.simulate_shower` needs for 1,000 showers, one by one, divided by the time that
#   `shower_generator` needs for 1,000 showers in one call. Draw the energies uniformly between 1 and 10 GeV; `rng` is a
#   `random.Random`. Measure with `time.perf_counter()`. Leave out the first call of the generator, which is slower than the
#   others, and take the mean of the next 20, because a single one is over too soon to be measured well.

# %%
ck.expected("07.5")

# %%
def build_shower_generator():
    """A new network from noise and energy to a shower and the same energy."""
    # [solution]
    x = keras.Input((9,))
    hidden = layers.Dense(96, activation="leaky_relu")(x)
    hidden = layers.Dense(96, activation="leaky_relu")(hidden)
    shares = layers.Dense(12, activation="softplus")(hidden)
    return keras.Model(x, layers.Concatenate()([shares, x[:, -1:]]))
    # [stub]
    # return ...
    # [end]


# %% [markdown]
# The training is given.

# %%
scaled = np.column_stack([12 * showers / energies[:, None], energies / 10])
real_showers = tf.constant(scaled.astype("float32"))


def shower_batch(n=256):
    return tf.gather(real_showers, tf.random.uniform((n,), 0, len(real_showers), tf.int32))


def shower_noise(n=256):
    return tf.concat([tf.random.normal((n, 8)), tf.random.uniform((n, 1), 0.1, 1.0)], axis=1)


# %%
shower_generator = ...
if ck.ready("07.5", build_shower_generator):
    shower_generator, discriminator = build_shower_generator(), mlp(13, 1)
    g_optimizer = optimizer_for(shower_generator, 0.001, 6000)
    d_optimizer = optimizer_for(discriminator, 0.002, 6000)
    gan = (shower_generator, discriminator, g_optimizer, d_optimizer)
    train(gan, train_step, shower_batch, shower_noise, lambda generator: None, looks=[6000])

# %%
# [solution]
def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


noise = shower_noise(1000)
shower_generator(noise)  # the first call warms up
rng = random.Random(0)
slow = seconds(lambda: [ck.data.simulate_shower(rng.uniform(1, 10), rng) for _ in range(1000)])
fast = seconds(lambda: [np.array(shower_generator(noise)) for _ in range(20)]) / 20
speed_up = slow / fast
# [stub]
# speed_up = ...
# [end]

# %%
ck.check("07.5", shower_generator=shower_generator, speed_up=speed_up)

# %%
# ck.hint("07.5")


# %%
def fast_showers(energy, n=1000):
    """Showers of one energy from the generator, in GeV, shape (n, 12)."""
    z = tf.concat([tf.random.normal((n, 8)), tf.fill((n, 1), energy / 10)], axis=1)
    return np.array(shower_generator(z))[:, :12] / 12 * energy


# %% tags=["picture-07.5"]
if ck.ready("07.5", shower_generator):
    fig, axs = plt.subplots(1, 2, figsize=(10, 3.4))
    rng = random.Random(1)
    for energy, colour in ((2.0, "C0"), (5.0, "C1"), (9.0, "C2")):
        full = np.stack([ck.data.simulate_shower(energy, rng) for _ in range(300)])
        fast = fast_showers(energy)
        axs[0].plot(depth, full.mean(axis=0), "o", color=colour, label=f"{energy:.0f} GeV")
        axs[0].plot(depth, fast.mean(axis=0), color=colour)
        totals = full.sum(axis=1), fast.sum(axis=1)
        bins = np.histogram_bin_edges(np.concatenate(totals), 20)  # the same for both
        axs[1].hist(totals[0], bins, density=True, color=colour, alpha=0.4)
        axs[1].hist(totals[1], bins, density=True, color=colour, histtype="step")
    axs[0].set(xlabel="depth (radiation lengths)", ylabel="mean energy in the layer (GeV)")
    axs[0].set_title("Mean profile (lines: generator)", fontsize=11)
    axs[0].legend()
    axs[1].set(xlabel="energy in all layers together (GeV)", ylabel="density (1/GeV)")
    axs[1].set_title("Total energy of each shower (outlines: generator)", fontsize=11)

# %% [markdown] tags=["reason"]
# **Why the totals can fit less well.** The discriminator is shown the twelve layers, and has to find out by itself that their sum
# matters. So the totals need not spread just as widely as those of the full simulation, even where their mean is right: the check
# prints how much the two differ. An experiment would care, because the spread says how precisely an energy can be measured.

# %% [markdown]
# **Predict:** how long does the generator need for each shower if you ask for 1, 10 or 1,000 at once?

# %%
def time_of_call(n):
    """Mean time in seconds that the generator needs for n showers in one call."""
    noise = shower_noise(n)
    return timeit.timeit(lambda: np.array(shower_generator(noise)), number=20) / 20


if ck.ready("07.5", shower_generator, speed_up):
    print(f"The generator is {speed_up:,.0f} times faster than the full simulation in plain Python.")
    for n in (1, 10, 1000):
        call = time_of_call(n)
        print(f"{n:5,} showers at once: {1e3 * call:5.2f} ms a call, {1e6 * call / n:7.1f} µs a shower")

# %% [markdown] tags=["reason"]
# **What was gained, and what for.** The generator needs the same work for every shower, whatever its energy; the full
# simulation follows twice as many particles for twice the energy. Part of the factor is due to plain Python, in which the
# toy simulation is written. On the other hand a real detector needs far more steps per particle, so that more can be gained.
# But the generator knows only what 3,000 showers have shown it: rare showers are beyond it, and so are energies outside the
# range from 1 to 10 GeV.
#
# **What goes wrong without the energy?** One could leave the energy out and scale a shower of another energy. The total then
# comes out roughly right, but the depth does not: a shower of high energy goes deeper. The last lines that the solution prints
# (the notebook of this name in `solutions/`) show this, and what the generator makes of an energy that it has never seen.

# %% tags=["solution"]
rng = random.Random(2)
full = {e: np.stack([ck.data.simulate_shower(e, rng) for _ in range(300)]) for e in (2.0, 9.0, 20.0)}
for name, sample in (
    ("full simulation, 9 GeV", full[9.0]),
    ("generator, 9 GeV", fast_showers(9.0)),
    ("2 GeV showers, scaled to 9 GeV", full[2.0] * 4.5),
    ("full simulation, 20 GeV", full[20.0]),
    ("generator asked for 20 GeV", fast_showers(20.0)),
):
    profile = sample.mean(axis=0)
    mean_depth = np.average(depth, weights=profile)
    print(f"{name:<32} mean depth {mean_depth:4.1f}, total {profile.sum():5.2f} GeV")

# %% tags=["claim"]
def mean_depth_of(sample):
    return np.average(depth, weights=sample.mean(axis=0))


totals = {name: sample.sum(axis=1).mean() for name, sample in (("full", full[9.0]), ("scaled", full[2.0] * 4.5))}
assert abs(totals["scaled"] / totals["full"] - 1) < 0.1, f"The total comes out roughly right: {totals}"
assert mean_depth_of(full[9.0]) > mean_depth_of(full[2.0]) + 1, "A shower of high energy goes deeper."
assert abs(mean_depth_of(fast_showers(9.0)) - mean_depth_of(full[9.0])) < 0.5, "The mean profile follows the energy."

# %% [markdown] tags=["reason"]
# **Faces, and what became of GANs.** The first GANs (2014) made digits and small, coarse faces. Growing both networks layer by
# layer during training (Karras and others, 2018) gave faces of people who do not exist, of 1024 by 1024 pixels. For pictures
# in general, *diffusion models*, which take noise away step by step, have since taken over. *DeepFakes*, which put the face of
# one person on another, often need no GAN: one encoder is trained on the faces of both people, with a decoder for each of
# them, and then the decoders are exchanged. What such networks can do to a person who has not agreed is a question that no
# loss asks.

# %% [markdown]
# ## What did you observe?
#
# 1. In 07.1 the players do not reach the solution in 600 steps. What does that say about the losses of a GAN as a sign of
#    progress?
# 2. Where are the points of the hurried generator at each look, and why do they not stay?
# 3. Why is neither confidence nor entropy alone enough to judge the digits?
# 4. Why does the speed-up depend on how many showers are asked for at once?
#
# <details><summary>Answers</summary>
#
# 1. The losses say little. Each of them depends on how good the other player is: both can stay the same while the samples
#    improve, and both can change while nothing improves. Judge the samples.
# 2. Together in one clump or streak, which wanders; seldom does it sit on a spot. The discriminator learns that points at this
#    place are made up, whatever they look like; moving on is then the cheapest way to fool it.
# 3. One perfect digit, repeated for ever, has a confidence near 1 and an entropy near 0. If `reader` gave all ten digits the
#    probability 0.1 for each of the pictures, the entropy would be 2.30, and it would take none of them for a digit.
# 4. Each call of a network has a fixed cost, and for few showers it is nearly all of the time. For many it is shared by them all.
#
# </details>
#
# ## Go further
#
# - Make the spots of the ring smaller, or put 25 of them on a square grid. When does your `calm_step` fail?
# - Give the digit generator the label as a second input, as you did with the energy, and ask for sevens.
# - Replace the losses with those of the Wasserstein GAN (`-mean(a) + mean(b)`), together with the penalty on the slope. What do the
#   losses tell you then?
#
# ## Summary
#
# A generator and a discriminator minimise different losses in turn; each step moves the weights of one of them. The
# generator is rewarded for fooling the discriminator, not for variety. So variety has to be counted, and secured by a
# discriminator that keeps up and is not too steep. If the energy is shown to both networks, a GAN becomes a fast simulation,
# which is judged by what it will be used for: the mean profile, the total energy, and the time.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - Goodfellow, I., et al. (2014). Generative adversarial nets. *NIPS 2014*.
# - Radford, A., Metz, L., Chintala, S. (2016). Unsupervised representation learning with deep convolutional generative
#   adversarial networks. *ICLR*.
# - Metz, L., Poole, B., Pfau, D., Sohl-Dickstein, J. (2017). Unrolled generative adversarial networks. *ICLR*. The ring.
# - Heusel, M., et al. (2017). GANs trained by a two time-scale update rule converge to a local Nash equilibrium.
#   *NIPS 2017*.
# - Odena, A., Dumoulin, V., Olah, C. (2016). Deconvolution and checkerboard artifacts. *Distill*. doi:10.23915/distill.00003.
# - Mescheder, L., Geiger, A., Nowozin, S. (2018). Which training methods for GANs do actually converge? *ICML*.
# - Paganini, M., de Oliveira, L., Nachman, B. (2018). CaloGAN: simulating 3D high energy particle showers in multilayer
#   electromagnetic calorimeters with generative adversarial networks. *Physical Review D*, 97, 014021.
# - Longo, E., Sestili, I. (1975). Monte Carlo calculation of photon-initiated electromagnetic showers in lead glass.
#   *Nuclear Instruments and Methods*, 128, 283–307.
# - Karras, T., Aila, T., Laine, S., Lehtinen, J. (2018). Progressive growing of GANs for improved quality, stability, and
#   variation. *ICLR*, arXiv:1710.10196.
# - Particle Data Group. *Review of Particle Physics*, chapter "Passage of particles through matter".
