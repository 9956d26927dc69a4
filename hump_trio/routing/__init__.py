"""Routing: from a path to a route."""
