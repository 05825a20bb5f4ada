"""Starts, watches, restarts and drains the stages of a run; the hub lives here, on one thread."""

from pipeline.supervisor.plan import RunPlan, plan_run
from pipeline.supervisor.source_list import Origin
from pipeline.supervisor.supervisor import Outcome, Supervisor

__all__ = ["Origin", "Outcome", "RunPlan", "Supervisor", "plan_run"]
