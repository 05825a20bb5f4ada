"""`dart-stream models`: the models that ship with the package."""

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dart_stream.model_dir import ALIASES, ModelInfo, list_zoo, read_info, resolve

HELP = "list the models that ship with the package"

COLUMNS = ("name", "exits", "classes", "input", "MMACs", "first exit", "size", "accuracy", "data")


def configure(parser: argparse.ArgumentParser) -> None:
    """`models` has no flags of its own."""
    del parser


def execute(args: argparse.Namespace) -> int:
    """Print one row per zoo model.

    Raises:
        ModelError: a model of the installation is damaged.
    """
    del args
    table = Table(*COLUMNS)
    for name in list_zoo():
        directory = resolve(name)
        table.add_row(*_row(name, directory, read_info(directory)))
    Console(soft_wrap=True).print(table)
    return 0


def _row(name: str, directory: Path, info: ModelInfo) -> list[str]:
    aliases = [alias for alias, target in ALIASES.items() if target == name]
    spent = info.macs.cumulative()
    size = sum(file.stat().st_size for file in directory.iterdir() if file.is_file())
    return [
        f"{name} ({', '.join(aliases)})" if aliases else name,
        str(info.num_exits),
        str(len(info.classes)),
        f"{info.input_size[0]}x{info.input_size[1]}",
        f"{info.macs.plain() / 1e6:.1f}",
        f"{spent[0] / info.macs.plain():.1%}",
        f"{size / 1e6:.1f} MB",
        _accuracy(info.figures),
        info.data,
    ]


def _accuracy(figures: dict[str, Any]) -> str:
    """Full-depth accuracy with its number of pictures, or a dash where none was measured."""
    for split in ("test", "validation"):
        measured = figures.get(split)
        if measured is not None:
            return f"{measured['accuracy'][-1]:.2%} ({split}, n={measured['n']})"
    return "-"
