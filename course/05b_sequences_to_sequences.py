# %% [markdown]
# # 05b · Sequences to sequences, and attention
#
# A network that reads one text and writes another: first with a memory that is handed over, then with attention, and at
# the end with attention alone, as in the models that write, translate and answer today. The task stays small enough for
# two cores: sums such as 38+27.
#
# About 217 minutes in 3 sessions · CPU about 35 s · GPU optional
#
# **Before you start** you should know what an LSTM returns (05.2), and have seen the sums of 05.6.
#
# ## You will learn
#
# - how an encoder and a decoder are joined, how the decoder is trained, and how it writes when it is left to itself;
# - what attention computes, what the order of its inputs means to it, and how to see where a network looks;
# - what a transformer block is made of, and what became of it.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported, so that TensorFlow's start-up messages stay hidden

import math
import time
from collections import Counter, defaultdict

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

# %% [markdown]
# ## Look at the data
#
# The questions are sums of two numbers from 00 to 99, always written with two digits each: five symbols. The answers
# are written from the units on, as you write them when you add by hand: 38+27 is 65, and the answer reads `56`. Then
# comes STOP, the point. There is one symbol more than in 05.6: the arrow `>` is START, and you will soon see what it is
# for.

# %%
SYMBOLS = "0123456789+.>"
STOP, START = 11, 12  # their places in SYMBOLS


def codes(texts, length):
    """Each text as a row of `length` whole numbers, the places of its symbols in SYMBOLS, filled up with STOP."""
    return np.array([[SYMBOLS.index(symbol) for symbol in text.ljust(length, ".")] for text in texts])


def one_hot(rows):
    """Codes (n, length) as vectors of zeros with a single 1, (n, length, 13)."""
    return np.eye(13, dtype="float32")[rows]


a, b = np.divmod(np.arange(10000), 100)
questions = np.array([f"{i:02d}+{j:02d}" for i, j in zip(a, b)])
answers = np.array([str(i + j)[::-1] for i, j in zip(a, b)])
X = one_hot(codes(questions, 5))
for i in (507, 3827, 9999):
    question, answer = codes([questions[i]], 5)[0], codes([answers[i]], 4)[0]
    print(f"{questions[i]} = {answers[i]:<3}   as codes {question} and {answer}")

# %% [markdown]
# As in 05.6, one pair in ten is held out and never trained on, in either order. The training is given too: the learning
# rate warms up and then decays.

# %%
small, large = np.minimum(a, b), np.maximum(a, b)
unseen = (100 * small + large) * 7919 % 9973 < 997  # looks random, is the same for everybody
EPOCHS, BATCH = 10, 128


def train(network, inputs, targets, epochs=EPOCHS, top=0.02):
    """Compile and fit, with a learning rate that warms up to `top` and decays."""
    steps = epochs * math.ceil(len(targets) / BATCH)
    warmup = steps // 10
    rate = keras.optimizers.schedules.CosineDecay(
        top / 40, steps - warmup, alpha=0.01, warmup_target=top, warmup_steps=warmup
    )
    adam = keras.optimizers.Adam(rate, beta_2=0.99)
    network.compile(adam, loss="sparse_categorical_crossentropy", steps_per_execution=10)
    live = ck.widgets.LiveCurves()
    network.fit(inputs, targets, epochs=epochs, batch_size=BATCH, verbose=0, callbacks=[live])


def share_exact(network, inputs, targets):
    """The share of questions for which the most probable symbol is right at every step."""
    chosen = np.asarray(network(inputs)).argmax(axis=-1)
    return np.mean(np.all(chosen == targets, axis=1))


# %% [markdown]
# ## Session 1 of 3 · Read, then write
#
# About 69 minutes. You need the cells above. You join an encoder and a decoder, and let them write by themselves.

# %% [markdown]
# ## 05b.1 · From encoder to decoder
#
# **Goal:** train a decoder that begins with the encoder's states and reads what has been written so far.
#
# The decoder of 05.6 was never told which symbols had been chosen: a softmax at each step spoke for itself. That is
# enough for sums. In a sentence, the second word depends on which first word was chosen. So here the
# decoder reads its own answer while it writes.
#
# **The states are handed over.** `layers.LSTM(units, return_state=True)` returns its output and its two last states $h$
# and $c$ (05.2). A second LSTM begins with them instead of zeros when you call it with `initial_state=[h, c]`:
#
#     decoder = layers.LSTM(units, return_sequences=True)
#     hidden = decoder(written, initial_state=[h, c])
#
# **What the decoder reads.** At each step it reads the symbol before the one that it has to write. At the first step
# there is none: it reads START. In training, it reads the *right* symbols, whatever it would have chosen itself. This
# is called **teacher forcing**, and it needs nothing but the answer, moved by one step:
#
# | step | 1 | 2 | 3 | 4 |
# |---|---|---|---|---|
# | the decoder reads (`written`) | `>` | `5` | `6` | `.` |
# | it has to write (`targets`) | `5` | `6` | `.` | `.` |
#
# - `teach(texts, length)`: takes a list of answers such as `["56", "891"]`, all shorter than `length`, and returns two
#   arrays of codes, each (n, length): `written` and `targets`, as in the table. `codes` does most of it.
# - `build_adder()`: returns a Keras model with two inputs, not compiled: `keras.Model([question, written], outputs)`.
#   The inputs are one-hot, (n, 5, 13) and (n, 4, 13); the outputs are a probability for every symbol at each step, (n,
#   4, 13). Two LSTMs of 64 units are enough, and `unroll=True` makes them faster on a CPU.

# %%
ck.expected("05b.1")

# %%
def teach(texts, length):
    """What the decoder reads and what it has to write, as codes, (n, length) each."""
    # [solution]
    targets = codes(texts, length)
    start = np.full((len(texts), 1), START)
    written = np.hstack([start, targets[:, :-1]])
    # [stub]
    # written, targets = ..., ...
    # [end]
    return written, targets


# %%
def build_adder():
    """An encoder LSTM, and a decoder LSTM that begins with its states."""
    # [solution]
    question, written = keras.Input((5, 13)), keras.Input((4, 13))
    _, h, c = layers.LSTM(64, return_state=True, unroll=True)(question)
    hidden = layers.LSTM(64, return_sequences=True, unroll=True)(written, initial_state=[h, c])
    return keras.Model([question, written], layers.Dense(13, activation="softmax")(hidden))
    # [stub]
    # return ...
    # [end]


# %% [markdown]
# **Predict:** what would the network learn if `written` were not moved, so that at each step the decoder read the very
# symbol that it has to write?

# %%
adder = ...
if ck.ready("05b.1", teach, build_adder):
    adder = build_adder()
    written, targets = teach(answers, 4)
    train(adder, [X[~unseen], one_hot(written[~unseen])], targets[~unseen])

# %%
ck.check("05b.1", teach=teach, adder=adder)

# %%
# ck.hint("05b.1")  # take the first # away and run this line for a hint; run it again for the next

# %%
if ck.ready("05b.1", adder):
    share = share_exact(adder, [X[unseen], one_hot(written[unseen])], targets[unseen])
    print(f"{share:.1%} of {unseen.sum()} unseen sums exactly right, with the right symbols to read")

# %% [markdown] tags=["reason"]
# **What it learns when nothing is moved.** It learns to copy. The loss falls to almost nothing, because the answer
# stands in the input, and the network never needs the question. Left to itself it can add nothing: it has never read
# START, so its first symbol is an arbitrary one, and then it repeats what it reads. A loss that is too good to be true
# is the sign of this mistake.

# %% tags=["solution"]
copier = build_adder()
train(copier, [X[~unseen], one_hot(targets[~unseen])], targets[~unseen], epochs=2)
copied = share_exact(copier, [X[unseen], one_hot(targets[unseen])], targets[unseen])
added = share_exact(copier, [X[unseen], one_hot(written[unseen])], targets[unseen])
print(f"not moved: {copied:.1%} right with the answer to read, {added:.1%} with the symbols before")

# %% tags=["claim"]
assert copied > 0.99 and added < 0.02, f"Not moved, it learns to copy, and can add nothing: {copied}, {added}"

# %% [markdown]
# ## 05b.2 · One symbol after another
#
# **Goal:** let the decoder write an answer by itself.
#
# In training somebody knew the right symbols. When the network is asked a new question, nobody does: it has to read
# what it has written itself. The simplest way is **greedy decoding**. Begin with START. Ask the network for the
# probabilities of the next symbol, take the most probable one, and append it to what has been written. Go on until that
# symbol is STOP, or until `limit` symbols have been written, so that a network that never stops does not write for
# ever.
#
# How the probabilities come about does not matter to the loop. So we hide the network behind a **next-symbol
# function**: it takes the list of codes written so far, START in front, and returns 13 probabilities for the code that
# comes next.
#
# - `greedy(next_probabilities, limit)`: takes such a function, and returns the list of codes that it writes, without
#   START and without STOP.
#
# The cell below makes a next-symbol function from a table of probabilities. It has no network in it, and the check uses
# it to hand your function probabilities for which the answer is known. Leave it as it is.

# %%
def follow(table):
    """A next-symbol function: `table[k, last]` holds the probabilities after k symbols (without START) that end in `last`."""

    def next_probabilities(written):
        return table[len(written) - 1, written[-1]]

    return next_probabilities


# %%
ck.expected("05b.2")

# %%
def greedy(next_probabilities, limit):
    """The most probable symbol, one after another, until STOP."""
    # [solution]
    written = [START]
    for _ in range(limit):
        code = int(np.argmax(next_probabilities(written)))
        if code == STOP:
            break
        written.append(code)
    return written[1:]
    # [stub]
    # return ...
    # [end]


# %%
ck.check("05b.2", greedy=greedy, follow=follow)

# %%
# ck.hint("05b.2")

# %% [markdown]
# Now the trained network. `ask` makes a next-symbol function from the network and a question. The decoder always reads
# rows of four symbols; those after the last written one have no influence, because an LSTM reads from left to right and
# only its answer at the last written symbol is used.

# %%
def ask(network, text, seen=None):
    """A next-symbol function: what `network` says to the question `text`; the probabilities go into the list `seen`."""

    def next_probabilities(written):
        row = np.full((1, 4), STOP)
        row[0, : len(written)] = written
        probabilities = np.asarray(network([one_hot(codes([text], 5)), one_hot(row)]))[0, len(written) - 1]
        if seen is not None:
            seen.append(probabilities)
        return probabilities

    return next_probabilities


# %% tags=["picture-05b.2"]
if ck.ready("05b.2", adder, greedy):
    fig, axs = plt.subplots(1, 3, figsize=(8, 3.8), sharey=True, layout="constrained")
    for ax, text in zip(axs, questions[unseen][[80, 480, 900]]):
        seen = []
        said = "".join(SYMBOLS[code] for code in greedy(ask(adder, text, seen), limit=4))
        image = ax.imshow(np.transpose(seen), vmin=0, vmax=1, cmap="cividis", aspect="auto")
        steps = np.arange(len(seen))
        ax.set(xlabel="step", xticks=steps, xticklabels=steps + 1, title=f"{text} = {said[::-1]}")
        ax.grid(False)
    axs[0].set(ylabel="next symbol", yticks=np.arange(13), yticklabels=list(SYMBOLS))
    fig.colorbar(image, ax=axs, label="probability")
    fig.suptitle("Three unseen sums, written from the units on")

# %% [markdown] tags=["reason"]
# **Greedy is not always best.** The most probable first symbol may lead to answers none of which is probable. Take a
# first symbol A with the probability 0.6, whose continuations have 0.4 each at most, and B with 0.4, whose best
# continuation has 0.9. Greedy writes A and ends at 0.6 · 0.4 = 0.24; B would have led to 0.4 · 0.9 = 0.36. *Beam
# search* keeps the best few beginnings instead of one. For sums the network is so sure that it makes no difference.
#
# **Why `share_exact` may look at the right symbols.** It gives the decoder the right symbols to read, as in training.
# If the most probable symbol is then right at every step, greedy decoding writes the same symbols and so reads the
# same. If one is wrong, so is the answer of greedy decoding. Up to the first STOP, both count the same answers as exact.
# This holds for whole answers only: after a wrong symbol, a network left to itself reads a beginning that never went
# with this question in training.

# %% tags=["solution"]
some = np.flatnonzero(unseen)[::25]
by_itself = [greedy(ask(adder, questions[i]), limit=4) == list(codes([answers[i]], len(answers[i]))[0]) for i in some]
with_teacher = np.asarray(adder([X[some], one_hot(written[some])])).argmax(axis=-1) == targets[some]
with_teacher = with_teacher.all(axis=1)
print(f"of {len(some)} sums: {np.mean(by_itself):.1%} exact by itself, {np.mean(with_teacher):.1%} with the right symbols")

# %% tags=["claim"]
assert np.array_equal(by_itself, with_teacher), "Both count the same answers as exact."

# %% [markdown]
# This is the end of session 1, and a good place to stop. In session 2 the decoder may look back at the question.

# %% [markdown]
# ## Session 2 of 3 · Attention
#
# About 62 minutes. You need the cells at the top, and nothing from session 1. You write attention by hand, and see where
# a trained network looks.

# %% [markdown]
# ## 05b.3 · Attention by hand
#
# **Goal:** write scaled dot-product attention in NumPy, with and without a mask.
#
# In session 1, everything that the decoder knows of the question is in two vectors of 64 numbers. For five symbols that
# is plenty. For a long sentence it is not, and Bahdanau, Cho and Bengio (2014) let the decoder look back at every word
# instead. Which words matter changes from step to step, so the network must learn where to look.
#
# Attention does this with three sets of vectors. Each **query** asks for something. Each **key** says what can be found
# at its place, and the **value** at the same place is what is found there. The query is compared with all keys; the
# better a key fits, the more of its value goes into the answer:
#
# $$S = \frac{Q K^\top}{\sqrt d}, \qquad A = \operatorname{softmax}(S), \qquad \text{output} = A V.$$
#
# $Q$ (n, d) holds a query in each row, $K$ (m, d) a key, $V$ (m, e) the value that belongs to it. $S$ (n, m) are the
# **scores**, one for each query and key. The softmax runs along each row, so that every query shares out weights that
# sum to 1 among the keys. $A$ holds these weights, and the output (n, e) is a weighted mean of the values, for each
# query its own.
#
# A **mask** (n, m) says which query may look at which key: where it is False, the weight must be exactly 0, and the
# rest of the row sums to 1. A score of minus infinity does that, since its exponential is 0. Every query may look at
# one key at least.
#
# - `attention(Q, K, V, mask=None)`: returns the output (n, e) and the weights (n, m).

# %%
def softmax(scores):
    """Along the last axis; the largest score of each row is subtracted first, so that no exponential overflows."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


# %%
ck.expected("05b.3")

# %%
def attention(Q, K, V, mask=None):
    """Scaled dot-product attention: the output and the weights."""
    # [solution]
    scores = Q @ K.T / np.sqrt(K.shape[1])
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    weights = softmax(scores)
    return weights @ V, weights
    # [stub]
    # return ..., ...
    # [end]


# %%
ck.check("05b.3", attention)

# %%
# ck.hint("05b.3")

# %% [markdown]
# **Predict:** shuffle the keys, and the values with them in the same way. What happens to the output? And if you
# shuffle the queries?

# %% tags=["picture-05b.3"]
if ck.ready("05b.3", attention):
    rng = np.random.default_rng(0)
    Q, K, V = rng.normal(size=(5, 8)), 2 * rng.normal(size=(5, 8)), rng.normal(size=(5, 3))
    order = np.array([3, 0, 4, 1, 2])
    output, _ = attention(Q, K, V)
    may_look_back = np.tri(5, dtype=bool)  # query i may look at keys 0 to i
    variants = {
        "as they come": (Q, K, V),
        "keys and values\nshuffled": (Q, K[order], V[order]),
        "queries\nshuffled": (Q[order], K, V),
        "with a mask": (Q, K, V, may_look_back),
    }
    fig, axs = plt.subplots(1, 4, figsize=(10, 3), layout="constrained")
    for ax, (name, parts) in zip(axs, variants.items()):
        changed, weights = attention(*parts)
        image = ax.imshow(weights, vmin=0, vmax=1, cmap="cividis")
        ax.set(xlabel="key", ylabel="query", title=name, xticks=range(5), yticks=range(5))
        ax.grid(False)
        change = np.abs(changed - output).max()
        print(f"{name.replace(chr(10), ' '):<26} largest change of the output: {change:.2g}")
    fig.colorbar(image, ax=axs, label="weight")

# %%
if ck.ready("05b.3", attention):
    in_order = np.allclose(attention(Q[order], K, V)[0], output[order])
    print(f"queries shuffled: the old outputs, in the new order of the queries: {in_order}")

# %% tags=["claim"]
assert in_order, "When the queries come in another order, the outputs come in the same other order."

# %% [markdown] tags=["reason"]
# **Order means nothing to it.** The output is a sum over the keys, and a sum does not depend on the order of its terms.
# So keys and values may come in any order. Every query is answered by itself, so when the queries come in another
# order, the outputs come in the same other order. Attention reads a *set*, as the networks for sets of particles in 08
# do. That text has an order must be told to it in some other way; see 05b.5.
#
# **Why divide by the root of d?** The product of two random vectors of length d is a sum of d terms. Its standard
# deviation grows as $\sqrt d$, so for long vectors the largest score wins by far and takes all of the weight. A softmax
# that is sure from the start has a gradient of nearly 0. Divided by $\sqrt d$, the scores are of the same size for any
# d.

# %% tags=["solution"]
rng = np.random.default_rng(1)
for d in (4, 64, 1024):
    Q, K, V = rng.normal(size=(200, d)), rng.normal(size=(10, d)), np.ones((10, 1))
    scaled, unscaled = (A.max(axis=1).mean() for A in (attention(Q, K, V)[1], softmax(Q @ K.T)))
    print(f"d = {d:4d}: mean of the largest weight {scaled:.2f}, without the division {unscaled:.2f}")

# %% tags=["claim"]
assert unscaled > 0.9 > 0.5 > scaled, "Without the division one key takes nearly all the weight."

# %% [markdown]
# ## 05b.4 · Where the network looks
#
# **Goal:** train a decoder with attention, and read from its weights which digits it uses.
#
# This network has no encoder. The decoder's LSTM begins with zeros and reads only what it has written. All that it
# learns of the question comes through attention: at each step its hidden state is the query, and the five symbols of
# the question are keys and values.
#
# Attention does not know where a symbol stands, so we tell it: to each one-hot symbol of the question five numbers are
# appended, a one-hot vector of its place. `with_places` does that, and makes questions (n, 5, 18).
#
# `layers.MultiHeadAttention(1, key_dim=16)` is the attention of 05b.3, with weights to be learned: it multiplies
# queries, keys and values by a matrix each, does what you wrote in 05b.3, and multiplies the output by a fourth.
#
#     context, weights = layers.MultiHeadAttention(1, key_dim=16)(queries, values, return_attention_scores=True)
#
# Keys and values are made from the same second argument. `weights` has the shape (n, 1, 4, 5): for the one *head*, a
# row for each step of the answer and a column for each place of the question. (`summary` may say (None, 1, 4, 4), a
# mistake in Keras; with numbers the shape is right.)
#
# - `build_reader()`: returns two Keras models, both with the inputs question (n, 5, 18) and written (n, 4, 13), which
#   share their layers: the first gives the probabilities (n, 4, 13), the second the weights of the attention. An LSTM
#   of 64 units with `return_sequences=True` reads `written`; its hidden states and the context are joined by
#   `layers.Concatenate()`, followed by a dense layer of 64 units with ReLU, and a softmax.
# - `looks`: explained below; leave it until you have seen the picture.

# %%
def with_places(rows):
    """One-hot questions (n, 5, 13) with the place of each symbol appended, one-hot too: (n, 5, 18)."""
    places = np.broadcast_to(np.eye(5, dtype="float32"), (len(rows), 5, 5))
    return np.concatenate([rows, places], axis=2)


with_places(X[:1]).shape

# %%
ck.expected("05b.4")

# %%
def build_reader():
    """A decoder that looks at the question through attention, and a model that gives the weights."""
    # [solution]
    question, written = keras.Input((5, 18)), keras.Input((4, 13))
    hidden = layers.LSTM(64, return_sequences=True, unroll=True)(written)
    attend = layers.MultiHeadAttention(1, key_dim=16)
    context, weights = attend(hidden, question, return_attention_scores=True)
    joined = layers.Dense(64, activation="relu")(layers.Concatenate()([hidden, context]))
    outputs = layers.Dense(13, activation="softmax")(joined)
    return keras.Model([question, written], outputs), keras.Model([question, written], weights)
    # [stub]
    # return ..., ...
    # [end]


# %%
def shifted(texts):
    """The targets and what the decoder reads, as in 05b.1: one-hot what is read, as codes what is to be written."""
    return one_hot(codes([">" + text for text in texts], 4)), codes(texts, 4)


reader, look = ..., ...
read, targets = shifted(answers)
if ck.ready("05b.4", build_reader):
    reader, look = build_reader()
    train(reader, [with_places(X)[~unseen], read[~unseen]], targets[~unseen])
    share = share_exact(reader, [with_places(X)[unseen], read[unseen]], targets[unseen])
    print(f"{share:.1%} of {unseen.sum()} unseen sums exactly right")

# %% [markdown]
# **Predict** before you run the next cell: the symbols of 38+27 stand at places 0 to 4. At which places will the
# network look when it writes the units of the answer? At which when it writes the tens?

# %% tags=["picture-05b.4"]
if ck.ready("05b.4", reader, look):
    where = np.asarray(look([with_places(X)[unseen], read[unseen]])).reshape(-1, 4, 5)
    fig, axs = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    for ax, weights, name in (
        (axs[0], where[600], f"one sum, {questions[unseen][600]}"),
        (axs[1], where.mean(axis=0), f"mean of {len(where)} unseen sums"),
    ):
        image = ax.imshow(weights[:3], vmin=0, vmax=1, cmap="cividis")
        for (step, place), weight in np.ndenumerate(weights[:3]):
            ax.text(place, step, f"{weight:.2f}", ha="center", va="center", color="k" if weight > 0.5 else "w")
        ax.set(xlabel="place in the question", xticks=range(5), yticks=range(3), yticklabels=["units", "tens", "third"])
        ax.set(ylabel="symbol that is written", title=name)
        ax.grid(False)
    fig.colorbar(image, ax=axs, label="weight")

# %% [markdown]
# Read your picture, the panel of the means:
#
# - `looks`: a list of three lists, each with two places from 0 to 4. Row 0 holds the two places with the largest
#   weights when the units are written, row 1 those for the tens, row 2 those for the third symbol. Which of the two
#   comes first does not matter.

# %%
# [solution]
looks = [[1, 4], [0, 3], [0, 3]]
# [stub]
# looks = ...
# [end]

# %%
ck.check("05b.4", reader=reader, look=look, looks=looks)

# %%
# ck.hint("05b.4")

# %% [markdown] tags=["reason"]
# **It looks where you would look.** For the units it looks at the two units, and hardly at the tens. On average the
# two get almost the same weight; in a single sum one of them may get twice as much as the other. Nobody told it to
# look there: the weights were learned, because looking there lowers the loss. (From some first weights it looks at
# the plus too. That one is the same in every sum and does no harm.) For the tens it looks at the two tens, and a
# little at the units. It has to, because of the carry: its LSTM reads only what has been written, and from the 5 that
# it wrote for 38+27 it cannot know whether 8 + 7 made it or 2 + 3. For the third symbol, a 1 or STOP, the two tens
# are enough, because by then it has read the tens that it wrote: if the tens are 4 and 5, a 9 says that there was no
# carry, and a 0 that there was one.
#
# **Read such pictures with care.** They say from where a network takes its vectors, and not what it does with them.
# Here every vector holds one symbol and its place, so the picture can be read. In a network of many layers each vector
# is already a mixture of all others, and a large weight at a word need not mean that this word decided the answer (Jain
# and Wallace, 2019).

# %% tags=["claim"]
mean = where.mean(axis=0)
assert mean[0, [1, 4]].sum() > 0.6, f"For the units it looks at the two units: {mean[0]}"
assert mean[0, [0, 3]].max() < 0.1, f"and hardly at the tens: {mean[0]}"
assert abs(mean[0, 1] - mean[0, 4]) < 0.05, f"with almost the same weight: {mean[0]}"
assert mean[1, [0, 3]].sum() > 0.75 and mean[1, [1, 4]].min() > 0.02, f"For the tens, and a little at the units: {mean[1]}"

# %% [markdown]
# This is the end of session 2, and a good place to stop. In session 3 attention does without a recurrent network.

# %% [markdown]
# ## Session 3 of 3 · Attention alone
#
# About 86 minutes. You need the cells at the top, and nothing from sessions 1 and 2. You give attention a sense of
# place, build a transformer block, and read what became of it.

# %% [markdown]
# ## 05b.5 · Where a symbol stands
#
# **Goal:** write the encoding of places that transformers began with, and find out what is lost without it.
#
# The output of attention does not depend on the order of keys and values. A recurrent network reads one symbol after
# the other, so order is built in. Attention reads all symbols at once, as a set: 12+30 and 21+03 hold the same symbols,
# so they are the same to it. The remedy is to add to each symbol's vector a vector that depends on its place. Vaswani
# and others (2017) chose sines and cosines. For the places $t = 0, 1, \dots, T - 1$ and the pairs of columns $i = 0, 1,
# \dots, d/2 - 1$:
#
# $$P_{t,\,2i} = \sin\frac{t}{10000^{2i/d}}, \qquad P_{t,\,2i+1} = \cos\frac{t}{10000^{2i/d}}.$$
#
# Each pair of columns is the hand of a clock. The first hand turns by one radian from place to place, the next ones more
# and more slowly; together they give every place a vector of its own.
#
# - `positions(T, d)`: returns the array $P$, shape (T, d); d is even.
#
# How much is lost without places? Take a reader who sees which symbols a question holds, and how many of each, but not
# in which order. Two questions with the same symbols must get the same answer from this reader. The best that the
# reader can do is to give, for each group of such questions, the answer that is most frequent in the group.
#
# - `ceiling(questions, answers)`: takes two lists of texts, equally long, and returns the largest share of
#   questions that such a reader can answer correctly, between 0 and 1. The sums 12+30, 21+03 and 30+12 are 42, 24 and
#   42, written from the units on: 24, 42 and 24. The questions are one group, and the ceiling is 2/3.
#
# `"".join(sorted(text))` brings the symbols of a text into a fixed order. A `Counter` counts: `Counter(["a", "b",
# "a"])` is `{"a": 2, "b": 1}`, and a `defaultdict(Counter)` makes an empty counter for each new key.

# %%
ck.expected("05b.5")

# %%
def positions(T, d):
    """Sines and cosines that tell the places 0 to T - 1 apart, (T, d)."""
    # [solution]
    angles = np.arange(T)[:, None] / 10000 ** (np.arange(0, d, 2) / d)
    table = np.zeros((T, d))
    table[:, 0::2] = np.sin(angles)
    table[:, 1::2] = np.cos(angles)
    return table
    # [stub]
    # return ...
    # [end]


def ceiling(questions, answers):
    """The share of right answers that nobody can exceed who does not see the order of the symbols."""
    # [solution]
    groups = defaultdict(Counter)
    for question, answer in zip(questions, answers):
        groups["".join(sorted(question))][answer] += 1
    return sum(max(counts.values()) for counts in groups.values()) / len(questions)
    # [stub]
    # return ...
    # [end]


# %% [markdown]
# **Predict:** of all 10,000 sums, what share can be answered correctly without seeing the order?

# %%
ck.check("05b.5", positions=positions, ceiling=ceiling)

# %%
# ck.hint("05b.5")

# %%
if ck.ready("05b.5", ceiling):
    print(f"without the order at most {ceiling(list(questions), list(answers)):.1%} of all sums can be right")

# %% tags=["picture-05b.5"]
if ck.ready("05b.5", positions):
    P = positions(60, 32)
    fig, axs = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", gridspec_kw={"width_ratios": [1, 1.3]})
    image = axs[0].imshow(P, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1)
    axs[0].set(xlabel="column", ylabel="place $t$", title="60 places, 32 columns")
    axs[0].grid(False)
    fig.colorbar(image, ax=axs[0], label="value")
    for t in (10, 30, 50):
        axs[1].plot(P @ P[t], label=f"place {t}")
    axs[1].set(xlabel="place", ylabel="product of the two rows", ylim=(4, 19))
    axs[1].set_title("Each place compared with three others")
    axs[1].legend(loc="upper center", ncols=3)

# %% [markdown]
# Now the same attention with and without places. The query below is one fixed vector, as that of a decoder which has
# written nothing yet. The layer has never been trained; that the first number is 0, but for rounding, holds for any
# weights.

# %%
if ck.ready("05b.5", positions):
    attend = layers.MultiHeadAttention(4, key_dim=8)
    query = np.ones((2, 1, 32), "float32")
    two = one_hot(codes(["12+30", "21+03"], 5)) @ np.random.default_rng(0).normal(size=(13, 32)).astype("float32")
    for name, added in (("without places", np.zeros((5, 32))), ("with places", positions(5, 32))):
        first, second = np.asarray(attend(query, two + added.astype("float32")))[:, 0]
        print(f"{name:<15} the answers to 12+30 and 21+03 differ by up to {np.abs(first - second).max():.2g}")

# %% [markdown] tags=["reason"]
# **What is lost.** Without places the two answers are the same but for rounding, and no training can change that. The
# ceiling of 28.5 % is for the best possible reader. A network of the kind of 05b.4, trained without places, stays below
# it.
#
# **Why sines and cosines?** The product of two rows is $\sum_i \cos\big((t - s) / 10000^{2i/d}\big)$. It depends on the
# distance of the two places and not on where they are, which is why the three curves have the same peak. "Two places
# further on" is the same turn of the clock hands everywhere, and attention can learn it. Many networks learn their
# vectors of places instead, or turn queries and keys (Su and others, 2021).

# %% tags=["solution"]
question, before = keras.Input((5, 13)), keras.Input((4, 13))
hidden = layers.LSTM(64, return_sequences=True, unroll=True)(before)
context = layers.MultiHeadAttention(1, key_dim=16)(hidden, question)
joined = layers.Dense(64, activation="relu")(layers.Concatenate()([hidden, context]))
placeless = keras.Model([question, before], layers.Dense(13, activation="softmax")(joined))
targets = codes(answers, 4)
read = one_hot(codes([">" + answer for answer in answers], 4))
train(placeless, [X[~unseen], read[~unseen]], targets[~unseen])
reached, bound = share_exact(placeless, [X, read], targets), ceiling(list(questions), list(answers))
print(f"trained without places: {reached:.1%} of all sums exactly right; the ceiling is {bound:.1%}")

# %% tags=["claim"]
assert 0.1 < reached < bound and round(bound, 3) == 0.285, f"It stays below the ceiling of 28.5 %: {reached}"
assert np.allclose((P @ P.T)[10:50, 10], [(P @ P.T)[20 + k, 20] for k in range(40)]), "It depends on the distance only."

# %% [markdown]
# ## 05b.6 · A transformer block
#
# **Goal:** build a network that adds with attention alone, and compare it with the recurrent one.
#
# A transformer is a stack of blocks of one form, each with weights of its own. A block takes T vectors of d numbers and returns T vectors of d numbers. It
# has two halves:
#
# 1. **Self-attention**: queries, keys and values all come from the same vectors. Every place looks at all places and
#    collects what it needs.
# 2. A small **dense network** of two layers, the same for every place: `hidden` units with ReLU, then d units without
#    an activation.
#
# Around each half there are two things more. `layers.LayerNormalization()` goes before it: it brings each vector to
# mean 0 and standard deviation 1, then scales and shifts its numbers by learned amounts. And what the half computes is
# *added* to what went in:
#
# $$x \leftarrow x + \operatorname{attention}(\operatorname{norm}(x)), \qquad x \leftarrow x + \operatorname{dense}(\operatorname{norm}(x)).$$
#
# This is called a **residual connection**. The half only has to learn what should change, and the gradient runs back
# along the sum without being multiplied by anything, much as along the cell state of an LSTM whose forget gate is 1.
#
# - `block(x, heads, hidden)`: takes a Keras tensor (n, T, d) and returns one of the same shape. Several heads are
#   several attentions side by side, each with shorter vectors: `layers.MultiHeadAttention(heads, key_dim=d // heads)`,
#   called with the normalised `x` twice. d is `x.shape[-1]`. Each of the two halves has a normalisation of its own.
#
# The rest is given; the check calls `build_transformer` once more, with another d and another number of heads. The
# network gives an answer at each place, as in 05.4, but here every place sees all the others: it reads five symbols,
# and writes the answer, filled up with STOP, at the same five places, all at once. There is no decoder, and it needs
# no START.

# %%
ck.expected("05b.6")

# %%
def block(x, heads, hidden):
    """Self-attention, then a dense network for every place; a residual connection around each."""
    # [solution]
    d = x.shape[-1]
    normed = layers.LayerNormalization()(x)
    x = x + layers.MultiHeadAttention(heads, key_dim=d // heads)(normed, normed)
    normed = layers.LayerNormalization()(x)
    x = x + layers.Dense(d)(layers.Dense(hidden, activation="relu")(normed))
    # [stub]
    # x = ...
    # [end]
    return x


# %%
def build_transformer(d=32, heads=4):
    """Two blocks; the symbols are scaled up, so that they are not drowned by the places."""
    question = keras.Input((5, 13))
    x = layers.Dense(d)(question) * math.sqrt(d) + positions(5, d).astype("float32")
    for _ in range(2):
        x = block(x, heads, hidden=4 * d)
    return keras.Model(question, layers.Dense(13, activation="softmax")(x))


# %%
transformer = ...
if ck.ready("05b.6", positions, block):
    transformer = build_transformer()
    five = codes(answers, 5)
    began = time.perf_counter()
    train(transformer, X[~unseen], five[~unseen], epochs=12, top=0.01)
    seconds = time.perf_counter() - began

# %%
ck.check("05b.6", transformer=transformer, build_transformer=build_transformer)

# %%
# ck.hint("05b.6")

# %% [markdown]
# **Predict:** the network of 05.6 repeats the state of one LSTM for a second one. Made as large as the transformer, and
# trained for as many epochs: which of the two makes fewer mistakes on unseen sums, and which takes longer to train? And
# if both are given the same time?

# %%
def build_recurrent(units=44):
    """The network of 05.6 with 26,457 parameters; the transformer has 26,285."""
    network = keras.Sequential([keras.Input((5, 13)), layers.LSTM(units, unroll=True), layers.RepeatVector(5)])
    network.add(layers.LSTM(units, return_sequences=True, unroll=True))
    network.add(layers.Dense(13, activation="softmax"))
    return network


def race(build, epochs, top):
    """The share of exact answers to unseen sums, and the seconds that the training took."""
    network = build()
    began = time.perf_counter()
    train(network, X[~unseen], five[~unseen], epochs, top)
    return share_exact(network, X[unseen], five[unseen]), time.perf_counter() - began


# %% tags=["picture-05b.6"]
if ck.ready("05b.6", transformer):
    results = {
        "transformer,\n12 epochs": (share_exact(transformer, X[unseen], five[unseen]), seconds),
        "recurrent,\n12 epochs": race(build_recurrent, 12, 0.02),
        "recurrent,\n24 epochs": race(build_recurrent, 24, 0.02),
    }
    fig, axs = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    colours = ["#0072B2", "#D55E00", "#D55E00"]
    for ax, form, name, values in zip(axs, ("{:.1%}", "{:.1f}"), ("exact answers", "seconds"), zip(*results.values())):
        bars = ax.bar(list(results), values, width=0.6, color=colours)
        ax.bar_label(bars, [form.format(value) for value in values])
        ax.set(ylabel=name, ylim=(0, 1.15 * max(values)))
    axs[0].set_title("Unseen sums, networks of the same size")
    axs[1].set_title("Time to train them")

# %% [markdown] tags=["reason"]
# **What comes out over ten seeds.** After twelve epochs the transformer is the more reliable of the two: it answers more
# than 95 % of the unseen sums exactly with every seed. The recurrent network is about as good with most seeds, and far
# behind with a few; give `ck.setup` another seed and run the notebook again before you believe a bar. But an epoch of the
# transformer takes longer. In about the same time the recurrent network can be trained for 24 epochs, and then it
# answers more than 99.5 % exactly with every seed; the transformer is level with it at best, but for a sum or two. Here
# the older network wins.
#
# **Why then transformers?** Five symbols are soon read one after the other, and a memory that carries from the units on
# is just what a sum needs. What a transformer gains, it gains elsewhere: on long sequences, where a recurrent network
# has to wait for each step before it can begin the next, and on machines that compute all places at once.

# %% tags=["claim"]
(exact, took), (_, took_recurrent), (same_time, _) = results.values()
assert exact > 0.95, f"The transformer answers more than 95 % exactly: {exact}"
assert took > took_recurrent, f"An epoch of the transformer takes longer: {took}, {took_recurrent}"
assert same_time > 0.995, f"With 24 epochs the recurrent network answers more than 99.5 % exactly: {same_time}"
assert same_time > exact - 0.002, f"The transformer is level with it at best, but for a sum or two: {same_time}, {exact}"

# %% [markdown]
# ## Where this led
#
# The pieces of this notebook are those of the large models of today. What differs is the size, the data and much
# engineering.
#
# **Attention** was added to a recurrent translator in 2014 (Bahdanau, Cho and Bengio). In 2017 Vaswani and others left
# the recurrence out and kept attention: the **transformer**. Its advantage is not that it can compute more. All places
# are computed at once, so in training a long text does not have to be read step by step, and that is what graphics
# processors are good at. Its price is the table of scores: for twice as many symbols it has four times as many entries.
#
# - **BERT** (2018) is a stack of blocks like yours, without a mask. It was trained to fill in words that had been
#   hidden, on books and Wikipedia, and was then adapted to tasks such as finding the answer to a question in a text.
# - **GPT** (2018 and later) is such a stack with the mask of 05b.3: each place looks back only. It was trained to
#   predict the next piece of a word, and writes with the loop of 05b.2, but usually draws the next symbol by its
#   probability instead of taking the largest. The third version (2020) has 175 billion parameters and was trained on
#   some 300 billion pieces of words, most of them from web pages. To become an assistant, such a model is trained
#   further on answers that people wrote or preferred (Ouyang and others, 2022).
# - **Translation**: one model for 200 languages (NLLB Team, 2022), an encoder and a decoder as in session 1, made of
#   transformer blocks.
# - **Speech**: Whisper (2022) has the same form. It reads sound and writes text, and was trained on 680,000 hours of
#   recordings from the web.
# - **Pictures**: a vision transformer (2020) cuts a picture into patches and reads them as a sequence. DALL·E (2021)
#   reads a description and goes on with the picture, piece by piece, as one goes on with a text. Later networks that
#   make pictures look at the words of a description through attention (Rombach and others, 2022).
# - **Proteins**: AlphaFold (2021) predicts the shape of a protein from its chain of amino acids. Its blocks attend to
#   related chains and to pairs of places. It was trained on shapes that had been measured and published over decades.
# - **Games**: AlphaGo (2016) learned Go from games of strong players, then from games against itself, and beat Lee
#   Sedol, one of the best players of the world, by four games to one. AlphaGo Zero (2017) learned from games against
#   itself alone. In both, networks propose moves and judge positions, and a search tries the moves out. They are made
#   of convolutions (04), not of attention.
#
# **What they are good at**: tasks for which there is much text of the kind, such as translating between common
# languages, summarising, rephrasing, or writing short programs. With more parameters, data and computing time the loss
# falls in a regular way (Kaplan and others, 2020).
#
# **What they are bad at.** They are trained to write what is probable, and nothing in the loss asks whether it is true:
# they state false things in the same fluent way, and invent sources (Ji and others, 2023). Sums with more digits than
# in training often go wrong (Nogueira and others, 2021). They repeat the prejudices of their data, which are often
# too large to be looked through or documented (Bender and others, 2021). A test may have been part of the training text; then a good result
# says little, as with the shuffled windows of 05.3. What such a model writes has to be checked by somebody who can.

# %% [markdown]
# ## What did you observe?
#
# 1. Why may the decoder read the right symbols in training, but not when it is asked a new question?
# 2. `greedy` has a limit. When would it be needed for the sums?
# 3. Suppose that all keys in 05b.3 were the same vector. What would the weights be, and what the output?
# 4. Why does the transformer of 05b.6 need no START?
#
# <details><summary>Answers</summary>
#
# 1. In training the answer is known. Without it there is nothing to read but what the network has written itself.
# 2. For a network that was trained badly or not at all, which may never find STOP the most probable symbol.
# 3. All scores of a query would be equal, so all weights 1/m, and the output the mean of the values.
# 4. It writes all symbols at once, and reads none of its own. START only tells a decoder that nothing has been written.
#
# </details>
#
# ## Go further
#
# - Write the answers from the front, as in 05.6. Which of the networks needs more epochs then?
# - Train the reader of 05b.4 with two heads, `MultiHeadAttention(2, key_dim=16)`. Do the heads share the work out?
# - Replace the largest probability in `greedy` by a draw. A network that is 90 % sure
#   at each of three steps: how often is its whole answer right?
# - Give the transformer a third number to add. Which of its parts must change, and which need not?
#
# ## Summary
#
# An encoder and a decoder turn one sequence into another. The decoder is trained on the right symbols before each step,
# and writes by reading its own. Attention is a weighted mean of values, with weights from the products of queries and
# keys; it does not know order, so order is added to its input. Self-attention, a dense network, normalisation and
# residual connections make a transformer block.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - Williams, R. J., Zipser, D. (1989). A learning algorithm for continually running fully recurrent neural networks.
#   *Neural Computation*, 1, 270–280. doi:10.1162/neco.1989.1.2.270. (Teacher forcing.)
# - Sutskever, I., Vinyals, O., Le, Q. V. (2014). Sequence to sequence learning with neural networks. arXiv:1409.3215.
# - Bahdanau, D., Cho, K., Bengio, Y. (2014). Neural machine translation by jointly learning to align and translate.
#   arXiv:1409.0473.
# - Vaswani, A., and others (2017). Attention is all you need. arXiv:1706.03762.
# - Ba, J. L., Kiros, J. R., Hinton, G. E. (2016). Layer normalization. arXiv:1607.06450.
# - He, K., Zhang, X., Ren, S., Sun, J. (2015). Deep residual learning for image recognition. arXiv:1512.03385.
# - Jain, S., Wallace, B. C. (2019). Attention is not explanation. arXiv:1902.10186.
# - Su, J., and others (2021). RoFormer: enhanced transformer with rotary position embedding. arXiv:2104.09864.
# - Devlin, J., Chang, M.-W., Lee, K., Toutanova, K. (2018). BERT: pre-training of deep bidirectional transformers for
#   language understanding. arXiv:1810.04805.
# - Radford, A., Narasimhan, K., Salimans, T., Sutskever, I. (2018). Improving language understanding by generative
#   pre-training. OpenAI.
# - Brown, T. B., and others (2020). Language models are few-shot learners. arXiv:2005.14165.
# - Ouyang, L., and others (2022). Training language models to follow instructions with human feedback.
#   arXiv:2203.02155.
# - NLLB Team (2022). No language left behind: scaling human-centered machine translation. arXiv:2207.04672.
# - Radford, A., and others (2022). Robust speech recognition via large-scale weak supervision. arXiv:2212.04356.
# - Dosovitskiy, A., and others (2020). An image is worth 16x16 words: transformers for image recognition at scale.
#   arXiv:2010.11929.
# - Ramesh, A., and others (2021). Zero-shot text-to-image generation. arXiv:2102.12092.
# - Rombach, R., and others (2022). High-resolution image synthesis with latent diffusion models. arXiv:2112.10752.
# - Jumper, J., and others (2021). Highly accurate protein structure prediction with AlphaFold. *Nature*, 596, 583–589.
#   doi:10.1038/s41586-021-03819-2.
# - Silver, D., and others (2016). Mastering the game of Go with deep neural networks and tree search. *Nature*, 529,
#   484–489. doi:10.1038/nature16961.
# - Silver, D., and others (2017). Mastering the game of Go without human knowledge. *Nature*, 550, 354–359.
#   doi:10.1038/nature24270.
# - Kaplan, J., and others (2020). Scaling laws for neural language models. arXiv:2001.08361.
# - Ji, Z., and others (2023). Survey of hallucination in natural language generation. *ACM Computing Surveys*, 55, 248.
#   doi:10.1145/3571730.
# - Nogueira, R., Jiang, Z., Lin, J. (2021). Investigating the limitations of transformers with simple arithmetic tasks.
#   arXiv:2102.13019.
# - Bender, E. M., Gebru, T., McMillan-Major, A., Shmitchell, S. (2021). On the dangers of stochastic parrots: can
#   language models be too big? *FAccT 2021*, 610–623. doi:10.1145/3442188.3445922.
