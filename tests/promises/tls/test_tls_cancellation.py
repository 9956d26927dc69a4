"""A TLS connection cut at every call and every wait, as `test_cancellation` cuts plain ones."""

import math
from itertools import count

import pytest
import trio
from trio.testing import MockClock

from hump_trio.transports.memory import memory_transport_pair
from hump_trio.transports.tls_transport import TlsTransport
from tests.support import transports
from tests.support.scenarios import SCENARIOS, new_state
from tests.support.secured import End, client_context, server_context
from tests.support.struck import (
    Countdown,
    Moment,
    Strike,
    TappedTransport,
    break_off,
    cancel,
    check,
    expire,
    serve_struck,
)
from tests.support.wire import parse_answers

CUT_SCENARIOS = ["three", "both-ways", "large", "lingering", "malformed"]


@pytest.mark.parametrize("moment", ["before", "after", "step"])
@pytest.mark.parametrize("strike", [cancel, expire, break_off])
@pytest.mark.parametrize("name", CUT_SCENARIOS)
async def test_a_secured_connection_cut_anywhere_ends_well(
    name: str,
    strike: Strike,
    moment: Moment,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its handshake included: closed once, no second answer, nothing after half an answer."""
    monkeypatch.setattr(transports, "in_use", ["tls"])
    parts, methods = SCENARIOS[name]
    state = new_state()
    for nth in count(1):
        countdown = Countdown(nth)
        check(await serve_struck(state, parts, moment, countdown, strike, None), methods)
        assert (state.request_count, state.buffered_bytes) == (0, 0)
        if countdown.left > 0:
            assert nth > 5
            break
    tapped = await serve_struck(state, parts, "before", Countdown(math.inf), cancel, None)
    assert all(answer.whole for answer in parse_answers(bytes(tapped.sent), *methods))


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_no_record_is_cut_by_another_one(moment: Moment, autojump_clock: MockClock) -> None:
    """Whatever call below TLS a sender is cancelled at, what it sends next is read well."""
    for nth in count(1):
        ours, theirs = memory_transport_pair(20_000)
        countdown = Countdown(math.inf)
        client = End(ours, client_context())
        server = TlsTransport(TappedTransport(theirs, moment, countdown, None), server_context())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.handshake)
            nursery.start_soon(server.handshake)
        received = bytearray()

        async def read(client: End = client, received: bytearray = received) -> None:
            async for part in client:
                received += part

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            with trio.CancelScope() as scope:
                countdown.act, countdown.left = scope.cancel, nth
                await server.send_all(bytes(200_000))
            await server.send_all(b"end")
            await server.send_eof()
        assert received == bytes(server.sent_bytes - 3) + b"end"
        server.close()
        client.close()
        if not scope.cancelled_caught:
            assert nth > 5
            break
