"""The filter on system calls: what a submission may not ask the kernel for."""

import ctypes
import errno
import os
import tempfile
from functools import cache

from coursekit.grading.sandbox import kernel
from coursekit.grading.sandbox.errors import SandboxError

_REFUSED = """
ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp
mount umount umount2 pivot_root chroot fsopen fsconfig fsmount fspick move_mount open_tree open_tree_attr mount_setattr
unshare setns bpf perf_event_open kexec_load kexec_file_load init_module finit_module delete_module
keyctl add_key request_key userfaultfd io_uring_setup io_uring_enter io_uring_register
open_by_handle_at name_to_handle_at reboot swapon swapoff settimeofday clock_settime clock_settime64 clock_adjtime
stime personality acct quotactl quotactl_fd syslog vhangup lookup_dcookie fanotify_init nfsservctl ioperm iopl
modify_ldt uselib ustat sethostname setdomainname migrate_pages move_pages
setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat
memfd_create memfd_secret shmget msgget semget mq_open setsid
statmount listmount
"""

# Each lets the kernel hold memory that it charges to no process.
_REFUSED += """
vmsplice splice tee landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp inotify_init inotify_init1
timer_create
"""

# For a libseccomp that is older than they are: these numbers are the same on every architecture.
_NEW_CALLS = {
    **{"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429},
    **{"fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "clone3": 435, "pidfd_getfd": 438},
    **{"process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443, "memfd_secret": 447, "setxattrat": 463},
    **{"landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446, "statmount": 457},
    **{"listmount": 458, "removexattrat": 466, "open_tree_attr": 467},
}


@cache
def filter_program():
    """The filter on system calls, as the kernel's program. Made once, as it takes some milliseconds."""
    try:
        import pyseccomp as seccomp
    except (ImportError, OSError, RuntimeError) as error:
        raise SandboxError(
            f"The sandbox cannot set up the filter on system calls: {error}. Install the Python package pyseccomp "
            "and the system's libseccomp (libseccomp2 on Debian and Ubuntu)."
        ) from None
    rules, refuse = seccomp.SyscallFilter(seccomp.ALLOW), seccomp.ERRNO(errno.EPERM)
    arg, low = seccomp.Arg, 0xFFFFFFFF

    def add(action, name, *args):
        try:
            number = seccomp.resolve_syscall(seccomp.system_arch(), name)
        except (OSError, ValueError):
            number = -1
        number = number if number >= 0 else _NEW_CALLS.get(name, -1)
        if number >= 0:  # else this architecture does not have it
            rules.add_rule(action, number, *args)

    for name in _REFUSED.split():
        add(refuse, name)
    flags_at = 1 if os.uname().machine.startswith("s390") else 0
    for flag in (kernel.NEWNS, kernel.NEWUTS, kernel.NEWIPC, kernel.NEWUSER, kernel.NEWPID, kernel.NEWNET, 0x2000000):
        add(refuse, "clone", arg(flags_at, seccomp.MASKED_EQ, flag, flag))
    # Its flags are in memory, where a filter cannot look; glibc takes clone then.
    add(seccomp.ERRNO(errno.ENOSYS), "clone3")
    # Anything but AF_UNIX 1, AF_INET 2 and AF_INET6 10; the network namespace has no interface for the last two.
    for family in (0, *range(3, 10)):
        add(refuse, "socket", arg(0, seccomp.MASKED_EQ, low, family))
    add(refuse, "socket", arg(0, seccomp.GT, 10))
    for command in (0x5412, 0x541C):  # TIOCSTI and TIOCLINUX type into the grader's terminal
        add(refuse, "ioctl", arg(1, seccomp.MASKED_EQ, low, command))
    # What a socket may hold stays the default, which `usage` counts: SO_SNDBUF and SO_SNDBUFFORCE do nothing.
    for option in (7, 32):
        add(seccomp.ERRNO(0), "setsockopt", arg(1, seccomp.MASKED_EQ, low, 1), arg(2, seccomp.MASKED_EQ, low, option))
    # Locks of bytes of a file: the kernel keeps each of them and charges it to no process. They do nothing: F_SETLK and
    # F_SETLKW, and those of open files.
    for command in (6, 7, 37, 38):
        add(seccomp.ERRNO(0), "fcntl", arg(1, seccomp.MASKED_EQ, low, command))
    # Shared memory without a file counts for no process once its pages are dropped: none, so that a limit is a limit.
    for name in ("mmap", "mmap2"):
        add(refuse, name, arg(3, seccomp.MASKED_EQ, 0x2F, 0x21))  # MAP_SHARED with MAP_ANONYMOUS
        add(refuse, name, arg(3, seccomp.MASKED_EQ, 0x100, 0x100))  # MAP_GROWSDOWN, which RLIMIT_DATA does not count
    # It must not outlive the parent; and each filter of its own is memory of the kernel's.
    for option in (kernel.PDEATHSIG, kernel.SECCOMP):
        add(refuse, "prctl", arg(0, seccomp.MASKED_EQ, low, option))
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def load(program):
    """Let the kernel ask `program` before each system call of this process, from now on and for good."""

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]

    kernel.call("prctl", kernel.SECCOMP, 2, ctypes.byref(Program(len(program) // 8, program)), 0, 0)
