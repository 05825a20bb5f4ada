"""What thresholds gain that are chosen by how likely answers are right instead of by counting them.

Chosen on a random half of a model's held-out pictures, judged on the other half, many times: `dart`
(`thresholds.within`) less the same exact search on counts, and less one shared threshold.

    python tools/expected_halvings.py --models default dartnet-tiny-cifar10 --out expected.json
"""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np

from dart_stream.exit_table import ExitTable
from dart_stream.methods import METHODS
from dart_stream.model_calibration import read_calibration
from dart_stream.model_dir import read_info, resolve
from dart_stream.thresholds import find_frontier
from dart_stream.thresholds.choice import random_halves
from dart_stream.thresholds.point import score_point
from dart_stream.thresholds.within import best_within_budgets

BUDGETS = (0.75, 0.5, 0.35, 0.25)
Gains = dict[float, dict[str, float]]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["default"])
    parser.add_argument("--halvings", type=int, default=40)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    result: dict[str, Any] = {"command": shlex.join(["python", *sys.argv]), "models": {}}
    for model in args.models:
        directory = resolve(model)
        table = read_calibration(directory, read_info(directory))
        if table is None:
            parser.error(f"{directory}: expected calibration.safetensors, found none")
        result["models"][model] = summary([gains_of(table, seed) for seed in range(args.halvings)])
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def gains_of(table: ExitTable, seed: int) -> Gains:
    """By budget, in points of accuracy on the other half, where each kept to the budget."""
    halves = random_halves(len(table), seed)
    half, other, costs = table.take(halves.selection), table.take(halves.certification), table.macs
    frontier = find_frontier(half, costs)
    shared = {fitted.budget: fitted for fitted in METHODS["shared"].fit(half, costs, BUDGETS)}
    found: Gains = {}
    for budget, point in best_within_budgets(half, costs, BUDGETS).items():
        counted = [each for each in frontier if each.cost <= budget * costs.plain()][-1]
        ours, theirs = (
            score_point(other, costs, each.thresholds, each.beta) for each in (point, counted)
        )
        assert ours.accuracy is not None
        assert theirs.accuracy is not None
        found[budget] = {
            "above_counts": 100 * (ours.accuracy - theirs.accuracy),
            "cost_above_counts": (ours.cost - theirs.cost) / costs.plain(),
        }
        if budget in shared:
            answers = shared[budget].decide(other, costs).answers
            right = float((answers == other.labels).mean())
            found[budget]["above_shared"] = 100 * (ours.accuracy - right)
    return found


def summary(halvings: list[Gains]) -> dict[str, Any]:
    """Means over the halvings of each budget, and over all of it."""
    by_budget = {
        f"{budget:g}": _means([each[budget] for each in halvings if budget in each])
        for budget in BUDGETS
    }
    return {"halvings": len(halvings), "mean": _means(list(by_budget.values()))} | by_budget


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}


if __name__ == "__main__":
    main()
