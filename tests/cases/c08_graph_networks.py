"""Cases of notebook 08. One club network and one set network are trained, once; the others get their weights by hand."""

from functools import cache

import numpy as np

from tests.cases import table
from tests.trained import trained_once

# --- 08.1


def adjacency(edges, n_nodes):
    A = np.eye(n_nodes)
    A[edges[:, 0], edges[:, 1]] = A[edges[:, 1], edges[:, 0]] = 1
    return A


def adjacency_loop(edges, n_nodes):
    A = [[int(i == j) for j in range(n_nodes)] for i in range(n_nodes)]
    for i, j in edges:
        A[i][j] = A[j][i] = 1
    return A


def mean_matrix(A):
    return A / A.sum(axis=1, keepdims=True)


def heard_of(A, rounds):
    return np.linalg.matrix_power(A, rounds) > 0


def heard_by_search(A, rounds):
    heard = []
    for i in range(len(A)):
        known = {i}
        for _ in range(rounds):
            known |= {j for k in known for j in np.flatnonzero(A[k])}
        heard.append([int(j in known) for j in range(len(A))])
    return heard


@cache
def layer_class(slip=None):
    """The layer in its plainest form, or in another style, or with a usual slip."""
    import keras
    from keras import layers, ops

    class GraphLayer(layers.Layer):
        def __init__(self, units, activation=None, **kwargs):
            super().__init__(**kwargs)
            self.units, self.activation = units, keras.activations.get(activation)
            inner = activation if slip in ("activation first", "activation twice") else None
            self.dense = layers.Dense(units, activation=inner, use_bias=slip != "no bias")
            if slip == "open dense":
                self.dense = ...

        def call(self, inputs):
            features, graph = inputs
            if slip == "open call":
                return ...
            if slip == "graph last":
                return self.activation(ops.matmul(self.dense(features), graph))
            if slip == "times":
                return self.activation(graph * self.dense(features))
            if slip == "NumPy":
                return self.activation(np.matmul(graph, self.dense(features)))
            mixed = ops.matmul(graph, self.dense(features))
            if slip == "graph unused":
                mixed = self.dense(features)
            if slip == "transposed":
                mixed = ops.matmul(ops.swapaxes(graph, 1, 2), self.dense(features))
            if slip == "divided again":
                mixed = mixed / ops.sum(graph, axis=2, keepdims=True)
            if slip == "added":
                mixed = mixed + self.dense(features)
            if slip == "averaged":
                mixed = mixed / ops.shape(graph)[1]
            if slip == "first graph":
                mixed = ops.matmul(graph[:1], self.dense(features))
            if slip == "new dense":
                mixed = ops.matmul(graph, layers.Dense(self.units)(features))
            if slip == "two rounds":
                mixed = ops.matmul(graph, mixed)
            if slip == "always tanh":
                return ops.tanh(mixed)
            if slip == "summed":
                mixed = ops.sum(mixed, axis=1)
            return mixed if slip in ("no activation", "activation first") else self.activation(mixed)

    return GraphLayer


@cache
def layer_with_weights():
    """The weights are the layer's own; the bias comes after the messages and does not begin at 0."""
    import keras
    from keras import ops

    class GraphLayer(keras.layers.Layer):
        def __init__(self, units, activation=None):
            super().__init__()
            self.units, self.activation = units, keras.activations.get(activation)

        def build(self, shapes):
            self.W = self.add_weight(shape=(shapes[0][-1], self.units), initializer="glorot_normal")
            self.b = self.add_weight(shape=(self.units,), initializer=keras.initializers.RandomNormal(stddev=0.3))

        def call(self, inputs):
            features, graph = inputs
            return self.activation(ops.einsum("bij,bjk,kl->bil", graph, features, self.W) + self.b)

    return GraphLayer


@cache
def layer_without_weights():
    import keras
    from keras import ops

    class GraphLayer(keras.layers.Layer):
        def __init__(self, units, activation=None):
            super().__init__()
            self.units = units

        def call(self, inputs):
            features, graph = inputs
            W = np.random.default_rng(0).normal(0, 0.4, (features.shape[-1], self.units)).astype("float32")
            return ops.tanh(ops.matmul(graph, ops.matmul(features, W)))

    return GraphLayer


@cache
def layer_of_layers():
    """Messages first, then a Dense with the activation: the same function."""
    from keras import layers

    class GraphLayer(layers.Layer):
        def __init__(self, units, activation=None):
            super().__init__()
            self.mix, self.dense = layers.Dot(axes=(2, 1)), layers.Dense(units, activation=activation)

        def call(self, inputs):
            return self.dense(self.mix([inputs[1], inputs[0]]))

    return GraphLayer


def answers_1():
    return {
        "adjacency": adjacency,
        "mean_matrix": mean_matrix,
        "heard_of": heard_of,
        "GraphLayer": layer_class(),
    }


def neighbours_alone(A):
    others = A - np.eye(len(A))
    return others / np.maximum(others.sum(axis=1, keepdims=True), 1)


def whole_rows(edges, n_nodes):
    A = np.eye(n_nodes)
    A[edges] = 1
    return A


def one_way(edges, n_nodes):
    A = np.eye(n_nodes)
    A[edges[:, 0], edges[:, 1]] = 1
    return A


table(
    "08.1",
    answers_1,
    {
        "the text": {},
        "loops and lists": {"adjacency": adjacency_loop, "heard_of": heard_by_search},
        "np.diag": {"mean_matrix": lambda A: np.diag(1 / A.sum(axis=1)) @ A},
        "messages of the mean": {"heard_of": lambda A, r: np.linalg.matrix_power(mean_matrix(A), r) != 0},
        "own weights, bias at the end": lambda: {"GraphLayer": layer_with_weights()},
        "messages first": lambda: {"GraphLayer": layer_of_layers()},
        "float32 and np.add.at": {
            "adjacency": lambda e, n: np.minimum(
                np.eye(n) + sum(np.eye(n)[[i]].T * np.eye(n)[[j]] + np.eye(n)[[j]].T * np.eye(n)[[i]] for i, j in e), 1
            ).astype("float32")
        },
    },
    [
        ("no-self-loops", "no self-loops", {"adjacency": lambda e, n: adjacency(e, n) - np.eye(n)}),
        ("one-way", "one direction", {"adjacency": one_way}),
        ("one-way", "the other direction", {"adjacency": lambda e, n: one_way(e[:, ::-1], n)}),
        ("one-way-and-no-loops", "one direction, no loops", {"adjacency": lambda e, n: one_way(e, n) - np.eye(n)}),
        ("double-loops", "loops added twice", {"adjacency": lambda e, n: adjacency(e, n) + np.eye(n)}),
        ("wrong-shape", "size from the edges", {"adjacency": lambda e, n: adjacency(e, e.max() + 1)}),
        ("columns", "columns divided", {"mean_matrix": lambda A: A / A.sum(axis=0)}),
        ("not-divided", "A itself", {"mean_matrix": lambda A: A}),
        ("whole-mean", "mean over everybody", {"mean_matrix": lambda A: A / len(A)}),
        (
            "symmetric",
            "the GCN's matrix",
            {"mean_matrix": lambda A: A / np.sqrt(np.outer(A.sum(axis=1), A.sum(axis=1)))},
        ),
        ("self-not-counted", "self not counted", {"mean_matrix": lambda A: A / np.maximum(A.sum(1) - 1, 1)[:, None]}),
        ("self-not-counted", "self not counted, plainly", {"mean_matrix": lambda A: A / (A.sum(1, keepdims=True) - 1)}),
        ("columns-less-self", "self not counted, in columns", {"mean_matrix": lambda A: A / (A.sum(1) - 1)}),
        ("whole-sum", "the sum of everything", {"mean_matrix": lambda A: A / A.sum()}),
        ("largest", "the largest degree", {"mean_matrix": lambda A: A / A.sum(1).max()}),
        ("one-root", "a root", {"mean_matrix": lambda A: A / np.sqrt(A.sum(1, keepdims=True))}),
        ("inverse", "the inverse degrees", {"mean_matrix": lambda A: np.diag(1 / A.sum(1))}),
        ("degrees", "the degrees", {"mean_matrix": lambda A: np.diag(A.sum(1))}),
        ("self-out", "oneself left out", {"mean_matrix": neighbours_alone}),
        ("zeros-too", "everybody alike", {"mean_matrix": lambda A: np.full(A.shape, 1 / len(A))}),
        ("not-finite", "logarithms", {"mean_matrix": lambda A: np.log(A)}),
        ("mean-matrix", "negative means", {"mean_matrix": lambda A: -mean_matrix(A)}),
        ("wrong-shape", "means of nothing", {"mean_matrix": lambda A: A.mean(axis=1)}),
        ("wrong-rounds", "always one round", {"heard_of": lambda A, r: A > 0}),
        ("wrong-rounds", "one round more", {"heard_of": lambda A, r: heard_of(A, r + 1)}),
        ("not-boolean", "numbers of ways", {"heard_of": lambda A, r: np.linalg.matrix_power(A, r)}),
        ("negated", "negated", {"heard_of": lambda A, r: ~heard_of(A, r)}),
        ("forgets", "forgets", {"heard_of": lambda A, r: heard_of(A - np.eye(len(A)), r)}),
        ("not-oneself", "not of oneself", {"heard_of": lambda A, r: heard_of(A, r) & ~np.eye(len(A), dtype=bool)}),
        ("heard-of", "two ways or more", {"heard_of": lambda A, r: np.linalg.matrix_power(A, r) > 1}),
        ("last-round", "only the news", {"heard_of": lambda A, r: heard_of(A, r) & ~heard_of(A, max(r - 1, 0))}),
        ("wrong-rounds", "at most three rounds", {"heard_of": lambda A, r: heard_of(A, min(r, 3))}),
        ("activation-first", "activation first", lambda: {"GraphLayer": layer_class("activation first")}),
        ("graph-unused", "graph unused", lambda: {"GraphLayer": layer_class("graph unused")}),
        ("transposed", "transposed", lambda: {"GraphLayer": layer_class("transposed")}),
        ("divided-again", "divided again", lambda: {"GraphLayer": layer_class("divided again")}),
        ("no-activation", "no activation", lambda: {"GraphLayer": layer_class("no activation")}),
        ("first-graph", "first graph for all", lambda: {"GraphLayer": layer_class("first graph")}),
        ("fixed-activation", "always tanh", lambda: {"GraphLayer": layer_class("always tanh")}),
        ("graph-twice", "two rounds", lambda: {"GraphLayer": layer_class("two rounds")}),
        ("state-added", "own state added", lambda: {"GraphLayer": layer_class("added")}),
        ("graph-layer", "divided by all nodes", lambda: {"GraphLayer": layer_class("averaged")}),
        ("new-weights", "new weights in call", lambda: {"GraphLayer": layer_class("new dense")}),
        ("layer-shape", "summed over the nodes", lambda: {"GraphLayer": layer_class("summed")}),
        ("no-weights", "an array for weights", lambda: {"GraphLayer": layer_without_weights()}),
        ("wrong-type", "an object, not the class", lambda: {"GraphLayer": layer_class()(4)}),
        ("whole-rows", "both columns as rows", {"adjacency": whole_rows}),
        ("not-attempted", "dense still open", lambda: {"GraphLayer": layer_class("open dense")}),
        ("not-attempted", "call still open", lambda: {"GraphLayer": layer_class("open call")}),
        ("wrong-product", "graph last", lambda: {"GraphLayer": layer_class("graph last")}),
        ("wrong-product", "element by element", lambda: {"GraphLayer": layer_class("times")}),
        ("not-in-a-model", "NumPy in call", lambda: {"GraphLayer": layer_class("NumPy")}),
        ("no-bias", "no bias", lambda: {"GraphLayer": layer_class("no bias")}),
        ("activation-twice", "activation twice", lambda: {"GraphLayer": layer_class("activation twice")}),
    ],
)


# --- 08.2


def normalise(A):
    degree = A.sum(axis=1)
    return A / np.sqrt(np.outer(degree, degree))


def club():
    from coursekit.data import load_karate_club

    edges, faction = load_karate_club()
    return normalise(adjacency(edges, 34)), faction


KNOWN = np.isin(np.arange(34), [0, 33]).astype(float)


@cache
def club_weights(weights=tuple(KNOWN), graph=True, epochs=200):
    """W1, W2 of a GCN without biases, trained by plain descent in NumPy: shape (34, 8) and (8, 2)."""
    rng = np.random.default_rng(0)
    G, faction = club()
    G = G if graph else np.eye(34)
    W1, W2, truth = rng.normal(0, 0.3, (34, 8)), rng.normal(0, 0.3, (8, 2)), np.eye(2)[faction]
    for _ in range(epochs):
        hidden = np.tanh(G @ W1)
        p = softmax(G @ hidden @ W2)
        slope = G.T @ ((p - truth) * np.array(weights)[:, None])
        W2_step, back = hidden.T @ slope, G.T @ (slope @ W2.T * (1 - hidden**2))
        W1, W2 = W1 - 0.5 * back, W2 - 0.5 * W2_step
    return W1, W2


def softmax(scores):
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return scores / scores.sum(axis=-1, keepdims=True)


@cache
def gcn(weights=tuple(KNOWN), graph=True, epochs=200, last="softmax"):
    """The notebook's model, with those weights."""
    import keras

    layer = layer_class() if graph else layer_class("graph unused")
    inputs = [keras.Input((None, 34)), keras.Input((None, None))]
    hidden = layer(8, "tanh")(inputs)
    model = keras.Model(inputs, layer(2, last)([hidden, inputs[1]]))
    W1, W2 = club_weights(weights, graph, epochs)
    model.set_weights([W1, np.zeros(8), W2, np.zeros(2)])
    return model


@cache
def gcn_of_graph_first():
    """The inputs in the other order."""
    import keras

    graph, features = keras.Input((None, None)), keras.Input((None, 34))
    return keras.Model([graph, features], gcn()([features, graph]))


def gcn_one_layer(inputs):
    """One round of messages, and a share of the right answer by heart: what counts is how far it hears."""
    features, graph = (np.asarray(part, dtype=float) for part in inputs)
    faction = club()[1]
    return softmax(graph @ (features @ np.stack([1 - faction, faction], axis=1)) * 20)


@cache
def gcn_one_column():
    import keras

    layer = layer_class()
    inputs = [keras.Input((34, 34)), keras.Input((34, 34))]
    hidden = layer(8, "tanh")(inputs)
    model = keras.Model(inputs, layer(1, "sigmoid")([hidden, inputs[1]]))
    W1, W2 = club_weights()
    model.set_weights([W1, np.zeros(8), W2[:, 1:] - W2[:, :1], np.zeros(1)])
    return model


@cache
def gcn_subclassed():
    import keras

    class Club(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = layer_class()(8, "tanh"), layer_class()(2, "softmax")

        def call(self, inputs):
            features, graph = inputs
            return self.second([self.first([features, graph]), graph])

    model = Club()
    model([np.eye(34)[None], np.eye(34)[None]])
    W1, W2 = club_weights()
    model.set_weights([W1, np.zeros(8), W2, np.zeros(2)])
    return model


def gcn_surer(inputs):
    """Two layers that know but two labels and are lucky: sure and right of most, sure and wrong of member 8."""
    features, graph = (np.asarray(part, dtype=float) for part in inputs)
    W1, W2 = club_weights()
    return softmax(2 * graph @ np.tanh(graph @ features @ W1) @ W2)


def gcn_numpy(inputs):
    features, graph = (np.asarray(part, dtype=float) for part in inputs)
    W1, W2 = club_weights()
    return softmax(graph @ np.tanh(graph @ features @ W1) @ W2)


@trained_once
def gcn_trained(everybody=False, hidden=(16,), last="softmax"):
    """As in the notebook; or with all labels in the loss, or with hidden layers of other sizes."""
    import keras

    keras.utils.set_random_seed(0)
    layer, (graph, faction) = layer_class(), club()
    inputs = [keras.Input((None, 34)), keras.Input((None, None))]
    states = inputs[0]
    for units in hidden:
        states = layer(units, "tanh")([states, inputs[1]])
    model = keras.Model(inputs, layer(2, last)([states, inputs[1]]))
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    batch = [np.eye(34)[None], graph[None]]
    weights = np.ones(34) if everybody else KNOWN
    model.fit(batch, faction[None], sample_weight=weights[None], epochs=30, verbose=0)
    return model


@cache
def flattened():
    """A dense network across the members: it knows places."""
    import keras
    from keras import layers

    inputs = [keras.Input((34, 34)), keras.Input((34, 34))]
    rows = layers.Flatten()(inputs[1])
    out = layers.Activation("softmax")(layers.Reshape((34, 2))(layers.Dense(68)(rows)))
    model = keras.Model(inputs, out)
    graph, faction = club()
    # Each output is a score of one member; the first row of the graph drives it.
    kernel = np.zeros((34 * 34, 68))
    kernel[0] = np.stack([2 - 4 * faction, 4 * faction - 2], axis=1).ravel() / graph[0, 0]
    model.set_weights([kernel, np.zeros(68)])
    return model


def answers_2():
    return {"normalise": normalise, "known": KNOWN, "gcn": gcn()}


TWO = np.isin(np.arange(34), [0, 1]).astype(float)

table(
    "08.2",
    answers_2,
    {
        "the text": {},
        "trained in Keras": lambda: {"gcn": gcn_trained()},
        "wide": lambda: {"gcn": gcn_trained(hidden=(256,))},
        "surer than the solution": lambda: {"gcn": gcn_surer},
        "roots by matrices": {"normalise": lambda A: np.diag(A.sum(1) ** -0.5) @ A @ np.diag(A.sum(1) ** -0.5)},
        "GCN without NumPy": {"normalise": lambda A: (A / A.sum(1, keepdims=True) ** 0.5) / A.sum(0) ** 0.5},
        "one column, fixed size": lambda: {"gcn": gcn_one_column()},
        "subclassed, booleans": lambda: {"gcn": gcn_subclassed(), "known": KNOWN > 0},
        "a function, a list": lambda: {"gcn": gcn_numpy, "known": KNOWN.tolist()},
        "with an axis in front": {"known": KNOWN[None].astype("float32")},
    },
    [
        ("rows", "rows only", {"normalise": mean_matrix}),
        ("no-root", "no root", {"normalise": lambda A: A / np.outer(A.sum(1), A.sum(1))}),
        ("loops-twice", "self-loops again", {"normalise": lambda A: normalise(A + np.eye(len(A)))}),
        ("loops-out", "self-loops taken out", {"normalise": lambda A: no_loops(A)}),
        (
            "loops-out",
            "self-loops taken out, degrees kept",
            {"normalise": lambda A: normalise(A) * (1 - np.eye(len(A)))},
        ),
        ("multiplied", "multiplied", {"normalise": lambda A: A * np.sqrt(np.outer(A.sum(1), A.sum(1)))}),
        ("not-divided", "A itself", {"normalise": lambda A: A}),
        ("leak", "all labels", {"known": np.ones(34)}),
        ("indices", "two numbers", {"known": [0, 33]}),
        ("two-known", "members counted from 1", {"known": np.roll(KNOWN, 1)}),
        ("two-known", "other members", {"known": TWO}),
        ("wrong-shape", "one too few", {"known": KNOWN[1:]}),
        ("not-trained|constant", "not trained", lambda: {"gcn": gcn(epochs=0)}),
        ("graph-unused", "edges unused", lambda: {"gcn": gcn(graph=False)}),
        ("same-in-any-order", "dense across the members", lambda: {"gcn": flattened()}),
        ("labels-swapped", "labels exchanged", lambda: {"gcn": lambda inputs: gcn_numpy(inputs)[..., ::-1]}),
        ("wrong-shape", "one answer for all", lambda: {"gcn": lambda inputs: gcn_numpy(inputs).mean(axis=1)}),
        ("one-degree", "the row's degree", {"normalise": lambda A: A / np.sqrt(A.sum(1))[:, None]}),
        ("one-degree", "the column's degree", {"normalise": lambda A: A / np.sqrt(A.sum(1))}),
        ("inputs-swapped", "the graph first", lambda: {"gcn": gcn_of_graph_first()}),
        ("not-probabilities", "softmax forgotten", lambda: {"gcn": lambda inputs: 0.5 + 0.02 * gcn_numpy(inputs)}),
        ("one-layer", "one layer", {"gcn": gcn_one_layer}),
        ("one-layer", "one layer, trained", lambda: {"gcn": gcn_trained(hidden=())}),
        ("more-layers", "three layers", lambda: {"gcn": gcn_trained(hidden=(16, 16))}),
        ("more-layers", "four layers", lambda: {"gcn": gcn_trained(hidden=(16, 16, 16))}),
        ("more-layers", "three layers, all labels", lambda: {"gcn": gcn_trained(everybody=True, hidden=(16, 16))}),
        ("not-probabilities", "two sigmoids", lambda: {"gcn": gcn_trained(last="sigmoid")}),
        ("two-known", "the hidden ones", {"known": 1 - KNOWN}),
        ("logits", "logits", lambda: {"gcn": gcn(last=None)}),
        ("labels|one-hot", "rounded", lambda: {"gcn": lambda inputs: np.round(gcn_numpy(inputs))}),
        ("leak", "no sample_weight", lambda: {"gcn": gcn_trained(everybody=True)}),
        ("leak", "learned from all labels", lambda: {"gcn": gcn(weights=(1.0,) * 34)}),
        ("whole-sum", "the sum of everything", {"normalise": lambda A: A / A.sum()}),
        ("degrees-added", "degrees added", {"normalise": lambda A: A / np.sqrt(np.add.outer(A.sum(1), A.sum(1)))}),
        ("wrong-type", "the history", lambda: {"gcn": history()}),
        ("accuracy", "edges only in use, not in training", lambda: {"gcn": no_edges_in_training}),
    ],
)


def no_loops(A):
    others = A - np.eye(len(A))
    degree = np.maximum(others.sum(axis=1), 1)
    return others / np.sqrt(np.outer(degree, degree))


def history():
    import keras

    return keras.callbacks.History()


def no_edges_in_training(inputs):
    features, graph = (np.asarray(part, dtype=float) for part in inputs)
    W1, W2 = club_weights(graph=False)
    return softmax(0.01 * (graph @ np.tanh(graph @ features @ W1) @ W2) + np.tanh(features @ W1) @ W2)


# --- 08.3


def shuffle_particles(particles, mask, seed):
    order = np.random.default_rng(seed).random(mask.shape).argsort(axis=1)
    return np.take_along_axis(particles, order[:, :, None], axis=1), np.take_along_axis(mask, order, axis=1)


def one_order(particles, mask, seed):
    order = np.random.RandomState(seed).permutation(mask.shape[1])
    return particles[:, order], mask[:, order]


def event_by_event(particles, mask, seed):
    rng = np.random.RandomState(seed)
    orders = [rng.permutation(len(there)) for there in mask]
    return [np.array([row[order] for row, order in zip(rows, orders)]) for rows in (particles, mask)]


def in_place(particles, mask, seed):
    particles[:], mask[:] = shuffle_particles(particles, mask, seed)
    return particles, mask


def real_only(particles, mask, seed):
    """The padding stays at the end."""
    rng, particles = np.random.default_rng(seed), particles.copy()
    for event, there in zip(particles, mask):
        event[: int(there.sum())] = rng.permutation(event[: int(there.sum())])
    return particles, mask.copy()


def shuffle_loop(particles, mask, seed):
    rng, both = np.random.default_rng(seed), np.concatenate([particles, mask[:, :, None]], axis=2)
    for event in both:
        rng.shuffle(event)
    return [both[:, :, :3], both[:, :, 3]]


@cache
def masked(how="sum", width=64):
    """A pooling layer of one kind."""
    from keras import layers, ops

    class Pool(layers.Layer):
        def call(self, inputs):
            states, mask = inputs
            if how == "two axes":
                return ops.sum(states * mask, axis=1)
            kept = states * mask[:, :, None]
            if how == "mean":
                return ops.sum(kept, axis=1) / ops.sum(mask, axis=1, keepdims=True)
            if how == "mean of all":
                return ops.mean(kept, axis=1)
            if how == "no mask":
                return ops.sum(states, axis=1)
            if how == "max of all":
                return ops.max(states, axis=1)
            return ops.sum(kept, axis=1)

    return Pool


@trained_once
def trained_weights():
    """Weights of the notebook's network, trained once for all the cases that share them."""
    import keras

    from coursekit.data import make_decays

    keras.utils.set_random_seed(0)
    particles, mask, label = make_decays(5000, seed=1)
    model = network()
    model.compile(keras.optimizers.Adam(0.004), "binary_crossentropy")
    model.fit([particles, mask], label, epochs=15, batch_size=128, verbose=0)
    return model.get_weights()


def network(how="sum", rows=None, last="sigmoid", rate=0, mask_first=False):
    import keras
    from keras import layers

    inputs = [keras.Input((rows, 3)), keras.Input((rows,))]
    states = layers.Dense(64, activation="relu")(inputs[0])
    states = layers.Dropout(rate)(layers.Dense(64, activation="relu")(states))
    event = layers.Dense(64, activation="relu")(masked(how)()([states, inputs[1]]))
    return keras.Model(inputs[::-1] if mask_first else inputs, layers.Dense(1, activation=last)(event))


@cache
def set_model(trained=True, shift=0.0, **changed):
    """The network with the trained weights; `shift` is added to a bias before the sum."""
    model = network(**changed)
    if trained:
        weights = [part.copy() for part in trained_weights()]
        weights[3][0] += shift
        model.set_weights(weights)
    return model


@cache
def set_subclassed():
    """The same network as a subclass that answers with the probabilities of both labels."""
    import keras
    from keras import ops

    inner = set_model()

    class Sets(keras.Model):
        def call(self, inputs):
            p = inner(inputs)
            return ops.concatenate([1 - p, p], axis=-1)

    return Sets()


def by_hand(inputs, where=0.065):
    """No network: how far the momenta are from one line. A right answer all the same, judged by what it does."""
    particles, mask = (np.asarray(part, dtype=float) for part in inputs)
    kept = particles * mask[:, :, None]
    sizes = np.linalg.eigvalsh(np.einsum("npi,npj->nij", kept, kept))
    return 1 / (1 + np.exp(-60 * (sizes[:, 1] / sizes[:, 2] - where)))


def torch_style(inputs):
    """The network's forward pass in NumPy, as float64, shape (n,)."""
    particles, mask = (np.asarray(part, dtype=float) for part in inputs)
    W1, b1, W2, b2, W3, b3, W4, b4 = trained_weights()
    states = np.maximum(np.maximum(particles @ W1 + b1, 0) @ W2 + b2, 0) * mask[:, :, None]
    logits = (np.maximum(states.sum(axis=1) @ W3 + b3, 0) @ W4 + b4)[:, 0]
    return 1 / (1 + np.exp(-logits))


@cache
def flat():
    """Dense layers on the rows one after the other."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    inputs = [keras.Input((12, 3)), keras.Input((12,))]
    hidden = layers.Dense(64, activation="relu")(layers.Flatten()(inputs[0]))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))


@cache
def wide_convolution():
    """A convolution that looks at three particles at once, and the sum over what is there."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    inputs = [keras.Input((None, 3)), keras.Input((None,))]
    states = layers.Conv1D(64, 3, padding="same", activation="relu")(inputs[0])
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(masked()()([states, inputs[1]])))


@cache
def linear_before_the_sum():
    """The total momentum and the number of fragments are all that the last layers get."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    inputs = [keras.Input((None, 3)), keras.Input((None,))]
    states = layers.Dense(64)(layers.Dense(64)(inputs[0]))
    event = layers.Dense(64, activation="relu")(masked()()([states, inputs[1]]))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(event))


@cache
def recurrent():
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    inputs = [keras.Input((None, 3)), keras.Input((None,))]
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.SimpleRNN(8)(inputs[0])))


def unmasked(inputs):
    """No biases before the sum: zeros add nothing, rubbish does."""
    particles = np.asarray(inputs[0], dtype=float)
    return by_hand([particles, np.ones(particles.shape[:2])])


def answers_3():
    return {"shuffle_particles": shuffle_particles, "set_model": set_model()}


def components(particles, mask, seed):
    order = np.random.default_rng(seed).permutation(3)
    return particles[:, :, order[[1, 2, 0]] if (order == np.arange(3)).all() else order], mask


table(
    "08.3",
    answers_3,
    {
        "the text": {},
        "an order for each event, drawn one by one": {"shuffle_particles": event_by_event},
        "a loop, dropout": lambda: {"shuffle_particles": shuffle_loop, "set_model": set_model(rate=0.1)},
        "a class of one's own": lambda: {"shuffle_particles": shuffle_loop, "set_model": torch_style},
        "subclassed, two columns": lambda: {"set_model": set_subclassed()},
        "a function, (n,)": lambda: {"set_model": torch_style},
        "eigenvalues by hand": {"set_model": by_hand},
    },
    [
        ("not-shuffled", "as it was", {"shuffle_particles": lambda p, m, seed: (p, m)}),
        ("mask-left", "mask left", {"shuffle_particles": lambda p, m, s: (shuffle_particles(p, m, s)[0], m)}),
        ("particles-left", "particles left", {"shuffle_particles": lambda p, m, s: (p, shuffle_particles(p, m, s)[1])}),
        ("components-shuffled", "components", {"shuffle_particles": components}),
        (
            "events-shuffled",
            "events",
            {"shuffle_particles": lambda p, m, s: (p[np.random.default_rng(s).permutation(len(p))], m)},
        ),
        ("seed-unused", "seed unused", {"shuffle_particles": lambda p, m, s: shuffle_particles(p, m, 0)}),
        ("not-seeded", "not seeded", {"shuffle_particles": lambda p, m, s: shuffle_particles(p, m, None)}),
        ("wrong-type", "particles only", {"shuffle_particles": lambda p, m, s: shuffle_particles(p, m, s)[0]}),
        (
            "other-particles",
            "each column its own order",
            {"shuffle_particles": lambda p, m, s: (np.random.default_rng(s).permuted(p, axis=1), m)},
        ),
        ("one-order", "one order for all events", {"shuffle_particles": one_order}),
        ("changes-input", "in place", {"shuffle_particles": in_place}),
        ("padding-left", "only the real ones", {"shuffle_particles": real_only}),
        ("inputs-swapped", "the mask first", lambda: {"set_model": set_model(mask_first=True)}),
        ("mask-axis", "the mask with two axes", lambda: {"set_model": set_model(how="two axes")}),
        ("constant", "softmax of one unit", lambda: {"set_model": set_model(last="softmax")}),
        ("order-unseen", "flattened", lambda: {"set_model": flat()}),
        ("order-unseen", "recurrent", lambda: {"set_model": recurrent()}),
        ("padding-counts", "no mask", lambda: {"set_model": set_model(how="no mask", shift=2.0)}),
        ("padding-unseen", "no mask, zeros give 0", lambda: {"set_model": set_model(how="no mask", shift=-0.3)}),
        ("padding-counts", "mean over all rows", lambda: {"set_model": set_model(how="mean of all")}),
        ("padding-counts|padding-unseen", "maximum, no mask", lambda: {"set_model": set_model(how="max of all")}),
        ("padding-unseen", "zeros trusted", {"set_model": unmasked}),
        ("fixed-size", "twelve rows only", lambda: {"set_model": set_model(rows=12)}),
        ("coin", "not trained", lambda: {"set_model": set_model(trained=False)}),
        ("coin", "no activation before the sum", lambda: {"set_model": linear_before_the_sum()}),
        ("accuracy", "half-way there", {"set_model": lambda inputs: by_hand(inputs, where=0.04)}),
        ("order-unseen", "a wide convolution", lambda: {"set_model": wide_convolution()}),
        ("labels-swapped", "labels exchanged", {"set_model": lambda inputs: 1 - by_hand(inputs)}),
        ("logits", "no sigmoid", lambda: {"set_model": set_model(last=None)}),
        ("labels", "rounded", {"set_model": lambda inputs: np.round(by_hand(inputs))}),
        ("wrong-shape", "a row a particle", {"set_model": lambda inputs: np.asarray(inputs[0])[:, :, :1]}),
        ("constant", "one half", {"set_model": lambda inputs: np.full((len(inputs[1]), 1), 0.5)}),
    ],
)


# --- 08.4


def new_edges(E, V, u, senders, receivers, A):
    A_e, A_r, A_s, A_u = A
    return np.tanh(E @ A_e + V[receivers] @ A_r + V[senders] @ A_s + u @ A_u)


def received(E, nodes, n_nodes):
    total = np.zeros((n_nodes, E.shape[1]))
    np.add.at(total, nodes, E)
    return total


def new_nodes(new_E, V, u, senders, receivers, B):
    B_e, B_v, B_u = B
    return np.tanh(received(new_E, receivers, len(V)) @ B_e + V @ B_v + u @ B_u)


def graph_block(E, V, u, senders, receivers, A, B, C):
    new_E = new_edges(E, V, u, senders, receivers, A)
    new_V = new_nodes(new_E, V, u, senders, receivers, B)
    return new_E, new_V, whole(new_E, new_V, u, C)


def whole(E, V, u, C, pool=np.sum):
    return np.tanh(pool(E, axis=0) @ C[0] + pool(V, axis=0) @ C[1] + u @ C[2])


def renumber(V, senders, receivers, order):
    place = np.argsort(order)
    return V[order], place[senders], place[receivers]


def edges_by_loop(E, V, u, senders, receivers, A):
    states = []
    for e, s, r in zip(E, senders, receivers):
        states.append(np.tanh(np.concatenate([e, V[r], V[s], u]) @ np.concatenate(A)).tolist())
    return states


def received_in(table, E, nodes):
    np.add.at(table, nodes, E)
    return table


def nodes_with_columns_of_nodes(new_E, V, u, senders, receivers, B):
    return np.tanh(received_in(np.zeros_like(V), new_E, receivers) @ B[0] + V @ B[1] + u @ B[2])


def nodes_by_loop(new_E, V, u, senders, receivers, B):
    nodes = []
    for i, v in enumerate(V):
        messages = sum((e for e, r in zip(new_E, receivers) if r == i), np.zeros(new_E.shape[1]))
        nodes.append(np.tanh(messages @ B[0] + v @ B[1] + u @ B[2]))
    return nodes


def nodes_by_matrix(new_E, V, u, senders, receivers, B):
    joined = np.eye(len(V))[receivers]  # one row for each edge, 1 at its receiver
    parts = [joined.T @ new_E, V, np.tile(u, (len(V), 1))]
    return np.tanh(np.hstack(parts) @ np.vstack(B))


def nodes_by_bincount(new_E, V, u, senders, receivers, B):
    sums = np.stack([np.bincount(receivers, column, len(V)) for column in new_E.T], axis=1)
    return np.tanh(sums @ B[0] + V @ B[1] + u @ B[2])


def nodes_by_keras(new_E, V, u, senders, receivers, B):
    from keras import ops

    sums = ops.segment_sum(new_E, receivers, num_segments=len(V))
    return ops.tanh(ops.matmul(sums, B[0]) + ops.matmul(V, B[1]) + u @ B[2])


def block_by_loops(E, V, u, senders, receivers, A, B, C):
    new_E = np.array(edges_by_loop(E, V, u, senders, receivers, A))
    new_V = np.array(nodes_by_loop(new_E, V, u, senders, receivers, B))
    return [new_E, new_V, np.tanh(np.hstack([sum(new_E), sum(new_V), u]) @ np.vstack(C))]


def renumber_by_search(V, senders, receivers, order):
    order = list(order)
    return [V[i] for i in order], [order.index(s) for s in senders], [order.index(r) for r in receivers]


def renumber_by_matrix(V, senders, receivers, order):
    P = np.eye(len(V))[order]
    return P @ V, P.argmax(axis=0)[senders], P.argmax(axis=0)[receivers]


def renumber_by_filling(V, senders, receivers, order):
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return np.take(V, order, axis=0), place[senders], place[receivers]


def renumber_by_floats(V, senders, receivers, order):
    place = np.zeros(len(order))
    place[order] = np.arange(len(order))
    return V[order], place[senders], place[receivers]


def renumber_with(rows, ends):
    return lambda V, s, r, order: (V[rows(order)], ends(order)[s], ends(order)[r])


def itself(order):
    return order


def edges_of(receiver, sender, scale=(1, 1, 1, 1)):
    """The edge step with other ends, or with a part left out."""

    def step(E, V, u, senders, receivers, A):
        ends = {"receiver": V[receivers], "sender": V[senders]}
        parts = E, ends[receiver], ends[sender], u
        return np.tanh(sum(k * part @ M for k, part, M in zip(scale, parts, A)))

    return step


def nodes_of(messages, scale=(1, 1, 1)):
    """The node step with the messages of another rule, or with a part left out."""

    def step(new_E, V, u, senders, receivers, B):
        parts = messages(new_E, senders, receivers, len(V)), V, u
        return np.tanh(sum(k * part @ M for k, part, M in zip(scale, parts, B)))

    return step


def own(E, senders, receivers, n):
    return received(E, receivers, n)


def mean_message(E, senders, receivers, n):
    with np.errstate(all="ignore"):
        return received(E, receivers, n) / np.bincount(receivers, minlength=n)[:, None]


def largest_message(E, senders, receivers, n):
    return np.array([max_or_zero(E[receivers == i]) for i in range(n)])


def max_or_zero(rows):
    return rows.max(axis=0) if len(rows) else np.zeros(rows.shape[1])


def largest_above_zero(E, senders, receivers, n):
    table = np.zeros((n, E.shape[1]))
    np.maximum.at(table, receivers, E)
    return table


def one_message(E, senders, receivers, n):
    table = np.zeros((n, E.shape[1]))
    table[receivers] += E
    return table


def mean_times_count(E, senders, receivers, n):
    count = np.bincount(receivers, minlength=n)[:, None]
    with np.errstate(all="ignore"):
        return received(E, receivers, n) / count * count


def block_with(change):
    """The block, where `change` makes the state of the graph from old and new edges and nodes."""

    def block(E, V, u, senders, receivers, A, B, C):
        new_E, new_V, _ = graph_block(E, V, u, senders, receivers, A, B, C)
        return new_E, new_V, change(E, V, new_E, new_V, u, C)

    return block


def block_of_old_edges(E, V, u, senders, receivers, A, B, C):
    new_E, new_V = new_edges(E, V, u, senders, receivers, A), new_nodes(E, V, u, senders, receivers, B)
    return new_E, new_V, whole(new_E, new_V, u, C)


def block_of_new_graph(E, V, u, senders, receivers, A, B, C):
    """The graph first: then all three are wrong."""
    return graph_block(E, V, whole(E, V, u, C), senders, receivers, A, B, C)


def block_with_wrong_messages(E, V, u, senders, receivers, A, B, C):
    new_E = new_edges(E, V, u, senders, receivers, A)
    new_V = new_nodes(new_E, V, u, receivers, senders, B)
    return new_E, new_V, whole(new_E, new_V, u, C)


table(
    "08.4",
    lambda: {"new_edges": new_edges, "new_nodes": new_nodes, "graph_block": graph_block, "renumber": renumber},
    {
        "the text": {},
        "loops and lists": {
            "new_edges": edges_by_loop,
            "new_nodes": nodes_by_loop,
            "graph_block": block_by_loops,
            "renumber": renumber_by_search,
        },
        "matrices of zeros and ones": {"new_nodes": nodes_by_matrix, "renumber": renumber_by_matrix},
        "bincount and an array that is filled": {"new_nodes": nodes_by_bincount, "renumber": renumber_by_filling},
        "Keras": {"new_nodes": nodes_by_keras},
        "float32": {"new_edges": lambda *args: new_edges(*args).astype("float32")},
    },
    [
        ("ends-exchanged", "sender and receiver exchanged", {"new_edges": edges_of("sender", "receiver")}),
        ("one-end-twice", "the receiver twice", {"new_edges": edges_of("receiver", "receiver")}),
        ("one-end-twice", "the sender twice", {"new_edges": edges_of("sender", "sender")}),
        ("one-end-missing", "no sender", {"new_edges": edges_of("receiver", "sender", (1, 1, 0, 1))}),
        ("one-end-missing", "no receiver", {"new_edges": edges_of("receiver", "sender", (1, 0, 1, 1))}),
        ("edges-unused", "no edge features", {"new_edges": edges_of("receiver", "sender", (0, 1, 1, 1))}),
        ("graph-unused", "no graph in the edges", {"new_edges": edges_of("receiver", "sender", (1, 1, 1, 0))}),
        ("no-tanh", "edges without tanh", {"new_edges": lambda *args: np.arctanh(new_edges(*args))}),
        ("new-edges", "another activation", {"new_edges": lambda *args: np.maximum(np.arctanh(new_edges(*args)), 0)}),
        ("wrong-shape", "edges summed", {"new_edges": lambda *args: new_edges(*args).sum(axis=0)}),
        ("senders", "to the sender", {"new_nodes": nodes_of(lambda E, s, r, n: received(E, s, n))}),
        (
            "both-ends",
            "counted twice",
            {"new_nodes": nodes_of(lambda E, s, r, n: received(E, s, n) + received(E, r, n))},
        ),
        ("maximum", "the largest", {"new_nodes": nodes_of(largest_message)}),
        ("maximum", "the largest above zero", {"new_nodes": nodes_of(largest_above_zero)}),
        ("mean", "the mean", {"new_nodes": nodes_of(mean_message)}),
        ("not-finite", "isolated nodes divided by zero", {"new_nodes": nodes_of(mean_times_count)}),
        ("last-message", "+=", {"new_nodes": nodes_of(one_message)}),
        ("all-messages", "all messages for all", {"new_nodes": nodes_of(lambda E, s, r, n: E.sum(0) + 0 * E[:1])}),
        (
            "last-nodes",
            "as many rows as the largest receiver",
            {"new_nodes": nodes_of(lambda E, s, r, n: received(E, r, r.max() + 1))},
        ),
        ("last-nodes", "five people", {"new_nodes": nodes_of(lambda E, s, r, n: received(E, r, 5))}),
        ("columns", "as many columns as V", {"new_nodes": nodes_with_columns_of_nodes}),
        ("columns", "three columns", {"new_nodes": nodes_of(lambda E, s, r, n: received_in(np.zeros((n, 3)), E, r))}),
        ("no-messages", "no messages", {"new_nodes": nodes_of(own, (0, 1, 1))}),
        ("own-state-unused", "nodes forget themselves", {"new_nodes": nodes_of(own, (1, 0, 1))}),
        ("graph-unused", "no graph in the nodes", {"new_nodes": nodes_of(own, (1, 1, 0))}),
        ("no-tanh", "nodes without tanh", {"new_nodes": lambda *args: np.arctanh(new_nodes(*args))}),
        ("new-nodes", "doubled and squashed", {"new_nodes": nodes_of(own, (2, 1, 1))}),
        (
            "old-nodes",
            "the graph reads old nodes",
            {"graph_block": block_with(lambda E, V, E2, V2, u, C: whole(E2, V, u, C))},
        ),
        (
            "old-edges",
            "the graph reads old edges",
            {"graph_block": block_with(lambda E, V, E2, V2, u, C: whole(E, V2, u, C))},
        ),
        (
            "old-states",
            "the graph reads old states",
            {"graph_block": block_with(lambda E, V, E2, V2, u, C: whole(E, V, u, C))},
        ),
        ("messages-of-old-edges", "nodes read old edges", {"graph_block": block_of_old_edges}),
        (
            "mean-of-all",
            "the graph takes means",
            {"graph_block": block_with(lambda E, V, E2, V2, u, C: whole(E2, V2, u, C, np.mean))},
        ),
        (
            "maximum-of-all",
            "the graph takes the largest",
            {"graph_block": block_with(lambda E, V, E2, V2, u, C: whole(E2, V2, u, C, np.max))},
        ),
        (
            "no-edges",
            "the graph without edges",
            {"graph_block": block_with(lambda E, V, E2, V2, u, C: whole(0 * E2, V2, u, C))},
        ),
        (
            "no-nodes",
            "the graph without nodes",
            {"graph_block": block_with(lambda E, V, E2, V2, u, C: whole(E2, 0 * V2, u, C))},
        ),
        (
            "no-graph",
            "the graph forgets itself",
            {"graph_block": block_with(lambda E, V, E2, V2, u, C: whole(E2, V2, 0 * u, C))},
        ),
        (
            "no-tanh",
            "the graph without tanh",
            {"graph_block": block_with(lambda E, V, E2, V2, u, C: np.arctanh(whole(E2, V2, u, C)))},
        ),
        ("graph-block", "the graph first", {"graph_block": block_of_new_graph}),
        ("graph-block", "messages to the senders", {"graph_block": block_with_wrong_messages}),
        (
            "graph-block",
            "the graph as it was",
            {"graph_block": block_with(lambda E, V, E2, V2, u, C: whole(-E2, V2, u, C))},
        ),
        ("wrong-type", "the graph alone", {"graph_block": lambda *args: graph_block(*args)[2]}),
        (
            "wrong-shape",
            "nodes before edges",
            {"graph_block": lambda *args: [graph_block(*args)[i] for i in (1, 0, 2)]},
        ),
        ("order-in-place-of-inverse", "order of the ends", {"renumber": renumber_with(itself, itself)}),
        ("backwards", "the other way round", {"renumber": renumber_with(np.argsort, itself)}),
        ("nodes-backwards", "nodes the other way round", {"renumber": renumber_with(np.argsort, np.argsort)}),
        ("nodes-left", "nodes left", {"renumber": lambda V, s, r, order: (V, *renumber(V, s, r, order)[1:])}),
        ("edges-left", "edges left", {"renumber": lambda V, s, r, order: (V[order], s, r)}),
        ("nothing-moved", "nothing moved", {"renumber": lambda V, s, r, order: (V, s, r)}),
        ("not-whole", "floats", {"renumber": renumber_by_floats}),
        ("ends-exchanged", "ends exchanged", {"renumber": lambda *args: [renumber(*args)[i] for i in (0, 2, 1)]}),
        ("renumber", "edges sorted", {"renumber": lambda *args: [renumber(*args)[0], *np.sort(renumber(*args)[1:])]}),
        ("renumber", "nodes reversed", {"renumber": lambda V, s, r, order: (V[::-1], s, r)}),
    ],
)
