"""What a submission's process has and may do: namespaces, limits, a user, variables of the environment."""

import ctypes
import errno
import os
import resource
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from coursekit.grading.sandbox import kernel
from coursekit.grading.sandbox.files import SCRATCH

_MB = 2**20
_ENVIRONMENT = {
    *("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "MPLBACKEND", "KERAS_BACKEND"),
    *("PYTHONHASHSEED", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONDONTWRITEBYTECODE", "CUDA_VISIBLE_DEVICES"),
    *("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS"),
    *("TF_DETERMINISTIC_OPS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT"),
    *("COURSEKIT_GRADING", "COURSEKIT_MODE", "COURSEKIT_QUIET", "COURSEKIT_SEED"),
}


@dataclass(frozen=True)
class Limits:
    """What one submission may use."""

    memory_mb: int = 3000  # private memory of one process; the sum is the parent's to watch, with `usage`
    file_mb: int = 100  # one file
    scratch_mb: int = 256  # all that it writes together: its folder, /tmp and /dev/shm
    files: int = 20_000  # files and folders there
    processes: int = 512  # and threads, at once; TensorFlow alone has a few dozen threads
    open_files: int = 1024  # descriptors of one process
    cpu_s: int = 3600  # of the processor, for one process: a backstop for the parent's own time limit


def unused_user():
    """A user number that no other submission has: RLIMIT_NPROC counts per user and does not bind root."""
    mine = os.getpid()
    try:
        extents = [tuple(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text().splitlines()]
    except OSError:
        extents = [(0, 0, 2**32 - 1)]
    for first in (1_900_000_000, 20_000):
        number = first + (mine if first > 2**22 else mine % 40_000)
        if any(start <= number < start + count for start, _, count in extents):
            return number
    return 65534


def separate(user, group):
    """Enter namespaces of its own: of processes, network, IPC and host name; those of a superuser need no other."""
    flags = kernel.NEWPID | kernel.NEWNET | kernel.NEWIPC | kernel.NEWUTS
    if os.geteuid() == 0:
        kernel.call("unshare", flags)
        return
    # A process that changed its user is not dumpable, and then may not write its own map.
    kernel.call("prctl", kernel.DUMPABLE, 1, 0, 0, 0)
    kernel.call("unshare", flags | kernel.NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def set_limits(limits, isolated):
    """Resource limits, hard ones, so that they cannot be raised again."""
    bounds = {
        "RLIMIT_DATA": limits.memory_mb * _MB,
        "RLIMIT_FSIZE": limits.file_mb * _MB,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_CPU": limits.cpu_s,
        "RLIMIT_CORE": 0,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_MEMLOCK": 64 * 1024,
        "RLIMIT_RTPRIO": 0,
        "RLIMIT_NICE": 0,
    }
    if isolated:  # else it would count every process of the instructor
        bounds["RLIMIT_NPROC"] = limits.processes
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)  # not counted as data either
    most = 64 * _MB if hard == resource.RLIM_INFINITY else min(hard, 64 * _MB)
    resource.setrlimit(resource.RLIMIT_STACK, (most if soft == resource.RLIM_INFINITY else min(soft, most), most))
    for name, bound in bounds.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (bound, bound))


def drop_rights(user, group):
    """Become another user, where it may, and give every capability away; raise where one is left."""
    for capability in range(64):
        try:
            kernel.call("prctl", kernel.CAPBSET_DROP, capability, 0, 0, 0)
        except OSError as error:
            if error.errno == errno.EINVAL:  # past the last one
                break
            raise
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    kernel.call("capset", header, (ctypes.c_uint32 * 6)())
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") and int(value, 16):
            raise PermissionError(errno.EPERM, f"{name} is {value.strip()}, not 0")


def check_readable(paths):
    """Raise where a folder that Python needs cannot be read by this user."""
    for path, target in paths:
        if target is None and not os.access(path, os.R_OK):
            if path.startswith("/etc/"):
                continue
            raise PermissionError(errno.EACCES, "not readable by every user; try `chmod -R o+rX`", path)


def clean_environment(folder):
    """Leave a short list of variables, and wipe the memory that the others came in: the course secret may be one."""
    kept = {name: value for name, value in os.environ.items() if name in _ENVIRONMENT}
    os.environ.clear()
    numbers = Path("/proc/self/stat").read_text(errors="replace").rpartition(")")[2].split()
    first, last = int(numbers[47]), int(numbers[48])  # env_start and env_end
    if 0 < first < last:
        ctypes.memset(first, 0, last - first)
    home = folder or SCRATCH
    program_folders = f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin"
    os.environ.update(kept | {"HOME": home, "PATH": program_folders, "USER": "student", "LOGNAME": "student"})
    os.environ["TMPDIR"] = tempfile.tempdir = folder or "/tmp"
