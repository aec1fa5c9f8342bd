# %% [markdown]
# # A playground for small networks
#
# Choose data, features, layers; press Train; watch. There is nothing to hand in. Every picture is the plane of the two
# inputs: the large one shows the output and the border, each small one what a hidden unit gives.
#
# About 20 min · it trains in your browser, no GPU

# %%
import coursekit as ck

# %% [markdown]
# ## Circles
#
# Press Train, and look at the small pictures. The units of the first layer cut the plane by straight lines. The second
# layer puts the cuts together.

# %%
play = ck.widgets.Playground(dataset="circles", hidden=[8, 8])
play

# %% [markdown]
# ## Try it
#
# 1. Take away the hidden layers. Which data set does the network do best on now? Add the feature `x1*x2`, and try XOR.
# 2. Circles with one hidden layer: how few units are enough? Why is it not two?
# 3. Set the activation to linear, with two layers of eight. What does the border look like, and why?
# 4. Spirals, with the learning rates 0.001, 0.1 and 0.3: what does the loss do?
# 5. Raise L2 on the moons, step by step. What happens to the border, and to the colours of the large picture?
#
# <details><summary>Answers</summary>
#
# 1. The moons, and even those not without errors: one output is one straight line. On XOR the sign of `x1*x2` is the
#    answer, so that this one feature is enough.
# 2. Three lines are the fewest that enclose a region of the plane; two leave it open.
# 3. Straight. Linear layers one after the other are one linear layer.
# 4. It falls slowly, then fast, then not at all: steps that are too large jump over every valley.
# 5. The border becomes smoother, at last straight, and the colours fade: small weights keep the output near 1/2.
#
# </details>

# %% [markdown]
# ## Your own points
#
# Draw two classes. On the keyboard, arrows move the cross, and space puts a point.

# %%
pad = ck.widgets.PointPad()
pad

# %%
ck.widgets.Playground(pad.X, pad.y, hidden=[6, 4])  # run this cell again after you have drawn

# %% [markdown]
# What the page last reported stands in `play.result`, and your points in `pad.X` and `pad.y`, for any classifier.

# %%
play.result
