"""A submission's first process, as the grader starts it and sees it.

`start` forks twice. The first child, the keeper, makes the namespaces and waits; the second is process 1 of the new
process namespace, so that everything a submission starts ends when it ends. Both end when the parent does. A layer
that cannot be set up ends the child before any of the submission's code runs, and `Child.error` names it.

What the parent has in memory at the fork, the child has too: fork from a process that holds no secret.
"""

import contextlib
import fcntl
import os
import select
import shutil
import signal
import socket
import stat
import sys
import tempfile
import threading
import time
from dataclasses import replace

from coursekit.grading.sandbox import keeper
from coursekit.grading.sandbox.errors import NO_LINUX, SandboxError
from coursekit.grading.sandbox.files import SCRATCH, shown
from coursekit.grading.sandbox.inside import Plan
from coursekit.grading.sandbox.rights import Limits
from coursekit.grading.sandbox.system_calls import filter_program


class Child:
    """A submission's first process, seen from the parent.

    Attributes
    ----------
    pid : int
        Its number outside the sandbox; 0 where it never started.
    error : str
        Empty, or one sentence that names the layer that could not be set up. Its code did not run then.
    scratch : str
        Its folder, as it sees it.
    """

    def __init__(self, keeper, link, limits, folder):
        self.pid, self.error, self.ended = 0, "", None
        self.scratch, self.limits = folder or SCRATCH, limits
        self._keeper, self._link, self._folder, self._text = keeper, link, folder, b""
        self._lock = threading.Lock()

    def interrupt(self):
        """Send SIGINT, the KeyboardInterrupt of Python."""
        self._signal(signal.SIGINT)

    def kill(self):
        """End it and all that it started. Returns at once; `wait` says when it has ended."""
        self._signal(signal.SIGKILL)

    def wait(self, timeout=None):
        """How it ended: "exit 0", "signal 9"; None if it still runs after `timeout` seconds.

        Call it in the end for every child, as the child's number stays taken until then.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.ended is None and self._heard(deadline) is not None:
            pass
        return self.ended

    def _signal(self, number):
        # The keeper leaves the process unreaped until `_finish`, so that its number cannot be another's by now.
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self.ended is None and self.pid:
                os.kill(self.pid, number)

    def _line(self, deadline):
        """The next line from the keeper, "" at its end, None when the time is over."""
        while b"\n" not in self._text:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._link], [], [], left)[0]:
                return None
            part = self._link.recv(4096)
            if not part:
                return ""
            self._text += part
        line, _, self._text = self._text.partition(b"\n")
        return line.decode("utf-8", "replace")

    def _heard(self, deadline):
        """The first word of the next line, once it is taken in; None when the time is over."""
        line = self._line(deadline)
        if line is None:
            return None
        kind, _, rest = line.partition(" ")
        if kind == "pid":
            self.pid = int(rest)
        elif kind == "error":
            self.error = self.error or rest
        elif kind != "ready":
            self._finish(line or "signal 9")
        return kind

    def _started(self):
        """Wait until the sandbox stands or has failed."""
        deadline, heard = time.monotonic() + 30, set()
        while not heard >= {"ready", "pid"} and self.ended is None:
            heard.add(self._heard(deadline))
            if None in heard:
                self.kill()
                os.kill(self._keeper, signal.SIGKILL)
                self._finish("signal 9")
        if self.ended is not None:
            what = "took over 30 s" if None in heard else "ended" if "" in heard else f"ended with {self.ended}"
            self.error = self.error or f"The sandbox did not start: it {what} before the submission's code began."

    def _finish(self, how):
        with self._lock:
            self.ended = how
        with contextlib.suppress(OSError):
            self._link.send(b".")
        self._link.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._keeper, 0)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def start(scratch_files, run, *, keep_fds=(), limits=None, readable=(), hidden=(), unsafe=False):
    """Fork a child, put it into the sandbox, and call `run` there.

    Call it from a process with one thread, or from a thread that lives at least as long as the child: the kernel ends
    the child when the thread that forked it ends. In the sandbox `run` is process 1, so that a signal that it sends to
    itself does nothing unless it handles it; SIGKILL to itself included.

    Parameters
    ----------
    scratch_files : dict of str to bytes
        Files of the child's folder, which is its working directory and its home.
    run : callable
        Called without arguments; what it returns, an int or None, is the exit status.
    keep_fds : iterable of int
        Descriptors that stay open. All others are closed; 0, 1 and 2 become /dev/null unless they are kept.
    limits : Limits, optional
    readable : iterable of path
        Shown to the child read-only, besides the system's and Python's own folders.
    hidden : iterable of path
        Files and folders inside the readable ones that look empty to the child.
    unsafe : bool or "user"
        No isolation: limits, time and a clean environment only. See `describe`. With "user", for a container that is
        thrown away, a superuser gives the child a user of its own, without rights.

    Returns
    -------
    Child
        Its `error` is set where a layer failed; `run` was not called then.

    Raises
    ------
    ValueError
        A file name, a descriptor or a readable path that would open the sandbox.
    SandboxError
        What the sandbox is made of is not installed, or this system has no such sandbox.
    """
    if sys.platform != "linux":
        raise SandboxError(NO_LINUX)
    keep = sorted({int(number) for number in keep_fds})
    for name in scratch_files:
        if not name or "/" in name or "\0" in name or name in (".", "..") or len(os.fsencode(name)) > 255:
            raise ValueError(f"{name!r} cannot be a file of the scratch folder: give a bare file name.")
    for number in keep:
        if stat.S_ISDIR(os.fstat(number).st_mode):
            raise ValueError(f"descriptor {number} is a folder: it would open the file system to the submission.")
    plan = Plan(scratch_files, run, keep, limits or Limits(), own_user=unsafe in (False, "user"))
    if unsafe:
        plan = replace(plan, folder=tempfile.mkdtemp(prefix="submission-"))
    else:
        masked = [os.path.realpath(path) for path in hidden]
        plan = replace(plan, program=filter_program(), paths=shown(readable), masked=masked)
    for stream in (sys.stdout, sys.stderr):  # or the child would write what stands in their buffers once more
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    ours, theirs = (_above_standard(end) for end in socket.socketpair())
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            keeper.keep(parent, theirs, plan)
        finally:
            os._exit(70)
    theirs.close()
    child = Child(pid, ours, plan.limits, plan.folder)
    child._started()
    return child


def _above_standard(end):
    """The same socket under a number above 2, as 0 to 2 are overwritten in the child."""
    if end.fileno() > 2:
        return end
    number = fcntl.fcntl(end.fileno(), fcntl.F_DUPFD_CLOEXEC, 3)
    end.close()
    return socket.socket(fileno=number)
