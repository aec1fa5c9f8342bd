"""The process between the grader and a submission: it makes the namespaces, forks the submission, and waits."""

import contextlib
import os
import signal
import time

from coursekit.grading.sandbox import inside, kernel, rights
from coursekit.grading.sandbox.errors import sentence_on
from coursekit.grading.sandbox.usage import descendants


def keep(parent, link, plan):
    """Make the namespaces, fork the submission's process, tell the parent at the other end of `link`, wait."""
    try:
        kernel.die_with_parent()
    except OSError as error:
        _give_up(link, "the end together with the grader", error)
    if os.getppid() != parent:
        os._exit(70)
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    own = plan.own_user and os.geteuid() == 0
    user, group = (rights.unused_user(),) * 2 if own else (os.geteuid(), os.getegid())
    try:
        if plan.isolated:
            rights.separate(user, group)
        else:
            kernel.call("prctl", kernel.SUBREAPER, 1, 0, 0, 0)
    except OSError as error:
        _give_up(link, "namespaces of its own", error)
    watch, alive = os.pipe()
    watch, alive = (number if number > 2 else os.dup(os.dup(os.dup(number))) for number in (watch, alive))
    inner = os.fork()
    if inner == 0:
        try:
            os.close(alive)
            inside.begin(link, watch, plan, user, group)
        finally:
            os._exit(70)
    inside.close_all_but({link.fileno(), alive})
    link.sendall(f"pid {inner}\n".encode())
    if plan.isolated:
        result = os.waitid(os.P_PID, inner, os.WEXITED | os.WNOWAIT)
        ended = "exit" if result.si_code == os.CLD_EXITED else "signal"
        link.sendall(f"{ended} {result.si_status}\n".encode())
        link.recv(1)  # until then the number of the process stays taken
        os.waitpid(inner, 0)
    else:
        pid, status = os.wait()
        while pid != inner:  # others that were left to this process
            pid, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        _end_rest()
        link.sendall((f"exit {code}\n" if code >= 0 else f"signal {-code}\n").encode())
    os._exit(0)


def _give_up(link, layer, error):
    link.sendall(f"error {sentence_on(layer, error)}\nexit 71\n".encode())
    os._exit(71)


def _end_rest():
    """Without a process namespace: end what the submission left running, as far as it can be found."""
    for _ in range(100):
        rest = descendants(os.getpid())[1:]
        for pid in rest:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not rest:
            return
        time.sleep(0.01)
