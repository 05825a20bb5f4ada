"""What `calibrate` says at its end."""

from pathlib import Path

from rich.console import Console

from dart_stream.recalibration import Recalibrated
from dart_stream.thresholds import CostBudget, FrontierPoint, Objective
from dart_stream.thresholds.certificate import Certificate
from pipeline.cli.models_show import new_table

_SHOWN: tuple[float, ...] = (0.75, 0.5, 0.35, 0.25)


def print_choice(
    out: Path, made: Recalibrated, objective: Objective, console: Console | None = None
) -> None:
    """Print the chosen point, its certificate and a few others of the frontier."""
    console = console or Console(highlight=False)
    chosen = made.chosen
    table = new_table("frontier on the selection half", "", "MACs", "disagrees", "accuracy")
    for share in _SHOWN:
        within = [p for p in chosen.frontier if p.cost <= share * chosen.full.cost]
        if within:
            table.add_row(f"at most {share:.0%}", *_figures(within[-1], chosen.full))
    table.add_row("chosen", *_figures(chosen.point, chosen.full), style="bold")
    console.print(table)
    for line in [*_certificate_lines(made), *over_budget(made.chosen.certificate, objective)]:
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"model: {out}", markup=False, soft_wrap=True)
    console.print(
        f"next:  dart-stream run --source 0 --set model.name={out}", markup=False, soft_wrap=True
    )


def over_budget(certificate: Certificate, objective: Objective) -> list[str]:
    """Say where pictures that had no part in the search cost more than was asked; else nothing."""
    if not isinstance(objective, CostBudget) or certificate.cost_share <= objective.share:
        return []
    line = (
        f"over budget: expected at most {objective.share:.1%} of the MACs, got "
        f"{certificate.cost_share:.1%} with the cheapest of {certificate.candidates} policies; "
        "ask for a smaller share, or calibrate on pictures more alike"
    )
    return [line]


def _figures(point: FrontierPoint, full: FrontierPoint) -> tuple[str, str, str]:
    accuracy = "" if point.accuracy is None else f"{point.accuracy:.2%}"
    return f"{point.cost / full.cost:.1%}", f"{point.disagreement:.2%}", accuracy


def _certificate_lines(made: Recalibrated) -> list[str]:
    certificate = made.chosen.certificate
    differs, gap = certificate.disagreement, certificate.exit_gap
    first = (
        f"certified on the other {certificate.n:,} pictures: disagreement {differs.estimate:.2%}, "
        f"at most {differs.upper:.2%} with {certificate.confidence:.0%} confidence, "
        f"{certificate.cost_share:.1%} of the MACs"
    )
    lines = [first]
    if gap is not None:
        lines.append(
            f"accuracy lost to leaving early: {100 * gap.estimate:.2f} points "
            f"({100 * (gap.lower or 0.0):.2f} to {100 * gap.upper:.2f})"
        )
    if certificate.candidates > 1:
        lines.append(
            f"these pictures took one of {certificate.candidates} policies by its cost; bounds are "
            "for all of them"
        )
    lines.append(f"holds for pictures like these: {certificate.distribution}")
    return lines
