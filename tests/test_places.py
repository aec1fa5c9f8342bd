"""What is ready for other places than a laptop: the set-up cell on Kaggle, and files that such places read."""

import importlib.util
import json
import re
import subprocess
import tomllib

from coursekit import cli, colab
from coursekit.build import root


def run_cell(monkeypatch, status):
    """Run the set-up cell where coursekit is missing; returns the commands that it calls, each ending with `status`."""
    calls = []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "call", lambda command: calls.append(command) or status)
    exec(colab.setup_cell("owner/name", "main"), {})
    return calls


def test_on_kaggle_the_cell_installs(monkeypatch, capsys):
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    (command,) = run_cell(monkeypatch, 0)
    assert "--no-deps" in command and command[-1].endswith("github.com/owner/name@main")
    assert capsys.readouterr().out == ""


def test_on_kaggle_without_internet_it_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    run_cell(monkeypatch, 1)
    assert "Kaggle: Internet on" in capsys.readouterr().out


def test_elsewhere_it_installs_nothing(monkeypatch, capsys):
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    assert run_cell(monkeypatch, 0) == []
    assert "python -m coursekit lab" in capsys.readouterr().out


def commands_in(text):
    """The calls of coursekit's command line in a text, as lists of words."""
    exec_form = [json.loads(line) for line in re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)]
    shell_form = [line.split() for line in re.findall(r"python -m coursekit [^\"\n]*", text)]
    return [words[3:] for words in exec_form + shell_form]


def test_the_command_line_takes_what_the_images_call():
    called = []
    for name in (".devcontainer/devcontainer.json", "Dockerfile"):
        called += commands_in((root() / name).read_text(encoding="utf-8"))
    assert len(called) == 3
    for words in called:
        known = words[: words.index("--")] if "--" in words else words
        cli.parser().parse_args(known)


def test_extras_and_versions_are_the_project_s():
    project = tomllib.loads((root() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name in (".binder/requirements.txt", "docs/hub.Dockerfile"):
        (extras,) = re.findall(r"\[([\w,]+)\]", (root() / name).read_text(encoding="utf-8"))
        assert set(extras.split(",")) <= set(project["optional-dependencies"])
    places = [(root() / name).read_text(encoding="utf-8") for name in ("Dockerfile", ".binder/runtime.txt")]
    places.append(json.loads((root() / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))["image"])
    for text in places:
        assert "3.12" in text and project["requires-python"] == ">=3.11,<3.14"
