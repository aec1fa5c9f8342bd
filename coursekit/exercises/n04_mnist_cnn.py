"""Checks of notebook 04: digits and convolutions."""

import numpy as np

from coursekit.checks.codec import Handle
from coursekit.checks.framework import Wrong, exercise
from coursekit.checks.proxy import StudentError
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import as_array
from coursekit.checks.vocabulary.metrics import check_limit
from coursekit.checks.vocabulary.models import not_constant, predictions, same_as_replay
from coursekit.exercises.digits import answer_of, as_input, test_digits

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py.
MARGINS = {
    "04.1": {"accuracy": -0.015},
    "04.4": {"accuracy": -0.015},
    "04.5": {"label_accuracy": -0.02},
    "04.6": {"dense_at_4": 0.05},
}


def digit_scores(student, name, x):
    """Scores of the ten digits, shape (n, 10), whichever shape of input the model takes.

    `x` has shape (n, 28, 28, 1). A model that refuses it is asked with (n, 28, 28) and (n, 784) before its refusal
    counts.
    """
    refusal = None
    for shape in (x.shape, x.shape[:3], (len(x), -1)):
        try:
            scores = predictions(student, name, x.reshape(shape))
        except StudentError as error:
            if error.kind == "NotFittedError":
                raise
            refusal = refusal or error
            continue
        break
    else:
        raise refusal
    if scores.shape[1] == 1:  # labels
        return np.eye(10)[np.clip(np.rint(scores[:, 0]), 0, 9).astype(int)]
    if scores.shape[1] != 10:
        raise Wrong("wrong-shape", f"`{name}` answers with {scores.shape[1]} columns; ten digits were expected.")
    return scores


def digit_accuracy(student, name, images, labels):
    """The share of digits read right; a model that was trained on another scale of inputs is named as such."""
    guessed = digit_scores(student, name, as_input(images)).argmax(axis=1)
    accuracy = np.mean(guessed == labels)
    if accuracy < 0.9:
        few = images[:500]
        for factor, said in ((255.0, "0 to 255"), (1 / 255, "0 to 1/255")):
            other = digit_scores(student, name, as_input(few) * np.float32(factor)).argmax(axis=1)
            if np.mean(other == labels[:500]) > max(0.9, accuracy + 0.05):
                raise Wrong(
                    "unscaled-inputs",
                    f"`{name}` reads {accuracy:.0%} of digits scaled to [0, 1], and most when they run from {said}. "
                    "Train it on `x_train`, which is scaled.",
                )
        not_constant(guessed, name)
    if accuracy < 0.3:
        raise Wrong("untrained", f"`{name}` reads {accuracy:.0%} of the digits; guessing reads 10 %. Was it fitted?")
    return accuracy


def noisy_sample(rng, n=1000):
    """Some test digits with a little noise: a table of the known ones would not help."""
    images, labels = test_digits()
    rows = rng.choice(len(images), n, replace=False)
    noise = rng.integers(0, 12, size=(n, 28, 28))
    return np.clip(images[rows].astype(int) + noise, 0, 255).astype("uint8"), labels[rows]


# --- 04.1


@exercise(
    "04.1",
    title="A dense baseline",
    points=2,
    needs={"dense": "a trained network 784-64-64-10"},
    hints=(
        "A Dense layer wants a row of numbers. `layers.Flatten()` makes 784 numbers of a picture of 28 by 28.",
        "Ten classes need ten outputs with softmax. The labels are whole numbers, not one-hot, so the loss is "
        "`sparse_categorical_crossentropy`.",
        "`dense = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(64, activation='relu'), "
        "layers.Dense(64, activation='relu'), layers.Dense(10, activation='softmax')])`; compile with Adam, then "
        "`dense.fit(x_train, y_train, batch_size=128, epochs=3)`.",
    ),
    expected="55,050 parameters, and at least {accuracy:.1%} of unseen digits read right.",
)
def dense_baseline(student, rng):
    """Accuracy on noisy test digits, the size, and that it is not linear."""
    images, labels = noisy_sample(rng)
    accuracy = digit_accuracy(student, "dense", images, labels)
    same_as_replay_of_digits(student, "dense", images[:50])
    count = student.describe("dense")["n_params"]
    if _is_linear(student, "dense", images[:50]):
        raise Wrong(
            "linear-model",
            f"The hidden layers have no activation: the network is one linear map ({accuracy:.1%}). Use "
            "`activation='relu'`.",
        )
    right_size = count in (None, 55050)
    message = "55,050 parameters." if right_size else f"{count:,} parameters; 784-64-64-10 has 55,050."
    yield Finding("size", right_size, message, points=1)
    yield check_limit(
        "04.1", "accuracy", accuracy, "{} of 1,000 unseen digits are right", "Train for more epochs.", points=1
    )


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


@exercise(
    "04.2",
    title="Pad, convolve, pool",
    points=3,
    needs={
        "pad": "a function of image and p: p zeros on every side",
        "convolve": "a function of image and kernel: the kernel at every place where it fits",
        "max_pool": "a function of image and size: the largest of each block",
    },
    hints=(
        "A picture of H by W and a kernel of k by k: the kernel fits at H - k + 1 by W - k + 1 places. At each place "
        "multiply the patch and the kernel, element by element, and add up.",
        "Two loops over the places are fine: `image[i:i+k, j:j+k]` is the patch. For pooling, the block of row i and "
        "column j begins at (i * size, j * size).",
        "`pad`: `np.pad(image, p)`. `convolve`: `out[i, j] = np.sum(image[i:i+k, j:j+k] * kernel)`. `max_pool`: "
        "`image[:h*size, :w*size].reshape(h, size, w, size).max(axis=(1, 3))`.",
    ),
    expected="Shapes (H + 2p, W + 2p), (H - k + 1, W - k + 1) and (H // size, W // size), exact to rounding.",
)
def by_hand(student, rng):
    """Each function against its definition on random pictures; the usual slips by name."""
    image = rng.normal(size=(9, 7))
    kernel = rng.normal(size=(3, 3))
    padded = answer_of(student, "pad", (image, 2), (13, 11))
    passed = np.allclose(padded, np.pad(image, 2))
    message = "`pad` puts the zeros on every side."
    answer_of(student, "pad", (image, 1), (11, 9))
    if not passed:
        message = "`pad` gives the right shape and the wrong values: the picture stands in the middle, zeros around it."
    yield Finding("pad", passed, message, points=0.5)

    patches = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    wanted = np.einsum("ijkl,kl->ij", patches, kernel)
    given = answer_of(student, "convolve", (image, kernel), wanted.shape)
    if np.allclose(given, np.einsum("ijkl,kl->ij", patches, kernel[::-1, ::-1])):
        raise Wrong(
            "flipped-kernel",
            "`convolve` turns the kernel round. That is convolution in signal processing; the layers of deep learning "
            "do not flip, they correlate.",
        )
    if np.allclose(given, np.einsum("ijkl,kl->ij", patches, kernel.T)):
        raise Wrong("transposed", "`convolve` uses the kernel transposed: rows and columns are exchanged.")
    if np.allclose(given, patches.sum(axis=(2, 3))):
        raise Wrong("no-kernel", "`convolve` adds up the patch and leaves the kernel out.")
    passed = np.allclose(given, wanted)
    message = "`convolve` is right." if passed else "`convolve` differs from sum(patch * kernel) at some place."
    small = rng.normal(size=(2, 2))
    wanted = np.einsum("ijkl,kl->ij", np.lib.stride_tricks.sliding_window_view(image, (2, 2)), small)
    if passed and not np.allclose(answer_of(student, "convolve", (image, small), wanted.shape), wanted):
        passed, message = False, "`convolve` is right for a kernel of 3 by 3 and wrong for one of 2 by 2."
    yield Finding("convolve", passed, message, points=1.5)

    wanted = image[:8, :6].reshape(4, 2, 3, 2)
    given = answer_of(student, "max_pool", (image, 2), (4, 3))
    if np.allclose(given, wanted.mean(axis=(1, 3))):
        raise Wrong("mean-pool", "`max_pool` gives the mean of each block; the largest value was expected.")
    if np.allclose(given, image[:8:2, :6:2]):
        raise Wrong("strided", "`max_pool` takes the first value of each block; the largest was expected.")
    passed = np.allclose(given, wanted.max(axis=(1, 3)))
    if not passed and np.allclose(given, np.abs(wanted).max(axis=(1, 3))):
        raise Wrong("absolute", "`max_pool` takes the largest absolute value; the largest value was expected.")
    message = "`max_pool` is right." if passed else "`max_pool` does not give the largest value of each block."
    below = -np.abs(image)  # a maximum that starts from 0 would stay there
    wanted = below[:9, :6].reshape(3, 3, 2, 3).max(axis=(1, 3))
    if passed and not np.allclose(answer_of(student, "max_pool", (below, 3), wanted.shape), wanted):
        passed, message = False, "`max_pool` is wrong for blocks of 3 by 3 with negative numbers in all places."
    yield Finding("max-pool", passed, message, points=1)


# --- 04.3


LECTURE_COUNTS = (80, 21648, 170)


@exercise(
    "04.3",
    title="The lecture's network, counted",
    points=2,
    needs={
        "build_cnn": "a function without arguments that gives a new network",
        "counts": "a list: the parameters of each layer",
    },
    hints=(
        "A convolution has one kernel of 3 by 3 numbers for each pair of input and output channel, and a bias for each "
        "output channel. Pooling and flattening have nothing to learn.",
        "Follow the shape: 28 by 28 by 1, after the convolution 26 by 26 by 8, after the pooling 13 by 13 by 8, flat "
        "1,352.",
        "3 * 3 * 1 * 8 + 8 = 80; 0; 0; 1352 * 16 + 16 = 21648; 16 * 10 + 10 = 170. Layers: `Conv2D(8, 3)`, "
        "`MaxPooling2D(2)`, `Flatten()`, `Dense(16)`, `Dense(10)`.",
    ),
    expected="21,898 parameters in all.",
)
def lecture_network(student, rng):
    """The network that the function builds, layer by layer; then the student's own count."""
    model = student.call("build_cnn")
    if not isinstance(model, Handle):
        raise Wrong("wrong-type", f"`build_cnn()` returns a {type(model).__name__}; a Keras model was expected.")
    said = student.describe(model)
    if said["family"] != "keras":
        raise Wrong("not-keras", f"`build_cnn()` returns a {said['type']}; a Keras model was expected.")
    if said["n_params"] is None:
        raise Wrong("not-built", "The network has no weights yet. Begin it with `keras.Input((28, 28, 1))`.")
    digits = as_input(test_digits()[0][:20])
    probabilities = predictions(student, model, digits)
    _explain_size(said["n_params"], student.layers(model))
    if student.call("build_cnn") == model:
        raise Wrong("same-network", "`build_cnn()` gives the same network twice. Build it inside the function.")
    passed = probabilities.shape[1] == 10 and np.allclose(probabilities.sum(axis=1), 1, atol=1e-3)
    if passed:
        _explain_computation(probabilities, [w for layer in student.weights(model) for w in layer], digits)
    message = "The network has 21,898 parameters and gives ten probabilities."
    if not passed:
        message = "The ten outputs do not add up to 1. Give the last layer `activation='softmax'`."
    yield Finding("softmax", passed, message, points=1)
    counts = student.value("counts")
    counts = list(counts.values()) if isinstance(counts, dict) else counts
    counts = as_array(counts, "`counts`").ravel()
    counts = tuple(int(count) for count in counts if count != 0)
    if counts == (72, 21632, 160):
        raise Wrong("forgot-biases", "These are the weights alone. Each filter and each unit has a bias too.")
    if counts == LECTURE_COUNTS + (21898,):
        counts = LECTURE_COUNTS  # the total at the end does no harm
    message = "80, 0, 0, 21,648 and 170: your counts are right."
    if counts != LECTURE_COUNTS:
        names = ("the convolution", "the first dense layer", "the last layer")
        wrong = [name for name, a, b in zip(names, counts, LECTURE_COUNTS, strict=False) if a != b]
        message = (
            f"The count of {wrong[0]} is not right."
            if wrong
            else f"{len(counts)} layers with parameters were counted; there are 3."
        )
    yield Finding("counts", counts == LECTURE_COUNTS, message, points=1)


def _explain_size(n_params, layers):
    """Raises `Wrong` where a network is not the lecture's, with the likely cause."""
    if n_params == 21898:
        return
    classes = [layer["class"] for layer in layers]
    causes = {
        14 * 14 * 8 * 16 + 16 + 80 + 170: "padding='same' keeps 28 by 28; the lecture's convolution has no padding.",
        26 * 26 * 8 * 16 + 16 + 80 + 170: "the pooling is missing between the convolution and the dense layers.",
    }
    cause = causes.get(n_params, "")
    if not cause and not any("Conv" in name for name in classes):
        cause = "there is no convolution in it."
    if not cause and "Flatten" not in classes:
        cause = "there is no Flatten in it."
    raise Wrong(
        "wrong-size",
        f"The network has {n_params:,} parameters and the lecture's 21,898"
        + (f": {cause}" if cause else ". Compare each layer with the text."),
    )


def _explain_computation(probabilities, weights, digits):
    """Raises `Wrong` where the lecture's network, computed from the same weights in NumPy, gives something else."""
    by_shape = {w.shape: np.asarray(w, dtype=float) for w in weights}
    wanted = {(3, 3, 1, 8), (8,), (1352, 16), (16,), (16, 10), (10,)}
    if set(by_shape) != wanted:
        raise Wrong("wrong-layers", "The network has the right number of parameters, but not in the lecture's layers.")
    windows = np.lib.stride_tricks.sliding_window_view(digits[..., 0].astype(float), (3, 3), axis=(1, 2))
    seen = np.einsum("nijkl,klc->nijc", windows, by_shape[3, 3, 1, 8][:, :, 0]) + by_shape[8,]

    def relu(z):
        return np.maximum(z, 0)

    def linear(z):
        return z

    def blocks(z):
        return z.reshape(len(z), 13, 2, 13, 2, 8)

    def ends_as(maps, bend):
        hidden = bend(maps.reshape(len(maps), -1) @ by_shape[1352, 16] + by_shape[16,])
        z = hidden @ by_shape[16, 10] + by_shape[10,]
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return np.allclose(e / e.sum(axis=1, keepdims=True), probabilities, atol=1e-4)

    if ends_as(blocks(relu(seen)).max(axis=(2, 4)), relu):
        return
    for bend in (relu, linear):
        for bend_after in (relu, linear):
            if ends_as(blocks(bend(seen)).max(axis=(2, 4)), bend_after):
                bare = [n for n, b in (("the convolution", bend), ("dense 16", bend_after)) if b is linear]
                raise Wrong("no-relu", f"There is no ReLU after {' and '.join(bare)}. Add `activation='relu'`.")
    if ends_as(blocks(relu(seen)).mean(axis=(2, 4)), relu):
        raise Wrong("wrong-pooling", "The pooling takes the mean of each block; the lecture's takes the largest.")
    if ends_as(relu(seen)[:, ::2, ::2], relu):
        raise Wrong("no-pooling", "The convolution jumps by a stride of 2, and the pooling is missing.")
    raise Wrong(
        "other-computation",
        "The parameters are those of the lecture's network, but the probabilities are not. Compare the activations and "
        "the order of the layers with the text.",
    )


# --- 04.4


@exercise(
    "04.4",
    title="Training with three callbacks",
    points=3,
    needs={
        "lecture_model": "the trained network",
        "history": "what `fit` returned",
        "callbacks": "the list of callbacks that you gave to `fit`",
    },
    hints=(
        "A callback is an object that `fit` calls at the end of each epoch. Put the three into one list and hand it to "
        "`fit` as `callbacks=`.",
        "All three watch a validation metric, so `fit` needs validation data: `validation_split=0.1`, or digits that you "
        "set aside from the training set. The test digits stay out of it.",
        "`callbacks = [keras.callbacks.ModelCheckpoint('best.keras', save_best_only=True), "
        "keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True), "
        "keras.callbacks.ReduceLROnPlateau(factor=0.3, patience=1)]`",
    ),
    expected="At least {accuracy:.1%} of unseen digits read right, curves for training and validation.",
)
def training(student, rng):
    """The three callbacks, an honest validation, and the accuracy on digits that nobody trained on."""
    images, labels = noisy_sample(rng)
    accuracy = digit_accuracy(student, "lecture_model", images, labels)
    count = student.describe("lecture_model")["n_params"]
    if count is not None:
        _explain_size(count, student.layers("lecture_model"))
    same_as_replay_of_digits(student, "lecture_model", images[:50])
    history = {name: np.asarray(values) for name, values in student.history("history").items()}
    if not any(np.isfinite(values).all() for values in history.values()):
        raise Wrong("not-finite", "The history holds NaN: the training diverged. Lower the learning rate.")
    if "val_loss" not in history:
        raise Wrong(
            "no-validation",
            f"The history has {', '.join(history) or 'nothing'} and no `val_loss`. Give `fit` a `validation_split`: "
            "without it the callbacks have nothing to watch.",
        )
    _refuse_test_as_validation(student, history)
    callbacks = student.value("callbacks")
    if not isinstance(callbacks, list | tuple):
        raise Wrong("wrong-type", "`callbacks` should be a list of callbacks.")
    kinds = {callback.type_name for callback in callbacks if isinstance(callback, Handle)}
    missing = [k for k in ("ModelCheckpoint", "EarlyStopping", "ReduceLROnPlateau") if k not in kinds]
    message = "ModelCheckpoint, EarlyStopping and ReduceLROnPlateau were all there."
    if missing:
        message = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing from `callbacks`."
    yield Finding("callbacks", not missing, message, points=1)
    used = "learning_rate" in history or "lr" in history
    message = f"{len(history['val_loss'])} epochs, with training and validation curves."
    if not used:
        message = (
            "The history has no learning rate, which ReduceLROnPlateau records: were the callbacks given to `fit`?"
        )
    yield Finding("history", used, message, points=1)
    yield check_limit(
        "04.4", "accuracy", accuracy, "{} of 1,000 unseen digits are right", "Train for more epochs.", points=1
    )


def _refuse_test_as_validation(student, history):
    """Raises `Wrong` where an epoch's validation loss is the model's loss on the test digits, to five digits."""
    metric = next((name for name in history if name.startswith("val_") and "acc" in name), None)
    if metric is None:
        return
    images, labels = test_digits()
    scores = digit_scores(student, "lecture_model", as_input(images))
    accuracy = np.mean(scores.argmax(axis=1) == labels)
    probability = np.clip(scores[np.arange(len(labels)), labels], 1e-7, 1)
    loss = -np.mean(np.log(probability))
    epochs = zip(history["val_loss"], history[metric], strict=False)
    if any(abs(a - loss) < 1e-4 * loss and abs(b - accuracy) < 2e-4 for a, b in epochs):
        raise Wrong(
            "test-as-validation",
            f"The validation loss {loss:.4f} is that of the test digits. Callbacks that stop and choose by the test set "
            "spend it: its accuracy no longer says how unseen digits are read. Split the training digits.",
        )


# --- 04.5


@exercise(
    "04.5",
    title="Which digits are confused, and two digits at once",
    points=3,
    needs={
        "lecture_model": "the trained network of 04.4",
        "confusion": "an array (10, 10) of counts over the test digits",
        "pair_model": "a trained network that marks both digits of a picture (28, 56, 1)",
    },
    hints=(
        "Row t, column p of the matrix counts the digits t that were read as p. `sklearn.metrics.confusion_matrix` takes "
        "the true labels first.",
        "The classes of a pair do not exclude each other, so the ten outputs must not share one sum. Give each its own "
        "yes or no.",
        "`confusion_matrix(y_test, lecture_model.predict(x_test).argmax(axis=1))`. For the pairs: last layer "
        "`Dense(10, activation='sigmoid')`, loss `binary_crossentropy`.",
    ),
    expected="Counts that add up to 10,000; at least {label_accuracy:.1%} of the yes and no answers about pairs right.",
)
def confusion_and_pairs(student, rng):
    """The counts against the model's own predictions; the pair network on fresh pairs."""
    images, labels = test_digits()
    guessed = digit_scores(student, "lecture_model", as_input(images)).argmax(axis=1)
    not_constant(guessed, "lecture_model")
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
    yield Finding("confusion", close, message, points=1)

    from coursekit.data import make_digit_pairs

    pairs, shown = make_digit_pairs(images, labels, n_samples=600, seed=int(rng.integers(2**31)))
    scores = predictions(student, "pair_model", as_input(pairs))
    if scores.shape[1] != 10:
        raise Wrong(
            "wrong-shape", f"`pair_model` answers with {scores.shape[1]} columns; one for each digit was expected."
        )
    if np.ptp(scores, axis=0).max() < 1e-4:
        raise Wrong("constant", "`pair_model` gives every picture the same ten numbers. Was it fitted?")
    if np.allclose(scores.sum(axis=1), 1, atol=1e-3):
        raise Wrong(
            "softmax",
            "The ten outputs of `pair_model` always add up to 1: a softmax lets one digit win only at the cost of the "
            "other. Use a sigmoid for each.",
        )
    marked = scores > (0.5 if scores.min() >= 0 and scores.max() <= 1 else 0.0)
    label_accuracy = np.mean(marked == (shown == 1))
    guess = np.mean(shown == 0)
    if label_accuracy < guess + 0.02:
        raise Wrong(
            "untrained",
            f"{label_accuracy:.1%} of the yes and no answers are right; always answering no gets {guess:.1%}. Train on the "
            "pairs, with labels of shape (n, 10).",
        )
    same_as_replay_of_digits(student, "pair_model", pairs[:20])
    yield check_limit(
        "04.5",
        "label_accuracy",
        label_accuracy,
        "{} of the yes and no answers are right",
        "Train for more epochs.",
        points=2,
    )


def _explain_confusion(given, wanted):
    """Raises `Wrong` where a known slip explains the matrix."""
    if np.abs(given.T - wanted).sum() <= 20:
        raise Wrong(
            "transposed", "Rows and columns are exchanged: a row is a true digit, a column what it was read as."
        )
    for axis, name in ((1, "row"), (0, "column")):
        share = wanted / np.maximum(wanted.sum(axis=axis, keepdims=True), 1)
        if np.allclose(given, share, atol=0.01) or np.allclose(given, 100 * share, atol=1):
            raise Wrong("not-counts", f"These are shares of each {name}; the counts were asked for.")
    if abs(given.sum() - wanted.sum()) > 0.5:
        raise Wrong("wrong-total", f"The counts add up to {given.sum():,.0f}; there are 10,000 test digits.")


# --- 04.6


@exercise(
    "04.6",
    title="Shift the digits",
    points=3,
    needs={
        "shift_by": "a function of images, down, right",
        "dense": "the network of 04.1",
        "lecture_model": "the network of 04.4",
        "accuracies": "an array (2, 5): both networks' accuracy for shifts of 0 to 4 pixels",
    },
    hints=(
        "Cut off what leaves the picture and put zeros where it came from. Padding with zeros and then cutting out a "
        "window does both.",
        "With `padded = np.pad(images, ((0, 0), (4, 4), (4, 4)))` the unshifted picture is `padded[:, 4:32, 4:32]`. A "
        "picture that moves down is a window that moves up.",
        "`return padded[:, 4 - down : 32 - down, 4 - right : 32 - right]`. Then, for each network and s = 0..4, the mean "
        "of `predict(shift_by(x_small[..., 0], 0, s)[..., None]).argmax(axis=1) == y_small`.",
    ),
    expected="Both fall with the shift; the dense network falls faster. At 4 pixels it reads at most {dense_at_4:.0%} of the digits.",
)
def shifts(student, rng):
    """The shift against its definition; the table against the two networks themselves."""
    images = rng.random(size=(3, 28, 28))
    down, right = (int(v) for v in rng.permutation([2, -3]))
    given = answer_of(student, "shift_by", (images, down, right), images.shape)
    if not np.allclose(given, _shifted(images, down, right)):
        slips = {
            "wraps-around": (
                np.roll(images, (down, right), axis=(1, 2)),
                "What leaves on one side comes back on the other. Fill with zeros.",
            ),
            "wrong-sign": (
                _shifted(images, -down, -right),
                "It shifts the other way: `down` moves the digit to larger row numbers.",
            ),
            "axes-swapped": (
                _shifted(images, right, down),
                "`down` and `right` are exchanged: the first axis of a picture is its row.",
            ),
        }
        for code, (values, message) in slips.items():
            if np.allclose(given, values):
                raise Wrong(code, message)
        wrapped = np.array(_shifted(images, down, right))
        inside = wrapped != 0
        if np.allclose(given[inside], wrapped[inside]):
            raise Wrong("not-zero-filled", "The digit moves right, but the freed rows or columns are not 0.")
    message = "`shift_by` moves the digit and fills with zeros."
    for way in ((down, right), (0, 0), (0, 4), (-4, 0)):
        passed = np.allclose(answer_of(student, "shift_by", (images, *way), images.shape), _shifted(images, *way))
        if not passed:
            message = (
                f"`shift_by(images, {way[0]}, {way[1]})` does not give the pictures moved {way[0]} down and {way[1]} "
                "to the right."
            )
            break
    yield Finding("shift", passed, message, points=1)
    table = as_array(student.value("accuracies"), "`accuracies`", shape=(2, 5))
    images, labels = (part[:1000] for part in test_digits())
    wanted = np.array(
        [
            [
                np.mean(digit_scores(student, name, as_input(_shifted(images, 0, s))).argmax(1) == labels)
                for s in range(5)
            ]
            for name in ("dense", "lecture_model")
        ]
    )
    if wanted[:, 0].min() < 0.5:
        raise Wrong(
            "untrained", f"Unshifted, the networks read {wanted[0, 0]:.0%} and {wanted[1, 0]:.0%}. Train both first."
        )
    # Half a percent: a digit in 200 may stand on the edge between two classes.
    close = np.abs(table - wanted).max() <= 0.005
    if not close:
        if np.abs(table / 100 - wanted).max() <= 0.005:
            raise Wrong("percent", "These are percents; accuracies between 0 and 1 were asked for.")
        if np.abs(table[::-1] - wanted).max() <= 0.005:
            raise Wrong("rows-swapped", "The rows are exchanged: the dense network comes first.")
        if np.ptp(table, axis=1).max() < 1e-9:
            raise Wrong("constant", "Each network has the same accuracy for every shift: were the pictures shifted?")
        s = int(np.abs(table - wanted).max(axis=0).argmax())
        message = (
            f"For a shift of {s} the table says {table[0, s]:.3f} and {table[1, s]:.3f}; on the first 1,000 test digits, "
            f"shifted {s} to the right, the networks get {wanted[0, s]:.3f} and {wanted[1, s]:.3f}."
        )
    else:
        message = (
            f"The table is right. From 0 to 4 pixels the dense network falls from {wanted[0, 0]:.0%} to {wanted[0, 4]:.0%}, "
            f"the convolutional one from {wanted[1, 0]:.0%} to {wanted[1, 4]:.0%}."
        )
    yield Finding("accuracies", close, message, points=2, seen={"dense_at_4": wanted[0, 4]})


def _shifted(images, down, right):
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4)))
    return padded[:, 4 - down : 32 - down, 4 - right : 32 - right]


# --- 04.7


@exercise(
    "04.7",
    title="Beat 99 %",
    points=3,
    needs={"best_model": "a trained network for digits (n, 28, 28, 1) in [0, 1]"},
    hints=(
        "The lecture's network has one convolution. Two or three of them, with more filters the deeper you go, see "
        "larger parts of the digit.",
        "Speed comes from strides (`strides=2` in the place of pooling), from batch normalisation, which allows a larger "
        "learning rate, and from a learning rate that warms up and decays.",
        "`Conv2D(16, 5, strides=2)`, `Conv2D(64, 3, strides=2)`, `Conv2D(96, 3)`, each without bias and followed by "
        "`BatchNormalization(momentum=0.9)` and `ReLU()`; then `Flatten`, `Dense(10, activation='softmax')`; two or three "
        "epochs with the schedule that the notebook gives.",
    ),
    expected="At least 99 % of the 10,000 test digits; the solution reaches 99.2 % in two epochs.",
)
def beat_99(student, rng):
    """The accuracy over all test digits, in two steps."""
    images, labels = test_digits()
    accuracy = digit_accuracy(student, "best_model", images, labels)
    if accuracy > 0.9985:
        raise Wrong(
            "leak",
            f"{accuracy:.2%} of the test digits: better than the best published single networks. Were the test digits "
            "among the training data?",
        )
    same_as_replay_of_digits(student, "best_model", images[:50])
    _refuse_memory(student, images, labels, accuracy, rng)
    seen = {"accuracy": accuracy}
    yield Finding(
        "accuracy-98", accuracy >= 0.98, f"{accuracy:.2%} of the 10,000 test digits are right.", points=1, seen=seen
    )
    advice = "More than 99 %." if accuracy > 0.99 else "More than 99 % is the goal: a second convolution helps most."
    yield Finding("accuracy-99", accuracy > 0.99, advice, points=2)


def _refuse_memory(student, images, labels, accuracy, rng):
    """Raises `Wrong` where the known digits are read and the same digits in slightly paler ink are not."""
    rows = rng.choice(len(images), 500, replace=False)
    paler = images[rows].astype(int) - rng.integers(1, 12, size=(500, 28, 28))
    paler = np.where(images[rows] > 0, np.maximum(paler, 1), 0)  # the paper stays black: some networks ask only for ink
    share = np.mean(digit_scores(student, "best_model", as_input(paler)).argmax(axis=1) == labels[rows])
    # Of 500 digits a network misses about 5; this is ten times that.
    if share < accuracy - 0.1:
        raise Wrong(
            "memorised",
            f"{accuracy:.1%} of the test digits are read, and {share:.1%} of the same digits in slightly paler ink. "
            "Were the test digits looked up?",
        )


# --- 04.8


@exercise(
    "04.8",
    title="Look inside, and save",
    points=2,
    needs={
        "lecture_model": "the trained network of 04.4",
        "kernels": "the kernels of its convolution, (3, 3, 1, 8)",
        "maps": "the feature maps of the first test digit, (26, 26, 8)",
        "reloaded": "the network, loaded again from the file",
    },
    hints=(
        "The first layer that has weights is the convolution. `layer.get_weights()` gives kernels and biases.",
        "A feature map is the output of the convolution, after its activation. A layer is a function: call it on a batch "
        "of one digit.",
        "`conv = lecture_model.layers[0]`; `kernels = conv.get_weights()[0]`; `maps = np.array(conv(x_test[:1]))[0]`; "
        "`lecture_model.save('my_digits.keras')`; `reloaded = keras.models.load_model('my_digits.keras')`.",
    ),
    expected="Eight kernels, eight maps of 26 by 26, and a reloaded network that predicts the same.",
)
def look_inside(student, rng):
    """Kernels and maps recomputed from the weights; the reloaded network against the original."""
    layers, weights = student.layers("lecture_model"), student.weights("lecture_model")
    convolutions = [i for i, layer in enumerate(layers) if layer["class"] == "Conv2D"]
    if not convolutions:
        raise Wrong("no-convolution", "`lecture_model` has no Conv2D layer; hand in the network of 04.4.")
    _explain_size(sum(w.size for layer in weights for w in layer), layers)
    W, *bias = weights[convolutions[0]]
    b = bias[0] if bias else np.zeros(W.shape[-1])
    kernels = as_array(student.value("kernels"), "`kernels`")
    same = kernels.size == W.size and np.allclose(kernels.reshape(-1), W.reshape(-1), atol=1e-5)
    if not same and kernels.size == W.size and np.allclose(np.sort(kernels.ravel()), np.sort(W.ravel()), atol=1e-5):
        raise Wrong("reordered", f"These are the kernels with their axes moved; Keras keeps them as {W.shape}.")
    if kernels.size == b.size:
        raise Wrong("biases", "These are the biases. The kernels are the first of the two arrays.")
    message = "The kernels are those of the convolution."
    if not same:
        message = f"`kernels` of shape {kernels.shape} are not those of `lecture_model`, whose shape is {W.shape}."
    yield Finding("kernels", same, message, points=0.5)

    digit = test_digits()[0][0] / 255
    linear = np.einsum("ijkl,klc->ijc", np.lib.stride_tricks.sliding_window_view(digit, (3, 3)), W[:, :, 0]) + b
    maps = as_array(student.value("maps"), "`maps`")
    maps = maps[0] if maps.ndim == 4 and len(maps) == 1 else maps
    if maps.shape != linear.shape:
        raise Wrong(
            "wrong-shape", f"`maps` has shape {maps.shape}; {linear.shape} was expected, the maps of one digit."
        )
    same = np.allclose(maps, np.maximum(0, linear), atol=1e-3)
    if not same and np.allclose(maps, linear, atol=1e-3):
        activation = layers[convolutions[0]]["activation"]
        if activation not in (None, "linear"):
            raise Wrong("no-activation", "These are the maps before the activation. Call the layer itself.")
        same = True  # a network whose activation is a layer of its own
    message = "The maps are what the convolution makes of the first test digit."
    if not same:
        message = "`maps` is not the convolution of the first test digit, `x_test[0]`, scaled to [0, 1]."
    yield Finding("maps", same, message, points=0.5)

    few = as_input(test_digits()[0][:200])
    apart = np.abs(digit_scores(student, "reloaded", few) - digit_scores(student, "lecture_model", few)).max()
    if student.value("lecture_model") == student.value("reloaded"):
        raise Wrong("same-object", "`reloaded` is `lecture_model` itself. Load it from the file that you saved.")
    message = "The reloaded network predicts the same."
    if apart >= 1e-3:
        message = f"The predictions of the two networks differ by up to {apart:.2f}: is it the same network, saved after training?"
    yield Finding("reloaded", apart < 1e-3, message, points=1)
