"""Many encoded pictures -> one array, on all cores."""

import os
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.data.dataset import OnDecoded, Skipped
from dart_stream.data.decode import Resize, decode_picture
from dart_stream.data.file_tree import ReadFile
from dart_stream.data.memory import require_memory
from dart_stream.errors import DataError

_SLICE: Final = 64
"""Pictures a task: enough that handing out tasks costs nothing, few enough to show progress."""

_SMALL_BYTES: Final = 16_000
"""Files below this are decoded by one thread: most of their time is Python's, and threads that
wait for each other cost more than they give (5,000 files of 1 KB: 0.9 s with one, 1.3 s with two).
"""

_READ_ERRORS: Final = (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)


def decode_all(
    read: ReadFile,
    names: Sequence[str],
    size: tuple[int, int],
    resize: Resize,
    on_decoded: OnDecoded,
) -> tuple[NDArray[np.uint8], NDArray[np.int64], list[Skipped]]:
    """Decode files into [N, H, W, 3].

    Returns:
        Pictures in the order of `names`, the indices into `names` that they are, and the files
        that could not be decoded.

    Raises:
        DataError: the pictures do not fit into the memory.
    """
    require_memory(len(names), size)
    images = np.empty((len(names), *size, 3), np.uint8)

    def decode_slice(start: int) -> list[tuple[int, str]]:
        """Fill rows of `images`; gives the indices that failed, and why."""
        failed = []
        for index in range(start, min(start + _SLICE, len(names))):
            try:
                images[index] = decode_picture(_content(read, names[index]), size, resize)
            except DataError as error:
                failed.append((index, str(error)))
        return failed

    failures: dict[int, str] = {}
    pool = ThreadPoolExecutor(_threads(read, names), "dart-decode")
    try:
        with warnings.catch_warnings():
            # Pillow warns of odd EXIF and palettes; what matters is whether pixels came.
            warnings.simplefilter("ignore")
            starts = range(0, len(names), _SLICE)
            for start, failed in zip(starts, pool.map(decode_slice, starts), strict=True):
                failures.update(failed)
                on_decoded(min(start + _SLICE, len(names)), len(names))
    finally:
        pool.shutdown(cancel_futures=True)
    skipped = [Skipped(names[index], reason) for index, reason in failures.items()]
    kept = np.array([i for i in range(len(names)) if i not in failures], np.int64)
    return _compacted(images, kept), kept, skipped


def _threads(read: ReadFile, names: Sequence[str]) -> int:
    """One for small files, else one a core: decoding large ones releases the interpreter's lock."""
    sizes = []
    for name in names[:: max(1, len(names) // 8)]:
        try:
            sizes.append(len(_content(read, name)))
        except DataError:
            sizes.append(0)
    small = sum(sizes) < _SMALL_BYTES * len(sizes)
    return 1 if small else len(os.sched_getaffinity(0))


def _content(read: ReadFile, name: str) -> bytes:
    try:
        return read(name)
    except _READ_ERRORS as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(reason) from error


def _compacted(images: NDArray[np.uint8], kept: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Close gaps in place: a copy might not fit beside the original."""
    for row, index in enumerate(kept):
        if row != index:
            images[row] = images[index]
    return images[: len(kept)]
