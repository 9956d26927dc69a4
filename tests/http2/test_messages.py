"""Fields as requests: what is malformed, what is past a limit, and what a handler sees."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.settings import Limits
from hump_trio.http2.failures import ErrorCode, StreamFailure
from hump_trio.http2.hpack import Decoder
from hump_trio.http2.messages import RequestHead, parse_request, parse_trailers, with_target
from hump_trio.messages.framing import FORBIDDEN_TRAILERS
from hump_trio.messages.request import build_request
from tests.http2.malformed import (
    AUTHORITY,
    EXTENDED,
    LEAD,
    METHOD,
    PATH,
    SAMPLES,
    SCHEME,
    TUNNEL,
    Fields,
    Sample,
    encode_fields,
    lead,
)

LIMITS = Limits()


def values_of(head: RequestHead) -> tuple[object, ...]:
    """Return all that a head says, for comparing."""
    line = head.line
    target = (line.method, line.target, line.path, line.raw_path, line.query_string)
    rest = (head.fields, head.host, head.content_length, head.expect, head.head_bytes)
    return (*target, line.authority, line.version, *rest)


def outcome_of(fields: Fields, limits: Limits = LIMITS) -> object:
    """Return the status that a request is answered with, the code of its reset, or its values."""
    try:
        return values_of(parse_request(fields, limits))
    except HttpParserError as error:
        return error.status
    except StreamFailure as failure:
        return failure.code


def test_a_whole_request() -> None:
    """Every value of a head; the host stands where HTTP/1.1 has it, and cookies are one field."""
    head = parse_request(
        [
            (":method", "PUT"),
            (":scheme", "https"),
            (":authority", "A.example:80"),
            (":path", "/caf%C3%A9/x?q=%20"),
            ("x-y", "1"),
            ("cookie", "a=1"),
            ("content-length", "0012"),
            ("cookie", "b=2"),
            ("expect", "100-Continue"),
            ("x-y", "2"),
            ("cookie", "c=3; d=4"),
        ],
        LIMITS,
    )
    line = head.line
    assert (line.method, line.target, line.version) == ("PUT", "/caf%C3%A9/x?q=%20", "2")
    assert (line.path, line.raw_path, line.query_string) == ("/café/x", "/caf%C3%A9/x", "q=%20")
    assert line.authority is None
    assert (head.host, head.content_length, head.expect) == ("A.example:80", 12, "100-continue")
    assert head.fields == [
        ("host", "A.example:80"),
        ("x-y", "1"),
        ("cookie", "a=1; b=2; c=3; d=4"),
        ("content-length", "0012"),
        ("expect", "100-Continue"),
        ("x-y", "2"),
    ]
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.fields)
    assert head.head_bytes == len(f"PUT /caf%C3%A9/x?q=%20 HTTP/2.0\r\n{lines}\r\n")


def test_cookies_in_pieces() -> None:
    """They are joined where the first one stands, and the value has no blank at its end."""
    fields: Fields = [("x", "1"), ("cookie", ""), ("y", "2"), ("cookie", "a=1"), ("cookie", "")]
    head = parse_request([*LEAD, *fields], LIMITS)
    assert head.fields[1:] == [("x", "1"), ("cookie", "; a=1;"), ("y", "2")]


def test_no_length_is_not_a_length_of_zero() -> None:
    """The end of the stream tells the length that no field announces (RFC 9113 section 8.1.1)."""
    assert parse_request(LEAD, LIMITS).content_length is None
    assert parse_request([*LEAD, ("content-length", "0")], LIMITS).content_length == 0


@pytest.mark.parametrize(
    ("fields", "host"),
    [
        (LEAD, "a"),
        ([METHOD, SCHEME, PATH, ("x", "y"), ("host", "a")], "a"),
        ([*LEAD, ("host", "a")], "a"),
        ([*LEAD, ("x", "y"), ("host", "A")], "a"),
        ([*LEAD[:3], (":authority", "[::1]:8"), ("host", "[::1]:8")], "[::1]:8"),
    ],
)
def test_the_host(fields: Fields, host: str) -> None:
    """That of ``:authority``, or of ``host`` alone; two that differ in case are the same."""
    head = parse_request(fields, LIMITS)
    assert head.host == host
    assert [field for field in head.fields if field[0] == "host"] == [("host", host)]
    assert head.fields[0] == ("host", host)


@pytest.mark.parametrize(
    "pseudo", [LEAD, LEAD[::-1], [PATH, METHOD, AUTHORITY, (":scheme", "HTTP")]], ids=str
)
def test_pseudo_fields_in_any_order(pseudo: Fields) -> None:
    """Their order means nothing, and upper case is no other scheme (RFC 3986 section 3.1)."""
    assert parse_request([*pseudo, ("x", "y")], LIMITS).fields == [("host", "a"), ("x", "y")]


@pytest.mark.parametrize(
    ("method", "path", "decoded", "query"),
    [
        ("GET", "/a?b?c", "/a", "b?c"),
        ("GET", "//b/c", "//b/c", ""),
        ("GET", "/a/../b", "/a/../b", ""),
        ("GET", "/%2525", "/%25", ""),
        ("OPTIONS", "*", "*", ""),
        ("OPTIONS", "/*", "/*", ""),
        ("M-SEARCH", "/", "/", ""),
    ],
)
def test_targets(method: str, path: str, decoded: str, query: str) -> None:
    """A path is taken apart as that of HTTP/1.1 is."""
    line = parse_request(lead(method, path), LIMITS).line
    assert (line.method, line.target, line.path, line.query_string) == (
        (method, path, decoded, query)
    )


@pytest.mark.parametrize("token", ["websocket", "WebSocket"])
def test_a_websocket_is_asked_for_by_its_protocol(token: str) -> None:
    """The method stays CONNECT, and the path is taken apart as that of a GET (RFC 8441 4, 5)."""
    fields: Fields = [EXTENDED[0], (":protocol", token), SCHEME, (":path", "/%41?q"), AUTHORITY]
    head = parse_request([*fields, ("sec-websocket-version", "13")], LIMITS)
    line = head.line
    assert (line.method, line.target, line.path) == ("CONNECT", "/%41?q", "/A")
    assert (line.raw_path, line.query_string, line.authority) == ("/%41", "q", None)
    assert (head.protocol, head.host, head.content_length) == ("websocket", "a", None)
    assert head.fields == [("host", "a"), ("sec-websocket-version", "13")]


def test_no_other_request_has_a_protocol() -> None:
    """A GET is for the answer alone."""
    assert parse_request(LEAD, LIMITS).protocol == ""


def test_a_websocket_may_name_its_host_alone() -> None:
    """Its authority is what that of a GET is (RFC 8441 section 4), which a host may stand for."""
    assert parse_request([*EXTENDED[:4], ("host", "b:1")], LIMITS).host == "b:1"


each_malformed = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: ascii(sample)[:120])


def decoded(fields: Fields) -> Fields:
    """Return fields as they are decoded: a malformed one is None."""
    return Decoder().decode(encode_fields(fields))


@each_malformed
def test_malformed_requests(sample: Sample) -> None:
    """A malformed request ends its stream, and no other (RFC 9113 section 8.1.1)."""
    assert outcome_of(decoded(sample.fields)) is ErrorCode.PROTOCOL_ERROR


@each_malformed
def test_malformed_wins_over_limits(sample: Sample) -> None:
    """A malformed request that is also past limits is malformed, whatever the limits are."""
    limits = Limits(head_bytes=1, header_count=1, target_bytes=1)
    fields = decoded([*sample.fields, ("x", "y")])
    assert outcome_of(fields, limits) is ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize("place", range(6))
def test_a_malformed_field_anywhere(place: int) -> None:
    """None stands for one, and spoils the request wherever it stands."""
    fields = [*LEAD, ("x", "y")]
    fields.insert(place, None)
    assert outcome_of(fields) is ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize("field", [(":unheard-of", "1"), (":status", "200"), (":", "")])
def test_pseudo_fields_are_judged_here_too(field: tuple[str, str]) -> None:
    """One that got past the decoder is no field of a request either."""
    for fields in ([*LEAD, field], [*LEAD, ("x", "y"), field], [field, *LEAD], [*LEAD[1:], field]):
        assert outcome_of(fields) is ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (lead(path="/" + "a" * 8191), 200),
        (lead(path="/" + "a" * 8192), 414),
        (lead(path="/%"), 400),
        (lead(path="/%4"), 400),
        (lead(path="/%ff"), 400),
        (lead(path="/?%ff"), 200),
        ([*LEAD, *[("x", "y")] * 99], 200),
        ([*LEAD, *[("x", "y")] * 100], 431),
        ([METHOD, SCHEME, PATH, ("host", "a"), *[("x", "y")] * 99], 200),
        ([METHOD, SCHEME, PATH, ("host", "a"), *[("x", "y")] * 100], 431),
        ([*LEAD, ("x", "y" * (32768 - 32))], 200),
        ([*LEAD, ("x", "y" * (32768 - 31))], 431),
        ([*LEAD, ("host", "a"), ("x", "y" * (32768 - 32))], 200),
        ([*LEAD, *[("cookie", "a=b")] * 300], 200),
        ([*LEAD, ("cookie", "y" * 16000), ("x", "y"), ("cookie", "y" * 16723)], 200),
        ([*LEAD, ("cookie", "y" * 16000), ("x", "y"), ("cookie", "y" * 16724)], 431),
        ([*LEAD, *[("cookie", "y" * 4000)] * 15000], 431),
        ([*LEAD, *[("x", "y" * 4000)] * 15000], 431),
        ([*LEAD, ("content-length", "9" * 19)], 200),
        ([*LEAD, ("content-length", "9" * 20)], 413),
        (TUNNEL, 501),
        ([*TUNNEL, ("host", "a:443"), ("x", "y")], 501),
        ([TUNNEL[0], (":authority", "[::1]:443")], 501),
        ([EXTENDED[0], (":protocol", "connect-udp"), *EXTENDED[2:]], 501),
        ([EXTENDED[0], (":protocol", "websocket2"), *EXTENDED[2:]], 501),
        ([EXTENDED[0], (":protocol", ""), *EXTENDED[2:]], 501),
        ([*EXTENDED[:3], (":path", "/%"), AUTHORITY], 400),
        ([*EXTENDED[:3], (":path", "/" + "a" * 8192), AUTHORITY], 414),
        ([*EXTENDED, *[("x", "y")] * 100], 431),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_what_is_answered_with_an_error(fields: Fields, status: int) -> None:
    """The limits are those of HTTP/1.1, to the byte; a cut cookie counts as one field."""
    outcome = outcome_of(fields)
    assert outcome == status if status != 200 else isinstance(outcome, tuple)


@pytest.mark.parametrize("name", ["cookie", "expect", "x"])
def test_what_is_refused_is_not_copied(name: str) -> None:
    """A few bytes may refer to one entry of the table very often, 60 MB of it here."""
    fields: Fields = [*LEAD, *[(name, "y" * 4000)] * 15_000]
    tracemalloc.start()
    try:
        assert outcome_of(fields) == 431
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 2**20


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], ""),
        ([("expect", "X")], "x"),
        ([("expect", "a"), ("x", "y"), ("expect", "B")], "a,b"),
        ([("expect", "a"), ("x", "y"), ("x", "y")], "a"),
    ],
)
def test_expectations(fields: Fields, expected: str) -> None:
    """Every expectation is seen, in lower case; repeats are joined, so that none hides."""
    assert parse_request([*LEAD, *fields], LIMITS).expect == expected


def check_another_path(fields: Fields, method: str, path: str, limits: Limits) -> None:
    """Compare a head that is given another path with the head of the whole."""
    try:
        head = parse_request([*lead(method, "/first"), *fields], limits)
    except (HttpParserError, StreamFailure):
        return
    before = values_of(head)
    try:
        outcome: object = values_of(with_target(head, path, limits))
    except HttpParserError as error:
        outcome = error.status
    except StreamFailure as failure:
        outcome = failure.code
    assert outcome == outcome_of([*lead(method, path), *fields], limits)
    assert values_of(head) == before


@pytest.mark.parametrize("others", [[], [("x", "y")], [("cookie", "a"), ("cookie", "b")]], ids=str)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        *["/", "/a?b", "/%41", "*", "", "a", "/a b", "/\xe9", "/%ff", "/#"],
        *["/" + "a" * 79, "/" + "a" * 80, "/" + "a" * 28, "/" + "a" * 29, "/" + "a" * 50],
    ],
    ids=ascii,
)
def test_another_path(method: str, path: str, others: Fields) -> None:
    """A head with another path is what parsing the whole gives, refusals included."""
    check_another_path(others, method, path, Limits(target_bytes=80, head_bytes=70))


@given(
    fields=st.lists(
        st.tuples(st.sampled_from(["x", "y", "cookie", "expect", "host"]), st.just("a")), max_size=5
    ),
    method=st.sampled_from(["GET", "OPTIONS"]),
    path=st.text("/a%4?*# \xe9", max_size=40),
    target_bytes=st.integers(6, 40),
    head_bytes=st.integers(30, 140),
)
def test_any_other_path(
    fields: Fields, method: str, path: str, target_bytes: int, head_bytes: int
) -> None:
    """The same for whatever path, fields and limits."""
    limits = Limits(target_bytes=target_bytes, head_bytes=head_bytes)
    check_another_path(fields, method, path, limits)


def test_what_a_handler_does_to_its_headers_is_its_own() -> None:
    """Requests of one connection share what was received, and never what is made of it."""
    head = parse_request(LEAD, LIMITS)
    other = with_target(head, "/b", LIMITS)
    assert other.fields is head.fields
    for each in (head, other):
        headers = build_request(each.line, each.host, each.fields, None).headers
        assert headers["host"] == "a"
        headers["host"] = "changed"


def test_trailers() -> None:
    """Trailers are fields, in order and with repeats."""
    trailers: Fields = [("etag", "x"), ("grpc-status", "0"), ("etag", "y")]
    assert parse_trailers([], LIMITS) == []
    assert parse_trailers(trailers, LIMITS) == trailers


@pytest.mark.parametrize(
    "field",
    [None, METHOD, (":status", "200"), *[(name, "1") for name in sorted(FORBIDDEN_TRAILERS)]],
)
def test_malformed_trailers(field: tuple[str, str] | None) -> None:
    """Pseudo-fields, and what must come before a body (RFC 9113 8.1, RFC 9110 6.5.1)."""
    with pytest.raises(StreamFailure) as caught:
        parse_trailers([("x", "y"), field], LIMITS)
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("trailers", "fits"),
    [
        ([("x", "y")] * 100, True),
        ([("x", "y")] * 101, False),
        ([("x", "y" * (32768 - 7))], True),
        ([("x", "y" * (32768 - 6))], False),
    ],
    ids=["count-fits", "count-too-many", "bytes-fit", "bytes-too-many"],
)
def test_the_limits_of_trailers(trailers: Fields, *, fits: bool) -> None:
    """Those of heads; beyond them the stream ends, since an answer may have begun."""
    if fits:
        assert parse_trailers(trailers, LIMITS) == trailers
        return
    with pytest.raises(StreamFailure) as caught:
        parse_trailers(trailers, LIMITS)
    assert caught.value.code is ErrorCode.ENHANCE_YOUR_CALM


def test_an_error_repeats_nothing_of_the_input() -> None:
    """What a client sent isn't reflected in the words of a refusal."""
    for fields in (lead(path="secret"), lead(path="/secret%"), lead(authority="secret@secret")):
        with pytest.raises((HttpParserError, StreamFailure)) as caught:
            parse_request(fields, LIMITS)
        assert "secret" not in str(caught.value)
