"""From what a run said and what its model says now to whether the promise was kept."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.metrics import clopper_pearson_upper
from pipeline.bench.shift.measures import GRACE
from pipeline.errors import ConfigError
from pipeline.run_summary import Disagreement
from pipeline.verify.claims import Claims
from pipeline.verify.document import (
    Estimate,
    FullDepth,
    PhaseRow,
    Reproduced,
    Snapshots,
    Windows,
)
from pipeline.verify.full_depth import Again
from pipeline.verify.run_files import Answers, Ints
from pipeline.verify.windows import settled_stretches, windows_of

_OTHER_MODEL: Final = 0.1
"""So many answers that do not come out again are another model's, not slips."""
_ENOUGH: Final = 100
"""Early answers that a bound on a rate can be compared with."""
_WINDOWS_ABOVE: Final = 0.05
"""Share of settled windows that may lie above the limit: a window has chance of its own."""


@dataclass(frozen=True, slots=True)
class Bars:
    """What a run is measured by.

    Attributes:
        epsilon: largest share of answers that may differ.
        window: answers of a window.
        rounding: what probabilities may differ by.
        full_macs: multiply-accumulates of the full network.
        last_exit: its exit.
    """

    epsilon: float
    window: int
    rounding: float
    full_macs: int
    last_exit: int


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """All figures of a run.

    Attributes:
        differs: for each answer, whether it is not the full network's.
    """

    differs: NDArray[np.bool_]
    all_windows: Windows
    settled: Windows
    phases: list[PhaseRow]
    full_depth: FullDepth
    reproduced: Reproduced
    estimate: Estimate | None
    snapshots: Snapshots | None
    broken: list[str]


def judge(
    answers: Answers,
    again: Again,
    claims: Claims,
    said: Disagreement | None,
    names: list[str],
    bars: Bars,
) -> Judgement:
    """Compare answer by answer.

    Args:
        answers: that were given.
        again: what the model says now.
        claims: of the recording.
        said: of the summary.
        names: of the sources.
        bars: to measure by.

    Raises:
        ConfigError: the answers are not this model's at all.
    """
    reproduced = _reproduced(answers, again, bars)
    full_depth, truth = _full_depth(answers, again, bars)
    differs = answers.label_id != truth
    early = ~np.isin(answers.policy_version, sorted(claims.full_versions))
    everything = [slice(0, len(answers))]
    settled = settled_stretches(answers.source, again.phase, GRACE)
    figures = Judgement(
        differs=differs,
        all_windows=windows_of(differs, everything, bars.window, bars.epsilon),
        settled=windows_of(differs, settled, bars.window, bars.epsilon),
        phases=_phases(answers, again, differs, early, names, bars.full_macs),
        full_depth=full_depth,
        reproduced=reproduced,
        estimate=_estimate(said, claims, differs, early),
        snapshots=_snapshots(claims, differs, early),
        broken=[],
    )
    figures.broken.extend(_broken(figures, bars))
    return figures


def _reproduced(answers: Answers, again: Again, bars: Bars) -> Reproduced:
    off = np.abs(again.given_probability - answers.confidence)
    wrong = int((~(off <= bars.rounding)).sum())  # so that NaN is wrong, too
    if wrong > _OTHER_MODEL * len(answers):
        raise ConfigError(
            f"model.name: expected the model that the run had, but {wrong:,} of {len(answers):,} "
            f"answers do not come out again (probabilities off by up to {off.max():.2g}); verify "
            "with the same model"
        )
    return Reproduced(n=len(answers), wrong=wrong, max_difference=float(off.max()))


def _full_depth(answers: Answers, again: Again, bars: Bars) -> tuple[FullDepth, Ints]:
    """Check the run's own full-depth answers; return them and the truth for every region.

    A near tie may fall to either side by rounding: there the run's own full depth is the truth.
    """
    label_id, confidence = answers.at_full_depth(bars.last_exit)
    known = label_id >= 0
    other = known & (label_id != again.full_label_id)
    tie = other & (again.deep_behind <= bars.rounding)
    off = np.abs(again.deep_probability - confidence)[known]
    found = FullDepth(
        n=int(known.sum()),
        other=int(other.sum()),
        wrong=int((other & ~tie).sum()),
        max_difference=float(off.max()) if len(off) else None,
    )
    return found, np.where(tie, label_id, again.full_label_id)


def _phases(
    answers: Answers,
    again: Again,
    differs: NDArray[np.bool_],
    early: NDArray[np.bool_],
    names: list[str],
    full_macs: int,
) -> list[PhaseRow]:
    found = []
    for number, name in enumerate(names):
        rows = np.flatnonzero(answers.source == number)
        rows = rows[np.argsort(again.ordinal[rows])]
        phase = again.phase[rows]
        for part in np.split(rows, np.flatnonzero(phase[1:] != phase[:-1]) + 1):
            if not len(part):
                continue
            found.append(
                PhaseRow(
                    source=name,
                    name=str(again.phase[part[0]]),
                    begin=int(again.ordinal[part[0]]),
                    n=len(part),
                    disagreement=float(differs[part].mean()),
                    full_depth=float((~early[part]).mean()),
                    macs_fraction=float(answers.macs[part].mean() / full_macs),
                )
            )
    return found


@dataclass(frozen=True, slots=True)
class _Truth:
    """Early answers among some: how many there are, and how many of them differ."""

    regions: int
    differ: int

    @property
    def share(self) -> float | None:
        return self.differ / self.regions if self.regions else None

    def at_least(self, confidence: float) -> float:
        """Lower bound on the rate behind the share."""
        agree = self.regions - self.differ
        return 1 - clopper_pearson_upper(agree, self.regions, confidence)


def _truth(rows: Ints, differs: NDArray[np.bool_], early: NDArray[np.bool_]) -> _Truth:
    rows = rows[rows >= 0]
    rows = rows[early[rows]]
    return _Truth(len(rows), int(differs[rows].sum()))


def _estimate(
    said: Disagreement | None,
    claims: Claims,
    differs: NDArray[np.bool_],
    early: NDArray[np.bool_],
) -> Estimate | None:
    if said is None or said.estimate is None or said.upper is None:
        return None
    since = max(0, len(claims.rows) - said.window)
    truth = _truth(claims.rows[since:], differs, early)
    at_least = truth.at_least(said.confidence) if truth.regions else None
    return Estimate(
        estimate=said.estimate,
        upper=said.upper,
        confidence=said.confidence,
        regions=truth.regions,
        truth=truth.share,
        at_least=at_least,
        covered=None if at_least is None else at_least <= said.upper,
    )


def _snapshots(
    claims: Claims, differs: NDArray[np.bool_], early: NDArray[np.bool_]
) -> Snapshots | None:
    excess = []
    for claim in claims.claims:
        truth = _truth(claims.rows[claim.begin : claim.end], differs, early)
        if truth.regions >= _ENOUGH:
            excess.append(truth.at_least(claim.confidence) - claim.upper)
    if not excess:
        return None
    covered = sum(each <= 0 for each in excess)
    return Snapshots(n=len(excess), covered=covered, worst=max(excess))


def _broken(figures: Judgement, bars: Bars) -> list[str]:
    """Name the points that were not kept."""
    words = []
    share = float(figures.differs.mean())
    if share > bars.epsilon:
        words.append(f"{share:.2%} of all answers differ, more than {bars.epsilon:.2%}")
    settled = figures.settled
    if settled.above_epsilon > _WINDOWS_ABOVE * settled.n:
        words.append(
            f"{settled.above_epsilon} of {settled.n} settled windows are above {bars.epsilon:.2%}, "
            f"more than {_WINDOWS_ABOVE:.0%}"
        )
    if figures.full_depth.wrong:
        words.append(
            f"{figures.full_depth.wrong} of {figures.full_depth.n} answers recorded as the full "
            "network's are not"
        )
    if figures.reproduced.wrong:
        words.append(
            f"{figures.reproduced.wrong} of {figures.reproduced.n} answers do not come out again"
        )
    return words
