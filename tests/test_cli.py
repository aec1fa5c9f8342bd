"""The command line, the doctor, and the set-up of a fresh checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit import bootstrap, cli, doctor, run
from coursekit.build import root


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["frob"], "No such command"),
        (["run", "--frob"], "No such option"),
        (["build", "--repository"], "requires an argument"),
        (["build", "77"], "no course/77"),
        (["build", "--repository", "nonsense"], "OWNER/NAME"),
        (["run", "77"], "no course/77"),
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


# --- doctor


def statuses(results):
    return [result.status for result in results]


def test_doctor_finds_this_install_in_order():
    assert "bad" not in statuses([*doctor._python(), *doctor._packages(), *doctor._clashes(), *doctor._data()])


def test_doctor_names_a_wrong_python(monkeypatch):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 10, 1))
    (result,) = doctor._python()
    assert result.status == "bad" and "3.11 to 3.13" in result.what


def test_doctor_names_missing_and_old_packages(monkeypatch):
    found = {"keras": "2.15.0", "nbclient": None}
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: found[name] if name in found else real(name))
    bad = {result.what: result.mend for result in doctor._packages() if result.status == "bad"}
    assert "keras 2.15.0 is outside" in " ".join(bad) and "nbclient is missing" in bad
    assert all("pip install" in mend for mend in bad.values())


def test_doctor_names_clashes(monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda name: "2.21")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert statuses(doctor._clashes()) == ["bad", "note", "bad"]


def test_doctor_names_damaged_data(monkeypatch):
    from coursekit.data import files

    monkeypatch.setattr(files, "verify", lambda name: "boston.csv is damaged. Mend it." if name == "boston.csv" else "")
    (result,) = doctor._data()
    assert (result.status, result.what, result.mend) == ("bad", "boston.csv is damaged", "Mend it.")


# --- bootstrap


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A checkout without an environment, and a record of the commands that would be run."""
    for name in ("requirements.txt", "tests/requirements.txt", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((root() / name).read_bytes())
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    calls = []

    def call(command, **settings):
        calls.append(command)
        if command[1:3] == ["-m", "venv"]:
            bootstrap.venv_python().parent.mkdir(parents=True)
            bootstrap.venv_python().write_text("")
        return 0

    monkeypatch.setattr(bootstrap.subprocess, "call", call)
    return calls


def test_a_fresh_checkout_installs_once(fresh):
    bootstrap.ensure()
    text = [" ".join(map(str, command)) for command in fresh]
    assert any("-m venv" in line for line in text)
    assert any("uv pip install" in line and "--require-hashes" in line for line in text)
    fresh.clear()
    bootstrap.ensure()
    assert fresh == [], "the second start costs nothing"
    bootstrap.ensure(test=True)
    assert any(str(Path("tests") / "requirements.txt") in " ".join(map(str, c)) for c in fresh)


def test_changed_requirements_install_again(fresh):
    bootstrap.ensure()
    fresh.clear()
    (bootstrap.ROOT / "requirements.txt").write_text("numpy")
    bootstrap.ensure()
    assert fresh


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_a_wrong_python_stops_with_one_sentence(fresh, monkeypatch, capfd, version):
    monkeypatch.setattr(bootstrap.sys, "version_info", version)
    assert bootstrap.rerun(["lab"]) == 1
    assert "3.11 to 3.13" in capfd.readouterr().err


def test_a_failed_install_is_one_sentence_and_goes_on_next_time(fresh, monkeypatch, capfd):
    works = bootstrap.subprocess.call
    monkeypatch.setattr(bootstrap.subprocess, "call", lambda c, **s: 1 if "--require-hashes" in c else works(c, **s))
    assert bootstrap.rerun(["lab"]) == 1
    assert "could not be installed" in capfd.readouterr().err
    monkeypatch.setattr(bootstrap.subprocess, "call", works)
    fresh.clear()
    bootstrap.ensure()
    assert any("--require-hashes" in command for command in fresh)


@pytest.mark.parametrize("arguments", [["--help"], [], ["grade", "x"], ["run"], ["build"], ["doctor"], ["test", "-x"]])
def test_every_command_of_a_bare_python_sets_itself_up(arguments):
    """Without site-packages each command must reach the set-up code, and nothing else."""
    code = f"""
import runpy, sys
sys.path.insert(0, {str(root())!r})
from coursekit import bootstrap
bootstrap.rerun = lambda arguments, test: print("set up:", arguments, test)
sys.argv = ["coursekit", *{arguments!r}]
runpy.run_module("coursekit", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-S", "-I", "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == f"set up: {arguments} {arguments[:1] == ['test']}", done.stderr


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
