"""Delimited text as bytes: its encoding and delimiter, and its records."""
