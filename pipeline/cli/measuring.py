"""What commands have in common that run a model over labelled pictures to measure something."""

import argparse
import math
from pathlib import Path
from typing import Final

from dart_stream.errors import DataError
from pipeline.errors import ConfigError

_CHOOSING: Final = ("train", "validation")
"""Figures on what a model learned from, or was calibrated on, would look too good."""


def add_subject_flags(parser: argparse.ArgumentParser, *, split_use: str) -> None:
    """Add the flags that name a model and pictures.

    Args:
        parser: of the command.
        split_use: what the split is for, in words that follow "to".
    """
    parser.add_argument("--model", metavar="M", required=True, help="zoo name or model directory")
    parser.add_argument(
        "--data", metavar="DATA", required=True, help="labelled pictures, as `train` takes them"
    )
    parser.add_argument("--split", default="test", help=f"to {split_use} (default: test)")


def add_machine_flags(parser: argparse.ArgumentParser, *, threads: bool = True) -> None:
    """Add the flags that say how to compute, where data sets lie, and whether to show progress."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    if threads:
        parser.add_argument(
            "--threads", metavar="N", type=int, default=1, help="of torch on the CPU"
        )
    parser.add_argument(
        "--data-root", metavar="DIR", type=Path, help="where named data sets are, or are fetched to"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")


def require_at_least(args: argparse.Namespace, least: dict[str, int]) -> None:
    """Refuse numbers that are too small.

    Args:
        args: of the command.
        least: smallest value of each flag, such as {"--seeds": 1}.

    Raises:
        ConfigError: one is smaller.
    """
    for flag, low in least.items():
        value = getattr(args, flag[2:])
        if value < low:
            raise ConfigError(f"{flag}: expected {low} or more, got {value}")


def require_seconds(flag: str, value: float) -> None:
    """Refuse a stretch of time that is none, or that never ends.

    Raises:
        ConfigError: it is.
    """
    # Asked this way round, because no comparison with NaN is true.
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"{flag}: expected more than 0, got {value:g}")


def require_unseen(split: str) -> None:
    """Refuse pictures that the model or its thresholds have seen.

    Raises:
        DataError: they are such.
    """
    if split in _CHOOSING:
        raise DataError(
            "--split: expected pictures that neither train nor calibrate nor choose thresholds, "
            f"got {split!r}; use test"
        )
