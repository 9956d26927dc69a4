"""Markers of credentials say where they are, and what a client is asked for."""

from typing import Any

import pytest

from hump_trio import ApiKey, Basic, Bearer
from hump_trio.handlers.markers import Secret

UNTYPED: dict[str, Any] = {"ApiKey": ApiKey, "Basic": Basic}  # for what checkers would refuse


def test_credentials_are_asked_for_in_words_of_their_schemes() -> None:
    """RFC 7617 has a realm and a charset, RFC 6750 a realm; a key says where it is."""
    challenges = [each.challenge for each in (Bearer(), Bearer(realm='a "b"'), Basic(realm="shop"))]
    assert challenges == [
        'Bearer realm="api"',
        'Bearer realm="a \\"b\\""',
        'Basic realm="shop", charset="UTF-8"',
    ]
    assert ApiKey(header="X-Api-Key").challenge == 'ApiKey header="x-api-key"'
    assert ApiKey(cookie="Key").challenge == 'ApiKey cookie="Key"'


def test_markers_of_credentials_are_values() -> None:
    """Two that ask for the same are equal, whatever their case."""
    assert len({Bearer(), Bearer(realm="api"), Bearer(realm="b"), Basic(realm="api")}) == 3
    assert ApiKey(header="X-Key") == ApiKey(header="x-key") != ApiKey(cookie="x-key")
    assert repr(Basic(realm="shop")) == "Basic(realm='shop')"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: UNTYPED["Basic"](), TypeError, "realm"),
        (
            lambda: UNTYPED["Basic"](realm=5),
            TypeError,
            r"is text, not 5",
        ),
        (lambda: Bearer(realm=""), ValueError, r"the realm of Bearer\(\) says what the cred"),
        (lambda: Bearer(realm="a\r\nb"), ValueError, "the realm is printable ASCII"),
        (lambda: UNTYPED["ApiKey"](), TypeError, "in a header or a cookie, as in ApiKey"),
        (
            lambda: UNTYPED["ApiKey"](query="key"),
            TypeError,
            "never in the query, which ends",
        ),
        (lambda: UNTYPED["ApiKey"](header="a", cookie="b"), TypeError, "in a header or a cookie"),
        (lambda: UNTYPED["ApiKey"](header=5), TypeError, "in a header or a cookie"),
        (lambda: ApiKey(header="a b"), ValueError, "a b"),
        (lambda: ApiKey(cookie="a;b"), ValueError, "a;b"),
    ],
)
def test_a_marker_of_credentials_that_says_nothing_is_refused(
    make: Any, error: type[Exception], message: str
) -> None:
    """Where it is written."""
    with pytest.raises(error, match=message):
        make()


def test_what_is_no_kind_of_credentials_reads_none() -> None:
    """The part that all have in common knows no place."""
    with pytest.raises(NotImplementedError):
        Secret().__reader__(str)
