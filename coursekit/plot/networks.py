"""A network as a picture: its layers as boxes, the arrows between them, shapes and parameters."""

from dataclasses import dataclass

from coursekit.plot.style import axes

HEIGHT, GAP = 0.38, 0.22  # of a box, and of the space between two rows, in inches
A_LETTER, BETWEEN, A_LANE = 0.066, 0.25, 0.16  # inches: a letter's width, between boxes of a row, between lanes


@dataclass(frozen=True)
class Call:
    """A layer at one of its places in a network."""

    name: str
    shape: str
    parameters: int | None  # None: they are counted where the layer stands first
    after: tuple  # of int, the calls whose outputs it takes


def network(model, ax=None, *, title=None):
    """Draw the layers of a Keras model from the inputs down, with the shape that each gives and its parameters.

    It needs matplotlib alone; `keras.utils.plot_model` needs pydot and the program Graphviz, which pip does not
    install. The axis of the examples is left out of the shapes. A layer with something to learn has a coloured box. A
    model of a class of one's own does not tell what follows what: its layers are listed without arrows.

    Parameters
    ----------
    model : keras.Model
        Sequential, functional (with branches, several inputs or outputs, shared layers), or of a class of one's own.
    title : str, optional
        Without one, the number of parameters in all.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError
        Where `model` is not a Keras model.
    """
    from matplotlib.patches import FancyBboxPatch

    calls = read_network(model)
    rows = arrange(calls)
    labels = [[call.name, " · ".join(filter(None, [call.shape, _parameters(call)]))] for call in calls]
    width = 0.2 + A_LETTER * max(len(line) for label in labels for line in label)
    places = place(rows, width + BETWEEN)
    long = sorted(_long_arrows(calls, rows), key=lambda arrow: rows[arrow[1]] - rows[arrow[0]])
    side = max(x for x, _ in places) + width / 2
    right, left = side + A_LANE * (len(long) + 0.5), min(x for x, _ in places) - width / 2 - 0.05
    low, high = min(y for _, y in places) - HEIGHT / 2 - 0.05, HEIGHT / 2 + 0.05
    ax = axes(ax, (right - left + 0.2, high - low + 0.5))
    for call, label, (x, y) in zip(calls, labels, places, strict=True):
        corner = (x - width / 2 + 0.04, y - HEIGHT / 2 + 0.04)
        colours = {"facecolor": "#F2F2F2" if call.parameters == 0 else "#C9E6F8", "edgecolor": "#505050"}
        form = {"boxstyle": "round,pad=0.04", "linewidth": 0.8, **colours}
        ax.add_patch(FancyBboxPatch(corner, width - 0.08, HEIGHT - 0.08, **form))
        ax.text(x, y + 0.085, label[0], ha="center", va="center", fontsize=8.5, fontweight="bold")
        ax.text(x, y - 0.085, label[1], ha="center", va="center", fontsize=8)
    for end, call in enumerate(calls):
        for start in call.after:
            if (start, end) not in long:
                _arrow(ax, [_below(places[start]), _above(places[end])])
    for lane, (start, end) in enumerate(long, start=1):
        _arrow(ax, _round(places[start], places[end], side + A_LANE * lane, width, lane))
    total = f"{model.count_params():,} parameters" if model.built else "no shapes and parameters yet"
    ax.set(xlim=(left, right), ylim=(low, high), aspect="equal", title=title or total)
    ax.axis("off")
    ax.alt_text = describe(calls)  # read by `describe_figure`
    return ax


def read_network(model):
    """The calls of a Keras model, each after those whose outputs it takes.

    Returns
    -------
    list of Call
    """
    import keras

    if not isinstance(model, keras.Model):
        raise TypeError(f"model is a {type(model).__name__}; a Keras model was expected, such as keras.Sequential.")
    if not getattr(model, "outputs", None):
        chain = isinstance(model, keras.Sequential)
        counts = [layer.count_params() if layer.built else 0 for layer in model.layers]
        named = zip(model.layers, counts, strict=True)
        return [Call(_name(layer), "", n, (i - 1,) if chain and i else ()) for i, (layer, n) in enumerate(named)]
    numbers, calls = {}, []

    def visit(tensor):
        """The number of the call that gives `tensor`, after its inputs."""
        layer, node, _ = tensor._keras_history  # Keras tells of a graph nowhere else
        if (layer, node) not in numbers:
            made = layer._inbound_nodes[node]
            after = tuple(dict.fromkeys(visit(earlier) for earlier in made.input_tensors))
            seen = any(other is layer for other, _ in numbers)
            count = layer.count_params() if isinstance(layer, keras.layers.Layer) else 0
            shape = ", ".join(_shape(output.shape[1:]) for output in made.output_tensors)
            numbers[layer, node] = len(calls)
            calls.append(Call(_name(layer), shape, None if seen else count, after))
        return numbers[layer, node]

    for output in model.outputs:
        visit(output)
    return calls


def arrange(calls):
    """The row of each call, counted from above: the last as far down as it goes, an input just above what takes it."""
    below = [0] * len(calls)  # rows between a call and the end
    for number in reversed(range(len(calls))):
        for earlier in calls[number].after:
            below[earlier] = max(below[earlier], below[number] + 1)
    if not any(call.after for call in calls):  # nothing is known of the order but the list
        return list(range(len(calls)))
    return [max(below) - rows for rows in below]


def place(rows, step):
    """The middle (x, y) of each call's box: a row is centred, its boxes `step` apart."""
    places = [None] * len(rows)
    for row in set(rows):
        mine = [number for number, other in enumerate(rows) if other == row]
        for k, number in enumerate(mine):
            places[number] = ((k - (len(mine) - 1) / 2) * step, -row * (HEIGHT + GAP))
    return places


def describe(calls):
    """The same in words: each call with its shape, its parameters and, but in a chain, what it follows."""
    chain = all(call.after == ((number - 1,) if number else ()) for number, call in enumerate(calls))
    known = any(call.after for call in calls)
    said = []
    for number, call in enumerate(calls, start=1):
        after = " and ".join(f"{earlier + 1}" for earlier in call.after)
        parts = [call.name, call.shape, _parameters(call), f"after {after}" if after and not chain else ""]
        said.append(f"{number}: {'; '.join(filter(None, parts))}.")
    kind = "a chain" if chain else "a graph" if known else "a list that does not tell what follows what"
    return f"The network's layers, {kind}. {' '.join(said)}"


def _name(layer):
    name = "Input" if type(layer).__name__ == "InputLayer" else type(layer).__name__
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    return name if activation == "linear" else f"{name}, {activation}"


def _shape(shape):
    return " × ".join("any" if size is None else str(size) for size in shape) or "1"


def _parameters(call):
    if call.parameters is None:
        return "shared"
    return f"{call.parameters:,} parameters" if call.parameters else ""


def _long_arrows(calls, rows):
    """The arrows that would run over boxes on their way, as pairs of numbers."""
    return [(start, end) for end, call in enumerate(calls) for start in call.after if rows[end] - rows[start] > 1]


def _below(place):
    return place[0], place[1] - HEIGHT / 2


def _above(place):
    return place[0], place[1] + HEIGHT / 2


def _round(start, end, x, width, lane):
    """The corners of an arrow that goes round the boxes between, down the lane at `x`."""
    (x0, y0), (x1, y1) = _below(start), _above(end)
    turn = GAP * (0.3 + 0.12 * (lane % 3))  # where two turn in one gap they do not run into one line
    x0, x1 = x0 + 0.3 * width, x1 + 0.3 * width
    return [(x0, y0), (x0, y0 - turn), (x, y0 - turn), (x, y1 + turn), (x1, y1 + turn), (x1, y1)]


def _arrow(ax, corners):
    xs, ys = zip(*corners, strict=True)
    ax.plot(xs[:-1], ys[:-1], color="#505050", linewidth=1.1, solid_capstyle="butt")
    style = {"arrowstyle": "-|>", "color": "#505050", "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", corners[-1], corners[-2], arrowprops={**style, "mutation_scale": 9})
