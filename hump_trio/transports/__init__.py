"""Streams of bytes whose peer can be watched.

It must not know HTTP.
"""
