# %% [markdown]
# # 08 · When the data is a graph
#
# Some data has links but no order: friends who talk to each other, the atoms of a molecule. Some has not even links: the
# particles of a collision. In this notebook you build networks that read such data as it is.
#
# About 189 minutes in 3 sessions · CPU about 15 s · GPU optional
#
# **Before you start** you should know matrix products in NumPy and the functional API of Keras (notebook 01).
#
# ## You will learn
#
# - how nodes pass messages along edges, first as a matrix product, then as a layer that you write yourself;
# - how a network can label 34 people when it knows the labels of only two;
# - how to build a network that does not notice the order of its inputs, and how to test that it does not;
# - how edges carry numbers of their own, and how one block updates edges, nodes and the graph as a whole.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported, so that TensorFlow's start-up messages stay hidden

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops

# %% [markdown]
# ## Look at the data
#
# A graph consists of **nodes** and **edges**; each edge joins two nodes. Our first graph is small: seven people, with an
# edge between any two who talk to each other. An array of shape (8, 2) holds the edges, one pair of nodes per row. The
# order of the rows means nothing, and neither does the order within a pair. The numbers of the nodes are only names.

# %%
friends = np.array([(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (4, 5), (4, 6), (5, 6)])
fig, ax = plt.subplots(figsize=(4.5, 2))
ck.plot.graph(friends, ax=ax, title="Seven people, eight edges");

# %% [markdown]
# ## Session 1 of 3 · Messages, and two labels for a whole club
#
# About 77 minutes. You need the cells above, and nothing from sessions 2 and 3. You write one round of messages, turn it into a
# layer, and use two such layers to label the members of a club.

# %% [markdown]
# ## Predict before you run
#
# Person 0 starts a rumour. In each round, everybody tells all their neighbours what they have heard so far. Write down how
# many people know it after one round and after two (count person 0 too). How many rounds does it take until person 6 knows?

# %% [markdown]
# ## 08.1 · Messages along the edges
#
# **Goal:** write one round of messages, first in NumPy, then as a layer of your own.
#
# Each node $i$ holds some numbers, its **state** $h_i$. The **adjacency matrix** $A$ has $A_{ij} = 1$ where an edge joins
# nodes $i$ and $j$, and 0 elsewhere. We also give every node an edge to itself, a **self-loop** ($A_{ii} = 1$), so that it
# does not forget its own state. The **degree** $d_i$ of node $i$ is the sum of its row: the number of its neighbours, plus
# one for itself. In one round, each node replaces its state by the mean over its neighbours and itself:
#
# $$h_i \leftarrow \frac{1}{d_i} \sum_j A_{ij}\, h_j, \qquad d_i = \sum_j A_{ij}$$
#
# - `adjacency(edges, n_nodes)`: `edges` holds whole numbers, shape (m, 2); returns $A$, shape (n, n), with both directions of
#   every edge and the self-loops.
# - `mean_matrix(A)`: returns the matrix $M$, shape (n, n), for which `M @ H` takes these means. Each of its rows adds up to 1.
# - `heard_of(A, rounds)`: returns booleans, shape (n, n). Row $i$, column $j$ is True if a rumour that started at $j$ has
#   reached $i$ after that many rounds. After 0 rounds, a rumour is known only where it started.
# - `GraphLayer(units, activation)`: a Keras layer, described below.
#
# **A layer of your own.** A Keras layer is a class with two methods. `__init__` creates what belongs to the layer, such as
# other layers with their weights; `call` says what happens to the input. This one adds the output of a `Dense` layer to its
# input, so `units` must be the size of the input. `**kwargs` hands on to Keras what else is given, such as a name:
#
# ```python
# class Shortcut(layers.Layer):
#     def __init__(self, units, **kwargs):
#         super().__init__(**kwargs)
#         self.dense = layers.Dense(units)   # made once, so that its weights are kept
#
#     def call(self, inputs):
#         return inputs + self.dense(inputs)
# ```
#
# Inside `call`, use the functions of `keras.ops`; they work like NumPy's (`ops.matmul`, `ops.sum`, ...), and Keras can
# differentiate them.
#
# Your `GraphLayer` is called on a list `[features, graph]`: the features of the nodes, shape (b, n, k), for b graphs at
# once, and one matrix for each graph, shape (b, n, n). It passes the features through a `Dense` layer with `units` units
# (weights and a bias), lets the matrix mix the nodes (`ops.matmul`), and then applies the activation. The result has shape
# (b, n, units). (Some programs mix first and add the bias afterwards; the check accepts that as well.)

# %%
ck.expected("08.1")

# %%
def adjacency(edges, n_nodes):
    """Ones for each edge, in both directions, and on the diagonal."""
    # [solution]
    A = np.eye(n_nodes)
    A[edges[:, 0], edges[:, 1]] = 1
    A[edges[:, 1], edges[:, 0]] = 1
    # [stub]
    # A = ...
    # [end]
    return A


def mean_matrix(A):
    """The matrix that takes the mean over the neighbours."""
    # [solution]
    return A / A.sum(axis=1, keepdims=True)
    # [stub]
    # return ...
    # [end]


# %%
def heard_of(A, rounds):
    """Who has heard of whom, shape (n, n)."""
    # [solution]
    H = np.eye(len(A))  # everybody knows of themselves
    for _ in range(rounds):
        H = mean_matrix(A) @ H
    return H > 0
    # [stub]
    # return ...
    # [end]


# %%
@keras.saving.register_keras_serializable("course")  # lets Keras save and load the layer
class GraphLayer(layers.Layer):
    """A dense layer for each node, and one round of messages."""

    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)  # the function of this name; for None it changes nothing
        # [solution]
        self.dense = layers.Dense(units)
        # [stub]
        # self.dense = ...
        # [end]

    def call(self, inputs):
        features, graph = inputs
        # [solution]
        return self.activation(ops.matmul(graph, self.dense(features)))
        # [stub]
        # return ...
        # [end]


# %%
ck.check("08.1", adjacency=adjacency, mean_matrix=mean_matrix,
         heard_of=heard_of, GraphLayer=GraphLayer)

# %%
# ck.hint("08.1")  # take the first # away and run this line for a hint; run it again for the next

# %% [markdown]
# How many people know the rumour after each round? Compare with your prediction.

# %% tags=["picture-08.1"]
if ck.ready("08.1", adjacency, mean_matrix, heard_of):
    A = adjacency(friends, 7)
    fig, axs = plt.subplots(1, 5, figsize=(13, 2))
    for rounds, ax in enumerate(axs):
        knows = np.asarray(heard_of(A, rounds))[:, 0] > 0
        title = f"round {rounds}: known to {knows.sum()}"
        ck.plot.graph(friends, knows, ax, highlight=[0], title=title)
    fig.suptitle("The rumour of person 0, round by round");

# %% [markdown] tags=["reason"]
# **Why a matrix product is a round of messages.** Row $i$ of $A H$ adds up the states of exactly those nodes that have an
# edge to node $i$. A product with a weight matrix, on the other hand, changes what each node says. A graph network
# alternates the two. With two layers a node hears from nodes at most two edges away; person 6, four edges away from person
# 0, hears the rumour in the fourth round.
#
# **Why the mean and not the sum?** With the plain sum, `A @ H`, positive numbers grow in every round, here about threefold,
# and become largest at the nodes with many neighbours. Means stay within the range of the first values.

# %% tags=["solution"]
state = np.ones((7, 1))
for _ in range(10):
    state = A @ state
print("sums after ten rounds: ", state.ravel().astype(int))
print("means after ten rounds:", (np.linalg.matrix_power(mean_matrix(A), 10) @ np.ones(7)).round(3))

# %% [markdown] tags=["reason"]
# **What goes wrong without self-loops.** Two people who talk only to each other would swap their states in every round, for
# ever, and never combine them.

# %% tags=["solution"]
pair = np.array([[0.0, 1.0], [1.0, 0.0]])
for rounds in range(4):
    print(f"round {rounds}: {np.linalg.matrix_power(pair, rounds) @ np.array([5.0, 9.0])}")

# %% [markdown]
# ## 08.2 · A whole club, and two labels
#
# **Goal:** train a graph network that finds out who went with whom.
#
# From 1970 to 1972, Wayne Zachary observed a karate club of 34 members and wrote down which of them met outside the club:
# 78 pairs. Then the instructor (member 0) and the administrator (member 33) fell out over the price of the lessons, and the
# club split in two. Who went with whom? Your network gets the edges and two labels: the instructor's, 0, and the
# administrator's, 1. The other 32 labels stay hidden until the network is judged. **Predict:** how many of the 32 will it
# get right?

# %%
club, faction = ck.data.load_karate_club()  # edges, shape (78, 2), and labels, shape (34,)
print(f"{len(club)} edges; {np.sum(faction == 0)} went with the instructor, {np.sum(faction == 1)} did not")

# %% [markdown]
# Instead of taking the mean, Kipf and Welling divide by the square roots of both degrees:
# $\hat A_{ij} = A_{ij} / \sqrt{d_i d_j}$. This matrix is symmetric: a message counts the same in both directions. Two of
# your layers, with $\hat A$ as their matrix, form a **graph convolutional network** (GCN). All that we know of a member is
# their number, so the features of member $i$ are a one-hot vector: all 34 of them together are the identity matrix.
#
# - `normalise(A)`: takes $A$ with its self-loops, shape (n, n), and returns $\hat A$, shape (n, n).
# - `known`: shape (34,); 1 for a member whose label the training may use, 0 for the others. It is the weight of each member
#   in the loss.
# - `gcn`: a trained `keras.Model`, called on `[features, graph]`, both of shape (1, 34, 34), because there is one graph. It
#   returns the probabilities of both labels, shape (1, 34, 2). It has two graph layers: 16 units with tanh, then 2 units
#   with softmax. The second is called on `[hidden, graph]`: the output of the first, and the same graph once more.
#
# **A model with two inputs** is built from a list, and fitted on a list:
#
# ```python
# inputs = [keras.Input((None, 3)), keras.Input((None, None))]   # None: any number of nodes
# model = keras.Model(inputs, SomeLayer()(inputs))
# model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
# model.fit([features, graph], labels, sample_weight=weights, epochs=30, verbose=0)
# ```
#
# `sparse_categorical_crossentropy` takes labels as whole numbers. `sample_weight` multiplies the loss of each member; a
# weight of 0 keeps a label out of the training. As there is one graph, every array needs a first axis of length 1:
# `faction[None]` has shape (1, 34), and so has `known[None]`. Thirty epochs of Adam with a learning rate of 0.02 are enough.

# %%
ck.expected("08.2")

# %%
def normalise(A):
    """The adjacency matrix over the square roots of both degrees."""
    # [solution]
    degree = A.sum(axis=1)
    return A / np.sqrt(np.outer(degree, degree))
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
known = np.zeros(34)
known[[0, 33]] = 1
# [stub]
# known = ...
# [end]

# %%
# [solution]
features, graph = np.eye(34)[None], normalise(adjacency(club, 34))[None]
inputs = [keras.Input((None, 34)), keras.Input((None, None))]
hidden = GraphLayer(16, "tanh")(inputs)
gcn = keras.Model(inputs, GraphLayer(2, "softmax")([hidden, inputs[1]]))
gcn.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
gcn.fit([features, graph], faction[None], sample_weight=known[None], epochs=30, verbose=0);
# [stub]
# gcn = ...
# [end]

# %%
ck.check("08.2", normalise=normalise, known=known, gcn=gcn)

# %%
# ck.hint("08.2")

# %% [markdown]
# The network as a picture: the graph, the second input, goes into both layers.

# %%
if ck.ready("08.2", gcn):
    ck.plot.network(gcn)

# %% [markdown]
# The colour of a node shows what the network believes; its shape shows what really happened: circles went with the
# instructor, squares with the administrator. The two nodes with a thick rim are those whose labels the network was given.

# %%
def beliefs(model):
    """The probability of label 1 for each member, shape (34,)."""
    graph = normalise(adjacency(club, 34))
    return np.asarray(model([np.eye(34)[None], graph[None]]))[0, :, -1]


# %% tags=["picture-08.2"]
if ck.ready("08.2", adjacency, normalise, gcn):
    title = "What the network believes, from two labels"
    ck.plot.graph(club, beliefs(gcn), truth=faction, highlight=[0, 33], label="probability of label 1", title=title)

# %% tags=["solution"]
believed = beliefs(gcn)
wrong = np.flatnonzero((believed > 0.5) != faction)
print(f"{34 - len(wrong)} of 34 right; wrong: {wrong}")
unsure = np.argsort(np.abs(believed - 0.5))[:4]
print("least sure:", ", ".join(f"member {i} ({believed[i]:.2f})" for i in unsure))

# %% tags=["claim"]
assert 8 in wrong and believed[8] > 0.8, "Of member 8 the network is sure, and wrong."
assert len(wrong) <= 3, "At most three of the 34 members are placed wrongly."

# %% [markdown] tags=["reason"]
# **Why two labels are enough.** The loss looks at two members only, but the state of each mixes the states of their
# neighbours and of the neighbours of those. To label the instructor 0, the network has to learn that his friends point to 0
# as well; the same holds for the administrator.
#
# **Member 8** is the one of whom the network is sure, and wrong: most of his friends, the administrator among them, were on
# the other side, but he went with the instructor because he was three weeks away from the test for his black belt (Zachary,
# 1977). No edge knows that.
#
# **What goes wrong without edges.** Train the same network on a graph without edges, and each member hears only themselves.
# The network memorises the two labels and has nothing to say about the others. What it answers for them is left to chance:
# on average about half of the 32 come out right, in a single run perhaps 12 or 20.

# %% tags=["solution"]
alone = keras.models.clone_model(gcn)
alone.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
no_edges = np.eye(34)[None]
alone.fit([features, no_edges], faction[None], sample_weight=known[None], epochs=30, verbose=0)
guess = np.asarray(alone([features, no_edges]))[0].argmax(axis=1)
unknown = known == 0
share_alone = np.mean(guess[unknown] == faction[unknown])
share_with_edges = np.mean((believed > 0.5)[unknown] == faction[unknown])
print(f"of the 32 unknown labels, {share_alone:.0%} are right without edges, {share_with_edges:.0%} with edges")

# %% tags=["claim"]
assert 0.2 < share_alone < 0.8, "Without edges about half of the labels come out right."

# %% [markdown] tags=["reason"]
# **Why not thirty layers?** Every round mixes the states of neighbours. Mixtures of mixtures become more and more alike,
# until the states of all members are nearly the same. Take the one-hot vectors as first states, and the means of 08.1 in
# each round: at the start the state of a member is on average 0.99 away from the mean of all, after 2 rounds 0.24, after 8
# rounds 0.08, after 30 rounds 0.006. This is called **oversmoothing**, and it is one reason why graph networks are usually
# shallow.

# %% tags=["solution"]
smooth = mean_matrix(adjacency(club, 34))
for rounds in (0, 1, 2, 8, 30):
    states = np.linalg.matrix_power(smooth, rounds)  # the first states are the one-hot vectors
    apart = np.linalg.norm(states - states.mean(axis=0), axis=1).mean()
    print(f"{rounds:>2} rounds: the state of a member is {apart:.3f} away from the mean of all")

# %% tags=["claim"]
assert apart < 0.01, "After 30 rounds of means the states of all members are nearly the same."

# %% [markdown]
# This is the end of session 1, and a good place to stop. In session 2 the data has no edges at all.

# %% [markdown]
# ## Session 2 of 3 · Sets, in which order means nothing
#
# About 49 minutes. You need the setup cell at the top, and no code from session 1; its two boxes on layers and on models with two
# inputs (in 08.1 and 08.2) are worth reading first. You build a network that reads sets of
# particles, and test that it does not notice their order.

# %% [markdown]
# ## 08.3 · Particles have no order
#
# **Goal:** build a network for sets of particles that does not notice their order, and test it by permutation.
#
# A heavy particle at rest decays into two bodies or into three. Each body breaks up into fragments, and the fragments are
# all that a detector sees: 6 to 12 momenta with three components each. The unit is chosen so that, of two bodies, each has a
# momentum of length 1; the fragments of a body share its momentum between them. Were there two bodies (label 0) or three
# (label 1)? The number of fragments does not tell, but their directions do. One decay with
# its fragments is called an **event**; from here on, the particles of an event are its fragments. Events with fewer than 12
# of them are padded with zeros; a **mask** has 1 where there is a fragment and 0 where there is padding.

# %%
particles, mask, label = ck.data.make_decays(n_samples=6000, seed=1)
particles.shape, mask.shape, label.shape

# %%
fig, axs = plt.subplots(1, 4, figsize=(10, 2.8))
flat = np.abs(particles[:, :, 2]).max(axis=1) < 0.12  # events that lie nearly in the plane of the picture
two_bodies, three_bodies = np.flatnonzero(flat & (label == 0)), np.flatnonzero(flat & (label == 1))
for ax, event in zip(axs, [*two_bodies[:2], *three_bodies[:2]]):
    px, py, _ = particles[event].T
    start = np.zeros(12)  # all arrows start at the origin
    ax.quiver(start, start, px, py, angles="xy", scale_units="xy", scale=1, width=0.01)
    ax.set(xlim=(-0.8, 0.8), ylim=(-0.8, 0.8), aspect="equal", xlabel="$p_x$")
    ax.set_title(f"{2 + label[event]} bodies, {mask[event].sum():.0f} fragments", fontsize=10)
axs[0].set_ylabel("$p_y$")
fig.suptitle("Two bodies fly back to back; three do not");

# %% [markdown]
# **Predict:** a plain network reads the 36 numbers of an event in the order in which they come. If you shuffle the fragments
# of an event, by how much will its answer, a probability, move on average?
#
# A sum does not depend on the order of its terms. The **deep sets** of Zaheer and others (2017) use this: one small network
# $\varphi$ looks at each particle by itself, the results are added up, and another network $\rho$ reads the sum:
#
# $$f(x_1, \ldots, x_n) = \rho\left(\sum_i m_i\, \varphi(x_i)\right)$$
#
# $x_i$ is the momentum of particle $i$, and the mask $m_i$ keeps padding out of the sum. Without it even padding with zeros
# would count, because $\varphi(0)$ is not 0 when the layers have biases.
#
# - `shuffle_particles(particles, mask, seed)`: takes particles (n, p, 3) and mask (n, p). Returns both with the p rows of each
#   event, padding included, in a new random order that `seed` decides. Each event gets an order of its own, different from
#   that of the others. Each mask entry stays with its particle, and the original arrays stay as they are.
# - `MaskedSum`: a layer that takes `[states, mask]`, of shapes (n, p, units) and (n, p), and returns the sum over the particles
#   that are there, shape (n, units). It is a part of your network; the check looks at what the whole network does.
# - `set_model`: a trained `keras.Model`, called on `[particles, mask]`. Returns the probability of label 1, shape (n, 1). It
#   has to work for any number p of rows: `keras.Input((None, 3))` and `keras.Input((None,))`.
#
# **Some tools.** A `layers.Dense` on an array of shape (n, p, 3) treats all p rows alike, so it can serve as $\varphi$.
# (If you know convolutions, from notebook 04: it is a 1×1 convolution, with the same weights at every particle and no
# neighbours. With equal weights `layers.Conv1D(64, 1)` computes what `layers.Dense(64)` does.) `mask[:, :, None]` has
# shape (n, p, 1) and multiplies every unit of a particle by the same number. `ops.sum(x, axis=1)` adds up
# over the particles. To reorder each row of a table by itself, sort random numbers:
#
# ```python
# table = np.array([[10, 20, 30, 40], [50, 60, 70, 80]])
# order = np.random.default_rng(0).random((2, 4)).argsort(axis=1)   # in each row the numbers 0 to 3, in a random order
# np.take_along_axis(table, order, axis=1)
# ```
#
# `np.take_along_axis` moves whole momenta once the order has a third axis of length 1.
#
# Two layers of 64 units for $\varphi$ and one for $\rho$, all with ReLU, and then one sigmoid unit are enough. Train with
# `"binary_crossentropy"`, `keras.optimizers.Adam(0.005)` and batches of 128 for about 15 epochs on `particles`, `mask` and `label`.

# %%
ck.expected("08.3")

# %%
def shuffle_particles(particles, mask, seed):
    """Each event with its particles in a new order."""
    # [solution]
    order = np.random.default_rng(seed).random(mask.shape).argsort(axis=1)  # new for each event
    particles = np.take_along_axis(particles, order[:, :, None], axis=1)
    mask = np.take_along_axis(mask, order, axis=1)
    # [stub]
    # particles, mask = ..., ...
    # [end]
    return particles, mask


# %%
@keras.saving.register_keras_serializable("course")  # lets Keras save and load the layer
class MaskedSum(layers.Layer):
    """The sum over the particles that are there, (n, p, units) and (n, p) to (n, units)."""

    def call(self, inputs):
        states, mask = inputs
        # [solution]
        return ops.sum(states * mask[:, :, None], axis=1)
        # [stub]
        # return ...
        # [end]


# %%
# [solution]
inputs = [keras.Input((None, 3)), keras.Input((None,))]
states = layers.Dense(64, activation="relu")(inputs[0])
states = layers.Dense(64, activation="relu")(states)
event = layers.Dense(64, activation="relu")(MaskedSum()([states, inputs[1]]))
set_model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(event))
set_model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["accuracy"])
curves = ck.widgets.LiveCurves()
set_model.fit([particles, mask], label, epochs=15, batch_size=128, verbose=0, callbacks=[curves]);
# [stub]
# set_model = ...
# [end]

# %%
ck.check("08.3", shuffle_particles=shuffle_particles, set_model=set_model)

# %%
# ck.hint("08.3")

# %% [markdown]
# Now the test: make 1,000 new events, shuffle the particles of each, and see how much the answers change. Beside your
# network stands the plain one of the prediction above. What had you predicted?

# %%
def plain_network():
    """A network that sees the order: the rows of an event stand one after the other."""
    model = keras.Sequential([
        keras.Input((12, 3)),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(64, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ])
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy")
    return model


# %%
fresh, fresh_mask, fresh_label = ck.data.make_decays(n_samples=1000, seed=2)
if ck.ready("08.3", shuffle_particles, set_model):
    shuffled, shuffled_mask = shuffle_particles(fresh, fresh_mask, seed=3)
    plain = plain_network()
    plain.fit(particles, label, epochs=15, batch_size=128, verbose=0)
    before = {
        "plain network": np.ravel(plain(fresh)),
        "set network": np.asarray(set_model([fresh, fresh_mask]))[:, -1],
    }
    after = {
        "plain network": np.ravel(plain(shuffled)),
        "set network": np.asarray(set_model([shuffled, shuffled_mask]))[:, -1],
    }

# %% tags=["picture-08.3"]
if ck.ready("08.3", shuffle_particles, set_model):
    fig, axs = plt.subplots(1, 2, figsize=(8, 3.8))
    for ax, name in zip(axs, before):
        right = np.mean((before[name] > 0.5) == fresh_label)
        ax.plot(before[name], after[name], ".", markersize=4, alpha=0.5)
        ax.set(xlabel="answer", ylabel="answer after a shuffle", aspect="equal")
        move = np.abs(before[name] - after[name]).mean()
        ax.set_title(f"{name}: {right:.0%} right\nmoved by {move:.2f} on average", fontsize=10)
    fig.suptitle("The answers before and after a shuffle");

# %% [markdown] tags=["reason"]
# **Why the plain network is worse.** To the plain network the 12 rows are 12 different things. It has to learn separately
# what a fragment means in each of them, from the same 6,000 events. The set network learns it once, for all rows. One and
# the same event can be written down in up to 12! orders, about 480 million, and only the set network knows that they are
# all the same.

# %% tags=["solution"]
for name in before:
    print(f"{name:<14} largest change {np.abs(before[name] - after[name]).max():.1e}")
print(f"parameters: plain {plain.count_params():,}, set {set_model.count_params():,}")

# %% tags=["claim"]
right = {name: np.mean((before[name] > 0.5) == fresh_label) for name in before}
moved = {name: np.abs(before[name] - after[name]).max() for name in before}
assert right["set network"] > right["plain network"], "The plain network is worse."
assert moved["set network"] < 1e-4 and moved["plain network"] > 0.3, "Only the plain network notices the order."

# %% [markdown] tags=["reason"]
# **What goes wrong without the mask.** The order would still not matter, but whatever stands in the padding would be added
# to the sum: the answer for an event would change with numbers that happen to be stored behind it.

# %% tags=["solution"]
rubbish = np.random.default_rng(seed).normal(size=(1000, 8, 3)).astype("float32")
longer = np.concatenate([fresh, rubbish], axis=1)
with_mask = np.concatenate([fresh_mask, np.zeros((1000, 8), "float32")], axis=1)
for name, used in (("mask kept", with_mask), ("mask of ones", np.ones_like(with_mask))):
    change = np.abs(np.asarray(set_model([longer, used]))[:, -1] - before["set network"]).max()
    print(f"8 rows of rubbish added, {name}: largest change {change:.1e}")

# %% tags=["claim"]
assert change > 0.3, "Without the mask, numbers in the padding change an answer."

# %% [markdown]
# This is the end of session 2, and a good place to stop. In session 3 the edges have a direction, and numbers of their own.

# %% [markdown]
# ## Session 3 of 3 · Edges that carry something
#
# About 63 minutes. You need the setup cell at the top, and no code from sessions 1 and 2. You write the block of which most
# graph networks are special cases, and test that it does not notice how nodes and edges are numbered.

# %% [markdown]
# ## 08.4 · Edges, nodes, and the graph as a whole
#
# **Goal:** write one block of a graph network that updates its edges, its nodes and the graph as a whole.
#
# So far an edge was there or not. Most edges in the world say more: a bond is single or double, a road is so many kilometres
# long. Here five people write letters. A letter goes from a **sender** to a **receiver**, and its length in pages is the
# number that the edge carries. The next cell holds everything that is known of the five people and their six letters:
#
# - `E` has one row for each edge: the number of pages. `V` has one row for each node: two numbers that describe the person.
#   `u` describes the graph as a whole: one number for the day.
# - `senders` and `receivers` hold the numbers of two nodes for each edge: letter 2 goes from person 1 to person 3. In the
#   figure, an arrow goes from the sender to the receiver, and the number beside it is the row of the edge.

# %%
E = np.array([[1.0], [3.0], [2.0], [0.5], [4.0], [1.0]])
V = np.array([[1.0, 0.2], [0.3, 0.9], [0.6, 0.1], [0.2, 0.5], [0.8, 0.4]])
u = np.array([0.5])
senders = np.array([0, 2, 1, 3, 4, 0])
receivers = np.array([1, 1, 3, 4, 3, 2])
letters = np.stack([senders, receivers], axis=1)
fig, ax = plt.subplots(figsize=(5, 2.4))
ck.plot.graph(letters, ax=ax, directed=True, title="Five people, six letters");

# %% [markdown]
# Battaglia and others (2018) noticed that nearly all graph networks are special cases of one **block** of three steps. Each
# step uses the results of the step before. The thick arrows and rims in the next figure show which edges and nodes a step
# reads: the first panel for one edge, the second for one node, the third for the graph. Every step reads `u` as well.

# %%
fig, axs = plt.subplots(1, 3, figsize=(10, 2.3))
reads = {
    "1. edges: letter 2": ([2], [1, 3]),
    "2. nodes: person 1": ([0, 1], [1]),
    "3. the graph": (range(6), range(5)),
}
for ax, (title, (edges, nodes)) in zip(axs, reads.items()):
    ck.plot.graph(letters, ax=ax, directed=True, thick=edges, highlight=nodes, title=title)
fig.suptitle("Which edges and nodes each step reads");

# %% [markdown]
# **Step 1, edges.** The new state of edge $k$ depends on its old state $e_k$, on its receiver $v_{r_k}$, on its sender
# $v_{s_k}$, and on $u$:
#
# $$e'_k = \tanh\left(e_k A_e + v_{r_k} A_r + v_{s_k} A_s + u A_u\right)$$
#
# **Step 2, nodes.** The new edges are the messages. A node adds up those that it *receives*; one that receives nothing has
# the sum 0:
#
# $$v'_i = \tanh\Big(\Big(\sum_{k:\, r_k = i} e'_k\Big) B_e + v_i B_v + u B_u\Big)$$
#
# **Step 3, the graph.** It adds up all new edges and all new nodes:
#
# $$u' = \tanh\Big(\Big(\sum_k e'_k\Big) C_e + \Big(\sum_i v'_i\Big) C_v + u\, C_u\Big)$$
#
# $A$, $B$ and $C$ are lists of matrices, in the order of the formulas. A network learns them (and biases as well, which we
# leave out).
#
# - `new_edges(E, V, u, senders, receivers, A)`: step 1. With m edges and n nodes, `E` has shape (m, a), `V` (n, b), `u` (c,).
#   Returns the new edges, with as many columns as the matrices in `A` have.
# - `new_nodes(new_E, V, u, senders, receivers, B)`: step 2. Takes the *new* edges and returns the new nodes. (It is handed
#   `senders` too, so that both steps are called alike; step 2 does not need it.)
# - `graph_block(E, V, u, senders, receivers, A, B, C)`: all three steps; returns $E'$, $V'$ and $u'$, in this order.
# - `renumber(V, senders, receivers, order)`: gives the nodes new numbers, so that the node which was number `order[i]` becomes
#   number `i`. Returns `V`, `senders` and `receivers` for the new numbers. Every edge stays in its row, and still joins the
#   same two nodes.
#
# **Some tools.** `V[receivers]` has one row for each edge: the state of its receiver. `A_e, A_r, A_s, A_u = A` gives names to
# the four matrices. `u @ A_u` is a single row, and NumPy adds it to every row of an array. A **trap**: `table[rows] += values`
# adds only one of the values where a row number occurs twice; `np.add.at` adds them all:
#
# ```python
# table = np.zeros((3, 1))
# np.add.at(table, [0, 2, 2], np.array([[5.0], [1.0], [1.0]]))    # table is now [[5], [0], [2]]
# ```
#
# `np.argsort(order)` is the inverse of a permutation: its entry `j` says where `order` holds the number `j`.

# **Predict:** somebody adds a page to letter 2, from person 1 to person 3. Whose state is changed by this after one block?
# Whose after two blocks, one behind the other? Write down two lists before you go on.

# %%
ck.expected("08.4")

# %%
def new_edges(E, V, u, senders, receivers, A):
    """Step 1: each edge reads itself, its two nodes and the graph."""
    # [solution]
    A_e, A_r, A_s, A_u = A
    return np.tanh(E @ A_e + V[receivers] @ A_r + V[senders] @ A_s + u @ A_u)
    # [stub]
    # return ...
    # [end]


def new_nodes(new_E, V, u, senders, receivers, B):
    """Step 2: each node adds up the messages that it receives."""
    # [solution]
    B_e, B_v, B_u = B
    received = np.zeros((len(V), new_E.shape[1]))
    np.add.at(received, receivers, new_E)
    return np.tanh(received @ B_e + V @ B_v + u @ B_u)
    # [stub]
    # return ...
    # [end]


# %%
def graph_block(E, V, u, senders, receivers, A, B, C):
    """All three steps: the new edges, the new nodes, and the new state of the graph."""
    # [solution]
    E = new_edges(E, V, u, senders, receivers, A)
    V = new_nodes(E, V, u, senders, receivers, B)
    C_e, C_v, C_u = C
    u = np.tanh(E.sum(axis=0) @ C_e + V.sum(axis=0) @ C_v + u @ C_u)
    return E, V, u
    # [stub]
    # return ...
    # [end]


def renumber(V, senders, receivers, order):
    """The same graph; the node that was number `order[i]` is number i now."""
    # [solution]
    place = np.argsort(order)
    return V[order], place[senders], place[receivers]
    # [stub]
    # return ...
    # [end]


# %%
ck.check("08.4", new_edges=new_edges, new_nodes=new_nodes, graph_block=graph_block, renumber=renumber)

# %%
# ck.hint("08.4")

# %% [markdown]
# First a test that the numbering does not matter: number the people anew, shuffle the rows of the letters as well, and
# ask the block again. The matrices in the next cell are random.

# %%
rng = np.random.default_rng(seed)
A = [rng.normal(0, 0.5, (size, 3)) for size in (1, 2, 2, 1)]
B = [rng.normal(0, 0.5, (size, 2)) for size in (3, 2, 1)]
C = [rng.normal(0, 0.5, (size, 1)) for size in (3, 2, 1)]

if ck.ready("08.4", new_edges, new_nodes, graph_block, renumber):
    people, rows = rng.permutation(5), rng.permutation(6)
    V_new, senders_new, receivers_new = renumber(V, senders[rows], receivers[rows], people)
    E1, V1, u1 = graph_block(E, V, u, senders, receivers, A, B, C)
    E2, V2, u2 = graph_block(E[rows], V_new, u, senders_new, receivers_new, A, B, C)
    for name, change in {"edges": E2 - E1[rows], "nodes": V2 - V1[people], "graph": u2 - u1}.items():
        print(f"{name}: largest difference {np.abs(change).max():.0e}")

# %% [markdown]
# Now to your two lists: a page is added to letter 2. Whose state is changed after one block, and whose after two?

# %%
E_longer = E + np.array([[0], [0], [1.0], [0], [0], [0]])
A_two = [rng.normal(0, 0.5, (size, 3)) for size in (3, 2, 2, 1)]  # the second block reads edges of three numbers


def nodes_after(edges, blocks):
    """The nodes after one block or two."""
    E1, V1, u1 = graph_block(edges, V, u, senders, receivers, A, B, C)
    return V1 if blocks == 1 else graph_block(E1, V1, u1, senders, receivers, A_two, B, C)[1]


# %% tags=["picture-08.4"]
if ck.ready("08.4", new_edges, new_nodes, graph_block):
    fig, axs = plt.subplots(1, 2, figsize=(10, 2.6))
    for blocks, ax in zip((1, 2), axs):
        changed = np.abs(nodes_after(E_longer, blocks) - nodes_after(E, blocks)).max(axis=1) > 1e-9
        title = f"{blocks} block{'s' * (blocks - 1)}: {changed.sum()} changed"
        ck.plot.graph(letters, changed, ax, directed=True, thick=[2], title=title)
    fig.suptitle("Who is changed (orange) by one more page in the thick letter");

# %% tags=["claim"]
changes = [np.abs(nodes_after(E_longer, blocks) - nodes_after(E, blocks)).max(axis=1) for blocks in (1, 2)]
reached = [np.flatnonzero(change > 1e-9).tolist() for change in changes]
assert reached == [[3], [0, 1, 2, 3, 4]], "After one block person 3 is changed, after two everybody is."

# %% [markdown] tags=["reason"]
# **Why person 3, and then everybody?** In the first block the pages of letter 2 go into letter 2 alone, and only person 3
# receives it. But the graph adds up all letters, so $u'$ changes too, and in the second block everybody reads
# $u'$. In 08.1 a rumour needed four rounds to reach person 6; a state of the whole graph reaches everybody in two.
#
# **Molecules** are such graphs. The atoms are nodes, and the edges join bonded atoms, or all atoms that are closer than
# some distance. SchNet (Schütt and others, 2017) lets each atom receive messages from the atoms around it, weighted by a
# learned function of the distance, and adds up one number for each atom to get the energy of the molecule. Of the
# positions it is told the distances only, so the energy does not change when the molecule is moved or turned, and the sum
# does not depend on how the atoms are numbered.
#
# **Why the numbering does not matter.** All edges use the same matrices, and so do all nodes; what comes from several edges
# is added up, and a sum has no order. The differences above are no larger than rounding errors.
#
# **What the other networks leave out.** Leave out the states of the edges and of the graph, and let a message be its sender's
# state times a matrix: that is the graph convolution, except that 08.1 takes means and 08.2 divides by roots. Leave out the edges, and let the
# graph read the sum of the nodes: those are the deep sets of 08.3. With a matrix $A_e$ of zeros a letter of one page and one
# of a hundred are the same.
#
# **The trap.** With `received[receivers] += new_E` person 1 keeps only one of two letters.

# %% tags=["solution"]
once = np.zeros(5)
once[receivers] += 1
every = np.zeros(5)
np.add.at(every, receivers, 1)
print(f"letters received by each person: {once} with +=, {every} with np.add.at")

# %% [markdown]
# ## What did you observe?
#
# 1. Could the network of 08.2, with its two layers, pass a message from person 0 to person 6 of the first graph?
# 2. Besides member 8, does your network of 08.2 place anybody wrongly, and how sure is it of them?
# 3. Deep sets use no edges. If you see them as a graph network, which graph do they work on?
# 4. In 08.4 nobody writes to person 0. Why does the state of person 0 change all the same in the second block?
#
# <details><summary>Answers</summary>
#
# 1. No. There are four edges between them, and each layer carries a message along one edge. With two graph layers, nothing
#    about person 0 can ever reach person 6.
# 2. In each of ten runs of the solution, member 2, who has friends on both sides. Of that one the network was unsure: the
#    probability of label 1 was between 0.50 and 0.69.
# 3. On a graph in which every particle has an edge to one extra node, the event, and to nothing else. If the node of the
#    event sent its state back to the particles, they would all exchange messages.
# 4. Because of the state of the graph: it adds up all letters and all people, and every node reads it in the next block.
#
# </details>
#
# ## Go further
#
# - Train the GCN on another pair of known labels. Which pair is the worst?
# - Use your `GraphLayer` in the set network. The graph of an event joins all its fragments:
#   `mask[:, :, None] * mask[:, None, :]`, divided by the number of fragments. Does it help?
# - Make a Keras layer of `graph_block`: a `Dense` layer, with a bias, for each step, and `ops.segment_sum` for the sums over the
#   edges.
# - Give the set network only the 3 fragments with the largest momenta in each event. How much is lost?
#
# ## Summary
#
# One round of messages is a product with a matrix that holds the edges; a graph layer adds learned weights. Every
# node is treated by the same rule, and the edges carry a few labels a long way. A set is like a
# graph without edges between its members: treat all members alike and add up the results, and neither their order nor the
# amount of padding can change the answer. Where edges carry numbers, a block updates the edges first, then the nodes from the
# messages that they receive, then the graph from both.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - Zachary, W. W. (1977). An information flow model for conflict and fission in small groups. *Journal of Anthropological
#   Research*, 33(4), 452–473.
# - Kipf, T. N., Welling, M. (2017). Semi-supervised classification with graph convolutional networks. *ICLR*.
# - Gilmer, J., Schoenholz, S. S., Riley, P. F., Vinyals, O., Dahl, G. E. (2017). Neural message passing for quantum
#   chemistry. *ICML*. Graph networks as messages along edges.
# - Zaheer, M., et al. (2017). Deep sets. *NeurIPS 30*.
# - Schütt, K. T., et al. (2017). SchNet: a continuous-filter convolutional neural network for modeling quantum interactions.
#   *NeurIPS 30*, arXiv:1706.08566.
# - Battaglia, P. W., et al. (2018). Relational inductive biases, deep learning, and graph networks. *arXiv:1806.01261*.
# - Komiske, P. T., Metodiev, E. M., Thaler, J. (2019). Energy flow networks: deep sets for particle jets. *Journal of High
#   Energy Physics*, 2019(1), 121. The sets of 08.3 for real collisions.
# - Li, Q., Han, Z., Wu, X.-M. (2018). Deeper insights into graph convolutional networks for semi-supervised learning.
#   *AAAI*. The oversmoothing of 08.2.
