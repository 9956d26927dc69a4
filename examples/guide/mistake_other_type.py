"""A mistake of the guide's second chapter: a handler returns something else than it says.

Try: curl http://localhost:8342/menu/sencha
"""

from dataclasses import dataclass
from typing import Any

import trio

from hump_trio import Hump


@dataclass
class Tea:
    name: str
    price: float


menu: dict[str, Any] = {"sencha": {"name": "Sencha", "price": 4.5, "bought_at": 0.4}}

app = Hump("", 8342)


@app.get("/menu/{name}")
async def show_tea(name: str) -> Tea:
    tea: Tea = menu[name]
    return tea


if __name__ == "__main__":
    trio.run(app.serve)
