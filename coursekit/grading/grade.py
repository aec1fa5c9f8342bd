"""Grade a class: one job per submission, run at once as memory and cores allow, resumed where it was stopped."""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from coursekit.grading import cluster, limited, sandbox, tasks
from coursekit.grading.intake.submissions import read
from coursekit.grading.plan.choose import beyond, choose
from coursekit.grading.plan.course import load_all
from coursekit.grading.result import load, save
from coursekit.grading.run import job as jobs_
from coursekit.grading.tasks import Settings, Stop, Task


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
    _writable(out, handed_in)
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


def _writable(out, handed_in):
    if out.resolve() == Path(handed_in).resolve():  # the next time, results would be taken for hand-ins
        raise Stop(f"{out} holds the submissions. Name another folder for the results, which may be a new one in it.")
    try:
        (out / "results").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise Stop(f"The results cannot be written to {out} ({error.strerror}). Name another folder.") from None
    for path in (out / "seed.json", *sorted((out / "results").glob("*.json"))):
        if path.is_dir():
            raise Stop(f"{path} is a folder, and a file is to be written there. Move it away.")


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
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, OverflowError):
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
    notebooks = load_all()
    if number is not None and number not in notebooks:
        raise Stop(f"There is no notebook {number}. There are: {', '.join(notebooks)}.")
    todo, results = [], []
    checks = tasks.checks_key()
    for handed in choose(read(handed_in, out), notebooks, number):
        path = out / "results" / f"{handed.key}--{handed.number or 'none'}.json"
        mine = int.from_bytes(hashlib.sha256(f"{seed}/{handed.student}/{handed.ident}".encode()).digest()[:6], "big")
        task = Task(handed, notebooks.get(handed.number), mine, path, settings, checks)
        if not handed.problem:
            try:
                task = replace(task, **limited.run(tasks.looked_at, task))
            except limited.Exceeded as reason:
                task = replace(task, handed=beyond(handed, reason))
        before = load(path)
        if task.handed.problem:
            save(path, tasks.unreadable(task))
            results.append(tasks.summary(path))
        elif before and before.key == task.key:
            results.append(tasks.summary(path))
        else:
            # Only the checks have changed: the transcripts may be enough.
            todo.append(replace(task, again=bool(before and before.run_key == task.run_key)))
    # An endless loop takes all of its time limit: begun last, it would keep the class waiting for it alone.
    todo.sort(key=lambda task: not task.may_loop)
    return todo, results


def run(todo, workers, finished):
    """Do the jobs, `workers` at a time, and call ``finished(summary)`` for each."""
    folder = Path(tempfile.mkdtemp(prefix="coursekit-"))
    start = tasks.starter(workers)
    waiting, running, count = list(todo), {}, 0
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                task = waiting.pop(0)
                count += 1
                path = folder / f"{count}.json"
                try:
                    start.start(jobs_.write(path, *limited.run(tasks.describe, task)))
                except limited.Exceeded as reason:  # the machine is busier than it was at the first look
                    save(task.out, tasks.unreadable(replace(task, handed=beyond(task.handed, reason))))
                    finished(tasks.summary(task.out))
                    continue
                running[str(path)] = task
            for path, status in start.ended(1.0):
                task = running.pop(path)
                again = outcome(task, path, status)
                if again:
                    waiting.insert(0, again)
                else:
                    finished(tasks.summary(task.out))
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
    tasks.failed(task, tasks.why(path, status))
    return None
