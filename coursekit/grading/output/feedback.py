"""The pages for each student, and the prose for marking by hand."""

import base64
import binascii
import hashlib
import re
import struct
import unicodedata
from dataclasses import replace

from markupsafe import Markup

from coursekit.checks.report import FAILED, NOT_ATTEMPTED, PASSED, Finding, Report
from coursekit.grading.output import rules as _rules
from coursekit.grading.output.cells import clean
from coursekit.grading.output.gradebook import answers
from coursekit.grading.output.render import cut, number_text, prose, render

TEXT = 6000  # characters of one output that a page shows
OUTPUTS = 30  # outputs of one cell that a page shows
PNG_BYTES, PNG_SIDE = 3_000_000, 6000
_MARKS = {PASSED: ("✓", "passed"), FAILED: ("✗", "failed"), NOT_ATTEMPTED: ("○", "waits")}


def file_name(student):
    """The name of a student's page: safe on every system, and of nobody else."""
    plain = unicodedata.normalize("NFKD", student).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:50]
    # Also for a name that looks as if it had a hash already, so that nobody can choose to be somebody else's page.
    if not slug or slug != student or re.fullmatch(r"con|prn|aux|nul|(com|lpt)\d|.*-[0-9a-f]{8}", slug):
        slug = f"{slug or 'student'}-{hashlib.sha256(student.encode('utf-8', 'replace')).hexdigest()[:8]}"
    return f"{slug}.html"


# A student's page -----------------------------------------------------------------------------------------------------


def feedback(own, exercises, rules=None):
    """The page of one student.

    Parameters
    ----------
    own : dict of str to Result
        Notebook -> result, of one student.
    exercises : list of (id, title, points)
    rules : Rules, optional

    Returns
    -------
    str
    """
    parts = [_part(result, exercises, rules or _rules.Rules()) for result in own.values()]
    return render("feedback.html", student=next(iter(own.values())).student, parts=parts)


def _part(result, exercises, rules):
    """What the page shows of one notebook."""
    number, reports = result.notebook, result.reports
    score = _rules.apply(rules, result, exercises)
    failed, mine = result.failed, [e for e in exercises if e[0].split(".")[0] == number]
    rows, steps, sections = [], [], []
    by_exercise = {id: {"mine": [], "given": []} for id in ("", *(id for id, _, _ in mine))}
    for cell in result.cells:
        if cell.kind == "code" and cell.role != "check":
            place = by_exercise.get(cell.exercise, by_exercise[""])
            shown = _cell(cell)
            if cell.role != "course":
                place["mine"].append(shown)
                continue
            # What the course's cells drew shows what the answer does; their code need not be read again.
            pictures = [output for output in shown["outputs"] if output["png"]]
            if pictures:
                place["mine"].append({"source": "", "note": "", "outputs": pictures})
            rest = [output for output in shown["outputs"] if not output["png"]]
            place["given"].append({**shown, "outputs": rest})
    for id, title, points in mine if not failed and result.status != "unreadable" else ():
        report, anchor = _report(reports.get(id), id, title, points), f"e{id.replace('.', '-')}"
        mark, look = _MARKS[report.status]
        earned, worth = score.exercises[id]
        rows.append({"exercise": id, "title": title, "status": report.status, "mark": mark, "look": look,
                     "anchor": anchor, "score": number_text(earned), "worth": number_text(worth)})  # fmt: skip
        cause = next((finding.message for finding in report.findings if not finding.passed), "")
        if report.status != PASSED:
            steps.append({"exercise": id, "title": title, "anchor": anchor, "text": prose(cause)})
        cells = by_exercise[id]
        if report.status == NOT_ATTEMPTED:
            cells = {"mine": [], "given": [*(c for c in cells["mine"] if c["source"]), *cells["given"]]}
        sections.append({"heading": f"{id} {title}", "anchor": anchor, "card": Markup(report._repr_html_()), **cells,
                         "given_text": _folded(report.status, len(cells["given"]))})  # fmt: skip
    rest = by_exercise[""]
    if rest["mine"] or rest["given"]:
        sections.append({"heading": "Other cells", "anchor": f"other-{number}", "card": "", **rest,
                         "given_text": _folded("", len(rest["given"]))})  # fmt: skip
    titles = {id: title for id, title, _ in mine}
    return {
        "notebook": number, "rows": rows, "sections": sections, "next": _first_steps(steps, reports),
        "total": None if failed else number_text(score.total), "maximum": number_text(score.maximum),
        "passed": sum(row["status"] == PASSED for row in rows),
        "waiting": sum(row["status"] == NOT_ATTEMPTED for row in rows),
        "submitted": (result.submitted or "")[:16].replace("T", " "),
        "notices": [*_status_notice(result.status), *(flag.message for flag in result.flags)],
        "lines": [{"text": line.text, "points": _signed(line.points)} for line in score.lines
                  if line.kind != "exercise"],
        "answers": [{"heading": f"{a.after} {titles.get(a.after, '')}" if a.after else "At the start",
                     "text": cut(a.text, 20_000)} for a in result.answers],
        "seconds": number_text(round(result.seconds, 1)), "file": result.file,
    }  # fmt: skip


def _folded(status, n):
    cells = "1 cell" if n == 1 else f"{n} cells"
    return f"{cells}, as handed in" if status == NOT_ATTEMPTED else f"{cells} of the course"


def _first_steps(steps, reports):
    """Three things to try: first what was tried and failed, then what waits."""
    tried = [s for s in steps if s["exercise"] in reports and reports[s["exercise"]].status == FAILED]
    return (tried + [s for s in steps if s not in tried])[:3]


def _status_notice(status):
    if status == "ended":
        yield "Your notebook's process ended before the last cell. What was checked before that counts."
    elif status == "unreadable":
        yield "Your file could not be read as a notebook of this course, so nothing could be checked."
    elif status == "grader-failed":
        yield "Your notebook has not been graded yet, and not by your fault. Your instructor knows."


def _report(report, id, title, points):
    """The `Report` that was stored; "not attempted" where there is none. Its own `_repr_html_` escapes its texts."""
    if report is None:
        waiting = Finding("not-attempted", False, "No answer to this exercise was found.")
        return Report(id, clean(title), NOT_ATTEMPTED, 0.0, float(points), (waiting,))
    findings = tuple(
        replace(one, code=clean(one.code), message=cut(clean(one.message), 1500)) for one in report.findings
    )
    return replace(report, title=clean(title), findings=findings)


def _cell(cell):
    """What the page shows of a cell."""
    shown = []
    for output in cell.outputs[:OUTPUTS]:
        if output.type == "image":
            shown.append(_png(output.png) or _text("(a picture that cannot be shown)"))
        elif output.text:
            shown.append(_text(cut(_plain(output.text), TEXT), output.type == "error"))
    left = len(cell.outputs) - OUTPUTS
    if left > 0:
        shown.append(_text(f"({left} more outputs)"))
    note = {"stopped": "This cell was stopped: it took too long or too much.", "not run": "This cell was not run.",
            "no time": "This cell was not run: the cells above took all of the time."}  # fmt: skip
    return {"source": cut(cell.source, 20_000), "outputs": shown, "note": note.get(cell.status, "")}


def _text(text, error=False):
    return {"png": "", "text": text, "error": error}


def _png(text):
    """A picture's base64, written anew from its bytes, with its size; None where it is not a PNG of decent size.

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
    if not (0 < width <= PNG_SIDE and 0 < height <= PNG_SIDE):
        return None
    # Our own base64 of it: there is nothing to escape in it, and megabytes to look through.
    return {"png": Markup(base64.b64encode(data).decode("ascii")), "width": width, "height": height}


def text_answers(results, exercises):
    """The page with every answer in prose, by exercise."""
    groups = {}
    for id, title, student, text in answers(results, exercises):
        group = groups.setdefault((id, title), {"heading": f"{id} {title}".strip(), "answers": []})
        group["answers"].append({"student": student, "text": cut(text, 20_000)})
    return render("answers.html", groups=list(groups.values()))


def _plain(text):
    """Terminal output as text: colours gone, and of a line that was written over the last version alone."""
    text = str(text)[: 20 * TEXT].replace("\r\n", "\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _signed(value):
    return f"{value:+.2f}".rstrip("0").rstrip(".").replace("-", "−") if value else ""
