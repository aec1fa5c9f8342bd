"""Cells of tables: text that no spreadsheet takes for a formula, numbers that stay numbers."""

import csv
import io
import math
import re
import unicodedata

from coursekit.grading.result import write_whole

# Excel, LibreOffice and Google's sheets also take the full-width forms; NFKC makes plain ones of them. A semicolon, a
# tab or a line's end begins a new cell where the separator of the machine is not the comma of this file.
_CELL_ENDS = r";\t\r\n\x0b\x0c\x85\u2028\u2029"
_FORMULA = re.compile(rf"(^|[{_CELL_ENDS}])(?:(?![{_CELL_ENDS}])[\s\u200b-\u200f\ufeff\u00ad'\"])*(?=[=+\-@])")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?\s*%?")
# What steers the direction of writing can make a name look like another.
_STEERING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C])
_UNSEEN = {**_STEERING, **dict.fromkeys(c for c in [*range(32), *range(127, 160)] if chr(c) not in "\n\t")}
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


def clean(text):
    """Text that every file and every reader can hold: no lone surrogates, no colours of a terminal, no control
    characters, none that steer the direction."""
    return _ANSI.sub("", str(text)).encode("utf-8", "replace").decode("utf-8").translate(_UNSEEN)


def safe(text):
    """The text of a cell that no spreadsheet takes for a formula: an apostrophe goes before what would begin one."""
    text = clean(text)  # first: what is taken away must not uncover a formula
    plain = [unicodedata.normalize("NFKC", c) for c in text]
    # Lengths are kept, so that places in the one are places in the other.
    mirror = "".join(p if len(p) == 1 else "x" for p in plain)
    if mirror.strip() == "-":  # the platforms' sign for "no grade"
        return text
    marks = {found.end(1) for found in _FORMULA.finditer(mirror)}
    if text[:1] in ("\t", "\n"):
        marks.add(0)
    return "".join(("'" if place in marks else "") + c for place, c in enumerate(text))


def to_csv(rows):
    """Rows as the text of a CSV file: numbers as numbers, text made `safe`, None as an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([[_written(value) for value in row] for row in rows])
    return out.getvalue()


class _Kept(str):
    """Text of a roster's id columns, which goes back as it came."""


def _written(value):
    if value is None:
        return ""
    if isinstance(value, _Kept):
        return str(value)
    if isinstance(value, str):
        return safe(value)
    number = round(float(value), 4)
    if not math.isfinite(number):
        return ""
    return int(number) if number == int(number) else number


def as_cell(text):
    """A cell of a roster: a number is kept as it was written."""
    return _Kept(text) if _NUMBER.fullmatch(text.strip()) or text.strip() in ("", "-", "Points Possible") else text


def harmless(text):
    """Whether an id can do no harm in a spreadsheet, although it may begin like a formula."""
    return not re.search(r"[=(|!\"'\t\r\n;]", unicodedata.normalize("NFKC", text))


def write(path, text, mark=False):
    """Write `text` as UTF-8, whole or not at all; with `mark`, after a byte order mark."""
    write_whole(path, text.encode("utf-8-sig" if mark else "utf-8"), mode=0o644)  # marks and pages are to be passed on
