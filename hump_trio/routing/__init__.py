"""From a method and a path to a route.

It must not know how a handler is called.
"""
