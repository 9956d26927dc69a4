"""Handlers that clean up under a shield, cut at every call and every wait, in every way there is.

As in `test_cancellation`, with the ways that a server has of cancelling a handler: a deadline, its
client's leaving, a shutdown. Whatever is cut where: a clean-up that was begun comes to its end, a
turn of a limit is given back, and each request is counted once.
"""

from collections.abc import AsyncIterator
from copy import copy
from itertools import count

import pytest
import trio
from trio.testing import MockClock

from hump_trio import (
    Request,
    Response,
    Send,
    StreamResponse,
    Timeouts,
    limit,
    timeout,
)
from hump_trio.messages.headers import Headers
from hump_trio.routing.layer import CallNext
from hump_trio.routing.route import Route
from tests.support.scenarios import (
    SCENARIOS,
    Scenario,
    check_following,
    each_arrival,
    new_state,
)
from tests.support.served import served, served_anew
from tests.support.struck import (
    STRIKES,
    Countdown,
    Moment,
    Strike,
    check,
    leave,
    pass_deadline,
    serve_struck,
    shut_down,
)
from tests.support.wire import chunked, request

TIDY_SCENARIOS: dict[str, Scenario] = {
    "tidy": ([request("GET", "/tidy")], ("GET",)),
    "apart": ([request("GET", "/tidy")] * 2, ("GET", "GET")),
    "twice": ([request("GET", "/tidy") * 2], ("GET", "GET")),
    "limited": ([request("GET", "/limited")], ("GET",)),
    "stream": ([request("GET", "/stream")], ("GET",)),
    "bounded-stream": ([request("GET", "/bounded-stream")], ("GET",)),
    "produced": ([request("GET", "/produced")], ("GET",)),
    "upload": ([chunked(b"abc", b"d" * 300, path="/upload")], ("POST",)),
}


class Tidy:
    """Handlers that clean up, and a count of what they have begun and finished.

    Args:
        deadline_header: Of the timeouts.
        layers: How many middleware there are, each of which awaits something on the way out.
    """

    def __init__(self, deadline_header: str | None, layers: int = 0) -> None:
        get = ("GET",)
        self.state = served(
            Route(template="/", methods=get, handler=self.work),
            Route(template="/tidy", methods=get, handler=self.work),
            Route(template="/limited", methods=get, handler=timeout(20)(limit(1)(self.work))),
            Route(template="/stream", methods=get, handler=self.stream, timeout=20),
            Route(template="/bounded-stream", methods=get, handler=timeout(20)(self.stream)),
            Route(template="/produced", methods=get, handler=self.produced),
            Route(template="/upload", methods=("POST",), handler=self.upload, stream=True),
            middleware=[self.see] * layers,
            timeouts=Timeouts(deadline_header=deadline_header, keep_alive=1),
            server="test",
        )
        self.begin()

    def begin(self) -> None:
        """Count anew."""
        self.state = served_anew(self.state)
        self.begun = 0
        self.finished = 0

    async def clean_up(self) -> None:
        """Take a second, whatever happens."""
        self.begun += 1
        with trio.move_on_after(2, shield=True):
            await trio.sleep(1)
            self.finished += 1

    async def see(self, request: Request, call_next: CallNext) -> Response:
        """Wait a little for nothing, also for the sake of a deadline's answer, and mark it."""
        response = copy(await call_next(request))
        await trio.lowlevel.checkpoint()
        response.headers = Headers(response.headers)
        response.headers.add("x-seen", "yes")
        return response

    async def work(self) -> str:
        """Wait a few times, some of them in a task of its own, then clean up."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep, 1)
                await trio.lowlevel.checkpoint()
        finally:
            await self.clean_up()
        return "done"

    async def stream(self) -> AsyncIterator[str]:
        """Answer in parts, then clean up."""
        try:
            for _ in range(3):
                yield "part"
                await trio.sleep(0.1)
        finally:
            await self.clean_up()

    async def produced(self) -> StreamResponse:
        """Answer by two tasks."""

        async def produce(send: Send) -> None:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(send, "part")
                    nursery.start_soon(send, "part")
            finally:
                await self.clean_up()

        return StreamResponse(produce)

    async def upload(self, request: Request) -> str:
        """Read in parts, then clean up."""
        try:
            return str(sum([len(part) async for part in request.stream]))
        finally:
            await self.clean_up()


@each_arrival
@pytest.mark.parametrize("layers", [0, 2])
@pytest.mark.parametrize("moment", ["before", "after", "step"])
@pytest.mark.parametrize("strike", STRIKES)
@pytest.mark.parametrize("name", TIDY_SCENARIOS)
async def test_a_clean_up_comes_to_its_end(
    name: str,
    strike: Strike,
    moment: Moment,
    layers: int,
    receive_bytes: int | None,
    autojump_clock: MockClock,
) -> None:
    """See this module; each scenario is cut at its n-th call or wait, for every n.

    Where callers have no say about deadlines, and where they have; with middleware and without.
    """
    parts, methods = TIDY_SCENARIOS[name]
    tidy = Tidy(None if receive_bytes is None else "x-ms", layers)
    for nth in count(1):
        tidy.begin()
        countdown = Countdown(nth)
        tapped = await serve_struck(tidy.state, parts, moment, countdown, strike, receive_bytes)
        check(tapped, methods)
        assert tidy.begun == tidy.finished <= len(methods)
        counted = sum(tidy.state.outcomes.values())
        assert tidy.begun <= counted <= len(methods)
        again = request("GET", "/limited", "Connection: close")
        assert [answer.text for answer in await check_following(tidy.state, again)] == ["done"]
        assert sum(tidy.state.outcomes.values()) == counted + 1
        if countdown.left > 0:
            assert nth > 1
            break


@each_arrival
@pytest.mark.parametrize("moment", ["before", "after", "step"])
@pytest.mark.parametrize("strike", [pass_deadline, leave, shut_down])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_any_exchange_ends_well(
    name: str,
    strike: Strike,
    moment: Moment,
    receive_bytes: int | None,
    autojump_clock: MockClock,
) -> None:
    """The exchanges of the core, cut in the ways that the server has of its own."""
    parts, methods = SCENARIOS[name]
    for nth in count(1):
        state = new_state()
        countdown = Countdown(nth)
        tapped = await serve_struck(state, parts, moment, countdown, strike, receive_bytes)
        check(tapped, methods)
        assert sum(state.outcomes.values()) <= len(methods) + 1
        assert [answer.status for answer in await check_following(state)] == [200]
        if countdown.left > 0:
            assert nth > 1
            break
