"""`dart-stream bench transport`: how long pictures take from process to process, by every way."""

import argparse
import json
import os
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from pipeline.cli.measuring import require_at_least
from pipeline.errors import ConfigError

_DISTURBED: Final = 0.05
HELP = "milliseconds a picture takes to another process, beside a plain memory copy"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench transport`."""
    parser.add_argument("--out", metavar="FILE.json", type=Path, required=True)
    parser.add_argument(
        "--rounds",
        metavar="N",
        type=int,
        default=9,
        help="rounds of up to 30 pictures a path, after one to warm up (default: 9)",
    )


def execute(args: argparse.Namespace) -> int:
    """Measure, print, write.

    Raises:
        UserError: A flag is wrong.
        StageError: A picture did not arrive.
    """
    from pipeline.bench.host import host_facts
    from pipeline.bench.transport.measure import measure_transport, watch_others

    require_at_least(args, {"--rounds": 1})
    if args.out.is_dir() or not os.access(args.out.parent, os.W_OK):
        raise ConfigError(f"--out: expected a file in a folder that can be written, got {args.out}")
    with watch_others() as others:
        rows = measure_transport(args.rounds, lambda shape: _say(f"{shape} ..."))
    result = {
        "command": shlex.join(["dart-stream", *sys.argv[1:]]),
        "host": host_facts(),
        "device": "cpu",
        "threads": 1,
        "precision": None,
        "torch": None,
        "pyzmq": metadata.version("pyzmq"),
        "n": args.rounds,
        "other_cpu_share": others.share,
        "rows": rows,
    }
    args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    Console().print(_table(rows))
    if others.share is not None and others.share > _DISTURBED:
        _say(
            f"other programs took {others.share:.0%} of the cores: p50 and p99 hold their turns, "
            "too; measure again when it is quiet"
        )
    _say(f"written to {args.out}")
    return 0


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("shape", "path", "p10 ms", "p50 ms", "p99 ms", "GB/s", "memcpy times", "n"):
        table.add_column(name, justify="left" if name in {"shape", "path"} else "right")
    copy_ms = {row["shape"]: row["p50_ms"] for row in rows if row["path"] == "memcpy"}
    for row in rows:
        table.add_row(
            row["shape"],
            row["path"],
            f"{row['p10_ms']:.3f}",
            f"{row['p50_ms']:.3f}",
            f"{row['p99_ms']:.3f}",
            f"{row['gb_per_s']:.3f}",
            f"{row['p50_ms'] / copy_ms[row['shape']]:.2f}",
            str(row["n"]),
        )
    return table


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # what takes a minute says where it is
