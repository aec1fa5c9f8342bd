"""Grade one hand-in where a platform asks for it: Gradescope, or GitHub Classroom in a workflow.

    python -m coursekit.grading.one SUBMISSION --notebook 01 --gradescope results.json
    python -m coursekit.grading.one . --notebook 01 --summary "$GITHUB_STEP_SUMMARY"

`pack` makes the zip that Gradescope's "Configure autograder" takes. There each submission has a container of its own,
which may not allow the sandbox: then its code runs as a user of its own, who reads neither the checks nor the result.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from coursekit import place
from coursekit.grading import sandbox
from coursekit.grading.grade import grade
from coursekit.grading.intake.archives import SubmissionsError
from coursekit.grading.plan.course import CourseError, load
from coursekit.grading.result import read
from coursekit.grading.tasks import Settings, Stop

SCRIPTS = Path(__file__).parent / "gradescope"
PACKED = ("coursekit", "data", "notebooks", "pyproject.toml", "requirements.txt")


def pack(number, out):
    """Write Gradescope's autograder for one notebook: its two scripts, and the course without solutions and tests."""
    load(number)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for script in sorted(SCRIPTS.iterdir()):
            entry = zipfile.ZipInfo(script.name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, script.read_text(encoding="utf-8").replace("NUMBER", number))
        for top in PACKED:
            path = place.PACKAGE.parent / top
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file() and "__pycache__" not in file.parts:
                    archive.write(file, file.relative_to(place.PACKAGE.parent))


def grade_one(submission, number):
    """The result of one hand-in, a folder or a file, whoever it is from."""
    gaps = sandbox.missing()
    if gaps and os.geteuid() == 0:
        os.chmod(place.exercises(), 0o700)  # no other user looks into the checks
    settings = Settings(unsafe="user" if gaps else False)
    with tempfile.TemporaryDirectory(prefix="coursekit-") as folder:
        # Whatever its files are called, they are one student's: a folder of files named by Canvas is a class's.
        mine, out = Path(folder, "in", "student", "work"), Path(folder, "out")
        hidden = shutil.ignore_patterns(".*")
        if Path(submission).is_dir():
            shutil.copytree(submission, mine, symlinks=True, ignore=hidden)
        else:
            mine.mkdir(parents=True)
            shutil.copy(submission, mine)
        grade(Path(folder, "in"), out, notebook=number, workers=1, settings=settings)
        (path,) = (out / "results").glob("*.json")
        return read(path)


def exercises(result, notebook):
    """Id, title, report (None where there is none) and score of every exercise."""
    for id, title in notebook.titles.items():
        report = result.reports.get(id)
        yield id, title, report, report.score if report else 0.0


def findings(report):
    """The lines of a card: what held and what did not."""
    return [f"{'✓' if one.passed else '✗'} {one.message}" for one in report.findings]


def gradescope(result, notebook):
    """What Gradescope's results.json holds: a test for each exercise, and what only the instructor sees."""
    tests = []
    for id, title, report, score in exercises(result, notebook):
        said = "\n".join(findings(report)) if report else "Nothing could be judged."
        tests.append({"name": f"{id} {title}", "number": id, "score": score, "max_score": notebook.points[id],
                      "output": said, "output_format": "text", "visibility": "visible"})  # fmt: skip
    if result.flags:
        notes = "\n".join(f"{flag.code}: {flag.message}" for flag in result.flags)
        tests.append({"name": "Notes for the instructor", "output": notes, "visibility": "hidden"})
    said = result.flags[-1].message if result.status == "unreadable" else ""
    return {"output": said, "execution_time": round(result.seconds), "tests": tests, "visibility": "visible"}


def summary(result, notebook):
    """The same as Markdown, for the summary of a job."""
    earned = sum(report.score for report in result.reports.values())
    lines = [f"# {notebook.name}: {earned:g} of {sum(notebook.points.values()):g} points", ""]
    for id, title, report, score in exercises(result, notebook):
        mark = "✓" if report and report.passed else "✗"
        lines += [f"## {mark} {id} {title}: {score:g} of {notebook.points[id]:g}", ""]
        if report:  # as code, so that nothing of a message is taken for markup
            lines += ["```text", *(line.replace("```", "'''") for line in findings(report)), "```", ""]
    return "\n".join([*lines, *(f"- {flag.message}" for flag in result.flags), ""])


def main(arguments=None):
    """Returns the exit status: 0, also where an answer is wrong; 2 after one sentence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("submission", type=Path)
    parser.add_argument("--notebook", required=True)
    parser.add_argument("--gradescope", type=Path)
    parser.add_argument("--summary", type=Path)
    parser.add_argument("--strict", action="store_true", help="exit status 1 where points are missing")
    given = parser.parse_args(arguments)
    try:
        notebook = load(given.notebook)
        result = grade_one(given.submission, notebook.number)
        if result.failed:
            raise Stop(result.flags[-1].message)
    except (Stop, CourseError, SubmissionsError, OSError) as reason:
        # Without results.json Gradescope gives no mark: right where it is not the student who has failed.
        if given.gradescope and isinstance(reason, SubmissionsError):
            given.gradescope.write_text(json.dumps({"score": 0, "output": str(reason)}), encoding="utf-8")
        print(reason, file=sys.stderr)
        return 2
    if given.gradescope:
        given.gradescope.write_text(json.dumps(gradescope(result, notebook)), encoding="utf-8")
    if given.summary:
        with open(given.summary, "a", encoding="utf-8") as file:
            file.write(summary(result, notebook))
    earned = sum(report.score for report in result.reports.values())
    return int(given.strict and earned < sum(notebook.points.values()))


if __name__ == "__main__":
    sys.exit(main())
