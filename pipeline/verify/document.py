"""`verify.json`: whether a run kept its promise, and by how much."""

from typing import Any

import msgspec


class Windows(msgspec.Struct, frozen=True, kw_only=True):
    """Disjoint windows of answers in the order of the results.

    Attributes:
        n: how many.
        above_epsilon: in how many more answers differ than the limit allows.
        worst: share that differs in the worst; None if there is none.
    """

    n: int
    above_epsilon: int
    worst: float | None


class PhaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a source under one phase of its script; a whole session without one.

    Attributes:
        source: its name.
        session: how often this name had begun; 1 where sources were never changed.
        name: of the phase, as the script has it; empty without one.
        begin: number of its first region in the session.
        n: regions that were answered.
        late: of these, cut short by a deadline.
        by_hand: of these, decided by a policy that a person held or chose.
        disagreement: share of the others whose answers are not the full network's; None if there
            are no others.
        full_depth: share of regions that a policy or `always_full` sent to full depth whatever
            exits said, audits apart.
        macs_fraction: spent, audits included, over the full network's.
    """

    source: str
    session: int
    name: str
    begin: int
    n: int
    late: int
    by_hand: int
    disagreement: float | None
    full_depth: float
    macs_fraction: float


class FullDepth(msgspec.Struct, frozen=True, kw_only=True):
    """Answers that the run itself gave or audited at full depth, beside today's.

    Attributes:
        n: how many.
        other: labels that differ, near ties within rounding included.
        wrong: labels that differ by more than rounding.
        max_difference: of the probability of the recorded label.
    """

    n: int
    other: int
    wrong: int
    max_difference: float | None


class Reproduced(msgspec.Struct, frozen=True, kw_only=True):
    """Every answer that was given, at the exit that gave it, beside today's.

    Attributes:
        n: how many.
        wrong: probabilities that differ by more than rounding.
        max_difference: of the probability of the recorded label.
    """

    n: int
    wrong: int
    max_difference: float


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What the audits said at the end of the run.

    Attributes:
        estimate: share of early answers that differ.
        upper: its bound.
        confidence: of the bound.
        placed: the recording holds all regions since that evidence began, and every answer to them
            was checked; without, nothing can be compared.
        regions: early answers since that evidence began, late ones left out.
        truth: share of those that differ; None if there were none.
        at_least: lower bound on the rate behind that share, at the same confidence: a few hundred
            answers have chance of their own; None if there were none.
        covered: this is not above the bound; None if there were none.
    """

    estimate: float
    upper: float
    confidence: float
    placed: bool
    regions: int
    truth: float | None
    at_least: float | None
    covered: bool | None


class Snapshots(msgspec.Struct, frozen=True, kw_only=True):
    """What the audits said while it ran.

    Attributes:
        n: snapshots that stated a bound, with 100 early answers at least since its evidence began.
        covered: of which the bound was not below what the rate is at least, see `Estimate`.
        worst: largest excess of that above the bound, 0 if all are covered; None without a
            snapshot.
        unplaced: further snapshots with a bound, whose evidence the recording does not hold whole
            or not every answer of which was checked.
    """

    n: int
    covered: int
    worst: float | None
    unplaced: int


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """Answers that could not be checked.

    Attributes:
        source: their name.
        session: the one they are of; None where it is not known.
        n: how many.
        why: in words.
    """

    source: str
    session: int | None
    n: int
    why: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """A run, checked.

    Attributes:
        kept: whether the promise was kept; None where all that could be checked kept it, but not
            every answer could be.
        broken: which points of the promise were not kept, in words.
        promised: whether the run adapted; without, nobody promised anything.
        epsilon: limit on the share of answers that differ; the largest that was in force.
        limits: all that were, rising: a person may change it.
        regions: answers that were checked; all figures are of these.
        unchecked: further answers that could not be.
        left_out: where these are, and why.
        judged: of those checked, answers that the promise is about.
        late: answers that a deadline cut short, which are not.
        by_hand: answers of a policy that a person held or chose, which are not either.
        disagreement: share of the judged that differs from the full network; None if there are
            none.
        differ: how many that are.
        macs_fraction: spent, audits included, over the full network's.
        window: judged answers of a window.
        grace: regions after a change in which `settled` windows do not count.
        all_windows: of the whole run.
        settled: within a stretch in which no source changes its phase, after the grace.
        rounding: what two runs of the same model may differ by in probability.
        held: why a person held the policy at the end of the run; None if nobody did.
        complaints: what of the recording could not be read, a line each.
    """

    kept: bool | None
    broken: list[str]
    promised: bool
    run: str
    model: str
    epsilon: float
    limits: list[float]
    regions: int
    unchecked: int
    left_out: list[LeftOut]
    judged: int
    late: int
    by_hand: int
    disagreement: float | None
    differ: int
    macs_fraction: float
    window: int
    grace: int
    all_windows: Windows
    settled: Windows
    phases: list[PhaseRow]
    full_depth: FullDepth
    reproduced: Reproduced
    rounding: float
    estimate: Estimate | None
    snapshots: Snapshots | None
    held: str | None = None
    complaints: list[str]
    command: str
    host: dict[str, Any]
    device: str
    threads: int
    precision: str
    torch: str
    n: int
