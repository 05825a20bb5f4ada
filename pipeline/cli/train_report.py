"""What `train` says of its data before, and of its model after."""

import shlex
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich import box
from rich.table import Table

from dart_stream.calibration import MIN_PICTURES
from dart_stream.data import Pictures, contradictions, same_pictures
from dart_stream.model_dir import ALIASES, list_zoo
from dart_stream.training.finish import MIN_EXIT_SHARE, FinishedModel

_FILES_NAMED: Final = 20
_CLASSES_NAMED: Final = 12


def skipped_lines(split: str, pictures: Pictures) -> Iterator[str]:
    """The damaged files of a split by name, and why each was left out."""
    if not pictures.skipped:
        return
    yield f"damaged files in {split}, skipped: {len(pictures.skipped)}"
    for file in pictures.skipped[:_FILES_NAMED]:
        yield f"  {file.name}: {file.reason}"
    if len(pictures.skipped) > _FILES_NAMED:
        yield f"  and {len(pictures.skipped) - _FILES_NAMED} more"


def balance_lines(parts: dict[str, Pictures], weights: list[float] | None) -> Iterator[str]:
    """How many pictures of which class there are, a line a split.

    Args:
        parts: splits by name.
        weights: of each class in the loss, where they are not all 1.
    """
    for split, pictures in parts.items():
        yield f"{split}: {len(pictures):,} pictures: {_counts(pictures)}"
    if weights is not None:
        names = parts["train"].classes
        listed = _listed([f"{n} {w:.2f}" for n, w in zip(names, weights, strict=True)])
        yield f"classes of unlike size, so rare ones weigh more in the loss: {listed}"
    validation = len(parts["validation"])
    if validation < MIN_PICTURES:
        yield (
            f"validation has only {validation} pictures: temperatures and thresholds will be rough "
            f"(better: {MIN_PICTURES} or more)"
        )


def duplicate_lines(parts: dict[str, Pictures]) -> Iterator[str]:
    """Pictures that are in two splits, or in two classes."""
    train = parts["train"]
    for (name, one), (other_name, other) in combinations(parts.items(), 2):
        same = same_pictures(one, other)
        if same:
            pair = f"{other.names[same[0].other]} = {one.names[same[0].one]}"
            yield (
                f"pictures of {other_name} that are also in {name}: {len(same)}, such as {pair}; "
                f"figures on {other_name} look better than they are"
            )
    twice = contradictions(train)
    if twice:
        pair = f"{train.names[twice[0].one]} and {train.names[twice[0].other]}"
        yield f"pictures in two classes of train: {len(twice)}, such as {pair}"


def exit_table(finished: FinishedModel) -> Table:
    """Accuracy, cost and use of every exit."""
    figures, macs = _figures(finished), finished.info.macs
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("exit", "accuracy", "95 % interval", "MACs", "leave here"):
        table.add_column(heading, justify="right", no_wrap=True)
    rows = zip(
        figures["accuracy"],
        figures["accuracy_ci95"],
        macs.cumulative(),
        figures["policy"]["exits"],
        strict=True,
    )
    for index, (accuracy, (low, high), spent, share) in enumerate(rows):
        interval = f"{low:.1%} to {high:.1%}"
        cost = f"{spent / macs.plain():.1%}"
        table.add_row(str(index), f"{accuracy:.2%}", interval, cost, f"{share:.1%}")
    return table


def closing_lines(out: Path, finished: FinishedModel, skipped: int) -> Iterator[str]:
    """What stopping early gives, what was left out, and what to type next."""
    figures = _figures(finished)
    policy = figures["policy"]
    split = _split(finished)
    caution = "" if split == "test" else ", which also chose the thresholds"
    yield (
        f"measured on {figures['n']:,} pictures of {split}{caution}; stopping early: accuracy "
        f"{policy['accuracy']:.2%}, {policy['macs_fraction']:.1%} of the MACs, another answer than "
        f"full depth on {policy['disagreement']:.2%}"
    )
    for index in finished.rare_exits:
        yield f"exit {index} is taken by less than {MIN_EXIT_SHARE:.0%} of the validation pictures"
    if skipped:
        yield f"damaged files skipped: {skipped}, named above"
    yield f"model: {out}"
    yield f"next:  dart-stream run --source 0 --set {shlex.quote('model.name=' + _name(out))}"


def _split(finished: FinishedModel) -> str:
    return "test" if "test" in finished.info.figures else "validation"


def _figures(finished: FinishedModel) -> dict[str, Any]:
    figures: dict[str, Any] = finished.info.figures[_split(finished)]
    return figures


def _counts(pictures: Pictures) -> str:
    counts = np.bincount(pictures.labels, minlength=len(pictures.classes)).tolist()
    if max(counts) == min(counts):
        return f"{counts[0]:,} of each of {len(counts)} classes"
    pairs = sorted(zip(counts, pictures.classes, strict=True), reverse=True)
    return _listed([f"{name} {count:,}" for count, name in pairs])


def _listed(items: list[str]) -> str:
    if len(items) <= _CLASSES_NAMED:
        return ", ".join(items)
    half = _CLASSES_NAMED // 2
    return ", ".join([*items[:half], f"... ({len(items) - 2 * half} more)", *items[-half:]])


def _name(out: Path) -> str:
    """As `run` takes it: a zoo name would win over a folder of that name."""
    return f"./{out}" if str(out) in {*ALIASES, *list_zoo()} else str(out)
