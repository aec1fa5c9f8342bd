"""Marks, tables and pages from results; what comes from a student must stay text in all of them."""

import base64
import copy
import csv
import io
import os
import random
import time
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from coursekit.checks.report import Finding, Report
from coursekit.grading.intake.owner import student_key
from coursekit.grading.output import (
    anonymous,
    canvas,
    class_report,
    feedback,
    gradebook,
    moodle,
    publish,
    roster,
    rules,
    similarity,
)
from coursekit.grading.output.cells import to_csv
from coursekit.grading.output.gradebook import Gradebook
from coursekit.grading.result import Answer, Flag, Output, Result, RunCell, save

EXERCISES = [
    ("01.1", "The best that one line can do", 2),
    ("01.2", "XOR by hand, with two hidden units", 2),
    ("01.3", "A network that learns XOR", 2),
    ("01.4", "Back-propagation by hand", 3),
    ("01.5", "The same network in Keras, twice", 3),
    ("02.1", "Where classes meet", 4),
]
CAUSES = {
    "01.1": [("wrong-value", "`perceptron` gave 0.5 at (0, 1); labels are 0 or 1. Compare the sum with 0.")],
    "01.2": [("not-xor", "The outputs at the four corners are 0, 1, 1 and 1. The last must be below 0.5.")],
    "01.3": [
        ("linear-model", "The model draws one straight line: 50 % of the corners are right. Give it a hidden layer."),
        ("not-fitted", "The model has never been fitted. Call `model.fit(X, y)` before the check."),
    ],
    "01.4": [
        ("wrong-gradient", "The gradient of `W1` is off by a factor of 4.00, the number of samples. Take the mean."),
        ("transposed", "The gradient of `W2` has shape (1, 8); (8, 1) was expected. Swap the two factors."),
        ("raises", "Your code raised ValueError: shapes (4,8) and (4,1) not aligned. It happened at `dW = h @ d`."),
    ],
    "01.5": [("wrong-activation", "The output layer has no activation; its values leave [0, 1]. Use `sigmoid`.")],
}
HOSTILE = [
    '=HYPERLINK("http://example.org","marks")', "<script>alert(1)</script>", "+1+cmd|' /C calc'!A0", "@SUM(A1:A9)",
    "\t=1+1", "  -2+3", "＝1+1", "Ärger, Zoë", "李雷", "Ahmad \u202egnitset\u202c", "a\r\n=1+1", 'x";=1+1;"',
    "lone \ud800 half", "$\\frac{1}", "</title><img src=x onerror=alert(1)>", "ben{{ 7*7 }}{% include 'x' %}",
]  # fmt: skip
PNG = base64.b64encode(
    base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
).decode()
GIVEN = "import coursekit as ck\n\nseed = ck.setup(seed=0)\n\nimport keras\nimport numpy as np"


def answer(draw, id, status):
    """An answer cell's source that looks like one, different from student to student."""
    if status == "not attempted":
        return "answer = ..."
    a, b, c = (draw.choice(["h", "hidden", "layer", "z", "units", "out"]) for _ in range(3))
    way, step, sign = draw.choice(["maximum", "tanh", "clip", "where"]), draw.choice("+-*@"), draw.choice("+-*/")
    ends = [c, f"{a}.T", f"({c} > 0.5)", f"np.stack([{a}, {c}])"]
    lines = [
        f"def solve_{id.replace('.', '_')}(X, {a}, {b}_2):",
        f"    {a} = np.{way}(X @ {a} + {b}_2, {draw.randint(0, 9)})",
        f"    for step in range({draw.randint(10, 900)}):" if draw.random() < 0.5 else f"    while {a}.sum() > 3:",
        f"        {c} = {a} {step} {b}_2 {sign} {draw.randint(1, 99)}",
    ]
    for _ in range(draw.randint(1, 6)):
        change, take = draw.choice(["+=", "-=", "*="]), draw.choice(["mean", "sum", "max", "T.dot"])
        rest = f"{draw.choice('+-*/@')} {draw.choice(['b', 'w', 'rate', 'eta'])}"
        lines.append(f"        {c}[{draw.randint(0, 9)}] {change} {a}.{take}({draw.randint(0, 3)}) {rest}")
    lines.append(f"    return {draw.choice(ends)}")
    return "\n".join(lines)


def make_result(student, draw, notebook="01", hostile=False):
    """One realistic result; with `hostile`, every text of the student's tries something."""
    evil = "</pre><script>alert(1)</script><img src=x onerror='alert(2)'> =1+1 \x1b[31mred\x1b[0m {{ 7*7 }}"
    reports, cells = {}, [cell(GIVEN, "", "course")]
    skill = draw.random()
    for id, title, points in [e for e in EXERCISES if e[0].startswith(notebook)]:
        hard = {"01.4": 0.6, "01.3": 0.3}.get(id, 0.1)
        luck = draw.random() * 0.8 + skill * 0.6
        status = "passed" if luck > 0.3 + hard else "failed" if luck > 0.3 else "not attempted"
        if status == "passed":
            found = [finding("right", True, "It holds at all 400 points.", points)]
        elif status == "failed":
            part = draw.choice([0, 0, points / 2])
            code, message = draw.choice(CAUSES.get(id, [("wrong", "It is wrong.")]))
            found = [finding("shape", True, "Shapes fit.", part), finding(code, False, message)]
            if hostile:
                found.append(finding("raises", False, f"Your code raised E: {evil}"))
        else:
            found = [finding("not-attempted", False, "`answer` is still `...`: replace the `...` by your answer.")]
        score = sum(f.points for f in found if f.passed)
        reports[id] = Report(id, title, status, score, points, tuple(found), 7)
        source = answer(draw, id, status)
        text = evil if hostile else "accuracy: 0.97"
        cells += [
            cell(source + (f"\n# {evil}" if hostile else ""), id, "answer", [Output("text", text)]),
            cell(f'ck.check("{id}", answer)', id, "check", status="judged"),
            cell(f'ck.plot.curve("{id}")', id, "course", [Output("image", png=PNG)]),
        ]
    if hostile:
        outputs = [
            Output("html-as-text", evil), Output("error", evil), Output("image", png='AAAA" onerror="alert(1)'),
            Output("image", png=base64.b64encode(b"<svg onload=alert(1)>").decode()),
        ]  # fmt: skip
        cells.append(cell(evil, "<script>", "own", outputs, "stopped"))
    seconds, peak_mb = round(draw.gauss(9, 1.2), 2), round(draw.gauss(900, 40), 1)
    submitted = f"2026-11-{draw.randint(20, 30)}T{draw.randint(10, 22)}:05:00+01:00"
    why = draw.choice(["three of four", "the corners cross", "at most 75 %"])
    return Result(
        student, notebook, file=f"{student}/{notebook}.ipynb", seed=123, key="0" * 64, submitted=submitted,
        seconds=seconds, peak_mb=peak_mb, flags=[Flag("memory", evil)] if hostile else [], reports=reports,
        cells=cells, answers=[Answer("01.2", evil if hostile else f"One line cannot do it: {why}.")],
    )  # fmt: skip


def cell(source, exercise, role, outputs=(), status="ok"):
    return RunCell("code", source, exercise, role, status, 0.1, outputs=list(outputs))


def finding(code, passed, message, points=0.0):
    return Finding(code, passed, message, float(points), {"x": 1.0})


def change(result, **values):
    """Set fields of a result."""
    for name, value in values.items():
        setattr(result, name, value)
    return result


def make_class(n=30, notebook="01", seed=0):
    """A class: plain names, hostile ones, one that ended, one unreadable, one that we failed on, a copied pair."""
    draw = random.Random(seed)
    first = ["anna", "ben", "carla", "deniz", "emil", "fatima", "georg", "hana", "ivan", "jana"]
    names = [f"{draw.choice(first)}.{k:03d}" for k in range(max(n - len(HOSTILE), 4))] + HOSTILE
    made = [make_result(name, draw, notebook, hostile=name in HOSTILE) for name in names[:n]]
    change(made[0], status="ended", flags=[Flag("time", "A cell ran over 60 s and was stopped.")])
    change(made[1], status="unreadable", reports={}, cells=[], answers=[], seconds=0.0, peak_mb=0.0)
    change(made[2], status="grader-failed", reports={}, cells=[], answers=[])
    if n < 6:
        return made
    copied = copy.deepcopy(made[3].cells)
    for one in copied:
        one.source = one.source.replace("hidden", "mine").replace("layer", "yours")
    made[5].cells = copied
    change(made[-1], seconds=58.0, peak_mb=2600.0)
    return made


def rows_of(text):
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


# Rules ----------------------------------------------------------------------------------------------------------------

LATE = """
[late]
deadline = 2026-11-30T23:59:00+01:00
grace_minutes = 15
per_day = 0.1
at_most = 0.5
[late.extensions]
anna = 2026-12-03T23:59:00+01:00
ben = { "02" = 2026-12-10T23:59:00+01:00 }
"""


def small(student="zoe", submitted=None, score=2.0, status="passed", notebook="01"):
    report = Report("01.1", "One line", status, score, 2.0)
    return Result(student, notebook, submitted=submitted, reports={"01.1": report})


@pytest.mark.parametrize(
    "submitted, days, total",
    [
        ("2026-11-30T23:58:00+01:00", 0, 2.0),
        ("2026-11-30T22:59:00+00:00", 0, 2.0),  # the deadline itself, told in UTC
        ("2026-12-01T00:13:59+01:00", 0, 2.0),  # after midnight, within the grace
        ("2026-12-01T00:14:01+01:00", 1, 1.8),
        ("2026-12-01T00:14:01+02:00", 0, 2.0),  # an hour earlier than it looks
        ("2026-12-01T23:59:00+01:00", 1, 1.8),
        ("2026-12-01T23:59:01+01:00", 2, 1.6),
        ("2026-12-02T07:58:00+09:00", 1, 1.8),
        ("2026-12-01T23:30:00", 1, 1.8),  # no zone: the deadline's
        ("2027-03-01T12:00:00+01:00", 91, 1.0),
        (None, 0, 2.0),
        ("yesterday", 0, 2.0),
    ],
)
def test_late_days(submitted, days, total):
    score = rules.apply(rules.parse(LATE), small(submitted=submitted), EXERCISES[:1])
    assert (score.days_late, score.total) == (days, pytest.approx(total))
    assert bool(days) == any(line.kind == "late" for line in score.lines)


def test_extensions_are_of_a_student_and_of_a_notebook():
    table, when = rules.parse(LATE), "2026-12-03T20:00:00+01:00"
    assert rules.lateness(table, small("zoe", when))[0] == 3
    days, text = rules.lateness(table, small("anna", when))
    assert days == 0 and "extended" in text
    assert rules.lateness(table, small("ben", when))[0] == 3
    assert rules.lateness(table, small("ben", when, notebook="02"))[0] == 0


def test_a_name_in_the_rules_that_is_no_students_is_told():
    assert rules.strangers(rules.parse(LATE), [small("ben"), small("zoe")]) == ["anna"]


def test_bonus_weights_late_and_cap_in_this_order():
    text = LATE + '[bonus]\n"01.1" = 1.0\n[points]\n"01.1" = 4\n'
    when = "2026-12-01T12:00:00+01:00"
    score = rules.apply(rules.parse(text), small(submitted=when), EXERCISES[:1])
    assert (score.earned, score.bonus, score.late, score.total, score.maximum) == (4.0, 1.0, -0.5, 4.5, 4.0)
    score = rules.apply(rules.parse("cap = 1.0\n" + text), small(submitted=when), EXERCISES[:1])
    assert (score.cap, score.total) == (-0.5, 4.0)
    failed = rules.apply(rules.parse(text), small(score=1.0, status="failed"), EXERCISES[:1])
    assert (failed.earned, failed.bonus) == (2.0, 0.0)
    assert [line.kind for line in score.lines] == ["exercise", "bonus", "late", "cap"]


def test_no_rules_change_nothing_and_a_missing_report_counts_in_the_maximum():
    score = rules.apply(rules.Rules(), small(score=1.5, status="failed"), EXERCISES[:2])
    assert (score.total, score.maximum, score.exercises) == (1.5, 4.0, {"01.1": (1.5, 2.0), "01.2": (0.0, 2.0)})


@pytest.mark.parametrize(
    "text, says",
    [
        ("[late]\ndeadline = 2026-11-30T23:59:00\n", "late.deadline is 2026-11-30T23:59:00, without a time zone"),
        ('[late]\ndeadline = "tomorrow"\n', "late.deadline is 'tomorrow'; a date with time and zone"),
        ("[late]\nper_day = 0.1\n", "late.deadline is missing"),
        ("[late]\ndeadline = 2026-11-30T23:59:00Z\nper_day = 10\n", "late.per_day is 10; a number from 0 to 1"),
        ("[late]\ndeadlin = 1\n", "late.deadlin is no rule. There are: late.deadline"),
        ('[bonus]\n"01.1" = "much"\n', "bonus.01.1 is 'much'; a number, 0 or more"),
        ('[bonus]\n"09.9" = 1\n', "bonus.'09.9' names no exercise of the course"),
        ("[bonus]\n01.1 = 1\n", "put the id in quotation marks"),
        ("[points\n", "this is not TOML"),
        ("cap = nan\n", "cap is nan; a number, 0 or more"),
        ("late = 3\n", "late is 3; a table was expected. Write `[late]`."),
        ("[late.extensions]\nanna = 2026-12-03T23:59:00+01:00\n", "late.deadline is missing"),
    ],
)
def test_an_error_in_the_rules_is_one_sentence_with_its_key(text, says, tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(rules.RulesError) as caught:
        rules.read(path, [id for id, _, _ in EXERCISES])
    assert says in str(caught.value) and str(caught.value).startswith("rules.toml: ")


def test_missing_rules_file(tmp_path):
    with pytest.raises(rules.RulesError, match="There is no file .*Give the path"):
        rules.read(tmp_path / "no.toml")


# Tables ---------------------------------------------------------------------------------------------------------------


def test_gradebook_has_a_row_per_student_and_numbers_stay_numbers():
    made = make_class()
    table = rows_of(gradebook.table(Gradebook(made, EXERCISES)))
    header, rows = table[0], table[1:]
    assert header[:2] == ["student", "01.1 The best that one line can do"] and "02.1 Where classes meet" not in header
    assert len(rows) == len(made) == 30
    by_status = {row[header.index("status")]: dict(zip(header, row, strict=True)) for row in rows}
    assert by_status["unreadable"]["total"] == "0"
    # No zero through our own fault.
    assert by_status["grader-failed"]["total"] == by_status["grader-failed"]["percent"] == ""
    for row in rows:
        of = dict(zip(header, row, strict=True))
        if of["total"]:
            own = sum(float(of[name] or 0) for name in header if name.startswith("01."))
            assert float(of["total"]) == pytest.approx(own) and float(of["maximum"]) == 12
    assert "\r\n" in gradebook.table(Gradebook(made, EXERCISES))


def test_gradebook_of_two_notebooks_and_a_half_done_class():
    made = make_class(8) + make_class(8, "02")[3:]
    table = rows_of(gradebook.table(Gradebook(made, EXERCISES)))
    row = dict(zip(table[0], next(r for r in table if r[0] == made[0].student), strict=True))
    assert row["02.1 Where classes meet"] == "" and float(row["maximum"]) == 16
    assert rows_of(gradebook.table(Gradebook([], EXERCISES)))[0][0] == "student"


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1+2", "@A1", "\t=1", "\r=1", "\n=1", "  =1", "\u00a0=1", "＝1", "＋1", "－1", "＠A", "\u200b=1",
     "a;=1", "a\n=1", "a\r\n  =1", "a\t=1", "\x00=1", '"=1', "\u2028@x", "\ufeff=1", "\x1b[0m=1", "\x1b]0;x\x07=1",
     "\x7f=1", "\u202e=1", "a;\x1b[0m =1", "\ud800=1;=2", ";;=1", " \t =1", "\u00ad=1"],
)  # fmt: skip
def test_no_cell_is_a_formula(text):
    import re
    import unicodedata

    cells = rows_of(to_csv([[text, 1.5]]))[0]
    assert cells[1] == "1.5"
    # Whatever the separator of the machine: comma, semicolon or tab; and whether or not quotes are understood.
    for part in re.split(r"[;\t\r\n\u2028]", cells[0]):
        seen = "".join(c for c in unicodedata.normalize("NFKC", part) if unicodedata.category(c)[0] not in "CZ")
        assert not seen.startswith(("=", "+", "-", "@")), repr(cells[0])


def test_plain_text_and_numbers_are_left_alone():
    row = ["Ärger, Zoë", "a-b", "x = 1", 'say "hi"', "-", "O'Neil", 3.0, -0.25, 0, None, float("nan")]
    written = rows_of(to_csv([row]))[0]
    assert written == ["Ärger, Zoë", "a-b", "x = 1", 'say "hi"', "-", "O'Neil", "3", "-0.25", "0", "", ""]


def test_every_table_escapes_every_hostile_name():
    made = make_class(60)
    book = Gradebook(made, EXERCISES)
    for text in (
        gradebook.table(book), gradebook.text_answers(book),
        canvas.canvas(book).text, moodle.moodle(book).text,
    ):  # fmt: skip
        text.encode("utf-8")
        for row in rows_of(text)[1:]:
            for value in row:
                assert not value.lstrip().startswith(("=", "+", "@", "＝")), value
                assert value == "-" or not value.startswith("-") or float(value) <= 0


def test_text_answers_are_grouped_by_exercise():
    made = make_class(6)
    made[0].answers = [Answer("01.1", "early"), Answer("", "hello")]
    table = rows_of(gradebook.text_answers(Gradebook(made, EXERCISES)))
    assert table[0] == ["exercise", "title", "student", "answer", "points", "remarks"]
    assert [row[0] for row in table[1:3]] == ["", "01.1"] and {row[0] for row in table[3:]} == {"01.2"}


def test_canvas_without_a_roster():
    made = make_class(5)
    change(made[3], platform="canvas", ident="4711")
    table = rows_of(canvas.canvas(Gradebook(made, EXERCISES)).text)
    assert table[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Notebook 01"]
    assert table[1] == ["    Points Possible", "", "", "", "", "12"]
    assert [row[1] for row in table[2:] if row[0] == made[3].student] == ["4711"]


CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Essay (80),Notebook 01 XOR (81),Final Score\r\n"
    ",,,,,Manual Posting,,\r\n"
    "    Points Possible,,,,,10,24,(read only)\r\n"
    '"Doe, Jane",4711,s-001,jdoe,Group A,7,,80\r\n'
    '"Weiß, Jörg",4712,s-002,=jw,Group B,8,5,70\r\n'
    '"=HYPERLINK(""x"")",4713,s-003,zz,Group B,9,6,70\r\n'
)


def test_canvas_keeps_the_roster_and_scales_to_its_points():
    jane, joerg = small("somebody"), small("jörg weiß", score=1.0, status="failed")
    change(jane, platform="canvas", ident="4711")
    upload = canvas.canvas(Gradebook([jane, joerg, small("nobody")], EXERCISES), roster="\ufeff" + CANVAS)
    table = rows_of(upload.text)
    assert table[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Notebook 01 XOR (81)"]
    assert table[2] == ["    Points Possible", "", "", "", "", "24"]
    assert table[3] == ["Doe, Jane", "4711", "s-001", "jdoe", "Group A", "4"]  # 2 of 12, of 24 there
    assert table[4][:2] + table[4][5:] == ["Weiß, Jörg", "4712", "2"] and table[4][3] == "'=jw"
    assert table[5][0].startswith("'=") and table[5][1] == "4713" and table[5][5] == "6"  # its mark is left
    assert any("scaled" in note for note in upload.notes) and any("nobody" in note for note in upload.notes)
    assert upload.absent == ('=HYPERLINK("x")',)


WORKSHEET = (
    "Identifier,Full name,Email address,Status,Grade,Maximum grade,Grade can be changed,Last modified (submission),"
    "Last modified (grade),Feedback comments\n"
    "Participant 901,Jane Doe,jane@example.org,Submitted for grading,,100.00,Yes,"
    '"Monday, 30 November 2026, 9:00 PM",-,\n'
    "Participant 902,@evil,e@example.org,No submission,-,100.00,Yes,-,-,\n"
)


def test_moodle_worksheet_is_filled_and_scaled_to_its_maximum():
    one = small("x")
    change(one, platform="moodle", ident="901")
    upload = moodle.moodle(Gradebook([one], EXERCISES), roster=WORKSHEET)
    table = rows_of(upload.text)
    assert table[0][0] == "Identifier" and "Last modified (grade)" in table[0]
    assert table[1][0] == "Participant 901" and float(table[1][4]) == pytest.approx(100 * 2 / 12, abs=1e-3)
    assert table[2][1] == "'@evil" and table[2][4] == "-"
    assert "scaled" in upload.notes[0] and upload.absent == ("@evil",)


def test_moodle_without_a_roster_and_for_a_whole_course():
    one = small("Jane Doe")
    change(one, platform="moodle", ident="901")
    table = rows_of(moodle.moodle(Gradebook([one], EXERCISES)).text)
    assert table[0][:5] == ["Identifier", "Full name", "Status", "Grade", "Maximum grade"]
    assert table[1][:5] == ["Participant 901", "Jane Doe", "Submitted for grading", "2", "12"]
    both = Gradebook([one, small("Jane Doe", notebook="02")], EXERCISES)
    grades = "First name,Last name,ID number,Email address\nJane,Doe,7,jane@example.org\n"
    table = rows_of(moodle.moodle(both, roster=grades).text)
    assert table[0][-2:] == ["Notebook 01", "Notebook 02"] and table[1][-2:] == ["2", "0"]
    with pytest.raises(roster.RosterError, match="worksheet of one assignment"):
        moodle.moodle(both, roster=WORKSHEET)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "Teilnehmer/in,Bewertung\nx,y\n"])
def test_a_strange_roster_is_refused_in_one_sentence(text):
    for make in (canvas.canvas, moodle.moodle):
        with pytest.raises(roster.RosterError, match=r"[Ee]xport"):
            make(Gradebook([small()], EXERCISES), roster=text)


def test_two_who_claim_one_row_get_neither():
    people = [{"name": "Jane Doe", "email": "jane@example.org"}]
    matched, left, _ = roster.match(Gradebook([small("jane doe"), small("jane")], EXERCISES).students, people)
    assert matched == {} and left == ["jane", "jane doe"]


# Pages ----------------------------------------------------------------------------------------------------------------


class Elements(HTMLParser):
    """The elements of a page, with their attributes, and its text."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.found, self.text = [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    handle_startendtag = handle_starttag

    def handle_data(self, data):
        self.text.append(data)


def harmless(page):
    page.encode("utf-8")
    elements = Elements(page)
    tags = {tag for tag, _ in elements.found}
    assert not tags & {"script", "iframe", "object", "embed", "link", "base", "form", "input", "foreignobject", "video"}
    for tag, attributes in elements.found:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        if tag == "img":
            assert attributes["src"].startswith("data:image/png;base64,") and attributes["alt"]
        for name in ("href", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "feedback/")), attributes
    policy = [a["content"] for tag, a in elements.found if a.get("http-equiv") == "Content-Security-Policy"]
    assert len(policy) == 1 and "default-src 'none'" in policy[0] and "script-src 'none'" in policy[0]
    assert page.index("Content-Security-Policy") < page.index("<title>")
    return elements


def test_nothing_of_a_student_becomes_markup():
    made = make_class(60)
    for result in made:
        harmless(feedback.feedback({"01": result}, Gradebook([result], EXERCISES)))
    text = "".join(harmless(feedback.text_answers(Gradebook(made, EXERCISES))).text)
    assert "<script>alert(1)</script>" in text and "{{ 7*7 }}" in text and "\x1b" not in text
    harmless(class_report.class_page(Gradebook(made, EXERCISES)))


def test_feedback_says_what_counts_and_what_to_try():
    made = make_result("anna", random.Random(5))
    made.reports["01.3"] = replace(
        made.reports["01.3"], status="failed", score=0.0, findings=(finding(*cause("01.3")),)
    )
    made.submitted = "2026-12-04T12:00:00+01:00"
    text = "".join(Elements(feedback.feedback({"01": made}, Gradebook([made], EXERCISES, rules.parse(LATE)))).text)
    assert "Feedback for anna" in text and "Give it a hidden layer." in text and "Try next" in text
    assert "1 started day late, 10% of the points" in text and "due 2026-12-03 23:59 (extended)" in text
    score = rules.apply(rules.parse(LATE), made, EXERCISES)
    assert f"{score.total:.2f}".rstrip("0").rstrip(".") + " of 12" in text


def cause(id):
    code, message = CAUSES[id][0]
    return code, False, message


@pytest.mark.parametrize("status", ["unreadable", "grader-failed", "ended"])
def test_feedback_of_what_was_not_graded(status):
    made = change(make_result("anna", random.Random(5)), status=status)
    if status != "ended":
        change(made, reports={}, cells=[])
    text = "".join(harmless(feedback.feedback({"01": made}, Gradebook([made], EXERCISES))).text)
    wanted = {"unreadable": "could not be read", "grader-failed": "not by your fault", "ended": "ended before"}
    assert wanted[status] in text
    assert ("0 of 12" in text) == (status == "unreadable")


def test_only_a_png_becomes_a_picture():
    assert feedback._png(PNG, [9])["width"] == 1
    huge = bytearray(base64.b64decode(PNG))
    huge[16:24] = (60_000).to_bytes(4, "big") * 2
    bad = [None, 7, "", "!!!!", PNG[:-3] + '">', base64.b64encode(b"GIF89a" * 9).decode(),
           base64.b64encode(bytes(huge)).decode(), "A" * 5_000_000]  # fmt: skip
    assert [feedback._png(text, [10**12]) for text in bad] == [None] * len(bad)


def test_the_pictures_of_a_page_have_a_size_together():
    large = bytearray(base64.b64decode(PNG))
    large[16:24] = (6000).to_bytes(4, "big") * 2
    output = Output("image", png=base64.b64encode(bytes(large)).decode())
    made = change(make_result("anna", random.Random(5)), cells=[RunCell("code", "x", outputs=[output] * 30)] * 20)
    elements = harmless(feedback.feedback({"01": made}, Gradebook([made], EXERCISES)))
    assert len([tag for tag, _ in elements.found if tag == "img"]) == feedback.PIXELS // 6000**2


def test_file_names_are_safe_and_of_one_student_only():
    names = [*HOSTILE, "anna", "Anna", "ANNA", "änna", "con", "../../etc/passwd", "", "a" * 300, "a" * 301, "."]
    names.append(feedback.file_name("Anna").removesuffix(".html"))
    made = [feedback.file_name(name) for name in names]
    assert len({name.lower() for name in made}) == len(names) and feedback.file_name("anna") == "anna.html"
    assert all(name.isascii() and "/" not in name and not name.startswith(".") and len(name) < 80 for name in made)


def test_the_class_page_tells_first_what_is_not_understood():
    made = make_class(30)
    page = class_report.class_page(Gradebook(made, EXERCISES))
    assert page.index("What the class has not understood") < page.index("Exercise by exercise")
    first = class_report.findings([r for r in made if r.ran], EXERCISES[:5])[0]
    assert first["exercise"] == "01.4"
    counted = sum(
        r.reports["01.4"].status == "failed" and r.reports["01.4"].codes[0] == first["code"]
        for r in made if r.reports
    )  # fmt: skip
    assert first["count"] == counted > 1
    labels = [a["aria-label"] for tag, a in Elements(page).found if a.get("role") == "img"]
    assert any(label.startswith("01.4: of 28 students") for label in labels)
    assert "A cell ran over 60 s" in page and "Took 58 s; half of the class took 9 s or less." in page


def test_examples_do_not_say_whose_they_are():
    source = "# by Anna Lindqvist, thanks to Bernd, anna@example.org\nlindqvist_model = np.max(X)  # 7654321\nmax = 3"
    text, changed = anonymous.anonymous(source, "Anna Lindqvist", ["Anna Lindqvist", "Bernd Max"])
    assert changed >= 5
    assert not any(name in text.lower() for name in ("anna", "lindqvist", "bernd", "example.org", "7654321"))
    assert "np.max(X)" in text  # a classmate's name in code is code
    broken, _ = anonymous.anonymous("def f(:\n  '''Bernd", "x", ["Bernd"])
    assert "Bernd" not in broken
    made = make_class(30)
    for result in made:
        for one in result.cells:
            one.source = f"# {result.student}\n{one.source}"
    for item in class_report.findings([r for r in made if r.reports], EXERCISES):
        assert not any(r.student in item["source"] for r in made)


def test_texts_made_to_be_slow_are_not(tmp_path):
    made = make_class(6)
    long = "a" * 200_000
    made[3].cells.append(cell(long, "01.4", "answer", [Output("text", "\x1b]" * 200_000)]))
    made[3].cells.append(cell("(" * 50_000 + "'" + ";" * 50_000, "01.4", "answer"))
    wrong = finding("wrong", False, "`" * 50_001 + long)
    made[3].reports["01.4"] = replace(made[3].reports["01.4"], status="failed", findings=(wrong,))
    made[3].flags = [Flag("x", "; " * 100_000 + "=1")]
    store(tmp_path / "results", made)
    start = time.process_time()
    publish.publish(tmp_path, EXERCISES)
    assert time.process_time() - start < 5


def test_outliers_are_far_on_the_high_side():
    made = make_class(30)
    found = class_report.outliers([r for r in made if r.status == "graded"])
    assert list(found) == [(made[-1].student, "01")] and len(found[made[-1].student, "01"]) == 2
    assert class_report.outliers([change(small(), seconds=5.0, peak_mb=5.0) for _ in range(9)]) == {}


def test_copies_are_found_and_the_course_is_not_one():
    pytest.importorskip("copydetect")
    made = make_class(30)
    lines = [f"    ax[{k}].plot(history[{k}], label={k})" for k in range(40)]
    given = "\n".join(["def plot_all(history, model):", *lines])
    for result in made:
        result.cells.append(cell(given, "01.1", "answer"))
    pairs, note = similarity.similar([r for r in made if r.cells], {"01": [given]})
    assert [{pair["first"], pair["second"]} for pair in pairs] == [{made[3].student, made[5].student}], note
    assert "ax[9]" not in pairs[0]["shared"]


def test_stubs_are_no_answers():
    """Neither whole, nor a line of them in a cell that is filled, nor where one follows another."""
    pytest.importorskip("copydetect")
    names = [f"part_{k}" for k in range(12)]
    stubs = [f"def {name}(inputs, weights, bias):\n    return ...\n\n\nanswer = ...\nresult = ..." for name in names]
    made = make_class(4)
    for i, result in enumerate(made):
        own = [f"    total = {'+'.join('xyz'[: i + 1])} * {i}\n    return total ** {i}"] * (i > 1)
        filled = [stub.replace("    return ...", own[0]) if own else stub for stub in stubs[:2]] + stubs[2:]
        result.cells[:] = [cell(source, "01.1", "answer") for source in filled]
    assert similarity.similar(made, {"01": stubs})[0] == []
    pairs, _ = similarity.similar(made)
    assert pairs, "Without the course's cells they would be alike."


def test_without_copydetect_the_page_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "copydetect", None)
    assert "coursekit[similar]" in class_report.class_page(Gradebook(make_class(5), EXERCISES))


# The folder -----------------------------------------------------------------------------------------------------------


def store(folder, made):
    folder.mkdir(parents=True, exist_ok=True)
    for result in made:
        save(folder / f"{student_key(result.student, result.ident)}--{result.notebook}.json", result)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.*")) if path.is_file()}


def test_the_same_results_give_the_same_bytes_in_any_order(tmp_path):
    made = make_class(12) + make_class(12, "02")
    for name, order in (("a", made), ("b", made[::-1])):
        store(tmp_path / name / "results", order)
        publish.publish(tmp_path / name, EXERCISES, rules.parse(LATE))
    one, other = (
        {name: data for name, data in contents(tmp_path / folder).items() if not name.startswith("results")}
        for folder in "ab"
    )
    assert one == other
    tables = {"gradebook.csv", "canvas.csv", "moodle.csv", "text_answers.csv"}
    assert tables | {"text_answers.html", "class.html"} < set(one)
    assert len([name for name in one if name.startswith("feedback")]) == len({r.student for r in made})
    # A mark for Excel where it is opened, none where it is uploaded.
    assert one["gradebook.csv"][:3] == b"\xef\xbb\xbf" != one["canvas.csv"][:3]


def of_moodle(student, ident, notebook="01", score=2.0):
    return replace(small(student, notebook=notebook, score=score), ident=ident, platform="moodle" if ident else "")


def publish_marks(folder, made):
    """What the gradebook says after `made` was published: student -> total."""
    store(folder / "results", made)
    publish.publish(folder, EXERCISES)
    rows = rows_of((folder / "gradebook.csv").read_text(encoding="utf-8"))
    assert len(list((folder / "feedback").iterdir())) == len(rows) - 1
    return {row[0]: row[rows[0].index("total")] for row in rows[1:]}


def test_two_students_who_are_shown_alike_have_a_row_and_a_mark_each(tmp_path):
    apart = [of_moodle("Jane Doe (12)", "99", score=0.0), replace(of_moodle("Jane Doe", "12"), student="Jane Doe (12)")]
    store(tmp_path / "a" / "results", [])
    save(tmp_path / "a" / "results" / f"{student_key('Jane Doe', '12')}--01.json", apart.pop())
    marks = publish_marks(tmp_path / "a", apart)
    assert len(marks) == 2 and sorted(marks.values()) == ["0", "2"]
    worksheet = rows_of((tmp_path / "a" / "moodle.csv").read_text())
    assert {row[0]: row[3] for row in worksheet[1:]} == {"Participant 12": "2", "Participant 99": "0"}
    # A folder named after a student first, what Moodle gives next.
    marks = publish_marks(tmp_path / "b", [of_moodle("Jane Doe", "", score=1.0), of_moodle("jane doe", "12")])
    assert sorted(marks.values()) == ["1", "2"]


def test_two_spellings_of_a_name_are_one_row_and_one_page(tmp_path):
    assert publish_marks(tmp_path, [small("Anna Lee"), small("anna lee", notebook="02")]) == {"Anna Lee": "2"}
    assert rows_of((tmp_path / "canvas.csv").read_text())[2:] == [["Anna Lee", "", "", "", "", "2", "0"]]


def test_broken_and_half_written_results_do_not_stop_the_pages(tmp_path):
    store(tmp_path / "results", make_class(3))
    (tmp_path / "results" / "x--01.json").write_text('{"version": 1, "stu')
    (tmp_path / "results" / "y--01.json").write_text('{"version": 9, "status": "graded"}')
    (tmp_path / "results" / ".z--01.json.tmp").write_text("{")
    notes = publish.publish(tmp_path, EXERCISES)
    assert [note.split()[0] for note in notes] == ["x--01.json", "y--01.json"]
    assert "x--01.json is not a result" in (tmp_path / "class.html").read_text()
    assert not list(tmp_path.glob(".*.tmp")) and not list(tmp_path.glob("feedback/.*"))
    empty = tmp_path / "empty"
    (empty / "results").mkdir(parents=True)
    assert publish.publish(empty, EXERCISES) == [] and "Nothing is graded yet" in (empty / "class.html").read_text()


def test_an_unusable_roster_does_not_cost_the_marks(tmp_path):
    store(tmp_path / "results", make_class(6))
    (tmp_path / "roster.csv").write_text("a,b\n1,2\n")
    notes = publish.publish(tmp_path, EXERCISES, roster=tmp_path / "roster.csv")
    assert notes[0].startswith("canvas.csv and moodle.csv were written without the roster. The roster has the columns")
    assert (tmp_path / "class.html").exists() and len(rows_of((tmp_path / "canvas.csv").read_text())) == 8


def test_pictures_of_a_class_do_not_fill_the_memory(tmp_path):
    import tracemalloc

    made = make_class(24)
    picture = base64.b64encode(base64.b64decode(PNG) + b"x" * 300_000).decode()
    for result in made:
        for one in result.cells:
            one.outputs = [Output("image", png=picture)]
    store(tmp_path / "results", made)
    size = sum(path.stat().st_size for path in (tmp_path / "results").iterdir())
    tracemalloc.start()
    loaded, _ = gradebook.load(tmp_path / "results")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(loaded) == 24 and held < size / 20, f"{held / 1e6:.1f} MB held of {size / 1e6:.1f} MB"
    publish.publish(tmp_path, EXERCISES)
    page = (tmp_path / "feedback" / feedback.file_name(made[3].student)).read_text()
    assert picture in page


def test_two_hundred_students_in_under_ten_seconds(tmp_path):
    store(tmp_path / "results", make_class(200))
    spent = -sum(os.times()[:4])  # this process and those that it forks
    publish.publish(tmp_path, EXERCISES, rules.parse(LATE))
    spent += sum(os.times()[:4])
    assert len(list((tmp_path / "feedback").iterdir())) == 200
    assert spent < 10, f"{spent:.1f} s of CPU"


def test_the_instructors_time_of_submission_counts():
    text = """
        [late]
        deadline = 2026-11-30T23:59:00+01:00
        per_day = 0.1
        [late.submitted]
        anna = 2026-12-02T10:00:00+01:00
        ben = {"01" = 2026-11-30T12:00:00+01:00}
    """
    said = rules.parse(text)
    for name, days in (("anna", 2), ("ben", 0)):
        assert rules.lateness(said, Result(name, "01"))[0] == days
    assert "not known" in rules.lateness(said, Result("ben", "02"))[1]
    with pytest.raises(rules.RulesError, match="late.submitted.anna"):
        rules.parse('[late]\ndeadline = 2026-11-30T23:59:00+01:00\n[late.submitted]\nanna = "yesterday"')
