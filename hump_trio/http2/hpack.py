"""Header blocks of requests, decoded with the table of their connection (HPACK, RFC 7541).

What makes a field malformed is told here too, since an entry of the table is checked once, when it
comes in.
"""

import re
from typing import Any, TypeAlias

from hump_trio.facts.grammar import TOKEN
from hump_trio.http2.failures import ConnectionFailure, ErrorCode
from hump_trio.http2.huffman import decode_huffman

__all__ = ["STATIC", "Decoder", "Field"]

# Name and value.
Field: TypeAlias = tuple[str, str]

# RFC 7541 appendix A.
STATIC_TEXT = """
:authority;:method GET;:method POST;:path /;:path /index.html;:scheme http;:scheme https;
:status 200;:status 204;:status 206;:status 304;:status 400;:status 404;:status 500;
accept-charset;accept-encoding gzip, deflate;accept-language;accept-ranges;accept;
access-control-allow-origin;age;allow;authorization;cache-control;content-disposition;
content-encoding;content-language;content-length;content-location;content-range;content-type;
cookie;date;etag;expect;expires;from;host;if-match;if-modified-since;if-none-match;if-range;
if-unmodified-since;last-modified;link;location;max-forwards;proxy-authenticate;
proxy-authorization;range;referer;refresh;retry-after;server;set-cookie;
strict-transport-security;transfer-encoding;user-agent;vary;via;www-authenticate
"""
STATIC: list[Field] = [
    (name, value)
    for name, _, value in (entry.strip().partition(" ") for entry in STATIC_TEXT.split(";"))
]
FIRST_DYNAMIC = 62
# What an entry takes besides the octets of its name and its value (RFC 7541 section 4.1).
ENTRY_BYTES = 32

# What a field of a request is (RFC 9113 sections 8.2.1, 8.2.2 and 8.3.1; ``:protocol`` is that of
# RFC 8441 section 4). A value has no control but tabs, and neither begins nor ends with a blank.
VALUE = re.compile(r"(?![\t ])[\t -~\x80-\xff]*(?<![\t ])")
PSEUDO_NAMES = frozenset({":method", ":scheme", ":path", ":authority", ":protocol"})
CONNECTION_NAMES = frozenset(
    {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
)


def is_name(name: str) -> bool:
    """Tell whether a request may have a field of this name."""
    if name in PSEUDO_NAMES:
        return True
    if not TOKEN.fullmatch(name) or name in CONNECTION_NAMES:
        return False
    return name == name.lower()


def is_value(name: str, value: str) -> bool:
    """Tell whether a field of this valid name may have this value."""
    return VALUE.fullmatch(value) is not None and (name != "te" or value == "trailers")


# The beginning of each table: nothing, as no index is 0, and the static entries. An entry that is
# malformed in a request is None.
BEGINNING: list[Field | None] = [
    None,
    *(field if is_name(field[0]) else None for field in STATIC),
]

# One-byte indices; each other byte becomes one that isn't ASCII.
INDICES = bytes(byte & 0x7F if 0x80 < byte < 0xFF else 0xFF for byte in range(256))


class Decoder:
    """Decodes the header blocks of one connection, in their order.

    Attributes:
        table: None, the static entries, and the dynamic ones from the newest to the oldest, so that
            an index is one look-up. An entry that is malformed as a field is None: it was checked
            when it came in.
        memo: What the owner knows of whole blocks. It is cleared whenever the table changes.
            A block that changes the table must not be kept here, as to decode it again would change
            the table again: then `insertion_count` grew while it was decoded.
        insertion_count: How many entries came into the table.
        size_bytes: What the dynamic entries take, as both sides count it.
        limit_bytes: What they may take at present.

    Source: RFC 7541 sections 2.3 and 4.
    """

    __slots__ = (
        "field_limit",
        "insertion_count",
        "limit_bytes",
        "malformed",
        "maximum_bytes",
        "memo",
        "size_bytes",
        "table",
    )

    def __init__(self, limit_bytes: int = 4096, field_limit: int = 1000) -> None:
        """Begin with an empty table.

        Args:
            limit_bytes: What the peer was told that the table may take; 4,096 where it was told
                nothing.
            field_limit: How many fields a block may have, if one behind them is a literal. A field
                of two bytes may take a microsecond, and nothing else runs meanwhile. Fields that
                are all indices of one byte are bounded by the block alone, and take a tenth.
        """
        self.table: list[Field | None] = BEGINNING.copy()
        self.memo: dict[Any, Any] = {}
        self.size_bytes: int = 0
        self.limit_bytes: int = limit_bytes
        self.maximum_bytes: int = limit_bytes
        self.insertion_count: int = 0
        self.field_limit: int = field_limit
        # For each dynamic entry that is None, by the number of its insertion: its name, which a
        # literal may refer to; whether the name is valid; and its size.
        self.malformed: dict[int, tuple[str, bool, int]] = {}

    def decode(self, block: bytes) -> list[Field | None]:
        """Return the fields of a header block, as Latin-1 text; a malformed one as None.

        A malformed field spoils a request and not the connection, so the block is decoded to its
        end. Entries are never copied: a block of many indices takes memory for references alone.

        Raises:
            ConnectionFailure: The block can't be decoded, or it sets a size that isn't allowed.
        """
        indices = block.translate(INDICES)
        try:
            if indices.isascii():
                return list(map(self.table.__getitem__, indices))
            return self.decode_mixed(block, indices)
        except IndexError:
            raise failure("an index past the table, or a field that isn't whole") from None

    def decode_mixed(self, block: bytes, indices: bytes) -> list[Field | None]:
        """Return the fields of a block that isn't indices of one byte alone (section 6).

        Args:
            block: The block.
            indices: What `INDICES` makes of its bytes.

        Raises:
            ConnectionFailure: As `decode`.
            IndexError: An index is past the table, or the block ends within a field.
        """
        table = self.table
        fields: list[Field | None] = []
        pos = self.resize(block) if 0x20 <= block[0] < 0x40 else 0
        while pos < len(block):
            index = indices[pos]
            byte = block[pos]
            pos += 1
            if index < 0x80:
                fields.append(table[index])
                continue
            if byte == 0xFF:
                index, pos = decode_integer(block, pos, 0x7F)
                fields.append(table[index])
                continue
            if byte == 0x80 or 0x20 <= byte < 0x40:
                raise failure("index 0, or a size update after the beginning")
            if len(fields) >= self.field_limit:
                raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, "a block of too many fields")
            mask = 0x3F if byte >= 0x40 else 0x0F
            index = byte & mask
            if index == mask:
                index, pos = decode_integer(block, pos, index)
            if index:
                entry = table[index]
                name, valid = (entry[0], True) if entry else self.name_at(index)
            else:
                name, pos = decode_string(block, pos)
                valid = is_name(name)
            if block[pos]:
                value, pos = decode_string(block, pos)
                valid_value = is_value(name, value)
            else:  # the cheapest field for its sender, at half the cost
                value, valid_value = "", name != "te"
                pos += 1
            field = (name, value) if valid and valid_value else None
            fields.append(field)
            if byte >= 0x40:
                size = len(name) + len(value) + ENTRY_BYTES
                self.insertion_count += 1
                if field is None:
                    self.malformed[self.insertion_count] = name, valid, size
                self.insert(field, size)
        return fields

    def resize(self, block: bytes) -> int:
        """Obey the size updates at the beginning of a block, and return where its fields begin.

        There are two at most: the smallest size since the last block, and the last one (section
        4.2).
        """
        pos = 0
        for _ in range(2):
            if pos < len(block) and 0x20 <= block[pos] < 0x40:
                size = block[pos] & 0x1F
                pos += 1
                if size == 0x1F:
                    size, pos = decode_integer(block, pos, size)
                if size > self.maximum_bytes:
                    raise failure("a table that is larger than allowed")
                if size != self.limit_bytes:
                    self.limit_bytes = size
                    self.memo.clear()
                    self.evict()
        return pos

    def insert(self, field: Field | None, size: int) -> None:
        """Put a field into the table, which is empty after one that is too large (section 4.4)."""
        self.memo.clear()
        self.table.insert(FIRST_DYNAMIC, field)
        self.size_bytes += size
        if self.size_bytes > self.limit_bytes:
            self.evict()

    def evict(self) -> None:
        """Drop the oldest entries until the others have room (section 4.3)."""
        table, size_bytes = self.table, self.size_bytes
        while size_bytes > self.limit_bytes:
            entry = table.pop()
            if entry:
                size_bytes -= len(entry[0]) + len(entry[1]) + ENTRY_BYTES
            else:
                # As many entries came after this one as are left.
                number = self.insertion_count - (len(table) - FIRST_DYNAMIC)
                size_bytes -= self.malformed.pop(number)[2]
        self.size_bytes = size_bytes

    def name_at(self, index: int) -> tuple[str, bool]:
        """Return the name of an entry that is None in the table, and whether the name is valid."""
        if index < FIRST_DYNAMIC:
            return STATIC[index - 1][0], False
        name, valid, _ = self.malformed[self.insertion_count - (index - FIRST_DYNAMIC)]
        return name, valid


def failure(text: str) -> ConnectionFailure:
    """Return the error of a block after which the table isn't known any more."""
    return ConnectionFailure(ErrorCode.COMPRESSION_ERROR, text)


def decode_integer(block: bytes, pos: int, value: int) -> tuple[int, int]:
    """Return an integer that goes on after its prefix, and where it ends (section 5.1).

    Args:
        block: A header block.
        pos: Where the integer goes on.
        value: The prefix, which is ones alone.

    Raises:
        ConnectionFailure: It takes more than four further bytes, which none of ours needs.
        IndexError: The block ends within it.
    """
    for shift in (0, 7, 14, 21):
        byte = block[pos]
        pos += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos
    raise failure("an integer of too many bytes")


def decode_string(block: bytes, pos: int) -> tuple[str, int]:
    """Return the string that begins at a position of a block, and where it ends (section 5.2).

    Raises:
        ConnectionFailure: It is no Huffman code.
        IndexError: The block ends within it.
    """
    first = block[pos]
    pos += 1
    length = first & 0x7F
    if length == 0x7F:
        length, pos = decode_integer(block, pos, length)
    end = pos + length
    if end > len(block):
        raise IndexError
    data = block[pos:end]
    return (decode_huffman(data) if first >= 0x80 else data).decode("latin-1"), end
