"""Requests, responses and their fields, whatever the protocol.

It must not know Trio, sockets, clocks, or how a message is written on the wire.
"""
