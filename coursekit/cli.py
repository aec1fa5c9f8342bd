"""The command line: lab · build · run · grade · gradescope · progress · doctor · test."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from coursekit.bootstrap import ROOT, inside

app = typer.Typer(
    help="A course on neural networks in Jupyter notebooks.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
# click's ClickException: older versions of typer take it from click, newer ones carry their own.
_UsageError = typer.BadParameter.__mro__[2]
console = Console(highlight=False)
Names = Annotated[list[str] | None, typer.Argument(help='Numbers or names: "01", "04b_your_own_digit". All if none.')]


@app.command()
def lab(
    solution: Annotated[str | None, typer.Option(help="Run this solution without a browser instead.")] = None,
    arguments: Annotated[list[str] | None, typer.Argument(help="Passed on to JupyterLab, after `--`.")] = None,
):
    """Open the course in JupyterLab. Sets everything up on first use."""
    if solution is not None:
        raise typer.Exit(_run([solution], student=False))
    _checkout()
    _no_news()
    start = "--LabApp.default_url=/lab/tree/notebooks"
    command = [sys.executable, "-m", "jupyterlab", "--notebook-dir", str(ROOT), start]
    raise typer.Exit(subprocess.call([*command, *(arguments or [])], cwd=ROOT))


@app.command(name="build")
def build_notebooks(
    names: Names = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail where a notebook differs.")] = False,
    repository: Annotated[str | None, typer.Option(help="OWNER/NAME of your fork, for the badges.")] = None,
):
    """Derive the student and the solution notebooks from course/."""
    from coursekit import build

    _checkout()
    raise typer.Exit(build.main(names or [], check=check, repository=repository))


@app.command()
def run(
    names: Names = None,
    student: Annotated[bool, typer.Option("--student", help="The student notebook, not the solution.")] = False,
):
    """Execute notebooks here and say which checks passed."""
    raise typer.Exit(_run(names or [], student))


@app.command()
def progress():
    """Show which exercises are done, and what to do next."""
    from coursekit.checks import notebook

    console.print(str(notebook.progress()), markup=False)


@app.command()
def grade(
    submissions: Annotated[Path, typer.Argument(help="A folder per student, a flat folder of notebooks, or a zip.")],
    out: Annotated[Path, typer.Option(help="Folder for the results; grading again goes on there.")],
    notebook: Annotated[str | None, typer.Option(help='Grade this notebook only, e.g. "01".')] = None,
    rules: Annotated[Path | None, typer.Option(help="A TOML file with late and bonus rules.")] = None,
    roster: Annotated[Path | None, typer.Option(help="The class list that Canvas or Moodle exported.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the checks' inputs; a secret one if none.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Submissions at once; by memory if none.")] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that one notebook may take.")] = 900.0,
    cell_timeout: Annotated[float, typer.Option(min=1, help="Seconds that one cell may take.")] = 300.0,
    memory: Annotated[int, typer.Option(min=500, help="Megabytes that one submission may take.")] = 3000,
    scheduler: Annotated[str | None, typer.Option(help="Address of a dask.distributed scheduler.")] = None,
    unsafe: Annotated[bool, typer.Option("--unsafe", help="Run students' code without a sandbox.")] = False,
):
    """Grade what a class handed in: marks, feedback for each student, a report for the instructor."""
    _checkout()
    from coursekit.grading import command
    from coursekit.grading.grade import Settings
    from coursekit.grading.run.job import Times

    raise typer.Exit(
        command.main(
            console, submissions, out, settings=Settings(Times(timeout, cell_timeout), memory, unsafe),
            notebook=notebook, rules=rules, roster=roster, seed=seed, workers=workers, scheduler=scheduler,
        )
    )  # fmt: skip


@app.command()
def gradescope(
    notebook: Annotated[str, typer.Argument(help='Number of the notebook, e.g. "01".')],
    out: Annotated[Path, typer.Option(help="The zip to write.")] = Path("autograder.zip"),
):
    """Write the zip that Gradescope takes as the autograder of one notebook."""
    _checkout()
    from coursekit.grading.one import pack
    from coursekit.grading.plan.course import CourseError

    try:
        pack(notebook, out)
    except (CourseError, OSError) as reason:
        console.print(str(reason), markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    console.print(f"{escape(str(out))} is written: in Gradescope, Configure autograder, Upload.", soft_wrap=True)


@app.command()
def doctor():
    """Look for what may be wrong with this machine or this install."""
    from coursekit.doctor import examine

    marks = {"good": "[green]good[/]", "note": "[yellow]note[/]", "bad": "[red]bad [/]"}
    bad = 0
    for result in examine():
        bad += result.status == "bad"
        console.print(f"{marks[result.status]}  {escape(result.what)}.", soft_wrap=True)
        if result.mend:
            console.print(f"      {escape(result.mend)}", soft_wrap=True)
    console.print("Everything is in order." if not bad else f"{bad} thing{'s' * (bad > 1)} to mend.")
    raise typer.Exit(1 if bad else 0)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context):
    """Run the tests; what follows is passed on to pytest."""
    from coursekit.run import share_cores

    _checkout()
    # Three on two cores, because a test often waits for a kernel or a browser to start; a notebook takes up to 2.5 GB.
    workers = 3 if (os.cpu_count() or 1) > 1 else 1
    command = [sys.executable, "-m", "pytest", "-n", str(workers), "--dist", "loadgroup", *context.args]
    raise typer.Exit(subprocess.call(command, cwd=ROOT, env={**os.environ, **share_cores(workers)}))


def _run(names, student):
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from coursekit import build
    from coursekit.run import execute

    _checkout()
    try:
        sources = [path for path in build.sources(names) if path.stem[0].isdigit()]
    except build.BuildError as error:
        console.print(str(error), markup=False)
        return 2
    failed = False
    for source in sources:
        path = ROOT / ("notebooks" if student else "solutions") / f"{source.stem}.ipynb"
        with Progress(
            TextColumn(source.stem), BarColumn(), TextColumn("{task.completed}/{task.total} cells"),
            TimeElapsedColumn(), console=console, transient=True,
        ) as bar:  # fmt: skip
            task = bar.add_task("", total=None)
            done = execute(path, on_cell=lambda n, total, b=bar, t=task: b.update(t, completed=n, total=total))
        console.print(f"[bold]{source.stem}[/]  {done.seconds:.0f} s")
        for check in done.checks:
            colour = {"passed": "green", "failed": "red"}.get(check["status"], "yellow")
            line = f"  {check['exercise']:<6}[{colour}]{check['status']:<14}[/]{check['score']:g}/{check['points']:g}  "
            console.print(f"{line}{escape(check['title'])}  ({check['seconds']:.2f} s)")
            if check["status"] == "failed":
                for finding in check["findings"]:
                    if not finding["passed"]:
                        console.print(f"         {escape(finding['message'])}", soft_wrap=True)
        if done.error:
            console.print(f"  [red]ended by an error[/]: {escape(done.error[:500])}")
        wanted = build.exercises(source)
        missing = [id for id in wanted if id not in {check["exercise"] for check in done.checks}]
        if missing:
            console.print(f"  [red]never checked[/]: {', '.join(missing)}")
        failed |= bool(done.error or missing) or (not student and not done.passed)
    return 1 if failed else 0


def _no_news():
    """Keep JupyterLab from asking about news: its answer would come from the network."""
    page = Path(sys.prefix) / "etc" / "jupyter" / "labconfig" / "page_config.json"
    if inside() and not page.exists():
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text('{"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": true}}\n')


def _checkout():
    if not (ROOT / "course").is_dir():
        console.print("This command needs the course's checkout: clone the repository and run it there.")
        raise typer.Exit(2)


def main(arguments=None):
    """Entry point. Wrong arguments get one sentence and exit status 2."""
    command = typer.main.get_command(app)
    try:
        arguments = sys.argv[1:] if arguments is None else arguments
        status = command.main(args=arguments or ["--help"], prog_name="coursekit", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except _UsageError as error:
        message = error.format_message().rstrip(".")
        print(f"{message}. `coursekit --help` lists the commands.", file=sys.stderr)
        return 2
    except typer.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print("Stopped.", file=sys.stderr)
        return 130


def console_main():
    sys.exit(main())
