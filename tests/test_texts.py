"""What stands in the files beside the check modules: each sentence is said, and what is said stands there."""

import ast
import re
import string
import tomllib

import pytest

from coursekit.place import EXERCISES

MODULES = sorted(EXERCISES.glob("n*.py"))
ENDS = {"right", "wrong", "measured", "advice"}  # what check_that and check_metric say of a group


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
    """The table of sentences of each exercise of a module, with those of the whole notebook."""
    texts = tomllib.loads(path.with_suffix(".toml").read_text(encoding="utf-8"))
    common = texts.pop("says", {})
    return {id: common | texts[id].get("says", {}) for id in texts}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_sentence_is_said(path):
    spelt = strings(ast.parse(path.read_text(encoding="utf-8")))
    known = {part for text in spelt for part in (text, text.replace("_", "-"), *text.split("."))}
    for says in tables(path).values():
        for name, _ in named(says):
            group, _, inner = name.rpartition(".")
            assert {inner, group or inner} <= known | ENDS, f"{path.stem} never says {name!r}"


def checks(tree):
    """For each exercise of a module its check and the functions of the module that it uses, however far away."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}

    def used(node, found):
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id in functions and part.id not in found:
                found[part.id] = functions[part.id]
                used(functions[part.id], found)
        return found

    for node in functions.values():
        for call in node.decorator_list:
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "exercise":
                yield call.args[0].value, [node, *used(node, {}).values()]


def said(node):
    """Every call that says a sentence whose name is written out: the name, and the fields that it hands in."""
    for part in ast.walk(node):
        called = part.func.id if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) else ""
        at = {"Misconception": 0, "fail_if": 1, "check_that": 0, "say": 0}.get(called)
        if (
            at is None
            or not isinstance(part.args[at], ast.Constant)
            or (called == "Misconception" and len(part.args) == 2)
        ):
            continue
        name, fields = part.args[at].value, {keyword.arg for keyword in part.keywords}
        ends = ["right", "wrong"]
        if called == "check_that" and isinstance(part.args[1], ast.Constant):
            ends = ["right"] if part.args[1].value else ["wrong"]
        for spelt in [f"{name}.{end}" for end in ends] if called == "check_that" else [name]:
            yield part.lineno, spelt, fields


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_what_is_said_stands_there_with_its_fields(path):
    """Of every exercise that may say it."""
    table = tables(path)
    for id, functions in checks(ast.parse(path.read_text(encoding="utf-8"))):
        sentences = dict(named(table[id]))
        sentences |= {name.removesuffix(".wrong"): text for name, text in sentences.items() if name.endswith(".wrong")}
        for function in functions:
            for line, name, given in said(function):
                where = f"{path.stem}:{line}, exercise {id}"
                assert name in sentences, f"{where} says {name!r}, which does not stand in its file"
                asked = {field for _, field, _, _ in string.Formatter().parse(sentences[name]) if field}
                assert None in given or asked <= given, f"{where}: fields of {name!r}"


@pytest.mark.parametrize("path", sorted(EXERCISES.glob("*.toml")), ids=lambda path: path.stem)
def test_no_sentence_has_raw_asterisks(path):
    """A card sets what stands between backticks as code, and nothing else: *word* would keep its asterisks."""
    prose = re.sub("`[^`\n]*`", "", path.read_text(encoding="utf-8"))
    assert not re.findall(r"(?<![\w*])\*[A-Za-z](?:[A-Za-z -]*[A-Za-z])?\*(?![\w*])", prose)
