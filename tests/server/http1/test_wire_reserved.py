"""What HTTP/1.1 does with the bytes that it reserves for HTTP/2 (RFC 9113 section 3.4)."""

import math
from contextlib import suppress
from functools import partial

import pytest
import trio
from hypothesis import assume, given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Request
from hump_trio.http1.parser import RESERVED_HEAD
from hump_trio.http2.frames import PREFACE, encode_settings
from hump_trio.server import protocols
from hump_trio.server.connection import Connection
from hump_trio.testing import RawConnection, connect
from hump_trio.testing.memory_listener import MemoryListener, running
from tests.support.both_paths import DATE, Stage, both_alike, play_both
from tests.support.wire import request

pytestmark = pytest.mark.plain_only("over TLS a protocol is agreed on before any byte")

OPENING = PREFACE + encode_settings([])
GOOD = request()


class Elsewhere:
    """Stands for HTTP/2: says what it was given, and answers with all that it reads.

    Attributes:
        received: What was read of each connection before it was handed over.
        phases: What was waited for then, and the seconds that were left for that.
    """

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.waits: list[tuple[str, float]] = []

    async def serve(self, connection: Connection, received: bytes = b"") -> None:
        """Serve a connection until its peer ends it."""
        self.received.append(received)
        clock = connection.clock
        self.waits.append((clock.phase.name, round(clock.deadline - trio.current_time(), 3)))
        try:
            with clock.scope:
                data = received
                while data:
                    await connection.write(b"<%b>" % data)
                    data = await connection.transport.receive_some()
        finally:
            connection.close()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    """What serves the connections that are handed over."""
    there = Elsewhere()
    monkeypatch.setattr(protocols, "serve_http2", there.serve)
    return there


def app_of(*, http2: bool = True) -> Hump:
    """Return an app with one route."""
    app = Hump("127.0.0.1", 0, http2=http2)

    @app.route("/", methods=["GET", "POST"])
    async def index(request: Request) -> str:
        return f"{request.http_version} {request.body!r}"

    return app


async def receive_all(raw: RawConnection) -> bytes:
    """Return what comes until the connection ends."""
    data = b""
    while part := await raw.receive():
        data += part
    return data


@pytest.mark.parametrize("cut", range(len(OPENING) + 1))
async def test_a_connection_that_begins_so_is_handed_over(
    cut: int, elsewhere: Elsewhere, autojump_clock: MockClock
) -> None:
    """With every byte that was read, wherever these are cut, and with its wait for a head."""
    async with connect(app_of()) as raw:
        await raw.send(OPENING[:cut])
        await trio.sleep(1)
        await raw.send(OPENING[cut:])
        await trio.sleep(1)
        await raw.send(b"more")
        await trio.sleep(1)
        await raw.half_close()
        answer = await receive_all(raw)
    assert answer.replace(b"><", b"") == b"<%bmore>" % OPENING
    [received] = elsewhere.received
    assert received.startswith(RESERVED_HEAD)
    assert OPENING.startswith(received)
    assert elsewhere.waits == [("HEAD", 10 if cut >= len(RESERVED_HEAD) else 9)]


@pytest.mark.memory_only("a listener is given to the server")
@pytest.mark.parametrize("cut", [0, 1, len(RESERVED_HEAD) - 1, len(RESERVED_HEAD), len(OPENING)])
async def test_a_server_that_is_cancelled_closes_it(
    cut: int, elsewhere: Elsewhere, autojump_clock: MockClock
) -> None:
    """Whoever serves the connection by then, and with no word of its own."""
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(app_of().serve, listeners=[listener]))
        raw = RawConnection(listener.connect(math.inf))
        await raw.send(OPENING[:cut])
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    expected = b"<%b>" % OPENING[:cut] if elsewhere.received else b""
    assert await receive_all(raw) == expected
    assert bool(elsewhere.received) == (cut >= len(RESERVED_HEAD))


async def test_it_may_come_byte_by_byte(elsewhere: Elsewhere, autojump_clock: MockClock) -> None:
    """Within the time for a head; when that has passed it is a head that took too long."""
    async with connect(app_of()) as raw:
        await raw.trickle(RESERVED_HEAD, pause=0.5)
        assert await raw.receive() == b"<%b>" % RESERVED_HEAD
    async with connect(app_of()) as raw:
        with trio.move_on_after(60):
            await raw.trickle(RESERVED_HEAD[:-1], pause=0.5)
        await trio.sleep(5)
        assert (await receive_all(raw)).startswith(b"HTTP/1.1 408 ")
    assert elsewhere.received == [RESERVED_HEAD]


async def test_what_follows_it_is_not_judged_here(
    elsewhere: Elsewhere, autojump_clock: MockClock
) -> None:
    """HTTP/2 says what is wrong behind the reserved head."""
    data = RESERVED_HEAD + b"XX\r\n\r\n"
    async with connect(app_of()) as raw:
        await raw.send(data)
        assert await raw.receive() == b"<%b>" % data


OTHERS = {
    b"PRI * HTTP/2.0\r\nhost: a\r\n\r\n": b"505",
    b"PRI * HTTP/2.0\r\n\rSM\r\n\r\n": b"505",
    b"PRI / HTTP/2.0\r\n\r\n": b"505",
    b"PRI * HTTP/3.0\r\n\r\n": b"505",
    b"PRI  * HTTP/2.0\r\n\r\n": b"400",
    b"PRI * HTTP/2.0\n\n": b"400",
    b"PRI * HTTP/2\r\n\r\n": b"400",
    b"\r\n" + OPENING: b"505",
    b"P\x00": b"400",
    b"pri * HTTP/2.0\r\n\r\n": b"505",
    b"PRI * HTTP/1.1\r\nhost: a\r\n\r\n": b"400",  # no other method asks for an asterisk
}


@pytest.mark.parametrize("http2", [True, False])
@pytest.mark.parametrize("data", OTHERS)
async def test_anything_else_is_answered_in_http_1_1(
    data: bytes, http2: bool, elsewhere: Elsewhere, autojump_clock: MockClock
) -> None:
    """As it is where no HTTP/2 is spoken, whole and byte by byte."""
    async with connect(app_of(http2=http2)) as raw:
        await raw.send(data)
        assert (await raw.receive()).startswith(b"HTTP/1.1 " + OTHERS[data])
    async with connect(app_of(http2=http2)) as raw:
        with suppress(trio.BrokenResourceError):  # refused before its last byte
            await raw.trickle(data, pause=0.1)
        assert (await raw.receive()).startswith(b"HTTP/1.1 " + OTHERS[data])
    assert not elsewhere.received


async def answer_to(parts: list[bytes], *, http2: bool) -> bytes:
    """Return what an app answers to bytes that come in parts, without the hour of the day."""
    async with connect(app_of(http2=http2)) as raw:
        with suppress(trio.BrokenResourceError):  # refused before the last one
            for part in parts:
                await raw.send(part)
                await wait_all_tasks_blocked()
            await raw.half_close()
        return DATE.sub(b"", await receive_all(raw))


@pytest.mark.memory_only("the clock is the tests' own")
@given(
    begun=st.integers(0, len(RESERVED_HEAD)),
    rest=st.binary(max_size=6) | st.sampled_from([GOOD, b"\r\n\r\n", b"/ HTTP/1.1\r\n\r\n"]),
    at=st.integers(0, 30),
)
def test_what_differs_by_a_byte_is_answered_as_ever(begun: int, rest: bytes, at: int) -> None:
    """Wherever it differs, and wherever it is cut."""
    data = RESERVED_HEAD[:begun] + rest
    assume(not data.startswith(RESERVED_HEAD))
    answers = [
        trio.run(
            partial(answer_to, [data[:at], data[at:]], http2=http2),
            clock=MockClock(autojump_threshold=0),
        )
        for http2 in (True, False)
    ]
    assert answers[0] == answers[1]


async def test_it_is_refused_where_http2_is_turned_off(
    elsewhere: Elsewhere, autojump_clock: MockClock
) -> None:
    """As a version that isn't spoken: 505."""
    async with connect(app_of(http2=False)) as raw:
        await raw.send(OPENING)
        assert (await receive_all(raw)).startswith(b"HTTP/1.1 505 ")
    assert not elsewhere.received


async def test_it_is_refused_behind_a_request(
    elsewhere: Elsewhere, autojump_clock: MockClock
) -> None:
    """A connection of HTTP/1.1 stays one, whatever comes later, at once or after a pause."""
    for first in (GOOD, request("POST", "/", "Content-Length: 4") + b"some"):
        async with connect(app_of()) as raw:
            await raw.send(first + OPENING)
            assert b"HTTP/1.1 505 " in await receive_all(raw)
        async with connect(app_of()) as raw:
            await raw.send(first)
            await trio.sleep(1)
            await raw.send(OPENING)
            assert b"HTTP/1.1 505 " in await receive_all(raw)
    assert not elsewhere.received


@pytest.mark.memory_only("there a transport says of itself that it is secure")
async def test_it_is_taken_where_tls_was_spoken_elsewhere(
    elsewhere: Elsewhere, autojump_clock: MockClock
) -> None:
    """A transport that is secure without a handshake has agreed on nothing here."""
    async with running(app_of()) as listener:
        raw = RawConnection(listener.connect(math.inf, secure=True))
        await raw.send(OPENING)
        assert await raw.receive() == b"<%b>" % OPENING


@pytest.mark.parametrize("cut", range(len(RESERVED_HEAD)))
async def test_a_client_that_ends_in_its_midst_is_answered_as_ever(
    cut: int, elsewhere: Elsewhere, autojump_clock: MockClock
) -> None:
    """Half a head is no request; a whole line of another version is one to refuse."""
    answers = []
    for http2 in (True, False):
        async with connect(app_of(http2=http2)) as raw:
            await raw.send(OPENING[:cut])
            await raw.half_close()
            answers.append((await receive_all(raw)).partition(b"\r\n")[0])
    assert answers[0] == answers[1]
    assert not elsewhere.received


@pytest.mark.parametrize(
    "upgrade",
    [
        request("GET", "/", "Upgrade: h2c", "Connection: upgrade, http2-settings",
                "HTTP2-Settings: AAMAAABkAAQAAP__"),
        request("POST", "/", "Upgrade: h2c", "Connection: upgrade, http2-settings",
                "HTTP2-Settings: AAMAAABkAAQAAP__", "Content-Length: 4") + b"some",
        request("GET", "/", "Upgrade: h2c", "Connection: upgrade"),
    ],
)  # fmt: skip
async def test_an_upgrade_to_it_is_ignored(
    upgrade: bytes, elsewhere: Elsewhere, autojump_clock: MockClock
) -> None:
    """The request is served in HTTP/1.1 (RFC 9110 section 7.8).

    The connection ends with the answer: what follows may be meant for the other protocol.
    """
    async with connect(app_of()) as raw:
        await raw.send(upgrade)
        answer = await raw.receive()
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"upgrade" not in answer.lower()
        assert b"\r\nconnection: close\r\n" in answer
        assert await raw.receive() == b""
    assert not elsewhere.received


@both_alike
@pytest.mark.parametrize("cut", range(len(PREFACE) + 1))
def test_both_paths_hand_over(cut: int, elsewhere: Elsewhere) -> None:
    """The fast path knows nothing of it, and loses nothing."""

    async def scene(stage: Stage) -> None:
        client = stage.connect()
        await stage.send(client, PREFACE[:cut], PREFACE[cut:], b"more")

    play_both(lambda stage: app_of(), scene)
    assert len(elsewhere.received) == 3
    assert len(set(elsewhere.received)) == 1
