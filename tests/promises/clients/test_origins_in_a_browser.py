"""Sessions and other sites' pages as Chromium knows them: what it keeps, sends and says."""

import json
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha512
from pathlib import Path
from urllib.parse import urlencode

import pytest

from hump_trio import (
    CallNext,
    HtmlResponse,
    Hump,
    RedirectResponse,
    Request,
    Response,
    SameOrigin,
    Sessions,
    WebSocket,
)
from tests.support.browser import Browser, browser
from tests.support.loopback import served

OLD, NEW = "old-" * 8, "new-" * 8
# Fills a cookie nearly to its end.
NOISE = b64encode(b"".join(sha512(bytes([each])).digest() for each in range(60))).decode()[:3860]
# Takes one step after the other, each of which is a kind of request and a URL.
PAGE = """<!doctype html><title>steps</title><body><script>
const loaded = (frame, times = 1) => new Promise(done => {
    frame.onload = () => --times || done();
});
const framed = options => {
    const frame = Object.assign(document.createElement("iframe"), options);
    return document.body.appendChild(frame);
};
const kinds = {
    fetch: url => fetch(url, {method: "POST", mode: "no-cors", credentials: "include"}),
    put: url => fetch(url, {method: "PUT", credentials: "include"}),
    form: async url => {
        const frame = framed({name: url}), form = document.createElement("form");
        document.body.append(form);
        Object.assign(form, {method: "post", action: url, target: url});
        const answered = loaded(frame);
        form.submit();
        await answered;
    },
    sandbox: async url => {
        const frame = framed({sandbox: "allow-scripts allow-forms"});
        const answered = loaded(frame, 2);
        frame.srcdoc = `<form method=post action="${url}"></form><script>
            onload = () => setTimeout(() => document.forms[0].submit())<\\/script>`;
        await answered;
    },
    frame: async url => {
        const frame = framed(), answered = loaded(frame);
        frame.src = url;
        await answered;
    },
    websocket: url => new Promise(done => {
        const socket = new WebSocket(url.replace("http", "ws"));
        socket.onclose = socket.onerror = done;
    }),
};
(async () => {
    for (const [kind, url] of JSON.parse(new URLSearchParams(location.search).get("steps")))
        await kinds[kind](url).catch(() => 0);
    document.title = "done";
})();
</script>"""


async def take(chromium: Browser, page: str, steps: Sequence[tuple[str, str]]) -> None:
    """Have a page take steps.

    Args:
        chromium: The browser.
        page: The URL of the page's app.
        steps: Kinds of requests, and their URLs.
    """
    query = urlencode({"steps": json.dumps(steps)})
    await chromium.read_page(f"{page}/steps?{query}", "document.title === 'done'")


def with_steps(app: Hump) -> Hump:
    """Return an app that has the page, and leads on to anywhere."""

    @app.get("/steps")
    async def steps() -> HtmlResponse:
        return HtmlResponse(PAGE)

    @app.post("/bounce")
    async def bounce(to: str) -> RedirectResponse:
        return RedirectResponse(to, 307)

    return app


class Shop:
    """A shop where one can pay.

    Attributes:
        noted: By the name of each payment's step: the ``Sec-Fetch-Site`` and ``Origin`` that came
            with it, whether the session did, and the status.
    """

    def __init__(self) -> None:
        self.noted: dict[str, tuple[str | None, list[str], bool, int]] = {}
        self.app = with_steps(Hump("127.0.0.1", 0))
        self.app.middleware(self.note)
        self.app.middleware(SameOrigin())
        self.app.middleware(Sessions(secrets=[NEW]))
        self.app.post("/login")(self.log_in)
        self.app.route("/pay", methods=["GET", "POST", "PUT"])(self.pay)
        self.app.websocket("/pay", origins=["*"])(self.talk)

    async def note(self, request: Request, call_next: CallNext) -> Response:
        """Note what the browser says, and what becomes of it."""
        response = await call_next(request)
        if request.path == "/pay":
            said = request.headers.get("sec-fetch-site"), request.headers.get_all("origin")
            known = "session" in request.cookies
            self.noted[request.query["step"]] = (*said, known, response.status)
        return response

    def heard(self) -> dict[str, tuple[str | None, list[str], bool, int]]:
        """Return what was noted, and forget it."""
        noted, self.noted = self.noted, {}
        return noted

    async def log_in(self, request: Request) -> str:
        """Give the visitor a session."""
        request.session["user"] = "ada"
        request.session.renew()
        return "in"

    async def pay(self, request: Request) -> str:
        """Be what others would like to have done."""
        return str(request.session.get("user"))

    async def talk(self, ws: WebSocket) -> None:
        """Be open to all, but for the middleware."""
        await ws.close()


# What is asked of each page: kinds of requests, by which the steps are named, too.
KINDS = ("form", "fetch", "put", "sandbox", "websocket", "frame")


@pytest.mark.program("chromium")
async def test_other_sites_in_chromium(tmp_path: Path) -> None:
    """A form, a script, a WebSocket or a redirect of another origin changes nothing; own ones do.

    Pages of another port have the visitor's cookies, whatever ``SameSite`` says.
    """
    shop, evil = Shop(), with_steps(Hump("127.0.0.1", 0))
    names = "--host-resolver-rules=MAP *.example 127.0.0.1"
    async with (
        browser(tmp_path / "profile", names) as chromium,
        served(shop.app) as url,
        served(evil) as other,
    ):
        there_and_back = [
            ("form", f"{page}/bounce?" + urlencode({"to": f"{url}/pay?step={name}"}))
            for page, name in ((url, "bounced"), (other, "bounced-elsewhere"))
        ]
        steps = [(kind, f"{url}/pay?step={kind}") for kind in KINDS] + there_and_back
        await take(chromium, url, [("fetch", f"{url}/login"), *steps])
        local, far = [url], other.replace("127.0.0.1", "localhost")
        assert shop.heard() == {
            **dict.fromkeys(("form", "fetch", "put"), ("same-origin", local, True, 200)),
            "sandbox": ("cross-site", ["null"], False, 403),
            "websocket": (None, local, True, 101),
            "frame": ("same-origin", [], True, 200),
            "bounced": ("same-origin", local, True, 200),
            "bounced-elsewhere": ("same-site", ["null"], True, 403),
        }
        for page, site, known in ((other, "same-site", True), (far, "cross-site", False)):
            await take(chromium, page, steps)
            assert shop.heard() == {
                **dict.fromkeys(("form", "fetch"), (site, [page], known, 403)),
                "put": (site, [page], False, 204),  # a preflight, which leads to nothing
                "sandbox": ("cross-site", ["null"], False, 403),
                "websocket": (None, [page], known, 403),
                "frame": (site, [], known, 200),
                "bounced-elsewhere": (site, ["null"], known, 403),
            }
        # Names that aren't local: a browser says no more than the origin.
        url, other = (each.replace("127.0.0.1", "a.example") for each in (url, other))
        steps = [(kind, f"{url}/pay?step={kind}") for kind in ("form", "sandbox", "websocket")]
        for page, form, websocket in ((url, 200, 101), (other, 403, 403)):
            await take(chromium, page, [("fetch", f"{page}/login"), *steps])
            assert shop.heard() == {
                "form": (None, [page], True, form),
                "sandbox": (None, ["null"], False, 403),
                "websocket": (None, [page], True, websocket),
            }


def with_sessions(*secrets: str) -> Hump:
    """Return an app whose pages tell of the session, and change it."""
    app = with_steps(Hump("127.0.0.1", 0))
    app.middleware(Sessions(secrets=secrets))

    @app.post("/set")
    async def change(request: Request, name: str, text: str = "") -> str:
        request.session[name] = text or NOISE
        request.session.renew()
        return "set"

    @app.get("/")
    async def show(request: Request) -> HtmlResponse:
        shown = {name: value[:8] for name, value in request.session.items()}
        script = "<script>document.title = `cookies: ${document.cookie}`</script>"
        size = len(request.headers.get("cookie", ""))
        return HtmlResponse(f"<p>{json.dumps(shown)}</p><b>{size}</b>{script}")

    return app


async def show(chromium: Browser, page: str) -> tuple[dict[str, str], int]:
    """Return what an app knows of the browser's session, and the bytes of its cookie."""
    document = await chromium.read_page(f"{page}/", "document.title.startsWith('cookies:')")
    assert "<title>cookies: </title>" in document, "scripts can read the session"
    shown: dict[str, str] = json.loads(document.partition("<p>")[2].partition("</p>")[0])
    return shown, int(document.partition("<b>")[2].partition("</b>")[0])


@pytest.mark.program("chromium")
async def test_sessions_in_chromium(tmp_path: Path) -> None:
    """A log-in is kept, also while secrets change, and so is a cookie of nearly 4,093 bytes."""
    async with (
        browser(tmp_path / "profile") as chromium,
        served(with_sessions(OLD)) as before,
        served(with_sessions(NEW, OLD)) as meanwhile,
        served(with_sessions(NEW)) as after,
    ):
        await take(chromium, before, [("form", f"{before}/set?name=user&text=ada")])
        assert [(await show(chromium, each))[0] for each in (before, meanwhile, after)] == [
            {"user": "ada"},
            {"user": "ada"},
            {},
        ]
        await take(chromium, meanwhile, [("form", f"{meanwhile}/set?name=noise")])
        shown, size = await show(chromium, after)
        assert (shown, await show(chromium, before)) == (
            {"user": "ada", "noise": NOISE[:8]},
            ({}, size),
        )
        assert 4000 < size <= 4093
