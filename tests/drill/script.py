"""What happens in the drill, in order."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from tests.drill.ledger import Harm
from tests.drill.site import Site, Wait

__all__ = ["SCRIPT", "SHORT", "Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens. The next one waits until all clients are served well again.

    Args:
        title: What the table calls it.
        harm: What it may do to clients.
        act: Does it, and returns when it is done. A store stays away until the second argument says
            that clients over each protocol have missed it.
    """

    title: str
    harm: Harm
    act: Callable[[Site, Wait], Awaitable[None]]


async def do_nothing(site: Site, missed: Wait) -> None:
    """Let clients be served."""
    await trio.lowlevel.checkpoint()


SCRIPT = (
    Step("nothing", Harm.NONE, do_nothing),
    Step("A: SIGHUP", Harm.NONE, lambda site, _: site.renew(0)),
    Step("B: SIGHUP", Harm.NONE, lambda site, _: site.renew(1)),
    Step("A: SIGTERM", Harm.NONE, lambda site, _: site.restart(0)),
    Step("B: SIGTERM", Harm.NONE, lambda site, _: site.restart(1)),
    Step("HAProxy: reload", Harm.NONE, lambda site, _: site.reload_haproxy()),
    Step("PostgreSQL: stop", Harm.REFUSALS, Site.restart_postgres),
    Step("worker: kill -9", Harm.LOSSES, lambda site, _: site.kill_worker(0)),
    Step("A: kill -9", Harm.LOSSES, lambda site, _: site.kill(0)),
    Step("Redis: kill -9", Harm.REFUSALS, Site.kill_redis),
    Step("nothing again", Harm.NONE, do_nothing),
)
# What takes a few seconds, and does harm of each kind.
SHORT = tuple(
    step
    for step in SCRIPT
    if "SIGTERM" in step.title or step.title in {"PostgreSQL: stop", "worker: kill -9"}
)
