"""What may be wrong with this machine or this install, each in plain words with the mend."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from coursekit.bootstrap import NEWEST, OLDEST, ROOT


@dataclass(frozen=True)
class Result:
    """One thing looked at: ``status`` is "good", "note" or "bad"."""

    status: str
    what: str
    mend: str = ""


def examine():
    """Look at everything; returns a list of `Result`."""
    return [*_python(), *_packages(), *_clashes(), *_data(), *_memory(), *_gpu()]


def _python():
    version = sys.version_info[:2]
    name = f"Python {version[0]}.{version[1]} at {sys.executable}"
    if OLDEST <= version <= NEWEST:
        return [Result("good", name)]
    wanted = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    return [Result("bad", f"{name}; the course needs {wanted}", "Install one of these and use it.")]


def _packages():
    """Every requirement of coursekit, of what it needs to train and of what it needs to open notebooks."""
    from packaging.requirements import Requirement

    try:
        lines = metadata.requires("coursekit") or []
    except metadata.PackageNotFoundError:
        return [Result("bad", "coursekit itself is not installed", "Run `python -m coursekit lab`.")]
    good = 0
    for line in lines:
        requirement = Requirement(line)
        if requirement.marker and not any(requirement.marker.evaluate({"extra": e}) for e in ("", "cpu", "lab")):
            continue
        # A GPU build serves as well as the CPU one.
        names = [requirement.name, requirement.name.removesuffix("-cpu")]
        installed = next((found for name in names if (found := _version(name))), None)
        if installed is None:
            yield Result(
                "bad", f"{requirement.name} is missing", f'Run `python -m pip install "{_plain(requirement)}"`.'
            )
        elif not requirement.specifier.contains(installed, prereleases=True):
            yield Result(
                "bad",
                f"{requirement.name} {installed} is outside {requirement.specifier}",
                f'Run `python -m pip install "{_plain(requirement)}"`.',
            )
        else:
            good += 1
    yield Result("good", f"{good} packages are there in versions that the course was tested with")


def _plain(requirement):
    return f"{requirement.name}{requirement.specifier}"


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _clashes():
    if _version("tensorflow") and _version("tensorflow-cpu"):
        yield Result(
            "bad",
            "tensorflow and tensorflow-cpu are both installed, and overwrite each other's files",
            "Remove both with pip, then install the one that you want.",
        )
    if _version("tf-keras") or os.environ.get("TF_USE_LEGACY_KERAS"):
        yield Result(
            "note", "Keras 2 is switched on or installed beside Keras 3", "Unset TF_USE_LEGACY_KERAS; `import keras`."
        )
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        yield Result("bad", f"KERAS_BACKEND is {backend}; the course uses tensorflow", "Unset KERAS_BACKEND.")


def _data():
    from coursekit.data import DataError, verify_all

    try:
        broken = [problem for problem in verify_all().values() if problem]
    except DataError as error:
        broken = [str(error)]
    if not broken:
        return [Result("good", "the data files are whole (SHA-256 compared)")]
    parts = (problem.partition(". ") for problem in broken)
    return [Result("bad", what, mend) for what, _, mend in parts]


def _memory():
    import psutil

    free = psutil.virtual_memory().available / 2**30
    yield (
        Result("good", f"{free:.1f} GB of memory are free")
        if free >= 3
        else Result(
            "bad", f"only {free:.1f} GB of memory are free; a notebook takes up to 2.5", "Close other programs."
        )
    )
    room = shutil.disk_usage(ROOT if ROOT.exists() else Path.home()).free / 2**30
    if room < 1:
        yield Result("bad", f"only {room:.1f} GB of disk are free", "Make room.")


def _gpu():
    # In a process of its own: TensorFlow takes seconds to load and keeps the card.
    code = "import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')))"
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=quiet)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return [
            Result("bad", f"TensorFlow cannot be loaded: {last}", "Run `python -m coursekit lab` to install it anew.")
        ]
    if int(done.stdout or 0) > 0:
        return [Result("good", "TensorFlow loads and sees a GPU")]
    if shutil.which("nvidia-smi"):
        mend = 'Install the GPU build: `python -m pip install "coursekit[gpu]"`. The course runs without it too.'
        return [Result("note", "this machine has an NVIDIA GPU that TensorFlow does not see", mend)]
    return [Result("good", "TensorFlow loads; there is no GPU, and none is needed")]
