"""The machinery of the checks: reports, codec, both transports, modes, progress."""

import io
import json
import os
import struct
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from coursekit.checks import framework, notebook, progress
from coursekit.checks.codec import CodecError, RemoteObject, pack, read_frame, unpack, write_frame
from coursekit.checks.proxy import CHANGED_INPUT, Missing, NotAttempted, StudentError
from coursekit.checks.report import Finding, Report
from coursekit.checks.server import local_student, predict_keras
from coursekit.checks.vocabulary import metrics, models
from coursekit.data import make_xor
from tests.pipes import end, pipe_student, serve


def keep(item):
    return RemoteObject(0, type(item).__name__)


def through_a_frame(value):
    stream = io.BytesIO()
    write_frame(stream, *pack(value, keep))
    stream.seek(0)
    return unpack(*read_frame(stream))


# --- codec


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 2.5, float("inf"), "text", ..., [1, [2, "x"]], (1, 2), {"a": [1.0], 3: None}, {}, []],
    ids=repr,
)
def test_plain_data_crosses_unchanged(value):
    assert through_a_frame(value) == value
    assert type(through_a_frame(value)) is type(value)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "bool", "complex64", "U5"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
def test_arrays_cross_with_shape_and_dtype(dtype, shape):
    array = np.ones(shape).astype(dtype)
    again = through_a_frame(array)
    assert again.shape == array.shape and again.dtype == array.dtype and np.array_equal(again, array)


def test_arrays_are_copies():
    array = np.zeros(3)
    crossed = unpack(*pack(array, keep))
    crossed += 1
    assert array.sum() == 0


def test_fortran_order_and_views_cross():
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))[:, ::2]
    assert np.array_equal(through_a_frame(array), array)


def test_other_objects_become_handles():
    assert through_a_frame(object()) == RemoteObject(0, "object")
    assert through_a_frame(np.array([object()], dtype=object)) == RemoteObject(0, "ndarray")


def test_arrays_of_python_numbers_become_plain():
    assert np.array_equal(through_a_frame(np.array([1.5, 2], dtype=object)), [1.5, 2.0])


def test_pandas_and_tensors_cross_as_arrays():
    import pandas as pd

    assert np.array_equal(through_a_frame(pd.Series([1, 2])), [1, 2])
    assert through_a_frame(pd.DataFrame({"a": [1.0]})).shape == (1, 1)


def test_what_is_too_deep_is_refused():
    deep = []
    for _ in range(50):
        deep = [deep]
    with pytest.raises(CodecError, match="deep"):
        pack(deep, keep)


def test_a_message_that_is_too_deep_is_refused():
    deep = {"l": []}
    for _ in range(50):
        deep = {"l": [deep]}
    with pytest.raises(CodecError, match="deep"):
        unpack(deep, [])


def test_a_list_in_itself_is_refused():
    loop = []
    loop.append(loop)
    with pytest.raises(CodecError):
        pack(loop, keep)


class Raising(dict):
    """Looks as it likes to a list of items, and raises when it is asked for its length."""

    def items(self):
        raise RuntimeError

    def __len__(self):
        raise RuntimeError


def test_a_class_of_the_students_own_is_not_asked_for_its_parts():
    assert through_a_frame(Raising({"a": 1})) == {"a": 1}
    assert through_a_frame(np.longdouble(1.5)) == 1.5
    assert through_a_frame(type("Homeless", (), {"__module__": None})()) == RemoteObject(0, "Homeless")


def test_a_number_of_thousands_of_digits_is_an_object():
    assert through_a_frame(2**1024 - 1) == 2**1024 - 1
    assert through_a_frame(10**5000) == RemoteObject(0, "int")


@pytest.mark.parametrize("value", ["é" * 5_000_001, [type("x" * 1_000_000, (), {})() for _ in range(6)]])
def test_too_much_text_is_refused(value):
    with pytest.raises(CodecError, match="5,000,000 characters"):
        pack(value, keep)


DAMAGED = [
    {"a": 5}, {"a": -1}, {"x": 1}, {"l": 3}, {"a": 0, "b": 1}, {"h": [float("inf"), "x", 1]}, {"h": [{}, "x", 1]},
    {"d": [[{"l": []}, 1]]}, {"d": [{"x": 1, "y": 2}]}, {"d": [[1]]}, {"d": [5]},
]  # fmt: skip


@pytest.mark.parametrize("message", DAMAGED)
def test_damaged_messages_are_refused(message):
    with pytest.raises(CodecError):
        unpack(message, [])


def test_pickled_arrays_never_load():
    stream = io.BytesIO()
    np.save(stream, np.array([print], dtype=object), allow_pickle=True)
    body = stream.getvalue()
    frame = io.BytesIO(struct.pack(">QQI", 7, len(body), 1) + b'{"a":0}' + body)
    with pytest.raises(CodecError):
        read_frame(frame)


def frame_of(text, blob=b"", count=0):
    return io.BytesIO(struct.pack(">QQI", len(text), len(blob), count) + text + blob)


def saved(header):
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()


@pytest.mark.parametrize("shape", ["(0L,)", "(1,)" + " " * 1000, f"({10**30},)", "(-1,)", "[0]", "'x'"])
def test_an_array_with_an_odd_header_is_refused_at_once(shape):
    one = saved(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}")
    start = time.monotonic()
    with pytest.raises(CodecError):
        read_frame(frame_of(b'{"a":0}', one * 40_000, 40_000))
    assert time.monotonic() - start < 5


def test_what_takes_long_to_parse_is_refused_and_nothing_of_ours_is():
    start = time.monotonic()
    with pytest.raises(CodecError, match="too many items"):
        read_frame(frame_of(b"[" + b"[[]]," * 10_000_000 + b"0]"))
    assert time.monotonic() - start < 5
    with pytest.raises(CodecError):
        read_frame(
            frame_of(b'{"a":0}', saved("{'descr': '<f8', 'fortran_order': False, 'shape': (0,)}"), 1), most_arrays=0
        )
    for value in ([{0: ","}] * 40_000, [",[{" * 1_600_000], [np.float32(1) * np.ones(())] * 20_000):
        assert len(through_a_frame(value)) == len(value)


def test_a_frame_that_claims_to_be_huge_is_refused():
    with pytest.raises(CodecError, match="larger"):
        read_frame(io.BytesIO(struct.pack(">QQI", 2**60, 0, 0)))


def test_a_stream_that_ends_early_is_told():
    with pytest.raises(EOFError):
        read_frame(io.BytesIO(b"\0" * 7))


# --- the handle, both transports


def piped(objects):
    """A `StudentProxy` at the end of two real pipes, served by a thread."""
    (ask_r, ask_w), (say_r, say_w) = os.pipe(), os.pipe()
    reader, writer = os.fdopen(ask_r, "rb"), os.fdopen(say_w, "wb")
    threading.Thread(target=serve, args=(objects, reader, writer), daemon=True).start()
    to_child = os.fdopen(ask_w, "wb")
    student = pipe_student(os.fdopen(say_r, "rb"), to_child)
    student.close = lambda: end(to_child)
    return student


@pytest.fixture(params=[local_student, piped], ids=["local", "pipe"])
def transport(request):
    return request.param


def bad_function(x):
    return x / undefined_name  # noqa: F821


def test_values_calls_and_handles(transport):
    student = transport({"x": np.arange(3), "double": lambda a: 2 * a, "make": lambda: lambda a: a + 1})
    assert np.array_equal(student.value("x"), [0, 1, 2])
    assert np.array_equal(student.call("double", np.array([1, 2])), [2, 4])
    made = student.call("make")
    assert made.callable and student.call(made, 1) == 2


def test_each_handle_stands_for_its_own_object(transport):
    student = transport({"make": lambda step: lambda a: a + step})
    one, ten = student.call("make", 1), student.call("make", 10)
    assert (student.call(one, 5), student.call(ten, 5)) == (6, 15)


def test_a_name_that_is_not_there_is_missing(transport):
    with pytest.raises(Missing, match="model"):
        transport({"f": 1}).value("model")


def test_what_an_answer_prints_is_dropped(transport, capsys):
    transport({"f": lambda: print("here I am")}).call("f")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("columns", [1, 1500])
def test_every_row_is_predicted_whatever_the_size_of_a_batch(columns):
    X = np.arange(1500.0)[:, None] * np.ones(columns)
    assert np.array_equal(predict_keras(lambda rows, training: rows[:, 0], X), X[:, 0])


def test_dots_are_not_attempted(transport):
    student = transport({"x": ..., "f": lambda: ..., "g": lambda: (1, ...)})
    for ask in (lambda: student.value("x"), lambda: student.call("f"), lambda: student.call("g")):
        with pytest.raises(NotAttempted):
            ask()


def test_errors_carry_the_students_line(transport):
    with pytest.raises(StudentError) as error:
        transport({"f": bad_function}).call("f", 1.0)
    assert error.value.kind == "NameError"
    assert "return x / undefined_name" in error.value.line
    with pytest.raises(StudentError) as error:
        transport({"f": lambda x: bad_function(x)}).call("f", 1.0)
    assert "return x / undefined_name" in error.value.line, "the innermost line is the one to mend"


class Wordless(Exception):
    def __str__(self):
        raise RuntimeError


def test_an_error_that_cannot_be_put_into_words_is_the_students(transport):
    def answer():
        raise Wordless

    with pytest.raises(StudentError, match="Wordless"):
        transport({"f": answer}).call("f")


def test_exit_in_a_function_is_an_error_not_an_end(transport):
    with pytest.raises(StudentError):
        transport({"f": lambda: sys.exit(0)}).call("f")


ASIDE = {
    "prints": print,
    "warns": lambda x: warnings.warn("a warning of mine", stacklevel=1),
    "sleeps": lambda x: time.sleep(0.01),
    "reseeds": lambda x: np.random.seed(0),
}


@pytest.mark.parametrize("ask", ["call", "predict"])
@pytest.mark.parametrize("aside", ASIDE)
def test_what_an_answer_does_beside_answering_changes_no_verdict(transport, aside, ask):
    def answer(x):
        result = 2 * x
        ASIDE[aside](x)
        return result

    def check(student, rng):
        for x in rng.random((3, 5)):
            yield Finding("right", np.array_equal(getattr(student, ask)("f", x), 2 * x), "", points=1)

    item = framework.Exercise("99.1", "A title", check, 3, {"f": "a function"})
    report = framework.judge(item, transport({"f": answer}))
    assert report.passed and report.score == 3, report


@pytest.mark.parametrize("ask", ["call", "predict"])
@pytest.mark.parametrize("ends", [SystemExit, KeyError, RecursionError, MemoryError], ids=lambda kind: kind.__name__)
def test_an_answer_that_ends_badly_is_told(transport, ends, ask):
    def answer(x):
        raise ends("the cat sat on the keyboard")

    def check(student, rng):
        yield Finding("right", getattr(student, ask)("f", rng.random(5)) is None, "", points=1)

    item = framework.Exercise("99.1", "A title", check, 1, {"f": "a function"})
    report = framework.judge(item, transport({"f": answer}))
    message = report.findings[0].message
    assert report.codes == ("raises",) and ends.__name__ in message
    assert ("The call was `f(an array (5,))`." in message) == (ask == "call")


def test_code_that_changes_what_it_is_given_is_wrong_whatever_it_answers(transport):
    def shift(a):
        a += 1
        return a

    def shift_within(parts):
        parts["inner"][0][:] = 1
        return 1.0

    def shift_view(a):
        a.reshape(-1)[0] = 1
        return a

    given = np.zeros(2)
    for name, argument in (("shift", given), ("shift_within", {"inner": [given]}), ("shift_view", given)):
        student = transport({"shift": shift, "shift_within": shift_within, "shift_view": shift_view})
        with pytest.raises(StudentError) as error:
            student.call(name, argument)
        assert error.value.kind == CHANGED_INPUT and f"`{name}` changes an array" in error.value.text
    assert given.sum() == 0, "the check's own array"


def test_the_part_that_changes_its_argument_fails_and_the_others_are_judged(transport):
    def check(student, rng):
        yield lambda: Finding("shifted", student.call("shift", np.zeros(2)).sum() == 2, "", points=1)
        yield Finding("doubled", student.call("double", 2.0) == 4, "", points=1)

    def shift(a):
        a += 1
        return a

    item = framework.Exercise("99.1", "A title", check, 2, {"shift": "a function", "double": "a function"})
    report = framework.judge(item, transport({"shift": shift, "double": lambda x: 2 * x}))
    assert report.codes == ("changes-input",) and report.score == 1, report


def test_an_argument_with_nan_that_stays_as_it_is_is_not_changed(transport):
    assert transport({"f": np.nansum}).call("f", np.array([1.0, np.nan])) == 1


def test_the_global_seed_is_given_back(transport):
    np.random.seed(1)
    first = np.random.rand()
    np.random.seed(1)
    transport({"f": lambda: np.random.seed(7)}).call("f")
    assert np.random.rand() == first


def test_histories_of_every_kind(transport):
    import pandas as pd

    class History:
        history = {"loss": [2.0, 1.0], "val_loss": [3.0, 2.0]}

    for record in (History(), History.history, pd.DataFrame(History.history)):
        assert transport({"h": record}).history("h")["val_loss"] == [3.0, 2.0]
    assert transport({"h": [2, 1]}).history("h") == {"loss": [2.0, 1.0]}


def test_layers_and_weights_of_scikit_learn(transport):
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier((3,), max_iter=2).fit(np.random.default_rng(0).random((8, 2)), [0, 1] * 4)
    student = transport({"m": model})
    assert [layer["units"] for layer in student.layers("m")] == [3, 1]
    assert [w.shape for layer in student.weights("m") for w in layer] == [(2, 3), (3,), (3, 1), (1,)]
    assert student.describe("m")["n_params"] == 13


# --- judge


def judged(check, objects, arguments=None):
    item = framework.Exercise("99.1", "A title", check, 2, arguments or {"f": "a function"})
    return framework.judge(item, local_student(objects))


def one(code, passed, points=2):
    def check(student, rng):
        student.call("f")
        yield Finding(code, passed, "seen", points=points)

    return check


def test_the_three_outcomes():
    assert judged(one("a", True), {"f": lambda: 1}).status == "passed"
    assert judged(one("a", False), {"f": lambda: 1}).status == "failed"
    assert judged(one("a", True), {"f": ...}).status == "not attempted"


def test_points_are_those_of_what_holds():
    def check(student, rng):
        yield Finding("half", True, "", points=1)
        yield Finding("rest", False, "", points=1)

    report = judged(check, {"f": 1})
    assert (report.score, report.points, report.codes) == (1, 2, ("rest",))


def test_a_check_that_finds_nothing_does_not_pass():
    assert judged(lambda student, rng: iter(()), {"f": 1}).status == "failed"


@pytest.mark.parametrize(
    "objects, code", [({"f": None}, "none"), ({}, "missing"), ({"f": 3}, "wrong-type"), ({"f": bad_function}, "raises")]
)
def test_each_bad_answer_has_its_code(objects, code):
    report = judged(one("a", True), objects)
    assert report.status == "failed" and report.codes == (code,)


def test_a_part_that_ends_early_leaves_the_next_to_be_judged():
    def check(student, rng):
        def refused():
            raise framework.Misconception("shape", "no")

        def broken():
            yield Finding("first", True, "", points=0.5)
            student.call("f")

        yield refused
        yield broken
        yield lambda: student.value("g").shape[1]  # an error of the check's own
        yield lambda: Finding("last", True, "", points=1)

    report = judged(check, {"f": bad_function, "g": np.zeros(3)})
    assert (report.status, report.score, report.codes) == ("failed", 1.5, ("shape", "raises", "check-failed"))


def test_a_part_that_is_still_open_waits():
    def check(student, rng):
        yield lambda: Finding("done", True, "", points=1)
        yield lambda: Finding("open", student.value("f") == 1, "", points=1)

    report = judged(check, {"f": ...})
    assert (report.status, report.score) == ("not attempted", 1)


def test_what_failed_is_not_hidden_by_a_part_that_is_still_open():
    def check(student, rng):
        yield Finding("wrong", False, "", points=1)
        yield Finding("open", student.value("f") == 1, "", points=1)

    report = judged(check, {"f": ...})
    assert (report.status, report.codes) == ("failed", ("wrong", "not-attempted"))


def test_an_error_of_tensorflow_is_told_without_its_machinery():
    kernel = "{{function_node __wrapped__BatchMatMulV2_device_/job:localhost/replica:0/task:0/device:CPU:0}}"
    text = (
        f"Exception encountered when calling GraphLayer.call().\n\n\x1b[1m{kernel} In[0] mismatch In[1] shape: 4 vs. 3 "
        "[Op:BatchMatMulV2] name: \x1b[0m\n\nArguments received by GraphLayer.call():\n  inputs=[...]"
    )
    assert framework.without_machinery(text) == (
        "Exception encountered when calling GraphLayer.call(). In[0] mismatch In[1] shape: 4 vs. 3"
    )


def test_what_was_never_fitted_is_named():
    from sklearn.ensemble import RandomForestRegressor

    def check(student, rng):
        student.predict("f", np.zeros((2, 1)))
        yield Finding("fitted", True, "", points=2)

    message = judged(check, {"f": RandomForestRegressor()}).findings[0].message
    assert message.startswith("The `RandomForestRegressor` has never been fitted.")


def test_an_error_that_is_known_gets_its_sentence_in_the_card():
    def check(student, rng):
        student.call("f")
        yield Finding("right", True, "", points=1)

    message = judged(check, {"f": lambda: np.zeros(3) + np.zeros(4)}).findings[0].message
    assert message.startswith("Your code raised ValueError: operands") and "do not fit together" in message


def test_our_own_error_is_a_finding_not_a_traceback(monkeypatch):
    monkeypatch.delenv("COURSEKIT_DEBUG", raising=False)

    def check(student, rng):
        yield 1 / 0

    assert judged(check, {"f": 1}).codes == ("check-failed",)


# --- questions that many checks ask


@pytest.mark.parametrize(
    "scores",
    [[0, 1], [0.2, 0.7], [[-0.2], [0.3]], [[0.6, 0.4], [0.1, 0.9]], [[3.0, -1.0], [-0.2, 0.3]]],
    ids=["labels", "probabilities", "logits", "two columns", "two logits"],
)
def test_scores_of_every_kind_become_labels(scores):
    student = local_student({"model": lambda X: np.array(scores)})
    assert models.predicted_labels(student, "model", np.zeros((2, 1))).tolist() == [0, 1]


def test_a_share_below_its_limit_does_not_hold():
    limit = framework.threshold("01.3", "accuracy")
    says = {"accuracy": {"measured": "{value} of the {n} points", "advice": "Train on all {n}."}}
    with framework.judging(framework.Exercise("99.1", "A title", None, 1, {}, says=says)):
        # 96.96 % is written as 97.0 %, and so is the limit.
        for share, holds in ((limit, True), (limit - 0.0004, True), (limit - 0.001, False)):
            finding = metrics.check_metric("01.3", "accuracy", share, n=20)
            assert finding.passed is holds and finding.message.startswith(f"{share:.1%} of the 20 points; at least")
            assert finding.message.endswith("was asked for." if holds else "is asked for. Train on all 20.")


# --- what a student calls


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path))
    for name in ("COURSEKIT_MODE", "COURSEKIT_LOG", "COURSEKIT_RECORD"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


right_xor = MLPClassifier((16,), activation="tanh", solver="lbfgs", max_iter=1000, random_state=0)
right_xor.fit(*make_xor(n_samples=400, noise=0.15, seed=0))


def test_check_by_position_and_by_name(home):
    assert notebook.check("01.3", right_xor).passed
    assert notebook.check("01.3", model=right_xor).passed


@pytest.mark.parametrize("call", [lambda: notebook.check("01.99"), lambda: notebook.check("77.1", 1)])
def test_an_unknown_exercise_gets_one_sentence(home, call):
    assert call().codes == ("unknown-exercise",)


def test_a_wrong_call_says_how_to_call(home):
    report = notebook.check("01.3", modle=right_xor)
    assert report.codes == ("wrong-call",) and 'ck.check("01.3", model)' in report.findings[0].message
    assert notebook.check("01.3").codes == ("missing",)
    assert notebook.check("01.3", 1, 2).codes == ("wrong-call",)
    assert notebook.check("01.3", right_xor, model=right_xor).codes == ("wrong-call",)


def test_modes(home, monkeypatch):
    monkeypatch.setenv("COURSEKIT_MODE", "strict")
    assert notebook.check("01.3", right_xor).passed
    with pytest.raises(notebook.CheckFailed):
        notebook.check("01.3", ...)
    monkeypatch.setenv("COURSEKIT_MODE", "untouched")
    assert notebook.check("01.3", ...).status == "not attempted"
    for answer in (right_xor, None):
        with pytest.raises(notebook.CheckFailed):
            notebook.check("01.3", answer)
    with pytest.raises(notebook.CheckFailed):
        notebook.check("01.99", ...)


def test_the_log_holds_one_line_a_check(home, monkeypatch):
    monkeypatch.setenv("COURSEKIT_LOG", str(home / "log"))
    notebook.check("01.3", right_xor)
    notebook.check("01.3", ...)
    lines = [json.loads(line) for line in (home / "log").read_text().splitlines()]
    assert [line["status"] for line in lines] == ["passed", "not attempted"]


def test_hints_come_one_after_the_other():
    notebook._hints_shown.clear()
    texts = [notebook.hint("01.3").text for _ in range(4)]
    assert texts[:3] == list(framework.get_exercise("01.3").hints) and texts[3] == texts[2]
    assert "no exercise" in notebook.hint("01.99").text


def test_expected_puts_the_thresholds_in():
    assert "{" not in notebook.expected("01.3").text


def test_the_answer_and_the_picture_open_after_the_first_attempt(home):
    notebook._attempted.clear()
    item = framework.get_exercise("01.1")
    assert item.answer not in notebook.expected("01.1").text and notebook.expected("01.3").picture is None
    notebook.check("01.1", best=..., line=..., perceptron=...)
    assert item.answer not in notebook.expected("01.1").text
    notebook.check("01.1", best=2, line=(1, 1, 1), perceptron=lambda X, w, b: X)
    notebook.check("01.3", None)
    assert item.answer in notebook.expected("01.1").text and notebook.expected("01.3").picture is not None
    assert notebook.expected("04.3", now=True).text.endswith(framework.get_exercise("04.3").answer)


def test_progress_survives_and_keeps_the_best(home):
    notebook.check("01.3", right_xor)
    notebook.check("01.3", None)
    assert progress.load()["01.3"]["status"] == "passed"
    assert "✓3" in str(notebook.progress())
    assert notebook.progress().next().id != "01.3"


def test_untouched_leaves_no_progress(home):
    notebook.check("01.3", ...)
    assert progress.load() == {}


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"01.3": 3}', '{"01.3": {"status": "passed"}}', "\0"])
def test_damaged_progress_is_set_aside(home, content):
    (home / "progress.json").write_text(content)
    assert progress.load() == {}
    assert (home / "progress.damaged").exists()
    notebook.check("01.3", right_xor)
    assert progress.load()["01.3"]["score"] == 2


def test_a_folder_that_cannot_be_written_fails_no_student(home, monkeypatch):
    (home / "file").write_text("")
    monkeypatch.setenv("COURSEKIT_HOME", str(home / "file"))
    assert notebook.check("01.3", right_xor).passed


def test_report_shows_and_escapes():
    report = Report("01.1", "<b>", "failed", 0, 2, (Finding("x-y", False, "saw `a<b` & <script>"),))
    html = report._repr_html_()
    assert "<script>" not in html and "<code>a&lt;b</code>" in html and "x-y" in html
    assert str(report).startswith("01.1 <b>: failed (0 of 2 points)")


def test_importing_coursekit_is_light():
    code = (
        "import sys, coursekit; heavy = {'tensorflow', 'keras', 'matplotlib', 'sklearn', 'pandas', 'numpy'}"
        "; print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_tensorflow_multiplies_in_full_on_a_gpu():
    import tensorflow as tf

    from coursekit.session import multiply_in_full

    assert tf.config.experimental.tensor_float_32_execution_enabled()
    multiply_in_full("TensorFlow")
    assert not tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(True)
