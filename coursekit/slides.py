"""Slides of a notebook for a lecture: its solution with what the cells gave, through nbconvert and reveal.js."""

import re
import sys

from coursekit import site


def main(name, out):
    """What `coursekit slides` does: the slides of a notebook, as the page `out`. Returns the exit status."""
    from nbconvert import SlidesExporter

    try:
        notebook = site.solve([name])[name]
    except site.SiteError as reason:
        print(reason, file=sys.stderr)
        return 1
    exporter = SlidesExporter(reveal_scroll=True, reveal_theme="white", reveal_transition="none")
    text, _ = exporter.from_notebook_node(with_slide_types(notebook))
    out.write_text(text, encoding="utf-8")
    print(f"{out} is written: open it in a browser, and press F. It fetches reveal.js from the network.")
    return 0


def with_slide_types(notebook):
    """The notebook with a slide for each heading, and below it one for each code cell; no checks, no hints."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            kind = "slide" if cell.source.startswith("#") else "-"
        elif cell.id == "colab" or re.match(r"(#[^\n]*\n?)*$|ck\.(check|expected|hint)\(", cell.source):
            kind = "skip"
        else:
            kind = "subslide"
        cell.metadata.slideshow = {"slide_type": kind}
    return notebook
