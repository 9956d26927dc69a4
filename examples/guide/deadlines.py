"""The guide's fourth program: the shop has a kitchen now, which takes time.

Try: hump-trio examples.guide.deadlines:app
     curl 'http://localhost:8342/kitchen/pots/sencha?seconds=60'
     curl --max-time 1 'http://localhost:8342/kitchen/feasts/sencha?seconds=60'
     curl http://localhost:8342/kitchen/prices/sencha
"""

import logging
import os
import time

import trio

from hump_trio import Router, timeout

from .errors_and_structure.app import make_app
from .errors_and_structure.settings import Settings
from .errors_and_structure.shop import Shop, UnknownTeaError

logger = logging.getLogger("kitchen")
kitchen = Router("/kitchen", tags=["kitchen"])


async def work(task: str, seconds: float) -> None:
    """Do a part of the kitchen's work, and log what becomes of it."""
    logger.info("%s ...", task)
    try:
        await trio.sleep(seconds)
    except trio.Cancelled:
        logger.info("%s: given up", task)
        raise
    logger.info("%s: done", task)


@kitchen.get("/pots/{tea}", timeout=1)
async def brew_pot(tea: str, seconds: float = 0.1) -> str:
    """Brew a pot within a second, or not at all."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, "boil water", seconds)
        nursery.start_soon(work, "warm the pot", 0.1)
    return f"a pot of {tea}\n"


@kitchen.get("/feasts/{tea}")
async def prepare_feast(shop: Shop, tea: str, seconds: float = 0.1) -> str:
    """Bake scones, which takes as long as it takes."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, "bake scones", seconds)
        await work("look for the tea", 0.1)
        if tea not in shop.menu:
            raise UnknownTeaError(tea)
    return f"scones and {tea}\n"


@timeout(0.5)
async def ask_supplier(tea: str) -> float:
    """Ask what a tea costs, for half a second at most."""
    await work(f"ask for the price of {tea}", 60)
    return 0.4


@kitchen.get("/prices/{tea}", timeout=1)
async def show_price(tea: str) -> dict[str, float]:
    """Ask the supplier."""
    return {tea: await ask_supplier(tea)}


@kitchen.post("/cleaning", timeout=0.5)
async def clean() -> str:
    """Clean the kitchen, and leave no tap open."""
    try:
        await work("wash up", 60)
    finally:
        with trio.move_on_after(2, shield=True):
            await work("close the tap", 0.1)
    return "all is clean\n"


def grind(seconds: float) -> str:
    """Grind tea: a plain function, which blocks its thread."""
    time.sleep(seconds)
    return "matcha\n"


@kitchen.get("/matcha", timeout=0.5)
async def make_matcha() -> str:
    """Grind tea in a thread."""
    return await trio.to_thread.run_sync(grind, 1)


@kitchen.get("/matcha/in-time", timeout=0.5)
async def make_matcha_in_time() -> str:
    """Grind tea in a thread, and don't wait for it for ever."""
    return await trio.to_thread.run_sync(grind, 1, abandon_on_cancel=True)


app = make_app(Settings.read(os.environ))
app.include(kitchen)

if __name__ == "__main__":
    trio.run(app.serve)
