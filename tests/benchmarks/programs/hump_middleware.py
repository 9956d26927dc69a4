"""hump_trio with six of the middlewares in its box around a handler."""

from hump_trio import (
    Compression,
    Cors,
    Forwarded,
    Hump,
    Request,
    RequestId,
    SecurityHeaders,
    TrustedHosts,
)
from tests.benchmarks.programs.on_hump import serve

app = Hump("127.0.0.1")
app.middleware(RequestId())
app.middleware(Forwarded(proxies=["127.0.0.0/8"], fields=["x-forwarded-for", "x-forwarded-proto"]))
app.middleware(SecurityHeaders())
app.middleware(Cors(origins=["https://shop.example"], headers=["content-type"]))
app.middleware(TrustedHosts(["127.0.0.1", "*.shop.example"]))
app.middleware(Compression())


@app.get("/")
async def hello(request: Request) -> str:
    """Answer with text."""
    return "Hello, world!"


if __name__ == "__main__":
    serve(app)
