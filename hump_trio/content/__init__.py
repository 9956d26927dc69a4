"""What bodies hold, as values: JSON, forms, uploads, text.

It must not know Trio, sockets, clocks, or the message that a body belongs to.
"""
