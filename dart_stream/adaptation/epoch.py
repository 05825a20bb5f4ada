"""Epochs: what is known when one begins, at home and in a world not seen before.

What counts as evidence is what came since the last reset, and is as good as the assumption that
the regions since then are exchangeable. At home, calibration pictures are counted too, which
assumes that regions are exchangeable with those as well; detectors test that assumption, and a
burst after each alarm decides whether to make it again.

Reference: none.
Differs from the paper: it has no reset; a coefficient that has drifted stays where it is.
"""

from typing import Final

import numpy as np

from dart_stream.adaptation.burst import Burst, empty_burst
from dart_stream.adaptation.class_mix import ClassMix, label_weights, shares_of
from dart_stream.adaptation.coefficients import calibrated_coefficients, no_coefficients
from dart_stream.adaptation.cusum import Cusums, rebased
from dart_stream.adaptation.difficulty_ends import ends_of_shares
from dart_stream.adaptation.evidence import Evidence, fresh_evidence
from dart_stream.adaptation.ladder import Floats
from dart_stream.adaptation.memory import DartMemory
from dart_stream.adaptation.observation import Observation
from dart_stream.adaptation.signals import SIGNALS
from dart_stream.adaptation.terms import Terms
from dart_stream.adaptation.ucb import DiscountedUcb

ARMS: Final = 3
_HOME_EARLY, _HOME = 3.0, 3.5
"""Standard errors that the farthest signal of a burst may be off home: 7 signals, once or twice."""

_RESTLESS: Final = 1000
"""An epoch at home that ended within so many regions was none: the next is not tried as one."""

_LONGEST: Final = 4
"""Times its number of scenes that a burst lasts in regions, where pictures stand still."""

_REFINED_EVERY: Final = 300
_KNOWN_WELL: Final = 2100
"""Scenes after which a new normal is known well enough."""

_MIX_MOVED: Final = 3.0
"""Mean squared deviation of class counts from the expected, in its own unit, of a changed mix."""


def first_memory(terms: Terms) -> DartMemory:
    """Begin at home: calibration pictures are the first audits."""
    plan, rungs = terms.plan, len(terms.plan.ladder)
    learns = terms.settings.coefficients
    memory = DartMemory(
        evidence=fresh_evidence(rungs, terms.delta),
        coefficients=calibrated_coefficients(plan.agreement)
        if learns
        else no_coefficients(plan.num_classes, plan.early_exits),
        cusums=_fresh(terms.home),
        ends=ends_of_shares(*plan.ends),
        mix=ClassMix(shares=list(plan.first_shares), counts=[0] * plan.num_classes),
        full_confidence=plan.full_confidence,
        ucb=DiscountedUcb(trials=[0.0] * ARMS, totals=[0.0] * ARMS, keep=0.998),
    )
    if terms.settings.home:
        begin_at_home(terms, memory)
    else:
        begin_burst(terms, memory)
    return memory


def begin_burst(terms: Terms, memory: DartMemory) -> None:
    """Forget what was proved: an alarm says that it was proved of another stream."""
    restless = memory.home and memory.regions - memory.epoch_since < _RESTLESS
    memory.may_return = terms.settings.home and not restless
    memory.home = False
    memory.left_rung = memory.rung if memory.rung >= 0 else memory.left_rung
    memory.evidence = fresh_evidence(len(terms.plan.ladder), terms.delta)
    memory.baseline = None
    memory.burst = empty_burst(len(SIGNALS), terms.plan.num_classes)
    memory.audit_detector.capital = 0.0
    memory.weights = []
    if terms.settings.coefficients:
        memory.coefficients.adopt()


def settle(terms: Terms, memory: DartMemory, burst: Burst) -> bool:
    """End a burst that has gathered enough; say whether it has ended."""
    settings = terms.settings
    if (
        memory.may_return
        and burst.scenes == settings.home_scenes
        and _is_home(terms, burst, _HOME_EARLY)
    ):
        begin_at_home(terms, memory, burst)
        return True
    stands_still = burst.regions >= _LONGEST * settings.burst_scenes
    if burst.scenes < settings.burst_scenes and not stands_still:
        return False
    if burst.scenes < settings.burst_scenes:
        memory.may_return = False
    if memory.may_return and _is_home(terms, burst, _HOME):
        begin_at_home(terms, memory, burst)
    else:
        _begin_away(terms, memory, burst)
    return True


def refine(terms: Terms, memory: DartMemory, row: tuple[float, ...], seen: Observation) -> None:
    """Learn a new normal more exactly while it lasts; sums go on."""
    baseline = memory.baseline
    if baseline is None:
        return
    baseline.add(row, seen.first_label_id, None)
    if baseline.scenes % _REFINED_EVERY:
        return
    sums = memory.cusums.sums
    memory.cusums = rebased(terms.home, baseline.mean(), baseline.spread(), baseline.scenes)
    memory.cusums.sums = sums
    if baseline.scenes >= _KNOWN_WELL:
        memory.baseline = None


def begin_at_home(terms: Terms, memory: DartMemory, burst: Burst | None = None) -> None:
    """Count calibration pictures, mixed as the burst's classes are, and what the burst has seen."""
    plan = terms.plan
    weights = None if burst is None else _weights_of_burst(terms, burst)
    memory.home, memory.burst, memory.epoch_since = True, None, memory.regions
    memory.baseline = None
    memory.proofs = 0
    memory.cusums = _fresh(terms.home)
    memory.ends = ends_of_shares(*plan.ends)
    if burst is not None and weights is not None:
        memory.mix.rebase(burst.first, plan.first_shares)
    else:
        memory.mix.restart(list(plan.first_shares))
    prove_at_home(terms, memory, weights, memory.evidence)


def follow_mix(terms: Terms, memory: DartMemory) -> None:
    """At home with another mix of classes: draw calibration pictures in its proportions."""
    memory.mix.rebase(list(memory.mix.counts), terms.plan.first_shares)
    prove_for_mix(terms, memory)


def prove_for_mix(terms: Terms, memory: DartMemory) -> None:
    """Begin the evidence for the mix of classes as far as it is known by now."""
    weights = label_weights(terms.plan.confusion, np.array(memory.mix.shares))
    prove_at_home(terms, memory, weights, None)


def prove_at_home(
    terms: Terms, memory: DartMemory, weights: Floats | None, seen: Evidence | None
) -> None:
    """Begin the evidence with calibration pictures.

    The same pictures are asked again for each new mix and each new set of coefficients, so the
    i-th time within an epoch may go wrong with a chance of delta / (i (i + 1)), delta in all.

    Args:
        terms: of the controller.
        memory: whose evidence it is.
        weights: of the classes; None for the calibration's own mix.
        seen: audits of this epoch that were scored with the same coefficients; None if none.
    """
    plan, rungs = terms.plan, len(terms.plan.ladder)
    memory.proofs += 1
    chance = terms.delta / (memory.proofs * (memory.proofs + 1))
    evidence = fresh_evidence(rungs, chance)
    rows = plan.certification.rows(weights, terms.seed + memory.proofs)
    lost = plan.losses(memory.coefficients.in_use())[rows]
    evidence.add(lost.sum(axis=0).tolist(), len(rows))
    if seen is not None and seen.audits:
        evidence.add(seen.losses, seen.audits)
    evidence.release(terms.epsilon)
    memory.evidence = evidence
    memory.weights = [] if weights is None else weights.tolist()


def _begin_away(terms: Terms, memory: DartMemory, burst: Burst) -> None:
    """Take what the burst saw for normal; evidence is the burst's alone."""
    memory.home, memory.burst, memory.epoch_since = False, None, memory.regions
    memory.baseline = burst
    memory.cusums = rebased(terms.home, burst.mean(), burst.spread(), burst.scenes)
    memory.ends = ends_of_shares(*(n / burst.scenes for n in burst.ends))
    memory.mix.rebase(burst.first, shares_of(np.array(burst.first, dtype=np.float64)))


def _is_home(terms: Terms, burst: Burst, limit: float) -> bool:
    home = terms.home
    return burst.farthest(np.array(home.offset), 1 / np.array(home.scale)) <= limit


def _weights_of_burst(terms: Terms, burst: Burst) -> Floats | None:
    """Class weights from the full-depth answers of the burst; None if the mix is the usual one."""
    usual = (terms.plan.final_counts + 0.5) / (terms.plan.final_counts + 0.5).sum()
    seen = np.array(burst.final, dtype=np.float64)
    if not terms.settings.label_shift or seen.sum() == 0:
        return None
    expected = usual * seen.sum()
    if ((seen - expected) ** 2 / expected).sum() <= _MIX_MOVED * len(usual):
        return None
    weights: Floats = np.clip((seen + 30 * usual) / (seen.sum() + 30) / usual, 0.1, 10.0)
    return weights


def _fresh(home: Cusums) -> Cusums:
    return Cusums(
        offset=home.offset,
        scale=home.scale,
        slope=home.slope,
        drift=home.drift,
        sums=[0.0] * len(home.sums),
    )
