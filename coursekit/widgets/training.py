"""Training that can be watched: one Keras callback.

It redraws by the clock and not after each epoch, so that short epochs cost nothing, and its last picture stays in the
saved notebook. Both are why it is here in the place of livelossplot or tqdm.keras.
"""

import os
import sys
import time
import warnings

import keras


class LiveCurves(keras.callbacks.Callback):
    """Draw loss and metrics while a network trains, with a progress bar and the time left.

    In Jupyter and Colab the figure is redrawn at most every `every` seconds and stays in the saved notebook. In a
    terminal one line is printed some ten times a training. Under nbval, and where the environment variable
    COURSEKIT_QUIET is set, it is silent.

    Parameters
    ----------
    every : float
        Seconds between two redraws.
    metrics : list of str, optional
        What to draw beside the loss, without "val_"; every metric where not given.
    """

    def __init__(self, every=0.7, metrics=None):
        super().__init__()
        self.every = every
        self.metrics = metrics
        self.where = _where()

    def on_train_begin(self, logs=None):
        self.record, self.batch, self.steps_an_epoch = {}, 0, self.params.get("steps")
        self.start = self.last_drawn = time.perf_counter()
        self.handle, self.broken = None, False

    def on_train_batch_end(self, batch, logs=None):
        self.batch = batch + 1
        if self.where == "notebook" and time.perf_counter() - self.last_drawn >= self.every:
            self._draw(done=False)

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.record.setdefault(name, []).append(float(value))
        self.steps_an_epoch = self.steps_an_epoch or self.batch
        self.batch = 0
        if self.where == "notebook" and time.perf_counter() - self.last_drawn >= self.every:
            self._draw(done=False)
        if self.where == "terminal":
            epochs = self.params.get("epochs") or 1
            if (epoch + 1) % max(1, epochs // 10) == 0 or epoch + 1 == epochs:
                numbers = "  ".join(f"{name} {values[-1]:.4f}" for name, values in self.record.items())
                print(f"epoch {epoch + 1:>{len(str(epochs))}}/{epochs}  {numbers}  {self._left()}", file=sys.stderr)

    def on_train_end(self, logs=None):
        if self.where == "notebook":
            self._draw(done=True)

    def _fraction(self):
        epochs = self.params.get("epochs") or 1
        finished = len(next(iter(self.record.values()), []))
        within = self.batch / self.steps_an_epoch if self.steps_an_epoch else 0.0
        return min(1.0, (finished + within) / epochs)

    def _left(self):
        passed, fraction = time.perf_counter() - self.start, self._fraction()
        if fraction >= 1 or fraction == 0:
            return f"{passed:.0f} s"
        return f"{passed:.0f} s, about {passed / fraction - passed:.0f} s left"

    def _draw(self, done):
        self.last_drawn = time.perf_counter()
        if self.broken:
            return
        try:
            from IPython.display import display

            figure = self._figure(done)
            if self.handle is None:
                _draw_figures_as_png()
                self.handle = display(figure, display_id=True)
            else:
                self.handle.update(figure)
        except Exception as error:  # a picture is never worth a training run
            self.broken = True
            warnings.warn(f"The live curves could not be drawn ({error}); training goes on.", stacklevel=2)

    def _figure(self, done):
        # Figure and not pyplot: it is shown by its handle alone, and leaves no second figure behind.
        from matplotlib.figure import Figure

        from coursekit.plot import learning_curves

        names = [name for name in self.record if name[:4] != "val_" and name not in ("loss", "learning_rate")]
        shown = ["loss", *(self.metrics if self.metrics is not None else names[:1])]
        figure = Figure(figsize=(4.2 * len(shown), 3.3), layout="constrained")
        axs = figure.subplots(1, len(shown), squeeze=False)[0]
        for ax, name in zip(axs, shown, strict=True):
            if name in self.record:
                learning_curves(self.record, ax, metrics=[name])
            else:
                ax.set(xlabel="epoch", ylabel=name)
        fraction = 1.0 if done else self._fraction()
        full = round(24 * fraction)
        stopped = len(next(iter(self.record.values()), []))
        state = f"done after {stopped} epochs, {self._left().split(',')[0]}" if done else self._left()
        figure.suptitle(f"{'■' * full}{'□' * (24 - full)}  {fraction:.0%}  {state}", fontsize=10, x=0.01, ha="left")
        return figure


def _draw_figures_as_png():
    """Let the notebook show a `Figure`: before the first one of pyplot is drawn, it knows only the name of its type."""
    from IPython import get_ipython
    from IPython.core.pylabtools import select_figure_formats
    from matplotlib.figure import Figure

    shell = get_ipython()
    if shell is not None and Figure not in shell.display_formatter.formatters["image/png"]:
        select_figure_formats(shell, {"png"})


def _where():
    """Where this runs: "notebook", "terminal", or "nowhere" when nobody watches."""
    if os.environ.get("COURSEKIT_QUIET") or os.environ.get("COURSEKIT_MODE"):
        return "nowhere"
    if "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
        if shell is not None and hasattr(shell, "kernel"):
            return "notebook"
    return "terminal"
