"""Execute a notebook here, and say which of its checks passed."""

import asyncio
import atexit
import hashlib
import json
import os
import shutil
import site
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from coursekit import place

# What no notebook can reach of the package.
UNSEEN = ("grading", "__pycache__", "site.py", "cli.py", "bootstrap.py", "doctor.py", "gallery.py", "slides.py")


@dataclass(frozen=True)
class Run:
    """What came of one notebook: the checks in order, seconds, the error that ended it ("" if none), its outputs."""

    name: str
    checks: tuple
    seconds: float
    error: str = ""
    notebook: object = None  # as nbformat reads it, with what the cells gave

    @property
    def passed(self):
        return not self.error and all(check["status"] == "passed" for check in self.checks)


def share_cores(processes):
    """Environment variables that give each of some processes its share of the cores, where none was given by hand.

    Two that train with two threads each on two cores take far longer than with one: the threads wait for each other.
    """
    threads = str(max(1, (os.cpu_count() or 1) // processes))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return {name: os.environ.get(name, threads) for name in names}


def own_kernel(folder):
    """Describe in `folder` a kernel that runs this very interpreter.

    Jupyter starts the first kernel called "python3" that it finds on the machine, which may be another environment's.

    Returns
    -------
    dict
        The environment variables with which Jupyter finds ours first.
    """
    place = Path(folder) / "kernels" / "python3"
    place.mkdir(parents=True)
    # At the end of a process TensorFlow takes apart what ends with it anyway, which costs a second: it is left there.
    launch = "import os; from ipykernel.kernelapp import launch_new_instance; launch_new_instance(); os._exit(0)"
    command = [sys.executable, "-c", launch, "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "Python 3", "language": "python"}
    (place / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    others = os.environ.get("JUPYTER_PATH")
    return {"JUPYTER_PATH": os.pathsep.join([str(folder), *([others] if others else [])])}


def cache_folder(name):
    """Where what took long to make is kept for the next time; the variable COURSEKIT_CACHE names another place.

    The folder is this user's, and there is one for each `name`.
    """
    import platformdirs

    return Path(os.environ.get("COURSEKIT_CACHE") or platformdirs.user_cache_path("coursekit")) / name


def digest_of_run(*paths, unseen=UNSEEN):
    """A digest of everything that decides what comes of a notebook: of its text, and of what it can reach.

    That is the package without `unseen`, the data sets, this interpreter, the versions of all that is installed, and
    the seed and Keras's engine where variables name them.

    Parameters
    ----------
    *paths : Path
        The notebook, or whatever else runs.
    unseen : tuple of str
        Names of files and folders of the package that it cannot reach.
    """
    texts = b"".join(Path(path).read_bytes() for path in paths)
    return hashlib.sha256(texts + _digest_of_surroundings(unseen).encode()).hexdigest()[:16]


@cache
def _digest_of_surroundings(unseen):
    files = [file for file in place.PACKAGE.rglob("*") if not {*file.relative_to(place.PACKAGE).parts} & {*unseen}]
    files += (place.folder() / "data").rglob("*")
    # Not by `sys.path`, to which setuptools adds the packages that it brings along, where a test has imported it.
    folders = [*site.getsitepackages(), site.getusersitepackages()]
    installed = sorted(f"{one.name} {one.version}" for one in metadata.distributions(path=folders))
    # `ck.setup` writes the usual engine into the environment: where a test has called it, nothing else has changed.
    named = [os.environ.get("COURSEKIT_SEED"), os.environ.get("KERAS_BACKEND", "tensorflow")]
    digest = hashlib.sha256(repr([sys.version, sys.executable, installed, named]).encode())
    for file in sorted(file for file in files if file.is_file() and file.suffix != ".pyc"):
        digest.update(str(file).encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def nbval_command(path, mode, folder):
    """How a notebook is run under nbval in an empty folder, with nbval's own plugin alone.

    Parameters
    ----------
    path : Path
    mode : str
        "strict" or "untouched": what the checks do where an answer is wrong or open.
    folder : Path
        The notebook's copy runs there; the log of its checks is ``folder / "log"``.

    Returns
    -------
    list of str
        The command.
    dict
        Its environment.
    """
    copy = shutil.copy(path, folder)
    environment = os.environ | {
        "COURSEKIT_MODE": mode,
        "COURSEKIT_LOG": str(folder / "log"),
        "COURSEKIT_HOME": str(folder / "home"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        **own_kernel(folder / "jupyter"),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "nbval.plugin", "-p", "no:cacheprovider", "--nbval-lax"]
    command += ["--nbval-cell-timeout=300", "--rootdir", str(folder), str(copy)]
    return command, environment


def log_of_checks(folder):
    """What the checks of a notebook wrote there, an entry each."""
    log = folder / "log"
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []


def execute(path, on_cell=None, timeout=600):
    """Execute the notebook at `path` in a scratch folder; the file itself is left as it is.

    Parameters
    ----------
    path : Path
    on_cell : callable, optional
        Called as ``on_cell(done, total)`` after each cell.
    timeout : int
        Seconds that one cell may take.

    Returns
    -------
    Run
    """
    import nbclient
    import nbformat

    start = time.perf_counter()
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as reason:  # nbformat raises whatever a file that is no notebook makes it stumble over
        said = str(reason).partition("\n")[0] or type(reason).__name__
        mend = (
            f"Keep what you need of it, then `git checkout -- {path.parent.name}/{path.name}` brings back the course's."
        )
        return Run(path.stem, (), 0.0, f"{path.name} cannot be read as a notebook ({said}). {mend}")
    total, error = len(notebook.cells), ""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        mine = {
            "COURSEKIT_LOG": str(Path(folder) / "log"),
            "COURSEKIT_QUIET": "1",
            "COURSEKIT_HOME": str(Path(folder) / ".home"),  # what is passed here is not the student's progress
            **own_kernel(Path(folder) / ".jupyter"),
        }
        kept = {name: os.environ.get(name) for name in mine}
        os.environ |= mine
        try:
            client = nbclient.NotebookClient(
                notebook,
                timeout=timeout,
                startup_timeout=180,  # a laptop's first start, with a scanner for viruses, takes more than its 60
                kernel_name="python3",
                extra_arguments=["--IPKernelApp.log_level=ERROR"],
                resources={"metadata": {"path": folder}},
                on_cell_executed=lambda cell, cell_index, **_: on_cell and on_cell(cell_index + 1, total),
            )
            _run_to_the_end(client)
        except nbclient.exceptions.CellExecutionError as failed:
            error = f"{failed.ename}: {failed.evalue}"
        except (RuntimeError, nbclient.exceptions.CellTimeoutError) as failed:  # it died, did not start, or hangs
            error = str(failed).splitlines()[0]
        finally:
            for name, value in kept.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        checks = tuple(log_of_checks(Path(folder)))
    return Run(path.stem, checks, time.perf_counter() - start, error, notebook)


def _run_to_the_end(client):
    """Execute a notebook; Ctrl-C ends its kernel and is passed on.

    nbclient's own handling of signals takes it for the death of the kernel, and goes on.
    """

    def refuse(*arguments):
        raise RuntimeError("no handler for signals")  # as where nbclient is not in the main thread

    loop = asyncio.SelectorEventLoop()
    loop.add_signal_handler = refuse
    try:
        loop.run_until_complete(client.async_execute())
    except KeyboardInterrupt:
        client.shutdown_kernel = "immediate"  # asked to end, it would complain of the interruption
        open_tasks = asyncio.all_tasks(loop)
        for task in open_tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*open_tasks, return_exceptions=True))
        raise
    finally:
        if client.km is None:  # of a kernel that never answered nbclient would at our end, in vain, be rid once more
            atexit.unregister(client._cleanup_kernel)
        loop.close()
