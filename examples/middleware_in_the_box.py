"""Middleware in the box: what an app behind a proxy, asked by pages of another origin, needs.

The first one registered is outermost: it sees the request first, and the answer last.

Try: curl -i http://localhost:8342/ -H 'Origin: https://shop.example'
     curl -i http://localhost:8342/numbers --compressed
     curl -i http://localhost:8342/ -H 'Host: elsewhere.example'
     curl -i http://localhost:8342/ -H 'X-Forwarded-For: 203.0.113.7'
"""

import trio

from hump_trio import (
    Compression,
    Cors,
    Forwarded,
    Hump,
    Request,
    RequestId,
    SameOrigin,
    SecurityHeaders,
    TrustedHosts,
)

app = Hump("", 8342)
app.middleware(RequestId())
app.middleware(Forwarded(proxies=["127.0.0.0/8", "::1"], fields=["x-forwarded-for"]))
app.middleware(SecurityHeaders(content_security_policy="default-src 'self'"))
app.middleware(Cors(origins=["https://shop.example"], headers=["content-type"], credentials=True))
app.middleware(TrustedHosts(["localhost", "127.0.0.1", "*.shop.example"]))
app.middleware(SameOrigin(trusted=["https://shop.example"]))
app.middleware(Compression())


@app.get("/")
async def index(request: Request) -> dict[str, str]:
    asker = request.client[0] if request.client else "somebody"
    return {"asked by": asker, "request": request.state["request_id"]}


@app.get("/numbers")
async def numbers() -> list[int]:
    return list(range(1000))


if __name__ == "__main__":
    trio.run(app.serve)
