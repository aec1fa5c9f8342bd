"""Grade a class: one job per submission, run at once as memory and cores allow, resumed where it was stopped."""

import base64
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from coursekit import place
from coursekit.grading import course as courses
from coursekit.grading import job as jobs_
from coursekit.grading import limited, sandbox, submissions, zygote
from coursekit.grading.job import Box, Job, Times
from coursekit.grading.result import Flag, Result, load, save
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

    handed: submissions.Submission
    notebook: courses.Notebook
    seed: int
    out: Path
    settings: Settings
    checks: str
    key: str = ""
    run_key: str = ""
    may_loop: bool = False
    again: bool = False
    tried: bool = False


def grade(
    handed_in, out, *, notebook=None, seed=None, workers=None, settings=None, scheduler=None, on_result=None
):  # fmt: skip
    """Grade what is in `handed_in`; write one result per submission below `out`.

    Parameters
    ----------
    handed_in : path
        A folder per student, a flat folder of files, or a zip.
    out : path
        Made where it is missing. Results that stand there already and still hold are kept.
    notebook : str, optional
        Number of the notebook to grade; all that were handed in where not given.
    seed : int, optional
        From which the seed of every submission is drawn; a secret of its own, kept in `out`, where not given.
    workers : int, optional
        Submissions at once.
    settings : Settings, optional
    scheduler : str, optional
        Address of a dask.distributed scheduler.
    on_result : callable, optional
        Called as ``on_result(result, done, total)`` after each submission.

    Returns
    -------
    list of Result
        Summaries of the results, by student and notebook.

    Raises
    ------
    Stop
        A sandbox that cannot be set up, a folder that cannot be written, an unknown notebook.
    SubmissionsError
        Nothing to grade.
    """
    out, settings = Path(out), settings or Settings()
    _writable(out)
    if not settings.unsafe:
        _sandbox_or_stop()
    todo, standing = jobs(handed_in, out, notebook, _seed(out, seed), settings)
    total, results = len(todo) + len(standing), []

    def finished(result):
        results.append(result)
        if on_result:
            on_result(result, len(results), total)

    for result in standing:
        finished(result)
    if scheduler:
        from coursekit.grading import cluster

        cluster.run(todo, scheduler, finished)
    elif todo:
        run(todo, workers or sensible_workers(settings.memory_mb), finished)
    return sorted(results, key=lambda result: (result.student, result.notebook))


def sensible_workers(memory_mb):
    """As many submissions at once as cores and free memory allow; a submission seldom takes half of its limit.

    Two more than there are cores: a submission that loops gives way to the others, and Keras, training on little data,
    waits for its own threads now and then.
    """
    import psutil

    free = psutil.virtual_memory().available / 2**20
    return max(1, min((os.cpu_count() or 1) + 2, int(free / (0.5 * memory_mb))))


def _writable(out):
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "results").mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise Stop(f"The results cannot be written to {out} ({error.strerror}). Name another folder.") from None


def _sandbox_or_stop():
    gaps = sandbox.missing()
    if gaps:
        raise Stop(
            "The sandbox cannot be set up here: " + " ".join(gaps) + " Grade on a Linux machine where it can, or give "
            "--unsafe to run students' code with your own rights."
        )


def _seed(out, seed):
    """The seed of the class: the one given, else a secret one, kept so that grading again gives the same inputs."""
    path = out / "seed.json"
    if seed is None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return int(json.loads(path.read_text(encoding="utf-8"))["seed"])
        seed = secrets.randbits(31)
    save(path, {"seed": seed})
    path.chmod(0o600)
    return seed


def jobs(handed_in, out, number, seed, settings):
    """What is still to do, and the results that stand already.

    Returns
    -------
    todo : list of Task
    results : list of Result
        Summaries of submissions that were graded before, or that cannot be run.
    """
    notebooks = courses.load_all()
    if number is not None and number not in notebooks:
        raise Stop(f"There is no notebook {number}. There are: {', '.join(notebooks)}.")
    todo, results = [], []
    checks = checks_key()
    for handed in submissions.choose(submissions.read(handed_in, out), notebooks, number):
        path = out / "results" / f"{handed.key}--{handed.number or 'none'}.json"
        mine = int.from_bytes(hashlib.sha256(f"{seed}/{handed.student}/{handed.ident}".encode()).digest()[:6], "big")
        task = Task(handed, notebooks.get(handed.number), mine, path, settings, checks)
        if not handed.problem:
            try:
                task = replace(task, **limited.run(_looked_at, task))
            except limited.Exceeded as reason:
                task = replace(task, handed=submissions.beyond(handed, reason))
        before = load(path)
        if task.handed.problem:
            save(path, unreadable(task))
            results.append(summary(load(path)))
        elif before and before.key == task.key:
            results.append(summary(before))
        else:
            # Only the checks have changed: the transcripts may be enough.
            todo.append(replace(task, again=bool(before and before.run_key == task.run_key)))
    # An endless loop takes all of its time limit: begun last, it would keep the class waiting for it alone.
    todo.sort(key=lambda task: not task.may_loop)
    return todo, results


def _looked_at(task):
    """What decides whether and when a submission is run. A wrong guess at what may loop changes the order alone."""
    _, job = describe(task)
    mine = [step.source for step in job.steps if step.role != "course"]
    loops = any(line.lstrip(" \t").startswith("while") for source in mine for line in source.splitlines())
    return {"key": job.key, "run_key": job.run_key, "may_loop": loops}


def describe(task):
    """The `Box` and the `Job` of one submission. Looks into what the student wrote: for `limited.run`."""
    handed, notebook, settings = task.handed, task.notebook, task.settings
    cells = submissions.parse(handed.data)
    steps = courses.plan(notebook, cells)
    if task.again:
        steps = [step for step in steps if step.kind == "check"]
    files = submissions.companions(handed)
    limits = Limits(memory_mb=settings.memory_mb)
    run_key = _digest(cells, steps, sorted(files.items()), limits, settings, task.seed)
    box = Box(
        {name: base64.b64encode(data).decode() for name, data in files.items()}, asdict(limits), *shown(),
        place.uses_keras(), settings.unsafe,
    )  # fmt: skip
    return box, Job(
        handed.student, handed.ident, handed.platform, handed.number, handed.source, handed.submitted, task.seed,
        _digest(run_key, task.checks), run_key, [*handed.flags, *courses.remarks(notebook, cells)],
        courses.answers(notebook, cells), cells, steps, settings.times, settings.memory_mb, settings.unsafe,
        str(task.out), str(transcripts(task.out)), task.again, task.tried,
    )  # fmt: skip


def transcripts(path):
    """Where the transcripts of the result at `path` are kept."""
    return path.parents[1] / "transcripts" / path.stem


def summary(result):
    """A result without its cells and answers: what the grader itself needs."""
    return replace(result, cells=[], answers=[])


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


def run(todo, workers, finished):
    """Do the jobs, `workers` at a time, and call ``finished(summary)`` for each."""
    folder = Path(tempfile.mkdtemp(prefix="coursekit-"))
    start = starter(workers)
    waiting, running, count = list(todo), {}, 0
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                task = waiting.pop(0)
                count += 1
                path = folder / f"{count}.json"
                try:
                    start.start(jobs_.write(path, *limited.run(describe, task)))
                except limited.Exceeded as reason:  # the machine is busier than it was at the first look
                    save(task.out, unreadable(replace(task, handed=submissions.beyond(task.handed, reason))))
                    finished(summary(load(task.out)))
                    continue
                running[str(path)] = task
            for path, status in start.ended(1.0):
                task = running.pop(path)
                again = outcome(task, path, status)
                if again:
                    waiting.insert(0, again)
                else:
                    finished(summary(load(task.out)))
                for file in folder.glob(f"{Path(path).name}*"):
                    file.unlink()
    finally:
        start.close()
        shutil.rmtree(folder, ignore_errors=True)


def outcome(task, path, status):
    """What to do after a job has ended: None where its result is written, else what goes on.

    A judge that failed is tried once more, with care; then the submission gets a result that says so.
    """
    if status == 0:
        if task.again and Path(f"{path}.open").exists():  # the transcripts do not say enough
            return replace(task, again=False)
        return None
    if not task.tried:
        return replace(task, tried=True, again=False)
    failed(task, why(path, status))
    return None


def why(path, status):
    """The last words of a judge that failed."""
    error = Path(f"{path}.error")
    last = error.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] if error.exists() else []
    return " ".join(last)[:300] or f"exit status {status}"


def failed(task, reason):
    """Write the result of a submission on which the grader itself failed: it has no marks, not even 0."""
    flag = Flag("grader-failed", f"The grader itself failed on this submission ({reason}).")
    save(task.out, replace(unreadable(task), status="grader-failed", flags=[*task.handed.flags, flag]))
