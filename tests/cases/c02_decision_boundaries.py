"""Cases of notebook 02."""

from functools import cache

import numpy as np

from tests.cases import right, table, wrong
from tests.trained import trained_once

# --- 02.1


@cache
def moons():
    from sklearn.datasets import make_moons

    return make_moons(400, noise=0.25, random_state=0)


@cache
def moons_tree():
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_depth=5, random_state=0).fit(*moons())


def mesh_points(xlim, ylim, n):
    x1, x2 = np.meshgrid(np.linspace(*xlim, n), np.linspace(*ylim, n))
    return np.column_stack([x1.ravel(), x2.ravel()])


def mesh_columns_first(xlim, ylim, n):
    return [[a, b] for a in np.linspace(*xlim, n) for b in np.linspace(*ylim, n)]


def mesh_mgrid(xlim, ylim, n):
    x2, x1 = np.mgrid[ylim[0] : ylim[1] : n * 1j, xlim[0] : xlim[1] : n * 1j]
    return np.stack([x1, x2], axis=-1).reshape(-1, 2)


def as_field(values, n):
    return np.reshape(values, (n, n))


def as_field_loop(values, n):
    picture = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            picture[i, j] = values[i * n + j]
    return picture


def tree_field(xlim=(-2, 3), ylim=(-2, 2.5), n=150):
    return moons_tree().predict(mesh_points(xlim, ylim, n)).reshape(n, n)


def tree_field_of_probabilities():
    return moons_tree().predict_proba(mesh_points((-2, 3), (-2, 2.5), 150))[:, 1].reshape(150, 150)


def mesh_mixed(xlim, ylim, n):
    return np.array(np.meshgrid(np.linspace(*xlim, n), np.linspace(*ylim, n))).reshape(-1, 2)


def tree_field_exchanged():
    return moons_tree().predict(mesh_points((-2, 3), (-2, 2.5), 150)[:, ::-1]).reshape(150, 150)


def answers_1():
    return {"mesh_points": mesh_points, "as_field": as_field, "field": tree_field(), "tree": moons_tree()}


table(
    "02.1",
    answers_1,
    {
        "meshgrid": {},
        "columns first": {
            "mesh_points": mesh_columns_first,
            "as_field": lambda values, n: np.reshape(values, (n, n)).T,
        },
        "mgrid": {"mesh_points": mesh_mgrid},
        "loops": {"as_field": as_field_loop},
        "float32": lambda: {
            "mesh_points": lambda *args: mesh_points(*args).astype("float32"),
            "field": tree_field() * 1.0,
        },
    },
    [
        ("transposed", "transposed", {"as_field": lambda values, n: np.reshape(values, (n, n)).T}),
        ("upside-down", "upside down", {"as_field": lambda values, n: np.reshape(values, (n, n))[::-1]}),
        ("columns-exchanged", "x2, x1", {"mesh_points": lambda *args: mesh_points(*args)[:, ::-1]}),
        (
            "diagonal",
            "no mesh",
            {
                "mesh_points": lambda xlim, ylim, n: np.tile(
                    np.column_stack([np.linspace(*xlim, n), np.linspace(*ylim, n)]), (n, 1)
                )
            },
        ),
        (
            "end-left-out",
            "arange",
            {
                "mesh_points": lambda xlim, ylim, n: np.array(
                    [
                        [a, b]
                        for b in np.linspace(*ylim, n, endpoint=False)
                        for a in np.linspace(*xlim, n, endpoint=False)
                    ]
                )
            },
        ),
        ("wrong-shape", "n points", {"mesh_points": lambda xlim, ylim, n: mesh_points(xlim, ylim, n)[:n]}),
        ("wrong-mesh", "limits exchanged", {"mesh_points": lambda xlim, ylim, n: mesh_points(ylim, (0, 1), n)}),
        (
            "wrong-mesh",
            "the limits of the page",
            {"mesh_points": lambda xlim, ylim, n: mesh_points((-2, 3), (-2, 2.5), n)},
        ),
        ("left-right", "mirrored", {"as_field": lambda values, n: np.reshape(values, (n, n))[:, ::-1]}),
        ("field", "another range", lambda: {"field": tree_field(xlim=(-1, 2))}),
        ("transposed", "field transposed", lambda: {"field": tree_field().T}),
        ("wrong-shape", "field too coarse", lambda: {"field": tree_field(n=100)}),
        ("mixed", "reshaped without a transpose", {"mesh_points": mesh_mixed}),
        ("constant", "a field never filled", {"field": np.zeros((150, 150))}),
        ("probabilities", "field of probabilities", lambda: {"field": tree_field_of_probabilities()}),
        ("upside-down", "field upside down", lambda: {"field": tree_field()[::-1]}),
        ("columns-exchanged", "field of x2, x1", lambda: {"field": tree_field_exchanged()}),
    ],
)


# --- 02.2


@cache
def datasets():
    from sklearn.datasets import make_circles

    from coursekit.data import make_spirals, make_xor

    return {
        "moons": moons(),
        "circles": make_circles(400, noise=0.12, factor=0.5, random_state=0),
        "spirals": make_spirals(400, noise=0.05, seed=0),
        "XOR": make_xor(400, noise=0.25, seed=0),
    }


@trained_once
def twelve(style="plain"):
    from sklearn.base import clone
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier
    from xgboost import XGBClassifier

    settings = {"solver": "lbfgs", "activation": "tanh", "alpha": 0.1, "max_iter": 1000, "random_state": 1}
    models = {
        "tree": DecisionTreeClassifier(random_state=1),
        "MLP": MLPClassifier((32, 32), **settings),
        "XGBoost": XGBClassifier(n_estimators=50, n_jobs=1),
    }
    if style == "other settings":
        models["tree"] = DecisionTreeClassifier(criterion="entropy", min_samples_leaf=2)
        models["MLP"] = MLPClassifier((30, 30), **{**settings, "activation": "relu", "max_iter": 300})
        models["XGBoost"] = XGBClassifier(n_estimators=100, learning_rate=0.1, n_jobs=1)
    if style == "pipelines":
        models["MLP"] = make_pipeline(StandardScaler(), models["MLP"])
    if style == "searched":
        from sklearn.model_selection import GridSearchCV

        models["tree"] = GridSearchCV(models["tree"], {"min_samples_leaf": [1, 2]}, cv=3)
    return {data: {name: clone(m).fit(X, y) for name, m in models.items()} for data, (X, y) in datasets().items()}


for style in ("plain", "other settings", "pipelines", "searched"):

    @right("02.2", style)
    def _(style=style):
        return {"fitted": twelve(style)}


@right("02.2", "more than is asked for")
def _():
    from sklearn.dummy import DummyClassifier

    return {"fitted": {data: {**models, "guess": DummyClassifier()} for data, models in twelve().items()}}


def changed(data, name, model):
    fitted = {key: dict(models) for key, models in twelve().items()}
    fitted[data][name] = model
    return {"fitted": fitted}


@wrong("02.2", "same-model", "one object for all")
def _():
    last = twelve()["XOR"]
    return {"fitted": {data: last for data in datasets()}}


@wrong("02.2", "moons_tree", "data sets exchanged")
def _():
    fitted = twelve()
    return {"fitted": {**fitted, "moons": fitted["spirals"], "spirals": fitted["moons"]}}


@wrong("02.2", "wrong-order", "classifiers outside")
def _():
    fitted = twelve()
    return {"fitted": {name: {data: fitted[data][name] for data in fitted} for name in ("tree", "MLP", "XGBoost")}}


@wrong("02.2", "wrong-keys", "no spirals")
def _():
    return {"fitted": {data: models for data, models in twelve().items() if data != "spirals"}}


@wrong("02.2", "wrong-keys", "one classifier alone")
def _():
    fitted = twelve()
    return {"fitted": {**fitted, "moons": {"tree": fitted["moons"]["tree"]}}}


@wrong("02.2", "circles_tree", "one label for all circles")
def _():
    from sklearn.tree import DecisionTreeClassifier

    return changed("circles", "tree", DecisionTreeClassifier(min_samples_leaf=300).fit(*datasets()["circles"]))


@wrong("02.2", "spirals_tree", "leaves of a hundred points")
def _():
    from sklearn.tree import DecisionTreeClassifier

    return changed("spirals", "tree", DecisionTreeClassifier(min_samples_leaf=100).fit(*datasets()["spirals"]))


@wrong("02.2", "spirals_MLP", "two hidden units")
def _():
    from sklearn.neural_network import MLPClassifier

    small = MLPClassifier((2,), solver="lbfgs", max_iter=100, random_state=0).fit(*datasets()["spirals"])
    return changed("spirals", "MLP", small)


@wrong("02.2", "moons_MLP", "labels the wrong way round")
def _():
    from sklearn.neural_network import MLPClassifier

    X, y = moons()
    return changed("moons", "MLP", MLPClassifier((8,), solver="lbfgs", max_iter=100, random_state=0).fit(X, 1 - y))


@wrong("02.2", "wrong-model", "a forest for XGBoost")
def _():
    from sklearn.ensemble import RandomForestClassifier

    return changed("moons", "XGBoost", RandomForestClassifier(20).fit(*moons()))


@wrong("02.2", "not-fitted", "one was forgotten")
def _():
    from sklearn.tree import DecisionTreeClassifier

    return changed("XOR", "tree", DecisionTreeClassifier())


@wrong("02.2", "spirals_MLP", "a network that is linear")
def _():
    from sklearn.neural_network import MLPClassifier

    linear = MLPClassifier((32,), activation="identity", solver="lbfgs").fit(*datasets()["spirals"])
    return changed("spirals", "MLP", linear)


@cache
def few_trees():
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=1, n_jobs=1).fit(*datasets()["spirals"])


@wrong("02.2", "spirals_XGBoost", "one tree to boost")
def _():
    return changed("spirals", "XGBoost", few_trees())


@wrong("02.2", "spirals_tree", "a shallow tree")
def _():
    from sklearn.tree import DecisionTreeClassifier

    return changed("spirals", "tree", DecisionTreeClassifier(max_depth=2).fit(*datasets()["spirals"]))


@wrong("02.2", "spirals_tree", "a tree that is a little too shallow")
def _():
    from sklearn.tree import DecisionTreeClassifier

    return changed("spirals", "tree", DecisionTreeClassifier(max_depth=4, random_state=0).fit(*datasets()["spirals"]))


@wrong("02.2", "XOR_MLP", "a network that ended by itself")
def _():
    from sklearn.neural_network import MLPClassifier

    return changed("XOR", "MLP", MLPClassifier((1,), solver="lbfgs", random_state=0).fit(*datasets()["XOR"]))


@wrong("02.2", "XOR_MLP", "stopped at max_iter")
def _():
    from sklearn.neural_network import MLPClassifier

    return changed("XOR", "MLP", MLPClassifier((8,), max_iter=3, random_state=0).fit(*datasets()["XOR"]))


@wrong("02.2", "not-a-model", "predictions in place of a model")
def _():
    return changed("moons", "tree", moons_tree().predict(moons()[0]))


@wrong("02.2", "wrong-type", "a list")
def _():
    return {"fitted": list(twelve().values())}


# --- 02.3


@cache
def few(seed=1, n=150):
    from sklearn.datasets import make_moons

    return make_moons(n, noise=0.35, random_state=seed)


@cache
def curves(on_validation=False):
    from sklearn.tree import DecisionTreeClassifier

    points = few(2, 500) if on_validation else few()
    trees = [DecisionTreeClassifier(max_depth=depth, random_state=0).fit(*points) for depth in range(1, 16)]
    if on_validation:
        return [tree.score(*few(2, 500)) for tree in trees], [tree.score(*few()) for tree in trees]
    return [tree.score(*few()) for tree in trees], [tree.score(*few(2, 500)) for tree in trees]


def build_network(
    l2, dropout, units=(64, 64), hidden="relu", last="sigmoid", penalise=True, compiled=True, metrics=("accuracy",)
):
    import keras
    from keras import layers

    chain = [keras.Input((2,))]
    for width in units:
        penalty = keras.regularizers.L2(l2) if penalise else None
        chain.append(layers.Dense(width, activation=hidden, kernel_regularizer=penalty))
        if dropout is not None:
            chain.append(layers.Dropout(dropout))
    model = keras.Sequential([*chain, layers.Dense(1, activation=last)])
    if compiled:
        model.compile(keras.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=metrics and list(metrics))
    return model


def dropout_first(l2, dropout):
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((2,))])
    for _ in range(2):
        model.add(layers.Dropout(dropout))
        model.add(layers.Dense(64, "relu", kernel_regularizer=keras.regularizers.L2(l2)))
    model.add(layers.Dense(1, "sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def build_functional(l2, dropout):
    import keras
    from keras import layers

    inputs = x = keras.Input((2,))
    for _ in range(2):
        x = layers.Dense(64, kernel_regularizer=keras.regularizers.l2(l2))(x)
        x = layers.Activation("relu")(x)
        x = layers.Dropout(dropout)(x)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


@trained_once
def held(restore=True, epochs=150, learning_rate=0.01, validation=True, split=False):
    import keras

    keras.utils.set_random_seed(0)
    model = build_network(0.001, 0.2)
    model.optimizer.learning_rate = learning_rate
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=20, restore_best_weights=restore)
    extra = {"validation_data": few(2, 500), "callbacks": [stop]} if validation else {}
    if split:
        extra = {"validation_split": 0.2, "callbacks": [stop]}
    history = model.fit(*few(), epochs=epochs, batch_size=50, verbose=0, **extra)
    return {"held": model, "history": history}


@trained_once
def let_loose(seed=2, n=500):
    """A network that has learned the noise by heart, in few seconds."""
    import keras

    keras.utils.set_random_seed(0)
    model = build_network(0.0, 0.0)
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"], steps_per_execution=15)
    history = model.fit(*few(), validation_data=few(seed, n), epochs=50, batch_size=10, verbose=0)
    return {"held": model, "history": history}


@trained_once
def leaked():
    """Trained on the validation points themselves."""
    import keras

    keras.utils.set_random_seed(0)
    model = build_network(0.001, 0.2)
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=10, restore_best_weights=True)
    history = model.fit(
        *few(2, 500), validation_data=few(2, 500), epochs=60, batch_size=30, verbose=0, callbacks=[stop]
    )
    return {"held": model, "history": history}


def scores():
    return dict(zip(("train_scores", "val_scores"), curves()))


def tree_scores(depths, **settings):
    from sklearn.tree import DecisionTreeClassifier

    trees = [DecisionTreeClassifier(**{"max_depth": d, "random_state": 0, **settings}).fit(*few()) for d in depths]
    return {"train_scores": [t.score(*few()) for t in trees], "val_scores": [t.score(*few(2, 500)) for t in trees]}


def dropout_everywhere(l2, dropout, places=(0, 1, 2)):
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((2,))])
    for place, (width, activation) in enumerate(((64, "relu"), (64, "relu"), (1, "sigmoid"))):
        model.add(layers.Dense(width, activation, kernel_regularizer=keras.regularizers.L2(l2)))
        if place in places:
            model.add(layers.Dropout(dropout))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def bent_once(l2, dropout, place=0):
    """The activation of one hidden layer forgotten."""
    import keras

    model = build_network(l2, dropout)
    model.layers[2 * place].activation = keras.activations.linear
    return model


def penalty_everywhere(l2, dropout):
    return dropout_everywhere(l2, dropout, places=(0, 1))


def one_relu(l2, dropout):
    """One layer of ReLU, called twice."""
    import keras
    from keras import layers

    inputs = x = keras.Input((2,))
    relu = layers.ReLU()
    for _ in range(2):
        x = layers.Dense(64, kernel_regularizer=keras.regularizers.L2(l2))(x)
        x = layers.Dropout(dropout)(relu(x))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def compiled_anew(l2, dropout, loss):
    model = build_network(l2, dropout)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def from_logits(l2, dropout, last="sigmoid"):
    import keras

    model = build_network(l2, dropout, last=last)
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def absolute_penalty(l2, dropout):
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((2,))])
    for _ in range(2):
        model.add(layers.Dense(64, "relu", kernel_regularizer=keras.regularizers.L1(l2)))
        model.add(layers.Dropout(dropout))
    model.add(layers.Dense(1, "sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def answers_3():
    train, val = curves()
    answers = {"train_scores": train, "val_scores": val, "best_depth": int(np.argmax(val)) + 1}
    return {**answers, "build_network": build_network, **held()}


def without(X_val_loss):
    return {name: values for name, values in X_val_loss.items() if "val" not in name}


table(
    "02.3",
    answers_3,
    {
        "lists": {},
        "arrays, and the functional API": lambda: {
            "train_scores": np.array(curves()[0]),
            "val_scores": np.array(curves()[1]),
            "build_network": build_functional,
        },
        "a tuple, and the depth as a float": lambda: {
            "train_scores": tuple(curves()[0]),
            "best_depth": float(np.argmax(curves()[1]) + 1),
        },
        "one ReLU layer for both": {"build_network": one_relu},
        "arguments by other names": {"build_network": lambda *args: build_network(*args)},
    },
    [
        ("swapped", "exchanged", lambda: {"train_scores": curves()[1], "val_scores": curves()[0]}),
        ("fitted-on-validation", "fitted on X_val", lambda: dict(zip(("val_scores", "train_scores"), curves(True)))),
        ("exchanged", "l2 for dropout", {"build_network": lambda l2, dropout: build_network(dropout, l2)}),
        ("dropout-place", "dropout on the input", {"build_network": dropout_first}),
        ("other-activation", "tanh", {"build_network": lambda *args: build_network(*args, hidden="tanh")}),
        ("from-logits", "a sigmoid, and logits in the loss", {"build_network": from_logits}),
        ("no-sigmoid", "no sigmoid, and logits in the loss", {"build_network": lambda *args: from_logits(*args, None)}),
        ("l1", "an L1 penalty", {"build_network": absolute_penalty}),
        ("no-metric", "no metric", {"build_network": lambda *args: build_network(*args, metrics=None)}),
        ("logits", "logits", {"build_network": lambda *args: build_network(*args, last=None)}),
        (
            "errors",
            "errors",
            lambda: {"train_scores": 1 - np.array(curves()[0]), "val_scores": 1 - np.array(curves()[1])},
        ),
        ("same-points", "training twice", lambda: {"val_scores": curves()[0]}),
        ("off-by-one", "place for depth", lambda: {"best_depth": int(np.argmax(curves()[1]))}),
        ("chose-by-training", "by training", {"best_depth": 15}),
        ("wrong-shape", "fourteen depths", lambda: {"train_scores": curves()[0][:14]}),
        ("no-dropout", "no dropout", {"build_network": lambda l2, dropout: build_network(l2, None)}),
        ("dropout-rate", "fixed dropout", {"build_network": lambda l2, dropout: build_network(l2, 0.5)}),
        ("l2", "no penalty", {"build_network": lambda l2, dropout: build_network(l2, dropout, penalise=False)}),
        ("wrong-layers", "one layer", {"build_network": lambda l2, dropout: build_network(l2, dropout, units=(64,))}),
        ("linear-model", "no bend", {"build_network": lambda l2, dropout: build_network(l2, dropout, hidden=None)}),
        ("linear-layer", "the second without ReLU", {"build_network": lambda *args: bent_once(*args, place=1)}),
        ("linear-layer", "the first without ReLU", {"build_network": bent_once}),
        ("l2", "a penalty on the output too", {"build_network": penalty_everywhere}),
        ("not-compiled", "not compiled", {"build_network": lambda *args: build_network(*args, compiled=False)}),
        ("best-depth", "a depth taken at random", {"best_depth": 4}),
        ("score-for-depth", "the best score", lambda: {"best_depth": max(curves()[1])}),
        ("depth-unused", "no max_depth", lambda: tree_scores(range(1, 16), max_depth=None)),
        ("one-deeper", "depths 2 to 16", lambda: tree_scores(range(2, 17))),
        ("wrong-curve", "large leaves", lambda: tree_scores(range(1, 16), min_samples_leaf=10)),
        ("percent", "per cent", lambda: {name: 100 * np.array(part) for name, part in scores().items()}),
        ("reversed", "from the deepest", lambda: {name: part[::-1] for name, part in scores().items()}),
        ("trained-on-validation", "X_val twice", lambda: {"train_scores": curves()[1]}),
        ("fitted-on-validation-too", "new trees for X_val", lambda: {"val_scores": curves(True)[0]}),
        ("not-keras", "no return", {"build_network": lambda l2, dropout: print(end="")}),
        ("dropout-last", "a dropout after every layer", {"build_network": dropout_everywhere}),
        (
            "dropout-last",
            "a dropout at the end",
            {"build_network": lambda *args: dropout_everywhere(*args, places=(0, 2))},
        ),
        ("wrong-loss", "the squared error", {"build_network": lambda *args: compiled_anew(*args, loss="mse")}),
        ("no-sigmoid", "a softmax", {"build_network": lambda *args: build_network(*args, last="softmax")}),
        (
            "l2",
            "a weaker penalty",
            {"build_network": lambda l2, dropout: build_network(l2 / 10, dropout)},
        ),
        ("not-finite", "NaN losses", {"history": {"loss": [0.7, np.nan], "val_loss": [0.7, np.nan]}}),
    ],
)


@right("02.3", "the history as a dict")
def _():
    return {**answers_3(), "history": dict(held()["history"].history)}


@wrong("02.3", "trained-on-validation", "trained on X_val")
def _():
    return {**answers_3(), **leaked()}


@wrong("02.3", "not-restored", "let loose")
def _():
    return {**answers_3(), **let_loose()}


@wrong("02.3", "accuracy", "a penalty so strong that hardly a weight is left")
def _():
    model = build_network(0.0, 0.2)
    kernels = [np.zeros((2, 64)), np.eye(64), np.zeros((64, 1))]
    kernels[0][1, :2], kernels[2][:2, 0] = (1, -1), (-0.1, 0.1)
    model.set_weights([part for kernel in kernels for part in (kernel, np.zeros(kernel.shape[1]))])
    X, y = few(2, 500)
    loss = np.mean(np.logaddexp(0, np.where(y == 1, 0.1, -0.1) * X[:, 1]))
    return {**answers_3(), "held": model, "history": {"loss": [loss, loss], "val_loss": [loss, 1.001 * loss]}}


def stopped_at(model):
    """A network, and a history whose best epoch is its state."""
    X, y = few(2, 500)
    p = np.clip(model.predict(X, verbose=0)[:, 0], 1e-7, 1 - 1e-7)
    loss = -np.mean(np.where(y == 1, np.log(p), np.log(1 - p))) + float(sum(np.asarray(part) for part in model.losses))
    return {**answers_3(), "held": model, "history": {"loss": [loss, loss], "val_loss": [loss, 1.01 * loss]}}


@wrong("02.3", "constant", "a penalty that left no weight")
def _():
    model = build_network(1.0, 0.9)
    model.set_weights([0 * weights for weights in model.get_weights()[:-1]] + [np.array([0.1])])
    return stopped_at(model)


@wrong("02.3", "too-patient", "a patience of a hundred epochs")
def _():
    answers = stopped_at(held()["held"])
    losses = answers["history"]["val_loss"]
    return {**answers, "history": {"loss": losses[:1] * 60, "val_loss": losses[:1] + losses[1:] * 59}}


@wrong("02.3", "free", "stopped, but neither penalty nor dropout")
def _():
    model = build_network(0.0, 0.0)
    model.set_weights(held()["held"].get_weights())
    return stopped_at(model)


@wrong("02.3", "other-network", "a network of eight units")
def _():
    return stopped_at(build_network(0.001, 0.2, units=(8, 8)))


@wrong("02.3", "stopped", "the history of another network")
def _():
    return {**answers_3(), "held": let_loose()["held"]}


@wrong("02.3", "validation-split", "validated on the last of the training points")
def _():
    return {**answers_3(), **held(split=True, epochs=30)}


@wrong("02.3", "validated-on-training", "validated on the training points")
def _():
    answers = let_loose(1, 150)
    losses = list(answers["history"].history["val_loss"])
    return {**answers_3(), "held": answers["held"], "history": {"loss": losses, "val_loss": [*losses, losses[-1]]}}


@wrong("02.3", "no-validation", "no validation data")
def _():
    return {**answers_3(), "history": without(held()["history"].history)}


# --- 02.4


def disc(X):
    return (X[:, 0] ** 2 + X[:, 1] ** 2 < 0.5).astype(int)


def outside(X):
    return 1 - disc(X)


def inside(X):
    return disc(X) == 1


def quarters(X):
    return (X[:, 0] * X[:, 1] > 0) * 1.0


def network(widths, style="sigmoid"):
    import keras
    from keras import layers

    hidden = [layers.Dense(width, activation="relu") for width in widths]
    if style == "functional":
        inputs = x = keras.Input((2,))
        for layer in hidden:
            x = layer(x)
        return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    last = layers.Dense(2, activation="softmax") if style == "softmax" else layers.Dense(1, activation="sigmoid")
    if style == "logits":
        last = layers.Dense(1)
    return keras.Sequential([keras.Input((2,)), *hidden, last])


WIDE, DEEP = (200,), (16, 16, 16, 16)


@trained_once
def fitted(region, widths, style, epochs=100):
    import keras

    keras.utils.set_random_seed(0)
    X = np.random.default_rng(0).uniform(-1, 1, size=(1000, 2))
    model = network(widths, style)
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", steps_per_execution=20)
    model.fit(X, np.asarray(region(X), int), epochs=epochs, batch_size=50, verbose=0)
    return model


def said_otherwise(region, widths, style):
    """A trained network, written otherwise or with another last layer that says the same."""
    *hidden, kernel, bias = fitted(disc if region is inside else region, widths, "sigmoid").get_weights()
    if style == "softmax":  # that of 0 and z is the sigmoid of z
        kernel, bias = np.hstack([0 * kernel, kernel]), np.hstack([0 * bias, bias])
    model = network(widths, style)
    model.set_weights([*hidden, kernel, bias])
    return model


@cache
def trained(region, style="sigmoid"):
    made = fitted if style == "sigmoid" else said_otherwise
    return {"region": region, "wide": made(region, WIDE, style), "deep": made(region, DEEP, style)}


for name, region, style in (
    ("a disc", disc, "sigmoid"),
    ("booleans, functional", inside, "functional"),
    ("a disc, softmax", disc, "softmax"),
):

    @right("02.4", name)
    def _(region=region, style=style):
        return trained(region, style)


@right("02.4", "the sigmoid is an operation of a subclassed network")
def _():
    import keras
    from keras import layers, ops

    class Wide(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = layers.Dense(200, "relu"), layers.Dense(1)

        def call(self, x):
            return ops.sigmoid(self.out(self.hidden(x)))

    model = Wide()
    model(np.zeros((1, 2), "float32"))
    model.set_weights(trained(disc)["wide"].get_weights())
    return {**trained(disc), "wide": model}


@right("02.4", "a loop over the points")
def _():
    return {**trained(disc), "region": lambda X: [int(a * a + b * b < 0.5) for a, b in X]}


@wrong("02.4", "linear-network", "no activation in the hidden layers")
def _():
    import keras

    return {**trained(disc), "deep": keras.Sequential([keras.Input((2,)), *[keras.layers.Dense(16) for _ in range(4)],
                                                       keras.layers.Dense(1, activation="sigmoid")])}  # fmt: skip


@wrong("02.4", "trivial", "everything is inside")
def _():
    return {**trained(disc), "region": lambda X: np.ones(len(X))}


@wrong("02.4", "too-hard", "a chessboard of 60 by 60")
def _():
    return {**trained(disc), "region": lambda X: (np.floor(X * 30).sum(axis=1) % 2).astype(int)}


@wrong("02.4", "logits", "logits")
def _():
    return trained(disc, "logits")


@wrong("02.4", "depends-on-others", "a border with chance in it")
def _():
    return {**trained(disc), "region": lambda X: (X[:, 0] + 0.2 * np.random.randn(len(X)) > 0).astype(int)}


@wrong("02.4", "depends-on-others", "the upper half of the points")
def _():
    return {**trained(disc), "region": lambda X: (X[:, 0] > np.median(X[:, 0])).astype(int)}


@wrong("02.4", "random", "a coin")
def _():
    noise = np.random.default_rng(0)
    return {**trained(disc), "region": lambda X: noise.integers(0, 2, len(X))}


@wrong("02.4", "comparable", "a much larger deep network")
def _():
    return {**trained(disc), "deep": fitted(disc, (40, 40, 40), "sigmoid", 10)}


@wrong("02.4", "not-wide", "wide is deep")
def _():
    return {**trained(disc), "wide": trained(disc)["deep"]}


@wrong("02.4", "not-deep", "deep is wide")
def _():
    return {**trained(disc), "deep": trained(disc)["wide"]}


@wrong("02.4", "behind", "hardly trained")
def _():
    return {**trained(disc), "wide": fitted(disc, WIDE, "sigmoid", 1)}


@wrong("02.4", "behind|constant", "one was never fitted")
def _():
    import keras

    keras.utils.set_random_seed(0)
    wide = network(WIDE)
    wide.compile("adam", "binary_crossentropy")
    return {**trained(disc), "wide": wide}


@wrong("02.4", "constant", "one is stuck at a single answer")
def _():
    wide = network(WIDE)
    wide.set_weights([0 * weights for weights in wide.get_weights()[:-1]] + [np.array([-1.0])])
    wide.compile("adam", "binary_crossentropy")
    wide.optimizer.iterations.assign(2000)
    return {**trained(disc), "wide": wide}


@wrong("02.4", "behind", "trained on another region")
def _():
    return {**trained(disc), "region": quarters}


@wrong("02.4", "constant|behind", "neither is trained")
def _():
    import keras

    keras.utils.set_random_seed(0)
    return {**trained(disc), "wide": network(WIDE), "deep": network(DEEP)}


@wrong("02.4", "labels-swapped", "trained on the outside")
def _():
    return {**trained(disc), "region": lambda X: 1 - disc(X)}


@wrong("02.4", "labels-swapped", "one of the two trained on the outside")
def _():
    return {**trained(disc), "wide": fitted(outside, WIDE, "sigmoid")}


@wrong("02.4", "labels-not-0-1", "minus one and one")
def _():
    return {**trained(disc), "region": lambda X: 2 * disc(X) - 1}


@wrong("02.4", "not-keras", "a scikit-learn network")
def _():
    return {**trained(disc), "wide": moons_tree()}


@wrong("02.4", "wrong-shape", "one label for all")
def _():
    return {**trained(disc), "region": lambda X: int(disc(X).any())}


# --- 02.5


def collapse(W1, b1, W2, b2):
    return W1 @ W2, b1 @ W2 + b2


def build_deep(activation, initializer, depth=10, style="sequential", last="sigmoid", start=True, last_start=True):
    import keras
    from keras import layers

    start = {"kernel_initializer": initializer} if start else {}
    if style == "functional":
        inputs = x = keras.Input((2,))
        for _ in range(depth):
            x = layers.Dense(32, activation, **start)(x)
        return keras.Model(inputs, layers.Dense(1, last, **start)(x))
    hidden = [layers.Dense(32, activation=activation, **start) for _ in range(depth)]
    first = [keras.Input((2,))] if style != "no input" else []
    return keras.Sequential([*first, *hidden, layers.Dense(1, activation=last, **(start if last_start else {}))])


def build_repeated(activation, initializer):
    """One layer in nine places."""
    import keras
    from keras import layers

    first, again = (layers.Dense(32, activation=activation, kernel_initializer=initializer) for _ in range(2))
    last = layers.Dense(1, activation="sigmoid", kernel_initializer=initializer)
    return keras.Sequential([keras.Input((2,)), first, *9 * [again], last])


def by_predict(model, X, y):
    """The prediction made where the tape does not see it."""
    import keras
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = tf.reduce_mean(keras.losses.binary_crossentropy(y, model.predict(X, verbose=0)))
    return [float(tf.reduce_mean(tf.abs(g))) for g in tape.gradient(value, [layer.kernel for layer in model.layers])]


def gradient_sizes(model, X, y, loss=None, size=None, order=1):
    import keras
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = tf.reduce_mean((loss or keras.losses.binary_crossentropy)(y, model(X)))
    gradients = tape.gradient(value, [layer.kernel for layer in model.layers if hasattr(layer, "kernel")])
    size = size or (lambda gradient: tf.reduce_mean(tf.abs(gradient)))
    return [float(size(gradient)) for gradient in gradients][::order]


def sizes_by_names(model, X, y):
    """Over all trainable variables, and a loss object."""
    import keras
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = keras.losses.BinaryCrossentropy()(y, model(X, training=True))
    gradients = tape.gradient(value, model.trainable_variables)
    return np.array([np.abs(g).mean() for g in gradients if len(g.shape) == 2])


def of_gradients(size):
    return lambda *args: gradient_sizes(*args, size=size)


def kernel_sizes(model, X, y):
    return [np.abs(layer.kernel).mean() for layer in model.layers if hasattr(layer, "kernel")]


def bias_gradients(model, X, y):
    import keras
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = tf.reduce_mean(keras.losses.binary_crossentropy(y, model(X)))
    gradients = tape.gradient(value, [layer.bias for layer in model.layers if hasattr(layer, "bias")])
    return [float(tf.reduce_mean(tf.abs(gradient))) for gradient in gradients]


def deep_subclass(activation, initializer):
    import keras
    from keras import layers

    class Deep(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = [layers.Dense(32, activation, kernel_initializer=initializer) for _ in range(10)]
            self.out = layers.Dense(1, "sigmoid", kernel_initializer=initializer)

        def call(self, x):
            for layer in self.hidden:
                x = layer(x)
            return self.out(x)

    model = Deep()
    model(np.zeros((1, 2), "float32"))
    return model


def deep_own_layer(activation, initializer):
    import keras

    class Half(keras.layers.Layer):
        def call(self, x):
            return x / 2

    return keras.Sequential([keras.Input((2,)), Half(), *build_deep(activation, initializer).layers])


def lsuv(weights, X, spread=None, sequential=True, bend=lambda sums: np.maximum(0, sums)):
    scaled, H = [], X
    for W in weights:
        new = W / (spread(H, W) if spread else np.std(H @ W))
        scaled.append(new)
        H = bend(H @ (new if sequential else W))
    return scaled


def lsuv_in_rounds(weights, X):
    """Mishkin and Matas's loop: divide until the variance is 1."""
    result, H = [], X
    for W in weights:
        W = W.copy()
        while abs(np.var(H @ W) - 1) > 1e-9:
            W /= np.sqrt(np.var(H @ W))
        result.append(W)
        H = np.where(H @ W > 0, H @ W, 0)
    return tuple(result)


def train_first(model, X, y):
    model.compile("sgd", "binary_crossentropy")
    model.fit(X, y, epochs=1, verbose=0)
    return gradient_sizes(model, X, y)


def with_biases(model, X, y):
    return np.column_stack([gradient_sizes(model, X, y), bias_gradients(model, X, y)]).ravel()


def swapped_loss(y, p):
    import keras
    import tensorflow as tf

    return keras.losses.binary_crossentropy(p, tf.cast(y, p.dtype))


def squared(y, p):
    return (y - p) ** 2


def sum_loss(y, p):
    import keras

    return 40 * keras.losses.binary_crossentropy(y, p)


table(
    "02.5",
    lambda: {"collapse": collapse, "build_deep": build_deep, "gradient_sizes": gradient_sizes, "lsuv": lsuv},
    {
        "in sequence": {},
        "functional": {"build_deep": lambda *args: build_deep(*args, style="functional")},
        "all variables": {"gradient_sizes": sizes_by_names},
        "a subclass": {"build_deep": deep_subclass},
        "rounds": {"lsuv": lsuv_in_rounds},
        "a unit matrix": {
            "collapse": lambda W1, b1, W2, b2: [
                np.array([(row @ W1) @ W2 for row in np.eye(len(W1))]),
                (b1 @ W2 + b2)[None],
            ]
        },
    },
    [
        ("b1-lost", "b1 lost", {"collapse": lambda W1, b1, W2, b2: (W1 @ W2, b2)}),
        ("wrong-type", "only W", {"collapse": lambda W1, b1, W2, b2: (W1 @ W2).tolist()[:1]}),
        ("raises", "the wrong order", {"collapse": lambda W1, b1, W2, b2: (W2 @ W1, b1 @ W2 + b2)}),
        ("shared-layer", "one layer nine times", {"build_deep": build_repeated}),
        ("raises", "the prediction by predict", {"gradient_sizes": by_predict}),
        ("sample", "n - 1", {"lsuv": lambda *args: lsuv(*args, spread=lambda H, W: np.std(H @ W, ddof=1))}),
        ("wrong-layers", "nine layers", {"build_deep": lambda *args: build_deep(*args, depth=9)}),
        ("wrong-activation", "always ReLU", {"build_deep": lambda a, i: build_deep("relu", i)}),
        ("wrong-initializer", "Keras's default", {"build_deep": lambda *args: build_deep(*args, start=False)}),
        (
            "wrong-initializer",
            "the last layer without",
            {"build_deep": lambda *args: build_deep(*args, last_start=False)},
        ),
        ("no-sigmoid", "no sigmoid", {"build_deep": lambda *args: build_deep(*args, last=None)}),
        ("b2-lost", "b2 lost", {"collapse": lambda W1, b1, W2, b2: (W1 @ W2, b1 @ W2)}),
        ("per-unit", "a number a unit", {"lsuv": lambda *args: lsuv(*args, spread=lambda H, W: np.std(H @ W, axis=0))}),
        (
            "root-mean-square",
            "root mean square",
            {"lsuv": lambda *args: lsuv(*args, spread=lambda H, W: np.sqrt(np.mean((H @ W) ** 2)))},
        ),
        (
            "absolute-last",
            "absolute value last",
            {"gradient_sizes": lambda *args: gradient_sizes(*args, size=lambda g: abs(np.mean(g)))},
        ),
        (
            "gradients",
            "twice",
            {"gradient_sizes": lambda *args: 2 * np.array(gradient_sizes(*args))},
        ),
        ("not-built", "no input", {"build_deep": lambda *args: build_deep(*args, style="no input")}),
        ("reversed", "last layer first", {"gradient_sizes": lambda *args: gradient_sizes(*args, order=-1)}),
        ("squared-error", "squared error", {"gradient_sizes": lambda *args: gradient_sizes(*args, loss=squared)}),
        ("swapped-loss", "p before y", {"gradient_sizes": lambda *args: gradient_sizes(*args, loss=swapped_loss)}),
        ("with-biases", "the biases too", {"gradient_sizes": with_biases}),
        ("trains", "trained before it is measured", {"gradient_sizes": train_first}),
        ("not-averaged-loss", "sum", {"gradient_sizes": lambda *args: gradient_sizes(*args, loss=sum_loss)}),
        (
            "norm",
            "norms",
            {"gradient_sizes": lambda *args: gradient_sizes(*args, size=lambda g: np.linalg.norm(g))},
        ),
        ("in-parallel", "in parallel", {"lsuv": lambda *args: lsuv(*args, sequential=False)}),
        ("variance", "variance", {"lsuv": lambda *args: lsuv(*args, spread=lambda H, W: np.var(H @ W))}),
        (
            "after-relu",
            "after the ReLU",
            {"lsuv": lambda *args: lsuv(*args, spread=lambda H, W: np.std(np.maximum(0, H @ W)))},
        ),
        ("of-the-weights", "of the weights", {"lsuv": lambda *args: lsuv(*args, spread=lambda H, W: np.std(W))}),
        ("not-scaled", "as they were", {"lsuv": lambda weights, X: weights}),
        ("no-relu", "no ReLU between", {"lsuv": lambda *args: lsuv(*args, bend=lambda sums: sums)}),
        (
            "multiplied",
            "times the deviation",
            {"lsuv": lambda *args: lsuv(*args, spread=lambda H, W: 1 / np.std(H @ W))},
        ),
        ("largest", "by the largest", {"lsuv": lambda *args: lsuv(*args, spread=lambda H, W: np.abs(H @ W).max())}),
        ("wrong-sign", "b2 taken away", {"collapse": lambda W1, b1, W2, b2: (W1 @ W2, b1 @ W2 - b2)}),
        ("product", "times b2", {"collapse": lambda W1, b1, W2, b2: (W1 @ W2, b1 @ W2 * b2)}),
        ("added", "b1 + b2", {"collapse": lambda W1, b1, W2, b2: (W1 @ W2, b1 + b2)}),
        ("sum-of-biases", "the sum of b1", {"collapse": lambda W1, b1, W2, b2: (W1 @ W2, np.sum(b1) + b2)}),
        ("not-keras", "no return", {"build_deep": lambda activation, initializer: print(end="")}),
        ("not-plain", "a layer of one's own", {"build_deep": deep_own_layer}),
        ("not-averaged", "sums", {"gradient_sizes": of_gradients(lambda g: np.sum(np.abs(g)))}),
        ("mean-square", "mean squares", {"gradient_sizes": of_gradients(lambda g: np.mean(np.square(g)))}),
        ("root-mean-square", "roots", {"gradient_sizes": of_gradients(lambda g: np.mean(np.square(g)) ** 0.5)}),
        ("largest", "largest values", {"gradient_sizes": of_gradients(lambda g: np.max(np.abs(g)))}),
        ("standard-deviation", "deviations", {"gradient_sizes": of_gradients(lambda g: np.std(g))}),
        ("no-absolute", "signs left in", {"gradient_sizes": of_gradients(lambda g: np.mean(g))}),
        ("weights", "the kernels themselves", {"gradient_sizes": kernel_sizes}),
        ("gradients", "of the biases", {"gradient_sizes": bias_gradients}),
    ],
)
