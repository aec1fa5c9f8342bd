"""Cases of notebook 09. Networks are trained once and shared; most cases only change weights."""

from functools import cache

import numpy as np

from tests.cases import table
from tests.cases.computed import computed_for_each
from tests.trained import trained_once


@cache
def digits(old, test=False):
    """One half of the digits as a network takes them; labels from 0."""
    from coursekit.data import load_mnist

    x, y = load_mnist()[1 if test else 0]
    mine = y < 5 if old else y >= 5
    return x[mine][..., None].astype("float32") / 255, y[mine].astype(int) - (0 if old else 5)


@cache
def thousand():
    x, y = digits(old=False)
    rows = np.random.default_rng(0).choice(len(x), 1000, replace=False)
    return x[rows], y[rows]


def build_network(outputs=5, last="softmax"):
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 5, strides=2, activation="relu"),
            layers.Conv2D(32, 3, strides=2, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(outputs, activation=last),
        ]
    )


def functional():
    import keras
    from keras import layers

    x = keras.Input((28, 28, 1))
    h = layers.Conv2D(16, 5, strides=2, activation="relu")(x)
    h = layers.MaxPooling2D()(layers.Conv2D(32, 3, activation="relu")(h))
    return keras.Model(x, layers.Dense(5, activation="softmax")(layers.Flatten()(h)))


def fit(model, x, y, optimizer="adam", epochs=3, batch_size=64):
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=model.layers[-1].activation.__name__ == "linear")
    model.compile(optimizer, loss)
    model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0)
    return model


def sgd(rate):
    import keras

    return keras.optimizers.SGD(rate)


@trained_once
def old_model():
    import keras

    keras.utils.set_random_seed(0)
    x, y = digits(old=True)
    return fit(build_network(), x[:15_000], y[:15_000], keras.optimizers.Adam(0.003))


def filled(weights, build=build_network):
    """A new network with these weights."""
    model = build()
    model.set_weights(weights)
    return model


def body_weights():
    return old_model().get_weights()[:-2]


# --- 09.1


def logits():
    return filled(old_model().get_weights(), lambda: build_network(last=None))


def nested():
    import keras

    source = filled(old_model().get_weights())
    body = keras.Sequential([keras.Input((28, 28, 1)), *source.layers[:-1]])
    return keras.Sequential([keras.Input((28, 28, 1)), body, source.layers[-1]])


def subclassed(weights):
    import keras

    source = filled(weights)

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = source.layers

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return x

    model = Net()
    model(np.zeros((1, 28, 28, 1), "float32"))
    return model


@trained_once
def other_style():
    x, y = digits(old=True)
    return fit(functional(), x[:15_000], y[:15_000], epochs=3)


@trained_once
def short():
    x, y = digits(old=True)
    return fit(build_network(), x[:200], y[:200], epochs=4)


def renumbered():
    *body, W, b = old_model().get_weights()
    return filled([*body, W[:, ::-1], b[::-1]])


def of_grey_values():
    first, *rest = old_model().get_weights()
    return filled([first / 255, *rest])


def softmax_layer(source=None):
    """The head in two layers: numbers, then a softmax."""
    import keras

    new = build_network(last=None)
    model = keras.Sequential([keras.Input((28, 28, 1)), *new.layers, keras.layers.Activation("softmax")])
    if source is not None:
        model.set_weights(source.get_weights())
    return model


def softmax_by_function(labels=False):
    import keras

    source = logits()
    if labels:
        return keras.Model(source.inputs, keras.ops.expand_dims(keras.ops.argmax(source.outputs[0], axis=1), 1))
    return keras.Model(source.inputs, keras.ops.softmax(source.outputs[0]))


def normalised(momentum=0.9):
    import keras
    from keras import layers

    chain = []
    for filters, size, strides in ((16, 5, 2), (32, 3, 2), (32, 3, 1)):
        chain += [
            layers.Conv2D(filters, size, strides=strides),
            layers.BatchNormalization(momentum=momentum),
            layers.ReLU(),
        ]
    return keras.Sequential([keras.Input((28, 28, 1)), *chain, layers.Flatten(), layers.Dense(5, activation="softmax")])


@trained_once
def lagging():
    import keras

    keras.utils.set_random_seed(0)
    x, y = digits(old=True)
    model = fit(normalised(0.9999), x[:15_000] / 30, y[:15_000], epochs=1)
    first, *rest = model.get_weights()
    return filled([first / 30, *rest], lambda: normalised(0.9999))


@trained_once
def prompt():
    import keras

    keras.utils.set_random_seed(0)
    x, y = digits(old=True)
    return fit(normalised(), x[:15_000], y[:15_000], epochs=2)


@trained_once
def squared():
    import keras

    keras.utils.set_random_seed(0)
    x, y = digits(old=True)
    model = build_network()
    model.compile("adam", "mean_squared_error")
    model.fit(x[:2000], y[:2000, None], verbose=0)
    return model


def with_hidden_layer():
    import keras
    from keras import layers

    body = build_network().layers[:-1]
    return keras.Sequential([keras.Input((28, 28, 1)), *body, layers.Dense(32, "relu"), layers.Dense(5, "softmax")])


def dense_only():
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(5, activation="softmax"),
        ]
    )


def wide():
    import keras
    from keras import layers

    parts = [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(5, activation="softmax"),
    ]
    return keras.Sequential(parts)


def zero_head():
    new = build_network()
    new.layers[-1].kernel.assign(0 * new.layers[-1].kernel)
    return new


def without_relu():
    import keras

    new = build_network()
    for layer in new.layers[:-1]:
        layer.activation = keras.activations.linear
    return keras.Sequential.from_config(new.get_config())


ONCE = []


def once():
    """The same network each time."""
    if not ONCE:
        ONCE.append(build_network())
    return ONCE[0]


table(
    "09.1",
    lambda: {"build_network": build_network, "old_model": old_model()},
    {
        "Sequential": {},
        "functional": lambda: {"build_network": functional, "old_model": other_style()},
        "softmax as a layer": lambda: {
            "build_network": lambda: softmax_layer(),
            "old_model": softmax_layer(old_model()),
        },
        "softmax by keras.ops": lambda: {"old_model": softmax_by_function()},
        "nested": lambda: {"old_model": nested()},
        "subclassed": lambda: {"old_model": subclassed(old_model().get_weights())},
        "a head that begins with zeros": lambda: {"build_network": zero_head},
        "batch normalisation and ReLU as layers": lambda: {"build_network": normalised, "old_model": prompt()},
    },
    [
        ("wrong-type", "a network", lambda: {"build_network": build_network()}),
        ("wrong-head", "ten outputs", {"build_network": lambda: build_network(10)}),
        ("same-network", "built once", {"build_network": once}),
        ("already-trained", "trained", {"build_network": lambda: filled(old_model().get_weights())}),
        ("no-convolution", "dense only", {"build_network": dense_only}),
        ("hidden-dense", "a hidden dense layer", {"build_network": with_hidden_layer}),
        ("no-relu", "no activations", {"build_network": without_relu}),
        ("size", "far too many", {"build_network": wide}),
        ("untrained|constant", "not trained", lambda: {"old_model": build_network()}),
        ("accuracy", "too few digits", lambda: {"old_model": short()}),
        ("renumbered", "renumbered", lambda: {"old_model": renumbered()}),
        ("logits", "logits", lambda: {"build_network": lambda: build_network(last=None), "old_model": logits()}),
        ("logits", "logits trained", lambda: {"old_model": logits()}),
        ("wrong-loss", "squared error", lambda: {"old_model": squared()}),
        ("moving-averages", "averages that lag", lambda: {"build_network": normalised, "old_model": lagging()}),
        ("other-network", "another network", lambda: {"old_model": other_style()}),
        ("labels", "labels", lambda: {"old_model": softmax_by_function(labels=True)}),
        ("unscaled-inputs", "grey values", lambda: {"old_model": of_grey_values()}),
    ],
)


# --- 09.2


def features_of(x):
    import keras

    return np.asarray(keras.Sequential(old_model().layers[:-1])(x))


@trained_once
def head_weights(epochs=12):
    """A head trained on the frozen body, alone."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    x, y = thousand()
    head = keras.Sequential([keras.Input((288,)), layers.Dense(5, activation="softmax")])
    return fit(head, features_of(x), y, keras.optimizers.Adam(0.003), epochs, 32).get_weights()


def frozen(model, depth=-1):
    for layer in model.layers[:depth]:
        layer.trainable = False
    return model


def transfer_model(build=build_network, head=None):
    return frozen(filled([*body_weights(), *(head or head_weights())], build))


def transfer_shared():
    """The layers of `old_model` themselves; thawed again for the other cases."""
    import keras

    new = keras.layers.Dense(5, activation="softmax")
    model = keras.Sequential([keras.Input((28, 28, 1)), *copy_layers(), new])
    new.set_weights(head_weights())
    return frozen(model)


def copy_layers():
    return filled(old_model().get_weights()).layers[:-1]


def transfer_nested(inner=False):
    import keras

    body = keras.Sequential([keras.Input((28, 28, 1)), *copy_layers()])
    if inner:
        for layer in body.layers:
            layer.trainable = False
    else:
        body.trainable = False
    new = keras.layers.Dense(5, activation="softmax")
    model = keras.Sequential([keras.Input((28, 28, 1)), body, new])
    new.set_weights(head_weights())
    return model


def transfer_functional():
    import keras

    source = frozen(filled(old_model().get_weights()), None)
    new = keras.layers.Dense(5, activation="softmax")
    model = keras.Model(source.inputs, new(source.layers[-2].output))
    new.set_weights(head_weights())
    return model


def transfer_two_layers():
    """A head of two layers: the second only passes on."""
    import keras

    new = keras.layers.Dense(5), keras.layers.Dense(5, activation="softmax")
    model = keras.Sequential([keras.Input((28, 28, 1)), *copy_layers(), *new])
    new[0].set_weights(head_weights())
    new[1].set_weights([np.eye(5), np.zeros(5)])
    return frozen(model, -2)


def all_frozen(head):
    return frozen(transfer_model(head=head), None)


def head_on_frozen_network():
    """A frozen network of the body's layers, to which a head is added: nothing can be trained."""
    import keras

    model = keras.Sequential([keras.Input((28, 28, 1)), *copy_layers()])
    model.trainable = False
    model.add(keras.layers.Dense(5, activation="softmax"))
    return model


def nudged(scale, start=None, seed=0):
    """The transfer network with all weights a little off."""
    rng = np.random.default_rng(seed)
    weights = start or [*body_weights(), *head_weights()]
    return [w + scale * rng.normal(size=w.shape) * (np.abs(w).mean() + 1e-3) for w in weights]


def answers_2():
    model = old_model()
    return {
        "old_model": model,
        "weights_before": model.get_weights(),
        "transfer_model": transfer_model(),
        "n_trainable": 1445,
    }


table(
    "09.2",
    answers_2,
    {
        "layer by layer": {},
        "shared layers": lambda: {"transfer_model": transfer_shared(), "n_trainable": 1445.0},
        "nested": lambda: {"transfer_model": transfer_nested()},
        "nested, frozen inside": lambda: {"transfer_model": transfer_nested(inner=True)},
        "functional": lambda: {"transfer_model": transfer_functional(), "n_trainable": np.array([1445])},
        "logits": lambda: {"transfer_model": transfer_model(lambda: build_network(last=None))},
        "frozen as a whole afterwards": lambda: {"transfer_model": all_frozen(head_weights())},
        "the softmax a layer of its own": lambda: {
            "old_model": softmax_layer(old_model()),
            "transfer_model": frozen(softmax_layer(transfer_model()), -2),
        },
    },
    [
        ("wrong-head", "ten outputs", lambda: {"transfer_model": frozen(build_network(10))}),
        ("body-not-frozen", "body moved", lambda: {"transfer_model": frozen(filled(nudged(0.05)))}),
        ("body-not-frozen", "shared and moved", lambda: shared_and_moved()),
        ("old-model-changed", "trained anew", lambda: {"old_model": filled(nudged(0.05, old_model().get_weights()))}),
        ("old-model-changed", "its head trained on", lambda: {"old_model": other_head()}),
        (
            "old-head-moved",
            "old head kept",
            lambda: {"old_model": other_head(), "transfer_model": frozen(other_head())},
        ),
        (
            "other-head",
            "a head of two layers",
            lambda: {"transfer_model": transfer_two_layers(), "n_trainable": 1475},
        ),
        ("old-head-kept", "below the new one", lambda: {"transfer_model": old_head_below()}),
        ("new-body", "cloned without weights", lambda: {"transfer_model": frozen(build_network())}),
        ("body-trainable", "not frozen", lambda: {"transfer_model": filled([*body_weights(), *head_weights()])}),
        ("head-frozen", "frozen as a whole", lambda: {"transfer_model": all_frozen(new_head())}),
        ("head-frozen", "a head added to it", lambda: {"transfer_model": head_on_frozen_network()}),
        ("other-body", "another body", lambda: {"transfer_model": frozen(functional())}),
        ("forgot-biases", "no biases", {"n_trainable": 1440}),
        ("counted-all", "the whole network", {"n_trainable": 15749}),
        ("counted-body", "the body", {"n_trainable": 14304}),
        ("one-output", "one output", {"n_trainable": 289}),
        ("features-alone", "the features", {"n_trainable": 288}),
        ("one-bias", "one bias for all", {"n_trainable": 1441}),
        ("arrays", "len of trainable_weights", {"n_trainable": 2}),
        ("n-trainable", "another number", {"n_trainable": 1000}),
        ("n-trainable", "twice as many", {"n_trainable": 2890}),
        ("wrong-type", "the network for its weights", lambda: {"weights_before": old_model()}),
        ("other-network", "noted of another network", lambda: {"weights_before": build_network(10).get_weights()}),
        ("other-network", "a smaller network since", lambda: {"old_model": other_style()}),
        ("batch-normalization", "batch normalisation not frozen", lambda: moving_averages()),
        ("old-head", "the old head", lambda: {"transfer_model": frozen(filled(old_model().get_weights()))}),
        (
            "labels-not-shifted",
            "9 - y",
            lambda: {"transfer_model": transfer_model(head=[w[..., ::-1] for w in head_weights()])},
        ),
        (
            "constant|untrained",
            "head not trained",
            lambda: {"transfer_model": transfer_model(head=build_network().get_weights()[-2:])},
        ),
        ("trained-on-test-digits", "test digits", lambda: {"transfer_model": transfer_model(head=by_heart())}),
        ("head-removed", "popped", lambda: {"old_model": popped()}),
    ],
)


@trained_once
def by_heart():
    """A head that has the test digits by heart."""
    from sklearn.linear_model import LogisticRegression

    x, y = digits(old=False, test=True)
    found = LogisticRegression(C=100, max_iter=300).fit(features_of(x), y)
    return [found.coef_.T, found.intercept_]


@cache
def popped():
    import keras

    return keras.Sequential([keras.Input((28, 28, 1)), *copy_layers()])


def shared_and_moved():
    moved = nudged(0.05, old_model().get_weights())
    return {"old_model": filled(moved), "transfer_model": frozen(filled([*moved[:-2], *head_weights()]))}


def moving_averages():
    """Means and variances moved while a new head was trained."""
    before = normalised().get_weights()
    after = [1.1 * w + 0.1 if w.ndim == 1 else w for w in before[:-2]]
    return {
        "old_model": filled(before, normalised),
        "weights_before": before,
        "transfer_model": frozen(filled([*after, *(0.5 * w + 0.1 for w in before[-2:])], normalised)),
    }


def old_head_below():
    """The softmax alone was cut off, so the old head stays."""
    import keras

    old = softmax_layer(old_model())
    return frozen(
        keras.Sequential([keras.Input((28, 28, 1)), *old.layers[:-1], keras.layers.Dense(5, activation="softmax")])
    )


def other_head():
    return filled([*body_weights(), *(1.5 * w + 0.1 for w in old_model().get_weights()[-2:])])


# --- 09.3


def features(x):
    return np.asarray(popped()(x))


def softmax_head(f, y, steps=150, rate=0.3):
    """A head trained by plain gradient descent in NumPy, on all examples at once."""
    W, b = np.zeros((f.shape[1], 5)), np.zeros(5)
    for _ in range(steps):
        z = f @ W + b
        p = np.exp(z - z.max(axis=1, keepdims=True))
        d = (p / p.sum(axis=1, keepdims=True) - np.eye(5)[y]) / len(y)
        W, b = W - rate * f.T @ d, b - rate * d.sum(axis=0)
    return W, b


def with_frozen_body(x, y, x_unseen):
    W, b = softmax_head(features(x), np.asarray(y) - 5)
    return 5 + (features(x_unseen) @ W + b).argmax(axis=1)


def with_brief_head(x, y, x_unseen):
    W, b = softmax_head(features(x), np.asarray(y) - 5, steps=1)
    return 5 + (features(x_unseen) @ W + b).argmax(axis=1)


def with_logistic(x, y, x_unseen):
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=50, tol=1e-2).fit(features(x), y)
    return model.predict(features(x_unseen))


@cache
def network_of_nothing():
    """One compiled network for all cases, and its first weights."""
    import keras

    keras.utils.set_random_seed(3)
    model = build_network()
    model.compile(sgd(0.1), "sparse_categorical_crossentropy", steps_per_execution=20)
    return model, model.get_weights()


def from_nothing(x, y, x_unseen, reset=True, scores=False, steps=200):
    answer = (scores_of_new if reset else scores_of_last)(np.asarray(x), np.asarray(y), np.asarray(x_unseen), steps)
    return answer if scores else 5 + answer.argmax(axis=1)


@computed_for_each
def scores_of_new(x, y, x_unseen, steps):
    model, start = network_of_nothing()
    model.set_weights(start)
    return scores_of_last(x, y, x_unseen, steps)


def scores_of_last(x, y, x_unseen, steps):
    model, _ = network_of_nothing()
    rows = np.resize(np.arange(len(x)), 32 * steps)
    model.fit(x[rows], y[rows] - 5, batch_size=32, verbose=0)
    return np.asarray(model(x_unseen))


def from_old(x, y, x_unseen):
    """Trains all of the network, but begins with the weights of `old_model`."""
    model, start = network_of_nothing()
    model.set_weights(old_model().get_weights())
    answer = from_nothing(x, y, x_unseen, reset=False)
    model.set_weights(start)
    return answer


def body_that_learns():
    """The layers of `old_model` move while a head on them learns."""
    import keras

    model = filled(old_model().get_weights())
    body = keras.Sequential(model.layers[:-1])

    def learn(x, y, x_unseen):
        answer = with_frozen_body(x, y, x_unseen)
        model.set_weights(nudged(0.01, model.get_weights()))
        return answer

    return {"old_model": model, "features": lambda x: np.asarray(body(x)), "with_frozen_body": learn}


def features_in_place(x):
    x *= 0.5
    return features(2 * x)


def learned_on_test(x, y, x_unseen):
    W, b = head_weights()
    return 5 + (features(x_unseen) @ W + b).argmax(axis=1)


table(
    "09.3",
    lambda: {
        "old_model": old_model(),
        "features": features,
        "with_frozen_body": with_frozen_body,
        "from_nothing": from_nothing,
    },
    {
        "NumPy head": {},
        "scikit-learn": {"with_frozen_body": with_logistic},
        "lists": {"with_frozen_body": lambda *a: with_frozen_body(*a).tolist()},
        "a tensor": {"features": lambda x: popped()(x)},
        "a column of floats": {"from_nothing": lambda *a: from_nothing(*a)[:, None].astype("float32")},
    },
    [
        ("scores", "scores", {"from_nothing": lambda *a: from_nothing(*a, scores=True)}),
        ("wrong-shape", "maps not flattened", {"features": lambda x: features(x).reshape(-1, 3, 3, 32)}),
        ("same-function", "one for both", {"from_nothing": with_frozen_body}),
        ("old-weights", "begins with old_model", {"from_nothing": from_old}),
        ("body-not-frozen", "the body learns too", lambda: body_that_learns()),
        ("changes-input", "in place", {"features": features_in_place}),
        ("exchanged", "exchanged", {"with_frozen_body": from_nothing, "from_nothing": with_frozen_body}),
        (
            "features",
            "of another network, exchanged",
            {"features": lambda x: features(x)[:, ::-1], "with_frozen_body": from_nothing},
        ),
        ("after-the-head", "after the head", {"features": lambda x: np.asarray(old_model()(x))}),
        ("wrong-shape", "the pixels", {"features": lambda x: x.reshape(len(x), -1)}),
        ("features", "of a new network", {"features": lambda x: features(x)[:, ::-1]}),
        ("labels-not-shifted", "0 to 4", {"with_frozen_body": lambda *a: with_frozen_body(*a) - 5}),
        ("more-than-given", "learned elsewhere", {"with_frozen_body": learned_on_test}),
        ("more-than-given", "not reset", {"from_nothing": lambda *a: from_nothing(*a, reset=False)}),
        ("constant", "always 7", {"from_nothing": lambda x, y, u: np.full(len(u), 7)}),
        ("untrained", "guesses", {"from_nothing": lambda x, y, u: 5 + np.arange(len(u)) % 5}),
        ("frozen_100", "a head trained for one epoch", {"with_frozen_body": with_brief_head}),
        ("nothing_100", "few steps", {"from_nothing": lambda *a: from_nothing(*a, steps=20)}),
        ("wrong-shape", "guesses for x", {"with_frozen_body": lambda x, y, u: with_frozen_body(x, y, x)}),
        ("wrong-values", "ten too high", {"with_frozen_body": lambda *a: with_frozen_body(*a) + 10}),
    ],
)


# --- 09.4


@trained_once
def tuned_weights(rate=0.03, epochs=12, optimizer=None):
    import keras

    keras.utils.set_random_seed(2)
    model = filled([*body_weights(), *head_weights()])
    return fit(model, *thousand(), optimizer or sgd(rate), epochs, 32).get_weights()


@trained_once
def scratch_weights():
    import keras

    keras.utils.set_random_seed(5)
    return fit(build_network(), *thousand(), epochs=8, batch_size=32).get_weights()


def exchanged():
    """The fine-tuned network with its filters in another order: it reads as well, with a body of other weights."""
    first, b1, second, b2, *rest = tuned_weights()
    return [first[..., ::-1], b1[::-1], second[:, :, ::-1, ::-1], b2[::-1], rest[0][:, :, ::-1], *rest[1:]]


def tuned_functional():
    import keras

    source = filled(tuned_weights())
    return keras.Model(source.inputs, source.outputs)


def partly():
    first = body_weights()[:2]
    return filled([*first, *tuned_weights()[2:]])


@trained_once
def old_tuned():
    """`old_model` fine-tuned, with the head of 0 to 4."""
    return fit(filled(old_model().get_weights()), *thousand(), sgd(0.01), 6, 32).get_weights()


def head_only():
    return filled([*body_weights(), *(w * 1.01 for w in head_weights())])


table(
    "09.4",
    lambda: {"old_model": old_model(), "transfer_model": transfer_model(), "fine_tuned": filled(tuned_weights())},
    {
        "Sequential": {},
        "functional": lambda: {"fine_tuned": tuned_functional()},
        "subclassed": lambda: {"fine_tuned": subclassed(tuned_weights())},
        "logits": lambda: {"fine_tuned": filled(tuned_weights(), lambda: build_network(last=None))},
        "frozen again afterwards": lambda: {"fine_tuned": frozen(filled(tuned_weights()))},
        "Adam": lambda: {"fine_tuned": filled(tuned_weights(epochs=6, optimizer="adam"))},
        "nested transfer": lambda: {"transfer_model": transfer_nested()},
    },
    [
        ("still-frozen", "head only", lambda: {"fine_tuned": head_only()}),
        ("same-weights", "not trained", lambda: {"fine_tuned": transfer_model()}),
        ("old-head", "a copy of old_model", lambda: {"fine_tuned": filled(old_tuned())}),
        ("partly-frozen", "first layer frozen", lambda: {"fine_tuned": partly()}),
        ("body-moved", "the transfer body moved too", lambda: {"transfer_model": frozen(filled(nudged(0.05)))}),
        (
            "other-network",
            "another transfer body",
            lambda: {"transfer_model": functional(), "fine_tuned": functional()},
        ),
        ("from-nothing", "from nothing", lambda: {"fine_tuned": filled(scratch_weights())}),
        ("from-nothing", "another body that reads as well", lambda: {"fine_tuned": filled(exchanged())}),
        ("learning-rate-too-large", "far off", lambda: {"fine_tuned": filled(nudged(1.2))}),
        ("other-network", "another network", lambda: {"fine_tuned": functional()}),
        ("wrong-head", "ten outputs", lambda: {"fine_tuned": build_network(10)}),
    ],
)


# --- 09.5


@cache
def broken():
    """Trained by steps that are too large, and still finite."""
    rate = 0.5
    return filled(tuned_weights(rate=rate, epochs=4))


def remembered(network):
    hybrid = build_network()
    hybrid.set_weights([*network.get_weights()[:-2], *old_model().get_weights()[-2:]])
    return score(hybrid)


def score(model, old=True):
    x, y = digits(old=old, test=True)
    return np.mean(np.asarray(model(x[:2000])).argmax(axis=1) == y[:2000])


def remembered_by_layers(network):
    x, y = digits(old=True, test=True)
    h = x[:2000]
    for layer in network.layers[:-1]:
        h = layer(h)
    return np.mean(np.asarray(old_model().layers[-1](h)).argmax(axis=1) == y[:2000])


def remembered_numpy(network):
    import keras

    x, y = digits(old=True, test=True)
    W, b = old_model().get_weights()[-2:]
    f = np.asarray(keras.Sequential(network.layers[:-1])(x[:2000]))
    return [float(np.mean((f @ W + b).argmax(axis=1) == y[:2000]))]


def remembered_reversed(network):
    return score(filled([*old_model().get_weights()[:-2], *network.get_weights()[-2:]]))


def new_head():
    return build_network().get_weights()[-2:]


def head_broken():
    return [*nudged(0.05)[:-2], *nudged(3.0)[-2:]]


def with_own_layer():
    import keras

    class Same(keras.layers.Layer):
        def call(self, x):
            return x

    return keras.Sequential([keras.Input((28, 28, 1)), Same(), *filled(old_model().get_weights()).layers])


def remembered_in_place(network):
    """Scales the head of the network that it was given: the same answers, other weights, each time it is called."""
    network.layers[-1].set_weights([1.01 * w for w in network.layers[-1].get_weights()])
    return remembered(network)


table(
    "09.5",
    lambda: {
        "old_model": old_model(),
        "transfer_model": transfer_model(),
        "remembered": remembered,
        "broken": filled(broken().get_weights()),
    },
    {
        "weights": {},
        "layers": {"remembered": remembered_by_layers},
        "NumPy": {"remembered": remembered_numpy},
        "evaluate": {"remembered": lambda network: np.float32(remembered(network))},
        "one element": {"remembered": lambda network: np.array([[remembered(network)]])},
        "blown off": lambda: {"broken": filled(nudged(3.0))},
    },
    [
        ("percent", "percent", {"remembered": lambda network: 100 * remembered(network)}),
        ("forgotten-share", "forgotten", {"remembered": lambda network: 1 - remembered(network)}),
        ("body-unused", "the old network", {"remembered": lambda network: score(old_model())}),
        ("own-head", "its own head", {"remembered": score}),
        ("exchanged|own-head", "the old body", {"remembered": remembered_reversed}),
        ("old-digits", "trained on old digits", lambda: {"broken": filled(nudged(0.01, old_model().get_weights()))}),
        ("new-digits", "new digits", {"remembered": lambda network: score(network, old=False)}),
        ("old-model-spoiled", "spoiled head", lambda: {"old_model": filled([*body_weights(), *head_weights()])}),
        ("changes-network", "in place", {"remembered": remembered_in_place}),
        ("not-trained", "not trained", lambda: {"broken": transfer_model()}),
        ("worse", "still good", lambda: {"broken": filled(tuned_weights())}),
        ("constant", "always `broken`", lambda: {"remembered": lambda network: remembered(broken())}),
        ("untrained", "a new head, not trained", lambda: {"transfer_model": transfer_model(head=new_head())}),
        ("not-finite", "a rate that is endless", lambda: {"broken": filled([np.nan * w for w in nudged(1)])}),
        ("not-layers", "a layer of one's own", lambda: {"old_model": with_own_layer()}),
        ("still-frozen", "only the head is broken", lambda: {"broken": filled([*body_weights(), *nudged(3.0)[-2:]])}),
        ("forgotten", "the head is broken, the body hardly", lambda: {"broken": filled(head_broken())}),
        ("not-from-transfer", "never trained", lambda: {"broken": build_network()}),
        ("other-network", "another network", lambda: {"broken": other_style()}),
    ],
)
