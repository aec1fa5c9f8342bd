"""Checks of notebook 02: what a classifier has drawn."""

import numpy as np

from coursekit.checks.codec import Handle
from coursekit.checks.framework import Wrong, exercise, fail_if, threshold
from coursekit.checks.proxy import StudentError
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import agrees, as_array, as_number, returned, returned_parts
from coursekit.checks.vocabulary.metrics import check_limit
from coursekit.checks.vocabulary.models import (
    binary_probabilities,
    predicted_labels,
    rebuild,
    refuse_constant,
    same_as_replay_or_sigmoid,
)
from coursekit.checks.vocabulary.relations import describe_relation

CLASSIFIERS = {"tree": "DecisionTreeClassifier", "MLP": "MLPClassifier", "XGBoost": "XGBClassifier"}
DATASETS = ("moons", "circles", "spirals", "XOR")

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py.
MARGINS = {
    "02.2": {f"{data}_{name}": -0.06 for data in DATASETS for name in CLASSIFIERS},
    "02.3": {"apart": 0.03, "accuracy": -0.03},
    "02.4": {"behind": 0.05},
}


# --- 02.1


@exercise("02.1")
def mesh(student, rng):
    """The mesh holds every pair once; the field of a known function stands where it should, whatever the order."""
    for n, xlim, ylim in ((7, (-1.0, 2.0), (3.0, 4.5)), (4, (0.0, 5.0), (-3.0, -2.5)), (2, (-8.0, -7.0), (1.0, 2.0))):
        x1, x2 = np.linspace(*xlim, n), np.linspace(*ylim, n)
        mesh = returned(student, "mesh_points", xlim, ylim, n, shape=(n * n, 2))
        _explain_mesh(mesh, x1, x2, n)
    yield Finding("mesh", True, "`mesh_points` gives every pair of the values once.", points=0.5)
    for n in (7, 4, 2):
        mesh = returned(student, "mesh_points", (-1.0, 2.0), (3.0, 4.5), n, shape=(n * n, 2))
        x1, x2 = np.linspace(-1, 2, n), np.linspace(3, 4.5, n)
        values = 2 * mesh[:, 0] + np.sin(3 * mesh[:, 1])
        wanted = 2 * x1[None, :] + np.sin(3 * x2[:, None])
        given = returned(student, "as_field", values, n, shape=(n, n))
        slips = {
            "transposed": wanted.T,
            "upside-down": wanted[::-1],
            "left-right": wanted[:, ::-1],
        }
        finding = agrees("as-field", "`as_field`", given, wanted, slips, 0.5)
        if not finding.passed:
            break
    yield finding
    if not finding.passed:
        return
    field = as_array(student.value("field"), "`field`", shape=(150, 150))
    x1, x2 = np.meshgrid(np.linspace(-2, 3, 150), np.linspace(-2, 2.5, 150))
    points = np.column_stack([x1.ravel(), x2.ravel()])
    labels = predicted_labels(student, "tree", points).reshape(150, 150)
    refuse_constant(labels, "tree")
    share = np.mean((field > 0.5) == labels) if np.ptp(field) <= 1 else np.mean(field == labels)
    message = "`field` is what the tree says about every point of the mesh."
    if share < 1:
        fail_if(np.array_equal(field.T, labels), "transposed")
        fail_if(np.array_equal(field[::-1], labels), "upside-down")
        exchanged = predicted_labels(student, "tree", points[:, ::-1].copy()).reshape(150, 150)
        fail_if(np.array_equal(field, exchanged), "mesh.columns-exchanged")
        if np.ptp(field) == 0:
            raise Wrong("constant", field=field[0, 0])
        message = f"{share:.1%} of `field` are what the tree says; is the mesh that of xlim, ylim and n = 150?"
    yield Finding("field", share == 1, message, points=1)


def _explain_mesh(mesh, x1, x2, n):
    pairs = np.array([(a, b) for b in x2 for a in x1])
    if np.allclose(_sorted(mesh), _sorted(pairs)):
        return
    fail_if(np.allclose(_sorted(mesh[:, ::-1]), _sorted(pairs)), "columns-exchanged")
    fail_if(len(np.unique(mesh.round(6), axis=0)) == n, "diagonal", n=n)
    low, high = mesh.min(axis=0), mesh.max(axis=0)
    if min(low) == min(x1[0], x2[0]) and np.allclose([min(low), max(high)], [x1[0], x2[-1]]) and low[0] == low[1]:
        raise Wrong("mixed")
    fail_if(np.allclose(low, [x1[0], x2[0]]) and (high < [x1[-1] - 1e-9, x2[-1] - 1e-9]).all(), "end-left-out")
    raise Wrong(
        "wrong-mesh",
        tolist=low.round(2).tolist(),
        tolist_2=high.round(2).tolist(),
        n_mesh=len(np.unique(mesh[:, 0].round(6))),
        float=[float(x1[0]), float(x2[0])],
        float_2=[float(x1[-1]), float(x2[-1])],
        n=n,
    )


def _sorted(points):
    points = points.round(9)
    return points[np.lexsort(points.T)]


# --- 02.2


@exercise("02.2")
def three_classifiers(student, rng):
    """Each model has the right class and reaches its limit on fresh points of its data set."""
    fitted = student.value("fitted")
    wanted = ", ".join(DATASETS)
    if not isinstance(fitted, dict):
        seen = fitted.type_name if isinstance(fitted, Handle) else type(fitted).__name__
        raise Wrong("wrong-type", seen=seen, wanted=wanted)
    fail_if(set(fitted) == set(CLASSIFIERS), "wrong-order")
    missing = [name for name in DATASETS if name not in fitted]
    if missing:
        raise Wrong("wrong-keys", missing=missing[0], wanted=wanted)
    for data in DATASETS:
        _has_three(student, data, fitted[data])
    handles = [fitted[data][name] for data in DATASETS for name in CLASSIFIERS]
    fail_if(len({handle.number for handle in handles}) < 12, "same-model")
    fresh = _fresh(int(rng.integers(2**31)))
    for data, (X, y) in fresh.items():
        for name in CLASSIFIERS:
            model = fitted[data][name]
            accuracy = np.mean(predicted_labels(student, model, X) == y)
            what = f"{{}} of fresh {data} points are right for the {name}"
            finding = check_limit("02.2", f"{data}_{name}", accuracy, what, "", points=0.25)
            if not finding.passed:
                advice = _why_poor(student, model, data, accuracy, fresh)
                finding = check_limit("02.2", f"{data}_{name}", accuracy, what, advice, points=0.25)
            yield finding


def _why_poor(student, model, data, accuracy, fresh):
    """What the model's answers and settings say about a poor accuracy."""
    labels = predicted_labels(student, model, fresh[data][0])
    if len(np.unique(labels)) == 1:
        return f"It gives every point the label {labels[0]}."
    if accuracy < 0.2:
        return "Nearly all are the wrong way round: was it fitted to exchanged labels?"
    others = {
        other: np.mean(predicted_labels(student, model, X) == y) for other, (X, y) in fresh.items() if other != data
    }
    best = max(others, key=others.get)
    if others[best] > accuracy + 0.1 and others[best] > 0.8:
        return f"It gets {others[best]:.0%} of fresh {best} points right: it was fitted on {best}."
    params = {key.split("__")[-1]: value for key, value in student.describe(model)["params"].items()}
    if params.get("activation") == "identity":
        return "Its activation is `identity`, so that it draws one straight line. Take tanh or ReLU."
    if isinstance(params.get("max_depth"), int) and params["max_depth"] < 4:
        return f"Its `max_depth` is {params['max_depth']}: give it more depth."
    if "hidden_layer_sizes" in params:
        try:
            steps = len(student.history(model)["loss"])
        except StudentError:  # lbfgs keeps no loss curve
            steps = 0
        if steps and steps >= params["max_iter"]:
            return f"Its training stopped at `max_iter` = {steps}, its last permitted pass: raise it, or try `solver='lbfgs'`."
        return "Try more hidden units or more iterations, and see whether a ConvergenceWarning was given."
    return f"Was it fitted on all points of {data}, with settings that leave it free enough?"


def _has_three(student, data, models):
    if not isinstance(models, dict) or not set(CLASSIFIERS) <= set(models):
        raise Wrong("has-three.wrong-keys", data=data, join=", ".join(CLASSIFIERS))
    for name, wanted in CLASSIFIERS.items():
        model = models[name]
        if not isinstance(model, Handle):
            raise Wrong("not-a-model", data=data, name=name, name_2=type(model).__name__)
        said = student.describe(model)
        # A pipeline or a search names its parts among its parameters.
        kinds = {said["type"], *map(str, (said.get("params") or {}).values())}
        if wanted not in kinds:
            raise Wrong("wrong-model", data=data, name=name, type=said["type"], wanted=wanted)
        fail_if(said.get("fitted") is False, "not-fitted", data=data, name=name)


def _fresh(seed):
    """Fresh points of the notebook's four data sets."""
    from sklearn.datasets import make_circles, make_moons

    from coursekit.data import make_spirals, make_xor

    return {
        "moons": make_moons(400, noise=0.25, random_state=seed),
        "circles": make_circles(400, noise=0.12, factor=0.5, random_state=seed),
        "spirals": make_spirals(400, noise=0.05, seed=seed),
        "XOR": make_xor(400, noise=0.25, seed=seed),
    }


# --- 02.3


@exercise("02.3")
def capacity(student, rng):
    """The curve against trees fitted here; the layers of the builder; the stop, and accuracy on fresh points."""
    yield lambda: _curve_and_choice(student)
    yield lambda: _builder(student)
    yield lambda: _held_back(student, rng)


def _curve_and_choice(student):
    yield _validation_curve(student)
    train, val = (as_array(student.value(f"{part}_scores"), f"`{part}_scores`") for part in ("train", "val"))
    yield _choice(as_number(student.value("best_depth"), "`best_depth`"), train, val)


def _held_back(student, rng):
    from sklearn.datasets import make_moons

    said = student.describe("held")
    if said["family"] != "keras":
        raise Wrong("not-keras", type=said["type"])
    losses = student.history("history").get("val_loss")
    fail_if(not losses, "no-validation")
    fail_if(not np.isfinite(losses).all(), "not-finite")
    yield _stopped(student, losses)
    X, y = make_moons(1000, noise=0.35, random_state=int(rng.integers(2**31)))
    labels = (binary_probabilities(student, "held", X) > 0.5).astype(int)
    refuse_constant(labels, "held")
    same_as_replay_or_sigmoid(student, "held", X[:20])
    accuracy = np.mean(labels == y)
    advice = "Try a weaker penalty, or more patience."
    if accuracy < 0.3:
        advice = "Nearly all are the wrong way round: was it fitted to exchanged labels?"
    yield check_limit("02.3", "accuracy", accuracy, "{} of fresh points are right", advice, points=0.5)


def _stopped(student, losses):
    """Whether the network is where its validation loss was best; the recorded losses hold the L2 penalty too."""
    from sklearn.datasets import make_moons

    again = rebuild(student, "held", (1, 2))
    penalty = float(sum(again.losses)) if again is not None else 0.0

    def loss(X, y):
        z = _sums(student, again, X)
        return penalty + np.mean(np.logaddexp(0, z) - y * z)

    now, best = loss(*make_moons(500, noise=0.35, random_state=2)), min(losses)
    X, y = make_moons(150, noise=0.35, random_state=1)

    def recorded(value):
        return min(abs(value / one - 1) for one in (best, losses[-1])) < 1e-4

    if abs(now / best - 1) > 1e-3:  # these are not the losses of this network on X_val
        fail_if(recorded(loss(X, y)), "validated-on-training")
        if any(recorded(loss(X[first:], y[first:])) for first in (135, 120, 112, 105, 100, 75)):
            raise Wrong("validation-split")
    if now <= 1.005 * best:  # 0.5 % is rounding
        message = f"The network is where its validation loss was best: {best:.3f} at epoch {np.argmin(losses) + 1}."
        return Finding("stopped", True, message, points=0.5)
    said = f"The network's validation loss is {now:.3f}; the best of its {len(losses)} epochs was {best:.3f}."
    fail_if(abs(now / losses[-1] - 1) < 5e-3, "not-restored", said=said)
    message = f"{said} Is `history` what the `fit` of `held` returned, and did the stop watch `val_loss`?"
    return Finding("stopped", False, message, points=0.5)


def _sums(student, again, X):
    """What goes into the last sigmoid of `held`: Keras takes the loss of these sums, and not of rounded probabilities."""
    p = binary_probabilities(student, "held", X)
    last = None if again is None else again.layers[-1]
    if type(last).__name__ != "Dense" or last.units != 1 or not last.use_bias:
        p = np.clip(p, 1e-7, 1 - 1e-7)
        return np.log(p / (1 - p))
    import keras

    inside = np.asarray(keras.Model(again.inputs[0], last.input)(X.astype("float32")))
    kernel, bias = last.get_weights()
    return (inside @ kernel + bias)[:, 0]


def _validation_curve(student):
    from sklearn.datasets import make_moons
    from sklearn.tree import DecisionTreeClassifier

    (X, y), (X_val, y_val) = (make_moons(n, noise=0.35, random_state=s) for n, s in ((150, 1), (500, 2)))
    trees = [DecisionTreeClassifier(max_depth=depth, random_state=0).fit(X, y) for depth in range(1, 16)]
    wanted = np.array([[tree.score(X, y) for tree in trees], [tree.score(X_val, y_val) for tree in trees]])
    given = np.array(
        [as_array(student.value(name), f"`{name}`", shape=(15,)) for name in ("train_scores", "val_scores")]
    )
    # Trees break ties at random, and the validation scores with them.
    limit = threshold("02.3", "apart")

    def apart(other):
        return np.abs(given - other).max()

    if apart(wanted) > limit:
        others = [DecisionTreeClassifier(max_depth=depth, random_state=0).fit(X_val, y_val) for depth in range(1, 16)]
        on_val = np.array([[tree.score(X, y) for tree in others], [tree.score(X_val, y_val) for tree in others]])
        later = np.column_stack([wanted[:, 1:], wanted[:, -1:]])  # the deepest ones are all alike
        slips = {
            "swapped": wanted[::-1],
            "errors": 1 - wanted,
            "percent": 100 * wanted,
            "same-points": wanted[[0, 0]],
            "trained-on-validation": wanted[[1, 1]],
            "fitted-on-validation": on_val,
            "fitted-on-validation-too": np.array([wanted[0], on_val[1]]),
            "reversed": wanted[:, ::-1],
            "one-deeper": later,
        }
        for code, (other, message) in slips.items():
            if apart(other) <= (limit if code != "percent" else 100 * limit):
                raise Wrong(code, message)
        fail_if(np.allclose(given[0], given[0, 0]) and np.allclose(given[1], given[1, 0]), "depth-unused")
        row, i = np.unravel_index(np.abs(given - wanted).argmax(), wanted.shape)
        name, part = (("train_scores", "X_few"), ("val_scores", "X_val"))[row]
        raise Wrong("wrong-curve", name=name, given=given[row, i], i=i + 1, part=part)
    return Finding("curve", True, "The validation curve is right.", points=1, seen={"apart": apart(wanted)})


def _choice(best_depth, train, val):
    place = int(round(best_depth)) - 1
    passed = 0 <= place < 15 and val[place] >= val.max() - 1e-9
    message = f"Depth {best_depth:g} has the best validation accuracy, {val.max():.1%}."
    if not passed:
        fail_if(0 < best_depth < 1, "score-for-depth", best_depth=best_depth)
        fail_if(best_depth == np.argmax(val), "off-by-one", best_depth=best_depth)
        fail_if(0 <= place < 15 and train[place] >= train.max() - 1e-9, "chose-by-training", best_depth=best_depth)
        message = f"Depth {best_depth:g} is not where `val_scores` has its maximum, {val.max():.1%}."
    return Finding("best-depth", passed, message, points=0.5)


def _builder(student):
    for l2, dropout in ((0.015, 0.35), (0.2, 0.1), (0.003, 0.6)):
        _explain_network(student, student.call("build_network", l2, dropout), l2, dropout)
    student.call("build_network", 0.0, 0.0)
    return Finding(
        "build-network", True, "`build_network` puts the penalty and the dropout in their places.", points=1.5
    )


def _explain_network(student, model, l2, dropout):
    """Raises `Wrong` where a network is not the one that was asked for."""
    fail_if(not isinstance(model, Handle) or student.describe(model)["family"] != "keras", "explain-network.not-keras")
    layers = student.layers(model)
    units = [layer["units"] for layer in layers if layer["class"] == "Dense"]
    fail_if(units != [64, 64, 1], "wrong-layers", units=units)
    rates = [layer["rate"] for layer in layers if layer["class"] == "Dropout"]
    penalties = _penalties(student.config(model))
    fail_if(not rates, "no-dropout")
    fail_if(np.allclose(rates, l2) and penalties and np.allclose(penalties[:2], dropout), "exchanged")
    fail_if(len(rates) != 2 or not np.allclose(rates, dropout), "dropout-rate", rates=rates, dropout=dropout)
    if penalties is not None and (len(penalties) < 2 or not np.allclose(penalties[:2], l2)):
        seen = f"The L2 penalties on kernels are {penalties}" if penalties else "No kernel has an L2 penalty"
        raise Wrong("l2", seen=seen, l2=l2)
    order = [layer["class"] for layer in layers if layer["class"] in ("Dense", "Dropout")]
    fail_if(order[-1] == "Dropout", "dropout-last")
    if order != ["Dense", "Dropout", "Dense", "Dropout", "Dense"]:
        raise Wrong("dropout-place", join=", ".join(order))
    loss = student.describe(model)["loss"]
    fail_if(loss is None, "not-compiled")
    fail_if("binary" not in str(loss).lower(), "wrong-loss", loss=loss)
    compiled = (student.config(model) or {}).get("compile_config") if isinstance(student.config(model), dict) else None
    fail_if(compiled and "acc" not in str(compiled.get("metrics")).lower(), "no-metric")
    probe = np.random.default_rng(0).normal(0, 3, size=(200, 2)).astype("float32")
    p = binary_probabilities(student, model, probe)
    last = layers[-1]["activation"] or layers[-1]["class"].lower()
    fail_if(last != "sigmoid" or np.ptp(p) == 0, "no-sigmoid", last=last)
    if not any(layer["activation"] in ("relu", "tanh", "elu", "selu", "gelu", "silu", "leaky_relu", "softplus", "sigmoid")
               or any(word in layer["class"].lower() for word in ("relu", "elu", "tanh")) for layer in layers[:-2]):  # fmt: skip
        raise Wrong("linear-model")


def _penalties(config):
    """The L2 penalties of all kernels in a Keras configuration; None where there is no configuration."""
    if config is None:
        return None
    found = []

    def search(part):
        if isinstance(part, dict):
            regulariser = part.get("kernel_regularizer")
            if isinstance(regulariser, dict):
                found.append(float(regulariser.get("config", {}).get("l2", 0.0)))
            for value in part.values():
                search(value)
        elif isinstance(part, list | tuple):
            for value in part:
                search(value)

    search(config)
    return found


# --- 02.4


@exercise("02.4")
def own_region(student, rng):
    """The region is neither trivial nor too fine; both networks are judged against the nearest neighbours."""
    from sklearn.neighbors import KNeighborsClassifier

    X, X_test = rng.uniform(-1, 1, size=(1000, 2)), rng.uniform(-1, 1, size=(2000, 2))
    y, y_test = (_labels(student, points) for points in (X, X_test))
    fail_if(not np.array_equal(y, _labels(student, X)), "random")
    if any(not np.array_equal(y[part], _labels(student, X[part])) for part in (X[:, 0] > 0.3, X[:, 1] < -0.3)):
        raise Wrong("depends-on-others")
    share = np.mean(y_test)
    fail_if(not 0.05 <= share <= 0.95, "trivial", share=share)
    neighbours = KNeighborsClassifier(5).fit(X, y).score(X_test, y_test)
    guess = max(share, 1 - share)
    fail_if(neighbours < guess + 0.25 * (1 - guess), "too-hard", neighbours=neighbours, guess=guess)
    yield Finding(
        "region", True, f"Your region covers {share:.0%} of the square; the nearest points get {neighbours:.0%}.", 1
    )
    sizes = {}
    for name in ("wide", "deep"):
        if student.describe(name)["family"] != "keras":
            raise Wrong("not-keras", name=name, type=student.describe(name)["type"])
        binary_probabilities(student, name, X_test)  # builds a model that has never been called, too
        hidden = sum(layer["class"] == "Dense" for layer in student.layers(name)) - 1
        if name == "wide" and hidden != 1 or name == "deep" and hidden < 3:
            asked = "one is asked for" if name == "wide" else "at least three are asked for"
            raise Wrong(f"not-{name}", f"`{name}` has {hidden} hidden dense layers; {asked}.")
        sizes[name] = student.describe(name)["n_params"]
    ratio = max(sizes.values()) / max(min(sizes.values()), 1)
    message = f"`wide` has {sizes['wide']} parameters, `deep` {sizes['deep']}"
    near = ratio <= 1.15
    message += "." if near else f": {ratio - 1:.0%} apart, 15 % are allowed. Change the width of one of them."
    yield Finding("comparable", near, message, points=0.5)
    accuracies = {}
    for name in ("wide", "deep"):
        labels = (binary_probabilities(student, name, X_test) > 0.5).astype(int)
        refuse_constant(labels, name)
        accuracies[name] = np.mean(labels == y_test)
        fail_if(1 - accuracies[name] > (guess + neighbours) / 2, "labels-swapped", name=name)
        same_as_replay_or_sigmoid(student, name, X_test[:20])
    behind = neighbours - min(accuracies.values())
    limit = threshold("02.4", "behind")
    passed = behind <= limit
    message = f"Wide gets {accuracies['wide']:.1%}, deep {accuracies['deep']:.1%}, the nearest points {neighbours:.1%}."
    if not passed:
        worse = min(accuracies, key=accuracies.get)
        message += f" `{worse}` is more than {limit:.1%} behind: train it longer, or with a smaller learning rate."
        if max(accuracies.values()) < guess + 0.05:
            message = (
                message.split(" `")[0]
                + " Neither is better than always the same answer: were they trained on this `region`?"
            )
    yield Finding("behind", passed, message, points=1.5, seen={"behind": behind})


def _labels(student, X):
    labels = returned(student, "region", X, shape=(len(X),))
    if not np.isin(labels, (0, 1)).all():
        raise Wrong("labels-not-0-1", tolist=np.unique(labels)[:4].tolist())
    return labels.astype(int)


# --- 02.5


@exercise("02.5")
def activations(student, rng):
    """Collapse by values; the network by its layers; its gradients computed again; LSUV by a forward pass."""
    yield lambda: _collapse(student, rng)
    yield lambda: _deep(student, rng)
    yield lambda: _unit_variance(student, rng)


def _collapse(student, rng):
    for m, k, n in ((3, 5, 2), (4, 2, 3), (1, 6, 1)):
        W1, b1, W2, b2 = rng.normal(size=(m, k)), rng.normal(size=k), rng.normal(size=(k, n)), rng.normal(size=n)
        W, b = returned_parts(student, "collapse", W1, b1, W2, b2, like={"W": (m, n), "b": (n,)})
        steps = {"`W2`": W2, "`b2`": b2}
        finding = agrees("collapse", "`W`", W, W1 @ W2, None, 1, "Multiply out: W is W1 W2.", steps=steps)
        if not finding.passed:
            return finding
        slips = {
            "b1-lost": b2,
            "b2-lost": b1 @ W2,
            "wrong-sign": b1 @ W2 - b2,
            "product": (b1 @ W2) * b2,
        }
        if k >= n:
            slips["added"] = (b1[:n] + b2, "b1 does not go through the second layer.")
        if k == n or k == 1 or n == 1:
            slips["sum-of-biases"] = (np.resize(b1.sum() + b2, n), "b1 does not go through the second layer.")
        finding = agrees("collapse", "`b`", b, b1 @ W2 + b2, slips, 1, "Multiply out: b is b1 W2 + b2.")
        if not finding.passed:
            return finding
    return Finding("collapse", True, "`collapse` is right.", points=1)


def _deep(student, rng):
    for activation, initializer in (("relu", "ones"), ("sigmoid", "zeros"), ("tanh", "he_normal")):
        model = student.call("build_deep", activation, initializer)
        _deep_network(student, model, activation, initializer)
    yield Finding("build-deep", True, "`build_deep` gives ten hidden layers with their activation and start.", points=1)
    yield _gradients(student, model, rng)


def _deep_network(student, model, activation, initializer):
    """Raises `Wrong` where a network is not ten hidden layers with this activation and start."""
    fail_if(not isinstance(model, Handle) or student.describe(model)["family"] != "keras", "not-keras")
    layers = student.layers(model)
    units = [layer["units"] for layer in layers if layer["class"] == "Dense"]
    fail_if(units != [32] * 10 + [1], "wrong-layers", units=units)
    kernels = [part for layer in student.weights(model) for part in layer if part.ndim == 2]
    fail_if(len(kernels) != 11, "not-built")
    bends = [layer["activation"] for layer in layers if layer["activation"] not in (None, "linear")]
    if layers[-1]["activation"] != "sigmoid":
        raise Wrong("no-sigmoid", activation=layers[-1]["activation"])
    if bends[:-1] != [activation] * 10:
        raise Wrong("wrong-activation", activation=activation, count=bends[:-1].count(activation))
    if initializer in ("ones", "zeros"):
        off = [i + 1 for i, kernel in enumerate(kernels) if not np.all(kernel == (initializer == "ones"))]
        if off:
            which = (
                "the last kernel does"
                if off == [11]
                else f"{len(off)} of the 11 kernels, the first in layer {off[0]}, do"
            )
            raise Wrong("wrong-initializer", initializer=initializer, which=which)


def _gradients(student, model, rng):
    import tensorflow as tf

    X, y = rng.normal(size=(40, 2)).astype("float32"), rng.integers(0, 2, size=(40, 1)).astype("float32")
    given = returned(student, "gradient_sizes", model, X, y, shape=(11,))
    again = rebuild(student, model, X.shape)
    fail_if(again is None, "not-plain")

    def gradients(loss_of):
        with tf.GradientTape() as tape:
            loss = loss_of(tf.clip_by_value(again(X), 1e-7, 1 - 1e-7))
        kernels = [weight for weight in again.trainable_variables if len(weight.shape) == 2]
        return [np.asarray(g) for g in tape.gradient(loss, [getattr(kernel, "value", kernel) for kernel in kernels])]

    exact = gradients(lambda p: -tf.reduce_mean(y * tf.math.log(p) + (1 - y) * tf.math.log(1 - p)))
    sizes = np.array([np.abs(g).mean() for g in exact])
    slips = {
        "reversed": sizes[::-1],
        "not-averaged": [np.abs(g).sum() for g in exact],
        "not-averaged-loss": 40 * sizes,
        "root-mean-square": [np.sqrt((g**2).mean()) for g in exact],
        "mean-square": [(g**2).mean() for g in exact],
        "largest": [np.abs(g).max() for g in exact],
        "standard-deviation": [g.std() for g in exact],
        "absolute-last": [abs(g.mean()) for g in exact],
        "norm": [np.linalg.norm(g) for g in exact],
        "no-absolute": [g.mean() for g in exact],
        "weights": [np.abs(w).mean() for layer in student.weights(model) for w in layer if w.ndim == 2],
        "squared-error": [np.abs(g).mean() for g in gradients(lambda p: tf.reduce_mean((p - y) ** 2))],
    }  # fmt: skip
    advice = "Mean absolute gradient of the mean cross-entropy, a number a kernel."
    # Each entry counts by itself: the first may be a thousand times smaller than the last.
    for code, (values, message) in {"": (sizes, ""), **slips}.items():
        if np.allclose(given, values, rtol=5e-3, atol=1e-12):
            right = Finding("gradients", True, "`gradient_sizes` is right for all 11 kernels.", points=1)
            return Finding(code, False, message, points=1) if code else right
    relation = describe_relation(given, sizes, {"the number of points": 40}, rtol=5e-3)
    off = np.flatnonzero(~np.isclose(given, sizes, rtol=5e-3, atol=1e-12))
    seen = relation or f"differs from the right one for {len(off)} of 11 kernels, first for kernel {off[0] + 1}"
    return Finding("gradients", False, f"`gradient_sizes` {seen}. {advice}", points=1)


def _unit_variance(student, rng):
    three = (((4, 8), 3.0), ((8, 8), 0.2), ((8, 5), 1.0))
    for shapes in (three, three[:1], (*three, ((5, 3), 7.0), ((3, 1), 0.1))):
        finding = _scaled(
            student, rng.normal(0.3, 1, size=(60, 4)), [rng.normal(size=k) * scale for k, scale in shapes]
        )
        if not finding.passed:
            break
    return finding


def _scaled(student, X, weights):
    like = {f"W{i + 1}": W.shape for i, W in enumerate(weights)}
    given = returned_parts(student, "lsuv", weights, X, like=like)

    def forward(scale, bend=lambda sums: np.maximum(0, sums)):
        H, scaled = X, []
        with np.errstate(all="ignore"):
            for W in weights:
                new = W / scale(H, W)
                scaled.append(new)
                H = bend(H @ new)
        return scaled

    def flat(parts):
        return np.concatenate([part.ravel() for part in parts])

    H, in_parallel = X, []
    for W in weights:
        in_parallel.append(W / np.std(H @ W))
        H = np.maximum(0, H @ W)
    slips = {
        "variance": flat(forward(lambda H, W: np.var(H @ W))),
        "in-parallel": flat(in_parallel),
        "after-relu": flat(forward(lambda H, W: np.std(np.maximum(0, H @ W)))),
        "of-the-weights": flat(forward(lambda H, W: np.std(W))),
        "not-scaled": flat(weights),
        "no-relu": flat(forward(lambda H, W: np.std(H @ W), lambda sums: sums)),
        "multiplied": flat(forward(lambda H, W: 1 / np.std(H @ W))),
        "per-unit": flat(forward(lambda H, W: np.std(H @ W, axis=0))),
        "root-mean-square": flat(forward(lambda H, W: np.sqrt(np.mean((H @ W) ** 2)))),
        "largest": flat(forward(lambda H, W: np.abs(H @ W).max())),
    }
    advice = "Divide W by np.std(H @ W), then H = ReLU(H @ W)."
    return agrees("lsuv", "`lsuv`", flat(given), flat(forward(lambda H, W: np.std(H @ W))), slips, 1, advice, rtol=3e-3)
