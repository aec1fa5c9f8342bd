"""The cache of what the cases train: read back when nothing has changed, made anew when anything has."""

import importlib
import linecache
import shutil
import sys

import numpy as np
import pytest

from coursekit import place, run
from tests.runs import Passed, run_once

MODULE = """
from functools import cache

import numpy as np

from tests.trained import trained_once

FACTOR = 2.0


@cache
def data():
    from coursekit.data import make_xor

    return make_xor(10, 0.1, seed=0)[0]


class Own:
    pass


def fit(factor):
    return factor * data().sum()


@trained_once
def answer(factor=1.0):
    calls.append(factor)
    return fit(factor * FACTOR)


@trained_once
def with_settings(**settings):
    calls.append(settings)
    return dict(settings)


@trained_once
def odd():
    calls.append("odd")
    return lambda: 1


@trained_once
def network():
    import keras

    calls.append("network")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model, model.fit(data(), data()[:, 0], epochs=2, verbose=0)


calls = []
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Import the module afresh, as another process would, with some of its text replaced."""
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)

    def load(old="", new=""):
        assert old in MODULE
        (tmp_path / "cases_for_the_cache.py").write_text(MODULE.replace(old, new) if old else MODULE)
        sys.modules.pop("cases_for_the_cache", None)
        importlib.invalidate_caches()
        linecache.clearcache()
        return importlib.import_module("cases_for_the_cache")

    return load


def test_what_was_made_is_read_back(load):
    first = load()
    value = first.answer()
    assert first.answer(1.0) == first.answer(factor=1.0) == value and first.calls == [1.0]
    again = load()
    assert again.answer() == value and again.calls == []
    assert again.answer(3.0) == pytest.approx(3 * value) and again.calls == [3.0]


def test_settings_of_any_name_are_told_apart(load):
    first = load()
    assert first.with_settings(a=1) == {"a": 1} and first.with_settings(b=1) == {"b": 1}
    assert load().with_settings(b=1) == {"b": 1}


@pytest.mark.parametrize(
    "change",
    [
        ("return factor * data()", "return 1.0 * factor * data()"),  # a function that it uses
        ("FACTOR = 2.0", "FACTOR = 5.0"),  # a number that it uses
        ("make_xor(10", "make_xor(12"),  # what a function that it uses is cached from
        ("fit(factor * FACTOR)", "fit(FACTOR * factor)"),  # its own text
    ],
    ids=lambda change: change[0],
)
def test_what_has_changed_is_made_anew(load, change):
    load().answer()
    changed = load(*change)
    changed.answer()
    assert changed.calls == [1.0]


def test_what_has_nothing_to_do_with_it_may_change(load):
    load().answer()
    changed = load("class Own:\n    pass", "class Own:\n    x = 1")
    changed.answer()
    assert changed.calls == []


def test_what_cannot_be_written_is_kept_in_the_process(load):
    module = load()
    assert module.odd()() == module.odd()() == 1 and module.calls == ["odd"]
    assert load().odd()() == 1


def test_a_damaged_file_is_made_anew(load, tmp_path):
    value = load().answer()
    for path in (tmp_path / "cache" / "trained").iterdir():
        path.write_bytes(b"damaged")
    again = load()
    assert again.answer() == value and again.calls == [1.0]


def test_networks_and_their_histories_come_back(load):
    model, history = load().network()
    again = load()
    model_again, history_again = again.network()
    assert again.calls == []
    X = again.data().astype("float32")
    assert np.allclose(model(X), model_again(X)) and history.history == history_again.history


def test_a_run_that_ended_well_is_not_repeated(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "cache"))
    notebook, ran = tmp_path / "small.ipynb", []
    notebook.write_text("one")

    def run():
        ran.append(notebook.read_text())
        assert ran[-1] != "wrong"
        return {"of": ran[-1]}

    for _ in range(2):
        assert run_once("small", notebook, run) == {"of": "one"}
    notebook.write_text("wrong")
    for _ in range(2):
        with pytest.raises(AssertionError):
            run_once("small", notebook, run)
    notebook.write_text("two")
    assert run_once("small", notebook, run) == {"of": "two"}
    monkeypatch.setattr("coursekit.run._digest_of_surroundings", lambda unseen: "another version of a package")
    assert run_once("small", notebook, run) == {"of": "two"}
    assert ran == ["one", "wrong", "wrong", "two", "two"]
    assert len(list((tmp_path / "cache" / "runs").iterdir())) == 1


def test_what_ran_before_in_the_same_process_does_not_make_a_notebook_run_again(tmp_path, monkeypatch):
    digest = run._digest_of_surroundings.__wrapped__  # behind its cache
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    before = digest(run.UNSEEN)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")  # as `ck.setup` does
    brought_along = tmp_path / "_vendor" / "other-1.0.dist-info"
    brought_along.mkdir(parents=True)
    (brought_along / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(brought_along.parent)  # as `import setuptools` does
    assert digest(run.UNSEEN) == before
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert digest(run.UNSEEN) != before


def test_a_case_that_passed_is_judged_again_where_what_judges_it_has_changed(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path))
    package = tmp_path / "package"
    shutil.copytree(place.PACKAGE / "exercises", package / "exercises")
    monkeypatch.setattr(place, "PACKAGE", package)
    monkeypatch.setattr(run, "_digest_of_surroundings", run._digest_of_surroundings.__wrapped__)  # behind its cache

    def kept(change):
        change.write_text(change.read_text() + "# changed\n")
        return "test_case 01.3/one" in Passed("01")

    Passed("01").add("test_case 01.3/one")
    assert kept(package / "exercises" / "n02_decision_boundaries.py")
    assert not kept(package / "exercises" / "n01_xor_mlp.py")
    Passed("01").add("test_case 01.3/one")
    assert not kept(package / "exercises" / "digits.py")
    assert len(list((tmp_path / "passed").iterdir())) == 1
