"""What the HTTP/2 connections of a server share."""

import trio
from trio.testing import MockClock

from hump_trio import Hump, Request
from hump_trio.http2.hpack import Decoder
from hump_trio.messages.target import RequestLine, parse_target
from hump_trio.server.http2.prepared import Prepared
from tests.support.served import served


def prepared_for(app: Hump, server: str | None = None) -> Prepared:
    """Return what is prepared for an app."""
    return served(app=app, server=server).shared(Prepared)


def app_of_two_routes() -> Hump:
    """Return an app with a route of a fixed path, and one that streams its body."""
    app = Hump()

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.post("/upload", stream=True)
    async def upload(request: Request) -> str:
        return "done"

    return app


async def test_a_path_is_chosen_for_once() -> None:
    """A known one is looked up; any other one is chosen for each time."""
    prepared = prepared_for(app_of_two_routes())
    line = parse_target("GET", "/", "2")
    assert prepared.choose(line) is prepared.choose(line)
    unknown = parse_target("GET", "/nowhere", "2")
    assert prepared.choose(unknown) is not prepared.choose(unknown)


async def test_only_what_needs_nothing_is_answered_where_its_head_is_read() -> None:
    """A body that a handler reads needs a stream, as do a HEAD, which has none, and a WebSocket."""
    prepared = prepared_for(app_of_two_routes())
    for method, path, inline in [
        ("GET", "/", True),
        ("HEAD", "/", False),
        ("POST", "/upload", False),
        ("CONNECT", "/", False),
    ]:
        _, _, answered = prepared.choose(RequestLine(method, path, path, path, "", None, "2"))
        assert answered is inline, (method, path)


async def test_heads_tell_the_second(autojump_clock: MockClock) -> None:
    """They are made anew when it is over."""
    prepared = prepared_for(app_of_two_routes(), "test")
    now = trio.current_time()
    prepared.stamp_anew(now)
    assert now < prepared.stamp_until <= now + 1
    for kind, stamp in prepared.stamps.items():
        fields = Decoder().decode(stamp + b"\x012")
        assert ("content-type", kind) in fields
        assert ("server", "test") in fields
        assert "date" in [each[0] for each in fields if each is not None]
