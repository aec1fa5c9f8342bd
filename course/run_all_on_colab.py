# %% [markdown]
# # Every solution on this machine
#
# Runs nbval over each solution on the runtime that it finds, CPU or GPU, and shows seconds, memory and checks passed.

# %%
import json
import os
import subprocess
import sys
import time
from pathlib import Path

# %% [markdown]
# The solutions stand in the repository. On Colab it is cloned; in a checkout it is the folder above.

# %%
checkout = Path.cwd().parent if (Path.cwd().parent / "solutions").is_dir() else Path("course-checkout").resolve()
if not checkout.exists():
    address = "https://github.com/{{repository}}"
    subprocess.run(["git", "clone", "-q", "--depth", "1", "-b", "{{branch}}", address, str(checkout)], check=True)
for package in ("nbval", "psutil", "pytest"):
    if subprocess.run([sys.executable, "-c", f"import {package}"], capture_output=True).returncode != 0:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", package], check=True)

# %%
import psutil


def peak_memory(process):
    """Wait for a process; the largest memory of it and its children together, in GB, sampled ten times a second."""
    peak = 0
    while process.poll() is None:
        try:
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            peak = max(peak, sum(member.memory_info().rss for member in family))
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.1)
    return peak / 2**30


# %%
def run(path):
    """Run one solution under nbval in strict mode; returns a row of the table."""
    log = Path(f"{path.stem}.log").resolve()
    log.unlink(missing_ok=True)
    environment = os.environ | {"COURSEKIT_MODE": "strict", "COURSEKIT_LOG": str(log)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax", "--nbval-current-env"]
    command += ["--nbval-cell-timeout=600", "-c", os.devnull, "--rootdir", str(path.parent), str(path)]
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, cwd=Path.cwd())
    memory = peak_memory(process)
    checks = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    passed = sum(check["status"] == "passed" for check in checks)
    verdict = "green" if process.returncode == 0 else "red"
    return path.stem, time.perf_counter() - start, memory, f"{passed} of {len(checks)}", verdict


# %%
ask = "import tensorflow as tf; gpus = tf.config.list_physical_devices('GPU'); print('GPU' if gpus else 'CPU')"
device = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout.strip()
print(f"{'notebook':<24}{'seconds':>8}{'GB':>6}{'checks':>10}  nbval  device")
for solution in sorted((checkout / "solutions").glob("*.ipynb")):
    name, seconds, memory, checks, verdict = run(solution)
    print(f"{name:<24}{seconds:>8.0f}{memory:>6.1f}{checks:>10}  {verdict:<6} {device}")
