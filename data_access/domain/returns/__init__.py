"""Returns: why things come back, at what rate, and what is beyond chance. Pure."""
