"""Where `hump-trio top` looks, and what it is answered."""

import socket
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme

from examples import inspecting
from hump_trio import TLS, Hump, Response, Router
from hump_trio.command import top_address
from hump_trio.command.options import UsageError
from hump_trio.command.top_address import PageAddress, fetch_state, parse_page_address
from hump_trio.command.top_state import StateError
from hump_trio.inspection import inspector
from tests.command.programs import COMMAND, ROOT
from tests.support.threaded import served_in_thread

BASIC = f"Basic {b64encode(b'ops:se:cret').decode()}"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9000", {"host": "127.0.0.1", "port": 9000}),
        ("localhost:9000", {"host": "localhost", "port": 9000}),
        ("[::1]:9000", {"host": "::1", "port": 9000}),
        (":9000", {"host": "localhost", "port": 9000}),
        ("shop:9000/ops/inspect", {"host": "shop", "port": 9000, "path": "/ops/inspect"}),
        ("unix:/run/shop.sock", {"unix": "/run/shop.sock"}),
        ("unix:/run/a b@.sock", {"unix": "/run/a b@.sock"}),
        ("http://shop", {"host": "shop", "port": 80}),
        ("http://shop/", {"host": "shop", "port": 80}),
        ("http://shop:81/a@b/inspect/", {"host": "shop", "port": 81, "path": "/a@b/inspect"}),
        ("https://shop/inspect", {"host": "shop", "port": 443, "tls": True}),
        (
            "https://ops:se%3Acret@shop:81/ops/inspect",
            {
                "host": "shop",
                "port": 81,
                "tls": True,
                "path": "/ops/inspect",
                "authorization": BASIC,
            },
        ),
        ("ops@shop:81", {"host": "shop", "port": 81, "authorization": "Basic b3BzOg=="}),
    ],
)
def test_addresses(text: str, address: dict[str, Any]) -> None:
    """A host with a port, a Unix socket, or the page's URL; no password is shown."""
    found = parse_page_address(text)
    assert found == PageAddress(shown=found.shown, **address)
    place = text if found.unix else text.partition("://")[2] or text
    page = "" if found.unix or "inspect" in text else "/inspect"
    assert (
        found.shown == place.removeprefix("ops:se%3Acret@").removeprefix("ops@").rstrip("/") + page
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9000",
        "shop",
        "127.0.0.1:99999",
        "127.0.0.1:x",
        "[::1:9000",
        "unix:shop.sock",
        "ftp://shop/inspect",
        "http://",
        "http:///inspect",
        "http://shop/ops",
        "http://shop/inspect/state",
        "http://shop/inspect?a=1",
        "http://shop/inspect#a",
        "http://shop/a b/inspect",
        "http://shop/\x1b[2J/inspect",
        "http://shop/café/inspect",
    ],
)
def test_what_is_no_address(text: str) -> None:
    """One line tells what was written, and what might be."""
    with pytest.raises(UsageError) as caught:
        parse_page_address(text)
    said = str(caught.value)
    assert said.startswith(f"{text!r} is no address")
    assert said.isprintable()


def test_a_real_state_fits() -> None:
    """The names and kinds here are those of the page."""
    app = Hump("127.0.0.1", 0)
    app.include(inspector(app))

    @app.lifespan
    async def live(_: Hump) -> Any:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            yield
            nursery.cancel_scope.cancel()

    @app.get("/crash")
    async def crash() -> None:
        app.start_soon(trio.sleep_forever)
        raise ValueError

    with served_in_thread(app) as url:
        address = parse_page_address(url)
        with socket.create_connection((address.host, address.port)) as client:
            client.sendall(b"GET /crash HTTP/1.1\r\nhost: shop\r\n\r\n")
            assert client.recv(1024).startswith(b"HTTP/1.1 500")
            state = fetch_state(address)
    assert state["request_count"] == 1
    assert [each["target"] for each in state["requests"]] == ["/inspect/state"]
    assert state["outcomes"]["crash"] == 1
    assert [each["route"] for each in state["routes"]] == ["/crash"]
    assert [each["places"][0].partition(" at ")[0] for each in state["crashes"]] == ["ValueError"]
    assert [each["tasks"][0]["name"] for each in state["background"]] == ["sleep_forever"]
    assert [each["text"] for each in state["lifespan"]] == ["trio.sleep_forever"]
    assert [each["name"] for each in state["limits"]] == ["Trio's threads"]


def test_a_unix_socket(tmp_path: Path) -> None:
    """It is asked like any other."""
    bind = f"unix:{tmp_path / 'shop.sock'}"
    app = Hump(binds=[bind])
    app.include(inspector(app))
    with served_in_thread(app):
        assert fetch_state(parse_page_address(bind))["request_count"] == 1
    with pytest.raises(StateError, match="No such file or directory"):
        fetch_state(parse_page_address(bind))
    with pytest.raises(StateError, match="AF_UNIX path too long"):
        fetch_state(parse_page_address(f"unix:/{'a' * 200}"))


def test_several_workers(tmp_path: Path) -> None:
    """Their page is one, at the address of ``--inspect``."""
    bind = f"unix:{tmp_path / 'page.sock'}"
    options = ["--bind", "127.0.0.1:0", "--workers", "2", "--inspect", bind]
    with subprocess.Popen(
        [*COMMAND, "examples.hello:app", *options], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        try:
            while "2 workers serve at" not in server.stderr.readline():
                assert server.poll() is None
            state = fetch_state(parse_page_address(bind))
        finally:
            server.terminate()
            server.communicate()
    assert len({each["pid"] for each in state["workers"]}) == 2
    assert {each["state"] for each in state["workers"]} == {"serving"}


def test_a_user_and_a_password() -> None:
    """They are Basic's; without them the answer says where they go."""
    app = Hump("127.0.0.1", 0)
    ops = Router("/ops")
    ops.middleware(inspecting.ask_who_it_is)
    ops.include(inspector(app))
    app.include(ops)
    with served_in_thread(app) as url:
        page = f"{url.partition('://')[2]}/ops/inspect"
        assert fetch_state(parse_page_address(f"ops:secret@{page}"))["request_count"] == 1
        for wrong in ("", "ops@", "ops:other@"):
            with pytest.raises(StateError, match="401: it asks for a user"):
                fetch_state(parse_page_address(wrong + page))


def test_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate has to be one that the system trusts."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    ca.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "server.pem")
    )
    app = Hump("127.0.0.1", 0, tls=TLS(str(tmp_path / "server.pem")))
    app.include(inspector(app))
    with served_in_thread(app) as url:
        assert url.startswith("https://")
        address = parse_page_address(url)
        with pytest.raises(StateError, match="CERTIFICATE_VERIFY_FAILED"):
            fetch_state(address)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert fetch_state(address)["request_count"] == 1


def test_other_answers() -> None:
    """A status other than 200 is told, and so is a 200 that is no state."""
    app = Hump("127.0.0.1", 0)

    @app.get("/{name}/inspect/state")
    async def answer(name: str) -> Response:
        return Response("hello", status=int(name))

    with served_in_thread(app) as url:
        for path, said in {
            "": "404: there is no live page at /inspect",
            "/503/inspect": "503 instead of a live page's state",
            "/200/inspect": "something else than JSON",
        }.items():
            with pytest.raises(StateError) as caught:
                fetch_state(parse_page_address(url + path))
            assert str(caught.value) == said


@contextmanager
def answering(*parts: bytes, then: bytes = b"", closes: bool = True) -> Iterator[PageAddress]:
    """Answer one connection with some bytes.

    Args:
        parts: The bytes.
        then: What is sent again and again after them, as long as it is read.
        closes: Whether the connection is closed after them, or only after the block.
    """
    over = threading.Event()

    def answer() -> None:
        client, _ = listening.accept()
        with client, suppress(BrokenPipeError, ConnectionResetError):  # it has heard enough
            client.recv(4096)
            for part in parts:
                client.sendall(part)
            while not (closes or over.wait(0.01)):
                client.sendall(then)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer)
        thread.start()
        yield PageAddress(shown="", host="127.0.0.1", port=listening.getsockname()[1])
        over.set()
        thread.join()


HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([], "Remote end closed connection without response"),
        ([b"\x15\x03\x01\x1b[2J"], "no HTTP/1.1 is spoken there (BadStatusLine)"),
        (
            [b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 200],
            "no HTTP/1.1 is spoken there (HTTPException)",
        ),
        ([HEAD, b" " * 100], "an answer of more than 64 bytes"),
        ([HEAD, b"{"], "something else than JSON"),
    ],
    ids=["none", "other", "fields", "endless", "cut"],
)
def test_hostile_answers(parts: list[bytes], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is one line, without a byte of what has come."""
    monkeypatch.setattr(top_address, "ANSWER_BYTES", 64)
    with answering(*parts) as address, pytest.raises(StateError) as caught:
        fetch_state(address)
    assert str(caught.value) == said


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n"


@pytest.mark.parametrize(
    ("parts", "then"),
    [
        ([], b""),
        ([HEAD, b"{"], b""),
        ([HEAD], b" "),
        ([], b"H"),
        ([], b"HTTP/1.1 100 Continue\r\n\r\n"),
        ([CHUNKED], b"a: b\r\n"),
    ],
    ids=["silent", "stuck", "slow", "head", "informed", "trailers"],
)
def test_an_answer_comes_in_time(
    parts: list[bytes], then: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a whole, or is waited for no longer: each of its parts may come in time."""
    monkeypatch.setattr(top_address, "ANSWER_SECONDS", 0.2)
    with answering(*parts, then=then, closes=False) as address, pytest.raises(StateError) as caught:
        fetch_state(address)
    assert str(caught.value) in {"the answer takes too long", "timed out"}


def test_a_host_that_cannot_be() -> None:
    """What Python's resolver refuses to look up is one line, too."""
    with pytest.raises(StateError, match="there is no such host: "):
        fetch_state(parse_page_address("http://shop..example"))
