"""Runs and verdicts that were as they should be are kept, and not repeated while all that decides them is the same."""

import json
from pathlib import Path

from coursekit import place
from coursekit.run import UNSEEN, cache_folder, digest_of_run

TESTS = Path(__file__).parent


def run_once(name, path, run):
    """What `run()` returns, in this run of the tests or in an earlier one of the same file in the same surroundings.

    A run that raises is not kept. Deleting the folder `cache_folder("runs")` costs time, nothing else.

    Parameters
    ----------
    name : str
        What runs: of each name the last run is kept.
    path : Path
        The file that runs; see `coursekit.run.digest_of_run`.
    run : callable
        Returns what JSON can hold.
    """
    kept = cache_folder("runs") / f"{name}-{digest_of_run(path)}.json"
    if kept.exists():
        return json.loads(kept.read_text(encoding="utf-8"))
    result = run()
    kept.parent.mkdir(parents=True, exist_ok=True)
    for other in kept.parent.glob(f"{name}-*.json"):
        other.unlink(missing_ok=True)
    whole = kept.with_suffix(".part")
    whole.write_text(json.dumps(result), encoding="utf-8")
    whole.replace(kept)
    return result


class Passed:
    """The tests of one notebook's cases that have passed, in this run of the tests or in an earlier one.

    They are kept while what judges them is the same: the package, but for the exercises of other notebooks; the cases;
    and whatever else `coursekit.run.digest_of_run` looks at.
    """

    def __init__(self, number):
        (cases,) = TESTS.glob(f"cases/c{number}_*.py")
        own = {f"n{cases.stem[1:]}{suffix}" for suffix in (".py", ".toml")}
        others = [path.name for path in place.PACKAGE.glob("exercises/n[0-9]*") if path.name not in own]
        judges = [path for path in TESTS.glob("cases/*.py") if not path.name[1].isdigit()]
        judges += [TESTS / name for name in ("test_cases.py", "trained.py", "pipes.py")]
        digest = digest_of_run(cases, *sorted(judges), unseen=(*UNSEEN, *sorted(others)))
        self._file = cache_folder("passed") / f"{number}-{digest}.txt"
        self._names = set(self._file.read_text(encoding="utf-8").splitlines()) if self._file.exists() else set()

    def __contains__(self, name):
        return name in self._names

    def add(self, name):
        self._file.parent.mkdir(parents=True, exist_ok=True)
        if not self._file.exists():
            for other in self._file.parent.glob(f"{self._file.name.split('-')[0]}-*.txt"):
                other.unlink(missing_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")
        self._names.add(name)
