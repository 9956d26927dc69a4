"""What comes over TLS, from ciphertext to the bytes of HTTP: all that is there, and no more held.

Where the ciphertext comes from is not known here.
"""

import ssl

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
    tried.

    Args:
        context: The server's settings of TLS.

    Attributes:
        outgoing: The ciphertext that OpenSSL wants sent.
        tls: The connection, as OpenSSL has it.
        ended: Whether nothing more comes.
        untouched: Whether nothing has come yet.
    """

    __slots__ = (
        "_ciphertext",
        "_incoming",
        "_overhead_bytes",
        "_plaintext",
        "ended",
        "outgoing",
        "tls",
        "untouched",
    )

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming = ssl.MemoryBIO()
        self.outgoing: ssl.MemoryBIO = ssl.MemoryBIO()
        self.tls: ssl.SSLObject = context.wrap_bio(self._incoming, self.outgoing, server_side=True)
        self._ciphertext = b""  # what has come and wasn't given to OpenSSL yet
        self._plaintext = b""  # what was decrypted beyond what was asked for
        self._overhead_bytes = 0
        self.ended: bool = False
        self.untouched: bool = True

    def take(self, ciphertext: bytes) -> None:
        """Take in what has come; empty at the end. What came before has to be decrypted by then.

        Raises:
            trio.BrokenResourceError: It is too much for the data that it has brought.
        """
        self._ciphertext = ciphertext
        self.ended = not ciphertext
        self.untouched = False
        self._overhead_bytes += len(ciphertext)
        if self._overhead_bytes > OVERHEAD_BYTES:
            raise trio.BrokenResourceError("too much has come that isn't HTTP")

    def feed(self) -> bool:
        """Give OpenSSL something to decrypt; return False if it was given all that came."""
        if not self._incoming.pending and self._ciphertext:
            self._incoming.write(self._ciphertext[:RECORD_BYTES])
            self._ciphertext = self._ciphertext[RECORD_BYTES:]
        return self._incoming.pending > 0

    def withhold(self) -> None:
        """Take back what OpenSSL was given and hasn't decrypted: it would lose that at its end."""
        self._ciphertext = self._incoming.read() + self._ciphertext

    @property
    def may_hold_data(self) -> bool:
        """Whether `decrypt` may return something before more was taken in."""
        return bool(self._plaintext or self._ciphertext or self._incoming.pending or self.ended)

    def decrypt(self, max_bytes: int) -> bytes | None:
        """Return what has come, empty at the end, or None if none of it is whole.

        Raises:
            trio.BrokenResourceError: What has come isn't TLS, or the peer has told by an alert that
                it can't go on.
        """
        parts = [self._plaintext] if self._plaintext else []
        byte_count = len(self._plaintext)
        while byte_count < max_bytes and not self.ended and self.feed():
            try:
                part = self.tls.read(RECORD_BYTES)
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLZeroReturnError:
                part = b""
            except ssl.SSLError as error:
                reason = f"what has come is not TLS: {error.reason}"
                raise trio.BrokenResourceError(reason) from error
            self.ended = not part
            byte_count += len(part)
            parts.append(part)
        if byte_count == 0:
            return b"" if self.ended else None
        excused_bytes = EXCUSED_BYTES * (byte_count - len(self._plaintext))
        self._overhead_bytes = excuse_overhead(self._overhead_bytes, excused_bytes)
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._plaintext = data[max_bytes:]
        return data[:max_bytes]
