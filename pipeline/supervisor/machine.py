"""Where a run runs, and with which versions: figures mean little without it."""

import os
import platform
from importlib import metadata
from typing import Any

_PACKAGES = ("dart-stream", "torch", "av", "numpy", "pyzmq", "opencv-python-headless")


def host() -> dict[str, Any]:
    """This machine."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str | None]:
    """Packages that figures depend on; None for one that is not installed."""
    return {name: _version(name) for name in _PACKAGES}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
