"""Settings: what each side of a connection says of itself, in frames of that type.

Source: RFC 9113 sections 6.5 and 6.9.2, RFC 8441 section 3, RFC 9218 section 2.1.
"""

from dataclasses import dataclass
from struct import Struct

from hump_trio.facts.settings import Limits
from hump_trio.http2.failures import ConnectionFailure, ErrorCode, violation
from hump_trio.http2.flow import MAX_WINDOW
from hump_trio.http2.frames import FRAME_BYTES, encode_settings
from hump_trio.http2.streams import STREAM_WINDOW_BYTES

__all__ = [
    "CONNECTION_WINDOW_BYTES",
    "DEFAULT_WINDOW_BYTES",
    "PeerSettings",
    "encode_own_settings",
    "parse_settings",
]

DEFAULT_WINDOW_BYTES = 65_535  # RFC 9113 section 6.9.2
# Streams share it, and it is credited when bytes come: a handler that doesn't read holds up none.
CONNECTION_WINDOW_BYTES = 1024 * 1024
DEFAULT_TABLE_BYTES = 4_096  # RFC 7541 section 4.2
# The numbers of settings (RFC 9113 section 6.5.2; the last two are RFC 8441 section 3 and RFC 9218
# section 2.1).
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 2, 3, 4
MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 5, 6
ENABLE_CONNECT_PROTOCOL, NO_RFC7540_PRIORITIES = 8, 9
# These are 0 or 1.
SWITCHES = frozenset({ENABLE_PUSH, ENABLE_CONNECT_PROTOCOL, NO_RFC7540_PRIORITIES})

SETTING = Struct(">HI")


@dataclass(slots=True)
class PeerSettings:
    """What a frame of settings changes.

    Args:
        window: What may be sent on a stream before the peer gives it more room; None for no change.
        widest_window: The largest of the values that the frame has for that, since each of them
            holds for a moment.
        small_table: Whether the peer keeps a smaller table of fields than the default.
    """

    window: int | None = None
    widest_window: int = 0
    small_table: bool = False


def encode_own_settings(limits: Limits) -> bytes:
    """Return the frame in which a server says what isn't the default."""
    return encode_settings(
        (
            (MAX_CONCURRENT_STREAMS, limits.streams),
            (INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES),
            (MAX_HEADER_LIST_SIZE, limits.head_bytes + 32 * limits.header_count),
            (ENABLE_CONNECT_PROTOCOL, 1),
            (NO_RFC7540_PRIORITIES, 1),
        )
    )


def parse_settings(payload: bytes) -> PeerSettings:
    """Return what a client's settings change; unknown ones are ignored.

    Raises:
        ConnectionFailure: A setting has a value that it can't have.
    """
    if len(payload) % SETTING.size:
        raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS of a wrong length")
    settings = PeerSettings()
    for key, value in SETTING.iter_unpack(payload):
        if key == INITIAL_WINDOW_SIZE:
            if value > MAX_WINDOW:
                raise ConnectionFailure(ErrorCode.FLOW_CONTROL_ERROR, "a window past 2^31-1")
            settings.window = value
            settings.widest_window = max(settings.widest_window, value)
        elif key == HEADER_TABLE_SIZE:
            settings.small_table = settings.small_table or value < DEFAULT_TABLE_BYTES
        elif (key in SWITCHES and value > 1) or (
            key == MAX_FRAME_SIZE and not FRAME_BYTES <= value < 2**24
        ):
            raise violation("a setting of no meaning")
    return settings
