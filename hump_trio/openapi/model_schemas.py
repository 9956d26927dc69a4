"""The schemas of what pydantic makes, written by pydantic as JSON Schema 2020-12.

A model may be written otherwise than it is read: by another alias, with fields that are computed.
So a schema is that of a value that comes, or of one that goes.
"""

from collections.abc import Collection
from itertools import count
from typing import Any, Literal, TypeAlias

from hump_trio.content.constructed import replaced
from hump_trio.content.models import adapter_of
from hump_trio.content.type_schemas import SCHEMAS

__all__ = ["Mode", "ModelSchemas"]

# Whether a value comes or goes, in pydantic's words.
Mode: TypeAlias = Literal["validation", "serialization"]


class ModelSchemas:
    """The schemas of a document's types that pydantic makes. It names those of classes at the end.

    Attributes:
        found: When `settle` was called, the schemas by the references that `reference` has given.
    """

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Any]] = {}
        self._wanted: list[tuple[Any, Mode]] = []

    def reference(self, annotation: Any, mode: Mode) -> dict[str, Any]:
        """Return a reference that stands for the schema of a type until `settle` was called.

        Args:
            annotation: The type.
            mode: Whether its values come or go.
        """
        wanted = (annotation, mode)
        if wanted not in self._wanted:
            self._wanted.append(wanted)
        return {"$ref": f"{SCHEMAS}model {self._wanted.index(wanted)}"}

    def settle(self, taken: Collection[str]) -> dict[str, dict[str, Any]]:
        """Find every schema, and return the named ones that others refer to.

        Args:
            taken: Names that other schemas have.
        """
        if not self._wanted:
            return {}
        adapters = [adapter_of(annotation) for annotation, _ in self._wanted]
        asked = [
            (index, mode, adapter)
            for index, (adapter, (_, mode)) in enumerate(zip(adapters, self._wanted, strict=True))
        ]
        made, rest = adapters[0].json_schemas(asked, ref_template=SCHEMAS + "{model}")
        named: dict[str, dict[str, Any]] = rest.get("$defs", {})
        names = {name: free_name(name, taken) for name in named}
        moved = {SCHEMAS + name: SCHEMAS + free for name, free in names.items() if free != name}
        self.found = {
            f"{SCHEMAS}model {index}": replaced(made[index, mode], moved)
            for index, mode, _ in asked
        }
        return {names[name]: replaced(schema, moved) for name, schema in named.items()}


def free_name(name: str, taken: Collection[str]) -> str:
    """Return a name, with a number if it is taken."""
    numbered = (f"{name}{number}" for number in count(2))
    return name if name not in taken else next(each for each in numbered if each not in taken)
