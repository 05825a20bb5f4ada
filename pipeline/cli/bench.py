"""`dart-stream bench`: measurements that write a JSON file."""

import argparse
import importlib
from typing import Final

HELP = "measure this machine; writes a JSON file"

BENCHMARKS: Final = ("pipeline", "shift", "transport")
"""Each is a module `bench_NAME` beside this one with HELP, `configure(parser)` and
`execute(args)`."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the benchmarks and their flags."""
    benchmarks = parser.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")
    for name in BENCHMARKS:
        module = importlib.import_module(f"pipeline.cli.bench_{name}")
        benchmark = benchmarks.add_parser(name, help=module.HELP, description=module.HELP)
        module.configure(benchmark)
        benchmark.set_defaults(measure=module.execute)


def execute(args: argparse.Namespace) -> int:
    """Run one benchmark."""
    return int(args.measure(args))
