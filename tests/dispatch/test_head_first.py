"""Which middleware runs before the body of a request has come."""

import pytest

from hump_trio import CallNext, Request, RequestId, Response
from hump_trio.dispatch.head_first import begins_at_head, first_to_look
from hump_trio.routing.layer import Layer, Middleware


async def look(request: Request, call_next: CallNext) -> Response:
    """Look at whatever there is."""
    return await call_next(request)


async def refuse(request: Request, call_next: CallNext) -> Response:
    """Refuse by the head."""
    return await call_next(request)


refuse.__needs_head_alone__ = True  # type: ignore[attr-defined]  # as its rule says


@pytest.mark.parametrize(
    ("middleware", "checked", "begins", "looks"),
    [
        ([], False, False, None),
        ([], True, True, None),
        ([RequestId()], False, False, None),
        ([RequestId()], True, True, None),
        ([look], False, False, look),
        ([look], True, False, look),
        ([look, refuse], True, False, look),
        ([refuse], False, True, None),
        ([RequestId(), refuse, look], False, True, look),
    ],
)
def test_a_call_begins_at_the_head_if_something_may_refuse_it_by_that(
    middleware: list[Middleware], checked: bool, begins: bool, looks: Middleware | None
) -> None:
    """And if nothing around that may look at the body; in one layer, or in several."""
    for layers in ([Layer(middleware)], [Layer([each]) for each in middleware]):
        assert begins_at_head(layers, checked=checked) == begins
        assert first_to_look(layers) is looks
