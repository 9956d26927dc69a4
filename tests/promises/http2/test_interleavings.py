"""Handlers of one connection that end in any order and any way, while other requests come."""

import logging
from collections.abc import Sequence
from itertools import permutations

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump
from tests.support.frames import Peer, reset, speak

KINDS = ("returns", "returns late", "raises", "is reset")
# Each kind stands in each place once.
TURNS = [KINDS[number:] + KINDS[:number] for number in range(4)]


class Scene:
    """Four handlers that wait, each with its own end.

    Args:
        kinds: What becomes of each.
    """

    def __init__(self, kinds: Sequence[str]) -> None:
        self.kinds = kinds
        self.events: list[trio.Event] = [trio.Event() for _ in kinds]
        self.ended: list[int] = []
        self.app: Hump = Hump()

        @self.app.get("/now")
        async def now() -> str:
            return "now"

        @self.app.get("/{number:int}")
        async def wait(number: int) -> str:
            try:
                await self.events[number].wait()
                if self.kinds[number] == "returns late":
                    await trio.lowlevel.checkpoint()
                if self.kinds[number] == "raises":
                    raise ValueError("on purpose")
                return f"answer {number}"
            finally:
                self.ended.append(number)

    async def end(self, peer: Peer, number: int) -> None:
        """Let a handler end."""
        if self.kinds[number] == "is reset":
            await peer.send(reset(2 * number + 1))
        else:
            self.events[number].set()

    async def play(self, order: Sequence[int], between: str) -> None:
        """Begin all, and end them in an order."""
        async with speak(self.app) as peer:
            await peer.send(*(peer.head(2 * n + 1, path=f"/{n}") for n in range(len(self.kinds))))
            await peer.frames()
            extra = 101
            for number in order:
                await self.end(peer, number)
                if between == "settle":
                    await peer.frames()
                if between == "a request":
                    await peer.send(peer.head(extra, path="/now"))
                    extra += 2
            await peer.frames()
            assert sorted(self.ended) == sorted(order)
            self.check(peer)
            for stream_id in range(101, extra, 2):
                assert peer.answers[stream_id].text == "now"
            await peer.expect_open()
            assert (await peer.ask(extra, path="/now")).text == "now"

    def check(self, peer: Peer) -> None:
        """Check what came of each."""
        for number, kind in enumerate(self.kinds):
            answer = peer.answers[2 * number + 1]
            if kind == "raises":
                assert (answer.status, answer.ended) == (500, True)
            elif kind == "is reset":
                assert (answer.status, answer.reset) == (0, None)
            else:
                assert (answer.text, answer.ended) == (f"answer {number}", True)


@pytest.mark.parametrize("between", ["nothing", "settle", "a request"])
@pytest.mark.parametrize("kinds", TURNS, ids=", ".join)
def test_every_order_of_four_handlers(
    kinds: Sequence[str], between: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is answered as if it were alone, and the connection is there for the next."""
    for order in permutations(range(4)):
        caplog.clear()
        trio.run(Scene(kinds).play, order, between, clock=MockClock(autojump_threshold=0))
        errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert len(errors) == 1, "that of the handler that raises"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("between", ["nothing", "settle", "a request"])
def test_four_handlers_of_one_kind(kind: str, between: str) -> None:
    """In every order."""
    for order in permutations(range(4)):
        trio.run(Scene([kind] * 4).play, order, between, clock=MockClock(autojump_threshold=0))
