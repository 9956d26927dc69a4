"""The guide's third program: the tea shop in several modules, which this one puts together.

Try: SHOP_CUPS=3 hump-trio examples.guide.errors_and_structure.app:app
     curl http://localhost:8342/orders --json '{"tea": "sencha", "cups": 2}'
"""

import logging
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import trio

from hump_trio import Hump, Request, Response, statuses

from . import menu, orders
from .settings import Settings
from .shop import Shop, SoldOutError, UnknownTeaError

logger = logging.getLogger("shop")


@dataclass(frozen=True, slots=True)
class State:
    """What lives as long as the server."""

    shop: Shop


async def answer_unknown(request: Request, error: UnknownTeaError) -> Response:
    return Response(str(error), statuses.NOT_FOUND)


async def answer_sold_out(request: Request, error: SoldOutError) -> Response:
    return Response(str(error), statuses.CONFLICT)


def make_app(settings: Settings) -> Hump[State]:
    """Return the service as some settings say it, such as those of a test."""
    app = Hump[State]("", 8342)
    app.openapi(title=settings.name, version="1.0")
    app.exception_handler(UnknownTeaError)(answer_unknown)
    app.exception_handler(SoldOutError)(answer_sold_out)

    @app.lifespan
    async def lifespan(app: Hump[State]) -> AsyncIterator[State]:
        shop = Shop(settings.cups)
        logger.info("%s opens", settings.name)
        yield State(shop)
        logger.info("%s closes: orders taken: %d", settings.name, len(shop.orders))

    @app.provide
    async def shop() -> Shop:
        return app.state.shop

    app.include(menu.router)
    app.include(orders.router)
    return app


app = make_app(Settings.read(os.environ))

if __name__ == "__main__":
    trio.run(app.serve)
