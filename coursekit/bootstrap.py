"""Find a Python that fits, make the course's own environment, `.venv` in the checkout, and run a command in it.

This runs before anything is installed, in whatever Python there is: standard library only, in the syntax of Python 3.8.
It installs what is missing, pinned and hashed, with uv where it can be had (seconds) and with pip otherwise (minutes).
uv stands in `.uv`, outside the environment that it fills: on Windows no program can replace itself while it runs.
"""

import contextlib
import csv
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from importlib import metadata
from pathlib import Path

from coursekit import colab

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
UV = ROOT / ".uv"
# The one place that decides; tests compare pyproject.toml, environment.yml and the workflows with it.
OLDEST, NEWEST = (3, 11), (3, 13)
FETCHED = "3.12"  # what uv fetches where no Python fits
MACHINES = (("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64"), ("Windows", "AMD64"))
DEEPEST = 187  # characters of the longest path below the checkout: a header of TensorFlow
# What shows that an environment has all that a command needs, besides coursekit itself.
NEEDS = {
    "lab": ("jupyterlab", "ipykernel", "keras", "tensorflow", "sklearn", "pandas", "matplotlib", "anywidget", "rich"),
    "site": ("sphinx", "myst_nb", "sphinx_book_theme", "ipykernel", "keras", "tensorflow", "sklearn", "anywidget"),
    "test": ("pytest", "xdist", "nbval", "keras", "tensorflow", "jupyterlab", "playwright", "hatchling"),
    "run": ("nbclient", "ipykernel", "keras", "rich"),
    "grade": ("keras", "rich", "jinja2", "IPython", "nbformat"),
}
EXTRAS = {
    "lab": "cpu,lab,grade",
    "site": "cpu,lab,docs",
    "test": "cpu,lab,grade,test,data,similar,cluster,nbgrader,docs",
}
OFFLINE = (
    "There is no network, and the packages have to be fetched once. Connect, then give the same command again: it goes "
    "on where it stopped."
)


class Stop(Exception):
    """Setting up cannot go on. The message is one sentence that says what to do."""


# --- where a command runs


def interpreter(command, here=False):
    """The Python that runs a command of `python -m coursekit`, with what it needs: `sys.executable` or another one.

    What is missing is installed first, into the active environment where it is to be `here`, else into `.venv`. Raises
    `Stop` with one sentence: no Python that fits, no network, no room.
    """
    if not is_checkout():
        return sys.executable
    test = command in ("site", "test")
    if inside():
        if not OLDEST <= sys.version_info[:2] <= NEWEST:
            what = f"The active environment, .venv, has Python {_name(sys.version_info)}; {wanted()} is needed."
            raise Stop(f"{what} `{this_python()} -m coursekit doctor --fix` makes another, and keeps this one aside.")
        if test or command == "lab" or not is_installed():
            ensure(test)
        return sys.executable
    if here:
        install_here(command)
    if here or is_installed() and has(NEEDS.get(command, ())) and (active() or command not in EXTRAS):
        return sys.executable
    if active() and not venv_python().exists() and OLDEST <= sys.version_info[:2] <= NEWEST:
        say(
            f"The course goes into an environment of its own, .venv. To have it in the active one ({active()}), stop "
            f"this and give: {this_python()} -m coursekit {'test' if command == 'test' else 'lab'} --here"
        )
    return str(ensure(test))


def is_checkout():
    """Whether this package stands in a checkout of the course, and not among installed packages."""
    return (ROOT / "pyproject.toml").exists()


def is_installed():
    """Whether coursekit was installed into this interpreter's environment, and with it what it needs."""
    try:
        return bool(metadata.version("coursekit"))
    except metadata.PackageNotFoundError:
        return False


def has(modules):
    """Whether this interpreter finds every one of the modules."""
    return all(importlib.util.find_spec(name) for name in modules)


def inside():
    """Whether this process already runs in the course's `.venv`."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def active():
    """The name of the environment that this Python belongs to; "" for a Python of the system or conda's own."""
    prefix = Path(sys.prefix)
    virtual = sys.prefix != sys.base_prefix
    conda = (prefix / "conda-meta").is_dir() and not (prefix / "condabin").exists()
    return prefix.name if virtual or conda else ""


def this_python():
    """How to call this Python in a terminal: by its short name where that leads to it, else by its path."""
    for name in ("python", "python3"):
        found = shutil.which(name)
        if found and os.path.abspath(found) == os.path.abspath(sys.executable):
            return name
    return f'"{sys.executable}"' if " " in sys.executable else sys.executable


# --- the environment


def ensure(test=False):
    """Make sure that `.venv` holds what the course needs, with the packages of its tests or without; its Python."""
    files = _requirements()[: 1 + test]
    if lost():
        raise Stop(lost())
    python = venv_python()
    usable = works(python)
    missing = [file for file in files if not usable or _stamp(file)[:1] != [_digest(file)]]
    if not missing:
        return python
    if refusal():
        raise Stop(refusal())
    found = None if usable else find_python()
    uv = find_uv([sys.executable, *([found] if found else [])])
    if not usable:
        make_venv(found, uv)
    forget(broken_packages())  # an install that was interrupted leaves packages without all their files
    for file in missing:
        size = ", about 2 GB; on a slow line this takes a while" if file.parent == ROOT else ""
        say(f"Installing {file.relative_to(ROOT).as_posix()} into .venv{size}.")
        _install(uv, python, ["--require-hashes", "-r", str(file)])
    _install(uv, python, ["--no-deps", "-e", str(ROOT)])
    for file in missing:
        _remove(_stamp_path(file))
        _stamp_path(file).write_text("\n".join([_digest(file), *_installed()]), encoding="utf-8")
    return python


def install_here(command):
    """Install the course into the active environment, within the ranges of pyproject.toml, where it lacks something."""
    if not active():
        raise Stop(
            "--here installs into an active environment, and none is active. Leave --here out, or make one first."
        )
    refusal = unsupported(platform.system(), machine())
    if refusal or not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise Stop(refusal or f"The environment {active()} has Python {_name(sys.version_info)}; {wanted()} is needed.")
    if is_installed() and has(NEEDS.get(command, ())):
        return
    say(f"Installing the course into the environment {active()} ...")
    _install(find_uv([sys.executable]), sys.executable, ["-e", f"{ROOT}[{EXTRAS.get(command, EXTRAS['lab'])}]"])


def hand_over(command):
    """Let a command take the place of this process, so that what ends this one ends it, and Ctrl-C is its own matter.

    Windows has nothing like it: there this process waits, deaf to Ctrl-C, and returns the exit status.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execv(command[0], command)
    signal.signal(signal.SIGINT, lambda *_: None)
    return subprocess.call(command)


def make_venv(found, uv):
    """Make `.venv` with the Python `found`; where that is None, with one that uv finds or fetches."""
    this = f"This is Python {_name(sys.version_info)}, and there is no Python {wanted()} on this machine"
    mend = "Check the network, or install Python 3.12 from python.org, then give the same command again."
    if found is None and uv is None:
        raise Stop(f"{this}; uv, which would fetch one, could not be installed. {mend}")
    if found is None:
        search = [uv, "python", "find", "--no-python-downloads", f">={_name(OLDEST)},<{NEWEST[0]}.{NEWEST[1] + 1}"]
        about = describe([_output(search).strip()])
        found = about["executable"] if fits(about) else None
    if found is None:
        say(f"{this}: uv fetches Python {FETCHED}.")
    elif found != sys.executable:
        say(f"This is Python {_name(sys.version_info)}; the course takes {found}.")
    VENV.mkdir(exist_ok=True)
    own = any(VENV.glob(".coursekit-*.stamp")) or not any(VENV.iterdir())
    aside = next(path for n in range(1, 999) for path in [ROOT / f".venv.old{n}"] if not path.exists())
    try:
        VENV.rename(aside)
    except OSError as reason:
        raise Stop(f".venv cannot be replaced ({reason.strerror}). Close what uses it, then try again.") from None
    with_uv = [uv, "venv", "-q", "--seed", "--python", found or FETCHED, str(VENV)]
    status, said = _call(with_uv if uv is not None else [found, "-m", "venv", str(VENV)])
    if status != 0:
        _remove(VENV)
        aside.rename(VENV)
    elif own:
        _remove(aside)
    else:
        say(f"The .venv that was here, which the course cannot use, is kept as {aside.name}: delete it if you like.")
    if status != 0 and found is None:
        raise Stop(f"Python {FETCHED} could not be fetched ({(said.splitlines() or ['?'])[-1].strip()}). {mend}")
    if status != 0 and is_offline(said):
        raise Stop(OFFLINE)
    if status != 0:
        raise Stop(
            f"{said}\nThe environment .venv could not be made; the lines above say why. On Debian and Ubuntu, `apt "
            "install python3-venv`, then give the same command again."
        )


def venv_python():
    """Where the environment's Python is, or will be."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def site_packages():
    """The folder of the environment's packages, or None."""
    return next(iter([*VENV.glob("lib/python3*/site-packages"), *VENV.glob("Lib/site-packages")]), None)


def works(python):
    """Whether this Python starts, and is one that fits."""
    return fits(describe([str(python)]))


# --- which Python


def find_python():
    """The path of a Python that fits: this one, one on the path, or one that the py launcher knows; None without."""
    described = map(describe, candidates(os.name == "nt"))
    return next((about["executable"] for about in described if fits(about)), None)


def candidates(windows):
    """Commands that may start a Python that fits, the best first."""
    names = [f"{NEWEST[0]}.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    launcher = [["py", f"-{name}"] for name in names] if windows else []
    return [[sys.executable], *([f"python{name}"] for name in names), *launcher, ["python3"], ["python"]]


def describe(command):
    """What a Python says of itself, as a dict; None where it does not start (a shim of pyenv may not)."""
    code = (
        "import sys, sysconfig; print(sys.version_info[0], sys.version_info[1], sys.implementation.name, "
        "64 if sys.maxsize > 2**32 else 32, sysconfig.get_config_var('Py_GIL_DISABLED') or 0); print(sys.executable)"
    )
    lines = _output([*command, "-c", code]).splitlines()
    words = lines[0].split() if len(lines) == 2 else []
    if len(words) != 5:
        return None
    return {
        "version": (int(words[0]), int(words[1])),
        "ordinary": words[2:] == ["cpython", "64", "0"],  # no PyPy, no 32 bits, with the lock on threads
        "executable": lines[1],
    }


def fits(about):
    """Whether the course runs on the Python that `describe` described."""
    return about is not None and about["ordinary"] and OLDEST <= about["version"] <= NEWEST


def unsupported(system, machine):
    """A sentence where TensorFlow has no build for this kind of machine, else ""."""
    if (system, machine) in MACHINES:
        return ""
    names = {("Darwin", "x86_64"): "Macs with an Intel processor", ("Windows", "ARM64"): "Windows on ARM"}
    kind = names.get((system, machine), f"{system} on {machine}")
    return f"TensorFlow has no build for {kind}. The course runs in Colab, in the browser: {_colab_address()}"


def too_deep(length, long_paths):
    """A sentence where a file below a folder with a path of this length could not be reached, else ""."""
    most = 259 - 1 - DEEPEST
    if long_paths or length <= most:
        return ""
    return (
        f"The course's folder has a path of {length} characters, and Windows allows {most} here: some files lie deep "
        "below it. Move it, for example to C:\\course, then give the same command again."
    )


def machine():
    """The kind of processor that this Python was built for."""
    on_windows = {"win-arm64": "ARM64", "win-amd64": "AMD64"}  # Windows on ARM runs Pythons for Intel's too
    return on_windows.get(sysconfig.get_platform(), platform.machine())


def long_paths():
    """Whether paths may be longer than 259 characters: everywhere but on Windows as it comes."""
    if os.name != "nt":
        return True
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
            return winreg.QueryValueEx(key, "LongPathsEnabled")[0] == 1
    except OSError:
        return False


def _colab_address():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8") if is_checkout() else ""
    repository, branch = (re.search(f'(?m)^{key} = "(.*)"', text) for key in ("repository", "branch"))
    known = repository and branch
    return colab.address(repository[1], branch[1], "notebooks/00_one_neuron.ipynb") if known else colab.ADDRESS


# --- packages


def broken_packages():
    """The packages of `.venv` that are gone or lack files, as a dict: name -> what is wrong with it."""
    site = site_packages()
    if site is None:
        return {}
    looked = {_package(info.name): _damage(site, info) for info in sorted(site.glob("*.dist-info"))}
    broken = {name: problem for name, problem in looked.items() if problem}
    there = {_package(name) for name in _installed()}
    there |= {f"{name}-cpu" for name in there}  # a GPU build may have taken the place of the CPU one
    for file in _requirements():
        broken.update({_package(name): "it is gone" for name in _stamp(file)[1:] if _package(name) not in there})
    return broken


def changed_packages():
    """The packages of `.venv` in another version than the course installed: name -> what is wrong with it."""
    changed = {}
    for file in _requirements() if site_packages() and not lost() else []:
        pinned = re.findall(r"(?m)^([\w-]+)==", file.read_text(encoding="utf-8"))
        fits = _stamp(file)[:1] == [_digest(file)]  # else the next command installs anyway
        right = dict(_split(name) for name in _stamp(file)[1:] if fits and _package(name) in pinned)
        for name, version in map(_split, _installed()):
            if right.get(name, version) != version:
                changed[name] = f"it is {version} and not {right[name]}"
    return changed


def forget(names):
    """Take away what says that these packages of `.venv` are installed: the next install brings them back."""
    for info in list(site_packages().glob("*.dist-info")) if names else []:
        if _package(info.name) in names:
            _clear_the_way(info)
            shutil.rmtree(str(info), ignore_errors=True)


def _clear_the_way(info):
    """Delete files that stand where a package has a folder: the installer would stop at them."""
    with contextlib.suppress(OSError, ValueError, csv.Error):
        for folder in {parent for row in _record(info) for parent in Path(row[0]).parents if ".." not in parent.parts}:
            if (info.parent / folder).is_file():
                (info.parent / folder).unlink()


def mend():
    """Make `.venv` whole again: its Python, and every package that is broken or of another version."""
    test = _stamp_path(_requirements()[1]).exists()
    for _ in range(2):
        if works(venv_python()):
            forget(broken_packages())
            for file in _requirements():
                _remove(_stamp_path(file))  # so the pinned versions are installed, whatever was seen
        ensure(test)
        if not broken_packages():
            break
        os.environ["UV_NO_CACHE"] = "1"  # uv links files from its cache: one overwritten in `.venv` is broken there too


def find_uv(pythons):
    """A uv that stands outside `.venv`: on the path or in `.uv`; else the pip of one of `pythons` installs it there."""
    for found in (shutil.which("uv"), _own_uv()):
        if found and VENV not in Path(found).resolve().parents and _output([found, "--version"]):
            return found
    shutil.rmtree(str(UV), ignore_errors=True)
    pip = ["-m", "pip", "install", "-q", "--retries", "1", "--target", str(UV), "uv"]
    for python in pythons:
        if _call([python, *pip])[0] == 0:
            return _own_uv()
    return None


def _own_uv():
    return next((str(path) for path in UV.glob("*/uv*") if path.stem == "uv" and path.is_file()), None)


def _install(uv, python, arguments):
    """Install with uv, else with the environment's own pip."""
    with_uv = [uv, "pip", "install", "-q", "--python", str(python)]
    status, said = _call([*(with_uv if uv is not None else [str(python), "-m", "pip", "install", "-q"]), *arguments])
    if status == 0:
        return
    if is_offline(said):
        raise Stop(OFFLINE)
    say(said)
    raise Stop(
        "The packages could not be installed; the lines above say which one failed. Check the room on the disk (about "
        "3 GB), then give the same command again: it goes on where it stopped."
    )


def _record(info):
    """The list of an installed package's files: a row for each, with its path, digest and size."""
    return [row for row in csv.reader((info / "RECORD").read_text(encoding="utf-8").splitlines()) if row]


def _damage(site, info):
    """What is wrong with an installed package, compared with the list of its files; "" where nothing is."""
    try:
        rows = _record(info)
        sizes = [(row[0], int(row[2])) for row in rows if len(row) == 3 and row[2] and not row[0].endswith(".pyc")]
    except (OSError, ValueError, csv.Error) as reason:
        return f"the list of its files is {'gone' if isinstance(reason, FileNotFoundError) else 'damaged'}"
    if not sizes:
        return "the list of its files is empty"  # a power cut leaves such
    for name, size in sizes:
        try:
            if (site / name).stat().st_size != size:
                return f"{name} has another size"
        except OSError:
            return f"{name} is missing"
    return ""


def _installed():
    return sorted(path.name for path in site_packages().glob("*.dist-info"))


def _package(info):
    """The name of the package of a folder such as keras-3.13.0.dist-info."""
    return re.sub("[-_.]+", "-", info.split("-")[0]).lower()


def _split(info):
    return _package(info), info[: -len(".dist-info")].partition("-")[2]


def refusal():
    """A sentence where nothing can be installed into the course's folder, else ""."""
    in_the_way = f"{VENV} is a file, and the environment goes there. Rename it, then give the same command again."
    said = unsupported(platform.system(), machine()) or too_deep(len(str(ROOT)), long_paths())
    if said or VENV.is_file():
        return said or in_the_way
    try:
        with tempfile.TemporaryFile(dir=str(VENV if VENV.exists() else ROOT)):
            return ""
    except OSError as reason:
        return f"Nothing can be written into {ROOT}: {reason.strerror}. Copy the course to a folder of yours."


def lost():
    """A sentence where the checkout lacks a part, as a copy may that was made by halves, else ""."""
    parts = ("requirements.txt", "tests/requirements.txt", "coursekit/data", "coursekit/exercises", "course", "data")
    gone = " ".join(name for name in parts if is_checkout() and not (ROOT / name).exists())
    return gone and f"The course's folder lacks {gone}. `git checkout -- {gone}` brings it back, or a new copy does."


def _remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(str(path), ignore_errors=True)
    elif os.path.lexists(str(path)):
        path.unlink()


def _requirements():
    return [ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt"]


def _stamp_path(file):
    return VENV / f".coursekit-{file.parent.name if file.parent != ROOT else 'course'}.stamp"


def _stamp(file):
    """The lines of what the last install from this file left: its digest, then what was there afterwards."""
    try:
        return _stamp_path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):  # none, or damaged: the next install writes it anew
        return []


def _digest(file):
    # The extras and the entry points come from pyproject.toml, so a change there counts too.
    return hashlib.sha256(file.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()


def _call(command):
    """Run a command; its exit status, and what it wrote to its error stream."""
    try:
        done = subprocess.run([str(part) for part in command], cwd=str(ROOT), stderr=subprocess.PIPE)
    except OSError as reason:
        return 1, str(reason)
    return done.returncode, done.stderr.decode("utf-8", "replace").strip()


def is_offline(said):
    """Whether an installer said that it reached nobody. Paths are left out: one may hold the word "network"."""
    words = (
        r"dns error|failed to lookup|name resolution|could not resolve|name or service not known|unreachable|timed out|"
        r"temporary failure|client error \(connect\)|error sending request|connection (error|refused|reset|aborted)|"
        r"no route to host|NewConnectionError|ProxyError"
    )
    return re.search(words, said.replace(str(ROOT), ""), re.I) is not None


def _output(command):
    """What a command prints, or "" where it fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def _name(version):
    return f"{version[0]}.{version[1]}"


def wanted():
    """The range of Pythons that fit, in words."""
    return f"{_name(OLDEST)} to {_name(NEWEST)}"


def say(text):
    print(text, file=sys.stderr, flush=True)
