"""A shelf of teas in Flask; `flask_ours` is the same service in hump_trio.

Try: flask --app examples.coming_from.flask_theirs:make_app make-tables
     flask --app examples.coming_from.flask_theirs:make_app run --port 8342
     curl http://localhost:8342/teas --json '{"name": "Assam", "grams": 250}'
     curl -i -X DELETE http://localhost:8342/teas/1 -H 'authorization: Bearer a-token-of-the-clerk'
"""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, g, jsonify, request, url_for
from werkzeug.exceptions import HTTPException

from .shelf import CLERKS_TOKEN, NameTakenError, Shelf, make_tables, open_shelf

routes = Blueprint("routes", __name__, cli_group=None)
announced: list[str] = []


@routes.before_request
def open_transaction() -> None:
    g.stack = ExitStack()
    transaction: AbstractContextManager[Shelf] = current_app.extensions["open_shelf"]()
    g.shelf = g.stack.enter_context(transaction)


@routes.teardown_request
def end_transaction(error: BaseException | None) -> None:
    g.stack.__exit__(type(error) if error else None, error, None)


@routes.app_errorhandler(HTTPException)
def answer_in_json(error: HTTPException) -> tuple[dict[str, Any], int]:
    return {"detail": error.description}, error.code or 500


@routes.app_errorhandler(NameTakenError)
def answer_taken(error: NameTakenError) -> tuple[dict[str, Any], int]:
    return {"detail": str(error)}, 409


@routes.after_app_request
def name_the_shop(response: Response) -> Response:
    response.headers["x-shop"] = "teas"
    return response


def clerk_only(view: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def wrapper(**values: Any) -> Any:
        if request.headers.get("authorization") != f"Bearer {CLERKS_TOKEN}":
            abort(401, "this token is unknown")
        return view(**values)

    return wrapper


@routes.get("/teas")
def list_teas() -> Any:
    return jsonify(g.shelf.all(request.args.get("limit", 10, type=int)))


@routes.get("/teas/<int:number>")
def show_tea(number: int) -> Any:
    tea = g.shelf.find(number)
    if tea is None:
        abort(404, "there is no such tea")
    return jsonify(tea)


@routes.post("/teas")
def add_tea() -> Any:
    match request.get_json():
        case {"name": str(name), "grams": int(grams)}:
            tea = g.shelf.add(name, grams)
        case _:
            abort(422, "a tea has a name and grams")
    threading.Thread(target=announce, args=[tea.name]).start()
    return jsonify(tea), 201, {"location": url_for("routes.show_tea", number=tea.number)}


@routes.delete("/teas/<int:number>")
@clerk_only
def drop_tea(number: int) -> Any:
    if not g.shelf.drop(number):
        abort(404, "there is no such tea")
    return "", 204


def announce(name: str) -> None:
    announced.append(name)


@routes.get("/announced")
def show_announced() -> Any:
    def lines() -> Iterator[str]:
        for name in announced:
            yield f"{name}\n"

    return Response(lines(), content_type="text/plain; charset=utf-8")


@routes.cli.command("make-tables")
def make_tables_once() -> None:
    make_tables()


def make_app(open_shelf: Callable[[], AbstractContextManager[Shelf]] = open_shelf) -> Flask:
    app = Flask(__name__)
    app.extensions["open_shelf"] = open_shelf
    app.register_blueprint(routes)
    return app
