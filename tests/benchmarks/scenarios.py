"""What is measured: requests of wrk and h2load, messages of WebSockets, and what else there is."""

import json
from dataclasses import dataclass, field, replace
from itertools import product

BROWSER_HEADERS = {  # with Host, which wrk and http.client add, the 13 header lines of a browser
    "connection": "keep-alive",
    "sec-ch-ua": '"Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Linux"',
    "upgrade-insecure-requests": "1",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    "image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
    "sec-fetch-site": "none",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
    "accept-encoding": "gzip, deflate, br, zstd",
    "accept-language": "en-GB,en;q=0.9",
}
ORDER = {"name": "Darjeeling", "price": 4.5, "tags": ["black", "first flush"]}
BASKET = {
    "customer": "Ada",
    "lines": [
        {"item": "Darjeeling", "price": 4.5, "count": 2},
        {"item": "Assam", "price": 3.25, "count": 1},
        {"item": "Sencha", "price": 6.0, "count": 3},
    ],
}
# What a page of another origin sends by a browser, and the proxy that stands between adds to.
PROXIED_HEADERS = {
    "accept-encoding": "gzip, deflate, br, zstd",
    "origin": "https://shop.example",
    "x-forwarded-for": "203.0.113.7",
    "x-forwarded-proto": "https",
}
BILL = {"customer": "Ada", "total": 30.25, "items": ["Darjeeling", "Assam", "Sencha"]}
DOWNLOAD_BYTES = 1024**3
IDLE_COUNT = 10_000
FILES = {"10k": 10_000, "1m": 1_000_000}  # the bytes of each
NUMBER_COUNT = 5_000


@dataclass(frozen=True, slots=True)
class Load:
    """A request that is repeated, and what every server has to answer.

    Attributes:
        answer: The body; if it isn't text, the value whose JSON the body is.
        kind: The answer's media type.
        numbered: Whether a number follows the path, another one each time, below `NUMBER_COUNT`.
        connection_count: The connections that it comes by; 0 for as many as the command line says.
        secured: Whether over TLS.
        fields: What the answer's head has besides; an empty text stands for any.
        sized: Whether the answer has to come with its length; else it may be chunked, too.
    """

    title: str
    answer: object
    kind: str
    path: str = "/"
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    numbered: bool = False
    connection_count: int = 0
    secured: bool = False
    fields: dict[str, str] = field(default_factory=dict)
    sized: bool = True

    def path_of(self, count: int) -> str:
        """Return the path of a request that so many others were sent before."""
        return f"{self.path}{count % NUMBER_COUNT}" if self.numbered else self.path

    @property
    def closes(self) -> bool:
        """Whether each request has a connection of its own."""
        return self.headers.get("connection") == "close"

    @property
    def method(self) -> str:
        """POST where there is a body."""
        return "POST" if self.body else "GET"


HELLO = "Hello, world!"
ECHO = "x" * 64 * 1024
LOADS = {
    "hello": Load("`GET /`, answered with text", HELLO, "text/plain"),
    "browser": Load(
        "the same with a browser's 13 header lines", HELLO, "text/plain", headers=BROWSER_HEADERS
    ),
    "item": Load(
        "`GET /items/{id:int}?q=`, answered with JSON",
        {"id": 7, "q": "tea"},
        "application/json",
        path="/items/7?q=tea",
    ),
    "post_json": Load(
        "`POST` of a small JSON body, answered with JSON",
        {"name": "Darjeeling", "tags": 2},
        "application/json",
        path="/orders",
        body=json.dumps(ORDER),
        headers={"content-type": "application/json"},
    ),
    "post_typed": Load(
        "`POST` of a nested JSON body as a model, answered with a model",
        BILL,
        "application/json",
        path="/baskets",
        body=json.dumps(BASKET),
        headers={"content-type": "application/json"},
    ),
    "echo_64k": Load(
        "`POST` of 64 KiB, echoed",
        ECHO,
        "application/octet-stream",
        path="/echo",
        body=ECHO,
        headers={"content-type": "application/octet-stream"},
    ),
    "connect": Load(
        "`GET /`, one connection per request", HELLO, "text/plain", headers={"connection": "close"}
    ),
    "varied": Load(
        f"a browser's head, {NUMBER_COUNT:,} paths `/greetings/{{number:int}}`",
        HELLO,
        "text/plain",
        path="/greetings/",
        headers=BROWSER_HEADERS,
        numbered=True,
    ),
    "waiting": Load("`GET /waits`, whose handler waits once", HELLO, "text/plain", path="/waits"),
    "item_typed": Load(
        "`GET /teas/{number}?q=` by typed parameters, answered with JSON",
        {"id": 7, "q": "tea"},
        "application/json",
        path="/teas/7?q=tea",
    ),
    "post_params": Load(
        "`POST` of a small JSON body as a typed parameter, answered with JSON",
        {"name": "Darjeeling", "tags": 2},
        "application/json",
        path="/teas",
        body=json.dumps(ORDER),
        headers={"content-type": "application/json"},
    ),
    "middleware": Load(
        "`GET /` through six middlewares, from another origin by a proxy",
        HELLO,
        "text/plain",
        headers=PROXIED_HEADERS,
        fields={
            "access-control-allow-origin": "https://shop.example",
            "referrer-policy": "",
            "x-content-type-options": "nosniff",
            "x-frame-options": "",
            "x-request-id": "",
        },
    ),
}
LOGGED = {
    name: replace(LOADS["hello"], title=f"`GET /`, each with a line of {form} in the log")
    for name, form in (("log_text", "text"), ("log_json", "JSON"))
}
LOADS |= LOGGED
LOADS |= {
    f"hello_{count}": replace(
        LOADS["hello"], title=f"`GET /` by {count:,} busy connections", connection_count=count
    )
    for count in (2000, 8000)
}
LOADS |= {
    f"tls_{name}": replace(LOADS[name], title=f"{LOADS[name].title}; over TLS", secured=True)
    for name in ("hello", "connect")  # wrk goes on with the session of the connection before
}
LOADS |= {
    f"file_{name}": Load(
        f"a file of {size_bytes // 1000:,} KB",
        "x" * size_bytes,
        "application/octet-stream",
        path=f"/files/{name}.bin",
        sized=False,
    )
    for name, size_bytes in FILES.items()
}


@dataclass(frozen=True, slots=True)
class Streams:
    """A request that is repeated over HTTP/2.

    Attributes:
        connection_count: The connections that it comes by.
        stream_count: The requests that are under way on each of them.
        secured: Whether over TLS.
    """

    load: Load
    connection_count: int
    stream_count: int
    secured: bool = False

    @property
    def title(self) -> str:
        """What it is, and over what."""
        over = "HTTP/2 over TLS" if self.secured else "HTTP/2"
        shape = f"{self.connection_count}x{self.stream_count}"
        return f"{self.load.title}; {over}, {shape} connections and streams"

    def fields(self) -> dict[str, str]:
        """Return the header fields: those of the connection are HTTP/1.1's, and a browser has more.

        With the four pseudo-fields, a browser's are 17.
        """
        fields = {name: text for name, text in self.load.headers.items() if name != "connection"}
        if self.load.headers == BROWSER_HEADERS:
            fields |= {"sec-fetch-user": "?1", "priority": "u=0, i"}
        return fields


SHAPES = [(1, 100), (16, 10), (64, 1)]
STREAMS = {
    f"h2_{name}_{connections}x{streams}": Streams(LOADS[name], connections, streams)
    for name, connections, streams in [
        *[("hello", *shape) for shape in [*SHAPES, (16, 1)]],
        ("browser", 16, 10),
        *[("varied", 16, streams) for streams in (1, 10)],
        ("waiting", 16, 10),
        ("echo_64k", 16, 1),
    ]
} | {
    f"h2s_{name}_{connections}x{streams}": Streams(LOADS[name], connections, streams, secured=True)
    for name, (connections, streams) in [*product(["hello"], SHAPES), ("browser", (16, 10))]
}


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages that are sent over WebSockets again and again, and echoed each time.

    Attributes:
        payload: What each of them holds.
        connection_count: The WebSockets that they come by.
        burst_count: The messages that each of these sends at once, before it waits for all echoes.
        offered: Whether it offers permessage-deflate, and compresses if the server agrees.
    """

    title: str
    payload: str | bytes
    connection_count: int
    burst_count: int = 1
    offered: bool = False


SHORT_TEXT = "A short text that is 34 bytes long"
LISTENER_COUNT = 1_000
MESSAGES = {
    "ws_echo": Messages("34 bytes of text over a WebSocket, echoed", SHORT_TEXT, 64),
    "ws_echo_offered": Messages(
        "the same from a client that offers permessage-deflate", SHORT_TEXT, 64, offered=True
    ),
    "ws_burst": Messages(
        "32 such messages at once over a WebSocket, echoed", SHORT_TEXT, 16, burst_count=32
    ),
    "ws_echo_64k": Messages("64 KiB over a WebSocket, echoed", ECHO.encode(), 16),
}
OTHERS = {
    "idle": f"{IDLE_COUNT:,} idle connections",
    "download": "1 GiB, streamed in parts of 64 KiB",
    "h2_download": "the same over HTTP/2",
    "ws_cast": "a short text to many WebSockets, for each of them",
    "event_1000": "a short event to many event streams, for each of them",
    "tls_handshake": "a handshake of TLS by `openssl s_time -new`, for each",
    "ws_open": "a WebSocket that is opened and closed",
    "ws_idle": f"{IDLE_COUNT:,} idle WebSockets",
    "ws_idle_offered": "the same whose clients have offered permessage-deflate",
    "start": "from nothing to the first answer",
}
TITLES = {name: load.title for name, load in (LOADS | STREAMS | MESSAGES).items()} | OTHERS
