"""Returns as pages read them: why and how much, and what waits for inspection."""
