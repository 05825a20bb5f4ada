"""The interpreter and the packages."""

import platform
import re
import sys
from collections.abc import Iterable
from importlib import metadata
from typing import Final

from pipeline.doctor.check import Check

OLDEST_PYTHON: Final = (3, 11)
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def python() -> Check:
    """Which Python this is."""
    found = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    if sys.version_info < OLDEST_PYTHON:
        return Check("python", found, "fail", "install Python 3.11 or newer")
    return Check("python", found)


def packages(requirements: Iterable[str] | None = None) -> Check:
    """Versions of what the package requires.

    Args:
        requirements: As in a package's metadata; None takes this package's own.
    """
    declared = metadata.requires("dart-stream") if requirements is None else requirements
    versions: list[str] = []
    missing: list[str] = []
    for requirement in declared or []:
        name = _required_name(requirement)
        if name is None:
            continue
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        advice = f"pip install {' '.join(missing)}"
        return Check("packages", f"missing: {', '.join(missing)}", "fail", advice)
    return Check("packages", ", ".join(versions))


def _required_name(requirement: str) -> str | None:
    """The package's name, None for one that only an extra needs."""
    match = _NAME.match(requirement)
    assert match is not None
    return None if "extra ==" in requirement else match[0]
