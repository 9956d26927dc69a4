"""A site with forms: pages by jinja2, messages that are shown once, faults beside their fields.

All that a visitor says is escaped by the templates. Pages of other sites can't sign in a visitor's
name, by `SameOrigin`. After a form that was right the browser is sent to a page (303), so that to
reload does nothing twice. A form that was wrong comes back as it was filled in, but for the
picture; so does one whose text is no number, which is found before the handler runs. A number that
is left empty is its default, and a picture that is too large costs the texts, too. What nobody
has foreseen has a page too, and its traceback is in the log. It needs ``jinja2``, and the extras
``json``, ``sessions`` and ``multipart``.

Without ``SECRET`` each start, and each worker, signs sessions by a secret of its own.

Try: open http://localhost:8342/ in a browser, or
     curl http://localhost:8342/ -F name=Ada -F text=Hello -F stars=5 -F picture=@picture.png
     curl http://localhost:8342/ -F name=Ada -F text=Hello -F stars=many
"""

import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import trio
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import Meta

from hump_trio import (
    BindingError,
    HtmlResponse,
    HttpException,
    Hump,
    RedirectResponse,
    Request,
    Response,
    SameOrigin,
    SecurityHeaders,
    Sessions,
    UploadFile,
    statuses,
)

HERE = Path(__file__).parent
PICTURE_BYTES = 1_000_000
SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}

templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    enable_async=True,
    undefined=StrictUndefined,
)
app = Hump("", 8342)
app.middleware(SecurityHeaders(content_security_policy="default-src 'self'"))
app.middleware(Sessions(secrets=[os.environ.get("SECRET") or secrets.token_urlsafe(32)]))
app.middleware(SameOrigin())
app.static("/static", HERE / "static")


@dataclass(slots=True)
class Draft:
    """What somebody has written into the form."""

    name: str = ""
    text: str = ""
    stars: Annotated[int, Meta(ge=1, le=5)] = 5


@dataclass(slots=True)
class Entry:
    number: int
    name: str
    text: str
    stars: int
    picture: bytes
    picture_type: str


# What a visitor is told where a field doesn't fit its type: the reasons of a `BindingError` are for
# programmers.
MISFITS = {"stars": "Give one to five stars, please, as a number."}

entries: list[Entry] = []


async def render(request: Request, template: str, status: int = 200, **values: Any) -> HtmlResponse:
    """Return a page, with what the visitor is to be told."""
    flashes = request.session.pop("flashes", [])
    text = await templates.get_template(template).render_async(flashes=flashes, **values)
    return HtmlResponse(text, status)


def flash(request: Request, text: str) -> None:
    """Tell the visitor something on the next page."""
    request.session.setdefault("flashes", []).append(text)


def faults_of(draft: Draft, picture: bytes, picture_type: str) -> dict[str, str]:
    """Return what is wrong with a form, by field, in words for the visitor."""
    faults: dict[str, str] = {}
    if not 0 < len(draft.name.strip()) <= 40:
        faults["name"] = "Tell us your name, please, in 40 letters or fewer."
    if not 0 < len(draft.text.strip()) <= 1000:
        faults["text"] = "Say something, please, in 1,000 letters or fewer."
    if picture and not picture_type:
        faults["picture"] = "That is no picture that we can show: PNG or JPEG, please."
    return faults


@app.get("/")
async def index(request: Request) -> HtmlResponse:
    return await render(request, "index.html", entries=entries, draft=Draft(), errors={})


@app.post("/", body_limit=PICTURE_BYTES)
async def sign(request: Request, draft: Draft, picture: UploadFile | None = None) -> Response:
    image = await picture.read() if picture else b""
    kinds = [kind for signature, kind in SIGNATURES.items() if image.startswith(signature)]
    kind = kinds[0] if kinds else ""
    if errors := faults_of(draft, image, kind):
        status, values = statuses.UNPROCESSABLE_ENTITY, {"draft": draft, "errors": errors}
        return await render(request, "index.html", status, entries=entries, **values)
    entries.insert(0, Entry(len(entries), draft.name.strip(), draft.text, draft.stars, image, kind))
    flash(request, f"Thank you, {draft.name.strip()}!")
    return RedirectResponse("/")


@app.get("/pictures/{number:int}")
async def show_picture(number: int) -> Response:
    for entry in entries:
        if entry.number == number and entry.picture:
            return Response(entry.picture, headers={"content-type": entry.picture_type})
    raise HttpException(statuses.NOT_FOUND, "There is no such picture.")


@app.exception_handler(BindingError)
async def show_misfits(request: Request, error: BindingError) -> HtmlResponse:
    """Show the form again, as it was filled in."""
    if not all(place.startswith("form.") for place, _ in error.places):
        raise error
    fields = [place.removeprefix("form.") for place, _ in error.places]
    errors = {field: MISFITS.get(field, "That can't be read.") for field in fields}
    draft = {**asdict(Draft()), **request.form()}
    return await render(
        request, "index.html", error.status, entries=entries, draft=draft, errors=errors
    )


@app.exception_handler(HttpException)
async def show_error(request: Request, error: HttpException) -> HtmlResponse:
    if error.status < 400:
        raise error  # a redirect, which needs no page
    return await render(request, "error.html", error.status, error=error)


@app.exception_handler(Exception)
async def show_crash(request: Request, error: Exception) -> HtmlResponse:
    """Show a page for what nobody has foreseen. A 5xx of this handler is logged as a crash."""
    unforeseen = HttpException(500, "This is our fault, and we have been told.")
    return await render(request, "error.html", 500, error=unforeseen)


if __name__ == "__main__":
    trio.run(app.serve)
