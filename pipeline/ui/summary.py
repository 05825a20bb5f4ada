"""The end of a run: `summary.json` as a table that also reads well in a file."""

from collections.abc import Mapping
from typing import Any, Final

from rich.box import ASCII
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.ui.figures import (
    MISSING,
    count,
    duration,
    joules,
    milliseconds,
    percent,
    printable,
    rate,
    saved,
    watts,
)
from pipeline.ui.theme import LABEL, TITLE, exit_name

NOT_MEASURED: Final = "not measured"


def summary_table(summary: Mapping[str, Any]) -> RenderableType:
    """Draw the contents of `summary.json`; what is null or missing there is not measured."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _rows(summary):
        table.add_row(Text(name, LABEL), Text(text))
    sources = summary.get("sources") or {}
    return Group(table, "", _source_table(sources)) if sources else table


def _rows(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("frames", _frames(summary.get("frames"))),
        ("regions", _count(summary.get("regions"))),
        ("duration", _known(duration(summary.get("duration_s")))),
        ("frames/s", _known(rate(summary.get("fps")))),
        ("latency", _latency(summary.get("latency_ms"))),
        ("exits", _exits(summary.get("exits"))),
        ("compute", _compute(summary.get("macs_fraction"))),
        ("disagreement", _disagreement(summary.get("disagreement"))),
        ("energy", _energy(summary)),
        *_undrawn(summary.get("sinks") or {}),
        ("restarts", _count(summary.get("restarts"))),
        ("alarms", _alarms(summary.get("alarms"))),
    ]


def _source_table(sources: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(box=ASCII, show_edge=False, header_style=TITLE)
    table.add_column("source", overflow="fold")
    for head in ("processed", "dropped", "frames/s"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("exits", overflow="fold")
    for name, source in sources.items():
        frames = source.get("frames") or {}
        dropped = frames.get("dropped")
        table.add_row(
            Text(_name(name, source)),
            _count(frames.get("processed")),
            _count(None if dropped is None else sum(dropped.values())),
            _known(rate(source.get("fps"))),
            Text(_exits(source.get("exits"))),
        )
    return table


def _name(name: str, source: Mapping[str, Any]) -> str:
    """Also whether its figures are of several times that it was read, and whether it is gone."""
    sessions = source.get("sessions") or 1
    notes = [f"{count(sessions)} sessions"] if sessions > 1 else []
    if source.get("state") == "removed":
        notes.append("removed")
    return printable(name) + (f" ({', '.join(notes)})" if notes else "")


def _frames(frames: Mapping[str, Any] | None) -> str:
    if not frames:
        return NOT_MEASURED
    dropped = frames.get("dropped") or {}
    reasons = ", ".join(f"{printable(reason)} {count(n)}" for reason, n in dropped.items())
    lost = f"{count(sum(dropped.values()))} dropped" + (f" ({reasons})" if reasons else "")
    captured, processed = _count(frames.get("captured")), _count(frames.get("processed"))
    waiting = _count(frames.get("in_flight"))
    return f"{captured} captured = {processed} processed + {lost} + {waiting} in flight"


def _latency(latency_ms: Mapping[str, float | None] | None) -> str:
    values = latency_ms or {}
    known = [name for name in ("p50", "p95", "p99") if values.get(name) is not None]
    return "  ".join(f"{name} {milliseconds(values[name])}" for name in known) or NOT_MEASURED


def _exits(shares: list[float] | None) -> str:
    if not shares or not sum(shares):
        return NOT_MEASURED
    names = (f"{exit_name(i, len(shares))} {percent(s, 1)}" for i, s in enumerate(shares))
    return "  ".join(names)


def _compute(macs_fraction: float | None) -> str:
    if macs_fraction is None:
        return NOT_MEASURED
    return f"{percent(macs_fraction, 1)} of full depth, saved {saved(macs_fraction)}"


def _disagreement(known: Mapping[str, Any] | None) -> str:
    """Of the evidence at the end; the answers before it had evidence of their own."""
    if not known:
        return NOT_MEASURED
    held = printable(known.get("held") or "")
    if known.get("estimate") is None:
        since = f"since region {_count(known.get('valid_since'))}"
        if held:
            return f"not known: {held} {since}, no audit yet"
        return f"everything at full depth {since}"
    bound = f"at most {percent(known.get('upper'), 2)} at {percent(known.get('confidence'))}"
    at_home = ", calibration among them" if known.get("at_home") else ""
    scenes = f"scenes {_count(known.get('audits'))}{at_home}"
    by_hand = f", {held}" if held else ""
    return f"{percent(known['estimate'], 2)}, {bound} ({scenes}{by_hand})"


def _energy(summary: Mapping[str, Any]) -> str:
    if summary.get("power_source") is None:
        return NOT_MEASURED
    energy = _known(joules(summary.get("energy_j")))
    power = _known(watts(summary.get("power_w")))
    return f"{energy}, {power} ({printable(str(summary['power_source']))})"


def _undrawn(sinks: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str]]:
    """A row for each video that lacks frames; most have none to tell of."""
    rows = []
    for name, sink in sinks.items():
        dropped, lost = sink["frames_dropped"], sink["frames_lost"]
        if dropped or lost:
            text = f"{count(dropped)} frames not drawn (slower than the source), {count(lost)} lost"
            rows.append((printable(name), text))
    return rows


def _alarms(alarms: list[Any] | int | None) -> str:
    if isinstance(alarms, list):
        return "; ".join(printable(str(alarm)) for alarm in alarms) or "none"
    return _count(alarms)


def _count(value: int | None) -> str:
    return NOT_MEASURED if value is None else count(value)


def _known(text: str) -> str:
    return NOT_MEASURED if text == MISSING else text
