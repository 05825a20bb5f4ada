"""How fast, how late, how hard, at what power."""

from collections.abc import Iterable, Sequence

from rich.text import Text

from pipeline.snapshot import LatencySnap, PowerSnap, Snapshot
from pipeline.ui.bars import columns
from pipeline.ui.block import Block, grid
from pipeline.ui.figures import MISSING, bare_milliseconds, joules, printable, rate, watts
from pipeline.ui.history import History
from pipeline.ui.theme import LABEL, TREND

_NAME = 10


def speed_block(snapshot: Snapshot, width: int, rows: int, history: History | None) -> Block:
    """Throughput, latency, difficulty and power: `rows` lines in `width` columns."""
    table = grid(_NAME, max(width - _NAME - 1, 1))
    trend_width = max(width - _NAME - 9, 0)
    fps = Text(f"{rate(snapshot.fps):<8}")
    if history is not None:
        fps.append(trend(history.fps, trend_width), TREND)
    lines = [
        ("frames/s", fps),
        ("regions/s", Text(f"{rate(snapshot.regions_per_s):<8}{snapshot.regions:,} in all")),
        ("latency ms", _percentiles(snapshot.latency_ms)),
        ("difficulty", _difficulty(snapshot.difficulty, width - _NAME - 1)),
        ("power", power_text(snapshot.power)),
    ]
    for name, text in lines[:rows]:
        table.add_row(Text(name, LABEL), text)
    return Block("speed and power", table, rows)


def trend(values: Iterable[float | None], width: int) -> str:
    """The last `width` values as a curve from 0 to their maximum; a gap stays empty."""
    recent = [value or 0.0 for value in values][-width:] if width else []
    return columns(recent, 1, max(recent, default=0.0))[0] if recent else ""


def power_text(power: PowerSnap) -> Text:
    """Watts and joules with the name of their source, or that there is none."""
    if power.source is None:
        return Text("not measured", LABEL)
    figures = [watts(power.power_w)] if power.power_w is not None else []
    figures += [joules(power.energy_j)] if power.energy_j is not None else []
    return Text.assemble("  ".join(figures), (f"  {printable(power.source)}", LABEL))


def _percentiles(latency: LatencySnap) -> Text:
    known = (("p50", latency.p50), ("p95", latency.p95), ("p99", latency.p99))
    return Text("  ").join(
        Text.assemble((f"{name} ", LABEL), bare_milliseconds(value)) for name, value in known
    )


def _difficulty(shares: Sequence[float], width: int) -> Text:
    """Ten bins of [0, 1], each against the fullest one, in at most `width` cells."""
    if not sum(shares):
        return Text(MISSING, LABEL)
    repeat = min(max((width - 10) // len(shares), 1), 3)
    bars = columns([share for share in shares for _ in range(repeat)], 1, max(shares))[0]
    return Text.assemble(("easy ", LABEL), (bars, TREND), (" hard", LABEL))
