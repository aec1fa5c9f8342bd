# %% [markdown]
# # 02c · Training deeper networks
#
# In notebook 02 you used dropout, an L2 penalty and ReLU because somebody told you so. Here you write each of these tools
# yourself, and others that deep networks are trained with, and you measure what they do.
#
# About 233 minutes in 4 sessions · CPU about 25 s · no GPU needed
#
# **Before you start** you should have done notebook 02: overfitting, dropout, L2 and vanishing gradients.
#
# ## You will learn
#
# - what dropout, penalties and batch normalisation compute, in training and in prediction;
# - which activations keep a signal alive through twenty layers, and how a ReLU dies;
# - to write a callback, to search for settings at random, and to average weights;
# - a task on which a deep network does better than a wide one of the same size.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # call this before importing Keras, so that TensorFlow's start-up messages stay hidden

import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from scipy.stats import loguniform
from sklearn.datasets import make_moons
from sklearn.model_selection import RandomizedSearchCV
from sklearn.neural_network import MLPClassifier

# %% [markdown]
# ## Session 1 of 4 · Holding a network back
#
# About 68 minutes. What it needs: the cells above, NumPy, and what overfitting is (02.3). You write dropout, and then
# compare three ways to keep weights small.

# %% [markdown]
# ## Bias and variance
#
# Train the same network many times, each time on a new set of points from one source. Its answers $\hat y$ at a point $x$
# scatter around their mean. How far that mean lies from the truth is the *bias*, and how much the answers scatter is the
# *variance*. For the squared error the two add up: averaged over many such sets,
#
# $$\text{mean of } (\hat y - y)^2 = \text{bias}^2 + \text{variance} + \text{noise},$$
#
# where $y$ is the value observed at $x$, and the noise is what no model can predict. A network that is too small has a large
# bias, one that is too free has a large variance. All tools of this session lower the variance and pay for it with a little
# bias. That is a good bargain when the points are few and the tool is not too strong, and a bad one when the network was too
# small to begin with.

# %% [markdown]
# ## 02c.1 · Dropout by hand
#
# **Goal:** write dropout for training and for prediction, and its way back through the network.
#
# Dropout comes after a layer. Let $H$ hold what the layer gives, one row a sample and one column a unit. *In training*,
# dropout sets each entry of $H$ to 0 with the probability $p$, and draws anew for each sample, each unit and each step. It
# removes values, not weights: the unit is silent for this sample, and in the next step it may speak again. The next layer
# cannot rely on any single unit.
#
# A next unit now adds up fewer values, and its sum would be too small. Therefore the entries that are kept are divided by
# $1 - p$. An entry $h$ becomes 0 with the probability $p$ and $h / (1 - p)$ with the probability $1 - p$; its mean is
#
# $$p \cdot 0 + (1 - p) \cdot \frac{h}{1 - p} = h.$$
#
# For example, with $p = 0.75$ an entry of 2 becomes 0 three times in four, and 8 once in four. The mean of 0, 0, 0 and 8 is
# 2.
#
# *In prediction* nothing is removed and nothing is scaled: since the mean was kept in training, the next layer finds values
# of the size that it is used to, and the answer is the same each time.
#
# *Backwards*, the derivative takes the same path as the value. The output of a kept entry is $h / (1 - p)$, so its gradient
# is divided by $1 - p$; an entry that was set to 0 has no influence on the loss, and its gradient is 0.
#
# - `dropout(H, p, training, seed)`: `H` of shape (n, k), `p` from 0 up to but not including 1. With `training=True`, `H`
#   after dropout, where `seed` decides which entries fall out; with `training=False`, what prediction needs.
#   `np.random.default_rng(seed).random((2, 3))` gives 2 × 3 numbers between 0 and 1. A number of this kind is below $p$ with
#   the probability $p$.
# - `dropout_gradient(G, kept, p)`: `G`, of shape (n, k), holds the derivatives of the loss with respect to what `dropout`
#   gave; `kept` has the same shape and is `True` where an entry was kept. Return the derivatives with respect to `H`.

# %%
ck.expected("02c.1")

# %%
def dropout(H, p, training, seed):
    """H after dropout: in training entries fall out, in prediction none does."""
    # [solution]
    if not training:
        return H
    kept = np.random.default_rng(seed).random(H.shape) >= p
    return H * kept / (1 - p)
    # [stub]
    # return ...
    # [end]


def dropout_gradient(G, kept, p):
    """The derivatives with respect to H, from those with respect to what dropout gave."""
    # [solution]
    return G * kept / (1 - p)
    # [stub]
    # return ...
    # [end]


# %%
ck.check("02c.1", dropout=dropout, dropout_gradient=dropout_gradient)

# %%
# ck.hint("02c.1")  # remove the first # and run this line for a hint; run it again for the next one

# %% [markdown]
# Now send one sample of 50 values through your dropout 2,000 times, and each time add up what is left with 50 weights, as a
# unit of the next layer does. **Predict first:** for $p = 0.2$, 0.5 and 0.8, where is the mean of the 2,000 sums, and for
# which $p$ do they scatter most?

# %% tags=["picture-02c.1"]
if ck.ready("02c.1", dropout):
    rng = np.random.default_rng(seed)
    h, w = rng.uniform(0, 1, size=50), rng.normal(0.1, 0.3, size=50)
    copies = np.tile(h, (2000, 1))  # the same sample 2,000 times
    fig, axs = plt.subplots(1, 3, figsize=(10, 3), sharex=True, sharey=True)
    sums = {p: dropout(copies, p, training=True, seed=seed) @ w for p in (0.2, 0.5, 0.8)}
    for ax, (p, values) in zip(axs, sums.items()):
        ax.hist(values, bins=np.linspace(*np.quantile(sums[0.8], (0.001, 0.999)), 40), alpha=0.7, label="2,000 masks")
        ax.axvline(values.mean(), color="black", label="their mean")
        ax.axvline(h @ w, color="red", linestyle="--", label="prediction")
        ax.set(xlabel="weighted sum", title=f"p = {p}")
    axs[0].set_ylabel("number of masks")
    axs[0].legend(fontsize=8)

# %% tags=["claim"]
exact = {p: np.sqrt(p / (1 - p) * np.sum((h * w) ** 2)) for p in sums}
for p, values in sums.items():
    assert abs(values.mean() - h @ w) < 4 * exact[p] / np.sqrt(2000), "The mean stays where prediction is"
assert 3 < sums[0.8].std() / sums[0.2].std() < 5, "for p = 0.8 about four times as much as for p = 0.2"

# %% [markdown]
# Were the three means where you expected them?

# %% [markdown] tags=["reason"]
# **Why the mean stays and the scatter grows.** Each term of the sum keeps its mean, so the sum does. But a term $w h$ is now
# either 0 or $w h / (1 - p)$, and its variance is $w^2 h^2\, p / (1 - p)$. The factor $p / (1 - p)$ is 1/4 for $p = 0.2$, 1
# for $p = 0.5$ and 4 for $p = 0.8$. So for $p = 0.8$ the variance is 16 times that for $p = 0.2$, and the standard deviation
# four times. Training with dropout is training with noise, and the noise makes it hard to learn single points by heart.
#
# **The mean of what?** The mean of a *weighted sum* is kept exactly. After a non-linear activation it is not: the mean of
# ReLU(z) is not ReLU of the mean of z. Prediction without dropout is a quick stand-in for the mean of the many networks that
# dropout makes by removing units, and in practice a good one.
#
# **The other form.** The paper of 2014 did not divide in training, and multiplied by $1 - p$ in prediction. On average
# that is the same. The form above leaves prediction as it is, and Keras and PyTorch use it.

# %% [markdown]
# ## 02c.2 · Three ways to keep weights small
#
# **Goal:** write the L1 and the L2 penalty with their gradients, and the max-norm constraint; see what each does to the
# weights.
#
# A network that follows noise needs large weights, or many. Three tools act on them. Let $W$ hold the weights of a
# layer, and let $w$ be any one of them:
#
# - **L2:** add $\lambda \sum w^2$ to the loss. Its gradient is $2 \lambda\, w$, so its part of each step makes every weight
#   smaller by the same *factor*: large weights lose much, small ones little.
# - **L1:** add $\lambda \sum |w|$ to the loss. Its gradient is $\lambda\, \mathrm{sign}(w)$, where the sign is 1, −1 or, at
#   $w = 0$, 0. Its part of each step moves every weight towards 0 by the same *amount*, however small it is already.
# - **Max-norm** adds nothing to the loss. After each step it looks at each unit's incoming weights, one column of $W$. Where
#   the norm of the column, $\sqrt{\sum_i W_{ij}^2}$, is larger than a limit $c$, the whole column is multiplied by $c$ over
#   its norm. Other columns stay as they are.
#
# For example, with $\lambda = 0.1$ and the weights 3 and −4, L2 costs 2.5, with the gradient 0.6, −0.8, and L1 costs 0.7, with
# the gradient 0.1, −0.1. Max-norm with $c = 1$ turns the column (3, −4), whose norm is 5, into (0.6, −0.8).
#
# In Keras: `layers.Dense(8, kernel_regularizer=keras.regularizers.L1(0.1))`, likewise `L2(0.1)`, or both in
# `L1L2(l1=0.1, l2=0.1)`; and `layers.Dense(8, kernel_constraint=keras.constraints.MaxNorm(1))`. Biases are usually left alone.
#
# - `l1(W, strength)` and `l2(W, strength)`: `W` an array of any shape, `strength` the number $\lambda$. Each returns a pair: the
#   penalty, a number, and its gradient, of the shape of `W`. `np.sign` gives the signs.
# - `max_norm(W, largest)`: `W` of shape (n, k), `largest` the number $c$; returns the new weights. A column of zeros has the
#   norm 0 and stays as it is.
# - `weight_facts(W, small)`: a pair: how many weights have a size $|w|$ below `small`, and the largest size $|w|$.

# %%
ck.expected("02c.2")

# %%
def l1(W, strength):
    """The L1 penalty and its gradient."""
    # [solution]
    return strength * np.sum(np.abs(W)), strength * np.sign(W)
    # [stub]
    # return ..., ...
    # [end]


def l2(W, strength):
    """The L2 penalty and its gradient."""
    # [solution]
    return strength * np.sum(W**2), 2 * strength * W
    # [stub]
    # return ..., ...
    # [end]


# %%
def max_norm(W, largest):
    """The weights, with no column longer than the limit."""
    # [solution]
    norms = np.sqrt(np.sum(W**2, axis=0))
    return W * np.minimum(1, largest / np.maximum(norms, 1e-12))
    # [stub]
    # return ...
    # [end]


def weight_facts(W, small):
    """How many weights have |w| < small, and the largest |w|."""
    # [solution]
    return np.sum(np.abs(W) < small), np.max(np.abs(W))
    # [stub]
    # return ..., ...
    # [end]


# %%
ck.check("02c.2", l1=l1, l2=l2, max_norm=max_norm, weight_facts=weight_facts)

# %%
# ck.hint("02c.2")

# %% [markdown]
# A test bench: a linear neuron with 60 inputs, of which only five matter, and 100 noisy points. It is trained by gradient
# descent, four times: without any of the three, with L1, with L2 and with max-norm.
#
# **Predict first:** which of the four will have the most weights near 0? For which will the largest
# $|w|$ be smallest? Which will do best on new points?

# %%
def make_sparse(n, draw):
    """Points with 60 inputs; the target depends on the first five alone."""
    rng = np.random.default_rng(draw)
    X = rng.normal(size=(n, 60))
    return X, X[:, :5] @ [3, -2, 1.5, -1, 1] + rng.normal(0, 1.5, size=n)


def train_linear(X, y, penalty=None, strength=0.0, largest=np.inf):
    """The 60 weights after 2,000 steps, shape (60, 1)."""
    w = np.zeros((60, 1))
    for t in range(2000):
        gradient = 2 * X.T @ (X @ w - y[:, None]) / len(X)
        if penalty is not None:
            gradient = gradient + penalty(w, strength)[1]
        w = w - 0.02 * (1 - t / 2000) * gradient  # shorter and shorter steps
        if largest < np.inf:
            w = max_norm(w, largest)
    return w


# %% tags=["picture-02c.2"]
if ck.ready("02c.2", l1, l2, max_norm, weight_facts):
    X, y = make_sparse(100, draw=seed)
    X_new, y_new = make_sparse(2000, draw=seed + 100)
    trained = {
        "none": train_linear(X, y),
        "L1": train_linear(X, y, l1, 0.5),
        "L2": train_linear(X, y, l2, 0.2),
        "max-norm": train_linear(X, y, largest=3),
    }
    fig, axs = plt.subplots(1, 4, figsize=(11, 2.8), sharey=True)
    for ax, (name, w) in zip(axs, trained.items()):
        ax.bar(np.arange(60), w[:, 0], width=0.9)
        ax.axvspan(-0.5, 4.5, color="orange", alpha=0.25, linewidth=0, label="inputs that matter")
        n_zero, size = weight_facts(w, 0.02)
        error = np.mean((X_new @ w - y_new[:, None]) ** 2)
        ax.set(title=name, xlabel="input")
        print(f"{name:<9} {n_zero:2d} of 60 near 0, largest {size:.2f}, norm {np.linalg.norm(w):.2f}, "
              f"error on new points {error:.2f}")
    axs[0].set_ylabel("weight")
    axs[0].legend(fontsize=8);

# %% tags=["claim"]
facts = {name: weight_facts(w, 0.02) for name, w in trained.items()}
error = {name: np.mean((X_new @ w - y_new[:, None]) ** 2) for name, w in trained.items()}
assert facts["L1"][0] >= 40 and all(facts[name][0] <= 15 for name in ("none", "L2", "max-norm")), "about 50 near 0"
assert all(facts[name][1] < facts["none"][1] for name in ("L1", "L2", "max-norm")), "Each makes the largest smaller."
assert min(error, key=error.get) == "L1" and error["L1"] < 0.91 * error["none"], "L1 is best on new points here."
assert abs(np.linalg.norm(trained["max-norm"]) - 3) < 1e-6, "The norm of the column is the limit, 3."
assert np.linalg.norm(trained["L2"]) < np.linalg.norm(trained["none"]), "L2 makes the norm smaller."

# %% [markdown]
# Which of your three predictions were right?

# %% [markdown] tags=["reason"]
# **Why L1 makes zeros and L2 does not.** Near 0 the pull of L2, $2 \lambda w$, fades away, and the slightest slope of the
# loss is enough to hold a weight away from 0. The pull of L1 is $\lambda$ right up to 0: a weight at 0 stays there if the
# slope of the loss is smaller in size than $\lambda$. About 50 of the 60 weights end there (in steps of finite length they
# tremble about 0, which is why `weight_facts` asks for "smaller than 0.02" and not for 0).
#
# **Why L1 is best here.** Because the truth is like that: five inputs matter, and 55 do not. Where all inputs matter a little,
# L2 is usually the better guess. All three shrink the five good weights; L1 alone also removes the useless ones. L2 and
# max-norm help on some draws of the points and hurt on others: the weights of the truth have the norm 4.15, so with the limit
# 3 the right answer is not even allowed.
#
# **Max-norm** acts only when a unit reaches the limit, and then keeps it from growing further. It is often used with
# dropout and large learning rates, because no unit's weights can grow without bound.

# %% [markdown]
# **A good place to stop.** In session 2 the question is how a signal survives many layers.

# %% [markdown]
# ## Session 2 of 4 · Keeping a signal alive
#
# About 71 minutes. What it needs: the cells above Session 1, NumPy, and why gradients vanish (02.5). You write batch
# normalisation and four activations, and send data through twenty layers.

# %% [markdown]
# ## 02c.3 · Batch normalisation, in training and in prediction
#
# **Goal:** write the layer that shifts and scales its inputs to mean 0 and variance 1, and see that Keras does the same.
#
# You standardise the inputs of a network. Why not the inputs of every layer? While the weights change, so do the values that
# each layer gets. *Batch normalisation* standardises them anew in every step. For each unit, that is for each column of $X$,
# it takes the mean $\mu$ and the variance $\sigma^2$ over the rows of the batch, and computes
#
# $$Y = \gamma\, \frac{X - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta .$$
#
# The small $\epsilon$ prevents a division by 0. The numbers $\gamma$ and $\beta$, one of each for every unit, are trained
# like weights. They begin at 1 and 0, and allow the network to choose another spread and another mean where that is better.
#
# For example, the column 1, 3 has $\mu = 2$ and $\sigma^2 = 1$, so with $\gamma = 1$, $\beta = 0$ and a tiny $\epsilon$ it
# becomes −1, 1. The variance divides by the number of rows, as `np.var` does.
#
# In *prediction* this would not do. The answer to one sample must not depend on which others happen to be asked about at the
# same time, and a batch of a single sample has the variance 0. Therefore the layer keeps *running averages* during training.
# After each batch
#
# $$\text{mean} \leftarrow m \cdot \text{mean} + (1 - m)\, \mu, \qquad \text{var} \leftarrow m \cdot \text{var} + (1 - m)\, \sigma^2,$$
#
# where the *momentum* $m$, such as 0.99, is the part of the old average that is kept. In training they are only collected.
# In prediction they take the place of $\mu$ and $\sigma^2$ in the formula above.
#
# - `norm_train(X, gamma, beta, mean, var, momentum, epsilon)`: `X` of shape (n, k); `gamma`, `beta`, `mean` and `var` of
#   shape (k,). Return three arrays: `Y` of shape (n, k), and the new running averages `mean` and `var`.
# - `norm_predict(X, gamma, beta, mean, var, epsilon)`: return `Y`.

# %%
ck.expected("02c.3")

# %%
def norm_train(X, gamma, beta, mean, var, momentum, epsilon):
    """One batch in training: the normalised batch, and the new running averages."""
    # [solution]
    mu, sigma2 = X.mean(axis=0), X.var(axis=0)
    Y = gamma * (X - mu) / np.sqrt(sigma2 + epsilon) + beta
    mean = momentum * mean + (1 - momentum) * mu
    var = momentum * var + (1 - momentum) * sigma2
    # [stub]
    # Y, mean, var = ..., ..., ...
    # [end]
    return Y, mean, var


def norm_predict(X, gamma, beta, mean, var, epsilon):
    """The same in prediction, with the running averages."""
    # [solution]
    return gamma * (X - mean) / np.sqrt(var + epsilon) + beta
    # [stub]
    # return ...
    # [end]


# %%
ck.check("02c.3", norm_train=norm_train, norm_predict=norm_predict)

# %%
# ck.hint("02c.3")

# %% [markdown]
# Keras has the layer `layers.BatchNormalization`, with `momentum=0.99` and `epsilon=0.001` unless you say otherwise. It knows
# by the argument `training` whether it trains; `fit` and `predict` set it. Here is the same batch for both:

# %%
if ck.ready("02c.3", norm_train, norm_predict):
    batch = np.random.default_rng(seed).normal(5, 3, size=(64, 4)).astype("float32")
    layer = layers.BatchNormalization(momentum=0.9)
    from_keras = layer(batch, training=True)
    Y, mean, var = norm_train(batch, np.ones(4), np.zeros(4), np.zeros(4), np.ones(4), 0.9, 0.001)
    after = norm_predict(batch, np.ones(4), np.zeros(4), mean, var, 0.001)
    print("largest difference in training:        ", np.abs(Y - from_keras).max().round(6))
    print("largest difference of running averages:", np.abs(mean - layer.moving_mean).max().round(6))
    print("largest difference in prediction:      ", np.abs(after - layer(batch, training=False)).max().round(6))

# %% tags=["claim"]
assert np.abs(Y - from_keras).max() < 1e-4, "In training Keras's layer gives the same"
assert np.abs(mean - layer.moving_mean).max() < 1e-4, "and collects the same averages"
assert np.abs(after - layer(batch, training=False)).max() < 1e-3, "and predicts the same"

# %% [markdown]
# The running averages begin at 0 and 1, far from this data, and need some batches to arrive. **Predict first:** with $m =
# 0.9$, after how many batches will the running mean be within 5 % of the true mean, which is 5? And with $m = 0.99$?

# %% tags=["picture-02c.3"]
if ck.ready("02c.3", norm_train):
    rng = np.random.default_rng(seed)
    batches = rng.normal(5, 3, size=(400, 64, 1))
    fig, ax = plt.subplots(figsize=(6, 3.4))
    arrived = {}
    for momentum, style in ((0.9, "-"), (0.99, "--")):
        mean, var, means = np.zeros(1), np.ones(1), []
        for X in batches:
            _, mean, var = norm_train(X, np.ones(1), np.zeros(1), mean, var, momentum, 0.001)
            means.append(mean[0])
        arrived[momentum] = 1 + np.argmax(np.array(means) > 0.95 * 5)
        ax.plot(range(1, 401), means, style, label=f"momentum {momentum}")
        print(f"momentum {momentum}: within 5 % of the true mean after {arrived[momentum]} batches")
    ax.axhline(5, color="black", linewidth=0.8)
    ax.set(xlabel="batch", ylabel="running mean", title="The running mean arrives after many batches")
    ax.legend();

# %% tags=["claim"]
assert 20 <= arrived[0.9] <= 40, "about 29 batches with m = 0.9"
assert 230 <= arrived[0.99] <= 400, "about 300 with m = 0.99"

# %% [markdown]
# How near were your two numbers?

# %% [markdown] tags=["reason"]
# **Why so late?** After $t$ batches the part $m^t$ of the start is still there. It is below 5 % after 29 batches for $m =
# 0.9$, and after 299 for $m = 0.99$; in the cell above the means of the batches are noisy, which moves it by some batches.
# With `fit` on a small table and few epochs, the averages may still be on their way: the loss in training is good then, and
# the validation loss can be poor. A smaller momentum mends that.
#
# **What it is good for.** The values in each layer keep their size, whatever the first weights were, so that larger learning
# rates work and deep networks train. The batch's own mean and variance are a little random, and this noise holds the network
# back somewhat, as dropout does. With very small batches, of two or four samples, the noise is often too large. Many
# networks for sequences normalise over the units of one sample instead (*layer normalisation*), which needs no batch.
#
# **Before or after the activation?** The paper of 2015 put it between the weighted sum and the activation. Then $\beta$ does
# the work of the bias, and the layer before needs none: `layers.Dense(64, use_bias=False)`.

# %% [markdown]
# ## 02c.4 · ReLU, its death, and its relatives
#
# **Goal:** write four activations, count dead units, and follow a signal through twenty layers.
#
# The *sigmoid* was the first choice for decades. It has three drawbacks. It *saturates*: at $z = 5$ its slope is 0.007, so
# a unit with a large sum hardly learns any more. It is *not centred on 0*: all that it gives is positive. The gradient of a
# weight is the incoming value times a number that all weights of the unit share. So for a single sample, with positive
# values, all weights of a unit must grow together or shrink together, and training goes in zigzags. (ReLU shares this
# second fault.) The third is small: its exponential takes longer to compute than the comparison that ReLU needs.
#
# Its successors:
#
# - **ReLU** gives $z$ where $z > 0$, and 0 elsewhere. Its slope on the right is 1, however large $z$ is. On the left it is 0,
#   and that can be fatal. If a large step moves the bias of a unit so far down that its sum is negative for *every* sample,
#   the unit gives 0 for all of them, its gradient is 0 for all of them, and as long as its inputs stay as they are it does not
#   change again: it is *dead*.
# - **Leaky ReLU** gives $z$ where $z > 0$, and $a z$ elsewhere, with a small slope $a$ such as 0.1. It cannot die.
# - **SELU** gives $\lambda z$ where $z > 0$, and $\lambda \alpha (e^z - 1)$ elsewhere, with $\lambda = 1.0507$ and
#   $\alpha = 1.67326$. These two numbers are chosen so that values of mean 0 and variance 1 stay so from layer to layer, if the
#   weights start with the variance $1 / n_\text{in}$ (LeCun's rule, in Keras `"lecun_normal"`).
# - **Swish**, also called SiLU, gives $z\, \sigma(z)$ with the sigmoid $\sigma$. It looks like a ReLU whose corner has been
#   rounded, and dips a little below 0 on the left.
#
# For example, at $z = -1$ they give 0, −0.1 (with $a = 0.1$), −1.111 and −0.269; at $z = 2$ they give 2, 2, 2.101 and 1.762.
# In Keras they are called `"relu"`, `layers.LeakyReLU(negative_slope=0.1)`, `"selu"` and `"swish"`.
#
# One practical point, as in 00.3: `np.where` computes both sides, and `np.exp(1000)` overflows. So let the exponential of the
# SELU see `np.minimum(z, 0)` only, and use the `sigmoid` given below.
#
# - `relu(z)`, `leaky_relu(z, slope)`, `selu(z)`, `swish(z)`: arrays of any shape in, the same shape out, also for $z = \pm
#   1000$.
# - `dead_units(H)`: `H` of shape (n, k) holds what k ReLU units give for n samples. Return how many units are 0 for every
#   sample.

# %%
def sigmoid(z):
    """1 / (1 + exp(-z)), without an overflow."""
    e = np.exp(-np.abs(z))
    return np.where(np.asarray(z) >= 0, 1, e) / (1 + e)


# %%
ck.expected("02c.4")

# %%
def relu(z):
    """z where it is positive, 0 elsewhere."""
    # [solution]
    return np.maximum(z, 0)
    # [stub]
    # return ...
    # [end]


def leaky_relu(z, slope):
    """z where it is positive, slope times z elsewhere."""
    # [solution]
    return np.where(z > 0, z, slope * z)
    # [stub]
    # return ...
    # [end]


# %%
def selu(z):
    """The self-normalising exponential linear unit."""
    # [solution]
    return 1.0507 * np.where(z > 0, z, 1.67326 * (np.exp(np.minimum(z, 0)) - 1))
    # [stub]
    # return ...
    # [end]


def swish(z):
    """z times the sigmoid of z."""
    # [solution]
    return z * sigmoid(z)
    # [stub]
    # return ...
    # [end]


def dead_units(H):
    """How many columns are 0 in every row."""
    # [solution]
    return np.sum(np.all(H == 0, axis=0))
    # [stub]
    # return ...
    # [end]


# %%
ck.check("02c.4", relu=relu, leaky_relu=leaky_relu, selu=selu, swish=swish, dead_units=dead_units)

# %%
# ck.hint("02c.4")

# %% tags=["solution"]
z = np.linspace(-4, 3, 300)
fig, ax = plt.subplots(figsize=(5.6, 3.4))
for name, values, style in (
    ("sigmoid", sigmoid(z), "-"), ("ReLU", relu(z), "--"), ("leaky ReLU", leaky_relu(z, 0.1), ":"),
    ("SELU", selu(z), "-."), ("swish", swish(z), "-"),
):
    ax.plot(z, values, style, label=name)
ax.set(xlabel="$z$", ylabel="activation", title="Five activations")
ax.legend();

# %% [markdown]
# Now send 500 samples through 20 untrained layers of 64 units. What later layers can use is how the values *differ from
# sample to sample*. So we measure, in each layer, the standard deviation of every unit over the samples, and take the mean
# over the units. With n values coming in, the weights start with the variance $2 / n$ (He's rule)
# for ReLU, leaky ReLU and swish, and $1 / n$ for sigmoid, tanh and SELU.
#
# **Predict first:** for which activation do 500 different samples all look the same after 20 layers? Which keeps the
# differences best?

# %%
def spread_by_layer(activation, factor, n_layers=20, units=64):
    """How much the samples differ in each layer, and what the last layer gives."""
    rng = np.random.default_rng(seed)
    H, spread = rng.normal(size=(500, units)), []
    for _ in range(n_layers):
        H = activation(H @ rng.normal(0, np.sqrt(factor / units), size=(units, units)))
        spread.append(H.std(axis=0).mean())
    return spread


# %% tags=["picture-02c.4"]
if ck.ready("02c.4", relu, leaky_relu, selu, swish):
    candidates = {
        "sigmoid": (sigmoid, 1),
        "tanh": (np.tanh, 1),
        "ReLU": (relu, 2),
        "leaky ReLU": (lambda z: leaky_relu(z, 0.1), 2),
        "SELU": (selu, 1),
        "swish": (swish, 2),
    }
    fig, ax = plt.subplots(figsize=(6.4, 3.8))
    spreads = {name: spread_by_layer(*settings) for name, settings in candidates.items()}
    for (name, spread), style in zip(spreads.items(), ("o-", "s--", "^:", "v-", "D-.", "x--")):
        ax.semilogy(range(1, 21), spread, style, markersize=4, label=name)
    ax.set(xlabel="layer", ylabel="spread over the samples", title="How different 500 samples are, layer by layer")
    ax.set(xticks=range(2, 21, 2), ylim=(1e-6, 3))
    ax.legend(loc="lower left", fontsize=8);

# %% tags=["claim"]
last = {name: spread[-1] for name, spread in spreads.items()}
assert last["sigmoid"] < 1e-9, "After 20 layers of sigmoids all samples look the same"
assert last["swish"] < 0.05, "Swish loses most"
assert max(last, key=last.get) == "SELU" and 0.8 < last["SELU"] < 1.1, "SELU keeps the spread near 1"
assert all(0.05 < last[name] < 0.8 for name in ("tanh", "ReLU")), "tanh and ReLU lose some"

# %% [markdown]
# Was your prediction right for the sigmoid, and for the one that keeps most?

# %% [markdown] tags=["reason"]
# **Why sigmoids forget.** Each sigmoid multiplies a small difference by at most 1/4, and weights of variance $1 / n$ do not
# make up for it, so two samples come closer to each other in every layer. The values themselves stay near 0.5 and look
# healthy. After 20 layers the difference between two samples has vanished, and later layers cannot tell them apart.
#
# **SELU keeps most**, as it was made to do. ReLU with He's rule keeps the *size* of the values, but its samples become more
# alike: all units see only positive values. With swish and He's rule the spread shrinks by a factor in each layer, because
# that rule was made for ReLU: near 0 swish is like $z / 2$. In practice batch normalisation (02c.3) between the layers often
# helps; under "Go further" you can try it.

# %% [markdown]
# And the dead? Below, a network with five hidden layers of 32 ReLUs is trained on the spirals, with four learning rates, and
# once with a rate so tiny (1e-9) that the network stays as it began. Your `dead_units` counts, layer by layer, which units
# are 0 on all 400 points. **Predict first:** how does the number of dead units among the 160 change with the learning rate,
# and how much do the dead ones harm?

# %%
def count_dead(network, X):
    """The dead units in all hidden layers of a trained ReLU network."""
    H, total = X, 0
    for W, b in zip(network.coefs_[:-1], network.intercepts_[:-1]):
        H = relu(H @ W + b)
        total += dead_units(H)
    return total


if ck.ready("02c.4", relu, dead_units):
    X, y = ck.data.make_spirals(400, noise=0.05, seed=seed)
    dead, accuracy = {}, {}
    for rate in (1e-9, 0.001, 0.01, 0.03, 0.1):  # with 1e-9 the network stays as it begins
        network = MLPClassifier(5 * (32,), learning_rate_init=rate, batch_size=25, random_state=seed)
        for _ in range(30):
            network.partial_fit(X, y, classes=(0, 1))
        dead[rate], accuracy[rate] = count_dead(network, X), network.score(X, y)
        print(f"learning rate {rate:<5}: {dead[rate]:3d} of 160 units are dead, accuracy {accuracy[rate]:.0%}")

# %% tags=["claim"]
assert dead[0.001] < 75 and dead[0.1] > 120, "With the rate 0.1 more than 120 of 160 are dead, with 0.001 fewer than half"
assert 0.25 < dead[0.01] / 160 < 0.5, "With 0.01 between a quarter and a half are dead"
assert dead[1e-9] > dead[0.01] / 2, "many units are silent before any training"
assert dead[0.03] > dead[0.01] > 0.9 * dead[0.001], "The larger the rate, the more of them die"
assert accuracy[0.01] > 0.9 and accuracy[0.1] < 0.9, "With 0.1 the network learns badly"

# %% [markdown]
# How many dead units did you expect?

# %% [markdown] tags=["reason"]
# **Who dies, and does it matter?** A long step can push a bias so far down that a unit is silent for all points, and the
# gradient of a silent unit is 0. But the first row shows that many units are silent before any training, more than half as
# many as with the rate 0.01: from the second hidden layer on all inputs are 0 or positive, and a unit whose weights are
# mostly negative can have a negative sum for every point. So this number alone does not show that training killed them. The
# network learns the spirals all the same, with what is left as a narrower network. With 0.1 most units are dead, and the
# network learns badly. How much of that is the fault of the dead units, and how much of the long steps themselves, this
# experiment cannot tell, because both change together. Remedies: a smaller rate, batch normalisation, or a leaky ReLU.

# %% [markdown]
# **A good place to stop.** Session 3 compares wide with deep once more, and opens up `fit`.

# %% [markdown]
# ## Session 3 of 4 · Wide or deep, and a callback of your own
#
# About 40 minutes. What it needs: the cells above Session 1, `MLPClassifier` (01.3), and `fit` with its callbacks (02.3). You
# compare a wide and a deep network of the same size on a new task, and write a callback.

# %% [markdown]
# ## Wide or deep, once more
#
# In 02.4 a wide network and a deep one of the same size were about equal on a simple region. Here is another region. A point
# of the square $[-1, 1]^2$ belongs to class 1 where $\sin(4 \pi r) > 0$, where $r$ is its distance from the
# centre: rings, like those of a target. Both networks have exactly 1,897 parameters: one hidden layer of 474 units, or four
# of 24. Both are trained by Adam on the same 3,000 points, for the same 40 epochs.
#
# **Predict first:** which of the two will be better on fresh points, and by how much? (This takes some seconds.)

# %%
def make_rings(n, draw):
    """Points of the square; 1 in every other ring."""
    X = np.random.default_rng(draw).uniform(-1, 1, size=(n, 2))
    return X, (np.sin(4 * np.pi * np.hypot(X[:, 0], X[:, 1])) > 0).astype(int)


def train_on_rings(hidden, epochs=40):
    """A network with these hidden layers after training on 3,000 points."""
    network = MLPClassifier(hidden, learning_rate_init=0.003, batch_size=30, alpha=0, random_state=seed)
    for _ in range(epochs):
        network.partial_fit(*make_rings(3000, draw=seed), classes=(0, 1))
    return network


wide, deep = train_on_rings((474,)), train_on_rings(4 * (24,))
X_fresh, y_fresh = make_rings(4000, draw=seed + 100)
for name, network in (("wide", wide), ("deep", deep)):
    n_parameters = sum(W.size for W in network.coefs_ + network.intercepts_)
    print(f"{name}: {n_parameters} parameters, {network.score(X_fresh, y_fresh):.1%} of 4,000 fresh points")

# %%
fig, axs = plt.subplots(1, 3, figsize=(11, 3.7))
truth_of = {"truth": lambda X: np.sin(4 * np.pi * np.hypot(X[:, 0], X[:, 1])) > 0}
for ax, (name, answer) in zip(axs, {**truth_of, "wide": wide.predict, "deep": deep.predict}.items()):
    mesh = np.stack(np.meshgrid(np.linspace(-1, 1, 200), np.linspace(-1, 1, 200)), axis=-1)
    ax.imshow(answer(mesh.reshape(-1, 2)).reshape(200, 200), origin="lower", extent=(-1, 1, -1, 1), cmap="Blues", alpha=0.8)
    ax.set(xlabel="$x_1$", title=name)
    ax.grid(False)
axs[0].set_ylabel("$x_2$");

# %% tags=["claim"]
scores = [network.score(X_fresh, y_fresh) for network in (wide, deep)]
assert scores[1] > scores[0] + 0.15 and scores[1] > 0.8, "The deep network is at least 15 percentage points better"
longer = train_on_rings((474,), epochs=200).score(X_fresh, y_fresh)
assert longer < scores[1], "After five times as many epochs the wide one is still behind."

# %% [markdown] tags=["reason"]
# **Why depth may pay here.** Each unit of the wide network is one straight fold, and a ring must be put together from many of
# them, each ring anew. The deep network can do it in two stages: its first layers compute something like the distance $r$,
# from a few folds, and the later ones fold that single number again and again. What repeats itself, or is a function of a
# function, is cheap for a deep network.
#
# **What this does not show.** These are two networks from one start, with one learning rate for both. So the comparison is of
# what training found in the same number of epochs, and not of what 474 units can do at best. We also trained the wide one for
# 200 epochs, and it was still behind (`train_on_rings((474,), epochs=200)`). And for a simple target, such as a simple region
# in 02.4, depth makes hardly any difference.

# %% [markdown]
# ## What is minimised, and what is watched
#
# Why is a classifier trained with the cross-entropy, when all that we want is a high accuracy? Because *accuracy is no loss*.
# Gradient descent needs a slope. Move a weight a little, and usually no point changes sides: the accuracy stays the same,
# and its derivative is 0. Where a point does change sides, the accuracy jumps and has no derivative. Below, one weight of a
# neuron is moved.

# %%
X_moon, y_moon = make_moons(40, noise=0.3, random_state=1)
weights = np.linspace(-4, 2, 400)
z = X_moon[:, :1] + weights * X_moon[:, 1:]  # one column for each weight
p = 1 / (1 + np.exp(-2 * z))  # the 2 makes the sigmoid steeper, so that the picture is clear
right = np.mean((p > 0.5) == y_moon[:, None], axis=0)
loss = -np.mean(np.where(y_moon[:, None] == 1, np.log(p), np.log(1 - p)), axis=0)
fig, axs = plt.subplots(1, 2, figsize=(9, 3))
axs[0].plot(weights, right)
axs[0].set(xlabel="weight", ylabel="accuracy", title="The accuracy is a staircase")
axs[1].plot(weights, loss)
axs[1].set(xlabel="weight", ylabel="cross-entropy", title="The cross-entropy is smooth");

# %% [markdown]
# So the loss is what training makes smaller, and the accuracy is what is *watched*: on validation points, after each epoch.
# Keras calls such a watched number a *metric*.

# %% [markdown]
# ## 02c.5 · A callback of your own
#
# **Goal:** write a callback that measures the weights after each epoch, and stops when the validation accuracy is good enough.
#
# A callback is an object whose methods `fit` calls at certain times. You know `EarlyStopping` (02.3). To write your own, make
# a class. A *class* describes a kind of object; in its methods `self` is the object itself, and `self.norms` a value that it
# keeps from one call to the next. `class Watch(keras.callbacks.Callback)` takes over (*inherits*) all that a Keras callback
# can do, and you add the methods that you need:
#
# - `on_train_begin(self, logs=None)` is called once, before the first epoch; `on_epoch_end(self, epoch, logs=None)` after each
#   epoch, where `epoch` counts from 0 and `logs` is a dict such as `{"accuracy": 0.91, "loss": 0.24, "val_accuracy": 0.89,
#   "val_loss": 0.27}`. There are others, such as `on_epoch_begin` and `on_train_batch_end`.
# - `self.model` is the network that is being trained, and `self.model.get_weights()` the list of its arrays.
# - `self.model.stop_training = True` tells `fit` to stop after this epoch.
#
# For example, this callback prints a line after every epoch:
#
#     class Tell(keras.callbacks.Callback):
#         def on_epoch_end(self, epoch, logs=None):
#             print(f"epoch {epoch + 1}: loss {logs['loss']:.3f}")
#
#     model.fit(X, y, epochs=3, verbose=0, callbacks=[Tell()])
#
# - `weight_norm(weights)`: `weights` is a list of arrays of any shapes. Return their common norm, one number: the root of the
#   sum of the squares of all their entries.
# - `Watch(target)`: a callback. After each epoch it appends the norm of all arrays in `self.model.get_weights()` to the list
#   `self.norms`. When `val_accuracy` is at least `target`, it stops the training. `__init__` and `on_train_begin` are given;
#   the second begins a new list, so that the object can be used again.

# %%
ck.expected("02c.5")

# %%
def small_network(start=0):
    """A small compiled network for two inputs; the number `start` decides its first weights."""
    keras.utils.set_random_seed(start)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=["accuracy"])
    return model


def fit_with(watch, model, X, y, X_val, y_val, epochs):
    """Train with a callback; the metrics of each epoch, and the norms that the callback has collected."""
    history = model.fit(
        X, y, validation_data=(X_val, y_val), epochs=epochs, batch_size=32, verbose=0, callbacks=[watch]
    )
    return history.history, watch.norms


# %%
def weight_norm(weights):
    """The root of the sum of all squares in a list of arrays."""
    # [solution]
    return np.sqrt(sum(np.sum(w**2) for w in weights))
    # [stub]
    # return ...
    # [end]


# %%
class Watch(keras.callbacks.Callback):
    """Collects the norm of the weights, and stops when the validation accuracy has reached the target."""

    def __init__(self, target):
        super().__init__()
        self.target = target

    def on_train_begin(self, logs=None):
        self.norms = []

    def on_epoch_end(self, epoch, logs=None):
        # [solution]
        self.norms.append(float(weight_norm(self.model.get_weights())))
        if logs["val_accuracy"] >= self.target:
            self.model.stop_training = True
        # [stub]
        # return ...
        # [end]


# %%
ck.check("02c.5", weight_norm=weight_norm, Watch=Watch, fit_with=fit_with, small_network=small_network)

# %%
# ck.hint("02c.5")

# %% tags=["picture-02c.5"]
if ck.ready("02c.5", weight_norm, Watch):
    X, y = make_moons(400, noise=0.2, random_state=seed)
    X_val, y_val = make_moons(500, noise=0.2, random_state=seed + 100)
    metrics, norms = fit_with(Watch(target=0.935), small_network(seed), X, y, X_val, y_val, epochs=100)
    fig, axs = plt.subplots(1, 2, figsize=(9, 3))
    epochs = range(1, len(norms) + 1)
    axs[0].plot(epochs, metrics["val_accuracy"])
    axs[0].axhline(0.935, color="black", linestyle="--", linewidth=0.8, label="target")
    axs[0].set(xlabel="epoch", ylabel="validation accuracy", title="Training stops at the target")
    axs[0].legend()
    axs[1].plot(epochs, norms)
    axs[1].set(xlabel="epoch", ylabel="norm of all weights", title="The weights grow while the network learns")

# %% tags=["claim"]
accuracies = metrics["val_accuracy"]
assert len(norms) < 100 and accuracies[-1] >= 0.935 > max(accuracies[:-1]), "Training stops at the target"
assert norms[-1] > 1.2 * norms[0], "The weights grow while the network learns"

# %% [markdown] tags=["reason"]
# **Why the weights grow.** A sigmoid comes near 0 and 1 only if its weighted sum is large, so the cross-entropy of points that
# are on the right side can always be made a little smaller by larger weights. An L2 penalty works against this.
#
# **What the last accuracy is worth.** `Watch` stops at the first epoch that is good enough, and that epoch may have been lucky:
# the validation points have chosen it, so they flatter it. The same is true of the best epoch of `EarlyStopping`. For an
# honest number use points that chose nothing.

# %% [markdown]
# **A good place to stop.** Session 4 is about finding good settings.

# %% [markdown]
# ## Session 4 of 4 · Searching and averaging
#
# About 54 minutes. What it needs: the cells above Session 1, logarithms, and what a learning rate is. You search for good
# settings at random, and average weights.

# %% [markdown]
# ## 02c.6 · A grid, or at random?
#
# **Goal:** take settings from a grid, and draw them at random, at equal cost, and see which way finds the better one.
#
# A network has numbers that no gradient improves: the learning rate, the strength of a penalty (scikit-learn calls that of L2
# `alpha`), the number of units. They are called *hyper-parameters*, one value for each is a *setting*, and you find a good one
# by trying. A *grid* takes some values of each and tries all pairs:
# three learning rates and three strengths make 9 trainings, but only *three* different learning rates. *Random search* draws
# both anew for each of the 9 trainings, and has tried *nine* learning rates at the same price. Usually only one or
# two of the hyper-parameters matter much, and you do not know beforehand which.
#
# A learning rate between 0.001 and 0.1 should be drawn so that 0.001 to 0.01 comes up as often as 0.01 to 0.1. If it were
# drawn uniformly, 91 % of the draws would be above 0.01. So draw the *logarithm* uniformly: that is a *log-uniform* draw.
# With a number $u$ drawn uniformly between $\ln a$ and $\ln b$, the value is $e^u$. For example, with $a = 0.001$ and $b =
# 0.1$, the middle $u = (\ln a + \ln b) / 2$ gives $\sqrt{ab} = 0.01$.
#
# - `log_uniform(low, high, n, seed)`: an array of n log-uniform numbers between `low` and `high`; `seed` decides which.
# - `grid_settings(rates, alphas)`: two lists of numbers; returns a list of dicts such as `{"rate": 0.01, "alpha": 0.001}`, one for
#   every pair of a rate and an alpha.
# - `random_settings(rate_range, alpha_range, n, seed)`: two pairs (low, high); returns a list of n such dicts. Both numbers of
#   each are log-uniform, and drawn independently of each other. Look out: two draws with the same seed are the same.
# - `best_of(settings, scores)`: a list of settings, and the accuracy of each; returns the setting with the highest accuracy.
#
# scikit-learn has all of this: `ParameterGrid` makes the list, `GridSearchCV` and `RandomizedSearchCV` train and choose, and
# `scipy.stats.loguniform(a, b)` draws.

# %%
ck.expected("02c.6")

# %%
def log_uniform(low, high, n, seed):
    """n numbers whose logarithms are uniform."""
    # [solution]
    return np.exp(np.random.default_rng(seed).uniform(np.log(low), np.log(high), size=n))
    # [stub]
    # return ...
    # [end]


def grid_settings(rates, alphas):
    """Every pair of a rate and an alpha, as a list of dicts."""
    # [solution]
    return [{"rate": rate, "alpha": alpha} for rate in rates for alpha in alphas]
    # [stub]
    # return ...
    # [end]


# %%
def random_settings(rate_range, alpha_range, n, seed):
    """n settings, both numbers log-uniform and independent."""
    # [solution]
    rates = log_uniform(*rate_range, n, seed)
    alphas = log_uniform(*alpha_range, n, seed + 1)
    return [{"rate": rate, "alpha": alpha} for rate, alpha in zip(rates, alphas)]
    # [stub]
    # return ...
    # [end]


def best_of(settings, scores):
    """The setting with the highest accuracy."""
    # [solution]
    return settings[np.argmax(scores)]
    # [stub]
    # return ...
    # [end]


# %%
ck.check("02c.6", log_uniform=log_uniform, grid_settings=grid_settings,
         random_settings=random_settings, best_of=best_of)

# %%
# ck.hint("02c.6")

# %% [markdown]
# To compare the two fairly one search is not enough, since each may be lucky. So here is a made-up accuracy with which a
# thousand searches cost nothing. It depends strongly on the rate and hardly on alpha. The best rate is drawn anew for
# each search, log-uniformly between 0.001 and 0.1. The grid has the rates 0.001, 0.01 and 0.1; random search draws from
# 0.0001 to 1. **Predict first:** in how many of 1,000 searches does random search find the better accuracy, with 9
# trainings each?

# %%
def made_up_accuracy(setting, best_rate):
    """About 0.9 at the best rate and lower away from it; a little higher for a small alpha."""
    distance = np.log10(setting["rate"] / best_rate)
    return 0.5 + 0.4 * np.exp(-((distance / 0.3) ** 2)) - 0.005 * np.log10(setting["alpha"])


def best_score(settings, best_rate):
    """What a search finds: the highest accuracy among its settings."""
    return max(made_up_accuracy(setting, best_rate) for setting in settings)


# %% tags=["picture-02c.6"]
if ck.ready("02c.6", grid_settings, random_settings):
    ranges = (1e-4, 1), (1e-6, 1e-2)
    both = {
        "grid": grid_settings(np.geomspace(*ranges[0], 5)[1:-1], np.geomspace(*ranges[1], 5)[1:-1]),
        "random": random_settings(*ranges, 9, seed),
    }
    rates = np.geomspace(*ranges[0], 300)
    curve = [made_up_accuracy({"rate": rate, "alpha": 1e-4}, 0.03) for rate in rates]
    fig, axs = plt.subplots(2, 2, figsize=(9, 5), sharex=True, height_ratios=(1, 2))
    for (top, below), (name, settings) in zip(axs.T, both.items()):
        tried = [setting["rate"] for setting in settings]
        top.plot(rates, curve, label="made-up accuracy")
        top.plot(tried, np.interp(tried, rates, curve), "o", markersize=5, label="rates tried")
        below.loglog(tried, [setting["alpha"] for setting in settings], "o")
        for rate in tried:
            below.axvline(rate, color="gray", linewidth=0.6, alpha=0.6)
        top.set(title=f"{name}: {len(settings)} trainings, {len(set(tried))} rates")
        below.set(xlabel="learning rate", xlim=ranges[0], ylim=ranges[1])
    axs[0, 0].set_ylabel("accuracy")
    axs[1, 0].set_ylabel("alpha")
    axs[0, 0].legend(fontsize=8, loc="upper left");

# %%
if ck.ready("02c.6", log_uniform, grid_settings, random_settings):
    places = log_uniform(1e-3, 1e-1, 1000, seed)  # where the best rate lies in each search
    won, found = 0, {"grid": [], "random": []}
    for search, place in enumerate(places):
        found["grid"].append(best_score(both["grid"], place))
        found["random"].append(best_score(random_settings(*ranges, 9, seed + search), place))
        won += found["random"][-1] > found["grid"][-1]
    print(f"random search found the better accuracy in {won} of 1,000 searches")
    print(f"mean of the best accuracies: grid {np.mean(found['grid']):.3f}, random {np.mean(found['random']):.3f}")

# %% tags=["claim"]
assert 550 < won < 680, "in about six of ten searches"
assert np.mean(found["random"]) > np.mean(found["grid"]), "its mean is higher"

# %% [markdown]
# Now in earnest: scikit-learn's `RandomizedSearchCV` with nine settings of a real network on the moons. The points
# are cut into three parts, the *folds*. With each setting the network is trained three times, each time without one of the
# folds, and judged on that one (more in 03.5).

# %%
X, y = make_moons(200, noise=0.25, random_state=seed)
network = MLPClassifier((32,), max_iter=30, random_state=seed)
choices = {"learning_rate_init": loguniform(1e-4, 1), "alpha": loguniform(1e-6, 1e-2)}
search = RandomizedSearchCV(network, choices, n_iter=9, cv=3, random_state=seed)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # thirty passes are not meant to be the end of training
    search.fit(X, y)
print({name: float(f"{value:.2g}") for name, value in search.best_params_.items()})
print(f"accuracy on the folds: {search.best_score_:.1%}, worst of the nine {search.cv_results_['mean_test_score'].min():.1%}")

# %% tags=["claim"]
assert search.best_score_ > search.cv_results_["mean_test_score"].min() + 0.05, "The settings matter."

# %% [markdown] tags=["reason"]
# **Why random wins here.** In about six of ten searches it finds the better accuracy, and its mean is higher; for another
# curve the number would be another. If only
# the rate matters, the grid has tried three values and random search nine. The grid wins where one of its three rates
# happens to lie near the best one. With more hyper-parameters the difference grows: five values of
# each of four are 625 trainings, and still only five learning rates.
#
# **Honest numbers.** The accuracy of the winner is the best of nine noisy numbers, and so a little too good. For an honest
# one use points that took no part in the search.

# %% [markdown]
# ## Averaging weights
#
# With small batches and a fixed learning rate the weights do not settle (00.4): they tremble around the best place. The
# *average* of the last steps is nearer to it than the weights of a single step. An *exponential moving average* (EMA) costs
# one line after each step,
#
# $$\bar w \leftarrow m\, \bar w + (1 - m)\, w ,$$
#
# and needs only one more copy of the weights. With $m = 0.99$ it is an average over about the last 100 steps. Training goes
# on with $w$; only at the end, for prediction, $\bar w$ is used. Below, a linear neuron is trained on single points. **Predict
# first:** how much nearer to the best weights is the average at the end?

# %%
rng = np.random.default_rng(seed)
x_line = rng.normal(size=200)
y_line = 3 * x_line + 1 + rng.normal(size=200)
best = np.polyfit(x_line, y_line, 1)  # the weight and the bias with the smallest squared error
w, average, path = np.zeros(2), np.zeros(2), []
for _ in range(2000):
    i = rng.integers(200)
    slope = 2 * (w[0] * x_line[i] + w[1] - y_line[i])
    w = w - 0.05 * slope * np.array([x_line[i], 1])
    average = 0.99 * average + 0.01 * w
    path.append([np.linalg.norm(w - best), np.linalg.norm(average - best)])
fig, ax = plt.subplots(figsize=(6.4, 3.4))
ax.semilogy(np.array(path)[:, 0], linewidth=0.5, label="weights")
ax.semilogy(np.array(path)[:, 1], label="their moving average")
ax.set(xlabel="step", ylabel="distance from the best weights", title="The average of the weights, step by step")
ax.legend()
late = np.mean(path[-1000:], axis=0)
print(f"mean distance over the last 1,000 steps: weights {late[0]:.3f}, average {late[1]:.3f}")

# %% tags=["claim"]
assert 2 < late[0] / late[1] < 5, "The average is two to five times as near."
assert path[20][1] > path[20][0], "At first the average lags behind"

# %% [markdown] tags=["reason"]
# **What the average does.** The trembling has no direction, so that in the mean over 100 steps most of it cancels: its
# distance from the best place is a half to a fifth of theirs. At first it lags behind, because it still remembers the start.
#
# **In Keras** every optimiser can do it: `keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.99)`. During `fit` the
# network trains with its own weights, and at the end of `fit` the averages are put in their place. The validation loss that
# `fit` reports after each epoch still belongs to the trembling weights; the callback `keras.callbacks.SwapEMAWeights` changes
# that. A falling learning rate lets the weights settle too.

# %% [markdown]
# ## What did you observe?
#
# 1. Why does dropout not disturb `predict`, and why does batch normalisation need running averages for it?
# 2. Which of the three in 02c.2 would you choose if you believe that most of 1,000 inputs are useless?
# 3. You see in a ReLU network that three quarters of the units are dead. What do you try first?
#
# <details><summary>Answers</summary>
#
# 1. Dropout keeps the mean in training, so that prediction can leave it out. Batch normalisation uses the other samples of
#    the batch; when you predict there may be no batch, or a different one.
# 2. L1: it drives weights all the way to 0.
# 3. First count them before the training. Then a smaller learning rate. Batch normalisation or a leaky ReLU help as well.
#
# </details>
#
# ## Go further
#
# - Put your batch normalisation between the twenty layers of sigmoids in 02c.4. Do the samples still become alike?
# - Let `Watch` multiply the learning rate by 0.5 when the validation loss has not improved. Keras calls this
#   `ReduceLROnPlateau`.
# - Search for three hyper-parameters, one of them the number of units. How many trainings would a grid need?
#
# ## Summary
#
# Dropout sets values to 0 in training, scales the others, and does nothing in prediction. L1 makes weights 0, L2 makes them
# small, max-norm limits a unit. Batch normalisation standardises with the batch in training and with running averages in
# prediction. With ordinary first weights sigmoids make deep layers forget; ReLUs can die of a large learning rate. Depth can
# pay where the target is a function of a function. The loss is minimised, and the accuracy is watched. Random search tries
# more values than a grid at the same price, and the average of the weights lies nearer to the best place than the weights.
#
# This is the end of the notebook and a good place to stop. In notebook 03 the answer is a number: the price of a house.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - Srivastava, N., et al. (2014). Dropout: a simple way to prevent neural networks from overfitting. *Journal of Machine
#   Learning Research*, 15, 1929–1958.
# - Tibshirani, R. (1996). Regression shrinkage and selection via the lasso. *Journal of the Royal Statistical Society B*, 58,
#   267–288.
# - Ioffe, S., Szegedy, C. (2015). Batch normalization: accelerating deep network training by reducing internal covariate
#   shift. *ICML*. arXiv:1502.03167.
# - Klambauer, G., Unterthiner, T., Mayr, A., Hochreiter, S. (2017). Self-normalizing neural networks. *NeurIPS*.
#   arXiv:1706.02515.
# - Ramachandran, P., Zoph, B., Le, Q. V. (2017). Searching for activation functions. arXiv:1710.05941.
# - Telgarsky, M. (2016). Benefits of depth in neural networks. *COLT*. arXiv:1602.04485.
# - Bergstra, J., Bengio, Y. (2012). Random search for hyper-parameter optimization. *Journal of Machine Learning Research*,
#   13, 281–305.
# - Polyak, B. T., Juditsky, A. B. (1992). Acceleration of stochastic approximation by averaging. *SIAM Journal on Control
#   and Optimization*, 30(4), 838–855.
