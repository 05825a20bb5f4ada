"""Classes of one's own, named in the configuration as `package.module:Class`."""

import importlib
from typing import Any

from pipeline.errors import ConfigError


def import_class(path: str, base: type[Any], *, key: str) -> Any:
    """Import a class and hold it to its interface.

    Args:
        path: `package.module:Class`.
        base: What it must derive from.
        key: The configuration key that named it, for messages.

    Raises:
        ConfigError: No such module or class, its import fails, or it is no `base`.
    """
    module_name, colon, class_name = path.partition(":")
    if not (module_name and colon and class_name):
        raise ConfigError(f"{key}: expected package.module:Class, got {path!r}")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever a user's module does while it is imported
        raise ConfigError(
            f"{key}: cannot import {module_name!r} ({type(error).__name__}: {error});"
            " is it installed or on PYTHONPATH?"
        ) from error
    found = getattr(module, class_name, None)
    if not (isinstance(found, type) and issubclass(found, base)):
        got = "no such name" if found is None else "something else"
        raise ConfigError(
            f"{key}: expected a class derived from {base.__module__}.{base.__name__} as"
            f" {class_name!r} in {module_name!r}, got {got}"
        )
    return found
