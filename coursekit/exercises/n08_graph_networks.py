"""Checks of notebook 08: message passing, a graph of people, sets of particles, and a block with edge states."""

from contextlib import nullcontext
from functools import partial

import numpy as np
from sklearn.metrics import log_loss

from coursekit.checks.codec import RemoteObject
from coursekit.checks.framework import Misconception, check_that, exercise, fail_if, say, threshold, without_machinery
from coursekit.checks.proxy import NotAttempted, StudentError
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import (
    as_array,
    call_array,
    call_arrays,
    check_array,
    first_failed,
    refuse_misconceptions,
    saying_not_finite,
)
from coursekit.checks.vocabulary.metrics import check_metric
from coursekit.checks.vocabulary.models import as_binary_probabilities, as_class_probabilities
from coursekit.data import load_karate_club, make_decays

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py. One of 32 members is 0.03125.
# "surprise" is the log loss on the hidden labels. With two known it can be below its limit, where a network is wide or learns
# fast: 48 of 630 runs in NumPy were. They gave label 1 of member 8 at least 0.66; those that know all labels, at most 0.64.
MARGINS = {"08.2": {"accuracy": -0.0625, "surprise": -0.025}, "08.3": {"accuracy": -0.03}}


def random_graph(rng, n_nodes, n_edges, alone):
    """Edges of a graph, each pair once and in either order, and its adjacency matrix with self-loops.

    The last node has no edge where `alone` is 1; where it is 0, every node has one.
    """
    pairs = np.argwhere(np.triu(np.ones((n_nodes - alone, n_nodes - alone)), k=1))
    while True:
        edges = rng.permuted(rng.choice(pairs, n_edges, replace=False), axis=1)
        if alone or len(np.unique(edges)) == n_nodes:
            return edges, matrix_of(edges, n_nodes)


def matrix_of(edges, n_nodes):
    """The adjacency matrix with self-loops."""
    A = np.eye(n_nodes)
    A[edges[:, 0], edges[:, 1]] = A[edges[:, 1], edges[:, 0]] = 1
    return A


def normalised(A):
    """A, divided by the roots of both degrees; without self-loops a node alone counts as one of degree 1."""
    degree = np.maximum(A.sum(axis=1), 1)
    return A / np.sqrt(np.outer(degree, degree))


def nearer(given, one, other):
    return min(one, other, key=lambda answer: np.abs(given - answer).max())


@exercise("08.1")
def message_passing(student, rng):
    """The three functions on fresh graphs; the layer as a function of features and graph, its weights read off by probes."""
    # Every node with an edge first: there most misconceptions give finite numbers, by which they can be told.
    graphs = [random_graph(rng, *sizes) for sizes in ((7, 9, 0), (8, 9, 1), (11, 12, 1), (2, 1, 0))]
    yield lambda: first_failed(adjacent(student, *graph) for graph in graphs)
    yield lambda: first_failed(means(student, A) for _, A in graphs)
    yield lambda: first_failed(heard(student, A, rounds) for _, A in graphs for rounds in (2, 0, 1, 3, 6))
    yield lambda: layer_mixes(student, rng)


def adjacent(student, edges, A):
    eye = np.eye(len(A))
    one_way, rows = eye.copy(), 0 * eye
    one_way[edges[:, 0], edges[:, 1]] = rows[edges] = 1
    given = call_array(student, "adjacency", edges, len(A), shape=A.shape)
    misconceptions = {
        "whole-rows": nearer(given, rows, np.maximum(rows, eye)),
        "no-self-loops": A - eye,
        "one-way": nearer(given, one_way, one_way.T),
        "one-way-and-no-loops": one_way - eye,
        "double-loops": A + eye,
    }
    return check_array("adjacency", "`adjacency`", given, A, misconceptions, points=1)


def means(student, A):
    degree = A.sum(axis=1)
    misconceptions = {
        "columns": A / degree,
        "not-divided": A,
        "whole-mean": A / len(A),
        "symmetric": normalised(A),
        "self-not-counted": A / np.maximum(degree - 1, 1)[:, None],
        "whole-sum": A / A.sum(),
        "largest": A / degree.max(),
        "one-root": A / np.sqrt(degree)[:, None],
        "self-out": (A - np.eye(len(A))) / np.maximum(degree - 1, 1)[:, None],
        "inverse": np.diag(1 / degree),
        "degrees": np.diag(degree),
        "zeros-too": np.full_like(A, 1 / len(A)),
        "columns-less-self": A / np.maximum(degree - 1, 1e-12),
    }
    with saying_not_finite("lonely.self-not-counted") if degree.min() == 1 else nullcontext():
        given = call_array(student, "mean_matrix", A, shape=A.shape)
    sums, strangers = given.sum(axis=1), np.abs(given[A == 0]).max(initial=0)
    seen = "strangers" if strangers > 1e-6 else "sums-right" if np.allclose(sums, 1) else "sums"
    advice = say(seen, share=strangers, low=sums.min(), high=sums.max())
    wanted, quantities = A / degree[:, None], {"n": len(A)}
    return check_array("mean-matrix", "`mean_matrix`", given, wanted, misconceptions, 1, advice, quantities=quantities)


def heard(student, A, rounds):
    given = call_array(student, "heard_of", A, rounds, shape=A.shape)
    fail_if(not np.isin(given, (0, 1)).all(), "not-boolean")
    reach = [np.linalg.matrix_power(A, r) > 0 for r in range(rounds + 2)]
    wanted, eye = reach[rounds], np.eye(len(A), dtype=bool)
    right = np.array_equal(given, wanted)
    if not right:
        for r, known in enumerate(reach):
            fail_if(np.array_equal(given, known), "wrong-rounds", rounds=rounds, other=r, n=len(A))
        misconceptions = {
            "negated": ~wanted,
            "forgets": np.linalg.matrix_power(A - eye, rounds) > 0,
            "not-oneself": wanted & ~eye,
            "last-round": wanted & ~reach[max(rounds - 1, 0)],
        }
        refuse_misconceptions(given, misconceptions, rounds=rounds)
    return check_that("heard-of", right, 1, rounds=rounds, n=len(A), seen=int(given.sum()), wanted=int(wanted.sum()))


def layer_mixes(student, rng):
    """The finding on `GraphLayer`: what it answers is tanh(G (X W + b)) for some W and b that stay."""
    inside, units = 3, 4
    try:
        layer = student.call("GraphLayer", units, "tanh")
    except StudentError:
        if student.describe("GraphLayer")["family"] == "keras":
            raise Misconception("no-class.wrong-type") from None
        raise
    fail_if(not isinstance(layer, RemoteObject), "wrong-type")

    def ask(features, graph):
        given = layer_answer(student, layer, features, graph)
        wanted = (*features.shape[:2], units)
        shapes = {"features": features.shape, "graph": graph.shape, "given": given.shape, "wanted": wanted}
        fail_if(given.shape != wanted, "asked.layer-shape", **shapes)
        return given

    eye = np.eye(inside)[None]
    probe = ask(eye, eye)
    fail_if(not np.allclose(probe, ask(eye, eye), atol=1e-6), "new-weights")
    size = student.describe(layer)["n_params"]
    fail_if(not size, "no-weights")
    fail_if(size < inside * units + units, "no-bias", size=size)
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
        layer_elsewhere(student, layer, X, G)
        return check_that("graph-layer", True, 1)
    twice, twice_b = learned(lambda y: np.arctanh(np.clip(np.arctanh(np.clip(y, -0.76, 0.76)), -1 + 1e-7, 1 - 1e-7)))
    misconceptions = {
        "activation-twice": np.tanh(G @ np.tanh(X @ twice + twice_b)),
        "activation-first": G @ np.tanh(X @ W + b),
        "graph-unused": np.tanh(X @ W + b),
        "no-activation": G @ (X @ straight + offset),
        "transposed": np.tanh(G.swapaxes(1, 2) @ (X @ W + b)),
        "divided-again": np.tanh(G / G.sum(axis=2, keepdims=True) @ (X @ W + b)),
        "state-added": np.tanh((G @ (X @ W + b) + X @ W + b) / 2),
        "graph-twice": np.tanh(G @ G @ (X @ W + b)),
        "first-graph": np.tanh(G[:1] @ (X @ W + b)),
    }
    for cause, values in misconceptions.items():
        fail_if(np.allclose(given, values, atol=1e-3), cause)
    return check_that("graph-layer", False, 1)


def layer_answer(student, layer, features, graph):
    """What the layer gives for features and graph, or the cause why it gives nothing."""
    try:
        answer = student.call(layer, [features.astype("float32"), graph.astype("float32")])
    except NotAttempted:
        raise NotAttempted("GraphLayer.call", "it should `return` the new states.") from None
    except StudentError as error:
        if "'ellipsis' object is not callable" in error.text:
            raise NotAttempted("self.dense", "make a `layers.Dense` in `__init__` of `GraphLayer`.") from None
        if "ncompatible shapes" in error.text or "size-incompatible" in error.text:
            raise Misconception("wrong-product", cause=cause_of(error)) from None
        raise
    return as_array(answer, "What a `GraphLayer` returns")


def cause_of(error):
    return without_machinery(error.text).split(".call(). ")[-1]


def layer_elsewhere(student, layer, X, G):
    """Raises `Misconception` where it cannot be part of a model, as in 08.2, or has no other units and activation."""
    try:
        student.symbolic(layer, [X.shape[1:], G.shape[1:]])
    except StudentError as error:
        raise Misconception("not-in-a-model", kind=error.kind) from None
    given = layer_answer(student, student.call("GraphLayer", 2, "softmax"), X, G)
    fail_if(given.shape != (*X.shape[:2], 2), "layer-shape", shape=given.shape)
    fail_if(np.abs(given.sum(axis=2) - 1).max() > 1e-3, "fixed-activation", total=given[0, 0].sum())


@exercise("08.2")
def karate_club(student, rng):
    """The matrix on a fresh graph, the two known labels, then the network: uses the graph, ignores numbers, is right."""
    graphs = [random_graph(rng, *sizes)[1] for sizes in ((7, 9, 0), (8, 9, 1), (13, 20, 1))]
    yield lambda: first_failed(normalises(student, A) for A in graphs)
    yield lambda: two_known(as_array(student.value("known"), "`known`"))
    edges, faction = load_karate_club()
    eye, graph = np.eye(34), normalised(matrix_of(edges, 34))
    scores = club_scores(student, eye, graph)
    belief = scores[:, -1]
    read_as_probabilities("gcn", scores)
    order = rng.permutation(34)
    shuffled = eye[order], graph[order][:, order]
    fail_if(np.ptp(belief) < 1e-3, "constant", belief=belief[0])
    fail_if(belief[0] > 0.7 and belief[33] < 0.3, "labels-swapped")
    if belief[0] > 0.4 or belief[33] < 0.6:
        explain_club(student, eye, graph, shuffled, order)
        raise Misconception("not-trained", first=belief[0], last=belief[33])
    fail_if(np.abs(club_scores(student, eye, eye)[:, -1] - belief).max() < 1e-3, "graph-unused")
    apart = np.abs(club_scores(student, *shuffled)[:, -1] - belief[order]).max()
    if apart > 1e-2:
        explain_club(student, eye, graph, shuffled, order)
    yield check_that("same-in-any-order", apart <= 1e-2, 1, apart=apart)
    hidden = np.setdiff1d(np.arange(34), [0, 33])
    surprise = log_loss(faction[hidden], belief[hidden], labels=[0, 1])
    right = np.mean((belief > 0.5)[hidden] == faction[hidden])
    placed = check_metric("08.2", "accuracy", right, beside={"surprise": surprise})
    if placed.passed:
        refuse_depth(student, eye, faction)
    limit = threshold("08.2", "surprise")
    usual = limit - MARGINS["08.2"]["surprise"]
    fail_if(surprise < limit and belief[8] < 0.65, "leak", surprise=surprise, usual=usual, belief=belief[8])
    yield placed


def normalises(student, A):
    degree, eye = A.sum(axis=1), np.eye(len(A))
    given = call_array(student, "normalise", A, shape=A.shape)
    misconceptions = {
        "rows": A / degree[:, None],
        "one-degree": nearer(given, A / np.sqrt(degree), A / np.sqrt(degree)[:, None]),
        "no-root": A / np.outer(degree, degree),
        "loops-twice": normalised(A + eye),
        "multiplied": A * np.sqrt(np.outer(degree, degree)),
        "not-divided": A,
        "whole-sum": A / A.sum(),
        "degrees-added": A / np.sqrt(np.add.outer(degree, degree)),
        "loops-out": nearer(given, normalised(A - eye), normalised(A) * (1 - eye)),
    }
    wanted, advice, quantities = normalised(A), say("normalise.by-both"), {"n": len(A)}
    return check_array("normalise", "`normalise`", given, wanted, misconceptions, 1, advice, quantities=quantities)


def refuse_depth(student, features, faction):
    """Raises `Misconception` where not two rounds of messages are made: on a path, how far is it felt that one is missing?"""
    path = np.stack([np.flatnonzero(faction == 0), np.flatnonzero(faction == 1)], axis=1).ravel()  # no side outweighs
    graph, without_first = normalised(matrix_of(np.stack([path[:-1], path[1:]], axis=1), 34)), features.copy()
    without_first[path[0]] = 0
    beliefs = [club_scores(student, given, graph)[path, -1] for given in (features, without_first)]
    moved = np.abs(beliefs[0] - beliefs[1])
    fail_if(moved[1] > 1e-3 and moved[2] < 1e-8, "one-layer")
    reach = np.flatnonzero(moved > 1e-6).max(initial=0)
    fail_if(reach > 2, "more-layers", reach=reach)


def read_as_probabilities(name, scores):
    """Raises `Misconception` where probabilities were asked for and logits, labels or something else was given."""
    if scores.shape[1] == 1:
        as_binary_probabilities(name, scores)
    else:
        as_class_probabilities(name, scores, 2)


def explain_club(student, features, graph, shuffled, order):
    """Raises `Misconception` where the network is one of [graph, features]: exchanged, it knows both labels and no order."""
    try:
        belief = club_scores(student, graph, features)[:, -1]
        moved = club_scores(student, *shuffled[::-1])[:, -1]
    except (StudentError, Misconception):
        return
    fail_if(belief[0] < 0.4 and belief[33] > 0.6 and np.abs(moved - belief[order]).max() < 1e-2, "inputs-swapped")


def two_known(known):
    known = known.ravel()
    fail_if(known.size == 2, "indices")
    fail_if(known.size != 34, "wrong-shape", size=known.size)
    used = np.flatnonzero(known)
    fail_if(len(used) == 34, "two-known.leak")
    right = used.tolist() == [0, 33] and (known >= 0).all()
    return check_that("two-known", right, 1, n=len(used), members=used.tolist()[:8])


def club_scores(student, features, graph):
    """What the network gives for each member, shape (34, 1) or (34, 2); the last column is the probability of label 1."""
    batch = [features[None].astype("float32"), graph[None].astype("float32")]
    scores = as_array(student.call("gcn", batch), "What `gcn` returns")
    fail_if(scores.size not in (34, 68) or 34 not in scores.shape, "answer.wrong-shape", shape=scores.shape)
    return scores.reshape(34, -1)


# What a sum in another order changes in float32 is some 1e-6 of a probability.
UNMOVED = 1e-3


@exercise("08.3")
def particle_sets(student, rng):
    """A shuffle that is one; a network that neither order nor padding can move; its accuracy on fresh decays."""
    particles, mask, label = make_decays(1000, seed=int(rng.integers(2**31)))
    yield lambda: shuffles(student, particles[:60], mask[:60])

    def ask(particles, mask):
        given = as_array(set_answer(student, particles, mask), "What `set_model` returns")
        right = given.size in (len(mask), 2 * len(mask)) and given.shape[0] == len(mask)
        fail_if(not right, "wrong-shape", n_events=len(mask), shape=given.shape)
        return given.reshape(len(mask), -1)

    scores = ask(particles, mask)
    answers = scores[:, -1]
    if np.ptp(answers) < 1e-3:
        fail_if(scores.shape[1] == 1 and np.allclose(scores, 1, atol=1e-6), "softmax.constant")
        raise Misconception("constant", answer=answers[0])
    read_as_probabilities("set_model", scores)
    some, some_mask = particles[:300], mask[:300]
    order = rng.random(some_mask.shape).argsort(axis=1)
    shuffled = np.take_along_axis(some, order[:, :, None], axis=1), np.take_along_axis(some_mask, order, axis=1)
    moved = np.abs(ask(*shuffled)[:, -1] - answers[:300]).max()
    yield check_that("order-unseen", moved <= UNMOVED, 1, moved=moved)
    yield padding_is_unseen(rng, ask, some, some_mask, answers[:300])
    accuracy = np.mean((answers > 0.5) == label)
    fail_if(accuracy < 0.2, "labels-swapped", exchanged=1 - accuracy)
    fail_if(accuracy < 0.6, "coin", accuracy=accuracy)
    yield check_metric("08.3", "accuracy", accuracy)


def set_answer(student, particles, mask):
    """What the network gives, or the cause why it gives nothing."""
    particles, mask = particles.astype("float32"), mask.astype("float32")
    try:
        return student.call("set_model", [particles, mask])
    except StudentError as error:
        try:
            student.call("set_model", [mask, particles])
        except StudentError:
            pass
        else:
            raise Misconception("inputs-swapped") from None
        if "ncompatible shapes" in error.text or "broadcast" in error.text:
            raise Misconception("mask-axis", cause=cause_of(error)) from None
        raise


def padding_is_unseen(rng, ask, particles, mask, answers):
    """The finding that neither the amount of padding nor what stands in it matters."""
    rows = ((0, 0), (0, 5))
    try:
        again = ask(np.pad(particles, (*rows, (0, 0))), np.pad(mask, rows))[:, -1]
    except StudentError as error:
        raise Misconception("fixed-size", kind=error.kind) from None
    moved = np.abs(again - answers).max()
    fail_if(moved > UNMOVED, "padding-counts", moved=moved)
    rubbish = np.where(mask[:, :, None] > 0, particles, rng.normal(size=particles.shape))
    moved = np.abs(ask(rubbish, mask)[:, -1] - answers).max()
    return check_that("padding-unseen", moved <= UNMOVED, 1, moved=moved)


def shuffles(student, particles, mask):
    """The finding on `shuffle_particles`: the same rows in each event, each with its mask, in an order of the seed's."""
    shapes = {"particles": particles.shape, "mask": mask.shape}

    ask = partial(call_arrays, student, "shuffle_particles", particles, mask, like=shapes)
    (moved, moved_mask), (again, _), (other, _) = ask(5), ask(5), ask(6)
    if np.array_equal(moved, particles):
        fail_if(not np.array_equal(moved_mask, mask), "particles-left")
        raise Misconception("not-shuffled")
    if not same_rows(moved, particles):
        fail_if(np.allclose(np.sort(moved, axis=2), np.sort(particles, axis=2)), "components-shuffled")
        fail_if(np.allclose(np.sort(moved, axis=1), np.sort(particles, axis=1)), "each-column.other-particles")
        before, after = particles.sum(axis=(1, 2)), moved.sum(axis=(1, 2))
        same_events = np.allclose(np.sort(after), np.sort(before), atol=1e-4)
        fail_if(same_events and not np.allclose(after, before, atol=1e-4), "events-shuffled")
        raise Misconception("other-particles")
    fail_if(not same_rows(np.dstack([moved, moved_mask]), np.dstack([particles, mask])), "mask-left")
    fail_if(not np.allclose(moved, again), "not-seeded")
    fail_if(np.allclose(moved, other), "seed-unused")
    fail_if(np.array_equal(moved_mask, mask), "padding-left")
    same_place = np.isclose(moved[:, None], particles[:, :, None]).all(axis=(0, 3))  # old row, new row; of all events
    fail_if(same_place.any(axis=1).all(), "one-order")
    return Finding("shuffle", True, "`shuffle_particles` gives the rows a new order, masks included.", points=1)


def same_rows(a, b):
    """Whether each event has the same rows, in whatever order."""
    a, b = (np.take_along_axis(x, x[:, :, :1].argsort(axis=1, kind="stable"), axis=1) for x in (a, b))
    return np.allclose(a, b, rtol=0, atol=1e-5)


@exercise("08.4")
def graph_network_block(student, rng):
    """The three steps and a renumbering, on random graphs with random matrices."""
    # Sizes alike come first: there most mistakes give numbers, by which they can be told. Then nodes without an edge.
    alike = (3, 3, 3), (3, 3, 3)
    graphs = [
        random_letters(rng, 5, 9, 0, *alike),
        random_letters(rng, 6, 8, 2, *alike),
        random_letters(rng, 7, 10, 1, (1, 4, 2), (5, 3, 2)),
        random_letters(rng, 2, 1, 0, (2, 1, 3), (1, 2, 4)),
    ]
    yield lambda: first_failed(edge_step(student, *graph) for graph in graphs)
    yield lambda: first_failed(node_step(student, rng, *graph) for graph in graphs)
    yield lambda: first_failed(whole_block(student, *graph) for graph in graphs)
    yield lambda: first_failed(renumbers(student, rng, V, ends) for (_, V, _), ends, _ in graphs[:3])


def random_letters(rng, n_nodes, n_edges, alone, sizes, new_sizes):
    """The states of a directed graph, its senders and receivers, and the three lists of matrices.

    The last `alone` nodes neither send nor receive; every other node receives, as far as the edges go, and some receive
    more than once. Only a graph of two nodes has a single edge.
    """
    busy = n_nodes - alone
    receivers = rng.permutation(np.arange(n_edges) % busy)
    senders = (receivers + rng.integers(1, busy, n_edges)) % busy
    edge, node, whole = sizes
    new_edge, new_node, new_whole = new_sizes
    A = [rng.normal(0, 0.4, (size, new_edge)) for size in (edge, node, node, whole)]
    B = [rng.normal(0, 0.4, (size, new_node)) for size in (new_edge, node, whole)]
    C = [rng.normal(0, 0.2, (size, new_whole)) for size in (new_edge, new_node, whole)]
    states = rng.normal(size=(n_edges, edge)), rng.normal(size=(n_nodes, node)), rng.normal(size=whole)
    return states, (senders, receivers), (A, B, C)


def stepped(parts, matrices):
    """One step: tanh of the sum of the products, the matrices in the order of the page."""
    return np.tanh(sum(part @ matrix for part, matrix in zip(parts, matrices, strict=True)))


def edges_after(E, V, u, senders, receivers, A):
    return stepped((E, V[receivers], V[senders], u), A)


def received(E, nodes, n_nodes):
    """The sums of the rows of E that belong to each node."""
    total = np.zeros((n_nodes, E.shape[1]))
    np.add.at(total, nodes, E)
    return total


def edge_step(student, states, ends, matrices):
    (E, V, u), (senders, receivers), A = states, ends, matrices[0]
    wanted = edges_after(E, V, u, senders, receivers, A)
    given = call_array(student, "new_edges", E, V, u, senders, receivers, A, shape=wanted.shape)
    of_receiver, of_sender = V[receivers], V[senders]

    def reading(receiver, sender):
        return stepped((E, receiver, sender, u), A)

    misconceptions = {
        "ends-exchanged": reading(of_sender, of_receiver),
        "one-end-twice": nearer(given, reading(of_sender, of_sender), reading(of_receiver, of_receiver)),
        "one-end-missing": nearer(given, reading(0 * of_receiver, of_sender), reading(of_receiver, 0 * of_sender)),
        "edges-unused": stepped((0 * E, of_receiver, of_sender, u), A),
        "graph-unused": stepped((E, of_receiver, of_sender, 0 * u), A),
        "no-tanh": np.arctanh(wanted),
    }
    return check_array("new-edges", "`new_edges`", given, wanted, misconceptions, 1, say("new-edges.advice"))


def node_step(student, rng, states, ends, matrices):
    """The finding on `new_nodes`; the new edges that it reads are any numbers of their shape."""
    (E, V, u), (senders, receivers), B = states, ends, matrices[1]
    E = rng.normal(size=(len(E), len(B[0])))
    total, sent = received(E, receivers, len(V)), received(E, senders, len(V))
    wanted = stepped((total, V, u), B)
    try:
        with saying_not_finite("alone.not-finite"):
            given = call_array(student, "new_nodes", E, V, u, senders, receivers, B, shape=wanted.shape)
    except (StudentError, Misconception) as error:
        if isinstance(error, Misconception) and error.finding.code != "wrong-shape":
            raise
        # A graph of the same sizes, in which every node receives, has come before and was right.
        alike = {E.shape[1], V.shape[1], states[0].shape[1]} == {B[0].shape[1]}
        fail_if(alike and receivers.max() + 1 < len(V), "alone.last-nodes", n=len(V))
        unlike = not alike and isinstance(error, StudentError) and error.kind == "ValueError"
        fail_if(unlike, "columns", edges=E.shape[1], nodes=V.shape[1], cause=str(error))
        raise
    count = np.maximum(np.bincount(receivers, minlength=len(V)), 1)[:, None]
    largest, of_zeros, last = np.full(total.shape, -np.inf), np.zeros(total.shape), np.zeros(total.shape)
    np.maximum.at(largest, receivers, E)
    np.maximum.at(of_zeros, receivers, E)
    largest[np.isinf(largest)] = 0
    last[receivers] = E
    misconceptions = {
        "senders": stepped((sent, V, u), B),
        "both-ends": stepped((total + sent, V, u), B),
        "maximum": nearer(given, stepped((largest, V, u), B), stepped((of_zeros, V, u), B)),
        "mean": stepped((total / count, V, u), B),
        "last-message": stepped((last, V, u), B),
        "all-messages": stepped((np.ones((len(V), 1)) * E.sum(axis=0), V, u), B),
        "no-messages": stepped((0 * total, V, u), B),
        "own-state-unused": stepped((total, 0 * V, u), B),
        "graph-unused": stepped((total, V, 0 * u), B),
        "no-tanh": np.arctanh(wanted),
    }
    return check_array("new-nodes", "`new_nodes`", given, wanted, misconceptions, 1, say("new-nodes.advice"))


def whole_block(student, states, ends, matrices):
    (E, V, u), (senders, receivers), (A, B, C) = states, ends, matrices

    def block(old_edges=False, pool=np.sum, parts=(1, 1, 1), summed=None):
        """What the block gives, or what it gives with one mistake."""
        new_E = edges_after(E, V, u, senders, receivers, A)
        read = E if old_edges else new_E
        new_V = stepped((received(read, receivers, len(V)), V, u), B)
        of_edges, of_nodes = summed or (new_E, new_V)
        pooled = pool(of_edges, axis=0), pool(of_nodes, axis=0), u
        return new_E, new_V, stepped([part * whole for part, whole in zip(parts, pooled, strict=True)], C)

    wanted = block()
    sentences = {"edges": "wrong-edges", "nodes": "wrong-nodes", "graph": "wrong-graph"}
    like = {name: part.shape for name, part in zip(sentences, wanted, strict=True)}
    given = call_arrays(student, "graph_block", E, V, u, senders, receivers, A, B, C, like=like)
    parts = zip(sentences, given, wanted, strict=True)
    wrong = [name for name, one, other in parts if not np.allclose(one, other, atol=1e-4)]
    if not wrong:
        return Finding("graph-block", True, say("graph-block.right"), points=2)
    new_E, new_V, new_u = wanted
    mistakes = {
        "mean-of-all": block(pool=np.mean),
        "maximum-of-all": block(pool=np.max),
        "no-edges": block(parts=(0, 1, 1)),
        "no-nodes": block(parts=(1, 0, 1)),
        "no-graph": block(parts=(1, 1, 0)),
        "no-tanh": (new_E, new_V, np.arctanh(new_u)),
    }
    if E.shape == new_E.shape and V.shape == new_V.shape:
        mistakes |= {
            "old-nodes": block(summed=(new_E, V)),
            "old-edges": block(summed=(E, new_V)),
            "old-states": block(summed=(E, V)),
            "messages-of-old-edges": block(old_edges=True),
        }
    refuse_misconceptions(given, mistakes, group="graph-block")
    # The others follow from the first one.
    return Finding("graph-block", False, say(f"graph-block.{sentences[wrong[0]]}"), points=2)


def renumbers(student, rng, V, ends):
    senders, receivers = ends
    order = rng.permutation(len(V))
    while np.array_equal(order, np.argsort(order)) or np.array_equal(order[senders], np.argsort(order)[senders]):
        order = rng.permutation(len(V))
    place = np.argsort(order)
    like = {"V": V.shape, "senders": senders.shape, "receivers": receivers.shape}
    given = call_arrays(student, "renumber", V, senders, receivers, order, like=like)
    wanted = [V[order], place[senders], place[receivers]]
    if all(np.allclose(one, other) for one, other in zip(given, wanted, strict=True)):
        ends = student.call("renumber", V, senders, receivers, order)[1:]
        kinds = [np.asarray(numbers).dtype for numbers in ends]
        fail_if(any(kind.kind not in "iu" for kind in kinds), "not-whole", kinds=" and ".join(map(str, kinds)))
        return Finding("renumber", True, say("renumber.right"), points=1)
    mistakes = {
        "order-in-place-of-inverse": [V[order], order[senders], order[receivers]],
        "backwards": [V[place], order[senders], order[receivers]],
        "nodes-backwards": [V[place], place[senders], place[receivers]],
        "nodes-left": [V, place[senders], place[receivers]],
        "edges-left": [V[order], senders, receivers],
        "ends-exchanged": [V[order], place[receivers], place[senders]],
        "nothing-moved": [V, senders, receivers],
    }
    refuse_misconceptions(given, mistakes, group="renumber")
    moved = np.allclose(given[0], wanted[0])
    return Finding("renumber", False, say("renumber.wrong-edges" if moved else "renumber.wrong-nodes"), points=1)
