"""From the adapter to what monitors draw and the summary says."""

from dart_stream.adaptation import DartController
from pipeline.snapshot import AdaptationSnap, PolicySnap, TruthSnap
from pipeline.stages.hub import Adapter, Held, Hub, Truth
from pipeline.supervisor.plan import RunPlan


def policy_snap(hub: Hub) -> PolicySnap:
    """The policy in force."""
    body = hub.policies.in_force.body
    body = body.get("policy", body)  # what decides where no class is always full
    return PolicySnap(
        version=hub.policies.in_force.version,
        kind=str(body["kind"]),
        thresholds=list(body.get("thresholds", [])),
        coefficients=[list(row) for row in body.get("coefficients", [])],
    )


def adaptation_snap(adapter: Adapter | None) -> AdaptationSnap | None:
    """What it knows now; None without one."""
    if adapter is None:
        return None
    settings, controller = adapter.settings, adapter.controller
    if controller is None:
        return AdaptationSnap(
            frozen=adapter.failure, epsilon=settings.epsilon, confidence=1 - settings.delta
        )
    if adapter.held is not None:
        return _held_snap(adapter, adapter.held, controller)
    figures, agreement = controller.figures, controller.window.overall().agreement
    alarms = controller.alarms
    return AdaptationSnap(
        epsilon=settings.epsilon,
        confidence=1 - settings.delta,
        estimate=figures.disagreement,
        upper=figures.upper,
        unchanged=figures.unchanged,
        audits=figures.audits,
        valid_since=figures.valid_since,
        window=controller.regions - figures.valid_since,
        at_home=figures.at_home,
        full_depth=adapter.forces_full_depth,
        audit_rate=adapter.probability,
        rung=figures.rung,
        rungs=controller.rungs,
        released=figures.released,
        exit_gap=None if agreement is None else 1 - agreement,
        backbone_drop=figures.backbone_drop,
        repeats=figures.repeats,
        acceptance=list(figures.acceptance),
        alarms=figures.alarms,
        last_alarm=f"{alarms[-1].kind}: {alarms[-1].words}" if alarms else None,
    )


def _held_snap(adapter: Adapter, held: Held, controller: DartController) -> AdaptationSnap:
    """A policy held by hand: what its own audits say, and nothing from before."""
    confidence = 1 - adapter.settings.delta
    figures = controller.figures
    return AdaptationSnap(
        held=held.words,
        epsilon=adapter.settings.epsilon,
        confidence=confidence,
        estimate=held.estimate,
        upper=held.upper(confidence),
        audits=held.audits,
        valid_since=held.since,
        window=held.regions,
        audit_rate=adapter.probability,
        exit_gap=held.estimate,
        backbone_drop=figures.backbone_drop,
        repeats=figures.repeats,
        acceptance=list(figures.acceptance),
        alarms=figures.alarms,
        last_alarm=held.words,
    )


def truth_snap(truth: Truth) -> TruthSnap | None:
    """What true labels say; None without any."""
    if not truth.labels:
        return None
    audited = truth.audited
    return TruthSnap(
        labels=truth.labels,
        accuracy=truth.right / truth.labels,
        audited=audited,
        full_depth_accuracy=truth.full_right / audited if audited else None,
        exit_gap=(truth.full_right - truth.early_right) / audited if audited else None,
    )


def adaptation_off(plan: RunPlan) -> str | None:
    """Why a run keeps its policy, in a few words; None if it adapts."""
    adaptation, mode = plan.adaptation, plan.config.policy.mode
    if adaptation.settings is not None:
        return None
    if adaptation.refusal is not None:
        return adaptation.refusal.removeprefix("no adaptation: ")
    if mode != "dart":
        return f"policy {mode} stays as it is"
    return "adaptation.enabled is false"
