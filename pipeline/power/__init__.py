"""Watts and joules from the sensors of this machine; None where nothing was measured."""

from pipeline.power.meter import Finding, PowerMeter

__all__ = ["Finding", "PowerMeter"]
