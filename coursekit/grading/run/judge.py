"""Judge one submission: drive its cells in the sandbox, run the checks outside, write one result.

This process is trusted. It holds the checks; what comes back from the sandbox reaches it only as plain data, with caps,
in time.
"""

import contextlib
import hashlib
import os
import re
import resource
import signal
import time
from dataclasses import replace
from pathlib import Path

from coursekit.checks.codec import CodecError, pack, unpack
from coursekit.checks.pipe import question, remote_student
from coursekit.grading import limited, sandbox
from coursekit.grading.plan.look import lent_names
from coursekit.grading.result import Flag, Output, RunCell, load, save, transcripts, write_whole
from coursekit.grading.run import transcript
from coursekit.grading.run.channel import CHECKS_S, Channel, Ended
from coursekit.grading.run.job import read_box, read_job
from coursekit.grading.run.watch import Watch

JUDGE_MB = 6000  # what this process may take, should an answer be made to fill its memory
CHECK_MB = 4000  # and what the process of one exercise may take
CHECK_S = 60  # seconds of the processor that the check of one exercise may take itself
MAX_OUTPUT = 4_000_000  # characters that one cell may show, pictures included
MAX_OUTPUTS = 20_000_000  # and all cells together
MAX_MESSAGE, MAX_FINDINGS = 3_000, 100
HUNG = 300  # seconds past the time of the notebook after which the judge itself is taken to hang


def judge(job, child, reading, writing):
    """Judge one submission whose process has been started.

    Parameters
    ----------
    job : Job
    child : sandbox.Child
    reading, writing : int
        The ends of the two pipes to it.

    Returns
    -------
    Result
    """
    began = time.monotonic()
    if child.error:
        raise sandbox.SandboxError(child.error)
    times, memory_mb = job.settings.times, job.settings.memory_mb
    watch = Watch(child, memory_mb)
    channel = Channel(child, reading, writing, times, watch.hurry)
    cells, reports, room = job.result.cells, {}, [MAX_OUTPUTS]
    open_ = []  # the checks that may be judged once more
    try:
        for step in job.steps:
            if step.kind == "cell":
                open_ = _close(job, channel, step, open_, reports)
                # A cell that the course puts back has no place in the submission.
                cell = cells[step.index] if step.index >= 0 else RunCell("code", step.source)
                watch.cell_began = time.monotonic()
                _run(channel, cell, room)
                watch.cell_began = None
            elif step.kind == "check":
                reports[step.exercise] = _judge(job, channel, step, cells)
                open_.append(step)
                if step.index >= 0:
                    cells[step.index].status = "judged"
        _judge_once_more(job, channel, open_, reports)
    finally:
        child.kill()
        child.wait(10)
        watch.stop()
        for descriptor in (reading, writing):
            with contextlib.suppress(OSError):
                os.close(descriptor)
    flags = list(job.result.flags)
    if watch.killed:
        flags.append(Flag("memory", f"It took more than {memory_mb} MB of memory and was ended."))
    elif channel.ended:
        flags.append(Flag("ended", f"The process ended before the notebook did: {channel.ended}."))
    if any(cell.status == "no time" for cell in cells):
        message = f"The cells took longer than {times.total:.0f} s; the last ones were not run. What stood, counts."
        flags.append(Flag("time", message))
    if job.settings.unsafe:
        flags.append(Flag("unsafe", "It ran without a sandbox."))
    return replace(
        job.result, status="ended" if channel.ended else "graded", seconds=round(time.monotonic() - began, 2),
        peak_mb=round(watch.peak), flags=flags, reports=reports, cells=cells,
    )  # fmt: skip


def _run(channel, cell, room):
    """Run a cell. `room` is what all outputs together may still take."""
    start = time.monotonic()
    try:
        frame = channel.cell(cell.source)
        if frame is None:
            cell.status = "no time"
            return
        kind, answer = _plain(frame)
        cell.status = "error"
        if kind == "answer" and isinstance(answer, dict):
            status, outputs = answer.get("status"), answer.get("outputs")
            cell.status = status if isinstance(status, str) and status in ("ok", "error", "stopped") else "error"
            cell.error = str(answer.get("error", ""))[:300]
            cell.outputs = _outputs(outputs if isinstance(outputs, list) else [], min(MAX_OUTPUT, room[0]))
            room[0] -= sum(len(output.png or output.text) for output in cell.outputs)
    except (Ended, CodecError):
        cell.status = "stopped" if channel.ended else "error"
    cell.seconds = round(time.monotonic() - start, 3)


def _outputs(outputs, left):
    """What of the outputs is kept. The runner has caps of its own, but what comes may not be from the runner."""
    kept = []
    for output in outputs[:50]:
        output = output if isinstance(output, dict) else {}
        name = "png" if str(output.get("type")) == "image" else "text"
        content = output.get(name)
        # A page shows a picture only where its base64 is one.
        if not isinstance(content, str) or len(content) > left:
            continue
        left -= len(content)
        kept.append(Output("image" if name == "png" else "text", **{name: content}))
    return kept


def _judge(job, channel, step, cells):
    """The `Report` of one exercise, with the reason where an object is missing.

    Where what the course's check cell names does not pass, what the submission hands in is judged as well, and the best
    counts: in the notebook it is what the student saw.
    """
    first, *others = _namings(step)
    report = _verdict(job, channel, step.exercise, first)
    for expressions in others:
        if not report.passed and not channel.ended:
            report = _better(job, channel, step.exercise, expressions, report)
    return _with_causes(report, step, cells)


def _namings(step):
    """The expressions that may name the objects of a check: of the course's cell, and of the submission's own; last,
    what a cell handed in as it ran, which a function, a class or `del` may have put out of reach."""
    ran = {
        need: f"__import__('coursekit.checks.notebook', fromlist=['check']).handed_in({step.exercise!r}, {need!r}, {i})"
        for i, need in enumerate(step.expressions)
    }
    return [expressions for expressions in (step.expressions, step.handed, ran) if expressions]


def _with_causes(report, step, cells):
    above = cells[: step.index] if step.index >= 0 else cells
    return _capped(replace(report, findings=tuple(_explained(one, step, above) for one in report.findings)))


def _explained(finding, step, above):
    """The finding, with the error of a cell above where that is why an object or a name is missing."""
    failed = [cell for cell in above if cell.error]
    if not failed or finding.code not in ("missing", "raises"):
        return finding
    root, mine = failed[0], [cell for cell in failed if cell.exercise == step.exercise]
    said, _, _ = finding.message.partition(" If the cell")
    if finding.code == "missing":
        last = (mine or failed)[-1]
        said += f" {_ended_in(last)}"
        if not last.error.startswith("NameError") or last is root:
            return replace(finding, message=said)
    elif "NameError" not in said:
        return finding
    return replace(finding, message=f"{said} Above it: {_ended_in(root)}")


def _ended_in(cell):
    begins = cell.source.strip().partition("\n")[0].replace("`", "'")[:60]
    return f"The cell that begins `{begins}` ended in an error: {cell.error.rstrip('.')}."


def _better(job, channel, id, expressions, report):
    """The report on other objects where it has a higher score, else `report`; the transcript is that of the better."""
    path, before = transcripts(job.out) / f"{id}.gz", None
    with contextlib.suppress(OSError):
        before = path.read_bytes()
    other = _verdict(job, channel, id, expressions)
    if other.score > report.score:
        return other
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        if before is not None:
            write_whole(path, before)
    return report


def _verdict(job, channel, id, expressions):
    """What the check of an exercise says of the objects that `expressions` name."""
    from coursekit.checks import framework

    item = framework.get_exercise(id)
    if channel.ended:
        return _ended(item, channel.ended)
    if not job.careful:
        signal.setitimer(signal.ITIMER_PROF, CHECK_S)  # its signal ends this process; the grader goes on with care
        report = _asked(job, channel, item, expressions)
        signal.setitimer(signal.ITIMER_PROF, 0)
        return report
    try:
        left = channel.over + CHECKS_S - time.monotonic()
        report, channel.ended = limited.run(
            lambda: (_asked(job, channel, item, expressions), channel.ended),
            seconds=CHECK_S, memory_mb=CHECK_MB, wait=max(left, 0) + CHECK_S,
        )  # fmt: skip
    except limited.Failed:  # no fault of the answer's: this judge fails, and the submission is tried again
        raise
    except limited.Exceeded as reason:
        if channel.midway:
            channel.end("the conversation about an answer was torn")
        return _too_much(item, reason)
    return report


def _asked(job, channel, item, expressions):
    path = transcripts(job.out) / f"{item.id}.gz"
    with transcript.recording(lambda *frame: _answer(channel, *frame), path) as exchange:
        report = verdict(item, exchange, expressions, check_seed(job.result.seed, item.id))
    if channel.ended and not report.passed and report.score == 0:
        report = _ended(item, channel.ended)
    return _capped(report)


def _capped(report):
    """A report with no more text than a reader wants: names and errors in it come from the student."""
    kept = tuple(replace(one, message=one.message[:MAX_MESSAGE]) for one in report.findings[:MAX_FINDINGS])
    return replace(report, findings=kept)


def verdict(item, exchange, expressions, seed):
    """What the check of `item` says of the objects that `expressions` name at the other end of `exchange`."""
    from coursekit.checks import framework

    def bound(description, arrays):
        # The objects are named just before the first question, in the same conversation.
        if not named:
            named.append(True)
            kind, text = _plain(exchange(*question("bind", expressions)))
            if kind == "error":
                return pack(["error", text], None)
        return exchange(description, arrays)

    named = []
    return framework.judge(item, remote_student(bound), seed)


def _plain(frame):
    try:
        kind, answer = unpack(*frame)
        return str(kind), answer
    except (TypeError, ValueError):
        raise CodecError("the process answered out of turn") from None


def _answer(channel, description, arrays):
    """An answer, or the frame of an error where there is none, so that a check always gets on."""
    try:
        return channel.exchange(description, arrays)
    except Ended as ended:
        return pack(["error", ["ProcessEnded", f"the notebook's process ended: {ended}", ""]], None)


def check_seed(seed, id):
    """The seed of the inputs that the check of an exercise draws for one submission."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{id}".encode()).digest()[:4], "big")


def _ended(item, how):
    return _nothing(
        item, "ended",
        f"The notebook's process ended before this exercise could be judged: {how}. What came before counts. Restart "
        "the kernel and run all cells to see where it stops.",
    )  # fmt: skip


def _too_much(item, reason):
    return _nothing(
        item, "too-large",
        f"The answer could not be judged: {reason} to compute again what was handed in. A network as large as the page "
        "asks for is judged in seconds.",
    )  # fmt: skip


def _nothing(item, code, message):
    from coursekit.checks.report import FAILED, Finding, Report

    return Report(item.id, item.title, FAILED, 0.0, item.points, (Finding(code, False, message),))


def _close(job, channel, step, open_, reports):
    """The checks that stay open when a cell runs in which the course lends answers of earlier sessions.

    What stands under such a name from then on may be the course's: whoever uses it is judged once more before. So is an
    answer that uses a name which nothing has bound yet.
    """
    lent = lent_names(step.source)
    uses = [
        check for check in open_
        if lent & set(re.findall(r"\w+", " ".join((check.expressions or {}).values())))
        or lent and _lacks_a_name(reports[check.exercise])
    ]  # fmt: skip
    _judge_once_more(job, channel, uses, reports)
    return [check for check in open_ if check not in uses]


def _judge_once_more(job, channel, checks, reports):
    """Judge, after the cells that have run, what had no answer yet where its check stands."""
    for step in checks:
        if channel.ended:
            return
        report = reports[step.exercise]
        if not report.passed and ({"not-attempted", "missing"} & set(report.codes) or _lacks_a_name(report)):
            for expressions in _namings(step):
                report = _better(job, channel, step.exercise, expressions, report)
            reports[step.exercise] = report


def _lacks_a_name(report):
    """Whether an answer uses a name that was not bound yet, such as a helper's that stands below the check."""
    return any(one.code == "raises" and "NameError" in one.message for one in report.findings)


def judge_again(job, result):
    """Judge a result again from the transcripts. Returns it, and the exercises that must run again."""
    reports, open_ = dict(result.reports), []
    for step in job.steps:
        id = step.exercise
        if id in reports and {"ended", "too-large"} & set(reports[id].codes):
            continue
        # Which of them was judged shows in the transcript.
        found = next((r for e in _namings(step) if (r := _from_transcript(job, id, e))), None)
        if found is None:
            open_.append(id)
        else:
            reports[id] = _with_causes(found, step, result.cells)
    return replace(result, key=result.key if open_ else job.result.key, reports=reports), open_


def _from_transcript(job, id, expressions):
    """The report of an exercise from what was answered; None where the check asks something new."""
    from coursekit.checks import framework

    missed = []
    try:
        kept = transcript.replaying(transcripts(job.out) / f"{id}.gz")
    except transcript.NotKept:
        return None

    def exchange(description, arrays):
        try:
            return kept(description, arrays)
        except transcript.NotKept as gap:
            missed.append(str(gap))
            return pack(["codec", str(gap)], None)

    report = verdict(framework.get_exercise(id), exchange, expressions, check_seed(job.result.seed, id))
    return None if missed else _capped(report)


def forked(box):
    """Start the student's process by forking this one, which must have run nothing and know nothing yet."""
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()

    def serve():
        from coursekit.grading.sandbox import runner

        runner.run(to_read, from_write, box.keras)

    child = sandbox.start(
        box.files, serve, keep_fds=(to_read, from_write), limits=box.limits, readable=box.readable, hidden=box.hidden,
        unsafe=box.unsafe,
    )  # fmt: skip
    os.close(to_read)
    os.close(from_write)
    return child, from_read, to_write


def main(path):
    """Do the job that the files at `path` describe and write its result; see `coursekit.grading.run.job.write`."""
    box = read_box(path)
    # The seed, the paths and the steps are read, and the checks loaded, only after the student's process was forked.
    started = forked(box) if box else None
    job = read_job(path)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (JUDGE_MB * 2**20, JUDGE_MB * 2**20))
    # Whatever an answer makes of a check, this process comes to an end: by default these signals end it.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.alarm(int(job.settings.times.total) + HUNG)
    if started is None:
        result, open_ = judge_again(job, load(job.out))
        save(job.out, result)
        if open_:
            Path(f"{path}.open").write_text(" ".join(open_), encoding="utf-8")
    else:
        save(job.out, judge(job, *started))
