"""WebSockets as handlers know them, and what is made of many of them.

It must not know routes, or the protocol that a request came by.
"""
