"""One run, checked from its files to a verdict."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import torch

from pipeline.bench.host import host_facts
from pipeline.bench.shift.measures import GRACE
from pipeline.bench.subject import Subject
from pipeline.one_line import one_line
from pipeline.recording import RecordedRun
from pipeline.recording.segments import TELEMETRY, segments_of
from pipeline.verify.claims import Claims, no_claims, read_claims
from pipeline.verify.document import LeftOut, Verification
from pipeline.verify.full_depth import ask_again
from pipeline.verify.judge import Bars, judge, share_of
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
    config = run.config
    precision = asked.precision or _precision_of(run)
    subject = Subject.load(config.model.name, asked.device, precision, asked.threads)
    asked_again = ask_again(run, subject, on_done)
    checked = asked_again.checked
    answers, again = run.answers.only(checked), asked_again.again.only(checked)
    macs = subject.info.macs
    all_claims, complaints = claims_of(run)
    claims = all_claims.only(checked, are_all=not run.removed)
    left_out = [*asked_again.left_out, *_removed(run)]
    limits = sorted({config.policy.max_disagreement, *claims.limits})
    bars = Bars(
        epsilon=limits[-1],
        window=asked.window,
        rounding=max(_ROUNDING[subject.engine.precision], _ROUNDING.get(_precision_of(run), 0.0)),
        full_macs=sum(macs.stages) + macs.heads[-1],
        last_exit=subject.info.num_exits - 1,
    )
    said = None if run.summary is None else run.summary.disagreement
    found = judge(answers, again, claims, said, run.names, bars)
    return Verification(
        kept=False if found.broken else None if left_out else True,
        broken=found.broken,
        promised=claims.adapted or _has_adapted(run),
        run=one_line(str(run.folder)),
        model=subject.info.name,
        epsilon=bars.epsilon,
        limits=limits,
        regions=len(answers),
        unchecked=int((~checked).sum()) + sum(run.removed.values()),
        left_out=left_out,
        judged=int(found.judged.sum()),
        late=int(answers.late.sum()),
        by_hand=int(claims.by_hand.sum()),
        disagreement=share_of(found.differs[found.judged]),
        differ=int(found.differs[found.judged].sum()),
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
        held=None if said is None or said.held is None else one_line(said.held),
        complaints=[one_line(words) for words in complaints],
        command=one_line(asked.command, len(asked.command)),
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


def _removed(run: RunFiles) -> list[LeftOut]:
    """Of parts of the results that are gone."""
    why = "the parts of the results that held them were removed (max_mb of the sink)"
    return [
        LeftOut(source=one_line(name), session=None, n=n, why=why)
        for name, n in run.removed.items()
    ]


def _has_adapted(run: RunFiles) -> bool:
    """As far as it can be told without a recording."""
    has_evidence = run.summary is not None and run.summary.disagreement is not None
    return has_evidence or bool((run.answers.audit_label_id >= 0).any())


def claims_of(run: RunFiles) -> tuple[Claims, list[str]]:
    """What a run's recording says, and what of it cannot be read, a line each."""
    if not segments_of(run.folder).paths():
        return no_claims(run.answers), [_nothing_said(run)]
    always_full = run.sessions.always_full
    recorded = RecordedRun(run.folder)
    complaints = recorded.complaints
    claims = read_claims(recorded.records(), run.answers, run.names, always_full, complaints)
    if not (recorded.bytes_read or complaints):
        complaints.append(_nothing_said(run))
    return claims, complaints


def _nothing_said(run: RunFiles) -> str:
    return f"{run.folder / TELEMETRY}: holds nothing of what audits claimed and who decided"
