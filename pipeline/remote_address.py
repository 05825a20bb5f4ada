"""Addresses of hubs for readers on other hosts, and the sources that such readers bring."""

import ipaddress
import re
import socket
from typing import Final

from pipeline.config import SourceConfig
from pipeline.errors import ConfigError

REMOTE_URI: Final = "remote://"
"""Of a source whose reader comes from another host and knows the real one."""
_ADDRESS: Final = re.compile(r"tcp://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+|\*):(?P<port>\d+)")


def is_remote(source: SourceConfig) -> bool:
    """Its reader comes from another host."""
    return source.uri.strip().lower() == REMOTE_URI


def check_address(
    address: str, *, where: str, has_keys: bool, is_listened_at: bool = False
) -> None:
    """Hold an address to what is allowed.

    Args:
        address: as configured.
        where: the key or flag that it came from.
        has_keys: what travels is encrypted, and only those with a key may come.
        is_listened_at: `*` (all of this host's addresses) and port 0 (a free one) mean something.

    Raises:
        ConfigError: it is none, or others could reach it without a key.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or not int(match["port"]) < 65_536:
        raise ConfigError(f"{where}: expected tcp://HOST:PORT, got {address!r}")
    if not is_listened_at and (match["host"] == "*" or not int(match["port"])):
        raise ConfigError(
            f"{where}: expected the host and port that the run listens at, got {address}; only "
            "`listen.address` takes * and port 0"
        )
    if not has_keys and not _is_loopback(match["host"].strip("[]")):
        raise ConfigError(
            f"{where}: expected keys for {address}, because others can reach it; make some with "
            "`dart-stream keys`, or use 127.0.0.1"
        )


def lookup_trouble(address: str) -> str | None:
    """Why the name in a checked address cannot be looked up now; None if it can, or is no name.

    ZeroMQ looks names up by itself, and says nothing when it finds none.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or match["host"].startswith("["):
        return None
    try:
        # As bytes, because a label that is too long for a name would else be a UnicodeError.
        socket.getaddrinfo(match["host"].encode(), int(match["port"]), socket.AF_INET)
    except OSError as error:
        return f"the name {match['host']} cannot be looked up: {error.strerror}"
    return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
