"""Benchmarks of the running system; each writes one JSON file."""
