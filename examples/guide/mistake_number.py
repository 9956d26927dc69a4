"""A mistake of the guide's first chapter: an answer of which nothing can be made.

Try: curl http://localhost:8342/price
"""

from typing import Any

import trio

from hump_trio import Hump

app = Hump("", 8342)


@app.get("/price")
async def price() -> Any:
    return 4.5


if __name__ == "__main__":
    trio.run(app.serve)
