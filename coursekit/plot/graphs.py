"""A graph: its nodes as circles, its edges as lines or as arrows."""

import numpy as np

from coursekit.plot.style import COLOURS, MARKERS, axes


def graph(edges, values=None, ax=None, *, truth=None, highlight=(), label="", title=None, directed=False, thick=()):
    """Draw a graph.

    Parameters
    ----------
    edges : array of int, shape (m, 2)
        Pairs of nodes, counted from 0.
    values : array of shape (n,), optional
        A number from 0 to 1 for each node: its colour, from blue (0) to orange (1).
    truth : array of int, shape (n,), optional
        The class of each node, 0 or 1: a circle or a square.
    highlight : sequence of int
        Nodes with a thick rim.
    label : str
        What the colour stands for; without it there is no colour bar.
    directed : bool
        Draw each edge as an arrow from its first node to its second, with the number of its row beside it.
    thick : sequence of int
        Rows of `edges` that are drawn thick and dark; only where the graph is directed.

    Returns
    -------
    matplotlib.axes.Axes
    """
    from matplotlib.colors import LinearSegmentedColormap

    edges = np.asarray(edges, dtype=int)
    n = edges.max() + 1 if values is None else len(values)
    values = np.full(n, 0.5) if values is None else np.asarray(values, dtype=float).ravel()
    truth = np.zeros(n, dtype=int) if truth is None else np.asarray(truth, dtype=int)
    places = layout(edges, n)
    ax = axes(ax, (7, 4.4))
    if directed:
        draw_arrows(ax, places[edges], thick)
    else:
        ax.plot(*places[edges].transpose(2, 1, 0), color="#A0A0A0", linewidth=0.9, zorder=1)
    colours = LinearSegmentedColormap.from_list("", [COLOURS[0], "#F4F4F4", COLOURS[1]])
    size = 330 if n <= 12 else 190
    for kind in np.unique(truth):
        mine = np.flatnonzero(truth == kind)
        rims = [2.6 if node in highlight else 0.8 for node in mine]
        nodes = ax.scatter(
            *places[mine].T,
            c=values[mine],
            s=size,
            marker=MARKERS[kind],
            cmap=colours,
            vmin=0,
            vmax=1,
            edgecolor="black",
            linewidth=rims,
            zorder=2,
        )
    for node, place in enumerate(places):
        strong = abs(values[node] - 0.5) > 0.3
        ax.text(*place, str(node), ha="center", va="center", fontsize=8, color="white" if strong else "black", zorder=3)
    if label:
        ax.figure.colorbar(nodes, ax=ax, label=label, shrink=0.7)
    (left, low), (right, high) = places.min(axis=0) - 0.35, places.max(axis=0) + 0.35  # room for the circles
    ax.set(xticks=[], yticks=[], aspect="equal", title=title, xlim=(left, right), ylim=(low, high))
    ax.grid(False)
    ax.spines[:].set_visible(False)
    return ax


def draw_arrows(ax, ends, thick=(), bend=0.18):
    """Bent arrows, so that two that go there and back do not cover each other; `ends` has shape (m, 2, 2)."""
    for row, (start, stop) in enumerate(ends):
        colour, width = ("black", 2.0) if row in thick else ("#909090", 0.9)
        style = {"arrowstyle": "-|>", "connectionstyle": f"arc3,rad={bend}", "color": colour, "linewidth": width}
        ax.annotate("", stop, start, arrowprops={**style, "shrinkA": 9, "shrinkB": 9}, zorder=1)
        along = stop - start
        beside = (start + stop) / 2 + 1.05 * bend * np.array([along[1], -along[0]])
        ax.text(*beside, str(row), ha="center", va="center", fontsize=8, color=colour)


def layout(edges, n_nodes, steps=200):
    """Places for the nodes, shape (n_nodes, 2): as far apart as the number of edges between them, as well as can be.

    Stress majorisation: Gansner, E., Koren, Y., North, S. (2005). Graph drawing by stress majorization. *GD 2004*.
    """
    far = np.full((n_nodes, n_nodes), np.inf)
    far[edges[:, 0], edges[:, 1]] = far[edges[:, 1], edges[:, 0]] = 1
    np.fill_diagonal(far, 0)
    for middle in range(n_nodes):
        far = np.minimum(far, far[:, [middle]] + far[[middle]])
    far = np.where(np.isinf(far), far[np.isfinite(far)].max() + 1, far)
    weight = np.where(far > 0, 1 / np.maximum(far, 1) ** 2, 0)
    inverse = np.linalg.pinv(np.diag(weight.sum(axis=1)) - weight)
    angles = 2.4 * np.arange(n_nodes)  # a spiral with the golden angle: no two nodes begin at one place
    places = np.sqrt(1 + np.arange(n_nodes))[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for _ in range(steps):
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
        pull = weight * far / np.maximum(apart, 1e-9)
        places = inverse @ ((np.diag(pull.sum(axis=1)) - pull) @ places)
    _, _, turn = np.linalg.svd(places - places.mean(axis=0), full_matrices=False)
    return (places - places.mean(axis=0)) @ turn.T
