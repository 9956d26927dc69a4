"""A real browser, headless, and what stands on a page in it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fcntl import F_DUPFD_CLOEXEC, fcntl
from functools import partial
from os import close, pipe
from pathlib import Path
from typing import Any

import trio

from tests.support.loopback import PATIENCE_SECONDS

OPTIONS = [
    "--headless",
    "--no-sandbox",  # it doesn't start as root otherwise
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-pipe",
    "about:blank",
]
# Resolves when an expression is true, now or after a change of the page.
WAIT = """new Promise(done => {
    const look = () => %s && done(document.documentElement.outerHTML);
    new MutationObserver(look).observe(document,
        {subtree: true, childList: true, characterData: true, attributes: true});
    look();
})"""


class Browser:
    """Chromium, told what to do by the DevTools protocol over two pipes.

    Args:
        orders: What it reads.
        words: What it says.
    """

    def __init__(self, orders: trio.abc.SendStream, words: trio.abc.ReceiveStream) -> None:
        self._orders = orders
        self._words = words
        self._received = bytearray()
        self._count = 0
        self._target: Any = None  # what names the page that was opened last
        self._session = ""

    async def read_page(self, url: str, condition: str) -> str:
        """Open a page, and return its document as soon as a condition holds there.

        Args:
            url: Of the page.
            condition: In JavaScript.
        """
        target = await self._order("Target.createTarget", {"url": "about:blank"})
        self._target = target
        attached = await self._order("Target.attachToTarget", {**target, "flatten": True})
        self._session = attached["sessionId"]
        await self._order("Page.enable", {}, self._session)
        await self._order("Page.navigate", {"url": url}, self._session)
        return await self._read_loaded(condition)

    async def leave_page(self, script: str, condition: str) -> str:
        """Do what leads from the page that was opened last to another, and return its document.

        Args:
            script: In JavaScript, such as a click.
            condition: As for `read_page`, on the next page.
        """
        await self._order("Runtime.evaluate", {"expression": script}, self._session)
        return await self._read_loaded(condition)

    async def _read_loaded(self, condition: str) -> str:
        while (await self._receive()).get("method") != "Page.loadEventFired":
            pass
        options = {"awaitPromise": True, "returnByValue": True}
        expression = {"expression": WAIT % condition, **options}
        found = await self._order("Runtime.evaluate", expression, self._session)
        page: str = found["result"]["value"]
        return page

    async def close_page(self) -> None:
        """Close the page that was opened last."""
        await self._order("Target.closeTarget", self._target)

    async def _order(self, method: str, params: dict[str, Any], session: str = "") -> Any:
        self._count += 1
        order = {"id": self._count, "method": method, "params": params}
        if session:
            order["sessionId"] = session
        await self._orders.send_all(json.dumps(order).encode() + b"\0")
        while (answer := await self._receive()).get("id") != self._count:
            pass
        assert "result" in answer, answer
        return answer["result"]

    async def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            part = await self._words.receive_some()
            assert part, "the browser has ended"
            self._received += part
        message, _, self._received = self._received.partition(b"\0")
        word: dict[str, Any] = json.loads(message)
        return word


@asynccontextmanager
async def browser(folder: Path, *options: str) -> AsyncIterator[Browser]:
    """Start Chromium, and end it afterwards.

    Args:
        folder: Where it may keep its things.
        options: More of its command line.
    """
    ours, theirs = [], []
    for mine in (1, 0):
        ends = pipe()
        ours.append(ends[mine])
        # Out of the way of the two descriptors that they become.
        theirs.append(fcntl(ends[1 - mine], F_DUPFD_CLOEXEC, 10))
        close(ends[1 - mine])
    redirect = f'exec "$@" 3<&{theirs[0]} 4>&{theirs[1]} 2>/dev/null'
    command = ["bash", "-c", redirect, "bash", "chromium", f"--user-data-dir={folder}"]
    command += [*options, *OPTIONS]
    async with (
        trio.lowlevel.FdStream(ours[0]) as orders,
        trio.lowlevel.FdStream(ours[1]) as words,
        trio.open_nursery() as nursery,
    ):
        with trio.fail_after(PATIENCE_SECONDS):
            run = partial(trio.run_process, command, pass_fds=theirs, check=False)
            process = await nursery.start(run)
            for descriptor in theirs:
                close(descriptor)
            try:
                yield Browser(orders, words)
            finally:
                process.terminate()
