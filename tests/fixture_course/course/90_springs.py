# %% [markdown]
# # 90 · Springs
#
# The course of the grader's tests. Small exercises, which are over in milliseconds.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0, keras=False)

import matplotlib.pyplot as plt
import numpy as np

# %% [markdown]
# ## Look at the data

# %%
mass, length = ck.data.make_spring(n_samples=40, noise=0.6, seed=0)  # kg, cm

# %% [markdown]
# ## 90.1 · A line, and how wrong it is
#
# **Goal:** write two functions.
#
# - `line(x, w, b)`: gives `w * x + b`.
# - `loss(y, prediction)`: gives the mean of the squared differences.

# %%
ck.expected("90.1")

# %%
def line(x, w, b):
    """The points of a line."""
    # [solution]
    return w * x + b
    # [stub]
    # return ...
    # [end]


# %%
def loss(y, prediction):
    """The mean squared error."""
    # [solution]
    return np.mean((prediction - y) ** 2)
    # [stub]
    # return ...
    # [end]


# %%
ck.check("90.1", line=line, loss=loss)

# %%
# ck.hint("90.1")

# %% [markdown]
# ## 90.2 · Numbers, words and a model
#
# **Goal:** three answers that are no functions.
#
# - `shift`: the lengths less their mean, shape (40,).
# - `words`: a dict, "stiff" and "soft" -> "steep" or "flat", the line of length against mass.
# - `model`: any scikit-learn model of `length` from `mass`, its input of shape (n, 1).

# %%
ck.expected("90.2")

# %%
# [solution]
shift = length - length.mean()
words = {"stiff": "flat", "soft": "steep"}
# [stub]
# shift = ...
# words = ...
# [end]

# %%
# [solution]
from sklearn.linear_model import LinearRegression

model = LinearRegression().fit(mass[:, None], length)
# [stub]
# model = ...
# [end]

# %%
ck.check("90.2", shift=shift, words=words, model=model)

# %%
# ck.hint("90.2")

# %%
if model is not ...:
    fig, ax = plt.subplots(figsize=(3, 2))
    ax.plot(mass, length, "o")
    ax.plot(np.sort(mass), model.predict(np.sort(mass)[:, None]))

# %% [markdown]
# ## 90.3 · Portions, and a soft step
#
# **Goal:** two functions that go wrong more easily.
#
# - `portions(n, size, seed)`: a list of index arrays that hold each of 0 … n − 1 once, in an order that `seed` decides;
#   each has `size` entries, the last may have fewer.
# - `sigmoid(z)`: 1 / (1 + exp(−z)), for z = ±1000 too.

# %%
ck.expected("90.3")

# %%
def portions(n, size, seed):
    """The indices 0 to n - 1, shuffled and cut."""
    # [solution]
    order = np.random.default_rng(seed).permutation(n)
    return [order[i : i + size] for i in range(0, n, size)]
    # [stub]
    # return ...
    # [end]


# %%
def sigmoid(z):
    """The soft step."""
    # [solution]
    e = np.exp(-np.abs(z))
    return np.where(np.asarray(z) >= 0, 1, e) / (1 + e)
    # [stub]
    # return ...
    # [end]


# %%
ck.check("90.3", portions=portions, sigmoid=sigmoid)

# %%
# ck.hint("90.3")

# %% [markdown] tags=["solution"]
# **A trap.** `1 / (1 + np.exp(-z))` overflows at z = −1000.
