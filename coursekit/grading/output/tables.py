"""All the tables of a class."""

from pathlib import Path

from coursekit.grading.output.canvas import canvas
from coursekit.grading.output.cells import write
from coursekit.grading.output.gradebook import table, text_answers
from coursekit.grading.output.moodle import moodle
from coursekit.grading.output.roster import RosterError


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
    write(out / "gradebook.csv", table(book), mark=True)
    write(out / "text_answers.csv", text_answers(book), mark=True)
    for name, upload in uploads.items():
        write(out / name, upload.text)
    asked = uploads["canvas.csv" if is_canvas else "moodle.csv"] if text is not None else None
    return (list(asked.notes), list(asked.absent)) if asked else ([], [])
