"""Handlers: what a function takes from a request, and what becomes of what it returns."""
