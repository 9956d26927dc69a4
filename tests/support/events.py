"""Apps that stream events, and what browsers make of them."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import trio

from hump_trio import EventStream, Hump, Timeouts
from hump_trio.testing import connect
from tests.support.wire import Answer, parse_answers, read_to_end, request


def app_of(events: Callable[[], Any], **options: Any) -> Hump:
    """Return an app that streams the events that a function gives."""
    app = Hump(timeouts=Timeouts(send_grace=600))

    @app.get("/")
    async def index() -> EventStream:
        return EventStream(events(), **options)

    return app


async def yielding(*values: Any, pause: float = 1) -> AsyncIterator[Any]:
    """Yield some values, and wait after each."""
    for value in values:
        yield value
        await trio.sleep(pause)


async def ask(app: Hump, method: str = "GET") -> Answer:
    """Return the answer of an app to a client that waits for its end."""
    async with connect(app) as raw:
        await raw.send(request(method, "/", "Connection: close"))
        [answer] = parse_answers(await read_to_end(raw), method)
    return answer


def parse_events(text: str) -> list[dict[str, str]]:
    """Return the events of a stream, parsed as the HTML standard does (section 9.2.6)."""
    events, fields = [], dict[str, Any]()
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if "data" in fields:
                fields["data"] = fields["data"].removesuffix("\n")
            events += [fields] if fields else []
            fields = {}
        elif name == "data":
            fields["data"] = f"{fields.get('data', '')}{value}\n"
        elif name:
            fields[name] = value
    return events
