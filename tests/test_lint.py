"""What a linter sees: rules, form, and sentences that were broken in the middle."""

import re
import subprocess
import sys

import pytest

from coursekit.build import root


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_finds_nothing(command):
    done = subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=root(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


def test_no_sentence_is_broken_into_crumbs():
    """A tool that wraps lines had left pieces such as "is the " alone on a line."""
    crumb = re.compile(r'^ *f?"[^"]{1,20} "\n *f?"', re.M)
    found = [
        f"{path.relative_to(root())}: {match[0].split()[0]}"
        for path in [*root().glob("coursekit/**/*.py"), *root().glob("benchmarks/*.py")]
        for match in crumb.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_tests_of_one_group_run_in_one_process(tmp_path):
    """Where pytest and xdist do not fit together, groups are ignored without a word, and a class is graded twice."""
    (tmp_path / "test_small.py").write_text(
        "import os, pytest\n"
        "group = pytest.mark.xdist_group\n"
        "@pytest.mark.parametrize('k', [pytest.param(k, marks=group(str(k // 4))) for k in range(8)])\n"
        "def test(k):\n    open(f'{k}.pid', 'w').write(str(os.getpid()))\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadgroup", "."]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    ran = [(tmp_path / f"{k}.pid").read_text() for k in range(8)]
    assert len(set(ran[:4])) == len(set(ran[4:])) == 1
