"""Middleware in the box: small classes, each used as ``app.middleware(Cors(...))``."""
