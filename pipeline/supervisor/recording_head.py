"""What each segment of a recording begins with, so that it can be read without those before it."""

from typing import Any, Final

from pipeline.recording.writer import policy_record
from pipeline.stages.hub import Hub
from pipeline.stages.hub.policies import Policies
from pipeline.supervisor.machine import host, versions
from pipeline.supervisor.plan import RunPlan

FORMAT: Final = 1


def recording_head(plan: RunPlan, hub: Hub) -> list[dict[str, Any]]:
    """What runs where, the adapter's state, and the policy in force, as of now.

    Args:
        plan: What is run.
        hub: All that its adapter has learned from is recorded.
    """
    about = {
        "kind": "segment",
        "format": FORMAT,
        "model": plan.model.name,
        "sources": list(hub.sources.names),
        "host": host(),
        "versions": versions(),
    }
    return [about, *policies_head(hub.policies)]


def policies_head(policies: Policies) -> list[dict[str, Any]]:
    """The adapter's state and the policy in force, one that a person holds marked as such."""
    adapter, in_force = policies.adapter, policies.in_force
    held = None if adapter is None else adapter.held
    record = policy_record(in_force.version, in_force.body, policies.rows, by_hand=held is not None)
    if adapter is None:
        return [record]
    hold = [] if held is None else [{"kind": "hold", "words": held.words}]
    return [{"kind": "adapter", "state": adapter.to_state()}, *hold, record]
