"""Our accuracy less each rival's, the mean over the models of several evaluations.

    python tools/rivals_over_models.py EVALUATION [EVALUATION ...]

Each is a folder that `dart-stream evaluate` wrote. Differences are means over budgets and halvings,
picture by picture. Models that are measured on the same pictures err together, so that half widths
are averaged, as if all did: for models on different pictures that is too wide.
"""

import argparse
import json
from pathlib import Path
from typing import Any


def main() -> None:
    """Read and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("evaluations", nargs="+", type=Path)
    args = parser.parse_args()
    read = [json.loads((each / "evaluation.json").read_text()) for each in args.evaluations]
    print("points of accuracy, 95 %:", ", ".join(str(each["model"]) for each in read))
    for name, (mean, half) in sorted(over_models(read).items()):
        print(f"{name:12} {mean:+.3f}  ({mean - half:+.3f} to {mean + half:+.3f})")


def over_models(evaluations: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Mean and half width of each rival that every evaluation has, in points."""
    each = [evaluation["halvings"]["over_budgets"] for evaluation in evaluations]
    found = {}
    for name in set.intersection(*(set(rivals) for rivals in each)):
        differences = [rivals[name] for rivals in each]
        mean = sum(one["mean"] for one in differences) / len(each)
        half = sum((one["ci95"][1] - one["ci95"][0]) / 2 for one in differences) / len(each)
        found[name] = (100 * mean, 100 * half)
    return found


if __name__ == "__main__":
    main()
