"""A network to play with: choose, press Train, and watch the border, the hidden units and the loss.

The network trains in the browser (network.js): a round trip to the kernel for each frame would leave its rate to the
connection. The still picture for pages without a browser is trained by scikit-learn, with the same settings.
"""

import warnings

import numpy as np
import traitlets

from coursekit.widgets.plane import PLANE, Plane, rows, script
from coursekit.widgets.point_pad import sample

OWN = "own points"
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
PENALTIES = (0.0, 0.0001, 0.001, 0.01, 0.1)
ACTIVATIONS = {"tanh": "tanh", "relu": "relu", "sigmoid": "logistic", "linear": "identity"}  # scikit-learn's names
FEATURES = {  # as in network.js
    "x1": lambda X: X[:, 0],
    "x2": lambda X: X[:, 1],
    "x1**2": lambda X: X[:, 0] ** 2,
    "x2**2": lambda X: X[:, 1] ** 2,
    "x1*x2": lambda X: X[:, 0] * X[:, 1],
    "sin(2*x1)": lambda X: np.sin(2 * X[:, 0]),
    "sin(2*x2)": lambda X: np.sin(2 * X[:, 1]),
}


def make_datasets(n_samples=500, n_test=250, seed=0):
    """The data sets of the playground, each scaled into the plane from -3 to 3.

    Returns
    -------
    dict
        name -> {"train": rows, "test": rows}, each row [x1, x2, label].
    """
    from sklearn.datasets import make_circles, make_moons

    from coursekit.data import make_spirals, make_xor

    n = n_samples + n_test
    drawn = {
        "circles": make_circles(n, noise=0.08, factor=0.5, random_state=seed),
        "moons": make_moons(n, noise=0.2, random_state=seed),
        "spirals": make_spirals(n, noise=0.03, seed=seed),
        "XOR": make_xor(n, noise=0.2, seed=seed),
    }
    datasets = {}
    for name, (X, y) in drawn.items():
        low, high = X.min(axis=0), X.max(axis=0)
        scaled = rows(0.93 * PLANE * (2 * (X - low) / (high - low) - 1), y)
        datasets[name] = {"train": scaled[:n_samples], "test": scaled[n_samples:]}
    return datasets


class Playground(Plane):
    """A playground for small networks.

    Parameters
    ----------
    X, y : arrays of shape (n, 2) and (n,), optional
        Your own points, within [-3, 3], labels 0 and 1; for example those of a `PointPad`.
    **settings
        What it starts with: `dataset` ("circles", "moons", "spirals", "XOR", "own points"), `features` (names out of
        `FEATURES`), `hidden` (units of each hidden layer, at most four layers of eight), `activation` ("tanh", "relu",
        "sigmoid", "linear"), `learning_rate`, `l2` (times the sum of the squared weights), `seed`.

    `result` has what the page last reported: epoch, losses, accuracies, frames_per_second.
    """

    _esm = script("network", "plane", "playground")
    dataset = traitlets.Enum(("circles", "moons", "spirals", "XOR", OWN), "circles").tag(sync=True)
    features = traitlets.List(traitlets.Enum(tuple(FEATURES)), ["x1", "x2"], minlen=1).tag(sync=True)
    hidden = traitlets.List(traitlets.Int(min=1, max=8), [8, 8], maxlen=4).tag(sync=True)
    activation = traitlets.Enum(tuple(ACTIVATIONS), "tanh").tag(sync=True)
    learning_rate = traitlets.Enum(RATES, 0.01).tag(sync=True)
    l2 = traitlets.Enum(PENALTIES, 0.0).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    datasets = traitlets.Dict().tag(sync=True)
    learning_rates = traitlets.List(list(RATES)).tag(sync=True)
    penalties = traitlets.List(list(PENALTIES)).tag(sync=True)
    result = traitlets.Dict().tag(sync=True)

    def __init__(self, X=None, y=None, **settings):
        if (X is None) != (y is None):
            raise ValueError("Playground takes X and y together, or neither.")
        if X is not None:
            settings.setdefault("dataset", OWN)
        own = rows(*(sample() if X is None else (X, y)))
        super().__init__(points=own, datasets=make_datasets(), **settings)

    def chosen(self):
        """The training points of the chosen data set: X of shape (n, 2), y of shape (n,)."""
        if self.dataset == OWN:
            return self.X, self.y
        table = np.array(self.datasets[self.dataset]["train"])
        return table[:, :2], table[:, 2].astype(int)

    def inputs(self, X):
        """The chosen features of points X: shape (n, number of features)."""
        return np.column_stack([FEATURES[name](np.asarray(X, dtype=float)) for name in self.features])

    def still(self):
        """The trained network as a matplotlib Figure: its border, its hidden units, its loss."""
        from matplotlib.figure import Figure

        from coursekit.plot import decision_boundary
        from coursekit.plot.style import waiting

        X, y = self.chosen()
        figure = Figure(figsize=(7.6 + 0.6 * len(self.hidden), 3.4), layout="constrained")
        left, middle, right = figure.subfigures(1, 3, width_ratios=(4, 0.2 + 0.55 * len(self.hidden), 3.6))
        if set(y) != {0, 1}:
            waiting(figure.subplots())
            return figure
        model = self._train(X, y)
        ax = left.subplots()
        decision_boundary(lambda X: model.predict_proba(self.inputs(X))[:, 1], X, y, ax, resolution=100)
        ax.get_legend().remove()
        ax.set_title(f"{model.score(self.inputs(X), y):.0%} of {len(y)} points right", fontsize=11)
        self._draw_units(model, middle)
        ax = right.subplots()
        ax.plot(model.loss_curve_, color="black")
        ax.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
        ax.set_title(f"{self.dataset}, {self.activation}", fontsize=11)
        return figure

    def _train(self, X, y):
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier

        batch = min(50, len(y))
        model = MLPClassifier(
            tuple(self.hidden), activation=ACTIVATIONS[self.activation], learning_rate_init=self.learning_rate,
            alpha=2 * self.l2 * batch, batch_size=batch, max_iter=max(60, 30_000 // len(y)), random_state=self.seed,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # this many epochs are what is meant
            return model.fit(self.inputs(X), y)

    def _draw_units(self, model, figure):
        """Each hidden unit's value over the plane, one column a layer."""
        from coursekit.plot.boundaries import between
        from coursekit.plot.style import COLOURS

        if not self.hidden:
            return
        axs = figure.subplots(max(self.hidden), len(self.hidden), squeeze=False)
        for ax in axs.flat:
            ax.set(xticks=[], yticks=[], frame_on=False)
        side = np.linspace(-PLANE, PLANE, 40)
        H = self.inputs(np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2))
        bend = {"tanh": np.tanh, "relu": lambda z: np.maximum(0, z), "linear": lambda z: z}
        bend["sigmoid"] = lambda z: 1 / (1 + np.exp(-z))
        for layer, ax in enumerate(axs[0], start=1):
            ax.set_title(f"layer {layer}", loc="center", fontsize=10)
        for column, kernel, bias in zip(axs.T, model.coefs_[:-1], model.intercepts_[:-1], strict=True):
            H = bend[self.activation](H @ kernel + bias)
            for ax, values in zip(column, H.T, strict=False):
                most = np.abs(values).max() or 1.0
                ax.set_frame_on(True)
                ax.imshow(values.reshape(40, 40), origin="lower", cmap=between(*COLOURS[:2]), vmin=-most, vmax=most)
