"""The plot helpers: what they draw."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from coursekit import plot


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


X = np.random.default_rng(0).normal(size=(40, 2))
y = (X[:, 0] > 0).astype(int)


def texts(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize(
    "predict",
    [
        lambda X: (X[:, 0] > 0).astype(int),
        lambda X: 1 / (1 + np.exp(-3 * X[:, :1])),
        lambda X: np.column_stack([X[:, 0] <= 0, X[:, 0] > 0]).astype(float),
    ],
    ids=["labels", "scores", "probabilities"],
)
def test_the_boundary_is_where_the_classes_meet(predict):
    ax = plot.decision_boundary(predict, X, y, title="here")
    lines = [c for c in ax.collections if type(c).__name__ in ("QuadContourSet", "LineCollection")]
    crossing = np.concatenate([path.vertices for line in lines for path in line.get_paths() if len(path.vertices)])
    assert np.abs(crossing[:, 0]).max() < 0.1
    assert "here" in (ax.get_title(), ax.get_title(loc="left")) and len(ax.get_legend().get_texts()) == 2


def test_a_constant_classifier_has_no_boundary_and_no_error():
    plot.decision_boundary(lambda X: np.zeros(len(X)), X, y)
    plot.decision_boundary(lambda X: np.full(len(X), 0.2), X, y)


def test_an_axes_that_is_given_is_used():
    ax = plt.subplots()[1]
    assert plot.learning_curves([3, 2, 1], ax) is ax


def test_histories_of_every_kind_draw_the_same():
    import pandas as pd

    class History:
        history = {"loss": [2.0, 1.0], "val_loss": [3.0, 2.5]}

    for record in (History(), History.history, pd.DataFrame(History.history)):
        labels = [line.get_label() for line in plot.learning_curves(record).lines]
        assert labels == ["loss, training", "loss, validation", "best: epoch 2"]
    assert len(plot.learning_curves([2.0, 1.0]).lines) == 1


def test_the_best_epoch_of_an_accuracy_is_the_highest():
    ax = plot.learning_curves({"accuracy": [0.5, 0.6], "val_accuracy": [0.9, 0.7]}, metrics=["accuracy"])
    assert "best: epoch 1" in [line.get_label() for line in ax.lines]


def test_wrong_predictions_are_told_in_words():
    axs = plot.image_grid(np.zeros((3, 4, 4)), [1, 2, 3], [1, 7, 3])
    assert [ax.get_title(loc="center") for ax in axs[:3]] == ["1", "2, read 7", "3"]


def test_confusion_matrix_writes_the_counts():
    assert sorted(texts(plot.confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1]))) == ["1", "1", "2"]


def test_roc_curves_state_their_areas():
    ax = plot.roc_curves({"cut": ([0, 0.5, 1], [0, 1, 1])})
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["cut: area 0.750", "coin: area 0.5"]
    with pytest.raises(ValueError, match="expected one of each per cut"):
        plot.roc_curves({"cut": ([0, 1], [0, 0.5, 1])})


def test_loss_surface_takes_scalar_and_array_losses_and_paths():
    import math

    paths = {"descent": [(1, 1), (0.5, 0.2)]}
    for loss in (lambda a, b: a**2 + b**2, lambda a, b: math.hypot(a, b)):
        ax = plot.loss_surface(loss, (-1, 1), (-1, 1), paths=paths, resolution=20)
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["descent"]


def test_the_probable_class_is_marked():
    ax = plot.probability_bars([0.1, 0.7, 0.2])
    colours = [patch.get_facecolor() for patch in ax.patches]
    assert colours[1] != colours[0] == colours[2]


@pytest.mark.parametrize(
    "draw, words",
    [
        (lambda: plot.decision_boundary(len, X[:, :1], y), "two coordinates"),
        (lambda: plot.decision_boundary(len, X, y[:3]), "one value per row"),
        (lambda: plot.learning_curves({"loss": [1]}, metrics=["auc"]), "It has: loss"),
        (lambda: plot.learning_curves(object()), "is no history"),
        (lambda: plot.curve_fit([1, 2], [1], {}), "one y for each x"),
        (lambda: plot.image_grid(np.zeros((2, 3, 3)), [1]), "one each"),
        (lambda: plot.image_grid(np.zeros((2, 3))), "height, width"),
        (lambda: plot.code_map(np.zeros((3, 4)), np.ones((3, 5, 5))), "one code"),
        (lambda: plot.filters(np.zeros((3, 3))), "channels in, out"),
        (lambda: plot.network(len), "a Keras model was expected"),
        (lambda: plot.feature_maps(np.zeros((3, 3))), "channels"),
        (lambda: plot.confusion_matrix([1], [1, 2]), "as many"),
        (lambda: plot.loss_surface(lambda a, b: a, (0, 1), (0, 1), paths={"p": [1, 2]}), "two weights a step"),
    ],
)
def test_bad_input_gets_one_sentence(draw, words):
    with pytest.raises((ValueError, TypeError), match=words):
        draw()


def test_style_is_applied():
    with plt.rc_context():
        plot.use_style()
        assert plt.rcParams["axes.titlelocation"] == "left"


def test_a_code_map_draws_each_picture_at_its_code_and_none_twice():
    codes = np.array([[0.0, 0.0], [0.001, 0.001], [1.0, 0.0], [0.5, 2.0]])
    ax = plot.code_map(codes, np.ones((4, 5, 5)), [0, 1, 2, 3])
    middles = [np.reshape(image.get_extent(), (2, 2)).mean(axis=1) for image in ax.images]
    assert np.allclose(middles, codes[[0, 2, 3]])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0", "1", "2", "3"]


def test_graph_places_neighbours_near_each_other():
    from coursekit.plot.graphs import layout

    path = np.array([(0, 1), (1, 2), (2, 3)])
    x = layout(path, 4)[:, 0]
    assert np.allclose(np.abs(np.diff(x)), 1, atol=0.05) and abs(x[3] - x[0]) > 2.9
    ax = plot.graph(path, [0, 0.2, 0.8, 1], truth=[0, 0, 1, 1], highlight=[0], label="belief", title="a path")
    assert (
        texts(ax) == ["0", "1", "2", "3"]
        and len(ax.collections) == 2
        and "a path" in (ax.get_title(), ax.get_title(loc="left"))
    )
    assert len(plot.graph([(0, 1)], np.zeros(3)).texts) == 3, "a node without an edge is drawn too"


def test_a_directed_graph_has_an_arrow_and_a_number_for_each_edge():
    ax = plot.graph([(0, 1), (1, 0), (1, 2)], directed=True, thick=[2])
    arrows = [text.arrow_patch for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert [arrow.get_linewidth() for arrow in arrows] == [0.9, 0.9, 2.0]
    assert sorted(text for text in texts(ax) if text) == ["0", "0", "1", "1", "2", "2"], "of edges and of nodes"


def test_a_figure_is_described_by_its_titles_axes_and_names():
    fig, axs = plt.subplots(1, 2)
    fig.suptitle("Two ways")
    axs[0].plot([1, 2], label="training")
    axs[0].plot([2, 1], label="validation")
    axs[0].legend()
    axs[0].set(title="Loss", xlabel="epoch", ylabel="log loss")
    axs[1].imshow(np.eye(2))
    assert plot.describe_figure(fig) == (
        "Figure. Two ways. Panel 1: Loss. x axis: epoch; y axis: log loss. Drawn: line × 2 (training, validation). "
        "Panel 2: Drawn: image."
    )


def test_equal_panels_are_told_once():
    plot.image_grid(np.ones((3, 5, 5)), title="Digits")
    assert plot.describe_figure(plt.gcf()).count("image") == 1


def networks():
    """A chain, a network of two inputs that meet, and one with a skip connection and a layer that is used twice."""
    import keras
    from keras import layers

    chain = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(8, 3, activation="relu"), layers.Flatten()])
    left, right = keras.Input((16,), name="left"), keras.Input((None, 4), name="right")
    merged = layers.Concatenate()([layers.Dense(3)(left), layers.LSTM(8)(right)])
    start, shared = keras.Input((5,)), layers.Dense(5, activation="tanh")
    skip = layers.Add()([shared(shared(start)), start])
    return {
        "chain": chain,
        "two inputs": keras.Model([left, right], layers.Dense(1, activation="sigmoid")(merged)),
        "skip": keras.Model(start, skip),
    }


@pytest.mark.parametrize(
    "name, words",
    [
        (
            "chain",
            "80 parameters. The network's layers, a chain. 1: Input; 28 × 28 × 1. "
            "2: Conv2D, relu; 26 × 26 × 8; 80 parameters. 3: Flatten; 5408.",
        ),
        (
            "two inputs",
            "479 parameters. The network's layers, a graph. 1: Input; 16. 2: Dense; 3; 51 parameters; after 1. "
            "3: Input; any × 4. 4: LSTM, tanh; 8; 416 parameters; after 3. 5: Concatenate; 11; after 2 and 4. "
            "6: Dense, sigmoid; 1; 12 parameters; after 5.",
        ),
        (
            "skip",
            "30 parameters. The network's layers, a graph. 1: Input; 5. 2: Dense, tanh; 5; 30 parameters; after 1. "
            "3: Dense, tanh; 5; shared; after 2. 4: Add; 5; after 3 and 1.",
        ),
    ],
)
def test_a_network_is_drawn_and_told_with_shapes_and_parameters(name, words):
    ax = plot.network(networks()[name])
    assert plot.describe_figure(ax.figure) == f"Figure. {words}"
    assert len(ax.patches) == words.count(": ")


def test_arrows_of_a_network_run_over_no_box():
    ax = plot.network(networks()["skip"])
    (long,) = [line for line in ax.lines if len(line.get_xdata()) > 2]
    assert max(long.get_xdata()) > max(box.get_x() + box.get_width() for box in ax.patches)


def test_a_network_without_shapes_or_order_is_listed():
    import keras

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = keras.layers.Dense(4), keras.layers.Dense(2)

        def call(self, x):
            return self.second(self.first(x))

    own = Own()
    own(np.zeros((1, 3)))
    told = "26 parameters. The network's layers, a list that does not tell what follows what. 1: Dense; 16 parameters."
    assert plot.describe_figure(plot.network(own).figure).startswith(f"Figure. {told}")
    unbuilt = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(2)])
    assert "a chain. 1: Dense. 2: Dense." in plot.describe_figure(plot.network(unbuilt).figure)
