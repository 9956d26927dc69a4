"""Overhead that data excuses: how much a peer may send that brings nothing.

Framing costs work and memory, and a peer may send hardly anything else: chunks of one byte with
long extensions (CVE-2023-39326), empty records of TLS. Each such protocol adds up its overhead,
lets the data that came with it excuse some, and refuses a peer whose sum passes a cap.
"""

__all__ = ["excuse_overhead"]


def excuse_overhead(overhead_bytes: int, excused_bytes: int) -> int:
    """Return the overhead that is left once data has excused some of it; at least 0.

    Data that excuses more than there is buys no credit for later.

    Args:
        overhead_bytes: The sum so far.
        excused_bytes: How much the data that has come now excuses.
    """
    left_bytes = overhead_bytes - excused_bytes
    return left_bytes if left_bytes > 0 else 0
