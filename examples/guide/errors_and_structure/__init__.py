"""The guide's third program: the tea shop in several modules."""
