"""CURVE keys of the hub and of readers on other hosts: made, kept private, loaded.

`DIR/hub` stays with the hub: its own pair, and the public key of every reader that may come.
`DIR/NAME` goes to a reader's host: its own pair, and the hub's public key.
"""

import os
import stat
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import zmq.auth
from zmq.utils import z85

from pipeline.errors import ConfigError

HUB: Final = "hub"
READERS: Final = "readers"
_OWN: Final = "reader"
_PUBLIC, _SECRET = ".key", ".key_secret"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Z85 text; the secret half never shows in a `repr`."""

    public: bytes
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HubKeys:
    """What the hub needs.

    Attributes:
        own: its pair.
        readers: folder of the public keys that it admits; looked at again for every client, so
            that one can be added or taken away while a run goes on.
    """

    own: KeyPair
    readers: Path

    @classmethod
    def load(cls, folder: Path) -> "HubKeys":
        """Read `DIR/hub`.

        Raises:
            ConfigError: a file is missing, damaged, or open to others.
        """
        own = _read_pair(folder / f"{HUB}{_SECRET}")
        readers = folder / READERS
        if not readers.is_dir():
            raise ConfigError(f"{readers}: expected a folder of readers' public keys, found none")
        return cls(own, readers)

    def admits(self, public_key: bytes) -> bool:
        """Whether this key, as Z85 text, is one of the readers'."""
        return any(_public_or_none(path) == public_key for path in self.readers.glob(f"*{_PUBLIC}"))


@dataclass(frozen=True, slots=True)
class ReaderKeys:
    """What a reader on another host needs: its pair, and which hub it speaks to."""

    own: KeyPair
    hub_public: bytes

    @classmethod
    def load(cls, folder: Path) -> "ReaderKeys":
        """Read `DIR/NAME`.

        Raises:
            ConfigError: a file is missing, damaged, or open to others.
        """
        own = _read_pair(folder / f"{_OWN}{_SECRET}")
        return cls(own, _read(folder / f"{HUB}{_PUBLIC}")[0])


def make_keys(folder: Path, names: Sequence[str]) -> list[Path]:
    """Make a pair for the hub, if there is none yet, and one for each named host.

    Args:
        folder: gets a folder for the hub and one for each name; all of it with mode 0700 and 0600.
        names: of hosts that read.

    Returns:
        The folders that were made.

    Raises:
        ConfigError: a name is taken, or the folder cannot be written.
    """
    if HUB in names:
        raise ConfigError(f"{HUB}: expected another name for a host that reads; that is the hub's")
    taken = [name for name in names if (folder / name).exists()]
    if taken:
        raise ConfigError(
            f"{folder / taken[0]}: expected a name without keys, found some; take another name, or "
            "remove that folder first"
        )
    hub = folder / HUB
    # Its folder has moved to its host, and a new key would shut that host out.
    admitted = [key for key in (_admitted(hub, name) for name in names) if key.exists()]
    if admitted:
        raise ConfigError(
            f"{admitted[0]}: expected a name without keys, found that of a host that may come; "
            "take another name, or remove that file first, which shuts the host out"
        )
    made = (
        [folder / name for name in names] if hub.exists() else [hub, *map(folder.joinpath, names)]
    )
    try:
        with _private():
            if hub in made:
                (hub / READERS).mkdir(parents=True)
                zmq.auth.create_certificates(hub, HUB)
            for name in names:
                _make_reader(folder / name, hub)
    except OSError as error:
        raise ConfigError(f"{folder}: keys cannot be written: {error.strerror}") from error
    return made


def _make_reader(own: Path, hub: Path) -> None:
    hub_public = (hub / f"{HUB}{_PUBLIC}").read_bytes()
    own.mkdir()
    zmq.auth.create_certificates(own, _OWN)
    (own / f"{HUB}{_PUBLIC}").write_bytes(hub_public)
    public = own / f"{_OWN}{_PUBLIC}"
    _admitted(hub, own.name).write_bytes(public.read_bytes())
    public.unlink()  # its place is with the hub; the secret file holds it, too


def _admitted(hub: Path, name: str) -> Path:
    return hub / READERS / f"{name}{_PUBLIC}"


@contextmanager
def _private() -> Iterator[None]:
    """New files and folders are for their owner alone, from their first moment on."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _read_pair(path: Path) -> KeyPair:
    public, secret = _read(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(
            f"{path}: expected a secret key that only its owner can read (0600), got {mode:04o}; "
            f"chmod 600 it"
        )
    if secret is None:
        raise ConfigError(f"{path}: expected a secret key, found only a public one")
    return KeyPair(public, secret)


def _read(path: Path) -> tuple[bytes, bytes | None]:
    load: Callable[[Path], tuple[bytes, bytes | None]] = zmq.auth.load_certificate
    try:
        public, secret = load(path)
    except (OSError, ValueError, LookupError):  # of a line that is cut off
        raise ConfigError(
            f"{path}: expected a key of `dart-stream keys`, found none; make some with it"
        ) from None
    for key in (public, secret):
        if key is not None and len(key) != 40:
            raise ConfigError(f"{path}: expected a key of 40 characters, got {len(key)}")
        try:
            z85.decode(key or b"")
        except (KeyError, ValueError, struct.error):
            raise ConfigError(f"{path}: expected a key in Z85, got other characters") from None
    return public, secret


def _public_or_none(path: Path) -> bytes | None:
    try:
        return _read(path)[0]
    except ConfigError:
        return None
