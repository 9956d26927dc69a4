"""Entity tags of answers: who has one gets no second copy, and nobody's change is overwritten.

httpx and curl are the clients, over each protocol.
"""

import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import (
    Compression,
    EventStream,
    FileResponse,
    HtmlResponse,
    HttpException,
    Hump,
    JsonResponse,
    Request,
    Response,
    Send,
    StreamResponse,
)
from hump_trio.testing import client
from tests.support.loopback import served
from tests.support.wire import ask, request

LONG = "a long text " * 200


@dataclass
class Tea:
    """What can be changed."""

    name: str
    version: int = 1


def tea_app(*middleware: Any) -> Hump:
    """Return an app with a tea that is changed by PUT, and pages of several kinds."""
    app = Hump("127.0.0.1", 0)
    for each in middleware:
        app.middleware(each)
    teas = {"green": Tea("sencha")}

    @app.get("/teas/{name}")
    async def find(name: str) -> Response:
        if name not in teas:
            raise HttpException(404)
        fields = {"cache-control": "no-transform, max-age=5", "vary": "cookie"}
        return JsonResponse(teas[name], headers=fields).with_etag(teas[name].version)

    @app.put("/teas/{name}")
    async def change(request: Request, name: str, tea: Tea) -> Response:
        old = teas.get(name)
        request.check_etag(None if old is None else old.version, required=True)
        teas[name] = Tea(tea.name, 1 if old is None else old.version + 1)
        return JsonResponse(teas[name], 200 if old else 201).with_etag(teas[name].version)

    @app.delete("/teas/{name}")
    async def drop(request: Request, name: str) -> None:
        request.check_etag(teas[name].version)
        del teas[name]

    @app.get("/page")
    async def page() -> Response:
        return HtmlResponse(LONG).with_etag()

    @app.get("/spared")
    async def spared(request: Request) -> str:
        request.check_etag("v1")
        return "made"

    @app.get("/dated")
    async def dated() -> Response:
        fields = {"last-modified": "Sun, 06 Nov 1994 08:49:37 GMT"}
        return Response("text", headers=fields).with_etag("x", weak=True)

    return app


async def test_a_copy_that_is_still_right(autojump_clock: MockClock) -> None:
    """It isn't sent again; the 304 has the fields that the 200 has, but for those of a content."""
    async with client(tea_app()) as http:
        first = await http.get("/teas/green")
        tag = first.headers["etag"]
        second = await http.get("/teas/green", headers={"if-none-match": f'"0", {tag}'})
        third = await http.get("/teas/green", headers={"if-none-match": '"0"'})
        head = await http.head("/teas/green", headers={"if-none-match": tag})
        failed = await http.get("/teas/green", headers={"if-match": '"0"'})
    assert (first.status_code, first.json(), tag) == (200, {"name": "sencha", "version": 1}, '"1"')
    assert (second.status_code, second.content, second.headers["etag"]) == (304, b"", tag)
    assert second.headers["cache-control"] == "no-transform, max-age=5"
    assert second.headers["vary"] == "cookie"
    assert "content-type" not in second.headers
    assert (third.status_code, third.content) == (200, first.content)
    assert (head.status_code, head.headers["etag"]) == (304, tag)
    assert failed.status_code == 412


async def test_nobody_is_overwritten(autojump_clock: MockClock) -> None:
    """Of two who change the same version the second one is told so, and nothing is changed."""
    async with client(tea_app()) as http:
        tag = (await http.get("/teas/green")).headers["etag"]
        mine, yours = {"name": "mine"}, {"name": "yours"}
        changed = await http.put("/teas/green", json=mine, headers={"if-match": tag})
        late = await http.put("/teas/green", json=yours, headers={"if-match": tag})
        unsaid = await http.put("/teas/green", json=yours)
        twice = await http.put("/teas/green", json=yours, headers={"if-none-match": "*"})
        made = await http.put("/teas/black", json=yours, headers={"if-none-match": "*"})
        dropped = await http.delete("/teas/green", headers={"if-match": tag})
        now = await http.get("/teas/green")
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    statuses = [each.status_code for each in (late, unsaid, twice, made, dropped)]
    assert statuses == [412, 428, 412, 201, 412]
    assert now.json()["name"] == "mine"


async def test_an_answer_that_is_spared(autojump_clock: MockClock) -> None:
    """A handler may compare before it makes its answer: no content is told of, nor a type."""
    async with client(tea_app()) as http:
        made = await http.get("/spared")
        spared = await http.get(
            "/spared", headers={"if-none-match": '"v1"', "accept": "application/problem+json"}
        )
    assert (made.status_code, made.text) == (200, "made")
    assert (spared.status_code, spared.content, spared.headers["etag"]) == (304, b"", '"v1"')
    assert "content-type" not in spared.headers


async def test_a_date_beside_a_tag(autojump_clock: MockClock) -> None:
    """It counts where the client sends no tag (RFC 9110 section 13.2.2)."""
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    async with client(tea_app()) as http:
        asked = [
            {"if-modified-since": date},
            {"if-modified-since": date, "if-none-match": '"other"'},
            {"if-none-match": '"x"'},
            {"if-unmodified-since": "Sun, 06 Nov 1994 08:49:36 GMT"},
        ]
        statuses = [(await http.get("/dated", headers=each)).status_code for each in asked]
    assert statuses == [304, 200, 304, 412]


async def test_compressed_answers(autojump_clock: MockClock) -> None:
    """Their tags are weak, and confirm a copy still; one that is to be changed isn't compressed."""
    async with client(tea_app(Compression(minimum_bytes=0))) as http:
        first = await http.get("/page", headers={"accept-encoding": "gzip"})
        tag = first.headers["etag"]
        second = await http.get("/page", headers={"accept-encoding": "gzip", "if-none-match": tag})
        plain = await http.get("/page", headers={"accept-encoding": "identity"})
        again = await http.get(
            "/page", headers={"accept-encoding": "identity", "if-none-match": tag}
        )
        tea = await http.get("/teas/green", headers={"accept-encoding": "gzip"})
        changed = await http.put(
            "/teas/green", json={"name": "mine"}, headers={"if-match": tea.headers["etag"]}
        )
    assert (first.headers["content-encoding"], first.text) == ("gzip", LONG)
    assert tag == f"W/{plain.headers['etag']}"
    assert (second.status_code, second.headers["etag"]) == (304, tag)
    assert "Accept-Encoding" in second.headers["vary"]
    assert (again.status_code, again.headers["etag"]) == (304, plain.headers["etag"])
    assert (tea.headers["etag"], changed.status_code) == ('"1"', 200)


async def test_only_what_is_asked_for_is_compared(autojump_clock: MockClock) -> None:
    """An answer to a change, or of another status, goes out whole; and is made anew each time."""
    app = Hump()
    shared = Response("text", 203).with_etag("a")

    @app.route("/", methods=["GET", "POST"])
    async def index() -> Response:
        return shared

    @app.post("/made")
    async def made() -> Response:
        return Response("text").with_etag("a")

    async with client(app) as http:
        same = {"if-none-match": '"a"', "if-match": '"b"'}
        for method, path, status in [("GET", "/", 203), ("POST", "/", 203), ("POST", "/made", 200)]:
            answer = await http.request(method, path, headers=same)
            assert (answer.status_code, answer.text, answer.headers["etag"]) == (
                status, "text", '"a"',
            )  # fmt: skip


class Parts:
    """A streamed body that has to be closed."""

    def __init__(self) -> None:
        self.closed = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._parts()

    async def _parts(self) -> AsyncIterator[bytes]:
        yield b"parts"

    async def aclose(self) -> None:
        """Close it, which takes a moment."""
        await trio.lowlevel.checkpoint()
        self.closed += 1


@pytest.mark.parametrize(
    ("fields", "status"), [((), 200), (["If-None-Match: *"], 304), (['If-Match: "b"'], 412)]
)
async def test_a_streamed_answer_is_closed(
    fields: list[str], status: int, autojump_clock: MockClock
) -> None:
    """Once, whether it is sent or not; its trailers go with it."""
    app, parts = Hump(), Parts()

    @app.get("/")
    async def index() -> Response:
        return Response(parts, trailers={"x-sum": "7"}).with_etag("a")

    @app.get("/produced")
    async def produced() -> Response:
        async def produce(send: Send) -> None:
            await send("parts")

        return StreamResponse(produce).with_etag("a")

    [answer] = await ask(app, request("GET", "/", "TE: trailers", *fields), "GET")
    assert (answer.status, parts.closed) == (status, 1)
    if status == 200:
        assert (answer.text, answer.trailers) == ("parts", [("x-sum", "7")])
    [answer] = await ask(app, request("GET", "/produced", *fields), "GET")
    assert (answer.status, answer.text == "parts") == (status, status == 200)


def test_what_has_no_digest() -> None:
    """A stream's is known when it has ended; files and events have tags, or none, by themselves."""

    async def events() -> AsyncIterator[str]:
        yield "event"

    for body in (Parts(), events()):
        with pytest.raises(TypeError, match="no digest yet"):
            Response(body).with_etag()
    for response in (FileResponse("/x"), EventStream(events()), Response("x").with_etag("a")):
        with pytest.raises(TypeError, match="is tagged by its headers"):
            response.with_etag("v1")
    with pytest.raises(ValueError, match="without its quotes"):
        Response("x").with_etag('"a"')


def test_the_digest_of_a_body() -> None:
    """It differs where the bytes do, whatever they are given as."""
    bodies: list[Any] = ["", None, b"", "a", b"a", bytearray(b"a"), memoryview(b"a"), "\u00e4"]
    tags = [Response(body).with_etag().headers["etag"] for body in bodies]
    assert len(set(tags[:3])) == len(set(tags[3:7])) == 1
    assert len(set(tags)) == 3
    assert all(len(tag) == 34 for tag in tags)


@pytest.mark.program("curl")
@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
async def test_curl_compares(version: str, tmp_path: Path) -> None:
    """By its own store of tags: the second time it gets nothing, until the tea has changed."""
    store = str(tmp_path / "tag")

    async def curl(*arguments: str) -> str:
        command = ["curl", "--silent", "--show-error", version, *arguments]
        done = await trio.run_process(command, capture_stdout=True, stderr=subprocess.STDOUT)
        return done.stdout.decode()

    async with served(tea_app()) as url:
        tea = f"{url}/teas/green"
        compare = ["--etag-compare", store, "--etag-save", store, "--write-out", "%{http_code}"]
        assert await curl(*compare, tea) == '{"name":"sencha","version":1}200'
        assert await curl(*compare, tea) == "304"
        tag = (await trio.Path(store).read_text()).strip()
        put = ["--json", '{"name": "mine"}', "--request", "PUT", "--write-out", "%{http_code}"]
        assert (await curl(*put, "--header", f"If-Match: {tag}", tea)).endswith("200")
        assert (await curl(*put, "--header", f"If-Match: {tag}", tea)).endswith("412")
        assert (await curl(*put, tea)).endswith("428")
        assert await curl(*compare, tea) == '{"name":"mine","version":2}200'
