"""Checks of notebook 06: autoencoders."""

from functools import cache, partial
from itertools import product

import numpy as np
from scipy.linalg import subspace_angles
from scipy.ndimage import gaussian_filter
from scipy.special import expit, logit
from scipy.stats import entropy, spearmanr
from sklearn.metrics import mean_absolute_error, pairwise_distances_argmin, roc_auc_score

from coursekit.checks.framework import Misconception, check_that, exercise, fail_if, say, threshold
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import (
    as_array,
    call_array,
    check_array,
    refuse_misconceptions,
    saying_not_finite,
)
from coursekit.checks.vocabulary.metrics import check_metric
from coursekit.data import load_mnist
from coursekit.exercises.digits import predict_pictures

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py. In 06.3 small networks gain 1.5 to
# 2.8 dB over the filter; one trained without noise, or a filter in the form of a network, at most 0.5 dB.
MARGINS = {
    "06.1": {"angle": 4.0},
    "06.2": {"mse": 0.004},
    "06.3": {"gain": -1.4},
    "06.4": {"area": -0.015},
    "06.6": {"mse": 0.0025, "kl": 1.25, "kinds": -1.8},
}


@cache
def digits():
    """Rows of 784 in [0, 1] and labels: the first 20,000 of training, and all of testing."""
    (x_train, y_train), (x_test, y_test) = load_mnist()
    scale = np.float32(255)
    return (x_train[:20_000].reshape(-1, 784) / scale, y_train[:20_000]), (x_test.reshape(-1, 784) / scale, y_test)


@cache
def mean_picture():
    return digits()[0][0].mean(axis=0)


def sample(rng, n=1000):
    """Some test digits with a little noise, and their labels: a table of the known ones would not help."""
    x, y = digits()[1]
    rows = rng.choice(len(x), n, replace=False)
    return np.clip(x[rows] + rng.uniform(0, 0.04, size=(n, 784)), 0, 1).astype("float32"), y[rows]


def error(copies, x):
    return np.mean((copies - x) ** 2)


def answers(student, name, x, width):
    """What a network gives for rows, shape (n, width); only in 06.4, where no cell calls it, may it want pictures."""
    takes = [layer["input_shape"][-1] for layer in student.layers(name)[:1] if layer["input_shape"]]
    fail_if([*takes, x.shape[1]] in ([2, 784], [784, 2]), "halves", name=name, n=x.shape[1])
    shapes = ((784,), (28, 28, 1), (28, 28)) if x.shape[1] == 784 else (x.shape[1:],)
    given = predict_pictures(student, name, x, shapes)
    fail_if(len(student.known["shape", name]) > 1 and name != "anomaly_model", "takes-pictures", name=name)
    if given.shape[1] != width:
        said = say("numbers-a-row", name=name, n=given.shape[1], width=width)
        raise Misconception("wrong-code" if width == 2 else "wrong-shape", said)
    return given


def not_logits(name, copies, x):
    """Raises `Misconception` where the answers become pictures like `x` by a sigmoid, or where each adds up to 1."""
    fail_if(np.allclose(copies.sum(axis=1), 1, atol=1e-3), "softmax", name=name)
    by_sigmoid = error(expit(copies), x)
    logits = copies.min() < -1 and by_sigmoid < 0.5 * error(copies, x) and by_sigmoid < 0.08  # the mean digit has 0.067
    fail_if(logits, "logits", name=name, low=copies.min(), high=copies.max())


def pictures(student, name, x, clean):
    """The pictures that a network makes of the rows `x`, where they should be like `clean`."""
    copies = answers(student, name, x, 784)
    not_logits(name, copies, clean)
    fail_if(np.ptp(copies, axis=0).max() < 1e-3, "pictures.constant", name=name)
    return copies


def coarse(x):
    """Digits as 7 by 7 pixels, each the mean of 4 by 4; rows of 49."""
    return np.reshape(x, (-1, 7, 4, 7, 4)).mean(axis=(2, 4)).reshape(-1, 49)


@cache
def plane_of_pca():
    """The mean of the coarse training digits, shape (49,), and the basis of their best plane, shape (49, 2)."""
    x = coarse(digits()[0][0]).astype(float)
    mean = x.mean(axis=0)
    return mean, np.linalg.eigh(np.cov(x - mean, rowvar=False))[1][:, -2:]


@exercise("06.1")
def linear_is_pca(student, rng):
    """The angles of random bases; then linearity and the plane of the network's outputs for unseen digits."""
    yield lambda: _angles(student, rng)
    mean, plane = plane_of_pca()
    raw = coarse(sample(rng, 400)[0]).astype("float32")
    x = (raw - mean).astype("float32")
    given = answers(student, "linear", x, 49)
    fail_if(np.ptp(given, axis=0).max() < 1e-6, "pictures.constant", name="linear")
    far = answers(student, "linear", 10 * x, 49)  # a ReLU that no digit reaches bends there
    middle = answers(student, "linear", 5 * (x[:200] + x[200:]), 49)
    bend = np.abs(middle - (far[:200] + far[200:]) / 2).max()
    fail_if(bend > 1e-3 * np.ptp(far), "plane.not-linear")  # rounding leaves 1e-6
    directions, sizes = np.linalg.svd(given - given.mean(axis=0), full_matrices=False)[2:0:-1]
    fail_if(sizes[1] < 1e-3 * sizes[0], "narrow.wrong-code")
    fail_if(sizes[2] > 1e-3 * sizes[0], "wide.wrong-code")
    angle = np.degrees(subspace_angles(directions[:2].T, plane)[0])
    if angle > 2 * threshold("06.1", "angle"):
        fail_if(student.describe("linear").get("loss") in ("mae", "mean_absolute_error"), "plane.absolute", angle=angle)
        off_plane = np.degrees(subspace_angles(directions[:2].T, mean[:, None])[0])
        fail_if(off_plane < 25, "plane.not-centred", angle=angle, off_plane=off_plane)
        of_raw, of_centred = error(answers(student, "linear", raw, 49), raw), error(given, x)
        fail_if(of_raw < 0.8 * of_centred, "raw.not-centred", of_raw=of_raw, of_centred=of_centred)
    fail_if(error(given, raw) < error(given, x), "target.not-centred")
    yield check_metric("06.1", "angle", angle, 2, ".2f", most=True)


def _angles(student, rng):
    def arccos(cosines):
        return np.sort(np.arccos(np.clip(cosines, -1, 1)))

    singular = partial(np.linalg.svd, compute_uv=False)
    A, B = rng.normal(size=(9, 3)), rng.normal(size=(9, 3))
    wanted = np.sort(subspace_angles(A, B))
    given = np.sort(call_array(student, "principal_angles", A, B, shape=(3,)))
    cosines = np.cos(wanted)
    misconceptions = {
        "degrees": np.degrees(wanted),
        "cosines": np.sort(cosines),
        "wrong-sign": np.sort(-wanted),
        "squared-cosines": np.sort(cosines**2),
        "squared-inside": arccos(cosines**2),
        "sines": np.sort(np.arcsin(cosines)),
        "not-orthonormal": arccos(singular(A.T @ B)),
        "only-normalised": arccos(singular((A / np.linalg.norm(A, axis=0)).T @ (B / np.linalg.norm(B, axis=0)))),
        "no-svd": arccos(np.diag(np.linalg.qr(A)[0].T @ np.linalg.qr(B)[0])),
    }
    code, what = "principal-angles", "`principal_angles`"
    finding = check_array(code, what, given, wanted, misconceptions, 1, rtol=1e-3, otherwise=code)
    if not finding.passed:
        return finding
    # Where spaces share a direction, rounding gives cosines above 1.
    for n, k, shared in ((5, 1, 1), (9, 3, 1), (12, 4, 2), *[(9, 3, 3)] * 30):
        A, B = rng.normal(size=(n, k)), rng.normal(size=(n, k))
        B[:, :shared] = A @ rng.normal(size=(k, shared))
        given = np.asarray(student.call("principal_angles", A, B), dtype=float).ravel()
        fail_if(np.isnan(given).any(), "principal-angles.no-clip", n=n, k=k)
        # arccos near 1 turns a rounding of 1e-16 into 1e-8, and one of float32 into 5e-4.
        if given.shape != (k,) or np.abs(np.sort(given) - np.sort(subspace_angles(A, B))).max() > 3e-3:
            raise Misconception("shared.principal-angles", n=n, k=k)
    return finding


def worth_of_map(student, x):
    """Codes of the digits `x`, the copies that the decoder makes of them, and their mean squared error."""
    codes = answers(student, "encoder", x, 2)
    _require_free(student, "encoder")
    fail_if(np.ptp(codes, axis=0).max() < 1e-6, "codes.constant")
    copies = answers(student, "decoder", codes.astype("float32"), 784)
    not_logits("decoder", copies, x)
    return codes, copies, error(copies, x)


@exercise("06.2")
def map_of_digits(student, rng):
    """The error of the copies of unseen digits; linear, dead, unscaled and unfitted maps are named."""
    x, _ = sample(rng)
    codes, copies, mse = worth_of_map(student, x)
    yield Finding("code", True, "Two numbers for each digit, and a picture for each code.", 1)
    if mse > threshold("06.2", "mse"):
        _explain_map(student, x, codes, copies, mse)
    _require_grey_values("decoder", copies)
    yield check_metric("06.2", "mse", mse, 2, ".4f", most=True)


def _require_free(student, name):
    """Raises `Misconception` where the code has an activation."""
    for layer in student.layers(name)[-1:]:
        fail_if(layer["activation"] not in (None, "linear"), "code-not-free", name=name, activation=layer["activation"])


def _require_grey_values(name, pictures):
    """Raises `Misconception` where values lie outside [0, 1], by more than rounding."""
    low, high = pictures.min(), pictures.max()
    fail_if(low < -0.01 or high > 1.01, "wrong-range", name=name, low=low, high=high)


def _explain_map(student, x, codes, copies, mse):
    spread = codes.std(axis=0)
    fail_if(spread.min() < 1e-3 * spread.max(), "map.dead-code")
    few = x[:300]
    copies_of_large = answers(student, "decoder", answers(student, "encoder", few * 255, 2).astype("float32"), 784)
    of_few = error(mean_picture(), few)
    fail_if(any(error(copies_of_large / scale, few) < 0.8 * of_few for scale in (1, 255)), "map.unscaled-inputs")
    ends = copies[:400]
    fail_if(np.ptp(ends, axis=0).max() < 0.02, "map.constant")
    of_mean = error(mean_picture(), x)
    fail_if(mse >= of_mean, "map.untrained", mse=mse, of_mean=of_mean)
    middle = answers(student, "encoder", (x[:200] + x[200:400]) / 2, 2)
    half_way = (codes[:200] + codes[200:400]) / 2
    between = answers(student, "decoder", half_way.astype("float32"), 784)
    bent = np.abs(middle - half_way).mean() > 0.01 * np.ptp(codes)
    straight = np.abs(between - (ends[:200] + ends[200:]) / 2).mean() < 1e-3 or _logits_linear(between, ends)
    fail_if(straight and not bent, "map.linear-model", mse=mse)


def _logits_linear(between, ends):
    """Whether pictures half-way are half-way before a sigmoid."""
    if min(between.min(), ends.min()) < 0 or max(between.max(), ends.max()) > 1:
        return False
    inside = (ends > 1e-4) & (ends < 0.9999)
    safe = inside[:200] & inside[200:]
    between, ends = (logit(np.clip(p, 1e-6, 1 - 1e-6)) for p in (between, ends))
    return safe.any() and np.abs(between - (ends[:200] + ends[200:]) / 2)[safe].mean() < 0.02


@exercise("06.3")
def denoising(student, rng):
    """Both functions against their definitions; the network against the best filter on fresh digits and noise."""
    yield lambda: _right_psnr(student, rng)
    yield lambda: _right_smooth(student, rng)
    x, _ = sample(rng, 400)
    noise = rng.normal(0, 0.5, size=x.shape)
    noisy = (x + noise).astype("float32")
    stack = noisy.reshape(-1, 28, 28)
    filtered = (gaussian_filter(stack, (0, s, s)).reshape(-1, 784) for s in (0.8, 0.9, 1.0, 1.1, 1.2))
    best = max(_psnr(x, np.clip(rows, 0, 1)) for rows in filtered)
    cleaned = pictures(student, "denoiser", noisy, x)
    level = _psnr(x, cleaned)
    if level < best:
        fail_if(_psnr(noisy, cleaned) > level + 1, "denoiser.copies-noise", level=level)
        fail_if(any(_psnr(x, cleaned * factor) > best for factor in (255, 1 / 255)), "denoiser.unscaled-outputs")
        kept = np.sum((cleaned - x) * noise) / np.sum(noise**2)  # 1 where the noise is copied, 0 where it is gone
        poor = level < _psnr(x, mean_picture()) + 0.5
        fail_if(poor and kept > 0.15, "part.copies-noise", level=level, kept=kept)
        fail_if(poor, "denoiser.untrained", level=level)
    of_clean = _psnr(x, pictures(student, "denoiser", x, x))  # of those trained with noise at most 5 dB more
    said = {"level": level, "best": best, "of_clean": of_clean}
    fail_if(level - best < threshold("06.3", "gain") and of_clean > level + 8, "denoiser.trained-on-clean", **said)
    yield check_metric("06.3", "gain", level - best, 2, ".2f", level=level, best=best)


def _right_psnr(student, rng):
    """The finding about `psnr`: three stacks of pictures, with noise of several levels; dark ones, and too bright ones."""
    stacks = []
    for n, level, peak, more in ((40, 0.1, 1, 0), (7, 0.3, 0.8, 0), (1, 0.05, 1, 0.1)):
        clean = peak * sample(rng, n)[0].astype(float)
        noise = rng.normal(size=clean.shape) * rng.uniform(0.2, 2, size=(n, 1)) * level
        stacks.append((clean, clean + noise + more))

    def of(function):
        return np.array([function(clean, near) for clean, near in stacks])

    given = of(lambda clean, near: float(call_array(student, "psnr", clean, near)))
    mse = of(error)
    wanted = -10 * np.log10(mse)
    misconceptions = {
        "wrong-sign": -wanted,
        "natural-log": -10 * np.log(mse),
        "log2": -10 * np.log2(mse),
        "twenty": 2 * wanted,
        "root": wanted / 2,
        "no-ten": wanted / 10,
        "no-logarithm": 1 / mse,
        "mse": mse,
        "summed": -10 * np.log10(of(lambda a, b: np.sum((a - b) ** 2))),
        "mean-of-each": of(lambda a, b: np.mean(-10 * np.log10(np.mean((a - b) ** 2, axis=1)))),
        "absolute": -10 * np.log10(of(mean_absolute_error)),
        "peak-255": wanted + 20 * np.log10(255),
        "mean-square-of-picture": 10 * np.log10(of(lambda a, b: np.mean(a**2)) / mse),
        "peak-of-picture": 20 * np.log10(of(lambda a, b: np.max(a))) + wanted,
        "variance": -10 * np.log10(of(lambda a, b: np.var(a - b))),
    }
    advice = "10 times the logarithm to base 10 of 1 / MSE."
    return check_array("psnr", "`psnr`", given, wanted, misconceptions, 1, advice, otherwise="psnr")


def _right_smooth(student, rng):
    stacks = []
    for n, sigma in ((5, 1.2), (1, 0.7), (8, 1.8)):
        stack = np.zeros((n, 28, 28))
        # Far from the border, which may be treated as one likes.
        stack[:, 9:19, 9:19] = rng.normal(0.5, 0.5, size=(n, 10, 10))
        stacks.append((stack, stack.reshape(n, 784), sigma))

    def of(function):
        return np.concatenate([function(*stack).reshape(-1, 784) for stack in stacks])

    given = of(lambda stack, rows, s: call_array(student, "smooth", rows, s, shape=rows.shape))
    wanted = of(lambda stack, rows, s: gaussian_filter(stack, (0, s, s)))
    misconceptions = {
        "across-pictures": of(lambda stack, rows, s: gaussian_filter(stack, s)),
        "along-rows": of(lambda stack, rows, s: gaussian_filter(rows, (0, s))),
        "along-columns": of(lambda stack, rows, s: gaussian_filter(stack, (0, s, 0))),
        "not-pictures": of(lambda stack, rows, s: gaussian_filter(rows, s)),
        "no-filter": of(lambda stack, rows, s: rows),
        "fixed": of(lambda stack, rows, s: gaussian_filter(stack, (0, 1.0, 1.0))),
        "clipped": np.clip(wanted, 0, 1),
    }
    width = "more" if np.mean(given**2) < np.mean(wanted**2) else "less"
    kept = given.sum() / wanted.sum()
    name, fields = "smooth" if abs(kept - 1) < 0.02 else "smooth.ink", {"width": width, "kept": kept}
    # Where a Gaussian is cut off, at 3 or at 4 sigma, changes it by less than a hundredth.
    return check_array("smooth", "`smooth`", given, wanted, misconceptions, 1, rtol=0.01, fields=fields, otherwise=name)


def _psnr(clean, noisy):
    return -10 * np.log10(error(clean, noisy) + 1e-12)  # a perfect copy has 120 dB


@cache
def error_of_zeros():
    """Mean squared error of other digits where only zeros are known: copied by the 16 best axes of zeros."""
    (x, y), (x_test, y_test) = digits()
    zeros = x[y == 0][:400].astype(float)
    mean = zeros.mean(axis=0)
    axes = np.linalg.svd(zeros - mean, full_matrices=False)[2][:16].T
    other = x_test[y_test != 0][:1000] - mean
    return error(other, other @ axes @ axes.T)


@exercise("06.4")
def anomalies(student, rng):
    """The curve on random scores; the area of the model's own errors, and that of the score, on unseen digits."""
    yield lambda: _curve(student, rng)
    x, y = sample(rng, 1500)
    strange = y != 0
    errors = np.mean((pictures(student, "anomaly_model", x, x) - x) ** 2, axis=1)
    area = roc_auc_score(strange, errors)
    normal, others = errors[~strange].mean(), errors[strange].mean()
    if area < threshold("06.4", "area") and others < 0.9 * error_of_zeros() and others < 1.5 * normal:
        raise Misconception("anomaly-model.trained-on-both", others=others, normal=normal, area=area)
    of_mean = np.var(x[~strange], axis=0).mean()
    fail_if(normal > of_mean, "anomaly-model.untrained", normal=normal, of_mean=of_mean)
    yield check_metric("06.4", "area", area, 1.5, ".3f")

    scores = call_array(student, "anomaly_score", x, shape=(len(x),))
    by_score = roc_auc_score(strange, scores)
    fail_if(by_score < 0.5 and 1 - by_score > area - 0.1, "score.wrong-sign", by_score=by_score)
    fail_if(np.ptp(scores) == 0, "score.constant")
    fail_if(by_score > area - 0.02 and spearmanr(scores, errors)[0] < 0.999, "score.other-error")
    yield check_that("score", by_score > area - 0.02, 1, by_score=by_score, area=area)


def _curve(student, rng):
    n_normal, n_strange = 70, 40
    strange = np.concatenate([np.zeros(n_normal, int), np.ones(n_strange, int)])
    scores = np.where(strange == 1, rng.exponential(2.0, size=110), rng.uniform(0, 1.5, size=110))
    order = rng.permutation(110)
    scores, strange = scores[order], strange[order]
    given = student.call("roc", scores, strange)
    if isinstance(given, np.ndarray) and given.ndim == 2 and len(given) == 2:
        given = list(given)
    fail_if(not isinstance(given, list | tuple), "roc.wrong-type")
    fail_if(len(given) == 3, "roc.three")
    fail_if(len(given) != 2, "roc.wrong-type")
    curve = [as_array(part, f"`{name}`") for part, name in zip(given, ("false_rate", "true_rate"), strict=True)]
    x, y = (np.squeeze(part) for part in curve)
    shapes = " and ".join(str(part.shape) for part in curve)
    fail_if(x.ndim != 1 or y.ndim != 1 or x.size != y.size, "roc.wrong-shape", shapes=shapes)
    fail_if(max(x.max(), y.max()) > 1 + 1e-6, "roc.counts", x=x.max(), y=y.max())

    def rates(found):
        return np.append(0, np.cumsum(1 - found)) / n_normal, np.append(0, np.cumsum(found)) / n_strange

    def on(false, true):
        """Whether the points of the answer are at most a step and a half from those of a curve."""
        apart = [np.min(np.maximum(np.abs(false - p), np.abs(true - q))) for p, q in zip(x, y, strict=True)]
        return max(apart) <= 1.5 / n_strange

    false, true = rates(strange[np.argsort(-scores)])
    right = on(false, true)
    if not right:
        fail_if(
            on(false * n_normal / len(strange), true * n_strange / len(strange)), "roc.divided-by-all", x=x[-1], y=y[-1]
        )
        fail_if(on(false, true[::-1]), "roc.one-reversed")
        fail_if(on(true, false), "roc.swapped")
        fail_if(on(1 - false, 1 - true), "roc.ascending")
        fail_if(on(*rates(strange)), "roc.not-sorted")
    elif max(x[0], y[0]) > 1e-6 or min(x[-1], y[-1]) < 1 - 1e-6:
        runs = say("ends.runs", x0=x[0], y0=y[0], x1=x[-1], y1=y[-1])
        fail_if(min(x[0], y[0]) > 1 - 1e-6 and max(x[-1], y[-1]) < 1e-6, "turned.reversed", runs=runs)
        fail_if(x[0] > x[-1], "thresholds.reversed", runs=runs)
        if max(x[0], y[0]) > 1e-6:
            cause = "ends.no-zero" if x[0] * n_normal + y[0] * n_strange < 1.5 else "ends.below-highest"
        else:
            cause = "ends.no-lowest" if (1 - x[-1]) * n_normal + (1 - y[-1]) * n_strange < 1.5 else "ends.above-lowest"
        raise Misconception(cause, f"{runs} {say(cause, highest=scores.max(), lowest=scores.min())}")
    area, wanted = np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2), roc_auc_score(strange, scores)
    side = "more" if area > wanted else "less"
    return check_that("roc", right and abs(area - wanted) < 0.02, 1.5, area=area, side=side)


@exercise("06.5")
def holes(student, rng):
    """The three functions on random points and codes of the map; the hole against all test digits."""
    codes, _, mse = worth_of_map(student, sample(rng, 500)[0])
    fail_if(mse > threshold("06.2", "mse"), "map-first", mse=mse)
    yield _grid(student, rng)
    points, others = rng.normal(size=(7, 2)), rng.normal(size=(30, 2))
    apart = points[:, None] - others
    distances = np.linalg.norm(apart, axis=2)
    given = call_array(student, "nearest", points, others, shape=(7,))
    misconceptions = {
        "squared": distances.min(axis=1) ** 2,
        "farthest": distances.max(axis=1),
        "averaged": distances.mean(axis=1),
        "indices": distances.argmin(axis=1),
        "city-block": np.abs(apart).sum(axis=2).min(axis=1),
        "same-codes": call_array(student, "nearest", points, others + 9, shape=(7,)),
    }
    yield check_array("nearest", "`nearest`", given, distances.min(axis=1), misconceptions, 0.5)

    walked = codes[:40] + rng.normal(0, 0.2, size=(40, 2)) * codes.std(axis=0)
    walked = walked.astype("float32")
    pictures = answers(student, "decoder", walked, 784).astype("float32")
    back = answers(student, "encoder", pictures, 2)
    again = answers(student, "decoder", back.astype("float32"), 784)
    trips = np.linalg.norm(back - walked, axis=1)
    given = call_array(student, "round_trip", walked, shape=(40,))
    misconceptions = {
        "squared": trips**2,
        "city-block": np.abs(back - walked).sum(axis=1),
        "averaged": np.mean((back - walked) ** 2, axis=1),
        "one-way": np.linalg.norm(back, axis=1),
        "pictures-compared": np.linalg.norm(pictures - again, axis=1),
    }
    # Two passes through the networks in another batch size round differently.
    yield check_array("round-trip", "`round_trip`", given, trips, misconceptions, 0.5, rtol=2e-3)

    x = digits()[1][0]
    codes = np.concatenate([answers(student, "encoder", part, 2) for part in (x[:5000], x[5000:])])
    low, high = codes.min(axis=0), codes.max(axis=0)
    hole = as_array(student.value("hole"), "`hole`")
    fail_if(hole.size != 2, "hole.wrong-shape", shape=hole.shape)
    hole = hole.ravel()
    slack = 1e-4 * (high - low)
    if ((hole < low - slack) | (hole > high + slack)).any():
        (left, bottom), (right, top) = low, high
        raise Misconception("hole.outside", x=hole[0], y=hole[1], left=left, right=right, bottom=bottom, top=top)
    distance, wanted = np.linalg.norm(codes - hole, axis=1).min(), (high - low).min() / 10
    yield check_that("hole", distance >= 0.99 * wanted, 1, distance=distance, wanted=wanted)


def _grid(student, rng):
    """The finding about `code_grid`, whatever the order of the codes."""
    low, high = rng.uniform(-3, -1, 2), rng.uniform(1, 3, 2)
    given = as_array(student.call("code_grid", low, high, 4), "What `code_grid` returns")
    fail_if(given.shape == (4, 2), "code-grid.diagonal")
    fail_if(given.shape != (16, 2), "code-grid.wrong-shape", shape=given.shape)

    def ordered(codes):
        codes = np.round(codes, 4)
        return codes[np.lexsort(codes.T)]

    def pairs(first, second):
        return ordered(list(product(first, second)))

    first, second = np.linspace(low, high, 4).T
    misconceptions = {
        "no-end": pairs(*np.linspace(low, high, 4, endpoint=False).T),
        "swapped": pairs(second, first),
        "same-axis": pairs(first, first),
        "same-range": pairs(*2 * [np.linspace(low.min(), high.max(), 4)]),
        "axis-limits": pairs(np.linspace(*low, 4), np.linspace(*high, 4)),
        "line": ordered(np.linspace(low, high, 16)),
    }
    given, wanted = ordered(given), pairs(first, second)
    same = np.allclose(np.sort(given, axis=None), np.sort(wanted, axis=None), atol=1e-3)
    misconceptions["unpaired" if same else "lacking"] = given  # whatever else it is
    apart = np.abs(given - wanted[:, None]).max(axis=2).min(axis=1)
    fields = {"low": low.round(3), "high": high.round(3), "n": np.sum(apart < 1e-3), "pair": wanted[apart.argmax()]}
    return check_array("code-grid", "`code_grid`", given, wanted, misconceptions, 1, fields=fields)


@exercise("06.6")
def variational(student, rng):
    """Both formulas; the mean KL term, the copies, and the variety of pictures of random codes."""
    yield lambda: _kl(student, rng)
    yield lambda: _points(student, rng)
    x, _ = sample(rng)
    clouds = _clouds(student, x)
    mean, log_var = clouds[:, :2], clouds[:, 2:]
    _require_free(student, "vae_encoder")
    fail_if(np.ptp(clouds, axis=0).max() < 1e-6, "clouds.constant")
    points = mean + np.exp(np.clip(log_var, None, 10) / 2) * rng.normal(size=mean.shape)
    copies = answers(student, "vae_decoder", points.astype("float32"), 784)
    not_logits("vae_decoder", copies, x)
    kl, mse, of_mean = divergence(mean, log_var).mean(), error(copies, x), error(mean_picture(), x)
    fail_if(kl > 2 * threshold("06.6", "kl"), "clouds.no-kl", kl=kl, spread=mean.std())
    middle = error(answers(student, "vae_decoder", mean.astype("float32"), 784), x)
    fail_if(middle < 0.75 * mse, "clouds.means-alone", middle=middle, mse=mse)
    fail_if(mse > 1.2 * of_mean, "clouds.untrained", mse=mse, of_mean=of_mean)
    fail_if(kl < 0.5 and mse > 0.055, "clouds.collapsed", kl=kl)
    least, most = sorted(mean.std(axis=0))
    fail_if(least < 0.1 and most > 0.5, "clouds.one-coordinate")
    fail_if(mse > of_mean, "clouds.untrained", mse=mse, of_mean=of_mean)
    fail_if(least < 0.1, "clouds.one-coordinate")
    yield check_metric("06.6", "kl", kl, 1, ".2f", most=True)
    _require_grey_values("vae_decoder", copies)
    yield check_metric("06.6", "mse", mse, 1, ".4f", most=True)
    drawn = answers(student, "vae_decoder", rng.normal(size=(400, 2)).astype("float32"), 784)
    # The kinds are counted by the most similar of 3,000 test digits, as exp(entropy) of their labels.
    known, labels = (part[:3000] for part in digits()[1])
    kinds = np.exp(entropy(np.bincount(labels[pairwise_distances_argmin(drawn.astype("float32"), known)])))
    yield check_metric("06.6", "kinds", kinds, 1, ".1f")


def divergence(mean, log_var):
    return np.sum(mean**2 + np.exp(np.clip(log_var, None, 50)) - 1 - log_var, axis=1) / 2


def _kl(student, rng):
    """The finding about `kl_term`; a term that is missing or has another sign or factor is named."""
    mean, log_var = (rng.normal(size=(6, 3)).astype("float32") for _ in range(2))
    with saying_not_finite("formula.not-finite", function="kl_term"):
        given = as_array(student.call("kl_term", mean, log_var), "What `kl_term` returns")
    mean, log_var = mean.astype(float), log_var.astype(float)
    fail_if(given.size == 1, "rows.wrong-shape")
    fail_if(given.shape == (6, 3), "coordinates.wrong-shape")
    fail_if(given.shape == (3,), "kl-term.wrong-axis")
    fail_if(given.size != 6, "kl-term.wrong-shape", shape=given.shape)
    given, wanted, variance = given.ravel(), divergence(mean, log_var), np.exp(log_var)
    misconceptions = {
        "wrong-sign": -wanted,
        "not-halved": 2 * wanted,
        "averaged": wanted / 3,
        "not-squared": np.sum(mean + variance - 1 - log_var, axis=1) / 2,
        "log-var-as-variance": np.sum(mean**2 + log_var - 1 - np.log(np.abs(log_var)), axis=1) / 2,
        "log-var-as-sigma": divergence(mean, 2 * log_var),
        "no-one": np.sum(mean**2 + variance - log_var, axis=1) / 2,
        "other-direction": np.sum((1 + mean**2) / variance - 1 + log_var, axis=1) / 2,
    }
    refuse_misconceptions(given, misconceptions, "kl-term")
    _refuse_terms(given, mean, log_var)
    steps = {"the mean of each row": mean.mean(axis=1), "the sum of `log_var`": log_var.sum(axis=1)}
    advice = "It is half the sum of mean², the variance, -1 and -log_var, over axis 1."
    known = {"steps": steps, "quantities": {"d": 3}, "fields": {"advice": advice}}
    finding = check_array("kl-term", "`kl_term`", given, wanted, {}, 1, advice, **known, otherwise="kl-term")
    if not finding.passed:
        return finding
    for n, d in ((1, 2), (4, 5), (3, 1)):
        mean, log_var = (rng.normal(size=(n, d)).astype("float32") for _ in range(2))
        given = as_array(student.call("kl_term", mean, log_var), "What `kl_term` returns")
        right = given.size == n and np.allclose(given.ravel(), divergence(mean, log_var), rtol=1e-3, atol=1e-4)
        fail_if(not right, "sizes.kl-term", n=n, d=d)
    return finding


def _refuse_terms(given, mean, log_var):
    """Raises `Misconception` where one or two terms are left out of the sum or have another sign, with or without the half."""
    terms = {"mean²": mean**2, "the variance": np.exp(log_var), "the 1": np.full_like(mean, -1), "log_var": -log_var}
    said = {-1: "has the wrong sign", 0: "is left out"}
    for signs in product((1, -1, 0), repeat=4):
        total = sum(sign * term for sign, term in zip(signs, terms.values(), strict=True)).sum(axis=1)
        wrong = [f"{name} {said[sign]}" for sign, name in zip(signs, terms, strict=True) if sign in said]
        if 0 < len(wrong) < 3:
            refuse_misconceptions(given, {"terms.kl-term": total / 2}, said=" and ".join(wrong))
            wrong.append("the factor 1/2 is left out")
            refuse_misconceptions(given, {"terms.kl-term": total}, said=" and ".join(wrong))


def _points(student, rng):
    mean, log_var, noise = (rng.normal(size=(6, 3)).astype("float32") for _ in range(3))
    with saying_not_finite("formula.not-finite", function="reparametrise"):
        given = call_array(student, "reparametrise", mean, log_var, noise, shape=(6, 3))
    sigma = np.exp(log_var / 2)
    misconceptions = {
        "variance": mean + sigma**2 * noise,
        "log-variance": mean + log_var * noise,
        "no-noise": mean,
        "no-spread": mean + noise,
        "no-mean": sigma * noise,
        "wrong-sign": mean + noise / sigma,
        "no-root": mean + sigma**4 * noise,
        "root-of-log": mean + np.sqrt(np.abs(log_var)) * noise,
        "half-log": mean + log_var / 2 * noise,
        "subtracted": mean - sigma * noise,
        "noise-as-mean": noise + sigma * mean,
    }
    steps = {"`noise`": noise, "`log_var`": log_var, "the standard deviation": sigma}
    return check_array("reparametrise", "`reparametrise`", given, mean + sigma * noise, misconceptions, 1, steps=steps)


def _clouds(student, x):
    """Means and log variances, shape (n, 4), also of an encoder that answers with a pair."""
    if isinstance(student.config("vae_encoder"), dict):
        return answers(student, "vae_encoder", x, 4)
    given = as_array(student.predict("vae_encoder", x), "The prediction of `vae_encoder`")
    if given.shape[:1] + given.shape[2:] == (2, 2):
        given = np.concatenate(given, axis=1)
    fail_if(given.shape != (len(x), 4), "clouds.wrong-shape", n=len(x), shape=given.shape)
    return given
