"""A page that shows the tea shop's orders live, and a WebSocket by which the staff change them.

Try: hump-trio examples.guide.live:app
     open http://localhost:8342/ in a browser, and
     curl http://localhost:8342/orders --json '{"tea": "sencha", "cups": 2}'
"""

import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta

import trio

from hump_trio import (
    EventStream,
    HtmlResponse,
    Hump,
    Request,
    Router,
    SameOrigin,
    Sessions,
    WebSocket,
)

from .database_and_providers import (
    Order,
    all_orders,
    begin,
    news,
    open_database,
    orders,
    transaction,
)
from .login_and_rights import SECRET, Staff, answer_conflict, manager, mark_ready, people, staff

PAGE = """<!doctype html>
<title>Tea shop</title>
<ul></ul>
<form><input name="name"> <input name="password" type="password"> <button>Log in</button></form>
<script>
  const list = document.querySelector("ul"), form = document.querySelector("form");
  let kitchen;

  new EventSource("/board").onmessage = event => {
    const order = JSON.parse(event.data);
    const item = document.getElementById(order.number) ?? document.createElement("li");
    item.id = order.number;
    item.textContent = `${order.cups} ${order.tea}` + (order.ready ? ": ready" : "");
    item.onclick = () => kitchen?.send(order.number);
    list.append(item);
  };

  form.onsubmit = async event => {
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch("/login", {method: "POST", body});
    form.hidden = answer.ok;
    if (answer.ok) kitchen = new WebSocket(location.origin.replace("http", "ws") + "/kitchen");
  };
</script>
"""

board = Router()


@board.get("/")
async def page() -> HtmlResponse:
    return HtmlResponse(PAGE)


@board.get("/board")
async def watch(request: Request) -> EventStream:
    return EventStream(changes(request.app.state))


async def changes(connection: sqlite3.Connection) -> AsyncIterator[Order]:
    async with begin(connection) as transaction:  # nobody else commits meanwhile
        known = await all_orders(transaction)
        listener = news.listen()
    for order in known:
        yield order
    async for order in listener:
        yield order


@board.websocket("/kitchen")
async def kitchen(ws: WebSocket[int, Order], staff: Staff) -> None:
    async with news.subscribe(ws):
        async for number in ws:
            async with begin(ws.request.app.state) as transaction:
                await mark_ready(number, staff, transaction)


app = Hump[sqlite3.Connection]("", 8342)
app.lifespan(open_database)
app.middleware(Sessions(secrets=[SECRET], max_age=timedelta(hours=12)))
app.middleware(SameOrigin())
app.exception_handler(sqlite3.IntegrityError)(answer_conflict)
app.provide(transaction)
app.provide(staff)
app.provide(manager)
app.include(orders)
app.include(people)
app.include(board)

if __name__ == "__main__":
    trio.run(app.serve)
