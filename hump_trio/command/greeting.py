"""The line for a person who has started a server: its address, and how to stop it."""

from collections.abc import Callable

import trio

from hump_trio.tasks.console import reachable_url

__all__ = ["Greeting"]

BOLD, RESET = "\x1b[1m", "\x1b[0m"


class Greeting(trio.TaskStatus[tuple[str, ...]]):
    """A task status that writes the line when the server has started.

    Args:
        write: Writes a line; None: nobody reads, so nothing is written.
        coloured: Whether to print the address in bold.
    """

    def __init__(self, write: Callable[[str], None] | None, *, coloured: bool) -> None:
        self._write = write
        self._coloured = coloured

    def started(self, value: tuple[str, ...] = ()) -> None:
        """Write the line for the URLs at which the app is served."""
        url = reachable_url(value)
        if url and self._write is not None:
            shown = f"{BOLD}{url}{RESET}" if self._coloured else url
            self._write(f"Open {shown} (Ctrl-C stops it)")
