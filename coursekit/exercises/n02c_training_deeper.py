"""Checks of notebook 02c: training deeper networks."""

from contextlib import suppress
from functools import partial

import numpy as np
from scipy.special import expit
from scipy.stats import kstest

from coursekit.checks.codec import RemoteObject
from coursekit.checks.framework import Misconception, check_that, exercise, fail_if
from coursekit.checks.vocabulary.arrays import (
    as_array,
    call_array,
    call_arrays,
    check_array,
    first_failed,
    saying_not_finite,
    type_name,
)
from coursekit.checks.vocabulary.models import is_keras

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py. No check here asks for a number
# that depends on training.
MARGINS = {}


@exercise("02c.1")
def dropout_by_hand(student, rng):
    """Dropout in prediction; which entries fall out in training, and by what the others are scaled; the way back."""
    yield lambda: first_failed(_in_prediction(student, rng))
    yield lambda: _in_training(student, rng)
    yield lambda: first_failed(_backwards(student, rng))


def _in_prediction(student, rng):
    for shape, p in (((20, 6), 0.3), ((1, 9), 0.8), ((7, 1), 0.45)):
        H = rng.normal(1, 2, size=shape)
        given = call_array(student, "dropout", H, p, False, int(rng.integers(1000)), shape=shape)
        if not np.allclose(given, H) and (given == 0).any():
            yield check_that("in-prediction", False, 0.5)
        misconceptions = {"multiplied": H * (1 - p), "divided": H / (1 - p), "by-p": H * p}
        what = "`dropout` with `training=False`"
        yield check_array("in-prediction", what, given, H, misconceptions, 0.5, quantities={"p": p})


def _in_training(student, rng):
    def asked(H, p, seed):
        return call_array(student, "dropout", H, p, True, seed, shape=H.shape)

    drawn = [_judge_mask(asked, rng, shape, p) for shape, p in (((300, 40), 0.3), ((400, 25), 0.75), ((3000, 4), 0.1))]
    H = rng.normal(1, 2, size=(12, 30))
    fail_if(not np.allclose(asked(H, 0.0, 1), H), "p-is-0")
    first, again, others = asked(H, 0.5, 1), asked(H, 0.5, 1), [asked(H, 0.5, seed) for seed in (2, 3, 4)]
    fail_if(not np.allclose(first, again), "not-seeded")
    fail_if(all(np.allclose(first, other) for other in others), "seed-unused")
    return check_that("in-training", True, 1.5, shares=", ".join(f"{share:.1%}" for share in drawn))


def _judge_mask(asked, rng, shape, p):
    """Raises `Misconception` where not about the share `p` of the entries is 0, or the others are scaled wrongly."""
    H = rng.choice([-1, 1], size=shape) * rng.uniform(0.5, 3, size=shape)  # no entry is 0 already
    seed = int(rng.integers(1000))
    with saying_not_finite("not-finite-in-training"):
        given = asked(H, p, seed)
    out = given == 0
    share = out.mean()
    fail_if(share == 0 and np.allclose(given, H), "nothing-drops", p=p)
    fail_if(share == 1, "all-drop", p=p)
    fail_if(out.any(axis=1).all() and (out == out[:1]).all(), "same-for-all-samples")
    fail_if(out.any() and (out == out[:, :1]).all(), "same-for-all-units")
    counts = out.sum(axis=1)
    fail_if(np.ptp(counts) == 0 and counts[0] > 0, "fixed-count", count=counts[0])
    near = 6 * np.sqrt(p * (1 - p) / H.size)  # a right answer is farther off once in 500 million draws
    fail_if(abs(share - p) > near and abs(share - (1 - p)) <= near, "keeps-p", p=p, share=share)
    fail_if(abs(share - p) > near, "wrong-share", p=p, share=share)
    factors = (given / H)[~out]
    fail_if(np.ptp(factors) > 1e-3 * np.abs(factors).max(), "no-one-factor")
    factor, wanted = factors.mean(), 1 / (1 - p)
    for code, other in {
        "not-scaled": 1,
        "multiplied-by-kept": 1 - p,
        "divided-by-p": 1 / p,
        "multiplied-by-p": p,
        "scaled-by-root": wanted**0.5,
        "scaled-twice": wanted**2,
    }.items():
        fail_if(np.isclose(factor, other, rtol=1e-4), code, p=p, factor=factor)
    fail_if(np.isclose(factor, 1 / (1 - share), rtol=1e-6) and not np.isclose(factor, wanted, rtol=1e-5), "share-drawn")
    fail_if(not np.isclose(factor, wanted, rtol=1e-4), "wrong-factor", p=p, factor=factor, wanted=wanted)
    return share


def _backwards(student, rng):
    for shape, p in (((6, 5), 0.3), ((1, 8), 0.8), ((9, 3), 0.55)):
        G, kept = rng.normal(size=shape), rng.random(shape) >= p
        kept.flat[:2] = True, False
        given = call_array(student, "dropout_gradient", G, kept, p, shape=shape)
        misconceptions = {
            "not-scaled": G * kept,
            "mask-lost": G / (1 - p),
            "unchanged": G,
            "dropped-for-kept": G * ~kept / (1 - p),
            "multiplied-by-kept": G * kept * (1 - p),
            "divided-by-p": G * kept / p,
        }
        what, wanted, said = "`dropout_gradient`", G * kept / (1 - p), {"p": p}
        yield check_array("backwards", what, given, wanted, misconceptions, 1, fields=said, quantities=said)


@exercise("02c.2")
def small_weights(student, rng):
    """Both penalties and their gradients; the columns of max-norm; what is said of the weights."""
    for code in ("l1-penalty", "l1-gradient", "l2-penalty", "l2-gradient"):
        yield partial(first_failed, _penalties(student, rng, code, *code.split("-")))
    yield lambda: first_failed(_max_norm(student, rng))
    yield lambda: first_failed(_facts(student, rng))


def _penalties(student, rng, code, name, part):
    each, slope = {"l1": (np.abs, np.sign), "l2": (np.square, lambda W: 2 * W)}[name]
    for shape, strength in (((7,), 0.3), ((4, 5), 0.02), ((2, 3, 2), 1.7)):
        W = rng.normal(0, 2, size=shape)
        W.flat[1] = 0
        penalty, gradient = call_arrays(student, name, W, strength, like={"penalty": (), "gradient": shape})
        quantities = {"strength": strength, "the number of weights": W.size}
        if part == "penalty":
            total = np.sum(each(W))
            misconceptions = {
                "averaged": strength * np.mean(each(W)),
                "halved": strength * total / 2,
                "no-strength": total,
                "root": strength * np.sqrt(total),
                "signs-cancel": strength * np.sum(W),
                "other-penalty": strength * np.sum(np.square(W) if name == "l1" else np.abs(W)),
                "strength-squared": strength**2 * total,
            }
            given, wanted = penalty, strength * total
        else:
            misconceptions = {
                "not-doubled": strength * slope(W) / 2,
                "no-strength": slope(W),
                "wrong-sign": -strength * slope(W),
                "sign-of-0": strength * np.where(W >= 0, 1, -1),
                "the-penalty": strength * each(W),
                "positive": strength * np.abs(slope(W)),
                "averaged": strength * slope(W) / W.size,
                "other-gradient": strength * (2 * W if name == "l1" else np.sign(W)),
            }
            given, wanted = gradient, strength * slope(W)
        what = f"The {part} of `{name}`"
        yield check_array(code, what, given, wanted, misconceptions, 0.25, quantities=quantities)


def _max_norm(student, rng):
    for shape, largest in (((5, 4), 1.0), ((3, 6), 2.5), ((8, 2), 0.4)):
        W = rng.normal(size=shape)
        W = W / np.linalg.norm(W, axis=0) * largest * rng.uniform(1.2, 3, size=shape[1])
        W[:, 0] *= 0.2  # this column is within the limit
        yield _columns(student, W, largest)
    W[:, 1] = 0
    yield _columns(student, W, largest)


def _columns(student, W, largest):
    def shrunk(norms):
        return W * np.minimum(1, largest / np.maximum(norms, 1e-12))

    norms = np.linalg.norm(W, axis=0)
    with saying_not_finite("max-norm.divided-by-0"):
        given = call_array(student, "max_norm", W, largest, shape=W.shape)
    misconceptions = {
        "rows": shrunk(np.linalg.norm(W, axis=1, keepdims=True)),
        "whole-matrix": shrunk(np.linalg.norm(W)),
        "one-factor": shrunk(norms.max()),
        "all-scaled": W * largest / np.maximum(norms, 1e-12),
        "only-small-ones": W * np.maximum(1, largest / np.maximum(norms, 1e-12)),
        "clipped": np.clip(W, -largest, largest),
        "no-root": shrunk(norms**2),
        "sum-of-sizes": shrunk(np.abs(W).sum(axis=0)),
        "largest-entry": shrunk(np.abs(W).max(axis=0)),
        "unit-length": np.where(norms > largest, W / np.maximum(norms, 1e-12), W),
        "unchanged": W,
    }
    return check_array("max-norm", "`max_norm`", given, shrunk(norms), misconceptions, 1, fields={"largest": largest})


def _facts(student, rng):
    for shape, small in (((9, 6), 0.3), ((40, 1), 1.1), ((3, 5), 0.8)):
        W = rng.normal(size=shape)
        W.flat[0] = -np.abs(W).max() - 0.5  # the largest is negative
        W.flat[3], W.flat[5] = small, -small  # not below `small`
        n_small, size = np.sum(np.abs(W) < small), np.abs(W).max()
        given = call_arrays(student, "weight_facts", W, small, like={"count": (), "largest": ()})
        misconceptions = {
            "swapped": [size, n_small],
            "limit-counted": [np.sum(np.abs(W) <= small), size],
            "share": [n_small / W.size, size],
            "negatives-count": [np.sum(small > W), size],
            "no-size": [n_small, W.max()],
            "no-sizes": [np.sum(small > W), W.max()],
            "not-small": [np.sum(np.abs(W) >= small), size],
            "exact-zeros": [np.sum(W == 0), size],
            "signed": [n_small, W.flat[0]],
        }
        yield check_array("facts", "`weight_facts`", np.ravel(given), [n_small, size], misconceptions, 1,
                          names=("the number", "the largest"))  # fmt: skip


@exercise("02c.3")
def batch_normalisation(student, rng):
    """Batches of different sizes in training; the averages that it collects; the same layer in prediction."""
    yield lambda: first_failed(_normalised(student, rng))
    yield lambda: first_failed(_averages(student, rng))
    yield lambda: first_failed(_predicted(student, rng))


def _layer(rng, n, k):
    """A batch, and what the layer holds: gamma, beta, mean, var."""
    X = rng.normal(rng.normal(0, 3, size=k), rng.uniform(0.5, 3, size=k), size=(n, k))
    return X, rng.uniform(0.5, 2, size=k), rng.normal(size=k), rng.normal(size=k), rng.uniform(0.5, 2, size=k)


LAYERS = ((12, 3, 0.9, 1e-3), (5, 4, 0.6, 0.2), (40, 1, 0.99, 1e-5))


def _asked(student, X, gamma, beta, mean, var, momentum, epsilon):
    like = {"Y": X.shape, "mean": gamma.shape, "var": gamma.shape}
    return call_arrays(student, "norm_train", X, gamma, beta, mean, var, momentum, epsilon, like=like)


def _normalised(student, rng):
    for n, k, momentum, epsilon in LAYERS:
        X, gamma, beta, mean, var = _layer(rng, n, k)
        with saying_not_finite("norm-train.divided-by-0"):
            given, _, _ = _asked(student, X, gamma, beta, mean, var, momentum, epsilon)
        mu, s2 = X.mean(axis=0), X.var(axis=0)
        new_mean, new_var = momentum * mean + (1 - momentum) * mu, momentum * var + (1 - momentum) * s2
        centred = X - mu
        misconceptions = {
            **_misnormalised(X, gamma, beta, mu, s2, epsilon),
            "running-averages": gamma * (X - mean) / np.sqrt(var + epsilon) + beta,
            "new-averages": gamma * (X - new_mean) / np.sqrt(new_var + epsilon) + beta,
            "over-rows": ((X.T - X.mean(axis=1)) / np.sqrt(X.var(axis=1) + epsilon)).T * gamma + beta,
            "whole-batch": gamma * (X - X.mean()) / np.sqrt(X.var() + epsilon) + beta,
            "unbiased": gamma * centred / np.sqrt(s2 * n / (n - 1) + epsilon) + beta,
        }
        wanted = gamma * centred / np.sqrt(s2 + epsilon) + beta
        yield check_array("norm-train", "`Y` of `norm_train`", given, wanted, misconceptions, 1, rtol=1e-6)
    # A column in which all samples are the same.
    X[:, 0] = 3.0
    with saying_not_finite("norm-train.divided-by-0"):
        given, _, _ = _asked(student, X, gamma, beta, mean, var, momentum, epsilon)
    what = "`Y` of `norm_train`, where all samples are the same,"
    found = check_array("norm-train", what, given, np.tile(beta, (n, 1)), points=1)
    if not found.passed:
        yield found


def _misnormalised(X, gamma, beta, mean, var, epsilon):
    """What the usual mistakes make of the formula, with the right mean and variance."""
    centred, root = X - mean, np.sqrt(var + epsilon)
    return {
        "no-root": gamma * centred / (var + epsilon) + beta,
        "no-gamma-beta": centred / root,
        "no-gamma": centred / root + beta,
        "no-beta": gamma * centred / root,
        "exchanged": beta * centred / root + gamma,
        "beta-scaled": gamma * (centred / root + beta),
        "not-centred": gamma * X / root + beta,
        "no-epsilon": gamma * centred / np.sqrt(var) + beta,
        "epsilon-outside": gamma * centred / (np.sqrt(var) + epsilon) + beta,
    }


def _averages(student, rng):
    for n, k, momentum, epsilon in LAYERS:
        X, gamma, beta, mean, var = _layer(rng, n, k)
        _, *given = _asked(student, X, gamma, beta, mean, var, momentum, epsilon)
        mu, s2 = X.mean(axis=0), X.var(axis=0)

        def mixed(m, *batch, old=(mean, var)):
            return [m * kept + (1 - m) * seen for kept, seen in zip(old, batch, strict=True)]

        right = mixed(momentum, mu, s2)
        misconceptions = {
            "swapped": right[::-1],
            "momentum-exchanged": mixed(1 - momentum, mu, s2),
            "of-the-batch": [mu, s2],
            "not-updated": [mean, var],
            "standard-deviation": mixed(momentum, mu, np.sqrt(s2)),
            "unbiased": mixed(momentum, mu, s2 * n / (n - 1)),
            "epsilon-added": mixed(momentum, mu, s2 + epsilon),
            "no-weight": [momentum * mean + mu, momentum * var + s2],
            "of-the-output": mixed(momentum, beta, gamma**2 * s2 / (s2 + epsilon)),
            "only-the-mean": [right[0], var],
        }
        yield check_array("averages", "The pair of running averages", given, right, misconceptions, 1, rtol=1e-6,
                          names=("mean", "var"))  # fmt: skip


def _predicted(student, rng):
    for n, k, epsilon in ((6, 3, 1e-3), (1, 5, 0.2), (15, 2, 1e-5)):
        X, gamma, beta, mean, var = _layer(rng, n, k)
        with saying_not_finite("norm-predict.divided-by-0"):
            given = call_array(student, "norm_predict", X, gamma, beta, mean, var, epsilon, shape=X.shape)
        mu, s2 = X.mean(axis=0), X.var(axis=0)
        misconceptions = {
            "of-the-batch": gamma * (X - mu) / np.sqrt(s2 + epsilon) + beta,
            **_misnormalised(X, gamma, beta, mean, var, epsilon),
        }
        wanted = gamma * (X - mean) / np.sqrt(var + epsilon) + beta
        yield check_array("norm-predict", "`norm_predict`", given, wanted, misconceptions, 1, rtol=1e-6)


SELU_SCALE, SELU_ALPHA = 1.0507, 1.67326


def _selu(z, scale=SELU_SCALE, alpha=SELU_ALPHA, minus=1):
    return scale * np.where(z > 0, z, alpha * (np.exp(np.minimum(z, 0)) - minus))


@exercise("02c.4")
def activations(student, rng):
    """Four activations by values, also far out; the number of units that are dead."""
    for name, points in (("relu", 0.5), ("leaky_relu", 0.5), ("selu", 0.75), ("swish", 0.5)):
        yield partial(_activation, student, rng, name, points)
    yield lambda: first_failed(_dead(student, rng))


def _activation(student, rng, name, points):
    probes = [rng.normal(0, 2, size=(30,)), rng.normal(0, 1, size=(4, 7)), rng.normal(-1, 3, size=(2, 3, 2))]
    probes += [np.array([-1000.0, -50.0, 0.0, 50.0, 1000.0])]
    return first_failed(
        _values(student, name, points, z, slope) for z, slope in zip(probes, (0.1, 0.3, 0.02, 0.2), strict=True)
    )


def _values(student, name, points, z, slope):
    arguments = (z, slope) if name == "leaky_relu" else (z,)
    with saying_not_finite("overflows", which=name):
        given = call_array(student, name, *arguments, shape=z.shape)
    if name == "relu":
        wanted = np.maximum(z, 0)
        known = {
            "absolute": np.abs(z),
            "step": z > 0,
            "wrong-side": np.minimum(z, 0),
            "one-sided-down": -np.maximum(z, 0),
        }
    elif name == "leaky_relu":
        wanted = np.where(z > 0, z, slope * z)
        known = {
            "fixed-slope": np.where(z > 0, z, 0.01 * z),
            "fixed-tenth": np.where(z > 0, z, 0.1 * z),
            "no-leak": np.maximum(z, 0),
            "constant-leak": np.where(z > 0, z, slope),
            "wrong-side": np.where(z > 0, slope * z, z),
            "leak-upwards": np.where(z > 0, z, -slope * z),
        }
    elif name == "selu":
        wanted = _selu(z)
        known = {
            "elu": _selu(z, scale=1.0),
            "no-alpha": _selu(z, alpha=1.0),
            "no-minus-1": _selu(z, minus=0),
            "right-not-scaled": np.where(z > 0, z, _selu(z)),
            "left-not-scaled": np.where(z > 0, SELU_SCALE * z, _selu(z, scale=1.0)),
            "exchanged": _selu(z, scale=SELU_ALPHA, alpha=SELU_SCALE),
            "wrong-side": _selu(-z),
            "left-upwards": np.where(z > 0, SELU_SCALE * z, -_selu(z)),
        }
    else:
        wanted = z * expit(z)
        known = {
            "sigmoid-alone": expit(z),
            "slope-of-sigmoid": expit(z) * (1 - expit(z)),
            "softplus": np.logaddexp(0, z),
            "tanh": z * np.tanh(z),
            "wrong-side": z * expit(-z),
            "relu": np.maximum(z, 0),
        }
    advice = "Compare with the formula at z = -1 and z = 2."
    # Keras has the numbers of SELU to more digits.
    code, fields = name.replace("_", "-"), {"slope": slope}
    return check_array(code, f"`{name}`", given, wanted, known, points, advice, fields=fields, quantities=fields)


def _dead(student, rng):
    for n, k, n_dead in ((30, 12, 5), (8, 6, 0), (50, 9, 9), (1, 7, 3)):
        H = np.maximum(0, rng.normal(0.3, 1, size=(n, k)))
        for j in range(k):
            H[rng.integers(n), j] = rng.uniform(0.1, 2)
        dead, rest = np.split(rng.permutation(k), [n_dead])
        H[:, dead] = 0
        for j in rest[:1]:  # a unit that hardly ever speaks, and softly, is not dead
            H[:, j] = 0
            H[rng.integers(n), j] = 1e-5
        silent = int(np.sum(np.all(H == 0, axis=0)))
        given = call_array(student, "dead_units", H)
        known = {
            "zeros": np.sum(H == 0),
            "rows": np.sum(np.all(H == 0, axis=1)),
            "any-row": np.sum(np.any(H == 0, axis=0)),
            "alive": k - silent,
            "share": silent / k,
            "per-cent": 100 * silent / k,
            "nearly": np.sum(H.max(axis=0) < 1e-3),
        }
        yield check_array("dead-units", "`dead_units`", given, silent, known, 0.75, fields={"k": k, "n": n})


@exercise("02c.5")
def own_callback(student, rng):
    """The norm by values; the callback in runs of `fit`: what it collects, when it begins anew, when it stops."""
    yield first_failed(_norms(student, rng))
    watch, model = student.call("Watch", 2.0), student.call("small_network", int(rng.integers(1000)))
    fail_if(not isinstance(watch, RemoteObject), "no-callback", seen=type_name(watch))
    fail_if(not is_keras(student, model), "fit-with-changed")
    X, y, X_val, y_val = *_points(rng, 64), *_points(rng, 96)
    free = _collected(student, watch, model, (X, y, X_val, y_val), 6)  # no accuracy reaches 2
    again = _collected(student, watch, model, (X, y, X_val, y_val), 1, used=True)
    fail_if(free[-1] == again[-1], "same-norm")
    yield check_that("collects", True, 1)
    # Of two equal points with both labels every network has one right, so this accuracy is exactly 1/2.
    pairs = np.repeat(X_val, 2, axis=0), np.tile(np.float32([0, 1]), len(X_val))
    metrics, _ = _fit(student, student.call("Watch", 0.5), model, (X, 1 - y, *pairs), 5)
    ran = len(metrics["val_accuracy"])
    fail_if(ran == 2, "one-too-late", target=0.5, wanted=1)
    # With the labels exchanged the network learns anew, and comes to the target after some epochs; never to it exactly.
    epoch = _refuse_other_stop(student, model, (X, 1 - y, X_val, 1 - y_val), 0.4, 40)
    fail_if(ran > 1, "above-only", target=0.5, wanted=1)
    yield check_that("stops", True, 1, epoch=epoch, target=0.4)


def _norms(student, rng):
    for shapes in (((2, 16), (16,), (16, 1), (1,)), ((3,),), ((4, 2), (5, 1, 3), (2,), (2, 2))):
        weights = [rng.normal(0, 2, size=shape) for shape in shapes]
        norms = [np.linalg.norm(w) for w in weights]
        every = np.concatenate([w.ravel() for w in weights])
        right = np.linalg.norm(every)
        misconceptions = {
            "no-root": right**2,
            "sum-of-norms": sum(norms),
            "root-mean-square": np.sqrt(np.mean(every**2)),
            "sum-of-sizes": np.abs(every).sum(),
            "signs-cancel": every.sum(),
            "first-only": norms[0],
            "last-only": norms[-1],
            "matrices-only": np.sqrt(sum(norm**2 for norm, w in zip(norms, weights, strict=True) if w.ndim == 2)),
            "mean-of-norms": np.mean(norms),
        }
        given = call_array(student, "weight_norm", weights)
        yield check_array("weight-norm", "`weight_norm`", given, right, misconceptions, 1)


def _points(rng, n):
    """Two clouds: a network learns them within some epochs."""
    y = np.arange(n) % 2
    return (rng.normal(0, 0.8, size=(n, 2)) + y[:, None]).astype("float32"), y.astype("float32")


def _fit(student, watch, model, data, epochs):
    """What each epoch's metrics were, and the norms that the callback has collected."""
    given = student.call("fit_with", watch, model, *data, epochs)
    pair = isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[0], dict)
    fail_if(not pair or "val_accuracy" not in given[0], "fit-with-changed")
    metrics = {name: as_array(values, f"`{name}`", shape=(None,)) for name, values in given[0].items()}
    fail_if(given[1] is None or isinstance(given[1], RemoteObject), "norms-no-list", seen=type_name(given[1]))
    return metrics, as_array(given[1], "`norms`", shape=(None,) if np.ndim(given[1]) else None)


def _collected(student, watch, model, data, epochs, used=False):
    """The norms of a run. Raises `Misconception` where the callback has not collected what it should."""
    before = _norm_of(student, model)
    metrics, norms = _fit(student, watch, model, data, epochs)
    ran, said = len(metrics["val_accuracy"]), {"n": norms.size, "epochs": epochs}
    fail_if(ran < epochs, "stops-without-reason", ran=ran, epochs=epochs)
    fail_if(norms.size == 0, "nothing-collected", epochs=epochs)
    fail_if(used and norms.size > epochs, "old-list", **said)
    fail_if(norms.size == 2 * epochs, "every-batch", **said)
    fail_if(norms.size != epochs, "wrong-number", **said)
    fail_if(np.isclose(norms[0], before, rtol=1e-6), "before-the-epoch")
    fail_if(np.isclose(norms[-1], _norm_of(student, model, kernels=True), rtol=1e-6), "kernels-alone")
    after = _norm_of(student, model)
    fail_if(not np.isclose(norms[-1], after, rtol=1e-4), "wrong-norm", given=norms[-1], wanted=after)
    fail_if(epochs > 1 and np.ptp(norms) == 0, "same-norm")
    return norms


def _norm_of(student, model, kernels=False):
    arrays = [w for layer in student.weights(model) for w in layer if w.ndim == 2 or not kernels]
    return np.sqrt(sum(np.sum(np.square(w, dtype=float)) for w in arrays))


def _refuse_other_stop(student, model, data, target, epochs):
    """The epoch after which a run stops, the first that reaches the target.

    Raises `Misconception` where it stops after another one, or leaves out that epoch's norm.
    """
    metrics, norms = _fit(student, student.call("Watch", target), model, data, epochs)
    ran, reached = len(metrics["val_accuracy"]), metrics["val_accuracy"] >= target
    wanted = 1 + int(np.argmax(reached))
    if ran != wanted if reached.any() else ran < epochs:
        said = {"target": target, "ran": ran, "epochs": epochs, "wanted": wanted}
        fail_if(ran == epochs, "never-stops", **said)
        by_training = metrics["accuracy"] >= target
        fail_if(by_training.any() and np.argmax(by_training) == ran - 1, "training-accuracy", **said)
        raise Misconception("wrong-epoch" if reached.any() else "too-early", **said)
    fail_if(norms.size != ran, "last-left-out", n=norms.size, ran=ran)
    return ran


@exercise("02c.6")
def random_search(student, rng):
    """The distribution of the draws; every pair of the grid; two independent draws; the best of a list."""
    yield lambda: _log_uniform(student, rng)
    yield lambda: first_failed(_grid(student, rng))
    yield lambda: _random_settings(student, rng)
    yield lambda: first_failed(_best(student, rng))


RANGES = ((1e-3, 1e-1), (0.5, 200.0), (1e-8, 1e-2))


def _place(values, low, high):
    """Where values lie between two limits, on a logarithmic scale: 0 at the lower, 1 at the upper."""
    return np.log(np.asarray(values) / low) / np.log(high / low)


def _uniform(shares):
    """Whether numbers look as if they were uniform between 0 and 1; true ones fail once in ten million draws."""
    return kstest(shares, "uniform").pvalue > 1e-7


def _log_uniform(student, rng):
    for low, high in RANGES:
        given = call_array(student, "log_uniform", low, high, 2000, int(rng.integers(1000)), shape=(2000,))
        said = {"low": low, "high": high, "least": given.min(), "most": given.max()}
        fail_if(np.ptp(given) == 0, "log-uniform.one-number", **said)
        _explain_draws(given, low, high, said)
    for n in (1, 5, 40):
        seed = int(rng.integers(1000))
        first, again = (call_array(student, "log_uniform", 0.01, 1.0, n, seed, shape=(n,)) for _ in range(2))
        fail_if(not np.allclose(first, again), "log-uniform.not-seeded")
    others = [call_array(student, "log_uniform", 0.01, 1.0, 40, seed, shape=(40,)) for seed in (1, 2, 3)]
    fail_if(all(np.allclose(other, others[0]) for other in others), "log-uniform.seed-unused")
    return check_that("log-uniform", True, 1)


def _explain_draws(given, low, high, said):
    if given.min() >= low * (1 - 1e-9) and given.max() <= high * (1 + 1e-9):
        place = _place(given, low, high)
        if not _uniform(place):
            fail_if(_uniform((given - low) / (high - low)), "log-uniform.uniform", **said)
            fail_if(np.allclose(np.diff(np.sort(place)), 1 / (len(place) - 1), rtol=1e-3), "log-uniform.spaced", **said)
            raise Misconception("log-uniform.other-distribution", **said)
        fail_if((np.diff(given) >= 0).all() and np.ptp(np.diff(place)) < 1e-6, "log-uniform.spaced", **said)
        return
    for base in (np.e, 10.0, 2.0):
        a, b = np.log(low) / np.log(base), np.log(high) / np.log(base)
        inside = given.min() >= a - 1e-9 and given.max() <= b + 1e-9
        fail_if(inside and _uniform((given - a) / (b - a)), "log-uniform.logarithms", **said)
    bases = [(into, back) for into in (np.e, 10.0, 2.0) for back in (np.e, 10.0, 2.0) if into != back]
    for into, back in bases:
        with np.errstate(all="ignore"):
            undone = into ** (np.log(given) / np.log(back))  # had the two bases been one
        fail_if((undone >= low * 0.999).all() and (undone <= high * 1.001).all(), "log-uniform.two-bases", **said)
    raise Misconception("log-uniform.outside", **said)


def _settings(student, name, *args):
    """What a function gives, as two arrays: rates and alphas."""
    given = student.call(name, *args)
    listed = isinstance(given, list | tuple) and len(given) > 0
    keyed = listed and all(isinstance(one, dict) and set(one) == {"rate", "alpha"} for one in given)
    seen = type_name(given) if not listed else f"list of {type_name(given[0])}"
    if listed and isinstance(given[0], dict):
        seen = f"list of dicts with the keys {', '.join(map(str, given[0]))}"
    fail_if(given is None, "none-returned", name=name)
    fail_if(not keyed, "no-settings", name=name, seen=seen[:120])
    return [as_array([one[key] for one in given], f"`{key}`, as `{name}` gives it,", shape=(len(given),))
            for key in ("rate", "alpha")]  # fmt: skip


def _grid(student, rng):
    for n_rates, n_alphas in ((3, 4), (5, 2), (1, 3)):
        rates, alphas = (np.round(rng.uniform(0.001, 1, size=n), 4).tolist() for n in (n_rates, n_alphas))
        given = sorted(zip(*_settings(student, "grid_settings", rates, alphas), strict=True))
        wanted = sorted((rate, alpha) for rate in rates for alpha in alphas)
        said = {"n": len(given), "wanted": len(wanted), "n_rates": n_rates, "n_alphas": n_alphas}
        fail_if(given == sorted((alpha, rate) for rate, alpha in wanted), "grid.exchanged")
        fail_if(len(given) == min(n_rates, n_alphas) < len(wanted), "grid.in-parallel", **said)
        fail_if(set(given) == set(wanted) and len(given) > len(wanted), "grid.twice", **said)
        fail_if(len(given) != len(wanted), "grid.wrong-number", **said)
        yield check_that("grid", np.allclose(given, wanted), 0.5, **said)


def _random_settings(student, rng):
    places, ranges = [], ((1e-4, 1.0), (1e-6, 1e-2))
    for n, both in ((1, RANGES[:2]), (6, RANGES[:2]), (400, ranges)):
        rates, alphas = _settings(student, "random_settings", *both, n, int(rng.integers(1000)))
        fail_if(len(rates) != n, "random.wrong-number", n=len(rates), wanted=n)
    for key, values, (low, high) in (("rate", rates, ranges[0]), ("alpha", alphas, ranges[1])):
        said = {"key": key, "low": low, "high": high, "least": values.min(), "most": values.max()}
        fail_if(np.ptp(values) == 0, "random.one-value", **said)
        other = ranges[1] if key == "rate" else ranges[0]
        place = _place(np.maximum(values, 1e-300), low, high)
        if place.min() < -1e-9 or place.max() > 1 + 1e-9:
            swapped = values.min() >= other[0] * (1 - 1e-9) and values.max() <= other[1] * (1 + 1e-9)
            raise Misconception("random.exchanged" if swapped else "random.outside", **said)
        fail_if(len(np.unique(values)) < 100, "random.few-values", **said, n_values=len(np.unique(values)))
        fail_if(not _uniform(place), "random.not-log-uniform", **said)
        places.append(place)
    fail_if(np.corrcoef(*places)[0, 1] > 0.999, "random.diagonal")
    fail_if(np.allclose(*map(np.sort, places), atol=1e-9), "random.same-draws")
    fail_if(abs(np.corrcoef(*places)[0, 1]) > 0.35, "random.dependent")
    for n, (rate_range, alpha_range) in ((1, (RANGES[0], RANGES[2])), (7, (RANGES[2], RANGES[1]))):
        one, two, other = (_settings(student, "random_settings", rate_range, alpha_range, n, s) for s in (3, 3, 4))
        for values, (low, high) in zip(one, (rate_range, alpha_range), strict=True):
            place = _place(np.maximum(values, 1e-300), low, high)
            fail_if(place.min() < -1e-9 or place.max() > 1 + 1e-9, "random.fixed-ranges")
        fail_if(not np.allclose(one, two), "random.not-seeded")
        for key, values, others in zip(("rate", "alpha"), one, other, strict=True):
            fail_if(np.allclose(values, others, atol=0), "random.seed-unused", key=key)
    return check_that("random", True, 1)


def _best(student, rng):
    for n in (5, 9, 30):
        settings = [{"rate": float(rate), "alpha": float(alpha)} for rate, alpha in rng.uniform(size=(n, 2))]
        scores = rng.uniform(0.5, 1, size=n)
        place, lowest = rng.permutation(np.arange(1, n - 1))[:2].tolist()
        scores[place], scores[lowest] = 1.01, 0.4
        scores = scores.tolist()
        given = student.call("best_of", settings, scores)
        said = {"place": place, "n": n}
        if isinstance(given, tuple | list) and len(given) == 2 and any(_equal(part, settings[place]) for part in given):
            raise Misconception("best.with-the-score")
        fail_if(_equal(given, place), "best.the-index", **said)
        fail_if(_equal(given, max(scores)), "best.the-score")
        fail_if(given is None, "none-returned", name="best_of")
        fail_if(not isinstance(given, dict), "best.no-setting", seen=type_name(given))
        fail_if(_equal(given, settings[lowest]), "best.lowest")
        yield check_that("best", _equal(given, settings[place]), 0.5, **said)


def _equal(given, wanted):
    with suppress(ValueError):  # == of arrays, also of those in a dict, is no single answer
        return bool(given == wanted)
    return False
