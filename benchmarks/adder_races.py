"""Run the race of notebook 05 many times: as written, with the question reversed, with the answer reversed.

    python benchmarks/adder_races.py --races 20

The notebook shows one race and tells of twenty. Its cells run as far as the function `race`, which draws new weights.
"""

import argparse
import os

os.environ["COURSEKIT_QUIET"] = "1"
os.environ["MPLBACKEND"] = "Agg"

import nbformat
import numpy as np

from coursekit.build import root


def cells_of_the_race():
    """The code cells of the solution up to the one that defines `race`."""
    for cell in nbformat.read(root() / "solutions" / "05_lstm.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            yield cell.source
            if "def race(" in cell.source:
                return


def main(races):
    names = globals()  # of the main module, where the course looks for what earlier cells have made
    for source in cells_of_the_race():
        exec(source, names)
    drawn = []
    for _ in range(races):
        drawn.append(names["race"]())
        print(", ".join(f"{' '.join(way.split())} {share:.0%}" for way, share in drawn[-1].items()), flush=True)
    first = [max(shares, key=shares.get) for shares in drawn]
    for way in drawn[0]:
        mean = np.mean([shares[way] for shares in drawn])
        print(f"{' '.join(way.split())}: {mean:.0%} on average, ahead in {first.count(way)} of {races}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--races", type=int, default=20)
    main(parser.parse_args().races)
