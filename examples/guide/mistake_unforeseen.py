"""A mistake of the guide's third chapter: an error that nobody has thought of.

Try: curl http://localhost:8342/shares/0
"""

import trio

from hump_trio import Hump

app = Hump("", 8342)


@app.get("/shares/{guests}")
async def share_pot(guests: int) -> dict[str, float]:
    return {"cups": 12 / guests}


if __name__ == "__main__":
    trio.run(app.serve)
