"""The tables and the pages: feedback for each student, the class for the instructor, the prose for marking by hand.

What comes from a student is escaped by the templates, images are taken apart and checked, and a content security
policy in every page forbids scripts and whatever would come from outside. The pages need nothing beside themselves.
"""

from dataclasses import replace
from pathlib import Path

from coursekit.grading import limited
from coursekit.grading.output import gradebook
from coursekit.grading.output.canvas import canvas
from coursekit.grading.output.cells import clean, write
from coursekit.grading.output.class_report import class_page
from coursekit.grading.output.feedback import feedback, file_name, text_answers
from coursekit.grading.output.moodle import moodle
from coursekit.grading.output.roster import RosterError, listed
from coursekit.grading.output.rules import strangers
from coursekit.grading.result import read


def publish(out, exercises, rules=None, roster=None, given=None, notices=()):
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
    notices : iterable of str
        Sentences for the instructor, from whoever graded.

    Returns
    -------
    list of str
        Sentences for the instructor.
    """
    out = Path(out)
    results, problems = gradebook.load(out / "results")
    book = gradebook.Gradebook(results, exercises, rules)
    problems += notices
    unknown = strangers(book.rules, results)
    if unknown:
        problems.append(
            f"The rules name {listed(unknown)}, and no student here is called so: take the names as they stand in the "
            "first column of gradebook.csv."
        )
    try:
        notes, absent = write_tables(out, book, roster)
    except RosterError as error:  # the marks and the pages are worth having without it
        notes, absent = write_tables(out, book)
        notes = [f"canvas.csv and moodle.csv were written without the roster. {error}", *notes]
    pages = [(out / "feedback" / file_name(student), own) for student, own in book.students.items()]
    written = limited.run_each(lambda one: _write_feedback(*one, book), pages)
    for (page, own), reason in zip(pages, written, strict=True):
        if reason:
            problems.append(f"The page of {clean(next(iter(own.values())).student)} shows no cells: {reason}.")
            bare = {number: replace(result, cells=[], answers=[]) for number, result in own.items()}
            write(page, feedback(bare, book))
    write(out / "text_answers.html", text_answers(book))
    write(out / "class.html", class_page(book, given, absent, problems))
    return [*problems, *notes]


def write_tables(out, book, roster=None):
    """Write gradebook.csv, canvas.csv, moodle.csv and text_answers.csv.

    Parameters
    ----------
    out : path
    book : Gradebook
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
        "canvas.csv": canvas(book, text if is_canvas else None),
        "moodle.csv": moodle(book, None if is_canvas else text),
    }
    write(out / "gradebook.csv", gradebook.table(book), mark=True)
    write(out / "text_answers.csv", gradebook.text_answers(book), mark=True)
    for name, upload in uploads.items():
        write(out / name, upload.text)
    asked = uploads["canvas.csv" if is_canvas else "moodle.csv"] if text is not None else None
    return (list(asked.notes), list(asked.absent)) if asked else ([], [])


def _write_feedback(page, own, book):
    whole = {number: replace(read(result.path), student=result.student) for number, result in own.items()}
    write(page, feedback(whole, book))
