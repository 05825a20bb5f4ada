"""The hub: one object that holds credits, order, ledger and redelivery of a run."""

from pipeline.stages.hub.actions import Action, Alarm, Kill, NewPolicy, Note, Retired, Send
from pipeline.stages.hub.adapter import Adapter, AdapterSettings
from pipeline.stages.hub.crew import Loss
from pipeline.stages.hub.held import Held
from pipeline.stages.hub.hub import Hub
from pipeline.stages.hub.plan import HubPlan, Session, SourcePlan
from pipeline.stages.hub.source import SourceTrack
from pipeline.stages.hub.sources import Sources
from pipeline.stages.hub.truth import Truth
from pipeline.stages.hub.worker import WorkerTrack

__all__ = [
    "Action",
    "Adapter",
    "AdapterSettings",
    "Alarm",
    "Held",
    "Hub",
    "HubPlan",
    "Kill",
    "Loss",
    "NewPolicy",
    "Note",
    "Retired",
    "Send",
    "Session",
    "SourcePlan",
    "SourceTrack",
    "Sources",
    "Truth",
    "WorkerTrack",
]
