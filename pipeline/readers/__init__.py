"""Frame readers: files, images, cameras, network streams, synthetic pictures."""

from pipeline.readers.base import Frame, Pixels, Reader, ResumePoint, Wait

__all__ = ["Frame", "Pixels", "Reader", "ResumePoint", "Wait"]
