"""Connections, their requests, and their time.

It must not know routes, handlers or middleware.
"""
