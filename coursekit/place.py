"""Where the course is: one folder, and the modules that check its exercises. Standard library only.

The course is this checkout, and its check modules stand in `coursekit/exercises`. $COURSEKIT_COURSE may name the folder
of another course, which has `course/`, `notebooks/` and `solutions/` as this one has, and its check modules in
`exercises/`. The variable is read nowhere else; the processes that the grader starts inherit it.

A submission gains nothing by setting it. It runs in a process of its own, whose environment the sandbox has emptied and
which reaches no verdict; and no check module is there to be found, whatever folder is named. (Under nbgrader the checks
run among the student's own code, which can replace them with or without this variable.)
"""

import contextlib
import os
import re
import tempfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ENGINE = PACKAGE / "checks"
EXERCISES = PACKAGE / "exercises"
_KERAS = re.compile(rb"\b(?:import|from) (?:keras|tensorflow)\b")


def folder():
    """The folder of the course."""
    named = os.environ.get("COURSEKIT_COURSE")
    return Path(named).resolve() if named else PACKAGE.parent


def exercises():
    """The folder of the check modules, with `thresholds.json` and `pictures/` where there are any."""
    return folder() / "exercises" if os.environ.get("COURSEKIT_COURSE") else EXERCISES


def notebooks():
    """The students' notebooks that have exercises, in order."""
    return sorted((folder() / "notebooks").glob("[0-9][0-9]*_*.ipynb"))


def uses_keras():
    """Whether a notebook of the course imports Keras or TensorFlow, so that it pays to load them once for all.

    An installed package has no notebooks at hand; those of this course do.
    """
    found = notebooks()
    return not found or any(_KERAS.search(path.read_bytes()) for path in found)


def stand_in_for_home():
    """Where the home folder cannot be written, let `.home` in the course take its place, for this process and below.

    uv, Jupyter, matplotlib, Keras and coursekit itself keep caches and settings in it.
    """
    name = "USERPROFILE" if os.name == "nt" else "HOME"
    try:
        with tempfile.TemporaryFile(dir=str(Path.home())):
            return
    except (OSError, RuntimeError):
        os.environ[name] = str(folder() / ".home")
    with contextlib.suppress(OSError):
        Path(os.environ[name]).mkdir(exist_ok=True)
