"""Judge one submission: drive its cells in the sandbox, run the checks outside, write one result.

This process is trusted. It holds the checks; what comes back from the sandbox reaches it only as plain data, with caps,
in time.
"""

import base64
import contextlib
import hashlib
import json
import os
import resource
import select
import signal
import struct
import sys
import tempfile
import threading
import time
from pathlib import Path

from coursekit import variants
from coursekit.checks.codec import CodecError, pack, read_frame, unpack, write_frame
from coursekit.checks.pipe import question, remote_student
from coursekit.grading import sandbox, transcript

SLOW = 10.0  # seconds after which a cell gives way to other submissions
GIVES_WAY = 7  # its nice value then: about a fifth of the share of another
KEPT = ("key", "run_key", "student", "ident", "notebook", "file", "submitted", "seed", "code", "answers")
JUDGE_MB = 6000  # what this process may take, should an answer be made to fill its memory
MAX_ANSWER = 256 * 1024 * 1024
MAX_OUTPUT = 4_000_000  # characters that one cell may show, pictures included
HUNG = 300  # seconds past the time of the notebook after which the judge itself is taken to hang


class Ended(Exception):
    """The student's process has ended or no longer answers. The message says how."""


class Channel:
    """Questions to one student's process, each with a time limit; `times` are those of `grade.describe`."""

    def __init__(self, child, reading, writing, times):
        self._child, self._reading, self._writing = child, reading, writing
        self._times, self._until = times, time.monotonic() + times["total"]
        # Or a write would wait for ever where the process no longer reads.
        os.set_blocking(writing, False)
        self._deadline = 0.0
        self.ended = ""

    def ask(self, operation, *args, seconds):
        """The answer to one question, as a frame. What takes longer is interrupted, and ended if that does not help."""
        return self.exchange(*question(operation, *args), seconds=seconds)

    def exchange(self, description, arrays, *, seconds):
        left = self._until - time.monotonic()
        if left <= 0:
            self.end(f"the notebook took longer than {self._times['total']:.0f} s")
        if self.ended:
            raise Ended(self.ended)
        seconds = min(seconds, max(left, 0.1))
        try:
            self._deadline = time.monotonic() + seconds
            write_frame(self, description, arrays)
            if not self._wait(self._reading, False):
                self._child.interrupt()
                self._deadline = time.monotonic() + self._times["grace"]
                if not self._wait(self._reading, False):
                    raise TimeoutError
            self._deadline = max(self._deadline, time.monotonic() + self._times["frame"])
            return read_frame(self)
        except TimeoutError:
            self.end(f"it did not stop after {seconds:.0f} s")
        except (EOFError, OSError):
            self.end("")
        except (CodecError, struct.error, ValueError, MemoryError) as error:
            # The stream is out of step for good: what follows could be taken for an answer that it is not.
            self.end(f"what it sent could not be read ({str(error)[:200]})")
        raise Ended(self.ended)

    def end(self, reason):
        """End the process. `reason` is "" where it ended by itself."""
        if not self.ended:
            if reason:
                self._child.kill()
            self.ended = reason or f"it ended by itself ({self._child.wait(5) or 'no trace'})"
            self._child.kill()

    def read(self, size):
        """Exactly `size` bytes; what `read_frame` calls."""
        if size > MAX_ANSWER:
            raise CodecError(f"an answer of {size / 2**20:.0f} MB is too large")
        parts, left = [], size
        while left:
            if not self._wait(self._reading, False):
                raise TimeoutError
            part = os.read(self._reading, min(left, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def write(self, data):
        view = memoryview(data)
        while view:
            if not self._wait(self._writing, True):
                raise TimeoutError
            with contextlib.suppress(BlockingIOError):
                view = view[os.write(self._writing, view) :]

    def flush(self):
        """Nothing is kept back; `write_frame` asks."""

    def _wait(self, descriptor, writing):
        left = max(self._deadline - time.monotonic(), 0)
        watched = ([], [descriptor], []) if writing else ([descriptor], [], [])
        return any(select.select(*watched, left))


def judge(job, child, reading, writing):
    """Judge one submission whose process has been started.

    Parameters
    ----------
    job : dict
        See `grade.describe`.
    child : sandbox.Child
    reading, writing : int
        The ends of the two pipes to it.

    Returns
    -------
    dict
        The result; see docs/grading.md.
    """
    began = time.monotonic()
    if child.error:
        raise sandbox.SandboxError(child.error)
    # Only now: no check, and so nothing that it expects, was in memory when the student's process was forked.
    from coursekit.checks import framework

    watch = _Watch(child, job["limits"]["memory_mb"])
    times = job["timeouts"]
    channel = Channel(child, reading, writing, times)
    cells, reports = _blank(job), {}
    try:
        for step in job["steps"]:
            if step["kind"] == "cell":
                # A cell that the course puts back has no place in the submission.
                cell = cells[step["index"]] if step["index"] >= 0 else {"source": step["source"]}
                watch.cell_began = time.monotonic()
                _run(channel, cell, times["cell"])
                watch.cell_began = None
            elif step["kind"] == "check":
                id = step["exercise"]
                reports[id] = _judge(framework, job, channel, id, step["expressions"])
                if step["index"] >= 0:
                    cells[step["index"]]["status"] = "judged"
        _again_at_the_end(framework, job, channel, reports)
    finally:
        child.kill()
        child.wait(10)
        watch.stop()
        for descriptor in (reading, writing):
            with contextlib.suppress(OSError):
                os.close(descriptor)
    flags = list(job["flags"])
    if watch.killed:
        limit = job["limits"]["memory_mb"]
        flags.append({"code": "memory", "message": f"It took more than {limit} MB of memory and was ended."})
    elif channel.ended:
        flags.append({"code": "ended", "message": f"The process ended before the notebook did: {channel.ended}."})
    if job["unsafe"]:
        flags.append({"code": "unsafe", "message": "It ran without a sandbox."})
    return {
        **{name: job[name] for name in KEPT},
        "version": 1,
        "status": "ended" if channel.ended else "graded",
        "seconds": round(time.monotonic() - began, 2),
        "peak_mb": round(watch.peak),
        "flags": flags,
        "reports": reports,
        "cells": cells,
    }


def _blank(job):
    """The cells of the submission as the result shows them, before any has run."""
    steps = {step["index"]: step for step in job["steps"]}
    return [
        {
            "kind": cell["kind"],
            "source": cell["source"],
            "exercise": steps.get(index, cell)["exercise"],
            "role": {"check": "check"}.get(steps[index]["kind"], steps[index]["role"]) if index in steps else "own",
            "status": "not run",
            "seconds": 0.0,
            "outputs": [],
        }
        for index, cell in enumerate(job["cells"])
    ]


def _run(channel, cell, seconds):
    start = time.monotonic()
    try:
        kind, answer = unpack(*channel.ask("cell", cell["source"], seconds=seconds))
        if kind == "answer":
            status, outputs = answer["status"], answer["outputs"]
            cell["status"] = status if isinstance(status, str) and status in ("ok", "error", "stopped") else "error"
            cell["outputs"] = _outputs(outputs if isinstance(outputs, list) else [])
        else:
            cell["status"] = "error"
    except (Ended, CodecError, KeyError, TypeError, ValueError, AttributeError):
        cell["status"] = "stopped" if channel.ended else "error"
    cell["seconds"] = round(time.monotonic() - start, 3)


def _outputs(outputs):
    """What of the outputs is kept. The runner has caps of its own, but what comes may not be from the runner."""
    kept, left = [], MAX_OUTPUT
    for output in outputs[:50]:
        name = "png" if output["type"] == "image" else "text"
        content = output[name]
        if not isinstance(content, str) or len(content) > left:
            continue
        if name == "png":
            base64.b64decode(content, validate=True)
        left -= len(content)
        kept.append({"type": "image" if name == "png" else "text", name: content})
    return kept


def _judge(framework, job, channel, id, expressions):
    """The report of one exercise, as a dict."""
    item = framework.get_exercise(id)
    start = time.monotonic()
    if channel.ended:
        report = _ended(item, channel.ended)
    else:
        seconds = job["timeouts"]["question"]
        path = Path(job["transcripts"]) / f"{id}.gz"
        with transcript.recording(lambda d, a: _answer(channel, d, a, seconds), path) as exchange:
            own = variants.seed(job["code"], id)
            report = verdict(framework, item, exchange, expressions, check_seed(job["seed"], id), own)
        if channel.ended and not report.passed and report.score == 0:
            report = _ended(item, channel.ended)
    return {**report.to_dict(), "seconds": round(time.monotonic() - start, 3)}


def verdict(framework, item, exchange, expressions, seed, variant=None):
    """What the check of `item` says of the objects that `expressions` name at the other end of `exchange`."""

    def bound(description, arrays):
        # The objects are named just before the first question, in the same conversation.
        if not named:
            named.append(True)
            kind, text = _plain(exchange(*question("bind", expressions)))
            if kind == "error":
                return pack(["error", text], None)
        return exchange(description, arrays)

    named = []
    return framework.judge(item, remote_student(bound), seed, variant)


def _plain(frame):
    try:
        kind, answer = unpack(*frame)
        return str(kind), answer
    except (TypeError, ValueError):
        raise CodecError("the process answered out of turn") from None


def _answer(channel, description, arrays, seconds):
    """An answer, or the frame of an error where there is none, so that a check always gets on."""
    try:
        return channel.exchange(description, arrays, seconds=seconds)
    except Ended as ended:
        return pack(["error", ["ProcessEnded", f"the notebook's process ended: {ended}", ""]], None)


def check_seed(seed, id):
    """The seed of the inputs that the check of an exercise draws for one submission."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{id}".encode()).digest()[:4], "big")


def _ended(item, how):
    from coursekit.checks.report import FAILED, Finding, Report

    message = (
        f"The notebook's process ended before this exercise could be judged: {how}. What came before counts. Restart "
        "the kernel and run all cells to see where it stops."
    )
    return Report(item.id, item.title, FAILED, 0.0, item.points, (Finding("ended", False, message),))


def _again_at_the_end(framework, job, channel, reports):
    """Judge once more, after the last cell, what had no answer yet where the check stands."""
    for step in job["steps"]:
        if step["kind"] != "check" or channel.ended:
            continue
        report = reports[step["exercise"]]
        codes = {finding["code"] for finding in report["findings"]}
        if report["status"] != "passed" and codes & {"not-attempted", "missing"}:
            kept = Path(job["transcripts"]) / f"{step['exercise']}.gz"
            before = kept.read_bytes() if kept.exists() else None
            later = _judge(framework, job, channel, step["exercise"], step["expressions"])
            if later["score"] > report["score"]:
                reports[step["exercise"]] = later
            elif before is not None:
                kept.write_bytes(before)


def judge_again(job, result):
    """Judge exercises again from the transcripts. Returns the changed result and the ids that must run again."""
    from coursekit.checks import framework

    reports, open_ = dict(result["reports"]), []
    for step in job["steps"]:
        id = step["exercise"]
        if step["kind"] != "check" or job["only"] and id not in job["only"]:
            continue
        item = framework.get_exercise(id)
        if any(finding["code"] == "ended" for finding in reports.get(id, {}).get("findings", [])):
            continue
        start = time.monotonic()
        missed = []
        try:
            kept = transcript.replaying(Path(job["transcripts"]) / f"{id}.gz")
        except transcript.NotKept:
            open_.append(id)
            continue

        def exchange(description, arrays, kept=kept, missed=missed):
            try:
                return kept(description, arrays)
            except transcript.NotKept as gap:
                missed.append(str(gap))
                return pack(["codec", str(gap)], None)

        own = variants.seed(result.get("code", ""), id)
        report = verdict(framework, item, exchange, step["expressions"], check_seed(result["seed"], id), own)
        if missed:
            open_.append(id)
        else:
            reports[id] = {**report.to_dict(), "seconds": round(time.monotonic() - start, 3)}
    return {**result, "key": result["key"] if job["only"] or open_ else job["key"], "reports": reports}, open_


class _Watch(threading.Thread):
    """Ends a child that takes more memory than it may, and remembers the most that it took.

    A cell that runs for long gives way to the other submissions: most of these are endless loops, and waiting for their
    time to be over should not cost the class a core.
    """

    def __init__(self, child, limit_mb):
        super().__init__(daemon=True)
        self._child, self._limit, self._stop_now = child, limit_mb, threading.Event()
        self.peak, self.killed = 0.0, False
        self.cell_began = None  # set by the judge while a cell runs
        self._slow = False
        self.start()

    def run(self):
        while not self._stop_now.wait(0.2):
            used, _ = sandbox.usage(self._child)
            self.peak = max(self.peak, used)
            if used > self._limit:
                self.killed = True
                self._child.kill()
            began = self.cell_began
            slow = began is not None and time.monotonic() - began > SLOW
            if slow != self._slow:
                self._slow = slow
                give_way(self._child.pid, GIVES_WAY if slow else 0)

    def stop(self):
        self._stop_now.set()
        self.join(timeout=2)


def give_way(pid, nice):
    """Set the share of the processor that a submission gets against others; the same for all its threads."""
    # The runner leads a session, which Linux schedules as one group; where it does not, each thread has its own value.
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(nice))
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.setpriority(os.PRIO_PROCESS, int(thread), nice)


def forked(box):
    """Start the student's process by forking this one, which must have run nothing and know nothing yet."""
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()

    def serve():
        from coursekit.grading import runner

        runner.run(to_read, from_write, box["keras"])

    child = sandbox.start(
        _files(box), serve, keep_fds=(to_read, from_write), limits=sandbox.Limits(**box["limits"]),
        readable=box["readable"], hidden=box["hidden"], unsafe=box["unsafe"],
    )  # fmt: skip
    os.close(to_read)
    os.close(from_write)
    return child, from_read, to_write


def _files(box):
    return {name: base64.b64decode(data) for name, data in box["files"].items()}


def save(path, result):
    """Write a result in one step: a reader sees the old one or the new one, never half of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, suffix=".tmp", delete=False) as file:
        json.dump(result, file, ensure_ascii=True)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)


def main(path):
    """Do the job that the files at `path` describe and write its result; see `grade.written`."""
    box = json.loads(Path(path).read_text(encoding="utf-8"))
    # The seed, the paths and the steps are read only after the student's process was forked.
    started = forked(box) if box else None
    job = json.loads(Path(f"{path}.judge").read_text(encoding="utf-8")) | box
    if started is None:
        result = json.loads(Path(job["out"]).read_text(encoding="utf-8"))
        result, open_ = judge_again(job, result)
        save(job["out"], result)
        Path(job["said"]).write_text(json.dumps(open_), encoding="utf-8")
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (JUDGE_MB * 2**20, JUDGE_MB * 2**20))
    # Whatever an answer makes of a check, this process comes to an end: by default the signal ends it.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(int(job["timeouts"]["total"]) + HUNG)
    save(job["out"], judge(job, *started))


if __name__ == "__main__":
    main(sys.argv[1])
