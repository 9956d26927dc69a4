"""What ``hump-trio`` on the command line does: options, logs, one process or many.

It must not know the bytes of a message.
"""
