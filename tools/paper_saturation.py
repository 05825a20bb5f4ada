"""Shows where the paper's difficulty and thresholds saturate, and where ours do not.

For pictures of a split: the mean of the authors' program's alpha and the share of its parts that
stand at their clamp; how many pictures Eq. 19 as printed can never let go (threshold lifted to 1);
and how far d of the model is from uniform (Kolmogorov-Smirnov), with its quantiles.

    python tools/paper_saturation.py --data cifar10 --model default --out saturation.json
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
from dart_stream.difficulty import DifficultyTables, paper_code_difficulty, paper_difficulty
from dart_stream.model_dir import read_info, resolve
from pipeline.cli.model_data import held_out, load_split

BETA_DIFF = 0.3  # of the paper
THRESHOLDS = (0.6, 0.7, 0.75, 0.8, 0.9)
USUAL_MEAN, USUAL_STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
"""Normalisation of CIFAR-10 in the authors' program."""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    info = read_info(resolve(args.model))
    dataset = open_dataset(args.data, Path.home() / ".cache/dart-stream/datasets")
    test = load_split(info, dataset, "test", lambda _done, _total: None).images
    validation = held_out(info, dataset, lambda _done, _total: None).pictures.images
    result = {
        "command": shlex.join(["python", *sys.argv]),
        "n_test": len(test),
        "n_validation": len(validation),
        "paper_code": described(paper_code_difficulty(test, USUAL_MEAN, USUAL_STD)),
        "paper": described(paper_difficulty(test)),
        "never_leave": {
            name: {f"{tau:g}": never(alpha, tau) for tau in THRESHOLDS}
            for name, alpha in (
                ("paper_code", paper_code_difficulty(test, USUAL_MEAN, USUAL_STD)),
                ("paper", paper_difficulty(test)),
            )
        },
    }
    if info.difficulty is not None:
        d = DifficultyTables.from_dict(info.difficulty).score(validation)
        result["dart"] = described(d) | kolmogorov_smirnov(d)
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def described(values: Any) -> dict[str, Any]:
    """Mean, spread, quantiles, and the mass at both ends."""
    return {
        "mean": round(float(values.mean()), 4),
        "std": round(float(values.std()), 4),
        "deciles": np.quantile(values, np.linspace(0.1, 0.9, 9)).round(3).tolist(),
        "share_at_0": float((values <= 0).mean()),
        "share_at_1": float((values >= 1).mean()),
    }


def never(alpha: Any, tau: float) -> float:
    """Share of the pictures whose threshold is lifted to 1: no confidence exceeds it."""
    return float((tau + BETA_DIFF * alpha >= 1).mean())


if __name__ == "__main__":
    main()
