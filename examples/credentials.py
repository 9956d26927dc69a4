"""Who may call a handler: a user with a token, and an administrator with a password.

Try: curl -H 'Authorization: Bearer a-token-of-olivia' http://localhost:8342/me
     curl http://localhost:8342/menu
     curl -X PUT -u 'admin:earl grey' 'http://localhost:8342/price?pence=250'
"""

import os
from typing import Annotated

import trio

from hump_trio import Basic, Bearer, Credentials, HttpException, Hump, same_secret

app = Hump("", 8342)
app.openapi(title="Tea shop", version="1")

USERS = {"olivia": os.environ.get("OLIVIA_TOKEN", "a-token-of-olivia")}
PASSWORD = os.environ.get("ADMIN_PASSWORD", "earl grey")


def user_of(token: str) -> str:
    """Return whose token it is; every one is looked at, so that the time says nothing."""
    found = [name for name, known in USERS.items() if same_secret(token, known)]
    if not found:
        raise HttpException(401, "nobody has this token")
    return found[0]


@app.get("/me", raises=[401])
async def me(token: Annotated[str, Bearer()]) -> str:
    """Say who calls."""
    return user_of(token)


@app.get("/menu")
async def menu(token: Annotated[str | None, Bearer()] = None) -> list[str]:
    """List what there is; who says who it is gets more."""
    return ["tea"] if token is None else ["tea", f"the usual for {user_of(token)}"]


@app.put("/price", raises=[401])
async def set_price(pence: int, admin: Annotated[Credentials, Basic(realm="prices")]) -> str:
    """Set the price of a cup."""
    if not (same_secret(admin.user, "admin") & same_secret(admin.password, PASSWORD)):
        raise HttpException(401, "no administrator")
    return f"a cup is {pence} pence"


if __name__ == "__main__":
    trio.run(app.serve)
