"""What any library's WebSocket client does, and what it asks for: one set of verbs."""

import ssl
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

__all__ = ["Client", "Connect", "Offer", "RefusedError"]


@dataclass(kw_only=True, slots=True)
class Offer:
    """What a client asks for in its handshake."""

    subprotocols: Sequence[str] = ()
    fields: dict[str, str] = field(default_factory=dict)
    compress: bool = False
    tls: ssl.SSLContext | None = None


class RefusedError(Exception):
    """The handshake was answered otherwise."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Client(Protocol):
    """An open WebSocket, whichever library it is of."""

    @property
    def subprotocol(self) -> str | None:
        """What the server has chosen."""

    @property
    def compresses(self) -> bool:
        """Whether the server has agreed on compression."""

    async def send(self, message: str | bytes) -> None:
        """Send a message."""

    async def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        """Send a message in fragments, if the library can."""

    async def receive(self) -> str | bytes:
        """Return the next message."""

    async def ping(self) -> None:
        """Send a ping, and wait for its pong, which comes before any message."""

    async def close(self, code: int, reason: str) -> None:
        """Close, and wait for the end."""

    async def receive_close(self) -> tuple[int, str]:
        """Return what the server's closing frame says, which comes next; the end follows."""


Connect: TypeAlias = Callable[[str, Offer], AbstractAsyncContextManager[Client]]
