"""The command line: lab, build, run, grade, gradescope, site, slides, progress, doctor, test.

It is read before anything is installed: standard library only, in the syntax of Python 3.8. So `--help` and the
sentences for wrong arguments cost nothing; only then is the environment made in which a command runs. What a command
needs is imported inside it.
"""

import argparse
import codecs
import importlib.util
import json
import os
import re
import signal
import sys
from pathlib import Path

import coursekit
from coursekit import bootstrap, build, place
from coursekit.bootstrap import ROOT

CALL = "python -m coursekit"
# For terminals and files that cannot show them, such as those with Windows's code page 1252.
PLAIN = dict(zip("✓✗○–—…·×━≥≤", ["+", "x", "o", "-", "-", "...", "-", "x", "-", ">=", "<="]))


class Wrong(Exception):
    """The command cannot be carried out as it was given. The message is one sentence; the exit status is 2."""


class _Parser(argparse.ArgumentParser):
    """argparse with one sentence in the place of a usage and a message, and without abbreviations."""

    def __init__(self, **settings):
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message):
        raise Wrong(f"{message[0].upper()}{message[1:].rstrip('.')}. `{self.prog} --help` shows what it takes.")


def parser():
    """The commands and what they take. The default `run` of each is the function that carries it out."""
    top = _Parser(prog=CALL, description="A course on neural networks in Jupyter notebooks.")
    top.add_argument("--version", action="version", version=coursekit.__version__)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def add(run, text, name=None):
        command = commands.add_parser(name or run.__name__, help=text, description=text)
        command.set_defaults(run=run)
        return command

    here = {"action": "store_true", "help": "use the active environment, not .venv; install what it lacks"}
    names = {"nargs": "*", "metavar": "NAME", "help": 'numbers or names: "01", "04b_your_own_digit"; all if none'}

    command = add(lab, "Open the course in JupyterLab. Sets everything up on first use.")
    command.add_argument("--here", **here)
    command.add_argument("--solution", metavar="NAME", help="run this solution without a browser instead")
    command.epilog = "What follows `--` is passed on to JupyterLab, e.g. `lab -- --port=9999`."

    command = add(build_notebooks, "Derive the student and the solution notebooks from course/.", "build")
    command.add_argument("names", **names)
    command.add_argument("--check", action="store_true", help="write nothing; fail where a notebook differs")
    command.add_argument("--repository", metavar="OWNER/NAME", type=_repository, help="your fork, for the badges")

    command = add(run, "Execute notebooks here and say which checks passed.")
    command.add_argument("names", **names)
    command.add_argument("--student", action="store_true", help="the student notebook, not the solution")

    command = add(grade, "Grade what a class handed in: marks, feedback for each student, a report.")
    option = command.add_argument
    option("submissions", type=Path, metavar="SUBMISSIONS", help="a folder per student, a flat folder, or a zip")
    option("--out", type=_place, help="folder for the results; grading again goes on there")
    option("--notebook", metavar="NAME", help='grade this notebook only, e.g. "01"')
    option("--rules", type=Path, metavar="FILE", help="a TOML file with late and bonus rules")
    option("--roster", type=Path, metavar="FILE", help="the class list that Canvas or Moodle exported")
    option("--seed", type=_number(int), metavar="N", help="seed of the checks' inputs; a secret one if none")
    option("--workers", type=_number(int, 1, 1000), metavar="N", help="submissions at once; by memory if none")
    option("--timeout", type=_number(float, 1, 1e6), default=900.0, metavar="S", help="seconds for a notebook (900)")
    option("--cell-timeout", type=_number(float, 1, 1e6), default=300.0, metavar="S", help="seconds for a cell (300)")
    option("--memory", type=_number(int, 500, 10**7), default=3000, metavar="MB", help="for one submission (3000)")
    option("--scheduler", metavar="ADDRESS", help="address of a dask.distributed scheduler")
    option("--unsafe", action="store_true", help="run students' code without a sandbox")

    command = add(gradescope, "Write the zip that Gradescope takes as the autograder of one notebook.")
    command.add_argument("notebook", metavar="NAME", help='number of the notebook, e.g. "01"')
    command.add_argument("--out", type=_place, default=Path("autograder.zip"), help="the zip to write (autograder.zip)")

    command = add(site, "Build the course as a site: its pages, and the solutions with what they give.")
    command.add_argument("--out", type=_place, default=Path("build/site"), help="folder for the site (build/site)")

    command = add(slides, "Make slides of a notebook for a lecture, with its solution and what it gives.")
    command.add_argument("notebook", metavar="NAME", help='number of the notebook, e.g. "01"')
    command.add_argument("--out", type=_place, metavar="FILE", help="the page to write (build/NAME.slides.html)")

    add(progress, "Show which exercises are done, and what to do next.")
    command = add(doctor, "Look for what may be wrong with this machine or this install.")
    command.add_argument("--fix", action="store_true", help="make .venv whole: install again what is broken")
    command = add(test, "Run the tests; what follows is passed on to pytest.")
    command.add_argument("--here", **here)
    top.commands = list(commands.choices)
    return top


def parse(arguments):
    """The arguments as a namespace; `rest` is what is passed on, to JupyterLab or to pytest. Raises `Wrong`."""
    first = arguments[0]
    rest = []
    if first == "test":  # nearly everything is pytest's
        own = next((i for i, word in enumerate(arguments[1:], 1) if word not in ("--here", "--help", "-h")), None)
        arguments, rest = (arguments[:own], arguments[own:]) if own else (arguments, [])
    elif "--" in arguments:
        cut = arguments.index("--")
        arguments, rest = arguments[:cut], arguments[cut + 1 :]
    top = parser()
    if first not in (*top.commands, "--help", "-h", "--version"):
        what = f"no option {first}" if first[:1] == "-" else f"no command {first!r}"
        raise Wrong(f"There is {what}. The commands are: {', '.join(top.commands)}.")
    args, unknown = top.parse_known_args(arguments)
    if unknown:
        lab = (
            f"What is JupyterLab's goes behind `--`: `{CALL} lab -- {_path_of(unknown[0])}`. " if first == "lab" else ""
        )
        raise Wrong(f"{first} does not take {unknown[0]}. {lab}`{CALL} {first} --help` shows what it takes.")
    if rest and first not in ("lab", "test"):
        raise Wrong(f"{first} takes nothing after `--`. `{CALL} {first} --help` shows what it takes.")
    args.rest = rest
    asked = [*getattr(args, "names", []), getattr(args, "notebook", None), getattr(args, "solution", None)]
    if args.command in ("lab", "build", "run", "slides") and (ROOT / "course").is_dir():
        try:
            build.sources([name for name in asked if name is not None])
        except build.BuildError as reason:
            raise Wrong(str(reason)) from None
    if args.command not in ("progress", "doctor") and not (ROOT / "course").is_dir():
        raise Wrong("This command needs the course's checkout: clone the repository and run it there.")
    is_root = getattr(os, "geteuid", lambda: 1)() == 0
    if is_root and args.command == "lab" and not args.solution and "allow" not in " ".join(rest):
        raise Wrong(f"JupyterLab wants to be told that it may run as root: `{CALL} lab -- --allow-root`.")
    if args.command == "grade" and args.out is None:
        raise Wrong("grade needs --out FOLDER, the place for its results.")
    if args.command in ("gradescope", "site", "slides") and args.out is not None:
        _prepare(args.out, folder=args.command == "site")
    if args.command == "gradescope" and args.out.suffix != ".zip":
        raise Wrong(f"Gradescope takes a zip; {args.out} does not end in .zip.")
    if args.command == "slides" and not build.sources([args.notebook])[0].stem[0].isdigit():
        raise Wrong(f"{args.notebook} has no solution, of which slides could be made.")
    if args.command == "grade" and importlib.util.find_spec("resource") is None:
        raise Wrong("Grading needs Linux. On Windows, use WSL or a Linux container: docs/grading.md says how.")
    return args


# --- the commands


def lab(args):
    if args.solution is not None:
        return _execute([args.solution], student=False)
    if importlib.util.find_spec("jupyterlab") is None:
        raise ModuleNotFoundError("JupyterLab is missing", name="jupyterlab")
    _quiet_lab()
    start = "--LabApp.default_url=/lab/tree/notebooks/start_here.ipynb"
    os.chdir(str(ROOT))
    command = [sys.executable, "-m", "jupyterlab", "--notebook-dir", str(ROOT), start]
    return bootstrap.hand_over([*command, *args.rest])


def build_notebooks(args):
    return build.main(args.names, check=args.check, repository=args.repository)


def run(args):
    return _execute(args.names, args.student)


def progress(args):
    from coursekit.checks import notebook

    print(notebook.progress())


def grade(args):
    from coursekit.grading import command
    from coursekit.grading.grade import Settings
    from coursekit.grading.run.job import Times

    if args.scheduler and importlib.util.find_spec("distributed") is None:
        pip = f'{bootstrap.this_python()} -m pip install -e ".[cluster]"'
        raise Wrong(f"--scheduler needs dask.distributed, which is not installed: `{pip}` in the course's folder.")
    return command.main(
        _console(), args.submissions, args.out,
        settings=Settings(Times(args.timeout, args.cell_timeout), args.memory, args.unsafe), notebook=args.notebook,
        rules=args.rules, roster=args.roster, seed=args.seed, workers=args.workers, scheduler=args.scheduler,
    )  # fmt: skip


def gradescope(args):
    from coursekit.grading.one import pack
    from coursekit.grading.plan.course import CourseError

    try:
        pack(args.notebook, args.out)
    except (CourseError, OSError) as reason:
        raise Wrong(str(reason)) from None
    print(f"{args.out} is written: in Gradescope, Configure autograder, Upload.")


def site(args):
    from coursekit import site

    return site.main(args.out)


def slides(args):
    from coursekit import slides

    (source,) = build.sources([args.notebook])
    out = args.out or ROOT / "build" / f"{source.stem}.slides.html"
    _prepare(out)
    return slides.main(source.stem, out)


def doctor(args):
    from coursekit import doctor

    return doctor.main(args.fix)


def test(args):
    from coursekit.run import share_cores

    # Three on two cores, because a test often waits for a kernel or a browser to start; a notebook takes up to 2.5 GB.
    workers = 3 if (os.cpu_count() or 1) > 1 else 1
    command = [sys.executable, "-m", "pytest", "-n", str(workers), "--dist", "loadgroup", *args.rest]
    os.environ.update(share_cores(workers))
    os.chdir(str(ROOT))
    return bootstrap.hand_over(command)


def _prepare(out, folder=False):
    """Make the folder for what is to be written, and refuse another kind of place before minutes of work."""
    where = out if folder else out.parent
    try:
        where.mkdir(parents=True, exist_ok=True)
        reason = "it is a folder" if out.is_dir() and not folder else ""
        reason = reason or ("" if os.access(str(where), os.W_OK) else "its folder is read-only")
    except FileExistsError:
        reason = f"{where} is a file"
    except OSError as error:
        reason = error.strerror
    if reason:
        raise Wrong(f"{out} cannot be written ({reason}): name another place with --out.")


def _console():
    from rich.console import Console

    return Console(highlight=False)


def _advice():
    call = f"`{bootstrap.this_python()} -m coursekit doctor"
    return f"{call} --fix` installs again what is broken." if bootstrap.inside() else f"{call}` says how to mend it."


def _execute(names, student):
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from coursekit.run import execute

    console = _console()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it ends the kernel too
    failed = False
    for source in build.sources(names):
        if not source.stem[0].isdigit():
            if names:
                print(f"{source.stem} has no solution: there is nothing to run.")
            continue
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
            console.print(f"{line}{escape(check['title'])}  ({check['seconds']:.2f} s)", soft_wrap=True)
            if check["status"] == "failed":
                for finding in check["findings"]:
                    if not finding["passed"]:
                        console.print(f"         {escape(finding['message'])}", soft_wrap=True)
        if done.error:
            console.print(f"  [red]ended by an error[/]: {escape(done.error[:500])}", soft_wrap=True)
            if done.error.startswith(("ModuleNotFoundError", "ImportError")):
                console.print(f"  {_advice()}", markup=False, soft_wrap=True)
        missing = [id for id in build.exercises(source) if id not in {check["exercise"] for check in done.checks}]
        if missing:
            console.print(f"  [red]never checked[/]: {', '.join(missing)}")
        failed |= bool(done.error or missing) or (not student and not done.passed)
    return 1 if failed else 0


def _quiet_lab():
    """Keep JupyterLab from asking about news, which would come from the network, and nbgrader's menus from students.

    The tests install nbgrader into `.venv`. A file that is there already is left as it is.
    """
    page = Path(sys.prefix) / "etc" / "jupyter" / "labconfig" / "page_config.json"
    if bootstrap.inside() and not page.exists():
        page.parent.mkdir(parents=True, exist_ok=True)
        off = {"@jupyterlab/apputils-extension:announcements": True, "@jupyter/nbgrader": True}
        page.write_text(json.dumps({"disabledExtensions": off}), encoding="utf-8")


def _path_of(word):
    """The path of a notebook that is named by its number, as JupyterLab wants it; any other word as it is."""
    try:
        return f"notebooks/{build.sources([word])[0].stem}.ipynb"
    except (build.BuildError, OSError):
        return word


def _place(text):
    if not text.strip():
        raise argparse.ArgumentTypeError("the name of a file or folder was expected, and it is empty")
    return Path(text)


def _repository(text):
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address like OWNER/NAME")
    return text


def _number(kind, low=None, high=None):
    """A function that reads a number of this kind, not below `low` and not above `high`."""

    def read(text):
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a {'whole ' * (kind is int)}number") from None
        if low is not None and not value >= low:
            raise argparse.ArgumentTypeError(f"{text} is too small: {low} or more was expected")
        if high is not None and value > high:
            raise argparse.ArgumentTypeError(f"{text} is too large: {high:.0f} or less was expected")
        return value

    return read


def _speak_plainly():
    """Let what the output's encoding cannot show come out in plain letters, and not end the command."""

    def plain(error):
        return "".join(PLAIN.get(letter, "?") for letter in error.object[error.start : error.end]), error.end

    codecs.register_error("coursekit", plain)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="coursekit")


def main(arguments=None):
    """Entry point; returns the exit status. Wrong arguments get one sentence and exit status 2."""
    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    _speak_plainly()
    try:
        args = parse(arguments)
        place.stand_in_for_home()
        if args.command == "doctor":  # it looks at an environment from outside
            return doctor(args)
        python = bootstrap.interpreter(args.command, here=getattr(args, "here", False))
        if python != sys.executable:
            return bootstrap.hand_over([python, "-m", "coursekit", *arguments])
        return args.run(args) or 0
    except (Wrong, bootstrap.Stop) as reason:
        print(reason, file=sys.stderr)
        return 2 if isinstance(reason, Wrong) else 1
    except SystemExit as stop:  # argparse has shown a help
        return stop.code or 0
    except (ImportError, SyntaxError) as reason:  # a file of a package that is gone, or no longer what it was
        print(f"A package of the course cannot be loaded ({reason}). {_advice()}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read this has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from here.", file=sys.stderr)
        return 130


def console_main():
    sys.exit(main())
