"""Settings, errors and words that every other folder may know.

It must not know Trio, sockets, clocks, or any other folder.
"""
