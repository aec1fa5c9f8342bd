"""What the exercises on handwritten digits share."""

from functools import cache

import numpy as np

from coursekit.checks.framework import Misconception
from coursekit.checks.proxy import StudentError
from coursekit.checks.vocabulary.models import as_class_probabilities, predictions, rebuild, refuse
from coursekit.data import load_mnist, path

CLASS_LOSSES = ("sparse_categorical_crossentropy", "categorical_crossentropy")


@cache
def test_digits():
    """The 10,000 test digits: uint8 images and labels."""
    return load_mnist()[1]


@cache
def train_digits():
    """The 60,000 training digits: uint8 images and labels."""
    return load_mnist()[0]


@cache
def shipped_network():
    """The network of notebook 04 that comes with the course."""
    import keras

    return keras.models.load_model(path("mnist_cnn.keras"))


def as_input(images):
    """Digits as the notebook feeds them: float32 in [0, 1], with a channel axis."""
    return images[..., None].astype("float32") / 255


def noisy(rng, images, labels, n=1000):
    """Some digits with a little noise, uint8, and their labels: a table of the known ones would not help."""
    rows = rng.choice(len(images), n, replace=False)
    noise = rng.integers(0, 12, size=(n, 28, 28))
    return np.clip(images[rows].astype(int) + noise, 0, 255).astype("uint8"), labels[rows]


def predict_pictures(student, name, x, shapes=((28, 28, 1), (28, 28), (784,))):
    """What a model gives for pictures, (n, k): asked in the first shape that it takes, or with its first refusal."""
    refusal = None
    for shape in [student.known["shape", name]] if ("shape", name) in student.known else shapes:
        try:
            scores = predictions(student, name, x.reshape(-1, *shape))
        except StudentError as error:
            if error.kind == "NotFittedError":
                raise
            refusal = refusal or error
        else:
            student.known["shape", name] = shape
            return scores
    raise refusal


def refuse_other_scale(name, scores_of, x, y, accuracy):
    """Raises `Misconception` where pictures on another scale are read and those in [0, 1] are not."""
    for factor, said in ((255.0, "0 to 255"), (1 / 255, "0 to 1/255")):
        other = np.mean(scores_of(x[:500] * np.float32(factor)).argmax(axis=1) == y[:500])
        if other > max(0.8, accuracy + 0.04) or other > max(0.5, accuracy + 0.1):
            seen = f"reads {accuracy:.0%} of digits scaled to [0, 1], and {other:.0%} when they run from {said}."
            refuse(name, "unscaled-inputs", f"{seen} Train it on digits in [0, 1], as the notebook gives them.")


def require_class_probabilities(student, name, scores_of, x, y, n_classes):
    """Raises `Misconception` where the answers are no probabilities of so many classes."""
    try:
        as_class_probabilities(name, predict_pictures(student, name, x), n_classes)
    except Misconception as wrong:
        if wrong.finding.code == "one-hot":  # grey values far too large drive a softmax to 0 and 1
            refuse_other_scale(name, scores_of, x, y, np.mean(scores_of(x).argmax(axis=1) == y))
        raise


def explain_unread(student, name, scores_of, x, y, first=0):
    """Raises `Misconception` where something that was looked at explains why few digits are read.

    Parameters
    ----------
    scores_of : callable
        The network's scores of the classes for pictures such as `x`, (n, k).
    x, y : numpy.ndarray
        Pictures in [0, 1] and their labels, which count from 0.
    first : int
        The digit that label 0 stands for.
    """
    guesses = scores_of(x).argmax(axis=1)
    accuracy = np.mean(guesses == y)
    _refuse_lagging_averages(student, name, scores_of, x, y, accuracy)
    refuse_other_scale(name, scores_of, x, y, accuracy)
    said = student.describe(name)
    if said["family"] == "keras":
        if _as_it_was_born(student, name):
            why = "all its biases are those of a new network: it was never fitted. Call `compile`, then `fit`."
            refuse(name, "untrained", f"reads {accuracy:.0%} of the digits, and {why}")
        if said.get("loss") is not None and said["loss"] not in CLASS_LOSSES:
            advice = "for labels that are whole numbers take `sparse_categorical_crossentropy`."
            seen = f"reads {accuracy:.0%} of the digits. It was compiled with the loss `{said['loss']}`"
            refuse(name, "wrong-loss", f"{seen}; {advice}")
    kinds = len(np.unique(y))
    if len(np.unique(guesses)) == 1:
        advice = "Look at the labels that it was given, and try a smaller learning rate."
        refuse(name, "constant", f"calls every digit a {guesses[0] + first}. {advice}")
    renumbered = sum(np.bincount(y[guesses == k]).max(initial=0) for k in range(kinds)) / len(y)
    if renumbered > max(0.8, accuracy + 0.2):
        other = f"smallest digit, as `y - {first}` gives it" if first else "digit 0, output 1 for the digit 1"
        seen = f"tells the digits apart ({renumbered:.0%}), and its outputs are numbered otherwise"
        code = "labels-not-shifted" if first else "renumbered"
        refuse(name, code, f"{seen}: output 0 should stand for the {other}.")
    if accuracy < 2 / kinds:
        seen = f"reads {accuracy:.0%} of the digits; guessing reads {1 / kinds:.0%}."
        refuse(name, "untrained", f"{seen} Look at its loss during `fit`: does it fall?")


def _as_it_was_born(student, name):
    """Whether every bias is still 0, and every factor and variance of a normalisation 1, as before any training."""
    short = [w for layer in student.weights(name) for w in layer if w.ndim == 1]
    return bool(short) and all(np.ptp(w) == 0 and w[0] in (0, 1) for w in short)


def _refuse_lagging_averages(student, name, scores_of, x, y, accuracy):
    """Raises `Misconception` where batch normalisation reads well with a batch's mean and variance alone."""
    if not any(layer["class"] == "BatchNormalization" for layer in student.layers(name)):
        return
    built = rebuild(student, name, x.shape)
    if built is None:
        return
    for layer in built._flatten_layers():  # no dropout and no noise, which draw without a seed
        for size in {"rate", "stddev"} & set(vars(layer)):
            setattr(layer, size, 0.0)
    in_training = np.mean(np.asarray(built(x[:500], training=True)).argmax(axis=1) == y[:500])
    rescaled = max(np.mean(scores_of(x[:500] * f).argmax(axis=1) == y[:500]) for f in np.float32([255, 1 / 255]))
    if in_training > max(0.8, accuracy + 0.03, rescaled):
        seen = f"reads {accuracy:.0%} of the digits as it stands, and {in_training:.0%} when its batch normalisation"
        why = "takes mean and variance from the batch: its moving averages lag behind."
        refuse(name, "moving-averages", f"{seen} {why} Train for more steps, or set `momentum=0.9`.")


def refuse_learned_test_digits(name, seen, unseen, advice, room=0.003):
    """Raises `Misconception` where the share of test digits read is above that of training digits, by more than `room`.

    No honest network, however short its training, reads them better than the training digits in odd places, the easier.
    """
    if unseen > seen + room:
        shares = f"{unseen:.1%} of the test digits and {seen:.1%} of the training digits"
        refuse(name, "trained-on-test-digits", f"reads {shares}: it has learned from the test digits. {advice}")
