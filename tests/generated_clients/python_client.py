"""Uses the clients that openapi-python-client makes: started with the URLs of both apps.

They are on the path of the interpreter that runs this, which isn't the one that makes them.
"""

import sys
from datetime import date
from importlib import import_module
from io import BytesIO
from types import ModuleType
from typing import Any

__all__: list[str] = []

count = 0


def expect(found: Any, wanted: Any) -> None:
    """Count an expectation, and fail if it isn't met."""
    global count
    count += 1
    if found != wanted:
        raise AssertionError(f"{count}: {found!r} is not {wanted!r}")


def part_of(package: str) -> Any:
    """Return what finds an operation's module in a package, by its tag and name."""

    def find(tag: str, name: str) -> ModuleType:
        return import_module(f"{package}.api.{tag}.{name}")

    return find


def use_shop(url: str) -> None:
    """List, show, order and drop teas."""
    models: Any = import_module("shop_client.models")
    client = import_module("shop_client").Client(base_url=url)
    operation = part_of("shop_client")
    all_teas = operation("teas", "all_teas").sync_detailed
    kind = models.AllTeasKindItem
    black = all_teas(client=client, kind=[kind.BLACK], limit=5)
    expect(
        [tea.to_dict() for tea in black.parsed], [{"name": "Assam", "grams": 900, "kind": "black"}]
    )
    expect(len(all_teas(client=client, kind=[kind.BLACK, kind.GREEN]).parsed), 2)
    wrong = all_teas(client=client, limit=0)
    expect((wrong.status_code, type(wrong.parsed)), (422, models.Problem))
    expect([error.place for error in wrong.parsed.errors], ["query.limit"])

    one_tea = operation("teas", "one_tea").sync_detailed
    expect(one_tea("Assam", client=client).parsed.grams, 900)
    missing = one_tea("Coffee ?", client=client)
    expect((missing.status_code, missing.parsed), (404, "Not Found"))

    order = models.Order(tea="Assam", grams=50)
    place_order = operation("orders", "place_order").sync_detailed
    placed = place_order(client=client, body=order, x_client="openapi-python-client")
    expect((placed.status_code, placed.parsed.note), (201, ""))
    number = placed.headers["location"].rpartition("/")[2]
    one_order = operation("orders", "one_order").sync_detailed
    expect(one_order(number, client=client).parsed, placed.parsed)
    expect(place_order(client=client, body=models.Order(tea="Assam", grams=901)).status_code, 409)
    drop_tea = operation("teas", "drop_tea").sync_detailed
    expect(drop_tea("Sencha", client=client).status_code, 204)


def use_everything(url: str) -> None:
    """Send values of all places, and files."""
    models: Any = import_module("everything_client.models")
    types: Any = import_module("everything_client.types")
    client = import_module("everything_client").Client(base_url=url)
    operation = part_of("everything_client")
    found = operation("default", "filtered").sync_detailed(
        client=client,
        limit=3,
        colours=[models.Colour.RED, models.Colour.BLUE],
        since=date(2030, 1, 2),
        per_page=7,
        left_side=1,
    )
    expect(found.parsed[0].since, date(2030, 1, 2))
    expect((found.parsed[0].limit, found.parsed[0].per_page), (3, 7))
    more = models.SumsMore()
    more["a"] = "2.50"
    sums = models.Sums(amount=1.5, numbers=[1, 1], more=more)
    added = operation("default", "add").sync_detailed(client=client, body=sums)
    expect(added.parsed.to_dict(), {"amount": "1.5", "numbers": [1], "more": {"a": "2.50"}})
    circle = models.Circle(type_=models.CircleType.CIRCLE, radius=2.0)
    shape = operation("default", "add_shape").sync_detailed(client=client, body=circle)
    expect(shape.parsed, circle)
    picture, other = (
        types.File(payload=BytesIO(data), file_name="a.txt") for data in (b"one", b"two")
    )
    body = models.FilesBody(picture=picture, others=[other])
    sent = operation("default", "files").sync_detailed(client=client, body=body)
    expect(sent.parsed.to_dict(), {"bytes": 6})
    expect(operation("default", "page").sync_detailed(client=client).parsed, "<p>")


if __name__ == "__main__":
    use_shop(sys.argv[1])
    use_everything(sys.argv[2])
    print(f"{count} expectations")
