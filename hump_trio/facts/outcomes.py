"""How requests end, and why handlers are cancelled: the words of logs and statistics."""

from typing import Literal, TypeAlias

__all__ = ["CANCELLED_OUTCOMES", "CancelReason", "OnDisconnect", "Outcome"]

# How a request ends, as logs and statistics count it.
Outcome: TypeAlias = Literal[
    "ok", "deadline", "client-gone", "stalled", "shed", "refused", "shutdown", "crash"
]
# Why the server cancels a handler.
CancelReason: TypeAlias = Literal["client-gone", "deadline", "shutdown", "server-failed"]
# What happens to a handler when its client has gone; a number is the seconds that it has left.
OnDisconnect: TypeAlias = Literal["cancel", "finish"] | float

# How a request ends whose handler was cancelled.
CANCELLED_OUTCOMES: dict[CancelReason, Outcome] = {
    "client-gone": "client-gone",
    "deadline": "deadline",
    "shutdown": "shutdown",
    "server-failed": "crash",
}
