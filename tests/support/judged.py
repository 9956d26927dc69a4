"""Kosoku, which runs Autobahn's cases against a WebSocket server, in a process of its own."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence

import trio

from tests.support.deployment import ROOT
from tests.support.loopback import PATIENCE_SECONDS

__all__ = ["judge"]

TOGETHER = 4


async def judge(
    url: str, cases: Sequence[str] = ("*",), *, without: Sequence[str] = ()
) -> dict[str, str]:
    """Return the verdicts on a server that are anything else than OK, and how many are OK.

    Args:
        url: Of an echo.
        cases: What is run, by number; ``9.*`` for all that begin so.
        without: What isn't.

    Returns:
        What kosoku says of each case, for the case and for its end; under ``OK`` the count.
    """
    options = json.dumps([url, cases, without])
    with trio.fail_after(2 * PATIENCE_SECONDS):
        done = await trio.run_process(
            [sys.executable, "-m", "tests.support.judged", options], cwd=ROOT, capture_stdout=True
        )
    verdicts: dict[str, str] = json.loads(done.stdout)
    others = {case: words for case, words in verdicts.items() if words != "OK, OK"}
    return {"OK": str(len(verdicts) - len(others)), **others}


async def run_cases(url: str, cases: Sequence[str], without: Sequence[str]) -> dict[str, str]:
    """Run cases, a few side by side, and return all verdicts."""
    from kosoku import FailureError, run_fuzzingclient

    try:
        results = await run_fuzzingclient(url, cases, without, concurrency=TOGETHER)
    except FailureError as failure:
        results = failure.results
    return {each.case_id: f"{each.behavior.value}, {each.behavior_close.value}" for each in results}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run_cases(*json.loads(sys.argv[1])))), flush=True)
    os._exit(0)  # an orderly end of the interpreter, now and then, is an abort by kosoku's threads
