"""A folder whose files are served: which names are valid, and which response each leads to."""

import os
from collections.abc import Awaitable

from hump_trio.answers.file_names import content_type_of
from hump_trio.answers.file_response import respond_with_file
from hump_trio.answers.opened_file import OpenedFile, is_inner_name, open_file
from hump_trio.answers.redirect import RedirectResponse
from hump_trio.facts.exceptions import HttpException, RouteError
from hump_trio.messages.headers import Headers
from hump_trio.messages.negotiation import rank_codings
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response

__all__ = ["StaticFiles"]

# Ends of the names of compressed neighbours by their coding; the smallest, as a rule, first.
SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}


class StaticFiles:
    """A handler that serves the files of a folder; see `Router.static` for its arguments.

    Raises:
        RouteError: The folder isn't there.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        index: bool,
        dot_files: bool,
        precompressed: bool,
        cache_control: str | None,
    ) -> None:
        # Links in the path are followed anew for each request: one may lead to the next version.
        self.folder: str = os.path.abspath(folder)
        self._index = index
        self._dot_files = dot_files
        self._precompressed = precompressed
        headers = Headers()
        if cache_control is not None:
            headers["cache-control"] = cache_control
        if precompressed:
            headers["vary"] = "accept-encoding"
        self._fields = headers.items()
        if not os.path.isdir(self.folder):
            raise RouteError(f"there is no folder {self.folder}")

    async def __call__(self, request: Request, rest: str) -> Response:
        """Return the response for a path below the prefix.

        Raises:
            HttpException: 404, there is no such file; 412 or 416, as `respond_with_file` raises.
            OverloadError: 503, there are no descriptors left.
        """
        name = self._name_of(request, rest)
        if name is not None:
            if self._precompressed:
                codings = rank_codings(request.headers.get("accept-encoding", ""), SUFFIXES)
                for coding in codings:
                    file = await open_file(name + SUFFIXES[coding], self.folder)
                    if file is not None and file.is_regular:
                        return await self._respond(request, file, name, coding)
            file = await open_file(name, self.folder)
            if file is not None and file.is_regular:
                return await self._respond(request, file, name)
            if file is not None and file.is_folder and self._index:
                return await self.redirect(request)
        raise HttpException(404, "nothing is here")

    async def redirect(self, request: Request) -> Response:
        """Redirect from the name of a folder to the name with a slash, so that links in it work."""
        path, question_mark, query = request.url.partition("?")
        name = path.rpartition("/")[2]
        # A relative URL stays on the host that was asked, whatever proxies are in between.
        return RedirectResponse(f"./{name}/{question_mark}{query}", 307)

    def _respond(
        self, request: Request, file: OpenedFile, name: str, coding: str = ""
    ) -> Awaitable[Response]:
        """Return the response for a file, or for its neighbour in a coding."""
        fields = [("content-type", content_type_of(name)), *self._fields]
        if coding:
            fields.append(("content-encoding", coding))
        return respond_with_file(file, request, 200, fields, mark=coding and f"-{coding}")

    def _name_of(self, request: Request, rest: str) -> str | None:
        """Return the name within the folder that a path stands for; None if no file can have it."""
        segments = rest.split("/")
        if self._index and not segments[-1]:
            segments[-1] = "index.html"
        # An escaped slash would be part of a file's name, and no file has such a name.
        escaped = "%2f" in request.url.partition("?")[0].lower()
        name = "/".join(segments)
        return name if not escaped and is_inner_name(name, dot_files=self._dot_files) else None
