"""Markers and classes of other frameworks, which are left over while a program is moved."""

from dataclasses import dataclass
from typing import Annotated, Any

import fastapi
import litestar
import litestar.datastructures
import litestar.params
import pytest
import starlette.requests

from hump_trio import Hump, Query, RouteError, Router
from hump_trio.facts.hints import OF_FOREIGN_CLASS, OF_MARKER


def told(annotation: Any, *, default: Any = None, path: str = "/", verb: str = "get") -> str:
    """Return why a handler with a parameter of some annotation is refused."""

    async def show(it: Any) -> None: ...

    show.__annotations__["it"] = annotation
    if default is not None:
        show.__defaults__ = (default,)
    with pytest.raises(RouteError) as caught:
        getattr(Hump(), verb)(path)(show)
    assert "show has a parameter 'it" in str(caught.value)
    return str(caught.value)


def get_db() -> str:
    """Stand for what a dependency gives."""
    return ""


@pytest.mark.parametrize("path", ["/", "/{it}"])
@pytest.mark.parametrize(
    ("marker", "name"),
    [
        (fastapi.Query(ge=1), "Query"),
        (fastapi.Query, "Query"),
        (fastapi.Header(), "Header"),
        (fastapi.Cookie(), "Cookie"),
        (fastapi.Body(), "Body"),
        (fastapi.Form(), "Form"),
        (fastapi.File(), "File"),
        (fastapi.Path(ge=1), "Path"),
        (fastapi.Security(get_db), "Security"),
        (fastapi.Depends(get_db), "Depends"),
    ],
)
def test_a_marker_of_fastapi_is_refused(marker: Any, name: str, path: str) -> None:
    """Ignored, its constraint would be gone, and a header would be a query value."""
    reason = f"'it' with fastapi's {name}(...): {OF_MARKER[name]}"
    assert told(Annotated[int, marker], path=path).endswith(reason)
    assert told(int, default=marker, path=path).endswith(reason)
    assert told(Annotated[int, Query(), marker]).endswith(reason)


@pytest.mark.parametrize(
    ("marker", "name"),
    [
        (litestar.params.Parameter(ge=1), "ParameterKwarg"),
        (litestar.params.Parameter, "Parameter"),
        (litestar.params.Body(), "BodyKwarg"),
        (litestar.params.Dependency, "Dependency"),
    ],
)
def test_a_marker_of_litestar_is_refused(marker: Any, name: str) -> None:
    """As one of FastAPI is."""
    assert told(Annotated[int, marker]).endswith(f"litestar's {name}(...): {OF_MARKER[name]}")


def test_a_marker_in_a_class_of_values_is_refused() -> None:
    """Its field is named."""

    @dataclass
    class Filter:
        x_token: Annotated[str, fastapi.Header()]

    assert "'it.x_token' with fastapi's Header(...)" in told(Annotated[Filter, Query()])


def test_a_marker_of_a_providers_parameter_is_refused() -> None:
    """The provider is named."""
    app = Router()

    class Clerk:
        pass

    @app.provide
    async def get_clerk(token: Annotated[str, fastapi.Header()]) -> Clerk:
        return Clerk()

    async def show(clerk: Clerk) -> None: ...

    with pytest.raises(RouteError, match=r"get_clerk, a provider for .*with fastapi's Header"):
        app.get("/")(show)


@pytest.mark.parametrize("verb", ["get", "post"])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (fastapi.Request, "Request"),
        (fastapi.Request | None, "Request"),
        (starlette.requests.Request, "Request"),
        (litestar.Request[Any, Any, Any], "Request"),
        (fastapi.WebSocket, "WebSocket"),
        (fastapi.UploadFile, "UploadFile"),
        (list[fastapi.UploadFile], "UploadFile"),
        (litestar.datastructures.UploadFile, "UploadFile"),
        (fastapi.Response, "Response"),
        (fastapi.BackgroundTasks, "BackgroundTasks"),
    ],
)
def test_a_class_of_others_is_refused(kind: Any, name: str, verb: str) -> None:
    """It says where a handler has the like from, instead of why it is no JSON."""
    reason = f"'it' that clients can't send: {OF_FOREIGN_CLASS[name]}"
    assert told(kind, verb=verb).endswith(reason)


def test_a_class_of_others_may_be_provided() -> None:
    """Then it is a class as any other."""
    app = Router()

    @app.provide
    async def get_request() -> fastapi.Request:
        return fastapi.Request({"type": "http"})

    @app.get("/")
    async def show(it: fastapi.Request) -> None: ...
