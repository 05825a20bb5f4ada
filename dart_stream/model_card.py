"""The card of a model: what it is, what was measured, and the command that made it, as Markdown.

Reference: Mitchell et al., "Model Cards for Model Reporting", 2019.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dart_stream.model_info import ModelInfo, PolicyFigures, SplitFigures

_MAX_CLASSES = 30
_NOT_STATED = "not stated"
_INTENDED_USE = (
    "Naming regions of pictures like those it was trained on, in `dart-stream run` with "
    "`--set model.name=DIRECTORY`."
)
_LIMITS = (
    "The answer to anything is one of its classes, also to pictures of something else, and often "
    "a confident one. The figures hold for pictures like those they were measured on; on footage "
    "of one's own, measure again or train a model of one's own (`dart-stream train`)."
)
_HOW_COUNTED = (
    "MACs (multiply-accumulates) count convolutions and matrix products, all heads on the way "
    "included; they are not time (`dart-stream models --times`). Intervals are Wilson's at 95 %, "
    "for the choice of pictures."
)


def model_card(
    info: ModelInfo, policy: Mapping[str, Any] | None, weights_bytes: int | None = None
) -> str:
    """Write the card from what `model.json` and `policy.json` say; the same files, the same card.

    Args:
        info: the description.
        policy: body of `policy.json`, or None if there is none.
        weights_bytes: size of the weights' file, or None to leave it out.
    """
    about = info.about
    sections = [
        f"# {_plain(info.name)}",
        about.summary or _summary(info),
        _table(("", ""), _facts(info, weights_bytes)),
        "## Intended use",
        about.intended_use or _INTENDED_USE,
        "## Data",
        f"{_plain(info.data)}.",
        about.data,
        "## Figures",
        *_figures(info),
        *_policy(info, policy),
        _HOW_COUNTED,
        *_conditions(info.figures.get("conditions")),
        "## Training",
        *_training(info),
        about.training,
        "## Limits",
        about.limits or _LIMITS,
        "## License",
        about.license or f"Of the weights: {_NOT_STATED}.",
    ]
    return "\n\n".join(section.strip() for section in sections if section) + "\n"


def _summary(info: ModelInfo) -> str:
    height, width = info.input_size
    return (
        f"A network of the family `{info.architecture.family}` with {info.num_exits} exits for "
        f"{width}x{height} pictures of {len(info.classes)} classes."
    )


def _facts(info: ModelInfo, weights_bytes: int | None) -> list[tuple[str, str]]:
    height, width = info.input_size
    config = info.architecture.config
    settings = f"with `{json.dumps(config)}`" if config else "with its defaults"
    rows = [
        ("architecture", f"`{info.architecture.family}` {settings}"),
        ("classes", f"{len(info.classes)}: {_class_names(info.classes)}"),
        ("input", f"RGB, {width} wide and {height} high, fitted by `{info.resize}`"),
        ("compute", f"{_millions(info.macs.plain())} MACs at full depth, {info.num_exits} exits"),
    ]
    if weights_bytes is not None:
        rows.append(("weights", f"{weights_bytes / 1e6:.1f} MB, kernels in half precision"))
    return rows


def _class_names(classes: Sequence[str]) -> str:
    names = ", ".join(map(_plain, classes[:_MAX_CLASSES]))
    more = len(classes) - _MAX_CLASSES
    return f"{names} and {more} more" if more > 0 else names


def _figures(info: ModelInfo) -> list[str]:
    splits = {name: info.measured(name) for name in ("test", "validation")}
    return [
        _accuracy_table(info, splits),
        *(_error_table(info, name, split) for name, split in splits.items() if split),
        *_compared_table(info),
    ]


def _accuracy_table(info: ModelInfo, splits: Mapping[str, SplitFigures | None]) -> str:
    """An exit a row: its cost, and its accuracy on each split."""
    spent, plain = info.macs.cumulative(), info.macs.plain()
    columns = [
        _exits(info),
        ("MACs", [_millions(macs) for macs in spent]),
        ("share", [f"{macs / plain:.1%}" for macs in spent]),
        *(
            (f"accuracy on `{name}`, n = {split.n:,}", _accuracies(split))
            for name, split in splits.items()
            if split is not None
        ),
    ]
    return _columns_table(columns)


def _accuracies(split: SplitFigures) -> list[str]:
    shares = [f"{share:.2%}" for share in split.accuracy]
    if not split.accuracy_ci95:
        return shares
    intervals = (f"({low:.2%} to {high:.2%})" for low, high in split.accuracy_ci95)
    return [" ".join(pair) for pair in zip(shares, intervals, strict=True)]


def _error_table(info: ModelInfo, name: str, split: SplitFigures) -> str:
    """Expected calibration error of each exit, without and with its temperature."""
    compared = (
        ("", split.ece_before, split.ece_after),
        (" of those that reach it", split.ece_survivors_before, split.ece_survivors_after),
    )
    measured = [
        (
            f"ECE on `{name}`{whose}, before -> after",
            [f"{_error(b)} -> {_error(a)}" for b, a in zip(before, after, strict=True)],
        )
        for whose, before, after in compared
        if before and after
    ]
    if not measured:
        return ""
    temperatures = ("temperature", [f"{t:.3f}" for t in info.temperatures])
    return _columns_table([_exits(info), temperatures, *measured])


def _compared_table(info: ModelInfo) -> list[str]:
    """A temperature beside no calibration and beside Platt's sigmoid."""
    compared = info.calibration
    if compared is None:
        return []
    columns = [_exits(info), ("n", [f"{each.n:,}" for each in compared.exits])]
    for name in ("none", "temperature", "platt"):
        fits = [getattr(each, name) for each in compared.exits]
        columns.append((f"{name}: NLL, ECE", [f"{fit.nll:.3f}, {fit.ece:.3f}" for fit in fits]))
    heading = f"Calibrations compared on {_plain(compared.split)}, each exit on those who reach it:"
    return [heading, _columns_table(columns)]


def _error(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _exits(info: ModelInfo) -> tuple[str, list[str]]:
    return "exit", [str(k) for k in range(info.num_exits)]


def _policy(info: ModelInfo, policy: Mapping[str, Any] | None) -> list[str]:
    """What leaving early with the model's own thresholds measured."""
    if policy is None:
        return ["It has no policy of its own: every region goes to full depth."]
    rows = [
        _policy_row(name, split.policy)
        for name in ("validation", "test")
        if (split := info.measured(name)) is not None and split.policy is not None
    ]
    if not rows:
        return []
    titles = ("split", "n", "accuracy", "MACs", "disagreement", "share of each exit")
    return [_thresholds(policy), _table(titles, rows), _certificate(policy)]


def _thresholds(policy: Mapping[str, Any]) -> str:
    thresholds = policy["chosen"].get("thresholds")
    if not isinstance(thresholds, list) or not thresholds:
        return "Leaving early with the policy of `policy.json`, chosen on `validation`:"
    values = ", ".join(f"{t:.4f}" if isinstance(t, float) else "off" for t in thresholds)
    return (
        f"Leaving early with the thresholds of `policy.json` ({values} on calibrated confidence), "
        "chosen on `validation`; disagreement is with full depth:"
    )


def _policy_row(name: str, figures: PolicyFigures) -> tuple[str, ...]:
    return (
        f"`{name}`",
        f"{figures.n:,}",
        f"{figures.accuracy:.2%}",
        f"{figures.macs_fraction:.1%}",
        f"{figures.disagreement:.2%}",
        " / ".join(f"{share:.1%}" for share in figures.exits),
    )


def _certificate(policy: Mapping[str, Any]) -> str:
    certificate = policy.get("certificate")
    if certificate is None:
        return "The thresholds carry no certificate."
    try:
        differs = certificate["disagreement"]
        return (
            f"Certificate: on {certificate['n']:,} held-out pictures that did not choose them, the "
            f"thresholds disagreed with full depth on {differs['estimate']:.2%}, at most "
            f"{differs['upper']:.2%} with {certificate['confidence']:.0%} confidence, for pictures "
            f"like {_plain(certificate['distribution'])}."
        )
    except (TypeError, KeyError, ValueError):
        return "Their certificate stands in `policy.json`."


def _conditions(conditions: object) -> list[str]:
    """The command behind the figures and what it ran on."""
    if not isinstance(conditions, dict):
        return ["How the figures were measured is not stated."]
    said = [f"{_plain(str(key))} {_plain(str(conditions[key]))}" for key in conditions]
    others = [text for key, text in zip(conditions, said, strict=True) if key != "command"]
    measured = f"Measured on: {', '.join(others)}." if others else ""
    return [measured, *_made_by(conditions.get("command"))]


def _made_by(command: object) -> list[str]:
    if not isinstance(command, str):
        return []
    one_line = " ".join(command.split())
    return ["Made and measured by", f"```\n{one_line}\n```"]


def _training(info: ModelInfo) -> list[str]:
    if not info.recipe:
        return [f"The recipe is {_NOT_STATED}."]
    settings = "\n".join(f"{key}: {json.dumps(value)}" for key, value in info.recipe.items())
    return ["The recipe, as a file for `--recipe`:", f"```yaml\n{settings}\n```"]


def _columns_table(columns: Sequence[tuple[str, list[str]]]) -> str:
    titles = [title for title, _ in columns]
    return _table(titles, zip(*(cells for _, cells in columns), strict=True))


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _millions(macs: int) -> str:
    return f"{macs / 1e6:.1f} M"


def _plain(text: str) -> str:
    r"""Text from elsewhere on one line, without what Markdown would act on; `|` becomes `\|`."""
    one_line = "".join(char if char.isprintable() else " " for char in text)
    return "".join(f"\\{char}" if char in "\\`*_[]<>|" else char for char in one_line)
