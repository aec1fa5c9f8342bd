"""A process that has imported TensorFlow, Keras and scikit-learn and forks a judge for each submission.

It never runs an operation: after the first one (even ``tf.constant``) a forked child hangs or dies. So at the start it
lets a canary child train one step, and says whether that child came back. For a course without Keras both are left out.

What comes over the connection that it is given are paths of job files. It answers whether it is ready, and from then on
the path and the exit status of each job that has ended.
"""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import traceback
from importlib import import_module
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from coursekit import place
from coursekit.grading import limited

KERAS = ("tensorflow", "keras")
PRELOAD = (
    "sklearn.neural_network", "sklearn.pipeline", "sklearn.preprocessing", "sklearn.ensemble",
    "sklearn.model_selection", "sklearn.metrics", "sklearn.datasets", "sklearn.tree", "sklearn.decomposition",
    "pandas", "matplotlib.pyplot", "matplotlib_inline.backend_inline", "IPython.core.interactiveshell", "PIL.Image",
    "coursekit", "coursekit.session", "coursekit.error_hints", "coursekit.plot", "coursekit.data", "coursekit.widgets",
    "coursekit.checks.notebook", "coursekit.checks.pipe", "coursekit.grading.run.judge",
    "coursekit.grading.sandbox.runner",
)  # fmt: skip
CANARY_SECONDS, CANARY_MB = 60, 6000


def preload(keras):
    """Import what submissions use. Missing packages are left to the submissions to find out."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ["COURSEKIT_GRADING"] = "1"
    from coursekit.session import quiet_stderr

    with quiet_stderr():
        for name in (*(KERAS if keras else ()), *PRELOAD):
            with contextlib.suppress(ImportError):
                import_module(name)
    # What was imported stays: no child need look through it for garbage, and no page of it is copied for that.
    gc.collect()
    gc.freeze()


def canary():
    """Whether a forked child trains one step and comes back in time."""
    try:
        limited.run(_train_one_step, seconds=CANARY_SECONDS, memory_mb=CANARY_MB, wait=CANARY_SECONDS)
    except limited.Exceeded:
        return False
    return True


def _train_one_step():
    import keras
    import numpy as np

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    model.compile(loss="mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)


def serve(link):
    """Fork a judge for every job that is named over `link`. Raises EOFError or OSError when the grader has gone."""
    keras = place.uses_keras()
    preload(keras)
    link.send(not keras or canary())
    running = {}
    while True:
        if link.poll(0.05):
            path = link.recv()
            running[_fork(path, link)] = path
        while running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            if pid in running:
                with contextlib.suppress(ProcessLookupError, PermissionError):  # a judge leaves nothing running
                    os.killpg(pid, signal.SIGKILL)
                link.send((running.pop(pid), os.waitstatus_to_exitcode(status)))


def _fork(path, link):
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        limited.die_with_parent()
        if os.getppid() != parent:
            os._exit(1)
        os.setsid()
        link.close()
        from coursekit.grading.run import judge

        judge.main(path)
        status = 0
    except BaseException:
        with open(f"{path}.error", "w", encoding="utf-8") as file:
            file.write(traceback.format_exc())
    finally:
        os._exit(status)


class Zygote:
    """The grader's end of a zygote process.

    Raises
    ------
    RuntimeError
        When the canary does not come back.
    """

    def __init__(self, environment):
        self._link, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "coursekit.grading.run.zygote", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env={**os.environ, **environment},
            )
        if not self._link.poll(CANARY_SECONDS * 3) or not self._received():
            self.close()
            raise RuntimeError("a forked process could not train a network")

    def start(self, path):
        """Begin the job that the file at `path` describes."""
        self._link.send(str(path))

    def ended(self, seconds):
        """The jobs that have ended since: a list of (path, exit status). Waits `seconds` at most."""
        found = []
        while self._link.poll(0 if found else seconds):
            found.append(self._received())
        return found

    def close(self):
        """End the zygote and with it everything that it started."""
        self._process.kill()
        self._process.wait()
        self._link.close()

    def _received(self):
        try:
            return self._link.recv()
        except (EOFError, ConnectionResetError):
            raise EOFError("the process that starts the submissions has ended") from None


if __name__ == "__main__":
    # Where the grader has gone, what runs dies with this process.
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(Connection(int(sys.argv[1])))
