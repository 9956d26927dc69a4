"""A TLS 1.3 client whose records a test makes itself, as no library would (RFC 8446 section 7)."""

import hmac
from pathlib import Path

import trio
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hump_trio.transports.memory import WINDOW_BYTES, MemoryTransport, Pipe
from tests.support.secured import End, client_context, server_context

__all__ = ["Forger", "Pen", "open_ends", "read_secret"]

APPLICATION_DATA, HANDSHAKE = 23, 22
KEY_UPDATE = b"\x18\0\0\1\1"  # which asks for one in return


class Pen(MemoryTransport):
    """An end whose outgoing bytes a test may keep instead of having them sent."""

    kept: bytearray | None = None

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send, or keep."""
        if self.kept is None:
            return super().send_nowait(data)
        self.kept += data
        return len(data)


class Forger:
    """Makes records for a connection on which its client has sent none.

    Args:
        secret: The client's first traffic secret, of AES-256 and SHA-384.
    """

    def __init__(self, secret: bytes) -> None:
        self._use(secret)

    def _use(self, secret: bytes) -> None:
        self._secret = secret
        self._key = AESGCM(expand_label(secret, b"key", 32))
        self._iv = int.from_bytes(expand_label(secret, b"iv", 12), "big")
        self._sequence = 0

    def record(self, content: bytes, kind: int = APPLICATION_DATA) -> bytes:
        """Return a record."""
        inner = content + bytes([kind])
        header = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2, "big")
        nonce = (self._iv ^ self._sequence).to_bytes(12, "big")
        self._sequence += 1
        return header + self._key.encrypt(nonce, inner, header)

    def key_update(self) -> bytes:
        """Return a request for new keys; what follows is made with the client's own."""
        record = self.record(KEY_UPDATE, HANDSHAKE)
        self._use(expand_label(self._secret, b"traffic upd", 48))
        return record


def expand_label(secret: bytes, label: bytes, byte_count: int) -> bytes:
    """Return what is derived from a secret (RFC 8446 section 7.1; one round of RFC 5869)."""
    label = b"tls13 " + label
    info = byte_count.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0\1"
    return hmac.digest(secret, info, "sha384")[:byte_count]


async def open_ends(folder: Path) -> tuple[Pen, End, End, Forger]:
    """Return a connection: what carries the client's bytes, client, server and forger.

    Args:
        folder: For the secrets.
    """
    secrets = folder / "secrets"
    to_client, to_server = Pipe(WINDOW_BYTES), Pipe(WINDOW_BYTES)
    pen = Pen(to_client, to_server)
    client = End(pen, client_context(keylog_filename=str(secrets)))
    server = End(MemoryTransport(to_server, to_client), server_context())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.handshake)
        nursery.start_soon(server.handshake)
    assert client.receive_nowait() is None  # tickets
    return pen, client, server, Forger(read_secret(secrets))


def read_secret(path: Path) -> bytes:
    """Return the client's first traffic secret, from where its context has written it."""
    lines = [line.split() for line in path.read_text().splitlines()]
    [secret] = [line[2] for line in lines if line[0] == "CLIENT_TRAFFIC_SECRET_0"]
    return bytes.fromhex(secret)
