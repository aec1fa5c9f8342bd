"""Runs of notebooks that ended well are kept, and not repeated while everything that decides them is the same."""

import json

from coursekit.run import cache_folder, digest_of_run


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
