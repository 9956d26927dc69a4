"""The first message of a client of TLS, as far as it tells which keys the client has sent.

It isn't encrypted. Nothing but that is taken from it: OpenSSL reads it anew, and judges it.

Source: RFC 8446 sections 4.1.2, 4.2.8 and 5.1.
"""

__all__ = ["begins_with_x25519"]

HANDSHAKE_RECORD = b"\x16\x03"  # and any minor version
RECORD_HEADER_BYTES = 5
# What one record holds. Beginnings are shorter: one with keys against quantum computers has 2 KiB.
FRAGMENT_BYTES = 16 * 1024
CLIENT_HELLO = 1
VERSION_AND_RANDOM_BYTES = 2 + 32
KEY_SHARE = 51
X25519 = 29


def begins_with_x25519(received: bytes) -> bool | None:
    """Tell whether a client has sent a key of X25519; None if more has to come from it before.

    No client of TLS 1.2 does, nor does what isn't a beginning, or is one in several records.

    Args:
        received: All that has come from the client, at least a byte.
    """
    header = received[:RECORD_HEADER_BYTES]
    end = RECORD_HEADER_BYTES + int.from_bytes(header[3:])
    if not HANDSHAKE_RECORD.startswith(header[:2]) or end > RECORD_HEADER_BYTES + FRAGMENT_BYTES:
        return False
    if len(header) < RECORD_HEADER_BYTES or len(received) < end:
        return None
    try:
        return X25519 in find_groups(received[RECORD_HEADER_BYTES:end])
    except ValueError:
        return False


def find_groups(fragment: bytes) -> list[int]:
    """Return the groups of the keys in the first message of a client.

    Args:
        fragment: What its record holds.

    Raises:
        ValueError: This is no such message.
    """
    if fragment[:1] != bytes([CLIENT_HELLO]):
        raise ValueError("another message")
    message, _ = take_vector(fragment, 1, 3)
    at = VERSION_AND_RANDOM_BYTES
    for length_bytes in (1, 2, 1):  # session, ciphers, compression
        _, at = take_vector(message, at, length_bytes)
    extensions, _ = take_vector(message, at, 2)
    groups: list[int] = []
    at = 0
    while at < len(extensions):
        kind = int.from_bytes(extensions[at : at + 2])
        content, at = take_vector(extensions, at + 2, 2)
        if kind == KEY_SHARE:
            entries, _ = take_vector(content, 0, 2)
            start = 0
            while start < len(entries):
                groups.append(int.from_bytes(entries[start : start + 2]))
                _, start = take_vector(entries, start + 2, 2)
    return groups


def take_vector(data: bytes, start: int, length_bytes: int) -> tuple[bytes, int]:
    """Return what follows its own length, and where it ends.

    Args:
        data: Where it is.
        start: Where its length begins.
        length_bytes: How many bytes the length takes.

    Raises:
        ValueError: It isn't whole.
    """
    content_start = start + length_bytes
    end = content_start + int.from_bytes(data[start:content_start])
    if content_start > len(data) or end > len(data):
        raise ValueError("a length reaches beyond its end")
    return data[content_start:end], end
