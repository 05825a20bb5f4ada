"""Keeping a policy right while the world changes: audits, a bound, detectors, coefficients.

River style: `update(observation)`, then properties. Numpy alone; nothing knows a clock.
"""

from dart_stream.adaptation.alarm import ALARM_KINDS, Alarm, AlarmKind
from dart_stream.adaptation.audit_log import AuditLog, WhatIf
from dart_stream.adaptation.controller import Controller
from dart_stream.adaptation.dart import DartController
from dart_stream.adaptation.figures import Figures
from dart_stream.adaptation.observation import Audit, Observation
from dart_stream.adaptation.registry import ABLATIONS, CONTROLLERS, dart_controller
from dart_stream.adaptation.settings import DartSettings
from dart_stream.adaptation.start import ControllerFactory, Start
from dart_stream.adaptation.window import SlidingWindow, WindowRow

__all__ = [
    "ABLATIONS",
    "ALARM_KINDS",
    "CONTROLLERS",
    "Alarm",
    "AlarmKind",
    "Audit",
    "AuditLog",
    "Controller",
    "ControllerFactory",
    "DartController",
    "DartSettings",
    "Figures",
    "Observation",
    "SlidingWindow",
    "Start",
    "WhatIf",
    "WindowRow",
    "dart_controller",
]
