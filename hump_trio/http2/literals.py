"""Fields of answers as HPACK writes them without a table (RFC 7541 section 6.2).

What is written of a field is the same on each connection, so that it can be made beforehand.
"""

from hump_trio.http2.hpack import STATIC
from hump_trio.http2.huffman import encode_huffman

__all__ = ["encode_literal", "encode_plain_literal", "encode_status"]

# Fields of answers that a proxy must not put into a table on their further way either: whoever can
# make others send requests through it could guess them by the sizes of blocks (section 7.1).
SECRET_NAMES = frozenset({"set-cookie"})
STATUSES = {
    int(value): bytes((0x80 | index,))
    for index, (name, value) in enumerate(STATIC, 1)
    if name == ":status"
}
# The first of the entries of a name; the others differ by their values.
INDEX_OF = {name: index for index, (name, _) in reversed([*enumerate(STATIC, 1)])}
# How literals begin, by their names. Names are those of the app; a name beyond the 512th, or a long
# one, is encoded each time.
BEGINNING_COUNT = 512
NAME_LENGTH = 64
BEGINNINGS: dict[str, bytes] = {}
LENGTHS = [bytes((length,)) for length in range(0x7F)]


def encode_status(status: int) -> bytes:
    """Return the ``:status`` that a block of fields begins with."""
    return STATUSES.get(status) or encode_literal(":status", str(status))


def encode_literal(name: str, value: str) -> bytes:
    """Return a field that leaves the table as it is, as short as that is possible.

    Args:
        name: A valid name, in lower case.
        value: A valid value, as Latin-1 text.

    Source: RFC 7541 section 6.2.2; section 6.2.3 for ``set-cookie``, which a proxy must not put
        into a table either.
    """
    return (BEGINNINGS.get(name) or begin_literal(name)) + encode_string(value)


def encode_plain_literal(name: str, value: str) -> bytes:
    """Return what `encode_literal` does, with a value that isn't Huffman code.

    A value that differs from answer to answer is encoded at a tenth of the cost.
    """
    data = value.encode("latin-1")
    beginning = BEGINNINGS.get(name) or begin_literal(name)
    if len(data) < 0x7F:
        return beginning + LENGTHS[len(data)] + data
    return beginning + encode_integer(len(data), 0x7F, 0) + data


def begin_literal(name: str) -> bytes:
    """Return a literal up to its value: the static index of the name, or else the name."""
    kind = 0x10 if name in SECRET_NAMES else 0
    index = INDEX_OF.get(name)
    beginning = encode_integer(index, 0x0F, kind) if index else bytes((kind,)) + encode_string(name)
    if len(BEGINNINGS) < BEGINNING_COUNT and len(name) <= NAME_LENGTH:
        BEGINNINGS[name] = beginning
    return beginning


def encode_string(text: str) -> bytes:
    """Return a string as Huffman code where that is shorter."""
    data = text.encode("latin-1")
    code = encode_huffman(data)
    if len(code) < len(data):
        return encode_integer(len(code), 0x7F, 0x80) + code
    return encode_integer(len(data), 0x7F, 0) + data


def encode_integer(value: int, mask: int, first: int) -> bytes:
    """Return an integer whose prefix is the low bits of a first byte (section 5.1)."""
    if value < mask:
        return bytes((first | value,))
    value -= mask
    data = bytearray((first | mask,))
    while value >= 0x80:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)


BEGINNINGS.update({name: begin_literal(name) for name in INDEX_OF})
