"""What editors offer of public classes: what users need, and nothing that is for the package."""

from typing import Any

import pytest

import hump_trio
from hump_trio import testing

VERBS = "delete get head options patch post put"
ROUTER = f"{VERBS} add_route add_websocket exception_handler include middleware prefix route static"
ROUTER += " mount provide websocket"
RESPONSE = "body delete_cookie headers media_type set_cookie status trailers with_etag"
ATTRIBUTES = {
    "EventStream": RESPONSE,
    "FileResponse": RESPONSE,
    "Headers": "add get get_all items keys received setdefault",
    "HtmlResponse": RESPONSE,
    "Hump": f"{ROUTER} addresses binds draining host http2 lifespan limits openapi port reload_tls"
    " serve shutdown sockets start_soon state statistics timeouts tls url_for wait_draining watch",
    "JsonLines": RESPONSE,
    "JsonResponse": RESPONSE,
    "MultiMap": "get get_all items keys pairs values",
    "RedirectResponse": RESPONSE,
    "Response": RESPONSE,
    "Router": ROUTER,
    "StreamResponse": RESPONSE,
    "WebSocket": "accept close close_code close_reason draining latency_seconds receive request"
    " send send_nowait stream subprotocol wait_draining writer",
}
OBJECTS: dict[str, Any] = {"Hump": hump_trio.Hump(), "Router": hump_trio.Router()}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_public_classes_offer_what_users_need(name: str) -> None:
    """A new attribute is for users, and so in this table; or its name begins with ``_``."""
    offered = dir(OBJECTS.get(name, getattr(hump_trio, name)))
    names = {each for each in offered if not each.startswith("_")}
    assert names == set(ATTRIBUTES[name].split())


INNER = {"check", "check_open", "included", "layer", "resolve", "seal", "settle", "table"}


@pytest.mark.parametrize("module", [hump_trio, testing])
def test_no_public_class_offers_what_is_for_the_package(module: Any) -> None:
    """Nor do those that aren't listed above."""
    for name in module.__all__:
        assert not INNER & set(dir(getattr(module, name))), name
