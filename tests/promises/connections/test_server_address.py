"""`Request.server`: the address that a client has reached, whatever it came by."""

from pathlib import Path

import httpx2
import pytest
import trio

from hump_trio import TLS, Forwarded, Hump, Request
from hump_trio.testing import client
from tests.support.loopback import address_of, ask, receive_rest, served
from tests.support.secured import plain_client_context, write_certificate
from tests.support.wire import request


def make_app(bind: str = "127.0.0.1:0", *, tls: TLS | None = None) -> Hump:
    """Return an app that tells its clients which address they have reached."""
    app = Hump(binds=[bind], tls=tls)

    @app.get("/")
    async def index(request: Request) -> str:
        return str(request.server)

    @app.post("/", stream=True)
    async def streamed(request: Request) -> str:
        return str(request.server)

    return app


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
async def test_a_bind_of_every_address(host: str) -> None:
    """What is told is the one address that this client has reached, on each path of the server."""
    app = make_app("0.0.0.0:0")
    async with served(app):
        _, port = address_of(app.addresses[0])
        async with await trio.open_tcp_stream(host, port) as stream:
            assert (await ask(stream)).endswith(f"('{host}', {port})".encode())
            await stream.send_all(request("POST", "/", "Connection: close", body=b"a"))
            assert (await receive_rest(stream)).endswith(f"('{host}', {port})".encode())


async def test_over_ipv6() -> None:
    """The address has neither brackets nor the other two numbers that the system tells."""
    app = make_app("[::1]:0")
    async with served(app) as url:
        port = int(url.rpartition(":")[2])
        async with await trio.open_tcp_stream("::1", port) as stream:
            assert (await ask(stream)).endswith(f"('::1', {port})".encode())


async def test_over_a_unix_socket(tmp_path: Path) -> None:
    """It is the path of its file, and there is no port."""
    path = str(tmp_path / "app.sock")
    async with served(make_app(f"unix:{path}")), await trio.open_unix_socket(path) as stream:
        assert (await ask(stream)).endswith(f"('{path}', None)".encode())


@pytest.mark.parametrize("http2", [False, True])
async def test_over_tls(http2: bool, tmp_path: Path) -> None:
    """It is that of the connection beneath, in both protocols and for bodies in parts."""
    write_certificate(tmp_path)
    app = make_app(tls=TLS(tmp_path / "certificate.pem", tmp_path / "key.pem"))
    app.http2 = http2
    http = httpx2.AsyncClient(http1=not http2, http2=http2, verify=plain_client_context())
    async with served(app) as url, http:
        address = str(address_of(url))
        target = url.replace("127.0.0.1", "localhost")
        assert (await http.get(target)).text == address
        answer = await http.post(target, content=b"a")
        assert (answer.text, answer.http_version) == (address, "HTTP/2" if http2 else "HTTP/1.1")


@pytest.mark.memory_only("nothing else is without an address")
async def test_in_memory() -> None:
    """There is none, as there is no client's."""
    async with client(make_app()) as http:
        assert (await http.get("/")).text == "None"


async def test_forwarded_leaves_it() -> None:
    """What a proxy tells is the host that was asked for, which isn't where a socket is."""
    app = make_app()
    app.middleware(Forwarded(proxies=["127.0.0.1"], fields=["forwarded"]))
    fields = {"forwarded": 'for=203.0.113.7;host=shop.example;proto=https;by="10.0.0.1:443"'}
    async with served(app) as url, httpx2.AsyncClient(headers=fields) as http:
        assert (await http.get(url)).text == str(address_of(url))
