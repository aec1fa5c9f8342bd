"""Submissions that try to get marks that they do not deserve, or to harm the grader; data for test_grading_hostile.py.

Nothing here attacks anything by being imported: the attacks are texts, which only a notebook holds and only the
sandbox runs. Whatever deletes or kills names a decoy of the test, and first makes sure that it is in the sandbox.
"""

import io
import json
import zipfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from coursekit.grading.grade import Settings
from coursekit.grading.run.job import Times

COURSE, REAL = Path(__file__).parent / "fixture_course", Path(__file__).resolve().parents[1]
FILES = {"90": "90_springs.ipynb", "00": "00_one_neuron.ipynb", "01": "01_xor_mlp.ipynb"}
# The limits that the test sets: short where a loop or a wait is to meet them, and on a busy machine, which gives a
# process a fifth of a core, still long enough for all else. Nothing loops in the real course's class: its cost nothing.
LIMITS = Settings(Times(15.0, 4.0, 2.0, 6.0, 6.0), memory_mb=800)
REAL_LIMITS = Settings(Times(240.0, 60.0, 30.0, 6.0, 30.0), memory_mb=1500)
GIVEN = ("import coursekit as ck\n", "ck.data.make_")  # the cells of the course that the answers cannot do without

# In front of whatever would do harm outside.
INSIDE = """
import os
if os.uname().nodename != "sandbox" or os.getcwd() != "/submission":
    raise SystemError("not in the sandbox")
"""


@dataclass(frozen=True)
class World:
    """The decoys that the attacks aim at.

    Parameters
    ----------
    course, secret : Path
        A folder with a file in it, and a file of the grader's own, which holds `token`.
    port : int
        Where the test listens.
    socket : str
        Name of its abstract Unix socket.
    pid : int
        A process of the test.
    marker : str
        In the command line of every process that an attack starts.
    """

    course: Path
    secret: Path
    token: str
    port: int
    socket: str
    pid: int
    marker: str

    def put_into(self, source):
        words = {
            "@COURSE@": str(self.course), "@SECRET@": str(self.secret), "@PORT@": str(self.port),
            "@SOCKET@": self.socket, "@PID@": str(self.pid), "@MARKER@": self.marker,
            "@EXERCISES@": str(COURSE / "exercises"),
        }  # fmt: skip
        for word, value in words.items():
            source = source.replace(word, value)
        # What an attack prints where it got at something does not stand in its source, which a traceback shows.
        return source.replace('"READ', '"RE" "AD').replace("'READ", "'RE' 'AD")


@dataclass(frozen=True)
class Case:
    """One submission and what it must get.

    Parameters
    ----------
    name : str
        The student's name too, where `student` gives none.
    make : callable
        ``make(world) -> dict``: what is handed in, file name -> bytes.
    full : str
        The parts that get all their points, as "12"; every other part gets none.
    open : str
        Parts that the attack has damaged for itself: they get no more than what they are worth.
    status : tuple of str
    flags : tuple of str
        Codes that must be among the flags.
    codes : dict of str to str
        Part -> code that must be among its findings.
    harm : callable, optional
        ``harm(world, result, text)`` asserts that nothing came of it; `text` is all that the submission printed.
    number : str
        The notebook.
    known : str
        What does not hold yet, in one sentence; empty where all holds.
    """

    name: str
    make: object
    full: str = ""
    open: str = ""
    status: tuple = ("graded",)
    flags: tuple = ()
    codes: dict = field(default_factory=dict)
    harm: object = None
    number: str = "90"
    student: str = ""
    known: str = ""


# ------------------------------------------------------------------------------------------------------ the notebooks


@cache
def _built(folder, number):
    course = COURSE if number == "90" else REAL
    return json.loads((course / folder / FILES[number]).read_text(encoding="utf-8"))["cells"]


def code(source, id):
    return {
        "cell_type": "code", "id": id, "metadata": {}, "source": source, "outputs": [], "execution_count": None,
    }  # fmt: skip


def cells(number="90", solved="123", answers=None, attacks=None):
    """The cells of a hand-in: what is given, the answers and the checks; the pictures left out.

    Parameters
    ----------
    solved : str
        Parts with the solution's answers; the others are still `...`.
    answers : dict of str to str
        Part -> what stands in place of its answer.
    attacks : dict of str to str
        Cells of the student's own: part -> the source that follows its check; "0" stands before the first part.
    """
    answers, attacks = answers or {}, attacks or {}
    empty = {cell["id"]: cell for cell in _built("notebooks", number)}
    found, waiting = [], {part: source for part, source in attacks.items() if part == "0"}
    for cell in _built("solutions", number):
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            continue
        name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
        if not name:
            if any(text in source for text in GIVEN):
                found.append(cell)
            continue
        if waiting:
            found += [code(source, f"attack-{part}") for part, source in waiting.items()]
            waiting = {}
        part = name.split("-")[2]
        if name.startswith("check"):
            found.append(cell)
            waiting = {part: attacks[part]} if part in attacks else {}
        elif part in answers:
            if answers[part] is not None:
                found.append({**cell, "source": answers[part]})
            answers = {**answers, part: None}  # one cell is enough
        else:
            found.append(cell if part in solved else empty[cell["id"]])
    return found + [code(source, f"attack-{part}") for part, source in waiting.items()]


def notebook(found, **more):
    made = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": found, **more}
    return json.dumps(made).encode()


def hand_in(number="90", files=None, **parts):
    """A maker of what `cells` gives, with other files beside it."""

    def make(world):
        found = [{**cell, "source": world.put_into("".join(cell["source"]))} for cell in cells(number, **parts)]
        return {FILES[number]: notebook(found), **(files or {})}

    return make


def attack(name, source, after="1", *, full=None, lost=False, open="", guard=False, solved="123", **more):
    """A case with all the answers right and one cell in between.

    Parameters
    ----------
    lost : bool
        The process is gone after the cell: the parts that follow get no points.
    guard : bool
        The attack makes sure that it is in the sandbox.
    """
    source = (INSIDE if guard else "") + source
    before = [part for part in solved if part <= after]
    if full is None:
        full = "".join(before) if lost else "".join(part for part in solved if part not in open)
    if lost:
        more = {"status": ("ended",), "flags": ("ended",), **more}
    return Case(name, hand_in(solved=solved, attacks={after: source}), full=full, open=open, **more)


def forgery(name, source, parts="1", *, solved="", before="", **more):
    """A case whose answers of `parts` are `source`, and wrong, and which has the parts `solved` right."""
    made = hand_in(solved=solved, answers=dict.fromkeys(parts, source), attacks={"0": before} if before else {})
    return Case(name, made, full=more.pop("full", solved), **more)


# ------------------------------------------------------------------------------------------------------ what was harmed


def course_stands(world, result, text):
    assert sorted(path.name for path in world.course.iterdir()) == ["kept.txt"]
    assert (world.course / "kept.txt").read_text() == "kept"


def nothing_read(world, result, text):
    assert world.token not in text
    assert "READ" not in text


def seed_unknown(world, result, text):
    assert str(result["seed"]) not in text


def in_time(world, result, text):
    assert result["seconds"] < 1.5 * LIMITS.times.total + 10


def small(world, result, text):
    assert len(text) < 2_000_000


# ---------------------------------------------------------------------------------------------------------- the attacks

ENDS = [
    attack("exit-call", "exit()"),
    attack("quit-call", "quit()"),
    attack("sys-exit", "import sys\nsys.exit(0)"),
    attack("raise-systemexit", "raise SystemExit(3)"),
    attack("raise-generatorexit", "raise GeneratorExit"),
    attack("os-exit", "import os\nos._exit(0)", lost=True),
    attack("os-abort", "import os\nos.abort()", lost=True),
    # Process 1 of a namespace cannot be killed from inside it.
    attack("sigkill-self", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", guard=True),
    attack("sigterm-self", "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", guard=True),
    attack("sigstop-self", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", guard=True),
    attack("null-pointer", "import ctypes\nctypes.string_at(0)", lost=True),
    attack("stack-overflow", "import sys\nsys.setrecursionlimit(10**9)\n(f := lambda n: f(n + 1) + 1)(0)",
           open="23", status=("graded", "ended")),
    forgery("exit-in-answer", "def line(x, w, b):\n    raise SystemExit\nloss = line",
            solved="23", codes={"1": "raises"}),
    Case("os-exit-in-answer", hand_in(answers={"2": "import os\nclass Model:\n    def predict(self, X):\n"
         "        os._exit(0)\nmodel, shift, words = Model(), np.zeros(40), {'stiff': '', 'soft': ''}"}), full="1",
         status=("ended",), flags=("ended",), codes={"2": "ended", "3": "ended"}),
    attack("exec-other", "import os\nos.execv('/bin/true', ['true'])", lost=True),
    attack("fork-both", "import os\nos.fork()", open="23", status=("graded", "ended"), guard=True),
]  # fmt: skip

LOOPS = [
    attack("loop", "while True:\n    pass"),
    attack("loop-sleep", "import time\ntime.sleep(10**6)"),
    # These two wait and do not spin: it is the interrupt that they withstand.
    attack("loop-sigint-ignored", "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n"
           "    time.sleep(0.01)", lost=True),
    attack("loop-catches-all", "import time\nwhile True:\n    try:\n        while True:\n            time.sleep(0.01)\n"
           "    except BaseException:\n        pass", lost=True),
    attack("loop-in-c", "x = 7 ** (10 ** 9)", open="23", status=("ended", "graded")),
    attack("loop-in-regex", "import re\nre.match(r'(a+)+$', 'a' * 64 + 'b')"),
    Case("loop-in-answer", hand_in(answers={"1": "def line(x, w, b):\n    while True:\n        pass\nloss = line"}),
         full="23"),
]  # fmt: skip

RESOURCES = [
    attack("fork-bomb", "import os, time\ntry:\n    while True:\n        if os.fork() == 0:\n"
           "            while True:\n                try:\n                    os.fork()\n"
           "                except OSError:\n                    time.sleep(0.1)\n"
           "except OSError as error:\n    print('stopped by', error)",
           open="23", status=("graded", "ended"), guard=True),
    attack("thread-bomb", "import threading, time\nwhile True:\n"
           "    threading.Thread(target=time.sleep, args=(10**6,), daemon=True).start()",
           open="23", status=("graded", "ended"), guard=True),
    attack("memory-bomb", "def hog():\n    parts = []\n    while True:\n        parts.append(bytearray(50_000_000))\n"
           "hog()", guard=True),
    attack("memory-of-many", "import os, signal, time\nfor _ in range(6):\n    if os.fork() == 0:\n"
           "        hog = bytearray(b'1' * 200_000_000)\n        time.sleep(100)\n        os._exit(0)\n"
           "signal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(100)", lost=True, flags=("memory",), guard=True),
    attack("file-of-200-mb", "with open('large.bin', 'wb') as file:\n    for _ in range(200):\n"
           "        file.write(b'1' * 2**20)", guard=True),
    attack("file-of-200-mb-in-tmp", "with open('/tmp/large.bin', 'wb') as file:\n    for _ in range(200):\n"
           "        file.write(b'1' * 2**20)", guard=True),
    attack("disk-full", "for i in range(1000):\n    with open(f'part{i}', 'wb') as file:\n"
           "        file.write(b'1' * 10 * 2**20)", guard=True),
    attack("many-files", "for i in range(10**6):\n    open(f'part{i}', 'w').close()", guard=True),
    attack("many-descriptors", "kept = []\nfor i in range(10**6):\n    kept.append(open('/dev/null'))",
           open="23", guard=True),
    attack("recursion", "def f():\n    return f()\nf()"),
]  # fmt: skip

OUTPUT = [
    attack("flood-stdout", "for _ in range(100_000):\n    print('x' * 100)", harm=small),
    attack("flood-one-line", "print('x' * 100_000_000)", harm=small),
    attack("flood-stderr", "import sys\nfor _ in range(100_000):\n    sys.stderr.write('x' * 100)", harm=small),
    attack("flood-display", "for _ in range(10_000):\n    display({'x' * 1000: 1})", harm=small),
    attack("flood-html", "from IPython.display import HTML\nfor _ in range(999):\n    display(HTML('<b>x</b>' * 999))",
           harm=small),
    attack("flood-descriptor-1", "import os\nfor _ in range(50):\n    os.write(1, b'x' * 2**20)\n"
           "    os.write(2, b'x' * 2**20)", harm=small),
    attack("flood-all-descriptors", "import os\nfor number in range(3, 64):\n    try:\n"
           "        os.write(number, b'x' * 1000)\n    except OSError:\n        pass", lost=True),
    attack("huge-repr", "class Huge:\n    def __repr__(self):\n        return 'x' * 300_000_000\nHuge()", harm=small),
    attack("endless-repr", "class Endless:\n    def __repr__(self):\n        while True:\n            pass\nEndless()"),
    attack("failing-repr", "class Failing:\n    def __repr__(self):\n        raise ValueError('no')\nFailing()"),
    attack("failing-del", "class Failing:\n    def __del__(self):\n        raise ValueError('no')\n"
           "Failing()\nkept = Failing()\ndel kept"),
    attack("half-characters", "print('\\ud800\\udfff <half>')\nraise ValueError('\\udc80')"),
    attack("script-in-output", "from IPython.display import HTML\nprint('<script>alert(1)</script>')\n"
           "display(HTML('<script>alert(2)</script>'))\nraise ValueError('<script>alert(3)</script>')"),
]  # fmt: skip

# A frame as coursekit.checks.codec writes it, to every descriptor that takes it.
FORGE = """
import json, os, struct
def forge(description, blob=b"", count=0, sizes=None, times=1):
    text = json.dumps(description).encode() if not isinstance(description, bytes) else description
    head = struct.pack(">QQI", *(sizes or (len(text), len(blob))), count)
    for number in range(3, 64):
        try:
            if os.readlink(f"/proc/self/fd/{number}").startswith("pipe"):
                for _ in range(times):
                    os.write(number, head + text + blob)
        except OSError:
            pass
def answer(value):
    return {"l": ["answer", value]}
DONE = {"d": [["status", "ok"], ["seconds", 0.1], ["outputs", {"l": []}]]}
"""
DEAF = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True:
    signal.pause()
"""
ARRAY = """
import io
def array(descr, shape, data=b""):
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}) + " " * 40 + "\\n"
    return b"\\x93NUMPY\\x01\\x00" + struct.pack("<H", len(text)) + text.encode() + data
"""


def forged(name, source, **more):
    """Frames from a cell after 90.1, whose author has answered nothing after that."""
    return attack(name, FORGE + source, solved="1", full="1", **{"status": ("graded", "ended"), **more})


FRAMES = [
    forged("frames-passed", "forge(answer({'d': [['status', 'passed'], ['score', 100.0], ['points', 100.0]]}))\n"
           "forge({'l': ['passed', True]})\nforge(answer(True), times=50)"),
    forged("frames-cell-then-true", "forge(answer(DONE))\nforge(answer(None), times=2)\nforge(answer(True), times=200)"
           + DEAF),
    forged("frames-cell-then-one", "forge(answer(DONE), times=12)\nforge(answer(1.0), times=500)" + DEAF),
    forged("frames-report", "forge(answer({'d': [['reports', {'d': [['90.2', {'d': [['score', 4]]}]]}]]}), times=20)"),
    forged("frames-huge-length", "forge(answer(1), sizes=(2**62, 2**62))", flags=("ended",)),
    forged("frames-half", "forge(answer(1), sizes=(100, 10**6))" + DEAF, flags=("ended",)),
    forged("frames-not-json", "forge(b'\\xff\\xfe{', times=3)", flags=("ended",)),
    forged("frames-deep", "forge(b'[' * 200_000 + b']' * 200_000)"),
    forged("frames-deep-answer", "forge(b'{\"l\":[' * 500 + b'1' + b']}' * 500, times=2)"),
    forged("frames-wrong-kinds", "for item in ([], None, 3, 'x', {'a': 5}, {'a': -1}, {'h': [1]}, {'h': ['x', 'y', 1]},"
           "\n    {'d': [1]}, {'d': [[{'d': []}, 1]]}, {'': []}, {'lt': []}, {'l': 5}):\n    forge(item)\n"
           "    forge(answer(item))"),
    forged("frames-cell-array", ARRAY + "forge(answer({'a': 0}), array('<f8', (3,), bytes(24)), 1)", flags=("ended",)),
    forged("frames-cell-many-arrays", ARRAY + "one = array('<f8', (0,)).replace(b'(0,)', b'(0L)')\n"
           "forge(answer({'a': 0}), one * 100_000, 100_000)", flags=("ended",)),
    forged("frames-cell-output-odd", "forge(answer({'d': [['status', 'ok'], ['outputs', {'l': [3, {'l': []}, "
           "{'d': [['type', 'image'], ['png', 3]]}, {'d': [['type', 'image'], ['png', '?']]}]}]]}))"),
    forged("frames-infinite-handle", "forge(answer({'h': [float('inf'), 'x', 1]}))"),
    forged("frames-odd-pairs", "forge(answer(DONE))\nforge(answer({'d': [{'x': 1, 'y': 2}]}), times=300)" + DEAF),
    forged("frames-cell-odd", "forge(answer({'d': [['status', {'l': []}], ['seconds', 10**400], "
           "['outputs', {'l': []}]]}))"),
    forged("frames-cell-odd-number", "forge(answer({'d': [['status', 'ok'], ['seconds', 10**400], "
           "['outputs', {'l': []}]]}))"),
    forged("frames-cell-nan", "forge(answer({'d': [['status', 'ok'], ['seconds', float('nan')], "
           "['outputs', {'l': [{'d': [['type', 'text'], ['text', '\\ud800']]}]}]]}))"),
    forged("frames-cell-picture", "forge(answer({'d': [['status', 'ok'], ['seconds', 1], ['outputs', {'l': ["
           "{'d': [['type', 'image'], ['png', '\"><script>alert(4)</script>' + 'x' * 30_000_000]]}]}]]}))", harm=small),
    forged("frames-many-items", "forge(b'{\"l\":[\"answer\",{\"l\":[' + b'0,' * 20_000_000 + b'0]}]}', times=3)"),
    forged("frames-empty-items", ARRAY + "forge(answer(DONE))\n"
           "for _ in range(300):\n    forge(answer({'a': 0}), array('|S0', (10**15,)), 1)" + DEAF),
    forged("frames-huge-array", ARRAY + "forge(answer(DONE))\n"
           "for _ in range(300):\n    forge(answer({'a': 0}), array('<f8', (10**12,)), 1)" + DEAF),
    forged("frames-objects", ARRAY + "forge(answer(DONE))\n"
           "for _ in range(300):\n    forge(answer({'a': 0}), array('|O', (3,), b'cos\\nsystem\\n(S\"id\"\\ntR.'), 1)"
           + DEAF),
    forged("frames-records", ARRAY + "forge(answer(DONE))\n"
           "for _ in range(300):\n    forge(answer({'a': 0}), array([('x', '<f8')], (1,), bytes(8)), 1)" + DEAF),
    forged("frames-large-numbers", "forge(answer(DONE), times=6)\nforge(answer(10**4000), times=300)" + DEAF),
]  # fmt: skip


def deaf(world):
    """It answers one cell by a forged frame and then reads no more; the question that follows fills the pipe."""
    found = cells(solved="1", attacks={"1": FORGE + "forge(answer(DONE))" + DEAF})
    place = next(i for i, cell in enumerate(found) if cell["id"] == "attack-1") + 1
    return {FILES["90"]: notebook([*found[:place], code("#" + "x" * 500_000, "long"), *found[place:]])}


FRAMES += [
    Case("frames-then-deaf", deaf, full="1", status=("ended",), flags=("ended",)),
    attack("close-all-descriptors", "import os\nos.closerange(0, 1024)", lost=True),
    attack("close-high-descriptors", "import os\nos.closerange(3, 1024)", lost=True),
    attack("close-standard", "import os\nfor number in (0, 1, 2):\n    os.close(number)"),
]  # fmt: skip

LEFT_BEHIND = [
    attack("daemon", "import os, subprocess, sys\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
           "        os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)', '@MARKER@'])\n"
           "    os._exit(0)", guard=True),
    attack("daemon-nohup", "import subprocess\nsubprocess.Popen(['/bin/sh', '-c', 'trap \"\" HUP TERM INT; "
           "while :; do sleep 1; done', '@MARKER@'], start_new_session=True)\nNone", guard=True),
    attack("endless-thread", "import threading, time\n"
           "threading.Thread(target=lambda: [time.sleep(0.1) for _ in range(10**6)]).start()"),
    attack("atexit", "import atexit\natexit.register(lambda: [None for _ in iter(int, 1)])"),
    attack("kill-all", "import os\nos.kill(-1, 9)", guard=True),
    attack("kill-parent", "import os\nparent = os.getppid()\nif parent:\n    os.kill(parent, 9)", guard=True),
    attack("kill-decoy", "import os\nos.kill(@PID@, 9)", guard=True),
    attack("limits-raised", "import resource\nfor name in ('RLIMIT_DATA', 'RLIMIT_FSIZE', 'RLIMIT_NPROC'):"
           "\n    kind = getattr(resource, name)\n    try:\n        resource.setrlimit(kind, (-1, -1))\n"
           "        print('READ raised', name)\n    except (ValueError, OSError):\n        pass", harm=nothing_read),
]  # fmt: skip

NETWORK = [
    attack("network-internet", "import socket, urllib.request\nsocket.setdefaulttimeout(2)\n"
           "for address in (('192.0.2.1', 80), ('8.8.8.8', 53)):\n    try:\n"
           "        socket.create_connection(address, 2)\n        print('READ', address)\n    except OSError:\n"
           "        pass\ntry:\n    print('READ', socket.gethostbyname('example.org'))\nexcept OSError:\n    pass",
           harm=nothing_read),
    attack("network-grader", "import socket\nfor host in ('127.0.0.1', 'localhost', '0.0.0.0'):\n    try:\n"
           "        socket.create_connection((host, @PORT@), 2).sendall(b'marks')\n        print('READ', host)\n"
           "    except OSError:\n        pass", harm=nothing_read),
    attack("network-abstract", "import socket\ntry:\n    socket.socket(socket.AF_UNIX).connect('\\0@SOCKET@')\n"
           "    print('READ')\nexcept OSError:\n    pass", harm=nothing_read),
    Case("network-from-answer", hand_in(answers={"1": "import socket\ndef line(x, w, b):\n    try:\n"
         "        socket.create_connection(('127.0.0.1', @PORT@), 2)\n        return 'READ'\n    except OSError:\n"
         "        return w * x + b\ndef loss(y, prediction):\n    return np.mean((y - prediction) ** 2)"}), full="123"),
]  # fmt: skip

READING = [
    attack("read-checks", """
import coursekit, glob, marshal, os
here = os.path.join(os.path.dirname(coursekit.__file__), "checks")
for path in glob.glob(here + "/**", recursive=True) + glob.glob("@EXERCISES@/**", recursive=True):
    name = os.path.basename(path)
    if os.path.isfile(path) and (name[:2] in ("n0", "n1", "n9") or "threshold" in name or name.endswith(".png")):
        if os.path.getsize(path):
            print("READ", path)
""", harm=nothing_read),
    attack("import-checks", """
import importlib, os
import coursekit.exercises
import coursekit.checks.framework as framework
for course in ("", os.path.dirname("@EXERCISES@")):
    os.environ["COURSEKIT_COURSE"] = course
    coursekit.exercises.__path__.append("@EXERCISES@")
    for name in ("n00_one_neuron", "n01_xor_mlp", "n90_springs"):
        try:
            module = importlib.import_module("coursekit.exercises." + name)
            print("READ" if hasattr(module, "np") or hasattr(module, "exercise") else "")
        except Exception as error:
            print(error)
    for id in ("00.1", "00.6", "90.1", "90.3"):
        try:
            print("READ", framework.get_exercise(id).check)
        except Exception as error:
            print(error)
""", harm=nothing_read),
    attack("read-grader", """
import os
for path in ("@SECRET@", "@COURSE@/kept.txt", "/etc/shadow", "/proc/1/root@SECRET@",
             "/proc/self/root@SECRET@", "/proc/self/cwd/../..@SECRET@"):
    try:
        with open(path) as file:
            print("READ", path, file.read())
    except OSError:
        pass
print(dict(os.environ), open("/proc/self/environ").read())
""", harm=nothing_read),
    attack("read-others", """
import os
for top in ("/tmp", "/home", "/var", "/root", "/proc", "/submission", "/dev/shm", os.path.dirname("@EXERCISES@")):
    for folder, _, files in os.walk(top):
        if folder.startswith("/proc/") and folder.count("/") > 2:
            continue
        for file in files:
            if file in ("00_one_neuron.ipynb", "90_springs.ipynb", "seed.json") or "--90" in file:
                print("READ", folder, file)
""", harm=nothing_read),
    attack("read-memory", """
import gc, sys
frame = sys._getframe()
while frame:
    for name, value in list(frame.f_locals.items()):
        if name in ("job", "channel", "reports"):
            print("READ", value)
    frame = frame.f_back
for item in gc.get_objects():
    try:
        if type(item) is dict and "transcripts" in item and "seed" in item:
            print("READ", item["seed"], item["transcripts"])
    except Exception:
        pass
""", harm=lambda world, result, text: (seed_unknown(world, result, text), nothing_read(world, result, text))),
    attack("read-raw-memory", """
import re
found = 0
for line in open("/proc/self/maps"):
    span, rights, *_, name = (line.split() + [""])[:6] if len(line.split()) > 5 else (*line.split()[:2], "")
    if not rights.startswith("rw") or name.startswith("/"):
        continue
    first, last = (int(part, 16) for part in span.split("-"))
    with open("/proc/self/mem", "rb", 0) as memory:
        try:
            memory.seek(first)
            data = memory.read(min(last - first, 300_000_000))
        except (OSError, ValueError, OverflowError):
            continue
    for match in re.finditer(rb'"seed": ?(\\d{9,18})', data):
        print("READ", match[1].decode())
""", harm=lambda world, result, text: (seed_unknown(world, result, text), nothing_read(world, result, text))),
    attack("read-in", "for texts in (In, get_ipython().history_manager.input_hist_raw):\n"
           "    print('READ' if any('ck.check(' + '\"90' in text for text in texts) else '')", harm=nothing_read),
    attack("delete-course", "import shutil\nshutil.rmtree('@COURSE@', ignore_errors=True)\nimport os\n"
           "for path in ('@COURSE@/kept.txt', '/proc/1/root@COURSE@/kept.txt'):\n    try:\n        os.remove(path)\n"
           "    except OSError:\n        pass", guard=True, harm=course_stands),
    attack("write-course", "for path in ('@COURSE@/kept.txt', '@COURSE@/new.txt', '@SECRET@'):\n    try:\n"
           "        open(path, 'w').write('changed')\n    except OSError:\n        pass", guard=True,
           harm=course_stands),
    attack("write-checks", "import coursekit, os\nhere = os.path.dirname(coursekit.__file__)\n"
           "for path in (here + '/exercises/decoy_written.py', here + '/decoy_written.py'):\n    try:\n"
           "        open(path, 'w').write('')\n        print('READ', path)\n    except OSError:\n        pass",
           guard=True, harm=nothing_read),
]  # fmt: skip

SHADOW = "raise SystemError('shadow')\n"
SHADOWS = [
    attack("shadow-in-folder", "import os\nfor name in ('numpy', 'keras', 'coursekit', 'json', 'codec', 'sklearn'):\n"
           "    open(name + '.py', 'w').write(\"raise SystemError('shadow')\")\n"
           "os.makedirs('coursekit/checks', exist_ok=True)\nopen('coursekit/__init__.py', 'w').close()", "1"),
    Case("shadow-beside", hand_in(files={f"{name}.py": SHADOW.encode() for name in (
         "numpy", "keras", "coursekit", "sitecustomize", "json", "struct", "IPython")}), full="123"),
    attack("shadow-path", "import sys\nopen('struct.py', 'w').write('x = 1')\nsys.path.insert(0, '')\n"
           "sys.path.insert(0, '/submission')", "0"),
    attack("modules-removed", "import sys\nfor name in [n for n in sys.modules if n.startswith('coursekit.')]:\n"
           "    del sys.modules[name]", open="23"),
]  # fmt: skip

EQUAL = """
class Equal:
    def __init__(self, *args, **kwargs): pass
    def __call__(self, *args, **kwargs): return self
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __eq__
    def __hash__(self): return 0
    def __bool__(self): return True
    def __len__(self): return 1
    def __iter__(self): return iter([self])
    def __getitem__(self, key): return self
    def __sub__(self, other): return 0.0
    __rsub__ = __mul__ = __rmul__ = __add__ = __radd__ = __truediv__ = __abs__ = __sub__
    def __float__(self): return 0.0
    def __getattr__(self, name):
        if name.startswith("__"): raise AttributeError(name)
        return self
"""
NAMES = {"1": "line loss", "2": "shift words model", "3": "portions sigmoid"}


def all_names(value):
    """The answers of every part: one and the same object."""
    return {part: "\n".join(f"{name} = {value}" for name in names.split()) for part, names in NAMES.items()}


def evil(name, definition, value, **more):
    """Every answer is `value`, after a first cell `definition`."""
    return Case(name, hand_in(answers=all_names(value), attacks={"0": definition}), **more)


OBJECTS = [
    evil("equal-objects", EQUAL, "Equal()"),
    evil("equal-array", EQUAL + "import numpy as np\nclass Array(np.ndarray):\n    __eq__ = lambda s, o: True\n"
         "    __array_ufunc__ = lambda s, *a, **k: np.zeros(1)\n    __array_function__ = lambda s, *a, **k: True\n"
         "    __call__ = lambda s, *a, **k: s\nmade = np.zeros(3).view(Array)", "made"),
    evil("equal-float", "class Number(float):\n    __eq__ = __le__ = __ge__ = __lt__ = __gt__ = lambda s, o: True\n"
         "    __sub__ = __rsub__ = __abs__ = lambda s, *o: 0.0\n    __call__ = lambda s, *a, **k: s\n"
         "    __hash__ = float.__hash__", "Number(0)"),
    evil("equal-string", "class Text(str):\n    __eq__ = lambda s, o: True\n    __hash__ = lambda s: 0\n"
         "    __call__ = lambda s, *a, **k: s", "Text('passed')"),
    evil("array-interface", "import numpy as np\nclass Tricky:\n    def __array__(self, *args, **kwargs):\n"
         "        raise SystemExit\n    __array_priority__ = 10**9\n    __call__ = lambda s, *a, **k: s\n"
         "Tricky.__module__ = 'keras.src'", "Tricky()"),
    evil("endless-dict", "class Endless(dict):\n    def items(self):\n        while True:\n            yield 1, 1\n"
         "    __call__ = lambda s, *a, **k: s", "Endless()"),
    evil("sneaky-class", "class Sneaky:\n    @property\n    def __class__(self):\n        return float\n"
         "    __call__ = lambda s, *a, **k: s", "Sneaky()"),
    evil("reports-as-answers", "from coursekit.checks.report import Finding, Report\n"
         "made = Report('90.1', 'x', 'passed', 2.0, 2.0, (Finding('right', True, 'right', points=2),))",
         "lambda *args, **kwargs: made"),
    evil("dots-inside", "", "lambda *args, **kwargs: (..., ...)"),
    evil("none", "", "None"),
    evil("unbound", "", "undefined_name"),
    evil("frames-of-the-caller", """
import gc, inspect, sys
def answer(*args, **kwargs):
    frame = inspect.currentframe()
    while frame:
        for name in ("wanted", "expected", "right", "solution", "y_true"):
            if name in frame.f_locals:
                return frame.f_locals[name]
        frame = frame.f_back
    return 0.0
""", "answer"),
    evil("solution-module", """
def answer(*args, **kwargs):
    import coursekit.exercises
    coursekit.exercises.__path__.append("@EXERCISES@")
    import coursekit.exercises.n90_springs as there
    return [getattr(there, name) for name in dir(there)][-1](*args)
""", "answer"),
    # Right where the check draws what it draws in the student's own notebook.
    forgery("hard-coded-seed", """
import zlib
rng = np.random.default_rng(zlib.crc32(b"90.1"))
known = []
for _ in range(2):
    x, (w, b) = rng.normal(2, 1.5, size=30), rng.normal(size=2)
    known.append(w * x + b)
errors = [float(np.mean(np.subtract(*rng.normal(5, 2, size=(2, 30))) ** 2)) for _ in range(2)]
line = lambda x, w, b: known.pop(0)
loss = lambda y, prediction: errors.pop(0)
"""),
]  # fmt: skip

EVIDENCE = [
    evil("huge-array", "import numpy as np", "lambda *args, **kwargs: np.ones(65_000_000)"),
    Case("huge-array-then-right", hand_in(answers={"1": "line = loss = lambda *a: np.ones(65 * 10**6)"}),
         full="23"),
    Case("large-array-then-right", hand_in(answers={"1": "line = loss = lambda *a: np.ones(4 * 10**7)"}),
         full="23"),
    evil("huge-broadcast", "import numpy as np", "lambda *a, **k: np.broadcast_to(0.0, (10**5, 10**6))"),
    evil("long-list", "made = [0.0] * 10**7", "lambda *args, **kwargs: made"),
    evil("deep-list", "made = []\nfor _ in range(10_000):\n    made = [made]", "lambda *args, **kwargs: made"),
    evil("list-in-itself", "made = []\nmade.append(made)", "lambda *args, **kwargs: made"),
    evil("nan", "import numpy as np", "lambda *args, **kwargs: np.full(np.shape(args[0]) if args else (), np.nan)"),
    evil("object-array", "import numpy as np\nmade = np.array([object(), {}, None, 1.0], dtype=object)",
         "lambda *args, **kwargs: made"),
    evil("object-array-itself", "import numpy as np\nmade = np.array([object(), {}, None, 1.0], dtype=object)", "made"),
    evil("long-string", "made = 'x' * 30_000_000", "lambda *args, **kwargs: made"),
    evil("long-error", "def answer(*args, **kwargs):\n    raise ValueError('x' * 30_000_000)", "answer", harm=small),
    evil("endless-error", "class Endless(Exception):\n    def __str__(self):\n        while True:\n            pass\n"
         "def answer(*args, **kwargs):\n    raise Endless", "answer", status=("graded", "ended")),
    evil("odd-keys", "made = {(1, 2): 1, None: 2, float('nan'): 3, 'x': {1: object}}", "made"),
    evil("odd-keys-returned", "made = {(1, 2): 1, None: 2, ...: 3}", "lambda *args, **kwargs: made"),
    evil("large-integer", "", "lambda *args, **kwargs: 10**4000"),
    evil("larger-integer", "", "lambda *args, **kwargs: 10**5000"),
    evil("wide-string", "made = 'é' * 12_000_000", "lambda *args, **kwargs: made"),
    evil("raises-when-looked-at", "class Odd(list):\n    __class__ = property(lambda self: 1 / 0)\nmade = Odd()",
         "lambda *args, **kwargs: made"),
    evil("endless-when-looked-at", "class Slow(list):\n    @property\n    def __class__(self):\n        while True:\n"
         "            pass\nmade = Slow()", "lambda *args, **kwargs: made"),
    evil("half-character", "", "lambda *args, **kwargs: '\\ud800'"),
    evil("handles", "", "lambda *args, **kwargs: (lambda *a: a)"),
]  # fmt: skip

PATCH = "from coursekit.checks import codec, framework, notebook, pipe, proxy, report, server\nimport coursekit as ck\n"
PASSED = (
    PATCH
    + "from coursekit.checks.report import Finding, Report\n"
    + (
        "def passed(*args, **kwargs):\n"
        "    return Report('90.1', 'x', 'passed', 4.0, 4.0, (Finding('right', True, 'right', points=4),))\n"
    )
)
PATCHES = [
    # Nothing that these replace is asked: what is right stays right, and what is still `...` gets nothing.
    attack("patched-check", PASSED + "ck.check = notebook.check = passed", "0", solved="13"),
    attack("patched-judge", PASSED + "framework.judge = passed\nframework._REGISTRY.clear()", "0", solved="13"),
    attack("patched-report", PASSED + "report.Report.passed = True\nreport.Report.to_dict = lambda self: "
           "{'status': 'passed', 'score': 9}\nreport.Finding.__init__ = lambda self, *a, **k: None", "0", solved="13"),
    attack("patched-allclose", "import numpy as np\nnp.allclose = np.array_equal = np.isclose = lambda *a, **k: True\n"
           "np.testing.assert_allclose = lambda *a, **k: None", "0", solved="13"),
    attack("patched-answer", PATCH + "server.ObjectServer.answer = lambda self, *args: True", "1", solved="1",
           full="1"),
    attack("patched-answer-kinds", PATCH + "server.ObjectServer._kind = lambda self, name: 'float'\n"
           "server.ObjectServer._call = lambda self, *args, **kwargs: 1.0\n"
           "student.ObjectServer._value = lambda self, name: 1.0",
           "1", solved="1", full="1"),
    attack("patched-pack", PATCH + "codec.pack = pipe.pack = lambda *a, **k: (['answer', True], [])", "1", solved="1",
           full="1", status=("graded", "ended")),
    attack("patched-write-frame", PATCH + "codec.write_frame = pipe.write_frame = lambda *a, **k: None", "1",
           solved="1", full="1", lost=True),
    attack("patched-respond", "import gc\nfor item in gc.get_objects():\n"
           "    if type(item).__name__ == '_Servant':\n        item.answer = lambda *a: 1.0\n"
           "        item._bind = lambda *a: None\n        item._cell = lambda *a: {}", "1", solved="1", full="1",
           status=("graded", "ended")),
    attack("patched-run-cell", "shell = get_ipython()\nshell.run_cell = lambda *a, **k: None\n"
           "type(shell).run_cell = lambda *a, **k: None", "1", open="23"),
    attack("patched-run-code", "async def nothing(*a, **k):\n    return False\n"
           "get_ipython().run_code = nothing", "1", solved="1", full="1"),
    attack("patched-traceback", "shell = get_ipython()\nshell.showtraceback = shell._showtraceback = None\n"
           "raise ValueError('no')", open="23"),
    attack("patched-custom-exc", "get_ipython().set_custom_exc((BaseException,), "
           "lambda *a, **k: [].append(1))\nraise KeyboardInterrupt"),
    attack("patched-transformers", "shell = get_ipython()\n"
           "shell.input_transformers_cleanup.append(lambda lines: ['pass\\n'])", "1", solved="1", full="1"),
    attack("failing-transformers", "def failing(lines):\n    raise SystemExit\n"
           "get_ipython().input_transformers_post.append(failing)", "1", open="23"),
    attack("patched-events", "def failing(*args):\n    raise SystemExit\n"
           "for name in ('pre_run_cell', 'post_run_cell', 'pre_execute', 'post_execute'):\n"
           "    get_ipython().events.register(name, failing)", open="23"),
    attack("patched-display", "shell = get_ipython()\nshell.display_pub = shell.displayhook = None", open="23"),
    attack("patched-namespace", "get_ipython().user_ns = {}", open="23"),
    attack("patched-namespace-type", "class Evil(dict):\n    def __missing__(self, key):\n        return 1.0\n"
           "get_ipython().user_ns = Evil()", "1", solved="1", full="1"),
]  # fmt: skip

STATE = [
    attack("sigalrm", "import signal, time\nsignal.alarm(1)\ntime.sleep(1.2)"),
    attack("timer", "import signal\ndef ring(*args):\n    raise TimeoutError('ring')\n"
           "signal.signal(signal.SIGALRM, ring)\nsignal.setitimer(signal.ITIMER_REAL, 0.2, 0.05)",
           open="23", status=("graded", "ended")),
    attack("timer-quiet", "import signal\nsignal.signal(signal.SIGALRM, lambda *args: None)\n"
           "signal.setitimer(signal.ITIMER_REAL, 0.2, 0.05)"),
    attack("trace-left", "import sys\nsys.settrace(lambda *args: None)"),
    attack("profile-left", "import sys\nsys.setprofile(lambda *args: None)"),
    attack("trace-fails", "import sys\ndef failing(*args):\n    raise ValueError\nsys.settrace(failing)", open="23",
           status=("graded", "ended")),
    attack("builtins-replaced", "import builtins\nbuiltins.len = lambda *a: 1\nbuiltins.isinstance = lambda *a: True\n"
           "builtins.print = None", "1", open="23", status=("graded", "ended")),
    attack("builtins-shadowed", "len = isinstance = print = type = list = dict = None", open="3"),
    attack("builtins-in-forgery", "import builtins\nbuiltins.abs = builtins.max = lambda *a, **k: 0.0\n"
           "builtins.all = builtins.any = lambda *a: True", "1", solved="1", full="1", status=("graded", "ended")),
    attack("stdout-replaced", "import sys\nsys.stdout = sys.stderr = None"),
    attack("stdout-closed", "import sys\nsys.stdout.close()\nsys.stderr.close()"),
    attack("stdout-fails", "import sys\nclass Failing:\n    def write(self, text):\n        raise SystemExit\n"
           "    flush = write\nsys.stdout = sys.stderr = sys.__stdout__ = Failing()"),
    attack("environment-changed", "import os\nos.environ.clear()\nos.environ.update(HOME='/nowhere', "
           "COURSEKIT_MODE='strict', COURSEKIT_CHECK_SEED='1', COURSEKIT_RECORD='1', COURSEKIT_DEBUG='1')"),
    attack("folder-changed", "import os\nos.chdir('/')"),
    attack("folder-removed", "import os\nos.makedirs('x')\nos.chdir('x')\nos.rmdir('../x')", guard=True),
    attack("time-patched", "import time\nfor name in ('time', 'monotonic', 'perf_counter', 'sleep'):\n"
           "    setattr(time, name, lambda *a: 0.0)"),
    attack("warnings-are-errors", "import warnings\nwarnings.simplefilter('error')"),
    attack("numpy-errors", "import numpy as np\nnp.seterr(all='raise')", open="3"),
    attack("numpy-printing", "import numpy as np\nnp.set_printoptions(threshold=10**9)\nnp.zeros(10**5)", harm=small),
    attack("input", "name = input('your name? ')"),
    attack("garbage-collector", "import gc\ngc.disable()\ngc.callbacks.append(lambda *args: 1 / 0)"),
    attack("random-patched", "import numpy as np, random\nnp.random.default_rng = None\nrandom.random = None",
           open="3"),
    attack("recursion-limit", "import sys\nsys.setrecursionlimit(60)", open="23", status=("graded", "ended")),
    attack("excepthook", "import sys, threading\nsys.excepthook = threading.excepthook = None\nraise ValueError"),
    attack("async-task", "import asyncio\nasync def endless():\n    while True:\n        await asyncio.sleep(0.1)\n"
           "task = asyncio.ensure_future(endless())\nawait asyncio.sleep(0.1)"),
]  # fmt: skip


# ------------------------------------------------------------------------------------- honest ones, and odd notebooks


def edited(change, **parts):
    """A maker of a right notebook whose list of cells goes through `change`."""

    def make(world):
        return {FILES["90"]: notebook(change([dict(cell) for cell in cells(**parts)]))}

    return make


def is_check(cell):
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "").startswith("check")


def _points_raised(found):
    for cell in found:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"] = {"nbgrader": {**cell["metadata"]["nbgrader"], "points": 1000, "locked": False}}
    return found


def _checks_edited(found):
    return [{**cell, "source": "'passed'  # nothing to check"} if is_check(cell) else cell for cell in found]


def _checks_pass(found):
    source = "line = loss = lambda *args: 1.0\nck.check('90.1', line=line, loss=loss)"
    return [{**cell, "source": source} if is_check(cell) else cell for cell in found]


def _doubled(found):
    return [copy for cell in found for copy in ([cell, dict(cell)] if is_check(cell) else [cell])]


def _same_ids(found):
    return [{**cell, "id": "same"} for cell in found]


def _odd_cells(found):
    odd = [
        {"cell_type": "raw", "id": "raw", "metadata": {}, "source": "raw"},
        {"cell_type": "unheard-of", "id": "x", "metadata": {}, "source": "x"},
        {"cell_type": "code", "id": 5, "metadata": None, "source": ["a = 1\n", "b = 2"], "outputs": "none"},
    ]
    return odd + found


def _half_written(found):
    return [*found[:4], code("def half(:\n", "half"), code("%nosuchmagic\n!ls /", "magic"), *found[4:]]


def _checks_above(found):
    """Every check stands before its answer."""
    graded = [cell for cell in found if "nbgrader" in cell["metadata"]]
    return [*(cell for cell in found if cell not in graded), *sorted(graded, key=is_check, reverse=True)]


def _no_outputs(found):
    return [{key: value for key, value in cell.items() if key not in ("outputs", "id")} for cell in found]


WARNING = "import sys, warnings\nwarnings.warn('a warning of mine')\nprint('on stderr', file=sys.stderr)\n"
WARNED = ("import sys, warnings\ndef loss(y, prediction):\n    warnings.warn('careful')\n"
          "    print('stepping', file=sys.stderr)\n    return np.mean((prediction - y) ** 2)\n")  # fmt: skip


def _warns(found):
    place = next(i for i, cell in enumerate(found) if is_check(cell) and "90-1" in str(cell["metadata"]))
    return [*found[:place], code(WARNED, "warned"), *found[place:]]


def raw(name, data):
    return lambda world: {name: data}


def _bad_zip(world):
    """A zip with a right notebook, members that climb out of it, and a link to the grader's file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(FILES["90"], notebook(cells()))
        file.writestr(f"../../../../../..{world.course}/climbed.txt", "climbed")
        file.writestr(f"{world.course}/absolute.txt", "absolute")
        link = zipfile.ZipInfo("link.ipynb")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        file.writestr(link, str(world.secret))
    return {"handed in.zip": buffer.getvalue()}


def _bomb(world):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(FILES["90"], b"0" * 300_000_000)
    return {"handed in.zip": buffer.getvalue()}


def _truncated(world):
    whole = notebook(cells())
    return {FILES["90"]: whole[: len(whole) // 2]}


def _slowly(found):
    """Every cell and every answer comes in time, and all of them together do not."""
    place = next(i for i, cell in enumerate(found) if is_check(cell))
    return [*found[:place], *(code("import time\ntime.sleep(1.5)", f"slow-{i}") for i in range(10)), *found[place:]]


SLOW = ("import time\ndef line(x, w, b):\n    time.sleep(0.8)\n    return w * x + b\n"
        "def loss(y, prediction):\n    time.sleep(0.8)\n    return np.mean((prediction - y) ** 2)")  # fmt: skip
NOTEBOOKS = [
    Case("slow-answers", edited(_slowly, answers={"1": SLOW}), open="123", status=("ended", "graded"), flags=("time",),
         harm=in_time),
    Case("honest-all", hand_in(), full="123"),
    Case("honest-half", hand_in(solved="2"), full="2"),
    Case("honest-none", hand_in(solved="")),
    Case("honest-warns", edited(_warns), full="123"),
    attack("honest-warns-in-cell", WARNING),
    attack("error-without-text", "class E(Exception):\n    def __str__(self):\n        raise OSError\nraise E"),
    attack("error-that-loops", "class E(Exception):\n    def __str__(self):\n        while True:\n            pass\n"
           "raise E", open="23", status=("graded", "ended")),
    attack("error-with-a-long-name", "raise type('L' * 10**7, (Exception,), {})('m' * 10**7)", harm=small),
    attack("shell-replaced", "shell = get_ipython()\nshell.system = shell.run_line_magic = None\n!ls"),
    attack("colab-as-a-way-in", "import google.colab as c\nimport sys\nsys.meta_path.clear()\n"
           "sys.modules['google.colab'] = sys", open="23"),
    attack("check-with-a-call", "ck.check('90.1', line=exec('import time; time.sleep(1)'), loss=print)"),
    attack("check-that-loops", "ck.check('90.1', line=[i for i in iter(int, 1)], loss=loss)", open="1"),
    forgery("check-of-another", "other = lambda x, w, b: 0\nck.check('90.1', line=other, loss=other)", solved="23"),
    attack("honest-after-failing", "1 / 0\nnever = 1"),
    attack("honest-after-syntax", "def f(:\n    pass"),
    Case("checks-deleted", edited(lambda found: [cell for cell in found if not is_check(cell)]), full="123"),
    Case("checks-deleted-wrong", edited(lambda found: [c for c in found if not is_check(c)], solved="12"), full="12"),
    Case("checks-edited", edited(_checks_edited), full="123"),
    Case("checks-edited-wrong", edited(_checks_edited, solved="2"), full="2"),
    Case("checks-above-answers", edited(_checks_above), full="123"),
    Case("checks-above-half", edited(_checks_above, solved="2"), full="2"),
    Case("checks-copied", edited(_doubled), full="123"),
    Case("checks-copied-wrong", edited(_doubled, solved="13"), full="13"),
    Case("checks-replaced", edited(_checks_pass, solved="")),
    Case("points-raised", edited(_points_raised, solved="3"), full="3"),
    Case("ids-all-the-same", edited(_same_ids), full="123"),
    Case("odd-cells", edited(_odd_cells), full="123"),
    Case("half-written", edited(_half_written), full="123"),
    Case("fields-missing", edited(_no_outputs), full="123"),
    Case("whole-notebook-twice", edited(lambda found: found + found), full="123"),
    Case("formula", hand_in(solved="1"), full="1", student='=HYPERLINK("x","y")'),
    Case("markup", hand_in(solved="1"), full="1", student="<script>alert(0)<"),
    Case("brackets", hand_in(solved="1"), full="1", student="[red]x[bold]"),
    Case("truncated", _truncated, status=("unreadable",)),
    Case("empty-file", raw(FILES["90"], b""), status=("unreadable",)),
    Case("not-a-notebook", raw(FILES["90"], b"\x00\xff" * 100), status=("unreadable",)),
    Case("a-list", raw(FILES["90"], b"[1, 2, 3]"), status=("unreadable",)),
    Case("deep-json", raw(FILES["90"], b"[" * 100_000), status=("unreadable",)),
    Case("wrong-nbformat", lambda world: {FILES["90"]: notebook(cells(), nbformat=99)},
         status=("unreadable", "graded"), open="123"),
    Case("text-nbformat", lambda world: {FILES["90"]: notebook(cells(), nbformat="four")},
         status=("unreadable", "graded"), open="123"),
    Case("no-cells", lambda world: {FILES["90"]: notebook([])}, status=("unreadable", "graded")),
    Case("zip-that-climbs", _bad_zip, full="123", harm=course_stands),
    Case("zip-bomb", _bomb, status=("unreadable",)),
]  # fmt: skip

# ------------------------------------------------------------------------------------------------------------- Keras

PATCHED_CONFIG = (
    "from coursekit.checks.server import ObjectServer\n"
    "ObjectServer._config = ObjectServer._network = lambda self, name, *shape: None\n"
    "right = lambda X: (np.rint(np.asarray(X)).sum(axis=1) == 1).astype('float32')[:, None]\n"
    "ObjectServer._predict = lambda self, name, X: right(X)\n"
)
NET = (
    "sequential = keras.Sequential([keras.Input((2,)), layers.Dense(8, activation='tanh'),"
    " layers.Dense(1, activation='sigmoid')])\nn_params = 0\n"
    "inputs = keras.Input((2,))\nfunctional = keras.Model(inputs, layers.Dense(1, activation='sigmoid')("
    "layers.Dense(8, activation='tanh')(inputs)))\n"
)
# What the judge is told of the network: another one, which is small to describe.
OTHER = (
    "server.ObjectServer._config = lambda self, name: keras.saving.serialize_keras_object(big)\n"
    "server.ObjectServer._network = lambda self, name, shape: (self._config(name), big.get_weights())\n"
    "server.ObjectServer._weights = lambda self, name: [\n"
    "    [np.asarray(w) for w in layer.weights] for layer in big.layers]\n"
)
LOOKUP = (
    "class Sequential(keras.Sequential):\n"
    "    def call(self, X, training=None, mask=None):\n"
    "        super().call(X)\n"
    "        return keras.ops.cast(keras.ops.sum(keras.ops.round(X), axis=1, keepdims=True) == 1, 'float32')\n"
    "    predict = __call__ = call\n"
)


def network(name, answer, full="", **more):
    """A case of notebook 01 whose part 5, the same network in Keras twice, is `answer`."""
    made = hand_in("01", solved=full, answers={"5": answer} if answer else {})
    return Case(name, made, full=full, number="01", **more)


NETWORKS = [
    network("network-right", "", full="5"),
    network("network-untrained", NET),
    network("network-lookup", LOOKUP + NET.replace("keras.Sequential", "Sequential", 1)),
    network("network-hidden", NET + PATCHED_CONFIG),
    network("network-too-large-to-rebuild", NET + PATCH + "honest = server.ObjectServer._config\n"
            "def config(self, name):\n    made = honest(self, name)\n"
            "    made['config']['layers'][1]['config']['units'] = 2 * 10**9\n    return made\n"
            "server.ObjectServer._config = config"),
    network("network-of-many-steps", NET + PATCH + "big = keras.Sequential([keras.Input((2,)), "
            "layers.RepeatVector(3_000_000), layers.LSTM(8), layers.Dense(1)])\n" + OTHER, codes={"5": "too-large"}),
    network("network-of-fewer-steps", NET + PATCH + "big = keras.Sequential([keras.Input((2,)), "
            "layers.RepeatVector(9_999), layers.Dense(90_000), layers.LSTM(8), layers.Dense(1)])\n" + OTHER,
            codes={"5": "too-large"}),
    network("network-that-doubles", NET + PATCH + "x = inputs = keras.Input((2,))\nfor _ in range(33):\n"
            "    x = layers.Concatenate()([x, x])\nbig = keras.Model(inputs, x)\n" + OTHER, codes={"5": "too-large"}),
    network("network-odd-configuration", NET + PATCH + "server.ObjectServer._config = lambda self, name: {"
            "'module': 'keras', 'class_name': 'layers.TFSMLayer', 'registered_name': None, "
            "'config': {'filepath': '@COURSE@'}}\nserver.ObjectServer._network = lambda self, name, shape: "
            "(self._config(name), [])"),
    network("network-lambda", "inputs = keras.Input((2,))\nformula = layers.Lambda(lambda x: keras.ops.cast("
            "keras.ops.sum(keras.ops.round(x), axis=1, keepdims=True) == 1, 'float32'))\n"
            "sequential = keras.Sequential([inputs, formula])\nsequential.save('lambda.keras')\n"
            "functional = keras.Model(inputs, formula(inputs))\nn_params = 0\n"
            "sequential = keras.models.load_model('lambda.keras', safe_mode=False)"),
    network("network-hard-coded", "import zlib\nrng = np.random.default_rng(zlib.crc32(b'01.5'))\n"
            "known, labels = ck.data.make_xor(n_samples=400, noise=0.15, seed=int(rng.integers(2**31)))\n"
            "class Sequential(keras.Sequential):\n    def __call__(self, X, *args, **kwargs):\n"
            "        far = np.abs(np.asarray(X)[:, None] - known[None]).sum(axis=2)\n"
            "        return np.where(far.min(axis=1) < 1e-6, labels[far.argmin(axis=1)], 0)[:, None]\n"
            + NET.replace("keras.Sequential", "Sequential", 1)),
]  # fmt: skip

CASES = [
    *ENDS, *LOOPS, *RESOURCES, *OUTPUT, *FRAMES, *LEFT_BEHIND, *NETWORK, *READING, *SHADOWS, *OBJECTS, *EVIDENCE,
    *PATCHES, *STATE, *NOTEBOOKS,
]  # fmt: skip
# The class of the real course, with a zygote that has loaded Keras.
REAL_CASES = [*NETWORKS, Case("whole-notebook", hand_in("00", solved="123456"), full="123456", number="00")]
