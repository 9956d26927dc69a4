"""hump_app where each instruction is counted, without what would happen now and then.

Under callgrind a program is slow, so its clock has to be too. Else what is done by the clock, such
as the watchdog's four looks a second, would be a larger part of a request, and the more so the
busier the machine is: 1 % of `GET /`, and much more where a message goes to many.

It serves the app of the program of ours that the command line names behind the port, over TLS if a
certificate and its key follow.

The package websockets can't be imported, so that messages are unmasked in Python whether it is
installed or not.
"""

import gc
import sys
import time
from importlib import import_module

import trio

from hump_trio import TLS
from hump_trio.server.http1 import fast_path

SLOWNESS = 1000


class SlowClock(trio.abc.Clock):
    """A clock whose seconds last longer."""

    def start_clock(self) -> None:
        """Begin: there is nothing to do."""

    def current_time(self) -> float:
        """Return the seconds that have passed on this clock."""
        return time.perf_counter() / SLOWNESS

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Return the real seconds until a deadline."""
        return (deadline - self.current_time()) * SLOWNESS


if __name__ == "__main__":
    fast_path.TURN_SECONDS *= SLOWNESS
    sys.modules["websockets"] = None  # type: ignore[assignment]
    app = import_module(f"tests.benchmarks.programs.{sys.argv[2]}").app  # which looks for it
    app.port = int(sys.argv[1])
    if sys.argv[3:]:
        app.tls = TLS(*sys.argv[3:])
    # A rare full collection would cost what it takes to look at all modules, 0.4 % of a series.
    gc.freeze()
    trio.run(app.serve, clock=SlowClock())
