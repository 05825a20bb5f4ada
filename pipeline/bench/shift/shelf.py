"""Exit tables of all looks, recorded when first asked for, kept in memory and perhaps on disk."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from dart_stream.data import Pictures
from dart_stream.exit_table import ExitTable
from dart_stream.exit_table_file import read_exit_table, write_exit_table
from pipeline.bench.shift.look import Look
from pipeline.perturb import Crops

Record = Callable[[Crops, str], ExitTable]
"""(pictures, where they come from in words) -> their table."""


class Shelf:
    """Tables by look.

    Args:
        pictures: of the split, with labels.
        record: runs pictures through every exit of the model.
        seed: of the effects' chance, the same for all streams.
        folder: to keep tables in; None keeps none.
        fingerprint: of the model and how it is run: tables on disk of another are left alone.
    """

    def __init__(
        self,
        pictures: Pictures,
        record: Record,
        *,
        seed: int = 0,
        folder: Path | None = None,
        fingerprint: str = "",
    ) -> None:
        self._pictures = pictures
        self._record = record
        self._seed = seed
        self._folder = folder
        self._tables: dict[Look, ExitTable] = {}
        self._digest = hashlib.blake2b(digest_size=8)
        for part in (pictures.images.tobytes(), pictures.labels.tobytes(), fingerprint.encode()):
            self._digest.update(part)

    def table(self, look: Look) -> ExitTable:
        """The table of a look.

        Raises:
            DataError: a file in the folder is damaged.
        """
        if look not in self._tables:
            self._tables[look] = self._from_disk(look) or self._recorded(look)
        return self._tables[look]

    def _from_disk(self, look: Look) -> ExitTable | None:
        path = self._path(look)
        return read_exit_table(path) if path is not None and path.exists() else None

    def _recorded(self, look: Look) -> ExitTable:
        seen = look.applied(self._pictures.images, self._seed)
        table = self._record(seen, look.name)
        path = self._path(look)
        if path is not None:
            write_exit_table(table, path)
        return table

    def _path(self, look: Look) -> Path | None:
        if self._folder is None:
            return None
        digest = self._digest.copy()
        digest.update(f"{self._seed}/{look.name}".encode())
        # A name of many effects would be too long for a file; the digest tells them apart.
        return self._folder / f"{look.name[:80]}-{digest.hexdigest()}.safetensors"
