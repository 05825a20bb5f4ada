"""Rival ways to choose exits, fitted to one table and compared on another. One file each."""

from dart_stream.methods.fitted_policy import FittedPolicy
from dart_stream.methods.method import FittedMethod, Method
from dart_stream.methods.outcome import Outcome
from dart_stream.methods.registry import METHODS, methods_for

__all__ = ["METHODS", "FittedMethod", "FittedPolicy", "Method", "Outcome", "methods_for"]
