"""Checks of notebook 06: autoencoders."""

from functools import cache
from itertools import product

import numpy as np

from coursekit.checks.framework import Wrong, exercise, fail_if, threshold
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
            raise Wrong("logits", name=name, min=copies.min(), max=copies.max())


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


@exercise("06.1")
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
        "degrees": np.degrees(wanted),
        "cosines": np.sort(cosines),
        "wrong-sign": np.sort(-wanted),
        "squared-cosines": np.sort(cosines**2),
        "squared-inside": np.sort(np.arccos(np.clip(cosines**2, 0, 1))),
        "sines": np.sort(np.arcsin(np.clip(cosines, -1, 1))),
        "not-orthonormal": np.sort(np.arccos(np.clip(np.linalg.svd(A.T @ B, compute_uv=False), -1, 1))),
        "only-normalised": np.sort(np.arccos(np.clip(np.linalg.svd(_unit(A).T @ _unit(B), compute_uv=False), -1, 1))),
        "no-svd": np.sort(np.arccos(np.clip(np.diag(np.linalg.qr(A)[0].T @ np.linalg.qr(B)[0]), -1, 1))),
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
        fail_if(np.isnan(given).any(), "no-clip", n=n, k=k)
        # arccos near 1 turns a rounding of 1e-16 into 1e-8, and one of float32 into 5e-4.
        if given.shape != (k,) or np.abs(np.sort(given) - angles_between(A, B)).max() > 3e-3:
            raise Wrong("principal-angles", n=n, k=k)


def _plane(student, rng):
    """The finding about `linear`: that it is linear, of two numbers, and in which plane its answers lie."""
    mean, plane = plane_of_pca()
    x = (coarse(sample(rng, 400)[0]) - mean).astype("float32")
    given = answers(student, "linear", x, 49)
    fail_if(np.ptp(given, axis=0).max() < 1e-6, "constant")
    middle = answers(student, "linear", (x[:200] + x[200:]) / 2, 49)
    if np.abs(middle - (given[:200] + given[200:]) / 2).max() > 1e-3 * np.ptp(given):  # rounding leaves 1e-6
        raise Wrong("not-linear")
    directions, sizes = np.linalg.svd(given - given.mean(axis=0), full_matrices=False)[2:0:-1]
    fail_if(sizes[1] < 1e-3 * sizes[0], "wrong-code")
    fail_if(sizes[2] > 1e-3 * sizes[0], "plane.wrong-code")
    angle = np.degrees(angles_between(directions[:2].T, plane)[-1])
    if angle > 2 * threshold("06.1", "angle"):
        off_plane = np.degrees(angles_between(directions[:2].T, mean[:, None])[-1])
        fail_if(off_plane < 25, "not-centred", angle=angle, off_plane=off_plane)
    advice = "Was it fitted, for long enough? A smaller learning rate or larger batches make the last steps quieter."
    what = "The planes of `linear` and of PCA differ by an angle, in degrees, of {}"
    yield check_limit("06.1", "angle", angle, what, advice, 2, ".2f", most=True)


def _unit(A):
    return A / np.linalg.norm(A, axis=0)


# --- 06.2


def worth_of_map(student, encoder, decoder, x):
    """Codes of the digits `x`, and the mean squared error of the copies that the decoder makes of them."""
    codes = answers(student, encoder, x, 2)
    fail_if(np.ptp(codes, axis=0).max() < 1e-6, "constant", encoder=encoder)
    copies = answers(student, decoder, codes.astype("float32"), 784)
    not_logits(decoder, copies, x)
    return codes, copies, np.mean((copies - x) ** 2)


@cache
def mean_picture():
    return digits()[0][0].mean(axis=0)


@exercise("06.2")
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
    yield check_limit('06.2', 'mse', mse, 2, '.4f', most=True)  # fmt: skip


def _explain_map(student, x, codes, copies, mse):
    """Raises `Wrong` where a known cause explains bad copies."""
    spread = codes.std(axis=0)
    fail_if(spread.min() < 1e-3 * spread.max(), "dead-code")
    few = x[:300]
    large = answers(student, "encoder", few * 255, 2)
    copies_of_large = answers(student, "decoder", large.astype("float32"), 784)
    for scale in (1, 255):
        if np.mean((copies_of_large / scale - few) ** 2) < 0.8 * np.mean((mean_picture() - few) ** 2):
            raise Wrong("unscaled-inputs")
    ends = answers(student, "decoder", codes[:400].astype("float32"), 784)
    fail_if(np.ptp(ends, axis=0).max() < 0.02, "explain-map.constant")
    if mse >= np.mean((mean_picture() - x) ** 2):
        raise Wrong("untrained", mse=mse, mean=np.mean((mean_picture() - x) ** 2))
    middle = answers(student, "encoder", (x[:200] + x[200:400]) / 2, 2)
    between = answers(student, "decoder", ((codes[:200] + codes[200:400]) / 2).astype("float32"), 784)
    bent = np.abs(middle - (codes[:200] + codes[200:400]) / 2).mean() > 0.01 * np.ptp(codes)
    ends_linear = np.abs(between - (ends[:200] + ends[200:]) / 2).mean() < 1e-3
    if not bent and (ends_linear or _logits_linear(between, ends)):
        raise Wrong("linear-model", mse=mse)  # fmt: skip


def _logits_linear(between, ends):
    """Whether pictures half-way are half-way before a sigmoid."""
    if min(between.min(), ends.min()) < 0 or max(between.max(), ends.max()) > 1:
        return False
    safe = (ends[:200] > 1e-4) & (ends[:200] < 0.9999) & (ends[200:] > 1e-4) & (ends[200:] < 0.9999)
    z = [np.log(np.clip(p, 1e-6, 1 - 1e-6) / (1 - np.clip(p, 1e-6, 1 - 1e-6))) for p in (between, ends)]
    return bool(safe.any()) and np.abs(z[0] - (z[1][:200] + z[1][200:]) / 2)[safe].mean() < 0.02


# --- 06.3


@exercise("06.3")
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
        "wrong-sign": -wanted,
        "natural-log": 10 * np.log(1 / mse),
        "log2": 10 * np.log2(1 / mse),
        "twenty": 2 * wanted,
        "root": wanted / 2,
        "no-ten": wanted / 10,
        "no-logarithm": 1 / mse,
        "mse": mse,
        "summed": -10 * np.log10(of(lambda a, b: np.sum((a - b) ** 2))),
        "mean-of-each": of(lambda a, b: np.mean(-10 * np.log10(np.mean((a - b) ** 2, axis=1)))),
        "absolute": -10 * np.log10(of(lambda a, b: np.mean(np.abs(a - b)))),
        "peak-255": wanted + 20 * np.log10(255),
        "mean-square-of-picture": 10 * np.log10(of(lambda a, b: np.mean(a**2)) / mse),
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
    fail_if(np.ptp(cleaned, axis=0).max() < 1e-3, "constant")
    replayed(student, "denoiser", noisy[:20])
    level = _psnr(x, cleaned)
    if level < best:
        _explain_denoiser(x, noisy, cleaned, level, best)
    yield check_limit('06.3', 'gain', level - best, 2, '.2f', level=level, best=best)  # fmt: skip


def _psnr(clean, noisy):
    return -10 * np.log10(np.mean((clean - noisy) ** 2) + 1e-12)  # a perfect copy has 120 dB


def _explain_denoiser(x, noisy, cleaned, level, best):
    """Raises `Wrong` where a known cause explains a denoiser that a filter beats."""
    fail_if(_psnr(noisy, cleaned) > level + 1, "copies-noise", level=level)
    for factor in (255.0, 1 / 255):
        fail_if(_psnr(x, cleaned * factor) > best, "unscaled-outputs")
    noise = noisy - x
    kept = np.sum((cleaned - x) * noise) / np.sum(noise**2)  # 1 where the noise is copied, 0 where it is gone
    if level < _psnr(x, np.broadcast_to(mean_picture(), x.shape)) + 0.5 and kept > 0.15:
        raise Wrong("explain-denoiser.copies-noise", level=level, kept=kept)
    fail_if(level < _psnr(x, np.broadcast_to(mean_picture(), x.shape)) + 0.5, "untrained", level=level)


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


@exercise("06.4")
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
    fail_if(np.ptp(copies, axis=0).max() < 1e-3, "constant")
    replayed(student, "anomaly_model", x[:50])
    errors = np.mean((copies - x) ** 2, axis=1)
    area = area_under(errors, strange)
    if not area >= threshold("06.4", "area"):
        _explain_anomalies(errors, strange, area)
    normal, mean = errors[strange == 0].mean(), np.var(x[strange == 0], axis=0).mean()
    fail_if(normal > mean, "untrained", normal=normal, mean=mean)
    yield check_limit('06.4', 'area', area, 1.5, '.3f')  # fmt: skip

    scores = returned(student, "anomaly_score", x, shape=(len(x),))
    by_score = area_under(scores, strange)
    fail_if(by_score < 0.5 and 1 - by_score > area - 0.1, "wrong-sign", by_score=by_score)
    fail_if(np.ptp(scores) == 0, "errors-of-copies.constant")
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
        raise Wrong("trained-on-both", others=others, normal=normal, area=area)


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
    fail_if(not isinstance(given, list | tuple) or len(given) < 2, "wrong-type")
    curve = [as_array(part, f"`{name}`") for part, name in zip(given, ("false_rate", "true_rate"), strict=False)]
    if any(np.ndim(np.squeeze(part)) != 1 for part in curve) or curve[0].size != curve[1].size:
        raise Wrong("wrong-shape", shape=curve[0].shape, shape_2=curve[1].shape)
    x, y = (np.squeeze(part) for part in curve)
    if max(x.max(), y.max()) > 1 + 1e-6:
        raise Wrong("counts", max=x.max(), max_2=y.max())
    found = strange[np.argsort(-scores)]
    true = np.append(0, np.cumsum(found)) / n_strange
    false = np.append(0, np.cumsum(1 - found)) / n_normal

    def on(a, b, c, d):  # how far the points (a, b) are from the stairs (c, d), at most
        return max(np.min(np.maximum(np.abs(c - p), np.abs(d - q))) for p, q in zip(a, b, strict=True))

    step = 1.5 / n_strange
    fail_if(on(x, y, false, true) > step and on(x, y, false, true[::-1]) <= step, "one-reversed")
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
        fail_if(min(x[0], y[0]) > 1 - 1e-6 and max(x[-1], y[-1]) < 1e-6, "reversed", runs=runs)
        fail_if(x[0] > x[-1], "curve.reversed", runs=runs)
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
        raise Wrong("ends", runs=runs, cause=cause)
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


@exercise("06.5")
def holes(student, rng):
    """The three functions on random points and codes of the map; the hole against all test digits."""
    x = digits()[1][0]
    few = sample(rng, 500)[0]
    codes, copies, mse = worth_of_map(student, "encoder", "decoder", few)
    limit = threshold("06.2", "mse")
    fail_if(mse > limit, "map-first", mse=mse)
    yield _grid(student, rng)
    points, others = rng.normal(size=(7, 2)), rng.normal(size=(30, 2))
    squares = ((points[:, None] - others[None]) ** 2).sum(axis=2)
    given = returned(student, "nearest", points, others, shape=(7,))
    slips = {
        "squared": squares.min(axis=1),
        "farthest": np.sqrt(squares.max(axis=1)),
        "averaged": np.sqrt(squares).mean(axis=1),
        "indices": squares.argmin(axis=1),
        "city-block": np.abs(points[:, None] - others[None]).sum(axis=2).min(axis=1),
    }
    yield agrees("nearest", "`nearest`", given, np.sqrt(squares.min(axis=1)), slips, 0.5)

    walked = codes[:40] + rng.normal(0, 0.2, size=(40, 2)) * codes.std(axis=0)
    walked = walked.astype("float32")
    back = answers(student, "encoder", answers(student, "decoder", walked, 784).astype("float32"), 2)
    trips = np.linalg.norm(back - walked, axis=1)
    given = returned(student, "round_trip", walked, shape=(40,))
    slips = {
        "squared": trips**2,
        "city-block": np.abs(back - walked).sum(axis=1),
        "averaged": np.mean((back - walked) ** 2, axis=1),
        "one-way": np.linalg.norm(back, axis=1),
    }
    # Two passes through the networks in another batch size round differently.
    yield agrees("round-trip", "`round_trip`", given, trips, slips, 0.5, rtol=2e-3)

    codes = answers(student, "encoder", x[:5000], 2), answers(student, "encoder", x[5000:], 2)
    codes = np.concatenate(codes)
    low, high = codes.min(axis=0), codes.max(axis=0)
    hole = as_array(student.value("hole"), "`hole`")
    fail_if(hole.size != 2, "wrong-shape", shape=hole.shape)
    hole = hole.ravel()
    slack = 1e-4 * (high - low)
    inside = ((hole >= low - slack) & (hole <= high + slack)).all()
    distance = np.sqrt(((codes - hole) ** 2).sum(axis=1).min())
    wanted = (high - low).min() / 10
    if not inside:
        raise Wrong("outside", hole=hole[0], hole_2=hole[1], low=low[0], high=high[0], low_2=low[1], high_2=high[1])
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
    fail_if(given.shape in ((2, 16), (4, 4, 2), (2, 4, 4)), "grid.wrong-shape", shape=given.shape)
    fail_if(given.shape == (4, 2), "diagonal")
    fail_if(given.shape != (16, 2), "grid-2.wrong-shape", shape=given.shape)

    def ordered(codes):
        codes = np.round(codes, 4)
        return codes[np.lexsort(codes.T)]

    steps = low + (high - low) * np.arange(4)[:, None] / 4
    slips = {
        "no-end": ordered([(a, b) for a in steps[:, 0] for b in steps[:, 1]]),
        "swapped": ordered(wanted[:, ::-1]),
        "same-axis": ordered([(a, b) for a in axes[:, 0] for b in axes[:, 0]]),
    }
    return agrees("code-grid", "`code_grid`", ordered(given), ordered(wanted), slips, 1)


# --- 06.6


@exercise("06.6")
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
        "variance": mean + np.exp(log_var) * noise,
        "log-variance": mean + log_var * noise,
        "no-noise": mean,
        "no-spread": mean + noise,
        "no-mean": np.exp(log_var / 2) * noise,
        "wrong-sign": mean + np.exp(-log_var / 2) * noise,
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
    fail_if(np.ptp(clouds, axis=0).max() < 1e-6, "constant")
    points = mean + np.exp(np.clip(log_var, None, 10) / 2) * rng.normal(size=mean.shape)
    copies = answers(student, "vae_decoder", points.astype("float32"), 784)
    not_logits("vae_decoder", copies, x)
    for name, given in (("vae_encoder", x[:50]), ("vae_decoder", mean[:50].astype("float32"))):
        replayed(student, name, given)
    kl = np.mean(np.sum(mean**2 + np.exp(np.clip(log_var, None, 50)) - 1 - log_var, axis=1) / 2)
    mse = np.mean((copies - x) ** 2)
    _explain_vae(mean, log_var, copies, x, kl, mse)
    yield check_limit('06.6', 'kl', kl, 1, '.2f', most=True)  # fmt: skip
    yield check_limit('06.6', 'mse', mse, 1, '.4f', most=True)  # fmt: skip
    codes = rng.normal(size=(400, 2)).astype("float32")
    kinds = _kinds(answers(student, "vae_decoder", codes, 784))
    yield check_limit('06.6', 'kinds', kinds, 1, '.1f')  # fmt: skip


def _clouds(student, x):
    """Means and log variances, shape (n, 4), also of an encoder that answers with a pair."""
    config = student.config("vae_encoder")
    if config is not None and isinstance(config, dict):
        return answers(student, "vae_encoder", x, 4)
    given = as_array(student.predict("vae_encoder", x), "The prediction of `vae_encoder`")
    if given.shape[:1] + given.shape[2:] == (2, 2):
        given = np.concatenate([given[0], given[1]], axis=1)
    fail_if(given.shape != (len(x), 4), "wrong-shape", n_x=len(x), shape=given.shape)
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
    fail_if(given.shape == (3,), "wrong-axis")
    fail_if(given.size != 6, "kl.wrong-shape", shape=given.shape)
    slips = {
        "wrong-sign": -wanted,
        "not-halved": 2 * wanted,
        "averaged": each.mean(axis=1),
        "not-squared": np.sum(mean + variance - 1 - log_var, axis=1) / 2,
        "log-var-as-variance": np.sum(mean**2 + log_var - 1 - np.log(np.abs(log_var)), axis=1) / 2,
        "log-var-as-sigma": np.sum(mean**2 + np.exp(2 * log_var) - 1 - 2 * log_var, axis=1) / 2,
        "no-one": np.sum(mean**2 + variance - log_var, axis=1) / 2,
        "other-direction": np.sum((1 + mean**2) / variance - 1 + log_var, axis=1) / 2,
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
        fail_if(given.size != n or not np.allclose(given.ravel(), wanted, rtol=1e-3, atol=1e-4), "kl-term", n=n, d=d)
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
        raise Wrong("no-kl", kl=kl, std=mean.std())
    of_mean = np.mean((mean_picture() - x) ** 2)
    fail_if(mse > 1.2 * of_mean, "untrained", mse=mse, of_mean=of_mean)
    fail_if(kl < 0.5 and mse > 0.055, "collapsed", kl=kl)
    fail_if(mse > of_mean, "explain-vae.untrained", mse=mse)
    fail_if(mean.std(axis=0).min() < 0.1, "one-coordinate")


def _kinds(pictures):
    """The number of kinds among pictures, as exp(entropy) of the labels of the most similar of 3,000 test digits."""
    x, y = (part[:3000] for part in digits()[1])
    squares = (x**2).sum(axis=1)[None] - 2 * pictures.astype("float32") @ x.T
    shares = np.bincount(y[squares.argmin(axis=1)], minlength=10) / len(pictures)
    shares = shares[shares > 0]
    return np.exp(-np.sum(shares * np.log(shares)))
