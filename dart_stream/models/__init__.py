"""Multi-exit networks: one family a file, one registry.

A new family is a file in this folder with a `@register`ed class that extends `MultiExitNetwork`,
and a line of import below.
"""

from dart_stream.models.dartnet import DartNet
from dart_stream.models.macs import count_macs
from dart_stream.models.network import MultiExitNetwork
from dart_stream.models.registry import create_model, list_models, register

__all__ = [
    "DartNet",
    "MultiExitNetwork",
    "count_macs",
    "create_model",
    "list_models",
    "register",
]
