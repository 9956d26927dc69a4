"""Transports: streams of bytes whose peer can be watched."""
