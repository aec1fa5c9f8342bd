"""The marks in the forms that Moodle imports."""

import re

from coursekit.grading.output import rules as _rules
from coursekit.grading.output.cells import as_cell, harmless, to_csv
from coursekit.grading.output.gradebook import by_student, in_play, marks_of, numbers_of, ordered, worth_of
from coursekit.grading.output.roster import (
    RosterError,
    Upload,
    amount_in,
    ident_of,
    left_over,
    listed,
    match,
    table_of,
    value_at,
)


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
    marks = marks_of(results, exercises, rules)
    numbers = numbers_of(in_play(results, exercises))
    if roster is None:
        return _moodle_alone(results, exercises, rules, marks, numbers)
    rows = table_of(roster)
    header = [name.strip() for name in rows[0]]
    lower = [name.casefold() for name in header]
    where = {name: lower.index(name) for name in ("identifier", "grade", "maximum grade", "full name", "first name",
             "last name", "surname", "email address", "username", "id number") if name in lower}  # fmt: skip
    people = rows[1:]
    keys = []
    for row in people:
        first, last = (
            value_at(row, where, "first name"),
            value_at(row, where, "last name") or value_at(row, where, "surname"),
        )
        number = re.search(r"\d+", value_at(row, where, "identifier"))
        keys.append({
            "participant": number[0] if number else "", "name": value_at(row, where, "full name") or f"{first} {last}",
            "email": value_at(row, where, "email address"), "username": value_at(row, where, "username"),
            "number": value_at(row, where, "id number"),
        })  # fmt: skip
    matched, left, absent = match(results, keys)
    notes = []
    fixed = {where[name] for name in ("identifier", "email address", "username", "id number") if name in where}
    table = [[as_cell(name) for name in header]]
    if "identifier" in where and "grade" in where:
        if len(numbers) > 1:
            raise RosterError(
                f"The roster is the worksheet of one assignment, and there are results of notebooks {listed(numbers)};"
                " give the results of one notebook, or the grades that Moodle exports for the whole course."
            )
        worth = worth_of(numbers[0], exercises, rules) if numbers else 0
        scaled = set()
        for place, row in enumerate(people):
            cells = [row[c] if c in fixed and harmless(row[c]) else as_cell(row[c]) for c in range(len(header))]
            mark = marks.get((matched.get(place), numbers[0])) if numbers else None
            if mark is not None:
                most = amount_in(value_at(row, where, "maximum grade"))
                if most and worth and most != worth:
                    scaled.add(most)
                    mark = mark * most / worth
                cells[where["grade"]] = round(mark, 4)
            table.append(cells)
        notes += [f"Moodle's maximum is {most:g} and ours {worth:g}: the marks were scaled." for most in sorted(scaled)]
    elif where.keys() & {"email address", "username", "id number"}:
        table[0] += [f"Notebook {n}" for n in numbers]
        for place, row in enumerate(people):
            cells = [row[c] if c in fixed and harmless(row[c]) else as_cell(row[c]) for c in range(len(header))]
            table.append(cells + [marks.get((matched.get(place), n)) for n in numbers])
    else:
        raise RosterError(
            f"The roster has the columns {listed(header)}; Moodle's worksheet has Identifier and Grade, its grades "
            "have Email address, ID number or Username. Set Moodle's language to English and export again."
        )
    return Upload(to_csv(table), (*notes, *left_over(left, "Moodle")), tuple(absent))


def _moodle_alone(results, exercises, rules, marks, numbers):
    """Moodle's table where no export of it was given."""
    notes = [
        f"Set the maximum grade of Moodle's assignment for notebook {n} to {worth_of(n, exercises, rules):g}: "
        "Moodle takes the marks as they stand." for n in numbers
    ]  # fmt: skip
    if len(numbers) != 1:
        rows = [["Full name", *(f"Notebook {n}" for n in numbers)]]
        rows += [[student, *(marks.get((student, n)) for n in numbers)] for student in by_student(results)]
        notes.append("Moodle's gradebook finds nobody by name: give the grades that Moodle exported as the roster.")
        return Upload(to_csv(rows), tuple(notes))
    worth = worth_of(numbers[0], exercises, rules)
    rows = [["Identifier", "Full name", "Status", "Grade", "Maximum grade", "Grade can be changed",
             "Last modified (submission)", "Last modified (grade)"]]  # fmt: skip
    unknown = 0
    for result in ordered(results):
        number = ident_of(result, "moodle")
        unknown += not number
        rows.append([f"Participant {number}" if number else None, result.student,
                     "Submitted for grading", marks.get((result.student, numbers[0])), worth, "Yes",
                     result.submitted, None])  # fmt: skip
    if unknown:
        notes.append(f"{unknown} of {len(rows) - 1} students have no participant's number: give the worksheet that "
                     "Moodle exported as the roster.")  # fmt: skip
    return Upload(to_csv(rows), tuple(notes))
