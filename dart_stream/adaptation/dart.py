"""Adaptation that keeps a promise: at most epsilon of the answers differ from full depth.

Reference: DART Eq. 13-15.
Differs from the paper: see `evidence` for what is proved, `epoch` for when a proof ends,
`coefficients` for Eq. 13 and 14, `choice` and `ucb` for Eq. 15.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from dart_stream.adaptation import epoch
from dart_stream.adaptation.alarm import Alarm, AlarmKind
from dart_stream.adaptation.audit_log import AuditLog
from dart_stream.adaptation.burst import Burst
from dart_stream.adaptation.choice import most_aggressive, next_rung
from dart_stream.adaptation.controller import Controller
from dart_stream.adaptation.difficulty_ends import END
from dart_stream.adaptation.figures import Figures, figures
from dart_stream.adaptation.lessons import is_loss, score, teach
from dart_stream.adaptation.memory import DartMemory
from dart_stream.adaptation.observation import Audit, Observation
from dart_stream.adaptation.promise import broken_promise
from dart_stream.adaptation.signals import PIXEL_SIGNALS, SIGNALS
from dart_stream.adaptation.state import read_state, write_state
from dart_stream.adaptation.terms import Terms
from dart_stream.adaptation.window import SlidingWindow
from dart_stream.policies import DartPolicy, FullDepthPolicy, Policy

_RECENT = 1 / 150
"""Weight of one audit in the mean confidence of late."""

_ADOPT_DISTANCE = 0.25
_ADOPT_REGIONS = 2000
_CHECKED_EVERY = 100

ALARMS_KEPT = 1000
"""A year of a restless camera must not fill memory and state."""


class DartController(Controller):
    """Evidence, detectors, coefficients and a choice, put together."""

    def __init__(self, name: str, terms: Terms, memory: DartMemory | None = None) -> None:
        self.name = name  # type: ignore[misc]  # one class serves all ablations
        self._terms = terms
        self._level = terms.level
        self._memory = epoch.first_memory(terms) if memory is None else memory
        self._policy = self._policy_now()
        if memory is None:
            self._choose(start=True)

    @property
    def policy(self) -> Policy:
        """A rung of the ladder with coefficients, or full depth."""
        return self._policy

    @property
    def audit_probability(self) -> float:
        """Raised for a while after an audit that disagreed."""
        memory, settings = self._memory, self._terms.settings
        if memory.regions < memory.suspicious_until:
            return settings.suspicious_probability
        return settings.audit_probability

    @property
    def forces_full_depth(self) -> bool:
        """True in a burst, and until something is released."""
        memory = self._memory
        return self._terms.settings.burst and (memory.burst is not None or memory.rung < 0)

    @property
    def alarms(self) -> Sequence[Alarm]:
        """The last ones; `figures` counts all."""
        return tuple(self._memory.alarms)

    @property
    def regions(self) -> int:
        """Regions that it was told of, those of a restored state included."""
        return self._memory.regions

    @property
    def rungs(self) -> int:
        """Length of the ladder."""
        return len(self._terms.plan.ladder)

    @property
    def num_alarms(self) -> int:
        """All of them, so far."""
        return self._memory.alarms_so_far

    def update(self, observation: Observation) -> None:
        """Learn from one region."""
        memory, settings = self._memory, self._terms.settings
        memory.regions += 1
        is_new = memory.scenes.is_new(observation) or not settings.scenes
        memory.window.add(observation)
        audit = observation.audit
        if audit is not None:
            first = memory.scenes.is_first_audit(observation.source)
            if first or not settings.scenes:
                self._learn(observation, audit)
        elif settings.ucb and memory.rung >= 0:
            memory.ucb.add(memory.arm, 1.0 - min(1.0, observation.cost_share))
        if memory.burst is not None:
            self._gather(memory.burst, observation, is_new=is_new)
        elif is_new:
            self._watch(observation)
        if memory.regions % _CHECKED_EVERY == 0:
            self._check_promise()

    def reset(self, words: str) -> None:
        """Begin a burst; it may end at home, since a break says nothing about the pictures."""
        self._alarm("source", words)
        self._memory.may_return = self._terms.settings.home

    def go_on_counting(self, before: "DartController") -> None:
        """Take over regions and alarms of a controller that this one replaces, and no evidence."""
        memory, earlier = self._memory, before._memory  # noqa: SLF001  # of this very class
        memory.regions = memory.epoch_since = memory.rung_since = earlier.regions
        memory.adopted_at = memory.faded_at = earlier.regions
        memory.alarms, memory.alarms_so_far = list(earlier.alarms), earlier.alarms_so_far

    def to_state(self) -> dict[str, Any]:
        """Return all that is remembered."""
        return write_state(self._memory, self.name, self._terms.plan.calibration)

    def from_state(self, state: Mapping[str, Any]) -> Self:
        """Return a controller that goes on from there."""
        memory = read_state(state, DartMemory, self.name, self._terms.plan.calibration)
        return type(self)(self.name, self._terms, memory)

    @property
    def window(self) -> SlidingWindow:
        """The last 1,000 regions."""
        return self._memory.window

    @property
    def log(self) -> AuditLog:
        """The last audits, for `whatif`."""
        return self._memory.log

    @property
    def figures(self) -> Figures:
        """What a monitor shows."""
        return figures(self._terms, self._memory)

    def _learn(self, seen: Observation, audit: Audit) -> None:
        """Score all rungs on an audit, then let coefficients learn from it."""
        memory, terms = self._memory, self._terms
        lost = score(terms.plan.ladder, memory.coefficients, seen, audit)
        memory.log.add(seen.difficulty, audit)
        memory.evidence.add(lost)
        memory.full_confidence += (audit.confidences[-1] - memory.full_confidence) * _RECENT
        if memory.burst is not None:
            return
        memory.evidence.release(terms.epsilon)
        differs = is_loss(seen.label_id, audit)
        if memory.rung >= 0 and self._is_suspicious(differs=differs):
            return
        if terms.settings.coefficients:
            self._teach(audit)
        self._choose()

    def _is_suspicious(self, *, differs: bool) -> bool:
        """Let the detector on audits see one; say whether it alarmed."""
        memory, terms = self._memory, self._terms
        settings = terms.settings
        if not settings.audit_detector:
            return False
        if differs:
            memory.suspicious_until = memory.regions + settings.suspicion_regions
        normal = settings.margin * terms.epsilon
        if memory.audit_detector.add(
            differs=differs, normal=normal, epsilon=terms.epsilon, level=terms.audit_level
        ):
            self._alarm("audits", "audits differ from full depth more often than what was released")
            return True
        return False

    def _teach(self, audit: Audit) -> None:
        memory, terms = self._memory, self._terms
        teach(memory.coefficients, audit, terms.settings.pseudo_label_confidence)
        memory.coefficients.fade(memory.regions - memory.faded_at, home=memory.home)
        memory.faded_at = memory.regions
        ripe = memory.home and memory.regions - memory.adopted_at >= _ADOPT_REGIONS
        if ripe and memory.coefficients.distance() >= _ADOPT_DISTANCE:
            memory.adopted_at = memory.regions
            memory.coefficients.adopt()
            weights = np.array(memory.weights) if memory.weights else None
            epoch.prove_at_home(terms, memory, weights, None)
            self._choose(start=True)

    def _gather(self, burst: Burst, seen: Observation, *, is_new: bool) -> None:
        """Take a region of a burst in, and end the burst when it knows enough."""
        burst.regions += 1
        if is_new:
            final = None if seen.audit is None else seen.audit.label_ids[-1]
            burst.add(self._terms.plan.signals.of(seen), seen.first_label_id, final)
            burst.ends[0] += seen.difficulty <= END
            burst.ends[1] += seen.difficulty >= 1 - END
        if burst.scenes and epoch.settle(self._terms, self._memory, burst):
            self._memory.evidence.release(self._terms.epsilon)
            self._choose(start=True)

    def _watch(self, seen: Observation) -> None:
        """Let the label-free detectors see a scene."""
        memory, terms, level = self._memory, self._terms, self._level
        row = terms.plan.signals.of(seen)
        found = memory.cusums.add(row, level)
        if found >= 0:
            kind: AlarmKind = "pixels" if found < PIXEL_SIGNALS else "confidence"
            self._alarm(kind, f"{SIGNALS[found]} is not what it was")
        elif terms.settings.difficulty_ends and memory.ends.add(seen.difficulty, level):
            self._alarm("difficulty", "more regions than usual lie at an end of the difficulty")
        elif terms.settings.label_shift and memory.mix.add(seen.first_label_id, level):
            self._follow_mix()
        elif memory.home and memory.mix.learning == 1:
            memory.mix.learning = 0
            epoch.prove_for_mix(terms, memory)
            self._choose(start=True)
        elif memory.baseline is not None:
            epoch.refine(terms, memory, row, seen)

    def _follow_mix(self) -> None:
        if not self._memory.home:
            self._alarm("classes", "the mix of classes has changed in a world not calibrated for")
            return
        self._say("classes", "the mix of classes has changed; evidence is re-weighted")
        epoch.follow_mix(self._terms, self._memory)
        self._choose(start=True)

    def _alarm(self, kind: AlarmKind, words: str) -> None:
        """Full depth, and evidence from nothing."""
        self._say(kind, words)
        epoch.begin_burst(self._terms, self._memory)
        self._deploy(-1)

    def _say(self, kind: AlarmKind, words: str) -> None:
        memory = self._memory
        memory.alarms.append(Alarm(max(memory.regions - 1, 0), kind, words))
        memory.alarms_so_far += 1
        if len(memory.alarms) > ALARMS_KEPT:
            del memory.alarms[:-ALARMS_KEPT]

    def _check_promise(self) -> None:
        words = broken_promise(self._memory)
        if words and self._memory.promised:
            self._say("promise", words)
        self._memory.promised = not words

    def _choose(self, *, start: bool = False) -> None:
        """Deploy what evidence allows."""
        memory, terms = self._memory, self._terms
        wanted = most_aggressive(memory.evidence, terms.epsilon, terms.settings.margin)
        if terms.settings.ucb and wanted >= 0:
            memory.arm = memory.ucb.best()
            wanted = max(0, wanted - memory.arm)
        rung = next_rung(wanted, memory.rung, memory.regions - memory.rung_since)
        self._deploy(wanted if start else rung, always=start)

    def _deploy(self, rung: int, *, always: bool = False) -> None:
        memory = self._memory
        if rung == memory.rung and not always:
            return
        memory.rung, memory.rung_since = rung, memory.regions
        changed = self._policy_now()
        if changed.to_dict() != self._policy.to_dict() or not memory.version:
            memory.version += 1
            self._policy = changed.with_version(memory.version)

    def _policy_now(self) -> Policy:
        memory = self._memory
        if memory.rung < 0:
            return FullDepthPolicy(version=memory.version)
        return DartPolicy(
            version=memory.version,
            thresholds=self._terms.plan.ladder.policies[memory.rung].thresholds,
            coefficients=memory.coefficients.in_use(),
        )
