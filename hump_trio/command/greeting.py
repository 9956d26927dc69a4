"""What a person who has started a server wants to know: where to look, and how to stop it."""

from collections.abc import Sequence
from typing import TextIO

import trio

__all__ = ["Greeting", "reachable_url"]

# Where every interface is listened on, this one can be asked.
LOOPBACKS = {"//0.0.0.0:": "//127.0.0.1:", "//[::]:": "//[::1]:"}
BOLD, RESET = "\x1b[1m", "\x1b[0m"


class Greeting(trio.TaskStatus[tuple[str, ...]]):
    """Says it when the server has started.

    Args:
        stream: Where to; None for nowhere.
        coloured: Whether the address is to stand out.
    """

    def __init__(self, stream: TextIO | None, *, coloured: bool) -> None:
        self._stream = stream
        self._coloured = coloured

    def started(self, value: tuple[str, ...] = ()) -> None:
        """Take the URLs that are served."""
        url = reachable_url(value)
        if url and self._stream is not None:
            shown = f"{BOLD}{url}{RESET}" if self._coloured else url
            print(f"Open {shown} (Ctrl-C stops it)", file=self._stream)


def reachable_url(urls: Sequence[str]) -> str:
    """Return one that a browser on this machine can open; empty if there is none."""
    for url in urls:
        if url.startswith("http"):
            for every, one in LOOPBACKS.items():
                url = url.replace(every, one)
            return url
    return ""
