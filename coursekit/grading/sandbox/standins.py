"""What a notebook finds in Colab or in a shell and not in the sandbox: it does nothing here, and says so.

A line such as ``!pip install seaborn`` above an answer must not cost the answer.
"""

import contextlib
import importlib.abc
import importlib.machinery
import locale
import os
import shlex
import sys
import types

COLAB = "google.colab"


def install(shell):
    """Let what is not here do nothing in an IPython shell: the command line, unknown magics, ``google.colab``, windows,
    other locales."""
    sys.meta_path.append(_Colab())
    # Held by the shell itself: every way to run a command in a cell ends at one of these.
    shell.system = shell.system_raw = shell.system_piped = lambda command="", *_: _command(command)
    shell.getoutput = lambda command="", *_, **__: _note(f"!{command}") or []
    for name in ("pip", "conda", "mamba", "micromamba", "uv"):
        shell.register_magic_function(lambda line="", name=name: _note(f"%{name} {line}"), "line", name)
    for name in ("bash", "sh", "script", "system", "sx", "!"):
        shell.register_magic_function(lambda line="", cell="", name=name: _note(f"%%{name} {line}"), "line_cell", name)
    shell.register_magic_function(lambda line="": None, "line", "matplotlib")  # figures are shown in any case
    with contextlib.suppress(ImportError):
        import matplotlib.pyplot

        matplotlib.use = lambda backend, **_: _note(f"matplotlib.use({backend!r})")
        matplotlib.pyplot.switch_backend = lambda backend: _note(f"plt.switch_backend({backend!r})")
    shell.enable_gui = lambda gui=None: None
    setlocale = locale.setlocale
    locale.setlocale = lambda category, wanted=None: _set_locale(setlocale, category, wanted)
    line, cell = shell.run_line_magic, shell.run_cell_magic

    def run_line_magic(name, text, _stack_depth=1):
        if shell.find_line_magic(name) is None:
            return _note(f"%{name} {text}")
        if name == "load_ext":
            return _loaded(line, text)
        return line(name, text, _stack_depth + 1)

    def run_cell_magic(name, text, body):
        return _note(f"%%{name} {text}") if shell.find_cell_magic(name) is None else cell(name, text, body)

    shell.run_line_magic, shell.run_cell_magic = run_line_magic, run_cell_magic


def _command(command):
    """A line for the shell: nothing but `mkdir` does anything."""
    with contextlib.suppress(ValueError, OSError):  # a quotation without an end; a place that cannot be written
        name, *words = shlex.split(command) or [""]
        if name == "mkdir":
            for folder in (word for word in words if not word.startswith("-")):
                os.makedirs(folder, exist_ok=True)
            return
    _note(f"!{command}")


def _set_locale(setlocale, category, wanted):
    try:
        return setlocale(category, wanted)
    except locale.Error:  # not installed here
        return _note(f"locale.setlocale(..., {wanted!r})") or setlocale(category)


def _loaded(line, text):
    try:
        return line("load_ext", text)
    except ImportError:
        return _note(f"%load_ext {text}")


def _note(what):
    print(f"({what.strip()[:200]} does nothing while the notebook is graded.)")


class _Nothing(types.ModuleType):
    """A module whose every name is a function that returns nothing."""

    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        if full not in sys.modules:
            sys.modules[full] = _Nothing(full)
        return sys.modules[full]

    def __call__(self, *args, **kwargs):
        _note(f"{self.__name__}(...)")
        return {} if self.__name__.endswith("files.upload") else None


class _Colab(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``google.colab``, and ``google`` where nothing else is called so."""

    def find_spec(self, name, path=None, target=None):
        if name == COLAB or name.startswith(f"{COLAB}.") or name == "google":
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return _Nothing(spec.name)

    def exec_module(self, module):
        pass
