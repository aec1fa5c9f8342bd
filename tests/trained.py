"""What the cases train is trained once, and afterwards read from the user's cache folder."""

import hashlib
import inspect
import os
import pickle
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache, wraps
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from coursekit.run import cache_folder

PACKAGES = ("keras", "tensorflow-cpu", "tensorflow", "scikit-learn", "numpy", "xgboost-cpu", "xgboost")
KEPT_DAYS = 60


def trained_once(function):
    """Keep what `function` returns for each of its arguments, in this process and on disk.

    The file is known by a digest of the source of `function`, of whatever it uses of its own module and of coursekit,
    and of the versions of the packages. What cannot be read back, a model of the case's own class, is kept in this
    process alone.
    """

    parameters = inspect.signature(function)

    @wraps(function)
    def kept(*args, **named):
        given = parameters.bind(*args, **named)
        given.apply_defaults()  # with or without what is the default anyway: it is trained once
        return in_full(*given.args, **given.kwargs)

    @cache
    def in_full(*args, **named):
        name = f"{function.__module__.split('.')[-1]}.{function.__name__}-{_digest(function, args, named)}.pickle"
        path = cache_folder("trained") / name
        with suppress(OSError, pickle.PickleError, ValueError, TypeError, AttributeError, EOFError):
            return pickle.loads(path.read_bytes())
        made = function(*args, **named)
        with suppress(Exception):  # whatever a library says of what it cannot write or read back
            data = pickle.dumps(made)
            pickle.loads(data)
            _write(path, data)
        return made

    return kept


def _write(path, data):
    """Write in one step, since two workers may train the same; and clear away what nobody has made for long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    os.replace(file.name, path)
    for other in path.parent.iterdir():
        if time.time() - other.stat().st_mtime > KEPT_DAYS * 86400:
            other.unlink(missing_ok=True)


def _digest(function, args, named):
    seen, given = set(), [*args, *named.values()]
    texts = [text for thing in (function, *filter(inspect.isfunction, given)) for text in _sources(thing, seen)]
    plain = [arg.__qualname__ if inspect.isfunction(arg) else repr(arg) for arg in given]
    return hashlib.sha256(repr((plain, list(named), _versions(), sorted(texts))).encode()).hexdigest()[:24]


@cache
def _versions():
    found = {"python": sys.version_info[:2]}
    for name in PACKAGES:
        with suppress(ImportError):
            found[name] = version(name)
    return found


def _sources(thing, seen):
    """The texts that decide what a function or a class does: its source, and those of what it uses."""
    if thing in seen:
        return
    seen.add(thing)
    thing = inspect.unwrap(thing)
    yield inspect.getsource(thing)
    module = sys.modules[thing.__module__]
    parts = vars(thing).values() if inspect.isclass(thing) else [thing]
    names = {name for part in parts if inspect.isfunction(part) for name in _names(part.__code__)}
    for name in sorted(names):
        used = vars(module).get(name)
        if callable(used):
            used = inspect.unwrap(used)
            if getattr(used, "__module__", "") == thing.__module__:
                yield from _sources(used, seen)
        elif used is not None and not inspect.ismodule(used):
            yield f"{name} = {used!r}"
        if name.split(".")[0] == "coursekit":
            yield from _package_sources("coursekit.data" if name == "coursekit" else name)


def _names(code):
    """The global names, and the modules, that a code object and those inside it speak of."""
    inner = [const for const in code.co_consts if inspect.iscode(const)]
    return {*code.co_names, *(name for part in inner for name in _names(part))}


@cache
def _package_sources(name):
    """The source of a module of ours, or of all modules of a package."""
    origin = Path(find_spec(name).origin)
    paths = origin.parent.glob("*.py") if origin.name == "__init__.py" else [origin]
    return [path.read_text(encoding="utf-8") for path in sorted(paths)]
