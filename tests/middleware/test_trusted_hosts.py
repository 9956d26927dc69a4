"""`TrustedHosts`: an app answers for its own hosts alone."""

from typing import Any

import pytest
from trio.testing import MockClock

from hump_trio import HttpException, Hump, TrustedHosts
from hump_trio.testing import connect
from tests.middleware.onion import a_request, check_cancelled_handler, pass_through
from tests.support.wire import parse_answers, read_to_end

HOSTS = TrustedHosts(
    [
        "example.com",
        "*.Shop.example",
        "127.0.0.1",
        "[::1]",
        "localhost",
        "www.rooted.example.",
        "*.under.example.",
    ]
)


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "EXAMPLE.com",
        "example.com:8342",
        "example.com:",
        "a.shop.example",
        "a.B.shop.example:80",
        "127.0.0.1:1",
        "[::1]",
        "[::1]:8342",
        "localhost",
        "example.com.",
        "example.com.:8342",
        "a.shop.example.",
        "www.rooted.example",
        "www.rooted.example.",
        "a.under.example",
        f"{'a.' * 300}shop.example:1",
    ],
)
async def test_its_own(host: str) -> None:
    """In any case, with and without a port, and a dot that says that it is a whole name."""
    assert (await pass_through(HOSTS, a_request(host=host))).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":80",
        "example.org",
        "www.example.com",
        "example.com.evil.example",
        "evil-example.com",
        "shop.example",
        ".shop.example",
        "evilshop.example",
        "evil.example:shop.example",
        "a.shop.example.evil",
        "127.0.0.2",
        "[::2]",
        "[::1",
        "::1",
        "[::1]evil",
        "[::1]:80:80",
        "example.com,evil.example",
        "evil.example,example.com",
        "example.com@evil.example",
        "example.com:80@evil.example",
        "*.shop.example.",
        "example.com..",
        ".",
        "[::1].",
        "localhost%00",
    ],
)
async def test_others(host: str) -> None:
    """421, told as a refusal, and nothing of the name comes back."""
    request = a_request(host=host)
    with pytest.raises(HttpException) as caught:
        await pass_through(HOSTS, request)
    assert request.outcome == "refused"
    assert (caught.value.status, caught.value.detail) == (421, "this host is not served here")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET / HTTP/1.1\r\nHost: example.com", 200),
        ("GET / HTTP/1.1\r\nHost: evil.example", 421),
        ("GET /unknown HTTP/1.1\r\nHost: evil.example", 421),
        ("GET http://example.com/ HTTP/1.1\r\nHost: evil.example", 200),
        ("GET http://evil.example/ HTTP/1.1\r\nHost: example.com", 421),
        ("GET / HTTP/1.0", 421),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: example.com", 421),
    ],
)
async def test_by_what_was_asked_for(head: str, status: int) -> None:
    """The target's authority counts before the field, and no other field does."""
    app = Hump()
    app.middleware(HOSTS)

    @app.get("/")
    async def index() -> str:
        return "index"

    async with connect(app) as raw:
        await raw.send(f"{head}\r\nConnection: close\r\n\r\n".encode())
        [answer] = parse_answers(await read_to_end(raw))
    assert answer.status == status


@pytest.mark.parametrize(
    ("hosts", "error"),
    [
        ("example.com", TypeError),
        (None, TypeError),
        ([7], TypeError),
        ([], ValueError),
        (["*"], ValueError),
        (["*example.com"], ValueError),
        (["a.*.com"], ValueError),
        (["*."], ValueError),
        (["example.com:80"], ValueError),
        (["https://example.com"], ValueError),
        (["example.com/"], ValueError),
        (["::1"], ValueError),
        (["[::1]:80"], ValueError),
        (["a b"], ValueError),
        ([""], ValueError),
        ([".example.com"], ValueError),
        (["bücher.example"], ValueError),
    ],
)
def test_options_that_make_no_sense(hosts: Any, error: type[Exception]) -> None:
    """They are refused where they are written."""
    with pytest.raises(error):
        TrustedHosts(hosts)


async def test_a_handler_below_can_be_cancelled(autojump_clock: MockClock) -> None:
    """The layer holds nothing."""
    await check_cancelled_handler(TrustedHosts(["a"]))
