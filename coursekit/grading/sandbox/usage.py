"""What the processes of a submission take, as /proc tells it."""

import contextlib
import os
import re
from functools import cache
from pathlib import Path

_MB = 2**20
# What the kernel keeps for an area of memory and for a pipe that nobody reads: 64 kB for the first pipes of a user, two
# pages for the others (pipe(7)). A process has 65,530 areas and 1,024 descriptors at most.
_AREA, _PIPE, _FIRST_PIPE, _FIRST_PIPES = 220, 2 * 4096, 65_536, 1024
_MOST_OF_ONE = 65_530 * _AREA + 1024 // 2 * _PIPE
_WATCHED = 200  # for a file that an epoll watches; a user has so many of them that this is 4 % of the machine's memory


def usage(child):
    """Memory and number of all processes of a child.

    Returns
    -------
    megabytes : float
        The sum of resident memory and of the tables of its pages. Where the pages are over the limit, those that are
        shared are divided among those that share them (PSS), as far as the kernel lets this user see it: slower, so
        only then. What sockets may hold counts too, and what the kernel keeps for areas, pipes and watched files where
        that matters.
    count : int
        Processes, without the keeper.
    """
    pids = members(child)
    found = [_memory(pid) for pid in pids]
    pages, tables = sum(one[0] for one in found), sum(one[1] for one in found)
    if pages > child.limits.memory_mb * _MB:
        pages = sum(_proportional(pid) for pid in pids)
    total = pages + tables + _of_sockets(child.pid)
    if total + len(pids) * _MOST_OF_ONE + _most_watched() * _WATCHED > child.limits.memory_mb * _MB:
        total += _of_kernel(pids)
    return total / _MB, len(pids)


def members(child):
    """The processes of a child, without the keeper."""
    return descendants(child.pid) if child.pid and child.ended is None else []


def descendants(top):
    """`top` and all that it started, from one pass over /proc."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                # The name in brackets may hold anything, spaces and brackets too.
                text = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
                # A zombie that still has threads is a process whose first thread alone has ended.
                if text[0] not in (b"Z", b"X") or int(text[17]) > 1:
                    children.setdefault(int(text[1]), []).append(int(name))
    found = [top]
    for pid in found:
        found += children.get(pid, ())
    return found if os.path.exists(f"/proc/{top}") else []


def _memory(pid):
    """Resident memory of a process and the tables of its pages, which no limit of the kernel's counts, in bytes."""
    for said in _told(pid, "status"):
        found = dict(re.findall(r"^(VmRSS|VmPTE):\s+(\d+) kB$", said, re.M))
        if found:
            return tuple(1024 * int(found.get(name, 0)) for name in ("VmRSS", "VmPTE"))
    return 0, 0


def _proportional(pid):
    for said in _told(pid, "smaps_rollup"):
        if found := re.search(r"^Pss:\s+(\d+) kB$", said, re.M):
            return 1024 * int(found[1])
    return _memory(pid)[0]  # nothing where it has ended since


def _told(pid, file):
    """What /proc says of a process: of its first thread, and where that has ended and holds nothing, of the others."""
    with contextlib.suppress(OSError):
        yield Path(f"/proc/{pid}/{file}").read_text()
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                yield Path(f"/proc/{pid}/task/{thread}/{file}").read_text()


def _of_kernel(pids):
    """Bytes that the kernel keeps for areas of memory, pipes and watched files, and charges to no process."""
    areas, pipes, watched = 0, set(), 0
    for pid in pids:
        with contextlib.suppress(OSError):
            areas += Path(f"/proc/{pid}/maps").read_bytes().count(b"\n")
            for name in os.listdir(f"/proc/{pid}/fd"):
                target = os.readlink(f"/proc/{pid}/fd/{name}")
                if target.startswith("pipe:"):
                    pipes.add(target)
                elif target == "anon_inode:[eventpoll]":
                    watched += Path(f"/proc/{pid}/fdinfo/{name}").read_bytes().count(b"tfd:")
    first = min(len(pipes), _FIRST_PIPES)
    return areas * _AREA + first * _FIRST_PIPE + (len(pipes) - first) * _PIPE + watched * _WATCHED


@cache
def _most_watched():
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/sys/fs/epoll/max_user_watches").read_text())
    return 0


def _of_sockets(pid):
    """What the sockets of a child's network namespace may hold, as no process is charged for it: their number times the
    most that one may buffer."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        used = int(Path(f"/proc/{pid}/net/sockstat").read_text().split()[2])
        most = 2 * int(Path("/proc/sys/net/core/wmem_default").read_text())
        return used * most
    return 0
