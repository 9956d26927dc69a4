"""Versions of what is served: no client gets it twice, and nobody overwrites another's change.

Try: curl -i http://localhost:8342/teas/1
     curl -i http://localhost:8342/teas/1 -H 'If-None-Match: "1"'
     curl -i http://localhost:8342/teas/1 -X PUT --json '{"name": "gyokuro"}' -H 'If-Match: "1"'
     curl -i http://localhost:8342/teas/1 -X PUT --json '{"name": "bancha"}' -H 'If-Match: "1"'
"""

from dataclasses import dataclass

import trio

from hump_trio import HttpException, Hump, JsonResponse, Request, Response

app = Hump("", 8342)


@dataclass
class Tea:
    """What a client sends, and gets with its version."""

    name: str
    version: int = 1


teas = {1: Tea("sencha")}


@app.get("/teas/{number:int}")
async def find(number: int) -> Response:
    if number not in teas:
        raise HttpException(404)
    tea = teas[number]
    return JsonResponse(tea).with_etag(tea.version)  # a 304 to who has this version


@app.put("/teas/{number:int}")
async def change(request: Request, number: int, tea: Tea) -> Response:
    if number not in teas:
        raise HttpException(404)
    version = teas[number].version
    request.check_etag(version, required=True)  # nothing is awaited from here to the change
    teas[number] = Tea(tea.name, version + 1)
    return JsonResponse(teas[number]).with_etag(version + 1)


if __name__ == "__main__":
    trio.run(app.serve)
