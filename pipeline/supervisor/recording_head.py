"""What each segment of a recording begins with, so that it can be read without those before it."""

from typing import Any, Final

from pipeline.recording.writer import policy_record
from pipeline.stages.hub import Hub
from pipeline.supervisor.machine import host, versions
from pipeline.supervisor.plan import RunPlan

FORMAT: Final = 1


def recording_head(plan: RunPlan, hub: Hub) -> list[dict[str, Any]]:
    """What runs where, the adapter's state, and the policy in force, as of now.

    Args:
        plan: What is run.
        hub: All that its adapter has learned from is recorded.
    """
    policies = hub.policies
    about = {
        "kind": "segment",
        "format": FORMAT,
        "model": plan.model.name,
        "sources": list(plan.config.sources),
        "host": host(),
        "versions": versions(),
    }
    held = None if policies.adapter is None else policies.adapter.held
    in_force = policy_record(
        policies.in_force.version,
        policies.in_force.body,
        policies.rows,
        by_hand=held is not None,
    )
    if policies.adapter is None:
        return [about, in_force]
    adapter = {"kind": "adapter", "state": policies.adapter.to_state()}
    hold = [] if held is None else [{"kind": "hold", "words": held.words}]
    return [about, adapter, *hold, in_force]
