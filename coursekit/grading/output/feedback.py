"""The pages for each student, and the prose for marking by hand."""

import base64
import binascii
import struct
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

from markupsafe import Markup

from coursekit.checks.report import FAILED, NOT_ATTEMPTED, PASSED, Finding, Report
from coursekit.grading.output.cells import clean
from coursekit.grading.output.gradebook import answers, notebook_of
from coursekit.grading.output.render import cut, render
from coursekit.grading.result import file_stem

TEXT = 6000  # characters of one output that a page shows
OUTPUTS = 30  # outputs of one cell that a page shows
PNG_BYTES, PNG_SIDE = 3_000_000, 6000
PIXELS = 500_000_000  # of all pictures of a page together: 2 GB where a browser holds them all
_NOTICES = {
    "ended": ["Your notebook's process ended before the last cell. What was checked before that counts."],
    "unreadable": ["Your file could not be read as a notebook of this course, so nothing could be checked."],
    "grader-failed": ["Your notebook has not been graded yet, and not by your fault. Your instructor knows."],
}
_MARKS = {PASSED: ("✓", "passed"), FAILED: ("✗", "failed"), NOT_ATTEMPTED: ("○", "waits")}


def file_name(student):
    """The name of a student's page: safe on every system, and of nobody else."""
    return f"{file_stem(student, 50)}.html"


# A student's page -----------------------------------------------------------------------------------------------------


def feedback(own, book):
    """The page of one student.

    Parameters
    ----------
    own : dict of str to Result
        Notebook -> result, of one student, with the outputs of the cells.
    book : Gradebook
        Whose exercises and rules count.

    Returns
    -------
    str
    """
    room = [PIXELS]
    parts = [_part(result, book, room) for result in own.values()]
    return render("feedback.html", student=next(iter(own.values())).student, parts=parts)


def _part(result, book, room):
    """What the page shows of one notebook. `room` is what the pictures of the page may still have."""
    score, rows = book.score(result), []
    mine = [item for item in book.exercises if notebook_of(item) == result.notebook]
    cells = _by_exercise(result, [id for id, _, _ in mine], room)
    for id, title, points in mine if result.ran else ():
        report, shown = _report(result.reports.get(id), id, title, points), cells[id]
        if report.status == NOT_ATTEMPTED:
            shown = {"mine": [], "given": [*(c for c in shown["mine"] if c["source"]), *shown["given"]]}
        mark, look = _MARKS[report.status]
        cause = next((finding.message for finding in report.findings if not finding.passed), "")
        earned, worth = score.exercises[id]
        rows.append({
            "heading": f"{id} {title}", "exercise": id, "title": title, "anchor": f"e{id.replace('.', '-')}",
            "status": report.status, "mark": mark, "look": look, "score": earned, "worth": worth, "cause": cause,
            "card": Markup(report._repr_html_()), **shown,
        })  # fmt: skip
    other = {"heading": "Other cells", "anchor": f"other-{result.notebook}", "status": "", "card": "", **cells[""]}
    # Three things to try: first what was tried and failed, then what waits.
    steps = sorted((row for row in rows if row["status"] != PASSED), key=lambda row: row["status"] != FAILED)
    return {
        "result": result, "score": score, "rows": rows, "next": steps[:3],
        "sections": [*rows, *([other] if other["mine"] or other["given"] else [])],
        "passed": sum(row["status"] == PASSED for row in rows),
        "waiting": sum(row["status"] == NOT_ATTEMPTED for row in rows),
        "notices": [*_NOTICES.get(result.status, ()), *(flag.message for flag in result.flags)],
        "titles": {id: title for id, title, _ in mine},
    }  # fmt: skip


def _by_exercise(result, ids, room):
    """Exercise, or "" for none of these -> the cells as the page shows them: the student's own, and what was given."""
    found = {id: {"mine": [], "given": []} for id in ("", *ids)}
    for cell in result.cells:
        if cell.kind != "code" or cell.role == "check":
            continue
        place, shown = found.get(cell.exercise, found[""]), _cell(cell, room)
        if cell.role != "course":
            place["mine"].append(shown)
            continue
        # What the course's cells drew shows what the answer does; their code need not be read again.
        pictures = [output for output in shown["outputs"] if output["png"]]
        if pictures:
            place["mine"].append({"source": "", "note": "", "outputs": pictures})
        place["given"].append({**shown, "outputs": [output for output in shown["outputs"] if not output["png"]]})
    return found


def _report(report, id, title, points):
    """The `Report` that was stored; "not attempted" where there is none. Its own `_repr_html_` escapes its texts."""
    if report is None:
        waiting = Finding("not-attempted", False, "No answer to this exercise was found.")
        return Report(id, clean(title), NOT_ATTEMPTED, 0.0, float(points), (waiting,))
    findings = tuple(
        replace(one, code=clean(one.code), message=cut(clean(one.message), 1500)) for one in report.findings
    )
    return replace(report, title=clean(title), findings=findings)


def _cell(cell, room):
    """What the page shows of a cell."""
    shown = []
    for output in cell.outputs[:OUTPUTS]:
        if output.type == "image":
            shown.append(_png(output.png, room) or _text("(a picture that cannot be shown)"))
        elif output.text:
            shown.append(_text(cut(_plain(output.text), TEXT)))
    left = len(cell.outputs) - OUTPUTS
    if left > 0:
        shown.append(_text(f"({left} more outputs)"))
    note = {"stopped": "This cell was stopped: it took too long or too much.", "not run": "This cell was not run.",
            "no time": "This cell was not run: the cells above took all of the time."}  # fmt: skip
    return {"source": cut(cell.source, 20_000), "outputs": shown, "note": note.get(cell.status, "")}


def _text(text):
    return {"png": "", "text": text}


def _png(text, room):
    """A picture's base64, written anew from its bytes, with its size; None where it is not a PNG of decent size, or no
    room is left for it.

    A browser decodes what the header promises, so that 100 kB could ask it for gigabytes.
    """
    if not isinstance(text, str) or len(text) > PNG_BYTES * 4 // 3:
        return None
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(data) < 33 or data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", data[16:24])
    if not (0 < width <= PNG_SIDE and 0 < height <= PNG_SIDE and width * height <= room[0]):
        return None
    room[0] -= width * height
    # Our own base64 of it: there is nothing to escape in it, and megabytes to look through.
    return {"png": Markup(base64.b64encode(data).decode("ascii")), "width": width, "height": height}


def text_answers(book):
    """The page with every answer in prose, by exercise."""
    groups = groupby(answers(book), key=itemgetter(0, 1))
    return render("answers.html", groups=[(" ".join(key).strip(), list(group)) for key, group in groups])


def _plain(text):
    """Terminal output as text: colours gone, and of a line that was written over the last version alone."""
    text = str(text)[: 20 * TEXT].replace("\r\n", "\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
