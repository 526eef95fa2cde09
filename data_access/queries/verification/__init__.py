"""Verifying the store: its projections against its events, and facts that contradict each other."""
