"""Stopping rules by dynamic programming: for many exits, and for thresholds that know difficulty.

Reference: DART Eq. 11. States are (exit, difficulty bin, confidence bin); with s' at exit k + 1,

    V_k(s) = max{ p_k(s), -price (cost of stage and head k + 1) + sum_s' P(s' | s) V_{k+1}(s') }

and V_K(s) = p_K(s), where p_k(s) is what the answer at exit k is worth in that state.

Differs from the paper: rewards p and transitions P are estimated from a table of real answers
rather than set by hand; the horizon is finite, so one backward sweep is exact and gamma is 1; a
rule leaves from some confidence on, and no harder picture leaves on less.

The rule is optimal for the binned chain, which real answers only resemble: always score it on raw
pictures (`StoppingRule.exits`), beside the exact search where that is possible.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable

Floats = NDArray[np.float64]

_PRIOR: Final = 1.0
"""Pictures that a state is worth before any was seen: they behave like all of that exit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """How finely states tell pictures apart."""

    difficulty: int = 3
    confidence: int = 24


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a picture could be answered at each exit.

    Attributes:
        confidence: [N, exits], or any score that rises with it.
        answers: class, [N, exits].
        taken_from: exit that gives the answer, [N, exits]; an earlier one with recall.
    """

    confidence: NDArray[np.floating]
    answers: NDArray[np.int64]
    taken_from: NDArray[np.intp]

    @classmethod
    def of(cls, table: ExitTable, *, recall: bool = False) -> "Answers":
        """Each exit's own answer, or with recall the surest one so far.

        Reference: recall after T-Tamer (arXiv 2509.22992): a rule that may not go back to an
        earlier answer can lose to one that may by any factor.
        """
        rows = np.arange(len(table))[:, None]
        own = np.broadcast_to(np.arange(table.num_exits), table.confidence.shape)
        if not recall:
            return cls(table.confidence, table.answers, own)
        surest = np.maximum.accumulate(table.confidence, axis=1)
        best = np.maximum.accumulate(np.where(table.confidence == surest, own, 0), axis=1)
        return cls(surest, table.answers[rows, best], best)


@dataclass(frozen=True, slots=True, eq=False)
class StoppingRule:
    """From which confidence on pictures leave.

    Attributes:
        thresholds: [early exits, difficulty bins]; infinite where nobody leaves, minus infinity
            where everybody does.
        difficulty_edges: between the difficulty bins, rising.
        recall: whether the answer is the surest one so far.
    """

    thresholds: Floats
    difficulty_edges: Floats
    recall: bool = field(default=False)

    def exits(self, table: ExitTable) -> NDArray[np.int64]:
        """Where each picture of a table leaves, [N]."""
        confidence = Answers.of(table, recall=self.recall).confidence[:, :-1]
        hardness = np.searchsorted(self.difficulty_edges, table.difficulty, "right")
        leaves = confidence >= self.thresholds.T[hardness]
        last = table.num_exits - 1
        return np.where(leaves.any(1), leaves.argmax(1), last).astype(np.int64)

    @property
    def watched(self) -> list[bool]:
        """For each early exit whether anybody could leave there."""
        return [bool(row.min() < np.inf) for row in self.thresholds]


@dataclass(frozen=True, slots=True, eq=False)
class BinnedChain:
    """Pictures on their way from exit to exit, counted in bins: solved for any price in no time.

    Attributes:
        difficulty_edges: between the difficulty bins, rising.
        confidence_edges: lower edge of each confidence bin by early exit.
        rewards: [difficulty, confidence] by exit, what stopping is worth.
        chances: [difficulty, confidence here, confidence there] by early exit.
    """

    difficulty_edges: Floats
    confidence_edges: Sequence[Floats]
    rewards: Sequence[Floats]
    chances: Sequence[Floats]

    @classmethod
    def of(
        cls, answers: Answers, worth: NDArray[np.bool_], difficulty: NDArray[np.float32], bins: Bins
    ) -> "BinnedChain":
        """Estimate rewards and transitions.

        Args:
            answers: of N pictures.
            worth: [N, exits], whether each exit's own answer is what it should be.
            difficulty: [N].
            bins: of the states.
        """
        rows = np.arange(len(difficulty))[:, None]
        value = worth[rows, answers.taken_from].astype(np.float64)
        edges = _inner_quantiles(difficulty, bins.difficulty)
        hardness = np.searchsorted(edges, difficulty, "right")
        states = _states(answers.confidence, bins.confidence)
        shape = (len(edges) + 1, bins.confidence)
        columns = list(states.bins.T)
        return cls(
            edges,
            states.edges[:-1],
            [_reward(v, hardness, here, shape) for v, here in zip(value.T, columns, strict=True)],
            [_chances(hardness, here, there, shape) for here, there in pairwise(columns)],
        )

    def thresholds(self, costs: Costs, price: float) -> Floats:
        """Confidence from which on to stop, [early exits, difficulty bins]; see `StoppingRule`.

        Args:
            costs: of the exits.
            price: of the full network's cost, in worth: 0 buys everything that helps at all.
        """
        step = (np.asarray(costs.stages) + np.asarray(costs.heads)) * price / costs.plain()
        ahead = self.rewards[-1]
        found = []
        for k in reversed(range(len(self.chances))):
            stop = self.rewards[k]
            go = (self.chances[k] * ahead[:, None, :]).sum(2) - step[k + 1]
            found.append(_thresholds(stop >= go, self.confidence_edges[k]))
            ahead = np.maximum(stop, go)
        return np.array(found[::-1])


def solve_stopping(
    table: ExitTable,
    worth: NDArray[np.bool_],
    costs: Costs,
    price: float,
    bins: Bins | None = None,
    *,
    recall: bool = False,
) -> StoppingRule:
    """Find the rule with the highest worth less price times cost, on the binned chain.

    Args:
        table: pictures to estimate rewards and transitions from.
        worth: [N, exits], whether each exit's own answer is what it should be.
        costs: of the table's exits.
        price: see `BinnedChain.thresholds`.
        bins: of the states.
        recall: let a picture be answered by the surest exit so far.
    """
    answers = Answers.of(table, recall=recall)
    chain = BinnedChain.of(answers, worth, table.difficulty, bins or Bins())
    return StoppingRule(chain.thresholds(costs, price), chain.difficulty_edges, recall)


@dataclass(frozen=True, slots=True, eq=False)
class _States:
    """Confidence bins of each picture, [N, exits], and the lower edge of each bin by exit.

    The first bin has no lower edge, so that its threshold lets everybody go.
    """

    bins: NDArray[np.intp]
    edges: Sequence[Floats]


def _states(confidence: NDArray[np.floating], count: int) -> _States:
    edges = [_inner_quantiles(column, count) for column in confidence.T]
    bins = [np.searchsorted(e, c, "right") for e, c in zip(edges, confidence.T, strict=True)]
    return _States(np.stack(bins, axis=1), [np.concatenate([[-np.inf], e]) for e in edges])


def _inner_quantiles(values: NDArray[np.floating], count: int) -> Floats:
    inner: Floats = np.quantile(values.astype(np.float64), np.linspace(0, 1, count + 1)[1:-1])
    return inner


def _reward(
    value: Floats, hardness: NDArray[np.intp], bins: NDArray[np.intp], shape: tuple[int, int]
) -> Floats:
    """Mean worth in each state, never falling with confidence, [difficulty, confidence]."""
    flat = np.ravel_multi_index((hardness, bins), shape)
    count = np.bincount(flat, minlength=shape[0] * shape[1]) + _PRIOR
    total = np.bincount(flat, weights=value, minlength=len(count)) + _PRIOR * value.mean()
    means, weights = (total / count).reshape(shape), count.reshape(shape)
    return np.stack([_isotonic(m, w) for m, w in zip(means, weights, strict=True)])


def _chances(
    hardness: NDArray[np.intp],
    here: NDArray[np.intp],
    there: NDArray[np.intp],
    shape: tuple[int, int],
) -> Floats:
    """Chance of each bin at the next exit, from each state."""
    flat = np.ravel_multi_index((hardness, here, there), (*shape, shape[1]))
    counts = np.bincount(flat, minlength=shape[0] * shape[1] ** 2).reshape(*shape, shape[1])
    anybody = np.bincount(there, minlength=shape[1]) / len(there)
    smoothed = counts + _PRIOR * anybody
    chances: Floats = smoothed / smoothed.sum(2, keepdims=True)
    return chances


def _thresholds(stops: NDArray[np.bool_], edges: Floats) -> Floats:
    """Confidence from which on every bin stops, by difficulty; never lower for harder ones."""
    tail = np.logical_and.accumulate(stops[:, ::-1], axis=1)[:, ::-1]
    found = np.where(tail.any(1), edges[tail.argmax(1)], np.inf)
    return np.maximum.accumulate(found)


def _isotonic(values: NDArray[np.floating], weights: NDArray[np.floating]) -> Floats:
    """The closest sequence that never falls (pool adjacent violators)."""
    means: list[float] = []
    sizes: list[float] = []
    lengths: list[int] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, size, length = value, weight, 1
        while means and means[-1] > mean:
            before, mass = means.pop(), sizes.pop()
            mean = (mean * size + before * mass) / (size + mass)
            size, length = size + mass, length + lengths.pop()
        means.append(mean)
        sizes.append(size)
        lengths.append(length)
    return np.repeat(means, lengths)
