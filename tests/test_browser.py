"""Notebook 01 in real JupyterLab: what a student sees after "Run All Cells". And the widgets, used by hand."""

import json
import os
import re
import shutil
import time
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


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with browser.jupyter(folder, COURSEKIT_HOME=str(folder / "home")) as address:
        yield folder, address


@pytest.fixture
def jupyter(served):
    """The folder that a server shows, and its address; what the test has started there ends with the test."""
    yield served
    browser.end_kernels(served[1])


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


@pytest.mark.parametrize(
    "kind, name, status, heading",
    [
        ("notebooks", "00_one_neuron", "not attempted", "00.4 · "),
        ("solutions", "00_one_neuron", "passed", "00.4 · "),
    ],
)
def test_run_all_cells(kind, name, status, heading, jupyter, chromium):
    folder, address = jupyter
    shutil.copy(root() / kind / f"{name}.ipynb", folder / f"{kind}.ipynb")
    with browser.page(chromium) as page:
        browser.open_notebook(page, address, f"{kind}.ipynb")
        cells = browser.run_all(page)
        assert errors(cells) == []
        assert statuses(cells) == [status] * len(exercises(root() / "course" / f"{name}.py"))
        assert red_text(cells) == []
        page.get_by_text(heading).last.scroll_into_view_if_needed()
        page.wait_for_timeout(1000)
        keep(page, f"{kind}_{name}")


PAD = """
import numpy as np
import coursekit as ck
pad = ck.widgets.DigitPad(predict=lambda x: np.eye(10)[[int(x.sum() > 0) * 7]], prepare=lambda image: np.ones((28, 28)))
pad
"""
READ = "import json; print(json.dumps([pad.image.tolist(), pad.probabilities, pad.note]))"


def answer(page, cell=1):
    """Run a cell and read the JSON that it prints."""
    script = f"""async () => {{
        const content = window.jupyterapp.shell.currentWidget.content;
        content.activeCellIndex = {cell};
        await window.jupyterapp.commands.execute('notebook:run-cell');
    }}"""
    browser._evaluate(page, script, 30)
    return json.loads("".join(browser.cells(page)[cell]["outputs"][0]["text"]))


def write(path, *sources):
    """A notebook of code cells."""
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


def test_a_stroke_on_the_pad_arrives(jupyter, chromium):
    folder, address = jupyter
    import numpy as np

    write(folder / "pad.ipynb", PAD, READ)
    with browser.page(chromium) as page:
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
        image, probabilities, note = answer(page)
        image = np.array(image)
        assert image.shape == (112, 112) and image[30:80, 54:58].min() > 200, "the stroke runs down the middle"
        assert image[:, :40].max() == 0 and image[:, 72:].max() == 0, "and nowhere else"
        assert probabilities[7] == 1 and note == "Read as 7."
        keep(page, "pad")

        page.get_by_role("button", name="Clear").click()
        page.wait_for_timeout(500)
        assert np.array(answer(page)[0]).max() == 0
        canvas.focus()
        page.keyboard.press("Space")
        for _ in range(10):
            page.keyboard.press("ArrowRight")
        page.wait_for_timeout(500)
        row = np.array(answer(page)[0])[56]
        assert row[60:90].min() > 200 and row[:45].max() == 0, "the keyboard draws to the right"

        page.get_by_role("button", name="Clear").click()
        page.touchscreen.tap(box["x"] + 60, box["y"] + 60)
        page.wait_for_timeout(500)
        image = np.array(answer(page)[0])
        middle = np.argwhere(image > 200).mean(axis=0)
        assert np.abs(middle - 60 * 112 / box["width"]).max() < 4, "a tap leaves a dot where it was"


POINTS = """
import coursekit as ck
pad = ck.widgets.PointPad()
pad
"""
READ_POINTS = "import json; print(json.dumps([pad.X.tolist(), pad.y.tolist()]))"


def test_points_drawn_by_hand_arrive(jupyter, chromium):
    folder, address = jupyter
    import numpy as np

    def read():
        page.wait_for_timeout(500)
        X, y = answer(page)
        return np.array(X).reshape(-1, 2), np.array(y)

    write(folder / "points.ipynb", POINTS, READ_POINTS)
    with browser.page(chromium) as page:
        browser.open_notebook(page, address, "points.ipynb")
        browser.run_all(page, 60)
        pad = page.locator(".ck-points")
        pad.wait_for(timeout=30_000)
        assert len(read()[0]) == 60, "the sample stands there first"
        pad.get_by_role("button", name="Clear").click()
        assert len(read()[0]) == 0

        canvas = pad.locator("canvas")
        box = canvas.bounding_box()
        left, top, side = box["x"], box["y"], box["width"]
        page.mouse.move(left + side / 4, top + side / 4)
        page.mouse.down()
        page.mouse.move(left + 3 * side / 4, top + side / 4, steps=20)
        page.mouse.up()
        X, y = read()
        assert len(X) >= 8 and set(y) == {0}
        assert np.abs(X[:, 1] - 1.5).max() < 0.05, "a level stroke, half way up from the middle"
        assert np.abs([X[:, 0].min() + 1.5, X[:, 0].max() - 1.5]).max() < 0.3

        pad.get_by_role("radio", name="class 1").check()
        page.touchscreen.tap(left + side / 2, top + 3 * side / 4)
        X, y = read()
        assert y[-1] == 1 and np.abs(X[-1] - [0, -1.5]).max() < 0.05, "a tap leaves a point where it was"
        keep(page, "points")

        count = len(y)
        canvas.focus()
        page.keyboard.press("0")
        for _ in range(10):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
        X, y = read()
        assert len(y) == count + 1 and y[-1] == 0 and np.allclose(X[-1], [1, 0])

        undo = pad.get_by_role("button", name="Undo")
        undo.click()
        undo.focus()
        page.keyboard.press("Enter")
        X, y = read()
        assert len(y) == count - 1 and set(y) == {0}, "the keyboard's point and the tap are gone"
        undo.click()
        assert len(read()[0]) == 0, "the stroke goes as one"


PLAY = """
import coursekit as ck
play = ck.widgets.Playground(dataset="circles", hidden=[8, 8])
play
"""
READ_PLAY = """import json; print(json.dumps({
    "result": play.result, "dataset": play.dataset, "hidden": play.hidden, "features": play.features,
    "activation": play.activation, "l2": play.l2, "points": play.X.tolist()}))"""


@pytest.mark.parametrize("application", browser.APPLICATIONS)
def test_the_playground_separates_the_circles(application, jupyter, chromium):
    folder, address = jupyter
    pytest.importorskip(application)
    write(folder / "play.ipynb", PLAY, READ_PLAY)
    with browser.page(chromium, height=1200) as page:
        browser.open_notebook(page, address, "play.ipynb", application)
        browser.run_all(page, 60)
        play = page.locator(".ck-playground")
        play.wait_for(timeout=30_000)
        figures = play.locator(".ck-figures")

        def shares():
            return [float(share) for share in re.findall(r"([\d.]+) % right", figures.inner_text())]

        def epochs():
            return int(re.search(r"Epoch (\d+)", figures.inner_text())[1])

        assert epochs() == 0 and min(shares()) < 80, "before the training"
        train = play.get_by_role("button", name="Train")
        start = time.perf_counter()
        train.focus()
        page.keyboard.press("Enter")
        while min(shares()) < 97:
            assert time.perf_counter() - start < 10, f"after 10 s: {figures.inner_text()}"
            page.wait_for_timeout(50)
        seconds = time.perf_counter() - start
        first = epochs(), time.perf_counter()
        page.wait_for_timeout(4000)
        rate = (epochs() - first[0]) / (time.perf_counter() - first[1])
        print(f"\nplayground in {application}: circles separated after {seconds:.1f} s, {rate:.0f} frames a second")
        keep(page, f"playground-{application}")
        play.get_by_role("button", name="Pause").click()
        page.wait_for_timeout(500)
        state = answer(page)
        assert state["result"]["epoch"] == epochs() and state["result"]["test_accuracy"] > 0.97
        assert rate >= 10

        stopped = epochs()
        page.wait_for_timeout(300)
        assert epochs() == stopped, "paused"
        play.get_by_role("button", name="Step").click()
        assert epochs() == stopped + 1
        play.get_by_role("button", name="Reset").click()
        assert epochs() == 0

        play.get_by_label("Activation").select_option("relu")
        play.get_by_label("L2").select_option("0.001")
        play.get_by_label("x1*x2").check()
        play.get_by_role("spinbutton", name="Hidden layers").fill("1")
        play.get_by_role("spinbutton", name="Hidden layers").press("Tab")
        assert play.locator(".ck-units canvas").count() == 8
        play.get_by_label("Data").select_option("own points")
        play.get_by_role("button", name="Clear").click()
        play.get_by_role("button", name="Train").click()
        assert "both classes" in play.get_by_role("status").inner_text()
        play.locator(".ck-plane").focus()
        page.keyboard.press("Space")
        page.keyboard.press("1")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Space")
        page.wait_for_timeout(500)
        state = answer(page)
        assert state["points"] == [[0, 0], [0, 0.1]] and state["dataset"] == "own points"
        assert (state["hidden"], state["activation"], state["l2"]) == ([8], "relu", 0.001)
        assert state["features"] == ["x1", "x2", "x1*x2"]


def test_the_gradient_of_the_playground_is_right(chromium):
    """Against central differences of loss and penalty, for every activation and two depths."""
    from coursekit.widgets.plane import script

    with browser.page(chromium) as page:
        browser.load_module(page, script("network") + "\nexport { Network, ACTIVATIONS, randomNumbers };")
        errors = page.evaluate("""() => {
            const { Network, ACTIVATIONS, randomNumbers } = window.module;
            const random = randomNumbers(1);
            const X = Float64Array.from({ length: 60 }, () => 4 * random() - 2);
            const y = Float64Array.from({ length: 20 }, () => Number(random() > 0.5));
            const [errors, l2, h] = [{}, 0.01, 1e-5];
            for (const activation of Object.keys(ACTIVATIONS)) {
                for (const sizes of [[3], [3, 5, 4]]) {
                    const network = new Network(sizes, activation, 7);
                    network.theta.forEach((value, i) => (network.theta[i] += 0.1 * random())); // biases too
                    const objective = () => network.evaluate(X, y).loss + network.layers.reduce((sum, layer) =>
                        sum + l2 * network.theta.slice(layer.kernel, layer.bias).reduce((s, w) => s + w * w, 0), 0);
                    const gradient = network.gradient(X, y, l2);
                    errors[`${activation} ${sizes}`] = Math.max(...gradient.map((g, i) => {
                        const value = network.theta[i];
                        network.theta[i] = value + h;
                        const above = objective();
                        network.theta[i] = value - h;
                        const below = objective();
                        network.theta[i] = value;
                        return Math.abs(g - (above - below) / (2 * h));
                    }));
                }
            }
            return errors;
        }""")
    assert len(errors) == 8 and max(errors.values()) < 1e-8, errors


def test_the_features_are_the_same_in_both_languages(chromium):
    import numpy as np

    from coursekit.widgets.plane import script
    from coursekit.widgets.playground import FEATURES

    X = np.random.default_rng(0).uniform(-3, 3, size=(50, 2))
    with browser.page(chromium) as page:
        browser.load_module(page, script("network") + "\nexport { inputs, FEATURES };")
        names = page.evaluate("() => Object.keys(window.module.FEATURES)")
        flat = page.evaluate("([X, names]) => Array.from(window.module.inputs(X, names))", [X.tolist(), names])
    assert names == list(FEATURES)
    assert np.allclose(np.reshape(flat, (50, -1)), np.column_stack([FEATURES[name](X) for name in names]))


@pytest.fixture(scope="module")
def axe():
    return browser.axe()


def test_axe_finds_nothing_serious(axe, jupyter, chromium):
    folder, address = jupyter
    write(folder / "all.ipynb", PAD, POINTS, PLAY, 'ck.widgets.Playground(dataset="own points", hidden=[3])')
    with browser.page(chromium, height=3000) as page:
        browser.open_notebook(page, address, "all.ipynb")
        browser.run_all(page, 60)
        page.locator(".ck-playground").nth(1).wait_for(timeout=30_000)
        for theme in ("JupyterLab Light", "JupyterLab Dark"):
            browser._evaluate(
                page, f"() => window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})", 30
            )
            page.wait_for_timeout(1000)
            keep(page, f"all_{theme[-5:].strip()}")
            for selector in (".ck-pad", ".ck-points", ".ck-playground"):
                assert browser.accessibility(page, selector, axe) == [], f"{selector}, {theme}"
        page.evaluate("() => document.querySelector('.ck-points [data-do=undo]').replaceChildren()")
        assert "button-name" in str(browser.accessibility(page, ".ck-points", axe)), "axe sees a button without a name"


def test_axe_finds_nothing_serious_in_the_graders_pages_and_the_map(axe, tmp_path, chromium):
    """On light and on dark; the map of the course and the cards are those of a notebook."""
    from coursekit.checks import framework, notebook
    from coursekit.grading.output.publish import publish
    from coursekit.grading.result import save
    from tests.test_grading_results import EXERCISES, make_class

    for number, result in enumerate(make_class(8)):
        save(tmp_path / "results" / f"{number}.json", result)
    publish(tmp_path, EXERCISES)
    scores = {
        item.id: {"status": "passed", "score": item.points, "points": item.points}
        for item in framework.exercises_in("00")[:4]
    }
    shown = notebook.Progress(scores)._repr_html_()
    head = '<!doctype html><html lang="en"><title>Map</title><body style="color-scheme: light dark"><main><h1>Map</h1>'
    (tmp_path / "map.html").write_text(f"{head}{shown}</main></body></html>", encoding="utf-8")
    written = [tmp_path / "class.html", tmp_path / "map.html", next((tmp_path / "feedback").glob("*.html"))]
    with browser.page(chromium) as page:
        for path in written:
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.goto(path.as_uri())
                assert browser.accessibility(page, "body", axe) == [], f"{path.name}, {scheme}"
