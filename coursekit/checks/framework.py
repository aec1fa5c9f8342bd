"""The `exercise` decorator, recorded thresholds, and `judge`, which runs one check and makes a `Report` of it."""

import json
import os
import re
import sys
import tomllib
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from zlib import crc32

import numpy as np

from coursekit import place
from coursekit.checks.codec import CodecError
from coursekit.checks.facts import training_facts
from coursekit.checks.proxy import CHANGED_INPUT, Missing, NotAttempted, StudentError, article
from coursekit.checks.report import FAILED, NOT_ATTEMPTED, PASSED, Finding, Report
from coursekit.error_hints import hint_of

_REGISTRY = {}
_JUDGED = ContextVar("the exercise that is being judged")
_UNTRAINED = frozenset(["constant", "untrained", "not-trained"])


@dataclass(frozen=True)
class Exercise:
    """One exercise: its check, and what the file beside the check module says of it.

    Parameters
    ----------
    id : str
        "01.3": the notebook's number and the part's.
    title : str
    check : callable
        ``check(student, rng)`` yields `Finding` s; it may raise `Misconception` to end with one. In place of a finding
        it may yield a function of no arguments that gives one or several: a part that, where it ends with a
        `Misconception` or with an error, of the student's or of the check's, leaves the later parts to be judged.
    points : float
        What a passed exercise is worth: the sum of the points of its findings.
    arguments : dict of str to str
        The objects it looks at: name -> what each is.
    hints : tuple of str
        From a nudge to nearly the answer.
    expected : str
        What is to be reached, in words, with numbers as ``{threshold name}``: shown from the start.
    answer : str
        What comes out, where that is the answer: shown after the first attempt.
    says : dict
        The sentences of its check by name, or by group and name. See `say`.
    """

    id: str
    title: str
    check: object
    points: float
    arguments: dict
    hints: tuple = ()
    expected: str = ""
    answer: str = ""
    says: dict = field(default_factory=dict)


def say(*names, **fields):
    """A sentence of the exercise that is being judged, with `fields` put in where it has ``{field}``.

    Parameters
    ----------
    *names : str
        "no-bias", or "step.no-bias" for the sentence of that name in the group "step"; the first that is there is said.
        The name of a group alone stands for its sentence "wrong".

    Raises
    ------
    KeyError
        Where the file beside the check module has none of them.
    """
    says = _JUDGED.get().says
    for name in names:
        group, _, inner = name.rpartition(".")
        sentence = (says.get(group, {}) if group else says).get(inner)
        if isinstance(sentence, dict):
            sentence = sentence.get("wrong")
        if isinstance(sentence, str):
            # "an int", "an MLPClassifier": what is put in decides about the article before it.
            with_articles = re.sub(r"\ba (?=\{(\w+)\})", lambda found: f"{article(fields[found[1]])} ", sentence)
            return with_articles.format(**fields)
    raise KeyError(f"{_JUDGED.get().id} has no sentence {' or '.join(names)}")


class Misconception(Exception):
    """Ends a check with one finding that does not hold.

    Its message is the sentence of that name, with `fields` put in, where none is given. Of a name in a group the group
    is no part of the code: ``Misconception("step.no-bias")`` has the code "no-bias".
    """

    def __init__(self, name, message=None, /, **fields):
        message = say(name, **fields) if message is None else message
        super().__init__(message)
        self.finding = Finding(name.rpartition(".")[2], False, message)


def fail_if(condition, name, /, **fields):
    """Raise `Misconception` where `condition` holds."""
    if condition:
        raise Misconception(name, **fields)


def check_that(code, passed, points=0.0, measured=None, **fields):
    """The `Finding` that something holds. It says the sentence "right" or "wrong" of the group `code`."""
    return Finding(code, passed, say(f"{code}.{'right' if passed else 'wrong'}", **fields), points, measured or {})


@cache
def _texts(path):
    return tomllib.loads(path.read_text(encoding="utf-8"))


def exercise(id):
    """Register a check as the one of exercise `id`.

    Its texts stand in the file beside the check module, ``n01_xor_mlp.toml``: in the table of its id `title`, `points`,
    `hints`, `expected`, `answer`, `arguments` and `says`. The table `says` at the top holds sentences of the whole
    notebook. See `Exercise` for what each is.
    """

    def register(check):
        if id in _REGISTRY and _REGISTRY[id].check.__module__ != check.__module__:
            raise ValueError(f"exercise {id} is declared twice")
        texts = _texts(Path(check.__globals__["__file__"]).with_suffix(".toml"))
        mine = {
            **texts[id],
            "hints": tuple(texts[id]["hints"]),
            "says": texts.get("says", {}) | texts[id].get("says", {}),
        }
        _REGISTRY[id] = Exercise(id, check=check, **mine)
        return check

    return register


@contextmanager
def judging(item):
    """While it lasts, `say` says the sentences of `item`."""
    token = _JUDGED.set(item)
    try:
        yield
    finally:
        _JUDGED.reset(token)


def notebooks():
    """The check module of every notebook: number ("04b") -> path of the module."""
    return {path.stem.split("_")[0][1:]: path for path in sorted(place.exercises().glob("n[0-9][0-9]*_*.py"))}


def modules():
    """Those of `notebooks`, and "00s", that of notebooks/start_here.ipynb: its exercise has no place in the marks."""
    start = place.exercises() / "start_here.py"
    return {**notebooks(), **({"00s": start} if start.exists() else {})}


def load(number):
    """The check module of a notebook; run at the first call, so that `exercise` registers what it declares.

    The engine knows it as a file of a folder that `place` names, and imports no exercise.
    """
    path = modules()[number]
    name = f"coursekit.exercises.{path.stem}"
    if name not in sys.modules:
        spec = spec_from_file_location(name, path)
        sys.modules[name] = module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[name])
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def get_exercise(id):
    """The exercise `id`; raises KeyError with a sentence that says which ids there are."""
    number = str(id).split(".")[0]
    if number not in modules():
        raise KeyError(f"There is no exercise {id!r}. Notebooks with exercises: {', '.join(notebooks())}.")
    load(number)
    if id not in _REGISTRY:
        raise KeyError(
            f"There is no exercise {id!r}. Notebook {number} has {', '.join(e.id for e in exercises_in(number))}."
        )
    return _REGISTRY[id]


def exercises_in(number):
    """The exercises of one notebook, in order."""
    load(number)
    mine = [item for item in _REGISTRY.values() if item.id.split(".")[0] == number]
    return sorted(mine, key=lambda item: int(item.id.split(".")[1]))


@cache
def _thresholds(folder):
    return json.loads((folder / "thresholds.json").read_text(encoding="utf-8"))


def threshold(id, name):
    """The recorded limit `name` of exercise `id`: the worst of its seeds, less a margin.

    NaN while the limits are being recorded for the first time, so that no comparison with it holds.
    """
    try:
        return _thresholds(place.exercises())[id][name]["threshold"]
    except KeyError:
        if os.environ.get("COURSEKIT_RECORD"):
            return float("nan")
        raise KeyError(f"no threshold {name!r} is recorded for {id}; run benchmarks/record.py") from None


def expected_texts(item):
    """What `Exercise.expected` and `Exercise.answer` say, with their thresholds put in."""

    def number(match):
        return format(threshold(item.id, match[1]), (match[2] or ":.3g")[1:])

    return tuple(re.sub(r"\{(\w+)(:[^}]*)?\}", number, text) for text in (item.expected, item.answer))


def judge(item, student, seed=None):
    """Run the check of `item` on `student` and return its `Report`. Never raises for what a student did.

    Parameters
    ----------
    item : Exercise
    student : Student
    seed : int, optional
        Seed of the inputs that the check draws; from the exercise's id where not given.
    """
    with judging(item):
        return _judge(item, student, seed)


def _judge(item, student, seed):
    seed = crc32(item.id.encode()) if seed is None else seed
    findings, waits = [], False
    try:
        for name, what in item.arguments.items():
            if _kind(student, name) == "NoneType":
                raise Misconception("none", f"`{name}` is None. It should be {what}; did a function forget to return?")
        for part in item.check(student, np.random.default_rng(seed)):
            findings.extend(findings_of(part))
    except NotAttempted as waiting:
        waits = all(finding.passed for finding in findings)
        findings.append(_waiting(item, *waiting.args))
    except Missing as missing:
        name = str(missing)
        message = (
            f"There is no `{name}` yet: {item.arguments.get(name, 'an object')}. If the cell that makes it ended in an "
            f"error, mend that first. Then call `{call_line(item)}`."
        )
        findings.append(Finding("missing", False, message))
    except KeyboardInterrupt:
        findings.append(Finding("interrupted", False, "The check was interrupted before it came to a verdict."))
    except Exception as error:
        findings.append(_finding_of(error))
    findings = _with_facts(item, student, findings)
    passed = bool(findings) and all(finding.passed for finding in findings)
    status = PASSED if passed else NOT_ATTEMPTED if waits else FAILED
    score = min(sum(finding.points for finding in findings if finding.passed), item.points)
    return Report(item.id, item.title, status, score, item.points, tuple(findings), seed)


def _with_facts(item, student, findings):
    """The findings, with what the models say of their training where that can be the cause: where the first that fails
    is a number short of its limit, or an answer that is the same everywhere."""
    first = next((i for i, finding in enumerate(findings) if not finding.passed), None)
    if first is None or not (findings[first].measured or findings[first].code in _UNTRAINED):
        return findings
    told = findings[first].message
    for name in [name for name in item.arguments if f"`{name}`" in told] or item.arguments:
        try:
            fact = training_facts(student, name)
        except Exception:  # the student's side may have ended by now, or lie
            continue
        again = "`max_iter` = " in told and "`max_iter` = " in fact  # the check itself has said where training stopped
        told += f" {fact}" if fact and fact not in told and not again else ""
    return [*findings[:first], replace(findings[first], message=told), *findings[first + 1 :]]


def findings_of(part):
    """The findings of a part of a check, as they come; what ends the part is its last one."""
    if isinstance(part, Finding):
        yield part
        return
    try:
        found = part()
        yield from [found] if isinstance(found, Finding) else found
    except (NotAttempted, Missing):  # these end the check
        raise
    except Exception as error:
        yield _finding_of(error)


def _finding_of(error):
    """The finding of what ended a check, or one of its parts."""
    if isinstance(error, Misconception):
        return error.finding
    if isinstance(error, StudentError):
        return _explain(error)
    if isinstance(error, CodecError):
        return Finding("unreadable", False, f"The answer could not be read: {error}. Hand in plain arrays.")
    if os.environ.get("COURSEKIT_DEBUG"):
        raise error
    message = f"The check itself failed on this answer ({type(error).__name__}: {error}). Please report it."
    return Finding("check-failed", False, message)


def _kind(student, name):
    """The kind of an object; "..." where it is still open, so that what is done already can be judged."""
    try:
        return student.kind(name)
    except NotAttempted:
        return "..."


def call_line(item):
    """How a student calls the check of `item`."""
    names = list(item.arguments)
    arguments = names[0] if len(names) == 1 else ", ".join(f"{name}={name}" for name in names)
    return f'ck.check("{item.id}", {arguments})'


def _waiting(item, name, advice="replace the `...` by your answer."):
    what = item.arguments.get(name)
    rest = f"it waits for {what}." if what else advice
    return Finding("not-attempted", False, f"`{name}` is still `...`: {rest}")


def without_machinery(text):
    """An error's text on one line, without terminal colours, names of TensorFlow kernels and the list of arguments."""
    text = re.sub(r"\x1b\[[0-9;]*m|\{\{function_node[^}]*\}\}| ?\[Op:\w+\](?: name: \S*)?", "", text)
    return " ".join(text.split("Arguments received by")[0].split())


def _explain(error):
    """One sentence for an error that the student's code raised."""
    text = without_machinery(error.text)
    text = text if len(text) <= 220 else text[:217] + "..."
    where = f" It happened at {error.line}." if error.line else ""
    where += f" The call was `{error.call}`." if error.call else ""
    if error.kind == CHANGED_INPUT:
        return Finding("changes-input", False, error.text)
    if error.kind == "NotFittedError":
        named = re.match(r"This (\w+) instance", text)
        which = f"The `{named[1]}`" if named else "The model"
        return Finding("not-fitted", False, f"{which} has never been fitted. Call its `fit` with the exercise's data.")
    if error.kind == "TypeError" and "'History' object is not callable" in text:
        message = "What was handed in is the History that `fit` returns. Hand in the model itself, after `fit`."
        return Finding("wrong-type", False, message)
    if error.kind == "TypeError" and "not callable" in text and not error.line:
        return Finding("wrong-type", False, f"What was handed in cannot be called or asked to predict: {text}.{where}")
    if "has not been built" in text or "has never been called" in text or "not yet been built" in text:
        message = "The model has no weights yet. Begin it with `keras.Input(shape=...)`, or fit it, before the check."
        return Finding("not-built", False, message)
    said = f"{error.kind}: {text}" if text else error.kind
    message = f"Your code raised {said}{'' if said.endswith('.') else '.'}{where} "
    message += hint_of(error.kind, error.text)  # the whole text: what it says last may be what names the cause
    return Finding("raises", False, message.rstrip())
