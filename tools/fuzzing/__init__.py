"""Fuzz checks: what is damaged is refused in one line or read correctly."""
