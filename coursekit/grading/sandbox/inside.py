"""The submission's side of the sandbox: its first process puts on every layer in turn, then runs what it was given."""

import contextlib
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coursekit.grading.sandbox import files, kernel, rights, system_calls
from coursekit.grading.sandbox.errors import sentence_on
from coursekit.grading.sandbox.rights import Limits


@dataclass(frozen=True)
class Plan:
    """What one sandbox is made of, settled before the fork."""

    scratch_files: dict  # name -> bytes
    run: Callable
    keep: list  # descriptors that stay open
    limits: Limits
    own_user: bool  # where the grader is a superuser, the submission gets a user of its own
    folder: str | None = None  # where there is no isolation, its scratch folder
    program: bytes = b""  # the filter on system calls
    paths: list = ()  # what is shown read-only, with the targets of links; see `files.shown`
    masked: list = ()  # what of it looks empty

    @property
    def isolated(self):
        return self.folder is None


def begin(link, watch, plan, user, group):
    """Process 1 of the sandbox: every layer in turn, then `run`. Never returns."""
    layer = "the descriptors"
    try:
        close_all_but({link.fileno(), watch, *plan.keep}, standard=True)
        layer = "the end together with the grader"
        stay_with(watch)
        if plan.isolated:
            layer = "that it ends first when the machine's memory runs out"
            Path("/proc/self/oom_score_adj").write_text("1000")
            layer = "a host name of its own"
            kernel.call("sethostname", b"sandbox", 7)
            layer = "a file system of its own"
            kernel.call("unshare", kernel.NEWNS)
            files.build_root(plan.paths, plan.masked, plan.scratch_files, plan.limits, user, group)
        else:
            for name, content in plan.scratch_files.items():
                Path(plan.folder, name).write_bytes(content)
                os.chmod(Path(plan.folder, name), 0o644)
            os.chown(plan.folder, user, group)
        layer = "its scratch folder"
        os.chdir(plan.folder or files.SCRATCH)
        layer = "a clean environment"
        rights.clean_environment(plan.folder)
        os.setsid()
        os.umask(0o077)
        layer = "the limits"
        rights.set_limits(plan.limits, plan.isolated)
        if plan.isolated or user != os.geteuid():
            layer = "a user without rights"
            rights.drop_rights(user, group)
            layer = "Python's own folders"
            rights.check_readable(plan.paths or [(os.path.dirname(os.__file__), None), (sys.prefix, None)])
        # A change of user takes the order to end with the parent away.
        layer = "the end together with the grader"
        stay_with(watch)
        if plan.isolated:
            layer = "the filter on system calls"
            kernel.call("prctl", kernel.NO_NEW_PRIVS, 1, 0, 0, 0)
            system_calls.load(plan.program)
        signal.signal(signal.SIGINT, signal.default_int_handler)
    except BaseException as error:
        link.sendall(f"error {sentence_on(layer, error)}\n".encode())
        os._exit(71)
    link.sendall(b"ready\n")
    link.close()
    os.close(watch)
    code = 1
    try:
        result = plan.run()
        code = result if isinstance(result, int) else 0
    except SystemExit as request:
        code = request.code if isinstance(request.code, int) else 0 if request.code is None else 1
    except BaseException:
        with contextlib.suppress(BaseException):
            traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code & 255)


def stay_with(watch):
    """End with the keeper, which holds the other end of `watch` and never writes."""
    kernel.die_with_parent()
    poll = select.poll()  # an event means that it is gone already
    poll.register(watch)
    if poll.poll(0):
        os._exit(70)


def close_all_but(keep, standard=False):
    """Close every descriptor but those of `keep`; with `standard`, 0 to 2 become /dev/null unless they are kept."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in keep:
            with contextlib.suppress(OSError):
                os.close(int(name))
    if standard:
        empty = {0, 1, 2} - set(keep)
        for number in sorted(empty):
            # The lowest free number is taken, so that this one is it.
            opened = os.open("/dev/null", os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
