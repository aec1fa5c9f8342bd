"""A pad in the notebook to draw a digit on, with the probabilities of the student's own model beside it."""

from pathlib import Path

import numpy as np
import traitlets

from coursekit.widgets.still import WidgetWithStill

_HERE = Path(__file__).parent
SIDE = 112
WAITS = "The prediction waits for your answer."


class DigitPad(WidgetWithStill):
    """A pad for mouse, touch and keyboard.

    Parameters
    ----------
    predict : callable
        Takes an array of shape (1, 28, 28), gives ten probabilities. While it is still `...` the pad says so.
    prepare : callable, optional
        Takes the drawing, uint8 (112, 112), dark ink on light paper, gives an array of shape (28, 28) in [0, 1].
    sample : array of uint8, shape (height, width), optional
        A picture that stands in where there is no browser.
    """

    _esm = _HERE / "digit_pad.js"
    _css = _HERE / "digit_pad.css"
    # Without a `from_json` of its own a Bytes trait loses what the browser sends.
    pixels = traitlets.Bytes(b"").tag(sync=True, from_json=lambda value, widget: bytes(value or b""))
    probabilities = traitlets.List(traitlets.Float()).tag(sync=True)
    note = traitlets.Unicode("").tag(sync=True)

    def __init__(self, predict=..., prepare=None, sample=None, **settings):
        super().__init__(**settings)
        self._predict, self._prepare, self._sample = predict, prepare, sample
        if predict is Ellipsis or prepare is Ellipsis:
            self.note = WAITS

    @property
    def image(self):
        """The drawing: uint8 of shape (112, 112), ink 255 on 0."""
        if len(self.pixels) != SIDE * SIDE:
            return np.zeros((SIDE, SIDE), dtype=np.uint8)
        return np.frombuffer(self.pixels, dtype=np.uint8).reshape(SIDE, SIDE)

    @traitlets.observe("pixels")
    def _drawn(self, change):
        if not self.image.any():
            self.probabilities = []
            return
        self.probabilities = self._read(255 - self.image)

    def _read(self, picture):
        """Ten probabilities for a picture with dark ink on light paper; [] with a note where that fails."""
        if self._predict is Ellipsis or self._prepare is Ellipsis:
            return []
        try:
            small = picture / 255 if self._prepare is None else self._prepare(picture)
            answer = ... if small is Ellipsis else self._predict(np.asarray(small)[None])
            if answer is Ellipsis:
                self.note = WAITS
                return []
            values = np.asarray(answer, dtype=float).ravel()
            if values.shape != (10,):
                raise ValueError(f"`predict` gave {values.size} numbers; ten probabilities were expected")
            self.note = f"Read as {values.argmax()}."
            return values.tolist()
        except Exception as error:  # the student's function may fail in any way; the pad must live on
            self.note = f"No prediction: {type(error).__name__}: {error}"
            return []

    def still(self):
        """A matplotlib Figure of the sample and its probabilities; None without a sample."""
        if self._sample is None:
            return None
        from matplotlib.figure import Figure

        from coursekit.plot import probability_bars
        from coursekit.plot.style import waiting

        figure = Figure(figsize=(7, 2.6), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1, 2))
        left.imshow(self._sample, cmap="gray", vmin=0, vmax=255)
        left.set_axis_off()
        values = self._read(np.asarray(self._sample))
        if values:
            probability_bars(values, right)
        else:
            waiting(right)
        return figure
