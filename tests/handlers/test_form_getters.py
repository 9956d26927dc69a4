"""Handlers that take files by their annotations."""

import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest

from hump_trio import (
    BindingError,
    Header,
    Hump,
    JsonResponse,
    Limits,
    Request,
    Response,
    RouteError,
    Router,
    StreamResponse,
    UploadFile,
    timeout,
)
from hump_trio.testing import client
from tests.support.forms import TYPE, SentPart, encode_form
from tests.support.wire import Answer, ask, request

A: SentPart = ("a", "1", "x/y", b"one")
OTHER: SentPart = ("a", "2", "", b"two")
TEXT: SentPart = ("a", None, "", b"text")
TITLE: SentPart = ("title", None, "", b"tea")
COUNT: SentPart = ("count", None, "", b"3")


@dataclass(slots=True)
class Note:
    """Texts beside a file."""

    title: str
    count: int = 1
    tags: tuple[str, ...] = ()


class Shelf:
    """What a provider gives."""


async def one(a: UploadFile) -> bytes:
    """Take a file that has to be there."""
    return await a.read()


async def perhaps(a: UploadFile | None = None) -> bytes:
    """Take a file that may be left out."""
    return b"none" if a is None else await a.read()


async def several(a: list[UploadFile]) -> bytes:
    """Take at least one file."""
    return b"".join([await file.read() for file in a])


async def any_number(a: list[UploadFile] | None = None) -> bytes:
    """Take as many files as there are."""
    return b"none" if a is None else await several(a)


async def noted(a: UploadFile, note: Note) -> str:
    """Take the texts too."""
    return f"{a.filename} {note}"


async def perhaps_noted(a: UploadFile, note: Note | None = None) -> str:
    """Take the texts, if there are some."""
    return f"{a.filename} {note}"


async def post(handler: Callable[..., Any], parts: list[SentPart]) -> Answer:
    """Return a handler's answer to a form."""
    app = Hump()
    app.add_route("/", handler, methods=["POST"])
    data = request("POST", "/", f"Content-Type: {TYPE}", body=encode_form(parts))
    [answer] = await ask(app, data, "POST")
    return answer


def places_of(answer: Answer) -> list[tuple[str, str]]:
    """Return what an answer says is wrong."""
    assert answer.status == 422, answer.text
    errors = Request("GET", "/", "/", body=answer.body).json()["errors"]
    return [(error["place"], error["reason"]) for error in errors]


@pytest.mark.parametrize(
    ("handler", "parts", "text"),
    [
        (one, [A], "one"),
        (one, [TITLE, A, ("b", "3", "", b"3")], "one"),
        (perhaps, [A], "one"),
        (perhaps, [TITLE], "none"),
        (perhaps, [("a", "", "", b"")], "none"),
        (several, [A], "one"),
        (several, [A, OTHER], "onetwo"),
        (any_number, [A, OTHER], "onetwo"),
        (any_number, [], "none"),
        (noted, [TITLE, A], "1 Note(title='tea', count=1, tags=())"),
        (
            noted,
            [A, COUNT, TITLE, ("tags", None, "", b"x"), ("tags", None, "", b"y")],
            "1 Note(title='tea', count=3, tags=('x', 'y'))",
        ),
        (perhaps_noted, [A, TITLE], "1 Note(title='tea', count=1, tags=())"),
        (perhaps_noted, [A], "1 None"),
    ],
)
async def test_files_and_texts_are_passed(
    handler: Callable[..., Any], parts: list[SentPart], text: str
) -> None:
    """By name; a class takes the texts, converted as those of a urlencoded form."""
    answer = await post(handler, parts)
    assert (answer.status, answer.text) == (200, text)


@pytest.mark.parametrize(
    ("handler", "parts", "places"),
    [
        (one, [], [("form.a", "missing")]),
        (one, [("b", "1", "", b"")], [("form.a", "missing")]),
        (one, [A, OTHER], [("form.a", "comes twice")]),
        (one, [TEXT], [("form.a", "expected a file, got text")]),
        (perhaps, [TEXT], [("form.a", "expected a file, got text")]),
        (several, [], [("form.a", "missing")]),
        (noted, [A], [("form.title", "missing")]),
        (
            noted,
            [("count", None, "", b"x"), TITLE],
            [("form.a", "missing"), ("form.count", "expected `int`")],
        ),
    ],
)
async def test_what_does_not_fit(
    handler: Callable[..., Any], parts: list[SentPart], places: list[tuple[str, str]]
) -> None:
    """422 with every place, of files and of texts."""
    assert places_of(await post(handler, parts)) == places


async def test_no_form_at_all() -> None:
    """415 for another type, 400 for one that is malformed."""
    app = Hump()
    app.add_route("/", one, methods=["POST"])
    for kind, status in (("application/json", 415), (TYPE, 400)):
        [answer] = await ask(app, request("POST", "/", f"Content-Type: {kind}", body=b"{}"), "POST")
        assert answer.status == status


CHUNKED = request("POST", "/", "Transfer-Encoding: chunked") + b"0\r\n\r\n"


@pytest.mark.parametrize("sent", [request("POST", "/"), CHUNKED])
@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (perhaps, "none"),
        (any_number, "none"),
        (one, [("form.a", "missing")]),
        (noted, [("form.a", "missing"), ("form.title", "missing")]),
        (perhaps_noted, [("form.a", "missing")]),
    ],
)
async def test_no_body_is_an_empty_form(
    handler: Callable[..., Any], sent: bytes, expected: str | list[tuple[str, str]]
) -> None:
    """What has a default has it, and the rest is missing."""
    app = Hump()
    app.add_route("/", handler, methods=["POST"])
    [answer] = await ask(app, sent, "POST")
    assert (answer.text if isinstance(expected, str) else places_of(answer)) == expected


async def test_a_body_of_no_type_is_no_form() -> None:
    """415, though the file may be left out."""
    app = Hump()
    app.add_route("/", perhaps, methods=["POST"])
    [answer] = await ask(app, request("POST", "/", body=b"{}"), "POST")
    assert answer.status == 415


async def by_position(request: Request, /, a: UploadFile) -> str:
    """Take the request by position."""
    return f"{request.method} {a.filename}"


async def by_name(a: UploadFile, request: Request) -> str:
    """Take the request by name."""
    return f"{request.method} {a.filename}"


@pytest.mark.parametrize("handler", [by_position, by_name])
async def test_the_request_is_there_too(handler: Callable[..., Any]) -> None:
    """Wherever it stands."""
    assert (await post(handler, [A])).text == "POST 1"


async def test_the_head_is_read_first() -> None:
    """Who gets that wrong is told before anything is uploaded; the rest is as of other handlers."""
    app = Hump()

    @app.post("/{number}/{word}")
    async def put_together(
        number: int, word: str, a: UploadFile, q: int = 0, x_b: Annotated[str, Header()] = ""
    ) -> str:
        return f"{number} {word} {a.filename} {q} {x_b}"

    form = encode_form([A])
    lines = [f"Content-Type: {TYPE}", "X-B: b"]
    [good] = await ask(app, request("POST", "/7/w?q=5", *lines, body=form), "POST")
    assert good.text == "7 w 1 5 b"
    waiting = request("POST", "/x/w?q=y", *lines, "Expect: 100-continue", "Content-Length: 999")
    [bad] = await ask(app, waiting, "POST")
    assert bad.informational == []
    assert [place for place, _ in places_of(bad)] == ["path.number", "query.q"]


async def test_the_limits_of_such_a_route() -> None:
    """`Limits.upload_bytes` holds for the body, unless the route has a limit of its own."""
    app = Hump(limits=Limits(upload_bytes=1000, body_bytes=100))
    small, large = [("a", "b", "", bytes(size)) for size in (500, 990)]
    app.add_route("/", one, methods=["POST"])
    app.add_route("/less", one, methods=["POST"], body_limit=300)
    app.add_route("/more", one, methods=["POST"], body_limit=None)
    got = []
    for path, part in (
        ("/", small),
        ("/", large),
        ("/less", small),
        ("/more", large),
        ("/more", ("a", "b", "", bytes(1001))),
    ):
        data = request("POST", path, f"Content-Type: {TYPE}", body=encode_form([part]))
        [answer] = await ask(app, data, "POST")
        got.append(answer.status)
    assert got == [200, 413, 413, 200, 413]


async def test_files_last_until_the_handler_returns() -> None:
    """A producer that reads them later finds them closed, and half an answer isn't taken for whole.

    Behind a router and middleware it is the same.
    """
    kept: list[UploadFile] = []
    router = Router("/shop")

    @router.post("/")
    async def keep(a: UploadFile) -> StreamResponse:
        kept.append(a)

        async def produce(send: Callable[[bytes], Any]) -> None:
            await send(b"begun")
            await send(await a.read())

        return StreamResponse(produce)

    app = Hump()
    app.include(router)

    @app.middleware
    async def pass_on(request: Request, call_next: Callable[[Request], Any]) -> Response:
        response: Response = await call_next(request)
        return response

    async with client(app) as http:
        with pytest.raises(Exception, match=r"(?i)broken|reset|peer|closed|disconnected"):
            await http.post("/shop/", files={"a": b"1"})
    assert kept[0].size_bytes == 1


async def generate(a: UploadFile) -> AsyncIterator[bytes]:
    """Try to stream a file back."""
    yield await a.read()


async def set_of(a: set[UploadFile]) -> None:
    """Ask for what there isn't."""


async def file_or_text(a: UploadFile | str) -> None:
    """Ask for one or the other."""


async def nested(a: UploadFile, note: dict[str, dict[str, int]]) -> None:
    """Ask for more than texts can say."""


@dataclass
class Rated:
    """A class with a field that isn't for clients."""

    title: str
    stars: int = field(default=0, init=False)


async def rated(a: UploadFile, note: Rated) -> None:
    """Ask for what clients could set."""


async def two_bodies(a: UploadFile, note: Note, other: Note) -> None:
    """Ask for two bodies."""


@pytest.mark.parametrize(
    ("handler", "method", "said"),
    [
        (generate, "POST", r"generate takes a file and has a yield: take the Request"),
        (timeout(5)(generate), "POST", r"generate takes a file and has a yield"),
        (set_of, "POST", r"'a' that can't be taken from the upload: write UploadFile"),
        (file_or_text, "POST", r"'a' that can't be taken from the upload: write UploadFile"),
        (nested, "POST", r"'note' that can't be taken from the body: the texts of a form can't"),
        (rated, "POST", r"clients could set Rated\.stars"),
        (two_bodies, "POST", r"'other' that is a second body beside 'note'"),
        (one, "GET", r"'a' that is a body, which a GET has none of"),
    ],
)
def test_what_can_not_be_bound(handler: Callable[..., Any], method: str, said: str) -> None:
    """Refused at registration, with what to write instead."""
    with pytest.raises(RouteError, match=said):
        Hump().add_route("/", handler, methods=[method])


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused at registration, with what to install."""
    monkeypatch.setitem(sys.modules, "python_multipart.multipart", None)
    with pytest.raises(RouteError, match=r"pip install 'hump-trio\[multipart\]'"):
        Hump().post("/")(one)


async def test_stream_may_be_said_too() -> None:
    """It is what such a route is anyway."""
    app = Hump()
    app.add_route("/", one, methods=["POST"], stream=True)
    data = request("POST", "/", f"Content-Type: {TYPE}", body=encode_form([A]))
    [answer] = await ask(app, data, "POST")
    assert answer.text == "one"


@pytest.mark.parametrize("provided", [False, True])
async def test_an_exception_handler_has_the_texts_again(provided: bool) -> None:
    """`Request.form` gives them as they were written, when the files are gone."""
    app = Hump()

    @app.provide
    async def shelf() -> Shelf:
        raise AssertionError

    @app.post("/")
    async def plain(a: UploadFile, note: Note) -> None:
        raise AssertionError

    @app.post("/provided")
    async def with_provider(a: UploadFile, note: Note, shelf: Shelf) -> None:
        raise AssertionError

    @app.exception_handler(BindingError)
    async def show_again(request: Request, error: BindingError) -> Response:
        return JsonResponse([request.form().pairs(), error.places])

    path = "/provided" if provided else "/"
    wrong: SentPart = ("count", None, "", b"many")
    sent = request("POST", path, f"Content-Type: {TYPE}", body=encode_form([A, TITLE, wrong]))
    [answer] = await ask(app, sent, "POST")
    texts = [["title", "tea"], ["count", "many"]]
    assert json.loads(answer.text) == [texts, [["form.count", "expected `int`"]]]
    [answer] = await ask(app, request("POST", path), "POST")
    assert json.loads(answer.text)[0] == []


async def test_the_handler_itself_has_the_texts_again() -> None:
    """And what its class has no field for."""

    async def texts(a: UploadFile, request: Request) -> list[str]:
        return request.form().get_all("title")

    assert (await post(texts, [TITLE, A, TITLE])).text == '["tea","tea"]'
