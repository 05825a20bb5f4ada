"""`dart-stream bench pipeline`: frames per second end to end, beside what the parts cost alone."""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from pipeline.cli.measuring import require_seconds
from pipeline.clips import sample_clips
from pipeline.config_file import load_config
from pipeline.errors import ConfigError

HELP = "frames per second end to end, beside what decoding and the engine cost alone"

_CLIP: Final = "bikes.mp4"
_DISTURBED: Final = 0.05


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench pipeline`."""
    parser.add_argument("--source", metavar="FILE", help=f"a video (default: sample clip {_CLIP})")
    parser.add_argument(
        "--seconds", metavar="N", type=float, default=60.0, help="length of the measured stretch"
    )
    parser.add_argument(
        "--sources", metavar="N", type=int, help="how often it plays at once (default: cores)"
    )
    parser.add_argument("--out", metavar="FILE.json", type=Path, required=True)
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="override a setting"
    )


def execute(args: argparse.Namespace) -> int:
    """Measure, print, write.

    Raises:
        UserError: A flag, the source or a setting is wrong.
        StageError: A run failed.
    """
    from pipeline.bench.pipeline_bench import figures, measure_pipeline

    _check(args)
    uri = args.source or str(sample_clips(_say)[_CLIP])
    count = len(os.sched_getaffinity(0)) if args.sources is None else args.sources
    sources = {f"copy{number}": {"uri": uri, "loop": True} for number in range(count)}
    config = load_config(base={"sources": sources}, overrides=args.set).config
    plan, measured = measure_pipeline(config, args.seconds, _say)
    command = shlex.join(["dart-stream", *sys.argv[1:]])
    result = {"command": command, "source": Path(uri).name, **figures(plan, measured)}
    args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    Console().print(_table(result))
    _say(f"written to {args.out}")
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse before minutes of measuring what would fail after them."""
    require_seconds("--seconds", args.seconds)
    if args.sources is not None and args.sources < 1:
        raise ConfigError(f"--sources: expected 1 or more, got {args.sources}")
    if args.out.is_dir() or not os.access(args.out.parent, os.W_OK):
        raise ConfigError(f"--out: expected a file in a folder that can be written, got {args.out}")


def _table(result: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    parts = result["cpu_s_per_frame"]
    efficiency, other = result["efficiency"], result["other_cpu_share"]
    rows = [
        ("frames/s", f"{result['fps']:.1f} ({result['n']} frames, {result['sources']} sources)"),
        *((f"CPU a frame: {name}", f"{value * 1e3:.3f} ms") for name, value in parts.items()),
        ("efficiency", "not on this device" if efficiency is None else f"{efficiency:.1%}"),
        ("cores busy", f"{result['busy_share']:.1%}"),
        ("live screen", f"{result['monitor_cpu_share']:.2%} of the CPU time"),
        ("mean batch", str(result["mean_batch"])),
        ("runs on", f"{result['device']} {result['precision']}, {result['threads']} threads"),
    ]
    if other is not None:
        hint = "; disturbed, measure again when it is quiet" if other > _DISTURBED else ""
        rows.append(("other programs", f"{other:.1%} of the cores{hint}"))
    for row in rows:
        table.add_row(*row)
    return table


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # what takes minutes says where it is
