"""What may be wrong with this machine or this install, each in plain words with the mend.

It looks at an environment from outside: standard library only, in the syntax of Python 3.8, so that it runs where the
environment itself does not.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path

from coursekit import bootstrap, place

FREE = 3.0  # GB of memory; a notebook takes up to 2.5


@dataclass(frozen=True)
class Result:
    """One thing looked at: ``status`` is "good", "note" or "bad"."""

    status: str
    what: str
    mend: str = ""


@dataclass(frozen=True)
class Environment:
    """What is looked at: a Python, and the folder of its packages (None: those of this process)."""

    python: str
    site: object = None

    @property
    def is_own(self):
        """Whether it is the course's `.venv`, which `doctor --fix` may change."""
        return self.site is not None

    def version(self, name):
        """The version of an installed package, or None."""
        found = self._find(name)
        try:
            return found.version if found is not None and found.metadata else None
        except ValueError:  # its description is no text
            return None

    def requirements(self):
        """The lines of what coursekit needs; None where it is not installed."""
        found = self._find("coursekit")
        return None if found is None else found.requires or []

    def _find(self, name):
        where = {"path": [str(self.site)]} if self.site is not None else {}
        return next(iter(metadata.distributions(name=name, **where)), None)


def main(fix=False):
    """What `coursekit doctor` does. Returns the exit status."""
    if fix:
        environment = find_environment()
        if not bootstrap.is_checkout() or (environment and not environment.is_own):
            what = f"--fix mends .venv in a checkout, and here the course runs in {sys.prefix}"
            raise bootstrap.Stop(f"{what}: `{_call('doctor')}` says how to mend that.")
        bootstrap.mend()
    bad = 0
    for result in examine():
        bad += result.status == "bad"
        print(f"{result.status:<4}  {result.what}.", flush=True)
        if result.mend:
            print(f"      {result.mend}", flush=True)
    print("Everything is in order." if not bad else f"{bad} thing{'s' * (bad > 1)} to mend.")
    return 1 if bad else 0


def examine():
    """Look at everything; gives a `Result` for each thing."""
    environment = find_environment()
    if environment is None:
        yield Result("note", "the course is not set up here yet", f"`{_call('lab')}` does it and opens the course.")
        if bootstrap.find_python() is None:
            what = f"no Python {bootstrap.wanted()} is on this machine"
            yield Result("note", what, "It will be fetched; where there is no network, install one from python.org.")
    else:
        yield from look_at_python(environment.python)
        yield from look_at_files(environment)
        yield from look_at_packages(environment)
        yield from look_at_clashes(environment)
    refusals = (bootstrap.lost(), bootstrap.refusal()) if bootstrap.is_checkout() else ()
    yield from (Result("bad", *refusal.split(". ", 1)) for refusal in refusals if refusal)
    if not bootstrap.lost():
        yield from look_at_data()
    yield from look_at_room(needed=1 if environment else 3)
    if environment is not None:
        yield from look_at_loading(environment)


def find_environment():
    """The environment that the course runs in: the one that it was installed into, else `.venv`; None without one."""
    if bootstrap.is_installed() and not bootstrap.inside():
        return Environment(sys.executable)
    site = bootstrap.site_packages()
    return None if site is None else Environment(str(bootstrap.venv_python()), site)


def look_at_python(python):
    about = bootstrap.describe([python])
    if about is None:
        yield Result("bad", f"the Python of the environment, {python}, does not start", _fix())
        return
    name = f"Python {about['version'][0]}.{about['version'][1]} at {python}"
    if bootstrap.fits(about):
        yield Result("good", name)
    else:
        mend = "Install one of these, make an environment with it, and install the course there."
        mend = _fix() if python == str(bootstrap.venv_python()) else mend
        yield Result("bad", f"{name}; the course needs an ordinary Python {bootstrap.wanted()}, 64 bits", mend)


def look_at_files(environment):
    """Whether every file of every package of `.venv` is there, in the version that was installed."""
    if not environment.is_own:
        return
    broken = {**bootstrap.changed_packages(), **bootstrap.broken_packages()}
    for name, problem in broken.items():
        yield Result("bad", f"the package {name} is not as it was installed: {problem}", _fix())
    if not broken:
        yield Result("good", "every package is as it was installed")


def look_at_packages(environment):
    """Every requirement of coursekit, of what it needs to train and of what it needs to open notebooks."""
    lines = environment.requirements()
    if lines is None:
        yield Result("bad", "coursekit itself is not installed", _fix())
        return
    Requirement = _requirement_class()
    if Requirement is None:  # those of `.venv` have been compared with what was installed
        if not environment.is_own:
            yield Result("note", "versions cannot be compared, because packaging and pip are missing here")
        return
    good = 0
    for line in lines:
        requirement = Requirement(line)
        if requirement.marker and not any(requirement.marker.evaluate({"extra": e}) for e in ("", "cpu", "lab")):
            continue
        # A GPU build serves as well as the CPU one.
        names = [requirement.name, requirement.name.replace("-cpu", "")]
        installed = next((found for name in names for found in [environment.version(name)] if found), None)
        wanted = f"{requirement.name}{requirement.specifier}"
        mend = _fix() if environment.is_own else f'`{_quoted(environment.python)} -m pip install "{wanted}"`.'
        if installed is None:
            yield Result("bad", f"{requirement.name} is missing", mend)
        elif not requirement.specifier.contains(installed, prereleases=True):
            yield Result("bad", f"{requirement.name} {installed} is outside {requirement.specifier}", mend)
        else:
            good += 1
    yield Result("good", f"{good} packages are there in versions that the course allows")


def look_at_clashes(environment):
    remove = f"`{_quoted(environment.python)} -m pip uninstall -y"
    if environment.version("tensorflow") and environment.version("tensorflow-cpu"):
        after = f"then {_fix()}" if environment.is_own else "then install the one that you want."
        what = "tensorflow and tensorflow-cpu are both installed, and overwrite each other's files"
        yield Result("bad", what, f"{remove} tensorflow tensorflow-cpu`, {after}")
    if environment.version("tf-keras"):
        yield Result("note", "Keras 2 is installed beside Keras 3", f"{remove} tf-keras`, if nothing else needs it.")
    backend = os.environ.get("KERAS_BACKEND", "")
    if backend in ("jax", "torch"):
        what = f"KERAS_BACKEND is {backend}; notebooks 02 and 07 need TensorFlow"
        yield Result("note", what, "docs/backends.md says what else differs.")
    elif backend not in ("", "tensorflow"):
        yield _unset("KERAS_BACKEND")
    if os.environ.get("TF_USE_LEGACY_KERAS", "") not in ("", "0", "False"):
        yield _unset("TF_USE_LEGACY_KERAS")


def _unset(name):
    unset = f"`set {name}=`" if os.name == "nt" else f"`unset {name}`"
    what = f"{name} is {os.environ[name]}; the course uses Keras 3 on TensorFlow"
    return Result("bad", what, f"{unset}, here and where it is set.")


def look_at_data():
    # Read by itself: the package coursekit.data needs NumPy, which may be what is missing.
    spec = importlib.util.spec_from_file_location("coursekit_files", str(place.PACKAGE / "data" / "files.py"))
    files = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(files)
    try:
        broken = [problem for problem in files.verify_all().values() if problem]
    except OSError as error:
        broken = [str(error)]
    for problem in broken:
        what, _, mend = problem.partition(". ")
        yield Result("bad", what, mend)
    if not broken:
        yield Result("good", "the data files are whole (SHA-256 compared)")


def look_at_room(needed=1):
    free = _free_memory()
    if free is not None and free < FREE:
        what = f"only {free:.1f} GB of memory are free; a notebook takes up to 2.5"
        yield Result("bad", what, "Close other programs.")
    elif free is not None:
        yield Result("good", f"{free:.1f} GB of memory are free")
    room = shutil.disk_usage(str(bootstrap.ROOT if bootstrap.ROOT.exists() else Path.home())).free / 2**30
    if room < needed:
        yield Result("bad", f"only {room:.1f} GB of disk are free", f"Make room: {needed} GB are needed.")


def look_at_loading(environment):
    """TensorFlow and XGBoost, each in a process of its own: TensorFlow takes seconds to load and keeps the card."""
    if not bootstrap.works(environment.python):
        return
    again = _fix() if environment.is_own else "Install it again with pip."
    code = "import keras, tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')))"
    status, said, complaint = _run(environment.python, code)
    if status != 0:
        yield Result("bad", f"TensorFlow and Keras cannot be loaded: {complaint}", again)
    elif int(said or 0) > 0:
        yield Result("good", "TensorFlow loads and sees a GPU")
    elif shutil.which("nvidia-smi"):
        pip = f"{_quoted(environment.python)} -m pip"
        mend = f'`{pip} uninstall -y tensorflow-cpu`, then `{pip} install "tensorflow[and-cuda]>=2.19,<2.22"`. '
        what = "this machine has an NVIDIA GPU that TensorFlow does not see"
        yield Result("note", what, f"{mend}The course runs without it too.")
    else:
        yield Result("good", "TensorFlow loads; there is no GPU, and none is needed")
    status, _, complaint = _run(environment.python, "import xgboost")
    if status != 0 and sys.platform == "darwin":
        yield Result("bad", "XGBoost, which notebook 02 uses, cannot be loaded", "`brew install libomp`.")
    elif status != 0:
        yield Result("bad", f"XGBoost, which notebook 02 uses, cannot be loaded: {complaint}", again)


def _run(python, code):
    """Run code in a Python; exit status, output, and the last line of what it complained of."""
    done = subprocess.run([python, "-c", code], capture_output=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
    return done.returncode, done.stdout.decode("utf-8", "replace").strip(), lines[-1]


def _requirement_class():
    for name in ("packaging.requirements", "pip._vendor.packaging.requirements"):
        try:
            return import_module(name).Requirement
        except ImportError:
            continue
    return None


def _free_memory():
    """GB of memory, or None where neither the system nor psutil tells."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) / 2**20 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        pass
    try:
        import psutil
    except ImportError:
        return None
    return psutil.virtual_memory().available / 2**30


def _call(command):
    return f"{bootstrap.this_python()} -m coursekit {command}"


def _fix():
    return f"`{_call('doctor --fix')}` installs again what is broken."


def _quoted(path):
    return f'"{path}"' if " " in str(path) else str(path)
