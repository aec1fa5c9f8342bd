"""Cases of notebook 02c."""

from functools import cache

import numpy as np

from tests.cases import table

# --- 02c.1


def dropout(H, p, training, seed, scale=lambda p: 1 / (1 - p), keep=lambda r, p: r >= p):
    if not training:
        return H
    return H * keep(np.random.default_rng(seed).random(H.shape), p) * scale(p)


def dropout_loops(H, p, training, seed):
    out = H.copy()
    if training:
        draw = np.random.RandomState(seed)
        for i in range(H.shape[0]):
            for j in range(H.shape[1]):
                out[i, j] = 0 if draw.rand() < p else H[i, j] / (1 - p)
    return out


def dropout_binomial(H, p, training=False, seed=None):
    if training:
        mask = np.random.default_rng(seed).binomial(1, 1 - p, size=H.shape)
        H = np.where(mask == 1, H / (1 - p), 0.0)
    return H


def dropout_keras(H, p, training, seed):
    import keras

    return np.asarray(keras.layers.Dropout(p, seed=seed)(H.astype("float32"), training=training))


def dropout_global(H, p, training, seed):
    np.random.seed(seed)
    mask = np.random.uniform(size=H.shape) > p
    return mask * H / (1 - p) if training else H


def dropout_in_place(H, p, training, seed):
    if training:
        H[np.random.default_rng(seed).random(H.shape) < p] = 0
        H /= 1 - p
    return H


def dropout_old_form(H, p, training, seed):
    """The form of the paper of 2014: scaled in prediction."""
    if training:
        return H * (np.random.default_rng(seed).random(H.shape) >= p)
    return H * (1 - p)


def one_mask_for_all(H, p, training, seed):
    mask = np.random.default_rng(seed).random(H.shape[1]) >= p
    return H * mask / (1 - p) if training else H


def as_many_in_each_row(H, p, training, seed):
    if not training:
        return H
    ranks = np.random.default_rng(seed).random(H.shape).argsort(axis=1)
    return np.where(ranks < round(p * H.shape[1]), 0, H / (1 - p))


def whole_rows(H, p, training, seed):
    mask = np.random.default_rng(seed).random((len(H), 1)) >= p
    return H * mask / (1 - p) if training else H


def by_the_share(H, p, training, seed):
    mask = np.random.default_rng(seed).random(H.shape) >= p
    return H * mask / mask.mean() if training else H


def dropout_with(**changed):
    return lambda H, p, training, seed: dropout(H, p, training, seed, **changed)


def dropout_gradient(G, kept, p):
    return G * kept / (1 - p)


def gradient_where(G, kept, p):
    G = G.copy()
    G[~kept] = 0
    return G / (1 - p)


table(
    "02c.1",
    lambda: {"dropout": dropout, "dropout_gradient": dropout_gradient},
    {
        "a mask": {},
        "loops": {"dropout": dropout_loops, "dropout_gradient": gradient_where},
        "binomial": {"dropout": dropout_binomial},
        "Keras's layer": {"dropout": dropout_keras},
        "the old generator": {"dropout": dropout_global, "dropout_gradient": lambda G, kept, p: np.where(kept, G / (1 - p), 0)},
        "float32": {
            "dropout": lambda *args: dropout(*args).astype("float32"),
            "dropout_gradient": lambda *args: dropout_gradient(*args).tolist(),
        },
    },
    [
        ("in-prediction", "always in training", {"dropout": lambda H, p, t, s: dropout(H, p, True, s)}),
        ("multiplied", "the form of 2014", {"dropout": dropout_old_form}),
        ("divided", "scaled in prediction too", {"dropout": lambda H, p, t, s: dropout(H, p, t, s) / (1 if t else 1 - p)}),
        ("not-scaled", "no scaling", {"dropout": dropout_with(scale=lambda p: 1)}),
        ("multiplied-by-kept", "times 1 - p", {"dropout": dropout_with(scale=lambda p: 1 - p)}),
        ("divided-by-p", "over p", {"dropout": dropout_with(scale=lambda p: 1 / p if p else 1)}),
        ("scaled-twice", "over (1 - p) squared", {"dropout": dropout_with(scale=lambda p: (1 - p) ** -2)}),
        ("keeps-p", "p is kept", {"dropout": dropout_with(keep=lambda r, p: r < p)}),
        ("wrong-share", "half of p", {"dropout": dropout_with(keep=lambda r, p: r >= p / 2)}),
        ("nothing-drops", "H as it is", {"dropout": lambda H, p, t, s: H}),
        ("same-for-all-samples", "a mask for the units", {"dropout": one_mask_for_all}),
        ("same-for-all-units", "a mask for the rows", {"dropout": whole_rows}),
        ("fixed-count", "as many in each row", {"dropout": as_many_in_each_row}),
        ("seed-unused", "always seed 0", {"dropout": lambda H, p, t, s: dropout(H, p, t, 0)}),
        ("not-seeded", "no seed", {"dropout": lambda H, p, t, s: dropout(H, p, t, None)}),
        ("share-drawn", "over the mean of the mask", {"dropout": by_the_share}),
        ("changes-input", "in place", {"dropout": dropout_in_place}),
        ("not-finite-in-training", "over the mask", {
            "dropout": lambda H, p, t, s: H / (np.random.default_rng(s).random(H.shape) >= p) / (1 - p) if t else H}),
        ("not-scaled", "gradient unscaled", {"dropout_gradient": lambda G, kept, p: G * kept}),
        ("mask-lost", "gradient without the mask", {"dropout_gradient": lambda G, kept, p: G / (1 - p)}),
        ("dropped-for-kept", "gradient of the others", {"dropout_gradient": lambda G, kept, p: G * (1 - kept) / (1 - p)}),
        ("divided-by-p", "gradient over p", {"dropout_gradient": lambda G, kept, p: G * kept / p}),
        ("multiplied-by-kept", "gradient times 1 - p", {"dropout_gradient": lambda G, kept, p: G * kept * (1 - p)}),
        ("unchanged", "gradient as it is", {"dropout_gradient": lambda G, kept, p: G}),
    ],
)  # fmt: skip


# --- 02c.2


def l1(W, strength):
    return strength * np.sum(np.abs(W)), strength * np.sign(W)


def l2(W, strength):
    return strength * np.sum(W**2), 2 * strength * W


def max_norm(W, largest):
    norms = np.linalg.norm(W, axis=0)
    return W * np.minimum(1, largest / np.maximum(norms, 1e-12))


def max_norm_loop(W, largest):
    W = W.copy()
    for j in range(W.shape[1]):
        norm = np.sqrt((W[:, j] ** 2).sum())
        if norm > largest:
            W[:, j] *= largest / norm
    return W


def max_norm_keras(W, largest):
    import keras

    return np.asarray(keras.constraints.MaxNorm(largest, axis=0)(W.astype("float32")))


def l1_tensorflow(W, strength):
    import tensorflow as tf

    W = tf.Variable(W)
    with tf.GradientTape() as tape:
        penalty = strength * tf.reduce_sum(tf.abs(W))
    return float(penalty), tape.gradient(penalty, W).numpy()


def l1_where(W, strength):
    return strength * np.abs(W).sum(), np.where(W > 0, strength, np.where(W < 0, -strength, 0))


def l2_dot(W, strength):
    flat = W.ravel()
    return [strength * float(flat @ flat), 2 * strength * W]


def l2_keras(W, strength):
    import keras

    return float(keras.regularizers.L2(strength)(W.astype("float32"))), 2 * strength * W


def weight_facts(W, small):
    return np.sum(np.abs(W) < small), np.max(np.abs(W))


def facts_sorted(W, small):
    sizes = sorted(abs(float(w)) for w in W.ravel())
    return sum(size < small for size in sizes), sizes[-1]


def no_guard(W, largest):
    norms = np.linalg.norm(W, axis=0)
    return W / norms * np.minimum(norms, largest)


def by(norm):
    return lambda W, c: W * np.minimum(1, c / np.maximum(norm(W), 1e-12))


table(
    "02c.2",
    lambda: {"l1": l1, "l2": l2, "max_norm": max_norm, "weight_facts": weight_facts},
    {
        "the formulas": {},
        "loops": {"max_norm": max_norm_loop, "weight_facts": facts_sorted},
        "a tape": {"l1": l1_tensorflow},
        "where and dot": {"l1": l1_where, "l2": l2_dot},
        "Keras's own": {"max_norm": max_norm_keras, "l2": l2_keras},
    },
    [
        ("averaged", "mean of |w|", {"l1": lambda W, s: (s * np.mean(np.abs(W)), s * np.sign(W))}),
        ("signs-cancel", "no |w|", {"l1": lambda W, s: (s * np.sum(W), s * np.sign(W))}),
        ("no-strength", "no strength", {"l1": lambda W, s: (np.sum(np.abs(W)), s * np.sign(W))}),
        ("sign-of-0", "never 0", {"l1": lambda W, s: (l1(W, s)[0], s * np.where(W < 0, -1, 1))}),
        ("no-strength", "gradient without strength", {"l1": lambda W, s: (l1(W, s)[0], np.sign(W))}),
        ("positive", "the gradient is strength", {"l1": lambda W, s: (l1(W, s)[0], s * np.abs(np.sign(W)))}),
        ("halved", "half", {"l2": lambda W, s: (s * np.sum(W**2) / 2, s * W)}),
        ("root", "the norm", {"l2": lambda W, s: (s * np.linalg.norm(W), 2 * s * W)}),
        ("not-doubled", "no 2", {"l2": lambda W, s: (s * np.sum(W**2), s * W)}),
        ("wrong-sign", "downhill", {"l2": lambda W, s: (s * np.sum(W**2), -2 * s * W)}),
        ("other-penalty", "exchanged", {"l1": l2, "l2": l1}),
        ("other-gradient", "the gradient of L1", {"l2": lambda W, s: (l2(W, s)[0], s * np.sign(W))}),
        ("the-penalty", "not differentiated", {"l2": lambda W, s: (s * np.sum(W**2), s * W**2)}),
        ("wrong-type", "no gradient", {"l1": lambda W, s: s * np.sum(np.abs(W))}),
        ("rows", "axis=1", {"max_norm": by(lambda W: np.linalg.norm(W, axis=1, keepdims=True))}),
        ("whole-matrix", "one norm", {"max_norm": by(np.linalg.norm)}),
        ("all-scaled", "all columns", {"max_norm": lambda W, c: W * c / np.maximum(np.linalg.norm(W, axis=0), 1e-12)}),
        ("clipped", "np.clip", {"max_norm": lambda W, c: np.clip(W, -c, c)}),
        ("divided-by-0", "a column of zeros", {"max_norm": no_guard}),
        ("no-root", "squares", {"max_norm": by(lambda W: np.sum(W**2, axis=0))}),
        ("sum-of-sizes", "sum of sizes", {"max_norm": by(lambda W: np.sum(np.abs(W), axis=0))}),
        ("unit-length", "to 1", {"max_norm": lambda W, c: np.where((n := np.linalg.norm(W, axis=0)) > c, W / np.maximum(n, 1e-9), W)}),
        ("unchanged", "not written", {"max_norm": lambda W, c: W}),
        ("swapped", "the other order", {"weight_facts": lambda W, small: weight_facts(W, small)[::-1]}),
        ("share", "a share", {"weight_facts": lambda W, small: (np.mean(np.abs(W) < small), np.abs(W).max())}),
        ("no-sizes", "no abs", {"weight_facts": lambda W, small: (np.sum(small > W), W.max())}),
        ("no-size", "no abs in the largest", {"weight_facts": lambda W, small: (np.sum(np.abs(W) < small), W.max())}),
        ("limit-counted", "at the limit", {"weight_facts": lambda W, small: (np.sum(np.abs(W) <= small), np.abs(W).max())}),
        ("negatives-count", "no abs in the count", {"weight_facts": lambda W, small: (np.sum(small > W), np.abs(W).max())}),
    ],
)  # fmt: skip


# --- 02c.3


def norm_train(X, gamma, beta, mean, var, momentum, epsilon):
    mu, s2 = X.mean(axis=0), X.var(axis=0)
    Y = gamma * (X - mu) / np.sqrt(s2 + epsilon) + beta
    return Y, momentum * mean + (1 - momentum) * mu, momentum * var + (1 - momentum) * s2


def norm_predict(X, gamma, beta, mean, var, epsilon):
    return gamma * (X - mean) / np.sqrt(var + epsilon) + beta


def norm_through_predict(X, gamma, beta, mean, var, momentum, epsilon):
    mu, s2 = np.mean(X, 0), np.mean((X - np.mean(X, 0)) ** 2, 0)
    mean = mean + (1 - momentum) * (mu - mean)
    var = var - (1 - momentum) * (var - s2)
    return [norm_predict(X, gamma, beta, mu, s2, epsilon), mean, var]


def predict_folded(X, gamma, beta, mean, var, epsilon):
    """Scale and shift put together."""
    scale = gamma * (var + epsilon) ** -0.5
    return X * scale + (beta - mean * scale)


def norm_columns(X, gamma, beta, mean, var, momentum, epsilon):
    Y, mean, var = np.empty_like(X), mean.copy(), var.copy()
    for j in range(X.shape[1]):
        mu, s2 = X[:, j].mean(), X[:, j].std() ** 2
        Y[:, j] = gamma[j] * (X[:, j] - mu) / (s2 + epsilon) ** 0.5 + beta[j]
        mean[j] = momentum * mean[j] + (1 - momentum) * mu
        var[j] = momentum * var[j] + (1 - momentum) * s2
    return Y, mean, var


def norm_keepdims(X, gamma, beta, mean, var, momentum, epsilon):
    mu, s2 = X.mean(axis=0, keepdims=True), X.var(axis=0, keepdims=True)
    Y = gamma[None] * (X - mu) / np.sqrt(s2 + epsilon) + beta[None]
    return Y, momentum * mean + (1 - momentum) * mu, momentum * var + (1 - momentum) * s2


def train_with(y=None, averages=None):
    """`norm_train` with another Y, or other averages."""

    def changed(X, gamma, beta, mean, var, momentum, epsilon):
        Y, new_mean, new_var = norm_train(X, gamma, beta, mean, var, momentum, epsilon)
        if y is not None:
            Y = y(X, gamma, beta, mean, var, epsilon)
        if averages is not None:
            new_mean, new_var = averages(X, mean, var, momentum)
        return Y, new_mean, new_var

    return changed


def averages_in_place(X, gamma, beta, mean, var, momentum, epsilon):
    Y = norm_train(X, gamma, beta, mean, var, momentum, epsilon)[0]
    mean *= momentum
    mean += (1 - momentum) * X.mean(axis=0)
    var *= momentum
    var += (1 - momentum) * X.var(axis=0)
    return Y, mean, var


def of_batch(X, gamma, beta, mean, var, epsilon, ddof=0, axis=0, root=0.5):
    mu, s2 = X.mean(axis=axis, keepdims=True), X.var(axis=axis, ddof=ddof, keepdims=True)
    return gamma * (X - mu) / (s2 + epsilon) ** root + beta


def changed_batch(**changed):
    return train_with(y=lambda *args: of_batch(*args, **changed))


table(
    "02c.3",
    lambda: {"norm_train": norm_train, "norm_predict": norm_predict},
    {
        "the formulas": {},
        "through norm_predict": {"norm_train": norm_through_predict},
        "folded": {"norm_predict": predict_folded},
        "column by column": {"norm_train": norm_columns},
        "keepdims": {"norm_train": norm_keepdims},
    },
    [
        ("running-averages", "prediction in training", {"norm_train": train_with(y=norm_predict)}),
        ("over-rows", "axis=1", {"norm_train": changed_batch(axis=1)}),
        ("whole-batch", "no axis", {"norm_train": changed_batch(axis=None)}),
        ("no-root", "no root", {"norm_train": changed_batch(root=1)}),
        ("unbiased", "ddof=1", {"norm_train": changed_batch(ddof=1)}),
        ("no-epsilon", "no epsilon", {"norm_train": train_with(y=lambda X, g, b, m, v, e: of_batch(X, g, b, m, v, 0))}),
        (
            "epsilon-outside",
            "epsilon after the root",
            {"norm_train": train_with(y=lambda X, g, b, m, v, e: g * (X - X.mean(0)) / (X.std(0) + e) + b)},
        ),
        ("no-gamma-beta", "only standardised", {"norm_train": train_with(y=lambda X, g, b, *r: of_batch(X, 1, 0, *r))}),
        ("exchanged", "gamma and beta", {"norm_train": train_with(y=lambda X, g, b, *r: of_batch(X, b, g, *r))}),
        (
            "momentum-exchanged",
            "the other momentum",
            {"norm_train": train_with(averages=lambda X, m, v, a: ((1 - a) * m + a * X.mean(0), (1 - a) * v + a * X.var(0)))},
        ),
        ("of-the-batch", "no averages", {"norm_train": train_with(averages=lambda X, m, v, a: (X.mean(0), X.var(0)))}),
        ("not-updated", "old averages", {"norm_train": train_with(averages=lambda X, m, v, a: (m, v))}),
        (
            "standard-deviation",
            "std for var",
            {"norm_train": train_with(averages=lambda X, m, v, a: (a * m + (1 - a) * X.mean(0), a * v + (1 - a) * X.std(0)))},
        ),
        (
            "no-weight",
            "added in full",
            {"norm_train": train_with(averages=lambda X, m, v, a: (a * m + X.mean(0), a * v + X.var(0)))},
        ),
        (
            "unbiased",
            "ddof=1 in the average",
            {"norm_train": train_with(averages=lambda X, m, v, a: (a * m + (1 - a) * X.mean(0), a * v + (1 - a) * X.var(0, ddof=1)))},
        ),
        ("swapped", "var, mean", {"norm_train": lambda *args: (norm_train(*args)[0], *norm_train(*args)[:0:-1])}),
        ("changes-input", "in place", {"norm_train": averages_in_place}),
        ("wrong-type", "only Y", {"norm_train": lambda *args: norm_train(*args)[0]}),
        ("of-the-batch", "the batch in prediction", {"norm_predict": of_batch}),
        ("no-root", "prediction without a root", {"norm_predict": lambda X, g, b, m, v, e: g * (X - m) / (v + e) + b}),
        ("no-epsilon", "prediction without epsilon", {"norm_predict": lambda X, g, b, m, v, e: g * (X - m) / np.sqrt(v) + b}),
        ("beta-scaled", "beta first", {"norm_predict": lambda X, g, b, m, v, e: g * ((X - m) / np.sqrt(v + e) + b)}),
        ("no-beta", "no beta", {"norm_predict": lambda X, g, b, m, v, e: g * (X - m) / np.sqrt(v + e)}),
        ("not-centred", "no mean", {"norm_predict": lambda X, g, b, m, v, e: g * X / np.sqrt(v + e) + b}),
    ],
)  # fmt: skip


# --- 02c.5


def small_network(start=0):
    import keras
    from keras import layers

    keras.utils.set_random_seed(start)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(16, activation="relu"), layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=["accuracy"])
    return model


def fit_with(watch, model, X, y, X_val, y_val, epochs):
    history = model.fit(
        X, y, validation_data=(X_val, y_val), epochs=epochs, batch_size=32, verbose=0, callbacks=[watch]
    )
    return history.history, watch.norms


def weight_norm(weights):
    return np.sqrt(sum(np.sum(w**2) for w in weights))


def enough(self, epoch, logs):
    return logs["val_accuracy"] >= self.target


@cache
def watch_class(
    stop=enough, norm=weight_norm, anew=True, when="on_epoch_end", where="model", of=lambda model: model.get_weights()
):
    """A class of callbacks in which one thing or the other is done differently."""
    import keras

    class Watch(keras.callbacks.Callback):
        def __init__(self, target):
            super().__init__()
            self.target, self.norms = target, []

        def on_train_begin(self, logs=None):
            if anew:
                self.norms = []

    def collect(self, epoch, logs=None):
        self.norms.append(float(norm(of(self.model))))

    def on_epoch_end(self, epoch, logs=None):
        if when == "on_epoch_end":
            collect(self, epoch)
        if stop(self, epoch, logs):
            (self.model if where == "model" else self).stop_training = True

    Watch.on_epoch_end = on_epoch_end
    if when != "on_epoch_end":
        setattr(Watch, when, collect)
    return Watch


@cache
def watch_with_memory(best=False):
    """Looks at the accuracy of the epoch before, or never looks."""
    import keras

    class Watch(keras.callbacks.Callback):
        def __init__(self, target):
            super().__init__()
            self.target, self.norms, self.last = target, [], 0

        def on_train_begin(self, logs=None):
            self.norms, self.last = [], 0

        def on_epoch_end(self, epoch, logs=None):
            self.norms += [weight_norm(self.model.get_weights())]
            if self.last >= self.target:
                self.model.stop_training = True
            self.last = logs["val_accuracy"]

    return Watch


@cache
def watch_subclass():
    """Collects into an array, and asks the layers for their weights."""
    import keras

    class Watch(keras.callbacks.Callback):
        def __init__(self, target, norms=()):
            super().__init__()
            self.target, self.norms = target, np.array(norms)

        def on_train_begin(self, logs=None):
            self.norms = np.zeros(0)

        def on_epoch_end(self, epoch, logs):
            total = 0.0
            for variable in self.model.weights:
                total += float(keras.ops.sum(variable**2))
            self.norms = np.append(self.norms, total**0.5)
            self.model.stop_training = bool(logs.get("val_accuracy", 0) >= self.target)

    return Watch


def kernels(model):
    return [w for w in model.get_weights() if w.ndim == 2]


def watch_that_stops_first():
    import keras

    class Watch(keras.callbacks.Callback):
        def __init__(self, target):
            super().__init__()
            self.target = target

        def on_train_begin(self, logs=None):
            self.norms = []

        def on_epoch_end(self, epoch, logs=None):
            if logs["val_accuracy"] >= self.target:
                self.model.stop_training = True
            else:
                self.norms.append(weight_norm(self.model.get_weights()))

    return Watch


def watching(**changed):
    return lambda: {"Watch": watch_class(**changed)}


table(
    "02c.5",
    lambda: {
        "weight_norm": weight_norm,
        "Watch": watch_class(),
        "fit_with": fit_with,
        "small_network": small_network,
    },
    {
        "a list": {},
        "an array of norms": lambda: {"Watch": watch_subclass()},
        "concatenated": {"weight_norm": lambda weights: np.linalg.norm(np.concatenate([np.ravel(w) for w in weights]))},
        "the norm of the norms": {"weight_norm": lambda weights: np.linalg.norm([np.linalg.norm(w) for w in weights])},
        "a loop over numbers": {"weight_norm": lambda weights: sum(float(x) ** 2 for w in weights for x in w.flat) ** 0.5},
        "a norm of its own in the callback": lambda: {"Watch": watch_class(norm=lambda weights: sum(float((w * w).sum()) for w in weights) ** 0.5)},
    },
    [
        ("no-root", "no root", {"weight_norm": lambda weights: sum(np.sum(w**2) for w in weights)}),
        ("sum-of-norms", "sum of norms", {"weight_norm": lambda weights: sum(np.linalg.norm(w) for w in weights)}),
        ("first-only", "the first array", {"weight_norm": lambda weights: np.linalg.norm(weights[0])}),
        ("signs-cancel", "a sum", {"weight_norm": lambda weights: sum(w.sum() for w in weights)}),
        ("matrices-only", "kernels alone", {"weight_norm": lambda weights: weight_norm([w for w in weights if w.ndim == 2])}),
        ("root-mean-square", "a mean", {"weight_norm": lambda weights: np.sqrt(np.mean(np.concatenate([w.ravel() for w in weights]) ** 2))}),
        ("kernels-alone", "no biases in the callback", watching(of=kernels)),
        ("before-the-epoch", "measured at the beginning", watching(when="on_epoch_begin")),
        ("every-batch", "measured after each batch", watching(when="on_train_batch_end")),
        ("old-list", "the list goes on", watching(anew=False)),
        ("nothing-collected", "never measured", watching(when="on_test_nothing")),
        ("never-stops", "the callback's own attribute", watching(where="self")),
        ("never-stops", "does not stop", watching(stop=lambda self, epoch, logs: False)),
        ("above-only", "above the target", watching(stop=lambda self, epoch, logs: logs["val_accuracy"] > self.target)),
        ("never-stops", "at the target alone", watching(stop=lambda self, epoch, logs: np.isclose(logs["val_accuracy"], self.target))),
        ("too-early", "near the target", watching(stop=lambda self, epoch, logs: logs["val_accuracy"] >= 0.8 * self.target)),
        ("training-accuracy|never-stops", "the training accuracy", watching(stop=lambda self, epoch, logs: logs["accuracy"] >= self.target)),
        ("stops-without-reason", "stops at once", watching(stop=lambda self, epoch, logs: True)),
        ("stops-without-reason", "below the target", watching(stop=lambda self, epoch, logs: logs["val_accuracy"] < self.target)),
        ("last-left-out", "stops before it measures", lambda: {"Watch": watch_that_stops_first()}),
        ("one-too-late", "the accuracy of the epoch before", lambda: {"Watch": watch_with_memory()}),
        ("no-callback", "a number", {"Watch": lambda target: 3}),
        ("raises", "an unknown metric", watching(stop=lambda self, epoch, logs: logs["valid_accuracy"] >= self.target)),
        ("wrong-norm", "measured by another formula", watching(norm=lambda weights: sum(np.abs(w).sum() for w in weights))),
    ],
)  # fmt: skip


# --- 02c.4


def sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def relu(z):
    return np.maximum(z, 0)


def leaky_relu(z, slope):
    return np.where(z > 0, z, slope * z)


def selu(z, scale=1.0507, alpha=1.67326, minus=1):
    return scale * np.where(z > 0, z, alpha * (np.exp(np.minimum(z, 0)) - minus))


def swish(z):
    return z * sigmoid(z)


def dead_units(H):
    return np.sum(np.all(H == 0, axis=0))


def each(function):
    """A function of one number, applied to every entry."""
    return lambda z: np.array([function(float(x)) for x in z.ravel()]).reshape(z.shape)


def keras_activation(name):
    def activation(z):
        import keras

        return np.asarray(getattr(keras.activations, name)(z.astype("float32")))

    return activation


def leaky_keras(z, slope):
    import keras

    return np.asarray(keras.layers.LeakyReLU(negative_slope=slope)(z.astype("float32")))


def selu_loop(x):
    return 1.0507 * x if x > 0 else 1.0507 * 1.67326 * np.expm1(x)


def dead_loop(H):
    count = 0
    for j in range(H.shape[1]):
        if not H[:, j].any():
            count += 1
    return count


def selu_overflows(z):
    return 1.0507 * ((z > 0) * z + (z <= 0) * 1.67326 * (np.exp(z) - 1))


table(
    "02c.4",
    lambda: {"relu": relu, "leaky_relu": leaky_relu, "selu": selu, "swish": swish, "dead_units": dead_units},
    {
        "where": {},
        "Keras's own": {
            "relu": keras_activation("relu"),
            "leaky_relu": leaky_keras,
            "selu": keras_activation("selu"),
            "swish": keras_activation("silu"),
        },
        "loops": {"relu": each(lambda x: max(x, 0.0)), "selu": each(selu_loop), "dead_units": dead_loop},
        "masks and tanh": {
            "relu": lambda z: z * (z > 0),
            "leaky_relu": lambda z, slope: np.maximum(z, slope * z),
            "swish": lambda z: z * (1 + np.tanh(z / 2)) / 2,
        },
        "more digits, and sums": {
            "selu": lambda z: selu(z, 1.0507009873554805, 1.6732632423543772),
            "leaky_relu": lambda z, slope: np.maximum(z, 0) + slope * np.minimum(z, 0),
            "dead_units": lambda H: int((H.max(axis=0) == 0).sum()),
        },
    },
    [
        ("absolute", "|z|", {"relu": np.abs}),
        ("wrong-side", "the other side", {"relu": lambda z: np.minimum(z, 0)}),
        ("step", "a step", {"relu": lambda z: (z > 0).astype(float)}),
        ("fixed-slope", "slope 0.01", {"leaky_relu": lambda z, slope: leaky_relu(z, 0.01)}),
        ("no-leak", "no leak", {"leaky_relu": lambda z, slope: relu(z)}),
        ("constant-leak", "the slope itself", {"leaky_relu": lambda z, slope: np.where(z > 0, z, slope)}),
        ("wrong-side", "the slope on the right", {"leaky_relu": lambda z, slope: np.where(z > 0, slope * z, z)}),
        ("elu", "ELU", {"selu": lambda z: selu(z, scale=1)}),
        ("no-alpha", "no alpha", {"selu": lambda z: selu(z, alpha=1)}),
        ("no-minus-1", "no minus 1", {"selu": lambda z: selu(z, minus=0)}),
        ("right-not-scaled", "a bracket too early", {"selu": lambda z: np.where(z > 0, z, selu(z))}),
        ("left-not-scaled", "scaled on the right alone", {"selu": lambda z: np.where(z > 0, 1.0507 * z, selu(z, scale=1))}),
        ("exchanged", "numbers exchanged", {"selu": lambda z: selu(z, 1.67326, 1.0507)}),
        ("overflows", "exp of 1000 times 0", {"selu": selu_overflows}),
        ("overflows", "exp in swish", {"swish": lambda z: z * np.exp(z) / (1 + np.exp(z))}),
        ("sigmoid-alone", "the sigmoid", {"swish": sigmoid}),
        ("softplus", "the softplus", {"swish": lambda z: np.logaddexp(0, z)}),
        ("relu", "a ReLU again", {"swish": relu}),
        ("zeros", "zeros counted", {"dead_units": lambda H: np.sum(H == 0)}),
        ("dead-units|zeros|share|nearly", "nearly always silent", {"dead_units": lambda H: np.sum(np.mean(H == 0, axis=0) > 0.95)}),
        ("rows", "samples counted", {"dead_units": lambda H: np.sum(np.all(H == 0, axis=1))}),
        ("any-row", "silent somewhere", {"dead_units": lambda H: np.sum(np.any(H == 0, axis=0))}),
        ("share", "a share", {"dead_units": lambda H: np.mean(np.all(H == 0, axis=0))}),
        ("nearly", "a small mean", {"dead_units": lambda H: np.sum(H.mean(axis=0) < 0.01)}),
        ("alive", "the living", {"dead_units": lambda H: np.sum(np.any(H > 0, axis=0))}),
    ],
)  # fmt: skip


# --- 02c.6


def log_uniform(low, high, n, seed):
    return np.exp(np.random.default_rng(seed).uniform(np.log(low), np.log(high), size=n))


def log_uniform_ratio(low, high, n, seed):
    return low * (high / low) ** np.random.default_rng(seed).random(n)


def log_uniform_scipy(low, high, n, seed):
    from scipy.stats import loguniform

    return loguniform(low, high).rvs(n, random_state=seed)


def log_uniform_loop(low, high, n, seed):
    import math
    import random

    draw = random.Random(seed)
    return [10 ** draw.uniform(math.log10(low), math.log10(high)) for _ in range(n)]


def grid_settings(rates, alphas):
    return [{"rate": rate, "alpha": alpha} for rate in rates for alpha in alphas]


def grid_sklearn(rates, alphas):
    from sklearn.model_selection import ParameterGrid

    return list(ParameterGrid({"rate": rates, "alpha": alphas}))


def grid_product(rates, alphas):
    from itertools import product

    return [dict(zip(("rate", "alpha"), pair)) for pair in product(rates, alphas)]


def paired(rates, alphas):
    return [{"rate": rate, "alpha": alpha} for rate, alpha in zip(rates, alphas)]


def random_settings(rate_range, alpha_range, n, seed, other=1, draw=log_uniform, order=1):
    return paired(draw(*rate_range, n, seed), draw(*alpha_range, n, seed + other)[::order])


def falling_alpha(rate_range, alpha_range, n, seed):
    rates, alphas = log_uniform(*rate_range, n, seed), log_uniform(*alpha_range, n, seed)
    return paired(rates, alpha_range[0] * alpha_range[1] / alphas)


def random_one_generator(rate_range, alpha_range, n, seed):
    rng = np.random.default_rng(seed)
    settings = []
    for _ in range(n):
        rate, alpha = (np.exp(rng.uniform(np.log(low), np.log(high))) for low, high in (rate_range, alpha_range))
        settings.append({"rate": rate, "alpha": alpha})
    return settings


def random_sklearn(rate_range, alpha_range, n, seed):
    from scipy.stats import loguniform
    from sklearn.model_selection import ParameterSampler

    return list(
        ParameterSampler({"rate": loguniform(*rate_range), "alpha": loguniform(*alpha_range)}, n, random_state=seed)
    )


def best_of(settings, scores):
    return settings[np.argmax(scores)]


def best_loop(settings, scores):
    best, highest = None, -1
    for setting, score in zip(settings, scores):
        if score > highest:
            best, highest = setting, score
    return best


def from_the_grid(rate_range, alpha_range, n, seed):
    rng = np.random.default_rng(seed)
    return paired(rng.choice(np.geomspace(*rate_range, 3), n), rng.choice(np.geomspace(*alpha_range, 3), n))


def uniform(low, high, n, seed):
    return np.random.default_rng(seed).uniform(low, high, size=n)


table(
    "02c.6",
    lambda: {
        "log_uniform": log_uniform,
        "grid_settings": grid_settings,
        "random_settings": random_settings,
        "best_of": best_of,
    },
    {
        "numpy": {},
        "scikit-learn and scipy": {
            "log_uniform": log_uniform_scipy,
            "grid_settings": grid_sklearn,
            "random_settings": random_sklearn,
        },
        "a ratio, a product, max": {
            "log_uniform": log_uniform_ratio,
            "grid_settings": grid_product,
            "best_of": lambda settings, scores: max(zip(scores, range(len(scores)), settings))[2],
        },
        "loops": {"log_uniform": log_uniform_loop, "best_of": best_loop},
        "one generator": {"random_settings": random_one_generator},
    },
    [
        ("uniform", "uniform", {"log_uniform": uniform}),
        ("logarithms", "no exponential", {"log_uniform": lambda a, b, n, s: uniform(np.log(a), np.log(b), n, s)}),
        ("logarithms", "logarithms to base 10", {"log_uniform": lambda a, b, n, s: uniform(np.log10(a), np.log10(b), n, s)}),
        ("two-bases", "log10 and exp", {"log_uniform": lambda a, b, n, s: np.exp(uniform(np.log10(a), np.log10(b), n, s))}),
        ("two-bases", "log and 10**", {"log_uniform": lambda a, b, n, s: 10 ** uniform(np.log(a), np.log(b), n, s)}),
        ("spaced", "geomspace", {"log_uniform": lambda a, b, n, s: np.geomspace(a, b, n)}),
        ("not-seeded", "no seed", {"log_uniform": lambda a, b, n, s: log_uniform(a, b, n, None)}),
        ("seed-unused", "always seed 0", {"log_uniform": lambda a, b, n, s: log_uniform(a, b, n, 0)}),
        ("one-number", "one number", {"log_uniform": lambda a, b, n, s: np.full(n, log_uniform(a, b, 1, s))}),
        ("in-parallel", "zip", {"grid_settings": paired}),
        ("exchanged", "exchanged", {"grid_settings": lambda r, a: grid_settings(a, r)}),
        ("no-settings", "pairs", {"grid_settings": lambda r, a: [(x, y) for x in r for y in a]}),
        ("no-settings", "other names", {"grid_settings": lambda r, a: [{"learning_rate": x, "alpha": y} for x in r for y in a]}),
        ("seed-unused", "alpha of seed 7", {"random_settings": lambda r, a, n, s: random_settings(r, a, n, s, other=7 - s)}),
        ("same-draws", "turned round", {"random_settings": lambda *args: random_settings(*args, other=0, order=-1)}),
        ("dependent", "alpha falls as the rate rises", {"random_settings": falling_alpha}),
        ("diagonal", "the same seed twice", {"random_settings": lambda *args: random_settings(*args, other=0)}),
        ("not-log-uniform", "uniform settings", {"random_settings": lambda *args: random_settings(*args, draw=uniform)}),
        ("few-values", "from a grid", {"random_settings": from_the_grid}),
        ("exchanged", "the ranges exchanged", {"random_settings": lambda r, a, n, s: random_settings(a, r, n, s)}),
        ("wrong-number", "n squared", {"random_settings": lambda r, a, n, s: random_settings(r, a, n * n, s)}),
        (
            "one-value",
            "one alpha",
            {"random_settings": lambda r, a, n, s: [{"rate": x, "alpha": 1e-4} for x in log_uniform(*r, n, s)]},
        ),
        (
            "fixed-ranges",
            "the ranges of the page",
            {"random_settings": lambda r, a, n, s: random_settings((1e-4, 1.0), (1e-6, 1e-2), n, s)},
        ),
        ("not-seeded", "settings without a seed", {"random_settings": lambda r, a, n, s: random_one_generator(r, a, n, None)}),
        ("seed-unused", "settings of seed 5", {"random_settings": lambda r, a, n, s: random_settings(r, a, n, 5)}),
        ("lowest", "argmin", {"best_of": lambda settings, scores: settings[np.argmin(scores)]}),
        ("the-index", "an index", {"best_of": lambda settings, scores: int(np.argmax(scores))}),
        ("no-setting", "an array", {"best_of": lambda settings, scores: np.zeros(3)}),
        ("best", "arrays for numbers", {"best_of": lambda settings, scores: {"rate": np.ones(3), "alpha": 0.0}}),
        ("the-score", "a score", {"best_of": lambda settings, scores: max(scores)}),
        ("with-the-score", "both", {"best_of": lambda settings, scores: (settings[np.argmax(scores)], max(scores))}),
        ("best", "the first", {"best_of": lambda settings, scores: settings[0]}),
    ],
)  # fmt: skip
