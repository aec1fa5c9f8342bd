"""What the grader, the judge and the student's process hand to each other about one submission."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from coursekit.grading.intake.notebook import Cell
from coursekit.grading.plan.steps import Step
from coursekit.grading.result import Answer, Flag


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
class Box:
    """What the sandbox is made of: all that the judge knows when the student's process is forked from it."""

    files: dict = field(default_factory=dict)  # name -> base64
    limits: dict = field(default_factory=dict)
    readable: list = ()
    hidden: list = ()
    keras: bool = False
    unsafe: bool = False


@dataclass(frozen=True)
class Job:
    """What the judge does with one submission.

    Parameters
    ----------
    student, ident, platform, notebook, file, submitted
        As in `coursekit.grading.intake.submissions.Submission`; they go into the result.
    seed : int
        From which the seed of each exercise is drawn: of this work of this student alone.
    key, run_key : str
        Digests of the submission with and without the checks.
    flags : list of Flag
    answers : list of Answer
    cells : list of Cell
    steps : list of Step
    times : Times
    memory_mb : int
    unsafe : bool
    out, transcripts : str
        Where the result and the transcripts go.
    again : bool
        Judge from the transcripts; nothing of the student's runs.
    careful : bool
        Judge each exercise in a process of its own, since one of them has ended a judge already.
    """

    student: str
    ident: str
    platform: str
    notebook: str
    file: str
    submitted: str | None
    seed: int
    key: str
    run_key: str
    flags: list
    answers: list
    cells: list
    steps: list
    times: Times
    memory_mb: int
    unsafe: bool
    out: str
    transcripts: str
    again: bool = False
    careful: bool = False


def write(path, box, job):
    """Write a job as two files: what the sandbox is made of, and, for the judge alone, all the rest.

    The student's process is forked from the judge. Nothing may be in its memory then that a student should not see:
    the seed of the checks, the paths of the results.
    """
    Path(path).write_text(json.dumps(None if job.again else asdict(box)), encoding="utf-8")
    Path(f"{path}.judge").write_text(json.dumps(asdict(job)), encoding="utf-8")
    return path


def read_box(path):
    """The `Box` of the job at `path`; None where nothing of the student's is to run."""
    said = json.loads(Path(path).read_text(encoding="utf-8"))
    return said and Box(**said)


def read_job(path):
    """The `Job` at `path`; for the time after the student's process was forked."""
    said = json.loads(Path(f"{path}.judge").read_text(encoding="utf-8"))
    kinds = {"cells": Cell, "steps": Step, "flags": Flag, "answers": Answer}
    made = {name: [kind(**one) for one in said[name]] for name, kind in kinds.items()}
    return Job(**{**said, **made, "times": Times(**said["times"])})
