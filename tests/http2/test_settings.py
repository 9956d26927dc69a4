"""What each side says of itself."""

import pytest

from hump_trio.facts.settings import Limits
from hump_trio.http2.failures import ConnectionFailure, ErrorCode
from hump_trio.http2.settings import PeerSettings, encode_own_settings, parse_settings
from tests.support.driven_session import read_frames
from tests.support.frames import settings


def parse(*pairs: tuple[int, int]) -> PeerSettings:
    """Parse a frame of settings."""
    return parse_settings(settings(*pairs)[9:])


def test_a_server_says_what_is_not_the_default() -> None:
    """A list of fields is counted with 32 bytes for each of them (RFC 9113 section 6.5.2)."""
    (frame,) = read_frames(encode_own_settings(Limits(streams=7, head_bytes=1000, header_count=10)))
    assert frame.settings == {3: 7, 4: 256 * 1024, 6: 1320, 8: 1, 9: 1}


def test_the_last_value_holds() -> None:
    """Each value holds in its turn, so the largest one counts for a moment (section 6.5.3)."""
    assert parse((4, 5), (4, 9), (4, 7)) == PeerSettings(window=7, widest_window=9)
    assert parse((4, 0)) == PeerSettings(window=0)


def test_what_concerns_no_server_is_ignored() -> None:
    """As is what nobody knows (section 6.5.2)."""
    assert parse() == PeerSettings()
    assert parse((2, 0), (3, 1), (5, 2**14), (6, 9), (8, 1), (9, 1), (0xFFFF, 3)) == PeerSettings()


@pytest.mark.parametrize(("sizes", "small"), [((0,), True), ((5000,), False), ((0, 4096), True)])
def test_a_small_table_was_small_for_a_moment(sizes: tuple[int, ...], small: bool) -> None:
    """The smallest size is to be confirmed (RFC 7541 section 4.2)."""
    assert parse(*((1, size) for size in sizes)).small_table is small


@pytest.mark.parametrize("number", [2, 8, 9])
def test_a_switch_is_on_or_off(number: int) -> None:
    """Other values are no settings (RFC 9113 6.5.2, RFC 8441 3, RFC 9218 2.1).

    What a client offers over streams means nothing to a server, so it may change its mind.
    """
    parse((number, 1), (number, 0))
    with pytest.raises(ConnectionFailure) as raised:
        parse((number, 2))
    assert raised.value.code is ErrorCode.PROTOCOL_ERROR


def test_half_a_setting_is_none() -> None:
    """Each takes six bytes (section 6.5)."""
    with pytest.raises(ConnectionFailure):
        parse_settings(bytes(7))
