"""The pages: feedback for each student, the class for the instructor, the prose for marking by hand.

What comes from a student is escaped by the templates, images are taken apart and checked, and a content security
policy in every page forbids scripts and whatever would come from outside. The pages need nothing beside themselves.
"""

from dataclasses import replace
from pathlib import Path

from coursekit.grading import limited
from coursekit.grading.output.cells import clean, write
from coursekit.grading.output.class_report import class_page
from coursekit.grading.output.feedback import feedback, file_name, text_answers
from coursekit.grading.output.gradebook import Gradebook, load
from coursekit.grading.output.roster import RosterError
from coursekit.grading.output.tables import write_tables
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
    results, problems = load(out / "results")
    book = Gradebook(results, exercises, rules)
    problems += notices
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


def _write_feedback(page, own, book):
    whole = {number: replace(read(result.path), student=result.student) for number, result in own.items()}
    write(page, feedback(whole, book))
