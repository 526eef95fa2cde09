"""Returns: why things come back, and how much of what was shipped."""
