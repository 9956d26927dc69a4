"""What guests may look at."""

from hump_trio import Router

from .shop import Kind, Shop, Tea, UnknownTeaError

router = Router("/menu", tags=["menu"])


@router.get("")
async def show_menu(shop: Shop, kind: Kind | None = None) -> list[Tea]:
    """List the teas."""
    return [tea for tea in shop.menu.values() if kind in (None, tea.kind)]


@router.get("/{name}", raises=[404])
async def show_tea(shop: Shop, name: str) -> Tea:
    """Show a tea."""
    if name not in shop.menu:
        raise UnknownTeaError(name)
    return shop.menu[name]
