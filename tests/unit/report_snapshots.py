"""Snapshots of a steady run, for tests of what a report makes of them."""

from sample_snapshot import sample_snapshot

from pipeline.snapshot import LatencySnap, Ledger

BEGIN_S = 1_700_000_000.0


def snapshot(n, **changes):
    """The state after n half seconds: three regions each, of which one leaves at exit 0."""
    usual = {
        "time_s": BEGIN_S + n / 2,
        "uptime_s": n / 2,
        "regions": 3 * n,
        "exits": [1 / 3, 2 / 3],
        "macs_fraction": 0.7,
        "ledger": Ledger(captured=4 * n, processed=3 * n, dropped={"latest": n}),
        "latency_ms": LatencySnap(p50=5.0, p95=float(n % 7), p99=20.0),
    }
    return sample_snapshot(**(usual | changes))
