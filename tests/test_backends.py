"""Three solutions with Keras on JAX, in an environment without TensorFlow. Optional: filling it takes 800 MB."""

import json
import os
import subprocess
import sys

import pytest

from coursekit.build import root
from tests.test_install import environment

# "1" fills an environment; anything else is the Python of one that is there.
NAMED = os.environ.get("COURSEKIT_TEST_BACKENDS", "")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not NAMED, reason="optional: COURSEKIT_TEST_BACKENDS=1 fills an environment with JAX for it"),
]


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A Python with JAX and without TensorFlow."""
    if NAMED != "1":
        return NAMED
    packages = ["jax", "keras>=3.10,<4", "xgboost-cpu>=2.1,<4" if sys.platform != "darwin" else "xgboost>=2.1,<4"]
    return environment(tmp_path_factory.mktemp("jax") / "env", *packages, "-e", f"{root()}[lab]")


@pytest.mark.parametrize("number", ["02c", "03", "08"])
def test_every_check_passes_on_jax(python, tmp_path, number):
    code = "import importlib.util as u; print(bool(u.find_spec('tensorflow')), bool(u.find_spec('jax')))"
    there = subprocess.run([python, "-c", code], capture_output=True, text=True)
    assert there.stdout.split() == ["False", "True"], there.stdout + there.stderr
    command = [python, "benchmarks/backends.py", number, "--backend", "jax", "--write", tmp_path / "table"]
    path = os.pathsep.join(filter(None, [str(root()), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(command, cwd=root(), env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))["rows"]
    assert not row["errors"] and not row["not_passed"], row
    assert row["passed"] == row["checks"] > 0
