"""What a client may spell otherwise reaches no mounted app past a route, and what guards that."""

from typing import Any

import pytest

from hump_trio import CallNext, HttpException, Hump, Request, Response, Router
from hump_trio.testing import client, connect
from hump_trio.wsgi import Wsgi
from tests.support.guests import SilentGuest
from tests.support.wire import parse_answers, read_to_end, request
from tests.support.wsgi_apps import StartResponse, typed


async def guard(request: Request, call_next: CallNext) -> Response:
    """Let nobody in."""
    raise HttpException(403)


def guarded_app() -> Hump:
    """Return an app with guarded paths, in front of an old one that has all paths."""
    app = Hump()
    admin = Router("/admin")
    admin.middleware(guard)

    @admin.get("")
    async def index() -> str:
        return "admin"

    @admin.route("/users/{name}", methods=["GET", "MERGE"])
    async def user(name: str) -> str:
        return name

    admin.mount("/tools", SilentGuest("tools"))
    app.include(admin)
    app.mount("", SilentGuest())
    return app


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("//admin", "GET"),
        ("///admin", "HEAD"),
        ("/%2Fadmin", "GET"),
        ("/%2fadmin", "GET"),
        ("/admin%2Fusers/ann", "GET"),
        ("/admin//users/ann", "GET"),
        ("/admin/users%2Fann", "GET"),
        ("/admin/users/%2F/ann", "MERGE"),
        ("/admin%2Ftools", "POST"),
        ("/admin%2Ftools%2Fx", "POST"),
        ("//admin/tools/x", "OPTIONS"),
        ("//admin/tools/", "OPTIONS"),
    ],
)
async def test_a_path_that_an_app_would_read_as_that_of_a_route(path: str, method: str) -> None:
    """Nothing is there: apps take an escaped slash for a slash, and some several for one."""
    async with client(guarded_app()) as http:
        url = http.base_url.copy_with(raw_path=path.encode())
        assert (await http.request(method, url)).status_code == 404


@pytest.mark.parametrize("method", ["get", "Get", "hEAD", "options", "merge"])
async def test_a_method_that_an_app_would_read_as_that_of_a_route(method: str) -> None:
    """It isn't implemented: apps such as those of Flask and Django read it in upper case."""
    async with connect(guarded_app()) as raw:
        last = request("GET", "/admin", "Connection: close")
        await raw.send(request(method, "/admin") + request(method, "/elsewhere") + last)
        answers = parse_answers(await read_to_end(raw), *["GET"] * 3)
    assert [each.status for each in answers] == [501, 501, 403]


@pytest.mark.parametrize(
    "path", ["//", "//x", "/x//y", "/x%2Fy", "/admin%2Fother", "/a%20b", "/administrator//"]
)
async def test_a_path_that_is_nobody_elses(path: str) -> None:
    """It reaches the app, however many slashes it has."""
    async with client(guarded_app()) as http:
        url = http.base_url.copy_with(raw_path=path.encode())
        assert (await http.request("GET", url)).text.startswith("guest GET /{rest:path}")


async def test_slashes_below_a_prefix() -> None:
    """The app has them as they are."""

    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", typed())
        return [f"{environ['SCRIPT_NAME']} {environ['PATH_INFO']}".encode()]

    host = Hump()
    host.mount("/old", Wsgi(app))
    async with client(host) as http:
        assert (await http.get("/old//x%2Fy/")).text == "/old //x/y/"
        assert (await http.get("/old//")).text == "/old //"
