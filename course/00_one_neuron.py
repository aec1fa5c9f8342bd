# %% [markdown]
# # 00 · One neuron, trained by hand
#
# A single neuron is the smallest thing that learns. Train it with nothing but NumPy, and you know what every larger
# network does.
#
# About 75 min · CPU about 5 s · no GPU needed
#
# **Before you start** you should know NumPy arrays and what a derivative is.
#
# ## You will learn
#
# - what a loss is, and how its gradient says where to go; how to prove that a gradient is right;
# - how batches, learning rates, momentum and Adam change the way down;
# - which loss fits which question.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0, keras=False)

import matplotlib.pyplot as plt
import numpy as np

# %% [markdown]
# ## Look at the data
#
# Hang a mass on a spring and measure the length of the spring. Forty times, with a ruler that is read to a few
# millimetres. How long is the spring without a load, and what does each kilogram add? The neuron must find these two
# numbers from the points alone.

# %%
mass, length = ck.data.make_spring(n_samples=40, noise=0.6, seed=0)  # kg, cm

# %%
fig, ax = plt.subplots(figsize=(5.2, 3.4))
ax.plot(mass, length, "o", markersize=5, alpha=0.8)
ax.set(xlabel="mass (kg)", ylabel="length (cm)", title="A heavier load, a longer spring");

# %% [markdown]
# ## Predict before you run
#
# Lay a line through the points by eye. Write down its slope and where it meets the vertical axis. By how many
# centimetres does a typical point miss it?

# %% [markdown]
# ## 00.1 · A linear neuron, and how wrong it is
#
# **Goal:** write the neuron and its loss, and find the best weights with a formula.
#
# A linear neuron multiplies its input by a weight $w$ and adds a bias $b$: $\hat y = w x + b$. The mean squared error
# over $n$ points, $L = \frac{1}{n} \sum_i (\hat y_i - y_i)^2$, says how wrong it is. For one input the best weights are
# known in closed form: $w$ is the covariance of $x$ and $y$ over the variance of $x$, and the line passes through the
# mean point, so $b = \bar y - w \bar x$. Everything that we train later has to come to these numbers.
#
# - `neuron(x, w, b)`: `x` of shape (n,), `w` and `b` numbers; gives the n predictions.
# - `mse(y, prediction)`: two arrays of shape (n,); gives a number.
# - `closed_form(x, y)`: gives the pair `w, b` with the smallest mean squared error.

# %%
ck.expected("00.1")

# %%
def neuron(x, w, b):
    """The predictions of a linear neuron."""
    # [solution]
    return w * x + b
    # [stub]
    # return ...
    # [end]


def mse(y, prediction):
    """The mean squared error."""
    # [solution]
    return np.mean((prediction - y) ** 2)
    # [stub]
    # return ...
    # [end]


# %%
def closed_form(x, y):
    """The weight and the bias with the smallest mean squared error."""
    # [solution]
    w = np.mean((x - x.mean()) * (y - y.mean())) / np.var(x)
    b = y.mean() - w * x.mean()
    # [stub]
    # w, b = ..., ...
    # [end]
    return w, b


# %%
ck.check("00.1", neuron=neuron, mse=mse, closed_form=closed_form)

# %%
# ck.hint("00.1")  # take the first # away and run this line for a hint; run it again for the next

# %% tags=["picture-00.1"]
w_best, b_best = closed_form(mass, length)
line = ... if w_best is ... else lambda x: neuron(x, w_best, b_best)
ax = ck.plot.curve_fit(mass, length, {"closed form": line}, exercise="00.1", title="The best line")
ax.set(xlabel="mass (kg)", ylabel="length (cm)");

# %% [markdown] tags=["solution"]
# **Why this formula.** At the smallest loss both derivatives are 0. $\partial L / \partial b = 0$ says that the residuals
# $\hat y_i - y_i$ average to 0: the line passes through the mean point. $\partial L / \partial w = 0$ says that the
# residuals are uncorrelated with $x$: no tilt would help.
#
# **A trap.** `np.cov` divides by $n - 1$ and `np.var` by $n$. Their ratio is off by $n / (n - 1)$: for 40 points
# 2.6 per cent, small enough to be overlooked.

# %% tags=["solution"]
print(f"w = {w_best:.3f} cm/kg, b = {b_best:.3f} cm, loss {mse(length, line(mass)):.3f} cm²")
print(f"with np.cov over np.var the slope would be {np.cov(mass, length)[0, 1] / np.var(mass):.3f} cm/kg")

# %% [markdown]
# ## 00.2 · Go downhill
#
# **Goal:** write the gradient of the loss, and the step that follows it.
#
# Larger networks have no closed form. What works for all of them is to start anywhere and walk downhill. The gradient
# holds the two derivatives
#
# $$\frac{\partial L}{\partial w} = \frac{2}{n} \sum_i (\hat y_i - y_i)\, x_i, \qquad
# \frac{\partial L}{\partial b} = \frac{2}{n} \sum_i (\hat y_i - y_i).$$
#
# It points uphill, so a step goes against it: $w \leftarrow w - \eta\, \partial L / \partial w$, and the same for $b$. The
# learning rate $\eta$ sets the length of the step.
#
# - `gradient(x, y, w, b)`: gives the pair `dw, db`.
# - `step(x, y, w, b, learning_rate)`: gives the pair `w, b` after one step.

# %%
ck.expected("00.2")

# %%
def gradient(x, y, w, b):
    """The derivatives of the mean squared error by w and by b."""
    # [solution]
    residual = w * x + b - y
    dw = 2 * np.mean(residual * x)
    db = 2 * np.mean(residual)
    # [stub]
    # dw, db = ..., ...
    # [end]
    return dw, db


def step(x, y, w, b, learning_rate):
    """The weights after one step of gradient descent."""
    # [solution]
    dw, db = gradient(x, y, w, b)
    w, b = w - learning_rate * dw, b - learning_rate * db
    # [stub]
    # w, b = ..., ...
    # [end]
    return w, b


# %%
ck.check("00.2", gradient=gradient, step=step)

# %%
# ck.hint("00.2")

# %% [markdown]
# Take 300 steps from $w = 0$, $b = 0$ and look at the way. The contours show the loss over the plane of all weights.

# %%
def descend(x, y, w, b, learning_rate, steps):
    """The weights after every step, shape (steps + 1, 2); `...` while `step` is not written."""
    path = [(w, b)]
    for _ in range(steps):
        w, b = step(x, y, w, b, learning_rate)
        if w is ...:
            return ...
        path.append((w, b))
    return np.array(path)


def spring_loss(w, b):
    """The mean squared error for arrays of weights, shape of `w`."""
    return np.mean((np.multiply.outer(w, mass) + np.expand_dims(b, -1) - length) ** 2, axis=-1)


# %% tags=["picture-00.2"]
way = descend(mass, length, 0.0, 0.0, learning_rate=0.05, steps=300)
ax = ck.plot.loss_surface(
    ... if way is ... else spring_loss,
    (-1, 9),
    (-1, 16),
    paths={"300 steps": way},
    exercise="00.2",
    title="Steep at first, then along the valley",
)
ax.set(xlabel="", ylabel="") if way is ... else ax.set(xlabel="$w$ (cm/kg)", ylabel="$b$ (cm)");

# %% [markdown] tags=["solution"]
# **The proof.** A derivative is a slope, and a slope can be measured: move $w$ a little both ways and divide the change
# of the loss by the distance. If the two numbers agree, the formula is right. Do this whenever you write a gradient.

# %% tags=["solution"]
w, b, small = 1.5, 4.0, 1e-5
measured = (mse(length, neuron(mass, w + small, b)) - mse(length, neuron(mass, w - small, b))) / (2 * small)
print(f"by the formula {gradient(mass, length, w, b)[0]:.8f}, by differences {measured:.8f}")
print(f"after 300 steps w = {way[-1][0]:.3f}, b = {way[-1][1]:.3f}; closed form {w_best:.3f}, {b_best:.3f}")

# %% [markdown] tags=["solution"]
# **A wrong way.** Update `w` first and compute `db` with the new `w`: that is no longer the gradient at one point. Here it
# still arrives; in a network with millions of weights such a slip costs days. Compute all derivatives, then step.

# %% [markdown]
# ## 00.3 · A neuron that answers yes or no
#
# **Goal:** turn the neuron into a classifier: a sigmoid on top, and another loss.
#
# A trigger in a detector should fire when a particle has more than a certain energy. Near the threshold noise decides,
# so that we can only speak of a probability: $p = \sigma(w x + b)$ with the sigmoid $\sigma(z) = 1 / (1 + e^{-z})$. The
# loss is the binary cross-entropy, also called log loss:
#
# $$L = -\frac{1}{n} \sum_i \left[ y_i \log p_i + (1 - y_i) \log (1 - p_i) \right].$$
#
# - `sigmoid(z)`: any array; gives values between 0 and 1, for $z = \pm 1000$ too.
# - `log_loss(y, p)`: labels 0 or 1 and probabilities, both (n,); gives a number.
# - `log_loss_gradient(x, y, w, b)`: the pair `dw, db` of the log loss of $p = \sigma(w x + b)$.
# - `trigger`: the pair `w, b`, two numbers, after training on `energy`, `fired`.

# %%
energy, fired = ck.data.make_trigger(n_samples=300, noise=0.6, seed=1)  # GeV, 0 or 1

# %%
ck.expected("00.3")

# %%
def sigmoid(z):
    """1 / (1 + exp(-z)), without an overflow."""
    # [solution]
    e = np.exp(-np.abs(z))
    return np.where(np.asarray(z) >= 0, 1, e) / (1 + e)
    # [stub]
    # return ...
    # [end]


def log_loss(y, p):
    """The mean binary cross-entropy."""
    # [solution]
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    # [stub]
    # return ...
    # [end]


# %%
def log_loss_gradient(x, y, w, b):
    """The derivatives of the log loss by w and by b."""
    # [solution]
    residual = sigmoid(w * x + b) - y
    dw, db = np.mean(residual * x), np.mean(residual)
    # [stub]
    # dw, db = ..., ...
    # [end]
    return dw, db


# %%
# [solution]
w, b = 0.0, 0.0
for _ in range(20_000):
    dw, db = log_loss_gradient(energy, fired, w, b)
    w, b = w - 0.1 * dw, b - 0.1 * db
trigger = (w, b)
# [stub]
# trigger = ...
# [end]

# %%
ck.check("00.3", sigmoid=sigmoid, log_loss=log_loss,
         log_loss_gradient=log_loss_gradient, trigger=trigger)

# %%
# ck.hint("00.3")

# %% tags=["picture-00.3"]
turn_on = ... if trigger is ... else lambda x: sigmoid(trigger[0] * x + trigger[1])
title = "The turn-on curve of the trigger"
ax = ck.plot.curve_fit(energy, fired, {"probability": turn_on}, exercise="00.3", title=title)
ax.set(xlabel="energy (GeV)", ylabel="fired");

# %% [markdown] tags=["solution"]
# **Why the gradient looks the same.** The derivative of the log loss by $p$ has $p (1 - p)$ in its denominator, the
# derivative of the sigmoid is $p (1 - p)$, and they cancel. What remains is prediction minus truth, times the input: as
# in the linear neuron.
#
# **Where is the threshold?** Where $p = 0.5$, so where $w x + b = 0$: at $-b / w$. Its width is $1 / w$.

# %% tags=["solution"]
print(f"threshold {-trigger[1] / trigger[0]:.2f} GeV (5 was put in), width {1 / trigger[0]:.2f} GeV (0.6)")

# %% [markdown] tags=["solution"]
# **A wrong way.** Take the squared error of the probability, $(p - y)^2$. Look at one point with $y = 1$. Where the neuron
# is sure and wrong, $z \ll 0$, the sigmoid is flat and the squared error has no slope left: the neuron does not learn from
# its worst mistakes. The log loss does.

# %% tags=["solution"]
z = np.linspace(-8, 4, 200)
p = sigmoid(z)
fig, ax = plt.subplots(figsize=(5.6, 3))
ax.plot(z, 1 - p, label="log loss")
ax.plot(z, 2 * (1 - p) * p * (1 - p), "--", label="squared error")
ax.set(xlabel="$z = w x + b$ of a point with $y = 1$", ylabel="size of the slope")
ax.set_title("Sure and wrong: the squared error is flat")
ax.legend();

# %% [markdown]
# ## 00.4 · How many points a step, and how long a step
#
# **Goal:** descend with mini-batches, and find learning rates that are too small, right and too large.
#
# The gradient over all points costs a pass over all data. A few points give a rough gradient for a fraction of the
# price. One pass over all points, in portions of `batch_size`, is an epoch: shuffle, cut, take one step for each portion.
# A portion of one point is called stochastic descent, a portion of all points batch descent.
#
# - `minibatches(n, batch_size, seed)`: a list of index arrays. Together they hold each of 0 … n − 1 once, in an order
#   that `seed` decides; each has `batch_size` entries, the last may have fewer.
# - `run_epoch(x, y, w, b, batch_size, learning_rate, seed)`: the pair `w, b` after one epoch; uses your `gradient`.
# - `rates`: a dict with the keys `"too small"`, `"right"` and `"too large"`, for 100 steps of batch descent on `x_spring`,
#   `length`. After them more than 20 % of the distance to the best weights is left, less than 1 %, and more than 100 %.

# %%
x_spring = (mass - mass.mean()) / mass.std()  # standardised: mean 0, variance 1

# %%
ck.expected("00.4")

# %%
def minibatches(n, batch_size, seed):
    """The indices 0 to n - 1, shuffled and cut into portions."""
    # [solution]
    order = np.random.default_rng(seed).permutation(n)
    return [order[i : i + batch_size] for i in range(0, n, batch_size)]
    # [stub]
    # return ...
    # [end]


def run_epoch(x, y, w, b, batch_size, learning_rate, seed):
    """The weights after one pass over the data."""
    # [solution]
    for batch in minibatches(len(x), batch_size, seed):
        dw, db = gradient(x[batch], y[batch], w, b)
        w, b = w - learning_rate * dw, b - learning_rate * db
    # [stub]
    # w, b = ..., ...
    # [end]
    return w, b


# %%
# [solution]
rates = {"too small": 0.001, "right": 0.1, "too large": 1.1}
# [stub]
# rates = ...
# [end]

# %%
ck.check("00.4", minibatches=minibatches, run_epoch=run_epoch, rates=rates)

# %%
# ck.hint("00.4")

# %%
def epochs(batch_size, learning_rate, n_epochs):
    """The weights after each epoch from (0, 0); `...` while `run_epoch` is not written."""
    path = [(0.0, 0.0)]
    for epoch in range(n_epochs):
        w, b = run_epoch(x_spring, length, *path[-1], batch_size, learning_rate, seed + epoch)
        if w is ...:
            return ...
        path.append((w, b))
    return np.array(path)


def standard_loss(w, b):
    """The mean squared error on the standardised masses."""
    return np.mean((np.multiply.outer(w, x_spring) + np.expand_dims(b, -1) - length) ** 2, axis=-1)


# %% tags=["picture-00.4"]
ways = {f"{size} a step": epochs(size, 0.05, 60) for size in (40, 8, 1)}
ready = all(way is not ... for way in ways.values())
fig, axs = plt.subplots(1, 3, figsize=(10.5, 3.6), sharey=True) if ready else (None, [None])
for ax, (name, way) in zip(axs, ways.items()):
    shown = standard_loss if ready else ...
    ax = ck.plot.loss_surface(shown, (2.6, 4.2), (16.6, 19), ax, paths={name: way}, exercise="00.4")
    if ready:
        ax.set(xlabel="$w$ (cm)", ylabel="$b$ (cm)" if ax is axs[0] else "")
if ready:
    fig.suptitle("The last stretch of 60 epochs: one point a step arrives first and never settles");

# %%
def losses_of(rate, steps=30):
    """The loss after each step of batch descent."""
    return ... if rate is ... else [standard_loss(w, b) for w, b in epochs(len(x_spring), rate, steps)]


three = {} if rates is ... or ... in rates.values() or not ready else {name: losses_of(rate) for name, rate in rates.items()}
ax = ck.plot.waiting(exercise="00.4") if not three else plt.subplots(figsize=(5.6, 3.2))[1]
for (name, values), style in zip(three.items(), ("-", "--", ":")):
    ax.semilogy(values, style, label=f"{name}: {rates[name]:g}")
if three:
    ax.set(xlabel="step", ylabel="loss (cm²)", title="Crawl, arrive, explode")
    ax.legend();

# %% [markdown] tags=["solution"]
# **How large is too large?** On standardised data the loss is a bowl with the same curvature, 2, in every direction. A
# step multiplies the distance to the bottom by $1 - 2 \eta$. With $\eta = 0.5$ it arrives in one step. Beyond $\eta = 1$
# the factor is below $-1$: each step lands farther away, on the other side.
#
# **Why stochastic descent does not settle.** The gradient of a single point is not 0 at the best weights; only the mean
# over all points is. With a fixed learning rate the weights keep dancing around the best. So the learning rate is
# lowered towards the end, in this course and everywhere else.

# %% tags=["solution"]
best = np.array(closed_form(x_spring, length))
for name, size in (("all 40", 40), ("eight", 8), ("one", 1)):
    apart = np.linalg.norm(epochs(size, 0.05, 150)[-20:] - best, axis=1).mean()
    print(f"{name:>6} points a step: {apart:.4f} cm from the best weights, mean of the last 20 epochs")

# %% [markdown]
# ## 00.5 · Three ways down a narrow valley
#
# **Goal:** write plain descent, momentum and Adam, each as one step.
#
# Most losses are not round bowls. This valley is 40 times steeper across than along. Plain descent must take steps that
# are short enough for the steep walls, and then crawls along the floor.
#
# With the gradient $g$ and the learning rate $\eta$:
#
# - plain: $w \leftarrow w - \eta g$
# - momentum: the velocity $v \leftarrow \beta v + g$ remembers, then $w \leftarrow w - \eta v$
# - Adam: $m \leftarrow \beta_1 m + (1 - \beta_1) g$, $v \leftarrow \beta_2 v + (1 - \beta_2) g^2$. Both start at 0 and
#   are too small at first, so divide them: $\hat m = m / (1 - \beta_1^t)$, $\hat v = v / (1 - \beta_2^t)$, where
#   $t = 1, 2, \dots$ counts the steps. Then $w \leftarrow w - \eta\, \hat m / (\sqrt{\hat v} + \epsilon)$.
#
# All of `w`, `g`, `v`, `m` are arrays of shape (k,); give new arrays, do not change those handed in.

# %%
ck.expected("00.5")

# %%
def plain_step(w, g, learning_rate):
    """Plain gradient descent: the new w."""
    # [solution]
    return w - learning_rate * g
    # [stub]
    # return ...
    # [end]


def momentum_step(w, v, g, learning_rate, beta):
    """Descent with momentum: the new w and v."""
    # [solution]
    v = beta * v + g
    w = w - learning_rate * v
    # [stub]
    # w, v = ..., ...
    # [end]
    return w, v


# %%
def adam_step(w, m, v, g, t, learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Adam: the new w, m and v. `t` is 1 in the first step."""
    # [solution]
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    w = w - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon)
    # [stub]
    # w, m, v = ..., ..., ...
    # [end]
    return w, m, v


# %%
ck.check("00.5", plain_step=plain_step, momentum_step=momentum_step, adam_step=adam_step)

# %%
# ck.hint("00.5")

# %%
tilt = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
curvature = tilt @ np.diag([1.0, 40.0]) @ tilt.T


def valley(w1, w2):
    """Half of w^T C w, with the curvatures 1 along the valley and 40 across it."""
    (a, b), (_, d) = curvature
    return (a * w1**2 + 2 * b * w1 * w2 + d * w2**2) / 2


# %%
def walk(optimiser, steps=60):
    """The path of an optimiser down the valley, shape (steps + 1, 2); `...` while it is not written."""
    w, m, v = np.array([-4.0, -0.6]), np.zeros(2), np.zeros(2)
    path = [w]
    for t in range(1, steps + 1):
        g = curvature @ w
        if optimiser == "plain":
            w = plain_step(w, g, learning_rate=0.045)
        elif optimiser == "momentum":
            w, v = momentum_step(w, v, g, learning_rate=0.02, beta=0.8)
        else:
            w, m, v = adam_step(w, m, v, g, t, learning_rate=0.3)
        if w is ...:
            return ...
        path.append(w)
    return np.array(path)


# %% tags=["picture-00.5"]
paths = {name: walk(name) for name in ("plain", "momentum", "Adam")}
ready = all(path is not ... for path in paths.values())
title = "Plain descent zigzags, momentum swings, Adam goes its own way"
ax = plt.subplots(figsize=(8.5, 4.6))[1] if ready else None
ck.plot.loss_surface(
    valley if ready else ..., (-4.6, 1.2), (-2.7, 1.1), ax, paths=paths, exercise="00.5", title=title
);

# %%
fig, ax = plt.subplots(figsize=(5.6, 3.2))
for (name, path), style in zip(paths.items(), ("-", "--", ":")):
    if path is not ...:
        ax.semilogy([valley(*w) for w in path], style, label=name)
ax.set(xlabel="step", ylabel="height in the valley", title="Height against steps")
ax.legend() if ready else ck.plot.waiting(ax, "00.5");

# %% [markdown] tags=["solution"]
# **Read the paths.** Plain descent throws itself from wall to wall, because its learning rate is just below what the
# steep direction allows (2 / 40 = 0.05), and hardly moves along the valley. Momentum adds up what points the same way in
# every step, along the valley, and cancels what changes its sign: after 60 steps it is far ahead. Adam divides each
# coordinate by the size of its own gradients, so that its steps have a length of about $\eta$ whatever the slope. This
# needs no tuning to the steep direction, and it has a price: near the bottom Adam goes on with steps of this length, and
# settles only when $\eta$ is lowered.
#
# **A wrong way.** Leave out the two divisions. In the first step $m = 0.1\, g$ and $v = 0.001\, g^2$, so that the step is
# $0.1 / \sqrt{0.001} \approx 3.2$ times too long: Adam starts with a leap.

# %% tags=["solution"]
g = curvature @ np.array([-4.0, -0.6])
right = adam_step(np.zeros(2), np.zeros(2), np.zeros(2), g, 1, 0.3)[0]
leap = adam_step(np.zeros(2), np.zeros(2), np.zeros(2), g, 10**6, 0.3)[0]  # t so large: no correction
print(f"first step {np.abs(right).round(3)}, without the correction {np.abs(leap).round(3)}")

# %% [markdown]
# ## 00.6 · A zoo of losses
#
# **Goal:** write six losses, and say which fits which question.
#
# With $e = \hat y - y$, all as means over the samples:
#
# - `squared_loss(y, prediction)`: $e^2$. Its best constant is the mean.
# - `absolute_loss(y, prediction)`: $|e|$. Its best constant is the median.
# - `huber_loss(y, prediction, delta)`: $e^2 / 2$ where $|e| \le \delta$, and $\delta (|e| - \delta / 2)$ beyond.
# - `cross_entropy(p, q)`: $-\sum_k p_k \log q_k$, the log loss for k classes; rows of shape (n, k) that add up to 1; `p` is
#   the truth, `q` the prediction, all of `q` above 0.
# - `kl_divergence(p, q)`: $\sum_k p_k \log (p_k / q_k)$, how far `q` is from `p` (Kullback and Leibler; not the same as `p` from `q`). A class with
#   $p_k = 0$ counts 0.
# - `jaccard_loss(a, b)`: $1 - |a \cap b| / |a \cup b|$ for two masks of 0 and 1 of shape (n,): how badly two regions
#   overlap. One number; two empty masks have the loss 0.
#
# Then fill `choices` with the six names "squared", "absolute", "huber", "cross-entropy", "kl", "jaccard", each once:
#
# - `"mean"`: house prices, where the mean must come out right and there are no outliers
# - `"typing errors"`: house prices, some with three zeros too many, and the median is what you want
# - `"smooth"`: like the last, but the loss must have a derivative everywhere
# - `"class"`: which of ten digits is it
# - `"distribution"`: keep numbers that a network makes near a normal distribution
# - `"region"`: which pixels belong to the tumour, when most pixels do not

# %%
ck.expected("00.6")

# %%
def squared_loss(y, prediction):
    """The mean of e squared."""
    # [solution]
    return np.mean((prediction - y) ** 2)
    # [stub]
    # return ...
    # [end]


def absolute_loss(y, prediction):
    """The mean of |e|."""
    # [solution]
    return np.mean(np.abs(prediction - y))
    # [stub]
    # return ...
    # [end]


# %%
def huber_loss(y, prediction, delta):
    """Squared near 0, straight beyond delta."""
    # [solution]
    e = np.abs(prediction - y)
    return np.mean(np.where(e <= delta, e**2 / 2, delta * (e - delta / 2)))
    # [stub]
    # return ...
    # [end]


def cross_entropy(p, q):
    """The log loss for k classes."""
    # [solution]
    return -np.mean(np.sum(p * np.log(q), axis=1))
    # [stub]
    # return ...
    # [end]


# %%
def kl_divergence(p, q):
    """Kullback and Leibler's distance of q from p."""
    # [solution]
    ratio = np.where(p > 0, p, 1) / np.where(p > 0, q, 1)
    return np.mean(np.sum(p * np.log(ratio), axis=1))
    # [stub]
    # return ...
    # [end]


def jaccard_loss(a, b):
    """1 - intersection over union."""
    # [solution]
    union = np.sum(np.maximum(a, b))
    return 1 - np.sum(a * b) / union if union > 0 else 0.0
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
choices = {
    "mean": "squared",
    "typing errors": "absolute",
    "smooth": "huber",
    "class": "cross-entropy",
    "distribution": "kl",
    "region": "jaccard",
}
# [stub]
# choices = ...
# [end]

# %%
ck.check("00.6", squared_loss=squared_loss, absolute_loss=absolute_loss, huber_loss=huber_loss,
         cross_entropy=cross_entropy, kl_divergence=kl_divergence, jaccard_loss=jaccard_loss,
         choices=choices)

# %%
# ck.hint("00.6")

# %% tags=["picture-00.6"]
error = np.linspace(-3, 3, 241)
shapes = {
    "squared": [squared_loss(np.zeros(1), np.full(1, e)) for e in error],
    "absolute": [absolute_loss(np.zeros(1), np.full(1, e)) for e in error],
    "Huber, delta = 1": [huber_loss(np.zeros(1), np.full(1, e), 1.0) for e in error],
}
ready = all(values[0] is not ... for values in shapes.values())
ax = plt.subplots(figsize=(5.6, 3.4))[1] if ready else ck.plot.waiting(exercise="00.6")
for (name, values), style in zip(shapes.items() if ready else (), ("-", "--", ":")):
    ax.plot(error, values, style, label=name)
if ready:
    ax.set(xlabel="error", ylabel="loss", ylim=(0, 5))
    ax.set_title("The squared loss cares most about the far ones")
    ax.legend();

# %% [markdown] tags=["solution"]
# **What one typing error does.** Take 20 prices around 200 and write one of them ten times too high. Find the constant
# with the smallest loss, by trying all.

# %% tags=["solution"]
prices = np.random.default_rng(2).normal(200, 20, size=20)
prices[3] *= 10
constants = np.linspace(100, 400, 1501)
for name, loss in (
    ("squared", squared_loss),
    ("absolute", absolute_loss),
    ("Huber, delta = 20", lambda y, c: huber_loss(y, c, 20)),
):
    print(f"{name:<18} best constant {constants[np.argmin([loss(prices, c) for c in constants])]:.1f}")

# %% [markdown] tags=["solution"]
# **Cross-entropy and Kullback-Leibler** differ by the entropy of $p$, which the network cannot change. As a loss to
# descend they are the same; as a number only the divergence is 0 when all is right.

# %% tags=["solution"]
p, q = np.array([[0.7, 0.2, 0.1]]), np.array([[0.5, 0.3, 0.2]])
entropy = -np.sum(p * np.log(p))
print(f"{cross_entropy(p, q):.4f} - {entropy:.4f} = {kl_divergence(p, q):.4f}")

# %% [markdown]
# ## What did you observe?
#
# 1. In 00.2 the first steps are long and the later ones short, with the same learning rate. Why?
# 2. Why does a learning rate that is a little too large not just make training a little worse?
# 3. In 00.5, what would plain descent do if the valley were round?
#
# <details><summary>Answers</summary>
#
# 1. A step is the learning rate times the gradient, and the gradient is large on the wall and small on the floor.
# 2. Beyond a limit each step makes the distance larger, by the same factor every time: the loss grows exponentially. Just
#    below the limit it still shrinks. There is a cliff, not a slope.
# 3. Walk straight to the bottom; with the right learning rate in one step. Scaling the inputs makes valleys rounder. This
#    is why we standardise them.
#
# </details>
#
# ## Go further
#
# - Add Nesterov's momentum: take the gradient where the velocity is about to lead. Is the swing smaller?
# - Make the learning rate of 00.4 fall as 1 / epoch. Does stochastic descent settle?
# - Fit a parabola: feed the neuron $x$ and $x^2$. Which part of your code has to change?
#
# ## Summary
#
# A neuron, a loss, a gradient, a step: this is all of training. Finite differences prove the gradient. Small batches buy
# many cheap steps; the learning rate has a cliff; momentum hurries along a narrow valley, and Adam does not care how steep
# it is. The loss is the question that you
# ask: the mean, the median, a probability, an overlap.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - Rosenblatt, F. (1958). The perceptron: a probabilistic model for information storage and organization in the brain.
#   *Psychological Review*, 65, 386–408.
# - Polyak, B. T. (1964). Some methods of speeding up the convergence of iteration methods. *USSR Computational Mathematics
#   and Mathematical Physics*, 4(5), 1–17.
# - Huber, P. J. (1964). Robust estimation of a location parameter. *Annals of Mathematical Statistics*, 35, 73–101.
# - Kingma, D. P., Ba, J. (2015). Adam: a method for stochastic optimization. *ICLR*. arXiv:1412.6980.
# - Goodfellow, I., Bengio, Y., Courville, A. (2016). *Deep Learning*, chapters 4 and 8. MIT Press.
