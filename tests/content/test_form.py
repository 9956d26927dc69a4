"""Forms with files through the whole server: limits, errors, and nothing left behind."""

import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import (
    Form,
    HttpException,
    HttpParserError,
    Hump,
    Limits,
    Request,
    Timeouts,
    UploadFile,
)
from hump_trio.content.form import receive_form
from hump_trio.content.room import Room
from hump_trio.routing.route import Route
from hump_trio.testing import client, connect
from tests.support.forms import CLIENTS, TYPE, SentPart, encode_form, files_in, open_files
from tests.support.scenarios import each_arrival
from tests.support.served import served
from tests.support.struck import (
    Countdown,
    Moment,
    Strike,
    break_off,
    cancel,
    check,
    expire,
    leave,
    pass_deadline,
    serve_struck,
    shut_down,
)
from tests.support.wire import Answer, ask, parse_answers, read_to_end, request

CONTENT_TYPE = f"Content-Type: {TYPE}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files, in which nothing is left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert (open_files(tmp_path), files_in(tmp_path)) == (0, [])


async def describe(form: Form) -> dict[str, Any]:
    """Return all that there is of a form."""
    files = [
        (name, file.filename, file.content_type, (await file.read()).decode("latin-1"))
        for name, file in form.files.pairs()
    ]
    return {"fields": form.fields.pairs(), "files": files}


async def show(request: Request) -> dict[str, Any]:
    """Answer with all that there is of a form."""
    async with request.multipart() as form:
        return await describe(form)


def form_app(**limits: int) -> Hump:
    """Return an app that answers with the form it is sent."""
    app = Hump(limits=Limits(**limits))
    app.add_route("/", show, methods=["POST"], stream=True, body_limit=1_000_000)
    return app


async def post(app: Hump, body: bytes, *lines: str) -> Answer:
    """Return the answer to a form."""
    [answer] = await ask(app, request("POST", "/", *(lines or [CONTENT_TYPE]), body=body), "POST")
    return answer


async def test_a_form_of_httpx() -> None:
    """Its fields and files come as they were sent, small or large, by a client that knows how."""
    large = bytes(range(256)) * 1000
    files = [
        ("a", ("é.txt", b"one", "text/plain")),
        ("a", ("2", large, "a/b")),
        ("b", ("3", b"three", "")),
    ]
    async with client(form_app()) as http:
        answer = await http.post("/", data={"c": ["1", "ü"], "d": ""}, files=files)
    assert answer.json() == {
        "fields": [["c", "1"], ["c", "ü"], ["d", ""]],
        "files": [
            ["a", "é.txt", "text/plain", "one"],
            ["a", "2", "a/b", large.decode("latin-1")],
            ["b", "3", "", "three"],
        ],
    }


@pytest.mark.parametrize("name", CLIENTS)
async def test_what_clients_send(name: str) -> None:
    """Texts are fields, the rest are files; where none was chosen there is none."""
    content_type, body, parts = CLIENTS[name]
    answer = await post(form_app(), body, f"Content-Type: {content_type}")
    found = await shown(answer)
    assert found["fields"] == [
        [name, content.decode()] for name, filename, _, content in parts if filename is None
    ]
    assert found["files"] == [
        [name, filename, kind, content.decode("latin-1")]
        for name, filename, kind, content in parts
        if filename
    ]


async def shown(answer: Answer) -> dict[str, Any]:
    """Return what an answer tells of a form."""
    assert answer.status == 200, answer.text
    found = Request("GET", "/", "/", body=answer.body).json()
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("part", "files"),
    [
        (("a", "", "application/octet-stream", b""), []),
        (("a", "", "", b"1"), [["a", "", "", "1"]]),
        (("a", "b", "", b""), [["a", "b", "", ""]]),
        (("a", "c", "multipart/related; boundary=b", b"1"), [["a", "c", None, "1"]]),
    ],
)
async def test_files_with_and_without_a_name(part: SentPart, files: list[list[str]]) -> None:
    """Only what has neither name nor content is none; what is in one is nobody's business."""
    found = (await shown(await post(form_app(), encode_form([part]))))["files"]
    assert found == [[*row[:2], part[2], row[3]] for row in files]


@pytest.mark.parametrize(
    ("content_type", "content", "expected"),
    [
        ("", "ü".encode(), "ü"),
        ("text/plain; charset=iso-8859-1", b"\xfc", "ü"),
        ("application/json", b"{}", "{}"),
        ("", b"\xfc", 400),
        ("text/plain; charset=utf-16", b"a\0", 415),
    ],
)
async def test_texts_are_decoded(content_type: str, content: bytes, expected: str | int) -> None:
    """By the charset of their part, UTF-8 by default; 400 or 415 as for a body."""
    answer = await post(form_app(), encode_form([("a", None, content_type, content)]))
    if isinstance(expected, int):
        assert answer.status == expected
    else:
        assert (await shown(answer))["fields"] == [["a", expected]]


TEXT: SentPart = ("a", None, "", b"1" * 100)
FILE: SentPart = ("a", "b", "", b"1" * 100)


@pytest.mark.parametrize(
    ("limits", "parts", "said"),
    [
        ({"form_parts": 3}, [TEXT, FILE, TEXT], ""),
        ({"form_parts": 2}, [TEXT, FILE, TEXT], "the form has more than 2 parts"),
        ({"form_field_bytes": 100}, [TEXT] * 3, ""),
        ({"form_field_bytes": 99}, [FILE, TEXT], "a text of the form is larger than 99 bytes"),
        ({"body_bytes": 414}, [TEXT] * 3, ""),
        ({"body_bytes": 413}, [TEXT] * 3, "the texts and names are larger than 413 bytes"),
        ({"body_bytes": 156}, [FILE] * 3, ""),
        ({"body_bytes": 155}, [FILE] * 3, "the texts and names are larger than 155 bytes"),
        ({"upload_bytes": 300}, [FILE] * 3, ""),
        ({"upload_bytes": 299}, [TEXT, FILE, FILE, FILE], "the files are larger than 299 bytes"),
        ({}, [("a", "b", "", bytes(1_000_000))], "the body is larger than 1000000 bytes"),
    ],
)
async def test_limits(limits: dict[str, int], parts: list[SentPart], said: str) -> None:
    """Exactly so much is taken; 413 says what was too much."""
    answer = await post(form_app(**limits), encode_form(parts))
    assert (answer.status, answer.text if said else "") == ((413, said) if said else (200, ""))


async def test_a_urlencoded_form_has_as_many_fields() -> None:
    """The same limit, and 400."""
    app = Hump(limits=Limits(form_parts=2))

    @app.post("/")
    async def fields(request: Request) -> list[str]:
        return list(request.form())

    kind = "Content-Type: application/x-www-form-urlencoded"
    for body, status in ((b"a=1&b=2", 200), (b"a=1&b=2&c=3", 400), (b"a=1&b=%41&c=3", 400)):
        assert (await post(app, body, kind)).status == status


async def test_what_is_no_form() -> None:
    """415 for another type, 400 for one that is malformed; with a body of no length likewise."""
    app = form_app()
    assert (await post(app, b"a=1", "Content-Type: text/plain")).status == 415
    assert (await post(app, b"a=1", "Accept: text/plain")).status == 415
    for body in (b"a=1", b"", encode_form([TEXT])[:-8]):
        answer = await post(app, body)
        assert (answer.status, answer.text[:22]) == (400, "the form can't be read")


async def test_a_missing_field_or_file() -> None:
    """400 with its name, if the handler leaves it at that."""
    app = Hump()

    @app.post("/{kind}", stream=True)
    async def read(request: Request, kind: str) -> bytes:
        async with request.multipart() as form:
            return await form.files["b"].read() if kind == "file" else form.fields["b"].encode()

    for kind in ("file", "field"):
        sent = request("POST", f"/{kind}", CONTENT_TYPE, body=encode_form([TEXT, FILE]))
        [answer] = await ask(app, sent, "POST")
        assert (answer.status, answer.text) == (400, "the field 'b' is missing")


async def test_a_buffered_route_has_no_form() -> None:
    """It says what to write instead."""
    buffered = Request("POST", "/", "/", body=encode_form([TEXT]))
    buffered.headers.add("content-type", TYPE)
    with pytest.raises(RuntimeError, match="stream=True"):
        async with buffered.multipart():
            pass


async def test_a_form_that_breaks_off(folder: Path) -> None:
    """It raises what the stream does, and nothing is left of what came."""
    app = Hump()
    raised: list[Exception] = []

    @app.post("/", stream=True, body_limit=None)
    async def read(request: Request) -> None:
        try:
            async with request.multipart():
                pass
        except (HttpParserError, HttpException) as error:
            raised.append(error)
            raise

    body = encode_form([("a", "b", "", bytes(200_000))])
    for data in (
        request("POST", "/", CONTENT_TYPE, body=body)[:-20],
        request("POST", "/", CONTENT_TYPE, "Transfer-Encoding: chunked") + b"3\r\n--b\r\nzz",
    ):
        async with connect(app) as raw:
            for at in range(0, len(data), 50_000):
                await raw.send(data[at : at + 50_000])
            await raw.half_close()
            [answer] = parse_answers(await read_to_end(raw), "POST")
        assert (answer.status, answer.closes) == (400, True)
    assert [type(error) for error in raised] == [HttpParserError, HttpParserError]
    assert open_files(folder) == 0


async def test_the_connection_goes_on_behind_a_form() -> None:
    """Its epilogue is read away too."""
    form = encode_form([TEXT]) + b"an epilogue"
    again = request("POST", "/", CONTENT_TYPE, body=form)
    answers = await ask(form_app(), again * 2, "POST", "POST")
    assert [answer.status for answer in answers] == [200, 200]


async def trickled(head: bytes, byte_count: int, end: bytes) -> AsyncIterator[bytes]:
    """Yield a body with so many bytes in its midst."""
    yield head
    for _ in range(byte_count // 50_000):
        yield bytes(50_000)
    yield end


async def test_a_large_file_takes_no_memory() -> None:
    """Neither when it comes nor when it is read in parts: as much as the spool, whatever it has."""
    head, _, end = encode_form([("a", "b", "", b"x")]).partition(b"x")
    limits = Limits(upload_bytes=20_000_000)
    peaks = []
    for byte_count in (1_000_000, 20_000_000):
        tracemalloc.start()
        body = trickled(head, byte_count, end)
        async with receive_form(TYPE, body, limits, Room()) as form:
            file = form.files["a"]
            assert file.size_bytes == sum([len(part) async for part in file]) == byte_count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 1_000_000


async def run_in_turns(
    function: Callable[..., Any], *args: Any, abandon_on_cancel: bool, limiter: Any = None
) -> Any:
    """Stand in for a thread, which comes to its end also if it is abandoned.

    The clock of a test doesn't wait for real ones.
    """
    assert abandon_on_cancel
    await trio.lowlevel.checkpoint_if_cancelled()
    try:
        for _ in range(2):
            await trio.lowlevel.checkpoint()
    except trio.Cancelled:
        function(*args)
        raise
    return function(*args)


async def take(a: list[UploadFile]) -> list[int]:
    """Answer with what there is of files that are taken by their annotation."""
    return [len(await file.read()) for file in a]


@each_arrival
@pytest.mark.parametrize("handler", [show, take])
@pytest.mark.parametrize("moment", ["before", "after", "step"])
@pytest.mark.parametrize("strike", [cancel, expire, break_off, pass_deadline, leave, shut_down])
async def test_cut_anywhere_nothing_is_left(
    handler: Callable[..., Any],
    strike: Strike,
    moment: Moment,
    receive_bytes: int | None,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
) -> None:
    """A form is cut at its n-th call or wait, for every n: no file stays open, none has a name."""
    monkeypatch.setattr("hump_trio.content.upload.SPOOL_BYTES", 100)
    monkeypatch.setattr(trio.to_thread, "run_sync", run_in_turns)
    body = encode_form([TEXT, FILE, FILE, ("a", "c", "", bytes(300))])
    parts = [request("POST", "/", CONTENT_TYPE, body=body)]
    for nth in count(1):
        route = Route(template="/", methods=("POST",), handler=handler, stream=True)
        state = served(route, timeouts=Timeouts(keep_alive=1), server="test")
        countdown = Countdown(nth)
        tapped = await serve_struck(state, parts, moment, countdown, strike, receive_bytes)
        check(tapped, ("POST",))
        assert open_files(folder) == 0
        assert sum(state.outcomes.values()) <= 1
        if countdown.left > 0:
            assert b"HTTP/1.1 200" in tapped.sent
            assert nth > 1
            break
