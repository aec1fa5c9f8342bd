"""The pages: feedback for each student, the class for the instructor, the prose for marking by hand.

What comes from a student is escaped by the templates, images are taken apart and checked, and a content security
policy in every page forbids scripts and whatever would come from outside. The pages need nothing beside themselves.
"""

import base64
import binascii
import hashlib
import io
import re
import struct
import tokenize
import unicodedata
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from coursekit.checks.report import FAILED, NOT_ATTEMPTED, PASSED, Finding, Report
from coursekit.grading import limited
from coursekit.grading import results as _results
from coursekit.grading import rules as _rules
from coursekit.grading.result import read
from coursekit.grading.results import clean

TEXT = 6000  # characters of one output that a page shows
OUTPUTS = 30  # outputs of one cell that a page shows
PNG_BYTES, PNG_SIDE = 3_000_000, 6000
# Flags that an instructor should weigh before a student hears of them.
PRIVATE = frozenset({"similar", "protocol", "forged", "network", "escape", "shadow"})
_MARKS = {PASSED: ("✓", "passed"), FAILED: ("✗", "failed"), NOT_ATTEMPTED: ("○", "waits")}


def publish(out, exercises, rules=None, roster=None, given=None):
    """Write every table and every page from what stands in ``out/results``. May be run again at any time.

    Parameters
    ----------
    out : path
    exercises : list of (id, title, points)
    rules : Rules, optional
    roster : path, optional
        What Canvas or Moodle exported.
    given : dict of str to list of str, optional
        By notebook, the code cells that the course gave to the students; they do not count as copied.

    Returns
    -------
    list of str
        Sentences for the instructor.
    """
    out = Path(out)
    results, problems = _results.load(out / "results", outputs=False)
    try:
        notes, absent = _results.write_tables(out, results, exercises, rules, roster)
    except _results.RosterError as error:  # the marks and the pages are worth having without it
        notes, absent = _results.write_tables(out, results, exercises, rules)
        notes = [f"canvas.csv and moodle.csv were written without the roster. {error}", *notes]
    for student, own in _results.by_student(results).items():
        page = out / "feedback" / file_name(student)
        try:
            limited.run(_write_feedback, page, own, exercises, rules)
        except limited.Exceeded as reason:
            problems.append(f"The page of {clean(student)} shows no cells: {reason}.")
            bare = {number: replace(result, cells=[], answers=[]) for number, result in own.items()}
            _results.write(page, feedback(bare, exercises, rules))
    _results.write(out / "text_answers.html", text_answers(results, exercises))
    _results.write(out / "class.html", class_page(results, exercises, rules, given, absent, problems))
    return [*problems, *notes]


def _write_feedback(page, own, exercises, rules):
    whole = {number: read(result.path) for number, result in own.items()}
    _results.write(page, feedback(whole, exercises, rules))


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
    return _render("feedback.html", student=next(iter(own.values())).student, parts=parts)


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
                     "anchor": anchor, "score": _number(earned), "worth": _number(worth)})  # fmt: skip
        cause = next((finding.message for finding in report.findings if not finding.passed), "")
        if report.status != PASSED:
            steps.append({"exercise": id, "title": title, "anchor": anchor, "text": _prose(cause)})
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
        "total": None if failed else _number(score.total), "maximum": _number(score.maximum),
        "passed": sum(row["status"] == PASSED for row in rows),
        "waiting": sum(row["status"] == NOT_ATTEMPTED for row in rows),
        "submitted": (result.submitted or "")[:16].replace("T", " "),
        "notices": [*_status_notice(result.status), *(flag.message for flag in result.flags
                                                        if flag.code not in PRIVATE)],
        "lines": [{"text": line.text, "points": _signed(line.points)} for line in score.lines
                  if line.kind != "exercise"],
        "answers": [{"heading": f"{a.after} {titles.get(a.after, '')}" if a.after else "At the start",
                     "text": _cut(a.text, 20_000)} for a in result.answers],
        "seconds": _number(round(result.seconds, 1)), "seed": result.seed,
        "file": result.file,
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
        replace(one, code=clean(one.code), message=_cut(clean(one.message), 1500)) for one in report.findings
    )
    return replace(report, title=clean(title), findings=findings)


def _cell(cell):
    """What the page shows of a cell."""
    shown = []
    for output in cell.outputs[:OUTPUTS]:
        if output.type == "image":
            shown.append(_png(output.png) or _text("(a picture that cannot be shown)"))
        elif output.text:
            shown.append(_text(_cut(_plain(output.text), TEXT), output.type == "error"))
    left = len(cell.outputs) - OUTPUTS
    if left > 0:
        shown.append(_text(f"({left} more outputs)"))
    note = {"stopped": "This cell was stopped: it took too long or too much.", "not run": "This cell was not run.",
            "no time": "This cell was not run: the cells above took all of the time."}  # fmt: skip
    return {"source": _cut(cell.source, 20_000), "outputs": shown, "note": note.get(cell.status, "")}


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


# Prose ----------------------------------------------------------------------------------------------------------------


def text_answers(results, exercises):
    """The page with every answer in prose, by exercise."""
    groups = {}
    for id, title, student, text in _results.answers(results, exercises):
        group = groups.setdefault((id, title), {"heading": f"{id} {title}".strip(), "answers": []})
        group["answers"].append({"student": student, "text": _cut(text, 20_000)})
    return _render("answers.html", groups=list(groups.values()))


# The class ------------------------------------------------------------------------------------------------------------


def class_page(results, exercises, rules=None, given=None, absent=(), problems=()):
    """The page for the instructor: first what the class has not understood, then everything else.

    Parameters
    ----------
    results : list of Result
    exercises : list of (id, title, points)
    rules : Rules, optional
    given : dict of str to list of str, optional
        By notebook, the code cells that the course gave.
    absent : iterable of str
        Who has handed in nothing, where a roster says so.
    problems : iterable of str
        Sentences about files that are no results.

    Returns
    -------
    str
    """
    rules = rules or _rules.Rules()
    results = _results.ordered(results)
    mine = _results.in_play(results, exercises)
    ran = [result for result in results if result.ran]
    scores = {(r.student, r.notebook): _rules.apply(rules, r, exercises) for r in results}
    rates = [_rate(item, ran) for item in mine]
    found = findings(ran, mine)
    pairs, note = similar(ran, given)
    percents = [100 * s.total / s.maximum for (_, s), r in zip(scores.items(), results, strict=True)
                if s.maximum and not r.failed]  # fmt: skip
    students = _results.by_student(results)
    odd = outliers(ran)
    return _render(
        "class.html",
        headline=_headline(rates, ran, mine),
        facts=_facts(results, students, percents, absent),
        notices=[*problems, *([f"{len(absent)} in the roster have handed in nothing: {_names(absent)}."] if absent
                              else [])],
        worst=_worst(found),
        rates=[_rate_row(rate) for rate in rates],
        plots=[*_score_plot(percents), *_cost_plot(ran, odd)],
        attention=_attention(results, odd),
        similar_note=note, pairs=pairs,
        findings=[{**item, "short": _prose(_cut(item["plain"], 140, bare=True)), "long": len(item["plain"]) > 140}
                  for item in found],
        waiting=[{"exercise": id, "title": title, "count": len(names), "names": _names(names, 300)}
                 for id, title, names in _waiting(mine, ran) if names],
        students=[_student_row(student, own, scores, mine, rules) for student, own in students.items()],
    )  # fmt: skip


def findings(results, exercises):
    """How often each finding was the first that did not hold, the most frequent first, with one anonymous example.

    Returns
    -------
    list of Result
        exercise, title, code, count, tried (who attempted the exercise), message (Markup), plain, source.
    """
    people = [result.student for result in results]
    table = []
    for id, title, _ in exercises:
        tried = [r for r in results if _status(r, id) != NOT_ATTEMPTED]
        groups = {}
        for result in tried:
            report = result.reports[id]
            if report.status == FAILED:
                cause = next((f for f in report.findings if not f.passed), None)
                if cause:
                    groups.setdefault(cause.code, []).append((cause.message, result))
        for code, cases in groups.items():
            try:
                message, source = limited.run(_example, id, cases, people)
            except limited.Exceeded:
                message, source = f"{code} (no example can be shown)", ""
            table.append({"exercise": id, "title": title, "code": code, "count": len(cases), "tried": len(tried),
                          "message": _prose(message), "plain": message, "source": source})  # fmt: skip
    place = {id: n for n, (id, _, _) in enumerate(exercises)}
    return sorted(table, key=lambda item: (-item["count"], place[item["exercise"]], item["code"]))


def _example(id, cases, people):
    """Message and answer of the case that says least about who wrote it."""
    best = None
    for message, result in cases:
        cells = [c.source for c in result.cells if c.exercise == id and c.role == "answer"]
        source, changed = anonymous("\n\n".join(cells)[:20_000], result.student, people)
        message, more = anonymous(message, result.student, (), code=False)
        # Of equal ones the one of middling length: neither a fragment nor the longest of the class.
        rank = (changed + more, abs(len(source) - 400), source)
        if best is None or rank < best[0]:
            best = (rank, message, source)
    return _cut(best[1], 700), _cut(best[2], 3000)


_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_HANDLE = re.compile(r"(?<![\w.])\d{6,}(?![\w.])")


def anonymous(text, student, people=(), code=True):
    """The text without its author's name anywhere, without other people's names in comments, addresses, long numbers.

    Returns
    -------
    text : str
    changed : int
        How many places were blanked out.
    """
    changed = 0

    def blank(pattern, text, mark="▮▮▮"):
        nonlocal changed
        text, n = pattern.subn(mark, text)
        changed += n
        return text

    text = blank(_EMAIL, clean(text))
    own, others = _name_pattern([student]), _name_pattern(people)
    if code and others:
        pieces, at = [], 0
        for start, end in _comments(text):
            pieces += [text[at:start], blank(others, text[start:end])]
            at = end
        text = "".join([*pieces, text[at:]])
    if own:
        text = blank(own, text)
    # Only whole numbers of six digits and more: a matriculation number, hardly a count in an exercise.
    return blank(_HANDLE, text), changed


@cache
def _names_pattern(names):
    # One name may sit in an identifier (anna_model), so that only letters end it.
    return re.compile(rf"(?<![^\W\d_])(?:{'|'.join(map(re.escape, names))})(?![^\W\d_])", re.IGNORECASE)


def _name_pattern(people):
    words = {w for p in people for w in re.findall(r"[^\W\d_]{3,}|\w*\d\w*", clean(p)) if len(w) > 2}
    return _names_pattern(tuple(sorted(words))) if words else None


# From Python 3.12 on an f-string is not one token.
_SAID = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def _comments(source):
    """Start and end of every comment and text in the source; of everything where it cannot be read as Python."""
    lines = list(io.StringIO(source))  # as the tokenizer counts them
    starts = np.cumsum([0, *(len(line) for line in lines)]).tolist()
    spans = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in _SAID:
                (row, column), (last, end) = token.start, token.end
                spans.append((starts[row - 1] + column, starts[last - 1] + end))
    except (tokenize.TokenError, SyntaxError, IndexError, RecursionError):
        return [(0, len(source))]
    return spans


def outliers(results):
    """Who took far more time or memory than the others: farther than 4 scaled MADs above the median, and half as much
    again.

    Returns
    -------
    dict of (student, notebook) to list of str
        One sentence each.
    """
    found = {}
    for number in sorted({result.notebook for result in results}):
        mine = [result for result in results if result.notebook == number]
        for key, unit, what in (("seconds", "s", "took"), ("peak_mb", "MB", "used")):
            values = np.array([float(getattr(r, key) or 0) for r in mine])
            if len(values) < 5:
                continue
            middle = np.median(values)
            spread = 1.4826 * np.median(np.abs(values - middle))
            for result, value in zip(mine, values, strict=True):
                if value > middle + 4 * spread and value > 1.5 * middle:
                    text = f"{what} {value:.0f} {unit}; half of the class {what} {middle:.0f} {unit} or less"
                    found.setdefault((result.student, number), []).append(text[0].upper() + text[1:] + ".")
    return found


def similar(results, given=None, threshold=0.8, most=40):
    """Pairs of submissions whose own code is nearly the same, by the fingerprints of copydetect (winnowing).

    Names of variables, texts and comments do not matter to it. The course's cells are taken out, and what more than
    ten students (a tenth of a large class) share counts as common knowledge, as in Moss.

    Parameters
    ----------
    results : list of Result
    given : dict of str to list of str, optional
    threshold : float
        Share of both submissions that must be alike.
    most : int
        Pairs that are returned, the most alike first.

    Returns
    -------
    pairs : list of Result
    note : str
        A sentence where nothing could be compared, or nothing was found.
    """
    try:
        from copydetect import compare_files
    except ImportError:
        return [], "Not compared: install the extra with `pip install coursekit[similar]` and write the pages again."
    pairs = []
    for number in sorted({result.notebook for result in results}):
        mine = [result for result in results if result.notebook == number]
        code = ["\n\n".join(_sources(r, "answer", "own"))[:100_000] for r in mine]
        # A cell that only two have is not the course's, whatever it was made of.
        held = Counter(source for r in mine for source in set(_sources(r, "course")))
        course = {source for source, n in held.items() if n > 2} | set((given or {}).get(number, ()))
        marks = _fingerprints(code, course)
        together = Counter()
        holders = {}
        for place, mark in enumerate(marks):
            for value in mark.hashes:
                holders.setdefault(value, []).append(place)
        for places in holders.values():
            together.update(combinations(places, 2))
        for (a, b), shared in sorted(together.items()):
            # Few fingerprints in common cannot cover much; this spares nearly all of the slow comparisons.
            if shared < threshold / 2 * min(len(marks[a].hashes), len(marks[b].hashes)):
                continue
            size, (one, other), (slices, _) = compare_files(marks[a], marks[b])
            if min(one, other) >= threshold and size >= 150:
                pairs.append(_pair(mine[a], mine[b], marks[a], min(one, other), int(size), slices))
    pairs.sort(key=lambda pair: (-pair["share"], -pair["size"], pair["first"], pair["second"]))
    note = "" if pairs else "No two submissions are alike beyond what the course gave and what many have in common."
    if len(pairs) > most:
        note = f"{len(pairs)} pairs were found; these are the {most} that are most alike."
    return pairs[:most], note


def _sources(result, *roles):
    return [c.source for c in result.cells if c.kind == "code" and c.role in roles]


def _fingerprints(code, course):
    """The fingerprints of every text, without those of the course and without those that many have."""
    from copydetect import CodeFingerprint
    from copydetect.utils import get_token_coverage

    # A window of 1 keeps every fingerprint. A larger one picks by hash values, which differ from run to run.
    make = lambda text: CodeFingerprint("a.py", 25, 1, language="python", fp=io.StringIO(text))  # noqa: E731

    def within_limits(text):
        try:
            return limited.run(make, text)
        except limited.Exceeded:
            return make("")  # alike to nothing

    marks = [within_limits(text) for text in code]
    common = set().union(*(make(text).hashes for text in sorted(course))) if course else set()
    count = Counter(value for mark in marks for value in mark.hashes)
    limit = max(10, len(marks) // 10)
    common |= {value for value, n in count.items() if n > limit}
    for mark in marks:
        # By hand: its own `boilerplate` argument drops a repeated fingerprint that is not in the boilerplate.
        mark.hashes = mark.hashes - common
        mark.hash_idx = {value: mark.hash_idx[value] for value in mark.hashes}
        mark.token_coverage = max(1, get_token_coverage(mark.hash_idx, mark.k, len(mark.filtered_code)))
    return marks


def _pair(first, second, mark, share, size, slices):
    """A row of the table of similar submissions."""
    longest = int(np.argmax(slices[1] - slices[0]))
    start, end = int(slices[0][longest]), int(slices[1][longest])
    text = mark.raw_code
    start = text.rfind("\n", 0, start) + 1
    end = text.find("\n", end) if text.find("\n", end) >= 0 else len(text)
    passage = clean(text[start:end]).strip("\n")
    return {"first": first.student, "second": second.student, "share": round(share, 6), "size": size,
            "percent": f"{min(share, 1):.0%}", "shared": _cut(passage, 2500),
            "summary": _lines(passage.count("\n") + 1)}  # fmt: skip


def _lines(n):
    return "1 line" if n == 1 else f"{n} lines"


def _rate(item, results):
    """How many passed, had some points, failed and did not attempt one exercise."""
    id, title, _ = item
    mine = [r for r in results if r.notebook == id.split(".")[0]]
    reports = [r.reports[id] for r in mine if id in r.reports]
    passed = sum(r.status == PASSED for r in reports)
    part = sum(r.status == FAILED and r.score > 0 for r in reports)
    failed = sum(r.status == FAILED for r in reports) - part
    return {"exercise": id, "title": title, "n": len(mine), "passed": passed, "part": part, "failed": failed,
            "waiting": len(mine) - passed - part - failed}  # fmt: skip


def _rate_row(rate):
    n = rate["n"] or 1
    kinds = (("g", "passed"), ("h", "part"), ("b", "failed"), ("n", "waiting"))
    label = (f"{rate['exercise']}: of {rate['n']} students {rate['passed']} passed, {rate['part']} have some of the "
             f"points, {rate['failed']} failed, {rate['waiting']} did not attempt it")  # fmt: skip
    return {**rate, "percent": f"{rate['passed'] / n:.0%}", "label": label,
            "bar": [(look, f"{100 * rate[kind] / n:.2f}") for look, kind in kinds if rate[kind]]}  # fmt: skip


def _headline(rates, ran, exercises):
    if not ran:
        return "Nothing is graded yet"
    numbers = _results.numbers_of(exercises)
    name = f"Notebook {numbers[0]}" if len(numbers) == 1 else f"Notebooks {', '.join(numbers)}"
    hardest = min(rates, key=lambda rate: (rate["passed"] / (rate["n"] or 1), rate["exercise"]))
    if hardest["passed"] == hardest["n"]:
        return f"{name}: everybody passed everything"
    return f"{name}: {hardest['exercise']} was the hardest, {hardest['passed']} of {hardest['n']} passed it"


def _facts(results, students, percents, absent):
    yield {"value": len(students), "what": "students" if len(students) != 1 else "student"}
    if percents:
        low, middle, high = np.percentile(percents, [25, 50, 75])
        yield {"value": f"{middle:.0f} %", "what": f"in the middle; half are from {low:.0f} to {high:.0f} %"}
    for status, what in (("ended", "ended early"), ("unreadable", "unreadable"), ("grader-failed", "not graded by us")):
        if n := sum(result.status == status for result in results):
            yield {"value": n, "what": what}
    if absent:
        yield {"value": len(absent), "what": "handed in nothing"}


def _worst(found, most=5):
    """The findings that most students share; of one exercise two at most."""
    seen, kept = Counter(), []
    for item in found:
        if len(kept) < most and seen[item["exercise"]] < 2 and (item["count"] > 1 or item["tried"] < 8):
            seen[item["exercise"]] += 1
            kept.append(item)
    return kept


def _attention(results, odd):
    """What a person should look at: what was not graded to its end, flags, outliers, checks that failed themselves."""
    says = {"ended": "The process ended before the last cell; what came before counts.",
            "unreadable": "The file is no notebook of this course.",
            "grader-failed": "The grader failed on this one; it has no mark."}  # fmt: skip
    rows = []
    for result in results:
        why = [says[result.status]] if result.status in says else []
        why += [f"{flag.message} ({flag.code})" for flag in result.flags]
        why += odd.get((result.student, result.notebook), [])
        why += [f"The check of {id} itself failed; please look." for id, report in result.reports.items()
                if "check-failed" in report.codes]  # fmt: skip
        if why:
            rows.append({"who": result.student, "why": why, "rank": result.status == "graded"})
    return sorted(rows, key=lambda row: row["rank"])


def _waiting(exercises, results):
    for id, title, _ in exercises:
        mine = [r for r in results if r.notebook == id.split(".")[0]]
        yield id, title, [r.student for r in mine if _status(r, id) == NOT_ATTEMPTED]


def _status(result, id):
    return result.reports[id].status if id in result.reports else NOT_ATTEMPTED


def _student_row(student, own, scores, exercises, rules):
    total = sum(scores[student, number].total for number in own)
    maximum = sum(float(rules.points.get(id, points)) for id, _, points in exercises)
    open_ = any(result.failed for result in own.values())
    return {"student": student, "href": f"feedback/{file_name(student)}",
            "points": "–" if open_ else f"{_number(total)} of {_number(maximum)}",
            "percent": "–" if open_ or not maximum else f"{total / maximum:.0%}",
            "status": "; ".join(dict.fromkeys(result.status for result in own.values()))}  # fmt: skip


# Pictures -------------------------------------------------------------------------------------------------------------

_INK = "#010203"  # stands for the page's own colour of text, light or dark


def _score_plot(percents):
    """The distribution of the totals."""
    if not percents:
        return
    edges = np.arange(0, 101, 10)
    counts, _ = np.histogram(np.clip(percents, 0, 100), edges)
    middle = float(np.median(percents))

    def draw(ax):
        ax.bar(edges[:-1] + 5, counts, width=9, color="#0072B2")
        for x, n in zip(edges[:-1] + 5, counts, strict=True):
            if n:
                ax.annotate(str(n), (x, n), (0, 2), textcoords="offset points", ha="center")
        ax.axvline(min(middle, 100), color="#E69F00", linestyle="--")
        ax.set(xlabel="percent of the points (dashed: the middle)", ylabel="students", xticks=edges[::2])
        ax.set_ylim(0, max(counts) * 1.15 + 0.5)
        ax.grid(axis="x", visible=False)

    title = f"Half of the class has {middle:.0f} % of the points or more"
    yield {"title": title, "svg": _svg(draw, "scores", f"Histogram of the totals. {title}."),
           "caption": "Students by share of the points", "header": ["percent", "students"],
           "rows": [[f"{low} to {low + 10}", int(n)] for low, n in zip(edges[:-1], counts, strict=True)]}  # fmt: skip


def _cost_plot(results, odd):
    """Time against memory, those far from the others marked."""
    results = [r for r in results if r.seconds and r.peak_mb]
    if len(results) < 5:
        return
    far = np.array([(r.student, r.notebook) in odd for r in results])
    x = np.array([float(r.seconds) for r in results])
    y = np.array([float(r.peak_mb) for r in results])

    def draw(ax):
        ax.scatter(x[~far], y[~far], s=26, color="#0072B2", alpha=0.7, label="most")
        if far.any():
            ax.scatter(x[far], y[far], s=60, marker="D", color="#D55E00", label="far from the others")
            ax.legend(loc="best", framealpha=0, labelcolor=_INK)
        if x.max() > 8 * np.median(x):
            ax.set_xscale("log")
            ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            ax.xaxis.set_minor_formatter(lambda value, _: "")
        ax.set(xlabel="seconds", ylabel="memory at its peak (MB)")

    n = int(far.sum())
    title = f"{n} took far more time or memory than the others" if n else "Nobody took far more time or memory"
    outside = [r for r, is_far in zip(results, far, strict=True) if is_far]
    rows = [[r.student, f"{r.seconds:.0f}", f"{r.peak_mb:.0f}"] for r in outside]
    rows.append(["the middle of the class", f"{np.median(x):.0f}", f"{np.median(y):.0f}"])
    yield {"title": title, "svg": _svg(draw, "cost", f"Seconds against memory, a point a student. {title}."),
           "caption": "Those far from the others, and the middle", "header": ["student", "seconds", "MB"],
           "rows": rows}  # fmt: skip


def _svg(draw, name, alt):
    """A figure in the course's look as inline SVG, the same bytes each time, its text in the colour of the page."""
    import matplotlib
    from matplotlib.figure import Figure

    style = Path(__file__).parents[1] / "plot" / "course.mplstyle"
    ink = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK)
    with (
        matplotlib.rc_context(fname=style),
        matplotlib.rc_context(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": name,
                "grid.color": "#8888884D",
                "font.family": "sans-serif",
                **ink,
            }
        ),
    ):
        figure = Figure(figsize=(5.2, 3.2))
        draw(figure.subplots())
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="[\w.]+_\d+"', "", svg)  # the same in every figure; nothing refers to them
    label = Markup(' role="img" aria-label="{}"').format(alt)
    return Markup(svg.replace("<svg", f"<svg{label}", 1))


# Text -----------------------------------------------------------------------------------------------------------------


def _plain(text):
    """Terminal output as text: colours gone, and of a line that was written over the last version alone."""
    text = str(text)[: 20 * TEXT].replace("\r\n", "\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _cut(text, most, bare=False):
    text = str(text)
    rest = "" if bare else f" ({len(text) - most} more characters)"
    return text if len(text) <= most else f"{text[:most].rstrip()} …{rest}"


def _prose(message):
    """A sentence with what stands between backticks as code."""
    parts = _cut(clean(message), 1500).split("`")
    if len(parts) % 2 == 0:
        return Markup("{}").format("`".join(parts))
    pieces = [Markup("<code>{}</code>" if i % 2 else "{}").format(part) for i, part in enumerate(parts)]
    return Markup("").join(pieces)


def _number(value):
    return f"{float(value):.2f}".rstrip("0").rstrip(".")


def _signed(value):
    return f"{value:+.2f}".rstrip("0").rstrip(".").replace("-", "−") if value else ""


def _names(names, most=40):
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


@cache
def _environment():
    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=lambda value: value if isinstance(value, Markup) or not isinstance(value, str)
        else clean(value),
    )  # fmt: skip
    environment.globals["style"] = Markup((folder / "style.css").read_text(encoding="utf-8"))
    return environment


def _render(name, **values):
    return _environment().get_template(name).render(**values)
