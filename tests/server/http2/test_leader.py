"""The lane of an HTTP/2 connection that reads, and answers what it can by itself."""

import math

import pytest
import trio
import trio.lowlevel
from hyperframe.frame import WindowUpdateFrame
from trio.testing import MockClock

from hump_trio import FileResponse, Hump, Request
from hump_trio.facts.settings import Limits, Timeouts
from hump_trio.http2.failures import ErrorCode
from hump_trio.http2.frames import HEADERS
from hump_trio.testing.memory_listener import running
from hump_trio.transports.memory import MemoryTransport
from tests.support.frames import Answer, Peer, data, frame, speak, window_update
from tests.support.loopback import PATIENCE_SECONDS


@pytest.mark.memory_only("there it is seen how much is written at a time")
@pytest.mark.parametrize("by_browser", [False, True])
async def test_plain_requests_are_answered_in_one_write(
    by_browser: bool, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that have come together, with a priority of RFC 7540 in each head or without."""
    app = Hump()

    @app.get("/{number:int}")
    async def index(number: int) -> str:
        return str(number)

    async with speak(app) as peer:
        writes, frames = list[bytes](), list[bytes]()
        send_nowait = MemoryTransport.send_nowait

        def note(transport: MemoryTransport, data: bytes | memoryview) -> int:
            if transport is not peer.transport:
                writes.append(bytes(data))
            return send_nowait(transport, data)

        monkeypatch.setattr(MemoryTransport, "send_nowait", note)
        for n in range(10):
            block = peer.block(path=f"/{n}")
            if by_browser:
                frames.append(frame(HEADERS, 0x25, 2 * n + 1, b"\x80\0\0\0\xff" + block))
            else:
                frames.append(frame(HEADERS, 0x05, 2 * n + 1, block))
        await peer.send(*frames)
        await peer.frames()
        assert [peer.answers[2 * n + 1].text for n in range(10)] == [str(n) for n in range(10)]
    assert b"9" in writes[0]


LIMIT_BYTES = 100_000


@pytest.fixture
def echo_app() -> Hump:
    """An app that answers bodies, at once and later, and counts those that it holds."""
    app = Hump(limits=Limits(body_bytes=LIMIT_BYTES))

    @app.post("/echo")
    async def echo(request: Request) -> bytes:
        return request.body

    @app.post("/later")
    async def later(request: Request) -> bytes:
        await trio.sleep(1)
        return request.body

    @app.post("/fails")
    async def fail(request: Request) -> None:
        raise ValueError

    return app


def held_bytes(app: Hump) -> int:
    """Return how much is held of bodies."""
    return app.statistics().buffered_bytes


async def post(peer: Peer, stream_id: int, path: str, body: bytes, *fields: tuple[str, str]) -> str:
    """Send a request, head and body in one go, and return what is answered."""
    head = peer.head(stream_id, *fields, end=False, method="POST", path=path)
    parts = [body[at : at + 16_384] for at in range(0, len(body), 16_384)]
    frames = [data(stream_id, part) for part in parts[:-1]]
    await peer.send(head, *frames, data(stream_id, parts[-1], end=True))
    await trio.sleep(2)
    answer = await peer.answer(stream_id)
    return f"{answer.status} {answer.text}"


@pytest.mark.parametrize("path", ["/echo", "/later"])
@pytest.mark.parametrize("size", [1, 16_384, 16_385, 65_536, 70_000])
async def test_a_body_that_comes_with_its_head(
    size: int, path: str, echo_app: Hump, autojump_clock: MockClock
) -> None:
    """It is there for the handler, and held as long as that runs; time and again."""
    async with speak(echo_app, initial_window_size=2**20) as peer:
        await peer.send(window_update(0, 2**24))
        for stream_id in (1, 3, 5):
            assert await post(peer, stream_id, path, b"x" * size) == f"200 {'x' * size}"
        assert held_bytes(echo_app) == 0


async def test_bodies_open_the_window_of_the_connection(
    echo_app: Hump, autojump_clock: MockClock
) -> None:
    """Several times as much as it has at first comes through."""
    opened = 0
    async with speak(echo_app, initial_window_size=2**20) as peer:
        await peer.send(window_update(0, 2**24))
        for number in range(100):
            stream_id = 2 * number + 1
            head = peer.head(stream_id, end=False, method="POST", path="/fails")
            await peer.send(head, data(stream_id, bytes(16_000), end=True))
            for each in await peer.frames():
                if isinstance(each, WindowUpdateFrame) and not each.stream_id:
                    opened += each.window_increment
    assert opened > 1_000_000


async def test_a_handler_that_fails_gives_back_its_body(
    echo_app: Hump, autojump_clock: MockClock
) -> None:
    """The answer is a 500, and nothing of the body is held."""
    async with speak(echo_app) as peer:
        assert (await post(peer, 1, "/fails", b"abc")).startswith("500 ")
        assert held_bytes(echo_app) == 0


async def test_a_body_past_its_limit(autojump_clock: MockClock) -> None:
    """It is refused, though it is here."""
    app = Hump(limits=Limits(body_bytes=3))
    app.post("/echo", body_limit=2)(answer_body)
    async with speak(app) as peer:
        assert await post(peer, 1, "/echo", b"ab") == "200 ab"
        assert (await post(peer, 3, "/echo", b"abc")).startswith("413 ")
        assert (await post(peer, 5, "/nowhere", b"abc")).startswith("404 ")
        await peer.expect_open()


async def answer_body(request: Request) -> bytes:
    """Answer with the body."""
    return request.body


async def test_a_body_of_another_length_than_announced(
    echo_app: Hump, autojump_clock: MockClock
) -> None:
    """Its stream is reset; one of the right length is answered, before and after."""
    announced = ("content-length", "3")
    async with speak(echo_app) as peer:
        for stream_id in (1, 3, 5):
            assert await post(peer, stream_id, "/echo", b"abc", announced) == "200 abc"
        head = peer.head(7, announced, end=False, method="POST", path="/echo")
        await peer.send(head, data(7, b"ab", end=True))
        await peer.expect_reset(7, ErrorCode.PROTOCOL_ERROR)
        await peer.send(peer.head(9, announced, method="POST", path="/echo"))
        await peer.expect_reset(9, ErrorCode.PROTOCOL_ERROR)
        assert await post(peer, 11, "/echo", b"abc", announced) == "200 abc"


async def test_a_body_in_pieces(echo_app: Hump, autojump_clock: MockClock) -> None:
    """What doesn't come at once is waited for, while others are answered."""
    async with speak(echo_app) as peer:
        await peer.send(peer.head(1, end=False, method="POST", path="/echo"), data(1, b"ab"))
        assert await post(peer, 3, "/echo", b"other") == "200 other"
        await peer.send(data(1, b"c", end=True))
        assert (await peer.answer(1)).text == "abc"


async def test_no_request_is_begun_for_a_client_that_is_gone(autojump_clock: MockClock) -> None:
    """Of those that were read together, once it is seen that none can be answered."""
    app, seen = Hump(), 0

    @app.get("/")
    async def index() -> str:
        nonlocal seen
        seen += 1
        if seen == 10:
            peer.transport.reset()
        return "hello"

    async with speak(app) as peer:
        await peer.send(window_update(0, 10**6), *(peer.head(2 * n + 1) for n in range(100)))
        await trio.sleep(1)
        assert 10 <= seen < 50
        assert app.statistics().connections == {}


async def test_a_file_is_answered() -> None:
    """What it becomes depends on its request: a client that has it hears just that."""
    app = Hump()

    @app.get("/")
    async def index() -> FileResponse:
        return FileResponse(__file__)

    async with speak(app, initial_window_size=2**20) as peer:
        await peer.send(peer.head(1))
        first = await answer_by_threads(peer, 1)
        assert first.body == await trio.Path(__file__).read_bytes()
        await peer.send(peer.head(3, ("if-none-match", first.headers["etag"])))
        again = await answer_by_threads(peer, 3)
        assert (again.status, again.body) == (304, b"")


async def answer_by_threads(peer: Peer, stream_id: int) -> Answer:
    """Return an answer that threads have a part in, while tasks are at rest."""
    with trio.fail_after(PATIENCE_SECONDS):
        while not (await peer.answer(stream_id)).ended:
            await trio.lowlevel.checkpoint()
    return peer.answers[stream_id]


async def test_hints_come_before_an_answer(autojump_clock: MockClock) -> None:
    """Of a handler that needs nothing else of its stream; when it is over there is no place."""
    app = Hump()
    kept = []

    @app.get("/")
    async def index(request: Request) -> str:
        kept.append(request)
        await request.send_early_hints("</style.css>; rel=preload")
        await request.send_early_hints("</script.js>; rel=preload")
        return "page"

    async with speak(app) as peer:
        answer = await peer.ask(1)
        assert (answer.informational, answer.status, answer.text) == ([103, 103], 200, "page")
        with pytest.raises(trio.ClosedResourceError):
            await kept[0].send_early_hints("</late.css>; rel=preload")
        assert (await peer.ask(3)).text == "page"


@pytest.mark.memory_only("there a connection is called secure that begins with HTTP/2")
async def test_a_secure_transport_is_told(autojump_clock: MockClock) -> None:
    """To each handler, whether its request is answered at once or is a stream."""
    app = Hump()

    @app.get("/")
    async def index(request: Request) -> str:
        return request.scheme

    @app.post("/", stream=True)
    async def upload(request: Request) -> str:
        return request.scheme + str([part async for part in request.stream])

    async with running(app) as listener:
        peer = Peer(listener.connect(math.inf, secure=True))
        await peer.greet()
        assert (await peer.ask(1)).text == "https"
        assert (await peer.ask(3, path="/nothing")).status == 404
        await peer.send(peer.head(5, method="POST", end=False))
        await peer.send(data(5, b"a", end=True))
        assert (await peer.answer(5)).text == "https[b'a']"


@pytest.mark.memory_only("there it is known how much is taken before anybody reads")
async def test_a_client_that_reads_no_small_answers_is_reset(autojump_clock: MockClock) -> None:
    """After `Timeouts.send_grace`, though none of its requests is open any more."""
    app = Hump(timeouts=Timeouts(send_grace=10, keep_alive=1000))

    @app.get("/")
    async def index() -> str:
        return "a" * 8000

    async with speak(app) as peer:
        peer.transport.set_window(0)
        await peer.send(window_update(0, 10**6), *(peer.head(2 * n + 1) for n in range(10)))
        await trio.sleep(9)
        assert app.statistics().connections == {"streams": 1}
        await trio.sleep(2)
        assert app.statistics().connections == {}
