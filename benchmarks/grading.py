"""A class marked by nbgrader and by `coursekit grade`: seconds, and every verdict that differs from the notebook's own.

    python benchmarks/grading.py --submissions 30                     (01.5 alone: one Keras network, trained)
    python benchmarks/grading.py --submissions 30 --whole             (all of notebook 01: 7 s of a student's training)
    python benchmarks/grading.py --only nbgrader --submissions 6      (one half alone)
    python benchmarks/grading.py --nbgrader PYTHON                    (the Python that has nbgrader, where this has not)

The assignment is the Keras exercise of notebook 01, or all of it. The submissions: right ones, wrong ones of several
kinds, half-done ones, some with a cell that raises, one with an endless loop. nbgrader marks them one after the other,
as it does. The reference is what the checks say in the notebook itself: each kind is executed once with nbclient. The
loop has no reference.
"""

import argparse
import copy
import csv
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from coursekit.build import root
from coursekit.run import own_kernel

NAME = "01_xor_mlp"
LOOP = "loop"

# Kind -> (text of the solution, what the student wrote instead).
WRONG = {
    "a weight by hand": ("W1 = np.array([[1, 1], [1, 1]])", "W1 = np.array([[1, 1], [1, 0]])"),
    "one hidden unit": ("hidden_layer_sizes=(16,)", "hidden_layer_sizes=(1,)"),
    "a sum, not a mean": ("delta2 = (p - y) / len(X)", "delta2 = p - y"),
    "no activation": ('layers.Dense(8, activation="tanh"), layers', "layers.Dense(8), layers"),
    "biases forgotten": ("n_params = (2 * 8 + 8) + (8 * 1 + 1)", "n_params = 2 * 8 + 8 * 1"),
    "threshold turned round": ("+ b > 0", "+ b < 0"),
    "hardly trained": ("history = sequential.fit(X, y, epochs=60", "history = sequential.fit(X, y, epochs=1"),
    "the wrong slope": ("np.maximum(0, x[:, None] - kinks)", "np.abs(x[:, None] - kinks)"),
}
CRASH = {"crash in 01.1": ("answer-01-1-", "raise ValueError('mine')"), "crash in 01.5": ("answer-01-5-", "1 / 0")}
HALF = {"half done": 4, "untouched": 0}


def cut(notebook):
    """A copy of a notebook with the setup, the data and exercise 01.5 alone."""
    notebook = copy.deepcopy(notebook)
    kept, keep = [], True
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            keep = cell.source.startswith(("## Setup", "## Look at the data", "## 01.5"))
        kept += [cell] if keep else []
    notebook.cells = kept
    return notebook


def given(whole):
    """The notebook that is handed out."""
    student = nbformat.read(root() / "notebooks" / f"{NAME}.ipynb", as_version=4)
    return student if whole else cut(student)


def kinds(whole):
    """Every kind of submission, the student's notebook with answers filled in: name -> notebook."""
    solution = nbformat.read(root() / "solutions" / f"{NAME}.ipynb", as_version=4)
    solution, student = solution if whole else cut(solution), given(whole)
    answers = {id_of(cell): cell.source for cell in solution.cells if is_answer(cell)}
    made = {"right": altered(student, answers)}
    for kind, (old, new) in WRONG.items():
        wrong = {id: text.replace(old, new) for id, text in answers.items()}
        if wrong != answers:
            made[kind] = altered(student, wrong)
    for kind, (start, text) in {**CRASH, LOOP: ("answer-01-5-", "while True:\n    pass")}.items():
        first = next((id for id in answers if id.startswith(start)), None)
        if first:
            made[kind] = altered(student, {**answers, first: text})
    for kind, last in HALF.items():
        made[kind] = altered(student, {id: text for id, text in answers.items() if int(id.split("-")[2]) <= last})
    return made


def id_of(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def is_answer(cell):
    return id_of(cell).startswith("answer-")


def altered(notebook, answers):
    """A copy of a notebook with other answers, by grade id."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        cell.source = answers.get(id_of(cell), cell.source)
    return notebook


def make_submissions(folder, made, count):
    """Write `count` notebooks as STUDENT/NAME.ipynb in random order: one loops, two in five right. Student -> kind."""
    others = itertools.cycle(kind for kind in made if kind not in ("right", LOOP))
    order = ["right" if number % 5 in (0, 3) else next(others) for number in range(count - 1)]
    order = random.Random(0).sample([*order, LOOP], count)
    chosen = {f"student{number:03}": kind for number, kind in enumerate(order, 1)}
    for student, kind in chosen.items():
        (folder / student).mkdir(parents=True)
        nbformat.write(made[kind], folder / student / f"{NAME}.ipynb")
    return chosen


def environment(home, **more):
    """The surroundings of both graders: this checkout's coursekit, and no record in anybody's progress."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COURSEKIT_", "NBGRADER_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # each kernel would compile TensorFlow's modules anew: seconds
    return kept | {"PYTHONPATH": str(root()), "COURSEKIT_HOME": str(home), **more}


def in_notebook(notebook, timeout=60):
    """What the checks say when the notebook is executed: exercise -> (status, score)."""
    import nbclient

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "checks.log"
        os.environ |= own_kernel(Path(folder) / ".jupyter")
        client = nbclient.NotebookClient(
            copy.deepcopy(notebook),
            timeout=timeout,
            kernel_name="python3",
            allow_errors=True,
            resources={"metadata": {"path": folder}},
        )
        client.execute(env=environment(folder, COURSEKIT_LOG=str(log), COURSEKIT_QUIET="1"))
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    reports = [json.loads(line) for line in lines]
    return {report["exercise"]: (report["status"], report["score"]) for report in reports}


MARKS = """
import json, sys
from nbgrader.api import Gradebook
marks = {}
with Gradebook("sqlite:///gradebook.db") as gradebook:
    for student in gradebook.students:
        grades = gradebook.find_submission_notebook(sys.argv[1], "class", student.id).grades
        marks[student.id] = {grade.name[6:].replace("-", "."): grade.auto_score for grade in grades}
print(json.dumps(marks))
"""


def run_nbgrader(submissions, source, work, timeout, python=sys.executable):
    """Real `nbgrader autograde` over a folder of submissions.

    Parameters
    ----------
    submissions : Path
        STUDENT/NAME.ipynb.
    source : notebook
        What was handed out.
    work : Path
        Becomes nbgrader's course folder.
    timeout : int
        Seconds that a cell may take.
    python : str
        The Python that has nbgrader.

    Returns
    -------
    seconds : float
        Of `nbgrader autograde` alone.
    marks : dict
        student -> exercise -> points; None where nbgrader marked nothing.
    """
    (work / "source" / "class").mkdir(parents=True)
    nbformat.write(source, work / "source" / "class" / f"{NAME}.ipynb")
    settings = f"from coursekit.nbgrader import configure\nconfigure(get_config(), timeout={timeout})\n"
    (work / "nbgrader_config.py").write_text(settings)
    for path in sorted(submissions.iterdir()):
        shutil.copytree(path, work / "submitted" / path.name / "class")
    programs = f"{Path(python).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # nbgrader calls alembic by its name
    around = environment(work / "home", PATH=programs, JUPYTER_CONFIG_DIR=str(work / "config"))

    def run(*arguments, may_fail=False):
        done = subprocess.run([python, *arguments], cwd=work, env=around, capture_output=True, text=True)
        if done.returncode and not may_fail:
            raise SystemExit(f"{' '.join(arguments[:3])} failed:\n{done.stderr[-2000:]}")
        return done.stdout

    run("-m", "nbgrader", "generate_assignment", "class")
    start = time.perf_counter()
    run("-m", "nbgrader", "autograde", "class", may_fail=True)  # its status is 1 where one student could not be marked
    seconds = time.perf_counter() - start
    return seconds, json.loads(run("-c", MARKS, NAME).splitlines()[-1])


def run_coursekit(submissions, work, timeout):
    """`coursekit grade` over the same folder: seconds, and student -> exercise -> (status, score)."""
    out = work / "results"
    command = [sys.executable, "-m", "coursekit", "grade", str(submissions), "--out", str(out)]
    command += ["--notebook", NAME.split("_")[0], "--cell-timeout", str(timeout)]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=work, env=environment(work / "home"), capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"coursekit grade failed:\n{(done.stdout + done.stderr)[-2000:]}")
    with open(out / "gradebook.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    students = {path.name for path in submissions.iterdir()}
    if len(rows) != len(students):
        print(f"gradebook.csv has {len(rows)} rows for {len(students)} submissions")
    verdicts = {}
    for path in sorted((out / "results").glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        reports = result["reports"].items()
        verdicts[result["student"]] = {id: (report["status"], report["score"]) for id, report in reports}
    return seconds, verdicts


def differences(chosen, references, said):
    """Lines that name each verdict unlike the notebook's own; the looping submission has none to compare with.

    `said` maps student -> exercise -> (status or None, score); a status of None is not compared.
    """
    lines = []
    for student, kind in chosen.items():
        if kind == LOOP:
            continue
        reference, mine = references[kind], said.get(student, {})
        for id in sorted({*reference, *mine}):
            status, score = reference.get(id, ("failed", 0.0))  # a check that never ran earns nothing
            got_status, got_score = mine.get(id, ("failed", 0.0))
            same_status = got_status is None or (got_status == "passed") == (status == "passed")
            if got_score is None or abs(got_score - score) > 1e-4 or not same_status:
                lines.append(f"  {student} ({kind}) {id}: notebook {status} {score:g}, here {got_status} {got_score}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=30)
    parser.add_argument("--timeout", type=int, default=60, help="seconds that a cell may take, in both")
    parser.add_argument("--whole", action="store_true", help="all exercises of the notebook")
    parser.add_argument("--only", choices=("nbgrader", "coursekit"))
    parser.add_argument("--nbgrader", default=sys.executable, metavar="PYTHON")
    options = parser.parse_args()
    if options.submissions < 2:
        parser.error("--submissions: at least 2, a right one and the loop.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        made = kinds(options.whole)
        chosen = make_submissions(work / "handed-in", made, options.submissions)
        references = {kind: in_notebook(made[kind]) for kind in dict.fromkeys(chosen.values()) if kind != LOOP}
        earned = ", ".join(f"{kind} {sum(score for _, score in said.values()):g}" for kind, said in references.items())
        what = NAME if options.whole else "01.5"
        print(f"{len(chosen)} submissions of {what}, {os.cpu_count()} cores. Points in the notebook: {earned}.")
        throughput, good = {}, True
        if options.only != "coursekit":
            (work / "nbgrader").mkdir()
            seconds, marks = run_nbgrader(
                work / "handed-in", given(options.whole), work / "nbgrader", options.timeout, options.nbgrader
            )
            throughput["nbgrader"] = report("nbgrader autograde", seconds, chosen)
            said = {student: {id: (None, score) for id, score in points.items()} for student, points in marks.items()}
            tell("nbgrader", differences(chosen, references, said))
        if options.only != "nbgrader":
            (work / "coursekit").mkdir()
            seconds, said = run_coursekit(work / "handed-in", work / "coursekit", options.timeout)
            throughput["coursekit"] = report("coursekit grade", seconds, chosen)
            good = tell("coursekit grade", differences(chosen, references, said))
        if len(throughput) == 2:
            ratio = throughput["coursekit"] / throughput["nbgrader"]
            print(f"coursekit grade marks {ratio:.1f} times as many in the same time (budget: 5)")
            good = good and ratio >= 5
    return 0 if good else 1


def report(name, seconds, chosen):
    rate = len(chosen) / seconds * 60
    print(f"{name:<20} {seconds:7.1f} s   {seconds / len(chosen):6.2f} s a submission   {rate:6.1f} a minute")
    return rate


def tell(name, lines):
    """Print the differences of one grader; True where there are none."""
    print(f"{name}: {len(lines)} verdicts unlike the notebook's own", *lines, sep="\n")
    return not lines


if __name__ == "__main__":
    sys.exit(main())
