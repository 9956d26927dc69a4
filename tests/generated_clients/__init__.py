"""Clients that strangers' generators make of a document, used against the server."""
