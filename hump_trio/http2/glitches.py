"""What a peer may do that costs the server more than itself: a bucket that refills slowly."""

from hump_trio.http2.failures import ConnectionFailure, ErrorCode

__all__ = ["GLITCHES_PER_SECOND", "GlitchBucket"]

# What nghttp2 has allowed for years: a keep-alive every ten seconds needs a tenth, a browser that
# leaves a page cancels its streams in one go.
GLITCHES_PER_SECOND = 33.0


class GlitchBucket:
    """Counts glitches: frames that no honest peer sends often.

    Those are resets, of either side; control frames that have to be answered or looked at; and
    frames that say nothing. One bucket for all of them leaves no way around it.

    Args:
        limit: How many may come at once.
        now: The time of some clock in seconds.

    Source: CVE-2019-9511 to -9518, CVE-2023-44487, CVE-2024-27316, CVE-2025-8671.
    """

    __slots__ = ("_left", "_limit", "_spent_at")

    def __init__(self, limit: int, now: float) -> None:
        self._limit = limit
        self._left: float = limit
        self._spent_at = now

    def spend(self, now: float) -> None:
        """Count a glitch.

        Raises:
            ConnectionFailure: ENHANCE_YOUR_CALM, there were too many.
        """
        seconds = now - self._spent_at
        self._spent_at = now
        self._left = min(self._left + seconds * GLITCHES_PER_SECOND, self._limit) - 1
        if self._left < 0:
            raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, "too many glitches")
