"""Frame readers: files, images, cameras, network streams, synthetic pictures."""

from pipeline.readers.array_frame import ArrayFrame
from pipeline.readers.base import Frame, Pixels, Reader, ResumePoint, Wait
from pipeline.readers.pacing import paced
from pipeline.readers.registry import READERS, check_source, open_reader

__all__ = [
    "READERS",
    "ArrayFrame",
    "Frame",
    "Pixels",
    "Reader",
    "ResumePoint",
    "Wait",
    "check_source",
    "open_reader",
    "paced",
]
