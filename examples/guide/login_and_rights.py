"""The staff of the tea shop log in: sessions for people, a token for programs, and who may do what.

Try: hump-trio examples.guide.login_and_rights:app
     curl http://localhost:8342/staff --json '{"name": "ada", "password": "0 1 1 2 3 5"}' \
         -H 'authorization: Bearer for-trying-out'
     curl -c jar http://localhost:8342/login -d name=ada -d 'password=0 1 1 2 3 5'
     curl -b jar http://localhost:8342/login
"""

import hashlib
import os
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Annotated

import trio
from msgspec import Meta

from hump_trio import (
    Bearer,
    Body,
    HttpException,
    Hump,
    Request,
    Response,
    Router,
    SameOrigin,
    Sessions,
    rate_limit,
    same_secret,
)

from .database_and_providers import (
    Order,
    Transaction,
    begin,
    news,
    open_database,
    orders,
    transaction,
)

TOKEN = os.environ.get("SHOP_TOKEN", "for-trying-out")  # of the owner's programs
SECRET = os.environ.get("SHOP_SECRET") or secrets.token_urlsafe(32)

people = Router(tags=["staff"])
hashing = trio.CapacityLimiter(2)  # a hash takes 16 MiB, and a processor for half a second


async def hash_password(password: str, salt: bytes) -> bytes:
    scrypt = partial(hashlib.scrypt, password.encode(), salt=salt, n=2**14, r=8, p=5)
    return await trio.to_thread.run_sync(scrypt, limiter=hashing)


@dataclass(frozen=True, slots=True)
class Account:
    name: Annotated[str, Meta(min_length=1, max_length=40)]
    password: Annotated[str, Meta(min_length=8, max_length=100)]


@dataclass(frozen=True, slots=True)
class Staff:
    name: str
    manager: bool


@people.post("/staff", raises=[409])
async def hire(
    token: Annotated[str, Bearer()], account: Account, request: Request, manager: bool = False
) -> Staff:
    if not same_secret(token, TOKEN):
        raise HttpException(401, "this token is unknown")
    salt = secrets.token_bytes(16)
    hashed = await hash_password(account.password, salt)
    async with begin(request.app.state) as transaction:
        sql = "INSERT INTO staff (name, manager, salt, hash) VALUES (?, ?, ?, ?)"
        await transaction.fetch(sql, account.name, manager, salt, hashed)
    return Staff(account.name, manager)


@people.post("/login", raises=[401])
@rate_limit("20/hour", burst=5)
async def log_in(account: Annotated[Account, Body(form=True)], request: Request) -> Staff:
    async with begin(request.app.state) as transaction:
        sql = "SELECT manager, salt, hash FROM staff WHERE name = ?"
        rows = await transaction.fetch(sql, account.name)
    manager, salt, kept = rows[0] if rows else (False, b"", b"")
    if not same_secret(await hash_password(account.password, salt), kept):
        raise HttpException(401, "name or password is wrong")
    request.session.renew()
    request.session.update(name=account.name, manager=bool(manager))
    return Staff(account.name, bool(manager))


@people.post("/logout")
async def log_out(request: Request) -> None:
    request.session.clear()


async def staff(request: Request) -> Staff:
    if "name" not in request.session:
        raise HttpException(401, "log in first")
    return Staff(request.session["name"], request.session["manager"])


@dataclass(frozen=True, slots=True)
class Manager:
    name: str


async def manager(staff: Staff) -> Manager:
    if not staff.manager:
        raise HttpException(403, "for managers only")
    return Manager(staff.name)


@people.get("/login")
async def who_am_i(staff: Staff) -> Staff:
    return staff


@people.post("/orders/{number:int}/ready", raises=[404])
async def mark_ready(number: int, staff: Staff, transaction: Transaction) -> Order:
    sql = "UPDATE orders SET ready = TRUE WHERE number = ? RETURNING tea, cups"
    rows = await transaction.fetch(sql, number)
    if not rows:
        raise HttpException(404, f"there is no order {number}")
    tea, cups = rows[0]
    order = Order(number, tea, cups, ready=True)
    transaction.when_kept.append(partial(news.publish_nowait, order))
    return order


@people.get("/takings")
async def takings(manager: Manager, transaction: Transaction) -> dict[str, int]:
    sql = "SELECT tea, sum(cups * cents) FROM orders JOIN teas ON tea = name GROUP BY tea"
    return dict(await transaction.fetch(sql))


async def answer_conflict(request: Request, error: sqlite3.IntegrityError) -> Response:
    return Response("that doesn't fit what is there", 409)


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

if __name__ == "__main__":
    trio.run(app.serve)
