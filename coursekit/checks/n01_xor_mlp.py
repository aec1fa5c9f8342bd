"""Checks of notebook 01: a multi-layer perceptron learns XOR."""

import numpy as np

from coursekit.checks.core import Wrong, exercise, threshold
from coursekit.checks.expect import not_constant, predicted_labels, same_as_replay
from coursekit.checks.report import Finding

MARGINS = {"01.3": {"accuracy": -0.02}}

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = np.array([0, 1, 1, 0])


@exercise(
    "01.3",
    title="A network that learns XOR",
    points=2,
    needs={"model": "a fitted classifier of two inputs"},
    hints=(
        "A line cannot separate the classes, so the network needs a hidden layer. How many units did 01.2 use? Give "
        "training more room than that: a network that could just about represent XOR often does not find it.",
        "`MLPClassifier(hidden_layer_sizes=(16,))` is one hidden layer of 16 units. Watch for a ConvergenceWarning: it "
        "says that training stopped at `max_iter`, not that it was done.",
        'Try `MLPClassifier(hidden_layer_sizes=(16,), activation="tanh", solver="lbfgs", max_iter=1000)`, then '
        "`model.fit(X, y)`.",
    ),
    expected="All four corners right, and at least {accuracy:.1%} of fresh points.",
)
def xor_classifier(student, rng):
    """The model must label the corners and fresh noisy points by XOR; a linear one is named as such."""
    from coursekit.data import make_xor

    corners = predicted_labels(student, "model", CORNERS)
    X, y = make_xor(n_samples=400, noise=0.15, seed=int(rng.integers(2**31)))
    labels = predicted_labels(student, "model", X)
    not_constant(labels, "model")
    accuracy = np.mean(labels == y)
    right = int(np.sum(corners == XOR))
    if accuracy < 0.3:
        raise Wrong(
            "labels-swapped",
            f"The model gets {accuracy:.0%} of fresh points right: nearly all are the wrong way round. Label 1 means "
            "that exactly one of the two inputs is near 1.",
        )
    if right < 4 and _is_linear(labels, X):
        raise Wrong(
            "linear-model",
            f"The model draws one straight line: {right} of 4 corners are right, and no line gets more than 3. Give it "
            "a hidden layer with a non-linear activation.",
        )
    same_as_replay(student, "model", CORNERS)
    yield Finding("corners", right == 4, _corner_message(corners), points=1)
    yield Finding(
        "accuracy",
        accuracy >= threshold("01.3", "accuracy"),
        f"{accuracy:.1%} of 400 fresh points are right; {threshold('01.3', 'accuracy'):.1%} are asked for."
        + ("" if accuracy >= threshold("01.3", "accuracy") else " Add hidden units or train longer."),
        points=1,
        seen={"accuracy": accuracy},
    )


def _corner_message(corners):
    wrong = [f"({a:g}, {b:g})" for (a, b), seen, want in zip(CORNERS, corners, XOR, strict=True) if seen != want]
    if not wrong:
        return "All four corners are right."
    return (
        f"Wrong at {', '.join(wrong)}. The corners are where XOR is defined; draw the boundary to see what it misses."
    )


def _is_linear(labels, X):
    """Whether a straight line reproduces these labels (nearly) everywhere."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1e4, max_iter=1000).fit(X, labels).score(X, labels) > 0.99
