"""The command line, the doctor, and the set-up of a fresh checkout."""

import os
import signal
import subprocess
import sys
import time

import pytest

from coursekit import __version__, bootstrap, build, cli, run
from coursekit.build import root


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["frob"], "There is no command 'frob'"),
        (["run", "--frob"], "--frob"),
        (["build", "--repository"], "expected one argument"),
        (["grade", "x"], "--out"),
        (["grade", "x", "--out", "y", "--memory", "3"], "500 or more"),
        (["grade", "x", "--out", "y", "--timeout", "soon"], "is not a number"),
        (["run", "--", "01"], "takes nothing after"),
        (["build", "77"], "no notebook '77'"),
        (["build", "--repository", "nonsense"], "OWNER/NAME"),
        (["run", "77"], "no notebook '77'"),
        (["slides", "77"], "no notebook '77'"),
        (["lab", "--solution", "77"], "no notebook '77'"),
        (["run", ""], "no notebook ''"),
        (["run", "17"], "There are: 00, 01"),
        (["--frob"], "There is no option --frob"),
        (["--", "lab"], "There is no option --"),
        (["lab", "01"], "lab -- notebooks/01_xor_mlp.ipynb"),
        (["grade", "x", "--output", "y"], "does not take --output"),
        (["grade", "x", "--out", ""], "it is empty"),
        (["gradescope", "00", "--out", "a.txt"], "does not end in .zip"),
        (["slides", "start_here"], "start_here has no solution"),
        (["run", "--studnt"], "coursekit run --help"),
        (["lab", "--port=9999"], "lab -- --port=9999"),
        (["slides", "00", "--out", "docs"], "docs cannot be written (it is a folder)"),
        (["slides", "00", "--out", "README.md/x.html"], "README.md is a file"),
        (["site", "--out", "README.md"], "README.md cannot be written"),
        (["gradescope", "00", "--out", "docs"], "docs cannot be written (it is a folder)"),
        (["gradescope", "00", "--out", "README.md/a.zip"], "cannot be written"),
    ],
)
def test_wrong_arguments_get_one_sentence(arguments, words, capfd, monkeypatch):
    monkeypatch.chdir(root())
    assert cli.main(arguments) in (1, 2)
    captured = capfd.readouterr()
    said = (captured.out + captured.err).strip()
    assert words in said and "Traceback" not in said and len(said.splitlines()) <= 3


@pytest.mark.parametrize("name", ["1", "01", "01_xor_mlp", "notebooks/01_xor_mlp.ipynb"])
def test_a_notebook_is_named_as_people_name_it(name):
    assert [path.stem for path in build.sources([name])] == ["01_xor_mlp"]


def test_the_version(capfd):
    assert cli.main(["--version"]) == 0 and capfd.readouterr().out.strip() == __version__


def test_help_without_arguments(capfd):
    assert cli.main([]) == 0
    assert "doctor" in capfd.readouterr().out


def test_progress(capfd, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path))
    assert cli.main(["progress"]) == 0
    assert "Next: 00.1" in capfd.readouterr().out


def test_build_check(capfd):
    assert cli.main(["build", "--check"]) == 0
    assert "what its source gives" in capfd.readouterr().out


def notebook(folder, *code):
    import nbformat

    path = folder / "small.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in code]), path)
    return path


def test_execute_reports_checks_cells_and_errors(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    seen = []
    path = notebook(
        tmp_path, "import coursekit as ck", 'ck.check("01.2", ([[1, 1], [1, 1]], [0, -1], [1, -2], 0))', "1 / 0", "2"
    )
    done = run.execute(path, on_cell=lambda n, total: seen.append((n, total)))
    assert [check["status"] for check in done.checks] == ["passed"]
    assert done.error.startswith("ZeroDivisionError") and not done.passed and seen[0] == (1, 4)
    assert "COURSEKIT_LOG" not in os.environ


def test_execute_survives_a_kernel_that_dies(tmp_path):
    done = run.execute(notebook(tmp_path, "import os; os._exit(1)"))
    assert "died" in done.error.lower()


def test_a_kernel_that_does_not_start_is_named(tmp_path):
    code = "import nbclient, sys; from pathlib import Path; from coursekit import run; real = nbclient.NotebookClient; "
    code += "nbclient.NotebookClient = lambda *a, **k: real(*a, **{**k, 'startup_timeout': 1}); "
    code += "run.sys.executable = sys.argv[2]; print(run.execute(Path(sys.argv[1])).error)"
    deaf = tmp_path / "deaf"
    deaf.write_text("#!/bin/sh\nexec sleep 60\n")
    deaf.chmod(0o755)
    command = [sys.executable, "-c", code, str(notebook(tmp_path, "1")), str(deaf)]
    done = subprocess.run(command, cwd=root(), capture_output=True, text=True)
    assert "respond" in done.stdout and done.stderr == ""


@pytest.mark.parametrize("text", ["{not json", "{}", "[]", None])
def test_execute_names_a_notebook_that_cannot_be_read(tmp_path, text):
    path = tmp_path / "notebooks" / "01_xor_mlp.ipynb"
    path.parent.mkdir()
    if text is not None:
        path.write_text(text)
    done = run.execute(path)
    assert not done.passed and "cannot be read" in done.error and "git checkout -- notebooks/01_xor" in done.error


def test_what_passes_in_a_run_is_not_the_students_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    code = 'import coursekit as ck; ck.check("01.2", ([[1, 1], [1, 1]], [0, -1], [1, -2], 0))'
    assert run.execute(notebook(tmp_path, code)).passed
    assert not (tmp_path / "home").exists() and os.environ["COURSEKIT_HOME"] == str(tmp_path / "home")


@pytest.mark.skipif(os.name == "nt", reason="signals as Unix has them")
@pytest.mark.parametrize("kind", ["SIGINT", "SIGTERM"])
def test_a_run_that_is_stopped_ends_its_kernel_and_says_one_sentence(tmp_path, kind):
    mark = tmp_path / "pid"
    path = notebook(tmp_path, f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)")
    # What a terminal starts hears Ctrl-C; what was begun in the background, as these tests may be, does not.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from pathlib import Path; from coursekit import build, cli; "
    code += f"cli.ROOT = Path({str(tmp_path)!r}); build.sources = lambda names=None: [Path('0.py')]; "
    code += "cli.sys.exit(cli.main(['run', '00']))"
    (tmp_path / "course").mkdir()
    (tmp_path / "solutions").mkdir()
    path.rename(tmp_path / "solutions" / "0.ipynb")
    process = subprocess.Popen([sys.executable, "-c", code], cwd=root(), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(getattr(signal, kind))
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 130 and said.strip() == "Stopped. The same command goes on from here."
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_a_notebook_without_exercises_is_not_run_in_silence(capfd):
    assert cli.main(["run", "playground"]) == 0
    assert "playground has no solution" in capfd.readouterr().out


def test_root_is_told_what_jupyterlab_wants(monkeypatch, capfd):
    monkeypatch.setattr(cli.os, "geteuid", lambda: 0, raising=False)
    monkeypatch.setattr(bootstrap, "hand_over", lambda command: pytest.fail("it would be refused"))
    assert cli.main(["lab"]) == 2
    assert "lab -- --allow-root" in capfd.readouterr().err


@pytest.mark.parametrize(
    "roster, words", [("none.csv", "There is no file"), ("README.md", "The roster"), ("docs", "docs is a folder")]
)
def test_a_wrong_class_list_is_refused_before_the_grading(roster, words, tmp_path, monkeypatch, capfd):
    from coursekit.grading import grade

    monkeypatch.setattr(grade, "grade", lambda *arguments, **settings: pytest.fail("the class is graded"))
    monkeypatch.chdir(root())
    assert cli.main(["grade", str(tmp_path), "--out", str(tmp_path / "out"), "--roster", roster]) == 2
    assert words in capfd.readouterr().out


def test_grading_on_windows_says_its_sentence(monkeypatch, capfd):
    real = cli.importlib.util.find_spec
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: None if name == "resource" else real(name))
    assert cli.main(["grade", "x", "--out", "y"]) == 2
    assert "WSL" in capfd.readouterr().err


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_what_an_encoding_cannot_show_comes_out_plain(encoding, tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": encoding, "COURSEKIT_HOME": str(tmp_path), "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "coursekit", "progress"]
    done = subprocess.run(command, cwd=root(), env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "o1 o2 o3" in done.stdout, done.stderr


def test_no_file_holds_an_address_of_a_registry_or_a_machine():
    listed = subprocess.run(["git", "ls-files"], cwd=root(), capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    words = ["pypi" + ".org/", "files.python" + "hosted", "registry.npm" + "js", "/ro" + "ot/", "/ho" + "me/"]
    for name in listed.stdout.splitlines():
        path = root() / name
        if path.suffix in (".py", ".md", ".txt", ".toml", ".yml", ".ipynb", ".json", ".css", ".js") and path.exists():
            text = path.read_text(encoding="utf-8")
            assert not [word for word in words if word in text], name
