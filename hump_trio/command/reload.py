"""Watching of files, for ``--reload``."""

import logging
import threading
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import trio

from hump_trio.facts.exceptions import HumpError
from hump_trio.facts.loggers import logger

__all__ = ["ReloadError", "check_watchfiles", "watch_folders"]

# The longest time until the watching thread looks again whether it has to end.
STOP_MILLISECONDS = 500


class ReloadError(HumpError, RuntimeError):
    """The files can't be watched."""


def check_watchfiles(folders: Sequence[Path]) -> None:
    """Refuse to go on without watchfiles, or without one of the folders.

    Raises:
        ReloadError: watchfiles isn't installed, or a folder isn't there.
    """
    if find_spec("watchfiles") is None:
        raise ReloadError("--reload needs watchfiles: pip install 'hump-trio[reload]'")
    for folder in folders:
        if not folder.is_dir():
            raise ReloadError(f"--reload-dir: there is no folder {folder}")


async def watch_folders(folders: Sequence[Path], changed: Callable[[list[str]], None]) -> None:
    """Report Python files that change, until cancelled.

    Hidden folders, caches and virtual environments are left out, as by watchfiles'
    ``PythonFilter``. If a folder can't be watched, that is logged, and no file is reported.

    Args:
        folders: The folders, which are watched with all folders in them.
        changed: Called with the paths of changed files, some of which may be gone.

    Cancellation: a checkpoint; the watching thread has ended when this raises.
    """
    stopping = threading.Event()

    async def stop_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            stopping.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stop_when_cancelled)
        try:
            await trio.to_thread.run_sync(watch, folders, changed, stopping)
        except (OSError, RuntimeError) as error:
            logger.error("files can't be watched: %s", error)
            await trio.sleep_forever()


def watch(
    folders: Sequence[Path], changed: Callable[[list[str]], None], stopping: threading.Event
) -> None:
    """Watch in a thread, and call ``changed`` in Trio's, until told to stop."""
    from watchfiles import PythonFilter, watch

    # watchfiles would log the number of changes, whose names are logged here.
    logging.getLogger("watchfiles.main").setLevel(logging.WARNING)
    changes = watch(
        *folders,
        watch_filter=PythonFilter(),
        stop_event=stopping,
        rust_timeout=STOP_MILLISECONDS,
        raise_interrupt=False,
    )
    for found in changes:
        trio.from_thread.run_sync(changed, sorted({path for _, path in found}))
