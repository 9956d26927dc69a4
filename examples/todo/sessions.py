"""Who is logged in: users register, log in and log out, and each session is of one of them."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from hump_trio import HttpException, JsonResponse, Request, Router, rate_limit, statuses

from .database import NO_NULL, Database
from .passwords import check_password, hash_password
from .rights import admins_only
from .users import User, Users

router = Router(tags=["users"])


@dataclass(frozen=True, slots=True)
class Account:
    """What somebody registers and logs in with."""

    name: Annotated[str, Meta(min_length=1, max_length=40, pattern=NO_NULL)]
    password: Annotated[str, Meta(min_length=8, max_length=100)]


async def current_user(request: Request, users: Users) -> User:
    """Provide the user who is logged in: whoever asks for one lets nobody else in."""
    user = await users.find(request.session.get("user", ""))
    if user is None:
        raise HttpException(statuses.UNAUTHORIZED, "log in first")
    return user


# These two begin their transaction themselves, as none should be open while a password is hashed.


@router.post("/users", returns={201: User}, raises={409: "The name is taken."})
async def register(account: Account, database: Database) -> JsonResponse:
    """Register a user."""
    hashed = await hash_password(account.password)
    async with database.transaction() as transaction:
        user = await Users(transaction).add(account.name, hashed)
    if user is None:
        raise HttpException(statuses.CONFLICT, "the name is taken")
    return JsonResponse(user, statuses.CREATED)


@router.post("/session", raises={401: "Name or password is wrong.", 429: "Try again later."})
@rate_limit("10/minute")
async def log_in(account: Account, database: Database, request: Request) -> User:
    """Log in."""
    async with database.transaction() as transaction:
        user, hashed = await Users(transaction).find_by_name(account.name)
    if not await check_password(account.password, hashed) or user is None:
        raise HttpException(statuses.UNAUTHORIZED, "name or password is wrong")
    request.session.renew()
    request.session["user"] = user.id
    return user


@router.get("/session")
async def who_am_i(user: User) -> User:
    """Show who is logged in."""
    return user


@router.delete("/session")
async def log_out(request: Request) -> None:
    """Log out."""
    request.session.clear()


@router.get("/users")
@admins_only
async def all_users(user: User, users: Users) -> list[User]:
    """List all users, for an admin."""
    return await users.all()
