"""The lane of an HTTP/2 connection that reads, and answers what it can by itself."""

import pytest
from trio.testing import MockClock

from hump_trio import Hump
from hump_trio.transports.memory import MemoryTransport
from tests.support.frames import speak


@pytest.mark.memory_only("there it is seen how much is written at a time")
async def test_plain_requests_are_answered_in_one_write(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that have come together."""
    app = Hump()

    @app.get("/{number:int}")
    async def index(number: int) -> str:
        return str(number)

    async with speak(app) as peer:
        writes = list[bytes]()
        send_nowait = MemoryTransport.send_nowait

        def note(transport: MemoryTransport, data: bytes | memoryview) -> int:
            if transport is not peer.transport:
                writes.append(bytes(data))
            return send_nowait(transport, data)

        monkeypatch.setattr(MemoryTransport, "send_nowait", note)
        await peer.send(*(peer.head(2 * n + 1, path=f"/{n}") for n in range(10)))
        await peer.frames()
        assert [peer.answers[2 * n + 1].text for n in range(10)] == [str(n) for n in range(10)]
    assert b"9" in writes[0]
