"""Derive the student and the solution notebook from the one source of each, course/NN_slug.py.

The source is a script in jupytext's percent format. It runs as it is: it is the solution. Between markers stand the
solution and, commented out, the stub that takes its place in the student notebook::

    # [solution]
    w = np.linalg.solve(X.T @ X, X.T @ y)
    # [stub]
    # w = ...
    # [end]

A cell tagged "solution" stands in the solution notebook only. A markdown cell tagged "reason" says why a result is as
it is; the student notebook folds it away under its first words in bold. A cell that calls ``ck.check("01.3", ...)`` is
the graded cell of exercise 01.3; the marked cells before it are its answer. A cell tagged "claim" stands in neither
notebook: it asserts what the text says of a run, and benchmarks/record.py asks it over many seeds.
"""

import ast
import hashlib
import re
import sys
from pathlib import Path

from coursekit import place

SOLUTION, STUB, END = "# [solution]", "# [stub]", "# [end]"
MAX_LINES = 25
CHECK = re.compile(r'ck\.check\("([0-9]+[a-z]?\.[0-9]+)"')


class BuildError(ValueError):
    """The source breaks a rule of the builder. The message names the file, the cell and the rule."""


def root():
    """The checkout that this package belongs to."""
    return Path(__file__).resolve().parents[1]


def settings(folder=None):
    """The table [tool.coursekit] of pyproject.toml: repository, branch."""
    import tomllib

    text = ((folder or root()) / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["tool"]["coursekit"]


def build(names=None, check=False, repository=None, folder=None):
    """Write, or compare, the notebooks of the sources.

    Parameters
    ----------
    names : list of str, optional
        Numbers or slugs ("01", "01_xor_mlp"); all sources where not given.
    check : bool
        Compare with what is committed, write nothing.
    repository : str, optional
        "OWNER/NAME": rewrite the address in pyproject.toml first.
    folder : Path, optional
        The course; see `coursekit.place` where not given.

    Returns
    -------
    list of Path
        The notebooks that were written or, with `check`, that differ.
    """
    folder = Path(folder or place.folder())
    if repository is not None:
        set_repository(folder, repository)
    changed = []
    for source in sources(names, folder):
        for path, text in derive(source, folder).items():
            changed += _written(path, text, check)
    return changed


def _written(path, text, check):
    """The path, in a list, where its text is another one; then, unless it is only to `check`, the text is written."""
    if path.exists() and path.read_bytes() == text.encode():
        return []
    if not check:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
    return [path]


def sources(names=None, folder=None):
    """The source files of the named notebooks, in order."""
    every = sorted((Path(folder or place.folder()) / "course").glob("*.py"))
    if not names:
        return every
    chosen = []
    for name in names:
        plain = re.sub(r"\.ipynb$", "", name).split("/")[-1]  # a path to the notebook names it as well
        number = plain.zfill(2) if plain.isdigit() else plain
        found = [path for path in every if plain == path.stem or number == path.stem.split("_")[0]]
        if not found:
            numbers = [path.stem.split("_")[0] for path in every if path.stem[0].isdigit()]
            raise BuildError(f"There is no notebook {name!r}. There are: {', '.join(numbers)}.")
        chosen += found
    return chosen


def set_repository(folder, repository):
    """Write OWNER/NAME in the place of the present address, in pyproject.toml and wherever a text names it."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise BuildError(f"{repository!r} is not an address like OWNER/NAME.")
    old = settings(folder)["repository"]
    forms = ("{0[0]}%2F{0[1]}", "cd {0[1]}", "tree%2F{0[1]}%2F")  # within another address; as the name of a folder
    named = ("pyproject.toml", "README.md", "CITATION.cff", "docs/*.md", "docs/*.yml", "docs/*Dockerfile")
    for path in (path for pattern in named for path in folder.glob(pattern)):
        text = path.read_text(encoding="utf-8").replace(old, repository)
        for form in forms:
            text = text.replace(form.format(old.split("/")), form.format(repository.split("/")))
        path.write_text(text, encoding="utf-8")


def derive(source, folder=None):
    """The notebooks of one source: path -> text.

    A source whose name does not begin with a number gives one notebook, in notebooks/; an exercise in it brings no
    marks. In every text, {{repository}} and {{branch}} stand for the course's address, and {{map}} for a table of its
    notebooks.
    """
    import jupytext
    import nbformat

    folder = Path(folder or place.folder())
    cells = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent").cells
    _refuse(cells, source)
    kinds = {"notebooks": False, "solutions": True} if source.stem[0].isdigit() else {"notebooks": False}
    texts = {}
    for kind, solved in kinds.items():
        built = _notebook(cells, source, kind, solved, settings(folder))
        nbformat.validate(built)
        texts[folder / kind / f"{source.stem}.ipynb"] = nbformat.writes(built) + "\n"
    return texts


def with_claims(source):
    """The solution notebook of a source, with the cells that assert what its text says of a run."""
    import jupytext

    cells = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent").cells
    return _notebook(cells, source, "solutions", True, settings(source.parents[1]), claims=True)


def exercises(source):
    """The ids that a source checks, in order."""
    return CHECK.findall(Path(source).read_text(encoding="utf-8"))


def _notebook(cells, source, kind, solved, course, claims=False):
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    from coursekit.colab import badge, setup_cell

    built, ids, checked = [], set(), False
    repository, branch = course["repository"], course["branch"]
    for position, cell in enumerate(cells):
        tags = cell.metadata.get("tags", [])
        if "solution" in tags and not solved or "claim" in tags and not claims:
            continue
        # The id comes from the source, so that both notebooks share it and an edit changes one cell's id only.
        id = _unique(hashlib.sha1(f"{cell.cell_type}{cell.source}".encode()).hexdigest()[:8], ids)
        text = solution_text(cell.source) if solved else stub_text(cell.source)
        checked = bool(CHECK.search(text)) or checked and not text.startswith("## ")
        text = text.replace("{{repository}}", repository).replace("{{branch}}", branch)
        if "{{map}}" in text:
            text = text.replace("{{map}}", course_map(source.parents[1]))
        metadata = {"tags": tags} if tags else {}
        if cell.cell_type == "markdown":
            if "reason" in tags and not solved:
                text = _folded(text, checked)
            if position == 0:
                title, _, rest = text.partition("\n")
                text = f"{title}\n\n{badge(repository, branch, f'{kind}/{source.stem}.ipynb')}\n{rest}"
            built.append(new_markdown_cell(text, id=id, metadata=metadata))
            continue
        if not any(done.cell_type == "code" for done in built):
            built.append(new_code_cell(setup_cell(repository, branch), id="colab", metadata={"tags": ["colab"]}))
        metadata.update(_nbgrader(cell, cells[position:], source))
        built.append(new_code_cell(text, id=id, metadata=metadata))
    return new_notebook(
        cells=built,
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "coursekit": {"source": f"course/{source.name}", "solution": solved},
        },
    )


def course_map(folder):
    """A table of the notebooks of a course, in Markdown: title, the time that each source states, and links."""
    from coursekit.colab import address

    course = settings(folder)
    lines = ["| notebook | time | |", "|---|---|---|"]
    for source in sources(folder=folder):
        if source.stem[0].isdigit():
            text = source.read_text(encoding="utf-8")
            title, time = re.search(r"(?m)^# # (.+)$", text), re.search(r"(?m)^# About (.+? sessions)", text)
            colab = address(course["repository"], course["branch"], f"notebooks/{source.stem}.ipynb")
            stated = time[1] if time else ""
            lines.append(f"| [{title[1]}]({source.stem}.ipynb) | {stated} | [in Colab]({colab}) |")
    return "\n".join(lines)


def _folded(text, checked):
    """A markdown text under a line that opens it, its bold beginning; `checked` says that a check stands before it."""
    match = re.match(r"\*\*(.+?)\*\*\s*", text, re.DOTALL)
    if match is None:
        raise BuildError(f"a reason begins with its heading in bold, as in **Why it works.**: {text[:60]!r}.")
    heading = match[1].replace("\n", " ").rstrip(".")
    when = "once your check has passed" if checked else "once you have seen the result"
    summary = f"<summary><b>{heading}</b> (open this {when})</summary>"
    return f"<details>\n{summary}\n\n{text[match.end() :]}\n\n</details>"


def _nbgrader(cell, following, source):
    """nbgrader's metadata of a code cell: a check cell is graded and locked, a marked cell is the student's."""
    ids = CHECK.findall(cell.source)
    if ids:
        graded = {"grade": True, "solution": False, "locked": True, "points": _points(ids[0])}
        name = f"check-{ids[0]}"
    elif SOLUTION in cell.source:
        after = [found for later in following for found in CHECK.findall(later.source)]
        if not after:
            raise BuildError(f"{source.name}: a marked cell has no ck.check after it: {cell.source[:60]!r}.")
        graded = {"grade": False, "solution": True, "locked": False}
        name = f"answer-{after[0]}-{hashlib.sha1(cell.source.encode()).hexdigest()[:4]}"
    else:
        return {}
    return {"nbgrader": {**graded, "grade_id": name.replace(".", "-"), "schema_version": 3, "task": False}}


def _points(id):
    from coursekit.checks import framework

    return framework.get_exercise(id).points


def _unique(id, taken):
    number, candidate = 1, id
    while candidate in taken:
        number += 1
        candidate = f"{id}-{number}"
    taken.add(candidate)
    return candidate


def regions(text):
    """Split a cell's text at its markers.

    Returns
    -------
    list of (kind, lines)
        kind is "both", "solution" or "stub".

    Raises
    ------
    BuildError
        Where the markers are unbalanced.
    """
    parts, kind, lines = [], "both", []
    follows = {SOLUTION: ("both", "solution"), STUB: ("solution", "stub"), END: ("stub", "both")}
    for line in text.splitlines():
        mark = line.strip()
        if mark in follows:
            before, after = follows[mark]
            if kind != before:
                raise BuildError(f"unbalanced markers: {mark!r} inside {kind!r}")
            parts.append((kind, lines))
            kind, lines = after, []
        else:
            lines.append(line)
    if kind != "both":
        raise BuildError(f"unbalanced markers: {kind!r} is not closed by {END!r}")
    return [*parts, (kind, lines)]


def solution_text(text):
    """The cell as the solution notebook shows it."""
    return "\n".join(line for kind, lines in regions(text) if kind != "stub" for line in lines).strip("\n")


def stub_text(text):
    """The cell as the student notebook shows it: each stub in the place of its solution."""
    lines = []
    for kind, part in regions(text):
        if kind == "stub":
            part = [_uncomment(line) for line in part]
        if kind != "solution":
            lines += part
    return "\n".join(lines).strip("\n")


def _uncomment(line):
    match = re.fullmatch(r"(\s*)# ?(.*)", line)
    if not match and line.strip():
        raise BuildError(f"a stub line is not commented out: {line.strip()!r}")
    return (match[1] + match[2]).rstrip() if match else ""


def _refuse(cells, source):
    """Raise BuildError for what must never reach a student."""
    solution_lines, shown_lines, empty_before = {}, {}, False
    for number, cell in enumerate(cells, 1):
        where = f"{source.name}, cell {number}"
        if "raises-exception" in cell.metadata.get("tags", []):
            raise BuildError(f"{where}: tagged raises-exception; nbval passes such a cell even when it does not raise.")
        if cell.cell_type != "code":
            continue
        try:
            parts = regions(cell.source)
            versions = {"solution": solution_text(cell.source), "student": stub_text(cell.source)}
        except BuildError as error:
            raise BuildError(f"{where}: {error}") from None
        for kind, text in versions.items():
            _refuse_text(text, f"{where} ({kind})")
        solved_only = {"solution", "claim"} & set(cell.metadata.get("tags", []))
        for line in _lines(parts, "solution"):
            solution_lines[_squeeze(line)] = where
        if not solved_only:
            for line in versions["student"].splitlines():
                shown_lines.setdefault(_squeeze(line), where)
        for kind, lines in parts:
            if kind == "stub":
                empty = not any(line.strip(" #") for line in lines)
                if empty and empty_before:
                    raise BuildError(f"{where}: two empty stubs in a row; write at least `# name = ...`.")
                empty_before = empty
    for line, where in solution_lines.items():
        if _telling(line) and line in shown_lines:
            raise BuildError(f"{where}: the solution line {line!r} survives into the student notebook.")


def _refuse_text(text, where):
    for line in text.splitlines():
        if re.match(r"\s*(%{1,2}\w|!\w|\?\w)", line):
            raise BuildError(f"{where}: a magic or shell line: {line.strip()!r}. Notebooks are plain Python.")
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise BuildError(f"{where}: not valid Python: {error.msg}, line {error.lineno}.") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "input":
            raise BuildError(f"{where}: input() would wait for ever where nobody types.")
    count = sum(1 for line in text.splitlines() if line.strip())
    if count > MAX_LINES:
        raise BuildError(f"{where}: {count} lines of code; at most {MAX_LINES}, one idea a cell.")


def _lines(parts, wanted):
    return [line for kind, lines in parts if kind == wanted for line in lines]


def _squeeze(line):
    return re.sub(r"\s+", "", line.partition("  #")[0])


# Lines that say nothing about the answer: they may stand in both notebooks.
_HARMLESS = re.compile(r"(import|from|plt\.|ax\.|fig|ck\.plot|print\(|#|\)|\]|\}|\"\"\"|rng=)")


def _telling(line):
    return len(re.sub(r"\W", "", line)) >= 12 and not _HARMLESS.match(line)


def main(names=(), check=False, repository=None):
    """What `coursekit build` does. Returns the exit status."""
    from coursekit.gallery import gallery

    try:
        changed = build(list(names), check=check, repository=repository)
        if not names:
            changed += _written(root() / "docs" / "gallery.md", gallery(), check)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    for path in changed:
        word = "wrote" if not check else "differs" if path.exists() else "is gone:"
        print(f"{word} {path.relative_to(root()).as_posix()}")
    if check and changed:
        print("Run `python -m coursekit build` and commit what it writes.", file=sys.stderr)
        return 1
    if check:
        print("Every notebook is what its source gives.")
    return 0
