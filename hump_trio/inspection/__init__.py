"""A live page of a server: its requests with their task trees, why each will end, and its figures.

Write ``ops.include(inspector(app))`` with a router whose middleware asks who it is. It must not
know the command line.
"""

from hump_trio.inspection.live_page import inspector

__all__ = ["inspector"]
