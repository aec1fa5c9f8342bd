"""What runs inside the sandbox: a student's cells in IPython, and the answers to what a check asks of their objects.

The judge, outside, sends one question at a time. Two questions are this module's own: "cell" runs a cell and says what
it printed; "bind" names the objects that the next check looks at. Everything else is answered by
`coursekit.checks.server.ObjectServer`. Nothing here knows what the answers should be.
"""

import ast
import base64
import builtins
import contextlib
import io
import os
import re
import signal
import sys
import time
import traceback

from coursekit.checks.pipe import pack_answer, respond
from coursekit.checks.proxy import StudentError, text_of
from coursekit.checks.server import ObjectServer
from coursekit.grading.sandbox import standins

MAX_TEXT = 60_000
MAX_OUTPUTS = 40
MAX_PICTURE = 1_500_000
_DEFINES = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def run(reading, writing, keras):
    """Serve the judge on two file descriptors until it ends the conversation.

    Parameters
    ----------
    reading, writing : int
        File descriptors of the two pipes.
    keras : bool
        Whether the course uses Keras.
    """
    servant = _Servant(keras)
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb") as writer:
        respond(servant.answer, reader, writer)


class _Servant:
    def __init__(self, keras):
        self._shell = _shell()
        if keras:
            _calm_datasets()
        # Held here, so that a cell that replaces them on the shell hurts nobody.
        self._run_cell = self._shell.run_cell
        self._clock = time.perf_counter
        self._server = ObjectServer({})
        self._busy = False
        signal.signal(signal.SIGINT, self._interrupted)

    def _interrupted(self, number, frame):
        # A signal that arrives between two questions would tear a frame.
        if self._busy:
            raise KeyboardInterrupt

    def answer(self, operation, *args):
        try:
            self._busy = True  # while the answer is packed too: its class may be the student's
            return pack_answer(self._answer, self._server.keep, operation, *args)
        except KeyboardInterrupt:
            self._busy = False
            said = StudentError("TimeoutError", "it took longer than the time that a check may take")
            return pack_answer(_raise, self._server.keep, said)
        finally:
            self._busy = False

    def _answer(self, operation, *args):
        if operation == "cell":
            return self._cell(*args)
        if operation == "bind":
            return self._bind(*args)
        return self._server.answer(operation, *args)

    def _cell(self, source):
        start = self._clock()
        outputs = _Outputs()
        error = None
        try:
            with outputs.capture(self._shell):
                result = self._run_cell(source, store_history=True)
                error = result.error_before_exec or result.error_in_exec
                if isinstance(error, Exception):
                    self._define_the_rest(source, error)
        except BaseException as escaped:  # a patched shell, or an exit that IPython lets through
            error = escaped
            outputs.text(f"{type(escaped).__name__}: {escaped}")
        status = "stopped" if isinstance(error, KeyboardInterrupt) else "error" if error is not None else "ok"
        said = "" if error is None else type(error).__name__[:100]
        said += f": {text_of(error)}".partition("\n")[0][:300] if said else ""
        return {"status": status, "seconds": self._clock() - start, "error": said, "outputs": outputs.items}

    def _define_the_rest(self, source, error):
        """Run the imports, functions and classes that a cell's error kept from running: what failed above them may be
        fine elsewhere (a folder, a package, a device), and all answers need their names."""
        with contextlib.suppress(Exception):
            failed = next(frame for frame in traceback.extract_tb(error.__traceback__) if _is_of_cell(frame))
            for statement in ast.parse(self._shell.transform_cell(source)).body:
                if statement.lineno > failed.lineno and isinstance(statement, _DEFINES):
                    with contextlib.suppress(Exception):
                        code = compile(ast.Module([statement], []), failed.filename, "exec")
                        exec(code, self._shell.user_ns)

    def _bind(self, expressions):
        found = {}
        for name, expression in expressions.items():
            try:
                found[name] = eval(expression, self._shell.user_ns)
            except NameError:
                pass  # left out: the check says that it is missing
            except Exception as error:
                raise StudentError(type(error).__name__, text_of(error), expression) from None
        self._server = ObjectServer(found)


def _raise(error):
    raise error


class _Outputs:
    """What one cell shows, within caps: text and errors as text, pictures as PNG."""

    def __init__(self):
        self.items = []
        self._left = MAX_TEXT

    @contextlib.contextmanager
    def capture(self, shell):
        stream = _Stream(self)
        publisher, hook = shell.display_pub, shell.displayhook
        kept = sys.stdout, sys.stderr, publisher.publish, hook.write_format_data
        sys.stdout = sys.stderr = stream
        publisher.publish = lambda data, metadata=None, **_: self.show(data)
        hook.write_format_data = lambda data, metadata=None: self.show(data)
        try:
            yield
        finally:
            sys.stdout, sys.stderr, publisher.publish, hook.write_format_data = kept

    def text(self, text):
        text = _ANSI.sub("", text)[: max(self._left, 0)]
        if not text:
            return
        self._left -= len(text)
        if self.items and self.items[-1]["type"] == "text":
            self.items[-1]["text"] += text
        elif len(self.items) < MAX_OUTPUTS:
            self.items.append({"type": "text", "text": text})
        if self._left <= 0:
            self.items.append({"type": "text", "text": "\n... (the rest of the output was dropped)"})

    def show(self, data):
        picture = data.get("image/png")
        if picture is not None and len(self.items) < MAX_OUTPUTS:
            if isinstance(picture, bytes):
                picture = base64.b64encode(picture).decode("ascii")
            if len(picture) <= MAX_PICTURE:
                self.items.append({"type": "image", "png": str(picture)})
                return
        self.text(str(data.get("text/plain", "")) + "\n")


class _Stream(io.TextIOBase):
    encoding = "utf-8"

    def __init__(self, outputs):
        self._outputs = outputs

    def writable(self):
        return True

    def write(self, text):
        self._outputs.text(str(text))
        return len(text)


def _shell():
    """An IPython shell without a kernel: no history file, no colours, figures shown as in a notebook."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = InteractiveShell.instance(config=config)
    shell.set_custom_exc((RecursionError, KeyboardInterrupt), _briefly)
    shell.user_ns["__name__"] = "__main__"
    builtins.input = _no_input
    sys.path += [os.getcwd(), ""]  # the folder of the notebook, and the one that it is in by now
    with contextlib.suppress(ImportError):
        # What %matplotlib inline does in a kernel: figures are shown after each cell and closed.
        import matplotlib
        from matplotlib_inline.backend_inline import configure_inline_support

        matplotlib.use("module://matplotlib_inline.backend_inline")
        matplotlib.interactive(True)
        configure_inline_support(shell, "inline")
    standins.install(shell)
    return shell


def _briefly(shell, kind, error, top, tb_offset=None):
    """Show what IPython would take too long for: it looks through all modules for each call of a recursion, and at the
    first error imports what makes it pretty, when a cell that was interrupted has little time left."""
    if kind is KeyboardInterrupt:
        frames = list(filter(_is_of_cell, traceback.extract_tb(top)))
        where = f" in line {frames[-1].lineno}: {frames[-1].line}" if frames else ""
        lines = [f"KeyboardInterrupt: the cell took too long and was stopped{where}"]
        shell._showtraceback(kind, error, lines)
        return lines
    calls = [top]
    while calls[-1].tb_next:
        calls.append(calls[-1].tb_next)
    if len(calls) > 20:
        calls[9].tb_next = calls[-10]
    lines = shell.InteractiveTB.structured_traceback(kind, error, top, tb_offset=tb_offset)
    shell._showtraceback(kind, error, lines)
    return lines


def _is_of_cell(frame):
    return frame.filename.startswith("<ipython-input")


def _calm_datasets():
    """Let Keras read arrays without tf.data's autotuner, which finds nothing to tune there and costs time.

    The end of each epoch waits for its thread, which sleeps where cores are shared. The batches stay the same.
    """
    with contextlib.suppress(ImportError, AttributeError):
        import tensorflow as tf
        from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

        options = tf.data.Options()
        options.autotune.enabled = False
        tuned = ArrayDataAdapter.get_tf_dataset
        ArrayDataAdapter.get_tf_dataset = lambda adapter: tuned(adapter).with_options(options)


def _no_input(prompt=""):
    raise EOFError("nobody is there to answer `input()` while the notebook is graded; put the value into the cell")
