"""The marks in the form that Canvas imports."""

from coursekit.grading.output import rules as _rules
from coursekit.grading.output.cells import as_cell, harmless, to_csv
from coursekit.grading.output.gradebook import by_student, in_play, marks_of, numbers_of, worth_of
from coursekit.grading.output.roster import (
    RosterError,
    Upload,
    amount_in,
    column_of,
    ident_of,
    left_over,
    listed,
    match,
    pick,
    table_of,
)


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
    marks = marks_of(results, exercises, rules)
    numbers = numbers_of(in_play(results, exercises))
    if roster is None:
        rows = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *(f"Notebook {n}" for n in numbers)]]
        rows.append(["    Points Possible", None, None, None, None, *(worth_of(n, exercises, rules) for n in numbers)])
        for student, own in by_student(results).items():
            number = next((known for result in own.values() if (known := ident_of(result, "canvas"))), None)
            rows.append([student, number, None, None, None,
                         *(marks.get((student, n)) for n in numbers)])  # fmt: skip
        note = "canvas.csv matches students by name where no ID is known; give the file that Canvas exported instead."
        return Upload(to_csv(rows), () if all(row[1] is not None for row in rows[2:]) else (note,))

    rows = table_of(roster)
    header = rows[0]
    if len(header) < 4 or "Student" not in header[0] or "ID" not in header[1] or "Section" not in header:
        raise RosterError(
            f"The roster begins with the columns {listed(header)}; Canvas exports begin with Student, ID, ... Section."
        )
    last = header.index("Section")
    columns = {n: column_of(header, n, last + 1) for n in numbers}
    points = next((row for row in rows[1:] if "Points Possible" in row[0]), None)
    kept, notes = [*range(last + 1), *(c for c in columns.values() if c is not None)], []
    people = [row for row in rows[1:] if row is not points and row[1].strip()]
    places = {id(row): place for place, row in enumerate(people)}
    keys = [{"id": row[1], "name": row[0], **pick(header, row, "SIS User ID", "SIS Login ID")} for row in people]
    matched, left, absent = match(results, keys)
    table = [[header[c] for c in kept] + [f"Notebook {n}" for n in numbers if columns[n] is None]]
    for row in rows[1:]:
        student = matched.get(places.get(id(row)))
        # Cells are Canvas's own ids up to the section; the name alone is written by a student.
        cells = [row[c] if 0 < c < last and harmless(row[c]) else as_cell(row[c]) for c in kept]
        for n in numbers:
            possible = amount_in(points[columns[n]]) if points and columns[n] is not None else None
            mark = marks.get((student, n))
            worth = worth_of(n, exercises, rules)
            scaled = mark * possible / worth if mark is not None and possible and worth else mark
            if columns[n] is None:
                cells.append(worth if row is points else scaled)
            elif scaled is not None:
                cells[kept.index(columns[n])] = round(scaled, 4)
        table.append(cells)
    for n in numbers:
        if columns[n] is None:
            notes.append(f'Canvas has no assignment whose name holds "{n}"; the import will offer to create one.')
        elif points and (possible := amount_in(points[columns[n]])) and possible != worth_of(n, exercises, rules):
            worth = worth_of(n, exercises, rules)
            name = header[columns[n]]
            notes.append(f"{name} is out of {possible:g} in Canvas and of {worth:g} here: the marks were scaled.")
    return Upload(to_csv(table), (*notes, *left_over(left, "Canvas")), tuple(absent))
