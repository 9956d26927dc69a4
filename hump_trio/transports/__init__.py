"""Streams of bytes whose peer can be watched.

It must not know HTTP. What the bytes mean, which protocols there are, and how long a peer may take
is decided above; ``http/1.1`` is only the name that stands where no protocol was agreed on.
`transport` holds the contract that TCP, Unix sockets, TLS and memory keep, and all that the server
relies on.
"""
