"""One submission as the grader knows it, and the job that the judge makes of it."""

import contextlib
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from coursekit import place
from coursekit.grading.intake.notebook import parse
from coursekit.grading.intake.submissions import Submission, companions
from coursekit.grading.plan.course import Notebook
from coursekit.grading.plan.steps import answers, plan, remarks
from coursekit.grading.result import Flag, Result, RunCell, load, save
from coursekit.grading.run import zygote
from coursekit.grading.run.job import Box, Job, Settings
from coursekit.grading.sandbox import Limits
from coursekit.run import share_cores


class Stop(Exception):
    """Grading cannot begin or go on. The message is one sentence that says what to do."""


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
    return {"key": job.result.key, "run_key": job.result.run_key, "may_loop": loops}


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
    result = _result(
        task, seed=seed, key=_digest(run_key, task.checks), run_key=run_key, cells=_not_run(cells, steps),
        flags=[*handed.flags, *remarks(notebook, cells)], answers=answers(notebook, cells),
    )  # fmt: skip
    if task.again:  # after the digests, or a result that was judged again would never be done
        steps = [step for step in steps if step.kind == "check"]
    box = Box(files, limits, *shown(), place.uses_keras(), settings.unsafe)
    return box, Job(result, steps, settings, task.out, task.again, task.tried)


def _result(task, **values):
    """A result of `task` that says whose it is, with `values` for the rest."""
    handed = task.handed
    return Result(
        handed.student, handed.number, ident=handed.ident, platform=handed.platform, file=handed.source, **values
    )


def _not_run(cells, steps):
    """The cells of the submission as its result shows them, before any has run."""
    steps = {step.index: step for step in steps}
    return [
        RunCell(
            cell.kind, cell.source, steps.get(index, cell).exercise,
            "own" if index not in steps else "check" if steps[index].kind == "check" else steps[index].role,
        )
        for index, cell in enumerate(cells)
    ]  # fmt: skip


def summary(path):
    """The result at `path` without its cells and answers: what the grader itself needs."""
    return replace(load(path), cells=[], answers=[], path=str(path))


def unreadable(task):
    """The result of a submission that cannot be run."""
    return _unmarked(task, "unreadable", task.handed.problem)


def _unmarked(task, status, said):
    return _result(task, status=status, seed=task.seed, flags=[*task.handed.flags, Flag(status, said)])


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
    said = f"The grader itself failed on this submission ({reason})."
    save(task.out, _unmarked(task, "grader-failed", said))
