"""Faults of a seed, injected into a running pipeline, and what became of its ledger."""
