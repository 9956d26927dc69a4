"""What forms with files may hold: counted as they hold it, and refused without a traceback."""

import errno
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from hump_trio import BindingError, Form, Hump, Limits, Request, Timeouts, UploadFile
from hump_trio.content import upload
from hump_trio.content.form import receive_form
from hump_trio.content.room import Room
from hump_trio.testing import connect
from tests.support.forms import TYPE, SentPart, encode_form, open_files
from tests.support.loopback import PATIENCE_SECONDS
from tests.support.wire import Answer, ask, parse_answers, read_to_end, read_until, request

CONTENT_TYPE = f"Content-Type: {TYPE}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files, in which nothing is left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert open_files(tmp_path) == 0


def waiting_app(**limits: int) -> Hump:
    """Return an app that holds a form until it is told to let go of it at ``/go``.

    A client that ends its half isn't taken for gone while a busy machine reads its form.
    """
    app = Hump(limits=Limits(**limits), timeouts=Timeouts(half_closed=PATIENCE_SECONDS))
    told = trio.Event()

    @app.post("/", stream=True, body_limit=None)
    async def hold(request: Request) -> str:
        async with request.multipart():
            await told.wait()
        return f"{app.statistics().buffered_bytes} held"

    @app.post("/form", body_limit=None)
    async def take(file: UploadFile) -> str:
        return f"{app.statistics().buffered_bytes} held"

    @app.get("/held")
    async def held() -> str:
        return str(app.statistics().buffered_bytes)

    @app.get("/go")
    async def go() -> None:
        told.set()

    return app


def form_of(*parts: SentPart, path: str = "/") -> bytes:
    """Return a request with a form."""
    return request("POST", path, CONTENT_TYPE, body=encode_form([*parts]))


async def held_bytes(app: Hump) -> int:
    """Return what all forms hold."""
    async with connect(app) as raw:
        await raw.send(request("GET", "/held", "Connection: close"))
        [answer] = parse_answers(await read_to_end(raw))
    return int(answer.text)


LONG = "n" * 3800
SHORT_FORMS: dict[str, list[SentPart]] = {
    "names": [(f"{LONG}{number}", None, "", b"") for number in range(200)],
    "filenames": [("a", f"{LONG}{number}", "", b"1") for number in range(200)],
    "types": [("a", "b", f"a/{LONG}{number}", b"1") for number in range(200)],
    "wide names": [(f"\U0001f600{'n' * 1000}{number}", None, "", b"") for number in range(200)],
    "wide texts": [("a", None, "", "\U0001f600".encode() + b"1" * 1000)] * 200,
    "small texts": [(str(number), None, "", b"x%d" % number) for number in range(990)],
    "small files": [(str(number), f"f{number}", "", b"x") for number in range(990)],
    "one file": [("a", "b", "", bytes(60_000))],
    "a file on the disk": [("a", "b", "", bytes(600_000))],
}


@pytest.mark.parametrize("name", SHORT_FORMS)
async def test_a_form_is_counted_as_what_it_holds(name: str) -> None:
    """No less than Python takes for it, and hardly more: names, texts and files, and their pairs.

    What is on the disk isn't in memory; when the form is left nothing is counted.
    """
    held = 0

    def hold(byte_count: int) -> None:
        nonlocal held
        held += byte_count

    async def body() -> AsyncIterator[bytes]:
        data = encode_form(SHORT_FORMS[name])
        for at in range(0, len(data), 50_000):
            yield data[at : at + 50_000]

    stream = body()
    async with receive_form(TYPE, body(), Limits(), Room()):
        pass  # what is made once and kept
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    async with receive_form(TYPE, stream, Limits(), Room(hold)) as form:
        taken = tracemalloc.get_traced_memory()[0] - before
        assert isinstance(form, Form)
        assert taken - 20_000 < held < 3 * taken
    tracemalloc.stop()
    assert held == 0


@pytest.mark.parametrize("name", ["names", "filenames", "types"])
async def test_names_count_as_texts(name: str) -> None:
    """413 for more than a body's limit of them, whatever they name."""
    [answer] = await ask(waiting_app(body_bytes=700_000), form_of(*SHORT_FORMS[name]), "POST")
    assert answer.status == 413
    assert answer.text == "the texts and names are larger than 700000 bytes"


@pytest.mark.parametrize("name", ["names", "one file"])
async def test_all_forms_together_have_room(name: str) -> None:
    """503 for the one that is too much, for all others what they have asked for."""
    app = waiting_app(buffered_bytes=1_000_000 if name == "names" else 100_000)
    async with connect(app) as first, connect(app) as last:
        await first.send(form_of(*SHORT_FORMS[name]))
        held = 0
        while not held or held != await held_bytes(app):  # until it is there
            held = await held_bytes(app)
        [refused] = await ask(app, form_of(*SHORT_FORMS[name]), "POST")
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert refused.text == "too much is being received"
        assert await held_bytes(app) == held
        await last.send(request("GET", "/go", "Connection: close"))
        await read_to_end(last)
        assert (await read_until(first, b"held")).endswith(b"\r\n\r\n0 held")


async def test_files_by_annotation_are_counted() -> None:
    """As those of a form that is asked for."""
    [answer] = await ask(
        waiting_app(), form_of(("file", "b", "", bytes(60_000)), path="/form"), "POST"
    )
    assert 60_000 < int(answer.text.split()[0]) < 62_000
    app = waiting_app(buffered_bytes=50_000)
    [answer] = await ask(app, form_of(("file", "b", "", bytes(60_000)), path="/form"), "POST")
    assert (answer.status, await held_bytes(app)) == (503, 0)


async def refused_by_the_disk(app: Hump) -> Answer:
    """Return the answer to a form that the disk doesn't take."""
    [answer] = await ask(app, form_of(("a", "b", "", bytes(150_000))), "POST")
    assert answer.headers["retry-after"] == "1"
    return answer


async def test_all_uploads_together_have_room_on_the_disk(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """503 past `Limits.spooled_bytes`, and nothing is logged."""
    answer = await refused_by_the_disk(waiting_app(spooled_bytes=100_000))
    assert (answer.status, answer.text) == (503, "too much is being uploaded")
    assert not caplog.records


@pytest.mark.parametrize(
    ("number", "status", "text"),
    [
        (errno.ENOSPC, 507, "there is no room for uploads"),
        (errno.EMFILE, 503, "too many files are open"),
    ],
)
async def test_a_disk_without_room(
    number: int,
    status: int,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is said to each client, and logged once for all."""

    def fail(*args: Any) -> None:
        raise OSError(number, "full")

    monkeypatch.setattr(upload, "write_all", fail)
    app = waiting_app()
    async with connect(app):  # one server for all of them
        for _ in range(3):
            answer = await refused_by_the_disk(app)
            assert (answer.status, answer.text) == (status, text)
    assert caplog.messages == [f"uploads can't be kept: [Errno {number}] full"]


async def test_a_file_that_is_kept_too_long() -> None:
    """Its error says until when it was there, and what to do."""
    app = Hump()
    kept: list[UploadFile] = []

    @app.post("/")
    async def keep(a: UploadFile) -> None:
        kept.append(a)

    await ask(app, form_of(("a", "b", "", b"1")), "POST")
    with pytest.raises(trio.ClosedResourceError, match=r"until its handler returns.*: read it"):
        await kept[0].read()


async def test_a_form_that_outlives_its_request_is_counted_once() -> None:
    """What a request has held is given back at its end, and not again when the form is left."""
    app = Hump()
    opened, answered, left = trio.Event(), trio.Event(), trio.Event()

    async def outlive(request: Request) -> None:
        async with request.multipart():
            opened.set()
            await answered.wait()
        left.set()

    @app.post("/", stream=True)
    async def start(request: Request) -> None:
        app.start_soon(outlive, request)
        await opened.wait()

    async with connect(app) as raw:
        await raw.send(form_of(("a", None, "", b"1" * 1000)))
        await read_until(raw, b"\r\n\r\n")
        assert app.statistics().buffered_bytes == 0
        answered.set()
        await left.wait()
        assert app.statistics().buffered_bytes == 0


async def test_the_texts_of_a_typed_form_are_counted_until_the_request_is_over() -> None:
    """An exception handler has them yet, and the files no more; then nothing is counted."""
    app = waiting_app()

    @app.exception_handler(BindingError)
    async def answer(request: Request, error: BindingError) -> str:
        return f"{len(request.form()['text'])} {app.statistics().buffered_bytes}"

    text: SentPart = ("text", None, "", b"t" * 50_000)
    sent = form_of(text, ("other", "f", "", bytes(60_000)), path="/form")
    [told] = await ask(app, sent, "POST")
    length, held = map(int, told.text.split())
    assert length == 50_000
    assert 50_000 <= held < 60_000
    assert await held_bytes(app) == 0
