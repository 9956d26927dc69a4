"""Malformed requests of HTTP/2, each with the clause that makes it malformed."""

from typing import NamedTuple, TypeAlias

from hpack import Encoder

Fields: TypeAlias = list[tuple[str, str] | None]

METHOD, SCHEME, PATH, AUTHORITY = [
    (":method", "GET"),
    (":scheme", "https"),
    (":path", "/"),
    (":authority", "a"),
]
LEAD: Fields = [METHOD, SCHEME, PATH, AUTHORITY]
TUNNEL: Fields = [(":method", "CONNECT"), (":authority", "a:443")]
# WebSockets over a stream (RFC 8441 section 5.1).
EXTENDED: Fields = [(":method", "CONNECT"), (":protocol", "websocket"), SCHEME, PATH, AUTHORITY]


def lead(
    method: str = "GET", path: str = "/", authority: str = "a", scheme: str = "https"
) -> Fields:
    """Return the pseudo-fields of a request."""
    return [
        (":method", method),
        (":path", path),
        (":scheme", scheme),
        (":authority", authority),
    ]


def without(fields: Fields, each: tuple[str, str] | None) -> Fields:
    """Return fields but for one of them."""
    return [field for field in fields if field is not each]


def encode_fields(fields: Fields) -> bytes:
    """Return fields as a header block, by the package hpack, whatever they are."""
    pairs = [field for field in fields if field is not None]
    return Encoder().encode(
        [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
    )


class Sample(NamedTuple):
    """A malformed request.

    Args:
        clause: The section of RFC 9113, or the other RFC and its section, that says so.
        fields: The fields of the request.
        h2_takes: Whether h2 takes it for a request. It leaves to its user what a method, a target
            and an authority are.
    """

    clause: str
    fields: Fields
    h2_takes: bool = False


SAMPLES = [
    # Pseudo-fields that are missing, doubled, late, or that no request has.
    Sample("8.3.1", []),
    *[Sample("8.3.1", without(LEAD, each)) for each in LEAD],
    *[Sample("8.3.1", [*LEAD, each]) for each in LEAD],
    Sample("8.3", [*LEAD, ("x", "y"), AUTHORITY]),
    Sample("8.3", [METHOD, SCHEME, PATH, ("x", "y"), AUTHORITY]),
    Sample("8.3", [("x", "y"), *LEAD]),
    Sample("8.3", [*LEAD, (":status", "200")]),
    Sample("8.3", [*LEAD, (":unheard-of", "1")]),
    Sample("8.3", [METHOD, SCHEME, PATH, (":unheard-of", "1"), ("host", "a")]),
    Sample("8.3", [*LEAD, ("x", "y"), (":unheard-of", "1")]),
    Sample("8.3", [*LEAD, (":protocol", "websocket")]),
    # Lengths.
    *[
        Sample("8.1.1", [*LEAD, ("content-length", value)])
        for value in ("", "-1", "+1", "1.0", "0x1", "1, 1", "1 ", "\xb2", "x")
    ],
    Sample("8.1.1", [*LEAD, ("content-length", "1"), ("content-length", "2")]),
    # RFC 9110 section 8.6 leaves equal ones to the recipient, and HTTP/1.1 refuses them here too.
    Sample("9110 8.6", [*LEAD, ("content-length", "1"), ("content-length", "1")], h2_takes=True),
    # A method is a token (RFC 9110 section 9.1).
    *[
        Sample("9110 9.1", lead(method=value), h2_takes=True)
        for value in ("", "G T", "GET,", "G\xe9T", "(")
    ],
    # What else than a scheme of HTTP could be routed otherwise behind us (section 8.3.1).
    *[
        Sample("8.3.1", lead(scheme=value), h2_takes=True)
        for value in ("", "ftp", "ws", "https:", "http\xe9")
    ],
    # A path begins with a slash; "*" is for OPTIONS alone (section 8.3.1, RFC 9110 section 7.1).
    Sample("8.3.1", lead(path="")),
    Sample("8.3.1", lead("OPTIONS", "")),
    *[
        Sample("8.3.1", lead(path=value), h2_takes=True)
        for value in ("*", "a", "?a", "http://a/", "a/b", "#", "\\a")
    ],
    *[
        Sample("8.3.1", lead("OPTIONS", value), h2_takes=True)
        for value in ("**", "*?a", "*/", "http://a", "a")
    ],
    *[
        Sample("3986 3.3", lead(path=value), h2_takes=True)
        for value in ("/a b", "/a#b", "/\x01", "/\x7f", "/\xe9")
    ],
    # An authority is a host with its port, and isn't empty (section 8.3.1, RFC 3986 section 3.2).
    *[
        Sample("8.3.1", lead(authority=value), h2_takes=True)
        for value in ("", "u@a", "u:p@a", "http://a")
    ],
    *[
        Sample("3986 3.2", lead(authority=value), h2_takes=True)
        for value in (":80", "a:x", "a:99999", "a:80:80", "a/b", "a b", "a#", "a?", "a\xe9")
    ],
    *[
        Sample("3986 3.2.2", lead(authority=value), h2_takes=True)
        for value in ("[::1", "[x]", "a" * 1025)
    ],
    *[
        Sample("8.3.1", [*LEAD[:3], ("host", value)], h2_takes=True)
        for value in ("", "u@a", ":80", "a b", "a, b", "a,\tb")
    ],
    # A host that is another one than the authority.
    *[Sample("8.3.1", [*LEAD, ("host", value)]) for value in ("b", "", "a:443", "a.", "a, a")],
    Sample("8.3.1", [*LEAD[:3], (":authority", ""), ("host", "a")]),
    Sample("9110 7.2", [*LEAD, ("host", "a"), ("host", "b")]),
    Sample("9110 7.2", [*LEAD[:3], ("host", "a"), ("host", "b")]),
    # CONNECT is a method and an authority alone, with a port (section 8.5).
    Sample("8.5", [*TUNNEL, SCHEME]),
    Sample("8.5", [*TUNNEL, PATH]),
    Sample("8.5", [*TUNNEL, SCHEME, PATH]),
    Sample("8.5", TUNNEL[:1]),
    Sample("8.5", [*TUNNEL[:1], ("host", "a:443")], h2_takes=True),
    *[
        Sample("8.5", [*TUNNEL[:1], (":authority", value)], h2_takes=True)
        for value in ("a", "a:", ":443", "/", "/:443", "u@a:443", "a:x", "")
    ],
    # CONNECT with a protocol has them all.
    *[Sample("8441 4", without(EXTENDED, each)) for each in EXTENDED[2:]],
    Sample("8441 4", [*EXTENDED, (":status", "200")]),
    Sample("8441 4", [*EXTENDED, EXTENDED[1]]),
    Sample("8441 4", [*EXTENDED[:3], (":path", "*"), AUTHORITY], h2_takes=True),
    Sample("8441 4", [*EXTENDED[:3], (":path", "a:443"), AUTHORITY], h2_takes=True),
    # A CONNECT has no content, and so no length of any (RFC 9110 section 9.3.6).
    *[
        Sample("9110 9.3.6", [*EXTENDED, ("content-length", value)], h2_takes=True)
        for value in ("0", "5")
    ],
    # Any blank around a value, and upper case in a name (section 8.2.1); fields of a connection
    # (section 8.2.2).
    *[
        Sample("8.2.1", fields)
        for fields in (lead(method="GET\t"), lead(path="/ "), lead(path=" /"), lead(path="/a\t"))
    ],
    Sample("8.2.1", lead(path="/\r\n")),
    Sample("8.2.1", lead(scheme="http ")),
    *[Sample("8.2.1", [*LEAD, ("x", value)]) for value in (" y", "y\t", "a\rb", "a\nb", "a\0b")],
    *[Sample("9110 5.5", [*LEAD, ("x", value)], h2_takes=True) for value in ("a\x01b", "\x7f")],
    *[Sample("8.2.1", [*LEAD, (name, "y")]) for name in ("X", "x y", "x:", "")],
    *[
        Sample("8.2.2", [*LEAD, (name, "x")])
        for name in ("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade")
    ],
    Sample("8.2.2", [*LEAD, ("te", "gzip")]),
]
