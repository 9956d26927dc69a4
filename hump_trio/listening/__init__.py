"""Listening: sockets that connections come from."""
