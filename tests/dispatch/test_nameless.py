"""Limits by address are served where clients have addresses, and nowhere else."""

import socket
from pathlib import Path
from typing import Any

import pytest
import trio

from hump_trio import BindError, Forwarded, Hump, RateLimit, Router, Sockets, rate_limit
from tests.support.loopback import served
from tests.support.wire import parse_answers, request

NEEDS = "counts by the client's address"
FORWARDED = Forwarded(proxies=["unix"], fields=["x-forwarded-for"])
OVER_TCP = Forwarded(proxies=["10.0.0.0/8"], fields=["x-forwarded-for"])


def app_of(
    path: Path, *middleware: Any, inner: Any = (), decorators: Any = (), **options: Any
) -> Hump:
    """Return an app at a Unix socket, in which a router has a route.

    Args:
        path: The path of the socket.
        middleware: The app's.
        inner: The router's middleware.
        decorators: Of the handler.
        options: The app's.
    """
    app, router = Hump(binds=[f"unix:{path}"], **options), Router("/shop")
    for each in middleware:
        app.middleware(each)
    for each in inner:
        router.middleware(each)

    async def index() -> str:
        return "here"

    handler: Any = index
    for each in decorators:
        handler = each(handler)
    router.get("/")(handler)
    app.include(router)
    return app


def by_nothing(request: Any) -> str:
    """Return one key for all."""
    return "all"


@pytest.mark.parametrize(
    "options",
    [
        {"middleware": [RateLimit("1/minute")]},
        {"middleware": [OVER_TCP, RateLimit("1/minute")]},
        {"middleware": [RateLimit("1/minute"), FORWARDED]},
        {"inner": [RateLimit("1/minute"), FORWARDED]},
        {"decorators": [rate_limit("1/minute")]},
        {"middleware": [RateLimit("1/minute", by=by_nothing)], "inner": [RateLimit("1/minute")]},
        {"middleware": [RateLimit("1/minute")], "sockets": Sockets(proxy_protocol=("10.0.0.0/8",))},
    ],
)
async def test_clients_without_addresses_would_be_one(options: Any, tmp_path: Path) -> None:
    """Nothing is served then, and the file of the socket is gone; the message has what to write."""
    path = tmp_path / "a"
    middleware = options.pop("middleware", ())
    app = app_of(path, *middleware, **options)
    with pytest.raises(BindError, match=NEEDS) as caught:
        await app.serve()
    assert "RateLimit counts" in str(caught.value)
    assert caught.value.address == f"unix:{path}"
    assert not path.exists()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"middleware": [FORWARDED, RateLimit("1/minute")]},
        {"middleware": [FORWARDED], "inner": [RateLimit("1/minute")]},
        {"inner": [FORWARDED], "decorators": [rate_limit("1/minute")]},
        {"middleware": [RateLimit("1/minute", by=by_nothing)]},
        {"middleware": [RateLimit("1/minute")], "sockets": Sockets(proxy_protocol=("unix",))},
    ],
)
async def test_clients_that_are_named(options: Any, tmp_path: Path) -> None:
    """By a proxy that they can be told apart by, or by something else."""
    middleware = options.pop("middleware", ())
    async with served(app_of(tmp_path / "a", *middleware, **options)):
        pass


async def test_a_socket_that_was_handed_over(tmp_path: Path) -> None:
    """Its family counts, whatever the bind says; beside one of TCP, too."""
    from hump_trio.listening.bound_socket import open_binds

    app = app_of(tmp_path / "b", RateLimit("1/minute"))
    sockets = await open_binds(("127.0.0.1:0", f"unix:{tmp_path / 'a'}"), Sockets())
    with pytest.raises(BindError, match=NEEDS):
        await app.serve(sockets=sockets)
    assert all(each.socket.fileno() == -1 for each in sockets)
    over_tcp = await open_binds(("127.0.0.1:0",), Sockets())
    async with trio.open_nursery() as nursery:
        await nursery.start(
            lambda task_status: app.serve(sockets=over_tcp, task_status=task_status)
        )
        assert over_tcp[0].socket.family == socket.AF_INET
        app.shutdown()


async def test_networks_behind_a_proxy(tmp_path: Path) -> None:
    """Who has a network of IPv6 is one client by the PROXY header too, and IPv4 stays IPv4."""
    path, sockets = tmp_path / "a", Sockets(proxy_protocol=("unix",))
    statuses = []
    async with served(app_of(path, RateLimit("1/day"), sockets=sockets)):
        for address in ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1", "::ffff:10.0.0.1"):
            async with await trio.open_unix_socket(str(path)) as stream:
                line = f"PROXY TCP6 {address} 2001:db8::3 1 2\r\n"
                await stream.send_all(line.encode() + request("GET", "/shop/", "Connection: close"))
                data = b"".join([part async for part in stream])
            statuses += [answer.status for answer in parse_answers(data)]
    assert statuses == [200, 429, 200, 200]
