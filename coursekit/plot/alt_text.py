"""A text for every figure, which a screen reader reads out in place of the picture."""

_MANY = 6  # of a longer list of panels or names the rest is counted


def use_alt_text():
    """Give every figure of this notebook its text; outside IPython nothing happens.

    It stands in the output twice: as the plain text beside the picture, and as the metadata "alt" of the picture, from
    which nbconvert and other readers make the attribute of the image.
    """
    import matplotlib.pyplot as plt
    from IPython import get_ipython
    from matplotlib.figure import Figure

    shell = get_ipython()
    if shell is None:
        return
    plt.close(plt.figure())  # loads the notebook's backend, which sets formatters of its own
    formatters = shell.display_formatter.formatters
    formatters["text/plain"].for_type(Figure, lambda figure, printer, _: printer.text(describe_figure(figure)))
    try:
        draw = formatters["image/png"].lookup_by_type(Figure)
    except KeyError:  # another format than PNG was chosen
        return

    def draw_with_text(figure):
        drawn = draw(figure)
        picture, metadata = drawn if isinstance(drawn, tuple) else (drawn, {})
        return picture if picture is None else (picture, {**metadata, "alt": describe_figure(figure)})

    formatters["image/png"].for_type(Figure, draw_with_text)


def describe_figure(figure):
    """What a figure shows: its title, and of each panel the title, the axes and the names of what is drawn.

    Parameters
    ----------
    figure : matplotlib.figure.Figure

    Returns
    -------
    str
        One line.
    """
    panels = [text for text in map(_describe_axes, figure.axes) if text]
    if len(panels) > 1 and len(set(panels)) == 1:
        panels = [f"{len(panels)} panels. {panels[0]}"]
    elif len(panels) > 1:
        more = f" And {len(panels) - _MANY} more." if len(panels) > _MANY else ""
        panels = [f"Panel {i}: {text}" for i, text in enumerate(panels[:_MANY], start=1)]
        panels[-1] += more
    return " ".join(part for part in ("Figure.", _sentence(figure.get_suptitle()), *panels) if part).replace("\n", " ")


def _describe_axes(ax):
    """What is drawn on one panel; a function that draws no curve or image leaves its own words in `ax.alt_text`."""
    title = " ".join(text for place in ("left", "center", "right") if (text := ax.get_title(loc=place)))
    if text := getattr(ax, "alt_text", ""):
        return " ".join(part for part in (_sentence(title), _sentence(text)) if part)
    if not ax.axison and not title and not ax.images:
        return ""
    axes = [f"{name} axis: {label}" for name, label in (("x", ax.get_xlabel()), ("y", ax.get_ylabel())) if label]
    return " ".join(part for part in (_sentence(title), _sentence("; ".join(axes)), _drawn(ax)) if part)


def _drawn(ax):
    """The kinds of things that are drawn, with the names that the legend gives them."""
    bars = [patch for container in ax.containers for patch in getattr(container, "patches", ())]
    kinds = {"line": ax.lines, "scatter or area": ax.collections, "bar": bars, "image": ax.images}
    counted = [f"{kind} × {len(things)}" if len(things) > 1 else kind for kind, things in kinds.items() if things]
    names = [name for name in ax.get_legend_handles_labels()[1] if name]
    named = ", ".join(names[:_MANY]) + (f" and {len(names) - _MANY} more" if len(names) > _MANY else "")
    return _sentence("Drawn: " + ", ".join(counted) + (f" ({named})" if named else "")) if counted else ""


def _sentence(text):
    return text if not text or text.endswith((".", "?", "!")) else f"{text}."
