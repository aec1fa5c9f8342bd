"""The same jobs over a dask.distributed cluster: one zygote per worker, started by the first submission there."""

import json
import os
import tempfile
import threading
from dataclasses import replace
from functools import cache
from pathlib import Path

from coursekit.grading import limited, tasks
from coursekit.grading.result import save, transcripts
from coursekit.grading.run.job import write as write_job

_LOCK = threading.Lock()


def run(todo, address, finished):
    """Do the jobs on the workers of the scheduler at `address`, and call ``finished(summary)`` for each.

    A worker that dies loses nothing: the scheduler gives its jobs to another. Results and transcripts travel back and
    are written here, so that the workers share no folder with the grader.
    """
    from distributed import Client, as_completed

    try:
        client = Client(address, timeout=20)
    except (OSError, ValueError) as error:
        raise tasks.Stop(f"No scheduler answers at {address} ({error}). Start one with `dask scheduler`.") from None
    with client:
        if not client.scheduler_info()["workers"]:
            raise tasks.Stop(f"The scheduler at {address} has no workers. Start some with `dask worker {address}`.")
        mine = tasks.checks_key()
        others = [name for name, key in client.run(tasks.checks_key).items() if key != mine]
        if others:
            raise tasks.Stop(f"These workers have another version of the course: {', '.join(sorted(others))}.")
        sent = {}
        for task in todo:
            try:
                box, job = limited.run(tasks.describe, replace(task, again=False))
            except limited.Exceeded as reason:
                tasks.failed(task, str(reason))
                finished(tasks.summary(task.out))
                continue
            sent[client.submit(grade_there, box, job, key=f"grade-{job.result.key}", retries=3)] = task
        for future in as_completed(sent):
            task = sent.pop(future)
            try:
                write(task, future.result())
            except Exception as error:  # whatever ended the job there; the class goes on
                tasks.failed(task, f"{type(error).__name__}: {error}"[:300])
            finished(tasks.summary(task.out))


def grade_there(box, job):
    """Do one job on this worker. Returns the bytes of what it wrote, by name.

    Raises
    ------
    RuntimeError
        Where the judge failed: the scheduler tries again, here or elsewhere.
    """
    with tempfile.TemporaryDirectory(prefix="coursekit-") as folder, _LOCK:
        # One at a time: a worker with several threads still has one zygote.
        here = Path(folder)
        job = replace(job, out=here / "results" / "result.json")
        readable, hidden = tasks.shown()
        box, start = replace(box, readable=readable, hidden=hidden), _starter(os.getpid())
        for careful in (False, True):
            path = write_job(here / f"{careful}.json", box, replace(job, careful=careful))
            start.start(path)
            status = None
            while status is None:
                status = dict(start.ended(1.0)).get(str(path))
            if status == 0:
                break
        else:
            raise RuntimeError(tasks.why(path, status))
        kept = {"result": job.out.read_bytes()}
        kept |= {file.name: file.read_bytes() for file in sorted(transcripts(job.out).glob("*.gz"))}
    return kept


def write(task, kept):
    """Write what a worker sent to where the result of `task` belongs."""
    folder = transcripts(task.out)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in kept.items():
        if name != "result":
            (folder / Path(name).name).write_bytes(data)
    save(task.out, json.loads(kept["result"]))


@cache
def _starter(worker):
    """What starts the judges of one worker: a process that was forked from it has its own."""
    return tasks.starter()
