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
        epsilon: largest share of answers that may differ; the largest of those in force.
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
        judged: for each answer, whether the promise is about it: no deadline cut it short, and no
            person held or chose the policy that decided.
    """

    differs: NDArray[np.bool_]
    judged: NDArray[np.bool_]
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
        answers: that were given, and could be checked.
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
    judged = (answers.late == 0) & ~claims.by_hand
    of_promise = differs[judged]
    settled = settled_stretches(answers.source[judged], again.phase[judged], GRACE)
    evidence = _Evidence(claims, answers, differs)
    figures = Judgement(
        differs=differs,
        judged=judged,
        all_windows=windows_of(of_promise, [slice(0, len(of_promise))], bars.window, bars.epsilon),
        settled=windows_of(of_promise, settled, bars.window, bars.epsilon),
        phases=_phases(_Compared(answers, again, claims, differs, judged), names, bars.full_macs),
        full_depth=full_depth,
        reproduced=reproduced,
        estimate=None if said is None else evidence.at_end(said),
        snapshots=evidence.meanwhile(),
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


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    answers: Answers
    again: Again
    claims: Claims
    differs: NDArray[np.bool_]
    judged: NDArray[np.bool_]


def _phases(seen: _Compared, names: list[str], full_macs: int) -> list[PhaseRow]:
    found = []
    for number, name in enumerate(names):
        rows = np.flatnonzero(seen.answers.source == number)
        rows = rows[np.lexsort((seen.again.ordinal[rows], seen.again.session[rows]))]
        phase, session = seen.again.phase[rows], seen.again.session[rows]
        begins = (phase[1:] != phase[:-1]) | (session[1:] != session[:-1])
        parts = np.split(rows, np.flatnonzero(begins) + 1)
        found += [_phase_row(seen, part, name, full_macs) for part in parts if len(part)]
    return found


def _phase_row(seen: _Compared, rows: Ints, source: str, full_macs: int) -> PhaseRow:
    return PhaseRow(
        source=source,
        session=int(seen.again.session[rows[0]]),
        name=str(seen.again.phase[rows[0]]),
        begin=int(seen.again.ordinal[rows[0]]),
        n=len(rows),
        late=int(seen.answers.late[rows].sum()),
        by_hand=int(seen.claims.by_hand[rows].sum()),
        disagreement=share_of(seen.differs[rows][seen.judged[rows]]),
        full_depth=float((~seen.claims.early[rows]).mean()),
        macs_fraction=float(seen.answers.macs[rows].mean() / full_macs),
    )


def share_of(differs: NDArray[np.bool_]) -> float | None:
    """Of answers that differ; None without an answer."""
    return float(differs.mean()) if len(differs) else None


class _Evidence:
    """Claims beside what is true of the early answers that they speak of.

    Sums over all of them are taken once: a long run has a claim every half second, each of very
    many answers.
    """

    def __init__(self, claims: Claims, answers: Answers, differs: NDArray[np.bool_]) -> None:
        self._claims = claims
        row = np.maximum(claims.rows, 0)
        is_early = (claims.rows >= 0) & (claims.early & (answers.late == 0))[row]
        self._early = np.concatenate([[0], np.cumsum(is_early)])
        self._differ = np.concatenate([[0], np.cumsum(is_early & differs[row])])
        self._unchecked = np.concatenate([[0], np.cumsum(claims.is_unchecked)])

    def at_end(self, said: Disagreement) -> Estimate | None:
        """The last claim, which the summary holds."""
        if said.estimate is None or said.upper is None:
            return None
        place = self._claims.place(said.window)
        if place is not None and not self._is_checked(place.start, place.stop):
            place = None
        regions, differ = (0, 0) if place is None else self._between(place.start, place.stop)
        at_least = _at_least(differ, regions, said.confidence) if regions else None
        return Estimate(
            estimate=said.estimate,
            upper=said.upper,
            confidence=said.confidence,
            placed=place is not None,
            regions=regions,
            truth=differ / regions if regions else None,
            at_least=at_least,
            covered=None if at_least is None else at_least <= said.upper,
        )

    def meanwhile(self) -> Snapshots | None:
        """Those of snapshots; None where none was made."""
        if not (self._claims.claims or self._claims.unplaced):
            return None
        excess = []
        unplaced = self._claims.unplaced
        for claim in self._claims.claims:
            if not self._is_checked(claim.begin, claim.end):
                unplaced += 1
                continue
            regions, differ = self._between(claim.begin, claim.end)
            if regions < _ENOUGH:
                continue
            is_above = differ > claim.upper * regions  # else the rate is surely not, either
            at_least = _at_least(differ, regions, claim.confidence) if is_above else 0.0
            excess.append(max(at_least - claim.upper, 0.0))
        return Snapshots(
            n=len(excess),
            covered=excess.count(0.0),
            worst=max(excess, default=None),
            unplaced=unplaced,
        )

    def _is_checked(self, begin: int, end: int) -> bool:
        """Every answer between them; what is true of the others nobody knows."""
        return bool(self._unchecked[begin] == self._unchecked[end])

    def _between(self, begin: int, end: int) -> tuple[int, int]:
        """Early answers, and how many of them differ."""
        regions, differ = self._early, self._differ
        return int(regions[end] - regions[begin]), int(differ[end] - differ[begin])


def _at_least(differ: int, regions: int, confidence: float) -> float:
    """Lower bound on the rate behind a share, 1 - `clopper_pearson_upper` of those that agree.

    As the upper bound of one fewer it is a sum over those that differ alone.
    """
    return clopper_pearson_upper(differ - 1, regions, 1 - confidence) if differ else 0.0


def _broken(figures: Judgement, bars: Bars) -> list[str]:
    """Name the points that were not kept."""
    words = []
    share = share_of(figures.differs[figures.judged])
    if share is not None and share > bars.epsilon:
        words.append(f"{share:.2%} of the judged answers differ, more than {bars.epsilon:.2%}")
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
