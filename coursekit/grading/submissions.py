"""Find what a class handed in, and read it, whatever it is.

Forms that are known:

- a folder per student, of any depth inside; a zip of such folders; a zip in a student's folder (one level);
- a flat folder of files named after students: ``anna_01_xor_mlp.ipynb``, ``01_xor_mlp - Anna.ipynb``, ``anna.ipynb``;
- what Canvas gives ("Download Submissions"), as a zip or unpacked:
  ``lastfirst_LATE_12345_67890_01_xor_mlp-1.ipynb``, that is the sortable name in small letters, LATE, the user's id,
  the attachment's id, and the file's name, to which Canvas adds -1, -2 when it is handed in again;
  ``anon_AbCd1_67890_...`` where the assignment is anonymous (canvas-lms, lib/content_zipper.rb: get_filename,
  add_upload_submission);
- what Moodle gives ("Download all submissions"), as a zip or unpacked: ``Full Name_12345_assignsubmission_file/`` with
  the files inside (with a ``_`` at the end in older versions), or without folders
  ``Full Name_12345_assignsubmission_file_01_xor_mlp.ipynb``; "Participant" for the name under blind marking
  (moodle, mod/assign/classes/downloader.php: get_student_prefix, load_submissionplugin_filelist).

Nothing is ever unpacked onto the disk, no link is followed, and every read is capped. What is wrong with one file is
one sentence for its student; the class goes on.
"""

import calendar
import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import stat
import time
import unicodedata
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from coursekit.grading import limited
from coursekit.grading.course import Cell, names, which
from coursekit.grading.result import Flag

MAX_NOTEBOOK = 300_000_000  # with its outputs, which are dropped
MAX_INNER_ZIP = 100_000_000
MAX_MEMBERS = 20_000
MAX_INNER_MEMBERS = 2_000
MAX_FILES_OF_ONE = 200
MAX_OTHERS_OF_ONE = 5
MAX_ZIPS_OF_ONE = 20
SECONDS_OF_ONE = 120
MAX_BYTES_OF_ONE = 600_000_000
MAX_RATIO = 200
MAX_CELLS = 2_000
MAX_CODE = 1_000_000
MAX_TEXT = 2_000_000  # of text cells; what is more is not kept
MAX_COMPANIONS = 20_000_000

_IGNORED = {"__macosx", "__pycache__", "thumbs.db", "desktop.ini"}
# The platform writes before the file's name, which is the student's: the first place that fits is the platform's.
_CANVAS = re.compile(
    r"(?:(?P<late1>LATE)_)?(?:anon_(?P<anon>[0-9A-Za-z]+)|(?P<name>.+?)_(?:(?P<late2>LATE)_)?(?P<user>\d+))"
    r"_(?P<file_id>\d+)_(?P<file>.+)",
    re.S,
)
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<user>\d+)_assignsubmission_[a-z]+(?:_(?P<file>.*))?", re.S)
_AGAIN = re.compile(r"-(\d{1,3})(?=\.ipynb$|\.zip$)", re.I)
_COPY = re.compile(r"(?: ?\(\d{1,3}\)|-Copy\d{1,3})+$", re.I)
_COPY_OF = re.compile(r"^(?:(?:copy of|kopie (?:von|van)|copie de|copia d[ei]|c[oó]pia de|kopia|kopi av)[ _]+)+", re.I)
_ADDED = re.compile(
    r"(?:[ _.-]+(?:final|fertig|abgabe|submission|solution|solved|lösung|version|copy|kopie|v? ?\d{1,2})"
    r"|[ _-]?\(\d{1,3}\)|-Copy\d{1,3})+$",
    re.I,
)
_NOTEBOOK = re.compile(r"\.ipynb(?:\.(?:txt|json|gz))?$", re.I)
# What else may be handed in for a notebook, by ending, and what a student is told.
_EXPORT = "The notebook itself is needed: in Jupyter or Colab, File, Download, .ipynb."
_PACK = "Only .zip is opened: pack it as .zip, or hand in the notebook itself."
_OTHER = {
    **dict.fromkeys(("py",), f"is a Python script. {_EXPORT}"),
    **dict.fromkeys(("html", "htm"), f"is a web page. {_EXPORT}"),
    **dict.fromkeys(("pdf",), f"is a PDF. {_EXPORT}"),
    **dict.fromkeys(("doc", "docx", "odt", "rtf", "pages"), f"is a Word document or the like. {_EXPORT}"),
    **dict.fromkeys(("md", "txt", "tex"), f"is a text. {_EXPORT}"),
    **dict.fromkeys(("png", "jpg", "jpeg", "heic", "gif", "webp"), f"is a picture. {_EXPORT}"),
    **dict.fromkeys(("7z", "rar", "tar", "gz", "tgz", "bz2", "xz"), f"is an archive. {_PACK}"),
    **dict.fromkeys(("gdoc", "webloc", "url", "lnk", "desktop"), f"is only a link to the work. {_EXPORT}"),
    "icloud": "is only a placeholder of iCloud for a file that is not on this computer. Open it once, then hand it in.",
}
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


class SubmissionsError(Exception):
    """What was given holds nothing to grade. The message is one sentence that says what to do."""


class Unreadable(Exception):
    """A notebook, or the file that should be one, cannot be read. The message is one sentence."""


@dataclass(frozen=True)
class Submission:
    """One file of one student; or, where `problem` says so, why there is none.

    Parameters
    ----------
    student : str
        The name as it was written, for display: untrusted.
    name : str
        The file's name, as the student chose it: untrusted.
    source : str
        Where it stands, relative to what was given: untrusted.
    submitted : str or None
        ISO time where the form of hand-in says it.
    problem : str
        One sentence, or "".
    ident : str
        The id that Canvas or Moodle gives the student, or "".
    key : str
        The student as a part of a file name: safe, unique, the same in every run.
    platform : str
        "canvas" or "moodle" where one of them named the file, or "".
    number : str
        The course's notebook, once `choose` found it out.
    flags : tuple of Flag
    kind : str
        "notebook"; "maybe", which is tried where there is no notebook; "other", which is worth a word only then.
    order : tuple
        Sorts the files of one student from the oldest to the newest.
    place : Path
        The file on the disk.
    members : tuple of int
        Which member of that zip, and of the zip in it.
    """

    student: str
    name: str
    source: str
    submitted: str | None = None
    problem: str = ""
    ident: str = ""
    key: str = ""
    platform: str = ""
    number: str = ""
    flags: tuple = ()
    kind: str = "notebook"
    order: tuple = ()
    place: Path | None = field(default=None, repr=False)
    members: tuple = ()

    @property
    def data(self):
        """The bytes of the notebook, read anew each time, so that a class of any size stays on the disk.

        Raises
        ------
        Unreadable
        """
        if self.problem:
            raise Unreadable(self.problem)
        data = _fetch(self.place, self.members, self.source)
        if data[:2] != b"\x1f\x8b":
            return data
        try:
            with gzip.open(io.BytesIO(data)) as stream:
                return _capped(stream, MAX_NOTEBOOK, self.source)
        except (OSError, EOFError, zlib.error) as error:
            raise Unreadable(f"{_shown(self.source)} cannot be read: {_reason(error)}.") from None


@dataclass(frozen=True)
class _Entry:
    """A file that was found: its path in parts, and where it stands."""

    parts: tuple
    size: int
    time: float
    place: Path
    members: tuple = ()
    problem: str = ""

    @property
    def kind(self):
        return _kind(self.parts[-1])


def read(path, skip=None):
    """Find every notebook that was handed in.

    Parameters
    ----------
    path : str or Path
        A folder, a zip, or one notebook.
    skip : Path, optional
        A folder in it that nobody handed in: that of the results.

    Returns
    -------
    list of Submission
        In a fixed order: by student, then by age. A student may have several, and files with a `problem` among them.

    Raises
    ------
    SubmissionsError
        Where there is nothing to grade: one sentence.
    """
    path = Path(path)
    if not os.path.lexists(path):
        raise SubmissionsError(f"There is no {_shown(path)}. Give the folder, or the zip, that holds the submissions.")
    shown = _shown(path)
    try:
        path = path.resolve()
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            os.listdir(path)
    except (OSError, RuntimeError) as error:
        raise SubmissionsError(f"{shown} cannot be opened: {_reason(error)}.") from None
    if stat.S_ISDIR(mode):
        entries = _folder(path, skip and Path(skip).resolve())
        inner = [entry for entry in entries if entry.kind == "zip"]
        # The class's zip in a folder of its own, as downloaded.
        if len(inner) == 1 and len(inner[0].parts) == 1 and not any(entry.kind == "notebook" for entry in entries):
            return _submissions(_unwrapped(_class_zip(inner[0].place), inner[0].place.stem), path.name, inner[0].place)
        return _submissions(_unwrapped(entries, None), path.name, path)
    if stat.S_ISREG(mode) and path.suffix.lower() == ".zip":
        return _submissions(_unwrapped(_class_zip(path), path.stem), path.stem, path)
    if stat.S_ISREG(mode) and _kind(path.name) == "notebook":
        size = path.stat()
        return _submissions([_Entry((path.name,), size.st_size, size.st_mtime, path)], path.parent.name, path)
    raise SubmissionsError(
        f"{_shown(path)} is neither a folder nor a .zip nor an .ipynb. Give what the class handed in, as downloaded."
    )


def choose(found, notebooks, number=None):
    """Pick the file that counts for every student and notebook.

    Parameters
    ----------
    found : list of Submission
    notebooks : dict
        number -> `coursekit.grading.course.Notebook`.
    number : str, optional
        Grade this notebook only; a student without it gets a problem.

    Returns
    -------
    list of Submission
        One for each (student, notebook), with `number` and `flags`; one with a `problem` for a student who handed in
        nothing that can be graded. The newest counts: by the submitted time, by Canvas's attachment and suffix, by the
        file's time, by name. Files that cannot be read never displace one that can; a flag names them.
    """
    chosen = []
    for mine in _by_student(found):
        good, bad, foreign = {}, [], []
        until = time.monotonic() + SECONDS_OF_ONE
        for kind in ("notebook", "maybe", "other"):
            if good or bad and kind == "other":
                break
            for item in mine:
                if item.kind != kind:
                    continue
                try:
                    if item.problem:
                        raise Unreadable(item.problem)
                    if time.monotonic() > until:
                        raise limited.Exceeded(f"the files of one student may take {SECONDS_OF_ONE} s")
                    one = limited.run(_number, notebooks, item, lets=(Unreadable,))
                    if one is None:
                        problem = f"{_shown(item.name)} holds no exercise of the course."
                        foreign.append(replace(item, problem=problem))
                    else:
                        good.setdefault(one, []).append(item)
                except Unreadable as error:
                    bad.append(replace(item, problem=str(error)))
                except limited.Exceeded as reason:
                    bad.append(beyond(item, reason))
        wanted = good if number is None else {number: good[number]} if number in good else {}
        for one, items in sorted(wanted.items()):
            *older, last = sorted(items, key=lambda item: item.order)
            flags = list(last.flags)
            if older:
                rest = ", ".join(_shown(item.source) for item in older[-5:]) + (" ..." if len(older) > 5 else "")
                flags.append(Flag("several", f"Notebook {one} was handed in {len(items)} times; {_shown(last.source)} "
                                              f"is the newest and counts, not {rest}."))  # fmt: skip
            flags += [Flag("unread", item.problem) for item in bad[:5]]
            chosen.append(replace(last, number=one, flags=tuple(flags)))
        if wanted:
            continue
        # A notebook that is none of ours (a playground) is worth a word only where there is nothing else.
        if bad or not good:
            chosen.append(replace(max(bad or foreign, key=lambda item: item.order), number=number or ""))
        else:
            there = ", ".join(sorted(good))
            problem = f"Notebook {number} was not handed in; {there} {'was' if len(good) == 1 else 'were'}."
            chosen.append(replace(mine[-1], number=number, problem=problem))
    return chosen


def _by_student(found):
    mine = {}
    for item in found:
        mine.setdefault(item.key, []).append(item)
    return mine.values()


def _number(notebooks, item):
    """The notebook of the course that a file is, if any."""
    return which(notebooks, parse(item.data), item.name)


def beyond(item, reason):
    """A file that could not be looked at within the limits, with one sentence that says so."""
    return replace(item, problem=f"{_shown(item.name)} could not be read as a notebook: {reason}.")


def companions(submission):
    """The files that lie beside a notebook in its student's folder, such as a picture or a module of their own.

    Parameters
    ----------
    submission : Submission

    Returns
    -------
    dict of str to bytes
        At most 50 files of 20 MB together, the smallest first; none for a flat folder or a zip, where what lies beside
        a notebook may be another student's.
    """
    if submission.members or submission.place is None or "/" not in submission.source:
        return {}
    found, left = {}, MAX_COMPANIONS
    with os.scandir(submission.place.parent) as entries:
        ordinary = [entry for entry in entries if entry.is_file(follow_symlinks=False) and not _ignored(entry.name)]
    for entry in sorted(ordinary, key=lambda entry: (entry.stat(follow_symlinks=False).st_size, entry.name)):
        if _kind(entry.name) in ("notebook", "zip") or len(found) == 50 or not entry.name.isprintable():
            continue
        try:
            data = _fetch(Path(entry.path), (), entry.name, left)
        except Unreadable:  # too large for what is left, or not to be opened
            continue
        found[entry.name] = data
        left -= len(data)
    return found


def parse(data):
    """Read a notebook leniently.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    tuple of Cell
        Ids, kinds, texts and nbgrader's names of its cells; outputs and everything else are dropped.

    Raises
    ------
    Unreadable
        One sentence, for everything that cannot be read; nothing else is raised.
    """
    if len(data) > MAX_NOTEBOOK:
        raise Unreadable(f"The notebook has {_megabytes(len(data))}; at most {_megabytes(MAX_NOTEBOOK)} are read.")
    if not data.strip(b" \t\r\n\0"):
        raise Unreadable("The file is empty: there is no notebook in it.")
    try:
        said = json.loads(_text(data))
    except json.JSONDecodeError as error:
        cut = error.pos >= len(error.doc.rstrip()) - 1 or error.msg.startswith("Unterminated string")
        what = "the file is cut off" if cut else "it is no JSON"
        raise Unreadable(f"The notebook cannot be read: {what} (line {error.lineno}, column {error.colno}).") from None
    except RecursionError:
        raise Unreadable("The notebook cannot be read: its JSON is nested too deeply.") from None
    except ValueError as error:
        raise Unreadable(f"The notebook cannot be read: {str(error)[:120]}.") from None
    if not isinstance(said, dict):
        raise Unreadable(f"The file holds a JSON {type(said).__name__}, not a notebook.")
    cells = _cells(said)
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"The notebook has {len(cells)} cells; at most {MAX_CELLS} are read.")
    read, left = [], MAX_TEXT
    for cell in (_cell(cell) for cell in cells if isinstance(cell, dict)):
        if cell.kind != "code":
            cell = replace(cell, source=cell.source[: max(left, 0)])
            left -= len(cell.source)
        read.append(cell)
    code = sum(len(cell.source) for cell in read if cell.kind == "code")
    if code > MAX_CODE:
        raise Unreadable(f"The notebook has {code:,} characters of code; at most {MAX_CODE:,} are read.")
    return tuple(read)


def _text(data):
    """The bytes as text: UTF-8, UTF-16 or UTF-32, with a byte order mark or without, else Windows's Latin."""
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        if b'"cells"' not in data and b'"worksheets"' not in data:
            raise Unreadable("The file is no notebook: it is binary data, not text.") from None
        return data.decode("cp1252", "replace")


def _cells(said):
    version = said.get("nbformat", 4)
    try:
        version = int(version)
    except (TypeError, ValueError, OverflowError):
        version = 0
    if not 1 <= version <= 4:
        shown = said.get("nbformat")
        shown = repr(shown)[:40] if isinstance(shown, int | float | str | None) else f"a {type(shown).__name__}"
        raise Unreadable(f"The notebook's format is {shown}; 4 is expected. Open it in Jupyter and save it again.")
    if version < 4:
        said = _upgraded(said, version)
    cells = said.get("cells")
    if not isinstance(cells, list):
        raise Unreadable("The file is JSON, but no notebook: it has no list of cells.")
    return cells


def _upgraded(said, version):
    import nbformat

    try:
        return nbformat.convert(nbformat.from_dict(said), 4)
    except Exception as error:  # the converter assumes a valid notebook and fails in many ways on another
        raise Unreadable(
            f"The notebook's format is {version}, and it cannot be brought to 4 ({type(error).__name__}). "
            "Open it in Jupyter and save it again."
        ) from None


def _cell(cell):
    metadata = cell.get("metadata")
    graded = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = graded.get("grade_id") if isinstance(graded, dict) else ""
    kind = cell.get("cell_type")
    return Cell(
        _word(cell.get("id")),
        kind if kind in ("code", "markdown") else "raw",
        _source(cell.get("source", cell.get("input", ""))),
        _word(grade_id),
    )


def _word(value):
    return _clean(value)[:200] if isinstance(value, str) else ""


def _source(value):
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    return _clean(value) if isinstance(value, str) else ""


def _clean(text):
    """The text without halves of surrogate pairs, which no file and no pipe takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


# --- finding files


def _folder(root, skip=None):
    """Every file below a folder. Links are named, never followed."""
    entries = []

    def failed(error):
        parts = Path(error.filename).relative_to(root).parts
        if parts:
            shown = _shown("/".join(parts))
            problem = f"{shown} cannot be opened: {_reason(error)}."
            entries.append(_Entry(_tidy(parts), 0, 0.0, Path(error.filename), problem=problem))

    for folder, folders, files in os.walk(root, onerror=failed):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name)) and not _ignored(name)]
        folders[:] = sorted(
            name for name in folders if not _ignored(name) and name not in links and Path(folder, name) != skip
        )
        for name in sorted(files + links):
            if _ignored(name):
                continue
            place = Path(folder, name)
            parts = _tidy(place.relative_to(root).parts)
            try:
                about = place.lstat()
            except OSError as error:
                failed(error)
                continue
            problem = ""
            if stat.S_ISLNK(about.st_mode):
                problem = f"{_shown('/'.join(parts))} is a link, and links are not followed. Hand in the file itself."
            elif not stat.S_ISREG(about.st_mode):
                problem = f"{_shown('/'.join(parts))} is no ordinary file and was not read."
            if problem or _counts(parts):
                entries.append(_Entry(parts, about.st_size, about.st_mtime, place, problem=problem))
        if Path(folder).parent == root and not any(entry.parts[0] == Path(folder).name for entry in entries):
            empty = not folders and not [name for name in files if not _ignored(name)]
            if empty:
                parts = _tidy((Path(folder).name, "nothing"))
                entries.append(_Entry(parts, 0, 0.0, Path(folder), problem=f"{_shown(parts[0])} is an empty folder."))
    if not entries and not any(not _ignored(name) for name in os.listdir(root)):
        raise SubmissionsError(f"{_shown(root)} is empty. Give the folder, or the zip, that holds the submissions.")
    return entries


def _class_zip(path):
    """Every file of the zip that holds a class."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError) as error:
        raise SubmissionsError(
            f"{_shown(path)} is no zip that can be read ({_reason(error)}). Download it again."
        ) from None
    if len(members) > MAX_MEMBERS:
        raise SubmissionsError(f"{_shown(path)} has {len(members)} files; at most {MAX_MEMBERS} are read.")
    if not any(not member.is_dir() for member in members):
        raise SubmissionsError(f"{_shown(path)} is empty: there is no file in it. Download the submissions again.")
    return _members(members, path, (), ())


def _members(members, place, before, above):
    """Entries of the members of a zip. `above` stands before their names, `before` before their indices."""
    entries = []
    for index, member in enumerate(members):
        given = _zip_name(member)
        parts = tuple(part for part in re.split(r"[/\\]", given) if part not in ("", "."))
        if member.is_dir() or not parts or any(_ignored(part) for part in parts if part != ".."):
            continue
        outside = given.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", given)
        inside = tuple(part for part in parts if part != ".." and not re.fullmatch(r"[A-Za-z]:", part)) or ("unnamed",)
        shown = _shown("/".join((*above, given)))
        mode = member.external_attr >> 16
        problem = ""
        if outside:
            problem = f"{shown} points out of its folder and was not read. Hand in the file under a plain name."
        elif stat.S_ISLNK(mode):
            problem = f"{shown} is a link, and links are not followed. Hand in the file itself."
        elif not _counts((*above, *inside)):
            continue
        elif member.flag_bits & 0x1:
            problem = f"{shown} is protected by a password. Hand it in without one."
        elif member.file_size > 1_000_000 and member.file_size > MAX_RATIO * max(member.compress_size, 1):
            problem = (
                f"{shown} would unpack from {_megabytes(member.compress_size)} to {_megabytes(member.file_size)} "
                "and was not read."
            )
        parts = _tidy((*above, *inside))
        entries.append(_Entry(parts, member.file_size, _zip_time(member), place, (*before, index), problem))
    return entries


def _opened(entry):
    try:
        return limited.run(_inner_zip, entry)
    except limited.Exceeded as reason:
        return [replace(entry, problem=f"{_shown(entry.parts[-1])} could not be opened: {reason}.")]


def _inner_zip(entry):
    """The entries of a zip that a student handed in, and no zip inside it."""
    shown = _shown("/".join(entry.parts))
    try:
        data = _fetch(entry.place, entry.members, shown, MAX_INNER_ZIP)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except Unreadable as error:
        return [replace(entry, problem=str(error))]
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError) as error:
        return [replace(entry, problem=f"{shown} is no zip that can be read ({_reason(error)}). Hand it in again.")]
    if len(members) > MAX_INNER_MEMBERS:
        return [replace(entry, problem=f"{shown} has {len(members)} files; at most {MAX_INNER_MEMBERS} are read.")]
    found = _members(members, entry.place, entry.members or (-1,), entry.parts)
    found = [
        replace(item, problem=item.problem or f"{_shown('/'.join(item.parts))} is a zip in a zip and was not opened.")
        if item.kind == "zip" else item
        for item in found
    ]  # fmt: skip
    return found or [replace(entry, problem=f"{shown} holds no notebook.")]


def _fetch(place, members, shown, limit=MAX_NOTEBOOK):
    """The bytes of a file, or of a member of a zip, or of a zip in it; never more than `limit`."""
    # -1 stands for the file itself, where it is a zip that a student handed in.
    chain = members[1:] if members[:1] == (-1,) else members
    try:
        with open(place, "rb", opener=_without_following) as stream:
            if not chain:
                return _capped(stream, limit, shown)
            data = stream
            for depth, index in enumerate(chain, 1):
                with zipfile.ZipFile(data) as archive, archive.open(archive.infolist()[index]) as member:
                    data = io.BytesIO(_capped(member, limit if depth == len(chain) else MAX_INNER_ZIP, shown))
            return data.getvalue()
    except (
        zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, IndexError, OSError,
    ) as error:  # fmt: skip
        raise Unreadable(f"{_shown(shown)} cannot be read: {_reason(error)}.") from None


def _without_following(path, flags):
    """Open a file that may have become a link or a pipe since it was found."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def _capped(stream, limit, shown):
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise Unreadable(f"{_shown(shown)} has more than {_megabytes(limit)}; nothing larger is read.")
    return data


# --- whose it is


def _unwrapped(entries, stem):
    """The entries without a folder that wraps them all, as zip programs and downloads put one around."""
    tops = {entry.parts[0] for entry in entries}
    if len(tops) != 1 or any(len(entry.parts) < 2 for entry in entries):
        return entries
    top = tops.pop()
    below = {entry.parts[1] for entry in entries}
    files = {entry.parts[1] for entry in entries if len(entry.parts) == 2}
    known = all(_platform(name)[0] for name in below)
    same = stem is not None and _COPY.sub("", top).casefold() == _COPY.sub("", stem).casefold()
    # In a zip, two folders side by side are two students; a folder given by an instructor is taken at its word.
    several = stem is not None and not files and len(below) > 1
    if _platform(top)[0] == "moodle" or not (known or same or several or "submission" in top.casefold()):
        return entries
    return [replace(entry, parts=entry.parts[1:]) for entry in entries]


def _submissions(entries, fallback, path):
    """The submissions of the entries: each with its student, its key, its place in the order."""
    opened = []
    zips = Counter()
    for entry in entries:
        zips[entry.parts[0]] += entry.kind == "zip"
        if entry.kind != "zip" or entry.problem:
            opened.append(entry)
        elif zips[entry.parts[0]] <= MAX_ZIPS_OF_ONE:
            opened += _opened(entry)
    if not any(entry.problem or entry.kind != "other" for entry in opened):
        raise SubmissionsError(
            f"{_shown(path)} holds no notebook: no file in it ends in .ipynb. Give what the class handed in."
        )
    known = names()
    found, count, bytes_of = [], {}, {}
    for entry in opened:
        owner = _owner(entry, fallback, known)
        key = _key(owner["student"], owner["ident"])
        kind = "maybe" if entry.kind == "maybe" and not entry.problem else "other"
        kind = "notebook" if entry.kind in ("notebook", "zip") else kind
        count[key, kind] = count.get((key, kind), 0) + 1
        bytes_of[key] = bytes_of.get(key, 0) + entry.size * (kind == "notebook")
        problem, source = entry.problem, "/".join(entry.parts)
        if not problem and entry.size > MAX_NOTEBOOK:
            problem = f"{_shown(source)} has {_megabytes(entry.size)}; at most {_megabytes(MAX_NOTEBOOK)} are read."
        if not problem and bytes_of[key] > MAX_BYTES_OF_ONE:
            problem = f"{_shown(source)} was not read: one student's files may have {_megabytes(MAX_BYTES_OF_ONE)}."
        if count[key, kind] > (MAX_FILES_OF_ONE + 1 if kind == "notebook" else MAX_OTHERS_OF_ONE):
            continue
        if kind == "other" and not problem:
            ending = entry.parts[-1].lower().rpartition(".")[2]
            problem = f"{_shown(source)} {_OTHER.get(ending, f'is no notebook. {_EXPORT}')}"
        if count[key, kind] > MAX_FILES_OF_ONE:
            problem = f"More than {MAX_FILES_OF_ONE} files were handed in; {_shown(source)} and more were not read."
        flags = (Flag("late", "Canvas marks this submission as late."),) if owner["late"] else ()
        order = (owner["file_id"], owner["again"], entry.time, _natural(source))
        found.append(
            Submission(
                owner["student"],
                owner["name"],
                source,
                None,
                problem,
                owner["ident"],
                key,
                owner["platform"],
                flags=flags,
                kind=kind,
                order=order,
                place=entry.place,
                members=entry.members,
            )  # fmt: skip
        )
    found = _told_apart(found)
    return sorted(found, key=lambda item: (item.student.casefold(), item.key, item.order))


def _owner(entry, fallback, known):
    """Whose a file is, and how new: by what Canvas, Moodle or the folder says.

    Only the first part of a path counts: what stands deeper was named by a student.
    """
    top, name = entry.parts[0], entry.parts[-1]
    said = {"name": name, "ident": "", "platform": "", "late": False, "file_id": 0, "again": 0}
    platform, match = _platform(top)
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
    student = top if len(entry.parts) > 1 and _kind(top) != "zip" else _name_in(top, known) or fallback
    return said | {"student": student.strip() or "unnamed"}


def _platform(name):
    """Which platform named a file or a folder, and its parts: that whose number of the student stands first."""
    found = [(platform, form.fullmatch(name)) for platform, form in (("canvas", _CANVAS), ("moodle", _MOODLE))]
    found = [(match.end("user"), platform, match) for platform, match in found if match]
    return min(found)[1:] if found else ("", None)


def _name_in(file, known):
    """The student's name in a file's name such as `anna_01_xor_mlp (1).ipynb`; "" where there is none."""
    stem = _NOTEBOOK.sub("", file) if _NOTEBOOK.search(file) else file.rsplit(".", 1)[0]
    stem = _COPY_OF.sub("", _COPY.sub("", stem))
    for number, slug in known.items():
        words = r"[ _-]?".join(re.escape(word) for word in slug.split("_"))
        rest, hits = re.subn(rf"(?i)(?<![0-9a-z]){words}(?![0-9a-z])", " ", stem)
        if hits:
            break
        rest, hits = re.subn(rf"(?i)(?:^{number}(?![0-9a-z.])|(?<![0-9a-z]){number}$)", " ", stem)
        if hits:
            break
    else:
        rest = stem
    bare = _ADDED.sub("", rest).strip(" _-.,+")
    return bare or _COPY.sub("", rest).strip(" _-.,+")


def _told_apart(found):
    """Two students of one name are shown with their ids."""
    keys = {}
    for item in found:
        keys.setdefault(item.student.casefold(), set()).add(item.key)
    return [
        replace(item, student=f"{item.student} ({item.ident})")
        if item.ident and len(keys[item.student.casefold()]) > 1 else item
        for item in found
    ]  # fmt: skip


def _key(student, ident=""):
    """A student as part of a file name: plain where the name is, else with a few letters of its hash."""
    identity = unicodedata.normalize("NFC", student).casefold().strip() + (f"-{ident}" if ident else "")
    plain = unicodedata.normalize("NFKD", identity).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:40].strip("-")
    # A name that looks like one with a hash gets one, so that nobody can take another's file name.
    if slug and slug == identity and slug not in _RESERVED and not re.search(r"-[0-9a-f]{8}$", slug):
        return slug
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{slug or 'student'}-{digest}"


# --- small things


def _kind(name):
    """ "notebook", "zip", "maybe" (a notebook without its ending) or "other"."""
    if _NOTEBOOK.search(name):
        return "notebook"
    ending = name.lower().rpartition(".")[2] if "." in name else ""
    return {"zip": "zip", "json": "maybe", "": "maybe"}.get(ending, "other")


def _counts(parts):
    """Whether a file may be somebody's hand-in: beside the students' files an instructor keeps a list of the class."""
    ending = parts[-1].lower().rpartition(".")[2]
    known = _kind(parts[-1]) in ("notebook", "zip") or ending in _OTHER or ending == "json"
    return known or len(parts) > 1 or _platform(parts[0])[0] != ""


def _ignored(name):
    hidden = name.startswith((".", "~$")) and not name.endswith(".icloud")
    return hidden or name.casefold() in _IGNORED


def _tidy(parts):
    """Names without what no text can hold: undecodable bytes of a file system, control characters."""
    return tuple(
        "".join(c if c.isprintable() else "\ufffd" for c in part.encode("utf-8", "replace").decode())[:200] or "unnamed"
        for part in parts
    )


def _zip_name(member):
    """A member's name. Some programs write UTF-8 without saying so."""
    name = member.orig_filename
    if not member.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\0", "\ufffd")


def _zip_time(member):
    """Something that sorts as the member's time does; a zip's times have no zone, so it is no time of hand-in."""
    year, month, *rest = member.date_time
    return float(calendar.timegm((year, min(max(month, 1), 12), *rest)))


def _natural(text):
    return tuple((0, int(part[:18]), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", text))


def _shown(path):
    """A name as it may stand in a sentence."""
    name = path.name if isinstance(path, Path) else str(path)
    name = "".join(c if c.isprintable() else "\ufffd" for c in name)
    return f"`{name if len(name) <= 120 else name[:60] + '...' + name[-57:]}`"


def _reason(error):
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())[:160].rstrip(".")


def _megabytes(count):
    return f"{count / 1e6:,.1f} MB" if count < 1e7 else f"{count / 1e6:,.0f} MB"
