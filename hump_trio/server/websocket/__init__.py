"""WebSockets on the wire: what comes and goes between a handler and its client, within its time.

It must not know routes, handlers, or what a message means.
"""
