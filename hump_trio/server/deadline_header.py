"""The field in which a caller says how long it waits (`Timeouts.deadline_header`)."""

import math
import re

from hump_trio.facts.loggers import logger
from hump_trio.messages.request import Request

__all__ = ["parse_deadline"]

# At most twelve digits: a year has eleven.
MILLISECONDS = re.compile(r"(-?)0*(0|[1-9][0-9]{0,11})")


def parse_deadline(name: str, request: Request) -> float:
    """Return the seconds that a caller waits; ``math.inf`` if it names no valid time.

    Args:
        name: The name of the field, which is to be one number of milliseconds. One below 0 is of a
            caller that has reckoned what it has left, which is nothing.
        request: The request.
    """
    values = request.headers.get_all(name)
    if not values:
        return math.inf
    found = MILLISECONDS.fullmatch(values[0]) if len(values) == 1 else None
    if found is None:
        text = "a caller's deadline was ignored: %s: %.80r of %.40s %.200s"
        logger.info(text, name, ", ".join(values), request.method, request.target)
        return math.inf
    # Without zeros in front: Python converts no more than 4,300 digits.
    return 0.0 if found[1] else int(found[2]) / 1000
