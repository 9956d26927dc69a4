"""What a client may not send: each fault has its one code, wherever the stream is cut."""

from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Limits, WebSocket
from hump_trio.testing import WebSocketClient, client, websocket
from hump_trio.testing.app_frames import encode_client_frame
from tests.support.handled import Handled, echo

GOOD = encode_client_frame(0x81, b"good")
KEY = b"\x01\x02\x03\x04"
LIMIT_BYTES = 1000

# Each is whole: nothing has to follow for the fault to be known.
MALFORMED = {
    "unmasked": (b"\x81\x01a", 1002),
    "unmasked and empty": (b"\x81\x00", 1002),
    "RSV1": (b"\xc1\x80" + KEY, 1002),
    "RSV2": (b"\xa1\x80" + KEY, 1002),
    "RSV3": (b"\x91\x80" + KEY, 1002),
    "RSV1 of a ping": (b"\xc9\x80" + KEY, 1002),
    "opcode 3": (b"\x83\x80" + KEY, 1002),
    "opcode 7": (b"\x87\x80" + KEY, 1002),
    "opcode 11": (b"\x8b\x80" + KEY, 1002),
    "opcode 15": (b"\x8f\x80" + KEY, 1002),
    "a ping of 126 bytes": (b"\x89\xfe\x00\x7e", 1002),
    "a close of 126 bytes": (b"\x88\xfe\x00\x7e", 1002),
    "a ping cut into fragments": (b"\x09\x80" + KEY, 1002),
    "a close cut into fragments": (b"\x08\x80" + KEY, 1002),
    "125 in 16 bits": (b"\x81\xfe\x00\x7d", 1002),
    "0 in 16 bits": (b"\x82\xfe\x00\x00", 1002),
    "65535 in 64 bits": (b"\x82\xff" + (65535).to_bytes(8, "big"), 1002),
    "64 bits of length": (b"\x82\xff" + b"\x80" + bytes(7), 1002),
    "all bits of length": (b"\x82\xff" + b"\xff" * 8, 1002),
    "a continuation of nothing": (b"\x80\x80" + KEY, 1002),
    "a fragment of nothing": (b"\x00\x80" + KEY, 1002),
    "a text within a text": (b"\x01\x80" + KEY + b"\x81\x80" + KEY, 1002),
    "bytes within a text": (b"\x01\x80" + KEY + b"\x02\x80" + KEY, 1002),
    "a close of one byte": (encode_client_frame(0x88, b"\x03"), 1002),
    "a close with 1005": (encode_client_frame(0x88, b"\x03\xed"), 1002),
    "a close with bad UTF-8": (encode_client_frame(0x88, b"\x03\xe8\xff"), 1007),
    "a request": (b"GET / HTTP/1.1\r\n\r\n", 1002),
    "too long by a byte": (b"\x81\xfe" + (LIMIT_BYTES + 1).to_bytes(2, "big"), 1009),
    "far too long": (b"\x82\xff" + (2**63 - 1).to_bytes(8, "big"), 1009),
    "fragments that are too long": (
        encode_client_frame(0x02, bytes(LIMIT_BYTES)) + b"\x80\x81",
        1009,
    ),
}


async def send_raw(ws: WebSocketClient, data: bytes) -> None:
    """Send bytes to an app that may have had enough, and let it have them."""
    with suppress(trio.BrokenResourceError):
        await ws.send_raw(data)
    await wait_all_tasks_blocked()


async def expect_refusal(ws: WebSocketClient, code: int) -> None:
    """Have the good message answered, then the code, and nothing else."""
    assert [message async for message in ws] == ["good"]
    await ws.wait_closed()
    assert (ws.close_code, ws.was_reset) == (code, False)


@pytest.mark.parametrize("fault", MALFORMED)
async def test_a_fault_has_its_code_at_any_cut(fault: str, autojump_clock: MockClock) -> None:
    """A good message before it is answered, one behind it isn't; the client needn't go on."""
    data, code = MALFORMED[fault]
    handled = Handled(echo, limits=Limits(message_bytes=LIMIT_BYTES))
    async with client(handled.app):
        cuts = range(len(data)) if len(data) < 50 else (0, 1, 2, 6, 500, len(data) - 1)
        for cut in cuts:
            async with websocket(handled.app, "/") as ws:
                await send_raw(ws, GOOD + data[:cut])
                await send_raw(ws, data[cut:] + GOOD)
                await expect_refusal(ws, code)
    assert trio.current_time() == 0
    assert [how for _, how, _ in handled.ends] == ["returned"] * len(cuts)


@pytest.mark.parametrize("fault", MALFORMED)
async def test_a_fault_has_its_code_byte_by_byte(fault: str, autojump_clock: MockClock) -> None:
    """As if it had come at once."""
    data, code = MALFORMED[fault]
    handled = Handled(echo, limits=Limits(message_bytes=LIMIT_BYTES))
    async with websocket(handled.app, "/") as ws:
        for byte in GOOD + data:
            await send_raw(ws, bytes([byte]))
        await expect_refusal(ws, code)
    assert trio.current_time() == 0


# Where the first bad byte is, the fault is known (RFC 3629; the reader need not wait for the rest).
BAD_TEXTS = [
    b"\xff",
    b"\x80",
    b"\xc0\xaf",
    b"\xc1\x80",
    b"\xe0\x80\x80",
    b"\xe0\x9f\xbf",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xf0\x80\x80\x80",
    b"\xf4\x90\x80\x80",
    b"\xf5",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    b"\xe2\x28",
    b"\xc3\x28",
]


def first_fault(text: bytes) -> int:
    """Return how many bytes of a text have to come until its fault is there."""
    for count in range(1, len(text) + 1):
        try:
            (text[:count] + b"\x80" * 3).decode()
        except UnicodeDecodeError as error:
            if error.start < count and b"\x80" * 3 not in text[error.start : error.end]:
                for more in (b"", b"\x80", b"\x80" * 2, b"\x80" * 3, b"\xa0\x80", b"\x90\x80\x80"):
                    try:
                        (text[:count] + more).decode()
                    except UnicodeDecodeError:
                        continue
                    break
                else:
                    return count
    return len(text)


@pytest.mark.parametrize("text", BAD_TEXTS, ids=bytes.hex)
async def test_bad_text_is_refused_at_its_first_bad_byte(
    text: bytes, autojump_clock: MockClock
) -> None:
    """Before the frame is whole, and before the message is, however it comes."""
    count = first_fault(b"ok" + text)
    handled = Handled(echo)
    frame = encode_client_frame(0x81, b"ok" + text + b"!" * 20)
    fragments = b"".join(
        encode_client_frame(0x01 if number == 0 else 0, b"%c" % byte)
        for number, byte in enumerate((b"ok" + text)[:count])
    )
    async with client(handled.app):
        for data in (GOOD + frame[: 6 + count], GOOD + fragments):
            async with websocket(handled.app, "/") as ws:
                await ws.send_raw(data)
                await expect_refusal(ws, 1007)
            async with websocket(handled.app, "/") as ws:
                await ws.send_raw(data[:-1])
                await wait_all_tasks_blocked()
                assert ws.close_code is None
                await ws.send_raw(data[-1:])
                await expect_refusal(ws, 1007)
    assert trio.current_time() == 0


@pytest.mark.parametrize("text", [b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"ok\xe2"])
@pytest.mark.parametrize("fragmented", [False, True])
async def test_text_that_ends_too_soon(
    text: bytes, fragmented: bool, autojump_clock: MockClock
) -> None:
    """Is no text, at its end; what is continued in the next fragment may be."""
    handled = Handled(echo)
    async with websocket(handled.app, "/") as ws:
        await ws.send_raw(GOOD)
        if fragmented:
            await ws.send_frame(0x01, text[:-1])
            await ws.send_frame(0x80, text[-1:])
        else:
            await ws.send_frame(0x81, text)
        await expect_refusal(ws, 1007)
        assert trio.current_time() == 0


async def test_good_text_may_be_cut_anywhere(autojump_clock: MockClock) -> None:
    """Within a character, by frames and by reads."""
    text = "κόσμε €😀"
    handled = Handled(echo)
    async with websocket(handled.app, "/") as ws:
        data = text.encode()
        for number, byte in enumerate(data):
            await ws.send_frame(0x01 if number == 0 else 0, bytes([byte]))
            await wait_all_tasks_blocked()
        await ws.send_frame(0x80)
        assert await ws.receive() == text
        for byte in encode_client_frame(0x81, data):
            await ws.send_raw(bytes([byte]))
            await wait_all_tasks_blocked()
        assert await ws.receive() == text


@pytest.mark.parametrize(
    ("seconds", "begun", "grace"),
    [
        (0, b"\x81", 5),
        (0, b"\x81\x84" + KEY, 5),
        (0, b"\x81\xfe\x01", 5),
        (0, b"\x81\x84" + KEY + b"ab", 5),
        (0, encode_client_frame(0x01, b"ab"), 60),
        (0, encode_client_frame(0x01, b"ab") + b"\x80", 5),
        (3.1, b"\x81\x84" + KEY, 5),
    ],
)
async def test_what_is_begun_is_ended_in_time(
    seconds: float, begun: bytes, grace: float, autojump_clock: MockClock
) -> None:
    """A frame within 5 seconds, a message's next fragment within 60, and 1008 otherwise."""
    handled = Handled(echo)
    async with websocket(handled.app, "/", timeout=100) as ws:
        await trio.sleep(seconds)
        await ws.send_raw(begun)
        await ws.wait_closed()
        waited = trio.current_time() - seconds
        assert ws.close_code == 1008
        assert grace <= waited <= grace + 0.5


async def test_what_comes_at_a_fair_rate_may_take_long(autojump_clock: MockClock) -> None:
    """A message of a megabyte at 1,000 bytes a second, in one frame or in many."""
    sizes = []

    async def measure(ws: WebSocket) -> None:
        async for message in ws:
            sizes.append(len(message))  # noqa: PERF401

    handled = Handled(measure)
    size = 1024 * 1024
    frame = encode_client_frame(0x82, bytes(size))
    async with websocket(handled.app, "/", timeout=None) as ws:
        for start in range(0, len(frame), 10_000):
            await ws.send_raw(frame[start : start + 10_000])
            await trio.sleep(4)
        assert (sizes, handled.ends) == ([size], [])
        for number in range(100):
            await ws.send_frame(0x02 if number == 0 else 0, bytes(10_000))
            await trio.sleep(30)
        await ws.send_frame(0x80)
        await wait_all_tasks_blocked()
        assert sizes == [size, 1_000_000]
