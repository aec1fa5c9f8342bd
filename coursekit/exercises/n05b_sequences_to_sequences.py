"""Checks of notebook 05b: sequences to sequences, and attention."""

from collections import Counter, defaultdict

import numpy as np
from scipy.special import softmax

from coursekit.checks.codec import RemoteObject
from coursekit.checks.framework import Misconception, check_that, exercise, fail_if, say
from coursekit.checks.proxy import StudentError
from coursekit.checks.vocabulary.arrays import (
    as_array,
    call_arrays,
    check_array,
    first_failed,
    refuse_misconceptions,
    type_name,
)
from coursekit.checks.vocabulary.metrics import check_metric
from coursekit.checks.vocabulary.models import (
    as_class_probabilities,
    describe_keras,
    layer_configs,
    layer_kinds,
    predict,
    rebuild,
    recompute_forward,
)

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py.
# Room for other sizes and other training; a network that does not add stays far below.
MARGINS = {"05b.1": {"exact": -0.04}, "05b.4": {"exact": -0.04}, "05b.6": {"exact": -0.05}}

SYMBOLS = "0123456789+.>"  # the point is STOP, the arrow START
STOP, START = 11, 12


@exercise("05b.1")
def encoder_and_decoder(student, rng):
    """`teach` on random answers; the network left to itself, on unseen sums."""
    yield lambda: _teach(student, rng)
    rows, answers = _sums(rng)
    yield lambda: _measured(student, "05b.1", "adder", _one_hot(rows), answers, 2)


def _teach(student, rng):
    for n, length, longest in ((7, 4, 3), (3, 6, 3), (12, 5, 4)):  # where `length` is ignored, the second shows it
        texts = ["".join(map(str, rng.integers(0, 10, size=rng.integers(1, longest + 1)))) for _ in range(n)]
        given = student.call("teach", texts, length)
        if isinstance(given, list | tuple) and len(given) == 2:
            shapes = [np.shape(part) for part in given]
            fail_if((n, length, 13) in shapes, "teach.one-hot", shape=(n, length, 13), wanted=(n, length))
            fail_if((3, 4) in shapes, "teach.fixed-length", shape=(3, 4), length=length)
            fail_if((n, length + 1) in shapes, "teach.too-long", shape=(n, length + 1), wanted=(n, length))
            fail_if((n, length - 1) in shapes, "teach.too-short", shape=(n, length - 1), wanted=(n, length))
        like = {"written": (n, length), "targets": (n, length)}
        written, targets = call_arrays(student, "teach", texts, length, like=like)
        right = _codes(texts, length)
        moved = np.hstack([np.full((n, 1), START), right[:, :-1]])
        pairs = (("targets", targets, right), ("written", written, moved))
        found = first_failed(check_array(code, f"`{code}`", *pair, None, 1, rtol=1e-9) for code, *pair in pairs)
        if not found.passed:
            first = np.hstack([moved[:, :1] * 0 + STOP, right[:, :-1]])
            known = {
                "swapped": [right, moved],
                "not-moved": [right, right],
                "both-moved": [moved, moved],
                "moved-back": [np.hstack([right[:, 1:], np.full((n, 1), STOP)]), right],
                "stop-in-front": [first, right],
                "zero-in-front": [np.where(moved == START, 0, moved), right],
                "start-everywhere": [np.full((n, length), START), right],
            }
            refuse_misconceptions([written, targets], known, "teach", rtol=1e-9)
            return found
    return check_that("teach", True, 1)


def _codes(texts, length):
    return np.array([[SYMBOLS.index(symbol) for symbol in text.ljust(length, ".")] for text in texts])


def _text(row):
    return "".join(SYMBOLS[code] for code in row)


def _one_hot(rows):
    return np.eye(13, dtype="float32")[rows]


def _sums(rng, n=500):
    """Sums that the notebook holds out: the codes of the questions, and those of the answers from the units on."""
    a, b = np.divmod(np.arange(10000), 100)
    held_out = (100 * np.minimum(a, b) + np.maximum(a, b)) * 7919 % 9973 < 997
    pairs = rng.permutation(np.column_stack([a, b])[held_out])[:n]
    return _codes([f"{i:02d}+{j:02d}" for i, j in pairs], 5), [str(i + j)[::-1] for i, j in pairs]


def _measured(student, id, name, questions, answers, points, bends=True):
    """The share of answers that a network with two inputs writes exactly when it reads its own symbols.

    `bends` says whether it has a layer with an activation; without one it only adds up what it has read.
    """
    describe_keras(student, name)
    config = student.config(name)
    if isinstance(config, dict):
        n_inputs = sum(kind == "InputLayer" for kind, _ in layer_configs(config))
        fail_if(n_inputs == 1, "network.one-input", name=name)
        fail_if(_begins_with_an_output(config), "output-for-state", name=name)
    targets = _codes(answers, 4)
    before = np.hstack([np.full((len(targets), 1), START), targets[:, :-1]])

    def probabilities(read, questions=questions):
        scores = predict(student, name, [questions, _one_hot(read)])
        fail_if(scores.shape == (len(read), 13), "last-only", name=name)
        fail_if(scores.shape != (len(read), 4, 13), "network.wrong-shape", name=name, shape=scores.shape, n=len(read))
        return as_class_probabilities(name, scores.reshape(-1, 13), 13).reshape(scores.shape)

    taught = probabilities(before)
    own = np.full((len(targets), 5), START)
    for step in range(4):
        own[:, step + 1] = probabilities(own[:, :4])[:, step].argmax(axis=1)
    written = [_text(row).split(".")[0] for row in own[:, 1:]]
    exact = float(np.mean([said == answer for said, answer in zip(written, answers, strict=True)]))
    if exact < 0.9:
        unasked = np.abs(probabilities(before, questions[::-1].copy()) - taught).max() < 1e-4
        fail_if(np.ptp(taught, axis=0).max() > 1e-4 and unasked, "no-question", name=name)
        fail_if(not bends, "no-hidden-layer")
        _explain(name, probabilities, taught, before, targets, written, answers, exact)
    other = before.copy()
    other[:, 1] = (other[:, 1] + 5) % 10
    fail_if(np.abs(probabilities(other) - taught)[:, 1:].max() < 1e-4, "not-read", name=name)
    return check_metric(id, "exact", exact, points=points)


def _begins_with_an_output(config):
    """Whether a layer's two first states are the first two results of an LSTM: its output, and h."""
    layers = config.get("config", {}).get("layers", [])
    wrong = [[layer["name"], 0, place] for layer in layers if layer["class_name"] == "LSTM" for place in (0, 1)]
    starts = [node["kwargs"].get("initial_state") for layer in layers for node in layer.get("inbound_nodes", [])]
    pairs = [[state["config"]["keras_history"] for state in pair] for pair in starts if isinstance(pair, list)]
    return any(pair == wrong[place : place + 2] for pair in pairs for place in range(0, len(wrong), 2))


def _explain(name, probabilities, taught, before, targets, written, answers, exact):
    fail_if(np.ptp(taught, axis=0).max() < 1e-4, "constant", name=name, answer=written[0])
    chosen = taught.argmax(axis=2)
    fail_if(np.mean(chosen[:, 1:] == before[:, 1:]) > 0.9, "copies", name=name)
    other = before.copy()
    other[:, 3] = (other[:, 3] + 5) % 10
    change = np.abs(probabilities(other)[:, :3] - taught[:, :3]).max()
    fail_if(change > 1e-3, "looks-ahead", name=name, change=change)
    reversed_ones = [said[::-1] == answer for said, answer in zip(written, answers, strict=True)]
    fail_if(np.mean(reversed_ones) > 0.9, "reversed", name=name)
    right_read = float(np.mean(np.all(chosen == targets, axis=1)))
    fail_if(right_read < 0.03, "untrained", name=name, exact=exact)


@exercise("05b.2")
def greedy_decoding(student, rng):
    """Tables in which the right symbols are known: some paths end at STOP, some at the limit, one at once."""
    tables = [_table(rng, limit, stops_after) for limit, stops_after in ((6, 3), (4, None), (9, 8), (5, 0), (1, None))]
    for _ in range(10):
        limit = int(rng.integers(2, 9))
        tables.append(_table(rng, limit, rng.choice([None, *range(limit)])))
    given = [_written_by(student, table, limit) for table, limit in tables]
    wanted = [_greedy(table, limit) for table, limit in tables]
    if given == wanted:
        yield check_that("greedy", True, 2, n=len(tables))
        return
    for code, settings in {
        "with-start": {"first": 0},
        "with-stop": {"keep_stop": True},
        "ignores-stop": {"stop": None},
        "start-only": {"shown": lambda written: written[:1]},
        "last-only": {"shown": lambda written: written[-1:]},
        "least-probable": {"choose": np.argmin},
        "one-too-many": {"extra": 1},
        "one-too-few": {"extra": -1},
    }.items():
        fail_if(given == [_greedy(table, limit, **settings) for table, limit in tables], code)
    on = [_greedy(table, limit, stop=None) for table, limit in tables]
    fail_if(given == [[symbol for symbol in written if symbol != STOP] for written in on], "goes-on")
    i = next(i for i, (seen, right) in enumerate(zip(given, wanted, strict=True)) if seen != right)
    yield check_that("greedy", False, 2, given=given[i], wanted=wanted[i], limit=tables[i][1])


def _table(rng, limit, stops_after):
    """Probabilities of the next symbol, by the number of symbols so far and the last of them; and the limit.

    The greedy path stops after so many symbols, or never where `stops_after` is None.
    """
    table = rng.random((limit + 3, 13, 13))
    last = START
    for step in range(limit + 3):
        chosen = STOP if step == stops_after else int(rng.integers(0, STOP))
        table[step, last, chosen] += 1
        last = chosen
    return table / table.sum(axis=2, keepdims=True), limit


def _greedy(table, limit, first=1, keep_stop=False, stop=STOP, shown=lambda w: w, choose=np.argmax, extra=0):
    written = [START]
    while len(written) <= limit + extra:
        seen = shown(written)
        chosen = int(choose(table[len(seen) - 1, seen[-1]]))
        if chosen == stop:
            return written[first:] + [STOP] * keep_stop
        written.append(chosen)
    return written[first:]


def _written_by(student, table, limit):
    """What `greedy` writes, as a list of whole numbers."""
    next_probabilities = student.call("follow", table)
    fail_if(not getattr(next_probabilities, "callable", False), "follow-changed", kind=type_name(next_probabilities))
    try:
        given = student.call("greedy", next_probabilities, limit)
    except StudentError as error:
        asked = error.kind == "IndexError" and "table[" in error.line
        fail_if(asked and f"axis 0 with size {limit + 3}" in error.text, "no-limit", limit=limit)
        fail_if(asked and ("list index" in error.text or "size 0" in error.text), "nothing-written")
        raise
    if isinstance(given, str) or isinstance(given, list | tuple) and any(isinstance(part, str) for part in given):
        raise Misconception("as-text")
    fail_if(isinstance(given, RemoteObject), "wrong-type", kind=type_name(given))
    given = as_array(given, "What `greedy` returns")
    fail_if(given.ndim != 1, "wrong-shape", shape=given.shape)
    return [int(code) if code == round(code) else float(code) for code in given]


@exercise("05b.3")
def scaled_attention(student, rng):
    """Without a mask, with one, and in other orders; several sizes, with as many values as keys have numbers first."""
    sizes = ((4, 6, 3, 3), (5, 2, 4, 7), (1, 5, 8, 2), (3, 3, 1, 4), (6, 1, 2, 3))
    found = first_failed(_attention(student, _drawn(rng, *size)) for size in sizes)
    yield found
    if not found.passed:
        return
    found = first_failed(_masked(student, rng, _drawn(rng, *size)) for size in sizes[:4])
    yield found
    if found.passed:
        yield _orders(student, rng, *_drawn(rng, 5, 7, 4, 3))


def _drawn(rng, n, m, d, e):
    """Queries, keys and values; large enough that a weight is decided, and a score often negative."""
    return rng.normal(size=(n, d)), 2 * rng.normal(size=(m, d)), rng.normal(1, 2, size=(m, e))


def _called(student, Q, K, V, *mask):
    like = {"output": (len(Q), V.shape[1]), "weights": (len(Q), len(K))}
    given = student.call("attention", Q, K, V, *mask)
    if isinstance(given, list | tuple) and len(given) == 2 and like["output"] != like["weights"]:
        fail_if([np.shape(part) for part in given] == [*like.values()][::-1], "swapped")
    return call_arrays(student, "attention", Q, K, V, *mask, like=like)


def _attention(student, drawn):
    Q, K, V = drawn
    output, weights = _called(student, Q, K, V)
    S, d = Q @ K.T, K.shape[1]
    right = softmax(S / np.sqrt(d), axis=1)
    found = _same_two("attention", output, weights, right, V, 2, {"`Q @ K.T`": S, "the scores": S / np.sqrt(d)})
    if found.passed:
        return found
    others = {
        "no-scale": softmax(S, axis=1),
        "scaled-by-d": softmax(S / d, axis=1),
        "multiplied": softmax(S * np.sqrt(d), axis=1),
        "scaled-by-values": softmax(S / np.sqrt(V.shape[1]), axis=1),
        "scaled-by-keys": softmax(S / np.sqrt(len(K)), axis=1),
        "over-queries": softmax(S / np.sqrt(d), axis=0),
        "over-all": softmax(S / np.sqrt(d)),
        "no-softmax": S / np.sqrt(d),
        "scaled-after": right / np.sqrt(d),
    }
    known = {code: [A @ V, A] for code, A in others.items()}
    known |= {
        "scores-returned": [right @ V, S / np.sqrt(d)],
        "weights-transposed": [right @ V, right.T.reshape(right.shape)],
        "swapped": [right, right @ V],
    }
    if K.shape == V.shape:
        known["keys-for-values"] = [right @ K, right]
    refuse_misconceptions([output, weights], known)
    return found


def _same_two(code, output, weights, right, V, points, steps=None):
    """The finding about the weights, and the output that follows from them."""
    of_weights = check_array("weights", "The matrix of weights", weights, right, None, points, steps=steps)
    of_output = check_array("output", "The output", output, right @ V, None, points, say("output"))
    found = first_failed([of_weights, of_output])
    return check_that(code, True, points) if found.passed else found


def _masked(student, rng, drawn):
    """The finding for a mask in which every query may look at one key at least."""
    Q, K, V = drawn
    mask = rng.random((len(Q), len(K))) < 0.5
    mask[np.arange(len(Q)), rng.integers(0, len(K), size=len(Q))] = True
    mask[0, -1] = False
    mask[0, 0] = True
    output, weights = _called(student, Q, K, V, mask)
    scores = Q @ K.T / np.sqrt(K.shape[1])
    open_weights = softmax(scores, axis=1)
    right = softmax(np.where(mask, scores, -np.inf), axis=1)
    found = _same_two("mask", output, weights, right, V, 1)
    if found.passed:
        most = weights[~mask].max()
        fail_if(most > 1e-12, "mask-leaks", most=most)  # float64 rounds the weight of a score of -1e9 to 0
        return found
    others = {
        "mask-ignored": open_weights,
        "mask-as-zeros": softmax(scores * mask, axis=1),
        "mask-after": open_weights * mask,
        "mask-added": softmax(scores + mask, axis=1),
    }
    if not mask.all(axis=1).any():
        others["mask-turned"] = softmax(np.where(mask, -1e9, scores), axis=1)
    refuse_misconceptions([output, weights], {code: [A @ V, A] for code, A in others.items()})
    return found


def _orders(student, rng, Q, K, V):
    """The finding that keys may come in any order with their values, and that outputs come in the order of the queries."""
    output, weights = _called(student, Q, K, V)
    keys, queries = rng.permutation(len(K)), rng.permutation(len(Q))
    of_keys = _called(student, Q, K[keys], V[keys])
    of_queries = _called(student, Q[queries], K, V)
    same = np.allclose(of_keys[0], output, atol=1e-5) and np.allclose(of_queries[0], output[queries], atol=1e-5)
    return check_that("order", bool(same and np.allclose(of_keys[1], weights[:, keys], atol=1e-5)))


@exercise("05b.4")
def attention_decoder(student, rng):
    """The network left to itself on unseen sums; the weights that it gives; what was read from them."""
    rows, answers = _sums(rng)
    places = np.broadcast_to(np.eye(5, dtype="float32"), (len(rows), 5, 5))
    questions = np.concatenate([_one_hot(rows), places], axis=2)
    yield lambda: _reader(student, questions, answers)
    describe_keras(student, "look")
    targets = _codes(answers, 4)
    before = _one_hot(np.hstack([np.full((len(targets), 1), START), targets[:, :-1]]))
    weights = as_array(student.predict("look", [questions, before]), "What `look` gives")
    fail_if(weights.shape == (len(targets), 4, 13), "look.not-weights")
    fits = weights.ndim in (3, 4) and weights.shape[0] == len(targets) and weights.shape[-2:] == (4, 5)
    fail_if(not fits, "look.wrong-shape", shape=weights.shape, n=len(targets))
    fail_if(weights.min() < -1e-4 or np.abs(weights.sum(axis=-1) - 1).max() > 1e-3, "look.not-weights")
    of_look = [w for layer in student.weights("look") for w in layer]
    of_reader = [w for layer in student.weights("reader") for w in layer]
    shared = all(any(np.array_equal(w, other) for other in of_reader) for w in of_look)
    yield check_that("look", bool(shared), 0.5)
    looks = as_array(student.value("looks"), "`looks`")
    mean = weights.reshape(len(targets), -1, 4, 5).mean(axis=(0, 1))
    yield _check_looks(looks, mean)


def _reader(student, questions, answers):
    describe_keras(student, "reader")
    plain = rebuild(student, "reader", None) is not None
    # A layer of the student's own may be one of attention.
    attention = {"MultiHeadAttention", "Attention", "AdditiveAttention", "GroupedQueryAttention", "Softmax"}
    fail_if(plain and not layer_kinds(student, "reader") & attention, "no-attention", name="reader")
    bends = not plain or _bends(student.layers("reader"))
    return _measured(student, "05b.4", "reader", questions, answers, 2, bends)


def _bends(layers):
    """Whether a layer beside the recurrent one and the softmax at the end has an activation."""
    recurrent = ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional")
    activations = {layer["activation"] for layer in layers if layer["class"] not in recurrent}
    kinds = {layer["class"] for layer in layers}
    return bool(activations - {None, "linear", "softmax"} or kinds & {"ReLU", "LeakyReLU", "ELU", "PReLU"})


def _check_looks(looks, mean):
    """The finding about the three pairs of places; where two weights are nearly equal either place is right."""
    ordered = np.sort(mean[:3], axis=1)  # without training no row prefers two places
    fail_if((ordered[:, 3:] - ordered[:, :2]).sum(axis=1).max() < 0.1, "looks.all-alike")
    fail_if(looks.shape == (2, 3), "looks.transposed")
    fail_if(looks.shape != (3, 2), "looks.wrong-shape", shape=looks.shape)
    whole = np.array_equal(looks, np.round(looks)) and looks.min() >= 0 and looks.max() <= 5
    fail_if(not whole, "looks.not-places", low=looks.min(), high=looks.max())
    looks = looks.astype(int)
    fail_if(looks.max() == 5 and _largest(looks - 1, mean), "looks.from-one")
    fail_if(looks.max() > 4, "looks.not-places", low=looks.min(), high=looks.max())
    passed = _largest(looks, mean)
    if not passed:
        fail_if(_largest(looks[::-1], mean), "looks.rows-reversed")
        fail_if(_largest(4 - looks, mean), "looks.from-the-end")
    row = next((row for row in range(3) if not _largest(looks, mean, [row])), 0)
    best = np.sort(np.argsort(mean[row])[-2:])
    return check_that(
        "looks", passed, 1.5, row=row, given=looks[row].tolist(), weights=mean[row, looks[row]].sum(),
        most=mean[row, best].sum(), symbol=("units", "tens", "third symbol")[row],
    )  # fmt: skip


def _largest(looks, mean, rows=(0, 1, 2)):
    """Whether the places of each row hold its two largest weights, or as much but for 0.05."""
    for row in rows:
        pair = set(looks[row].tolist())
        if len(pair) < 2 or min(pair) < 0 or mean[row, sorted(pair)].sum() < np.sort(mean[row])[-2:].sum() - 0.05:
            return False
    return True


@exercise("05b.5")
def places_and_order(student, rng):
    """The encoding at several sizes; the bound on texts of several lengths."""
    yield lambda: first_failed(_encoding(student, T, d) for T, d in ((7, 6), (12, 4), (1, 8), (30, 2), (50, 16)))
    lists = []  # texts of few symbols, of which many differ in their order alone
    for n, length, symbols in ((40, 4, "123"), (25, 3, "abcd"), (60, 5, "12"), (1, 4, "12"), (30, 4, "ab+")):
        texts = ["".join(rng.choice(list(symbols), size=length)) for _ in range(n)]
        lists.append((texts, rng.choice(["1", "2", "12", "21"], size=n).tolist()))
    given = []
    for texts, answers in lists:
        value = as_array(student.call("ceiling", texts, answers), "What `ceiling` returns")
        fail_if(value.size != 1, "ceiling.wrong-shape", shape=value.shape)
        given.append(float(value.ravel()[0]))
    wanted = np.array([_ceiling(*pair) for pair in lists])
    names = [f"{len(texts)} texts" for texts, _ in lists]
    known = {
        "order-kept": [_ceiling(*pair, key=str) for pair in lists],
        "counts-lost": [_ceiling(*pair, key=lambda text: "".join(sorted(set(text)))) for pair in lists],
        "first-answer": [_ceiling(*pair, right=lambda counts: counts[0]) for pair in lists],
        "one-each": [_ceiling(*pair, right=lambda counts: 1) for pair in lists],
        "certain-only": [_ceiling(*pair, right=lambda counts: counts[0] if len(counts) == 1 else 0) for pair in lists],
        "groups-alike": [_ceiling(*pair, mean_of_groups=True) for pair in lists],
        "answers-sorted": [
            _ceiling(texts, ["".join(sorted(answer)) for answer in answers]) for texts, answers in lists
        ],
        "no-groups": [max(Counter(answers).values()) / len(answers) for _, answers in lists],
        "not-divided": [value * len(texts) for value, (texts, _) in zip(wanted, lists, strict=True)],
        "mistakes": 1 - wanted,
        "per-cent": 100 * wanted,
    }
    yield check_array("ceiling", "`ceiling`", given, wanted, known, 1.5, say("ceiling.advice"), 1e-6, names)


def _encoding(student, T, d):
    given = as_array(student.call("positions", T, d), "What `positions` returns")
    fail_if(given.shape == (d, T) and d != T, "positions.transposed", shape=given.shape, T=T, d=d)
    fail_if(given.shape == (T, 2 * d), "positions.twice-as-wide", shape=given.shape, d=d)
    fail_if(given.shape == (T, d // 2) and d > 2, "positions.half-as-wide", shape=given.shape, d=d)
    fail_if(given.shape != (T, d), "positions.wrong-shape", shape=given.shape, wanted=(T, d))
    wanted = _positions(T, d)
    halves = np.hstack([wanted[:, 0::2], wanted[:, 1::2]])
    known = {
        "from-one": _positions(T + 1, d)[1:],
        "halves": halves,
        "halves-exchanged": np.roll(halves, d // 2, axis=1),
        "sine-and-cosine-exchanged": np.stack([wanted[:, 1::2], wanted[:, 0::2]], axis=2).reshape(T, d),
        "all-sines": np.repeat(wanted[:, 0::2], 2, axis=1),
        "exponent-not-doubled": _positions(T, d, lambda column: column // 2),
        "own-exponents": _positions(T, d, lambda column: column),
        "exponent-doubled-twice": _positions(T, d, lambda column: 2 * (column - column % 2)),
        "column-for-pair": _positions(T, d, lambda column: 2 * column),
        "pairs-from-one": _positions(T, d, lambda column: column - column % 2 + 2),
        "multiplied": _positions(T, d, lambda column: -(column - column % 2)),
        "same-speed": _positions(T, d, lambda column: 0 * column),
        "other-base": _positions(T, d, base=1000),
        "degrees": _interleaved(np.radians(_angles(T, d))),
    }
    what, steps = f"`positions({T}, {d})`", {"the angles": _angles(T, d)}
    return check_array("positions", what, given, wanted, known, 1.5, steps=steps)


def _angles(T, d, exponent=lambda column: column - column % 2, base=10000.0):
    return np.arange(T)[:, None] / base ** (exponent(np.arange(d)) / d)


def _interleaved(angles):
    return np.where(np.arange(angles.shape[1]) % 2 == 0, np.sin(angles), np.cos(angles))


def _positions(T, d, exponent=lambda column: column - column % 2, base=10000.0):
    return _interleaved(_angles(T, d, exponent, base))


def _ceiling(texts, answers, key=lambda text: "".join(sorted(text)), right=max, mean_of_groups=False):
    """The share that a reader of `key` alone can get right: of each group what `right` makes of how often an answer comes."""
    groups = defaultdict(list)
    for text, answer in zip(texts, answers, strict=True):
        groups[key(text)].append(answer)
    hits = [right(list(Counter(group).values())) for group in groups.values()]
    if mean_of_groups:
        return np.mean([hit / len(group) for hit, group in zip(hits, groups.values(), strict=True)])
    return sum(hits) / len(texts)


@exercise("05b.6")
def transformer_block(student, rng):
    """Exact answers of the network to unseen sums, what it is made of, and whether its blocks do what the page says."""
    describe_keras(student, "transformer")
    rows, answers = _sums(rng)
    questions, targets = _one_hot(rows), _codes(answers, 5)
    scores = predict(student, "transformer", questions)
    n = len(rows)
    fail_if(scores.shape != (n, 5, 13), "transformer.wrong-shape", shape=scores.shape, n=n)
    as_class_probabilities("transformer", scores.reshape(-1, 13), 13)
    chosen = scores.argmax(axis=2)
    exact = float(np.mean(np.all(chosen == targets, axis=1)))
    rebuilt = recompute_forward(student, "transformer", questions[:1]) is not None  # else a layer may stand for several
    if rebuilt:
        _refuse_other_networks(student)
    if exact < 0.9:
        fail_if(np.ptp(scores, axis=0).max() < 1e-4, "constant", name="transformer", answer=_text(chosen[0]))
        swapped = recompute_forward(student, "transformer", questions[:, [1, 0, 2, 3, 4]])
        fail_if(swapped is not None and np.allclose(swapped[:, [1, 0, 2, 3, 4]], scores, atol=1e-3), "no-places")
        from_the_front = [answer[::-1] for answer in answers]
        fail_if(np.mean(np.all(chosen == _codes(from_the_front, 5), axis=1)) > 0.9, "reversed", name="transformer")
        fail_if(rebuilt and "'use_causal_mask': True" in str(student.config("transformer")), "causal")
    _refuse_other_sizes(student, "transformer", "`transformer`", 4, rebuilt)
    if rebuilt:
        _refuse_other_blocks(student, questions[:100], scores[:100])
    fail_if(exact < 0.03, "untrained", name="transformer", exact=exact)
    other = student.call("build_transformer", 24, 2)
    _refuse_other_sizes(student, other, "`build_transformer(24, heads=2)`", 2, rebuilt)
    yield check_metric("05b.6", "exact", exact, points=3)


def _refuse_other_networks(student):
    """Raises `Misconception` where a part of the block is missing, or another network answers."""
    parts = list(layer_configs(student.config("transformer")))
    kinds = Counter(kind for kind, _ in parts)
    recurrent = sorted({"LSTM", "GRU", "SimpleRNN", "RNN"} & set(kinds))
    fail_if(bool(recurrent), "recurrent", kind=(recurrent or [""])[0])
    fail_if(not {"MultiHeadAttention", "GroupedQueryAttention"} & set(kinds), "no-attention", name="transformer")
    fail_if(not kinds["LayerNormalization"], "no-norm")
    # One sum adds the places; each block has two more.
    blocks = kinds["MultiHeadAttention"]
    fail_if(kinds["Add"] < 2 * blocks, "no-residual", sums=kinds["Add"])
    fail_if(kinds["LayerNormalization"] < 2 * blocks, "shared-norm", norms=kinds["LayerNormalization"], blocks=blocks)
    dense = [part for kind, part in parts if kind in ("Dense", "Conv1D")]  # with windows of one place it does the same
    bent = sum(part["activation"] not in ("linear", "softmax") for part in dense)
    fail_if(bent > blocks, "second-activation", bent=bent, blocks=blocks)
    bent += sum(kinds[kind] for kind in ("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Relu", "Gelu", "Silu"))
    fail_if(bent < blocks, "no-activation", bent=bent, blocks=blocks)


# What a block makes of x: n and m are its normalisations, a its attention, f its dense half. The page's comes first.
_BLOCKS = (
    ("", lambda x, n, m, a, f: (y := x + a(n(x), n(x))) + f(m(y))),
    ("first-sum-lost", lambda x, n, m, a, f: x + f(m(x + a(n(x), n(x))))),
    ("queries-bare", lambda x, n, m, a, f: (y := x + a(x, n(x))) + f(m(y))),
    ("values-bare", lambda x, n, m, a, f: (y := x + a(n(x), x)) + f(m(y))),
    ("halves-exchanged", lambda x, n, m, a, f: (y := x + f(n(x))) + a(m(y), m(y))),
    ("sum-of-normed", lambda x, n, m, a, f: (y := n(x) + a(n(x), n(x))) + f(m(y))),
    ("sum-of-normed", lambda x, n, m, a, f: (y := m(n(x) + a(n(x), n(x)))) + f(y)),
    ("norm-behind", lambda x, n, m, a, f: m((y := n(x + a(x, x))) + f(y))),
    ("norm-behind", lambda x, n, m, a, f: (y := x + n(a(x, x))) + m(f(y))),
)


def _refuse_other_blocks(student, questions, scores):
    """Raises `Misconception` where the page's formula, computed with the network's layers, gives other answers."""
    model = rebuild(student, "transformer", None)
    start = next(part.output for part in model.operations if type(part).__name__ == "Add")  # where the places are added
    start = type(model)(model.input, start)(questions)
    kinds = (["LayerNormalization"], ["MultiHeadAttention"], ["Dense", "Conv1D", "TimeDistributed"])
    norms, attentions, dense = ([part for part in _layers_of(model) if type(part).__name__ in kind] for kind in kinds)
    for code, block in _BLOCKS:
        x = start
        for n, m, a, *two in zip(norms[::2], norms[1::2], attentions, dense[1::2], dense[2::2], strict=False):
            x = block(x, n, m, a, lambda y, two=two: _dense_half(*two, y))
        if np.abs(dense[-1](x) - scores).max() < 0.01:
            return fail_if(bool(code), code)
    raise Misconception("other-formula")


def _layers_of(model):
    inside = getattr(model, "layers", [])  # of a chain or a network within
    return [one for part in inside for one in _layers_of(part)] if inside else [model]


def _dense_half(first, second, x):
    bends = getattr(first, "layer", first).activation.__name__ != "linear"  # else a ReLU stands behind it
    return second(first(x) if bends else np.maximum(first(x), 0))


def _refuse_other_sizes(student, network, what, heads, rebuilt):
    """Raises `Misconception` where a network has other sizes than the page's `build_transformer` asks for."""
    d = next(array.shape[-1] for layer in student.weights(network) for array in layer)
    for kind, part in layer_configs(student.config(network) if rebuilt else None):
        if kind == "MultiHeadAttention":
            fail_if(part["num_heads"] != heads, "other-heads", what=what, seen=part["num_heads"], heads=heads)
            fail_if(heads * part["key_dim"] != d, "key-dim", heads=heads, key_dim=part["key_dim"])
    # Each block has 4 matrices (d, d) in its attention, and 2 of 4 times that size in its dense half.
    seen, wanted = student.describe(network)["n_params"], 14 * d + 2 * (12 * d**2 + 13 * d) + 13 * (d + 1)
    fail_if(seen != wanted, "other-size", what=what, seen=seen, wanted=wanted)
