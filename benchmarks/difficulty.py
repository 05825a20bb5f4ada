"""Time of the difficulty estimator beside that of the plain network, whose 1 % it should not pass.

Readings are interleaved: before each estimator the network runs, which is what happens in use, and
leaves neither pixels nor instructions in the caches (`us`); then the estimator runs once more,
which is its arithmetic alone (`us_warm`). Each reading is of other pictures of a random set; these
take as long as real ones, for no branch looks at a pixel.

    python benchmarks/difficulty.py --out difficulty.json

A figure of a busy machine is none: the intervals tell.
"""

import argparse
import json
import platform
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dart_stream import torch_difficulty
from dart_stream.difficulty import (
    DifficultyTables,
    difficulty_parts,
    estimator_flops,
    fit_difficulty,
    measured_by,
    paper_difficulty,
)
from dart_stream.difficulty.parts import parts_by_numpy
from dart_stream.engine import Engine, staged_model
from dart_stream.engine.timing import interleaved_ms, median_interval
from dart_stream.model_dir import load_network, read_info, resolve

Images = NDArray[np.uint8]
Row = Callable[[Images], object]

SETS = 7  # batches in turn


def estimators(tables: DifficultyTables) -> dict[str, Row]:
    """Ways to compute a difficulty, each from interleaved bytes unless it says float."""
    dart = torch_difficulty.DartDifficulty(tables)
    return {
        "parts": difficulty_parts,  # compiled, where numba is installed
        "numpy parts": parts_by_numpy,
        "paper": paper_difficulty,
        "dart": tables.score,
        "torch parts": lambda images: torch_difficulty.difficulty_parts(torch.from_numpy(images)),
        "torch dart": lambda images: dart.score(torch.from_numpy(images)),
    }


def in_turn(row: Row, batches: list[Images]) -> Callable[[], object]:
    """The row without arguments, on the next batch each time."""
    calls = iter(range(sys.maxsize))
    return lambda: row(batches[next(calls) % len(batches)])


def measure(args: argparse.Namespace) -> dict[str, object]:
    """Return the figures as they are written."""
    directory = resolve(args.model)
    info = read_info(directory)
    network = staged_model(info, load_network(directory, info))
    engine = Engine(network, device="cpu", precision=args.precision, threads=args.threads)
    generator = np.random.default_rng(0)
    shape = (SETS * args.batch, *info.input_size, 3)
    pictures = generator.integers(0, 256, shape, dtype=np.uint8)
    batches = [np.ascontiguousarray(pictures[start::SETS]) for start in range(SETS)]
    rows = estimators(fit_difficulty(pictures))
    steps = [in_turn(row, batches) for row in rows.values()]
    plain = in_turn(engine.plain, batches)
    with torch.inference_mode():
        readings = interleaved_ms(
            [function for step in steps for function in (plain, step, step)],
            repeats=args.repeats,
            device=torch.device("cpu"),
        )
    us = readings.reshape(args.repeats, len(rows), 3) * 1e3 / args.batch
    return {
        "command": shlex.join(["python", *sys.argv]),
        "host": platform.machine(),
        "device": "cpu",
        "threads": args.threads,
        "precision": engine.precision,
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "measured_by": measured_by(),
        "n": args.repeats,
        "model": args.model,
        "batch": args.batch,
        "flops": estimator_flops(*info.input_size),
        "plain_us": summary(us[:, :, 0].mean(axis=1)),
        "rows": [{"name": name} | compared(us[:, k]) for k, name in enumerate(rows)],
    }


def compared(us: NDArray[np.float64]) -> dict[str, object]:
    """An estimator beside the network: readings (repeats, 3) a picture."""
    plain, cold, warm = us.T
    return {
        "us": summary(cold),
        "us_warm": summary(warm),
        "share_of_plain": summary(cold / plain, digits=5),
        "share_of_plain_warm": summary(warm / plain, digits=5),
    }


def summary(samples: NDArray[np.float64], digits: int = 3) -> dict[str, object]:
    """Median of a reading a picture, and its 95 % interval."""
    return {
        "median": round(float(np.median(samples)), digits),
        "ci95": [round(bound, digits) for bound in median_interval(samples).tolist()],
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    body = json.dumps(measure(args), indent=2)
    print(body)
    if args.out:
        args.out.write_text(body + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
