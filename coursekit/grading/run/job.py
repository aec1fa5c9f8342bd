"""What the grader, the judge and the student's process hand to each other about one submission."""

import pickle
from dataclasses import dataclass
from pathlib import Path

from coursekit.grading.result import Result
from coursekit.grading.sandbox import Limits


@dataclass(frozen=True)
class Times:
    """Seconds that parts of one submission may take."""

    total: float = 900.0  # all its cells together; the checks have some more
    cell: float = 300.0
    question: float = 60.0  # one answer to a question of a check
    grace: float = 15.0  # from an interrupt to the end
    frame: float = 30.0  # an answer, to arrive once it has begun


@dataclass(frozen=True)
class Settings:
    """How the submissions of a class are run."""

    times: Times = Times()
    memory_mb: int = 3000  # that one submission may take
    unsafe: bool = False  # run without a sandbox; "user": as a user without rights, see `sandbox.start`


@dataclass(frozen=True)
class Box:
    """What the sandbox is made of: all that the judge knows when the student's process is forked from it."""

    files: dict  # name -> bytes
    limits: Limits
    readable: list
    hidden: list
    keras: bool
    unsafe: bool


@dataclass(frozen=True)
class Job:
    """What the judge does with one submission."""

    # As it stands before anything has run: whose it is, its cells, flags and answers. Its seed is of this work of this
    # student alone; the seed of each exercise is drawn from it.
    result: Result
    steps: list  # of `Step`
    settings: Settings
    out: Path  # where the result goes
    again: bool = False  # judge from the transcripts; nothing of the student's runs
    careful: bool = False  # each exercise in a process of its own, since one of them has ended a judge already


def write(path, box, job):
    """Write a job as two files: what the sandbox is made of, and, for the judge alone, all the rest.

    The student's process is forked from the judge. Nothing may be in its memory then that a student should not see:
    the seed of the checks, the paths of the results.
    """
    Path(path).write_bytes(pickle.dumps(None if job.again else box))
    Path(f"{path}.judge").write_bytes(pickle.dumps(job))
    return path


def read_box(path):
    """The `Box` of the job at `path`; None where nothing of the student's is to run."""
    return pickle.loads(Path(path).read_bytes())


def read_job(path):
    """The `Job` at `path`; for the time after the student's process was forked."""
    return read_box(f"{path}.judge")
