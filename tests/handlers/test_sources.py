"""The table of sources: each parameter has one, and each source keeps what the table promises."""

from typing import Annotated, Any

import pytest

from hump_trio import Body, Cookie, Header, Query, Request, UploadFile
from hump_trio.handlers import rules
from hump_trio.handlers.markers import Secret
from hump_trio.handlers.parameter import Source
from hump_trio.handlers.sources import CHANNEL, REQUEST, SOURCES
from hump_trio.openapi.document import document_of
from tests.support.annotated import INT, Item
from tests.support.typed_handlers import ask, parse, places_of, route_of, taking

KNOWN: list[tuple[Any, str]] = [
    (Request, "request"),
    (Request | None, "request"),
    (None, "request"),
    (object, "request"),
    (UploadFile, "upload"),
    (list[UploadFile] | None, "upload"),
    (Item, "body"),
    (list[Item], "body"),
    (dict[str, int], "body"),
    (int, "query"),
    (list[int], "query"),
    (Annotated[int, Body()], "body"),
    (Annotated[int, Query()], "query"),
    (Annotated[Item, Query()], "query"),
    (Annotated[int, Header()], "header"),
    (Annotated[Item, Cookie()], "cookie"),
]


@pytest.mark.parametrize(("annotation", "name"), KNOWN)
def test_a_marker_or_a_type_says_where_a_value_comes_from(annotation: Any, name: str) -> None:
    """What the template names is in the path instead; what nothing else takes is in the query."""
    assert parse(taking(annotation)).parameters[0].source.name == name


def test_a_name_in_the_template_is_of_the_path() -> None:
    """Whatever its type."""
    assert parse(taking(int), "/{value}").parameters[0].source.name == "path"


def test_every_marker_has_a_source() -> None:
    """And one alone."""
    markers = [source.marker for source in SOURCES if source.marker]
    assert sorted(markers, key=str) == sorted([Body, Cookie, Header, Query, Secret], key=str)


def test_every_source_has_getters() -> None:
    """But the request and the WebSocket, which are passed as they are."""
    without = [each for each in SOURCES if not each.getter and not each.form_getter]
    assert without == [REQUEST, CHANNEL]


class Clock:
    """What no client can send."""

    def __init__(self, path: str) -> None:
        self.path: str = path


async def test_a_source_is_one_row_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the table has to know it: not binding, nor the document, nor the answers."""
    row = Source(
        name="clock",
        takes=lambda annotation: annotation is Clock,
        getter=lambda parameter: lambda request: Clock(request.path),
        statuses=frozenset(),
    )
    monkeypatch.setattr(rules, "SOURCES", (row, *SOURCES))

    async def show(clock: Clock, page: int) -> str:
        """Take one of each."""
        return f"{clock.path} {page}"

    assert (await ask(show, "/?page=3")).text == "/ 3"
    assert places_of(await ask(show, "/?page=x")) == {"query.page": INT}
    document = document_of([route_of(show)], {"title": "A", "version": "1"})
    listed = document["paths"]["/"]["get"]["parameters"]
    assert [each["name"] for each in listed] == ["page"]
