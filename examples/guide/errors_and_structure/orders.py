"""What guests order."""

from hump_trio import HttpException, Router

from .shop import Draft, Order, Shop

router = Router("/orders", tags=["orders"], raises=[404])


@router.post("", raises={409: "Sold out."})
async def take_order(shop: Shop, draft: Draft) -> Order:
    """Order some cups of a tea."""
    return shop.take(draft)


@router.get("/{number}")
async def show_order(shop: Shop, number: int) -> Order:
    """Show an order."""
    if not 1 <= number <= len(shop.orders):
        raise HttpException(404, f"there is no order {number}")
    return shop.orders[number - 1]
