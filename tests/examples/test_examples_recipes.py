"""The recipes do what their docstrings say, with what they speak to in memory or for real."""

import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path

import httpx2
import pytest
import trio
from trio.testing import MockClock

from examples.recipes import reverse_proxy
from hump_trio import Hump, Request, Response, Send, StreamResponse, Timeouts
from hump_trio.testing import client, connect
from hump_trio.testing.memory_listener import running
from hump_trio.testing.memory_pool import PoolTransport
from tests.support.deployment import NGINX
from tests.support.deployment import running as running_program
from tests.support.loopback import PATIENCE_SECONDS
from tests.support.served import served
from tests.support.struck import STRIKES, Countdown, Moment, Strike, serve_struck
from tests.support.wire import Answer, ask, chunked, read_until, request

# httpx leaves generators to the garbage collector, wherever a stream isn't read to its end.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")

proxy = reverse_proxy.app
Through = Callable[[httpx2.AsyncBaseTransport], None]


def make_upstream() -> Hump:
    """Return an app that tells what it is asked, and one of whose answers never ends."""
    app = Hump("127.0.0.1", 0)

    @app.route("/{rest:path}", methods=reverse_proxy.METHODS)
    async def tell(request: Request) -> Response:
        fields = "".join(f"\n{name}: {value}" for name, value in request.headers.items())
        text = f"{request.method} {request.target}{fields}\n\n{request.text}"
        return Response(text, 201, {"set-cookie": "cup=1", "x-tea": "Assam"})

    @app.get("/stalls")
    async def stall() -> StreamResponse:
        async def produce(send: Send) -> None:
            await send(b"a part")
            await trio.sleep_forever()

        return StreamResponse(produce)

    return app


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch) -> Through:
    """Has the upstream asked through a transport."""
    open_http = reverse_proxy.open_http

    def through(transport: httpx2.AsyncBaseTransport) -> None:
        monkeypatch.setattr(reverse_proxy, "open_http", partial(open_http, transport))

    return through


@asynccontextmanager
async def before(upstream: Hump, through: Through) -> AsyncIterator[None]:
    """Serve an upstream in memory, and let the proxy ask it."""
    async with running(upstream) as listener:
        through(PoolTransport(listener.connect))
        yield


def lines_of(answer: Answer) -> list[str]:
    """Return what the upstream was asked: its request line, its fields, then its body."""
    return answer.body.decode().split("\n")


async def test_reverse_proxy__passes_all_on(autojump_clock: MockClock, through: Through) -> None:
    """Method, target, fields and body; nothing of the connection, and no forged client."""
    own = ("X-Cup: 1", "Connection: x-cup", "X-Forwarded-For: 6.6.6.6", "Cookie: a=b", "TE: gzip")
    asked = request("PUT", "/a%2Fb/c?d=%20", "Accept: tea", *own, body=b"leaves")
    async with before(make_upstream(), through):
        [put] = await ask(proxy, asked, "PUT")
        [head] = await ask(proxy, request("HEAD"), "HEAD")
        [post] = await ask(proxy, chunked(b"green ", b"leaves", path="/d"), "POST")
    *fields, client, proto, host, _, body = lines_of(put)
    assert fields == [
        *("PUT /a%2Fb/c?d=%20", "host: 127.0.0.1:8000", "accept: tea", "cookie: a=b"),
        "content-length: 6",
    ]
    assert client in ("x-forwarded-for: unknown", "x-forwarded-for: 127.0.0.1")
    assert proto.startswith("x-forwarded-proto: http")
    assert (host, body) == ("x-forwarded-host: a", "leaves")
    assert put.status == 201
    assert (put.headers["x-tea"], put.headers["set-cookie"]) == ("Assam", "cup=1")
    assert (head.status, head.body, head.headers["x-tea"]) == (201, b"", "Assam")
    assert int(head.headers["content-length"]) > 0
    assert lines_of(post)[-1] == "green leaves"


async def test_reverse_proxy__takes_nothing_over_of_the_connection(through: Through) -> None:
    """Whatever the upstream says of its own to the proxy; the length of a body stays."""
    own = {"connection": "X-Own, close", "keep-alive": "timeout=5", "x-own": "1", "server": "tea"}
    kept = {"content-length": "6", "content-type": "x/tea", "x-tea": "Assam"}

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=own | kept, stream=httpx2.ByteStream(b"leaves"))

    through(httpx2.MockTransport(answer))
    async with client(proxy) as http:
        answered = await http.get("/")
    del answered.headers["date"]
    assert dict(answered.headers) == {**kept, "server": "hump_trio"}
    assert answered.text == "leaves"


async def test_reverse_proxy__keeps_no_cookies(autojump_clock: MockClock, through: Through) -> None:
    """Those that the upstream sets for one client aren't sent for another one."""
    async with before(make_upstream(), through), connect(proxy) as raw:
        for _ in range(2):
            await raw.send(request())
            answer = await read_until(raw, b"\n\n")
            assert b"set-cookie: cup=1" in answer
            assert b"\ncookie" not in answer


@pytest.mark.parametrize(
    ("error", "status"),
    [(httpx2.ConnectError, 502), (httpx2.ReadError, 502), (httpx2.ReadTimeout, 504)],
)
async def test_reverse_proxy__answers_for_an_upstream_that_fails(
    error: type[httpx2.TransportError], status: int, through: Through
) -> None:
    """As long as it has said nothing."""

    def fail(request: httpx2.Request) -> httpx2.Response:
        raise error("no")

    through(httpx2.MockTransport(fail))
    async with client(proxy) as http:
        assert (await http.get("/")).status_code == status


async def test_reverse_proxy__lets_the_upstream_go_with_the_client(
    autojump_clock: MockClock, through: Through
) -> None:
    """A part comes when it is there; who waits for the next one is looked for all the time."""
    upstream = make_upstream()
    async with before(upstream, through), connect(proxy) as raw:
        await raw.send(request(path="/stalls"))
        await read_until(raw, b"a part\r\n")
        assert len(upstream.statistics().requests) == 1
        raw.reset()
        await trio.sleep(3 * proxy.timeouts.disconnect_poll)  # found, told, cancelled
        assert proxy.statistics().connections == {}
        await trio.sleep(3 * upstream.timeouts.disconnect_poll)  # which has to find it, too
        assert upstream.statistics().connections == {}


@pytest.mark.parametrize("strike", STRIKES)
@pytest.mark.parametrize("moment", ["before", "after", "step"])
async def test_reverse_proxy__leaks_nothing(
    moment: Moment, strike: Strike, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends a request at whichever moment: its upstream's connection ends with it."""
    upstream = make_upstream()
    async with running(upstream) as listener:
        for nth in count(1):
            async with reverse_proxy.open_http(PoolTransport(listener.connect)) as http:
                monkeypatch.setattr(proxy, "state", http)
                countdown = Countdown(nth)
                asked = chunked(b"a", b"b", path="/stalls" if nth % 2 else "/")
                await serve_struck(served(app=proxy), [asked], moment, countdown, strike, None)
                await trio.sleep(1)
                assert upstream.statistics().requests == ()
            if countdown.left > 0:
                break
    assert nth > 4


SITE = """
server {{
    listen {host}:{port};
    location / {{ root {folder}; }}
    location /slowly/ {{ alias {folder}/; limit_rate 1k; limit_rate_after 1k; }}
    location /status {{ stub_status; }}
}}
"""


@asynccontextmanager
async def nginx(folder: Path) -> AsyncIterator[str]:
    """Run nginx, which serves the files of a folder, and give its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host, port = listening.getsockname()
        (folder / "site.conf").write_text(SITE.format(host=host, port=port, folder=folder))
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, user=user))
        command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
        inherited = {"NGINX": f"{listening.fileno()};"}
        async with running_program(command, folder / "nginx.log", listening, inherited):
            yield f"http://{host}:{port}"


@pytest.mark.program("nginx")
async def test_reverse_proxy__before_nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files come with all that it says of them, and clients that leave leave it nothing."""
    monkeypatch.setattr(proxy, "timeouts", Timeouts(disconnect_poll=0.02))
    (tmp_path / "tea.txt").write_text("Assam\n" * 10_000)
    async with nginx(tmp_path) as url:
        monkeypatch.setattr(reverse_proxy, "UPSTREAM", url)
        async with client(proxy) as http:
            whole = await http.get("/tea.txt")
            part = await http.get("/tea.txt", headers={"range": "bytes=1-4"})
            head, missing = await http.head("/tea.txt"), await http.get("/coffee.txt")
            known = await http.get("/tea.txt", headers={"if-none-match": whole.headers["etag"]})
            for _ in range(3):
                async with connect(proxy) as raw:
                    await raw.send(request(path="/slowly/tea.txt"))
                    await read_until(raw, b"\n")
                    raw.reset()
            async with httpx2.AsyncClient(base_url=url) as direct:
                with trio.fail_after(PATIENCE_SECONDS):
                    while "Writing: 1 " not in (await direct.get("/status")).text:
                        pass
    assert (whole.text, part.status_code, part.text) == ("Assam\n" * 10_000, 206, "ssam")
    assert head.headers["content-length"] == "60000"
    assert (head.text, known.status_code, missing.status_code) == ("", 304, 404)
