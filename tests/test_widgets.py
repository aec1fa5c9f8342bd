"""Live training curves, the pads and the playground, without a browser."""

import sys
import types
import warnings

import numpy as np
import pytest

from coursekit.widgets.digit_pad import SIDE, WAITS, DigitPad
from coursekit.widgets.playground import ACTIVATIONS, FEATURES, Playground
from coursekit.widgets.point_pad import PointPad


@pytest.fixture(autouse=True)
def nobody_watches(monkeypatch):
    for name in ("COURSEKIT_MODE", "COURSEKIT_QUIET"):
        monkeypatch.delenv(name, raising=False)


def train(callback, epochs=8, validation=True, **settings):
    import keras

    x, y = np.random.default_rng(0).normal(size=(64, 3)).astype("float32"), np.zeros((64, 1), "float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"], **settings)
    more = {"validation_data": (x, y)} if validation else {}
    return model.fit(x, y, epochs=epochs, batch_size=16, verbose=0, callbacks=[callback], **more)


class Screen:
    """Stands in for IPython's display: counts the figures it is handed."""

    def __init__(self, monkeypatch, fails=False):
        self.shown, self.fails = [], fails
        display = types.ModuleType("IPython.display")
        display.display = self.display
        monkeypatch.setitem(sys.modules, "IPython.display", display)

    def display(self, figure, display_id):
        if self.fails:
            raise RuntimeError("no screen")
        self.update(figure)
        return self

    def update(self, figure):
        self.shown.append(figure)


def watched(where, **settings):
    from coursekit.widgets import training  # it loads Keras

    curves = training.LiveCurves(**settings)
    curves.where = where
    return curves


def test_a_terminal_gets_about_ten_lines(capfd):
    curves = watched("terminal")
    capfd.readouterr()  # what TensorFlow says while it is loaded
    train(curves, epochs=40)
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 10 and lines[-1].startswith("epoch 40/40") and "val_loss" in lines[0]
    assert "left" in lines[0] and "left" not in lines[-1]


@pytest.mark.parametrize("name, value", [("COURSEKIT_MODE", "strict"), ("COURSEKIT_QUIET", "1")])
def test_silent_where_nobody_watches(monkeypatch, capfd, name, value):
    from coursekit.widgets import training

    monkeypatch.setenv(name, value)
    assert training._where() == "nowhere"
    train(training.LiveCurves())
    captured = capfd.readouterr()
    assert "epoch" not in captured.out + captured.err


@pytest.mark.parametrize("validation", [True, False])
@pytest.mark.parametrize("steps_per_execution", [1, 4])
def test_a_notebook_gets_one_figure_that_is_redrawn(monkeypatch, validation, steps_per_execution):
    screen = Screen(monkeypatch)
    train(watched("notebook", every=0), validation=validation, steps_per_execution=steps_per_execution)
    assert len(screen.shown) > 3
    last = screen.shown[-1]
    assert [ax.get_ylabel() for ax in last.axes] == ["loss", "mae"]
    labels = [line.get_label() for line in last.axes[0].lines]
    assert ("loss, validation" in labels) is validation
    assert "100%" in last.get_suptitle() and "done after 8 epochs" in last.get_suptitle()


def test_the_first_figure_of_a_kernel_is_a_picture(monkeypatch):
    """Before anything else was drawn the notebook would show `<Figure size 420x330 with 1 Axes>`."""
    import IPython
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    screen = Screen(monkeypatch)
    train(watched("notebook", every=3600), epochs=1)
    data, _ = shell.display_formatter.format(screen.shown[-1])
    assert "image/png" in data


def test_redraws_are_rare(monkeypatch):
    screen = Screen(monkeypatch)
    train(watched("notebook", every=3600), epochs=30)
    assert len(screen.shown) == 1, "only the last picture"


def test_a_second_fit_starts_anew(monkeypatch):
    screen = Screen(monkeypatch)
    curves = watched("notebook", every=3600)
    train(curves, epochs=5)
    train(curves, epochs=7)
    assert "done after 7 epochs" in screen.shown[-1].get_suptitle()


def test_a_broken_screen_stops_no_training(monkeypatch):
    Screen(monkeypatch, fails=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = train(watched("notebook", every=0))
    assert len(history.history["loss"]) == 8
    assert sum("training goes on" in str(w.message) for w in caught) == 1


# --- the pad


def stroke(pad):
    image = np.zeros((SIDE, SIDE), dtype=np.uint8)
    image[20:90, 50:60] = 255
    pad.pixels = image.tobytes()
    return image


def sevens(x):
    assert x.shape == (1, 28, 28)
    return np.eye(10)[[7]]


def small(image):
    return np.asarray(image[::4, ::4]) / 255


def test_a_drawing_becomes_an_image_and_probabilities():
    seen = []
    pad = DigitPad(predict=sevens, prepare=lambda image: seen.append(image) or small(image))
    assert not pad.image.any()
    image = stroke(pad)
    assert np.array_equal(pad.image, image)
    assert np.array_equal(seen[0], 255 - image), "prepare gets dark ink on light paper, as in a photograph"
    assert pad.probabilities == np.eye(10)[7].tolist() and pad.note == "Read as 7."
    pad.pixels = bytes(SIDE * SIDE)
    assert pad.probabilities == []


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"predict": sevens, "prepare": ...},
        {"predict": lambda x: ...},
        {"predict": sevens, "prepare": lambda i: ...},
    ],
)
def test_what_is_not_done_waits(settings):
    pad = DigitPad(**{"prepare": small, **settings})
    stroke(pad)
    assert pad.note == WAITS and pad.probabilities == []


@pytest.mark.parametrize("predict", [lambda x: 1 / 0, lambda x: np.zeros(3), lambda x: None, lambda x: "seven"])
def test_a_failing_prediction_is_a_note(predict):
    pad = DigitPad(predict=predict, prepare=small)
    stroke(pad)
    assert pad.note.startswith("No prediction: ") and pad.probabilities == []


def test_without_a_browser_there_is_a_still_picture():
    from base64 import b64decode

    from coursekit.data import read_image

    pad = DigitPad(predict=sevens, prepare=lambda image: np.zeros((28, 28)), sample=read_image("your_own_digit.png"))
    data, _ = pad._repr_mimebundle_()
    assert b64decode(data["image/png"])[:8] == b"\x89PNG\r\n\x1a\n"
    assert "application/vnd.jupyter.widget-view+json" in data


def test_bytes_from_the_browser_are_taken():
    pad = DigitPad(predict=sevens, prepare=small)
    pad.set_state({"pixels": memoryview(bytes([255]) * (SIDE * SIDE))})
    assert pad.image.min() == 255


# --- the point pad and the playground


def png(widget):
    from base64 import b64decode

    data, _ = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    return b64decode(data["image/png"])


def test_the_point_pad_starts_with_a_sample_of_both_classes():
    pad = PointPad()
    assert pad.X.shape == (60, 2) and np.abs(pad.X).max() <= 3
    assert np.bincount(pad.y).tolist() == [35, 25]
    assert png(pad)[:8] == b"\x89PNG\r\n\x1a\n"


def test_points_from_the_browser_are_arrays():
    pad = PointPad()
    pad.set_state({"points": [[0.5, -1, 1], [0, 2.25, 0]]})
    assert pad.X.tolist() == [[0.5, -1], [0, 2.25]] and pad.y.tolist() == [1, 0]
    pad.set_state({"points": []})
    assert pad.X.shape == (0, 2) and pad.y.shape == (0,)
    assert png(pad)


@pytest.mark.parametrize("widget", [PointPad, Playground])
@pytest.mark.parametrize(
    "X, y, match",
    [
        ([[1, 2]], None, "together"),
        ([[1, 2]], [2], "0 and 1 were expected"),
        ([[1, 7]], [0], "Scale X first"),
        ([[1, np.nan]], [0], "the plane runs"),
        ([[1, 2, 3]], [0], r"\(n, 2\) was expected"),
        ([[1, 2]], [0, 1], "one value per row"),
    ],
)
def test_points_that_do_not_fit_are_refused(widget, X, y, match):
    with pytest.raises(ValueError, match=match):
        widget(X, y)


def test_the_data_sets_of_the_playground_fit_its_plane():
    play = Playground()
    for name, parts in play.datasets.items():
        for part, size in (("train", 500), ("test", 250)):
            table = np.array(parts[part])
            assert table.shape == (size, 3) and np.abs(table[:, :2]).max() <= 3, name
            assert 0.4 < table[:, 2].mean() < 0.6, name
    assert play.datasets == Playground().datasets, "the same for everyone"


def test_the_still_picture_shows_a_network_that_separates_the_circles():
    play = Playground()
    X, y = play.chosen()
    assert play._train(X, y).score(play.inputs(X), y) > 0.97
    assert png(play)[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_still_picture_of_other_settings(activation):
    X, y = PointPad().X, PointPad().y
    play = Playground(X, y, activation=activation, hidden=[3, 1], features=list(FEATURES), l2=0.01)
    assert play.dataset == "own points" and np.array_equal(play.chosen()[0], X)
    assert png(play)


@pytest.mark.parametrize("X, y", [([], []), ([[0, 1]], [1]), ([[0, 1], [1, 1]], [0, 1])])
def test_few_points_raise_nothing(X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert png(Playground(X, y, hidden=[]))


@pytest.mark.parametrize(
    "setting", [{"hidden": [9]}, {"hidden": [1] * 5}, {"features": []}, {"activation": "gelu"}, {"dataset": "iris"}]
)
def test_settings_out_of_range_are_refused(setting):
    import traitlets

    with pytest.raises(traitlets.TraitError):
        Playground(**setting)


@pytest.mark.slow
def test_the_playground_notebook_runs_without_a_browser(tmp_path):
    from coursekit.build import root
    from tests.test_notebooks import nbval

    done, log = nbval(root() / "notebooks" / "playground.ipynb", "untouched", tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    assert log == []
