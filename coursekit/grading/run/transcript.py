"""What a check asked and what was answered, kept so that a changed check is judged again without running anything.

One file per exercise: pairs of frames in the format of `coursekit.checks.codec`, the digest of a question and its
answer, compressed by gzip.
"""

import gzip
import hashlib
import io
import json
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from coursekit.checks.codec import CodecError, read_frame, write_frame
from coursekit.grading.result import write_whole

MAX_BYTES = 16 * 2**20  # of one exercise, before it is compressed


class NotKept(Exception):
    """A question whose answer is not in the transcript: the submission must run again."""


def digest(description, arrays):
    """A digest of one question."""
    total = hashlib.sha256(json.dumps(description).encode())
    for array in arrays:
        total.update(f"{array.dtype.str}{array.shape}".encode())
        total.update(np.ascontiguousarray(array).data if array.dtype.kind != "U" else array.tobytes())
    return total.hexdigest()


@contextmanager
def recording(exchange, path):
    """`exchange` with everything that it brings written to `path`; nothing where that is more than `MAX_BYTES` or
    cannot be written: a transcript saves time, and no verdict depends on one.

    Parameters
    ----------
    exchange : callable
        ``exchange(description, arrays) -> (description, arrays)``.
    path : Path
        Replaces what is there once the conversation has ended.
    """
    kept = io.BytesIO()
    with gzip.open(kept, "wb", compresslevel=1) as file:

        def asked(description, arrays):
            answer = exchange(description, arrays)
            size = len(json.dumps(answer[0])) + sum(array.nbytes for array in answer[1])
            if file.tell() + size > MAX_BYTES:
                full.append(True)
            if not full:
                write_frame(file, [digest(description, arrays), answer[0]], answer[1])
            return answer

        full = []
        yield asked
    with suppress(OSError):
        path.unlink()  # half a conversation, or an older one, would answer a changed check with what belongs elsewhere
    if not full:
        with suppress(OSError):
            write_whole(path, kept.getvalue())


def replaying(path):
    """An `exchange` that answers from the transcript at `path`.

    The same question asked again gets the answers in their order, and the last one from then on.

    Raises
    ------
    NotKept
        Where there is no transcript; the `exchange` raises it for a question that was not asked before.
    """
    answers = {}
    try:
        with gzip.open(Path(path), "rb") as file, suppress(EOFError):
            while True:
                (question, description), arrays = read_frame(file)
                answers.setdefault(question, []).append((description, arrays))
    except (OSError, CodecError, ValueError) as error:
        raise NotKept(str(error)) from None

    def exchange(description, arrays):
        kept = answers.get(digest(description, arrays))
        if not kept:
            raise NotKept(f"the check asks something new ({description['l'][0]})")
        return kept.pop(0) if len(kept) > 1 else kept[0]

    return exchange
