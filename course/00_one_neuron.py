# %% [markdown]
# # 00 · One neuron, trained by hand
#
# A single neuron is the smallest thing that learns. If you train one with nothing but NumPy, you will recognise every step
# again in the largest networks.
#
# About 264 minutes in 4 sessions · CPU about 6 s · no GPU needed
#
# **Before you start** you should know NumPy arrays and what a derivative is.
#
# ## You will learn
#
# - what a loss is, how its gradient shows the way down, and how to test that a gradient is right;
# - how batches, learning rates, momentum, Adam and their relatives change the way down;
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
# You hang a mass on a spring and measure the length of the spring, forty times, with different masses. The ruler and your
# hand are good to about half a centimetre. How long is the spring without a load, and how much longer does each kilogram
# make it? The neuron must find these two numbers from the points alone.

# %%
mass, length = ck.data.make_spring(n_samples=40, noise=0.6, seed=0)  # kg, cm

# %%
fig, ax = plt.subplots(figsize=(5.2, 3.4))
ax.plot(mass, length, "o", markersize=5, alpha=0.8)
ax.set(xlabel="mass (kg)", ylabel="length (cm)", xlim=(0, None), title="A heavier load, a longer spring");

# %% [markdown]
# ## Session 1 of 4 · A neuron, its loss, and the way downhill
#
# About 52 minutes. What it needs: NumPy arrays, what a derivative is, and the cells above. You write a neuron, measure how
# wrong it is, and let it improve step by step.

# %% [markdown]
# ## Predict before you run
#
# Lay a line through the points of the picture above by eye. Write down its slope, and the height at which it meets the
# vertical axis. By how many centimetres does a typical point miss your line?

# %% [markdown]
# ## 00.1 · A linear neuron, and how wrong it is
#
# **Goal:** write the neuron and its loss, and find the best weights with a formula.
#
# A linear neuron multiplies its input $x$ by a weight $w$ and adds a bias $b$: its prediction is $\hat y = w x + b$. How
# wrong it is over $n$ points is measured by a *loss*, here the mean squared error
#
# $$L = \frac{1}{n} \sum_i (\hat y_i - y_i)^2,$$
#
# where $y_i$ is the true value. *Training* means to find the $w$ and $b$ that make the loss small; what is made small is also
# called the *objective*. For one linear neuron the best values are known in closed form. With the means $\bar x$ and
# $\bar y$,
#
# $$w = \frac{\frac{1}{n}\sum_i (x_i - \bar x)(y_i - \bar y)}{\frac{1}{n}\sum_i (x_i - \bar x)^2}, \qquad b = \bar y - w \bar x.$$
#
# The numerator is the *covariance* of $x$ and $y$, the denominator the *variance* of $x$. For example, the points (0, 1),
# (1, 3), (2, 5) have $\bar x = 1$, $\bar y = 3$, covariance $4/3$ and variance $2/3$, so $w = 2$ and $b = 3 - 2 \cdot 1 = 1$.
# A linear neuron that is trained step by step should arrive at the numbers of this formula.
#
# - `neuron(x, w, b)`: `x` of shape (n,), `w` and `b` numbers; returns the n predictions.
# - `mse(y, prediction)`: two arrays of shape (n,); returns a number.
# - `closed_form(x, y)`: returns the pair `w, b` with the smallest mean squared error.

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
# ck.hint("00.1")  # remove the first # and run this line for a hint; run it again for the next one

# %% tags=["picture-00.1"]
if ck.ready("00.1", neuron, mse, closed_form):
    w_best, b_best = closed_form(mass, length)
    loss_best = mse(length, neuron(mass, w_best, b_best))
    print(f"slope {w_best:.2f} cm per kg, {b_best:.2f} cm without a load")
    print(f"mean squared error {loss_best:.2f} cm², its square root {np.sqrt(loss_best):.2f} cm")
    line = neuron(mass, w_best, b_best)
    ax = ck.plot.curve_fit(mass, length, {"closed form": line}, title="The best line")
    ax.set(xlabel="mass (kg)", ylabel="length (cm)");

# %% [markdown]
# The square root of the mean squared error is a typical miss, in cm. Compare it, the slope and the height with those that you
# wrote down. How good is your eye?

# %% [markdown] tags=["reason"]
# **Why this formula.** At the smallest loss both derivatives are 0. $\partial L / \partial b = 0$ says that the errors
# $\hat y_i - y_i$ have the mean 0, so the line passes through the point $(\bar x, \bar y)$. $\partial L / \partial w = 0$
# says that the errors are uncorrelated with $x$, so tilting the line would not help.
#
# **A trap.** `np.cov` divides by $n - 1$, and `np.var` by $n$. If you mix the two, the slope is wrong by the factor
# $n / (n - 1)$. For 40 points that is 2.6 per cent, small enough to be overlooked.

# %% [markdown]
# ## 00.2 · Go downhill
#
# **Goal:** write the gradient of the loss, and a step that goes against it.
#
# Larger networks have no closed form. What works for all of them is *gradient descent*: start anywhere, and walk downhill
# on the loss. The gradient consists of the two partial derivatives
#
# $$\frac{\partial L}{\partial w} = \frac{2}{n} \sum_i (\hat y_i - y_i)\, x_i, \qquad
# \frac{\partial L}{\partial b} = \frac{2}{n} \sum_i (\hat y_i - y_i).$$
#
# Each says how fast the loss grows when its parameter grows. The gradient points uphill, so a step goes against it:
#
# $$w \leftarrow w - \eta\, \frac{\partial L}{\partial w}, \qquad b \leftarrow b - \eta\, \frac{\partial L}{\partial b}.$$
#
# The *learning rate* $\eta$ decides how long the step is. For example, with the single point $x = 2$, $y = 5$ and
# $w = b = 0$, the error $\hat y - y$ is $-5$ and the derivatives are $-20$ and $-10$. A step with $\eta = 0.05$ leads to
# $w = 1$ and $b = 0.5$.
#
# - `gradient(x, y, w, b)`: returns the pair `dw, db`.
# - `step(x, y, w, b, learning_rate)`: returns the pair `w, b` after one step. Compute both derivatives before you change
#   either parameter.

# %%
ck.expected("00.2")

# %%
def gradient(x, y, w, b):
    """The derivatives of the mean squared error with respect to w and b."""
    # [solution]
    error = w * x + b - y
    dw = 2 * np.mean(error * x)
    db = 2 * np.mean(error)
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
# How can you test a gradient? A derivative is a slope, and a slope can be measured. Move $w$ a little both ways, and divide
# the change of the loss by the distance. This is called a *finite difference*. If it agrees with your formula at a few
# places, the formula is almost certainly right. The cell compares the two for $w$ at one place; try other places, and $b$.

# %%
if ck.ready("00.2", mse, neuron, gradient):
    w, b, small = 1.5, 4.0, 1e-5
    loss_above = mse(length, neuron(mass, w + small, b))
    loss_below = mse(length, neuron(mass, w - small, b))
    dw, db = gradient(mass, length, w, b)
    print(f"finite difference {(loss_above - loss_below) / (2 * small):.6f}")
    print(f"your formula      {dw:.6f}")

# %% [markdown]
# Now take 300 steps from $w = 0$, $b = 0$, and look at the path. The picture shows the loss for every pair of weights:
# yellow is high, dark blue is low, and each white contour joins pairs with the same loss.

# %%
def descend(x, y, w, b, learning_rate, steps):
    """The weights after every step, shape (steps + 1, 2)."""
    path = [(w, b)]
    for _ in range(steps):
        w, b = step(x, y, w, b, learning_rate)
        path.append((w, b))
    return np.array(path)


def spring_loss(w, b):
    """The mean squared error of the spring for one pair of weights."""
    return np.mean((w * mass + b - length) ** 2)


# %% tags=["picture-00.2"]
if ck.ready("00.2", gradient, step):
    path = descend(mass, length, 0.0, 0.0, learning_rate=0.05, steps=300)
    title = "Steep at first, then along the valley"
    ax = ck.plot.loss_surface(spring_loss, (-1, 9), (-1, 16), paths={"300 steps": path}, title=title)
    ax.set(xlabel="$w$ (cm per kg)", ylabel="$b$ (cm)")
    print(f"after 300 steps: w = {path[-1][0]:.3f}, b = {path[-1][1]:.3f}")

# %% tags=["claim"]
assert np.abs(path[-1] - [w_best, b_best]).max() < 0.05, "After 300 steps the weights are close to the closed form."
first, last = np.linalg.norm(path[1] - path[0]), np.linalg.norm(path[-1] - path[-2])
assert first > 1000 * last, "The first steps are long, the last ones short."

# %% [markdown] tags=["reason"]
# **Why both derivatives come first.** After 300 steps the path has reached $w = 3.076$ and $b = 12.015$, close to the
# closed form, 3.070 and 12.030. If you update $w$ first and compute $\partial L / \partial b$ with the new $w$, you no longer follow
# the gradient of one point. With two parameters the path still arrives. In a network with millions of weights, such a slip
# is very hard to find, because training goes on and is only somewhat worse. Compute all derivatives, then step.

# %% tags=["claim"]
assert np.allclose(path[-1], [3.076, 12.015], atol=0.0006), "The path has reached w = 3.076 and b = 12.015"
assert np.allclose([w_best, b_best], [3.070, 12.030], atol=0.0006), "the closed form, 3.070 and 12.030"

# %% [markdown]
# **A good place to stop.** You have trained your first neuron. In session 2 the neuron answers yes or no, and you find out
# how long a step may be.

# %% [markdown]
# ## Session 2 of 4 · Yes or no, and how long a step may be
#
# About 70 minutes. What it needs: the cells above Session 1, and what gradient descent is. You turn the neuron into a
# classifier, and then study the two knobs of gradient descent: the size of a batch and the learning rate.

# %% [markdown]
# ## 00.3 · A neuron that answers yes or no
#
# **Goal:** turn the neuron into a classifier, with a sigmoid at its output and another loss.
#
# A trigger in a detector should fire when a particle has more than a certain energy. Near the threshold noise decides, so
# we can only speak of a probability. The neuron gives one if its weighted sum $z = w x + b$ passes through the *sigmoid*
#
# $$p = \sigma(z) = \frac{1}{1 + e^{-z}}, \quad \text{which rises from 0 to 1 and is } \tfrac12 \text{ at } z = 0.$$
#
# The loss that fits is the *binary cross-entropy*, or *log loss*: minus the mean logarithm of the probability that the
# neuron gave to what really happened. With labels $y_i$ of 0 or 1,
#
# $$L = -\frac{1}{n} \sum_i \left[ y_i \log p_i + (1 - y_i) \log (1 - p_i) \right].$$
#
# A point with $y = 1$ and $p = 0.9$ adds $-\log 0.9 \approx 0.1$, one with $y = 1$ and $p = 0.01$ adds 4.6: to be sure and
# wrong is expensive. The gradient follows from the chain rule, $\frac{\partial L}{\partial w} =
# \sum_i \frac{\partial L}{\partial p_i} \cdot \frac{d p_i}{d z_i} \cdot \frac{\partial z_i}{\partial w}$, with the three factors
#
# $$\frac{\partial L}{\partial p_i} = \frac1n \cdot \frac{p_i - y_i}{p_i (1 - p_i)}, \qquad \frac{d p_i}{d z_i} = p_i (1 - p_i), \qquad
# \frac{\partial z_i}{\partial w} = x_i \;\text{ (and 1 for } b).$$
#
# Multiply them out before you write code: much cancels.
#
# One practical point. For $z = -1000$, `np.exp(-z)` is too large for a computer number (it *overflows*): NumPy warns and takes
# infinity. The formula above survives this, because 1 divided by infinity is 0; infinity over infinity would be NaN. To be safe,
# use the equal form $\sigma(z) = e^z / (1 + e^z)$ for negative $z$. `np.where(condition, a, b)` takes `a` where the condition
# holds and `b` elsewhere. It computes both, so write both with the exponential of $-|z|$, which never overflows. (The check
# looks at the values; a warning alone costs nothing.)
#
# - `sigmoid(z)`: any array; returns values between 0 and 1, also for $z = \pm 1000$.
# - `log_loss(y, p)`: labels 0 or 1 and probabilities, both (n,); returns a number.
# - `log_loss_gradient(x, y, w, b)`: the pair `dw, db` for the log loss of $p = \sigma(w x + b)$.
# - `trigger`: the pair `w, b`, two numbers, after training on `energy`, `fired`. The valley of this loss is long and
#   narrow, and its floor nearly flat, so take many thousands of steps with a learning rate such as 0.1; they are quick.

# %%
energy, fired = ck.data.make_trigger(n_samples=300, noise=0.6, seed=1)  # GeV, 0 or 1

# %%
ck.expected("00.3")

# %%
def sigmoid(z):
    """1 / (1 + exp(-z)), best without an overflow."""
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
    """The derivatives of the log loss with respect to w and b."""
    # [solution]
    error = sigmoid(w * x + b) - y
    dw, db = np.mean(error * x), np.mean(error)
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

# %% [markdown]
# The simulated trigger has a threshold of 5 GeV. Where does the curve of your neuron pass through one half?

# %% tags=["picture-00.3"]
if ck.ready("00.3", sigmoid, trigger):
    w, b = trigger
    probability = sigmoid(w * energy + b)
    ax = ck.plot.curve_fit(energy, fired, {"probability": probability}, title="The turn-on curve of the trigger")
    ax.set(xlabel="energy (GeV)", ylabel="fired")
    print(f"probability one half at {-b / w:.2f} GeV")

# %% tags=["claim"]
assert 4.6 < -trigger[1] / trigger[0] < 4.7, "The threshold of the fit is about 4.7 GeV."
assert abs(2 * np.log(9) - 4.4) < 0.01 and 1.9 < 4.4 / trigger[0] < 2.1, "It rises over a distance of about 4.4/w, here 2 GeV."

# %% [markdown] tags=["reason"]
# **Why the gradient looks the same.** The factor $p (1 - p)$ cancels. What is left is prediction minus truth, times the
# input, as for the linear neuron, but without its factor 2.
#
# **Where is the threshold?** $p = 0.5$ where $w x + b = 0$, so at $x = -b / w$. Here that is about 4.7 GeV: the 300 events
# happen to miss 5 by a little. The sigmoid rises from 0.1 to 0.9 over a distance of about $4.4/w$, here 2 GeV.
#
# **Why not the squared error?** Take $(p - y)^2$ for a point with $y = 1$. Its derivative with respect to $z$ contains the
# factor $p (1 - p)$, and that is nearly 0 where the neuron is sure and wrong, at very negative $z$. The neuron would not
# learn from its worst mistakes. The derivative of the log loss is $p - y$, which is close to $-1$ there.

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
# ## 00.4 · How many points per step, and how long a step
#
# **Goal:** descend with mini-batches, and find learning rates that are too small, right and too large.
#
# The gradient over all points costs a pass over all the data. A few points give a rough gradient for a fraction of the
# price. So one *epoch*, a pass over all points, is cut into *batches*: shuffle the points, cut them into portions of
# `batch_size`, and take one step for each portion. One point per step is called *stochastic* gradient descent, all points
# in one step *batch* gradient descent, and anything in between *mini-batch* descent.
#
# For example, 5 points in the shuffled order 3, 0, 4, 1, 2 with `batch_size=2` give the batches [3, 0], [4, 1] and [2].
# `np.random.default_rng(seed).permutation(n)` shuffles the numbers from 0 to n − 1, and `order[2:4]` takes the third and
# fourth.
#
# - `minibatches(n, batch_size, seed)`: a list of index arrays. Together they hold each of 0 … n − 1 once, in an order that
#   `seed` decides. Each has `batch_size` entries; only the last may have fewer.
# - `run_epoch(x, y, w, b, batch_size, learning_rate, seed)`: the pair `w, b` after one epoch. It uses
#   `mse_gradient`, which is defined below, on the points of each batch, such as `x[batch]`.
# - `rates`: a dict with the keys `"too small"`, `"right"` and `"too large"`, for 100 steps of batch gradient descent on
#   `x_spring`, `length`. What counts is the distance to the best weights: after the 100 steps, more than 20 % of what it was
#   at the start should be left with the first rate, less than 1 % with the second, and more than 100 % with the third. The
#   first should be the smallest of the three, the third the largest. Guess, and let the check tell you how much was left.

# %%
x_spring = (mass - mass.mean()) / mass.std()  # standardised: mean 0, variance 1

# %% [markdown]
# `run_epoch` needs the gradient of the mean squared error, as a function `mse_gradient(x, y, w, b)` that returns `dw, db`.
# If you have run your cells of 00.2 since you opened the notebook, this cell takes your `gradient`. If not, it takes one that
# is measured by finite differences.

# %%
def measured_gradient(x, y, w, b):
    """The two derivatives of the mean squared error, by finite differences."""
    def loss(w, b):
        return np.mean((w * x + b - y) ** 2)

    small = 1e-4
    slope_w = (loss(w + small, b) - loss(w - small, b)) / (2 * small)
    slope_b = (loss(w, b + small) - loss(w, b - small)) / (2 * small)
    return slope_w, slope_b


mse_gradient = ck.resume("gradient", lambda: measured_gradient)

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
        dw, db = mse_gradient(x[batch], y[batch], w, b)
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

# %% [markdown]
# **Predict first:** batches of 40, 8 and 1 point, all with the learning rate 0.05 and for 150 epochs. Which of them comes
# near the best weights after the fewest epochs? Which ends closest to them? In the three pictures below every marker is the end
# of an epoch. All paths begin at $w = b = 0$, far below the edge of the pictures.

# %%
def epochs(batch_size, learning_rate, n_epochs):
    """The weights at the start and after each epoch, shape (n_epochs + 1, 2)."""
    w, b = 0.0, 0.0
    path = [(w, b)]
    for epoch in range(n_epochs):
        w, b = run_epoch(x_spring, length, w, b, batch_size, learning_rate, seed + epoch)
        path.append((w, b))
    return np.array(path)


def standard_loss(w, b):
    """The mean squared error on the standardised masses for one pair of weights."""
    return np.mean((w * x_spring + b - length) ** 2)


# %% tags=["picture-00.4"]
if ck.ready("00.4", minibatches, run_epoch):
    fig, axs = plt.subplots(1, 3, figsize=(10.5, 3.6), sharey=True)
    for ax, batch_size in zip(axs, (40, 8, 1)):
        paths = {f"batches of {batch_size}": epochs(batch_size, 0.05, 150)}
        ck.plot.loss_surface(standard_loss, (2.6, 4.2), (16.6, 19), ax, paths=paths)
        ax.set(xlabel="$w$ (cm)", ylabel="")
    axs[0].set_ylabel("$b$ (cm)")
    fig.suptitle("Small batches arrive early and do not settle", fontsize=12)

# %%
if ck.ready("00.4", minibatches, run_epoch):
    best = np.polyfit(x_spring, length, 1)  # the weight and the bias of the best line
    for batch_size in (40, 8, 1):
        distances = np.linalg.norm(epochs(batch_size, 0.05, 150) - best, axis=1)
        print(f"batches of {batch_size:2d}: {distances[2]:7.3f} cm from the best weights after 2 epochs, "
              f"{distances[-20:].mean():.4f} cm over the last 20")

# %% tags=["claim"]
early, late = [], []
for batch_size in (40, 8, 1):
    distances = np.linalg.norm(epochs(batch_size, 0.05, 150) - best, axis=1)
    early.append(distances[2])
    late.append(distances[-20:].mean())
assert early[0] > 2 * early[1] and early[1] > 5 * early[2], "The smaller the batch, the nearer after two epochs."
assert late[2] > 5 * late[1] and late[2] > 5 * late[0], "Single points end farthest from the best weights."

# %% [markdown]
# Were your two predictions right? Next, the loss with your three learning rates.

# %%
if ck.ready("00.4", minibatches, run_epoch, rates):
    fig, ax = plt.subplots(figsize=(5.6, 3.2))
    for name, style in (("too small", "-"), ("right", "--"), ("too large", ":")):
        path = epochs(len(x_spring), rates[name], 30)
        losses = [standard_loss(w, b) for w, b in path]
        ax.semilogy(losses, style, label=f"{name}: {rates[name]:g}")
    ax.set(xlabel="step", ylabel="loss (cm²)", title="Too small crawls, too large explodes")
    ax.legend();

# %% [markdown] tags=["reason"]
# **How large is too large?** On standardised data the loss is a round bowl: its second derivative is 2 in every direction. A
# step multiplies the distance to the bottom by $1 - 2 \eta$. With $\eta = 0.5$ you arrive in one step. Beyond $\eta = 1$ the
# factor is below $-1$, and every step lands farther away, on the other side. That is why the loss does not become slightly
# worse but explodes. In a bowl with another second derivative the factor is 1 minus $\eta$ times this derivative, so the limit of
# the learning rate is 2 divided by it.
#
# **Why small batches arrive early.** In one epoch, batches of one point take 40 steps, and the whole batch takes one.
#
# **Why they do not settle.** At the best weights the mean of all gradients is 0, but the gradient of a single point is not.
# With a fixed learning rate the weights keep moving around the best place. This is the reason why the learning rate is
# often lowered towards the end of training.
#
# This noise has a good side where the loss is no bowl, as in networks with hidden layers. A place from which every small step
# leads uphill, though there are lower places elsewhere, is a *local minimum*. The gradient over all points is 0 there, and
# plain descent stays. The gradient of a few points is not 0 there, so small batches keep the weights moving, and they may
# cross a low wall.

# %% [markdown]
# **A good place to stop.** You know how far a step may go. Session 3 is about steps that remember the earlier ones, and
# about the choice of a loss.

# %% [markdown]
# ## Session 3 of 4 · Better steps, and a loss for every question
#
# About 84 minutes. What it needs: the cells above Session 1, and what a gradient and a learning rate are. You write the
# optimisers that most networks are trained with, and six losses.

# %% [markdown]
# ## 00.5 · Three ways down a narrow valley
#
# **Goal:** write plain gradient descent, momentum and Adam, each as one step.
#
# Most losses are not round bowls. Imagine a valley whose walls are 40 times steeper than its floor. Plain descent must take
# steps that are short enough for the walls, and then crawls along the floor. Two ideas help. With the gradient $g$ and the
# learning rate $\eta$:
#
# - **Plain descent:** $w \leftarrow w - \eta\, g$.
# - **Momentum** remembers. A velocity $v$ collects the gradients, like a ball that rolls downhill, and $\beta$, such as
#   0.8, is the part of it that is kept: first $v \leftarrow \beta v + g$, then $w \leftarrow w - \eta\, v$.
# - **Adam** keeps two averages, of the gradient and of its square: $m \leftarrow \beta_1 m + (1 - \beta_1)\, g$ and
#   $v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2$. It divides the first by the root of the second, so that every weight gets
#   steps that suit the size of its own gradients. Both averages start at 0 and are too small at first. In step
#   $t = 1, 2, \dots$ they are therefore corrected: $\hat m = m / (1 - \beta_1^t)$ and $\hat v = v / (1 - \beta_2^t)$. Then
#   $w \leftarrow w - \eta\, \hat m / (\sqrt{\hat v} + \epsilon)$. The tiny $\epsilon$ prevents a division by 0.
#
# For example, momentum with $\beta = 0.5$, $\eta = 0.1$ and two gradients $g = 1$ has $v = 1$ and then $v = 1.5$; $w$ moves
# by −0.1 and then by −0.15. For Adam's first step, $\hat m = g$ and $\hat v = g^2$, so every weight moves by almost exactly
# $\eta$.
#
# - `w`, `g`, `v`, `m` are arrays of shape (k,). Return new arrays and do not change the ones that you were given.
# - Adam returns the uncorrected `m` and `v`, which the next step needs.

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

# %% [markdown]
# The valley below has the height $\frac12 w^\mathsf{T} C w$. The matrix $C$ holds the curvatures, 1 along the valley and 40
# across it, and turns the valley by 0.4 radian. Its gradient is $C w$.
#
# **Predict first:** after 60 steps, which of the three will be lowest?

# %%
turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
curvature = turn @ np.diag([1.0, 40.0]) @ turn.T


def height(w1, w2):
    """The height of the valley at one place."""
    w = np.array([w1, w2])
    return w @ curvature @ w / 2


# %%
def walk(optimiser, steps=60):
    """The path of an optimiser down the valley, shape (steps + 1, 2)."""
    w = np.array([-4.0, -0.6])
    m, v = np.zeros(2), np.zeros(2)
    path = [w]
    for t in range(1, steps + 1):
        g = curvature @ w
        if optimiser == "plain":
            w = plain_step(w, g, learning_rate=0.045)
        elif optimiser == "momentum":
            w, v = momentum_step(w, v, g, learning_rate=0.02, beta=0.8)
        elif optimiser == "Adam":
            w, m, v = adam_step(w, m, v, g, t, learning_rate=0.3)
        path.append(w)
    return np.array(path)


# %% tags=["picture-00.5"]
if ck.ready("00.5", plain_step, momentum_step, adam_step):
    paths = {name: walk(name) for name in ("plain", "momentum", "Adam")}
    fig, ax = plt.subplots(figsize=(8.5, 4.6))
    title = "Three paths down the same valley, 60 steps each"
    ck.plot.loss_surface(height, (-4.6, 1.2), (-2.7, 1.1), ax, paths=paths, title=title)

# %%
if ck.ready("00.5", plain_step, momentum_step, adam_step):
    fig, ax = plt.subplots(figsize=(5.6, 3.2))
    for name, style in (("plain", "C1-"), ("momentum", "C2--"), ("Adam", "C3:")):
        heights = [height(w1, w2) for w1, w2 in paths[name]]
        ax.semilogy(heights, style, label=name)
    ax.set(xlabel="step", ylabel="height in the valley", title="Momentum is lowest after 60 steps")
    ax.legend();

# %% tags=["claim"]
ends = {name: height(*path[-1]) for name, path in paths.items()}
assert ends["momentum"] < ends["plain"] / 500 and ends["momentum"] < ends["Adam"] / 500, "Momentum is lowest after 60 steps"
assert 0.3 < ends["Adam"] / ends["plain"] < 1, "After 60 steps Adam is about as low as plain descent."
long = walk("Adam", 400)
lengths = np.linalg.norm(np.diff(long, axis=0), axis=1)
assert lengths[0] > 0.4 and lengths[29] < 0.1 and lengths[199] < 1e-4, "Adam's steps become short near the bottom."
lower = [height(*paths["Adam"][t]) < height(*paths["plain"][t]) for t in (1, 2, 3, 5, 15, 30)]
assert lower == [True] * 3 + [False] * 3, "Adam's first three steps lead lower, then it is higher for a while."

# %% [markdown]
# Did you predict the winner?

# %% [markdown] tags=["reason"]
# **Read the paths.** Plain descent jumps from wall to wall. Across the valley, where the second derivative is 40, a step
# multiplies the distance to the floor by $1 - 40 \eta$, so the limit of the learning rate is $2/40 = 0.05$, and 0.045 is just
# below it. Along the valley the same rate makes slow progress.
#
# Momentum adds up the parts of the gradient that always point the same way, along the valley. The parts that change sign,
# across it, largely cancel. After 60 steps it is far below the other two.
#
# Adam divides by the size of recent gradients, so that its first steps have the length $\eta$ in each coordinate, however
# steep the walls are: there is no need to tune the rate to the steep direction. When the gradient keeps changing sign, $m$
# averages to nearly 0, and the steps become short by themselves. In this valley Adam gains nothing over plain descent: its
# first three steps lead lower, then it runs past the floor and is higher for a while, and after 60 steps both are about equally
# low. Its strength is not this valley but networks in which the sizes of the gradients differ by large factors from weight to
# weight.
#
# **Why the correction matters.** In the first step $m = 0.1\, g$ and $v = 0.001\, g^2$. Without the two divisions the step
# would be $0.1 / \sqrt{0.001} \approx 3.2$ times too long, and Adam would start with a leap.

# %% [markdown]
# ## 00.6 · A zoo of losses
#
# **Goal:** write six losses, and say which one answers which question.
#
# Four of them compare numbers or labels, two compare distributions or regions. All are means over the samples, except the
# last. With the error $e = \hat y - y$:
#
# - `squared_loss(y, prediction)`: the mean of $e^2$. If the prediction is one constant for all, the best constant is the mean.
# - `absolute_loss(y, prediction)`: the mean of $|e|$. The best constant is the median.
# - `huber_loss(y, prediction, delta)`: the mean over all samples of a term that is $e^2 / 2$ where $|e| \le \delta$, and
#   $\delta (|e| - \delta / 2)$ beyond: quadratic for small errors and linear for large ones. For $\delta = 1$, an error of 3
#   costs 2.5.
# - `cross_entropy(p, q)`: $-\sum_k p_k \log q_k$, the log loss for k classes, averaged over the rows. `p` and `q` have shape
#   (n, k), and each row adds up to 1; `p` is the truth, `q` the prediction, with all of `q` above 0.
# - `kl_divergence(p, q)`: $\sum_k p_k \log (p_k / q_k)$, averaged over the rows. The Kullback-Leibler divergence says how much
#   worse `q` describes the data than the truth `p`. It is 0 when both are equal, and not the same with `p` and `q`
#   exchanged. A class with $p_k = 0$ counts 0.
# - `jaccard_loss(a, b)`: $1 - |a \cap b| / |a \cup b|$ for two masks of 0 and 1 of shape (n,): 0 when two regions are equal,
#   1 when they do not overlap. It is one number, not a mean. Two empty masks have the loss 0.
#
# Then fill `choices` with the six names "squared", "absolute", "huber", "cross-entropy", "kl", "jaccard", each once:
#
# - `"mean"`: house prices without outliers, when the mean of the predictions must come out right
# - `"typing errors"`: house prices, some with three zeros too many, when you want the median
# - `"smooth"`: the same prices with typing errors, but the loss must have a derivative everywhere
# - `"class"`: which of ten digits a picture shows
# - `"distribution"`: how far the numbers that a network produces are from a normal distribution
# - `"region"`: which pixels belong to a tumour, when most pixels do not

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
    """Quadratic up to delta, linear beyond."""
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
    """The Kullback-Leibler divergence of q from p."""
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
if ck.ready("00.6", squared_loss, absolute_loss, huber_loss):
    errors = np.linspace(-3, 3, 241)
    truth = np.zeros(1)
    fig, ax = plt.subplots(figsize=(5.6, 3.4))
    ax.plot(errors, [squared_loss(truth, truth + e) for e in errors], "-", label="squared")
    ax.plot(errors, [absolute_loss(truth, truth + e) for e in errors], "--", label="absolute")
    ax.plot(errors, [huber_loss(truth, truth + e, 1.0) for e in errors], ":", label="Huber, delta = 1")
    ax.set(xlabel="error", ylabel="loss", ylim=(0, 5), title="Large errors dominate the squared loss")
    ax.legend();

# %% [markdown]
# What does one typing error do? Take 21 prices near 200 and find the constant with the smallest loss by trying them all. Then
# write one of the prices ten times too high, and do it again. **Predict first:** which loss is disturbed most?

# %%
def best_constants(prices):
    """The constants with the smallest squared, absolute and Huber loss."""
    constants = np.linspace(100, 400, 1501)
    squared = [squared_loss(prices, c) for c in constants]
    absolute = [absolute_loss(prices, c) for c in constants]
    huber = [huber_loss(prices, c, 20) for c in constants]
    return [constants[np.argmin(losses)] for losses in (squared, absolute, huber)]


if ck.ready("00.6", squared_loss, absolute_loss, huber_loss):
    prices = np.random.default_rng(2).normal(200, 20, size=21)
    wrong = np.where(np.arange(21) == 3, 10 * prices, prices)
    before, after = best_constants(prices), best_constants(wrong)
    for name, right, disturbed in zip(("squared", "absolute", "Huber, delta = 20"), before, after):
        print(f"{name:17s}  best constant {right:.0f}, with the typing error {disturbed:.0f}")

# %% tags=["claim"]
assert np.round(before).tolist() == [200, 198, 200], "The three constants without the error"
assert np.round(after).tolist() == [265, 203, 203] and abs(after[1] - np.median(wrong)) < 0.1, "from 198 to 203"
assert 1450 < wrong[3] < 1550, "one price of about 1,500"

# %% [markdown] tags=["reason"]
# **Why the squared loss is disturbed.** Its best constant is the mean, and one price of about 1,500 among 21 moves the mean
# from 200 to 265. The absolute loss gives the median, which moves from 198 to 203, to its neighbour. The Huber loss moves from
# 200 to 203. Each sample pulls at the constant with the slope of its loss. With the squared loss the pull grows with the
# distance. With the absolute loss all pull equally hard, and with the Huber loss none pulls harder than $\delta$, however far away
# it is.
#
# **Cross-entropy and Kullback-Leibler divergence** differ by the entropy of the truth, $-\sum_k p_k \log p_k$, which the
# network cannot change. For training they are therefore equivalent. As numbers they are not: for a perfect prediction the
# divergence is always 0, and the cross-entropy is the entropy of the truth, which is 0 only where the truth is sure of one class.

# %% tags=["solution"]
p, q = np.array([[0.7, 0.2, 0.1]]), np.array([[0.5, 0.3, 0.2]])
entropy = -np.sum(p * np.log(p))
print(f"{cross_entropy(p, q):.4f} - {entropy:.4f} = {kl_divergence(p, q):.4f}")

# %% [markdown]
# **A good place to stop.** Session 4 adds two more optimisers, and what is done about steps that are too long.

# %% [markdown]
# ## Session 4 of 4 · Steps that adapt
#
# About 58 minutes. What it needs: the cells above Session 1, and what momentum and Adam are (00.5). You write AdaGrad and
# RMSprop, tame a cliff, and see how the learning rate is changed during training.

# %% [markdown]
# ## 00.7 · Steps that adapt
#
# **Goal:** write AdaGrad and RMSprop, which give each weight steps of its own length.
#
# Some weights get large gradients in every step, others small ones, or a gradient only now and then. One learning rate does
# not fit all of them. Two optimisers divide each gradient by a measure of how large the gradients *of this weight* have been.
# With the gradient $g$, the learning rate $\eta$ and a small $\epsilon$ against a division by 0:
#
# - **AdaGrad** adds up all squares: first $s \leftarrow s + g^2$, then $w \leftarrow w - \eta\, g / (\sqrt{s} + \epsilon)$. The sum
#   $s$ begins at 0 and can only grow, so the steps become shorter and shorter.
# - **RMSprop** forgets. It keeps an average of the recent squares: first $s \leftarrow \rho\, s + (1 - \rho)\, g^2$, then
#   $w \leftarrow w - \eta\, g / (\sqrt{s} + \epsilon)$. With $\rho = 0.9$ it looks back over about ten steps.
#
# Squares, roots and divisions are taken entry by entry: each weight has its own $s$. For example, let $\eta = 0.1$ and let
# the gradient be 2 in every step. AdaGrad has $s = 4$, 8, 12, and its steps are 0.1, 0.071, 0.058: they shrink like
# $1 / \sqrt{t}$. RMSprop with $\rho = 0.9$ has $s = 0.4$, 0.76, 1.084, and its steps are 0.316, 0.229, 0.192; they approach 0.1.
# Adam of 00.5 is RMSprop that takes the average $\hat m$ in place of $g$, and corrects both averages for their start at 0.
#
# - `adagrad_step(w, s, g, learning_rate, epsilon)`: returns the new `w` and `s`.
# - `rmsprop_step(w, s, g, learning_rate, rho, epsilon)`: likewise.
# - `w`, `s`, `g` are arrays of shape (k,). Return new arrays and do not change the ones that you were given.

# %%
ck.expected("00.7")

# %%
def adagrad_step(w, s, g, learning_rate, epsilon=1e-8):
    """AdaGrad: the new w and the new sum of squares."""
    # [solution]
    s = s + g**2
    w = w - learning_rate * g / (np.sqrt(s) + epsilon)
    # [stub]
    # w, s = ..., ...
    # [end]
    return w, s


def rmsprop_step(w, s, g, learning_rate, rho, epsilon=1e-8):
    """RMSprop: the new w and the new average of squares."""
    # [solution]
    s = rho * s + (1 - rho) * g**2
    w = w - learning_rate * g / (np.sqrt(s) + epsilon)
    # [stub]
    # w, s = ..., ...
    # [end]
    return w, s


# %%
ck.check("00.7", adagrad_step=adagrad_step, rmsprop_step=rmsprop_step)

# %%
# ck.hint("00.7")

# %% [markdown]
# The valley of this session has the height $\frac12 (w_1^2 + 1000\, w_2^2)$: its wall is 1,000 times steeper than its floor,
# and it runs along an axis. Plain descent needs a learning rate below $2 / 1000$. AdaGrad walks with the rate 1 and RMSprop
# with 0.1. If you have run your cells of 00.5 since you opened the notebook, your momentum and your Adam walk too.
#
# **Predict first:** which will be lowest after 150 steps? Will RMSprop, with its fixed learning rate, settle at the bottom?

# %%
steepness = np.array([1.0, 1000.0])
own_momentum = ck.resume("momentum_step", lambda: None)
own_adam = ck.resume("adam_step", lambda: None)


def walk_down(name, steps=150):
    """The height after each step of an optimiser in the steep valley."""
    w, memory, s, heights = np.array([-4.0, -0.6]), np.zeros(2), np.zeros(2), []
    for t in range(1, steps + 1):
        g = steepness * w
        if name == "plain":
            w = w - 0.0018 * g
        elif name == "momentum":
            w, memory = own_momentum(w, memory, g, 0.0008, 0.8)
        elif name == "Adam":
            w, memory, s = own_adam(w, memory, s, g, t, 0.3)
        elif name == "AdaGrad":
            w, s = adagrad_step(w, s, g, 1.0)
        elif name == "RMSprop":
            w, s = rmsprop_step(w, s, g, 0.1, 0.9)
        heights.append(np.sum(steepness * w**2) / 2)
    return heights


# %% tags=["picture-00.7"]
if ck.ready("00.7", adagrad_step, rmsprop_step):
    walkers = ["plain", "AdaGrad", "RMSprop"]
    walkers += ["momentum"] if own_momentum else []
    walkers += ["Adam"] if own_adam else []
    downhill = {name: walk_down(name) for name in walkers}
    fig, ax = plt.subplots(figsize=(6.2, 3.8))
    styles = {"plain": "C1-", "momentum": "C2--", "Adam": "C3:", "AdaGrad": "C0--", "RMSprop": "C5-."}
    for name, heights in downhill.items():
        ax.semilogy(range(1, 151), heights, styles[name], label=name)
    ax.set(xlabel="step", ylabel="height in the valley", title="Down a valley with steep walls", ylim=(1e-12, 1e3))
    ax.legend(loc="lower left", fontsize=8);

# %% tags=["claim"]
lowest = {name: heights[-1] for name, heights in downhill.items()}
assert min(lowest, key=lowest.get) == "AdaGrad" and lowest["AdaGrad"] < 1e-12, "AdaGrad is lowest by far"
assert lowest["plain"] > 1 and lowest["momentum"] > 1, "Plain descent and momentum are still high above"
assert downhill["RMSprop"][29] < 1 and 0.01 < np.mean(downhill["RMSprop"][-50:]) < 30, "RMSprop does not settle"
assert 1e-22 < lowest["AdaGrad"] < 1e-20, "AdaGrad ends near 1e-21"
w, s = np.array([-4.0, -0.6]), np.zeros(2)
for _ in range(150):
    w, s = adagrad_step(w, s, steepness * w, 0.1)
assert 1.5 < np.sum(steepness * w**2) / 2 < 2.5, "With the rate 0.1 AdaGrad is at a height of about 2"
assert lowest["Adam"] < 1e-3, "Adam settles"

# %% [markdown]
# Which of your two predictions came true? AdaGrad leaves the picture below $10^{-12}$ and ends near $10^{-21}$. The rates were
# chosen to suit each optimiser, and the order depends on them: with the rate 0.1, AdaGrad would still be at a height of about 2
# after 150 steps.

# %% [markdown] tags=["reason"]
# **Why the steepness does not matter.** Multiply all gradients of a weight by 1,000: $\sqrt{s}$ grows by 1,000 as well, and the
# step stays the same. AdaGrad therefore walks as if the valley were round. Plain descent and momentum have to obey the
# steep direction (00.5), and creep along the other.
#
# **Why RMSprop does not settle.** Near the bottom the recent gradients are small, and so is $\sqrt{s}$: $g / \sqrt{s}$ stays
# about 1, and the steps stay about as long as the learning rate. So RMSprop jumps to and fro across the bottom. It needs a
# learning rate that falls. AdaGrad has one built in; over many epochs on a large network its steps become too short, and
# that is why RMSprop forgets. Adam's average $\hat m$ cancels steps that change their sign, and comes to rest here.
#
# **Only along the axes.** Each weight is scaled by itself, and this helps most where the valley runs along an axis.
#
# **Nesterov's momentum** takes the gradient not at $w$ but at $w - \eta \beta v$, the place to which the velocity is about to
# lead, so that it brakes before it has gone too far.
#
# **Adadelta** (Zeiler, 2012) is RMSprop with one more running average, of the squares of its own steps. The root of this
# average takes the place of the learning rate, so that there is none to choose. In Keras the step is multiplied by a learning
# rate all the same, and `keras.optimizers.Adadelta(1.0)` is the form of the paper.

# %% [markdown]
# ### Cliffs, and gradients that are cut
#
# Deep and recurrent networks multiply many numbers. Take the smallest example: a signal of 1 goes through twenty layers, each
# of which multiplies it by the same weight $w$, and should come out as 0.3. The loss is $(w^{20} - 0.3)^2$. It is almost flat
# on one side and a cliff on the other. On the cliff the gradient is thousands of times larger than elsewhere, and one step
# throws $w$ far away.
#
# The remedy is *clipping by norm*: where the norm of the whole gradient is larger than a limit $c$, it is multiplied by $c$
# over its norm. It keeps its direction, and its length is $c$. In Keras: `keras.optimizers.SGD(0.01, clipnorm=1.0)`, for each
# weight matrix by itself, or `global_clipnorm=1.0` for all together.
#
# **Predict first:** where does a step with the learning rate 0.01 lead from $w = 1.15$, without clipping and with $c = 1$?

# %%
def clip_by_norm(g, limit):
    """The gradient, not longer than the limit."""
    return g * limit / max(limit, np.linalg.norm(g))


def cliff(w):
    """The loss of a chain of twenty equal weights."""
    return (w**20 - 0.3) ** 2


def cliff_slope(w):
    """Its derivative."""
    return 2 * (w**20 - 0.3) * 20 * w**19


start = np.array([1.15])
without = start - 0.01 * cliff_slope(start)
clipped = [start]
for _ in range(60):
    clipped.append(clipped[-1] - 0.01 * clip_by_norm(cliff_slope(clipped[-1]), 1.0))
print(f"slope at 1.15: {cliff_slope(start)[0]:.0f}; after one step without clipping w = {without[0]:.0f}")
print(f"with clipping: w = {clipped[1][0]:.2f} after one step, {clipped[-1][0]:.3f} after 60; the best is {0.3 ** (1 / 20):.3f}")

# %%
fig, ax = plt.subplots(figsize=(6, 3.2))
w_line = np.linspace(0.6, 1.16, 300)
ax.plot(w_line, cliff(w_line), label="loss")
ax.plot(clipped, cliff(np.array(clipped)), "o-", markersize=3, linewidth=0.8, label="60 clipped steps")
ax.set(xlabel="$w$", ylabel="loss", title="With clipping the steps come down the cliff")
ax.legend();

# %% tags=["claim"]
assert without[0] < -80, "One step without clipping leads to about -90"
assert abs(clipped[1][0] - 1.14) < 1e-9 and abs(clipped[-1][0] - 0.3 ** (1 / 20)) < 0.01, "With clipping w arrives"

# %% [markdown]
# ### A learning rate that changes
#
# A large rate is good at the beginning and a small one at the end (00.4). Here are four plans for 100 epochs. *Cosine decay*
# falls along half a cosine. *Warm restarts* (SGDR, Loshchilov and Hutter, 2017) do so several times, and jump back to the
# large rate each time, which can throw the weights out of a poor place. *One-cycle* (Smith, 2018) first rises, because the
# first gradients are wild, and then falls to nearly 0. The plainest plan divides the rate by a number that grows with the epochs,
# here by 1 + epoch / 10. In Keras a plan takes the place of the number, as in
# `keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 1000))`, counted in steps; there are also
# `CosineDecayRestarts`, `InverseTimeDecay` and `ExponentialDecay`, which multiplies the rate by the same factor again and again.
#
# The idea of much movement first and little at the end is older. *Simulated annealing* (Kirkpatrick, Gelatt and Vecchi, 1983)
# tries random steps. It takes those that lead downhill, and now and then one that leads uphill, the more rarely the lower its
# "temperature" has fallen, as a hot metal is cooled slowly. So it can leave a local minimum (00.4) at first, and settles in
# the end. A falling learning rate does something similar to small batches: the noise in each step is multiplied by the rate,
# and dies out with it.
#
# How large may the largest rate be? Smith's *range test* (2017) finds out in one short training, in which the rate grows from
# tiny to far too large: at first the loss hardly falls, then it falls, and then it explodes. Take a rate clearly below the
# one at which it turns upward. In one-cycle, momentum falls while the rate rises. And a large rate by itself helps to keep a
# network from learning the noise in its data by heart, so that the other remedies, of 02.3, can be weaker.

# %%
epoch = np.arange(100)
since_restart = np.concatenate([np.arange(length) / length for length in (15, 28, 57)])
one_cycle = np.where(epoch < 30, 0.1 + 0.9 * epoch / 30, (1 + np.cos(np.pi * (epoch - 30) / 70)) / 2)
plans = {
    "1 / (1 + epoch / 10)": 1 / (1 + epoch / 10),
    "cosine decay": (1 + np.cos(np.pi * epoch / 100)) / 2,
    "warm restarts": (1 + np.cos(np.pi * since_restart)) / 2,
    "one-cycle": one_cycle,
}
fig, ax = plt.subplots(figsize=(6.4, 3.4))
for (name, rate), style in zip(plans.items(), ("-", "--", "-.", ":")):
    ax.plot(epoch, 0.1 * rate, style, label=name)
ax.set(xlabel="epoch", ylabel="learning rate", title="Four plans for the learning rate")
ax.legend(fontsize=8);

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
# 2. Beyond a limit every step multiplies the distance by the same factor above 1, so the loss grows exponentially. Just
#    below the limit the factor is below 1, and the loss still falls.
# 3. It would walk straight to the bottom, and with the right learning rate it would arrive in one step. Scaling the inputs
#    makes valleys rounder, and this is why we standardise them.
#
# </details>
#
# ## Go further
#
# - Add Nesterov's momentum: take the gradient at the place where the velocity is about to lead. Does it swing less?
# - Let the learning rate of 00.4 fall as 1 / (1 + epoch). Does stochastic gradient descent settle?
# - Fit a parabola: feed the neuron $x$ and $x^2$. Which parts of your code have to change?
#
# ## Summary
#
# A neuron, a loss, a gradient, a step: all training consists of these. Finite differences test a gradient. Small batches
# buy many cheap steps, and the price is that the weights do not settle. A learning rate beyond the limit makes the loss
# explode. Momentum is quicker than plain descent along a narrow valley; AdaGrad, RMSprop and Adam adapt their steps to the
# gradients of each weight, and clipping keeps a step short on a cliff. The loss is the question that you ask: the mean, the
# median, a probability, an overlap.
#
# This is the end of the notebook and a good place to stop. In notebook 01 neurons are put together into a network.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - Rosenblatt, F. (1958). The perceptron: a probabilistic model for information storage and organization in the brain.
#   *Psychological Review*, 65, 386–408.
# - Polyak, B. T. (1964). Some methods of speeding up the convergence of iteration methods. *USSR Computational Mathematics
#   and Mathematical Physics*, 4(5), 1–17.
# - Nesterov, Y. (1983). A method for solving the convex programming problem with convergence rate O(1/k²). *Doklady Akademii
#   Nauk SSSR*, 269, 543–547.
# - Huber, P. J. (1964). Robust estimation of a location parameter. *Annals of Mathematical Statistics*, 35, 73–101.
# - Kingma, D. P., Ba, J. (2015). Adam: a method for stochastic optimization. *ICLR*. arXiv:1412.6980.
# - Duchi, J., Hazan, E., Singer, Y. (2011). Adaptive subgradient methods for online learning and stochastic optimization.
#   *Journal of Machine Learning Research*, 12, 2121–2159.
# - Tieleman, T., Hinton, G. (2012). RMSprop: divide the gradient by a running average of its recent magnitude. Coursera,
#   Neural Networks for Machine Learning, lecture 6.5.
# - Pascanu, R., Mikolov, T., Bengio, Y. (2013). On the difficulty of training recurrent neural networks. *ICML*.
#   arXiv:1211.5063.
# - Zeiler, M. D. (2012). ADADELTA: an adaptive learning rate method. arXiv:1212.5701.
# - Kirkpatrick, S., Gelatt, C. D., Vecchi, M. P. (1983). Optimization by simulated annealing. *Science*, 220, 671–680.
# - Loshchilov, I., Hutter, F. (2017). SGDR: stochastic gradient descent with warm restarts. *ICLR*. arXiv:1608.03983.
# - Smith, L. N. (2017). Cyclical learning rates for training neural networks. *WACV*. arXiv:1506.01186.
# - Smith, L. N. (2018). A disciplined approach to neural network hyper-parameters: part 1. arXiv:1803.09820.
# - Goodfellow, I., Bengio, Y., Courville, A. (2016). *Deep Learning*, chapters 4 and 8. MIT Press.
