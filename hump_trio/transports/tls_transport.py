"""TLS over another transport: the same contract, and nobody on the way can read what is sent.

What carries the ciphertext, and which protocols may be agreed on, isn't known here.
`trio.SSLStream` can't be used: a transport sends and receives without waiting, and knows what its
peer has acknowledged. A handshake takes a processor 0.4 ms, during which no other task runs.
"""

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum, auto
from functools import partial
from typing import Any

import trio

from hump_trio.transports.tls_hello import begins_with_x25519
from hump_trio.transports.tls_records import RECORD_BYTES, IncomingRecords
from hump_trio.transports.transport import (
    HTTP_1_1,
    RECEIVE_BYTES,
    Arrivals,
    ConflictDetector,
    PeerState,
    Server,
    Transport,
    check_max_bytes,
    send_whole,
)

__all__ = ["TlsTransport"]

# The cap on records that TLS itself wants sent (alerts, new keys) to a peer that doesn't read.
HELD_BYTES = 64 * 1024

REFUSAL_TEXT = b"This port speaks HTTPS: write https:// instead of http://.\n"
REFUSAL = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(REFUSAL_TEXT), REFUSAL_TEXT)
)


# How OpenSSL names ciphers whose keys are made for one connection by a peer that has shown a
# certificate or knows a secret, and what names those that authenticate what they encrypt.
EPHEMERAL = ("TLS_", "ECDHE-", "DHE-")
AUTHENTICATED = ("GCM", "CCM", "CHACHA20")


def is_strong(cipher: str) -> bool:
    """Tell whether a cipher is outside the list of those that HTTP/2 may refuse in TLS 1.2.

    What RFC 9113 lists in its appendix A one by one is what has no ephemeral keys or no AEAD. Of
    the 158 ciphers that OpenSSL 3.0 knows only two are on one side here and on the other there:
    with a secret shared before and ChaCha20, they are newer than the list.

    Args:
        cipher: The name that OpenSSL gives it.
    """
    return cipher.startswith(EPHEMERAL) and any(each in cipher for each in AUTHENTICATED)


class State(Enum):
    """What can be done with a connection."""

    NEW = auto()  # nothing has come
    SHAKING_HANDS = auto()
    OPEN = auto()
    BROKEN = auto()
    CLOSED = auto()


OPEN = State.OPEN  # a look into the class takes ten times as long


class TlsTransport(Transport):
    """The server's end of a TLS connection, over a transport that it owns.

    All ciphertext takes one way, in order: out of OpenSSL, through what is held, to the inner
    transport. So wherever a send is cancelled, no record is ever cut by another one. A connection
    that ends without the peer's ``close_notify`` has ended all the same: requests tell their own
    length (RFC 9112 section 9.8).

    Args:
        inner: Carries the ciphertext.
        context: The server's certificate and settings of TLS.
        x25519: The same for peers that begin with X25519; None: there is no other context.
    """

    needs_handshake: bool = True
    secure: bool = True

    # These are made when the peer's first message has come.
    _incoming: IncomingRecords
    _outgoing: ssl.MemoryBIO
    _tls: ssl.SSLObject

    def __init__(
        self,
        inner: Transport,
        context: ssl.SSLContext,
        *,
        x25519: ssl.SSLContext | None = None,
    ) -> None:
        self._inner = inner
        self._context = context
        self._x25519 = x25519
        self.tells_acked: bool = inner.tells_acked
        self._state = State.NEW
        self._held = b""  # ciphertext that the inner transport hasn't taken yet
        self._untold_bytes: int = 0  # encrypted, but not reported as taken yet
        self._sent_bytes: int = 0
        self._handshake_bytes: int = 0
        self._sending = ConflictDetector()
        self._sending_ended = False

    @property
    def client(self) -> tuple[str, int] | None:
        """The peer's address and port."""
        return self._inner.client

    @property
    def server(self) -> Server | None:
        """The address that the peer has reached."""
        return self._inner.server

    @property
    def arrivals(self) -> Arrivals | None:
        """Those of the inner transport, which are kept ready while plain text may be held."""
        return self._inner.arrivals

    @property
    def watchable(self) -> bool:
        """Whether what carries the ciphertext is (see `Transport.watchable`)."""
        return self._inner.watchable

    def watch(self) -> Arrivals | None:
        """Return the arrivals of what carries the ciphertext (see `Transport.watch`)."""
        return self._inner.watch()

    async def handshake(self) -> None:
        """Agree on keys and a protocol with the peer, and learn who it is.

        A peer that speaks HTTP instead is told so, and one that can't be agreed with gets an alert
        of TLS. Both have the time of the handshake to read that: closing at once could destroy it.
        See `Transport.handshake`.
        """
        inner = self._inner
        if inner.needs_handshake:
            await inner.handshake()
        # Its task has just begun, which is as good as a checkpoint. Most clients have sent by now.
        data = inner.receive_nowait(RECORD_BYTES)
        received = b""
        agreed = False
        while not agreed:
            if data is None:
                data = await inner.receive_some(RECORD_BYTES)
            if not data:
                raise trio.BrokenResourceError("the peer has left during its handshake")
            received += data
            data = None
            if self._state is State.NEW:
                if received[:1].isalpha():
                    # The first byte is a method's: that of a record is no letter.
                    await self._turn_away(partial(self._inner.send_all, REFUSAL))
                    raise trio.BrokenResourceError("HTTP was spoken to a port of HTTPS")
                # A silent peer costs nothing: OpenSSL takes 45 KiB as soon as it begins.
                if self._x25519 is not None:
                    suits = begins_with_x25519(received)
                    if suits is None:
                        continue
                    if suits:
                        self._context = self._x25519
                self._begin_handshake()
            self._incoming.take(received)
            received = b""
            agreed = await self._shake_hands()
        if self._incoming.may_hold_data:  # what has come behind the handshake
            self._stay_ready()
        self._state = OPEN
        self._handshake_bytes = self._inner.sent_bytes
        self.protocol: str = self._tls.selected_alpn_protocol() or HTTP_1_1
        agreed_cipher = self._tls.cipher()
        assert agreed_cipher is not None, "the handshake is over"
        self.strong_cipher: bool = is_strong(agreed_cipher[0])
        self.client_certificate: dict[str, Any] | None = self._tls.getpeercert() or None

    def _begin_handshake(self) -> None:
        """Let OpenSSL begin."""
        self._incoming = IncomingRecords(self._context)
        self._outgoing = self._incoming.outgoing
        self._tls = self._incoming.tls
        self._state = State.SHAKING_HANDS

    async def _shake_hands(self) -> bool:
        """Go on with the handshake as far as what has come allows, and tell whether it is over.

        Raises:
            trio.BrokenResourceError: There is no agreement.
        """
        try:
            agreed = self._incoming.shake_hands()
        except ssl.SSLError as error:
            await self._turn_away(self._send_held)
            raise trio.BrokenResourceError(f"no handshake: {error.reason}") from error
        await self._send_held()
        return agreed

    async def _turn_away(self, answer: Callable[[], Awaitable[object]]) -> None:
        """Send what there is to say, by a function that does so, and wait until the peer closes."""
        with suppress(trio.BrokenResourceError):
            await answer()
            await self._inner.send_eof()
            while await self._inner.receive_some():
                pass

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return bytes, or none at the end. A checkpoint; nothing is lost if cancelled here."""
        count = check_max_bytes(max_bytes)
        self._check_open()
        if self._incoming.may_hold_data:
            await trio.lowlevel.checkpoint()
            self._check_open()
        data = self._decrypt(count)
        while data is None:
            data = self._decrypt(count, await self._inner.receive_some())
        return data

    def receive_nowait(self, max_bytes: int = RECEIVE_BYTES) -> bytes | None:
        """Return what is there (see `Transport.receive_nowait`)."""
        if self._state is not OPEN:
            self._check_open()
        data = self._decrypt(max_bytes) if self._incoming.may_hold_data else None
        while data is None:
            ciphertext = self._inner.receive_nowait()
            if ciphertext is None:
                return None
            data = self._decrypt(max_bytes, ciphertext)
        return data

    def _decrypt(self, max_bytes: int, ciphertext: bytes | None = None) -> bytes | None:
        """Return what has come, empty at the end, or None if no record of it is whole.

        Args:
            max_bytes: How much is asked for.
            ciphertext: What has come now; None: nothing more than before.

        Raises:
            trio.BrokenResourceError: What has come isn't TLS, or is too much for the data in it.
        """
        try:
            if ciphertext is not None:
                self._incoming.take(ciphertext)
            data = self._incoming.decrypt(max_bytes)
        except trio.BrokenResourceError:
            self._break()
            self._answer()
            raise
        if self._outgoing.pending:
            self._answer()
        if self._incoming.may_hold_data:
            self._stay_ready()
        return data

    def _stay_ready(self) -> None:
        """Let nobody wait for an arrival, since a read needs none."""
        arrivals = self._inner.arrivals
        if arrivals is not None:
            arrivals.ready = True

    def _break(self) -> None:
        """Let every read and write raise from now on."""
        self._state = State.BROKEN
        self._stay_ready()

    def _answer(self) -> None:
        """Send what TLS itself answers to what has come, as far as that is taken at once.

        Raises:
            trio.BrokenResourceError: The peer causes such answers, and doesn't read them.
        """
        # Whether anything can be sent matters to the next send, not to a read.
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            self._send_held_nowait()
        if len(self._held) > HELD_BYTES:
            self._break()
            raise trio.BrokenResourceError("the peer doesn't read what it asks for")

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send what is taken at once (see `Transport.send_nowait`).

        Bytes that weren't reported as taken must be offered again, before any others. If all is
        encrypted but some ciphertext is still held, the count is one short, so that the caller
        comes back until nothing is held.
        """
        if self._state is not OPEN or self._sending_ended:
            self._check_open()
            raise trio.ClosedResourceError("nothing follows the end")
        if (self._held and not self._send_held_nowait()) or not data:
            return 0
        if len(data) <= RECORD_BYTES and not self._untold_bytes:
            taken_bytes = self._encrypt(data)
            self._untold_bytes = 0 if self._send_held_nowait() else 1
            return taken_bytes - self._untold_bytes
        with memoryview(data) as view:
            taken_bytes, self._untold_bytes = self._untold_bytes, 0
            while taken_bytes < len(view):
                byte_count = self._encrypt(view[taken_bytes : taken_bytes + RECORD_BYTES])
                taken_bytes += byte_count
                if not self._send_held_nowait():
                    break
            if self._held and taken_bytes == len(view):
                self._untold_bytes = 1
        return taken_bytes - self._untold_bytes

    def _encrypt(self, data: bytes | memoryview) -> int:
        """Encrypt at most a record, and return how many bytes that took.

        Raises:
            trio.BrokenResourceError: A fatal alert of the peer's has ended the connection.
        """
        try:
            byte_count = self._tls.write(data)
        except ssl.SSLError as error:
            self._break()
            raise trio.BrokenResourceError(f"nothing can be sent: {error.reason}") from error
        self._sent_bytes += byte_count
        return byte_count

    def _send_held_nowait(self) -> bool:
        """Hand ciphertext to the inner transport, and tell whether it took all."""
        held = self._held = self._held + self._outgoing.read()
        if held:
            held = self._held = held[self._inner.send_nowait(held) :]
        return not held

    async def _send_held(self) -> None:
        """Hand all ciphertext to the inner transport. A checkpoint only if it has to wait."""
        while not self._send_held_nowait():
            await self._inner.wait_send_all_might_not_block()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of it. A checkpoint; cancelled here, a part may have gone."""
        with self._sending:
            try:
                await send_whole(data, self.send_nowait, self._inner.wait_send_all_might_not_block)
            finally:
                self._untold_bytes = 0

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room to send. A checkpoint."""
        with self._sending:
            self._check_open()
            await self._inner.wait_send_all_might_not_block()
            await self._send_held()

    async def send_eof(self) -> None:
        """Say that nothing follows: to TLS, and to what is below. A checkpoint."""
        with self._sending:
            await trio.lowlevel.checkpoint()
            self._check_open()
            self._say_goodbye()
            await self._send_held()
            await self._inner.send_eof()

    def _say_goodbye(self) -> None:
        """Have ``close_notify`` encrypted, once; the peer's own isn't waited for."""
        if not self._sending_ended:
            self._incoming.withhold()
            with suppress(ssl.SSLError):
                self._tls.unwrap()
        self._sending_ended = True

    def peer_state(self) -> PeerState:
        """Tell what the peer has ended (see `Transport.peer_state`).

        The peer's ``close_notify`` counts once it was received; the FIN that nearly always comes
        with it is seen at once.
        """
        if self._state is State.BROKEN:
            return "reset"
        state = self._inner.peer_state()
        ended = self._state is OPEN and self._incoming.ended
        return "half_closed" if state == "open" and ended else state

    @property
    def sent_bytes(self) -> int:
        """How many bytes were encrypted, in plain text."""
        return self._sent_bytes

    def acked_bytes(self) -> int:
        """Return at least as many as were acknowledged; once all are, that is their number.

        What is known is how much ciphertext was acknowledged, which is longer than what it holds.
        """
        return min(self._sent_bytes, self._inner.acked_bytes() - self._handshake_bytes)

    def fully_acked(self) -> bool:
        """Tell whether the peer has acknowledged all that was sent."""
        return not self._held and self._inner.fully_acked()

    def close(self) -> None:
        """Close; ``close_notify`` tells the peer that nothing was cut, if it goes out at once."""
        state, self._state = self._state, State.CLOSED
        if state is not State.CLOSED:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                if state is OPEN:
                    self._say_goodbye()
                if state is not State.NEW:
                    self._send_held_nowait()
            self._inner.close()

    def reset(self) -> None:
        """Close so that the peer sees an error."""
        self._state = State.CLOSED
        self._inner.reset()

    def _check_open(self) -> None:
        if self._state is State.CLOSED:
            raise trio.ClosedResourceError("this transport is closed")
        if self._state is not OPEN:
            raise trio.BrokenResourceError("this connection is broken, or not agreed on yet")
