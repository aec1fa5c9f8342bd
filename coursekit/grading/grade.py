"""Grade a class: one job per submission, run at once as memory and cores allow, resumed where it was stopped."""

import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from coursekit import place, variants
from coursekit.grading import course as courses
from coursekit.grading import judge, sandbox, submissions, zygote
from coursekit.grading.sandbox import Limits
from coursekit.run import share_cores

QUESTION_S = 60.0  # seconds that the student's code may take to answer one question of a check
GRACE_S = 3.0  # seconds between an interrupt and the end
FRAME_S = 30.0  # seconds that an answer may take to arrive once it has begun
_WHILE = re.compile(r"^\s*while\b", re.MULTILINE)


class Stop(Exception):
    """Grading cannot begin or go on. The message is one sentence that says what to do."""


def grade(
    handed_in, out, *, notebook=None, seed=None, workers=None, total_s=900.0, cell_s=300.0, memory_mb=3000,
    unsafe=False, scheduler=None, secret="", on_result=None,
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
    total_s, cell_s : float
        Seconds that one notebook and one cell may take.
    memory_mb : int
        Memory that one submission may take.
    unsafe : bool
        Run without a sandbox.
    scheduler : str, optional
        Address of a dask.distributed scheduler.
    secret : str
        The course's, for exercises in which each student has data of their own; see `coursekit.variants`.
    on_result : callable, optional
        Called as ``on_result(summary, done, total)`` after each submission.

    Returns
    -------
    list of dict
        Summaries of the results, by student and notebook.

    Raises
    ------
    Stop
        A sandbox that cannot be set up, a folder that cannot be written, an unknown notebook.
    SubmissionsError
        Nothing to grade.
    """
    out = Path(out)
    _writable(out)
    if not unsafe:
        _sandbox_or_stop()
    options = {"total_s": total_s, "cell_s": cell_s, "memory_mb": memory_mb, "unsafe": unsafe}
    todo, results = jobs(handed_in, out, notebook, _seed(out, seed), secret, options)
    total = len(todo) + len(results)
    standing, results = results, []

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
        run(todo, workers or sensible_workers(memory_mb), finished)
    return sorted(results, key=lambda result: (result["student"], result["notebook"]))


def regrade(out, ids):
    """Judge exercises of all results in `out` again from the transcripts; nothing of a student runs.

    Returns
    -------
    str
        One sentence for the instructor.
    """
    notebooks = courses.load_all()
    known = [id for notebook in notebooks.values() for id in notebook.checks]
    unknown = [id for id in ids if id not in known]
    if unknown:
        raise Stop(f"There is no exercise {unknown[0]}. Give an id such as {known[0]}.")
    changed, open_ = [], []
    todo = []
    for path in sorted((Path(out) / "results").glob("*.json")):
        result = load(path)
        only = [id for id in ids if result and id.split(".")[0] == result["notebook"]]
        if not only or result["status"] not in ("graded", "ended"):
            continue
        checks = notebooks[result["notebook"]].checks
        todo.append(
            {
                "path": path,
                "steps": [{"kind": "check", "exercise": id, "expressions": checks[id]} for id in only],
                "before": {id: result["reports"].get(id, {}).get("score") for id in only},
                "only": only,
            }
        )
    if not todo:
        raise Stop(f"No result in {out} has {', '.join(ids)}. Grade first; --regrade works on what is there.")
    folder = Path(tempfile.mkdtemp(prefix="coursekit-"))
    start = starter()
    try:
        for number, item in enumerate(todo):
            path = folder / f"{number}.json"
            job = {
                "out": str(item["path"]), "said": f"{path}.said", "again": True, "only": item["only"],
                "steps": item["steps"], "key": "",
                "transcripts": str(transcripts(item["path"])),
            }  # fmt: skip
            start.start(written(path, job))
            status = None
            while status is None:
                status = dict(start.ended(1.0)).get(str(path))
            result = load(item["path"])
            gaps = json.loads(Path(job["said"]).read_text(encoding="utf-8")) if status == 0 else item["only"]
            open_ += [f"{result['student']} {id}" for id in gaps]
            changed += [id for id in item["only"] if result["reports"].get(id, {}).get("score") != item["before"][id]]
    finally:
        start.close()
        shutil.rmtree(folder, ignore_errors=True)
    said = f"{len(todo)} results judged again, {len(changed)} marks changed."
    if open_:
        more = f" and {len(open_) - 5} more" if len(open_) > 5 else ""
        said += f" The transcripts do not say enough for {', '.join(open_[:5])}{more}: grade these again."
    return said


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
    judge.save(path, {"seed": seed})
    path.chmod(0o600)
    return seed


def jobs(handed_in, out, number, seed, secret, options):
    """What is still to do, and the results that stand already.

    Returns
    -------
    todo : list of dict
        A few words each; `describe` makes the whole job of it when its turn comes, so that the memory of the grader
        does not grow with the class.
    results : list of dict
        Summaries of submissions that were graded before, or that cannot be run.
    """
    notebooks = courses.load_all()
    if number is not None and number not in notebooks:
        raise Stop(f"There is no notebook {number}. There are: {', '.join(notebooks)}.")
    todo, results = [], []
    checks = checks_key()
    for handed in submissions.choose(submissions.read(handed_in), notebooks, number):
        path = out / "results" / f"{handed.key}--{handed.number or 'none'}.json"
        mine = int.from_bytes(hashlib.sha256(f"{seed}/{handed.student}/{handed.ident}".encode()).digest()[:6], "big")
        brief = {"handed": handed, "notebook": notebooks.get(handed.number), "seed": mine, "out": path, **options}
        brief["code"] = variants.code(handed.ident or handed.student, secret) if secret else ""
        job = None if handed.problem else describe(brief, checks)
        before = load(path)
        if job is None:
            judge.save(path, unreadable(handed, mine))
            results.append(summary(load(path)))
        elif before and before.get("key") == job["key"]:
            results.append(summary(before))
        else:
            # Only the checks have changed: the transcripts may be enough.
            again = bool(before and before.get("run_key") == job["run_key"])
            todo.append({**brief, "checks": checks, "again": again, "may_loop": may_loop(job)})
    # An endless loop takes all of its time limit: begun last, it would keep the class waiting for it alone.
    todo.sort(key=lambda brief: not brief["may_loop"])
    return todo, results


def may_loop(job):
    """Whether a cell of the student's has a ``while``, which may never end. A wrong guess changes the order alone."""
    return any(_WHILE.search(step["source"]) for step in job["steps"] if step["role"] != "course")


def describe(brief, checks, again=False):
    """The whole job of one submission; see `judge.judge`."""
    handed, notebook = brief["handed"], brief["notebook"]
    cells = submissions.parse(handed.data)
    steps = courses.plan(notebook, cells)
    if again:
        steps = [step for step in steps if step.kind == "check"]
    limits = asdict(Limits(memory_mb=brief["memory_mb"]))
    timeouts = {"total": brief["total_s"], "cell": brief["cell_s"]}
    timeouts |= {"question": QUESTION_S, "grace": GRACE_S, "frame": FRAME_S}
    files = submissions.companions(handed)
    names = ("seed", "code", "unsafe")
    run_key = _digest(cells, steps, sorted(files.items()), timeouts, limits, *(brief[name] for name in names))
    return {
        "student": handed.student,
        "ident": handed.ident,
        "notebook": handed.number,
        "file": handed.source,
        "submitted": handed.submitted,
        "flags": [*handed.flags, *courses.remarks(notebook, cells)],
        "cells": [asdict(cell) for cell in cells],
        "answers": courses.answers(notebook, cells),
        "steps": [asdict(step) for step in steps],
        "files": {name: base64.b64encode(data).decode() for name, data in files.items()},
        "seed": brief["seed"],
        "code": brief["code"],
        "run_key": run_key,
        "key": _digest(run_key, checks),
        "limits": limits,
        "timeouts": timeouts,
        "out": str(brief["out"]),
        "transcripts": str(transcripts(brief["out"])),
        **shown(),
        "keras": place.uses_keras(),
        "unsafe": brief["unsafe"],
        "again": again,
        "only": [],
    }


def transcripts(path):
    """Where the transcripts of the result at `path` are kept."""
    return path.parents[1] / "transcripts" / path.stem


def summary(result):
    """The few words of a result that the grader itself needs."""
    names = ("student", "notebook", "status", "seconds", "peak_mb")
    score = sum(report["score"] for report in result["reports"].values())
    return {**{name: result[name] for name in names}, "score": score}


def unreadable(handed, seed):
    """The result of a submission that cannot be run."""
    return {
        "version": 1,
        "key": "",
        "run_key": "",
        "student": handed.student,
        "ident": handed.ident,
        "notebook": handed.number or "",
        "file": handed.source,
        "submitted": handed.submitted,
        "status": "unreadable",
        "seed": seed,
        "code": "",
        "seconds": 0.0,
        "peak_mb": 0,
        "flags": [*handed.flags, {"code": "unreadable", "message": handed.problem}],
        "reports": {},
        "cells": [],
        "answers": [],
    }


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
    return {
        "readable": [str(path) for path in (place.PACKAGE, place.PACKAGE.parent / "data") if path.exists()],
        "hidden": [str(path) for path in hidden if path.exists()],
    }


def _digest(*parts):
    total = hashlib.sha256()
    for part in parts:
        total.update(repr(part).encode())
    return total.hexdigest()


def load(path):
    """The result in a file; None where there is none that can be read."""
    try:
        result = json.loads(Path(path).read_text(encoding="utf-8"))
        return result if isinstance(result, dict) and result.get("version") == 1 else None
    except (OSError, ValueError):
        return None


def starter(workers=1):
    """What starts the judges: a zygote where forking works, else a new interpreter for each, which says so."""
    shares = share_cores(workers)
    if sys.platform == "linux":
        try:
            return zygote.Zygote(shares)
        except (RuntimeError, EOFError, OSError) as reason:
            print(f"Each submission gets a new interpreter, which takes seconds longer: {reason}.", file=sys.stderr)
    return zygote.Spawner(shares)


def run(todo, workers, finished):
    """Do the jobs, `workers` at a time, and call ``finished(summary)`` for each."""
    folder = Path(tempfile.mkdtemp(prefix="coursekit-"))
    start = starter(workers)
    waiting, running, count = list(todo), {}, 0
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                brief = waiting.pop(0)
                count += 1
                path = folder / f"{count}.json"
                running[str(path)] = brief, begin(start, brief, path)
            for path, status in start.ended(1.0):
                brief, said = running.pop(path)
                again = outcome(brief, said, path, status)
                if again:
                    waiting.insert(0, again)
                else:
                    finished(summary(load(brief["out"])))
                for file in folder.glob(f"{Path(path).name}*"):
                    file.unlink()
    finally:
        start.close()
        shutil.rmtree(folder, ignore_errors=True)


def begin(start, brief, path):
    """Write the job's file and start it. Returns the file in which the judge says what it could not judge again."""
    job = describe(brief, brief["checks"], brief["again"])
    job["said"] = f"{path}.said"
    start.start(written(path, job))
    return Path(job["said"])


def written(path, job):
    """Write a job as two files: what the sandbox is made of, and, for the judge alone, all the rest.

    The student's process is forked from the judge. Nothing may be in its memory then that a student should not see:
    the seed of the checks, the paths of the results.
    """
    names = () if job["again"] else ("files", "limits", "readable", "hidden", "keras", "unsafe")
    box = {name: job.pop(name) for name in names}
    Path(path).write_text(json.dumps(box), encoding="utf-8")
    Path(f"{path}.judge").write_text(json.dumps(job), encoding="utf-8")
    return path


def outcome(brief, said, path, status):
    """What to do after a job has ended: None where its result is written, else what goes on.

    A judge that failed is tried once more; then the submission gets a result that says so.
    """
    if status == 0:
        if brief["again"] and json.loads(said.read_text(encoding="utf-8")):
            return {**brief, "again": False}
        return None
    if not brief.get("tried"):
        return {**brief, "tried": True, "again": False}
    failed(brief, why(path, status))
    return None


def why(path, status):
    """The last words of a judge that failed."""
    error = Path(f"{path}.error")
    last = error.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] if error.exists() else []
    return " ".join(last)[:300] or f"exit status {status}"


def failed(brief, reason):
    """Write the result of a submission on which the grader itself failed: it has no marks, not even 0."""
    flag = {"code": "grader-failed", "message": f"The grader itself failed on this submission ({reason})."}
    result = unreadable(brief["handed"], brief["seed"])
    judge.save(brief["out"], {**result, "status": "grader-failed", "flags": [*brief["handed"].flags, flag]})
