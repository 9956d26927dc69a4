"""What a document says of the credentials that operations need."""

from typing import Annotated, Any

import pytest

from hump_trio import ApiKey, Basic, Bearer, Credentials
from tests.openapi.documented import ERROR, documented, index, operation, route
from tests.support.typed_handlers import taking

TOKEN = Annotated[str, Bearer()]
USER = Annotated[Credentials, Basic(realm="shop")]
KEY = Annotated[str, ApiKey(header="X-Api-Key")]


async def several(key: KEY, token: TOKEN | None = None, user: USER | None = None) -> None:
    """Take a key, and perhaps more."""


async def either(token: TOKEN | None = None, user: USER | None = None) -> None:
    """Take one of two, or neither."""


async def doubled(token: TOKEN, again: TOKEN | None = None) -> None:
    """Take the same twice."""


@pytest.mark.parametrize(
    ("handler", "security"),
    [
        (taking(TOKEN), [{"Bearer": []}]),
        (taking(USER), [{"Basic": []}]),
        (taking(TOKEN | None, None), [{"Bearer": []}, {}]),
        (
            several,
            [
                {"ApiKey": [], "Bearer": []},
                {"ApiKey": [], "Basic": []},
                {"ApiKey": []},
            ],
        ),
        (either, [{"Bearer": []}, {"Basic": []}, {}]),
        (doubled, [{"Bearer": []}]),
    ],
)
def test_an_operation_says_what_it_needs(handler: Any, security: list[dict[str, Any]]) -> None:
    """Each set is one that a request may have; 401 is among the answers, and no parameter."""
    said = operation(handler)
    assert said["security"] == security
    assert said["responses"]["401"] == {"description": "Unauthorized", "content": ERROR}
    assert "parameters" not in said
    assert "422" not in said["responses"]


def test_an_operation_without_credentials_says_nothing() -> None:
    """Nor does a document of such."""
    assert operation(index).keys() & {"security"} == set()
    assert "components" not in documented(route("/", index))


def test_schemes_have_names_of_their_own() -> None:
    """Equal markers are one scheme; others of a kind are told by numbers."""
    document = documented(
        route("/a", taking(TOKEN)),
        route("/b", taking(TOKEN)),
        route("/c", taking(USER)),
        route("/d", taking(KEY)),
        route("/e", taking(Annotated[str, ApiKey(header="x-api-key")])),
        route("/f", taking(Annotated[str, ApiKey(cookie="key")])),
        route("/g", taking(Annotated[Credentials, Basic(realm="till")])),
    )
    assert document["components"]["securitySchemes"] == {
        "Bearer": {"type": "http", "scheme": "bearer", "description": "Realm: api"},
        "Basic": {"type": "http", "scheme": "basic", "description": "Realm: shop"},
        "ApiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        "ApiKey2": {"type": "apiKey", "in": "cookie", "name": "key"},
        "Basic2": {"type": "http", "scheme": "basic", "description": "Realm: till"},
    }
    assert document["paths"]["/e"]["get"]["security"] == [{"ApiKey": []}]
    assert document["paths"]["/f"]["get"]["security"] == [{"ApiKey2": []}]
