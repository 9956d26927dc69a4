"""What HTTP/1.1 connections share: which request lines are for the fast path, and what room is."""

from typing import Any

import pytest
from trio.testing import MockClock

from hump_trio import Hump, Limits, Timeouts
from hump_trio.asgi import Asgi
from hump_trio.routing.route import Route
from hump_trio.server.http1.prepared import DRAIN_BYTES, Prepared
from tests.support.served import served


async def answer() -> str:
    """Answer."""
    return "answer"


ROUTES = [
    Route(template="/", methods=("GET", "POST"), handler=answer),
    Route(template="/items/{id:int}", methods=("GET",), handler=answer),
    Route(template="/timed", methods=("GET",), handler=answer, timeout=3),
    Route(template="/parts", methods=("POST",), handler=answer, stream=True),
]


def prepared(limits: Limits | None = None, timeouts: Timeouts | None = None) -> Prepared:
    """Return what the connections of a server with some routes share."""
    return served(*ROUTES, limits=limits, timeouts=timeouts).shared(Prepared)


async def test_it_is_made_once(autojump_clock: MockClock) -> None:
    """All connections of a server have the same."""
    state = served(*ROUTES)
    assert state.shared(Prepared) is state.shared(Prepared)


@pytest.mark.parametrize(
    ("line", "route"),
    [
        ("GET / HTTP/1.1", "/"),
        ("GET /items/7?q=x HTTP/1.1", "/items/{id:int}"),
        ("GET /nothing HTTP/1.1", ""),
        ("PUT / HTTP/1.1", ""),
        ("GET / HTTP/1.0", None),
        ("HEAD / HTTP/1.1", None),
        ("GET http://a/ HTTP/1.1", None),
        ("GET /timed HTTP/1.1", None),
        ("POST /parts HTTP/1.1", None),
        ("GET  / HTTP/1.1", None),
    ],
)
async def test_which_lines_are_for_the_fast_path(
    line: str, route: str | None, autojump_clock: MockClock
) -> None:
    """Those of plain choices, refusals included; everything unusual is for the plain path."""
    chosen = prepared().choose(line.encode())
    assert (None if chosen is None else chosen[1].route) == route


async def test_static_lines_are_known_at_once(autojump_clock: MockClock) -> None:
    """None of them where callers have a say in the time, which the fast path doesn't look at."""
    assert set(prepared().lines) == {b"GET / HTTP/1.1", b"POST / HTTP/1.1"}
    assert not prepared(timeouts=Timeouts(deadline_header="x-ms")).lines


@pytest.mark.parametrize(
    ("size", "fits"), [(0, True), (1000, True), (1001, False)], ids=["none", "limit", "over"]
)
async def test_a_body_has_room_up_to_its_limit(
    size: int, fits: bool, autojump_clock: MockClock
) -> None:
    """That of its route or the server's, and what all bodies together may hold."""
    for limits in (Limits(body_bytes=1000), Limits(buffered_bytes=1000)):
        found = prepared(limits)
        [_, choice, _] = found.lines[b"POST / HTTP/1.1"]
        assert found.has_room(bytes(size), choice, keep_alive=True) is fits


@pytest.mark.parametrize("size", [1, DRAIN_BYTES, DRAIN_BYTES + 1])
@pytest.mark.parametrize("keep_alive", [False, True])
async def test_a_refused_body_is_dropped_where_it_is_short(
    size: int, *, keep_alive: bool, autojump_clock: MockClock
) -> None:
    """And where the connection goes on; else it is read away, or not, by the plain path."""
    found = prepared()
    chosen = found.choose(b"POST /nothing HTTP/1.1")
    assert chosen is not None
    dropped = found.has_room(bytes(size), chosen[1], keep_alive=keep_alive)
    assert dropped is (keep_alive and size <= DRAIN_BYTES)


async def test_lines_of_apps_within_the_app_are_kept(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not many, and no long ones; each request has values of its own."""
    monkeypatch.setattr("hump_trio.server.http1.prepared.RECENT_COUNT", 2)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        pass

    hump = Hump()
    hump.mount("/in", Asgi(app))
    state = served(app=hump)
    asked: list[str] = []
    choose = state.application.choose

    def count(method: str, path: str) -> Any:
        asked.append(path)
        return choose(method, path)

    monkeypatch.setattr(state.application, "choose", count)
    kept = state.shared(Prepared)
    for path in ("/in/a", "/in/a", "/in/b", "/in/b", "/in/a", "/in/c", "/in/a"):
        chosen = kept.choose(f"GET {path} HTTP/1.1".encode())
        assert chosen is not None
        assert chosen[2] == {"rest": path[4:]}
        chosen[2].clear()
    assert asked == ["/in/a", "/in/b", "/in/c", "/in/a"]
    asked.clear()
    for _ in range(2):
        assert kept.choose(b"GET /in/" + b"a" * 300 + b" HTTP/1.1") is not None
    assert len(asked) == 2
