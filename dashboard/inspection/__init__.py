"""The Inspection page: what came back and waits, and what becomes of it."""
