"""Looks at a machine: can the pipeline run here, how well, and what to do if not."""

from pipeline.doctor.check import Check, Verdict
from pipeline.doctor.checks import examine

__all__ = ["Check", "Verdict", "examine"]
