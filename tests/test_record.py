"""Recording one exercise runs the cells that it needs, and no others."""

import importlib.util
import json

import nbformat
import pytest

from coursekit.build import exercises, root, sources
from coursekit.place import EXERCISES

spec = importlib.util.spec_from_file_location("record", root() / "benchmarks" / "record.py")
record = importlib.util.module_from_spec(spec)
spec.loader.exec_module(record)
NAMES = {path.stem.split("_")[0]: path.stem for path in sources() if path.stem[0].isdigit()}


def cells(number):
    return nbformat.read(root() / "solutions" / f"{NAMES[number]}.ipynb", as_version=4).cells


def test_what_a_cell_does_with_names():
    source = "import numpy as np\nmodel = build(2)\nmodel.fit(X, y)\ntable['a'] = 1"
    bound, touched, read = record.names_in(source)
    assert bound == {"np", "model"} and {"model", "table"} <= touched and {"build", "X", "y"} <= read


@pytest.mark.parametrize("number", NAMES)
def test_the_cells_of_every_exercise_bind_the_names_that_they_read(number):
    every = [cell.source for cell in cells(number) if cell.cell_type == "code"]
    everything = {name for source in every for name in record.names_in(source)[0]}
    for id in exercises(root() / "course" / f"{NAMES[number]}.py"):
        chosen = record.cells_for(cells(number), id)
        bound = {name for source in chosen for name in record.names_in(source)[0]}
        read = {name for source in chosen for name in record.names_in(source)[2]}
        assert read & everything <= bound, id
        assert chosen[-1].startswith(f'ck.check("{id}"') and chosen == sorted(chosen, key=every.index)


def test_other_exercises_are_left_out():
    chosen = "\n".join(record.cells_for(cells("06"), "06.4"))
    assert "anomaly_model.fit(" in chosen and "vae" not in chosen and "denoiser" not in chosen


@pytest.mark.parametrize("id", ["00.3", "02b.1"])
def test_the_cells_are_enough_for_a_pass(id, tmp_path):
    number = id.split(".")[0]
    notebook = nbformat.read(root() / "solutions" / f"{NAMES[number]}.ipynb", as_version=4)
    record.run(notebook, 0, tmp_path / "log", id)
    lines = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 and '"status": "passed"' in lines[0]


def test_every_reference_picture_is_drawn_by_its_cell_of_today():
    """Otherwise `python benchmarks/record.py NN --pictures-only` draws it anew."""
    recorded = json.loads((EXERCISES / "pictures" / "sources.json").read_text(encoding="utf-8"))
    drawn = {}
    for number in NAMES:
        notebook = nbformat.read(root() / "solutions" / f"{NAMES[number]}.ipynb", as_version=4)
        for cell in notebook.cells:
            tags = [tag for tag in cell.metadata.get("tags", []) if tag.startswith("picture-")]
            drawn |= {tag.removeprefix("picture-"): record.digest_of(cell.source) for tag in tags}
    assert drawn == recorded
    assert set(drawn) == {path.stem for path in (EXERCISES / "pictures").glob("*.png")}
