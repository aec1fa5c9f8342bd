"""Checks of notebook 10: jets as images, as sequences and as sets."""

import operator

import numpy as np
from scipy.special import expit
from sklearn.metrics import log_loss, roc_auc_score

from coursekit.checks.framework import Misconception, check_that, exercise, fail_if, say, threshold
from coursekit.checks.proxy import StudentError
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import (
    as_array,
    as_number,
    call_array,
    check_array,
    refuse_misconceptions,
    type_name,
)
from coursekit.checks.vocabulary.metrics import check_metric
from coursekit.checks.vocabulary.models import (
    as_binary_probabilities,
    describe_keras,
    layer_configs,
    layer_kinds,
    predictions,
    recompute_without,
    refuse_constant,
)
from coursekit.checks.vocabulary.relations import describe_relation
from coursekit.data import make_jets

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py. Each seed draws its own hidden jets;
# a network of another size or with another training is given room.
MARGINS = {
    "10.2": {"area": -0.01},
    "10.3": {"area": -0.01},
    "10.4": {"area": -0.01},
    "10.6": {"area": -0.005},
    "10.7": {"area": -0.01},
}

_N_PIXELS, _HALF_WIDTH = 16, 0.4
_SIDE = 2 * _HALF_WIDTH / _N_PIXELS  # of a cell
_N_JETS = 10_000  # hidden jets of one check: the area then has an error of about 0.005
_RIGHT = 0.6  # share of jets that a network which has learned something gets right; the solution's have 0.7


def _jets(rng, n_samples):
    return make_jets(n_samples, seed=int(rng.integers(2**31)))


def _ordered(jets):
    order = np.argsort(-jets[:, :, 0], axis=1)
    return np.take_along_axis(jets, order[:, :, None], axis=1)


def _inputs(jets):
    """The three numbers of each particle as the notebook's `particle_inputs` gives them."""
    return np.dstack([np.log1p(jets[:, :, 0]), jets[:, :, 1:] / _HALF_WIDTH]).astype("float32")


def _scores(student, name, X):
    """One score a jet, higher for a gluon."""
    try:
        scores = predictions(student, name, X)
    except StudentError as error:
        if error.kind not in ("ValueError", "InvalidArgumentError", "AbortedError"):  # what Keras makes of a shape
            raise
        shape = ", ".join(map(str, X.shape[1:]))
        raise Misconception("wrong-inputs", name=name, shape=shape, kind=error.kind) from None
    fail_if(scores.shape[1] != 1, "wrong-shape", name=name, columns=scores.shape[1])
    return scores[:, 0]


def _area_of(student, name, X, y, others=None):
    """The area of a Keras model on fresh jets and its scores, or `Misconception` with the cause of a poor one.

    An untrained sum over particles may order the jets well by chance; its answers are not on the right side of one half.
    `others` are inputs that a student may have trained on by mistake: code -> X.
    """

    def measured(scores):
        return roc_auc_score(y, scores), np.mean((scores > 0.5) == y)

    said, scores = describe_keras(student, name), _scores(student, name, X)
    refuse_constant(scores, name, ".3f", say("untrained"))
    as_binary_probabilities(name, scores[:500, None])
    last = student.layers(name)[-1:] if said["type"] == "Sequential" else []
    fail_if(any(layer["activation"] == "linear" for layer in last), "linear.logits", name=name)
    area, right = measured(scores)
    for code, X_other in (others or {}).items() if area < 0.76 or right < _RIGHT else ():
        answers = _scores(student, name, X_other)
        if np.ptp(answers) < 1e-6:  # of inputs that the network was not made for
            continue
        other, right_there = measured(answers)
        ordered = other > area + 0.02 and right_there > max(_RIGHT, right)
        # The scores may order the jets on both inputs, and be on the right side of one half on one of them alone.
        decided = right < _RIGHT and other > 0.7 and right_there > max(_RIGHT, right) + 0.05
        fields = {"name": name, "area": area, "other": other, "right": right, "right_there": right_there}
        fail_if(ordered or decided, code, **fields)
    fail_if(area < 0.4 and right < 1 - _RIGHT, "reversed", area=area, other=1 - area)
    fail_if(right < _RIGHT, "not-trained", name=name, right=right, area=area)
    return area, scores


def _enough(student, id, name, area, form, advice="longer"):
    """The finding about an area; of one too small it says whether it is larger on the jets of the notebook."""
    if area < threshold(id, "area"):
        jets, y = make_jets(n_samples=6000, seed=1)
        own = roc_auc_score(y, _scores(student, name, form(jets)))
        advice = say("by-heart" if own > area + 0.04 else f"area.{advice}", own=own)
    return check_metric(id, "area", area, 2, ".3f", advice=advice)


@exercise("10.1")
def to_images(student, rng):
    """Particles inside and outside of the grid, some in one cell, on random places away from the borders of cells."""
    jets = _scattered(rng)
    given = as_array(student.call("to_images", jets.copy()), "What `to_images` returns")
    shape = (len(jets), _N_PIXELS, _N_PIXELS)
    fail_if(given.shape == (*shape, 1), "channel.wrong-shape", given=given.shape, shape=shape)
    fail_if(given.shape != shape, "wrong-shape", jets=jets.shape, given=given.shape, shape=shape)
    wanted = _pixels(jets)
    real = np.dstack([jets[:, :, 0] > 0, jets[:, :, 1:]])
    misconceptions = {
        "transposed": wanted.transpose(0, 2, 1),
        "upside-down": wanted[:, ::-1],
        "mirrored": wanted[:, :, ::-1],
        "last-wins": _pixels(jets, put=operator.setitem),
        "maximum": _pixels(jets, put=np.maximum.at),
        "first-wins": _pixels(jets[:, ::-1], put=operator.setitem),
        "averaged": wanted / np.maximum(_pixels(real), 1),
        "cell-too-far": _pixels(jets, cell=np.ceil),
        "logarithm": np.log1p(wanted),
        "wraps": _pixels(jets, outside="wrap"),
        "clipped": _pixels(jets, outside="clip"),
        "rounded": _pixels(jets, cell=np.rint),
        "cut-to-zero": _pixels(jets, cell=np.trunc),
        "counts": _pixels(real),
        "counts-padding": _pixels(np.dstack([np.ones(jets.shape[:2]), jets[:, :, 1:]])),
        "normalised": wanted / wanted.sum(axis=(1, 2), keepdims=True),
    }
    advice = "Cell (i, j) begins at eta = -0.4 + 0.05 i and phi = -0.4 + 0.05 j."
    places = check_array("places", "The image", given, wanted, misconceptions, 1, advice)
    kept, inside = given.sum(axis=(1, 2)), wanted.sum(axis=(1, 2))
    i = np.abs(kept - inside).argmax()
    energy = check_that("energy", abs(kept[i] - inside[i]) < 1e-3 * inside[i], 1, inside=inside[i], kept=kept[i])
    # A misconception that has a name comes first: it explains the energy too.
    yield from (energy, places) if places.code == "places" else (places, energy)


def _scattered(rng):
    """Seven jets of 30 particles: three pairs share a cell, some lie outside, the last five rows are padding."""
    shape = (7, 30)
    cells = rng.integers(-3, _N_PIXELS + 3, size=(*shape, 2))
    cells[:, 3:6] = cells[:, :3] = rng.integers(0, _N_PIXELS, size=(7, 3, 2))
    cells[:, 6:8, 0], cells[:, 8:10, 1] = [-1, _N_PIXELS], [-1, _N_PIXELS]
    jets = np.dstack([rng.uniform(1, 50, shape), (cells + rng.uniform(0.1, 0.9, (*shape, 2))) * _SIDE - _HALF_WIDTH])
    jets[:, 25:] = 0.0
    return jets


def _pixels(jets, put=np.add.at, outside="drop", cell=np.floor):
    """The images of jets; `put(images, places, momenta)` fills them."""
    places = cell((jets[:, :, 1:] + _HALF_WIDTH) / _SIDE).astype(int)
    if outside == "clip":
        places = np.clip(places, 0, _N_PIXELS - 1)
    elif outside == "wrap":
        places = np.where((places < _N_PIXELS).all(axis=2, keepdims=True), places % _N_PIXELS, places)
    inside = ((places >= 0) & (places < _N_PIXELS)).all(axis=2)
    jet = np.broadcast_to(np.arange(len(jets))[:, None], inside.shape)[inside]
    images = np.zeros((len(jets), _N_PIXELS, _N_PIXELS))
    put(images, (jet, *places[inside].T), jets[:, :, 0][inside])
    return images


@exercise("10.2")
def image_network(student, rng):
    """The area on fresh jets; images in GeV instead of their logarithm are recognised; then the convolutions."""
    jets, y = _jets(rng, _N_JETS)
    images = _pixels(jets)[..., None].astype("float32")
    area, _ = _area_of(student, "cnn", np.log1p(images), y, {"unscaled-inputs": images})
    yield _enough(student, "10.2", "cnn", area, lambda jets: np.log1p(_pixels(jets))[..., None])
    found = any("Conv" in name and "1D" not in name for name in layer_kinds(student, "cnn"))
    yield check_that("convolution", found, 1)


@exercise("10.3")
def sequence_network(student, rng):
    """The order of random particles, whose rows must stay whole; then the area, and the recurrent layer."""
    jets, y = _jets(rng, _N_JETS)
    jets = jets[:, rng.permutation(jets.shape[1])]  # padding in the middle too
    probe = jets[:50]
    given = call_array(student, "in_order", probe.copy(), shape=probe.shape)
    wanted, torn = _ordered(probe), np.sort(probe, axis=1)
    padded_last = np.where(probe[:, :, 0] > 0, probe[:, :, 0], np.inf)
    misconceptions = {
        "rising": wanted[:, ::-1],
        "softest-first": np.take_along_axis(probe, np.argsort(padded_last, axis=1)[:, :, None], axis=1),
        "not-sorted": probe,
        "columns-torn": torn,
        "columns-torn-falling": torn[:, ::-1],
        "one-order-for-all": probe[:, np.argsort(-probe[0, :, 0])],
        "jets-mixed": np.take_along_axis(probe, np.argsort(-probe[:, :, 0], axis=0)[:, :, None], axis=0),
    }
    yield check_array("in-order", "`in_order`", given, wanted, misconceptions, 1, "Hardest first, rows kept whole.")
    yield _area_on_sequences(student, "10.3", "lstm", jets, y)


_RECURRENT = ("LSTM", "GRU", "RNN")


def _area_on_sequences(student, id, name, jets, y):
    """The finding about the area of a recurrent network on fresh jets, the hardest particle first."""
    ordered = _ordered(jets)
    others = {"order-unlike": _inputs(ordered[:, ::-1]), "unscaled-inputs": ordered.astype("float32")}
    area, scores = _area_of(student, name, _inputs(ordered), y, others)
    fail_if(not _has_layer(student, name, _RECURRENT), "not-recurrent")
    fail_if(_fits_better(y, _scores(student, name, _inputs(jets)), scores), "no-order.order-unlike")
    return _enough(student, id, name, area, lambda jets: _inputs(_ordered(jets)))


def _has_layer(student, name, parts):
    """Whether the class of a layer has one of these words in its name."""
    return any(part in kind for kind in layer_kinds(student, name) for part in parts)


def _fits_better(y, these, those):
    """Whether probabilities fit the labels better than others do, by the loss and by the area; False where one is none.

    A network trained on sorted jets loses by either where they are in no order; one that does not care has both alike.
    """
    if min(these.min(), those.min()) < 0 or max(these.max(), those.max()) > 1:
        return False
    loss, other_loss = (log_loss(y, np.clip(scores, 1e-6, 1 - 1e-6)) for scores in (these, those))
    return loss < other_loss - 0.002 and roc_auc_score(y, these) > roc_auc_score(y, those) + 0.002


@exercise("10.4")
def set_network(student, rng):
    """The area on fresh jets; the same answers for shuffled rows, and with more rows of zeros, but not for each row twice."""
    jets, y = _jets(rng, _N_JETS)
    X = _inputs(jets)
    others = {"unscaled-inputs": jets.astype("float32"), "order-matters": _inputs(_ordered(jets))}
    area, answers = _area_of(student, "set_network", X, y, others)
    few, answers = X[:200], answers[:200]
    room = 1e-3 * max(1.0, np.ptp(answers))  # a sum in another order, in float32
    shuffled = np.stack([jet[rng.permutation(len(jet))] for jet in few])
    apart = np.abs(_scores(student, "set_network", shuffled) - answers).max()
    fail_if(apart > room, "shuffled.order-matters", apart=apart)
    longer = np.concatenate([few, np.zeros((len(few), 13, 3), dtype="float32")], axis=1)
    try:
        padded = _scores(student, "set_network", longer)
    except (StudentError, Misconception) as error:
        if isinstance(error, Misconception) and error.finding.code != "wrong-inputs":
            raise
        raise Misconception("fixed-size") from None
    mean = np.abs(_scores(student, "set_network", np.concatenate([few, few], axis=1)) - answers).max() <= room
    apart = np.abs(padded - answers).max()
    fail_if(apart > room, "mean.padding-matters" if mean else "padding-matters", apart=apart)
    yield _enough(student, "10.4", "set_network", area, _inputs, "mean" if mean else "longer")
    yield Finding("set", True, "Neither the order of the particles nor the padding matters.", points=1)


@exercise("10.5")
def comparison(student, rng):
    """Both measures on random scores; the counts against the networks' own."""
    y = rng.permutation(np.arange(600) % 3 > 0).astype(int)
    scores = rng.normal(size=600) + 0.8 * y
    yield lambda: _areas(student, y, scores)
    yield lambda: _rejections(student, y, scores)
    jets, labels = _jets(rng, 400)
    views = {
        "CNN": ("cnn", np.log1p(_pixels(jets))[..., None].astype("float32")),
        "LSTM": ("lstm", _inputs(_ordered(jets))),
        "set": ("set_network", _inputs(jets)),
    }
    counts = student.value("n_params")
    fail_if(not isinstance(counts, dict), "no-dict.wrong-keys", type=type_name(counts))
    fail_if(set(counts) != set(views), "wrong-keys", keys=", ".join(map(str, counts)))
    for key, (name, X) in views.items():
        wanted = describe_keras(student, name)["n_params"]
        _area_of(student, name, X, labels)
        given = as_number(counts[key], f'`n_params["{key}"]`')
        if given == wanted:
            continue
        weights = [w for layer in student.weights(name) for w in layer]
        layers = student.layers(name)
        gates = sum(layer["params"] or 0 for layer in layers if layer["class"] == "LSTM")
        units = sum(layer["units"] for layer in layers if layer["class"] == "GRU")
        fail_if(given == sum(w.size for w in weights if w.ndim > 1), "no-biases", given=given, name=name)
        fail_if(given == 3 * wanted + 2, "with-optimiser", given=given)  # Adam's two a weight, its step and its rate
        fail_if(gates and given == wanted - 0.75 * gates, "no-gates", given=given)
        fail_if(units and given == wanted - 3 * units, "one-bias", given=given)
        for other, _ in views.values():
            if other != name and given == student.describe(other)["n_params"]:
                raise Misconception("networks-exchanged", given=given, other=other, key=key)
        for layer in layers:
            if layer["params"] and given == wanted - layer["params"]:
                raise Misconception("layer-left-out", given=given, name=layer["name"], kind=layer["class"])
        rules = "".join(say(f"counted.{kind}") for kind in _COUNTED if kind in layer_kinds(student, name))
        compared = "fewer" if given > wanted else "more"
        raise Misconception("n-params", name=name, given=given, compared=compared, rules=rules)
    yield check_that("n-params", True, 1)


def _areas(student, y, scores):
    wanted, given = roc_auc_score(y, scores), student.call("area", y, scores)
    fail_if(isinstance(given, tuple | list) and len(given) == 3, "wrong-type")
    given = as_number(given, "What `area` returns")
    n_quarks, n_gluons = np.bincount(y)
    misconceptions = {
        "reversed": 1 - wanted,
        "accuracy": np.mean((scores > 0.5) == y),
        "not-averaged": wanted * n_gluons * n_quarks,
    }
    advice = "Compare every gluon with every quark."
    quantities = {"the number of quarks": n_quarks, "the number of gluons": n_gluons}
    right = check_array("area", "`area`", given, wanted, misconceptions, advice=advice, quantities=quantities)
    if right.code == "area" and not right.passed:
        squeezed = as_number(student.call("area", y, expit(scores)), "What `area` returns")
        of_probabilities_alone = abs(squeezed - wanted) < 0.01  # thresholds may be few
        fail_if(of_probabilities_alone, "scores-in-0-1", lowest=scores.min(), highest=scores.max())
        if describe_relation(given, wanted, quantities) is None:  # then the finding would tell the area
            right = Finding("area", False, say(f"area.{'more' if given > wanted else 'less'}", given=given))
    if not right.passed:
        yield right
        return
    tied = np.round(scores)
    g, q = tied[y == 1][:, None], tied[y == 0]
    given, wanted = float(call_array(student, "area", y, tied)), roc_auc_score(y, tied)
    misconceptions = {"ties-lost": np.mean(g > q), "ties-won": np.mean(g >= q)}
    yield check_array("area", "With ties `area`", given, wanted, misconceptions, 1, "A tie counts one half.")


def _rejections(student, y, scores):
    gluons, quarks = np.sort(scores[y == 1])[::-1], scores[y == 0]

    def passing(cut):
        return np.mean(quarks >= cut)

    for efficiency in (0.7, 0.3, 0.55):  # not at 0.8: there the median gluon has that score
        given = float(call_array(student, "rejection", y, scores, efficiency))
        # Quantiles are defined in several ways: they lie within a gluon or two of each other.
        k = efficiency * len(gluons)
        tight, loose = gluons[max(int(k) - 3, 0)], gluons[min(int(k) + 2, len(gluons) - 1)]
        low, high = 1 / (passing(loose) + 1 / len(quarks)), 1 / max(passing(tight) - 1 / len(quarks), 1e-9)
        if low <= given <= high:
            continue
        cut = np.quantile(gluons, 1 - efficiency)
        share = passing(cut)
        misconceptions = {
            "not-inverted": share,
            "rejected-share": 1 - share,
            "wrong-side": 1 / passing(np.quantile(gluons, efficiency)),
            "below-the-cut": 1 / max(1 - share, 1e-9),
            "classes-swapped": 1 / np.mean(gluons >= np.quantile(quarks, 1 - efficiency)),
            "of-all": len(scores) / max(np.sum(quarks >= cut), 1),
            "cut-is-efficiency": 1 / max(passing(efficiency), 1e-9),
            "cut-of-all": 1 / passing(np.quantile(scores, 1 - efficiency)),
            "efficiency-unused": 1 / passing(np.quantile(gluons, 0.5)),
        }
        refuse_misconceptions(given, misconceptions, rtol=0.01, share=1 - efficiency)
        relation = describe_relation(given, 1 / share, {"the efficiency": efficiency}, rtol=0.01)
        name = "related" if relation else "too-large" if given > 1 / share else "too-small"
        return Finding("rejection", False, say(f"rejection.{name}", efficiency=efficiency, relation=relation))
    tied = np.round(scores)
    cut = np.quantile(tied[y == 1], 0.5)
    given = float(call_array(student, "rejection", y, tied, 0.5))
    fail_if(np.isclose(given, 1 / np.mean(tied[y == 0] > cut), rtol=1e-3), "strictly-above")
    return Finding("rejection", True, "`rejection` is right at three efficiencies.", points=1)


# Of these layers a sentence says how many parameters they have; others have none, or are rare.
_COUNTED = ("Conv2D", "LSTM", "GRU", "SimpleRNN", "Bidirectional", "BatchNormalization", "LayerNormalization", "Dense")


@exercise("10.6")
def leaderboard(student, rng):
    """The area of the student's best tagger on hidden fresh jets, beside that of the count."""
    jets, y = _jets(rng, _N_JETS)
    scores = call_array(student, "best", jets, shape=(len(jets),))
    fail_if(np.ptp(scores) < 1e-6, "constant", answer=scores[0])
    area = roc_auc_score(y, scores)
    fail_if(area < 0.4, "reversed", area=area, other=1 - area)
    again = call_array(student, "best", jets[:100][::-1].copy(), shape=(100,))[::-1]
    fail_if(np.mean(np.abs(again - scores[:100]) > 1e-3 * np.ptp(scores)) > 0.5, "depends-on-others")
    count = roc_auc_score(y, np.sum(jets[:, :, 0] > 0, axis=1))
    few, y_few = _ordered(jets[:2000]), y[:2000]
    gain = roc_auc_score(y_few, call_array(student, "best", few, shape=(2000,))) - roc_auc_score(y_few, scores[:2000])
    short = "advice.order" if gain > 0.01 else "advice.count" if area < count + 0.01 else "advice.more"
    advice = say("advice.decisions" if len(np.unique(scores)) == 2 else short)
    yield check_metric("10.6", "area", area, 4, ".3f", count=count, advice=advice)


def _convolution_behind(config):
    """Whether the first convolution comes after the last recurrent layer."""
    if not isinstance(config, dict):  # of a class of the student's own the order is not known
        return False
    kinds = [kind for kind, _ in layer_configs(config)]
    convolutions = [place for place, kind in enumerate(kinds) if "Conv" in kind]
    recurrent = [place for place, kind in enumerate(kinds) if any(part in kind for part in _RECURRENT)]
    return bool(convolutions and recurrent and convolutions[0] > recurrent[-1])


@exercise("10.7")
def convolution_and_memory(student, rng):
    """The area on fresh sorted jets; then both kinds of layers."""
    jets, y = _jets(rng, _N_JETS)
    jets = jets[:, rng.permutation(jets.shape[1])]
    fail_if(_convolution_behind(student.config("conv_lstm")), "convolution-behind")
    found = _area_on_sequences(student, "10.7", "conv_lstm", jets, y)
    fail_if(not _has_layer(student, "conv_lstm", ("Conv",)), "no-convolution")
    past = [recompute_without(student, "conv_lstm", _inputs(jets[:9]), part) for part in ({"Conv1D"}, {"LSTM", "GRU"})]
    fail_if(all(scores is not None and np.ptp(scores) > 1e-3 for scores in past), "side-by-side")
    yield found
    yield Finding("both", True, say("both"), points=1)
