"""Who asks in plain text is sent to HTTPS."""

import logging
from typing import Any

import pytest

from hump_trio import Forwarded, HttpsRedirect, Hump, Request
from tests.support.wire import ask, request

pytestmark = pytest.mark.plain_only("its requests come in plain text")


def app_of(*middleware: Any) -> Hump:
    """Return an app with some middleware."""
    app = Hump()
    for each in middleware:
        app.middleware(each)

    @app.route("/{rest:path}", methods=["GET", "POST", "OPTIONS"])
    async def index(request: Request, rest: str) -> str:
        return request.scheme

    return app


@pytest.mark.parametrize(
    ("host", "target", "location"),
    [
        ("a", "/", "https://a/"),
        ("a:80", "/b?c=d&e=%20", "https://a/b?c=d&e=%20"),
        ("a:", "/", "https://a/"),
        ("[::1]", "/", "https://[::1]/"),
        ("[::1]:8080", "/", "https://[::1]/"),
        ("a", "//elsewhere.example/", "https://a//elsewhere.example/"),
        ("a", "http://b:80/c?d=http://e/", "https://b/c?d=http://e/"),
        ("a", "HTTP://b?c", "https://b/?c"),
        ("a", "http://b", "https://b/"),
    ],
)
async def test_the_same_target_of_the_same_host(host: str, target: str, location: str) -> None:
    """Over HTTPS, at its own port; a target in absolute form tells the host."""
    data = f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    [answer] = await ask(app_of(HttpsRedirect()), data)
    assert (answer.status, answer.headers["location"]) == (308, location)


async def test_another_port_and_status() -> None:
    """The port is told where it isn't the usual one, and 307 is for now."""
    data = request("POST", "/x", "Content-Length: 0")
    [answer] = await ask(app_of(HttpsRedirect(port=8443, status=307)), data, "POST")
    assert (answer.status, answer.headers["location"]) == (307, "https://a:8443/x")


async def test_options_of_the_server_as_a_whole() -> None:
    """There is no such target in a URL: it becomes that of the root."""
    [answer] = await ask(app_of(HttpsRedirect()), request("OPTIONS", "*"), "OPTIONS")
    assert answer.headers["location"] == "https://a/"


async def test_without_a_host_there_is_nowhere_to_go(caplog: pytest.LogCaptureFixture) -> None:
    """Of HTTP/1.0: 400, told as a refusal."""
    caplog.set_level(logging.INFO, "hump_trio.access")
    [answer] = await ask(app_of(HttpsRedirect()), b"GET / HTTP/1.0\r\n\r\n")
    assert answer.status == 400
    assert [record.getMessage().split()[-1] for record in caplog.records] == ["refused"]


@pytest.mark.parametrize(("scheme", "status"), [("https", 200), ("http", 308)])
async def test_behind_a_proxy_that_says_the_scheme(scheme: str, status: int) -> None:
    """`Forwarded` before it learns it from the proxy."""
    forwarded = Forwarded(proxies=["unix", "127.0.0.1"], fields=["x-forwarded-proto"])
    data = request("GET", "/", f"X-Forwarded-Proto: {scheme}")
    [answer] = await ask(app_of(forwarded, HttpsRedirect()), data)
    assert answer.status == status


@pytest.mark.parametrize(
    "options", [{"port": 0}, {"port": 65_536}, {"port": "443"}, {"status": 303}, {"status": 200}]
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    """When it is made."""
    with pytest.raises(ValueError, match=r"port is|redirect to HTTPS"):
        HttpsRedirect(**options)
