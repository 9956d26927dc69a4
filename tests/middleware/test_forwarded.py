"""`Forwarded`: proxies in front are believed, and nobody else."""

from typing import Any, TypeAlias

import pytest
from trio.testing import MockClock

from hump_trio import Forwarded, Request
from hump_trio.middleware.forwarded import parse_element, parse_node
from tests.middleware.onion import a_request, check_cancelled_handler, pass_through

Seen: TypeAlias = tuple[str | None, str, str]
PROXY = ("10.0.0.1", 4711)
NETWORKS = ["10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48"]
# What a request says without its proxies.
ITSELF: Seen = ("10.0.0.1", "http", "inner:8342")
X_FIELDS = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"]


async def seen(
    fields: list[str],
    headers: list[tuple[str, str]],
    client: tuple[str, int] | None = PROXY,
    proxies: list[str] = NETWORKS,
) -> Seen:
    """Return a request's client, scheme and host as a handler sees them."""
    request: Request = a_request(headers=headers, client=client, host="inner:8342")
    await pass_through(Forwarded(proxies=proxies, fields=fields), request)
    address = None if request.client is None else request.client[0]
    return (address, request.scheme, request.host)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["for=203.0.113.7"], ("203.0.113.7", "http", "inner:8342")),
        (["For=203.0.113.7;PROTO=https;Host=a.example"], ("203.0.113.7", "https", "a.example")),
        (['for="203.0.113.7:80" ; host="a.example:81"'], ("203.0.113.7", "http", "a.example:81")),
        (['for="[2001:DB8:cafe::17]:4711"'], ("2001:db8:cafe::17", "http", "inner:8342")),
        (["for=1.2.3.4, for=203.0.113.7;proto=https"], ("203.0.113.7", "https", "inner:8342")),
        (["for=1.2.3.4", "for=203.0.113.7"], ("203.0.113.7", "http", "inner:8342")),
        (
            ["for=1.2.3.4;proto=http, for=203.0.113.7;proto=https, for=10.9.9.9;proto=http"],
            ("203.0.113.7", "https", "inner:8342"),
        ),
        (["for=203.0.113.7, for=192.0.2.7, for=10.9.9.9"], ("203.0.113.7", "http", "inner:8342")),
        (["for=10.1.1.1;proto=https, for=10.2.2.2"], ("10.1.1.1", "https", "inner:8342")),
        (['for="[2001:db8:1::5]", for=10.2.2.2'], ("2001:db8:1::5", "http", "inner:8342")),
        (['for="[::ffff:10.1.1.1]", for=10.2.2.2'], ("10.1.1.1", "http", "inner:8342")),
        ([" , ,for=203.0.113.7, "], ("203.0.113.7", "http", "inner:8342")),
        (["for=203.0.113.7;"], ("203.0.113.7", "http", "inner:8342")),
        ([";; for=203.0.113.7 ;;proto=https"], ("203.0.113.7", "https", "inner:8342")),
        (["for=203.0.113.7;by=10.0.0.1;secret=x"], ("203.0.113.7", "http", "inner:8342")),
        # kept secret, or not told
        (["for=unknown;proto=https"], (None, "https", "inner:8342")),
        (["for=_hidden;host=a.example"], (None, "http", "a.example")),
        (['for="_hidden:_port"'], (None, "http", "inner:8342")),
        (["proto=https"], (None, "https", "inner:8342")),
        (["for=1.2.3.4, for=unknown"], (None, "http", "inner:8342")),
        # what a client has written further left, whatever it is
        (['for="1.2.3.4, for=203.0.113.7'], ("203.0.113.7", "http", "inner:8342")),
        (['for="1.2.3.4", "for=203.0.113.7', "for=5.6.7.8"], ("5.6.7.8", "http", "inner:8342")),
        (["\x80;;;=, for=203.0.113.7"], ("203.0.113.7", "http", "inner:8342")),
        # no scheme or host that could be meant
        (["for=203.0.113.7;proto=javascript"], ("203.0.113.7", "http", "inner:8342")),
        (['for=203.0.113.7;host="a b"'], ("203.0.113.7", "http", "inner:8342")),
        (['for=203.0.113.7;host="user@a"'], ("203.0.113.7", "http", "inner:8342")),
        (['for=203.0.113.7;host=""'], ("203.0.113.7", "http", "inner:8342")),
        # nothing
        ([], ITSELF),
        ([""], ITSELF),
        ([" ,, "], ITSELF),
    ],
)
async def test_the_field_of_rfc_7239(values: list[str], expected: Seen) -> None:
    """The first element from the right whose peer is no proxy tells of the client."""
    headers = [("forwarded", value) for value in values]
    assert await seen(["forwarded"], headers) == expected


@pytest.mark.parametrize(
    "value",
    [
        "for",
        "for=",
        "for =1.2.3.4",
        "for=1.2.3.4:80",
        "for=[::1]",
        'for="::1"x',
        'for="1.2.3.4',
        'for="1.2.3.4\\"',
        "for=1.2.3.4;for=5.6.7.8",
        "for=1.2.3.4;proto=http;PROTO=https",
        "for=1.2.3",
        "for=1.2.3.256",
        "for=01.2.3.4",
        'for="1.2.3.4:65536"',
        'for="1.2.3.4:123456"',
        'for="[1.2.3.4]"',
        'for="[fe80::1%eth0]"',
        'for="[::1]:"',
        "for=localhost",
        "for=é",
        "for=1.2.3.4 proto=https",
        'for=1.2.3.4;host="a,b"',
    ],
)
async def test_a_malformed_element_tells_nothing(value: str) -> None:
    """The client is unknown then: the proxy's address isn't its own. Nothing else is taken."""
    headers = [("forwarded", f"for=6.6.6.6;proto=https;host=evil, {value}")]
    assert await seen(["forwarded"], headers) == (None, "http", "inner:8342")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7:4711"], "203.0.113.7"),
        (["2001:db8::1"], "2001:db8::1"),
        (["2001:DB8:0::1"], "2001:db8::1"),
        (["[2001:db8::1]:443"], "2001:db8::1"),
        (["[2001:db8::1]"], "2001:db8::1"),
        (["1.2.3.4, 203.0.113.7"], "203.0.113.7"),
        (["1.2.3.4", "203.0.113.7"], "203.0.113.7"),
        (["1.2.3.4,203.0.113.7,10.9.9.9 , 192.0.2.7"], "203.0.113.7"),
        (["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        (["unknown, 10.1.1.1"], None),
        (["garbage, 203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7, garbage"], None),
        (["203.0.113.7, 10.1.1.1x"], None),
        (["203.0.113.7, <script>"], None),
        (["203.0.113.7, for=10.1.1.1"], None),
        (["fe80::1%eth0"], None),
        (["1:2"], None),
        ([":" * 30_000], None),
        ([], "10.0.0.1"),
        ([", ,"], "10.0.0.1"),
    ],
)
async def test_addresses_of_x_forwarded_for(values: list[str], expected: str | None) -> None:
    """From the right, past the proxies."""
    headers = [("x-forwarded-for", value) for value in values]
    assert await seen(["X-Forwarded-For"], headers) == (expected, "http", "inner:8342")


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("proto", ["https"], ("10.0.0.1", "https", "inner:8342")),
        ("proto", ["HTTPS"], ("10.0.0.1", "https", "inner:8342")),
        ("proto", ["http"], ITSELF),
        ("proto", ["https, http"], ITSELF),
        ("proto", ["https", "https"], ITSELF),
        ("proto", ["javascript"], ITSELF),
        ("proto", [""], ITSELF),
        ("host", ["a.example"], ("10.0.0.1", "http", "a.example")),
        ("host", ["a.example:81"], ("10.0.0.1", "http", "a.example:81")),
        ("host", ["[::1]:81"], ("10.0.0.1", "http", "[::1]:81")),
        ("host", ["a.example, b.example"], ITSELF),
        ("host", ["a.example,b.example"], ITSELF),
        ("host", ["a.example", "b.example"], ITSELF),
        ("host", ["a b"], ITSELF),
        ("host", ["a/b"], ITSELF),
        ("host", ["user@a"], ITSELF),
        ("host", ["a:80x"], ITSELF),
        ("host", ["[::1"], ITSELF),
        ("host", [""], ITSELF),
    ],
)
async def test_scheme_and_host_beside_it(name: str, values: list[str], expected: Seen) -> None:
    """One good value is taken, and only where the field is named."""
    headers = [(f"x-forwarded-{name}", value) for value in values]
    assert await seen(X_FIELDS, headers) == expected
    assert await seen(["x-forwarded-for"], headers) == ITSELF


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["forwarded"], ("1.1.1.1", "https", "one.example")),
        (X_FIELDS, ("2.2.2.2", "https", "two.example")),
        (["x-forwarded-for"], ("2.2.2.2", "http", "inner:8342")),
        (["x-forwarded-proto"], ("10.0.0.1", "https", "inner:8342")),
        (["x-forwarded-host"], ("10.0.0.1", "http", "two.example")),
    ],
)
async def test_only_named_fields_count(fields: list[str], expected: Seen) -> None:
    """A client can send all the others through a proxy that doesn't know of them."""
    headers = [
        ("forwarded", "for=1.1.1.1;proto=https;host=one.example"),
        ("x-forwarded-for", "2.2.2.2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "two.example"),
    ]
    assert await seen(fields, headers) == expected


@pytest.mark.parametrize(
    ("client", "proxies", "believed"),
    [
        (PROXY, NETWORKS, True),
        (("192.0.2.7", 1), NETWORKS, True),
        (("192.0.2.8", 1), NETWORKS, False),
        (("11.0.0.1", 1), NETWORKS, False),
        (("::ffff:10.0.0.1", 1), NETWORKS, True),
        (("::ffff:11.0.0.1", 1), NETWORKS, False),
        (("2001:db8:1::9", 1), NETWORKS, True),
        (("2001:db8:2::9", 1), NETWORKS, False),
        (("fe80::1%eth0", 1), NETWORKS, False),
        (("fe80::1%eth0", 1), ["fe80::/10"], True),
        (None, NETWORKS, False),
        (None, ["unix"], True),
        (PROXY, ["unix"], False),
    ],
)
async def test_only_proxies_are_believed(
    client: tuple[str, int] | None, proxies: list[str], believed: bool
) -> None:
    """By the address of the connection; one without is believed if that was said."""
    address = None if client is None else client[0]
    for name, value in (("x-forwarded-for", "5.5.5.5"), ("forwarded", "for=5.5.5.5")):
        found = await seen([name], [(name, value)], client, proxies)
        assert found[0] == ("5.5.5.5" if believed else address)


@pytest.mark.parametrize(
    ("proxies", "fields", "error"),
    [
        ("10.0.0.0/8", ["forwarded"], TypeError),
        ([7], ["forwarded"], TypeError),
        (None, ["forwarded"], TypeError),
        ([], ["forwarded"], ValueError),
        (["10.0.0.1/8"], ["forwarded"], ValueError),
        (["10.0.0.0/33"], ["forwarded"], ValueError),
        (["*"], ["forwarded"], ValueError),
        (["proxy.example"], ["forwarded"], ValueError),
        (["10.0.0.1:80"], ["forwarded"], ValueError),
        ([""], ["forwarded"], ValueError),
        (NETWORKS, "forwarded", TypeError),
        (NETWORKS, [], ValueError),
        (NETWORKS, ["forwarded", "x-forwarded-for"], ValueError),
        (NETWORKS, ["forwarded", "x-forwarded-proto"], ValueError),
        (NETWORKS, ["x-forwarded-host", "forwarded"], ValueError),
        (NETWORKS, ["x-real-ip"], ValueError),
        (NETWORKS, ["x-forwarded-port"], ValueError),
        (NETWORKS, [None], TypeError),
    ],
)
def test_options_that_make_no_sense(proxies: Any, fields: Any, error: type[Exception]) -> None:
    """They are refused where they are written; the two families are never mixed."""
    with pytest.raises(error):
        Forwarded(proxies=proxies, fields=fields)


def test_there_are_no_defaults() -> None:
    """Whoever guesses here trusts strangers."""
    kind: Any = Forwarded
    with pytest.raises(TypeError):
        kind()


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("1.2.3.4", ("1.2.3.4", 0)),
        ("1.2.3.4:65535", ("1.2.3.4", 65535)),
        ("1.2.3.4:_x", ("1.2.3.4", 0)),
        ("[::1]:8", ("::1", 8)),
        ("Unknown", None),
        ("unknown:80", None),
        ("_a.b-c_1", None),
    ],
)
def test_nodes(text: str, node: tuple[str, int] | None) -> None:
    """Addresses with and without port, and those that are kept secret (RFC 7239 section 6)."""
    assert parse_node(text) == node


def test_long_elements_are_read_in_no_time() -> None:
    """They fill a whole head at most, and each character is looked at a few times."""
    for text in (
        "a=" * 15_000,
        'a="' + ";" * 30_000,
        ";".join(["a=b"] * 8000),
        "; " * 15_000 + "x",
    ):
        with pytest.raises(ValueError, match=r"malformed|twice"):
            parse_element(text)


async def test_a_handler_below_can_be_cancelled(autojump_clock: MockClock) -> None:
    """The layer holds nothing."""
    await check_cancelled_handler(Forwarded(proxies=["unix"], fields=["forwarded"]))


async def test_requests_of_one_client_are_told_apart_from_others() -> None:
    """However often its list was read, how long that is, and whatever it says besides."""
    forwarded = Forwarded(proxies=NETWORKS, fields=["forwarded"])
    short = "for=203.0.113.7;proto=https;host=a.example"
    long = ", ".join(["for=1.2.3.4;proto=http"] * 20 + [short])
    expected = {
        short: ("203.0.113.7", "https", "a.example"),
        long: ("203.0.113.7", "https", "a.example"),
        "for=1.2.3.4": ("1.2.3.4", *ITSELF[1:]),
        "for=unknown": (None, *ITSELF[1:]),
        "for=": (None, *ITSELF[1:]),
        "": ITSELF,
    }
    for value, wanted in [*expected.items()] * 2:
        request = a_request(headers=[("forwarded", value)], client=PROXY, host="inner:8342")
        await pass_through(forwarded, request)
        address = None if request.client is None else request.client[0]
        assert (address, request.scheme, request.host) == wanted
