"""The same jobs over a dask.distributed cluster: one zygote per worker, started by the first submission there."""

import json
import os
import tempfile
import threading
from pathlib import Path

_START = None
_LOCK = threading.Lock()


def run(todo, address, finished):
    """Do the jobs on the workers of the scheduler at `address`, and call ``finished(result)`` for each.

    A worker that dies loses nothing: the scheduler gives its jobs to another. Results and transcripts travel back and
    are written here, so that the workers share no folder with the grader.
    """
    from distributed import Client, as_completed

    from coursekit.grading.grade import Stop, checks_key, load

    try:
        client = Client(address, timeout=20)
    except (OSError, ValueError) as error:
        raise Stop(f"No scheduler answers at {address} ({error}). Start one with `dask scheduler`.") from None
    with client:
        if not client.scheduler_info()["workers"]:
            raise Stop(f"The scheduler at {address} has no workers. Start some with `dask worker {address}`.")
        others = {name for name, key in client.run(checks_key).items() if key != checks_key()}
        if others:
            raise Stop(f"These workers have another version of the course: {', '.join(sorted(others))}. Update them.")
        sent = [client.submit(grade_there, job, key=f"grade-{job['key']}", retries=3, pure=False) for job in todo]
        places = {future.key: job for future, job in zip(sent, todo, strict=True)}
        for future in as_completed(sent):
            job = places[future.key]
            write(job, future.result())
            finished(load(job["out"]))
            future.release()


def grade_there(job):
    """Do one job on this worker. Returns the bytes of what it wrote, by name."""
    from coursekit.grading.grade import begin, outcome

    with tempfile.TemporaryDirectory(prefix="coursekit-") as folder:
        here = Path(folder)
        job = {**job, "out": str(here / "result.json"), "transcripts": str(here / "transcripts"), "again": False}
        job |= _places()
        with _LOCK:
            # One at a time through the zygote's pipe; a worker with several threads still has one zygote.
            start = _starter()
            while job:
                path = here / "job.json"
                begin(start, job, path)
                status = None
                while status is None:
                    status = dict(start.ended(1.0)).get(str(path))
                job = outcome(job, path, status)
        kept = {"result": (here / "result.json").read_bytes()}
        kept |= {path.name: path.read_bytes() for path in sorted((here / "transcripts").glob("*.gz"))}
    return kept


def write(job, kept):
    """Write what a worker sent to where the job wants it."""
    from coursekit.grading import judge

    folder = Path(job["transcripts"])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in kept.items():
        if name != "result":
            (folder / Path(name).name).write_bytes(data)
    judge.save(job["out"], json.loads(kept["result"]))


def _places():
    """Where the course is installed on this worker."""
    from coursekit.grading.grade import PACKAGE, hidden

    return {"readable": [str(PACKAGE), str(PACKAGE.parent / "data")], "hidden": hidden()}


def _starter():
    global _START
    from coursekit.grading.grade import starter

    if _START is None or _START[0] != os.getpid():
        _START = (os.getpid(), starter())
    return _START[1]
