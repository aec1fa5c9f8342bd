"""Cases of notebook 05b."""

from collections import Counter, defaultdict
from functools import cache

import numpy as np

from tests.cases import table
from tests.trained import trained_once

SYMBOLS = "0123456789+.>"
STOP, START = 11, 12


def codes(texts, length):
    return np.array([[SYMBOLS.index(symbol) for symbol in text.ljust(length, ".")] for text in texts])


def one_hot(rows):
    return np.eye(13, dtype="float32")[rows]


@cache
def seen_sums():
    """The questions and the answers that the page trains on."""
    pairs = [(a, b) for a in range(100) for b in range(100)]
    pairs = [(a, b) for a, b in pairs if (100 * min(a, b) + max(a, b)) * 7919 % 9973 >= 997]
    return [f"{a:02d}+{b:02d}" for a, b in pairs], [str(a + b)[::-1] for a, b in pairs]


def fit(network, inputs, targets, epochs=10, top=0.02):
    import keras

    steps = epochs * -(-len(targets) // 128)
    rate = keras.optimizers.schedules.CosineDecay(
        top / 40, steps - steps // 10, alpha=0.01, warmup_target=top, warmup_steps=steps // 10
    )
    adam = keras.optimizers.Adam(rate, beta_2=0.99)
    network.compile(adam, loss="sparse_categorical_crossentropy", steps_per_execution=10)
    network.fit(inputs, targets, epochs=epochs, batch_size=128, verbose=0)
    return network


# --- 05b.1


def teach(texts, length):
    targets = codes(texts, length)
    return np.hstack([np.full((len(texts), 1), START), targets[:, :-1]]), targets


def teach_texts(texts, length):
    return codes([">" + text for text in texts], length), codes(texts, length)


def teach_loop(texts, length):
    written, targets = [], []
    for text in texts:
        symbols = [SYMBOLS.index(symbol) for symbol in text]
        symbols += [STOP] * (length - len(symbols))
        targets.append(symbols)
        written.append([START, *symbols[:-1]])
    return written, targets


def teach_filled(texts, length):
    targets = codes(texts, length)
    written = np.full_like(targets, START, dtype=float)
    written[:, 1:] = targets[:, :-1]
    return [written, targets.astype("float32")]


def teach_rolled(texts, length):
    targets = codes(texts, length)
    written = np.roll(targets, 1, axis=1)
    written[:, 0] = START
    return np.array([written, targets])


def teach_slip(slip):
    def teach(texts, length):
        targets = codes(texts, length)
        start = np.full((len(texts), 1), START)
        moved = np.hstack([start, targets[:, :-1]])
        return {
            "not moved": (targets, targets),
            "both moved": (moved, moved),
            "moved back": (np.hstack([targets[:, 1:], 0 * start + STOP]), targets),
            "rolled": (np.roll(targets, 1, axis=1), targets),
            "STOP in front": (np.hstack([0 * start + STOP, targets[:, :-1]]), targets),
            "zeros in front": (np.hstack([0 * start, targets[:, :-1]]), targets),
            "START everywhere": (np.full_like(targets, START), targets),
            "exchanged": (targets, moved),
            "too long": (np.hstack([start, targets]), targets),
            "too short": (targets[:, :-1], targets[:, 1:]),
            "one-hot": (one_hot(moved), one_hot(targets)),
            "written alone": moved,
            "one more": (moved + 1, targets),
        }[slip]

    return teach


def teach_four(texts, length):
    return teach(texts, 4)


def untrained_adder(style="page"):
    import keras
    from keras import layers

    question, written = keras.Input((5, 13)), keras.Input((4, 13))
    softmax = layers.Dense(13, activation=None if style == "logits" else "softmax")
    if style in ("page", "logits", "no sequences", "bidirectional", "twelve symbols", "no states", "output and h"):
        output, h, c = layers.LSTM(48, return_state=True, unroll=True)(question)
        decoder = layers.LSTM(48, return_sequences=style != "no sequences", unroll=True)
        if style == "no states":
            hidden = decoder(written)
        elif style == "bidirectional":
            hidden = layers.Bidirectional(decoder)(written, initial_state=[h, c, h, c])
        else:
            hidden = decoder(written, initial_state=[output, h] if style == "output and h" else [h, c])
        if style == "twelve symbols":
            softmax = layers.Dense(12, activation="softmax")
    elif style == "GRU":
        state = layers.GRU(64, unroll=True)(question)
        hidden = layers.GRU(64, return_sequences=True, unroll=True)(written, initial_state=state)
        softmax = layers.TimeDistributed(layers.Dense(13, activation="softmax"))
    elif style == "reads in both directions":
        encoder = layers.Bidirectional(layers.LSTM(32, return_state=True, unroll=True))
        _, h, c, other_h, other_c = encoder(question)
        states = [layers.Concatenate()([h, other_h]), layers.Concatenate()([c, other_c])]
        hidden = layers.LSTM(64, return_sequences=True, unroll=True)(written, initial_state=states)
    if style == "subclassed":

        class Adder(keras.Model):
            def __init__(self):
                super().__init__()
                self.encoder = layers.LSTM(48, return_state=True, unroll=True)
                self.decoder = layers.LSTM(48, return_sequences=True, unroll=True)
                self.choice = layers.Dense(13, activation="softmax")

            def call(self, inputs):
                question, written = inputs
                _, h, c = self.encoder(question)
                return self.choice(self.decoder(written, initial_state=[h, c]))

        return Adder()
    return keras.Model([question, written], softmax(hidden))


@trained_once
def adder(style="page", written="moved", epochs=10):
    """A network of 05b.1, trained on what the decoder reads moved by one step, or not."""
    import keras

    keras.utils.set_random_seed(0)
    questions, answers = seen_sums()
    if written == "from the front":
        answers = [answer[::-1] for answer in answers]
    read, targets = teach(answers, 4)
    X = one_hot(codes(questions, 5))
    network = untrained_adder(style)
    return fit(network, [X, one_hot(targets if written == "not moved" else read)], targets, epochs)


def adder_of_its_own_class():
    """The page's network, written otherwise."""
    network = untrained_adder("subclassed")
    network([np.zeros((1, 5, 13), "float32"), np.zeros((1, 4, 13), "float32")])
    network.set_weights(adder().get_weights())
    return network


def adder_of_two_models():
    """An encoder that is a model of its own, with the states as its outputs."""
    import keras

    question, written = keras.Input((5, 13)), keras.Input((4, 13))
    _, other, encoder, decoder, last = adder().layers
    states = keras.Model(question, encoder(question)[1:])
    network = keras.Model([question, written], last(decoder(written, initial_state=list(states(question)))))
    return network


def shaken(network):
    """A copy that answers right only now and then, as one that was not trained for long enough."""
    import keras

    rng, copy = np.random.default_rng(0), keras.models.clone_model(network)
    copy.set_weights([w + 0.25 * w.std() * rng.normal(size=w.shape) for w in network.get_weights()])
    return copy


def adder_of_repeated_state():
    """A decoder that writes without looking at what it has written; its answers are those of the page's network."""
    import keras

    class Blind(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.network = adder()

        def call(self, question):
            from keras import ops

            rows = [ops.one_hot(ops.full_like(ops.argmax(question[:, 0], axis=1), START), 13)]
            for step in range(4):
                read = ops.stack([*rows, *[ops.zeros_like(rows[0])] * (3 - step)], axis=1)
                answer = self.network([question, read])
                if step < 3:
                    rows.append(ops.one_hot(ops.argmax(answer[:, step], axis=1), 13))
            return answer

    question, written = keras.Input((5, 13)), keras.Input((4, 13))
    return keras.Model([question, written], Blind()(question))


def flat_adder():
    network = untrained_adder()
    network.set_weights([0 * w for w in network.get_weights()])
    return network


def one_input():
    import keras
    from keras import layers

    chain = [layers.LSTM(8), layers.RepeatVector(4), layers.LSTM(8, return_sequences=True), layers.Dense(13, "softmax")]
    return keras.Sequential([keras.Input((5, 13)), *chain])


table(
    "05b.1",
    lambda: {"teach": teach, "adder": adder()},
    {
        "the page's": {},
        "START in the text, GRU": lambda: {"teach": teach_texts, "adder": adder("GRU")},
        "a loop, a model of its own class": lambda: {"teach": teach_loop, "adder": adder_of_its_own_class()},
        "filled, an encoder that reads in both directions": lambda: {
            "teach": teach_filled,
            "adder": adder("reads in both directions"),
        },
        "rolled, one array": {"teach": teach_rolled},
        "an encoder that is a model of its own": lambda: {"adder": adder_of_two_models()},
    },
    [
        ("not-moved", "not moved", {"teach": teach_slip("not moved")}),
        ("both-moved", "both moved", {"teach": teach_slip("both moved")}),
        ("moved-back", "moved back", {"teach": teach_slip("moved back")}),
        ("stop-in-front", "rolled only", {"teach": teach_slip("rolled")}),
        ("stop-in-front", "STOP in front", {"teach": teach_slip("STOP in front")}),
        ("zero-in-front", "zeros in front", {"teach": teach_slip("zeros in front")}),
        ("start-everywhere", "START everywhere", {"teach": teach_slip("START everywhere")}),
        ("swapped", "exchanged", {"teach": teach_slip("exchanged")}),
        ("too-long", "one symbol too long", {"teach": teach_slip("too long")}),
        ("too-short", "one symbol too short", {"teach": teach_slip("too short")}),
        ("fixed-length", "always four steps", {"teach": teach_four}),
        ("one-hot", "one-hot already", {"teach": teach_slip("one-hot")}),
        ("wrong-type", "written alone", {"teach": teach_slip("written alone")}),
        ("written", "codes from one", {"teach": teach_slip("one more")}),
        ("copies", "trained on symbols that were not moved", lambda: {"adder": adder(written="not moved", epochs=2)}),
        ("looks-ahead", "a decoder in both directions", lambda: {"adder": untrained_adder("bidirectional")}),
        ("reversed", "from the front", lambda: {"adder": adder(written="from the front", epochs=16)}),
        ("not-read", "a second input that is not used", lambda: {"adder": adder_of_repeated_state()}),
        ("exact", "trained too little", lambda: {"adder": shaken(adder())}),
        ("untrained|constant|copies", "never trained", lambda: {"adder": untrained_adder()}),
        ("constant", "all weights 0", lambda: {"adder": flat_adder()}),
        ("no-question", "the states are not handed over", lambda: {"adder": untrained_adder("no states")}),
        ("output-for-state", "the output for h", lambda: {"adder": untrained_adder("output and h")}),
        ("logits", "logits", lambda: {"adder": untrained_adder("logits")}),
        ("last-only", "no sequences", lambda: {"adder": untrained_adder("no sequences")}),
        ("wrong-shape", "twelve symbols", lambda: {"adder": untrained_adder("twelve symbols")}),
        ("one-input", "the network of 05.6", lambda: {"adder": one_input()}),
        ("not-keras", "a function", {"adder": lambda inputs: inputs[1]}),
        ("not-built", "of its own class, never called", lambda: {"adder": untrained_adder("subclassed")}),
    ],
)


# --- 05b.2


def follow(table):
    return lambda written: table[len(written) - 1, written[-1]]


def greedy(next_probabilities, limit):
    written = [START]
    for _ in range(limit):
        code = int(np.argmax(next_probabilities(written)))
        if code == STOP:
            break
        written.append(code)
    return written[1:]


def greedy_while(next_probabilities, limit):
    answer = np.array([], dtype=int)
    while len(answer) < limit:
        scores = list(next_probabilities([START, *answer]))
        best = scores.index(max(scores))
        if best == STOP:
            return answer
        answer = np.append(answer, best)
    return answer


def greedy_again(next_probabilities, limit, written=(START,)):
    code = np.argmax(next_probabilities(list(written)))
    if code == STOP or limit == 0:
        return []
    return [code, *greedy_again(next_probabilities, limit - 1, (*written, code))]


def greedy_cut(next_probabilities, limit):
    """Writes up to the limit, and cuts at the first STOP."""
    written = [START]
    for _ in range(limit):
        written.append(int(next_probabilities(written).argmax()))
    codes = written[1:]
    return tuple(codes[: codes.index(STOP)] if STOP in codes else codes)


def greedy_logs(next_probabilities, limit):
    written = np.full(limit + 1, START)
    for step in range(limit):
        code = np.log(next_probabilities(written[: step + 1])).argsort()[-1]
        if code == STOP:
            return written[1 : step + 1]
        written[step + 1] = code
    return written[1:]


def greedy_slip(slip):
    def greedy(next_probabilities, limit):
        written = [START]
        rounds = {"one too many": limit + 1, "one too few": limit - 1}.get(slip, limit)
        for _ in range(rounds):
            shown = {"start only": written[:1], "last only": written[-1:]}.get(slip, written)
            probabilities = next_probabilities(shown)
            code = int(np.argmin(probabilities) if slip == "least" else np.argmax(probabilities))
            if slip == "drawn":
                code = int(np.random.default_rng(len(written)).choice(13, p=probabilities))
            if slip == "second best":
                code = int(np.argsort(probabilities)[-2])
            if code == STOP and not slip.startswith("goes on"):
                written += [STOP] * (slip == "with stop")
                break
            written.append(code)
            if slip == "one symbol" or slip == "returns in the loop":
                return written[1] if slip == "one symbol" else written[1:]
        if slip == "goes on, then cleans":
            return [code for code in written[1:] if code != STOP]
        if slip == "text":
            return "".join(SYMBOLS[code] for code in written[1:])
        if slip == "letters":
            return [SYMBOLS[code] for code in written[1:]]
        if slip == "columns":
            return np.array(written[1:])[:, None]
        return written if slip == "with start" else written[1:]

    return greedy


def greedy_endless(next_probabilities, limit):
    written = [START]
    while (code := int(np.argmax(next_probabilities(written)))) != STOP:
        written.append(code)
    return written[1:]


table(
    "05b.2",
    lambda: {"greedy": greedy, "follow": follow},
    {
        "a for loop": {},
        "a while loop and an array": {"greedy": greedy_while},
        "recursion": {"greedy": greedy_again},
        "cut at STOP afterwards": {"greedy": greedy_cut},
        "an array filled, logarithms": {"greedy": greedy_logs},
    },
    [
        ("with-start", "START in front", {"greedy": greedy_slip("with start")}),
        ("with-stop", "STOP at the end", {"greedy": greedy_slip("with stop")}),
        ("ignores-stop", "goes on after STOP", {"greedy": greedy_slip("goes on")}),
        ("goes-on", "takes the STOPs away at the end", {"greedy": greedy_slip("goes on, then cleans")}),
        ("start-only", "asks about START every time", {"greedy": greedy_slip("start only")}),
        ("last-only", "asks about the last symbol", {"greedy": greedy_slip("last only")}),
        ("least-probable", "argmin", {"greedy": greedy_slip("least")}),
        ("one-too-many", "one round too many", {"greedy": greedy_slip("one too many")}),
        ("one-too-few", "one round too few", {"greedy": greedy_slip("one too few")}),
        ("greedy", "draws by the probabilities", {"greedy": greedy_slip("drawn")}),
        ("greedy", "the second best", {"greedy": greedy_slip("second best")}),
        ("greedy", "returns in the first round", {"greedy": greedy_slip("returns in the loop")}),
        ("wrong-shape|raises", "one number", {"greedy": greedy_slip("one symbol")}),
        ("wrong-shape", "a column", {"greedy": greedy_slip("columns")}),
        ("as-text", "text", {"greedy": greedy_slip("text")}),
        ("as-text", "a list of symbols", {"greedy": greedy_slip("letters")}),
        ("none", "no return", {"greedy": lambda next_probabilities, limit: None}),
        ("nothing-written", "the first question without START", {"greedy": lambda following, limit: following([])}),
        ("no-limit", "no limit", {"greedy": greedy_endless}),
        ("raises", "an error of its own", {"greedy": lambda following, limit: [0][limit]}),
        ("follow-changed", "follow gives the table", {"follow": lambda table: [1, 2]}),
    ],
)


# --- 05b.3


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def attention(Q, K, V, mask=None):
    scores = Q @ K.T / np.sqrt(K.shape[1])
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    weights = softmax(scores)
    return weights @ V, weights


def attention_loop(Q, K, V, mask=None):
    """One query after the other; keys that are hidden are left out."""
    weights = np.zeros((len(Q), len(K)))
    for i, q in enumerate(Q):
        seen = [j for j in range(len(K)) if mask is None or mask[i, j]]
        powers = np.array([np.exp(q @ K[j] / len(q) ** 0.5) for j in seen])
        weights[i, seen] = powers / powers.sum()
    return np.array([sum(w * v for w, v in zip(row, V)) for row in weights]), weights


def attention_einsum(Q, K, V, mask=None):
    scores = np.einsum("nd,md->nm", Q, K) * K.shape[-1] ** -0.5
    scores = scores if mask is None else scores - 1e9 * (1 - mask)
    powers = np.exp(scores)
    weights = powers / powers.sum(1)[:, None]
    return [np.einsum("nm,me->ne", weights, V), weights]


def attention_scipy(Q, K, V, mask=None):
    from scipy.special import softmax

    scores = (Q @ K.T / np.sqrt(Q.shape[1])).astype("float32")
    if mask is not None:
        scores[~mask] = -1e9
    weights = softmax(scores, axis=1)
    return weights @ V, weights


def attention_keras(Q, K, V, mask=None):
    import keras

    layer = keras.layers.Attention()
    masked = {} if mask is None else {"mask": [None, None]}
    if mask is None:
        scaled = Q / np.sqrt(K.shape[1])
        parts = [part[None].astype("float32") for part in (scaled, V, K)]
        output, weights = layer(parts, return_attention_scores=True, **masked)
        return output[0], weights[0]
    weights = keras.ops.softmax(keras.ops.where(mask, Q @ K.T / np.sqrt(K.shape[1]), -1e9))
    return keras.ops.matmul(weights, V), weights


def attention_after(Q, K, V, mask=None):
    """The hidden weights are set to 0 after the softmax, and the rows are divided by their sums again."""
    weights = softmax(Q @ K.T / np.sqrt(K.shape[1]))
    if mask is not None:
        weights = weights * mask / (weights * mask).sum(axis=1, keepdims=True)
    return weights @ V, weights


def attention_slip(slip):
    def attention(Q, K, V, mask=None):
        d = K.shape[1]
        scale = {
            "no scale": 1, "by d": d, "times": 1 / np.sqrt(d), "by values": np.sqrt(V.shape[1]),
            "by keys": np.sqrt(len(K)), "scaled after": 1,
        }.get(slip, np.sqrt(d))  # fmt: skip
        scores = Q @ K.T / scale
        if mask is not None and slip == "as zeros":
            scores = scores * mask
        elif mask is not None and slip == "added":
            scores = scores + mask
        elif mask is not None and slip == "20 less":
            scores = np.where(mask, scores, scores - 20)
        elif mask is not None and slip == "turned":
            scores = np.where(mask, -1e9, scores)
        elif mask is not None and slip not in ("ignored", "after"):
            scores = np.where(mask, scores, -np.inf)
        weights = softmax(scores)
        if slip == "after" and mask is not None:
            weights = weights * mask
        if slip == "over queries":
            weights = softmax(scores.T).T
        if slip == "over all":
            weights = np.exp(scores) / np.exp(scores).sum()
        if slip == "no softmax":
            weights = scores
        if slip == "scaled after":
            weights = softmax(Q @ K.T / np.sqrt(d)) / np.sqrt(d)
        output = weights @ (K if slip == "keys" else V)
        return {
            "output only": output,
            "swapped": (weights, output),
            "scores": (output, scores),
            "transposed": (output, weights.T),
            "doubled": (2 * output, weights),
            "sorted": (np.sort(output, axis=0), weights),
        }.get(slip, (output, weights))

    return attention


table(
    "05b.3",
    lambda: {"attention": attention},
    {
        "matrices": {},
        "query by query": {"attention": attention_loop},
        "einsum, a list": {"attention": attention_einsum},
        "SciPy, in place, float32": {"attention": attention_scipy},
        "Keras": {"attention": attention_keras},
        "masked afterwards and divided again": {"attention": attention_after},
    },
    [
        ("no-scale", "no scale", {"attention": attention_slip("no scale")}),
        ("scaled-by-d", "divided by d", {"attention": attention_slip("by d")}),
        ("multiplied", "times the root", {"attention": attention_slip("times")}),
        ("scaled-by-keys", "root of the number of keys", {"attention": attention_slip("by keys")}),
        ("scaled-by-values", "root of the length of a value", {"attention": attention_slip("by values")}),
        ("over-queries", "softmax over the queries", {"attention": attention_slip("over queries")}),
        ("over-all", "softmax over everything", {"attention": attention_slip("over all")}),
        ("no-softmax", "no softmax", {"attention": attention_slip("no softmax")}),
        ("scaled-after", "divided after the softmax", {"attention": attention_slip("scaled after")}),
        ("keys-for-values", "keys for values", {"attention": attention_slip("keys")}),
        ("swapped", "weights first", {"attention": attention_slip("swapped")}),
        ("scores-returned", "scores returned", {"attention": attention_slip("scores")}),
        ("weights-transposed", "weights transposed", {"attention": attention_slip("transposed")}),
        ("wrong-type", "the output alone", {"attention": attention_slip("output only")}),
        ("output", "twice the output", {"attention": attention_slip("doubled")}),
        ("output", "the output sorted", {"attention": attention_slip("sorted")}),
        ("mask-ignored", "the mask ignored", {"attention": attention_slip("ignored")}),
        ("mask-turned|not-finite", "the mask turned", {"attention": attention_slip("turned")}),
        ("mask-as-zeros", "scores times the mask", {"attention": attention_slip("as zeros")}),
        ("mask-after", "masked after the softmax", {"attention": attention_slip("after")}),
        ("mask-added", "the mask added", {"attention": attention_slip("added")}),
        ("mask-leaks", "20 subtracted", {"attention": attention_slip("20 less")}),
        ("raises", "takes no mask", {"attention": lambda Q, K, V: attention(Q, K, V)}),
    ],
)


# --- 05b.4

LOOKS = [[1, 4], [0, 3], [0, 3]]


def with_places(rows):
    return np.concatenate([rows, np.broadcast_to(np.eye(5, dtype="float32"), (len(rows), 5, 5))], axis=2)


def untrained_reader(style="page"):
    import keras
    from keras import layers

    question, written = keras.Input((5, 13 if style == "no places" else 18)), keras.Input((4, 13))
    hidden = layers.LSTM(64, return_sequences=True, unroll=True)(written)
    if style == "Attention":
        context, weights = layers.Attention()(
            [layers.Dense(16)(hidden), layers.Dense(32)(question), layers.Dense(16)(question)],
            return_attention_scores=True,
        )
    elif style == "AdditiveAttention":
        context, weights = layers.AdditiveAttention()(
            [layers.Dense(32)(hidden), layers.Dense(32)(question)], return_attention_scores=True
        )
    elif style == "matrices":
        queries, keys = layers.Dense(16)(hidden), layers.Dense(16)(question)
        weights = layers.Softmax()(keras.ops.matmul(queries, keras.ops.transpose(keys, (0, 2, 1))) / 4)
        context = layers.Dense(64)(keras.ops.matmul(weights, layers.Dense(16)(question)))
    elif style == "no attention":
        context = layers.RepeatVector(4)(layers.Dense(64, activation="relu")(layers.Flatten()(question)))
        weights = layers.Dense(5, activation="softmax")(context)
    else:
        heads = 2 if style == "two heads" else 1
        attend = layers.MultiHeadAttention(heads, key_dim=16)
        context, weights = attend(hidden, question, return_attention_scores=True)
    bent = None if style == "no hidden layer" else "relu"
    joined = layers.Dense(64, activation=bent)(layers.Concatenate()([hidden, context]))
    outputs = layers.Dense(13, activation="softmax")(joined)
    return keras.Model([question, written], outputs), keras.Model([question, written], weights)


@trained_once
def readers(style="page", epochs=10):
    """Both models of 05b.4."""
    import keras

    keras.utils.set_random_seed(0)
    reader, look = untrained_reader(style)
    if style in ("matrices", "two heads"):  # the page's network, written otherwise
        otherwise = {"matrices": without_heads, "two heads": with_two_heads}[style]
        reader.set_weights(otherwise(readers()[0].get_weights()))
        return reader, look
    questions, answers = seen_sums()
    read, targets = teach(answers, 4)
    fit(reader, [with_places(one_hot(codes(questions, 5))), one_hot(read)], targets, epochs)
    return reader, look


def reading(style="page", looks=LOOKS, epochs=10):
    reader, look = readers(style, epochs)
    return {"reader": reader, "look": look, "looks": looks}


def never_trained(style="page"):
    return dict(zip(("reader", "look"), untrained_reader(style), strict=True))


def other_look(style):
    """A model in the place of `look`."""
    import keras

    reader, look = readers()
    if style == "probabilities":
        return reader
    question, written = look.inputs
    weights = look([question, written])
    if style == "transposed":
        return keras.Model(look.inputs, keras.ops.transpose(weights, (0, 1, 3, 2)))
    if style == "all alike":
        return keras.Model(look.inputs, 0 * weights + 0.2)
    return untrained_reader()[1]


table(
    "05b.4",
    reading,
    {
        "the page's": {},
        "Attention, an array": lambda: reading("Attention", np.array(LOOKS)),
        "AdditiveAttention, the other place first": lambda: reading("AdditiveAttention", [[4, 1], [3, 0], [3, 0]]),
        "two heads, tuples": lambda: reading("two heads", best_looks("two heads")),
        "matrices": lambda: reading("matrices", best_looks("matrices")),
    },
    [
        ("no-attention", "no attention", lambda: never_trained("no attention")),
        ("exact", "trained too little", lambda: {"reader": shaken(readers()[0])}),
        ("no-hidden-layer", "no activation behind the attention", lambda: never_trained("no hidden layer")),
        ("untrained|constant|copies", "never trained", never_trained),
        ("not-keras", "a function", {"reader": lambda inputs: inputs[1]}),
        ("raises", "the places left out", lambda: never_trained("no places")),
        ("look", "a second network", lambda: {"look": other_look("untrained")}),
        ("not-weights", "the probabilities again", lambda: {"look": other_look("probabilities")}),
        ("wrong-shape", "weights transposed", lambda: {"look": other_look("transposed")}),
        ("all-alike", "the same weight everywhere", lambda: {"look": other_look("all alike")}),
        ("transposed", "looks transposed", {"looks": np.array(LOOKS).T}),
        ("from-one", "places from one", {"looks": np.array(LOOKS) + 1}),
        ("rows-reversed", "tens first", {"looks": LOOKS[::-1]}),
        ("looks|from-the-end|rows-reversed", "the first number only", {"looks": [[0, 1], [0, 1], [0, 1]]}),
        ("looks", "the plus", {"looks": [[1, 2], [0, 3], [0, 3]]}),
        ("looks", "one place twice", {"looks": [[1, 1], [0, 3], [0, 3]]}),
        ("wrong-shape", "two rows", {"looks": LOOKS[:2]}),
        ("not-places", "digits of the sum", {"looks": [[8, 7], [3, 2], [3, 2]]}),
        ("wrong-type", "words", {"looks": "units, tens"}),
    ],
)


def without_heads(weights):
    """The weights of a reader whose `MultiHeadAttention` has one head, for plain matrices: the keys' come first."""
    cell, (query, key, value, out), rest = weights[:3], zip(weights[3:11:2], weights[4:11:2], strict=True), weights[11:]
    matrices = [(w.reshape(-1, w.shape[-1]), b.ravel()) for w, b in (key, query, value, out)]
    return [*cell, *(part for pair in matrices for part in pair), *rest]


def with_two_heads(weights):
    """The weights for two heads that are alike, each of which gives half of what the one gave."""
    cell, attention, rest = weights[:3], weights[3:11], weights[11:]
    twice = [np.repeat(w, 2, axis=w.ndim - 2) for w in attention[:6]]
    return [*cell, *twice, np.repeat(attention[6], 2, axis=0) / 2, attention[7], *rest]


def best_looks(style):
    """The two places with the largest mean weights, for each of three symbols."""
    _, look = readers(style)
    questions, answers = seen_sums()
    read, _ = teach(answers[::9], 4)
    weights = np.asarray(look([with_places(one_hot(codes(questions[::9], 5))), one_hot(read)]))
    mean = weights.reshape(len(read), -1, 4, 5).mean(axis=(0, 1))
    return tuple(tuple(np.argsort(row)[-2:].tolist()) for row in mean[:3])


# --- 05b.5


def positions(T, d):
    angles = np.arange(T)[:, None] / 10000 ** (np.arange(0, d, 2) / d)
    encoding = np.zeros((T, d))
    encoding[:, 0::2] = np.sin(angles)
    encoding[:, 1::2] = np.cos(angles)
    return encoding


def positions_loop(T, d):
    rows = []
    for t in range(T):
        row = []
        for i in range(d // 2):
            angle = t / 10000 ** (2 * i / d)
            row += [np.sin(angle), np.cos(angle)]
        rows.append(row)
    return rows


def positions_stacked(T, d):
    speeds = np.exp(-np.log(10000.0) * np.arange(0, d, 2) / d)
    angles = np.outer(np.arange(T), speeds)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(T, d).astype("float32")


def positions_complex(T, d):
    turned = np.exp(1j * np.arange(T)[:, None] / 10000 ** (np.arange(d // 2) * 2 / d))
    return np.ascontiguousarray(turned.imag + 1j * turned.real).view(float)


def positions_shifted(T, d):
    """A cosine is a sine, a quarter of a turn ahead."""
    column = np.arange(d)
    return np.sin(np.arange(T)[:, None] * 10000.0 ** -(2 * (column // 2) / d) + (column % 2) * np.pi / 2)


def positions_slip(slip):
    def positions(T, d):
        t = np.arange(1, T + 1) if slip == "from one" else np.arange(T)
        pairs = np.arange(d // 2)
        exponents = {"i / d": pairs / d, "4i / d": 4 * pairs / d, "one speed": 0 * pairs, "i + 1": 2 * (pairs + 1) / d}
        exponent = exponents.get(slip, 2 * pairs / d)
        speed = {"times": 10000.0**exponent, "base 1000": 1000.0**-exponent}.get(slip, 10000.0**-exponent)
        angles = t[:, None] * speed
        if slip == "degrees":
            angles = np.radians(angles)
        sines, cosines = np.sin(angles), np.cos(angles)
        if slip == "halves":
            return np.hstack([sines, cosines])
        if slip == "cosines in front":
            return np.hstack([cosines, sines])
        if slip == "sines":
            return sines
        if slip == "an exponent a column":
            angles = t[:, None] / 10000 ** (np.arange(d) / d)
            return np.where(np.arange(d) % 2 == 0, np.sin(angles), np.cos(angles))
        if slip == "the column for i":
            angles = t[:, None] / 10000.0 ** (2 * np.arange(d) / d)
            return np.where(np.arange(d) % 2 == 0, np.sin(angles), np.cos(angles))
        if slip == "angles":
            return np.repeat(angles, 2, axis=1)
        pair = [cosines, sines] if slip == "exchanged" else [sines, sines if slip == "no cosines" else cosines]
        table = np.stack(pair, axis=2).reshape(T, d)
        return {"transposed": table.T, "twice": np.hstack([table, table]), "doubled": 2 * table}.get(slip, table)

    return positions


def ceiling(questions, answers):
    groups = defaultdict(Counter)
    for question, answer in zip(questions, answers):
        groups["".join(sorted(question))][answer] += 1
    return sum(max(counts.values()) for counts in groups.values()) / len(questions)


def ceiling_pandas(questions, answers):
    import pandas as pd

    keys = ["".join(sorted(question)) for question in questions]
    return pd.crosstab(keys, list(answers)).max(axis=1).sum() / len(keys)


def ceiling_best_answers(questions, answers):
    """First the best answer for each group, then how often it is right."""
    listed = {}
    for question, answer in zip(questions, answers):
        listed.setdefault(tuple(sorted(question)), []).append(answer)
    best = {key: max(set(given), key=given.count) for key, given in listed.items()}
    return np.mean([best[tuple(sorted(q))] == answer for q, answer in zip(questions, answers)])


def ceiling_counts(questions, answers):
    """Groups by how often each symbol occurs, in an array of its own."""
    keys = np.array([str([(s, q.count(s)) for s in sorted(set(q))]) for q in questions])
    answers = np.array(answers)
    right = 0
    for key in np.unique(keys):
        right += np.unique(answers[keys == key], return_counts=True)[1].max()
    return np.array(right / len(keys))


def ceiling_slip(slip):
    def ceiling(questions, answers):
        key = {"as written": str, "sets": lambda q: "".join(sorted(set(q)))}.get(slip, lambda q: "".join(sorted(q)))
        groups = defaultdict(list)
        for question, answer in zip(questions, answers):
            groups[key(question)].append(answer)
        best = [Counter(group).most_common(1)[0][1] for group in groups.values()]
        sizes = [len(group) for group in groups.values()]
        n = len(questions)
        return {
            "first": lambda: sum(group.count(group[0]) for group in groups.values()) / n,
            "one each": lambda: len(groups) / n,
            "certain": lambda: sum(b for b, size in zip(best, sizes) if b == size) / n,
            "mean": lambda: np.mean(np.array(best) / sizes),
            "no groups": lambda: Counter(answers).most_common(1)[0][1] / n,
            "count": lambda: sum(best),
            "mistakes": lambda: 1 - sum(best) / n,
            "per cent": lambda: 100 * sum(best) / n,
            "a list": lambda: best,
            "a tenth more": lambda: 0.1 + sum(best) / n,
        }.get(slip, lambda: sum(best) / n)()

    return ceiling


table(
    "05b.5",
    lambda: {"positions": positions, "ceiling": ceiling},
    {
        "columns filled, a Counter": {},
        "loops, pandas": {"positions": positions_loop, "ceiling": ceiling_pandas},
        "stacked, best answers": {"positions": positions_stacked, "ceiling": ceiling_best_answers},
        "complex numbers, counts": {"positions": positions_complex, "ceiling": ceiling_counts},
        "shifted sines": {"positions": positions_shifted},
    },
    [
        ("from-one", "places from one", {"positions": positions_slip("from one")}),
        ("halves", "halves", {"positions": positions_slip("halves")}),
        ("halves-exchanged", "halves, cosines in front", {"positions": positions_slip("cosines in front")}),
        ("sine-and-cosine-exchanged", "cosine first", {"positions": positions_slip("exchanged")}),
        ("all-sines", "no cosines", {"positions": positions_slip("no cosines")}),
        ("exponent-not-doubled", "i / d", {"positions": positions_slip("i / d")}),
        ("exponent-doubled-twice", "4i / d", {"positions": positions_slip("4i / d")}),
        ("own-exponents", "an exponent for each column", {"positions": positions_slip("an exponent a column")}),
        ("column-for-pair", "the column for i", {"positions": positions_slip("the column for i")}),
        ("pairs-from-one", "pairs from one", {"positions": positions_slip("i + 1")}),
        ("multiplied", "times the power", {"positions": positions_slip("times")}),
        ("same-speed", "one speed", {"positions": positions_slip("one speed")}),
        ("other-base", "base 1000", {"positions": positions_slip("base 1000")}),
        ("degrees", "degrees", {"positions": positions_slip("degrees")}),
        ("transposed", "transposed", {"positions": positions_slip("transposed")}),
        ("half-as-wide", "the sines alone", {"positions": positions_slip("sines")}),
        ("twice-as-wide", "everything twice", {"positions": positions_slip("twice")}),
        ("positions", "the angles", {"positions": positions_slip("angles")}),
        ("positions", "doubled", {"positions": positions_slip("doubled")}),
        ("order-kept", "not sorted", {"ceiling": ceiling_slip("as written")}),
        ("counts-lost", "sets", {"ceiling": ceiling_slip("sets")}),
        ("first-answer", "the first answer", {"ceiling": ceiling_slip("first")}),
        ("one-each", "groups counted", {"ceiling": ceiling_slip("one each")}),
        ("certain-only", "certain groups only", {"ceiling": ceiling_slip("certain")}),
        ("groups-alike", "mean over groups", {"ceiling": ceiling_slip("mean")}),
        (
            "answers-sorted",
            "the answers sorted as well",
            {"ceiling": lambda questions, answers: ceiling(questions, ["".join(sorted(a)) for a in answers])},
        ),
        ("no-groups", "the most frequent answer of all", {"ceiling": ceiling_slip("no groups")}),
        ("not-divided", "not divided", {"ceiling": ceiling_slip("count")}),
        ("mistakes", "mistakes", {"ceiling": ceiling_slip("mistakes")}),
        ("per-cent", "per cent", {"ceiling": ceiling_slip("per cent")}),
        ("wrong-shape", "a list of counts", {"ceiling": ceiling_slip("a list")}),
        ("ceiling", "a tenth more", {"ceiling": ceiling_slip("a tenth more")}),
    ],
)


# --- 05b.6


def block(x, heads, hidden, style):
    """A block in one of several styles, or with a part missing."""
    import keras
    from keras import layers

    shared = layers.LayerNormalization()

    def norm(x):
        return x if style == "no norm" else (shared if style == "shared norm" else layers.LayerNormalization())(x)

    def added(x, change):
        if style == "no residual":
            return change
        return {"layers.Add": lambda: layers.Add()([x, change]), "ops": lambda: keras.ops.add(x, change)}.get(
            style, lambda: x + change
        )()

    d = x.shape[-1]
    attend = layers.MultiHeadAttention(heads, key_dim=d if style == "long heads" else d // heads)
    activation = "gelu" if style == "ops" else "relu"
    dense = [layers.Dense(hidden, activation=activation), layers.Dense(d, "relu" if style == "two ReLUs" else None)]
    if style == "windows of one place":
        dense = [layers.Conv1D(hidden, 1, activation="relu"), layers.Conv1D(d, 1)]
    if style == "norm behind":
        x = norm(added(x, attend(x, x)))
        return norm(added(x, dense[1](dense[0](x))))
    normed = norm(x)
    if style == "sum of normed":
        x = normed
    if style != "no attention":
        x = added(x, attend(normed, normed, normed, use_causal_mask=style == "causal"))
    if style == "one half":
        return x
    if style == "chain":
        return added(x, keras.Sequential(dense)(norm(x)))
    return added(x, dense[1](dense[0](norm(x))))


def untrained_transformer(style="page", d=32):
    import keras
    from keras import layers

    question = keras.Input((5, 13))
    x = layers.Dense(d)(question) * d**0.5
    if style != "no places":
        x = x + positions(5, d).astype("float32")
    if style == "recurrent":
        x = layers.LSTM(d, return_sequences=True)(x)
    if style == "subclassed block":

        class Block(layers.Layer):
            def __init__(self):
                super().__init__()
                self.norms = [layers.LayerNormalization(), layers.LayerNormalization()]
                self.attend = layers.MultiHeadAttention(4, key_dim=8)
                self.first, self.second = layers.Dense(128, activation="relu"), layers.Dense(32)

            def call(self, x):
                normed = self.norms[0](x)
                x = x + self.attend(normed, normed)
                return x + self.second(self.first(self.norms[1](x)))

        x = Block()(Block()(x))
    else:
        for _ in range(2):
            x = block(x, 4, 4 * d, style)
    if style == "one answer":
        x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(question, layers.Dense(13, activation=None if style == "logits" else "softmax")(x))


@trained_once
def transformer(style="page", epochs=12, top=0.01, order="units first"):
    import keras

    if style in (
        "layers.Add",
        "chain",
        "subclassed block",
        "ops",
        "windows of one place",
    ):  # the page's network, written otherwise
        weights = transformer().get_weights()
        if style == "subclassed block":  # it makes both normalisations before the attention
            places = [*range(2), *range(10, 12), *range(2, 10), *range(12, 16)]
            blocks = [2 + 16 * block + place for block in range(2) for place in places]
            weights = [weights[place] for place in [0, 1, *blocks, -2, -1]]
        network = untrained_transformer(style)
        network.set_weights([array.reshape(mine.shape) for array, mine in zip(weights, network.weights, strict=True)])
        return network
    keras.utils.set_random_seed(0)
    questions, answers = seen_sums()
    if order == "from the front":
        answers = [answer[::-1] for answer in answers]
    return fit(untrained_transformer(style), one_hot(codes(questions, 5)), codes(answers, 5), epochs, top)


def linear_transformer():
    """The page's network without the ReLU."""
    import keras

    def linear(layer):
        config = layer.get_config()
        if config.get("activation") == "relu":
            config["activation"] = "linear"
        return type(layer).from_config(config)

    return keras.models.clone_model(untrained_transformer(), clone_function=linear)


def flat_transformer():
    network = untrained_transformer()
    network.set_weights([0 * w for w in network.get_weights()])
    return network


def builder(style):
    """A `build_transformer` whose blocks are written in other styles, or have one part that is wrong."""
    import keras
    from keras import layers

    def build_transformer(d=32, heads=4):
        question = keras.Input((5, 13))
        x = layers.Dense(d)(question) * d**0.5 + positions(5, d).astype("float32")
        for _ in range(2):
            x = other_block(x, heads, 4 * d, style)
        return keras.Model(question, layers.Dense(13, activation="softmax")(x))

    return build_transformer


def other_block(x, heads, hidden, style):
    import keras
    from keras import layers

    d = x.shape[-1]
    n, m = (layers.LayerNormalization(epsilon=1e-6 if style == "small epsilon" else 1e-3) for _ in range(2))
    heads = {"one head": 1, "four heads": 4}.get(style, heads)
    a = layers.MultiHeadAttention(heads, key_dim=d // heads)
    hidden = {"hidden of 32": 32, "hidden of 128": 128}.get(style, hidden)
    first, second = layers.Dense(hidden, activation="relu"), layers.Dense(d)

    def f(x):
        if style == "one dense layer":
            return layers.Dense(d, activation="relu")(x)
        if style == "ReLU behind":
            return second(layers.ReLU()(layers.Dense(hidden)(x)))
        if style == "TimeDistributed":
            return layers.TimeDistributed(second)(layers.TimeDistributed(first)(x))
        return second(first(x))

    if style == "a network for each block":
        inside = keras.Input(x.shape[1:])
        return keras.Model(inside, other_block(inside, heads, hidden, "page"))(x)
    if style == "a chain with its normalisation":
        normed = n(x)
        x = layers.Add()([a(query=normed, value=normed, key=normed), x])
        return layers.Add()([keras.Sequential([m, first, second])(x), x])
    if style == "halves exchanged":
        x = x + f(n(x))
        normed = m(x)
        return x + a(normed, normed)
    normed = n(x)
    arguments = {"x and normed": (x, normed), "normed and x": (normed, x)}.get(style, (normed, normed))
    if style == "both sums of normed":
        normed = m(normed + a(*arguments))
        return normed + f(normed)
    if style == "norm behind what is added":
        x = x + n(a(x, x))
        return x + m(f(x))
    y = x + a(*arguments)
    return (x if style == "adds to the old x" else y) + f(m(f(y) if style == "a third dense half" else y))


def page_network(style):
    """The page's network, written in another style, and what builds it."""
    network = builder(style)()
    network.set_weights([w.reshape(mine.shape) for w, mine in zip(transformer().get_weights(), network.weights)])
    return {"transformer": network, "build_transformer": builder(style)}


def other_network(style):
    return {"transformer": builder(style)(), "build_transformer": builder(style)}


table(
    "05b.6",
    lambda: {"transformer": transformer(), "build_transformer": builder("page")},
    {
        "the page's": {},
        "layers.Add": lambda: {"transformer": transformer("layers.Add")},
        "Conv1D with windows of one place": lambda: {"transformer": transformer("windows of one place")},
        "keras.ops, GELU": lambda: {"transformer": transformer("ops")},
        "the dense half as a chain": lambda: {"transformer": transformer("chain")},
        "a layer of its own class": lambda: {"transformer": transformer("subclassed block")},
        "a chain with its normalisation": lambda: page_network("a chain with its normalisation"),
        "TimeDistributed": lambda: page_network("TimeDistributed"),
        "a layer ReLU": lambda: page_network("ReLU behind"),
        "a smaller epsilon": lambda: page_network("small epsilon"),
        "a network for each block": lambda: page_network("a network for each block"),
    },
    [
        ("no-residual", "no residual connection", lambda: {"transformer": untrained_transformer("no residual")}),
        ("no-residual", "the dense half forgotten", lambda: {"transformer": untrained_transformer("one half")}),
        (
            "shared-norm",
            "one normalisation for both halves",
            lambda: {"transformer": untrained_transformer("shared norm")},
        ),
        ("sum-of-normed", "the normalised copy added", lambda: {"transformer": untrained_transformer("sum of normed")}),
        ("sum-of-normed", "both sums of the normalised copy", lambda: other_network("both sums of normed")),
        ("first-sum-lost", "the second half adds to the old x", lambda: other_network("adds to the old x")),
        ("queries-bare", "queries not normalised", lambda: other_network("x and normed")),
        ("values-bare", "keys and values not normalised", lambda: other_network("normed and x")),
        ("halves-exchanged", "the dense half first", lambda: other_network("halves exchanged")),
        ("other-formula", "the dense half twice", lambda: other_network("a third dense half")),
        ("other-size", "one dense layer", lambda: other_network("one dense layer")),
        ("other-size", "always 32 hidden units", lambda: other_network("hidden of 32")),
        ("other-size", "always 128 hidden units", lambda: page_network("hidden of 128")),
        ("other-heads", "one head", lambda: other_network("one head")),
        ("other-heads", "always four heads", lambda: page_network("four heads")),
        ("norm-behind", "normalised behind what is added", lambda: other_network("norm behind what is added")),
        ("norm-behind", "normalised behind", lambda: {"transformer": untrained_transformer("norm behind")}),
        ("no-activation", "no ReLU", lambda: {"transformer": linear_transformer()}),
        ("causal", "a mask of a decoder", lambda: {"transformer": untrained_transformer("causal")}),
        ("key-dim", "long heads", lambda: {"transformer": untrained_transformer("long heads")}),
        ("second-activation", "two ReLUs", lambda: {"transformer": untrained_transformer("two ReLUs")}),
        ("no-norm", "no normalisation", lambda: {"transformer": untrained_transformer("no norm")}),
        ("no-attention", "no attention", lambda: {"transformer": untrained_transformer("no attention")}),
        ("recurrent", "an LSTM in front", lambda: {"transformer": untrained_transformer("recurrent")}),
        ("no-places", "no places", lambda: {"transformer": untrained_transformer("no places")}),
        ("exact", "trained too little", lambda: {"transformer": shaken(transformer())}),
        ("untrained", "never trained", lambda: {"transformer": untrained_transformer()}),
        ("untrained", "vectors of 48 numbers, never trained", lambda: {"transformer": untrained_transformer(d=48)}),
        ("constant", "all weights 0", lambda: {"transformer": flat_transformer()}),
        ("logits", "logits", lambda: {"transformer": untrained_transformer("logits")}),
        ("wrong-shape", "one answer", lambda: {"transformer": untrained_transformer("one answer")}),
        ("not-keras", "a function", {"transformer": lambda X: X}),
    ],
)
