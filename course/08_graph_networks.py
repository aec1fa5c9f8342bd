# %% [markdown]
# # 08 · When the data is a graph
#
# Friendships, molecules, the particles of a collision: things and the ties between them, in no particular order. Build
# networks that read them as they are.
#
# About 75 min · CPU about 15 s · GPU optional
#
# **Before you start** you should know matrix products in NumPy and the functional API of Keras (notebook 01).
#
# ## You will learn
#
# - how nodes pass messages along edges, first as a matrix product, then as a layer that you write yourself;
# - how a network labels 34 people when it knows the labels of two;
# - how to build a network that cannot see the order of its inputs, and how to prove it.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported: then it loads without notices

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops

# %% [markdown]
# ## Look at the data
#
# A graph is a set of **nodes** and of **edges**, each of which ties two nodes together. The first one is small: seven
# people, and who talks to whom. An array of shape (8, 2) holds the edges, one pair of nodes a row. The order of the
# rows means nothing, nor does the order within a pair, nor do the numbers of the nodes: they are names.

# %%
friends = np.array([(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (4, 5), (4, 6), (5, 6)])
fig, ax = plt.subplots(figsize=(4.5, 2))
ck.plot.graph(friends, ax=ax, title="Seven people, eight edges");

# %% [markdown]
# ## Predict before you run
#
# Person 0 starts a rumour. In each round everybody tells all neighbours what they have heard so far. Write down who knows
# it after one round and after two. How many rounds does it take until person 6 knows?

# %% [markdown]
# ## 08.1 · Messages along the edges
#
# **Goal:** write one round of messages, first in NumPy, then as a layer of your own.
#
# The **adjacency matrix** $A$ has $A_{ij} = 1$ where nodes $i$ and $j$ are tied, and else 0. Give every node an edge to
# itself as well, a **self-loop** ($A_{ii} = 1$), so that it does not forget its own state. The **degree** of a node is the
# sum of its row: the number of its neighbours and itself. In one round each node takes the mean over these:
#
# $$h_i \leftarrow \frac{1}{d_i} \sum_j A_{ij}\, h_j, \qquad d_i = \sum_j A_{ij}$$
#
# - `adjacency(edges, n_nodes)`: `edges` (m, 2) of whole numbers; gives (n, n), with both directions and the self-loops.
# - `mean_matrix(A)`: gives the matrix $M$ of shape (n, n) for which `M @ H` takes these means; each of its rows adds up to 1.
# - `heard_of(A, rounds)`: (n, n) of booleans; row $i$, column $j$ says whether $i$ has heard of $j$ after so many rounds.
# - `GraphLayer(units, activation)`: a layer of Keras. It is called on a list `[features, graph]`: features (b, n, k) for
#   b graphs at once, and a matrix for each, (b, n, n). It multiplies the features by a weight matrix and adds a bias (a
#   `layers.Dense`), then lets the matrix mix the nodes (`ops.matmul`), then applies the activation. It gives (b, n, units).

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
@keras.saving.register_keras_serializable("course")
class GraphLayer(layers.Layer):
    """A dense layer for each node, and one round of messages."""

    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.activation = units, keras.activations.get(activation)
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

# %% tags=["picture-08.1"]
A = adjacency(friends, 7)
reach = ... if A is ... else [heard_of(A, rounds) for rounds in (0, 1, 2)]
if A is ... or reach[0] is ...:
    ck.plot.graph(friends, ..., exercise="08.1")
else:
    fig, axs = plt.subplots(1, 3, figsize=(10, 2.2))
    for rounds, (ax, heard) in enumerate(zip(axs, reach)):
        title = f"round {rounds}: {heard[:, 0].sum()} know"
        ck.plot.graph(friends, heard[:, 0], ax, highlight=[0], title=title)
    fig.suptitle("The rumour of person 0 travels one edge a round");

# %% [markdown] tags=["solution"]
# **Why this is all of it.** A product with a matrix that holds the edges is a round of messages; a product with a weight
# matrix learns what to say. A graph network alternates the two. Two layers see two edges far: person 0 is not heard of by
# 5 and 6 until the fourth round.
#
# **Why the mean.** With the plain sum, `A @ H`, numbers grow in every round, fastest at the nodes with many neighbours.

# %% tags=["solution"]
state = np.ones((7, 1))
for _ in range(10):
    state = A @ state
print("sums after ten rounds: ", state.ravel().astype(int))
print("means after ten rounds:", (np.linalg.matrix_power(mean_matrix(A), 10) @ np.ones(7)).round(3))

# %% [markdown] tags=["solution"]
# **A wrong way.** Leave the self-loops out: two people who talk only to each other exchange their states for ever, and
# each has forgotten its own.

# %% tags=["solution"]
pair = np.array([[0.0, 1.0], [1.0, 0.0]])
for rounds in range(4):
    print(f"round {rounds}: {np.linalg.matrix_power(pair, rounds) @ np.array([5.0, 9.0])}")

# %% [markdown]
# ## 08.2 · Two labels are enough
#
# **Goal:** train a graph network that finds out who went with whom.
#
# From 1970 to 1972 Wayne Zachary watched a karate club of 34 members. He wrote down who met outside the club: 78 pairs.
# Then the instructor (member 0) and the administrator (member 33) fell out over the price of the lessons, and the club
# split into two. Who went with whom? Learn it from the edges and from two labels: that of the instructor, 0, and that of
# the administrator, 1. The other 32 labels are for the judge.

# %%
club, faction = ck.data.load_karate_club()  # (78, 2) edges; (34,) labels
print(f"{len(club)} edges; {np.sum(faction == 0)} went with the instructor, {np.sum(faction == 1)} did not")

# %% [markdown]
# Kipf and Welling divide by the square root of both degrees, which keeps the matrix symmetric:
# $\hat A_{ij} = A_{ij} / \sqrt{d_i d_j}$. Two of your layers with $\hat A$ in place of the mean make their **graph
# convolutional network**, the GCN. Nothing is known of a member but the name, so the features are the unit vectors: a
# matrix with ones on the diagonal.
#
# - `normalise(A)`: (n, n), with self-loops, to $\hat A$ of shape (n, n).
# - `known`: shape (34,), 1 for a member whose label the training may use and 0 for the others: the weight of each member
#   in the loss.
# - `gcn`: a trained `keras.Model`, called on `[features, graph]` of shapes (1, 34, 34) and (1, 34, 34): one graph. Gives
#   the probabilities of both labels, (1, 34, 2). Two graph layers: 16 units with tanh, then 2 with softmax.
#
# To train it, hand `fit` arrays with an axis in front for the one graph: `faction[None]` has shape (1, 34), and
# `sample_weight=known[None]` tells the loss which members count. Thirty epochs of Adam with a learning rate of 0.02 will
# do; an epoch is one step.

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
# Colour shows what the network believes, the shape of a node what happened: circles went with the instructor, squares
# with the administrator. The two with a thick rim are those whose labels were known.

# %%
def beliefs(model):
    """The probability of label 1 for each member; `...` while something is missing."""
    if model is ... or normalise(np.eye(2)) is ... or adjacency(club, 34) is ...:
        return ...
    graph = normalise(adjacency(club, 34))[None]
    return np.asarray(model([np.eye(34)[None], graph]))[0, :, -1]


# %% tags=["picture-08.2"]
title = "Two labels colour the whole club"
ck.plot.graph(club, beliefs(gcn), truth=faction, highlight=[0, 33], exercise="08.2",
              label="probability of label 1", title=title);

# %% tags=["solution"]
believed = beliefs(gcn)
wrong = np.flatnonzero((believed > 0.5) != faction)
print(f"{34 - len(wrong)} of 34 right; wrong: {wrong}")
unsure = np.argsort(np.abs(believed - 0.5))[:4]
print("least sure:", ", ".join(f"member {i} ({believed[i]:.2f})" for i in unsure))

# %% [markdown] tags=["solution"]
# **Why two labels are enough.** The loss sees two members, but their states are mixed from their neighbours' and their
# neighbours' neighbours'. To be right about the instructor, the network must give label 0 to what his surroundings say.
#
# **Member 8** is the odd one: he had taken the administrator's side, and went with the instructor because he was three
# weeks from the test for his black belt (Zachary, 1977). No edge knows of that.
#
# **A wrong way.** Train the same network without edges: each member hears only himself. It learns both labels by heart
# and has nothing to say about the others.

# %% tags=["solution"]
alone = keras.models.clone_model(gcn)
alone.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
no_edges = np.eye(34)[None]
alone.fit([features, no_edges], faction[None], sample_weight=known[None], epochs=30, verbose=0)
guess = np.asarray(alone([features, no_edges]))[0].argmax(axis=1)
unknown = known == 0
print(f"without edges {np.mean(guess[unknown] == faction[unknown]):.0%} of the 32 unknown are right,")
print(f"with edges {np.mean((believed > 0.5)[unknown] == faction[unknown]):.0%}")

# %% [markdown] tags=["solution"]
# **Another wrong way.** If two rounds are good, are thirty better? Every round is a mean, and means of means are all
# alike. Graph networks are shallow for this reason; it is called **oversmoothing**.

# %% tags=["solution"]
smooth = mean_matrix(adjacency(club, 34))
for rounds in (0, 1, 2, 8, 30):
    states = np.linalg.matrix_power(smooth, rounds)  # begun with the unit vectors
    apart = np.linalg.norm(states - states.mean(axis=0), axis=1).mean()
    print(f"{rounds:>2} rounds: a member's state is {apart:.3f} away from the mean of all")

# %% [markdown]
# ## 08.3 · Particles have no order
#
# **Goal:** build a network for sets of particles that cannot see their order, and prove it by permutation.
#
# A heavy particle decays at rest, into two bodies or into three. Each body breaks into fragments, and the fragments are
# all that a detector sees: 6 to 12 momenta with three components each, in units of half of the heavy particle's mass. Were
# there two bodies (label 0) or three (label 1)? Counting does not tell, the directions do. Decays with fewer than 12
# fragments are padded with zeros; a mask has 1 where there is a fragment and 0 where there is padding.

# %%
particles, mask, label = ck.data.make_decays(n_samples=6000, seed=1)
particles.shape, mask.shape, label.shape

# %%
fig, axs = plt.subplots(1, 4, figsize=(10, 2.8))
for ax, event in zip(axs, [*np.flatnonzero(label == 0)[:2], *np.flatnonzero(label == 1)[:2]]):
    px, py, _ = particles[event].T
    ax.quiver(0 * px, 0 * py, px, py, angles="xy", scale_units="xy", scale=1, width=0.01)
    ax.set(xlim=(-0.9, 0.9), ylim=(-0.9, 0.9), aspect="equal", xlabel="$p_x$")
    ax.set_title(f"{2 + label[event]} bodies, {mask[event].sum():.0f} fragments", fontsize=10)
axs[0].set_ylabel("$p_y$")
fig.suptitle("Two bodies fly back to back; three do not");

# %% [markdown]
# A sum does not know in which order its terms came. The **deep sets** of Zaheer and others (2017) use this: the same
# small network $\varphi$ looks at every particle alone, the results are added up, and another network $\rho$ reads the sum:
#
# $$f(x_1, \ldots, x_n) = \rho\left(\sum_i m_i\, \varphi(x_i)\right)$$
#
# The mask $m_i$ keeps padding out: $\varphi(0)$ need not be 0, because of the biases.
#
# - `shuffle_particles(particles, mask, seed)`: particles (n, p, 3) and mask (n, p); gives both with the p rows of each
#   event, padding included, in a new order that `seed` decides, a mask entry still beside its particle. The originals
#   stay as they are.
# - `set_model`: a trained `keras.Model`, called on `[particles, mask]`; gives the probability of label 1, (n, 1). It has to
#   work for any number p of rows: `keras.Input((None, 3))` and `keras.Input((None,))`.
#
# What stands in the padding must not matter, nor how much padding there is. A `layers.Dense` on (n, p, 3) is a $\varphi$:
# it treats the p rows alike. Write the masked sum as a layer, with `ops.sum` over axis 1; `mask[:, :, None]` has shape
# (n, p, 1). Two layers of 64 units for $\varphi$ and one for $\rho$ do; train on `particles`, `mask`, `label` for about
# 15 epochs.

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
@keras.saving.register_keras_serializable("course")
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
# Now the proof. Shuffle every fresh event, ask again, and look how far the answers move. Beside it stands a network that
# reads the 36 numbers of an event in the order in which they come.

# %%
def plain_network():
    """A network that sees the order: the rows of an event one after the other."""
    hidden = [layers.Dense(64, activation="relu") for _ in range(2)]
    model = keras.Sequential(
        [keras.Input((12, 3)), layers.Flatten(), *hidden, layers.Dense(1, activation="sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy")
    return model


# %%
fresh, fresh_mask, fresh_label = ck.data.make_decays(n_samples=1000, seed=2)
shuffled, shuffled_mask = shuffle_particles(fresh, fresh_mask, seed=3)
ready = set_model is not ... and shuffled is not ...
if ready:
    plain = plain_network()
    plain.fit(particles, label, epochs=15, batch_size=128, verbose=0)
    answers = {
        "plain network": [np.asarray(plain(x)).ravel() for x in (fresh, shuffled)],
        "set network": [np.asarray(set_model(x)).reshape(1000, -1)[:, -1]
                        for x in ([fresh, fresh_mask], [shuffled, shuffled_mask])],
    }

# %% tags=["picture-08.3"]
if not ready:
    ck.plot.graph(..., ..., exercise="08.3")
else:
    fig, axs = plt.subplots(1, 2, figsize=(8, 3.8))
    for ax, (name, (before, after)) in zip(axs, answers.items()):
        right = np.mean((before > 0.5) == fresh_label)
        ax.plot(before, after, ".", markersize=4, alpha=0.5)
        ax.set(xlabel="answer", ylabel="answer after a shuffle", aspect="equal")
        ax.set_title(f"{name}: {right:.0%} right")
    fig.suptitle("Only one of the two cannot see the order");

# %% [markdown] tags=["solution"]
# **Why the plain network is worse.** To it, the 12 places are 12 different things. It has to learn separately what a
# fragment means in each of them, from the same 6,000 events. The set network learns it once. There are 12! orders, about
# 480 million, of the same event.

# %% tags=["solution"]
for name, (before, after) in answers.items():
    print(f"{name:<14} largest change {np.abs(before - after).max():.1e}")
print(f"parameters: plain {plain.count_params():,}, set {set_model.count_params():,}")

# %% [markdown] tags=["solution"]
# **A wrong way.** Leave the mask out. The order still does not matter, but whatever stands in the padding is added to the
# sum, and an event changes its answer with what happens to be stored behind it. Zeros are no way out: $\varphi(0)$ need not
# be 0.

# %% tags=["solution"]
rubbish = np.random.default_rng(seed).normal(size=(1000, 8, 3)).astype("float32")
longer = np.concatenate([fresh, rubbish], axis=1)
with_mask = np.concatenate([fresh_mask, np.zeros((1000, 8), "float32")], axis=1)
for name, used in (("mask kept", with_mask), ("mask of ones", np.ones_like(with_mask))):
    again = np.asarray(set_model([longer, used])).ravel()
    moved = np.abs(again - answers["set network"][0]).max()
    print(f"8 rows of rubbish more, {name}: largest change {moved:.1e}")

# %% [markdown]
# ## What did you observe?
#
# 1. After how many rounds has person 6 heard of person 0, and what has that to do with the number of layers?
# 2. Whom does the network of 08.2 place wrongly, and how sure is it of them?
# 3. Deep sets have no edges. As a graph network, which graph do they work on?
#
# <details><summary>Answers</summary>
#
# 1. After four: there are four edges between them. A network of two graph layers can never know of person 0 at person 6.
# 2. Members 2 and 8. Member 2 has friends on both sides, stands in the middle of the drawing, and the network is unsure.
#    Of member 8 it is sure, and wrong: most of his friends, the administrator among them, are on the other side.
# 3. On the graph where every particle is tied to one more node, the event, and hears nothing from the others. Let the
#    event's node send its state back to the particles, and you have message passing among all of them.
#
# </details>
#
# ## Go further
#
# - Train the GCN on other pairs of known labels. Which pair is the worst?
# - Put your `GraphLayer` into the set network: the graph of an event ties all its fragments, `mask[:, :, None] *
#   mask[:, None, :]`, divided by their number. Does it help?
# - Give the set network only the 3 hardest fragments of each event. How much is lost?
#
# ## Summary
#
# One round of messages is a product with a matrix that holds the edges; a graph layer puts learned weights beside it. As
# every node has the same weights, the numbers of the nodes do not matter, and few labels go a long way. A set is a graph
# without edges among its members: treat its members alike, add them up, and no order and no padding can change the answer.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - Zachary, W. W. (1977). An information flow model for conflict and fission in small groups. *Journal of Anthropological
#   Research*, 33(4), 452–473.
# - Kipf, T. N., Welling, M. (2017). Semi-supervised classification with graph convolutional networks. *ICLR*.
# - Gilmer, J., Schoenholz, S. S., Riley, P. F., Vinyals, O., Dahl, G. E. (2017). Neural message passing for quantum
#   chemistry. *ICML*.
# - Zaheer, M., et al. (2017). Deep sets. *NeurIPS 30*.
# - Komiske, P. T., Metodiev, E. M., Thaler, J. (2019). Energy flow networks: deep sets for particle jets. *Journal of High
#   Energy Physics*, 2019(1), 121.
# - Li, Q., Han, Z., Wu, X.-M. (2018). Deeper insights into graph convolutional networks for semi-supervised learning.
#   *AAAI*. Oversmoothing.
