# %% [markdown]
# # 01 · A multi-layer perceptron learns XOR
#
# Four points and two classes that no straight line separates: the smallest problem that needs a hidden layer.
#
# About 85 min · CPU about 15 s · GPU optional
#
# **Before you start** you should know NumPy arrays and the idea of gradient descent.
#
# ## You will learn
#
# - why one neuron cannot compute XOR, and how two hidden ones can;
# - how back-propagation gets every gradient in one backward pass, and how to prove that yours is right;
# - how to write the same network in NumPy, scikit-learn and Keras, and what a hidden layer can approximate.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported: then it loads without notices

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from sklearn.metrics import mean_squared_error
from sklearn.neural_network import MLPClassifier, MLPRegressor

# %% [markdown]
# ## Look at the data
#
# XOR, "exclusive or", is 1 when exactly one of two inputs is 1. At the four corners of the unit square the labels are
# 0, 1, 1, 0. `make_xor` puts a cloud of noisy points around each corner.

# %%
corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
xor = np.array([0, 1, 1, 0])
X, y = ck.data.make_xor(n_samples=400, noise=0.15, seed=0)
X.shape, y.shape

# %%
fig, ax = plt.subplots(figsize=(4.6, 4))
for label, marker in ((0, "o"), (1, "s")):
    ax.plot(*X[y == label].T, marker, markersize=4, alpha=0.7, label=f"class {label}")
ax.set(xlabel="$x_1$", ylabel="$x_2$", title="Opposite corners share a class", aspect="equal")
ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1));

# %% [markdown]
# ## Predict before you run
#
# Lay a ruler on the picture. How many of the four clouds can you get on the right side of it? Write the number down.
# Then guess: how many hidden units does a network need to get all four?

# %% [markdown]
# ## 01.1 · The best that one line can do
#
# **Goal:** write the perceptron, find a line that is as good as any, and say how good that is.
#
# A perceptron is one neuron with a hard threshold. It answers 1 where $w_1 x_1 + w_2 x_2 + b > 0$ and 0 elsewhere:
# $w_1, w_2$ are its weights and $b$ is its bias. The border between the two answers is a straight line.
#
# - `perceptron(X, w, b)`: `X` has shape (n, 2), `w` has shape (2,), `b` is a number; gives n labels, 0 or 1.
# - `line`: three numbers $(w_1, w_2, b)$ of a line that gets as many of the four corners right as a line can.
# - `best`: that number of corners.

# %%
ck.expected("01.1")

# %%
def perceptron(X, w, b):
    """Label each row of X by the sign of its weighted sum."""
    # [solution]
    return (X @ np.asarray(w) + b > 0).astype(int)
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
line = (1, 1, -0.5)
best = 3
# [stub]
# line = ...
# best = ...
# [end]

# %%
ck.check("01.1", perceptron=perceptron, line=line, best=best)

# %%
# ck.hint("01.1")  # take the first # away and run this line for a hint; run it again for the next

# %% [markdown] tags=["solution"]
# **Why 3 and never 4.** XOR asks for four things at once: $b \le 0$ at (0, 0); $w_2 + b > 0$ at (0, 1); $w_1 + b > 0$ at
# (1, 0); $w_1 + w_2 + b \le 0$ at (1, 1). Add the two in the middle: $w_1 + w_2 + 2b > 0$. Add the two others:
# $w_1 + w_2 + 2b \le 0$. Both cannot hold. A search over random lines agrees.

# %% tags=["solution"]
rng = np.random.default_rng(0)
lines = rng.normal(size=(5000, 3))
tried = [np.sum(perceptron(corners, line[:2], line[2]) == xor) for line in lines]
fig, ax = plt.subplots(figsize=(5, 2.8))
ax.bar(*np.unique(tried, return_counts=True), width=0.6)
ax.set(xlabel="corners right", ylabel="lines", xticks=range(5))
ax.set_title("Of 5,000 random lines none gets all four");

# %% [markdown]
# ## 01.2 · XOR by hand, with two hidden units
#
# **Goal:** choose nine numbers so that a network with two hidden units computes XOR. No training.
#
# Put a layer between input and output. The hidden units are $h = \mathrm{ReLU}(x W_1 + b_1)$ with
# $\mathrm{ReLU}(z) = \max(0, z)$, and the output is $o = h \cdot w_2 + b_2$. It means class 1 where $o > 0.5$.
#
# - `W1` has shape (2, 2): column $j$ holds the weights of hidden unit $j$. `b1` has shape (2,).
# - `w2` has shape (2,), `b2` is a number. Hand in all four as `weights = (W1, b1, w2, b2)`.

# %%
ck.expected("01.2")

# %%
def two_units(X, W1, b1, w2, b2):
    """Hidden values (n, 2) and outputs (n,) of the network."""
    hidden = np.maximum(0, X @ np.asarray(W1) + b1)
    return hidden, hidden @ np.ravel(w2) + b2


# %%
# [solution]
W1 = np.array([[1, 1], [1, 1]])
b1 = np.array([0, -1])
w2 = np.array([1, -2])
b2 = 0
weights = (W1, b1, w2, b2)
# [stub]
# weights = ...
# [end]

# %%
ck.check("01.2", weights)

# %%
# ck.hint("01.2")

# %% [markdown]
# Draw what your network says about the whole plane.

# %%
by_hand = ... if weights is ... else lambda X: (two_units(X, *weights)[1] > 0.5).astype(int)
ck.plot.decision_boundary(by_hand, X, y, exercise="01.2", title="Two hinges make a stripe");

# %% [markdown] tags=["solution"]
# **Why it works.** The first unit counts the inputs that are 1: 0, 1, 1, 2. The second wakes up only when both are:
# 0, 0, 0, 1. "Count, and take away two when both are there" gives 0, 1, 1, 0. The hidden layer has moved the four
# corners: (0, 1) and (1, 0) fall on the same point, and now one line is enough.

# %% tags=["solution"]
hidden, _ = two_units(corners, *weights)
fig, axs = plt.subplots(1, 2, figsize=(7.5, 3.2))
for ax, points, name in ((axs[0], corners, "inputs"), (axs[1], hidden, "hidden units")):
    for label, marker in ((0, "o"), (1, "s")):
        ax.plot(*points[xor == label].T, marker, markersize=12, label=f"class {label}")
    ax.set(title=name, xlabel=f"first of the {name}", ylabel="second")
axs[1].plot([0.25, 2.25], [-0.125, 0.875], "k-", label="$h_1 - 2 h_2 = 0.5$")
axs[1].legend(loc="upper left");

# %% [markdown] tags=["solution"]
# **A wrong way.** Leave the ReLU out and both units are weighted sums. A weighted sum of weighted sums is again one
# weighted sum: the network is a perceptron, however many layers it has.

# %% [markdown]
# ## 01.3 · A network that learns XOR
#
# **Goal:** fit an `MLPClassifier` that learns XOR from the 400 points, whatever the seed.
#
# `model` takes points of shape (n, 2) and gives labels 0 or 1. scikit-learn's `MLPClassifier` builds the layers from
# `hidden_layer_sizes` and finds the weights. Its `random_state` decides where the weights begin. A good choice of size,
# activation and solver works from every beginning, so try several.

# %%
ck.expected("01.3")

# %%
# [solution]
model = MLPClassifier(
    hidden_layer_sizes=(16,), activation="tanh", solver="lbfgs", max_iter=1000, random_state=seed
)
model.fit(X, y);
# [stub]
# model = ...
# [end]

# %%
ck.check("01.3", model)

# %%
# ck.hint("01.3")

# %% tags=["picture-01.3"]
predict = ... if model is ... else model.predict_proba
ck.plot.decision_boundary(predict, X, y, exercise="01.3", title="Training bends the border");

# %% [markdown] tags=["solution"]
# **Why not two units?** Two are enough to *represent* XOR, as you showed. They are not enough to *find* it: descent often
# ends in a valley where one corner stays wrong. Count how often, over 20 beginnings each.

# %% tags=["solution"]
def share_of_successes(units):
    """The share of 20 seeds for which all four corners come out right."""
    settings = {"activation": "tanh", "solver": "lbfgs", "max_iter": 400}
    fitted = [MLPClassifier((units,), random_state=s, **settings).fit(X, y) for s in range(20)]
    return np.mean([(one.predict(corners) == xor).all() for one in fitted])


shares = {units: share_of_successes(units) for units in (1, 2, 3, 4, 8, 16)}
fig, ax = plt.subplots(figsize=(5, 2.8))
bars = ax.bar([str(units) for units in shares], shares.values())
ax.bar_label(bars, [f"{share:.0%}" for share in shares.values()])
ax.set(xlabel="hidden units", ylabel="share of 20 seeds", ylim=(0, 1.15))
ax.set_title("Spare units make training safe");

# %% [markdown]
# ## 01.4 · Back-propagation by hand
#
# **Goal:** write the backward pass of a network with one hidden layer, in NumPy.
#
# The forward pass is given. For $n$ samples in the rows of $X$:
#
# $$H = \tanh(X W_1 + b_1), \qquad p = \sigma(H W_2 + b_2), \qquad
# L = -\frac{1}{n} \sum_i \left[ y_i \log p_i + (1 - y_i) \log (1 - p_i) \right]$$
#
# $\sigma(z) = 1 / (1 + e^{-z})$ is the sigmoid, $p_i$ the predicted probability of class 1, $L$ the mean binary
# cross-entropy. The chain rule, read from the end, gives the derivative of $L$ by each weighted sum, called
# $\delta_2$ (output) and $\delta_1$ (hidden). From these follow the gradients of the weights.
#
# - In: `X` (n, 2), `y` (n, 1), `W1` (2, h), `b1` (h,), `W2` (h, 1), `b2` (1,).
# - Out: `dW1, db1, dW2, db2`, each with the shape of its parameter.

# %%
ck.expected("01.4")

# %%
def forward(X, W1, b1, W2, b2):
    """Hidden values (n, h) and probabilities (n, 1)."""
    H = np.tanh(X @ W1 + b1)
    p = 1 / (1 + np.exp(-(H @ W2 + b2)))
    return H, p


# %%
def backward(X, y, W1, b1, W2, b2):
    """The gradients of the mean binary cross-entropy."""
    H, p = forward(X, W1, b1, W2, b2)
    # [solution]
    delta2 = (p - y) / len(X)
    dW2 = H.T @ delta2
    db2 = delta2.sum(axis=0)
    delta1 = delta2 @ W2.T * (1 - H**2)
    dW1 = X.T @ delta1
    db1 = delta1.sum(axis=0)
    # [stub]
    # dW1, db1, dW2, db2 = ..., ..., ..., ...
    # [end]
    return dW1, db1, dW2, db2


# %%
ck.check("01.4", backward)

# %%
# ck.hint("01.4")

# %% [markdown]
# Descend with your gradients: 2,000 steps on all 400 points, from small random weights.

# %%
def train(backward, steps=2000, learning_rate=1.0, hidden=8):
    """The loss after each step of plain gradient descent; `...` while `backward` is not written."""
    rng = np.random.default_rng(0)
    parameters = [rng.normal(size=(2, hidden)), np.zeros(hidden)]
    parameters += [rng.normal(size=(hidden, 1)), np.zeros(1)]
    losses = []
    for _ in range(steps):
        gradients = backward(X, y[:, None], *parameters)
        if gradients[0] is ...:
            return ...
        parameters = [p - learning_rate * g for p, g in zip(parameters, gradients)]
        p = forward(X, *parameters)[1][:, 0]
        losses.append(-np.mean(np.log(np.where(y == 1, p, 1 - p))))
    return losses


ck.plot.learning_curves(train(backward), exercise="01.4", log=True, title="Your gradients lead downhill");

# %% [markdown] tags=["solution"]
# **Why it is so short.** $\partial L / \partial p$ has $p (1 - p)$ in its denominator, and the derivative of the sigmoid is
# $p (1 - p)$. They cancel, and $\delta_2 = (p - y) / n$ remains. With the squared error they would not: where the network
# is sure and wrong, $p (1 - p)$ is nearly 0, and it would hardly learn from its worst mistakes.
#
# **The proof.** Move one weight by a small step both ways and see how the loss changes. This costs two forward passes
# for each weight; back-propagation gets all of them for about the price of one more pass.

# %% tags=["solution"]
rng = np.random.default_rng(1)
parameters = [rng.normal(size=shape) for shape in ((2, 5), (5,), (5, 1), (1,))]


def loss(W1):
    p = forward(X, W1, *parameters[1:])[1][:, 0]
    return -np.mean(np.log(np.where(y == 1, p, 1 - p)))


step = np.zeros((2, 5))
step[0, 0] = 1e-5
by_differences = (loss(parameters[0] + step) - loss(parameters[0] - step)) / 2e-5
by_chain_rule = backward(X, y[:, None], *parameters)[0][0, 0]
print(f"finite differences {by_differences:.8f}, backward {by_chain_rule:.8f}")

# %% [markdown]
# ## 01.5 · The same network in Keras, twice
#
# **Goal:** build 2 inputs → 8 tanh units → 1 sigmoid unit with `keras.Sequential` and with the functional API, and count
# its parameters.
#
# - `sequential`: compiled, fitted on `X`, `y`; takes (n, 2), gives probabilities (n, 1).
# - `functional`: the same layers from the functional API, with the weights of `sequential`.
# - `n_params`: the number of weights and biases, counted by you before Keras does.

# %%
ck.expected("01.5")

# %%
# [solution]
n_params = (2 * 8 + 8) + (8 * 1 + 1)
# [stub]
# n_params = ...
# [end]

# %%
# [solution]
sequential = keras.Sequential(
    [keras.Input((2,)), layers.Dense(8, activation="tanh"), layers.Dense(1, activation="sigmoid")]
)
sequential.compile(optimizer=keras.optimizers.Adam(0.05), loss="binary_crossentropy", metrics=["accuracy"])
live = ck.widgets.LiveCurves()
history = sequential.fit(X, y, epochs=30, batch_size=16, verbose=0, callbacks=[live])
# [stub]
# sequential = ...
# [end]

# %%
# [solution]
inputs = keras.Input((2,))
hidden_units = layers.Dense(8, activation="tanh")(inputs)
outputs = layers.Dense(1, activation="sigmoid")(hidden_units)
functional = keras.Model(inputs, outputs)
functional.set_weights(sequential.get_weights())
# [stub]
# functional = ...
# [end]

# %%
ck.check("01.5", sequential=sequential, functional=functional, n_params=n_params)

# %%
# ck.hint("01.5")

# %% [markdown] tags=["solution"]
# **Which to use when.** A list of layers is enough for a chain. The functional API names the tensors in between, so a
# layer can have two inputs, or be used twice. The network is the same: the summary counts the same 33 parameters.

# %% tags=["solution"]
functional.summary()

# %% [markdown] tags=["solution"]
# **A wrong way.** Forget the activation and the two layers collapse into one line. The loss says so: it stays near
# $\log 2 \approx 0.69$, the loss of a coin.

# %% tags=["solution"]
straight = keras.Sequential([keras.Input((2,)), layers.Dense(8), layers.Dense(1, activation="sigmoid")])
straight.compile(optimizer=keras.optimizers.Adam(0.05), loss="binary_crossentropy")
without = straight.fit(X, y, epochs=30, batch_size=16, verbose=0)
fig, ax = plt.subplots(figsize=(6, 3.4))
ck.plot.learning_curves(history, ax, metrics=["loss"])
ax.plot(range(1, 31), without.history["loss"], label="no activation")
ax.set_title("Without an activation nothing is learned")
ax.legend();

# %% [markdown]
# ## 01.6 · A network that fits a surface
#
# **Goal:** fit an `MLPRegressor` to a noisy surface over a square.
#
# The same idea with another ending: the output is a number, the loss is the squared error. `make_surface` draws points
# from $f(x_1, x_2) = \sin(2 x_1) \cos(x_2) + x_1 x_2 / 4$ with Gaussian noise of standard deviation 0.1. `regressor`
# takes (n, 2) and gives n numbers.

# %%
X_all, y_all = ck.data.make_surface(n_samples=600, noise=0.1, seed=1)
X_train, y_train, X_test, y_test = X_all[:400], y_all[:400], X_all[400:], y_all[400:]

# %%
ck.expected("01.6")

# %%
# [solution]
regressor = MLPRegressor(
    hidden_layer_sizes=(64, 64), max_iter=2000, learning_rate_init=0.005, random_state=seed
)
regressor.fit(X_train, y_train);
# [stub]
# regressor = ...
# [end]

# %%
ck.check("01.6", regressor)

# %%
# ck.hint("01.6")

# %% tags=["picture-01.6"]
fitted = ... if regressor is ... else regressor.predict
title = "The network finds hills and valleys"
ck.plot.surface_fit(fitted, ck.data.surface, X_train, exercise="01.6", title=title);

# %% [markdown] tags=["solution"]
# **Where it is wrong** is near the border, where points lie on one side only. **A wrong way** is a network without hidden
# layers' bend: with `activation="identity"` it can only tilt a plane.

# %% tags=["solution"]
plane = MLPRegressor(hidden_layer_sizes=(64, 64), activation="identity", random_state=seed)
plane.fit(X_train, y_train)
for name, fit in (("tilted plane", plane), ("network", regressor)):
    print(f"{name:<13} R² {fit.score(X_test, y_test):.2f} on the test points")

# %% [markdown]
# ## 01.7 · The error, epoch by epoch
#
# **Goal:** record the mean squared error of a regressor on the training and on the test points after each epoch.
#
# One epoch is one pass over the training data. `partial_fit` makes exactly one. The mean squared error of $n$ points is
# $\frac{1}{n} \sum_i (y_i - \hat y_i)^2$, where $\hat y_i$ is the prediction.
#
# - `epoch_model`: a fresh `MLPRegressor`, given. Train it for at least 100 epochs.
# - `train_mse`, `test_mse`: lists with one number an epoch, measured after the epoch.

# %%
ck.expected("01.7")

# %%
epoch_model = MLPRegressor(
    hidden_layer_sizes=(64, 64), learning_rate_init=0.005, batch_size=32, random_state=seed
)

# %%
# [solution]
train_mse, test_mse = [], []
for _ in range(200):
    epoch_model.partial_fit(X_train, y_train)
    train_mse.append(mean_squared_error(y_train, epoch_model.predict(X_train)))
    test_mse.append(mean_squared_error(y_test, epoch_model.predict(X_test)))
# [stub]
# train_mse = ...
# test_mse = ...
# [end]

# %%
ck.check("01.7", epoch_model=epoch_model, train_mse=train_mse, test_mse=test_mse)

# %%
# ck.hint("01.7")

# %% tags=["picture-01.7"]
curves = ... if train_mse is ... else {"mse": train_mse, "val_mse": test_mse}
ax = ck.plot.learning_curves(curves, exercise="01.7", log=True, title="Both errors approach the noise")
if curves is not ...:
    ax.axhline(0.1**2, color="black", linewidth=1, label="variance of the noise")
    ax.legend();

# %% [markdown] tags=["solution"]
# **How low can it go?** The noise has the variance $0.1^2 = 0.01$. No model that has not seen a point can be expected to
# have less than that on it. The training error can: below 0.01 it has begun to learn the noise by heart.
#
# **A trap.** `loss_curve_` looks like the answer and is not: scikit-learn minimises *half* the squared error plus a
# penalty on the weights, averaged while the weights still move.

# %% tags=["solution"]
print(f"loss_curve_ ends at {epoch_model.loss_curve_[-1]:.4f}, the training error at {train_mse[-1]:.4f}")

# %% [markdown]
# ## 01.8 · Any curve, from ReLUs
#
# **Goal:** add up six hinges to rebuild a curve, then let a network find its own hinges.
#
# A ReLU that begins at a kink $k$ is $\mathrm{ReLU}(x - k)$. A weighted sum of them is a broken line:
# $f(x) = c + \sum_j s_j \, \mathrm{ReLU}(x - k_j)$. Each $s_j$ is the change of slope at the kink $k_j$, and $c$ is the
# offset.
#
# - `relu_sum(x, kinks, slopes, offset)`: `x` (n,), `kinks` (k,), `slopes` (k,), `offset` a number; gives (n,).
# - `curve_model`: a regressor fitted to the points `x_curve`, `y_curve`; takes (n, 1), gives n numbers.

# %%
x_curve, y_curve = ck.data.make_curve(n_samples=200, noise=0.05, seed=0)
knots = np.array([0, 0.13, 0.32, 0.5, 0.68, 0.87, 1.0])
heights = ck.data.curve(knots)
kinks = knots[:-1]
slopes = np.diff(np.diff(heights) / np.diff(knots), prepend=0)
offset = heights[0]

# %%
ck.expected("01.8")

# %%
def relu_sum(x, kinks, slopes, offset):
    """A broken line: the offset plus weighted hinges."""
    # [solution]
    return offset + np.maximum(0, x[:, None] - kinks) @ slopes
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
curve_model = MLPRegressor(
    hidden_layer_sizes=(50,), activation="tanh", solver="lbfgs", max_iter=5000, random_state=seed
)
curve_model.fit(x_curve[:, None], y_curve);
# [stub]
# curve_model = ...
# [end]

# %%
ck.check("01.8", relu_sum=relu_sum, curve_model=curve_model)

# %%
# ck.hint("01.8")

# %% tags=["picture-01.8"]
fits = {
    "six ReLUs": relu_sum(x_curve, kinks, slopes, offset),
    "learned": ... if curve_model is ... else curve_model.predict(x_curve[:, None]),
}
ck.plot.curve_fit(x_curve, y_curve, fits, exercise="01.8", title="A broken line, and a learned curve");

# %% [markdown]
# How wide must the layer be? Predict first: does the error halve when the width doubles? Then run.

# %%
def error_of_width(width, start):
    """Root mean squared distance to the true curve of a ReLU network with one hidden layer."""
    settings = {"solver": "lbfgs", "max_iter": 2000, "random_state": start}
    network = MLPRegressor(hidden_layer_sizes=(width,), **settings)
    network.fit(x_curve[:, None], y_curve)
    grid = np.linspace(0, 1, 300)
    return np.sqrt(np.mean((network.predict(grid[:, None]) - ck.data.curve(grid)) ** 2))


widths = (1, 2, 4, 8, 16, 32, 64)
errors = [np.median([error_of_width(width, start) for start in range(5)]) for width in widths]
fig, ax = plt.subplots(figsize=(5.5, 3.2))
ax.loglog(widths, errors, "o-")
ax.axhline(0.05, color="black", linewidth=1, linestyle=":", label="noise of a point")
ax.set(xlabel="hidden units", ylabel="error (median of 5 seeds)")
ax.set_title("Width helps until the noise is reached")
ax.set_xticks(widths, widths)
ax.legend();

# %% [markdown] tags=["solution"]
# **Why it levels off.** Each new unit is one more place to bend, so at first the error falls fast. Beyond some width the
# network fits the points better and the true curve no better: what is left comes from the noise in 200 points.
# "Universal approximation" says that a wide enough layer *can* come as close as you like. It says nothing about finding
# the weights, and nothing about noise.

# %% [markdown]
# ## 01.9 · The perceptron learns by itself
#
# **Goal:** write the learning rule of the perceptron, and train it on OR, on AND and on XOR.
#
# In 01.1 you chose the line. Rosenblatt's rule finds it, from one point $x$ with its label $y$ (0 or 1) at a time. The
# perceptron predicts $\hat y = 1$ where $w \cdot x + b > 0$ and 0 elsewhere. Then
#
# $$w \leftarrow w + \eta \, (y - \hat y) \, x, \qquad b \leftarrow b + \eta \, (y - \hat y)$$
#
# where $\eta$ is the learning rate. A point that is right already changes nothing.
#
# - `perceptron_step(w, b, x, y, rate)`: one point; `w` and `x` have shape (d,), `b`, `y` and `rate` are numbers; gives the
#   new `w` and `b`. Leave the arrays that you were given as they are.
# - `train_perceptron(X, y, epochs)`: begins with zeros and goes through the rows of `X`, shape (n, d), in their order,
#   `epochs` times, with rate 1; gives `w` and `b`.

# %%
ck.expected("01.9")

# %%
def perceptron_step(w, b, x, y, rate):
    """The weights and the bias after one point."""
    # [solution]
    error = y - int(w @ x + b > 0)
    return w + rate * error * x, b + rate * error
    # [stub]
    # return ...
    # [end]


# %%
def train_perceptron(X, y, epochs):
    """The weights and the bias after some passes over the points."""
    # [solution]
    w, b = np.zeros(X.shape[1]), 0
    for _ in range(epochs):
        for point, label in zip(X, y):
            w, b = perceptron_step(w, b, point, label, 1)
    return w, b
    # [stub]
    # return ...
    # [end]


# %%
ck.check("01.9", perceptron_step=perceptron_step, train_perceptron=train_perceptron)

# %%
# ck.hint("01.9")

# %% [markdown]
# Predict first: which of OR, AND and XOR will it have learned after 20 passes? Then draw the line that it found for OR.
# Replace the labels of OR by those of AND, then by `xor`. Was your prediction right?

# %% tags=["picture-01.9"]
if ck.ready("01.9", perceptron_step, train_perceptron):
    labels = np.array([0, 1, 1, 1])  # OR
    w, b = train_perceptron(corners, labels, epochs=20)
    ck.plot.decision_boundary(
        lambda X: (X @ w + b > 0).astype(int), corners, labels, title="OR, learned from its mistakes"
    )

# %% [markdown] tags=["reason"]
# **Why XOR never settles.** Where a line exists that separates the classes, the rule finds one after a finite number of
# mistakes (Novikoff, 1962). For XOR there is no such line, so in every pass at least one corner is wrong and moves the line
# again. The rule cannot settle for a line that is merely as good as possible.

# %% tags=["solution"]
fig, ax = plt.subplots(figsize=(5.5, 3))
for name, target in (("OR", [0, 1, 1, 1]), ("AND", [0, 0, 0, 1]), ("XOR", xor)):
    lines = [train_perceptron(corners, target, epochs) for epochs in range(16)]
    ax.plot([np.sum((corners @ w + b > 0) == target) for w, b in lines], "o-", label=name)
ax.set(xlabel="epochs", ylabel="corners right", ylim=(-0.2, 4.2), title="XOR goes round in circles")
ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1));

# %% [markdown]
# ## What did you observe?
#
# 1. Why did a network that could represent XOR not always learn it?
# 2. In 01.7, what does it mean when the training error falls below the variance of the noise?
# 3. Where would the learned curve of 01.8 go outside [0, 1]?
#
# <details><summary>Answers</summary>
#
# 1. Representing is about what weights exist; learning is about where descent from a random start ends. With two units
#    there are valleys that are not the solution. Spare units leave a way out of most of them.
# 2. The network has begun to fit the noise of these very points. The test error stops falling, or rises.
# 3. A ReLU network goes on as the straight line of its last piece, a tanh network flattens out. Neither knows that the
#    curve is a sine: a network interpolates, it does not extrapolate.
#
# </details>
#
# ## Go further
#
# - Replace tanh by ReLU in 01.4. What is the derivative at 0, and does it matter?
# - Parity of three bits is XOR's big sister. How many hidden units does it take by hand?
# - Plot the loss of 01.4 over two of the weights with `ck.plot.loss_surface`. Can you find a flat region?
#
# ## Summary
#
# One neuron draws one line. A hidden layer with a non-linear activation moves the points so that one line is enough.
# Back-propagation is the chain rule, read from the end, and finite differences prove it. Width buys the power to
# represent and, more important, makes training safe.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - Novikoff, A. B. J. (1962). On convergence proofs on perceptrons. *Symposium on the Mathematical Theory of Automata*, 12,
#   615–622.
# - Minsky, M., Papert, S. (1969). *Perceptrons*. MIT Press.
# - Rumelhart, D. E., Hinton, G. E., Williams, R. J. (1986). Learning representations by back-propagating errors.
#   *Nature*, 323, 533–536.
# - Cybenko, G. (1989). Approximation by superpositions of a sigmoidal function. *Mathematics of Control, Signals and
#   Systems*, 2, 303–314.
# - Goodfellow, I., Bengio, Y., Courville, A. (2016). *Deep Learning*, chapter 6. MIT Press.
