"""`calibration.safetensors` of a model directory: what the model answers to held-out pictures.

Adaptation needs it while the model runs; a model without it runs with the policy it came with. The
file is an exit table (`docs/exit-table.md`) whose temperatures, exits and classes are the model's.
Needs no torch.
"""

import os
from pathlib import Path
from typing import Final

import numpy as np

from dart_stream.errors import DataError, ModelError
from dart_stream.exit_table import ExitTable
from dart_stream.exit_table_file import read_exit_table, write_exit_table
from dart_stream.model_info import ModelInfo

CALIBRATION: Final = "calibration.safetensors"
MAX_PICTURES: Final = 5_000
MAX_LOGIT_BYTES: Final = 32 << 20
"""A thousand classes at four exits are 16 KB a picture."""

_SEED: Final = 0


def has_calibration(directory: Path) -> bool:
    """Whether the model came with the file."""
    return os.path.lexists(directory / CALIBRATION)


def read_calibration(directory: Path, info: ModelInfo) -> ExitTable | None:
    """Read the file; None if the model has none.

    Raises:
        ModelError: damaged, a link out of the directory, or of another model.
    """
    path = directory / CALIBRATION
    if not has_calibration(directory):
        return None
    if not path.resolve().is_relative_to(directory.resolve()):
        raise ModelError(
            f"{path}: expected a file inside the model directory, got a link out of it; "
            "copy the file itself there"
        )
    try:
        table = read_exit_table(path)
    except DataError as error:
        raise ModelError(str(error)) from error
    require_fit(table, info, path)
    return table


def write_calibration(table: ExitTable, directory: Path) -> None:
    """Write the file: at most 5,000 pictures and 32 MB of logits, drawn at random from more.

    Args:
        table: of the model under the temperatures and difficulty of its `model.json`.
        directory: of the model.
    """
    write_exit_table(_thinned(table), directory / CALIBRATION)


def require_fit(table: ExitTable, info: ModelInfo, path: Path) -> None:
    """Refuse a table of another model.

    Raises:
        ModelError: exits, classes or temperatures are not those of `model.json`.
    """
    for what, got, expected in (
        ("exits", table.num_exits, info.num_exits),
        ("classes", list(table.classes), list(info.classes)),
        ("temperatures", list(table.temperatures), list(info.temperatures)),
    ):
        if got != expected:
            raise ModelError(
                f"{path}: {what}: expected those of model.json, {_short(expected)}, "
                f"got {_short(got)}; write the file anew (tools/write_calibration.py)"
            )


def _thinned(table: ExitTable) -> ExitTable:
    count = min(MAX_PICTURES, max(1, MAX_LOGIT_BYTES // table.logits[0].nbytes))
    if len(table) <= count:
        return table
    chosen = np.random.default_rng(_SEED).choice(len(table), count, replace=False)
    return table.take(np.sort(chosen))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
