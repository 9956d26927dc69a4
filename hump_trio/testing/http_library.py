"""The names of httpx2 where that is installed, else those of httpx.

Both libraries have the names that are used here. What the test clients give is of the library that
is installed, and a type checker sees the same: star imports of a library that is missing bring it
no names. The first star import counts for mypy, and the last one for pyright.
"""

from typing import TYPE_CHECKING

__all__: list[str] = []  # what is taken by `import ... as` are the names of the library

if TYPE_CHECKING:
    from httpx2 import *  # isort: skip
    from httpx import *  # type: ignore[assignment]  # isort: skip
    from httpx2 import *  # isort: skip
else:
    try:
        import httpcore2 as _its_pool
        from httpx2 import *
    except ImportError:
        try:
            import httpcore as _its_pool
            from httpx import *
        except ImportError as _missing:
            raise ImportError(
                "hump_trio.testing needs httpx2 or httpx: pip install 'hump-trio[testing]'",
                name=_missing.name,
            ) from _missing
