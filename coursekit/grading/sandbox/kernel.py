"""Functions of the C library that Python has no name for, and the flags that they take, from the kernel's headers."""

import ctypes
import os
import signal
from functools import cache

# Of mount(2) and umount2(2), unshare(2) and clone(2), prctl(2).
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
DETACH = 2
NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
PDEATHSIG, SECCOMP, CAPBSET_DROP, SUBREAPER, NO_NEW_PRIVS, DUMPABLE = 1, 22, 24, 36, 38, 4


def call(name, *args):
    """A function of the C library; an OSError where it says -1."""
    args = [ctypes.c_ulong(item) if isinstance(item, int) else item for item in args]
    if getattr(_libc(), name)(*args) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def die_with_parent():
    """Let the kernel end this process when the thread that forked it ends."""
    call("prctl", PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def mount(source, target, kind, flags, options=None):
    coded = [item if item is None else os.fsencode(item) for item in (source, target, kind, options)]
    try:
        call("mount", coded[0], coded[1], coded[2], flags, coded[3])
    except OSError as error:
        raise OSError(error.errno, f"mount: {error.strerror}", target) from None


def unmount(target):
    call("umount2", os.fsencode(target), DETACH)


def pivot_root(new, old):
    import pyseccomp

    number = pyseccomp.resolve_syscall(pyseccomp.system_arch(), "pivot_root")
    call("syscall", number, os.fsencode(new), os.fsencode(old))


@cache
def _libc():
    return ctypes.CDLL(None, use_errno=True)
