"""Work on what a student wrote, in a process of its own with limits on time and memory.

The grader never looks into a submission itself: a text that nests deep, or that a parser or a regular expression takes
hours for, ends this process, and its author gets one sentence.
"""

import contextlib
import faulthandler
import gc
import os
import pickle
import resource
import signal
import sys
import threading
from multiprocessing import Pipe
from pathlib import Path

SECONDS = 20  # of the processor
WAIT = 6  # times as long may pass on a busy machine
MEMORY_MB = 2000
MAX_ANSWER = 200_000_000


class Exceeded(Exception):
    """The work came to no end. The message says why, as the end of a sentence: "it took longer than 20 s"."""


class Failed(Exceeded):
    """The work raised an error, of which the message tells."""


def run(work, *args, seconds=SECONDS, memory_mb=MEMORY_MB, wait=None, lets=()):
    """``work(*args)``, done in a forked process.

    Parameters
    ----------
    work : callable
        Its value crosses as a pickle, which the course's own code has made.
    seconds : int
        Of the processor.
    memory_mb : int
        On top of what this process has.
    wait : float, optional
        Seconds until it is given up, whatever it waits for.
    lets : tuple of type
        Exceptions of `work` that are raised here too.

    Raises
    ------
    Exceeded
        Where it took too long or too much, or ended.
    Failed
        Where it raised anything else.
    """
    reading, writing = Pipe(duplex=False)
    pid = _fork()
    try:
        if pid == 0:
            try:
                reading.close()
                _begin(seconds, memory_mb)
                writing.send_bytes(_done(work, args, lets))
            finally:
                os._exit(0)
        writing.close()
        data = _received(reading, wait or WAIT * seconds)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        reading.close()
        _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGXCPU):
        raise Exceeded(f"it took longer than {seconds} s")
    if not data:
        raise Exceeded("it is nested too deeply" if os.WIFSIGNALED(status) else f"it took more than {memory_mb} MB")
    kind, value = pickle.loads(data)
    if kind == "raised":
        raise value
    return value


def run_each(work, items, together=20):
    """``work(item)`` for each of many items; the value, or the `Exceeded` of that item, in their order.

    A fork costs as much as a small piece of work, so a process serves several. Where one of them comes to no end, each
    of the several has a process to itself.
    """
    results = []
    for start in range(0, len(items), together):
        several = items[start : start + together]
        try:
            results += run(lambda items: list(map(work, items)), several)
        except Exceeded:
            for item in several:
                try:
                    results.append(run(work, item))
                except Exceeded as reason:
                    results.append(reason)
    return results


def _fork():
    """Fork. A control-C meanwhile is heard afterwards: raised in what runs at a fork, it would be lost."""
    if threading.current_thread() is not threading.main_thread():
        return os.fork()
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(True))
    pid = os.fork()
    if pid:
        signal.signal(signal.SIGINT, before)
        if heard:
            os.kill(os.getpid(), signal.SIGINT)
    return pid


def _begin(seconds, memory_mb):
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the grader hears it, and this process ends with the grader
    faulthandler.disable()
    gc.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    with contextlib.suppress(OSError, ValueError):  # what this process has already counts too, as far as it is known
        mine = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_DATA, (mine + memory_mb * 2**20,) * 2)


def _done(work, args, lets):
    try:
        return pickle.dumps(("value", work(*args)))
    except lets as error:
        return pickle.dumps(("raised", error))
    except RecursionError:
        return pickle.dumps(("raised", Exceeded("it is nested too deeply")))
    except MemoryError:
        return b""
    except Exception as error:
        return pickle.dumps(("raised", Failed(f"{type(error).__name__}: {error}"[:200])))


def _received(reading, seconds):
    if not reading.poll(seconds):
        raise Exceeded("it took too long")
    try:
        return reading.recv_bytes(MAX_ANSWER)
    except EOFError:
        return b""
    except OSError:
        if not reading.closed:  # it ended in the middle of its answer: its status says why
            return b""
        raise Exceeded(f"it came to more than {MAX_ANSWER // 10**6} MB") from None


def die_with_parent():
    """Let the kernel end this process when the one that forked it ends (Linux)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
