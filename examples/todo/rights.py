"""A decorator of one's own: who may call a handler, beyond being logged in."""

import functools
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from hump_trio import HttpException, statuses

from .users import User

P = ParamSpec("P")
R = TypeVar("R")


def admins_only(handler: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Refuse everybody else. The handler has to take a ``user``: what it takes comes by name."""

    @functools.wraps(handler)
    async def wrapper(*args: P.args, **values: P.kwargs) -> R:
        user = values["user"]
        if not (isinstance(user, User) and user.admin):
            raise HttpException(statuses.FORBIDDEN, "for admins only")
        return await handler(*args, **values)

    return wrapper
