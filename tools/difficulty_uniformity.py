"""Shows that d is uniform on pictures that its tables never saw, split after split.

The training pictures are divided at random, by class, into those that the tables are fitted to and
those that are held back, many times; each time a Kolmogorov-Smirnov test is made of the latter's d.
If d is uniform there, one test in twenty has p < 0.05, and the p-values are uniform themselves.

    python tools/difficulty_uniformity.py --data cifar10 --out uniformity.json
"""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
from kolmogorov_smirnov import kolmogorov_smirnov

from dart_stream.data import open_dataset
from dart_stream.data.split import stratified_split
from dart_stream.difficulty import difficulty_parts, fit_difficulty_to_parts
from dart_stream.model_dir import read_info, resolve
from pipeline.cli.model_data import load_split


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", default="default", help="whose classes, size and weights count")
    parser.add_argument("--splits", type=int, default=400)
    parser.add_argument("--held-back", type=float, default=0.1, help="share of each class")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    info = read_info(resolve(args.model))
    if info.difficulty is None:
        parser.error(f"{info.name}: expected a model with difficulty tables, it has none")
    dataset = open_dataset(args.data, Path.home() / ".cache/dart-stream/datasets")
    pictures = load_split(info, dataset, "train", lambda _done, _total: None)
    parts = difficulty_parts(pictures.images)
    tests = []
    for seed in range(args.splits):
        fitted, held_back = stratified_split(pictures.labels, args.held_back, seed)
        tables = fit_difficulty_to_parts(parts[fitted], tuple(info.difficulty["weights"]))
        tests.append(kolmogorov_smirnov(tables.score_parts(parts[held_back])))
    result = {"command": shlex.join(["python", *sys.argv]), **summary(tests)}
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def summary(tests: list[dict[str, float]]) -> dict[str, Any]:
    """How often a split looks uneven, beside how often it would by chance."""
    p = np.array([test["ks_p"] for test in tests])
    return {
        "splits": len(tests),
        "median_distance": float(np.median([test["ks_distance"] for test in tests])),
        "median_p": float(np.median(p)),
        "share_p_below": {f"{level:g}": float((p < level).mean()) for level in (0.01, 0.05, 0.1)},
        "p_values_uniform": kolmogorov_smirnov(p),
    }


if __name__ == "__main__":
    main()
