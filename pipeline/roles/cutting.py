"""What a reader makes of a frame: regions, crops, a segment, and a copy for sinks that draw."""

from pipeline.frame_ring import RingWriter, ring_path
from pipeline.messages import FrameHeader, RegionHeader
from pipeline.perturb import CropKey, Perturbation
from pipeline.readers import Frame
from pipeline.regions import FoundRegion, build_region_finder
from pipeline.regions.crop import Cropper
from pipeline.specs import ReaderSpec
from pipeline.stages.segments import Segments


class Cut:
    """What travels of a frame; the picture itself is not kept, or in a slot of shared memory."""

    __slots__ = ("captured_mono_ns", "corrupt", "crops", "header", "skipped")

    def __init__(self, frame: Frame, header: FrameHeader, crops: bytes) -> None:
        self.captured_mono_ns = frame.captured_mono_ns
        self.skipped, self.corrupt = frame.skipped, frame.corrupt
        self.crops = crops
        self.header = header


class Cutter:
    """Cuts the frames of one source, in order.

    Args:
        spec: Which regions, which size, and where an earlier reader left off.
        has_one_size: A change of the pictures' size is a break.
    """

    def __init__(self, spec: ReaderSpec, *, has_one_size: bool) -> None:
        self._spec = spec
        self._finder = build_region_finder(spec.source.regions)
        self._cropper = Cropper(spec.input_size, spec.resize)
        shift = spec.source.perturb
        self._perturbation = None if shift is None else Perturbation.parse(shift)
        self._regions_cut = spec.regions_before
        self._segments = Segments(spec.segment, has_one_size=has_one_size)
        self.ring = _ring(spec)
        """Where whole frames go, if a sink asks for them."""

    def cut(self, frame: Frame) -> Cut:
        """Find its regions and crop them."""
        regions = self._finder.find(frame)
        crops = self._cropper.crops(frame, regions)
        if self._perturbation is not None and len(regions):
            key = CropKey(self._spec.seed, self._spec.name, frame.index)
            crops = self._perturbation.apply(crops, self._regions_cut, key)
        self._regions_cut += len(regions)
        number = self._spec.first_frame + frame.index
        header = FrameHeader(
            number,
            self._spec.first_pts_s + frame.pts_s,
            frame.captured_at_ns,
            frame.captured_mono_ns,
            frame.decode_ms,
            [_header(region) for region in regions],
            self._segments.of(frame.part, (frame.width, frame.height)),
            None if self.ring is None else self.ring.put(frame, number),
        )
        return Cut(frame, header, crops.tobytes())


def _ring(spec: ReaderSpec) -> RingWriter | None:
    if spec.frames_folder is None or not spec.ring_slots:
        return None
    path = ring_path(spec.frames_folder, spec.identity)
    return RingWriter(path, spec.ring_slots, can_do_without=spec.resume_frame is not None)


def _header(region: FoundRegion) -> RegionHeader:
    """Plain numbers: a finder of the user's own may return those of numpy."""
    x_min, y_min, x_max, y_max = map(float, region.box)
    track = None if region.track is None else int(region.track)
    return RegionHeader((x_min, y_min, x_max, y_max), region.name, track)
