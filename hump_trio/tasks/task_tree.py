"""Where tasks stand, in words for a person: the line of their program that each waits in."""

import os
import traceback
from collections.abc import Iterable, Iterator
from types import FrameType

import trio

__all__ = [
    "MACHINERY",
    "describe_tree",
    "innermost_source_line_of",
    "innermost_tasks",
    "source_line_of",
    "source_line_of_error",
    "source_lines_of",
    "walk_tree",
]

# What a line of these says tells nothing of the program that waits in it.
MACHINERY = frozenset({"trio", "hump_trio", "contextlib", "outcome"})
# How paths of the standard library begin, and folders that installed packages are in.
LIBRARY_BEGINNINGS = (os.path.join(os.path.dirname(os.__file__), ""), "<frozen ")
INSTALLED = frozenset({"site-packages", "dist-packages"})
# A program that calls itself may nest nurseries, and so groups of errors, as deep as Python lets
# it.
GROUP_DEPTH = 50


def innermost_tasks(nursery: trio.Nursery) -> Iterator[trio.lowlevel.Task]:
    """Yield the tasks of a nursery that wait for no task of their own."""
    for task in nursery.child_tasks:
        below = [each for inner in task.child_nurseries for each in innermost_tasks(inner)]
        yield from below or (task,)


def describe_tree(task: trio.lowlevel.Task, indent: str = "") -> Iterator[str]:
    """Yield a line for a task and for each one below it, with the line that it waits in."""
    for depth, each in walk_tree(task):
        line = source_line_of(each) or "a line of the server"
        yield f"{indent}{'  ' * depth}{each.name} at {line}"


def walk_tree(task: trio.lowlevel.Task, depth: int = 0) -> Iterator[tuple[int, trio.lowlevel.Task]]:
    """Yield a task and each one below it, each with how deep it is below the first."""
    yield depth, task
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from walk_tree(child, depth + 1)


def source_line_of(task: trio.lowlevel.Task) -> str:
    """Return the innermost line of the program that a task waits in; empty if there is none."""
    return joined_lines(*source_lines_of(task))


def source_lines_of(task: trio.lowlevel.Task) -> tuple[str, str]:
    """Return the innermost line of the program that a task waits in, and where it has led to.

    The second is a line of a library, if the program waits in one; both are empty if there is none.
    """
    return innermost_source_lines(task.iter_await_frames())


def innermost_source_line_of(task: trio.lowlevel.Task) -> str:
    """Return the line of the program that a task or, if it has any, one of those below waits in.

    Of several below it is any one; empty if there is no line of the program.
    """
    return joined_lines(*lines_below(task))


def lines_below(task: trio.lowlevel.Task) -> tuple[str, str]:
    """Return `source_lines_of` the innermost task that has a line of the program."""
    below = (each for nursery in task.child_nurseries for each in nursery.child_tasks)
    return lowest_lines(map(lines_below, below), source_lines_of(task))


def source_line_of_error(error: BaseException) -> str:
    """Return the line of the program that an error was raised in.

    Of a group it is that of the first leaf that has one. Where no leaf has any, since a nursery
    runs a function of Trio's, it is the line that the nursery stands in.
    """
    return joined_lines(*lines_of_error(error))


def lines_of_error(error: BaseException, depth: int = GROUP_DEPTH) -> tuple[str, str]:
    """Return `innermost_source_lines` of an error, or of the first leaf that has its own.

    Args:
        error: The error.
        depth: So many groups within each other are looked into.
    """
    leaves = error.exceptions if depth and isinstance(error, BaseExceptionGroup) else ()
    frames = traceback.walk_tb(error.__traceback__)
    below = (lines_of_error(each, depth - 1) for each in leaves)
    return lowest_lines(below, innermost_source_lines(frames))


def lowest_lines(below: Iterable[tuple[str, str]], here: tuple[str, str]) -> tuple[str, str]:
    """Return the first lines from below with one of the program, or those of here.

    Where only a library's line is known below, it is where that of here has led to.
    """
    own, last = here
    for found in below:
        if found[0]:
            return found
        last = last or found[1]
    return own, last


def innermost_source_lines(frames: Iterable[tuple[FrameType, int]]) -> tuple[str, str]:
    """Return the last of some frames that is the program's own, and where it has led to.

    A line of a library alone tells nobody what to change, and the line that calls it not what it
    waits for.
    """
    own = last = ""
    for frame, line in frames:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in MACHINERY:
            path = frame.f_code.co_filename
            last = f"{path}:{line} in {frame.f_code.co_qualname}"
            if not is_library(path):
                own = last
    return own, "" if own == last else last


def joined_lines(own: str, last: str) -> str:
    """Return both lines as a text; either may be empty."""
    return f"{own}, which led to {last}" if own and last else own or last


def is_library(path: str) -> bool:
    """Tell whether a file belongs to Python or to a package that was installed."""
    return path.startswith(LIBRARY_BEGINNINGS) or not INSTALLED.isdisjoint(path.split(os.sep))
