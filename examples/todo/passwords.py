"""Passwords as they are kept: hashed by scrypt, in threads, and a few at a time."""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from functools import partial

import trio

# What the OWASP Password Storage Cheat Sheet asks for, where 16 MiB a hash are to be enough.
COST, BLOCK, ROUNDS = 2**14, 8, 5
AT_A_TIME = trio.CapacityLimiter(2)


async def hash_password(password: str) -> str:
    """Return what a password can be checked against, with what it was hashed by."""
    salt = secrets.token_bytes(16)
    digest = await scrypt(password, salt, COST, BLOCK, ROUNDS)
    parts = (b64encode(salt).decode(), b64encode(digest).decode())
    return "$".join(["scrypt", str(COST), str(BLOCK), str(ROUNDS), *parts])


async def check_password(password: str, hashed: str | None) -> bool:
    """Tell whether a password is the one that was hashed.

    Args:
        password: What somebody says.
        hashed: None if nobody has that name, which takes as long as a wrong password.
    """
    if hashed is None:
        await hash_password(password)
        return False
    _, cost, block, rounds, salt, digest = hashed.split("$")
    found = await scrypt(password, b64decode(salt), int(cost), int(block), int(rounds))
    return hmac.compare_digest(found, b64decode(digest))


async def scrypt(password: str, salt: bytes, cost: int, block: int, rounds: int) -> bytes:
    """Hash a password in a thread, in which Python works on."""
    work = partial(hashlib.scrypt, password.encode(), salt=salt, n=cost, r=block, p=rounds)
    return await trio.to_thread.run_sync(work, limiter=AT_A_TIME)
