"""Time of every effect of `perturb` at each severity, on crops of a random set.

    python benchmarks/perturb.py --out perturb.json

Processor time, so that other work on the machine counts little; the effects are taken in turn.
"""

import argparse
import json
import platform
import sys
import time
from pathlib import Path

import numpy as np

from pipeline.perturb import EFFECTS, CropKey, Draw, apply_steps, region_generator

SEVERITIES = range(1, 6)


def measure(crops: int, side: int, repeats: int) -> dict[str, dict[int, float]]:
    """Median microseconds a crop, by effect and severity."""
    pictures = np.random.default_rng(0).integers(0, 256, (crops, side, side, 3), dtype=np.uint8)
    rows = [(effect, severity) for effect in EFFECTS for severity in SEVERITIES]
    readings = [[_us_per_crop(pictures, *row) for row in rows] for _ in range(repeats)]
    figures: dict[str, dict[int, float]] = {effect: {} for effect in EFFECTS}
    for (effect, severity), us in zip(rows, np.median(readings, axis=0), strict=True):
        figures[effect][severity] = round(float(us), 1)
    return figures


def _us_per_crop(pictures: np.ndarray, effect: str, severity: int) -> float:
    count = len(pictures)
    generators = [region_generator(CropKey(0, "benchmark", frame), 0) for frame in range(count)]
    draw = Draw(generators, np.ones(count, np.float32))
    started_ns = time.process_time_ns()
    apply_steps(pictures, ((effect, severity),), draw)
    return (time.process_time_ns() - started_ns) / 1e3 / count


def main() -> int:
    """Print the figures as a table and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--crops", type=int, default=200, metavar="N", help="crops a call")
    parser.add_argument("--side", type=int, default=32, metavar="PIXELS", help="of a crop")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="readings a row")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON with the figures")
    args = parser.parse_args()
    figures = measure(args.crops, args.side, args.repeats)
    print(f"{'us a crop at severity':20}" + "".join(f"{severity:9}" for severity in SEVERITIES))
    for effect, by_severity in figures.items():
        print(f"{effect:20}" + "".join(f"{us:9.1f}" for us in by_severity.values()))
    if args.out:
        host = {"machine": platform.machine(), "numpy": np.__version__}
        settings = {"crops": args.crops, "side": args.side, "repeats": args.repeats}
        report = {"settings": settings, "host": host, "us_per_crop": figures}
        args.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
