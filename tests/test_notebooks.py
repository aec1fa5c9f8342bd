"""nbval over every notebook: solutions in strict mode, untouched student notebooks in untouched mode."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from coursekit.build import exercises, root, sources

NAMES = [path.stem for path in sources() if path.stem[0].isdigit()]


def nbval(path, mode, folder):
    """Run one notebook under nbval in `folder`; returns the finished process and the log of its checks."""
    copy = shutil.copy(path, folder)
    environment = os.environ | {
        "COURSEKIT_MODE": mode,
        "COURSEKIT_LOG": str(folder / "log"),
        "COURSEKIT_HOME": str(folder / "home"),
    }
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300"]
    done = subprocess.run(
        [*command, "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(folder), str(copy)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
    )
    log = folder / "log"
    return done, [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []


@pytest.mark.slow
@pytest.mark.parametrize(
    "mode, kind, status", [("strict", "solutions", "passed"), ("untouched", "notebooks", "not attempted")]
)
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.xdist_group(f"nbval-{name}")) for name in NAMES])
def test_notebook(name, mode, kind, status, tmp_path):
    done, log = nbval(root() / kind / f"{name}.ipynb", mode, tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert [entry["exercise"] for entry in log] == exercises(root() / "course" / f"{name}.py")
    assert {entry["status"] for entry in log} == {status}


@pytest.mark.slow
def test_a_failing_check_fails_nbval(tmp_path):
    """nbval by itself passes a notebook whose check printed a cross; the strict mode must not."""
    import nbformat

    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell('import coursekit as ck\nck.check("01.3", lambda X: X[:, 0] > 0.5)')]
    )
    (tmp_path / "in").mkdir()
    nbformat.write(notebook, tmp_path / "in" / "wrong.ipynb")
    done, log = nbval(tmp_path / "in" / "wrong.ipynb", "strict", tmp_path)
    assert done.returncode == 1 and log[0]["status"] == "failed"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["notebooks", "solutions"])
def test_notebooks_are_committed_without_outputs(name, kind):
    cells = json.loads((root() / kind / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)
