"""Make the course's own environment, `.venv` in the checkout, and run a command in it. Standard library only.

Every command of `python -m coursekit` works on a fresh machine: this module installs what is missing, pinned and
hashed, with uv where it can be had (seconds) and with pip otherwise (minutes).
"""

import hashlib
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
OLDEST, NEWEST = (3, 11), (3, 13)


class Stop(Exception):
    """Setting up cannot go on. The message is one sentence that says what to do."""


def ensure(test=False):
    """Make sure that `.venv` holds what the course needs.

    Parameters
    ----------
    test : bool
        Whether the tests' packages are needed too.

    Returns
    -------
    Path
        The Python of the environment.

    Raises
    ------
    Stop
        With one sentence: wrong Python, no network, no room.
    """
    wanted = [ROOT / "requirements.txt"] + ([ROOT / "tests" / "requirements.txt"] if test else [])
    python = venv_python()
    stamps = {file: VENV / f".coursekit-{file.parent.name}.stamp" for file in wanted}
    missing = [file for file in wanted if not python.exists() or _read(stamps[file]) != _digest(file)]
    if not missing:
        return python
    _make_venv(python)
    for file in missing:
        _say(f"Installing {file.relative_to(ROOT).as_posix()} into .venv ...")
        _install(python, ["--require-hashes", "-r", str(file)])
    _install(python, ["--no-deps", "-e", str(ROOT)])
    for file in missing:
        stamps[file].write_text(_digest(file), encoding="utf-8")
    return python


def venv_python():
    """Where the environment's Python is, or will be."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def is_checkout():
    """Whether this package stands in a checkout of the course, and not among installed packages."""
    return (ROOT / "pyproject.toml").exists()


def is_installed():
    """Whether coursekit was installed into this interpreter's environment, and with it what it needs."""
    try:
        return bool(metadata.version("coursekit"))
    except metadata.PackageNotFoundError:
        return False


def inside():
    """Whether this process already runs in the course's `.venv`."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def rerun(arguments, test=False):
    """Run `python -m coursekit ARGUMENTS` in the environment, made if need be; returns the exit status."""
    try:
        python = ensure(test)
    except Stop as reason:
        print(reason, file=sys.stderr)
        return 1
    try:
        return subprocess.call([str(python), "-m", "coursekit", *arguments])  # here: paths may be relative
    except KeyboardInterrupt:
        return 130


def _make_venv(python):
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        raise Stop(
            f"The course needs Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}; this is {version[0]}."
            f"{version[1]}. Install one of them and start the command with it, e.g. `python3.12 -m coursekit lab`."
        )
    usable = python.exists() and subprocess.call([str(python), "-c", ""], stderr=subprocess.DEVNULL) == 0
    if not usable:
        _say("Making an environment in .venv ...")
        shutil.rmtree(VENV, ignore_errors=True)
        if subprocess.call([sys.executable, "-m", "venv", str(VENV)]) != 0:
            raise Stop(
                "The environment .venv could not be made. On Debian and Ubuntu, `apt install python3-venv` first"
            )


def _install(python, arguments):
    """Install with uv, which is itself installed into the environment, else with pip."""
    has_uv = subprocess.call([str(python), "-m", "uv", "--version"], **_silent()) == 0
    if not has_uv:
        has_uv = subprocess.call([str(python), "-m", "pip", "install", "-q", "uv"], **_silent()) == 0
    installer = ["uv", "pip", "install", "-q", "--python", str(python)] if has_uv else ["pip", "install", "-q"]
    if subprocess.call([str(python), "-m", *installer, *arguments], cwd=ROOT) != 0:
        raise Stop(
            "The packages could not be installed; the lines above say which one failed. Check the network and the room "
            "on the disk (about 3 GB), then give the same command again: it goes on where it stopped."
        )


def _silent():
    return {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def _digest(file):
    # The extras and the entry points come from pyproject.toml, so a change there counts too.
    return hashlib.sha256(file.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()


def _read(stamp):
    return stamp.read_text(encoding="utf-8") if stamp.exists() else None


def _say(text):
    print(text, file=sys.stderr, flush=True)
