"""What cannot be set up on a machine, and what to do about it."""

import contextlib
import errno
import os
from pathlib import Path

NO_LINUX = "The sandbox needs Linux. Grade in a Linux container or virtual machine."


class SandboxError(Exception):
    """A layer of the sandbox cannot be set up; the message is one sentence that names it."""


def sentence_on(layer, error):
    """One sentence on the layer of the sandbox that could not be set up, and what to do."""
    reason = getattr(error, "strerror", None) or str(error)
    path = getattr(error, "filename", None)
    where = f" ({path.decode('utf-8', 'replace') if isinstance(path, bytes) else path})" if path else ""
    return f"The sandbox cannot set up {layer}: {' '.join(reason.split())}{where}. {advice(error)}"


def advice(error):
    """What to do about it: some systems switch off what an unprivileged user would need."""
    switches = {
        "kernel/apparmor_restrict_unprivileged_userns": "1",
        "kernel/unprivileged_userns_clone": "0",
        "user/max_user_namespaces": "0",
    }
    for name, off in switches.items():
        with contextlib.suppress(OSError):
            if os.geteuid() and Path("/proc/sys", name).read_text().strip() == off:
                name = name.replace("/", ".")
                return f"This system has {name} = {off}, which forbids it: change that, or grade as root."
    if getattr(error, "errno", None) in (errno.EPERM, errno.EACCES, errno.ENOSYS):
        return (
            "A container may forbid it: start the container with more rights, grade outside it, or give --unsafe "
            "if you trust every submission."
        )
    return "Mend that, grade on another machine, or give --unsafe if you trust every submission."
