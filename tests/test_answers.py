"""Which answers are there, and which are still stubs."""

import pytest

from coursekit.answers import is_missing, ready, resume


def unpacks():
    a, b = ..., ...
    return a, b


def keeps():
    answer = ...
    return answer


def partly(x):
    if x:
        return ...
    return 3


class Layer:
    def call(self, x):
        return ...


class Written:
    def call(self, x):
        return x[..., None]


def ellipsis_as_index(x, i):
    x[...] = x[i, ...] + x[..., i]
    return x[..., 0]


def inner():
    def part():
        return ...

    return part


@pytest.mark.parametrize("answer", [
    ..., (1, ...), [...], {"a": ...}, lambda: ..., unpacks, keeps, partly, inner, Layer,
])  # fmt: skip
def test_missing(answer):
    assert is_missing(answer)


@pytest.mark.parametrize(
    "answer", [0, None, "", [], {}, print, lambda x: x[..., 0], ellipsis_as_index, Written, Written()]
)
def test_there(answer):
    assert not is_missing(answer)


def test_ready_says_what_it_waits_for(capsys):
    assert ready("01.8", 3, ellipsis_as_index) and not capsys.readouterr().out
    assert not ready("01.8", 3, unpacks)
    assert "waits for exercise 01.8" in capsys.readouterr().out


def test_resume_prefers_the_notebook_s_own(monkeypatch):
    assert resume("no_such_network", lambda: "the course's") == "the course's"
    monkeypatch.setitem(globals(), "network", ...)
    assert resume("network", lambda: "the course's") == "the course's"
    monkeypatch.setitem(globals(), "network", "own")
    assert resume("network", lambda: "the course's") == "own"
