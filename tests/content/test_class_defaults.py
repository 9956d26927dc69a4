"""Dataclasses whose defaults stand on the class alone: what is answered has all fields."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import pytest

from hump_trio import (
    Body,
    Event,
    EventStream,
    Hump,
    JsonLines,
    JsonResponse,
    Request,
    UploadFile,
)
from hump_trio.content.class_defaults import fill_in, may_hold_lacking, may_lack
from hump_trio.content.msgspec_json import MsgspecJson
from hump_trio.content.standard_json import StandardJson
from hump_trio.testing import client
from tests.support.typed_handlers import FORM, JSON, ask

T = TypeVar("T")


@dataclass
class Line:
    """A part with defaults."""

    item: str
    count: int = 1
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Basket:
    """One that can't be changed."""

    lines: list[Line]
    first: Line | None = None
    by_name: dict[str, Line] = field(default_factory=dict)
    currency: str = "EUR"


@dataclass
class Shape:
    """A parent without defaults."""

    radius: float


@dataclass
class Circle(Shape):
    """A field that no call sets."""

    kind: str = field(init=False, default="circle")


@dataclass
class Drawing:
    """Where the parent is said, a child may stand."""

    shapes: list[Shape]


@dataclass(slots=True)
class Slotted:
    """Nothing of it stands on the class alone, but for what a child adds."""

    name: str
    price: float = 1.5


@dataclass
class Grown(Slotted):
    """Some fields have a place of their own, one has none."""

    stock: int = 7


class Holder(msgspec.Struct):
    """A Struct that holds one."""

    line: Line
    open: bool = True


@dataclass
class Box(Generic[T]):
    """What it holds is said where it is used."""

    value: T


SENT = '{"item": "tea"}'
LINE = {"item": "tea", "count": 1, "tags": []}


async def plain(line: Line) -> Line:
    """Answer it as it came."""
    return line


async def unsaid(line: Line):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """Say nothing of the answer."""
    return line


async def within(line: Line) -> dict[str, Any]:
    """Answer it within something."""
    return {"line": line}


async def as_response(line: Line) -> JsonResponse:
    """Answer it in a response."""
    return JsonResponse(line, 201)


async def as_event(line: Line) -> EventStream:
    """Answer it as an event."""

    async def events() -> AsyncIterator[Any]:
        yield Event(line)
        yield line

    return EventStream(events())


async def as_lines(line: Line) -> JsonLines:
    """Answer it as a line."""

    async def items() -> AsyncIterator[Line]:
        yield line

    return JsonLines(items())


async def by_request(request: Request) -> JsonResponse:
    """Read it by hand."""
    return JsonResponse([request.json(Line)])


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (plain, '{"item":"tea","count":1,"tags":[]}'),
        (unsaid, '{"item":"tea","count":1,"tags":[]}'),
        (within, '{"line":{"item":"tea","count":1,"tags":[]}}'),
        (as_response, '{"item":"tea","count":1,"tags":[]}'),
        (as_event, 'data: {"item":"tea","count":1,"tags":[]}\n\n' * 2),
        (as_lines, '{"item":"tea","count":1,"tags":[]}\n'),
        (by_request, '[{"item":"tea","count":1,"tags":[]}]'),
    ],
)
async def test_defaults_that_were_not_sent_are_answered(
    handler: Callable[..., Any], expected: str
) -> None:
    """However the answer is made of what came in a body."""
    assert (await ask(handler, content=SENT, content_type=JSON)).text == expected


@pytest.mark.parametrize(
    ("annotation", "sent", "expected"),
    [
        (list[Line], f"[{SENT}]", [LINE]),
        (Line | None, SENT, LINE),
        (Annotated[Line, {"a": "note without a hash"}], SENT, LINE),
        (Box[Line], f'{{"value": {SENT}}}', {"value": LINE}),
        (Holder, f'{{"line": {SENT}}}', {"line": LINE, "open": True}),
        (Grown, '{"name": "tea"}', {"name": "tea", "price": 1.5, "stock": 7}),
        (Slotted, '{"name": "tea"}', {"name": "tea", "price": 1.5}),
        (
            Basket,
            f'{{"lines": [{SENT}], "by_name": {{"a": {SENT}}}}}',
            {"lines": [LINE], "first": None, "by_name": {"a": LINE}, "currency": "EUR"},
        ),
    ],
)
async def test_nested_defaults_are_answered(annotation: Any, sent: str, expected: Any) -> None:
    """Wherever in a body such a class stands."""

    async def handler(value: Any) -> Any:
        return [value]

    handler.__annotations__["value"] = annotation
    assert (await ask(handler, content=sent, content_type=JSON)).json() == [expected]


async def test_the_defaults_of_a_form_are_answered() -> None:
    """Of a urlencoded one, and of one with files."""

    async def urlencoded(line: Annotated[Line, Body(form=True)]) -> Line:
        return line

    assert (await ask(urlencoded, content="item=tea", content_type=FORM)).json() == LINE
    app = Hump()

    @app.post("/")
    async def add(line: Line, file: UploadFile) -> Line:
        return line

    async with client(app) as http:
        answer = await http.post("/", data={"item": "tea"}, files={"file": b"x"})
    assert answer.json() == LINE


@pytest.mark.parametrize("codec", [MsgspecJson(), StandardJson()])
def test_fields_that_no_call_sets_are_written(codec: Any) -> None:
    """Those with ``init=False`` and a default, by either library, wherever a class holds them."""
    circle = {"radius": 2, "kind": "circle"}
    assert codec.decode(codec.encode(Circle(2))) == circle
    assert codec.decode(codec.encode(Box(Circle(2)))) == {"value": circle}
    drawing = {"shapes": [circle, {"radius": 1}]}
    assert codec.decode(codec.encode(Drawing([Circle(2), Shape(1)]))) == drawing


def test_what_a_value_lacks_is_filled_in() -> None:
    """In objects of all kinds, and in what they hold; what they have stays."""
    empty = Circle.__new__(Circle)
    changed = Circle(1)
    changed.kind = "oval"
    fill_in([empty, {"it": (changed,)}, Holder(Line("tea")), None, 7])
    assert vars(empty) == {"kind": "circle"}
    assert changed.kind == "oval"


def test_a_default_that_a_child_hides_is_filled_in() -> None:
    """What the child shows in its place isn't the default, and stays where it was set."""

    @dataclass
    class Hidden(Line):
        count = 2  # no field of its own

    empty, set_so = Hidden.__new__(Hidden), Hidden("tea")
    set_so.count = Hidden.__dict__["count"]
    fill_in(None)
    fill_in([[], (), empty, set_so])
    assert vars(empty) == {"count": 1}
    assert vars(set_so) == {"item": "tea", "count": 2, "tags": []}


def test_what_lacks_nothing_costs_nothing() -> None:
    """Only where a class has such defaults is looked for them."""

    @dataclass
    class Unknown:
        it: "Nowhere"  # type: ignore[name-defined]  # noqa: F821

    for lacking in (Basket, Unknown, list[Holder]):
        assert may_lack(lacking)
    for full in (Slotted, Box[int], Drawing, dict[str, Any], list[Slotted], Any):
        assert not may_lack(full)
    for holding in (Basket, Unknown, Drawing, Box, Circle):
        assert may_hold_lacking(holding)
    for whole in (Slotted, Shape, dict, list, str):
        assert not may_hold_lacking(whole)
