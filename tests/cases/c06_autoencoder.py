"""Cases of notebook 06. Networks are trained once, small and fast, and shared by the cases."""

from functools import cache

import numpy as np

from tests.cases import right, table, wrong
from tests.trained import trained_once


@cache
def digits():
    from coursekit.exercises.n06_autoencoder import digits

    return digits()


def train(model, x, target=None, loss="mse", epochs=4, rate=0.005, batch=256, falling=True):
    import keras

    steps = epochs * -(-len(x) // batch)
    rate = keras.optimizers.schedules.CosineDecay(rate, steps) if falling else rate
    model.compile(keras.optimizers.Adam(rate), loss, steps_per_execution=20)
    model.fit(x, x if target is None else target, batch_size=batch, epochs=epochs, verbose=0)
    return model


def chain(*layers, rows=784):
    """A Sequential model of `layers` for rows of numbers, with the same first weights each time."""
    import keras

    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((rows,)), *layers])


def functional(model):
    """The same layers and weights from the functional API."""
    import keras

    inputs = outputs = keras.Input(model.input_shape[1:])
    for layer in model.layers:
        outputs = type(layer).from_config(layer.get_config())(outputs)
    again = keras.Model(inputs, outputs)
    again.set_weights(model.get_weights())
    return again


def for_pictures(model):
    """The same network, for pictures (28, 28, 1)."""
    import keras

    again = keras.Sequential(
        [keras.Input((28, 28, 1)), keras.layers.Flatten(), *keras.models.clone_model(model).layers]
    )
    again.set_weights(model.get_weights())
    return again


def subclassed(model):
    """The same network, in a class of one's own."""
    import keras

    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.inside = model

        def call(self, x):
            return self.inside(x)

    mine = Mine()
    mine(np.zeros((1, *model.input_shape[1:]), "float32"))
    return mine


class PredictOnly:
    """An object with nothing but `predict`."""

    def __init__(self, model):
        self.model = model

    def predict(self, x):
        return np.asarray(self.model(x), dtype=float)


# --- 06.1


def angles(A, B):
    cosines = np.linalg.svd(np.linalg.qr(A)[0].T @ np.linalg.qr(B)[0], compute_uv=False)
    return np.arccos(np.clip(cosines, -1, 1))


def angles_without_clip(A, B):
    return np.arccos(np.linalg.svd(np.linalg.qr(A)[0].T @ np.linalg.qr(B)[0], compute_uv=False))


def angles_clipped_below_1(A, B):
    cosines = np.linalg.svd(np.linalg.qr(A)[0].T @ np.linalg.qr(B)[0], compute_uv=False)
    return np.arccos(np.clip(cosines, 0, 0.9999))


def angles_of_one(A, B):
    return np.arccos(np.clip(np.linalg.svd(np.linalg.qr(A)[0].T @ B, compute_uv=False), -1, 1))


def angles_scipy(A, B):
    from scipy.linalg import subspace_angles

    return subspace_angles(A, B)


def angles_eigen(A, B):
    """From the projections on both spaces."""
    P, Q = A @ np.linalg.pinv(A), B @ np.linalg.pinv(B)
    squares = np.sort(np.linalg.eigvals(P @ Q).real)[::-1][: A.shape[1]]
    return np.arccos(np.sqrt(np.clip(squares, 0, 1))).tolist()


def angles_gram_schmidt(A, B):
    def orthonormal(M):
        columns = []
        for column in M.T:
            column = column - sum((c @ column) * c for c in columns)
            columns.append(column / np.sqrt(column @ column))
        return np.array(columns).T

    product = orthonormal(np.asarray(A)).T @ orthonormal(np.asarray(B))
    return [np.arccos(min(1.0, s)) for s in np.linalg.svd(product)[1]]


@trained_once
def linear(style="by hand"):
    """Networks 49-2-49; PCA's axes set by hand where training would be slow."""
    from keras import layers

    from coursekit.exercises.n06_autoencoder import coarse, plane_of_pca

    mean, plane = plane_of_pca()
    activation = {"relu": "relu", "tanh": "tanh", "relu that no digit reaches": "relu"}.get(style)
    last = "sigmoid" if style == "sigmoid" else None
    width = {"wide": 3, "narrow": 1}.get(style, 2)
    model = chain(layers.Dense(width, activation), layers.Dense(49, last), rows=49)
    if style in ("by hand", "relu", "tanh", "sigmoid"):
        turn = np.array([[1.2, 0.7], [-0.4, 2.0]])  # any basis of the plane will do
        model.set_weights([plane @ np.linalg.inv(turn), np.zeros(2), turn @ plane.T, np.zeros(49)])
    elif style == "relu that no digit reaches":
        away = 1 - ((coarse(digits()[0][0]) - mean) @ plane).min(axis=0)
        model.set_weights([plane, away, plane.T, -away @ plane.T])
    elif style in ("mean left in", "absolute error"):
        tilted = np.column_stack([mean / np.linalg.norm(mean), plane[:, 1]])
        tilted = np.linalg.qr(tilted)[0]
        model.set_weights([tilted, np.zeros(2), tilted.T, np.zeros(49)])
        if style == "absolute error":
            model.compile("adam", "mae")
    elif style == "target not centred":
        model.set_weights([plane, np.zeros(2), plane.T, mean])
    elif style in ("wide", "narrow"):
        x = coarse(digits()[0][0]).astype(float)
        axes = np.linalg.eigh(np.cov(x, rowvar=False))[1][:, -width:]
        model.set_weights([axes, np.zeros(width), axes.T, np.zeros(49)])
    elif style == "short":
        x = (coarse(digits()[0][0]) - mean).astype("float32")
        train(model, x[:4000], epochs=2)
    elif style == "trained on the digits themselves":
        train(model, coarse(digits()[0][0][:20000]).astype("float32"), epochs=3)
    return model


def pca(x):
    """PCA in one line of NumPy."""
    from coursekit.exercises.n06_autoencoder import plane_of_pca

    plane = plane_of_pca()[1]
    return x @ plane @ plane.T


def answers_1():
    return {"principal_angles": angles, "linear": linear()}


table(
    "06.1",
    answers_1,
    {
        "QR and SVD": {},
        "SciPy": {"principal_angles": angles_scipy},
        "projections": {"principal_angles": angles_eigen},
        "Gram and Schmidt": {"principal_angles": angles_gram_schmidt},
        "PCA itself": {"linear": pca},
        "float32": {"principal_angles": lambda A, B: angles(A.astype("float32"), B.astype("float32"))},
    },
    [
        ("wrong-sign", "negative", {"principal_angles": lambda A, B: -angles(A, B)}),
        ("no-clip", "no clip", {"principal_angles": angles_without_clip}),
        ("degrees", "degrees", {"principal_angles": lambda A, B: np.degrees(angles(A, B))}),
        ("cosines", "cosines", {"principal_angles": lambda A, B: np.cos(angles(A, B))}),
        ("squared-cosines", "squared cosines", {"principal_angles": lambda A, B: np.cos(angles(A, B)) ** 2}),
        ("squared-inside", "no root", {"principal_angles": lambda A, B: np.arccos(np.cos(angles(A, B)) ** 2)}),
        ("principal-angles", "the first Q twice", {"principal_angles": angles_of_one}),
        ("principal-angles", "clipped below 1", {"principal_angles": angles_clipped_below_1}),
        ("sines", "arcsine", {"principal_angles": lambda A, B: np.arcsin(np.cos(angles(A, B)))}),
        (
            "not-orthonormal",
            "no QR",
            {"principal_angles": lambda A, B: np.arccos(np.clip(np.linalg.svd(A.T @ B, compute_uv=False), -1, 1))},
        ),
        (
            "only-normalised",
            "columns of length 1",
            {
                "principal_angles": lambda A, B: np.arccos(
                    np.clip(
                        np.linalg.svd(
                            (A / np.linalg.norm(A, axis=0)).T @ (B / np.linalg.norm(B, axis=0)), compute_uv=False
                        ),
                        -1,
                        1,
                    )
                )
            },
        ),
        (
            "no-svd",
            "the diagonal",
            {"principal_angles": lambda A, B: np.arccos(np.diag(np.linalg.qr(A)[0].T @ np.linalg.qr(B)[0]))},
        ),
        ("wrong-shape", "the largest only", {"principal_angles": lambda A, B: angles(A, B).max()}),
    ],
)

for name, code in {
    "relu": "not-linear",
    "relu that no digit reaches": "not-linear",
    "tanh": "not-linear",
    "absolute error": "absolute",
    "sigmoid": "not-linear",
    "wide": "wrong-code",
    "narrow": "wrong-code",
    "mean left in": "not-centred",
    "target not centred": "not-centred",
    "trained on the digits themselves": "not-centred",
    "short": "angle|not-centred",
    "never fitted": "angle|not-centred",
}.items():

    @wrong("06.1", code, f"network: {name}")
    def _(name=name):
        return {**answers_1(), "linear": linear(name)}


@right("06.1", "functional")
def _():
    return {**answers_1(), "linear": functional(linear())}


# --- 06.2


@trained_once
def pair(variational=False, epochs=8):
    """A small trained autoencoder with a code of two numbers, or a variational one."""
    import keras
    from keras import layers, ops

    class Noisy(keras.layers.Layer):
        """A random point of each cloud; the KL term goes into the loss."""

        def __init__(self):
            super().__init__()
            self.dice = keras.random.SeedGenerator(0)

        def call(self, both):
            mean, log_var = both[:, :2], both[:, 2:]
            self.add_loss(ops.mean(ops.sum(mean**2 + ops.exp(log_var) - 1 - log_var, axis=1)) / 2 / 784)
            return mean + ops.exp(log_var / 2) * keras.random.normal(ops.shape(mean), seed=self.dice)

    x = digits()[0][0][:12_000]
    encoder = chain(layers.Dense(128, "relu"), layers.Dense(64, "relu"), layers.Dense(4 if variational else 2))
    decoder = keras.Sequential(
        [keras.Input((2,)), layers.Dense(64, "relu"), layers.Dense(128, "relu"), layers.Dense(784, "sigmoid")]
    )
    whole = keras.Sequential([encoder, *([Noisy()] if variational else []), decoder])
    train(whole, x, loss="binary_crossentropy", epochs=epochs, rate=0.01, batch=100)
    return encoder, decoder


def map_(encoder=None, decoder=None):
    return {"encoder": encoder or pair()[0], "decoder": decoder or pair()[1]}


def fresh(model):
    """The same network with new weights."""
    import keras

    keras.utils.set_random_seed(1)
    return keras.models.clone_model(model)


def flat_map():
    """PCA with two numbers, as two Dense layers."""
    from keras import layers

    x = digits()[0][0].astype(float)
    mean = x.mean(axis=0)
    axes = np.linalg.svd((x - mean)[:500], full_matrices=False)[2][:2].T
    encoder, decoder = chain(layers.Dense(2)), chain(layers.Dense(784), rows=2)
    encoder.set_weights([axes, -mean @ axes])
    decoder.set_weights([axes.T, mean])
    return {"encoder": encoder, "decoder": decoder}


def unscaled():
    """The pair as if trained on grey values from 0 to 255, with copies in [0, 1]."""
    import keras

    weights = pair()[0].get_weights()
    again = keras.models.clone_model(pair()[0])
    again.set_weights([weights[0] / 255, *weights[1:]])
    return map_(encoder=again)


def dead():
    """A code of which the second number is always 0."""
    import keras

    weights = pair()[0].get_weights()
    again = keras.models.clone_model(pair()[0])
    again.set_weights([*weights[:-2], weights[-2] * [1, 0], weights[-1] * [1, 0]])
    return map_(encoder=again)


def relu_code():
    """The same map, moved to where no coordinate is negative."""
    from keras import layers

    encoder, decoder = pair()
    away = 1 - np.asarray(encoder(digits()[0][0])).min(axis=0)
    moved = chain(layers.Dense(128, "relu"), layers.Dense(64, "relu"), layers.Dense(2, "relu"))
    *weights, bias = encoder.get_weights()
    moved.set_weights([*weights, bias + away])
    back = fresh(decoder)
    kernel, bias, *weights = decoder.get_weights()
    back.set_weights([kernel, bias - away @ kernel, *weights])
    return map_(moved, back)


def ending_in(model, activation):
    """The same weights, with an activation behind the last layer."""
    import keras

    again = keras.models.clone_model(model)
    again.layers[-1].activation = keras.activations.get(activation)
    again.set_weights(model.get_weights())
    return again


def whole():
    import keras

    return keras.Sequential(list(pair()))


def wide():
    from keras import layers

    return map_(chain(layers.Dense(8)), chain(layers.Dense(784), rows=8))


for name, build in {
    "Sequential": map_,
    "functional": lambda: map_(*map(functional, pair())),
    "subclassed": lambda: map_(*map(subclassed, pair())),
    "functions": lambda: map_(lambda x: pair()[0](x), lambda z: np.asarray(pair()[1](z)).reshape(-1, 28, 28)),
    "predict": lambda: map_(*map(PredictOnly, pair())),
}.items():
    right("06.2", name)(build)

for name, code, build in (
    ("never fitted", "untrained|constant", lambda: map_(*map(fresh, pair()))),
    ("another decoder", "untrained|constant", lambda: map_(decoder=fresh(pair()[1]))),
    ("PCA", "linear-model", flat_map),
    ("grey values to 255", "unscaled-inputs", unscaled),
    ("dead code", "dead-code", dead),
    ("eight numbers", "wrong-code", wide),
    ("a ReLU on the code", "code-not-free", relu_code),
    ("a tanh on the code", "code-not-free", lambda: map_(encoder=ending_in(pair()[0], "tanh"))),
    ("one picture", "untrained|constant", lambda: map_(decoder=lambda z: np.full((len(z), 784), 0.13))),
    ("one code", "constant", lambda: map_(encoder=lambda x: np.ones((len(x), 2)))),
    ("one epoch", "mse", lambda: map_(*pair(epochs=1))),
    ("no sigmoid", "wrong-range", lambda: map_(decoder=lambda z: 1.04 * np.asarray(pair()[1](z)) - 0.02)),
    ("for pictures", "takes-pictures", lambda: map_(encoder=for_pictures(pair()[0]))),
    ("softmax", "softmax", lambda: map_(decoder=ending_in(pair()[1], "softmax"))),
    ("halves exchanged", "halves", lambda: map_(*pair()[::-1])),
    ("the whole as decoder", "halves", lambda: map_(decoder=whole())),
    ("whole autoencoder", "wrong-code", lambda: map_(encoder=lambda x: pair()[1](pair()[0](x)))),
):
    wrong("06.2", code, name)(build)


# --- 06.3


def psnr(clean, noisy):
    return 10 * np.log10(1 / np.mean((clean - noisy) ** 2))


def smooth(x, sigma):
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(x.reshape(-1, 28, 28), (0, sigma, sigma)).reshape(-1, 784)


def smooth_in_place(x, sigma):
    from scipy.ndimage import gaussian_filter

    pictures = x.reshape(-1, 28, 28)
    gaussian_filter(pictures, (0, sigma, sigma), output=pictures)
    return pictures.reshape(-1, 784)


def logits_of_denoiser(x):
    p = np.clip(np.asarray(denoiser()(x)), 1e-4, 1 - 1e-4)
    return np.log(p / (1 - p))


def smooth_loop(x, sigma):
    from scipy.ndimage import gaussian_filter

    return [gaussian_filter(row.reshape(28, 28), sigma, mode="constant").ravel().tolist() for row in x]


def smooth_matrix(x, sigma, divided=True):
    """The filter as a matrix on both sides."""
    places = np.arange(28)
    weights = np.exp(-((places[:, None] - places) ** 2) / (2 * sigma**2))
    if divided:
        weights /= np.exp(-(np.arange(-30, 31) ** 2) / (2 * sigma**2)).sum()
    return np.einsum("ij,njk,lk->nil", weights, x.reshape(-1, 28, 28), weights).reshape(-1, 784)


@trained_once
def denoiser(style="dense"):
    from keras import layers

    rng = np.random.default_rng(0)
    x = digits()[0][0]
    noisy = x + 0.5 * rng.normal(size=x.shape).astype("float32")
    model = chain(layers.Dense(256, "relu"), layers.Dense(784, "sigmoid"))
    if style == "dense":
        return train(model, noisy, x, "binary_crossentropy", epochs=5, rate=0.003, falling=False)
    if style == "clean as input":
        half = {"strides": 2, "padding": "same", "activation": "relu"}
        model = chain(
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(8, 3, **half),
            layers.Conv2DTranspose(1, 3, **half | {"activation": "sigmoid"}),
            layers.Flatten(),
        )
        return train(model, x[:4000], epochs=2, rate=0.01, batch=50)
    if style == "few":
        return train(model, noisy[:1500], x[:1500], epochs=4)
    return model


def cut_filter(x):
    """What a convolution with zeros around the pictures makes of them, its values cut to [0, 1]."""
    return np.clip(np.reshape(smooth_loop(x, 1.0), x.shape), 0, 1)


def answers_3():
    return {"psnr": psnr, "smooth": smooth, "denoiser": denoiser()}


def gaussian(x, sigma):
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(x, sigma)


table(
    "06.3",
    answers_3,
    {
        "NumPy": {},
        "a loop over pictures": {"smooth": smooth_loop},
        "a matrix": {"smooth": smooth_matrix},
        "minus 10 log": {"psnr": lambda a, b: -10 * np.log10(np.square(a - b).sum() / a.size)},
        "20 log of the root": {"psnr": lambda a, b: -20 * np.log10(np.linalg.norm(a - b) / np.sqrt(a.size))},
    },
    [
        ("wrong-sign", "sign", {"psnr": lambda a, b: -psnr(a, b)}),
        ("natural-log", "natural logarithm", {"psnr": lambda a, b: -10 * np.log(np.mean((a - b) ** 2))}),
        ("twenty", "twenty", {"psnr": lambda a, b: 2 * psnr(a, b)}),
        ("root", "root", {"psnr": lambda a, b: psnr(a, b) / 2}),
        ("no-ten", "no factor", {"psnr": lambda a, b: psnr(a, b) / 10}),
        ("summed", "sum", {"psnr": lambda a, b: -10 * np.log10(np.sum((a - b) ** 2))}),
        (
            "mean-of-each",
            "mean of the PSNRs",
            {"psnr": lambda a, b: np.mean(-10 * np.log10(np.mean((a - b) ** 2, axis=-1)))},
        ),
        ("log2", "base 2", {"psnr": lambda a, b: -10 * np.log2(np.mean((a - b) ** 2))}),
        ("no-logarithm", "no logarithm", {"psnr": lambda a, b: 1 / np.mean((a - b) ** 2)}),
        ("mse", "the mean squared error", {"psnr": lambda a, b: np.mean((a - b) ** 2)}),
        ("absolute", "absolute differences", {"psnr": lambda a, b: 10 * np.log10(1 / np.mean(np.abs(a - b)))}),
        (
            "mean-square-of-picture",
            "signal to noise",
            {"psnr": lambda a, b: 10 * np.log10(np.mean(a**2) / np.mean((a - b) ** 2))},
        ),
        ("psnr", "three quarters", {"psnr": lambda a, b: 7.5 * np.log10(1 / np.mean((a - b) ** 2))}),
        ("fixed", "always one pixel", {"smooth": lambda x, s: smooth(x, 1.0)}),
        ("changes-input", "in place", {"smooth": smooth_in_place}),
        ("logits", "logits", {"denoiser": logits_of_denoiser}),
        ("peak-255", "peak 255", {"psnr": lambda a, b: psnr(a, b) + 20 * np.log10(255)}),
        ("wrong-shape", "one a picture", {"psnr": lambda a, b: -10 * np.log10(np.mean((a - b) ** 2, axis=1))}),
        (
            "across-pictures",
            "along the stack",
            {"smooth": lambda x, s: gaussian(x.reshape(-1, 28, 28), s).reshape(-1, 784)},
        ),
        ("along-rows", "along the rows", {"smooth": lambda x, s: gaussian(x, (0, s))}),
        ("not-pictures", "the table", {"smooth": gaussian}),
        (
            "along-rows",
            "one direction",
            {"smooth": lambda x, s: gaussian(x.reshape(-1, 28, 28), (0, 0, s)).reshape(-1, 784)},
        ),
        (
            "along-columns",
            "the other direction",
            {"smooth": lambda x, s: gaussian(x.reshape(-1, 28, 28), (0, s, 0)).reshape(-1, 784)},
        ),
        ("ink", "weights that do not add up to 1", {"smooth": lambda x, s: smooth_matrix(x, s, divided=False)}),
        ("no-filter", "nothing", {"smooth": lambda x, s: x}),
        ("smooth", "twice", {"smooth": lambda x, s: smooth(smooth(x, s), s)}),
        ("gain", "the filter as denoiser", {"denoiser": lambda x: smooth(x, 1.2)}),
        ("gain", "a filter that is cut, dark beyond the border", {"denoiser": cut_filter}),
        ("clipped", "cut to [0, 1]", {"smooth": lambda x, s: np.clip(smooth(x, s), 0, 1)}),
        ("variance", "the variance", {"psnr": lambda a, b: -10 * np.log10(np.var(a - b))}),
        ("peak-of-picture", "the peak of the pictures", {"psnr": lambda a, b: psnr(a, b) + 20 * np.log10(a.max())}),
        ("copies-noise", "half of what it got", {"denoiser": lambda x: 0.5 * x + 0.25}),
        ("copies-noise", "what it got", {"denoiser": lambda x: x}),
        ("constant", "the mean digit", {"denoiser": lambda x: np.full((len(x), 784), 0.13)}),
        (
            "unscaled-outputs",
            "grey values to 255",
            {"denoiser": lambda x: 255 * np.asarray(denoiser()(x.astype("float32")))},
        ),
    ],
)

for name, code in {
    "clean as input": "trained-on-clean",
    "few": "untrained",
    "never fitted": "untrained",
}.items():

    @wrong("06.3", code, name)
    def _(name=name):
        return {**answers_3(), "denoiser": denoiser(name)}


@wrong("06.3", "takes-pictures", "for pictures")
def _():
    return {**answers_3(), "denoiser": for_pictures(denoiser())}


for name, change in {"functional": functional, "subclassed": subclassed}.items():

    @right("06.3", name)
    def _(change=change):
        return {**answers_3(), "denoiser": change(denoiser())}


# --- 06.4


@trained_once
def of_zeros(style="zeros"):
    from keras import layers

    x, y = digits()[0]
    wide = style == "wide"
    model = chain(
        layers.Dense(64, "relu"),
        layers.Dense(256 if wide else 16, "relu"),
        layers.Dense(64, "relu"),
        layers.Dense(784, "sigmoid"),
    )
    if style == "never fitted":
        return model
    if style == "all digits":
        return train(model, x[:12_000], epochs=5, rate=0.008)
    if style == "others":
        return train(model, x[y != 0][:10_000], epochs=5, rate=0.008)
    if style == "short":
        return train(model, x[y == 0][:300], epochs=2, batch=64)
    return train(model, x[y == 0], epochs=20, batch=64, rate=0.004)


def errors_of(model):
    return lambda x: np.mean((np.asarray(model(x.astype("float32"))) - x) ** 2, axis=1)


def roc(scores, strange):
    found = np.asarray(strange)[np.argsort(-np.asarray(scores))]
    true = np.append(0, np.cumsum(found)) / np.sum(found)
    return np.append(0, np.cumsum(1 - found)) / np.sum(1 - found), true


def roc_sklearn(scores, strange):
    from sklearn.metrics import roc_curve

    return roc_curve(strange, scores)[:2]


def roc_and_thresholds(scores, strange):
    from sklearn.metrics import roc_curve

    return roc_curve(strange, scores)


def roc_thresholds(scores, strange):
    false, true = [], []
    for limit in [np.inf, *sorted(scores, reverse=True)]:
        called = scores >= limit
        false.append((called & (strange == 0)).sum() / (strange == 0).sum())
        true.append((called & (strange == 1)).sum() / (strange == 1).sum())
    return false, true


def roc_from_above(scores, strange):
    cuts = np.linspace(scores.max() + 1, 0.2, 501)[:, None]
    return tuple(np.mean(scores[strange == kind] >= cuts, axis=1) for kind in (0, 1))


def roc_of_one_threshold(scores, strange):
    called = scores > 1
    return tuple([0, np.mean(called[strange == kind]), 1] for kind in (0, 1))


def roc_to_one(scores, strange):
    cuts = np.linspace(1, 0, 501)[:, None]
    return tuple(np.mean(scores[strange == kind] >= cuts, axis=1) for kind in (0, 1))


def answers_4(model=None, **changed):
    model = model or of_zeros()
    return {"anomaly_model": model, "anomaly_score": errors_of(model), "roc": roc, **changed}


def score(change):
    """`anomaly_score` from the differences between copy and digit."""
    return {"anomaly_score": lambda x: change(np.asarray(of_zeros()(x.astype("float32"))) - x)}


def no_origin(scores, strange):
    false, true = roc(scores, strange)
    return false[20:], true[20:]


def unsorted(scores, strange):
    return np.append(0, np.cumsum(1 - strange)) / (1 - strange).sum(), np.append(0, np.cumsum(strange)) / strange.sum()


table(
    "06.4",
    answers_4,
    {
        "squared error": {},
        "scikit-learn's curve": {"roc": roc_sklearn},
        "thresholds in a loop": {"roc": roc_thresholds},
        "an array": {"roc": lambda *args: np.array(roc(*args))},
        "root of the squared error": score(lambda e: np.sqrt(np.mean(e**2, axis=1))),
        "sum, a column": score(lambda e: np.sum(e**2, axis=1, keepdims=True)),
    },
    [
        ("wrong-sign", "sign of the score", score(lambda e: -np.mean(e**2, axis=1))),
        ("other-error", "the absolute error", score(lambda e: np.mean(np.abs(e), axis=1))),
        ("wrong-shape", "one score", score(lambda e: np.mean(e**2))),
        ("wrong-shape", "a score a pixel", score(lambda e: e**2)),
        ("score", "errors cancel", score(lambda e: np.mean(e, axis=1))),
        ("constant|score", "always the same", score(lambda e: np.ones(len(e)))),
        ("swapped", "rates exchanged", {"roc": lambda *args: roc(*args)[::-1]}),
        ("ascending", "ascending", {"roc": lambda scores, strange: roc(-scores, strange)}),
        ("not-sorted", "not sorted", {"roc": unsorted}),
        (
            "counts",
            "counts",
            {"roc": lambda s, t: (roc(s, t)[0] * (t == 0).sum(), roc(s, t)[1] * (t == 1).sum())},
        ),
        (
            "divided-by-all",
            "divided by the number of all",
            {"roc": lambda s, t: (roc(s, t)[0] * np.mean(t == 0), roc(s, t)[1] * np.mean(t == 1))},
        ),
        ("reversed", "from one to zero", {"roc": lambda *args: tuple(part[::-1] for part in roc(*args))}),
        ("no-zero", "no zero before the sums", {"roc": lambda *args: tuple(part[1:] for part in roc(*args))}),
        ("below-highest", "thresholds from 0 to 1", {"roc": roc_to_one}),
        ("above-lowest", "thresholds from 0.2", {"roc": roc_from_above}),
        ("no-lowest", "the last score left out", {"roc": lambda *args: tuple(part[:-1] for part in roc(*args))}),
        ("roc", "one threshold", {"roc": roc_of_one_threshold}),
        ("roc", "random labels", {"roc": lambda s, t: roc(s, np.random.default_rng(0).permutation(t))}),
        ("one-reversed", "one of them turned round", {"roc": lambda *args: (roc(*args)[0], roc(*args)[1][::-1])}),
        ("below-highest", "begins late", {"roc": no_origin}),
        ("three", "the thresholds too", {"roc": roc_and_thresholds}),
        ("wrong-type", "the area", {"roc": lambda s, t: 0.9}),
        ("constant", "the same picture", {"anomaly_model": lambda x: np.full((len(x), 784), 0.1)}),
    ],
)

for name, code in {
    "all digits": "trained-on-both",
    "others": "trained-on-both",
    "never fitted": "untrained",
    "short": "untrained",
}.items():

    @wrong("06.4", code, f"network: {name}")
    def _(name=name):
        return answers_4(of_zeros(name))


for name, change in {"functional": functional, "for pictures": for_pictures, "predict": PredictOnly}.items():

    @right("06.4", name)
    def _(change=change):
        return {**answers_4(), "anomaly_model": change(of_zeros())}


# --- 06.5


def code_grid(low, high, n):
    first, second = np.meshgrid(*np.linspace(low, high, n).T)
    return np.column_stack([first.ravel(), second.ravel()])


def grid_loop(low, high, n):
    steps = [np.linspace(a, b, n) for a, b in zip(low, high)]
    return [[a, b] for a in steps[0] for b in steps[1]]


def grid_mgrid(low, high, n):
    u, v = np.mgrid[0 : 1 : n * 1j, 0 : 1 : n * 1j]
    return low + np.stack([u.ravel(), v.ravel()], axis=1) * (np.asarray(high) - low)


def nearest(points, codes):
    return np.linalg.norm(points[:, None] - codes[None], axis=2).min(axis=1)


def nearest_sklearn(points, codes):
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=1).fit(codes).kneighbors(points)[0]


def nearest_loop(points, codes):
    return [min(np.hypot(*(point - code)) for code in codes) for point in points]


def there_and_back(points):
    encoder, decoder = pair()
    return np.asarray(encoder(decoder(points)))


def picture_trip(points):
    decoder = pair()[1]
    return np.linalg.norm(np.asarray(decoder(there_and_back(points))) - np.asarray(decoder(points)), axis=1)


def round_trip(points):
    return np.linalg.norm(there_and_back(points) - points, axis=1)


@cache
def codes():
    return np.asarray(pair()[0](digits()[1][0]))


@cache
def hole():
    walk = code_grid(codes().min(axis=0), codes().max(axis=0), 20)
    distance = [nearest(walk[i : i + 40], codes()).max() for i in range(0, 400, 40)]
    part = walk[40 * np.argmax(distance) :][:40]
    return part[np.argmax(nearest(part, codes()))]


def answers_5():
    functions = {"code_grid": code_grid, "nearest": nearest, "round_trip": round_trip}
    return {**map_(), **functions, "hole": hole()}


table(
    "06.5",
    answers_5,
    {
        "meshgrid": {},
        "loops": {"code_grid": grid_loop, "nearest": nearest_loop},
        "mgrid": {"code_grid": grid_mgrid},
        "scikit-learn": {"nearest": nearest_sklearn},
        "predict": {
            "round_trip": lambda points: np.sqrt(
                np.square(pair()[0].predict(pair()[1].predict(points, verbose=0), verbose=0) - points).sum(axis=1)
            )
        },
    },
    [
        ("diagonal", "diagonal", {"code_grid": np.linspace}),
        ("wrong-shape", "not flattened", {"code_grid": lambda a, b, n: code_grid(a, b, n).reshape(n, n, 2)}),
        ("wrong-shape", "two rows", {"code_grid": lambda a, b, n: code_grid(a, b, n).T}),
        (
            "same-range",
            "one range for both",
            {"code_grid": lambda a, b, n: code_grid([min(a)] * 2, [max(b)] * 2, n)},
        ),
        ("same-axis", "limits of one axis", {"code_grid": lambda a, b, n: code_grid([a[0]] * 2, [b[0]] * 2, n)}),
        ("no-end", "no upper end", {"code_grid": lambda a, b, n: code_grid(a, a + (b - a) * (n - 1) / n, n)}),
        (
            "unpaired",
            "tables reshaped together",
            {"code_grid": lambda a, b, n: np.stack(np.meshgrid(*np.linspace(a, b, n).T)).reshape(-1, 2)},
        ),
        ("line", "n * n along the diagonal", {"code_grid": lambda a, b, n: np.linspace(a, b, n * n)}),
        (
            "axis-limits",
            "low as the limits of one axis",
            {"code_grid": lambda a, b, n: grid_loop(*np.array([a, b]).T, n)},
        ),
        (
            "lacking",
            "random codes",
            {"code_grid": lambda a, b, n: np.random.default_rng(3).uniform(a, b, size=(n * n, 2))},
        ),
        ("lacking", "one row off", {"code_grid": lambda a, b, n: grid_loop(a, b, n)[1:] + [[0.01 + a[0], a[1]]]}),
        ("same-codes", "the codes of the notebook", {"nearest": lambda p, c: nearest(p, codes()[:50])}),
        ("swapped", "axes exchanged", {"code_grid": lambda a, b, n: code_grid(a, b, n)[:, ::-1]}),
        ("squared", "squared", {"nearest": lambda p, c: nearest(p, c) ** 2}),
        (
            "farthest",
            "farthest",
            {"nearest": lambda p, c: np.linalg.norm(p[:, None] - c[None], axis=2).max(axis=1)},
        ),
        (
            "wrong-shape",
            "nearest to each code",
            {"nearest": lambda p, c: np.linalg.norm(p[:, None] - c[None], axis=2).min(axis=0)},
        ),
        (
            "indices",
            "numbers of the nearest",
            {"nearest": lambda p, c: np.linalg.norm(p[:, None] - c[None], axis=2).argmin(axis=1)},
        ),
        ("city-block", "trip in city blocks", {"round_trip": lambda p: np.abs(there_and_back(p) - p).sum(axis=1)}),
        ("city-block", "city block", {"nearest": lambda p, c: np.abs(p[:, None] - c[None]).sum(axis=2).min(axis=1)}),
        ("squared", "trip squared", {"round_trip": lambda p: round_trip(p) ** 2}),
        ("one-way", "no start", {"round_trip": lambda p: np.linalg.norm(there_and_back(p), axis=1)}),
        ("pictures-compared", "a picture and its copy", {"round_trip": picture_trip}),
        ("averaged", "trip averaged", {"round_trip": lambda p: np.mean((there_and_back(p) - p) ** 2, axis=1)}),
        ("outside", "off the map", {"hole": np.array([1e4, 0.0])}),
        ("wrong-shape", "a picture", {"hole": np.zeros((28, 28))}),
    ],
)


@wrong("06.5", "hole", "a digit lives there")
def _():
    return {**answers_5(), "hole": codes()[7] + 1e-3}


@wrong("06.5", "map-first", "a map that was not fitted")
def _():
    return {**answers_5(), **map_(*map(fresh, pair()))}


@right("06.5", "a list as hole")
def _():
    return {**answers_5(), "hole": hole().tolist()}


# --- 06.6


def kl_term(mean, log_var):
    from keras import ops

    return ops.sum(mean**2 + ops.exp(log_var) - 1 - log_var, axis=1) / 2


def kl_numpy(mean, log_var):
    return -0.5 * np.sum(1 + log_var - np.square(mean) - np.exp(log_var), axis=-1)


def kl_tensorflow(mean, log_var):
    import tensorflow as tf

    return -0.5 * tf.reduce_sum(1 + log_var - tf.square(mean) - tf.exp(log_var), axis=1, keepdims=True)


def kl_sigma(mean, log_var):
    sigma = np.exp(log_var / 2)
    return (np.log(1 / sigma) + (sigma**2 + mean**2) / 2 - 0.5).sum(axis=1)


def reparametrise(mean, log_var, noise):
    from keras import ops

    return mean + ops.exp(log_var / 2) * noise


def answers_6(**changed):
    encoder, decoder = pair(variational=True)
    functions = {"kl_term": kl_term, "reparametrise": reparametrise}
    return {**functions, "vae_encoder": encoder, "vae_decoder": decoder, **changed}


def plain(spread):
    """The plain autoencoder, its codes standardised, with clouds of a chosen size."""

    def encoder(x):
        mean = (np.asarray(pair()[0](x)) - codes().mean(axis=0)) / codes().std(axis=0) * (1 if spread else 10)
        return np.concatenate([mean, np.full_like(mean, np.log(spread or 1e-9))], axis=1)

    def decoder(z):
        return pair()[1]((z / (1 if spread else 10) * codes().std(axis=0) + codes().mean(axis=0)).astype("float32"))

    return {"vae_encoder": encoder, "vae_decoder": decoder}


def collapsed_encoder(x):
    return 0.01 * np.column_stack([x[:, 400:402], x[:, 410:412]])


def collapsed_decoder(z):
    return digits()[0][0].mean(axis=0) + 1e-4 * z[:, :1]


def one_coordinate():
    """The second number of the code is N(0, 1) for every digit, and the decoder does not look at it."""
    encoder, decoder = pair(variational=True)
    return {
        "vae_encoder": lambda x: np.asarray(encoder(x)) * [1, 0, 1, 0],
        "vae_decoder": lambda z: np.asarray(decoder(np.asarray(z, "float32") * np.float32([1, 0]))),
    }


def split_encoder(x):
    """Means and log variances as two arrays."""
    both = np.asarray(pair(variational=True)[0](x))
    return both[:, :2], both[:, 2:]


table(
    "06.6",
    answers_6,
    {
        "Keras operations": {},
        "NumPy": {"kl_term": kl_numpy, "reparametrise": lambda m, v, e: m + np.sqrt(np.exp(v)) * e},
        "TensorFlow": {"kl_term": kl_tensorflow},
        "by sigma, lists": {
            "kl_term": lambda m, v: kl_sigma(m, v).tolist(),
            "reparametrise": lambda m, v, e: (e * np.exp(v) ** 0.5 + m).tolist(),
        },
        "two outputs": {"vae_encoder": split_encoder},
    },
    [
        ("wrong-sign", "sign", {"kl_term": lambda m, v: -kl_numpy(m, v)}),
        ("not-halved", "no half", {"kl_term": lambda m, v: 2 * kl_numpy(m, v)}),
        ("averaged", "mean over coordinates", {"kl_term": lambda m, v: kl_numpy(m, v) / m.shape[1]}),
        ("wrong-shape", "mean over digits", {"kl_term": lambda m, v: kl_numpy(m, v).mean()}),
        ("wrong-shape", "not summed", {"kl_term": lambda m, v: (m**2 + np.exp(v) - 1 - v) / 2}),
        ("wrong-axis", "axis 0", {"kl_term": lambda m, v: ((m**2 + np.exp(v) - 1 - v) / 2).sum(axis=0)}),
        (
            "log-var-as-variance",
            "log_var is the variance",
            {"kl_term": lambda m, v: (m**2 + v - 1 - np.log(np.abs(v))).sum(axis=1) / 2},
        ),
        ("log-var-as-sigma", "log_var is log sigma", {"kl_term": lambda m, v: kl_numpy(m, 2 * v)}),
        ("not-squared", "mean not squared", {"kl_term": lambda m, v: (m + np.exp(v) - 1 - v).sum(axis=1) / 2}),
        ("no-one", "no -1", {"kl_term": lambda m, v: (m**2 + np.exp(v) - v).sum(axis=1) / 2}),
        (
            "other-direction",
            "the other direction",
            {"kl_term": lambda m, v: ((1 + m**2) / np.exp(v) - 1 + v).sum(axis=1) / 2},
        ),
        ("kl-term", "plus log_var", {"kl_term": lambda m, v: (m**2 + np.exp(v) - 1 + v).sum(axis=1) / 2}),
        ("kl-term", "no log_var, no half", {"kl_term": lambda m, v: (m**2 + np.exp(v) - 1).sum(axis=1)}),
        (
            "kl-term",
            "three coordinates",
            {"kl_term": lambda m, v: kl_numpy(m[:, :3], v[:, :3]) if m.shape[1] > 1 else m[:, 0]},
        ),
        (
            "not-finite",
            "the logarithm of log_var",
            {"kl_term": lambda m, v: (m**2 + np.exp(v) - 1 - np.log(v)).sum(axis=1) / 2},
        ),
        ("not-finite", "the root of log_var itself", {"reparametrise": lambda m, v, e: m + np.sqrt(v) * e}),
        ("subtracted", "noise subtracted", {"reparametrise": lambda m, v, e: m - np.exp(v / 2) * e}),
        ("variance", "times the variance", {"reparametrise": lambda m, v, e: m + np.exp(v) * e}),
        ("log-variance", "times log_var", {"reparametrise": lambda m, v, e: m + v * e}),
        ("no-noise", "no noise", {"reparametrise": lambda m, v, e: m}),
        ("no-spread", "no spread", {"reparametrise": lambda m, v, e: m + e}),
        ("half-log", "no exponential", {"reparametrise": lambda m, v, e: m + v / 2 * e}),
        ("no-mean", "no mean", {"reparametrise": lambda m, v, e: np.exp(v / 2) * e}),
        ("no-root", "times two for half", {"reparametrise": lambda m, v, e: m + np.exp(v * 2) * e}),
        ("root-of-log", "root of log_var", {"reparametrise": lambda m, v, e: m + np.sqrt(np.abs(v)) * e}),
        ("noise-as-mean", "mean and noise exchanged", {"reparametrise": lambda m, v, e: e + np.exp(v / 2) * m}),
        ("wrong-sign", "exp(-log_var / 2)", {"reparametrise": lambda m, v, e: m + np.exp(-v / 2) * e}),
        ("one-coordinate", "one coordinate unused", lambda: one_coordinate()),
        ("wrong-shape", "two numbers out", {"vae_encoder": lambda x: np.ones((len(x), 2))}),
        ("constant", "one cloud", {"vae_encoder": lambda x: np.ones((len(x), 4))}),
        ("collapsed", "collapsed", {"vae_encoder": collapsed_encoder, "vae_decoder": collapsed_decoder}),
    ],
)


@wrong("06.6", "no-kl", "no KL term")
def _():
    return answers_6(**plain(0))


@wrong("06.6", "means-alone", "a plain autoencoder in disguise")
def _():
    return answers_6(**plain(0.05))


@wrong("06.6", "code-not-free", "a ReLU on the four numbers")
def _():
    return answers_6(vae_encoder=ending_in(pair(variational=True)[0], "relu"))


@wrong("06.6", "takes-pictures", "for pictures")
def _():
    return answers_6(vae_encoder=for_pictures(pair(variational=True)[0]))


@wrong("06.6", "logits", "logits")
def _():
    decoder = pair(variational=True)[1]

    def logits(z):
        p = np.clip(np.asarray(decoder(z)), 1e-4, 1 - 1e-4)
        return np.log(p / (1 - p))

    return answers_6(vae_decoder=logits)


@wrong("06.6", "wrong-range", "no sigmoid")
def _():
    return answers_6(vae_decoder=lambda z: 1.04 * np.asarray(pair(variational=True)[1](z)) - 0.02)


@wrong("06.6", "untrained", "never fitted, all clouds near N(0, 1)")
def _():
    return answers_6(vae_encoder=collapsed_encoder, vae_decoder=lambda z: 0.5 + 0.01 * np.resize(z, (len(z), 784)))


@wrong("06.6", "untrained|no-kl", "never fitted")
def _():
    encoder, decoder = map(fresh, pair(variational=True))
    return answers_6(vae_encoder=encoder, vae_decoder=decoder)


for name, change in {"functional": functional, "subclassed": subclassed}.items():

    @right("06.6", name)
    def _(change=change):
        encoder, decoder = map(change, pair(variational=True))
        return answers_6(vae_encoder=encoder, vae_decoder=decoder)
