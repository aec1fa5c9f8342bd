"""Checks of notebook 10: jets as images, as sequences and as sets."""

import operator

import numpy as np

from coursekit.checks.framework import Wrong, exercise, fail_if, threshold
from coursekit.checks.proxy import StudentError
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import agrees, as_array, as_number, returned
from coursekit.checks.vocabulary.models import binary_probabilities, predictions, same_as_replay
from coursekit.checks.vocabulary.relations import describe_relation

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py. Each seed draws its own hidden jets;
# a network of another size or with another training is given room.
MARGINS = {
    "10.2": {"area": -0.01},
    "10.3": {"area": -0.01},
    "10.4": {"area": -0.01},
    "10.6": {"area": -0.005},
}

_N_PIXELS, _HALF_WIDTH = 16, 0.4
_N_JETS = 10_000  # hidden jets of one check: the area then has an error of about 0.005
_RIGHT = 0.6  # share of jets that a network which has learned something gets right; the solution's have 0.7


def _area(y, scores):
    """The probability that a gluon has a higher score than a quark; a tie counts one half."""
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(y, scores)


def _jets(rng, n_samples):
    """Fresh jets and their labels."""
    from coursekit.data import make_jets

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
        raise Wrong("wrong-inputs", name=name, shape=shape, kind=error.kind) from None
    if scores.shape[1] != 1:
        raise Wrong("wrong-shape", name=name, shape=scores.shape[1])
    return scores[:, 0]


def _network(student, name):
    """Raises `Wrong` where the object is no Keras model with weights."""
    said = student.describe(name)
    if said["family"] != "keras":
        raise Wrong("not-keras", name=name, type=said["type"])
    fail_if(not said["built"], "not-built", name=name)
    return said


def _not_constant(scores, what, activation=""):
    if np.ptp(scores) >= 1e-6:
        return
    cause = "Was the network trained? If so, the learning rate may have been too large."
    if activation == "softmax":
        cause = "A softmax of one number is always 1: use `activation='sigmoid'`."
    raise Wrong("constant", what=what, scores=scores[0], cause=cause)


def _reversed(area):
    return Wrong("reversed", area=area, area_2=1 - area)


def _last_activation(student, name):
    """The activation of a network's last layer, as far as it tells."""
    layers = student.layers(name)
    return layers[-1]["activation"] if layers else None


def _area_of(student, name, X, y, others=None, scores=None):
    """The area of a Keras model on fresh jets, or `Wrong` with the cause of a poor one.

    An untrained sum over particles may order the jets well by chance; its answers are not on the right side of one half.
    `others` are inputs that a student may have trained on by mistake: code -> (X, sentence); `scores` are the answers for
    X where they are known.
    """

    def measured(scores):
        return _area(y, scores), np.mean((scores > 0.5) == y)

    if scores is None:
        scores = _scores(student, name, X)
    _not_constant(scores, f"The answer of `{name}`", _last_activation(student, name))
    binary_probabilities(student, name, X[:500])
    area, right = measured(scores)
    if isinstance(student.config(name), dict):  # of a subclassed model the layers alone do not tell what it computes
        same_as_replay(student, name, X[:20])
    for code, (X_other, sentence) in (others or {}).items() if area < 0.76 or right < _RIGHT else ():
        answers = _scores(student, name, X_other)
        if np.ptp(answers) < 1e-6:  # of inputs that the network was not made for
            continue
        other, right_there = measured(answers)
        ordered = other > area + 0.02 and right_there > max(_RIGHT, right)
        # The scores may order the jets on both inputs, and be on the right side of one half on one of them alone.
        decided = right < _RIGHT and other > 0.7 and right_there > max(_RIGHT, right) + 0.05
        if ordered or decided:
            raise Wrong(
                code,
                f"`{name}` does not fit these inputs: the area is {area:.3f} here and {other:.3f} on others, and {right:.0%} "
                f"of the jets are on the right side of one half here, {right_there:.0%} there. {sentence}",
            )
    if area < 0.4 and right < 1 - _RIGHT:
        raise _reversed(area)
    fail_if(right < _RIGHT, "not-trained", name=name, right=right, area=area)
    return area


def _area_finding(id, area, what, advice, points):
    limit = threshold(id, "area")
    passed = area >= limit
    message = (
        f"{what} has an area of {area:.3f} below the ROC curve; {limit:.3f} {'was' if passed else 'is'} asked for."
    )
    return Finding("area", passed, message if passed else f"{message} {advice}", points=points, seen={"area": area})


def _classes(config):
    """The class names in a Keras configuration, however deep."""
    if isinstance(config, dict):
        if "class_name" in config:
            yield config["class_name"]
        for part in config.values():
            yield from _classes(part)
    elif isinstance(config, list | tuple):
        for part in config:
            yield from _classes(part)


# --- 10.1


@exercise("10.1")
def to_images(student, rng):
    """Particles inside and outside of the grid, some in one cell, on random places away from the borders of cells."""
    jets = _scattered(rng)
    given = as_array(student.call("to_images", jets.copy()), "What `to_images` returns")
    shape = (len(jets), _N_PIXELS, _N_PIXELS)
    if given.shape != shape:
        last = " Leave out the axis of length 1: `image_inputs` adds it." if given.shape == (*shape, 1) else ""
        raise Wrong("wrong-shape", shape=jets.shape, shape_2=given.shape, shape_3=shape, last=last)
    wanted = _pixels(jets)
    ones = np.dstack([np.ones(jets.shape[:2]), jets[:, :, 1:]])
    real = np.dstack([jets[:, :, 0] > 0, jets[:, :, 1:]])
    slips = {
        "transposed": wanted.transpose(0, 2, 1),
        "upside-down": wanted[:, ::-1],
        "mirrored": wanted[:, :, ::-1],
        "last-wins": _pixels(jets, join=lambda old, new: new),
        "maximum": _pixels(jets, join=max),
        "first-wins": _pixels(jets, join=lambda old, new: old or new),
        "averaged": wanted / np.maximum(_pixels(real), 1),
        "cell-too-far": _pixels(jets, cell=np.ceil),
        "logarithm": np.log1p(wanted),
        "wraps": _pixels(jets, outside="wrap"),
        "clipped": _pixels(jets, outside="clip"),
        "rounded": _pixels(jets, cell=np.rint),
        "cut-to-zero": _pixels(jets, cell=np.trunc),
        "counts": _pixels(real),
        "counts-padding": _pixels(ones),
        "normalised": wanted / wanted.sum(axis=(1, 2), keepdims=True),
    }
    places = agrees(
        "places",
        "The image",
        given,
        wanted,
        slips,
        points=1,
        advice="Cell (i, j) begins at eta = -0.4 + 0.05 i and phi = -0.4 + 0.05 j.",
    )
    kept, inside = given.sum(axis=(1, 2)), wanted.sum(axis=(1, 2))
    i = np.abs(kept - inside).argmax()
    passed = np.abs(kept[i] - inside[i]) < 1e-3 * inside[i]
    message = f"The particles of a jet inside the grid have {inside[i]:.1f} GeV together, its image has {kept[i]:.1f}"
    energy = Finding("energy", passed, message + (": none is lost." if passed else "."), points=1)
    # A slip that has a name comes first: it explains the energy too.
    yield from (energy, places) if places.code == "places" else (places, energy)


def _scattered(rng):
    """Seven jets of 30 particles: three pairs share a cell, some lie outside, the last five rows are padding."""
    shape = (7, 30)
    cells = rng.integers(-3, _N_PIXELS + 3, size=(*shape, 2))
    cells[:, 3:6] = cells[:, :3] = rng.integers(0, _N_PIXELS, size=(7, 3, 2))
    cells[:, 6:8, 0], cells[:, 8:10, 1] = [-1, _N_PIXELS], [-1, _N_PIXELS]
    side = 2 * _HALF_WIDTH / _N_PIXELS
    jets = np.dstack([rng.uniform(1, 50, shape), (cells + rng.uniform(0.1, 0.9, (*shape, 2))) * side - _HALF_WIDTH])
    jets[:, 25:] = 0.0
    return jets


def _pixels(jets, join=operator.add, outside="drop", cell=np.floor):
    images = np.zeros((len(jets), _N_PIXELS, _N_PIXELS))
    places = cell((jets[:, :, 1:] + _HALF_WIDTH) / (2 * _HALF_WIDTH / _N_PIXELS)).astype(int)
    for image, place, pt in zip(images, places, jets[:, :, 0], strict=True):
        for (row, column), momentum in zip(place, pt, strict=True):
            if outside == "clip":
                row, column = np.clip([row, column], 0, _N_PIXELS - 1)
            elif outside == "wrap" and row < _N_PIXELS and column < _N_PIXELS:
                row, column = row % _N_PIXELS, column % _N_PIXELS
            if 0 <= row < _N_PIXELS and 0 <= column < _N_PIXELS:
                image[row, column] = join(image[row, column], momentum)
    return images


# --- 10.2


@exercise("10.2")
def image_network(student, rng):
    """The area on fresh jets; images in GeV instead of their logarithm are recognised; then the convolutions."""
    _network(student, "cnn")
    jets, y = _jets(rng, _N_JETS)
    images = _fast_pixels(jets)
    X = np.log1p(images)[..., None].astype("float32")
    others = {"unscaled-inputs": images[..., None].astype("float32")}
    area = _area_of(student, "cnn", X, y, others)
    advice = "Train for more epochs; if the training loss is low already, use a smaller network or `Dropout`."
    yield _area_finding("10.2", area, "`cnn`", advice, points=2)
    found = any("Conv" in name and "1D" not in name for name in _classes(student.config("cnn")))
    message = (
        "The network has convolutions."
        if found
        else "No layer of `cnn` is a convolution of images: use `layers.Conv2D`."
    )
    yield Finding("convolution", found, message, points=1)


def _fast_pixels(jets):
    """`_pixels` for many jets."""
    place = np.floor((jets[:, :, 1:] + _HALF_WIDTH) / (2 * _HALF_WIDTH / _N_PIXELS)).astype(int)
    inside = ((place >= 0) & (place < _N_PIXELS)).all(axis=2)
    jet = np.broadcast_to(np.arange(len(jets))[:, None], inside.shape)[inside]
    images = np.zeros((len(jets), _N_PIXELS, _N_PIXELS))
    np.add.at(images, (jet, *place[inside].T), jets[:, :, 0][inside])
    return images


# --- 10.3


@exercise("10.3")
def sequence_network(student, rng):
    """The order of random particles, whose rows must stay whole; then the area, and the recurrent layer."""
    jets, y = _jets(rng, _N_JETS)
    jets = jets[:, rng.permutation(jets.shape[1])]  # padding in the middle too
    probe = jets[:50]
    given = returned(student, "in_order", probe.copy(), shape=probe.shape)
    wanted = _ordered(probe)
    rising = wanted[:, ::-1]
    padded_last = np.take_along_axis(
        probe, np.argsort(np.where(probe[:, :, 0] > 0, probe[:, :, 0], np.inf), axis=1)[:, :, None], axis=1
    )
    torn = np.sort(probe, axis=1)
    message_torn = (
        "Each column is sorted on its own: the rows are no particles any more. Sort the indices of one column with "
        "`np.argsort`, and take whole rows."
    )
    slips = {
        "rising": rising,
        "softest-first": padded_last,
        "not-sorted": probe,
        "columns-torn": (torn, message_torn),
        "columns-torn-falling": (torn[:, ::-1], message_torn),
        "one-order-for-all": probe[:, np.argsort(-probe[0, :, 0])],
    }
    yield agrees("in-order", "`in_order`", given, wanted, slips, points=1, advice="Hardest first, rows kept whole.")
    _network(student, "lstm")
    X = _inputs(_ordered(jets))
    others = {
        "order-unlike": _inputs(_ordered(jets)[:, ::-1]),
        "unscaled-inputs": _ordered(jets).astype("float32"),
    }
    scores = _scores(student, "lstm", X)
    area = _area_of(student, "lstm", X, y, others, scores)
    found = any(part in name for name in _classes(student.config("lstm")) for part in ("LSTM", "GRU", "RNN"))
    fail_if(not found, "not-recurrent")
    fail_if(_fits_better(y, _scores(student, "lstm", _inputs(jets)), scores), "sequence-network.order-unlike")
    advice = "Train for more epochs, and let `layers.Masking()` skip the rows of zeros."
    yield _area_finding("10.3", area, "`lstm`", advice, points=2)


def _fits_better(y, these, those):
    """Whether probabilities fit the labels better than others do, by the loss and by the area; False where one is none.

    A network trained on sorted jets loses by either where they are in no order; one that does not care has both alike.
    """

    def fit(scores):
        p = np.clip(np.where(y == 1, scores, 1 - scores), 1e-6, 1)
        return -np.mean(np.log(p)), _area(y, scores)

    if min(these.min(), those.min()) < 0 or max(these.max(), those.max()) > 1:
        return False
    one, other = fit(these), fit(those)
    return one[0] < other[0] - 0.002 and one[1] > other[1] + 0.002


# --- 10.4


@exercise("10.4")
def set_network(student, rng):
    """The area on fresh jets; the same answers for shuffled rows, and with more rows of zeros."""
    _network(student, "set_network")
    jets, y = _jets(rng, _N_JETS)
    X = _inputs(jets)
    others = {
        "unscaled-inputs": jets.astype("float32"),
        "order-matters": _inputs(_ordered(jets)),
    }
    area = _area_of(student, "set_network", X, y, others)
    few = X[:200]
    answers = _scores(student, "set_network", few)
    room = 1e-3 * max(1.0, np.ptp(answers))  # a sum in another order, in float32
    shuffled = np.stack([jet[rng.permutation(len(jet))] for jet in few])
    apart = np.abs(_scores(student, "set_network", shuffled) - answers).max()
    fail_if(apart > room, "set-network.order-matters", apart=apart)
    longer = np.concatenate([few, np.zeros((len(few), 13, 3), dtype="float32")], axis=1)
    try:
        padded = _scores(student, "set_network", longer)
    except (StudentError, Wrong) as error:
        if isinstance(error, Wrong) and error.finding.code != "wrong-inputs":
            raise
        raise Wrong("fixed-size") from None
    apart = np.abs(padded - answers).max()
    fail_if(apart > room, "padding-matters", apart=apart)
    yield _area_finding("10.4", area, "`set_network`", "Train for more epochs, or use wider layers.", points=2)
    yield Finding("set", True, "Neither the order of the particles nor the padding matters.", points=1)


# --- 10.5


@exercise("10.5")
def comparison(student, rng):
    """Both measures on random scores; the counts against the networks' own."""
    y = rng.permutation(np.arange(600) % 3 > 0).astype(int)
    scores = rng.normal(size=600) + 0.8 * y
    yield lambda: _areas(student, y, scores)
    yield lambda: _rejections(student, y, scores)
    yield lambda: _counts(student, rng)


def _areas(student, y, scores):
    tied = np.round(scores)
    g, q = tied[y == 1][:, None], tied[y == 0]
    wanted, given = _area(y, scores), student.call("area", y, scores)
    fail_if(isinstance(given, tuple | list) and len(given) == 3, "wrong-type")
    given = as_number(given, "What `area` returns")
    slips = {
        "reversed": 1 - wanted,
        "accuracy": np.mean((scores > 0.5) == y),
        "not-averaged": wanted * np.sum(y == 1) * np.sum(y == 0),
    }
    advice = "Compare every gluon with every quark."
    quantities = {"the number of quarks": np.sum(y == 0), "the number of gluons": np.sum(y == 1)}
    right = agrees("area", "`area`", given, wanted, slips, advice=advice, quantities=quantities)
    if right.code == "area" and not right.passed:
        _only_between_0_and_1(student, y, scores, wanted)
        said = describe_relation(given, wanted, quantities)
        said = (
            said
            or f"is {given:.3g}, {'more' if given > wanted else 'less'} than the share of pairs in which the gluon wins"
        )
        right = Finding("area", False, f"`area` {said}. {advice}")
    if not right.passed:
        yield right
        return
    given = float(returned(student, "area", y, tied))
    slips = {
        "ties-lost": np.mean(g > q),
        "ties-won": np.mean(g >= q),
    }
    yield agrees("area", "With ties `area`", given, _area(y, tied), slips, points=1, advice="A tie counts one half.")


def _only_between_0_and_1(student, y, scores, wanted):
    """Raises `Wrong` where `area` is right once the same scores are squeezed to between 0 and 1."""
    squeezed = as_number(student.call("area", y, 1 / (1 + np.exp(-scores))), "What `area` returns")
    if abs(squeezed - wanted) < 0.01:  # thresholds may be few
        raise Wrong("scores-in-0-1", min=scores.min(), max=scores.max())


def _rejections(student, y, scores):
    gluons, quarks = np.sort(scores[y == 1])[::-1], scores[y == 0]

    def passing(cut):
        return np.mean(quarks >= cut)

    for efficiency in (0.7, 0.3, 0.55):  # not at 0.8: there the median gluon has that score
        given = float(returned(student, "rejection", y, scores, efficiency))
        # Quantiles are defined in several ways: they lie within a gluon or two of each other.
        k = efficiency * len(gluons)
        tight, loose = gluons[max(int(k) - 3, 0)], gluons[min(int(k) + 2, len(gluons) - 1)]
        low, high = 1 / (passing(loose) + 1 / len(quarks)), 1 / max(passing(tight) - 1 / len(quarks), 1e-9)
        if low <= given <= high:
            continue
        share = passing(np.quantile(gluons, 1 - efficiency))
        slips = {
            "not-inverted": share,
            "rejected-share": 1 - share,
            "wrong-side": (
                1 / passing(np.quantile(gluons, efficiency)),
                f"The cut keeps the share {1 - efficiency:.1f} of the gluons: take the quantile 1 - efficiency.",
            ),
            "below-the-cut": 1 / max(1 - share, 1e-9),
            "classes-swapped": 1 / np.mean(gluons >= np.quantile(quarks, 1 - efficiency)),
            "of-all": len(scores) / max(np.sum(quarks >= np.quantile(gluons, 1 - efficiency)), 1),
            "cut-is-efficiency": 1 / max(passing(efficiency), 1e-9),
            "cut-of-all": 1 / passing(np.quantile(scores, 1 - efficiency)),
            "efficiency-unused": 1 / passing(np.quantile(gluons, 0.5)),
        }
        for code, (value, message) in slips.items():
            if abs(given - value) < 0.01 * value:
                raise Wrong(code, message)
        said = describe_relation(given, 1 / share, {"the efficiency": efficiency}, rtol=0.01)
        said = said or (
            "is too large: more quarks pass the cut" if given > 1 / share else "is too small: fewer quarks pass the cut"
        )
        message = f"At an efficiency of {efficiency} `rejection` {said}. Find the cut that keeps this share of the gluons first."
        return Finding("rejection", False, message)
    return Finding("rejection", True, "`rejection` is right at three efficiencies.", points=1)


# How many parameters a layer has, for a sentence; layers that are not listed have none, or are rare.
_RULES = {
    "Conv2D": "a convolution of 3x3 has (9 * channels + 1) for each filter",
    "LSTM": "an LSTM with m inputs and k units has 4k(m + k + 1)",
    "GRU": "a GRU with m inputs and k units has 3k(m + k + 2)",
    "SimpleRNN": "a SimpleRNN with m inputs and k units has k(m + k + 1)",
    "Bidirectional": "`Bidirectional` has its layer twice",
    "BatchNormalization": "a batch normalisation has 4 for each channel",
    "LayerNormalization": "a layer normalisation has 2 for each channel",
    "Dense": "a Dense layer has (inputs + 1) for each unit",
}


def _rules(student, name):
    """A sentence with the counts of the kinds of layers that a network has."""
    kinds = set(_classes(student.config(name)))
    said = "; ".join(rule for kind, rule in _RULES.items() if kind in kinds)
    return f"{said[:1].upper()}{said[1:]}. " if said else ""


def _counts(student, rng):
    jets, y = _jets(rng, 400)
    views = {
        "CNN": ("cnn", np.log1p(_fast_pixels(jets))[..., None].astype("float32")),
        "LSTM": ("lstm", _inputs(_ordered(jets))),
        "set": ("set_network", _inputs(jets)),
    }
    counts = student.value("n_params")
    if not isinstance(counts, dict) or set(counts) != set(views):
        seen = (
            f"has the keys {', '.join(map(str, counts))}"
            if isinstance(counts, dict)
            else f"is a {type(counts).__name__}"
        )
        raise Wrong("wrong-keys", seen=seen)
    for key, (name, X) in views.items():
        wanted = _network(student, name)["n_params"]
        _area_of(student, name, X, y)
        given = as_number(counts[key], f'`n_params["{key}"]`')
        if given == wanted:
            continue
        weights = [w for layer in student.weights(name) for w in layer]
        layers = student.layers(name)
        gates = sum(layer["params"] or 0 for layer in layers if layer["class"] == "LSTM")
        units = sum(layer["units"] for layer in layers if layer["class"] == "GRU")
        fail_if(given == sum(w.size for w in weights if w.ndim > 1), "no-biases", given=given, name=name)
        fail_if(gates and given == wanted - 0.75 * gates, "no-gates", given=given)
        fail_if(units and given == wanted - 3 * units, "one-bias", given=given)
        for other in views.values():
            if other[0] != name and given == student.describe(other[0])["n_params"]:
                raise Wrong("networks-exchanged", given=given, other=other[0], key=key)
        for layer in layers:
            if layer["params"] and given == wanted - layer["params"]:
                raise Wrong("layer-left-out", given=given, name=layer["name"], kind=layer["class"])
        return Finding(
            "n-params",
            False,
            f"`{name}` has {'fewer' if given > wanted else 'more'} parameters than {given:g}. {_rules(student, name)}Go "
            f"through `{name}.layers` and add up.",
        )
    return Finding("n-params", True, "The three counts are those of your networks.", points=1)


# --- 10.6


@exercise("10.6")
def leaderboard(student, rng):
    """The area of the student's best tagger on hidden fresh jets, beside that of the count."""
    jets, y = _jets(rng, _N_JETS)
    scores = returned(student, "best", jets, shape=(len(jets),))
    _not_constant(scores, "The score of `best`")
    area = _area(y, scores)
    if area < 0.4:
        raise _reversed(area)
    again = returned(student, "best", jets[:100][::-1].copy(), shape=(100,))[::-1]
    fail_if(np.mean(np.abs(again - scores[:100]) > 1e-3 * np.ptp(scores)) > 0.5, "depends-on-others")
    count = _area(y, np.sum(jets[:, :, 0] > 0, axis=1))
    advice = "Put several networks together, or train on more jets."
    if len(np.unique(scores)) == 2:
        advice = "`best` gives only two different scores: return the probability of a gluon, not a decision."
    elif area < count + 0.01:
        advice = (
            "This is no better than the count. Does `best` give each network the form that it was trained on: "
            "`image_inputs(jets)`, `particle_inputs(in_order(jets))`, `particle_inputs(jets)`?"
        )
    yield _area_finding(
        "10.6",
        area,
        f"Your entry on the board: `best`, beside {count:.3f} for the count of particles,",
        advice,
        points=4,
    )
