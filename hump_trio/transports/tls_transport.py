"""TLS over another transport: the same seam, and nobody on the way can read what goes over it.

`trio.SSLStream` doesn't do: a transport has to send and receive without waiting, and to know what
its peer has acknowledged. A handshake takes about 1 ms of a processor, and no other task runs then.
"""

import ssl
from contextlib import suppress
from typing import Any

import trio

from hump_trio.transports.tls_records import RECORD_BYTES, IncomingRecords
from hump_trio.transports.transport import (
    HTTP_1_1,
    RECEIVE_BYTES,
    ConflictDetector,
    PeerState,
    Transport,
    check_max_bytes,
    send_whole,
)

__all__ = ["TlsTransport"]

# How much may wait to be sent that such requests cause, if their peer doesn't read.
HELD_BYTES = 64 * 1024

REFUSAL_TEXT = b"This port speaks HTTPS: write https:// instead of http://.\n"
REFUSAL = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(REFUSAL_TEXT), REFUSAL_TEXT)
)


class TlsTransport(Transport):
    """The server's end of a TLS connection, over a transport that it owns.

    All ciphertext goes one way, in order: out of OpenSSL, through what is held, to the inner
    transport. So whatever is cut where, no record is ever cut by another one. A connection that
    ends without the peer's ``close_notify`` has ended all the same: requests tell their own
    length (RFC 9112 section 9.8).

    Args:
        inner: Carries the ciphertext.
        context: Of a server.
    """

    needs_handshake: bool = True
    secure: bool = True

    def __init__(self, inner: Transport, context: ssl.SSLContext) -> None:
        self._inner = inner
        self.tells_acked: bool = inner.tells_acked
        self._incoming = IncomingRecords(context)
        self._outgoing = self._incoming.outgoing
        self._tls = self._incoming.tls
        self._established = False
        self._broken = False
        self._closed = False
        self._held = b""  # is encrypted, and the inner transport hasn't taken it
        self._untold_bytes: int = 0  # are encrypted, and haven't been told as taken
        self._sent_bytes: int = 0
        self._handshake_bytes: int = 0
        self._sending = ConflictDetector()
        self._sending_ended = False

    @property
    def client(self) -> tuple[str, int] | None:
        """The peer's address and port."""
        return self._inner.client

    async def handshake(self) -> None:
        """Agree on keys with the peer, and learn who it is (see `Transport.handshake`).

        Who speaks HTTP instead is told so, and who can't be agreed with gets TLS's alert. Both
        have the time of the handshake to read that: closing at once could destroy it.
        """
        await self._inner.handshake()
        agreed = False
        while not agreed:
            # Who says nothing costs nothing: OpenSSL takes 45 KiB as soon as it begins.
            data = await self._inner.receive_some(RECORD_BYTES)
            if self._incoming.untouched and data[:1].isalpha():
                # The first byte is a method's: that of a record is no letter.
                await self._turn_away(REFUSAL)
                raise trio.BrokenResourceError("HTTP was spoken to a port of HTTPS")
            self._take(data)
            if self._incoming.ended:
                raise trio.BrokenResourceError("the peer has left during its handshake")
            while not agreed and self._incoming.feed():
                agreed = await self._shake_hands()
        await self._send_held()
        self._established = True
        self._handshake_bytes = self._inner.sent_bytes
        self.protocol: str = self._tls.selected_alpn_protocol() or HTTP_1_1
        self.client_certificate: dict[str, Any] | None = self._tls.getpeercert() or None

    async def _shake_hands(self) -> bool:
        """Do with what has come what can be done, and tell whether all is agreed on.

        Raises:
            trio.BrokenResourceError: There is no agreement.
        """
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            await self._send_held()
            return False
        except ssl.SSLError as error:
            await self._turn_away(b"")
            raise trio.BrokenResourceError(f"no handshake: {error.reason}") from error
        return True

    async def _turn_away(self, answer: bytes) -> None:
        """Send an answer, or what OpenSSL has to say, and wait until the peer closes."""
        self._held += self._outgoing.read() + answer
        with suppress(trio.BrokenResourceError):
            await self._send_held()
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
        while (data := self._decrypt(count)) is None:
            self._take(await self._inner.receive_some())
        return data

    def receive_nowait(self, max_bytes: int = RECEIVE_BYTES) -> bytes | None:
        """Return what is there (see `Transport.receive_nowait`)."""
        self._check_open()
        while (data := self._decrypt(max_bytes)) is None:
            ciphertext = self._inner.receive_nowait()
            if ciphertext is None:
                return None
            self._take(ciphertext)
        return data

    def _take(self, ciphertext: bytes) -> None:
        """Take in what has come, or raise BrokenResourceError if it is too much."""
        try:
            self._incoming.take(ciphertext)
        except trio.BrokenResourceError:
            self._broken = True
            raise

    def _decrypt(self, max_bytes: int) -> bytes | None:
        """Return what has come, empty at the end, or None if none of it is whole.

        Raises:
            trio.BrokenResourceError: It isn't what TLS allows.
        """
        try:
            data = self._incoming.decrypt(max_bytes)
        except trio.BrokenResourceError:
            self._answer()
            self._broken = True
            raise
        if self._outgoing.pending:
            self._answer()
        return data

    def _answer(self) -> None:
        """Send what TLS itself answers to what has come, as far as that is taken at once.

        Raises:
            trio.BrokenResourceError: The peer causes such answers, and doesn't read them.
        """
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # seen where it matters
            self._send_held_nowait()
        if len(self._held) > HELD_BYTES:
            self._broken = True
            raise trio.BrokenResourceError("the peer doesn't read what it asks for")

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send what is taken at once (see `Transport.send_nowait`).

        What isn't told as taken has to be sent next. When all is encrypted and some of that is
        held, the last byte isn't told yet, so that whoever sends comes back until nothing is.
        """
        self._check_open()
        if self._sending_ended:
            raise trio.ClosedResourceError("nothing follows the end")
        if not self._send_held_nowait() or not data:
            return 0
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

    def _encrypt(self, data: memoryview) -> int:
        """Encrypt up to a record.

        Raises:
            trio.BrokenResourceError: The peer has said that it can't read ours.
        """
        try:
            byte_count = self._tls.write(data)
        except ssl.SSLError as error:  # such as of a handshake that hasn't been
            self._broken = True
            raise trio.BrokenResourceError(f"nothing can be sent: {error.reason}") from error
        self._sent_bytes += byte_count
        return byte_count

    def _send_held_nowait(self) -> bool:
        """Hand over what is encrypted, and tell whether all of it was taken."""
        if self._outgoing.pending:
            self._held += self._outgoing.read()
        if self._held:
            self._held = self._held[self._inner.send_nowait(self._held) :]
        return not self._held

    async def _send_held(self) -> None:
        """Hand over what is encrypted. A checkpoint only if it isn't taken at once."""
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
        if self._established and not self._broken and not self._sending_ended:
            self._incoming.withhold()
            with suppress(ssl.SSLError):
                self._tls.unwrap()
        self._sending_ended = True

    def peer_state(self) -> PeerState:
        """Tell what the peer has ended (see `Transport.peer_state`).

        Its ``close_notify`` counts from when it is received; the FIN that nearly always comes
        with it is seen at once.
        """
        state = "reset" if self._broken else self._inner.peer_state()
        return "half_closed" if state == "open" and self._incoming.ended else state

    @property
    def sent_bytes(self) -> int:
        """The bytes that were encrypted."""
        return self._sent_bytes

    def acked_bytes(self) -> int:
        """Return at least how many were acknowledged; all of them once the ciphertext is."""
        return min(self._sent_bytes, self._inner.acked_bytes() - self._handshake_bytes)

    def fully_acked(self) -> bool:
        """Tell whether the peer has acknowledged all that was sent."""
        return not self._held and self._inner.fully_acked()

    def close(self) -> None:
        """Close; the peer learns that nothing was cut, if it takes that at once."""
        if not self._closed:
            self._closed = True
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                self._say_goodbye()
                self._send_held_nowait()
            self._inner.close()

    def reset(self) -> None:
        """Close so that the peer sees an error."""
        self._closed = True
        self._inner.reset()

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this transport is closed")
        if self._broken:
            raise trio.BrokenResourceError("this connection is broken")
