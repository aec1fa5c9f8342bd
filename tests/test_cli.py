"""The command line, the doctor, and the set-up of a fresh checkout."""

import os
import subprocess
import sys

import pytest

from coursekit import cli, run
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
        (["build", "77"], "no course/77"),
        (["build", "--repository", "nonsense"], "OWNER/NAME"),
        (["run", "77"], "no course/77"),
        (["slides", "77"], "no course/77"),
        (["lab", "--solution", "77"], "no course/77"),
    ],
)
def test_wrong_arguments_get_one_sentence(arguments, words, capfd):
    assert cli.main(arguments) in (1, 2)
    captured = capfd.readouterr()
    said = (captured.out + captured.err).strip()
    assert words in said and "Traceback" not in said and len(said.splitlines()) <= 3


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
