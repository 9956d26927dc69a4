"""The facts on the records of the access log."""

import logging
from typing import Any

import pytest

from hump_trio import Hump, Request, RequestId
from hump_trio.messages.access_record import AccessRecord
from tests.support.wire import ask, request


async def records_of(
    data: bytes, caplog: pytest.LogCaptureFixture, *, named: bool = False
) -> list[AccessRecord]:
    """Return what is on the records of what was sent."""
    caplog.set_level(logging.INFO, logger="hump_trio.access")
    app = Hump()
    if named:
        app.middleware(RequestId(trust=True))

    @app.get("/teas/{tea}")
    async def show(request: Request) -> str:
        request.state["looked"] = "at"
        return "tea"

    @app.get("/")
    async def index() -> str:
        return "hello"

    await ask(app, data)
    found: list[Any] = [getattr(record, "access", None) for record in caplog.records]
    of_access = [record.name == "hump_trio.access" for record in caplog.records]
    assert of_access == [isinstance(each, AccessRecord) for each in found]
    return [each for each in found if each is not None]


async def test_facts_need_no_parsing(caplog: pytest.LogCaptureFixture) -> None:
    """They are as they were received, also where the message shows them otherwise."""
    fields = ["User-Agent: tea\t1", "Referer: http://here/", "X-Request-Id: seven", "A: b"]
    data = request("GET", '/teas/"a"?x=1', *fields)
    [facts] = await records_of(data, caplog, named=True)
    assert facts == AccessRecord(
        facts.client, "GET", '/teas/"a"?x=1', "1.1", "/teas/{tea}", 200, facts.byte_count,
        facts.seconds, "ok", "seven", "tea\t1", "http://here/",
    )  # fmt: skip
    assert (facts.byte_count > 100, facts.seconds >= 0) == (True, True)
    assert "%22a%22" in caplog.records[-1].getMessage()


@pytest.mark.parametrize("path", ["/", "/teas/1"])
async def test_facts_that_are_missing(path: str, caplog: pytest.LogCaptureFixture) -> None:
    """They are empty, whether a handler has looked at the request's state or not."""
    [facts] = await records_of(request("GET", path), caplog)
    assert (facts.request_id, facts.user_agent, facts.referrer) == ("", "", "")


async def test_what_is_no_request(caplog: pytest.LogCaptureFixture) -> None:
    """It has no method, and its status."""
    [facts] = await records_of(b"tea\r\n\r\n", caplog)
    assert (facts.method, facts.target, facts.http_version) == ("", "", "")
    assert (facts.status, facts.outcome) == (400, "refused")
