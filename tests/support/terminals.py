"""A terminal with somebody before it, for tests of what is drawn on one."""

import fcntl
import os
import pty
import re
import select
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.loopback import PATIENCE_SECONDS

__all__ = ["Operator", "Step", "operating"]

# What is waited for, a pattern of what is written to the terminal, and what is done then: keys that
# are pressed, or anything else.
Step = tuple[str, str | Callable[[], object]]


class Operator(threading.Thread):
    """Reads what is written to a terminal, and presses keys: each step when it is its time.

    Args:
        steps: One after the other.

    Attributes:
        slave: The descriptor that programs know as their terminal.
        said: All that was written, when it has ended.
        failure: What was waited for, and didn't come; empty if all came.
    """

    def __init__(self, *steps: Step) -> None:
        super().__init__()
        self._master, self.slave = pty.openpty()
        self._steps = steps
        self.said: str = ""
        self.failure: str = ""

    def resize(self, width: int, height: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def modes(self) -> list[Any]:
        """Return the modes of the terminal."""
        return termios.tcgetattr(self.slave)

    def leave(self) -> None:
        """Close the terminal's window."""
        if self._master >= 0:
            os.close(self._master)
        self._master = -1

    def run(self) -> None:
        """Do the steps, and read on until the program has ended."""
        begin = 0
        for pattern, action in self._steps:
            give_up = time.monotonic() + PATIENCE_SECONDS
            while re.compile(pattern).search(self.said, begin) is None:
                if not self._read() or time.monotonic() > give_up:
                    self.failure = f"{pattern} never came after\n{self.said[begin:][:5000]}"
                    self.leave()
                    return
            begin = len(self.said)
            if isinstance(action, str):
                os.write(self._master, action.encode())
            else:
                action()
        while self._read():
            pass

    def _read(self) -> bool:
        if self._master < 0:
            return False
        ready, _, _ = select.select([self._master], [], [], PATIENCE_SECONDS)
        try:
            data = os.read(self._master, 65536) if ready else b""
        except OSError:  # nobody has the other end any more
            data = b""
        self.said += data.decode(errors="replace")
        return bool(data)

    def end(self) -> None:
        """Take the terminal away when all was read, and say whether all steps were done."""
        os.close(self.slave)
        self.join(PATIENCE_SECONDS)
        assert not self.is_alive()
        self.leave()
        assert not self.failure, self.failure


@contextmanager
def operating(*steps: Step) -> Iterator[Operator]:
    """Start somebody before a terminal of 80 columns and 24 lines, who has done all at the end."""
    operator = Operator(*steps)
    operator.resize(80, 24)
    operator.start()
    try:
        yield operator
    finally:
        operator.end()
