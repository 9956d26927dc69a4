"""WebSocket as bytes and values, sans-IO: the handshake, frames, messages and compression.

It must not know Trio, sockets, clocks, or what a message is for.
"""
