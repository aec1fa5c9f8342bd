"""The second transport: a student's objects in another process, asked through a pipe.

`respond` answers where the objects are; `remote_student` is the handle on the other side.
"""

import numpy as np

from coursekit.checks.codec import CodecError, pack, read_frame, unpack, write_frame
from coursekit.checks.proxy import Missing, NotAttempted, StudentError, StudentProxy

_ERRORS = {"not-attempted": NotAttempted, "missing": Missing, "codec": CodecError}


def _are(kind, parts):
    return isinstance(parts, list | tuple) and all(isinstance(part, kind) for part in parts)


def _is_description(answer):
    return (
        isinstance(answer, dict)
        and all(isinstance(answer.get(name), str) and len(answer[name]) < 200 for name in ("type", "family"))
        and isinstance(answer.get("params"), dict)
        and {"fitted", "n_params"} <= set(answer)
    )


def _is_history(answer):
    return answer is ... or isinstance(answer, dict) and all(_are(int | float, part) for part in answer.values())


def _is_network(answer):
    if answer is None:
        return True
    if not isinstance(answer, list | tuple) or len(answer) != 2 or not isinstance(answer[1], list | tuple):
        return False
    return isinstance(answer[0], dict) and _are(np.ndarray, answer[1])


# What `ObjectServer` answers to the questions about models. Whoever took its place on the other side may answer
# anything.
_FORMS = {
    "kind": lambda answer: isinstance(answer, str) and len(answer) < 200,
    "layers": lambda given: _are(dict, given) and all({"class", "name", "activation"} <= set(part) for part in given),
    "weights": lambda answer: _are(list | tuple, answer) and all(_are(np.ndarray, part) for part in answer),
    "history": _is_history,
    "network": _is_network,
    "config": lambda answer: answer is None or isinstance(answer, dict | list),
    "describe": _is_description,
}


def _no_handles(item):
    raise CodecError(f"a check may not send a {type(item).__name__}")


def question(operation, *args):
    """One question as a frame: a description and its arrays."""
    return pack([operation, list(args)], _no_handles)


def remote_student(exchange):
    """A `StudentProxy` whose objects answer elsewhere.

    Parameters
    ----------
    exchange : callable
        ``exchange(description, arrays) -> (description, arrays)``: takes a question there and brings the answer.
    """

    def ask(operation, *args):
        try:
            kind, answer = unpack(*exchange(*question(operation, *args)))
        except (TypeError, ValueError, EOFError) as error:
            if isinstance(error, CodecError):
                raise
            raise CodecError("the process that holds your objects ended or answered out of turn") from None
        if not isinstance(kind, str):
            raise CodecError("the process that holds your objects answered out of turn")
        if kind == "answer":
            if operation in _FORMS and not _FORMS[operation](answer):
                raise CodecError(f"the question {operation!r} got an answer of another form")
            return answer
        if kind == "error" and isinstance(answer, list) and len(answer) == 3:
            raise StudentError(*(str(part)[:2000] for part in answer))
        raise _ERRORS.get(kind, CodecError)(str(answer)[:2000])

    return StudentProxy(ask)


def respond(answer, reader, writer):
    """Answer questions with the frame ``answer(operation, *args)`` until "end" comes or the stream ends."""
    while True:
        try:
            operation, args = unpack(*read_frame(reader))
        except EOFError:
            return
        if operation == "end":
            return
        write_frame(writer, *answer(operation, *args))


def pack_answer(answer, keep, operation, *args):
    """The frame of ``answer(operation, *args)``, or of what it raises.

    Parameters
    ----------
    answer : callable
        Returns an object or raises StudentError, NotAttempted, Missing or CodecError.
    keep : callable
        Puts aside what is not plain data and returns its `RemoteObject`.
    """
    try:
        return pack(["answer", answer(operation, *args)], keep)
    except StudentError as error:
        said = ["error", [part[:2000] for part in (error.kind, error.text, error.line)]]
    except NotAttempted as waiting:
        said = ["not-attempted", str(waiting)[:2000]]
    except Missing as missing:
        said = ["missing", str(missing)[:2000]]
    except CodecError as error:
        said = ["codec", str(error)]
    except MemoryError:
        said = ["codec", "there was no memory left to hand it in"]
    except Exception as error:  # of a class of the student's
        said = ["codec", f"it cannot be looked at ({type(error).__name__})"]
    return pack(said, keep)
