"""The judge's end of the pipes to a student's process: questions and answers, in time and within caps."""

import contextlib
import mmap
import os
import select
import time

from coursekit.checks.codec import MAX_ITEMS, CodecError, read_frame, write_frame
from coursekit.checks.pipe import question

CHECKS_S = 120  # seconds that the checks may still take once the time of the cells is over
MAX_ANSWER = 256 * 1024 * 1024


class Ended(Exception):
    """The student's process has ended or no longer answers. The message says how."""


class Channel:
    """Questions to one student's process, each with a time limit.

    Cells may take `Times.total` together. The checks that come after it is over have some time of their own, so that
    what stands by then is judged.
    """

    def __init__(self, child, reading, writing, times, hurry=lambda: None):
        self._child, self._reading, self._writing, self._times = child, reading, writing, times
        self._hurry = hurry  # called before an interrupt
        self.over = time.monotonic() + times.total
        self._until = self.over + min(CHECKS_S, times.total / 2)
        # Or a write would wait for ever where the process no longer reads.
        os.set_blocking(writing, False)
        self._deadline = 0.0
        self.ended = ""
        # Whether a frame is on its way: seen by a process that was forked for one exercise, and by this one after it.
        self._midway = mmap.mmap(-1, 1)

    @property
    def midway(self):
        return self._midway[0] != 0

    def cell(self, source):
        """What became of a cell, as a frame; None where the time for cells is over."""
        left = self.over - time.monotonic()
        if left <= 0:
            return None
        # What a cell shows is text of the runner's size: parsed at once, as no limit on time holds for parsing.
        caps = {"most_arrays": 0, "most_marks": MAX_ITEMS}
        return self.exchange(*question("cell", source), seconds=min(self._times.cell, left), **caps)

    def exchange(self, description, arrays, seconds=None, **caps):
        """The answer to one question, within the `caps` of `read_frame`. What takes longer is interrupted, and ended if
        that does not help."""
        left = self._until - time.monotonic()
        if left <= 0:
            self.end(f"the notebook took longer than {self._times.total:.0f} s")
        if self.ended:
            raise Ended(self.ended)
        seconds = min(seconds or self._times.question, max(left, 0.1))
        self._midway[0] = 1
        try:
            self._deadline = time.monotonic() + seconds
            write_frame(self, description, arrays)
            if not self._wait(self._reading, False):
                self._interrupt()
            self._deadline = max(self._deadline, time.monotonic() + self._times.frame)
            answer = read_frame(self, **caps)
            self._midway[0] = 0
            return answer
        except TimeoutError:
            self.end(f"it did not stop after {seconds:.0f} s")
        except (EOFError, OSError):
            self.end("")
        except (CodecError, MemoryError) as error:
            # The stream is out of step for good: what follows could be taken for an answer that it is not.
            self.end(f"what it sent could not be read ({str(error)[:200]})")
        raise Ended(self.ended)

    def _interrupt(self):
        """Interrupt what runs, and once more where it caught that; it has all of the processor for its last words."""
        self._hurry()
        for _ in range(2):
            self._child.interrupt()
            self._deadline = time.monotonic() + self._times.grace / 2
            if self._wait(self._reading, False):
                return
        raise TimeoutError

    def end(self, reason):
        """End the process. `reason` is "" where it ended by itself."""
        if not self.ended:
            if reason:
                self._child.kill()
            self.ended = reason or f"it ended by itself ({self._child.wait(5) or 'no trace'})"
            self._child.kill()

    def read(self, size):
        """Exactly `size` bytes; what `read_frame` calls."""
        if size > MAX_ANSWER:
            raise CodecError(f"an answer of {size / 2**20:.0f} MB is too large")
        parts, left = [], size
        while left:
            if not self._wait(self._reading, False):
                raise TimeoutError
            part = os.read(self._reading, min(left, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def write(self, data):
        view = memoryview(data)
        while view:
            if not self._wait(self._writing, True):
                raise TimeoutError
            with contextlib.suppress(BlockingIOError):
                view = view[os.write(self._writing, view) :]

    def flush(self):
        """Nothing is kept back; `write_frame` asks."""

    def _wait(self, descriptor, writing):
        left = max(self._deadline - time.monotonic(), 0)
        watched = ([], [descriptor], []) if writing else ([descriptor], [], [])
        return any(select.select(*watched, left))
