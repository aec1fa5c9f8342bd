"""What honest students really hand in: each has a row and a sentence, and full marks where the work is right."""

import base64
import gzip
import json
import zipfile
from io import BytesIO
from pathlib import Path

import nbformat
import pytest
from rich.console import Console

from coursekit.grading import command, sandbox
from coursekit.grading.grade import Settings
from coursekit.grading.intake import submissions
from coursekit.grading.plan.choose import choose
from coursekit.grading.plan.course import load_all
from coursekit.grading.run.job import Times

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("honest"),
    pytest.mark.skipif(bool(sandbox.missing()), reason="; ".join(sandbox.missing()) or "the sandbox works"),
]
COURSE = Path(__file__).parent / "fixture_course"
NAME = "90_springs.ipynb"
SOLUTION = COURSE / "solutions" / NAME
POINTS = {"90.1": 2, "90.2": 3, "90.3": 4}
SETTINGS = Settings(Times(total=15, cell=3, question=3, grace=10, frame=6))


@pytest.fixture(scope="module", autouse=True)
def the_tests_course():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSEKIT_COURSE", str(COURSE))
        yield


def load(path):
    """A result as it stands in its file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def solution(before=None, replaced=None, after=None, path=SOLUTION):
    """The solution's text with lines put above the first cell that holds a text, in place of it, or in cells below."""
    notebook = nbformat.read(path, as_version=4)
    for text, source in (before or {}).items():
        cell = next(cell for cell in notebook.cells if cell.cell_type == "code" and text in cell.source)
        cell.source = f"{source}\n{cell.source}"
    for old, new in (replaced or {}).items():
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.source = cell.source.replace(old, new)
    for text, source in (after or {}).items():
        place = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and text in cell.source)
        sources = [source] if isinstance(source, str) else source
        notebook.cells[place + 1 : place + 1] = map(nbformat.v4.new_code_cell, sources)
    return nbformat.writes(notebook)


# What begins a later session of a notebook: earlier answers, or what the course lends in their place.
LENT = """line = ck.resume("line", lambda: lambda x, w, b: w * x + b)
loss = ck.resume("loss", lambda: lambda y, prediction: np.mean((prediction - y) ** 2))"""


def answers_first(*last):
    """All answers, then cells of the student's own, then all checks."""
    notebook = nbformat.read(SOLUTION, as_version=4)
    checks = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.startswith("ck.check")]
    own = [nbformat.v4.new_code_cell(source) for source in last]
    notebook.cells = [cell for cell in notebook.cells if cell not in checks] + own + checks
    return nbformat.writes(notebook)


def with_outputs(megabytes):
    notebook = nbformat.read(SOLUTION, as_version=4)
    picture = base64.b64encode(bytes(megabytes * 10**6 // 4)).decode()
    output = nbformat.v4.new_output("display_data", {"image/png": picture})
    [cell for cell in notebook.cells if cell.cell_type == "code"][1].outputs = [output] * 3
    return nbformat.writes(notebook)


# Ways to ask for a check after which the grader cannot tell from the text, or not by then, what was handed in.
ASKS = {
    "in a function": (
        "def main():\n    def a(x, w, b):\n        return w * x + b\n    return ck.check('90.1', a, off)\nmain()"),
    "in a class": (
        "class Work:\n    def a(self, x, w, b):\n        return w * x + b\n    def hand_in(self):\n"
        "        return ck.check('90.1', line=self.a, loss=off)\nWork().hand_in()"),
    "and deleted": "line, loss = straight, off\nck.check('90.1', line=line, loss=loss)\ndel line, loss",
    "and reused": (
        "line, loss = straight, off\ndisplay(ck.check('90.1', line=line, loss=loss))\nline, loss = 3, 4"),
    "two stars": "ck.check('90.1', **dict(line=straight, loss=off))",
    "one star": "mine = straight, off\nck.check('90.1', *mine)",
    "a helper of one's own": (
        "def ask(n, **mine):\n    return ck.check(f'90.{n}', **mine)\nask(1, line=straight, loss=off)"),
    "another name for it": "pr = ck.check\npr('90.1', straight, off)",
    "large cell": f"data = '{'x' * 60_000}'\nck.check('90.1', line=straight, loss=off)",
}  # fmt: skip


def asked_in_its_own_way(ask):
    return solution(replaced={
        "def line(": "def straight(", "def loss(": "def off(", 'ck.check("90.1", line=line, loss=loss)': ask,
    })  # fmt: skip


ANSWER, IMPORTS, SHIFT = "def line(", "import numpy as np", "shift = length"
COLAB = "from google.colab import drive, files\ndrive.mount('/content/drive')\nfiles.upload()\nimport google.colab.auth"

# What stands in the notebook. Full marks for all of them.
RIGHT = {
    "as given": solution,
    "a module in a folder of one's own": lambda: solution(after={ANSWER: (
        "del line\n%mkdir work\n%cd work\n%pwd\nopen('helper.py', 'w').write('line = lambda x, w, b: w * x + b')",
        "from helper import line")}),
    "the last result": lambda: solution(after={ANSWER: ("del line\nlambda x, w, b: w * x + b", "line = _")}),
    "an earlier result": lambda: solution(after={ANSWER: (
        "del line\nlambda x, w, b: w * x + b", "3", "line = Out[sorted(Out)[-2]]")}),
    "loop": lambda: solution(after={ANSWER: "while True:\n    pass"}),
    "loop first": lambda: solution(after={"make_spring": "n = 0\nwhile True:\n    n += 1"}),
    "loop in numpy": lambda: solution(after={ANSWER: "while True:\n    np.sort(np.random.rand(10**6))"}),
    "loop that prints": lambda: solution(after={ANSWER: "while True:\n    print('x' * 1000)"}),
    "loop that catches": lambda: solution(after={ANSWER: (
        "while True:\n    try:\n        while True:\n            pass\n    except KeyboardInterrupt:\n        break")}),
    "two loops": lambda: solution(after={ANSWER: "while True: pass", SHIFT: "while True: pass"}),
    "out of time": lambda: answers_first(*["while True: pass"] * 8),
    "shell": lambda: solution(before={ANSWER: "!pip install seaborn\n!nvidia-smi\nfound = !ls\n%pip install x"}),
    "odd shell": lambda: solution(before={
        ANSWER: "!echo it's\n!mkdir /no /submission/yes\n!\ndid = 1", SHIFT: "assert did"}),
    "shell in a block": lambda: solution(before={SHIFT: "if True:\n    !nvidia-smi\n    out = !pip list\nos_name = 1"}),
    "cell of shell": lambda: solution(after={ANSWER: "%%bash\nls -l\nexit 1"}),
    "magics": lambda: solution(before={ANSWER: "%matplotlib widget\n%tensorflow_version 2.x\n%load_ext tensorboard"}),
    "cell magics": lambda: solution(after={ANSWER: "%%nonsense here\nx = 1"}, before={SHIFT: "%%time"}),
    "colab": lambda: solution(before={IMPORTS: COLAB}),
    "renamed": lambda: solution(replaced={
        "def line(": "def straight(", "line=line": "line=straight", "def loss": "def off", "loss=loss": "loss=off"}),
    "renamed by place": lambda: solution(replaced={
        "model = Lin": "regressor = Lin", "shift=shift, words=words, model=model": "shift, words, regressor",
        "model.predict": "regressor.predict", "model is not": "regressor is not"}),
    "joblib": lambda: solution(after={ANSWER: (
        "from joblib import Parallel, delayed as d\nassert Parallel(2)(d(abs)(-i) for i in range(3)) == [0, 1, 2]\n"
        "did_it = 1"), SHIFT: "if did_it != 1:\n    shift = None"}),
    "pool": lambda: solution(after={ANSWER: (
        "from multiprocessing import Pool\nwith Pool(2) as pool:\n    assert pool.map(abs, [-1]) == [1]\ndid_it = 1"),
        SHIFT: "if did_it != 1:\n    shift = None"}),
    "await": lambda: solution(after={ANSWER: "import asyncio\nawait asyncio.sleep(0.01)\ndid_it = 1",
                                     SHIFT: "if did_it != 1:\n    shift = None"}),
    "subprocess": lambda: solution(after={ANSWER: (
        "import subprocess, sys\ndone = subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True)"),
        SHIFT: "assert done.stdout == b'1\\n'"}),
    "large outputs": lambda: with_outputs(40),
    "own answers taken over": lambda: solution(after={'ck.check("90.1"': LENT}),
    "own answers checked again": lambda: solution(
        after={'ck.check("90.1"': LENT, 'ck.check("90.3"': "ck.check('90.1', line=line, loss=loss)"}),
    "asks for the verdict": lambda: solution(
        replaced={'ck.check("90.1", line=line, loss=loss)': (
            "report = ck.check('90.1', line, loss)\nassert report.passed, 'not yet'\n"
            "if report.score == report.points:\n    on = True")},
        before={SHIFT: "assert on"}),
    "helper below": lambda: solution(replaced={"def loss(y, prediction):\n": (
        "def loss(y, prediction):\n    return mean((prediction - y) ** 2)\ndef old(y, prediction):\n")},
        after={SHIFT: "mean = np.mean"}),
    **{name: lambda ask=ask: asked_in_its_own_way(ask) for name, ask in ASKS.items()},
    "a window": lambda: solution(before={IMPORTS: "import matplotlib\nmatplotlib.use('TkAgg')"}),
    "a locale": lambda: solution(before={IMPORTS: "import locale\nlocale.setlocale(locale.LC_ALL, 'de_DE.UTF-8')"}),
    "a package that is not here": lambda: solution(before={IMPORTS: "import no_such_package"}),
    "a package above the answer": lambda: solution(before={ANSWER: "!pip install x\nimport no_such_package as sns"}),
    "a folder of Colab's": lambda: solution(before={ANSWER: (
        "import os\nos.makedirs('/content/drive/MyDrive/nn', exist_ok=True)\nopen('/content/x', 'w').write('1')\n"
        "did = 1"), SHIFT: "assert did"}),
    "mkdir": lambda: solution(before={ANSWER: "!mkdir -p 'my figures'\nplt.savefig('my figures/a.png')\ndid = 1",
                                      IMPORTS: "import matplotlib.pyplot as plt", SHIFT: "assert did"}),
    "another window": lambda: solution(before={
        IMPORTS: "import matplotlib.pyplot as plt\nplt.switch_backend('TkAgg')\n%pylab inline\ndid = 1",
        SHIFT: "assert did"}),
    "long doubles": lambda: solution(replaced={"return np.mean(": "return np.longdouble(1) * np.mean("}),
    "many processes": lambda: solution(after={ANSWER: (
        "import multiprocessing\nfor _ in range(3):\n    with multiprocessing.Pool(16) as pool:\n"
        "        assert pool.map(abs, range(-16, 0))[0] == 16\ndid = 1"), SHIFT: "assert did"}),
    "a folder of one's own": lambda: solution(before={IMPORTS: "import os\nos.chdir('/Users/anna/nets')"}),
    "answered after it was lent": lambda: solution(
        after={"make_spring": LENT, 'ck.check("90.3"': "ck.check('90.1', line=line, loss=loss)"}),
}  # fmt: skip

# How the same right work is handed in: the file's name and its bytes.
FORMS = {
    "text": lambda data: {f"{NAME}.txt": data},
    "json": lambda data: {"90_springs.json": data},
    "ipynb json": lambda data: {f"{NAME}.json": data},
    "no ending": lambda data: {"90_springs": data},
    "gzip": lambda data: {f"{NAME}.gz": gzip.compress(data)},
    "zip": lambda data: {"work.zip": zipped({NAME: data})},
    "zip of text": lambda data: {"work.zip": zipped({f"work/{NAME}.txt": data})},
    "and a pdf": lambda data: {NAME: data, "90_springs.pdf": b"%PDF-1.7"},
    "and a page": lambda data: {NAME: data, "90_springs.html": b"<html>"},
    "again as text": lambda data: {NAME: data, f"{NAME}.txt": b"{"},
    "copy": lambda data: {"Kopie von 90_springs (1).ipynb": data},
    "upper": lambda data: {"90_SPRINGS.IPYNB": data},
}

# What is no notebook: a row, a flag and a sentence that holds these words.
WRONG = {
    "script": ("90_springs.py", b"x = 1", "Python script"),
    "page": ("90_springs.html", b"<html></html>", "web page"),
    "paper": ("90_springs.pdf", b"%PDF-1.7", "PDF"),
    "document": ("springs.docx", b"PK\x03\x04", "Word document"),
    "seven zip": (f"{NAME}.7z", b"7z\xbc\xaf\x27\x1c", "archive"),
    "tar": ("work.tar.gz", gzip.compress(b"x"), "archive"),
    "rar": ("work.rar", b"Rar!", "archive"),
    "cloud": (f".{NAME}.icloud", b"bplist00", "iCloud"),
    "link": ("90_springs.gdoc", b"{}", "link"),
    "picture": ("screenshot.png", b"\x89PNG", "picture"),
    "broken gzip": (f"{NAME}.gz", b"\x1f\x8b", "cannot be read"),
    "anything": ("springs.xyz", b"?", "no notebook"),
}


def zipped(files):
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Result by student; a student is named after the case."""
    folder = tmp_path_factory.mktemp("honest")
    data = SOLUTION.read_bytes()
    for name, make in RIGHT.items():
        put(folder / "in" / name, {NAME: make().encode()})
    for name, make in FORMS.items():
        put(folder / "in" / name, make(data))
    for name, (file, content, _) in WRONG.items():
        put(folder / "in" / name, {file: content})
    for name, make in TOLD.items():
        put(folder / "in" / name, {NAME: make().encode()})
    (folder / "in" / "nothing").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSEKIT_COURSE", str(COURSE))
        console = Console(quiet=True)
        assert command.main(console, folder / "in", folder / "out", settings=SETTINGS, seed=3, workers=3) == 0
    results = [load(path) for path in (folder / "out" / "results").glob("*.json")]
    return {result["student"]: result for result in results}


def put(folder, files):
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


# What is wrong, and what the finding of an exercise must then say.
TOLD = {
    "lent and checked at once": lambda: solution(
        after={'ck.check("90.1"': f"{LENT}\na, b = line, loss\nck.check('90.1', line=a, loss=b)"},
        path=COURSE / "notebooks" / NAME,
    ),
    "lent and checked again": lambda: solution(
        after={
            'ck.check("90.1"': f"{LENT}\na, b = line, loss",
            'ck.check("90.3"': "ck.check('90.1', line=line, loss=loss)\nck.check('90.1', line=a, loss=b)",
        },
        path=COURSE / "notebooks" / NAME,
    ),
    "lent by the course": lambda: solution(after={'ck.check("90.1"': LENT}, path=COURSE / "notebooks" / NAME),
    "answer raised": lambda: solution(replaced={"shift = length - length.mean()": "shift = lengths - 1"}),
    "import failed": lambda: solution(replaced={IMPORTS: "import no_such_package as np"}),
}


@pytest.mark.parametrize("name", [*RIGHT, *FORMS])
def test_right_work_gets_full_marks(graded, name):
    result = graded[name]
    scores = {id: report["score"] for id, report in result["reports"].items()}
    assert scores == POINTS, (result["flags"], [r["findings"][-1]["message"] for r in result["reports"].values()])


def test_processes_of_a_student_s_own_work(graded):
    for name in ("joblib", "pool", "await", "subprocess"):
        assert [cell["error"] for cell in graded[name]["cells"] if cell["error"]] == []


@pytest.mark.parametrize("name", WRONG)
def test_who_handed_in_anything_has_a_row_and_a_sentence(graded, name):
    result = graded[name]
    assert result["status"] == "unreadable"
    assert WRONG[name][2] in result["flags"][-1]["message"], result["flags"]


def test_an_empty_folder_has_a_row(graded):
    assert "empty" in graded["nothing"]["flags"][-1]["message"]


def test_what_the_course_lends_earns_nothing(graded):
    for name in ("lent by the course", "lent and checked at once", "lent and checked again"):
        assert {report["score"] for report in graded[name]["reports"].values()} == {0}, name


def test_a_missing_object_is_explained_by_the_error_of_its_cell(graded):
    (finding,) = graded["answer raised"]["reports"]["90.2"]["findings"]
    assert "NameError: name 'lengths' is not defined" in finding["message"]
    assert graded["answer raised"]["reports"]["90.3"]["status"] == "passed"


def test_the_first_error_is_named_where_others_follow_from_it(graded):
    messages = [f["message"] for report in graded["import failed"]["reports"].values() for f in report["findings"]]
    told = [message for message in messages if "No module named 'no_such_package'" in message]
    assert len(told) == len([message for message in messages if "NameError" in message]) == 2, messages


def test_what_took_too_long_says_so_and_goes_on(graded):
    for name in ("loop", "loop first", "loop in numpy", "two loops"):
        stopped = [cell for cell in graded[name]["cells"] if cell["status"] == "stopped"]
        assert len(stopped) == (2 if name == "two loops" else 1)
        assert "took too long" in stopped[0]["outputs"][-1]["text"]
    assert "time" in {flag["code"] for flag in graded["out of time"]["flags"]}


def test_a_file_that_counts_under_another_ending_is_flagged_nowhere_and_named_in_the_result(graded):
    assert graded["text"]["file"].endswith(".ipynb.txt")
    assert json.dumps(graded["and a pdf"]["flags"]) == "[]"


def test_what_an_instructor_keeps_beside_the_files_is_nobody_s(tmp_path):
    for name in ("anna_90_springs.ipynb", "roster.csv", "marks.xlsx", "rules.toml", "seed.json", "exam.pptx"):
        (tmp_path / name).write_bytes(SOLUTION.read_bytes() if name.endswith("ipynb") else b"{}")
    (tmp_path / "results" / "results").mkdir(parents=True)
    (tmp_path / "results" / "seed.json").write_text("{}")
    found = submissions.read(tmp_path, tmp_path / "results")
    assert [item.student for item in choose(found, load_all())] == ["anna"]


# --- names


@pytest.mark.parametrize(
    "file",
    [
        "anna_90_springs.ipynb", "90_springs_anna (1).ipynb", "Kopie von 90_springs_anna.ipynb",
        "90_springs_anna_v2.ipynb",
        "anna_90_springs_final2.ipynb", "anna_90_springs_version 3.ipynb",
        "Copy of anna_90_springs.ipynb", "anna_90_springs_final_v2.ipynb", "anna_90_springs-final.ipynb",
        "Copia de 90_springs - anna.ipynb", "Copie de 90_springs anna.ipynb", "anna_90_springs-Copy1.ipynb",
        "anna_90_springs_solution_final_final.ipynb", "Kopie von Kopie von 90_springs anna (2).ipynb.txt",
        "anna_90_springs_Abgabe.ipynb", "anna_90_springs_FINAL(3).ipynb", "anna_90_springs.ipynb.json",
    ],
)  # fmt: skip
def test_what_programs_and_students_add_is_no_part_of_a_name(tmp_path, file):
    (tmp_path / file).write_bytes(SOLUTION.read_bytes())
    (tmp_path / "ben_90_springs.ipynb").write_bytes(SOLUTION.read_bytes())
    assert {item.student for item in submissions.read(tmp_path)} == {"anna", "ben"}


def test_a_number_is_part_of_a_name(tmp_path):
    names = ("student 1", "student 2", "gruppe_11", "Gruppe_12", "anna-3", "Jane Doe 2")
    for name in names:
        (tmp_path / f"{name}.ipynb").write_bytes(SOLUTION.read_bytes())
        (tmp_path / f"90_springs_x{name}.ipynb").write_bytes(SOLUTION.read_bytes())
    assert {item.student for item in submissions.read(tmp_path)} == {*names, *(f"x{name}" for name in names)}


def test_a_canvas_file_whose_own_name_looks_like_moodle_s_stays_its_student_s(tmp_path):
    for name in ("doejane_12_345_x_99_assignsubmission_file_90_springs.ipynb", "roejohn_13_346_90_springs.ipynb"):
        (tmp_path / name).write_bytes(SOLUTION.read_bytes())
    assert {(item.student, item.ident, item.platform) for item in submissions.read(tmp_path)} == {
        ("doejane", "12", "canvas"), ("roejohn", "13", "canvas"),
    }  # fmt: skip


def test_a_moodle_file_whose_own_name_looks_like_another_student_s_stays_its_student_s(tmp_path):
    names = ("Jane Doe_12_assignsubmission_file_John Roe_13_assignsubmission_file_90_springs.ipynb",
             "John Roe_13_assignsubmission_file_5_6_90_springs.ipynb")  # fmt: skip
    for name in names:
        (tmp_path / name).write_bytes(SOLUTION.read_bytes())
    assert {(item.student, item.ident, item.platform) for item in submissions.read(tmp_path)} == {
        ("Jane Doe", "12", "moodle"), ("John Roe", "13", "moodle"),
    }  # fmt: skip
