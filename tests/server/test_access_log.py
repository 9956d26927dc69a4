"""The access log: one line for each request, and how it says the request has ended."""

import logging
import re
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Limits, Request, Timeouts, limit, timeout
from hump_trio.testing import connect
from tests.support import loopback
from tests.support.loopback import connect_to, receive_rest, served
from tests.support.wire import ask, chunked, parse_answers, read_to_end, read_to_reset, request

LOGGER = "hump_trio.access"
HEADER = "x-wait-ms"
PARTS = "/timed-parts"
BAD_CHUNK = b"4\r\nsome\r\nno number\r\n"
LINE = re.compile(r'(\S+) "([^"\s]+ [^"\s]+|-)" (\d{3}|-) (\d+) (\d+\.\d{4}) ([a-z-]+)')


class Line(NamedTuple):
    """One line of the log, taken apart; a dash stands for what there isn't."""

    client: str
    request: str
    status: str
    byte_count: int
    seconds: float
    outcome: str


class Log:
    """What the access log has said so far."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    @property
    def lines(self) -> list[Line]:
        """Its lines."""
        return [line_of(record) for record in self._caplog.records if record.name == LOGGER]

    @property
    def ends(self) -> list[tuple[str, str, str]]:
        """What each line says of request, status and outcome."""
        return [(line.request, line.status, line.outcome) for line in self.lines]


def line_of(record: logging.LogRecord) -> Line:
    """Return a line taken apart; a record that isn't such a line is an error."""
    match = LINE.fullmatch(record.getMessage())
    assert match, record.getMessage()
    client, asked, status, byte_count, seconds, outcome = match.groups()
    return Line(client, asked, status, int(byte_count), float(seconds), outcome)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Log:
    """The access log, turned on."""
    caplog.set_level(logging.INFO, logger=LOGGER)
    return Log(caplog)


def app_of(limits: Limits | None = None, timeouts: Timeouts | None = None) -> Hump:
    """Return an app whose requests can end in every way."""
    app = Hump("127.0.0.1", 0, limits=limits, timeouts=timeouts)

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.post("/")
    @app.post("/small", body_limit=10)
    async def length(request: Request) -> str:
        return str(len(request.body))

    @app.post("/parts", stream=True)
    @app.post("/small-parts", stream=True, body_limit=10)
    @app.get(PARTS, stream=True, timeout=3)
    async def read(request: Request) -> str:
        return str(sum([len(part) async for part in request.stream]))

    @app.get("/slow")
    @app.get("/timed", timeout=3)
    async def slow() -> str:
        await trio.sleep(20)
        return "slow"

    app.get("/bounded")(timeout(3)(slow))
    app.get("/limited")(limit(1)(slow))

    @app.get("/large")
    async def large() -> bytes:
        return bytes(500_000)

    @app.get("/ticks")
    @app.get("/timed-ticks", timeout=3)
    async def ticks() -> AsyncIterator[str]:
        for _ in range(10):
            yield "tick"
            await trio.sleep(2)

    @app.get("/late")
    async def late() -> AsyncIterator[str]:
        await trio.sleep(20)
        yield "late"

    @app.get("/fails")
    async def fail() -> None:
        raise ValueError("failed")

    @app.get("/breaks")
    async def break_off() -> AsyncIterator[str]:
        yield "begun"
        raise ValueError("broke off")

    return app


async def ask_and_read(app: Hump, data: bytes) -> bytes:
    """Return all that comes in answer to something, until an orderly end."""
    async with connect(app) as raw:
        await raw.send(data)
        return await read_to_end(raw)


async def test_a_line_says_who_asked_for_what_and_how_it_ended(log: Log) -> None:
    """Over a real socket the client has an address; the bytes are those it has received."""
    async with loopback.served(app := app_of()), await loopback.connect_to(app) as stream:
        address, port = stream.socket.getsockname()[:2]
        answer = await loopback.ask(stream, "/?q=1")
        [line] = log.lines
    assert (line.client, line.request) == (f"{address}:{port}", "GET /?q=1")
    assert (line.status, line.byte_count, line.outcome) == ("200", len(answer), "ok")
    assert 0 <= line.seconds < loopback.PATIENCE_SECONDS


async def test_each_answer_of_a_connection_has_its_own_bytes(
    log: Log, autojump_clock: MockClock
) -> None:
    """Whether its client waited for the one before or not; what HEAD leaves out isn't counted."""
    requests = [request(), request("HEAD", "/large"), request("POST", "/", body=b"body")]
    requests += [request("POST", "/", "Expect: 100-continue", body=b"body")]
    requests += [request("GET", "/ticks"), request("POST", "/nothing", body=b"it is drained")]
    async with connect(app_of()) as raw:
        sizes = []
        for data in requests:
            await raw.send(data)
            await trio.sleep(30)
            sizes.append(len(await raw.receive()))
    assert [line.byte_count for line in log.lines] == sizes
    last = request("GET", "/", "Connection: close")
    data = await ask_and_read(app_of(), b"".join([*requests, last]))
    second = [line.byte_count for line in log.lines[len(requests) :]]
    assert (len(second), sum(second)) == (len(requests) + 1, len(data))
    assert second[:3] == sizes[:3]


@pytest.mark.parametrize("path", ["/", "/parts"])
async def test_the_seconds_count_from_the_head(
    path: str, log: Log, autojump_clock: MockClock
) -> None:
    """A slow body is a part of them; a slow head and the wait for it aren't."""
    async with connect(app_of()) as raw:
        for wait in (0, 40):
            await trio.sleep(wait)
            await raw.send(f"POST {path} HTTP/1.1\r\nHost: a\r\n".encode())
            await trio.sleep(4)
            await raw.send(b"Content-Length: 8\r\n\r\n1234")
            await trio.sleep(3)
            await raw.send(b"5678")
            assert (await raw.receive()).endswith(b"8")
    assert [line.seconds for line in log.lines] == [3, 3]


@pytest.mark.parametrize(
    ("path", "field", "status", "seconds"),
    [
        ("/slow", "Accept: */*", 503, 5.5),
        ("/late", "Accept: */*", 200, 20),
        ("/timed", "Accept: */*", 503, 3),
        ("/bounded", "Accept: */*", 503, 3),
        ("/slow", f"{HEADER}: 1500", 504, 1.5),
    ],
)
async def test_deadline(
    path: str, field: str, status: int, seconds: float, log: Log, autojump_clock: MockClock
) -> None:
    """A handler's time has passed, whoever has set it; a stream isn't its handler."""
    app = app_of(timeouts=Timeouts(handler=5.5, deadline_header=HEADER))
    data = await ask_and_read(app, request("GET", path, "Connection: close", field))
    [answer] = parse_answers(data)
    [line] = log.lines
    assert (answer.status, line.status) == (status, str(status))
    assert line.outcome == ("ok" if status == 200 else "deadline")
    assert line.byte_count == len(data)
    assert line.seconds == pytest.approx(seconds, abs=0.25)


async def test_a_streams_deadline(log: Log, autojump_clock: MockClock) -> None:
    """It keeps the status that has gone out."""
    async with connect(app_of()) as raw:
        await raw.send(request("GET", "/timed-ticks"))
        data = await read_to_reset(raw)
    [line] = log.lines
    assert (line.status, line.byte_count, line.outcome) == ("200", len(data), "deadline")
    assert line.seconds == 3


@pytest.mark.parametrize(
    ("path", "status"),
    [("/slow", "-"), (PARTS, "-"), ("/late", "-"), ("/ticks", "200"), ("/large", "200")],
)
async def test_client_gone(path: str, status: str, log: Log, autojump_clock: MockClock) -> None:
    """While its handler ran or read, before its stream began, between parts, in a write."""
    async with connect(app_of()) as raw:
        raw.pause_reading()
        await raw.send(request("GET", path, *["Content-Length: 9"] * (path == PARTS)))
        await trio.sleep(4)
        raw.reset()
        await trio.sleep(1)
        assert log.ends == [(f"GET {path}", status, "client-gone")]
        assert (log.lines[0].byte_count == 0) == (status == "-")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (request("POST", "/", "Content-Length: 9") + b"some", "POST /"),
        (request("POST", "/parts", "Content-Length: 9") + b"some", "POST /parts"),
        (b"GET / HT", "-"),
    ],
)
async def test_stalled(data: bytes, text: str, log: Log, autojump_clock: MockClock) -> None:
    """A body or a head that stops is answered 408; a head alone is no request to be named."""
    received = await ask_and_read(app_of(), data)
    assert parse_answers(received)[0].status == 408
    assert log.ends == [(text, "408", "stalled")]
    assert log.lines[0].byte_count == len(received)


@pytest.mark.parametrize(
    "path",
    ["/large", pytest.param("/ticks", marks=pytest.mark.memory_only("nothing is acknowledged"))],
)
async def test_a_reader_that_stops_is_stalled(
    path: str, log: Log, autojump_clock: MockClock
) -> None:
    """It is reset after `send_grace` seconds."""
    async with connect(app_of(timeouts=Timeouts(send_grace=6))) as raw:
        raw.pause_reading()
        await raw.send(request("GET", path))
        await trio.sleep(12)
    assert log.ends == [(f"GET {path}", "200", "stalled")]


@pytest.mark.parametrize(("limits", "path"), [(Limits(requests=1), "/slow"), (None, "/limited")])
async def test_shed(limits: Limits | None, path: str, log: Log, autojump_clock: MockClock) -> None:
    """The one too many is; the first is served."""
    async with connect(app := app_of(limits)) as raw:
        await raw.send(request("GET", path))
        await wait_all_tasks_blocked()
        [answer] = await ask(app, request("GET", path))
        assert answer.status == 503
        assert (await raw.receive()).endswith(b"slow")
    assert log.ends == [(f"GET {path}", "503", "shed"), (f"GET {path}", "200", "ok")]


@pytest.mark.parametrize("path", ["/", "/parts"])
async def test_shed_for_its_body(path: str, log: Log, autojump_clock: MockClock) -> None:
    """More bytes than are held for all; a stream holds none."""
    await ask(app_of(Limits(buffered_bytes=10)), request("POST", path, body=b"eleven byte"))
    expected = ("503", "shed") if path == "/" else ("200", "ok")
    assert log.ends == [(f"POST {path}", *expected)]


@pytest.mark.parametrize(
    ("data", "text", "status"),
    [
        (b"no request at all\r\n\r\n", "-", 400),
        (request("GET", "/", version="3.0"), "-", 505),
        (request("GET", "/nothing"), "GET /nothing", 404),
        (request("PUT", "/"), "PUT /", 405),
        (request("BREW", "/"), "BREW /", 501),
        (request("POST", "/small", body=b"eleven byte"), "POST /small", 413),
        (chunked(b"eleven byte", path="/small"), "POST /small", 413),
        (chunked(b"eleven byte", path="/small-parts"), "POST /small-parts", 413),
        (request("POST", "/", "Expect: the worst", body=b"body"), "POST /", 417),
        (chunked(end=False) + BAD_CHUNK, "POST /", 400),
        (chunked(path="/parts", end=False) + BAD_CHUNK, "POST /parts", 400),
    ],
)
async def test_refused(
    data: bytes, text: str, status: int, log: Log, autojump_clock: MockClock
) -> None:
    """What isn't taken, at the head or in the body; what is no request has no name."""
    async with connect(app_of()) as raw:
        await raw.send(request() + data)
        await raw.half_close()
        received = await read_to_end(raw)
    method = text.partition(" ")[0]
    assert parse_answers(received, "GET", method)[-1].status == status
    assert log.ends == [("GET /", "200", "ok"), (text, str(status), "refused")]
    assert sum(line.byte_count for line in log.lines) == len(received)


async def test_who_sends_what_is_no_request_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """So that whoever reads the log can find, and refuse, a client that floods it."""
    caplog.set_level(logging.INFO, "hump_trio.access")
    app = Hump("127.0.0.1", 0)
    async with served(app):
        client = await connect_to(app)
        await client.send_all(b"no request at all\r\n\r\n")
        await receive_rest(client)
        host, port = client.socket.getsockname()
        await client.aclose()
    assert caplog.messages[-1].startswith(f'{host}:{port} "-" 400 ')


@pytest.mark.parametrize(("path", "status"), [("/slow", "-"), ("/ticks", "200")])
async def test_shutdown(path: str, status: str, log: Log, autojump_clock: MockClock) -> None:
    """What overstays is cut, and says so; what ends in time is well."""
    async with connect(app := app_of(timeouts=Timeouts(shutdown=3))) as raw:
        await raw.send(request() + request("GET", path))
        await wait_all_tasks_blocked()
        app.shutdown()
        await read_to_reset(raw)
    assert log.ends == [("GET /", "200", "ok"), (f"GET {path}", status, "shutdown")]
    assert log.lines[1].seconds == 3


async def test_crash(log: Log, autojump_clock: MockClock) -> None:
    """A 500, and a stream that an error breaks off."""
    async with connect(app_of()) as raw:
        await raw.send(request("GET", "/fails") + request("GET", "/breaks"))
        await read_to_reset(raw)
    assert log.ends == [("GET /fails", "500", "crash"), ("GET /breaks", "200", "crash")]


async def test_a_server_that_fails_is_a_crash(log: Log, autojump_clock: MockClock) -> None:
    """For the requests that it takes down with it."""
    app = app_of()

    @app.lifespan
    async def live(app: Hump) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_later)
            yield

    async def fail_later() -> None:
        await trio.sleep(5)
        raise LookupError("the lifespan failed")

    async def ask_for_too_long() -> None:
        async with connect(app) as raw:
            await raw.send(request("GET", "/slow"))
            await raw.receive()

    with pytest.raises((ExceptionGroup, LookupError)):
        await ask_for_too_long()
    assert log.ends == [("GET /slow", "-", "crash")]


@pytest.mark.parametrize("data", [b"", b"\r\n", b"GET / HT"])
async def test_no_request_no_line(data: bytes, log: Log, autojump_clock: MockClock) -> None:
    """A connection that asks for nothing, or leaves before its head is there."""
    async with connect(app_of()) as raw:
        await raw.send(data)
        await trio.sleep(2)
        raw.reset()
        await trio.sleep(2)
    assert log.lines == []


async def test_nothing_is_logged_for_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Whether anybody wants the lines is asked once, at the start."""
    caplog.set_level(logging.WARNING, logger=LOGGER)
    async with connect(app := app_of()) as raw:
        await raw.send(request() + b"no request\r\n\r\n")
        await read_to_end(raw)
        caplog.set_level(logging.INFO, logger=LOGGER)
        await ask(app, request())
    assert Log(caplog).lines == []


@pytest.mark.parametrize(
    "target", ['/"', '/x"200"', "/%0A-%22", "/\x85", "/\xe9", "/a\t", "/a\n", "/a\x1b[2J", "/\\"]
)
async def test_a_target_forges_nothing(target: str, log: Log, autojump_clock: MockClock) -> None:
    """Whatever is asked for, its line is one line with six fields, in plain characters."""
    await ask(app_of(), request("GET", target))
    [line] = log.lines
    assert re.fullmatch(r"[!-~ ]+", line.request)
