"""HTTPS at real ports, asked by strangers: curl, httpx, OpenSSL's own client and Trio's streams."""

import logging
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx2
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hump_trio import (
    TLS,
    BindError,
    HttpsRedirect,
    Hump,
    Request,
    SecurityHeaders,
    Sockets,
    TlsError,
    statuses,
)
from hump_trio.http2.frames import PREFACE
from tests.support.faults import RESET
from tests.support.loopback import (
    PATIENCE_SECONDS,
    address_of,
    ask,
    connect_to,
    count_tasks,
    receive_answer,
    receive_rest,
    served,
    wait_until,
)
from tests.support.secured import (
    authority,
    connect_secure,
    plain_client_context,
    server_context,
    write_certificate,
)
from tests.support.wire import request


@pytest.fixture
def app(tmp_path: Path) -> Hump:
    """An app with a certificate, and the authority's in ``ca.pem`` beside it."""
    write_certificate(tmp_path)
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    app = Hump("127.0.0.1", 0, tls=TLS(tmp_path / "certificate.pem", tmp_path / "key.pem"))
    app.middleware(SecurityHeaders(hsts_seconds=60))

    @app.get("/")
    async def index(request: Request) -> str:
        return f"hello by {request.scheme}"

    @app.post("/echo", stream=True, body_limit=None)
    async def echo(request: Request) -> AsyncIterator[bytes]:
        async for part in request.stream:
            yield part

    return app


async def run(*command: str) -> tuple[int, str]:
    """Return the status of a program, and what it says."""
    with trio.fail_after(PATIENCE_SECONDS):
        done = await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False, stdin=b"Q\n"
        )
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def at_localhost(url: str) -> str:
    """Return a URL with the name that the certificate is for."""
    return url.replace("127.0.0.1", "localhost")


@pytest.mark.program("curl")
@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_curl_is_answered(version: str, app: Hump, tmp_path: Path) -> None:
    """Over either version, on one connection for two requests, and by ALPN."""
    async with served(app) as url:
        assert url.startswith("https://127.0.0.1:")
        options = [
            "--http1.1",
            f"--tlsv{version}",
            "--tls-max",
            version,
            "--cacert",
            str(tmp_path / "ca.pem"),
        ]
        target = at_localhost(url)
        status, text = await run("curl", "-sv", *options, target, target)
    assert status == 0
    assert text.count("hello by https") == 2
    assert f"SSL connection using TLSv{version}" in text
    assert "server accepted http/1.1" in text
    assert "Re-using existing connection" in text


@pytest.mark.program("curl")
async def test_curl_without_the_authority_is_not_fooled(app: Hump) -> None:
    """It refuses the certificate, and the server goes on."""
    async with served(app) as url:
        assert (await run("curl", "-sv", at_localhost(url)))[0] == 60
        async with await connect_secure(app) as stream:
            assert (await ask(stream)).endswith(b"hello by https")


async def shake_hands(app: Hump, folder: Path, *options: str) -> str:
    """Return what OpenSSL's client says of its handshake with an app."""
    async with served(app) as url:
        host, port = address_of(url)
        authorities = ["-CAfile", str(folder / "ca.pem")]
        command = ["openssl", "s_client", "-connect", f"{host}:{port}", *authorities, *options]
        return (await run(*command))[1]


@pytest.mark.program("openssl")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], "protocol version"),
        (["-tls1_2", "-cipher", "AES128-SHA"], "handshake failure"),
        (["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256"], "handshake failure"),
        (["-tls1_3", "-groups", "ffdhe8192"], "handshake failure"),
        (["-tls1_3", "-groups", "X25519:P-256"], "Verification: OK"),
        (["-alpn", "spdy/3"], "No ALPN negotiated"),
        (["-servername", "elsewhere"], "Verification: OK"),
        (["-noservername"], "Verification: OK"),
    ],
)
async def test_openssls_client_agrees_or_not(
    options: list[str], words: str, app: Hump, tmp_path: Path
) -> None:
    """What is old, weak or costly is refused; nobody has to name a host, or HTTP/1.1."""
    assert words in await shake_hands(app, tmp_path, *options)


@pytest.mark.program("openssl")
@pytest.mark.parametrize(
    ("http2", "offered", "words"),
    [
        (True, "h2,http/1.1", "ALPN protocol: h2"),
        (True, "http/1.1,h2", "ALPN protocol: h2"),
        (True, "http/1.1", "ALPN protocol: http/1.1"),
        (False, "h2,http/1.1", "ALPN protocol: http/1.1"),
        (False, "h2", "No ALPN negotiated"),
    ],
)
async def test_a_protocol_is_agreed_on(
    http2: bool, offered: str, words: str, app: Hump, tmp_path: Path
) -> None:
    """HTTP/2 where both sides speak it, in whatever order; HTTP/1.1 where it is turned off."""
    app.http2 = http2
    assert words in await shake_hands(app, tmp_path, "-alpn", offered)


async def test_http2_is_agreed_on_or_refused(app: Hump) -> None:
    """A client that hasn't asked for it by ALPN and begins with it all the same gets a 505."""
    async with served(app), await connect_secure(app) as stream:
        await stream.send_all(PREFACE)
        assert (await receive_answer(stream)).startswith(b"HTTP/1.1 505 ")


async def test_httpx_is_answered(app: Hump) -> None:
    """By a verified connection, and told to come back that way."""
    async with (
        served(app) as url,
        httpx2.AsyncClient(verify=plain_client_context(), timeout=PATIENCE_SECONDS) as http,
    ):
        answer = await http.get(at_localhost(url))
    assert answer.text == "hello by https"
    assert answer.headers["strict-transport-security"] == "max-age=60"


async def test_much_goes_both_ways_at_once(app: Hump) -> None:
    """A body of some megabytes comes back while it is sent."""
    data = bytes(range(256)) * 8192

    async def send(stream: trio.SSLStream[trio.SocketStream]) -> None:
        head = f"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {len(data)}\r\n"
        await stream.send_all(head.encode() + b"connection: close\r\n\r\n" + data)

    async with served(app), await connect_secure(app) as stream, trio.open_nursery() as nursery:
        nursery.start_soon(send, stream)
        received = await receive_rest(stream)
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"chunked" in head
    assert len(body) > len(data)


async def test_http_at_its_port_is_told_so(app: Hump) -> None:
    """In HTTP, and over a connection that isn't reset before it is read."""
    async with served(app), await connect_to(app) as stream:
        await stream.send_all(request() + bytes(300_000))
        await stream.send_eof()
        answer = await receive_rest(stream)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b"This port speaks HTTPS: write https:// instead of http://.\n")


async def test_a_reset_in_a_handshake_takes_nothing_down(app: Hump) -> None:
    """Nor is it worth a word."""
    async with served(app):
        for data in (b"", b"\x16\x03\x01\x02\x00\x01"):
            async with await connect_to(app) as stream:
                await stream.send_all(data)
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        async with await connect_secure(app) as stream:
            assert (await ask(stream)).endswith(b"hello by https")


async def test_binds_in_plain_text_and_secured(app: Hump, tmp_path: Path) -> None:
    """Each speaks what its text says, or TLS; a Unix socket never does."""
    path = tmp_path / "socket"
    app.binds = ["127.0.0.1:0", "http://127.0.0.1:0", f"unix:{path}"]
    async with served(app):
        secured, plain, local = app.addresses
        assert secured.startswith("https://")
        assert plain.startswith("http://")
        assert local == f"unix:{path}"
        async with await trio.open_tcp_stream(*address_of(plain)) as stream:
            assert (await ask(stream)).endswith(b"hello by http")
        async with await trio.open_unix_socket(path) as stream:
            assert (await ask(stream)).endswith(b"hello by http")
        async with await connect_secure(app) as stream:
            assert (await ask(stream)).endswith(b"hello by https")


async def test_a_redirect_leads_to_the_secured_port(app: Hump) -> None:
    """Followed by a stranger, to the same target."""
    app.middleware(HttpsRedirect(port=1))
    app.binds = ["127.0.0.1:0", "http://127.0.0.1:0"]
    async with (
        served(app),
        httpx2.AsyncClient(verify=plain_client_context(), timeout=PATIENCE_SECONDS) as http,
    ):
        answer = await http.get(f"{at_localhost(app.addresses[1])}/?a=b")
        assert answer.status_code == statuses.PERMANENT_REDIRECT
        assert answer.headers["location"] == "https://localhost:1/?a=b"
        assert (await http.get(at_localhost(app.addresses[0]))).text == "hello by https"


async def test_https_takes_a_certificate() -> None:
    """A bind that has to be secured isn't served in plain text."""
    app = Hump(binds=["127.0.0.1:0", "https://127.0.0.1:0"])
    with pytest.raises(BindError, match="tls=TLS"):
        await app.serve()


async def test_a_certificate_is_read_before_anything_is_bound(app: Hump, tmp_path: Path) -> None:
    """One that can't be used is an error of `serve`, and the next try may go well."""
    app.tls = TLS(tmp_path / "nowhere.pem")
    entered = []

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        entered.append(True)
        yield

    with pytest.raises(TlsError, match=r"nowhere\.pem"):
        await app.serve()
    assert not entered
    app.tls = TLS(tmp_path / "certificate.pem", tmp_path / "key.pem")
    async with served(app), await connect_secure(app) as stream:
        assert (await ask(stream)).endswith(b"hello by https")


async def serial_of(app: Hump) -> str:
    """Return the serial number of the certificate that a new connection is shown."""
    async with await connect_secure(app) as stream:
        certificate = stream.getpeercert()
        await ask(stream)
    assert certificate
    return str(certificate["serialNumber"])


async def test_a_new_certificate_under_load(app: Hump, tmp_path: Path) -> None:
    """No request and no connection fails, those that are open stay, those to come show it."""
    counts = [0, 0]
    serials = []

    async def stay(scope: trio.CancelScope) -> None:
        async with await connect_secure(app) as stream:
            while not scope.cancel_called:
                assert (await ask(stream)).endswith(b"hello by https")
                counts[0] += 1

    async def come_and_go(scope: trio.CancelScope) -> None:
        while not scope.cancel_called:
            async with await connect_secure(app) as stream:
                assert (await ask(stream)).endswith(b"hello by https")
                counts[1] += 1

    async with served(app), trio.open_nursery() as nursery:
        ending = trio.CancelScope()
        for client in (stay, stay, come_and_go, come_and_go):
            nursery.start_soon(client, ending)
        for _ in range(5):
            serials.append(await serial_of(app))
            before = list(counts)
            while any(now < then + 5 for now, then in zip(counts, before, strict=True)):
                await trio.lowlevel.checkpoint()
            write_certificate(tmp_path)
            app.reload_tls()
        ending.cancel()
    assert len(set(serials)) == 5


async def test_a_bad_certificate_changes_nothing(app: Hump, tmp_path: Path) -> None:
    """The error tells the file, and the old certificate is shown on."""
    async with served(app):
        before = await serial_of(app)
        (tmp_path / "key.pem").write_text("")
        with pytest.raises(TlsError, match=r"key\.pem"):
            app.reload_tls()
        assert await serial_of(app) == before
    with pytest.raises(RuntimeError, match="not being served over TLS"):
        app.reload_tls()


@asynccontextmanager
async def obeying(app: Hump) -> AsyncIterator[None]:
    """Serve an app that obeys signals."""
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(app.serve, signals=True))
        yield
        app.shutdown()


async def hang_up() -> None:
    """Send SIGHUP to this process, and wait until the server has had time for it."""
    signal.raise_signal(signal.SIGHUP)
    await wait_all_tasks_blocked(0.05)


async def test_sighup_reads_the_certificate_anew(
    app: Hump, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where signals are obeyed; what can't be used is logged, and changes nothing."""
    caplog.set_level(logging.INFO)
    async with obeying(app):
        first = await serial_of(app)
        write_certificate(tmp_path)
        await hang_up()
        second = await serial_of(app)
        (tmp_path / "certificate.pem").write_text("")
        await hang_up()
        assert await serial_of(app) == second != first
    [error] = [each for each in caplog.records if each.levelno > logging.INFO]
    assert str(tmp_path / "certificate.pem") in error.getMessage()


async def test_sighup_with_a_context_of_the_programs(
    app: Hump, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged that it can't be read anew, and it is used on."""
    app.tls = server_context()
    async with obeying(app):
        await hang_up()
        assert await serial_of(app)
    assert "load_cert_chain" in caplog.text


async def test_sighup_without_tls_is_a_graceful_shutdown() -> None:
    """There is nothing to read anew: the process would end, and ends well."""
    app = Hump("127.0.0.1", 0)
    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(app.serve, signals=True))
            await hang_up()
    with pytest.raises(RuntimeError, match="not being served"):
        app.shutdown()


@pytest.mark.memory_only("no system but Linux tells of what arrives")
async def test_connections_that_wait_have_no_task(app: Hump) -> None:
    """Once hands are shaken, and between requests, as in plain text: a lane or two serve them."""
    async with served(app):
        streams = [await connect_secure(app) for _ in range(10)]
        await wait_until(lambda: count_tasks() == 0)
        for stream in streams:
            await ask(stream)
        assert count_tasks() <= 2
        assert app.statistics().connections == {"idle": 10}
        for stream in streams:
            with trio.CancelScope() as scope:
                scope.cancel()
                await stream.aclose()
        await wait_until(lambda: not app.statistics().connections)


async def test_a_proxy_header_comes_before_tls(app: Hump) -> None:
    """It isn't encrypted; what it says of the client is known behind the handshake."""
    app.sockets = Sockets(proxy_protocol=("127.0.0.1",))

    @app.get("/client")
    async def client(request: Request) -> str:
        return str(request.client)

    async with served(app):
        raw = await connect_to(app)
        await raw.send_all(b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n")
        stream = trio.SSLStream(raw, plain_client_context(), server_hostname="localhost")
        assert (await ask(stream, "/client")).endswith(b"('192.0.2.1', 1234)")
        await raw.aclose()
