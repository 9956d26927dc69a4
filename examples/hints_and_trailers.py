"""More than one answer: early hints before a page is made, and a checksum behind a download.

The hints tell what the page will need, so that a browser fetches it meanwhile (over HTTP/2), or the
proxy before it. The checksum is known when the last byte is out, and goes behind it as a trailer.

Try: curl -i http://localhost:8342/
     curl -i -H 'TE: trailers' http://localhost:8342/numbers
     curl -i --http2-prior-knowledge http://localhost:8342/letters
"""

from collections.abc import AsyncIterator
from hashlib import sha256

import trio

from hump_trio import HtmlResponse, Hump, Request, Response, Send, StreamResponse

app = Hump("", 8342)


@app.get("/")
async def index(request: Request) -> HtmlResponse:
    await request.send_early_hints("</style.css>; rel=preload; as=style")
    await trio.sleep(1)  # for a slow database
    return HtmlResponse("<link rel=stylesheet href=/style.css><p>It was worth the wait.")


@app.get("/style.css")
async def style() -> Response:
    return Response("p { color: teal }", headers={"content-type": "text/css"})


@app.get("/numbers")
async def numbers() -> StreamResponse:
    async def produce(send: Send) -> dict[str, str]:
        digest = sha256()
        for number in range(1, 4):
            part = f"{number}\n".encode()
            digest.update(part)
            await send(part)
        return {"x-sha256": digest.hexdigest()}

    return StreamResponse(produce)


@app.get("/letters")
async def letters() -> Response:
    digest = sha256()

    async def parts() -> AsyncIterator[bytes]:
        for letter in b"a\n", b"b\n", b"c\n":
            digest.update(letter)
            yield letter

    # A generator can't return them; this function is called when it has come to its end.
    return Response(parts(), trailers=lambda: {"x-sha256": digest.hexdigest()})


if __name__ == "__main__":
    trio.run(app.serve)
