"""Middleware in the box: small classes, each used as ``app.middleware(Cors(...))``.

It must not know the routes and handlers that it stands around.
"""
