"""The keeper of an HTTP/2 connection."""

import pytest
from trio.testing import MockClock

from hump_trio import Hump
from hump_trio.http2.failures import ErrorCode
from hump_trio.http2.frames import GOAWAY, PREFACE, encode_settings, unpack_header
from hump_trio.testing import RawConnection, connect
from hump_trio.transports.memory import MemoryTransport

pytestmark = pytest.mark.plain_only("over TLS a protocol is agreed on before any byte")


async def code_of_goaway(raw: RawConnection) -> int:
    """Return the code of the first GOAWAY that comes, once the connection has ended."""
    data = b""
    while part := await raw.receive():
        data += part
    while data:
        length, _, _ = unpack_header(data)
        if length & 0xFF == GOAWAY:
            return int.from_bytes(data[13:17], "big")
        data = data[9 + (length >> 8) :]
    raise AssertionError("no GOAWAY")


@pytest.mark.memory_only("there a transport says of itself what was agreed on")
async def test_a_weak_cipher_is_refused(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that RFC 9113 lists in appendix A, which a program's own context may agree on."""
    monkeypatch.setattr(MemoryTransport, "strong_cipher", False)
    async with connect(Hump(http2=True)) as raw:
        await raw.send(PREFACE + encode_settings([]))
        assert await code_of_goaway(raw) == ErrorCode.INADEQUATE_SECURITY
