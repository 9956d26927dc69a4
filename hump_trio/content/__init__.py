"""Content: what bodies hold, as values: JSON, forms, text."""
