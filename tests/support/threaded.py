"""An app that is served in a thread, for tests of what blocks the main one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import trio

from hump_trio import Hump
from tests.support.loopback import PATIENCE_SECONDS

__all__ = ["served_in_thread"]


@contextmanager
def served_in_thread(app: Hump) -> Iterator[str]:
    """Serve an app where it is bound, and end that, and what is in flight, at the end.

    Yields:
        Its URL.
    """
    started: SimpleQueue[tuple[str, trio.lowlevel.TrioToken, trio.CancelScope]] = SimpleQueue()

    async def serve() -> None:
        async with trio.open_nursery() as nursery:
            urls: tuple[str, ...] = await nursery.start(app.serve)
            started.put((urls[0], trio.lowlevel.current_trio_token(), nursery.cancel_scope))

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    url, token, scope = started.get(timeout=PATIENCE_SECONDS)
    try:
        yield url
    finally:
        token.run_sync_soon(scope.cancel)
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
