"""A snapshot of an ordinary run, for tests that draw one or send one."""

import msgspec

from pipeline.snapshot import LatencySnap, Ledger, PolicySnap, PowerSnap, Snapshot

_SAMPLE = Snapshot(
    run="run-7",
    state="running",
    time_s=1e9,
    uptime_s=12.0,
    model="default",
    num_exits=2,
    sources=[],
    workers=[],
    policy=PolicySnap(version=1, kind="dart", thresholds=[0.6]),
    fps=10.0,
    regions_per_s=10.0,
    regions=10,
    latency_ms=LatencySnap(),
    exits=[0.5, 0.5],
    recent_exits=[0.5, 0.5],
    difficulty=[0.1] * 10,
    macs_fraction=0.5,
    recent_macs_fraction=0.5,
    ledger=Ledger(captured=10, processed=10),
    power=PowerSnap(),
    restarts=0,
    alarms=[],
    log=[],
)


def sample_snapshot(**changes) -> Snapshot:
    return msgspec.structs.replace(_SAMPLE, **changes)
