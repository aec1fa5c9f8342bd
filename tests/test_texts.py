"""What stands in the files beside the check modules: each sentence is said, and what is said stands there."""

import ast
import string
import tomllib

import pytest

from coursekit.place import EXERCISES

MODULES = sorted(EXERCISES.glob("n*.py"))
ENDS = {"right", "wrong", "measured", "advice"}  # what check_that and check_limit say of a group


def strings(node):
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def named(says):
    """Every sentence of a table by its full name."""
    for name, sentence in says.items():
        if isinstance(sentence, dict):
            yield from ((f"{name}.{inner}", said) for inner, said in sentence.items())
        else:
            yield name, sentence


def tables(path):
    """The tables of sentences of a module's file: that of the notebook, and that of each exercise with it."""
    texts = tomllib.loads(path.with_suffix(".toml").read_text(encoding="utf-8"))
    common = texts.pop("says", {})
    return common, {id: common | texts[id].get("says", {}) for id in texts}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_sentence_is_said(path):
    spelt = strings(ast.parse(path.read_text(encoding="utf-8")))
    known = {part for text in spelt for part in (text, text.replace("_", "-"), *text.split("."))}
    for says in tables(path)[1].values():
        for name, _ in named(says):
            group, _, inner = name.rpartition(".")
            assert {inner, group or inner} <= known | ENDS, f"{path.stem} never says {name!r}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_what_is_said_stands_there_with_its_fields(path):
    """Of every `Wrong`, `fail_if`, `check_that` and `say` whose name is written out."""
    fields = {}
    for says in tables(path)[1].values():
        for name, sentence in named(says):
            found = {field for _, field, _, _ in string.Formatter().parse(sentence) if field}
            fields.setdefault(name, []).append(found)
            fields.setdefault(name.removesuffix(".wrong"), []).append(found)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        at = {"Wrong": 0, "fail_if": 1, "check_that": 0, "say": 0}.get(called)
        if at is None or not isinstance(node.args[at], ast.Constant) or (called == "Wrong" and len(node.args) == 2):
            continue
        name = node.args[at].value
        names = [f"{name}.right", f"{name}.wrong"] if called == "check_that" else [name]
        if called == "check_that" and isinstance(node.args[1], ast.Constant):
            names = names[:1] if node.args[1].value else names[1:]
        given, where = {keyword.arg for keyword in node.keywords}, f"{path.stem}:{node.lineno}"
        for name in names:
            assert name in fields, f"{where} says {name!r}, which does not stand in its file"
            assert None in given or any(asked <= given for asked in fields[name]), f"{where}: fields of {name!r}"
