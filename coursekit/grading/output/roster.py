"""The class list that a learning platform exported, and the students in it."""

import csv
import io
import math
import re
import unicodedata
from dataclasses import dataclass


class RosterError(Exception):
    """The file that the learning platform exported cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class Upload:
    """A table to upload, and one sentence for each thing that an instructor should know before doing so."""

    text: str
    notes: tuple = ()
    absent: tuple = ()  # who stands in the roster and has handed in nothing


def match(students, people):
    """Find every student among the people of a roster.

    Parameters
    ----------
    students : dict of str to dict of str to Result
        Student -> notebook -> result.
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
    for student, own in students.items():
        places = set()
        for result in own.values():
            places |= strong.get((result.platform, result.ident), set())
        if not places:
            places = set().union(*(weak.get(form, set()) for form in _forms(student)))
        if len(places) == 1:
            claims.setdefault(places.pop(), []).append(student)
    matched = {place: students[0] for place, students in claims.items() if len(students) == 1}
    taken = set(matched.values())
    left = [student for student in students if student not in taken]
    return matched, left, [person["name"] for place, person in enumerate(people) if place not in claims]


def _plain(text):
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def _forms(name):
    """The forms a name may take: as it is, and "Doe, Jane" as "Jane Doe"."""
    last, comma, first = name.partition(",")
    return {form for form in (_plain(name), _plain(first + last) if comma else "") if form}


def left_over(left, platform):
    if not left:
        return ()
    return (f"{len(left)} of the students are not in the file that {platform} exported, or not clearly: "
            f"{listed(left)}.",)  # fmt: skip


def table_of(text):
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


def column_of(header, number, first):
    """The one column from `first` on whose name holds the notebook's number ("01", also "1"), or None."""
    forms = (number, number.lstrip("0") or "0")
    for form in forms:
        pattern = re.compile(rf"(?<![\w.]){re.escape(form)}(?![\w.]*\w)")
        # The number in parentheses at the end is Canvas's own.
        found = [c for c in range(first, len(header)) if pattern.search(re.sub(r"\(\d+\)\s*$", "", header[c]))]
        if len(found) > 1:
            raise RosterError(f"Two columns of the roster could be notebook {number}: "
                              f"{listed(header[c] for c in found)}. Delete the one that is not.")  # fmt: skip
        if found:
            return found[0]
    return None


def ident_of(result, platform):
    """The number that a platform gave the student, where it named the file."""
    return int(result.ident) if result.platform == platform and result.ident.isdecimal() else 0


def amount_in(text):
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def listed(names, most=8):
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
