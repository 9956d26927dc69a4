"""What ends a connection or a stream of HTTP/2, and the code that says why (RFC 9113 section 7)."""

from enum import IntEnum

from hump_trio.facts.exceptions import HumpError

__all__ = ["ConnectionFailure", "ErrorCode", "StreamFailure", "violation"]


class ErrorCode(IntEnum):
    """Why a connection or a stream ends (RFC 9113 section 7)."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


class ConnectionFailure(HumpError):
    """Bytes after which nothing on the connection can be understood: it ends with a GOAWAY.

    Args:
        code: What the GOAWAY says.
        text: A sentence for the log.

    Source: RFC 9113 section 5.4.1.
    """

    def __init__(self, code: ErrorCode, text: str) -> None:
        self.code: ErrorCode = code
        super().__init__(text)


class StreamFailure(HumpError):
    """Bytes that spoil one stream, which ends with an RST_STREAM; all others go on.

    Args:
        code: What the RST_STREAM says.
        text: A sentence for the log.

    Source: RFC 9113 section 5.4.2.
    """

    def __init__(self, code: ErrorCode, text: str) -> None:
        self.code: ErrorCode = code
        super().__init__(text)


def violation(text: str) -> ConnectionFailure:
    """Return the failure for what RFC 9113 calls a connection error of type PROTOCOL_ERROR."""
    return ConnectionFailure(ErrorCode.PROTOCOL_ERROR, text)
