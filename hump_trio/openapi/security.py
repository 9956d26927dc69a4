"""The credentials that a document says its operations need."""

from typing import Any

from hump_trio.handlers.credentials import ApiKey, Basic, Bearer
from hump_trio.handlers.markers import Secret
from hump_trio.handlers.parameter import Signature

__all__ = ["SecuritySchemes"]


def secrets_of(signature: Signature) -> dict[Secret, bool]:
    """Return the credentials that a handler takes, and whether each has to come."""
    found: dict[Secret, bool] = {}
    for each in signature.reads:
        if isinstance(each.marker, Secret):
            found[each.marker] = found.get(each.marker, False) or each.required
    return found


class SecuritySchemes:
    """The security schemes of a document, by names that are unique in it."""

    def __init__(self) -> None:
        self._names: dict[Secret, str] = {}

    def requirements_of(self, signature: Signature) -> list[dict[str, list[str]]]:
        """Return what a handler's operation needs: one of several sets of credentials.

        Those that have to come are in each set. Of those that may be missing one may come, or none.
        """
        found = secrets_of(signature)
        needed = {self._name_of(each): list[str]() for each, needs in found.items() if needs}
        others = [self._name_of(each) for each, needs in found.items() if not needs]
        sets = [{**needed, name: list[str]()} for name in others]
        return [*sets, needed] if found else []

    def settle(self) -> dict[str, dict[str, str]]:
        """Return the schemes that operations need, by their names."""
        return {name: scheme_of(each) for each, name in self._names.items()}

    def _name_of(self, secret: Secret) -> str:
        if secret not in self._names:
            kind = type(secret).__name__
            count = sum(type(each) is type(secret) for each in self._names)
            self._names[secret] = f"{kind}{count + 1}" if count else kind
        return self._names[secret]


def scheme_of(secret: Secret) -> dict[str, Any]:
    """Return the security scheme of some credentials, as a document describes it."""
    if isinstance(secret, ApiKey):
        place, name = ("header", secret.header) if secret.header else ("cookie", secret.cookie)
        return {"type": "apiKey", "in": place, "name": name}
    assert isinstance(secret, Bearer | Basic)
    return {"type": "http", "scheme": secret.scheme, "description": f"Realm: {secret.realm}"}
