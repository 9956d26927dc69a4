"""Binds that are opened: all or none, and each of its own kind."""

import errno
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import trio

from hump_trio import BindError, Hump, Sockets
from hump_trio.listening import bound_socket
from hump_trio.listening.bind import Bind, parse_bind
from hump_trio.listening.bound_socket import BoundSocket, open_binds
from tests.support.loopback import PATIENCE_SECONDS, address_of, ask, served
from tests.support.resolver import Resolver


@pytest.fixture
def app() -> Hump:
    """An app that says hello."""
    app = Hump("127.0.0.1", 0)

    @app.get("/")
    async def index() -> str:
        return "hello"

    return app


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A listening socket, whose descriptor may be taken over."""
    sock = socket.create_server(("127.0.0.1", 0))
    yield sock
    sock.detach()


async def open_one(bind: str, sockets: Sockets | None = None) -> BoundSocket:
    """Return what one bind opens, which is one socket."""
    [bound] = await open_binds([bind], sockets or Sockets())
    return bound


async def ask_at(address: tuple[str, int]) -> bytes:
    """Return the answer to a request."""
    async with await trio.open_tcp_stream(*address) as stream:
        return await ask(stream)


async def test_several_binds_at_once(app: Hump, tmp_path: Path) -> None:
    """Each is answered at, and told of in their order."""
    app.binds = [
        "127.0.0.1:0",
        f"unix:{tmp_path / 'a'}",
        "http://127.0.0.1:0",
        f"unix:{tmp_path}/b",
    ]
    async with served(app):
        first, unix, second, _ = app.addresses
        assert unix == f"unix:{tmp_path / 'a'}"
        assert first != second
        for url in (first, second):
            assert b"hello" in await ask_at(address_of(url))
        async with await trio.open_unix_socket(tmp_path / "b") as stream:
            assert b"hello" in await ask(stream)
    assert app.addresses == ()


async def test_both_families_side_by_side() -> None:
    """Each has a socket of its own, so that they can share a port."""
    first = await open_one("0.0.0.0:0")
    port = first.socket.getsockname()[1]
    second = await open_one(f"[::]:{port}")
    assert first.url() == f"http://0.0.0.0:{port}"
    assert second.url("https") == f"https://[::]:{port}"
    for each in (first, second):
        each.close()


async def test_all_are_opened_or_none() -> None:
    """What stands before a bind that can't be had is closed again."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(BindError) as caught:
            await open_binds([f"127.0.0.1:{port}", address], Sockets())
        assert caught.value.address == address
        bound = await open_one(f"127.0.0.1:{port}")
        bound.close()


async def test_who_is_in_the_way_is_named() -> None:
    """Where the system tells it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(BindError) as caught:
            await open_one(address)
    process = f"process {os.getpid()}"
    assert str(caught.value).startswith(f"cannot listen on {address}: Address already in use")
    if sys.platform == "linux":
        assert str(caught.value).endswith(f", {process})")


async def test_options_of_a_socket() -> None:
    """No port is shared that wasn't meant to be, and connections wait in the backlog."""
    for reuse_port in (False, True):
        bound = await open_one("127.0.0.1:0", Sockets(reuse_port=reuse_port, backlog=7))
        shared = bound.socket.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
        assert bool(shared) is reuse_port
        assert not bound.socket.getblocking()
        assert not bound.socket.get_inheritable()
        bound.close()


async def test_a_shared_port() -> None:
    """Who asks for it may listen where somebody else listens that has asked for it too."""
    sharing = Sockets(reuse_port=True)
    first = await open_one("127.0.0.1:0", sharing)
    address = f"127.0.0.1:{first.socket.getsockname()[1]}"
    second = await open_one(address, sharing)
    with pytest.raises(BindError, match="in use"):
        await open_one(address)
    for each in (first, second):
        each.close()


async def test_a_system_that_shares_no_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Says so, rather than letting one process take all connections."""
    monkeypatch.delattr(socket, "SO_REUSEPORT")
    with pytest.raises(BindError, match="this system has no SO_REUSEPORT"):
        await open_one("127.0.0.1:0", Sockets(reuse_port=True))


class Families(Resolver):
    """Finds an address of each of some families.

    Args:
        families: Numbers; Linux has none called 99.
    """

    def __init__(self, *families: int) -> None:
        self.families = families

    async def find(self, host: bytes | None, port: int) -> list[tuple[int, str]]:
        """Return an address of each."""
        return [(each, "127.0.0.1") for each in self.families]


async def test_a_family_that_the_system_has_not_is_left_out() -> None:
    """As IPv6 may be; a host without any other address can't be listened on."""
    trio.socket.set_custom_hostname_resolver(Families(99, socket.AF_INET))
    bound = await open_one("both.test:0")
    bound.close()
    trio.socket.set_custom_hostname_resolver(Families(99))
    with pytest.raises(BindError, match=os.strerror(errno.EAFNOSUPPORT)):
        await open_one("both.test:0")


async def test_a_socket_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """For another reason than its family is an error with that reason."""

    def refuse(*args: object) -> socket.socket:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    trio.socket.set_custom_hostname_resolver(Families(socket.AF_INET))
    monkeypatch.setattr(bound_socket, "ListeningSocket", refuse)
    with pytest.raises(BindError, match=os.strerror(errno.EMFILE)):
        await open_one("both.test:80")


async def test_a_descriptor_that_listens(app: Hump, listening: socket.socket) -> None:
    """Is served as it is, and closed at the end; no program that is started inherits it."""
    listening.set_inheritable(True)
    app.binds = [f"fd://{listening.fileno()}"]
    async with served(app) as url:
        assert address_of(url) == listening.getsockname()
        assert not listening.get_inheritable()
        assert b"hello" in await ask_at(listening.getsockname())
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(listening.fileno())


@pytest.mark.parametrize("kind", ["path", "abstract", "autobound"])
async def test_a_unix_descriptor(app: Hump, tmp_path: Path, kind: str) -> None:
    """Its family is found, its name shown, and its file is left to who has made it."""
    if kind != "path" and sys.platform != "linux":
        pytest.skip("abstract sockets are Linux's")
    names = {"path": str(tmp_path / "app.sock"), "abstract": f"\0{tmp_path}", "autobound": ""}
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(names[kind])
        sock.listen()
        name = sock.getsockname()
        app.binds = [f"fd://{sock.fileno()}"]
        async with served(app) as url:
            assert url == "unix:" + os.fsdecode(name).replace("\0", "@")
            async with await trio.open_unix_socket(name) as stream:
                assert b"hello" in await ask(stream)
        sock.detach()
    assert os.listdir(tmp_path) == (["app.sock"] if kind == "path" else [])


def make_file(path: Path) -> int:
    """Return the descriptor of a file."""
    return os.open(path / "file", os.O_CREAT)


def make_silent(path: Path) -> int:
    """Return the descriptor of a socket that doesn't listen."""
    return socket.socket().detach()


def make_datagram(path: Path) -> int:
    """Return the descriptor of a socket without connections."""
    return socket.socket(type=socket.SOCK_DGRAM).detach()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_file, "Socket operation on non-socket"),
        (make_silent, "is a socket that doesn't listen"),
        (make_datagram, "is a socket, but not one of streams"),
    ],
)
async def test_a_descriptor_that_does_not_listen(
    make: Callable[[Path], int], reason: str, tmp_path: Path
) -> None:
    """The error says what it is instead, and it stays open: it is somebody else's."""
    number = make(tmp_path)
    with pytest.raises(BindError, match=rf"cannot listen on fd://{number}: .*{reason}"):
        await open_one(f"fd://{number}")
    os.close(number)


async def test_a_descriptor_that_is_not_open(tmp_path: Path) -> None:
    """The error says so."""
    number = make_file(tmp_path)
    os.close(number)
    with pytest.raises(BindError, match=rf"cannot listen on fd://{number}: Bad file descriptor"):
        await open_one(f"fd://{number}")


async def test_systemd_without_a_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clear error for who starts a service by hand."""
    monkeypatch.delenv("LISTEN_FDS", raising=False)
    with pytest.raises(BindError, match="cannot listen on systemd: no sockets were passed"):
        await open_one("systemd")


async def test_sockets_that_were_opened_elsewhere(app: Hump, tmp_path: Path) -> None:
    """Are served and closed, and their files stay: there may be others who serve them."""
    path = tmp_path / "app.sock"
    opened = await open_binds(["127.0.0.1:0", f"unix:{path}"], Sockets())
    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:

            async def serve(task_status: trio.TaskStatus[tuple[str, ...]]) -> None:
                await app.serve(sockets=opened, task_status=task_status)

            url, unix = await nursery.start(serve)
            assert b"hello" in await ask_at(address_of(url))
            assert unix == f"unix:{path}"
            app.shutdown()
    assert os.listdir(tmp_path) == [path.name]
    assert all(each.socket.fileno() == -1 for each in opened)
    for each in opened:
        each.close()
    assert os.listdir(tmp_path) == []


async def test_https_without_a_certificate() -> None:
    """Is an error, not plain text at a place that was meant to be secure."""
    app = Hump(binds=["https://127.0.0.1:0"])
    with pytest.raises(BindError, match=r"cannot listen on https://127.0.0.1:0: HTTPS takes tls"):
        await app.serve()


async def test_sockets_of_a_start_that_fails_are_closed(app: Hump) -> None:
    """They were handed over."""
    opened = await open_binds(["127.0.0.1:0"], Sockets())

    @app.lifespan
    async def fail(app: Hump) -> AsyncIterator[None]:
        raise RuntimeError("no shop today")
        yield

    with pytest.raises(RuntimeError, match="no shop today"):
        await app.serve(sockets=opened)
    assert opened[0].socket.fileno() == -1


def test_a_socket_without_a_file() -> None:
    """Has nothing to remove, whatever it was opened for."""
    with socket.socket() as sock:
        for bind in (Bind(text=""), parse_bind("unix:/nowhere")):
            BoundSocket(sock, bind).remove_file()
        BoundSocket(sock, Bind(text=""), (0, 0)).remove_file()
