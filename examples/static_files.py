"""Files: a folder, one to be saved under a name, some that clients name, and a redirect.

A download that broke off is resumed, and what a browser has already isn't sent again.

Try: curl http://localhost:8342/examples/hello.py
     curl -r 4-12 http://localhost:8342/examples/static_files.py
     curl -OJ http://localhost:8342/download
     curl -OJ http://localhost:8342/downloads/hello.py
     curl --path-as-is http://localhost:8342/downloads/..%2fREADME.md
     curl -L http://localhost:8342/
"""

from pathlib import Path

import trio

from hump_trio import FileResponse, Hump, RedirectResponse

FOLDER = Path(__file__).parent

app = Hump("", 8342)
app.static("/examples", FOLDER, cache_control="no-cache")


@app.get("/download")
async def download() -> FileResponse:
    return FileResponse(FOLDER / "hello.py", filename="my first server.py")


@app.get("/downloads/{name}")
async def download_any(name: str) -> FileResponse:
    # A name of a client's: `folder` lets it lead nowhere else.
    return FileResponse(name, filename=name, folder=FOLDER)


@app.get("/")
async def index() -> RedirectResponse:
    return RedirectResponse("/examples/hello.py")


if __name__ == "__main__":
    trio.run(app.serve)
