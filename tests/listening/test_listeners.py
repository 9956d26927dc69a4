"""Listening sockets: binding, accepting within limits, and the backlog at the end."""

import os
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trio
import trio.testing

from hump_trio import BindError, Hump, Limits, Sockets
from hump_trio.listening import listeners
from hump_trio.listening.bind import Bind, join_bind
from hump_trio.listening.bound_socket import PORT_ATTEMPTS, BoundSocket, open_binds
from hump_trio.listening.listeners import SocketListener
from hump_trio.transports.system import PORTABLE, SYSTEM, System
from hump_trio.transports.transport import Transport
from tests.support.loopback import (
    PATIENCE_SECONDS,
    address_of,
    ask,
    connect_to,
    receive_rest,
    served,
)
from tests.support.resolver import Resolver


async def no_wait() -> int:
    """Let one connection after the other in."""
    return 1


def ignore(transport: Transport) -> None:
    """Refuse what is in the backlog."""
    transport.close()


async def open_all(host: str, port: int) -> list[SocketListener]:
    """Return the listeners of an address, which let every connection in."""
    opened = await open_binds([join_bind(host, port)], Sockets())
    return [SocketListener(bound, no_wait, ignore) for bound in opened]


class Mishaps(socket.socket):
    """A listening socket whose next calls of `accept` go wrong.

    Attributes:
        mishaps: What happens, one after the other: an error is raised, and None gives a
            connection that its client has reset already.
    """

    mishaps: list[OSError | None]

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept, or fail."""
        if not self.mishaps:
            return super().accept()
        error = self.mishaps.pop(0)
        if error is not None:
            raise error
        gone = socket.socket()
        gone.close()
        return gone, ("192.0.2.1", 1)


def listen(*mishaps: OSError | None) -> BoundSocket:
    """Return a listening socket that has some mishaps before it."""
    sock = Mishaps()
    sock.mishaps = list(mishaps)
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    sock.setblocking(False)
    return BoundSocket(sock, Bind(text="127.0.0.1:0"))


@contextmanager
def without_descriptors() -> Iterator[None]:
    """Leave this process not one descriptor."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


class TwoAddresses(Resolver):
    """Knows one name, ``both.test``, with two addresses; their port may be taken.

    Args:
        taken: How many times the port that was found for the first address turns out to be
            taken for the second one.
    """

    def __init__(self, taken: int = 0) -> None:
        self.taken = taken
        self.attempts = 0
        self.obstacles: list[socket.socket] = []

    async def find(self, host: bytes | None, port: int) -> list[tuple[int, str]]:
        """Return the addresses of the one name."""
        if host != b"both.test":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        self.attempts += port == 0
        if port and self.taken:
            self.taken -= 1
            self.obstacles.append(socket.create_server(("127.0.0.2", port)))
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.0.0.2")]


@pytest.fixture
async def resolver() -> AsyncIterator[TwoAddresses]:
    """Stand in for the system's name resolution in this Trio run."""
    resolver = TwoAddresses()
    trio.socket.set_custom_hostname_resolver(resolver)
    yield resolver
    for obstacle in resolver.obstacles:
        obstacle.close()


async def test_a_port_in_use_is_named() -> None:
    """The error says which address can't be listened on, and why, in the system's words."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BindError, match="in use") as caught:
            await open_all("127.0.0.1", port)
    assert caught.value.address == f"127.0.0.1:{port}"
    assert str(caught.value) == f"cannot listen on 127.0.0.1:{port}: {caught.value.reason}"


async def test_a_taken_port_is_tried_once(resolver: TwoAddresses) -> None:
    """A port that the user chose isn't tried again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BindError):
            await open_all("both.test", port)
    assert resolver.attempts == 0


async def test_an_unknown_host_is_named(resolver: TwoAddresses) -> None:
    """A name that nobody knows is an error that names it."""
    with pytest.raises(BindError, match=r"nowhere\.test:80: Name or service not known"):
        await open_all("nowhere.test", 80)


async def test_an_impossible_host_is_named() -> None:
    """A name that can't be one is the same kind of error."""
    with pytest.raises(BindError, match=r"x+:80: .*label"):
        await open_all("x" * 64, 80)


@pytest.mark.parametrize(
    ("host", "shown"), [("", r"\*"), ("127.0.0.1", "127.0.0.1"), ("::1", r"\[::1\]")]
)
async def test_an_address_is_shown_as_in_a_url(host: str, shown: str) -> None:
    """An error shows every kind of host so that its port can be told from it."""
    with socket.create_server((host, 0), family=family_of(host)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BindError, match=f"cannot listen on {shown}:{port}: "):
            await open_all(host, port)


def family_of(host: str) -> socket.AddressFamily:
    """Return the family of a literal address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


async def test_every_interface_shares_one_port() -> None:
    """Port 0 with every interface is one ephemeral port, for IPv4 and IPv6."""
    listeners = await open_all("", 0)
    try:
        addresses = [address_of(listener.url) for listener in listeners]
        assert {host for host, _ in addresses} == {"0.0.0.0", "::"}
        assert len({port for _, port in addresses}) == 1
        for loopback in ("127.0.0.1", "::1"):
            client = await trio.open_tcp_stream(loopback, addresses[0][1])
            await client.aclose()
    finally:
        for listener in listeners:
            await listener.aclose()


async def test_a_port_that_is_half_taken_is_given_up(resolver: TwoAddresses) -> None:
    """If an ephemeral port is free for one address only, another one is found."""
    resolver.taken = 2
    first, second = await open_all("both.test", 0)
    async with first, second:
        # Other programs of the machine may have been in the way as well.
        assert 2 < resolver.attempts <= PORT_ATTEMPTS
        assert address_of(first.url)[1] == address_of(second.url)[1]


async def test_the_search_for_a_port_ends(resolver: TwoAddresses) -> None:
    """Where no port is free for every address, that is an error after some attempts."""
    resolver.taken = PORT_ATTEMPTS + 1
    with pytest.raises(BindError, match=r"both\.test:0: .*in use"):
        await open_all("both.test", 0)
    assert resolver.attempts == PORT_ATTEMPTS


async def test_clients_that_left_are_passed_over() -> None:
    """A connection that was reset before it was accepted doesn't keep the next one waiting."""
    bound = listen(ConnectionAbortedError(), None, ConnectionAbortedError())
    async with SocketListener(bound, no_wait, ignore) as listener:
        client = await trio.open_tcp_stream(*address_of(listener.url))
        with trio.fail_after(PATIENCE_SECONDS):
            transport = await listener.accept()
        assert transport.client == client.socket.getsockname()
        await transport.aclose()
        await client.aclose()
    assert isinstance(bound.socket, Mishaps)
    assert not bound.socket.mishaps


async def test_accepting_when_nothing_is_there_any_more() -> None:
    """A connection that vanished between the system's report and the call is waited out."""
    async with SocketListener(listen(BlockingIOError()), no_wait, ignore) as listener:
        client = await trio.open_tcp_stream(*address_of(listener.url))
        with trio.fail_after(PATIENCE_SECONDS):
            transport = await listener.accept()
        await transport.aclose()
        await client.aclose()


@pytest.mark.parametrize("system", [SYSTEM, PORTABLE])
async def test_what_is_accepted_has_the_options_of_the_listener(system: System) -> None:
    """Where the system hands them on: each connection costs a call less."""
    bound = listen()
    async with SocketListener(bound, no_wait, ignore, system=system):
        options = bound.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert bool(options) is system.hands_options_on


async def test_closing_a_listener_ends_its_accept() -> None:
    """As for every listener of Trio's; else it would wait for a connection that can't come."""
    listener = SocketListener(listen(), no_wait, ignore)

    async def accept() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await listener.accept()

    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(accept)
            await trio.testing.wait_all_tasks_blocked()
            await listener.aclose()


async def test_running_out_of_descriptors_pauses_accepting(
    caplog: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
) -> None:
    """Each shortage is logged once, however long it lasts, and accepting resumes after it."""
    async with SocketListener(listen(), no_wait, ignore) as listener:
        for shortage in range(1, 3):
            client = await trio.open_tcp_stream(*address_of(listener.url))
            with without_descriptors(), trio.move_on_after(5) as scope:
                await listener.accept()
            assert scope.cancelled_caught
            assert caplog.text.count("accepting pauses: ") == shortage
            with trio.fail_after(1):
                transport = await listener.accept()
            await transport.aclose()
            await client.aclose()


async def test_a_flood_is_accepted_a_few_at_a_time() -> None:
    """Whoever is connected already waits for few others, however many come at once."""
    adopted: list[Transport] = []

    async def wait_room() -> int:
        return 1000

    async with SocketListener(listen(), wait_room, adopted.append) as listener:
        clients = [await trio.open_tcp_stream(*address_of(listener.url)) for _ in range(20)]
        for turn in (1, 2):
            adopted.append(await listener.accept())
            assert len(adopted) <= 10 * turn
    assert len(adopted) == 20  # the rest at the end
    for each in (*adopted, *clients):
        await each.aclose()


async def test_the_backlog_is_handed_over_at_the_end() -> None:
    """Who connected before the end and wasn't accepted yet is adopted, not reset."""
    adopted: list[Transport] = []
    listener = SocketListener(listen(), no_wait, adopted.append)
    clients = [await trio.open_tcp_stream(*address_of(listener.url)) for _ in range(3)]
    await listener.aclose()
    for transport, client in zip(adopted, clients, strict=True):
        await transport.send_all(b"welcome")
        await transport.aclose()
        assert await receive_rest(client) == b"welcome"
        await client.aclose()
    await listener.aclose()
    assert len(adopted) == 3


async def test_a_flood_at_the_end_is_not_adopted_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a backlog can hold is handed over, what goes on coming isn't waited for."""
    monkeypatch.setattr(listeners, "LAST_ACCEPTS", 2)
    adopted: list[Transport] = []
    listener = SocketListener(listen(), no_wait, adopted.append)
    clients = [await trio.open_tcp_stream(*address_of(listener.url)) for _ in range(3)]
    await listener.aclose()
    assert len(adopted) == 2
    with pytest.raises(trio.BrokenResourceError):
        await receive_rest(clients[2])
    for each in (*adopted, *clients):
        await each.aclose()


async def test_a_backlog_without_descriptors_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    """Closing while out of descriptors closes all the same, and says what is lost."""
    listener = SocketListener(listen(), no_wait, ignore)
    client = await trio.open_tcp_stream(*address_of(listener.url))
    with without_descriptors():
        await listener.aclose()
    assert "connections in the backlog are lost: " in caplog.text
    with pytest.raises(trio.BrokenResourceError):
        await receive_rest(client)
    await client.aclose()


async def test_a_cancelled_accept_loses_no_connection() -> None:
    """Who was waited for while there was no room is still in the backlog after a cancellation."""
    adopted: list[Transport] = []
    async with SocketListener(listen(), trio.sleep_forever, adopted.append) as listener:
        client = await trio.open_tcp_stream(*address_of(listener.url))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listener.accept)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    [transport] = adopted
    await transport.aclose()
    await client.aclose()


@pytest.fixture
def narrow_app() -> Hump:
    """An app that takes one connection at a time."""
    app = Hump("127.0.0.1", 0, limits=Limits(connections=1))

    @app.get("/")
    async def index() -> str:
        return "hello"

    return app


async def test_the_idle_connection_makes_room(narrow_app: Hump) -> None:
    """At the limit, the connection that has been idle longest is closed for the next one."""
    async with served(narrow_app):
        first = await connect_to(narrow_app)
        assert b"hello" in await ask(first)
        second = await connect_to(narrow_app)
        assert b"hello" in await ask(second)
        assert await receive_rest(first) == b""
        await first.aclose()
        await second.aclose()


@pytest.mark.parametrize("first_leaves", [True, False])
async def test_accepting_waits_for_room(narrow_app: Hump, *, first_leaves: bool) -> None:
    """At the limit with every connection busy, the next one waits until one leaves or is idle."""
    running, may_answer = trio.Event(), trio.Event()
    entered = []

    @narrow_app.get("/slow")
    async def slow() -> str:
        entered.append("slow")
        running.set()
        await may_answer.wait()
        return "slow"

    @narrow_app.get("/next")
    async def following() -> str:
        entered.append("next")
        return "next"

    async with served(narrow_app), trio.open_nursery() as nursery:
        first, second = await connect_to(narrow_app), await connect_to(narrow_app)
        nursery.start_soon(ask, first, "/slow")
        await running.wait()
        nursery.start_soon(ask, second, "/next")
        await trio.testing.wait_all_tasks_blocked()
        assert entered == ["slow"]
        may_answer.set()
        if first_leaves:
            await first.send_eof()
    assert entered == ["slow", "next"]
    await first.aclose()
    await second.aclose()
