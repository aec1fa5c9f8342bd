"""The marks in the form that Canvas imports."""

from coursekit.grading.output import roster as rosters
from coursekit.grading.output.cells import as_cell, harmless, to_csv


def canvas(book, roster=None):
    """The marks in the form that Canvas imports (Grades, Import).

    The form is that of Canvas's own importer (lib/gradebook_importer.rb of instructure/canvas-lms): the first two
    columns are "Student" and "ID", then "SIS User ID", "SIS Login ID" and "Section"; every further column is an
    assignment, found by the number in parentheses at the end of its name, else by its exact title, else created. A
    row whose first cell holds "Points Possible" sets what an assignment is out of. A student is found by ID, then by
    the SIS ids, then by name. The numbers in a file that Canvas names (name_ID_attachment_title.ipynb) give the ID.

    Parameters
    ----------
    book : Gradebook
    roster : str, optional
        The text of the file that Canvas exported. Its rows, its columns up to "Section" and its assignment columns
        for these notebooks are kept and the marks put in, scaled to what Canvas says is possible; a mark that we do
        not have leaves the cell as it was.

    Returns
    -------
    Upload
    """
    numbers = book.notebooks
    worth = {n: book.worth_of(n) for n in numbers}
    if roster is None:
        rows = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *(f"Notebook {n}" for n in numbers)]]
        rows.append(["    Points Possible", None, None, None, None, *worth.values()])
        for student, own in book.students.items():
            number = next((known for result in own.values() if (known := rosters.ident_of(result, "canvas"))), None)
            rows.append([student, number, None, None, None, *(book.mark(student, n) for n in numbers)])
        note = "canvas.csv matches students by name where no ID is known; give the file that Canvas exported instead."
        return rosters.Upload(to_csv(rows), () if all(row[1] is not None for row in rows[2:]) else (note,))

    rows = rosters.table_of(roster)
    header = rows[0]
    if len(header) < 4 or "Student" not in header[0] or "ID" not in header[1] or "Section" not in header:
        raise rosters.RosterError(
            f"The roster begins with the columns {rosters.listed(header)}; "
            "Canvas exports begin with Student, ID, ... Section."
        )
    last = header.index("Section")
    columns = {n: rosters.column_of(header, n, last + 1) for n in numbers}
    points = next((row for row in rows[1:] if "Points Possible" in row[0]), None)
    possible = {n: rosters.amount_in(points[c]) if points and c is not None else None for n, c in columns.items()}
    kept, notes = [*range(last + 1), *(c for c in columns.values() if c is not None)], []
    people = [row for row in rows[1:] if row is not points and row[1].strip()]
    places = {id(row): place for place, row in enumerate(people)}
    logins = [name for name in ("SIS User ID", "SIS Login ID") if name in header]
    known_by = {"name": 0, "id": 1, **{name: header.index(name) for name in logins}}
    keys = [{name: row[column] for name, column in known_by.items()} for row in people]
    matched, left, absent = rosters.match(book.students, keys)
    table = [[header[c] for c in kept] + [f"Notebook {n}" for n in numbers if columns[n] is None]]
    for row in rows[1:]:
        student = matched.get(places.get(id(row)))
        # Cells are Canvas's own ids up to the section; the name alone is written by a student.
        cells = [row[c] if 0 < c < last and harmless(row[c]) else as_cell(row[c]) for c in kept]
        for n in numbers:
            mark = book.mark(student, n)
            scaled = mark * possible[n] / worth[n] if mark is not None and possible[n] and worth[n] else mark
            if columns[n] is None:
                cells.append(worth[n] if row is points else scaled)
            elif scaled is not None:
                cells[kept.index(columns[n])] = round(scaled, 4)
        table.append(cells)
    for n in numbers:
        if columns[n] is None:
            notes.append(f'Canvas has no assignment whose name holds "{n}"; the import will offer to create one.')
        elif possible[n] and possible[n] != worth[n]:
            out_of = f"{header[columns[n]]} is out of {possible[n]:g} in Canvas and of {worth[n]:g} here"
            notes.append(f"{out_of}: the marks were scaled.")
    return rosters.Upload(to_csv(table), (*notes, *rosters.left_over(left, "Canvas")), tuple(absent))
