"""Cases of notebook 04. Networks are trained once, on some of the digits, and shared by the cases."""

from functools import cache

import numpy as np

from tests.cases import right, table, wrong
from tests.trained import trained_once


@cache
def digits():
    from coursekit.data import load_mnist

    (x_train, y_train), (x_test, y_test) = load_mnist()
    return x_train[..., None].astype("float32") / 255, y_train, x_test[..., None].astype("float32") / 255, y_test


def fit(model, x, y, loss="sparse_categorical_crossentropy", epochs=3, rate=0.004, **settings):
    import keras

    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"], steps_per_execution=16)
    return model.fit(x, y, batch_size=256, epochs=epochs, verbose=0, **settings)


# --- 04.1


@trained_once
def dense(style="plain"):
    """A network 784-64-64-10 in several styles."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    x, y, _, _ = digits()
    chain = [layers.Dense(64, "relu"), layers.Dense(64, "relu"), layers.Dense(10, "softmax")]
    if style == "rows of 784":
        model = keras.Sequential([keras.Input((784,)), *chain])
        model.set_weights(dense().get_weights())
        return model
    if style == "no channel axis":
        model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), *chain])
        model.set_weights(dense().get_weights())
        return model
    if style == "logits":
        chain[-1] = layers.Dense(10)
        model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), *chain])
        model.set_weights(dense().get_weights())
        return model
    if style == "functional":
        inputs = outputs = keras.Input((28, 28, 1))
        for layer in (layers.Flatten(), *chain):
            outputs = layer(outputs)
        model = keras.Model(inputs, outputs)
        model.set_weights(dense().get_weights())
        return model
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), *chain])
    if style == "never fitted":
        return model
    if style == "linear":
        model = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Flatten(),
                layers.Dense(64),
                layers.Dense(64),
                layers.Dense(10, "softmax"),
            ]
        )
        fit(model, x[:20000], y[:20000], epochs=2, rate=0.002)
    elif style == "unscaled":
        weights = dense().get_weights()
        model.set_weights([weights[0] / 255, *weights[1:]])
    elif style == "too narrow":
        model = keras.Sequential(
            [keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(32, "relu"), layers.Dense(10)]
        )
        model.layers[-1].activation = keras.activations.softmax
        fit(model, x, y, epochs=3)
    elif style == "little data":
        fit(model, x[:500], y[:500], epochs=4)
    elif style == "test digits":
        fit(model, *digits()[2:], epochs=12)
    elif style == "squared error":
        fit(model, x[:20000], y[:20000, None], "mean_squared_error", epochs=1)
    elif style == "one step":
        fit(model, x[:256], y[:256], epochs=1, rate=1e-5)
    else:
        fit(model, x, y, epochs=3)
    return model


class OfScikitLearn:
    """What an `MLPClassifier` answers, without minutes of fitting one: labels for rows of 784."""

    def predict(self, X):
        if X.ndim != 2:
            raise ValueError(f"Found array with dim {X.ndim}. MLPClassifier expected <= 2.")
        return np.asarray(dense("rows of 784")(X)).argmax(axis=1)


for style in ("plain", "rows of 784", "no channel axis", "functional"):

    @right("04.1", style)
    def _(style=style):
        return {"dense": dense(style)}


def between(style):
    """The layers of `dense` with ReLU put between them by functions, which no layer tells of."""
    import keras
    from keras import layers

    parts = [layers.Flatten(), layers.Dense(64), layers.Dense(64), layers.Dense(10)]

    def forward(x):
        x = parts[0](x)
        for part in parts[1:3]:
            x = keras.ops.relu(part(x))
        return keras.ops.softmax(parts[3](x))

    if style == "keras.ops":
        inputs = keras.Input((28, 28, 1))
        model = keras.Model(inputs, forward(inputs))
    elif style == "softmax layer":
        relu, end = layers.Activation("relu"), layers.Activation("softmax")
        chain = [parts[0], parts[1], relu, parts[2], layers.ReLU(), parts[3], end]
        model = keras.Sequential([keras.Input((28, 28, 1)), *chain])
    else:

        class Subclassed(keras.Model):
            def __init__(self):
                super().__init__()
                self.parts = parts

            def call(self, x):
                return forward(x)

        model = Subclassed()
        model(np.zeros((1, 28, 28, 1), "float32"))
    model.set_weights(dense().get_weights())
    return model


@trained_once
def lagging():
    """Batch normalisation whose averages have hardly moved, which reads well in training mode only."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    x, y, _, _ = digits()
    parts = [keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(64), layers.BatchNormalization(momentum=0.9999)]
    parts += [layers.ReLU(), layers.Dense(64), layers.BatchNormalization(momentum=0.9999), layers.ReLU()]
    model = keras.Sequential([*parts, layers.Dense(10, "softmax")])
    fit(model, 8 * x[:20000], y[:20000], epochs=2)
    model.layers[1].set_weights([8 * model.layers[1].get_weights()[0], model.layers[1].get_weights()[1]])
    return model


@trained_once
def briefly(scale, rate):
    """A network that saw the digits once, from 0 to `scale`: it reads few of those in [0, 1] where that is 255."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    x, y, _, _ = digits()
    chain = [layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(64, "relu"), layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((28, 28, 1)), *chain])
    fit(model, scale * x, y, epochs=1, rate=rate)
    return model


wrong("04.1", "unscaled-inputs", "from 0 to 255, for one epoch")(lambda: {"dense": briefly(255, 0.001)})
wrong("04.1", "accuracy", "one epoch, which reads more of the test digits than of the training digits")(
    lambda: {"dense": briefly(1, 0.0003)}
)

for style in ("keras.ops", "subclassed"):

    @right("04.1", style)
    def _(style=style):
        return {"dense": between(style)}


@right("04.1", "softmax as a layer of its own")
def _():
    return {"dense": between("softmax layer")}


@wrong("04.1", "labels", "labels for rows")
def _():
    return {"dense": OfScikitLearn()}


@wrong("04.1", "one-hot", "one-hot rows")
def _():
    return {"dense": lambda x: np.eye(10)[np.asarray(dense()(x)).argmax(axis=1)]}


@wrong("04.1", "renumbered", "the labels are one too high")
def _():
    return {"dense": lambda x: np.roll(np.asarray(dense()(x)), 1, axis=1)}


for style, code in {
    "never fitted": "untrained",
    "one step": "untrained|constant",
    "squared error": "wrong-loss",
    "logits": "logits",
    "test digits": "trained-on-test-digits",
    "linear": "linear-model",
    "unscaled": "unscaled-inputs",
    "too narrow": "size",
    "little data": "accuracy",
}.items():

    @wrong("04.1", code, style)
    def _(style=style):
        return {"dense": dense(style)}


def second_layer(activation, scale):
    """A network that reads digits, whose second hidden layer hands on what it gets: tanh does where that is small."""
    import keras
    from keras import layers

    x, y, _, _ = digits()
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(64, "relu")])
    model.add(layers.Dense(64, activation))
    model.add(layers.Dense(10, "softmax"))
    kernel, bias = dense().get_weights()[:2]
    seen = np.maximum(x[:20000].reshape(-1, 784) @ kernel + bias, 0)
    end = np.linalg.lstsq(seen, 10 * np.eye(10)[y[:20000]], rcond=None)[0]
    model.set_weights([kernel, bias, scale * np.eye(64), np.zeros(64), end / scale, np.zeros(10)])
    return {"dense": model}


wrong("04.1", "linear-layer", "the second hidden layer without ReLU")(lambda: second_layer(None, 1.0))
wrong("04.1", "other-activation", "tanh in the second hidden layer")(lambda: second_layer("tanh", 0.01))


@wrong("04.1", "labels", "always a one")
def _():
    return {"dense": lambda x: np.ones(len(x))}


@wrong("04.1", "constant", "always the same probabilities")
def _():
    return {"dense": lambda x: np.tile(np.full(10, 0.05) + 0.5 * np.eye(10)[1], (len(x), 1))}


@wrong("04.1", "moving-averages", "batch normalisation that lags behind")
def _():
    return {"dense": lagging()}


@wrong("04.1", "moving-averages", "batch normalisation that lags behind, and dropout")
def _():
    import keras

    *parts, last = lagging().layers
    return {"dense": keras.Sequential([keras.Input((28, 28, 1)), *parts, keras.layers.Dropout(0.9), last])}


@wrong("04.1", "not-probabilities", "ten sigmoids")
def _():
    return {"dense": lambda x: np.minimum(1, 1.2 * np.asarray(dense()(x)))}


@wrong("04.1", "wrong-shape", "two columns")
def _():
    return {"dense": lambda x: np.ones((len(x), 2))}


# --- 04.2


def convolve(image, kernel):
    k = len(kernel)
    height, width = image.shape[0] - k + 1, image.shape[1] - k + 1
    return np.array([[np.sum(image[i : i + k, j : j + k] * kernel) for j in range(width)] for i in range(height)])


def convolve_windows(image, kernel):
    return np.tensordot(np.lib.stride_tricks.sliding_window_view(image, kernel.shape), kernel, axes=2)


def convolve_scipy(image, kernel):
    from scipy.signal import correlate2d

    return correlate2d(image, kernel, mode="valid")


def convolve_tensorflow(image, kernel):
    import tensorflow as tf

    return tf.nn.conv2d(image[None, :, :, None], kernel[:, :, None, None], 1, "VALID")[0, :, :, 0]


def convolve_shifts(image, kernel):
    k = len(kernel)
    height, width = image.shape[0] - k + 1, image.shape[1] - k + 1
    return sum(kernel[u, v] * image[u : u + height, v : v + width] for u in range(k) for v in range(k)).tolist()


def pad(image, p):
    return np.pad(image, p)


def pad_zeros(image, p):
    out = np.zeros((image.shape[0] + 2 * p, image.shape[1] + 2 * p), dtype="float32")
    out[p:-p, p:-p] = image
    return out


def max_pool(image, size):
    h, w = image.shape[0] // size, image.shape[1] // size
    return image[: h * size, : w * size].reshape(h, size, w, size).max(axis=(1, 3))


def max_pool_loop(image, size):
    rows = range(0, image.shape[0] - size + 1, size)
    columns = range(0, image.shape[1] - size + 1, size)
    return [[image[i : i + size, j : j + size].max() for j in columns] for i in rows]


def convolve_three(image, kernel):
    """Takes every kernel for one of 3 by 3."""
    height, width = image.shape[0] - 2, image.shape[1] - 2
    return np.array([[np.sum(image[i : i + 3, j : j + 3] * kernel) for j in range(width)] for i in range(height)])


def pool_from_zero(image, size):
    return np.maximum(max_pool(image, size), 0)


def max_pool_of(reduce, image, size):
    h, w = image.shape[0] // size, image.shape[1] // size
    return reduce(image[: h * size, : w * size].reshape(h, size, w, size), axis=(1, 3))


def first_of(blocks, axis):
    return blocks[:, 0, :, 0]


def pool_all(image, size):
    h, w = (-(-side // size) for side in image.shape)
    whole = np.full((h * size, w * size), -np.inf)
    whole[: image.shape[0], : image.shape[1]] = image
    return max_pool(whole, size)


def pool_in_place(image, size):
    answer = max_pool(image, size)
    image[:] = 0
    return answer


def convolve_matmul(image, kernel):
    k = len(kernel)
    return [
        [(image[i : i + k, j : j + k] @ kernel).sum() for j in range(image.shape[1] - k + 1)]
        for i in range(image.shape[0] - k + 1)
    ]


def three(pad=pad, convolve=convolve, max_pool=max_pool):
    return {"pad": pad, "convolve": convolve, "max_pool": max_pool}


for name, answer in {
    "loops": {},
    "windows and float32": {"pad": pad_zeros, "convolve": convolve_windows},
    "SciPy": {"convolve": convolve_scipy, "max_pool": max_pool_loop},
    "TensorFlow": {"convolve": convolve_tensorflow},
    "shifted pictures, as lists": {"convolve": convolve_shifts, "max_pool": max_pool_loop},
}.items():

    @right("04.2", name)
    def _(answer=answer):
        return three(**answer)


for name, code, answer in (
    ("flipped", "flipped-kernel", {"convolve": lambda a, k: convolve(a, k[::-1, ::-1])}),
    ("transposed kernel", "transposed", {"convolve": lambda a, k: convolve(a, k.T)}),
    ("no kernel", "no-kernel", {"convolve": lambda a, k: convolve(a, np.ones_like(k))}),
    ("same size", "wrong-shape", {"convolve": lambda a, k: convolve(np.pad(a, 1), k)}),
    ("one place too few", "wrong-shape", {"convolve": lambda a, k: convolve(a, k)[:-1, :-1]}),
    ("a mean", "convolve", {"convolve": lambda a, k: convolve(a, k) / 9}),
    ("mean pooling", "mean-pool", {"max_pool": lambda a, s: max_pool_of(np.mean, a, s)}),
    ("the first of each block", "strided", {"max_pool": lambda a, s: max_pool_of(first_of, a, s)}),
    ("the smallest", "max-pool", {"max_pool": lambda a, s: -max_pool(-a, s)}),
    ("the sum", "max-pool", {"max_pool": lambda a, s: max_pool_of(np.sum, a, s)}),
    ("rows left over are kept", "keeps-the-rest", {"max_pool": pool_all}),
    ("a matrix product", "matrix-product", {"convolve": convolve_matmul}),
    ("upside down", "half-flipped", {"convolve": lambda a, k: convolve(a, k[::-1])}),
    ("cut at 0", "relu", {"convolve": lambda a, k: np.maximum(convolve(a, k), 0)}),
    ("divided by 9 whatever k", "convolve", {"convolve": lambda a, k: convolve(a, k) / k.size * 9}),
    ("its own picture is changed", "changes-input", {"max_pool": pool_in_place}),
    ("absolute values", "absolute", {"max_pool": lambda a, s: max_pool(np.abs(a), s)}),
    ("kernels of three only", "raises", {"convolve": convolve_three}),
    (
        "kernels without their last column",
        "kernel-cut-column|kernel-cut|convolve",
        {"convolve": lambda a, k: convolve(a, k * (np.arange(len(k)) < 2))},
    ),
    ("blocks of two only", "wrong-shape", {"max_pool": lambda a, s: max_pool(a, 2)}),
    ("a largest that starts from zero", "starts-from-zero", {"max_pool": pool_from_zero}),
    ("two zeros, whatever p", "wrong-shape", {"pad": lambda a, p: np.pad(a, 2)}),
    ("ones around", "not-zero", {"pad": lambda a, p: np.pad(a, p, constant_values=1)}),
    ("one side only", "wrong-shape", {"pad": lambda a, p: np.pad(a, ((p, 0), (p, 0)))}),
    ("in a corner", "pad", {"pad": lambda a, p: np.pad(a, ((2 * p, 0), (2 * p, 0)))}),
):

    @wrong("04.2", code, name)
    def _(answer=answer):
        return three(**answer)


# --- 04.3

COUNTS = [80, 0, 0, 21648, 170]


def lecture(style="plain"):
    """The lecture's network, untrained, in several styles."""
    import keras
    from keras import layers

    size = {"kernels of five": 5}.get(style, 3)
    padding = "same" if style == "same padding" else "valid"
    chain = [layers.Conv2D(8, size, activation="relu", padding=padding), layers.MaxPooling2D(2), layers.Flatten()]
    chain += [layers.Dense(16, activation="relu"), layers.Dense(10, activation="softmax")]
    if style == "no pooling":
        del chain[1]
    if style == "logits":
        chain[-1] = layers.Dense(10)
    if style == "dense only":
        del chain[:2]
    if style == "activation layers":
        chain = [layers.Conv2D(8, (3, 3)), layers.ReLU(), layers.MaxPool2D(), layers.Flatten(), layers.Dense(16)]
        chain += [layers.Activation("relu"), layers.Dense(10), layers.Softmax()]
    if style in ("no ReLU", "no ReLU after dense"):
        chain[3].activation = keras.activations.linear
    if style == "no ReLU":
        chain[0].activation = keras.activations.linear
    if style == "tanh":
        chain[0].activation = keras.activations.tanh
    if style == "average pooling":
        chain[1] = layers.AveragePooling2D(2)
    if style == "a stride for the pooling":
        chain[:2] = [layers.Conv2D(8, 3, strides=2, activation="relu")]
    if style == "not built":
        return keras.Sequential(chain)
    if style in ("subclassed", "built, never called"):
        return subclassed(keras, layers, style == "subclassed")
    if style == "softmax twice":
        chain.append(layers.Softmax())
    if style == "16 kernels":
        chain[0] = layers.Conv2D(16, 3, activation="relu")
    if style == "no biases":
        chain[3] = layers.Dense(16, activation="relu", use_bias=False)
    if style == "functional":
        inputs = outputs = keras.Input((28, 28, 1))
        for layer in chain:
            outputs = layer(outputs)
        return keras.Model(inputs, outputs)
    if style == "convolution for dense":
        chain[2:4] = [layers.Conv2D(16, 13, activation="relu"), layers.Flatten()]
    if style == "with dropout":
        chain.insert(3, layers.Dropout(0.2))
    return keras.Sequential([keras.Input((28, 28, 1)), *chain])


def subclassed(keras, layers, called=True):
    """The lecture's network with its activations in `call`."""

    class Lecture(keras.Model):
        def __init__(self):
            super().__init__()
            self.last, self.hidden = layers.Dense(10), layers.Dense(16)  # not in the order of the network
            self.conv, self.pool, self.flat = layers.Conv2D(8, 3), layers.MaxPooling2D(), layers.Flatten()

        def call(self, x):
            x = self.flat(self.pool(keras.ops.relu(self.conv(x))))
            return keras.ops.softmax(self.last(keras.ops.relu(self.hidden(x))))

        def build(self, shape):
            self.built = True

    model = Lecture()
    if called:
        model(np.zeros((1, 28, 28, 1), "float32"))
    return model


for style, counts in {
    "plain": COUNTS,
    "subclassed": COUNTS,
    "functional": np.array(COUNTS),
    "activation layers": tuple(COUNTS),
    "with dropout": {"conv": 80, "pool": 0, "flatten": 0, "hidden": 21648, "output": 170},
    "one by one": [80.0, 0, 0, 21648.0, 170.0],
    "built, never called": COUNTS,
}.items():

    @right("04.3", style)
    def _(style=style, counts=counts):
        return {"build_cnn": lambda: lecture(style), "counts": counts}


for name, code, style, counts in (
    ("biases forgotten", "forgot-biases", "plain", [72, 0, 0, 21632, 160]),
    ("the dense layer miscounted", "counts", "plain", [80, 0, 0, 10832, 170]),
    ("the total alone", "counts", "plain", [21898]),
    ("three numbers", "counts", "plain", [80, 21648, 170]),
    ("with the total", "counts", "plain", [*COUNTS, 21898]),
    ("the pooling counted", "output", "plain", [80, 1352, 0, 21648, 170]),
    ("the flattening counted", "output", "plain", [80, 0, 1352, 21648, 170]),
    ("a weight for the pooling", "counts", "plain", [80, 4, 0, 21648, 170]),
    ("the maps of the convolution", "output", "plain", [26 * 26 * 8, 0, 0, 21648, 170]),
    ("kernels without biases", "no-biases", "plain", [8 * 9, 0, 0, 21648, 170]),
    ("one bias for all kernels", "one-bias", "plain", [8 * 9 + 1, 0, 0, 21648, 170]),
    ("one kernel", "one-kernel", "plain", [9 + 1, 0, 0, 21648, 170]),
    ("nine weights", "bare", "plain", [9, 0, 0, 21648, 170]),
    ("a kernel for each place", "not-shared", "plain", [26 * 26 * 80, 0, 0, 21648, 170]),
    ("16 units without biases", "no-biases", "plain", [80, 0, 0, 1352 * 16, 170]),
    ("one bias for 16 units", "one-bias", "plain", [80, 0, 0, 1352 * 16 + 1, 170]),
    ("the biases of the kernels", "eight-biases", "plain", [80, 0, 0, 1352 * 16 + 8, 170]),
    ("one map flattened", "one-channel", "plain", [80, 0, 0, 13 * 13 * 16 + 16, 170]),
    ("a number from each map", "one-number-a-map", "plain", [80, 0, 0, 8 * 16 + 16, 170]),
    ("maps of 14 by 14", "padded", "plain", [80, 0, 0, 14 * 14 * 8 * 16 + 16, 170]),
    ("the pooling forgotten", "not-pooled", "plain", [80, 0, 0, 26 * 26 * 8 * 16 + 16, 170]),
    ("the pixels counted", "pixels", "plain", [80, 0, 0, 784 * 16 + 16, 170]),
    ("maps of 12 by 12", "small-maps", "plain", [80, 0, 0, 12 * 12 * 8 * 16 + 16, 170]),
    ("ten units without biases", "no-biases", "plain", [80, 0, 0, 21648, 160]),
    ("one bias for ten units", "one-bias", "plain", [80, 0, 0, 21648, 161]),
    ("the biases of the layer before", "sixteen-biases", "plain", [80, 0, 0, 21648, 176]),
    ("ten units on the flattened maps", "maps", "plain", [80, 0, 0, 21648, 1352 * 10 + 10]),
    ("nine units", "counts", "plain", [80, 0, 0, 21648, 153]),
    ("a large convolution for the dense layer", "wrong-layers", "convolution for dense", COUNTS),
    ("in another order", "order", "plain", COUNTS[::-1]),
    ("softmax twice", "softmax-twice", "softmax twice", COUNTS),
    ("16 kernels", "wrong-size", "16 kernels", COUNTS),
    ("no biases", "wrong-size", "no biases", COUNTS),
    ("same padding", "wrong-size", "same padding", COUNTS),
    ("no pooling", "wrong-size", "no pooling", COUNTS),
    ("kernels of five", "wrong-size", "kernels of five", COUNTS),
    ("no convolution", "wrong-size", "dense only", COUNTS),
    ("not built", "not-built", "not built", COUNTS),
    ("logits", "logits|not-probabilities", "logits", COUNTS),
    ("no ReLU", "no-relu", "no ReLU", COUNTS),
    ("no ReLU after dense", "no-relu", "no ReLU after dense", COUNTS),
    ("tanh", "other-computation", "tanh", COUNTS),
    ("average pooling", "wrong-pooling", "average pooling", COUNTS),
    ("a stride for the pooling", "no-pooling", "a stride for the pooling", COUNTS),
):

    @wrong("04.3", code, name)
    def _(style=style, counts=counts):
        return {"build_cnn": lambda: lecture(style), "counts": counts}


@wrong("04.3", "same-network", "built once, outside")
def _():
    once = lecture()
    return {"build_cnn": lambda: once, "counts": COUNTS}


@wrong("04.3", "no-function", "the network itself")
def _():
    return {"build_cnn": lecture(), "counts": COUNTS}


@wrong("04.3", "not-keras", "a scikit-learn network")
def _():
    from sklearn.neural_network import MLPClassifier

    return {"build_cnn": lambda: MLPClassifier((16,)), "counts": COUNTS}


@wrong("04.3", "wrong-type", "its summary")
def _():
    return {"build_cnn": lambda: lecture().summary(print_fn=len), "counts": COUNTS}


@wrong("04.3", "wrong-type", "its weights")
def _():
    return {"build_cnn": lambda: lecture().get_weights(), "counts": COUNTS}


# --- 04.4


def three_callbacks():
    import keras

    return [
        keras.callbacks.ModelCheckpoint("unused.keras", save_best_only=True),
        keras.callbacks.EarlyStopping(patience=3),
        keras.callbacks.ReduceLROnPlateau(patience=1),
    ]


@trained_once
def trained(style="plain"):
    """The lecture's network, trained, with its history."""
    import keras

    keras.utils.set_random_seed(1)
    x, y, x_test, y_test = digits()
    model = lecture("plain")
    recorder = keras.callbacks.ReduceLROnPlateau(patience=9)
    if style == "unscaled":
        weights = trained()[0].get_weights()
        model.set_weights([weights[0] / 255, *weights[1:]])
        return model, trained()[1]
    if style == "test as validation":
        model.set_weights(trained()[0].get_weights())
        history = fit(
            model, x[:256], y[:256], epochs=1, rate=1e-5, validation_data=(x_test, y_test), callbacks=[recorder]
        )
        return model, history
    if style == "little data":
        return model, fit(model, x[:1000], y[:1000], epochs=6, validation_split=0.1, callbacks=[recorder])
    return model, fit(model, x, y, epochs=4, validation_split=0.1, callbacks=[recorder])


def watching(kind, **settings):
    """The three callbacks, one of them made otherwise."""
    import keras

    made = {"ModelCheckpoint": {"filepath": "unused.keras", "save_best_only": True}}.get(kind, {})
    changed = getattr(keras.callbacks, kind)(**{**made, **settings})
    return [changed if type(callback).__name__ == kind else callback for callback in three_callbacks()]


class Ran:
    """A history of `fit` that went through so many steps an epoch."""

    def __new__(cls, history, steps, **changed):
        import keras

        ran = keras.callbacks.History()
        ran.history = {**history.history, **changed}
        ran.set_params({"epochs": 4, "steps": steps, "verbose": 0})
        return ran


def measured(rows, test=False):
    """Loss and accuracy of the trained network on some training digits, or test digits, as an epoch's validation."""
    x, y = (part[rows] for part in (digits()[2:] if test else digits()[:2]))
    p = trained()[0].predict(x, batch_size=1000, verbose=0)
    loss = -np.mean(np.log(np.clip(p[np.arange(len(y)), y], 1e-7, 1)))
    return {"val_loss": [0.1, 0.1, 0.1, loss], "val_accuracy": [0.9, 0.9, 0.9, np.mean(p.argmax(axis=1) == y)]}


def training(style="plain", change=lambda record: record, callbacks=None):
    model, history = trained(style)
    return {
        "lecture_model": model,
        "history": change(history),
        "callbacks": three_callbacks() if callbacks is None else callbacks,
    }


@cache
def same_weights(style):
    model = lecture(style)
    model.set_weights(trained()[0].get_weights())
    return model


@cache
def trained_subclassed():
    model = lecture("subclassed")
    source = trained()[0]
    for part, layer in zip((model.conv, model.hidden, model.last), (0, 3, 4), strict=True):
        part.set_weights(source.layers[layer].get_weights())
    return model


def other_name(history):
    return {name.replace("accuracy", "sparse_categorical_accuracy"): v for name, v in history.history.items()}


def as_frame(history):
    import pandas as pd

    return pd.DataFrame(history.history)


for name, build in {
    "plain": lambda: training(),
    "a dict": lambda: training(change=lambda history: dict(history.history)),
    "a table": lambda: training(change=as_frame),
    "functional": lambda: {**training(), "lecture_model": same_weights("functional")},
    "subclassed": lambda: {**training(), "lecture_model": trained_subclassed()},
    "activations as layers": lambda: {**training(), "lecture_model": same_weights("activation layers")},
    "the first 6,000 set aside": lambda: training(change=lambda h: Ran(h, 422, **measured(slice(0, 6000)))),
    "an accuracy is watched": lambda: training(callbacks=watching("EarlyStopping", monitor="val_accuracy")),
    "callbacks in a tuple, one more": lambda: training(callbacks=(*three_callbacks(), another_callback())),
}.items():
    right("04.4", name)(build)


def another_callback():
    import keras

    return keras.callbacks.TerminateOnNaN()


def without(*names):
    return lambda history: {k: v for k, v in history.history.items() if k not in names}


for name, code, build in (
    ("no validation", "no-validation", lambda: training(change=without("val_loss", "val_accuracy"))),
    (
        "seen validation",
        "seen-as-validation",
        lambda: training(change=lambda h: Ran(h, 469, **measured(slice(0, 5000)))),
    ),
    *(
        (
            f"validated on {name} test digits",
            "test-as-validation",
            lambda rows=rows: training(change=lambda h: Ran(h, 235, **measured(rows, test=True))),
        )
        for name, rows in {
            "the first 1,000": slice(0, 1000),
            "the first 5,000": slice(0, 5000),
            "the last 5,000": slice(5000, None),
        }.items()
    ),
    ("no accuracy", "no-accuracy", lambda: training(change=without("accuracy", "val_accuracy"))),
    ("all validated", "seen-as-validation", lambda: training(change=lambda h: Ran(h, 469, **measured(slice(None))))),
    ("stops by the loss", "monitors-training", lambda: training(callbacks=watching("EarlyStopping", monitor="loss"))),
    (
        "slows by the loss",
        "monitors-training",
        lambda: training(callbacks=watching("ReduceLROnPlateau", monitor="loss")),
    ),
    (
        "saves them all",
        "saves-every-epoch",
        lambda: training(callbacks=watching("ModelCheckpoint", save_best_only=False)),
    ),
    ("no early stopping", "callbacks", lambda: training(callbacks=three_callbacks()[::2])),
    ("callbacks not used", "history", lambda: training(change=without("learning_rate"))),
    ("test digits as validation", "test-as-validation", lambda: training("test as validation")),
    ("test digits, another metric", "test-as-validation", lambda: training("test as validation", change=other_name)),
    ("classes of callbacks", "class", lambda: training(callbacks=[type(c) for c in three_callbacks()])),
    ("one class", "class", lambda: training(callbacks=[*three_callbacks()[:2], type(three_callbacks()[2])])),
    ("unscaled", "unscaled-inputs", lambda: training("unscaled")),
    ("little data", "accuracy", lambda: training("little data")),
    ("never fitted", "untrained", lambda: {**training(), "lecture_model": lecture()}),
    ("another network", "wrong-size", lambda: {**training(), "lecture_model": dense()}),
    ("not a list", "wrong-type", lambda: training(callbacks="EarlyStopping")),
    ("NaN", "not-finite", lambda: training(change=lambda history: {k: [np.nan] for k in history.history})),
):
    wrong("04.4", code, name)(build)


# --- 04.5


@cache
def counted(training=False):
    x, y = (part[:10_000] for part in (digits()[:2] if training else digits()[2:]))
    guessed = trained()[0].predict(x, batch_size=1000, verbose=0).argmax(axis=1)
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (y, guessed), 1)
    return counts


@trained_once
def pair_model(style="plain"):
    import keras
    from keras import layers

    from coursekit.data import make_digit_pairs

    keras.utils.set_random_seed(2)
    x, y, _, _ = digits()
    pairs, shown = make_digit_pairs(x[..., 0], y, n_samples=15000, seed=0)
    last = {"softmax": "softmax", "logits": None}.get(style, "sigmoid")
    model = keras.Sequential(
        [
            keras.Input((28, 56, 1)),
            layers.Conv2D(16, 5, strides=2, activation="relu"),
            layers.Conv2D(32, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation=last),
        ]
    )
    if style in ("plain", "softmax"):
        fit(model, pairs[..., None], shown, "binary_crossentropy", epochs=4 if style == "plain" else 1)
    elif style == "another loss":
        fit(model, pairs[..., None], shown, "categorical_crossentropy", epochs=1)
    elif style == "logits":
        model.set_weights(pair_model().get_weights())
    return model


def halves(x):
    """Two digits, read one after the other by the network for single digits."""
    scores = [np.asarray(trained()[0](x[:, :, part])) for part in (slice(0, 28), slice(28, 56))]
    return 1 - (1 - scores[0]) * (1 - scores[1])


def left_digit_alone(x):
    return np.asarray(pair_model()(x * (np.arange(56) < 28)[:, None]))


def sigmoid_after(model):
    """The network with its sigmoid as a function, which no layer tells of."""
    import keras

    return keras.Model(model.inputs, keras.ops.sigmoid(model.outputs[0]))


def pairs_and_counts(confusion=None, pairs=None):
    return {
        "lecture_model": trained()[0],
        "confusion": counted() if confusion is None else confusion(counted()),
        "pair_model": pair_model() if pairs is None else pairs,
    }


for name, build in {
    "plain": lambda: pairs_and_counts(),
    "sigmoid by keras.ops": lambda: pairs_and_counts(pairs=sigmoid_after(pair_model("logits"))),
    "lists": lambda: pairs_and_counts(lambda counts: counts.tolist()),
    "floats": lambda: pairs_and_counts(lambda counts: counts.astype("float32")),
    "a table": lambda: pairs_and_counts(as_table),
    "each half by the network for one digit": lambda: pairs_and_counts(pairs=halves),
}.items():
    right("04.5", name)(build)


def as_table(counts):
    import pandas as pd

    return pd.DataFrame(counts)


for name, code, build in (
    ("transposed", "transposed", lambda: pairs_and_counts(lambda counts: counts.T)),
    ("shares", "not-counts", lambda: pairs_and_counts(lambda counts: counts / counts.sum(axis=1, keepdims=True))),
    (
        "counts that are guessed",
        "related",
        lambda: pairs_and_counts(lambda counts: np.roll(counts, 1, axis=1)),
    ),
    ("training digits", "other-digits", lambda: pairs_and_counts(lambda counts: counted(training=True))),
    ("columns from 9 to 0", "related", lambda: pairs_and_counts(lambda counts: counts[:, ::-1])),
    ("every mistake a 9", "confusion", lambda: pairs_and_counts(all_mistakes_nines)),
    ("half of the digits", "wrong-total", lambda: pairs_and_counts(lambda counts: counts // 2)),
    ("no mistakes", "no-mistakes", lambda: pairs_and_counts(lambda counts: np.diag(counts.sum(axis=1)))),
    ("one row", "wrong-shape", lambda: pairs_and_counts(lambda counts: counts[0])),
    ("softmax", "softmax", lambda: pairs_and_counts(pairs=pair_model("softmax"))),
    ("never fitted", "untrained", lambda: pairs_and_counts(pairs=pair_model("never fitted"))),
    ("always no", "constant", lambda: pairs_and_counts(pairs=lambda x: np.zeros((len(x), 10)))),
    ("one digit only", "softmax", lambda: pairs_and_counts(pairs=lambda x: halves_of_one(x))),
    ("logits", "logits", lambda: pairs_and_counts(pairs=pair_model("logits"))),
    ("rounded", "labels", lambda: pairs_and_counts(pairs=lambda x: np.rint(np.asarray(pair_model()(x))))),
    ("sigmoid twice", "sigmoid-twice", lambda: pairs_and_counts(pairs=sigmoid_after(pair_model()))),
    ("yes and no exchanged", "reversed", lambda: pairs_and_counts(pairs=lambda x: 1 - np.asarray(pair_model()(x)))),
    ("from 0 to 255", "unscaled-inputs", lambda: pairs_and_counts(pairs=lambda x: np.asarray(pair_model()(x / 255)))),
    ("the left digit alone", "one-half", lambda: pairs_and_counts(pairs=left_digit_alone)),
    ("another loss", "wrong-loss", lambda: pairs_and_counts(pairs=pair_model("another loss"))),
    (
        "the right ones left out",
        "no-diagonal",
        lambda: pairs_and_counts(lambda counts: counts - np.diag(np.diag(counts))),
    ),
    ("shares of all", "not-counts", lambda: pairs_and_counts(lambda counts: counts / counts.sum())),
    ("some digits mixed up", "label_accuracy", lambda: pairs_and_counts(pairs=mixed_up)),
):
    wrong("04.5", code, name)(build)


def all_mistakes_nines(counts):
    right = np.diag(np.diag(counts))
    right[:, 9] += (counts - right).sum(axis=1)
    return right


def mixed_up(x):
    """Both halves, but large digits on the right are read one too high."""
    right_half = np.array(halves_of_one(x[:, :, 28:]))
    right_half[:, 5:] = np.roll(right_half[:, 5:], 1, axis=1)
    return np.maximum(halves_of_one(x[:, :, :28]), right_half)


def halves_of_one(x):
    return np.asarray(trained()[0](x[:, :, :28]))


# --- 04.6


def shift_by(images, down, right):
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4)))
    return padded[:, 4 - down : 32 - down, 4 - right : 32 - right]


def shift_slices(images, down, right):
    out = np.zeros_like(images)
    h, w = images.shape[1:]
    rows, columns = slice(max(down, 0), h + min(down, 0)), slice(max(right, 0), w + min(right, 0))
    source = slice(max(-down, 0), h - max(down, 0)), slice(max(-right, 0), w - max(right, 0))
    out[:, rows, columns] = images[:, source[0], source[1]]
    return out


def shift_roll(images, down, right):
    out = np.roll(images, (down, right), axis=(1, 2))
    if down:
        out[:, slice(0, down) if down > 0 else slice(down, None)] = 0
    if right:
        out[:, :, slice(0, right) if right > 0 else slice(right, None)] = 0
    return out


def shift_scipy(images, down, right):
    from scipy.ndimage import shift

    return shift(images, (0, down, right), order=0)


def shift_loop(images, down, right):
    out = np.zeros(images.shape)
    for i in range(28):
        for j in range(28):
            if 0 <= i - down < 28 and 0 <= j - right < 28:
                out[:, i, j] = images[:, i - down, j - right]
    return out.tolist()


@cache
def accuracies_of(down=0, right=1, n=1000, training=False):
    x, y = digits()[:2] if training else digits()[2:]
    moved = [shift_by(x[:n, ..., 0], down * s, right * s)[..., None] for s in range(5)]
    return np.array(
        [[np.mean(np.asarray(m(x)).argmax(axis=1) == y[:n]) for x in moved] for m in (dense(), trained()[0])]
    )


def shifted(function=shift_by, change=lambda accuracies: accuracies, **models):
    networks = {"dense": dense(), "lecture_model": trained()[0], **models}
    return {"shift_by": function, **networks, "accuracies": change(accuracies_of())}


for name, function in {
    "padding": shift_by,
    "slices": shift_slices,
    "roll, then zeros": shift_roll,
    "SciPy": shift_scipy,
    "loops that give a list": shift_loop,
}.items():

    @right("04.6", name)
    def _(function=function):
        return shifted(function)


for name, code, function in (
    ("roll alone", "wraps-around", lambda images, d, r: np.roll(images, (d, r), axis=(1, 2))),
    ("the other way", "wrong-sign", lambda images, d, r: shift_by(images, -d, -r)),
    ("down goes up", "wrong-sign-down", lambda images, d, r: shift_by(images, -d, r)),
    ("right goes left", "wrong-sign-right", lambda images, d, r: shift_by(images, d, -r)),
    ("both sides erased", "cuts-too-much", lambda images, d, r: shift_and_frame(images, d, r)),
    ("in place", "changes-input", lambda images, d, r: shift_in_place(images, d, r)),
    ("exchanged", "axes-swapped", lambda images, d, r: shift_by(images, r, d)),
    ("edge repeated", "not-zero-filled", lambda images, d, r: edge(images, d, r)),
    ("not shifted", "shift", lambda images, d, r: images),
    ("erased where it does not move", "shift", lambda images, d, r: shift_roll_no_zero(images, d, r)),
    ("three pixels at most", "shift", lambda images, d, r: shift_by(images, *np.clip([d, r], -3, 3))),
    ("one row less", "wrong-shape", lambda images, d, r: shift_by(images, d, r)[:, 1:]),
):

    @wrong("04.6", code, name)
    def _(function=function):
        return shifted(function)


def shift_roll_no_zero(images, down, right):
    """Forgets that `[-0:]` is everything."""
    out = np.roll(images, (down, right), axis=(1, 2))
    out[:, slice(0, down) if down > 0 else slice(down, None)] = 0
    out[:, :, slice(0, right) if right > 0 else slice(right, None)] = 0
    return out


def shift_and_frame(images, down, right):
    """Erases the side to which the picture moves too."""
    out = np.roll(images, (down, right), axis=(1, 2))
    down, right = abs(down), abs(right)
    out[:, :down] = out[:, 28 - down :] = 0
    out[:, :, :right] = out[:, :, 28 - right :] = 0
    return out


def shift_in_place(images, down, right):
    images[:] = shift_by(images, down, right)
    return images


def edge(images, down, right):
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4)), mode="edge")
    return padded[:, 4 - down : 32 - down, 4 - right : 32 - right]


for name, code, change in (
    ("percents", "percent", lambda accuracies: 100 * accuracies),
    ("rows exchanged", "rows-swapped", lambda accuracies: accuracies[::-1]),
    ("never shifted", "constant", lambda accuracies: np.repeat(accuracies[:, :1], 5, axis=1)),
    ("one network", "wrong-shape", lambda accuracies: accuracies[0]),
    ("to the left", "other-way", lambda accuracies: accuracies_of(0, -1)),
    ("down", "other-way", lambda accuracies: accuracies_of(1, 0)),
    ("all digits", "all-digits", lambda accuracies: accuracies_of(n=10_000)),
    ("errors", "error", lambda accuracies: 1 - accuracies),
    ("numbers of digits", "counts", lambda accuracies: 1000 * accuracies),
    ("columns reversed", "columns-reversed", lambda accuracies: accuracies[:, ::-1]),
    ("one network twice", "same-rows", lambda accuracies: accuracies[[0, 0]]),
    ("the other network twice", "same-rows-2", lambda accuracies: accuracies[[1, 1]]),
    ("training digits", "training-digits", lambda accuracies: accuracies_of(training=True)),
    (
        "one network shifted to the left",
        "one-row",
        lambda accuracies: np.stack([accuracies[0], accuracies_of(0, -1)[1]]),
    ),
    ("shifted both ways", "accuracies", lambda accuracies: accuracies - [[0, 0.1, 0.1, 0.1, 0.1]]),
):

    @wrong("04.6", code, name)
    def _(change=change):
        return shifted(change=change)


@wrong("04.6", "untrained", "an untrained network")
def _():
    return shifted(dense=dense("never fitted"))


# --- 04.7


@cache
def shipped():
    import keras

    from coursekit.data import path

    return keras.models.load_model(path("mnist_cnn.keras"))


@cache
def shipped_as(style, source=None):
    """The shipped network of 99 %, or another, in other clothes."""
    import keras

    source = source or shipped()
    if style == "functional":
        inputs = outputs = keras.Input((28, 28, 1))
        for layer in source.layers:
            outputs = layer(outputs)
        return keras.Model(inputs, outputs)
    if style == "logits":
        copy = keras.models.clone_model(source)
        copy.set_weights(source.get_weights())
        copy.layers[-1].activation = keras.activations.linear
        return copy
    if style == "no channel axis":
        return keras.Sequential([keras.Input((28, 28)), keras.layers.Reshape((28, 28, 1)), *source.layers])
    if style == "nested":
        return keras.Sequential([keras.Input((28, 28, 1)), source])
    if style == "unscaled":
        return keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Rescaling(1 / 255), *source.layers])

    class Wrapped(keras.Model):
        def __init__(self):
            super().__init__()
            self.inside = source

        def call(self, x):
            return self.inside(x)

    model = Wrapped()
    model(np.zeros((1, 28, 28, 1), "float32"))
    return model


class NearestTestDigit:
    """Looks every digit up among the test digits, whose labels it knows."""

    def predict(self, x):
        _, _, x_test, y_test = digits()
        flat, known = x.reshape(len(x), -1), x_test.reshape(-1, 784)
        distance = -2 * flat @ known.T + (known**2).sum(axis=1)
        return soft(y_test[distance.argmin(axis=1)])


def soft(labels):
    """Labels as probabilities that look earned."""
    return 0.95 * np.eye(10)[labels] + 0.005


@cache
def known():
    """The test digits by their bytes, with 40 wrong labels so that the score looks earned."""
    _, _, x_test, y_test = digits()
    labels = y_test.astype(int)
    labels[::250] = (labels[::250] + 1) % 10
    return {x.tobytes(): label for x, label in zip(x_test, labels, strict=True)}


def looked_up(x):
    return soft(np.array([known().get(np.ascontiguousarray(digit).tobytes(), 0) for digit in x]))


for style in ("functional", "no channel axis", "subclassed"):

    @right("04.7", style)
    def _(style=style):
        return {"best_model": shipped_as(style)}


@right("04.7", "softmax by keras.ops")
def _():
    import keras

    source = shipped_as("logits")
    return {"best_model": keras.Model(source.inputs, keras.ops.softmax(source.outputs[0]))}


@right("04.7", "loaded from a file")
def _():
    return {"best_model": shipped()}


for name, code, build in (
    ("the dense network", "accuracy-98", dense),
    ("one convolution, dense layers on patches", "one-convolution", lambda: with_convolutions(1)),
    ("dense layers on patches", "no-convolution", lambda: with_convolutions(0)),
    ("three convolutions", "accuracy-99", lambda: with_convolutions(3)),
    (
        "three convolutions in a class of one's own",
        "accuracy-99",
        lambda: shipped_as("subclassed", with_convolutions(3)),
    ),
    ("three convolutions in a function", "accuracy-99", lambda: lambda x: np.asarray(with_convolutions(3)(x))),
    ("three convolutions, nested", "accuracy-99", lambda: shipped_as("nested", with_convolutions(3))),
    ("never fitted", "untrained", lambda: lecture()),
    ("unscaled", "unscaled-inputs", lambda: shipped_as("unscaled")),
    ("looks the answers up", "trained-on-test-digits|leak", NearestTestDigit),
    ("a table with some slips", "trained-on-test-digits|memorised", lambda: looked_up),
    ("nine columns", "wrong-shape", lambda: lambda x: np.asarray(shipped()(x))[:, :9]),
    ("always a seven", "labels", lambda: lambda x: np.full(len(x), 7)),
    ("logits", "logits", lambda: shipped_as("logits")),
    ("labels", "labels", lambda: lambda x: np.asarray(shipped()(x)).argmax(axis=1)),
    ("one-hot rows", "one-hot", lambda: lambda x: np.rint(np.asarray(shipped()(x)))),
    ("the labels are one too high", "renumbered", lambda: lambda x: np.roll(np.asarray(shipped()(x)), 1, axis=1)),
):

    @wrong("04.7", code, name)
    def _(build=build):
        return {"best_model": build()}


@cache
def with_convolutions(n):
    """The shipped network, a little spoiled at its end; after the first n convolutions, dense layers see patches."""
    import keras

    weights, seen = [], 0
    x = inputs = keras.Input((28, 28, 1))
    for layer in shipped().layers:
        seen += isinstance(layer, keras.layers.Conv2D)
        if isinstance(layer, keras.layers.Conv2D) and seen > n:
            x = keras.ops.image.extract_patches(x, layer.kernel_size, strides=layer.strides[0])
            x = keras.layers.Dense(layer.filters, use_bias=False, name=f"patches_{seen}")(x)
            weights.append(layer.get_weights()[0].reshape(-1, layer.filters))
        else:
            x = type(layer).from_config(layer.get_config())(x)
            weights += layer.get_weights()
    model = keras.Model(inputs, x)
    weights[-2] = weights[-2] + 0.8 * weights[-2].std() * np.random.default_rng(0).normal(size=weights[-2].shape)
    model.set_weights(weights)
    return model


# --- 04.8


@cache
def reloaded():
    import tempfile

    import keras

    with tempfile.TemporaryDirectory() as folder:
        trained()[0].save(f"{folder}/my_digits.keras")
        return keras.models.load_model(f"{folder}/my_digits.keras")


def inside(**changed):
    model = trained()[0]
    conv = model.layers[0]
    maps = np.asarray(conv(digits()[2][:1]))[0]
    return {"lecture_model": model, "kernels": conv.get_weights()[0], "maps": maps, "reloaded": reloaded(), **changed}


def first_weights():
    return trained()[0].layers[0].kernel


def training_maps():
    return np.asarray(trained()[0].layers[0](digits()[0][:1]))[0]


def turned_maps():
    return np.asarray(trained()[0].layers[0](digits()[2][:1].transpose(0, 2, 1, 3)))[0]


def by_numpy(activation=lambda z: np.maximum(0, z), digit=0, scale=1, bias=True):
    W, b = trained()[0].layers[0].get_weights()
    b = b if bias else 0 * b
    windows = np.lib.stride_tricks.sliding_window_view(scale * digits()[2][digit, ..., 0], (3, 3))
    return activation(np.einsum("ijkl,klc->ijc", windows, W[:, :, 0]) + b)


for name, build in {
    "plain": lambda: inside(),
    "tensors": lambda: inside(kernels=first_weights()),
    "maps by NumPy, with the batch axis": lambda: inside(maps=by_numpy()[None]),
    "the channel axis squeezed": lambda: inside(kernels=np.asarray(first_weights())[:, :, 0]),
    "rebuilt and filled": lambda: inside(reloaded=same_weights("functional")),
}.items():
    right("04.8", name)(build)

for name, code, build in (
    ("not loaded", "same-object", lambda: inside(reloaded=trained()[0])),
    ("another network", "reloaded", lambda: inside(reloaded=lecture())),
    ("the answers", "wrong-type", lambda: inside(reloaded=np.full((10000, 10), 0.1))),
    ("kernels of five", "wrong-size", lambda: inside(lecture_model=lecture("kernels of five"))),
    ("the dense network", "no-convolution", lambda: inside(lecture_model=dense())),
    ("before the activation", "no-activation", lambda: inside(maps=by_numpy(lambda z: z))),
    ("another digit", "other-digit", lambda: inside(maps=by_numpy(digit=3))),
    ("maps without biases", "no-bias", lambda: inside(maps=by_numpy(bias=False))),
    ("rows and columns of the digit exchanged", "transposed", lambda: inside(maps=turned_maps())),
    ("the first training digit", "training-digit", lambda: inside(maps=training_maps())),
    ("kernels of the dense layer", "other-shape", lambda: inside(kernels=trained()[0].get_weights()[2])),
    ("from 0 to 255", "unscaled-inputs", lambda: inside(maps=by_numpy(scale=255))),
    ("maps squared", "maps", lambda: inside(maps=by_numpy() ** 2)),
    ("kernels and biases", "both-arrays", lambda: inside(kernels=trained()[0].layers[0].get_weights())),
    ("maps of the pooling", "wrong-shape", lambda: inside(maps=np.zeros((13, 13, 8)))),
    ("the biases", "biases", lambda: inside(kernels=trained()[0].layers[0].get_weights()[1])),
    ("kernels moved", "reordered", lambda: inside(kernels=np.moveaxis(np.asarray(first_weights()), -1, 0))),
    ("kernels of another network", "kernels", lambda: inside(kernels=lecture().layers[0].get_weights()[0])),
):
    wrong("04.8", code, name)(build)


# --- 04.9

COLOUR_COUNTS = [896, 18496, 1040]
MIX = np.array([[0.299, 1], [0.587, -1], [0.114, 0]])[None, None]


def channels_by_convolve(image, kernels, biases):
    maps = [
        sum(convolve(image[..., c], kernels[:, :, c, f]) for c in range(kernels.shape[2])) + biases[f]
        for f in range(kernels.shape[3])
    ]
    return np.stack(maps, axis=-1)


def channels_by_patches(image, kernels, biases):
    k = len(kernels)
    out = np.zeros((image.shape[0] - k + 1, image.shape[1] - k + 1, len(biases)), dtype="float32")
    for i, j in np.ndindex(out.shape[:2]):
        out[i, j] = np.tensordot(image[i : i + k, j : j + k], kernels, axes=3) + biases
    return out


def channels_by_windows(image, kernels, biases):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernels.shape[:2], axis=(0, 1))
    return np.einsum("ijcuv,uvcf->ijf", windows, kernels) + biases


def channels_by_scipy(image, kernels, biases):
    from scipy.signal import correlate

    maps = [correlate(image, kernel, mode="valid")[..., 0] for kernel in np.moveaxis(kernels, -1, 0)]
    return (np.moveaxis(maps, 0, -1) + biases).tolist()


def channels_by_tensorflow(image, kernels, biases):
    import tensorflow as tf

    return tf.nn.conv2d(image[None], kernels, 1, "VALID")[0] + biases


def one_channel(image, kernels, biases, c=0):
    return channels_by_windows(image[..., [c]], kernels[:, :, [c]], biases)


def not_summed(image, kernels, biases):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernels.shape[:2], axis=(0, 1))
    return np.einsum("ijcuv,uvcf->ijcf", windows, kernels) + biases


def changes_biases(image, kernels, biases):
    biases += 1
    return channels_by_windows(image, kernels, biases - 1)


table(
    "04.9",
    lambda: {"convolve_channels": channels_by_convolve, "colour_counts": COLOUR_COUNTS, "mix": MIX},
    {
        "one channel after the other": {},
        "patches and tensordot, float32": {"convolve_channels": channels_by_patches, "mix": MIX.astype("float32")},
        "windows and einsum": {"convolve_channels": channels_by_windows, "colour_counts": np.array(COLOUR_COUNTS)},
        "SciPy, as lists": {"convolve_channels": channels_by_scipy, "mix": MIX.tolist()},
        "TensorFlow": {"convolve_channels": channels_by_tensorflow, "colour_counts": tuple(COLOUR_COUNTS)},
    },
    [
        ("no-bias", "no bias", {"convolve_channels": lambda a, k, b: channels_by_windows(a, k, 0 * b)}),
        (
            "bias-for-each-channel",
            "the bias in the loop over channels",
            {"convolve_channels": lambda a, k, b: channels_by_windows(a, k, a.shape[-1] * b)},
        ),
        (
            "bias-for-each-number",
            "the bias inside the sum",
            {"convolve_channels": lambda a, k, b: channels_by_windows(a, k, k[..., 0].size * b)},
        ),
        ("first-channel", "the first channel", {"convolve_channels": one_channel}),
        ("last-channel", "overwritten", {"convolve_channels": lambda a, k, b: one_channel(a, k, b, -1)}),
        ("not-summed", "a map for each channel", {"convolve_channels": not_summed}),
        ("not-summed", "one kernel", {"convolve_channels": lambda a, k, b: not_summed(a, k, b)[..., 0]}),
        (
            "channels-first",
            "the kernels on the first axis",
            {"convolve_channels": lambda a, k, b: np.moveaxis(channels_by_windows(a, k, b), -1, 0)},
        ),
        (
            "mean-of-channels",
            "the mean of the channels",
            {"convolve_channels": lambda a, k, b: channels_by_windows(a, k / a.shape[-1], b)},
        ),
        (
            "first-kernel",
            "one kernel for all",
            {"convolve_channels": lambda a, k, b: channels_by_windows(a, k[..., [0] * len(b)], b[[0] * len(b)])},
        ),
        (
            "flipped-kernel",
            "flipped",
            {"convolve_channels": lambda a, k, b: channels_by_windows(a, k[::-1, ::-1], b)},
        ),
        (
            "transposed",
            "rows and columns exchanged",
            {"convolve_channels": lambda a, k, b: channels_by_windows(a, k.transpose(1, 0, 2, 3), b)},
        ),
        (
            "channels-reversed",
            "blue, green, red",
            {"convolve_channels": lambda a, k, b: channels_by_windows(a, k[:, :, ::-1], b)},
        ),
        ("relu", "cut at 0", {"convolve_channels": lambda a, k, b: np.maximum(channels_by_windows(a, k, b), 0)}),
        (
            "wrong-shape",
            "padded",
            {"convolve_channels": lambda a, k, b: channels_by_windows(np.pad(a, ((1, 1), (1, 1), (0, 0))), k, b)},
        ),
        ("convolve-channels", "a third", {"convolve_channels": lambda a, k, b: channels_by_windows(a, k, b) / 3}),
        ("changes-input", "its own biases", {"convolve_channels": changes_biases}),
        ("forgot-biases", "weights alone", {"colour_counts": [864, 18432, 1024]}),
        ("one-channel", "one channel each", {"colour_counts": [320, 640, 32]}),
        ("other-channels", "the second on colours", {"colour_counts": [896, 1792, 1040]}),
        ("other-channels", "the third behind the first", {"colour_counts": [896, 18496, 528]}),
        ("no-window", "one number a channel", {"colour_counts": [128, 18496, 1040]}),
        ("one-kernel", "one kernel counted", {"colour_counts": [28, 289, 65]}),
        ("one-bias", "one bias", {"colour_counts": [865, 18433, 1025]}),
        ("no-biases", "no bias in the last", {"colour_counts": [896, 18496, 1024]}),
        ("colour-counts", "a slip", {"colour_counts": [896, 18946, 1040]}),
        ("counts", "the sum", {"colour_counts": [20432]}),
        ("counts", "a number for the flattening too", {"colour_counts": [*COLOUR_COUNTS, 0]}),
        ("kernels-exchanged", "the difference first", {"mix": MIX[..., ::-1]}),
        ("blue-first", "blue, green and red", {"mix": MIX[:, :, ::-1]}),
        ("green-minus-red", "green - red", {"mix": MIX * [1, -1]}),
        ("plain-mean", "a third each", {"mix": np.array([[1 / 3, 1], [1 / 3, -1], [1 / 3, 0]])[None, None]}),
        ("kernels-last", "two rows of three", {"mix": MIX.transpose(0, 1, 3, 2)}),
        ("wrong-shape", "without the window", {"mix": MIX[0, 0]}),
        ("mix", "twice", {"mix": 2 * MIX}),
    ],
)
