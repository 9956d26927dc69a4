"""The comparison of secrets."""

from hmac import compare_digest

__all__ = ["same_secret"]


def same_secret(a: str | bytes, b: str | bytes) -> bool:
    """Tell whether two secrets are equal, in a time that doesn't depend on where they differ.

    That time depends on their lengths alone. Of a comparison by ``==``, who sends many guesses can
    measure how much of a guess is right.

    Args:
        a: A secret, such as a token or an API key. Text counts as UTF-8.
        b: The other one.

    Raises:
        TypeError: One of them is neither text nor bytes; None is no secret.
    """
    return compare_digest(bytes_of(a), bytes_of(b))


def bytes_of(secret: str | bytes) -> bytes:
    """Return the bytes of a secret."""
    if isinstance(secret, str):
        return secret.encode("utf-8", "surrogatepass")  # JSON may hold halves of characters
    if isinstance(secret, bytes):
        return secret
    raise TypeError(f"a secret is text or bytes, not {type(secret).__name__}")
