"""The file of `bench shift`: what each method did, summed over the streams of all seeds."""

from typing import Any

import msgspec


class SegmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One method in one segment, mean over seeds; shares in [0, 1].

    Attributes:
        name: as the schedule says.
        n: regions of one stream.
        accuracy: of the answers given.
        full_accuracy: of full depth on the same regions.
        disagreement: answers unlike full depth's.
        macs_fraction: cost, audits and bursts included, as a share of the full network's.
        backbone_drop: full-depth accuracy of the first clean segment less this one's; None
            without such a segment. No threshold can repair it.
        exit_gap: full_accuracy - accuracy: what leaving early cost.
        settled_disagreement: disagreement after the grace.
        worst_settled_disagreement: the largest of a seed.
        deployed_fraction: cost without audits, bursts at full depth.
        worst_class_disagreement: of the class, by full-depth answer, that suffers most, over all
            seeds; None where no class has 100 regions.
    """

    name: str
    n: int
    accuracy: float
    full_accuracy: float
    disagreement: float
    macs_fraction: float
    backbone_drop: float | None
    exit_gap: float
    settled_disagreement: float
    worst_settled_disagreement: float
    deployed_fraction: float
    worst_class_disagreement: float | None


class Windows(msgspec.Struct, frozen=True, kw_only=True):
    """Disjoint windows that lie within a segment, after its grace; of all seeds.

    Attributes:
        n: how many.
        above_epsilon: how many disagree more often than epsilon.
        worst: disagreement of the worst; None if there is none.
    """

    n: int
    above_epsilon: int
    worst: float | None


class AlarmRow(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm of the first seed.

    Attributes:
        at: number of the region.
        kind: see `dart_stream.adaptation.Alarm`.
        segment: name of the segment it fell in.
        words: for a person.
    """

    at: int
    kind: str
    segment: str
    words: str


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """Whether policies whose true rate exceeds epsilon were released.

    True rates are exact: regions are drawn from tables, so the law of a segment is known. Policies
    are looked at every 250 regions.

    Attributes:
        seeds_above: seeds in which such a policy was seen in the first segment, where regions are
            exchangeable since the beginning.
        seeds_above_anywhere: the same in any segment, after its grace.
        looks_above: share of all looks after the grace.
        worst: highest true rate seen after the grace.
    """

    seeds_above: int
    seeds_above_anywhere: int
    looks_above: float
    worst: float


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """What the page draws, in steps of 250 regions; means over seeds unless said otherwise.

    Attributes:
        at: number of the first region of each step.
        accuracy: of the answers given.
        full_accuracy: of full depth.
        disagreement: see `SegmentRow`.
        macs_fraction: see `SegmentRow`.
        upper: the controller's own bound on disagreement, first seed; None where it has none.
        coefficients: of each class, mean over exits, first seed; empty if the policies have none.
        full_depth: whether a burst was on, share of the seeds.
    """

    at: list[int]
    accuracy: list[float]
    full_accuracy: list[float]
    disagreement: list[float]
    macs_fraction: list[float]
    upper: list[float | None]
    coefficients: list[list[float]]
    full_depth: list[float]


class MethodRow(msgspec.Struct, frozen=True, kw_only=True):
    """One controller on all streams.

    Attributes:
        name: of the controller.
        overhead: cost of audits and bursts beyond that of the regions without them, as a share of
            full depth.
        segments: in turn.
        windows: see there.
        alarms: of the first seed.
        detection: for each change, regions until the first alarm after it, median of the seeds
            that had one; None if none had.
        false_alarms: in clean segments, more than the horizon after their beginning, or anywhere in
            a first clean one; of all seeds.
        detected: for each change, share of the seeds with an alarm before the next change.
        clean_regions: where an alarm would have been false, of all seeds.
        alarms_a_stream: mean.
        back_to_clean_cost: for each clean segment after another one, regions until the cost without
            audits is back within 3 % of the first clean segment's, median of the seeds that came
            back; None if none did.
        came_back: for each of them, share of the seeds that did.
        released: see there.
        update_us: mean time of a call of `update`, microseconds, first seed.
        accuracy: over all regions.
        full_accuracy: of full depth.
        disagreement: over all regions.
        macs_fraction: over all regions.
        series: see there.
    """

    name: str
    overhead: float
    segments: list[SegmentRow]
    windows: Windows
    alarms: list[AlarmRow]
    detection: list[float | None]
    false_alarms: int
    detected: list[float]
    clean_regions: int
    alarms_a_stream: float
    back_to_clean_cost: list[float | None]
    came_back: list[float]
    released: Released | None
    update_us: float
    accuracy: float
    full_accuracy: float
    disagreement: float
    macs_fraction: float
    series: Series


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """The same from an engine that really stopped early on perturbed pixels.

    Attributes:
        seeds: streams.
        batch: regions decided by one policy.
        methods: see `MethodRow`; what needs tables is None.
    """

    seeds: int
    batch: int
    methods: list[MethodRow]


class ShiftDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The file.

    Attributes:
        command: that made it.
        n: regions of a stream.
        pictures: of the split that they are drawn from.
        calibrated_on: pictures that controllers start from, in words.
        calibrated_n: how many.
        grace: regions after each change that windows and settled figures leave out.
        horizon: see `MethodRow.false_alarms`.
        window: regions.
        seeds: streams; they are numbered from 0.
        clean_cost: mean cost on the calibration pictures that `static` and `paper` are set to, as a
            share of the full network's: what `dart` costs in the first segment, audits aside. None
            if that is not clean; they are then chosen by epsilon.
        segments: begin, count and name of each, and whether the world changes there.
        live: None unless asked for.
    """

    command: str
    model: str
    dataset: str
    split: str
    n: int
    pictures: int
    calibrated_on: str
    calibrated_n: int
    schedule: str
    epsilon: float
    delta: float
    window: int
    grace: int
    horizon: int
    seeds: int
    clean_cost: float | None
    classes: list[str]
    segments: list[dict[str, Any]]
    methods: list[MethodRow]
    live: Live | None
    device: str
    precision: str
    threads: int
    host: dict[str, Any]
    torch: str
