"""What is measured: the requests that wrk sends and their right answers, and what else there is."""

import json
from dataclasses import dataclass, field

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
BILL = {"customer": "Ada", "total": 30.25, "items": ["Darjeeling", "Assam", "Sencha"]}
DOWNLOAD_BYTES = 1024**3
IDLE_COUNT = 10_000


@dataclass(frozen=True, slots=True)
class Load:
    """A request that wrk repeats, and what every server has to answer.

    Attributes:
        answer: The body; if it isn't text, the value whose JSON the body is.
        kind: The answer's media type.
    """

    title: str
    answer: object
    kind: str
    path: str = "/"
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)

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
}
OTHERS = {
    "idle": f"{IDLE_COUNT:,} idle connections",
    "download": "1 GiB, streamed in parts of 64 KiB",
    "start": "from nothing to the first answer",
}
TITLES = {name: load.title for name, load in LOADS.items()} | OTHERS
