"""Routes that end in each way that the log has a word for, to be included in an app."""

from collections.abc import AsyncIterator
from typing import Any

import trio

from hump_trio import HttpException, Response, Router

endings = Router()


@endings.get("/")
async def index() -> str:
    """Answer."""
    return "hello"


@endings.get("/gone")
async def gone() -> str:
    """Be answered with an error."""
    raise HttpException(410)


@endings.get("/busy")
async def busy() -> Response:
    """Answer with a status of the server's fault."""
    return Response("later", 503)


@endings.get("/failing")
async def fail() -> str:
    """Fail before the answer."""
    raise LookupError("tea")


@endings.get("/breaking")
async def break_off() -> AsyncIterator[str]:
    """Fail within it."""
    yield "a"
    raise LookupError("milk")


@endings.get("/unfit")
async def unfit() -> Any:
    """Return what no answer can be made of."""
    return object()


@endings.get("/late", timeout=5)
async def late() -> str:
    """Take longer than there is time."""
    await trio.sleep(9)
    return "late"
