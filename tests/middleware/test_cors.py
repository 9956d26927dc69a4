"""`Cors`: which pages of other origins may read what, as the Fetch standard's section 3.3 says."""

from typing import Any

import pytest
from trio.testing import MockClock

from hump_trio import Cors, HttpException, Hump, Response
from hump_trio.testing import client
from tests.middleware.onion import (
    a_request,
    check_cancelled_handler,
    check_unforeseen_error,
    pass_through,
)

SHOP = "https://shop.example"
ALLOWED = "access-control-allow-origin"
PREFLIGHT = {"origin": SHOP, "access-control-request-method": "PUT"}


def cors_fields(response: Any) -> dict[str, str]:
    """Return what an answer says of pages of other origins."""
    names = [name for name in response.headers if name.startswith("access-control")]
    return {name: response.headers[name] for name in [*names, "vary"] if name in response.headers}


@pytest.mark.parametrize(
    ("options", "origin", "fields"),
    [
        ({"origins": [SHOP]}, SHOP, {ALLOWED: SHOP, "vary": "Origin"}),
        ({"origins": [SHOP]}, None, {"vary": "Origin"}),
        ({"origins": [SHOP, "http://b:81"]}, "http://b:81", {ALLOWED: "http://b:81"}),
        ({"origins": [SHOP]}, "https://evil.example", {"vary": "Origin"}),
        ({"origins": [SHOP]}, "null", {"vary": "Origin"}),
        ({"origins": [SHOP]}, "https://SHOP.example", {"vary": "Origin"}),
        ({"origins": [SHOP]}, "http://shop.example", {"vary": "Origin"}),
        ({"origins": [SHOP]}, f"{SHOP}:444", {"vary": "Origin"}),
        ({"origins": [SHOP]}, f"{SHOP}.evil.example", {"vary": "Origin"}),
        ({"origins": [SHOP]}, f"{SHOP}/", {"vary": "Origin"}),
        ({"origins": [SHOP]}, f"{SHOP} {SHOP}", {"vary": "Origin"}),
        ({"origins": [SHOP]}, f"{SHOP}, {SHOP}", {"vary": "Origin"}),
        ({"origins": [SHOP]}, "", {"vary": "Origin"}),
        ({"origins": "*"}, SHOP, {ALLOWED: "*"}),
        ({"origins": "*"}, "null", {ALLOWED: "*"}),
        ({"origins": "*"}, None, {}),
        (
            {"origins": [SHOP], "credentials": True, "expose": ["x-a", "x-b"]},
            SHOP,
            {
                ALLOWED: SHOP,
                "access-control-allow-credentials": "true",
                "access-control-expose-headers": "x-a, x-b",
            },
        ),
        ({"origins": [SHOP], "credentials": True}, "https://evil.example", {"vary": "Origin"}),
        ({"origins": [f"{SHOP}."]}, f"{SHOP}.", {ALLOWED: f"{SHOP}."}),
        ({"origins": ["chrome-extension://abc"]}, "chrome-extension://abc", {}),
        ({"origins": ["http://[::1]:8080"]}, "http://[::1]:8080", {ALLOWED: "http://[::1]:8080"}),
    ],
)
async def test_who_may_read_an_answer(
    options: Any, origin: str | None, fields: dict[str, str]
) -> None:
    """A listed origin, itself and alone; caches hear that it depends on who asks."""
    headers = {} if origin is None else {"origin": origin}
    found = cors_fields(await pass_through(Cors(**options), a_request(headers=headers)))
    assert fields.items() <= found.items()
    if fields == {"vary": "Origin"} or not origin:
        assert found == fields
    assert ("vary" in found) == (options["origins"] != "*")


async def test_a_shared_answer_tells_nobody_elses_origin() -> None:
    """A handler returns the same answer for two pages; only the listed one is in it."""
    shared, cors = Response("text", headers={"vary": "Accept"}), Cors(origins=[SHOP])
    listed = await pass_through(cors, a_request(headers={"origin": SHOP}), shared)
    other = await pass_through(cors, a_request(headers={"origin": "https://a.example"}), shared)
    assert cors_fields(listed) == {ALLOWED: SHOP, "vary": "Accept, Origin"}
    assert cors_fields(other) == {"vary": "Accept, Origin"}


def an_app(cors: Cors) -> Hump:
    """Return an app with one route that must not be called by a preflight."""
    app = Hump()
    app.middleware(cors)

    @app.put("/", body_limit=5)
    async def put() -> str:
        return "put"

    @app.options("/own")
    async def options() -> str:
        return "own"

    @app.get("/refused")
    async def refuse() -> str:
        raise HttpException(403)

    return app


@pytest.mark.parametrize("path", ["/", "/own", "/unknown", "/refused"])
async def test_a_preflight_is_answered_at_every_path(path: str) -> None:
    """204, without a handler; so a browser can show the 404 or 405 that comes next."""
    cors = Cors(origins=[SHOP], methods=["PUT"], headers=["content-type", "x-a"], max_age=5)
    async with client(an_app(cors)) as http:
        answer = await http.options(path, headers=PREFLIGHT)
    assert (answer.status_code, answer.content) == (204, b"")
    assert cors_fields(answer) == {
        ALLOWED: SHOP,
        "access-control-allow-methods": "PUT",
        "access-control-allow-headers": "content-type, x-a",
        "access-control-max-age": "5",
        "vary": "Origin",
    }


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({"origins": "*"}, {ALLOWED: "*", "access-control-max-age": "600"}),
        (
            {"origins": [SHOP], "credentials": True, "max_age": 0},
            {ALLOWED: SHOP, "access-control-allow-credentials": "true", "vary": "Origin"},
        ),
        ({"origins": "*", "headers": ["*"]}, {"access-control-allow-headers": "*"}),
        ({"origins": ["https://other.example"]}, {"vary": "Origin"}),
    ],
)
async def test_what_a_preflight_is_told(options: Any, fields: dict[str, str]) -> None:
    """By default every method and no field; a stranger nothing at all."""
    answer = await pass_through(Cors(**options), a_request("OPTIONS", PREFLIGHT))
    found = cors_fields(answer)
    assert (answer.status, fields.items() <= found.items()) == (204, True)
    if ALLOWED in found:
        methods = "GET, HEAD, POST, PUT, PATCH, DELETE"
        assert found["access-control-allow-methods"] == methods
    else:
        assert found == fields


@pytest.mark.parametrize("missing", ["origin", "access-control-request-method"])
async def test_other_options_requests_reach_the_app(missing: str) -> None:
    """A preflight has both fields."""
    headers = {name: value for name, value in PREFLIGHT.items() if name != missing}
    async with client(an_app(Cors(origins=[SHOP]))) as http:
        own = await http.options("/own", headers=headers)
        automatic = await http.options("/", headers=headers)
    assert (own.text, automatic.headers["allow"]) == ("own", "OPTIONS, PUT")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/unknown", 404), ("GET", "/", 405), ("GET", "/refused", 403), ("PUT", "/", 413)],
)
async def test_pages_may_read_errors(method: str, path: str, status: int) -> None:
    """Or their authors would look for a mistake in their CORS."""
    body = b"too large" if status == 413 else b""
    async with client(an_app(Cors(origins=[SHOP]))) as http:
        answer = await http.request(method, path, headers={"origin": SHOP}, content=body)
    assert (answer.status_code, answer.headers[ALLOWED]) == (status, SHOP)


async def test_pages_may_read_a_500(caplog: pytest.LogCaptureFixture) -> None:
    """Of an error that nobody foresaw."""
    response = await check_unforeseen_error(Cors(origins=[SHOP]), caplog, {"origin": SHOP})
    assert response.headers[ALLOWED] == SHOP


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, TypeError),
        ({"origins": SHOP}, TypeError),
        ({"origins": None}, TypeError),
        ({"origins": [7]}, TypeError),
        ({"origins": []}, ValueError),
        ({"origins": ["*"]}, ValueError),
        ({"origins": ["null"]}, ValueError),
        ({"origins": ["shop.example"]}, ValueError),
        ({"origins": [f"{SHOP}/"]}, ValueError),
        ({"origins": [f"{SHOP}/path"]}, ValueError),
        ({"origins": [f"{SHOP}:443"]}, ValueError),
        ({"origins": ["http://shop.example:80"]}, ValueError),
        ({"origins": ["https://*.example"]}, ValueError),
        ({"origins": ["HTTPS://shop.example"]}, ValueError),
        ({"origins": ["https://Shop.example"]}, ValueError),
        ({"origins": ["https://bücher.example"]}, ValueError),
        ({"origins": ["https://a@shop.example"]}, ValueError),
        ({"origins": [f"{SHOP}\n"]}, ValueError),
        ({"origins": "*", "credentials": True}, ValueError),
        ({"origins": [SHOP], "credentials": True, "headers": ["*"]}, ValueError),
        ({"origins": [SHOP], "credentials": True, "methods": ["*"]}, ValueError),
        ({"origins": [SHOP], "credentials": True, "expose": ["*"]}, ValueError),
        ({"origins": [SHOP], "credentials": "no"}, TypeError),
        ({"origins": [SHOP], "methods": "GET"}, TypeError),
        ({"origins": [SHOP], "methods": ["GET, PUT"]}, ValueError),
        ({"origins": [SHOP], "headers": "content-type"}, TypeError),
        ({"origins": [SHOP], "headers": ["x a"]}, ValueError),
        ({"origins": [SHOP], "headers": [""]}, ValueError),
        ({"origins": [SHOP], "expose": ["x\r\na"]}, ValueError),
        ({"origins": [SHOP], "max_age": -1}, ValueError),
        ({"origins": [SHOP], "max_age": 1.5}, ValueError),
        ({"origins": [SHOP], "max_age": None}, ValueError),
    ],
)
def test_options_that_make_no_sense(options: Any, error: type[Exception]) -> None:
    """They are refused where they are written."""
    with pytest.raises(error):
        Cors(**options)


async def test_a_handler_below_can_be_cancelled(autojump_clock: MockClock) -> None:
    """The layer holds nothing."""
    await check_cancelled_handler(Cors(origins=[SHOP]))
