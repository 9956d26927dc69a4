"""Lanes that take turns at random: whatever comes between which steps of which task, all is served.

Bytes are reported as a readiness reports those of a socket, between any two steps of any tasks, and
the transport takes as little at a time as it likes. A wake-up that is lost leaves bytes unread or
unsent when everything is at rest; one too many crashes Trio.
"""

import math
from collections.abc import Iterator

import hpack
import trio
from hyperframe.frame import PingFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import HttpException, Hump, Request
from hump_trio.server.compartment import Compartment
from hump_trio.server.connection import Connection
from hump_trio.server.watchdog import Watchdog
from hump_trio.transports.memory import MemoryTransport, memory_transport_pair
from hump_trio.transports.transport import RECEIVE_BYTES, Arrivals
from tests.support.frames import PREFACE, Peer, data, frame, ping, reset, window_update
from tests.support.frames import settings as encode_settings
from tests.support.served import served
from tests.support.struck import Countdown, TappedTransport


class ReportedTransport(TappedTransport):
    """A transport whose arrivals are reported by the test, and which takes little at a time.

    Args:
        inner: Does the work.
        takes: How many bytes are taken by each call, in turn; for ever again from the first.
        pause: Seconds until there is room again; 0 for a step.
    """

    def __init__(self, inner: MemoryTransport, takes: list[int], pause: float) -> None:
        super().__init__(inner, "step", Countdown(math.inf), None)
        self._reports = Arrivals()
        self._takes = takes
        self._pause = pause
        self._turn = 0

    @property
    def arrivals(self) -> Arrivals:
        """What the test reports."""
        return self._reports

    def readable(self) -> bool:
        """Tell whether something has come that wasn't read."""
        assert isinstance(self.inner, MemoryTransport)
        return self.inner.readable()

    def report(self) -> None:
        """Report that bytes have come, as a readiness does."""
        self._reports.ready = True
        self._reports.reported_at = trio.current_time()
        self._reports.wake()

    def receive_nowait(self, max_bytes: int = RECEIVE_BYTES) -> bytes | None:
        """Receive what has come."""
        received = self.inner.receive_nowait(max_bytes)
        self._reports.ready = received is not None and len(received) == max_bytes
        return received

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive, as a socket does that is watched."""
        if self._reports.ready:
            await self._reports.pause()
        while True:
            if not self._reports.ready:
                await self._reports.wait()
            received = self.receive_nowait()
            if received is not None:
                return received

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Take as much as it is the turn of."""
        self._turn += 1
        return super().send_nowait(data[: self._takes[self._turn % len(self._takes)]])

    async def wait_send_all_might_not_block(self) -> None:
        """Wait a step, or until some time has passed."""
        await trio.sleep(self._pause)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Take all of it, in steps."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.send_nowait(rest) :]
            await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Close, and wake who waits."""
        super().close()
        self._reports.wake()

    def reset(self) -> None:
        """Reset, and wake who waits."""
        super().reset()
        self._reports.wake()


class Postman(trio.abc.Instrument):
    """Delivers what a client sends: each piece so many steps behind the one before.

    Those are steps of the connection's tasks. Where nobody takes any more steps it goes on.

    Args:
        client: The client's end.
        transport: The other one.
        pieces: How many steps are waited for, and what is delivered then.
    """

    def __init__(
        self, client: MemoryTransport, transport: ReportedTransport, pieces: list[tuple[int, bytes]]
    ) -> None:
        self._client = client
        self._transport = transport
        self._pieces = pieces[::-1]
        self._steps = 0

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count a step, and deliver what is due."""
        if "serve_connection" in task.name:
            self._steps += 1
            while self._pieces and self._pieces[-1][0] <= self._steps:
                self.deliver()

    def deliver(self) -> None:
        """Deliver the next piece."""
        _, piece = self._pieces.pop()
        self._steps = 0
        try:
            self._client.send_nowait(piece)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        self._transport.report()

    async def deliver_all(self) -> None:
        """Deliver what nobody's steps have brought on, whenever all are at rest."""
        await wait_all_tasks_blocked()
        while self._pieces:
            self.deliver()
            await wait_all_tasks_blocked()
            assert not self._transport.readable(), "all is read when all are at rest"


def stepping_app() -> Hump:
    """Return an app whose handlers take so many steps, and end in some way."""
    app = Hump()

    @app.get("/returns/{steps:int}")
    async def returns(steps: int) -> str:
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        return f"{steps} steps"

    @app.get("/raises/{steps:int}")
    async def raises(steps: int) -> str:
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        raise HttpException(418)

    @app.get("/sleeps/{steps:int}")
    async def sleeps(steps: int) -> str:
        await trio.sleep(steps)
        return f"{steps} seconds"

    @app.get("/streams/{steps:int}")
    async def streams(steps: int) -> object:
        for _ in range(steps):
            yield "step"

    @app.post("/takes/{steps:int}", stream=True)
    async def takes(steps: int, request: Request) -> str:
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        return str(sum([len(part) async for part in request.stream]))

    @app.post("/holds/{steps:int}")
    async def holds(steps: int, request: Request) -> str:
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        return str(len(request.body))

    return app


KINDS = ["returns", "raises", "sleeps", "streams", "takes", "holds"]
EXPECTED = {
    "returns": (200, "{0} steps"),
    "raises": (418, None),
    "sleeps": (200, "{0} seconds"),
    "takes": (200, "10"),
    "holds": (200, "10"),
}
asked = st.tuples(st.sampled_from(KINDS), st.integers(0, 4), st.booleans())
delays = st.one_of(st.integers(0, 6), st.just(1000))


def frames_of(requests: list[tuple[str, int, bool]]) -> Iterator[bytes]:
    """Yield what a client sends to ask for some things, and to leave some of them."""
    encoder = hpack.Encoder()
    for number, (kind, steps, _) in enumerate(requests):
        stream_id = 2 * number + 1
        posts = kind in ("takes", "holds")
        block = encoder.encode(
            [
                (":method", "POST" if posts else "GET"),
                (":scheme", "http"),
                (":authority", "a"),
                (":path", f"/{kind}/{steps}"),
            ]
        )
        yield frame(1, 0x4 if posts else 0x5, stream_id, block)
        if posts:
            yield data(stream_id, b"12345")
    for number, (kind, _, left) in enumerate(requests):
        stream_id = 2 * number + 1
        if left:
            yield reset(stream_id)
        elif kind in ("takes", "holds"):
            yield data(stream_id, b"12345", end=True)
        yield window_update(stream_id, 2**16)


async def serve(
    requests: list[tuple[str, int, bool]],
    steps: list[int],
    takes: list[int],
    pause: float,
    window_bytes: int,
) -> None:
    """Serve what a client asks for, and check each answer."""
    state = served(app=stepping_app())
    client, theirs = memory_transport_pair(math.inf)
    transport = ReportedTransport(theirs, takes, pause)
    connection = Connection(transport, state)
    watchdog = Watchdog()
    watchdog.add(connection)
    compartment = Compartment(watchdog)
    connection.start_lane, connection.hand_on = compartment.start_lane, compartment.hand_on
    greeting = PREFACE + encode_settings(initial_window_size=window_bytes)
    pieces = list(zip(steps, [greeting, *frames_of(requests)], strict=False))
    postman = Postman(client, transport, pieces)
    peer = Peer(client)
    with trio.fail_after(1000):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watchdog.sweep)
            nursery.start_soon(compartment.hold)
            compartment.start_soon(connection)
            trio.lowlevel.add_instrument(postman)
            await postman.deliver_all()
            trio.lowlevel.remove_instrument(postman)
            await peer.frames()
            for number, (kind, _, left) in enumerate(requests):
                late = kind == "sleeps" or left or pause
                assert late or peer.answers[2 * number + 1].ended, "all that is ready is sent"
            await trio.sleep(4.5)
            await peer.frames()
            for number, (kind, count, left) in enumerate(requests):
                answer = peer.answers[2 * number + 1]
                if left:
                    assert answer.ended or answer.reset is None or kind in ("takes", "holds")
                    continue
                status, text = EXPECTED.get(kind, (200, "step" * count))
                assert answer.ended, (kind, count)
                assert answer.status == status
                assert text is None or answer.text == text.format(count)
            assert (state.request_count, state.stream_count) == (0, 0)
            client.send_nowait(ping())
            transport.report()
            await trio.sleep(0.1)
            [acknowledged] = await peer.frames()
            assert isinstance(acknowledged, PingFrame)
            nursery.cancel_scope.cancel()


@settings(max_examples=200)
@given(
    requests=st.lists(asked, min_size=1, max_size=6),
    steps=st.lists(delays, min_size=40, max_size=40),
    takes=st.lists(st.sampled_from([0, 1, 30, 100_000]), max_size=6).map(lambda all: [*all, 50]),
    pause=st.sampled_from([0, 0.001]),
    window_bytes=st.sampled_from([0, 3, 65_535]),
)
def test_whatever_comes_when_all_is_served(
    requests: list[tuple[str, int, bool]],
    steps: list[int],
    takes: list[int],
    pause: float,
    window_bytes: int,
) -> None:
    """See this module."""
    trio.run(
        serve, requests, steps, takes, pause, window_bytes, clock=MockClock(autojump_threshold=0)
    )
