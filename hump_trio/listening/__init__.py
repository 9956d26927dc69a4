"""Sockets that connections come from.

It must not know what a connection is for. Each is handed on as a transport; how many are welcome,
and when to stop accepting, is decided above.
"""
