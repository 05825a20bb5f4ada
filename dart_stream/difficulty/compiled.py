"""Whether there is compiled code for difficulty."""

import importlib
from functools import lru_cache
from types import ModuleType


@lru_cache(maxsize=1)
def compiled_kernel() -> ModuleType | None:
    """`dart_stream.difficulty.kernel`; None without numba, or one that knows this numpy."""
    try:
        return importlib.import_module("dart_stream.difficulty.kernel")
    except ImportError:
        return None


def measured_by() -> str:
    """What bytes are measured by here, for people: "numba" or "numpy"."""
    return "numpy" if compiled_kernel() is None else "numba"
