"""Sessions: what is kept of a visitor, in a signed cookie or in a store."""

import json
import time
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from inspect import iscoroutinefunction
from secrets import token_urlsafe
from types import EllipsisType
from typing import Any, Literal, Never

from hump_trio.dispatch.stepped import Stepped
from hump_trio.messages.negotiation import add_vary
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response
from hump_trio.messages.session import SESSION_OPENER, Session
from hump_trio.middleware.option_checks import list_of_text, seconds_of
from hump_trio.middleware.session_cookie import SessionCookie, Ticket
from hump_trio.middleware.session_stores import SessionStore

__all__ = ["Sessions"]

# Characters of a secret: those of 24 random bytes, which nobody guesses.
SECRET_LENGTH = 32
# A cookie is set again when this part of the idle time has passed, and not with each answer.
IDLE_PARTS = 10
WRITTEN = (
    "the session was written when its handler returned: change it before that, in a handler"
    " without yield"
)
SECURE = (
    ": the cookie is Secure where the request came by HTTPS, which Forwarded tells behind a proxy"
)
OPENED = "a WebSocket can't change its session: it has no answer that could set a cookie"


@dataclass(slots=True, eq=False)
class Visit:
    """The session of one request. Its cookie is read at the first look.

    The request isn't held here, since it holds this.

    Args:
        cookie: What reads the cookie.

    Attributes:
        loaded: What the store has for it; None without a store.
        closed: Why the session can't be changed; empty while it can.
        session: What handlers see; None if nobody has looked.
        before: What that held at the first look, as JSON.
    """

    cookie: SessionCookie
    loaded: dict[str, Any] | None = field(default=None, init=False)
    closed: str = field(default="", init=False)
    session: Session | None = field(default=None, init=False)
    before: str = field(default="", init=False)
    _ticket: Ticket | EllipsisType | None = field(default=..., init=False)

    def ticket(self, request: Request) -> Ticket | None:
        """Return what the request's cookie says; None for a new session."""
        if self._ticket is ...:
            self._ticket = self.cookie.read(request)
        return self._ticket

    def lose(self) -> None:
        """Take the session for a new one, since the store has forgotten it."""
        self._ticket = None

    def open(self, request: Request) -> Session:
        """Return the session of the request."""
        if self.session is None:
            ticket, held = self.ticket(request), self.loaded
            if held is None:
                held = {} if ticket is None else ticket.held
            self.before = json.dumps(held)
            self.session = Session(held)
            self.session.__closed__ = self.closed
        return self.session

    def close(self, why: str) -> None:
        """Let nobody change the session any more."""
        self.closed = why
        if self.session is not None:
            self.session.__closed__ = why


class Sessions(Stepped):
    """Gives each request a ``request.session``, a dict that a visitor's next request finds again.

    Register it as in ``app.middleware(Sessions(secrets=[SECRET]))``, or on a router. The session is
    a `Session`. It is written if it has changed when the handler has returned, whatever that has
    answered; not if the handler has crashed or was late. Then the answer sets a cookie, which
    scripts can't read, forms of other sites don't send, and over HTTPS no plain request has (see
    `Forwarded` behind a proxy). Answers of handlers that have looked say ``Vary: Cookie``.

    Without a store the cookie holds the session, signed but legible, and whoever has a copy of the
    cookie has the session until its time is over. With a store the cookie holds an id, which ends
    where the session is cleared or renewed; while it stays, only ``idle`` has it set again. A
    cookie that isn't ours, or too old, is an empty session. One that none of the secrets has signed
    is logged.

    Args:
        secrets: What signs, at least 32 characters each; `secrets.token_urlsafe` makes some. The
            first one signs, and all of them are good for reading. To change it put a new one in
            front, and take the old one away when ``max_age`` is over.
        max_age: Seconds, or a timedelta, after which a session ends, from its beginning or the last
            `Session.renew`.
        idle: Seconds, or a timedelta, after which a session ends sooner if nobody has asked for
            anything, to within a tenth; None: only ``max_age`` counts.
        store: What keeps sessions (see `SessionStore`), such as `MemorySessions`; None: the cookie.
        cookie: The name of the cookie. With one that begins with ``__Host-`` no other host of the
            domain can plant a cookie, and browsers need HTTPS.
        domain: The domain whose hosts share the session; None: the host that was asked for alone.
        same_site: Which requests of other sites have the cookie: those of links (``"lax"``), none
            (``"strict"``), or all (``"none"``, which needs HTTPS).

    Raises:
        TypeError: itsdangerous isn't installed (extra ``sessions``), the secrets aren't a list of
            str, or the store isn't one. A handler's answer becomes a 500 by it if a session holds
            something else than JSON brings back.
        ValueError: Another option makes no sense. A handler's answer becomes a 500 by it if the
            cookie has more than 4,093 bytes, which browsers drop.

    Cancellation: as the store's methods. A session that is cancelled on its way to the store isn't
        written, or is, and the answer is lost.
    """

    def __init__(
        self,
        *,
        secrets: Iterable[str],
        max_age: int | timedelta = timedelta(days=14),
        idle: int | timedelta | None = None,
        store: SessionStore | None = None,
        cookie: str = "session",
        domain: str | None = None,
        same_site: Literal["lax", "strict", "none"] = "lax",
        **unknown: Never,
    ) -> None:
        if unknown:  # so that it is `secrets` that is missing where others call it otherwise
            options = "secrets, max_age, idle, store, cookie, domain and same_site"
            told = "" if unknown.keys().isdisjoint(("secure", "https_only")) else SECURE
            raise TypeError(f"Sessions has the options {options}, not {', '.join(unknown)}{told}")
        keys = list_of_text("secrets", secrets)
        if not keys or any(len(key) < SECRET_LENGTH for key in keys):
            raise ValueError(
                "secrets lists at least one, of 32 characters or more, made by"
                " secrets.token_urlsafe(32) and kept for the next start"
            )
        self._max_age = seconds_of("max_age", max_age)
        self._idle = self._max_age if idle is None else seconds_of("idle", idle)
        if idle is not None and self._idle >= self._max_age:
            raise ValueError("idle is shorter than max_age, or says nothing")
        for name in ("load", "save", "drop") if store is not None else ():
            if isinstance(store, type) or not iscoroutinefunction(getattr(store, name, None)):
                raise TypeError(f"a store is an object with an async {name}, not {store!r:.80}")
        self._store = store
        self._cookie = SessionCookie(
            keys,
            max_age=self._max_age,
            idle=self._idle,
            kind="data" if store is None else "id",
            name=cookie,
            domain=domain,
            same_site=same_site,
        )

    def __begin__(self, request: Request) -> Any:
        """Give the request its session."""
        visit = Visit(self._cookie)
        if request.channel is not None:
            visit.close(OPENED)
        request.state[SESSION_OPENER] = visit.open
        return visit if self._store is None else self._load(request, visit, self._store)

    async def _load(self, request: Request, visit: Visit, store: SessionStore) -> Visit:
        """Get what the store has of a session."""
        ticket = visit.ticket(request)
        found = None if ticket is None else await store.load(ticket.held)
        if found is None:
            visit.lose()
        visit.loaded = found or {}
        return visit

    def __finish__(
        self, request: Request, response: Response, begun: Visit
    ) -> Response | Awaitable[Response]:
        """Write the session if it has changed, and have the answer set its cookie."""
        begun.close(WRITTEN)
        if begun.session is not None:
            add_vary(response.headers, "Cookie")
        if request.channel is not None or request.cancelled_for is not None:
            return response
        session, now = begun.session, int(time.time())
        if session is not None and has_changed(session, begun.before):
            old = begun.ticket(request)
            kept = None if session.__renewed__ else old
            ticket = Ticket(now if kept is None else kept.begun, now, dict(session))
            if self._store is not None:
                return self._save(request, response, ticket, kept, old, self._store)
            self._answer(request, response, ticket, old)
        elif self._idle < self._max_age:  # else no cookie has to be read for that
            seen = begun.ticket(request)
            if seen is not None and self._is_due(seen, now):
                self._cookie.set(request, response, replace(seen, seen=now))
        return response

    def _is_due(self, ticket: Ticket, now: int) -> bool:
        """Tell whether a cookie is set again, although it says what it did."""
        return self._idle < self._max_age and (now - ticket.seen) * IDLE_PARTS >= self._idle

    async def _save(
        self,
        request: Request,
        response: Response,
        ticket: Ticket,
        kept: Ticket | None,
        old: Ticket | None,
        store: SessionStore,
    ) -> Response:
        """Write a session into the store, and have the answer set its cookie.

        Args:
            request: The request.
            response: The answer.
            ticket: When the session has begun, and what it holds.
            kept: What has the id that it keeps; None for a new one.
            old: What the request's cookie says; None if it has no session.
            store: The store.

        Cancellation: as the store's methods. A new id is there before the old one ends.
        """
        id = token_urlsafe(32) if kept is None else kept.held
        if ticket.held:
            seconds = max(1, ticket.begun + self._max_age - ticket.seen)
            await store.save(id, ticket.held, seconds, new=kept is None)
        if old is not None and (kept is None or not ticket.held):
            await store.drop(old.held)
        # An id that stays is in the cookie already. Set again, it would take the place of one that
        # another request has given the visitor meanwhile, as by a log-in.
        if kept is None or not ticket.held or self._is_due(kept, ticket.seen):
            self._answer(request, response, replace(ticket, held=ticket.held and id), old)
        return response

    def _answer(
        self, request: Request, response: Response, ticket: Ticket, old: Ticket | None
    ) -> None:
        """Have an answer set the cookie of a session, or end it if nothing is kept any more."""
        if ticket.held:
            self._cookie.set(request, response, ticket)
        elif old is not None:
            self._cookie.end(request, response)


def has_changed(session: Session, before: str) -> bool:
    """Tell whether a session has to be written.

    Args:
        session: The session.
        before: What it held at first, as JSON.

    Raises:
        TypeError: It holds what JSON doesn't bring back.
    """
    try:
        text = json.dumps(session, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"a session holds what has a JSON form: {error}") from error
    if text == before:
        return session.__renewed__
    if json.loads(text) != session:
        raise TypeError(
            f"JSON brings the session back otherwise, as {text:.200}: keys of a session are text,"
            " and its lists are no tuples"
        )
    return True
