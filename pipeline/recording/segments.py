"""The files of a recording: `telemetry.mpk` grows, older segments carry a number."""

from pathlib import Path
from typing import Final

from pipeline.file_series import FileSeries

TELEMETRY: Final = "telemetry.mpk"


def segments_of(folder: Path) -> FileSeries:
    """The recording in a run's folder."""
    return FileSeries(folder / TELEMETRY)
