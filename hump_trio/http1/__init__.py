"""HTTP/1.1 as bytes and values, sans-IO: pure functions and small parsers.

It must not know Trio, sockets, clocks, or what a request is for.
"""
