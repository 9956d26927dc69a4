"""The app: what is checked where it is written, and its life."""

import asyncio
import inspect
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Limits, Request, RequestId, Response, RouteError, Sockets, Timeouts
from hump_trio.testing import client, connect
from tests.support.loopback import PATIENCE_SECONDS

VERBS = ["get", "head", "options", "post", "put", "patch", "delete"]


async def index(request: Request) -> str:
    """Answer with the method."""
    return request.method


async def layer(request: Request, call_next: Callable[[Request], Any]) -> Response:
    """Add nothing."""
    answer: Response = await call_next(request)
    return answer


async def on_error(request: Request, error: Exception) -> str:
    """Answer with the error."""
    return str(error)


def ordinary(request: Request, other: Any) -> str:
    """Be no async function."""
    return ""


@pytest.mark.parametrize("verb", VERBS)
async def test_verbs(verb: str) -> None:
    """Each registers its method, gives the handler back unchanged and takes options."""
    app = Hump()
    assert getattr(app, verb)("/", timeout=None, body_limit=1, stream=False)(index) is index
    async with client(app) as http:
        answer = await http.request(verb.upper(), "/")
        assert answer.status_code == 200
        assert answer.text == ("" if verb == "head" else verb.upper())
        other = "PUT" if verb != "put" else "POST"
        assert (await http.request(other, "/")).status_code == 405


async def test_route_takes_several_methods() -> None:
    """By decorator or by call, from any iterable."""
    app = Hump()
    assert app.route("/a", methods=["GET", "PURGE"])(index) is index
    app.add_route("/b", index, methods=iter(["POST"]))
    async with client(app) as http:
        assert (await http.request("PURGE", "/a")).text == "PURGE"
        assert (await http.get("/a")).text == "GET"
        assert (await http.post("/b")).text == "POST"


async def test_options_of_a_route_count() -> None:
    """A body limit of the route's own, and a body in parts."""
    app = Hump(limits=Limits(body_bytes=2))

    @app.post("/limited", body_limit=1)
    async def limited(request: Request) -> bytes:
        return request.body

    @app.post("/unlimited", body_limit=None)
    async def unlimited(request: Request) -> bytes:
        return request.body

    @app.post("/streamed", stream=True)
    async def streamed(request: Request) -> list[str]:
        return [part.decode() async for part in request.stream]

    async with client(app) as http:
        assert (await http.post("/limited", content=b"12")).status_code == 413
        assert (await http.post("/unlimited", content=b"123")).content == b"123"
        assert "".join((await http.post("/streamed", content=b"12")).json()) == "12"


async def test_a_timeout_of_a_route_counts(autojump_clock: MockClock) -> None:
    """Its own instead of the app's, or none."""
    app = Hump(timeouts=Timeouts(handler=5))

    async def slow() -> str:
        await trio.sleep(20)
        return "done"

    app.get("/default")(slow)
    app.get("/longer", timeout=30)(slow)
    app.get("/never", timeout=None)(slow)
    async with client(app) as http:
        assert (await http.get("/default")).status_code == 503
        assert (await http.get("/longer")).text == "done"
        assert (await http.get("/never")).text == "done"


@pytest.mark.parametrize("port", [-1, 65536, True, "80", 80.0, None])
def test_a_port_that_is_none(port: Any) -> None:
    """It raises where it is written."""
    with pytest.raises(ValueError, match=f"a port is a number from 0 to 65535, not {port!r}"):
        Hump("", port)


@pytest.mark.parametrize("server", ["a\r\nb: c", "a\0", "€"])
def test_a_server_field_that_cannot_be_sent(server: str) -> None:
    """It raises where it is written, not in every answer."""
    with pytest.raises(ValueError, match="a value of server that can't be sent"):
        Hump(server=server)


async def test_the_server_field() -> None:
    """By default the package's name; another, or none at all."""
    for server, field in (("camel/1", "camel/1"), (None, None)):
        app = Hump(server=server)
        async with client(app) as http:
            assert (await http.get("/")).headers.get("server") == field
    async with client(Hump()) as http:
        assert (await http.get("/")).headers["server"] == "hump_trio"


def test_creating_an_app_does_nothing() -> None:
    """No address is bound, none is known, and the settings have defaults."""
    app = Hump("192.0.2.1", 1)
    assert (app.host, app.port, app.addresses, app.draining) == ("192.0.2.1", 1, (), False)
    assert (app.limits, app.timeouts, app.sockets) == (Limits(), Timeouts(), Sockets())


def test_methods_are_a_list() -> None:
    """A string would be taken letter by letter."""
    with pytest.raises(TypeError, match=re.escape("methods is a list of names: ['GET']")):
        Hump().route("/", methods="GET")(index)


def test_a_decorator_without_its_path() -> None:
    """``@app.get`` without parentheses would register nothing, and lose the handler."""
    with pytest.raises(
        TypeError, match=r"a path comes first, as in @app\.get\('/'\), not <function"
    ):
        Hump().get(cast("Any", index))


def test_a_route_is_refused_where_it_is_written() -> None:
    """A path or a signature that doesn't fit, an unknown option, a route that is taken."""
    app = Hump()
    app.get("/")(index)
    with pytest.raises(RouteError, match="GET / is taken by index"):
        app.get("/")(index)
    with pytest.raises(RouteError, match="starts with a slash"):
        app.get("a")(index)
    with pytest.raises(RouteError, match="'call_next' that can't be taken from the query"):
        app.get("/x")(layer)
    with pytest.raises(RouteError, match="timeout must be a positive number"):
        app.get("/x", timeout=0)(index)
    with pytest.raises(TypeError, match="the handler ordinary must be async"):
        app.get("/x/{other}")(ordinary)
    unknown: dict[str, Any] = {"time_out": 1}
    with pytest.raises(TypeError, match="time_out"):
        app.get("/x", **unknown)(index)


async def test_a_refused_route_leaves_nothing_behind() -> None:
    """What raised isn't half registered."""
    app = Hump()
    with pytest.raises(RouteError):
        app.get("/x")(layer)
    async with client(app) as http:
        assert (await http.get("/x")).status_code == 404


def test_layers_are_refused_where_they_are_written() -> None:
    """Not async, or other parameters; the message says which."""
    app = Hump()
    with pytest.raises(TypeError, match="the middleware ordinary must be async"):
        app.middleware(ordinary)
    with pytest.raises(TypeError, match=r"the middleware index must take \(request, call_next\)"):
        app.middleware(index)
    with pytest.raises(TypeError, match=r"RequestId is a class: .* as in RequestId\(\.\.\.\)"):
        app.middleware(RequestId)
    with pytest.raises(TypeError, match="the exception handler ordinary must be async"):
        app.exception_handler(ValueError)(ordinary)
    with pytest.raises(TypeError, match=r"exception handler index must take \(request, error\)"):
        app.exception_handler(ValueError)(index)


@pytest.mark.parametrize("kind", [BaseException, KeyboardInterrupt, trio.Cancelled, int, "x", None])
def test_exception_handlers_are_for_exceptions(kind: Any) -> None:
    """What ends a program or cancels a task is nobody's to answer."""
    with pytest.raises(TypeError, match="for a subclass of Exception, not "):
        Hump().exception_handler(kind)


def test_layers_are_given_back_unchanged() -> None:
    """Decorating doesn't change a function."""
    app = Hump()
    assert app.middleware(layer) is layer
    assert app.exception_handler(ValueError)(on_error) is on_error


async def test_a_served_app_does_not_change() -> None:
    """What a running server would never notice is refused; afterwards it is fine again."""
    app = Hump()
    async with client(app) as http:
        for change in (
            lambda: app.get("/late")(index),
            lambda: app.middleware(layer),
            lambda: app.exception_handler(ValueError)(on_error),
        ):
            with pytest.raises(RuntimeError, match="can't be changed while it is being served"):
                change()
        assert (await http.get("/late")).status_code == 404
    app.get("/late")(index)
    async with client(app) as http:
        assert (await http.get("/late")).text == "GET"


async def test_an_app_is_served_once_at_a_time() -> None:
    """A second `serve` raises, and doesn't disturb the first."""
    app = Hump()
    app.get("/")(index)
    async with client(app) as http:
        with pytest.raises(RuntimeError, match="this app is being served already"):
            await app.serve()
        assert (await http.get("/")).text == "GET"


async def test_draining_tells_of_the_shutdown(autojump_clock: MockClock) -> None:
    """False before, true from the moment it was asked for, and false when all is over."""
    app = Hump(timeouts=Timeouts(shutdown_delay=1))
    async with connect(app):
        assert not app.draining
        app.shutdown()
        assert app.draining
        app.shutdown()
    assert not app.draining


def test_shutting_down_what_is_not_served() -> None:
    """It raises: somebody expects something to end that doesn't run."""
    with pytest.raises(RuntimeError, match="this app is not being served"):
        Hump().shutdown()


async def test_addresses_are_known_while_served() -> None:
    """`nursery.start` returns the bound URLs, `addresses` holds them until the end."""
    app = Hump("127.0.0.1", 0)
    async with trio.open_nursery() as nursery:
        addresses: tuple[str, ...] = await nursery.start(app.serve)
        assert addresses == app.addresses
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", addresses[0])
        app.shutdown()
    assert app.addresses == ()


def test_options_that_do_not_exist_are_named() -> None:
    """With those that do; an option that would be ignored is refused too."""
    options: dict[str, Any] = {"status_code": 201}
    with pytest.raises(TypeError, match=r"the options timeout, body_limit, .*, not status_code"):
        Hump().get("/", **options)(index)
    streamed: dict[str, Any] = {"stream": "yes"}
    with pytest.raises(RouteError, match="stream must be True or False, not 'yes'"):
        Hump().get("/", **streamed)(index)


def test_a_host_comes_first() -> None:
    """A port in its place is refused at once, not when it is served."""
    host: Any = 8342
    with pytest.raises(ValueError, match=r"a host is a str and comes first.* not 8342"):
        Hump(host)


@pytest.mark.parametrize(("host", "port"), [("localhost", 8000), ("", 80), ("localhost", 80)])
def test_an_address_or_binds(host: str, port: int) -> None:
    """Not both: one of them would be ignored."""
    with pytest.raises(TypeError, match="either a host and a port, or binds"):
        Hump(host, port, binds=["127.0.0.1:8000"])


def test_binds_may_be_set_later() -> None:
    """As a command line does; a host and a port are one bind as well."""
    app = Hump()
    app.host, app.port = "::1", 80
    assert app.binds == ("[::1]:80",)
    app.binds = ["127.0.0.1:8000", "unix:app.sock"]
    assert app.binds == ("127.0.0.1:8000", "unix:app.sock")
    with pytest.raises(ValueError, match="a bind ends in a port"):
        app.binds = ["localhost"]
    assert Hump(binds=(":80",)).binds == (":80",)


def test_sockets_of_another_type_are_refused() -> None:
    """When the app is made, not when it is served."""
    options: dict[str, Any] = {"sockets": ["127.0.0.1:80"]}
    with pytest.raises(TypeError, match=r"write sockets=Sockets\(\.\.\.\)"):
        Hump(**options)


@pytest.mark.parametrize("options", [{"timeouts": 5}, {"limits": {"requests": 1}}])
def test_settings_of_another_type_are_refused(options: dict[str, Any]) -> None:
    """When the app is made, not when it is served."""
    with pytest.raises(TypeError, match=r"write limits=Limits\(\.\.\.\) and timeouts=Timeouts"):
        Hump("", 0, **options)


@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_http2_is_turned_on_or_off(value: Any) -> None:
    """By a bool alone, when the app is made."""
    with pytest.raises(TypeError, match=f"http2 is True or False, not {value!r}"):
        Hump("", 0, http2=value)
    assert Hump("", 0, http2=True).http2
    assert not Hump("", 0, http2=False).http2


async def forever() -> AsyncIterator[None]:
    """Be no function to await."""
    while True:
        yield
        await trio.sleep(1)


@pytest.mark.parametrize("work", [None, "work", forever, print])
async def test_background_work_is_a_function(work: Any) -> None:
    """What can't be awaited is refused where it is given."""
    with pytest.raises(TypeError, match=r"start_soon takes an async function and its arguments"):
        Hump().start_soon(work)


async def test_background_work_that_is_cut_is_named(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A letter that was not sent leaves a trace."""
    app = Hump(timeouts=Timeouts(shutdown=3))

    @app.post("/")
    async def write() -> None:
        app.start_soon(trio.sleep_forever)

    async with client(app) as http:
        await http.post("/")
    assert "cut at shutdown: background work sleep_forever" in caplog.text
    assert trio.current_time() < 4


async def test_a_server_of_asgi_apps_is_told_that_it_is_none() -> None:
    """In words that it shows when it starts; else by an error that says the same."""
    app: Any = Hump()
    sent: list[dict[str, str]] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(message: dict[str, str]) -> None:
        sent.append(message)

    await app({"type": "lifespan"}, receive, send)
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert "start it with `hump-trio module:app`" in sent[0]["message"]
    with pytest.raises(TypeError, match="start it with `hump-trio module:app`"):
        await app({"type": "http"}, receive, send)
    assert inspect.iscoroutinefunction(app.__call__)  # by which such servers tell an ASGI app


def test_a_server_of_wsgi_apps_is_told_that_it_is_none() -> None:
    """By the call, since nobody awaits what that returns."""
    app: Any = Hump()
    with pytest.raises(TypeError, match="start it with `hump-trio module:app`"):
        app({"REQUEST_METHOD": "GET"}, lambda status, headers: None)


async def test_background_work_that_is_not_async_is_named(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """Once it is called: a plain function may return something that can be awaited."""
    app, done = Hump(), []

    def plain() -> None:
        done.append("plain")

    async def work() -> None:
        done.append("work")

    @app.get("/")
    async def index() -> None:
        app.start_soon(plain)  # type: ignore[arg-type]
        app.start_soon(lambda: work())

    async with client(app) as http:
        await http.get("/")
        await trio.sleep(1)
    assert sorted(done) == ["plain", "work"]
    assert "background work failed: plain" in caplog.text
    assert "start_soon takes an async function, and plain has returned None" in caplog.text


async def test_other_threads_are_told_how() -> None:
    """What is called from one says what to write, and does nothing; what it says works."""
    app, done = Hump(), trio.Event()

    async def work() -> None:
        done.set()

    def call() -> None:
        with pytest.raises(
            RuntimeError, match=r"trio\.from_thread\.run_sync\(app\.start_soon, work"
        ):
            app.start_soon(work)
        with pytest.raises(
            RuntimeError, match=r"write trio\.from_thread\.run_sync\(app\.shutdown\)"
        ):
            app.shutdown()
        trio.from_thread.run_sync(app.start_soon, work)

    async with client(app):
        await trio.to_thread.run_sync(call)
        assert not app.draining
        with trio.fail_after(PATIENCE_SECONDS):
            await done.wait()


def run_by_asyncio(app: Hump) -> None:
    """Serve an app as people of asyncio do."""
    asyncio.run(app.serve())


def run_by_hand(app: Hump) -> None:
    """Serve an app without any loop."""
    app.serve().send(None)


@pytest.mark.parametrize("run", [run_by_asyncio, run_by_hand])
def test_asyncio_is_told_of_trio(run: Callable[[Hump], None]) -> None:
    """Whoever awaits `serve` elsewhere reads what to write; the app isn't taken for served."""
    app = Hump("127.0.0.1", 0)
    with pytest.raises(RuntimeError, match=r"runs on Trio, not on asyncio: write trio\.run\(app"):
        run(app)
    app.middleware(layer)  # which raises for an app that is served


def test_an_app_without_websockets_loads_nothing_of_them() -> None:
    """They cost neither its start nor its memory anything."""
    program = (
        "import sys, trio\n"
        "from hump_trio import Hump\n"
        "app = Hump('127.0.0.1', 0)\n"
        "async def main():\n"
        "    async with trio.open_nursery() as nursery:\n"
        "        await nursery.start(app.serve)\n"
        "        app.shutdown()\n"
        "trio.run(main)\n"
        "print([name for name in sys.modules if 'websocket.session' in name"
        " or name.startswith('websockets')])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"[]\n"
