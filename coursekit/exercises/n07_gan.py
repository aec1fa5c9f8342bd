"""Checks of notebook 07: two networks against each other."""

import random
import time
from dataclasses import replace
from functools import cache

import numpy as np

from coursekit.checks.codec import Handle
from coursekit.checks.framework import Wrong, exercise, fail_if, threshold
from coursekit.checks.proxy import StudentError
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import agrees, as_array, as_number
from coursekit.checks.vocabulary.metrics import check_limit
from coursekit.checks.vocabulary.models import predictions, same_as_replay
from coursekit.checks.vocabulary.relations import describe_relation

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py.
MARGINS = {
    "07.3": {"on_modes": -0.05},
    "07.4": {"confidence": -0.04, "entropy": -0.12},
    "07.5": {"profile": 0.03, "total": 0.03, "spread": -0.15},
}


def softplus(a):
    return np.logaddexp(0, a)


def sigmoid(a):
    return np.exp(-softplus(-np.asarray(a, dtype=float)))


# --- 07.1


@exercise("07.1")
def losses_by_hand(student, rng):
    """Values of both losses, also for huge logits; the steps against central differences of the losses."""
    yield lambda: right_d_loss(student, rng)
    yield lambda: right_g_loss(student, rng)
    draws = [(rng.uniform(0.3, 2) * a, rng.uniform(0.5, 2) * b, rng.uniform(0.1, 0.4)) for a, b in SIGNS]
    yield lambda: right_step(student, "d_step", 1, draws)
    yield lambda: right_step(student, "g_step", 0, draws)


SIGNS = ((1, 1), (-1, 1), (1, -1), (-1, -1))
MANY = ((7, 5), (1, 4), (6, 2))  # real and made samples of three draws


def right_d_loss(student, rng):
    """The finding about `d_loss`: three draws of different sizes, then huge logits."""
    draws = [(rng.normal(0, 2, n), rng.normal(0, 2, m)) for n, m in MANY]
    given = np.array([loss_value(student, "d_loss", real, fake) for real, fake in draws])

    def of(loss):
        return np.array([loss(real, fake) for real, fake in draws])

    want = of(lambda a, b: np.mean(softplus(-a)) + np.mean(softplus(b)))
    slips = {
        "labels-swapped": of(lambda a, b: np.mean(softplus(a)) + np.mean(softplus(-b))),
        "not-averaged": of(lambda a, b: np.sum(softplus(-a)) + np.sum(softplus(b))),
        "wrong-sign": -want,
        "halved": want / 2,
        "one-mean": of(lambda a, b: np.mean(np.append(softplus(-a), softplus(b)))),
        "half-the-loss": of(lambda a, b: np.mean(softplus(-a))),
        "half-the-loss-made": of(lambda a, b: np.mean(softplus(b))),
        "all-real": of(lambda a, b: np.mean(softplus(-a)) + np.mean(softplus(-b))),
        "all-made": of(lambda a, b: np.mean(softplus(a)) + np.mean(softplus(b))),
        "arguments-swapped": of(lambda a, b: np.mean(softplus(-b)) + np.mean(softplus(a))),
        "difference": of(lambda a, b: np.mean(softplus(-a)) - np.mean(softplus(b))),
        "no-logarithm": of(lambda a, b: np.mean(sigmoid(-a)) + np.mean(sigmoid(b))),
    }
    finding = value_finding("d_loss", given, want, slips)
    if finding.passed:
        huge(student, "d_loss", (np.array([1000.0, -800.0]), np.array([-1000.0, 600.0])), 700.0)
    return finding


def right_g_loss(student, rng):
    """The finding about `g_loss`, likewise."""
    draws = [rng.normal(0, 2, m) for _, m in MANY]
    given = np.array([loss_value(student, "g_loss", fake) for fake in draws])

    def of(loss):
        return np.array([loss(fake) for fake in draws])

    want = of(lambda b: np.mean(softplus(-b)))
    slips = {
        "saturating": of(lambda b: -np.mean(softplus(b))),
        "labels-swapped": of(lambda b: np.mean(softplus(b))),
        "not-averaged": of(lambda b: np.sum(softplus(-b))),
        "wrong-sign": -want,
        "log-of-mean": of(lambda b: -np.log(np.mean(sigmoid(b)))),
        "no-logarithm": of(lambda b: np.mean(sigmoid(-b))),
    }
    finding = value_finding("g_loss", given, want, slips)
    if finding.passed:
        huge(student, "g_loss", (np.array([1000.0, -800.0]),), 400.0)
    return finding


def value_finding(name, given, want, slips):
    """The finding that a loss is right, for several draws."""
    said = {code: (values, f"`{name}` {message}.") for code, (values, message) in slips.items()}
    advice = "Compare it with the formula of the text, term by term."
    finding = agrees(name.replace("_", "-"), f"`{name}`", given, want, said, 0.5, advice, rtol=1e-5)
    if finding.passed or finding.code in slips or finding.message.startswith(f"`{name}` is"):
        return replace(finding, code=finding.code.removesuffix("-made"))
    way = "above" if (given > want).all() else "below" if (given < want).all() else "now above, now below"
    return Finding(finding.code, False, f"`{name}` is {way} the right value for random logits. {advice}")


def huge(student, name, arguments, want):
    """Raises `Wrong` where a loss breaks down for logits of ±1000."""
    value = student.call(name, *arguments)
    value = np.asarray(value, dtype=float) if isinstance(value, float | int | np.ndarray) else np.nan
    fail_if(not np.isfinite(value).all(), "unstable", name=name)
    if not np.allclose(value, want, rtol=1e-3):
        small = "small" if as_number(value, name) < want else "large"
        raise Wrong("clipped", name=name, small=small, as_number=as_number(value, name))


def right_step(student, name, mine, draws):
    """The finding about a step, by four draws of weights of all signs and rates."""
    weights, other = ("theta", "psi"), 1 - mine
    theta, psi, rate = np.array(draws).T
    states = np.array([two_numbers(student.call(name, *draw), name) for draw in draws])
    start = np.column_stack([theta, psi])
    # Central differences with a step of 1e-5 are right to about 1e-10 here.
    slope_d = difference(lambda psi: softplus(psi * theta), psi)
    slope_g = difference(lambda theta: softplus(-psi * theta), theta)
    slope = (slope_g, slope_d)[mine]
    want = start[:, mine] - rate * slope

    def same(values, wanted, rtol=1e-5):
        return np.allclose(values, wanted, rtol=rtol)

    if not same(states[:, other], start[:, other], rtol=1e-6):
        fail_if(same(states[:, other], want) and same(states[:, mine], start[:, other]), "order", name=name)
        raise Wrong(
            "wrong-weight-moves", name=name, weights=weights[other], other=("generator", "discriminator")[other]
        )
    inner = (psi, theta)[mine]
    p, q = sigmoid(psi * theta), sigmoid(-psi * theta)
    inside = f"the derivative of the inside, psi * theta, by {weights[mine]} is {weights[other]}."
    slips = {
        "uphill": (-slope * rate, "goes uphill: subtract rate times the gradient."),
        "no-rate": (slope, "leaves out the learning rate: subtract rate times the gradient."),
        "no-rate-uphill": (-slope, "adds the gradient, without the learning rate; subtract rate times the gradient."),
        "nothing-moves": (0 * slope, f"leaves {weights[mine]} where it is; that is the one to move."),
        "no-inner-derivative": (rate * slope / inner, f"leaves a factor out of the gradient: {inside}"),
        "no-inner-derivative-uphill": (-rate * slope / inner, f"leaves a factor out of the gradient: {inside}"),
        "own-weight": (rate * slope / inner * start[:, mine], f"multiplies by {weights[mine]} itself; {inside}"),
        "no-sigmoid": (rate * np.sign(slope) * np.abs(inner), "leaves the sigmoid out of the gradient."),
        "sigmoid-turned" if mine else "saturating": (
            rate * inner * (q if mine else -p),
            "has σ(-psi * theta) in its gradient; that of log(1 + exp(x)) is σ(x), here σ(psi * theta)."
            if mine
            else "has σ(psi * theta) in its gradient, as log(1 - σ) has; that of L_G is σ(-psi * theta).",
        ),
        "sigmoid-slope": (
            rate * slope * (q if mine else p),
            "multiplies by the slope of the sigmoid, σ(1 - σ); the derivative of log(1 + exp(x)) is σ(x) alone.",
        ),
    }  # fmt: skip
    if not mine:
        slips["wrong-loss"] = (rate * psi * p, "goes down L_D: the generator learns to be caught.")
    if not same(states[:, mine], want):
        for code, (step, message) in slips.items():
            if same(states[:, mine], start[:, mine] - step):
                raise Wrong(code.removesuffix("-uphill"), f"`{name}` {message}")
    advice = f"It is the derivative of the loss by {weights[mine]}, times rate."
    moved = (start[:, mine] - states[:, mine]) / rate
    finding = agrees(name.replace("_", "-"), f"The gradient in `{name}`", moved, slope, None, 1, advice, rtol=1e-4,
                     steps={f"`{weights[other]}`": start[:, other], "the sigmoid of psi * theta": p})  # fmt: skip
    if finding.passed:
        return Finding(finding.code, True, f"`{name}` moves {weights[mine]} alone, and down its loss.", points=1)
    if finding.message.startswith(f"The gradient in `{name}` gives"):
        signs = np.sign(moved) == np.sign(slope)
        way = "downhill, by a wrong length" if signs.all() else "uphill for some weights"
        return Finding(finding.code, False, f"`{name}` moves {weights[mine]} {way}. {advice}", points=1)
    return finding


def loss_value(student, name, *logits):
    """The number that a loss gives."""
    value = as_array(student.call(name, *logits), f"What `{name}` returns")
    fail_if(value.size != 1, "wrong-shape", name=name, shape=value.shape)
    return float(value.ravel()[0])


def two_numbers(value, name):
    pair = as_array(value, f"What `{name}` returns").ravel()
    fail_if(pair.size != 2, "two-numbers.wrong-shape", name=name, size=pair.size)
    return pair


def difference(function, at, step=1e-5):
    return (function(at + step) - function(at - step)) / (2 * step)


# --- 07.2


@exercise("07.2")
def training_step(student, rng):
    """One step with plain descent on small networks, against gradients computed here in NumPy."""
    real, noise = rng.normal(size=(32, 2)).astype("float32"), rng.normal(size=(32, 8)).astype("float32")
    d_rate, g_rate = 0.47, 0.31
    networks, moved, given = one_step(student, d_rate, g_rate, real, noise)
    (g_weights, d_weights), (g_after, d_after) = networks, moved
    fail_if(not any(change(d_weights, d_after)) and not any(change(g_weights, g_after)), "nothing-moves")

    d_slopes, want_d = d_gradients(g_weights, d_weights, real, noise)
    _, want_g = g_gradients(g_weights, d_after, noise)
    simultaneous = g_gradients(g_weights, d_weights, noise)[1]
    right_d = follows(d_weights, d_after, d_slopes[1], d_rate)
    right_g = any(
        follows(g_weights, g_after, g_gradients(g_weights, d, noise)[0][0], g_rate) for d in (d_after, d_weights)
    )
    if not right_d or not right_g:
        uses_optimizers(student, real, noise)
    if not right_d:
        explain_discriminator(student, networks, moved, real, noise, d_rate, g_rate)
    if not right_g:
        explain_generator(student, networks, moved, real, noise, d_rate, g_rate)
    message = "In the first half the discriminator moves down its loss, and nothing else moves."
    if not right_d:
        message = (
            "The discriminator does not move down the gradient of L_D alone. Compare the first half with the text."
        )
    yield Finding("discriminator-half", right_d, message, points=1.5)
    message = "In the second half the generator moves down its loss, and nothing else moves."
    if not right_g:
        message = "The generator does not move down the gradient of L_G alone. Compare the second half with the text."
    yield Finding("generator-half", right_g, message, points=1.5)

    if not isinstance(given, list | tuple | np.ndarray) or len(np.atleast_1d(np.asarray(given, dtype=object))) != 2:
        raise Wrong("no-losses")
    loss_d, loss_g = (as_number(value, what) for value, what in zip(given, ("L_D", "L_G"), strict=True))
    close = {"rtol": 1e-3, "atol": 1e-5}  # float32
    fail_if(np.isclose(loss_g, want_d, **close) and not np.isclose(loss_d, want_d, **close), "losses-swapped")
    d_good = np.isclose(loss_d, want_d, **close)
    g_good = any(np.isclose(loss_g, w, **close) for w in (want_g, simultaneous))
    message = f"The losses are right: L_D = {loss_d:.3f}, L_G = {loss_g:.3f}."
    if not (d_good and g_good):
        bad = "L_D" if g_good else "L_G" if d_good else "L_D and L_G"
        wanted, given = (want_d, loss_d) if not d_good else (want_g, loss_g)
        said = describe_relation([given], [wanted], {"n": len(real)}, rtol=1e-3)
        said = f" {bad[:3]} {said}." if said else ""
        message = (
            f"The networks move as they should; what is returned is not {bad}.{said} Return the losses of both tapes."
        )
    yield Finding("losses", d_good and g_good, message, points=1)


def uses_optimizers(student, real, noise):
    """Raises `Wrong` where networks move although both optimisers that are handed in have a learning rate of 0."""
    before, after, _ = one_step(student, 0.0, 0.0, real, noise)
    still = [max(change(b, a)) < 1e-7 for b, a in zip(before, after, strict=True)]
    if not all(still):
        who = "both networks" if not any(still) else f"the {'discriminator' if still[0] else 'generator'}"
        raise Wrong("own-optimizers", who=who, s="" if not any(still) else "s")


def one_step(student, d_rate, g_rate, real, noise):
    """Weights of (generator, discriminator) before and after one step of plain descent, and what the step returned."""
    gan = student.call("build_gan", d_rate, g_rate, 100, "sgd")
    if not isinstance(gan, list | tuple) or len(gan) != 4 or not all(isinstance(part, Handle) for part in gan):
        raise Wrong("changed-network")
    before = [chain(student, network) for network in gan[:2]]
    try:
        given = student.call("train_step", *gan, real, noise)
    except StudentError as error:
        if "Unknown variable" not in error.text:
            raise
        raise Wrong("wrong-optimizer") from None
    return before, [chain(student, network) for network in gan[:2]], given


def chain(student, network):
    """A network of dense layers as a list of (W, b, slope below zero)."""
    slopes = {"leaky_relu": 0.2, "relu": 0.0, "linear": 1.0}
    layers = [layer for layer in student.layers(network) if layer["class"] != "InputLayer"]
    weights = student.weights(network)
    weights = [part for part in weights if part] if len(weights) != len(layers) else weights
    found = [layer["class"] == "Dense" and layer["activation"] in slopes for layer in layers]
    fail_if(not all(found) or any(len(part) != 2 for part in weights), "chain.changed-network")
    return [
        (np.asarray(W, dtype=float), np.asarray(b, dtype=float), slopes[layer["activation"]])
        for (W, b), layer in zip(weights, layers, strict=True)
    ]


def forward(layers, x):
    """What each layer gets, and the output."""
    inputs = []
    for W, b, slope in layers:
        inputs.append(x)
        z = x @ W + b
        x = np.where(z > 0, z, slope * z)
    return inputs, x


def backward(layers, inputs, delta):
    """Gradients (dW, db) of each layer, and that of the input, from the gradient of the output."""
    gradients = []
    for (W, b, slope), x in zip(reversed(layers), reversed(inputs), strict=True):
        delta = delta * np.where(x @ W + b > 0, 1.0, slope)
        gradients.append((x.T @ delta, delta.sum(axis=0)))
        delta = delta @ W.T
    return gradients[::-1], delta


def through_both(generator, discriminator, noise, slope_of):
    """Gradients of a mean over made points by both networks: `slope_of(logits)` is its derivative a point."""
    g_inputs, points = forward(generator, np.asarray(noise, dtype=float))
    d_inputs, logits = forward(discriminator, points)
    d_slopes, delta = backward(discriminator, d_inputs, slope_of(logits) / len(noise))
    return (backward(generator, g_inputs, delta)[0], d_slopes), logits


def d_gradients(generator, discriminator, real, noise):
    """Gradients of L_D by (generator, discriminator), and its value."""
    inputs, real_logits = forward(discriminator, np.asarray(real, dtype=float))
    of_real = backward(discriminator, inputs, -sigmoid(-real_logits) / len(real))[0]
    (g_slopes, of_fake), fake_logits = through_both(generator, discriminator, noise, sigmoid)
    loss = np.mean(softplus(-real_logits)) + np.mean(softplus(fake_logits))
    return (g_slopes, added(of_real, of_fake)), loss


def g_gradients(generator, discriminator, noise):
    """Gradients of L_G by (generator, discriminator), and its value."""
    slopes, logits = through_both(generator, discriminator, noise, lambda logits: -sigmoid(-logits))
    return slopes, np.mean(softplus(-logits))


def added(a, b, scale=1.0):
    return [(W + scale * V, w + scale * v) for (W, w), (V, v) in zip(a, b, strict=True)]


def stepped(layers, slopes, rate):
    """The network after one step of plain descent."""
    return [(W - rate * V, b - rate * v, slope) for (W, b, slope), (V, v) in zip(layers, slopes, strict=True)]


def change(before, after):
    """For each weight array how far it moved at most."""
    return [np.abs(b - a).max() for x, y in zip(before, after, strict=True) for a, b in zip(x[:2], y[:2], strict=True)]


def follows(before, after, slopes, rate):
    """Whether every array moved by -rate times its gradient."""
    moved = [b - a for x, y in zip(before, after, strict=True) for a, b in zip(x[:2], y[:2], strict=True)]
    wanted = [-rate * slope for pair in slopes for slope in pair]
    largest = max(np.abs(want).max() for want in wanted)
    # float32 weights of order 1 and steps of order 0.1: the rounding is below 1e-5 of the largest step.
    return all(np.allclose(m, w, rtol=1e-2, atol=2e-3 * largest + 1e-6) for m, w in zip(moved, wanted, strict=True))


def explain_discriminator(student, networks, moved, real, noise, d_rate, g_rate):
    """Raises `Wrong` where a usual slip explains how the discriminator moved."""
    (generator, before), (_, after) = networks, moved
    slopes, _ = d_gradients(generator, before, real, noise)
    of_g = g_gradients(generator, before, noise)[0][1]
    fail_if(not any(change(before, after)), "discriminator-still")
    fake_only = through_both(generator, before, noise, sigmoid)[0][1]
    real_only = added(slopes[1], fake_only, -1)
    for code, direction, rate, message in (
        ("uphill", slopes[1], -d_rate, "The discriminator moves uphill: give `apply` the gradient as it is."),
        ("optimizers-swapped", slopes[1], g_rate, "The discriminator is moved by `g_optimizer`; it has its own."),
        ("halved", slopes[1], d_rate / 2, "The discriminator's step is half as long: L_D is the sum of both halves."),
        ("half-the-loss", real_only, d_rate, "The discriminator learns from real points only; add the made ones."),
        ("half-the-loss", fake_only, d_rate, "The discriminator learns from made points only; add the real ones."),
        ("wrong-loss", of_g, d_rate, "The discriminator goes down the generator's loss: it learns to be fooled."),
        (
            "not-averaged",
            slopes[1],
            d_rate * len(real),
            "The discriminator's loss is a sum over the batch; average it.",
        ),
    ):
        if follows(before, after, direction, rate):
            raise Wrong(code, message)
    d = before
    for times in (1, 2, 3, 4, 5):
        d = stepped(d, d_gradients(generator, d, real, noise)[0][1], d_rate)
        fail_if(times > 1 and ends_at(before, after, d), "discriminator-steps-twice", times=times)
    swapped = added(through_both(generator, before, noise, lambda b: -sigmoid(-b))[0][1], real_side(before, real))
    fail_if(follows(before, after, swapped, d_rate), "labels-swapped")
    first = stepped(before, slopes[1], d_rate)
    for rate in (d_rate, g_rate):
        extra = added(slopes[1], g_gradients(moved[0], first, noise)[0][1], rate / d_rate)
        later = added(slopes[1], g_gradients(generator, first, noise)[0][1], rate / d_rate)
        if any(follows(before, after, total, d_rate) for total in (extra, later)):
            raise Wrong("explain-discriminator.discriminator-moves-twice")
    still = one_step(student, 0.0, g_rate, real, noise)
    fail_if(max(change(still[0][1], still[1][1])) > 1e-7, "discriminator-moves-twice")


def ends_at(before, after, wanted):
    """Whether a network went from `before` to `wanted`."""
    way = [(a[0] - b[0], a[1] - b[1]) for b, a in zip(wanted, before, strict=True)]
    return follows(before, after, way, 1.0)


def real_side(discriminator, real):
    """Gradients of mean log(1 + exp(logit)) over the real points: they are learned as made ones."""
    inputs, logits = forward(discriminator, np.asarray(real, dtype=float))
    return backward(discriminator, inputs, sigmoid(logits) / len(real))[0]


def explain_generator(student, networks, moved, real, noise, d_rate, g_rate):
    """Raises `Wrong` where a usual slip explains how the generator moved."""
    (before, discriminator), (after, d_after) = networks, moved
    fail_if(not any(change(before, after)), "generator-still")
    early = d_gradients(before, discriminator, real, noise)[0][0]
    caught = stepped(before, early, g_rate)
    for d in (d_after, discriminator):
        slopes = g_gradients(before, d, noise)[0][0]
        for code, direction, rate, message in (
            ("uphill", slopes, -g_rate, "The generator moves uphill: give `apply` the gradient as it is."),
            ("optimizers-swapped", slopes, d_rate, "The generator is moved by `d_optimizer`; it has its own."),
            ("not-averaged", slopes, g_rate * len(noise), "The generator's loss is a sum over the batch; average it."),
            (
                "saturating",
                through_both(before, d, noise, sigmoid)[0][0],
                -g_rate,
                "The generator minimises log(1 - σ). Its goal is right and its slope vanishes; use -log σ, softplus(-b).",
            ),
            (
                "labels-swapped",
                through_both(before, d, noise, sigmoid)[0][0],
                g_rate,
                "The generator learns to be caught: its loss is softplus(-b), with b the logits of its points.",
            ),
            (
                "generator-moves-twice",
                added(g_gradients(caught, d, noise)[0][0], early),
                g_rate,
                "The generator moves in the discriminator's half too. There only `discriminator.trainable_variables` move.",
            ),
        ):
            if follows(before, after, direction, rate):
                raise Wrong(code, message)
    for d in (d_after, discriminator):
        g = before
        for times in (1, 2, 3, 4, 5):
            g = stepped(g, g_gradients(g, d, noise)[0][0], g_rate)
            fail_if(times > 1 and ends_at(before, after, g), "generator-steps-twice", times=times)
    still = one_step(student, d_rate, 0.0, real, noise)
    fail_if(max(change(still[0][0], still[1][0])) > 1e-7, "generator-moves-twice")
    (generator, discriminator), (after, _), _ = one_step(student, 0.0, g_rate, real, noise)
    fail_if(not follows(generator, after, g_gradients(generator, discriminator, noise)[0][0], g_rate), "own-noise")


# --- 07.3

ANGLES = np.arange(8) * np.pi / 4
CENTRES = 2 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
RADIUS = 0.3


def shares(points):
    """For each mode the share of the points within three standard deviations of its centre."""
    return np.mean(np.linalg.norm(points[:, None] - CENTRES, axis=2) < RADIUS, axis=0)


def ring_points(rng, counts, between=0):
    """Points of the ring with a number for each mode, and some in the middle."""
    chosen = np.repeat(np.arange(8), counts)
    angle, length = rng.uniform(0, 2 * np.pi, len(chosen)), rng.uniform(0, 0.25, len(chosen))
    spots = CENTRES[chosen] + np.stack([length * np.cos(angle), length * np.sin(angle)], axis=1)
    return rng.permutation(np.concatenate([spots, rng.uniform(-0.8, 0.8, size=(between, 2))]))


@exercise("07.3")
def modes(student, rng):
    """The count on made-up points; then the student's generator, sampled afresh and counted here."""
    yield counting(student, rng)
    fail_if(student.describe("mended")["family"] == "function", "not-a-network")
    noise = rng.normal(size=(4000, 8)).astype("float32")
    points = predictions(student, "mended", noise)
    if points.shape[1] != 2:
        raise Wrong("wrong-shape", shape=points.shape[1])
    if points.std(axis=0).max() < 1e-3:
        raise Wrong("constant", points=points[0, 0], points_2=points[0, 1])
    if isinstance(student.config("mended"), dict):  # of a subclassed one the layers alone do not tell
        same_as_replay(student, "mended", noise[:50])
    share = shares(points)
    reached, on_modes = int(np.sum(share >= 0.01)), share.sum()
    fail_if(reached == 0 and np.linalg.norm(points, axis=1).mean() < 1.2, "not-trained")
    if reached < 8:
        missed = ", ".join(f"({x:.1f}, {y:.1f})" for x, y in CENTRES[share < 0.01][:3])
        missed += " and others" if reached < 5 else ""
        raise Wrong("mode-collapse", reached=reached, on_modes=on_modes, missed=missed)
    yield Finding("modes", True, f"8 of 8 modes; the rarest holds {share.min():.1%} of the points.", points=1)
    advice = "Train for longer, or lower the rates at the end."
    yield check_limit("07.3", "on_modes", on_modes, "{} of the points lie on a mode", advice)


def counting(student, rng):
    """The finding that `count_modes` counts, with usual slips by name."""
    sets = (
        ring_points(rng, [100] * 8),
        ring_points(rng, [300, 0, 0, 40, 0, 0, 0, 200]),
        ring_points(rng, [200, 5, 30, 200, 3, 200, 100, 200], between=62),
        ring_points(rng, [0, 0, 10, 0, 0, 0, 0, 0], between=300),
        # At distances of 0.2 (in), and of 0.35 straight and across (out).
        np.concatenate(
            [CENTRES[:3] + offset for offset in ([0.2, 0], [0, -0.2])] * 10
            + [CENTRES[5:6] + [0.35, 0], CENTRES[6:7] + [0.25, 0.25]] * 30
        ),
        # 1 of 150 is less than 1 %, 2 of 200 are just 1 %, and 3 of 400 are enough among those on a spot alone.
        ring_points(rng, [149, 1, 0, 0, 0, 0, 0, 0]),
        ring_points(rng, [100, 2, 1, 0, 97, 0, 0, 0]),
        ring_points(rng, [60, 3, 40, 0, 0, 3, 0, 0], between=294),
        ring_points(rng, [30, 20, 0, 0, 0, 0, 0, 0]),
        CENTRES[2:3],
    )
    wanted = [int(np.sum(shares(points) >= 0.01)) for points in sets]
    given = [as_number(student.call("count_modes", points), "What `count_modes` returns") for points in sets]
    nearest = [np.linalg.norm(points[:, None] - CENTRES, axis=2).argmin(axis=1) for points in sets]
    rules = {
        "counts-single-points": [int(np.sum(shares(points) > 0)) for points in sets],
        "no-distance": [int(np.sum(np.bincount(near, minlength=8) >= 0.01 * len(near))) for near in nearest],
        "no-distance-either": [len(np.unique(near)) for near in nearest],
        "counts-points": [np.sum(shares(points) * len(points)) for points in sets],
        "share-of-near": [int(np.sum(shares(points) >= 0.01 * max(shares(points).sum(), 1e-9))) for points in sets],
        "rounded-down": [int(np.sum(shares(points) * len(points) >= len(points) // 100)) for points in sets],
        "more-than": [int(np.sum(shares(points) > 0.01)) for points in sets],
        "counts-missing": [8 - want for want in wanted],
    }
    if given != wanted:
        for code, (values, message) in rules.items():
            if np.allclose(given, values):
                raise Wrong(code.removesuffix("-either"), f"`count_modes`: {message}")
    i = next((i for i in range(len(sets)) if given[i] != wanted[i]), None)
    message = "`count_modes` counts right on ten made-up clouds."
    if i is not None:
        way = "many" if given[i] > wanted[i] else "few"
        message = (
            f"`count_modes` counts too {way}: {given[i]:g} for one of ten made-up clouds, of {len(sets[i])} points. A mode "
            "counts where at least 1% of all points (a share of 0.01) are within 0.3 of its centre."
        )
    return Finding("count-modes", i is None, message, points=1)


# --- 07.4


@cache
def reader():
    """The shipped network of notebook 04."""
    import keras

    from coursekit.data import path

    return keras.models.load_model(path("mnist_cnn.keras"))


def read(images):
    """Ten probabilities for each picture, shape (n, 10)."""
    images = np.asarray(images, dtype="float32").reshape(-1, 28, 28, 1)
    return np.concatenate([np.asarray(reader()(images[i : i + 500])) for i in range(0, len(images), 500)]).astype(float)


def confidence_and_entropy(p):
    q = p.mean(axis=0)
    return p.max(axis=1).mean(), -np.sum(q * np.log(q + 1e-12))


@exercise("07.4")
def digits(student, rng):
    """The two numbers on real digits; then the student's generator, sampled afresh and read by the shipped network."""
    yield judging(student, rng)
    fail_if(student.describe("digit_generator")["family"] == "function", "not-a-network")
    images = predictions(student, "digit_generator", rng.normal(size=(1000, 12)).astype("float32"))
    if images.shape[1] != 784:
        raise Wrong("wrong-shape", shape=images.shape[1])
    confidence, entropy = confidence_and_entropy(read(images))
    fail_if(images.std(axis=0).max() < 0.02, "constant")
    limits = threshold("07.4", "confidence"), threshold("07.4", "entropy")
    good = confidence >= limits[0] and entropy >= limits[1]
    if not good and (images.min() < -0.2 or images.max() > 1.2):
        raise Wrong("wrong-range", min=images.min(), max=images.max())
    if not good and entropy < 1.0 and 0.03 < images.mean() < 0.3:
        raise Wrong("mode-collapse", entropy=entropy, exp=np.exp(entropy))
    passed = confidence >= limits[0]
    message = (
        f"The mean confidence of the reader is {confidence:.2f}; {limits[0]:.2f} {'was' if passed else 'is'} asked for."
    )
    if not passed:
        message += " The pictures are not digits yet: was the generator trained for all steps?"
    yield Finding("confidence", passed, message, points=1, seen={"confidence": confidence})
    passed = entropy >= limits[1]
    message = f"The entropy over the classes is {entropy:.2f}; {limits[1]:.2f} {'was' if passed else 'is'} asked for."
    if not passed:
        message += " Some digits are missing."
    yield Finding("entropy", passed, message, points=1, seen={"entropy": entropy})


def judging(student, rng):
    """The finding that `judge` gives the two numbers, with usual slips by name."""
    from coursekit.data import load_mnist

    images, labels = load_mnist()[1]
    first, second = rng.permutation(np.flatnonzero(np.isin(labels, [1, 4, 7, 9])))[:300].reshape(2, 150)
    images = images[..., None].astype("float32") / 255
    images = 0.6 * images[first] + 0.4 * images[second]  # the reader is in doubt, so that each slip shows
    p = read(images)
    want = confidence_and_entropy(p)
    given = as_array(student.call("judge", images), "What `judge` returns").ravel()
    fail_if(given.size != 2, "judging.wrong-shape", size=given.size)
    each = -np.mean(np.sum(p * np.log(p + 1e-12), axis=1))
    q = p.mean(axis=0)
    close = {"rtol": 0.01, "atol": 0.005}
    right = np.allclose(given, want, **close)
    slips = {
        "order": want[::-1],
        "entropy-of-each": (want[0], each),
        "bits": (want[0], want[1] / np.log(2)),
        "log10": (want[0], want[1] / np.log(10)),
        "exponential": (want[0], np.exp(want[1])),
        "no-logarithm": (want[0], np.sum(q * q)),
        "entropy-averaged": (want[0], want[1] / 10),
        "share-of-sure": (np.mean(p.max(axis=1) > 0.5), want[1]),
        "least-sure": (p.max(axis=1).min(), want[1]),
        "most-sure": (p.max(), want[1]),
        "of-the-labels": (want[0], entropy_of_labels(p)),
        "wrong-sign": (want[0], -want[1]),
        "mean-of-all": (p.mean(), want[1]),
        "confidence-of-mean": (p.mean(axis=0).max(), want[1]),
    }
    if not right:
        for code, (values, message) in slips.items():
            if np.allclose(given, values, **close):
                raise Wrong(code, message)
    message = f"`judge` gives {given[0]:.2f} and {given[1]:.2f}"
    message += " for some blended digits: right."
    if not right:
        names = ("the confidence", "the entropy")
        off = [name for name, g, w in zip(names, given, want, strict=True) if not np.isclose(g, w, **close)]
        said = [describe_relation([g], [w], {"the number of pictures": len(p)}, rtol=0.005)
                for g, w in zip(given, want, strict=True) if not np.isclose(g, w, **close)]  # fmt: skip
        parts = [f"{name} {text}" if text else f"{name} is not that" for name, text in zip(off, said, strict=True)]
        message = f"For some blended digits {' and '.join(parts)} of the reader's probabilities, shape (n, 10)."
    return Finding("judge", right, message, points=1)


def entropy_of_labels(p):
    """The entropy of the most probable classes."""
    share = np.bincount(p.argmax(axis=1), minlength=10) / len(p)
    return -np.sum(share * np.log(share + 1e-12))


# --- 07.5

ENERGIES = (2.0, 5.0, 9.0)


@cache
def full_showers():
    """Showers of the full simulation, 150 for each of three energies, from a seed of the check's own."""
    from coursekit.data import simulate_shower

    rng = random.Random(75)
    return {energy: np.stack([simulate_shower(energy, rng) for _ in range(150)]) for energy in ENERGIES}


@cache
def seconds_a_shower():
    """What one shower of the full simulation takes on this machine, over energies of 1 to 10 GeV."""
    from coursekit.data import make_showers

    start = time.perf_counter()
    make_showers(60, seed=5)
    return (time.perf_counter() - start) / 60


@exercise("07.5")
def fast_simulation(student, rng):
    """The generator, sampled afresh at three energies, against showers that the check simulates in full."""
    fail_if(student.describe("shower_generator")["family"] == "function", "not-a-network")
    samples = {}
    for energy in ENERGIES:
        z = np.column_stack([rng.normal(size=(1000, 8)), np.full(1000, energy / 10)]).astype("float32")
        made = predictions(student, "shower_generator", z)
        if made.shape[1] != 13:
            raise Wrong("wrong-shape", shape=made.shape[1])
        samples[energy] = made
    passes = all(np.allclose(made[:, -1], energy / 10, atol=1e-4) for energy, made in samples.items())
    if not passes:
        raise Wrong("energy-lost", samples=samples[5.0][0, -1], value=0.5)
    yield Finding("energy", True, "The energy is handed on.", points=0.5)
    fast = {energy: made[:, :12] / 12 * energy for energy, made in samples.items()}
    full = full_showers()
    profile = max(apart(fast[e], full[e]) for e in ENERGIES)
    total = max(abs(fast[e].sum(axis=1).mean() / full[e].sum(axis=1).mean() - 1) for e in ENERGIES)
    ratios = [fast[e].sum(axis=1).std() / full[e].sum(axis=1).std() for e in ENERGIES]
    spread = min(min(ratio, 1 / max(ratio, 1e-9)) for ratio in ratios)
    limits = {name: threshold("07.5", name) for name in ("profile", "total", "spread")}
    if not (profile <= limits["profile"] and total <= limits["total"] and spread >= limits["spread"]):
        explain_showers(fast, full, samples, profile)
    for name, value, what, advice in (
        ("profile", profile, "The mean profiles differ", "Train for all steps; compare the profiles energy by energy."),
        ("total", total, "The mean total energies differ", "Are the shares scaled as the text says?"),
    ):
        passed = value <= limits[name]
        message = f"{what} by at most {value:.1%}; {limits[name]:.1%} {'was' if passed else 'is'} allowed."
        yield Finding(name, passed, message if passed else f"{message} {advice}", points=1, seen={name: value})
    passed = spread >= limits["spread"]
    worst = max(ratios, key=lambda ratio: abs(np.log(max(ratio, 1e-9))))
    message = f"The total energies spread {worst:.2f} times as widely as those of the full simulation, at worst."
    if not passed:
        message += " Showers of one energy differ from each other: does the generator use its noise?"
    yield Finding("spread", passed, message, points=0.5, seen={"spread": spread})
    yield faster(student, rng)


def apart(fast, full):
    """How much two mean profiles differ: the absolute differences of the layers, as a share of the total."""
    return np.abs(fast.mean(axis=0) - full.mean(axis=0)).sum() / full.mean(axis=0).sum()


def explain_showers(fast, full, samples, profile):
    """Raises `Wrong` where a known cause explains wrong showers."""
    spreads = [made[:, :12].std(axis=0).max() for made in samples.values()]
    if max(spreads) < 1e-3:
        fail_if(np.allclose(samples[2.0][0, :12], samples[9.0][0, :12], atol=1e-3), "constant")
        raise Wrong("no-noise")
    fail_if(min(made[:, :12].min() for made in samples.values()) < -0.2, "negative")
    for factor, said in ((12.0, "12 times too small"), (1 / 12, "12 times too large")):
        fail_if(max(apart(fast[e] * factor, full[e]) for e in ENERGIES) < 0.2, "explain-showers.wrong-scale", said=said)
    fail_if(all(apart(made[:, :12], full[e]) < 0.2 for e, made in samples.items()), "wrong-scale")
    low, high = (np.mean(samples[e][:, :12], axis=0) for e in (2.0, 9.0))
    want = apart(full[2.0] / 2.0, full[9.0] / 9.0)
    fail_if(np.abs(low - high).sum() / max(high.sum(), 1e-9) < want / 3 and profile < 0.6, "ignores-energy")
    fail_if(profile > 0.6, "not-trained", profile=profile)


def faster(student, rng):
    """The finding about the measured speed-up: against the times that the check takes itself."""
    given = as_number(student.value("speed_up"), "`speed_up`")
    z = np.column_stack([rng.normal(size=(1000, 8)), rng.uniform(0.1, 1, 1000)]).astype("float32")
    times = []
    for _ in range(3):
        start = time.perf_counter()
        student.predict("shower_generator", z)
        times.append(time.perf_counter() - start)
    measured = seconds_a_shower() * 1000 / min(times)
    fail_if(0 < given < 1, "inverted", given=given)
    # Clocks on a busy machine and ways of calling Keras differ widely: only the order of size is asked for.
    passed = measured / 300 <= given <= 30 * measured and given > 1
    message = f"`speed_up` is {given:,.0f}; the check's own clock says {measured:,.0f}."
    if not passed:
        message += " Time 1,000 showers both ways, the generator in one call, and leave out its first call."
    return Finding("speed-up", passed, message, points=1)
