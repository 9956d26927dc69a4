"""The other end of an exchange without a transport: its peer, and its stream over a list."""

from hump_trio.transports.transport import PeerState

__all__ = ["FakePeer"]


class FakePeer:
    """A peer that does what the test says (see `hump_trio.server.clock.Peer`).

    Attributes:
        state: What it has ended.
        sent_bytes: What was sent to it.
        acked: What it has acknowledged of that.
    """

    def __init__(self) -> None:
        self.gone: bool = False
        self.write_cut: bool = False
        self.state: PeerState = "open"
        self.sent_bytes: int = 0
        self.acked: int = 0

    def peer_state(self) -> PeerState:
        """Return what it has ended."""
        return self.state

    def acked_bytes(self) -> int:
        """Return what it has acknowledged."""
        return self.acked

    def fully_acked(self) -> bool:
        """Tell whether that is all."""
        return self.acked == self.sent_bytes
