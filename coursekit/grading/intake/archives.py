"""Files in zips, and zips in zips: found and read within caps, never unpacked onto the disk."""

import calendar
import contextlib
import io
import os
import re
import stat
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

from coursekit.grading import limited
from coursekit.grading.intake.kinds import is_ignored, kind_of
from coursekit.grading.intake.notebook import MAX_NOTEBOOK, Unreadable
from coursekit.grading.intake.owner import may_count
from coursekit.grading.intake.words import megabytes, reason_of, shown_name

MAX_INNER_ZIP = 100_000_000
MAX_MEMBERS = 20_000
MAX_INNER_MEMBERS = 2_000
MAX_RATIO = 200
_CANNOT = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, IndexError, OSError)
_FOLDER = re.compile(r"(?:.*[/\\])?", re.S)


class SubmissionsError(Exception):
    """What was given holds nothing to grade. The message is one sentence that says what to do."""


@dataclass(frozen=True)
class Entry:
    """A file that was found: its path in parts, and where it stands."""

    parts: tuple
    size: int
    time: float
    place: Path
    members: tuple = ()
    problem: str = ""

    @property
    def kind(self):
        return kind_of(self.parts[-1])


def class_zip(path):
    """Every file of the zip that holds a class."""
    try:
        members = _directory(path, shown_name(path))
    except Unreadable as error:
        raise SubmissionsError(f"{error} Download it again.") from None
    if len(members) > MAX_MEMBERS:
        raise SubmissionsError(f"{shown_name(path)} has {len(members)} files; at most {MAX_MEMBERS} are read.")
    if not any(not member.is_dir() for member in members):
        raise SubmissionsError(f"{shown_name(path)} is empty: there is no file in it. Download the submissions again.")
    return _members(members, path, (), ())


def _members(members, place, before, above):
    """Entries of the members of a zip. `above` stands before their names, `before` before their indices."""
    entries = []
    for index, member in enumerate(members):
        given = _zip_name(member)
        parts = tuple(part for part in re.split(r"[/\\]", given) if part not in ("", "."))
        if member.is_dir() or not parts or any(is_ignored(part) for part in parts if part != ".."):
            continue
        outside = given.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", given)
        inside = tuple(part for part in parts if part != ".." and not re.fullmatch(r"[A-Za-z]:", part)) or ("unnamed",)
        shown = shown_name("/".join((*above, given)))
        mode = member.external_attr >> 16
        problem = ""
        if outside:
            problem = f"{shown} points out of its folder and was not read. Hand in the file under a plain name."
        elif stat.S_ISLNK(mode):
            problem = f"{shown} is a link, and links are not followed. Hand in the file itself."
        elif not may_count((*above, *inside)):
            continue
        elif member.flag_bits & 0x1:
            problem = f"{shown} is protected by a password. Hand it in without one."
        elif member.file_size > 1_000_000 and member.file_size > MAX_RATIO * max(member.compress_size, 1):
            problem = (
                f"{shown} would unpack from {megabytes(member.compress_size)} to {megabytes(member.file_size)} "
                "and was not read."
            )
        parts = tidy((*above, *inside))
        entries.append(Entry(parts, member.file_size, _zip_time(member), place, (*before, index), problem))
    return entries


def opened_zip(entry):
    try:
        return limited.run(_inner_zip, entry)
    except limited.Exceeded as reason:
        return [replace(entry, problem=f"{shown_name(entry.parts[-1])} could not be opened: {reason}.")]


def _inner_zip(entry):
    """The entries of a zip that a student handed in, and no zip inside it."""
    shown = shown_name("/".join(entry.parts))
    try:
        data = fetch(entry.place, entry.members, shown, MAX_INNER_ZIP)
        # By the mark before each of them, as a directory that names one file two million times takes long to read.
        if data.count(b"PK\1\2") > MAX_INNER_MEMBERS:
            raise Unreadable(f"{shown} has more files than the {MAX_INNER_MEMBERS} that are read of a zip.")
    except Unreadable as error:
        return [replace(entry, problem=str(error))]
    try:
        members = _directory(io.BytesIO(data), shown)
    except Unreadable as error:
        return [replace(entry, problem=f"{error} Hand it in again.")]
    found = _members(members, entry.place, entry.members or (-1,), entry.parts)
    found = [
        replace(item, problem=item.problem or f"{shown_name('/'.join(item.parts))}, a zip in a zip, was not opened.")
        if item.kind == "zip" else item
        for item in found
    ]  # fmt: skip
    return found or [replace(entry, problem=f"{shown} holds no notebook.")]


def _directory(file, shown):
    """What a zip says is in it."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.infolist()
    except _CANNOT as error:
        raise Unreadable(f"{shown} is no zip that can be read ({reason_of(error)}).") from None


def fetch(place, members, shown, limit=MAX_NOTEBOOK):
    """The bytes of a file, or of a member of a zip, or of a zip in it; never more than `limit`."""
    # -1 stands for the file itself, where it is a zip that a student handed in.
    chain = members[1:] if members[:1] == (-1,) else members
    try:
        with open(place, "rb", opener=_without_following) as stream:
            if not chain:
                return capped(stream, limit, shown)
            data = stream
            for depth, index in enumerate(chain, 1):
                with zipfile.ZipFile(data) as archive, archive.open(archive.infolist()[index]) as member:
                    data = io.BytesIO(capped(member, limit if depth == len(chain) else MAX_INNER_ZIP, shown))
            return data.getvalue()
    except _CANNOT as error:
        raise Unreadable(f"{shown_name(shown)} cannot be read: {reason_of(error)}.") from None


def beside_in_zip(place, members, taken):
    """What ``taken(sizes, read)`` makes of the files in the folder of a zip in which a notebook lies."""
    *above, mine = members
    data = io.BytesIO(fetch(place, tuple(above), place.name, MAX_INNER_ZIP)) if above else place
    with zipfile.ZipFile(data) as archive:
        files = archive.infolist()
        names = [_zip_name(file) for file in files]
        folder = _FOLDER.match(names[mine])[0]
        beside = {name: file for name, file in zip(names, files, strict=True)
                  if name and not file.is_dir() and _FOLDER.match(name)[0] == folder}  # fmt: skip

        def read(name, limit):
            try:
                with archive.open(beside[name]) as stream:
                    return capped(stream, limit, name)
            except _CANNOT as error:
                raise Unreadable(reason_of(error)) from None

        return taken({name: file.file_size for name, file in beside.items()}, read)


def _without_following(path, flags):
    """Open a file that may have become a link or a pipe since it was found."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def capped(stream, limit, shown):
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise Unreadable(f"{shown_name(shown)} has more than {megabytes(limit)}; nothing larger is read.")
    return data


def tidy(parts):
    """Names without what no text can hold: undecodable bytes of a file system, control characters. Of a long one the
    beginning and the end are kept."""
    names = ("".join(c if c.isprintable() else "\ufffd" for c in p.encode("utf-8", "replace").decode()) for p in parts)
    return tuple((name if len(name) <= 200 else name[:160] + name[-40:]) or "unnamed" for name in names)


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
