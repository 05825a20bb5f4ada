"""Before a recording is gone on with: nothing may stand behind half a record."""

from pathlib import Path

from pipeline.recording.reader import DamagedError, whole_bytes
from pipeline.recording.segments import TELEMETRY, segments_of


def repair(folder: Path) -> None:
    """Cut the half record that a killed run left; a segment that is damaged before is set aside."""
    path = folder / TELEMETRY
    if not path.is_file():
        return
    try:
        end = whole_bytes(path)
    except DamagedError:
        segments_of(folder).set_aside()
        return
    with path.open("r+b") as stream:
        stream.truncate(end)
