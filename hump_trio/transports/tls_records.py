"""What comes over TLS, from ciphertext to the bytes of HTTP: all that is there, and no more held.

Where the ciphertext comes from is not known here.
"""

import ssl

import trio

__all__ = ["OVERHEAD_BYTES", "RECORD_BYTES", "IncomingRecords"]

# What a record holds (RFC 8446 section 5.1). OpenSSL is given no more at a time, and asked for no
# more: its own buffers never shrink.
RECORD_BYTES = 16 * 1024
# How much may come that brings no bytes of HTTP: handshakes, requests for new keys, empty records.
# Certificates have room. Each byte of HTTP earns some more: alone in a record it takes 23.
OVERHEAD_BYTES = 128 * 1024
EARNED_BYTES = 64


class IncomingRecords:
    """The receiving half of a TLS connection.

    OpenSSL takes records whole and is asked for them whole, so it has nothing left when it was
    given all: a read that finds nothing, which takes 5 µs, isn't tried.

    Args:
        context: Of the connection.

    Attributes:
        outgoing: What OpenSSL has to send.
        tls: The connection.
        ended: Whether nothing more comes.
        untouched: Whether nothing has come.
    """

    __slots__ = (
        "_allowed_bytes",
        "_ciphertext",
        "_incoming",
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
        self._ciphertext = b""  # OpenSSL hasn't been given it
        self._plaintext = b""  # is more than was asked for
        self._allowed_bytes = OVERHEAD_BYTES
        self.ended: bool = False
        self.untouched: bool = True

    def take(self, ciphertext: bytes) -> None:
        """Take in what has come, nothing at the end, when all that came before is decrypted.

        Raises:
            trio.BrokenResourceError: It is too much for what it brings.
        """
        self._ciphertext = ciphertext
        self.ended = not ciphertext
        self.untouched = False
        self._allowed_bytes -= len(ciphertext)
        if self._allowed_bytes < 0:
            raise trio.BrokenResourceError("too much has come that isn't HTTP")

    def feed(self) -> bool:
        """Give OpenSSL something to decrypt; False if it has had all that came."""
        if not self._incoming.pending and self._ciphertext:
            self._incoming.write(self._ciphertext[:RECORD_BYTES])
            self._ciphertext = self._ciphertext[RECORD_BYTES:]
        return self._incoming.pending > 0

    def withhold(self) -> None:
        """Take back what OpenSSL was given and hasn't decrypted, which it would lose at its end."""
        self._ciphertext = self._incoming.read() + self._ciphertext

    @property
    def may_hold_data(self) -> bool:
        """Whether `decrypt` may return something before more was taken in."""
        return bool(self._plaintext or self._ciphertext or self._incoming.pending or self.ended)

    def decrypt(self, max_bytes: int) -> bytes | None:
        """Return what has come, empty at the end, or None if none of it is whole.

        Raises:
            trio.BrokenResourceError: It isn't what TLS allows, or the peer says that of ours.
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
        earned_bytes = EARNED_BYTES * (byte_count - len(self._plaintext))
        self._allowed_bytes = min(self._allowed_bytes + earned_bytes, OVERHEAD_BYTES)
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._plaintext = data[max_bytes:]
        return data[:max_bytes]
