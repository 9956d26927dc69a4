"""JSON in and out: dicts, lists and dataclasses are answers, `request.json()` is the body.

With msgspec installed (extra ``json``) `request.json(Note)` also checks the body's type.

Try: curl -i http://localhost:8342/notes --data '{"text": "buy tea"}'
"""

from dataclasses import dataclass

import trio

from hump_trio import HttpException, Hump, JsonResponse, Request, statuses

app = Hump("", 8342)


@dataclass
class Note:
    """What the API holds."""

    number: int
    text: str


notes: list[Note] = []


@app.get("/")
async def index() -> dict[str, int]:
    return {"notes": len(notes)}


@app.get("/notes")
async def all_notes() -> list[Note]:
    return notes


@app.post("/notes")
async def add_note(request: Request) -> JsonResponse:
    match request.json():
        case {"text": str(text)}:
            note = Note(len(notes) + 1, text)
            notes.append(note)
            return JsonResponse(note, statuses.CREATED)
        case _:
            raise HttpException(statuses.UNPROCESSABLE_ENTITY, 'a note is {"text": "..."}')


if __name__ == "__main__":
    trio.run(app.serve)
