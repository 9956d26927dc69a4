"""What the fuzzer is told of values: loaded by it, see `test_document_judges`."""

from typing import Any

import schemathesis
from hypothesis import strategies as st

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=2)
# A format that msgspec knows, and JSON Schema doesn't.
schemathesis.openapi.format("decimal", DECIMALS.map(str))


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Send no ``1.0``, which JSON Schema calls an integer, and no unspeakable names of parts."""
    if isinstance(body, dict):
        body = {name: each for name, each in body.items() if str(name).isprintable()}
    return without_whole_floats(body)


def without_whole_floats(value: Any) -> Any:
    """Return a value of JSON with integers for floats without a fraction."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [without_whole_floats(each) for each in value]
    if isinstance(value, dict):
        return {name: without_whole_floats(each) for name, each in value.items()}
    return value
