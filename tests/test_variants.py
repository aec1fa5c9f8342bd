"""Data of one's own: codes, seeds, and a check that follows them in the notebook and in the grader."""

import subprocess
import sys

import numpy as np
import pytest

from coursekit import variants
from coursekit.bootstrap import ROOT
from coursekit.checks import framework
from coursekit.checks.codec import pack, unpack
from coursekit.checks.report import Finding
from coursekit.checks.server import Objects, local_student
from coursekit.grading import judge


def data(seed):
    return np.random.default_rng(seed).normal(size=20)


def check_mean(student, rng, variant):
    mean = data(variant).mean()
    yield Finding("mean", abs(student.value("mean") - mean) < 1e-9, f"The mean of your data is {mean:.3f}.", points=2)


MEAN = framework.Exercise("00.9", "The mean of your data", check_mean, 2, {"mean": "a number"}, varies=True)
ANNA, BEN = variants.code("Anna", "a secret"), variants.code("Ben", "a secret")


@pytest.fixture(autouse=True)
def nobody():
    yield
    variants.use("")


def test_codes_differ_by_student_and_secret_and_not_by_spelling():
    assert ANNA.startswith("anna-") and ANNA != BEN
    assert variants.code("  ANNA ", "a secret") == ANNA
    assert variants.code("Anna", "another") != ANNA
    assert variants.seed(ANNA, "00.1") != variants.seed(ANNA, "00.2") != variants.seed(BEN, "00.2")


@pytest.mark.parametrize(("mine", "status"), [(ANNA, "passed"), (BEN, "failed"), ("", "failed")])
def test_the_check_follows_in_the_notebook_and_in_the_grader(mine, status):
    variants.use(mine)
    objects = {"mean": data(variants.variant("00.9")).mean()}
    anna = variants.seed(ANNA, "00.9")
    assert framework.judge(MEAN, local_student(objects), variant=anna).status == status
    servant = Objects(objects)

    def exchange(description, arrays):
        operation, args = unpack(description, arrays)
        return pack(["answer", None if operation == "bind" else servant.answer(operation, *args)], servant.keep)

    assert judge.verdict(framework, MEAN, exchange, {"mean": "mean"}, 1, anna).status == status


def test_without_a_code_the_class_has_one_set_of_data():
    objects = {"mean": data(variants.variant("00.9")).mean()}
    assert framework.judge(MEAN, local_student(objects)).passed


def test_the_command_prints_a_code_for_each_student(tmp_path):
    (tmp_path / "class.txt").write_text("Anna\n\nBen Müller\n", encoding="utf-8")
    command = [sys.executable, "-m", "coursekit", "codes", str(tmp_path / "class.txt")]
    command += ["--secret", str(tmp_path / "key")]
    first, again = (subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True) for _ in range(2))
    secret = (tmp_path / "key").read_text(encoding="utf-8").strip()
    wanted = [f"{name}\t{variants.code(name, secret)}" for name in ("Anna", "Ben Müller")]
    assert first.stdout.splitlines() == again.stdout.splitlines() == wanted
    command[4] = str(tmp_path / "nobody.txt")
    missing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert missing.returncode == 2 and "cannot be read" in missing.stdout and "Traceback" not in missing.stderr
