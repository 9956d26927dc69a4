"""The Huffman code of HPACK's strings (RFC 7541 section 5.2).

A text is decoded byte by byte: each inner node of the code's tree has a row of 256 steps, which are
made when they are needed. All of them take 6 MiB, which is the most, whatever clients send, and
those of browsers' strings a tenth. By half bytes a path would take twice as long.
"""

from typing import TypeAlias

from hump_trio.http2.failures import ConnectionFailure, ErrorCode

__all__ = ["decode_huffman", "encode_huffman"]

# How many bits the code of each octet has, and last that of EOS, the end of strings (RFC 7541
# appendix B). The code is canonical: codes of one length follow each other in the order of their
# octets, after all shorter ones. So the lengths tell the codes.
LENGTHS_BY_OCTET = """
13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28
6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10
13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6
15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28
20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24
22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23
26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27
20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26
30
"""
LENGTHS = list(map(int, LENGTHS_BY_OCTET.split()))
EOS = 256
# By each byte: the octets that become complete by it, and where it leads to; None before that was
# needed.
Row: TypeAlias = list[tuple[bytes, "Row"] | None]


def build_codes() -> list[str]:
    """Return the code of each octet, and last that of EOS, as text of zeros and ones."""
    codes = [""] * (EOS + 1)
    code = length = 0
    for symbol in sorted(range(EOS + 1), key=LENGTHS.__getitem__):
        code <<= LENGTHS[symbol] - length
        length = LENGTHS[symbol]
        codes[symbol] = format(code, f"0{length}b")
        code += 1
    return codes


def build_tree(codes: list[str]) -> list[list[int]]:
    """Return both children of each inner node, the root first.

    A child is the number of an inner node, or ``~octet`` for a leaf.
    """
    tree = [[0, 0]]
    for symbol, code in enumerate(codes):
        node = 0
        for bit in map(int, code[:-1]):
            if not tree[node][bit]:
                tree[node][bit] = len(tree)
                tree.append([0, 0])
            node = tree[node][bit]
        tree[node][int(code[-1])] = ~symbol
    return tree


def collect_ends(tree: list[list[int]]) -> frozenset[int]:
    """Return the nodes where a text may end: after at most seven ones.

    The padding is the beginning of the code of EOS, which is ones alone.
    """
    ends = [0]
    for _ in range(7):
        ends.append(tree[ends[-1]][1])
    return frozenset(ends)


def row_of(node: int) -> Row:
    """Return the row of a node, which has no steps at first."""
    row = ROWS.get(node)
    if row is None:
        row = ROWS[node] = [None] * 256
        NODES[id(row)] = node
    return row


def make_step(row: Row, byte: int) -> tuple[bytes, Row]:
    """Return the octets that a byte completes; the row knows from now on where it leads to."""
    node, octets = NODES[id(row)], b""
    for shift in reversed(range(8)):
        if node == FAILED:
            break
        node = TREE[node][byte >> shift & 1]
        if node == ~EOS:
            node = FAILED
        elif node < 0:
            octets += bytes((~node,))
            node = 0
    step = row[byte] = octets, row_of(node)
    return step


CODES = build_codes()
TREE = build_tree(CODES)
ENDS = collect_ends(TREE)
FAILED = len(TREE)  # behind EOS: a node that is never left
ROOT: Row = [None] * 256
ROWS = {0: ROOT}  # by node
NODES = {id(ROOT): 0}  # by the identities of their rows


def encode_huffman(data: bytes) -> bytes:
    """Return the code of some octets, padded with ones to whole bytes."""
    bits = "".join(map(CODES.__getitem__, data))
    bits += "1" * (-len(bits) % 8)
    return int(bits or "0", 2).to_bytes(len(bits) // 8, "big")


def decode_huffman(data: bytes) -> bytes:
    """Return the octets of which these bytes are the code.

    Raises:
        ConnectionFailure: EOS is among them, or the padding is longer than seven bits or isn't
            ones.
    """
    row = ROOT
    parts = []
    for byte in data:
        octets, row = row[byte] or make_step(row, byte)
        parts.append(octets)
    if NODES[id(row)] not in ENDS:
        raise ConnectionFailure(ErrorCode.COMPRESSION_ERROR, "a string that isn't Huffman code")
    return b"".join(parts)
