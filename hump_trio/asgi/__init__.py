"""Apps of ASGI, such as those of Starlette and FastAPI, mounted in ours.

Write ``app.mount("/old", Asgi(old))``. It must not know routes, or the protocol that a request came
by.
"""

from hump_trio.asgi.asgi import Asgi

__all__ = ["Asgi"]
