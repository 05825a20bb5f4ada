"""One run, checked from its files to a verdict."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import torch

from pipeline.bench.host import host_facts
from pipeline.bench.shift.measures import GRACE
from pipeline.bench.subject import Subject
from pipeline.recording import RecordedRun
from pipeline.recording.segments import segment_paths
from pipeline.verify.claims import Claims, read_claims
from pipeline.verify.document import Verification
from pipeline.verify.full_depth import ask_again
from pipeline.verify.judge import Bars, judge
from pipeline.verify.run_files import RunFiles

Precision = Literal["auto", "fp32", "bf16"]

_ROUNDING: Final = {"fp32": 1e-3, "bf16": 3e-2}
"""What a probability may differ by between batches, threads and machines."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How to check.

    Attributes:
        command: that was typed.
        device: to compute on.
        precision: None takes the run's own.
        threads: of torch on a CPU.
        window: answers of a window.
    """

    command: str
    device: str
    precision: Precision | None
    threads: int
    window: int


def verify_run(run: RunFiles, asked: Asked, on_done: Callable[[int], None]) -> Verification:
    """Play a run's sources again, at full depth, and compare.

    Args:
        run: its files.
        asked: how.
        on_done: told how many regions are done.

    Raises:
        ConfigError: the model or the footage is not the run's.
        SourceError: a source cannot be read.
        ModelError: the model cannot be used.
    """
    config, answers = run.config, run.answers
    precision = asked.precision or _precision_of(run)
    subject = Subject.load(config.model.name, asked.device, precision, asked.threads)
    again = ask_again(run, subject, on_done)
    macs = subject.info.macs
    bars = Bars(
        epsilon=config.policy.max_disagreement,
        window=asked.window,
        rounding=max(_ROUNDING[subject.engine.precision], _ROUNDING.get(_precision_of(run), 0.0)),
        full_macs=sum(macs.stages) + macs.heads[-1],
        last_exit=subject.info.num_exits - 1,
    )
    claims = _claims(run)
    said = None if run.summary is None else run.summary.disagreement
    found = judge(answers, again, claims, said, list(config.sources), bars)
    return Verification(
        kept=not found.broken,
        broken=found.broken,
        promised=claims.adapted,
        run=str(run.folder),
        model=subject.info.name,
        epsilon=bars.epsilon,
        regions=len(answers),
        disagreement=float(found.differs.mean()),
        differ=int(found.differs.sum()),
        macs_fraction=float(answers.macs.mean() / bars.full_macs),
        window=bars.window,
        grace=GRACE,
        all_windows=found.all_windows,
        settled=found.settled,
        phases=found.phases,
        full_depth=found.full_depth,
        reproduced=found.reproduced,
        rounding=bars.rounding,
        estimate=found.estimate,
        snapshots=found.snapshots,
        command=asked.command,
        host=host_facts(),
        device=str(subject.engine.device),
        threads=asked.threads,
        precision=subject.engine.precision,
        torch=str(torch.__version__),
        n=len(answers),
    )


def _precision_of(run: RunFiles) -> Precision:
    """What the run's workers computed in, or what its configuration asks for."""
    workers = {} if run.summary is None else run.summary.workers
    for worker in workers.values():
        words = worker.description.split()
        if len(words) > 1 and words[1] in _ROUNDING:
            return words[1]  # type: ignore[return-value]  # one of the keys
    return run.config.model.precision


def _claims(run: RunFiles) -> Claims:
    is_recorded = bool(segment_paths(run.folder))
    always_full = frozenset(
        number for number, source in enumerate(run.config.sources.values()) if source.always_full
    )
    records = RecordedRun(run.folder).records() if is_recorded else ()
    return read_claims(records, run.answers, always_full)
