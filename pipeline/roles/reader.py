"""A reader at work: one thread decodes, the other crops and sends what the hub gives credit for."""

import logging
import os
import threading
import time
from collections.abc import Iterator

import cv2

from pipeline.errors import UserError
from pipeline.frame_ring import RingWriter, ring_path
from pipeline.messages import (
    Credit,
    EndConfirmed,
    Fatal,
    FrameHeader,
    Frames,
    Hello,
    ReaderStatus,
    RegionHeader,
    SourceEnded,
    Stop,
)
from pipeline.perturb import CropKey, Perturbation
from pipeline.readers import Frame, Reader, ResumePoint, open_reader
from pipeline.readers.pacing import paced
from pipeline.regions import FoundRegion, build_region_finder
from pipeline.regions.crop import Cropper
from pipeline.specs import ReaderSpec
from pipeline.stages.reader import FrameBuffer
from pipeline.stages.segments import Segments
from pipeline.transport import Context, Link

_STATUS_INTERVAL_S = 0.5
_GROUP = 64
_GROUP_BYTES = 1 << 20
"""Frames of a file that travel together: so many, or fewer of a model with large pictures.

Decoder and network each start cold where the other has just been, so that long turns of both are
what two busy cores do best: 1688 frames/s with groups of 16, 1859 with 64 (and credits for them).
"""
_PATIENCE_MS, _GROUP_PATIENCE_MS = 200, 150
"""How long to wait for the hub or the decoder before looking around."""
_CONFIRM_TIMEOUT_S = 10.0

log = logging.getLogger(__name__)


def run_reader(spec: ReaderSpec, context: Context, stopping: threading.Event) -> None:
    """Read one source to its end, or until told to stop.

    Args:
        spec: What to read, and where to begin.
        context: ZeroMQ context to connect with.
        stopping: Set from outside when the hub will not say so itself any more.
    """
    # OpenCV would otherwise cut one region with all cores, which the other readers need.
    cv2.setNumThreads(1)
    link = Link(context, spec.endpoint, spec.identity)
    try:
        link.send(Hello("reader", spec.name, os.getpid()))
        try:
            ReaderLoop(spec, link, stopping).run()
        except UserError as error:
            link.send(Fatal(str(error)))
    finally:
        link.close(hub_listens=not stopping.is_set())


class Cut:
    """What travels of a frame; the picture itself is not kept, or in a slot of shared memory."""

    __slots__ = ("captured_mono_ns", "corrupt", "crops", "header", "skipped")

    def __init__(
        self,
        frame: Frame,
        regions: list[RegionHeader],
        crops: bytes,
        segment: int,
        slot: int | None,
    ) -> None:
        self.captured_mono_ns = frame.captured_mono_ns
        self.skipped, self.corrupt = frame.skipped, frame.corrupt
        self.crops = crops
        self.header = FrameHeader(
            frame.index,
            frame.pts_s,
            frame.captured_at_ns,
            frame.captured_mono_ns,
            frame.decode_ms,
            regions,
            segment,
            slot,
        )


class ReaderLoop:
    """Decodes, crops and sends one source.

    Args:
        spec: What to read, and where to begin.
        link: To the hub, which awaits a hello before.
        stopping: Ends it without an end of the source.
    """

    def __init__(self, spec: ReaderSpec, link: Link, stopping: threading.Event) -> None:
        self._spec = spec
        self._link = link
        self._stopping = stopping
        self._reader = open_reader(spec.source)
        self._reader.decode_threads = spec.decode_threads
        self._finder = build_region_finder(spec.source.regions)
        self._cropper = Cropper(spec.input_size, spec.resize)
        shift = spec.source.perturb
        self._perturbation = None if shift is None else Perturbation.parse(shift)
        self._regions_cut = spec.regions_before
        self._segments = Segments(spec.segment, has_one_size=self._reader.has_one_size)
        self._credits = 0
        self._status_due_s = 0.0
        self._woken, self._wake = os.pipe()
        self._ring = _ring(spec)
        can_wait = self._reader.can_wait
        # A slot is there only for what there is credit for, so pictures wait for that.
        self._cuts_early = can_wait and self._ring is None
        self._patience_ms = _GROUP_PATIENCE_MS if can_wait else _PATIENCE_MS
        self._buffer: FrameBuffer[Frame | Cut] = FrameBuffer(
            self._reader.on_full,
            max_age_s=spec.source.max_age,
            counters=spec.counters,
            is_live=self._reader.live,
            group=_group_size(spec) if can_wait else 1,
            wake=lambda: _signal(self._wake),
        )

    def run(self) -> None:
        """Read to the end, or until told to stop.

        Raises:
            UserError: The source cannot be read.
        """
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        self._link.watch(self._woken)
        if not self._reader.live:
            # A file can wait until somebody wants its frames; a clip that plays as a camera then
            # loses none while the workers start.
            self._await_credit()
        decoding = threading.Thread(target=self._decode, name="decode", daemon=True)
        decoding.start()
        try:
            self._serve()
            if not self._stopping.is_set():
                # Otherwise there is no hub any more, or another reader goes on with this source.
                self._end()
        finally:
            self._buffer.stop()
            decoding.join(timeout=2.0)
            if not decoding.is_alive():
                # A decoder stuck in the library still needs both ends of its pipe.
                self._reader.close()
                os.close(self._woken)
                os.close(self._wake)

    def _decode(self) -> None:
        point = None
        if self._spec.resume_frame is not None:
            point = ResumePoint(self._spec.resume_frame, self._spec.resume_pts_s)
        try:
            for frame in _frames(self._reader, point, self._spec, self._buffer):
                # Where nothing is dropped, cutting here keeps both threads out of each other's way,
                # and crops wait instead of whole pictures.
                if not self._buffer.put(self._cut(frame) if self._cuts_early else frame):
                    return
        except Exception as error:  # noqa: BLE001  # handed to the sending thread, which raises it
            self._buffer.finish("failed", failure=error)
            return
        self._buffer.finish(
            self._reader.end_reason, left_out=(self._reader.skipped, self._reader.corrupt)
        )

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._send_what_credit_allows()
            self._report()
            if self._buffer.end is not None:
                if self._buffer.failure is not None:
                    raise self._buffer.failure
                return
            if self._hear(self._patience_ms):
                return

    def _await_credit(self) -> None:
        while not self._credits and not self._stopping.is_set():
            self._report()
            if self._hear(_PATIENCE_MS):
                return

    def _hear(self, timeout_ms: int) -> bool:
        """Take what the hub says; True when it wants no more."""
        received = self._link.receive(timeout_ms)
        _drain(self._woken)
        while received is not None:
            message, _ = received
            if isinstance(message, Credit):
                self._credits += message.frames
                if self._ring is not None:
                    self._ring.release(message.slots)
            elif isinstance(message, Stop):
                self._buffer.stop()
                return True
            received = self._link.receive(0)
        return False

    def _send_what_credit_allows(self) -> None:
        now_ns = time.monotonic_ns()
        while self._buffer.is_ripe(now_ns, self._credits):
            taken = self._buffer.take(now_ns, self._credits)
            if taken is None:
                return
            self._credits -= len(taken.frames)
            cuts = [one if isinstance(one, Cut) else self._cut(one) for one in taken.frames]
            headers = [cut.header for cut in cuts]
            self._link.send(
                Frames(self._spec.name, headers, taken.counters),
                b"".join(cut.crops for cut in cuts),
            )

    def _cut(self, frame: Frame) -> Cut:
        regions = self._finder.find(frame)
        crops = self._cropper.crops(frame, regions)
        if self._perturbation is not None and len(regions):
            key = CropKey(self._spec.seed, self._spec.name, frame.index)
            crops = self._perturbation.apply(crops, self._regions_cut, key)
        self._regions_cut += len(regions)
        headers = [_header(region) for region in regions]
        segment = self._segments.of(frame.part, (frame.width, frame.height))
        slot = None if self._ring is None else self._ring.put(frame)
        return Cut(frame, headers, crops.tobytes(), segment, slot)

    def _report(self) -> None:
        if time.monotonic() < self._status_due_s:
            return
        self._status_due_s = time.monotonic() + _STATUS_INTERVAL_S
        self._link.send(
            ReaderStatus(
                self._spec.name, self._buffer.counters, "running", self._buffer.num_waiting
            )
        )

    def _end(self) -> None:
        reason = self._buffer.end or "stopped"
        if reason not in {"complete", "stopped"}:
            log.warning("%s", reason)
        if self._buffer.failure is not None:
            raise self._buffer.failure
        ok = reason in {"complete", "stopped"}
        self._link.send(SourceEnded(self._spec.name, reason, self._buffer.counters, ok))
        deadline_s = time.monotonic() + _CONFIRM_TIMEOUT_S
        while time.monotonic() < deadline_s and not self._stopping.is_set():
            received = self._link.receive(200)
            if received is not None and isinstance(received[0], EndConfirmed):
                return


def _frames(
    reader: Reader, point: ResumePoint | None, spec: ReaderSpec, buffer: FrameBuffer[Frame | Cut]
) -> Iterator[Frame]:
    frames = reader.frames(point)
    if spec.source.realtime and not reader.live:
        return paced(frames, buffer.wait_stopped)
    return frames


def _ring(spec: ReaderSpec) -> RingWriter | None:
    """Where whole frames go if a sink asks for them."""
    if spec.frames_folder is None or not spec.ring_slots:
        return None
    return RingWriter(ring_path(spec.frames_folder, spec.identity), spec.ring_slots)


def _group_size(spec: ReaderSpec) -> int:
    """At most half of its credits: one half is decoded while the other is answered."""
    height, width = spec.input_size
    return max(1, min(_GROUP, _GROUP_BYTES // (height * width * 3), spec.credits // 2))


def _header(region: FoundRegion) -> RegionHeader:
    """Plain numbers: a finder of the user's own may return those of numpy."""
    x_min, y_min, x_max, y_max = map(float, region.box)
    track = None if region.track is None else int(region.track)
    return RegionHeader((x_min, y_min, x_max, y_max), region.name, track)


def _signal(descriptor: int) -> None:
    try:
        os.write(descriptor, b"\0")
    except BlockingIOError:
        return  # the pipe is full of wake-ups already


def _drain(descriptor: int) -> None:
    try:
        while os.read(descriptor, 4_096):
            pass
    except BlockingIOError:
        return
