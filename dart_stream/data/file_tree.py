"""Files in a folder or in a zip, read in place."""

import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dart_stream.errors import DataError

ReadFile = Callable[[str], bytes]


@dataclass(frozen=True)
class FileTree:
    """Names of all files and folders, relative, with forward slashes, and how to read one.

    Folders end in a slash. `read` may be called from several threads; it raises OSError,
    RuntimeError, `zipfile.BadZipFile` or `zlib.error` for a file that cannot be read.
    """

    names: list[str]
    read: ReadFile


@contextmanager
def open_tree(path: Path) -> Iterator[FileTree]:
    """Open a folder or zip.

    Raises:
        DataError: neither; or a zip that is damaged or needs a password.
    """
    if path.is_dir():
        yield FileTree(sorted(_walk(path)), lambda name: (path / name).read_bytes())
        return
    if not path.is_file():
        raise DataError(f"{path}: expected a folder or a zip file with pictures, found nothing")
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        reason = str(error)[:1].lower() + str(error)[1:]
        raise DataError(f"{path}: expected a folder or a zip file: {reason}") from error
    with archive:
        if any(member.flag_bits & 1 for member in archive.infolist()):
            raise DataError(f"{path}: expected a zip file without a password; unpack it first")
        yield FileTree(sorted(archive.namelist()), archive.read)


def _walk(root: Path, inside: str = "", above: tuple[tuple[int, int], ...] = ()) -> Iterator[str]:
    """Files and folders below `root`; follows links, but not back into a folder it came through."""
    status = (root / inside).stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    with os.scandir(root / inside) as entries:
        for entry in entries:
            name = inside + entry.name
            if entry.is_dir():
                yield name + "/"
                yield from _walk(root, name + "/", (*above, here))
            # A pipe or device would block for ever; a dangling link is listed and fails when read.
            elif entry.is_file() or not (root / name).exists():
                yield name
