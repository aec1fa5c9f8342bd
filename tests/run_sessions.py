"""Runs the setup cells and one session after another of each notebook, as a student would who begins there."""

import json

import matplotlib.pyplot as plt


def main(path):
    with open(path, encoding="utf-8") as file:
        scripts = json.load(file)
    notebook = {"__name__": "__main__"}
    empty = dict(notebook)
    for name, parts in scripts.items():
        run(parts["setup"], name, notebook)
        set_up = dict(notebook)
        for number, session in parts["sessions"].items():
            notebook.clear()
            notebook.update(set_up)
            run(session, f"{name}, session {number}", notebook)
            plt.close("all")
        notebook.clear()
        notebook.update(empty)


def run(script, name, notebook):
    try:
        exec(compile(script, name, "exec"), notebook)
    except Exception as error:
        raise SystemExit(f"{name}: {type(error).__name__}: {error}") from error
