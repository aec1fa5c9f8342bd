"""The recorded limits: at least ten seeds each, and exactly the margins that the checks declare."""

import ast
import json
import string

import pytest

from coursekit import place
from coursekit.checks import framework

RECORDED = json.loads((place.EXERCISES / "thresholds.json").read_text(encoding="utf-8"))
DECLARED = {
    (id, name): margin
    for number in framework.notebooks()
    for id, names in framework.load(number).MARGINS.items()
    for name, margin in names.items()
}


def test_every_margin_has_a_record_and_every_record_a_margin():
    recorded = {(id, name) for id, names in RECORDED.items() if id != "_recorded" for name in names}
    assert recorded == set(DECLARED)


def test_each_threshold_is_the_worst_of_ten_seeds_and_the_margin():
    for (id, name), margin in DECLARED.items():
        record = RECORDED[id][name]
        values = list(record["values"].values())
        worst = min(values) if margin < 0 else max(values)
        assert len(values) >= 10 and record["worst"] == worst, (id, name)
        assert record["threshold"] == pytest.approx(worst + margin, abs=1e-6), (id, name)
        assert framework.threshold(id, name) == record["threshold"]


def test_the_record_says_how_it_was_made():
    for id, _ in DECLARED:
        what = id if id in RECORDED["_recorded"] else id.split(".")[0]  # one exercise, or its whole notebook
        made = RECORDED["_recorded"][what]
        assert made["command"].startswith(f"python benchmarks/record.py {what} --seeds ") and made["keras"]


def forms(tree, id, name):
    """How the checks of a module write the number `name` of exercise `id`, where `check_metric` says it."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "check_metric":
            said = [getattr(part, "value", None) for part in call.args]
            named = {part.arg: getattr(part.value, "value", None) for part in call.keywords}
            if said[0] in (None, id) and said[1] in (None, name):  # a name of the check's own may stand for either
                yield named.get("form", said[4] if len(said) > 4 else ".1%")


@pytest.mark.parametrize("number", framework.notebooks())
def test_expected_says_a_limit_to_the_digits_of_its_check(number):
    tree = ast.parse(framework.notebooks()[number].read_text(encoding="utf-8"))
    for item in framework.exercises_in(number):
        for _, name, form, _ in string.Formatter().parse(item.expected):
            said = set(forms(tree, item.id, name)) if name else set()
            assert said <= {form}, f"{item.id} expects {{{name}:{form}}}, and its check says {said}"


def test_a_limit_that_is_not_recorded_is_no_limit(monkeypatch):
    with pytest.raises(KeyError, match="record.py"):
        framework.threshold("01.1", "nothing")
    monkeypatch.setenv("COURSEKIT_RECORD", "1")
    assert not framework.threshold("01.1", "nothing") <= 1.0
