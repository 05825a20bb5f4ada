"""A controller plays a stream: decide, toss the coin, pay, learn; one region after the other."""

import time
from collections.abc import Callable
from typing import Final

import numpy as np

from dart_stream.adaptation import Audit, Controller, Observation
from dart_stream.adaptation.dart import DartController
from dart_stream.adaptation.fixed_controllers import FixedController
from dart_stream.costs import Costs
from dart_stream.policies import Policy, WatchingFirst, replay
from pipeline.bench.shift.played import SAMPLE_EVERY, Played, Sample
from pipeline.bench.shift.stream import Stream

SOURCE: Final = "stream"
_FIRST_CHUNK, _LARGEST_CHUNK = 16, 2048


def sample_of(controller: Controller, at: int) -> Sample:
    """How a controller stands before region `at`."""
    policy = None if controller.forces_full_depth else controller.policy
    figures = getattr(controller, "figures", None)  # those that promise something have some
    return Sample(at, policy, None if figures is None or policy is None else figures.upper)


def as_applied(controller: Controller, policy: Policy) -> Policy:
    """The policy as a worker applies it: for detectors exit 0 is asked, though nobody leaves."""
    watches = isinstance(controller, DartController)
    return WatchingFirst(inner=policy, version=policy.version) if watches else policy


def spent(controller: Controller, policy: Policy, costs: Costs, num_exits: int) -> list[float]:
    """Share of the full network's cost up to each exit.

    The estimator counts for all who look at pixels, which fixed policies without a use for
    difficulty do not.
    """
    applied = as_applied(controller, policy)
    watched = [applied.watches(k) for k in range(num_exits - 1)]
    looks = policy.reads_difficulty or not isinstance(controller, FixedController)
    paid = costs.paid(reads_difficulty=looks)
    return [float(cost) / costs.plain() for cost in paid.up_to_exit(watched)]


def play(
    controller: Controller,
    stream: Stream,
    costs: Costs,
    on_progress: Callable[[int], None] = lambda _region: None,
) -> Played:
    """Let a controller play a stream from beginning to end.

    Args:
        controller: fresh.
        stream: of N regions.
        costs: of the network's parts.
        on_progress: told the number of a region now and then.
    """
    n = len(stream.labels)
    turn = _Turn(controller, stream, costs)
    at, size = 0, _FIRST_CHUNK
    while at < n:
        if at % SAMPLE_EVERY == 0:
            turn.played.samples.append(sample_of(controller, at))
            on_progress(at)
        end = min(at + size, n, at - at % SAMPLE_EVERY + SAMPLE_EVERY)
        reached = turn.take(at, end)
        # Decisions past a new policy were for nothing: expect the next one as soon.
        size = min(2 * size, _LARGEST_CHUNK) if reached == end else max(4, 2 * (reached - at))
        at = reached
    turn.played.alarms = tuple(controller.alarms)
    turn.played.update_s = turn.update_s / n
    return turn.played


class _Turn:
    """The stream as plain Python numbers, and what became of its regions so far."""

    def __init__(self, controller: Controller, stream: Stream, costs: Costs) -> None:
        self._controller, self._stream, self._costs = controller, stream, costs
        self._answers: list[list[int]] = stream.answers.tolist()
        self._confidence: list[list[float]] = stream.confidence.tolist()
        self._difficulty: list[float] = stream.difficulty.tolist()
        self._parts = list(map(tuple, stream.parts.tolist()))
        self._coins: list[float] = stream.script.coins.tolist()
        self._num_exits = stream.answers.shape[1]
        self._audited = float(costs.up_to_exit()[-1]) / costs.plain()
        self._policy: Policy | None = None
        self._spent: list[float] = []
        n = len(stream.labels)
        self.played = Played(
            answers=stream.answers[:, -1].copy(),
            full=stream.answers[:, -1],
            labels=stream.labels,
            deployed=np.empty(n),
            charged=np.empty(n),
            burst=np.zeros(n, np.bool_),
        )
        self.update_s = 0.0

    def take(self, begin: int, end: int) -> int:
        """Play regions until the end or until the policy changes; returns the next region."""
        controller = self._controller
        policy = controller.policy
        if policy is not self._policy:
            self._policy = policy
            self._spent = spent(controller, policy, self._costs, self._num_exits)
        for region, leaves in zip(range(begin, end), self._exits(policy, begin, end), strict=True):
            observation = self._finish(region, leaves)
            started = time.perf_counter()
            controller.update(observation)
            self.update_s += time.perf_counter() - started
            if controller.policy is not policy:
                return region + 1
        return end

    def _exits(self, policy: Policy, begin: int, end: int) -> list[int]:
        stream = self._stream
        difficulty = stream.alpha if policy.difficulty_mode == "paper" else stream.difficulty
        exits = replay(policy, stream.probabilities[begin:end], difficulty[begin:end])
        found: list[int] = exits.tolist()
        return found

    def _finish(self, region: int, leaves: int) -> Observation:
        """Answer, toss, pay; returns what the controller is told."""
        played, answers = self.played, self._answers[region]
        confidence, cost = self._confidence[region], self._spent[leaves]
        burst = self._controller.forces_full_depth
        q = 1.0 if burst else self._controller.audit_probability
        audit = None
        if burst or self._coins[region] < q:
            audit = Audit(q, tuple(answers), tuple(confidence))
        charged = cost if audit is None else self._audited
        if burst:
            played.burst[region] = True
        else:
            played.answers[region] = answers[leaves]
        played.deployed[region] = self._audited if burst else cost
        played.charged[region] = charged
        return Observation(
            SOURCE,
            leaves,
            answers[leaves],
            confidence[leaves],
            confidence[0],
            answers[0],
            self._difficulty[region],
            self._parts[region],
            charged,
            audit,
        )
