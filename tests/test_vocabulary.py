"""What checks say in common, each word where it holds and where it must not be said."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler

from coursekit.checks.estimators import build_estimator
from coursekit.checks.facts import training_facts
from coursekit.checks.framework import Exercise, Misconception, check_that, fail_if, judge, judging, say
from coursekit.checks.proxy import argument_text
from coursekit.checks.report import Finding
from coursekit.checks.server import local_student
from coursekit.checks.vocabulary.arrays import as_several, check_array, refuse_misconceptions
from coursekit.checks.vocabulary.models import (
    as_binary_probabilities,
    as_class_probabilities,
    cut_of,
    is_keras,
    predicted_labels,
    predictions,
    recompute_forward,
    refuse_constant,
    refuse_shared_layers,
)

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 5))
LOGITS = 4 * X @ rng.normal(size=(5, 4))
SOFTMAX = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
SIGMOID = 1 / (1 + np.exp(-LOGITS[:, :1]))
Y = (LOGITS[:, 0] > 0).astype(int)


def student(answer):
    """Holds a model that gives `answer` for the rows of X."""
    return local_student({"model": lambda rows: np.asarray(answer)[: len(rows)]})


def twice(p):
    return np.exp(p) / np.exp(p).sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    "code, answer",
    {
        "labels": SOFTMAX.argmax(axis=1),
        "one-hot": np.eye(4)[SOFTMAX.argmax(axis=1)],
        "logits": LOGITS,
        "not-probabilities": 1 / (1 + np.exp(-LOGITS)),
        "softmax-twice": twice(SOFTMAX),
        "wrong-shape": SOFTMAX[:, :3],
    }.items(),
)
def test_what_is_not_a_probability_of_each_class_is_named(code, answer):
    with pytest.raises(Misconception) as wrong:
        as_class_probabilities("model", predictions(student(answer), "model", X), 4)
    assert wrong.value.finding.code == code and "`model`" in wrong.value.finding.message


@pytest.mark.parametrize("answer", [SOFTMAX, SOFTMAX.astype("float32"), np.full((200, 4), 0.25), twice(X[:, :4] / 9)])
def test_probabilities_pass_however_sure_they_are(answer):
    """Also those of a network that was never trained, which are as flat as a softmax of a softmax."""
    assert as_class_probabilities("model", predictions(student(answer), "model", X), 4).shape == (200, 4)


@pytest.mark.parametrize(
    "code, answer",
    {"logits": LOGITS[:, 0], "labels": Y, "wrong-shape": SOFTMAX, "labels-in-two": np.eye(2)[Y]}.items(),
)
def test_what_is_not_the_probability_of_one_is_named(code, answer):
    with pytest.raises(Misconception) as wrong:
        as_binary_probabilities("model", predictions(student(answer), "model", X))
    assert wrong.value.finding.code == code.split("-in")[0]


@pytest.mark.parametrize("answer", [SIGMOID, SIGMOID[:, 0], np.hstack([1 - SIGMOID, SIGMOID])])
def test_the_probability_of_one_is_read_from_one_column_or_two(answer):
    assert np.allclose(as_binary_probabilities("model", predictions(student(answer), "model", X)), SIGMOID[:, 0])


@pytest.mark.parametrize("answer", [Y, SIGMOID, LOGITS[:, :1], np.hstack([1 - SIGMOID, SIGMOID])])
def test_labels_are_read_from_whatever_a_model_answers(answer):
    assert np.array_equal(predicted_labels(student(answer), "model", X), Y)


def test_scores_of_a_regression_turn_at_one_half():
    from sklearn.linear_model import LinearRegression

    held = local_student({"model": LinearRegression().fit(X, Y)})
    scores = LinearRegression().fit(X, Y).predict(X)
    assert scores.min() < 0 and cut_of(held, "model", scores) == 0.5


@pytest.mark.parametrize("loss, cut", [("mse", 0.5), ("binary_crossentropy", 0.0)])
def test_the_loss_tells_logits_from_a_regression(loss, cut):
    import keras

    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    model.compile("sgd", loss)
    held = local_student({"model": model})
    assert cut_of(held, "model", np.array([-0.2, 1.3])) == cut
    assert cut_of(held, "model", np.array([0.2, 0.9])) == 0.5, "values from 0 to 1 are probabilities"


SAYS = {
    "doubled": "`f` counts twice.",
    "several": "`several` is {seen}; {names} were expected.",
    "step": {"doubled": "`step` counts {times}.", "wrong": "`step` is wrong.", "right": "`step` is right."},
}


@pytest.fixture
def says():
    """An exercise with sentences is being judged."""
    with judging(Exercise("99.1", "A title", None, 1, {}, says=SAYS)):
        yield


def test_a_sentence_is_found_by_name_or_in_a_group(says):
    assert say("doubled") == say("other.doubled", "doubled") == "`f` counts twice."
    assert say("step.doubled", "doubled", times="twice") == "`step` counts twice."
    assert say("step") == "`step` is wrong."
    with pytest.raises(KeyError, match="99.1 has no sentence other.doubled"):
        say("other.doubled")


def test_of_a_cause_in_a_group_the_group_is_no_part_of_the_code(says):
    finding = Misconception("step.doubled", times="twice").finding
    assert (finding.code, finding.message) == ("doubled", "`step` counts twice.")
    assert Misconception("wrong-type", "It is a list.").finding == Finding("wrong-type", False, "It is a list.")
    fail_if(False, "step.doubled", times="twice")
    with pytest.raises(Misconception, match="counts three times"):
        fail_if(True, "step.doubled", times="three times")
    assert check_that("step", True, 2) == Finding("step", True, "`step` is right.", 2)
    assert check_that("step", False).message == "`step` is wrong."


def test_several_things_are_counted(says):
    assert as_several([1, 2], 2, "several", names="a, b") == [1, 2]
    for given, seen in (((1, 2, 3), "3 things"), ({}, "one dict"), (None, "one NoneType")):
        with pytest.raises(Misconception, match=f"`several` is {seen}; a, b were expected."):
            as_several(given, 2, "several", names="a, b")


def test_what_a_function_has_built_is_a_keras_model_or_not():
    import keras

    held = local_student({"build": lambda: keras.Sequential(), "fit": lambda: MLPRegressor(), "give": lambda: 3})
    assert [is_keras(held, held.call(name)) for name in ("build", "fit", "give")] == [True, False, False]


def test_one_layer_in_several_places_is_named():
    import keras

    def named(*layers):
        refuse_shared_layers(local_student({"model": keras.Sequential([keras.Input((3,)), *layers])}), "model")

    drop, dense = keras.layers.Dropout(0.1), keras.layers.Dense(3)
    named(dense, drop, keras.layers.Dense(3), drop)  # what has no weights may stand in two places
    with pytest.raises(Misconception, match="in 2 places of `model`"):
        named(dense, dense)


def test_a_known_slip_comes_before_a_relation_and_a_relation_before_two_numbers(says):
    wanted = X[:, 0]
    misconceptions = {"doubled": 2 * wanted}
    assert check_array("f", "`f`", 2 * wanted, wanted, misconceptions).message == "`f` counts twice."
    assert (
        "counts two"
        in check_array("step", "`step`", 2 * wanted, wanted, misconceptions, fields={"times": "two"}).message
    )
    assert (
        "n = 200 times" in check_array("f", "`f`", 200 * wanted, wanted, misconceptions, quantities={"n": 200}).message
    )
    assert "was expected" in check_array("f", "`f`", X[:, 1], wanted, misconceptions).message
    assert check_array("f", "`f`", wanted, wanted, misconceptions).passed


def test_infinity_is_met_by_nothing_but_itself(says):
    """Where a reference is computed from the student's own code, it may overflow."""
    for wanted in (np.array([np.inf, 1.0]), np.array([np.nan, 1.0]), np.array([-np.inf, np.inf])):
        assert not check_array("f", "`f`", np.array([3.0, 1.0]), wanted).passed
        assert check_array("f", "`f`", wanted, wanted).passed
    assert "was expected" in check_array("f", "`f`", np.full(9, 1e308), X[:9, 0], quantities={"n": 9}).message


def test_a_misconception_of_several_arrays_is_named(says):
    h, c = X[:, 0], X[:50, 1]
    refuse_misconceptions([h, c], {"doubled": (2 * h, c)})
    with pytest.raises(Misconception, match="`f` counts twice"):
        refuse_misconceptions([2 * h, c], {"doubled": (2 * h, c)})


@pytest.mark.parametrize(
    "answers, said", [(np.zeros(9), "Was it fitted"), (np.ones(9), "softmax"), (np.ones(9, int), "fit")]
)
def test_a_model_that_answers_the_same_to_everything(answers, said):
    with pytest.raises(Misconception, match=said):
        refuse_constant(answers, "model")
    refuse_constant(X[:, 0], "model")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "said, settings, fitted",
    [
        ("stopped at `max_iter` = 3", {"max_iter": 3}, True),
        ("never fitted", {}, False),
        ("without a bend", {"activation": "identity", "tol": 1.0, "max_iter": 100}, True),
        ("", {"tol": 1.0, "max_iter": 100}, True),
    ],
)
def test_facts_about_an_estimator(said, settings, fitted):
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier((4,), random_state=0, **settings)
    facts = training_facts(local_student({"model": model.fit(X, Y) if fitted else model}), "model")
    assert said in facts and bool(said) == bool(facts)


def test_facts_about_a_network():
    import keras

    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    held = local_student({"model": model})
    assert training_facts(held, "model") == "", "a loop of one's own needs no compile"
    model.compile("sgd", "mse")
    assert "has taken no step" in training_facts(held, "model")
    model.fit(X, Y, verbose=0)
    assert training_facts(held, "model") == ""


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_number_short_of_its_limit_comes_with_the_facts():
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier((4,), random_state=0, max_iter=3).fit(X, Y)

    def told(**finding):
        def check(student, rng):
            yield Finding(passed=False, message="Too few are right.", **finding)

        report = judge(Exercise("99.1", "A title", check, 1, {"model": "a model"}), local_student({"model": model}))
        return report.findings[0].message

    assert "stopped at `max_iter` = 3" in told(code="accuracy", measured={"accuracy": 0.6})
    assert "stopped at `max_iter` = 3" in told(code="constant")
    assert told(code="wrong-shape") == "Too few are right.", "facts are for what training can mend"


def two_inputs(attended):
    """A network with two inputs, of which the first is read through attention."""
    import keras
    from keras import layers

    rows, other = keras.Input((5, 3)), keras.Input((2, 4))
    query = layers.Dense(3)(other)
    seen = layers.MultiHeadAttention(2, key_dim=3)(query, rows) if attended else layers.Attention()([query, rows])
    return keras.Model([rows, other], layers.LayerNormalization()(seen + 0.5 * query) + np.ones((2, 3), "float32"))


@pytest.mark.parametrize("attended", [True, False])
def test_a_network_with_two_inputs_is_asked_and_built_again(attended):
    model = two_inputs(attended)
    held = local_student({"model": model})
    inputs = [rng.normal(size=(1030, 5, 3)), rng.normal(size=(1030, 2, 4))]
    direct = np.asarray(model([part.astype("float32") for part in inputs]))
    assert np.allclose(predictions(held, "model", inputs), direct.reshape(1030, -1), atol=1e-5)
    assert np.allclose(recompute_forward(held, "model", inputs), direct, atol=1e-5)


def test_a_chain_has_no_two_inputs():
    """A model of the student's own class is left to its predictions where it has several inputs."""
    import keras

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, inputs):
            return self.dense(inputs[0]) + inputs[1]

    held = local_student({"model": Own()})
    inputs = [np.ones((4, 2)), np.ones((4, 3))]
    assert predictions(held, "model", inputs).shape == (4, 3)
    assert recompute_forward(held, "model", inputs) is None


@pytest.mark.parametrize("n_classes", [2, 3, 0])
def test_a_network_of_scikit_learn_is_computed_again_with_what_stands_around_it(n_classes):
    X = rng.normal(3, 2, size=(80, 4))
    y = np.arange(80) % n_classes if n_classes else X.sum(axis=1)
    settings = {"hidden_layer_sizes": (5, 3), "max_iter": 20, "solver": "lbfgs"}
    network = MLPClassifier(**settings)
    if not n_classes:
        network = TransformedTargetRegressor(MLPRegressor(**settings), transformer=StandardScaler())
    model = make_pipeline(StandardScaler(), PCA(3), PolynomialFeatures(), network).fit(X, y)
    own = make_pipeline(FunctionTransformer(lambda X: X**3), clone(network)).fit(X, y)
    held = local_student({"model": model, "own": own, "trees": BaggingRegressor().fit(X, y)})
    direct = (model.predict_proba if n_classes else model.predict)(X)
    assert np.allclose(predictions(held, "model", X), direct.reshape(80, -1))
    assert np.allclose(recompute_forward(held, "model", X).reshape(direct.shape), direct)
    assert recompute_forward(held, "own", X) is None
    assert recompute_forward(held, "trees", X) is None


def test_a_network_is_asked_again_after_the_student_s_code_has_run():
    X, y = rng.normal(size=(60, 2)), rng.normal(size=60)
    network = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, warm_start=True).fit(X, y)
    held = local_student({"model": network, "train": lambda: network.fit(X, y) and None})
    before = predictions(held, "model", X)
    held.call("train")
    assert not np.allclose(predictions(held, "model", X), before)
    assert np.allclose(predictions(held, "model", X)[:, 0], network.predict(X))


@pytest.mark.parametrize(
    "description",
    [
        {"package": "os", "class": "system", "state": {}},
        {"package": "sklearn.tree", "class": "DecisionTreeRegressor", "state": {}},
        {"package": "sklearn.preprocessing", "class": "scale", "state": {}},
        {"package": "sklearn.pipeline", "class": "Pipeline", "state": {"steps": [{"ufunc": "load"}]}},
    ],
)
def test_only_what_computes_is_built(description):
    with pytest.raises(ValueError):
        build_estimator(description)


def test_a_patched_prediction_is_no_answer():
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.call = lambda x, training=False, mask=None: x[:, :1]
    with pytest.raises(Misconception) as raised:
        predictions(local_student({"model": model}), "model", rng.normal(size=(60, 2)))
    assert raised.value.finding.code == "not-its-layers"


def test_a_sentence_names_a_list_of_arrays_without_its_numbers():
    assert argument_text([np.ones((3, 2)), np.ones(4)]) == "a list of arrays"
    assert argument_text([1, 2]) == "[1, 2]"
