"""What a submission takes of memory and of the processor, watched while it runs."""

import contextlib
import math
import os
import threading
import time
from pathlib import Path

from coursekit.grading import sandbox

SLOW = 10.0  # seconds after which a cell gives way to other submissions
GIVES_WAY = 7  # its nice value then: about a fifth of the share of another
STEP = 1.25  # by which one nice value changes a share


class Watch(threading.Thread):
    """Ends a child that takes more memory than it may, and remembers the most that it took.

    A cell that runs for long gives way to the other submissions: most of these are endless loops, and waiting for their
    time to be over should not cost the class a core. And its processes have the share of one together.
    """

    def __init__(self, child, limit_mb):
        super().__init__(daemon=True)
        self._child, self._limit, self._stop_now = child, limit_mb, threading.Event()
        self.peak, self.killed = 0.0, False
        self.cell_began = None  # set by the judge while a cell runs
        self._ways = 0, 0
        self.start()

    def run(self):
        while not self._stop_now.wait(0.2):
            used, count = sandbox.usage(self._child)
            self.peak = max(self.peak, used)
            # Once more: processes that come and go while they are counted may be counted twice.
            if used > self._limit and sandbox.usage(self._child)[0] > self._limit:
                self.killed = True
                self._child.kill()
            began = self.cell_began
            slow = began is not None and time.monotonic() - began > SLOW
            nice = GIVES_WAY if slow else 0
            ways = nice, nice + round(math.log(max(count, 1), STEP))
            if ways != self._ways or count > 1:  # one that was begun meanwhile has it not yet
                for pid in sandbox.members(self._child):
                    give_way(pid, *ways)
            self._ways = ways

    def hurry(self):
        """Give the processor back before an interrupt: what runs has little time left for its last words."""
        self.cell_began = None
        for _ in range(20):
            if not self._ways[0]:
                return
            time.sleep(0.05)

    def stop(self):
        self._stop_now.set()
        self.join(timeout=2)


def give_way(pid, group, each):
    """Set the share of the processor that a submission gets against others, by nice values above this process's own.

    The runner leads a session, which Linux schedules as one `group`; where it does not, as in many containers, `each`
    thread has its own value.
    """
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(group))
    own = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.setpriority(os.PRIO_PROCESS, int(thread), min(19, own + each))
