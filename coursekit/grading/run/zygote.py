"""A process that has imported TensorFlow, Keras and scikit-learn and forks a judge for each submission.

It never runs an operation: after the first one (even ``tf.constant``) a forked child hangs or dies. So at the start it
lets a canary child train one step, and says whether that child came back. For a course without Keras both are left out.

On its standard input it reads lines: the path of a job file, or nothing more. On its standard output it writes JSON
lines: ``{"ready": true}``, ``{"ended": path, "status": n}``.
"""

import contextlib
import gc
import json
import os
import select
import signal
import subprocess
import sys
import traceback
from importlib import import_module

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


def serve():
    """Fork a judge for every job that is named on the standard input, until that ends."""
    keras = place.uses_keras()
    preload(keras)
    _say({"ready": not keras or canary()})
    running, waiting = {}, b""
    while True:
        if select.select([0], [], [], 0.05)[0]:
            data = os.read(0, 65536)
            if not data:
                return  # the grader has gone; what runs dies with this process
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                path = line.decode()
                running[_fork(path)] = path
        while running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            if pid in running:
                with contextlib.suppress(ProcessLookupError, PermissionError):  # a judge leaves nothing running
                    os.killpg(pid, signal.SIGKILL)
                _say({"ended": running.pop(pid), "status": os.waitstatus_to_exitcode(status)})


def _fork(path):
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
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        from coursekit.grading.run import judge

        judge.main(path)
        status = 0
    except BaseException:
        with open(f"{path}.error", "w", encoding="utf-8") as file:
            file.write(traceback.format_exc())
    finally:
        os._exit(status)


def _say(message):
    try:
        os.write(1, json.dumps(message).encode() + b"\n")
    except BrokenPipeError:  # the grader has been interrupted
        os._exit(1)


class Zygote:
    """The grader's end of a zygote process.

    Raises
    ------
    RuntimeError
        When the canary does not come back.
    """

    def __init__(self, environment):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "coursekit.grading.run.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **environment},
        )
        self._rest = b""
        ready = self._read(CANARY_SECONDS * 3)
        if not ready or not ready[0].get("ready"):
            self.close()
            raise RuntimeError("a forked process could not train a network")

    def start(self, path):
        """Begin the job that the file at `path` describes."""
        self._process.stdin.write(f"{path}\n".encode())
        self._process.stdin.flush()

    def ended(self, seconds):
        """The jobs that have ended since: a list of (path, exit status). Waits `seconds` at most."""
        return [(line["ended"], line["status"]) for line in self._read(seconds)]

    def close(self):
        """End the zygote and with it everything that it started."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def _read(self, seconds):
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return []
        data = os.read(self._process.stdout.fileno(), 65536)
        if not data:
            raise EOFError("the process that starts the submissions has ended")
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    serve()
