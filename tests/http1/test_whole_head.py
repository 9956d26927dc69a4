"""A request that is read as a whole is one that the strict parser reads, and reads no otherwise."""

from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.settings import Limits
from hump_trio.http1.head import METHODS, parse_request_line
from hump_trio.http1.memo import ENTRY_COUNT, KEY_LENGTH, MEMO, Memo
from hump_trio.http1.whole_head import read_whole
from hump_trio.messages.headers import FieldLines
from hump_trio.messages.target import RequestLine
from tests.http1.corpus import LIMITS, SAMPLES, Sample
from tests.http1.drive import Outcome, drain
from tests.http1.test_parser_properties import mutants, small_limits

CURL = (
    b"GET /items?q=1 HTTP/1.1\r\nHost: localhost:8342\r\nUser-Agent: curl/8.5.0\r\n"
    b"Accept: */*\r\n\r\n"
)
WRK = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8342\r\n\r\n"
BROWSER = (
    b"GET /items/8 HTTP/1.1\r\nHost: www.example.org\r\nConnection: keep-alive\r\n"
    b'sec-ch-ua: "Chromium";v="126", "Not/A)Brand";v="8"\r\nsec-ch-ua-mobile: ?0\r\n'
    b'sec-ch-ua-platform: "Linux"\r\nUpgrade-Insecure-Requests: 1\r\n'
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0.0.0\r\n"
    b"Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nSec-Fetch-Site: none\r\n"
    b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n"
    b"Cookie: session=0123456789abcdef; theme=dark\r\n\r\n"
)
HTTPX = (
    b"GET / HTTP/1.1\r\nHost: testserver\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
    b"Connection: keep-alive\r\nUser-Agent: python-httpx/0.27.0\r\n\r\n"
)
HTTP_CLIENT = (
    b"POST /json HTTP/1.1\r\nHost: 127.0.0.1:8342\r\nAccept-Encoding: identity\r\n"
    b'Content-Length: 13\r\nContent-Type: application/json\r\n\r\n{"name": "a"}'
)
LINE_ENDS = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 7\r\n\r\na\r\n\r\nbc"
USUAL = {
    "curl": CURL,
    "wrk": WRK,
    "browser": BROWSER,
    "httpx": HTTPX,
    "http.client": HTTP_CLIENT,
    "line-ends-in-the-body": LINE_ENDS,
}
each_usual = pytest.mark.parametrize("data", USUAL.values(), ids=USUAL)

# What heads are made of: what is usual, what is unusual, and what must be refused.
FIELD_LINES = [
    *(b"Host: a", b"host: b.example:80", b"Host: a b", b"Host:", b"Host: ", b"Host:a", b"HOST: :1"),
    *(b"Connection: keep-alive", b"Connection: Keep-Alive", b"connection: close", b"Connection: x"),
    *(b"Content-Length: 3", b"content-length: 03", b"Content-Length: 0", b"Content-Length: +3"),
    *(b"Content-Length: 3 ", b"Content-Length:3", b"Content-Length: \xb3", b"Content-Length: 4"),
    *(b"Transfer-Encoding: chunked", b"Expect: 100-continue", b"Upgrade: websocket", b"TE: x"),
    *(b"Accept: */*", b"accept:  a ", b"Accept:", b"Accept: ", b"User-Agent: caf\xe9", b"DNT: 1\t"),
    *(b"X-Id: 1", b"X-Id: a: b:", b"X-Id:a: b", b"X-Id: \xa0", b"X-Id: \x85y", b"X-Id: y\xad"),
    *(b"X-Id : 1", b" X-Id: 1", b"X Id: 1", b": y", b"X-Id", b"", b" folded", b"X-Id: \x00"),
    *(b"X-Id: y\rz", b"X-Id: y\nContent-Length: 3", b"X-Id: y\r", b"\nX-Id: y", b"X-Id: \x7f"),
    *(b"Accept: %b" % (b"y" * KEY_LENGTH), b"Cookie: a=b", b"Authorization: Basic YTpi"),
]
REQUEST_LINES = [
    *(
        b"GET / HTTP/1.1",
        b"POST /a?b HTTP/1.1",
        b"DELETE /caf%C3%A9 HTTP/1.1",
        b"GET /%zz HTTP/1.1",
    ),
    *(b"GET / HTTP/1.0", b"GET / HTTP/2.0", b"GET http://b/ HTTP/1.1", b"CONNECT b:1 HTTP/1.1"),
    *(b"OPTIONS * HTTP/1.1", b"GET  / HTTP/1.1", b"GET / HTTP/1.1\n", b"\r\nGET / HTTP/1.1", b""),
]
BODIES = [b"", b"abc", b"abcd", b"a\r\n", b"\r\n\r\n", b"\r\n", WRK]
ENDS = [b"\r\n\r\n", b"\r\n\r\n", b"\r\n", b"", b"\n\n", b"\r\n\n"]


# Filled by every test that follows, as a server's is by its clients.
USED_MEMO = Memo()


# Request line, host, fields, body, and whether the connection stays.
Taken: TypeAlias = tuple[RequestLine, str, FieldLines, bytes, bool]


def take(data: bytes, limits: Limits) -> Taken | None:
    """Return what the fast path takes: `read_whole`, and its line judged as it is there.

    Methods without a route are refused there; that a longer one than any route has makes a
    target look too long is for the parser alone.
    """
    whole = read_whole(data, limits)
    if whole is None:
        return None
    text, host, fields, body, keep_alive = whole
    try:
        line = parse_request_line(text.decode("latin-1"), limits.target_bytes)
    except HttpParserError:
        return None
    if line.version != "1.1" or line.authority is not None or line.method not in METHODS:
        return None
    return line, host, fields, body, keep_alive


def check(data: bytes, limits: Limits) -> bool:
    """Hold the reading of some bytes to the strict one, and tell whether there is one."""
    taken = take(data, limits)
    if taken is not None:
        compare(taken, drain([data], limits), data)
    return taken is not None


def compare(taken: Taken, outcome: Outcome, data: bytes) -> None:
    """Hold a reading to the one request that the strict parser must have found."""
    line, host, fields, body, keep_alive = taken
    assert outcome.status is None, data
    [seen] = outcome.requests
    assert seen.whole
    assert outcome.held_bytes == 0
    assert (seen.head.host, seen.head.fields, seen.body) == (host, fields, body)
    assert seen.head.line.target == line.target
    assert seen.head.line.method == line.method
    assert seen.head.line.version == "1.1"
    assert seen.head.keep_alive == keep_alive
    assert not seen.head.chunked
    assert not seen.head.expect
    assert not seen.trailers


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_every_sample_is_read_as_the_parser_does(sample: Sample) -> None:
    """Or not at all, under small limits as under the usual ones, and after any other sample."""
    for limits in (LIMITS, Limits()):
        check(sample.data, limits)


def test_many_samples_are_read() -> None:
    """The comparison with the parser isn't empty."""
    assert sum(check(sample.data, LIMITS) for sample in SAMPLES) > 20


@each_usual
def test_what_clients_send_is_read_at_first_sight(data: bytes) -> None:
    """The first request of a server's first client takes the path of all those that follow."""
    memo = Memo()
    first = read_whole(data, Limits(), memo)
    assert first is not None
    assert read_whole(data, Limits(), memo) == first


@each_usual
def test_no_part_is_taken_for_the_whole(data: bytes) -> None:
    """Whatever is missing or follows: what isn't exactly one request is left to the parser."""
    assert check(data, Limits())
    for end in range(len(data)):
        assert not check(data[:end], Limits())
    for start in range(1, len(data)):
        check(data[start:], Limits())
    for more in (b"G", b"\r", b"\r\n", b"\r\n\r\n", data, WRK, b"\x00"):
        assert not check(data + more, Limits())
        assert not check(more + data, Limits())


@each_usual
def test_no_byte_can_be_another_one(data: bytes) -> None:
    """Each byte replaced by one that means something is read as the parser does, or not at all."""
    assert check(data, Limits())
    for at in range(len(data)):
        for byte in (
            b"\x00",
            b"\t",
            b"\n",
            b"\r",
            b" ",
            b":",
            b"0",
            b"\x7f",
            b"\xa0",
            b"\xff",
            b"",
        ):
            check(data[:at] + byte + data[at + 1 :], Limits())


@each_usual
def test_the_limits_hold(data: bytes) -> None:
    """Past a limit nothing is taken; the parser says what is wrong."""
    for count in range(1, len(data) + 2):
        check(data, Limits(head_bytes=count))
        check(data, Limits(target_bytes=count))
    for count in range(1, 30):
        check(data, Limits(header_count=count))


lines = st.sampled_from(FIELD_LINES)
heads = st.tuples(
    st.sampled_from(REQUEST_LINES),
    st.lists(st.one_of(lines, lines, st.binary(max_size=6)), max_size=6),
).map(lambda head: b"\r\n".join([head[0], *head[1]]))
requests = st.tuples(heads, st.sampled_from(ENDS), st.sampled_from(BODIES)).map(b"".join)


@settings(max_examples=600)
@given(st.one_of(requests, mutants()), st.one_of(st.just(LIMITS), st.just(Limits()), small_limits))
def test_made_and_mutated_requests(data: bytes, limits: Limits) -> None:
    """Whatever a request is made of, it is read as the parser does, or not at all."""
    check(data, limits)


@settings(max_examples=600)
@given(st.one_of(requests, mutants()), st.one_of(st.just(LIMITS), st.just(Limits()), small_limits))
def test_a_memo_changes_no_reading(data: bytes, limits: Limits) -> None:
    """Whether a request is read here, and how, depends on its own bytes: not on earlier ones."""
    empty = Memo()
    first = read_whole(data, limits, empty)
    assert read_whole(data, limits, empty) == first
    assert read_whole(data, limits, USED_MEMO) == first
    assert read_whole(data, limits, USED_MEMO) == first


def test_no_sample_changes_the_reading_of_another() -> None:
    """Samples read with an empty memo are read alike when all of them are remembered."""
    memo = Memo()
    for limits in (LIMITS, Limits()):
        alone = [read_whole(sample.data, limits, Memo()) for sample in SAMPLES]
        for _ in range(2):
            assert [read_whole(sample.data, limits, memo) for sample in SAMPLES] == alone


def usual_fields(*fields: bytes) -> bytes:
    """Return a request with these field lines behind a Host."""
    return b"\r\n".join([b"GET / HTTP/1.1", b"Host: a", *fields, b"", b""])


def test_what_is_remembered_is_capped_and_keeps_nobody_out() -> None:
    """Hostile lines fill a memo up to a cap, then give way; the next client is remembered."""
    memo = Memo()
    for number in range(2 * ENTRY_COUNT + 10):
        agent = usual_fields(b"User-Agent: %d" % number, b"X-%d: y" % number)
        assert read_whole(agent, Limits(), memo)
        assert read_whole(agent.replace(b"Host: a", b"Host: h%d" % number), Limits(), memo)
        for readings in (memo.lines, memo.hosts, memo.names):
            assert len(readings) <= ENTRY_COUNT
    assert memo.lines[b"User-Agent: %d" % number] == ("user-agent", str(number))
    assert memo.hosts[b"Host: h%d" % number] == ("host", f"h{number}")
    assert memo.names[f"X-{number}"] == f"x-{number}"


STEADY_LINES = [b"Accept: %d" % number for number in range(3)] + [
    *(b"Connection: keep-alive", b"User-Agent: x", b"DNT: 1", b"Sec-GPC: 1", b"Origin: null"),
]
OTHER_LINES = [b"Cookie: a=b", b"X-Id: 1", b"Host: b", b"Content-Length: 1", b"Connection: close"]
RUN_MEMO = Memo()


@given(
    st.lists(st.sampled_from(STEADY_LINES), max_size=20),
    st.lists(st.sampled_from(OTHER_LINES + STEADY_LINES), max_size=4),
    st.sampled_from([[b"Host: a"], []]),
    st.integers(2, 30),
)
def test_lines_that_come_together_are_read_as_each_alone(
    run: list[bytes], others: list[bytes], first: list[bytes], header_count: int
) -> None:
    """Whatever requests began with before, and whatever the limits are."""
    limits = Limits(header_count=header_count)
    for lines in ([*first, *run, *others], [*first, *others, *run], [*first, *run]):
        data = b"\r\n".join([b"GET / HTTP/1.1", *lines, b"", b""])
        alone = read_whole(data, limits, Memo())
        for _ in range(3):
            assert read_whole(data, limits, RUN_MEMO) == alone


def test_few_runs_of_lines_are_remembered() -> None:
    """Those that came last, of each of a few second lines; none that is short or very long."""
    memo = Memo()

    def ask(*lines: bytes) -> None:
        data = usual_fields(*lines)
        for _ in range(2):  # its lines are known at the second time
            assert read_whole(data, Limits(), memo)

    tail = [b"Accept: %d" % number for number in range(5)]
    for number in range(6):
        ask(b"DNT: 1", b"Sec-GPC: 1", b"User-Agent: %d" % number, *tail, b"Cookie: secret")
    [(second, runs)] = memo.runs.items()
    assert second == b"Sec-GPC: 1"
    assert [run[2] for run, _ in runs] == [b"User-Agent: %d" % number for number in (5, 4, 3, 2)]
    assert not any(b"secret" in b"".join(run) for run, _ in runs)
    memo = Memo()
    ask(*tail, b"Cookie: secret", b"X-A: 1", b"X-B: 1")
    ask(*tail[:2], b"Cookie: secret", *tail, b"X-A: 1")
    assert not memo.runs
    ask(*[b"Accept: %d" % number for number in range(60)])
    [(run, fields)] = memo.runs[b"Accept: 1"]
    assert len(run) == len(fields) == 16
    for number in range(100):
        ask(b"DNT: 1", b"User-Agent: %d" % number, *tail, *tail)
        assert len(memo.runs) <= 64


def test_long_lines_are_read_but_not_remembered() -> None:
    """A line of the most characters is kept, a longer one isn't."""
    memo = Memo()
    for readings, fit in (
        (memo.lines, b"Accept: ".ljust(KEY_LENGTH, b"x")),
        (memo.hosts, b"Host: ".ljust(KEY_LENGTH, b"x")),
    ):
        for line in (fit, fit + b"x"):
            data = b"\r\n".join([b"GET / HTTP/1.1", line, b"", b""])
            data = data if readings is memo.hosts else usual_fields(line)
            assert read_whole(data, Limits(), memo)
        assert fit in readings
        assert fit + b"x" not in readings


@pytest.mark.parametrize(
    "name",
    [
        *(b"Authorization", b"Proxy-Authorization", b"Cookie", b"Cookie2", b"X-Api-Key"),
        *(b"X-Auth-Token", b"X-Csrf-Token", b"Referer", b"Forwarded", b"If-None-Match"),
    ],
)
def test_secrets_are_not_remembered(name: bytes) -> None:
    """What may tell who somebody is stays in the request that it came in."""
    data, memo = usual_fields(name + b": secret"), Memo()
    assert read_whole(data, Limits(), memo)
    assert drain([data], Limits()).whole
    for each in (memo, MEMO):
        assert not any(b"secret" in line for line in [*each.lines, *each.hosts])
        assert not any("secret" in spelling for spelling in each.names)


def test_what_is_refused_is_not_remembered() -> None:
    """A malformed Host stays one, and so does a line that no field may be."""
    memo = Memo()
    for _ in range(2):
        assert not read_whole(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Limits(), memo)
        assert not read_whole(usual_fields(b"Accept: \x00"), Limits(), memo)
        assert not read_whole(usual_fields(b"Connection: upgrade"), Limits(), memo)
        assert not read_whole(usual_fields(b"X Id: 1"), Limits(), memo)
        assert not read_whole(usual_fields(b"secret"), Limits(), memo)
    assert list(memo.hosts) == [b"Host: a"]
    assert not memo.lines
    assert set(memo.names) == {"Host", "Connection"}
