"""Everything that can be set about adaptation of mode `dart`, with the reason for each number."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DartSettings:
    """Parts that can be switched off, and sizes.

    Attributes:
        pixels: detectors on edge density, variance and gradient.
        confidence: detectors on the confidence of exit 0.
        difficulty_ends: detectors on the mass of the difficulty at 0 and 1. Off: in every stream
            that was tried the detectors on its parts were first.
        audit_detector: a detector on the disagreement of audits, and more audits after one.
        burst: full depth after an alarm; without it evidence starts again from audits alone.
        home: calibration evidence counts again once a burst looks like the calibration pictures.
        coefficients: thresholds per class, learned from audits.
        label_shift: class mix is watched, and calibration evidence re-weighted to it.
        scenes: near-duplicates count once.
        ucb: choose among the most aggressive rungs allowed by their realised cost.
        rungs: policies on the way from safe to aggressive.
        audit_probability: of the coin while nothing is suspected.
        suspicious_probability: of the coin after an audit that disagreed.
        suspicion_regions: how long that lasts.
        burst_scenes: evidence of zero losses releases a policy for limits of 1.3 % and more.
        home_scenes: enough to see a mean 0.3 deviations off.
        margin: what is deployed must look this share of the limit at most, so that a window of
            1,000 regions seldom exceeds the limit by chance.
        clean_regions_per_false_alarm: bound on how often detectors alarm for nothing.
        pseudo_label_confidence: full-depth answers less sure than this teach no coefficient.
    """

    pixels: bool = True
    confidence: bool = True
    difficulty_ends: bool = False
    audit_detector: bool = True
    burst: bool = True
    home: bool = True
    coefficients: bool = True
    label_shift: bool = True
    scenes: bool = True
    ucb: bool = False
    rungs: int = 32
    audit_probability: float = 0.03
    suspicious_probability: float = 0.2
    suspicion_regions: int = 150
    burst_scenes: int = 300
    home_scenes: int = 150
    margin: float = 0.65
    clean_regions_per_false_alarm: int = 100_000
    pseudo_label_confidence: float = 0.8
