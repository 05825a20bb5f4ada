"""What every bench file says of the machine."""

import os
import platform
from typing import Any


def host_facts() -> dict[str, Any]:
    """System, kind of processor, cores that this process may use, Python."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
    }
