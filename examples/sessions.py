"""A site with a log-in: sessions in signed cookies, and no other site's forms.

`SECRET` in the environment signs the cookies: without it each start, and each worker, has a
secret of its own, and logs everybody out. Take a store (`Sessions(store=...)`) where a log-out
has to end copies of the cookie, too.

Try: open http://localhost:8342/ in a browser; or
     curl -c jar http://localhost:8342/login -d name=Ada -d password=tea
     curl -b jar -c jar http://localhost:8342/notes -d note=Milk
     curl -b jar http://localhost:8342/
     curl -i -b jar http://localhost:8342/notes -d note=Spam -H 'Origin: https://evil.example'
"""

import os
import secrets
from html import escape

import trio

from hump_trio import (
    HtmlResponse,
    HttpException,
    Hump,
    RedirectResponse,
    Request,
    SameOrigin,
    Sessions,
)

app = Hump("", 8342)
app.middleware(Sessions(secrets=[os.environ.get("SECRET") or secrets.token_urlsafe(32)]))
app.middleware(SameOrigin())

LOG_IN = """<form method="post" action="/login">
<input name="name" placeholder="Name"> <input name="password" type="password">
<button>Log in</button></form>"""
NOTE = """<form method="post" action="/notes"><input name="note"><button>Add</button></form>
<form method="post" action="/logout"><button>Log out</button></form>"""


@app.get("/")
async def index(request: Request) -> HtmlResponse:
    user = request.session.get("user")
    if user is None:
        return HtmlResponse(f"<!doctype html><title>Notes</title>{LOG_IN}")
    notes = "".join(f"<li>{escape(note)}</li>" for note in request.session["notes"])
    page = f"<!doctype html><title>Notes</title><h1>{escape(user)}</h1><ul>{notes}</ul>{NOTE}"
    return HtmlResponse(page)


@app.post("/login")
async def log_in(request: Request) -> RedirectResponse:
    form = request.form()
    if form["password"] != "tea":  # look it up, hashed, in a database
        raise HttpException(403, "wrong name or password")
    request.session.update(user=form["name"], notes=[])
    request.session.renew()
    return RedirectResponse("/")


@app.post("/notes")
async def add_note(request: Request) -> RedirectResponse:
    if "user" not in request.session:
        raise HttpException(401, "log in first")
    request.session["notes"].append(request.form()["note"])
    return RedirectResponse("/")


@app.post("/logout")
async def log_out(request: Request) -> RedirectResponse:
    request.session.clear()
    return RedirectResponse("/")


if __name__ == "__main__":
    trio.run(app.serve)
