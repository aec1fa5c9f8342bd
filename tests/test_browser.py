"""Notebook 01 in real JupyterLab: what a student sees after "Run All Cells". And the digit pad, drawn on."""

import json
import os
import shutil
from pathlib import Path

import pytest

from coursekit.build import exercises, root
from tests import browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(browser.CHROMIUM is None, reason="Chromium is not installed"),
]
SHOTS = os.environ.get("COURSEKIT_SHOTS")  # a folder: keep the screenshots there


def keep(page, name):
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{SHOTS}/{name}.png")


def statuses(cells):
    """The status that each check's card shows, in order."""
    found = []
    for cell in cells:
        if "ck.check(" in "".join(cell["source"]):
            text = "".join("".join(output["data"]["text/plain"]) for output in cell["outputs"])
            found.append(next(s for s in ("not attempted", "passed", "failed") if f": {s} (" in text))
    return found


def errors(cells):
    return [output for cell in cells for output in cell.get("outputs", []) if output["output_type"] == "error"]


def red_text(cells):
    return [
        "".join(output["text"])
        for cell in cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream" and output["name"] == "stderr"
    ]


@pytest.mark.parametrize("kind, status", [("notebooks", "not attempted"), ("solutions", "passed")])
def test_run_all_cells(kind, status, tmp_path):
    shutil.copy(root() / kind / "01_xor_mlp.ipynb", tmp_path)
    with browser.lab(tmp_path, COURSEKIT_HOME=str(tmp_path / "home")) as address, browser.page() as page:
        browser.open_notebook(page, address, "01_xor_mlp.ipynb")
        cells = browser.run_all(page)
        assert errors(cells) == []
        assert statuses(cells) == [status] * len(exercises(root() / "course" / "01_xor_mlp.py"))
        assert red_text(cells) == []
        page.get_by_text("01.4 · Back-propagation by hand").last.scroll_into_view_if_needed()
        page.wait_for_timeout(1000)
        keep(page, f"01_{kind}")


PAD = """
import numpy as np
import coursekit as ck
pad = ck.widgets.DigitPad(predict=lambda x: np.eye(10)[[int(x.sum() > 0) * 7]], prepare=lambda image: np.ones((28, 28)))
pad
"""
READ = "import json; print(json.dumps([pad.image.tolist(), pad.probabilities, pad.note]))"


def drawing(page):
    """Run the second cell and read what it prints: the pad's picture, probabilities and note."""
    script = """async () => {
        const content = window.jupyterapp.shell.currentWidget.content;
        content.activeCellIndex = 1;
        await window.jupyterapp.commands.execute('notebook:run-cell');
    }"""
    browser._evaluate(page, script, 30)
    return json.loads("".join(browser.cells(page)[1]["outputs"][0]["text"]))


def test_a_stroke_on_the_pad_arrives(tmp_path):
    import nbformat
    import numpy as np

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(PAD), nbformat.v4.new_code_cell(READ)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "pad.ipynb")
    with browser.lab(tmp_path) as address, browser.page() as page:
        browser.open_notebook(page, address, "pad.ipynb")
        browser.run_all(page, 60)
        canvas = page.locator(".ck-pad canvas")
        canvas.wait_for(timeout=30_000)
        box = canvas.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"]
        page.mouse.move(x, y + 50)
        page.mouse.down()
        page.mouse.move(x, y + 200, steps=8)
        page.mouse.up()
        page.wait_for_timeout(500)
        image, probabilities, note = drawing(page)
        image = np.array(image)
        assert image.shape == (112, 112) and image[30:80, 54:58].min() > 200, "the stroke runs down the middle"
        assert image[:, :40].max() == 0 and image[:, 72:].max() == 0, "and nowhere else"
        assert probabilities[7] == 1 and note == "Read as 7."
        keep(page, "pad")

        page.get_by_role("button", name="Clear").click()
        page.wait_for_timeout(500)
        assert np.array(drawing(page)[0]).max() == 0
        canvas.focus()
        page.keyboard.press("Space")
        for _ in range(10):
            page.keyboard.press("ArrowRight")
        page.wait_for_timeout(500)
        row = np.array(drawing(page)[0])[56]
        assert row[60:90].min() > 200 and row[:45].max() == 0, "the keyboard draws to the right"

        page.get_by_role("button", name="Clear").click()
        page.touchscreen.tap(box["x"] + 60, box["y"] + 60)
        page.wait_for_timeout(500)
        image = np.array(drawing(page)[0])
        middle = np.argwhere(image > 200).mean(axis=0)
        assert np.abs(middle - 60 * 112 / box["width"]).max() < 4, "a tap leaves a dot where it was"
