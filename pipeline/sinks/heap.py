"""Memory that malloc holds back, given to the system again."""

import ctypes


def give_back() -> None:
    """Give back what was freed; where there is no glibc, nothing happens.

    An encoder takes and frees megabytes with every part of a video, and small blocks that live on
    come to lie between them: without this, a process grows for half an hour.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
