"""HTTP/1.1 on the wire: a connection that brings one request after the other.

It knows transports and bytes, and serves whole requests by itself where that is faster. It must
not know routes, handlers, or what an answer means.
"""
