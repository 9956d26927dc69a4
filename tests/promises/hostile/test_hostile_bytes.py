"""Any bytes whatever, against the whole server: never a 500, a traceback or a hang."""

import logging
import re
from collections.abc import Sequence
from itertools import pairwise

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from hump_trio import Hump, Request
from hump_trio.testing import connect
from tests.support.wire import ask, chunked, read_to_end, request

STATUS_LINE = re.compile(rb"(?:\A|\r\n\r\n|[a-z}])HTTP/1\.1 ([0-9]{3}) ")
# 501 and 505 are what the design names for bytes; no limit is low enough for a 503.
ALLOWED_5XX = {501, 505}
PATIENCE_SECONDS = 300

VALID = [
    request("GET", "/") * 3,
    request("POST", "/", body=b"0123456789") + request("GET", "/stream"),
    chunked(b"abc", b"defg", trailers="X: y\r\n") + request("HEAD", "/"),
    chunked(b"abc", path="/stream") + request("POST", "/stream", body=b"xyz"),
    request("POST", "/stream", "Expect: 100-continue", body=b"xyz") + request("OPTIONS", "*"),
    request("GET", "/", "Connection: keep-alive", version="1.0") + request("BREW", "/nowhere"),
    request("GET", "http://b:80/a%20b?c=d", "Connection: Upgrade", "Upgrade: h2c"),
]
# What means something to a parser is tried more often than chance would.
PIECES = [b"\r\n", b"\r", b"\n", b"\0", b" ", b"\t", b":", b",", b"0\r\n\r\n", b"\xff", b"%", b"/"]
PIECES += [b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"HTTP/1.1", b"Host: b\r\n"]


class Records(logging.Handler):
    """Keeps what is logged at ERROR or above."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self.messages.append(record.getMessage())


def reading_app() -> Hump:
    """Return an app that reads bodies in both ways and answers briefly."""
    app = Hump()

    @app.route("/", methods=["GET", "POST"])
    async def whole(request: Request) -> str:
        return "whole"

    @app.route("/stream", methods=["GET", "POST"], stream=True)
    async def stream(request: Request) -> dict[str, int]:
        return {"bytes": sum([len(part) async for part in request.stream])}

    return app


async def check_server_survives(parts: Sequence[bytes], *, half_close: bool) -> None:
    """Send bytes part by part, then see that the next connection is served."""
    records = Records()
    logger = logging.getLogger("hump_trio")
    logger.addHandler(records)
    app = reading_app()
    try:
        with trio.fail_after(PATIENCE_SECONDS):
            async with connect(app) as raw:
                for part in parts:
                    await raw.send(part)
                if half_close:
                    await raw.half_close()
                data = await read_to_end(raw)
                [answer] = await ask(app, request())
    finally:
        logger.removeHandler(records)
    statuses = {int(each) for each in STATUS_LINE.findall(data)}
    assert {each for each in statuses if each >= 500} <= ALLOWED_5XX
    assert b"Traceback" not in data
    assert answer.text == "whole"
    assert records.messages == []


def run(parts: Sequence[bytes], *, half_close: bool) -> None:
    """Send bytes to a server in virtual time."""

    async def main() -> None:
        await check_server_survives(parts, half_close=half_close)

    trio.run(main, clock=MockClock(autojump_threshold=0))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw valid requests with a few wounds."""
    data = b"".join(draw(st.lists(st.sampled_from(VALID), min_size=1, max_size=2)))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(start + draw(st.integers(0, 12)), len(data))
        filling = draw(st.sampled_from(PIECES) | st.binary(max_size=4) | st.just(data[start:end]))
        data = data[: draw(st.sampled_from([start, end]))] + filling + data[end:]
    return data


@st.composite
def cut(draw: st.DrawFn, source: st.SearchStrategy[bytes]) -> list[bytes]:
    """Draw bytes in the parts in which the network may bring them."""
    data = draw(source)
    places = draw(st.lists(st.integers(0, len(data)), max_size=4))
    edges = sorted({0, len(data), *places})
    return [data[start:end] for start, end in pairwise(edges)]


@given(
    st.lists(st.binary(max_size=200) | st.sampled_from(PIECES + VALID), max_size=4), st.booleans()
)
@settings(max_examples=150)
def test_arbitrary_bytes_are_survived(parts: list[bytes], half_close: bool) -> None:
    """No 500, no other 5xx than the design names, no error in the log, no hang."""
    run(parts, half_close=half_close)


@given(cut(mutated()), st.booleans())
@settings(max_examples=250)
def test_wounded_requests_are_survived(parts: list[bytes], half_close: bool) -> None:
    """Nearly valid requests come further into the server, and no less safely out of it."""
    run(parts, half_close=half_close)
