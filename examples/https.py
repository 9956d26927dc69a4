"""HTTPS, with a redirect for who comes in plain text.

A certificate for trying it out, which no browser trusts; in one line:
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost
-addext subjectAltName=DNS:localhost -keyout key.pem -out certificate.pem

Try: curl -i --cacert certificate.pem https://localhost:8342/
     curl -i http://localhost:8080/
     curl -i http://localhost:8342/
"""

import trio

from hump_trio import TLS, HttpsRedirect, Hump, Request, SecurityHeaders

app = Hump(
    binds=["*:8342", "http://*:8080"],
    tls=TLS("certificate.pem", "key.pem"),  # read when the app is served, and at SIGHUP
)
app.middleware(HttpsRedirect(port=8342))
app.middleware(SecurityHeaders(hsts_seconds=3600))


@app.get("/")
async def index(request: Request) -> str:
    return f"You came by {request.scheme}."


if __name__ == "__main__":
    trio.run(app.serve)
