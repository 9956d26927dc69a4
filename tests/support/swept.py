"""A channel that notes what its clock tells it."""

from hump_trio.facts.outcomes import CancelReason

__all__ = ["Channel"]


class Channel:
    """What a clock sweeps while a WebSocket is open."""

    def __init__(self) -> None:
        self.sweeps: list[float] = []
        self.given_back: list[float] = []
        self.drained: list[float] = []
        self.ended: list[str] = []

    def sweep(self, now: float) -> None:
        """Note when it is swept."""
        self.sweeps.append(now)

    def give_back(self, seconds: float) -> None:
        """Note what is given back."""
        self.given_back.append(seconds)

    def drain(self, deadline: float) -> None:
        """Note by when it has to say that the server closes."""
        self.drained.append(deadline)

    def end(self, reason: CancelReason) -> None:
        """Note why it ends."""
        self.ended.append(reason)
