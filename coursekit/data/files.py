"""Where the shipped data files are, and whether they are whole."""

import hashlib
import json
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


class DataError(OSError):
    """A data file is missing or damaged. The message says which one, and how to mend it."""


def folder():
    """The folder of the data files: `data/` of the checkout, or the copy inside an installed wheel."""
    checkout = _PACKAGE.parents[1] / "data"
    return checkout if (checkout / "checksums.json").exists() else _PACKAGE / "files"


def path(name):
    """The path of the shipped file `name`, e.g. "mnist.npz" or "digits/3_a.png".

    Raises
    ------
    DataError
        Where there is no such file, or its size is not the recorded one.
    """
    found = folder() / name
    recorded = _checksums().get(str(name).replace("\\", "/"))
    if recorded is None:
        raise DataError(f"coursekit ships no file {name!r}. It ships {', '.join(sorted(_checksums()))}.")
    if not found.exists():
        raise DataError(f"The data file {name} is missing. {_mend(name)}")
    if found.stat().st_size != recorded["bytes"]:
        raise DataError(
            f"The data file {name} is damaged: it has {found.stat().st_size} bytes in place of {recorded['bytes']}. "
            + _mend(name)
        )
    return found


def damaged(name):
    """The `DataError` for a file that cannot be read."""
    return DataError(f"The data file {name} is damaged and cannot be read. {_mend(name)}")


def verify(name):
    """Compare a file with its recorded SHA-256.

    Returns
    -------
    str
        "" where it is whole, else a sentence that says what is wrong and how to mend it.
    """
    try:
        found = path(name)
    except DataError as error:
        return str(error)
    digest = hashlib.sha256(found.read_bytes()).hexdigest()
    if digest != _checksums()[name]["sha256"]:
        return f"The data file {name} is damaged: its checksum is not the recorded one. {_mend(name)}"
    return ""


def verify_all():
    """Verify every shipped file: name -> "" or what is wrong with it."""
    return {name: verify(name) for name in sorted(_checksums())}


def _checksums():
    file = folder() / "checksums.json"
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise DataError(
            f"The list of data files, checksums.json, is missing or damaged. {_mend('checksums.json')}"
        ) from None


def _mend(name):
    checkout = _PACKAGE.parents[1]
    if (checkout / "pyproject.toml").exists() and not (checkout / "data").is_dir():
        return "Bring all of them back with `git checkout -- data`."
    if folder() == _PACKAGE / "files" and not (checkout / "pyproject.toml").exists():
        return (
            "Install coursekit again, from where you had it: `python -m pip install --force-reinstall --no-deps ...`."
        )
    return f"Bring it back with `git checkout -- data/{name}`."
