"""Read a notebook leniently: its cells, whatever else the file holds."""

import json
from dataclasses import dataclass, replace

from coursekit.grading.intake.words import megabytes

MAX_NOTEBOOK = 300_000_000  # with its outputs, which are dropped
MAX_CELLS = 2_000
MAX_CODE = 1_000_000
MAX_TEXT = 2_000_000  # of text cells; what is more is not kept


class Unreadable(Exception):
    """A notebook, or the file that should be one, cannot be read. The message is one sentence."""


def parse(data):
    """Read a notebook leniently.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    tuple of Cell
        Ids, kinds, texts and nbgrader's names of its cells; outputs and everything else are dropped.

    Raises
    ------
    Unreadable
        One sentence, for everything that cannot be read; nothing else is raised.
    """
    if len(data) > MAX_NOTEBOOK:
        raise Unreadable(f"The notebook has {megabytes(len(data))}; at most {megabytes(MAX_NOTEBOOK)} are read.")
    if not data.strip(b" \t\r\n\0"):
        raise Unreadable("The file is empty: there is no notebook in it.")
    try:
        # A number of thousands of digits, which Python would not read, stands in no part that is looked at.
        said = json.loads(_text(data), parse_int=lambda digits: int(digits[:20]))
    except json.JSONDecodeError as error:
        cut = error.pos >= len(error.doc.rstrip()) - 1 or error.msg.startswith("Unterminated string")
        what = "the file is cut off" if cut else "it is no JSON"
        raise Unreadable(f"The notebook cannot be read: {what} (line {error.lineno}, column {error.colno}).") from None
    except RecursionError:
        raise Unreadable("The notebook cannot be read: its JSON is nested too deeply.") from None
    except ValueError as error:
        raise Unreadable(f"The notebook cannot be read: {str(error)[:120]}.") from None
    if not isinstance(said, dict):
        raise Unreadable(f"The file holds a JSON {type(said).__name__}, not a notebook.")
    cells = _cells(said)
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"The notebook has {len(cells)} cells; at most {MAX_CELLS} are read.")
    read, left = [], MAX_TEXT
    for cell in (_cell(cell) for cell in cells if isinstance(cell, dict)):
        if cell.kind != "code":
            cell = replace(cell, source=cell.source[: max(left, 0)])
            left -= len(cell.source)
        read.append(cell)
    code = sum(len(cell.source) for cell in read if cell.kind == "code")
    if code > MAX_CODE:
        raise Unreadable(f"The notebook has {code:,} characters of code; at most {MAX_CODE:,} are read.")
    return tuple(read)


def _text(data):
    """The bytes as text: UTF-8, UTF-16 or UTF-32, with a byte order mark or without, else Windows's Latin."""
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        if b'"cells"' not in data and b'"worksheets"' not in data:
            raise Unreadable("The file is no notebook: it is binary data, not text.") from None
        return data.decode("cp1252", "replace")


def _cells(said):
    version = said.get("nbformat")
    try:
        version = 4 if version is None else int(float(version))
    except (TypeError, ValueError, OverflowError):
        version = 0
    if not 1 <= version <= 4:
        shown = said.get("nbformat")
        shown = repr(shown)[:40] if isinstance(shown, int | float | str | None) else f"a {type(shown).__name__}"
        raise Unreadable(f"The notebook's format is {shown}; 4 is expected. Open it in Jupyter and save it again.")
    if version < 4:
        said = _upgraded(said, version)
    cells = said.get("cells")
    if not isinstance(cells, list):
        raise Unreadable("The file is JSON, but no notebook: it has no list of cells.")
    return cells


def _upgraded(said, version):
    import nbformat

    try:
        return nbformat.convert(nbformat.from_dict(said), 4)
    except Exception as error:  # the converter assumes a valid notebook and fails in many ways on another
        raise Unreadable(
            f"The notebook's format is {version}, and it cannot be brought to 4 ({type(error).__name__}). "
            "Open it in Jupyter and save it again."
        ) from None


def _cell(cell):
    metadata = cell.get("metadata")
    graded = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = graded.get("grade_id") if isinstance(graded, dict) else ""
    kind = cell.get("cell_type")
    return Cell(
        _word(cell.get("id")),
        kind if kind in ("code", "markdown") else "raw",
        _source(cell.get("source", cell.get("input", ""))),
        _word(grade_id),
    )


def _word(value):
    return _clean(value)[:200] if isinstance(value, str) else ""


def _source(value):
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    return _clean(value) if isinstance(value, str) else ""


def _clean(text):
    """The text without halves of surrogate pairs, which no file and no pipe takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True)
class Cell:
    """One cell of a notebook."""

    id: str  # "" where it has none
    kind: str  # "code", "markdown" or "raw"
    source: str
    grade_id: str = ""  # nbgrader's name of the cell
    role: str = ""  # "answer", "check", "course", "install" in the course; in a submission "own" too; "" while unknown
    exercise: str = ""  # "01.3", or "" where it belongs to none
