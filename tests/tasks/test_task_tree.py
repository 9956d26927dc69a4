"""Where tasks stand, as a person is told: the line of the program, not of its machinery."""

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hump_trio import limit, timeout
from hump_trio.tasks.task_tree import (
    describe_tree,
    innermost_tasks,
    source_line_of,
    source_line_of_error,
)


async def wait() -> None:
    """Stand in the line below."""
    await trio.sleep_forever()


async def wait_deeper() -> None:
    """Stand in another function."""
    await wait()


async def wait_in_a_generator() -> None:
    """Stand in the generator that is iterated."""

    async def parts() -> AsyncIterator[None]:
        await wait()
        yield

    async for _ in parts():
        raise AssertionError


async def wait_in_a_context() -> None:
    """Stand in what `contextlib` enters."""
    manager: AbstractAsyncContextManager[None] = waiting()
    async with manager:
        raise AssertionError


@asynccontextmanager
async def waiting() -> AsyncIterator[None]:
    """Never get as far as the body."""
    await wait()
    yield


async def wait_for_a_turn() -> None:
    """Stand in a line whose frames below are of hump_trio and Trio alone."""
    running = trio.Event()

    @limit(1, wait=1000)
    async def occupy() -> None:
        running.set()
        await wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(occupy)
        await running.wait()
        await occupy()


async def wait_for_children() -> None:
    """Stand at the end of a nursery, with two tasks in it."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        nursery.start_soon(wait_deeper, name="a name")


async def wait_in_two_nurseries() -> None:
    """Have children in both."""
    async with trio.open_nursery() as outer:
        outer.start_soon(wait)
        async with trio.open_nursery() as inner:
            inner.start_soon(wait_for_children)


def place(function: Any, line: int) -> str:
    """Return how a line of a function is called, counted from its docstring."""
    code = function.__code__
    return f"{__file__}:{code.co_firstlineno + 1 + line} in {function.__name__}"


WAIT = place(wait, 1)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (wait, WAIT),
        (wait_deeper, WAIT),
        (wait_in_a_generator, WAIT),
        (wait_in_a_context, WAIT),
        (timeout(1000)(wait), WAIT),
        (wait_for_a_turn, place(wait_for_a_turn, 11)),
        (wait_for_children, place(wait_for_children, 1)),
        (trio.sleep_forever, ""),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
async def test_a_task_stands_in_the_innermost_line_of_the_program(
    function: Any, expected: str
) -> None:
    """Which no library is; nothing is said of a task that has none."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(function)
        await wait_all_tasks_blocked()
        [task] = nursery.child_tasks
        assert source_line_of(task) == expected
        nursery.cancel_scope.cancel()


LIBRARY = """
async def relay(function, *args):
    await function(*args)
"""


def library_at(path: str) -> Any:
    """Return the function of a library whose file is at a path; it calls what it is given."""
    names: dict[str, Any] = {"__name__": "library"}
    exec(compile(LIBRARY, path, "exec"), names)
    return names["relay"]


INSTALLED = f"{os.sep}x{os.sep}site-packages{os.sep}library.py"
PATHS = [INSTALLED, INSTALLED.replace("site-", "dist-"), os.__file__, "<frozen library>"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_line_of_a_library_stands_behind_the_programs_own(path: str) -> None:
    """And alone where no line is the program's own, which is what calls libraries."""
    relay = library_at(path)

    async def call() -> None:
        await relay(trio.sleep_forever)

    own = f"{__file__}:{call.__code__.co_firstlineno + 1} in {call.__qualname__}"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        nursery.start_soon(relay, wait)
        nursery.start_soon(relay, trio.sleep_forever)
        await wait_all_tasks_blocked()
        places = {source_line_of(task) for task in nursery.child_tasks}
        assert places == {f"{own}, which led to {path}:3 in relay", WAIT, f"{path}:3 in relay"}
        nursery.cancel_scope.cancel()


async def test_a_task_that_has_not_begun_stands_before_its_first_line() -> None:
    """In the line of its `def`."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        [task] = nursery.child_tasks
        assert source_line_of(task) == place(wait, -1)
        nursery.cancel_scope.cancel()


async def fail() -> None:
    """Raise in the line below."""
    raise LookupError


async def fail_deeper() -> None:
    """Raise from another function."""
    await fail()


async def fail_again() -> None:
    """Raise what was caught."""
    try:
        await fail()
    except LookupError:
        await trio.lowlevel.checkpoint()
        raise


async def fail_in_a_child() -> None:
    """Raise in a task of its own."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail_deeper)


async def fail_far_below() -> None:
    """Raise in a task of a task."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail_in_a_child)


async def fail_in_a_library() -> None:
    """Have Trio raise in its own lines."""
    await trio.sleep(-1)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (fail, place(fail, 1)),
        (fail_deeper, place(fail, 1)),
        (fail_again, place(fail, 1)),
        (fail_in_a_child, place(fail, 1)),
        (fail_far_below, place(fail, 1)),
        (fail_in_a_library, place(fail_in_a_library, 1)),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
async def test_an_error_was_raised_in_the_innermost_line_of_the_program(
    function: Any, expected: str
) -> None:
    """In the first leaf of a group, however deep it is."""
    with pytest.raises((LookupError, ValueError, ExceptionGroup)) as caught:
        await function()
    assert source_line_of_error(caught.value) == expected


async def test_a_cancellation_is_known_by_where_it_came() -> None:
    """In the first of several children that were cancelled."""
    places = []
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await wait_for_children()
        except BaseExceptionGroup as error:
            places.append(source_line_of_error(error))
            raise
    assert places == [WAIT]


async def test_an_error_of_nobody_has_no_place() -> None:
    """One that was never raised, or in lines of libraries alone."""
    assert source_line_of_error(LookupError()) == ""
    assert source_line_of_error(ExceptionGroup("", [LookupError()])) == ""
    with pytest.raises(ValueError, match=r"must be non-negative") as caught:
        await trio.sleep(-1)
    traceback = caught.value.__traceback__
    assert traceback is not None
    assert source_line_of_error(caught.value.with_traceback(traceback.tb_next)) == ""


async def test_innermost_tasks_wait_for_no_other() -> None:
    """Those that do are left out, as whoever is named should be the one to blame."""
    async with trio.open_nursery() as nursery:
        assert list(innermost_tasks(nursery)) == []
        nursery.start_soon(wait_in_two_nurseries)
        nursery.start_soon(trio.sleep_forever)
        await wait_all_tasks_blocked()
        names = sorted(task.name for task in innermost_tasks(nursery))
        wait_name = f"{__name__}.wait"
        assert names == sorted([wait_name, wait_name, "a name", "trio.sleep_forever"])
        nursery.cancel_scope.cancel()


async def test_a_tree_has_a_line_for_each_task() -> None:
    """Indented under the task that waits for it, with its name and place."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_in_two_nurseries)
        await wait_all_tasks_blocked()
        [task] = nursery.child_tasks
        lines = list(describe_tree(task))
        nursery.cancel_scope.cancel()
    name = __name__
    assert lines[:3] == [
        f"{name}.wait_in_two_nurseries at {place(wait_in_two_nurseries, 3)}",
        f"  {name}.wait at {WAIT}",
        f"  {name}.wait_for_children at {place(wait_for_children, 1)}",
    ]
    assert sorted(lines[3:]) == sorted([f"    {name}.wait at {WAIT}", f"    a name at {WAIT}"])


async def test_a_task_of_libraries_alone_is_described_too() -> None:
    """As the server's own tasks are; an indent is kept."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        await wait_all_tasks_blocked()
        [task] = nursery.child_tasks
        [line] = describe_tree(task, "    ")
        assert line == "    trio.sleep_forever at a line of the server"
        nursery.cancel_scope.cancel()


def test_groups_of_errors_may_be_of_any_depth() -> None:
    """The line of the program is that of a group, where the leaf is too deep to be looked for."""
    error: Exception = ValueError()
    for _ in range(2000):
        error = ExceptionGroup("nested", [error])
    with pytest.raises(ExceptionGroup) as caught:
        raise error
    assert "test_task_tree.py" in source_line_of_error(caught.value)
