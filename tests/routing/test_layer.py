"""What routers hold for the handlers of theirs."""

from hump_trio import Router
from hump_trio.dispatch.router import layer_of


class Session:
    """What is provided."""


async def session() -> Session:
    """Provide one."""
    return Session()


def test_a_layer_finds_the_providers_of_all_that_it_includes() -> None:
    """However deep, of routers without routes, and whichever one has a key twice."""
    outer, middle, inner = Router(), Router(), Router()
    for router in (inner, outer):
        router.provide(session)
    middle.include(inner)
    outer.include(middle)
    found = [*layer_of(outer).find_providers()]
    assert [each.function for each in found] == [session, session]
    assert [*layer_of(middle).find_providers()] == found[1:]
