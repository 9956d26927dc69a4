"""A slot for one worker at a time, and the time for which it stays empty after a failure."""

from hump_trio.command.supervised_worker import SupervisedWorker

__all__ = ["Slot", "backoff_seconds"]

FIRST_BACKOFF_SECONDS, LAST_BACKOFF_SECONDS = 0.1, 30.0
# A worker that has run for so long has not failed for the reason that earlier ones did.
SOUND_SECONDS = 60.0


def backoff_seconds(failures: int) -> float:
    """Return the seconds to wait before a failed worker is replaced.

    Args:
        failures: The number of workers before it that have failed in a row.
    """
    doubled: float = 2.0 ** min(failures, 20)
    return min(FIRST_BACKOFF_SECONDS * doubled, LAST_BACKOFF_SECONDS)


class Slot:
    """One of the slots of a supervisor, which has as many as workers serve at a time.

    Attributes:
        worker: The worker in the slot, which may have ended; None before the first one.
        failures: The number of workers in this slot that have failed in a row.
    """

    def __init__(self) -> None:
        self.worker: SupervisedWorker | None = None
        self.failures: int = 0

    def fail(self, age_seconds: float) -> float:
        """Count a worker that has ended too early; return the seconds to wait for the next.

        Args:
            age_seconds: Seconds for which it has run.
        """
        if age_seconds >= SOUND_SECONDS:
            self.failures = 0
        self.failures += 1
        return backoff_seconds(self.failures - 1)
