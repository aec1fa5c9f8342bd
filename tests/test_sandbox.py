"""The sandbox around a submission: each test does the harm from inside and asserts that it did not happen.

Most run twice: started by root, and started by a user without rights.
"""

import contextlib
import ctypes.util  # by its name, so that it is there before a test changes to a user who cannot read it
import errno
import fcntl
import functools
import json
import mmap
import os
import re
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from importlib import import_module
from pathlib import Path

import pytest

from coursekit.grading import sandbox
from coursekit.grading.sandbox import Limits, system_calls

NOBODY = 65534
ROOT = Path(__file__).parent.parent


# ------------------------------------------------------------------------------------------------------------- helpers


def in_fork(body, user=None):
    """Run `body` in a forked child, as another user if given; what it raises fails the test here."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        text = ""
        try:
            os.close(reader)
            if user is not None:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
            text = body() or ""
            text = f"printed {text}"
        except BaseException:
            text = f"raised {traceback.format_exc()}"
        finally:
            os.write(writer, text.encode()[:60_000])
            os._exit(0)
    os.close(writer)
    try:
        text = drain(reader, 120).decode()
    finally:
        os.kill(pid, signal.SIGKILL)  # it has written all that it had to say
        os.waitpid(pid, 0)
    kind, _, rest = text.partition(" ")
    if kind != "printed":
        pytest.fail(rest or f"the forked test ended without a word ({text!r})", pytrace=False)
    return rest


def in_small_process(body, user):
    """Run a function of this module like `in_fork`, but from a new process, whose own memory hardly counts.

    The worker that runs the tests may hold a gigabyte by now, and a fork of it starts with that.
    """
    # What is imported late must be there before the user changes, who may not be able to read the packages.
    code = (
        "import encodings.unicode_escape; from tests import test_sandbox as module; module.sandbox.missing(); "
        f"module.in_fork(module.{body.__name__}, {user})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=180)
    if done.returncode:
        pytest.fail(done.stderr, pytrace=False)


def drain(reader, seconds):
    """All bytes until the last writer is gone. A writer that outlives `seconds` is an error."""
    parts, deadline = [], time.monotonic() + seconds
    while True:
        if not select.select([reader], [], [], max(0, deadline - time.monotonic()))[0]:
            os.close(reader)
            raise AssertionError(f"something still holds the descriptor after {seconds} s")
        part = os.read(reader, 65536)
        if not part:
            os.close(reader)
            return b"".join(parts)
        parts.append(part)


@functools.cache
def gaps(user):
    if user is None:
        return tuple(sandbox.missing())
    return tuple(json.loads(in_fork(lambda: json.dumps(sandbox.missing()), user)))


@pytest.fixture(params=["root", "nobody"])
def user(request):
    """The user number to change to before the sandbox is started, or None for the present one."""
    if request.param == "root" and os.geteuid():
        pytest.skip("this test runs without rights: the part for root cannot")
    number = NOBODY if request.param == "nobody" and os.geteuid() == 0 else None
    if gaps(number):
        pytest.skip(f"as {request.param}: {' '.join(gaps(number))}")
    return number


@pytest.fixture
def folder():
    """A folder that every user can read and write, so that nothing but the sandbox protects it."""
    path = Path(tempfile.mkdtemp(prefix="decoy-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def ask(body, seconds=30, **options):
    """Run `body` in the sandbox and return what it returned, by JSON, and how the child ended."""
    reader, writer = os.pipe()

    def run():
        os.write(writer, json.dumps(body()).encode())

    child = sandbox.start({}, run, keep_fds=[writer], **options)
    os.close(writer)
    try:
        assert child.error == "", child.error
        text = drain(reader, seconds)
    finally:
        ended = child.wait(5)
        if ended is None:
            child.kill()
            child.wait(10)
    return json.loads(text) if text else None, ended


def refusal(action, *args, **kwargs):
    """The name of the error that `action` gives, "" where it went through."""
    try:
        action(*args, **kwargs)
    except (OSError, MemoryError) as error:
        return errno.errorcode.get(getattr(error, "errno", None), type(error).__name__)
    return ""


def call(name, *args):
    """The name of the error of a function of the C library, "" where it went through."""
    libc = ctypes.CDLL(None, use_errno=True)
    args = [ctypes.c_ulong(item) if isinstance(item, int) else item for item in args]
    return errno.errorcode.get(ctypes.get_errno(), "?") if getattr(libc, name)(*args) == -1 else ""


# ------------------------------------------------------------------------------------------------------ what goes right


def test_files_and_result_arrive(user):
    def body():
        reader, writer = os.pipe()

        def run():
            stated = [Path("a b.ipynb").read_text(), os.getcwd(), os.environ["HOME"], sorted(os.listdir())]
            Path("new").write_text("x")
            os.write(writer, json.dumps(stated).encode())
            return 7

        child = sandbox.start({"a b.ipynb": b"content"}, run, keep_fds=[writer])
        os.close(writer)
        assert child.error == ""
        assert json.loads(drain(reader, 10)) == ["content", sandbox.SCRATCH, sandbox.SCRATCH, ["a b.ipynb"]]
        assert child.wait(10) == "exit 7"
        assert child.wait(10) == "exit 7"
        child.kill()  # harmless once it has ended

    in_fork(body, user)


@pytest.mark.parametrize(
    "ending, expected",
    [
        (lambda: sys.exit(3), "exit 3"),
        (lambda: os._exit(4), "exit 4"),
        (lambda: 1 / 0, "exit 1"),
        (lambda: ctypes.string_at(0), "signal 11"),
        (lambda: os.abort(), "signal"),
    ],
    ids=["sys.exit", "os._exit", "exception", "segmentation fault", "abort"],
)
def test_how_it_ended(user, ending, expected):
    def body():
        child = sandbox.start({}, ending)
        assert child.error == ""
        assert child.wait(20).startswith(expected)

    in_fork(body, user)


def test_start_time(user, capsys):
    def body():
        times = []
        for _ in range(10):
            begun = time.perf_counter()
            child = sandbox.start({}, lambda: 0)
            times.append(time.perf_counter() - begun)
            assert child.wait(10) == "exit 0"
        return str(statistics.median(times))

    seconds = float(in_fork(body, user))
    with capsys.disabled():
        print(f"\nsandbox started in {1000 * seconds:.0f} ms (median of 10)", flush=True)
    assert seconds < 2


def test_usage_counts_every_process(user):
    def body():
        def run():
            for _ in range(3):
                if os.fork() == 0:
                    break
            block = bytearray(30 * 2**20)
            block[::4096] = b"x" * len(block[::4096])
            time.sleep(60)

        child = sandbox.start({}, run)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            megabytes, count = sandbox.usage(child)
            if count == 4 and megabytes > 120:
                break
            time.sleep(0.05)
        child.kill()
        assert child.wait(10) == "signal 9"
        assert (count, megabytes > 120) == (4, True)
        assert sandbox.usage(child) == (0, 0)

    in_fork(body, user)


# ------------------------------------------------------------------------------------------------------ what goes wrong


def test_no_network(user):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0coursekit-test-" + str(os.getpid()))
        abstract.listen()
        port, name = server.getsockname()[1], abstract.getsockname()

        def connect(family, kind, address):
            with socket.socket(family, kind) as client:
                client.settimeout(3)
                client.connect(address)
                client.send(b"x")

        def attack():
            return {
                "grader": refusal(connect, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)),
                "internet": refusal(connect, socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.1", 80)),
                "datagram": refusal(connect, socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53)),
                "six": refusal(connect, socket.AF_INET6, socket.SOCK_STREAM, ("::1", port)),
                "abstract": refusal(connect, socket.AF_UNIX, socket.SOCK_STREAM, name),
                "netlink": refusal(connect, socket.AF_NETLINK, socket.SOCK_RAW, (0, 0)),
                "packet": refusal(socket.socket, 17, socket.SOCK_RAW),
                "vsock": refusal(socket.socket, 40, socket.SOCK_STREAM),
            }

        def body():
            found, ended = ask(attack)
            assert ended == "exit 0"
            assert all(found.values()), found
            assert found["netlink"] == found["packet"] == found["vsock"] == "EPERM"

        in_fork(body, user)
        assert select.select([server, abstract], [], [], 0)[0] == []


def test_cannot_read_what_is_not_shown(user, folder):
    secret = folder / "secret.txt"
    secret.write_text("expected values")
    shown = folder / "shown"
    (shown / "checks").mkdir(parents=True)
    (shown / "checks" / "answers.py").write_text("expected values")
    (shown / "key.txt").write_text("expected values")
    (shown / "data.csv").write_text("1,2")
    (folder / "other").mkdir()
    (folder / "other" / "01.ipynb").write_text("expected values")
    (folder / "link").symlink_to(shown)
    pid = os.getpid()

    def attack():
        ways = [secret, folder / "other" / "01.ipynb", shown / "key.txt", shown / "checks" / "answers.py"]
        ways += [f"{way}{secret}" for way in ("/proc/self/root", "/proc/1/root", "/proc/self/cwd/../..", "/.old")]
        ways += [folder / "link" / "checks" / "answers.py", f"/proc/{pid}/environ", f"/proc/{pid}/root{secret}"]
        ways += ["/etc/shadow", "/proc/self/mountinfo/../../../.." + str(secret)]
        read = {}
        for way in ways:
            with contextlib.suppress(OSError):
                read[str(way)] = Path(way).read_text()
        found = [path for top in (folder, "/home", "/root", "/var", "/run", "/srv", "/mnt") for path in _walk(top)]
        return read, found, (folder / "link" / "data.csv").read_text()

    def body():
        (read, found, data), _ = ask(
            attack, readable=[folder / "link"], hidden=[folder / "link" / "checks", shown / "key.txt"]
        )
        assert {text for text in read.values()} <= {""}, read
        assert not [path for path in found if path.endswith(("secret.txt", ".ipynb", "answers.py"))]
        assert data == "1,2"  # what is shown can be read, through the link too

    in_fork(body, user)


def _walk(top):
    # Python's own folder may be below a home folder: not looked through.
    for path, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name not in ("lib", "versions", ".venv")]
        yield from (os.path.join(path, name) for name in files)


def test_cannot_write_or_delete_outside_scratch(user, folder):
    course = folder / "course"
    course.mkdir()
    (course / "lesson.py").write_text("keep me")
    for path in (course, course / "lesson.py"):
        path.chmod(0o777)

    def attack():
        outside = ["/new", "/usr/new", "/etc/new", "/dev/new", "/proc/new", sys.prefix + "/new", course / "new"]
        outside += ["/etc/passwd", course / "lesson.py"]
        with contextlib.suppress(OSError):
            (folder / "new").write_text("x")  # a folder of that name in its own /tmp, if anything
        written = {str(path): refusal(Path(path).write_text, "x") for path in outside}
        written["delete"] = refusal(shutil.rmtree, course)
        written["rename"] = refusal(os.rename, course, sandbox.SCRATCH + "/course")
        written["chmod"] = refusal(os.chmod, course / "lesson.py", 0)
        written["oom"] = refusal(Path("/proc/self/oom_score_adj").write_text, "-1000")
        allowed = [refusal(Path(top, "new").write_text, "x") for top in (sandbox.SCRATCH, "/tmp", "/dev/shm")]
        return written, allowed

    def body():
        (written, allowed), _ = ask(attack, readable=[course])
        assert all(written.values()), written
        assert allowed == ["", "", ""]

    in_fork(body, user)
    assert (course / "lesson.py").read_text() == "keep me"
    assert sorted(os.listdir(course)) == ["lesson.py"]
    assert sorted(os.listdir(folder)) == ["course"]


def test_scratch_has_a_size_and_a_number_of_files(user):
    def fill():
        written = 0
        for top in (sandbox.SCRATCH, "/tmp", "/dev/shm"):
            with contextlib.suppress(OSError), open(f"{top}/flood", "wb", buffering=0) as file:
                while True:
                    written += file.write(bytes(2**20))
        for top in (sandbox.SCRATCH, "/tmp", "/dev/shm"):
            os.truncate(f"{top}/flood", 0)
        files = 0
        with contextlib.suppress(OSError):
            while files < 5000:
                os.close(os.open(f"/tmp/{files}", os.O_CREAT))
                files += 1
        return written / 2**20, files

    def body():
        (megabytes, files), _ = ask(fill, limits=Limits(scratch_mb=16, files=1000))
        assert 8 < megabytes <= 16
        assert 500 < files <= 1000

    in_fork(body, user)


def test_file_size(user):
    def write():
        with open("big", "wb") as file:
            told = refusal(file.truncate, 200 * 2**20)
        with open("big", "wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                for _ in range(200):
                    file.write(bytes(2**20))
            return told, file.tell() / 2**20

    def body():
        (told, megabytes), _ = ask(write)
        assert told == "EFBIG"
        assert megabytes <= 100

    in_fork(body, user)


def test_fork_bomb_is_bounded_and_all_of_it_ends(user):
    name = f"{os.getpid()}-{user or 0}-b"  # at most 15 characters

    def bomb():
        made = 0
        ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)
        try:
            while made < 2000:
                if os.fork() == 0:
                    while True:
                        time.sleep(60)
                made += 1
        except OSError as error:
            return made, errno.errorcode[error.errno]
        return made, ""

    def body():
        # `ask` reads until nobody holds the descriptor any more: the children inherited it.
        (made, told), ended = ask(bomb, limits=Limits(processes=64))
        assert (ended, told) == ("exit 0", "EAGAIN")
        assert 32 < made <= 64
        assert not [path for path in Path("/proc").glob("[0-9]*/comm") if _read(path).strip() == name[:15]]

    in_fork(body, user)


def _read(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def test_two_submissions_do_not_count_for_each_other(user):
    def sleepers():
        def run():
            for _ in range(40):
                if os.fork() == 0:
                    break
            time.sleep(60)

        return sandbox.start({}, run, limits=Limits(processes=64))

    def body():
        children = [sleepers(), sleepers()]
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            counts = [sandbox.usage(child)[1] for child in children]
            if counts == [41, 41]:
                break
            time.sleep(0.05)
        for child in children:
            child.kill()
            child.wait(10)
        assert counts == [41, 41]

    in_fork(body, user)


def test_daemon_ends_with_it(user):
    def daemon():
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            if os.fork() == 0:
                while True:
                    time.sleep(60)
            os._exit(0)
        time.sleep(0.1)
        return "left"

    def body():
        assert ask(daemon, seconds=10) == ("left", "exit 0")

    in_fork(body, user)


def test_kill_everything_reaches_nobody_else(user):
    def body():
        neighbour = os.fork()
        if neighbour == 0:
            time.sleep(60)
            os._exit(0)
        numbers = [os.getpid(), os.getppid(), neighbour]

        def attack():
            return refusal(os.kill, -1, 9), [refusal(os.kill, number, 9) for number in numbers if number > 5]

        (_, told), ended = ask(attack)
        assert set(told) == {"ESRCH"}
        assert ended == "exit 0"
        assert os.waitpid(neighbour, os.WNOHANG) == (0, 0)
        os.kill(neighbour, 9)
        os.waitpid(neighbour, 0)

    in_fork(body, user)


def memory_of_one():
    def eat():
        held = []
        try:
            while len(held) < 1000:
                held.append(bytearray(10 * 2**20))
        except MemoryError:
            return len(held) * 10
        return len(held) * 10

    megabytes, ended = ask(eat, limits=Limits(memory_mb=400))
    assert ended == "exit 0"
    assert 50 < megabytes <= 400


def test_memory_of_one_process(user):
    in_small_process(memory_of_one, user)


def test_no_memory_that_counts_for_nobody(user):
    def attack():
        return {
            "shared": refusal(mmap.mmap, -1, 2**20, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS),
            "file in memory": refusal(os.memfd_create, "x"),
            "System V": call("shmget", 0, 2**20, 0o1600),
            "zero": refusal(os.open, "/dev/zero", os.O_RDWR),
            "growing": refusal(mmap.mmap, -1, 2**20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x100),
            "private": refusal(mmap.mmap, -1, 2**20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS),
        }

    def body():
        found, _ = ask(attack)
        assert found.pop("private") == ""
        assert all(found.values()), found

    in_fork(body, user)


def memory_of_many():
    def run():
        for _ in range(4):
            if os.fork() == 0:
                break
        block = bytearray(80 * 2**20)
        block[::4096] = b"x" * len(block[::4096])
        time.sleep(60)

    child = sandbox.start({}, run, limits=Limits(memory_mb=300))
    peak, deadline = 0, time.monotonic() + 20
    while peak <= 390 and time.monotonic() < deadline:
        peak = max(peak, sandbox.usage(child)[0])
        time.sleep(0.02)
    child.kill()
    assert child.wait(10) == "signal 9"
    assert 390 < peak < 700


def test_memory_of_many_processes_is_seen(user):
    in_small_process(memory_of_many, user)


def seen(run, enough, seconds=5, **limits):
    """The most memory that is seen of `run`, in MB; watched until it is `enough`."""
    child = sandbox.start({}, run, limits=Limits(**limits))
    peak, deadline = 0, time.monotonic() + seconds
    while peak <= enough and time.monotonic() < deadline:
        peak = max(peak, sandbox.usage(child)[0])
        time.sleep(0.02)
    child.kill()
    assert child.wait(10) == "signal 9"
    return peak


def idle():
    time.sleep(60)


def memory_of_areas():
    libc = ctypes.CDLL(None)

    def run(areas):
        for _ in range(10):
            if os.fork() == 0:
                break
        block = mmap.mmap(-1, 2 * areas * mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        start = ctypes.addressof(ctypes.c_char.from_buffer(block))
        for i in range(areas):
            libc.mprotect(ctypes.c_void_p(start + 2 * i * mmap.PAGESIZE), mmap.PAGESIZE, 0)
        time.sleep(60)

    child = sandbox.start({}, lambda: run(1), limits=Limits(memory_mb=200))
    time.sleep(1.5)  # while processes begin, what they share is counted more than once
    more = sandbox.usage(child)[0] + 30  # 11 processes, each with 40,000 areas of 220 bytes
    child.kill()
    assert child.wait(10) == "signal 9"
    assert seen(lambda: run(20_000), more, seconds=40, memory_mb=200) > more


def test_areas_that_are_charged_to_nobody_are_seen(user):
    in_small_process(memory_of_areas, user)


def memory_of_watched_files():
    def run():
        watch, files = select.epoll(), [os.eventfd(0) for _ in range(400)]
        for file in files:
            for number in range(500, 1000):  # under each number once more
                watch.register(os.dup2(file, number), 0)
        time.sleep(60)

    more = seen(idle, 1000, seconds=2) + 30
    assert seen(run, more, seconds=30, memory_mb=100) > more  # 200,000 of them are 40 MB


def test_watched_files_that_are_charged_to_nobody_are_seen(user):
    in_small_process(memory_of_watched_files, user)


def test_locks_of_bytes_do_nothing(user):
    def attack():
        with open("file", "wb") as file:
            for place in range(0, 200, 2):
                fcntl.lockf(file, fcntl.LOCK_EX, 1, place)
            return Path("/proc/locks").read_text().count(" POSIX ")

    def body():
        before = Path("/proc/locks").read_text().count(" POSIX ")
        assert ask(attack)[0] < before + 50

    in_fork(body, user)


def memory_without_first_thread():
    import pyseccomp

    end_of_thread = pyseccomp.resolve_syscall(pyseccomp.system_arch(), "exit")
    libc = ctypes.CDLL(None)

    def hog():
        time.sleep(0.1)
        block = bytearray(100 * 2**20)
        block[::4096] = b"x" * len(block[::4096])
        time.sleep(60)

    def run():
        for _ in range(3):
            if os.fork() == 0:
                threading.Thread(target=hog).start()
                libc.syscall(end_of_thread, 0)
        time.sleep(60)

    for memory_mb in (3000, 200):  # resident memory; over the limit, the shares of it
        assert seen(run, 300, memory_mb=memory_mb) > 300


def test_memory_is_seen_where_the_first_thread_has_ended(user):
    pytest.importorskip("pyseccomp")
    in_small_process(memory_without_first_thread, user)


def test_page_tables_are_seen(user):
    def run():
        size = 1 << 35  # read once every 2 MB: each needs a table of 4 kB, and no page of its own
        at = libc.mmap(None, size, mmap.PROT_READ, 0x4022, -1, 0)  # private, anonymous, without a reserve
        libc.madvise(at, size, 15)  # no huge pages
        for place in range(at, at + size, 1 << 21):
            ctypes.c_char.from_address(place).value  # noqa: B018
        time.sleep(60)

    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def body():
        enough = seen(idle, 1e9, 0.2) + 50
        assert seen(run, enough) > enough

    in_fork(body, user)


def test_interrupt_and_kill(user):
    def body():
        reader, writer = os.pipe()

        def run():
            try:
                os.write(writer, b"1")
                time.sleep(60)
            except KeyboardInterrupt:
                for number in range(1, 65):
                    with contextlib.suppress(OSError, ValueError):
                        signal.signal(number, signal.SIG_IGN)
                os.write(writer, b"2")
                while True:
                    time.sleep(60)

        child = sandbox.start({}, run, keep_fds=[writer])
        os.close(writer)
        assert os.read(reader, 1) == b"1"
        child.interrupt()
        assert os.read(reader, 1) == b"2"
        child.interrupt()
        assert child.wait(0.3) is None
        child.kill()
        assert child.wait(10) == "signal 9"
        assert drain(reader, 5) == b""

    in_fork(body, user)


def test_descriptors_are_closed(user, folder):
    (folder / "secret").write_text("x")
    (folder / "secret").chmod(0o666)

    def body():
        opened = os.open(folder / "secret", os.O_RDWR)
        os.set_inheritable(opened, True)

        def look():
            names = {}
            for name in os.listdir("/proc/self/fd"):
                with contextlib.suppress(OSError):
                    names[name] = os.readlink(f"/proc/self/fd/{name}")
            return names, refusal(os.fstat, opened)

        (names, told), _ = ask(look)
        assert told == "EBADF"
        assert names["0"] == names["1"] == names["2"] == "/dev/null"
        others = [name for number, name in names.items() if int(number) > 2 and "/fd" not in name]
        assert len(others) == 1 and others[0].startswith("pipe:")

    in_fork(body, user)


def test_no_rights(user):
    def look():
        lines = dict(line.split(":\t") for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
        return lines, os.getuid(), os.getgid(), os.getgroups(), refusal(os.setuid, 0), refusal(os.setgid, 0)

    def body():
        mine = os.getuid()
        (lines, number, group, groups, root, root_group), _ = ask(look)
        assert all(int(lines[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
        assert (lines["NoNewPrivs"], lines["Seccomp"]) == ("1", "2")
        assert number != 0 and group != 0 and set(groups) <= {group, 65534}
        assert number != mine or mine != 0
        assert root and root_group

    in_fork(body, user)


def test_refused_calls(user):
    def attack():
        libc = ctypes.CDLL(None, use_errno=True)

        def raw(number):
            return "" if libc.syscall(number, 0, 0, 0, 0, 0) != -1 else errno.errorcode[ctypes.get_errno()]

        found = {f"unshare {flag:x}": call("unshare", flag) for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000)}
        found |= {
            "mount": call("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, None),
            "umount2": call("umount2", b"/tmp", 2),
            "chroot": refusal(os.chroot, "."),
            "ptrace": call("ptrace", 0, 0, 0, 0),
            "read another": call("process_vm_readv", 1, None, 0, None, 0, 0),
            "setns": call("setns", 0, 0),
            "personality": call("personality", 0x40000),
            "outlive": call("prctl", 1, 0, 0, 0, 0),
            "host name": call("sethostname", b"x", 1),
            "type into the terminal": call("ioctl", 0, 0x5412, b"x"),
            "a filter of its own": call("prctl", 22, 2, None, 0, 0),
            "pages in a pipe": call("vmsplice", 1, None, 0, 0),
            "a file in a pipe": call("splice", 0, None, 1, None, 1, 0),
            "a pipe in a pipe": call("tee", 0, 1, 1, 0),
            "watched folders": call("inotify_init"),
            "timers": call("timer_create", 1, None, ctypes.create_string_buffer(8)),
            **{f"call {number}": raw(number) for number in (425, 428, 429, 430, 442, 444, 445, 446, 457, 458)},
        }
        return found, raw(435)

    def body():
        (found, clone3), _ = ask(attack)
        assert set(found.values()) == {"EPERM"}, found
        assert clone3 == "ENOSYS"

    in_fork(body, user)


@pytest.mark.parametrize("victim", ["parent", "keeper"])
def test_nothing_outlives_the_parent(user, victim):
    def body():
        reader, writer = os.pipe()
        tell, told = os.pipe()
        middle = os.fork()
        if middle == 0:

            def run():
                call("prctl", 1, 0, 0, 0, 0)  # try to be spared
                if os.fork() == 0:
                    os.setsid()
                time.sleep(60)

            os.close(reader)
            child = sandbox.start({}, run, keep_fds=[writer])
            os.close(writer)
            os.write(told, f"{child._keeper} {child.pid}".encode())
            print(child.wait(60))
            os._exit(0)
        os.close(writer)
        keeper, _ = os.read(tell, 100).split()
        time.sleep(0.2)
        os.kill(middle if victim == "parent" else int(keeper), signal.SIGKILL)
        assert drain(reader, 10) == b""  # both processes inside held it
        os.kill(middle, signal.SIGKILL)
        os.waitpid(middle, 0)

    in_fork(body, user)


def test_environment_is_clean(user):
    # A fresh interpreter, as its variables have to be in the memory where the kernel put them.
    code = (
        "import ctypes, os; from coursekit.grading import sandbox\n"
        "def run():\n"
        "    os.write(1, repr(sorted(os.environ)).encode())\n"
        "    with open('/proc/self/maps') as maps:\n"
        "        first, last = [line.split()[0] for line in maps if '[stack]' in line][0].split('-')\n"
        "    stack = ctypes.string_at(int(first, 16), int(last, 16) - int(first, 16))\n"
        "    os.write(1, b' LEAK' if b'value-of-' + b'the-secret' in stack else b' CLEAN')\n"
        "child = sandbox.start({}, run, keep_fds=[1, 2]); print(child.error, child.wait(20))\n"
    )
    python = python_for(user)
    environment = {**os.environ, "COURSE_SECRET": "value-of-the-secret", "PYTHONPATH": _python_path()}
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, env=environment, user=user, timeout=60)
    assert "exit 0" in done.stdout, done.stderr
    assert "COURSE_SECRET" not in done.stdout
    assert "'HOME'" in done.stdout and "PYTHONPATH" not in done.stdout
    assert "CLEAN" in done.stdout


def _python_path():
    import pyseccomp

    return os.pathsep.join([str(ROOT), str(Path(pyseccomp.__file__).parent)])


def python_for(user):
    """An interpreter that the user can start, with what the sandbox needs."""
    for python in (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        if python and can_start(user, python):
            return python
    pytest.skip("no interpreter that this user can start")


def can_start(user, python=sys.executable):
    code, environment = "import coursekit.grading.sandbox, pyseccomp", {"PYTHONPATH": _python_path()}
    with contextlib.suppress(OSError):
        return not subprocess.run([python, "-c", code], env=environment, user=user, capture_output=True).returncode
    return False


# -------------------------------------------------------------------------------------------------------- fails closed


@pytest.mark.parametrize(
    "step, layer",
    [
        ("rights.separate", "namespaces"),
        ("inside.stay_with", "the end together with the grader"),
        ("files.build_root", "a file system of its own"),
        ("rights.clean_environment", "a clean environment"),
        ("rights.set_limits", "the limits"),
        ("rights.drop_rights", "a user without rights"),
        ("rights.check_readable", "Python's own folders"),
        ("system_calls.load", "the filter on system calls"),
    ],
)
def test_a_layer_that_fails_ends_it(user, folder, monkeypatch, step, layer):
    def fail(*args):
        raise PermissionError(errno.EPERM, "refused by the test")

    module, _, name = step.rpartition(".")
    monkeypatch.setattr(import_module(f"coursekit.grading.sandbox.{module}"), name, fail)

    def body():
        reader, writer = os.pipe()
        child = sandbox.start({}, lambda: os.write(writer, b"ran"), keep_fds=[writer])
        os.close(writer)
        assert layer in child.error and "refused by the test" in child.error
        assert child.error.count("\n") == 0
        assert child.wait(10) == "exit 71"
        assert drain(reader, 5) == b""

    in_fork(body, user)


def test_missing_names_every_layer(user):
    seccomp = pytest.importorskip("pyseccomp")

    def body():
        # What a container without rights does.
        rules = seccomp.SyscallFilter(seccomp.ALLOW)
        rules.add_rule(seccomp.ERRNO(errno.EPERM), "unshare")
        rules.load()
        found = sandbox.missing()
        assert found and all("cannot set up" in sentence for sentence in found), found
        assert "--unsafe" in found[-1] or "grade as root" in found[-1]
        if os.geteuid():
            assert "a user namespace" in found[0] and len(found) == 1
        else:
            assert [name for name in ("mount", "process", "network", "IPC", "host name") if name in " ".join(found)]
            assert len(found) == 5
        child = sandbox.start({}, lambda: 0)
        assert "namespaces" in child.error

    in_fork(body, user)


def test_missing_names_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    system_calls.filter_program.cache_clear()
    found = sandbox.missing()
    assert any("pyseccomp" in sentence and "libseccomp2" in sentence for sentence in found)
    with pytest.raises(sandbox.SandboxError, match="pyseccomp"):
        sandbox.start({}, lambda: 0)


def test_other_systems_say_so(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "needs Linux" in sandbox.missing()[0]
    with pytest.raises(sandbox.SandboxError, match="needs Linux"):
        sandbox.start({}, lambda: 0)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/etc/passwd", "a\0b", "x" * 300])
def test_names_that_leave_the_folder(name):
    with pytest.raises(ValueError, match="bare file name"):
        sandbox.start({name: b""}, lambda: 0)


def test_what_would_open_it_is_refused(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    with pytest.raises(ValueError, match="is a folder"):
        sandbox.start({}, lambda: 0, keep_fds=[descriptor])
    os.close(descriptor)
    if not gaps(None):
        for path in ("/", "/tmp", "/proc"):
            with pytest.raises(ValueError, match="as a whole"):
                sandbox.start({}, lambda: 0, readable=[path])
        with pytest.raises(ValueError, match="does not exist"):
            sandbox.start({}, lambda: 0, readable=[folder / "none"])


# -------------------------------------------------------------------------------------------------------------- unsafe


def test_unsafe_says_so_and_cleans_up():
    assert "UNSAFE" in sandbox.describe(unsafe=True) and "network" in sandbox.describe(unsafe=True)
    assert "UNSAFE" not in sandbox.describe()

    def body():
        reader, writer = os.pipe()

        def run():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    time.sleep(60)
                os._exit(0)
            time.sleep(0.2)
            os.write(writer, Path("a").read_bytes())
            with contextlib.suppress(OSError), open("big", "wb", buffering=0) as file:
                for _ in range(20):
                    file.write(bytes(2**20))
            os.write(writer, str(os.path.getsize("big") // 2**20).encode())
            return 5

        child = sandbox.start({"a": b"here "}, run, keep_fds=[writer], unsafe=True, limits=Limits(file_mb=10))
        os.close(writer)
        assert drain(reader, 10) == b"here 10"  # the daemon held it too
        assert child.wait(10) == "exit 5"
        assert not os.path.exists(child.scratch)

    in_fork(body)


# ---------------------------------------------------------------------------------------------------------- TensorFlow

TRAIN = """
import os, time
from coursekit.grading import sandbox

def run(name, jit):
    import keras, numpy as np
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import cross_val_score
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(64, 2)), rng.integers(0, 2, 64)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", jit_compile=jit)
    history = model.fit(X, y, epochs=1, verbose=0)
    model.save("model.keras")
    scores = cross_val_score(RandomForestClassifier(5), X, y, cv=2, n_jobs=2)
    os.write(1, f"{name}: LOSS {history.history['loss'][0]:.3f} SCORES {len(scores)}\\n".encode())

children = {"imported inside": sandbox.start({}, lambda: run("imported inside", False), keep_fds=[1, 2])}
import keras, sklearn
children["imported before"] = sandbox.start({}, lambda: run("imported before", True), keep_fds=[1, 2])
for name, child in children.items():
    peak = 0
    while (ended := child.wait(0.2)) is None:
        peak = max(peak, sandbox.usage(child)[0])
    print(f"{name}: {child.error} ended: {ended}, {peak:.0f} MB")
"""


@pytest.mark.slow
def test_tensorflow_trains(capsys):
    """Imported inside the sandbox; and before it was made, with the compiler. As every user who can start Python."""
    pytest.importorskip("tensorflow")
    users = {None: "root", NOBODY: "nobody"} if os.geteuid() == 0 else {None: "nobody"}
    able = {user: name for user, name in users.items() if not gaps(user) and can_start(user)}
    assert able, gaps(None)
    environment = {**os.environ, "PYTHONPATH": _python_path(), "TF_CPP_MIN_LOG_LEVEL": "3"}
    for user, name in able.items():
        done = subprocess.run(
            [sys.executable, "-c", TRAIN],
            **{"capture_output": True, "text": True, "env": environment, "user": user, "timeout": 300},
        )
        with capsys.disabled():
            print(f"\n{name}: {done.stdout.strip()}", flush=True)
        for way in ("imported inside", "imported before"):
            # Any number: from other first weights the loss of one epoch is now below 1 and now above.
            assert re.search(rf"{way}: LOSS \d+\.\d+ SCORES", done.stdout), done.stdout + done.stderr
            assert f"{way}:  ended: exit 0" in done.stdout
        assert done.stdout.count("SCORES 2") == 2
