"""A reader at work: one thread decodes, the other crops and sends what the hub gives credit for."""

import logging
import os
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import closing
from itertools import accumulate

import cv2

from pipeline.config import ZoneRegions
from pipeline.errors import ConfigError, UserError
from pipeline.heap import map_large_blocks
from pipeline.messages import (
    MAX_BLOB_BYTES,
    Counters,
    Credit,
    EndConfirmed,
    Fatal,
    FrameHeader,
    Frames,
    Hello,
    ReaderStatus,
    SourceEnded,
    Stop,
)
from pipeline.one_line import visible
from pipeline.readers import Backoff, Frame, KeptOpen, LinkTrack, ResumePoint, open_reader
from pipeline.readers.pacing import paced
from pipeline.roles.cutting import Cut, Cutter
from pipeline.specs import ReaderSpec
from pipeline.stages.reader import FrameBuffer
from pipeline.transport import Context, Link

_STATUS_INTERVAL_S = 0.5
_GROUP = 64
_GROUP_BYTES = 1 << 20
"""Frames of a file that travel together: so many, or fewer of large pictures or many zones.

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
            with closing(ReaderLoop(spec, link, stopping)) as loop:
                loop.run()
        except UserError as error:
            link.send(Fatal(visible(str(error))))
    finally:
        link.close(hub_listens=not stopping.is_set())


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
        self._cutter = Cutter(spec, has_one_size=self._reader.has_one_size)
        self._credits = 0
        self._status_due_s = 0.0
        self.is_end_confirmed = False
        """The hub knows that the source has ended."""
        self._woken, self._wake = os.pipe()
        self._decoding = threading.Thread(target=self._decode, name="decode", daemon=True)
        can_wait = self._reader.can_wait
        # A slot is there only for what there is credit for, so pictures wait for that.
        self._cuts_early = can_wait and self._cutter.ring is None
        self._patience_ms = _GROUP_PATIENCE_MS if can_wait else _PATIENCE_MS
        self._buffer: FrameBuffer[Frame | Cut] = FrameBuffer(
            self._reader.on_full,
            max_age_s=spec.source.max_age,
            counters=spec.counters,
            is_live=self._reader.live,
            group=_group_size(spec) if can_wait else 1,
            wake=lambda: _signal(self._wake),
        )
        self._track = _link_track(spec, is_live=self._reader.live)
        reconnect = spec.source.reconnect
        self._kept_open = KeptOpen(
            self._reader,
            self._track,
            self._buffer.wait_stopped,
            Backoff(reconnect.first, reconnect.cap),
        )

    def run(self) -> None:
        """Read to the end, or until told to stop.

        Raises:
            UserError: The source cannot be read.
        """
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        self._link.watch(self._woken)
        if self._reader.live and self._spec.has_own_process():
            map_large_blocks()  # not for files, which are read as fast as it goes
        if not self._reader.live:
            # A file can wait until somebody wants its frames; a clip that plays as a camera then
            # loses none while the workers start.
            self._await_credit()
        self._decoding.start()
        try:
            self._serve()
            if not self._stopping.is_set():
                # Otherwise there is no hub any more, or another reader goes on with this source.
                self._end()
        finally:
            self._buffer.stop()
            self._decoding.join(timeout=2.0)
            if not self._decoding.is_alive():
                self._reader.close()
            _drain(self._woken)  # the link may still wait for an answer, and must be able to

    def close(self) -> None:
        """Let go of the pipe; the link must not receive any more, for it watches that."""
        if not self._decoding.is_alive():
            # A decoder stuck in the library still needs both ends.
            os.close(self._woken)
            os.close(self._wake)

    def _decode(self) -> None:
        point = None
        if self._spec.resume_frame is not None:
            point = ResumePoint(self._spec.resume_frame, self._spec.resume_pts_s)
        try:
            for frame in self._frames(point):
                # Where nothing is dropped, cutting here keeps both threads out of each other's way,
                # and crops wait instead of whole pictures.
                if not self._buffer.put(self._cutter.cut(frame) if self._cuts_early else frame):
                    return
        except Exception as error:  # noqa: BLE001  # handed to the sending thread, which raises it
            self._buffer.finish("failed", failure=error)
            return
        left_out = (self._reader.skipped, self._reader.corrupt)
        if self._reader.live:
            left_out = self._kept_open.left_out
        self._buffer.finish(self._reader.end_reason, left_out=left_out)

    def _frames(self, point: ResumePoint | None) -> Iterator[Frame]:
        if self._reader.live:
            return self._kept_open.frames(point)
        frames = self._reader.frames(point)
        return paced(frames, self._buffer.wait_stopped) if self._spec.source.realtime else frames

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
                if self._cutter.ring is not None:
                    self._cutter.ring.release(message.slots)
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
            cuts = [one if isinstance(one, Cut) else self._cutter.cut(one) for one in taken.frames]
            for some, counters in _messages(cuts, taken.counters):
                headers = [cut.header for cut in some]
                crops = b"".join(cut.crops for cut in some)
                self._require_room(headers, crops)
                self._link.send(Frames(self._spec.name, headers, counters), crops)

    def _require_room(self, headers: list[FrameHeader], crops: bytes) -> None:
        """The hub's socket would close the connection over a larger message, and say nothing."""
        if len(crops) > MAX_BLOB_BYTES:
            height, width = self._spec.input_size
            num_regions = sum(len(header.regions) for header in headers)
            raise ConfigError(
                f"sources.{self._spec.name}.regions: expected at most {MAX_BLOB_BYTES >> 20} MiB "
                f"of crops in a message, got {len(crops) >> 20} MiB in {len(headers)} frames of "
                f"{num_regions} regions, {width}x{height} pixels each; give fewer regions or a "
                "smaller model"
            )

    def _report(self) -> None:
        if time.monotonic() < self._status_due_s:
            return
        self._status_due_s = time.monotonic() + _STATUS_INTERVAL_S
        is_live, trouble = self._reader.live, self._track.trouble
        self._link.send(
            ReaderStatus(
                self._spec.name,
                self._buffer.counters,
                self._track.state if is_live else "running",
                self._buffer.num_waiting,
                link=self._track.account,
                trouble=None if trouble is None else visible(trouble),
                stuck_s=self._kept_open.stuck_s() if is_live else 0.0,
            )
        )

    def _end(self) -> None:
        # It may name a file whose name is no text, which no message can hold.
        reason = visible(self._buffer.end or "stopped")
        if reason not in {"complete", "stopped"}:
            log.warning("%s", reason)
        if self._buffer.failure is not None:
            raise self._buffer.failure
        ok = reason in {"complete", "stopped"}
        self._link.send(
            SourceEnded(self._spec.name, reason, self._buffer.counters, ok, self._track.account)
        )
        self.is_end_confirmed = end_confirmed(self._link, self._stopping, self._woken)


def end_confirmed(link: Link, stopping: threading.Event, woken: int | None = None) -> bool:
    """Wait until the hub has the end of the source that it was sent; False if it does not say so.

    Args:
        link: To the hub.
        stopping: Ends the wait.
        woken: Where a decoder may still wake the link, which would then wait no more.
    """
    deadline_s = time.monotonic() + _CONFIRM_TIMEOUT_S
    while time.monotonic() < deadline_s and not stopping.is_set():
        received = link.receive(200)
        if woken is not None:
            _drain(woken)
        if received is not None and isinstance(received[0], EndConfirmed):
            return True
    return False


def _link_track(spec: ReaderSpec, *, is_live: bool) -> LinkTrack:
    last_ns = spec.resume_mono_ns
    return LinkTrack(
        spec.link,
        last_picture_s=None if last_ns is None else last_ns / 1e9,
        resumes=is_live and spec.resume_frame is not None,
    )


def _group_size(spec: ReaderSpec) -> int:
    """At most half of its credits: one half is decoded while the other is answered."""
    height, width = spec.input_size
    regions = spec.source.regions
    num_regions = len(regions.zones) if isinstance(regions, ZoneRegions) else 1
    frame_bytes = height * width * 3 * max(1, num_regions)
    return max(1, min(_GROUP, _GROUP_BYTES // frame_bytes, spec.credits // 2))


def _messages(cuts: list[Cut], counters: Counters) -> Iterator[tuple[list[Cut], Counters]]:
    """What of a group travels together, each with the account that ends with its last frame.

    How many regions a finder of the user's own finds shows only when they are cut.

    Args:
        cuts: Of one group. Where it is more than one, nothing was dropped between them.
        counters: The account that ends with the last of them.
    """
    begin = 0
    while begin < len(cuts):
        sizes = list(accumulate(len(cut.crops) for cut in cuts[begin:]))
        end = begin + max(1, bisect_right(sizes, _GROUP_BYTES))
        last, group_last = cuts[end - 1], cuts[-1]
        yield (
            cuts[begin:end],
            Counters(
                counters.captured - (len(cuts) - end),
                counters.dropped,
                counters.skipped - (group_last.skipped - last.skipped),
                counters.corrupt - (group_last.corrupt - last.corrupt),
            ),
        )
        begin = end


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
