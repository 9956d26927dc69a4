"""What a client does that ends its WebSocket, and the close codes that say why."""

from hump_trio.facts.exceptions import HumpError

__all__ = ["NO_CODE", "WebSocketFailure", "check_close_code"]

# RFC 6455 section 7.1.5: stands for the code of a Close that has none, and is never sent.
NO_CODE = 1005


class WebSocketFailure(HumpError):
    """Bytes after which a WebSocket ends with a Close of ours (RFC 6455 section 7.1.7).

    Args:
        code: What the Close says: 1002 for what isn't the protocol, 1003 for a message of the kind
            that isn't taken, 1007 for text that isn't UTF-8 or data that can't be inflated, 1009
            for a message that is too long.
        reason: The fault, in words that repeat nothing of the input.
    """

    def __init__(self, code: int, reason: str) -> None:
        self.code: int = code
        self.reason: str = reason
        super().__init__(code, reason)


def check_close_code(code: int) -> None:
    """Refuse a code that no Close may carry.

    1004 has no meaning, and 1005, 1006 and 1015 are words for what happened without a Close. 1012
    to 1014 were registered after the RFC.

    Raises:
        ValueError: The code is none of them.

    Source: RFC 6455 section 7.4, and IANA's registry of close codes.
    """
    if not (3000 <= code <= 4999 or 1000 <= code <= 1003 or 1007 <= code <= 1014):
        raise ValueError(
            f"a close can't carry the code {code}: there are 1000 to 1003 and 1007 to 1014, and for"
            " applications 3000 to 4999"
        )
