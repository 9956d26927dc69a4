"""What the lanes of an HTTP/2 connection share: who leads, and what is unsent."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import trio
from hyperframe.frame import PingFrame
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Limits, Request, Timeouts
from hump_trio.http2.frames import encode_headers
from hump_trio.http2.literals import encode_literal
from hump_trio.server.connection import Connection
from hump_trio.server.http2.multiplexer import Multiplexer
from hump_trio.transports.memory import MemoryTransport, Pipe
from hump_trio.transports.transport import Arrivals
from tests.support.frames import PREFACE, ping, settings, speak
from tests.support.loopback import PATIENCE_SECONDS
from tests.support.served import served


async def test_a_handler_that_waits_holds_up_nobody(autojump_clock: MockClock) -> None:
    """Whatever comes meanwhile is answered, on any number of streams."""
    app = Hump()

    @app.get("/wait")
    async def wait() -> str:
        await trio.sleep(5)
        return "waited"

    @app.get("/")
    async def index() -> str:
        return "hello"

    async with speak(app) as peer:
        await peer.send(*(peer.head(2 * n + 1, path="/wait") for n in range(50)))
        await peer.frames()
        for n in range(50, 60):
            assert (await peer.ask(2 * n + 1)).text == "hello"
        await peer.expect_open()
        await trio.sleep(6)
        await peer.frames()
        assert {peer.answers[2 * n + 1].text for n in range(50)} == {"waited"}


async def test_a_client_that_ends_its_half_costs_nothing(autojump_clock: MockClock) -> None:
    """While a handler goes on for it, nobody looks for more again and again."""
    app = Hump()

    @app.get("/", on_disconnect="finish")
    async def wait() -> str:
        await trio.sleep(5)
        return "waited"

    async with speak(app) as peer:
        await peer.send(peer.head(1), ping())
        await peer.frames()
        await peer.transport.send_eof()
        await trio.sleep(6)  # virtual time passes when nobody has anything to do
        await peer.frames()
        assert peer.state == "ended"
        assert peer.answers[1].text == "waited"


@pytest.mark.memory_only("there it is known how much is taken before anybody reads")
async def test_a_client_that_reads_again_is_read_again(autojump_clock: MockClock) -> None:
    """As often as it stops reading what its frames have asked for, nothing of that is lost."""
    count = 30_000  # their answers are more than a connection holds
    async with speak(Hump(limits=Limits(glitches=10**6))) as peer:
        for _ in range(2):
            peer.transport.set_window(0)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(peer.send, *[ping()] * count)
                await trio.sleep(1)
                assert nursery.child_tasks, "the server reads no more than it can answer"
                peer.transport.set_window(10**7)
            frames = await peer.frames()
            assert sum(isinstance(each, PingFrame) for each in frames) == count


async def test_a_server_that_is_cancelled_waits_for_no_arrival() -> None:
    """A handler that the whole connection waits for learns of it, over a system's sockets too."""
    app = Hump("127.0.0.1", 0)
    begun, go_on, reasons = [trio.Event(), trio.Event()], trio.Event(), []

    @app.get("/quick")
    async def answer() -> str:
        return "at once"

    @app.get("/later")
    async def answer_in_parts() -> AsyncIterator[str]:
        begun[0].set()
        await go_on.wait()
        yield "later"
        await trio.sleep_forever()

    @app.get("/")
    async def wait(request: Request) -> None:
        begun[1].set()
        try:
            await trio.sleep_forever()
        finally:
            reasons.append(request.cancel_reason)

    def head(stream_id: int, path: str) -> bytes:
        fields = encode_literal(":path", path) + encode_literal(":authority", "a")
        return encode_headers(stream_id, b"\x82\x86" + fields, ends=True)

    async with trio.open_nursery() as nursery:
        [url] = await nursery.start(app.serve)
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        async with await trio.open_tcp_stream(parts.hostname, parts.port) as stream:
            received = b""
            await stream.send_all(PREFACE + settings() + head(1, "/quick"))
            while b"at once" not in received:
                received += await stream.receive_some()
            await stream.send_all(head(3, "/later") + head(5, "/later"))
            await begun[0].wait()
            await wait_all_tasks_blocked()
            await stream.send_all(head(7, "/"))
            await begun[1].wait()
            go_on.set()
            while b"later" not in received:
                received += await stream.receive_some()
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert reasons == ["server-failed"]


async def test_a_request_comes_with_the_answer_to_a_goodbye() -> None:
    """It was on its way when the client heard that there will be a last one."""
    app = Hump("127.0.0.1", 0, timeouts=Timeouts(drain_idle=PATIENCE_SECONDS))

    @app.get("/")
    async def answer() -> str:
        return "at once"

    lead = b"\x82\x86\x84" + encode_literal(":authority", "a")
    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            [url] = await nursery.start(app.serve)
            parts = urlsplit(url)
            assert parts.hostname is not None
            assert parts.port is not None
            async with await trio.open_tcp_stream(parts.hostname, parts.port) as stream:
                received = b""
                await stream.send_all(PREFACE + settings() + encode_headers(1, lead, ends=True))
                while b"at once" not in received:
                    received += await stream.receive_some()
                app.shutdown()
                while b"draining" not in received:
                    received += await stream.receive_some()
                last = encode_headers(3, lead, ends=True)
                await stream.send_all(ping(b"draining", ack=True) + last)
                while received.count(b"at once") < 2:
                    part = await stream.receive_some()
                    assert part, "the request was answered"
                    received += part


class Reporting(MemoryTransport):
    """A transport with arrivals, of which a test reports what it likes."""

    reported = Arrivals()

    @property
    def arrivals(self) -> Arrivals:
        """What the test reports."""
        return self.reported


async def test_bytes_that_came_before_it_waits_wake_the_keeper() -> None:
    """Nothing reports them again, so it looks for a leader instead of waiting."""
    transport = Reporting(Pipe(0), Pipe(0))
    mux = Multiplexer(Connection(transport, served()), b"")
    mux.busy = transport.reported.ready = True
    with trio.fail_after(PATIENCE_SECONDS):
        await mux.park()
    mux.unpark()
    assert (mux.armed, transport.reported.task) == (True, None)
