"""Loading of the app named by ``module:attribute``, or one clear message why that fails."""

import importlib
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from inspect import iscoroutinefunction, isroutine
from types import ModuleType, TracebackType
from typing import Any

from hump_trio.app import Hump
from hump_trio.command.interface import (
    Interface,
    enclose,
    explain_misfit,
    find_interface,
    fits,
)
from hump_trio.facts.exceptions import HumpError, RouteError
from hump_trio.facts.hints import add_hint
from hump_trio.tasks.failures import leaves_of

__all__ = ["LoadError", "load_app"]

SPECIFICATION = re.compile(r"(\w+(?:\.\w+)*)(?::(\w+(?:\.\w+)*))?")
DEFAULT_ATTRIBUTE = "app"
IMPORTED = "imported"
# Modules whose frames stand above a program's own first line when it is imported.
IMPORTERS = ("hump_trio.command", "importlib")


class LoadError(HumpError):
    """An app can't be loaded.

    Args:
        text: The reason, in one line.
        traceback: The traceback of the program's own error; empty if it would say nothing more.
    """

    def __init__(self, text: str, traceback: str = "") -> None:
        self.traceback: str = traceback
        super().__init__(text)


class ServedError(HumpError):
    """A program serves its app while it is being imported."""


def load_app(
    specification: str,
    *,
    factory: bool = False,
    interface: Interface = "hump",
    body_limited: bool = False,
) -> Hump[Any]:
    """Import a module and return its app. Modules of the current directory come first.

    An app of another interface than ours is returned within a Hump app.

    Args:
        specification: ``module:attribute``; the attribute is ``app`` if it is left out.
        factory: Whether the attribute is a function that makes the app.
        interface: The interface of the app.
        body_limited: Whether bodies for an ASGI app are bounded (see `enclose`).

    Raises:
        LoadError: The module can't be imported, or has no such app.
    """
    match = SPECIFICATION.fullmatch(specification)
    if match is None or specification.endswith(".py") or os.path.isfile(match[1]):
        raise LoadError(explain_form(specification))
    name, path = match[1], match[2] or DEFAULT_ATTRIBUTE
    folder = os.getcwd()
    if sys.path[:1] != [folder]:
        sys.path.insert(0, folder)
    module = import_program(name)
    value: Any = module
    for attribute in path.split("."):
        try:
            value = getattr(value, attribute)
        except AttributeError:
            raise LoadError(f"{name} has no {path!r}{suggest(name, module, interface)}") from None
    if factory:
        if fits(value, interface) or not callable(value) or iscoroutinefunction(value):
            raise LoadError(f"{name}:{path} {explain_factory(value, interface)}")
        value, path = run_program(f"{name}:{path}", "called", value), f"{path}()"
    if not fits(value, interface):
        reason = explain_misfit(value, interface, made=factory)
        raise LoadError(f"{name}:{path} {reason}{suggest(name, module, interface)}")
    return enclose(value, interface, body_limited=body_limited)


def explain_form(specification: str) -> str:
    """Return what to write instead of a malformed specification, which most often is a file."""
    path, _, attribute = specification.partition(":")
    if attribute.endswith("()"):
        return f"write --factory {specification[:-2]}"
    if path.endswith(".py"):
        module = re.sub(r"^\./", "", path).removesuffix(".py").replace("/", ".").strip(".")
        return f"give a module, not a file: {module}:{attribute or DEFAULT_ATTRIBUTE}"
    return f"an app is given as module:attribute, not {specification!r}"


def explain_factory(value: Any, interface: Interface) -> str:
    """Return why ``--factory`` can't call something."""
    if fits(value, interface):
        return "is an app already: leave out --factory"
    if iscoroutinefunction(value):
        return "is async: write `def`, and open what needs an await in the lifespan"
    return f"is no function that --factory can call: {value!r:.80}"


def suggest(name: str, module: ModuleType, interface: Interface) -> str:
    """Return the apps of a module, as the end of a message; empty if it has none.

    A function isn't named, although it may be an app: many take as many arguments.
    """
    found = [
        key
        for key, value in vars(module).items()
        if not isroutine(value) and find_interface(value) == interface
    ]
    return f"; there is {', '.join(f'{name}:{each}' for each in found)}" if found else ""


def import_program(name: str) -> ModuleType:
    """Import a module.

    Raises:
        LoadError: The module isn't there, or raises an error.
    """
    module: ModuleType = run_program(name, IMPORTED, partial(importlib.import_module, name))
    return module


def run_program(name: str, what: str, run: Callable[[], Any]) -> Any:
    """Run code of a program, and return its result.

    Args:
        name: The name of the module, or of the function in it, for messages.
        what: What is done with it, for messages: ``"imported"`` or ``"called"``.
        run: Runs the code.

    Raises:
        LoadError: The module isn't there, or the code raises an error.
    """
    try:
        with refusing_to_serve():
            return run()
    except Exception as error:
        frames = own_frames(error.__traceback__)
        if any(isinstance(leaf, ServedError) for leaf in leaves_of(error)):
            advice = 'write `if __name__ == "__main__":` above that line'
            if what != IMPORTED:
                advice = "it returns the app, and leaves serving to hump-trio"
            raise LoadError(f"{name} serves its app while it is {what}: {advice}") from None
        if isinstance(error, ModuleNotFoundError) and frames is None:
            raise LoadError(f"there is {str(error).replace('No', 'no', 1)}") from None
        reason = f": {error}" if isinstance(error, RouteError) else ""
        add_hint(error)
        lines = traceback.format_exception(type(error), error, frames)
        raise LoadError(f"{name} can't be {what}{reason}", "".join(lines)) from None


def own_frames(frames: TracebackType | None) -> TracebackType | None:
    """Return a traceback from the program's own first line on; None if it has no such line."""
    while frames is not None:
        module = frames.tb_frame.f_globals.get("__name__", "")
        if not module.startswith(IMPORTERS):
            break
        frames = frames.tb_next
    return frames


@contextmanager
def refusing_to_serve() -> Iterator[None]:
    """Let a program fail, instead of hang, if it serves its app while it is being imported."""
    name, serve = "serve", Hump.serve

    async def refuse(app: Hump[Any], **options: Any) -> None:
        raise ServedError

    setattr(Hump, name, refuse)
    try:
        yield
    finally:
        setattr(Hump, name, serve)
