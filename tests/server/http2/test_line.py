"""One WebSocket of an HTTP/2 connection: the bytes of its stream, both ways."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio.facts.settings import Limits
from hump_trio.http2.failures import ErrorCode
from hump_trio.http2.streams import STREAM_WINDOW_BYTES
from hump_trio.server.http2.line import Http2Line
from tests.support.frames import data, frame, reset, speak, window_update
from tests.support.lines import app_of_lines, ask, echo, in_frames, listening, speak_lines

FOREVER = trio.sleep_forever


async def test_a_stream_is_opened_by_a_200(autojump_clock: MockClock) -> None:
    """It has no length and no end, and no key is answered (RFC 8441 section 5)."""
    async with speak_lines(echo) as peer:
        await peer.send(ask(peer, 1, ("sec-websocket-key", "ignored")))
        answer = await peer.answer(1)
        assert (answer.status, answer.ended, answer.reset) == (200, False, None)
        assert answer.headers["x-line"] == "1"
        assert set(answer.headers) == {"x-line", "date", "server"}


async def test_another_version_is_told_which_is_spoken(autojump_clock: MockClock) -> None:
    """As over HTTP/1.1 (RFC 6455 section 4.4), without its fields of a connection."""
    async with speak_lines(echo) as peer:
        await peer.send(ask(peer, 1, ("sec-websocket-version", "8")))
        answer = await peer.answer(1)
        assert (answer.status, answer.ended, answer.reset) == (426, True, ErrorCode.NO_ERROR)
        assert answer.headers["sec-websocket-version"] == "13"
        assert "upgrade" not in answer.headers


async def test_what_comes_goes_back(autojump_clock: MockClock) -> None:
    """Bytes behind the head count, in whatever pieces, and the end of one side ends the other."""
    async with speak_lines(echo) as peer:
        await peer.send(ask(peer, 1), data(1, b"early"))
        assert (await peer.answer(1)).body == b"early"
        await peer.send(data(1, b" and"), data(1), data(1, b" late"))
        assert (await peer.answer(1)).body == b"early and late"
        await peer.send(data(1, b".", end=True))
        answer = await peer.answer(1)
        assert (answer.body, answer.ended, answer.reset) == (b"early and late.", True, None)
        assert (await peer.ask(3)).text == "hello"


@pytest.mark.parametrize("window_bytes", [1, 7, 20_000, 65_535])
async def test_any_amount_passes_any_window(window_bytes: int, autojump_clock: MockClock) -> None:
    """Both ways: each side gets as much room as it has made, and nothing stalls."""
    payload = bytes(range(256)) * (4 if window_bytes < 100 else 4000)
    async with speak_lines(echo, initial_window_size=window_bytes) as peer:
        await peer.send(ask(peer, 1), window_update(0, 10_000_000))
        credit, taken_bytes = 2**18, 0
        pieces = in_frames(1, payload)
        while len(peer.answers[1].body) < len(payload):
            while pieces and len(pieces[0]) - 9 <= credit + peer.credits[1]:
                credit -= len(pieces[0]) - 9
                await peer.send(pieces.pop(0))
            await peer.frames()
            more_bytes = len(peer.answers[1].body) - taken_bytes
            assert more_bytes or pieces, "it goes on"
            taken_bytes += more_bytes
            if more_bytes:
                await peer.send(window_update(1, more_bytes))
        assert peer.answers[1].body == payload
        await peer.send(data(1, end=True))
        assert (await peer.answer(1)).ended


async def test_many_lines_beside_plain_requests(autojump_clock: MockClock) -> None:
    """Each has bytes of its own, and the requests between them are answered."""
    stream_ids = range(1, 100, 2)
    async with speak_lines(echo) as peer:
        await peer.send(*(ask(peer, n) for n in stream_ids))
        for number in range(5):
            await peer.send(*(data(n, b"%d of %d, " % (number, n)) for n in stream_ids))
            assert (await peer.ask(101 + 2 * number)).text == "hello"
        await peer.send(*(data(n, end=True) for n in stream_ids))
        await peer.frames()
        for n in stream_ids:
            expected = b"".join(b"%d of %d, " % (number, n) for number in range(5))
            assert (peer.answers[n].body, peer.answers[n].ended) == (expected, True)


class Watched:
    """Uses a line as a test says, and writes down what it hears.

    Args:
        delay_seconds: When it begins to listen.

    Attributes:
        line: The line, once it is there.
        calls: How often the line has told of something.
    """

    def __init__(self, delay_seconds: float = 0.0) -> None:
        self.delay_seconds: float = delay_seconds
        self.line: Http2Line
        self.calls: int = 0
        self.over: trio.Event = trio.Event()

    async def use(self, line: Http2Line) -> None:
        """Keep the line open."""
        self.line = line
        await trio.sleep(self.delay_seconds)
        line.listen(self.hear)
        await self.over.wait()

    def hear(self) -> None:
        """Count a call."""
        self.calls += 1


async def test_it_tells_of_what_comes(autojump_clock: MockClock) -> None:
    """At once of what is there already, then of bytes, of the end; and no more when it is stopped.

    A read finds all that is there, then nothing, and the end at last.
    """
    watched = Watched(1.0)
    async with speak_lines(watched.use) as peer:
        await peer.send(ask(peer, 1), data(1, b"a"))
        await peer.frames()
        line = watched.line
        assert (watched.calls, line.readable, line.status) == (0, True, 200)
        await trio.sleep(3)
        assert watched.calls == 1
        await peer.send(data(1, b"b"))
        await peer.frames()
        assert watched.calls == 2
        assert trio.current_time() - line.heard_at == 0
        assert (line.receive_nowait(), line.receive_nowait(), line.readable) == (b"ab", None, False)
        line.stop()
        await peer.send(data(1, b"c", end=True))
        await peer.frames()
        assert (watched.calls, line.readable) == (2, True)
        assert (line.receive_nowait(), line.readable) == (b"c", True)
        assert (line.receive_nowait(), line.readable, line.receive_nowait()) == (b"", False, b"")
        watched.over.set()


async def test_a_client_that_resets_has_gone(autojump_clock: MockClock) -> None:
    """What had come before is read first; then reads and writes say so."""
    watched = Watched()
    async with speak_lines(watched.use) as peer:
        await peer.send(ask(peer, 1), data(1, b"last"))
        await peer.frames()
        await peer.send(reset(1))
        await peer.frames()
        line = watched.line
        assert (watched.calls, line.receive_nowait(), line.readable) == (2, b"last", True)
        with pytest.raises(trio.BrokenResourceError):
            line.receive_nowait()
        with pytest.raises(trio.BrokenResourceError):
            line.send_nowait(b"x")
        with pytest.raises(trio.BrokenResourceError):
            await line.send_all(b"x")
        await line.end()
        line.reset()
        assert not line.readable
        watched.over.set()
        await peer.expect_open()
        assert (await peer.answer(1)).reset is None


async def test_the_end_of_the_connection_is_that_of_its_lines(autojump_clock: MockClock) -> None:
    """Broken it is a reset for each; ended without an end of the stream it is an end."""
    for ends in (False, True):
        watched = Watched()
        async with speak_lines(watched.use) as peer:
            await peer.send(ask(peer, 1))
            await peer.frames()
            if ends:
                await peer.transport.send_eof()
                await wait_all_tasks_blocked()
                assert (watched.calls, watched.line.receive_nowait()) == (1, b"")
            else:
                peer.transport.reset()
                await wait_all_tasks_blocked()
                assert watched.calls == 1
                with pytest.raises(trio.BrokenResourceError):
                    watched.line.receive_nowait()
            watched.over.set()


@pytest.mark.memory_only("there a write finds out at once")
async def test_a_write_that_finds_the_connection_broken(autojump_clock: MockClock) -> None:
    """It says so to who writes; the other lines are told, and that of the writer isn't."""
    lines = list[Http2Line]()
    told = list[Http2Line]()

    async def use(line: Http2Line) -> None:
        line.listen(lambda: told.append(line))
        lines.append(line)
        await FOREVER()

    async with speak_lines(use) as peer:
        await peer.send(ask(peer, 1), ask(peer, 3), ask(peer, 5))
        await peer.frames()
        first, second, third = lines
        peer.transport.reset()
        with pytest.raises(trio.BrokenResourceError):
            second.send_nowait(bytes(10_000))
        assert told == [first, third]


async def test_a_line_that_is_reset(autojump_clock: MockClock) -> None:
    """It is cancelled (RFC 8441 section 5), once; nobody is told, and the connection goes on."""
    watched = Watched()
    async with speak_lines(watched.use) as peer:
        await peer.send(ask(peer, 1))
        await peer.frames()
        watched.line.reset()
        watched.line.reset()
        assert watched.calls == 0
        with pytest.raises(trio.BrokenResourceError):
            watched.line.send_nowait(b"x")
        watched.over.set()
        await peer.expect_reset(1, ErrorCode.CANCEL)
        await peer.send(data(1, b"on its way"))
        await peer.expect_open()


async def test_what_comes_behind_the_end_is_thrown_away(autojump_clock: MockClock) -> None:
    """The client may have much to send before its own end, which is waited for."""
    ended = list[float]()

    async def use(line: Http2Line) -> None:
        assert line.send_nowait(b"bye") == 3
        await line.end()
        ended.append(trio.current_time())
        with pytest.raises(trio.BrokenResourceError):
            line.send_nowait(b"x")

    async with speak_lines(use) as peer:
        await peer.send(ask(peer, 1), *in_frames(1, bytes(10_000)))
        answer = await peer.answer(1)
        assert (answer.body, answer.ended, ended) == (b"bye", True, [])
        for _ in range(50):
            await peer.send(*in_frames(1, bytes(50_000)))
            await peer.frames()
        assert (peer.credits[1] > 2_000_000, ended) == (True, [])
        await peer.send(data(1, bytes(10), end=True))
        await peer.expect_open()
        assert len(ended) == 1
        assert peer.answers[1].reset is None


async def test_an_end_that_is_not_waited_for(autojump_clock: MockClock) -> None:
    """The rest of what the client sends isn't asked for, which is no error (RFC 9113 8.1)."""

    async def use(line: Http2Line) -> None:
        with trio.move_on_after(5):
            await line.end()

    async with speak_lines(use) as peer:
        await peer.send(ask(peer, 1))
        assert (await peer.answer(1)).ended
        await trio.sleep(6)
        await peer.expect_reset(1, ErrorCode.NO_ERROR)


async def test_what_is_taken_at_once_is_what_windows_allow(autojump_clock: MockClock) -> None:
    """Of the stream and of the connection; the rest waits for more room."""
    sizes = list[int]()

    async def use(line: Http2Line) -> None:
        sizes.append(line.send_nowait(bytes(50)))
        sizes.append(line.send_nowait(bytes(200_000)))
        sizes.append(line.send_nowait(b"x"))
        await line.send_all(bytes(50_000))
        sizes.append(line.send_nowait(b"x"))
        await FOREVER()

    async with speak_lines(use, initial_window_size=100_000) as peer:
        await peer.send(ask(peer, 1))
        assert len((await peer.answer(1)).body) == 65_535
        assert sizes == [50, 65_485, 0]
        await peer.send(window_update(0, 1_000_000))
        assert len((await peer.answer(1)).body) == 100_000
        await peer.send(window_update(1, 100_000))
        assert len((await peer.answer(1)).body) == 115_536
        assert sizes == [50, 65_485, 0, 1]


@pytest.mark.memory_only("there it is known how much is taken before anybody reads")
async def test_a_transport_that_takes_nothing(autojump_clock: MockClock) -> None:
    """What is framed lies before it, so nothing is taken at once any more."""
    sizes = list[int]()

    async def use(line: Http2Line) -> None:
        sizes.append(line.send_nowait(bytes(500_000)))
        sizes.append(line.send_nowait(b"x"))
        await line.send_all(b"last")

    windows = {"initial_window_size": 1_000_000}
    async with speak_lines(use, **windows) as peer:
        peer.transport.set_window(0)
        await peer.send(window_update(0, 1_000_000), ask(peer, 1))
        await wait_all_tasks_blocked()
        assert 64 * 1024 <= sizes[0] < 250_000
        assert sizes[1] == 0
        peer.transport.set_window(10**7)
        assert len((await peer.answer(1)).body) == sizes[0] + 4


async def test_a_message_does_not_wait_for_a_download(autojump_clock: MockClock) -> None:
    """Unless its client says otherwise, a WebSocket is more urgent than what is large."""
    async with speak_lines(echo, initial_window_size=2_000_000, window_bytes=30_000) as peer:
        peer.transport.set_window(0)
        await peer.send(ask(peer, 3 - 2), peer.head(3, path="/large"), window_update(0, 2_000_000))
        await wait_all_tasks_blocked()
        await peer.send(data(1, bytes(1000)))
        await wait_all_tasks_blocked()
        peer.transport.set_window(30_000)
        order = [each.stream_id for each in await peer.frames() if each.type == 0]
        assert order.index(1) < 20 < len(order)


async def test_more_urgent_streams_go_first(autojump_clock: MockClock) -> None:
    """A line that its client has made less urgent waits for them, and gets what is left."""
    sizes = list[int]()

    async def use(line: Http2Line) -> None:
        while (part := line.receive_nowait()) is None:
            await listening(line).wait()
        sizes.append(line.send_nowait(part))
        await line.send_all(part)
        await FOREVER()

    async with speak_lines(use, initial_window_size=2_000_000) as peer:
        await peer.send(ask(peer, 1, ("priority", "u=6")), peer.head(3, path="/large"))
        await peer.frames()
        await peer.send(data(1, b"message"))
        await peer.frames()
        assert sizes == [0]
        await peer.send(window_update(0, 10))
        assert (await peer.answer(1)).body == b""
        await peer.send(window_update(0, 2_000_000))
        assert (await peer.answer(1)).body == b"message"
        assert len(peer.answers[3].body) == 1_000_000


async def test_what_is_past_the_window_is_not_held(autojump_clock: MockClock) -> None:
    """Its client is reset (RFC 9113 section 6.9.1), and nothing of it counts."""
    watched = Watched()
    with app_of_lines(watched.use) as app:
        async with speak(app) as peer:
            await peer.send(ask(peer, 1), *in_frames(1, bytes(STREAM_WINDOW_BYTES)))
            await peer.frames()
            assert app.statistics().buffered_bytes == STREAM_WINDOW_BYTES
            await peer.send(*in_frames(1, b"x"))
            await peer.expect_reset(1, ErrorCode.FLOW_CONTROL_ERROR)
            watched.over.set()
            await peer.frames()
            assert app.statistics().buffered_bytes == 0


async def test_what_is_held_is_bounded(autojump_clock: MockClock) -> None:
    """As bodies are: by the window, and of all together; past that its client is reset."""
    watched = Watched()
    limits = Limits(buffered_bytes=100_000)
    with app_of_lines(watched.use, limits=limits) as app:
        async with speak(app) as peer:
            await peer.send(ask(peer, 1), *in_frames(1, bytes(90_000)))
            await peer.frames()
            assert app.statistics().buffered_bytes == 90_000
            line = watched.line
            assert len(line.receive_nowait() or b"") == 90_000
            assert app.statistics().buffered_bytes == 0
            await peer.send(*in_frames(1, bytes(110_000)))
            await peer.expect_reset(1, ErrorCode.ENHANCE_YOUR_CALM)
            watched.over.set()
            await peer.frames()
            assert app.statistics().buffered_bytes == 0
            watched.over = trio.Event()
            await peer.send(ask(peer, 3), *in_frames(3, bytes(90_000)))
            await peer.frames()
            watched.line.reset()
            watched.over.set()
            await peer.frames()
            assert app.statistics().buffered_bytes == 0


@pytest.mark.memory_only("there it is known how much is taken before anybody reads")
async def test_what_the_client_has_acknowledged(autojump_clock: MockClock) -> None:
    """All of it once it lies behind the last byte; progress before that, as the client reads on.

    What other streams send behind it isn't waited for.
    """
    watched = Watched()
    async with speak_lines(watched.use, initial_window_size=1_000_000) as peer:
        await peer.send(ask(peer, 1), window_update(0, 2_000_000))
        await peer.frames()
        line = watched.line
        assert (line.acked_bytes(), line.fully_acked()) == (line.sent_bytes, True)
        peer.transport.set_window(0)
        before = line.sent_bytes
        assert line.send_nowait(bytes(10_000)) == 10_000
        assert line.sent_bytes == before + 10_000 + 9
        assert (line.acked_bytes(), line.fully_acked()) == (before, False)
        await peer.send(peer.head(3, path="/large"))
        await wait_all_tasks_blocked()
        peer.transport.set_window(4_000)
        assert (line.acked_bytes(), line.fully_acked()) == (before + 4_000, False)
        while not line.fully_acked():
            assert line.acked_bytes() < line.sent_bytes
            assert peer.transport.receive_nowait()
        assert line.acked_bytes() == line.sent_bytes
        assert peer.transport.receive_nowait()
        assert line.acked_bytes() == line.sent_bytes
        watched.over.set()


@pytest.mark.memory_only("a system acknowledges in its own time")
async def test_what_waits_for_a_window_is_not_acknowledged(autojump_clock: MockClock) -> None:
    """Whichever it is; and where it is the connection's, what others get counts as progress."""
    lines = list[Http2Line]()

    async def use(line: Http2Line) -> None:
        lines.append(line)
        await line.send_all(bytes(100_000))
        await FOREVER()

    async with speak_lines(use, initial_window_size=50_000) as peer:
        await peer.send(ask(peer, 1, ("priority", "u=7")))
        await peer.frames()
        (line,) = lines
        assert (line.acked_bytes(), line.fully_acked()) == (line.sent_bytes, False)
        await peer.send(peer.head(3, path="/large"), window_update(1, 200_000))
        await peer.frames()
        assert len(peer.answers[3].body) == 15_535
        before = line.acked_bytes()
        assert line.acked_bytes() == before
        await peer.send(window_update(0, 10_000))
        await peer.frames()
        assert line.acked_bytes() == before + 10_000
        assert (len(peer.answers[1].body), line.fully_acked()) == (50_000, False)
        await peer.send(window_update(0, 1_000_000))
        await peer.frames()
        assert (len(peer.answers[1].body), line.fully_acked()) == (100_000, True)
        assert line.acked_bytes() == line.sent_bytes


@pytest.mark.memory_only("there it is known how much is taken before anybody reads")
async def test_what_waits_for_others_is_not_stalled(autojump_clock: MockClock) -> None:
    """Nor is it acknowledged: all that the client acknowledges is progress meanwhile."""
    lines = list[Http2Line]()

    async def use(line: Http2Line) -> None:
        lines.append(line)
        await line.send_all(bytes(1000))
        await FOREVER()

    async with speak_lines(use, initial_window_size=2_000_000) as peer:
        peer.transport.set_window(0)
        await peer.send(window_update(0, 2_000_000), peer.head(3 - 2, path="/large"))
        await wait_all_tasks_blocked()
        await peer.send(ask(peer, 3, ("priority", "u=7")))
        await wait_all_tasks_blocked()
        (line,) = lines
        before = line.acked_bytes()
        for _ in range(10):
            peer.transport.set_window(20_000)
            assert peer.transport.receive_nowait()
            await wait_all_tasks_blocked()
            assert (line.acked_bytes() > before, line.fully_acked()) == (True, False)
            before = line.acked_bytes()


async def test_nothing_but_data_follows(autojump_clock: MockClock) -> None:
    """Other frames of a message are malformed on a line (RFC 9113 section 8.5)."""
    async with speak_lines(echo) as peer:
        await peer.send(ask(peer, 1))
        await peer.send(frame(1, 5, 1, b""))
        await peer.expect_reset(1, ErrorCode.PROTOCOL_ERROR)


@pytest.mark.memory_only("a system acknowledges in its own time")
async def test_an_idle_line_holds_its_connection(autojump_clock: MockClock) -> None:
    """The connection isn't idle then, however long nothing is said."""
    with app_of_lines(echo) as app:
        async with speak(app) as peer:
            await peer.send(ask(peer, 1))
            await trio.sleep(1000)
            await peer.send(data(1, b"still here"))
            assert (await peer.answer(1)).body == b"still here"
            assert app.statistics().connections == {"streams": 1}
