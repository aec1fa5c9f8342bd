"""The builder: what it derives, and what it refuses."""

import json
import re
import shutil

import nbformat
import pytest

from coursekit import build, place
from coursekit.checks import framework
from coursekit.gallery import gallery

SOURCE = '''# %% [markdown]
# # 01 · A title
#
# One sentence.

# %%
import coursekit as ck

# %%
def double(x):
    """Twice x."""
    # [solution]
    sum_of_two = x + x  # no multiplication needed
    return sum_of_two
    # [stub]
    # # add x to itself
    # return ...
    # [end]

# %%
ck.check("01.3", double)

# %% tags=["solution"]
print("a wrong way:", double("x"))

# %% [markdown] tags=["solution"]
# Why it is so.

# %% tags=["claim"]
assert double(2) == 4, "Twice two is four."

# %% [markdown] tags=["reason"]
# **The reason.** Twice is a sum.
'''


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "course").mkdir()
    shutil.copy(build.root() / "pyproject.toml", tmp_path)
    (tmp_path / "course" / "01_small.py").write_text(SOURCE, encoding="utf-8")
    return tmp_path


def built(checkout, kind="notebooks"):
    build.build(folder=checkout)
    return nbformat.read(checkout / kind / "01_small.ipynb", as_version=4)


def refuse(checkout, old, new, match):
    text = SOURCE.replace(old, new)
    assert text != SOURCE
    (checkout / "course" / "01_small.py").write_text(text, encoding="utf-8")
    with pytest.raises(build.BuildError, match=match):
        build.build(folder=checkout)


def test_the_committed_notebooks_are_what_the_sources_give():
    assert build.build(check=True) == []
    assert (build.root() / "docs" / "gallery.md").read_text(encoding="utf-8") == gallery()


def test_the_table_of_lectures_names_exercises_that_there_are():
    named = re.findall(r"\b\d\d[bc]?\.\d+", (place.folder() / "docs" / "lectures.md").read_text())
    there = {exercise.id for number in framework.notebooks() for exercise in framework.exercises_in(number)}
    assert len(named) > 100 and set(named) <= there


def test_stub_and_solution(checkout):
    student, solution = ("\n".join(c.source for c in built(checkout, k).cells) for k in ("notebooks", "solutions"))
    assert "    # add x to itself\n    return ..." in student and "x + x" not in student and "Why it" not in student
    assert "sum_of_two = x + x" in solution and "..." not in solution and "Why it is so" in solution
    for text in (student, solution):
        assert "[stub]" not in text and "[solution]" not in text and "[end]" not in text


def test_a_reason_is_folded_in_the_student_notebook(checkout):
    student, solution = (built(checkout, kind).cells[-1].source for kind in ("notebooks", "solutions"))
    assert solution == "**The reason.** Twice is a sum."
    assert student.startswith("<details>\n<summary><b>The reason</b>") and "\n\nTwice is a sum.\n\n" in student


def test_a_claim_stands_in_neither_notebook(checkout):
    assert all(
        "Twice two" not in cell.source for kind in ("notebooks", "solutions") for cell in built(checkout, kind).cells
    )
    cells = build.with_claims(checkout / "course" / "01_small.py").cells
    assert any("Twice two" in cell.source and "x + x" not in cell.source for cell in cells)


def test_a_reason_without_a_heading_is_refused(checkout):
    refuse(checkout, "# **The reason.** Twice", "# Twice", "heading in bold")


def test_ids_are_shared_and_survive_an_edit_elsewhere(checkout):
    before = {cell.id for cell in built(checkout).cells}
    assert before < {cell.id for cell in built(checkout, "solutions").cells}
    (checkout / "course" / "01_small.py").write_text(SOURCE.replace("One sentence", "Another"), encoding="utf-8")
    assert len(before & {cell.id for cell in built(checkout).cells}) == len(before) - 1


def test_graded_cells_carry_nbgraders_metadata(checkout):
    marked = {
        c.metadata.nbgrader.grade_id: c.metadata.nbgrader for c in built(checkout).cells if "nbgrader" in c.metadata
    }
    answer, check = marked.values()
    assert (answer.solution, answer.grade, answer.locked) == (True, False, False)
    assert (check.solution, check.grade, check.locked, check.points) == (
        False,
        True,
        True,
        framework.get_exercise("01.3").points,
    )
    assert all(item.schema_version == 3 and item.task is False for item in marked.values())


def test_no_outputs_and_stable_bytes(checkout):
    built(checkout)
    path = checkout / "solutions" / "01_small.ipynb"
    before = path.read_bytes()
    path.unlink()
    build.build(folder=checkout)
    assert path.read_bytes() == before
    cells = json.loads(before)["cells"]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)


def test_check_writes_nothing_and_names_what_differs(checkout):
    built(checkout)
    path = checkout / "notebooks" / "01_small.ipynb"
    path.write_bytes(path.read_bytes() + b" ")
    assert build.build(check=True, folder=checkout) == [path]
    assert path.read_bytes().endswith(b" ")


def test_repository_is_rewritten_everywhere(checkout):
    names = ("README.md", "CITATION.cff", "docs/places.md", "docs/classroom.yml", "docs/hub.Dockerfile")
    for name in names:
        (checkout / name).parent.mkdir(exist_ok=True)
        shutil.copy(build.root() / name, checkout / name)
    build.build(folder=checkout, repository="someone/else")
    assert build.settings(checkout)["repository"] == "someone/else"
    for name in names:
        text = (checkout / name).read_text(encoding="utf-8")
        assert "coursekit-course" not in text and "cd neural-networks" not in text, name
    text = (checkout / "notebooks" / "01_small.ipynb").read_text(encoding="utf-8")
    assert "someone/else/blob/main/notebooks/01_small.ipynb" in text and "coursekit-course" not in text


@pytest.mark.parametrize("address", ["someone", "a b/c", "https://x/y/z", ""])
def test_a_bad_repository_is_refused(checkout, address):
    with pytest.raises(build.BuildError, match="OWNER/NAME"):
        build.build(folder=checkout, repository=address)


@pytest.mark.parametrize("missing", ["    # [solution]\n", "    # [stub]\n", "    # [end]\n"])
def test_unbalanced_markers_are_refused(checkout, missing):
    refuse(checkout, missing, "", "unbalanced")


def test_a_solution_line_that_survives_is_refused(checkout):
    refuse(checkout, "# return ...", "# sum_of_two = x + x\n    # return ...", "survives")


def test_a_solution_line_in_another_cell_is_refused(checkout):
    refuse(checkout, "import coursekit as ck", "import coursekit as ck\nx = 1\nsum_of_two = x+x", "survives|markers")


def test_two_empty_stubs_in_a_row_are_refused(checkout):
    empty = "# %%\n# [solution]\na = 1\n# [stub]\n#\n# [end]\n\n"
    refuse(checkout, '# %%\nck.check("01.3"', empty + empty + '# %%\nck.check("01.3"', "two empty stubs")


@pytest.mark.parametrize("line", ["%matplotlib inline", "%%time", "!ls", "!pip install x", "?print"])
def test_magics_and_shell_lines_are_refused(checkout, line):
    # In the percent format a magic stands as a comment, which jupytext turns back into the magic.
    refuse(checkout, "# %%\nimport coursekit as ck\n", f"# %%\n# {line}\n", "magic")


def test_input_is_refused(checkout):
    refuse(checkout, "import coursekit as ck", 'import coursekit as ck\nname = input("?")', "input")


def test_raises_exception_is_refused(checkout):
    refuse(checkout, '# %%\nck.check("01.3"', '# %% tags=["raises-exception"]\nck.check("01.3"', "raises-exception")


def test_a_stub_that_is_not_commented_is_refused(checkout):
    refuse(checkout, "    # return ...", "    return ...", "not commented")


def test_a_stub_that_is_no_python_is_refused(checkout):
    refuse(checkout, "    # return ...", "    # return (", "not valid Python")


def test_a_marked_cell_without_a_check_is_refused(checkout):
    refuse(checkout, 'ck.check("01.3", double)', "double(2)", "no ck.check")


def test_cells_of_more_than_25_lines_are_refused(checkout):
    refuse(checkout, "import coursekit as ck", "import coursekit as ck\n" + "x = 1\n" * 25, "26 lines")


def test_an_unknown_name_is_refused():
    with pytest.raises(build.BuildError, match="no notebook .77"):
        build.sources(["77"])


@pytest.mark.parametrize(
    "source", [path for path in build.sources() if path.stem[0].isdigit()], ids=lambda path: path.stem
)
def test_source_and_checks_declare_the_same_exercises(source):
    number = source.stem.split("_")[0]
    assert build.exercises(source) == [item.id for item in framework.exercises_in(number)]
    text = source.read_text(encoding="utf-8")
    for item in framework.exercises_in(number):
        assert f'ck.expected("{item.id}")' in text, f"{item.id} shows no expected result"
        assert f'ck.hint("{item.id}")' in text, f"{item.id} offers no hint"
        assert re.search(rf"(?m)^# ##+ {re.escape(item.id)} · ", text), f"{item.id} has no heading"
