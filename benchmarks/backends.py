"""Run the solutions with Keras on TensorFlow, JAX or PyTorch, one after the other, and write a table.

    python benchmarks/backends.py --backend jax
    python benchmarks/backends.py 03 04 --backend torch --write /tmp/torch --minutes 4

Each notebook runs in a kernel of its own, of the interpreter that runs this. A cell that fails ends nothing: the table
says which cells failed and how many checks passed all the same. `--write /tmp/torch` keeps the table after each
notebook, as /tmp/torch.md and /tmp/torch.json; after `--minutes` no other notebook begins, and the one that runs stops.

A notebook that imports TensorFlow itself is left out on the others: see docs/backends.md. The seconds count from the
start of the kernel to the last cell; those of the CPU are the kernel's own on all cores, which hardly depend on what
else the machine does. The memory is the most that the kernel's process had in use, and the most that was
allocated on the GPU. It needs no installed coursekit: PYTHONPATH=. is enough.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import nbclient
import nbformat

from coursekit.build import root
from coursekit.run import log_of_checks, own_kernel

BACKENDS = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "jax": ("jax",), "torch": ("torch",)}

# Runs in the kernel after the last cell. A notebook without Keras has loaded no backend.
MEASURE = """
import json, os, resource, sys
backend = os.environ["KERAS_BACKEND"] if "keras" in sys.modules else ""
used = resource.getrusage(resource.RUSAGE_SELF)
measured = {"device": "CPU", "process": used.ru_maxrss * 1024, "cpu_seconds": used.ru_utime + used.ru_stime}
if sys.platform == "darwin":
    measured["process"] //= 1024
if backend == "jax":
    import jax
    device = jax.devices()[0]
    if device.platform == "gpu":
        measured |= {"device": device.device_kind, "gpu": device.memory_stats()["peak_bytes_in_use"]}
elif backend == "torch":
    import torch
    if torch.cuda.is_available():
        measured |= {"device": torch.cuda.get_device_name(), "gpu": torch.cuda.max_memory_allocated()}
elif backend == "tensorflow":
    import tensorflow as tf
    for gpu in tf.config.list_physical_devices("GPU")[:1]:
        name = tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
        measured |= {"device": name, "gpu": tf.config.experimental.get_memory_info("GPU:0")["peak"]}
print(json.dumps(measured))
"""


def run(path, backend, deadline):
    """Execute one solution; return its row of the table.

    Parameters
    ----------
    path : Path
    backend : str
    deadline : float
        On the clock of `time.perf_counter`: no cell runs longer.

    Returns
    -------
    dict
    """
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    errors, measured = [], {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        folder = Path(folder)
        environment = os.environ | {
            "KERAS_BACKEND": backend,
            "COURSEKIT_LOG": str(folder / "log"),
            "COURSEKIT_HOME": str(folder / "home"),
            "COURSEKIT_QUIET": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(root()), os.environ.get("PYTHONPATH")])),
        }
        client = nbclient.NotebookClient(
            notebook,
            kernel_name="python3",
            allow_errors=True,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            resources={"metadata": {"path": str(folder)}},
        )
        start = time.perf_counter()
        try:
            with client.setup_kernel(env=environment):
                for number, cell in enumerate(cells, start=1):
                    client.timeout = max(1, int(deadline - time.perf_counter()))
                    client.execute_cell(cell, notebook.cells.index(cell))
                    errors += [f"cell {number}: {error}" for error in errors_of(cell)]
                seconds = time.perf_counter() - start
                measured = json.loads(ask(client, MEASURE))
        except (nbclient.exceptions.DeadKernelError, nbclient.exceptions.CellTimeoutError) as error:
            seconds = time.perf_counter() - start
            errors.append(f"cell {number}: {str(error).splitlines()[0]}")
        checks = log_of_checks(folder)
    return {
        "notebook": path.stem,
        "backend": backend,
        "device": measured.get("device", "?"),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(measured.get("cpu_seconds", 0), 1),
        "process_mb": round(measured.get("process", 0) / 2**20),
        "gpu_mb": round(measured.get("gpu", 0) / 2**20),
        "passed": sum(check["status"] == "passed" for check in checks),
        "checks": sum(cell.source.startswith("ck.check(") for cell in cells),
        "not_passed": [f"{check['exercise']}: {said(check)}" for check in checks if check["status"] != "passed"],
        "errors": errors,
    }


def errors_of(cell):
    """The errors that a cell ended with, a line each."""
    for output in cell.get("outputs", []):
        if output["output_type"] == "error":
            yield f"{output['ename']}: {' '.join(output['evalue'].split())[:300]}"


def said(check):
    """What the findings of a check say that did not hold."""
    return " ".join(finding["message"] for finding in check["findings"] if not finding["passed"])[:400]


def ask(client, source):
    """Run some code in the notebook's kernel and return what it printed."""
    cell = nbformat.v4.new_code_cell(source)
    client.nb.cells.append(cell)
    client.timeout = 60
    client.execute_cell(cell, len(client.nb.cells) - 1)
    return "".join(output["text"] for output in cell.outputs if output.get("name") == "stdout")


def table(rows):
    """The rows as a table in Markdown, and below it what did not hold."""
    lines = [
        "| notebook | backend | device | seconds | memory | on the GPU | checks passed |",
        "|---|---|---|--:|--:|--:|--:|",
    ]
    for row in rows:
        gpu = f"{row['gpu_mb']} MB" if row["gpu_mb"] else "–"
        seconds = f"{row['seconds']:.0f} | {row['cpu_seconds']:.0f}"
        lines.append(
            f"| {row['notebook']} | {row['backend']} | {row['device']} | {seconds} | {row['process_mb']} MB | {gpu} "
            f"| {row['passed']} of {row['checks']} |"
        )
    for row in rows:
        if row["not_passed"] or row["errors"]:
            lines += ["", f"{row['notebook']} on {row['backend']}:", ""]
            lines += [f"- {text}" for text in [*row["not_passed"], *row["errors"]]]
    return "\n".join(lines) + "\n"


def versions(backend):
    """What the numbers were measured with."""
    names = ("keras", *BACKENDS[backend], "numpy", "scikit-learn")
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {"python": platform.python_version(), "cores": os.cpu_count(), **found}


def write(path, versions, rows):
    """Keep the table as `path` with the endings .md and .json."""
    kept = {"versions": versions, "rows": rows}
    path.with_suffix(".json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(table(rows), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", help="numbers of notebooks, e.g. 03 04; all by default")
    parser.add_argument("--backend", choices=list(BACKENDS), default="tensorflow")
    parser.add_argument("--write", type=Path, help="where to keep the table, without .md and .json")
    parser.add_argument("--minutes", type=float, default=60, help="after so long it stops")
    arguments = parser.parse_args()
    solutions = {path.stem.split("_")[0]: path for path in sorted((root() / "solutions").glob("*.ipynb"))}
    unknown = [number for number in arguments.notebooks if number not in solutions]
    if unknown:
        sys.exit(f"There is no solution {', '.join(unknown)}; there are {', '.join(solutions)}.")
    paths = [solutions[number] for number in arguments.notebooks or solutions]
    if arguments.backend != "tensorflow":
        paths = [path for path in paths if "import tensorflow" not in path.read_text(encoding="utf-8")]
    deadline = time.perf_counter() + 60 * arguments.minutes
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= own_kernel(folder)
        for path in paths:
            if time.perf_counter() > deadline:
                break
            rows.append(run(path, arguments.backend, deadline))
            print(table(rows[-1:]).split("\n", 2)[2], end="", flush=True)
            if arguments.write:
                write(arguments.write, versions(arguments.backend), rows)


if __name__ == "__main__":
    main()
