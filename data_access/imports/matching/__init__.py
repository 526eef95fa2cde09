"""Rows of files and what the store knows: ids that are written otherwise."""
