"""How the value of one provider is made and given up, around what comes behind it."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from inspect import formatannotation, isawaitable
from typing import Any, NoReturn, TypeAlias

from hump_trio.facts.callables import name_of
from hump_trio.facts.exceptions import HttpException
from hump_trio.messages.response import Response
from hump_trio.routing.layer import NEVER_GIVEN, Provider

__all__ = ["Run", "enclosing", "giving"]

# Runs a handler with a list of values; what is made on the way is added to the list.
Run: TypeAlias = Callable[[list[Any]], Awaitable[Any]]


def giving(provider: Provider, provide: Callable[[list[Any]], Awaitable[Any]], run: Run) -> Run:
    """Return a function that adds the value of a provider without ``yield``, and runs the rest."""

    async def run_with_value(values: list[Any]) -> Any:
        value = await provide(values)
        check_given(provider, value)
        values.append(value)
        return await run(values)

    return run_with_value


def enclosing(
    provider: Provider, provide: Callable[[list[Any]], AsyncGenerator[Any, None]], run: Run
) -> Run:
    """Return a function that runs the rest within a provider with one ``yield``.

    It does what ``async with`` does with a generator in `contextlib.asynccontextmanager`, but for
    an error that the generator swallows: there is no result behind it, so a RuntimeError is raised.
    """

    async def run_within(values: list[Any]) -> Any:
        opened = provide(values)
        try:
            value = await anext(opened)
        except StopAsyncIteration:
            raise RuntimeError(f"{named(provider)} has yielded nothing") from None
        try:
            check_given(provider, value)
            values.append(value)
            result = await run(values)
        except BaseException as error:
            await throw(opened, error, provider)
            raise
        try:
            await anext(opened)
        except StopAsyncIteration:
            return result
        return await refuse_second(opened, provider)

    return run_within


async def throw(
    opened: AsyncGenerator[Any, None], error: BaseException, provider: Provider
) -> None:
    """Raise an error at the ``yield`` of a provider, and return if it comes back.

    Raises:
        BaseException: What the provider has raised instead.
        RuntimeError: It has raised nothing.
    """
    traceback = error.__traceback__
    try:
        await opened.athrow(error)
    except StopAsyncIteration:
        pass
    except BaseException as raised:
        # Python lets no StopAsyncIteration out of a generator, but within another error.
        wrapped = isinstance(error, StopIteration | StopAsyncIteration)
        if raised is error or (wrapped and raised.__cause__ is error):
            error.__traceback__ = traceback
            return
        raise
    else:
        await refuse_second(opened, provider)
    raise RuntimeError(
        f"{named(provider)} has swallowed what its handler was ended by, {type(error).__name__}:"
        " raise that again, or what is to be answered"
    ) from error


async def refuse_second(opened: AsyncGenerator[Any, None], provider: Provider) -> NoReturn:
    """Close a provider that hasn't ended behind its ``yield``.

    Raises:
        RuntimeError: Always.
    """
    try:
        raise RuntimeError(f"{named(provider)} has yielded twice")
    finally:
        await opened.aclose()


def check_given(provider: Provider, value: Any) -> None:
    """Refuse a value that isn't what a provider is annotated to give.

    A handler would run without the check that a user is let pass by: behind a forgotten ``raise``
    there is None, and an error that is returned instead of raised is a value as any other.

    Raises:
        TypeError: The message says what the value is instead.
    """
    classes = provider.classes
    if isinstance(value, NEVER_GIVEN) or (classes and not isinstance(value, classes)):
        what = "None" if value is None else f"{value!r:.80} of type {type(value).__name__}"
        hint = ""
        if isinstance(value, HttpException | Response):
            hint = ": an answer instead of the handler's is an HttpException that is raised"
        elif isawaitable(value):
            hint = ": is an await missing?"
        raise TypeError(
            f"{named(provider)} is annotated to give {formatannotation(provider.key)}, and gave"
            f" {what}{hint}"
        )


def named(provider: Provider) -> str:
    """Return what errors call a provider."""
    return f"the provider {name_of(provider.function)}"
