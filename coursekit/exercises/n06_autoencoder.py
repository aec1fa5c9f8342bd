"""Checks of notebook 06: autoencoders."""

from functools import cache
from itertools import product

import numpy as np

from coursekit.checks.framework import Wrong, exercise, threshold
from coursekit.checks.proxy import StudentError
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import agrees, as_array, returned
from coursekit.checks.vocabulary.metrics import check_limit
from coursekit.checks.vocabulary.models import predictions, same_as_replay

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py. Smaller networks are right too: the
# solution gains 3 dB over the filter, a network with one dense layer 1.5 dB.
MARGINS = {
    "06.1": {"angle": 4.0},
    "06.2": {"mse": 0.004},
    "06.3": {"gain": -2.5},
    "06.4": {"area": -0.015},
    "06.6": {"mse": 0.0025, "kl": 1.25, "kinds": -1.8},
}


@cache
def digits():
    """Rows of 784 in [0, 1] and labels: the first 20,000 of training, and all of testing."""
    from coursekit.data import load_mnist

    (x_train, y_train), (x_test, y_test) = load_mnist()
    scale = np.float32(255)
    return (x_train[:20_000].reshape(-1, 784) / scale, y_train[:20_000]), (x_test.reshape(-1, 784) / scale, y_test)


def sample(rng, n=1000):
    """Some test digits with a little noise, and their labels: a table of the known ones would not help."""
    x, y = digits()[1]
    rows = rng.choice(len(x), n, replace=False)
    return np.clip(x[rows] + rng.uniform(0, 0.04, size=(n, 784)), 0, 1).astype("float32"), y[rows]


def answers(student, name, x, width):
    """What a network gives for rows of 784, shape (n, width); one that wants pictures is asked with pictures."""
    refusal = None
    for shape in ((len(x), 784), (len(x), 28, 28, 1), (len(x), 28, 28)) if x.shape[1] == 784 else (x.shape,):
        try:
            given = predictions(student, name, x.reshape(shape))
        except StudentError as error:
            refusal = refusal or error
            continue
        break
    else:
        raise refusal
    if given.shape[1] != width:
        code = "wrong-code" if width == 2 else "wrong-shape"
        raise Wrong(code, f"`{name}` answers with {given.shape[1]} numbers a row; {width} were expected.")
    return given


def not_logits(name, copies, x):
    """Raises `Wrong` where the answers become pictures like `x` by a sigmoid: they are logits."""
    if copies.min() < -1:
        error = np.mean((1 / (1 + np.exp(-np.clip(copies, -500, 500))) - x) ** 2)
        if error < 0.5 * np.mean((copies - x) ** 2) and error < 0.08:  # the mean digit has 0.067
            raise Wrong(
                "logits",
                f"`{name}` answers with {copies.min():.1f} to {copies.max():.1f}; grey values from 0 to 1 were asked for, and a "
                "sigmoid would make them. End the network with `activation='sigmoid'`.",
            )


def replayed(student, name, x):
    """`same_as_replay` where the network takes the rows as they are; a subclassed one is left to its predictions."""
    if not isinstance(student.config(name), dict):
        return
    try:
        predictions(student, name, x)
    except StudentError:
        return
    same_as_replay(student, name, x)


# --- 06.1


def coarse(x):
    """Digits as 7 by 7 pixels, each the mean of 4 by 4; rows of 49."""
    return np.reshape(x, (-1, 7, 4, 7, 4)).mean(axis=(2, 4)).reshape(-1, 49)


@cache
def plane_of_pca():
    """The mean of the coarse training digits, shape (49,), and the basis of their best plane, shape (49, 2)."""
    x = coarse(digits()[0][0]).astype(float)
    mean = x.mean(axis=0)
    return mean, np.linalg.eigh(np.cov(x - mean, rowvar=False))[1][:, -2:]


def angles_between(A, B):
    """Principal angles in radians, from small to large."""
    cosines = np.linalg.svd(np.linalg.qr(A)[0].T @ np.linalg.qr(B)[0], compute_uv=False)
    return np.sort(np.arccos(np.clip(cosines, -1, 1)))


@exercise(
    "06.1",
    title="A linear autoencoder is PCA",
    points=3,
    needs={
        "principal_angles": "a function of two bases, each (n, k), that gives k angles",
        "linear": "a trained network 49-2-49 without activations",
    },
    hints=(
        "`np.linalg.qr(A)` gives a matrix Q with orthonormal columns that spans the same space as A, and R. The "
        "singular values come from `np.linalg.svd(..., compute_uv=False)`.",
        "Rounding can make a cosine 1.0000001, and its arccos NaN: clip the cosines to [-1, 1] first. For the network: two "
        "Dense layers without `activation`; `centred` is the input and the target.",
        "`linear = keras.Sequential([keras.Input((49,)), layers.Dense(2), layers.Dense(49)])`, compile with "
        "`keras.optimizers.Adam(0.02)` and `'mse'`, fit for 20 epochs with batches of 1000.",
    ),
    expected="Both planes within {angle:.1f} degrees.",
)
def linear_is_pca(student, rng):
    """The angles of random bases; then linearity and the plane of the network's outputs for unseen digits."""
    yield lambda: _angles(student, rng)
    yield lambda: _plane(student, rng)


def _angles(student, rng):
    """The finding about `principal_angles`: spaces that share no direction, then some that do."""
    A, B = rng.normal(size=(9, 3)), rng.normal(size=(9, 3))
    wanted = angles_between(A, B)
    given = np.sort(returned(student, "principal_angles", A, B, shape=(3,)))
    cosines = np.cos(wanted)
    slips = {
        "degrees": (np.degrees(wanted), "These are degrees; radians are asked for."),
        "cosines": (np.sort(cosines), "These are the cosines. The angles are their `np.arccos`."),
        "wrong-sign": (np.sort(-wanted), "The angles are negative; arccos gives none below 0."),
        "squared-cosines": (
            np.sort(cosines**2),
            "These are the squared cosines. The angles are the `np.arccos` of the cosines.",
        ),
        "squared-inside": (
            np.sort(np.arccos(np.clip(cosines**2, 0, 1))),
            "This is the arccos of the squared cosines; take the singular values themselves.",
        ),
        "sines": (np.sort(np.arcsin(np.clip(cosines, -1, 1))), "This is the arcsin; the angle is the arccos."),
        "not-orthonormal": (
            np.sort(np.arccos(np.clip(np.linalg.svd(A.T @ B, compute_uv=False), -1, 1))),
            "The columns were not made orthonormal, so the singular values are no cosines. Take Q of `np.linalg.qr`.",
        ),
        "only-normalised": (
            np.sort(np.arccos(np.clip(np.linalg.svd(_unit(A).T @ _unit(B), compute_uv=False), -1, 1))),
            "The columns have length 1, but they are not at right angles to each other. Take Q of `np.linalg.qr`.",
        ),
        "no-svd": (
            np.sort(np.arccos(np.clip(np.diag(np.linalg.qr(A)[0].T @ np.linalg.qr(B)[0]), -1, 1))),
            "These are angles between pairs of columns. Take the singular values of the product, not its diagonal.",
        ),
    }
    finding = agrees("principal-angles", "`principal_angles`", given, wanted, slips, 1, rtol=1e-3)
    if finding.code == "principal-angles" and finding.message.startswith("`principal_angles` gives"):
        message = (
            "`principal_angles` is off for two bases of shape (9, 3). Orthonormal bases, the singular values of their "
        )
        return Finding("principal-angles", False, f"{message}product, then the arccos: each step in turn.", points=1)
    if finding.passed:
        _shared_directions(student, rng)
    return finding


def _shared_directions(student, rng):
    """Raises `Wrong` where `principal_angles` fails for spaces that share a direction: rounding gives cosines above 1."""
    for n, k, shared in ((5, 1, 1), (9, 3, 1), (12, 4, 2), *[(9, 3, 3)] * 30):
        A, B = rng.normal(size=(n, k)), rng.normal(size=(n, k))
        B[:, :shared] = A @ rng.normal(size=(k, shared))
        given = np.asarray(student.call("principal_angles", A, B), dtype=float).ravel()
        if np.isnan(given).any():
            raise Wrong(
                "no-clip",
                f"`principal_angles` gives NaN for two bases of shape ({n}, {k}) that share a direction, and is right where "
                "they share none. A cosine is 1 there, or by rounding 1.0000000000000002, which has no arccos: clip the "
                "cosines to [-1, 1] first.",
            )
        # arccos near 1 turns a rounding of 1e-16 into 1e-8, and one of float32 into 5e-4.
        if given.shape != (k,) or np.abs(np.sort(given) - angles_between(A, B)).max() > 3e-3:
            raise Wrong(
                "principal-angles",
                f"`principal_angles` is right for shape (9, 3), and off for two bases of shape ({n}, {k}) that share a "
                "direction, whose angle is 0.",
            )


def _plane(student, rng):
    """The finding about `linear`: that it is linear, of two numbers, and in which plane its answers lie."""
    mean, plane = plane_of_pca()
    x = (coarse(sample(rng, 400)[0]) - mean).astype("float32")
    given = answers(student, "linear", x, 49)
    if np.ptp(given, axis=0).max() < 1e-6:
        raise Wrong("constant", "`linear` gives the same picture for every digit. Was it fitted?")
    middle = answers(student, "linear", (x[:200] + x[200:]) / 2, 49)
    if np.abs(middle - (given[:200] + given[200:]) / 2).max() > 1e-3 * np.ptp(given):  # rounding leaves 1e-6
        raise Wrong(
            "not-linear",
            "`linear` bends: half-way between two digits it is not half-way between its answers. Leave out every "
            "activation, also the sigmoid at the end.",
        )
    directions, sizes = np.linalg.svd(given - given.mean(axis=0), full_matrices=False)[2:0:-1]
    if sizes[1] < 1e-3 * sizes[0]:
        raise Wrong("wrong-code", "All answers of `linear` lie on one line: the code has only one useful number.")
    if sizes[2] > 1e-3 * sizes[0]:
        raise Wrong("wrong-code", "The answers of `linear` fill more than a plane: the code is wider than 2.")
    angle = np.degrees(angles_between(directions[:2].T, plane)[-1])
    if angle > 2 * threshold("06.1", "angle"):
        off_plane = np.degrees(angles_between(directions[:2].T, mean[:, None])[-1])
        if off_plane < 25:
            raise Wrong(
                "not-centred",
                f"The plane of `linear` is {angle:.0f} degrees off, and the mean digit lies only {off_plane:.0f} degrees out of "
                "it. Was it trained on `centred`, from which the mean is taken away?",
            )
    advice = "Was it fitted, for long enough? A smaller learning rate or larger batches make the last steps quieter."
    what = "The planes of `linear` and of PCA differ by an angle, in degrees, of {}"
    yield check_limit("06.1", "angle", angle, what, advice, 2, ".2f", most=True)


def _unit(A):
    return A / np.linalg.norm(A, axis=0)


# --- 06.2


def worth_of_map(student, encoder, decoder, x):
    """Codes of the digits `x`, and the mean squared error of the copies that the decoder makes of them."""
    codes = answers(student, encoder, x, 2)
    if np.ptp(codes, axis=0).max() < 1e-6:
        raise Wrong("constant", f"`{encoder}` gives every digit the same code. Was it fitted?")
    copies = answers(student, decoder, codes.astype("float32"), 784)
    not_logits(decoder, copies, x)
    return codes, copies, np.mean((copies - x) ** 2)


@cache
def mean_picture():
    return digits()[0][0].mean(axis=0)


@exercise(
    "06.2",
    title="A map of the digits",
    points=3,
    needs={
        "encoder": "a trained network that gives two numbers for a row of 784",
        "decoder": "a trained network that gives a row of 784 for two numbers",
    },
    hints=(
        "The encoder gets narrower from layer to layer: 784, 128, 64, 2. The decoder goes the same way back.",
        "ReLU on the hidden layers, nothing on the code, a sigmoid at the end, because pixels lie between 0 and 1. Fit the "
        "pair, never one half alone.",
        "`autoencoder = keras.Sequential([encoder, decoder])`; compile with `keras.optimizers.Adam(0.003)` and "
        "`'binary_crossentropy'`; `autoencoder.fit(x_train, x_train, batch_size=100, epochs=8)`.",
    ),
    expected="Copies of unseen digits with a mean squared error of at most {mse:.3f}; PCA with two numbers leaves 0.056.",
)
def map_of_digits(student, rng):
    """The error of the copies of unseen digits; linear, dead, unscaled and unfitted maps are named."""
    x, _ = sample(rng)
    codes, copies, mse = worth_of_map(student, "encoder", "decoder", x)
    for name, given in (("encoder", x[:50]), ("decoder", codes[:50].astype("float32"))):
        replayed(student, name, given)
    yield Finding("code", True, "Two numbers a digit, and a picture for each.", points=1)
    limit = threshold("06.2", "mse")
    if mse > limit:
        _explain_map(student, x, codes, copies, mse)
    yield check_limit(
        "06.2", "mse", mse, "The copies of unseen digits have a mean squared error of {}",
        "Train for more epochs, or make the hidden layers wider.", 2, ".4f", most=True,
    )  # fmt: skip


def _explain_map(student, x, codes, copies, mse):
    """Raises `Wrong` where a known cause explains bad copies."""
    spread = codes.std(axis=0)
    if spread.min() < 1e-3 * spread.max():
        raise Wrong(
            "dead-code",
            "One of the two numbers is the same for all digits: the map is a line. Is there a ReLU on the code? Leave it "
            "without activation.",
        )
    few = x[:300]
    large = answers(student, "encoder", few * 255, 2)
    copies_of_large = answers(student, "decoder", large.astype("float32"), 784)
    for scale in (1, 255):
        if np.mean((copies_of_large / scale - few) ** 2) < 0.8 * np.mean((mean_picture() - few) ** 2):
            raise Wrong(
                "unscaled-inputs", "The map was made for grey values from 0 to 255. Train it on `x_train`, in [0, 1]."
            )
    ends = answers(student, "decoder", codes[:400].astype("float32"), 784)
    if np.ptp(ends, axis=0).max() < 0.02:
        raise Wrong(
            "constant", "`decoder` gives nearly the same picture for every code. Was it fitted, with the encoder?"
        )
    if mse >= np.mean((mean_picture() - x) ** 2):
        raise Wrong(
            "untrained",
            f"The copies have a mean squared error of {mse:.3f}; the mean digit alone has "
            f"{np.mean((mean_picture() - x) ** 2):.3f}. Were encoder and decoder trained together, as one model?",
        )
    middle = answers(student, "encoder", (x[:200] + x[200:400]) / 2, 2)
    between = answers(student, "decoder", ((codes[:200] + codes[200:400]) / 2).astype("float32"), 784)
    bent = np.abs(middle - (codes[:200] + codes[200:400]) / 2).mean() > 0.01 * np.ptp(codes)
    ends_linear = np.abs(between - (ends[:200] + ends[200:]) / 2).mean() < 1e-3
    if not bent and (ends_linear or _logits_linear(between, ends)):
        raise Wrong(
            "linear-model", f"There is no bend in the network: it is a plane like PCA's (error {mse:.4f}). Give the hidden "
            "layers `activation='relu'`.",
        )  # fmt: skip


def _logits_linear(between, ends):
    """Whether pictures half-way are half-way before a sigmoid."""
    if min(between.min(), ends.min()) < 0 or max(between.max(), ends.max()) > 1:
        return False
    safe = (ends[:200] > 1e-4) & (ends[:200] < 0.9999) & (ends[200:] > 1e-4) & (ends[200:] < 0.9999)
    z = [np.log(np.clip(p, 1e-6, 1 - 1e-6) / (1 - np.clip(p, 1e-6, 1 - 1e-6))) for p in (between, ends)]
    return bool(safe.any()) and np.abs(z[0] - (z[1][:200] + z[1][200:]) / 2)[safe].mean() < 0.02


# --- 06.3


@exercise(
    "06.3",
    title="Take the noise away",
    points=4,
    needs={
        "psnr": "a function of the clean and the noisy pictures that gives a number in dB",
        "smooth": "a function of rows of 784 and sigma that gives the filtered rows",
        "denoiser": "a trained network that takes noisy rows of 784 and gives clean ones",
    },
    hints=(
        "`np.log10`, not `np.log`. For `smooth`: make pictures of the rows, filter, make rows of them again.",
        "`gaussian_filter(x.reshape(-1, 28, 28), (0, sigma, sigma))` looks 0 pixels far from picture to picture. For the "
        "network: the noisy rows are the input, the clean ones the target.",
        "`10 * np.log10(1 / np.mean((clean - noisy) ** 2))`. A first denoiser: `layers.Dense(256, activation='relu')`, "
        "`layers.Dense(784, activation='sigmoid')`, `keras.optimizers.Adam(0.003)`, loss `'mse'`, `denoiser.fit(noisy_train, x_train, batch_size=256, "
        "epochs=6)`.",
    ),
    expected="The network is at least {gain:.1f} dB better than the best Gaussian filter.",
)
def denoising(student, rng):
    """Both functions against their definitions; the network against the best filter on fresh digits and noise."""
    yield lambda: _right_psnr(student, rng)
    yield lambda: _right_smooth(student, rng)
    yield lambda: _right_denoiser(student, rng)


def _right_psnr(student, rng):
    """The finding about `psnr`: three stacks of pictures, in each of which some are noisier than others."""
    stacks = []
    for n, level in ((40, 0.1), (7, 0.3), (1, 0.05)):
        clean = sample(rng, n)[0].astype(float)
        stacks.append((clean, clean + rng.normal(size=clean.shape) * rng.uniform(0.2, 2, size=(n, 1)) * level))
    given = np.array([float(returned(student, "psnr", clean, near)) for clean, near in stacks])

    def of(function):
        return np.array([function(clean, near) for clean, near in stacks])

    mse = of(lambda a, b: np.mean((a - b) ** 2))
    wanted = 10 * np.log10(1 / mse)
    slips = {
        "wrong-sign": (-wanted, "`psnr` has the wrong sign: fewer errors have to give more decibels."),
        "natural-log": (10 * np.log(1 / mse), "`psnr` uses the natural logarithm; decibels want `np.log10`."),
        "log2": (10 * np.log2(1 / mse), "`psnr` uses the logarithm to base 2; decibels want `np.log10`."),
        "twenty": (2 * wanted, "`psnr` is twice as large: 20 goes with the root of the MSE, 10 with the MSE."),
        "root": (wanted / 2, "`psnr` takes the root of the MSE; leave the root out."),
        "no-ten": (wanted / 10, "`psnr` leaves out the factor 10 of the decibel."),
        "no-logarithm": (1 / mse, "`psnr` is 1 / MSE itself; its logarithm is asked for."),
        "mse": (mse, "`psnr` is the mean squared error itself."),
        "summed": (
            -10 * np.log10(of(lambda a, b: np.sum((a - b) ** 2))),
            "`psnr` adds the squared errors up; the mean is asked for.",
        ),
        "mean-of-each": (
            of(lambda a, b: np.mean(-10 * np.log10(np.mean((a - b) ** 2, axis=1)))),
            "`psnr` is the mean of one PSNR a picture. Take the mean squared error over all pixels of all pictures first.",
        ),
        "absolute": (-10 * np.log10(of(lambda a, b: np.mean(np.abs(a - b)))), "`psnr` takes the mean absolute error; square it."),
        "peak-255": (wanted + 20 * np.log10(255), "`psnr` takes 255 as the peak; these pictures have 1."),
        "mean-square-of-picture": (
            10 * np.log10(of(lambda a, b: np.mean(a**2)) / mse),
            "`psnr` compares with the mean square of the picture; the peak is asked for, which is 1.",
        ),
    }  # fmt: skip
    advice = "10 times the logarithm to base 10 of 1 / MSE."
    finding = agrees("psnr", "`psnr`", given, wanted, slips, 1, advice)
    if not finding.passed and finding.message.startswith("`psnr` gives"):
        return Finding("psnr", False, f"`psnr` is not the right number for three stacks of digits. {advice}")
    return finding


def _right_smooth(student, rng):
    """The finding about `smooth`, at three widths of the filter and for three numbers of pictures."""
    from scipy.ndimage import gaussian_filter

    given, wanted = [], []
    slips = {
        name: [] for name in ("across-pictures", "along-rows", "along-columns", "not-pictures", "no-filter", "fixed")
    }
    for n, sigma in ((5, 1.2), (1, 0.7), (8, 1.8)):
        pictures = np.zeros((n, 28, 28))
        pictures[:, 9:19, 9:19] = rng.uniform(
            size=(n, 10, 10)
        )  # far from the border, which may be treated as one likes
        rows = pictures.reshape(n, 784)
        given.append(returned(student, "smooth", rows, sigma, shape=(n, 784)))
        wanted.append(gaussian_filter(pictures, (0, sigma, sigma)).reshape(n, 784))
        for name, filtered in (
            ("across-pictures", gaussian_filter(pictures, sigma)),
            ("along-rows", gaussian_filter(rows, (0, sigma))),
            ("along-columns", gaussian_filter(pictures, (0, sigma, 0))),
            ("not-pictures", gaussian_filter(rows, sigma)),
            ("no-filter", rows),
            ("fixed", gaussian_filter(pictures, (0, 1.0, 1.0))),
        ):
            slips[name].append(filtered.reshape(n, 784))
    messages = {
        "across-pictures": "`smooth` blurs from picture to picture too: each has the ghosts of its neighbours. Give the first "
        "axis a sigma of 0.",
        "along-rows": "`smooth` blurs from left to right only. Make pictures of 28 by 28 of the rows, and give both axes the "
        "sigma.",
        "along-columns": "`smooth` blurs from top to bottom only. Give both axes of the pictures the sigma.",
        "not-pictures": "`smooth` filters the table of rows. Make pictures of 28 by 28 first.",
        "no-filter": "`smooth` gives back what it got.",
        "fixed": "`smooth` takes a sigma of 1 whatever it is given: hand `sigma` on.",
    }
    slips = {name: (np.concatenate(parts), messages[name]) for name, parts in slips.items()}
    given, wanted = np.concatenate(given), np.concatenate(wanted)
    # Where a Gaussian is cut off, at 3 or at 4 sigma, changes it by less than a hundredth.
    finding = agrees("smooth", "`smooth`", given, wanted, slips, 1, rtol=0.01)
    if finding.code != "smooth" or not finding.message.startswith("`smooth` gives "):
        return finding
    width = "more" if np.mean(given**2) < np.mean(wanted**2) else "less"
    kept = given.sum() / wanted.sum()
    more = "" if abs(kept - 1) < 0.02 else f" The ink changes by a factor of {kept:.2f}; a filter keeps it."
    return Finding(
        "smooth",
        False,
        f"`smooth` blurs {width} than a Gaussian filter of the sigma that it is given, on both axes.{more}",
    )


def _right_denoiser(student, rng):
    """The finding about `denoiser`, against the best filter on fresh digits and noise."""
    from scipy.ndimage import gaussian_filter

    x, _ = sample(rng, 400)
    noisy = (x + rng.normal(0, 0.5, size=x.shape)).astype("float32")
    stack = noisy.reshape(-1, 28, 28)
    best = max(_psnr(x, gaussian_filter(stack, (0, s, s)).reshape(-1, 784)) for s in (1.0, 1.1, 1.2, 1.3, 1.4))
    cleaned = answers(student, "denoiser", noisy, 784)
    not_logits("denoiser", cleaned, x)
    if np.ptp(cleaned, axis=0).max() < 1e-3:
        raise Wrong("constant", "`denoiser` gives the same picture for every digit. Was it fitted?")
    replayed(student, "denoiser", noisy[:20])
    level = _psnr(x, cleaned)
    if level < best:
        _explain_denoiser(x, noisy, cleaned, level, best)
    yield check_limit(
        "06.3", "gain", level - best,
        f"`denoiser` reaches {level:.1f} dB and the best filter {best:.1f} dB, a gain in dB of {{}}",
        "Was it trained with `noisy_train` as input and `x_train` as target? Then train for longer.", 2, ".2f",
    )  # fmt: skip


def _psnr(clean, noisy):
    return -10 * np.log10(np.mean((clean - noisy) ** 2) + 1e-12)  # a perfect copy has 120 dB


def _explain_denoiser(x, noisy, cleaned, level, best):
    """Raises `Wrong` where a known cause explains a denoiser that a filter beats."""
    if _psnr(noisy, cleaned) > level + 1:
        raise Wrong(
            "copies-noise",
            f"`denoiser` copies the noise ({level:.1f} dB). Train it with `noisy_train` as input and `x_train` as target.",
        )
    for factor in (255.0, 1 / 255):
        if _psnr(x, cleaned * factor) > best:
            raise Wrong("unscaled-outputs", "`denoiser` answers on another scale; pixels run from 0 to 1.")
    noise = noisy - x
    kept = np.sum((cleaned - x) * noise) / np.sum(noise**2)  # 1 where the noise is copied, 0 where it is gone
    if level < _psnr(x, np.broadcast_to(mean_picture(), x.shape)) + 0.5 and kept > 0.15:
        raise Wrong(
            "copies-noise",
            f"`denoiser` reaches {level:.1f} dB and lets {kept:.0%} of the noise through. Train it with `noisy_train` as input "
            "and `x_train` as target.",
        )
    if level < _psnr(x, np.broadcast_to(mean_picture(), x.shape)) + 0.5:
        raise Wrong("untrained", f"`denoiser` reaches {level:.1f} dB, no more than the mean digit. Was it fitted?")


# --- 06.4


@cache
def error_of_zeros():
    """Mean squared error of other digits where only zeros are known: copied by the 16 best axes of zeros."""
    (x, y), (x_test, y_test) = digits()
    zeros = x[y == 0][:400].astype(float)
    mean = zeros.mean(axis=0)
    axes = np.linalg.svd(zeros - mean, full_matrices=False)[2][:16].T
    other = x_test[y_test != 0][:1000] - mean
    return np.mean((other - other @ axes @ axes.T) ** 2)


def area_under(scores, strange):
    """The probability that a strange one has a higher score than a normal one; ties count half."""
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(strange, scores)


@exercise(
    "06.4",
    title="Find what does not belong",
    points=4,
    needs={
        "anomaly_model": "an autoencoder for rows of 784, trained on zeros only",
        "anomaly_score": "a function of rows of 784 that gives n numbers, large for what is strange",
        "roc": "a function of scores and labels that gives the false rate and the true rate",
    },
    hints=(
        "`zeros` is the input and the target. The code may be wider than 2 here; 16 numbers are good. The score is the "
        "error of the copy: one number a row.",
        "For the curve sort by falling score: `np.argsort(-scores)`. Go down the list; each strange one is a find, "
        "each normal one a false alarm. `np.cumsum` counts them.",
        "`np.mean((np.asarray(anomaly_model(x)) - x) ** 2, axis=1)`. With `found = strange[np.argsort(-scores)]`: "
        "`true_rate = np.append(0, np.cumsum(found)) / found.sum()`, and the same with `1 - found` for the false rate.",
    ),
    expected="An area under the curve of at least {area:.3f} on unseen digits.",
)
def anomalies(student, rng):
    """The curve on random scores; the area of the model's own errors, and that of the score, on unseen digits."""
    yield lambda: _curve(student, rng)
    yield lambda: _errors_of_copies(student, rng)


def _errors_of_copies(student, rng):
    """The findings about the model's own errors, and about the score."""
    x, y = sample(rng, 1500)
    strange = (y != 0).astype(int)
    copies = answers(student, "anomaly_model", x, 784)
    not_logits("anomaly_model", copies, x)
    if np.ptp(copies, axis=0).max() < 1e-3:
        raise Wrong("constant", "`anomaly_model` gives the same picture for every digit. Was it fitted?")
    replayed(student, "anomaly_model", x[:50])
    errors = np.mean((copies - x) ** 2, axis=1)
    area = area_under(errors, strange)
    if not area >= threshold("06.4", "area"):
        _explain_anomalies(errors, strange, area)
    normal, mean = errors[strange == 0].mean(), np.var(x[strange == 0], axis=0).mean()
    if normal > mean:
        raise Wrong(
            "untrained",
            f"`anomaly_model` copies unseen zeros with an error of {normal:.3f}; the mean zero alone has {mean:.3f}. Was "
            "it fitted, on `zeros`, for long enough?",
        )
    yield check_limit(
        "06.4", "area", area, "By the errors of `anomaly_model` strange digits are found with an area of {}",
        "Train for more epochs, or change the width of the code.", 1.5, ".3f",
    )  # fmt: skip

    scores = returned(student, "anomaly_score", x, shape=(len(x),))
    by_score = area_under(scores, strange)
    if by_score < 0.5 and 1 - by_score > area - 0.1:
        raise Wrong(
            "wrong-sign",
            f"The area of `anomaly_score` is {by_score:.3f}: the sign is wrong. The strange ones need the higher score.",
        )
    if np.ptp(scores) == 0:
        raise Wrong("constant", "`anomaly_score` gives every digit the same number.")
    good = by_score > area - 0.02
    yield Finding(
        "score",
        good,
        f"`anomaly_score` has an area of {by_score:.3f} on unseen digits."
        if good
        else f"The area of `anomaly_score` is {by_score:.3f}, and that of the mean squared error of each row "
        f"{area:.3f}. Average the squared differences over the 784 pixels of each row.",
        points=1,
    )


def _explain_anomalies(errors, strange, area):
    """Raises `Wrong` where a known cause explains an area that is too small."""
    normal, others = errors[strange == 0].mean(), errors[strange == 1].mean()
    if others < 0.9 * error_of_zeros() and others < 1.5 * normal:
        raise Wrong(
            "trained-on-both",
            f"`anomaly_model` copies the other digits too (error {others:.4f}, zeros {normal:.4f}), so nothing is strange "
            f"to it: area {area:.3f}. Train it on `zeros` only.",
        )


def _curve(student, rng):
    """The finding about `roc`: the curve of random scores, point by point."""
    n_normal, n_strange = 70, 40
    strange = np.concatenate([np.zeros(n_normal, int), np.ones(n_strange, int)])
    scores = np.where(strange == 1, rng.exponential(2.0, size=110), rng.uniform(0, 1.5, size=110))
    order = rng.permutation(110)
    scores, strange = scores[order], strange[order]
    given = student.call("roc", scores, strange)
    if isinstance(given, np.ndarray) and given.ndim == 2 and len(given) == 2:
        given = list(given)
    if not isinstance(given, list | tuple) or len(given) < 2:
        raise Wrong("wrong-type", "`roc` has to return two things: false_rate, true_rate.")
    curve = [as_array(part, f"`{name}`") for part, name in zip(given, ("false_rate", "true_rate"), strict=False)]
    if any(np.ndim(np.squeeze(part)) != 1 for part in curve) or curve[0].size != curve[1].size:
        raise Wrong(
            "wrong-shape",
            f"`roc` returns arrays of shapes {curve[0].shape} and {curve[1].shape}; two lists of one length were expected.",
        )
    x, y = (np.squeeze(part) for part in curve)
    if max(x.max(), y.max()) > 1 + 1e-6:
        raise Wrong(
            "counts",
            f"`roc` goes up to {x.max():g} and {y.max():g}: these are counts. Divide by the number of normal and of strange "
            "ones.",
        )
    found = strange[np.argsort(-scores)]
    true = np.append(0, np.cumsum(found)) / n_strange
    false = np.append(0, np.cumsum(1 - found)) / n_normal

    def on(a, b, c, d):  # how far the points (a, b) are from the stairs (c, d), at most
        return max(np.min(np.maximum(np.abs(c - p), np.abs(d - q))) for p, q in zip(a, b, strict=True))

    step = 1.5 / n_strange
    if on(x, y, false, true) > step and on(x, y, false, true[::-1]) <= step:
        raise Wrong("one-reversed", "One of the two rates of `roc` runs backwards: both begin at 0 and end at 1.")
    if on(x, y, false, true) > step:
        for code, c, d, message in (
            ("swapped", true, false, "`roc` returns the two rates exchanged; the false rate comes first."),
            ("ascending", 1 - false, 1 - true, "`roc` begins with the lowest score; sort by falling score, with a minus."),
            ("not-sorted", np.append(0, np.cumsum(1 - strange)) / n_normal, np.append(0, np.cumsum(strange)) / n_strange,
             "`roc` does not use the scores: sort the labels by falling score first."),
        ):  # fmt: skip
            if on(x, y, c, d) <= step:
                raise Wrong(code, message)
    if on(x, y, false, true) <= step and (max(x[0], y[0]) > 1e-6 or min(x[-1], y[-1]) < 1 - 1e-6):
        runs = f"The curve runs from ({x[0]:.2f}, {y[0]:.2f}) to ({x[-1]:.2f}, {y[-1]:.2f}); it has to begin at (0, 0) and end at (1, 1)."
        if min(x[0], y[0]) > 1 - 1e-6 and max(x[-1], y[-1]) < 1e-6:
            raise Wrong("reversed", f"{runs} The points are right: turn both arrays round, `[::-1]`.")
        if x[0] > x[-1]:
            raise Wrong(
                "reversed", f"{runs} Begin with the highest threshold: both arrays run backwards, and miss an end."
            )
        if x[0] * n_normal + y[0] * n_strange < 1.5:
            cause = "The first point is that of one find: put a 0 before the sums."
        elif max(x[0], y[0]) > 1e-6:
            cause = (
                f"Its thresholds do not reach above the highest score, {scores.max():.1f}: take them from the scores."
            )
        elif (1 - x[-1]) * n_normal + (1 - y[-1]) * n_strange < 1.5:
            cause = "The lowest score is missing at the end."
        else:
            cause = (
                f"Its thresholds do not reach down to the lowest score, {scores.min():.2f}: take them from the scores."
            )
        raise Wrong("ends", f"{runs} {cause}")
    area = np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2)
    good = on(x, y, false, true) <= step and abs(area - area_under(scores, strange)) < 0.02
    return Finding(
        "roc",
        good,
        "`roc` is right."
        if good
        else f"The points of `roc` are not those of the curve: the area below them is {area:.3f}, "
        f"{'more' if area > area_under(scores, strange) else 'less'} than the share of pairs in which the strange one scores higher.",
        points=1.5,
    )


# --- 06.5


@exercise(
    "06.5",
    title="Walk over the map, and fall into a hole",
    points=3,
    needs={
        "encoder": "the encoder of 06.2",
        "decoder": "the decoder of 06.2",
        "code_grid": "a function of low, high and n that gives n * n codes",
        "nearest": "a function of points and codes that gives each point's distance to its nearest code",
        "round_trip": "a function of points that gives their distances from encoder(decoder(points))",
        "hole": "a code that is far from those of all test digits",
    },
    hints=(
        "`np.linspace` makes n values of one axis, `np.meshgrid` all pairs of two axes. For the distances, broadcast: "
        "`points[:, None, :] - codes[None, :, :]` has shape (m, k, 2).",
        "`np.linalg.norm(..., axis=...)` of the differences, then the smallest along the codes. For the round trip it is "
        "the norm of `np.asarray(encoder(decoder(points))) - points`.",
        "Lay a grid over the whole rectangle, `code_grid(codes.min(axis=0), codes.max(axis=0), 20)`, and take the code "
        "for which `nearest(grid, codes)` is largest.",
    ),
    expected="A grid and distances that are exact, and a code with no test digit within a tenth of the map.",
)
def holes(student, rng):
    """The three functions on random points and codes of the map; the hole against all test digits."""
    x = digits()[1][0]
    few = sample(rng, 500)[0]
    codes, copies, mse = worth_of_map(student, "encoder", "decoder", few)
    limit = threshold("06.2", "mse")
    if mse > limit:
        raise Wrong("map-first", f"`encoder` and `decoder` copy digits with an error of {mse:.4f}; pass 06.2 first.")
    yield _grid(student, rng)
    points, others = rng.normal(size=(7, 2)), rng.normal(size=(30, 2))
    squares = ((points[:, None] - others[None]) ** 2).sum(axis=2)
    given = returned(student, "nearest", points, others, shape=(7,))
    slips = {
        "squared": (squares.min(axis=1), "`nearest` gives the squares of the distances; take the root."),
        "farthest": (np.sqrt(squares.max(axis=1)), "`nearest` gives the distance to the farthest code."),
        "averaged": (
            np.sqrt(squares).mean(axis=1),
            "`nearest` gives the mean distance to all codes; take the smallest.",
        ),
        "indices": (
            squares.argmin(axis=1),
            "`nearest` gives the number of the nearest code; its distance is asked for.",
        ),
        "city-block": (
            np.abs(points[:, None] - others[None]).sum(axis=2).min(axis=1),
            "`nearest` adds up the two differences. The distance is the root of the sum of their squares.",
        ),
    }
    yield agrees("nearest", "`nearest`", given, np.sqrt(squares.min(axis=1)), slips, 0.5)

    walked = codes[:40] + rng.normal(0, 0.2, size=(40, 2)) * codes.std(axis=0)
    walked = walked.astype("float32")
    back = answers(student, "encoder", answers(student, "decoder", walked, 784).astype("float32"), 2)
    trips = np.linalg.norm(back - walked, axis=1)
    given = returned(student, "round_trip", walked, shape=(40,))
    slips = {
        "squared": (trips**2, "`round_trip` gives the squares of the distances; take the root."),
        "city-block": (np.abs(back - walked).sum(axis=1), "`round_trip` adds up the two differences; take the norm."),
        "averaged": (
            np.mean((back - walked) ** 2, axis=1),
            "`round_trip` gives a mean squared error; the distance is the root of the sum of the squares.",
        ),
        "one-way": (np.linalg.norm(back, axis=1), "`round_trip` forgets to take the starting points away."),
    }
    # Two passes through the networks in another batch size round differently.
    yield agrees("round-trip", "`round_trip`", given, trips, slips, 0.5, rtol=2e-3)

    codes = answers(student, "encoder", x[:5000], 2), answers(student, "encoder", x[5000:], 2)
    codes = np.concatenate(codes)
    low, high = codes.min(axis=0), codes.max(axis=0)
    hole = as_array(student.value("hole"), "`hole`")
    if hole.size != 2:
        raise Wrong("wrong-shape", f"`hole` has shape {hole.shape}; one code of two numbers was expected.")
    hole = hole.ravel()
    slack = 1e-4 * (high - low)
    inside = ((hole >= low - slack) & (hole <= high + slack)).all()
    distance = np.sqrt(((codes - hole) ** 2).sum(axis=1).min())
    wanted = (high - low).min() / 10
    if not inside:
        raise Wrong(
            "outside",
            f"`hole` ({hole[0]:.2f}, {hole[1]:.2f}) is off the map: the codes run from {low[0]:.2f} to {high[0]:.2f} and from "
            f"{low[1]:.2f} to {high[1]:.2f}.",
        )
    good = distance >= 0.99 * wanted
    yield Finding(
        "hole",
        good,
        f"The nearest test digit is {distance:.2f} away from `hole`; {wanted:.2f} {'was' if good else 'is'} asked for."
        + ("" if good else " Take the code of a grid over the whole map whose nearest digit is farthest."),
        points=1,
    )


def _grid(student, rng):
    """The finding about `code_grid`, whatever the order of the codes."""
    low, high = rng.uniform(-3, -1, 2), rng.uniform(1, 3, 2)
    axes = np.linspace(low, high, 4)
    wanted = np.array([(a, b) for a in axes[:, 0] for b in axes[:, 1]])
    given = as_array(student.call("code_grid", low, high, 4), "What `code_grid` returns")
    if given.shape in ((2, 16), (4, 4, 2), (2, 4, 4)):
        raise Wrong(
            "wrong-shape", f"`code_grid` gives shape {given.shape}; one row a code was expected: (16, 2) for n = 4."
        )
    if given.shape == (4, 2):
        raise Wrong("diagonal", "`code_grid` gives 4 codes along the diagonal; all 16 pairs are asked for.")
    if given.shape != (16, 2):
        raise Wrong("wrong-shape", f"`code_grid` gives shape {given.shape} for n = 4; (16, 2) was expected.")

    def ordered(codes):
        codes = np.round(codes, 4)
        return codes[np.lexsort(codes.T)]

    steps = low + (high - low) * np.arange(4)[:, None] / 4
    slips = {
        "no-end": (
            ordered([(a, b) for a in steps[:, 0] for b in steps[:, 1]]),
            "`code_grid` leaves out the upper ends.",
        ),
        "swapped": (ordered(wanted[:, ::-1]), "`code_grid` exchanges the two axes."),
        "same-axis": (
            ordered([(a, b) for a in axes[:, 0] for b in axes[:, 0]]),
            "`code_grid` uses the limits of the first axis for both.",
        ),
    }
    return agrees("code-grid", "`code_grid`", ordered(given), ordered(wanted), slips, 1)


# --- 06.6


@exercise(
    "06.6",
    title="A map without holes",
    points=5,
    needs={
        "kl_term": "a function of mean and log_var that gives one number a row",
        "reparametrise": "a function of mean, log_var and noise that gives points of the clouds",
        "vae_encoder": "a trained network: a row of 784 in, two means and two log variances out",
        "vae_decoder": "a trained network: two numbers in, a row of 784 out",
    },
    hints=(
        "The variance is `ops.exp(log_var)`, and its logarithm is `log_var` itself. Sum over the coordinates, `axis=1`.",
        "The standard deviation is the root of the variance: `ops.exp(log_var / 2)`. The encoder ends with `layers.Dense(4)`.",
        "`ops.sum(mean**2 + ops.exp(log_var) - 1 - log_var, axis=1) / 2` and `mean + ops.exp(log_var / 2) * noise`. Then "
        "`vae = VAE(vae_encoder, vae_decoder)`, `vae.compile(keras.optimizers.Adam(0.003), ink_loss)`, "
        "`vae.fit(x_train, x_train, batch_size=100, epochs=8)`.",
    ),
    expected="A mean KL term of at most {kl:.1f}, copies with an error of at most {mse:.3f}, and pictures of random "
    "codes that show at least {kinds:.1f} kinds of digits (the exponential of their entropy).",
)
def variational(student, rng):
    """Both formulas; the mean KL term, the copies, and the variety of pictures of random codes."""
    yield lambda: _kl(student, rng)
    yield lambda: _points(student, rng)
    yield lambda: _vae(student, rng)


def _points(student, rng):
    """The finding about `reparametrise`."""
    mean, log_var, noise = (rng.normal(size=(6, 3)).astype("float32") for _ in range(3))
    given = returned(student, "reparametrise", mean, log_var, noise, shape=(6, 3))
    slips = {
        "variance": (
            mean + np.exp(log_var) * noise,
            "`reparametrise` multiplies by the variance. The standard deviation is its root: exp(log_var / 2).",
        ),
        "log-variance": (
            mean + log_var * noise,
            "`reparametrise` multiplies by `log_var` itself; take exp(log_var / 2).",
        ),
        "no-noise": (mean, "`reparametrise` gives the mean: the noise is left out."),
        "no-spread": (mean + noise, "`reparametrise` adds the noise as it is; multiply it by the standard deviation."),
        "no-mean": (np.exp(log_var / 2) * noise, "`reparametrise` leaves out the mean."),
        "wrong-sign": (mean + np.exp(-log_var / 2) * noise, "`reparametrise` divides by the standard deviation."),
    }
    slips["no-root"] = (mean + np.exp(2 * log_var) * noise, "`reparametrise` multiplies by the squared variance; the "
                        "standard deviation is exp(log_var / 2).")  # fmt: skip
    slips["root-of-log"] = (mean + np.sqrt(np.abs(log_var)) * noise, "`reparametrise` takes the root of `log_var`; the "
                            "standard deviation is exp(log_var / 2).")  # fmt: skip
    slips["half-log"] = (mean + log_var / 2 * noise, "`reparametrise` multiplies by log_var / 2; take `ops.exp` of it.")
    slips["subtracted"] = (mean - np.exp(log_var / 2) * noise, "`reparametrise` subtracts the noise; add it.")
    slips["noise-as-mean"] = (noise + np.exp(log_var / 2) * mean, "`reparametrise` exchanges the mean and the noise.")
    steps = {"`noise`": noise, "`log_var`": log_var, "the standard deviation": np.exp(log_var / 2)}
    return agrees("reparametrise", "`reparametrise`", given, mean + np.exp(log_var / 2) * noise, slips, 1, steps=steps)


def _vae(student, rng):
    """The findings about the clouds, the copies, and the variety of pictures of random codes."""
    x, _ = sample(rng)
    clouds = _clouds(student, x)
    mean, log_var = clouds[:, :2], clouds[:, 2:]
    if np.ptp(clouds, axis=0).max() < 1e-6:
        raise Wrong("constant", "`vae_encoder` gives every digit the same cloud. Was it fitted?")
    points = mean + np.exp(np.clip(log_var, None, 10) / 2) * rng.normal(size=mean.shape)
    copies = answers(student, "vae_decoder", points.astype("float32"), 784)
    not_logits("vae_decoder", copies, x)
    for name, given in (("vae_encoder", x[:50]), ("vae_decoder", mean[:50].astype("float32"))):
        replayed(student, name, given)
    kl = np.mean(np.sum(mean**2 + np.exp(np.clip(log_var, None, 50)) - 1 - log_var, axis=1) / 2)
    mse = np.mean((copies - x) ** 2)
    _explain_vae(mean, log_var, copies, x, kl, mse)
    yield check_limit(
        "06.6", "kl", kl, "The clouds are a mean KL term away from the standard normal distribution of {}",
        "Add the mean of `kl_term` to the loss with its full weight.", 1, ".2f", most=True,
    )  # fmt: skip
    yield check_limit(
        "06.6", "mse", mse, "From a random point of each cloud, the copies of unseen digits have a mean squared error of {}",
        "Train for more epochs. Sum the cross-entropy over the pixels, as `ink_loss` does.", 1, ".4f", most=True,
    )  # fmt: skip
    codes = rng.normal(size=(400, 2)).astype("float32")
    kinds = _kinds(answers(student, "vae_decoder", codes, 784))
    yield check_limit(
        "06.6", "kinds", kinds, "Pictures of 400 random codes from N(0, 1) show as many kinds of digits as {}",
        "Too few kinds have a place near the middle of the map: train for more epochs.", 1, ".1f",
    )  # fmt: skip


def _clouds(student, x):
    """Means and log variances, shape (n, 4), also of an encoder that answers with a pair."""
    config = student.config("vae_encoder")
    if config is not None and isinstance(config, dict):
        return answers(student, "vae_encoder", x, 4)
    given = as_array(student.predict("vae_encoder", x), "The prediction of `vae_encoder`")
    if given.shape[:1] + given.shape[2:] == (2, 2):
        given = np.concatenate([given[0], given[1]], axis=1)
    if given.shape != (len(x), 4):
        raise Wrong(
            "wrong-shape",
            f"`vae_encoder` answers {len(x)} digits with shape {given.shape}; 4 numbers each were expected.",
        )
    return given


def _kl(student, rng):
    """The finding about `kl_term`; a term that is missing or has another sign or factor is named."""
    mean32, log_var32 = (rng.normal(size=(6, 3)).astype("float32") for _ in range(2))
    mean, log_var = mean32.astype(float), log_var32.astype(float)
    variance = np.exp(log_var)
    each = (mean**2 + variance - 1 - log_var) / 2
    wanted = each.sum(axis=1)
    given = as_array(student.call("kl_term", mean32, log_var32), "What `kl_term` returns")
    if given.size == 1 or given.shape == (6, 3):
        raise Wrong(
            "wrong-shape",
            "`kl_term` gives one number for all rows; one for each row was expected. Sum over axis 1 only."
            if given.size == 1
            else "`kl_term` gives a number for each coordinate; add them up over axis 1.",
        )
    if given.shape == (3,):
        raise Wrong("wrong-axis", "`kl_term` adds up over the digits. Sum over the coordinates, axis 1.")
    if given.size != 6:
        raise Wrong("wrong-shape", f"`kl_term` gives shape {given.shape} for 6 rows; 6 numbers were expected.")
    slips = {
        "wrong-sign": (-wanted, "`kl_term` has the wrong sign: a divergence is never negative."),
        "not-halved": (2 * wanted, "`kl_term` leaves out the factor 1/2."),
        "averaged": (each.mean(axis=1), "`kl_term` averages over the coordinates; the sum is asked for."),
        "not-squared": (
            np.sum(mean + variance - 1 - log_var, axis=1) / 2,
            "`kl_term` forgets the square of the mean.",
        ),
        "log-var-as-variance": (
            np.sum(mean**2 + log_var - 1 - np.log(np.abs(log_var)), axis=1) / 2,
            "`kl_term` takes `log_var` for the variance itself; the variance is exp(log_var).",
        ),
        "log-var-as-sigma": (
            np.sum(mean**2 + np.exp(2 * log_var) - 1 - 2 * log_var, axis=1) / 2,
            "`kl_term` takes `log_var` for the logarithm of sigma; it is that of sigma squared.",
        ),
        "no-one": (np.sum(mean**2 + variance - log_var, axis=1) / 2, "`kl_term` leaves out the -1."),
        "other-direction": (
            np.sum((1 + mean**2) / variance - 1 + log_var, axis=1) / 2,
            "`kl_term` is the divergence the other way round, of N(0, 1) from the cloud.",
        ),
    }
    slips.update(_terms(mean, variance, log_var))
    steps = {"the mean of each row": mean.mean(axis=1), "the sum of `log_var`": log_var.sum(axis=1)}
    finding = agrees("kl-term", "`kl_term`", given.ravel(), wanted, slips, 1, _KL, steps=steps, quantities={"d": 3})
    if finding.code in slips:
        return Finding("kl-term" if finding.code.startswith("terms") else finding.code, False, finding.message)
    if not finding.passed:
        if finding.message.startswith("`kl_term` gives"):
            return Finding("kl-term", False, f"`kl_term` is not the divergence. {_KL}")
        return finding
    for n, d in ((1, 2), (4, 5), (3, 1)):
        mean, log_var = (rng.normal(size=(n, d)).astype("float32") for _ in range(2))
        given = as_array(student.call("kl_term", mean, log_var), "What `kl_term` returns")
        wanted = np.sum(mean**2 + np.exp(log_var) - 1 - log_var, axis=1) / 2
        if given.size != n or not np.allclose(given.ravel(), wanted, rtol=1e-3, atol=1e-4):
            raise Wrong(
                "kl-term", f"`kl_term` is right for shape (6, 3), and off for shape ({n}, {d}). Sum over `axis=1`."
            )
    return finding


_KL = "It is half the sum of mean², the variance, -1 and -log_var, over axis 1."


def _terms(mean, variance, log_var):
    """Slips for `agrees`: every way to leave terms out of the sum, to turn their signs, or to forget the half."""
    terms = {"mean²": mean**2, "the variance": variance, "the 1": np.full_like(mean, -1), "log_var": -log_var}
    slips = {}
    for signs in product((1, -1, 0), repeat=4):
        wrong = sum(sign != 1 for sign in signs)
        if not 0 < wrong < 3:
            continue
        value = sum(sign * term for sign, term in zip(signs, terms.values(), strict=True)).sum(axis=1)
        said = [
            f"{name} {'is left out' if sign == 0 else 'has the wrong sign'}"
            for sign, name in zip(signs, terms, strict=True)
            if sign != 1
        ]
        for scale, more in ((0.5, ""), (1, " and the factor 1/2 is left out")):
            slips[f"terms {signs} {scale}"] = (scale * value, f"In `kl_term` {' and '.join(said)}{more}.")
    return slips


def _explain_vae(mean, log_var, copies, x, kl, mse):
    """Raises `Wrong` where a known cause explains clouds or copies that are not what they should be."""
    if kl > 2 * threshold("06.6", "kl"):
        raise Wrong(
            "no-kl",
            f"The mean KL term is {kl:.1f}: nothing pulls the clouds together (spread of the means {mean.std():.1f}). Was the "
            "term in the loss, and the model trained as `VAE(vae_encoder, vae_decoder)`?",
        )
    of_mean = np.mean((mean_picture() - x) ** 2)
    if mse > 1.2 * of_mean:
        raise Wrong(
            "untrained",
            f"The copies have a mean squared error of {mse:.3f}; the mean digit alone has {of_mean:.3f}. Were both networks "
            "fitted, together, as `VAE(vae_encoder, vae_decoder)`?",
        )
    if kl < 0.5 and mse > 0.055:
        raise Wrong(
            "collapsed",
            f"The mean KL term is {kl:.2f}: all clouds are nearly N(0, 1) and say little about the digit, and the copies are no "
            "better than the mean digit. Sum the cross-entropy over the 784 pixels (`ink_loss`), so that it outweighs the term.",
        )
    if mse > of_mean:
        raise Wrong(
            "untrained", f"The copies have a mean squared error of {mse:.3f}, more than the mean digit. Was it fitted?"
        )
    if mean.std(axis=0).min() < 0.1:
        raise Wrong(
            "one-coordinate", "One coordinate of the code is unused: its mean is 0 for all digits. Train again."
        )


def _kinds(pictures):
    """The number of kinds among pictures, as exp(entropy) of the labels of the most similar of 3,000 test digits."""
    x, y = (part[:3000] for part in digits()[1])
    squares = (x**2).sum(axis=1)[None] - 2 * pictures.astype("float32") @ x.T
    shares = np.bincount(y[squares.argmin(axis=1)], minlength=10) / len(pictures)
    shares = shares[shares > 0]
    return np.exp(-np.sum(shares * np.log(shares)))
