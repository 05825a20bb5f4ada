"""`dart-stream models`: the models that ship with the package."""

import argparse
from pathlib import Path
from typing import Any

from dart_stream.model_dir import ALIASES, list_zoo, read_info, resolve

HELP = "list the models that ship with the package"


def configure(parser: argparse.ArgumentParser) -> None:
    """`models` has no flags of its own."""
    del parser


def execute(args: argparse.Namespace) -> int:
    """Print what is known of each zoo model.

    Raises:
        ModelError: a model of the installation is damaged.
    """
    del args
    blocks = [_block(name, resolve(name)) for name in list_zoo()]
    print("\n\n".join(blocks))  # noqa: T201  # the result of the command
    return 0


def _block(name: str, directory: Path) -> str:
    info = read_info(directory)
    aliases = [alias for alias, target in ALIASES.items() if target == name]
    spent = info.macs.cumulative()
    size = sum(file.stat().st_size for file in directory.iterdir() if file.is_file())
    height, width = info.input_size
    shares = ", ".join(f"{macs / info.macs.plain():.0%}" for macs in spent[:-1])
    return "\n".join(
        [
            f"{name}" + (f" (also: {', '.join(aliases)})" if aliases else ""),
            f"  accuracy  {_accuracy(info.figures)}",
            f"  compute   {info.macs.plain() / 1e6:.1f} M multiply-accumulates at full depth",
            f"  exits     {info.num_exits}; early ones at {shares} of that",
            f"  input     {width}x{height}, {len(info.classes)} classes: {', '.join(info.classes)}",
            f"  data      {info.data}",
            f"  files     {size / 1e6:.1f} MB in {directory}",
        ]
    )


def _accuracy(figures: dict[str, Any]) -> str:
    """Full-depth accuracy with its number of pictures, or a dash where none was measured."""
    for split in ("test", "validation"):
        measured = figures.get(split)
        if measured is not None:
            return f"{measured['accuracy'][-1]:.2%} ({split}, n={measured['n']})"
    return "-"
