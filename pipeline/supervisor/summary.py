"""`summary.json`: a run in figures. What was not measured is null, never 0."""

from collections import Counter
from typing import Any

import msgspec

from pipeline.snapshot import PowerSnap
from pipeline.stages.hub import Hub, SourceTrack
from pipeline.stages.hub.records import link_figures
from pipeline.stages.hub.sources import Past, summed
from pipeline.supervisor.adaptation_snap import adaptation_snap, truth_snap
from pipeline.supervisor.machine import host, versions
from pipeline.supervisor.plan import RunPlan
from pipeline.supervisor.snapshots import RunState, total_ledger


def make_summary(
    plan: RunPlan,
    hub: Hub,
    state: RunState,
    *,
    duration_s: float,
    cpu_s: dict[str, float],
) -> dict[str, Any]:
    """Figures of the run: frames of all of it, the rest since it began or was resumed last.

    Args:
        plan: What was run.
        hub: At the end.
        state: What the supervisor saw.
        duration_s: From the first batch to the end; start-up is not in it.
        cpu_s: Processor time by stage, where it can be told apart.
    """
    statistics = hub.statistics
    ledger = total_ledger(hub)
    fraction = statistics.macs_fraction
    depth = None
    if statistics.regions:
        depth = sum((k + 1) * share for k, share in enumerate(statistics.exits))
    return {
        "frames": _frames(msgspec.to_builtins(ledger)),
        "regions": statistics.regions,
        "duration_s": round(duration_s, 3),
        "fps": _fps(_answered_in_all(hub), duration_s),
        "latency_ms": msgspec.to_builtins(statistics.latency.snap),
        "exits": [round(share, 6) for share in statistics.exits] if statistics.regions else None,
        "macs_fraction": None if fraction is None else round(fraction, 6),
        "average_exit_depth": None if depth is None else round(depth, 6),
        "compute_savings_ratio": None if fraction is None else round(1 - fraction, 6),
        "disagreement": disagreement_figures(hub),
        "truth": msgspec.to_builtins(truth_snap(hub.truth)),
        "deadline": msgspec.to_builtins(hub.deadlines.snap),
        **_power(state.power),
        "policy_versions": list(hub.policies.versions),
        "alarms": state.alarms,
        "restarts": state.restarts,
        "refused_messages": state.refused_messages,
        "not_written": {name: count for name, count in state.not_written.items() if count},
        "refused_clients": state.refused_clients,
        "sources": {
            name: _source(hub, name, duration_s, plan.model.num_exits)
            for name in {**hub.sources, **hub.sources.past}
        },
        "workers": {
            worker.name: {
                "description": worker.description,
                "regions": worker.regions,
                "batches": worker.batches,
                "busy_s": round(worker.busy_ms / 1e3, 3),
                "cpu_s": round(worker.cpu_ms / 1e3, 3),
            }
            for worker in hub.workers.values()
        },
        "sinks": {
            sink.name: {"frames_dropped": sink.frames_dropped, "frames_lost": sink.frames_lost}
            for sink in hub.sinks.values()
        },
        "model": plan.model.name,
        "policy": hub.policies.in_force.body,
        "cpu_s": {stage: round(seconds, 2) for stage, seconds in cpu_s.items()},
        "host": host(),
        "versions": versions(),
    }


def disagreement_figures(hub: Hub) -> dict[str, Any] | None:
    """What `Disagreement` says; None without an adapter that works."""
    snap = adaptation_snap(hub.policies.adapter)
    if snap is None or snap.frozen is not None:
        return None
    return {
        "estimate": None if snap.estimate is None else round(snap.estimate, 6),
        "upper": None if snap.upper is None else round(snap.upper, 6),
        "audits": snap.audits,
        "confidence": snap.confidence,
        "window": snap.window,
        "valid_since": snap.valid_since,
        "at_home": snap.at_home,
        "held": snap.held,
    }


def _source(hub: Hub, name: str, duration_s: float, num_exits: int) -> dict[str, Any]:
    """All sessions of a name together; how it ended, and its connection, are of the last one."""
    source, past = hub.sources.get(name), hub.sources.past.get(name, Past())
    exit_counts = past.exit_counts + (Counter() if source is None else source.exit_counts)
    ledger = past.ledger if source is None else summed([past.ledger, source.ledger])
    answered = past.answered + (0 if source is None else source.answered)
    regions = sum(exit_counts.values())
    return {
        **(_gone(past) if source is None else _last(source)),
        "frames": _frames(msgspec.to_builtins(ledger)),
        "regions": regions,
        "fps": _fps(answered, duration_s),
        "exits": [round(exit_counts[k] / regions, 6) for k in range(num_exits)]
        if regions
        else None,
    }


def _last(source: SourceTrack) -> dict[str, Any]:
    return {
        "state": source.state,
        "reason": None if source.ended is None else source.ended.reason,
        "sessions": source.session.number,
        "link": link_figures(source.link) if source.is_live else None,
    }


def _gone(past: Past) -> dict[str, Any]:
    return {
        "state": "removed",
        "reason": past.reason,
        "sessions": past.next.number - 1,
        "link": None if past.link is None else link_figures(past.link),
    }


def _answered_in_all(hub: Hub) -> int:
    """Frames of this part of the run."""
    gone = sum(past.answered for past in hub.sources.past.values())
    return gone + sum(source.answered for source in hub.sources.values())


def _fps(frames: int, duration_s: float) -> float | None:
    return round(frames / duration_s, 3) if duration_s > 0 and frames else None


def _frames(ledger: dict[str, Any]) -> dict[str, Any]:
    order = ("captured", "processed", "dropped", "in_flight", "skipped", "corrupt")
    return {key: ledger[key] for key in order}


def _power(power: PowerSnap) -> dict[str, Any]:
    return {
        "energy_j": power.energy_j,
        "power_w": power.power_w,
        "power_source": power.source,
    }
