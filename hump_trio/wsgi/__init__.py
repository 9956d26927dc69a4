"""Apps of WSGI, such as Flask and Django, mounted in ours and run in threads.

Write ``app.mount("/old", Wsgi(old))``. It must not know routes, or the protocol that a request came
by.
"""

from hump_trio.wsgi.wsgi import Wsgi

__all__ = ["Wsgi"]
