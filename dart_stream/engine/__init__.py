"""Runs staged networks with early exits. Needs torch; knows no policy by name."""

from dart_stream.engine.deadline import Deadline, LegTimes
from dart_stream.engine.decisions import ExitDecisions
from dart_stream.engine.engine import Engine
from dart_stream.engine.placement import EngineError
from dart_stream.engine.stage_times import StageTimes
from dart_stream.engine.staged_model import StagedModel, StagedNetwork, staged_model

__all__ = [
    "Deadline",
    "Engine",
    "EngineError",
    "ExitDecisions",
    "LegTimes",
    "StageTimes",
    "StagedModel",
    "StagedNetwork",
    "staged_model",
]
