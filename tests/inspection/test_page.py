"""A page that shows a snapshot, whatever clients and programs have written into it."""

import re
from dataclasses import fields
from html.parser import HTMLParser
from typing import Any

from hump_trio.inspection.figures import Crash
from hump_trio.inspection.page import page_policy, render_page, render_snapshot
from hump_trio.inspection.snapshot import (
    LimitLine,
    RequestLine,
    RouteLine,
    Snapshot,
    TaskLine,
    WorkLine,
)

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


def request_of(**options: Any) -> RequestLine:
    """Return a request."""
    given: dict[str, Any] = dict.fromkeys(("method", "target", "route", "client", "id"), EVIL)
    given |= {"protocol": "HTTP/1.1", "phase": "handler", "age_seconds": 2.25, "sent_bytes": 77}
    given |= {"remaining_seconds": 27.75, "cause": EVIL, "consequence": EVIL, "tasks": ()}
    return RequestLine(**(given | options))


def snapshot_of(**options: Any) -> Snapshot:
    """Return a snapshot of a server that does nothing, but for what is given."""
    given: dict[str, Any] = {each.name: () for each in fields(Snapshot)}
    given |= {"connections": {}, "outcomes": {}}
    given |= dict.fromkeys(("lag_seconds", "time"), 0.0)
    counts = ("request_count", "connection_count", "streams", "websockets", "buffered_bytes")
    return Snapshot(**(given | dict.fromkeys(counts, 0) | options))


FULL = snapshot_of(
    request_count=3,
    requests=(
        request_of(
            tasks=(task_of(0, EVIL, innermost=False), task_of(1, EVIL, EVIL), task_of(1, "", EVIL))
        ),
        request_of(route="", client="", remaining_seconds=None, tasks=(task_of(0, ""),)),
    ),
    connections={"handler": 2, "idle": 0},
    lag_seconds=0.0123,
    limits=(
        LimitLine(name=EVIL, used=1, total=5, waiting=3),
        LimitLine(name=EVIL, used=1, total=None, waiting=0),
    ),
    background=(WorkLine(text=EVIL, tasks=(task_of(0, EVIL),)),),
    lifespan=(WorkLine(text=EVIL, tasks=(task_of(30, EVIL),)),),
    routes=(
        RouteLine(route=EVIL, count=2, outcomes={"ok": 2}, p50_seconds=0.01, p99_seconds=2.0),
        RouteLine(route="", count=1, outcomes={"refused": 1}, p50_seconds=0.01, p99_seconds=0.01),
    ),
    crashes=(Crash(method=EVIL, target=EVIL, route="", time=-9.0, places=(EVIL,), frames=(EVIL,)),),
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
        "10.0 ms2000.0 ms2 ok",
        "no route110.0 ms",
        "9 s ago",
        "no limit",
    ):
        assert each in text, each
    assert page.count("<mark>") == 4
    assert page.count("which led to") == 1
    assert "&nbsp;" * 80 in page
    assert "&nbsp;" * 81 not in page
    assert "<form" not in page


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
