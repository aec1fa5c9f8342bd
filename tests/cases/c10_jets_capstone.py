"""Case table of notebook 10. Most networks are built by hand: they count the particles above 3 GeV."""

from functools import cache

import numpy as np
from scipy.special import expit

from tests.cases import right, table, wrong
from tests.trained import trained_once

# --- 10.1


def to_images(jets, half=0.4, add=np.add.at, cell=np.floor, weight=0, axes=(1, 2)):
    place = cell((jets[:, :, list(axes)] + half) / (2 * half / 16)).astype(int)
    inside = ((place >= 0) & (place < 16)).all(axis=2)
    jet = np.broadcast_to(np.arange(len(jets))[:, None], inside.shape)[inside]
    images = np.zeros((len(jets), 16, 16))
    add(images, (jet, *place[inside].T), jets[:, :, weight][inside])
    return images


def by_histogram(jets):
    box = [[-0.4, 0.4]] * 2
    return np.array([np.histogram2d(j[:, 1], j[:, 2], bins=16, range=box, weights=j[:, 0])[0] for j in jets])


def by_loops(jets):
    images = [[[0.0] * 16 for _ in range(16)] for _ in jets]
    for image, jet in zip(images, jets):
        for pt, eta, phi in jet:
            if -0.4 <= eta < 0.4 and -0.4 <= phi < 0.4:
                image[int((eta + 0.4) / 0.05)][int((phi + 0.4) / 0.05)] += pt
    return images


def by_bincount(jets):
    edges = np.linspace(-0.4, 0.4, 17)
    row, column = (np.searchsorted(edges, jets[:, :, k], side="right") - 1 for k in (1, 2))
    inside = (np.minimum(row, column) >= 0) & (np.maximum(row, column) < 16)
    flat = (np.arange(len(jets))[:, None] * 256 + row * 16 + column)[inside]
    return np.bincount(flat, jets[:, :, 0][inside], 256 * len(jets)).reshape(-1, 16, 16)


def by_keras(jets):
    import keras

    edges = np.linspace(-0.4, 0.4, 17)[:-1]
    eta, phi = ((jets[:, :, k, None] >= edges) & (jets[:, :, k, None] < edges + 0.05) for k in (1, 2))
    return keras.ops.einsum("np,npi,npj->nij", jets[:, :, 0], eta.astype(float), phi.astype(float))


def put(images, index, values):
    images[index] = values


def real(jets):
    return np.dstack([jets[:, :, 0] > 0, jets[:, :, 1:]])


def by_histogram_of_rows(jets):
    return np.array([np.histogram2d(j[:, 1], j[:, 2], bins=16, range=[[-0.4, 0.4]] * 2)[0] for j in jets])


def assigned(images, index, values):
    images[index] += values


def wrapped(jets):
    images = np.zeros((len(jets), 16, 16))
    for image, jet in zip(images, jets):
        for pt, eta, phi in jet:
            row, column = int(np.floor((eta + 0.4) / 0.05)), int(np.floor((phi + 0.4) / 0.05))
            if row < 16 and column < 16:
                image[row, column] += pt
    return images


def clipped(jets):
    moved = jets.copy()
    moved[:, :, 1:] = np.clip(moved[:, :, 1:], -0.3999, 0.3999)
    return to_images(moved)


table(
    "10.1",
    lambda: {"to_images": to_images},
    {
        "np.add.at": {},
        "histogram2d": {"to_images": by_histogram},
        "loops and lists": {"to_images": by_loops},
        "bincount": {"to_images": by_bincount},
        "einsum in Keras": {"to_images": by_keras},
        "float32": {"to_images": lambda jets: to_images(jets).astype("float32")},
    },
    [
        ("maximum", "the hardest alone", {"to_images": lambda jets: to_images(jets, add=np.maximum.at)}),
        ("first-wins", "the first alone", {"to_images": lambda jets: to_images(jets[:, ::-1], add=put)}),
        ("averaged", "the mean", {"to_images": lambda jets: to_images(jets) / np.maximum(to_images(real(jets)), 1)}),
        ("cell-too-far", "rounded up", {"to_images": lambda jets: to_images(jets, cell=np.ceil)}),
        ("counts-padding", "histogram without weights", {"to_images": by_histogram_of_rows}),
        ("last-wins", "+=", {"to_images": lambda jets: to_images(jets, add=assigned)}),
        ("transposed", "phi first", {"to_images": lambda jets: to_images(jets, axes=(2, 1))}),
        ("upside-down", "eta falls", {"to_images": lambda jets: to_images(jets)[:, ::-1]}),
        ("mirrored", "phi falls", {"to_images": lambda jets: to_images(jets)[:, :, ::-1]}),
        ("wraps", "negative indices", {"to_images": wrapped}),
        ("clipped", "heaped in the border", {"to_images": clipped}),
        ("rounded", "np.round", {"to_images": lambda jets: to_images(jets, cell=np.round)}),
        ("cut-to-zero", "int without floor", {"to_images": lambda jets: to_images(jets, cell=np.trunc)}),
        (
            "counts",
            "counts",
            {"to_images": lambda jets: to_images(np.dstack([jets[:, :, 0] > 0, jets[:, :, 1:]]))},
        ),
        (
            "normalised",
            "normalised",
            {"to_images": lambda jets: to_images(jets) / to_images(jets).sum((1, 2), keepdims=True)},
        ),
        ("wrong-shape", "a channel", {"to_images": lambda jets: to_images(jets)[..., None]}),
        ("wrong-shape", "one image", {"to_images": lambda jets: to_images(jets).sum(axis=0)}),
        ("energy", "another grid", {"to_images": lambda jets: to_images(jets, half=0.5)}),
        ("logarithm", "logarithm", {"to_images": lambda jets: np.log1p(to_images(jets))}),
    ],
)


# --- networks by hand: a steep step at 3 GeV from two ReLUs, a sum, and a sigmoid around 10 particles

CUT = np.log1p(3.0)


def step(features=1):
    """Weights of a Dense layer or a 1x1 convolution whose first unit minus its second is 1 above the cut, else 0."""
    kernel = np.zeros((features, 2))
    kernel[0] = 10
    return kernel, np.array([0.5, -0.5]) - 10 * CUT


def head(scale=1.0):
    """Weights that turn the two sums into the log-odds."""
    return np.array([[0.5 * scale], [-0.5 * scale]]), np.array([-3.5])


def end(style):
    from keras import layers

    activation = {"logits": None, "probability": None, "softmax of one": "softmax"}.get(style, "sigmoid")
    return layers.Dense(1, activation=activation)


@cache
def cnn(style="pooling"):
    import keras
    from keras import layers

    kernel, bias = step()
    join = layers.GlobalAveragePooling2D() if style != "flatten" else layers.Flatten()
    last = layers.Dense(2, activation="softmax") if style == "softmax" else end(style)
    if style in ("no convolution", "one dimension"):
        each = (
            layers.Dense(2, activation="relu") if style == "no convolution" else layers.Conv1D(2, 1, activation="relu")
        )
        chain = [layers.Reshape((256, 1)), each, layers.GlobalAveragePooling1D(), last]
    else:
        chain = [layers.Conv2D(2, 1, activation="relu"), join, last]
    if style == "functional":
        inputs = outputs = keras.Input((16, 16, 1))
        for layer in chain:
            outputs = layer(outputs)
        model = keras.Model(inputs, outputs)
    else:
        model = keras.Sequential([keras.Input((16, 16, 1)), *chain])
    W, b = head(256)
    if style == "flatten":
        W = np.tile(W / 256, (256, 1))
    if style == "softmax":
        W, b = np.hstack([0 * W, W]), np.append(0, b)
    sign = -1 if style == "reversed" else 1
    if style == "probability":  # what a linear layer learns where it is taken for a probability
        W, b = W / 10, b / 10 + 0.5
    convolution = {"no convolution": kernel, "one dimension": kernel[None]}.get(style, kernel[None, None])
    model.set_weights([convolution, bias, sign * W, sign * b])
    return model


def in_gev(model):
    """A model of the logarithm's inputs, for inputs in GeV."""
    import keras

    new = keras.models.clone_model(model)
    weights = model.get_weights()
    kernel = np.zeros_like(weights[0])
    kernel[..., 0, :] = 1.0
    new.set_weights([kernel, np.array([-5.5, -6.5]), weights[2], np.array([-2.5])])
    return new


def subclassed(build):
    import keras

    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = build()

        def call(self, x):
            return self.inner(x)

    model = Mine()
    model(np.zeros((1, *build().input_shape[1:]), "float32"))
    return model


def untrained(build, *args):
    import keras

    keras.utils.set_random_seed(1)
    return keras.models.clone_model(build(*args))


def with_sigmoid(model):
    import keras

    return keras.Model(model.inputs, keras.ops.sigmoid(model.outputs[0]))


def with_activation(model):
    import keras

    return keras.Sequential([keras.Input(model.input_shape[1:]), *model.layers, keras.layers.Activation("sigmoid")])


def rounded(model):
    import keras

    return keras.Model(model.inputs, keras.ops.cast(model.outputs[0] > 0, "float32"))


for name, build in {
    "pooling": lambda: cnn(),
    "flatten": lambda: cnn("flatten"),
    "sigmoid of keras.ops": lambda: with_sigmoid(cnn("logits")),
    "a layer with the sigmoid alone": lambda: with_activation(cnn("logits")),
    "functional": lambda: cnn("functional"),
    "subclassed": lambda: subclassed(cnn),
}.items():
    right("10.2", name)(lambda build=build: {"cnn": build()})


def forest():
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(2, max_depth=2).fit(np.zeros((4, 256)), [0, 1, 0, 1])


def zeroed(model):
    import keras

    new = keras.models.clone_model(model)
    new.set_weights([0 * w for w in model.get_weights()])
    return new


def counting(model, cut=0.0):
    """The network with its step somewhere else."""
    import keras

    new = keras.models.clone_model(model)
    kernel, bias, W, b = model.get_weights()
    new.set_weights([kernel, bias + 10 * CUT - 10 * np.log1p(cut), W, b - 5 * (cut < 1)])
    return new


@trained_once
def by_heart():
    """Without poolings, and large: it learns the 6,000 jets."""
    import keras
    from keras import layers

    from coursekit.data import make_jets

    keras.utils.set_random_seed(0)
    jets, y = make_jets(n_samples=6000, seed=1)
    each = [layers.Conv2D(8, 3, activation="relu"), layers.Conv2D(16, 3, activation="relu")]
    chain = [*each, layers.Flatten(), layers.Dense(32, activation="relu"), layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((16, 16, 1)), *chain])
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy")
    model.fit(np.log1p(to_images(jets))[..., None], y, epochs=8, batch_size=128, verbose=0)
    return model


for name, code, build in (
    ("learned by heart", "area", lambda: by_heart()),
    ("untrained", "not-trained|reversed|constant", lambda: untrained(cnn)),
    ("constant", "constant", lambda: zeroed(cnn())),
    ("labels exchanged", "reversed", lambda: cnn("reversed")),
    ("trained in GeV", "unscaled-inputs", lambda: in_gev(cnn())),
    ("no convolution", "convolution", lambda: cnn("no convolution")),
    ("scikit-learn", "not-keras", forest),
    ("counts all", "area|not-trained", lambda: counting(cnn(), 0.6)),
    ("the wrong inputs", "wrong-inputs", lambda: lstm()),
    ("two outputs", "wrong-shape", lambda: cnn("softmax")),
    ("softmax of one", "constant", lambda: cnn("softmax of one")),
    ("no sigmoid", "logits", lambda: cnn("probability")),
    ("logits", "logits", lambda: cnn("logits")),
    ("zeros and ones", "labels", lambda: rounded(cnn("logits"))),
    ("convolution along rows", "convolution", lambda: cnn("one dimension")),
):
    wrong("10.2", code, name)(lambda build=build: {"cnn": build()})


# --- 10.3


def in_order(jets):
    order = np.argsort(-jets[:, :, 0], axis=1)
    return np.take_along_axis(jets, order[:, :, None], axis=1)


def by_jet(jets):
    return [sorted(jet.tolist(), key=lambda row: -row[0]) for jet in jets]


def by_flip(jets):
    return np.array([jet[jet[:, 0].argsort()][::-1] for jet in jets])


def jets_mixed(jets):
    return np.take_along_axis(jets, np.argsort(-jets[..., 0], axis=0)[..., None], axis=0)


def softest_first(jets):
    momenta = np.where(jets[:, :, 0] > 0, jets[:, :, 0], np.inf)
    return np.take_along_axis(jets, np.argsort(momenta, axis=1)[..., None], axis=1)


def by_rows(jets):
    return jets[np.arange(len(jets))[:, None], np.argsort(jets[:, :, 0])[:, ::-1]]


@cache
def lstm(style="masked"):
    """An LSTM that adds 0.04 to its cell for each particle above the cut, and forgets nothing."""
    import keras
    from keras import layers

    recurrent = layers.LSTM(1)
    wrapped = layers.Bidirectional(recurrent) if style == "bidirectional" else recurrent
    masking = [layers.Masking()] if style not in ("no mask",) else []
    model = keras.Sequential([keras.Input((None if style == "any length" else 40, 3)), *masking, wrapped, end(style)])
    W, U, b = np.zeros((3, 4)), np.zeros((1, 4)), np.array([-20 * CUT, 20, 0.04, 20])
    W[0, 0] = 20
    both = 2 if style == "bidirectional" else 1
    sign = -1 if style == "reversed" else 1
    last, middle = sign * np.full((both, 1), 12.0), sign * np.array([-12 * both * np.tanh(0.3)])
    if style == "probability":  # as luck has it, every answer lies between 0 and 1
        last, middle = last / 24, middle / 24 + 0.5
    model.set_weights([*[W, U, b] * both, last, middle])
    return model


@cache
def late_lstm():
    """Forgets by a third at every step: what comes first in a jet is gone, unless the hardest come last."""
    import keras

    new = keras.models.clone_model(lstm("no mask"))
    weights = lstm("no mask").get_weights()
    weights[2] = np.array([-20 * CUT, 1.0, 0.3, 20.0])
    new.set_weights(weights)
    return new


def lstm_in_gev():
    """The LSTM with a step at 5 GeV, for momenta in GeV; their logarithms are nearly all below it."""
    import keras

    new = keras.models.clone_model(lstm())
    W, U, _, top, _ = lstm().get_weights()
    new.set_weights([W / 20, U, np.array([-5.0, 20, 0.04, 20]), top, np.array([-12 * np.tanh(0.3)])])
    return new


def sequence(function=in_order, model=None):
    return {"in_order": function, "lstm": lstm() if model is None else model}


for name, build in {
    "take_along_axis": lambda: sequence(),
    "sorted, lists": lambda: sequence(by_jet),
    "sorted and turned round": lambda: sequence(by_flip, with_sigmoid(lstm("logits"))),
    "rows and columns of indices": lambda: sequence(by_rows, lstm("no mask")),
    "two directions": lambda: sequence(model=lstm("bidirectional")),
    "any length": lambda: sequence(lambda jets: in_order(jets).astype("float32"), lstm("any length")),
}.items():
    right("10.3", name)(build)

for name, code, function in (
    ("softest first", "rising", lambda jets: in_order(jets)[:, ::-1]),
    ("columns torn", "columns-torn", lambda jets: np.sort(jets, axis=1)),
    ("columns torn, falling", "columns-torn-falling", lambda jets: np.sort(jets, axis=1)[:, ::-1]),
    ("columns torn, minus", "columns-torn-falling", lambda jets: -np.sort(-jets, axis=1)),
    ("softest first, padding last", "softest-first", lambda jets: softest_first(jets)),
    ("untouched", "not-sorted", lambda jets: jets),
    ("one order for all", "one-order-for-all", lambda jets: jets[:, np.argsort(-jets[0, :, 0])]),
    ("along the axis of the jets", "jets-mixed", lambda jets: jets_mixed(jets)),
    ("by eta", "in-order", lambda jets: np.take_along_axis(jets, np.argsort(jets[:, :, 1], axis=1)[..., None], axis=1)),
    ("momenta alone", "wrong-shape", lambda jets: -np.sort(-jets[:, :, 0], axis=1)),
    ("indices", "wrong-shape", lambda jets: np.argsort(-jets[:, :, 0], axis=1)),
):
    wrong("10.3", code, name)(lambda function=function: sequence(function))


@trained_once
def without_order():
    """The solution's network, trained on particles in no order."""
    import keras
    from keras import layers

    from coursekit.data import make_jets

    keras.utils.set_random_seed(0)
    jets, y = make_jets(n_samples=6000, seed=1)
    model = keras.Sequential([keras.Input((40, 3)), layers.Masking(), layers.LSTM(16), layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    x = np.dstack([np.log1p(jets[:, :, 0]), jets[:, :, 1:] / 0.4]).astype("float32")
    model.fit(x, y, epochs=6, batch_size=256, verbose=0)
    return model


for name, code, build in (
    ("untrained", "not-trained|reversed|constant", lambda: untrained(lstm)),
    ("labels exchanged", "reversed", lambda: lstm("reversed")),
    ("logits", "logits", lambda: lstm("logits")),
    ("no sigmoid, and answers from 0 to 1", "logits", lambda: lstm("probability")),
    ("constant", "constant", lambda: zeroed(lstm())),
    ("no recurrence", "not-recurrent", lambda: set_network("fixed")),
    ("an image network", "wrong-inputs|not-trained", lambda: cnn()),
    ("a flat image network", "wrong-inputs", lambda: cnn("flatten")),
    ("trained in GeV", "unscaled-inputs", lambda: lstm_in_gev()),
    ("trained without the order", "order-unlike", lambda: without_order()),
    ("scikit-learn", "not-keras", forest),
):
    wrong("10.3", code, name)(lambda build=build: sequence(model=build()))


# --- 10.4


@cache
def set_network(style="mask"):
    """Counts the particles above the cut; the step is 0 for rows of zeros, or 1 where its sign is turned."""
    import keras
    from keras import layers, ops

    inputs = keras.Input((40 if style == "fixed" else None, 3))
    hidden = layers.Dense(2, activation="relu")(inputs)
    if style in ("mask", "softest", "masked mean", "mean of all rows"):
        real = ops.any(ops.not_equal(inputs, 0), axis=-1, keepdims=True)
        hidden = hidden * ops.cast(real, "float32")
    if style == "masking layer":
        hidden = Summed()(hidden, layers.Masking().compute_mask(inputs))
    elif style == "masked mean":
        hidden = ops.sum(hidden, axis=1) / ops.sum(ops.cast(real, "float32"), axis=1)
    elif style == "mean of all rows":
        hidden = ops.mean(hidden, axis=1)
    else:
        hidden = ops.sum(hidden, axis=1)
    model = keras.Model(inputs, end(style)(hidden))
    kernel, bias = step(3)
    W, b = head({"masked mean": 17, "mean of all rows": 40}.get(style, 1.0))
    if style in ("no mask", "softest"):  # counts what is below the cut instead, padding too where there is no mask
        kernel, bias, W, b = -kernel, -bias[::-1], np.array([[-0.5], [0.5]]), np.array([16.5])
    sign = -1 if style == "reversed" else 1
    model.set_weights([kernel, bias, sign * W, sign * b])
    return model


def Summed():
    import keras
    from keras import ops

    class SumOfParticles(keras.layers.Layer):
        def call(self, x, mask):
            return ops.sum(x * ops.cast(mask, x.dtype)[..., None], axis=1)

    return SumOfParticles()


class DeepSet:
    """Built late, since it needs Keras."""

    def __new__(cls):
        import keras
        from keras import layers, ops

        class Mine(keras.Model):
            def __init__(self):
                super().__init__()
                self.each, self.last = layers.Dense(2, activation="relu"), layers.Dense(1, activation="sigmoid")

            def call(self, x):
                real = ops.cast(ops.any(x != 0, axis=-1, keepdims=True), "float32")
                return self.last(ops.sum(self.each(x) * real, axis=1))

        model = Mine()
        model(np.zeros((1, 40, 3), "float32"))
        model.set_weights(set_network().get_weights())
        return model


@cache
def flat():
    """The step and the sum, as one Dense layer over all rows with weights that fall from row to row."""
    import keras
    from keras import layers

    model = keras.Sequential(
        [keras.Input((40, 3)), layers.Dense(2, activation="relu"), layers.Flatten(), layers.Dense(1, "sigmoid")]
    )
    W, b = head()
    model.set_weights([*step(3), np.tile(W, (40, 1)) * np.linspace(1.3, 0.7, 40).repeat(2)[:, None], b])
    return model


for name, build in {
    "mask": lambda: set_network(),
    "no mask, since zeros give nothing": lambda: set_network("plain sum"),
    "a layer that sums": lambda: set_network("masking layer"),
    "sigmoid of keras.ops": lambda: with_sigmoid(set_network("logits")),
    "subclassed": DeepSet,
    "an LSTM's opposite: a model in a model": lambda: subclassed_any(set_network),
}.items():
    right("10.4", name)(lambda build=build: {"set_network": build()})


def subclassed_any(build):
    import keras

    inputs = keras.Input((None, 3))
    return keras.Model(inputs, build()(inputs))


def offset(model):
    """The network with its answers far on one side of one half."""
    import keras

    new = keras.models.clone_model(model)
    *rest, b = model.get_weights()
    new.set_weights([*rest, b - 20])
    return new


def set_in_gev():
    """The step at 3 GeV for inputs in GeV; of the logarithm it still orders the jets a little."""
    import keras

    new = keras.models.clone_model(set_network())
    kernel = np.zeros((3, 2))
    kernel[0] = 1.0
    new.set_weights([kernel, np.array([-5.5, -6.5]), head()[0], np.array([-2.5])])
    return new


for name, code, build in (
    ("untrained", "not-trained|reversed|constant", lambda: untrained(set_network)),
    ("constant", "constant", lambda: zeroed(set_network())),
    ("labels exchanged", "reversed", lambda: set_network("reversed")),
    ("logits", "logits", lambda: set_network("logits")),
    ("forty rows only", "fixed-size", lambda: set_network("fixed")),
    ("no mask", "padding-matters|not-trained", lambda: set_network("no mask")),
    ("a masked mean", "area", lambda: set_network("masked mean")),
    ("a mask, and the mean of all rows", "padding-matters", lambda: set_network("mean of all rows")),
    ("flattened", "order-matters", flat),
    ("an LSTM", "order-matters|not-trained", late_lstm),
    ("forty rows, and constant in GeV", "not-trained", lambda: offset(set_network("fixed"))),
    ("trained in GeV", "unscaled-inputs", lambda: set_in_gev()),
    ("scikit-learn", "not-keras", forest),
):
    wrong("10.4", code, name)(lambda build=build: {"set_network": build()})


# --- 10.5


def area(y, scores):
    gluons, quarks = scores[y == 1], scores[y == 0]
    return np.mean((gluons[:, None] > quarks) + 0.5 * (gluons[:, None] == quarks))


def area_sklearn(y, scores):
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(y, scores)


def area_trapezia(y, scores):
    from sklearn.metrics import auc, roc_curve

    return auc(*roc_curve(y, scores)[:2])


def area_ranks(y, scores):
    from scipy.stats import mannwhitneyu

    return mannwhitneyu(scores[y == 1], scores[y == 0]).statistic / (np.sum(y == 1) * np.sum(y == 0))


def rejection(y, scores, efficiency):
    cut = np.quantile(scores[y == 1], 1 - efficiency)
    return 1 / np.mean(scores[y == 0] >= cut)


def rejection_sorted(y, scores, efficiency):
    gluons = np.sort(scores[y == 1])[::-1]
    cut = gluons[int(np.ceil(efficiency * len(gluons))) - 1]
    return np.sum(y == 0) / np.sum((scores >= cut) & (y == 0))


def rejection_curve(y, scores, efficiency):
    from sklearn.metrics import roc_curve

    fpr, tpr, _ = roc_curve(y, scores)
    return 1 / np.interp(efficiency, tpr, fpr)


def rejection_first(y, scores, efficiency):
    from sklearn.metrics import roc_curve

    fpr, tpr, _ = roc_curve(y, scores)
    return float(1 / fpr[np.argmax(tpr >= efficiency)])


def area_of_few_thresholds(y, scores):
    cuts = np.linspace(0, 1, 201)[:, None]
    found, false = np.mean(scores[y == 1] >= cuts, axis=1), np.mean(scores[y == 0] >= cuts, axis=1)
    return np.sum((found[:-1] + found[1:]) * (false[:-1] - false[1:])) / 2


@cache
def gru():
    """A GRU that adds 0.04 to its state for each particle above the cut, and keeps it otherwise."""
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((40, 3)), layers.Masking(), layers.GRU(1), layers.Dense(1, "sigmoid")])
    W, U, b = np.zeros((3, 3)), np.array([[0, 0, 1.0]]), np.array([[20 * CUT, 20, 0.04], [0, 0, 0]])
    W[0, 0] = -20
    model.set_weights([W, U, b, np.full((1, 1), 12.0), np.array([-3.3])])
    return model


COUNTS = {"CNN": 7, "LSTM": 22, "set": 11}


def answers_5():
    networks = {"cnn": cnn(), "lstm": lstm(), "set_network": set_network()}
    return {"area": area, "rejection": rejection, "n_params": COUNTS, **networks}


table(
    "10.5",
    answers_5,
    {
        "all pairs, quantile": {},
        "scikit-learn": {"area": area_sklearn, "rejection": rejection_curve},
        "trapezia": {"area": area_trapezia, "rejection": rejection_first},
        "ranks": {"area": area_ranks, "rejection": rejection_sorted},
        "loops": {
            "area": lambda y, s: (
                sum((g > q) + 0.5 * (g == q) for g in s[y == 1] for q in s[y == 0]) / np.sum(y) / np.sum(1 - y)
            ),
            "n_params": {key: float(count) for key, count in COUNTS.items()},
        },
        "other networks": lambda: {
            "cnn": cnn("functional"),
            "lstm": with_sigmoid(lstm("logits")),
            "set_network": DeepSet(),
        },
        "a GRU": lambda: {"lstm": gru(), "n_params": {**COUNTS, "LSTM": 20}},
    },
    [
        ("reversed", "quarks higher", {"area": lambda y, s: 1 - area(y, s)}),
        ("accuracy", "accuracy", {"area": lambda y, s: np.mean((s > 0.5) == y)}),
        ("ties-lost", "ties lost", {"area": lambda y, s: np.mean(s[y == 1][:, None] > s[y == 0])}),
        ("ties-won", "ties won", {"area": lambda y, s: np.mean(s[y == 1][:, None] >= s[y == 0])}),
        ("not-averaged", "pairs", {"area": lambda y, s: np.sum(s[y == 1][:, None] > s[y == 0])}),
        ("area", "twice the area less one", {"area": lambda y, s: 2 * area(y, s) - 1}),
        ("area", "correlation", {"area": lambda y, s: np.corrcoef(y, s)[0, 1]}),
        ("not-inverted", "the share", {"rejection": lambda *a: 1 / rejection(*a)}),
        ("rejected-share", "the other share", {"rejection": lambda *a: 1 - 1 / rejection(*a)}),
        ("wrong-side", "the wrong quantile", {"rejection": lambda y, s, e: rejection(y, s, 1 - e)}),
        ("classes-swapped", "quarks kept", {"rejection": lambda y, s, e: rejection(1 - y, s, e)}),
        ("efficiency-unused", "always half", {"rejection": lambda y, s, e: rejection(y, s, 0.5)}),
        ("cut-is-efficiency", "cut at the efficiency", {"rejection": lambda y, s, e: 1 / np.mean(s[y == 0] > e)}),
        (
            "cut-of-all",
            "cut of all jets",
            {"rejection": lambda y, s, e: 1 / np.mean(s[y == 0] >= np.quantile(s, 1 - e))},
        ),
        ("wrong-type", "the curve", {"area": lambda y, s: ([0.0, np.inf], [0.0, 1.0], [0.0, 1.0])}),
        (
            "strictly-above",
            "more than the cut",
            {"rejection": lambda y, s, e: 1 / np.mean(s[y == 0] > np.quantile(s[y == 1], 1 - e))},
        ),
        ("below-the-cut", "quarks below", {"rejection": lambda *a: 1 / (1 - 1 / rejection(*a))}),
        ("of-all", "of all jets", {"rejection": lambda y, s, e: rejection(y, s, e) * len(y) / np.sum(y == 0)}),
        ("rejection", "in per cent", {"rejection": lambda *a: rejection(*a) / 100}),
        ("rejection", "half-way to 1", {"rejection": lambda *a: (rejection(*a) + 1) / 2}),
        ("rejection", "three more", {"rejection": lambda *a: rejection(*a) + 3}),
        ("rejection", "minus", {"rejection": lambda *a: -rejection(*a)}),
        ("no-biases", "biases forgotten", {"n_params": {**COUNTS, "CNN": 4}}),
        ("no-gates", "one gate", {"n_params": {**COUNTS, "LSTM": 7}}),
        ("with-optimiser", "the total of a summary", {"n_params": {**COUNTS, "CNN": 23}}),
        ("n-params", "miscounted", {"n_params": {**COUNTS, "set": 12}}),
        ("one-bias", "a GRU with one bias", lambda: {"lstm": gru(), "n_params": {**COUNTS, "LSTM": 17}}),
        ("n-params", "a GRU miscounted", lambda: {"lstm": gru(), "n_params": {**COUNTS, "LSTM": 30}}),
        ("networks-exchanged", "counts exchanged", {"n_params": {"CNN": 22, "LSTM": 7, "set": 11}}),
        ("layer-left-out", "the last layer left out", {"n_params": {**COUNTS, "LSTM": 20}}),
        ("scores-in-0-1", "thresholds from 0 to 1", {"area": area_of_few_thresholds}),
        ("area", "root of the area", {"area": lambda y, s: area(y, s) ** 0.5}),
        ("wrong-keys", "other keys", {"n_params": {"cnn": 7, "lstm": 22, "set": 11}}),
        ("wrong-keys", "a list", {"n_params": [7, 22, 11]}),
    ],
)


# --- 10.6


def above(cut):
    return lambda jets: np.sum(jets[:, :, 0] > cut, axis=1)


def inputs_of(jets):
    return np.dstack([np.log1p(jets[:, :, 0]), jets[:, :, 1:] / 0.4]).astype("float32")


def several(jets):
    three = cnn(), np.log1p(to_images(jets))[..., None]
    p = np.ravel(three[0].predict(three[1], verbose=0)), np.ravel(lstm().predict(inputs_of(in_order(jets)), verbose=0))
    return np.mean([np.log(np.clip(q, 1e-6, 1 - 1e-6)) - np.log(np.clip(1 - q, 1e-6, 1)) for q in p], axis=0)


for name, build in {
    "a count above 3 GeV": lambda: above(3),
    "one network, a column": lambda: lambda jets: set_network().predict(inputs_of(jets), verbose=0),
    "two networks": lambda: several,
    "a list": lambda: lambda jets: [sum(1.0 for row in jet if row[0] > 2.5) for jet in jets],
    "two cuts": lambda: lambda jets: above(2)(jets) + above(4)(jets),
    "a model itself as a function": lambda: lambda jets: set_network("logits")(inputs_of(jets)),
}.items():
    right("10.6", name)(lambda build=build: {"best": build()})


def ranked(jets):
    """Subtracts the mean of the batch, and divides by its size."""
    scores = above(3)(jets)
    return (scores - scores.mean()) * len(jets)


for name, code, build in (
    ("the count", "area", above(0)),
    ("decisions", "area", lambda jets: above(3)(jets) > 10),
    ("quarks higher", "reversed", lambda jets: -above(3)(jets)),
    ("a constant", "constant", lambda jets: np.full(len(jets), 0.5)),
    ("a sigmoid of GeV", "constant", lambda jets: expit(jets[:, :, 0].sum(axis=1))),
    ("better on sorted jets", "area", lambda jets: above(3)(jets[:, :20])),
    ("noise on top", "depends-on-others", lambda jets: above(3)(jets) + np.random.default_rng().normal(size=len(jets))),
    ("chance", "area|depends-on-others", lambda jets: np.random.default_rng(0).normal(size=len(jets))),
    ("total momentum", "area", lambda jets: jets[:, :, 0].sum(axis=1)),
    ("labels of two columns", "wrong-shape", lambda jets: np.ones((len(jets), 2))),
    ("the order of the file", "depends-on-others|area", lambda jets: np.arange(len(jets))),
    ("compares with the batch", "depends-on-others", ranked),
    ("a score for each particle", "wrong-shape", lambda jets: jets[:, :, 0]),
):
    wrong("10.6", code, name)(lambda build=build: {"best": build})


# --- 10.7


@cache
def conv_lstm(style="narrow"):
    """A step at 3 GeV in the convolution; the LSTM adds 0.04 to its cell for each particle above it."""
    import keras
    from keras import layers

    kernel, bias = step(3)
    width, stride = {"two at a time": (2, 2), "three": (3, 1)}.get(style, (1, 1))
    each = 2 * stride  # filters: two for each particle that is new in the window
    W = np.zeros((width, 3, each))
    for place in range(stride):
        W[place + (width == 3), :, 2 * place : 2 * place + 2] = kernel  # of three rows, the middle one
    convolution = layers.Conv1D(each, width, strides=stride, padding="same", activation="relu")
    recurrent = layers.LSTM(1)
    behind = layers.Bidirectional(recurrent) if style == "two directions" else recurrent
    inputs = keras.Input((None if style == "any length" else 40, 3))
    model = keras.Sequential([inputs, convolution, behind, end(style)])
    gates = np.zeros((each, 4))
    gates[:, 2] = 0.04 * np.tile([1, -1], stride)
    both = 2 if style == "two directions" else 1
    sign = -1 if style == "reversed" else 1
    keep, gain = (3.0, 1.2) if style == "forgets" else (20.0, 1.0)  # forgets a twentieth at every step
    cell = [gain * gates, np.zeros((1, 4)), np.array([20, keep, 0, 20])]
    last = [sign * np.full((both, 1), 12.0), sign * np.array([-12 * both * np.tanh(0.3)])]
    model.set_weights([W, np.tile(bias, stride), *cell * both, *last])
    return model


def conv_lstm_in_gev():
    """Its step at 5 GeV for momenta in GeV."""
    import keras

    new = keras.models.clone_model(conv_lstm())
    W, _, *rest = conv_lstm().get_weights()
    new.set_weights([W / 10, np.array([-4.5, -5.5]), *rest])
    return new


def conv_alone():
    import keras
    from keras import layers

    chain = [layers.Conv1D(2, 1, activation="relu"), layers.GlobalAveragePooling1D(), layers.Dense(1, "sigmoid")]
    model = keras.Sequential([keras.Input((40, 3)), *chain])
    kernel, bias = step(3)
    model.set_weights([kernel[None], bias, *head(40)])
    return model


def lstm_in_front():
    import keras
    from keras import layers

    chain = [layers.LSTM(4, return_sequences=True), layers.Conv1D(4, 3), layers.Flatten(), layers.Dense(1, "sigmoid")]
    return keras.Sequential([keras.Input((40, 3)), *chain])


def side_by_side():
    import keras
    from keras import layers

    inputs = keras.Input((40, 3))
    return keras.Model(inputs, layers.Average()([conv_alone()(inputs), lstm("no mask")(inputs)]))


def with_shortcut():
    """The LSTM reads the convolution, and the particles once more."""
    import keras
    from keras import layers

    inputs = keras.Input((40, 3))
    convolution, recurrent, last = (layer for layer in conv_lstm().layers)
    both = layers.Concatenate()([convolution(inputs), inputs])
    memory, answer = layers.LSTM(1), layers.Dense(1, activation="sigmoid")
    model = keras.Model(inputs, answer(memory(both)))
    W, U, b = recurrent.get_weights()
    memory.set_weights([np.vstack([W, np.full((3, 4), 1e-3)]), U, b])
    answer.set_weights(last.get_weights())
    return model


def conv_softmax():
    import keras
    from keras import layers

    inputs = keras.Input((40, 3))
    return keras.Model(inputs, layers.Concatenate()([1 - conv_lstm()(inputs), conv_lstm()(inputs)]))


for name, build in {
    "one row at a time": lambda: conv_lstm(),
    "two rows at a time": lambda: conv_lstm("two at a time"),
    "a window of three": lambda: conv_lstm("three"),
    "two directions": lambda: conv_lstm("two directions"),
    "any length": lambda: conv_lstm("any length"),
    "subclassed": lambda: subclassed(conv_lstm),
    "a shortcut past the convolution": lambda: with_shortcut(),
    "sigmoid of keras.ops": lambda: with_sigmoid(conv_lstm("logits")),
}.items():
    right("10.7", name)(lambda build=build: {"conv_lstm": build()})

for name, code, build in (
    ("untrained", "not-trained|reversed|constant", lambda: untrained(conv_lstm)),
    ("constant", "constant", lambda: zeroed(conv_lstm())),
    ("labels exchanged", "reversed", lambda: conv_lstm("reversed")),
    ("logits", "logits", lambda: conv_lstm("logits")),
    ("zeros and ones", "labels", lambda: rounded(conv_lstm("logits"))),
    ("an LSTM alone", "no-convolution", lambda: lstm()),
    ("a convolution alone", "not-recurrent", lambda: conv_alone()),
    ("side by side", "side-by-side", lambda: side_by_side()),
    ("the LSTM in front", "convolution-behind", lambda: lstm_in_front()),
    ("an image network", "wrong-inputs", lambda: cnn("flatten")),
    ("softest first", "order-unlike", lambda: conv_lstm("forgets")),
    ("trained in GeV", "unscaled-inputs", lambda: conv_lstm_in_gev()),
    ("two columns", "wrong-shape", lambda: conv_softmax()),
    ("scikit-learn", "not-keras", forest),
):
    wrong("10.7", code, name)(lambda build=build: {"conv_lstm": build()})
