"""Training state on disk: written whole or not at all, read without running code."""

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from dart_stream.errors import ModelError


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Replace `path` in one step, so that a kill at any moment leaves the old or the new state."""
    temporary = path.with_suffix(".new")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name, too, survives a loss of power
    finally:
        os.close(folder)


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """State written by `write_checkpoint`, or None if there is none yet.

    Raises:
        ModelError: the file is not such a checkpoint.
    """
    if not path.exists():
        return None
    damaged = (
        f"{path}: expected a training checkpoint, found a damaged file; "
        "remove it to start the training anew"
    )
    if not zipfile.is_zipfile(path):  # torch would try to read it as its format of 2018
        raise ModelError(damaged)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ModelError(damaged) from error
    if not isinstance(state, dict):
        raise ModelError(damaged)
    return state
