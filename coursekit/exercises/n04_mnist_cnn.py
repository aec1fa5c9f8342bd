"""Checks of notebook 04: digits and convolutions."""

from functools import partial
from itertools import product

import numpy as np
from scipy.special import expit, softmax
from sklearn.metrics import confusion_matrix

from coursekit.checks.codec import RemoteObject
from coursekit.checks.framework import Misconception, check_that, exercise, fail_if, say, threshold
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import as_array, call_array, check_array, first_failed, type_name
from coursekit.checks.vocabulary.metrics import check_metric
from coursekit.checks.vocabulary.models import as_class_probabilities, layer_configs, predictions
from coursekit.checks.vocabulary.relations import describe_relation
from coursekit.data import make_digit_pairs
from coursekit.exercises.digits import (
    as_input,
    explain_unread,
    noisy,
    predict_pictures,
    refuse_learned_test_digits,
    require_class_probabilities,
    test_digits,
    train_digits,
)

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py.
MARGINS = {
    "04.1": {"accuracy": -0.015},
    "04.4": {"accuracy": -0.015},
    "04.5": {"label_accuracy": -0.02},
    "04.6": {"dense_at_4": 0.05},
}


def digit_scores(student, name, x):
    """Scores of the ten digits, shape (n, 10), whichever shape of input the model takes."""
    scores = predict_pictures(student, name, x)
    if scores.shape[1] == 1:  # labels
        return np.eye(10)[np.clip(np.rint(scores[:, 0]), 0, 9).astype(int)]
    fail_if(scores.shape[1] != 10, "wrong-shape", name=name, columns=scores.shape[1])
    return scores


def share_read(student, name, images, labels):
    return np.mean(digit_scores(student, name, as_input(images)).argmax(axis=1) == labels)


def digit_accuracy(student, name, images, labels):
    """The share read right; raises `Misconception` where the answers are no probabilities, or where a known cause keeps it small."""

    x, y, scores_of = as_input(images[:1000]), labels[:1000], partial(digit_scores, student, name)
    require_class_probabilities(student, name, scores_of, x, y, 10)
    accuracy = share_read(student, name, images, labels)
    if accuracy < 0.9:
        explain_unread(student, name, scores_of, x, y)
    return accuracy


def refuse_test_digits(student, name, unseen, starts=(7, 6)):
    """The share of training digits read; raises `Misconception` where `unseen`, the share of test digits, is larger.

    The digits in odd places are the easier half: an honest network may read test digits better than both, but not than these.
    """
    shares = [share_read(student, name, *(part[start::12] for part in train_digits())) for start in starts]
    seen = np.mean(shares)
    refuse_learned_test_digits(name, seen, unseen, "Train on `x_train`, `y_train`.", room=0.003 + shares[0] - seen)
    return seen


@exercise("04.1")
def dense_baseline(student, rng):
    """Accuracy on noisy test digits, the size, and that it is not linear."""
    images, labels = noisy(rng, *test_digits())
    accuracy = digit_accuracy(student, "dense", images, labels)
    count = student.describe("dense")["n_params"]
    fail_if(_is_linear(student, "dense", images[:50]), "linear-model", accuracy=accuracy)
    _refuse_straight_layer(student)
    seen = refuse_test_digits(student, "dense", share_read(student, "dense", *test_digits()))
    yield check_that("size", count in (None, 55050), 1, count=count)
    yield check_metric("04.1", "accuracy", accuracy, seen=seen)


def _refuse_straight_layer(student):
    """Raises `Misconception` where one of two hidden layers is without ReLU, in a network whose layers tell it."""
    config = student.config("dense")
    # The configuration lists functions that stand between the layers too; a class of the student's own has none.
    listed = config.get("config", {}).get("layers", []) if isinstance(config, dict) else []
    hidden = [layer["activation"] for layer in student.layers("dense") if layer["class"] == "Dense"][:-1]
    plain = {"InputLayer", "Flatten", "Reshape", "Rescaling", "Dropout", "Dense", "Softmax"}
    if listed and all(layer["class_name"] in plain for layer in listed):
        for place, activation in enumerate(hidden, start=1):
            fail_if(activation in (None, "linear"), "linear-layer", place=place)
            fail_if(activation != "relu", "other-activation", place=place, activation=activation)


def _is_linear(student, name, images):
    """Whether the scores before the softmax are one linear map of the pixels.

    Between two digits, a linear map of their mean is the mean of its values. A softmax takes the same number from the
    logarithms of all ten probabilities, so what is compared may differ by one number a row.
    """
    x = as_input(images)
    first, second = x[: len(x) // 2], x[len(x) // 2 :]
    scores = [digit_scores(student, name, part) for part in (first, second, (first + second) / 2)]
    readable = np.ones(scores[0].shape, bool)
    if min(part.min() for part in scores) >= 0:  # probabilities; float32 says nothing of the smallest
        readable = np.min(scores, axis=0) > 1e-6
        scores = [np.log(np.maximum(part, 1e-6)) for part in scores]
    apart = scores[2] - (scores[0] + scores[1]) / 2
    spread = np.where(readable, apart, -np.inf).max(axis=1) - np.where(readable, apart, np.inf).min(axis=1)
    spread = spread[readable.sum(axis=1) > 1]
    # Rounding leaves about 1e-4; a network with ReLU is off by about one.
    return len(spread) > 0 and np.median(spread) < 0.01


@exercise("04.2")
def by_hand(student, rng):
    """Each function against its definition on random pictures; the usual misconceptions by name."""
    yield lambda: first_failed(_padded(student, rng))
    yield lambda: first_failed(_convolved(student, rng))
    yield lambda: first_failed(_pooled(student, rng))


def _padded(student, rng):
    for height, width, p in ((9, 7, 2), (5, 8, 1), (6, 4, 3)):
        image = rng.normal(size=(height, width))
        given = call_array(student, "pad", image, p, shape=(height + 2 * p, width + 2 * p))
        wanted = np.pad(image, p)
        misconceptions = {"not-zero": np.where(wanted == 0, given, wanted)}
        advice = "The picture stands in the middle, zeros around it."
        yield check_array("pad", "`pad`", given, wanted, misconceptions, 0.5, advice, rtol=1e-6)


def _convolved(student, rng):
    for height, width, k in ((9, 7, 3), (6, 8, 2), (7, 9, 5), (4, 5, 1)):
        image, kernel = rng.normal(size=(height, width)), rng.normal(size=(k, k))
        patches = np.lib.stride_tricks.sliding_window_view(image, (k, k))
        with_kernel = partial(np.einsum, "ijkl,kl->ij", patches)
        given = call_array(student, "convolve", image, kernel, shape=patches.shape[:2])
        misconceptions = {
            "flipped-kernel": with_kernel(kernel[::-1, ::-1]),
            "half-flipped": with_kernel(kernel[::-1]),
            "transposed": with_kernel(kernel.T),
            "no-kernel": patches.sum(axis=(2, 3)),
            "matrix-product": (patches @ kernel).sum(axis=(2, 3)),
            "kernel-cut": with_kernel(kernel * (np.arange(k) < k - 1)[:, None]),
            "kernel-cut-column": with_kernel(kernel * (np.arange(k) < k - 1)),
            "relu": np.maximum(with_kernel(kernel), 0),
        }
        steps = {"the largest product of each patch": (patches * kernel).max(axis=(2, 3))}
        quantities = {"k * k": k * k, "k": k, "the kernel's sum": kernel.sum()}
        related = {"quantities": quantities, "steps": steps}
        what, advice = "`convolve`", f"This was a kernel of {k} by {k}. At each place it is sum(patch * kernel)."
        yield check_array("convolve", what, given, with_kernel(kernel), misconceptions, 1.5, advice, 1e-5, **related)


def _pooled(student, rng):
    drawn = [(rng.normal(size=shape), size) for *shape, size in ((9, 7, 2), (9, 8, 3), (5, 6, 1), (9, 10, 4))]
    below_zero = -np.abs(rng.normal(size=(8, 6)))
    for image, size in [*drawn, (below_zero, 2)]:
        h, w = image.shape[0] // size, image.shape[1] // size
        given = as_array(student.call("max_pool", image, size), "What `max_pool` returns")
        if given.shape != (h, w) and given.shape == (-(-image.shape[0] // size), -(-image.shape[1] // size)):
            raise Misconception("keeps-the-rest", shape=image.shape, size=size, given=given.shape)
        given = call_array(student, "max_pool", image, size, shape=(h, w))
        blocks = image[: h * size, : w * size].reshape(h, size, w, size)
        wanted = blocks.max(axis=(1, 3))
        misconceptions = {
            "mean-pool": blocks.mean(axis=(1, 3)),
            "strided": blocks[:, 0, :, 0],
            "starts-from-zero": np.maximum(wanted, 0),
            "absolute": np.abs(blocks).max(axis=(1, 3)),
        }
        steps = {
            "the smallest of each block": blocks.min(axis=(1, 3)),
            "the sum of each block": blocks.sum(axis=(1, 3)),
            "the last value of each block": blocks[:, -1, :, -1],
            "the middle value of each block": np.median(blocks, axis=(1, 3)),
        }
        advice = f"These were blocks of {size} by {size}. Take the largest value of each."
        yield check_array("max-pool", "`max_pool`", given, wanted, misconceptions, 1, advice, 1e-6, steps=steps)


LECTURE_COUNTS = (80, 0, 0, 21648, 170)

# What a layer's count may have been by mistake: the layer -> the mistake -> its count.
MISCOUNTED = {
    "convolution": {"no-biases": 72, "one-bias": 73, "one-kernel": 10, "bare": 9, "not-shared": 54080, "output": 5408},
    "pooling": {"output": 1352},
    "flattening": {"output": 1352},
    "dense": {
        "no-biases": 21632,
        "one-bias": 21633,
        "eight-biases": 21640,
        "one-channel": 2720,
        "one-number-a-map": 144,
        "padded": 25104,
        "not-pooled": 86544,
        "pixels": 12560,
        "small-maps": 18448,
    },
    "last": {"no-biases": 160, "one-bias": 161, "sixteen-biases": 176, "maps": 13530},
}


@exercise("04.3")
def lecture_network(student, rng):
    """The network that the function builds, layer by layer; then the student's own count."""
    fail_if(student.describe("build_cnn")["family"] == "keras", "no-function")
    model = student.call("build_cnn")
    fail_if(not isinstance(model, RemoteObject), "wrong-type", type=type_name(model))
    said = student.describe(model)
    fail_if(said["family"] != "keras", "not-keras", type=said["type"])
    digits = as_input(test_digits()[0][:40])
    if not said["n_params"]:
        fail_if(isinstance(student.config(model), dict), "not-built")
        predictions(student, model, digits[:1])  # a class of the student's own gets its weights when it is called
        said = student.describe(model)
    _explain_size(said["n_params"], student.layers(model))
    fail_if(student.call("build_cnn") == model, "same-network")
    yield lambda: _computation(student, model, digits)
    counts = student.value("counts")
    counts = list(counts.values()) if isinstance(counts, dict) else counts
    counts = tuple(as_array(counts, "`counts`").ravel())
    fail_if(len(counts) != 5, "counts", n=len(counts))
    fail_if(counts == (72, 0, 0, 21632, 160), "forgot-biases")
    fail_if(counts != LECTURE_COUNTS and sorted(counts) == sorted(LECTURE_COUNTS), "order")
    for layer, count, right in zip(MISCOUNTED, counts, LECTURE_COUNTS, strict=True):
        if count != right:
            cause = next((cause for cause, value in MISCOUNTED[layer].items() if value == count), "unknown")
            raise Misconception("counts" if cause == "unknown" else cause, say(f"{layer}.{cause}", count=count))
    yield Finding("counts", True, "80, 0, 0, 21,648 and 170: your counts are right.", points=1)


def _explain_size(count, layers):
    if count == 21898:
        return
    classes = [layer["class"] for layer in layers]
    convolutions = [layer for layer in layers if layer["class"] == "Conv2D"]
    dense = [layer for layer in layers if layer["class"] == "Dense"]
    kernels, size, padding = ((convolutions or [{}])[0].get(key) for key in ("filters", "kernel_size", "padding"))
    units = [layer.get("units") for layer in dense]

    def fail_if_so(condition, cause, **fields):
        if condition:
            raise Misconception("wrong-size", say(f"size.{cause}", count=count, **fields))

    fail_if_so(not any("Conv" in name for name in classes), "no-convolution")
    fail_if_so(len(convolutions) > 1, "convolutions", found=len(convolutions))
    fail_if_so(convolutions and kernels != 8, "kernels", found=kernels)
    fail_if_so(convolutions and tuple(size or ()) != (3, 3), "kernel-size", found=" by ".join(map(str, size or ())))
    fail_if_so(padding == "same", "padding")
    fail_if_so(any(layer.get("use_bias") is False for layer in [*convolutions, *dense]), "no-biases")
    fail_if_so(dense and units != [16, 10], "units", found=" and ".join(map(str, units)))
    fail_if_so(not any("Pooling" in name for name in classes), "no-pooling")
    fail_if_so("Flatten" not in classes, "no-flatten")
    fail_if_so(True, "other")


def _maps_of(digits, W, b):
    """What a convolution of 3 by 3 makes of digits (..., 28, 28), before its activation."""
    patches = np.lib.stride_tricks.sliding_window_view(digits, (3, 3), axis=(-2, -1))
    return np.einsum("...kl,klc->...c", patches, W[:, :, 0]) + b


def _computation(student, model, digits):
    """The finding that a network computes what the lecture's, in NumPy, makes of the same weights."""
    probabilities = as_class_probabilities("build_cnn()", predictions(student, model, digits), 10)
    by_shape = {w.shape: np.asarray(w, dtype=float) for layer in student.weights(model) for w in layer}
    wanted = {(3, 3, 1, 8), (8,), (1352, 16), (16,), (16, 10), (10,)}
    fail_if(set(by_shape) != wanted, "wrong-layers")
    seen = _maps_of(digits[..., 0].astype(float), by_shape[3, 3, 1, 8], by_shape[8,])
    bends = {
        "ReLU": lambda z: np.maximum(z, 0),
        "no activation": lambda z: z,
        "tanh": np.tanh,
        "a sigmoid": expit,
        "ELU": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    }
    relu = bends["ReLU"]

    def blocks(z):
        return z.reshape(len(z), 13, 2, 13, 2, 8)

    def ends_as(maps, bend, times=1):
        hidden = bend(maps.reshape(len(maps), -1) @ by_shape[1352, 16] + by_shape[16,])
        answers = hidden @ by_shape[16, 10] + by_shape[10,]
        for _ in range(times):
            answers = softmax(answers, axis=1)
        return np.allclose(answers, probabilities, atol=1e-4)

    pooled = blocks(relu(seen)).max(axis=(2, 4))
    if ends_as(pooled, relu):
        return Finding("softmax", True, "The network has 21,898 parameters and gives ten probabilities.", points=1)
    fail_if(ends_as(pooled, relu, times=2), "softmax-twice")
    for (after_convolution, bend), (after_dense, bend_after) in product(bends.items(), repeat=2):
        if ends_as(blocks(bend(seen)).max(axis=(2, 4)), bend_after):
            found = {"the convolution": after_convolution, "dense 16": after_dense}
            bare = [name for name, said in found.items() if said == "no activation"]
            fail_if(bare, "no-relu", places=" and ".join(bare))
            other = " and ".join(f"{said} after {name}" for name, said in found.items() if said != "ReLU")
            raise Misconception("activations.other-computation", other=other)
    fail_if(ends_as(blocks(relu(seen)).mean(axis=(2, 4)), relu), "wrong-pooling")
    fail_if(ends_as(relu(seen)[:, ::2, ::2], relu), "no-pooling")
    raise Misconception("other-computation")


@exercise("04.4")
def training(student, rng):
    """The three callbacks, an honest validation, and the accuracy on digits that nobody trained on."""
    images, labels = noisy(rng, *test_digits())
    accuracy = digit_accuracy(student, "lecture_model", images, labels)
    count = student.describe("lecture_model")["n_params"]
    if count is not None:
        _explain_size(count, student.layers("lecture_model"))
    of_test = _losses_and_right(student, *test_digits())
    seen = refuse_test_digits(student, "lecture_model", of_test[1].mean())
    history = {name: np.asarray(values) for name, values in student.history("history").items()}
    fail_if(not any(np.isfinite(values).all() for values in history.values()), "not-finite")
    fail_if("val_loss" not in history, "no-validation", found=", ".join(history) or "nothing")
    fail_if(_is_of_an_epoch(history, *of_test), "test-as-validation", which="the")
    _refuse_other_validation(student, history, of_test)
    yield lambda: _three_callbacks(student)
    recorded = "learning_rate" in history or "lr" in history
    code = "no-accuracy" if recorded and "accuracy" not in history else "history"
    yield check_that(code, recorded and code == "history", 1, epochs=len(history["val_loss"]))
    yield check_metric("04.4", "accuracy", accuracy, seen=seen)


def _three_callbacks(student):
    """The finding that the three are there, watch validation digits, and that the best network is kept."""
    callbacks = student.value("callbacks")
    fail_if(not isinstance(callbacks, list | tuple), "wrong-type")
    wanted = ("ModelCheckpoint", "EarlyStopping", "ReduceLROnPlateau")
    found = {callback.type_name: callback for callback in callbacks if isinstance(callback, RemoteObject)}
    missing = ", ".join(kind for kind in wanted if kind not in found)
    fail_if(missing and "type" in found, "callbacks.class", missing=missing)
    fail_if(missing, "callbacks", missing=missing)
    settings = {kind: student.describe(found[kind])["params"] for kind in wanted}
    for kind, setting in settings.items():
        watched = setting.get("monitor", "val_loss")
        fail_if(not watched.startswith("val_"), "monitors-training", kind=kind, watched=watched)
    fail_if(settings["ModelCheckpoint"].get("save_best_only") is False, "saves-every-epoch")
    return Finding("callbacks", True, "ModelCheckpoint, EarlyStopping and ReduceLROnPlateau were all there.", points=1)


def _losses_and_right(student, images, labels):
    """The loss of each digit, and whether it is read right."""
    scores = digit_scores(student, "lecture_model", as_input(images))
    probability = np.clip(scores[np.arange(len(labels)), labels], 1e-7, 1)  # as Keras clips it
    return -np.log(probability), scores.argmax(axis=1) == labels


def _is_of_an_epoch(history, losses, right):
    """Whether mean loss and accuracy of these digits are the validation's of some epoch, to four digits."""
    loss, accuracy = losses.mean(), right.mean()
    metric = next((name for name in history if name.startswith("val_") and "acc" in name), None)
    accuracies = history[metric] if metric else np.full(len(history["val_loss"]), accuracy)
    epochs = zip(history["val_loss"], accuracies, strict=False)
    return any(abs(a - loss) < 1e-4 * loss and abs(b - accuracy) < 2 / len(right) + 1e-6 for a, b in epochs)


def _refuse_other_validation(student, history, of_test):
    """Raises `Misconception` where the validation digits were found, and `fit` went through all training digits.

    The rows that are tried are the usual ones, of the test digits and of the training digits; validation digits that
    are not found are left alone. How many digits were trained on is told by the steps of an epoch and the usual sizes
    of batches.
    """
    steps = student.describe("history").get("params", {}).get("steps")
    sizes = (16, 32, 50, 64, 100, 128, 200, 250, 256, 500, 512, 1000, 1024)

    def trained_on(n):
        return any(-(-n // size) == steps for size in sizes)

    if steps is None or not trained_on(60_000):
        return
    images, labels = train_digits()
    for n in (1000, 2000, 5000, 6000, 10_000, 12_000, 60_000):
        for place, rows in (("last", slice(-n, None)), ("first", slice(0, n))):
            if n < 60_000 and trained_on(60_000 - n):
                continue
            if n < 10_000 and _is_of_an_epoch(history, *(part[rows] for part in of_test)):
                raise Misconception("test-as-validation", which=f"the {place} {n:,}")
            if _is_of_an_epoch(history, *_losses_and_right(student, images[rows], labels[rows])):
                which = "all" if n == 60_000 else f"the {place}"
                raise Misconception("seen-as-validation", which=which, n=n, steps=steps)


@exercise("04.5")
def confusion_and_pairs(student, rng):
    """The counts against the model's own predictions; the pair network on fresh pairs."""
    yield lambda: _confusion(student)

    def drawn(digits, n):
        return make_digit_pairs(*digits, n_samples=n, seed=int(rng.integers(2**31)))

    def right(pairs, shown, scale=1):
        answers = predictions(student, "pair_model", as_input(pairs) * np.float32(scale))
        return np.mean((answers > 0.5) == (shown == 1))

    pairs, shown = drawn(test_digits(), 600)
    scores = _pair_probabilities(student, as_input(pairs))
    label_accuracy = np.mean((scores > 0.5) == (shown == 1))
    if label_accuracy < threshold("04.5", "label_accuracy"):
        fail_if(right(pairs, shown, scale=255) > max(0.9, label_accuracy + 0.02), "pairs.unscaled-inputs")
        _refuse_other_loss(student, f"{label_accuracy:.1%} of the yes and no answers are right.")
        fail_if(np.mean((scores < 0.5) == (shown == 1)) > label_accuracy, "pairs.reversed")
        for unread, columns in (("right", slice(28, 56)), ("left", slice(0, 28))):
            blank = pairs[:50].copy()
            blank[:, :, columns] = 0
            alike = np.allclose(predictions(student, "pair_model", as_input(blank)), scores[:50], atol=1e-5)
            fail_if(alike, "pairs.one-half", unread=unread)
        guess = np.mean(shown == 0)
        fail_if(label_accuracy < guess + 0.02, "pairs.untrained", label_accuracy=label_accuracy, guess=guess)
    odd, even = ([part[start::12] for part in train_digits()] for start in (7, 6))
    odd, even, unseen = (right(*drawn(digits, 1000)) for digits in (odd, even, test_digits()))
    seen = (odd + even) / 2
    # By chance the shares of 10,000 answers each differ by about 0.2 points; the digits in odd places are the easier ones.
    refuse_learned_test_digits("pair_model", seen, unseen, "Train on `pairs`, `shown`.", room=0.008 + odd - seen)
    yield check_metric("04.5", "label_accuracy", label_accuracy, 2, seen=seen)


def _confusion(student):
    images, labels = test_digits()
    guessed = digit_scores(student, "lecture_model", as_input(images)).argmax(axis=1)
    fail_if(len(np.unique(guessed)) == 1, "constant", digit=guessed[0])
    given = as_array(student.value("confusion"), "`confusion`", shape=(10, 10))
    wanted = confusion_matrix(labels, guessed, labels=range(10))
    # A GPU or another batch size may tip a few digits that stand on the edge.
    if np.abs(given - wanted).sum() > 20:
        _explain_confusion(given, wanted)
        relation = describe_relation(given, wanted, rtol=0.01)
        fail_if(relation, "confusion.related", relation=relation)
        return check_that("confusion", False, 1)
    mistakes = wanted - np.diag(np.diag(wanted))
    t, p = np.unravel_index(mistakes.argmax(), mistakes.shape)
    return check_that("confusion", True, 1, times=mistakes[t, p], true=t, read=p)


def _explain_confusion(given, wanted):
    fail_if(np.abs(given.T - wanted).sum() <= 20, "transposed")
    for axis, name in ((1, "each row"), (0, "each column"), (None, "all digits")):
        share = wanted / np.maximum(wanted.sum(axis=axis, keepdims=True), 1)
        near = 0.01 if axis is not None else 1e-3
        for shares in (share, share.T):
            if np.allclose(given, shares, atol=near) or np.allclose(given, 100 * shares, atol=100 * near):
                raise Misconception("not-counts", name=name)
    fail_if(np.abs(given - (wanted - np.diag(np.diag(wanted)))).sum() <= 20, "no-diagonal")
    fail_if(given.any() and not (given - np.diag(np.diag(given))).any(), "no-mistakes")
    fail_if(abs(given.sum() - wanted.sum()) > 0.5, "wrong-total", total=given.sum())
    fail_if(np.abs(given.sum(axis=1) - wanted.sum(axis=1)).sum() > 20, "other-digits")


def _pair_probabilities(student, x):
    """The ten probabilities of pictures of two digits; raises `Misconception` where the network gives something else."""
    scores = predictions(student, "pair_model", x)
    fail_if(scores.shape[1] != 10, "pairs.wrong-shape", columns=scores.shape[1])
    if np.ptp(scores, axis=0).max() < 1e-4:
        _refuse_other_loss(student, "All pictures get the same ten numbers.")
        raise Misconception("pairs.constant")
    low, high = scores.min(), scores.max()
    fail_if(low < -1e-4 or high > 1 + 1e-4, "pairs.logits", low=low, high=high)
    fail_if(np.isin(scores, (0, 1)).all(), "pairs.labels")
    fail_if(np.allclose(scores.sum(axis=1), 1, atol=1e-3), "pairs.softmax")
    fail_if(low >= expit(0) - 1e-4 and high <= expit(1) + 1e-4, "pairs.sigmoid-twice", low=low, high=high)
    return scores


def _refuse_other_loss(student, symptom):
    said = student.describe("pair_model")
    other = said["family"] == "keras" and said.get("loss") not in (None, "binary_crossentropy")
    fail_if(other, "pairs.wrong-loss", symptom=symptom, loss=said.get("loss"))


@exercise("04.6")
def shifts(student, rng):
    """The shift against its definition; the table against the two networks themselves."""
    yield lambda: first_failed(_shift_findings(student, rng))
    yield lambda: _table_finding(student)


def _shift_findings(student, rng):
    down, right = (int(v) for v in rng.permutation([2, -3]))
    ways = [(3, down, right), (3, -right, -down), (2, 0, 0), (3, 0, 4), (1, -4, 0), (4, 1, 1), (3, 0, -1)]
    for n, down, right in ways:
        images = rng.uniform(0.1, 1, size=(n, 28, 28))
        given = call_array(student, "shift_by", images, down, right, shape=images.shape)
        wanted = _shifted(images, down, right)
        misconceptions = {
            "wraps-around": np.roll(images, (down, right), axis=(1, 2)),
            "wrong-sign": _shifted(images, -down, -right),
            "wrong-sign-down": _shifted(images, -down, right),
            "wrong-sign-right": _shifted(images, down, -right),
            "axes-swapped": _shifted(images, right, down),
            "not-zero-filled": np.where(wanted == 0, given, wanted),
            "cuts-too-much": np.where(given == 0, 0, wanted) if given.any() else images,
        }
        what, steps = "`shift_by`", {"`images`": images}
        advice = f"This was `shift_by(images, {down}, {right})`: every picture {down} down and {right} to the right."
        yield check_array("shift", what, given, wanted, misconceptions, 1, advice, 1e-6, steps=steps)


def _table_finding(student):
    table = as_array(student.value("accuracies"), "`accuracies`", shape=(2, 5))
    images, labels = (part[:1000] for part in test_digits())
    names = ("dense", "lecture_model")

    def measured(images, labels, down=0, right=1, shifts=range(5)):
        """Rows: the networks; columns: the shifts."""
        moved = [_shifted(images, down * s, right * s) for s in shifts]
        return np.array([[share_read(student, name, images, labels) for images in moved] for name in names])

    wanted = measured(images, labels)
    fail_if(wanted[:, 0].min() < 0.5, "untrained", dense=wanted[0, 0], lecture=wanted[1, 0])

    near = partial(np.allclose, rtol=0, atol=0.005)  # a digit in 200 may stand on the edge of two classes

    def measured_so(*others):
        """Whether the table holds what is measured otherwise; the largest shift is looked at first."""
        return near(table[:, 4:], measured(*others, shifts=[4])) and near(table, measured(*others))

    if near(table, wanted):
        ends = zip(("dense", "dense_at_4", "lecture", "lecture_at_4"), wanted[:, [0, 4]].ravel(), strict=True)
        return check_that("accuracies", True, 2, {"dense_at_4": wanted[0, 4]}, **dict(ends))
    mended = {
        "percent": table / 100,
        "counts": table / 1000,
        "rows-swapped": table[::-1],
        "columns-reversed": table[:, ::-1],
        "error": 1 - table,
    }
    for cause, given in mended.items():
        fail_if(near(given, wanted), cause)
    fail_if(near(table, wanted[[0, 0]]), "same-rows")
    fail_if(near(table, wanted[[1, 1]]), "same-rows-2")
    fail_if(np.ptp(table, axis=1).max() < 1e-9, "constant")
    for down, right, way in ((0, -1, "to the left"), (1, 0, "down"), (-1, 0, "up"), (1, 1, "down and to the right")):
        fail_if(measured_so(images, labels, down, right), "other-way", way=way)
    fail_if(near(table[:, 1:3], measured(*test_digits(), shifts=(1, 2)), atol=0.002), "all-digits")
    fail_if(measured_so(*(part[:1000] for part in train_digits())), "training-digits")
    off = np.abs(table - wanted) > 0.005
    said = ", ".join(map(str, np.flatnonzero(off.any(axis=0))))
    for row, name in enumerate(names):
        fail_if(not off[1 - row].any(), "accuracies.one-row", name=name, shifts=said)
    return check_that("accuracies", False, shifts=said)


def _shifted(images, down, right):
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4)))
    return padded[:, 4 - down : 32 - down, 4 - right : 32 - right]


@exercise("04.7")
def beat_99(student, rng):
    """The accuracy over all test digits, in two steps."""
    images, labels = test_digits()
    accuracy = digit_accuracy(student, "best_model", images, labels)
    refuse_test_digits(student, "best_model", accuracy, starts=(7,))
    fail_if(accuracy > 0.9985, "leak", accuracy=accuracy)
    rows = rng.choice(len(images), 500, replace=False)
    paler = images[rows].astype(int) - rng.integers(1, 12, size=(500, 28, 28))
    paler = np.where(images[rows] > 0, np.maximum(paler, 1), 0)  # the paper stays black: some networks ask only for ink
    share = share_read(student, "best_model", paler, labels[rows])
    # Of 500 digits a network misses about 5; this is ten times that.
    fail_if(share < accuracy - 0.1, "memorised", accuracy=accuracy, share=share)
    yield check_that("accuracy-98", accuracy >= 0.98, 1, {"accuracy": accuracy}, accuracy=accuracy)
    config = student.config("best_model")  # of a class of the student's own it is None
    convolutions = sum("Conv" in kind for kind, _ in layer_configs(config)) if isinstance(config, dict) else None
    few = {0: "no-convolution", 1: "one-convolution"}.get(convolutions)
    fail_if(accuracy <= 0.99 and few, f"accuracy-99.{few}", accuracy=accuracy)
    yield check_that("accuracy-99", accuracy > 0.99, 2, accuracy=accuracy)


@exercise("04.8")
def look_inside(student, rng):
    """Kernels and maps recomputed from the weights; the reloaded network against the original."""
    layers, weights = student.layers("lecture_model"), student.weights("lecture_model")
    convolutions = [i for i, layer in enumerate(layers) if layer["class"] == "Conv2D"]
    fail_if(not convolutions, "no-convolution")
    _explain_size(sum(w.size for layer in weights for w in layer), layers)
    W, *bias = weights[convolutions[0]]
    b = bias[0] if bias else np.zeros(W.shape[-1])
    yield lambda: _kernels(student, W, b)
    yield lambda: _maps(student, W, b, layers[convolutions[0]]["activation"])
    few = as_input(test_digits()[0][:200])
    reloaded = student.value("reloaded")
    fail_if(isinstance(reloaded, RemoteObject) and reloaded == student.value("lecture_model"), "same-object")
    apart = np.abs(digit_scores(student, "reloaded", few) - digit_scores(student, "lecture_model", few)).max()
    yield check_that("reloaded", apart < 1e-3, 1, apart=apart)


def _kernels(student, W, b):
    given = student.value("kernels")
    fail_if(isinstance(given, list | tuple) and len(given) == 2, "both-arrays")
    kernels = as_array(given, "`kernels`")
    if kernels.size != W.size:
        fail_if(kernels.size == b.size, "biases")
        raise Misconception("kernels.other-shape", given=kernels.shape, shape=W.shape)
    same = np.allclose(kernels.ravel(), W.ravel(), atol=1e-5)
    reordered = not same and np.allclose(np.sort(kernels.ravel()), np.sort(W.ravel()), atol=1e-5)
    fail_if(reordered, "reordered", shape=W.shape)
    return check_that("kernels", same, 0.5)


def _maps(student, W, b, activation):
    digit = test_digits()[0][0] / 255
    maps = as_array(student.value("maps"), "`maps`")
    maps = maps[0] if maps.ndim == 4 and len(maps) == 1 else maps
    linear = _maps_of(digit, W, b)
    fail_if(maps.shape != linear.shape, "maps.wrong-shape", given=maps.shape, shape=linear.shape)

    def are_of(digit, b=b, rtol=1e-5, atol=1e-3):
        return np.allclose(maps, np.maximum(0, _maps_of(digit, W, b)), rtol, atol)

    same = are_of(digit)
    if not same and np.allclose(maps, linear, atol=1e-3):
        fail_if(activation not in (None, "linear"), "no-activation")
        same = True  # a network whose activation is a layer of its own
    if not same:
        fail_if(are_of(255 * digit, rtol=1e-3, atol=0.1), "unscaled-inputs")
        fail_if(are_of(digit, b=0), "no-bias")
        fail_if(are_of(digit.T), "transposed")
        fail_if(are_of(train_digits()[0][0] / 255), "training-digit")
        for number, other in enumerate(test_digits()[0][1:50], start=1):
            fail_if(are_of(other / 255), "other-digit", number=number)
    return check_that("maps", same, 0.5)


@exercise("04.9")
def many_channels(student, rng):
    """The convolution on random pictures of several channels; the three counts; the two kernels of one pixel."""
    yield lambda: first_failed(_over_channels(student, rng))
    yield lambda: _colour_counts(student)
    mix = as_array(student.value("mix"), "`mix`")
    fail_if(mix.shape in ((1, 1, 2, 3), (2, 1, 1, 3), (1, 2, 3)), "kernels-last", shape=mix.shape)
    mix = as_array(mix, "`mix`", shape=(1, 1, 3, 2))[0, 0]
    grey, difference = [0.299, 0.587, 0.114], [1, -1, 0]
    wanted = np.array([grey, difference]).T
    misconceptions = {
        "kernels-exchanged": wanted[:, ::-1],
        "blue-first": wanted[::-1],
        "green-minus-red": wanted * [1, -1],
        "plain-mean": np.array([np.full(3, 1 / 3), difference]).T,
    }
    yield check_array("mix", "`mix[0, 0]`", mix, wanted, misconceptions, 1, "Rows are red, green, blue.", 1e-3)


def _over_channels(student, rng):
    def with_kernels(kernels):
        return np.einsum("ijcuv,uvcf->ijf", patches, kernels) + biases

    ways = ((7, 6, 3, 3, 4), (5, 8, 1, 3, 2), (6, 5, 2, 1, 3), (6, 7, 3, 4, 1), (5, 5, 2, 2, 2))
    for height, width, k, n_channels, n_kernels in ways:
        image = rng.normal(size=(height, width, n_channels))
        kernels, biases = rng.normal(size=(k, k, n_channels, n_kernels)), rng.normal(size=n_kernels)
        patches = np.lib.stride_tricks.sliding_window_view(image, (k, k), axis=(0, 1))  # (rows, columns, c, u, v)
        each = np.einsum("ijcuv,uvcf->ijcf", patches, kernels)  # of every channel by itself
        wanted = with_kernels(kernels)
        given = as_array(student.call("convolve_channels", image, kernels, biases), "What `convolve_channels` returns")
        if given.shape != wanted.shape:
            fail_if(given.shape in (each.shape, each.shape[:3]), "not-summed", shape=given.shape)
            fail_if(given.shape == np.moveaxis(wanted, -1, 0).shape, "channels-first", shape=given.shape)
        given = call_array(student, "convolve_channels", image, kernels, biases, shape=wanted.shape)
        misconceptions = {
            "no-bias": wanted - biases,
            "bias-for-each-channel": wanted + (n_channels - 1) * biases,
            "bias-for-each-number": wanted + (k * k * n_channels - 1) * biases,
            "first-channel": each[:, :, 0] + biases,
            "last-channel": each[:, :, -1] + biases,
            "mean-of-channels": each.mean(axis=2) + biases,
            "first-kernel": np.repeat(wanted[..., :1], n_kernels, axis=-1),
            "flipped-kernel": with_kernels(kernels[::-1, ::-1]),
            "transposed": with_kernels(kernels.transpose(1, 0, 2, 3)),
            "channels-reversed": with_kernels(kernels[:, :, ::-1]),
            "relu": np.maximum(wanted, 0),
        }
        quantities = {"the number of channels": n_channels, "the number of kernels": n_kernels}
        channels = "1 channel" if n_channels == 1 else f"{n_channels} channels"
        kernels_text = f"1 kernel of {k} by {k}" if n_kernels == 1 else f"{n_kernels} kernels of {k} by {k}"
        code, what = "convolve-channels", "`convolve_channels`"
        advice = f"This was a picture of {channels} with {kernels_text}."
        yield check_array(code, what, given, wanted, misconceptions, 1.5, advice, 1e-5, quantities=quantities)


def _colour_counts(student):
    counts = as_array(student.value("colour_counts"), "`colour_counts`").ravel()
    fail_if(len(counts) != 3, "counts", n=len(counts))
    layers = {"Conv2D(32, 3)": (3, 3, 32), "Conv2D(64, 3)": (3, 32, 64), "Conv2D(16, 1)": (1, 64, 16)}
    wanted = [k * k * channels * kernels + kernels for k, channels, kernels in layers.values()]
    fail_if(np.array_equal(counts, np.subtract(wanted, (32, 64, 16))), "forgot-biases")
    for (name, (k, channels, kernels)), count, right in zip(layers.items(), counts, wanted, strict=True):
        if count == right:
            continue
        mistakes = {
            "no-biases": k * k * channels * kernels,
            "one-bias": k * k * channels * kernels + 1,
            "one-channel": k * k * kernels + kernels,
            "one-kernel": k * k * channels + 1,
            "no-window": channels * kernels + kernels,
        }
        cause = next((cause for cause, mistake in mistakes.items() if count == mistake), "unknown")
        for other in (3, 16, 32, 64, 96):
            if cause == "unknown" and count == k * k * other * kernels + kernels:
                raise Misconception("other-channels", layer=name, count=count, other=other, channels=channels)
        code = "colour-counts" if cause == "unknown" else cause
        return Finding(code, False, say(f"count.{cause}", layer=name, count=count, channels=channels))
    return check_that("colour-counts", True, 0.5)
