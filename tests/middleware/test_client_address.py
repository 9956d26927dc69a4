"""By which address a client is told from others."""

from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio import client_address
from tests.middleware.onion import a_request


def address_of(host: str) -> str:
    """Return what the requests of a host count for."""
    return client_address(a_request(client=(host, 1234)))


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::FFFF:0a00:0001", "10.0.0.1"),
        ("::1", "::/64"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("2001:DB8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a:name", "a:name"),
        ("a-name", "a-name"),
    ],
)
def test_the_address_that_counts(host: str, counted: str) -> None:
    """IPv4 by itself, however it is written; IPv6 by its network of 64 bits; names as they are."""
    assert address_of(host) == counted


def test_without_an_address_all_are_one() -> None:
    """Those of a proxy that doesn't tell it."""
    assert client_address(a_request(client=None)) == ""


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_a_network_is_one_client(address: IPv6Address, interface: int) -> None:
    """As `ipaddress` finds it: whoever has a network can't take more than one client may."""
    other = IPv6Address(int(address) >> 64 << 64 | interface)
    if address.ipv4_mapped is None and other.ipv4_mapped is None:
        assert address_of(str(address)) == address_of(other.exploded) == address_of(str(other))
        assert ip_address(address_of(str(address)).removesuffix("/64")) == IPv6Address(
            int(address) >> 64 << 64
        )
