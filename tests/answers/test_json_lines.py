"""`JsonLines`: values as lines of JSON, as they come."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, JsonLines
from hump_trio.testing import client, connect
from tests.support import wire
from tests.support.wire import request


@dataclass(slots=True)
class Item:
    """A value with a JSON form."""

    name: str


def app_of(items: Any, **options: Any) -> Hump:
    """Return an app that streams what an async iterable has."""
    app = Hump()

    @app.get("/")
    async def index() -> JsonLines:
        return JsonLines(items, **options)

    return app


class Items:
    """An async iterable that notes its closing."""

    def __init__(self, *values: Any) -> None:
        self.values = values
        self.closed: list[str] = []

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            for value in self.values:
                yield value
                await trio.sleep(1)
        finally:
            self.closed.append("iterator")

    async def aclose(self) -> None:
        """Note it."""
        self.closed.append("items")


async def test_each_value_is_a_line(autojump_clock: MockClock) -> None:
    """Of any kind, and sent when it has come."""
    items = Items({"a": "é\n"}, [1, None], "text", Item("pen"))
    async with client(app_of(items)) as http, http.stream("GET", "/") as answer:
        times = [(json.loads(line), trio.current_time()) async for line in answer.aiter_lines()]
    assert [value for value, _ in times] == [{"a": "é\n"}, [1, None], "text", {"name": "pen"}]
    assert [moment for _, moment in times] == [0, 1, 2, 3]
    assert answer.headers["content-type"] == "application/jsonl"
    assert items.closed == ["iterator", "items"]


async def test_status_and_type_can_be_set() -> None:
    """A type that is given stays."""
    app = app_of(Items(), status=202, headers={"content-type": "application/x-ndjson"})
    [answer] = await wire.ask(app, request())
    assert (answer.status, answer.headers["content-type"]) == (202, "application/x-ndjson")
    assert answer.body == b""


async def test_what_has_no_json_form_breaks_the_stream_off(autojump_clock: MockClock) -> None:
    """Half an answer doesn't look whole, and what was iterated is closed."""
    items = Items(1, object())
    async with connect(app_of(items)) as raw:
        await raw.send(request())
        data = await wire.read_to_reset(raw)
    [answer] = wire.parse_answers(data, ended=False)
    assert (answer.body, answer.whole) == (b"1\n", False)
    assert items.closed == ["iterator", "items"]


@pytest.mark.parametrize("values", [[], [1, 2, 3]])
async def test_head_closes_what_is_never_begun(values: list[int]) -> None:
    """Channels and such are closed, though nothing was asked of them."""
    items = Items(*values)
    [answer] = await wire.ask(app_of(items), request("HEAD"), "HEAD")
    assert (answer.status, items.closed) == (200, ["items"])


async def test_it_is_closed_when_its_client_has_gone(autojump_clock: MockClock) -> None:
    """At once, in the task that has iterated it."""
    items = Items(*range(100))
    async with connect(app_of(items)) as raw:
        await raw.send(request())
        await wait_all_tasks_blocked()
        raw.reset()
        await trio.sleep(2)
        assert items.closed == ["iterator", "items"]


@pytest.mark.parametrize("items", [[1], None, app_of])
def test_only_async_iterables_are_taken(items: Any) -> None:
    """What isn't one is refused where it is written."""
    with pytest.raises(TypeError, match="takes an async iterable"):
        JsonLines(items)
