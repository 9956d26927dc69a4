"""The opening handshake of a WebSocket as its client sees it, strictly (RFC 6455 section 4.1)."""

import base64
import hashlib
import os

import hump_trio.testing.http_library as httpx
from hump_trio.facts.exceptions import HumpError
from hump_trio.testing.app_frames import require

__all__ = ["Refused", "asking_fields", "check_answer"]

# What the answer's key is made with (RFC 6455 section 1.3).
ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Refused(HumpError):
    """An app's answer to a handshake that doesn't open the WebSocket.

    Args:
        response: The answer, an `httpx.Response` whose body has been read.
    """

    def __init__(self, response: httpx.Response) -> None:
        self.response: httpx.Response = response
        super().__init__(f"{response.status_code} {response.reason_phrase}: {response.text:.200}")


def asking_fields() -> dict[str, str]:
    """Return the fields that ask for a WebSocket, with a key that is new."""
    return {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
    }


def check_answer(response: httpx.Response) -> None:
    """Check the answer of an app that has opened a WebSocket (RFC 6455 section 4.1).

    Raises:
        AssertionError: It breaks a rule.
    """
    fields, asked = response.headers, response.request.headers
    key = asked["sec-websocket-key"]
    accept = base64.b64encode(hashlib.sha1(f"{key}{ACCEPT_SUFFIX}".encode()).digest()).decode()
    for name, value in [("upgrade", "websocket"), ("connection", "upgrade")]:
        require(fields.get(name, "").lower() == value, f"an answer without `{name}: {value}`")
    require(fields.get("sec-websocket-accept") == accept, "an answer to another key")
    chosen = fields.get("sec-websocket-protocol")
    offered = asked.get("sec-websocket-protocol", "").split(", ")
    require(chosen is None or chosen in offered, f"a subprotocol that wasn't offered: {chosen}")
    require("sec-websocket-extensions" not in fields, "an extension that wasn't offered")
