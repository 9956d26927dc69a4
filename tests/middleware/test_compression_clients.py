"""`Compression`: what clients make of it, with decoders that aren't ours."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import trio

from hump_trio import Compression, Hump, JsonResponse, Request, Response, StreamResponse
from hump_trio.middleware.compression import nothing
from hump_trio.testing import client
from tests.support.loopback import served

TEXT = "to and fro, " * 200
GZIP = {"accept-encoding": "gzip"}


async def parts_of(*parts: Any) -> AsyncIterator[Any]:
    """Yield some parts."""
    for part in parts:
        yield part


def an_app() -> Hump:
    """Return an app with an answer of each kind."""
    app = Hump("127.0.0.1", 0)
    app.middleware(Compression())

    @app.get("/whole")
    async def whole() -> str:
        return TEXT

    @app.get("/json")
    async def values() -> JsonResponse:
        return JsonResponse(list(range(500)))

    @app.get("/iterated")
    async def iterated() -> Response:
        return Response(parts_of(TEXT, b"", TEXT.encode()), headers={"content-type": "text/x"})

    @app.get("/produced")
    async def produced(request: Request) -> Response:
        async def produce(send: Any) -> None:
            await send("")
            await send(TEXT)
            await send(TEXT.encode())

        return StreamResponse(produce, headers={"content-type": "text/x"})

    @app.get("/measured")
    async def measured() -> Response:
        headers = {"content-type": "text/x", "content-length": str(len(TEXT) * 2)}
        return Response(parts_of(TEXT, TEXT), headers=headers)

    @app.head("/empty")
    async def empty() -> Response:
        return Response(None, headers={"content-type": "text/x", "content-length": "5000"})

    return app


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/whole", TEXT),
        ("/json", str(list(range(500))).replace(" ", "")),
        ("/iterated", TEXT * 2),
        ("/produced", TEXT * 2),
        ("/measured", TEXT * 2),
    ],
)
async def test_httpx_reads_every_kind(path: str, text: str, coding: str) -> None:
    """With decoders that aren't ours; and the answer to HEAD has the same fields, but a length."""
    async with client(an_app()) as http:
        answer = await http.get(path, headers={"accept-encoding": coding})
        head = await http.head(path, headers={"accept-encoding": coding})
    assert (answer.text, answer.headers["content-encoding"]) == (text, coding)
    assert answer.num_bytes_downloaded < len(text) / 2
    fields = dict(answer.headers.items())
    fields.pop("content-length", None)
    if answer.http_version == "HTTP/1.1":
        fields["transfer-encoding"] = "chunked"
    assert dict(head.headers.items()) | {"date": ""} == fields | {"date": ""}


async def test_head_without_a_body_of_its_own() -> None:
    """The length that is told for GET is not that of what GET would send."""
    async with client(an_app()) as http:
        head = await http.head("/empty", headers=GZIP)
        plain = await http.head("/empty", headers={"accept-encoding": "identity"})
    assert head.headers["content-encoding"] == "gzip"
    assert "content-length" not in head.headers
    assert plain.headers["content-length"] == "5000"
    assert [part async for part in nothing()] == []


@pytest.mark.program("curl")
@pytest.mark.parametrize("path", ["/whole", "/iterated", "/produced"])
async def test_curl_reads_it(path: str) -> None:
    """On a real port, by its own decoder."""
    async with served(an_app()) as url:
        port = httpx2.URL(url).port
        command = ["curl", "-s", "--noproxy", "*", "--max-time", "120", "--compressed"]
        run = await trio.run_process(
            [*command, "-D", "/dev/stderr", f"http://127.0.0.1:{port}{path}"],
            capture_stdout=True,
            capture_stderr=True,
        )
    assert run.stdout.decode() in {TEXT, TEXT * 2}
    assert b"content-encoding: " in run.stderr
