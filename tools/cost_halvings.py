"""What a budget that was planned on one half of the held-out pictures costs on the other half.

Thresholds are searched for each budget on a random half, many times. `planned` takes them as they
are; `kept` lets the other half decide how far along the frontier to go, as `calibrate` does. Beside
both stands how far the costs of two random halves differ anyway.

    python tools/cost_halvings.py --model default --halvings 40 --out halvings.json
"""

import argparse
import json
import shlex
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from dart_stream.exit_table import ExitTable
from dart_stream.model_calibration import read_calibration
from dart_stream.model_dir import read_info, resolve
from dart_stream.policies import replay
from dart_stream.thresholds import CostBudget, FrontierPoint, choose_sensitivity, find_frontier
from dart_stream.thresholds.choice import policy_of, random_halves
from dart_stream.thresholds.point import full_depth, score_point
from dart_stream.thresholds.spending import spend

BUDGETS = (0.75, 0.5, 0.35, 0.25)
WITHIN = 0.02


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="default", help="with calibration.safetensors")
    parser.add_argument("--halvings", type=int, default=40)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    directory = resolve(args.model)
    table = read_calibration(directory, read_info(directory))
    if table is None:
        parser.error(f"{directory}: expected calibration.safetensors, found none")
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for seed in range(args.halvings):
        for budget, figures in figures_of(table, seed).items():
            found[f"{budget:g}"].append(figures)
    result = {
        "command": shlex.join(["python", *sys.argv]),
        "pictures_of_a_half": len(table) // 2,
        "budgets": {budget: summary(figures) for budget, figures in found.items()},
    }
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def figures_of(table: ExitTable, seed: int) -> dict[float, dict[str, float]]:
    """By budget, all as shares of it, less 1: what was planned, and what came of it."""
    halves = random_halves(len(table), seed)
    half, other, costs = table.take(halves.selection), table.take(halves.certification), table.macs
    beta = choose_sensitivity(half, costs, "expected").beta
    frontier = find_frontier(half, costs, "expected", sorted({0.0, beta}))
    found = {}
    for share in BUDGETS:
        budget = share * costs.plain()
        point = CostBudget(share).choose(frontier, full_depth(half, costs))
        taken = spend(frontier, point, other, costs, budget)
        found[share] = {
            "frontier_ends": frontier[-1].cost / budget - 1,
            "aim": point.cost / budget - 1,
            "planned": _cost(other, point) / budget - 1,
            "kept": _cost(other, taken.point) / budget - 1,
            "chance": _chance(half, other, point) / budget,
            "candidates": taken.candidates,
        }
    return found


def _cost(table: ExitTable, point: FrontierPoint) -> float:
    return score_point(table, table.macs, point.thresholds, point.beta).cost


def _chance(half: ExitTable, other: ExitTable, point: FrontierPoint) -> float:
    """Standard error of the difference of two halves' mean costs."""
    policy = policy_of(point)
    watched = [policy.watches(k) for k in range(half.num_exits - 1)]
    up_to_exit = half.macs.paid(reads_difficulty=policy.reads_difficulty).up_to_exit(watched)
    each = [up_to_exit[replay(policy, t.probabilities, t.difficulty)] for t in (half, other)]
    return float(np.sqrt(sum(cost.var() / len(cost) for cost in each)))


def summary(figures: list[dict[str, float]]) -> dict[str, Any]:
    """Over the halvings; `reached` are those whose frontier goes as far as the budget."""
    columns = {name: np.array([each[name] for each in figures]) for name in figures[0]}
    reached = columns["frontier_ends"] > WITHIN
    return {
        "halvings": len(figures),
        "reached": int(reached.sum()),
        "candidates": float(columns["candidates"].mean()),
        "standard_error_by_chance": float(columns["chance"].mean()),
    } | {name: _spread(columns[name], reached) for name in ("aim", "planned", "kept")}


def _spread(errors: np.ndarray, reached: np.ndarray) -> dict[str, float | None]:
    return {
        "mean": float(errors.mean()),
        "standard_deviation": float(errors.std(ddof=1)) if len(errors) > 1 else None,
        "least": float(errors.min()),
        "most": float(errors.max()),
        "share_not_above_2_percent": float((errors <= WITHIN).mean()),
        "share_within_2_percent": float((np.abs(errors) <= WITHIN).mean()),
        "of_reached_within_2_percent": float((np.abs(errors[reached]) <= WITHIN).mean())
        if reached.any()
        else None,
    }


if __name__ == "__main__":
    main()
