"""Limits on how many requests a client may make in a time, for an app or for single handlers."""

import inspect
import math
import re
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias, TypedDict, TypeVar, Unpack

from hump_trio.dispatch.stepped import Stepped
from hump_trio.facts.callables import name_of, without_partial
from hump_trio.facts.exceptions import HttpException
from hump_trio.facts.grammar import is_integer, is_number
from hump_trio.facts.loggers import logger
from hump_trio.handlers.bounds import check_below
from hump_trio.handlers.decorated import MOMENTS, with_middleware
from hump_trio.messages.headers import add_missing
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response
from hump_trio.middleware.client_address import client_address, tells_another
from hump_trio.middleware.option_checks import check_number
from hump_trio.middleware.rate_store import BoundedStore, RateStore
from hump_trio.middleware.rates import MemoryRates, parse_rate

__all__ = ["RateLimit", "rate_limit"]

H = TypeVar("H", bound=Callable[..., Any])
# What a request counts by, and what it costs.
By: TypeAlias = Callable[[Request], str | int | None]
Cost: TypeAlias = int | Callable[[Request], int]

# A longer key is remembered by its digest: a client may choose it.
KEY_CHARACTERS = 64
MOST_UNITS = 10**9
NAME_CHARACTERS = 64
NAME = re.compile(rf"[A-Za-z0-9_.-]{{1,{NAME_CHARACTERS}}}", re.ASCII)
NO_NAME = re.compile(r"[^A-Za-z0-9_.-]", re.ASCII)


class RateLimitOptions(TypedDict, total=False):
    """What may be said of a `rate_limit`; the arguments of `RateLimit`."""

    burst: int | None
    by: By
    cost: Cost
    name: str
    keys: int
    store: RateStore | None
    store_timeout: float
    on_failure: Literal["allow", "refuse"]


class Taken(NamedTuple):
    """What a request has taken: what a store has returned for a cost, and the cost."""

    wait: float
    cost: int


class RateLimit(Stepped):
    """Refuses requests with a 429, before their bodies are read, if a client makes too many.

    Register it as in ``app.middleware(RateLimit("100/minute", burst=20))``; `rate_limit` is for
    single handlers. Each client has a bucket of units. A request takes one, and the bucket fills up
    evenly: ``"100/minute"`` is a unit each 0.6 seconds. The answer says by ``Retry-After`` when to
    come again; every answer tells by ``RateLimit`` and ``RateLimit-Policy`` what is left.
    Answers such as a 404 count too, and so does the handshake of a WebSocket. Register it before
    middleware of your own, which finds bodies read, since it might look at them.

    Buckets are in memory, in each process by itself. With a ``store`` all processes share them.

    Args:
        rate: The units that come in a time: a count per ``second``, ``minute``, ``hour`` or
            ``day``.
        burst: The most units of a bucket, which it has at first; None: the count of the rate. So
            many requests may come at once.
        by: What requests are counted by: a function that returns a str or an int for a request;
            None counts as an empty str. By default it is the address of the client (see
            `client_address`): no app with that is served at a Unix socket, where clients have none,
            unless `Forwarded` or a PROXY header names them.
        cost: The units that a request takes, or a function that returns them. 0: it isn't limited.
            A request that costs more than ``burst`` is always refused.
        name: What the fields of answers call the limit, and the beginning of a store's keys: two
            limits that share a store need two names.
        keys: The most buckets in memory, about 250 bytes each. Beyond them the one that was used
            the longest time ago is forgotten, and so is full again.
        store: Keeps the buckets for several processes; None: memory.
        store_timeout: Seconds that the store has to answer. One that is too late isn't asked for
            the next second.
        on_failure: Whether requests pass while the store fails, or are refused with a 503. Either
            is logged, once a second.

    Raises:
        TypeError: An option has the wrong type.
        ValueError: The rate isn't one, or an option is out of its range.

    Source: RFC 6585 section 4; draft-ietf-httpapi-ratelimit-headers-11.
    """

    __needs_head_alone__: ClassVar[bool] = True
    __raises__: ClassVar[tuple[int, ...]] = (429,)

    def __init__(
        self,
        rate: str,
        *,
        burst: int | None = None,
        by: By = client_address,
        cost: Cost = 1,
        name: str = "default",
        keys: int = 100_000,
        store: RateStore | None = None,
        store_timeout: float = 0.5,
        on_failure: Literal["allow", "refuse"] = "allow",
    ) -> None:
        if burst is not None:
            check_number("burst", burst, 1, MOST_UNITS)
        check_number("keys", keys, 1, math.inf)
        self._rate = parse_rate(rate, burst)
        check_function("by", by)
        if callable(cost):
            check_function("cost", cost)
        else:
            check_number("cost", cost, 0, self._rate.burst)
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ValueError(f"a limit's name has letters, digits, '_', '.' and '-', not {name!r}")
        if store is not None and not isinstance(store, RateStore):
            raise TypeError(f"a store has `async def take(key, cost, interval, burst)`: {store!r}")
        if not is_number(store_timeout) or not store_timeout > 0:
            raise ValueError(f"store_timeout is a number of seconds, not {store_timeout!r:.80}")
        if on_failure not in ("allow", "refuse"):
            raise ValueError(f"on_failure is 'allow' or 'refuse', not {on_failure!r:.80}")
        self._by = by
        self._cost = cost
        self._name = self._prefix = name
        self._warned = False  # of a proxy whose clients may be one
        self._memory = MemoryRates(self._rate, keys)
        self._store: BoundedStore | None = None
        if store is not None:
            refuse = on_failure == "refuse"
            self._store = BoundedStore(store, float(store_timeout), name, refuse=refuse)
        self._policy = f'"{name}";q={self._rate.burst};w={self._rate.window}'

    @property
    def __counts_addresses__(self) -> bool:
        """Whether clients without an address would all be one."""
        return self._by is client_address

    def __begin__(self, request: Request) -> Taken | Awaitable[Taken | None] | None:
        """Take the units of a request; return them, or what they are awaited of.

        Raises:
            HttpException: 429, there are too few of them.
        """
        cost = self._cost if isinstance(self._cost, int) else checked_cost(self._cost(request))
        if not cost:
            return None
        key = key_of(self._by(request))
        if cost > self._rate.burst:
            request.outcome = "refused"
            raise HttpException(429, "this costs more than there ever is")
        if self._store is not None:
            return self._take(self._store, request, key, cost)
        return self._judge(request, Taken(self._memory.take(key, cost), cost))

    async def _take(
        self, store: BoundedStore, request: Request, key: str, cost: int
    ) -> Taken | None:
        """Take units from a store."""
        wait = await store.take(
            f"{self._prefix}:{key}", cost, self._rate.interval, self._rate.burst
        )
        return None if wait is None else self._judge(request, Taken(wait, cost))

    def _judge(self, request: Request, taken: Taken) -> Taken:
        """Let a request pass, or refuse it.

        Raises:
            HttpException: 429.
        """
        if self._rate.is_refusal(taken.wait):
            request.outcome = "refused"
            if not self._warned and self._by is client_address and tells_another(request):
                self._warned = True
                logger.warning(
                    "%s is refused for its rate: if it is a proxy, register Forwarded before the"
                    " limit, or all its clients are one",
                    client_address(request),
                )
            retry = ("retry-after", str(self._rate.retry_seconds(taken.wait)))
            raise HttpException(429, "too many requests", headers=[retry, *self._fields(taken)])
        return taken

    def __finish__(self, request: Request, response: Response, begun: Taken | None) -> Response:
        """Tell what is left."""
        if begun is None:
            return response
        fields, headers = self._fields(begun), response.headers
        if "ratelimit" not in headers:
            add_missing(headers, fields)
        else:  # of a limit within
            for name, value in fields:
                headers.add(name, value)
        return response

    def _fields(self, taken: Taken) -> list[tuple[str, str]]:
        """Return the fields that tell what is left of a bucket."""
        units, seconds = self._rate.left(*taken)
        state = f'"{self._name}";r={units};t={seconds}'
        return [("ratelimit-policy", self._policy), ("ratelimit", state)]


def rate_limit(rate: str, **options: Unpack[RateLimitOptions]) -> Callable[[H], H]:
    """Return a decorator that limits the requests of each client to a handler.

    Write ``@hump_trio.rate_limit("5/minute")`` below a verb decorator such as ``@app.post``, before
    or after other decorators; these have to use `functools.wraps`. It does what a `RateLimit`
    around this handler alone would do. Several of them limit a handler one by one. All routes of
    the decorated function share its buckets. `Hump.openapi` lists the status 429.

    Args:
        rate: The rate, as for `RateLimit`.
        options: The options of `RateLimit`. By default the name is that of the handler.

    Raises:
        TypeError: The decorated object isn't an async function, a verb decorator below has
            registered it already, or an option has the wrong type or isn't known.
        ValueError: The rate isn't one, or an option is out of its range.
    """
    made = next(MOMENTS)
    RateLimit(rate, **options)  # so that errors are raised where they are written

    def decorate(handler: H) -> H:
        check_below("rate_limit", handler, made)
        name = NO_NAME.sub("_", name_of(handler))[:NAME_CHARACTERS]
        named: RateLimitOptions = {"name": name, **options}
        limit = RateLimit(rate, **named)
        if "name" not in options:  # other modules may have handlers of that name
            function = without_partial(handler)
            limit._prefix = f"{function.__module__}.{getattr(function, '__qualname__', name)}"
        return with_middleware(handler, limit)

    return decorate


def check_function(option: str, function: object) -> None:
    """Refuse what isn't a plain function.

    Raises:
        TypeError: It is something else, or async.
    """
    if not callable(function) or inspect.iscoroutinefunction(function):
        raise TypeError(f"{option} is a plain function of the request, not {function!r:.80}")


def checked_cost(cost: int) -> int:
    """Return what a function has returned for a cost.

    Raises:
        ValueError: It is none.
    """
    if not is_integer(cost) or cost < 0:
        raise ValueError(f"a cost is a whole number from 0 on, not {cost!r:.80}")
    return cost


def key_of(value: str | int | None) -> str:
    """Return the key for what a request counts by; it has a bounded length.

    Raises:
        TypeError: The value is of another type, which may differ from request to request.
    """
    if not isinstance(value, str | int | None):
        raise TypeError(f"requests are counted by a str or an int, not {value!r:.80}")
    key = "" if value is None else str(value)
    if len(key) <= KEY_CHARACTERS:
        return key
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
