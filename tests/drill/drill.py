"""One drill: a site, a crowd of clients, and what happens to them step by step."""

from collections.abc import Callable, Sequence
from functools import partial

import trio

from tests.drill.crowd import Crowd
from tests.drill.ledger import Ledger
from tests.drill.script import Step
from tests.drill.site import Site, wait_for
from tests.drill.table import line_of

__all__ = ["drill"]

# Many times what a step takes: it ends what hangs.
STEP_SECONDS = 120.0


async def drill(site: Site, script: Sequence[Step], say: Callable[[str], None]) -> Ledger:
    """Let everything of a script happen while clients are served.

    Args:
        site: What they are served by.
        script: The steps, in order; what isn't served well again after one is the last of them.
        say: Takes a line of the table as soon as its step is over.

    Returns:
        What the clients have seen, and what of it breaks a promise.
    """
    ledger = Ledger()
    ledger.begin("start")
    crowd = Crowd(ledger, site.addresses)
    try:
        async with crowd.at_work():
            with trio.fail_after(STEP_SECONDS):
                await crowd.settle()
            for step in script:
                ledger.begin(step.title)
                with trio.fail_after(STEP_SECONDS):
                    await step.act(site, partial(wait_for, ledger.is_missed))
                    await crowd.settle()
                ledger.judge_step(step.harm, crowd.sizes)
                say(line_of(step.title, ledger.counts[step.title]))
    except* (trio.TooSlowError, AssertionError) as group:
        say(line_of(ledger.step, ledger.counts[ledger.step]))
        ledger.faults += [f"{ledger.step}: {error!r}" for error in group.exceptions]
    ledger.judge_orders(await trio.to_thread.run_sync(site.find_orders))
    return ledger
