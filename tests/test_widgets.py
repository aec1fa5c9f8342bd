"""Live training curves and the digit pad, without a browser."""

import sys
import types
import warnings

import numpy as np
import pytest

from coursekit.widgets import training
from coursekit.widgets.digit_pad import SIDE, WAITS, DigitPad


@pytest.fixture(autouse=True)
def nobody_watches(monkeypatch):
    for name in ("COURSEKIT_MODE", "COURSEKIT_QUIET"):
        monkeypatch.delenv(name, raising=False)


def train(callback, epochs=20, validation=True, **settings):
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
    curves = training.LiveCurves(**settings)
    curves.where = where
    return curves


def test_a_terminal_gets_about_ten_lines(capfd):
    train(watched("terminal"), epochs=40)
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 10 and lines[-1].startswith("epoch 40/40") and "val_loss" in lines[0]
    assert "left" in lines[0] and "left" not in lines[-1]


@pytest.mark.parametrize("name, value", [("COURSEKIT_MODE", "strict"), ("COURSEKIT_QUIET", "1")])
def test_silent_where_nobody_watches(monkeypatch, capfd, name, value):
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
    assert "100%" in last.get_suptitle() and "done after 20 epochs" in last.get_suptitle()


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
    assert len(history.history["loss"]) == 20
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
