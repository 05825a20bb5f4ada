"""The monitor where there is no terminal: plain lines now and then, a table at the end."""

from pipeline.snapshot import AdaptationSnap, PowerSnap, Snapshot
from pipeline.ui.adaptation_lines import state_name
from pipeline.ui.figures import (
    MISSING,
    duration,
    joules,
    milliseconds,
    percent,
    printable,
    rate,
    watts,
)
from pipeline.ui.summary import summary_table

__all__ = ["one_line", "summary_table"]


def one_line(snapshot: Snapshot) -> str:
    """The run in one line of plain text."""
    ledger = snapshot.ledger
    parts = [
        duration(snapshot.uptime_s).replace(" s", "s"),
        printable(snapshot.state),
        f"{rate(snapshot.fps)} fps",
        f"{ledger.processed} frames",
        f"exits {_shares(snapshot.recent_exits)}",
        f"compute {percent(snapshot.recent_macs_fraction)}",
        f"p95 {milliseconds(snapshot.latency_ms.p95)}",
        f"drops {sum(ledger.dropped.values())}",
        f"power {_power(snapshot.power)}",
    ]
    if snapshot.adaptation is not None:
        parts.append(_adaptation(snapshot.adaptation, snapshot.policy.version))
    if snapshot.restarts:
        parts.append(f"restarts {snapshot.restarts}")
    if snapshot.alarms:
        parts.append(f"alarms {max(snapshot.num_alarms, len(snapshot.alarms))}")
    # A log may be read where nothing but ASCII is safe.
    return "  ".join(parts).replace(MISSING, "-")


def _adaptation(adaptation: AdaptationSnap, version: int) -> str:
    words = f"policy v{version} {state_name(adaptation)}"
    if adaptation.estimate is None:
        return words
    return f"{words}  disagree {percent(adaptation.estimate, 2)} <= {percent(adaptation.upper, 2)}"


def _shares(shares: list[float]) -> str:
    return "/".join(f"{100 * share:.0f}" for share in shares) + " %" if sum(shares) else MISSING


def _power(power: PowerSnap) -> str:
    if power.source is None:
        return "not measured"
    known = [text for text in (watts(power.power_w), joules(power.energy_j)) if text != MISSING]
    return f"{' '.join(known)} ({printable(power.source)})"
