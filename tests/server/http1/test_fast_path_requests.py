"""The fast path answers as the plain path does, whatever a client sends and a handler looks at."""

from contextvars import ContextVar
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio import Hump, Limits, Request
from tests.support.both_paths import Stage, both_alike, play_both
from tests.support.wire import chunked, request

pytestmark = both_alike

VISITS: ContextVar[int] = ContextVar("visits", default=0)


def build_telling(stage: Stage) -> Hump:
    """Return an app whose handlers note all that they are given."""
    app = Hump(limits=Limits(body_bytes=20, buffered_bytes=10))

    def note_request(request: Request) -> None:
        VISITS.set(VISITS.get() + 1)
        stage.note(
            VISITS.get(),
            *(request.method, request.target, request.url, request.path),
            *(request.query_string, request.query),
            *(request.headers, request.cookies, request.content_type, request.body),
            *(request.trailers, request.state, request.path_params, request.host, request.scheme),
            *(request.http_version, request.route, request.client, request.cancel_reason),
            *(request.deadline, request.outcome, request.own_deadlines, request.app is app),
        )

    @app.route("/", methods=["GET", "POST", "OPTIONS", "PURGE"])
    @app.route("/ab/€", methods=["GET"])
    @app.get("/{name}")
    @app.get("/{number:int}/items")
    @app.get("/files/{rest:path}")
    @app.post("/small", body_limit=3)
    async def tell(request: Request) -> dict[str, object]:
        note_request(request)
        request.state["seen"] = True
        request.headers.add("x-added", "later")
        with pytest.raises(RuntimeError, match="reads its body whole"):
            await anext(request.stream)
        return request.path_params

    @app.post("/upload", stream=True)
    async def upload(request: Request) -> str:
        return str([part async for part in request.stream])

    @app.get("/params/{first}/{second:int}")
    async def sum_up(second: int, *, first: str) -> str:
        return f"{first} {second}"

    return app


REQUESTS = [
    request(),
    request("GET", "/?a=b&c=%20"),
    request("GET", "/name"),
    request("GET", "/12/items", "X-Id: 1", "X-Id: 2"),
    request("GET", "/caf%C3%A9"),
    request("GET", "/a%2Fb"),
    request("GET", "/%61b/%E2%82%AC"),
    request("GET", "/files/a/b?c"),
    request("GET", "/params/a/1"),
    request("GET", "/params/a/b"),
    request("GET", "/no/where"),
    request("GET", "/%zz"),
    request("GET", "/%FF"),
    request("GET", "http://b/name"),
    request("GET", "/", "Connection: keep-alive", "Cookie: a=b; c=d"),
    request("GET", "/", "Connection: close"),
    request("GET", "/", "Connection: Keep-Alive"),
    request("GET", "/", "Expect: 100-continue"),
    request("GET", "/", "Expect: nonsense"),
    request("GET", "/", version="1.0"),
    request("GET", "/", "Connection: keep-alive", version="1.0"),
    request("GET", "/", version="2.0"),
    request("HEAD"),
    request("OPTIONS"),
    request("OPTIONS", "/name"),
    request("OPTIONS", "*"),
    request("PURGE"),
    request("BREW"),
    request("DELETE"),
    request("CONNECT", "b:1"),
    request("POST"),
    request("POST", body=b"0123456789"),
    request("POST", body=b"0123456789a"),
    request("POST", body=b"x" * 21),
    request("POST", "/small", "Content-Type: Text/Plain; charset=utf-8", body=b"abc"),
    request("POST", "/small", body=b"abcd"),
    request("POST", "/", "Expect: 100-continue", body=b"abc"),
    request("POST", "/", "Content-Length: 3", body=b"abc"),
    request("POST", "/upload", body=b"abc"),
    request("POST", "/nowhere", body=b"abc"),
    request("GET", "/", body=b"\r\n\r\n"),
    chunked(b"abc", b"d", trailers="X-Id: 1\r\n"),
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    b"GET / HTTP/1.1\r\nX-Id: 1\r\nhost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-Id: y\x00\r\n\r\n",
    b"\r\n" + request(),
    b"nonsense\r\n\r\n",
]
NAMES = [data.partition(b"\r\n")[0].decode("latin-1") for data in REQUESTS]


@pytest.mark.parametrize("data", REQUESTS, ids=NAMES)
def test_whatever_a_client_sends(data: bytes) -> None:
    """Alone, again, and behind and before others, together or one after the other."""

    async def scene(stage: Stage) -> None:
        for parts in ([data, data], [data * 2], [data + request()], [request() + data, data]):
            client = stage.connect()
            await stage.send(client, *parts)
            client.close()

    play_both(build_telling, scene)


@pytest.mark.parametrize("data", REQUESTS, ids=NAMES)
def test_wherever_a_request_is_cut(data: bytes) -> None:
    """In two parts that come a second apart, on one connection as long as it lasts."""

    async def scene(stage: Stage) -> None:
        client = stage.connect()
        for at in range(1, len(data)):
            if client.readable():
                client.close()
                client = stage.connect()
            await stage.send(client, data[:at], data[at:])
        client.close()

    play_both(build_telling, scene)


def test_a_field_that_nobody_has_sent_before() -> None:
    """A name of a field that is new to the server doesn't send its request by another path."""
    data = request("GET", "/", f"X-{uuid4()}: 1")

    async def scene(stage: Stage) -> None:
        client = stage.connect()
        await stage.send(client, data, data)
        client.close()

    assert play_both(build_telling, scene).fast_count == 2


@st.composite
def sequences(draw: st.DrawFn) -> list[bytes]:
    """Draw a few requests in a row, cut anywhere."""
    data = draw(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=4))
    parts = []
    for each in data:
        at = draw(st.one_of(st.just(0), st.integers(0, len(each))))
        parts += [each[:at], each[at:]]
    joined = draw(st.integers(0, len(parts) - 1))
    return [*parts[:joined], b"".join(parts[joined : joined + 2]), *parts[joined + 2 :]]


@given(parts=sequences(), access=st.booleans())
def test_any_sequence_of_requests(parts: list[bytes], *, access: bool) -> None:
    """However it is cut, and whether or not somebody wants a log of it."""

    async def scene(stage: Stage) -> None:
        client = stage.connect()
        await stage.send(client, *filter(None, parts))
        client.close()

    play_both(build_telling, scene, access=access)
