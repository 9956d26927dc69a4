"""Strangers on a real port: what clients that know nothing of us make of our answers."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
import trio

from hump_trio import Hump, Request, Response, Send, StreamResponse
from tests.support.loopback import PATIENCE_SECONDS, address_of, served

LIMIT_BYTES = 1024 * 1024
PARTS = [b"first ", b"second ", b"third"]


@pytest.fixture
def app() -> Hump:
    """An app with a route for each kind of exchange."""
    app = Hump("127.0.0.1", 0)

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.post("/json")
    async def echo(request: Request) -> Response | dict[str, object]:
        return {"echo": request.json()}

    @app.post("/length")
    async def length(request: Request) -> str:
        return str(len(request.body))

    @app.get("/stream")
    async def stream() -> AsyncIterator[bytes]:
        for part in PARTS:
            yield part

    @app.get("/around")
    async def around(request: Request) -> StreamResponse:
        await request.send_early_hints("</a.css>; rel=preload", "</b.js>; rel=preload")

        async def produce(send: Send) -> dict[str, str]:
            await send("hello")
            return {"x-sum": "7"}

        return StreamResponse(produce, trailers={"x-kind": "sum"})

    return app


@pytest.fixture
async def url(app: Hump) -> AsyncIterator[str]:
    """The URL at which the app is served for the length of a test."""
    async with served(app) as url:
        yield url


def file_of(folder: Path, size_bytes: int) -> str:
    """Return a file's name as curl takes it, made in a folder."""
    path = folder / "body"
    path.write_bytes(bytes(size_bytes))
    return f"@{path}"


async def curl(*arguments: str) -> str:
    """Return what curl prints."""
    command = [
        "curl",
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        "--max-time",
        "120",
        *arguments,
    ]
    run = await trio.run_process(command, capture_stdout=True)
    return run.stdout.decode().replace("\r\n", "\n")


@pytest.mark.program("curl")
async def test_curl_reads_every_kind_of_answer(url: str) -> None:
    """GET, HEAD, OPTIONS, a JSON POST, 404 and 405 are what curl takes them for."""
    answer = await curl("--include", url)
    assert answer.startswith("HTTP/1.1 200 OK\n")
    assert answer.endswith("\n\nhello")

    answer = await curl("--head", url)
    assert "\ncontent-length: 5\n" in answer.lower()
    assert answer.endswith("\n\n")

    answer = await curl("--include", "--request", "OPTIONS", f"{url}/json")
    assert answer.startswith("HTTP/1.1 204 ")
    assert "\nallow: OPTIONS, POST\n" in answer.replace("Allow", "allow")

    kind = "content-type: application/json"
    answer = await curl("--header", kind, "--data", '{"a": [1, 2]}', f"{url}/json")
    assert json.loads(answer) == {"echo": {"a": [1, 2]}}

    assert (await curl("--include", f"{url}/nowhere")).startswith("HTTP/1.1 404 ")
    assert (await curl("--include", f"{url}/json")).startswith("HTTP/1.1 405 ")


@pytest.mark.program("curl")
async def test_curl_shows_what_comes_before_and_behind_an_answer(url: str, tmp_path: Path) -> None:
    """Early hints with each of their links, and trailers, which it asks for."""
    heads = tmp_path / "heads"
    answer = await curl("--header", "TE: trailers", "--dump-header", str(heads), f"{url}/around")
    assert answer == "hello"
    hints, head, trailers, *_ = [*heads.read_text().split("\n\n"), ""]
    assert hints == (
        "HTTP/1.1 103 Early Hints\nlink: </a.css>; rel=preload\nlink: </b.js>; rel=preload"
    )
    assert head.startswith("HTTP/1.1 200 OK\n")
    assert "\ntrailer: x-kind\n" in head
    assert trailers.strip().split("\n") == ["x-kind: sum", "x-sum: 7"]
    assert "x-sum" not in await curl("--include", f"{url}/around")


@pytest.mark.program("curl")
async def test_curl_uploads_in_chunks(url: str, tmp_path: Path) -> None:
    """A chunked upload arrives whole."""
    body = file_of(tmp_path, 300_000)
    chunked = ["--header", "transfer-encoding: chunked", "--data-binary", body]
    assert await curl(*chunked, f"{url}/length") == "300000"


@pytest.mark.program("curl")
@pytest.mark.parametrize("framing", ["content-type: a/b", "transfer-encoding: chunked"])
async def test_curl_reads_413_while_it_sends(url: str, tmp_path: Path, framing: str) -> None:
    """A client that sends a body past the limit without asking gets to read why it is refused."""
    body = file_of(tmp_path, 2 * LIMIT_BYTES)
    unasked = ["--header", "expect:", "--header", framing, "--data-binary", body]
    answer = await curl("--include", *unasked, f"{url}/length")
    assert answer.startswith("HTTP/1.1 413 ")
    assert "\nconnection: close\n" in answer.lower()


@pytest.mark.program("curl")
async def test_curl_is_told_before_it_sends(url: str, tmp_path: Path) -> None:
    """A client that asks with `Expect: 100-continue` is refused before it sends a byte."""
    body = file_of(tmp_path, 2 * LIMIT_BYTES)
    asking = ["--header", "expect: 100-continue", "--data-binary", body]
    counted = ["--output", "/dev/null", "--write-out", "%{http_code} %{size_upload}"]
    assert await curl(*asking, *counted, f"{url}/length") == "413 0"


@pytest.mark.program("curl")
async def test_curl_sends_when_told_to_go_on(url: str, tmp_path: Path) -> None:
    """A client that asks, and whose body is welcome, hears 100 and sends it."""
    body = file_of(tmp_path, LIMIT_BYTES)
    asking = ["--header", "expect: 100-continue", "--data-binary", body]
    answer = await curl("--include", "--expect100-timeout", "15", *asking, f"{url}/length")
    assert answer.startswith("HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\n")
    assert answer.endswith(str(LIMIT_BYTES))


@pytest.mark.program("curl")
async def test_curl_downloads_a_stream_and_reuses_its_connection(url: str) -> None:
    """A streamed answer is whole, and the next request goes over the same connection."""
    counted = ["--write-out", " %{num_connects}\n"]
    answer = await curl(*counted, f"{url}/stream", f"{url}/stream")
    whole = b"".join(PARTS).decode()
    assert answer == f"{whole} 1\n{whole} 0\n"


def parts_of(body: bytes) -> Iterator[bytes]:
    """Yield a body in a few parts."""
    for start in range(0, len(body), 70_000):
        yield body[start : start + 70_000]


def ask_with_http_client(url: str) -> None:
    """Ask for every kind of answer on one connection, in the calling thread."""
    host, port = address_of(url)
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_SECONDS)

    def ask(
        method: str, path: str, body: bytes | Iterator[bytes] | None = None
    ) -> tuple[int, bytes]:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read()

    assert ask("GET", "/") == (200, b"hello")
    sock = connection.sock
    assert ask("HEAD", "/") == (200, b"")
    assert ask("OPTIONS", "/") == (204, b"")
    assert ask("POST", "/json", b'"x"') == (200, b'{"echo":"x"}')
    assert ask("POST", "/length", parts_of(bytes(300_000))) == (200, b"300000")
    assert ask("GET", "/stream") == (200, b"".join(PARTS))
    assert ask("GET", "/nowhere")[0] == 404
    assert ask("DELETE", "/")[0] == 405
    assert connection.sock is sock
    connection.close()


async def test_http_client_keeps_one_connection(url: str) -> None:
    """The standard library's client gets every kind of answer over one kept connection."""
    await trio.to_thread.run_sync(ask_with_http_client, url)


def ask_with_urllib(url: str) -> None:
    """Ask for an answer, and for an error, in the calling thread."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=PATIENCE_SECONDS) as response:
        assert response.status == 200
        assert response.read() == b"hello"
    with opener.open(f"{url}/json", b'{"a": null}', timeout=PATIENCE_SECONDS) as response:
        assert json.load(response) == {"echo": {"a": None}}
    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(f"{url}/nowhere", timeout=PATIENCE_SECONDS)
    with caught.value as error:
        assert error.code == 404
        assert error.read()


async def test_urllib_gets_answers_and_errors(url: str) -> None:
    """The client that closes after each answer gets them, and an error has its text."""
    await trio.to_thread.run_sync(ask_with_urllib, url)


async def upload(body: bytes) -> AsyncIterator[bytes]:
    """Yield a body in parts, so that its length isn't known before."""
    for part in parts_of(body):
        yield part


async def test_httpx_over_real_sockets(url: str) -> None:
    """Httpx gets every kind of answer, and sends and receives streams."""
    async with httpx2.AsyncClient(
        base_url=url, trust_env=False, timeout=PATIENCE_SECONDS
    ) as client:
        assert (await client.get("/")).text == "hello"
        assert (await client.head("/")).headers["content-length"] == "5"
        assert (await client.options("/")).headers["allow"] == "GET, HEAD, OPTIONS"
        assert (await client.post("/json", json=[1])).json() == {"echo": [1]}
        assert (await client.post("/length", content=upload(bytes(300_000)))).text == "300000"
        named = {"user-agent": "judge/1", "te": "trailers"}
        around = await client.get("/around", headers=named)
        assert (around.status_code, around.text) == (200, "hello")
        assert (await client.get("/nowhere")).status_code == 404
        assert (await client.put("/")).status_code == 405
        async with client.stream("GET", "/stream") as response:
            assert response.headers["transfer-encoding"] == "chunked"
            assert b"".join([part async for part in response.aiter_raw()]) == b"".join(PARTS)


async def test_pipelined_requests_are_answered_in_order(url: str) -> None:
    """Two requests that arrive as one packet get two answers, the first one's first."""
    stream = await trio.open_tcp_stream(*address_of(url))
    async with stream:
        heads = [f"GET {path} HTTP/1.1\r\nhost: test\r\n" for path in ("/", "/nowhere")]
        await stream.send_all(f"{heads[0]}\r\n{heads[1]}connection: close\r\n\r\n".encode())
        with trio.fail_after(PATIENCE_SECONDS):
            data = b"".join([part async for part in stream])
    first, second = data.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200 ")
    assert first.endswith(b"hello")
    assert second.startswith(b"404 ")
