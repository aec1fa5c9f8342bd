"""Checks of notebook 08: message passing, a graph of people, and sets of particles."""

from dataclasses import replace

import numpy as np
from sklearn.metrics import log_loss

from coursekit.checks.codec import Handle
from coursekit.checks.framework import Wrong, exercise, threshold, without_machinery
from coursekit.checks.proxy import NotAttempted, StudentError
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import agrees, as_array, first_wrong, returned, returned_parts
from coursekit.checks.vocabulary.metrics import check_limit
from coursekit.checks.vocabulary.models import as_binary_probabilities, as_class_probabilities

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py. One of 32 members is 0.03125.
# "surprise" is the smallest log loss on the hidden labels of who knows but two.
MARGINS = {"08.2": {"accuracy": -0.0625, "surprise": -0.025}, "08.3": {"accuracy": -0.03}}


def random_graph(rng, n_nodes=8, n_edges=9, alone=1):
    """Edges of a graph, each pair once and in either order, and its adjacency matrix with self-loops.

    The last node has no edge where `alone` is 1; where it is 0, every node has one.
    """
    pairs = np.argwhere(np.triu(np.ones((n_nodes - alone, n_nodes - alone)), k=1))
    while True:
        edges = rng.permuted(rng.choice(pairs, n_edges, replace=False), axis=1)
        if alone or len(np.unique(edges)) == n_nodes:
            break
    A = np.eye(n_nodes)
    A[edges[:, 0], edges[:, 1]] = A[edges[:, 1], edges[:, 0]] = 1
    return edges, A


# --- 08.1


@exercise(
    "08.1",
    title="Messages along the edges",
    points=4,
    needs={
        "adjacency": "a function of edges and n_nodes that gives the adjacency matrix with self-loops",
        "mean_matrix": "a function of A that gives the matrix which takes the means",
        "heard_of": "a function of A and rounds that gives booleans, who has heard of whom",
        "GraphLayer": "the class of your layer, not an object of it",
    },
    hints=(
        "Begin the adjacency matrix with `np.eye(n_nodes)`; the two columns of `edges` are row and column numbers of its "
        "ones, once in each direction. The mean divides each row by its own sum.",
        "For `heard_of` let everybody begin with a state of their own, the rows of `np.eye(n)`, and send messages: what "
        "is not 0 has arrived. The layer needs one `layers.Dense`, made in `__init__`, so that its weights are kept.",
        "`A[edges[:, 0], edges[:, 1]] = 1` and the reverse; `A / A.sum(axis=1, keepdims=True)`; "
        "`np.linalg.matrix_power(A, rounds) > 0`; `self.dense = layers.Dense(units)` and "
        "`return self.activation(ops.matmul(graph, self.dense(features)))`.",
    ),
    expected="Person 0's rumour is known to 1, 3 and 4 people after 0, 1 and 2 rounds; the layer gives shape (b, n, units).",
)
def message_passing(student, rng):
    """The three functions on fresh graphs; the layer as a function of features and graph, its weights read off by probes."""
    # Every node with an edge first: there most slips give finite numbers, by which they can be told.
    graphs = [
        random_graph(rng, 7, 9, alone=0),
        random_graph(rng),
        random_graph(rng, 11, 12),
        random_graph(rng, 2, 1, alone=0),
    ]
    yield lambda: first_wrong(adjacent(student, *graph) for graph in graphs)
    yield lambda: first_wrong(means(student, A) for _, A in graphs)
    yield lambda: first_wrong(heard(student, A) for _, A in graphs)
    yield lambda: layer_mixes(student, rng)


def adjacent(student, edges, A):
    """The finding on `adjacency`."""
    eye = np.eye(len(A))
    up, down = eye.copy(), eye.copy()
    up[edges[:, 0], edges[:, 1]] = down[edges[:, 1], edges[:, 0]] = 1
    one_way = (
        "Each edge is in `adjacency` in one direction only: who talks also listens, so set both [i, j] and [j, i]."
    )
    given = returned(student, "adjacency", edges, len(A), shape=A.shape)
    slips = {
        "no-self-loops": (A - eye, "The diagonal of `adjacency` is 0. Each node needs an edge to itself."),
        "one-way": (up, one_way),
        "one-way-and-no-loops": (up - eye, one_way + " The self-loops are missing too."),
        "double-loops": (A + eye, "The diagonal of `adjacency` is 2: the self-loops were added twice."),
    }
    for begin in (eye, 0 * eye):
        rows = begin.copy()
        rows[edges] = 1
        if np.array_equal(given, rows) and not np.array_equal(rows, A):
            message = (
                "`adjacency` has whole rows of ones: both columns of `edges` were taken as row numbers. Write "
                "`A[edges[:, 0], edges[:, 1]]`."
            )
            return Finding("whole-rows", False, message, points=1)
    slips["one-way"] = (down, one_way) if np.allclose(given, down) else slips["one-way"]
    return agrees("adjacency", "`adjacency`", given, A, slips, points=1)


def means(student, A):
    """The finding on `mean_matrix`."""
    degree = A.sum(axis=1)
    slips = {
        "columns": (
            A / degree,
            "`mean_matrix` divides each column by its sum. A row holds one node's neighbours, so divide each row: "
            "`A.sum(axis=1, keepdims=True)`.",
        ),
        "not-divided": (A, "`mean_matrix` gives A as it was: divide each row by its sum, the degree."),
        "whole-mean": (A / len(A), "`mean_matrix` divides by the number of all nodes, not by the node's degree."),
        "symmetric": (
            normalised(A),
            "This divides by the roots of both degrees: the matrix of 08.2. Here divide rows.",
        ),
        "self-not-counted": (
            A / np.maximum(degree - 1, 1)[:, None],
            "`mean_matrix` divides by the number of neighbours; the node itself counts too, for its self-loop.",
        ),
        "whole-sum": (
            A / A.sum(),
            "`mean_matrix` divides by the sum of the whole matrix. Each row is to be divided by its own sum: "
            "`A.sum(axis=1, keepdims=True)`.",
        ),
        "largest": (A / degree.max(), "`mean_matrix` divides by the largest degree; each row has its own."),
        "one-root": (
            A / np.sqrt(degree)[:, None],
            "`mean_matrix` divides by the root of the degree; the mean divides by the degree itself.",
        ),
        "self-out": (
            (A - np.eye(len(A))) / np.maximum(degree - 1, 1)[:, None],
            "`mean_matrix` takes the self-loops out: the mean goes over the neighbours and the node itself.",
        ),
        "inverse": (
            np.diag(1 / degree),
            "`mean_matrix` gives 1 / degree on the diagonal alone. Multiply A by it, from the left.",
        ),
        "degrees": (np.diag(degree), "`mean_matrix` gives the degrees on the diagonal. Divide the rows of A by them."),
        "zeros-too": (
            np.full_like(A, 1 / len(A)),
            "`mean_matrix` takes the mean over everybody, neighbours or not.",
        ),
    }
    if np.ptp(degree) > 0:  # else rows, columns and both are the same
        slips["columns-less-self"] = (
            A / np.maximum(degree - 1, 1e-12),
            "`mean_matrix` divides columns, and by the number of neighbours: divide each row, `keepdims=True`, by its sum.",
        )
    try:
        given = returned(student, "mean_matrix", A, shape=A.shape)
    except Wrong as wrong:
        if wrong.finding.code == "not-finite" and degree.min() == 1:
            raise Wrong(
                "self-not-counted",
                "`mean_matrix` gives NaN or infinity where a node has no neighbour. Its row holds the self-loop, a 1: divide "
                "by the sum of the whole row, in which the node itself counts.",
            ) from None
        raise
    sums, strangers = given.sum(axis=1), np.abs(given[A == 0]).max(initial=0)
    advice = f"Its rows add up to {sums.min():.3g} to {sums.max():.3g}; each should to 1."
    if np.allclose(sums, 1):
        advice = "Its rows add up to 1, as they should. Within a row all neighbours count alike."
    if strangers > 1e-6:
        advice = f"A node that is no neighbour gets the share {strangers:.3g}; it should be 0."
    return agrees(
        "mean-matrix", "`mean_matrix`", given, A / degree[:, None], slips, 1, advice, quantities={"n": len(A)}
    )


def heard(student, A):
    """The finding on `heard_of`, for 0 to 3 rounds."""
    for rounds in (2, 0, 1, 3, 6):
        given = returned(student, "heard_of", A, rounds, shape=A.shape)
        reach = {r: np.linalg.matrix_power(A, r) > 0 for r in range(rounds + 2)}
        if not np.isin(given, (0, 1)).all():
            raise Wrong("not-boolean", "`heard_of` gives numbers. A yes or a no was expected: compare with 0.")
        if np.array_equal(given, reach[rounds]):
            continue
        seen = next((r for r in reach if np.array_equal(given, reach[r])), None)
        if seen is not None:
            raise Wrong(
                "wrong-rounds",
                f"`heard_of(A, {rounds})` gives what is known after {seen} round{'' if seen == 1 else 's'}.",
            )
        if np.array_equal(given, ~reach[rounds]):
            raise Wrong("negated", "`heard_of` says True where nothing was heard.")
        if np.array_equal(given, np.linalg.matrix_power(A - np.eye(len(A)), rounds) > 0):
            raise Wrong(
                "forgets",
                f"`heard_of(A, {rounds})` forgets what was heard before: only what arrives in the last round counts in it. "
                "Keep the self-loops.",
            )
        if np.array_equal(given, reach[rounds] & ~np.eye(len(A), dtype=bool)):
            raise Wrong("not-oneself", "`heard_of` leaves the diagonal False; everybody has heard of themselves.")
        if rounds > 1 and np.array_equal(given, reach[rounds] & ~reach[rounds - 1]):
            raise Wrong(
                "last-round", "`heard_of` gives what is new in the last round; what was heard before counts too."
            )
        message = (
            f"`heard_of(A, {rounds})` says that {int(given.sum())} pairs have heard of each other; it is "
            f"{int(reach[rounds].sum())}."
        )
        return Finding("heard-of", False, message, points=1)
    return Finding("heard-of", True, "`heard_of` follows the rumour for 0 to 6 rounds.", points=1)


def layer_mixes(student, rng):
    """The finding on `GraphLayer`: what it answers is tanh(G (X W + b)) for some W and b that stay."""
    inside, units = 3, 4
    try:
        layer = student.call("GraphLayer", units, "tanh")
    except StudentError:
        if student.describe("GraphLayer")["family"] == "keras":
            raise Wrong(
                "wrong-type", "`GraphLayer` is a layer made from the class. Hand in the class: `GraphLayer=GraphLayer`."
            ) from None
        raise
    if not isinstance(layer, Handle):
        raise Wrong("wrong-type", "`GraphLayer(4, 'tanh')` does not give a layer. Hand in the class itself.")

    def ask(features, graph):
        answer = layer_answer(student, layer, [features.astype("float32"), graph.astype("float32")])
        given = as_array(answer, "What a `GraphLayer` returns")
        if given.shape != (*features.shape[:2], units):
            raise Wrong(
                "layer-shape",
                f"A `GraphLayer` of {units} units was given features of shape {features.shape} and a graph of shape "
                f"{graph.shape}, and returned {given.shape}; {(*features.shape[:2], units)} was expected.",
            )
        return given

    eye = np.eye(inside)[None]
    probe = ask(eye, eye)
    if not np.allclose(probe, ask(eye, eye), atol=1e-6):
        raise Wrong("new-weights", "Asked twice, the layer answers differently: make the weights once, in `__init__`.")
    size = student.describe(layer)["n_params"]
    if not size:
        raise Wrong("no-weights", "The layer has no weights that Keras knows of, so training cannot change any.")
    if size < inside * units + units:
        raise Wrong(
            "no-bias",
            f"For {inside} features and {units} units the layer has {size} parameters; weights and a bias make "
            f"{inside * units + units}. Leave the bias in the `layers.Dense`.",
        )
    empty = ask(np.zeros_like(eye), eye)
    X, G = rng.normal(0, 0.6, (2, 6, inside)), rng.uniform(0, 0.5, (2, 6, 6))
    given = ask(X, G)

    def learned(undo):
        """The weights and the bias, where `undo` takes the activation back."""
        b = undo(empty)[0, :1]
        return undo(probe)[0] - b, b

    W, b = learned(lambda y: np.arctanh(np.clip(y, -1 + 1e-7, 1 - 1e-7)))
    straight, offset = learned(lambda y: y)
    # The bias may be added before the messages or after. 1e-3 is what arctanh leaves of float32.
    if any(np.allclose(given, np.tanh(wanted), atol=1e-3) for wanted in (G @ (X @ W + b), G @ X @ W + b)):
        layer_joins(student, layer, inside)
        other_layer(student, X, G)
        return Finding("graph-layer", True, "`GraphLayer` mixes the nodes as the graph says.", points=1)
    twice, twice_b = learned(lambda y: np.arctanh(np.clip(np.arctanh(np.clip(y, -0.76, 0.76)), -1 + 1e-7, 1 - 1e-7)))
    slips = {
        "activation-twice": (
            np.tanh(G @ np.tanh(X @ twice + twice_b)),
            "The layer applies the activation twice, before the messages and after. Leave it out of the `layers.Dense`.",
        ),
        "activation-first": (
            G @ np.tanh(X @ W + b),
            "The layer applies the activation before the messages; mix the nodes first, then apply it.",
        ),
        "graph-unused": (np.tanh(X @ W + b), "The layer does not use the graph: multiply by it with `ops.matmul`."),
        "no-activation": (G @ (X @ straight + offset), "The layer does not apply its activation."),
        "transposed": (
            np.tanh(G.swapaxes(1, 2) @ (X @ W + b)),
            "The layer uses the graph's matrix turned over: row i holds whom node i listens to.",
        ),
        "divided-again": (
            np.tanh(G / G.sum(axis=2, keepdims=True) @ (X @ W + b)),
            "The layer divides the rows of the graph by their sums. The matrix that it is given is used as it is.",
        ),
        "state-added": (
            np.tanh((G @ (X @ W + b) + X @ W + b) / 2),  # W and b were read off with the state added
            "The layer adds each node's own state to the messages. The self-loops of the graph do that already.",
        ),
        "graph-twice": (
            np.tanh(G @ G @ (X @ W + b)),
            "The layer multiplies by the graph twice: one round was asked for.",
        ),
        "first-graph": (np.tanh(G[:1] @ (X @ W + b)), "The layer uses the first graph for all graphs of the batch."),
    }
    for code, (values, message) in slips.items():
        if np.allclose(given, values, atol=1e-3):
            raise Wrong(code, message)
    message = (
        "`GraphLayer(units, 'tanh')` is not tanh(graph @ (features @ W + b)) for any weights: compare your `call` with "
        "the text, step by step."
    )
    return Finding("graph-layer", False, message, points=1)


def layer_answer(student, layer, batch):
    """What the layer gives for features and graph, or the cause why it gives nothing."""
    try:
        return student.call(layer, batch)
    except NotAttempted:
        raise NotAttempted("GraphLayer.call", "it should `return` the new states.") from None
    except StudentError as error:
        if "'ellipsis' object is not callable" in error.text:
            raise NotAttempted("self.dense", "make a `layers.Dense` in `__init__` of `GraphLayer`.") from None
        if "ncompatible shapes" in error.text or "size-incompatible" in error.text:
            raise Wrong(
                "wrong-product",
                "In `call` of `GraphLayer` the shapes do not fit together. The graph comes first, and the product is one of "
                f"matrices: `ops.matmul(graph, states)`. ({without_machinery(error.text).split('.call(). ')[-1]})",
            ) from None
        raise


def other_layer(student, X, G):
    """Raises `Wrong` where a layer of other units and another activation is not what was asked for."""
    other = student.call("GraphLayer", 2, "softmax")
    given = as_array(
        layer_answer(student, other, [X.astype("float32"), G.astype("float32")]), "What a `GraphLayer` returns"
    )
    if given.shape != (*X.shape[:2], 2):
        raise Wrong(
            "layer-shape", f"`GraphLayer(2, 'softmax')` returns shape {given.shape}: is the number of units fixed?"
        )
    if np.abs(given.sum(axis=2) - 1).max() > 1e-3:
        raise Wrong(
            "fixed-activation",
            f"`GraphLayer(4, 'tanh')` is right, and the answers of `GraphLayer(2, 'softmax')` add up to {given[0, 0].sum():.2f} in "
            "place of 1: apply `self.activation`, whatever it is.",
        )


def layer_joins(student, layer, inside):
    """Raises `Wrong` where the layer cannot be part of a model, which is what 08.2 makes of it."""
    try:
        student.symbolic(layer, [(6, inside), (6, 6)])
    except StudentError as error:
        raise Wrong(
            "not-in-a-model",
            f"`GraphLayer` is right on arrays, but Keras cannot build a model with it ({error.kind}). In `call` use "
            "`ops.matmul` and other functions of `keras.ops`, not those of NumPy.",
        ) from None


def normalised(A):
    degree = A.sum(axis=1)
    return A / np.sqrt(np.outer(degree, degree))


# --- 08.2


@exercise(
    "08.2",
    title="Two labels are enough",
    points=4,
    needs={
        "normalise": "a function of A that divides by the square roots of both degrees",
        "known": "an array of shape (34,), 1 for the two members whose labels are known",
        "gcn": "a trained keras.Model of [features, graph]",
    },
    hints=(
        "`np.outer(degree, degree)` has the product of both degrees in each place. `known` is zero but for members 0 and 33.",
        "Two inputs, `keras.Input((None, 34))` and `keras.Input((None, None))`, go as a list into the first `GraphLayer`; "
        "its output and the second input go as a list into the second. The loss for whole-number labels is "
        "`sparse_categorical_crossentropy`.",
        "`A / np.sqrt(np.outer(degree, degree))`; `known = np.zeros(34)`, then `known[[0, 33]] = 1`. The network: `inputs "
        "= [keras.Input((None, 34)), keras.Input((None, None))]`, `hidden = GraphLayer(16, 'tanh')(inputs)`, `gcn = keras.Model(inputs, GraphLayer(2, 'softmax')([hidden, "
        "inputs[1]]))`, compile with `keras.optimizers.Adam(0.02)`, then `gcn.fit([np.eye(34)[None], "
        "normalise(adjacency(club, 34))[None]], faction[None], sample_weight=known[None], epochs=30, verbose=0)`.",
    ),
    expected="At least {accuracy:.1%} of the 32 members whose labels were hidden are placed right.",
)
def karate_club(student, rng):
    """The matrix on a fresh graph, the two known labels, then the network: uses the graph, ignores numbers, is right."""
    graphs = [random_graph(rng, 7, 9, alone=0)[1], random_graph(rng)[1], random_graph(rng, 13, 20)[1]]
    yield lambda: first_wrong(normalises(student, A) for A in graphs)
    yield lambda: two_known(as_array(student.value("known"), "`known`"))
    yield lambda: trained_club(student, rng)


def normalises(student, A):
    """The finding on `normalise`."""
    degree = A.sum(axis=1)
    slips = {
        "rows": (A / degree[:, None], "`normalise` divides each row by its sum: the matrix of 08.1. Here both degrees count."),
        "one-degree": (A / np.sqrt(degree)[:, None], ONE_DEGREE),
        "no-root": (A / np.outer(degree, degree), "`normalise` divides by the degrees; by their square roots was asked for."),
        "loops-twice": (normalised(A + np.eye(len(A))), "`normalise` adds self-loops. A has them already."),
        "multiplied": (A * np.sqrt(np.outer(degree, degree)), "`normalise` multiplies by the roots; divide by them."),
        "not-divided": (A, "`normalise` gives A as it was."),
        "whole-sum": (A / A.sum(), "`normalise` divides by the sum of the whole matrix; the degrees of both nodes count."),
        "degrees-added": (A / np.sqrt(np.add.outer(degree, degree)), "`normalise` adds the two degrees below the root; "
                          "multiply them."),
        "loops-out": (without_loops(A), "`normalise` takes the self-loops out. A stays as it is; they count in the degrees."),
    }  # fmt: skip
    given = returned(student, "normalise", A, shape=A.shape)
    if np.allclose(given, A / np.sqrt(degree)):
        slips["one-degree"] = (A / np.sqrt(degree), ONE_DEGREE)
    advice = "A tie of two nodes of degrees 2 and 8 becomes 1 / sqrt(2 * 8): one root of the product of both degrees."
    return agrees("normalise", "`normalise`", given, normalised(A), slips, points=1, advice=advice,
                  quantities={"n": len(A)})  # fmt: skip


def without_loops(A):
    """The normalised matrix without self-loops, in the matrix or in the degrees."""
    bare = A - np.eye(len(A))
    degree = np.maximum(bare.sum(axis=1), 1)
    return bare / np.sqrt(np.outer(degree, degree))


ONE_DEGREE = "`normalise` divides by the root of only one of the two degrees, that of the row or that of the column."


def trained_club(student, rng):
    """The findings on `gcn`: it uses the graph, ignores the members' numbers, and places them."""
    from coursekit.data import load_karate_club

    edges, faction = load_karate_club()
    A = np.eye(34)
    A[edges[:, 0], edges[:, 1]] = A[edges[:, 1], edges[:, 0]] = 1
    eye, graph = np.eye(34), normalised(A)
    scores = club_scores(student, eye, graph)
    belief = probability(scores)
    read_as_probabilities("gcn", scores)
    order = rng.permutation(34)
    shuffled = eye[order], graph[order][:, order]
    if np.ptp(belief) < 1e-3:
        raise Wrong("constant", f"`gcn` answers {belief[0]:.3f} for every member. Was it trained?")
    if belief[0] > 0.7 and belief[33] < 0.3:
        raise Wrong("labels-swapped", "`gcn` has the two labels exchanged: the instructor, member 0, has label 0.")
    if belief[0] > 0.4 or belief[33] < 0.6:
        explain_club(student, eye, graph, shuffled, order)
        raise Wrong(
            "not-trained",
            f"`gcn` is not even sure of the two known labels: {belief[0]:.2f} for member 0 and {belief[33]:.2f} for "
            "member 33, where 0 and 1 are right. Train it, or train for longer.",
        )
    alone = club_beliefs(student, eye, eye)
    if np.abs(alone - belief).max() < 1e-3:
        raise Wrong("graph-unused", "`gcn` gives the same answers when all edges are taken away: it does not use them.")
    moved = club_beliefs(student, *shuffled)
    apart = np.abs(moved - belief[order]).max()
    message = "`gcn` uses the edges, and the numbers of the members do not matter to it."
    if apart > 1e-2:
        explain_club(student, eye, graph, shuffled, order)
        message = (
            f"With the members in another order (features, rows and columns alike), an answer moves by {apart:.2f}. "
            "Something in `gcn` treats places differently: a Flatten, or a Dense across the members."
        )
    yield Finding("same-in-any-order", apart <= 1e-2, message, points=1)
    hidden = np.setdiff1d(np.arange(34), [0, 33])
    accuracy = np.mean((belief > 0.5)[hidden] == faction[hidden])
    placed = check_limit(
        "08.2",
        "accuracy",
        accuracy,
        "{} of the 32 members with hidden labels are placed right",
        "Two graph layers, the matrix of `normalise`, and only the two known labels in the loss.",
    )
    if placed.passed:
        two_edges_far(student, eye, graph, belief)
    surprise = log_loss(faction[hidden], belief[hidden], labels=[0, 1])
    if surprise < threshold("08.2", "surprise"):
        raise Wrong(
            "leak",
            f"`gcn` is surer of the 32 hidden labels than two known ones can make it: a log loss of {surprise:.3f}, and "
            f"{belief[8]:.0%} for label 1 of member 8, of whom the edges say the contrary of what happened. Its training has seen hidden "
            "labels: hand `fit` `sample_weight=known[None]`, so that only members 0 and 33 count.",
        )
    yield replace(placed, seen={**placed.seen, "surprise": surprise})


def read_as_probabilities(name, scores):
    """Raises `Wrong` where probabilities were asked for and logits, labels or something else was given."""
    if scores.shape[1] == 1:
        as_binary_probabilities(name, scores)
    else:
        as_class_probabilities(name, scores, 2)


def two_edges_far(student, features, graph, belief):
    """Raises `Wrong` where a member hears of neighbours only: one graph layer, where two were asked for."""
    links = graph > 0
    far = (links @ links)[0] & ~links[0]  # two edges away from member 0
    features = features.copy()
    features[0] = 0
    moved = np.abs(club_beliefs(student, features, graph) - belief)
    if moved[links[0]].max() > 1e-3 and moved[far].max() < 1e-6:
        raise Wrong(
            "one-layer",
            "Who is two edges away from member 0 does not hear of him: `gcn` has one graph layer. Two were asked for.",
        )


def explain_club(student, features, graph, shuffled, order):
    """Raises `Wrong` where the network is one of [graph, features]: exchanged, it knows both labels and no order."""
    try:
        belief, moved = club_beliefs(student, graph, features), club_beliefs(student, *shuffled[::-1])
    except (StudentError, Wrong):
        return
    if belief[0] < 0.4 and belief[33] > 0.6 and np.abs(moved - belief[order]).max() < 1e-2:
        raise Wrong("inputs-swapped", "`gcn` takes the graph first. Its inputs should be the features, then the graph.")


def two_known(known):
    """The finding on the members whose labels may be used."""
    known = known.ravel()
    if known.size == 2:
        raise Wrong("indices", "`known` holds two numbers. Give a weight for each of the 34 members, 1 or 0.")
    if known.size != 34:
        raise Wrong("wrong-shape", f"`known` holds {known.size} numbers; one for each of the 34 members was expected.")
    used = np.flatnonzero(known)
    if len(used) == 34:
        raise Wrong("leak", "`known` lets the training use all labels: nothing is left to find out.")
    right = used.tolist() == [0, 33] and (known >= 0).all()
    message = "Two labels are known, those of members 0 and 33."
    if not right:
        message = (
            f"`known` is not 0 for the members {used.tolist()[:8]}; for 0 and 33, and for nobody else, was expected."
        )
    return Finding("two-known", right, message, points=1)


def club_beliefs(student, features, graph):
    """The probability of label 1 for each member, shape (34,)."""
    return probability(club_scores(student, features, graph))


def club_scores(student, features, graph):
    """What the network gives for each member, shape (34, 1) or (34, 2)."""
    batch = [features[None].astype("float32"), graph[None].astype("float32")]
    scores = as_array(student.call("gcn", batch), "What `gcn` returns")
    if scores.size not in (34, 68) or 34 not in scores.shape:
        raise Wrong(
            "wrong-shape",
            f"`gcn` was given one graph of 34 members and returned shape {scores.shape}; (1, 34, 2) was expected.",
        )
    return scores.reshape(34, -1)


def probability(scores):
    """The probability of label 1, shape (n,), from one column or two."""
    return scores[:, -1]


# --- 08.3


@exercise(
    "08.3",
    title="Particles have no order",
    points=4,
    needs={
        "shuffle_particles": "a function of particles, mask, seed that gives both in a new order",
        "set_model": "a trained keras.Model of [particles, mask]",
    },
    hints=(
        "`rng.random(mask.shape).argsort(axis=1)` is a random order for each event. In the network, nothing may look at "
        "two particles at once before the sum.",
        "`np.take_along_axis(mask, order, axis=1)` puts the mask in that order; the particles need `order[:, :, None]`. "
        "The masked sum multiplies by `mask[:, :, None]`, then adds up over axis 1.",
        "`return ops.sum(states * mask[:, :, None], axis=1)`; two `Dense(64, activation='relu')` on the particles, "
        "`MaskedSum()([states, inputs[1]])`, one more `Dense(64, activation='relu')`, `Dense(1, activation='sigmoid')`; "
        "Adam with 0.003, 15 epochs, batches of 128.",
    ),
    expected="At least {accuracy:.1%} of fresh decays right; no answer moves when particles are shuffled or padding is added.",
)
def particle_sets(student, rng):
    """A shuffle that is one; a network that neither order nor padding can move; its accuracy on fresh decays."""
    from coursekit.data import make_decays

    particles, mask, label = make_decays(1000, seed=int(rng.integers(2**31)))
    yield lambda: shuffles(student, particles[:60], mask[:60])
    yield lambda: trained_sets(student, rng, particles, mask, label)


def trained_sets(student, rng, particles, mask, label):
    """The findings on `set_model`."""

    def scored(particles, mask):
        answer = set_answer(student, particles.astype("float32"), mask.astype("float32"))
        scores = as_array(answer, "What `set_model` returns")
        if scores.size not in (len(mask), 2 * len(mask)) or scores.shape[0] != len(mask):
            raise Wrong(
                "wrong-shape",
                f"`set_model` was given {len(mask)} events and returned shape {scores.shape}; one row an event, (n, 1), "
                "was expected. Is the sum over the particles there?",
            )
        return scores.reshape(len(mask), -1)

    def ask(particles, mask):
        return probability(scored(particles, mask))

    scores = scored(particles, mask)
    answers = probability(scores)
    spread = np.ptp(answers)
    if spread < 1e-3:
        if scores.shape[1] == 1 and np.allclose(scores, 1, atol=1e-6):
            raise Wrong(
                "constant",
                "`set_model` answers 1 for every event. Does it end in a softmax? That of one unit is always 1: use a "
                "sigmoid.",
            )
        raise Wrong("constant", f"`set_model` answers {answers[0]:.3f} for every event. Was it trained?")
    read_as_probabilities("set_model", scores)
    yield order_is_unseen(rng, ask, particles[:300], mask[:300], answers[:300])
    yield padding_is_unseen(rng, ask, particles[:300], mask[:300], answers[:300])
    accuracy = np.mean((answers > 0.5) == label)
    if accuracy < 0.2:
        raise Wrong(
            "labels-swapped", f"{1 - accuracy:.0%} are right with the labels exchanged: three bodies have label 1."
        )
    yield check_limit(
        "08.3", "accuracy", accuracy, "{} of 1,000 fresh decays are right", "Train for longer, or use wider layers."
    )


def set_answer(student, particles, mask):
    """What the network gives, or the cause why it gives nothing."""
    try:
        return student.call("set_model", [particles, mask])
    except StudentError as error:
        try:
            student.call("set_model", [mask, particles])
        except StudentError:
            pass
        else:
            raise Wrong(
                "inputs-swapped", "`set_model` takes the mask first. Its inputs should be the particles, then the mask."
            ) from None
        if "ncompatible shapes" in error.text or "broadcast" in error.text:
            raise Wrong(
                "mask-axis",
                "In `set_model` two shapes do not fit together. Does the mask have a third axis, `mask[:, :, None]`, where "
                f"the states are multiplied by it? ({without_machinery(error.text).split('.call(). ')[-1]:.200})",
            ) from None
        raise


# What a sum in another order changes in float32 is some 1e-6 of a probability.
UNMOVED = 1e-3


def order_is_unseen(rng, ask, particles, mask, answers):
    """The finding that the order of the particles does not matter."""
    order = rng.random(mask.shape).argsort(axis=1)
    again = ask(np.take_along_axis(particles, order[:, :, None], axis=1), np.take_along_axis(mask, order, axis=1))
    moved = np.abs(again - answers).max()
    message = f"Shuffled particles move no answer by more than {moved:.0e}."
    if moved > UNMOVED:
        message = (
            f"Shuffled particles move an answer by up to {moved:.2f}. Something sees the order before the sum: a Flatten, a "
            "recurrent layer, or a sum over the wrong axis."
        )
    return Finding("order-unseen", moved <= UNMOVED, message, points=1)


def padding_is_unseen(rng, ask, particles, mask, answers):
    """The finding that neither the amount of padding nor what stands in it matters."""
    rows = ((0, 0), (0, 5))
    try:
        again = ask(np.pad(particles, (*rows, (0, 0))), np.pad(mask, rows))
    except StudentError as error:
        raise Wrong(
            "fixed-size",
            "`set_model` cannot read events with 17 rows in place of 12. Let it take any number: `keras.Input((None, 3))` "
            f"and `keras.Input((None,))`. ({error.kind})",
        ) from None
    moved = np.abs(again - answers).max()
    if moved > UNMOVED:
        raise Wrong(
            "padding-counts",
            f"Five more rows of padding move an answer by up to {moved:.2f}. Multiply by the mask before you add up; for a "
            "mean divide by the sum of the mask, not by the number of rows.",
        )
    rubbish = np.where(mask[:, :, None] > 0, particles, rng.normal(size=particles.shape))
    moved = np.abs(ask(rubbish, mask) - answers).max()
    message = "More padding, or rubbish in it, moves no answer."
    if moved > UNMOVED:
        message = f"Numbers in the padding, where the mask is 0, move an answer by up to {moved:.2f}. The mask has to keep them out."
    return Finding("padding-unseen", moved <= UNMOVED, message, points=1)


def shuffles(student, particles, mask):
    """The finding on `shuffle_particles`: the same rows in each event, each with its mask, in an order of the seed's."""
    shapes = {"particles": particles.shape, "mask": mask.shape}

    def ask(seed):
        return returned_parts(student, "shuffle_particles", particles, mask, seed, like=shapes)

    (moved, moved_mask), (again, _), (other, _) = ask(5), ask(5), ask(6)
    if np.array_equal(moved, particles):
        if not np.array_equal(moved_mask, mask):
            raise Wrong("particles-left", "The mask is shuffled, the particles are not: both need the same new order.")
        raise Wrong("not-shuffled", "`shuffle_particles` gives the particles in their old order.")
    if not np.allclose(in_order(moved, particles), 0, atol=1e-5):
        explain_shuffle(particles, moved)
        raise Wrong("other-particles", "After `shuffle_particles` an event no longer has the same particles as before.")
    if not np.allclose(in_order(with_mask(moved, moved_mask), with_mask(particles, mask)), 0, atol=1e-5):
        raise Wrong("mask-left", "The mask no longer stands beside its particles: give it the same new order.")
    if not np.allclose(moved, again):
        raise Wrong("not-seeded", "Twice the same seed gives two orders: `np.random.default_rng(seed)`.")
    if np.allclose(moved, other):
        raise Wrong("seed-unused", "Two seeds give the same order: use `seed`.")
    if np.array_equal(moved_mask, mask):
        raise Wrong(
            "padding-left", "The padding stays where it was. Shuffle all p rows of an event, padding and mask included."
        )
    return Finding("shuffle", True, "`shuffle_particles` gives the rows a new order, masks included.", points=1)


def with_mask(particles, mask):
    return np.concatenate([particles, mask[:, :, None]], axis=2)


def in_order(a, b):
    """The difference of two sets of rows, each event sorted by its first component."""
    a, b = (np.take_along_axis(x, x[:, :, :1].argsort(axis=1, kind="stable"), axis=1) for x in (a, b))
    return a - b


def explain_shuffle(particles, moved):
    """Raises `Wrong` where something else than the rows of each event was shuffled."""
    if np.allclose(np.sort(moved, axis=2), np.sort(particles, axis=2)):
        raise Wrong(
            "components-shuffled", "The three components of each momentum were shuffled; shuffle the rows, axis 1."
        )
    if np.allclose(np.sort(moved, axis=1), np.sort(particles, axis=1)):
        raise Wrong(
            "other-particles",
            "After `shuffle_particles` the components of one particle stand in several rows: each column got an order of its "
            "own. The three components must move together.",
        )
    before, after = particles.sum(axis=(1, 2)), moved.sum(axis=(1, 2))
    if np.allclose(np.sort(after), np.sort(before), atol=1e-4) and not np.allclose(after, before, atol=1e-4):
        raise Wrong("events-shuffled", "Whole events changed places; shuffle the rows within each event, axis 1.")
