"""All methods on all streams: the same pictures, the same coins, each from a fresh start."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dart_stream.adaptation import Controller
from dart_stream.adaptation.registry import CONTROLLERS
from dart_stream.adaptation.start import ControllerFactory
from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from pipeline.bench.shift.document import MethodRow
from pipeline.bench.shift.law import Ints, Law
from pipeline.bench.shift.measures import clean_cost
from pipeline.bench.shift.play import play
from pipeline.bench.shift.segments import Segment
from pipeline.bench.shift.shelf import Shelf
from pipeline.bench.shift.stream import Script, Stream
from pipeline.bench.shift.summary import Summary
from pipeline.bench.shift.truth import TrueRates

REFERENCE: Final = "dart"
"""Whose clean cost `static` and `paper` are set to."""

OnProgress = Callable[[str, int, int], None]
"""(what, done, of how many)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a contest is about.

    Attributes:
        segments: of every stream.
        methods: names of controllers.
        epsilon: limit on disagreement, in (0, 1).
        delta: chance of ever releasing a policy above it.
        window: regions.
        seeds: streams, from 0.
        controllers: factories by name.
    """

    segments: tuple[Segment, ...]
    methods: tuple[str, ...]
    epsilon: float
    delta: float
    window: int
    seeds: int
    controllers: Mapping[str, ControllerFactory] = field(default_factory=lambda: CONTROLLERS)


class Contest:
    """Controllers against each other.

    Args:
        terms: of the contest.
        shelf: of tables of the pictures that streams are drawn from.
        labels: of these pictures.
        calibration: other pictures, that controllers start from.
        costs: of the network's parts.
    """

    def __init__(
        self, terms: Terms, shelf: Shelf, labels: Ints, calibration: ExitTable, costs: Costs
    ) -> None:
        self._terms, self._shelf, self._labels = terms, shelf, labels
        self._calibration, self._costs = calibration, costs
        self._law = Law.of(labels, calibration.classes)
        self.clean_cost = self._clean_cost()

    def script(self, seed: int) -> Script:
        """Draw the stream of a seed."""
        return Script.draw(self._terms.segments, self._law, seed)

    def controller(self, method: str, seed: int) -> Controller:
        """Make a fresh controller."""
        return self._terms.controllers[method](
            self._calibration,
            self._costs,
            epsilon=self._terms.epsilon,
            delta=self._terms.delta,
            seed=seed,
            target_cost_share=self.clean_cost,
        )

    def summary(self, method: str) -> Summary:
        """Begin a row."""
        terms = self._terms
        return Summary(
            method,
            terms.segments,
            epsilon=terms.epsilon,
            window=terms.window,
            classes=len(self._calibration.classes),
        )

    def play_all(self, on_progress: OnProgress) -> list[MethodRow]:
        """Let every method play every stream."""
        terms = self._terms
        summaries = {method: self.summary(method) for method in terms.methods}
        truth = TrueRates(terms.segments, self._shelf, self._law)
        what, total = "playing streams", terms.seeds * len(terms.methods)
        done = 0
        for seed in range(terms.seeds):
            stream = Stream.of(self.script(seed), self._shelf, self._labels)
            for method, summary in summaries.items():
                on_progress(what, done, total)
                played = play(self.controller(method, seed), stream, self._costs)
                summary.add(played, truth.rates(played.samples))
                done += 1
        on_progress(what, total, total)
        return [summary.row() for summary in summaries.values()]

    def _clean_cost(self) -> float | None:
        """What the reference costs in the first segment, audits aside; None if not clean."""
        terms = self._terms
        first: Sequence[Segment] = terms.segments[:1]
        if REFERENCE not in terms.controllers or not first[0].is_clean:
            return None
        controller = terms.controllers[REFERENCE](
            self._calibration, self._costs, epsilon=terms.epsilon, delta=terms.delta
        )
        stream = Stream.of(Script.draw(first, self._law, 0), self._shelf, self._labels)
        return clean_cost(play(controller, stream, self._costs).deployed, first)
