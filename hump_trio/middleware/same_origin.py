"""Which requests of browsers may change something: those of the app's own pages."""

from collections.abc import Iterable
from typing import ClassVar

from hump_trio.dispatch.stepped import Stepped
from hump_trio.facts.exceptions import HttpException, RouteError
from hump_trio.facts.loggers import logger
from hump_trio.messages.request import Request, joined_values
from hump_trio.messages.target import origin_form, path_segments
from hump_trio.middleware.option_checks import check_flag, list_of_origins, list_of_text
from hump_trio.routing.template import DOT_SEGMENTS, is_template_of, parse_template

__all__ = ["SameOrigin"]

# RFC 9110 section 9.2.1: a handler changes nothing by them. TRACE is no route's method.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FIELDS = frozenset({"sec-fetch-site", "origin"})
DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class SameOrigin(Stepped):
    """Refuses requests that pages of other origins make a visitor's browser send: 403.

    Register it as in ``app.middleware(SameOrigin())``, behind `Forwarded`. A browser sends the
    app's cookies with requests of other sites, too, so that any page could act as its visitors.
    GET, HEAD and OPTIONS pass, so a handler of theirs must change nothing. So does a request whose
    ``Sec-Fetch-Site`` is ``same-origin``, or ``none`` (the visitor's own doing). Browsers leave
    that field out where a site is neither on HTTPS nor local; then ``Origin`` has to be the scheme
    and the host that were asked for. A request with neither field isn't a browser's, and passes. A
    WebSocket is checked, whatever its method, before its route's ``origins``.

    Args:
        trusted: Origins of other pages that may send anything, such as ``https://sso.example``;
            those of `Cors` aren't among them by themselves. ``null`` can't be one: any page can
            make its browser send it.
        exempt: Templates of paths that aren't checked, such as ``/hooks/{rest:path}``; a path with
            dot segments is always checked.
        allow_same_site: Whether pages of the same site, such as other subdomains and other ports of
            the host, may send anything. False: many a site lends subdomains to others.

    Raises:
        TypeError: A list isn't one of str, or ``allow_same_site`` isn't a bool.
        ValueError: An origin isn't one that browsers send.
        RouteError: A template can't be a path, or has a ``*``.

    Source: Fetch Metadata, section 2.4; Fetch standard, section 3.2 (``Origin``).
    """

    __needs_head_alone__: ClassVar[bool] = True

    def __init__(
        self,
        *,
        trusted: Iterable[str] = (),
        exempt: Iterable[str] = (),
        allow_same_site: bool = False,
    ) -> None:
        self._trusted = frozenset(list_of_origins("trusted", trusted))
        templates = list_of_text("exempt", exempt)
        for each in templates:
            if "*" in each:
                raise RouteError(f"exempt takes templates, as '/hooks/{{rest:path}}', not {each!r}")
        self._exempt = [parse_template(each) for each in templates]
        check_flag("allow_same_site", allow_same_site)
        self._sites = {"same-origin", "none", *(["same-site"] if allow_same_site else [])}

    def __begin__(self, request: Request) -> None:
        """Let a request pass that isn't another origin's.

        Raises:
            HttpException: 403, it is.
        """
        if request.method in SAFE and request.channel is None:
            return
        given = joined_values(request, FIELDS)
        if not given:
            return
        site, origin = given.get("sec-fetch-site"), given.get("origin")
        if site in self._sites or origin in self._trusted:
            return
        if site is None and request.host and origin == asked_origin(request):
            return
        if self._exempt and self._is_exempt(request):
            return
        told = ", ".join(f"{name} {value!r:.80}" for name, value in given.items())
        asked = asked_origin(request)
        logger.info("%s %s of %s was refused: %s", request.method, request.target, asked, told)
        request.outcome = "refused"
        raise HttpException(403, "this request comes from a page of another site")

    def _is_exempt(self, request: Request) -> bool:
        """Tell whether the path is one that isn't checked."""
        if not DOT_SEGMENTS.isdisjoint(request.path.split("/")):
            return False  # a mounted app may resolve them
        raw_path, _, _ = origin_form(request.target).partition("?")
        segments = path_segments(raw_path)[1:]
        return any(is_template_of(template, segments) for template in self._exempt)


def asked_origin(request: Request) -> str:
    """Return the origin that a request asks for, as a browser writes it."""
    host = request.host.lower()
    return f"{request.scheme}://{host.removesuffix(DEFAULT_PORTS[request.scheme])}"
