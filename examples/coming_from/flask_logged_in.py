"""Who has logged in at Flask is known to a route that has moved, and our session to Flask's views.

Both have a session in a signed cookie, and each cookie needs a name of its own: with one name for
both, either side would overwrite what the other has written. It needs the extra ``sessions``.

Try: curl -i http://localhost:8342/basket                     # 303, to Flask's login
     curl -c jar http://localhost:8342/login -d name=Ada      # answered by Flask
     curl -b jar -c jar http://localhost:8342/basket -d tea=Assam
     curl -b jar http://localhost:8342/checkout               # answered by Flask
"""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

import flask
import trio
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature
from werkzeug import Response as BaseResponse

from hump_trio import HttpException, Hump, Request, SameOrigin, Sessions
from hump_trio.wsgi import Wsgi

SECRET = os.environ.get("SECRET") or secrets.token_urlsafe(32)

shop = flask.Flask("shop")
shop.secret_key = SECRET
signer = SecureCookieSessionInterface().get_signing_serializer(shop)


@shop.get("/login")
def ask_who() -> str:
    return "send your name\n"


@shop.post("/login")
def log_in() -> BaseResponse:
    flask.session["user"] = flask.request.form["name"]
    target = flask.request.args.get("next", "")
    # "//evil.example" and "/\\evil.example" would lead to another site.
    here = target.startswith("/") and target[1:2] not in ("/", "\\")
    return flask.redirect(target if here else "/basket")


@shop.get("/checkout")
def check_out() -> str:
    if "user" not in flask.session:
        flask.abort(flask.redirect("/login?next=%2Fcheckout"))
    ours: Request = flask.request.environ["hump_trio.request"]
    return f"{flask.session['user']} takes {', '.join(ours.session.get('basket', []))}\n"


@dataclass(frozen=True, slots=True)
class User:
    """Who has logged in at Flask."""

    name: str


app = Hump("", 8342)
app.middleware(Sessions(secrets=[SECRET], cookie="hump_session"))
app.middleware(SameOrigin())


@app.provide
async def user(request: Request) -> User:
    seconds = int(shop.permanent_session_lifetime.total_seconds())
    session: dict[str, str] = {}
    assert signer is not None  # the app has a secret
    with suppress(BadSignature):  # no cookie, or one that is too old or not Flask's
        session = signer.loads(request.cookies.get("session", ""), max_age=seconds)
    if "user" not in session:
        back = request.url if request.method in ("GET", "HEAD") else "/basket"
        location = f"/login?next={quote(back, safe='')}"
        raise HttpException(303, headers={"location": location})
    return User(session["user"])


@app.get("/basket")
async def show_basket(request: Request, user: User) -> str:
    return f"{user.name} has {', '.join(request.session.get('basket', [])) or 'nothing'}\n"


@app.post("/basket")
async def add_tea(request: Request, user: User) -> str:
    request.session.setdefault("basket", []).append(request.form()["tea"])
    return f"one more for {user.name}\n"


app.mount("", Wsgi(shop, threads=20))

if __name__ == "__main__":
    trio.run(app.serve)
