"""The second transport: a student's objects in another process, asked through a pipe.

`serve` runs where the objects are; `PipeStudent` is the handle on the other side. The child process has no sandbox
here; the grader puts one around it.
"""

from coursekit.checks.codec import CodecError, pack, read_frame, unpack, write_frame
from coursekit.checks.student import Missing, NotAttempted, Objects, Student, StudentError

_ERRORS = {"not-attempted": NotAttempted, "missing": Missing, "codec": CodecError}


def _no_handles(item):
    raise CodecError(f"a check may not send a {type(item).__name__}")


def pipe_student(reader, writer):
    """A `Student` whose objects answer at the other end of two binary streams."""

    def ask(operation, *args):
        write_frame(writer, *pack([operation, list(args)], _no_handles))
        try:
            kind, answer = unpack(*read_frame(reader))
        except (TypeError, ValueError, EOFError) as error:
            if isinstance(error, CodecError):
                raise
            raise CodecError("the process that holds your objects ended or answered out of turn") from None
        if kind == "answer":
            return answer
        if kind == "error" and isinstance(answer, list) and len(answer) == 3:
            raise StudentError(*(str(part)[:2000] for part in answer))
        raise _ERRORS.get(kind, CodecError)(str(answer)[:2000])

    return Student(ask)


def serve(objects, reader, writer):
    """Answer questions about `objects` until the question "end" comes or the stream ends."""
    servant = Objects(objects)
    while True:
        try:
            operation, args = unpack(*read_frame(reader))
        except EOFError:
            return
        if operation == "end":
            return
        try:
            message = pack(["answer", servant.answer(operation, *args)], servant.keep)
        except StudentError as error:
            message = pack(["error", [error.kind, error.text, error.line]], servant.keep)
        except NotAttempted as waiting:
            message = pack(["not-attempted", str(waiting)], servant.keep)
        except Missing as missing:
            message = pack(["missing", str(missing)], servant.keep)
        except CodecError as error:
            message = pack(["codec", str(error)], servant.keep)
        write_frame(writer, *message)


def end(writer):
    """Tell `serve` to return."""
    write_frame(writer, *pack(["end", []], _no_handles))
