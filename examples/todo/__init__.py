"""A service in several files; `app` puts them together."""
