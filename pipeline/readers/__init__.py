"""Frame readers: files, images, cameras, network streams, synthetic pictures."""

from pipeline.readers.array_frame import ArrayFrame
from pipeline.readers.backoff import Backoff
from pipeline.readers.base import Frame, Pixels, Reader, ResumePoint, Wait
from pipeline.readers.link import LinkTrack
from pipeline.readers.pacing import paced
from pipeline.readers.reconnect import KeptOpen
from pipeline.readers.registry import READERS, check_source, open_reader

__all__ = [
    "READERS",
    "ArrayFrame",
    "Backoff",
    "Frame",
    "KeptOpen",
    "LinkTrack",
    "Pixels",
    "Reader",
    "ResumePoint",
    "Wait",
    "check_source",
    "open_reader",
    "paced",
]
