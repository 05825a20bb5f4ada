"""The recording of a run, `telemetry.mpk`: written in segments of bounded size, read as one."""

from pipeline.recording.reader import RecordedRun, read_segment
from pipeline.recording.segments import TELEMETRY
from pipeline.recording.writer import Recording

__all__ = ["TELEMETRY", "RecordedRun", "Recording", "read_segment"]
