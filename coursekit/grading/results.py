"""From a folder of results to the tables that an instructor opens and uploads.

Everything here is a function of the results, so that it can be run again at any time, also when half are graded.
What comes from a student (names, prose, flags that quote them) is text in a table and never a formula.

gradebook.csv and text_answers.csv begin with a byte order mark: they are made to be opened, and Excel takes a file
without one for the code page of the machine and shows "MÃ¼ller". The files for Canvas and Moodle have none: they are
made to be uploaded, and both read plain UTF-8.
"""

import csv
import io
import math
import os
import re
import tempfile
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

from coursekit.grading import rules as _rules
from coursekit.grading.result import load as load_result


class RosterError(Exception):
    """The file that the learning platform exported cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class Upload:
    """A table to upload, and one sentence for each thing that an instructor should know before doing so."""

    text: str
    notes: tuple = ()
    absent: tuple = ()  # who stands in the roster and has handed in nothing


def load(folder, outputs=True):
    """Read the results in `folder`.

    Parameters
    ----------
    folder : path
    outputs : bool
        Without them a class fits into memory, however many pictures it drew; `result.read` gives one whole.

    Returns
    -------
    results : list of Result
        Sorted by student and notebook, whatever the order in which they were written.
    problems : list of str
        One sentence for each file that is no result.
    """
    results, problems = [], []
    for path in sorted(Path(folder).glob("[!.]*.json")):
        result = load_result(path)
        if result is None:
            problems.append(f"{path.name} is not a result of this version; delete it and grade again.")
            continue
        if not outputs:
            result = replace(result, cells=[replace(cell, outputs=[]) for cell in result.cells])
        results.append(replace(result, path=str(path)))
    return ordered(results), problems


def ordered(results):
    """The results by student, without regard to case, then notebook."""
    return sorted(results, key=lambda item: (*_sorting(item.student), item.notebook))


def by_student(results):
    """Student -> notebook -> result, in order."""
    table = {}
    for result in ordered(results):
        table.setdefault(result.student, {})[result.notebook] = result
    return table


def in_play(results, exercises):
    """The exercises of the notebooks that occur in the results, in the order of the course."""
    numbers = {result.notebook for result in results}
    return [item for item in exercises if item[0].split(".")[0] in numbers]


def numbers_of(exercises):
    """The notebooks' numbers, each once, in order."""
    return list(dict.fromkeys(item[0].split(".")[0] for item in exercises))


def gradebook(results, exercises, rules=None):
    """A row per student: score per exercise, total, maximum, percent, status, seconds, flags.

    A notebook that was not handed in leaves its cells empty and counts as nothing; one on which the grader itself
    failed leaves the total empty too: it is no zero, it waits for a human being.

    Parameters
    ----------
    results : list of Result
    exercises : list of (id, title, points)
    rules : Rules, optional

    Returns
    -------
    str
        The text of a CSV file. A column of an exercise is called "01.1 Its title", because a spreadsheet would make
        the number 1.1, or the first of January, of the id alone.
    """
    rules = rules or _rules.Rules()
    mine = in_play(results, exercises)
    header = ["student", *(f"{id} {title}" for id, title, _ in mine), "earned", "bonus", "late", "days_late",
              "total", "maximum", "percent", "status", "seconds", "flags"]  # fmt: skip
    rows = []
    for student, own in by_student(results).items():
        scores = {number: _rules.apply(rules, result, exercises) for number, result in own.items()}
        of = {id: worth.exercises[id][0] for number, worth in scores.items() for id in worth.exercises}
        failed = any(result.failed for result in own.values())
        maximum = sum(float(rules.points.get(id, points)) for id, _, points in mine)
        total = None if failed else sum(worth.total for worth in scores.values())
        broken = {number for number, result in own.items() if result.failed}
        rows.append([
            student,
            *(None if id.split(".")[0] in broken else of.get(id) for id, _, _ in mine),
            sum(worth.earned for worth in scores.values()),
            sum(worth.bonus for worth in scores.values()),
            sum(worth.late + worth.cap for worth in scores.values()),
            max(worth.days_late for worth in scores.values()),
            total, maximum, round(100 * total / maximum, 1) if maximum and total is not None else None,
            _each(own, lambda result: result.status),
            round(sum(_finite(result.seconds) for result in own.values()), 1),
            "; ".join(_flags(own)),
        ])  # fmt: skip
    return to_csv([header, *rows])


def text_answers(results, exercises):
    """Every answer in prose, by exercise, with empty columns for points and remarks."""
    rows = [["exercise", "title", "student", "answer", "points", "remarks"]]
    rows += [[id, title, student, text, None, None] for id, title, student, text in answers(results, exercises)]
    return to_csv(rows)


def answers(results, exercises):
    """(exercise, title, student, text) of every answer in prose, in the order of the course."""
    places = {id: (place, title) for place, (id, title, _) in enumerate(exercises)}
    found = []
    for result in ordered(results):
        for answer in result.answers:
            place, title = places.get(answer.after, (-1, "Before the first exercise"))
            found.append((result.notebook, place, answer.after, title, result.student, answer.text))
    return [item[2:] for item in sorted(found, key=lambda item: (item[0], item[1]))]


# Canvas ---------------------------------------------------------------------------------------------------------------


def canvas(results, exercises, rules=None, roster=None):
    """The marks in the form that Canvas imports (Grades, Import).

    The form is that of Canvas's own importer (lib/gradebook_importer.rb of instructure/canvas-lms): the first two
    columns are "Student" and "ID", then "SIS User ID", "SIS Login ID" and "Section"; every further column is an
    assignment, found by the number in parentheses at the end of its name, else by its exact title, else created. A
    row whose first cell holds "Points Possible" sets what an assignment is out of. A student is found by ID, then by
    the SIS ids, then by name. The numbers in a file that Canvas names (name_ID_attachment_title.ipynb) give the ID.

    Parameters
    ----------
    results : list of Result
    exercises : list of (id, title, points)
    rules : Rules, optional
    roster : str, optional
        The text of the file that Canvas exported. Its rows, its columns up to "Section" and its assignment columns
        for these notebooks are kept and the marks put in, scaled to what Canvas says is possible; a mark that we do
        not have leaves the cell as it was.

    Returns
    -------
    Upload
    """
    rules = rules or _rules.Rules()
    marks = _marks(results, exercises, rules)
    numbers = numbers_of(in_play(results, exercises))
    if roster is None:
        rows = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *(f"Notebook {n}" for n in numbers)]]
        rows.append(["    Points Possible", None, None, None, None, *(_worth(n, exercises, rules) for n in numbers)])
        for student, own in by_student(results).items():
            ids = [_ident(result, "canvas") for result in own.values()]
            rows.append([student, ids[0] or None, None, None, None,
                         *(marks.get((student, n)) for n in numbers)])  # fmt: skip
        note = "canvas.csv matches students by name where no ID is known; give the file that Canvas exported instead."
        return Upload(to_csv(rows), () if all(row[1] is not None for row in rows[2:]) else (note,))

    rows = _table(roster)
    header = rows[0]
    if len(header) < 4 or "Student" not in header[0] or "ID" not in header[1] or "Section" not in header:
        raise RosterError(
            f"The roster begins with the columns {_listed(header)}; Canvas exports begin with Student, ID, ... Section."
        )
    last = header.index("Section")
    columns = {n: _column(header, n, last + 1) for n in numbers}
    points = next((row for row in rows[1:] if "Points Possible" in row[0]), None)
    kept, notes = [*range(last + 1), *(c for c in columns.values() if c is not None)], []
    people = [row for row in rows[1:] if row is not points and row[1].strip()]
    places = {id(row): place for place, row in enumerate(people)}
    keys = [{"id": row[1], "name": row[0], **_pick(header, row, "SIS User ID", "SIS Login ID")} for row in people]
    matched, left, absent = match(results, keys)
    table = [[header[c] for c in kept] + [f"Notebook {n}" for n in numbers if columns[n] is None]]
    for row in rows[1:]:
        student = matched.get(places.get(id(row)))
        # Cells are Canvas's own ids up to the section; the name alone is written by a student.
        cells = [row[c] if 0 < c < last and _harmless(row[c]) else _as_cell(row[c]) for c in kept]
        for n in numbers:
            possible = _amount(points[columns[n]]) if points and columns[n] is not None else None
            mark = marks.get((student, n))
            worth = _worth(n, exercises, rules)
            scaled = mark * possible / worth if mark is not None and possible and worth else mark
            if columns[n] is None:
                cells.append(worth if row is points else scaled)
            elif scaled is not None:
                cells[kept.index(columns[n])] = round(scaled, 4)
        table.append(cells)
    for n in numbers:
        if columns[n] is None:
            notes.append(f'Canvas has no assignment whose name holds "{n}"; the import will offer to create one.')
        elif points and (possible := _amount(points[columns[n]])) and possible != _worth(n, exercises, rules):
            notes.append(f"{header[columns[n]]} is out of {possible:g} in Canvas and of {_worth(n, exercises, rules):g}"
                         f" here: the marks were scaled.")  # fmt: skip
    return Upload(to_csv(table), (*notes, *_left(left, "Canvas")), tuple(absent))


# Moodle ---------------------------------------------------------------------------------------------------------------


def moodle(results, exercises, rules=None, roster=None):
    """The marks in a form that Moodle imports.

    For one notebook it is the assignment's grading worksheet (View all submissions, Upload grading worksheet), whose
    reader (mod/assign/feedback/offline/importgradeslib.php of moodle/moodle) wants the columns "Identifier", with
    "Participant" and a number in it, "Grade" and "Last modified (grade)". For more than one notebook it is a table
    for the gradebook's CSV import (grade/import/csv), which finds people by email address, ID number or username and
    lets you say which column is which grade item. The number in a folder that Moodle names
    ("Name_NUMBER_assignsubmission_file_") is the participant's.

    Parameters
    ----------
    results : list of Result
    exercises : list of (id, title, points)
    rules : Rules, optional
    roster : str, optional
        The text of the worksheet, or of the grades, that Moodle exported. Its rows and columns are kept and the
        marks put in; in a worksheet they are scaled to the column "Maximum grade", because Moodle takes the number
        as it stands.

    Returns
    -------
    Upload
    """
    rules = rules or _rules.Rules()
    marks = _marks(results, exercises, rules)
    numbers = numbers_of(in_play(results, exercises))
    if roster is None:
        return _moodle_alone(results, exercises, rules, marks, numbers)
    rows = _table(roster)
    header = [name.strip() for name in rows[0]]
    lower = [name.casefold() for name in header]
    where = {name: lower.index(name) for name in ("identifier", "grade", "maximum grade", "full name", "first name",
             "last name", "surname", "email address", "username", "id number") if name in lower}  # fmt: skip
    people = rows[1:]
    keys = []
    for row in people:
        first, last = (_at(row, where, "first name"), _at(row, where, "last name") or _at(row, where, "surname"))
        number = re.search(r"\d+", _at(row, where, "identifier"))
        keys.append({
            "participant": number[0] if number else "", "name": _at(row, where, "full name") or f"{first} {last}",
            "email": _at(row, where, "email address"), "username": _at(row, where, "username"),
            "number": _at(row, where, "id number"),
        })  # fmt: skip
    matched, left, absent = match(results, keys)
    notes = []
    fixed = {where[name] for name in ("identifier", "email address", "username", "id number") if name in where}
    table = [[_as_cell(name) for name in header]]
    if "identifier" in where and "grade" in where:
        if len(numbers) > 1:
            raise RosterError(
                f"The roster is the worksheet of one assignment, and there are results of notebooks {_listed(numbers)};"
                " give the results of one notebook, or the grades that Moodle exports for the whole course."
            )
        worth = _worth(numbers[0], exercises, rules) if numbers else 0
        scaled = set()
        for place, row in enumerate(people):
            cells = [row[c] if c in fixed and _harmless(row[c]) else _as_cell(row[c]) for c in range(len(header))]
            mark = marks.get((matched.get(place), numbers[0])) if numbers else None
            if mark is not None:
                most = _amount(_at(row, where, "maximum grade"))
                if most and worth and most != worth:
                    scaled.add(most)
                    mark = mark * most / worth
                cells[where["grade"]] = round(mark, 4)
            table.append(cells)
        notes += [f"Moodle's maximum is {most:g} and ours {worth:g}: the marks were scaled." for most in sorted(scaled)]
    elif where.keys() & {"email address", "username", "id number"}:
        table[0] += [f"Notebook {n}" for n in numbers]
        for place, row in enumerate(people):
            cells = [row[c] if c in fixed and _harmless(row[c]) else _as_cell(row[c]) for c in range(len(header))]
            table.append(cells + [marks.get((matched.get(place), n)) for n in numbers])
    else:
        raise RosterError(
            f"The roster has the columns {_listed(header)}; Moodle's worksheet has Identifier and Grade, its grades "
            "have Email address, ID number or Username. Set Moodle's language to English and export again."
        )
    return Upload(to_csv(table), (*notes, *_left(left, "Moodle")), tuple(absent))


def _moodle_alone(results, exercises, rules, marks, numbers):
    """Moodle's table where no export of it was given."""
    notes = [f"Set the maximum grade of Moodle's assignment for notebook {n} to {_worth(n, exercises, rules):g}: Moodle"
             " takes the marks as they stand." for n in numbers]  # fmt: skip
    if len(numbers) != 1:
        rows = [["Full name", *(f"Notebook {n}" for n in numbers)]]
        rows += [[student, *(marks.get((student, n)) for n in numbers)] for student in by_student(results)]
        notes.append("Moodle's gradebook finds nobody by name: give the grades that Moodle exported as the roster.")
        return Upload(to_csv(rows), tuple(notes))
    worth = _worth(numbers[0], exercises, rules)
    rows = [["Identifier", "Full name", "Status", "Grade", "Maximum grade", "Grade can be changed",
             "Last modified (submission)", "Last modified (grade)"]]  # fmt: skip
    unknown = 0
    for result in ordered(results):
        number = _ident(result, "moodle")
        unknown += not number
        rows.append([f"Participant {number}" if number else None, result.student,
                     "Submitted for grading", marks.get((result.student, numbers[0])), worth, "Yes",
                     result.submitted, None])  # fmt: skip
    if unknown:
        notes.append(f"{unknown} of {len(rows) - 1} students have no participant's number: give the worksheet that "
                     "Moodle exported as the roster.")  # fmt: skip
    return Upload(to_csv(rows), tuple(notes))


# Matching -------------------------------------------------------------------------------------------------------------


def match(results, people):
    """Find every student among the people of a roster.

    Parameters
    ----------
    results : list of Result
    people : list of dict of str to str
        One a row: ids, logins and "name", by which a student may be known. The id that the platform wrote into the
        name of a file goes first; then whatever is equal once case, spaces and punctuation are gone.

    Returns
    -------
    matched : dict of int to str
        Row -> student. A row that two students claim is given to neither.
    left : list of str
        Students without a row.
    absent : list of str
        Names of rows without a student.
    """
    strong, weak = {}, {}
    for place, person in enumerate(people):
        for kind, value in person.items():
            if kind in ("id", "participant") and value:
                strong.setdefault(({"id": "canvas"}.get(kind, "moodle"), value.strip()), set()).add(place)
            for form in _forms(value) if kind == "name" else (_plain(value), _plain(value.split("@")[0])):
                if form:
                    weak.setdefault(form, set()).add(place)
    claims = {}
    for student, own in by_student(results).items():
        places = set()
        for result in own.values():
            places |= strong.get((result.platform, result.ident), set())
        if not places:
            places = set().union(*(weak.get(form, set()) for form in _forms(student)))
        if len(places) == 1:
            claims.setdefault(places.pop(), []).append(student)
    matched = {place: students[0] for place, students in claims.items() if len(students) == 1}
    taken = set(matched.values())
    left = [student for student in by_student(results) if student not in taken]
    return matched, left, [person["name"] for place, person in enumerate(people) if place not in claims]


def _plain(text):
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def _forms(name):
    """The forms a name may take: as it is, and "Doe, Jane" as "Jane Doe"."""
    last, comma, first = name.partition(",")
    return {form for form in (_plain(name), _plain(first + last) if comma else "") if form}


def _left(left, platform):
    if not left:
        return ()
    return (f"{len(left)} of the students are not in the file that {platform} exported, or not clearly: "
            f"{_listed(left)}.",)  # fmt: skip


# Cells ----------------------------------------------------------------------------------------------------------------

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


def _as_cell(text):
    """A cell of a roster: a number is kept as it was written."""
    return _Kept(text) if _NUMBER.fullmatch(text.strip()) or text.strip() in ("", "-", "Points Possible") else text


def _harmless(text):
    """Whether an id can do no harm in a spreadsheet, although it may begin like a formula."""
    return not re.search(r"[=(|!\"'\t\r\n;]", unicodedata.normalize("NFKC", text))


def _table(text):
    """The rows of an exported file, all as long as its header."""
    text = text.removeprefix("\ufeff")
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(row)]
    except csv.Error as error:
        raise RosterError(f"The roster is not a CSV file ({error}). Export it again and do not edit it.") from None
    if not rows:
        raise RosterError("The roster is empty. Export it again.")
    width = len(rows[0])
    return [(row + [""] * width)[:width] for row in rows]


def _column(header, number, first):
    """The one column from `first` on whose name holds the notebook's number ("01", also "1"), or None."""
    forms = (number, number.lstrip("0") or "0")
    for form in forms:
        pattern = re.compile(rf"(?<![\w.]){re.escape(form)}(?![\w.]*\w)")
        # The number in parentheses at the end is Canvas's own.
        found = [c for c in range(first, len(header)) if pattern.search(re.sub(r"\(\d+\)\s*$", "", header[c]))]
        if len(found) > 1:
            raise RosterError(f"Two columns of the roster could be notebook {number}: "
                              f"{_listed(header[c] for c in found)}. Delete the one that is not.")  # fmt: skip
        if found:
            return found[0]
    return None


def _marks(results, exercises, rules):
    """(student, notebook) -> total; none where the grader failed."""
    return {
        (result.student, result.notebook): _rules.apply(rules, result, exercises).total
        for result in results
        if not result.failed
    }


def _worth(number, exercises, rules):
    return sum(float(rules.points.get(id, points)) for id, _, points in exercises if id.split(".")[0] == number)


def _ident(result, platform):
    """The number that a platform gave the student, where it named the file."""
    return int(result.ident) if result.platform == platform and result.ident.isdecimal() else 0


def _pick(header, row, *names):
    return {name: row[header.index(name)] for name in names if name in header}


def _at(row, where, name):
    return row[where[name]] if name in where else ""


def _amount(text):
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _listed(names):
    names = [str(name) for name in names]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _each(own, what):
    """One notebook's value as it is, several with their numbers before them."""
    several = len(own) > 1
    return "; ".join(f"{number}: {what(result)}" if several else what(result) for number, result in own.items())


def _flags(own):
    for number, result in own.items():
        for flag in result.flags:
            yield f"{number + ' ' if len(own) > 1 else ''}{flag.code}: {flag.message}"


def _finite(value):
    value = float(value or 0.0)
    return value if math.isfinite(value) else 0.0


def _sorting(name):
    return unicodedata.normalize("NFKD", name).casefold(), name


# Files ----------------------------------------------------------------------------------------------------------------


def write(path, text, mark=False):
    """Write `text` as UTF-8, whole or not at all; with `mark`, after a byte order mark."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8-sig" if mark else "utf-8"))
        os.chmod(name, 0o644)  # a temporary file is its owner's alone
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def write_tables(out, results, exercises, rules=None, roster=None):
    """Write gradebook.csv, canvas.csv, moodle.csv and text_answers.csv.

    Parameters
    ----------
    out : path
    results : list of Result
    exercises : list of (id, title, points)
    rules : Rules, optional
    roster : path, optional
        What Canvas or Moodle exported; which of the two it is shows in its header.

    Returns
    -------
    notes : list of str
        What an instructor should know before uploading.
    absent : list of str
        Who stands in the roster and has handed in nothing.
    """
    out, text = Path(out), None
    if roster is not None:
        try:
            text = Path(roster).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise RosterError(f"The roster {roster} cannot be read as UTF-8 text ({error}). Export it again.") from None
    is_canvas = text is not None and "Student" in text.partition("\n")[0] and "Section" in text.partition("\n")[0]
    uploads = {
        "canvas.csv": canvas(results, exercises, rules, text if is_canvas else None),
        "moodle.csv": moodle(results, exercises, rules, None if is_canvas else text),
    }
    write(out / "gradebook.csv", gradebook(results, exercises, rules), mark=True)
    write(out / "text_answers.csv", text_answers(results, exercises), mark=True)
    for name, upload in uploads.items():
        write(out / name, upload.text)
    asked = uploads["canvas.csv" if is_canvas else "moodle.csv"] if text is not None else None
    return (list(asked.notes), list(asked.absent)) if asked else ([], [])
