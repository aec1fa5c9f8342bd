"""The file system that a submission sees: what Python and the course need, read-only, and a scratch folder."""

import os
import sys
from pathlib import Path

from coursekit.grading.sandbox import kernel

SCRATCH = "/submission"
# Folders that any Python needs, besides its own prefixes; symbolic links among them (/bin -> usr/bin) stay links.
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = ("ld.so.cache", "localtime", "timezone", "fonts", "alternatives", "os-release", "mime.types")
# No /dev/zero: mapped as shared it is memory that counts for no process.
_DEVICES = ("null", "full", "random", "urandom")


def shown(readable):
    """The paths to show, parents first: a list of (path, target of the link or None).

    Every symbolic link on the way is shown as a link, and what it points to as well, so that a path means inside what
    it means outside.
    """
    packages = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    wanted = [*_SYSTEM, *(f"/etc/{name}" for name in _ETC), sys.prefix, sys.base_prefix, sys.exec_prefix]
    wanted += [sys.base_exec_prefix, os.path.dirname(os.__file__), sys.executable, *packages]
    wanted = [os.path.abspath(path) for path in wanted if path]
    for path in readable:
        path = os.path.abspath(path)
        if not os.path.exists(path):
            raise ValueError(f"{path} does not exist: it cannot be shown to a submission.")
        wanted.append(path)
    links, places = {}, set()
    while wanted:
        path = wanted.pop()
        walked = "/"
        parts = [part for part in path.split("/") if part]
        for index, part in enumerate(parts):
            walked = os.path.join(walked, part)
            if walked in links:
                break
            if os.path.islink(walked):
                links[walked] = os.readlink(walked)
                target = os.path.join(os.path.dirname(walked), links[walked], *parts[index + 1 :])
                wanted.append(os.path.normpath(target))
                break
        else:
            if walked == "/" or walked in ("/proc", "/dev", "/tmp", "/etc", SCRATCH):
                raise ValueError(f"{walked} cannot be shown to a submission as a whole: name the folders in it.")
            if os.path.exists(walked):
                places.add(walked)
    inside = [path for path in places if not any(str(parent) in places for parent in Path(path).parents)]
    outer = {path: None for path in inside}
    outer |= {path: link for path, link in links.items() if not any(str(p) in places for p in Path(path).parents)}
    return sorted(outer.items())


def build_root(paths, masked, scratch_files, limits, user, group):
    """Change into a new root that shows `paths` read-only and has one writable tmpfs. Needs a mount namespace."""
    old = "/.old"
    kernel.mount(None, "/", None, kernel.REC | kernel.PRIVATE)
    kernel.mount("tmpfs", "/tmp", "tmpfs", kernel.NOSUID | kernel.NODEV, "mode=755,size=4m,nr_inodes=16k")
    os.mkdir("/tmp" + old)
    kernel.pivot_root("/tmp", "/tmp" + old)
    os.chdir("/")
    old_umask = os.umask(0o022)
    # One tmpfs in three places, so that one size bounds them together. It comes first: a shown path may lie in /tmp.
    # /content is where a notebook of Colab's works.
    places = {SCRATCH: 0o700, "/tmp": 0o1777, "/dev/shm": 0o1777, "/content": 0o1777}
    os.mkdir("/.scratch", 0o755)
    options = f"mode=755,size={limits.scratch_mb}m,nr_inodes={limits.files}"
    kernel.mount("tmpfs", "/.scratch", "tmpfs", kernel.NOSUID | kernel.NODEV, options)
    for path, mode in places.items():
        inside = f"/.scratch/{os.path.basename(path)}"
        os.mkdir(inside)
        os.chmod(inside, mode)
        _folder(path)
        kernel.mount(inside, path, None, kernel.BIND)
    for path, target in paths:
        _folder(os.path.dirname(path))
        if target is not None:
            os.symlink(target, path)
        elif os.path.isdir(old + path):
            _folder(path)
            kernel.mount(old + path, path, None, kernel.BIND | kernel.REC)
        else:
            Path(path).touch(0o444)
            kernel.mount(old + path, path, None, kernel.BIND)
    _make_read_only(old, {"/", "/.scratch", *places})
    for name in _DEVICES:
        Path("/dev", name).touch()
        kernel.mount(f"{old}/dev/{name}", f"/dev/{name}", None, kernel.BIND)
    os.symlink("/proc/self/fd", "/dev/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"/dev/{name}")
    _folder("/proc")
    strict = kernel.RDONLY | kernel.NOSUID | kernel.NODEV | kernel.NOEXEC
    kernel.mount("proc", "/proc", "proc", strict)
    _folder("/etc")
    etc = {
        "passwd": f"student:x:{user}:{group}:student:{SCRATCH}:/bin/sh\n",
        "group": f"student:x:{group}:\n",
        "hosts": "127.0.0.1 localhost\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    }
    for name, text in etc.items():
        Path("/etc", name).write_text(text)
        os.chmod(f"/etc/{name}", 0o444)
    Path("/.empty").touch()
    for path in masked:
        if os.path.isdir(path):
            kernel.mount("tmpfs", path, "tmpfs", strict, "mode=555,size=4k,nr_inodes=2")
        elif os.path.exists(path):
            kernel.mount("/.empty", path, None, kernel.BIND)
    os.chmod("/.empty", 0o444)
    for name, content in scratch_files.items():
        path = Path(SCRATCH, name)
        path.write_bytes(content)
        os.chown(path, user, group)
        path.chmod(0o644)
    os.chown(SCRATCH, user, group)
    os.umask(old_umask)
    kernel.unmount("/.scratch")
    os.rmdir("/.scratch")
    kernel.unmount(old)
    os.rmdir(old)
    kernel.mount(None, "/", None, kernel.REMOUNT | kernel.BIND | kernel.RDONLY | kernel.NOSUID | kernel.NODEV)


def _folder(path):
    os.makedirs(path, mode=0o755, exist_ok=True)


def _make_read_only(old, writable):
    """Remount all that is mounted in the new root, submounts too. Flags that a mount has are kept, as they must be."""
    known = {"nosuid": kernel.NOSUID, "nodev": kernel.NODEV, "noexec": kernel.NOEXEC}
    points = {}
    for line in Path(f"{old}/proc/self/mountinfo").read_bytes().splitlines():
        fields = line.split()
        point = fields[4].decode("unicode_escape").encode("latin-1")  # a space is \040
        points[os.fsdecode(point)] = fields[5].decode().split(",")
    for point, options in points.items():
        if point in writable or point == old or point.startswith(old + "/"):
            continue
        flags = kernel.RDONLY | kernel.NOSUID | kernel.NODEV
        for option in options:
            flags |= known.get(option, 0)
        kernel.mount(None, point, None, kernel.REMOUNT | kernel.BIND | flags)
