"""HTTP/2 as bytes and values, sans-IO: frames, HPACK, streams and their windows.

It must not know Trio, sockets, clocks, or what a request is for.
"""
