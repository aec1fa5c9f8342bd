"""The same jobs over a dask.distributed cluster: one zygote per worker, started by the first submission there."""

import json
import os
import tempfile
import threading
from pathlib import Path

_START = None
_LOCK = threading.Lock()


def run(todo, address, finished):
    """Do the jobs on the workers of the scheduler at `address`, and call ``finished(summary)`` for each.

    A worker that dies loses nothing: the scheduler gives its jobs to another. Results and transcripts travel back and
    are written here, so that the workers share no folder with the grader.
    """
    from distributed import Client, as_completed

    from coursekit.grading import grade

    try:
        client = Client(address, timeout=20)
    except (OSError, ValueError) as error:
        raise grade.Stop(f"No scheduler answers at {address} ({error}). Start one with `dask scheduler`.") from None
    with client:
        if not client.scheduler_info()["workers"]:
            raise grade.Stop(f"The scheduler at {address} has no workers. Start some with `dask worker {address}`.")
        mine = grade.checks_key()
        others = [name for name, key in client.run(grade.checks_key).items() if key != mine]
        if others:
            raise grade.Stop(f"These workers have another version of the course: {', '.join(sorted(others))}.")
        sent = {}
        for brief in todo:
            job = grade.describe(brief, brief["checks"])
            sent[client.submit(grade_there, job, key=f"grade-{job['key']}", retries=3)] = brief
        for future in as_completed(sent):
            brief = sent.pop(future)
            try:
                write(brief, future.result())
            except Exception as error:  # whatever ended the job there; the class goes on
                grade.failed(brief, f"{type(error).__name__}: {error}"[:300])
            finished(grade.summary(grade.load(brief["out"])))


def grade_there(job):
    """Do one job on this worker. Returns the bytes of what it wrote, by name.

    Raises
    ------
    RuntimeError
        Where the judge failed: the scheduler tries again, here or elsewhere.
    """
    from coursekit.grading import grade

    with tempfile.TemporaryDirectory(prefix="coursekit-") as folder, _LOCK:
        # One at a time: a worker with several threads still has one zygote.
        here = Path(folder)
        mine = {"out": str(here / "result.json"), "transcripts": str(here / "transcripts")}
        path = grade.written(here / "job.json", {**job, **mine, **grade.shown(), "again": False})
        start = _starter()
        start.start(path)
        status = None
        while status is None:
            status = dict(start.ended(1.0)).get(str(path))
        if status:
            raise RuntimeError(grade.why(path, status))
        kept = {"result": (here / "result.json").read_bytes()}
        kept |= {file.name: file.read_bytes() for file in sorted((here / "transcripts").glob("*.gz"))}
    return kept


def write(brief, kept):
    """Write what a worker sent to where the result of `brief` belongs."""
    from coursekit.grading import grade, judge

    folder = grade.transcripts(brief["out"])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in kept.items():
        if name != "result":
            (folder / Path(name).name).write_bytes(data)
    judge.save(brief["out"], json.loads(kept["result"]))


def _starter():
    global _START
    from coursekit.grading.grade import starter

    if _START is None or _START[0] != os.getpid():
        _START = (os.getpid(), starter())
    return _START[1]
