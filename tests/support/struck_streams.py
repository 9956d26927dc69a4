"""A connection of HTTP/2 that is served to its end, struck at its n-th call or wait, and judged."""

import math
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, TypeAlias

import hpack
import pytest
import trio
from hyperframe.frame import (
    DataFrame,
    Frame,
    HeadersFrame,
    RstStreamFrame,
)

from hump_trio.server.clock import Clock
from hump_trio.server.compartment import Compartment
from hump_trio.server.connection import Connection
from hump_trio.server.life import Life
from hump_trio.server.phases import Phase
from hump_trio.server.state import ServerState
from hump_trio.server.watchdog import Watchdog
from hump_trio.transports.transport import Arrivals
from tests.support.struck import Countdown, TappedTransport
from tests.support.transports import make_pair, watching

__all__ = [
    "STRIKES",
    "Moment",
    "Scene",
    "Strike",
    "Struck",
    "cut_anywhere",
    "each_cut",
    "serve_struck",
]

Moment: TypeAlias = Literal["before", "after", "step"]


class StepsTap(trio.abc.Instrument):
    """Counts each time that any task of the connection has come to wait."""

    def __init__(self, strike: Countdown) -> None:
        self._strike = strike

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count the steps of its tasks, which are named alike."""
        if "serve_connection" in task.name:
            self._strike.count()


class WatchedTransport(TappedTransport):
    """A tapped transport whose arrivals may be waited for, where the inner one has them."""

    @property
    def arrivals(self) -> Arrivals | None:
        """The inner one's."""
        return self.inner.arrivals


@dataclass(slots=True)
class Struck:
    """A connection while it is served.

    Args:
        state: What connections share.
        connection: It.
        client: The other end.
        scope: Encloses all of its tasks.
        watchdog: Knows their clocks.
    """

    state: ServerState
    connection: Connection
    client: Any
    scope: trio.CancelScope
    watchdog: Watchdog

    @property
    def busy(self) -> list[Clock]:
        """The clocks of what is being handled or answered."""
        return [
            each
            for each in self.watchdog.clocks
            if each.request is not None and each.phase in (Phase.HANDLER, Phase.SEND)
        ]


def cancel(struck: Struck) -> None:
    """Cancel all, as the end of a program does."""
    struck.scope.cancel()


def expire(struck: Struck) -> None:
    """Let the deadline of every phase pass, as the watchdog sees it."""
    for clock in struck.watchdog.clocks:
        if clock.deadline < math.inf:
            clock.deadline = -math.inf
            clock.expire(trio.current_time())


def cut(struck: Struck) -> None:
    """End what every stream waits for, as when it was stalled."""
    for clock in struck.watchdog.lanes:
        if clock.request is not None:
            clock.cut()


def break_off(struck: Struck) -> None:
    """Let the peer be gone."""
    struck.client.reset()


def pass_deadline(struck: Struck) -> None:
    """Let exact deadlines pass."""
    for clock in struck.busy:
        clock.enforce(-math.inf)


def leave(struck: Struck) -> None:
    """Let the peer go, and be looked for at once."""
    struck.client.reset()
    for clock in struck.busy:
        clock.look_for_peer(trio.current_time())


def drain(struck: Struck) -> None:
    """Begin a shutdown."""
    struck.connection.drain()


def shut_down(struck: Struck) -> None:
    """End the time that a shutdown gives."""
    struck.connection.drain()
    struck.state.enter_cleanup()
    for clock in struck.watchdog.clocks:
        clock.cancel("shutdown")
    struck.scope.cancel()


Strike: TypeAlias = Callable[[Struck], None]
STRIKES: list[Strike] = [
    cancel,
    expire,
    cut,
    break_off,
    pass_deadline,
    leave,
    drain,
    shut_down,
]


# What a task of the server's does, and never a call of the transport.
BY_OTHERS = (drain, shut_down)


async def by_another(strike: Strike, struck: Struck) -> None:
    """Strike in a task of its own."""
    strike(struck)


async def read(client: Any) -> None:
    """Read until the connection ends one way or another."""
    try:
        while await client.receive_some():
            pass
        client.close()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        client.close()


async def write(client: Any, parts: list[bytes]) -> None:
    """Send frames, with a pause behind each part, and the end at last."""
    try:
        for part in parts:
            await client.send_all(part)
            await trio.sleep(0.01)
        await trio.sleep(5)
        await client.send_eof()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        client.close()


async def serve_struck(
    state: ServerState, parts: list[bytes], moment: Moment, countdown: Countdown, strike: Strike
) -> TappedTransport:
    """Serve one connection to its end, struck when a countdown ends; nothing is left of it."""
    with trio.fail_after(1000):
        async with watching() as readiness, trio.open_nursery() as attendants:
            client, theirs = make_pair(readiness)
            tapped = WatchedTransport(theirs, moment, countdown, None)
            connection = Connection(tapped, state)
            watchdog = Watchdog()
            watchdog.add(connection)
            compartment = Compartment(watchdog)
            connection.start_lane, connection.hand_on = compartment.start_lane, compartment.hand_on
            instrument = StepsTap(countdown)
            state.start_attendant = attendants.start_soon
            attendants.start_soon(watchdog.sweep)
            attendants.start_soon(read, client)
            attendants.start_soon(write, client, parts)
            with trio.CancelScope() as scope:
                struck = Struck(state, connection, client, scope, watchdog)
                if strike in BY_OTHERS:
                    countdown.act = lambda: attendants.start_soon(by_another, strike, struck)
                else:
                    countdown.act = lambda: strike(struck)
                if moment == "step":
                    trio.lowlevel.add_instrument(instrument)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(compartment.hold)
                    compartment.start_soon(connection)
                    await watchdog.wait_none()
                    nursery.cancel_scope.cancel()
            if moment == "step":
                trio.lowlevel.remove_instrument(instrument)
            assert not watchdog.connections
            assert not watchdog.lanes, "no lane is left"
            attendants.cancel_scope.cancel()
    return tapped


def cut_anywhere(names: Iterable[str]) -> Callable[[Callable[..., Any]], Any]:
    """Return what runs a test with each ``name``, each ``strike``, and each ``moment`` of one."""

    def run_each(test: Callable[..., Any]) -> Any:
        moments = pytest.mark.parametrize("moment", ["before", "after", "step"])
        strikes = pytest.mark.parametrize("strike", STRIKES)
        return pytest.mark.parametrize("name", list(names))(strikes(moments(test)))

    return run_each


async def each_cut(
    make_state: Callable[[], ServerState], parts: list[bytes], moment: Moment, strike: Strike
) -> AsyncIterator[tuple[ServerState, TappedTransport]]:
    """Serve a connection that is struck at its n-th call or wait, for every n up to none.

    Whatever it was counted for is given back each time.

    Args:
        make_state: Returns what connections share; it may be the same one each time.
        parts: What the client sends.
        moment: When a call is struck.
        strike: What is done then.
    """
    for nth in count(1):
        state, countdown = make_state(), Countdown(nth)
        tapped = await serve_struck(state, parts, moment, countdown, strike)
        yield state, tapped
        assert (state.request_count, state.buffered_bytes, state.stream_count) == (0, 0, 0)
        assert state.websocket_count == 0
        state.life, state.cleanup_deadline = Life.SERVING, math.inf
        if countdown.left > 0:
            break


@dataclass(slots=True)
class Scene:
    """What a client sends, and what it may be answered.

    Args:
        parts: What it sends, with a pause behind each part.
        answers: Status and body of the answer on each stream, if all goes well.
    """

    parts: list[bytes]
    answers: dict[int, tuple[int, bytes]] = field(default_factory=dict)

    def judge(self, tapped: TappedTransport, *, whole: bool) -> None:
        """Judge what was done with a transport.

        Args:
            tapped: It.
            whole: Whether nothing was struck.
        """
        assert len(tapped.closings) == 1, tapped.closings
        heads: dict[int, int] = {}
        bodies: dict[int, bytes] = {}
        ended: set[int] = set()
        resets: set[int] = set()
        decoder = hpack.Decoder()
        frames, left = split(bytes(tapped.sent))
        if left:
            assert tapped.closings == ["reset"], "a frame is cut, and the connection looks whole"
        for each in frames:
            stream_id = each.stream_id
            if not stream_id or each.type == 8:
                continue
            assert stream_id not in resets, f"nothing follows a reset, but {each}"
            if isinstance(each, RstStreamFrame):
                resets.add(stream_id)
                if stream_id in ended:
                    assert each.error_code == 0, "an answer that is whole isn't taken back"
                continue
            assert stream_id not in ended, f"nothing follows an end, but {each}"
            if isinstance(each, HeadersFrame):
                status = int(next(iter(decoder.decode(each.data)))[1])
                if status >= 200:
                    assert stream_id not in heads, "one answer"
                    heads[stream_id] = status
            elif isinstance(each, DataFrame):
                bodies[stream_id] = bodies.get(stream_id, b"") + each.data
            if "END_STREAM" in each.flags:
                ended.add(stream_id)
        for stream_id, (status, body) in self.answers.items():
            if stream_id in ended and heads[stream_id] == status:
                assert bodies.get(stream_id, b"") == body, "half an answer doesn't look whole"
            if whole:
                assert stream_id in ended, f"stream {stream_id} is answered"
                assert heads[stream_id] == status


def split(data: bytes) -> tuple[Iterable[Frame], bytes]:
    """Return the frames that are whole, and what is left."""
    frames: list[Frame] = []
    while len(data) >= 9:
        each, length = Frame.parse_frame_header(memoryview(data[:9]), strict=True)
        if len(data) < 9 + length:
            break
        each.parse_body(memoryview(data[9 : 9 + length]))
        frames.append(each)
        data = data[9 + length :]
    return frames, data
