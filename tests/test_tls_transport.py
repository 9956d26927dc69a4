"""TLS over a connection in memory keeps the contract of transports."""

import trio
from trio.testing import check_half_closeable_stream

from hump_trio.memory import WINDOW_BYTES
from hump_trio.tls_transport import TlsTransport
from tests.secured import secure_pair


async def make_clogged_pair() -> tuple[TlsTransport, TlsTransport]:
    """Return both ends of a connection on which nothing more can be sent."""
    pair = await secure_pair()
    for transport in pair:
        while transport.send_nowait(bytes(WINDOW_BYTES)):
            pass
    return pair


async def test_trios_contract_of_streams_is_kept() -> None:
    """By the judgement of Trio's own checks: arguments, conflicts, closing, half-closing."""
    with trio.fail_after(30):
        await check_half_closeable_stream(secure_pair, make_clogged_pair)
