"""What `bench shift` does, from a model and pictures to the contents of its file."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dart_stream.costs import costs_of
from dart_stream.data import Pictures
from dart_stream.engine.placement import device_name
from pipeline.bench.host import host_facts
from pipeline.bench.shift.contest import Contest, OnProgress, Terms
from pipeline.bench.shift.document import ShiftDocument
from pipeline.bench.shift.live import play_live
from pipeline.bench.shift.look import looks_of
from pipeline.bench.shift.measures import GRACE, HORIZON
from pipeline.bench.shift.segments import Segment
from pipeline.bench.shift.shelf import Shelf
from pipeline.bench.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the user asked for beside the contest itself.

    Attributes:
        command: that he typed.
        model_dir: where the model is.
        schedule: as he wrote it.
        dataset: name of the data.
        split: that streams are drawn from.
        calibrated_on: what the calibration pictures are, in words.
        folder: to keep tables in; None keeps none.
        live: streams for the engine; 0 for none.
    """

    command: str
    model_dir: Path
    schedule: str
    dataset: str
    split: str
    calibrated_on: str
    folder: Path | None
    live: int


def measure_shift(  # noqa: PLR0913 - what a measurement is made of, each named by its caller
    subject: Subject,
    terms: Terms,
    asked: Asked,
    *,
    pictures: Pictures,
    calibration: Pictures,
    on_step: Callable[[str], None],
    on_progress: OnProgress,
) -> ShiftDocument:
    """Record tables, play streams, add up.

    Args:
        subject: the model on a device.
        terms: of the contest.
        asked: see there.
        pictures: that streams are drawn from.
        calibration: that controllers start from; the model never saw them.
        on_step: told in a line what begins.
        on_progress: told how far it is.

    Raises:
        DataError: a kept table is damaged, or the calibration pictures cannot serve.
    """
    shelf = Shelf(
        pictures,
        lambda images, words: subject.record(images, pictures.labels, words),
        folder=asked.folder,
        fingerprint=_fingerprint(asked.model_dir, subject),
    )
    on_step(f"running {len(calibration)} calibration pictures through every exit")
    table = subject.record(calibration.images, calibration.labels, asked.calibrated_on)
    _record_all(shelf, terms.segments, len(pictures), on_step, on_progress)
    costs = costs_of(subject.info.macs, subject.info.input_size)
    on_step("preparing controllers")
    contest = Contest(terms, shelf, pictures.labels, table, costs)
    on_step(f"{len(terms.methods)} methods on {terms.seeds} streams")
    methods = contest.play_all(on_progress)
    live = None
    if asked.live:
        on_step(f"the engine itself on {asked.live} streams")
        live = play_live(contest, terms, subject, pictures, asked.live, on_progress)
    return ShiftDocument(
        command=asked.command,
        model=subject.info.name,
        dataset=asked.dataset,
        split=asked.split,
        n=terms.segments[-1].end,
        pictures=len(pictures),
        calibrated_on=asked.calibrated_on,
        calibrated_n=len(calibration),
        schedule=asked.schedule,
        epsilon=terms.epsilon,
        delta=terms.delta,
        window=terms.window,
        grace=GRACE,
        horizon=HORIZON,
        seeds=terms.seeds,
        clean_cost=contest.clean_cost,
        classes=list(table.classes),
        segments=[_described(segment) for segment in terms.segments],
        methods=methods,
        live=live,
        device=device_name(subject.engine.device),
        precision=subject.engine.precision,
        threads=subject.threads,
        host=host_facts(),
        torch=str(torch.__version__),
    )


def _record_all(
    shelf: Shelf,
    segments: tuple[Segment, ...],
    pictures: int,
    on_step: Callable[[str], None],
    on_progress: OnProgress,
) -> None:
    looks = list(
        dict.fromkeys(look for segment in segments for stage in looks_of(segment) for look in stage)
    )
    on_step(f"{len(looks)} looks of {pictures} pictures through every exit")
    for done, look in enumerate(looks):
        on_progress("recording exit tables", done, len(looks))
        shelf.table(look)
    on_progress("recording exit tables", len(looks), len(looks))


def _described(segment: Segment) -> dict[str, Any]:
    return {
        "name": segment.name,
        "begin": segment.begin,
        "count": segment.count,
        "changes": segment.changes,
    }


def _fingerprint(directory: Path, subject: Subject) -> str:
    """Of the weights, temperatures and way of computing that tables depend on."""
    digest = hashlib.blake2b(digest_size=16)
    for name in ("model.json", "model.safetensors"):
        digest.update((directory / name).read_bytes())
    digest.update(f"{subject.engine.device} {subject.engine.precision}".encode())
    return digest.hexdigest()
