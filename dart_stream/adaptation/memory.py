"""Everything that a controller of mode `dart` remembers between two regions."""

import msgspec

from dart_stream.adaptation.alarm import Alarm
from dart_stream.adaptation.audit_detector import AuditDetector
from dart_stream.adaptation.audit_log import AuditLog
from dart_stream.adaptation.burst import Burst
from dart_stream.adaptation.class_mix import ClassMix
from dart_stream.adaptation.coefficients import Coefficients
from dart_stream.adaptation.cusum import Cusums
from dart_stream.adaptation.difficulty_ends import DifficultyEnds
from dart_stream.adaptation.evidence import Evidence
from dart_stream.adaptation.scenes import Scenes
from dart_stream.adaptation.ucb import DiscountedUcb
from dart_stream.adaptation.window import SlidingWindow


class DartMemory(msgspec.Struct, forbid_unknown_fields=True):
    """One stream's memory; an epoch is the time since the last reset.

    Attributes:
        evidence: of the epoch.
        coefficients: g.
        cusums: detectors on signals.
        ends: detector on the ends of difficulty.
        mix: detector on the mix of classes.
        audit_detector: on the deployed policy.
        scenes: near-duplicates.
        window: the last 1,000 regions.
        log: the last audits.
        ucb: of the arms on trial.
        arm: how many rungs below the most aggressive one it holds back.
        burst: what an alarm's burst has gathered so far; None outside one.
        baseline: what is gathered on about a new normal after a burst; None when it is known.
        alarms: the last ones.
        alarms_so_far: how many there were.
        weights: class weights that calibration evidence was drawn with; empty for none.
        regions: seen so far.
        version: of the policy.
        rung: deployed; -1 is full depth.
        rung_since: region at which it was chosen.
        left_rung: deployed when the last burst began; -1 before the first one.
        home: whether calibration evidence counts in this epoch.
        may_return: whether the burst may end at home.
        proofs: how often the evidence at home was begun.
        epoch_since: region at which the epoch began.
        adopted_at: region at which coefficients were last adopted.
        faded_at: region up to which they have faded.
        suspicious_until: region up to which more is audited.
        promised: False since an alarm said that the promise cannot be kept.
        full_confidence: of full depth on audits of late, mean.
    """

    evidence: Evidence
    coefficients: Coefficients
    cusums: Cusums
    ends: DifficultyEnds
    mix: ClassMix
    full_confidence: float
    ucb: DiscountedUcb
    audit_detector: AuditDetector = msgspec.field(default_factory=AuditDetector)
    scenes: Scenes = msgspec.field(default_factory=Scenes)
    window: SlidingWindow = msgspec.field(default_factory=SlidingWindow)
    log: AuditLog = msgspec.field(default_factory=AuditLog)
    burst: Burst | None = None
    baseline: Burst | None = None
    alarms: list[Alarm] = []
    alarms_so_far: int = 0
    weights: list[float] = []
    regions: int = 0
    version: int = 0
    rung: int = -1
    rung_since: int = 0
    left_rung: int = -1
    arm: int = 0
    home: bool = False
    may_return: bool = False
    proofs: int = 0
    epoch_since: int = 0
    adopted_at: int = 0
    faded_at: int = 0
    suspicious_until: int = 0
    promised: bool = True
