"""Checks of notebook 04: digits and convolutions."""

import numpy as np

from coursekit.checks.codec import Handle
from coursekit.checks.framework import Wrong, exercise, fail_if, threshold
from coursekit.checks.proxy import StudentError
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import agrees, as_array, first_wrong
from coursekit.checks.vocabulary.metrics import check_limit
from coursekit.checks.vocabulary.models import class_probabilities, predictions, same_as_replay
from coursekit.checks.vocabulary.relations import describe_relation
from coursekit.exercises.digits import (
    answer_of,
    as_input,
    explain_unread,
    refuse_learned_test_digits,
    refuse_other_scale,
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
    scores = predictions(student, name, fitting(student, name, x))
    if scores.shape[1] == 1:  # labels
        return np.eye(10)[np.clip(np.rint(scores[:, 0]), 0, 9).astype(int)]
    if scores.shape[1] != 10:
        raise Wrong("wrong-shape", name=name, shape=scores.shape[1])
    return scores


def fitting(student, name, x):
    """`x` of shape (n, 28, 28, 1) as the model takes it: (n, 28, 28) and (n, 784) are tried before a refusal counts."""
    refusal = None
    for shape in (x.shape, x.shape[:3], (len(x), -1)):
        try:
            predictions(student, name, x[:1].reshape((1, *shape[1:])))
            return x.reshape(shape)
        except StudentError as error:
            if error.kind == "NotFittedError":
                raise
            refusal = refusal or error
    raise refusal


def digit_accuracy(student, name, images, labels, limit=0.9):
    """The share of digits read right; where it is below `limit`, the cause is looked for first."""
    x = as_input(images)
    accuracy = np.mean(digit_scores(student, name, x).argmax(axis=1) == labels)
    if accuracy < limit:
        explain_unread(student, name, lambda x: digit_scores(student, name, x), x[:1000], labels[:1000])
    return accuracy


def digit_probabilities(student, name, images, labels):
    """Raises `Wrong` where a network that reads digits in [0, 1] does not answer with ten probabilities."""
    x = as_input(images)
    try:
        class_probabilities(student, name, fitting(student, name, x), 10)
    except Wrong as wrong:
        if wrong.finding.code == "one-hot":  # grey values far too large drive a softmax to 0 and 1
            accuracy = np.mean(digit_scores(student, name, x).argmax(axis=1) == labels)
            refuse_other_scale(name, lambda x: digit_scores(student, name, x), x, labels, accuracy)
        raise


def refuse_test_digits(student, name, unseen=None):
    """Raises `Wrong` where the test digits are read better than training digits; `unseen` is their share, if known."""

    def accuracy(images, labels):
        return np.mean(digit_scores(student, name, as_input(images)).argmax(axis=1) == labels)

    unseen = accuracy(*test_digits()) if unseen is None else unseen
    seen = accuracy(*(part[7::12] for part in train_digits()))
    refuse_learned_test_digits(name, seen, unseen, "Train on `x_train`, `y_train`.")


def more_training(student, name):
    """Advice where too few unseen digits are read: how many training digits the network reads."""
    images, labels = (part[::30] for part in train_digits())
    read = np.mean(digit_scores(student, name, as_input(images)).argmax(axis=1) == labels)
    return f"Of the training digits it reads {read:.1%}. Train on all of them, for more epochs."


def noisy_sample(rng, n=1000):
    """Some test digits with a little noise: a table of the known ones would not help."""
    images, labels = test_digits()
    rows = rng.choice(len(images), n, replace=False)
    noise = rng.integers(0, 12, size=(n, 28, 28))
    return np.clip(images[rows].astype(int) + noise, 0, 255).astype("uint8"), labels[rows]


# --- 04.1


@exercise("04.1")
def dense_baseline(student, rng):
    """Accuracy on noisy test digits, the size, and that it is not linear."""
    images, labels = noisy_sample(rng)
    digit_probabilities(student, "dense", images, labels)
    accuracy = digit_accuracy(student, "dense", images, labels)
    same_as_replay_of_digits(student, "dense", images[:50])
    count = student.describe("dense")["n_params"]
    fail_if(_is_linear(student, "dense", images[:50]), "linear-model", accuracy=accuracy)
    refuse_test_digits(student, "dense")
    right_size = count in (None, 55050)
    message = "55,050 parameters." if right_size else f"{count:,} parameters; 784-64-64-10 has 55,050."
    yield Finding("size", right_size, message, points=1)
    advice = "" if accuracy >= threshold("04.1", "accuracy") else more_training(student, "dense")
    yield check_limit("04.1", "accuracy", accuracy, "{} of 1,000 unseen digits are right", advice, points=1)


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


def same_as_replay_of_digits(student, name, images):
    """`same_as_replay` where the model takes pictures with a channel axis; others are left to their predictions.

    The layers of a subclassed model do not say what its `call` does between them, so it is left to them too.
    """
    if not isinstance(student.config(name), dict):
        return
    try:
        predictions(student, name, as_input(images))
    except StudentError:
        return
    same_as_replay(student, name, as_input(images))


# --- 04.2


@exercise("04.2")
def by_hand(student, rng):
    """Each function against its definition on random pictures; the usual slips by name."""
    yield lambda: _padded(student, rng)
    yield lambda: _convolved(student, rng)
    yield lambda: _pooled(student, rng)


def _padded(student, rng):
    def tried(height, width, p):
        image = rng.normal(size=(height, width))
        given = answer_of(student, "pad", (image, p), (height + 2 * p, width + 2 * p))
        wanted = np.pad(image, p)
        slips = {"not-zero": np.where(wanted == 0, given, wanted)}
        advice = "The picture stands in the middle, zeros around it."
        return agrees("pad", "`pad`", given, wanted, slips, 0.5, advice, rtol=1e-6)

    return first_wrong(tried(*sizes) for sizes in ((9, 7, 2), (5, 8, 1), (6, 4, 3)))


def _convolved(student, rng):
    def tried(height, width, k):
        image, kernel = rng.normal(size=(height, width)), rng.normal(size=(k, k))
        patches = np.lib.stride_tricks.sliding_window_view(image, (k, k))

        def with_kernel(kernel):
            return np.einsum("ijkl,kl->ij", patches, kernel)

        given = answer_of(student, "convolve", (image, kernel), patches.shape[:2])
        slips = {
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
        quantities = {
            f"the {k * k} numbers of the kernel": float(k * k),
            "k": float(k),
            "the kernel's sum": kernel.sum(),
        }
        advice = f"This was a kernel of {k} by {k}. At each place it is sum(patch * kernel)."
        return agrees(
            "convolve", "`convolve`", given, with_kernel(kernel), slips, 1.5, advice, 1e-5, None, quantities, steps
        )

    return first_wrong(tried(*sizes) for sizes in ((9, 7, 3), (6, 8, 2), (7, 9, 5), (4, 5, 1)))


def _pooled(student, rng):
    def tried(image, size):
        h, w = image.shape[0] // size, image.shape[1] // size
        given = as_array(student.call("max_pool", image, size), "What `max_pool` returns")
        if given.shape != (h, w) and given.shape == (-(-image.shape[0] // size), -(-image.shape[1] // size)):
            raise Wrong("keeps-the-rest", shape=image.shape, size=size, shape_2=given.shape)
        given = answer_of(student, "max_pool", (image, size), (h, w))
        blocks = image[: h * size, : w * size].reshape(h, size, w, size)
        wanted = blocks.max(axis=(1, 3))
        slips = {
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
        return agrees("max-pool", "`max_pool`", given, wanted, slips, 1, advice, 1e-6, steps=steps)

    def drawn():
        for height, width, size in ((9, 7, 2), (9, 8, 3), (5, 6, 1), (9, 10, 4)):
            yield rng.normal(size=(height, width)), size
        yield -np.abs(rng.normal(size=(8, 6))), 2

    return first_wrong(tried(image, size) for image, size in drawn())


# --- 04.3


LECTURE_COUNTS = (80, 0, 0, 21648, 170)

# What a layer's count may have been by mistake: the layer -> a count -> where it comes from.
MISCOUNTED = (
    {
        72: "has no biases: each kernel has one",
        73: "has one bias for all eight kernels; each has its own",
        10: "is that of one kernel; there are eight",
        9: "is that of one kernel without its bias; there are eight",
        54080: "gives every place weights of its own; a convolution uses the same kernel everywhere",
        5408: "is the size of its output, 26 by 26 by 8; parameters are the numbers that can be learned",
    },
    {1352: "is the size of its output; pooling has nothing to learn"},
    {1352: "is the size of its output; flattening has nothing to learn"},
    {
        21632: "has no biases: each unit has one",
        21633: "has one bias for all units; each has its own",
        21640: "has eight biases; each of the 16 units has one",
        2720: "leaves the eight channels out: flattening puts all maps in a row",
        144: "takes one number from each map; flattening keeps all places",
        25104: "takes maps of 14 by 14, as with `padding='same'`; without padding they are 13 by 13",
        86544: "takes the maps before the pooling",
        12560: "takes the 784 pixels; the layer sees what the pooling leaves of the eight maps",
        18448: "takes maps of 12 by 12; a kernel of 3 by 3 fits at 26 by 26 places",
    },
    {
        160: "has no biases: each unit has one",
        161: "has one bias for all units; each has its own",
        176: "has 16 biases; each of the ten units has one",
        13530: "takes the flattened maps; the layer before it has 16 units",
    },
)


@exercise("04.3")
def lecture_network(student, rng):
    """The network that the function builds, layer by layer; then the student's own count."""
    model = student.call("build_cnn")
    if not isinstance(model, Handle):
        raise Wrong("wrong-type", name=type(model).__name__)
    said = student.describe(model)
    if said["family"] != "keras":
        raise Wrong("not-keras", type=said["type"])
    digits = as_input(test_digits()[0][:40])
    if not said["n_params"]:
        fail_if(isinstance(student.config(model), dict), "not-built")
        predictions(student, model, digits[:1])  # a class of the student's own gets its weights when it is called
        said = student.describe(model)
    _explain_size(said["n_params"], student.layers(model))
    fail_if(student.call("build_cnn") == model, "same-network")
    yield lambda: _lecture_probabilities(student, model, digits)
    yield lambda: _counts(student)


def _other_layers(layers):
    """Where a network differs from the lecture's, as far as its layers say."""
    classes = [layer["class"] for layer in layers]
    convolutions = [layer for layer in layers if layer["class"] == "Conv2D"]
    dense = [layer for layer in layers if layer["class"] == "Dense"]
    if not convolutions and not any("Conv" in name for name in classes):
        return "there is no convolution in it."
    if len(convolutions) > 1:
        return f"it has {len(convolutions)} convolutions, and the lecture's one."
    if convolutions and convolutions[0].get("filters") != 8:
        return f"its convolution has {convolutions[0].get('filters')} kernels, and the lecture's 8."
    if convolutions and tuple(convolutions[0].get("kernel_size") or ()) != (3, 3):
        return f"its kernels are {' by '.join(map(str, convolutions[0].get('kernel_size') or ()))}, and the lecture's 3 by 3."
    if convolutions and convolutions[0].get("padding") == "same":
        return "padding='same' keeps 28 by 28; the lecture's convolution has no padding."
    if any(layer.get("use_bias") is False for layer in [*convolutions, *dense]):
        return "a layer of it has no biases (`use_bias=False`)."
    if dense and [layer.get("units") for layer in dense] != [16, 10]:
        return f"its dense layers have {' and '.join(str(layer.get('units')) for layer in dense)} units, and the lecture's 16 and 10."
    if not any("Pooling" in name for name in classes):
        return "the pooling is missing between the convolution and the dense layers."
    return "" if "Flatten" in classes else "there is no Flatten in it."


def _lecture_probabilities(student, model, digits):
    probabilities = class_probabilities(student, model, digits, 10)
    _explain_computation(probabilities, [w for layer in student.weights(model) for w in layer], digits)
    return Finding("softmax", True, "The network has 21,898 parameters and gives ten probabilities.", points=1)


def _counts(student):
    """The student's count of each layer; a miscount by its likely origin."""
    counts = student.value("counts")
    counts = list(counts.values()) if isinstance(counts, dict) else counts
    counts = tuple(as_array(counts, "`counts`").ravel())
    if len(counts) != 5:
        raise Wrong("counts", n_counts=len(counts), s="s" if len(counts) != 1 else "")
    fail_if(counts == (72, 0, 0, 21632, 160), "forgot-biases")
    if counts == LECTURE_COUNTS:
        return Finding("counts", True, "80, 0, 0, 21,648 and 170: your counts are right.", points=1)
    fail_if(sorted(counts) == sorted(LECTURE_COUNTS), "order")
    names = ("the convolution", "the pooling", "the flattening", "the first dense layer", "the last layer")
    wrong = next(i for i in range(5) if counts[i] != LECTURE_COUNTS[i])
    message = f"Your count of {names[wrong]}, {counts[wrong]:,.0f}, is not right."
    if counts[wrong] in MISCOUNTED[wrong]:
        message = f"Your count of {names[wrong]}, {counts[wrong]:,.0f}, {MISCOUNTED[wrong][counts[wrong]]}."
    elif wrong in (1, 2):
        message += " It has nothing to learn."
    return Finding("counts", False, message)


def _explain_size(n_params, layers):
    """Raises `Wrong` where a network is not the lecture's, with what its layers say of the difference."""
    if n_params == 21898:
        return
    cause = _other_layers(layers)
    raise Wrong(
        "wrong-size",
        f"The network has {n_params:,} parameters and the lecture's 21,898"
        + (f": {cause}" if cause else ". Compare each layer with the text."),
    )


def _explain_computation(probabilities, weights, digits):
    """Raises `Wrong` where the lecture's network, computed from the same weights in NumPy, gives something else."""
    by_shape = {w.shape: np.asarray(w, dtype=float) for w in weights}
    wanted = {(3, 3, 1, 8), (8,), (1352, 16), (16,), (16, 10), (10,)}
    fail_if(set(by_shape) != wanted, "wrong-layers")
    windows = np.lib.stride_tricks.sliding_window_view(digits[..., 0].astype(float), (3, 3), axis=(1, 2))
    seen = np.einsum("nijkl,klc->nijc", windows, by_shape[3, 3, 1, 8][:, :, 0]) + by_shape[8,]
    bends = {
        "ReLU": lambda z: np.maximum(z, 0),
        "no activation": lambda z: z,
        "tanh": np.tanh,
        "a sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "ELU": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    }
    relu = bends["ReLU"]

    def blocks(z):
        return z.reshape(len(z), 13, 2, 13, 2, 8)

    def softmax(z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def ends_as(maps, bend, end=softmax):
        hidden = bend(maps.reshape(len(maps), -1) @ by_shape[1352, 16] + by_shape[16,])
        return np.allclose(end(hidden @ by_shape[16, 10] + by_shape[10,]), probabilities, atol=1e-4)

    pooled = blocks(relu(seen)).max(axis=(2, 4))
    if ends_as(pooled, relu):
        return
    fail_if(ends_as(pooled, relu, lambda z: softmax(softmax(z))), "softmax-twice")
    for after_convolution, bend in bends.items():
        for after_dense, bend_after in bends.items():
            if ends_as(blocks(bend(seen)).max(axis=(2, 4)), bend_after):
                found = {"the convolution": after_convolution, "dense 16": after_dense}
                bare = [name for name, said in found.items() if said == "no activation"]
                if bare:
                    raise Wrong("no-relu", join=" and ".join(bare))
                other = " and ".join(f"{said} after {name}" for name, said in found.items() if said != "ReLU")
                raise Wrong("explain-computation.other-computation", other=other)
    fail_if(ends_as(blocks(relu(seen)).mean(axis=(2, 4)), relu), "wrong-pooling")
    fail_if(ends_as(relu(seen)[:, ::2, ::2], relu), "no-pooling")
    raise Wrong("other-computation")


# --- 04.4


@exercise("04.4")
def training(student, rng):
    """The three callbacks, an honest validation, and the accuracy on digits that nobody trained on."""
    images, labels = noisy_sample(rng)
    digit_probabilities(student, "lecture_model", images, labels)
    accuracy = digit_accuracy(student, "lecture_model", images, labels)
    count = student.describe("lecture_model")["n_params"]
    if count is not None:
        _explain_size(count, student.layers("lecture_model"))
    on_test = _loss_and_accuracy(student, *test_digits())
    refuse_test_digits(student, "lecture_model", on_test[1])
    same_as_replay_of_digits(student, "lecture_model", images[:50])
    history = {name: np.asarray(values) for name, values in student.history("history").items()}
    fail_if(not any(np.isfinite(values).all() for values in history.values()), "not-finite")
    if "val_loss" not in history:
        raise Wrong("no-validation", nothing=", ".join(history) or "nothing")
    _refuse_test_as_validation(history, *on_test)
    _refuse_seen_as_validation(student, history)
    yield lambda: _three_callbacks(student)
    used = "learning_rate" in history or "lr" in history
    message = f"{len(history['val_loss'])} epochs, with training and validation curves."
    if not used:
        message = (
            "The history has no learning rate, which ReduceLROnPlateau records: were the callbacks given to `fit`?"
        )
    yield Finding("history", used, message, points=1)
    advice = "" if accuracy >= threshold("04.4", "accuracy") else more_training(student, "lecture_model")
    yield check_limit("04.4", "accuracy", accuracy, "{} of 1,000 unseen digits are right", advice, points=1)


def _three_callbacks(student):
    """The finding that the three are there, watch validation digits, and that the best network is kept."""
    callbacks = student.value("callbacks")
    fail_if(not isinstance(callbacks, list | tuple), "wrong-type")
    wanted = ("ModelCheckpoint", "EarlyStopping", "ReduceLROnPlateau")
    found = {callback.type_name: callback for callback in callbacks if isinstance(callback, Handle)}
    missing = [kind for kind in wanted if kind not in found]
    if missing:
        message = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing from `callbacks`."
        if "type" in found:
            message += " A class alone is no callback: call it, as in `EarlyStopping(patience=3)`."
        return Finding("callbacks", False, message)
    settings = {kind: student.describe(found[kind])["params"] for kind in wanted}
    for kind, setting in settings.items():
        watched = setting.get("monitor", "val_loss")
        fail_if(not watched.startswith("val_"), "monitors-training", kind=kind, watched=watched)
    fail_if(settings["ModelCheckpoint"].get("save_best_only") is False, "saves-every-epoch")
    return Finding("callbacks", True, "ModelCheckpoint, EarlyStopping and ReduceLROnPlateau were all there.", points=1)


def _loss_and_accuracy(student, images, labels):
    scores = digit_scores(student, "lecture_model", as_input(images))
    probability = np.clip(scores[np.arange(len(labels)), labels], 1e-7, 1)
    return -np.mean(np.log(probability)), np.mean(scores.argmax(axis=1) == labels)


def _is_of_an_epoch(history, loss, accuracy, n):
    """Whether loss and accuracy on n digits are the validation's of some epoch, to four digits."""
    metric = next((name for name in history if name.startswith("val_") and "acc" in name), None)
    accuracies = history[metric] if metric else np.full(len(history["val_loss"]), accuracy)
    epochs = zip(history["val_loss"], accuracies, strict=False)
    return any(abs(a - loss) < 1e-4 * loss and abs(b - accuracy) < 2 / n + 1e-6 for a, b in epochs)


def _refuse_test_as_validation(history, loss, accuracy):
    """Raises `Wrong` where an epoch's validation loss is the model's loss on the test digits."""
    fail_if(_is_of_an_epoch(history, loss, accuracy, 10_000), "test-as-validation", loss=loss)


def _refuse_seen_as_validation(student, history):
    """Raises `Wrong` where the validation digits were found, and `fit` went through all training digits.

    The rows that are tried are the usual ones; validation digits that are not found are left alone. How many digits
    were trained on is told by the steps of an epoch and the usual sizes of batches.
    """
    steps = student.describe("history").get("params", {}).get("steps")
    images, labels = train_digits()
    sizes = (16, 32, 50, 64, 100, 128, 200, 250, 256, 500, 512, 1000, 1024)

    def trained_on(n):
        return any(-(-n // size) == steps for size in sizes)

    if steps is None or not trained_on(60_000):
        return
    for n in (1000, 2000, 5000, 6000, 10_000, 12_000, 60_000):
        for place, rows in (("last", slice(60_000 - n, None)), ("first", slice(0, n))):
            if n < 60_000 and trained_on(60_000 - n):
                continue
            if _is_of_an_epoch(history, *_loss_and_accuracy(student, images[rows], labels[rows]), n):
                raise Wrong("seen-as-validation", all="all" if n == 60000 else "the " + place, n=n, steps=steps)


# --- 04.5


@exercise("04.5")
def confusion_and_pairs(student, rng):
    """The counts against the model's own predictions; the pair network on fresh pairs."""
    yield lambda: _confusion(student)
    yield lambda: _pairs(student, rng)


def _confusion(student):
    images, labels = test_digits()
    guessed = digit_scores(student, "lecture_model", as_input(images)).argmax(axis=1)
    if len(np.unique(guessed)) == 1:
        raise Wrong("constant", guessed=guessed[0])
    given = as_array(student.value("confusion"), "`confusion`", shape=(10, 10))
    wanted = np.zeros((10, 10))
    np.add.at(wanted, (labels, guessed), 1)
    # A GPU or another batch size may tip a few digits that stand on the edge.
    close = np.abs(given - wanted).sum() <= 20
    if not close:
        _explain_confusion(given, wanted)
    worst = wanted - np.diag(np.diag(wanted))
    t, p = np.unravel_index(worst.argmax(), worst.shape)
    message = f"The matrix is right. The commonest mistake: {int(worst[t, p])} times a {t} is read as a {p}."
    if not close:
        message = "The counts do not agree with what `lecture_model` predicts for the test digits."
        relation = describe_relation(given, wanted, rtol=0.01)
        message = f"The matrix {relation}." if relation else message
    return Finding("confusion", close, message, points=1)


def _pairs(student, rng):
    from coursekit.data import make_digit_pairs

    images, labels = test_digits()
    pairs, shown = make_digit_pairs(images, labels, n_samples=600, seed=int(rng.integers(2**31)))
    x = as_input(pairs)
    scores = _pair_probabilities(student, x)

    def right(x, shown):
        return np.mean((predictions(student, "pair_model", x) > 0.5) == (shown == 1))

    label_accuracy = np.mean((scores > 0.5) == (shown == 1))
    guess = np.mean(shown == 0)
    limit = threshold("04.5", "label_accuracy")
    if label_accuracy < limit:
        _explain_pairs(student, x, shown, right, label_accuracy, guess)
    seen, unseen = (
        right(as_input(some), marks)
        for some, marks in (
            make_digit_pairs(*digits, n_samples=1000, seed=int(rng.integers(2**31)))
            for digits in ((part[7::12] for part in train_digits()), (images, labels))
        )
    )
    # By chance the shares of 10,000 answers each differ by about 0.2 points.
    refuse_learned_test_digits("pair_model", seen, unseen, "Train on `pairs`, `shown`.", room=0.008)
    same_as_replay_of_digits(student, "pair_model", pairs[:20])
    advice = "Train for more epochs."
    if label_accuracy < limit:
        advice = f"Of such answers about training digits {seen:.1%} are right. {advice}"
    sentence = "{} of the yes and no answers are right"
    return check_limit("04.5", "label_accuracy", label_accuracy, sentence, advice, points=2)


def _pair_probabilities(student, x):
    """The ten probabilities of pictures of two digits; Raises `Wrong` where the network gives something else."""
    scores = predictions(student, "pair_model", x)
    asked = "ten probabilities a picture were asked for, each from 0 to 1"
    if scores.shape[1] != 10:
        raise Wrong("wrong-shape", shape=scores.shape[1], asked=asked)
    if np.ptp(scores, axis=0).max() < 1e-4:
        _refuse_other_loss(student, "All pictures get the same ten numbers.")
        raise Wrong("pair-probabilities.constant")
    if scores.min() < -1e-4 or scores.max() > 1 + 1e-4:
        raise Wrong("logits", min=scores.min(), max=scores.max(), asked=asked)
    fail_if(np.isin(scores, (0, 1)).all(), "labels", asked=asked)
    fail_if(np.allclose(scores.sum(axis=1), 1, atol=1e-3), "softmax")
    most = 1 / (1 + np.exp(-1))  # the largest value of the sigmoid of a sigmoid
    if scores.min() >= 0.5 - 1e-4 and scores.max() <= most + 1e-4:
        raise Wrong("sigmoid-twice", min=scores.min(), max=scores.max())
    return scores


def _refuse_other_loss(student, symptom):
    said = student.describe("pair_model")
    if said["family"] == "keras" and said.get("loss") not in (None, "binary_crossentropy"):
        raise Wrong("wrong-loss", symptom=symptom, loss=said["loss"])


def _explain_pairs(student, x, shown, right, label_accuracy, guess):
    """Raises `Wrong` where something that was looked at explains why few answers are right."""
    fail_if(right(x * np.float32(255), shown) > max(0.9, label_accuracy + 0.02), "unscaled-inputs")
    _refuse_other_loss(student, f"{label_accuracy:.1%} of the yes and no answers are right.")
    fail_if(np.mean((predictions(student, "pair_model", x) < 0.5) == (shown == 1)) > label_accuracy, "reversed")
    fail_if(label_accuracy < guess + 0.02, "untrained", label_accuracy=label_accuracy, guess=guess)


def _explain_confusion(given, wanted):
    """Raises `Wrong` where a known slip explains the matrix."""
    fail_if(np.abs(given.T - wanted).sum() <= 20, "transposed")
    for axis, name in ((1, "each row"), (0, "each column"), (None, "all digits")):
        share = wanted / np.maximum(wanted.sum(axis=axis, keepdims=True), 1)
        near = 0.01 if axis is not None else 1e-3
        for shares in (share, share.T):
            if np.allclose(given, shares, atol=near) or np.allclose(given, 100 * shares, atol=100 * near):
                raise Wrong("not-counts", name=name)
    fail_if(np.abs(given - (wanted - np.diag(np.diag(wanted)))).sum() <= 20, "no-diagonal")
    fail_if(given.any() and not (given - np.diag(np.diag(given))).any(), "no-mistakes")
    if abs(given.sum() - wanted.sum()) > 0.5:
        raise Wrong("wrong-total", sum=given.sum())
    fail_if(np.abs(given.sum(axis=1) - wanted.sum(axis=1)).sum() > 20, "other-digits")


# --- 04.6


@exercise("04.6")
def shifts(student, rng):
    """The shift against its definition; the table against the two networks themselves."""
    yield lambda: _shift_finding(student, rng)
    yield lambda: _table_finding(student)


def _shift_finding(student, rng):
    def tried(n, down, right):
        images = rng.uniform(0.1, 1, size=(n, 28, 28))
        given = answer_of(student, "shift_by", (images, down, right), images.shape)
        wanted = _shifted(images, down, right)
        slips = {
            "wraps-around": np.roll(images, (down, right), axis=(1, 2)),
            "wrong-sign": _shifted(images, -down, -right),
            "wrong-sign-down": _shifted(images, -down, right),
            "wrong-sign-right": _shifted(images, down, -right),
            "axes-swapped": _shifted(images, right, down),
            "not-zero-filled": np.where(wanted == 0, given, wanted),
            "cuts-too-much": np.where(given == 0, 0, wanted) if given.any() else images,
        }
        steps = {"`images`": images}
        advice = f"This was `shift_by(images, {down}, {right})`: every picture {down} down and {right} to the right."
        return agrees("shift", "`shift_by`", given, wanted, slips, 1, advice, 1e-6, steps=steps)

    down, right = (int(v) for v in rng.permutation([2, -3]))
    ways = [(3, down, right), (3, -right, -down), (2, 0, 0), (3, 0, 4), (1, -4, 0), (4, 1, 1), (3, 0, -1)]
    return first_wrong(tried(*way) for way in ways)


def _table_finding(student):
    table = as_array(student.value("accuracies"), "`accuracies`", shape=(2, 5))
    images, labels = (part[:1000] for part in test_digits())
    names = ("dense", "lecture_model")

    def measured(images, labels, down=0, right=1, shifts=range(5)):
        moved = [as_input(_shifted(images, down * s, right * s)) for s in shifts]
        return np.array(
            [[np.mean(digit_scores(student, name, x).argmax(1) == labels) for x in moved] for name in names]
        )

    wanted = measured(images, labels)
    if wanted[:, 0].min() < 0.5:
        raise Wrong("untrained", wanted=wanted[0, 0], wanted_2=wanted[1, 0])

    def near(other, room=0.005):  # half a percent: a digit in 200 may stand on the edge between two classes
        return np.abs(table - other).max() <= room

    if near(wanted):
        message = (
            f"The table is right. From 0 to 4 pixels the dense network falls from {wanted[0, 0]:.0%} to {wanted[0, 4]:.0%}, "
            f"the convolutional one from {wanted[1, 0]:.0%} to {wanted[1, 4]:.0%}."
        )
        return Finding("accuracies", True, message, points=2, seen={"dense_at_4": wanted[0, 4]})
    slips = {
        "percent": (table / 100, wanted, "These are percents; accuracies between 0 and 1 were asked for."),
        "counts": (table / 1000, wanted, "These are numbers of digits; divide by how many there are."),
        "rows-swapped": (table[::-1], wanted, "The rows are exchanged: the dense network comes first."),
        "columns-reversed": (table[:, ::-1], wanted, "The columns run from 4 to 0; column s belongs to a shift of s."),
        "error": (1 - table, wanted, "These are the shares read wrong; the accuracy is the share read right."),
        "same-rows": (table, wanted[[0, 0]], "Both rows are those of `dense`. Ask `lecture_model` for the second."),
        "same-rows-2": (table, wanted[[1, 1]], "Both rows are those of `lecture_model`. Ask `dense` for the first."),
    }
    for code, (given, other, message) in slips.items():
        if np.abs(given - other).max() <= 0.005:
            raise Wrong(code, message)
    fail_if(np.ptp(table, axis=1).max() < 1e-9, "constant")
    for down, right, way in ((0, -1, "to the left"), (1, 0, "down"), (-1, 0, "up"), (1, 1, "down and to the right")):
        fail_if(near(measured(images, labels, down, right)), "other-way", way=way)
    fail_if(np.abs(table[:, 1:3] - measured(*test_digits(), shifts=(1, 2))).max() <= 0.002, "all-digits")
    fail_if(near(measured(*(part[:1000] for part in train_digits()))), "training-digits")
    off = np.abs(table - wanted) > 0.005
    for row, name in enumerate(names):
        if off[row].any() and not off[1 - row].any():
            said = ", ".join(str(s) for s in np.flatnonzero(off[row]))
            message = (
                f"The row of `{name}` is not right, at shifts of {said}; the other row is. Which network did you ask?"
            )
            return Finding("accuracies", False, message)
    said = ", ".join(str(s) for s in np.flatnonzero(off.any(axis=0)))
    message = f"At shifts of {said} the table is not what the networks reach on the first 1,000 test digits, moved to the right."
    return Finding("accuracies", False, f"{message} Were they trained again after the table was made?")


def _shifted(images, down, right):
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4)))
    return padded[:, 4 - down : 32 - down, 4 - right : 32 - right]


# --- 04.7


@exercise("04.7")
def beat_99(student, rng):
    """The accuracy over all test digits, in two steps."""
    images, labels = test_digits()
    digit_probabilities(student, "best_model", images[:1000], labels[:1000])
    accuracy = digit_accuracy(student, "best_model", images, labels)
    refuse_test_digits(student, "best_model", accuracy)
    fail_if(accuracy > 0.9985, "leak", accuracy=accuracy)
    same_as_replay_of_digits(student, "best_model", images[:50])
    _refuse_memory(student, images, labels, accuracy, rng)
    seen = {"accuracy": accuracy}
    message = f"{accuracy:.2%} of the 10,000 test digits are right."
    if accuracy < 0.98:
        message += " 98% is the first step: a network with two convolutions gets there in two epochs."
    yield Finding("accuracy-98", accuracy >= 0.98, message, points=1, seen=seen)
    advice = "More than 99%."
    if accuracy <= 0.99:
        convolutions = sum("Conv" in layer["class"] for layer in student.layers("best_model"))
        advice = f"More than 99% is the goal; {accuracy:.2%} are read. "
        advice += {0: "Begin with a convolution.", 1: "A second convolution helps most."}.get(
            convolutions, "More filters, or the given schedule, may help."
        )
    yield Finding("accuracy-99", accuracy > 0.99, advice, points=2)


def _refuse_memory(student, images, labels, accuracy, rng):
    """Raises `Wrong` where the known digits are read and the same digits in slightly paler ink are not."""
    rows = rng.choice(len(images), 500, replace=False)
    paler = images[rows].astype(int) - rng.integers(1, 12, size=(500, 28, 28))
    paler = np.where(images[rows] > 0, np.maximum(paler, 1), 0)  # the paper stays black: some networks ask only for ink
    share = np.mean(digit_scores(student, "best_model", as_input(paler)).argmax(axis=1) == labels[rows])
    # Of 500 digits a network misses about 5; this is ten times that.
    fail_if(share < accuracy - 0.1, "memorised", accuracy=accuracy, share=share)


# --- 04.8


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
    yield lambda: _reloaded(student)


def _kernels(student, W, b):
    given = student.value("kernels")
    fail_if(isinstance(given, list | tuple) and len(given) == 2, "both-arrays")
    kernels = as_array(given, "`kernels`")
    same = kernels.size == W.size and np.allclose(kernels.reshape(-1), W.reshape(-1), atol=1e-5)
    if not same and kernels.size == W.size and np.allclose(np.sort(kernels.ravel()), np.sort(W.ravel()), atol=1e-5):
        raise Wrong("reordered", shape=W.shape)
    fail_if(kernels.size == b.size, "biases")
    message = "The kernels are those of the convolution."
    if not same and kernels.size == W.size:
        message = (
            "`kernels` has the right shape and other numbers than `lecture_model`: was it trained again afterwards?"
        )
    elif not same:
        message = f"`kernels` of shape {kernels.shape} are not those of `lecture_model`, whose shape is {W.shape}."
    return Finding("kernels", same, message, points=0.5)


def _maps(student, W, b, activation):
    digit = test_digits()[0][0] / 255
    linear = np.einsum("ijkl,klc->ijc", np.lib.stride_tricks.sliding_window_view(digit, (3, 3)), W[:, :, 0]) + b
    maps = as_array(student.value("maps"), "`maps`")
    maps = maps[0] if maps.ndim == 4 and len(maps) == 1 else maps
    fail_if(maps.shape != linear.shape, "wrong-shape", shape=maps.shape, shape_2=linear.shape)
    same = np.allclose(maps, np.maximum(0, linear), atol=1e-3)
    if not same and np.allclose(maps, linear, atol=1e-3):
        fail_if(activation not in (None, "linear"), "no-activation")
        same = True  # a network whose activation is a layer of its own
    message = "The maps are what the convolution makes of the first test digit."
    if not same:
        _explain_maps(maps, digit, W, b, linear)
        message = "`maps` is not the convolution of the first test digit, `x_test[0]`, scaled to [0, 1]."
    return Finding("maps", same, message, points=0.5)


def _reloaded(student):
    few = as_input(test_digits()[0][:200])
    reloaded = student.value("reloaded")
    fail_if(isinstance(reloaded, Handle) and reloaded == student.value("lecture_model"), "same-object")
    apart = np.abs(digit_scores(student, "reloaded", few) - digit_scores(student, "lecture_model", few)).max()
    message = "The reloaded network predicts the same."
    if apart >= 1e-3:
        message = f"The predictions of the two networks differ by up to {apart:.2f}: is it the same network, saved after training?"
    return Finding("reloaded", apart < 1e-3, message, points=1)


def _explain_maps(maps, digit, W, b, linear):
    """Raises `Wrong` where a known slip explains the feature maps."""

    def seen(digit):
        windows = np.lib.stride_tricks.sliding_window_view(digit, (3, 3))
        return np.maximum(0, np.einsum("ijkl,klc->ijc", windows, W[:, :, 0]) + b)

    fail_if(np.allclose(maps, seen(255 * digit), rtol=1e-3, atol=0.1), "unscaled-inputs")
    fail_if(np.allclose(maps, np.maximum(0, linear - b), atol=1e-3), "no-bias")
    fail_if(np.allclose(maps, seen(digit.T), atol=1e-3), "transposed")
    fail_if(np.allclose(maps, seen(train_digits()[0][0] / 255), atol=1e-3), "training-digit")
    for number, other in enumerate(test_digits()[0][:50]):
        fail_if(number and np.allclose(maps, seen(other / 255), atol=1e-3), "other-digit", number=number)
