"""`Sessions`: what is kept of a visitor, when it is written, and what wins."""

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from hashlib import sha512
from itertools import count
from typing import Any

import pytest
import trio
from itsdangerous import URLSafeSerializer
from trio.testing import MockClock

from hump_trio import (
    EventStream,
    HttpException,
    Hump,
    MemorySessions,
    Request,
    Response,
    Router,
    SameOrigin,
    Send,
    Session,
    Sessions,
    StreamResponse,
    WebSocket,
)
from hump_trio.asgi import Asgi
from hump_trio.testing import client, websocket
from tests.middleware.onion import a_request, check_cancelled_handler
from tests.middleware.visitor import (
    NEW,
    OLD,
    SITE,
    WaitingStore,
    Wall,
    an_app,
    attributes_of,
    cookie_of,
    set_cookies,
    shown,
    wall,
)

__all__ = ["wall"]  # a fixture

each_kind = pytest.mark.parametrize("make_store", [lambda: None, MemorySessions, WaitingStore])
WEEKS = 14 * 86400


@each_kind
async def test_a_visitor_is_known_again(make_store: Any) -> None:
    """From request to request, until a log-out."""
    app = an_app(store=make_store())
    async with client(app, base_url=SITE) as http:
        assert (await http.get("/")).json() == {}
        await http.post("/set", json={"tea": "green", "cups": [1, {"é": "\U0001f375"}]})
        await http.post("/set", json={"more": None})
        held = {"tea": "green", "cups": [1, {"é": "\U0001f375"}], "more": None}
        assert (await http.get("/")).json() == held
        cookie = f"session={http.cookies['session']}"
        out = await http.post("/logout")
        assert (await http.get("/")).json() == {}
        assert "session" not in http.cookies
    [ended] = set_cookies(out)
    assert ended.replace("Secure; ", "") == "session=; Max-Age=0; Path=/; SameSite=Lax; HttpOnly"
    # Without a store a copy of the cookie is the session.
    assert await shown(app, cookie) == (held if make_store() is None else {})


@each_kind
async def test_only_a_change_is_written(make_store: Any) -> None:
    """Also one within what the session holds; looking is none, nor is setting the same."""
    app = an_app(store=make_store())

    @app.post("/nested")
    async def nest(request: Request) -> str:
        request.session["cart"]["tea"].append(1)
        return "nested"

    async with client(app, base_url=SITE) as http:
        empty = await http.post("/set", json={})
        first = await http.post("/set", json={"cart": {"tea": []}})
        same = await http.post("/set", json={"cart": {"tea": []}})
        looked, blind = await http.get("/"), await http.get("/blind")
        nested = await http.post("/nested")
        assert (await http.get("/")).json() == {"cart": {"tea": [1]}}
    assert [bool(set_cookies(each)) for each in (empty, first, same, looked, blind, nested)] == [
        *(False, True, False, False, False),
        make_store() is None,  # else an id is in the cookie, which stays
    ]
    assert [each.headers.get("vary") for each in (empty, looked, blind)] == [
        *("Cookie", "Cookie"),
        None,
    ]
    assert [each.headers.get("cache-control") for each in (first, looked)] == ["private", None]


async def test_an_answer_that_says_who_may_keep_it_is_left_alone() -> None:
    """And caches hear of the cookie beside what else the answer depends on."""
    app = an_app()

    @app.get("/own")
    async def own(request: Request) -> Response:
        request.session["a"] = 1
        return Response("own", headers={"cache-control": "no-store", "vary": "Accept"})

    async with client(app, base_url=SITE) as http:
        answer = await http.get("/own")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Accept, Cookie"


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("public, max-age=60", "max-age=60, private"),
        ("max-age=60, S-MAXAGE=9", "max-age=60, private"),
        ("no-cache", "no-cache, private"),
        ("Private, max-age=60", "Private, max-age=60"),
        ("no-store", "no-store"),
        ("", "private"),
    ],
)
async def test_no_cache_for_many_keeps_the_cookie_of_one(said: str, sent: str, wall: Wall) -> None:
    """Whatever a handler has said that knows of no session, such as that of a static file."""
    app = an_app(idle=100)

    @app.get("/static")
    async def static() -> Response:
        return Response("body {}", headers={"cache-control": said})

    async with client(app, base_url=SITE) as http:
        await http.post("/set", json={"a": 1})
        untouched = await http.get("/static")
        wall.now += 50
        prolonged = await http.get("/static")
    assert (set_cookies(untouched), untouched.headers["cache-control"]) == ([], said)
    assert (len(set_cookies(prolonged)), prolonged.headers["cache-control"]) == (1, sent)


@pytest.mark.parametrize(
    ("scheme", "options", "expected"),
    [
        ("http", {}, {"max-age": str(WEEKS), "samesite": "Lax"}),
        ("https", {}, {"max-age": str(WEEKS), "samesite": "Lax", "secure": True}),
        ("http", {"same_site": "strict", "max_age": 60}, {"max-age": "60", "samesite": "Strict"}),
        ("http", {"same_site": "none"}, {"samesite": "None", "secure": True}),
        ("http", {"cookie": "__Host-shop"}, {"secure": True, "path": "/"}),
        ("https", {"domain": "shop.example"}, {"domain": "shop.example"}),
        ("https", {"idle": timedelta(minutes=30)}, {"max-age": "1800"}),
    ],
)
async def test_attributes_of_the_cookie(
    scheme: str, options: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Scripts can't read it, and over HTTPS no plain request has it."""
    middleware = Sessions(secrets=[NEW], **options)

    async def handler(request: Request) -> Response:
        request.session["a"] = 1
        return Response("set")

    response = await middleware(a_request(scheme=scheme), handler)
    [text] = response.headers.get_all("set-cookie")
    found = {
        name.lower(): value or True
        for name, _, value in (each.partition("=") for each in text.split("; ")[1:])
    }
    assert expected.items() <= found.items()
    assert found["httponly"] is True
    assert ("secure" in found) == ("secure" in expected or scheme == "https")


@each_kind
async def test_renewed_at_login(make_store: Any) -> None:
    """Who has planted the old cookie, or has seen it, isn't logged in (session fixation)."""
    app = an_app(store=make_store())
    async with client(app, base_url=SITE) as http:
        planted = cookie_of(await http.post("/set", json={"cart": 1}))
        renewed = cookie_of(await http.post("/login", content=b"ada"))
    assert await shown(app, renewed) == {"cart": 1, "user": "ada"}
    assert await shown(app, planted) == ({"cart": 1} if make_store() is None else {})
    assert planted != renewed


@each_kind
async def test_what_is_set_behind_a_clear_is_a_new_session(make_store: Any, wall: Wall) -> None:
    """With another id and its full time: who has planted the old cookie isn't logged in, too."""
    app = an_app(store=make_store(), max_age=100)

    @app.post("/switch")
    async def switch(request: Request) -> None:
        request.session.clear()
        request.session["user"] = "ada"

    async with client(app, base_url=SITE) as http:
        planted = cookie_of(await http.post("/set", json={"user": "eve"}))
        wall.now += 60
        switched = await http.post("/switch")
        assert attributes_of(switched)["max-age"] == "100"
    assert await shown(app, cookie_of(switched)) == {"user": "ada"}
    assert await shown(app, planted) == ({"user": "eve"} if make_store() is None else {})


@each_kind
async def test_nothing_is_kept_of_an_empty_session(make_store: Any) -> None:
    """Although it was renewed, or something was in it for a while."""
    store = make_store()
    sessions = Sessions(secrets=[NEW], store=store)
    for act in (Session.renew, lambda session: session.update(a=1) or session.clear()):
        response = await ask(sessions, "", act)
        assert "set-cookie" not in response.headers
    assert not getattr(store, "noted", [])


async def test_a_store_sees_ids_alone_and_forgets_the_old_one() -> None:
    """The new one is there first. Nothing is asked of it for a cookie that isn't ours."""
    store = WaitingStore()
    app = an_app(store=store)
    async with client(app, base_url=SITE) as http:
        await http.get("/", headers={"cookie": "session=forged"})
        assert store.noted == []
        await http.post("/set", json={"a": 1})
        [(_, first)] = store.noted
        await http.post("/set", json={"a": 2})
        await http.post("/login", content=b"ada")
        [*_, (_, second), _] = store.noted
        await http.post("/logout")
        assert (await http.get("/")).json() == {}
    assert len({first, second}) == 2
    assert len(first) == len(second) == 43
    assert store.noted == [
        *(("save new", first), ("load", first), ("save", first), ("load", first)),
        *(("save new", second), ("drop", first), ("load", second), ("drop", second)),
    ]


@pytest.mark.parametrize("idle", [None, 100])
async def test_a_log_in_outlasts_what_was_under_way(
    idle: int | None, autojump_clock: MockClock
) -> None:
    """A request with the id from before it has an answer that leaves the new one in the cookie."""
    app = an_app(store=MemorySessions(), idle=idle)

    @app.post("/slow")
    async def slow(request: Request) -> None:
        request.session["seen"] = 1
        await trio.sleep(1)

    async with client(app, base_url=SITE) as http:
        await http.post("/set", json={"a": 1})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(http.post, "/slow")
            await trio.sleep(0.5)
            await http.post("/login", content=b"ada")
        assert (await http.get("/")).json() == {"a": 1, "user": "ada"}


@each_kind
async def test_a_session_ends(make_store: Any, wall: Wall) -> None:
    """``max_age`` after its beginning, however busy it is; a renewed one begins again."""
    app = an_app(store=make_store(), max_age=100)
    async with client(app, base_url=SITE) as http:
        first = cookie_of(await http.post("/set", json={"a": 1}))
        wall.now += 60
        changed, second = await http.post("/set", json={"a": 2}), first
        if set_cookies(changed):  # not of an id, which stays
            assert attributes_of(changed)["max-age"] == "40"
            second = cookie_of(changed)
        wall.now += 39
        assert await shown(app, second) == {"a": 2}
        renewed = cookie_of(await http.post("/login", content=b"ada"))
        wall.now += 1
        assert [await shown(app, each) for each in (first, second)] == [{}, {}]
        wall.now += 98
        assert await shown(app, renewed) == {"a": 2, "user": "ada"}
        wall.now += 1
        assert await shown(app, renewed) == {}


@each_kind
async def test_an_idle_session_ends_sooner(make_store: Any, wall: Wall) -> None:
    """Each request counts, whether its handler looks or not; but not each one sets the cookie."""
    app = an_app(store=make_store(), max_age=1000, idle=100)
    async with client(app, base_url=SITE) as http:
        answer = await http.post("/set", json={"a": 1})
        assert attributes_of(answer)["max-age"] == "100"
        first = cookie_of(answer)
        wall.now += 9
        assert set_cookies(await http.get("/blind")) == []
        wall.now += 90
        prolonged = await http.get("/blind")
        assert attributes_of(prolonged)["max-age"] == "100"
        wall.now += 1
        assert await shown(app, first) == {}
        wall.now += 98
        assert (await http.get("/")).json() == {"a": 1}
        for _ in range(8):
            wall.now += 99
            answer = await http.get("/blind")
        assert attributes_of(answer)["max-age"] == "10"
        wall.now += 9
        assert await shown(app, cookie_of(answer)) == {"a": 1}
        wall.now += 1
        assert await shown(app, cookie_of(answer)) == {}
        assert set_cookies(await http.get("/blind", headers={"cookie": "a=b"})) == []


async def test_the_clock_may_be_set_back(wall: Wall) -> None:
    """Or differ from that of another worker: a session of the future is one."""
    app = an_app(idle=100)
    async with client(app, base_url=SITE) as http:
        cookie = cookie_of(await http.post("/set", json={"a": 1}))
    wall.now -= 50
    assert await shown(app, cookie) == {"a": 1}


async def test_secrets_are_changed() -> None:
    """The first one signs, and older ones are still read; a cookie of none of them is not."""
    old, both, new = (an_app(secrets=each) for each in ([OLD], [NEW, OLD], [NEW]))
    async with client(old, base_url=SITE) as http:
        before = cookie_of(await http.post("/set", json={"a": 1}))
    async with client(both, base_url=SITE) as http:
        renewed = await http.post("/set", json={"b": 2}, headers={"cookie": before})
    after = cookie_of(renewed)
    assert renewed.json() == {"a": 1, "b": 2}
    assert [await shown(each, before) for each in (old, both, new)] == [{"a": 1}, {"a": 1}, {}]
    held = {"a": 1, "b": 2}
    assert [await shown(each, after) for each in (old, both, new)] == [{}, held, held]


def forge(payload: Any, salt: str = "hump_trio.Sessions:data:session", **options: Any) -> str:
    """Return a cookie that somebody has signed."""
    return f"session={URLSafeSerializer(options.pop('secret', NEW), salt=salt).dumps(payload)}"


async def test_what_is_not_ours_is_an_empty_session(caplog: pytest.LogCaptureFixture) -> None:
    """Forged, cut, of another app, name or kind, huge: one line each, and no byte of it."""
    app, store_app = an_app(), an_app(store=MemorySessions())
    async with client(app, base_url=SITE) as http, client(store_app, base_url=SITE) as stored:
        own = cookie_of(await http.post("/set", json={"user": "ada"}))
        id_of_ours = cookie_of(await stored.post("/set", json={"user": "ada"}))
    payload, _, signature = own.partition("=")[2].rpartition(".")
    other = an_app(cookie="other")
    async with client(other, base_url=SITE) as http:
        named = cookie_of(await http.post("/set", json={"user": "eve"}))
    bad = [
        "session=",
        "session=.",
        "session=x",
        f"session={payload}.",
        f"session={payload}",
        f"session=.{signature}",
        f"session={payload}A.{signature}",
        f"session={payload}.{signature}A",
        f"session={payload[:-1]}.{signature}",
        f"session={payload.swapcase()}.{signature}",
        f"session={'A' * 30000}",
        f"session={'.' * 30000}",
        "session=\xff\xfe",
        "session=\U0001f36a",
        f"session={named.partition('=')[2]}",
        id_of_ours,
        forge([0, 0, {"user": "eve"}]),
        forge({"user": "eve"}, "itsdangerous"),
        forge([1_900_000_000, 1_900_000_000, {"user": "eve"}], secret=OLD),
    ]
    caplog.set_level(logging.INFO, "hump_trio")
    caplog.clear()
    async with client(app, base_url=SITE) as http:
        for each in bad:
            answer = await http.get("/", headers={b"cookie": each.encode()})
            assert (answer.status_code, answer.json(), set_cookies(answer)) == (200, {}, []), each
    lines = [each.getMessage() for each in caplog.records if "signed" in each.getMessage()]
    assert lines == [
        "GET /: none of the secrets has signed the cookie 'session', so the session is empty"
    ] * len(bad)


async def test_of_two_cookies_the_first_counts() -> None:
    """As everywhere; if that isn't ours, the session is empty, and no other is tried."""
    app = an_app()
    async with client(app, base_url=SITE) as http:
        ada = cookie_of(await http.post("/set", json={"user": "ada"}))
    async with client(app, base_url=SITE) as http:
        eve = cookie_of(await http.post("/set", json={"user": "eve"}))
    assert await shown(app, f"{ada}; {eve}") == {"user": "ada"}
    assert await shown(app, f"session=x; {ada}") == {}
    assert await shown(app, f"other=x; {ada}; session=y") == {"user": "ada"}


async def test_a_cookie_that_browsers_would_drop(caplog: pytest.LogCaptureFixture) -> None:
    """It is an error where the answer is made, with its size; a store takes more."""
    noise = sha512(b"noise").hexdigest()
    data = {"a": "".join(sha512(f"{noise}{each}".encode()).hexdigest() for each in range(60))}
    async with client(an_app(), base_url=SITE) as http:
        refused = await http.post("/set", json=data)
        assert (await http.get("/")).json() == {}
    assert (refused.status_code, set_cookies(refused)) == (500, [])
    assert re.search(r"a cookie of \d,\d{3} bytes, and browsers keep 4,093", caplog.text)
    async with client(an_app(store=MemorySessions()), base_url=SITE) as http:
        await http.post("/set", json=data)
        assert (await http.get("/")).json() == data


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1, 2}, "a session holds what has a JSON form: Object of type set"),
        (float("nan"), "a session holds what has a JSON form: Out of range float"),
        ((1, 2), "JSON brings the session back otherwise"),
        ({7: "cups"}, "keys of a session are text, and its lists are no tuples"),
        ({"deep": [{"": (1,)}]}, "JSON brings the session back otherwise"),
        (b"bytes", "Object of type bytes"),
    ],
)
@each_kind
async def test_what_json_does_not_bring_back(
    make_store: Any, value: Any, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is an error where it is written, instead of another value in the next request."""
    app = an_app(store=make_store())

    @app.post("/odd")
    async def hold(request: Request) -> str:
        request.session["a"] = value
        return "held"

    async with client(app, base_url=SITE) as http:
        answer = await http.post("/odd")
    assert (answer.status_code, set_cookies(answer)) == (500, [])
    assert message in caplog.text


@each_kind
async def test_what_a_handler_raises(make_store: Any, caplog: pytest.LogCaptureFixture) -> None:
    """An error that is an answer keeps what was changed; one that nobody foresaw doesn't."""
    app = an_app(store=make_store())

    @app.post("/refuse")
    async def refuse(request: Request) -> None:
        request.session["tries"] = 1
        raise HttpException(403)

    @app.post("/crash")
    async def crash(request: Request) -> None:
        request.session["tries"] = 2
        raise LookupError

    async with client(app, base_url=SITE) as http:
        refused, crashed = await http.post("/refuse"), await http.post("/crash")
        assert (refused.status_code, crashed.status_code) == (403, 500)
        assert (await http.get("/")).json() == {"tries": 1}


@each_kind
async def test_a_late_handler_writes_nothing(make_store: Any, autojump_clock: MockClock) -> None:
    """It was cut in the middle of what it did."""
    app = an_app(store=make_store())

    @app.post("/late", timeout=1)
    async def change_late(request: Request) -> str:
        request.session["half"] = True
        await trio.sleep(2)
        return "never"

    async with client(app, base_url=SITE) as http:
        late = await http.post("/late")
        assert (late.status_code, set_cookies(late)) == (503, [])
        assert (await http.get("/")).json() == {}


async def test_a_store_that_fails_is_an_error_of_the_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No handler runs without its session, and no cookie is set for what wasn't kept."""
    store, app = WaitingStore(), Hump()
    app = an_app(store=store)
    async with client(app, base_url=SITE) as http:
        kept = cookie_of(await http.post("/set", json={"a": 1}))

        async def fail(*args: Any, **options: Any) -> Any:
            raise OSError("the store is down")

        store.inner.load = store.inner.save = fail  # type: ignore[method-assign]
        read = await http.get("/blind")
        http.cookies.clear()
        written = await http.post("/set", json={"a": 2})
        blind = await http.get("/blind")
    assert kept
    assert (read.status_code, written.status_code, blind.status_code) == (500, 500, 200)
    assert set_cookies(written) == []


@each_kind
async def test_streams_set_the_cookie_before_their_first_byte(make_store: Any) -> None:
    """Of each kind; what runs while the body is sent can read the session, and not change it."""
    app, raised = an_app(store=make_store()), list[str]()

    def change(request: Request) -> str:
        seen = str(request.session.get("stream"))
        for act in (
            partial(request.session.__setitem__, "late", 1),
            partial(request.session.update, late=1),
            request.session.renew,
        ):
            with pytest.raises(RuntimeError, match="was written when its handler returned"):
                act()
            raised.append(seen)
        return seen

    async def parts(request: Request) -> AsyncIterator[str]:
        yield "part "
        yield change(request)

    @app.get("/text")
    async def text(request: Request) -> Response:
        request.session["stream"] = "text"
        return Response(parts(request))

    @app.get("/events")
    async def events(request: Request) -> EventStream:
        request.session["stream"] = "events"
        return EventStream(parts(request))

    @app.get("/produced")
    async def produced(request: Request) -> StreamResponse:
        async def produce(send: Send) -> None:
            await send("part ")
            await send(change(request))

        request.session["stream"] = "produced"
        return StreamResponse(produce)

    @app.get("/yield")
    async def yielded(request: Request) -> AsyncIterator[str]:
        yield change(request)

    async with client(app, base_url=SITE) as http:
        for name in ("text", "events", "produced", "yield"):
            async with http.stream("GET", f"/{name}") as answer:
                is_set = name == "text" or (name != "yield" and make_store() is None)
                assert len(set_cookies(answer)) == is_set
                body = (await answer.aread()).decode()
            assert ("produced" if name == "yield" else name) in body
        assert (await http.get("/")).json() == {"stream": "produced"}
    assert len(raised) == 12


@each_kind
async def test_websockets_read_their_session(make_store: Any) -> None:
    """And can't change it, since their handshake has been answered."""
    app = an_app(store=make_store())

    @app.websocket("/ws")
    async def talk(ws: WebSocket) -> None:
        await ws.send(ws.request.session.get("user", "nobody"))
        with pytest.raises(RuntimeError, match="a WebSocket can't change its session"):
            ws.request.session["user"] = "eve"
        await ws.send("done")

    async with client(app, base_url=SITE) as http:
        cookie = cookie_of(await http.post("/set", json={"user": "ada"}))
    for headers, user in (({"cookie": cookie}, "ada"), ({}, "nobody")):
        async with websocket(app, "/ws", headers=headers) as ws:
            assert [await ws.receive(), await ws.receive()] == [user, "done"]
    assert await shown(app, cookie) == {"user": "ada"}


async def test_pages_of_errors_know_the_visitor() -> None:
    """Exception handlers have the session, also where no route was found."""
    app = an_app()

    @app.exception_handler(HttpException)
    async def explain(request: Request, error: HttpException) -> str:
        request.session["lost"] = request.path
        return f"{request.session.get('user')}: {error.status}"

    async with client(app, base_url=SITE) as http:
        await http.post("/login", content=b"ada")
        answer = await http.get("/nowhere")
        assert (answer.text, (await http.get("/")).json()["lost"]) == ("ada: 404", "/nowhere")


async def test_mounted_apps_keep_a_session_alive(wall: Wall) -> None:
    """Their answers have the cookie, whatever they set themselves."""

    async def other(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"set-cookie", b"theirs=1"), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"other"})

    app = an_app(idle=100)
    app.mount("/other", Asgi(other))
    async with client(app, base_url=SITE) as http:
        await http.post("/login", content=b"ada")
        wall.now += 50
        answer = await http.get("/other/page")
        names = [each.partition("=")[0] for each in set_cookies(answer)]
        wall.now += 99
        assert (await http.get("/")).json() == {"user": "ada"}
    assert sorted(names) == ["session", "theirs"]


async def test_without_the_middleware() -> None:
    """The error names it."""
    request = a_request()
    with pytest.raises(RuntimeError, match=r"app\.middleware\(Sessions\(secrets=\[SECRET\]\)\)"):
        _ = request.session


@pytest.mark.parametrize("first", ["sessions", "same origin"])
async def test_a_page_for_what_was_refused_has_a_session(
    first: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Where `Sessions` stands outside of what refuses; else the log says that it stands inside."""
    app, layers = Hump(), [Sessions(secrets=[NEW]), SameOrigin()]
    for layer in layers if first == "sessions" else reversed(layers):
        app.middleware(layer)

    @app.exception_handler(HttpException)
    async def page(request: Request, error: HttpException) -> Response:
        return Response(f"{error.status} {len(request.session)}", error.status)

    async with client(app) as http:
        refused = await http.post("/", headers={"origin": "https://evil.example"})
    assert refused.status_code == (403 if first == "sessions" else 500)
    told = "Sessions stands inside of the middleware that has refused this request"
    assert (told in caplog.text) is (first == "same origin")


async def test_on_a_router_alone() -> None:
    """Other routes have no session, and cost nothing; two may stand around each other."""
    app, router = Hump(), Router("/shop")
    app.middleware(Sessions(secrets=[NEW], cookie="outer"))
    router.middleware(Sessions(secrets=[NEW], cookie="inner"))

    @app.get("/")
    async def outer(request: Request) -> str:
        request.session["n"] = request.session.get("n", 0) + 1
        return str(request.session["n"])

    router.get("/")(outer)
    app.include(router)
    async with client(app, base_url=SITE) as http:
        answers = [await http.get(path) for path in ("/", "/", "/shop/", "/shop/", "/")]
    assert [each.text for each in answers] == ["1", "2", "1", "2", "3"]
    assert {each.partition("=")[0] for each in set_cookies(answers[2])} == {"inner"}


async def test_two_workers() -> None:
    """With the same secrets, each knows what the other has written; by a store, too."""
    store = WaitingStore()
    for options in ({}, {"store": store}):
        one, other = an_app(**options), an_app(**options)
        async with client(one, base_url=SITE) as http:
            cookie = cookie_of(await http.post("/set", json={"a": 1}))
        async with client(other, base_url=SITE) as http:
            assert (await http.get("/", headers={"cookie": cookie})).json() == {"a": 1}
            out = await http.post("/logout", headers={"cookie": cookie})
        assert len(set_cookies(out)) == 1
    assert await shown(one, cookie) == {}


async def ask(
    sessions: Sessions,
    cookie: str,
    act: Callable[[Session], Any],
    meanwhile: Callable[[], Awaitable[Any]] = trio.lowlevel.checkpoint,
) -> Response:
    """Return the answer to a request whose handler acts on its session.

    Args:
        sessions: What gives it the session.
        cookie: What the request has.
        act: Changes the session.
        meanwhile: What is awaited when the request has its session, and hasn't acted yet.
    """

    async def handler(request: Request) -> Response:
        session = request.session
        await meanwhile()
        act(session)
        return Response("text")

    return await sessions(a_request(headers={"cookie": cookie}), handler)


def log_in(session: Session) -> None:
    """Act as a log-in does."""
    session["user"] = "ada"
    session.renew()


def cookie_in(response: Response) -> str:
    """Return what the next request sends after an answer."""
    values = response.headers.get_all("set-cookie")
    return values[0].partition(";")[0] if values else ""


async def held_by(sessions: Sessions, cookie: str) -> dict[str, Any]:
    """Return what the session of a cookie holds."""
    found: list[dict[str, Any]] = []
    await ask(sessions, cookie, lambda session: found.append(dict(session)))
    return found[0]


async def test_of_two_requests_at_once_the_last_wins() -> None:
    """With all that it holds; one that has only looked writes nothing, not even when idle."""
    sessions = Sessions(secrets=[NEW], store=WaitingStore(), max_age=100, idle=1)
    cookie = cookie_in(await ask(sessions, "", lambda session: session.update(a=0, b=0)))

    async def change_b() -> None:
        await ask(sessions, cookie, lambda session: session.update(b=1))

    await ask(sessions, cookie, lambda session: session.update(a=1), change_b)
    assert await held_by(sessions, cookie) == {"a": 1, "b": 0}
    await ask(sessions, cookie, len, change_b)
    assert await held_by(sessions, cookie) == {"a": 1, "b": 1}


@pytest.mark.parametrize("act", [Session.clear, log_in])
async def test_what_ends_a_session_wins_over_all(act: Callable[[Session], Any]) -> None:
    """A request that was under way meanwhile doesn't bring back what was revoked."""
    sessions = Sessions(secrets=[NEW], store=WaitingStore())
    cookie = cookie_in(await ask(sessions, "", lambda session: session.update(a=0)))

    async def end() -> None:
        await ask(sessions, cookie, act)

    await ask(sessions, cookie, lambda session: session.update(a=1), end)
    assert await held_by(sessions, cookie) == {}


class Tap(trio.abc.Instrument):
    """Cancels a scope at the n-th step of its task."""

    def __init__(self, scope: trio.CancelScope, left: int) -> None:
        self._scope = scope
        self._left = left
        self._task = trio.lowlevel.current_task()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count the steps of the task."""
        if task is self._task:
            self._left -= 1
            if self._left == 0:
                self._scope.cancel()


@pytest.mark.parametrize(
    ("act", "before", "after"),
    [
        (lambda session: session.update(a=1), {"a": 0}, {"a": 1}),
        (log_in, {"a": 0}, {}),
        (Session.clear, {"a": 0}, {}),
        (len, {"a": 0}, {"a": 0}),
    ],
)
async def test_cancelled_at_every_checkpoint(
    act: Callable[[Session], Any], before: dict[str, Any], after: dict[str, Any]
) -> None:
    """A session is as it was or as it shall be, and nobody is logged in by an old id."""
    for nth in count(1):
        sessions = Sessions(secrets=[NEW], store=WaitingStore())
        cookie = cookie_in(await ask(sessions, "", lambda session: session.update(a=0)))
        with trio.CancelScope() as scope:
            tap = Tap(scope, nth)
            trio.lowlevel.add_instrument(tap)
            try:
                await ask(sessions, cookie, act)
            finally:
                trio.lowlevel.remove_instrument(tap)
        held = await held_by(sessions, cookie)
        assert held in (before, after)
        if not scope.cancelled_caught:
            assert held == after
            break
    assert nth > (3 if act is len else 5)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, TypeError, "secrets"),
        ({"secrets": NEW}, TypeError, "secrets is a list of str"),
        ({"secrets": [NEW.encode()]}, TypeError, "secrets is a list of str"),
        ({"secrets": [None]}, TypeError, "secrets is a list of str"),
        ({"secrets": []}, ValueError, "secrets lists at least one"),
        ({"secrets": [NEW, "short"]}, ValueError, "of 32 characters or more"),
        ({"max_age": 0}, ValueError, "max_age is a whole number of seconds"),
        ({"max_age": None}, ValueError, "max_age is a whole number of seconds"),
        ({"max_age": 1.5}, ValueError, "max_age is a whole number of seconds"),
        ({"max_age": timedelta(milliseconds=1)}, ValueError, "max_age is a whole number"),
        ({"idle": -1}, ValueError, "idle is a whole number of seconds"),
        ({"idle": True}, ValueError, "idle is a whole number of seconds"),
        ({"idle": timedelta(days=14)}, ValueError, "idle is shorter than max_age"),
        ({"store": {}}, TypeError, "a store is an object with an async load"),
        ({"store": MemorySessions}, TypeError, "a store is an object with an async load"),
        ({"cookie": "a b"}, ValueError, "a cookie's name"),
        ({"cookie": ""}, ValueError, "a cookie's name"),
        ({"cookie": None}, ValueError, "a cookie's name"),
        ({"domain": "shop.example:80"}, ValueError, "a cookie's domain"),
        ({"cookie": "__Host-a", "domain": "shop.example"}, ValueError, "__Host-"),
        ({"same_site": "Lax"}, ValueError, "same_site is 'lax'"),
        ({"secret_key": NEW}, TypeError, r"domain and same_site, not secret_key$"),
        ({"secure": True}, TypeError, "not secure: the cookie is Secure where .* by HTTPS, which"),
        ({"https_only": True}, TypeError, "not https_only: the cookie is Secure where"),
    ],
)
def test_options_that_make_no_sense(options: Any, error: type[Exception], message: str) -> None:
    """They are refused where they are written."""
    with pytest.raises(error, match=message):
        Sessions(**({"secrets": [NEW], **options} if options else {}))
    make: Any = Sessions
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'secrets'"):
        make(secret_key=NEW)


async def test_a_handler_below_can_be_cancelled(autojump_clock: MockClock) -> None:
    """The layer holds nothing."""
    await check_cancelled_handler(Sessions(secrets=[NEW]))
