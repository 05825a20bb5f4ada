"""Where easy and hard pictures stop, and whether difficulty tells them apart."""

from dataclasses import dataclass
from typing import Final

from dart_stream.evaluation.breakdown import DifficultyBin
from dart_stream.evaluation.document import Estimator, Evaluation
from dart_stream.evaluation.page.blocks import Column, Group, bar, figure, paragraph, section, table
from dart_stream.evaluation.page.drawing import Point, box, label, svg, told
from dart_stream.evaluation.page.scale import Scale
from dart_stream.evaluation.page.wording import NOT_MEASURED, count, percent, text

_WIDTH: Final = 960
_BARS: Final = (190, 720)
"""Left and right edge of a bar that stands for all pictures of a bin."""
_BAR: Final = 34
_LINE: Final = 58
_NAMES: Final = ("easy", "medium", "hard")
_ROOM_FOR_SHARE: Final = 34
"""Pixels that a part of a bar needs to carry its share."""


@dataclass(frozen=True, slots=True)
class _Exit:
    """What is known of one exit."""

    index: int
    accuracy: float
    macs_share: float
    auroc: float | None


def difficulty_section(evaluation: Evaluation) -> str:
    """Exits by difficulty, accuracy beside them, and facts about the estimator."""
    taken = evaluation.breakdown
    if taken is None:
        shown = paragraph("No setting was taken apart.", "lead")
    else:
        words = f"{text(taken.method)} at half the compute ({text(taken.setting)})."
        drawing = exits_by_difficulty(taken.by_difficulty)
        caption = "Share of the pictures that stop at each exit, from the first to the last."
        shown = f"{paragraph(words, 'lead')}\n{figure(drawing, caption)}"
    return section(
        "Exits by difficulty",
        shown,
        paragraph(_about(evaluation.estimator)),
        _exits_table(evaluation),
    )


def exits_by_difficulty(bins: list[DifficultyBin]) -> str:
    """Draw a bar for each range of difficulty."""
    parts = [
        _legend(next((len(each.exits) for each in bins if each.exits), 0)),
        label("right", (_BARS[1] + 78, 14), "tick", "end"),
        label("full network", (_BARS[1] + 190, 14), "tick", "end"),
        *(_bin(each, index) for index, each in enumerate(bins)),
    ]
    size = (_WIDTH, 28 + _LINE * len(bins))
    return svg(size, "share of pictures that stop at each exit, by difficulty", parts)


def _bin(each: DifficultyBin, index: int) -> str:
    top = 30 + index * _LINE
    name = f"{_NAMES[index]} " if index < len(_NAMES) else ""
    about = f"{each.lower:g} to {each.upper:g}, n = {count(each.n)}"
    middle = top + _BAR / 2 + 5
    parts = [
        label(name, (0, top + 14), "legend strong"),
        label(about, (0, top + 31), "tick"),
    ]
    if each.exits is None or each.accuracy is None or each.full_accuracy is None:
        parts.append(label("no pictures", (_BARS[0], middle), "note"))
    else:
        parts += [
            _stack(each.exits, top),
            label(percent(each.accuracy), (_BARS[1] + 78, middle), "legend strong", "end"),
            label(percent(each.full_accuracy), (_BARS[1] + 190, middle), "legend", "end"),
        ]
    return "\n".join(parts)


def _stack(exits: list[float], top: float) -> str:
    scale = Scale(0, 1, *_BARS)
    parts, before = [], 0.0
    for index, share in enumerate(exits):
        left, width = scale(before), scale(before + share) - scale(before)
        before += share
        if share == 0:
            continue
        part = _part((left, top), (width, _BAR), index, len(exits))
        parts.append(told(part, f"exit {index}: {percent(share)}"))
        if width >= _ROOM_FOR_SHARE:
            kind = "on-part deep" if _depth(index, len(exits)) > 0.55 else "on-part"
            middle = (left + width / 2, top + _BAR / 2 + 5)
            parts.append(label(percent(share, 0), middle, kind, "middle"))
    return "\n".join(parts)


def _legend(exits: int) -> str:
    step = min(78.0, (_BARS[1] - _BARS[0]) / max(exits, 1))
    parts = []
    for index in range(exits):
        left = _BARS[0] + index * step
        words = f"exit {index}" if step >= 60 else f"{index}"
        parts.append(_part((left, 4), (12, 12), index, exits))
        parts.append(label(words, (left + 18, 14), "tick"))
    return "\n".join(parts)


def _part(corner: Point, size: tuple[float, float], index: int, exits: int) -> str:
    """The deeper the exit, the stronger its colour."""
    return box(corner, size, "part", f' fill-opacity="{_depth(index, exits):.2f}"')


def _depth(index: int, exits: int) -> float:
    return (index + 1) / exits


def _about(estimator: Estimator) -> str:
    time = (
        "time not measured"
        if estimator.time_us is None
        else f"{estimator.time_us:.3g} microseconds"
    )
    return (
        f"Difficulty is computed from the pixels alone, before the network: "
        f"{count(estimator.flops)} operations a picture, {time}. AUROC below says how well it "
        "tells the pictures that an exit gets wrong from those it gets right: 0.5 is chance, "
        "1 would be perfect."
    )


def _exits_table(evaluation: Evaluation) -> str:
    auroc = evaluation.estimator.auroc_error
    rows = [
        _Exit(k, each.accuracy, each.macs_share, auroc[k] if k < len(auroc) else None)
        for k, each in enumerate(evaluation.exits)
    ]
    columns: list[Column[_Exit]] = [
        Column("exit", lambda row: f"exit {row.index}", kind="name"),
        Column("accuracy if all stop there", lambda row: _bar(row.accuracy), kind="barred"),
        Column(
            "MACs up to there, all heads on the way",
            lambda row: _bar(row.macs_share),
            kind="barred",
        ),
        Column("AUROC of difficulty", lambda row: _auroc(row.auroc), kind="barred"),
    ]
    return table(columns, [Group(rows)])


def _bar(share: float) -> str:
    return bar(percent(share), min(share, 1.0))


def _auroc(value: float | None) -> str:
    return NOT_MEASURED if value is None else bar(f"{value:.3f}", value, mark=0.5)
