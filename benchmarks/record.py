"""Record the thresholds and the reference pictures of a notebook from its solution.

    python benchmarks/record.py 01 --seeds 10

The solution runs once a seed. Every number that a check saw is collected; a number with a margin, declared in MARGINS
of the check module, becomes a threshold: the worst of the seeds plus the margin. The figures of the first seed's cells
tagged ``picture-01.6`` become the pictures that ``ck.expected("01.6")`` shows.

    python benchmarks/record.py 01.6 --seeds 10

records one exercise: it runs the cells that this check needs and no others.

    python benchmarks/record.py 01 --seeds 10 --verify

changes nothing: it measures again and prints every sentence of ``ck.expected`` that a seed does not keep, and every
claim of the text that does not hold. A claim is a cell of the source tagged ``claim``, in neither notebook, of asserts
with the sentence as their message::

    # %% tags=["claim"]
    assert mlp > tree, "On the spirals the network beats the tree."

A statement about a run holds on ten seeds, or the text says that it does not.
"""

import argparse
import ast
import base64
import copy
import hashlib
import json
import os
import platform
import re
import symtable
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import nbclient
import nbformat

from coursekit import place
from coursekit.build import root, sources, with_claims
from coursekit.checks import framework
from coursekit.run import own_kernel


def names_in(source):
    """What a cell does with names of the kernel: which it binds, whose objects it may change, which it reads."""
    top = symtable.symtable(source, "cell", "exec")
    scopes = [top]
    for scope in scopes:
        scopes += scope.get_children()
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    read = {s.get_name() for scope in scopes for s in scope.get_symbols() if scope is top or s.is_global()}
    parts = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute | ast.Subscript)]
    touched = {part.id for part in parts if isinstance(part, ast.Name)}  # model.fit(...), table["x"] = ...
    return bound, touched, read


def cells_for(cells, id):
    """The sources of the code cells that the check of exercise `id` needs, and its own, in order.

    Walks back from the check: a cell is needed where it binds a name that a later needed cell reads, or may change such
    a name's object. Imports are needed as they are; other checks, hints and expected results are not.
    """
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    last = next(i for i, source in enumerate(sources) if source.startswith(f'ck.check("{id}"'))
    kept, needed = [sources[last]], names_in(sources[last])[2]
    modules = {name for source in sources if "import " in source for name in names_in(source)[0]} | {"ck"}
    for source in reversed(sources[:last]):
        if re.search(r"\bck\.(check|hint|expected|progress)\(", source):
            continue
        bound, touched, read = names_in(source)
        if "ck.setup(" in source or needed & (bound | touched - modules):
            kept.append(source)
            needed = needed - bound | read
    return kept[::-1]


def run(notebook, seed, log, id=None):
    """Execute a solution with a seed, or the part of it that exercise `id` needs; returns it with its outputs."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if "claim" in cell.metadata.get("tags", []):
            cell.metadata.tags.append("raises-exception")  # a claim that does not hold ends nothing
    if id:
        wanted = cells_for(notebook.cells, id)
        notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source in wanted]
    environment = os.environ | {
        "COURSEKIT_SEED": str(seed),
        "COURSEKIT_CHECK_SEED": str(1000 + seed),
        "COURSEKIT_LOG": str(log),
        "COURSEKIT_RECORD": "1",
        "COURSEKIT_QUIET": "1",
    }
    with tempfile.TemporaryDirectory() as folder:
        environment |= {"COURSEKIT_HOME": folder, **own_kernel(Path(folder) / ".jupyter")}
        client = nbclient.NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            resources={"metadata": {"path": folder}},
        )
        return client.execute(env=environment)


def collect(log):
    """Every number that the checks saw: (exercise, name) -> value."""
    seen = {}
    for line in Path(log).read_text(encoding="utf-8").splitlines():
        report = json.loads(line)
        for finding in report["findings"]:
            for name, value in finding["measured"].items():
                seen[report["exercise"], name] = value
    return seen


def thresholds(runs, margins):
    """The limit of every number that has a margin: the worst of the seeds, and the margin added."""
    recorded = {}
    for id, names in margins.items():
        for name, margin in names.items():
            values = {seed: seen.get((id, name)) for seed, seen in runs.items()}
            if None in values.values():
                sys.exit(f"{id}: no check saw {name!r} in every run; it is declared in MARGINS.")
            recorded.setdefault(id, {})[name] = limit(values, margin)
    return recorded


def limit(values, margin):
    """The record of one number: `values` by seed, and a margin that is negative for an "at least"."""
    worst = min(values.values()) if margin < 0 else max(values.values())
    return {
        "threshold": round(worst + margin, 6),
        "worst": round(worst, 6),
        "margin": margin,
        "values": {str(seed): round(value, 6) for seed, value in values.items()},
    }


def broken(runs, margins):
    """A line for every recorded limit that a run does not keep, with the sentence that states it."""
    for id, names in margins.items():
        for name, margin in names.items():
            limit = framework.threshold(id, name)
            values = {seed: seen.get((id, name), float("nan")) for seed, seen in runs.items()}
            out = {seed: v for seed, v in values.items() if not (v >= limit if margin < 0 else v <= limit)}
            if out:
                said = ", ".join(f"{value:.4g} with seed {seed}" for seed, value in out.items())
                sentence = " ".join(framework.expected_texts(framework.get_exercise(id)))
                yield f"{id} {name}: the limit is {limit:.4g}, seen {said}. The sentence: {sentence}"


def refuted(notebook):
    """The message of every claim that did not hold in a run."""
    for cell in notebook.cells:
        if "claim" in cell.metadata.get("tags", []):
            yield from (output["evalue"] for output in cell.outputs if output["output_type"] == "error")


def pictures(notebook):
    """The PNG figures of the cells tagged picture-ID: id, bytes, and the source of the cell."""
    for cell in notebook.cells:
        for tag in cell.metadata.get("tags", []):
            if not tag.startswith("picture-"):
                continue
            found = [output["data"]["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
            if not found:
                sys.exit(f"the cell tagged {tag} drew no figure")
            yield tag.removeprefix("picture-"), base64.b64decode(found[-1]), cell.source


def keep_picture(id, png, source):
    """Write a reference picture, and the digest of the cell that drew it: a test asks that it is still the same."""
    folder = place.EXERCISES / "pictures"
    folder.mkdir(exist_ok=True)
    (folder / f"{id}.png").write_bytes(png)
    path = folder / "sources.json"
    digests = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    write(path, {**digests, id: digest_of(source)})


def digest_of(source):
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", help="number of the notebook or of one exercise, e.g. 01 or 01.6")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--margins-only", action="store_true", help="run nothing; apply MARGINS to the recorded values")
    parser.add_argument("--pictures-only", action="store_true", help="one run; write the pictures, keep the thresholds")
    parser.add_argument("--verify", action="store_true", help="write nothing; print each sentence that a seed breaks")
    arguments = parser.parse_args()
    number, one = arguments.what.split(".")[0], arguments.what if "." in arguments.what else None
    (source,) = sources([number])
    if arguments.verify and not one:
        solution = with_claims(source)
    else:
        solution = nbformat.read(root() / "solutions" / f"{source.stem}.ipynb", as_version=4)
    margins = framework.load(number).MARGINS
    if one and one not in margins and not arguments.pictures_only:
        sys.exit(
            f"{one} has no recorded limit, so there is nothing to measure: MARGINS of {source.stem} names "
            f"{', '.join(margins) or 'none'}. `record.py {one} --pictures-only` draws its picture."
        )
    margins = {id: names for id, names in margins.items() if one in (None, id)}
    path = place.EXERCISES / "thresholds.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    if arguments.margins_only:
        for id, names in margins.items():
            kept[id] = {name: limit(kept[id][name]["values"], margin) for name, margin in names.items()}
        write(path, kept)
        return
    runs, doubts = {}, []
    for seed in range(1 if arguments.pictures_only else arguments.seeds):
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            notebook = run(solution, seed, log, None if arguments.pictures_only else one)
            doubts += [f"seed {seed}: {claim}" for claim in refuted(notebook)]
            runs[seed] = collect(log)
        print(f"seed {seed}: {time.perf_counter() - start:.0f} s, {len(runs[seed])} numbers", flush=True)
        if seed == 0 and not arguments.verify:
            for id, png, cell in pictures(notebook):
                if one in (None, id):
                    keep_picture(id, png, cell)
    if arguments.pictures_only:
        return
    if arguments.verify:
        lines = [*broken(runs, margins), *doubts]
        if lines:
            sys.exit("\n".join(lines))
        print(f"Every sentence of {arguments.what} holds on {len(runs)} seeds.")
        return
    kept = json.loads(path.read_text(encoding="utf-8"))  # another notebook may have been recorded meanwhile
    made = kept.pop("_recorded", {})
    if not one:
        kept = {id: limits for id, limits in kept.items() if id.split(".")[0] != number}
        made = {what: how for what, how in made.items() if what.split(".")[0] != number}
    kept |= thresholds(runs, margins)
    made[arguments.what] = {
        "command": f"python benchmarks/record.py {arguments.what} --seeds {arguments.seeds}",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("keras", "scikit-learn", "numpy")},
    }
    write(path, {**kept, "_recorded": made})


def write(path, kept):
    path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
