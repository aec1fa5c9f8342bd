# %% [markdown]
# # 01 · A multi-layer perceptron learns XOR
#
# Four points, two classes, and no straight line that separates them: XOR is the smallest problem that needs a hidden
# layer. On it you can follow every step of a network by hand.
#
# About 254 minutes in 4 sessions · CPU about 15 s · GPU optional
#
# **Before you start** you should know NumPy arrays and the idea of gradient descent (notebook 00).
#
# ## You will learn
#
# - why one neuron cannot compute XOR, and how two hidden units can;
# - how back-propagation gets every gradient in one backward pass, and how to test that yours is right;
# - how to write the same network in NumPy, scikit-learn and Keras, and what a hidden layer can approximate.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # call this before importing Keras, so that TensorFlow's start-up messages stay hidden

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from sklearn.metrics import mean_squared_error
from sklearn.neural_network import MLPClassifier, MLPRegressor

# %% [markdown]
# ## Look at the data
#
# XOR, "exclusive or", is 1 when exactly one of its two inputs is 1. At the corners (0, 0), (0, 1), (1, 0), (1, 1) of the
# unit square the labels are therefore 0, 1, 1, 0. `make_xor` scatters 400 noisy points around the
# four corners, about 100 around each.

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
# ## Session 1 of 4 · Why XOR needs a hidden layer
#
# About 70 minutes. What it needs: NumPy arrays, and the cells above. You find the best line there is, beat it with two
# hidden units that you choose by hand, and then let scikit-learn find a network for you.

# %% [markdown]
# ## Predict before you run
#
# Lay a ruler on the picture above. One side of it stands for class 1, the other for class 0. How many of the four
# clouds can lie on the side of their own class? Then guess: how many hidden units does a network need to get all four
# right? Write both numbers down.

# %% [markdown]
# ## 01.1 · The best that one line can do
#
# **Goal:** write the perceptron, find a line that is as good as any, and say how good that is.
#
# A perceptron is one neuron with a hard threshold. It answers 1 where $w_1 x_1 + w_2 x_2 + b > 0$ and 0 everywhere else.
# The numbers $w_1, w_2$ are its weights and $b$ is its bias. The border between the two answers, where the sum is exactly
# 0, is a straight line.
#
# For example, $w_1 = 1$, $w_2 = 0$, $b = -0.5$ is the vertical line at $x_1 = 0.5$. It answers 1 on its right. At the
# corners (0, 0), (0, 1), (1, 0), (1, 1) that gives 0, 0, 1, 1, so two of the four corners are right.
#
# - `perceptron(X, w, b)`: `X` has shape (n, 2), `w` has shape (2,), `b` is a number; returns n labels, 0 or 1. In NumPy,
#   `X @ w` computes $w_1 x_1 + w_2 x_2$ for all n points at once.
# - `line`: three numbers $(w_1, w_2, b)$ of a line that gets as many of the four corners right as any line can.
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
# ck.hint("01.1")  # remove the first # and run this line for a hint; run it again for the next one

# %% [markdown]
# Try 5,000 random lines and count the corners that each gets right.

# %%
if ck.ready("01.1", perceptron, line, best):
    rng = np.random.default_rng(0)
    corners_right = []
    for w1, w2, b in rng.normal(size=(5000, 3)):
        answers = perceptron(corners, np.array([w1, w2]), b)
        corners_right.append(np.sum(np.ravel(answers) == xor))
    numbers, counts = np.unique(corners_right, return_counts=True)
    fig, ax = plt.subplots(figsize=(5, 2.8))
    ax.bar(numbers, counts, width=0.6)
    ax.set(xlabel="corners right", ylabel="lines", xlim=(-0.5, 4.5), xticks=range(5))
    ax.set_title("Of 5,000 random lines none gets all four");

# %% tags=["claim"]
assert max(corners_right) == 3, "Of 5,000 random lines none gets all four, and some get three."

# %% [markdown]
# How many clouds did you predict for your ruler? Does the histogram agree?

# %% [markdown] tags=["reason"]
# **Why 3 and never 4.** XOR makes four demands at once: $b \le 0$ at (0, 0), $w_2 + b > 0$ at (0, 1), $w_1 + b > 0$ at
# (1, 0), and $w_1 + w_2 + b \le 0$ at (1, 1). Add the second and the third: $w_1 + w_2 + 2b > 0$. Add the first and the
# last: $w_1 + w_2 + 2b \le 0$. Both cannot be true, so no line meets all four demands. This is a proof. The 5,000 random
# lines only illustrate it.

# %% [markdown]
# ## 01.2 · XOR by hand, with two hidden units
#
# **Goal:** choose nine numbers so that a network with two hidden units computes XOR, without any training.
#
# Now put a layer between input and output. It is called *hidden* because the data say nothing about its values: they hold
# only the inputs and the final labels. Each hidden unit takes a weighted sum of the inputs, adds its bias, and applies an *activation*,
# here $\mathrm{ReLU}(z) = \max(0, z)$. The output is a weighted sum of the hidden values:
#
# $$h = \mathrm{ReLU}(x W_1 + b_1), \qquad o = h \cdot w_2 + b_2.$$
#
# We read $o > 0.5$ as class 1. For example, a hidden unit with the weights 2 and −1 and the bias −0.5 has the value
# $\mathrm{ReLU}(2 - 0 - 0.5) = 1.5$ at the corner (1, 0) and $\mathrm{ReLU}(0 - 1 - 0.5) = 0$ at (0, 1).
#
# - `W1` has shape (2, 2): column $j$ holds the two weights of hidden unit $j$. `b1` has shape (2,), one bias per unit.
# - `w2` has shape (2,) and `b2` is a number. Hand in all four as `weights = (W1, b1, w2, b2)`.
#
# A good way to begin: find a first unit whose value already separates (0, 0) from the other three corners. What must the
# second unit then correct?

# %%
ck.expected("01.2")

# %%
def two_units(X, W1, b1, w2, b2):
    """Hidden values (n, 2) and outputs (n,) of the network."""
    hidden = np.maximum(0, X @ np.asarray(W1) + b1)
    output = hidden @ np.ravel(w2) + b2
    return hidden, output


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
# Here is what your network says about the whole plane, and where its hidden layer puts the four corners.
# Corners that land on the same point hide each other.

# %%
def label_by_hand(X):
    """Class 1 where the output of your network is above 0.5."""
    hidden, output = two_units(X, *weights)
    return (output > 0.5).astype(int)


if ck.ready("01.2", weights):
    ck.plot.decision_boundary(label_by_hand, X, y, title="Two hidden units, chosen by hand")

# %%
if ck.ready("01.2", weights):
    hidden, output = two_units(corners, *weights)
    fig, axs = plt.subplots(1, 2, figsize=(7.5, 3.2))
    for label, marker in ((0, "o"), (1, "s")):
        axs[0].plot(*corners[xor == label].T, marker, markersize=12, label=f"class {label}")
        axs[1].plot(*hidden[xor == label].T, marker, markersize=12, label=f"class {label}")
    axs[0].set(title="The four corners", xlabel="$x_1$", ylabel="$x_2$")
    axs[1].set(title="The same corners after the hidden layer", xlabel="$h_1$", ylabel="$h_2$")
    axs[0].legend(loc="center");

# %% [markdown] tags=["reason"]
# **Why it works.** Take $h_1 = \mathrm{ReLU}(x_1 + x_2)$ and $h_2 = \mathrm{ReLU}(x_1 + x_2 - 1)$. The first unit counts
# the inputs that are 1: it gives 0, 1, 1, 2 at the corners. The second is positive only when both inputs are 1: it gives
# 0, 0, 0, 1. Then $h_1 - 2 h_2$ is 0, 1, 1, 0. The hidden layer has moved the corners: (0, 1) and (1, 0) now lie on the
# same point, and in the plane of $h_1$ and $h_2$ one straight line is enough. Other choices of the nine numbers do the
# same job.
#
# **Without the ReLU** both units would be weighted sums, and a weighted sum of weighted sums is again a weighted sum. The
# network would be a perceptron, however many layers it has.

# %% [markdown]
# ## 01.3 · A network that learns XOR
#
# **Goal:** fit an `MLPClassifier` that learns XOR from the 400 points, and would from most other seeds too.
#
# In scikit-learn a model is made in one line, and trained by its method `fit`. This small network learns the first input:
#
#     small = MLPClassifier(hidden_layer_sizes=(10,), solver="lbfgs", random_state=1)
#     small.fit(X, X[:, 0] > 0.5)
#     small.predict(corners)            # labels, here False or True
#     small.predict_proba(corners)      # a probability for each class
#
# The settings that matter here are
#
# - `hidden_layer_sizes`: the number of units in each hidden layer; `(3,)` is one layer of 3, `(8, 4)` is two layers;
# - `activation`: `"relu"` or `"tanh"`, the S-shaped function that runs from −1 to 1;
# - `solver`: `"adam"` takes many small steps, each on a part of the points (200 of them, unless you set `batch_size`);
#   `"lbfgs"` uses all points in every step, and is fast and accurate on small data sets;
# - `max_iter`: the largest number of passes over the data. A `ConvergenceWarning` says that training was cut off there;
# - `random_state`: the seed of the random weights that training starts from.
#
# `model` takes points of shape (n, 2) and gives labels 0 or 1. With a good choice of size, activation and solver, training
# succeeds from nearly every seed. Try several. If your network has at most four hidden units and the solver `"lbfgs"`, the
# check trains it again from ten other seeds, and at least seven of them must succeed.

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

# %% tags=["claim"]
small = MLPClassifier(hidden_layer_sizes=(10,), solver="lbfgs", random_state=1).fit(X, X[:, 0] > 0.5)
assert small.predict(corners).tolist() == [0, 0, 1, 1], "This small network learns the first input."

# %%
ck.check("01.3", model)

# %%
# ck.hint("01.3")

# %% tags=["picture-01.3"]
if ck.ready("01.3", model):
    ck.plot.decision_boundary(model.predict_proba, X, y, title="A border that bends")

# %% [markdown]
# You guessed how many hidden units a network needs. Two can represent XOR, as you have shown with ReLUs. But does
# *training* find such a pair, here of tanh units? Predict how often, out of 20 random starts. Then run the cell.

# %%
def share_of_successes(units):
    """The share of 20 seeds for which all four corners come out right."""
    successes = 0
    for start in range(20):
        network = MLPClassifier((units,), activation="tanh", solver="lbfgs", max_iter=400, random_state=start)
        network.fit(X, y)
        successes += np.array_equal(network.predict(corners), xor)
    return successes / 20


if ck.ready("01.3", model):
    sizes = [1, 2, 3, 4, 8, 16]
    shares = [share_of_successes(units) for units in sizes]
    fig, ax = plt.subplots(figsize=(5, 2.8))
    bars = ax.bar([str(units) for units in sizes], shares)
    ax.bar_label(bars, [f"{share:.0%}" for share in shares])
    ax.set(xlabel="hidden units", ylabel="share of 20 seeds", ylim=(0, 1.15))
    ax.set_title("Spare units make training safe");

# %% tags=["claim"]
assert shares[0] == 0, "One hidden unit never learns XOR."
assert 0.3 < shares[1] < 0.8, "With two units only about half of the 20 starts succeed."
assert shares[3] == shares[4] == shares[5] == 1, "Spare units make training safe: with 4, 8 and 16 every start succeeds."

# %% [markdown] tags=["reason"]
# **Why two units are not enough for training.** That weights exist is one thing; that training finds them from a random start
# is another. With two units, only about half of the 20 starts succeed. The others end in a local minimum of the loss (00.4):
# one corner is still wrong there, and every small step makes things worse. With 4, 8 and 16 units all 20 starts succeed:
# with units to spare there are many more ways down to a solution. Four or five units are not always enough: with other
# seeds a few starts still fail. With 8 and with 16 units none of 40 other starts did.

# %% [markdown]
# **A good place to stop.** You have seen what a hidden layer is for. Session 2 opens the black box: how does training find
# the weights, and how do you write the same network in Keras?

# %% [markdown]
# ## Session 2 of 4 · Back-propagation, then Keras
#
# About 76 minutes. What it needs: the cells above Session 1, and what a hidden layer is. You write the backward pass that
# every deep-learning library has inside, and then the same network in Keras.

# %% [markdown]
# ## The chain rule on a small graph
#
# Before a whole network, one small calculation: $f = (x + y)\, z$ with $x = 1$, $y = 2$ and $z = 4$. Break it into steps of one
# operation each: first $q = x + y = 3$, then $f = q z = 12$. Such a list of steps is called a *computational graph*.
#
# How does $f$ change when $x$, $y$ or $z$ changes a little? Go through the steps from the last to the first.
#
# - $f = q z$: in a product, the derivative by one factor is the other factor. So $\partial f / \partial q = z = 4$ and
#   $\partial f / \partial z = q = 3$.
# - $q = x + y$: a sum passes the derivative on as it is. So $\partial f / \partial x = \partial f / \partial q \cdot 1 = 4$, and
#   $\partial f / \partial y = 4$ as well.
#
# Each step needs its own inputs, which the forward pass has computed, and the derivative that comes back from the step after
# it. A network has more steps, and matrices in place of numbers; nothing else is new. Here is the test that works for any
# graph: change one number a little, and see how much $f$ changes.

# %%
def small_graph(x, y, z):
    """(x + y) z, in two steps."""
    q = x + y
    return q * z


h = 1e-6
print(f"df/dx = {(small_graph(1 + h, 2, 4) - small_graph(1, 2, 4)) / h:.3f}")
print(f"df/dy = {(small_graph(1, 2 + h, 4) - small_graph(1, 2, 4)) / h:.3f}")
print(f"df/dz = {(small_graph(1, 2, 4 + h) - small_graph(1, 2, 4)) / h:.3f}")

# %% [markdown]
# ## 01.4 · Back-propagation by hand
#
# **Goal:** write the backward pass of a network with one hidden layer, in NumPy.
#
# The forward pass is given. For $n$ samples, the rows of $X$, it is
#
# $$H = \tanh(Z_1), \quad Z_1 = X W_1 + b_1, \qquad p = \sigma(Z_2), \quad Z_2 = H W_2 + b_2,$$
# $$L = -\frac{1}{n} \sum_i \left[ y_i \log p_i + (1 - y_i) \log (1 - p_i) \right].$$
#
# Here $\sigma(z) = 1 / (1 + e^{-z})$ is the sigmoid, $p_i$ is the predicted probability of class 1, and the loss $L$ is the
# mean binary cross-entropy.
#
# Back-propagation is the chain rule, applied from the loss backwards. Write $\delta_2 = \partial L / \partial Z_2$ and
# $\delta_1 = \partial L / \partial Z_1$: how the loss changes when a weighted sum changes. They have the shapes of $Z_2$ and
# $Z_1$. Three rules are enough:
#
# 1. **At the output**, multiply $\dfrac{\partial L}{\partial p_i} = \dfrac{1}{n} \cdot \dfrac{p_i - y_i}{p_i (1 - p_i)}$ by the
#    derivative of the sigmoid, $\sigma'(z) = p (1 - p)$. That gives $\delta_2$.
# 2. **Through a linear layer** $Z = A W + b$ with $\delta = \partial L / \partial Z$:
#    $\;\dfrac{\partial L}{\partial W} = A^\mathsf{T} \delta$, $\;\dfrac{\partial L}{\partial b}$ is the sum of the rows of
#    $\delta$, and $\;\dfrac{\partial L}{\partial A} = \delta\, W^\mathsf{T}$.
# 3. **Through an activation** $A = f(Z)$, multiply element by element by $f'(Z)$. For $\tanh$ this is $1 - A^2$.
#
# In NumPy a transpose is `A.T`, the sum of the rows is `.sum(axis=0)`, and `*` multiplies element by element. Check
# the shapes as you go: every gradient has the shape of its parameter.
#
# - In: `X` (n, 2), `y` (n, 1), `W1` (2, h), `b1` (h,), `W2` (h, 1), `b2` (1,), where h is the number of hidden units.
# - Out: `dW1, db1, dW2, db2`, each with the shape of its parameter.

# %%
ck.expected("01.4")

# %%
def forward(X, W1, b1, W2, b2):
    """Hidden values (n, h) and probabilities (n, 1)."""
    H = np.tanh(X @ W1 + b1)
    p = 1 / (1 + np.exp(-(H @ W2 + b2)))
    return H, p


def cross_entropy(y, p):
    """The mean binary cross-entropy, a number."""
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


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
# The check compared your gradients with those of the formula. *Finite differences* test any gradient that you have written:
# move one weight by a small step both ways, and divide the change of the loss by the distance.

# %%
if ck.ready("01.4", backward):
    rng = np.random.default_rng(1)
    W1, b1, W2, b2 = rng.normal(size=(2, 5)), rng.normal(size=5), rng.normal(size=(5, 1)), rng.normal(size=1)
    y_column = y[:, None]  # shape (n, 1), like p
    step = np.zeros((2, 5))
    step[0, 0] = 1e-5  # only the first weight moves
    loss_above = cross_entropy(y_column, forward(X, W1 + step, b1, W2, b2)[1])
    loss_below = cross_entropy(y_column, forward(X, W1 - step, b1, W2, b2)[1])
    dW1, db1, dW2, db2 = backward(X, y_column, W1, b1, W2, b2)
    print(f"finite differences {(loss_above - loss_below) / 2e-5:.8f}")
    print(f"back-propagation   {dW1[0, 0]:.8f}")

# %% [markdown]
# Now descend with your gradients: 2,000 steps on all 400 points, from random weights.

# %%
def train(steps=2000, learning_rate=1.0, hidden=8):
    """The loss after each step of plain gradient descent."""
    rng = np.random.default_rng(0)
    W1, b1 = rng.normal(size=(2, hidden)), np.zeros(hidden)
    W2, b2 = rng.normal(size=(hidden, 1)), np.zeros(1)
    y_column = y[:, None]
    losses = []
    for _ in range(steps):
        dW1, db1, dW2, db2 = backward(X, y_column, W1, b1, W2, b2)
        W1 = W1 - learning_rate * dW1
        b1 = b1 - learning_rate * db1
        W2 = W2 - learning_rate * dW2
        b2 = b2 - learning_rate * db2
        losses.append(cross_entropy(y_column, forward(X, W1, b1, W2, b2)[1]))
    return losses


if ck.ready("01.4", backward):
    losses = train()
    ax = ck.plot.learning_curves(losses, log=True, title="Your gradients lead downhill")
    ax.set_xlabel("step");

# %% tags=["claim"]
assert losses[-1] < losses[0] / 50, "Your gradients lead downhill"

# %% [markdown] tags=["reason"]
# **Why the output's gradient is so simple.** $\partial L / \partial p$ has $p (1 - p)$ in its denominator, and the derivative of the
# sigmoid is $p (1 - p)$. They cancel, and $\delta_2 = (p - y) / n$ is left. With the squared error they would not cancel:
# where the network is sure of a wrong answer, $p (1 - p)$ is nearly 0, and it would hardly learn from its worst mistakes.
#
# **Why it is called efficient.** Finite differences need two forward passes for every single weight. Back-propagation gets
# the derivatives of all weights for about the price of two more passes, and that is what makes networks with millions of
# weights possible. Finite differences remain the test: if they agree at a few random places, a mistake in your formula is
# very unlikely.

# %% [markdown]
# ## Keras, step by step
#
# Keras writes the backward pass for you. Here is a single neuron, in six steps. It learns OR, which one neuron can do. In
# 01.5 you use the same steps for your own network.
#
# 1. `keras.Sequential([...])` builds a network from a list of layers. `keras.Input((2,))` says that a sample has 2 numbers;
#    `layers.Dense(1, activation="sigmoid")` is a layer of 1 unit, connected to everything before it.
# 2. `summary()` prints the layers and how many *parameters* (weights and biases) each has. In a shape, `None` stands for
#    the number of points, which is left open.
# 3. `compile` chooses the optimiser with its learning rate, the loss that training lowers, and the metrics to report.
# 4. `fit` trains. An *epoch* is one pass over the data; `batch_size` is how many points are used for one step. What it
#    returns holds the loss of every epoch in `.history`.
# 5. `evaluate` gives the loss and the metrics on points of your choice.
# 6. `predict` gives the output of the network, here a probability for each point, of shape (n, 1).
#
# Three choices make a training. The *architecture* says what the network can compute, the *loss* says what counts as wrong
# (it is also called the *objective*), and the *optimiser* says how the weights are changed. In Keras the first is the list of
# layers, and `compile` takes the other two. Nearly everything in this course changes one of the three.

# %%
y_or = (X.max(axis=1) > 0.5).astype(int)  # 1 where at least one input is near 1
neuron = keras.Sequential([keras.Input((2,)), layers.Dense(1, activation="sigmoid")])
neuron.summary()

# %%
neuron.compile(optimizer=keras.optimizers.SGD(1.0), loss="binary_crossentropy", metrics=["accuracy"])
neuron_history = neuron.fit(X, y_or, epochs=10, batch_size=20, verbose=0)
loss, accuracy = neuron.evaluate(X, y_or, verbose=0)
probabilities = neuron.predict(corners, verbose=0)
print(f"loss {neuron_history.history['loss'][0]:.2f} on average during the first epoch, {loss:.2f} now, accuracy {accuracy:.0%}")
print("probability of OR at the four corners:", probabilities.ravel().round(2))

# %% tags=["claim"]
assert accuracy > 0.95, "One neuron learns OR."

# %% [markdown]
# A list of layers is one way to describe a network. The *functional API* is the other: you call each layer on what comes
# before it, and then say where the network begins and ends. It can also describe networks that are not a simple chain.
# `get_weights` and `set_weights` copy weights from one network into another of the same form.

# %%
point = keras.Input((2,))
probability = layers.Dense(1, activation="sigmoid")(point)
same_neuron = keras.Model(point, probability)
same_neuron.set_weights(neuron.get_weights())
print("the same neuron:", same_neuron.predict(corners, verbose=0).ravel().round(2))

# %% [markdown] tags=["reason"]
# **Keras and its relatives.** François Chollet published Keras in 2015, as a simpler way to write networks for the library
# Theano. TensorFlow, which Google published late in the same year, soon became its main *backend*, the library that does the
# computing. Since version 3 (2023) Keras computes with TensorFlow, JAX or PyTorch. In PyTorch itself (published by Facebook
# in January 2017) you write the training loop: forward pass, loss, `loss.backward()`, one step of the optimiser; 07.2 is
# written in this way, with TensorFlow. Smaller libraries stand on top of these: Sonnet, by DeepMind, on TensorFlow; fast.ai,
# and LUMIN for particle physics, on PyTorch. A layer, a loss and an optimiser are the same things in all of them.

# %% [markdown]
# ## 01.5 · The same network in Keras, twice
#
# **Goal:** build 2 inputs → 8 tanh units → 1 sigmoid unit with `keras.Sequential` and with the functional API, and count
# its parameters.
#
# - `n_params`: the number of weights and biases, counted by you before Keras does. The neuron above had 2 weights and 1 bias.
# - `sequential`: compiled, and fitted on `X`, `y`; takes (n, 2), gives probabilities (n, 1). The optimiser
#   `keras.optimizers.Adam` with a learning rate of about 0.05 does well here. If you like to watch the loss while it falls,
#   hand `callbacks=[ck.widgets.LiveCurves()]` to `fit`.
# - `functional`: the same layers from the functional API, with the weights of `sequential`.

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

# %% [markdown]
# Compare your count with Keras's, in its table and as a picture. Boxes with something to learn are blue; below the name of a
# layer stand the shape that it gives, without the axis of the points, and its parameters. (Keras draws networks too, with
# `keras.utils.plot_model(model, "model.png", show_shapes=True)`. It needs the package pydot and the program Graphviz;
# `ck.plot.network` needs neither.)

# %%
if ck.ready("01.5", functional):
    functional.summary()
    ck.plot.network(functional)

# %% [markdown] tags=["reason"]
# **Which API to use, and what an activation is worth.** A list of layers is enough for a chain. The functional API gives
# names to the values in between, so that a layer can have two inputs or be used twice. The network itself is the same: with
# equal weights both give the same answers.
#
# If you forget the activation of the hidden layer, the two layers collapse into one, and the network is a perceptron with a
# sigmoid. Its loss stays near $\log 2 \approx 0.69$, which is the loss of answering 0.5 to everything. The figure in the
# solution shows this; you can see it for yourself by removing `activation="tanh"`.

# %% tags=["solution"]
straight = keras.Sequential([keras.Input((2,)), layers.Dense(8), layers.Dense(1, activation="sigmoid")])
straight.compile(optimizer=keras.optimizers.Adam(0.05), loss="binary_crossentropy")
without = straight.fit(X, y, epochs=30, batch_size=16, verbose=0)
fig, ax = plt.subplots(figsize=(6, 3.4))
ax.plot(range(1, 31), history.history["loss"], label="tanh in the hidden layer")
ax.plot(range(1, 31), without.history["loss"], "--", label="no activation")
ax.set(xlabel="epoch", ylabel="training loss", title="Without an activation the loss stays at log 2")
ax.legend();

# %% tags=["claim"]
assert 0.66 < without.history["loss"][-1] < 0.72, "Without an activation the loss stays near log 2"
assert history.history["loss"][-1] < 0.2, "With tanh the loss falls."

# %% [markdown]
# **A good place to stop.** You have written a network from the chain rule up. In session 3 networks give numbers instead of
# classes.

# %% [markdown]
# ## Session 3 of 4 · A network that gives a number
#
# About 39 minutes. What it needs: the cells above Session 1, and how a network is fitted with scikit-learn (01.3). You fit
# a surface, and watch the error on training and test points fall epoch by epoch.

# %% [markdown]
# ## 01.6 · A network that fits a surface
#
# **Goal:** fit an `MLPRegressor` to a noisy surface over a square.
#
# *Regression* means that the answer is a number and not a class. Two things change in the network: its output is the
# weighted sum itself, without a sigmoid, and the loss is the squared error. `MLPRegressor` has the same settings as
# `MLPClassifier`: `hidden_layer_sizes` (name this argument, it is not the first one), `activation`, `solver`, `max_iter`,
# `random_state`, and for the solver `"adam"` the learning rate `learning_rate_init`. Its `predict` gives numbers.
#
# `make_surface` draws points from $f(x_1, x_2) = \sin(2 x_1) \cos(x_2) + x_1 x_2 / 4$ on the square from −2 to 2, and adds
# Gaussian noise of standard deviation 0.1. We measure success by
# $R^2 = 1 - \frac{\text{mean squared error}}{\text{variance of the true values}}$: it is 1 for a perfect fit and 0 for a
# model that always answers the mean. The check takes values of the surface without noise. Measured against the noisy values
# of the test points, even the surface itself reaches only about 0.96.
#
# - `regressor`: fitted to `X_train`, `y_train`; takes (n, 2) and gives n numbers. How many units does a surface with
#   hills and valleys need? Try a few sizes.

# %%
X_all, y_all = ck.data.make_surface(n_samples=600, noise=0.1, seed=1)
X_train, y_train = X_all[:400], y_all[:400]
X_test, y_test = X_all[400:], y_all[400:]

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
if ck.ready("01.6", regressor):
    ck.plot.surface_fit(regressor.predict, ck.data.surface, X_train, title="The surface, the fit, and their difference")

# %%
flat = MLPRegressor(hidden_layer_sizes=(64, 64), activation="identity", random_state=seed)
flat.fit(X_train, y_train)
print(f"R² on the test points without an activation: {flat.score(X_test, y_test):.2f}")
if ck.ready("01.6", regressor):
    print(f"R² on the test points of your network:       {regressor.score(X_test, y_test):.2f}")

# %% tags=["claim"]
assert flat.score(X_test, y_test) < 0.1, "Without an activation the network can only tilt a plane, and R² is near 0."
grid = np.stack(np.meshgrid(np.linspace(-2, 2, 41), np.linspace(-2, 2, 41)), axis=-1).reshape(-1, 2)
apart = np.abs(regressor.predict(grid) - ck.data.surface(grid))
edge = np.abs(grid).max(axis=1) > 1.75
assert apart[edge].mean() > 1.3 * apart[~edge].mean(), "The error is largest near the border of the square."
noisy = 1 - np.mean((y_test - ck.data.surface(X_test)) ** 2) / np.var(y_test)
assert 0.955 < noisy < 0.965, "Against noisy values even the surface itself reaches only about 0.96."

# %% [markdown] tags=["reason"]
# **Where the fit is worst.** On average the errors are largest near the border of the square, above all in its corners. The
# right-hand picture shows this clearly for the ReLU network of the solution, and less clearly for some networks of tanh
# units. A point in the middle has neighbours on all sides. A point on the border has them on one side only, so that
# fewer data hold the surface in place.
#
# **Why the activation matters here too.** With `activation="identity"` two layers of 64 units are one weighted sum: they can
# only tilt a plane, and no plane fits hills and valleys, so $R^2$ is near 0.

# %% [markdown]
# ## 01.7 · The error, epoch by epoch
#
# **Goal:** record the mean squared error of a regressor on the training and on the test points after each epoch.
#
# One epoch is one pass over the training data. `fit` makes many and starts afresh each time; `partial_fit` makes exactly
# one and goes on from where the weights are. The mean squared error of $n$ points is
# $\frac{1}{n} \sum_i (\hat y_i - y_i)^2$, where $\hat y_i$ is the prediction; `mean_squared_error(truth, prediction)`
# computes it.
#
# - `epoch_model`: a fresh `MLPRegressor`, given. Train it on the training points for at least 100 epochs.
# - `train_mse`, `test_mse`: lists with one number per epoch, measured after that epoch.
#
# **Predict first:** the noise has the variance $0.1^2 = 0.01$. Can the training error fall below it? Can the test error?

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
if ck.ready("01.7", train_mse, test_mse):
    epochs = np.arange(1, len(train_mse) + 1)
    fig, ax = plt.subplots(figsize=(6, 3.6))
    ax.semilogy(epochs, train_mse, label="training points")
    ax.semilogy(epochs, test_mse, "--", label="test points")
    ax.axhline(0.01, color="black", linewidth=1, linestyle=":", label="variance of the noise")
    ax.set(xlabel="epoch", ylabel="mean squared error", ylim=(0.006, None))
    ax.set_yticks([0.01, 0.02, 0.05, 0.1], ["0.01", "0.02", "0.05", "0.1"])
    ax.minorticks_off()
    ax.set_title("Both errors fall towards the noise")
    ax.legend();

# %% tags=["claim"]
assert train_mse[-1] < train_mse[0] / 5 and test_mse[-1] < test_mse[0] / 5, "Both errors fall towards the noise"
assert min(test_mse) > 0.01, "The test error stays above the variance of the noise."
assert train_mse[-1] < test_mse[-1], "At the end the training error is below the test error."

# %% [markdown]
# Which of the two errors came closer to 0.01, or below it? Was that your prediction?

# %% [markdown] tags=["reason"]
# **How low can it go?** On points that it has not seen, no model can be expected to do better than the variance of the
# noise, 0.01, because the noise of a new point cannot be known. The training error has no such limit: the model has seen
# the noise of these very points, and if it trains for long enough it begins to memorise it. So sooner or later the
# training error lies below the test error. When it falls below 0.01 depends on the seed: with the solution's settings and
# 20 seeds, 8 networks were below it after 200 epochs and 15 after 600.
#
# **A trap.** scikit-learn keeps a list `loss_curve_` that looks like the training error and is something else: *half* the
# squared error plus a penalty on large weights, averaged while the weights are still changing.
#
# Here the test points only measure. If you used them to choose the number of epochs, they would be validation points, and you
# would need fresh ones for an honest test.

# %% tags=["solution"]
print(f"loss_curve_ ends at {epoch_model.loss_curve_[-1]:.4f}, the training error at {train_mse[-1]:.4f}")

# %% [markdown]
# **A good place to stop.** Session 4 asks which curves a hidden layer can draw at all, and goes back to a rule by which one
# of the first machines learned.

# %% [markdown]
# ## Session 4 of 4 · Any curve, and an early learning rule
#
# About 69 minutes. What it needs: the cells above Session 1, and `MLPRegressor`, the network of 01.6 that gives a number
# for each input. You build a curve from bent lines, and then let a perceptron learn by Rosenblatt's rule of 1958.

# %% [markdown]
# ## 01.8 · Any curve, from ReLUs
#
# **Goal:** add up six hinges to rebuild a curve, then let a network find its own.
#
# Which functions can a network with one hidden layer represent? For ReLU units the answer can be drawn. The function
# $\mathrm{ReLU}(x - k)$ is 0 to the left of the *kink* $k$ and rises with slope 1 to its right, like a hinge. A weighted sum
# of hinges is a line with corners:
#
# $$f(x) = c + \sum_j s_j \, \mathrm{ReLU}(x - k_j).$$
#
# The offset $c$ is the value at the left. Each $s_j$ is the *change* of the slope at the kink $k_j$. For example,
# $1 + 2\,\mathrm{ReLU}(x) - 3\,\mathrm{ReLU}(x - 1)$ starts at 1, rises with slope 2 up to $x = 1$, and falls with slope −1
# beyond, since $2 - 3 = -1$.
#
# With enough kinks such a line follows any continuous curve on an interval as closely as you like. This is the *universal
# approximation theorem* in one dimension: one hidden layer is enough, if it is wide enough. It holds for tanh and for the
# sigmoid too (Cybenko, 1989), and in any number of dimensions.
#
# - `relu_sum(x, kinks, slopes, offset)`: `x` (n,), `kinks` (k,), `slopes` (k,), `offset` a number; returns (n,). The array
#   `x[:, None] - kinks` has shape (n, k): every point against every kink.
# - `curve_model`: an `MLPRegressor` fitted to the 200 noisy points `x_curve`, `y_curve`; takes (n, 1), gives n numbers.
#   Here too scikit-learn wants a table: `x_curve[:, None]`. Remember from 01.3 which solver is accurate on few points.
#
# The six kinks and slopes are given: they belong to the straight lines between seven points of the true curve.

# %%
x_curve, y_curve = ck.data.make_curve(n_samples=200, noise=0.05, seed=0)
knots = np.array([0, 0.13, 0.32, 0.5, 0.68, 0.87, 1.0])
heights = ck.data.curve(knots)
kinks = knots[:-1]
slopes_of_the_pieces = np.diff(heights) / np.diff(knots)
slopes = np.diff(slopes_of_the_pieces, prepend=0)  # the changes of slope
offset = heights[0]

# %%
ck.expected("01.8")

# %%
def relu_sum(x, kinks, slopes, offset):
    """A line with corners: the offset plus weighted hinges."""
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
if ck.ready("01.8", relu_sum, curve_model):
    fits = {
        "six ReLUs": relu_sum(x_curve, kinks, slopes, offset),
        "learned": curve_model.predict(x_curve[:, None]),
    }
    ck.plot.curve_fit(x_curve, y_curve, fits, title="Six hinges, and a learned curve")

# %% [markdown]
# How wide must the layer be? **Predict first:** does the error halve whenever the width doubles? Then run the cell. The
# error is the root mean squared distance to the true curve, of a ReLU network with one hidden layer.

# %%
def error_of_width(width, start):
    """How far a fitted network of this width is from the true curve."""
    network = MLPRegressor(hidden_layer_sizes=(width,), solver="lbfgs", max_iter=2000, random_state=start)
    network.fit(x_curve[:, None], y_curve)
    grid = np.linspace(0, 1, 300)
    distance = network.predict(grid[:, None]) - ck.data.curve(grid)
    return np.sqrt(np.mean(distance**2))


widths = [1, 2, 4, 8, 16, 32, 64]
errors = [np.median([error_of_width(width, start) for start in range(5)]) for width in widths]
fig, ax = plt.subplots(figsize=(5.5, 3.2))
ax.loglog(widths, errors, "o-")
ax.axhline(0.05, color="black", linewidth=1, linestyle=":", label="noise of one point")
ax.set(xlabel="hidden units", ylabel="error (median of 5 seeds)")
ax.set_title("Wider is better, but not at every doubling")
ax.set_xticks(widths, widths)
ax.set_yticks([0.02, 0.05, 0.1, 0.2, 0.5], ["0.02", "0.05", "0.1", "0.2", "0.5"])
ax.minorticks_off()
ax.legend();

# %% tags=["claim"]
assert errors[0] > 0.3 and errors[3] < 0.15, "From 4 to 8 units the error falls steeply."
assert errors[1] / errors[2] < 1.3, "From 2 to 4 units it hardly changes."
assert errors[6] < errors[3] / 3 and errors[6] > 0.8 * errors[5], "Wider is better, but not at every doubling"
grid = np.linspace(0.02, 0.98, 300)
learned = np.sqrt(np.mean((curve_model.predict(grid[:, None]) - ck.data.curve(grid)) ** 2))
assert learned < 0.7 * errors[6], "The tanh network of the solution comes closer to the curve."

# %% [markdown]
# Was your prediction right? Look for the steps where doubling helps a lot, and for those where it does not help at all.

# %% [markdown] tags=["reason"]
# **Why the error falls, and why it stops.** No simple rule holds. Each new unit is one more place to bend. Up to four units
# training finds no good use for them; with eight the curve can follow both the hump and the dip, and the error drops steeply. From 32 to
# 64 units it hardly changes here. Both errors are smaller than the noise of one point, because the network averages over
# many. Nor are the data used up: from the same 200 points the 50 tanh units of the solution come closer to the curve,
# to about 0.01.
#
# **What universal approximation promises.** A wide enough layer *can* come as close as you like. The theorem does not say
# that training finds these weights, it does not say how many units it takes, and it says nothing about noise.

# %% [markdown]
# ## 01.9 · The perceptron learns by itself
#
# **Goal:** write the learning rule of the perceptron, and train it on OR, on AND and on XOR.
#
# One of the first networks that learned was Frank Rosenblatt's perceptron of 1958. Its rule needs no derivative, and could
# not use one, since the hard threshold is flat on both sides. It looks at one point $x$ with its label $y$ (0 or 1) at a
# time. The perceptron predicts $\hat y = 1$ where $w \cdot x + b > 0$, and $\hat y = 0$ everywhere else. Then
#
# $$w \leftarrow w + \eta \, (y - \hat y) \, x, \qquad b \leftarrow b + \eta \, (y - \hat y),$$
#
# where $\eta$ is the learning rate. If the point is right already, nothing changes. For example, with $w = (0, 0)$,
# $b = 0$, $\eta = 1$ and the point $x = (1, 2)$ of label 1, the prediction is 0. The new weights are $(1, 2)$ and the new
# bias is 1.
#
# - `perceptron_step(w, b, x, y, rate)`: one point; `w` and `x` have shape (d,), `b`, `y` and `rate` are numbers; returns
#   the new `w` and `b`. Leave the arrays that you were given as they are.
# - `train_perceptron(X, y, epochs)`: starts from zeros and goes through the rows of `X`, shape (n, d), in their order,
#   `epochs` times, with rate 1; returns `w` and `b`.

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
# **Predict first:** which of OR, AND and XOR will the perceptron have learned after 20 passes? Then draw the border that it
# found for OR. After that, replace the labels of OR by those of AND, and then by `xor`. The border may run through a corner:
# the sum is exactly 0 there, and the answer is 0, as on the pale blue side.

# %% tags=["picture-01.9"]
def label_learned(X):
    """The labels that the trained perceptron gives."""
    return (X @ w + b > 0).astype(int)


if ck.ready("01.9", perceptron_step, train_perceptron):
    labels = np.array([0, 1, 1, 1])  # OR
    w, b = train_perceptron(corners, labels, epochs=20)
    ck.plot.decision_boundary(label_learned, corners, labels, title="The border after 20 passes")

# %%
if ck.ready("01.9", perceptron_step, train_perceptron):
    fig, ax = plt.subplots(figsize=(5.5, 3))
    gates = (("OR", [0, 1, 1, 1], "o-"), ("AND", [0, 0, 0, 1], "s--"), ("XOR", [0, 1, 1, 0], "^-"))
    for name, labels, style in gates:
        corners_right = []
        for epochs in range(21):
            w, b = train_perceptron(corners, np.array(labels), epochs)
            corners_right.append(np.sum((corners @ w + b > 0) == labels))
        ax.plot(corners_right, style, markersize=9 if name == "OR" else 5, label=name)
    ax.set(xlabel="passes", ylabel="corners right", ylim=(-0.2, 4.2), xticks=range(0, 21, 5))
    ax.set_title("OR and AND are learned, XOR is not")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1));

# %% tags=["claim"]
right = {}
for name, labels in (("OR", [0, 1, 1, 1]), ("AND", [0, 0, 0, 1]), ("XOR", [0, 1, 1, 0])):
    found = [train_perceptron(corners, np.array(labels), epochs) for epochs in range(21)]
    right[name] = [np.sum((corners @ w + b > 0) == labels) for w, b in found]
assert right["OR"][5:] == right["AND"][5:] == 16 * [4], "OR and AND are learned"
assert max(right["XOR"]) < 4, "XOR is not"

# %% [markdown]
# Which of the three did you expect to fail?

# %% [markdown] tags=["reason"]
# **Why XOR never settles.** Where a line exists that separates the classes, the rule finds one after a finite number of
# mistakes (Novikoff, 1962). For XOR there is no such line, so in every pass at least one corner is wrong and moves the line
# again. The rule does not settle for a line that is merely as good as possible either: here it ends each pass with two
# corners right, although a line with three exists. Minsky and Papert made this limit famous in 1969; what was missing was a
# way to train a hidden layer. You wrote it in 01.4.

# %% tags=["claim"]
assert right["XOR"][1:] == 20 * [2], "Here it ends each pass with two corners right."

# %% [markdown]
# ## How neural networks came, went, and came back
#
# - **1943.** A nerve cell receives signals from others at its *synapses*; some excite it, some hold it back. When they add up
#   to more than a threshold, it sends a pulse along its *axon* to the next cells. Warren McCulloch and Walter Pitts keep the
#   sum and the threshold, leave out the chemistry, and show that such units, put together, can compute any statement of
#   logic. Nothing learns yet: the connections are chosen, as your weights were in 01.2.
# - **1958.** Frank Rosenblatt lets the weights learn, by the rule of 01.9, at first in a program on an IBM 704. His own
#   machine follows in 1960: the Mark I Perceptron looks through 20 by 20 light sensors, and its weights are resistors that
#   are turned by electric motors.
# - **1969.** Marvin Minsky and Seymour Papert prove what a single layer cannot do; XOR is the smallest example. Networks of
#   several layers could, but no one knows a good way to train them, and interest and money go elsewhere: a first *winter*.
# - **1986.** David Rumelhart, Geoffrey Hinton and Ronald Williams show what back-propagation can do. Others had found it
#   before, Paul Werbos in his thesis of 1974 among them. Networks read postcodes soon after, but deep ones are hard to train,
#   and in the 1990s other methods, such as support vector machines, do better on many tasks: a second winter.
# - **2006.** Hinton, Simon Osindero and Yee-Whye Teh train a *deep belief net* one layer at a time, most of it without
#   labels, and then all layers together. Depth is possible. The trick itself is hardly used any more: ReLUs, better first
#   weights, more data and graphics cards have made it unnecessary.
# - **2012.** A convolutional network wins the ImageNet competition by a wide margin. The rest of this course is what followed.

# %% [markdown]
# ## What did you observe?
#
# 1. Why did a network that could represent XOR not always learn it?
# 2. In 01.7, what does it mean when the training error goes on falling and the test error does not?
# 3. What would the learned curve of 01.8 do outside the interval from 0 to 1?
#
# <details><summary>Answers</summary>
#
# 1. Whether weights exist is a question of representation. Whether descent from a random start reaches them is a question of
#    training. With two units many starts end in a valley that is not the solution; spare units nearly always leave a way
#    out.
# 2. The network has begun to fit the noise of the training points, which says nothing about new points.
# 3. At first it goes on in about the direction in which it left the data: the tanh networks of the solution reach 5 to 8 at
#    $x = 2$, although no data point is above 1.3. Only far away does a tanh network flatten out, and a ReLU network, which may
#    have kinks outside the interval too, becomes a straight line. Neither knows that the curve is a wave: a network
#    interpolates between its data, and what it does beyond them is an accident.
#
# </details>
#
# ## Go further
#
# - Replace tanh by ReLU in 01.4. What is the derivative at 0, and does it matter?
# - Parity of three bits is 1 when an odd number of the bits is 1. How many hidden units does it take by hand?
# - Plot the loss of 01.4 over two of the weights with `ck.plot.loss_surface`. Can you find a flat region?
#
# ## Summary
#
# One neuron draws one line. A hidden layer with a non-linear activation moves the points so that one line is enough.
# Back-propagation is the chain rule, applied from the loss backwards, and finite differences test it. More hidden units
# widen what a network can represent, and they make training more reliable.
#
# This is the end of the notebook and a good place to stop. In notebook 02 you look at the borders that classifiers draw.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - McCulloch, W. S., Pitts, W. (1943). A logical calculus of the ideas immanent in nervous activity. *Bulletin of
#   Mathematical Biophysics*, 5, 115–133.
# - Rosenblatt, F. (1958). The perceptron: a probabilistic model for information storage and organization in the brain.
#   *Psychological Review*, 65, 386–408.
# - Novikoff, A. B. J. (1962). On convergence proofs on perceptrons. *Symposium on the Mathematical Theory of Automata*, 12,
#   615–622.
# - Minsky, M., Papert, S. (1969). *Perceptrons*. MIT Press.
# - Rumelhart, D. E., Hinton, G. E., Williams, R. J. (1986). Learning representations by back-propagating errors.
#   *Nature*, 323, 533–536.
# - Cybenko, G. (1989). Approximation by superpositions of a sigmoidal function. *Mathematics of Control, Signals and
#   Systems*, 2, 303–314.
# - Hinton, G. E., Osindero, S., Teh, Y.-W. (2006). A fast learning algorithm for deep belief nets. *Neural Computation*, 18,
#   1527–1554.
# - Krizhevsky, A., Sutskever, I., Hinton, G. E. (2012). ImageNet classification with deep convolutional neural networks.
#   *Advances in Neural Information Processing Systems*, 25.
# - Goodfellow, I., Bengio, Y., Courville, A. (2016). *Deep Learning*, chapter 6. MIT Press.
