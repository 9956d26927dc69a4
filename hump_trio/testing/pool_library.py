"""The names of the library below that of `http_library`: httpcore2's, or httpcore's."""

from typing import TYPE_CHECKING

__all__: list[str] = []  # what is taken by `import ... as` are the names of the library

if TYPE_CHECKING:
    from httpcore2 import *  # isort: skip
    from httpcore import *  # type: ignore[assignment]  # isort: skip
    from httpcore2 import *  # isort: skip
else:
    try:
        import httpx2 as _its_client
        from httpcore2 import *
    except ImportError:
        from httpcore import *
