"""The set-up cell of every notebook, run as it is in a stand-in for Colab."""

import os
import re
import shutil
import subprocess
import sys
import time

import nbformat
import pytest

from coursekit import build, colab

# What a Colab runtime of 2025 brought: older versions within the allowed range. pip is there, as in Colab.
COLAB = ["pip", "tensorflow-cpu==2.19.0", "keras==3.10.0", "numpy==1.26.4", "pandas==2.2.2", "scikit-learn==1.6.1"]
COLAB += ["matplotlib==3.10.0", "scipy==1.14.1", "pillow==11.1.0", "ipywidgets==7.7.1", "ipykernel==6.29.5", "nbclient"]


def test_the_cell_is_short_plain_python():
    text = colab.setup_cell("owner/name", "main")
    compile(text, "cell", "exec")
    assert len(text.splitlines()) <= 15
    assert "git+https://github.com/owner/name@main" in text and "--no-deps" in text


def test_elsewhere_the_cell_is_silent_and_instant():
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", colab.setup_cell("owner/name", "main")], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert time.perf_counter() - start < 2


def test_every_notebook_has_the_cell_and_the_badge():
    course = build.settings()
    for kind in ("notebooks", "solutions"):
        for path in (build.root() / kind).glob("*.ipynb"):
            cells = nbformat.read(path, as_version=4).cells
            first = next(cell for cell in cells if cell.cell_type == "code")
            assert first.source == colab.setup_cell(course["repository"], course["branch"])
            assert colab.badge(course["repository"], course["branch"], f"{kind}/{path.name}") in cells[0].source


def run(*command, **settings):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **settings)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """An environment with Colab's versions and a `google.colab` module; the course's address leads to this checkout."""
    folder = tmp_path_factory.mktemp("colab")
    run(sys.executable, "-m", "uv", "venv", "-q", folder / "env", "--python", sys.executable)
    python = next(path for path in (folder / "env").glob("*/python*") if path.stem == "python")
    filled = run(sys.executable, "-m", "uv", "pip", "install", "-q", "--python", python, *COLAB)
    if filled.returncode != 0:
        pytest.skip(f"the stand-in cannot be filled here: {filled.stderr.strip().splitlines()[-1]}")
    module = folder / "modules" / "google"
    module.mkdir(parents=True)
    (module / "colab.py").write_text("")
    (folder / "modules" / "sitecustomize.py").write_text("import google.colab\n")
    # The repository: the tracked files of this checkout, as they are now, committed anew.
    copy = folder / "repository"
    for name in run(
        "git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=build.root()
    ).stdout.splitlines():
        if (build.root() / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(build.root() / name, copy / name)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], [*identity, "commit", "-q", "-m", "copy"]):
        assert run("git", *command, cwd=copy).returncode == 0
    environment = os.environ | {
        "PYTHONPATH": str(folder / "modules"),
        "COURSEKIT_HOME": str(folder / "home"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{copy.as_posix()}.insteadOf",
        "GIT_CONFIG_VALUE_0": f"https://github.com/{build.settings()['repository']}",
    }
    return python, folder, environment


@pytest.mark.slow
@pytest.mark.xdist_group("colab")
@pytest.mark.skipif(sys.version_info[:2] > (3, 12), reason="TensorFlow 2.19 has no build for this Python")
def test_the_cell_installs_and_the_solution_runs(runtime):
    python, folder, environment = runtime
    versions = (
        "from importlib.metadata import version as v; print([v(n) for n in ('tensorflow-cpu', 'keras', 'numpy')])"
    )
    before = run(python, "-c", versions).stdout
    solution = build.root() / "solutions" / "01_xor_mlp.ipynb"
    cell = next(c for c in nbformat.read(solution, as_version=4).cells if c.cell_type == "code")
    start = os.times()
    done = run(python, "-c", cell.source, env=environment, cwd=folder)
    seconds = sum(os.times()[2:4]) - sum(start[2:4])  # the processor's, which hardly depend on what else runs
    assert done.returncode == 0 and "could not" not in done.stdout, done.stdout + done.stderr
    assert seconds < 20, f"the set-up cell took {seconds:.0f} s of processor time"
    assert run(python, "-c", versions).stdout == before, "Colab's own packages must stay"
    assert re.search(r"3\.10\.0", before)
    where = run(python, "-c", "import coursekit; print(coursekit.__file__)", cwd=folder).stdout
    assert str(folder) in where

    shutil.copy(solution, folder)
    code = f"""
import nbclient, nbformat
notebook = nbformat.read(r"{folder / solution.name}", as_version=4)
notebook.metadata.kernelspec = {{"name": "python3", "display_name": "Python 3"}}
notebook.cells.append(nbformat.v4.new_code_cell("ck.widgets.PointPad()"))
nbclient.NotebookClient(notebook, timeout=300).execute()
assert "image/png" in notebook.cells[-1].outputs[0].data, "with ipywidgets 7 a widget leaves a still picture too"
warned = [out.text for cell in notebook.cells for out in cell.get("outputs", ()) if out.get("name") == "stderr"]
assert not any("structure" in text for text in warned), warned
"""
    strict = environment | {"COURSEKIT_MODE": "strict", "COURSEKIT_LOG": str(folder / "log")}
    executed = run(python, "-c", code, env=strict, cwd=folder)
    assert executed.returncode == 0, executed.stderr[-3000:]
    ids = build.exercises(build.root() / "course" / "01_xor_mlp.py")
    assert (folder / "log").read_text().count('"status": "passed"') == len(ids)
