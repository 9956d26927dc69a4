"""HTTP/2 on the wire: streams side by side, whose handlers run in lanes.

It must not know routes, handlers, or what an answer means.
"""
