"""A page that shows a snapshot, whatever clients and programs have written into it."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from hump_trio.inspection.page import page_policy, render_page, render_snapshot
from hump_trio.inspection.snapshot import (
    CrashLine,
    LimitLine,
    RequestLine,
    RouteLine,
    TaskLine,
    WorkLine,
)
from tests.support.snapshots import request_of, snapshot_of, worker_of

EVIL = "<script>alert('1')</script>\"&"


class Elements(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element, all of which but two are closed."""
        self.names.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Hold that elements are nested."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


def task_of(depth: int, line: str, library: str = "", *, innermost: bool = True) -> TaskLine:
    """Return a line of a tree."""
    return TaskLine(depth=depth, name=EVIL, line=line, library=library, innermost=innermost)


def evil_request(**options: Any) -> RequestLine:
    """Return a request whose texts could harm a page."""
    evil = dict.fromkeys(
        ("method", "target", "route", "client", "id", "cause", "consequence"), EVIL
    )
    return request_of(**(evil | options))


FULL = snapshot_of(
    workers=(worker_of(5, "serving"), worker_of(6, "silent")),
    request_count=3,
    requests=(
        evil_request(
            tasks=(task_of(0, EVIL, innermost=False), task_of(1, EVIL, EVIL), task_of(1, "", EVIL))
        ),
        evil_request(route="", client="", remaining_seconds=None, tasks=(task_of(0, ""),)),
    ),
    connections={"handler": 2, "idle": 0},
    lag_seconds=0.0123,
    limits=(
        LimitLine(name=EVIL, used=1, total=5, waiting=3),
        LimitLine(name=EVIL, used=1, total=None, waiting=0),
    ),
    background=(WorkLine(pid=5, text=EVIL, tasks=(task_of(0, EVIL),)),),
    lifespan=(WorkLine(pid=5, text=EVIL, tasks=(task_of(30, EVIL),)),),
    routes=(
        RouteLine(route=EVIL, count=2, outcomes={"ok": 2}, p50_seconds=0.01, p99_seconds=2.0),
        RouteLine(route="", count=1, outcomes={"refused": 1}, p50_seconds=0.01, p99_seconds=0.01),
    ),
    crashes=(
        CrashLine(
            pid=5,
            method=EVIL,
            target=EVIL,
            route="",
            age_seconds=9.0,
            places=(EVIL,),
            frames=(EVIL,),
        ),
    ),
)


def test_no_text_becomes_an_element() -> None:
    """Whatever the client, the program and its files are called."""
    page = render_page(FULL, actions=True)
    found = Elements(page)
    assert found.open == []
    assert found.names.count("script") == 1
    assert "alert(" in found.text
    assert EVIL not in page


def test_all_that_a_snapshot_has_is_on_the_page() -> None:
    """In words for a person, and the innermost lines of the program marked."""
    page = render_snapshot(FULL, actions=False)
    text = Elements(page).text
    for each in (
        "3 requests in flight",
        "and 1 younger ones",
        "loop lag 12.3 ms",
        "Connections by phase: 2 handler",
        "Ended since the start: none",
        "2.2 s",
        "77 bytes sent; 27.8 s left: ",
        "nothing ends it but its client",
        "a line of the server",
        "≤ 10.0 ms≤ 2000.0 ms2 ok",
        "no route1≤ 10.0 ms",
        "no route, process 5, 9 s ago",
        "Processes: 1 serving, 1 silent",
        "Process 6, silent, 61 s old; when it last answered: 3 requests, 4 connections,",
        "4 connections, loop lag 2.0 ms",
        "no limit",
    ):
        assert each in text, each
    assert page.count("<mark>") == 4
    assert page.count("which led to") == 1
    assert "&nbsp;" * 80 in page
    assert "&nbsp;" * 81 not in page
    assert "<form" not in page


@pytest.mark.parametrize(("state", "shown"), [("silent", 1), ("serving", 0)])
def test_what_a_silent_process_has_told_is_marked(state: str, shown: int) -> None:
    """Its requests are those of another moment."""
    requests = tuple(request_of(pid=pid) for pid in (5, 6))
    workers = (worker_of(5, "serving"), worker_of(6, state))
    page = render_snapshot(snapshot_of(workers=workers, requests=requests), actions=False)
    assert page.count("process 6 (silent: as when it last answered),") == shown
    assert "process 5," in page


def test_operators_have_buttons_where_they_may_act() -> None:
    """One for each request, for each process and for each level of the log."""
    page = render_snapshot(FULL, actions=True)
    paths = re.findall(r'action="inspect/([a-z]+)[^"]*/([a-z]+)"', page)
    assert paths == [
        ("requests", "cancel"),
        ("requests", "cancel"),
        ("workers", "drain"),
        ("workers", "drain"),
        *(("log", level) for level in ("debug", "info", "warning", "error")),
    ]


def test_what_there_is_none_of_has_no_heading() -> None:
    """An idle server's page is short."""
    page = render_snapshot(snapshot_of(), actions=True)
    assert "<h2>" not in page
    assert Elements(page).text.startswith("0 requests in flight")


def test_the_policy_lets_nothing_in_but_the_pages_own() -> None:
    """Its style, its script, its events; forms only where there are any."""
    policy = page_policy(actions=False)
    assert re.sub(r"sha256-[\w+/=]{44}", "HASH", policy) == (
        "default-src 'none'; style-src 'HASH'; script-src 'HASH'; connect-src 'self';"
        " form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert "form-action 'self'" in page_policy(actions=True)


def test_words_of_a_worker_are_text_too() -> None:
    """A worker that isn't the program's any more may send any, and any id of a request."""
    snapshot = snapshot_of(
        connections={EVIL: 1},
        outcomes={EVIL: 2},
        requests=(request_of(id="../../workers/7/drain?"),),
    )
    page = Elements(render_snapshot(snapshot, actions=True))
    assert "script" not in page.names
    assert f"1 {EVIL}" in page.text
    assert f"2 {EVIL}" in page.text
    assert "..%2F..%2Fworkers%2F7%2Fdrain%3F/cancel" in render_snapshot(snapshot, actions=True)
