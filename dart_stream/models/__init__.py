"""Multi-exit networks: one family a file, one registry, and exits on any backbone.

A new family is a file in this folder with a `@register`ed class or function that makes a
`MultiExitNetwork`, and a line of import below.
"""

from dart_stream.models import (
    dartnet_64,
    dartnet_tiny,
    levit,
    resnet18,
    timm_backbone,
    torchvision_backbone,
    vgg16,
)
from dart_stream.models.alexnet import AlexNet
from dart_stream.models.cutting import CutPoint
from dart_stream.models.dartnet import DartNet
from dart_stream.models.exits import cut_points, with_exits
from dart_stream.models.macs import count_macs
from dart_stream.models.network import MultiExitNetwork
from dart_stream.models.pretrained import create_pretrained, start_from
from dart_stream.models.registry import create_model, full_config, list_models, register

__all__ = [
    "AlexNet",
    "CutPoint",
    "DartNet",
    "MultiExitNetwork",
    "count_macs",
    "create_model",
    "create_pretrained",
    "cut_points",
    "dartnet_64",
    "dartnet_tiny",
    "full_config",
    "levit",
    "list_models",
    "register",
    "resnet18",
    "start_from",
    "timm_backbone",
    "torchvision_backbone",
    "vgg16",
    "with_exits",
]
