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

import contextlib
import gzip
import hashlib
import io
import os
import re
import stat
import zlib
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from coursekit import place
from coursekit.grading.intake import archives
from coursekit.grading.intake.archives import Entry, SubmissionsError
from coursekit.grading.intake.kinds import EXPORT_ADVICE, OTHER_KINDS, is_ignored, kind_of
from coursekit.grading.intake.notebook import MAX_NOTEBOOK, Unreadable
from coursekit.grading.intake.owner import COPY_NUMBER, may_count, owner_of, platform_of, student_key
from coursekit.grading.intake.words import megabytes, reason_of, shown_name
from coursekit.grading.result import Flag

MAX_FILES_OF_ONE = 200
MAX_OTHERS_OF_ONE = 5
MAX_ZIPS_OF_ONE = 20
MAX_BYTES_OF_ONE = 600_000_000
MAX_COMPANIONS = 20_000_000


@dataclass(frozen=True)
class Submission:
    """One file of one student; or, where `problem` says so in one sentence, why there is none.

    Names are as they were written and untrusted: for display only. `key` is the student as a part of a file name: safe,
    unique, the same in every run.
    """

    student: str
    name: str  # the file's, as the student chose it
    source: str  # where it stands, relative to what was given
    problem: str = ""
    ident: str = ""  # the id that Canvas or Moodle gives the student
    key: str = ""
    platform: str = ""  # "canvas" or "moodle" where one of them named the file
    number: str = ""  # the course's notebook, once `choose` found it out
    flags: tuple = ()
    kind: str = "notebook"  # or "maybe", tried where there is no notebook; or "other", worth a word only then
    order: tuple = ()  # sorts the files of one student from the oldest to the newest
    place: Path | None = field(default=None, repr=False)  # the file on the disk
    members: tuple = ()  # which member of that zip, and of the zip in it

    @property
    def data(self):
        """The bytes of the notebook, read anew each time, so that a class of any size stays on the disk.

        Raises
        ------
        Unreadable
        """
        if self.problem:
            raise Unreadable(self.problem)
        data = archives.fetch(self.place, self.members, self.source)
        if data[:2] != b"\x1f\x8b":
            return data
        try:
            with gzip.open(io.BytesIO(data)) as stream:
                return archives.capped(stream, MAX_NOTEBOOK, self.source)
        except (OSError, EOFError, zlib.error) as error:
            raise Unreadable(f"{shown_name(self.source)} cannot be read: {reason_of(error)}.") from None


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
        raise SubmissionsError(
            f"There is no {shown_name(path)}. Give the folder, or the zip, that holds the submissions."
        )
    shown = shown_name(path)
    try:
        path = path.resolve()
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            os.listdir(path)
    except (OSError, RuntimeError) as error:
        raise SubmissionsError(f"{shown} cannot be opened: {reason_of(error)}.") from None
    if stat.S_ISDIR(mode):
        entries = _folder(path, skip and Path(skip).resolve())
        download = _class_zip_of(entries)
        if download:
            return _submissions(_unwrapped(archives.class_zip(download), download.stem), path.name, download)
        return _submissions(_unwrapped(entries, None), path.name, path)
    if stat.S_ISREG(mode) and path.suffix.lower() == ".zip":
        return _submissions(_unwrapped(archives.class_zip(path), path.stem), path.stem, path)
    if stat.S_ISREG(mode) and kind_of(path.name) == "notebook":
        size = path.stat()
        return _submissions([Entry((path.name,), size.st_size, size.st_mtime, path)], path.parent.name, path)
    raise SubmissionsError(
        f"{shown_name(path)} is neither a folder nor a .zip nor an .ipynb. Give what the class handed in as downloaded."
    )


def companions(submission):
    """The files that lie beside a notebook in its student's folder or zip, such as a picture or a module of their own.

    Parameters
    ----------
    submission : Submission

    Returns
    -------
    dict of str to bytes
        At most 50 files of 20 MB together, the smallest first; none where a notebook lies flat among those of others.
    """
    if submission.place is None or "/" not in submission.source:
        return {}
    if submission.members:
        return archives.beside_in_zip(submission.place, submission.members, _taken)
    with os.scandir(submission.place.parent) as entries:
        ordinary = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
    sizes = {entry.path: entry.stat(follow_symlinks=False).st_size for entry in ordinary}
    return _taken(sizes, lambda path, left: archives.fetch(Path(path), (), path, left))


def _taken(sizes, read):
    """Of the files in one folder, path -> size, those that come along, read by ``read(path, limit)``: name -> bytes."""
    found, left = {}, MAX_COMPANIONS
    for path in sorted(sizes, key=lambda path: (sizes[path], path)):
        name = re.split(r"[/\\]", path)[-1]
        odd = is_ignored(name) or not name.isprintable() or len(os.fsencode(name)) > 255 or name in found
        if odd or kind_of(name) in ("notebook", "zip") or len(found) == 50 or sizes[path] > left:
            continue
        with contextlib.suppress(Unreadable):  # not to be opened, or larger than it says
            found[name] = read(path, left)
            left -= len(found[name])
    return found


# --- finding files


def _folder(root, skip=None):
    """Every file below a folder. Links are named, never followed."""
    entries = []

    def failed(error):
        parts = Path(error.filename).relative_to(root).parts
        if parts:
            shown = shown_name("/".join(parts))
            problem = f"{shown} cannot be opened: {reason_of(error)}."
            entries.append(Entry(archives.tidy(parts), 0, 0.0, Path(error.filename), problem=problem))

    for folder, folders, files in os.walk(root, onerror=failed):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name)) and not is_ignored(name)]
        folders[:] = sorted(
            name for name in folders if not is_ignored(name) and name not in links and Path(folder, name) != skip
        )
        for name in sorted(files + links):
            if is_ignored(name):
                continue
            place = Path(folder, name)
            parts = archives.tidy(place.relative_to(root).parts)
            try:
                about = place.lstat()
            except OSError as error:
                failed(error)
                continue
            problem = ""
            if stat.S_ISLNK(about.st_mode):
                problem = (
                    f"{shown_name('/'.join(parts))} is a link, and links are not followed. Hand in the file itself."
                )
            elif not stat.S_ISREG(about.st_mode):
                problem = f"{shown_name('/'.join(parts))} is no ordinary file and was not read."
            if problem or may_count(parts):
                entries.append(Entry(parts, about.st_size, about.st_mtime, place, problem=problem))
        if Path(folder).parent == root and not folders and not links and all(map(is_ignored, files)):
            parts = archives.tidy((Path(folder).name, "nothing"))
            problem = f"{shown_name(parts[0])} is an empty folder."
            entries.append(Entry(parts, 0, 0.0, Path(folder), problem=problem))
    if not entries and not any(not is_ignored(name) for name in os.listdir(root)):
        raise SubmissionsError(f"{shown_name(root)} is empty. Give the folder, or the zip, that holds the submissions.")
    return entries


# --- whose it is


def _class_zip_of(entries):
    """The class's zip in a folder of its own, as downloaded: beside a student's there is work of others."""
    zips = [entry for entry in entries if entry.kind == "zip"]
    names = [path.stem for path in place.notebooks()]

    def is_work(entry):
        named = any(name in entry.parts[-1].casefold() for name in names)
        return len(entry.parts) > 1 or entry.kind == "notebook" or named

    if len(zips) == 1 and not any(is_work(entry) for entry in entries if entry is not zips[0] or len(entry.parts) > 1):
        return zips[0].place
    return None


def _unwrapped(entries, stem):
    """The entries without a folder that wraps them all, as zip programs and downloads put one around."""
    tops = {entry.parts[0] for entry in entries}
    if len(tops) != 1 or any(len(entry.parts) < 2 for entry in entries):
        return entries
    top = tops.pop()
    below = {entry.parts[1] for entry in entries}
    files = {entry.parts[1] for entry in entries if len(entry.parts) == 2}
    known = all(platform_of(name)[0] for name in below)
    same = stem is not None and COPY_NUMBER.sub("", top).casefold() == COPY_NUMBER.sub("", stem).casefold()
    # In a zip, two folders side by side are two students; a folder given by an instructor is taken at its word.
    several = stem is not None and not files and len(below) > 1
    if platform_of(top)[0] == "moodle" or not (known or same or several or "submission" in top.casefold()):
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
            opened += archives.opened_zip(entry)
    if not any(entry.problem or entry.kind != "other" for entry in opened):
        raise SubmissionsError(
            f"{shown_name(path)} holds no notebook: no file in it ends in .ipynb. Give what the class handed in."
        )
    known = {path.stem.split("_")[0]: path.stem for path in place.notebooks()}
    found, count, bytes_of = [], {}, {}
    for entry in opened:
        owner = owner_of(entry, fallback, known)
        key = student_key(owner["student"], owner["ident"])
        kind = "maybe" if entry.kind == "maybe" and not entry.problem else "other"
        kind = "notebook" if entry.kind in ("notebook", "zip") else kind
        count[key, kind] = count.get((key, kind), 0) + 1
        bytes_of[key] = bytes_of.get(key, 0) + entry.size * (kind == "notebook")
        problem, source = entry.problem, "/".join(entry.parts)
        if not problem and entry.size > MAX_NOTEBOOK:
            problem = f"{shown_name(source)} has {megabytes(entry.size)}; at most {megabytes(MAX_NOTEBOOK)} are read."
        if not problem and bytes_of[key] > MAX_BYTES_OF_ONE:
            problem = f"{shown_name(source)} was not read: one student's files may have {megabytes(MAX_BYTES_OF_ONE)}."
        if count[key, kind] > (MAX_FILES_OF_ONE + 1 if kind == "notebook" else MAX_OTHERS_OF_ONE):
            continue
        if kind == "other" and not problem:
            ending = entry.parts[-1].lower().rpartition(".")[2]
            problem = f"{shown_name(source)} {OTHER_KINDS.get(ending, f'is no notebook. {EXPORT_ADVICE}')}"
        if count[key, kind] > MAX_FILES_OF_ONE:
            problem = f"More than {MAX_FILES_OF_ONE} files were handed in; {shown_name(source)} and more were not read."
        flags = (Flag("late", "Canvas marks this submission as late."),) if owner["late"] else ()
        order = (owner["file_id"], owner["again"], entry.time, _natural(source))
        made = Submission(owner["student"], owner["name"], source, problem, owner["ident"], key, owner["platform"])
        about = {"flags": flags, "kind": kind, "order": order, "place": entry.place, "members": entry.members}
        found.append(replace(made, **about))
    found = _told_apart(_with_keys_of_their_own(found))
    return sorted(found, key=lambda item: (item.student.casefold(), item.key, item.order))


def _with_keys_of_their_own(found):
    """Two folders are two students, however alike their names: "Max" and "max", "Weiss" and "Weiß"."""
    folders = {}
    for item in found:
        if not item.ident and "/" in item.source:
            folders.setdefault(item.key, set()).add(item.source.partition("/")[0])
    alike = {key for key, names in folders.items() if len(names) > 1}
    return [
        replace(item, key=f"{item.key}-{hashlib.sha256(item.student.encode()).hexdigest()[:8]}")
        if item.key in alike and "/" in item.source else item
        for item in found
    ]  # fmt: skip


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


def _natural(text):
    return tuple((0, int(part[:18]), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", text))
