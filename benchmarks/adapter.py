"""Time that adaptation takes per region: everything in the hub, nothing of the network.

Two kinds of region are timed on their own: without an audit, which is nearly all of them, and with
one, as all are in a burst. `mean` is that of a whole stream at
the usual audit rate. Regions are made up, for no branch depends on what they show.

    python benchmarks/adapter.py --out adapter.json

A figure of a busy machine is none: the intervals tell.
"""

import argparse
import json
import platform
import shlex
import sys
from pathlib import Path
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

from dart_stream.adaptation import CONTROLLERS, Audit, Controller, Observation
from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable

COSTS = Costs(stages=[0.12, 0.18, 0.3, 0.38], heads=[0.01, 0.01, 0.01, 0.02], estimator=0.001)
SHARPNESS = np.array([4.5, 6.5, 8.5, 9.5])
EPSILON = 0.02


def pictures(count: int, classes: int, seed: int) -> ExitTable:
    """Answers of four exits, later ones surer, to pictures that were never painted."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    signal = (
        SHARPNESS[:, None] * rng.gamma(4, 0.25, (count, 1, 1)) * np.eye(classes)[labels][:, None]
    )
    noise = rng.normal(0, 1, (count, 1, classes)) + 0.5 * rng.normal(0, 1, (count, 4, classes))
    return ExitTable(
        logits=(signal + noise).astype(np.float32),
        temperatures=(1.0,) * 4,
        labels=labels,
        difficulty=rng.random(count).astype(np.float32),
        alpha=rng.random(count).astype(np.float32),
        parts=rng.beta(4, 12, (count, 3)).astype(np.float32),
        macs=COSTS,
        classes=tuple(f"class {index}" for index in range(classes)),
        source="made up",
    )


def observations(table: ExitTable, *, audited: bool) -> list[Observation]:
    """One region a picture, deployed at its second exit."""
    audits = [
        Audit(0.03, tuple(labels), tuple(confidences))
        for labels, confidences in zip(
            table.answers.tolist(), table.confidence.astype(float).tolist(), strict=True
        )
    ]
    parts = table.parts if table.parts is not None else np.zeros((len(table), 3))
    return [
        Observation(
            source="camera",
            exit_index=1,
            label_id=audit.label_ids[1],
            confidence=audit.confidences[1],
            first_confidence=audit.confidences[0],
            first_label_id=audit.label_ids[0],
            difficulty=difficulty,
            parts=(edges, variance, gradient),
            cost_share=0.33,
            audit=audit if audited else None,
        )
        for audit, difficulty, (edges, variance, gradient) in zip(
            audits, table.difficulty.tolist(), parts.tolist(), strict=True
        )
    ]


def us_per_region(controller: Controller, seen: list[Observation]) -> float:
    """Mean of one pass."""
    start = perf_counter_ns()
    for observation in seen:
        controller.update(observation)
    return (perf_counter_ns() - start) / 1e3 / len(seen)


def measure(args: argparse.Namespace) -> dict[str, object]:
    """Return the figures as they are written."""
    calibration = pictures(4000, args.classes, seed=0)
    plain = observations(pictures(args.regions, args.classes, seed=1), audited=False)
    audited = observations(pictures(args.regions // 10, args.classes, seed=2), audited=True)
    rng = np.random.default_rng(3)
    usual = [
        audited[int(rng.integers(0, len(audited)))] if rng.random() < 0.03 else one for one in plain
    ]
    rows = []
    for name in args.controllers:
        readings: dict[str, list[float]] = {"without audit": [], "with audit": [], "mean": []}
        for _ in range(args.repeats):
            for kind, seen in zip(readings, (plain, audited, usual), strict=True):
                controller = CONTROLLERS[name](calibration, COSTS, epsilon=EPSILON)
                readings[kind].append(us_per_region(controller, seen))
        rows.append({"name": name} | {kind: summary(np.array(us)) for kind, us in readings.items()})
    return {
        "command": shlex.join(["python", *sys.argv]),
        "host": platform.machine(),
        "device": "cpu",
        "threads": 1,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "n": args.repeats,
        "regions": args.regions,
        "classes": args.classes,
        "unit": "us per region",
        "rows": rows,
    }


def summary(samples: NDArray[np.float64]) -> dict[str, object]:
    """Median, its distribution-free 95 % interval, and the quickest pass."""
    ordered = np.sort(samples)
    n = len(ordered)
    reach = 0.98 * np.sqrt(n)  # normal approximation of the ranks around the median
    low, high = int(max(0, np.floor(n / 2 - reach))), int(min(n - 1, np.ceil(n / 2 + reach)))
    return {
        "median": round(float(np.median(ordered)), 2),
        "ci95": [round(float(ordered[low]), 2), round(float(ordered[high]), 2)],
        "least": round(float(ordered[0]), 2),
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--controllers", nargs="+", choices=sorted(CONTROLLERS), default=["dart"])
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--regions", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    body = json.dumps(measure(args), indent=2)
    print(body)
    if args.out:
        args.out.write_text(body + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
