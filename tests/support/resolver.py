"""A stand-in for the system's look-up of names, which tests have no use for."""

from abc import abstractmethod
from typing import Any

import trio


class Resolver(trio.abc.HostnameResolver):
    """Looks names up as a test says; nobody asks it for the name of an address."""

    @abstractmethod
    async def find(self, host: bytes | None, port: int) -> list[tuple[int, str]]:
        """Return the addresses of a name, each with its family, in the order to be tried."""

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """Return the addresses as a system does."""
        assert isinstance(port, int)
        found = await self.find(host, port)
        return [(each, type, proto, "", (address, port)) for each, address in found]

    async def getnameinfo(
        self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int
    ) -> tuple[str, str]:
        """Return nothing: nobody asks."""
        raise AssertionError("not asked for")
