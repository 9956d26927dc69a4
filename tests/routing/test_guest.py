"""What can be mounted."""

from typing import Any

import pytest

from hump_trio import Hump, Router
from hump_trio.routing.guest import check_guest
from tests.support.guests import SilentGuest, TalkingGuest


async def plain_asgi(scope: Any, receive: Any, send: Any) -> None:
    """Stand for an ASGI app that nothing is around."""


@pytest.mark.parametrize("guest", [SilentGuest(), TalkingGuest()])
def test_an_app_in_its_wrapper(guest: SilentGuest) -> None:
    """It passes, with WebSockets and without."""
    check_guest(guest)


@pytest.mark.parametrize("other", [plain_asgi, Hump(), Router("/x"), SilentGuest, None, "shop:app"])
def test_anything_else_is_refused(other: Any) -> None:
    """The error says what to write."""
    with pytest.raises(TypeError, match=r"app\.mount\('/old', Asgi\(old\)\).*include"):
        check_guest(other)
