"""Sockets that connections come from.

It must not know what a connection is for.
"""
