"""What a fault is."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from pipeline.chaos.scene import Scene
from pipeline.chaos.schedule import Strike, Target
from pipeline.chaos.stages import Stage, stages_of
from pipeline.supervisor.plan import RunPlan


class Fault(ABC):
    """One kind of fault; it is over, and all it changed is back, when `strike` returns or raises.

    Attributes:
        kind: Its name on the command line.
        text: What it does, for a person.
        roles: Of the stages that it may strike; empty for the run as a whole.
    """

    kind: ClassVar[str]
    text: ClassVar[str]
    roles: ClassVar[tuple[str, ...]] = ()

    def targets(self, plan: RunPlan) -> list[Target]:
        """Whom it may strike in this run, and how long; none if there is nobody."""
        stages = stages_of(plan) if self.roles else []
        return [
            Target(stage, self.seconds(plan, stage)) for stage in stages if stage.role in self.roles
        ]

    def seconds(self, plan: RunPlan, stage: Stage | None) -> tuple[float, float]:
        """Least and most that it lasts; (0, 0) for what happens in an instant."""
        return (2.0, 6.0)

    def refusal(self, folder: Path) -> str | None:
        """Why it cannot be done on this machine, in one line; None if it can.

        Args:
            folder: For files of its own, beside the run's.
        """
        return None

    def environment(self, folder: Path) -> dict[str, str]:
        """What the run must be started with for it; asked only if it is not refused."""
        return {}

    @abstractmethod
    def strike(self, scene: Scene, strike: Strike) -> str:
        """Do it and undo it; returns what was done, where the plan does not say it all.

        Raises:
            RunEndedError: The run ends meanwhile; all is undone.
        """


class RunFault(Fault):
    """A fault of the run as a whole."""

    def targets(self, plan: RunPlan) -> list[Target]:
        return [Target(None, self.seconds(plan, None))]
