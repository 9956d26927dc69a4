"""What a request passes at its head, before all else of its handler: checks, then credentials."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from hump_trio.facts.callables import Handler
from hump_trio.facts.exceptions import CredentialsError, HttpException, equal_error
from hump_trio.handlers.markers import Secret
from hump_trio.handlers.parameter import EMPTY, Parameter
from hump_trio.handlers.steps import Get
from hump_trio.messages.request import Request
from hump_trio.tasks.failures import leaves_of

__all__ = ["Gate", "checks_of", "secret_getter"]

# Lets a request pass, or raises an `HttpException`. It looks at the head alone.
Check: TypeAlias = Callable[[Request], Awaitable[None]]


def checks_of(handler: Handler) -> tuple[Check, ...]:
    """Return the checks that decorators have given to a handler, in the order in which they run.

    A decorator sets them as ``__head_checks__`` of the function that it returns, its own one before
    those of the function that it was given; `functools.wraps` passes them on outwards.
    """
    checks: tuple[Check, ...] = getattr(handler, "__head_checks__", ())
    return checks


class Gate:
    """What a request passes before its body is received and its handler is called.

    Checks come first: a client that guesses credentials is counted before it learns of anything.

    Args:
        checks: Those of decorators.
        secrets: What gets the credentials that the handler takes; it raises for what is missing.
        challenges: What asks for these credentials.
    """

    def __init__(
        self,
        checks: Sequence[Check],
        secrets: Sequence[Get[Request]] = (),
        challenges: Sequence[str] = (),
    ) -> None:
        self._checks = checks
        self._secrets = secrets
        self._challenges = challenges

    @property
    def open(self) -> bool:
        """Whether every request passes."""
        return not (self._checks or self._secrets)

    @property
    def takes_secrets(self) -> bool:
        """Whether the handler takes credentials."""
        return bool(self._secrets)

    def refuses(self, request: Request) -> bool:
        """Tell whether a request lacks credentials, as far as its head is known by now."""
        try:
            for get in self._secrets:
                get(request)
        except CredentialsError:
            return True
        return False

    async def call(self, call: Callable[[Request], Awaitable[Any]], request: Request) -> Any:
        """Let a request pass, and call its handler.

        Where the handler refuses the credentials by an `HttpException` 401, a copy of that asks for
        others.

        Raises:
            HttpException: The request doesn't pass, and whatever the handler raises.

        Source: RFC 9110 section 15.5.2: each 401 has a challenge.
        """
        for check in self._checks:
            await check(request)
        for get in self._secrets:
            get(request)
        try:
            return await call(request)
        except Exception as error:  # no name here holds a part of it: it holds this frame
            if any(map(asks_for_nothing, leaves_of(error))):
                raise self.asking(error) from error.__cause__
            raise

    def asking(self, error: BaseException) -> BaseException:
        """Return an error 401 with what asks for credentials, or any other error as it is.

        What the program has raised isn't changed: it may raise the same object on other routes.

        Args:
            error: Any error, or a group of some.
        """
        made: BaseException
        if not any(map(asks_for_nothing, leaves_of(error))):
            return error
        if isinstance(error, BaseExceptionGroup):
            made = error.derive([self.asking(each) for each in error.exceptions])
        else:
            assert isinstance(error, HttpException)
            made = equal_error(error)
            asked = [("www-authenticate", challenge) for challenge in self._challenges]
            made.headers = (*made.headers, *asked)
        made.__cause__, made.__context__ = error.__cause__, error.__context__
        return made.with_traceback(error.__traceback__)


def asks_for_nothing(error: BaseException) -> bool:
    """Tell whether an error is a 401 that doesn't say what it asks for."""
    return (
        isinstance(error, HttpException)
        and error.status == 401
        and not any(name.lower() == "www-authenticate" for name, _ in error.headers)
    )


def secret_getter(parameter: Parameter) -> Get[Request]:
    """Return what gets credentials. It raises `CredentialsError` for those that are missing.

    Raises:
        TypeError: The annotation or the default says something else.
    """
    marker, default = parameter.marker, parameter.default
    assert isinstance(marker, Secret)
    read = marker.__reader__(parameter.annotation)
    if default is not EMPTY and default is not None:
        raise TypeError("what may be missing has the default None")
    needed, challenge = default is EMPTY, marker.challenge
    # RFC 6750 section 3.1: a client that has sent no token is told of no error.
    malformed = challenge + (', error="invalid_token"' if marker.scheme == "bearer" else "")

    def get(request: Request) -> Any:
        try:
            value = read(request)
        except ValueError as error:
            detail = f"the credentials can't be read: {error}"
            raise CredentialsError(detail, malformed) from None
        if value is None and needed:
            raise CredentialsError("credentials are needed", challenge)
        return value

    return get
