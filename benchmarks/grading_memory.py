"""The memory of the grader while it grades a large class: megabytes of the grader itself, and their slope.

    python benchmarks/grading_memory.py --submissions 200

The class hands in notebook 00, three in four right. A flat grader has a slope of about zero megabytes a submission.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from coursekit.build import root
from coursekit.grading.result import read

NAME = "00_one_neuron.ipynb"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=200)
    count = parser.parse_args().submissions
    with tempfile.TemporaryDirectory() as folder:
        handed_in, out = Path(folder) / "class", Path(folder) / "out"
        for number in range(count):
            (handed_in / f"student{number:03}").mkdir(parents=True)
            which = "solutions" if number % 4 else "notebooks"
            shutil.copy(root() / which / NAME, handed_in / f"student{number:03}")
        command = [sys.executable, "-m", "coursekit", "grade", str(handed_in), "--out", str(out)]
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=root(), stdout=subprocess.DEVNULL)
        grader, seen = psutil.Process(process.pid), []
        while process.poll() is None:
            done = len(list((out / "results").glob("*.json")))
            try:
                seen.append((done, grader.memory_info().rss / 2**20))
            except psutil.NoSuchProcess:
                break
            time.sleep(0.25)
        seconds = time.perf_counter() - start
        peaks = [read(path).peak_mb for path in (out / "results").glob("*.json")]
    # While it grades: before the first result it still reads, after the last one it writes the pages.
    done, megabytes = np.array([(n, mb) for n, mb in seen if 0 < n < count]).T
    slope = np.polyfit(done, megabytes, 1)[0]
    print(f"{len(peaks)} of {count} graded in {seconds:.0f} s, exit status {process.returncode}")
    print(f"grader: {megabytes.min():.0f} to {megabytes.max():.0f} MB while grading, {slope:+.4f} MB a submission")
    print(f"grader with the pages written at the end: {max(mb for _, mb in seen):.0f} MB")
    print(f"submissions: {max(peaks)} MB at most (limit 3000)")


if __name__ == "__main__":
    main()
