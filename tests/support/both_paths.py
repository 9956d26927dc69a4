"""The same app served to the same clients in several ways: without the fast path, and with it.

With it once more where connections wait without a task. The plain path is the rule. Nothing that
can be seen from outside may tell them apart: bytes, logs, statistics, and what handlers note.
"""

import logging
import math
import re
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from itertools import zip_longest
from typing import Any, Literal, TypeAlias

import pytest
import trio
from trio.testing import MockClock

from hump_trio import AccessRecord, Ended, Hump, Request
from hump_trio.http1.parser import RequestParser
from hump_trio.messages.request import build_request
from hump_trio.server.connection import Connection
from hump_trio.server.http1 import wire
from hump_trio.server.http1.prepared import Prepared
from hump_trio.server.lane import Lane, Step
from hump_trio.testing.memory_listener import MemoryListener, running
from hump_trio.transports.memory import MemoryTransport
from tests.support.reported import report_arrivals

Build: TypeAlias = Callable[["Stage"], Hump]
Scene: TypeAlias = Callable[["Stage"], Awaitable[None]]
Path: TypeAlias = Literal["plain", "fast", "turns"]

# No multiple of what the watchdog sleeps: what comes at one moment comes in an order of chance.
PAUSE_SECONDS = 0.97
DATE = re.compile(rb"\ndate: [^\r]*GMT\r\n")
# What was no request is said to have lasted since the answer before it, or by the fast path since
# the sweep that has seen its end.
AGE = re.compile(r'("-" \d+ \d+) \d+\.\d+ ')
# In what pieces bytes come, and who has which port, is up to a system.
both_alike = pytest.mark.memory_only("two runs are alike in memory alone")


class Stage(logging.Handler):
    """One run of an app, and all that could be seen of it.

    Args:
        build: Makes the app.

    Attributes:
        app: Itself.
        seen: What was seen, in order.
        fast_count: How many requests were begun by the fast path.
        clients: Their ends of all connections.
        listener: Where they connect.
    """

    listener: MemoryListener

    def __init__(self, build: Build) -> None:
        super().__init__()
        self.seen: list[object] = []
        self.fast_count: int = 0
        self.clients: list[MemoryTransport] = []
        self.app: Hump = build(self)
        self._untold: AccessRecord | None = None  # which watchers are to hear of next

    def emit(self, record: logging.LogRecord) -> None:
        """Note a line of the package's logs, and the error that it tells of."""
        error = record.exc_info[1] if record.exc_info else None
        assert self._untold is None, "watchers hear of each request that has a line"
        access: AccessRecord | None = getattr(record, "access", None)
        if access is not None and access.method:
            self._untold = access
        self.note(record.levelname, AGE.sub(r"\1 ", record.getMessage()), repr(error))

    def watch(self, request: Request) -> Generator[None, Ended, None]:
        """Watch a request, which is told of as its line is."""
        ended = yield
        assert ended.access is self._untold
        self._untold = None
        self.note("ended", repr(ended.error))

    def note(self, *values: object) -> None:
        """Note what was seen."""
        self.seen.append(values)

    def connect(self, window_bytes: float = math.inf) -> MemoryTransport:
        """Return a client's end of a new connection."""
        client = self.listener.connect(window_bytes)
        self.clients.append(client)
        return client

    async def send(self, client: MemoryTransport, *parts: bytes) -> None:
        """Send each part on its own, and note what has come about a second later."""
        for part in parts:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                client.send_nowait(part)
            await trio.sleep(PAUSE_SECONDS)
            self.look(client)

    def look(self, client: MemoryTransport) -> None:
        """Note what has come, whether the connection has ended and how, and the statistics."""
        data, state = b"", "open"
        try:
            while part := client.receive_nowait():
                data += part
            if part is not None:
                state = "ended"
        except trio.BrokenResourceError:
            state = "reset"
        except trio.ClosedResourceError:
            state = "left"
        self.note(DATE.sub(b"\ndate: now\r\n", data), state)
        with suppress(RuntimeError):  # the server has ended
            self.note(self.app.statistics())

    async def run(self, scene: Scene) -> None:
        """Serve the app, and let clients do something with it."""
        async with running(self.app) as self.listener:
            await scene(self)


@contextmanager
def logging_to(stage: Stage, *, access: bool) -> Iterator[None]:
    """Let a stage see the package's logs, and each request's line if it is wanted."""
    root, lines = logging.getLogger("hump_trio"), logging.getLogger("hump_trio.access")
    levels = root.level, lines.level
    root.setLevel(logging.DEBUG)
    lines.setLevel(logging.INFO if access else logging.WARNING)
    root.addHandler(stage)
    try:
        yield
    finally:
        root.removeHandler(stage)
        root.setLevel(levels[0])
        lines.setLevel(levels[1])


async def serve_nothing(
    connection: Connection, parser: RequestParser, prepared: Prepared, lane: Lane
) -> Step | None:
    """Leave every request, and the wait for it, to the plain path."""
    return Step.AWAIT


def play(build: Build, scene: Scene, *, path: Path, access: bool) -> Stage:
    """Run a scene on a path."""
    stage = Stage(build)
    if access:
        stage.app.watch(stage.watch)

    def count(*args: Any) -> Any:
        stage.fast_count += 1
        return build_request(*args)

    with pytest.MonkeyPatch.context() as patch, logging_to(stage, access=access):
        patch.setattr("hump_trio.server.http1.fast_path.build_request", count)
        if path == "plain":
            patch.setattr(wire, "serve_whole", serve_nothing)
        elif path == "turns":
            report_arrivals(patch)
        trio.run(stage.run, scene, clock=MockClock(autojump_threshold=0))
    return stage


def play_both(build: Build, scene: Scene, *, access: bool = True) -> Stage:
    """Run a scene on each path, compare all that was seen, and return the fast one's stage."""
    plain = play(build, scene, path="plain", access=access)
    assert plain.fast_count == 0
    stage = play(build, scene, path="fast", access=access)
    turns = play(build, scene, path="turns", access=access)
    for each, name in ((stage, "with the fast path"), (turns, "without a task that waits")):
        for ours, theirs in zip_longest(each.seen, plain.seen):  # the first difference tells more
            assert ours == theirs, f"{name}\n{ours}\non the plain path\n{theirs}"
    assert turns.fast_count == stage.fast_count
    return stage
