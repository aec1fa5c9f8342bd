"""Whose a file is: what Canvas, Moodle, a folder or the file's name says."""

import re
import unicodedata

from coursekit.grading.intake.kinds import NOTEBOOK_NAME, OTHER_KINDS, kind_of
from coursekit.grading.result import file_stem

# The platform writes before the file's name, which is the student's: the first place that fits is the platform's.
_CANVAS = re.compile(
    r"(?:(?P<late1>LATE)_)?(?:anon_(?P<anon>[0-9A-Za-z]+)|(?P<name>.+?)_(?:(?P<late2>LATE)_)?(?P<user>\d+))"
    r"_(?P<file_id>\d+)_(?P<file>.+)",
    re.S,
)
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<user>\d+)_assignsubmission_[a-z]+(?:_(?P<file>.*))?", re.S)
_AGAIN = re.compile(r"-(\d{1,3})(?=\.ipynb$|\.zip$)", re.I)
COPY_NUMBER = re.compile(r"(?: ?\(\d{1,3}\)|-Copy\d{1,3})+$", re.I)
_COPY_OF = re.compile(r"^(?:(?:copy of|kopie (?:von|van)|copie de|copia d[ei]|c[oó]pia de|kopia|kopi av)[ _]+)+", re.I)
_ADDED = re.compile(
    r"(?:[ _.-]+(?:(?:final|fertig|abgabe|submission|solution|solved|lösung|version|copy|kopie)(?:[ _.-]?\d{1,2})?"
    r"|v ?\d{1,2})"
    r"|[ _-]?\(\d{1,3}\)|-Copy\d{1,3})+$",
    re.I,
)


def owner_of(entry, fallback, known):
    """Whose a file is, and how new: by what Canvas, Moodle or the folder says.

    Only the first part of a path counts: what stands deeper was named by a student.
    """
    top, name = entry.parts[0], entry.parts[-1]
    said = {"name": name, "ident": "", "platform": "", "late": False, "file_id": 0, "again": 0}
    platform, match = platform_of(top)
    if platform == "moodle":
        inner = match["file"] if len(entry.parts) == 1 and match["file"] else name
        said |= {"student": match["name"], "ident": match["user"], "name": inner, "platform": "moodle"}
        if match["name"] in ("Participant", "participant"):
            said["student"] = f"Participant {match['user']}"
        return said
    if platform == "canvas":
        again = _AGAIN.search(match["file"])
        return said | {
            "student": match["name"] or f"anon {match['anon']}",
            "ident": match["user"] or match["anon"],
            "platform": "canvas",
            "name": match["file"] if len(entry.parts) == 1 else name,
            "late": bool(match["late1"] or match["late2"]),
            "file_id": int(match["file_id"][:18]),
            "again": int(again[1]) if again else 0,
        }
    student = top if len(entry.parts) > 1 and kind_of(top) != "zip" else _name_in(top, known) or fallback
    return said | {"student": student.strip() or "unnamed"}


def platform_of(name):
    """Which platform named a file or a folder, and its parts: that whose number of the student stands first."""
    found = [(platform, form.fullmatch(name)) for platform, form in (("canvas", _CANVAS), ("moodle", _MOODLE))]
    found = [(match.end("user"), platform, match) for platform, match in found if match]
    return min(found)[1:] if found else ("", None)


def _name_in(file, known):
    """The student's name in a file's name such as `anna_01_xor_mlp (1).ipynb`; "" where there is none."""
    stem = NOTEBOOK_NAME.sub("", file) if NOTEBOOK_NAME.search(file) else file.rsplit(".", 1)[0]
    stem = _COPY_OF.sub("", COPY_NUMBER.sub("", stem))
    forms = []
    for number, slug in known.items():
        words = r"[ _-]?".join(re.escape(word) for word in slug.split("_"))
        forms.append(rf"(?i)(?<![0-9a-z]){words}(?![0-9a-z])")
        forms.append(rf"(?i)(?:^{number}(?![0-9a-z.])|(?<![0-9a-z]){number}$)")
    rest = next((re.sub(form, " ", stem) for form in forms if re.search(form, stem)), stem)
    bare = _ADDED.sub("", rest).strip(" _-.,+")
    return bare or COPY_NUMBER.sub("", rest).strip(" _-.,+")


def student_key(student, ident=""):
    """A student as part of a file name."""
    identity = unicodedata.normalize("NFC", student).casefold().strip() + (f"-{ident}" if ident else "")
    return file_stem(identity)


def may_count(parts):
    """Whether a file may be somebody's hand-in: beside the students' files an instructor keeps a list of the class."""
    ending = parts[-1].lower().rpartition(".")[2]
    known = kind_of(parts[-1]) in ("notebook", "zip") or ending in OTHER_KINDS or ending == "json"
    return known or len(parts) > 1 or platform_of(parts[0])[0] != ""
