"""The page for the instructor: what the class has not understood, then everything else."""

import io
import re
from collections import Counter
from pathlib import Path

import numpy as np
from markupsafe import Markup

from coursekit.checks.report import FAILED, NOT_ATTEMPTED, PASSED
from coursekit.grading import limited
from coursekit.grading.output.anonymous import anonymous
from coursekit.grading.output.feedback import file_name
from coursekit.grading.output.gradebook import notebook_of
from coursekit.grading.output.render import cut, render
from coursekit.grading.output.roster import listed
from coursekit.grading.output.similarity import similar


def class_page(book, given=None, absent=(), problems=()):
    """The page for the instructor: first what the class has not understood, then everything else.

    Parameters
    ----------
    book : Gradebook
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
    ran = [result for result in book.results if result.ran]
    rates = [_rate(item, ran) for item in book.in_play]
    found = findings(ran, book.in_play)
    pairs, note = similar(ran, given)
    scores = [book.score(result) for result in book.results if not result.failed]
    percents = [100 * score.total / score.maximum for score in scores if score.maximum]
    odd = outliers(ran)
    notices = list(problems)
    if absent:
        notices.append(f"{len(absent)} in the roster have handed in nothing: {listed(absent, 40)}.")
    return render(
        "class.html",
        headline=_headline(rates, ran, book.notebooks),
        facts=_facts(book, percents, absent),
        notices=notices,
        worst=_worst(found),
        rates=rates,
        plots=[*_score_plot(percents), *_cost_plot(ran, odd)],
        attention=_attention(book.results, odd),
        similar_note=note, pairs=pairs,
        findings=found,
        students=[_student_row(student, own, book) for student, own in book.students.items()],
    )  # fmt: skip


def findings(results, exercises):
    """How often each finding was the first that did not hold, the most frequent first, with one anonymous example.

    Returns
    -------
    list of dict
        exercise, title, code, count, tried (how many attempted the exercise), message, source.
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
                          "message": message, "source": source})  # fmt: skip
    place = {id: n for n, (id, _, _) in enumerate(exercises)}
    return sorted(table, key=lambda item: (-item["count"], place[item["exercise"]], item["code"]))


def _example(id, cases, people):
    """Message and answer of the case that says least about who wrote it."""

    def without_names(message, result):
        cells = [c.source for c in result.cells if c.exercise == id and c.role == "answer"]
        source, changed = anonymous("\n\n".join(cells)[:20_000], result.student, people)
        message, more = anonymous(message, result.student, (), code=False)
        # Of equal ones the one of middling length: neither a fragment nor the longest of the class.
        return changed + more, abs(len(source) - 400), source, message

    _, _, source, message = min(without_names(*case) for case in cases)
    return cut(message, 700), cut(source, 3000)


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


def _rate(item, results):
    """How many passed, had some points, failed and did not attempt one exercise, and the names of these."""
    id, title, _ = item
    mine = [r for r in results if r.notebook == notebook_of(item)]
    waiting = [r.student for r in mine if _status(r, id) == NOT_ATTEMPTED]
    passed = sum(_status(r, id) == PASSED for r in mine)
    part = sum(_status(r, id) == FAILED and r.reports[id].score > 0 for r in mine)
    return {"exercise": id, "title": title, "n": len(mine), "passed": passed, "part": part,
            "failed": len(mine) - passed - part - len(waiting), "waiting": len(waiting),
            "names": listed(waiting, 300)}  # fmt: skip


def _headline(rates, ran, numbers):
    if not ran:
        return "Nothing is graded yet"
    name = f"Notebook {numbers[0]}" if len(numbers) == 1 else f"Notebooks {', '.join(numbers)}"
    shares = [rate["passed"] / (rate["n"] or 1) for rate in rates]
    hardest, *others = [rate for rate, share in zip(rates, shares, strict=True) if share == min(shares)]
    if hardest["passed"] == hardest["n"]:
        return f"{name}: everybody passed everything"
    who = f"{hardest['exercise']} and {len(others)} more were" if others else f"{hardest['exercise']} was"
    return f"{name}: {who} the hardest, passed by {min(shares):.0%}"


def _facts(book, percents, absent):
    yield {"value": len(book.students), "what": "students" if len(book.students) != 1 else "student"}
    if percents:
        low, middle, high = np.percentile(percents, [25, 50, 75])
        yield {"value": f"{middle:.0f} %", "what": f"in the middle; half are from {low:.0f} to {high:.0f} %"}
    for status, what in (("ended", "ended early"), ("unreadable", "unreadable"), ("grader-failed", "not graded by us")):
        if n := sum(result.status == status for result in book.results):
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


def _status(result, id):
    return result.reports[id].status if id in result.reports else NOT_ATTEMPTED


def _student_row(student, own, book):
    total = sum(book.scores[student, number].total for number in own)
    maximum = book.worth(book.in_play)
    open_ = any(result.failed for result in own.values())
    return {"student": student, "href": f"feedback/{file_name(student)}", "total": None if open_ else total,
            "maximum": maximum, "percent": "–" if open_ or not maximum else f"{total / maximum:.0%}",
            "status": "; ".join(dict.fromkeys(result.status for result in own.values()))}  # fmt: skip


_INK = "#010203"  # stands for the page's own colour of text, light or dark


def _score_plot(percents):
    """The distribution of the totals."""
    if not percents:
        return
    edges = np.arange(0, 101, 10)
    counts, _ = np.histogram(np.clip(percents, 0, 100), edges)
    middle = float(np.median(percents))

    def draw(ax):
        bars = ax.bar(edges[:-1] + 5, counts, width=9, color="#0072B2")
        ax.bar_label(bars, [str(n) if n else "" for n in counts], padding=2)
        ax.axvline(min(middle, 100), color="#E69F00", linestyle="--")
        ax.set(xlabel="percent of the points (dashed: the middle)", ylabel="students", xticks=edges[::2])
        ax.set_ylim(0, max(counts) * 1.15 + 0.5)
        ax.yaxis.get_major_locator().set_params(integer=True)
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

    style = Path(__file__).parents[2] / "plot" / "course.mplstyle"
    ink = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK)
    look = {"svg.fonttype": "none", "svg.hashsalt": name, "grid.color": "#8888884D", "font.family": "sans-serif"}
    with matplotlib.rc_context({**look, **ink}, fname=style):
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
