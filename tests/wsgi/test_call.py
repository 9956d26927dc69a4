"""One call of an app, rule by rule of PEP 3333, watched by the standard library's validator."""

import io
import logging
from collections.abc import Iterator
from threading import Event
from typing import Any

import httpx2
import pytest

from hump_trio import Hump
from hump_trio.testing import client, connect
from tests.support.loopback import PATIENCE_SECONDS
from tests.support.wire import Answer, ask, parse_answers, read_to_reset, read_until, request
from tests.support.wsgi_apps import App, StartResponse, hello, mounted, typed

Environ = dict[str, Any]


async def get(app: Hump | App, method: str = "GET", **options: Any) -> httpx2.Response:
    """Return the answer to a request."""
    async with client(app if isinstance(app, Hump) else mounted(app)) as http:
        return await http.request(method, "/", **options)


async def broken_off(app: Hump, first: bytes, read: Event) -> Answer:
    """Return an answer that ends with a reset, so that nobody takes it for whole.

    Args:
        app: Gives it.
        first: What of the body comes before that.
        read: Set when that has been read.
    """
    async with connect(app) as raw:
        await raw.send(request())
        data = await read_until(raw, first)
        read.set()
        data += await read_to_reset(raw)
        [answer] = parse_answers(data, ended=False)
    assert not answer.whole
    return answer


def answering(status: Any = "200 OK", headers: Any = None, parts: Any = (b"hello",)) -> App:
    """Return an app that answers so."""

    def app(environ: Environ, start_response: StartResponse) -> Any:
        start_response(status, typed() if headers is None else headers)
        return parts

    return app


class Parts:
    """An iterable of parts that isn't a list, and notes its end.

    Args:
        parts: What it yields; an error is raised instead, and an event waited for before the next.
    """

    def __init__(self, *parts: Any) -> None:
        self.left = list(parts)
        self.closed = 0

    def __iter__(self) -> "Parts":
        return self

    def __next__(self) -> Any:
        if not self.left:
            raise StopIteration
        part = self.left.pop(0)
        if isinstance(part, Event):
            assert part.wait(PATIENCE_SECONDS)
            return next(self)
        if isinstance(part, BaseException):
            raise part
        return part

    def close(self) -> None:
        """Note it."""
        self.closed += 1


async def test_a_list_goes_out_whole() -> None:
    """With its length, however many parts it has."""
    for parts in ([b"hello"], [b"hel", b"", b"lo"], (b"hello",)):
        response = await get(mounted(answering(parts=parts), strict=False))
        assert response.content == b"hello"
        assert response.headers["content-length"] == "5"
        assert response.headers["content-type"] == "text/plain"


@pytest.mark.parametrize("parts", [[], [b""], iter([]), iter([b"", b""])], ids=repr)
async def test_an_empty_body(parts: Any) -> None:
    """It has a length too."""
    response = await get(mounted(answering(parts=parts), strict=False))
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == "0"


async def test_an_iterable_is_streamed() -> None:
    """Without a length nobody knows its end; it is closed once."""
    parts = Parts(b"", b"a", b"", b"b", b"")
    response = await get(answering(parts=parts))
    assert response.content == b"ab"
    assert "content-length" not in response.headers
    assert parts.closed == 1


async def test_an_iterable_with_a_length_goes_out_whole() -> None:
    """One part of that length is all of it: nothing more is asked for, and it is closed."""
    parts = Parts(b"", b"hello", AssertionError("asked for more"))
    response = await get(answering(headers=typed(("Content-Length", "5")), parts=parts))
    assert (response.content, response.headers["content-length"]) == (b"hello", "5")
    assert parts.closed == 1


async def test_several_parts_with_a_length() -> None:
    """They are streamed with that length."""
    parts = Parts(b"he", b"llo", AssertionError("asked for more"))
    response = await get(answering(headers=typed(("Content-Length", "5")), parts=parts))
    assert (response.content, response.headers["content-length"]) == (b"hello", "5")
    assert "transfer-encoding" not in response.headers
    assert parts.closed == 1


@pytest.mark.parametrize("kind", [list, Parts])
@pytest.mark.parametrize("parts", [(b"hello",), (b"he", b"llo")])
async def test_more_than_the_length(
    kind: Any, parts: tuple[bytes, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """It is cut, and said once."""
    body = kind(parts) if kind is list else Parts(*parts)
    app = answering(headers=typed(("Content-Length", "4")), parts=body)
    response = await get(app)
    assert (response.content, response.headers["content-length"]) == (b"hell", "4")
    assert [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR] == [
        "GET /: the app's body is cut to its Content-Length"
    ]


@pytest.mark.parametrize("parts", [[b"hell"], [], iter([])], ids=repr)
async def test_less_than_the_length(parts: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Before anything has gone out it is an error like any other."""
    app = mounted(answering(headers=typed(("Content-Length", "5")), parts=parts), strict=False)
    response = await get(app)
    assert response.status_code == 500
    assert "shorter than its Content-Length" in caplog.text


async def test_less_than_the_length_in_a_stream(caplog: pytest.LogCaptureFixture) -> None:
    """The answer breaks off, so that no client takes it for whole."""
    parts = Parts(b"hel", b"l", read := Event())
    app = mounted(answering(headers=typed(("Content-Length", "5")), parts=parts))
    answer = await broken_off(app, b"hell", read)
    assert answer.body == b"hell"
    assert parts.closed == 1
    assert "shorter than its Content-Length" in caplog.text


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_a_status_without_a_body(status: str) -> None:
    """A length that it announces is that of another answer."""
    app = mounted(answering(status, [("Content-Length", "5"), ("ETag", '"a"')], []), strict=False)
    response = await get(app)
    assert (response.status_code, response.content) == (int(status[:3]), b"")
    assert response.headers["etag"] == '"a"'


@pytest.mark.parametrize("parts", [[b"hello"], [], Parts(b"hel", b"lo")], ids=repr)
async def test_head(parts: Any) -> None:
    """The app is asked as it is, and its length is sent; a body is not."""
    methods = []

    def app(environ: Environ, start_response: StartResponse) -> Any:
        methods.append(environ["REQUEST_METHOD"])
        start_response("200 OK", typed(("Content-Length", "5")))
        return parts

    response = await get(mounted(app, strict=False), "HEAD")
    assert (methods, response.content) == (["HEAD"], b"")
    assert response.headers["content-length"] == "5"


@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "PROPFIND", "X-OWN"])
async def test_any_method(method: str) -> None:
    """The app decides what it takes."""

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("405 No", typed())
        return [environ["REQUEST_METHOD"].encode()]

    response = await get(mounted(app, strict=False), method)
    assert (response.status_code, response.text) == (405, method)


@pytest.mark.parametrize("status", ["200 OK", "200", "200 ", "299 Très bien", "599 \tno"])
async def test_a_status(status: str) -> None:
    """Its reason may be any, or none."""
    response = await get(mounted(answering(status), strict=False))
    assert response.status_code == int(status[:3])


async def test_fields() -> None:
    """They are sent as they are, repeated ones too."""
    cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Latin", "\xfc")]
    [answer] = await ask(mounted(answering(headers=typed(*cookies))), request())
    assert answer.headers["x-latin"] == "\xfc"
    response = await get(answering(headers=typed(*cookies)))
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("status", "headers", "parts", "error"),
    [
        (b"200 OK", None, [], "TypeError: a status is str, such as '200 OK'"),
        (200, None, [], "TypeError: a status is str, such as '200 OK'"),
        ("OK", None, [], "ValueError: a status is such as '200 OK'"),
        ("200OK", None, [], "ValueError: a status is such as '200 OK'"),
        ("20 OK", None, [], "ValueError: a status is such as '200 OK'"),
        ("101 Switching", None, [], "ValueError: a status is such as '200 OK'"),
        ("600 No", None, [], "ValueError: a status is such as '200 OK'"),
        ("200 O\r\nK: 1", None, [], "ValueError: a status is such as '200 OK'"),
        ("200 OK", {"a": "b"}, [], "TypeError: header fields are a list"),
        ("200 OK", [["a", "b"]], [], "TypeError: a header field is a tuple"),
        ("200 OK", [("a",)], [], "TypeError: a header field is a tuple"),
        ("200 OK", [("a", 1)], [], "TypeError: a header's name and value are str"),
        ("200 OK", [("a", "b\r\nc: d")], [], "ValueError: a value of a that can't be sent"),
        ("200 OK", [("a b", "c")], [], "ValueError: not a header name"),
        ("200 OK", [("Content-Length", "-1")], [], "ValueError: a Content-Length that is none"),
        ("200 OK", [("Content-Length", "1"), ("content-length", "1")], [], "that is none: '1, 1'"),
        ("200 OK", [("Connection", "close")], [], "RuntimeError: Connection is between"),
        ("200 OK", [("transfer-encoding", "x")], [], "RuntimeError: transfer-encoding is between"),
        ("200 OK", [("Upgrade", "x")], [], "RuntimeError: Upgrade is between"),
        ("200 OK", None, ["hello"], "TypeError: an app of WSGI gives bytes"),
        ("200 OK", None, iter(["hello"]), "TypeError: an app of WSGI gives bytes"),
        ("200 OK", None, "hello", "TypeError: an app of WSGI gives bytes"),
        ("200 OK", None, b"hello", "TypeError: an app of WSGI gives bytes"),
        ("200 OK", None, None, "TypeError: 'NoneType' object is not iterable"),
    ],
)
async def test_misuse(
    status: Any, headers: Any, parts: Any, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is an error in the app, answered with 500 and logged once with its traceback."""
    response = await get(mounted(answering(status, headers, parts), strict=False))
    assert response.status_code == 500
    assert [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR] == [
        "GET / failed: route /{rest:path}, handler app"
    ]
    assert error in caplog.text


async def test_an_app_may_survive_its_misuse() -> None:
    """What `start_response` has refused hasn't been said, and may be said otherwise."""

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        with pytest.raises(RuntimeError):
            start_response("200 OK", typed(("Connection", "close")))
        start_response("201 Created", typed())
        return [b"hello"]

    assert (await get(mounted(app, strict=False))).status_code == 201


@pytest.mark.parametrize("parts", [[], [b"hello"], iter([b"hello"])], ids=repr)
async def test_no_start_response(parts: Any, caplog: pytest.LogCaptureFixture) -> None:
    """An app that hasn't called it has no answer."""
    response = await get(mounted(lambda environ, start_response: parts, strict=False))
    assert response.status_code == 500
    assert "the app has called no start_response before its answer began" in caplog.text


async def test_start_response_at_the_first_part() -> None:
    """An iterable may call it as late as that, and change its mind until then."""

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", typed())
        yield b""
        try:
            raise LookupError
        except LookupError as error:
            start_response("404 Gone", typed(), (LookupError, error, error.__traceback__))
        yield b"a"

    response = await get(mounted(app, strict=False))
    assert (response.status_code, response.text) == (404, "a")


async def test_start_response_twice(caplog: pytest.LogCaptureFixture) -> None:
    """Without an error that is a mistake."""

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", typed())
        start_response("200 OK", typed())
        return []

    assert (await get(mounted(app, strict=False))).status_code == 500
    assert "start_response was called already" in caplog.text


async def test_an_error_replaces_an_answer() -> None:
    """As long as nothing of it has been sent."""

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", typed(("X-Old", "1")))
        try:
            raise LookupError
        except LookupError as error:
            start_response("404 Not Found", typed(), (LookupError, error, error.__traceback__))
        return [b"sorry"]

    response = await get(app)
    assert (response.status_code, response.text) == (404, "sorry")
    assert "x-old" not in response.headers


async def test_an_error_after_the_head(caplog: pytest.LogCaptureFixture) -> None:
    """It is raised again where the app has given it, and the answer breaks off."""
    raised: list[BaseException] = []
    read = Event()

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", typed())
        yield b"a"
        assert read.wait(PATIENCE_SECONDS)
        error = LookupError("mine")
        try:
            start_response("500 No", typed(), (LookupError, error, None))
        except LookupError as again:
            raised.append(again)
            raise

    answer = await broken_off(mounted(app, strict=False), b"a\r\n", read)
    assert (answer.status, answer.body) == (200, b"a")
    assert [str(error) for error in raised] == ["mine"]
    assert "LookupError: mine" in caplog.text


@pytest.mark.parametrize("place", ["call", "iter", "first"])
async def test_an_error_before_the_first_part(place: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is answered as that of any handler."""

    def app(environ: Environ, start_response: StartResponse) -> Any:
        if place == "call":
            raise ValueError(place)
        start_response("200 OK", typed())
        return Parts(b"", ValueError(place))

    response = await get(mounted(app, strict=False))
    assert response.status_code == 500
    assert caplog.text.count("Traceback") == 1


async def test_an_error_in_the_body(caplog: pytest.LogCaptureFixture) -> None:
    """The answer breaks off behind what there was, and the iterable is closed."""
    parts = Parts(b"a", read := Event(), ValueError("c"))
    answer = await broken_off(mounted(answering(parts=parts)), b"a\r\n", read)
    assert (answer.status, answer.body) == (200, b"a")
    assert parts.closed == 1
    assert "ValueError: c" in caplog.text


async def test_an_error_at_the_close(caplog: pytest.LogCaptureFixture) -> None:
    """The answer is whole by then; the log has it."""

    class Failing(Parts):
        def close(self) -> None:
            raise ValueError("close")

    app = mounted(answering(parts=Failing(b"a")), strict=False)
    async with client(app) as http:
        assert (await http.get("/")).text == "a"
    assert [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR] == [
        "GET /: the app failed behind its answer"
    ]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
async def test_what_ends_no_program(
    kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """In another thread than the main one, an exit is an error like any other."""

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        raise kind

    async with client(mounted(app, strict=False)) as http:
        assert (await http.get("/")).status_code == 500
        assert (await http.get("/")).status_code == 500
    assert f"the app raised {kind.__name__} in its thread" in caplog.text


async def test_write() -> None:
    """What it sends comes before the iterable's parts."""

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        write = start_response("200 OK", typed())
        write(b"a")
        write(b"b")
        return [b"c"]

    response = await get(app)
    assert (response.text, "content-length" in response.headers) == ("abc", False)


async def test_write_begins_the_answer() -> None:
    """Even with nothing; from there on its status stands."""

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        write = start_response("200 OK", typed())
        write(b"")
        with pytest.raises(LookupError):
            start_response("500 No", typed(), (LookupError, LookupError(), None))
        return []

    response = await get(mounted(app, strict=False))
    assert (response.status_code, response.content) == (200, b"")


async def test_write_with_a_length() -> None:
    """It refuses what is too much, and the parts behind what was announced are cut."""

    def app(environ: Environ, start_response: StartResponse) -> Any:
        write = start_response("200 OK", typed(("Content-Length", "5")))
        write(b"abc")
        with pytest.raises(RuntimeError):
            write(b"def")
        write(b"de")
        return Parts()

    response = await get(mounted(app, strict=False))
    assert (response.text, response.headers["content-length"]) == ("abcde", "5")


async def test_write_takes_bytes() -> None:
    """And nothing else."""

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        write: Any = start_response("200 OK", typed())
        with pytest.raises(TypeError):
            write("text")
        return [b"hello"]

    assert (await get(mounted(app, strict=False))).text == "hello"


async def test_file_wrapper() -> None:
    """A file goes out in blocks, and is closed."""
    file = io.BytesIO(b"0123456789" * 30_000)

    def app(environ: Environ, start_response: StartResponse) -> Any:
        start_response("200 OK", typed())
        return environ["wsgi.file_wrapper"](file, 4096)

    content = file.getvalue()
    response = await get(app)
    assert response.content == content
    assert file.closed


async def test_a_changed_environ() -> None:
    """It is the app's: a method that it overrides is none that it was asked with."""

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        environ.clear()
        environ["REQUEST_METHOD"] = "GET"
        start_response("200 OK", typed(("Content-Length", "5")))
        return []

    assert (await get(mounted(app, strict=False), "HEAD")).headers["content-length"] == "5"


async def test_errors_are_written_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """As text."""

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        print("oh", file=environ["wsgi.errors"])
        return hello(environ, start_response)

    assert (await get(mounted(app, strict=False))).text == "hello"
    assert capsys.readouterr().err == "oh\n"
