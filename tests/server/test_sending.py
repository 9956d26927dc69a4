"""What the sender decides for itself, once the first part of a body is there."""

from collections.abc import AsyncIterator

import pytest
from trio.testing import MockClock

from hump_trio import Hump, Response
from tests.support.wire import ask, request


@pytest.mark.parametrize(
    ("parts", "kind"),
    [(["a", b"b"], "text/plain; charset=utf-8"), ([b"a"], "application/octet-stream"), ([], None)],
)
async def test_the_first_part_tells_the_content_type(
    parts: list[str | bytes], kind: str | None, autojump_clock: MockClock
) -> None:
    """Text is text, so that a browser shows it; nothing is said of nothing."""
    app = Hump()

    @app.get("/")
    async def index() -> AsyncIterator[str | bytes]:
        for part in parts:
            yield part

    @app.get("/named")
    async def named() -> Response:
        return Response(index(), headers={"content-type": "text/csv"})

    [answer] = await ask(app, request())
    assert answer.headers.get("content-type") == kind
    [answer] = await ask(app, request("GET", "/named"))
    assert answer.headers["content-type"] == "text/csv"
