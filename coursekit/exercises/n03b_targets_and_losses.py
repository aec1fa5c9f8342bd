"""Checks of notebook 03b: targets, categories and losses of a network for house prices."""

from functools import cache

import numpy as np

from coursekit.checks.codec import Handle
from coursekit.checks.framework import Wrong, exercise, fail_if, threshold
from coursekit.checks.proxy import StudentError
from coursekit.checks.report import Finding, note
from coursekit.checks.vocabulary.arrays import agrees, as_array, as_number, returned
from coursekit.checks.vocabulary.models import one_column, rebuild, same_as_replay
from coursekit.checks.vocabulary.relations import describe_relation

# What is added to the worst of ten seeds of the solution; see benchmarks/record.py. Errors are in dollars.
MARGINS = {
    # "unseen" is the smallest ratio of the error on test or validation rows to that on the training rows.
    "03b.2": {"mae": 2000, "unseen": -0.04},
    "03b.3": {"r2": -0.04},
    "03b.4": {"mae": 2500},
    "03b.5": {"forest": 1000, "boosting": 1000, "unseen": -0.66},
}

UNIT = 100_000  # dollars


@cache
def _houses():
    """Scaled numbers (2930, 12), prices (2930,) in units of 100,000 dollars, codes (2930, 1), the three sets of rows."""
    from coursekit.data import ames_rows, load_ames, load_ames_numbers

    X, y = load_ames_numbers()
    train, val, test = ames_rows()
    X = (X - X[train].mean(axis=0)) / X[train].std(axis=0)
    codes = np.unique(load_ames()["neighborhood"].to_numpy(str), return_inverse=True)[1]
    return X, y, codes[:, None], (train, val, test)


def _mae(truth, fitted):
    return UNIT * np.mean(np.abs(truth - fitted))


def _at_most(id, name, dollars, what, advice, points, **seen):
    """The finding that an error in dollars is within its recorded limit."""
    limit = threshold(id, name)
    passed = dollars <= limit
    message = (
        f"{what} is off by {dollars:,.0f} dollars on the test houses; {limit:,.0f} {'was' if passed else 'is'} allowed."
    )
    return Finding(name, passed, message if passed else f"{message} {advice}", points, {name: dollars, **seen})


def _ratios(off, rows):
    """By how much the errors on validation and test rows exceed those on the training rows."""
    train, val, test = (off[part].mean() for part in rows)
    return val / train, test / train


def _explain_seen(name, off, rows, limit):
    """Raises `Wrong` where the errors on validation or test rows are no larger than on the training rows."""
    train, val, test = (UNIT * off[part].mean() for part in rows)
    seen = [which for which, ratio in zip(("validation", "test"), _ratios(off, rows), strict=True) if ratio < limit]
    if seen:
        raise Wrong(
            "leak-train-test" if "test" in seen else "leak-validation",
            f"`{name}` is off by {train:,.0f} dollars on the training rows, {val:,.0f} on the validation rows and {test:,.0f} "
            f"on the test rows: as little on the {' and the '.join(seen)} rows as on those that it may know. Train it on the "
            "training rows only.",
        )


def _not_constant(name, fitted):
    if np.std(fitted) < 1e-6 * max(1.0, np.abs(fitted).max()):
        raise Wrong("constant", name=name, fitted=fitted[0])


def _explain_prices(name, fitted, truth):
    """Raises `Wrong` where the unit of the predictions explains a large error."""
    off = np.mean(np.abs(truth - fitted))
    if fitted.max() < 20:
        for what, back in (
            ("", np.exp(fitted)),
            ("1 plus ", np.expm1(fitted)),
            ("dollars of ", np.exp(fitted) / UNIT),
        ):
            fail_if(np.mean(np.abs(truth - back)) < 0.25 * off, "log-target", name=name, what=what)
    if np.median(fitted) > 1000:
        raise Wrong("in-dollars", name=name, median=np.median(fitted))
    if np.corrcoef(truth, fitted)[0, 1] > 0.85 and abs(np.mean(fitted)) < 0.4:
        raise Wrong("scaled-target", name=name, mean=np.mean(fitted), mean_2=np.mean(truth))


# --- 03b.1


@exercise("03b.1")
def target_unit(student, rng):
    """The two functions undo each other; the built networks begin where they should and stay where they should."""
    X = rng.normal(size=(300, 12))
    yield lambda: _scaled(student)
    yield lambda: _biased(student)
    yield lambda: _bounded(student, X)


def _scaled(student):
    _, y, _, (train, _, test) = _houses()
    dollars, new = UNIT * y[train], UNIT * y[test]
    z = returned(student, "scale", dollars, shape=dollars.shape)
    z_new = returned(student, "scale", new, shape=new.shape)
    few = returned(student, "scale", new[:5].copy(), shape=(5,))
    centred = abs(z.mean()) < 1e-3 and abs(z.std() - 1) < 1e-3
    if not centred or not np.allclose(few, z_new[:5], atol=1e-3):
        _explain_scale(student, z, z_new, few, UNIT * y)
        raise Wrong("scaled", mean=z.mean(), std=z.std())
    back = returned(student, "unscale", z_new, shape=new.shape)
    few = returned(student, "unscale", z_new[:5].copy(), shape=(5,))
    if np.allclose(back, new, rtol=1e-4) and np.allclose(few, new[:5], rtol=1e-4):
        return Finding("scaled", True, "`scale` gives mean 0 and standard deviation 1, and `unscale` undoes it.", 1)
    if not np.allclose(few, back[:5], rtol=1e-4):
        raise Wrong(
            "uses-given-batch", "`unscale` answers differently for the same house in another company: " + _BATCH
        )
    if np.allclose(new - back, dollars.mean(), rtol=1e-3):
        raise Wrong("no-offset", new=new[0] - back[0])
    raise Wrong("not-inverse", new=new[0], back=back[0])


_BATCH = "the mean and the standard deviation must be those of `dollars_train`, not of the array that comes in."


def _explain_scale(student, z, z_new, few, everything):
    """Raises `Wrong` where a known slip explains a bad `scale`."""
    if not np.allclose(few, z_new[:5], atol=1e-3):
        raise Wrong("uses-given-batch", "`scale` answers differently for the same house in another company: " + _BATCH)
    z_all = returned(student, "scale", everything, shape=everything.shape)
    for part, which in ((z_all, "all houses"), (z_new, "the test houses")):
        fail_if(abs(part.mean()) < 1e-3 and abs(part.std() - 1) < 1e-3, "leak-train-test", which=which)
    train = UNIT * _houses()[1][_houses()[3][0]]
    if abs(z.std() * train.std() - 1) < 1e-3:
        raise Wrong("divided-by-variance", std=z.std())
    if np.allclose(z, (train - train.mean() / UNIT) / (train.std() / UNIT), rtol=1e-2):
        raise Wrong("other-unit", mean=z.mean())
    if abs(z.mean()) < 1e-3 * max(z.std(), 1):
        raise Wrong("not-divided", std=z.std())
    if abs(z.std() - 1) < 1e-3:
        raise Wrong("not-centred", mean=z.mean())


def _network(student, name, *args):
    """The handle of the untrained network that a function builds, with the size that the task names."""
    given = student.call(name, *args)
    call = f"`{name}({', '.join(map(str, args))})`"
    fail_if(given is None, "none", call=call)
    if not isinstance(given, Handle) or student.describe(given)["family"] != "keras":
        seen = given.type_name if isinstance(given, Handle) else type(given).__name__
        raise Wrong("not-keras", call=call, seen=seen)
    # Where a network is built at its first call, that call says how many weights it has.
    _outputs(student, given, name, np.zeros((1, 12)))
    said = student.describe(given)
    if said["n_params"] != 449:
        raise Wrong("wrong-size", call=call, n_params=said["n_params"])
    fail_if(_straight(student, given, name), "linear-model", name=name)
    return given


def _outputs(student, network, name, X):
    scores = as_array(student.predict(network, X), f"The output of what `{name}` builds")
    fail_if(scores.size != len(X), "wrong-shape", name=name, n_X=len(X), shape=scores.shape)
    return scores.ravel()


def _biased(student):
    """At the point where all inputs are 0 a fresh network answers its last bias."""
    nothing, answers = np.zeros((1, 12)), {}
    for bias in (1.8, -2.5, 30.0):
        network = _network(student, "build_with_bias", bias)
        answers[bias] = _outputs(student, network, "build_with_bias", nothing)[0]
        last = [w for w in student.weights(network) if w][-1]
        begins = len(last) == 2 and np.allclose(last[1], bias, rtol=1e-3)
        output = student.layers(network)[-1]["activation"]
        if not begins and abs(answers[bias] - bias) > 1e-3 * abs(bias):
            _explain_bias(student, network, bias, answers[bias])
        if output not in (None, "linear") and abs(answers[bias] - bias) > 1e-3 * abs(bias):
            raise Wrong("not-linear-output", bias=bias, output=output, answers=answers[bias])
    return Finding("bias", True, "The output of a fresh network begins at the bias that you ask for.", 1)


def _straight(student, network, name):
    """Whether the output rises in one direction wherever it is looked at: then the hidden layer bends nothing."""
    X, step = 2 * np.random.default_rng(0).normal(size=(8, 12)), 0.1
    moved = (X[:, None] + step * np.eye(12)).reshape(-1, 12)
    slopes = _outputs(student, network, name, moved).reshape(8, 12) - _outputs(student, network, name, X)[:, None]
    steep = np.linalg.norm(slopes, axis=1)
    if steep.max() < 1e-4:
        return False  # flat everywhere, as where the last weights begin at 0
    directions = slopes[steep > 0.05 * steep.max()]
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return len(directions) > 2 and (directions @ directions.T).min() > 0.99


def _explain_bias(student, network, bias, answer):
    biases = [w[1] for w in student.weights(network) if len(w) == 2]
    fail_if(len(biases) > 1 and np.allclose(biases[0], bias, rtol=1e-3), "wrong-layer", bias=bias)
    fail_if(abs(answer) < 1e-6, "bias-ignored", bias=bias)
    raise Wrong("bias", bias=bias, answer=answer)


def _bounded(student, X):
    """Whatever comes in, the output stays in the range; it can come near both ends, and it is not clipped."""
    name = "build_in_range"
    wild = np.concatenate([1000 * X, -1000 * X])
    for low, high in ((-2.0, 3.0), (0.1, 8.0), (10.0, 12.5)):
        outputs = np.concatenate([_outputs(student, _network(student, name, low, high), name, wild) for _ in range(2)])
        span, slack = (outputs.min(), outputs.max()), 1e-3 * (high - low)
        inside = span[0] >= low - slack and span[1] <= high + slack
        if not inside or np.ptp(outputs) < 0.9 * (high - low):
            _explain_range(low, high, *span)
    low, high = 0.1, 0.2
    outputs = _outputs(student, _network(student, name, low, high), name, X)
    flat = np.mean(np.isclose(outputs, low, rtol=1e-6) | np.isclose(outputs, high, rtol=1e-6))
    fail_if(flat > 0.5, "clipped", flat=flat)
    return Finding(
        "range", True, "Whatever comes in, the output stays between low and high, and can reach both ends.", 1
    )


def _explain_range(low, high, smallest, largest):
    def reaches(a, b):
        return abs(smallest - a) < 0.05 * (b - a) and abs(largest - b) < 0.05 * (b - a)

    said = f"The outputs of `build_in_range({low}, {high})` run from {smallest:.3g} to {largest:.3g}"
    fail_if(reaches(0, 1), "not-stretched", said=said)
    fail_if(reaches(0, high - low), "explain-range.no-offset", said=said)
    fail_if(reaches(low, low + high) or reaches(0, high), "not-the-width", said=said)
    fail_if(smallest < low - (high - low) or largest > high + (high - low), "not-bounded", said=said)
    raise Wrong("range", said=said)


# --- 03b.2


@exercise("03b.2")
def categories(student, rng):
    """One-hot for codes of which some are missing; a network whose embedding matters to its predictions."""
    yield lambda: _one_hot(student)
    yield lambda: _house_network(student, rng)


def _house_network(student, rng):
    """The findings on `house_model`."""
    said = student.describe("house_model")
    if said["family"] != "keras":
        raise Wrong("not-keras", type=said["type"])
    X, prices, codes, rows = _houses()
    everywhere = _ask_two(student, X[:, :10].astype("float32"), codes)
    test = rows[2]
    off = np.abs(everywhere - prices)
    X, y, codes, fitted = X[test][:, :10].astype("float32"), prices[test], codes[test], everywhere[test]
    _not_constant("house_model", fitted)
    dollars = _mae(y, fitted)
    if dollars > threshold("03b.2", "mae"):
        _explain_prices("house_model", fitted, y)
        _explain_house(student, dollars, y, codes)
    else:
        _explain_seen("house_model", off, rows, threshold("03b.2", "unseen"))
    advice = "Train for more epochs, or with another learning rate."
    yield _at_most("03b.2", "mae", dollars, "`house_model`", advice, points=1, unseen=min(_ratios(off, rows)))
    again = rebuild(student, "house_model", (None, 10)) if isinstance(student.config("house_model"), dict) else None
    if again is not None and not np.allclose(np.ravel(again([X, codes])), fitted, rtol=1e-2, atol=1e-3):
        raise Wrong("not-its-layers")
    yield from _uses_embedding(student, X, y, codes, fitted, rng)


def _explain_house(student, dollars, y, codes):
    """Raises `Wrong` where the inputs explain a large error of `house_model`."""
    from coursekit.data import load_ames_numbers

    raw = load_ames_numbers()[0][_houses()[3][2]][:, :10].astype("float32")
    fail_if(_mae(y, _ask_two(student, raw, codes)) < 0.5 * dollars, "unscaled-inputs")


def _one_hot(student):
    found = None
    for codes, n in (([5, 0, 2, 2, 0, 5, 5], 8), ([1, 3], 4), ([7, 4, 11, 0, 4], 28), ([0, 0, 0, 0, 0], 6)):
        found = _one_hot_of(student, np.array(codes), n)
        if not found.passed:
            break
    return found


def _one_hot_of(student, codes, n):
    """The finding on `one_hot` for some codes, of which not all of the n occur, the last among them."""
    given = as_array(student.call("one_hot", codes, n), "What `one_hot` returns")
    wanted = (codes[:, None] == np.arange(n)).astype(float)
    fail_if(given.shape == (n, len(codes)) and np.array_equal(given, wanted.T), "transposed", shape=given.shape)
    if given.ndim == 2 and given.shape[1] < n and given.shape[1] in (len(np.unique(codes)), codes.max() + 1):
        raise Wrong("missing-categories", n=n, shape=given.shape[1])
    fail_if(given.ndim == 2 and given.shape == (len(codes), 28) != wanted.shape, "wrong-shape", n=n)
    if given.size != wanted.size or given.squeeze().shape != wanted.squeeze().shape:
        raise Wrong("one-hot-of.wrong-shape", shape=given.shape, shape_2=wanted.shape)
    slips = {
        "shifted": np.roll(wanted, -1, axis=1),
        "inverted": 1 - wanted,
        "codes-as-values": wanted * codes[:, None],
        "shifted-up": np.roll(wanted, 1, axis=1),
        "order-of-codes": (codes[:, None] >= np.arange(n)).astype(float),
    }
    if np.array_equal(np.unique(given), [-1, 1]) and np.array_equal(given.reshape(wanted.shape), 2 * wanted - 1):
        raise Wrong("minus-ones")
    return agrees(
        "one-hot", "`one_hot`", given.reshape(wanted.shape), wanted, slips, points=1, advice="One 1 in each row."
    )


def _ask_two(student, X, codes):
    """The predictions for two inputs, shape (n,)."""
    try:
        given = student.call("house_model", [X, codes])
    except StudentError as error:
        try:
            student.call("house_model", [codes, X])
        except StudentError:
            _explain_inputs(student, codes)
            raise error from None
        raise Wrong("inputs-swapped") from None
    fitted = as_array(given, "The prediction of `house_model`")
    fail_if(fitted.size != len(X), "ask-two.wrong-shape", n_X=len(X), shape=fitted.shape)
    return fitted.ravel()


def _tables(student):
    """The shape of each embedding of the network."""
    return [
        weights[0].shape
        for layer, weights in zip(student.layers("house_model"), student.weights("house_model"), strict=True)
        if layer["class"] == "Embedding" and weights
    ]


def _explain_inputs(student, codes):
    """Raises `Wrong` where the size of the table or the number of columns explains that the network cannot answer."""
    small = [rows for rows, _ in _tables(student) if rows <= codes.max()]
    if small:
        raise Wrong("embedding", small=small[0])
    X = _houses()[0][: len(codes)]
    try:
        student.call("house_model", [X.astype("float32"), codes])
    except StudentError:
        return
    raise Wrong("too-many-inputs")


def _uses_embedding(student, X, y, codes, fitted, rng):
    moved = np.abs(_ask_two(student, X, rng.permutation(codes)) - fitted).mean()
    fail_if(moved < 1e-3, "ignores-codes")
    right, other = _mae(y, fitted), _mae(y, _ask_two(student, X, rng.permutation(codes)))
    fail_if(other < 1.02 * right, "codes-misplaced", other=other, right=right)
    tables = _tables(student)
    if not tables:
        found = ", ".join(layer["class"] for layer in student.layers("house_model"))
        raise Wrong("no-embedding", found=found)
    passed = any(rows >= 28 and columns >= 2 for rows, columns in tables)
    message = (
        f"Shuffled neighbourhoods move a prediction by {UNIT * moved:,.0f} dollars on average: the table is in use."
    )
    if not passed:
        message = f"The embedding has the shape {tables[0]}; 28 neighbourhoods with 2 numbers each were expected."
    yield Finding("embedding", passed, message, points=1)
    if passed and max(columns for _, columns in tables) > 2:
        yield note(
            "more-columns",
            f"The embedding has the shape {tables[0]}; two columns were asked for. The map below draws the first two only.",
        )


# --- 03b.3


@exercise("03b.3")
def own_function(student, rng):
    """Any function that uses its five variables; a model that has learned it; the residuals that follow from both."""
    X = rng.uniform(size=(500, 5))
    truth = _own(student, X, rng)
    yield Finding("function", True, "Your function uses all five variables, and is not a plane.", points=1)
    fail_if(student.describe("my_model")["type"] in ("function", "method", "builtin_function_or_method"), "not-a-model")
    fitted = one_column(student, "my_model", X)
    _not_constant("my_model", fitted)
    r2, limit = _r2(truth, fitted), threshold("03b.3", "r2")
    if r2 < limit:
        _explain_own(X, truth, fitted, r2)
    same_as_replay(student, "my_model", X[:20])
    yield Finding(
        "r2",
        r2 >= limit,
        f"R² is {r2:.3f} on fresh points; {limit:.3f} {'was' if r2 >= limit else 'is'} asked for."
        + (
            ""
            if r2 >= limit
            else " Use more units or epochs; if nothing helps, the function is too rough: make it smoother."
        ),
        points=1,
        seen={"r2": r2},
    )
    yield _residuals(student, np.std(truth))


def _own(student, X, rng):
    """The values of the student's function, which must use each variable, not be linear, and not be random."""
    name = "my_function"
    truth = returned(student, name, X, shape=(len(X),))
    spread = np.std(truth)
    if spread < 1e-9 * max(1.0, np.abs(truth).max()):
        raise Wrong("constant", name=name, truth=truth[0])
    if not np.allclose(returned(student, name, X, shape=(len(X),)), truth, atol=1e-6 * spread):
        raise Wrong("random", name=name)
    if not np.allclose(returned(student, name, X[:7].copy(), shape=(7,)), truth[:7], atol=1e-6 * spread):
        raise Wrong("depends-on-other-rows", name=name)
    order = np.argsort(X[:, 0])
    if not np.allclose(returned(student, name, X[order], shape=(len(X),)), truth[order], atol=1e-6 * spread):
        raise Wrong("own.random", name=name)
    for j in range(5):
        other = X.copy()
        other[:, j] = rng.uniform(size=len(X))
        moved = np.sqrt(np.mean((returned(student, name, other, shape=(len(X),)) - truth) ** 2))
        if moved < 0.01 * spread:
            raise Wrong("variable-unused", j=j, name=name, moved=moved / spread)
    design = np.column_stack([X, np.ones(len(X))])
    flat = _r2(truth, design @ np.linalg.lstsq(design, truth, rcond=None)[0])
    fail_if(flat > 0.999, "linear-function", flat=flat)
    return truth


def _r2(truth, fitted):
    return 1 - np.sum((truth - fitted) ** 2) / np.sum((truth - truth.mean()) ** 2)


def _explain_own(X, truth, fitted, r2):
    """Raises `Wrong` where a known cause explains a poor fit."""
    design = np.column_stack([X, np.ones(len(X))])
    fail_if(_r2(fitted, design @ np.linalg.lstsq(design, fitted, rcond=None)[0]) > 0.99, "linear-model", r2=r2)
    width = np.ptp(truth)
    for low, high, which in ((0, 1, "sigmoid"), (-1, 1, "tanh"), (0, np.inf, "ReLU or softplus")):
        held = fitted.min() >= low - 1e-6 and fitted.max() <= high + 1e-6
        near = min(abs(fitted.min() - low), abs(fitted.max() - high)) < 0.05 * width
        beyond = np.mean((truth < low - 0.02 * width) | (truth > high + 0.02 * width))
        if held and near and beyond > 0.02:
            raise Wrong(
                "last-activation", min=fitted.min(), max=fitted.max(), min_2=truth.min(), max_2=truth.max(), which=which
            )
    follows = np.corrcoef(truth, fitted)[0, 1]
    if follows > 0.95 and 1 - follows**2 < 0.3 * (1 - r2):  # another scale and offset would mend most of it
        raise Wrong("scaled-target", mean=fitted.mean(), mean_2=truth.mean())


def _residuals(student, spread):
    X = np.random.default_rng(2).uniform(size=(1000, 5))  # X_new of the notebook
    truth = returned(student, "my_function", X, shape=(1000,))
    fitted = one_column(student, "my_model", X)
    given = as_array(student.value("residuals"), "`residuals`")
    fail_if(given.size == 1000**2, "broadcast", shape=given.shape)
    fail_if(given.size != 1000, "wrong-shape", shape=given.shape)
    given, wanted = given.ravel(), truth - fitted
    # float32 predictions are right to about 1e-6 of the spread; their sums over a layer to some 1e-5.
    if np.abs(given - wanted).max() <= 1e-3 * spread:
        return Finding(
            "residuals", True, f"The residuals have mean {wanted.mean():+.3g}, spread {wanted.std():.3g}.", 1
        )
    for code, other, message in (
        ("wrong-sign", -wanted, "These are prediction minus truth. A residual is truth minus prediction."),
        ("absolute", np.abs(wanted), "The signs are lost: a residual is negative where the prediction is too high."),
        ("squared", wanted**2, "These are squares. The residual is the plain difference."),
        ("predictions", fitted, "These are the predictions. Take them from the truth."),
    ):
        if np.abs(given - other).max() <= 1e-3 * spread:
            raise Wrong(code, message)
    i = int(np.abs(given - wanted).argmax())
    message = (
        f"`residuals[{i}]` is {given[i]:.3g}; truth minus prediction is {wanted[i]:.3g} there. Are the rows `X_new`?"
    )
    return Finding("residuals", False, message, points=1)


# --- 03b.4


@exercise("03b.4")
def robust(student, rng):
    """The minimiser of three losses on skewed numbers; a network that the typing errors did not pull up."""
    y = _skewed(rng)
    yield lambda: _constants(student, y)
    yield lambda: _robust_model(student)


def _constants(student, y):
    """The findings on `best_constant`, one for each loss."""
    best = {loss: _minimiser(y, loss) for loss in _LOSSES}
    given = {
        loss: as_number(student.call("best_constant", y, loss), "What `best_constant` returns") for loss in _LOSSES
    }
    tolerance = _GRID * np.ptp(y)  # a grid of a hundred candidates is off by half of this
    right = {loss: abs(given[loss] - best[loss]) <= tolerance for loss in _LOSSES}
    if not all(right.values()):
        _explain_constants(y, given, best, tolerance)
    for loss in _LOSSES:
        message = f"{loss}: {given[loss]:.2f} minimises the mean loss."
        if not right[loss]:
            message = f"{loss}: {given[loss]:.2f} was returned for 41 numbers whose mean loss is smallest at {best[loss]:.2f}."
            other = next((name for name in best if abs(given[loss] - best[name]) <= tolerance), None)
            message += f" It is the best constant of the {other} loss." if other else ""
        if right[loss]:
            _other_numbers(student, y, loss)
        yield Finding(f"constant-{loss}", right[loss], message, points=0.5)


_GRID = 0.01  # of the range of y: how fine the candidates have to be


def _other_numbers(student, y, loss):
    """Raises `Wrong` where the constant is right for one array only: negative numbers, large ones, equal ones."""
    for what, numbers in (
        ("numbers below 0", -3 * y),
        ("numbers from 100 to 400", 100 + 300 * y / y.max()),
        ("few numbers", y[:5] - 2),
        ("equal numbers", np.full(6, 2.5)),
    ):
        given = as_number(student.call("best_constant", numbers, loss), "What `best_constant` returns")
        best = _minimiser(numbers, loss)
        # Where the loss is flat, as between two middle numbers, every constant is as good.
        lost = [_LOSSES[loss](numbers - c).mean() for c in (given, best)]
        if abs(given - best) > _GRID * np.ptp(numbers) + 1e-6 and lost[0] > 1.001 * lost[1]:
            raise Wrong("other-numbers", loss=loss, what=what, given=given, lost=lost[0])


_LOSSES = {
    "squared": lambda r: r**2,
    "absolute": lambda r: np.abs(r),
    "huber": lambda r: np.where(np.abs(r) <= 1, r**2 / 2, np.abs(r) - 0.5),
}


def _skewed(rng):
    """41 numbers with three outliers, drawn until the three best constants lie well apart."""
    while True:
        y = np.append(rng.exponential(2.0, size=38), rng.uniform(10, 13, size=3))
        constants = np.sort([_minimiser(y, loss) for loss in _LOSSES])
        if np.diff(constants).min() > 0.4:
            return rng.permutation(y)


def _minimiser(y, loss):
    candidates = np.linspace(y.min(), y.max(), 4001)
    return candidates[_LOSSES[loss](y[:, None] - candidates).mean(axis=0).argmin()]


def _explain_constants(y, given, best, tolerance):
    """Raises `Wrong` where one slip explains all three constants."""

    def all_near(values):
        return all(abs(given[loss] - value) <= tolerance for loss, value in values.items())

    for loss, name in (("squared", "mean"), ("absolute", "median"), ("huber", "best constant of Huber's loss")):
        if all_near(dict.fromkeys(given, best[loss])):
            raise Wrong("same-for-all", name=name, best=best[loss])
    among = {loss: min(y, key=lambda c, loss=loss: _LOSSES[loss](y - c).mean()) for loss in given}
    fail_if(all(abs(given[loss] - among[loss]) < 1e-6 for loss in given), "only-data")
    if len({round(value, 6) for value in given.values()}) > 1:
        for name, prices in _other_prices().items():
            fail_if(all_near({loss: _minimiser(prices, loss) for loss in given}), "not-its-y", name=name)
    ends = np.array([y.min(), y.max()])
    if all_near({loss: max(ends, key=lambda end, loss=loss: _LOSSES[loss](y - end).mean()) for loss in given}):
        raise Wrong("largest-loss")
    fail_if(all_near({loss: _LOSSES[loss](y - best[loss]).mean() for loss in given}), "returns-loss")
    fail_if(all(value >= 0 and value == round(value) for value in given.values()), "returns-index")


def _other_prices():
    """What else a function could look at in this notebook: name -> prices."""
    _, y, _, (train, _, _) = _houses()
    spoilt = y[train].copy()
    spoilt[np.random.default_rng(0).choice(len(spoilt), size=len(spoilt) // 20, replace=False)] *= 10
    return {"y_spoilt": spoilt, "y_train": y[train]}


def _robust_model(student):
    X, y, _, (_, _, test) = _houses()
    name = "robust_model"
    if student.describe(name)["type"] in ("function", "method", "builtin_function_or_method"):
        raise Wrong("not-a-model", name=name)
    fitted = one_column(student, name, X[test])
    _not_constant(name, fitted)
    dollars, high = _mae(y[test], fitted), np.mean(fitted - y[test])
    if dollars > threshold("03b.4", "mae"):
        _explain_prices(name, fitted, y[test])
        _explain_robust(student, name, dollars, high)
    same_as_replay(student, name, X[test][:20])
    advice = "Does the loss on the training rows still fall at the end? Then train for longer."
    return _at_most("03b.4", "mae", dollars, f"`{name}`", advice, points=1.5)


def _explain_robust(student, name, dollars, high):
    """Raises `Wrong` where the inputs or the loss explain a large error on clean houses."""
    from coursekit.data import load_ames_numbers

    X, y, _, (_, _, test) = _houses()
    raw = one_column(student, name, load_ames_numbers()[0][test])
    fail_if(_mae(y[test], raw) < 0.5 * dollars, "unscaled-inputs", name=name)
    if high > 0.15:
        loss = str(student.describe(name).get("loss") or "").replace("mse", "mean_squared_error")
        raise Wrong(
            "squared-loss" if "squared" in loss else "pulled-up",
            f"`{name}` predicts {UNIT * high:,.0f} dollars too much on average. "
            + (
                "It was trained with the squared error, which listens to the prices with a zero too many. "
                if "squared" in loss
                else "Prices with a zero too many do that where the loss listens to them. "
            )
            + "Which of your three constants hardly moved?",
        )


# --- 03b.5


@exercise("03b.5")
def baseline(student, rng):
    """Two kinds of trees that have not seen the test rows, and four errors that are theirs."""
    X, y, _, rows = _houses()
    fits, ratios = {}, []

    def trees(name, words):
        fits[name] = one_column(student, name, X)
        _not_constant(name, fits[name])
        dollars = [_mae(y[part], fits[name][part]) for part in rows]
        _same_kind(student, name, words)
        off = np.abs(fits[name] - y)
        if dollars[2] > threshold("03b.5", name):
            _explain_prices(name, fits[name], y)
            _explain_trees(student, name, dollars)
        else:
            _explain_seen(name, off, rows, threshold("03b.5", "unseen"))
        advice = "Take more trees, or let them grow deeper."
        ratios.append(min(_ratios(off, rows)))
        return _at_most("03b.5", name, dollars[2], f"`{name}`", advice, 1, unseen=min(ratios))

    def four():
        fits["network"] = one_column(student, "network", X)
        _not_constant("network", fits["network"])
        design = np.column_stack([X, np.ones(len(X))])
        fits["line"] = design @ np.linalg.lstsq(design[rows[0]], y[rows[0]], rcond=None)[0]
        return _errors(student, fits, y, rows)

    yield lambda: trees("forest", ("Forest", "ExtraTrees"))
    yield lambda: trees("boosting", ("Boost", "XGB", "LGBM"))
    absent = [name for name in ("forest", "boosting") if name not in fits]
    if absent:
        raise Wrong("not-looked-at", absent=absent[0])
    yield four


def _same_kind(student, name, words):
    """Raises `Wrong` where the model is surely another than the task asks for."""
    kind = student.describe(name)["type"]
    known = ("Forest", "ExtraTrees", "Boost", "XGB", "LGBM", "MLP", "Linear", "Ridge", "DecisionTree", "Sequential")
    if any(word in kind for word in known) and not any(word in kind for word in words):
        raise Wrong(f"not-{name}", f"`{name}` is a {kind}. Something like a {words[0]}Regressor was expected.")


def _explain_trees(student, name, dollars):
    """Raises `Wrong` where the inputs or the rows explain a large error."""
    from coursekit.data import load_ames_numbers

    X, y, _, (_, _, test) = _houses()
    if _mae(y[test], one_column(student, name, load_ames_numbers()[0][test])) < 0.7 * dollars[2]:
        raise Wrong("unscaled-inputs", name=name)
    fail_if(dollars[1] < 0.7 * dollars[0], "wrong-rows", name=name)


def _errors(student, fits, y, rows):
    given = student.value("errors")
    fail_if(student.kind("errors") == "Series", "wrong-type")
    names = ("line", "network", "forest", "boosting")
    if not isinstance(given, dict):
        raise Wrong("errors.wrong-type", getattr=getattr(given, "type_name", type(given).__name__))
    missing = [name for name in names if name not in given]
    if missing:
        raise Wrong("missing-key", missing=missing[0], join=", ".join(map(str, given)))
    given = np.array([as_number(given[name], f"`errors[{name!r}]`") for name in names])

    def table(rows, measure):
        return np.array([measure(y[rows] - fits[name][rows]) for name in names])

    def mean_absolute(r):
        return UNIT * np.mean(np.abs(r))

    train, val, test = rows
    slips = {
        "wrong-unit": table(test, mean_absolute) / UNIT,
        "errors-on-train": table(train, mean_absolute),
        "errors-on-val": table(val, mean_absolute),
        "squared": table(test, lambda r: UNIT * np.sqrt(np.mean(r**2))),
        "mean-squared": (table(test, lambda r: UNIT * np.mean(r**2)), _SQUARES),
        "median": table(test, lambda r: UNIT * np.median(np.abs(r))),
    }
    slips |= {"mean-squared-dollars": (table(test, lambda r: UNIT**2 * np.mean(r**2)), _SQUARES)}
    slips["signed"] = (UNIT * np.abs(table(test, np.mean)), "These are means of the signed errors, which cancel.")
    wanted = table(test, mean_absolute)
    return _four_errors(np.abs(given) if np.allclose(-given, slips["signed"][0]) else given, wanted, slips, names)


def _four_errors(given, wanted, slips, names):
    """The finding on the four errors; it never says the right ones."""

    def same(values):
        return np.isclose(given, values, rtol=1e-3)

    right = same(wanted)
    if right.all():
        return Finding("errors", True, "`errors` is right.", points=1)
    for code, (values, message) in slips.items():
        if (same(values) | right).all():
            which = "" if not right.any() else " In " + ", ".join(f"`{name}`" for name in np.array(names)[~right]) + "."
            return Finding(code, False, message + which, points=1)
    for i, j in ((i, j) for i in range(4) for j in range(4)):
        if i != j and not right[i] and np.isclose(given[i], wanted[j], rtol=1e-3):
            message = f"`errors[{names[i]!r}]` is the error of another model, `{names[j]}`."
            return Finding("other-model", False, message, points=1)
    relation = describe_relation(given, wanted, {"100,000": UNIT}, rtol=1e-3)
    which = ", ".join(
        f"{value:,.6g} for `{name}`" for name, value, ok in zip(names, given, right, strict=True) if not ok
    )
    said = f"`errors`, as four numbers, {relation}." if relation else f"`errors` has {which}, which is not its error."
    return Finding("errors", False, f"{said} Give `error(y_test, model.predict(X_test))` for each model.", points=1)


_SQUARES = "These are mean squared errors, in other units than dollars. The mean *absolute* error was asked for."
