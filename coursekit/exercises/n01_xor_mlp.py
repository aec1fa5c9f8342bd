"""Checks of notebook 01: a multi-layer perceptron learns XOR."""

import numpy as np

from coursekit.checks.codec import Handle
from coursekit.checks.framework import Wrong, exercise, fail_if, threshold
from coursekit.checks.proxy import StudentError
from coursekit.checks.report import Finding
from coursekit.checks.vocabulary.arrays import agrees, as_array, as_number, returned, type_name
from coursekit.checks.vocabulary.metrics import check_limit
from coursekit.checks.vocabulary.models import (
    binary_probabilities,
    one_column,
    predicted_labels,
    predictions,
    same_as_replay,
    same_as_replay_or_sigmoid,
)

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py.
MARGINS = {
    "01.3": {"accuracy": -0.02},
    "01.5": {"accuracy": -0.02},
    "01.6": {"r2": -0.03},
    "01.7": {"test_mse": 0.01, "noise_known": 0.08},
    "01.8": {"rmse": 0.03},
}

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = np.array([0, 1, 1, 0])


def _stopped(student, name):
    """When the training of a scikit-learn network stopped, as its loss curve tells; "" where it keeps none."""
    most = [value for key, value in student.describe(name)["params"].items() if key.split("__")[-1] == "max_iter"]
    try:
        steps = len(student.history(name)["loss"])
    except StudentError:  # it keeps no loss curve
        return ""
    if not most:
        return ""
    if steps < most[0]:
        return (
            f"Its training stopped after {steps} of at most {most[0]} iterations (`max_iter`), because the loss hardly fell "
            'any more. Try `solver="lbfgs"`, or a larger `learning_rate_init`.'
        )
    return f'Its training stopped at `max_iter` = {steps}, its last permitted pass: raise it, or try `solver="lbfgs"`.'


def _why_straight(student, name):
    """Why a model draws a line or a plane: a code and a sentence, of what its layers say."""
    layers, said = student.layers(name), student.describe(name)
    dense = [layer for layer in layers if layer["class"] == "Dense"]
    if not dense:
        kind = "" if said["family"] in ("function", "other") else f"It is a {said['type']}. "
        return "linear-model", f"{kind}A network with a hidden layer that bends, by tanh or ReLU, can do better."
    if len(dense) == 1:
        return "linear-model", "It has no hidden layer. Give it one, with tanh or ReLU."
    plain = ("InputLayer", "Dense", "Dropout", "Flatten", "Rescaling", "Normalization", "BatchNormalization")
    before = layers[: layers.index(dense[-1])]
    if all(layer["activation"] in (None, "linear") and layer["class"] in plain for layer in before):
        return (
            "linear-model",
            "Its hidden layers have no activation, so that it is one weighted sum. Give them tanh or ReLU.",
        )
    sizes = ", ".join(str(layer["units"]) for layer in dense[:-1])
    stopped = _stopped(student, name)
    return (
        "stopped-early" if stopped else "stuck",
        f"It has hidden units that could bend it ({sizes}), and training has not used them yet. "
        + (stopped or "Give it more units, another start or more training."),
    )


# --- 01.1


@exercise("01.1")
def best_line(student, rng):
    """The perceptron must be a threshold on a weighted sum; the line gets three corners; the best is three."""
    yield lambda: _perceptron(student, rng)
    yield lambda: _line(student)
    yield lambda: _best(student)


def _perceptron(student, rng):
    for n, b in ((50, 0.8), (50, -0.4), (3, 0.0), (1, 1.5)):
        X, w = rng.normal(size=(n, 2)), rng.normal(size=2)
        X = X[np.abs(X @ w + b) > 1e-6]  # no point on the line itself, where either label would do
        wanted = (X @ w + b > 0).astype(float)
        labels = as_array(student.call("perceptron", X, w, b), "What `perceptron(X, w, b)` returns")
        fail_if(labels.size != len(X), "wrong-shape", n_X=len(X), size=labels.size)
        labels = labels.ravel()
        right = int(np.sum(labels == wanted))
        if right < len(X):
            _explain_labels(labels, wanted, X, w, b)
            break
    message = f"`perceptron` labels {right} of {len(X)} random points right."
    if right < len(X):
        message += " It should answer 1 where w1 x1 + w2 x2 + b is above 0, and 0 elsewhere."
    return Finding("perceptron", right == len(X), message, points=1)


def _line(student):
    line = as_array(student.value("line"), "`line`", shape=(3,))

    def corners(w1, w2, b):
        return int(np.sum((CORNERS @ [w1, w2] + b > 0) == XOR))

    count = corners(*line)
    message = f"Your line gets {count} of the 4 corners right."
    if count < 3:
        fail_if(corners(line[1], line[2], line[0]) == 3, "bias-first", message=message)
        fail_if(corners(*line[:2], -line[2]) == 3, "line.bias-sign", message=message)
        message += " There are lines that get more: try one with three corners on one side, such as the line for OR."
    return Finding("line", count == 3, message, points=0.5)


def _best(student):
    best = as_number(student.value("best"), "`best`")
    fail_if(0 < best < 1, "share", best=best)
    messages = {
        3: "3 is the best: (0, 1) and (1, 0) ask for w1 + w2 + 2b > 0, the other two corners for w1 + w2 + 2b <= 0.",
        4: "No line gets all 4: (0, 1) and (1, 0) ask for w1 + w2 + 2b > 0, the other two for w1 + w2 + 2b <= 0.",
    }
    other = f"`best` is {best:g}; a number from 0 to 4 was expected."
    if best in (0, 1, 2):
        other = f"`best` is {best:g}. Count for many lines, e.g. random ones; some get more right."
    return Finding("best", best == 3, messages.get(best, other), points=0.5)


def _explain_labels(labels, wanted, X, w, b):
    """Raises `Wrong` where a known slip explains the labels of a perceptron."""
    fail_if(np.array_equal(labels, 1 - wanted), "labels-swapped")
    fail_if(set(np.unique(labels)) <= {-1.0, 1.0} and np.array_equal(labels > 0, wanted > 0), "labels-not-0-1")
    fail_if(np.allclose(labels, X @ w + b), "no-threshold")
    fail_if(np.array_equal(labels, (X @ w > 0).astype(float)), "no-bias")
    fail_if(np.array_equal(labels, (X @ w - b > 0).astype(float)), "bias-sign")
    fail_if(np.array_equal(labels, (X @ w + b > 0.5).astype(float)), "threshold-half")
    fail_if(np.array_equal(labels, (X @ w[::-1] + b > 0).astype(float)), "weights-exchanged")
    for activation, values in (("sigmoid", 1 / (1 + np.exp(-(X @ w + b)))), ("tanh", np.tanh(X @ w + b))):
        fail_if(np.allclose(labels, values, atol=1e-6), "explain-labels.no-threshold", activation=activation)


# --- 01.2


@exercise("01.2")
def xor_by_hand(student, rng):
    """Any weights that put the four corners on the right side of 0.5 pass."""
    given = student.value("weights")
    if isinstance(given, str | Handle) or not isinstance(given, list | tuple) or len(given) != 4:
        seen = (
            f"{len(given)} things"
            if isinstance(given, list | tuple)
            else f"a {getattr(given, 'type_name', type(given).__name__)}"
        )
        raise Wrong("wrong-type", seen=seen)
    W1 = as_array(given[0], "`W1`", shape=(2, 2))
    b1 = as_array(np.ravel(as_array(given[1], "`b1`")), "`b1`", shape=(2,))
    w2 = as_array(np.ravel(as_array(given[2], "`w2`")), "`w2`", shape=(2,))
    b2 = as_number(given[3], "`b2`")
    hidden, output = _two_units(W1, b1, w2, b2)
    wrong = (output > 0.5) != (XOR == 1)
    if not wrong.any():
        yield Finding("corners", True, f"The outputs at the four corners are {_list(output)}: XOR.", points=2)
        return
    fail_if(not ((_two_units(W1.T, b1, w2, b2)[1] > 0.5) != (XOR == 1)).any(), "transposed")
    fail_if(((output < 0.5) != (XOR == 1)).sum() == 0, "labels-swapped")
    fail_if(((output > 0) == (XOR == 1)).all(), "cut-at-zero")
    sums = CORNERS @ W1 + b1
    others = {
        "no ReLU": sums,
        "a hard threshold": sums > 0,
        "tanh": np.tanh(sums),
        "a sigmoid": 1 / (1 + np.exp(-sums)),
    }
    for said, units in others.items():
        fail_if(((units @ w2 + b2 > 0.5) == (XOR == 1)).all(), "other-activation", said=said)
    i = int(np.argmax(wrong))
    advice = " One hidden unit is 0 at every corner: it cannot help." if (hidden == 0).all(axis=0).any() else ""
    raise Wrong(
        "corners",
        CORNERS=CORNERS[i][0],
        CORNERS_2=CORNERS[i][1],
        list=_list(hidden[i]),
        output=output[i],
        above="above" if XOR[i] else "below",
        advice=advice,
    )


def _two_units(W1, b1, w2, b2):
    hidden = np.maximum(0, CORNERS @ W1 + b1)
    return hidden, hidden @ w2 + b2


def _list(values):
    return ", ".join(f"{value:g}" for value in np.round(values, 3))


# --- 01.3


@exercise("01.3")
def xor_classifier(student, rng):
    """The model must label the corners and fresh noisy points by XOR; a linear one is named as such."""
    from coursekit.data import make_xor

    fail_if(student.describe("model")["type"] in ("function", "method", "builtin_function_or_method"), "not-a-model")
    corners = predicted_labels(student, "model", CORNERS)
    X, y = make_xor(n_samples=400, noise=0.15, seed=int(rng.integers(2**31)))
    labels = predicted_labels(student, "model", X)
    accuracy = np.mean(labels == y)
    right = int(np.sum(corners == XOR))
    if len(np.unique(labels)) == 1:
        why = _why_straight(student, "model")[1]
        raise Wrong("constant", labels=labels[0], why=why)
    if right < 4 and _is_linear(labels, X):
        code, why = _why_straight(student, "model")
        raise Wrong(
            code,
            f"The model draws one straight line: {right} of 4 corners are right, and no line gets more than 3. {why}",
        )
    fail_if(accuracy < 0.3, "labels-swapped", accuracy=accuracy)
    same_as_replay_or_sigmoid(student, "model", CORNERS)
    yield Finding("corners", right == 4, _corner_message(corners), points=1)
    yield check_limit(
        "01.3",
        "accuracy",
        accuracy,
        "{} of 400 fresh points are right",
        _stopped(student, "model") or "Add hidden units or train longer.",
    )


def _corner_message(corners):
    wrong = [f"({a:g}, {b:g})" for (a, b), seen, want in zip(CORNERS, corners, XOR, strict=True) if seen != want]
    if not wrong:
        return "All four corners are right."
    return f"Wrong at {', '.join(wrong)}. XOR is defined at the corners; draw the boundary to see what it misses."


def _is_linear(labels, X):
    """Whether a straight line reproduces these labels (nearly) everywhere."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1e4, max_iter=1000).fit(X, labels).score(X, labels) > 0.99


# --- 01.4


@exercise("01.4")
def back_propagation(student, rng):
    """Compare each gradient with central differences of the loss; recognise the usual slips."""
    for n, hidden in ((7, 5), (4, 3), (1, 2), (9, 1)):
        findings = list(_one_size(student, rng, n, hidden))
        if not all(finding.passed for finding in findings):
            break
    yield from findings


def _one_size(student, rng, n, hidden):
    """The findings on the four gradients for one number of samples and of hidden units."""
    X, y = rng.normal(size=(n, 2)), rng.integers(0, 2, size=(n, 1)).astype(float)
    parameters = [rng.normal(size=shape) for shape in ((2, hidden), (hidden,), (hidden, 1), (1,))]
    names = ("W1", "b1", "W2", "b2")
    given = student.call("backward", X, y, *parameters)
    if not isinstance(given, list | tuple) or len(given) != 4:
        seen = f"{len(given)} things" if isinstance(given, list | tuple) else f"one {type_name(given)}"
        raise Wrong("wrong-type", seen=seen)
    gradients = []
    for name, value, parameter in zip(names, given, parameters, strict=True):
        value = as_array(value, f"`d{name}`")
        if value.size != parameter.size:
            raise Wrong(
                "wrong-shape",
                f"`d{name}` has shape {value.shape}; a gradient has the shape of its parameter, {parameter.shape}."
                + (" Sum over the samples." if name[0] == "b" and value.shape[:1] == (n,) else ""),
            )
        gradients.append(value.reshape(parameter.shape))
    wanted = _finite_differences(X, y, parameters)
    right = {name: _same(value, want) for name, value, want in zip(names, gradients, wanted, strict=True)}
    slip = None if all(right.values()) else _slip(gradients, wanted, X, y, parameters, n)
    fail_if(slip, *slip)
    quantities = {"n": n, "the number of hidden units": hidden}
    for name, value, want in zip(names, gradients, wanted, strict=True):
        # Central differences with a step of 1e-5 are right to about 1e-9 here.
        what, code = f"`d{name}`", f"gradient-{name}"
        yield agrees(code, what, value, want, None, 0.75, _place(name, right), 1e-5, quantities=quantities)


def _same(value, want):
    return np.abs(value - want).max() <= 1e-5 * max(np.abs(want).max(), 1e-6)


def _place(name, right):
    """Where to look for the mistake in a gradient, by which of the others are right."""
    layer, other = name[1], f"{'b' if name[0] == 'W' else 'W'}{name[1]}"
    if layer == "1" and not (right["W2"] and right["b2"]):
        return "It follows from delta2, so mend `dW2` and `db2` first."
    if right[other]:
        formula = {"W1": "X.T @ delta1", "W2": "H.T @ delta2"}.get(name, f"the sum of delta{layer} over the samples")
        return f"`d{other}` is right, so delta{layer} is: `d{name}` is {formula}."
    if layer == "2":
        return "Start from delta2 = (p - y) / n."
    return "`dW2` and `db2` are right, so delta2 is: check delta1 and the derivative of tanh."


def _loss(X, y, W1, b1, W2, b2):
    p = 1 / (1 + np.exp(-(np.tanh(X @ W1 + b1) @ W2 + b2)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def _finite_differences(X, y, parameters, step=1e-5):
    gradients = []
    for parameter in parameters:
        gradient = np.zeros_like(parameter)
        for i in np.ndindex(parameter.shape):
            kept = parameter[i]
            parameter[i] = kept + step
            above = _loss(X, y, *parameters)
            parameter[i] = kept - step
            gradient[i] = (above - _loss(X, y, *parameters)) / (2 * step)
            parameter[i] = kept
        gradients.append(gradient)
    return gradients


def _slip(given, wanted, X, y, parameters, n):
    """The usual mistake that explains all four gradients, as (code, message), or None."""
    W1, b1, W2, b2 = parameters
    H = np.tanh(X @ W1 + b1)
    p = 1 / (1 + np.exp(-(H @ W2 + b2)))

    def chain(delta2, slope=1 - H**2):
        delta1 = delta2 @ W2.T * slope
        return [X.T @ delta1, delta1.sum(0), H.T @ delta2, delta2.sum(0)]

    def same(other):
        return all(np.allclose(a, b, rtol=1e-5, atol=1e-9) for a, b in zip(given, other, strict=True))

    if same([n * gradient for gradient in wanted]):
        return "not-averaged", f"All four gradients are {n} times too large, and there are {n} samples: divide by n."
    if same([-gradient for gradient in wanted]):
        return "wrong-sign", "All four gradients have the wrong sign: the derivative by the weighted sum is p - y."
    Z = X @ W1 + b1
    slopes = {
        "no-activation-derivative": 1.0,
        "sigmoid-derivative": H * (1 - H),
        "not-squared": 1 - H,
        "tanh-twice": 1 - np.tanh(H) ** 2,
        "of-the-sum": 1 - Z**2,
        "relu-derivative": H > 0,
        "inverse-derivative": 1 / (1 - H**2),
    }
    for code, (slope, said) in slopes.items():
        if same(chain((p - y) / n, slope)):
            return code, f"dW2 and db2 are right; {said}."
    squared = (p - y) * p * (1 - p) / n
    if any(same(chain(factor * squared)) for factor in (1, 2, n, 2 * n)):
        return (
            "squared-error",
            "These are the gradients of the squared error. For the binary cross-entropy the factor p (1 - p) cancels: "
            "delta2 = (p - y) / n.",
        )
    if same([np.zeros_like(gradient) for gradient in wanted]):
        return "constant", "All four gradients are 0: nothing would ever be learned."
    if same(chain((p - y) / 400)):
        return "fixed-size", f"All four gradients are divided by 400, also for {n} samples: divide by len(X)."
    return None


# --- 01.5


@exercise("01.5")
def keras_twice(student, rng):
    """Both APIs, one architecture, equal weights, a trained network, and the count of its parameters."""
    from coursekit.data import make_xor

    X, y = make_xor(n_samples=400, noise=0.15, seed=int(rng.integers(2**31)))
    X = X.astype("float32")
    for name, kind in (("sequential", "Sequential"), ("functional", "Functional")):
        said = student.describe(name)
        if said["family"] != "keras":
            raise Wrong("not-keras", name=name, type=said["type"])
        if said["type"] != kind:
            raise Wrong(
                "wrong-api",
                f"`{name}` is a {said['type']}. Build it "
                + (
                    "as a list of layers in `keras.Sequential`."
                    if kind == "Sequential"
                    else "with `keras.Input`, layers called on tensors, and `keras.Model(inputs, outputs)`."
                ),
            )
        fail_if(not said["built"] or said["n_params"] is None, "not-built", name=name)
        same_as_replay(student, name, X[:20], required=True)
        _same_architecture(name, student, said, X)
    accuracy = np.mean(predicted_labels(student, "sequential", X) == y)
    finding = check_limit("01.5", "accuracy", accuracy, "{} of 400 fresh points are right by `sequential`", _TRAIN)
    if not finding.passed:
        _explain_training(student, accuracy)
    yield finding
    scores = predictions(student, "sequential", X)
    apart = np.abs(scores - predictions(student, "functional", X)).max()
    message = "Both models give the same predictions."
    if apart >= 1e-4:
        message = (
            f"The predictions of the two models differ by up to {apart:.2f}. They are the same function only with the "
            "same weights: `functional.set_weights(sequential.get_weights())`, after the training."
        )
    yield Finding("same-weights", apart < 1e-4, message, points=1)
    count = as_number(student.value("n_params"), "`n_params`")
    message = {
        33: "33 parameters: 2 * 8 + 8 in the hidden layer, 8 + 1 in the output.",
        25: "The 8 hidden units have a bias each too.",
        32: "The output unit has a bias too.",
        9: "That is the output alone; the hidden layer counts too.",
        24: "24 are the weights alone, or the hidden layer alone. Each unit has a bias, and both layers count.",
    }.get(count, f"{count:g} is not the number of parameters. A layer has (inputs + 1) * units of them.")
    yield Finding("n-params", count == 33, message, points=1)


_TRAIN = "Train it for more epochs, or with a larger learning rate, such as `Adam(0.05)`."


def _explain_training(student, accuracy):
    """Raises `Wrong` where a fact explains that `sequential` gets few points right."""
    said = f"{accuracy:.1%} of 400 fresh points are right by `sequential`"
    biases = [part for layer in student.weights("sequential") for part in layer if part.ndim == 1]
    loss = student.describe("sequential")["loss"]
    fail_if(not any(bias.any() for bias in biases), "not-fitted", said=said)
    fail_if(accuracy < 0.2, "labels-swapped", said=said)
    fail_if(loss is not None and "binary" not in str(loss), "wrong-loss", said=said, loss=loss)


def _same_architecture(name, student, said, X):
    """Raises `Wrong` where a model is not 2 - 8 tanh - 1 sigmoid."""
    dense = [layer["units"] for layer in student.layers(name) if layer["class"] == "Dense"]
    if said["n_params"] != 33:
        raise Wrong("wrong-size", name=name, n_params=said["n_params"], dense=dense)
    layers = [layer for layer in student.layers(name) if layer["class"] != "InputLayer"]
    last = layers[-1]["activation"] or layers[-1]["class"].lower()
    if last != "sigmoid":
        binary_probabilities(student, name, X)
        raise Wrong("wrong-output", name=name, last=last)
    fail_if(_why_straight(student, name)[0] == "linear-model", "linear-hidden", name=name)


# --- 01.6


@exercise("01.6")
def fit_surface(student, rng):
    """R² against the noise-free surface on fresh points; constant, linear, rescaled and swapped fits are named."""
    from coursekit.data import surface

    X = rng.uniform(-2, 2, size=(500, 2))
    truth = surface(X)
    fitted = one_column(student, "regressor", X)
    r2 = _r2(truth, fitted)
    if r2 < 0.8:
        _explain_bad_fit(student, "regressor", X, truth, fitted, r2)
    advice = _stopped(student, "regressor") or "Use wider hidden layers, or train for longer (`max_iter`)."
    yield check_limit("01.6", "r2", r2, "R² is {} against the noise-free surface", advice, points=2, form=".3f")


def _r2(truth, fitted):
    return 1 - np.sum((truth - fitted) ** 2) / np.sum((truth - truth.mean()) ** 2)


def _explain_bad_fit(student, name, X, truth, fitted, r2):
    """Raises `Wrong` where a known cause explains a poor fit."""
    design = np.column_stack([X, np.ones(len(X))])
    plane = design @ np.linalg.lstsq(design, fitted, rcond=None)[0]
    code, why = _why_straight(student, name)
    if np.std(fitted) < 1e-6:
        raise Wrong("constant", name=name, fitted=fitted[0], why=why)
    if _r2(fitted, plane) > 0.99:
        raise Wrong(code, f"The fit is flat, without any bend (R² {r2:.2f}). {why}")
    fail_if(X.shape[1] == 2 and _r2(truth, one_column(student, name, X[:, ::-1].copy())) > 0.8, "inputs-swapped")
    slope, offset = np.polyfit(truth, fitted, 1)
    fail_if(_r2(fitted, slope * truth + offset) > 0.95, "scaled-target", slope=slope, offset=offset)
    if code == "stopped-early":
        raise Wrong(code, f"R² is only {r2:.2f}. {_stopped(student, name)}")


# --- 01.7


@exercise("01.7")
def error_curves(student, rng):
    """Two honest curves: they end where the model is, they fall, and the test error is low."""
    from coursekit.data import make_surface

    X, y = make_surface(n_samples=600, noise=0.1, seed=1)
    curves = {}
    for name, rows in (("train_mse", slice(0, 400)), ("test_mse", slice(400, None))):
        curve = as_array(student.value(name), f"`{name}`", shape=(None,))
        fail_if(len(curve) == 0, "error-curves.too-short", name=name)
        curves[name] = curve, np.mean((one_column(student, "epoch_model", X[rows]) - y[rows]) ** 2)
    (train, now_train), (test, now_test) = curves["train_mse"], curves["test_mse"]
    if len(train) > 1 and min(np.ptp(train), np.ptp(test)) == 0:
        which = "train_mse" if np.ptp(train) == 0 else "test_mse"
        raise Wrong("constant", n_train=len(train), which=which)
    fail_if(len(train) != len(test), "wrong-shape", n_train=len(train), n_test=len(test))
    fail_if(train.min() < 0 or test.min() < 0, "negative")
    ends_right = _close(train[-1], now_train) and _close(test[-1], now_test)
    if not ends_right:
        _explain_curve(student, train, test, now_train, now_test, X, y)
    yield Finding(
        "ends-at-model",
        ends_right,
        f"The curves end at {train[-1]:.4f} (training) and {test[-1]:.4f} (test)"
        + (", which is where the model is." if ends_right else
           f"; the model has {now_train:.4f} and {now_test:.4f}. Both curves should end at the mean squared error that the model has now."),
        points=1,
    )  # fmt: skip
    fail_if(len(train) < 100, "too-short", n_train=len(train))
    if train[0] < 2 * train[-1]:
        raise Wrong("not-falling", train=train[0], train_2=train[-1])
    from coursekit.data import surface

    # What a model has not seen it cannot know: its errors on the test points have nothing to do with their noise.
    noise = y[400:] - surface(X[400:])
    wrong = one_column(student, "epoch_model", X[400:]) - surface(X[400:])
    known = float(np.corrcoef(noise, wrong)[0, 1])
    fail_if(known > threshold("01.7", "noise_known"), "trained-on-test", known=known)
    yield Finding("noise-known", True, "The model has not seen the test points.", seen={"noise_known": known})
    yield check_limit('01.7', 'test_mse', now_test, form='.4f', most=True, test=test[0])  # fmt: skip


def _loss_curve(student):
    try:
        return student.history("epoch_model")["loss"]
    except StudentError:  # it keeps none
        return []


def _close(a, b):
    return abs(a - b) <= 1e-3 * max(abs(b), 1e-6)


def _explain_curve(student, train, test, now_train, now_test, X, y):
    """Raises `Wrong` where a known slip explains where the curves end."""
    from coursekit.data import surface

    fitted, truth = one_column(student, "epoch_model", X), surface(X)
    parts = (slice(0, 400), slice(400, None))

    def ends(measure):
        return all(_close(curve[-1], measure(rows)) for curve, rows in zip((train, test), parts, strict=True))

    other = {
        "r2-score": lambda rows: _r2(y[rows], fitted[rows]),
        "absolute": lambda rows: np.mean(np.abs(y[rows] - fitted[rows])),
        "not-averaged": lambda rows: np.sum((y[rows] - fitted[rows]) ** 2),
        "root": lambda rows: np.sqrt(np.mean((y[rows] - fitted[rows]) ** 2)),
        "halved": lambda rows: np.mean((y[rows] - fitted[rows]) ** 2) / 2,
        "no-noise": lambda rows: np.mean((truth[rows] - fitted[rows]) ** 2),
    }
    for code, (measure, message) in other.items():
        if ends(measure):
            raise Wrong(code, message + " Use `mean_squared_error(y, model.predict(X))`.")
    fail_if(_close(train[-1], now_test) and _close(test[-1], now_train) and not _close(now_train, now_test), "swapped")
    fail_if(np.allclose(train, test), "same-curve")
    losses = _loss_curve(student)
    if len(losses) and np.shape(losses)[-1:] == train.shape and np.allclose(train, losses):
        raise Wrong("half-loss", train=train[-1])
    fail_if(_close(train[0], now_train) and len(train) > 1, "reversed")


# --- 01.8


@exercise("01.8")
def universal_approximation(student, rng):
    """The sum of hinges for random kinks and slopes; then a learned curve against the true one."""
    from coursekit.data import curve

    yield lambda: _relu_sum(student, rng)
    yield lambda: _learned_curve(student, curve)


def _relu_sum(student, rng):
    for n, k, offset in ((40, 6, 0.7), (25, 3, -1.2), (12, 1, 0.0), (1, 2, 2.0)):
        x, kinks, slopes = rng.uniform(-1, 2, n), rng.uniform(0, 1, k), rng.normal(size=k)
        given = returned(student, "relu_sum", x, kinks, slopes, offset, shape=(n,))
        hinges = x[:, None] - kinks
        relu = np.maximum(0, hinges)
        wanted = relu @ slopes + offset
        slips = {
            "no-offset": wanted - offset,
            "no-relu": hinges @ slopes + offset,
            "other-side": np.maximum(0, -hinges) @ slopes + offset,
            "wrong-kink": np.maximum(0, x[:, None] + kinks) @ slopes + offset,
            "slope-inside": np.maximum(0, slopes * hinges).sum(1) + offset,
            "slope-before-kink": np.maximum(0, slopes * x[:, None] - kinks).sum(1) + offset,
            "absolute": np.abs(hinges) @ slopes + offset,
            "step": (hinges > 0) @ slopes + offset,
            "no-slopes": relu.sum(1) + offset,
            "averaged": (wanted / k - offset / k + offset, f"The {k} hinges are averaged; they are added up."),
            "offset-in-each": (
                wanted + (k - 1) * offset,
                f"The offset is added {k} times, once for each hinge; add it once.",
            ),
            "offset-inside": np.maximum(0, hinges + offset) @ slopes,
            "relu-last": np.maximum(0, hinges @ slopes + offset),
            "clipped-sum": np.maximum(0, wanted),
            "summed-slopes": relu @ np.cumsum(slopes) + offset,
        }
        advice = "It should be offset + sum of slope * ReLU(x - kink)."
        quantities = {"the number of kinks": k}
        finding = agrees("relu-sum", "`relu_sum`", given, wanted, slips, 1, advice, 1e-5, quantities=quantities)
        if not finding.passed:
            break
    return finding


def _learned_curve(student, curve):
    grid = np.linspace(0.02, 0.98, 300)
    fitted = one_column(student, "curve_model", grid[:, None])
    r2 = _r2(curve(grid), fitted)
    if r2 < 0.8:
        _explain_bad_fit(student, "curve_model", grid[:, None], curve(grid), fitted, r2)
    rmse = np.sqrt(np.mean((fitted - curve(grid)) ** 2))
    advice = _stopped(student, "curve_model") or "Use more hidden units, or train until it converges."
    said = "The learned curve is {} from the true one (root mean square)"
    return check_limit("01.8", "rmse", rmse, said, advice, points=2, form=".3f", most=True)
