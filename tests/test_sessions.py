"""Every notebook is divided into sessions: of honest length, and each can be begun from the setup cells alone."""

import json
import os
import re
import subprocess
import sys
import tomllib

import pytest

from benchmarks.session_times import counted, split
from coursekit.build import root, solution_text, sources, stub_text
from coursekit.place import EXERCISES
from tests.runs import run_once

SOURCES = [path for path in sources() if path.stem[0].isdigit()]
LONGEST = 90  # minutes


def script(cells, solved):
    """The code of the cells, as the student or the solution notebook has it."""
    text = solution_text if solved else stub_text
    left_out = {"claim"} if solved else {"claim", "solution"}
    code = [cell for cell in cells if cell.cell_type == "code" and not left_out & set(cell.metadata.get("tags", []))]
    return "\n\n".join(text(cell.source) for cell in code)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_sessions_are_of_honest_length(source):
    sessions = split(source)[1]
    assert [session.number for session in sessions] == list(range(1, len(sessions) + 1)) and sessions
    assert [session.minutes for session in sessions] == counted(source), "benchmarks/session_times.py --write"
    assert max(session.minutes for session in sessions) <= LONGEST
    text = source.read_text(encoding="utf-8")
    total = sum(session.minutes for session in sessions)
    (said,) = re.findall(r"^# About (\d+) minutes in (\d+) sessions?", text, re.MULTILINE)
    assert said == (str(total), str(len(sessions)))
    assert all(f"of {len(sessions)} ·" in cell.source for cell in (session.cells[0] for session in sessions))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_given_code_asks_whether_an_answer_is_there_by_the_one_guard(source):
    """`if ck.ready(...)` at the top of a cell; no `x is ...` in the middle of what a learner reads."""
    for line in source.read_text(encoding="utf-8").splitlines():
        assert not re.search(r"\bis (not )?\.\.\.|\.\.\. (if|in)\b|plot\.waiting", line), line


@pytest.mark.parametrize("solved", [False, True], ids=["student", "solution"])
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_session_uses_nothing_of_another(source, solved):
    """Every name is one of the setup's or of the session's own."""
    setup, sessions = split(source)
    for session in sessions:
        code = script(setup + session.cells, solved)
        command = [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--isolated",
            "--select",
            "F821",
            "--output-format",
            "json",
            "-",
        ]
        found = subprocess.run(command, input=code, capture_output=True, text=True).stdout
        names = sorted({problem["message"] for problem in json.loads(found)})
        assert not names, f"session {session.number}: {names}"


def test_each_session_runs_alone(tmp_path):
    """The setup cells and one later session of each student notebook, as it is handed out, in one process.

    The first session follows the setup cells in the notebook too, which tests/test_notebooks.py runs.
    """
    scripts = {}
    for source in SOURCES:
        setup, sessions = split(source)
        sessions = {str(session.number): script(session.cells, solved=False) for session in sessions[1:]}
        scripts[source.stem] = {"setup": script(setup, solved=False), "sessions": sessions}
    path = tmp_path / "scripts.json"
    path.write_text(json.dumps(scripts))
    environment = {**os.environ, "MPLBACKEND": "Agg", "COURSEKIT_HOME": str(tmp_path), "PYTHONPATH": str(root())}
    command = [sys.executable, "-c", "from tests.run_sessions import main; main('scripts.json')"]

    def run():
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]

    run_once("sessions", path, run)


def test_the_readme_has_the_sessions_and_hours_that_the_notebooks_state():
    rows = re.findall(
        r"\| \[(\w+)\]\S+ \|.*\| (\d), about ([\d.]+) h \|", (root() / "README.md").read_text(encoding="utf-8")
    )
    stated = {source.stem: [session.minutes for session in split(source)[1]] for source in SOURCES}
    assert {name: (int(n), float(hours)) for name, n, hours in rows} == {
        name: (len(minutes), round(sum(minutes) / 60, 1)) for name, minutes in stated.items()
    }


def test_the_instructors_page_has_the_minutes_that_the_notebooks_state():
    text = (root() / "docs" / "instructors.md").read_text(encoding="utf-8")
    stated = {
        (source.stem.split("_")[0], str(session.number)): session.minutes
        for source in SOURCES
        for session in split(source)[1]
    }
    named = re.findall(r"\b(\d\d[bc]?) · (\d) \((\d+)\)", text)
    assert len(named) > 50 and all(stated[number, session] == int(minutes) for number, session, minutes in named)
    for line in text.splitlines():
        parts, total = re.findall(r" · \d \((\d+)\)", line), re.search(r"\| (\d+) \|$", line)
        assert not (parts and total) or sum(map(int, parts)) == int(total[1]), line
    hours = f"{sum(stated.values()) / 60:.0f} hours"
    assert f"has {len(stated)} sessions" in text and f"together {hours}" in text
    assert f"together take about {hours}" in (root() / "README.md").read_text(encoding="utf-8")
    assert f"of {min(stated.values())} to {max(stated.values())} minutes" in text


def test_the_causes_on_the_instructors_page_are_causes_of_the_checks():
    named = re.findall(r"\| (\d\d[bc]?\.\d+) `([\w-]+)` \|", (root() / "docs" / "instructors.md").read_text())
    assert len(named) >= 20
    for id, cause in named:
        (path,) = EXERCISES.glob(f"n{id.split('.')[0]}_*.toml")
        texts = tomllib.loads(path.read_text(encoding="utf-8"))
        assert f"{cause} = " in path.read_text(encoding="utf-8"), (id, cause)
        says = str(texts[id].get("says", {})) + str(texts.get("says", {}))
        assert f"'{cause}'" in says, (id, cause)
