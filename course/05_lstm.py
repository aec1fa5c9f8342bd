# %% [markdown]
# # 05 · Sequences and memory
#
# A network with a memory reads one value after another. It forecasts the Sun, remembers the position of a switch, and adds two
# numbers that are given to it as text.
#
# About 234 minutes in 4 sessions · CPU about 25 s · GPU optional
#
# **Before you start** you should know Keras layers, `compile` and `fit` (notebook 01).
#
# ## You will learn
#
# - what a recurrent cell and an LSTM compute, step by step, and which of their results Keras returns;
# - how to make a fair forecast: a split in time, a scaling that knows nothing of the test years, a naive forecast to beat;
# - how to read sequences of different lengths, and how to answer a sequence with a sequence.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported, so that TensorFlow's start-up messages stay hidden

import math

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

# %% [markdown]
# ## Look at the data
#
# The yearly mean number of sunspots, counted since 1700. The activity of the Sun rises and falls about every eleven years, and no
# two cycles are alike.

# %%
table = ck.data.load_sunspots()
years, sunspots = table["year"].to_numpy().astype(int), table["sunspots"].to_numpy()
years.shape, sunspots.shape

# %%
fig, ax = plt.subplots(figsize=(9, 2.8))
ax.plot(years, sunspots, linewidth=1.2)
ax.axvspan(1921, 2008, color="#F0E442", alpha=0.25, label="test years, from 1921")
ax.set(xlabel="year", ylabel="sunspots", title="A cycle of about eleven years, never the same twice")
ax.legend(loc="upper left");

# %%
WINDOW, N_TRAIN = 24, 221  # years in a window; values from 1700 to 1920 are for training


def in_sunspots(scaled):
    """From scaled values, as in 05.3, back to numbers of sunspots."""
    return np.asarray(scaled) * sunspots[:N_TRAIN].std() + sunspots[:N_TRAIN].mean()


def rmse(forecast):
    """Root mean squared error on the test years, in sunspots."""
    return np.sqrt(np.mean((np.ravel(forecast) - sunspots[N_TRAIN:]) ** 2))


# %% [markdown]
# ## Session 1 of 4 · Cells with a memory
#
# About 59 minutes. You need the cells above. You write a recurrent cell and one step of an LSTM by hand.

# %% [markdown]
# ## 05.1 · A recurrent cell by hand
#
# **Goal:** write a recurrent cell in NumPy that carries its state along a sequence.
#
# A dense layer forgets a sample as soon as it has answered. A recurrent cell keeps a state $h$, and each step mixes the new
# input with the old state:
#
# $$h_t = \tanh(x_t W_x + h_{t-1} W_h + b), \qquad h_0 = 0.$$
#
# $x_t$ is row $t$ of the sequence, $W_x$ holds the weights of the input, $W_h$ those of the state, and $b$ the biases. The same
# weights are used in every step, as a kernel (notebook 04) uses the same weights at every place. From the same state, the same
# inputs lead to the same states, whenever they come: this is called *time invariance*.
#
# - `rnn(x, Wx, Wh, b)`: takes `x` (T, features), `Wx` (features, units), `Wh` (units, units) and `b` (units,); returns the states
#   $h_1$ to $h_T$, shape (T, units).

# %%
ck.expected("05.1")

# %%
def rnn(x, Wx, Wh, b):
    """The states of a recurrent cell after each step, (T, units)."""
    # [solution]
    h = np.zeros(len(b))
    states = []
    for x_t in x:
        h = np.tanh(x_t @ Wx + h @ Wh + b)
        states.append(h)
    return np.array(states)
    # [stub]
    # return ...
    # [end]


# %%
ck.check("05.1", rnn)

# %%
# ck.hint("05.1")  # take the first # away and run this line for a hint; run it again for the next

# %% [markdown]
# Now strike the cell once, like a bell, and listen: one unit, one input, a 1 at the first step and zeros from then on.
# **Predict:** for which weight $W_h$ of the state, 0.5, 0.9 or 1.5, does the cell still know about the stroke after 30 steps?

# %% tags=["picture-05.1"]
if ck.ready("05.1", rnn):
    steps = np.arange(1, 31)
    stroke = np.zeros((30, 1))
    stroke[0] = 1
    echoes = {}
    fig, ax = plt.subplots(figsize=(6, 3.6))
    ax.plot(steps, stroke[:, 0], ".", color="grey", label="input")
    for w, style in ((0.5, "-"), (0.9, "--"), (1.5, "-.")):
        echoes[w] = rnn(stroke, np.ones((1, 1)), np.full((1, 1), w), np.zeros(1))
        ax.plot(steps, echoes[w][:, 0], style, label=f"$W_h$ = {w}")
    ax.set(xlabel="step $t$", ylabel="state $h_t$", title="One stroke, and three weights of the state")
    ax.legend(loc="center right")

# %% [markdown] tags=["reason"]
# **Why it forgets.** Every step multiplies a small state by about $W_h$. If $W_h$ lies between −1 and 1, the state decays. Above 1 it grows
# until the tanh stops it at the level where $h = \tanh(W_h h)$: the cell then remembers one bit for ever, whether the stroke was
# positive or negative.
#
# The derivative of $h_{30}$ with respect to $h_1$ says how much an error at the end can teach the cell about its first input. It
# is the product of the factors $W_h (1 - h^2)$, one for each step, and all three cells lose it: 0.01 is left with $W_h = 0.9$ and
# almost nothing with 0.5, because every factor is below 1; almost nothing with 1.5 either, because $1 - h^2$ is small there and
# most factors are about 0.4. A cell that holds on can hardly be taught what to hold. This is the reason for the LSTM.

# %% tags=["solution"]
for w, states in echoes.items():
    print(f"W_h = {w}: derivative of the last state with respect to the first {np.prod(w * (1 - states[1:] ** 2)):.1e}")

# %% tags=["solution"]
cell = layers.SimpleRNN(4, return_sequences=True)
x = np.random.default_rng(0).normal(size=(1, 12, 3)).astype("float32")
from_keras = np.asarray(cell(x))[0]
difference = np.abs(rnn(x[0], *[np.asarray(w) for w in cell.weights]) - from_keras).max()
print(f"largest difference to Keras's SimpleRNN: {difference:.1e}")

# %% [markdown]
# ## 05.2 · What an LSTM returns
#
# **Goal:** write one step of an LSTM, then make Keras return everything that its LSTM knows.
#
# The LSTM (long short-term memory) carries two states: the hidden state $h$, which it shows, and the cell state $c$, which it keeps
# to itself. Three gates between 0 and 1 decide what is written, kept and shown:
#
# $$z = x W + h U + b = (z_i, z_f, z_g, z_o), \qquad i = \sigma(z_i), \; f = \sigma(z_f), \; o = \sigma(z_o)$$
#
# $$c_\text{new} = f \, c + i \tanh(z_g), \qquad h_\text{new} = o \tanh(c_\text{new})$$
#
# $\sigma$ is the sigmoid. The input gate $i$ says how much new content is let in. The forget gate $f$ says how much of the old
# content is kept: 1 keeps everything, 0 forgets everything. The output gate $o$ says how much of the cell state is shown. The
# fourth quarter is no gate: $\tanh(z_g)$ is the new content. $W$ and $U$ are the $W_x$ and $W_h$ of 05.1, with four blocks side
# by side. $x W$ and $h U$ are matrix products as there; the products with $i$, $f$ and $o$ are element by element.
#
# - `lstm_step(x, h, c, W, U, b)`: `x` (features,), `h` and `c` (units,), `W` (features, 4 · units), `U` (units, 4 · units), `b`
#   (4 · units,), with the four quarters in the order $i, f, g, o$, as in Keras. Returns the new `h` and the new `c`.
#   `np.split(z, 4)` cuts an array into four equal parts.
# - `build_lstm(steps, features, units)`: returns a Keras model with one LSTM layer and three outputs: the whole sequence of hidden
#   states (n, steps, units), the last hidden state (n, units), and the last cell state (n, units). No training.
#
# A layer `layers.LSTM(units)` returns only its last hidden state. With `return_sequences=True` it returns the hidden states of
# all steps; with `return_state=True` it returns three things: its usual output, the last $h$ and the last $c$. A model can have several
# outputs: `keras.Model(inputs, [first, second, third])`.

# %%
ck.expected("05.2")

# %%
def sigmoid(z):
    """Squash to (0, 1)."""
    return 1 / (1 + np.exp(-z))


def lstm_step(x, h, c, W, U, b):
    """The hidden and the cell state after one more input, each (units,)."""
    # [solution]
    z_i, z_f, z_g, z_o = np.split(x @ W + h @ U + b, 4)
    new_c = sigmoid(z_f) * c + sigmoid(z_i) * np.tanh(z_g)
    new_h = sigmoid(z_o) * np.tanh(new_c)
    # [stub]
    # new_h, new_c = ..., ...
    # [end]
    return new_h, new_c


# %%
def build_lstm(steps, features, units):
    """A model that returns the sequence, the last hidden state and the last cell state."""
    # [solution]
    inputs = keras.Input((steps, features))
    lstm = layers.LSTM(units, return_sequences=True, return_state=True)
    sequence, state_h, state_c = lstm(inputs)
    return keras.Model(inputs, [sequence, state_h, state_c])
    # [stub]
    # return ...
    # [end]


# %%
ck.check("05.2", lstm_step=lstm_step, build_lstm=build_lstm)

# %%
# ck.hint("05.2")

# %% [markdown]
# Look inside. The weights of the one unit below are set by hand: the input gate opens at a pulse, and the forget gate stays at 1.
# **Predict:** what will the cell state do at each pulse?

# %% tags=["picture-05.2"]
if ck.ready("05.2", lstm_step):
    pulses = np.isin(np.arange(24), (2, 6, 7, 13, 20)).astype(float)
    W, U, b = np.array([[20.0, 0, 6, 0]]), np.zeros((1, 4)), np.array([-10.0, 10, 0, 10])
    h, c = np.zeros(1), np.zeros(1)
    hidden, kept = [], []
    for pulse in pulses:
        h, c = lstm_step(np.array([pulse]), h, c, W, U, b)
        hidden.append(h[0])
        kept.append(c[0])
    fig, ax = plt.subplots(figsize=(7, 3.2))
    ax.step(np.arange(24), kept, where="post", label="cell state $c$")
    ax.step(np.arange(24), hidden, "--", where="post", label="hidden state $h$")
    ax.stem(np.flatnonzero(pulses), np.ones(5), linefmt="grey", markerfmt="k.", basefmt=" ", label="pulses")
    ax.set(xlabel="step $t$", ylabel="value", title="The two states of an LSTM, pulse by pulse")
    ax.legend()

# %% [markdown] tags=["reason"]
# **Why there is a cell state.** At each pulse $c$ rises by about 1, and in between it stays where it is: it counts the pulses,
# which $h = \tanh(c)$, never above 1, cannot show. Along $c$, the old content is only multiplied by $f$. With $f \approx 1$ nothing decays, neither the
# memory nor the gradient that runs back through it. The cell of 05.1 has a tanh and a matrix in that place.
#
# **Three results, and one of them twice.** `return_sequences=True` gives all hidden states, and `return_state=True` adds the last
# $h$ and the last $c$. The last row of the sequence is the last $h$. The cell state $c$ appears nowhere in the sequence.

# %% tags=["solution"]
look = build_lstm(6, 3, 4)
x = np.random.default_rng(0).normal(size=(1, 6, 3)).astype("float32")
sequence, state_h, state_c = [np.asarray(part)[0] for part in look(x)]
h, c = np.zeros(4), np.zeros(4)
for x_t in x[0]:
    h, c = lstm_step(x_t, h, c, *look.get_weights())
print(f"state_h is the last of the sequence: {np.allclose(sequence[-1], state_h)}")
print(f"state_c is too:                      {np.allclose(sequence[-1], state_c)}")
print(f"largest difference to lstm_step:     {max(np.abs(h - state_h).max(), np.abs(c - state_c).max()):.1e}")

# %% [markdown]
# This is the end of session 1, and a good place to stop. In session 2 an LSTM learns from the Sun.

# %% [markdown]
# ## Session 2 of 4 · One answer, or one at every step
#
# About 56 minutes. You need the cells at the top, and nothing from session 1.
#
# **Predict before you run.** "Next year will be like this year" is the naive forecast. How large is its error on the test years, in
# sunspots? We measure the root mean square, in which the years with a large error count most. Estimate it from the picture of the data
# at the top. Then guess how much better a network can do that has seen the last 24 years.

# %% [markdown]
# ## 05.3 · Many to one: forecast the Sun
#
# **Goal:** forecast next year's sunspots from the last 24 years, and beat the naive forecast on years later than
# all training years.
#
# - `prepare(series, n_train, window)` cuts a series of numbers into windows and returns `X_train, y_train, X_test, y_test`. The
#   target `y` of a window is the value that follows it. The first `n_train` values are the past: a window whose target is one of
#   them is for training, every later window is for the test. Keep both in the order of time. A test window may reach back into
#   training years, because somebody who makes the forecast in that year knows them. Scale all values by the mean and the standard
#   deviation *of the first `n_train` values*.
#   Shapes: `X_train` (n_train − window, window, 1), `X_test` (len(series) − n_train, window, 1), and one target per window.
# - `model`: a Keras model with an LSTM, fitted on `X_train, y_train`; takes (n, 24, 1) and gives the scaled forecast, (n, 1). About 30
#   units and ten epochs are enough, with `Adam(0.03)`, the loss `"mse"` and batches of 16 to 50: there are only 197 training
#   windows.

# %%
ck.expected("05.3")

# %%
def prepare(series, n_train, window):
    """Windows and targets, split in time, scaled by what was known at the split."""
    # [solution]
    past = series[:n_train]
    scaled = (series - past.mean()) / past.std()
    X = np.stack([scaled[i : i + window] for i in range(len(series) - window)])[..., None]
    y = scaled[window:]
    cut = n_train - window
    X_train, y_train, X_test, y_test = X[:cut], y[:cut], X[cut:], y[cut:]
    # [stub]
    # X_train, y_train, X_test, y_test = ..., ..., ..., ...
    # [end]
    return X_train, y_train, X_test, y_test


# %%
X_train, y_train, X_test, y_test = prepare(sunspots, N_TRAIN, WINDOW)

# %%
# [solution]
model = keras.Sequential([keras.Input((WINDOW, 1)), layers.LSTM(32), layers.Dense(1)])
model.compile(keras.optimizers.Adam(0.03), loss="mse")
model.fit(X_train, y_train, epochs=10, batch_size=50, verbose=0);
# [stub]
# model = ...
# [end]

# %%
ck.check("05.3", prepare=prepare, model=model)

# %%
# ck.hint("05.3")

# %% [markdown]
# How good is it, one year ahead? Compare with your two predictions.

# %%
if ck.ready("05.3", prepare, model):
    print(f"mean of the past   {rmse(sunspots[:N_TRAIN].mean()):.1f}")
    print(f"eleven years ago   {rmse(sunspots[N_TRAIN - 11 : -11]):.1f}")
    print(f"last year (naive)  {rmse(sunspots[N_TRAIN - 1 : -1]):.1f}")
    print(f"your network       {rmse(in_sunspots(model(X_test))):.1f}")

# %% tags=["claim"]
assert rmse(in_sunspots(model(X_test))) < rmse(sunspots[N_TRAIN - 1 : -1]) - 5, "The network beats the naive forecast."

# %% [markdown]
# Now let it run ahead: each forecast is fed back as if it were the newest observation, year after year. One run starts in 1986,
# so that you can compare it with what came; the other starts where the data end.

# %%
def run_ahead(model, past, n_years):
    """Forecast n_years beyond `past`, a series in sunspots, feeding each forecast back."""
    known = sunspots[:N_TRAIN]
    values = list((past - known.mean()) / known.std())
    for _ in range(n_years):
        newest = np.array(values[-WINDOW:], dtype="float32")[None, :, None]  # one window, shape (1, 24, 1)
        values.append(float(np.ravel(model.predict_on_batch(newest))[0]))
    return in_sunspots(values[len(past) :])


# %% tags=["picture-05.3"]
if ck.ready("05.3", model):
    fig, ax = plt.subplots(figsize=(9, 3.4))
    ax.plot(years[240:], sunspots[240:], "k", linewidth=1, label="observed")
    for start, end in ((1986, 2008), (2008, 2041)):
        past = sunspots[years <= start]
        ahead = np.arange(start, end + 1)
        forecast = run_ahead(model, past, end - start)
        ax.plot(ahead, [past[-1], *forecast], color="#0072B2", linewidth=2.4, label="LSTM, fed back")
        ax.plot(ahead, np.full(len(ahead), past[-1]), "--", color="#D55E00", label="naive")
        ax.plot(start, past[-1], "o", color="#0072B2")
    ax.axvspan(2008, 2042, color="#DDDDDD", alpha=0.5, zorder=0)
    ax.text(2025, 150, "the future of these data", ha="center")
    ax.set(xlabel="year", ylabel="sunspots", xlim=(1940, 2042), ylim=(-8, 240))
    ax.set_title("The network goes on in cycles; the naive forecast stands still")
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles[:3], labels[:3], loc="upper left", ncols=3)

# %% tags=["claim"]
assert np.std(run_ahead(model, sunspots[years <= 1986], 22)) > 10, "The network goes on in cycles."

# %% [markdown] tags=["reason"]
# **What makes it hard.** Six of the 88 test years are more active than any year before 1921, so the network must go beyond what it
# has seen. All the same it beats the naive forecast, the year eleven years ago, and the mean of the past.
#
# **A mistake that looks splendid:** shuffle the windows before the split. Take a simple method: find the three training windows
# that are most similar to the test window (its nearest neighbours), and forecast the mean of their targets. After shuffling it
# does far better than with a split in time. There are two reasons. Most of the gain comes from the test years: after shuffling
# they lie anywhere in the series, and most years are easier than those after 1921. The rest comes from overlapping windows.
# Neighbouring windows share 23 of their 24 values, so most test windows have near twins in the training set. In the
# solution the error is 38.8 sunspots with a split in time, 24.3 after shuffling, and 27.9 after shuffling when the twins are left
# out. For both reasons the error says nothing about a forecast of the future.

# %% tags=["solution"]
from sklearn.neighbors import KNeighborsRegressor

X_all, y_all = np.concatenate([X_train, X_test])[..., 0], np.concatenate([y_train, y_test])
order = np.random.default_rng(0).permutation(len(y_all))
n = len(y_train)


def error_of_neighbours(train, test):
    """In sunspots; `train` is a list of rows, or gives one for each test row."""
    guesses = []
    for row in test:
        rows = train(row) if callable(train) else train
        guesses.append(KNeighborsRegressor(3).fit(X_all[rows], y_all[rows]).predict(X_all[[row]])[0])
    return np.sqrt(np.mean((np.array(guesses) - y_all[test]) ** 2)) * sunspots[:N_TRAIN].std()


def without_twins(row):
    return [other for other in order[:n] if abs(other - row) >= WINDOW]


in_time = error_of_neighbours(np.arange(n), np.arange(n, len(y_all)))
shuffled = error_of_neighbours(order[:n], order[n:])
no_twins = error_of_neighbours(without_twins, order[n:])
print(f"nearest neighbours: split in time {in_time:.1f}, shuffled {shuffled:.1f}, shuffled without twins {no_twins:.1f}")

# %% tags=["claim"]
assert in_time - no_twins > no_twins - shuffled > 1, f"Most of the gain comes from the test years: {in_time, no_twins, shuffled}"

# %% [markdown]
# ## 05.4 · Many to many, in step
#
# **Goal:** train a network that answers at every step, from what it has read up to that step.
#
# A switch receives pulses: +1 turns it on, −1 turns it off, and 0 leaves it as it is. After each step, say whether it is on.
# Where the pulse is 0, only a memory can tell.
#
# - `latch`: a Keras model. It takes (n, T, 1) for *any* number of steps T, and gives the probability that the switch is on,
#   (n, T, 1). The answer at step $t$ may depend on steps 1 to $t$ only.
#
# `keras.Input((None, 1))` leaves the number of steps open. A `layers.Dense` after an LSTM with `return_sequences=True` gives an
# answer at each step, always with the same weights. A small network and a few epochs are enough: 16 units, and a learning rate of
# about 0.04.

# %%
def make_switch(n_samples, steps, seed):
    """Pulses (n, T, 1), each -1, 0 or 1, and the state of the switch after each, 0 or 1, of the same shape."""
    rng = np.random.default_rng(seed)
    pulses = rng.choice([-1, 0, 1], p=[0.1, 0.8, 0.1], size=(n_samples, steps))
    pulses[:, 0] = rng.choice([-1, 1], size=n_samples)  # so that the state is known from the first step
    on = pulses == 1
    for t in range(1, steps):
        on[:, t] = np.where(pulses[:, t] == 0, on[:, t - 1], on[:, t])  # without a pulse the switch stays as it was
    return pulses[..., None].astype("float32"), on[..., None].astype("float32")


P_train, on_train = make_switch(1000, steps=30, seed=0)
P_train[0, :12, 0], on_train[0, :12, 0]

# %%
ck.expected("05.4")

# %%
# [solution]
latch = keras.Sequential(
    [keras.Input((None, 1)), layers.LSTM(16, return_sequences=True), layers.Dense(1, activation="sigmoid")]
)
latch.compile(keras.optimizers.Adam(0.04), loss="binary_crossentropy")
latch.fit(P_train, on_train, epochs=6, batch_size=100, verbose=0);
# [stub]
# latch = ...
# [end]

# %%
ck.check("05.4", latch)

# %%
# ck.hint("05.4")

# %% [markdown]
# **Predict:** it was trained on 30 steps. Will it still know after 80?

# %% tags=["picture-05.4"]
if ck.ready("05.4", latch):
    P_test, on_test = make_switch(1, steps=80, seed=7)
    said = np.asarray(latch(P_test))[0, :, -1]
    fig, ax = plt.subplots(figsize=(7, 3.2))
    ax.plot(P_test.ravel(), "o", color="grey", markersize=4, zorder=3, label="pulse")
    ax.step(np.arange(80), said, where="post", label="says: on")
    slightly_larger = 1.06 * on_test.ravel() - 0.03  # so that both lines can be seen
    ax.step(np.arange(80), slightly_larger, "k:", where="post", linewidth=1, label="is on")
    ax.set(xlabel="step", ylabel="probability, pulse", ylim=(-1.15, 1.6))
    ax.set_title("A network trained on 30 steps, asked for 80")
    ax.legend(loc="upper left", ncols=3)

# %% tags=["claim"]
P_long, on_long = make_switch(300, steps=80, seed=8)
assert np.mean((np.asarray(latch(P_long)) > 0.5) == on_long) > 0.97, "Trained on 30 steps, it remembers over 80."

# %% [markdown] tags=["reason"]
# **One output for each step.** `return_sequences=True` passes every hidden state on, and the Dense layer answers each of them with the
# same weights. Nothing in the network knows the length, so 80 steps work as well as 30.
#
# **Two ways that do not work.** Without a memory, the answer where the pulse is 0 is a guess. With `Bidirectional` the network reads
# the sequence from both ends. That is fine for a text that is complete, but it is cheating here, where the future has not
# happened yet.

# %% tags=["solution"]
from sklearn.linear_model import LogisticRegression

memoryless = LogisticRegression().fit(P_train.reshape(-1, 1), on_train.ravel())  # sees the pulse of its own step only
P_new, on_new = make_switch(500, steps=60, seed=1)
guessed = memoryless.predict(P_new.reshape(-1, 1)).reshape(on_new.shape)
for name, said in (("no memory", guessed), ("LSTM", np.asarray(latch(P_new)) > 0.5)):
    right = said == on_new
    print(f"{name:<10} right at a pulse {right[P_new != 0].mean():.1%}, between pulses {right[P_new == 0].mean():.1%}")

# %% [markdown]
# This is the end of session 2, and a good place to stop. In session 3 sequences have different lengths.

# %% [markdown]
# ## Session 3 of 4 · Different lengths, and a sequence for a sequence
#
# About 83 minutes. You need the cells at the top, and nothing from the sessions before.

# %% [markdown]
# ## 05.5 · Lengths differ: padding and masking
#
# **Goal:** train on sequences of different lengths, so that padding has no influence at all.
#
# Here are random walks of 5 to 20 positions. The question is whether a walk ends above the point where it began. An array needs
# equal lengths, so short walks are filled up at the end with a value that no walk has, `PAD`. The network has to be told to skip
# it, so that its state stays as it is while padding goes by. `layers.Masking(mask_value=...)` in front of the LSTM does this: it
# marks the steps that consist of this value only.
#
# - `pad(walks, length)`: takes a list of 1-D arrays, each no longer than `length`; returns (n, length, 1), with each walk at the
#   beginning of its row and `PAD` after it.
# - `walker`: a Keras model that takes (n, T, 1) for *any* T, skips the steps that are `PAD`, and gives the probability that the walk
#   ends above its beginning, (n, 1). An LSTM of the size of 05.4 is enough, trained for about ten epochs with the learning rate
#   named there.

# %%
PAD = -10.0


def make_walks(n_samples, seed):
    """A list of random walks, 5 to 20 positions each, and 1 where a walk ends above its beginning, else 0."""
    rng = np.random.default_rng(seed)
    walks = [rng.normal() + np.cumsum(rng.normal(size=length)) for length in rng.integers(5, 21, size=n_samples)]
    return walks, np.array([walk[-1] > walk[0] for walk in walks]).astype(int)


walks, up = make_walks(2000, seed=0)
[len(walk) for walk in walks[:8]], up[:8]

# %%
ck.expected("05.5")

# %%
def pad(walks, length):
    """The walks as one array (n, length, 1), padded at the end with PAD."""
    # [solution]
    padded = np.full((len(walks), length, 1), PAD)
    for row, walk in zip(padded, walks):
        row[: len(walk), 0] = walk
    return padded
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
reader = [layers.Masking(mask_value=PAD), layers.LSTM(16), layers.Dense(1, activation="sigmoid")]
walker = keras.Sequential([keras.Input((None, 1)), *reader])
walker.compile(keras.optimizers.Adam(0.04), loss="binary_crossentropy")
walker.fit(pad(walks, 20), up, epochs=10, batch_size=200, verbose=0);
# [stub]
# walker = ...
# [end]

# %%
ck.check("05.5", pad=pad, walker=walker)

# %%
# ck.hint("05.5")

# %% [markdown]
# Now test it. Take five walks for which the answer is near 0.1, 0.3, 0.5, 0.7 and 0.9, and add more and more padding at the end. With
# 80 more steps of padding the network must give the same answers.

# %%
lengths = (20, 40, 100)


def said_of(network, walks, length):
    """The network's answer to each walk, padded to this length."""
    return np.asarray(network(np.asarray(pad(walks, length), dtype="float32")))[:, -1]


# %% tags=["picture-05.5"]
if ck.ready("05.5", pad, walker):
    sure = said_of(walker, walks, 20)
    five = [walks[np.argmin(np.abs(sure - p))] for p in (0.1, 0.3, 0.5, 0.7, 0.9)]
    masked = np.array([said_of(walker, five, length) for length in lengths])
    fig, ax = plt.subplots(figsize=(5.4, 3))
    ax.plot(lengths, masked, "o-", label=[f"walk {i + 1}" for i in range(5)])
    ax.set(xlabel="length after padding", ylabel="probability of 'up'", ylim=(-0.05, 1.05))
    ax.set_title("More padding, the same answers")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))

# %% tags=["claim"]
assert np.ptp(masked, axis=0).max() < 1e-4, "More padding, the same answers."

# %% [markdown] tags=["reason"]
# **How the mask travels.** `Masking` marks the steps whose values are all `PAD`. Keras passes the mask on with the data, and the LSTM
# repeats its last state where the mask says so. The Dense layer sees the state after the last real step.
#
# **What goes wrong without it.** Take the same weights and leave the mask out. The LSTM then reads the padding as positions far below
# zero, and its answer is about the padding. `Masking()` without a value is just as bad: it masks zeros, and there are none here.

# %% tags=["solution"]
unmasked = keras.Sequential([layer for layer in walker.layers if not isinstance(layer, layers.Masking)])
without = [said_of(unmasked, five, length) for length in lengths]
new_walks, new_up = make_walks(1000, seed=1)
fig, ax = plt.subplots(figsize=(5.4, 3))
for name, network, answers, style in (
    ("with the mask", walker, masked, "-"),
    ("same weights, no mask", unmasked, without, "--"),
):
    right = (said_of(network, new_walks, 20) > 0.5) == new_up
    print(f"{name:<22} {right.mean():.1%} right")
    ax.plot(lengths, answers, style, color="#0072B2" if style == "-" else "#D55E00", label=name)
ax.set(xlabel="length after padding", ylabel="probability of 'up'", ylim=(-0.05, 1.05))
ax.set_title("Without the mask the answer is about the padding")
handles, labels = ax.get_legend_handles_labels()  # five lines each; one of each is enough
ax.legend([handles[0], handles[5]], [labels[0], labels[5]], loc="center left", bbox_to_anchor=(1.01, 0.5));

# %% [markdown]
# ## 05.6 · Sequence to sequence: add two numbers written as text
#
# **Goal:** train an encoder and a decoder that read `"27+5"` character by character and write `"32"`, then STOP.
#
# Question and answer have different lengths, so the network cannot answer in step. It reads first: one LSTM, the **encoder**,
# turns the question into its last hidden state. Then it writes: this state is repeated four times (`layers.RepeatVector(4)`), a
# second LSTM, the **decoder**, turns it into four steps, and a softmax at each step chooses a symbol. The twelve symbols are the
# digits, `+`, and `.` for STOP. The answer is what stands before the first STOP; a text that is too short is filled up with STOP.
#
# - `build_adder()`: returns a Keras model, not compiled, from one-hot questions (n, 5, 12) to (n, 4, 12): a probability for every
#   symbol at each of the four steps. Two LSTMs of 64 units are enough; `unroll=True` makes short ones faster on a CPU.
# - `add(texts)`: takes a list of questions such as `["27+5", "99+99"]` and returns the list of answers that `adder` gives, such as
#   `["32", "198"]`: text, without STOP.
# - `lags`: a table of 3 by 4 numbers, explained below.

# %%
SYMBOLS = "0123456789+."  # the point is STOP


def codes(texts, length):
    """Each text as a row of `length` whole numbers, the places of its symbols in SYMBOLS, filled up with STOP."""
    return np.array([[SYMBOLS.index(symbol) for symbol in text.ljust(length, ".")] for text in texts])


def questions(texts, reverse=True):
    """One-hot questions (n, 5, 12); `reverse` turns the text round, so that its first character is read last."""
    rows = codes(texts, 5)
    if reverse:
        rows = rows[:, ::-1]
    return np.eye(12, dtype="float32")[rows]


codes(["27+5", "32"], 5), questions(["27+5"]).shape

# %% [markdown]
# There are questions for all pairs from 0+0 to 99+99. One pair in ten is held out and never trained on, in either order: when 27+5 is
# held out, so is 5+27. By default `questions` turns the text round; you will see why below. `add` must ask in the same way.

# %%
a, b = np.divmod(np.arange(10000), 100)
small, large = np.minimum(a, b), np.maximum(a, b)
unseen = (100 * small + large) * 7919 % 9973 < 997  # multiplied and divided by primes: looks random, is the same for all
texts = np.array([f"{i}+{j}" for i, j in zip(a, b)])
sums = np.array([str(i + j) for i, j in zip(a, b)])
texts[~unseen].shape, texts[unseen].shape

# %%
ck.expected("05.6")

# %%
def build_adder():
    """Encoder, repeated state, decoder, softmax."""
    # [solution]
    return keras.Sequential(
        [
            keras.Input((5, 12)),
            layers.LSTM(64, unroll=True),
            layers.RepeatVector(4),
            layers.LSTM(64, return_sequences=True, unroll=True),
            layers.Dense(12, activation="softmax"),
        ]
    )
    # [stub]
    # return ...
    # [end]


# %% [markdown]
# The training is given. The learning rate starts small, because Adam's first steps rest on very few gradients and a large one
# could do harm; it rises during the first tenth of the steps, and then decays along a cosine, so that the last steps settle.
# `beta_2=0.99` lets Adam average the squared gradients over about the last hundred steps instead of a thousand, because this
# training has few steps.

# %%
EPOCHS, BATCH = 15, 128


def compile_adder(network, epochs, batch):
    """Compile for `epochs` passes over the seen pairs, with a learning rate that warms up and decays."""
    steps = epochs * math.ceil(np.sum(~unseen) / batch)
    warmup = steps // 10
    rate = keras.optimizers.schedules.CosineDecay(  # from 0.0005 up to 0.02, then down to 1 % of it
        5e-4, steps - warmup, alpha=0.01, warmup_target=0.02, warmup_steps=warmup
    )
    adam = keras.optimizers.Adam(rate, beta_2=0.99)
    network.compile(adam, loss="sparse_categorical_crossentropy", steps_per_execution=10)  # ten at a time, for speed


# %%
adder = ...
if ck.ready("05.6", build_adder):
    adder = build_adder()
    compile_adder(adder, EPOCHS, BATCH)
    live = ck.widgets.LiveCurves()
    inputs, targets = questions(texts[~unseen]), codes(sums[~unseen], 4)
    adder.fit(inputs, targets, epochs=EPOCHS, batch_size=BATCH, verbose=0, callbacks=[live])

# %%
def add(texts):
    """The answers of `adder`, as text without STOP."""
    # [solution]
    rows = np.asarray(adder(questions(texts))).argmax(axis=-1)
    answers = ["".join(SYMBOLS[code] for code in row) for row in rows]
    return [answer.split(".")[0] for answer in answers]
    # [stub]
    # return ...
    # [end]


# %% [markdown]
# **Why is the question reversed?** It is said to be learned sooner that way. The classical explanation is the *lag*: what is read
# just before it is needed is learned first. Let us test this. Take "12+34", whose answer is "46". Reading takes steps 1 to 5, one
# character per step; writing takes steps 6 to 9. The lag of a digit is the number of steps from reading it to writing the digit of
# the same place, tens for tens and units for units. Read as written, the 1 comes at step 1 and the 4 of the answer at step 6: a
# lag of 5.
#
# `lags` has a row for each of three ways of writing, and a column for each of the digits 1, 2, 3, 4 of the question:
#
# - `lags[0]`: question and answer as written, "12+34" and "46";
# - `lags[1]`: the question reversed, "43+21" and "46";
# - `lags[2]`: the answer reversed, "12+34" and "64".

# %%
# [solution]
lags = [[5, 5, 2, 2], [1, 3, 4, 6], [6, 4, 3, 1]]
# [stub]
# lags = ...
# [end]

# %%
ck.check("05.6", adder=adder, add=add, lags=lags)

# %%
# ck.hint("05.6")

# %% [markdown]
# **Predict:** compare the rows of your table, the shortest lag of each and the mean. Which of the three ways will be learned first?
# Then let them race: they start with the same weights and train for four epochs each, in smaller batches. Here every number has two
# digits, 05+27, so that the ways differ only in their order.

# %%
def race(epochs=4, batch=50):
    """The share of exact answers to unseen questions, for each way of writing."""
    network = build_adder()
    compile_adder(network, epochs, batch)
    network.optimizer.build(network.trainable_variables)
    variables = network.variables + network.optimizer.variables
    start = [keras.ops.convert_to_numpy(variable) for variable in variables]  # every way begins with these
    two_digits = [f"{i:02d}+{j:02d}" for i, j in zip(a, b)]
    turned = [text[::-1] for text in sums]
    ways = {"as written": (False, sums), "question\nreversed": (True, sums), "answer\nreversed": (False, turned)}
    shares = {}
    for name, (reverse, answers) in ways.items():
        for variable, value in zip(variables, start):
            variable.assign(value)
        inputs, targets = questions(two_digits, reverse), codes(answers, 4)
        network.fit(inputs[~unseen], targets[~unseen], epochs=epochs, batch_size=batch, verbose=0)
        said = np.asarray(network(inputs[unseen])).argmax(axis=-1)
        shares[name] = np.mean(np.all(said == targets[unseen], axis=1))
    return shares


# %% tags=["picture-05.6"]
if ck.ready("05.6", build_adder):
    shares = race()
    fig, ax = plt.subplots(figsize=(5.4, 3.2))
    bars = ax.bar(list(shares), shares.values(), width=0.6)
    ax.bar_label(bars, [f"{share:.0%}" for share in shares.values()])
    ax.set(ylabel="exact answers to unseen pairs", ylim=(0, 1.1))
    ax.set_title("One race, after four epochs")

# %% [markdown] tags=["reason"]
# **What one race says, and what twenty say.** One race has one start. With other initial weights the bars have other heights, and
# often another order: call `race()` again, which draws new weights. In twenty races (`benchmarks/adder_races.py` in the
# course's repository) the reversed question reached 88 % on average, the reversed answer 51 %, and the text as written 27 %. The reversed
# question was ahead in 16 of them, the reversed answer in 3.
#
# **Why the lag is not the whole reason.** The mean lag is 3.5 in all three ways. The shortest lag is 2 as written, and 1 in both
# others. If the shortest lag were the reason, reversing the *answer* would help as much as reversing the *question*, and on
# average it does not. Only the reversed question shows the units of a number before its tens. So the network can add while it
# reads, as you do by hand: when the last tens come, the carry is known. Read as written, the last character can still change
# every digit of the sum: 45+54 is 99, and 45+55 is 100. Sutskever and others (2014) found that reversed sentences are translated
# better, and gave the lag as the reason. For sentences it may be.

# %% [markdown]
# And what does your trained `adder` still get wrong? Look at its mistakes: how many of the digits are wrong in each of them?

# %%
if ck.ready("05.6", adder, add):
    answers = np.array(add(list(texts[unseen])))
    wrong = answers != sums[unseen]
    print(f"{1 - wrong.mean():.1%} of {len(answers)} unseen questions answered exactly")
    for question, said, true in list(zip(texts[unseen][wrong], answers[wrong], sums[unseen][wrong]))[:6]:
        print(f"{question:>6} = {true:<4} said {said}")

# %% [markdown] tags=["reason"]
# **Why it is wrong in this way.** In one run of the solution three of 1,038 answers were wrong, each in a single digit: 0+0 = 1,
# 0+19 = 29 and 1+99 = 900. The softmax chooses each symbol by itself, and to the loss a wrong hundred is no worse than a wrong
# unit: it knows symbols, not the size of a number. In other runs some of the mistakes were lost carries, such as
# 4+56 = 50 and 2+28 = 20: the units add up to ten, and the tens are one too small.

# %% [markdown]
# This is the end of session 3, and a good place to stop. Session 4 is short.

# %% [markdown]
# ## Session 4 of 4 · A smaller cell
#
# About 36 minutes. You need the cells at the top and the next one, which takes over your `prepare` and `model` of 05.3. If you begin
# here, it takes simple ones.

# %%
def cut_into_windows(series, n_train, window):
    """What `prepare` of 05.3 returns."""
    scaled = (series - np.mean(series[:n_train])) / np.std(series[:n_train])
    rows = np.lib.stride_tricks.sliding_window_view(scaled, window + 1)  # each row: a window, then its target
    inputs, targets = rows[:, :-1, None], rows[:, -1]
    known = n_train - window
    return inputs[:known], targets[:known], inputs[known:], targets[known:]


def forecaster():
    network = keras.Sequential([keras.Input((WINDOW, 1)), layers.LSTM(24)])
    network.add(layers.Dense(1))
    network.compile(keras.optimizers.Adam(0.02), loss="mse")
    network.fit(X_train, y_train, epochs=15, batch_size=40, verbose=0)
    return network


prepare = ck.resume("prepare", lambda: cut_into_windows)
X_train, y_train, X_test, y_test = prepare(sunspots, N_TRAIN, WINDOW)
model = ck.resume("model", forecaster)

# %% [markdown]
# ## 05.7 · GRU against LSTM
#
# **Goal:** count the parameters of both cells, and see whether the smaller one makes worse forecasts.
#
# The GRU (gated recurrent unit) has no cell state, and three blocks of weights where the LSTM has four:
#
# $$z = \sigma(x W_z + h U_z + b_z), \quad r = \sigma(x W_r + h U_r + b_r), \quad
# g = \tanh\left(x W_g + b_g + r \, (h U_g + b'_g)\right), \quad h_\text{new} = z \, h + (1 - z) \, g$$
#
# The update gate $z$ says how much of the old state is kept, the reset gate $r$ how much of it goes into the new content $g$.
# (This $z$ is not that of 05.2.)
#
# In Keras every block of a GRU has two biases of `units` numbers each, one with the input and one with the state
# (`reset_after=True`, its default); $b_z$ and $b_r$ above each stand for the sum of two. Each block of an LSTM has one.
#
# - `lstm_params(features, units)` and `gru_params(features, units)`: the number of parameters of the layer in Keras, as a
#   formula.
# - `gru`: the forecast of 05.3 with a GRU instead of the LSTM, fitted on the same `X_train, y_train`. Ten epochs with `Adam(0.02)`
#   and batches of 50 are enough.

# %%
ck.expected("05.7")

# %%
def lstm_params(features, units):
    """Parameters of `layers.LSTM(units)` that reads `features` numbers a step."""
    # [solution]
    return 4 * units * (features + units + 1)
    # [stub]
    # return ...
    # [end]


def gru_params(features, units):
    """Parameters of `layers.GRU(units)` that reads `features` numbers a step."""
    # [solution]
    return 3 * units * (features + units + 2)
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
gru = keras.Sequential([keras.Input((WINDOW, 1)), layers.GRU(32), layers.Dense(1)])
gru.compile(keras.optimizers.Adam(0.02), loss="mse")
gru.fit(X_train, y_train, epochs=10, batch_size=50, verbose=0);
# [stub]
# gru = ...
# [end]

# %%
ck.check("05.7", lstm_params=lstm_params, gru_params=gru_params, gru=gru)

# %%
# ck.hint("05.7")

# %% tags=["picture-05.7"]
if ck.ready("05.7", gru):
    fits = {
        "LSTM": in_sunspots(np.ravel(model(X_test.astype("float32")))),
        "GRU": in_sunspots(np.ravel(gru(X_test.astype("float32")))),
    }
    title = "One year ahead, with two kinds of cells"
    ax = ck.plot.curve_fit(years[N_TRAIN:], sunspots[N_TRAIN:], fits, title=title)
    ax.set(xlabel="year", ylabel="sunspots", ylim=(-8, 240))
    ax.legend(["observed", *fits], ncols=3)
    for name, forecast in fits.items():
        print(f"{name:<5} test RMSE {rmse(forecast):.1f} sunspots")

# %% tags=["claim"]
apart = np.sqrt(np.mean((fits["LSTM"] - fits["GRU"]) ** 2))
assert apart < 0.8 * rmse(fits["LSTM"]), f"Two cells, much the same forecast: {apart:.1f}"

# %% [markdown] tags=["reason"]
# **Fewer parameters, and hardly any difference here.** The GRU has three blocks instead of four, and one more bias for each unit
# of a block. Compare the errors with care: from seed to seed both vary by two or three sunspots, and their ranges overlap. "Which
# cell is better?" is a question for many seeds and many data sets. Greff and others (2017) compared eight variants of the LSTM,
# and none was much better than the plain one.

# %% tags=["solution"]
for name, network, count in (("LSTM", model, lstm_params(1, 32)), ("GRU", gru, gru_params(1, 32))):
    assert count == network.layers[0].count_params()
    print(f"{name:<5} {count:,} parameters")

# %% [markdown]
# ## What did you observe?
#
# 1. Each single step is good. Why does a forecast that is fed back often get out of step with the Sun after some cycles?
# 2. The scaling in `prepare` uses the training years only. What would go wrong with the mean of all years?
# 3. A network without a mask can be trained on padded sequences too. What must it learn that the masked one need not?
# 4. The network of 05.6 has never seen the held-out pairs. Why must 5+27 be held out together with 27+5?
#
# <details><summary>Answers</summary>
#
# 1. Each step adds its error to the inputs of the next. A small error in the phase stays and may grow. After some cycles the
#    forecast often keeps the rhythm, but has lost the place: it no longer knows where in the cycle the Sun is. In some runs it
#    stays in step from 1986 to 2008.
# 2. The mean of all years says how active the Sun will be after the split. That is information from the future, and the error on
#    the test years is no longer that of a forecast. It may look too good. Here it makes hardly any difference: in ten runs the
#    error was sometimes a little larger than with the right scaling, and sometimes a little smaller. But you learn that only when
#    the test years are over.
# 3. It must learn to carry its state unchanged through any number of padding steps. It may manage for the lengths that it has seen;
#    nothing makes it do so for others.
# 4. The sum is the same. A network that had memorised 27+5 would only have to learn that the order of the numbers does not matter, and
#    it would look as if it could add.
#
# </details>
#
# ## Go further
#
# - Three digits: make questions of up to seven characters and answers of up to five. How many of the million pairs do you need to
#   train on? Two LSTMs of 128 units take a minute or more.
# - Reverse the question *and* the answer. What does the lag predict, and what does the race say?
# - Let the forecast of 05.3 give a mean and a spread. How wide is it after ten fed-back years?
# - Newer sunspot numbers are on another scale (version 2.0 since 2015). How would you join the two series
#   without using anything from the test years?
#
# ## Summary
#
# A recurrent network carries a state along a sequence. The LSTM adds a cell state that changes only as far as its gates allow, so
# that both the memory and the gradient can last for many steps. One and the same cell can be read out in different places: *many
# to one* is one answer for a sequence (05.3), *many to many* an answer at each step (05.4), or a sequence that is written after
# another has been read (05.6). There is also *one to many*: one input, such as a picture, is answered by a sequence, such as a
# sentence about it. The input then becomes the first state of a decoder, which writes symbol by symbol (notebook 05b). *One to
# one* needs no memory: a dense network does it. Forecasts are judged on later years, against a naive forecast, with nothing
# scaled by the future.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - Hochreiter, S., Schmidhuber, J. (1997). Long short-term memory. *Neural Computation*, 9, 1735–1780.
# - Gers, F. A., Schmidhuber, J., Cummins, F. (2000). Learning to forget: continual prediction with LSTM. *Neural
#   Computation*, 12, 2451–2471.
# - Cho, K., and others (2014). Learning phrase representations using RNN encoder–decoder for statistical machine
#   translation. *EMNLP 2014*, 1724–1734.
# - Sutskever, I., Vinyals, O., Le, Q. V. (2014). Sequence to sequence learning with neural networks. *NIPS 2014*.
# - Greff, K., and others (2017). LSTM: a search space odyssey. *IEEE Transactions on Neural Networks and Learning Systems*,
#   28, 2222–2232.
# - Clette, F., and others (2014). Revisiting the sunspot number. *Space Science Reviews*, 186, 35–103.
