"""nbval over every notebook: solutions in strict mode, untouched student notebooks in untouched mode."""

import json
import subprocess
import sys

import nbformat
import pytest

from coursekit.build import exercises, root, sources
from coursekit.run import execute, log_of_checks, nbval_command
from tests.runs import run_once
from tests.warm_kernels import Server

NAMES = [path.stem for path in sources() if path.stem[0].isdigit()]


@pytest.fixture(scope="session")
def warm_kernels(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("kernels"))
    yield server
    server.end()


def nbval(path, mode, folder, kernels=None):
    """Run one notebook under nbval in `folder`; returns the finished process and the log of its checks."""
    command, environment = nbval_command(path, mode, folder)
    if kernels is not None and sys.platform == "linux":  # elsewhere a process with threads is not safely forked
        kernels.take_over(folder / "jupyter" / "kernels" / "python3" / "kernel.json")
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=600)
    return done, log_of_checks(folder)


@pytest.mark.parametrize(
    "mode, kind, status", [("strict", "solutions", "passed"), ("untouched", "notebooks", "not attempted")]
)
@pytest.mark.parametrize("name", NAMES)
def test_notebook(name, mode, kind, status, tmp_path, warm_kernels):
    path = root() / kind / f"{name}.ipynb"

    def run():
        done, log = nbval(path, mode, tmp_path, warm_kernels)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        return log

    log = run_once(f"{name}-{mode}", path, run)
    assert [entry["exercise"] for entry in log] == exercises(root() / "course" / f"{name}.py")
    assert {entry["status"] for entry in log} == {status}
    assert {entry["python"] for entry in log} == {sys.executable}, "another environment's kernel ran the notebook"


def notebook(path, *sources):
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources]), path)
    return path


def test_a_failing_check_fails_nbval(tmp_path):
    """nbval by itself passes a notebook whose check printed a cross; the strict mode must not."""
    wrong = notebook(
        tmp_path / "in" / "wrong.ipynb", 'import coursekit as ck\nck.check("01.3", lambda X: X[:, 0] > 0.5)'
    )
    done, log = nbval(wrong, "strict", tmp_path)
    assert done.returncode == 1 and log[0]["status"] == "failed"


def test_a_kernel_of_another_environment_is_not_taken(tmp_path, monkeypatch):
    """Jupyter would start the first kernel called python3 that it finds: here one that ends at once."""
    foreign = tmp_path / "foreign" / "kernels" / "python3"
    foreign.mkdir(parents=True)
    spec = {"argv": [sys.executable, "-c", "raise SystemExit"], "display_name": "Python 3", "language": "python"}
    (foreign / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "foreign"))
    small = notebook(tmp_path / "in" / "small.ipynb", 'import coursekit as ck\nck.check("01.2", ...)')
    done, log = nbval(small, "untouched", tmp_path)
    assert done.returncode == 0 and log[0]["python"] == sys.executable, done.stdout
    assert execute(small).checks[0]["python"] == sys.executable
