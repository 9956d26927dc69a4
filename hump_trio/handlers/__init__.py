"""What a handler takes from a request, and what becomes of what it returns.

It must not know what stands around a handler.
"""
