"""What became of one submission: made by the judge, kept as JSON, read by whatever reports on a class."""

import hashlib
import json
import os
import re
import tempfile
import unicodedata
from dataclasses import asdict, dataclass, field
from pathlib import Path

VERSION = 2
STATUSES = ("graded", "ended", "unreadable", "grader-failed")


@dataclass(frozen=True)
class Flag:
    """What an instructor may want to know: a stable code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True)
class Answer:
    """The student's own prose, and the exercise that it follows, or ""."""

    after: str
    text: str


@dataclass(frozen=True)
class Output:
    """What a cell showed: "text" or "image", of which `png` is the base64."""

    type: str
    text: str = ""
    png: str = ""


@dataclass
class RunCell:
    """A cell of the submission and what became of it. The first fields are those of `Cell`."""

    kind: str
    source: str
    exercise: str = ""
    role: str = "own"
    status: str = "not run"  # or "ok", "error", "stopped", "judged", "no time"
    seconds: float = 0.0
    error: str = ""  # in which it ended, on one line
    outputs: list = field(default_factory=list)


@dataclass
class Result:
    """One submission's result; docs/grading.md says what each field holds."""

    student: str
    notebook: str
    status: str = "graded"
    ident: str = ""
    platform: str = ""
    file: str = ""
    submitted: str | None = None
    seed: int = 0
    key: str = ""
    run_key: str = ""
    seconds: float = 0.0
    peak_mb: float = 0.0
    flags: list = field(default_factory=list)
    reports: dict = field(default_factory=dict)
    cells: list = field(default_factory=list)
    answers: list = field(default_factory=list)
    path: str = ""  # where it stands, once it was read
    version: int = VERSION

    @property
    def ran(self):
        return self.status in ("graded", "ended")

    @property
    def failed(self):
        """Whether the grader itself failed: then there is no mark."""
        return self.status == "grader-failed"


def read(path):
    """The result in a file. Raises OSError, ValueError, KeyError or TypeError where there is none."""
    said = json.loads(Path(path).read_text(encoding="utf-8"))
    if said["version"] != VERSION or said["status"] not in STATUSES:
        raise ValueError("another version")
    if not isinstance(said["student"], str) or not isinstance(said["notebook"], str):
        raise TypeError("no names")
    made = {
        "flags": [Flag(**flag) for flag in said["flags"]],
        "answers": [Answer(**answer) for answer in said["answers"]],
        "reports": {id: _report(report) for id, report in said["reports"].items()},
        "cells": [
            RunCell(**{**cell, "outputs": [Output(**output) for output in cell["outputs"]]}) for cell in said["cells"]
        ],
    }
    return Result(**{**said, **made})


def _report(said):
    from coursekit.checks.report import Finding, Report  # not at the top: whoever finds and plans needs no check

    return Report(**{**said, "findings": tuple(Finding(**finding) for finding in said["findings"])})


def load(path):
    """The same; None where there is none."""
    try:
        return read(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def file_stem(text, most=40):
    """A text as part of a file name: plain where the text is safe on every system, else with letters of its hash."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:most].strip("-")
    # A text that looks like one with a hash gets one, so that nobody can take another's file name.
    if slug and slug == text and not re.fullmatch(r"con|prn|aux|nul|(com|lpt)\d|.*-[0-9a-f]{8}", slug):
        return slug
    return f"{slug or 'student'}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def transcripts(path):
    """Where the transcripts of the result at `path` are kept."""
    return Path(path).parents[1] / "transcripts" / Path(path).stem


def save(path, result):
    """Write a result."""
    write_whole(path, json.dumps(asdict(result) if isinstance(result, Result) else result).encode())


def write_whole(path, data, mode=0o600):
    """Write a file in one step: a reader sees the old one or the new one, never half of it, and no other writer's."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
