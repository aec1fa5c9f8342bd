"""A student's answers, carried to a check in both ways at once: as in the notebook, and as from the grader's process.

Asking is dear and judging is dearer; carrying is cheap. A check draws its questions from a seed and from the answers
before, so two ways that carry every question and every answer alike give the same verdict.
"""

import io

import numpy as np

from coursekit.checks.codec import CodecError, read_frame, write_frame
from coursekit.checks.pipe import pack_answer, remote_student, respond
from coursekit.checks.proxy import Missing, NotAttempted, StudentError, StudentProxy
from coursekit.checks.server import local_student


def student_of_both_ways(objects):
    """A `StudentProxy` over objects of this process, and the list of what did not cross the pipe as it was.

    Each question is answered once, by `local_student`; question and answer, or error, then cross as frames.
    """
    local, differences = local_student(objects), []

    def ask(operation, *args):
        answer = _outcome(local._ask, operation, *args)
        asked = []

        def say_again(*question):
            asked.append(question)
            if isinstance(answer, Exception):
                raise answer
            return answer

        def exchange(*frame):
            there, back = io.BytesIO(), io.BytesIO()
            write_frame(there, *frame)
            there.seek(0)
            respond(lambda *again: pack_answer(say_again, _keep_nothing, *again), there, back)
            back.seek(0)
            return read_frame(back)

        piped = _outcome(remote_student(exchange)._ask, operation, *args)
        if not asked or not is_same(_plain(asked[0]), _plain((operation, *args))):
            differences.append(f"the question {operation!r} arrived as {asked!r:.200}, not as {args!r:.200}")
        if not is_same(piped, answer):
            differences.append(f"the answer to {operation!r} arrived as {piped!r:.200}, not as {answer!r:.200}")
        if isinstance(answer, Exception):
            raise answer
        return answer

    return StudentProxy(ask), differences


def _outcome(ask, *question):
    try:
        return ask(*question)
    except (NotAttempted, StudentError, Missing, CodecError) as error:
        return error


def _keep_nothing(item):
    raise CodecError(f"a {type(item).__name__} was left in an answer")


def _plain(value):
    """What a question's arguments become on any way: NumPy's numbers are Python's."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    if isinstance(value, dict):
        return {_plain(key): _plain(part) for key, part in value.items()}
    return value


def is_same(one, other):
    """Whether two values are of the same types and equal in all their parts, NaN being equal to NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape) == (other.dtype, other.shape) and one.tobytes() == other.tobytes()
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, dict):
        return is_same(list(one.items()), list(other.items()))
    if isinstance(one, StudentError):
        return [one.kind, one.text[:2000], one.line[:2000]] == [other.kind, other.text[:2000], other.line[:2000]]
    if isinstance(one, Exception):
        return str(one)[:2000] == str(other)[:2000]
    return one == other or one != one and other != other
