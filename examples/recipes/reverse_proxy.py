"""A reverse proxy: a request goes to another server, and its answer comes through part by part.

The upstream's answer is open within one `async with`, so it is closed however the request ends: at
the last part, with the client, at a deadline, at a shutdown. An upstream that fails is answered
with 502 or 504, unless its own status has gone out already: then the answer breaks off.

Try: python -m http.server 8000 --directory examples
     curl http://localhost:8342/hello.py
"""

import os
from collections.abc import AsyncIterator
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2
import trio

from hump_trio import Begin, HttpException, Hump, Request, Send, StreamResponse

UPSTREAM = os.environ.get("UPSTREAM", "http://127.0.0.1:8000")
SILENCE = httpx2.Timeout(10, connect=2)  # seconds, before an answer and within one
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
# Fields of one connection (RFC 9110 section 7.6.1), and those that server and httpx see to.
OF_A_CONNECTION = {
    *("connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"),
    *("transfer-encoding", "host", "expect", "date", "server"),
}
TOLD_BY_PROXIES = {"forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"}

app: Hump[httpx2.AsyncClient] = Hump("", 8342)


def open_http(transport: httpx2.AsyncBaseTransport | None = None) -> httpx2.AsyncClient:
    """Return what asks the upstream, and adds nothing of its own to what a client has sent.

    Else it would send the cookies of one client with the requests of the next one.
    """
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    http = httpx2.AsyncClient(
        transport=transport,
        base_url=UPSTREAM,
        timeout=SILENCE,
        cookies=no_cookies,
        trust_env=False,
    )
    http.headers.clear()
    return http


@app.lifespan
async def lifespan(app: Hump[httpx2.AsyncClient]) -> AsyncIterator[httpx2.AsyncClient]:
    async with open_http() as http:
        yield http


def passed_on(fields: list[tuple[str, str]], dropped: set[str]) -> list[tuple[str, str]]:
    """Return the fields of a message that aren't of the connection that it came by."""
    for name, value in fields:
        if name == "connection":
            dropped = dropped | {each.strip().lower() for each in value.split(",")}
    return [(name, value) for name, value in fields if name not in dropped]


def fields_for_upstream(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a request, and who has asked for what, which no client can forge."""
    fields = passed_on(request.headers.items(), OF_A_CONNECTION | TOLD_BY_PROXIES)
    address = request.client[0] if request.client else "unknown"
    told = {"for": address, "proto": request.scheme, "host": request.host}
    return [*fields, *((f"x-forwarded-{name}", value) for name, value in told.items())]


@app.route("/{rest:path}", methods=METHODS, stream=True, body_limit=None)
async def pass_on(request: Request) -> StreamResponse:
    framing = {"content-length", "transfer-encoding"}
    asking = app.state.stream(
        request.method,
        request.url,
        headers=fields_for_upstream(request),
        content=request.stream if framing & set(request.headers) else None,
    )

    async def produce(send: Send, begin: Begin) -> None:
        try:
            async with asking as answer:
                fields = [(name.lower(), text) for name, text in answer.headers.multi_items()]
                begin(answer.status_code, passed_on(fields, OF_A_CONNECTION))
                async for part in answer.aiter_raw():
                    await send(part)
        except httpx2.TimeoutException as error:
            raise HttpException(504, "the upstream is silent") from error
        except httpx2.TransportError as error:
            raise HttpException(502, "the upstream can't be reached, or has broken off") from error

    return StreamResponse(produce)


if __name__ == "__main__":
    trio.run(app.serve)
