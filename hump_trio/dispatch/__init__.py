"""The app's registrations, and the onion around each handler, as the server asks for them.

It must not know sockets, or the protocol that a request came by.
"""
