"""What differs from one place to the next, read of the environment when the program starts."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """How the shop runs.

    Args:
        name: What it is called.
        cups: How many cups of each tea there are.
    """

    name: str
    cups: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Return what ``SHOP_NAME`` and ``SHOP_CUPS`` say."""
        return cls(
            name=environment.get("SHOP_NAME", "Tea shop"),
            cups=int(environment.get("SHOP_CUPS", "100")),
        )
