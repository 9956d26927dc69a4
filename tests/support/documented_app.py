"""An app with every kind of parameter, body and answer that a document can tell of."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from functools import partial
from typing import Annotated, Any, Generic, Literal, NotRequired, TypedDict, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from hump_trio import (
    Cookie,
    EventStream,
    Header,
    HtmlResponse,
    HttpException,
    Hump,
    JsonLines,
    JsonResponse,
    Query,
    RedirectResponse,
    Request,
    Response,
    Router,
    StreamResponse,
    UploadFile,
)

T = TypeVar("T")


class Colour(Enum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    """A choice of numbers."""

    LOW = 1
    HIGH = 2


@dataclass
class Part:
    """What things are made of."""

    name: str
    weight: Annotated[float, Meta(ge=0)] = 1.0


@dataclass
class Thing:
    """A body with all that JSON has."""

    name: Annotated[str, Meta(max_length=20, pattern="^[a-z]*$")]
    parts: list[Part]
    more: dict[str, int] = field(default_factory=dict)
    colour: Colour | None = None
    day: date | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None
    key: UUID | None = None
    pair: tuple[int, str] | None = None
    child: "Thing | None" = None


@dataclass
class Page(Generic[T]):
    """Some of many."""

    items: list[T]
    following: int | None = None


class Point(msgspec.Struct, rename="camel", tag=True):
    """A struct with other names outside."""

    left_side: int
    top_side: int = 0


class Circle(msgspec.Struct, tag=True):
    """A struct told from another by its tag."""

    radius: float


class Patch(TypedDict, total=False):
    """What may change."""

    name: str
    weight: NotRequired[float]


@dataclass
class Login:
    """A body that a form has too; a bool of a form takes more than the document's ``boolean``."""

    user: Annotated[str, Meta(min_length=1)]
    level: Level = Level.LOW
    age: int | None = None


@dataclass
class Sums:
    """A body whose parts a document has to say with care."""

    amount: Decimal
    numbers: set[int]
    more: dict[str, Decimal] = field(default_factory=dict)


@dataclass
class Filter:
    """Values of a query, together."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    colours: list[Colour] = field(default_factory=list)
    since: date | None = None
    per_page: Annotated[int, Query("per-page")] = 5


app = Hump("127.0.0.1", 0)
router = Router("/router/{owner}", raises={403: "Not yours."})


@app.get("/")
async def index() -> str:
    """Answer with text."""
    return "index"


@app.get("/numbers/{whole:int}/{real:float}")
async def numbers(whole: int, real: float) -> dict[str, float]:
    """Take numbers of the path."""
    return {"whole": whole, "real": real}


@app.get("/values/{key:uuid}/{day}/{rest:path}")
async def values(key: UUID, day: date, rest: str) -> list[str]:
    """Take values of the path, converted."""
    return [str(key), str(day), rest]


@app.get("/query")
async def query(
    whole: int,
    real: float = 0.5,
    flag: bool = False,
    text: str | None = None,
    colour: Colour = Colour.RED,
    level: Level | None = None,
    kind: Literal["a", "b", 3] = "a",
    day: date | None = None,
    at: Annotated[datetime, Meta(tz=True)] | None = None,
    clock: Annotated[time, Meta(tz=False)] | None = None,
    span: timedelta | None = None,
    key: UUID | None = None,
    amount: Decimal | None = None,
    either: int | Literal["all"] = "all",
    numbers: tuple[int, ...] = (),
    choices: frozenset[Colour] = frozenset(),
    per_page: Annotated[int, Meta(ge=1, le=100, description="How many."), Query("per-page")] = 10,
) -> dict[str, Any]:
    """Take every kind of query value."""
    return {"whole": whole, "per-page": per_page}


@app.get("/filtered")
async def filtered(
    chosen: Annotated[Filter, Query()], caller: Annotated[Point, Header()], text: str = ""
) -> list[Filter]:
    """Take a class of query values beside another, and one of header fields."""
    return [chosen]


@app.get("/fields")
async def fields(
    x_token: Annotated[str, Header()],
    x_numbers: Annotated[tuple[int, ...], Header()] = (),
    session: Annotated[str, Cookie()] = "",
    level: Annotated[int | None, Cookie("the-level")] = None,
) -> str:
    """Take header fields and cookies."""
    return session


@app.post("/things", returns={201: Thing}, raises={409: "There is one already."})
async def add_thing(thing: Thing) -> Response:
    """Take a body, and answer with what `returns` says."""
    return JsonResponse(thing, 201)


@app.put("/things")
async def replace_things(things: list[Thing]) -> Page[Thing]:
    """Take a list, and answer with a generic class."""
    return Page(things)


@app.patch("/things")
async def change_thing(change: Patch) -> Patch:
    """Take a TypedDict."""
    return change


@app.post("/sums")
async def add(sums: Sums) -> Sums:
    """Take numbers as texts, and repeats."""
    return sums


@app.post("/shapes")
async def add_shape(shape: Point | Circle) -> Point | Circle:
    """Take one of two structs."""
    return shape


@app.post("/counts")
async def count(counts: dict[str, int] | None = None) -> dict[str, int] | None:
    """Take a body that may be left out."""
    return counts


@app.post("/login")
async def login(login: Login) -> Login:
    """Take JSON or a form."""
    return login


@app.put("/raw", stream=True)
async def raw(request: Request) -> bytes:
    """Take a stream."""
    return b"".join([part async for part in request.stream]) or b"nothing"


@app.post("/files")
async def files(picture: UploadFile, others: list[UploadFile] | None = None) -> dict[str, int]:
    """Take files."""
    return {"bytes": picture.size_bytes + sum(each.size_bytes for each in others or ())}


@app.post("/files-and-texts")
async def files_and_texts(login: Login, picture: UploadFile | None = None) -> Login:
    """Take a file, or none, and texts."""
    return login


@app.get("/page")
async def page() -> HtmlResponse:
    """Answer with a page."""
    return HtmlResponse("<p>")


@app.get("/either")
async def either(json: bool = False) -> str | Part | Page[Part] | None:
    """Answer with any of several types."""
    return Part("a") if json else None


@app.get("/lines")
async def lines() -> AsyncIterator[str]:
    """Answer with a stream."""
    yield "a\n"


@app.get("/stream")
async def stream() -> StreamResponse:
    """Answer with what only the handler knows."""

    async def produce(send: Any) -> None:
        await send("a")

    return StreamResponse(produce)


@app.get("/events")
async def events() -> EventStream:
    """Answer with events."""

    async def produce() -> AsyncIterator[str]:
        yield "a"

    return EventStream(produce())


@app.get("/rows")
async def rows() -> JsonLines:
    """Answer with JSON lines."""

    async def produce() -> AsyncIterator[int]:
        yield 1

    return JsonLines(produce())


@app.get("/elsewhere")
async def elsewhere() -> RedirectResponse:
    """Send the client elsewhere."""
    return RedirectResponse("/")


@app.get("/literal")
async def literal() -> Literal["yes", "no"]:
    """Answer with one of two texts."""
    return "yes"


@app.route("/anything", methods=["GET", "POST", "DELETE", "HEAD", "OPTIONS"])
async def anything(request: Request) -> Any:
    """Take several methods."""
    return {"method": request.method}


@router.get("/things/{number:int}", returns=Part)
async def owned(owner: str, number: int) -> Response:
    """Take values of a router's prefix."""
    if owner == "0":
        raise HttpException(403)
    return JsonResponse(Part(owner))


@router.get("/{name}")
async def named(name: str) -> str:
    """Take another."""
    return name


app.include(router)
app.add_route("/partial", partial(named, name="a"), methods=["GET"])
app.openapi(title="Everything", version="1")
