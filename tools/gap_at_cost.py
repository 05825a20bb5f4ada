"""Accuracy lost at exactly a share of MACs, or of time, read off between an evaluation's budgets.

    python tools/gap_at_cost.py EVALUATION [--method dart] [--by ms] [--share 0.5 0.25]

A budget is kept on the pictures that chose thresholds; others spend a little more or less. Between
what two budgets spent a line is drawn. Drawing lots between the two policies would lie on it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

Points = list[tuple[float, float]]


def main() -> None:
    """Read and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("evaluation", type=Path, help="folder that `evaluate` wrote")
    parser.add_argument("--method", default="dart")
    parser.add_argument("--by", choices=["macs", "ms"], default="macs", help="what is shared")
    parser.add_argument("--share", type=float, nargs="+", default=[0.75, 0.5, 0.35, 0.25])
    args = parser.parse_args()
    evaluation = json.loads((args.evaluation / "evaluation.json").read_text(encoding="utf-8"))
    curves = {"all validation pictures": of_method(evaluation, args.method, args.by)}
    if (args.method, args.by) == ("dart", "macs"):
        curves |= of_halvings(evaluation)
    for name, points in curves.items():
        read = ", ".join(f"{share:.0%} {gap_at(points, share):.2f}" for share in args.share)
        print(f"{name}: {read} points")


def of_method(evaluation: dict[str, Any], method: str, unit: str) -> Points:
    """Share of the MACs or of the time, and points lost, of each budget of that unit."""
    return [
        (row["macs_fraction"] if unit == "macs" else 1 / row["speedup"], 100 * row["exit_gap"])
        for row in evaluation["methods"]
        if row["name"] == method and row["budget"] is not None and row["chosen_by"] == unit
    ]


def of_halvings(evaluation: dict[str, Any]) -> dict[str, Points]:
    """The same of each half."""
    curves: dict[str, Points] = {}
    for row in evaluation["halvings"]["rows"]:
        points = curves.setdefault(f"half {row['seed']}", [])
        points.append((row["cost_share"], 100 * row["exit_gap"]))
    return curves


def gap_at(points: Points, share: float) -> float:
    """Points lost at a share of the MACs; not a number below the cheapest budget."""
    cost, gap = zip(*sorted(points), strict=True)
    return float(np.interp(share, cost, gap, left=np.nan))


if __name__ == "__main__":
    main()
