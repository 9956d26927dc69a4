"""A mistake of the guide's second chapter: a body whose class says nothing of its fields.

Try: curl http://localhost:8342/orders --json '{"tea": "sencha"}'
"""

import trio

from hump_trio import Hump


class Draft:
    def __init__(self, tea: str, cups: int = 1) -> None:
        self.tea = tea
        self.cups = cups


app = Hump("", 8342)


@app.post("/orders")
async def take_order(draft: Draft) -> str:
    return f"{draft.cups} cups of {draft.tea}\n"


if __name__ == "__main__":
    trio.run(app.serve)
