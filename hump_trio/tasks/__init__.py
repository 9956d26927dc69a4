"""Tasks: what a Trio program needs, without a word of HTTP."""
