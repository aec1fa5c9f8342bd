"""The marks in the forms that Moodle imports."""

import re

from coursekit.grading.output import roster as rosters
from coursekit.grading.output.cells import as_cell, harmless, to_csv


def moodle(book, roster=None):
    """The marks in a form that Moodle imports.

    For one notebook it is the assignment's grading worksheet (View all submissions, Upload grading worksheet), whose
    reader (mod/assign/feedback/offline/importgradeslib.php of moodle/moodle) wants the columns "Identifier", with
    "Participant" and a number in it, "Grade" and "Last modified (grade)". For more than one notebook it is a table
    for the gradebook's CSV import (grade/import/csv), which finds people by email address, ID number or username and
    lets you say which column is which grade item. The number in a folder that Moodle names
    ("Name_NUMBER_assignsubmission_file_") is the participant's.

    Parameters
    ----------
    book : Gradebook
    roster : str, optional
        The text of the worksheet, or of the grades, that Moodle exported. Its rows and columns are kept and the
        marks put in; in a worksheet they are scaled to the column "Maximum grade", because Moodle takes the number
        as it stands.

    Returns
    -------
    Upload
    """
    numbers = book.notebooks
    if roster is None:
        return _without_roster(book, numbers)
    rows = rosters.table_of(roster)
    header = [name.strip() for name in rows[0]]
    lower = [name.casefold() for name in header]
    logins = ("email address", "username", "id number")
    where = {name: lower.index(name) for name in ("identifier", "grade", "maximum grade", "full name", "first name",
             "last name", "surname", *logins) if name in lower}  # fmt: skip
    people = rows[1:]
    keys = []
    for row in people:
        said = {name: row[place] for name, place in where.items()}
        number = re.search(r"\d+", said.get("identifier", ""))
        name = f"{said.get('first name', '')} {said.get('last name') or said.get('surname', '')}"
        keys.append({
            "participant": number[0] if number else "", "name": said.get("full name") or name,
            **{name: said[name] for name in logins if name in said},
        })  # fmt: skip
    matched, left, absent = rosters.match(book.students, keys)
    fixed = {where[name] for name in ("identifier", *logins) if name in where}
    cells_of = [[row[c] if c in fixed and harmless(row[c]) else as_cell(row[c]) for c in range(len(header))]
                for row in people]  # fmt: skip
    notes = []
    table = [[as_cell(name) for name in header]]
    if "identifier" in where and "grade" in where:
        if len(numbers) > 1:
            raise rosters.RosterError(
                "The roster is the worksheet of one assignment, and there are results of notebooks "
                f"{rosters.listed(numbers)}; give the results of one notebook, or the grades that "
                "Moodle exports for the whole course."
            )
        worth = book.worth_of(numbers[0]) if numbers else 0
        scaled = set()
        for place, (row, cells) in enumerate(zip(people, cells_of, strict=True)):
            mark = book.mark(matched.get(place), numbers[0]) if numbers else None
            if mark is not None:
                most = rosters.amount_in(row[where["maximum grade"]]) if "maximum grade" in where else None
                if most and worth and most != worth:
                    scaled.add(most)
                    mark = mark * most / worth
                cells[where["grade"]] = round(mark, 4)
            table.append(cells)
        notes += [f"Moodle's maximum is {most:g} and ours {worth:g}: the marks were scaled." for most in sorted(scaled)]
    elif where.keys() & set(logins):
        table[0] += [f"Notebook {n}" for n in numbers]
        table += [cells + [book.mark(matched.get(place), n) for n in numbers] for place, cells in enumerate(cells_of)]
    else:
        raise rosters.RosterError(
            f"The roster has the columns {rosters.listed(header)}; Moodle's worksheet has Identifier and Grade, its "
            "grades have Email address, ID number or Username. Set Moodle's language to English and export again."
        )
    return rosters.Upload(to_csv(table), (*notes, *rosters.left_over(left, "Moodle")), tuple(absent))


def _without_roster(book, numbers):
    """Moodle's table where no export of it was given."""
    notes = [
        f"Set the maximum grade of Moodle's assignment for notebook {n} to {book.worth_of(n):g}: "
        "Moodle takes the marks as they stand." for n in numbers
    ]  # fmt: skip
    if len(numbers) != 1:
        rows = [["Full name", *(f"Notebook {n}" for n in numbers)]]
        rows += [[student, *(book.mark(student, n) for n in numbers)] for student in book.students]
        notes.append("Moodle's gradebook finds nobody by name: give the grades that Moodle exported as the roster.")
        return rosters.Upload(to_csv(rows), tuple(notes))
    rows = [["Identifier", "Full name", "Status", "Grade", "Maximum grade", "Grade can be changed",
             "Last modified (submission)", "Last modified (grade)"]]  # fmt: skip
    unknown = 0
    for result in book.results:
        number = rosters.ident_of(result, "moodle")
        unknown += not number
        rows.append([f"Participant {number}" if number else None, result.student,
                     "Submitted for grading", book.mark(result.student, numbers[0]),
                     book.worth_of(numbers[0]), "Yes", result.submitted, None])  # fmt: skip
    if unknown:
        notes.append(f"{unknown} of {len(rows) - 1} students have no participant's number: give the worksheet that "
                     "Moodle exported as the roster.")  # fmt: skip
    return rosters.Upload(to_csv(rows), tuple(notes))
