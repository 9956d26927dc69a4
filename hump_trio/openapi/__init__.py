"""The OpenAPI document of an app, and a page that shows it.

It must not know how requests are answered.
"""
