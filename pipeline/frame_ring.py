"""Whole frames in shared memory: a ring of slots that one reader fills and sinks look into.

A ring is a plain file, mapped by both sides. Which slots may be filled again is not written in it:
the hub holds the leases, so that a sink's death leaves nothing locked. A slot carries the number of
its frame, which grows within a ring: whoever finds another one than he was told has come too late.
"""

import contextlib
import errno
import logging
import mmap
import os
import struct
import time
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SourceError
from pipeline.readers.base import Frame, Pixels

_RING: Final = struct.Struct("<QQ")
"""Slots, bytes of a slot."""
_SLOT: Final = struct.Struct("<qIIII")
"""Frame number (-1 while it is filled), width and height here, width and height of the source."""
_LINE: Final = 64
"""Bytes before the first slot and before each slot's pixels."""
_EMPTY: Final = -1
_LOOK_AGAIN_S: Final = 1.0
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.ENOMEM, errno.EDQUOT, errno.EFBIG})

log = logging.getLogger(__name__)


class Picture(NamedTuple):
    """A frame out of a ring."""

    pixels: Pixels
    """RGB uint8 of shape (height, width, 3): the shared memory itself, read-only."""
    source_size: tuple[int, int]
    """Width and height of the source's frame, in whose pixels boxes are given."""


def ring_path(folder: str | Path, identity: str) -> Path:
    """Where the ring of a reader lies; each incarnation (`reader/NAME#N`) has its own."""
    return Path(folder) / f"{identity.removeprefix('reader/')}.ring"


class RingWriter:
    """The reader's side. The file is made with the first frame, which says how large a slot is.

    Args:
        path: The file; its folder exists.
        slots: Frames that fit.
        can_do_without: While shared memory has no room, frames get no slot, and it is tried again
            every second. So it is once a run goes on: pictures are then missing, counted, from
            what is drawn, and answers from nothing. At its beginning a lack of room is an error.
    """

    def __init__(self, path: Path, slots: int, *, can_do_without: bool = False) -> None:
        self._path = path
        self._slots = slots
        self._can_do_without = can_do_without
        self._missing_until_s: float | None = None
        self._next = 0
        self._free = slots
        self._slot_bytes = 0
        self._map: mmap.mmap | None = None

    def put(self, frame: Frame, number: int | None = None) -> int | None:
        """Copy a frame into the next slot; the slot's number, or None if there is none for it.

        A frame that is larger than the first one was is scaled down until it fits.

        Args:
            frame: What is kept.
            number: What the run calls it; None takes the source's own number.

        Raises:
            SourceError: Shared memory has no room for the ring, and it must have.
        """
        if not self._free or self._waits_for_room:
            return None
        pixels = frame.pixels()
        number = frame.index if number is None else number
        if self._map is None:
            self._map = self._made(pixels.nbytes)
            if self._map is None:
                return None
        slot = self._next
        self._fill(self._map, slot, frame, number, _fitted(pixels, self._slot_bytes))
        self._next = (slot + 1) % self._slots
        self._free -= 1
        return slot

    @property
    def _waits_for_room(self) -> bool:
        until_s = self._missing_until_s
        return until_s is not None and time.monotonic() < until_s

    def _made(self, picture_bytes: int) -> mmap.mmap | None:
        """The file, or None while there is no room for it."""
        self._slot_bytes = -(-picture_bytes // _LINE) * _LINE
        try:
            made = _create(self._path, self._slots, self._slot_bytes)
        except SourceError as error:
            if not self._can_do_without:
                raise
            if self._missing_until_s is None:
                log.warning("%s; frames are not drawn until there is room", error)
            self._missing_until_s = time.monotonic() + _LOOK_AGAIN_S
            return None
        if self._missing_until_s is not None:
            log.info("shared memory: there is room again")
            self._missing_until_s = None
        return made

    def release(self, count: int) -> None:
        """So many of the slots, the oldest, may be filled again."""
        self._free = min(self._slots, self._free + count)

    def _fill(
        self, memory: mmap.mmap, slot: int, frame: Frame, number: int, pixels: Pixels
    ) -> None:
        begin = _slot_at(slot, self._slot_bytes)
        height, width = pixels.shape[:2]
        sizes = (width, height, frame.width, frame.height)
        _SLOT.pack_into(memory, begin, _EMPTY, *sizes)
        memory[begin + _LINE : begin + _LINE + pixels.nbytes] = pixels.data.cast("B")
        _SLOT.pack_into(memory, begin, number, *sizes)


class RingReader:
    """A sink's side.

    Args:
        path: A ring that a reader made.

    Raises:
        FileNotFoundError: It is gone.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        self._slots, self._slot_bytes = _RING.unpack_from(self._map)

    def picture(self, slot: int, frame: int) -> Picture | None:
        """The picture of a frame where it lies; None if the slot holds another one.

        Whoever has used it asks `holds` whether it was there all the time. (A copy of 1080p took
        as long as the rest of the way together, most of it for memory that was new every time.)
        """
        if not 0 <= slot < self._slots:
            return None
        begin = _slot_at(slot, self._slot_bytes)
        number, width, height, source_width, source_height = _SLOT.unpack_from(self._map, begin)
        size = width * height * 3
        if number != frame or size > self._slot_bytes:
            return None
        lying = np.frombuffer(self._map, np.uint8, size, begin + _LINE)
        return Picture(lying.reshape(height, width, 3), source_size=(source_width, source_height))

    def holds(self, slot: int, frame: int) -> bool:
        """Whether the slot still has the picture of this frame."""
        number: int = _SLOT.unpack_from(self._map, _slot_at(slot, self._slot_bytes))[0]
        return number == frame

    def close(self) -> None:
        """Let go of the memory; a picture that is still in use keeps it as long as it is."""
        with contextlib.suppress(BufferError):
            self._map.close()


def _slot_at(slot: int, slot_bytes: int) -> int:
    return _LINE + slot * (_LINE + slot_bytes)


def _create(path: Path, slots: int, slot_bytes: int) -> mmap.mmap:
    size = _slot_at(slots, slot_bytes)
    descriptor = _new_file(path)
    try:
        # Without it a full file system would end the process with a bus error at some later frame.
        os.posix_fallocate(descriptor, 0, size)
        memory = mmap.mmap(descriptor, size)
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno not in _NO_ROOM:
            raise
        raise SourceError(
            f"shared memory: expected room for {slots} frames, {size / 1e6:.0f} MB, in "
            f"{path.parent}, got less; make it larger (a container: --shm-size=1g) or set "
            "runtime.credits lower"
        ) from error
    finally:
        os.close(descriptor)
    _RING.pack_into(memory, 0, slots, slot_bytes)
    return memory


def _new_file(path: Path) -> int:
    """A descriptor. A logout may empty /dev/shm under a run (RemoveIPC of systemd-logind)."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):  # another reader was quicker
            path.parent.mkdir(mode=0o700)
        return os.open(path, flags, 0o600)


def _fitted(pixels: Pixels, slot_bytes: int) -> Pixels:
    if pixels.nbytes <= slot_bytes:
        return pixels
    factor: float = (slot_bytes / pixels.nbytes) ** 0.5
    height, width = (max(1, int(side * factor)) for side in pixels.shape[:2])
    small: NDArray[np.uint8] = np.asarray(
        cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8
    )
    return small
