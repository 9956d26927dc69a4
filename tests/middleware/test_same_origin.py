"""`SameOrigin`: who may change something, by what browsers say of a request's page."""

import logging
from contextlib import nullcontext
from typing import Any

import pytest
from trio.testing import MockClock

from hump_trio import (
    Cors,
    Forwarded,
    HttpException,
    Hump,
    Request,
    RouteError,
    SameOrigin,
    WebSocket,
)
from hump_trio.testing import Refused, client, connect, websocket
from tests.middleware.onion import a_request, check_cancelled_handler, pass_through
from tests.support.wire import parse_answers, read_to_end, read_until, request

SITE = "sec-fetch-site"
SHOP = "https://shop.example"
EVIL = "https://evil.example"
SSO = "https://sso.example"


async def test_a_refusal_is_told_as_one() -> None:
    """The outcome is ``refused``, as that of any request no handler is asked for."""
    request = a_request("POST", {SITE: "cross-site"}, scheme="https", host="shop.example")
    with pytest.raises(HttpException):
        await pass_through(SameOrigin(), request)
    assert request.outcome == "refused"


async def status_of(
    middleware: SameOrigin,
    method: str = "POST",
    site: str | None = None,
    origin: str | None = None,
    **fields: Any,
) -> int:
    """Return the status that a request to the shop is answered with."""
    given = {SITE: site, "origin": origin}
    headers = {name: value for name, value in given.items() if value is not None}
    request = a_request(method, headers, **{"scheme": "https", "host": "shop.example", **fields})
    try:
        return (await pass_through(middleware, request)).status
    except HttpException as error:
        return error.status


@pytest.mark.parametrize(
    ("method", "site", "origin", "status"),
    [
        # What Go's `net/http.CrossOriginProtection` is tested with.
        ("POST", "same-origin", None, 200),
        ("POST", "none", None, 200),
        ("POST", "cross-site", None, 403),
        ("POST", "same-site", None, 403),
        ("POST", None, None, 200),
        ("POST", None, SHOP, 200),
        ("POST", None, EVIL, 403),
        ("POST", None, "null", 403),
        ("GET", "cross-site", None, 200),
        ("HEAD", "cross-site", None, 200),
        ("OPTIONS", "cross-site", None, 200),
        ("PUT", "cross-site", None, 403),
        # All methods but the safe ones, also those of other protocols.
        ("PATCH", "cross-site", None, 403),
        ("DELETE", "cross-site", None, 403),
        ("PROPFIND", "cross-site", None, 403),
        ("get", "cross-site", None, 403),
        # The page of a form with `no-referrer` sends no origin, and the browser knows better.
        ("POST", "same-origin", "null", 200),
        ("POST", "same-origin", EVIL, 200),
        ("POST", "cross-site", SHOP, 403),
        ("POST", "cross-site", "null", 403),
        # What no browser sends.
        ("POST", "", SHOP, 403),
        ("POST", "Same-Origin", None, 403),
        ("POST", "same-origin, cross-site", None, 403),
        ("POST", "unheard-of", None, 403),
        ("POST", None, "", 403),
        ("POST", None, "shop.example", 403),
        ("POST", None, f"{SHOP}/", 403),
        ("POST", None, f"{SHOP}, {SHOP}", 403),
        ("POST", None, "HTTPS://shop.example", 403),
        # Other schemes, ports and hosts that look alike.
        ("POST", None, "http://shop.example", 403),
        ("POST", None, f"{SHOP}:8443", 403),
        ("POST", None, f"{SHOP}.evil.example", 403),
        ("POST", None, f"{SHOP}@evil.example", 403),
        ("POST", None, f"{SHOP}.", 403),
        ("POST", None, "https://xn--shp-hoa.example", 403),
        ("POST", None, "https://sh\xf6p.example", 403),
    ],
)
async def test_who_passes(method: str, site: str | None, origin: str | None, status: int) -> None:
    """The app's own pages and what is no browser; by the origin where a browser says no more."""
    assert await status_of(SameOrigin(), method, site, origin) == status


@pytest.mark.parametrize(
    ("origin", "site", "status"),
    [
        (SSO, None, 200),
        (SSO, "cross-site", 200),
        (SSO, "same-site", 200),
        (EVIL, None, 403),
        (EVIL, "cross-site", 403),
        ("null", "cross-site", 403),
        (f"{SSO}, {EVIL}", None, 403),
        (f"{SSO}.", None, 403),
    ],
)
async def test_trusted_origins_pass(origin: str, site: str | None, status: int) -> None:
    """Themselves alone, as browsers write them; another table of Go's, and more."""
    assert await status_of(SameOrigin(trusted=[SSO]), "POST", site, origin) == status


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/hooks/stripe", 200),
        ("/hooks/stripe?a=/b", 200),
        ("https://shop.example/hooks/stripe", 200),
        ("/hooks/a/b", 200),
        ("/hooks/", 200),
        ("/hooks", 403),
        ("/hooksy/a", 403),
        ("/HOOKS/a", 403),
        ("/only/123", 200),
        ("/only/x", 403),
        ("/only/123/foo", 403),
        ("/api/", 403),
        ("/", 403),
        ("/?/hooks/a", 403),
        ("//hooks/a", 403),
        ("/hooks/../api", 403),
        ("/hooks/%2e%2E/api", 403),
        ("/hooks/..%2fapi", 403),
        ("/hooks%2fa", 403),
        ("/%68ooks/a", 200),
    ],
)
async def test_exempt_paths(target: str, status: int) -> None:
    """Paths that a template takes as a route's does; none that leads elsewhere in some app."""
    app, middleware = Hump(), SameOrigin(exempt=["/hooks/{rest:path}", "/only/{number:int}"])
    app.middleware(middleware)

    @app.post("/{rest:path}")
    async def take(rest: str) -> str:
        return rest

    async with connect(app) as raw:
        await raw.send(request("POST", target, f"Origin: {EVIL}", "Connection: close"))
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert answer.status == status


async def test_pages_of_the_same_site() -> None:
    """They are others', unless told otherwise."""
    for allowed, status in ((False, 403), (True, 200)):
        middleware = SameOrigin(allow_same_site=allowed)
        assert await status_of(middleware, "POST", "same-site", "https://a.shop.example") == status
        assert await status_of(middleware, "POST", "cross-site", EVIL) == 403
        assert await status_of(middleware, "POST", None, "https://a.shop.example") == 403


@pytest.mark.parametrize(
    ("scheme", "host", "origin", "status"),
    [
        ("http", "shop.example", "http://shop.example", 200),
        ("http", "shop.example:80", "http://shop.example", 200),
        ("http", "shop.example:8000", "http://shop.example:8000", 200),
        ("http", "SHOP.example:8000", "http://shop.example:8000", 200),
        ("http", "[::1]:8000", "http://[::1]:8000", 200),
        ("https", "shop.example:443", SHOP, 200),
        ("https", "shop.example.", f"{SHOP}.", 200),
        ("http", "shop.example", SHOP, 403),
        ("https", "shop.example:80", SHOP, 403),
        ("http", "shop.example:443", SHOP, 403),
        ("http", "[::1]", "http://[::1]:8000", 403),
        ("https", "", "https://", 403),
        ("https", "", SHOP, 403),
    ],
)
async def test_the_origin_that_was_asked_for(
    scheme: str, host: str, origin: str, status: int
) -> None:
    """Its port is the scheme's if it has none; upper case in a host means nothing."""
    asked = {"scheme": scheme, "host": host}
    assert await status_of(SameOrigin(), "POST", None, origin, **asked) == status


async def test_behind_a_proxy() -> None:
    """The scheme and the host are those that `Forwarded` has set before."""
    app = Hump()
    fields = ["x-forwarded-proto", "x-forwarded-host"]
    app.middleware(Forwarded(proxies=["unix", "127.0.0.1"], fields=fields))
    app.middleware(SameOrigin())

    @app.post("/")
    async def pay() -> str:
        return "paid"

    told = {"x-forwarded-proto": "https", "x-forwarded-host": "shop.example"}
    async with client(app) as http:
        own = await http.post("/", headers={**told, "origin": SHOP})
        plain = await http.post("/", headers={**told, "origin": "http://shop.example"})
        inner = await http.post("/", headers={**told, "origin": str(http.base_url)})
    assert (own.status_code, plain.status_code, inner.status_code) == (200, 403, 403)


async def test_a_refusal_comes_before_the_body(autojump_clock: MockClock) -> None:
    """And instead of a 100; the app's own pages are asked for it."""
    app = Hump()
    app.middleware(SameOrigin())

    @app.post("/")
    async def take(request: Request) -> bytes:
        return request.body

    fields = ["Content-Length: 4", "Expect: 100-continue"]
    async with connect(app) as raw:
        await raw.send(request("POST", "/", f"{SITE}: cross-site", *fields))
        [refused] = parse_answers(await read_to_end(raw), "POST")
    assert refused.status == 403
    async with connect(app) as raw:
        await raw.send(request("POST", "/", f"{SITE}: same-origin", *fields, "Connection: close"))
        asked = await read_until(raw, b"\r\n\r\n")
        await raw.send(b"body")
        [taken] = parse_answers(await read_to_end(raw), "POST")
    assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (taken.status, taken.text) == (200, "body")


async def test_origins_of_cors_are_not_trusted() -> None:
    """That a page may read answers doesn't say that it may act as a visitor; it reads the 403."""
    app = Hump()
    app.middleware(Cors(origins=[SSO], credentials=True))
    app.middleware(SameOrigin())

    @app.post("/")
    async def pay() -> str:
        return "paid"

    async with client(app) as http:
        answer = await http.post("/", headers={"origin": SSO})
        asked = {"origin": SSO, "access-control-request-method": "POST", SITE: "cross-site"}
        preflight = await http.options("/", headers=asked)
    assert (answer.status_code, preflight.status_code) == (403, 204)
    assert answer.headers["access-control-allow-origin"] == SSO


@pytest.mark.parametrize(
    ("headers", "is_open"),
    [
        ({}, True),
        ({"origin": EVIL}, False),
        ({"origin": "null"}, False),
        ({SITE: "same-site"}, False),
        ({"origin": SSO}, True),
        ({"origin": SSO, SITE: "cross-site"}, True),
        ({SITE: "same-origin"}, True),
    ],
)
async def test_websockets_are_checked(headers: dict[str, str], is_open: bool) -> None:
    """Although their handshake is a GET: a page can open one anywhere, with cookies."""
    app = Hump()
    app.middleware(SameOrigin(trusted=[SSO]))

    @app.websocket("/", origins=["*"])
    async def talk(ws: WebSocket) -> None:
        await ws.send("hello")

    refused = nullcontext() if is_open else pytest.raises(Refused, match="403")
    with refused:
        async with websocket(app, "/", headers=headers) as ws:
            assert await ws.receive() == "hello"


async def test_a_refusal_is_an_answer_like_any_other(caplog: pytest.LogCaptureFixture) -> None:
    """An exception handler may word it, and the log says what the browser has said."""
    app = Hump()
    app.middleware(SameOrigin())

    @app.exception_handler(HttpException)
    async def word(request: Request, error: HttpException) -> str:
        return f"{error.status}: {error.detail}"

    @app.post("/pay")
    async def pay() -> str:
        raise AssertionError("a handler is called for another site")

    caplog.set_level(logging.INFO, "hump_trio")
    async with client(app) as http:
        answer = await http.post("/pay", headers={"origin": EVIL, SITE: "cross-site"})
    assert answer.text == "403: this request comes from a page of another site"
    [line] = [each.getMessage() for each in caplog.records if "refused:" in each.getMessage()]
    asked, _, told = line.partition(" was refused: ")
    assert asked in ("POST /pay of http://testserver", "POST /pay of https://testserver")
    assert told == "origin 'https://evil.example', sec-fetch-site 'cross-site'"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"trusted": SSO}, TypeError),
        ({"trusted": None}, TypeError),
        ({"trusted": [7]}, TypeError),
        ({"trusted": ["null"]}, ValueError),
        ({"trusted": ["*"]}, ValueError),
        ({"trusted": ["sso.example"]}, ValueError),
        ({"trusted": ["https://"]}, ValueError),
        ({"trusted": [f"{SSO}/"]}, ValueError),
        ({"trusted": [f"{SSO}/path"]}, ValueError),
        ({"trusted": [f"{SSO}?query=value"]}, ValueError),
        ({"trusted": [f"{SSO}#fragment"]}, ValueError),
        ({"trusted": ["https://ex ample.com"]}, ValueError),
        ({"trusted": [f"{SSO}:443"]}, ValueError),
        ({"trusted": ["HTTPS://sso.example"]}, ValueError),
        ({"trusted": ["https://*.example"]}, ValueError),
        ({"trusted": [""]}, ValueError),
        ({"exempt": "/hooks"}, TypeError),
        ({"exempt": [None]}, TypeError),
        ({"exempt": ["hooks"]}, RouteError),
        ({"exempt": ["/hooks/{rest:part}"]}, RouteError),
        ({"exempt": ["/{rest:path}/hooks"]}, RouteError),
        ({"exempt": ["/hooks/../x"]}, RouteError),
        ({"allow_same_site": "no"}, TypeError),
        ({"allow_same_site": None}, TypeError),
    ],
)
def test_options_that_make_no_sense(options: Any, error: type[Exception]) -> None:
    """They are refused where they are written."""
    with pytest.raises(error):
        SameOrigin(**options)


def test_patterns_are_no_templates() -> None:
    """A star is told the form of a template: taken literally, it would exempt nothing."""
    with pytest.raises(RouteError, match=r"as '/hooks/{rest:path}', not '/hooks/\*'$"):
        SameOrigin(exempt=["/hooks/*"])


async def test_a_handler_below_can_be_cancelled(autojump_clock: MockClock) -> None:
    """The layer holds nothing."""
    await check_cancelled_handler(SameOrigin())
