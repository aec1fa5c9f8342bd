"""Whether this machine has what the sandbox is made of, and what protects the grader where it has not."""

import errno
import os
import sys

from coursekit.grading.sandbox import kernel
from coursekit.grading.sandbox.child import start
from coursekit.grading.sandbox.errors import NO_LINUX, SandboxError, advice
from coursekit.grading.sandbox.system_calls import filter_program

_NAMESPACES = {
    kernel.NEWUSER: "a user namespace",
    kernel.NEWNS: "a mount namespace",
    kernel.NEWPID: "a process namespace",
    kernel.NEWNET: "a network namespace",
    kernel.NEWIPC: "an IPC namespace",
    kernel.NEWUTS: "a host name namespace",
}


def describe(unsafe=False):
    """One sentence that says what protects the grader from a submission."""
    if not unsafe:
        return (
            "Each submission runs in a sandbox: no network, a file system of its own that is read-only outside its "
            "scratch folder, no rights, a filter on system calls, and limits on memory, processes and files."
        )
    return (
        "UNSAFE: submissions run with YOUR rights. They can read, change and delete every file that you can, other "
        "submissions and these marks among them, use the network, and end other programs of yours; only memory, "
        "file size and time of one process are limited."
    )


def missing():
    """What of the sandbox cannot be set up on this machine: one sentence per layer; empty where all is well.

    Every layer is tried for real, in a child that is thrown away.
    """
    if sys.platform != "linux":
        return [NO_LINUX]
    found, error = [], None
    try:
        filter_program()
    except SandboxError as gap:
        found.append(str(gap))
    base = 0 if os.geteuid() == 0 else kernel.NEWUSER
    for flag, name in _NAMESPACES.items():
        if flag == kernel.NEWUSER and not base:
            continue
        code = _try(lambda flag=flag: kernel.call("unshare", base | flag))
        if code:
            error = OSError(code, os.strerror(code))
            found.append(f"The sandbox cannot set up {name}: {error.strerror}.")
            if flag == kernel.NEWUSER:
                break
    if error:
        found[-1] += " " + advice(error)  # the same for all of them
    if not found:
        child = start({"probe": b"1"}, lambda: 0)
        ended = child.wait(30)
        if ended is None:
            child.kill()
            child.wait()
        if child.error or ended != "exit 0":
            found.append(child.error or f"The sandbox started, but an empty run in it ended with {ended}.")
    return found


def _try(step):
    """The error number of `step`, run in a child; 0 if it went well."""
    pid = os.fork()
    if pid == 0:
        code = errno.EIO
        try:
            step()
            code = 0
        except OSError as error:
            code = error.errno
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
