"""How closely costs planned on one half of the held-out pictures come true on the other half.

Thresholds are chosen for each budget on a random half, many times; what the other half then spends
is compared with what the first one spent, and with how far two random halves differ anyway.

    python tools/cost_halvings.py --model default --halvings 40 --out halvings.json
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
from dart_stream.thresholds.choice import random_halves

BUDGETS = (0.75, 0.5, 0.35, 0.25)


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
    found: dict[float, list[tuple[float, float]]] = {budget: [] for budget in BUDGETS}
    for seed in range(args.halvings):
        for budget, error in errors_of(table, seed).items():
            found[budget].append(error)
    result = {
        "command": shlex.join(["python", *sys.argv]),
        "pictures_of_a_half": len(table) // 2,
        "budgets": {f"{budget:g}": summary(errors) for budget, errors in found.items() if errors},
    }
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def errors_of(table: ExitTable, seed: int) -> dict[float, tuple[float, float]]:
    """Budget to (realised over planned cost, less 1; standard error of that by chance)."""
    halves = random_halves(len(table), seed)
    chosen_on, other = table.take(halves.selection), table.take(halves.certification)
    found = {}
    for fitted in METHODS["dart"].fit(chosen_on, chosen_on.macs, BUDGETS):
        planned = fitted.decide(chosen_on, table.macs).cost
        realised = fitted.decide(other, table.macs).cost
        chance = np.sqrt(planned.var() / len(planned) + realised.var() / len(realised))
        assert fitted.budget is not None, "asked for"
        found[fitted.budget] = (
            float(realised.mean() / planned.mean() - 1),
            float(chance / planned.mean()),
        )
    return found


def summary(errors: list[tuple[float, float]]) -> dict[str, Any]:
    """All as shares of the planned cost."""
    error, chance = np.array(errors).T
    return {
        "halvings": len(error),
        "mean": float(error.mean()),
        "standard_deviation": float(error.std(ddof=1)) if len(error) > 1 else None,
        "standard_error_by_chance": float(chance.mean()),
        "least": float(error.min()),
        "most": float(error.max()),
        "share_within_2_percent": float((np.abs(error) <= 0.02).mean()),
    }


if __name__ == "__main__":
    main()
