"""The wrapper of an app of ASGI."""

import logging
from functools import partial
from typing import Any

import pytest

from hump_trio import Hump
from hump_trio.asgi import Asgi
from hump_trio.routing.guest import check_guest
from hump_trio.testing import client
from tests.support.asgi_apps import Receive, Send, answer, hump_of


async def tea(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer."""
    await answer(send)


class Tea:
    """An app that is an object."""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer."""
        await tea(scope, receive, send)


def old_tea(scope: dict[str, Any]) -> None:
    """Stand for an app of ASGI 2."""


def wsgi_tea(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Stand for an app of WSGI."""
    return []


@pytest.mark.parametrize(
    ("app", "name"),
    [(tea, "tests.asgi.test_asgi.tea"), (Tea(), "tests.asgi.test_asgi.Tea")],
)
async def test_functions_and_objects(app: Any, name: str) -> None:
    """Each is an app; logs call it by its function or by its class."""
    guest = Asgi(app)
    check_guest(guest)
    assert guest.name == f"ASGI app {name}"
    async with client(hump_of(app)) as http:
        assert (await http.get("/")).text == "tea"


def test_other_callables() -> None:
    """A partial is an app, and so is what has no signature."""
    assert Asgi(partial(tea)).name == "ASGI app functools.partial"
    assert Asgi(type("C", (dict,), {})().update).name.startswith("ASGI app")


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (None, "an ASGI app is `async def"),
        ("shop:app", "an ASGI app is `async def"),
        (Tea, "an ASGI app is `async def"),
        (old_tea, r"takes \(scope, receive, send\), not \(scope"),
        (wsgi_tea, r"takes \(scope.*Wsgi\(app\)"),
    ],
)
def test_what_is_no_app(app: Any, message: str) -> None:
    """The error says what to write."""
    with pytest.raises(TypeError, match=message):
        Asgi(app)


def test_options_that_make_no_sense() -> None:
    """A lifespan has three words; the others are judged as those of routes are."""
    with pytest.raises(ValueError, match="lifespan is 'auto'"):
        Asgi(tea, lifespan="maybe")  # type: ignore[arg-type]
    with pytest.raises(Exception, match="on_disconnect is"):
        Hump().mount("", Asgi(tea, on_disconnect="never"))  # type: ignore[arg-type]


def test_what_it_is_as_a_guest() -> None:
    """It speaks, and its options are those that were given."""
    guest = Asgi(tea, timeout=3, on_disconnect=2, lifespan="off")
    assert (guest.timeout, guest.on_disconnect, guest.body_limit) == (3, 2, None)
    assert guest.speaks
    assert guest.lifespan is None
    assert Asgi(tea).timeout is ...
    assert Asgi(tea).lifespan is not None


async def test_a_crash_names_the_app(caplog: pytest.LogCaptureFixture) -> None:
    """In the line of the log, with its traceback."""

    async def crash(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        raise ValueError("no tea")

    async with client(hump_of(crash, "/old")) as http:
        assert (await http.get("/old/x")).status_code == 500
    [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.getMessage().startswith(
        "GET /old/x failed: route /old/{rest:path}, handler ASGI app tests.asgi.test_asgi."
    )
    assert record.exc_info is not None
    assert "no tea" in str(record.exc_info[1])
