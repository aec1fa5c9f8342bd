"""Every budget of the design beside this machine's figures.

    python benchmarks/budgets.py

Runs each solution and each untouched student notebook once under nbval, one after the other, and samples the memory of
the whole process tree. It takes as long as that takes.
"""

import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import psutil

from coursekit.build import root, sources
from coursekit.run import log_of_checks, nbval_command

NAMES = [path.stem for path in sources() if path.stem[0].isdigit()]


def import_seconds():
    """Median over five fresh processes of what `import coursekit` takes."""
    seconds = []
    for _ in range(5):
        command = [sys.executable, "-X", "importtime", "-c", "import coursekit"]
        text = subprocess.run(command, capture_output=True, text=True).stderr
        seconds.append(int(re.findall(r"\|\s+(\d+) \| coursekit$", text, flags=re.M)[0]) / 1e6)
    return statistics.median(seconds)


def nbval(path, mode):
    """Seconds, peak memory in GB and the log of the checks of one notebook under nbval.

    Raises
    ------
    RuntimeError
        Where the notebook is red: then its seconds say nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        command, environment = nbval_command(path, mode, Path(folder))
        start, peak = time.perf_counter(), 0
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True)
        while process.poll() is None:
            try:
                family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                peak = max(peak, sum(member.memory_info().rss for member in family))
            except psutil.NoSuchProcess:
                pass
            time.sleep(0.1)
        checks = log_of_checks(Path(folder))
        if process.returncode != 0:
            raise RuntimeError(f"{path.name} is red under nbval in mode {mode}:\n{process.stdout.read()[-3000:]}")
        return time.perf_counter() - start, peak / 2**30, checks


def main():
    missing = [name for name in ("pytest", "nbval") if find_spec(name) is None]
    if missing:
        sys.exit(
            f"{' and '.join(missing)} missing: `python -m coursekit test` installs the tests' packages; give it once."
        )
    cores, memory = os.cpu_count(), psutil.virtual_memory().total / 2**30
    print(f"{platform.machine()}, {cores} cores, {memory:.0f} GB, Python {platform.python_version()}\n")
    print(f"{'what':<44}{'budget':>10}{'here':>12}")

    def row(what, budget, here):
        print(f"{what:<44}{budget:>10}{here:>12}", flush=True)

    row("import coursekit", "0.2 s", f"{import_seconds():.3f} s")
    total, slowest = 0.0, 0.0
    for name in NAMES:
        seconds, peak, checks = nbval(root() / "solutions" / f"{name}.ipynb", "strict")
        budget = 120 if name.startswith("07") else 60
        row(f"solution {name}", f"{budget} s", f"{seconds:.0f} s")
        row("  its memory", "2.5 GB", f"{peak:.1f} GB")
        total += seconds
        slowest = max([slowest, *(check["seconds"] for check in checks)])
        seconds, _, _ = nbval(root() / "notebooks" / f"{name}.ipynb", "untouched")
        row("  untouched student notebook", "20 s", f"{seconds:.0f} s")
        total += seconds
    row("slowest check, model trained", "1 s", f"{slowest:.2f} s")
    row("all of them, one after the other", "720 s", f"{total:.0f} s")
    print("\nMNIST to 99.2 % (python benchmarks/mnist_recipes.py):", flush=True)
    subprocess.run([sys.executable, str(Path(__file__).parent / "mnist_recipes.py")], check=True)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as red:
        sys.exit(str(red))
