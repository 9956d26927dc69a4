"""A form with a picture: its checksum comes back, and a cookie remembers who sent it.

Try: curl -c jar -F name=Ada -F picture=@README.md http://localhost:8342/
     curl -b jar http://localhost:8342/
     curl -F files=@README.md -F files=@LICENSE http://localhost:8342/sizes
"""

from hashlib import sha256
from html import escape
from urllib.parse import quote, unquote

import trio

from hump_trio import HtmlResponse, Hump, Request, UploadFile

app = Hump("", 8342)

PAGE = """<!doctype html>
<title>Pictures</title>
<p>Hello, {name}!</p>
<form method="post" enctype="multipart/form-data">
  <label>Your name <input name="name" value="{name}"></label>
  <label>A picture <input name="picture" type="file"></label>
  <button>Send</button>
</form>
<p>{answer}</p>
"""


@app.get("/")
async def show(request: Request) -> HtmlResponse:
    name = unquote(request.cookies.get("name", "stranger"))
    return HtmlResponse(PAGE.format(name=escape(name), answer=""))


@app.post("/", stream=True, body_limit=10_000_000)
async def receive(request: Request) -> HtmlResponse:
    digest = sha256()
    async with request.multipart() as form:
        name = form.fields["name"]
        picture = form.files["picture"]
        async for part in picture:
            digest.update(part)
    answer = f"{picture.filename}: {picture.size_bytes} bytes, {digest.hexdigest()}"
    response = HtmlResponse(PAGE.format(name=escape(name), answer=escape(answer)))
    response.set_cookie("name", quote(name), max_age=86_400)
    return response


@app.post("/sizes")
async def sizes(files: list[UploadFile]) -> dict[str, int]:
    return {file.filename: file.size_bytes for file in files}


if __name__ == "__main__":
    trio.run(app.serve)
