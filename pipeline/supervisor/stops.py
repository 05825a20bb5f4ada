"""End records that an interrupt wrote: whoever goes on with the run takes them back."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.sinks.base import STOPPED, Record
from pipeline.sinks.result_lines import decode_line, is_head, whole_lines


def take_stops(results: Path) -> dict[str, Record]:
    """Take the stops out of a file, because their sources go on; returns them by source.

    Lines of other sources behind them stay: a camera could not show those pictures again.

    Args:
        results: The part that grows; an earlier one holds no stop.

    Raises:
        ConfigError: A line is damaged.
    """
    stops: dict[str, Record] = {}
    begin, kept = 0, bytearray()
    with results.open("r+b") as stream:
        for line in whole_lines(stream, results):
            stop = _stop_of(line, results)
            if stop is not None:
                stops[stop["source"]] = stop
            elif stops:
                kept += line
            else:
                begin += len(line)
        if stops:
            stream.seek(begin)
            stream.write(kept)
            stream.truncate()
    return stops


def stop_in_all(stops: Sequence[Mapping[str, Record]], name: str, session: int) -> Record | None:
    """The stop of a source, if it holds: all that was accepted before it stands in every file.

    Args:
        stops: Of each file.
        name: Of the source.
        session: Number of the session that goes on.
    """
    found = [each.get(name) for each in stops]
    stop = found[0] if found else None
    if stop is None or found.count(stop) < len(found):
        return None
    is_told = stop.get("end_frame") is not None and stop.get("session", 1) == session
    return stop if is_told else None


def _stop_of(line: bytes, results: Path) -> Record | None:
    if b'"end_of_stream"' not in line or is_head(line):
        return None
    record = decode_line(line, results)
    return record if record.get("reason") == STOPPED else None
