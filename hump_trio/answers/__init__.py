"""Responses that are more than a body: files, event streams, redirects.

It must not know routes, or how an answer is sent.
"""
