"""What decides in a run: the policy in force and its number, who is audited, what is learned."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from pipeline.errors import CommandError
from pipeline.messages import BatchDone, RegionResult
from pipeline.stages.hub.actions import Action, Alarm, NewPolicy, Note
from pipeline.stages.hub.adapter import Adapter, AdapterSettings
from pipeline.stages.hub.source import RegionTask
from pipeline.stages.hub.sources import Sources
from pipeline.stages.hub.worker import Dispatched

VERSIONS_KEPT: Final = 1_000
BODIES_KEPT: Final = 100
"""Changes that can be rolled back."""


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """What decides, and its number in this run."""

    version: int
    body: dict[str, Any]


class Policies:
    """Numbers policies and chooses who runs to full depth.

    Args:
        begin: Of the run.
        adapter: Changes it while it runs; None keeps it.
        sources: Some run every region to full depth; the adapter does not see these.
    """

    def __init__(self, begin: PolicyInForce, adapter: Adapter | None, sources: Sources) -> None:
        self.in_force = begin
        self.adapter = adapter
        self.versions: deque[int] = deque([begin.version], maxlen=VERSIONS_KEPT)
        """Those in force so far, the last ones."""
        self._earlier: deque[PolicyInForce] = deque(maxlen=BODIES_KEPT)
        self._adapted = None if adapter is None else adapter.policy
        self._sources = sources

    def begin(self, version: int) -> None:
        """Number the adapter's policy, before any worker has heard of one.

        Args:
            version: Higher than any that an earlier part of the run has named.
        """
        assert self.adapter is not None, "without one the policy keeps its number"
        self._adapted = self.adapter.policy
        self.in_force = PolicyInForce(version, self.adapter.policy.to_dict())
        self.versions.clear()
        self.versions.append(version)

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """Sources that another policy than the one in force decides, and its body."""
        return {name: {"kind": "full"} for name in sorted(self._sources) if self._is_full(name)}

    def full(self, tasks: Sequence[RegionTask]) -> frozenset[int]:
        """Positions of regions whose source always runs to full depth."""
        return frozenset(n for n, task in enumerate(tasks) if self._is_full(task.frame.source))

    def audits(self, tasks: Sequence[RegionTask]) -> tuple[frozenset[int], float]:
        """Positions of regions that are audited, and the probability of their coin."""
        adapter = self.adapter
        probability = 0.0 if adapter is None else adapter.probability
        if adapter is None or not probability:
            return frozenset(), 0.0
        drawn = frozenset(
            number
            for number, task in enumerate(tasks)
            if adapter.draws(task.frame.source, task.frame.header.frame, task.number, probability)
        )
        return drawn - self.full(tasks), probability

    def learn(self, batch: Dispatched, message: BatchDone) -> list[Action]:
        """Let the adapter learn from an answered batch; returns what follows from it."""
        adapter = self.adapter
        if adapter is None:
            return []
        if adapter.held is not None and batch.policy_version != self.in_force.version:
            return []  # answers of another policy say nothing about the one that is held
        full = self.full(batch.tasks)
        answered = enumerate(zip(batch.tasks, message.results, strict=True))
        adapter.take(
            [
                (task.frame.source, task.frame.header.segment, result)
                for number, (task, result) in answered
                if number not in full
            ],
            probability=batch.probability,
            time_ms=message.infer_ms / len(batch.tasks),
        )
        return self._follow(adapter)

    def hold(self, words: str) -> list[Action]:
        """Freeze adaptation; returns what follows from it.

        Raises:
            CommandError: nothing adapts here, or not any more.
        """
        adapter = self._steerable()
        if adapter.held is None:
            adapter.hold(words)
        return self._follow(adapter)

    def release(self, words: str) -> list[Action]:
        """Let adaptation go on, from no evidence; returns what follows from it.

        Raises:
            CommandError: as `hold`.
        """
        adapter = self._steerable()
        adapter.release(words)
        actions = self._said(adapter)
        self._adapted = adapter.policy
        if adapter.policy.to_dict() != self.in_force.body:
            actions.append(self._change(adapter.policy.to_dict(), by_hand=True))
        return actions

    def roll_back(self, words: str) -> list[Action]:
        """Put the policy before the last change in force again and hold it.

        Raises:
            CommandError: as `hold`; or there was no other policy yet.
        """
        adapter = self._steerable()
        if not self._earlier:
            raise CommandError("rollback: expected an earlier policy, but this is the first one")
        adapter.hold(words)
        actions = self._follow(adapter)
        version, body = self.in_force.version + 1, self._earlier.pop().body
        self._number(PolicyInForce(version, body))
        return [*actions, NewPolicy(version, body, by_hand=True)]

    def retune(self, settings: AdapterSettings, words: str) -> list[Action]:
        """Adapt by other settings from here on; returns what follows from it.

        Raises:
            DataError: the calibration table cannot serve them.
            CommandError: as `hold`.
        """
        adapter = self._steerable()
        adapter.retune(settings, words)
        return self._follow(adapter)

    def _steerable(self) -> Adapter:
        if self.adapter is None:
            raise CommandError("expected a run that adapts; this one keeps its policy")
        if self.adapter.failure is not None:
            raise CommandError(f"adaptation has ended: {self.adapter.failure}")
        return self.adapter

    def _follow(self, adapter: Adapter) -> list[Action]:
        """Take what the adapter has to say, and its policy if it is another one."""
        actions = self._said(adapter)
        if adapter.policy is not self._adapted and adapter.held is None:
            self._adapted = adapter.policy
            actions.append(self._change(adapter.policy.to_dict()))
        return actions

    def _is_full(self, source: str) -> bool:
        return self._sources[source].plan.always_full

    @staticmethod
    def _said(adapter: Adapter) -> list[Action]:
        actions: list[Action] = [Note(body) for body in adapter.notes]
        actions += [Alarm(words) for words in adapter.words]
        adapter.notes, adapter.words = [], []
        return actions

    def _change(self, body: dict[str, Any], *, by_hand: bool = False) -> NewPolicy:
        self._earlier.append(self.in_force)
        self._number(PolicyInForce(self.in_force.version + 1, body))
        return NewPolicy(self.in_force.version, body, by_hand)

    def _number(self, policy: PolicyInForce) -> None:
        self.in_force = policy
        self.versions.append(policy.version)


def of_full_depth(result: RegionResult) -> RegionResult:
    """The answer of a region that always runs to full depth: the last exit's, and no audit."""
    return msgspec.structs.replace(
        result,
        label_id=result.exit_label_ids[-1],
        confidence=result.exit_confidences[-1],
        exit=len(result.exit_label_ids) - 1,
        exit_label_ids=[],
        exit_confidences=[],
    )
