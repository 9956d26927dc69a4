"""`RequestId`: each request has a name, and its answer the same."""

import logging
import logging.config
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Request, RequestId, RequestIdFilter, Response
from hump_trio.testing import client
from tests.middleware.onion import (
    a_request,
    check_cancelled_handler,
    check_unforeseen_error,
    pass_through,
)

MADE = re.compile("[0-9a-f]{32}")


async def test_every_answer_has_its_requests_name() -> None:
    """The handler knows it, each request has another, and unknown paths have one too."""
    app = Hump()
    app.middleware(RequestId())

    @app.get("/")
    async def index(request: Request) -> str:
        return str(request.state["request_id"])

    async with client(app) as http:
        answers = [await http.get("/") for _ in range(3)]
        unknown = await http.get("/unknown")
    names = [answer.headers["x-request-id"] for answer in answers]
    assert names == [answer.text for answer in answers]
    assert len({*names, unknown.headers["x-request-id"]}) == 4
    assert all(MADE.fullmatch(name) for name in names)


async def test_records_of_a_request_have_its_name(caplog: pytest.LogCaptureFixture) -> None:
    """Those of its tasks and threads, of a streamed answer, and of its access log; no others."""
    app, log = Hump(), logging.getLogger("shop")
    app.middleware(RequestId())

    @app.get("/")
    async def index() -> AsyncIterator[str]:
        log.info("handler")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, log.info, "thread")
        yield "a"
        log.info("answer")

    caplog.handler.addFilter(name_filter := RequestIdFilter())
    try:
        with caplog.at_level(logging.INFO):
            async with client(app) as http:
                names = [(await http.get("/")).headers["x-request-id"] for _ in range(2)]
            log.info("outside")
            log.info("own", extra={"request_id": "mine"})
    finally:
        caplog.handler.removeFilter(name_filter)
    found = [
        (each.getMessage().rpartition(" ")[2], vars(each)["request_id"])
        for each in caplog.records
        if each.name in ("shop", "hump_trio.access")
    ]
    told = [(word, name) for name in names for word in ("handler", "thread", "answer", "ok")]
    assert found == [*told, ("outside", ""), ("own", "mine")]


def test_the_filter_in_a_configuration() -> None:
    """It is found by its public name."""
    config = {
        "version": 1,
        "incremental": False,
        "filters": {"f": {"()": "hump_trio.RequestIdFilter"}},
    }
    configurator = logging.config.DictConfigurator(config)
    made = configurator.configure_filter(configurator.config["filters"]["f"])
    assert isinstance(made, RequestIdFilter)


@pytest.mark.parametrize(
    "name", ["tea-1", "0", "a" * 128, "Root=1-67891233-abcdef", "a:b/c@d_e.f", "aGk+IQ=="]
)
async def test_a_client_is_believed_only_if_told(name: str) -> None:
    """Then its well-formed name stays."""
    headers = {"x-request-id": name}
    trusting = await pass_through(RequestId(trust=True), a_request(headers=headers))
    assert trusting.headers["x-request-id"] == name
    doubting = await pass_through(RequestId(), a_request(headers=headers))
    assert MADE.fullmatch(doubting.headers["x-request-id"])


@pytest.mark.parametrize(
    "names",
    [
        [],
        [""],
        ["a b"],
        ["a\tb"],
        ['a"b'],
        ["a'b"],
        ["a\\b"],
        ["é"],
        ["a" * 129],
        ["a", "b"],
        ["<b>"],
        ["a;b"],
        ["a,b"],
        ["$(a)"],
        ["%0a"],
    ],
)
async def test_a_name_that_could_break_a_log_is_replaced(names: list[str]) -> None:
    """Trusted or not."""
    request = a_request(headers=[("x-request-id", name) for name in names])
    response = await pass_through(RequestId(trust=True), request)
    assert MADE.fullmatch(response.headers["x-request-id"])
    assert request.state["request_id"] == response.headers["x-request-id"]


async def test_the_header_may_have_another_name() -> None:
    """What a handler has set there is replaced."""
    middleware = RequestId(header="X-Trace", trust=True)
    answer = Response("", headers={"x-trace": "handler's"})
    response = await pass_through(middleware, a_request(headers={"x-trace": "a"}), answer)
    assert response.headers.get_all("x-trace") == ["a"]
    assert answer.headers["x-trace"] == "handler's"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"header": "x y"}, ValueError),
        ({"header": ""}, ValueError),
        ({"header": "x:"}, ValueError),
        ({"header": 7}, TypeError),
        ({"trust": "yes"}, TypeError),
        ({"trust": None}, TypeError),
    ],
)
def test_options_that_make_no_sense(options: Any, error: type[Exception]) -> None:
    """They are refused where they are written."""
    with pytest.raises(error):
        RequestId(**options)


async def test_a_500_has_its_name(caplog: pytest.LogCaptureFixture) -> None:
    """That of all answers is looked for in the log."""
    response = await check_unforeseen_error(RequestId(), caplog)
    assert MADE.fullmatch(response.headers["x-request-id"])


async def test_a_handler_below_can_be_cancelled(autojump_clock: MockClock) -> None:
    """The layer holds nothing."""
    await check_cancelled_handler(RequestId())
