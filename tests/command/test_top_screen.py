"""The screen of `hump-trio top`: what it shows, what it leaves out, and that it is harmless."""

from unicodedata import combining, east_asian_width

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.command.top_screen import render_screen, render_state
from hump_trio.command.top_state import State
from tests.support.states import HOSTILE, quiet_state, request_state, states, task_state

WORKER = {
    "pid": 4711,
    "state": "serving",
    "age_seconds": 7200,
    "request_count": 3,
    "connection_count": 10,
    "lag_seconds": 0.0004,
}
ROUTE = {
    "route": "/teas/{tea}",
    "count": 12,
    "outcomes": {"ok": 10, "deadline": 2},
    "p50_seconds": 0.0201,
    "p99_seconds": 3.0,
}
CRASH = {
    "method": "POST",
    "target": "/teas",
    "age_seconds": 90,
    "places": ["KeyError at /srv/shop/teas.py:9 in order"],
}


def screen(state: State, width: int = 80, height: int = 24, alarm: str = "") -> list[str]:
    """Return the texts of a screen."""
    lines = render_screen(state, title="shop", alarm=alarm, width=width, height=height)
    return [line.text for line in lines]


def drawn_width(text: str) -> int:
    """Return how many columns a terminal draws a text in."""
    return sum(
        0 if combining(each) else 2 if east_asian_width(each) in "FW" else 1 for each in text
    )


@given(states(), TEXT := st.text(st.characters()), TEXT, st.integers(-1, 200), st.integers(-1, 60))
def test_every_screen_fits(state: State, title: str, alarm: str, width: int, height: int) -> None:
    """No line is too wide, there are no more than fit, and none holds what a terminal obeys."""
    lines = render_screen(state, title=title, alarm=alarm, width=width, height=height)
    assert len(lines) <= max(height, 0)
    for line in lines:
        assert drawn_width(line.text) <= max(width, 0)
        assert line.text.isprintable()


@given(states())
def test_what_fits_is_shown_whole(state: State) -> None:
    """A screen that is large enough shows what is shown where there is no terminal."""
    everything = render_state(state, title="shop")
    widest = max(2 * len(line.text) for line in everything)
    assert render_screen(state, title="shop", width=widest, height=10**6) == everything
    if len(everything) > 1:
        last = screen(state, widest, len(everything) - 1)[-1]
        assert last.startswith("… left out: ")


def test_a_quiet_server() -> None:
    """There are three lines of a server that has nothing to do."""
    assert screen(quiet_state()) == [
        "shop",
        "0 requests in flight, lag 0.2 ms, 0 B held, 0 WebSockets, 0 HTTP/2 streams",
        "2 connections: 2 idle",
        "ended since the start: 10 ok",
    ]


def test_an_alarm_stands_at_the_top() -> None:
    """What is below is old then."""
    lines = render_screen(quiet_state(), title="shop", alarm="no\x1b", width=80, height=24)
    assert lines[0] == ("no\\x1b: shop", "alarming")
    assert screen(quiet_state(), alarm="gone", height=1) == ["gone: shop"]


def test_requests_are_shown_with_their_ends_and_trees() -> None:
    """The line that tells the most is marked; tasks that stand in the server say nothing."""
    request = request_state(
        tasks=[
            task_state("", innermost=False),
            task_state("/srv/shop/teas.py:7 in brew", depth=1, innermost=False),
            task_state("/srv/shop/teas.py:20 in heat", name="kettle 1", depth=2),
            task_state("", name="trio.sleep", library="/lib/pool.py:9 in wait", depth=99),
            task_state(library="/lib/psycopg/wait.py:1 in wait", depth=-3),
            task_state(name="hump_trio.server.lane.serve"),
        ]
    )
    endless = request_state(
        "/chat", client="", protocol="WebSocket, HTTP/1.1", phase="open", remaining_seconds=None,
        age_seconds=0.02, tasks=[],
    )  # fmt: skip
    lines = render_screen(
        quiet_state(request_count=5, requests=[request, endless]), title="", width=100, height=40
    )[4:]
    assert [line.text for line in lines] == [
        "     age  phase    requests, the oldest first",
        "  12.3 s  handler  GET /teas/green  HTTP/1.1 127.0.0.1:50000",
        "          17.7 s left: its route's time, then it is answered with 503: the answer took"
        " too long",
        "            /srv/shop/teas.py:7 in brew",
        "            > kettle 1 at /srv/shop/teas.py:20 in heat",
        "                          trio.sleep at /lib/pool.py:9 in wait",
        "        > /srv/shop/teas.py:7 in brew, which led to /lib/psycopg/wait.py:1 in wait",
        "        > /srv/shop/teas.py:7 in brew",
        " 20.0 ms  open     GET /chat  WebSocket, HTTP/1.1",
        "          nothing ends it but its client",
        "          and 3 younger ones",
    ]
    assert [line.text.strip() for line in lines if line.style == "marked"] == [
        line.text.strip() for line in lines if ">" in line.text
    ]


def test_long_texts_are_cut_where_they_say_least() -> None:
    """Of a target its end, of a path its beginning; a line's number and the client are left."""
    path = "/srv/" + "deep/" * 20 + "shop/teas.py:7 in brew"
    request = request_state("/teas?" + "x" * 200, tasks=[task_state(path, name="kettle")])
    lines = screen(quiet_state(request_count=1, requests=[request]))
    assert lines[5].startswith("  12.3 s  handler  GET /teas?xxx")
    assert lines[5].endswith("x…  HTTP/1.1 127.0.0.1:50000")
    assert len(lines[5]) == 80
    assert lines[7] == "        > kettle at shop/teas.py:7 in brew"


def test_a_large_tree_leaves_room_for_others() -> None:
    """The number of tasks that aren't shown is told."""
    tasks = [task_state(f"/srv/teas.py:{line} in brew") for line in range(50)]
    state = quiet_state(request_count=2, requests=[request_state(tasks=tasks), request_state()])
    lines = screen(state, height=24)
    assert lines[-5:-3] == ["        > /srv/teas.py:5 in brew", "          and 44 more tasks"]
    assert "and 44 more tasks" not in "".join(screen(state, height=200))


def test_tables() -> None:
    """Workers where there are several, limits that are in use, routes, work and crashes."""
    state = quiet_state(
        workers=[WORKER, WORKER | {"pid": 5, "state": "silent", "age_seconds": 1}],
        limits=[
            {"name": "@limit of brew", "used": 10, "total": 10, "waiting": 123},
            {"name": "@limit of sip", "used": 0, "total": 10, "waiting": 0},
            {"name": "Trio's threads", "used": 1, "total": None, "waiting": 0},
        ],
        routes=[ROUTE, ROUTE | {"route": "", "count": 1, "outcomes": {}}],
        background=[{"text": "shop.mail", "tasks": [task_state()]}],
        lifespan=[{"text": "shop.stock", "tasks": []}],
        crashes=[CRASH],
    )
    assert screen(state, height=50)[4:] == [
        "   pid    age  requests  connections     lag  workers",
        "  4711  2.0 h         3           10  0.4 ms  serving",
        "     5  1.0 s         3           10  0.4 ms  silent: as when it last answered",
        "  used        of  waiting  limits in use",
        "    10        10      123  @limit of brew",
        "     1  no limit        0  Trio's threads",
        "  ended        p50      p99  routes, the busiest first",
        "     12  ≤ 20.1 ms  ≤ 3.0 s  /teas/{tea}: 10 ok, 2 deadline",
        "      1  ≤ 20.1 ms  ≤ 3.0 s  no route: none",
        "the background",
        "  shop.mail",
        "        > /srv/shop/teas.py:7 in brew",
        "the lifespan",
        "  shop.stock",
        "      ago  crashes, the last one first",
        "  1.5 min  POST /teas: KeyError at /srv/shop/teas.py:9 in order",
    ]
    assert screen(state, height=15)[-1] == (
        "… left out: 1 task of the background, 1 task of the lifespan, 1 crash"
    )
    assert screen(quiet_state(workers=[WORKER])) == screen(quiet_state())


def test_a_request_has_its_worker() -> None:
    """Where there are several."""
    state = quiet_state(request_count=1, requests=[request_state()], workers=[WORKER] * 2)
    assert "GET /teas/green  HTTP/1.1 127.0.0.1:50000, worker 4711" in screen(state)[8]


@pytest.mark.parametrize(
    ("height", "said"),
    [
        (25, "1 crash"),
        (24, "1 route, 1 crash"),
        (22, "2 routes, 1 crash"),
        (15, "4 requests, 2 routes, 1 crash"),
        (14, "4 requests, 2 routes, 1 crash"),  # one more is shown in part
        (2, "7 requests, 2 routes, 1 crash"),
        (1, None),
    ],
)
def test_what_is_left_out_is_told(height: int, said: str | None) -> None:
    """By what it is, those too that the server has left out; the first line is the last to go."""
    state = quiet_state(
        request_count=7,
        requests=[request_state()] * 5,
        routes=[ROUTE] * 2,
        crashes=[CRASH],
    )
    lines = screen(state, height=height)
    assert len(lines) == height
    assert lines[0] == "shop"
    if said is not None:
        assert lines[-1] == f"… left out: {said}"


def test_the_rest_of_one_thing_is_counted_in_lines() -> None:
    """If nothing else is left out."""
    tasks = [task_state()] * 4
    state = quiet_state(request_count=1, requests=[request_state(tasks=tasks)])
    assert len(screen(state)) == 11
    assert screen(state, height=10)[-1] == "… left out: 2 lines"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names(text: str) -> None:
    """A client's target and a task's name are shown, whatever they would do to a terminal."""
    tasks = [task_state(name=text)]
    state = quiet_state(request_count=1, requests=[request_state(text, tasks=tasks)])
    lines = screen(state, width=200)
    shown = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
    assert f"GET {shown}  HTTP/1.1" in lines[5]
    assert lines[7].strip() == f"> {shown} at /srv/shop/teas.py:7 in brew"


def test_what_a_silent_worker_has_told_is_marked() -> None:
    """It is of another moment, also where there is one worker alone."""
    silent = WORKER | {"pid": request_state()["pid"], "state": "silent"}
    other = request_state() | {"pid": 5}
    state = quiet_state(workers=[silent], request_count=2, requests=[request_state(), other])
    lines = screen(state, width=120)
    assert lines[5].endswith("silent: as when it last answered")
    assert lines[7].endswith(f", worker {silent['pid']} (silent)")
    assert lines[10].endswith(", worker 5")
