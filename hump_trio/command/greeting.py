"""What a person who has started a server wants to know: where to look, and how to stop it."""

from collections.abc import Callable

import trio

from hump_trio.tasks.console import reachable_url

__all__ = ["Greeting"]

BOLD, RESET = "\x1b[1m", "\x1b[0m"


class Greeting(trio.TaskStatus[tuple[str, ...]]):
    """Says it when the server has started.

    Args:
        write: Takes what is said; None for nobody.
        coloured: Whether the address is to stand out.
    """

    def __init__(self, write: Callable[[str], None] | None, *, coloured: bool) -> None:
        self._write = write
        self._coloured = coloured

    def started(self, value: tuple[str, ...] = ()) -> None:
        """Take the URLs that are served."""
        url = reachable_url(value)
        if url and self._write is not None:
            shown = f"{BOLD}{url}{RESET}" if self._coloured else url
            self._write(f"Open {shown} (Ctrl-C stops it)")
