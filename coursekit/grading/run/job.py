"""What the grader, the judge and the student's process hand to each other about one submission."""

import pickle
from dataclasses import dataclass
from pathlib import Path

from coursekit.grading.result import Result
from coursekit.grading.sandbox import Limits


@dataclass(frozen=True)
class Times:
    """Seconds that parts of one submission may take.

    Parameters
    ----------
    total : float
        All its cells together. The checks have some more.
    cell, question : float
        One cell; one answer to a question of a check.
    grace : float
        From an interrupt to the end.
    frame : float
        An answer, to arrive once it has begun.
    """

    total: float = 900.0
    cell: float = 300.0
    question: float = 60.0
    grace: float = 15.0
    frame: float = 30.0


@dataclass(frozen=True)
class Settings:
    """How the submissions of a class are run.

    Parameters
    ----------
    times : Times
    memory_mb : int
        Memory that one submission may take.
    unsafe : bool
        Run without a sandbox.
    """

    times: Times = Times()
    memory_mb: int = 3000
    unsafe: bool = False


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
    """What the judge does with one submission.

    Parameters
    ----------
    result : Result
        As it stands before anything has run: whose it is, its cells, flags and answers. Its seed is of this work of
        this student alone; the seed of each exercise is drawn from it.
    steps : list of Step
    settings : Settings
    out : Path
        Where the result goes.
    again : bool
        Judge from the transcripts; nothing of the student's runs.
    careful : bool
        Judge each exercise in a process of its own, since one of them has ended a judge already.
    """

    result: Result
    steps: list
    settings: Settings
    out: Path
    again: bool = False
    careful: bool = False


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
