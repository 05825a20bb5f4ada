"""A folder for results is looked at before minutes of work, not after them."""

import tempfile
from pathlib import Path

from pipeline.errors import ConfigError


def require_new_folder(out: Path) -> None:
    """Refuse a folder that holds something, or that nobody may write.

    Raises:
        ConfigError: it is such.
    """
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise ConfigError(f"--out: expected a new or empty folder, got {out}")
        try_folder(out)
    except OSError as error:
        raise ConfigError(
            f"--out: expected a folder that can be written, got {out}: {error.strerror}"
        ) from error


def try_folder(out: Path) -> None:
    """Make a folder, write in it, and leave no trace: the work may yet be refused.

    Raises:
        OSError: it cannot be made or written.
    """
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    finally:
        _remove_empty(made)


def _remove_empty(folders: list[Path]) -> None:
    """From the innermost outwards, up to one that another program uses by now."""
    for folder in folders:
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue  # making it has failed before
        except OSError:
            return
