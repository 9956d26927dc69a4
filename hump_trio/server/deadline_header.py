"""The field in which a caller says how long it waits (`Timeouts.deadline_header`)."""

import math
import re

from hump_trio.facts.loggers import logger

__all__ = ["parse_deadline"]

# At most twelve digits: a year has eleven.
MILLISECONDS = re.compile(r"0*([1-9][0-9]{0,11})")


def parse_deadline(values: list[str]) -> float:
    """Return the seconds that a caller waits; ``math.inf`` if it names no valid time.

    Args:
        values: The values of the field, which is to be one number of milliseconds.
    """
    if not values:
        return math.inf
    found = MILLISECONDS.fullmatch(values[0]) if len(values) == 1 else None
    if found is None:
        logger.info("a caller's deadline was ignored: %.80r", ", ".join(values))
        return math.inf
    return int(found[1]) / 1000  # without its zeros: Python converts no more than 4,300 digits
