"""What comes over TLS, from ciphertext to the bytes of HTTP: all that is there, and no more held.

Where the ciphertext comes from is not known here.
"""

import ssl
from contextlib import suppress

import trio

from hump_trio.facts.overhead import excuse_overhead

__all__ = ["OVERHEAD_BYTES", "RECORD_BYTES", "IncomingRecords"]

# What a record holds (RFC 8446 section 5.1). OpenSSL is given no more at a time, and asked for no
# more: its own buffers never shrink.
RECORD_BYTES = 16 * 1024
# The cap on ciphertext that bytes of HTTP don't excuse (see `facts.overhead`): handshakes, requests
# for new keys, empty records. Certificates have room.
OVERHEAD_BYTES = 128 * 1024
# What each byte of HTTP excuses: a byte alone in a record takes 23.
EXCUSED_BYTES = 64


class IncomingRecords:
    """The receiving half of a TLS connection.

    OpenSSL takes records whole and is asked for them whole. So it has nothing left when all that
    came was given to it and decrypted, and a read that would find nothing, which takes 5 µs, isn't
    tried. (A socket that OpenSSL reads by itself needs such a read for every request, and two calls
    of the system for every record: that takes 1.3 times as long.)

    Args:
        context: The server's settings of TLS.

    Attributes:
        outgoing: The ciphertext that OpenSSL wants sent.
        tls: The connection, as OpenSSL has it.
        ended: Whether nothing more comes.
        may_hold_data: Whether `decrypt` may return something before more was taken in.
    """

    __slots__ = (
        "_ciphertext",
        "_given",
        "_incoming",
        "_overhead_bytes",
        "_plaintext",
        "ended",
        "may_hold_data",
        "outgoing",
        "tls",
    )

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming = ssl.MemoryBIO()
        self.outgoing: ssl.MemoryBIO = ssl.MemoryBIO()
        self.tls: ssl.SSLObject = context.wrap_bio(self._incoming, self.outgoing, server_side=True)
        self._ciphertext = b""  # what has come and wasn't given to OpenSSL yet
        self._given = False  # whether OpenSSL has something that it wasn't asked for yet
        self._plaintext = b""  # what was decrypted beyond what was asked for
        self._overhead_bytes = 0
        self.ended: bool = False
        self.may_hold_data: bool = False

    def take(self, ciphertext: bytes) -> None:
        """Take in what has come; empty at the end. What came before has to be decrypted by then.

        Raises:
            trio.BrokenResourceError: It is too much for the data that it has brought.
        """
        self._incoming.write(ciphertext[:RECORD_BYTES])
        self._ciphertext = ciphertext[RECORD_BYTES:]
        self._given = bool(ciphertext)
        self.ended = not ciphertext
        self.may_hold_data = True
        self._overhead_bytes += len(ciphertext)
        if self._overhead_bytes > OVERHEAD_BYTES:
            raise trio.BrokenResourceError("too much has come that isn't HTTP")

    def feed(self) -> bool:
        """Give OpenSSL something to decrypt; return False if it was given all that came."""
        if self._incoming.pending:
            return True
        ciphertext = self._ciphertext
        if not ciphertext:
            return False
        self._incoming.write(ciphertext[:RECORD_BYTES])
        self._ciphertext = ciphertext[RECORD_BYTES:]
        return True

    def shake_hands(self) -> bool:
        """Go on with the handshake as far as what has come allows, and tell whether it is over.

        Raises:
            ssl.SSLError: There is no agreement.
        """
        agreed = False
        while not agreed and self._given:
            with suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
                agreed = True
            self._given = self.feed()
        self.may_hold_data = self._given
        return agreed

    def withhold(self) -> None:
        """Take back what OpenSSL was given and hasn't decrypted: it would lose that at its end."""
        self._ciphertext = self._incoming.read() + self._ciphertext

    def decrypt(self, max_bytes: int) -> bytes | None:
        """Return what has come, empty at the end, or None if none of it is whole.

        Raises:
            trio.BrokenResourceError: What has come isn't TLS, or the peer has told by an alert that
                it can't go on.
        """
        data = self._plaintext
        old_bytes = len(data)
        while self._given and len(data) < max_bytes and not self.ended:
            try:
                part = self.tls.read(RECORD_BYTES)
                self.ended = not part
                data = data + part if data else part
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLZeroReturnError:
                self.ended = True
            except ssl.SSLError as error:
                reason = f"what has come is not TLS: {error.reason}"
                raise trio.BrokenResourceError(reason) from error
            self._given = self.feed()
        excused_bytes = EXCUSED_BYTES * (len(data) - old_bytes)
        self._overhead_bytes = excuse_overhead(self._overhead_bytes, excused_bytes)
        if old_bytes or len(data) > max_bytes:
            self._plaintext = data[max_bytes:]
            data = data[:max_bytes]
        self.may_hold_data = self._given or self.ended or bool(self._plaintext)
        return data if data or self.ended else None
