"""What one worker after the other takes, and how long it stays empty in between."""

from hump_trio.command.supervised_worker import SupervisedWorker

__all__ = ["Slot", "backoff_seconds"]

FIRST_BACKOFF_SECONDS, LAST_BACKOFF_SECONDS = 0.1, 30.0
# A worker that has lived so long has not crashed for the reason that earlier ones did.
SOUND_SECONDS = 60.0


def backoff_seconds(failures: int) -> float:
    """Return how long to wait before a worker is replaced.

    Args:
        failures: How many before it have failed in a row.
    """
    doubled: float = 2.0 ** min(failures, 20)
    return min(FIRST_BACKOFF_SECONDS * doubled, LAST_BACKOFF_SECONDS)


class Slot:
    """One of as many as there are workers at a time.

    Attributes:
        worker: Who serves; it may have ended.
        failures: How many have failed in a row.
    """

    def __init__(self) -> None:
        self.worker: SupervisedWorker | None = None
        self.failures: int = 0

    def fail(self, age_seconds: float) -> float:
        """Count a worker that has ended too early, and return how long to wait for the next.

        Args:
            age_seconds: How long it has lived.
        """
        if age_seconds >= SOUND_SECONDS:
            self.failures = 0
        self.failures += 1
        return backoff_seconds(self.failures - 1)
