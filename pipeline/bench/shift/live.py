"""The same contest by an engine that really stops early, on pixels perturbed for each region anew.

Differs from the tables in two ways: a policy decides a whole batch, as in the pipeline, and each
region's noise is its own. Full depth is computed for every region beside it, to compare with; that
time and cost count nowhere.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.adaptation import Audit, Controller, Observation
from dart_stream.costs import Costs, costs_of
from dart_stream.data import Pictures
from dart_stream.difficulty import difficulty_parts, paper_difficulty_of_parts
from dart_stream.engine.decisions import ExitDecisions
from pipeline.bench.shift.contest import Contest, OnProgress, Terms
from pipeline.bench.shift.document import Live
from pipeline.bench.shift.play import SOURCE, as_applied, sample_of, spent
from pipeline.bench.shift.played import SAMPLE_EVERY, Played
from pipeline.bench.shift.stream import Script
from pipeline.bench.subject import Subject
from pipeline.perturb import CropKey, Crops

BATCH: Final = 50
"""Regions decided by one policy; it divides SAMPLE_EVERY."""


def play_live(
    contest: Contest,
    terms: Terms,
    subject: Subject,
    pictures: Pictures,
    seeds: int,
    on_progress: OnProgress,
) -> Live:
    """Run every method on the streams of some seeds.

    Args:
        contest: the same as on tables: its scripts and controllers.
        terms: of the contest.
        subject: the model on a device.
        pictures: that streams are drawn from.
        seeds: streams, from 0.
        on_progress: told how far it is.
    """
    what, total = "running the engine", seeds * len(terms.methods)
    summaries = {method: contest.summary(method) for method in terms.methods}
    for seed in range(seeds):
        script = contest.script(seed)
        for index, (method, summary) in enumerate(summaries.items()):
            on_progress(what, seed * len(summaries) + index, total)
            run = _LiveRun(subject, pictures, script, contest.controller(method, seed))
            summary.add(run.play(), None)
    on_progress(what, total, total)
    return Live(seeds=seeds, batch=BATCH, methods=[each.row() for each in summaries.values()])


class _LiveRun:
    """One controller on one stream."""

    def __init__(
        self, subject: Subject, pictures: Pictures, script: Script, controller: Controller
    ) -> None:
        self._subject, self._pictures, self._script = subject, pictures, script
        self._controller = controller
        self._costs: Costs = costs_of(subject.info.macs, subject.info.input_size)
        self._audited = float(self._costs.up_to_exit()[-1]) / self._costs.plain()
        n = len(script)
        self._played = Played(
            answers=np.empty(n, np.int64),
            full=np.empty(n, np.int64),
            labels=pictures.labels[script.row],
            deployed=np.empty(n),
            charged=np.empty(n),
            burst=np.zeros(n, np.bool_),
        )

    def play(self) -> Played:
        """Run the stream to its end."""
        for begin in range(0, len(self._script), BATCH):
            if begin % SAMPLE_EVERY == 0:
                self._played.samples.append(sample_of(self._controller, begin))
            self._batch(begin, min(begin + BATCH, len(self._script)))
        self._played.alarms = tuple(self._controller.alarms)
        return self._played

    def _batch(self, begin: int, end: int) -> None:
        controller, played, engine = self._controller, self._played, self._subject.engine
        policy, burst = controller.policy, controller.forces_full_depth
        q = 1.0 if burst else controller.audit_probability
        audit = self._script.coins[begin:end] < q
        images = self._pixels(begin, end)
        parts = difficulty_parts(images)
        difficulty = self._difficulty(parts)
        alpha = paper_difficulty_of_parts(parts)
        deciding = alpha if policy.difficulty_mode == "paper" else difficulty
        decisions = engine.run(images, deciding, as_applied(controller, policy), audit)
        played.full[begin:end] = engine.plain(images).argmax(1)
        spent_by_exit = np.array(
            spent(controller, policy, self._costs, self._subject.info.num_exits)
        )
        cost = spent_by_exit[decisions.exit]
        # Audited regions carry their own full-depth answer, which a burst gives out.
        served = decisions.full_label_id if burst else decisions.label_id
        played.answers[begin:end] = served
        played.burst[begin:end] = burst
        played.deployed[begin:end] = self._audited if burst else cost
        played.charged[begin:end] = np.where(audit, self._audited, cost)
        for observation in self._observations(decisions, difficulty, parts, q, begin):
            controller.update(observation)

    def _observations(
        self,
        decisions: ExitDecisions,
        difficulty: NDArray[np.float32],
        parts: NDArray[np.float32],
        q: float,
        begin: int,
    ) -> list[Observation]:
        first = decisions.exit_label_id[:, 0], decisions.exit_confidence[:, 0]
        return [
            Observation(
                SOURCE,
                int(decisions.exit[i]),
                int(decisions.label_id[i]),
                float(decisions.confidence[i]),
                float(first[1][i]),
                int(first[0][i]),
                float(difficulty[i]),
                (float(parts[i, 0]), float(parts[i, 1]), float(parts[i, 2])),
                float(self._played.charged[begin + i]),
                self._audit(decisions, i, q),
            )
            for i in range(len(decisions.exit))
        ]

    @staticmethod
    def _audit(decisions: ExitDecisions, row: int, q: float) -> Audit | None:
        if not decisions.audited[row]:
            return None
        labels = decisions.exit_label_id[row].tolist()
        return Audit(q, tuple(labels), tuple(decisions.exit_confidence[row].tolist()))

    def _difficulty(self, parts: NDArray[np.float32]) -> NDArray[np.float32]:
        tables = self._subject.tables
        if tables is None:
            return np.full(len(parts), 0.5, np.float32)
        return np.asarray(tables.score_parts(parts), np.float32)

    def _pixels(self, begin: int, end: int) -> Crops:
        script = self._script
        images = self._pictures.images[script.row[begin:end]]
        keys = [CropKey(script.seed, SOURCE, number) for number in range(begin, end)]
        for look in np.unique(script.look[begin:end]).tolist():
            rows = np.flatnonzero(script.look[begin:end] == look)
            images[rows] = script.looks[look].applied_to(images[rows], [keys[r] for r in rows])
        return images
