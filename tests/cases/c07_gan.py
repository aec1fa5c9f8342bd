"""Cases of notebook 07. No GAN is trained here: generators get their weights by hand."""

import random
from functools import cache

import numpy as np

from tests.cases import right, wrong


def softplus(a):
    return np.logaddexp(0, a)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


# --- 07.1


def by_hand(**changed):
    answer = {
        "d_loss": lambda a, b: np.mean(softplus(-a)) + np.mean(softplus(b)),
        "g_loss": lambda b: np.mean(softplus(-b)),
        "d_step": lambda theta, psi, rate: (theta, psi - rate * theta * sigmoid(psi * theta)),
        "g_step": lambda theta, psi, rate: (theta + rate * psi * sigmoid(-psi * theta), psi),
    }
    return {**answer, **changed}


def loop_d_loss(real_logits, fake_logits):
    def one(a):  # log(1 + exp(a)), safe
        return max(a, 0.0) + float(np.log1p(np.exp(-abs(a))))

    real = [one(-float(a)) for a in real_logits]
    return sum(real) / len(real) + sum(one(float(b)) for b in fake_logits) / len(fake_logits)


def tensorflow_losses():
    import tensorflow as tf

    def d_loss(real, fake):
        return tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))

    return by_hand(d_loss=d_loss, g_loss=lambda fake: tf.reduce_mean(tf.nn.softplus(-fake)))


def keras_losses():
    import keras

    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    return by_hand(
        d_loss=lambda a, b: entropy(np.ones(len(a)), a) + entropy(np.zeros(len(b)), b),
        g_loss=lambda b: entropy(np.ones(len(b)), b),
    )


def steps_by_differences():
    def d_step(theta, psi, rate, h=1e-6):
        return [theta, psi - rate * (softplus((psi + h) * theta) - softplus((psi - h) * theta)) / (2 * h)]

    def g_step(theta, psi, rate, h=1e-6):
        slope = (softplus(-psi * (theta + h)) - softplus(-psi * (theta - h))) / (2 * h)
        return np.array([theta - rate * slope, psi])

    return by_hand(d_step=d_step, g_step=g_step)


for name, build in {
    "logaddexp": by_hand,
    "a loop, safe by cases": lambda: by_hand(d_loss=loop_d_loss),
    "TensorFlow": tensorflow_losses,
    "Keras's binary cross-entropy": keras_losses,
    "steps by finite differences, lists and arrays": steps_by_differences,
    "arrays of one number": lambda: by_hand(
        d_loss=lambda a, b: np.atleast_1d(softplus(-a).mean() + softplus(b).mean()),
        g_loss=lambda b: np.float32(softplus(-b).mean()),
    ),
}.items():
    right("07.1", name)(build)

for name, code, changed in (
    ("labels exchanged", "labels-swapped", {"d_loss": lambda a, b: softplus(a).mean() + softplus(-b).mean()}),
    ("sums", "not-averaged", {"d_loss": lambda a, b: softplus(-a).sum() + softplus(b).sum()}),
    ("halved", "halved", {"d_loss": lambda a, b: (softplus(-a).mean() + softplus(b).mean()) / 2}),
    ("one mean", "one-mean", {"d_loss": lambda a, b: np.concatenate([softplus(-a), softplus(b)]).mean()}),
    ("twice one mean", "twice-one-mean", {"d_loss": lambda a, b: 2 * np.concatenate([softplus(-a), softplus(b)]).mean()}),
    ("real only", "half-the-loss", {"d_loss": lambda a, b: softplus(-a).mean()}),
    ("made only", "made-half-alone", {"d_loss": lambda a, b: softplus(b).mean()}),
    ("all taken for real", "all-real", {"d_loss": lambda a, b: softplus(-a).mean() + softplus(-b).mean()}),
    ("all taken for made", "all-made", {"d_loss": lambda a, b: softplus(a).mean() + softplus(b).mean()}),
    ("one half subtracted", "difference", {"d_loss": lambda a, b: softplus(-a).mean() - softplus(b).mean()}),
    ("probabilities added", "no-logarithm", {"d_loss": lambda a, b: 1 - sigmoid(a).mean() + sigmoid(b).mean()}),
    ("probabilities averaged", "no-logarithm", {"g_loss": lambda b: 1 - sigmoid(b).mean()}),
    ("logarithm of the mean", "log-of-mean", {"g_loss": lambda b: -np.log(sigmoid(b).mean())}),
    ("its own weight for the other", "own-weight", {"d_step": lambda t, p, r: (t, p - r * p * sigmoid(p * t))}),
    ("its own weight, by the generator", "own-weight", {"g_step": lambda t, p, r: (t + r * t * sigmoid(-p * t), p)}),
    ("no sigmoid", "no-sigmoid", {"d_step": lambda t, p, r: (t, p - r * t)}),
    ("no sigmoid, by the generator", "no-sigmoid", {"g_step": lambda t, p, r: (t + r * p, p)}),
    ("the slope of the sigmoid", "sigmoid-slope", {"d_step": lambda t, p, r: (t, p - r * t * sigmoid(p * t) * sigmoid(-p * t))}),
    ("the gradient of real points", "sigmoid-turned", {"d_step": lambda t, p, r: (t, p - r * t * sigmoid(-p * t))}),
    ("log(1 - σ) by the generator", "saturating", {"g_step": lambda t, p, r: (t + r * p * sigmoid(p * t), p)}),
    ("no minus", "wrong-sign", {"d_loss": lambda a, b: -softplus(-a).mean() - softplus(b).mean()}),
    ("not reduced", "wrong-shape", {"g_loss": lambda b: softplus(-b)}),
    ("saturating", "saturating", {"g_loss": lambda b: np.mean(np.log(1 - sigmoid(b)))}),
    ("generator wants to be caught", "labels-swapped", {"g_loss": lambda b: softplus(b).mean()}),
    ("logarithm of a sigmoid", "unstable", {"g_loss": lambda b: -np.mean(np.log(sigmoid(b)))}),
    ("exponential overflows", "unstable", {"d_loss": lambda a, b: np.mean(np.log(1 + np.exp(-a))) + softplus(b).mean()}),
    ("clipped", "clipped", {"g_loss": lambda b: -np.mean(np.log(sigmoid(np.clip(b, -20, 20))))}),
    ("logits taken for probabilities", "not-finite|g-loss", {"g_loss": lambda b: -np.mean(np.log(np.abs(b)))}),
    ("uphill", "uphill", {"d_step": lambda t, p, r: (t, p + r * t * sigmoid(p * t))}),
    ("both move", "wrong-weight-moves", {"d_step": lambda t, p, r: (t + r * p * sigmoid(-p * t), p - r * t * sigmoid(p * t))}),
    ("order", "order", {"d_step": lambda t, p, r: (p - r * t * sigmoid(p * t), t)}),
    ("a rate of its own", "fixed-rate", {"d_step": lambda t, p, r: (t, p - 0.1 * t * sigmoid(p * t))}),
    ("a rate of its own, by the generator", "fixed-rate", {"g_step": lambda t, p, r: (t + 0.2 * p * sigmoid(-p * t), p)}),
    ("no rate", "no-rate", {"d_step": lambda t, p, r: (t, p - t * sigmoid(p * t))}),
    ("generator goes down L_D", "wrong-loss", {"g_step": lambda t, p, r: (t - r * p * sigmoid(p * t), p)}),
    ("one number", "wrong-shape", {"g_step": lambda t, p, r: t + r * p * sigmoid(-p * t)}),
    ("nothing moves", "nothing-moves", {"g_step": lambda t, p, r: (t, p)}),
    ("one draw right alone", "d-step", {"d_step": lambda t, p, r: (t, p - r * abs(t) * sigmoid(p * t))}),
    ("doubled", "g-step", {"g_step": lambda t, p, r: (t + 2 * r * p * sigmoid(-p * t), p)}),
    ("inside forgotten by the generator", "no-inner-derivative", {"g_step": lambda t, p, r: (t + r * sigmoid(-p * t), p)}),
    ("squares", "d-loss", {"d_loss": lambda a, b: np.mean(softplus(-a) ** 2) + np.mean(softplus(b) ** 2)}),
    ("derivative of the inside forgotten", "no-inner-derivative", {"d_step": lambda t, p, r: (t, p - r * sigmoid(p * t))}),
):  # fmt: skip

    @wrong("07.1", code, name)
    def _(changed=changed):
        return by_hand(**changed)


# --- 07.2


def build_gan(d_rate, g_rate, steps=5000, kind="adam"):
    """As in the notebook."""
    import keras
    from keras import layers

    def mlp(n_inputs, n_outputs):
        hidden = [layers.Dense(64, activation="leaky_relu") for _ in range(2)]
        return keras.Sequential([keras.Input((n_inputs,)), *hidden, layers.Dense(n_outputs)])

    def optimizer_for(network, rate):
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
        made = keras.optimizers.SGD(rate) if kind == "sgd" else keras.optimizers.Adam(rate, beta_1=0.5)
        made.build(network.trainable_variables)
        return made

    generator, discriminator = mlp(8, 2), mlp(2, 1)
    return generator, discriminator, optimizer_for(generator, g_rate), optimizer_for(discriminator, d_rate)


def step(slip=None):
    """The training step in its plainest form, or with a usual slip."""
    import tensorflow as tf

    mean = tf.reduce_sum if slip == "sum" else tf.reduce_mean

    def soft(a):
        return mean(tf.nn.softplus(a))

    def train_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
        if slip == "own optimizers":
            import keras

            g_optimizer, d_optimizer = keras.optimizers.SGD(0.3), keras.optimizers.SGD(0.5)
        if slip == "own noise":
            noise = tf.random.normal(noise.shape)
        if slip == "optimizers":
            g_optimizer, d_optimizer = d_optimizer, g_optimizer
        with tf.GradientTape() as tape:
            a, b = discriminator(real), discriminator(generator(noise))
            loss_d = soft(-a) + soft(b)
            loss_d = {
                "halved": loss_d / 2,
                "real only": soft(-a),
                "fake only": soft(b),
                "labels": soft(a) + soft(-b),
                "uphill": -loss_d,
                "fooled": soft(-b),
                "one sign": soft(-a) - soft(b),
                "least squares in the first half": mean((a - 1) ** 2) + mean(b**2),
            }.get(slip, loss_d)
        weights = discriminator.trainable_variables
        if slip == "first half moves both":
            mine = generator.trainable_variables
            gradients = tape.gradient(loss_d, weights + mine)
            d_optimizer.apply(gradients[: len(weights)], weights)
            g_optimizer.apply(gradients[len(weights) :], mine)
        elif slip != "no discriminator":
            d_optimizer.apply(tape.gradient(loss_d, weights), weights)
        if slip == "discriminator twice":
            with tf.GradientTape() as tape:
                again = soft(-discriminator(real)) + soft(discriminator(generator(noise)))
            d_optimizer.apply(tape.gradient(again, weights), weights)
        if slip == "new noise for the generator":
            noise = tf.random.normal(noise.shape)
        with tf.GradientTape() as tape:
            b = discriminator(generator(noise))
            loss_g = {"saturating": -soft(b), "caught": soft(b)}.get(slip, soft(-b))
            if slip == "least squares":
                loss_g = mean((b - 1) ** 2)
        weights = generator.trainable_variables
        if slip == "second half moves both":
            mine = discriminator.trainable_variables
            gradients = tape.gradient(loss_g, weights + mine)
            g_optimizer.apply(gradients[: len(weights)], weights)
            d_optimizer.apply(gradients[len(weights) :], mine)
        elif slip not in ("no generator", "nothing"):
            g_optimizer.apply(tape.gradient(loss_g, weights), weights)
        if slip == "generator twice":
            with tf.GradientTape() as tape:
                again = soft(-discriminator(generator(noise)))
            g_optimizer.apply(tape.gradient(again, weights), weights)
        return {
            "no losses": None,
            "twice L_G": (loss_d, 2 * loss_g),
            "order": (loss_g, loss_d),
            "zeros": (0.0, 0.0),
            "a list": [loss_d, loss_g],
        }.get(slip, (loss_d, loss_g))

    return train_step


def step_as_graph():
    import tensorflow as tf

    return tf.function(step())


def step_with_keras_losses(d_logits=True, g_logits=True):
    import keras
    import tensorflow as tf

    entropy = keras.losses.BinaryCrossentropy(from_logits=d_logits)
    g_entropy = keras.losses.BinaryCrossentropy(from_logits=g_logits)

    def train_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
        fake = generator(noise, training=True)
        ones, zeros = tf.ones((len(real), 1)), tf.zeros((len(real), 1))
        with tf.GradientTape() as tape:
            loss_d = entropy(ones, discriminator(real, training=True)) + entropy(zeros, discriminator(fake))
        gradients = tape.gradient(loss_d, discriminator.trainable_weights)
        d_optimizer.apply_gradients(zip(gradients, discriminator.trainable_weights))
        with tf.GradientTape() as tape:
            loss_g = g_entropy(ones, discriminator(generator(noise, training=True), training=True))
        gradients = tape.gradient(loss_g, generator.trainable_weights)
        g_optimizer.apply_gradients(zip(gradients, generator.trainable_weights))
        return [loss_d, loss_g]

    return train_step


def step_at_once():
    """Both gradients from one persistent tape, before either network moves."""
    import tensorflow as tf

    def train_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
        with tf.GradientTape(persistent=True) as tape:
            logits = discriminator(tf.concat([real, generator(noise)], axis=0))
            a, b = tf.split(logits, 2)
            loss_d = tf.reduce_mean(tf.math.softplus(-a)) + tf.reduce_mean(tf.math.softplus(b))
            loss_g = tf.reduce_mean(-tf.math.log_sigmoid(b))
        d_slopes = tape.gradient(loss_d, discriminator.trainable_variables)
        g_slopes = tape.gradient(loss_g, generator.trainable_variables)
        d_optimizer.apply(d_slopes, discriminator.trainable_variables)
        g_optimizer.apply(g_slopes, generator.trainable_variables)
        return loss_d, loss_g

    return train_step


def step_generator_first():
    """Both halves right, in the other order."""
    import tensorflow as tf

    def train_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
        with tf.GradientTape() as tape:
            loss_g = tf.reduce_mean(tf.nn.softplus(-discriminator(generator(noise))))
        weights = generator.trainable_variables
        g_optimizer.apply(tape.gradient(loss_g, weights), weights)
        with tf.GradientTape() as tape:
            a, b = discriminator(real), discriminator(generator(noise))
            loss_d = tf.reduce_mean(tf.nn.softplus(-a)) + tf.reduce_mean(tf.nn.softplus(b))
        weights = discriminator.trainable_variables
        d_optimizer.apply(tape.gradient(loss_d, weights), weights)
        return loss_d, loss_g

    return train_step


def step_with_numbers(number_of):
    inner = step()
    return lambda *given: tuple(number_of(loss) for loss in inner(*given))


def step_with_numpy_losses():
    """The losses of 07.1 inside the tape."""
    import tensorflow as tf

    losses = by_hand()

    def train_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
        with tf.GradientTape() as tape:
            loss_d = losses["d_loss"](discriminator(real), discriminator(generator(noise)))
        weights = discriminator.trainable_variables
        d_optimizer.apply(tape.gradient(loss_d, weights), weights)
        return loss_d, losses["g_loss"](discriminator(generator(noise)))

    return train_step


for name, make in {
    "plain": step,
    "a tf.function": step_as_graph,
    "Keras losses, apply_gradients": step_with_keras_losses,
    "one persistent tape": step_at_once,
    "a list": lambda: step("a list"),
}.items():

    @right("07.2", name)
    def _(make=make):
        return {"train_step": make(), "build_gan": build_gan}


for slip, code in {
    "halved": "halved",
    "real only": "half-the-loss",
    "fake only": "half-the-loss",
    "labels": "labels-swapped",
    "uphill": "uphill",
    "fooled": "wrong-loss",
    "sum": "not-averaged",
    "optimizers": "wrong-optimizer",
    "no discriminator": "discriminator-still",
    "no generator": "generator-still",
    "first half moves both": "generator-moves-twice",
    "second half moves both": "discriminator-moves-twice",
    "saturating": "saturating",
    "caught": "labels-swapped",
    "own noise": "own-noise",
    "new noise for the generator": "own-noise",
    "least squares": "generator-half",
    "least squares in the first half": "discriminator-half",
    "one sign": "discriminator-half",
    "discriminator twice": "discriminator-steps-twice",
    "own optimizers": "own-optimizers",
    "generator twice": "generator-steps-twice",
    "twice L_G": "losses",
    "no losses": "no-losses",
    "order": "losses-swapped",
    "zeros": "losses",
}.items():

    @wrong("07.2", code, slip)
    def _(slip=slip):
        return {"train_step": step(slip), "build_gan": build_gan}


for name, code, make in (
    ("probabilities in both halves", "not-from-logits", lambda: step_with_keras_losses(False, False)),
    ("probabilities in the first half", "not-from-logits", lambda: step_with_keras_losses(d_logits=False)),
    ("probabilities in the second half", "not-from-logits", lambda: step_with_keras_losses(g_logits=False)),
    ("the generator first", "generator-first", step_generator_first),
    ("floats", "numbers", lambda: step_with_numbers(float)),
    ("NumPy numbers", "numbers", lambda: step_with_numbers(lambda loss: loss.numpy())),
    ("losses in NumPy", "raises", step_with_numpy_losses),
):

    @wrong("07.2", code, name)
    def _(make=make):
        return {"train_step": make(), "build_gan": build_gan}


@wrong("07.2", "nothing-moves", "nothing")
def _():
    return {"train_step": lambda *given: (0.7, 0.7), "build_gan": build_gan}


@wrong("07.2", "discriminator-moves-twice|optimizers-swapped", "one optimiser for both")
def _():
    inner = step("second half moves both")
    return {"train_step": lambda g, d, go, do, *rest: inner(g, d, go, go, *rest), "build_gan": build_gan_unbuilt}


def build_gan_unbuilt(d_rate, g_rate, steps=5000, kind="sgd"):
    """Both optimisers know the weights of both networks."""
    import keras

    generator, discriminator, _, _ = build_gan(d_rate, g_rate, steps, kind)
    both = generator.trainable_variables + discriminator.trainable_variables
    made = [keras.optimizers.SGD(rate) for rate in (g_rate, d_rate)]
    for optimizer in made:
        optimizer.build(both)
    return generator, discriminator, *made


@wrong("07.2", "optimizers-swapped", "optimisers exchanged, each for all weights")
def _():
    return {"train_step": step("optimizers"), "build_gan": build_gan_unbuilt}


@wrong("07.2", "changed-network", "another build_gan")
def _():
    return {"train_step": step(), "build_gan": lambda *given: build_gan(*given)[:2]}


def build_gan_of_zeros(d_rate, g_rate, steps=5000, kind="sgd"):
    import keras
    from keras import layers

    zeros = {"kernel_initializer": "zeros"}
    generator = keras.Sequential([keras.Input((8,)), layers.Dense(2, **zeros)])
    discriminator = keras.Sequential([keras.Input((2,)), layers.Dense(2, **zeros), layers.Dense(1, **zeros)])
    return generator, discriminator, keras.optimizers.SGD(g_rate), keras.optimizers.SGD(d_rate)


def hardly_a_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    generator.layers[-1].bias.assign([1e-8, 0.0])
    return 2 * np.log(2), np.log(2)


@wrong("07.2", "changed-network", "networks of zeros, and hardly a step")
def _():
    return {"train_step": hardly_a_step, "build_gan": build_gan_of_zeros}


# --- 07.3

ANGLES = np.arange(8) * np.pi / 4
CENTRES = 2 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def count(points):
    apart = np.linalg.norm(np.asarray(points)[:, None] - CENTRES, axis=2)
    return int(np.sum(np.mean(apart < 0.3, axis=0) >= 0.01))


def count_loop(points):
    found = 0
    for centre in CENTRES:
        near = sum(1 for x, y in points if np.hypot(x - centre[0], y - centre[1]) < 0.3)
        found += near >= 0.01 * len(points)
    return found


def count_by_tree(points):
    from scipy.spatial import cKDTree

    near = cKDTree(CENTRES).query(points, distance_upper_bound=0.3)[1]
    return np.sum(np.bincount(near, minlength=9)[:8] / len(points) >= 0.01)


def count_in_tensorflow(points):
    import tensorflow as tf

    apart = tf.norm(tf.constant(points)[:, None] - CENTRES, axis=2)
    share = tf.reduce_mean(tf.cast(apart < 0.3, "float32"), axis=0)
    return tf.reduce_sum(tf.cast(share >= 0.01, "int32"))


def ring_weights(centres=CENTRES, blur=0.06):
    """Three coordinates of the noise choose a mode by their signs, two more blur it: weights of three layers."""
    steep = 300.0
    W1, b1 = np.zeros((8, 10)), np.zeros(10)
    for i in range(3):
        W1[i, 2 * i : 2 * i + 2], b1[2 * i + 1] = steep, -1.0
    for j, (row, sign) in enumerate(((3, 1), (3, -1), (4, 1), (4, -1))):
        W1[row, 6 + j] = sign
    W2, b2, W3 = np.zeros((10, 12)), np.zeros(12), np.zeros((12, 2))
    for mode in range(8):
        bits = [(mode >> i) & 1 for i in range(3)]
        for i, bit in enumerate(bits):
            W2[2 * i : 2 * i + 2, mode] = (1, -1) if bit else (-1, 1)
        b2[mode] = 3 - sum(bits) - 2
    W2[6:, 8:] = np.eye(4)
    W3[:8] = centres
    W3[8:, 0], W3[8:, 1] = (blur, -blur, 0, 0), (0, 0, blur, -blur)
    return [W1, b1, W2, b2, W3, np.zeros(2)]


@cache
def ring_generator(style="sequential", reached=8, blur=0.06, scale=1.0):
    import keras
    from keras import layers

    centres = CENTRES[np.arange(8) % reached] * scale
    inputs = keras.Input((8,))
    if style == "functional":
        hidden = layers.Dense(12, activation="relu")(layers.Dense(10, activation="relu")(inputs))
        model = keras.Model(inputs, layers.Dense(2)(hidden))
    elif style == "activations":
        parts = [layers.Dense(10), layers.ReLU(), layers.Dense(12), layers.Activation("relu"), layers.Dense(2)]
        model = keras.Sequential([inputs, *parts])
    elif style == "subclassed":

        class Generator(keras.Model):
            def __init__(self):
                super().__init__()
                self.a, self.b = layers.Dense(10, "relu"), layers.Dense(12, "relu")
                self.c = layers.Dense(2)

            def call(self, z):
                return self.c(self.b(self.a(z)))

        model = Generator()
        model(np.zeros((1, 8), "float32"))
    else:
        last = [layers.Reshape((2,))] if style == "reshaped" else []
        model = keras.Sequential([inputs, layers.Dense(10, "relu"), layers.Dense(12, "relu"), layers.Dense(2), *last])
    model.set_weights(ring_weights(centres, blur))
    return model


for name, build in {
    "NumPy, sequential": lambda: (count, ring_generator()),
    "a loop, functional": lambda: (count_loop, ring_generator("functional")),
    "a tree, subclassed": lambda: (count_by_tree, ring_generator("subclassed")),
    "TensorFlow, activations as layers": lambda: (count_in_tensorflow, ring_generator("activations")),
    "a float, more layers": lambda: (lambda points: float(count(points)), ring_generator("reshaped")),
}.items():

    @right("07.3", name)
    def _(build=build):
        count_modes, mended = build()
        return {"count_modes": count_modes, "mended": mended}


def one_point():
    import keras

    model = keras.models.clone_model(ring_generator())
    model.set_weights([0 * w for w in ring_generator().get_weights()])
    return model


def nearest_share(points):
    near = np.linalg.norm(points[:, None] - CENTRES, axis=2).argmin(axis=1)
    return np.bincount(near, minlength=8) / len(points)


def square_share(points):
    return (np.abs(points[:, None] - CENTRES) < 0.3).all(axis=2).mean(axis=0)


COUNTS = {800: 8, 540: 3, 1000: 6, 310: 1, 210: 4, 150: 1, 200: 3, 400: 2, 120: 3, 50: 2, 1: 1}


class Ring:
    """No network, but something that predicts."""

    def predict(self, noise):
        return CENTRES[np.arange(len(noise)) % 8]


def near_share(points):
    return np.mean(np.linalg.norm(points[:, None] - CENTRES, axis=2) < 0.3, axis=0)


for name, code, function in (
    ("single points count", "counts-single-points", lambda points: np.sum(near_share(points) > 0)),
    ("nearest centre, however far", "no-distance", lambda points: np.sum(nearest_share(points) >= 0.01)),
    ("any nearest centre", "no-distance", lambda points: np.sum(nearest_share(points) > 0)),
    ("a square", "in-a-square", lambda points: np.sum(square_share(points) >= 0.01)),
    ("points counted", "counts-points", lambda points: np.sum(near_share(points) * len(points))),
    ("missing modes counted", "counts-missing", lambda points: 8 - count(points)),
    ("shares returned", "wrong-shape", near_share),
    (
        "shares of the near points",
        "share-of-near",
        lambda points: np.sum(near_share(points) >= 0.01 * near_share(points).sum()),
    ),
    (
        "a whole number of points",
        "rounded-down",
        lambda points: np.sum(near_share(points) * len(points) >= len(points) // 100),
    ),
    ("more than 1 %", "more-than", lambda points: np.sum(near_share(points) > 0.01)),
    ("always eight", "count-modes", lambda points: 8),
    ("a table of lengths", "count-modes", lambda points: COUNTS[len(points)]),
    ("only half of the limit", "count-modes", lambda points: np.sum(near_share(points) >= 0.004)),
):

    @wrong("07.3", code, name)
    def _(function=function):
        return {"count_modes": function, "mended": ring_generator()}


for name, code, build in (
    ("one mode", "mode-collapse", lambda: ring_generator(reached=1)),
    ("seven modes", "mode-collapse", lambda: ring_generator(reached=7)),
    ("a hurried crowd between two modes", "not-on-modes", lambda: ring_generator(reached=2, blur=1.0)),
    ("a wide blur", "on_modes", lambda: ring_generator(blur=0.3)),
    ("one point", "constant", lambda: one_point()),
    ("off the ring", "not-trained", lambda: ring_generator(scale=0.5)),
    ("a fan in the middle", "not-trained", lambda: ring_generator(scale=0.4, blur=0.3)),
    ("the whole GAN", "whole-gan", lambda: (ring_generator(), ring_generator(), 0.001, 0.001)),
    ("a function", "not-a-network", lambda: lambda z: CENTRES[np.arange(len(z)) % 8]),
    ("a class of one's own that predicts", "not-a-network", lambda: Ring()),
):

    @wrong("07.3", code, name)
    def _(build=build):
        return {"count_modes": count, "mended": build()}


# --- 07.4


@cache
def reader():
    import keras

    from coursekit.data import path

    return keras.models.load_model(path("mnist_cnn.keras"))


def judge(images, base=np.e):
    p = np.array(reader()(images))
    q = p.mean(axis=0)
    return p.max(axis=1).mean(), -np.sum(q * np.log(q + 1e-12)) / np.log(base)


def judge_with_predict(images):
    from scipy.stats import entropy

    p = reader().predict(images, verbose=0)
    return [float(np.mean(np.max(p, axis=1))), float(entropy(p.mean(axis=0)))]


def judge_in_tensorflow(images):
    import tensorflow as tf

    p = reader()(images)
    q = tf.reduce_mean(p, axis=0)
    return tf.stack([tf.reduce_mean(tf.reduce_max(p, axis=1)), -tf.reduce_sum(tf.math.xlogy(q, q))])


@cache
def digit_generator(style="sequential", kind="digits"):
    """A network that chooses one of 60 stored pictures by its noise."""
    import keras
    from keras import layers

    from coursekit.data import load_mnist

    (images, labels), _ = load_mnist()
    chosen = {"digits": range(10), "ones": [1] * 10}.get(kind, range(10))
    pictures = np.concatenate([images[labels == digit][6 * i : 6 * i + 6] for i, digit in enumerate(chosen)])
    pictures = pictures.reshape(60, 784) / 255.0
    rng = np.random.default_rng(0)
    if kind == "blurred":
        pictures = np.tile(pictures.mean(axis=0), (60, 1)) * 0.7 + 0.3 * rng.permuted(pictures, axis=1)
    if kind == "minus one to one":
        pictures = 2 * pictures - 1
    directions = rng.normal(size=(12, 60))
    directions *= 60 / np.linalg.norm(directions, axis=0)
    inputs = keras.Input((12,))
    parts = [layers.Dense(60, activation="softmax"), layers.Dense(784, use_bias=False)]
    if style == "functional":
        model = keras.Model(inputs, layers.Reshape((28, 28, 1))(parts[1](parts[0](inputs))))
    elif style == "subclassed":

        class Generator(keras.Model):
            def __init__(self):
                super().__init__()
                self.parts = parts

            def call(self, z):
                return keras.ops.reshape(self.parts[1](self.parts[0](z)), (-1, 28, 28, 1))

        model = Generator()
        model(np.zeros((1, 12), "float32"))
    else:
        shape = {"no channel": (28, 28), "small": (28, 14, 2)}.get(style, (28, 28, 1))
        model = keras.Sequential([inputs, *parts, layers.Reshape(shape)])
    model.set_weights([directions, np.zeros(60), pictures])
    return model


for name, build in {
    "NumPy, sequential": lambda: (judge, digit_generator()),
    "predict and SciPy, functional": lambda: (judge_with_predict, digit_generator("functional")),
    "TensorFlow, subclassed": lambda: (judge_in_tensorflow, digit_generator("subclassed")),
    "no channel axis": lambda: (judge, digit_generator("no channel")),
    "a list": lambda: (lambda images: list(judge(images)), digit_generator()),
}.items():

    @right("07.4", name)
    def _(build=build):
        judged, generator = build()
        return {"judge": judged, "digit_generator": generator}


def probabilities(images):
    return np.array(reader()(images)).astype(float)


def entropy_of_each(images):
    p = probabilities(images)
    return p.max(axis=1).mean(), -np.mean(np.sum(p * np.log(p + 1e-12), axis=1))


def surest(images):
    return probabilities(images).max(axis=1)


def entropy_of_labels(images):
    shares = np.bincount(probabilities(images).argmax(axis=1)) / len(images)
    return judge(images)[0], -np.sum(shares * np.log(shares + 1e-12))


def confidence_of_mean(images):
    q = probabilities(images).mean(axis=0)
    return q.max(), judge(images)[1]


for name, code, function in (
    ("exchanged", "order", lambda images: judge(images)[::-1]),
    ("bits", "bits", lambda images: judge(images, base=2)),
    ("log10", "log10", lambda images: judge(images, base=10)),
    ("half the entropy", "judge", lambda images: (judge(images)[0], judge(images)[1] / 2)),
    ("entropy of each picture", "entropy-of-each", entropy_of_each),
    ("no minus", "wrong-sign", lambda images: (judge(images)[0], -judge(images)[1])),
    ("a number of kinds", "exponential", lambda images: (judge(images)[0], np.exp(judge(images)[1]))),
    ("squares", "no-logarithm", lambda images: (judge(images)[0], np.sum(probabilities(images).mean(axis=0) ** 2))),
    ("mean over the classes", "entropy-averaged", lambda images: (judge(images)[0], judge(images)[1] / 10)),
    ("of the chosen classes", "of-the-labels", entropy_of_labels),
    ("a share of pictures", "share-of-sure", lambda images: (np.mean(surest(images) > 0.5), judge(images)[1])),
    ("the least sure", "least-sure", lambda images: (surest(images).min(), judge(images)[1])),
    ("the most sure", "most-sure", lambda images: (surest(images).max(), judge(images)[1])),
    ("mean of all", "mean-of-all", lambda images: (probabilities(images).mean(), judge(images)[1])),
    ("confidence of the mean", "confidence-of-mean", confidence_of_mean),
    ("confidence of each", "wrong-shape", lambda images: probabilities(images).max(axis=1)),
    ("made up", "judge", lambda images: (0.9, 2.2)),
):

    @wrong("07.4", code, name)
    def _(function=function):
        return {"judge": function, "digit_generator": digit_generator()}


def fresh_digit_generator():
    import keras

    return keras.models.clone_model(digit_generator())


def grey_digit_generator():
    """With a sigmoid at its end, as on the page, and never trained."""
    import keras
    from keras import layers

    parts = [layers.Dense(784, activation="sigmoid"), layers.Reshape((28, 28, 1))]
    return keras.Sequential([keras.Input((12,)), *parts])


for name, code, build in (
    ("ones only", "mode-collapse", lambda: digit_generator(kind="ones")),
    ("never trained", "constant|confidence|entropy|wrong-range|mode-collapse", fresh_digit_generator),
    ("never trained, with a sigmoid", "not-trained", grey_digit_generator),
    ("smeared", "confidence|mode-collapse|entropy", lambda: digit_generator(kind="blurred")),
    ("grey values from -1", "wrong-range", lambda: digit_generator(kind="minus one to one")),
    ("two channels, half as wide, shuffled", "wrong-shape", lambda: ring_generator_for_digits()),
    ("a function", "not-a-network", lambda: lambda z: np.zeros((len(z), 28, 28, 1))),
):

    @wrong("07.4", code, name)
    def _(build=build):
        return {"judge": judge, "digit_generator": build()}


@cache
def ring_generator_for_digits():
    """Takes the noise of the digits and makes points."""
    import keras
    from keras import layers

    return keras.Sequential([keras.Input((12,)), layers.Dense(2)])


# --- 07.5


@cache
def stored_showers(per_energy=110):
    """Showers of ten energies: energies (n,), shares of the energy (n, 12)."""
    from coursekit.data import simulate_shower

    rng = random.Random(1)
    energies = np.repeat(np.arange(1.0, 11.0), per_energy)
    return energies, np.stack([simulate_shower(energy, rng) / energy for energy in energies])


@cache
def shower_generator(style="functional", slip=None):
    """A network that chooses a stored shower of the nearest energy by its noise: a softmax of a linear map."""
    import keras
    from keras import layers

    energies, shares = stored_showers()
    rng = np.random.default_rng(0)
    W = np.zeros((9, len(energies)))
    W[:8] = rng.normal(size=(8, len(energies)))
    W[:8] *= 200 / np.linalg.norm(W[:8], axis=0)
    bias = np.zeros(len(energies))
    sharp = 100 if slip == "hardly the energy" else 1e4  # for energies in units of 10 GeV
    if slip == "no noise":
        W[:8] = 0
    if slip == "no energy":
        bias = -sharp * (energies / 10 - 0.5) ** 2
    else:
        W[8], bias = 2 * sharp * energies / 10, -sharp * (energies / 10) ** 2
    rows = shares * {"shares": 1.0, "negative": -12.0}.get(slip, 12.0)
    if slip == "GeV":
        rows = shares * energies[:, None]
    if slip == "flat":
        rows = np.ones_like(shares)
    if slip == "a little negative":
        rows = rows - 0.02
    if slip == "too wide":
        rows = rows * np.where(np.arange(len(rows)) % 2, 1.4, 0.6)[:, None]
    if slip == "too even":
        rows = 0.75 * rows + 0.25 * rows.mean(axis=1, keepdims=True)
    choose, show = layers.Dense(len(energies), activation="softmax"), layers.Dense(12, use_bias=False)
    inputs = keras.Input((9,))
    if style == "subclassed":

        class Generator(keras.Model):
            def __init__(self):
                super().__init__()
                self.choose, self.show = choose, show

            def call(self, x):
                return keras.ops.concatenate([self.show(self.choose(x)), x[:, 8:]], axis=1)

        model = Generator()
        model(np.zeros((1, 9), "float32"))
    else:
        shower = show(choose(inputs))
        if style == "relu":
            shower = layers.ReLU()(shower)
        energy = {"split": lambda: keras.ops.split(inputs, [8], axis=1)[1]}.get(style, lambda: inputs[:, -1:])()
        if slip == "energy in GeV":
            energy = energy * 10
        outputs = shower if slip == "no energy out" else layers.Concatenate()([shower, energy])
        model = keras.Model(inputs, outputs)
    model.set_weights([W, bias, rows])
    return model


@cache
def speed():
    """Measured once, as the notebook does."""
    import time

    from coursekit.data import make_showers

    generator = shower_generator()
    noise = np.random.default_rng(0).uniform(0.1, 1, size=(1000, 9)).astype("float32")
    generator(noise)
    start = time.perf_counter()
    for _ in range(20):
        np.array(generator(noise))
    fast = (time.perf_counter() - start) / 20
    start = time.perf_counter()
    make_showers(100, seed=0)
    return 10 * (time.perf_counter() - start) / fast


for name, build in {
    "functional": lambda: (shower_generator(), speed()),
    "subclassed": lambda: (shower_generator("subclassed"), np.array([speed()])),
    "split": lambda: (shower_generator("split"), float(speed()) / 2),
    "ReLU at the end": lambda: (shower_generator("relu"), int(speed()) + 2),
    "a rough clock": lambda: (shower_generator(), np.float32(speed() * 3)),
}.items():

    @right("07.5", name)
    def _(build=build):
        generator, speed_up = build()
        return {"shower_generator": generator, "speed_up": speed_up}


@cache
def linear_shower_generator():
    """No hidden layer: 1.2 times the shares on a line between the profiles of 2 and of 9 GeV, with some noise."""
    import keras
    from keras import layers

    energies, shares = stored_showers()
    low, high = (1.2 * 12 * shares[energies == energy].mean(axis=0) for energy in (2, 9))
    W = np.zeros((9, 12))
    W[0], W[8] = 0.05 * (low + high) / 2, (high - low) / 0.7
    inputs = keras.Input((9,))
    model = keras.Model(inputs, layers.Concatenate()([layers.Dense(12)(inputs), inputs[:, -1:]]))
    model.set_weights([W, low - 0.2 * W[8]])
    return model


def fresh_shower_generator(last="softplus"):
    import keras
    from keras import layers

    inputs = keras.Input((9,))
    hidden = layers.Dense(32, activation="leaky_relu")(inputs)
    return keras.Model(inputs, layers.Concatenate()([layers.Dense(12, activation=last)(hidden), inputs[:, -1:]]))


for name, code, build in (
    ("no noise", "no-noise", lambda: (shower_generator(slip="no noise"), 100)),
    ("the energy is not used", "ignores-energy", lambda: (shower_generator(slip="no energy"), 100)),
    ("shares not times 12", "wrong-scale", lambda: (shower_generator(slip="shares"), 100)),
    ("layers in GeV", "wrong-scale", lambda: (shower_generator(slip="GeV"), 100)),
    ("a little negative", "negative", lambda: (shower_generator(slip="a little negative"), 100)),
    ("negative", "negative", lambda: (shower_generator(slip="negative"), 100)),
    ("energy in GeV", "energy-lost", lambda: (shower_generator(slip="energy in GeV"), 100)),
    ("twelve columns", "wrong-shape", lambda: (shower_generator(slip="no energy out"), 100)),
    ("flat", "constant", lambda: (shower_generator(slip="flat"), 100)),
    ("the energy is hardly used", "profile", lambda: (shower_generator(slip="hardly the energy"), 100)),
    ("too wide", "spread", lambda: (shower_generator(slip="too wide"), 100)),
    ("a sigmoid at the end", "capped", lambda: (fresh_shower_generator("sigmoid"), 100)),
    ("never trained", "not-trained|capped|profile", lambda: (fresh_shower_generator(), 100)),
    ("a function", "not-a-network", lambda: (lambda x: np.zeros((len(x), 13)), 100)),
    ("no hidden layer", "small-network", lambda: (linear_shower_generator(), 100)),
    ("too even", "profile", lambda: (shower_generator(slip="too even"), 100)),
    ("upside down", "inverted|slower", lambda: (shower_generator(), 1 / speed())),
    ("one call for each shower", "slower", lambda: (shower_generator(), 0.6)),
    ("made up", "speed-up", lambda: (shower_generator(), 1e9)),
    ("negative time", "speed-up", lambda: (shower_generator(), -50)),
    ("a word", "wrong-type", lambda: (shower_generator(), "fast")),
):

    @wrong("07.5", code, name)
    def _(build=build):
        generator, speed_up = build()
        return {"shower_generator": generator, "speed_up": speed_up}
