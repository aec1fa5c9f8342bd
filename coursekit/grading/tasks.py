"""One submission as the grader knows it, and the job that the judge makes of it."""

import base64
import contextlib
import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from coursekit import place
from coursekit.grading.intake.notebook import parse
from coursekit.grading.intake.submissions import Submission, companions
from coursekit.grading.plan.course import Notebook
from coursekit.grading.plan.steps import answers, plan, remarks
from coursekit.grading.result import Flag, Result, load, save
from coursekit.grading.run import zygote
from coursekit.grading.run.job import Box, Job, Times
from coursekit.grading.sandbox import Limits
from coursekit.run import share_cores


class Stop(Exception):
    """Grading cannot begin or go on. The message is one sentence that says what to do."""


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
class Task:
    """The few words that the grader keeps of a submission; `describe` makes a whole `Job` of them in its turn, so that
    the grader's memory does not grow with the class."""

    handed: Submission
    notebook: Notebook
    seed: int
    out: Path
    settings: Settings
    checks: str
    key: str = ""
    run_key: str = ""
    may_loop: bool = False
    again: bool = False
    tried: bool = False


def looked_at(task):
    """What decides whether and when a submission is run. A wrong guess at what may loop changes the order alone."""
    _, job = describe(task)
    mine = [step.source for step in job.steps if step.role != "course"]
    loops = any(line.lstrip(" \t").startswith("while") for source in mine for line in source.splitlines())
    return {"key": job.key, "run_key": job.run_key, "may_loop": loops}


def describe(task):
    """The `Box` and the `Job` of one submission. Looks into what the student wrote: for `limited.run`."""
    handed, notebook, settings = task.handed, task.notebook, task.settings
    cells = parse(handed.data)
    steps = plan(notebook, cells)
    files = companions(handed)
    limits = Limits(memory_mb=settings.memory_mb)
    # Of the work too: whoever learns what a check asked, and hands in numbers for it, is asked something else.
    seed = int(_digest(task.seed, cells, sorted(files.items()))[:12], 16)
    run_key = _digest(cells, steps, sorted(files.items()), limits, settings, seed)
    if task.again:  # after the digests, or a result that was judged again would never be done
        steps = [step for step in steps if step.kind == "check"]
    box = Box(
        {name: base64.b64encode(data).decode() for name, data in files.items()}, asdict(limits), *shown(),
        place.uses_keras(), settings.unsafe,
    )  # fmt: skip
    return box, Job(
        handed.student, handed.ident, handed.platform, handed.number, handed.source, handed.submitted, seed,
        _digest(run_key, task.checks), run_key, [*handed.flags, *remarks(notebook, cells)],
        answers(notebook, cells), cells, steps, settings.times, settings.memory_mb, settings.unsafe,
        str(task.out), str(transcripts(task.out)), task.again, task.tried,
    )  # fmt: skip


def transcripts(path):
    """Where the transcripts of the result at `path` are kept."""
    return path.parents[1] / "transcripts" / path.stem


def summary(path):
    """The result at `path` without its cells and answers: what the grader itself needs."""
    return replace(load(path), cells=[], answers=[], path=str(path))


def unreadable(task):
    """The result of a submission that cannot be run."""
    handed = task.handed
    return Result(
        handed.student, handed.number or "", "unreadable", handed.ident, handed.platform, handed.source,
        handed.submitted, task.seed, flags=[*handed.flags, Flag("unreadable", handed.problem)],
    )  # fmt: skip


def checks_key():
    """A digest of everything that a verdict depends on besides the submission."""
    total = hashlib.sha256()
    for path in (file for folder in (place.ENGINE, place.exercises()) for file in sorted(folder.rglob("*"))):
        if path.suffix in (".py", ".toml", ".json"):
            total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()


def shown():
    """What a student's process may read besides Python's own folders, and what of it looks empty there: the checks of
    this course and of the one that `place` names, their texts and limits, the pictures of the results."""
    hidden = []
    for exercises in dict.fromkeys((place.EXERCISES, place.exercises())):
        compiled = exercises / "__pycache__"
        with contextlib.suppress(OSError):
            compiled.mkdir(exist_ok=True)  # what is not there when the sandbox is made cannot be masked
        hidden += [*exercises.glob("[a-z]*.py"), *exercises.glob("*.toml"), exercises / "thresholds.json"]
        hidden += [exercises / "pictures", compiled]
    hidden += (place.ENGINE / "__pycache__").glob("n[0-9]*.pyc")  # left by a version that kept the checks there
    readable = (place.PACKAGE, place.PACKAGE.parent / "data")
    return [str(path) for path in readable if path.exists()], [str(path) for path in hidden if path.exists()]


def _digest(*parts):
    total = hashlib.sha256()
    for part in parts:
        total.update(repr(part).encode())
    return total.hexdigest()


def starter(workers=1):
    """The process that starts the judges."""
    try:
        return zygote.Zygote(share_cores(workers))
    except (RuntimeError, EOFError, OSError) as reason:
        raise Stop(f"Submissions cannot be started here: {reason}. Grade in a Linux container.") from None


def why(path, status):
    """The last words of a judge that failed."""
    error = Path(f"{path}.error")
    last = error.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] if error.exists() else []
    return " ".join(last)[:300] or f"exit status {status}"


def failed(task, reason):
    """Write the result of a submission on which the grader itself failed: it has no marks, not even 0."""
    flag = Flag("grader-failed", f"The grader itself failed on this submission ({reason}).")
    save(task.out, replace(unreadable(task), status="grader-failed", flags=[*task.handed.flags, flag]))
