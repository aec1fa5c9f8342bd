"""What a class hands in, however it hands it in; and how a submission is matched with the course."""

import ast
import json
import os
import random
import stat
import struct
import subprocess
import sys
import time
import zipfile
from dataclasses import replace

import nbformat
import pytest

from coursekit.build import root
from coursekit.checks import framework
from coursekit.grading.intake import archives, owner, submissions
from coursekit.grading.intake.archives import SubmissionsError
from coursekit.grading.intake.notebook import MAX_NOTEBOOK, Cell, Unreadable, parse
from coursekit.grading.intake.submissions import read
from coursekit.grading.plan import course
from coursekit.grading.plan.choose import choose
from coursekit.grading.plan.course import load, load_all, names
from coursekit.grading.plan.match import match, which
from coursekit.grading.plan.steps import answers, plan, remarks
from coursekit.grading.result import Answer, Flag

SLUG = "01_xor_mlp"


@pytest.fixture(scope="module")
def all_notebooks():
    return load_all()


@pytest.fixture(scope="module")
def xor(all_notebooks):
    return all_notebooks["01"]


def handed(kind="notebooks", name=SLUG):
    return (root() / kind / f"{name}.ipynb").read_bytes()


def cells_of(kind="notebooks", name=SLUG):
    return list(parse(handed(kind, name)))


def small(source="model = 1", exercise="01.3", **top):
    """A few bytes that are a submission of notebook 01."""
    cells = [
        {"cell_type": "code", "id": "a", "metadata": {}, "source": source, "outputs": [], "execution_count": None},
        {"cell_type": "code", "id": "b", "metadata": {}, "source": f'ck.check("{exercise}", model)', "outputs": []},
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells, **top}).encode()


def code(source, id="", grade_id=""):
    return Cell(id, "code", source, grade_id)


def text(source, id=""):
    return Cell(id, "markdown", source)


def checks(steps):
    return [step.exercise for step in steps if step.kind == "check"]


def position(steps, test):
    return next(i for i, step in enumerate(steps) if test(step))


def put(folder, files):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


def packed(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


# --- the course


def test_every_notebook_of_the_course_is_read(all_notebooks):
    assert list(all_notebooks) == list(names()) == list(framework.notebooks())
    for number, notebook in all_notebooks.items():
        assert list(notebook.checks) == [item.id for item in framework.exercises_in(number)] == list(notebook.points)
        for item in framework.exercises_in(number):
            assert list(notebook.checks[item.id]) == list(item.arguments)
            assert notebook.points[item.id] == item.points
        assert [cell.source for cell in notebook.cells if cell.role == "install"] != []


def test_positional_arguments_take_the_declared_names(xor):
    assert xor.checks["01.1"] == {"perceptron": "perceptron", "line": "line", "best": "best"}
    assert xor.checks["01.2"] == {"weights": "weights"}


def test_reading_the_course_imports_no_check_and_no_tensorflow():
    script = (
        "import sys; from coursekit.grading.plan import choose, course, steps; "
        "heavy = ('coursekit.checks', 'coursekit.exercises', 'tensorflow', 'keras', 'sklearn'); "
        "print([m for m in sys.modules if m.startswith(heavy)]); "
        "course.load('09'); print([m for m in ('tensorflow', 'keras', 'sklearn', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root())
    assert done.stdout.split() == ["[]", "[]"], done.stderr


def test_a_notebook_that_does_not_exist():
    with pytest.raises(course.CourseError, match="no notebook '77'. It has 00, 01"):
        load("77")


def test_a_course_whose_check_cell_is_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(course.place, "folder", lambda: tmp_path)
    put(tmp_path, {f"notebooks/{SLUG}.ipynb": handed().replace(b'ck.check(\\"01.4\\"', b'print(\\"01.4\\"')})
    with pytest.raises(course.CourseError, match="differ about 01.4"):
        load("01")


# --- matching: as handed out, and as handed in by an honest student


@pytest.mark.parametrize("kind", ["notebooks", "solutions"])
def test_every_notebook_as_built(all_notebooks, kind):
    for number, notebook in all_notebooks.items():
        cells = cells_of(kind, notebook.name)
        steps = plan(notebook, cells)
        assert which(all_notebooks, cells) == number
        assert checks(steps) == list(notebook.checks)
        assert [step.index for step in steps] == [i for i, cell in enumerate(cells) if cell.kind == "code"]
        assert [step.source[:10] for step in steps if step.kind == "skip"] == ["# Installs"]
        for step in steps:
            if step.kind == "check":
                assert step.expressions == notebook.checks[step.exercise]
            elif step.role == "answer":
                assert step.exercise in notebook.checks
        if kind == "notebooks":
            assert {step.role for step in steps} == {"course", "answer", "check"}
            assert answers(notebook, cells) == []
        assert remarks(notebook, cells) == []


def edited(cells, old, *new):
    """The cells, with the one whose text contains `old` replaced."""
    (at,) = [i for i, cell in enumerate(cells) if old in cell.source and cell.kind == "code"]
    return [*cells[:at], *new, *cells[at + 1 :]], at


CHECK3 = 'ck.check("01.3"'


@pytest.mark.parametrize(
    "source",
    [
        'ck.check("01.3", model)',
        'report = ck.check("01.3", model)',
        'report = ck.check("01.3", model=model)\nreport',
        'print(ck.check("01.3", model));',
        'ck.check("01.3", my_other_model)  # mine is better',
        "from coursekit import check",
        "# I deleted the check",
        "",
        'ck.check("01.3", model',
    ],
)
def test_an_edited_check_cell_changes_nothing(xor, source):
    cells = cells_of()
    at = next(i for i, cell in enumerate(cells) if CHECK3 in cell.source)
    cells[at] = replace(cells[at], source=source)
    steps = plan(xor, cells)
    assert checks(steps) == list(xor.checks)
    at_check = position(steps, lambda s: s.kind == "check" and s.exercise == "01.3")
    assert steps[at_check].expressions == {"model": "model"}
    # It stands where it stood: after the answer, before the hint.
    assert steps[at_check + 1].source.startswith('# ck.hint("01.3")')
    ran = [step for step in steps if step.kind == "cell" and step.index == at]
    # What only asks, or does nothing, is not run.
    assert [step.source for step in ran] == ([source] if source.startswith("from") or source.endswith("model") else [])


@pytest.mark.parametrize("keep", ["id", "grade_id", "call"])
def test_one_mark_of_a_check_cell_is_enough(xor, keep):
    cells = cells_of()
    at = next(i for i, cell in enumerate(cells) if CHECK3 in cell.source)
    cells[at] = Cell(
        cells[at].id if keep == "id" else "new", "code",
        cells[at].source if keep == "call" else "",
        cells[at].grade_id if keep == "grade_id" else "",
    )  # fmt: skip
    steps = plan(xor, cells)
    assert checks(steps) == list(xor.checks)
    assert next(step for step in steps if step.exercise == "01.3" and step.kind == "check").index == at


@pytest.mark.parametrize(
    "source",
    [
        'model = MLPClassifier().fit(X, y)\nck.check("01.3", model)',
        'ck.check("01.3", model := fit())',
        'ck.check("01.3", fit(X, y))',
        'for seed in range(3):\n    ck.check("01.3", model)',
        '%%time\nck.check("01.3", model)',
        'assert ck.check("01.3", model).passed',
    ],
)
def test_a_cell_with_more_than_a_check_is_run_and_judged_after(xor, source):
    cells, at = edited(cells_of(), CHECK3, code(source))
    steps = plan(xor, cells)
    where = position(steps, lambda s: s.index == at)
    assert (steps[where].kind, steps[where].source) == ("cell", source)
    assert (steps[where + 1].kind, steps[where + 1].exercise) == ("check", "01.3")
    assert checks(steps) == list(xor.checks)


def test_a_report_that_another_cell_uses_is_made(xor):
    cells, at = edited(cells_of(), CHECK3, code('report = ck.check("01.3", model)'), code("print(report.score)\nz = 1"))
    steps = plan(xor, cells)
    assert [step.kind for step in steps if step.index == at] == ["cell"]
    assert checks(steps) == list(xor.checks)


def test_the_last_of_several_checks_counts(xor):
    cells = cells_of()
    at = next(i for i, cell in enumerate(cells) if CHECK3 in cell.source)
    cells += [code("model = better"), cells[at]]
    steps = plan(xor, cells)
    assert checks(steps) == [id for id in xor.checks if id != "01.3"] + ["01.3"]
    assert (steps[-1].kind, steps[-1].index) == ("check", len(cells) - 1)
    assert [(step.kind, step.role) for step in steps if step.index == at] == [("skip", "check")]


def test_a_check_of_another_notebook_is_just_a_cell(xor):
    steps = plan(xor, [*cells_of(), code('ck.check("02.1", tree)'), code('ck.check("99.9")')])
    assert [step.kind for step in steps[-2:]] == ["cell", "cell"]
    assert checks(steps) == list(xor.checks)


def test_a_deleted_check_stands_where_it_stood(xor):
    cells, at = edited(cells_of(), CHECK3)
    steps = plan(xor, cells)
    where = position(steps, lambda s: s.kind == "check" and s.exercise == "01.3")
    assert steps[where].index == -1 and steps[where].source == 'ck.check("01.3", model)'
    assert steps[where - 1].source == "model = ..." and steps[where + 1].source.startswith('# ck.hint("01.3")')
    assert Flag("check-deleted", "The check of 01.3 was deleted; it is judged all the same.") in remarks(xor, cells)


def test_a_deleted_check_waits_for_the_students_own_cells(xor):
    cells, at = edited(cells_of(), CHECK3)
    cells, _ = edited(cells, '# ck.hint("01.3")')
    own = [code("scaled = X * 2"), code("model = fit(scaled)")]
    steps = plan(xor, cells[:at] + own + cells[at:])
    where = position(steps, lambda s: s.kind == "check" and s.exercise == "01.3")
    assert steps[where - 1].source == "model = fit(scaled)"


def test_a_deleted_check_waits_for_the_names_that_it_needs(xor):
    cells, _ = edited(cells_of(), CHECK3)
    (answer,) = [cell for cell in cells if cell.source == "model = ..."]
    cells.remove(answer)
    steps = plan(xor, [*cells, code("model = fit(X, y)")])
    assert steps[-1].exercise == "01.3" and steps[-1].kind == "check"


def test_a_deleted_check_without_ids(xor):
    cells, _ = edited(cells_of("solutions"), CHECK3)
    steps = plan(xor, [replace(cell, id="", grade_id="") for cell in cells])
    where = position(steps, lambda s: s.kind == "check" and s.exercise == "01.3")
    assert "model = MLPClassifier" in steps[where - 1].source or "model" in steps[where - 1].source
    assert steps[where + 1].source.startswith('# ck.hint("01.3")')


def test_nothing_but_the_answers(xor):
    """No id, no heading, no check: the answers alone, in one cell."""
    steps = plan(xor, [code("model = 1\nweights = 2")])
    assert steps[-1].kind == "check" and sorted(checks(steps)) == sorted(xor.checks)
    assert position(steps, lambda s: s.kind == "cell" and s.index == 0) < position(steps, lambda s: s.kind == "check")
    assert checks(plan(xor, [])) == list(xor.checks)


def test_roles(xor):
    cells = cells_of("solutions")
    (given,) = [i for i, cell in enumerate(cells) if cell.source.startswith("corners =")]
    cells[given] = replace(cells[given], source="corners = 3")
    steps = {step.index: step for step in plan(xor, cells)}
    assert steps[given].role == "own"
    assert next(s for s in steps.values() if 'ck.ready("01.2"' in s.source).role == "course"
    assert next(s for s in steps.values() if s.source.startswith("def backward")).role == "answer"
    assert next(s for s in steps.values() if s.source.startswith("def share_of_successes")).exercise == "01.3"


def test_the_exercise_of_an_own_cell_is_that_of_the_heading_above(xor):
    cells = [text("## 01.6 · my work"), code("a = 1"), text("# 01.99"), code("b = 1"), text("### 01.7"), code("c = 1")]
    found = {step.source: step.exercise for step in plan(xor, cells) if step.kind == "cell"}
    assert (found["a = 1"], found["b = 1"], found["c = 1"]) == ("01.6", "01.6", "01.7")


def test_metadata_gives_no_points(xor):
    """nbgrader's metadata from a submission is only a place; an id of another kind of cell is nothing."""
    cells = [code("x = 1", id="7cef0163", grade_id="check-01-8"), text("# no", id="92299057"), code("y", id="colab")]
    steps = plan(xor, cells)
    assert sorted(checks(steps)) == sorted(xor.checks)
    assert all(step.expressions == xor.checks[step.exercise] for step in steps if step.kind == "check")
    # A student's own code is run, whatever its id says.
    assert [step.index for step in steps if step.kind == "cell" and step.index >= 0] == [0, 2]


def test_the_install_cell_is_never_run(xor):
    install = next(cell for cell in xor.cells if cell.role == "install")
    moved = install.source.replace("coursekit-course/neural-networks", "another/fork")
    steps = plan(xor, [code(install.source, id="other"), code(moved), code(f"{moved}\nanswer = 1")])
    assert [step.kind for step in steps if step.index >= 0] == ["skip", "skip", "cell"]


# --- what the course gave and the student deleted


def test_a_deleted_setup_comes_back_before_its_first_use(xor):
    cells, _ = edited(cells_of(), "import coursekit as ck")
    steps = plan(xor, cells)
    assert (steps[0].kind, steps[0].index, steps[0].role) in [("skip", 2, "course"), ("cell", -1, "course")]
    back = [step for step in steps if step.index == -1 and step.kind == "cell"]
    assert [step.source[:22] for step in back] == ["import coursekit as ck"]
    first = position(steps, lambda s: s.index >= 0 and s.kind == "cell")
    assert position(steps, lambda s: s is back[0]) < first


def test_setup_and_data_come_back_in_order(xor):
    cells, _ = edited(cells_of(), "import coursekit as ck")
    cells, _ = edited(cells, "make_xor(n_samples=400")
    random.Random(3).shuffle(cells)
    steps = plan(xor, cells)
    back = [step.source for step in steps if step.index == -1 and step.kind == "cell"]
    assert [source[:12] for source in back] == ["import cours", "corners = np"]


def test_a_given_cell_that_nobody_uses_stays_away(xor):
    cells = [code("weights = ([[1, 1], [1, 1]], [0, -1], [1, -2], 0)")]
    back = "\n".join(step.source for step in plan(xor, cells) if step.kind == "cell" and step.index == -1)
    # The check of 01.7 looks at a given model, which needs the imports; nothing looks at the data.
    assert "epoch_model = " in back and "import coursekit" in back
    assert "make_xor" not in back and "def forward" not in back


def test_what_comes_back_overwrites_nothing(xor):
    """The student made X, y of their own and uses the corners of the deleted cell."""
    cells, _ = edited(cells_of(), "make_xor(n_samples=400")
    cells = [cells[0], code("import numpy as np\nX, y = np.ones((4, 2)), np.zeros(4)\n"), *cells[1:], code("corners")]
    back = [step.source for step in plan(xor, cells) if step.index == -1 and step.kind == "cell"]
    assert len(back) == 1 and "corners = " in back[0] and "make_xor" not in back[0]


def test_answers_never_come_back(xor):
    cells = [cell for cell in cells_of() if not cell.grade_id.startswith("answer")]
    steps = plan(xor, cells)
    assert not [step for step in steps if step.role == "answer"]
    assert not [step for step in steps if step.index == -1 and "..." in step.source and step.kind == "cell"]


# --- 200 mutilated notebooks


MUTATIONS = ("delete", "copy", "move", "edit", "id", "metadata", "kind", "split", "merge", "strip", "cut")


def mutilated(cells, rng):
    cells = list(cells)
    for _ in range(rng.randint(1, 40)):
        what = rng.choice(MUTATIONS)
        if not cells:
            break
        at = rng.randrange(len(cells))
        cell = cells[at]
        if what == "delete":
            cells.pop(at)
        elif what == "copy":
            cells.insert(rng.randint(0, len(cells)), cell)
        elif what == "move":
            cells.insert(rng.randint(0, len(cells) - 1), cells.pop(at))
        elif what == "edit":
            where = rng.randint(0, len(cell.source))
            noise = rng.choice(["\n", "x = (", "#", "\0", "model = 1\n", '"', "ck.check('01.3', 1)\n", "%time ", "é"])
            cells[at] = replace(cell, source=cell.source[:where] + noise + cell.source[where:])
        elif what == "id":
            cells[at] = replace(cell, id=rng.choice(["", "x", rng.choice(cells).id]))
        elif what == "metadata":
            cells[at] = replace(cell, grade_id=rng.choice(["", rng.choice(cells).grade_id]))
        elif what == "kind":
            cells[at] = replace(cell, kind=rng.choice(["code", "markdown", "raw"]))
        elif what == "split":
            lines = cell.source.splitlines(True)
            k = rng.randint(0, len(lines))
            cells[at : at + 1] = [replace(cell, source="".join(part)) for part in (lines[:k], lines[k:])]
        elif what == "merge":
            cells[at : at + 2] = [replace(cell, source="\n".join(c.source for c in cells[at : at + 2]))]
        elif what == "strip":
            cells = [replace(cell, id="") for cell in cells]
        elif what == "cut" and rng.random() < 0.2:
            cells = cells[: rng.randint(0, len(cells))]
    return cells


def test_two_hundred_mutilated_notebooks(all_notebooks):
    rng = random.Random(7)
    slowest = 0.0
    for round in range(200):
        notebook = rng.choice(list(all_notebooks.values()))
        cells = mutilated(cells_of(rng.choice(["notebooks", "solutions"]), notebook.name), rng)
        start = time.process_time()
        steps = plan(notebook, cells)
        slowest = max(slowest, time.process_time() - start)
        said = [step for step in steps if step.kind == "check"]
        assert sorted(step.exercise for step in said) == sorted(notebook.checks), round
        assert all(step.expressions == notebook.checks[step.exercise] for step in said), round
        # Every code cell once, in order; what is added is the course's.
        kept = [step.index for step in steps if step.index >= 0 and step.kind != "check"]
        assert kept == sorted(set(kept))
        there = {step.index for step in steps if step.index >= 0}
        assert there == {i for i, cell in enumerate(cells) if cell.kind == "code"}
        given = "\n".join(cell.source for cell in notebook.cells)
        for step in steps:
            if step.index == -1 and step.kind == "cell":
                assert all(line in given for line in step.source.splitlines()), step.source
        assert plan(notebook, cells) == steps
        answers(notebook, cells)
        remarks(notebook, cells)
        assert which(all_notebooks, cells) in (notebook.number, None) or len(cells) < 5, round
    assert slowest < 2


@pytest.mark.parametrize(
    "source",
    [
        "-" * 40_000 + "1", "(" * 40_000, "a" + ".b" * 20_000, "f" + "()" * 20_000, "1" + "+1" * 20_000, "x = 1\0",
        "ck.check('01.3', model)\n" * 2_000, "\ud800".encode("utf-8", "replace").decode() * 1_000, "y" * 3_000_000,
        "if 1:pass\n" + "elif 1:pass\n" * 4_000, "[" * 150 + "]" * 150, "%" * 40_000,
        "#######\n" * 6_000,
    ],
    ids=lambda source: source[:12],
)  # fmt: skip
def test_a_hostile_cell_is_only_a_cell(xor, all_notebooks, source):
    start = time.process_time()
    cells = [*cells_of(), code(source), text(source)]
    assert sorted(checks(plan(xor, cells))) == sorted(xor.checks)
    assert which(all_notebooks, cells) == "01"
    remarks(xor, cells), answers(xor, cells)
    assert time.process_time() - start < 5


def test_two_thousand_cells_of_noise_take_seconds(xor):
    rng = random.Random(0)
    cells = [code("".join(rng.choices("abc =\n()", k=400))) for _ in range(2_000)]
    start = time.process_time()
    assert sorted(checks(plan(xor, cells))) == sorted(xor.checks)
    assert time.process_time() - start < 10


# --- prose


def test_prose_that_is_new_or_changed(xor):
    cells = cells_of()
    (ask,) = [i for i, cell in enumerate(cells) if cell.source.startswith("## What did you observe")]
    cells[ask] = replace(cells[ask], source=cells[ask].source + "\n\nIt got stuck.")
    after2 = next(i for i, cell in enumerate(cells) if '# ck.hint("01.2")' in cell.source) + 1
    cells.insert(after2, text("Two units are enough."))
    cells[0] = replace(cells[0], source=cells[0].source.replace("coursekit-course", "fork"))
    cells.append(text("  \n"))
    assert answers(xor, cells) == [
        Answer("01.2", "Two units are enough."),
        Answer(list(xor.checks)[-1], "It got stuck."),
    ]


def test_white_space_is_no_answer(xor):
    cells = [replace(c, source=c.source.replace("\n", "  \n") + "\n\n") for c in cells_of() if c.kind != "code"]
    assert answers(xor, cells) == []


# --- which notebook it is


def test_a_renamed_notebook_is_known_by_its_cells(all_notebooks):
    for notebook in all_notebooks.values():
        cells = cells_of("solutions", notebook.name)
        bare = [replace(cell, id="", grade_id="") for cell in cells if "ck.check" not in cell.source]
        for mutated in (cells, bare, bare[3:]):
            assert which(all_notebooks, mutated, "04_mnist_cnn.ipynb") == notebook.number


def test_the_file_name_decides_only_a_tie(all_notebooks):
    tie = [code('ck.check("01.1", a)'), code('ck.check("04.1", b)')]
    assert which(all_notebooks, tie, "04_mnist_cnn.ipynb") == "04"
    assert which(all_notebooks, tie, "whatever.ipynb") == "01"
    assert which(all_notebooks, [code("x = 1")], "01_xor_mlp.ipynb") is None
    assert which(all_notebooks, list(parse(handed(name="playground")))) is None


# --- reading one file


def as_version_3():
    old = nbformat.v4.downgrade(nbformat.from_dict(json.loads(small())))
    return json.dumps(old).encode()


GOOD = {
    "plain": small(),
    "byte order mark": b"\xef\xbb\xbf" + small(),
    "utf-16": small().decode().encode("utf-16"),
    "utf-16 without mark": small().decode().encode("utf-16-le"),
    "utf-32": small().decode().encode("utf-32"),
    "latin": small(source="model = 1  # E").replace(b"# E", b"# \xe9"),
    "nan in metadata": small(metadata={"x": float("nan")}),
    "duplicate keys": small()[:-1] + b', "nbformat": 4}',
    "no metadata": json.dumps({"cells": [{"cell_type": "code", "source": ["model = 1"]}]}).encode(),
    "version as text": small(nbformat="4"),
    "minor version too": small(nbformat="4.5"),
    "version null": small(nbformat=None),
    "a later minor version": small(nbformat_minor=99),
    "version 3": as_version_3(),
    "odd cells": json.dumps(
        {"nbformat": 4, "cells": [None, 3, [], {}, {"cell_type": 7}, {"source": {"a": 1}}, {"metadata": [1], "id": 5},
                                  {"cell_type": "code", "source": ["model", 3, " = 1"]}]}
    ).encode(),
    "half a surrogate pair": small(source="model = 1 #\ud800"),
}  # fmt: skip


@pytest.mark.parametrize("form", GOOD)
def test_a_notebook_is_read(form):
    cells = parse(GOOD[form])
    assert any(cell.kind == "code" and cell.source.startswith("model = 1") for cell in cells)
    for cell in cells:
        assert isinstance(cell.id, str) and isinstance(cell.grade_id, str)
        cell.source.encode()


BAD = {
    "nothing": (b"", "empty"),
    "blank": (b" \n\n", "empty"),
    "zeros": (b"\0" * 1000, "empty"),
    "cut off": (handed()[:5000], "cut off"),
    "cut off in a word": (small()[:30], "cut off"),
    "half": (handed()[: len(handed()) // 2], "cut off"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "binary|no JSON"),
    "a zip": (b"PK\x03\x04" + bytes(range(128, 256)) * 20, "binary|no JSON"),
    "a page": (b"<!doctype html><html>", "no JSON"),
    "python": (b"import numpy as np\n", "no JSON"),
    "a list": (b"[1, 2]", "list, not a notebook"),
    "a number": (b"3", "int, not a notebook"),
    "no cells": (b'{"nbformat": 4}', "no list of cells"),
    "cells are no list": (b'{"nbformat": 4, "cells": {"a": 1}}', "no list of cells"),
    "version 5": (small(nbformat=5), "format is 5; 4 is expected"),
    "version 0": (small(nbformat=0), "format is 0"),
    "version nonsense": (small(nbformat="four"), "format is 'four'"),
    "version list": (small(nbformat=[4]), "format is a list"),
    "version infinite": (small(nbformat=float("inf")), "format is inf"),
    "version nan": (small(nbformat=float("nan")), "format is nan"),
    "version huge": (b'{"nbformat": ' + b"9" * 6000 + b"}", "format is 999"),
    "version deep": (b'{"nbformat": ' + b"[" * 900 + b"]" * 900 + b', "cells": []}', "format is a list|nested"),
    "broken version 3": (b'{"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code"}]}]}', "be brought to 4"),
    "deep": (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
    "deep objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
    "many objects": (b'{"cells": [' + b"{}," * 2_000_000 + b"{}]}", "at most 2000 are read"),
    "many cells": (json.dumps({"cells": [{"cell_type": "code"}] * 3000}).encode(), "3000 cells"),
    "much code": (small(source="x" * 4_000_000), "characters of code"),
    "too large": (b" " * (MAX_NOTEBOOK + 1), "at most 300 MB"),
}  # fmt: skip


@pytest.mark.parametrize("form", BAD)
def test_what_cannot_be_read_gets_one_sentence(form):
    data, match = BAD[form]
    with pytest.raises(Unreadable, match=match) as caught:
        parse(data)
    said = str(caught.value)
    assert said.endswith(".") and "\n" not in said and len(said) < 300 and "Traceback" not in said


def test_random_damage_raises_nothing_else():
    rng = random.Random(1)
    whole = handed()
    for _ in range(300):
        data = bytearray(whole[: rng.randint(0, len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(rng.randint(1, 20)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            cells = parse(bytes(data))
        except Unreadable as error:
            assert len(str(error)) < 300
        else:
            assert all(isinstance(cell, Cell) for cell in cells)


# --- the forms of hand-in


def students(found):
    return {(item.student, item.name, item.problem) for item in found}


FORMS = {
    "a folder per student": (
        {f"anna/{SLUG}.ipynb": small(), f"Ben Ö/week 1/deep/{SLUG}.ipynb": small()},
        {("anna", f"{SLUG}.ipynb"), ("Ben Ö", f"{SLUG}.ipynb")},
    ),
    "what is no hand-in": (
        {"anna/a.ipynb": small(), "anna/.ipynb_checkpoints/a-checkpoint.ipynb": small(), "anna/__MACOSX/._a.ipynb": b"",
         "anna/._a.ipynb": b"", ".git/x.ipynb": small(), "anna/notes.txt": b"", "__MACOSX/anna/a.ipynb": small(),
         "anna/~$a.ipynb": b""},
        {("anna", "a.ipynb")},
    ),
    "a flat folder": (
        {f"anna_{SLUG}.ipynb": small(), f"{SLUG} - Ben.ipynb": small(), "carl.ipynb": small(),
         f"Dora_{SLUG} (2).ipynb": small(), "01-xor-mlp-eve.ipynb": small(), "01_frank.ipynb": small(),
         "gina-01.ipynb": small(), f"{SLUG}_Hans-Copy1.ipynb": small(), "04b_your_own_digit_ida.ipynb": small()},
        {("anna", f"anna_{SLUG}.ipynb"), ("Ben", f"{SLUG} - Ben.ipynb"), ("carl", "carl.ipynb"),
         ("Dora", f"Dora_{SLUG} (2).ipynb"), ("eve", "01-xor-mlp-eve.ipynb"), ("frank", "01_frank.ipynb"),
         ("gina", "gina-01.ipynb"), ("Hans", f"{SLUG}_Hans-Copy1.ipynb"), ("ida", "04b_your_own_digit_ida.ipynb")},
    ),
    "Canvas": (
        {f"smithanna_12345_67890_{SLUG}.ipynb": small(), f"ben_LATE_222_333_{SLUG}-1.ipynb": small(),
         "van_der_berg_44_55_my_work_1_2.ipynb": small(), f"anon_AbCd1_678_{SLUG}.ipynb": small(),
         f"LATE_anon_XyZ99_679_{SLUG}.ipynb": small(), "smithanna_12345_99_text.html": b"x"},
        {("smithanna", f"{SLUG}.ipynb"), ("ben", f"{SLUG}-1.ipynb"), ("van_der_berg", "my_work_1_2.ipynb"),
         ("anon AbCd1", f"{SLUG}.ipynb"), ("anon XyZ99", f"{SLUG}.ipynb")},
    ),
    "Moodle": (
        {f"Anna Smith_12345_assignsubmission_file_/{SLUG}.ipynb": small(),
         f"Ben Ö_12346_assignsubmission_file/sub/{SLUG}.ipynb": small(),
         "Ben Ö_12346_assignsubmission_onlinetext_/onlinetext.html": b"x",
         f"Carl_77_assignsubmission_file_{SLUG}.ipynb": small(),
         "Participant_9_assignsubmission_file_/x.ipynb": small()},
        {("Anna Smith", f"{SLUG}.ipynb"), ("Ben Ö", f"{SLUG}.ipynb"), ("Carl", f"{SLUG}.ipynb"),
         ("Participant 9", "x.ipynb")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrapped", ["folder", "zip", "zip in a folder", "zip with a folder around"])
@pytest.mark.parametrize("form", FORMS)
def test_forms_of_hand_in(tmp_path, form, wrapped):
    files, wanted = FORMS[form]
    if wrapped == "folder":
        path = put(tmp_path / "handed in", files)
    elif wrapped == "zip":
        path = packed(tmp_path / "class.zip", files)
    elif wrapped == "zip in a folder":
        path = packed(tmp_path / "downloads" / "class.zip", files).parent
    else:
        path = packed(tmp_path / "class (1).zip", {f"class/{name}": data for name, data in files.items()})
    found = [item for item in read(path) if item.kind != "other"]
    assert {(item.student, item.name) for item in found} == wanted
    assert len({item.key for item in found}) == len(wanted)
    for item in found:
        assert item.problem == "" and parse(item.data)[0].source == "model = 1"
        assert item.key == "".join(c for c in item.key if c in "abcdefghijklmnopqrstuvwxyz0123456789-")
    late = {item.student for item in found if item.flags}
    assert late == ({"ben", "anon XyZ99"} if form == "Canvas" else set())


def test_one_notebook_alone(tmp_path):
    path = put(tmp_path / "anna", {f"{SLUG}.ipynb": small()})
    assert [item.student for item in read(path / f"{SLUG}.ipynb")] == ["anna"]
    assert [item.student for item in read(path)] == ["anna"]


def test_a_wrapped_download_in_a_folder(tmp_path):
    put(tmp_path, {f"hw1/anna_1_2_{SLUG}.ipynb": small(), f"hw1/ben_3_4_{SLUG}.ipynb": small()})
    assert {item.student for item in read(tmp_path)} == {"anna", "ben"}


@pytest.mark.parametrize("other", ["ben/work.json", "ben/work", "ben/work.py", f"ben_{SLUG}.json", f"ben_{SLUG}.py"])
def test_the_only_zip_beside_work_of_others_is_a_students(tmp_path, other):
    packed(tmp_path / "anna.zip", {"ben/x.ipynb": small(), "carl/x.ipynb": small()})
    put(tmp_path, {other: small()})
    assert {item.student for item in read(tmp_path)} == {"anna", "ben"}


def test_a_zip_in_a_students_folder(tmp_path):
    inner = packed(tmp_path / "x" / "work.zip", {f"deep/{SLUG}.ipynb": small(), "__MACOSX/a.ipynb": b""})
    files = {"anna/work.zip": inner.read_bytes(), f"ben/{SLUG}.ipynb": small(), "carl.zip": inner.read_bytes()}
    for path in (put(tmp_path / "class", files), packed(tmp_path / "all.zip", files)):
        found = read(path)
        assert {item.student for item in found} == {"anna", "ben", "carl"}
        assert all(parse(item.data)[0].source == "model = 1" for item in found)
        assert next(i for i in found if i.student == "anna").source == f"anna/work.zip/deep/{SLUG}.ipynb"


def test_what_lies_beside_a_notebook_in_a_zip_comes_along(tmp_path):
    files = {"x/a.ipynb": small(), "x/mine.py": b"y = 1", "x/.git": b"", "other.py": b"", "x/deep/b.py": b"",
             "x/b.ipynb": small(), f"x/{'n' * 300}.py": b"", "x/large.bin": bytes(submissions.MAX_COMPANIONS + 1),
             "x/..": b"", "x/": b""}  # fmt: skip
    inner = packed(tmp_path / "work.zip", files).read_bytes()
    anna = put(tmp_path / "anna", {"work.zip": inner, "ben/z.ipynb": small()})
    inner = packed(tmp_path / "class.zip", {"carl/work.zip": inner, "ben/z.ipynb": small(), "ben/mine.py": b"y = 1"})
    for path, count in ((anna, 2), (inner, 3)):
        whole = [item for item in read(path) if not item.problem]
        found = [submissions.companions(item) for item in whole if item.name != "z.ipynb" or item.members]
        assert len(found) == count and all(one == {"mine.py": b"y = 1"} for one in found)
    flat = packed(tmp_path / "flat.zip", {"anna_01.ipynb": small(), "ben_01.ipynb": small(), "ben.py": b""})
    assert [submissions.companions(item) for item in read(flat) if not item.problem] == [{}, {}]


def test_a_zip_in_a_zip_in_a_zip(tmp_path):
    deepest = packed(tmp_path / "c" / "c.zip", {"a.ipynb": small()})
    middle = packed(tmp_path / "b" / "b.zip", {"c.zip": deepest.read_bytes()})
    found = read(put(tmp_path / "class", {"anna/b.zip": middle.read_bytes(), "ben/a.ipynb": small()}))
    assert [item.problem for item in found] == ["`anna/b.zip/c.zip`, a zip in a zip, was not opened.", ""]


def test_a_file_name_makes_nobody_another_student(tmp_path):
    """Only the first part of a path says whose a file is."""
    put(tmp_path, {"anna/ben_1_2_x.ipynb": small(), "anna/ben_9_assignsubmission_file_/x.ipynb": small(),
                   "ben/x.ipynb": small()})  # fmt: skip
    assert {(item.student, item.ident) for item in read(tmp_path)} == {("anna", ""), ("ben", "")}


def test_the_same_name_twice(tmp_path):
    put(tmp_path, {"A B_1_assignsubmission_file_/x.ipynb": small(), "A B_2_assignsubmission_file_/x.ipynb": small()})
    assert {item.student for item in read(tmp_path)} == {"A B (1)", "A B (2)"}
    assert len({item.key for item in read(tmp_path)}) == 2


def test_upper_and_lower_case_are_one_student(tmp_path):
    put(tmp_path, {f"Anna_{SLUG}.ipynb": small(), "04_anna.ipynb": small(exercise="04.1")})
    assert {item.key for item in read(tmp_path)} == {"anna"}


def test_two_folders_are_two_students_however_alike_their_names(tmp_path):
    for name in ("Max", "max", "Anna Weiss", "Anna Weiß", "Ben"):
        put(tmp_path, {f"{name}/{SLUG}.ipynb": small()})
    keys = {item.student: item.key for item in read(tmp_path)}
    assert len(set(keys.values())) == 5 and keys["Ben"] == "ben"
    assert keys == {item.student: item.key for item in read(tmp_path)}


# --- names


@pytest.mark.parametrize(
    "name, key",
    [("anna", "anna"), ("Anna", "anna"), ("anna-2", "anna-2"), ("Anna Smith", "anna-smith-"), ("zoë", "zoe-"),
     ("王", "student-"), ("..", "student-"), ("=HYPERLINK(1)", "hyperlink-1-"), ("con", "con-"), ("", "student-"),
     ("a--b", "a-b-"), ("anna-0123abcd", "anna-0123abcd-"), ("x" * 300, "x" * 40 + "-"), ("a/b", "a-b-")],
)  # fmt: skip
def test_keys_are_safe(name, key):
    made = owner.student_key(name)
    assert made == key or (key.endswith("-") and made.startswith(key) and len(made) == len(key) + 8), made
    assert "--" not in made and len(made) <= 49


def test_keys_differ_where_names_do():
    people = ["a b", "a-b", "a_b", "a.b", "ab", "ä b", "a  b", "a b ", "A B", "a/b", "=a b", "zoe", "zoë", "ZOË", "zoé"]
    keys = {name: owner.student_key(name) for name in people}
    same = {("a b", "a b "), ("a b", "A B"), ("zoë", "ZOË"), ("a b ", "A B")}
    for one in people:
        for other in people:
            if one < other or (one != other and (one, other) in same):
                alike = one.casefold().strip() == other.casefold().strip()
                assert (keys[one] == keys[other]) == alike, (one, other)


# --- hostile files and zips


def zip_with(path, name, data=b"", mode=None, **more):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED
        if mode is not None:
            info.create_system, info.external_attr = 3, mode << 16
        archive.writestr(info, data)
        for other, content in more.items():
            archive.writestr(f"{other}/a.ipynb", content)
    return path


@pytest.mark.parametrize(
    "name, owner",
    [("../anna/a.ipynb", "anna"), ("anna/../../ben/a.ipynb", "anna"), ("/etc/a.ipynb", "etc"),
     ("C:\\anna\\a.ipynb", "anna"), ("..\\..\\anna\\a.ipynb", "anna")],
)  # fmt: skip
def test_a_zip_that_points_outside(tmp_path, name, owner):
    found = read(zip_with(tmp_path / "class.zip", name, small(), zed=small()))
    bad = [item for item in found if item.problem]
    assert [item.student for item in bad] == [owner] and "points out of its folder" in bad[0].problem
    assert [item.student for item in found if not item.problem] == ["zed"]
    with pytest.raises(Unreadable):
        bad[0].data  # noqa: B018
    assert sorted(os.listdir(tmp_path)) == ["class.zip"]


def test_a_link_in_a_zip(tmp_path):
    found = read(zip_with(tmp_path / "class.zip", "anna/a.ipynb", b"/etc/passwd", stat.S_IFLNK | 0o777, ben=small()))
    assert [item.problem for item in found] == [
        "`anna/a.ipynb` is a link, and links are not followed. Hand in the file itself.", "",
    ]  # fmt: skip


def test_a_zip_bomb(tmp_path):
    bomb = zip_with(tmp_path / "bomb.zip", "a.ipynb", b" " * 20_000_000)
    found = read(put(tmp_path / "class", {"anna/work.zip": bomb.read_bytes(), "ben/a.ipynb": small()}))
    assert "would unpack from" in found[0].problem and found[1].problem == ""


def test_a_zip_bomb_that_lies_about_its_size(tmp_path):
    path = zip_with(tmp_path / "class.zip", "anna/a.ipynb", b" " * 40_000_000)
    data = path.read_bytes()
    path.write_bytes(data.replace((40_000_000).to_bytes(4, "little"), (900_000).to_bytes(4, "little")))
    (item,) = read(path)
    with pytest.raises(Unreadable):
        item.data  # noqa: B018


@pytest.mark.parametrize("flag", ["password", "method", "checksum"])
def test_a_zip_that_cannot_be_unpacked(tmp_path, flag):
    path = zip_with(tmp_path / "class.zip", "anna/a.ipynb", small(), ben=small())
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\x01\x02")
    if flag == "password":
        data[6] |= 1
        data[central + 8] |= 1
    elif flag == "method":
        data[8] = data[central + 10] = 99
    else:
        data[central + 16] ^= 0xFF
        data[14] ^= 0xFF
    path.write_bytes(bytes(data))
    found = read(path)
    assert [item.student for item in found] == ["anna", "ben"]
    with pytest.raises(Unreadable, match="password|cannot be read"):
        parse(found[0].data)
    assert parse(found[1].data)


def test_broken_zips_of_students(tmp_path):
    good = packed(tmp_path / "x" / "good.zip", {"a.ipynb": small()}).read_bytes()
    files = {"anna/w.zip": b"PK nonsense", "ben/w.zip": good[: len(good) // 2], "carl/w.zip": b"", "dora/w.zip": good,
             "eve/w.zip": packed(tmp_path / "x" / "e.zip", {"notes.txt": b""}).read_bytes()}  # fmt: skip
    found = {item.student: item.problem for item in read(put(tmp_path / "class", files))}
    assert found.pop("dora") == "" and "`eve/w.zip/notes.txt` is a text." in found.pop("eve")
    assert all("no zip that can be read" in problem for problem in found.values()) and len(found) == 3


def test_many_members(tmp_path):
    many = packed(tmp_path / "x" / "m.zip", {f"{i}.ipynb": b"" for i in range(archives.MAX_INNER_MEMBERS + 1)})
    found = read(put(tmp_path / "class", {"anna/w.zip": many.read_bytes(), "ben/a.ipynb": small()}))
    assert "has more files than" in found[0].problem and found[1].problem == ""


def test_one_file_named_a_million_times_takes_no_time(tmp_path):
    data = packed(tmp_path / "one.zip", {"a": b""}).read_bytes()
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    names = data[start:end] * 1_000_000
    data = data[:start] + names + data[end : end + 12] + struct.pack("<II", len(names), start) + data[end + 20 :]
    folder = put(tmp_path / "class", {"anna/w.zip": data, "ben/a.ipynb": small()})
    begun = time.perf_counter()
    found = read(folder)
    assert time.perf_counter() - begun < 2
    assert "has more files than" in found[0].problem and found[1].problem == ""


def test_a_student_with_very_many_files(tmp_path):
    files = {f"anna/{i:04}.ipynb": small() for i in range(submissions.MAX_FILES_OF_ONE + 30)}
    found = read(put(tmp_path, {**files, "ben/a.ipynb": small()}))
    assert len(found) == submissions.MAX_FILES_OF_ONE + 2
    assert [item.problem[:20] for item in found if item.problem] == ["More than 200 files "]


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need rights here")
def test_links_are_never_followed(tmp_path):
    put(tmp_path, {"secret/key.ipynb": small(source="model = 'secret'")})
    put(tmp_path / "class", {"ben/a.ipynb": small()})
    (tmp_path / "class" / "anna").mkdir()
    (tmp_path / "class" / "anna" / "a.ipynb").symlink_to(tmp_path / "secret" / "key.ipynb")
    (tmp_path / "class" / "carl").symlink_to(tmp_path / "secret", target_is_directory=True)
    (tmp_path / "class" / "dora").mkdir()
    (tmp_path / "class" / "dora" / "loop").symlink_to(tmp_path / "class", target_is_directory=True)
    (tmp_path / "class" / "eve").mkdir()
    (tmp_path / "class" / "eve" / "a.ipynb").symlink_to("../ben/a.ipynb")
    found = {item.student: item.problem for item in read(tmp_path / "class")}
    assert found.pop("ben") == ""
    assert set(found) >= {"anna", "dora", "eve"} and all("is a link" in problem for problem in found.values())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_and_a_late_link_do_not_hang(tmp_path):
    put(tmp_path / "class", {"anna/a.ipynb": small(), "ben/a.ipynb": small()})
    found = read(tmp_path / "class")
    os.mkfifo(tmp_path / "class" / "ben" / "b.ipynb")
    (again,) = [item for item in read(tmp_path / "class") if item.problem]
    assert "no ordinary file" in again.problem
    (tmp_path / "class" / "anna" / "a.ipynb").unlink()
    (tmp_path / "class" / "anna" / "a.ipynb").symlink_to("/etc/hostname")
    with pytest.raises(Unreadable, match="cannot be read"):
        found[0].data  # noqa: B018


def test_a_notebook_that_is_too_large_is_not_read(tmp_path):
    put(tmp_path, {"ben/a.ipynb": small(), "anna/a.ipynb": b""})
    with open(tmp_path / "anna" / "a.ipynb", "wb") as stream:
        stream.truncate(MAX_NOTEBOOK + 1)
    found = read(tmp_path)
    assert "at most 300 MB are read" in found[0].problem and found[1].problem == ""


def test_odd_file_names(tmp_path):
    files = {'=HYPERLINK("x")/a.ipynb': small(), "<script>alert(1)</script>.ipynb": small(), "a\nb/a.ipynb": small()}
    if os.name == "nt":
        pytest.skip("names that this system does not take")
    put(tmp_path, {name.replace("</", "<_"): data for name, data in files.items()})
    (tmp_path / os.fsdecode(b"caf\xe9")).mkdir()
    (tmp_path / os.fsdecode(b"caf\xe9") / "a.ipynb").write_bytes(small())
    found = read(tmp_path)
    assert {item.student for item in found} == {
        '=HYPERLINK("x")', "<script>alert(1)<_script>", "a\ufffdb", "caf?",
    }  # fmt: skip
    for item in found:
        item.student.encode(), item.source.encode()
        assert parse(item.data)


def test_names_from_a_mac(tmp_path):
    """UTF-8 without the flag that says so."""
    path = packed(tmp_path / "class.zip", {"Zoë/a.ipynb": small(), "b/a.ipynb": small()})
    data = path.read_bytes()
    raw = bytearray(data)
    for mark, offset in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        raw[data.index(mark) + offset] &= ~0x08 & 0xFF
    path.write_bytes(bytes(raw))
    assert {item.student for item in read(path)} == {"Zoë", "b"}


# --- nothing to grade


def test_nothing_to_grade(tmp_path):
    (tmp_path / "empty").mkdir()
    put(tmp_path / "other", {"anna/notes.txt": b"x"})
    put(tmp_path, {"notes.txt": b"x", "broken.zip": b"not a zip", "zero.zip": b"", "broken2/class.zip": b"PK"})
    packed(tmp_path / "empty.zip", {})
    packed(tmp_path / "texts.zip", {"anna/notes.txt": b"x"})
    packed(tmp_path / "folders.zip", {"anna/": b""})
    wanted = {
        "missing": "There is no `missing`.", "empty": "`empty` is empty.", "other": "`other` holds no notebook",
        "notes.txt": "`notes.txt` is neither a folder nor a .zip nor an .ipynb.",
        "broken.zip": "`broken.zip` is no zip that can be read", "zero.zip": "`zero.zip` is no zip that can be read",
        "empty.zip": "`empty.zip` is empty", "texts.zip": "`texts.zip` holds no notebook",
        "folders.zip": "`folders.zip` is empty", "broken2": "`class.zip` is no zip that can be read",
    }  # fmt: skip
    for name, begins in wanted.items():
        with pytest.raises(SubmissionsError) as caught:
            read(tmp_path / name)
        said = str(caught.value)
        assert said.startswith(begins) and said.endswith(".") and "\n" not in said, said
        assert str(tmp_path) not in said


@pytest.mark.skipif(os.name == "nt", reason="links need rights here")
def test_a_link_that_leads_nowhere_or_in_circles(tmp_path):
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name in ("gone", "circle"):
        with pytest.raises(SubmissionsError, match="cannot be opened"):
            read(tmp_path / name)
    # The instructor's own link to the class is followed.
    put(tmp_path / "class", {"anna/a.ipynb": small()})
    (tmp_path / "link").symlink_to(tmp_path / "class")
    assert [item.student for item in read(tmp_path / "link")] == ["anna"]


@pytest.mark.parametrize("name", ["a\0b", "x" * 5_000, "", "~nobody/x"])
def test_impossible_paths(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SubmissionsError) as caught:
        read(name)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


# --- which file counts


def test_the_newest_counts_in_a_folder(tmp_path, all_notebooks):
    put(tmp_path, {"anna/z_old.ipynb": small("model = 1"), "anna/a_new.ipynb": small("model = 2")})
    os.utime(tmp_path / "anna" / "z_old.ipynb", (1e9, 1e9))
    (item,) = choose(read(tmp_path), all_notebooks)
    assert (item.name, item.number, item.problem) == ("a_new.ipynb", "01", "")
    assert [flag.code for flag in item.flags] == ["several"]
    assert "handed in 2 times" in item.flags[0].message and "anna/z_old.ipynb" in item.flags[0].message


def test_the_last_resubmission_counts_in_canvas(tmp_path, all_notebooks):
    base = "anna_5_{}_" + SLUG + "{}.ipynb"
    files = {base.format(100, "-10"): small("model = 10"), base.format(100, "-2"): small("model = 2"),
             base.format(100, ""): small("model = 0"), base.format(99, "-11"): small("model = 11")}  # fmt: skip
    (item,) = choose(read(packed(tmp_path / "class.zip", files)), all_notebooks)
    assert item.name == f"{SLUG}-10.ipynb"


def test_a_broken_file_displaces_no_good_one(tmp_path, all_notebooks):
    put(tmp_path, {"anna/a.ipynb": small(), "anna/b.ipynb": small()[:40], "anna/play.ipynb": handed(name="playground"),
                   "ben/b.ipynb": small()[:40], "carl/play.ipynb": handed(name="playground")})  # fmt: skip
    os.utime(tmp_path / "anna" / "a.ipynb", (1e9, 1e9))
    anna, ben, carl = choose(read(tmp_path), all_notebooks)
    assert (anna.number, anna.name, [flag.code for flag in anna.flags]) == ("01", "a.ipynb", ["unread"])
    assert "cut off" in ben.problem and carl.problem == "`play.ipynb` holds no exercise of the course."


def test_a_broken_file_is_the_notebook_that_its_name_says(tmp_path, all_notebooks):
    """So that its result takes the place of what the student had handed in before."""
    put(tmp_path, {f"anna/{SLUG}.ipynb": small()[:40], "ben/01.ipynb": small()[:40],
                   f"carl/Copy of {SLUG.upper()} (1).ipynb": handed(name="playground")})  # fmt: skip
    assert [(item.number, bool(item.problem)) for item in choose(read(tmp_path), all_notebooks)] == [
        ("01", True), ("", True), ("01", True),
    ]  # fmt: skip


def test_one_notebook_is_asked_for(tmp_path, all_notebooks):
    put(tmp_path, {"anna/a.ipynb": small(), "anna/b.ipynb": small(exercise="04.1"),
                   "ben/b.ipynb": small(exercise="04.1"), "carl/a.ipynb": small()})  # fmt: skip
    found = choose(read(tmp_path), all_notebooks, "01")
    assert [(item.student, item.number, bool(item.problem)) for item in found] == [
        ("anna", "01", False), ("ben", "01", True), ("carl", "01", False),
    ]  # fmt: skip
    assert found[1].problem == "Notebook 01 was not handed in; 04 was."
    assert [(item.student, item.number) for item in choose(read(tmp_path), all_notebooks)] == [
        ("anna", "01"), ("anna", "04"), ("ben", "04"), ("carl", "01"),
    ]  # fmt: skip


def test_the_order_is_the_same_every_time(tmp_path, all_notebooks):
    files = {f"s{i}_{SLUG}.ipynb": small() for i in range(30)}
    path = packed(tmp_path / "class.zip", files)
    once = choose(read(path), all_notebooks)
    assert once == choose(read(path), all_notebooks) and len(once) == 30


def test_matching_gives_every_cell_of_the_course_once(xor):
    cells = cells_of()
    found = match(xor, [*cells, *cells])
    assert found[: len(cells)] == list(range(len(cells))) and set(found[len(cells) :]) == {None}


def test_expressions_are_plain_names(all_notebooks):
    """So that judging one runs no code of its own in the student's process."""
    for notebook in all_notebooks.values():
        for expressions in notebook.checks.values():
            for text_ in expressions.values():
                assert isinstance(ast.parse(text_, mode="eval").body, ast.Name)


RUN = """
import json, sys
import matplotlib
matplotlib.use("Agg")
from coursekit.checks import framework
from coursekit.checks.server import local_student
from coursekit.grading.intake.notebook import parse
from coursekit.grading.plan import course
from coursekit.grading.plan.steps import plan

notebook = course.load("00")
cells = parse(open(sys.argv[1], "rb").read())
space, scores = {"display": print}, {}
for step in plan(notebook, cells):
    if step.kind == "cell":
        try:
            exec(compile(step.source, f"cell {step.index}", "exec"), space)
        except Exception as error:
            print(type(error).__name__, error, step.source[:60], file=sys.stderr)
    elif step.kind == "check":
        objects = {need: space[name] for need, name in step.expressions.items() if name in space}
        report = framework.judge(framework.get_exercise(step.exercise), local_student(objects), seed=1)
        scores[step.exercise] = [report.score, report.points]
print("SCORES", json.dumps(scores))
"""


def harmed(how):
    """The solution of notebook 00, harmed in a way that leaves its answers right."""
    said = json.loads(handed("solutions", "00_one_neuron"))
    cells = said["cells"]
    for cell in cells:
        if "ids" in how:
            cell.pop("id", None)
        if "metadata" in how:
            cell["metadata"] = {}
    asks = [cell for cell in cells if "ck.check(" in "".join(cell["source"])]
    given = [cell for cell in cells if "import coursekit" in "".join(cell["source"])]
    given += [cell for cell in cells if cell["cell_type"] == "code" and "ck.data." in "".join(cell["source"])][:1]
    gone = (asks if "checks" in how else []) + (given if "setup" in how else [])
    said["cells"] = [cell for cell in cells if cell not in gone]
    if "prose" in how:
        said["cells"] = [cell for cell in said["cells"] if cell["cell_type"] == "code"]
    return json.dumps(said).encode()


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", ["", "ids", "checks", "ids metadata checks", "setup", "ids metadata checks setup prose"]
)
def test_right_answers_keep_their_points_whatever_happens_to_the_notebook(tmp_path, how):
    (tmp_path / "a.ipynb").write_bytes(harmed(how))
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path / "a.ipynb")], capture_output=True, text=True, cwd=root(), timeout=120
    )
    scores = json.loads(done.stdout.rpartition("SCORES ")[2])
    assert len(scores) == len(framework.exercises_in("00")) and all(
        score == points for score, points in scores.values()
    ), (scores, done.stderr[-2000:])
