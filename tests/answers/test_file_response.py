"""`FileResponse`: what is sent of a file, to whom, and what is said of it."""

import logging
import os
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx2
import pytest
from trio.testing import MockClock

from hump_trio import CallNext, FileResponse, Hump, Request, Response
from hump_trio.answers import file_response
from hump_trio.answers.file_response import PART_BYTES
from hump_trio.testing import client
from tests.support.descriptors import open_below
from tests.support.wire import ask, request

MODIFIED = 1_000_000_000
DATE = formatdate(MODIFIED, usegmt=True)
SIZES = [0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 7]


def content_of(size_bytes: int) -> bytes:
    """Return bytes that look different everywhere."""
    return b"".join(b"%08x" % number for number in range(size_bytes // 8 + 1))[:size_bytes]


@pytest.fixture(autouse=True)
def all_closed(tmp_path: Path) -> Iterator[None]:
    """Check that no test leaves a file open."""
    yield
    assert open_below(tmp_path) == []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of ten bytes that was changed long ago."""
    return write(tmp_path / "ten.txt", b"0123456789")


def write(path: Path, content: bytes) -> Path:
    """Write a file that was changed long ago."""
    path.write_bytes(content)
    os.utime(path, (MODIFIED, MODIFIED))
    return path


def app_of(path: Path | str, *args: Any, **options: Any) -> Hump:
    """Return an app that answers with a file, to any method."""
    app = Hump()

    @app.route("/", methods=["GET", "POST"])
    async def index() -> Response:
        return FileResponse(path, *args, **options)

    return app


async def get(app: Hump, method: str = "GET", **headers: str) -> httpx2.Response:
    """Return the answer to a request with some headers."""
    async with client(app) as http:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return await http.request(method, "/", headers=fields)


@pytest.mark.parametrize("size_bytes", SIZES)
async def test_a_file_is_sent_whole(size_bytes: int, tmp_path: Path) -> None:
    """Of whatever size, with its length, and nothing but that for HEAD."""
    content = content_of(size_bytes)
    app = app_of(write(tmp_path / "page.html", content))
    answer, head = await get(app), await get(app, "HEAD")
    assert (answer.status_code, answer.content) == (200, content)
    assert (head.status_code, head.content) == (200, b"")
    for each in (answer, head):
        del each.headers["date"], each.headers["server"]
        assert dict(each.headers) == {
            "content-type": "text/html; charset=utf-8",
            "etag": f'"{MODIFIED * 10**9:x}-{size_bytes:x}"',
            "last-modified": DATE,
            "accept-ranges": "bytes",
            "content-length": str(size_bytes),
        }


@pytest.mark.parametrize("size_bytes", SIZES[1:])
async def test_a_part_of_a_file(size_bytes: int, tmp_path: Path) -> None:
    """Exactly the bytes asked for, where they are in the file."""
    content = content_of(size_bytes)
    app = app_of(write(tmp_path / "data", content))
    for first, last in [(0, 0), (size_bytes // 2, size_bytes - 1), (0, size_bytes - 1)]:
        answer = await get(app, range=f"bytes={first}-{last}")
        assert (answer.status_code, answer.content) == (206, content[first : last + 1])
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{size_bytes}"
        assert answer.headers["content-length"] == str(last + 1 - first)


def parts_of(answer: httpx2.Response) -> list[Message]:
    """Return the parts of an answer as the standard library's mail parser reads them."""
    head = f"content-type: {answer.headers['content-type']}\r\n\r\n".encode()
    message = message_from_bytes(head + answer.content)
    payload = message.get_payload()
    assert isinstance(payload, list)
    assert message.defects == []
    return [part for part in payload if isinstance(part, Message)]


@pytest.mark.parametrize("size_bytes", [100, 2 * PART_BYTES])
async def test_several_parts_of_a_file(size_bytes: int, tmp_path: Path) -> None:
    """Each with its type and place, short or long; together they have the length that is said."""
    content = content_of(size_bytes)
    app = app_of(write(tmp_path / "page.html", content))
    answer = await get(app, range="bytes=-10,0-1,50-80")
    assert answer.status_code == 206
    assert "content-range" not in answer.headers
    assert answer.headers["content-length"] == str(len(answer.content))
    size = size_bytes
    for part, (start, stop) in zip(
        parts_of(answer), [(size - 10, size), (0, 2), (50, 81)], strict=True
    ):
        assert part["content-type"] == "text/html; charset=utf-8"
        assert part["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert part.get_payload(decode=True) == content[start:stop]
    long = await get(app, range=f"bytes=0-1,3-{size}")
    assert len(parts_of(long)[1].get_payload()) == size - 3


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ({"range": "bytes=5-"}, 206, "56789"),
        ({"range": "bytes=10-"}, 416, "nothing is there"),
        ({"range": "lines=1-2"}, 200, "0123456789"),
        ({"range": "bytes=5-", "if_range": DATE}, 206, "56789"),
        ({"range": "bytes=5-", "if_range": '"other"'}, 200, "0123456789"),
        ({"range": "bytes=10-", "if_range": '"other"'}, 200, "0123456789"),
        ({"range": "bytes=5-", "if_none_match": "*"}, 304, ""),
        ({"if_modified_since": DATE}, 304, ""),
        ({"if_match": '"other"'}, 412, "this is not what you have"),
        ({"range": "bytes=99-", "if_match": '"other"'}, 412, "this is not what you have"),
        ({"if_unmodified_since": formatdate(1, usegmt=True)}, 412, "this is not what you have"),
    ],
)
async def test_conditions(headers: dict[str, str], status: int, text: str, path: Path) -> None:
    """Each has the answer of RFC 9110, and the connection goes on."""
    answer = await get(app_of(path), **headers)
    assert (answer.status_code, answer.text) == (status, text)
    if status == 416:
        assert answer.headers["content-range"] == "bytes */10"


def rewrite(path: Path) -> None:
    """Give a file another content, just now."""
    path.write_bytes(b"something else")


async def test_a_client_that_comes_again(path: Path) -> None:
    """What was said the first time is good for every condition."""
    app = app_of(path, headers={"cache-control": "max-age=9"}, filename="é")
    first = await get(app)
    etag = first.headers["etag"]
    again = await get(app, if_none_match=etag)
    assert again.status_code == 304
    kept = ["cache-control", "date", "etag", "last-modified"]
    assert sorted(set(again.headers) - {"accept-ranges", "server"}) == kept
    part = await get(app, if_range=etag, range="bytes=-1", if_match=etag)
    assert (part.status_code, part.text) == (206, "9")
    rewrite(path)
    assert (await get(app, if_none_match=etag)).text == "something else"
    assert (await get(app, if_range=etag, range="bytes=-1")).text == "something else"
    assert (await get(app, if_match=etag)).status_code == 412


@pytest.mark.parametrize("head", ["HEAD", "GET"])
async def test_head_has_no_ranges(head: str, path: Path) -> None:
    """RFC 9110 section 14.2 has them for GET alone; conditions hold for both."""
    answer = await get(app_of(path), head, range="bytes=1-")
    assert answer.headers["content-length"] == ("10" if head == "HEAD" else "9")
    assert (await get(app_of(path), head, if_none_match="*")).status_code == 304


@pytest.mark.parametrize(("method", "status"), [("POST", 200), ("GET", 404), ("GET", 503)])
async def test_without_conditions(method: str, status: int, path: Path) -> None:
    """Of another method and of another status than 200 a file is the whole answer."""
    answer = await get(app_of(path, status), method, range="bytes=1-", if_none_match="*")
    assert (answer.status_code, answer.text) == (status, "0123456789")


async def test_headers_of_ones_own_count(path: Path) -> None:
    """An entity tag, a date and a type that the handler gives are sent and compared."""
    headers = {"etag": '"mine"', "last-modified": formatdate(5, usegmt=True)}
    headers |= {"content-type": "a/b", "accept-ranges": "none"}
    app = app_of(path, headers=headers)
    answer = await get(app)
    assert headers.items() <= dict(answer.headers).items()
    assert (await get(app, if_none_match='"mine"')).status_code == 304
    assert (await get(app, if_modified_since=headers["last-modified"])).status_code == 304


@pytest.mark.parametrize("seconds", [0, 3600])
async def test_what_was_changed_just_now(seconds: int, path: Path) -> None:
    """Its tag is weak and it can't be resumed, for it may change without it being seen."""
    os.utime(path, (MODIFIED, os.stat(path).st_ctime + seconds))
    answer = await get(app_of(path))
    etag, date = answer.headers["etag"], answer.headers["last-modified"]
    assert etag.startswith('W/"')
    assert date <= answer.headers["date"]
    assert (await get(app_of(path), if_none_match=etag)).status_code == 304
    for validator in (etag, date):
        part = await get(app_of(path), if_range=validator, range="bytes=1-")
        assert part.status_code == 200


@pytest.mark.parametrize("seconds", [0, 1, 315_532_800, 499_162_500])
async def test_a_time_that_was_made_up(seconds: int, path: Path) -> None:
    """Other content of the same size may have it too: it makes no date, and no strong tag.

    The time at which the file came to be here tells one from the other, and can't be chosen.
    """
    os.utime(path, (seconds, seconds))
    answer = await get(app_of(path), if_modified_since=formatdate(seconds, usegmt=True))
    etag = answer.headers["etag"]
    assert (answer.status_code, answer.text) == (200, "0123456789")
    assert etag.startswith('W/"')
    assert "last-modified" not in answer.headers
    assert (await get(app_of(path), if_none_match=etag)).status_code == 304
    assert (await get(app_of(path), if_range=etag, range="bytes=1-")).status_code == 200
    other = path.with_suffix(".new")
    other.write_bytes(b"9876543210")
    os.utime(other, (seconds, seconds))
    other.replace(path)
    assert (await get(app_of(path), if_none_match=etag)).text == "9876543210"


async def test_times_that_were_all_made_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On some file systems that are packed as a whole; then nothing is said of it."""
    # One that is later than all of them, in place of a file system that has no other times.
    monkeypatch.setattr(file_response, "OLDEST_TIME", 2**60)
    headers = {"if-modified-since": "", "if-range": "", "range": "bytes=1-"}
    for fields in ({}, headers, {"if_none_match": '""'}, {"if_modified_since": DATE}):
        answer = await get(app_of(path), **fields)
        assert (answer.status_code, answer.text) == (200, "0123456789")
        assert not {"etag", "last-modified"} & answer.headers.keys()
    assert (await get(app_of(path), range="bytes=1-")).status_code == 206
    assert (await get(app_of(path), if_match='"x"')).status_code == 412
    assert (await get(app_of(path), if_none_match="*")).status_code == 304
    app = app_of(path, headers={"last-modified": DATE})
    assert (await get(app, if_modified_since=DATE)).status_code == 304
    assert (await get(app, if_range=DATE, range="bytes=1-")).status_code == 200
    app = app_of(path, headers={"etag": '"mine"'})
    assert (await get(app, if_range='"mine"', range="bytes=1-")).status_code == 206


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo", "device", "nul", "lone", "long"])
async def test_what_is_no_file_is_not_found(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """404 and a line in the log, and nobody waits for the other end of a FIFO."""
    path = str(tmp_path / "it")
    if kind == "folder":
        path = str(tmp_path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = "/dev/zero"
    elif kind != "missing":
        path += {"nul": "\0", "lone": "\ud800", "long": "a" * 5000}[kind]
    answer = await get(app_of(path))
    assert (answer.status_code, answer.text) == (404, "this file is not here")
    [line] = [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]
    assert line == f"GET /: there is no file {path!r} that can be read"


async def test_a_file_within_a_folder_that_is_not_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A client has named it: nothing is wrong with the program, and nothing is logged."""
    for name in ("nothere", "../nothere", "", "/etc/passwd"):
        assert (await get(app_of(name, folder=tmp_path))).status_code == 404
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


async def test_a_path_from_where_the_program_runs(caplog: pytest.LogCaptureFixture) -> None:
    """The log tells the whole of it, since that is what is wrong most often."""
    assert (await get(app_of("nothere"))).status_code == 404
    assert f"there is no file {str(Path.cwd() / 'nothere')!r}" in caplog.text


def test_bytes_are_no_path() -> None:
    """They would be taken for the name of a file."""
    with pytest.raises(TypeError, match=r"a path; bytes are sent by Response\(data\)"):
        FileResponse(b"bytes")  # type: ignore[arg-type]


async def test_an_answer_may_be_used_again(path: Path) -> None:
    """One response for all requests opens the file anew for each."""
    response = FileResponse(path)
    app = Hump()

    @app.get("/")
    async def index() -> Response:
        return response

    assert (await get(app, range="bytes=0-1")).text == "01"
    assert (await get(app)).text == "0123456789"
    rewrite(path)
    assert (await get(app)).text == "something else"


@pytest.mark.parametrize("size_bytes", [10, 2 * PART_BYTES])
async def test_a_middleware_may_throw_it_away(size_bytes: int, tmp_path: Path) -> None:
    """It has seen the answer itself; the file is closed (see `all_closed`)."""
    app = app_of(write(tmp_path / "data", content_of(size_bytes)))
    seen = []

    @app.middleware
    async def replace(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        seen.append((response.status, response.headers["content-range"]))
        return Response("instead")

    assert (await get(app, range="bytes=1-")).text == "instead"
    assert seen == [(206, f"bytes 1-{size_bytes - 1}/{size_bytes}")]
    assert open_below(tmp_path) == []


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_two_requests_at_once(version: str, path: Path, autojump_clock: MockClock) -> None:
    """One after the other on a connection, as h11 reads them, for either version."""
    app = app_of(path)
    lines = ("Connection: keep-alive", "Range: bytes=1-2")
    data = request("GET", "/", *lines, version=version) + request("HEAD", version=version)
    answers = await ask(app, data, "GET", "HEAD")
    assert [(answer.status, answer.text) for answer in answers] == [(206, "12"), (200, "")]
