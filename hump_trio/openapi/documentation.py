"""The handlers that serve the document of an app, and the page that shows it."""

from collections.abc import Mapping

from hump_trio.answers.static_files import StaticFiles
from hump_trio.content.json_text import json_codec
from hump_trio.messages.response import JSON_TYPE, HtmlResponse, Response
from hump_trio.openapi.document import document_of
from hump_trio.openapi.page import PAGE_POLICY, render_page
from hump_trio.routing.route import Route
from hump_trio.routing.table import RouteTable

__all__ = ["Documentation"]


class Documentation:
    """Serves the document of a table's routes, and its page; both are made once.

    Args:
        table: The routes. The document leaves its own routes out, and those of static files.
        title: The API's name.
        version: The API's version.
        description: A text about the API; it may be empty.
        tags: A description for each tag, by its name.

    Raises:
        TypeError: A text isn't a str.
    """

    def __init__(
        self,
        table: RouteTable,
        title: str,
        version: str,
        description: str,
        tags: Mapping[str, str],
    ) -> None:
        info = {"title": title, "version": version, "description": description}
        for name, text in info.items():
            if not isinstance(text, str):
                raise TypeError(f"the {name} of an API is text, not {text!r:.80}")
        if not isinstance(tags, Mapping):
            raise TypeError(f"tags are descriptions by name, not {tags!r:.80}")
        for name, text in tags.items():
            if not isinstance(name, str) or not isinstance(text, str):
                raise TypeError(f"a tag and its description are text, not {name!r}: {text!r:.80}")
        self._tags = dict(tags)
        self._table = table
        self._info: dict[str, str] = {name: text for name, text in info.items() if text}
        self._routes: list[Route] = []
        self._document = b""
        self._page = ""

    async def openapi_document(self) -> Response:
        """Answer with the document."""
        self._build()
        return Response(self._document, headers={"content-type": JSON_TYPE})

    async def openapi_page(self) -> HtmlResponse:
        """Answer with the page."""
        self._build()
        return HtmlResponse(self._page, headers={"content-security-policy": PAGE_POLICY})

    def _build(self) -> None:
        """Make document and page if routes were added since; a served app gets no more."""
        if self._routes == self._table.routes:
            return
        self._routes = self._table.routes.copy()
        document = document_of(filter(is_api, self._routes), self._info, self._tags)
        self._document = json_codec.encode(document)
        self._page = render_page(document)


def is_api(route: Route) -> bool:
    """Tell whether a route is part of the API: neither documentation nor static files."""
    owner = getattr(route.handler, "__self__", route.handler)
    return not isinstance(owner, Documentation | StaticFiles)
